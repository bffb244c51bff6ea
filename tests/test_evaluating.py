"""Evaluation on real engines: values, bands, changes by units that are in both periods, families."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import pytest

from cxgov.api import evaluate
from cxgov.compiler.query import Refused
from cxgov.evaluation.judgements import Evaluation, Judgement
from tests.support import LATER, Document, Maker, World, exclusion, metric, source, threshold
from tests.test_sampling import POSTSTRATIFY, RULE, Row, documents, drawn, net

BANDS: Final = [{"name": "breach", "below": -20}, {"name": "watch", "below": 10}, {"name": "good"}]


def judged(world: World, *wanted: str, period: str = "2026-09", **asked: Any) -> Evaluation:
    """The evaluation, on which all engines agree."""
    first, *rest = (
        evaluate(world.loaded, wanted, period=period, connection=engine, now=LATER, **asked) for engine in world.engines
    )
    for other in rest:
        for mine, its in zip(first.judgements, other.judgements, strict=True):
            assert mine.reading.value == pytest.approx(its.reading.value, rel=1e-9)
            assert (mine.band, mine.reached) == (its.band, its.reached)
            if mine.change is not None and its.change is not None:
                assert mine.change.standard_error == pytest.approx(its.change.standard_error, rel=1e-6)
                assert mine.change.state == its.change.state
    return first


def alone(world: World, **asked: Any) -> Judgement:
    [found] = judged(world, **asked).judgements
    return found


def month(row: Row) -> str:
    return f"{row['at']:%Y-%m}"


def latest(rows: Sequence[Row]) -> list[Row]:
    """The latest row of each customer."""
    found: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: (row["at"], row["id"])):
        found[row["customer_id"]] = row
    return list(found.values())


def z_values(
    rows: Sequence[Row], weight: Mapping[int, float], strata: Mapping[int, Any] | None, asked: str | None
) -> dict[str, float]:
    """What each unit adds to the linearised NPS of a period: w (y - R x) / X, about its stratum's mean."""
    inside = {row["id"]: asked is None or row["channel"] == asked for row in rows}
    value = net([row for row in rows if inside[row["id"]]], lambda row: weight[row["id"]]) / 100
    below = sum(weight[row["id"]] for row in rows if inside[row["id"]])
    far = {
        row["id"]: ((row["score"] >= 9) - (row["score"] <= 6) - value) / below if inside[row["id"]] else 0.0
        for row in rows
    }
    mean: dict[Any, float] = defaultdict(float)
    if strata is not None:
        size = Counter(strata[row["id"]] for row in rows)
        for row in rows:
            mean[strata[row["id"]]] += far[row["id"]] / size[strata[row["id"]]]
    found: dict[str, float] = defaultdict(float)
    for row in rows:
        centre = mean[strata[row["id"]]] if strata is not None else 0.0
        found[row["customer_id"]] += weight[row["id"]] * (far[row["id"]] - centre)
    return found


RULES: Final[dict[str, Document]] = {
    "one_per_unit": {"deduplicate": RULE["deduplicate"]},
    "clustered": {"frame": RULE["frame"]},
    "weighted": {"deduplicate": RULE["deduplicate"], "weights": {"method": "column", "column": "weight"}},
    "poststratified": {"frame": RULE["frame"], "deduplicate": RULE["deduplicate"], "weights": POSTSTRATIFY},
}


@pytest.mark.parametrize("asked", [None, "sms"])
@pytest.mark.parametrize("name", RULES)
def test_units_in_both_periods_enter_the_error_of_the_change(make: Maker, name: str, asked: str | None) -> None:
    """The change is the difference of the two values; its error has the covariance of the units that are in both."""
    rule = RULES[name]
    data = drawn(21, customers=60, answers=1500)
    scope = {"scope": {"channel": asked}} if asked else {}
    world = make(documents(rule, threshold("months", "nps", bands=BANDS, **scope)), data)
    found = alone(world)
    frame = {row["id"]: (row["region"], row["tier"]) for row in data["customers"] if row["status"] == "active"}
    valid = [
        row
        for row in data["responses"]
        if row["channel"] != "internal"
        and row["score"] in range(11)
        and ("frame" not in rule or row["customer_id"] in frame)
    ]
    values, errors, units = [], [], []
    for name_ in ("2026-08", "2026-09"):
        rows = [row for row in valid if month(row) == name_]
        rows = latest(rows) if "deduplicate" in rule else rows
        weight = {row["id"]: 1.0 for row in rows}
        strata = None
        if name == "weighted":
            weight = {row["id"]: row["weight"] for row in rows}
        if name == "poststratified":
            strata = {row["id"]: frame[row["customer_id"]] for row in rows}
            target, answered = Counter(frame.values()), Counter(strata.values())
            weight = {row["id"]: target[strata[row["id"]]] / answered[strata[row["id"]]] for row in rows}
        its = [row for row in rows if asked is None or row["channel"] == asked]
        values.append(net(its, lambda row, weight=weight: weight[row["id"]]))
        added = z_values(rows, weight, strata, asked)
        factor = 1.0 if name == "one_per_unit" else len(added) / (len(added) - 1)
        errors.append(factor * sum(each**2 for each in added.values()))
        units.append((added, factor))
    (first, f1), (second, f2) = units
    both = math.sqrt(f1 * f2) * sum(first[key] * second[key] for key in first.keys() & second.keys())
    assert found.change is not None
    assert found.reading.value is not None
    assert found.earlier is not None
    assert found.change.difference == found.reading.value - found.earlier.value  # type: ignore[operator]  # it has one
    assert found.change.difference == pytest.approx(values[1] - values[0])
    assert found.change.standard_error == pytest.approx(100 * math.sqrt(sum(errors) - 2 * both), rel=1e-9)
