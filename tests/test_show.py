"""``cxgov show``: what stands around a metric, for people and for programs."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from cxgov.cli.main import exit_code
from cxgov.reports.wording import length, steps
from tests.support import metric, registry_of, sampling, source

ROOT: Final = Path(__file__).parents[1]
BASE: Final = ROOT / "tests" / "cases" / "base"
SCHEMA: Final = json.loads((ROOT / "schemas" / "output" / "show.json").read_text(encoding="utf-8"))


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert exit_code(["show", *arguments, "--registry", str(BASE)]) == 0
    return capsys.readouterr().out


def as_json(capsys: pytest.CaptureFixture[str], identity: str) -> Any:
    fields = json.loads(shown(capsys, identity, "--format", "json"))
    Draft202012Validator(SCHEMA).validate(fields)
    return fields


def test_a_metric_is_shown_with_its_rule_its_exclusions_and_its_thresholds(capsys: pytest.CaptureFixture[str]) -> None:
    """Every step stands in a line of its own, in the order in which it is taken."""
    lines = shown(capsys, "panel_nps").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("sampling"))
    assert [line[13:] for line in lines[start : start + 11]] == [
        "panel, Panel of members",
        "- rows of answers, by member",
        "- frame: member is in members where active",
        "- contact cap: invitations with fewer than 2 others to the member in the 90 days before",
        "- selected: 0.25 of the frame, by hash with salt 'panel_2026'",
        "- invited: member has a row of invites, at sent_at",
        "- responded: answered_at less than 21 days after the invitation",
        "- one row: the latest of each member in a bucket, by answered_at, answer_id",
        "- weighted: to the frame, by cells of region, tier, joined over tier where one is empty",
        "- shown from 30 rows",
        "- private below 5 rows, and never alone in a line",
    ]
    excluded = (
        "from 2026-05-01 to before 2026-08-01, rows where language = 'nl': Scores of another question (CX-221, dee)"
    )
    assert lines[start + 11] == f"exclusions   broken_export: {excluded}"
    judged = "breach below 20, watch below 30, good; target 35; a change of 5 against a year before matters"
    assert lines[start + 12] == f"thresholds   panel_nps_quarter: by quarter, member.region EMEA: {judged}"


def test_the_same_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    fields = as_json(capsys, "panel_nps")
    assert fields["sampling"]["id"] == "panel"
    assert len(fields["sampling"]["steps"]) == 10
    assert [(its["id"], its["from"], its["until"]) for its in fields["exclusions"]] == [
        ("broken_export", "2026-05-01", "2026-08-01")
    ]
    [threshold] = fields["thresholds"]
    assert threshold["scope"] == {"member.region": "EMEA"}
    assert [band["below"] for band in threshold["bands"]] == [20, 30, None]
    assert (threshold["target"], threshold["meaningful_change"], threshold["against"]) == (35, 5, "1 year")


@pytest.mark.parametrize("identity", ["nps", "index"])
def test_a_metric_without_any_shows_none(capsys: pytest.CaptureFixture[str], identity: str) -> None:
    """No rule is not there, no exclusion and no threshold are empty lists; for people they are left out."""
    fields = as_json(capsys, identity)
    assert "sampling" not in fields
    assert fields["exclusions"] == fields["thresholds"] == []
    assert not {"sampling", "exclusions", "thresholds"} & {
        line.split(" ")[0] for line in shown(capsys, identity).split("\n")
    }


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, []),
        (
            {"frame": {"source": "answers"}, "select": {"method": "census"}},
            ["frame: answer is in answers", "selected: all of the frame"],
        ),
        ({"weights": {"method": "column", "column": "weight"}}, ["weighted: by weight"]),
        ({"weights": {"method": "value", "column": "weight"}}, ["weighted: by weight"]),
        (
            {
                "frame": {"source": "answers"},
                "select": {"method": "hash", "fraction": 1, "salt": "a"},
                "weights": {"method": "inclusion"},
            },
            [
                "frame: answer is in answers",
                "selected: 1 of the frame, by hash with salt 'a'",
                "weighted: one over the probability of being drawn",
            ],
        ),
        (
            {
                "frame": {"source": "answers"},
                "weights": {"method": "poststratify", "by": ["region"], "targets": "frame", "empty_cell": "error"},
            },
            ["frame: answer is in answers", "weighted: to the frame, by cells of region"],
        ),
        ({"minimum": {"privacy": 5}}, ["private below 5 rows"]),
    ],
)
def test_a_rule_is_told_by_the_steps_that_it_has(fields: dict[str, Any], words: list[str]) -> None:
    answers = source(
        "answers",
        {"id": "integer", "region": "text", "weight": "double"},
        entities={"answer": {"key": ["id"]}},
        dimensions={"region": "region"},
    )
    rule = sampling("rule", "answers", "answer", **fields)
    registry = registry_of([answers, rule, metric("rows", {"count": "rows"}, source="answers", sampling="rule")])
    assert steps(registry.samplings["rule"]) == ["rows of answers, by answer", *words]


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (timedelta(days=90), "90 days"),
        (timedelta(weeks=1), "7 days"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(seconds=90), "90 seconds"),
    ],
)
def test_a_length_is_told_in_the_largest_unit_that_divides_it(time: timedelta, words: str) -> None:
    assert length(time) == words
