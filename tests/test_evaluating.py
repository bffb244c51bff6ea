"""Evaluation on real engines: values, bands, changes by units that are in both periods, families."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Final

import pytest

from cxgov.api import evaluate
from cxgov.compiler.query import Refused
from cxgov.evaluation.judgements import Evaluation, Judgement
from tests.support import LATER, Document, Maker, World, exclusion, metric, source, threshold
from tests.test_sampling import POSTSTRATIFY, RULE, Row, documents, drawn, net

BANDS: Final = [{"name": "breach", "below": -20}, {"name": "watch", "below": 10}, {"name": "good"}]


def close(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and math.isclose(one, other, rel_tol=1e-6))


def judged(world: World, *wanted: str, period: str = "2026-09", **asked: Any) -> Evaluation:
    """The evaluation, on which all engines agree."""
    first, *rest = (
        evaluate(world.loaded, wanted, period=period, connection=engine, now=LATER, **asked) for engine in world.engines
    )
    for other in rest:
        for mine, its in zip(first.judgements, other.judgements, strict=True):
            assert close(mine.reading.value, its.reading.value)
            assert (mine.band, mine.reached) == (its.band, its.reached)
            if mine.change is not None and its.change is not None:
                assert close(mine.change.standard_error, its.change.standard_error)
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


def weight_of(weight: Mapping[int, float], row: Row) -> float:
    return weight[row["id"]]


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
        values.append(net(its, partial(weight_of, weight)))
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


# --- bands, targets, series ---


def flat(rows: int, share: float, day: datetime, start: int = 0) -> list[Row]:
    """Answers of one month of which a share is good."""
    return [{"id": start + i, "good": i < share * rows, "group": "a" if i % 2 else "b", "at": day} for i in range(rows)]


def day(month: int, year: int = 2026) -> datetime:
    return datetime(year, month, 15, tzinfo=UTC)


def shares(*more: Document, **fields: Any) -> list[Document]:
    answers = source(
        "answers",
        {"id": "integer", "good": "boolean", "group": "text", "at": "instant"},
        dimensions={"group": "group"},
    )
    good = metric(
        "good_share",
        {"share": {"of": "good"}},
        **{
            "source": "answers",
            "time": "at",
            "unit": "percent",
            "direction": "higher_is_better",
            "dimensions": ["group"],
            **fields,
        },
    )
    return [answers, good, *more]


BY_TENS: Final = [{"name": "breach", "below": 20}, {"name": "watch", "below": 40}, {"name": "good"}]


@pytest.mark.parametrize(
    ("share", "band", "reached", "breached"),
    [(0.1, "breach", False, True), (0.2, "watch", False, False), (0.4, "good", True, False), (1, "good", True, False)],
)
def test_a_value_lies_in_one_band_and_meets_its_target_or_not(
    make: Maker, share: float, band: str, reached: bool, breached: bool
) -> None:
    """Bands are half-open: a value at an edge lies in the band above it; a target is met when it is reached."""
    world = make(
        shares(threshold("monthly", "good_share", bands=BY_TENS, target=40)), {"answers": flat(100, share, day(9))}
    )
    found = alone(world)
    assert found.band is not None
    assert (found.band.name, found.reached, found.breached) == (band, reached, breached)
    assert judged(world).breached is breached


def test_lower_can_be_better(make: Maker) -> None:
    """Bands rise whatever the direction; the target is met from below."""
    bands = [{"name": "good", "below": 10}, {"name": "breach"}]
    bad = threshold("monthly", "good_share", bands=bands, target=10)
    world = make(shares(bad, direction="lower_is_better"), {"answers": flat(100, 0.1, day(9))})
    found = alone(world)
    assert (found.reached, found.breached) == (True, True)


def test_few_rows_are_neither_banded_nor_judged(make: Maker) -> None:
    """A suppressed value has no band, and a change from it is one of too few rows."""
    data = {"answers": flat(100, 0.5, day(8)) + flat(9, 0.5, day(9), 100)}
    world = make(shares(threshold("monthly", "good_share", bands=BY_TENS), min_sample=10), data)
    found = alone(world)
    assert (found.reading.status, found.band, found.breached) == ("suppressed", None, False)
    assert found.change is not None
    assert found.change.state == "insufficient_n"


def test_every_bucket_of_the_period_is_judged_against_the_one_named(make: Maker) -> None:
    """A quarter has three months; a year before is the same month; the series ends with the month that is judged."""
    data = flat(50, 0.2, day(9, 2025)) + flat(50, 0.3, day(8), 50) + flat(50, 0.8, day(9), 100)
    monthly = threshold("monthly", "good_share", bands=BY_TENS, against="1 year", meaningful_change=5)
    world = make(shares(monthly), {"answers": data})
    found = judged(world, period="2026-Q3", history=3).judgements
    assert [each.reading.name for each in found] == ["2026-07", "2026-08", "2026-09"]
    last = found[-1]
    assert last.earlier is not None
    assert (last.earlier.name, last.earlier.value) == ("2025-09", 20.0)
    assert last.change is not None
    assert (last.change.difference, last.change.state) == (60.0, "meaningful")
    assert [(each.name, each.value) for each in last.series] == [
        ("2026-06", None),
        ("2026-07", None),
        ("2026-08", 30.0),
        ("2026-09", 80.0),
    ]
    assert found[0].reading.status == "no_data"
    assert found[0].band is None


def test_a_state_depends_on_the_whole_family_and_not_on_what_is_shown(make: Maker) -> None:
    """A member that nobody asked for is counted: the same state alone as in the list of all."""
    data = [
        {"id": 1000 * at + 2 * i + place, "good": i < share, "group": group, "at": day(at)}
        for at, group, place, share in ((8, "a", 0, 100), (8, "b", 1, 100), (9, "a", 0, 120), (9, "b", 1, 102))
        for i in range(200)
    ]
    members = [
        threshold(f"t{i}", "good_share", bands=BY_TENS, family="f", meaningful_change=1, scope={"group": group})
        for i, group in enumerate(("a", "b"))
    ]
    world = make(shares(*members), {"answers": data})
    everything = {each.threshold.id: each.change for each in judged(world).judgements}
    for identity in ("t0", "t1"):
        [shown] = judged(world, identity).judgements
        assert shown.change == everything[identity]
    moved = everything["t0"]
    assert moved is not None
    assert moved.p is not None
    assert moved.adjusted_p is not None
    # Alone it would be called; of two it is not.
    assert moved.p < 0.05 < moved.adjusted_p
    assert moved.state == "inconclusive"
    assert moved.confidence == pytest.approx(0.975)


def test_a_derived_metric_has_a_band_and_no_judged_change(make: Maker) -> None:
    """What has no interval is banded all the same; its change is not judged."""
    twice = metric("twice", {"derived": "good_share * 2"}, direction="higher_is_better", dimensions=["group"])
    data = {"answers": flat(100, 0.5, day(8)) + flat(100, 0.1, day(9), 100)}
    bands = [{"name": "breach", "below": 1}, {"name": "good"}]
    found = alone(make(shares(twice, threshold("monthly", "twice", bands=bands)), data))
    assert found.reading.value == pytest.approx(0.2)
    assert found.breached
    assert found.change is None


def test_a_scope_of_any_type_is_a_filter(make: Maker) -> None:
    """Scopes of text, whole numbers, booleans and days."""
    answers = source(
        "answers",
        {"id": "integer", "good": "boolean", "level": "integer", "on": "date", "name": "text", "at": "instant"},
        dimensions={"good": "good", "level": "level", "on": "on", "name": "name"},
    )
    rows = [
        {"id": i, "good": i % 2 == 0, "level": i % 3, "on": date(2026, 9, 1 + i % 2), "name": "o'x", "at": day(9)}
        for i in range(60)
    ]
    paths = ["good", "level", "on", "name"]
    count = metric("answer_count", {"count": "rows"}, source="answers", time="at", dimensions=paths)
    scopes = {"good": True, "level": 2, "on": "2026-09-01", "name": "o'x"}
    bands = [{"name": "breach", "below": 1}, {"name": "good"}]
    thresholds = [
        threshold(f"by_{path}", "answer_count", bands=bands, scope={path: value}) for path, value in scopes.items()
    ]
    world = make([answers, count, *thresholds], {"answers": rows})
    found = {each.threshold.id: each.reading.value for each in judged(world).judgements}
    assert found == {"by_good": 30, "by_level": 20, "by_on": 30, "by_name": 60}


def test_what_is_not_there_is_refused(make: Maker) -> None:
    """Unknown thresholds, metrics without one, and a period that holds no bucket."""
    quarterly = threshold("quarterly", "good_share", bands=BY_TENS, grain="quarter")
    other = metric("other", {"count": "rows"}, source="answers", time="at")
    world = make(shares(quarterly, other), {"answers": []})
    for wanted, period, message in (
        (["quartely"], "2026-Q3", "threshold 'quartely' does not exist; did you mean 'quarterly'?"),
        (["other"], "2026-Q3", "metric 'other' has no threshold"),
        (["quarterly"], "2026-07", "no quarter ends in 2026-07, which quarterly judges"),
    ):
        with pytest.raises(Refused) as refusal:
            evaluate(world.loaded, wanted, period=period, connection="duckdb", now=LATER)
        assert message in str(refusal.value)


def test_exclusions_hold_in_evaluation_too(make: Maker) -> None:
    """The judged value is the published one: without the rows that an exclusion takes."""
    data = {"answers": flat(100, 0.5, day(9))}
    gone = exclusion("gone", "answers", "group = 'a' and not good", ["good_share"], "2026-09-01", "2026-10-01")
    found = alone(make(shares(gone, threshold("monthly", "good_share", bands=BY_TENS)), data))
    assert found.reading.value == pytest.approx(100 * 50 / 75)


def test_a_week_is_judged_in_the_period_in_which_it_ends(make: Maker) -> None:
    """The week from 28 September to 4 October is one of October, whole, and of no month twice."""
    answers = {"answers": flat(50, 0.1, datetime(2026, 9, 30, tzinfo=UTC))}
    world = make(shares(threshold("weekly", "good_share", bands=BY_TENS, grain="week")), answers)
    september, october = (judged(world, period=period).judgements for period in ("2026-09", "2026-10"))
    assert [each.reading.name for each in september] == ["2026-08-31", "2026-09-07", "2026-09-14", "2026-09-21"]
    assert [each.reading.name for each in october] == ["2026-09-28", "2026-10-05", "2026-10-12", "2026-10-19"]
    assert october[0].breached
