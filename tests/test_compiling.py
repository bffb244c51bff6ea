"""From questions to numbers: what is refused and how, and what a compiled number means on both engines."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import psycopg
import pytest
import sqlglot

from cxgov.api import Query, Refused, run
from cxgov.compiler.planning import plan
from cxgov.compiler.sql import to_sql
from cxgov.engines.protocol import DataBroken
from cxgov.language.model import Registry
from tests.support import (
    DIALECTS,
    ENGINES,
    Document,
    Maker,
    Rows,
    assert_same,
    execute,
    metric,
    registry_of,
    source,
)

NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)
QUARTER: Mapping[str, Any] = {"period": "2026-Q1"}
CUSTOMERS = source(
    "customers",
    {"id": "integer", "segment": "text?", "site": "text?"},
    entities={"customer": {"key": ["id"]}},
    dimensions={"segment": "segment", "site": "site"},
)
AGENTS = source(
    "agents",
    {"id": "integer", "segment": "text?"},
    entities={"agent": {"key": ["id"]}},
    dimensions={"segment": "segment"},
)
TICKETS = source(
    "tickets",
    {
        "id": "integer",
        "customer_id": "integer?",
        "agent_id": "integer?",
        "opened_at": "instant",
        "x": "integer?",
        "kind": "text?",
        "clock": {"type": "local", "zone": "America/New_York", "twice": "last", "missing": "error"},
    },
    entities={
        "ticket": {"key": ["id"]},
        "customer": {"key": ["customer_id"], "source": "customers"},
        "agent": {"key": ["agent_id"], "source": "agents"},
    },
    dimensions={"kind": "kind", "big": "x > 2"},
)
SOURCES = [CUSTOMERS, AGENTS, TICKETS]


def counted(identity: str = "n", **fields: Any) -> Document:
    """A count of tickets."""
    common = {
        "source": "tickets",
        "time": "opened_at",
        "dimensions": ["kind", "big", "customer.segment", "agent.segment"],
    }
    return metric(
        identity,
        {"count": "rows", **({"where": fields.pop("only")} if "only" in fields else {})},
        **{**common, **fields},
    )


def ticket(identity: int, **cells: Any) -> dict[str, Any]:
    """A ticket of the first quarter."""
    return {"id": identity, "opened_at": NOON, "clock": NOON.replace(tzinfo=None), **cells}


# --- refusals ---

ASKED: tuple[tuple[str, Mapping[str, Any], str, str], ...] = (
    ("n", {"by": ("customer.site",)}, "n cannot be split or filtered by 'customer.site'", "Its dimensions: kind, big"),
    ("n", {"where": "x > 2"}, "n cannot be split or filtered by 'x'", "Its dimensions: kind, big"),
    ("n", {"by": ("customer.segmnt",)}, "did you mean 'customer.segment'?", "Its dimensions"),
    (
        "n",
        {"by": ("segment",)},
        "'segment' is ambiguous for n: customer.segment, agent.segment",
        "Write the one that is meant.",
    ),
    ("people", {"by": ("ticket.kind",), "period": None}, "from one row of customers to many of tickets", ""),
    ("waiting", {}, "metric 'waiting' is a draft", "Ask with --draft, or certify it."),
    ("n", {"period": None}, "no period is given for n", "Ask with --period 2026-Q3, or with --start and --end."),
    ("everyone", {}, "everyone has no `time`, so it has no periods", "Ask it alone, without a period."),
    ("n everyone", {}, "everyone has no `time`, so it has no periods", "Ask it alone, without a period."),
    ("n everyone", {"period": None}, "no period is given for n", "Ask with --period"),
    (
        "everyone",
        {"period": None, "grain": "month"},
        "everyone has no `time`, so it has no buckets of a month",
        "without --grain",
    ),
    ("median_z", {}, "metric 'median_z' does not exist; did you mean 'median_x'?", "Metrics: "),
    ("", {}, "no metric is asked", "`cxgov list`"),
    ("n n_n", {}, "the result would have two columns 'n_n'", ""),
    ("customer__segment", {"by": ("customer.segment",)}, "the result would have two columns 'customer__segment'", ""),
    (
        "n",
        {"period": "2026-13"},
        "'2026-13' is not a period",
        "Write a year (2026), a quarter (2026-Q3) or a month (2026-07).",
    ),
    ("n", {"start": date(2026, 1, 1)}, "both a period and days are given", "Keep --period"),
    ("n", {"period": None, "start": date(2026, 1, 1)}, "only one end of the period is given", "Give --start and --end"),
    (
        "n",
        {"period": None, "start": date(2026, 1, 2), "end": date(2026, 1, 2)},
        "no day lies between",
        "not meant any more",
    ),
    (
        "n",
        {"period": None, "start": date(2000, 1, 1), "end": date(2026, 1, 1), "grain": "day"},
        "at most 1,200",
        "coarser grain",
    ),
    ("n", {"grain": "hour"}, "'hour' is not a grain", "Write one of: day, week, month, quarter, year."),
    ("n", {"as_of": datetime(2026, 5, 1)}, "is no instant", "Write it with a zone"),
    ("n", {"where": "kind"}, "--where is a text, not a condition", "Compare it"),
    ("n", {"where": "kind = 3"}, "--where: text is compared with integer", "Write '3' in quotes"),
    ("n", {"where": "kind = 'a' and"}, "--where, character 15: found the end", ""),
    ("n", {"where": "kind = 'a' -- all"}, "comments cannot be written", ""),
    ("n", {"where": "big = (select true)"}, "a subquery cannot be written", ""),
    ("n", {"where": "kind = 'a'; drop table x"}, "';' cannot be written", ""),
)


@pytest.fixture(scope="module")
def asked() -> Registry:
    """A registry in which everything can be asked wrongly."""
    return registry_of(
        [
            *SOURCES,
            counted(),
            counted("n_n", only="x > 2"),
            counted("customer__segment"),
            counted("waiting", status="draft"),
            counted("everyone", time=None),
            metric("people", {"count": "rows"}, source="customers", dimensions=["segment"]),
            metric("median_x", {"quantile": {"of": "x", "q": 0.5, "type": 7}}, source="tickets", time="opened_at"),
            metric(
                "delay",
                {"mean": "clock - timestamp '2026-01-01 00:00'"},
                source="tickets",
                time="opened_at",
                unit="hours",
            ),
        ]
    )


@pytest.mark.parametrize(("metrics", "query", "message", "fix"), ASKED)
def test_a_question_without_an_exact_answer_is_refused(
    asked: Registry, metrics: str, query: Mapping[str, Any], message: str, fix: str
) -> None:
    """Each refusal names what is wrong and says what can be asked instead."""
    with pytest.raises(Refused) as refused:
        plan(asked, Query(metrics=tuple(metrics.split()), **{**QUARTER, **query}))
    assert message in str(refused.value)
    assert fix in refused.value.fix
    assert refused.value.fix or "where" in query


@pytest.mark.parametrize(
    ("dialect", "identity", "message"),
    [
        ("bigquery", "median_x", "bigquery has no exact quantile as an aggregate, only an approximate one"),
        (
            "bigquery",
            "delay",
            "bigquery is not known to resolve the repeated and the missing hours of America/New_York",
        ),
        (
            "snowflake",
            "delay",
            "snowflake is not known to resolve the repeated and the missing hours of America/New_York",
        ),
        ("oracle", "n", "'oracle' is not a dialect that cxgov writes"),
    ],
)
def test_what_a_dialect_lacks_is_refused(asked: Registry, dialect: str, identity: str, message: str) -> None:
    """A construct that a dialect has not, or only inexactly, is a refusal that names it."""
    with pytest.raises(Refused, match=message) as refused:
        to_sql(plan(asked, Query(metrics=(identity,), **QUARTER)), dialect)
    assert refused.value.fix


def test_what_a_dialect_lacks_is_refused_for_that_metric_alone(asked: Registry) -> None:
    """The others have their statement in every dialect."""
    for dialect in DIALECTS:
        to_sql(plan(asked, Query(metrics=("n",), by=("customer.segment",), grain="week", **QUARTER)), dialect)
    for dialect in ("duckdb", "postgres", "snowflake"):
        to_sql(plan(asked, Query(metrics=("median_x",), **QUARTER)), dialect)


# --- groups, keys and zeros ---


def test_rows_without_a_key_keep_a_group(make: Maker) -> None:
    """NULL keys, keys that match nobody and customers without a segment stand together in the NULL group, last."""
    data: dict[str, Rows] = {
        "customers": [{"id": 1, "segment": "b"}, {"id": 2, "segment": None}, {"id": 3, "segment": "a"}],
        "tickets": [ticket(i, customer_id=key) for i, key in enumerate([1, 1, 2, 99, None, 3])],
    }
    world = make([*SOURCES, counted()], data)
    assert world.rows("n", by=("customer.segment",), stats="none", **QUARTER) == (("a", 1), ("b", 2), (None, 3))
    assert world.rows("n", where="customer.segment is null", stats="none", **QUARTER) == ((3,),)
    assert world.rows("n", where="customer.segment <> 'a'", stats="none", **QUARTER) == ((2,),)


def test_text_is_ordered_by_code_point(make: Maker) -> None:
    """The order of groups is not the database's collation's."""
    kinds = ["b", "B", "a", "é", "Z", "", " ", "_", "10", "9", None]
    world = make([*SOURCES, counted()], {"tickets": [ticket(i, kind=kind) for i, kind in enumerate(kinds)]})
    found = [row[0] for row in world.rows("n", by=("kind",), **QUARTER)]
    assert found == [*sorted(kind for kind in kinds if kind is not None), None]


def test_an_empty_denominator_is_null_and_an_empty_numerator_is_zero(make: Maker) -> None:
    """Every form on rows, on rows of which none counts, and on none."""
    where = {"source": "tickets", "time": "opened_at", "dimensions": ["kind"]}
    ratio = {"ratio": {"numerator": {"count": "rows"}, "denominator": {"sum": "x"}}}
    documents = [
        *SOURCES,
        metric("a_share", {"share": {"of": "x > 2", "among": "x > 0"}}, **where),
        metric("net", {"net_share": {"plus": "x > 2", "minus": "x = 1", "among": "x > 0"}}, **where),
        metric("per_x", ratio, **where),
        metric("average", {"mean": "x"}, **where),
        metric("total", {"sum": "x"}, **where),
        metric("highest", {"max": "x"}, **where),
        metric("kinds", {"count_distinct": "customer"}, **where),
        metric("divided", {"sum": "6 / x"}, **where),
        metric("made", {"derived": "total / kinds"}, dimensions=["kind"]),
    ]
    tickets = [
        ticket(1, kind="full", x=3, customer_id=1),
        ticket(2, kind="full", x=1, customer_id=1),
        ticket(3, kind="none", x=0),
        ticket(4, kind="none", x=0),
        ticket(5, kind="null", x=None),
    ]
    world = make(documents, {"tickets": tickets})
    asked = [found["id"] for found in documents[3:]]
    found = {row[0]: row[1:] for row in world.rows(*asked, by=("kind",), stats="none", **QUARTER)}
    assert found["full"] == (50.0, 0.0, 0.5, 2.0, 4, 3, 1, 8.0, 4.0)
    assert found["none"] == (None, None, None, 0.0, 0, 0, 0, 0.0, None)
    assert found["null"] == (None, None, None, None, 0, None, 0, 0.0, None)
    nothing = world.run("duckdb", *asked, period="2025-Q1")
    [row] = nothing.rows
    cells = {column.name: value for column, value in zip(nothing.columns, row, strict=True)}
    for identity in asked:
        counts = identity in {"total", "kinds", "divided"}
        assert cells[identity] == (0 if counts else None)
        assert (cells[f"{identity}_n"], cells[f"{identity}_status"]) == (0, "ok" if counts else "no_data")
    assert_same([row], world.run("postgres", *asked, period="2025-Q1").rows)


def test_a_derived_metric_is_null_if_any_part_is(make: Maker) -> None:
    """Neither `coalesce` nor `case` makes a number of a part that there is not."""
    where = {"source": "tickets", "time": "opened_at", "dimensions": ["kind"]}
    documents = [
        *SOURCES,
        metric("average", {"mean": "x"}, **where),
        metric("rows_", {"count": "rows"}, **where),
        metric("hidden", {"derived": "coalesce(average, 0) + rows_"}, dimensions=["kind"]),
        metric("chosen", {"derived": "case when rows_ > 0 then rows_ else average end"}, dimensions=["kind"]),
        metric("nested", {"derived": "hidden - chosen"}, dimensions=["kind"]),
    ]
    world = make(documents, {"tickets": [ticket(1, kind="a", x=4), ticket(2, kind="b", x=None)]})
    rows = world.rows("hidden", "chosen", "nested", by=("kind",), stats="none", **QUARTER)
    assert rows == (("a", 5.0, 1.0, 4.0), ("b", None, None, None))


def test_predicates_stay_whole_beside_each_other(make: Maker) -> None:
    """`a or b` beside another condition is `(a or b) and c`, wherever the two stand."""
    documents = [
        *SOURCES,
        counted("filtered", where="x = 1 or x = 2"),
        counted("twice", where="x = 1 or x = 2", valid="kind = 'a' or kind = 'b'", only="x = 2 or x = 3"),
        metric(
            "among",
            {"share": {"of": "x = 1 or x = 2", "among": "kind = 'a' or kind = 'b'", "unknown": "no"}},
            source="tickets",
            time="opened_at",
            where="x > 0 or x is null",
            dimensions=["kind"],
        ),
    ]
    tickets = [
        ticket(10 * i + j, x=x, kind=kind) for i, x in enumerate([0, 1, 2, 3, None]) for j, kind in enumerate("abc")
    ]
    world = make(documents, {"tickets": tickets})
    assert world.value("filtered", **QUARTER) == 6
    assert world.value("filtered", where="kind = 'a' or kind = 'b'", **QUARTER) == 4
    assert world.value("filtered", where="not (kind = 'a' or kind = 'b')", **QUARTER) == 2
    assert world.value("twice", **QUARTER) == 2
    assert world.value("among", **QUARTER) == 50.0
    assert world.value("among", where="kind = 'a' or kind = 'c'", **QUARTER) == 50.0


# --- suppression ---


def test_below_the_minimum_the_value_and_its_count_are_hidden(make: Maker) -> None:
    """A few rows give no value, no n and the word for it; none is no data; enough are shown."""
    where = {"source": "tickets", "time": "opened_at", "dimensions": ["kind"], "min_sample": 3}
    documents = [
        *SOURCES,
        metric("average", {"mean": "x"}, **where),
        metric("rows_", {"count": "rows"}, **where),
        metric("twice", {"derived": "average * 2"}, dimensions=["kind"]),
    ]
    tickets = [
        ticket(10 * i + j, kind=kind, x=6)
        for i, (kind, size) in enumerate([("few", 2), ("enough", 3)])
        for j in range(size)
    ]
    world = make(documents, {"tickets": [*tickets, ticket(99, kind="unknown", x=None)]})
    rows = {row[0]: row[1:] for row in world.rows("average", "rows_", "twice", by=("kind",), **QUARTER)}
    assert rows["enough"] == (6.0, 3, "ok", 3, 3, "ok", 12.0, 3, "ok")
    assert rows["few"] == (None, None, "suppressed", None, None, "suppressed", None, None, "suppressed")
    assert rows["unknown"] == (None, 0, "no_data", None, None, "suppressed", None, 0, "no_data")
    assert world.rows("average", "rows_", period="2025-Q1") == ((None, 0, "no_data", 0, 0, "ok"),)
    without = world.rows("average", "rows_", by=("kind",), stats="none", **QUARTER)
    assert without == (("enough", 6.0, 3), ("few", None, None), ("unknown", None, None))


# --- time ---


def test_what_arrived_later_is_not_seen(make: Maker) -> None:
    """A row counts where it had arrived before the `as of`: by default ten days after the period's end."""
    arriving = source(
        "answers",
        {"id": "integer", "at": "instant", "loaded_at": "instant", "customer_id": "integer"},
        arrival="loaded_at",
        entities={"customer": {"key": ["customer_id"], "source": "people"}},
    )
    people = source(
        "people",
        {"id": "integer", "loaded_at": "instant", "site": "text"},
        arrival="loaded_at",
        entities={"customer": {"key": ["id"]}},
        dimensions={"site": "site"},
    )
    closes = datetime(2026, 4, 11, tzinfo=UTC)
    second = timedelta(seconds=1)
    data = {
        "answers": [
            {"id": i, "at": NOON, "loaded_at": at, "customer_id": i}
            for i, at in enumerate([NOON, closes - second, closes, closes + second])
        ],
        "people": [{"id": 0, "loaded_at": NOON, "site": "s"}, {"id": 1, "loaded_at": closes, "site": "s"}],
    }
    documents = [
        arriving,
        people,
        metric("n", {"count": "rows"}, source="answers", time="at", dimensions=["customer.site"]),
    ]
    world = make(documents, data)
    assert world.value("n", **QUARTER) == 2
    assert world.value("n", as_of=closes + second, **QUARTER) == 3
    assert world.value("n", as_of=closes + 2 * second, **QUARTER) == 4
    assert world.value("n", as_of=NOON, **QUARTER) == 0
    assert world.value("n", as_of=closes.astimezone(ZoneInfo("Asia/Tokyo")), **QUARTER) == 2
    assert world.rows("n", by=("customer.site",), stats="none", **QUARTER) == (("s", 1), (None, 1))
    assert world.rows("n", by=("customer.site",), stats="none", as_of=closes + second, **QUARTER) == (
        ("s", 2),
        (None, 1),
    )


def test_an_answer_before_its_as_of_is_early(make: Maker) -> None:
    """Whoever asks before the period's numbers are complete is told so."""
    world = make([*SOURCES, counted()], {"tickets": [ticket(1)]})
    query = Query(metrics=("n",), **QUARTER)
    for now, early in ((datetime(2026, 4, 10, 23, tzinfo=UTC), True), (datetime(2026, 4, 11, tzinfo=UTC), False)):
        assert run(world.loaded, query, connection="duckdb", now=now).early is early


HISTORY = source(
    "contracts",
    {"id": "integer", "since": "instant", "until": "instant?", "plan": "text"},
    key=["id", "since"],
    interval={"from": "since", "until": "until"},
    entities={"contract": {"key": ["id"]}},
    dimensions={"plan": "plan"},
)
USES = source(
    "uses",
    {"id": "integer", "contract_id": "integer", "at": "instant"},
    entities={"contract": {"key": ["contract_id"], "source": "contracts"}},
)
USED = metric("n", {"count": "rows"}, source="uses", time="at", dimensions=["contract.plan"])


def test_a_history_is_joined_as_it_was_at_the_fact_s_time(make: Maker) -> None:
    """A version holds from its beginning to just before its end, and still does without one."""
    change, hour = datetime(2026, 2, 1, tzinfo=UTC), timedelta(hours=1)
    data = {
        "contracts": [
            {"id": 1, "since": change - 24 * hour, "until": change, "plan": "old"},
            {"id": 1, "since": change, "until": None, "plan": "new"},
        ],
        "uses": [
            {"id": i, "contract_id": key, "at": at}
            for i, (key, at) in enumerate(
                [
                    (1, change - 25 * hour),
                    (1, change - 24 * hour),
                    (1, change - hour),
                    (1, change),
                    (1, change + hour),
                    (2, change),
                ]
            )
        ],
    }
    world = make([HISTORY, USES, USED], data)
    assert world.rows("n", by=("contract.plan",), stats="none", **QUARTER) == (("new", 2), ("old", 2), (None, 2))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_history_that_overlaps_is_broken_data(make: Maker, engine: str) -> None:
    """Two versions at one instant would count a fact twice: no number, and a message that names the source."""
    versions = [{"id": 1, "since": NOON - timedelta(days=days), "until": None, "plan": "p"} for days in (2, 1)]
    world = make([HISTORY, USES, USED], {"contracts": versions, "uses": [{"id": 1, "contract_id": 1, "at": NOON}]})
    with pytest.raises(
        DataBroken, match="rows of uses would be counted again, as a key of contracts stands more than once"
    ):
        world.run(engine, "n", by=("contract.plan",), **QUARTER)
    assert world.value("n", **QUARTER) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_repeated_key_is_broken_data(make: Maker, engine: str) -> None:
    """A key that stands twice would multiply facts where it is joined: there it is refused, elsewhere it is nothing."""
    customers: Rows = [{"id": 1, "segment": "a"}, {"id": 1, "segment": "b"}, {"id": 2}]
    world = make(
        [*SOURCES, counted()], {"customers": customers, "tickets": [ticket(1, customer_id=1), ticket(2, customer_id=2)]}
    )
    with pytest.raises(DataBroken, match="as a key of customers stands more than once"):
        world.run(engine, "n", by=("customer.segment",), **QUARTER)
    with pytest.raises(DataBroken, match="as a key of customers stands more than once"):
        world.run(engine, "n", where="customer.segment = 'a'", **QUARTER)
    assert world.value("n", **QUARTER) == 2
    assert world.rows("n", by=("customer.segment",), stats="none", period="2025") == ()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_time_that_no_clock_showed_is_broken_data(make: Maker, engine: str) -> None:
    """With `missing: error` a wall-clock time in the spring gap is refused, in the periods that would hold it."""
    gap = ticket(1) | {"clock": datetime(2026, 3, 8, 2, 30)}
    world = make([*SOURCES, counted(time="clock")], {"tickets": [gap]}, zone="America/New_York")
    message = "rows of tickets have a clock that the clock of America/New_York never showed"
    with pytest.raises(DataBroken, match=message):
        world.run(engine, "n", **QUARTER)
    assert world.value("n", period="2026-02") == 0
    assert world.value("n", period="2026-Q2") == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_measured_time_that_no_clock_showed_is_broken_data_too(make: Maker, engine: str) -> None:
    """A column that is only part of a duration is held to its clock on the question's rows, wherever the gap lies."""
    took = metric(
        "took", {"mean": "clock - timestamp '2026-01-01 00:00'"}, source="tickets", time="opened_at", unit="hours"
    )
    gap = ticket(1) | {"clock": datetime(2025, 3, 9, 2, 30)}
    world = make([*SOURCES, took], {"tickets": [gap]})
    with pytest.raises(DataBroken, match="a clock that the clock of America/New_York never showed"):
        world.run(engine, "took", **QUARTER)
    assert world.rows("took", stats="none", period="2025") == ((None,),)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo", "Australia/Adelaide", "Australia/Brisbane"])
@pytest.mark.parametrize("own", ["Australia/Lord_Howe", "Pacific/Chatham"])
@pytest.mark.parametrize(("twice", "fold"), [("first", 0), ("last", 1)])
def test_a_wall_clock_means_what_its_column_says(quick: Maker, own: str, zone: str, twice: str, fold: int) -> None:
    """Repeated times mean the first or the last showing, missing ones move forward, in buckets and in durations.

    In these zones the calendar's midnights fall into the columns' jumps.
    """
    clock = {"type": "local", "zone": own, "twice": twice, "missing": "forward"}
    documents = [
        source("events", {"id": "integer", "at": clock}, dimensions={"id": "id"}),
        metric("n", {"count": "rows"}, source="events", time="at"),
        metric(
            "took",
            {"sum": "at - timestamp '2026-01-01 00:00'"},
            source="events",
            time="at",
            unit="minutes",
            dimensions=["id"],
        ),
    ]
    jumps = [datetime(2026, month, day) for month, day in ((4, 5), (9, 27), (10, 4))]
    walls = [start + i * timedelta(minutes=15) for start in jumps for i in range(20)]
    there, here = ZoneInfo(own), ZoneInfo(zone)
    instants = []
    for wall in walls:
        first, last = (wall.replace(tzinfo=there, fold=i).astimezone(UTC) for i in (0, 1))
        # Of a time that the clock never showed, `fold=0` is the one moved forward.
        shown = last.astimezone(there).replace(tzinfo=None) == wall
        instants.append(last if shown and fold else first)
    rows = [{"id": i, "at": wall} for i, wall in enumerate(walls)]
    world = quick(documents, {"events": rows}, zone=zone, week_start="sunday", reporting="year")
    days = [instant.astimezone(here).date() for instant in instants]
    found = {row[0]: row[2] for row in world.rows("n", period="2026", grain="day", stats="none") if row[2]}
    assert found == Counter(days)
    asked = "2026"
    if (own, zone) == ("Pacific/Chatham", "Australia/Adelaide"):
        asked = "2026-Q2"
        with pytest.raises(Refused, match="at moves missing times forward across 2026-09-26 14:30 UTC"):
            world.compile("duckdb", "n", period="2026-Q3", grain="week")
    weeks = {row[0]: row[2] for row in world.rows("n", period=asked, grain="week", stats="none") if row[2]}
    sundays = Counter(
        max(day - timedelta(days=(day.weekday() + 1) % 7), date(2026, 4, 1) if asked == "2026-Q2" else date.min)
        for day in days
        if asked == "2026" or 4 <= day.month <= 6
    )
    assert weeks == sundays
    origin = datetime(2026, 1, 1, tzinfo=there)
    took = dict(world.rows("took", by=("id",), period="2026", stats="none"))
    assert took == {i: (instant - origin) / timedelta(minutes=1) for i, instant in enumerate(instants)}


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/Sao_Paulo", date(2017, 10, 15)),
        ("Asia/Beirut", date(2022, 3, 27)),
        ("Pacific/Apia", date(2011, 12, 31)),
        ("America/Sao_Paulo", date(2018, 2, 18)),
        ("America/Havana", date(2025, 11, 2)),
    ],
)
def test_a_day_is_what_its_zone_makes_of_it(make: Maker, zone: str, day: date) -> None:
    """Where the clock leaves midnight out, shows it twice or skips a day, buckets have neither gap nor overlap."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=3)
    times = [start + timedelta(minutes=30) * i for i in range(6 * 48)]
    documents = [
        source("events", {"id": "integer", "at": "instant"}),
        metric("n", {"count": "rows"}, source="events", time="at"),
    ]
    world = make(documents, {"events": [{"id": i, "at": at} for i, at in enumerate(times)]}, zone=zone)
    expected: dict[date, int] = {}
    for at in times:
        local = at.astimezone(ZoneInfo(zone)).date()
        expected[local] = expected.get(local, 0) + 1
    first, last = min(expected), max(expected) + timedelta(days=1)
    rows = world.rows("n", start=first, end=last, grain="day", stats="none")
    assert {row[0]: row[2] for row in rows if row[2]} == expected
    assert sum(row[2] for row in world.rows("n", start=first, end=last, grain="week", stats="none")) == len(times)


# --- names and texts ---

WORDS = [
    "order",
    "group",
    "user",
    "default",
    "primary",
    "position",
    "offset",
    "limit",
    "all",
    "count",
    "sum",
    "desc",
    "table",
    "check",
    "column",
    "partition",
    "row",
    "rows",
    "window",
    "account",
    "start",
    "timestamp",
    "date",
    "interval",
    "value",
    "values",
    "current_date",
    "lateral",
    "trim",
    "at",
    "of",
    "n",
    "status",
    "totals",
    "buckets",
    "every_line",
    "groups_found",
    "cells",
    "period_end",
    "a",
]


@pytest.mark.parametrize("word", WORDS)
def test_any_word_can_be_a_name(quick: Maker, word: str) -> None:
    """Columns, dimensions, entities, metrics and sources may have names that engines reserve or the statement uses."""
    documents, data = named(word)
    world = quick(documents, data)
    asked = {
        "by": (word, f"{word}_.{word}"),
        "where": f"{word} = 'v' or {word}_.{word} = 'o'",
        "stats": "none",
        **QUARTER,
    }
    assert world.rows(f"m_{word}", **asked) == (("v", "o", 100.0), ("w", "o", 0.0), (None, "o", 0.0))
    assert world.rows(word, by=(f"{word}_.{word}",), stats="none", **QUARTER) == (("o", 2),)
    months = world.rows(f"m_{word}", word, by=(f"{word}_.{word}",), grain="month", stats="none", **QUARTER)
    assert [row[3:] for row in months] == [(None, 0), (100 / 3, 2), (None, 0)]
    for dialect in DIALECTS:
        world.compile(dialect, f"m_{word}", grain="month", **asked)


def test_a_connection_shows_relations_of_any_name(make: Maker) -> None:
    """Each word is a relation with a column of its own name, all of them behind one question."""
    made = [named(word) for word in WORDS]
    documents = [its for documents, _ in made for its in documents]
    data = {name: rows for _, rows_of in made for name, rows in rows_of.items()}
    found = make(documents, data).rows(*WORDS, stats="none", **QUARTER)
    assert found == ((2,) * len(WORDS),)


def named(word: str) -> tuple[list[Document], dict[str, Rows]]:
    """Two sources and two metrics with names and columns of a word, and their rows."""
    owner = f"{word}_owner"
    documents = [
        source(owner, {"id": "integer", word: "text?"}, entities={"it": {"key": ["id"]}}, dimensions={word: word}),
        source(
            word,
            {"id": "integer", "happened": "instant", word: "text?", "key": "integer"},
            entities={word + "_": {"key": ["key"], "source": owner}},
            dimensions={word: word},
        ),
        metric(
            f"m_{word}",
            {"share": {"of": f"{word} = 'v'", "unknown": "no"}},
            source=word,
            time="happened",
            dimensions=[word, f"{word}_.{word}"],
        ),
        metric(word, {"count_distinct": word}, source=word, time="happened", dimensions=[f"{word}_.{word}"]),
    ]
    data: dict[str, Rows] = {
        owner: [{"id": 1, word: "o"}],
        word: [{"id": i, "happened": NOON, word: value, "key": 1} for i, value in enumerate(["v", "w", None])],
    }
    return documents, data


def test_metrics_whose_names_meet_keep_their_values(make: Maker) -> None:
    """What a metric counts inside is not mixed up with another metric's, a dimension's or a cut-off name."""
    where = {"source": "tickets", "time": "opened_at", "dimensions": ["a_rows", "kind"]}
    long = "l" * 56
    documents = [
        CUSTOMERS,
        AGENTS,
        {**TICKETS, "dimensions": {"a_rows": "kind", "kind": "kind"}},
        metric(
            "a",
            {"ratio": {"numerator": {"count": "rows", "where": "x > 2"}, "denominator": {"count": "rows"}}},
            **where,
        ),
        metric("a_numerator", {"count": "rows", "where": "x > 1"}, **where),
        metric(
            "a_denominator", {"count": "rows", "where": "x > 3"}, source="tickets", time="clock", dimensions=["kind"]
        ),
        metric(long, {"net_share": {"plus": "x > 1", "minus": "x < 1", "unknown": "no"}}, **where),
        metric(long[:-1] + "m", {"net_share": {"plus": "x > 2", "minus": "x < 1", "unknown": "no"}}, **where),
    ]
    world = make(documents, {"tickets": [ticket(i, x=i, kind="k") for i in range(5)]})
    identities = [found["id"] for found in documents[3:]]
    alone = [world.value(identity, **QUARTER) for identity in identities]
    assert alone == [0.4, 3, 1, 40.0, 20.0]
    for asked in (identities, identities[::-1]):
        [row] = world.rows(*asked, stats="none", **QUARTER)
        assert dict(zip(asked, row, strict=True)) == dict(zip(identities, alone, strict=True))
    assert world.rows("a", by=("a_rows",), stats="none", **QUARTER) == (("k", 0.4),)


@pytest.mark.parametrize("relation", ["buckets", "totals", "every_line", "facts_by_at", "facts"])
def test_a_relation_may_have_the_name_of_a_part_of_the_statement(tmp_path: Path, postgres: str, relation: str) -> None:
    """A table without a schema is not hidden by what the statement calls its own parts."""
    its = {**source("facts", {"id": "integer", "at": "instant"}), "relation": relation}
    registry = registry_of([its, metric("n", {"count": "rows"}, source="facts", time="at")])
    found = plan(registry, Query(metrics=("n",), grain="month", stats="none", **QUARTER))
    expected = [(date(2026, 1, 1), False, 0), (date(2026, 2, 1), False, 1), (date(2026, 3, 1), False, 0)]
    made = f"CREATE TEMPORARY TABLE {relation} AS SELECT 1 AS id, TIMESTAMPTZ '2026-02-03 12:00:00+00' AS at"
    with duckdb.connect() as session:
        session.execute(made.replace("AS at", 'AS "at"'))
        assert session.execute(to_sql(found, "duckdb").sql).fetchall() == expected
    with psycopg.connect(postgres) as server:
        execute(server, made)
        assert execute(server, to_sql(found, "postgres").sql).fetchall() == expected


@pytest.mark.parametrize(
    "text",
    [
        "it's",
        "''",
        "\\",
        "a\\'b",
        "\\'; drop table x; --",
        "%_",
        '"',
        "`",
        "é",
        "日本",
        "😀",
        "$1",
        "%s",
        "{x}",
        ":x",
        "?",
        "--",
        "/* */",
        " ",
    ],
)
def test_a_text_stays_what_it_is(quick: Maker, text: str) -> None:
    """Quotes, backslashes, signs of other languages and of drivers in a literal are that text on every engine."""
    literal = "'" + text.replace("'", "''") + "'"
    documents = [
        CUSTOMERS,
        AGENTS,
        {**TICKETS, "dimensions": {"kind": "kind", "same": f"kind = {literal}"}},
        metric(
            "n",
            {"count": "rows"},
            source="tickets",
            time="opened_at",
            where=f"kind = {literal}",
            dimensions=["kind", "same"],
        ),
        metric("all_", {"count": "rows"}, source="tickets", time="opened_at", dimensions=["kind", "same"]),
    ]
    world = quick(
        documents, {"tickets": [ticket(1, kind=text), ticket(2, kind=text + "x"), ticket(3, kind="x" + text)]}
    )
    assert world.rows("n", by=("kind",), stats="none", **QUARTER) == ((text, 1),)
    assert world.value("all_", where=f"kind = {literal}", **QUARTER) == 1
    assert world.rows("all_", by=("same",), stats="none", **QUARTER) == ((False, 2), (True, 1))
    for dialect in DIALECTS:
        sql = world.compile(dialect, "n", **QUARTER).sql
        [tree] = sqlglot.parse(sql, read=dialect)
        assert tree is not None
        assert text in {found.this for found in tree.find_all(sqlglot.exp.Literal) if found.is_string}


# --- the statement alone ---


def test_null_order_is_written_out(asked: Registry) -> None:
    """Every key of the result's order says NULLS LAST in each dialect, or has it as the dialect's own fixed default."""
    query = Query(metrics=("n",), by=("kind", "big"), grain="month", **QUARTER)
    for dialect in ("duckdb", "snowflake", "bigquery"):
        order = to_sql(plan(asked, query), dialect).sql.rsplit("ORDER BY", 1)[1]
        assert order.count("NULLS LAST") == (3 if dialect != "snowflake" else order.count("NULLS LAST")), dialect


def test_no_session_moves_a_number(make: Maker, postgres: str) -> None:
    """The statement gives the same rows whatever the session's zone, null order or date style."""
    clock = {"type": "local", "zone": "Europe/Berlin", "twice": "last", "missing": "forward"}
    documents = [
        source(
            "events",
            {"id": "integer", "at": "instant", "wall": clock, "kind": "text?", "day": "date?"},
            dimensions={"kind": "kind", "day": "day"},
        ),
        metric("n", {"count": "rows"}, source="events", time="at", dimensions=["kind", "day"]),
        metric("w", {"count": "rows"}, source="events", time="wall", dimensions=["kind", "day"]),
        metric(
            "took",
            {"sum": "wall - timestamp '2026-03-01 00:00'"},
            source="events",
            time="at",
            unit="hours",
            dimensions=["kind", "day"],
        ),
        metric(
            "fresh",
            {"count": "rows", "where": "at < timestamp '2026-03-29 12:00:00+02:00'"},
            source="events",
            time="at",
            dimensions=["kind", "day"],
        ),
    ]
    start = datetime(2026, 3, 25, tzinfo=UTC)
    rows = [
        {
            "id": i,
            "at": start + timedelta(hours=5 * i),
            "wall": (start + timedelta(hours=5 * i)).replace(tzinfo=None),
            "kind": [None, "a", "B"][i % 3],
            "day": None if i % 4 else date(2026, 3, 1 + i % 7),
        }
        for i in range(60)
    ]
    world = make(documents, {"events": rows}, zone="Europe/Berlin", week_start="sunday")
    for grain in ("day", "week", "month"):
        asked: dict[str, Any] = {
            "by": ("kind", "day"),
            "grain": grain,
            "start": date(2026, 3, 20),
            "end": date(2026, 4, 10),
        }
        expected = world.rows("n", "w", "took", "fresh", **asked)
        assert sum(row[4] for row in expected) == len(rows)
        with duckdb.connect(world.loaded.folder / "data.duckdb", read_only=True) as session:
            for setting in (
                "TimeZone = 'America/Los_Angeles'",
                "default_null_order = 'nulls_first'",
                "default_order = 'DESC'",
                "integer_division = true",
            ):
                session.execute(f"SET {setting}")
            assert_same(
                session.execute(world.compile("duckdb", "n", "w", "took", "fresh", **asked).sql).fetchall(), expected
            )
        with psycopg.connect(postgres) as server:
            for setting in (
                "TIME ZONE 'Asia/Tokyo'",
                "datestyle = 'German'",
                "intervalstyle = 'sql_standard'",
                "extra_float_digits = 0",
            ):
                execute(server, f"SET {setting}")
            found = execute(server, world.compile("postgres", "n", "w", "took", "fresh", **asked).sql).fetchall()
            assert_same(found, expected)
