"""How metrics end: ``cxgov deprecate`` and ``cxgov retire`` on real repositories, and what the end means to others."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from cxgov.api import Loaded, Query, Refused, compile, evaluate  # noqa: A004  # the field's word for it
from cxgov.cli.main import CANNOT_SAY, NO, OK, exit_code
from cxgov.governance.bumping import CannotWrite
from cxgov.governance.changes import Side
from cxgov.governance.ending import deprecating, retiring, uses
from cxgov.governance.transitions import Meanings, transitions
from cxgov.governance.verdict import Evidence, verdict
from cxgov.language.lifecycle import farewell, heir
from cxgov.language.model import Deprecation
from cxgov.ledger.freezing import is_frozen
from cxgov.meaning.digests import Closures, doc1, gov1, sem1
from tests.changing import BASE, Tree, base_tree, compared, edited, registry_in
from tests.repos import Repo
from tests.test_verdict import council, judged, proposal, rule

CSAT: Final = "metrics/csat.yaml"
INDEX: Final = "metrics/index.yaml"
BEFORE: Final = "2027-06-29T23:59:59Z"
AFTER: Final = "2027-06-30T00:00:00Z"
EARLY: Final = ("--now", "2027-01-01T00:00:00Z")
LAST: Final = Deprecation(successor="nps", sunset=date(2027, 6, 30), notice="Nobody acts on it.")
TODAY: Final = date(2027, 1, 1)
Said = pytest.CaptureFixture[str]


def alone() -> Tree:
    """The base registry, in which nothing is derived from csat."""
    return edited(base_tree(), INDEX, "(nps + csat) / 2", "nps * 1")


def in_status(tree: Tree, status: str, path: str = CSAT, successor: str = "nps") -> Tree:
    """A tree in which a metric ends."""
    words = f"deprecated: {{successor: {successor}, sunset: 2027-06-30, notice: Nobody acts on it.}}"
    return edited(tree, path, "status: certified", f"status: {status}\n{words}")


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed registry, and its repository as the current folder."""
    repo = Repo(tmp_path / "there")
    repo.commit({f"metrics/{path}": data for path, data in alone().items()})
    monkeypatch.chdir(repo.folder)
    return repo.folder / "metrics"


def deprecate(*more: str, metric: str = "csat", successor: str = "nps") -> int:
    said = ("--successor", successor, "--sunset", "2027-06-30", "--notice", "Nobody acts on it.")
    return exit_code(["deprecate", metric, *said, *EARLY, *more])


# --- the two commands ---


def test_a_metric_ends_step_by_step(registry: Path, capsys: Said) -> None:
    """Deprecated, retired, removed: each step is written, committed, and what the next one needs."""
    original = (registry / CSAT).read_bytes()
    assert deprecate() == OK
    assert capsys.readouterr().out == (
        "metrics/metrics/csat.yaml:8:9: Metric csat: certified -> deprecated, version 1.0.0 -> 1.1.0\n"
        "  answers with a warning, until it is retired: on 2027-06-30 or later\n"
        "  successor: nps\n"
        "  to be approved: retirement\n"
        "  nobody can approve it: no rule of the Council names the class `retirement`\n"
    )
    words = b'deprecated\ndeprecated:\n  successor: nps\n  sunset: 2027-06-30\n  notice: "Nobody acts on it."\n'
    expected = original.replace(b"version: 1.0.0", b"version: 1.1.0").replace(b"certified\n", words)
    assert (registry / CSAT).read_bytes() == expected
    assert exit_code(["validate"]) == OK
    assert exit_code(["retire", "csat", "--now", AFTER]) == CANNOT_SAY
    assert "leaves out a step from certified to retired" in capsys.readouterr().err
    Repo(registry.parent).commit({})
    assert exit_code(["retire", "csat", "--now", BEFORE]) == CANNOT_SAY
    assert "the sunset of 'csat' is 2027-06-30, and today is 2027-06-29" in capsys.readouterr().err
    assert (registry / CSAT).read_bytes() == expected
    assert exit_code(["retire", "csat", "--now", AFTER]) == OK
    assert capsys.readouterr().out.startswith(
        "metrics/metrics/csat.yaml:8:9: Metric csat: deprecated -> retired, version 1.1.0 -> 1.2.0\n"
        "  answers only for periods that were frozen before\n"
    )
    retired = expected.replace(b"1.1.0", b"1.2.0").replace(b"status: deprecated", b"status: retired")
    assert (registry / CSAT).read_bytes() == retired
    Repo(registry.parent).commit({})
    (registry / CSAT).unlink()
    assert exit_code(["diff"]) == NO
    assert "error[lifecycle]" not in capsys.readouterr().out


def test_nothing_is_written_where_it_is_only_tried(registry: Path, capsys: Said) -> None:
    before = (registry / CSAT).read_bytes()
    assert deprecate("--dry-run") == OK
    out = capsys.readouterr().out
    assert "-status: certified\n+status: deprecated\n" in out
    assert "nothing is written" in out
    assert (registry / CSAT).read_bytes() == before


def test_what_names_the_metric_is_listed_and_keeps_it_from_being_retired(registry: Path, capsys: Said) -> None:
    for path, data in base_tree().items():
        (registry / path).write_bytes(data)
    Repo(registry.parent).commit({})
    assert deprecate() == OK
    assert capsys.readouterr().out.endswith(
        "named by, and to be retired only when it is not\n"
        "  metrics/metrics/index.yaml:3:5: Metric index is derived from it\n"
    )
    Repo(registry.parent).commit({})
    before = (registry / CSAT).read_bytes()
    assert exit_code(["retire", "csat", "--now", AFTER]) == CANNOT_SAY
    assert capsys.readouterr().err == (
        "cxgov: 'csat' is still in use:\n"
        "  metrics/metrics/index.yaml:3:5: Metric index is derived from it\n"
        "    fix: Let these name its successor, or remove them first.\n"
    )
    assert (registry / CSAT).read_bytes() == before


def test_every_use_is_found() -> None:
    """What judges, narrows, is derived or leads to a metric holds it; an exclusion of past days does not."""
    tree = in_status(base_tree(), "deprecated", CSAT, "panel_nps")
    found = [(its.kind, its.id, its.holds) for its in uses(registry_in(tree), "panel_nps")]
    assert found == [
        ("Metric", "csat", True),
        ("Overlay", "dutch", True),
        ("Threshold", "panel_nps_quarter", True),
        ("Exclusion", "broken_export", False),
    ]
    assert [its.id for its in uses(registry_in(tree), "nps")] == ["index"]
    assert uses(registry_in(tree), "tone") == ()


REFUSED: Final[dict[str, tuple[list[str], str]]] = {
    "unknown": (["deprecate", "csatt", "--no-successor"], "metric 'csatt' does not exist; did you mean 'csat'?"),
    "draft": (["deprecate", "tone", "--no-successor"], "metric 'tone' is a draft, and only a certified one"),
    "itself": (["deprecate", "csat", "--successor", "csat"], "successor 'csat' is the metric itself"),
    "draft as successor": (["deprecate", "csat", "--successor", "tone"], "successor 'tone' is a draft"),
    "no such successor": (["deprecate", "csat", "--successor", "npz"], "metric 'npz' does not exist"),
    "neither": (["deprecate", "csat"], "say --no-successor"),
    "both": (["deprecate", "csat", "--successor", "nps", "--no-successor"], "say --no-successor"),
    "certified": (["retire", "csat"], "metric 'csat' is certified, and only a deprecated one can be retired"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_step_that_cannot_be_taken_is_refused_and_nothing_is_written(registry: Path, name: str, capsys: Said) -> None:
    arguments, message = REFUSED[name]
    before = {path: path.read_bytes() for path in registry.rglob("*.yaml")}
    more = ("--sunset", "2027-06-30", "--notice", "So it is.") if arguments[0] == "deprecate" else ()
    assert exit_code([*arguments, *more, *EARLY]) == CANNOT_SAY
    assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in registry.rglob("*.yaml")} == before


def test_a_sunset_leaves_time() -> None:
    side = Side(registry_in(alone()), alone())
    with pytest.raises(Refused, match="sunset 2027-06-30 is not after today, 2027-06-30"):
        deprecating(side, "csat", LAST, LAST.sunset)


LAYOUTS: Final = {
    "plain": ("status: certified", "status: deprecated\n{}"),
    "quotes and a comment": ("status: 'certified'  # since May", "status: 'deprecated'  # since May\n{}"),
    "on the next line": ("status:\n  certified", "status:\n  deprecated\n{}"),
    "quoted key": ('"status": "certified"', '"status": "deprecated"\n{}'),
}
BLOCK: Final = 'deprecated:\n  successor: nps\n  sunset: 2027-06-30\n  notice: "Nobody acts on it."'


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_comments_quotes_layout_and_ends_of_lines_stay(name: str, ending: str) -> None:
    said, wanted = LAYOUTS[name]
    before = edited(edited(alone(), CSAT, "status: certified", said), CSAT, "\n", ending)
    path, text = deprecating(Side(registry_in(before), before), "csat", LAST, TODAY)
    assert path == CSAT
    said, wanted = said.replace("\n", ending), wanted.format(BLOCK).replace("\n", ending)
    assert text == before[CSAT].decode().replace(said, wanted)
    after = before | {CSAT: text.encode()}
    _, text = retiring(Side(registry_in(after), after), "csat", LAST.sunset)
    assert re.sub("retired", "deprecated", text, count=1).encode() == after[CSAT]


def test_a_status_in_the_last_line_that_has_no_end() -> None:
    text = edited(alone(), CSAT, "status: certified\n", "")[CSAT].decode() + "status: certified"
    tree = alone() | {CSAT: text.encode()}
    _, found = deprecating(Side(registry_in(tree), tree), "csat", LAST, TODAY)
    assert found == text.replace("status: certified", f"status: deprecated\n{BLOCK}\n")


@pytest.mark.parametrize("notice", ['Say "no": # and \\ {x}', "two\nlines", "- x", "größer 😀", "\u202e", "a\u200db"])
def test_a_notice_is_kept_as_it_is(notice: str) -> None:
    """Whatever it says, it is the notice and nothing else of the document, and what hides is written as an escape."""
    tree = alone()
    last = Deprecation(successor=None, sunset=LAST.sunset, notice=notice)
    _, text = deprecating(Side(registry_in(tree), tree), "csat", last, TODAY)
    found = registry_in(tree | {CSAT: text.encode()}).metrics["csat"]
    assert found.deprecated == last


def test_what_cannot_be_written_so_is_refused() -> None:
    """A document in braces has no lines between which something could stand."""
    text = (
        "{apiVersion: cxgov/v1, kind: Metric, id: csat, version: 1.0.0, title: Satisfied, description: All., owner: cx,"
        " status: certified, source: responses, measure: {count: rows}, unit: answers, direction: neither}\n"
    )
    tree = alone()
    tree |= {CSAT: text.encode()}
    assert registry_in(tree).metrics["csat"].status == "certified"
    with pytest.raises(CannotWrite, match="the status of Metric csat cannot be replaced as it stands"):
        deprecating(Side(registry_in(tree), tree), "csat", LAST, TODAY)


# --- what the gate says ---


def faults(old: Tree, new: Tree, today: date) -> tuple[str, ...]:
    """The faults of a proposal whose versions are large enough, by a council that can approve anything."""
    its = proposal(Side(registry_in(old), old), Side(registry_in(new), new), council(rules=(rule("retirement"),)))
    return verdict(its, Evidence(), today).faults


def bumped(tree: Tree, path: str, version: str) -> Tree:
    return edited(tree, path, "version: 1.0.0", f"version: {version}")


def test_the_gate_lets_nobody_leave_out_a_step() -> None:
    """No approval heals it: removed without having been retired, retired without a notice."""
    certified, deprecated, retired = alone(), in_status(alone(), "deprecated"), in_status(alone(), "retired")
    gone = {path: data for path, data in certified.items() if path != CSAT}
    removed = "removed while it is {}, without having been retired"
    for old, new, said in (
        (certified, gone, removed.format("certified")),
        (deprecated, gone, removed.format("deprecated")),
        (retired, gone, None),
        (certified, bumped(deprecated, CSAT, "1.1.0"), None),
        (certified, bumped(retired, CSAT, "1.1.0"), "leaves out a step from certified to retired"),
        (deprecated, bumped(certified, CSAT, "2.0.0"), None),
        (retired, bumped(certified, CSAT, "2.0.0"), "leaves out a step from retired to certified"),
        (retired, bumped(deprecated, CSAT, "1.1.0"), None),
    ):
        assert faults(old, new, LAST.sunset) == ((f"Metric csat: {said}",) if said else ())


def test_the_gate_holds_a_metric_to_the_sunset_that_was_told() -> None:
    """The trusted side's day counts: one that the same change brings forward told nobody."""
    old, new = in_status(alone(), "deprecated"), bumped(in_status(alone(), "retired"), CSAT, "1.1.0")
    said = ("Metric csat: retired before its sunset, which is 2027-06-30",)
    assert faults(old, new, date(2027, 6, 29)) == said
    assert faults(old, new, date(2027, 6, 30)) == ()
    earlier = edited(new, CSAT, "2027-06-30", "2027-01-01")
    assert faults(old, earlier, date(2027, 6, 29)) == said


def test_a_fault_stands_in_a_verdict_that_everybody_approved() -> None:
    old, new = alone(), {path: data for path, data in alone().items() if path != CSAT}
    policy = council(rules=(rule("removal", quorum=0),))
    found = judged(proposal(Side(registry_in(old), old), Side(registry_in(new), new), policy))
    assert all(demand.met for demand in found.demands)
    assert not found.passed


def test_a_draft_goes_without_a_word() -> None:
    gone = {path: data for path, data in alone().items() if path != "metrics/tone.yaml"}
    assert compared(alone(), gone).faults == ()


def test_a_rename_is_no_removal() -> None:
    """Nor does it hide a step that was left out."""
    text = alone()[CSAT].decode().replace("id: csat", "id: satisfied\nformerly: [csat]")
    renamed = {path: data for path, data in alone().items() if path != CSAT} | {"metrics/satisfied.yaml": text.encode()}
    assert compared(alone(), renamed).faults == ()
    retired = in_status(renamed, "retired", "metrics/satisfied.yaml")
    [fault] = compared(alone(), retired).faults
    assert (fault.id, fault.message) == ("satisfied", "leaves out a step from certified to retired")


# --- what it means ---


def test_an_end_is_governed_and_moves_no_number() -> None:
    """sem1 and clo1 stay; gov1 and doc1 differ; approvals are of it."""
    trees = alone(), in_status(alone(), "deprecated")
    old, new = map(registry_in, trees)
    before, after = old.metrics["csat"], new.metrics["csat"]
    assert sem1(before) == sem1(after)
    assert Closures(old).clo1(before) == Closures(new).clo1(after)
    assert gov1(before) != gov1(after)
    words = registry_in(edited(in_status(alone(), "deprecated"), CSAT, "Nobody acts", "No one acts")).metrics["csat"]
    assert gov1(words) == gov1(after)
    assert doc1(words) != doc1(after)
    steps = transitions(*(Meanings(Side(registry_in(its), its)) for its in trees))
    assert [(its.kind, its.id) for its in steps] == [("Metric", "csat")]


def test_a_retired_metric_stays_governed() -> None:
    tree = in_status(alone(), "retired")
    [finding] = compared(tree, edited(tree, CSAT, "rating >= 4", "rating >= 3")).findings
    assert finding.change_class == "formula"


def asked(tree: Tree, metric: str, *, draft: bool = False) -> str:
    query = Query(metrics=(metric,), period="2026-Q2", draft=draft)
    return compile(Loaded(registry_in(tree), BASE, ()), query, dialect="duckdb").sql


def test_a_deprecated_metric_answers_as_before() -> None:
    tree = in_status(alone(), "deprecated")
    assert asked(tree, "csat") == asked(alone(), "csat")


@pytest.mark.parametrize("draft", [False, True])
def test_a_retired_metric_is_refused_with_its_heir(draft: bool) -> None:
    tree = in_status(in_status(alone(), "retired", CSAT, "index"), "retired", INDEX, "nps")
    with pytest.raises(Refused, match="metric 'csat' is retired: it answers only for periods") as found:
        asked(tree, "csat", draft=draft)
    assert found.value.fix == "Use nps."
    with pytest.raises(Refused) as found:
        asked(in_status(alone(), "retired", CSAT, "none"), "csat", draft=draft)
    assert found.value.fix == "No metric replaces it."
    loaded = Loaded(registry_in(tree), BASE, ())
    with pytest.raises(Refused, match="metric 'csat' is retired") as found:
        evaluate(loaded, ["csat"], period="2026-Q2")
    assert found.value.fix == "Use nps."


def test_what_is_certified_or_deprecated_is_frozen() -> None:
    metrics = registry_in(in_status(in_status(alone(), "deprecated"), "retired", INDEX)).metrics
    assert {its for its, metric in metrics.items() if is_frozen(metric)} == {"answer_time", "csat", "nps", "panel_nps"}


def test_the_warning_stands_on_standard_error(registry: Path, capsys: Said) -> None:
    """Beside every answer, and in no answer."""
    said = "csat is deprecated: use nps; sunset 2027-06-30\n"
    assert exit_code(["compile", "csat", "--period", "2026-Q2"]) == OK
    answer = capsys.readouterr()
    assert answer.err == ""
    assert deprecate() == OK
    capsys.readouterr()
    assert exit_code(["compile", "csat", "nps", "--period", "2026-Q2"]) == OK
    assert capsys.readouterr().err == said
    assert exit_code(["show", "csat"]) == OK
    shown = capsys.readouterr()
    assert shown.err == said
    assert "deprecated   sunset 2027-06-30, successor nps: Nobody acts on it.\n" in shown.out
    assert exit_code(["show", "csat", "--format", "json"]) == OK
    fields: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert fields["deprecated"] == {"successor": "nps", "sunset": "2027-06-30", "notice": "Nobody acts on it."}
    assert exit_code(["list"]) == OK
    assert re.search(r"^csat .* deprecated ", capsys.readouterr().out, re.MULTILINE)


def test_the_heir_is_the_one_that_stays() -> None:
    tree = in_status(in_status(alone(), "retired", CSAT, "index"), "deprecated", INDEX, "nps")
    metrics = registry_in(tree).metrics
    assert heir(metrics, metrics["csat"]) == "nps"
    assert farewell(metrics, metrics["csat"]) is None
    assert farewell(metrics, metrics["index"]) == "index is deprecated: use nps; sunset 2027-06-30"
    assert farewell(metrics, metrics["nps"]) is None
    # Of a frozen period's registry the successor is no part.
    assert heir({"index": metrics["index"]}, metrics["index"]) == "nps"
