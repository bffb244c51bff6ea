"""A metric's history in a real repository: its versions, who approved them, where they count and where they break."""

import json
from pathlib import Path
from typing import Any

import pytest

from cxgov.api import Refused, history, restate
from cxgov.cli.main import exit_code
from cxgov.governance.histories import Break, History, Restated
from cxgov.ledger.folder import write_freezing
from cxgov.reports.histories import as_markdown, as_text
from tests.auditing import THEN, Governed, governed, made
from tests.gating import HOME, documents, review
from tests.support import Document, registry, source
from tests.test_outputs import held

__all__ = ["governed", "made"]  # fixtures


def of(repo: Governed, metric: str = "nps", **asked: Any) -> History:
    return history(repo.metrics, metric, until="main", **asked)


def promoters(repo: Governed) -> list[Document]:
    """The registry of the third quarter, in which the metric has another id."""
    made = repo.everything(7)
    made[1] |= {"id": "promoters", "formerly": ["nps"], "version": "2.1.0"}
    made[2] |= {"metric": "promoters", "version": "2.0.0"}
    return made


def test_every_version_with_who_approved_it_and_where_it_counts(governed: Governed) -> None:
    found = of(governed)
    assert [(its.version, its.approved, its.periods) for its in found.versions] == [
        ("1.0.0", None, ()), ("2.0.0", ("ana", "bob"), ("2026-Q2", "2026-Q3")),
    ]  # fmt: skip
    [change] = found.versions[1].changes
    assert (change.change_class, change.old, change.new) == ("formula", "score >= 9", "score >= 7")
    assert found.versions[1].commit == governed.git("rev-parse", "main~2")
    assert (found.breaks, found.restated, found.since_frozen, found.formerly) == ((), (), False, ())


def test_a_break_lies_between_two_frozen_periods(governed: Governed) -> None:
    governed.commit(*governed.everything(8, version="3.0.0"))
    governed.sign("ana", "bob")
    governed.merge()
    assert of(governed).since_frozen is True
    governed.freeze("2026-Q4")
    found = of(governed)
    assert found.breaks == (Break(before="2026-Q3", after="2026-Q4"),)
    assert [its.periods for its in found.versions] == [(), ("2026-Q2", "2026-Q3"), ("2026-Q4",)]
    assert found.since_frozen is False


def test_a_restatement_counts_with_its_reason_and_mends_the_break(governed: Governed) -> None:
    governed.commit(*governed.everything(8, version="3.0.0"))
    governed.sign("ana", "bob")
    governed.merge()
    made = restate(governed.metrics, "2026-Q3", ["nps"], reason="a test was counted", now=THEN)
    write_freezing(governed.metrics / "frozen", made)
    governed.commit()
    governed.sign("ana", "bob")
    governed.merge()
    found = of(governed)
    assert found.restated == (Restated(period="2026-Q3", reading=1, entry=3, reason="a test was counted"),)
    assert found.versions[2].periods == ("2026-Q3, restatement 1",)
    assert found.breaks == (Break(before="2026-Q2", after="2026-Q3"),)


def test_a_rename_is_followed_by_either_id(governed: Governed) -> None:
    governed.commit(*promoters(governed))
    governed.sign("ana", "bob")
    governed.merge()
    for name in ("promoters", "nps"):
        found = of(governed, name)
        assert (found.id, found.formerly) == ("promoters", ("nps",))
        assert [(its.id, its.version) for its in found.versions] == [
            ("nps", "1.0.0"), ("nps", "2.0.0"), ("promoters", "2.1.0"),
        ]  # fmt: skip
        assert found.versions[2].changes[0].how == "renamed"
        assert found.breaks == ()


def test_what_it_rests_on_makes_a_version_too(governed: Governed) -> None:
    """No byte of the metric's file differs, and its number can be another one."""
    made = governed.everything(7)
    made[0] = source(
        "answers", {"id": "integer", "score": "integer", "at": "instant"}, relation="cx.other", version="2.0.0"
    )
    governed.commit(*made)
    governed.sign("bob", "dee")
    governed.merge()
    last = of(governed).versions[-1]
    assert (last.version, last.approved) == ("2.0.0", ("bob", "dee"))
    assert [(its.kind, its.change_class) for its in last.changes] == [("Source", "source")]
    assert last.clo1 != of(governed).versions[-2].clo1


def test_another_metric_makes_no_version_of_it(governed: Governed) -> None:
    before = of(governed)
    twin = {**documents(7)[1], "id": "twin", "title": "twin", "version": "1.0.0"}
    governed.commit(*governed.everything(7), twin)
    governed.merge("--ff-only")
    assert of(governed) == before
    assert len(of(governed, "twin").versions) == 1


def test_a_removed_metric_still_has_its_history(governed: Governed) -> None:
    governed.commit(documents()[0], governed.policy(), registry(**HOME))
    governed.merge("--ff-only")
    found = of(governed)
    assert [its.version for its in found.versions] == ["1.0.0", "2.0.0", None]
    assert (found.versions[-1].approved, found.since_frozen) == ((), False)
    assert "removed (was nps)" in as_text(found)


def test_reviews_of_a_forge_are_heard_where_they_are_given(governed: Governed) -> None:
    head = governed.commit(*governed.everything(8, version="3.0.0"))
    governed.merge("--squash")
    yes = json.dumps([review("ana", head), review("dee", head)]).encode()
    assert of(governed).versions[-1].approved == ()
    assert of(governed, reviews={"1.json": yes}).versions[-1].approved == ("ana", "dee")


def test_a_metric_that_never_was(governed: Governed) -> None:
    with pytest.raises(Refused, match="there was never a metric 'npss'; did you mean 'nps'"):
        of(governed, "npss")


def test_the_three_formats(governed: Governed, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    governed.git("checkout", "-q", "main")
    ask = ["history", "nps", "--registry", str(governed.metrics)]
    assert exit_code(ask) == 0
    text = capsys.readouterr().out
    commit = governed.git("rev-parse", "main~2")
    first, second = of(governed).versions
    assert text.splitlines() == [
        "nps  nps",
        "",
        f"1.0.0  {str(first.clo1)[:17]}  certified  as nps",
        f"  2026-01-01 {first.commit[:12]} by root; no policy judged it",
        "  it appeared",
        "  counts in no frozen period",
        "",
        f"2.0.0  {str(second.clo1)[:17]}  certified  as nps",
        f"  2026-01-01 {commit[:12]} by root; approved by ana, bob",
        "  formula Metric nps measure.net_share.plus: `score >= 9` -> `score >= 7`",
        "  counts in 2026-Q2; 2026-Q3",
    ]
    assert exit_code([*ask, "--format", "json"]) == 0
    data = held("history", capsys.readouterr().out)
    assert [its["version"] for its in data["versions"]] == ["1.0.0", "2.0.0"]
    assert exit_code([*ask, "--format", "markdown", "--into", str(tmp_path / "page.md")]) == 0
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| 2.0.0 |" in page
    assert "score &gt;= 7" in page


def test_a_hostile_title_acts_on_nothing(governed: Governed) -> None:
    governed.commit(*governed.everything(7, title="a|b\u202e [x](y) @ana", version="2.0.1"))
    governed.merge("--ff-only")
    assert "\u202e" not in as_text(of(governed))
    page = as_markdown(of(governed))
    assert "@ana" not in page
    assert "[x](y)" not in page
