"""Documents of kind Report: which metrics a dashboard shows, what is held, and which of them a change touches."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from cxgov.api import validate
from cxgov.cli.main import CANNOT_SAY, NO, OK, exit_code
from cxgov.cli.memory import validate_with_memory
from cxgov.governance.affected import affected
from cxgov.governance.changes import Side
from cxgov.governance.ending import uses
from cxgov.governance.transitions import Meanings, transitions
from cxgov.language.loading import load
from cxgov.language.queries import metrics_of_query
from cxgov.language.reader import MAX_BYTES
from tests.changing import Tree, base_tree, compared, edited, query, registry_in
from tests.repos import Repo
from tests.test_lifecycle import CSAT, INDEX, alone, in_status
from tests.test_outputs import held

BOARD: Final = "reports/board.yaml"
SQL: Final = "reports/board.sql"
CEO: Final = "reports/ceo.yaml"
Said = pytest.CaptureFixture[str]


def document(identity: str, *files: str) -> bytes:
    return (
        f"apiVersion: cxgov/v1\nkind: Report\nid: {identity}\nversion: 1.0.0\ntitle: The {identity} deck\nowner: bi\n"
        f"tool: tableau\naudience: board\nqueries: [{', '.join(files)}]\n"
    ).encode()


def tree(base: Tree | None = None) -> Tree:
    """A registry with two dashboards: one of nps and csat, one of the time to answer."""
    return {
        **(base or alone()),
        BOARD: document("board", SQL),
        SQL: query("nps", "csat"),
        CEO: document("ceo", "reports/more/ceo.sql"),
        "reports/more/ceo.sql": query("answer_time"),
    }


def side(files: Tree) -> Side:
    return Side(registry_in(files), files)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed registry, and its repository as the current folder."""
    repo = Repo(tmp_path / "there")
    repo.commit({f"metrics/{path}": data for path, data in tree().items()})
    monkeypatch.chdir(repo.folder)
    for path, metrics in ((SQL, ["nps", "csat"]), ("reports/more/ceo.sql", ["answer_time"])):
        assert exit_code(["compile", *metrics, "--period", "2026-Q2", "--into", f"metrics/{path}"]) == OK
    repo.commit({})
    return repo.folder / "metrics"


def rewrite(registry: Path, path: str, old: str, new: str) -> None:
    text = (registry / path).read_text(encoding="utf-8")
    assert old in text
    (registry / path).write_text(text.replace(old, new), encoding="utf-8")


# --- certificates ---


@pytest.mark.parametrize(
    ("text", "metrics"),
    [
        ('-- cxgov {"metrics": {"nps": "clo1:0", "csat": "clo1:1"}}\nselect 1', {"nps", "csat"}),
        ('select 1\r\n--cxgov   {"metrics": {"nps": "clo1:0"}}\r\n', {"nps"}),
        ('/* cxgov {"metrics": {"nps": "clo1:0"}, "x": {"y": 1}} */ select 1', {"nps"}),
        ('-- cxgov {"metrics": {"nps": 1}}\n;\n-- cxgov {"metrics": {"csat": 1}}\n', {"nps", "csat"}),
        ('-- cxgov {"query": {"where": "a *\\/ b"}, "metrics": {"nps": 1}}', {"nps"}),
        ("-- cxgov CERTIFIED: 2026-Q3 by entry 3\nselect 1", set()),
        ("select '-- cxgov'", set()),
        ('-- cxgov {"metrics": {"nps": 1}, "metrics": {"csat": 1}}', set()),
        ('-- cxgov {"metrics": ["nps"]}', set()),
        ('-- cxgov {"metrics": {"nps": 1}', set()),
        ("", set()),
    ],
)
def test_the_metrics_of_a_query_are_those_of_its_certificates(text: str, metrics: set[str]) -> None:
    """What cannot be read, or is read in two ways, names none."""
    assert metrics_of_query(text) == metrics


def test_what_the_compiler_writes_is_read(registry: Path, capsys: Said) -> None:
    assert exit_code(["compile", "nps", "index", "--period", "2026-Q2", "--into", str(registry / SQL)]) == OK
    assert metrics_of_query((registry / SQL).read_text(encoding="utf-8")) == {"nps", "index"}
    assert exit_code(["validate", "--reports"]) == OK
    capsys.readouterr()


# --- what is held ---


def test_certificates_are_asked_for_only_where_it_is_said(registry: Path, capsys: Said) -> None:
    """A dashboard that is not in order keeps nobody from asking for a number."""
    (registry / SQL).write_bytes(b"select 1\n")
    assert exit_code(["validate"]) == OK
    assert exit_code(["compile", "nps", "--period", "2026-Q2"]) == OK
    capsys.readouterr()
    assert exit_code(["validate", "--reports"]) == NO
    assert capsys.readouterr().out == (
        "metrics/reports/board.yaml:9:11: error[CX044 certified-query] reports/board.sql has no certificate\n"
        "    fix: Write the file again with `cxgov compile --into`.\n"
        "21 documents: 1 error\n"
    )
    assert validate(registry)[0] is not None
    assert validate(registry, reports=True)[0] is None


def test_a_deprecated_metric_warns_and_a_retired_one_fails(registry: Path, capsys: Said) -> None:
    (registry / CSAT).write_bytes(in_status(alone(), "deprecated")[CSAT])
    assert exit_code(["validate", "--reports"]) == OK
    assert "warning[CX105 deprecated] reports/board.sql shows 'csat', which is deprecated" in capsys.readouterr().out
    (registry / CSAT).write_bytes(in_status(alone(), "retired")[CSAT])
    assert exit_code(["validate", "--reports"]) == NO
    assert "error[CX044 certified-query] reports/board.sql shows 'csat', which is retired" in capsys.readouterr().out


@pytest.mark.parametrize("folder", ["", ".", "metrics", "a/b"])
def test_queries_are_found_from_the_registrys_folder(folder: str) -> None:
    """Wherever that is seen from; a folder `reports` further down holds none."""
    start = "" if folder in {"", "."} else f"{folder}/"
    files = {f"{start}{path}": data for path, data in tree().items()}
    found, problems = load(files, folder)
    assert found is not None
    assert problems == ()
    [board] = found.reports["board"].queries
    assert (board.path, board.metrics) == (SQL, ("csat", "nps"))
    _, problems = load(files | {f"{start}metrics/reports/x.sql": b""}, folder)
    assert [(its.rule.code, its.place.path) for its in problems] == [("CX004", f"{start}metrics/reports/x.sql")]


def test_a_query_has_a_largest_size() -> None:
    """What is cut off where it is read would have another digest than the file."""
    _, problems = load(tree() | {SQL: query("nps") + b" " * MAX_BYTES})
    assert [(its.rule.code, its.message) for its in problems] == [("CX004", "a query of more than 256 KiB")]


def test_a_query_is_not_missed_while_its_report_cannot_be_read() -> None:
    _, problems = load(edited(tree(), BOARD, "tool:", "tol:"))
    assert {its.rule.code for its in problems} == {"CX003"}


def test_the_memory_knows_the_files_of_reports(registry: Path) -> None:
    """Whatever happens to a document or to a file of SQL, `validate` finds what it finds without a memory."""
    memory = registry.parent / "memory.json"
    assert validate_with_memory(registry, memory) == (21, ())
    remembered = memory.read_bytes()
    assert validate_with_memory(registry, memory) == (21, ())
    assert memory.read_bytes() == remembered
    other = registry / "reports/other.sql"
    other.write_bytes(query("nps"))
    assert [its.rule.code for its in validate_with_memory(registry, memory)[1]] == ["CX106"]
    other.unlink()
    (registry / CEO).rename(registry / "ceo.md")
    assert [its.rule.code for its in validate_with_memory(registry, memory)[1]] == ["CX106"]
    (registry / "ceo.md").rename(registry / CEO)
    (registry / SQL).rename(registry.parent / "board.sql")
    assert [its.rule.code for its in validate_with_memory(registry, memory)[1]] == ["CX011"]
    (registry.parent / "board.sql").rename(registry / SQL)
    for path in (BOARD, CEO):
        (registry / path).unlink()
    assert [its.rule.code for its in validate_with_memory(registry, memory)[1]] == ["CX106", "CX106"]


def test_the_memory_is_used_beside_reports(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read again where nothing differs, and all is well where a query does."""
    memory = registry.parent / "memory.json"
    assert validate_with_memory(registry, memory) == (21, ())
    (registry / SQL).write_bytes(query("nps"))
    assert validate_with_memory(registry, memory) == (21, ())

    def never(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("cxgov.language.loading.load", never)
    monkeypatch.setattr("cxgov.language.loading.load_beside", never)
    assert validate_with_memory(registry, memory) == (21, ())


# --- changes ---


def test_a_change_names_the_reports_that_show_what_it_moves() -> None:
    [formula] = compared(tree(), edited(tree(), "metrics/nps.yaml", "score >= 9", "score >= 8")).findings
    assert formula.reach.reports == ("board",)
    [source] = compared(tree(), edited(tree(), "sources/responses.yaml", "cx.responses", "cx.replies")).findings
    assert source.reach.reports == ("board", "ceo")
    [words] = compared(tree(), edited(tree(), "metrics/nps.yaml", "Promoters less", "All promoters less")).findings
    assert words.reach.reports == ()
    [other] = compared(tree(), edited(tree(), "metrics/panel_nps.yaml", "score >= 9", "score >= 8")).findings
    assert other.reach.reports == ()


def test_an_old_id_in_a_certificate_is_the_metric_that_it_became() -> None:
    renamed = edited(tree(), "metrics/nps.yaml", "id: nps", "id: nps_score\nformerly: [nps]")
    renamed = edited(renamed, INDEX, "nps * 1", "nps_score * 1")
    changed = edited(renamed, "metrics/nps.yaml", "score >= 9", "score >= 8")
    assert compared(tree(), renamed).faults == ()
    found = {its.change_class: its.reach.reports for its in compared(tree(), changed).findings}
    assert found == {"additive": (), "formula": ("board",)}


def test_another_file_under_the_same_name_is_a_change_of_the_report() -> None:
    """It is told, needs a version, and is a transition that approvals are of."""
    before, after = tree(), tree() | {SQL: query("nps")}
    found = compared(before, after)
    [finding] = found.findings
    assert (finding.kind, finding.id, finding.path, finding.how) == ("Report", "board", ("queries", SQL), "changed")
    assert (finding.change_class, str(finding.place)) == ("additive", "reports/board.yaml:9:11")
    assert [(its.id, its.next) for its in found.bumps] == [("board", "1.1.0")]
    sides = [Meanings(Side(registry_in(its), its)) for its in (before, after)]
    steps = transitions(*sides)
    assert steps == transitions(*map(dict, sides))
    assert [(its.kind, its.id) for its in steps] == [("Report", "board")]


def test_a_report_of_drafts_is_a_draft() -> None:
    before = tree() | {SQL: b"select 1\n"}
    [finding] = compared(before, before | {SQL: b"select 2\n"}).findings
    assert finding.change_class == "draft"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"select 1\n", "reports/board.sql has no certificate"),
        (query("tone"), "reports/board.sql shows 'tone', which is a draft"),
    ],
)
def test_what_is_not_certified_is_a_fault_of_the_change_that_brings_it(data: bytes, said: str) -> None:
    """No approval heals it; what the trusted side has already keeps nobody else from a change."""
    wrong = tree() | {SQL: data}
    assert [(its.kind, its.id, its.message) for its in compared(tree(), wrong).faults] == [("Report", "board", said)]
    assert compared(wrong, edited(wrong, "metrics/nps.yaml", "score >= 9", "score >= 8")).faults == ()
    assert compared(wrong, tree()).faults == ()


def test_a_metric_that_a_report_shows_cannot_be_retired_under_it() -> None:
    deprecated, retired = in_status(tree(), "deprecated"), in_status(tree(), "retired")
    said = [its.message for its in compared(deprecated, retired).faults if its.kind == "Report"]
    assert said == ["reports/board.sql shows 'csat', which is retired"]
    assert [(its.kind, its.id, its.how, its.holds) for its in uses(registry_in(tree()), "csat")] == [
        ("Report", "board", "shows", True)
    ]


# --- cxgov reports ---


def test_reports_are_listed_with_their_metrics(registry: Path, capsys: Said) -> None:
    (registry / CSAT).write_bytes(in_status(alone(), "deprecated")[CSAT])
    (registry / "reports/more/ceo.sql").write_bytes(query("answer_time", "gone"))
    assert exit_code(["reports"]) == OK
    assert capsys.readouterr().out == (
        "report  title           tool     owner  audience  metrics\n"
        "board   The board deck  tableau  bi     board     csat (deprecated), nps\n"
        "ceo     The ceo deck    tableau  bi     board     answer_time, gone (not there)\n"
    )
    assert exit_code(["reports", "--format", "json"]) == OK
    first: dict[str, Any] = held("reports", capsys.readouterr().out)["reports"][0]
    assert first == {
        "id": "board", "version": "1.0.0", "title": "The board deck", "tool": "tableau", "owner": "bi",
        "audience": "board", "queries": [SQL],
        "metrics": [{"id": "csat", "status": "deprecated"}, {"id": "nps", "status": "certified"}], "findings": [],
    }  # fmt: skip


def test_a_registry_without_reports_says_so(tmp_path: Path, capsys: Said) -> None:
    Repo(tmp_path).commit(base_tree())
    assert exit_code(["reports", "--registry", str(tmp_path)]) == OK
    assert capsys.readouterr().out == "no reports\n"


def test_the_reports_that_a_change_touches(registry: Path, capsys: Said) -> None:
    assert exit_code(["reports", "--affected", "HEAD"]) == OK
    assert capsys.readouterr().out == "no report is affected\n"
    rewrite(registry, "metrics/nps.yaml", "score >= 9", "score >= 8")
    rewrite(registry, CEO, "audience: board", "audience: ceo")
    wanted = (
        "board (tableau, for board, owner bi): nps\n"
        "    formula Metric nps measure.net_share.plus changed\n"
        "ceo (tableau, for ceo, owner bi)\n"
        "    ownership Report ceo audience changed\n"
    )
    assert exit_code(["reports", "--affected", "HEAD"]) == OK
    assert capsys.readouterr().out == wanted
    Repo(registry.parent).commit({})
    assert exit_code(["reports", "--affected", "HEAD~1..HEAD"]) == OK
    assert capsys.readouterr().out == wanted
    assert exit_code(["reports", "--affected", "HEAD~1..HEAD", "--format", "json"]) == OK
    found = held("reports", capsys.readouterr().out)["reports"]
    assert [(its["id"], [metric["id"] for metric in its["metrics"]]) for its in found] == [
        ("board", ["nps"]),
        ("ceo", []),
    ]
    assert exit_code(["reports", "--affected", "nowhere..HEAD"]) == CANNOT_SAY


def test_a_report_that_goes_is_touched() -> None:
    after = {path: data for path, data in tree().items() if path not in {CEO, "reports/more/ceo.sql"}}
    [its] = affected(side(tree()), side(after))
    assert (its.report.id, its.metrics, [finding.change_class for finding in its.findings]) == ("ceo", (), ["removal"])


def test_diff_says_where_a_metric_is_shown(registry: Path, capsys: Said) -> None:
    rewrite(registry, "metrics/nps.yaml", "score >= 9", "score >= 8")
    assert exit_code(["diff"]) == NO
    assert "    also moves index; shown in board\n" in capsys.readouterr().out
    assert exit_code(["diff", "--format", "json"]) == NO
    [finding] = json.loads(capsys.readouterr().out)["findings"]
    assert finding["reach"]["reports"] == ["board"]
