"""What the commands print as JSON has the shape that schemas/output/ gives it."""

import json
from pathlib import Path
from typing import Any, Final

import click
import jsonschema
import pytest
from click.testing import CliRunner

from cxgov.api import Query, answers
from cxgov.cli.main import COMMANDS, commands
from cxgov.governance.changes import Side, compare
from cxgov.reports.changes import as_json as diff_as_json
from cxgov.reports.changes import bumps_as_json
from cxgov.reports.evaluations import as_json as evaluation_as_json
from cxgov.reports.results import as_json
from tests.changing import registry_in, trees_of_changes
from tests.judged import PICTURES, evaluation
from tests.support import LATER, Maker, metric, overlay, source

ROOT: Final = Path(__file__).parents[1]
OUTPUTS: Final = ROOT / "schemas" / "output"
REFERENCE: Final = ("--registry", str(ROOT / "metrics"))
NAMES: Final = sorted(path.stem for path in OUTPUTS.glob("*.json"))


def schema_of(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((OUTPUTS / f"{name}.json").read_text(encoding="utf-8"))
    return data


def printed(*arguments: str) -> Any:
    """What a command prints, held against its schema."""
    answer = CliRunner().invoke(commands, arguments, standalone_mode=False)
    assert answer.exception is None, answer.exception
    return held(arguments[0], answer.stdout)


def held(name: str, text: str) -> Any:
    """An output, held against its schema."""
    data = json.loads(text)
    validator = jsonschema.Draft202012Validator(schema_of(name))
    assert [error.message for error in validator.iter_errors(data)] == []
    return data


# --- the schemas ---


def test_every_json_output_has_a_schema() -> None:
    context = click.Context(commands)
    params = {name: getattr(commands.get_command(context, name), "params", []) for name in COMMANDS}
    printing = [
        name for name in COMMANDS if any("json" in getattr(param.type, "choices", ()) for param in params[name])
    ]
    assert sorted(printing) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_of_2020_12_with_an_id_of_its_own(name: str) -> None:
    its = schema_of(name)
    jsonschema.Draft202012Validator.check_schema(its)
    assert its["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert its["$id"] == f"urn:cxgov:v1:output:{name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_closed_and_described_at_every_level(name: str) -> None:
    """No key is let in unseen, and every value says what it is."""
    waiting: list[tuple[str, dict[str, Any]]] = [(name, schema_of(name))]
    while waiting:
        path, its = waiting.pop()
        assert its.get("description"), path
        if its.get("type") == "object":
            more = its["additionalProperties"]
            assert more is False or (isinstance(more, dict) and "propertyNames" in its), path
            waiting += [(f"{path}.*", more)] if isinstance(more, dict) else []
        waiting += [(f"{path}.{key}", inner) for key, inner in its.get("properties", {}).items()]
        waiting += [(f"{path}[]", its["items"])] if "items" in its else []
        waiting += [(f"{path}|", inner) for inner in its.get("oneOf", ())]


# --- what is printed ---


def test_rules() -> None:
    assert printed("rules", "--format", "json")[0]["code"] == "CX001"


def test_dialects() -> None:
    assert [row["dialect"] for row in printed("dialects", "--format", "json")] == [
        "bigquery", "duckdb", "postgres", "snowflake",
    ]  # fmt: skip


def test_list() -> None:
    assert "nps" in [row["id"] for row in printed("list", "--format", "json", *REFERENCE)]


@pytest.mark.parametrize("path", sorted((ROOT / "metrics" / "definitions").glob("*.yaml")), ids=lambda path: path.stem)
def test_show(path: Path) -> None:
    assert printed("show", path.stem, "--format", "json", *REFERENCE)["id"] == path.stem


def test_validate_of_a_valid_registry() -> None:
    assert printed("validate", "--format", "json", *REFERENCE)["valid"] is True


def test_validate_of_errors_and_warnings(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text("kind: Registri\nid: x\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    data = printed("validate", "--format", "json", "--registry", str(tmp_path))
    assert data["valid"] is False
    assert {problem["code"] for problem in data["problems"]} == {"CX003", "CX004"}


EVENTS = source(
    "events",
    {"id": "integer", "at": "instant", "kind": "text?", "paid": "decimal?", "day": "date?", "fine": "boolean?"},
    dimensions={"kind": "kind", "day": "day", "fine": "fine"},
)
EVERY = {"source": "events", "dimensions": ["kind", "day", "fine"]}
METRICS = [
    metric("seen", {"count": "rows"}, time="at", **EVERY),
    metric("paid", {"sum": "paid"}, time="at", **EVERY),
    metric("good", {"share": {"of": "fine", "unknown": "out"}}, time="at", min_sample=2, **EVERY),
    metric("ever", {"max": "paid"}, **EVERY),
]
ROWS = {
    "events": [
        {
            "id": 1,
            "at": "2026-01-05 12:00:00+00",
            "kind": "a",
            "paid": "1234567890123456.78",
            "day": "2026-01-05",
            "fine": True,
        },
        {"id": 2, "at": "2026-01-06 12:00:00+00", "kind": None, "paid": None, "day": None, "fine": None},
    ]
}


def test_run_with_every_type_and_status(make: Maker) -> None:
    """Text, whole numbers, decimals, days and booleans; NULL groups, suppressed, missing and partial."""
    world = make([EVENTS, *METRICS], ROWS)
    query = Query(
        metrics=("seen", "paid", "good"), grain="week", period="2026-01", by=("kind", "day", "fine"), stats="n"
    )
    [data] = held("run", as_json(answers(world.loaded, query, connection="duckdb", now=LATER)))["answers"]
    assert {column["type"] for column in data["columns"]} == {"integer", "decimal", "double", "date", "boolean", "text"}
    assert {row["good_status"] for row in data["rows"]} == {"suppressed", "no_data"}
    assert {row["partial"] for row in data["rows"]} == {True, False}
    assert "1234567890123456.78" in {row["paid"] for row in data["rows"]}


def test_run_names_the_overlay(make: Maker) -> None:
    """An answer that was asked of fewer rows says so."""
    world = make([EVENTS, *METRICS, overlay("calls", ["seen"], "kind = 'call'")], {"events": []})
    for name in ("calls", None):
        query = Query(metrics=("seen",), period="2026-01", overlay=name)
        [data] = held("run", as_json(answers(world.loaded, query, connection="duckdb", now=LATER)))["answers"]
        assert data["overlay"] == name


def test_run_without_a_period(make: Maker) -> None:
    world = make([EVENTS, *METRICS], ROWS)
    found = answers(world.loaded, Query(metrics=("ever",), stats="none"), connection="duckdb", now=LATER)
    [data] = held("run", as_json(found))["answers"]
    assert (data["period"], data["as_of"]) == (None, None)


def test_run_and_check_of_a_new_registry(tmp_path: Path) -> None:
    CliRunner().invoke(commands, ["init", str(tmp_path)], standalone_mode=False)
    place = ("--registry", str(tmp_path / "metrics"))
    asked = ("csat", "nps", "--by", "channel", "--grain", "month", "--period", "2026-Q1")
    assert len(printed("run", *asked, "--output", "json", *place)["answers"][0]["rows"]) == 9
    assert printed("check", "--format", "json", *place) == {"holds": True, "findings": []}
    with (tmp_path / "metrics" / ".data" / "survey_responses.csv").open("a", encoding="utf-8") as file:
        file.write("1,2026-03-01T10:00:00Z,fax,7,\n")
    rules = [finding["rule"] for finding in printed("check", "--format", "json", *place)["findings"]]
    assert rules == ["key", "values", "range"]


def test_evaluate_of_everything_that_a_judgement_can_be() -> None:
    data = held("evaluate", evaluation_as_json(evaluation(*PICTURES.values(), early=True)))
    assert {its["band"] for its in data["judgements"]} >= {"breach", "watch", "good", None}
    assert {point["status"] for its in data["judgements"] for point in its["series"]} == {"ok", "suppressed", "no_data"}


DOCUMENTS = {
    "threshold.yaml": """\
apiVersion: cxgov/v1
kind: Threshold
id: csat_chat
version: 1.0.0
title: CSAT in the chat
owner: cx
metric: csat
grain: month
scope: {channel: chat}
target: 80
bands: [{name: breach, below: 5}, {name: good}]
meaningful_change: 2
""",
    "sampling.yaml": """\
apiVersion: cxgov/v1
kind: Sampling
id: half
version: 1.0.0
title: Half of all
owner: cx
source: survey_responses
unit: response
frame: {source: survey_responses}
select: {method: hash, fraction: 0.5, salt: half}
""",
}


def test_evaluate_and_sample_of_a_new_registry(tmp_path: Path) -> None:
    CliRunner().invoke(commands, ["init", str(tmp_path)], standalone_mode=False)
    for name, text in DOCUMENTS.items():
        (tmp_path / "metrics" / name).write_text(text, encoding="utf-8")
    place = ("--registry", str(tmp_path / "metrics"))
    data = printed("evaluate", "--period", "2026-Q1", "--history", "2", "--format", "json", *place)
    assert [its["reading"]["name"] for its in data["judgements"]] == ["2026-01", "2026-02", "2026-03"]
    assert data["breached"] is False
    assert data["judgements"][0]["threshold"]["scope"] == {"channel": "chat"}
    assert {its["change"]["state"] for its in data["judgements"][1:]} != {"insufficient_n"}
    drawn = printed("sample", "half", "--period", "2026-Q1", "--output", "json", *place)
    assert drawn["drawn"] == len(drawn["rows"]) > 0
    assert drawn["columns"] == ["response_id"]


def test_diff_and_bump_of_every_kind_of_edit() -> None:
    """Added, removed, changed, renamed; with and without an overlay; a version that is too small, and one below."""
    before, after = trees_of_changes()
    comparison = compare(Side(registry_in(before), before), Side(registry_in(after), after))
    data = held("diff", diff_as_json(comparison))
    assert {finding["how"] for finding in data["findings"]} == {"added", "removed", "changed", "renamed"}
    assert {its["taken"] for its in data["versions"]} >= {"none", "back"}
    assert {its["overlay"] for its in data["moved"]} == {None, "dutch"}
    assert data["quiet"] is False
    wrong = held("bump", bumps_as_json([bump for bump in comparison.bumps if not bump.enough], written=False))
    assert {its["enough"] for its in wrong["versions"]} == {False}


def test_diff_of_nothing() -> None:
    tree, _ = trees_of_changes()
    side = Side(registry_in(tree), tree)
    assert held("diff", diff_as_json(compare(side, side))) == {
        "quiet": True, "findings": [], "faults": [], "versions": [], "moved": [], "since_frozen": None,
    }  # fmt: skip
