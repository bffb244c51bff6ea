"""Statistics of every measure form: the intervals in SQL beside those that Python makes of the returned sums."""

import math
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import pytest

from cxgov.compiler.plan import Output
from cxgov.engines.answering import Result
from cxgov.evaluation.completing import complete, estimates
from cxgov.evaluation.estimates import interval
from tests.support import DIALECTS, Document, Maker, World, assert_same, metric, registry, sampling, source

FORMS: Final[dict[str, Document]] = {
    "some_share": {"share": {"of": "score >= 7", "unknown": "out"}},
    "known_share": {"share": {"of": "score >= 7", "among": "kind = 'a'", "unknown": "no"}},
    "net": {"net_share": {"plus": "score >= 9", "minus": "score <= 6", "unknown": "out"}},
    "rows_there": {"count": "rows", "where": "kind = 'a'"},
    "total": {"sum": "amount"},
    "average": {"mean": "amount"},
    "average_wait": {"mean": "done_at - at"},
    "least": {"min": "score"},
    "most": {"max": "amount"},
    "kinds": {"count_distinct": "kind"},
    "median": {"quantile": {"of": "amount", "q": 0.5, "type": 7}},
    "per_row": {"ratio": {"numerator": {"sum": "amount"}, "denominator": {"count": "rows"}}},
    "of_a": {"ratio": {"numerator": {"sum": "amount", "where": "kind = 'a'"}, "denominator": {"sum": "amount"}}},
    "mean_ratio": {"ratio": {"numerator": {"mean": "amount"}, "denominator": {"count": "rows"}}},
}
DERIVED: Final = {"combined": {"derived": "some_share - per_row"}}
UNITS: Final = {"some_share": "percent", "known_share": "share", "net": "points", "average_wait": "hours"}
WEIGHTED: Final = [name for name in FORMS if name not in {"kinds", "median", "mean_ratio"}]


def documents(rule: Document | None) -> list[Document]:
    columns = {
        "id": "integer",
        "person": "text",
        "score": "integer?",
        "amount": "double?",
        "weight": "double",
        "kind": "text",
        "at": "instant",
        "done_at": "instant",
    }
    people = source("people", {"id": "text"}, entities={"person": {"key": ["id"]}})
    rows = source(
        "rows",
        columns,
        entities={"row": {"key": ["id"]}, "person": {"key": ["person"], "source": "people"}},
        dimensions={"kind": "kind"},
    )
    shown = {"source": "rows", "time": "at", "dimensions": ["kind"], "sampling": "rule" if rule is not None else None}
    names = WEIGHTED if rule is not None and "weights" in rule else list(FORMS)
    metrics = [metric(name, FORMS[name], unit=UNITS.get(name, "things"), **shown) for name in names]
    more = [metric(name, of, dimensions=["kind"]) for name, of in DERIVED.items()]
    rules = [] if rule is None else [sampling("rule", "rows", "person", **rule)]
    return [people, rows, *metrics, *more, *rules, registry(confidence=0.9)]


def data(seed: int, size: int) -> dict[str, list[dict[str, Any]]]:
    random = Random(seed)
    start = datetime(2026, 7, 1, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {
            "id": i,
            "person": f"p{random.randrange(max(size // 3, 1))}",
            "score": random.choice([*range(11), None]),
            "amount": random.choice([None, round(random.lognormvariate(0, 1), 3), 1.25]),
            "weight": random.choice([0.5, 1.0, 2.5]),
            "kind": random.choice(["a", "a", "b"]),
            "at": start + timedelta(hours=i % 2000),
            "done_at": start + timedelta(hours=i % 2000, minutes=random.randrange(500)),
        }
        for i in range(size)
    ]
    return {"rows": rows, "people": [{"id": f"p{i}"} for i in range(size)]}


def agrees(result: Result, output: Output) -> None:
    """The interval of a metric contains its value, and is that of the sums beside it."""
    place = {column.role: i for i, column in enumerate(result.columns) if column.metric == output.metric.id}
    its = output.uncertainty
    assert its is not None
    for row, estimate in zip(result.rows, estimates(result, output), strict=True):
        if its.method == "none":
            assert not {"low", "high"} & place.keys()
            continue
        low, high, value = (row[place[role]] for role in ("low", "high", "value"))
        found = interval(estimate, 0.9)
        if found is None:
            assert (low, high) == (None, None)
            continue
        lowest, highest = (its.lowest, its.highest) if its.lowest is not None else (-math.inf, math.inf)
        assert highest is not None
        assert low == pytest.approx(max(found[0], lowest), rel=1e-9, abs=1e-9)
        assert high == pytest.approx(min(found[1], highest), rel=1e-9, abs=1e-9)
        assert low <= value <= high


RULES: Final[dict[str, Document | None]] = {
    "no rule": None,
    "one row a unit": {"deduplicate": {"keep": "first", "order": ["id"]}},
    "clustered": {},
    "weighted": {
        "deduplicate": {"keep": "first", "order": ["id"]},
        "weights": {"method": "column", "column": "weight"},
    },
    "weighted clusters": {"weights": {"method": "column", "column": "weight"}},
}


@pytest.mark.parametrize("size", [0, 1, 2, 40])
@pytest.mark.parametrize("rule", RULES)
def test_intervals_are_those_of_the_sums(quick: Maker, rule: str, size: int) -> None:
    """For every form and design the SQL's interval is what the returned sums give, and statistics move no value."""
    world = quick(documents(RULES[rule]), data(size, size))
    names = [*(WEIGHTED if "weighted" in rule else FORMS), *DERIVED]
    for asked in ({}, {"by": ("kind",)}, {"grain": "month"}):
        found = {engine: world.run(engine, *names, period="2026-Q3", stats="full", **asked) for engine in world.engines}
        assert_same(*(its.rows for its in found.values()))
        for engine, its in found.items():
            result = complete(its)
            for output in result.compiled.plan.outputs:
                agrees(result, output)
            bare = world.run(engine, *names, period="2026-Q3", **asked)
            place = {column.name: i for i, column in enumerate(result.columns)}
            assert_same([[row[place[column.name]] for column in bare.columns] for row in result.rows], bare.rows)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("rule", RULES)
def test_every_dialect_writes_them(quick: Maker, rule: str, dialect: str) -> None:
    """Statistics compile in every dialect, except for what that dialect refuses anyway."""
    world: World = quick(documents(RULES[rule]), data(0, 0))
    names = [*(WEIGHTED if "weighted" in rule else FORMS), *DERIVED]
    if dialect == "bigquery":
        names = [name for name in names if name != "median"]
    assert world.compile(dialect, *names, period="2026-Q3", stats="full", grain="month").sql
