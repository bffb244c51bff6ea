"""Ways around break-glass, and what is typed wrong in a hurry, each in a real repository."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from cxgov.api import approve, break_glass, freeze, history, review_break_glass
from cxgov.cli.gate_command import answered
from cxgov.cli.main import exit_code
from cxgov.evidence.failures import CannotSay
from cxgov.evidence.signatures import Verifier
from cxgov.governance.break_glass import BREAK_GLASS, emergency_of
from cxgov.governance.statements import Binding, made
from cxgov.ledger.entries import SignedEntry
from cxgov.ledger.folder import read_ledger, write_freezing, write_signed
from tests import repos
from tests.gating import council, missing, new_key
from tests.test_break_glass import GLASS, NOW, REASON, UNTIL, Glass, _members, faults

ENTRY: Final = "metrics/frozen/ledger/000001.json"
LATER: Final = datetime(2026, 1, 3, tzinfo=UTC)
STILL: Final = ["000002.json rejects what 000001.json let through, and Metric nps is still so"]


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    Glass(folder)
    return folder


@pytest.fixture(scope="session")
def seated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seats break the glass, two persons can review, of whom one gains by the metric."""
    folder = tmp_path_factory.mktemp("seated")
    members = [*_members("ana2"), *_members("eve", like="dee")[-1:]]
    members[-1]["github"] = 3000
    glass = {**GLASS, "seats": ["finance", "insights"]}
    Glass(folder, members=members, break_glass=glass, beneficiaries={"nps": ["dee"]})
    return folder


@pytest.fixture
def home(plain: Path, tmp_path: Path) -> Glass:
    return copied(plain, tmp_path)


@pytest.fixture
def both(seated: Path, tmp_path: Path) -> Glass:
    return copied(seated, tmp_path)


def copied(made: Path, folder: Path) -> Glass:
    shutil.copytree(made, folder, dirs_exist_ok=True)
    found = Glass.__new__(Glass)
    found.folder, found.keys = folder / "repo", folder / "keys"
    found.its = repos.Repo.__new__(repos.Repo)
    found.its.folder, found.its.seconds = found.folder, repos.START + 100
    found.its_council = json.loads((found.metrics / "council_council.yaml").read_bytes())
    return found


def take_out(home: Glass) -> None:
    home.git("rm", "-q", ENTRY)
    home.commit(who="bob")


# --- who wrote, and who only signed ---


def test_who_takes_a_lapsed_entry_out_can_sign_again(home: Glass) -> None:
    home.sign("bob", until=date(2026, 1, 2))
    take_out(home)
    home.sign("bob", now=LATER)
    assert faults(home.gated(now=LATER)) == ()


def test_who_signed_and_took_it_out_has_written_nothing(home: Glass) -> None:
    home.sign("bob")
    take_out(home)
    name, data = approve(home.gated(), key=home.keys / "bob")
    home.write({f"metrics/approvals/{name}": data})
    home.commit(who="bob")
    assert missing(home.gated()) == ["1 more approval of 2"]


def test_where_another_entry_landed_first(home: Glass) -> None:
    """As the manual says it: out with it, merge, and sign anew."""
    home.sign("bob")
    home.git("checkout", "-q", "main")
    write_freezing(home.metrics / "frozen", freeze(home.metrics, "2026-Q4", now=NOW))
    home.commit()
    home.git("checkout", "-q", "proposal")
    with pytest.raises(CannotSay, match="conflicts"):
        home.gated()
    take_out(home)
    home.git("merge", "-q", "-m", "merged", "main", who="bob")
    home.sign("bob")
    found = home.gated()
    assert (answered(found), faults(found)) == (0, ())
    home.merge()
    home.reviewed(2, "dee")
    assert answered(home.gated()) == 0


def test_who_freezes_a_period_has_written(tmp_path: Path) -> None:
    """Also where the objects are there already, so that the entry is all that is new."""
    rules = [*council()["rules"], {"classes": ["freeze"], "quorum": 2}]
    home = Glass(tmp_path, rules=rules, break_glass={**GLASS, "classes": ["freeze"]})
    home.branch()
    write_freezing(home.metrics / "frozen", freeze(home.metrics, "2026-Q3", now=NOW))
    home.commit()
    home.merge()
    write_freezing(home.metrics / "frozen", freeze(home.metrics, "2026-Q4", now=NOW))
    home.commit(who="bob")
    home.sign("bob")
    assert faults(home.gated()) == ("000003.json does not stand: bob signed it, and wrote part of the proposal",)


# --- who reviews ---


def test_a_seat_whose_holders_cannot_sign_is_no_reviewer(tmp_path: Path) -> None:
    """Nobody could ever give the review that the audit waits for."""
    without = [{**row, "person": "zoe", "github": 3001, "seat": "legal"} for row in _members()[-1:]]
    home = Glass(tmp_path, members=[*_members()])
    home.its_council["members"] += [{name: value for name, value in row.items() if name != "emails"} for row in without]
    home.land(*home.everything())
    home.branch()
    home.commit(*home.everything(7))
    with pytest.raises(CannotSay, match=r"seat 'legal' cannot review it; these can: insights, support"):
        home.sign("bob", reviewer="legal")


def test_who_gains_by_it_does_not_review_it(both: Glass) -> None:
    both.sign("bob")
    both.sign("ana")
    both.merge()
    both.reviewed(1, "dee")
    assert faults(both.gated()) == (
        "000002.json does not stand: dee gains by what 000001.json let through, so the review is another's",
    )
    both.branch()
    both.reviewed(1, "eve")
    assert answered(both.gated()) == 0


def test_another_key_and_another_seat_make_nobody_another_one(home: Glass) -> None:
    home.sign("bob")
    home.merge()
    members = {row["person"]: row for row in home.its_council["members"]}
    members["bob"] |= {"seat": "support", "keys": [new_key(home.keys, "new")]}
    members["ana"] |= {"seat": "finance"}
    home.its_council["sequence"] = 2
    home.land(*home.everything(7))
    home.branch()
    made = review_break_glass(home.metrics, 1, key=home.keys / "new", outcome="upheld", comment="fine", now=NOW)
    write_signed(home.metrics / "frozen", made.entry, None)
    home.commit(who="bob")
    assert "bob signed 000001.json or wrote part" in faults(home.gated())[0]


# --- what it costs ---


def test_a_signature_that_stands_many_times_is_verified_twice(home: Glass, monkeypatch: pytest.MonkeyPatch) -> None:
    home.sign("bob")
    home.forge(lambda its: replace(its, signatures=its.signatures * 50))
    asked: list[bytes] = []
    verify = Verifier.verify

    def counted(self: Verifier, statement: bytes, signature: str) -> Any:
        asked.append(statement)
        return verify(self, statement, signature)

    monkeypatch.setattr(Verifier, "verify", counted)
    assert "bob signed it twice" in faults(home.gated())[0]
    assert len(asked) == 2


def test_a_statement_of_very_many_steps_can_be_read() -> None:
    """A source on which a thousand metrics rest has as many steps."""
    side = f"gov1:{64 * 'a'} clo1:{64 * 'b'}"
    steps = [["Metric", f"metric_{i}", side, side] for i in range(2000)]
    bound = Binding(repository="example/metrics", ref="refs/heads/main", policy="doc1:a", calendar="doc1:b")
    claims = {"transitions": steps, "trusted": "0" * 40, "reason": REASON, "until": "2026-01-08", "reviewer": "support"}
    said = made(BREAK_GLASS, "transitions", steps, bound, claims).decode()
    entry = SignedEntry(kind="BreakGlass", sequence=1, previous=None, statement=said, signatures=())
    assert len(emergency_of(entry).transitions) == 2000


# --- what was rejected ---


@pytest.fixture
def rejected(home: Glass) -> Glass:
    home.sign("bob")
    home.merge()
    home.reviewed(1, "dee", "rejected")
    home.merge()
    return home


def test_another_edit_does_not_undo_it(rejected: Glass) -> None:
    rejected.commit(*rejected.everything(7, owner="another", version="2.0.1"))
    rejected.merge()
    assert [its.message for its in rejected.audit().others] == STILL


def test_a_registry_that_is_invalid_for_a_while_undoes_nothing(rejected: Glass) -> None:
    rejected.land(*rejected.everything(7)[1:])
    rejected.land(*rejected.everything(7))
    assert [its.message for its in rejected.audit().others] == STILL


def test_what_was_undone_and_is_proposed_again_is_a_change_of_its_own(rejected: Glass) -> None:
    rejected.commit(*rejected.everything(9, version="3.0.0"))
    rejected.merge()
    rejected.commit(*rejected.everything(7, version="4.0.0"))
    rejected.merge()
    assert rejected.audit().others == ()


# --- what is shown of it ---


def test_who_broke_the_glass_has_not_approved(home: Glass) -> None:
    home.sign("bob")
    home.merge()
    assert [its.approved for its in home.audit().landed] == [()]
    [_, version] = history(home.metrics, "nps").versions
    assert (version.approved, version.let_through) == ((), ("000001.json",))


@pytest.mark.parametrize("form", ["text", "markdown", "github", "junit"])
def test_a_reason_acts_on_no_reader(home: Glass, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    home.sign("bob", reason="a\u202eb\x1b[31m\x00<script>\n::error::y ]]> @octocat")
    asked = ["--trusted", "main", "--head", "proposal", "--now", "2026-01-01T00:00:00Z", "--format", form]
    assert exit_code(["gate", "--registry", str(home.metrics), *asked]) == 0
    said = capsys.readouterr().out
    assert not {"\u202e", "\x1b", "\x00"}.intersection(said)
    assert "\n::error" not in said
    assert ("<script>" in said) == (form == "text")


# --- what is typed in a hurry ---


def test_no_signature_is_added_under_another_entry(both: Glass) -> None:
    """The one after it names its bytes."""
    both.sign("bob")
    both.sign("ana")
    both.merge()
    both.commit(*both.everything(8, version="3.0.0"))
    both.sign("bob")
    both.reviewed(1, "eve")
    with pytest.raises(CannotSay, match=r"000003\.json follows 000002\.json"):
        both.sign("ana")
    assert len(read_ledger(both.metrics / "frozen")) == 3


def test_nothing_is_signed_that_would_have_to_change_again(home: Glass) -> None:
    home.commit(*home.everything(7, version="1.0.1"))
    with pytest.raises(CannotSay, match="no signature stands for that: Metric nps needs version 2"):
        home.sign("bob")


def test_what_was_signed_is_to_be_committed(home: Glass) -> None:
    gated = home.gated()
    terms: Mapping[str, Any] = {"reason": REASON, "until": UNTIL, "reviewer": "support", "now": NOW}
    made = break_glass(home.metrics, gated, key=home.keys / "bob", **terms)
    write_signed(home.metrics / "frozen", made.entry, None)
    with pytest.raises(CannotSay, match="commit what was signed"):
        break_glass(home.metrics, gated, key=home.keys / "cy", **terms)


def test_a_review_says_what_was_found(home: Glass) -> None:
    home.sign("bob")
    with pytest.raises(CannotSay, match="says what was found"):
        review_break_glass(home.metrics, 1, key=home.keys / "dee", outcome="upheld", comment=" ", now=NOW)


def test_a_commit_alone_is_no_branch(home: Glass) -> None:
    home.sign("bob")
    main = home.git("rev-parse", "main")
    assert answered(home.judge(trusted=main, now=NOW)) == 1
    assert answered(home.judge(trusted=main, ref="refs/heads/main", now=NOW)) == 0
