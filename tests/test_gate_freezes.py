"""The ledger at the gate: an entry is approved for what it says, made again byte for byte, and never edited."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cxgov.api import Query, approve, freeze, restate, statements
from cxgov.cli.gate_command import answered
from cxgov.cli.main import exit_code
from cxgov.evidence.failures import CannotSay
from cxgov.governance.gate import Gated
from cxgov.language.loading import FROZEN
from cxgov.ledger.chain import Altered
from cxgov.ledger.circumstances import programs
from cxgov.ledger.folder import read_ledger, write_freezing
from tests.gating import HOME, NOW, Repo, council, documents, missing, new_key, review, why
from tests.support import Document, calendar, document, registry

BEFORE = datetime(2026, 6, 1, tzinfo=UTC)
PERIOD = "2026-Q3"


def policy(keys: Path, **fields: Any) -> Document:
    its = council(**fields)
    its["rules"] += [{"classes": ["freeze", "restatement"], "quorum": 2, "evidence": "signed"}]
    for row in its["members"]:
        row["keys"] = [new_key(keys, row["person"])] if not (keys / row["person"]).exists() else [public(keys, row)]
    return its


def public(keys: Path, row: Document) -> str:
    return (keys / f"{row['person']}.pub").read_text(encoding="ascii").strip()


class Freezing:
    """A council's repository, and a branch on which a period is frozen."""

    def __init__(self, folder: Path) -> None:
        self.keys = folder / "keys"
        self.keys.mkdir()
        self.repo = Repo(folder / "repo")
        self.folder = self.repo.folder / "metrics"
        self.commit()
        self.repo.branch()

    def documents(self, limit: int = 9, **dates: Any) -> list[Document]:
        version = "1.0.0" if not dates else "2.0.0"
        return [*documents(limit), policy(self.keys), registry(**HOME), calendar(version=version, **dates)]

    def commit(self, limit: int = 9, **dates: Any) -> str:
        return self.repo.commit(*self.documents(limit, **dates))

    def freeze(self, period: str = PERIOD, now: datetime = BEFORE) -> Path:
        target = write_freezing(self.folder / FROZEN, freeze(self.folder, period, now=now))
        self.repo.commit()
        return target

    def sign(self, *persons: str) -> None:
        gated = self.judge()
        signed = dict(approve(gated, key=self.keys / person) for person in persons)
        self.repo.write({f"metrics/approvals/{name}": data for name, data in signed.items()})
        self.repo.commit()

    def judge(self, now: datetime = BEFORE, **asked: Any) -> Gated:
        return self.repo.judge(now=now, programs=programs, **asked)

    def land(self) -> None:
        self.repo.git("checkout", "-q", "main")
        self.repo.git("merge", "-q", "--ff-only", "proposal")
        self.repo.branch()


@pytest.fixture
def home(tmp_path: Path) -> Freezing:
    return Freezing(tmp_path)


def classes(found: Gated) -> list[tuple[str, str]]:
    assert found.verdict is not None
    return [(demand.finding.change_class, demand.finding.id) for demand in found.verdict.demands]


def test_a_freeze_is_approved_by_signatures_of_what_it_says(home: Freezing) -> None:
    home.freeze()
    found = home.judge()
    assert classes(found) == [("freeze", PERIOD)]
    assert missing(found) == ["2 more approvals of 2"]
    assert answered(found) == 1
    home.sign("ana", "bob")
    assert home.judge().passed
    assert answered(home.judge()) == 0


def test_another_entry_that_lands_first_costs_no_approval(home: Freezing) -> None:
    """An approval is of the period and its digests, not of the place in the chain."""
    home.freeze("2026-Q4")
    home.sign("ana", "bob")
    signed = sorted((home.folder / "approvals").iterdir())
    kept = {f"metrics/approvals/{path.name}": path.read_bytes() for path in signed}
    home.repo.git("checkout", "-q", "-B", "other", "main")
    home.freeze("2026-Q3")
    home.repo.git("checkout", "-q", "main")
    home.repo.git("merge", "-q", "--ff-only", "other")
    home.repo.branch()
    home.freeze("2026-Q4")
    home.repo.write(kept)
    home.repo.commit()
    assert read_ledger(home.folder / FROZEN).entry(2).period.id == "2026-Q4"
    assert home.judge().passed


def test_an_approval_of_one_period_is_none_of_another(home: Freezing) -> None:
    home.freeze("2026-Q3")
    home.sign("ana", "bob")
    kept = {f"metrics/approvals/{path.name}": path.read_bytes() for path in (home.folder / "approvals").iterdir()}
    home.repo.branch()
    home.freeze("2026-Q4")
    home.repo.write(kept)
    home.repo.commit()
    found = home.judge()
    assert missing(found) == ["2 more approvals of 2"]
    assert why(found, "ana") == {"approved it together with another Freeze 2026-Q3 than the proposal has now"}


def test_what_was_frozen_must_be_what_the_merge_would_freeze(home: Freezing) -> None:
    """Main moved under the freeze: the entry cannot be made again, whoever approved it."""
    home.freeze()
    home.sign("ana", "bob")
    home.repo.git("checkout", "-q", "main")
    home.commit(8)
    home.repo.git("checkout", "-q", "proposal")
    found = home.judge()
    assert answered(found) == 5
    assert found.altered == ("metrics/frozen/ledger/000001.json",)


def forged_digest(home: Freezing, entry: Path) -> None:
    data = entry.read_bytes()
    at = data.index(b"clo1:") + 8
    entry.write_bytes(data[:at] + (b"0" if data[at : at + 1] != b"0" else b"1") + data[at + 1 :])


def another_object(home: Freezing, _entry: Path) -> None:
    (home.folder / "frozen/objects" / ("0" * 64)).write_bytes(b"{}\n")


def changed_object(home: Freezing, _entry: Path) -> None:
    path = next((home.folder / "frozen/objects").iterdir())
    path.write_bytes(path.read_bytes().replace(b"score >= 9", b"score >= 7"))


def missing_object(home: Freezing, _entry: Path) -> None:
    next((home.folder / "frozen/objects").iterdir()).unlink()


def stray_file(home: Freezing, entry: Path) -> None:
    (entry.parent.parent / "notes.txt").write_bytes(b"x")


@pytest.mark.parametrize("forge", [forged_digest, another_object, changed_object, missing_object, stray_file])
def test_a_proposed_entry_is_made_again_byte_for_byte(home: Freezing, forge: Callable[[Freezing, Path], None]) -> None:
    entry = home.freeze()
    forge(home, entry)
    home.repo.commit()
    found = home.judge()
    assert answered(found) == 5
    assert found.altered


@pytest.mark.parametrize("forge", [changed_object, missing_object, forged_digest])
def test_frozen_bytes_are_history(home: Freezing, forge: Callable[[Freezing, Path], None]) -> None:
    """Nobody can approve an edit of what the trusted side has frozen."""
    entry = home.freeze()
    home.land()
    forge(home, entry)
    home.repo.commit()
    assert answered(home.judge()) == 5


def test_a_ledger_cut_short_is_history(home: Freezing) -> None:
    home.freeze("2026-Q3")
    last = home.freeze("2026-Q4")
    home.land()
    last.unlink()
    home.repo.commit()
    found = home.judge()
    assert answered(found) == 5
    assert found.altered == ("metrics/frozen/ledger/000002.json",)


def test_a_broken_chain_is_altered(home: Freezing) -> None:
    first = home.freeze("2026-Q3")
    home.freeze("2026-Q4")
    home.land()
    first.write_bytes(first.read_bytes().replace(b'"late": false', b'"late": true'))
    home.repo.commit()
    with pytest.raises(Altered):
        home.judge()


def test_a_period_that_has_begun_meanwhile_is_frozen_late(home: Freezing) -> None:
    home.freeze()
    home.sign("ana", "bob")
    found = home.judge(now=NOW)
    assert found.verdict is not None
    assert found.verdict.faults == ("2026-Q3 has begun since it was frozen: freeze it again, as late",)
    assert answered(found) == 1
    home.repo.branch()
    home.freeze(now=NOW)
    assert classes(home.judge(now=NOW)) == [("restatement", PERIOD)]


def test_an_entry_that_says_late_is_judged_as_late(home: Freezing) -> None:
    """Whatever the clock of the gate says: the higher quorum is asked."""
    home.freeze(now=NOW)
    assert classes(home.judge(now=BEFORE)) == [("restatement", PERIOD)]


@pytest.mark.parametrize(
    ("dates", "name"),
    [
        ({"week_start": "sunday"}, "week_start"),
        ({"zone": "America/New_York"}, "zone"),
        ({"fiscal_year": {"starts": "02-01", "named_by": "start"}}, "fiscal_year"),
        ({"reporting": "month"}, "reporting"),
    ],
)
def test_a_calendar_cannot_move_over_a_frozen_period(home: Freezing, dates: dict[str, Any], name: str) -> None:
    home.commit(9, **dates)
    assert answered(home.judge()) == 1
    home.repo.branch()
    home.freeze()
    home.land()
    home.commit(9, **dates)
    found = home.judge()
    assert answered(found) == 4
    assert found.verdict is not None
    assert found.verdict.moved == (f"the calendar's {name} moves over 2026-Q3, which is frozen",)


def test_what_is_new_for_the_next_period_moves_nothing_frozen(home: Freezing) -> None:
    home.freeze()
    home.land()
    home.commit(8)
    assert answered(home.judge()) == 1
    home.repo.branch()
    home.commit(9, closes="12 days")
    assert answered(home.judge()) == 1


def test_other_versions_of_the_program_cannot_say(home: Freezing) -> None:
    home.freeze()
    with pytest.raises(CannotSay, match=r"000001\.json was made by cxgov==.*: install them"):
        home.repo.judge(now=BEFORE, programs=lambda: {"cxgov": "9.9.9", "sqlglot": "30.30.0"})


def test_a_restatement_is_made_again_and_approved(home: Freezing) -> None:
    home.freeze()
    home.land()
    home.commit(8)
    home.land()
    late = NOW + timedelta(days=100)
    made = restate(home.folder, PERIOD, ["nps"], reason="it counted tests", now=late)
    write_freezing(home.folder / FROZEN, made)
    home.repo.commit()
    assert classes(home.judge(now=late)) == [("restatement", "2026-Q3, restatement 1")]
    entry = home.folder / "frozen/ledger/000002.json"
    entry.write_bytes(entry.read_bytes().replace(b"it counted tests", b"it counted  tests"))
    home.repo.commit()
    assert answered(home.judge(now=late)) == 5


def test_a_report_shows_what_its_certificate_says(home: Freezing, capsys: pytest.CaptureFixture[str]) -> None:
    """Altered SQL on a dashboard is a fault at the gate and an error of `validate --reports`."""
    home.freeze()
    home.land()
    [certified] = statements(home.folder, Query(metrics=("nps",), period=PERIOD), dialect="duckdb")
    queries = {"tool": "tableau", "audience": "board", "queries": ["reports/board.sql"]}
    report = document("Report", "board", **queries)
    home.repo.commit(*home.documents(), report)
    home.repo.write({"metrics/reports/board.sql": certified.sql})
    home.repo.commit()
    checked = ["validate", "--reports", "--registry", str(home.folder)]
    found = home.judge()
    assert found.verdict is not None
    assert found.verdict.faults == ()
    assert exit_code(checked) == 0
    home.repo.write({"metrics/reports/board.sql": certified.sql.replace("score >= 9", "score >= 8")})
    home.repo.commit()
    [fault] = (home.judge().verdict or found.verdict).faults
    assert fault.startswith("report board: reports/board.sql:")
    assert ": altered: " in fault
    capsys.readouterr()
    assert exit_code(checked) == 1
    assert "error[CX044 certified-query] reports/board.sql:" in capsys.readouterr().out


# --- names of what was frozen ---


def named(home: Freezing, title: str, *more: Document) -> list[Document]:
    """The registry with another title of its metric, and others beside it."""
    source, nps, *rest = home.documents()
    return [source, {**nps, "title": title, "version": "1.0.1"}, *more, *rest]


def test_a_title_that_another_metric_had_in_a_frozen_period_is_a_formula(home: Freezing) -> None:
    """Whoever reads it takes the one number for the other, also a year later."""
    home.freeze()
    home.land()
    home.repo.land(*named(home, "NPS of old"))
    home.repo.branch()
    twin = {**home.documents()[1], "id": "twin", "title": "Twin"}
    home.repo.land(*named(home, "NPS of old", twin))
    home.repo.branch()
    head = home.repo.commit(*named(home, "NPS of old", {**twin, "title": "nps ", "version": "2.0.0"}))
    found = home.judge()
    assert classes(found) == [("formula", "twin")]
    assert missing(found) == ["2 more approvals of 2"]
    assert home.judge(reviews=[], now=BEFORE).passed is False
    yes = [json.dumps([review(person, head) for person in ("ana", "bob")]).encode()]
    assert home.judge(reviews=yes).passed
    # What was approved was this title, and no other one.
    home.repo.commit(*named(home, "NPS of old", {**twin, "title": "Third", "version": "2.0.0"}))
    assert not home.judge(reviews=yes).passed


def test_a_metric_may_take_back_its_own_title(home: Freezing) -> None:
    home.freeze()
    home.land()
    home.repo.land(*named(home, "NPS of old"))
    home.repo.branch()
    home.repo.commit(*named(home, home.documents()[1]["title"]))
    assert classes(home.judge()) == [("editorial", "nps")]


def test_the_id_of_a_frozen_metric_that_is_gone_comes_back_with_its_meaning_or_not_at_all(home: Freezing) -> None:
    home.freeze()
    home.land()
    source, nps, threshold, *rest = home.documents()
    home.repo.land(source, *rest)
    home.repo.branch()
    home.repo.commit(source, {**nps, "where": "score > 0"}, *rest)
    found = home.judge()
    assert found.verdict is not None
    assert found.verdict.faults == (
        "nps was frozen in 2026-Q3 with another meaning and is gone since: no id is used again, so take another one",
    )
    home.repo.commit(source, nps, threshold, *rest)
    found = home.judge()
    assert found.verdict is not None
    assert found.verdict.faults == ()
