"""Weighted and clustered values beside those of R's survey package."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support import Document, Maker, World, metric, sampling, source

Case = Mapping[str, Any]


def rows_of(shared: Path, case: Case, name: str) -> list[dict[str, str]]:
    """Rows of a case's file by column."""
    with (shared / "cases" / case["input"]["csv"][name]).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def line(world: World, *metrics: str) -> dict[str, Any]:
    """The one row of an answer with all its statistics."""
    names = [column.name for column in world.run("duckdb", *metrics, stats="full").columns]
    [row] = world.rows(*metrics, stats="full")
    return dict(zip(names, row, strict=True))


def error(row: Mapping[str, Any], name: str) -> float:
    """The standard error that an interval shows."""
    return float((row[f"{name}_high"] - row[f"{name}_low"]) / 2 / 1.959963984540054)


def entity(role: str, key: str) -> Document:
    return {role: {"key": [key]}}


def test_value_weighted_nps(make: Maker, shared: Path, cases: Mapping[str, Case]) -> None:
    """NPS by contract value: linearised error as R's svymean has it, not Kish's; effective n and the top share."""
    case = cases["panel_acv_weighted_nps"]
    panel = [
        {"id": str(i), "score": int(row["ltr"]), "value": float(row["acv"])}
        for i, row in enumerate(rows_of(shared, case, "panel"))
    ]
    documents = [
        source("answers", {"id": "text", "score": "integer", "value": "double"}, entities=entity("account", "id")),
        sampling("by_value", "answers", "account", weights={"method": "value", "column": "value"}),
        metric(
            "nps",
            {"net_share": {"plus": "score >= 9", "minus": "score <= 6"}},
            source="answers",
            sampling="by_value",
            unit="points",
        ),
    ]
    row = line(make(documents, {"answers": panel}), "nps")
    wanted = case["expected"]
    assert row["nps"] == pytest.approx(wanted["nps"], rel=1e-9)
    assert error(row, "nps") == pytest.approx(wanted["se"], rel=1e-9)
    assert error(row, "nps") != pytest.approx(wanted["se_kish_approx"], rel=1e-3)
    assert row["nps_effective_n"] == pytest.approx(wanted["neff"], rel=1e-9)
    assert row["nps_top_share"] == pytest.approx(wanted["top1_share"], rel=1e-9)


def test_poststratified_schools(make: Maker, shared: Path, cases: Mapping[str, Case]) -> None:
    """Weights, total, mean and ratio of a sample post-stratified to the frame's school types."""
    case = cases["apiclus1_poststratify"]
    sample = rows_of(shared, case, "apiclus1")
    frame = [
        {"id": f"{kind}{i}", "kind": kind}
        for kind, size in case["input"]["population"]["stype"].items()
        for i in range(size)
    ]
    place = dict.fromkeys(case["input"]["population"]["stype"], 0)
    answers = []
    for row in sample:
        kind = row["stype"]
        answers.append(
            {
                "id": f"{kind}{place[kind]}",
                "kind": kind,
                "district": row["dnum"],
                "enrolled": int(row["enroll"]),
                "score": int(row["api00"]),
                "tested": int(row["api.stu"]),
            }
        )
        place[kind] += 1
    schools = source(
        "schools", {"id": "text", "kind": "text"}, entities=entity("school", "id"), dimensions={"kind": "kind"}
    )
    columns = {
        "id": "text",
        "kind": "text",
        "district": "text",
        "enrolled": "integer",
        "score": "integer",
        "tested": "integer",
    }
    tests = source(
        "tests", columns, entities={"school": {"key": ["id"], "source": "schools"}}, dimensions={"kind": "kind"}
    )
    weights = {"method": "poststratify", "by": ["kind"], "targets": "frame", "empty_cell": "error"}
    rule = sampling(
        "types",
        "tests",
        "school",
        frame={"source": "schools"},
        deduplicate={"keep": "first", "order": ["id"]},
        weights=weights,
    )
    shown = {"source": "tests", "sampling": "types", "dimensions": ["kind"]}
    documents = [
        schools,
        tests,
        rule,
        metric("all_enrolled", {"sum": "enrolled"}, **shown),
        metric("mean_score", {"mean": "score"}, **shown),
        metric("tested", {"ratio": {"numerator": {"sum": "tested"}, "denominator": {"sum": "enrolled"}}}, **shown),
        metric("schools_there", {"count": "rows"}, **shown),
    ]
    world = make(documents, {"schools": frame, "tests": answers})
    row = line(world, "all_enrolled", "mean_score", "tested", "schools_there")
    wanted = case["expected"]
    assert row["all_enrolled"] == pytest.approx(wanted["total"]["est"], rel=1e-8)
    assert row["mean_score"] == pytest.approx(wanted["mean_api00"]["est"], rel=1e-8)
    assert row["tested"] == pytest.approx(wanted["ratio"]["est"], rel=1e-8)
    assert row["schools_there"] == pytest.approx(wanted["sum"], rel=1e-8)
    for kind, count, n, *_ in world.rows("schools_there", by=("kind",)):
        assert count / n == pytest.approx(wanted["weights"][kind], rel=1e-8)


@pytest.mark.parametrize("unit", ["contact", "agent"])
def test_contacts_of_an_agent_are_not_independent(
    make: Maker, shared: Path, cases: Mapping[str, Case], unit: str
) -> None:
    """Handle time is a ratio of sums; its error doubles where an agent's contacts are one unit."""
    case = cases["aht_fcr_cluster_by_agent"]
    sample = rows_of(shared, case, "contacts")
    documents, data = contacts(sample, unit)
    row = line(make(documents, data), "aht", "fcr")
    wanted = case["expected"]
    iid = unit == "contact"
    assert row["aht"] == pytest.approx(wanted["aht"], rel=1e-9)
    assert row["aht"] != pytest.approx(wanted["avg_of_agent_avgs"], rel=1e-6)
    assert row["fcr"] == pytest.approx(wanted["fcr"], rel=1e-9)
    if not iid:
        assert error(row, "aht") == pytest.approx(wanted["se_cluster_agent"], rel=1e-9)
        assert error(row, "fcr") == pytest.approx(wanted["fcr_se_cluster"], rel=1e-9)
    else:
        # A mean of independent rows has an interval by t: its error is that of the variance.
        assert math.sqrt(row["aht_variance"] / row["aht_n"]) == pytest.approx(wanted["se_iid"], rel=1e-9)


def contacts(sample: Sequence[Mapping[str, str]], unit: str) -> tuple[list[Document], dict[str, list[dict[str, Any]]]]:
    """Contacts of agents, measured by a rule whose unit is the contact or the agent."""
    rows = [
        {
            "id": str(i),
            "agent": row["agent"],
            "handled": int(row["handle_s"]),
            "solved": row["fcr"] == "1",
        }
        for i, row in enumerate(sample)
    ]
    agents = source("agents", {"id": "text"}, entities=entity("agent", "id"))
    calls = source(
        "contacts",
        {"id": "text", "agent": "text", "handled": "integer", "solved": "boolean"},
        entities={"contact": {"key": ["id"]}, "agent": {"key": ["agent"], "source": "agents"}},
    )
    shown = {"source": "contacts", "sampling": "by_unit"}
    documents = [
        agents,
        calls,
        sampling("by_unit", "contacts", unit),
        metric("aht", {"mean": "handled"}, unit="s", **shown),
        metric("fcr", {"share": {"of": "solved"}}, **{**shown, "unit": "share"}),
    ]
    return documents, {"contacts": rows, "agents": [{"id": name} for name in {row["agent"] for row in rows}]}
