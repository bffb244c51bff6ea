"""Sampling rules: the steps of a chain beside the same steps written in Python, on rows drawn at random."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import pytest

from cxgov.api import Query, check, run
from cxgov.compiler.attrition import attrition, excepted
from cxgov.compiler.drawing import compile_draw
from cxgov.compiler.planning import plan
from cxgov.engines.protocol import DataBroken
from tests.support import Document, Maker, World, exclusion, metric, sampling, source

Row = Mapping[str, Any]
START: Final = datetime(2026, 7, 1, tzinfo=UTC)
END: Final = datetime(2026, 10, 1, tzinfo=UTC)
RULE: Final[Document] = {
    "frame": {"source": "customers", "where": "status = 'active'"},
    "contact_cap": {"at_most": 2, "per": "30 days"},
    "select": {"method": "hash", "fraction": 0.6, "salt": "wave"},
    "invited": {"source": "invitations", "by": "customer", "time": "sent_at"},
    "responded": {"by": "invitation", "time": "at", "within": "21 days"},
    "deduplicate": {"keep": "latest", "order": ["at", "id"]},
}
POSTSTRATIFY: Final = {"method": "poststratify", "by": ["region", "tier"], "targets": "frame", "empty_cell": "error"}


def documents(rule: Document, *more: Document) -> list[Document]:
    """A relationship survey: customers, invitations, responses, a rule and the NPS under it."""
    customers = source(
        "customers",
        {"id": "text", "region": "text?", "tier": "text", "status": "text?", "value": "double"},
        entities={"customer": {"key": ["id"]}},
        dimensions={"region": "region", "tier": "tier"},
    )
    sent = source(
        "invitations",
        {"id": "integer", "customer_id": "text", "sent_at": "instant"},
        entities={"invitation": {"key": ["id"]}, "customer": {"key": ["customer_id"], "source": "customers"}},
    )
    answers = source(
        "responses",
        {
            "id": "integer",
            "invitation_id": "integer",
            "customer_id": "text",
            "score": "integer?",
            "channel": "text",
            "weight": "double",
            "at": "instant",
        },
        entities={
            "response": {"key": ["id"]},
            "invitation": {"key": ["invitation_id"], "source": "invitations"},
            "customer": {"key": ["customer_id"], "source": "customers"},
        },
        dimensions={"channel": "channel"},
    )
    nps = metric(
        "nps",
        {"net_share": {"plus": "score >= 9", "minus": "score <= 6"}},
        source="responses",
        time="at",
        sampling="survey",
        where="channel <> 'internal'",
        valid="score between 0 and 10",
        unit="points",
        dimensions=["channel", "customer.region"],
    )
    return [customers, sent, answers, sampling("survey", "responses", "customer", **rule), nps, *more]


def drawn(seed: int, customers: int = 60, answers: int = 400) -> dict[str, list[Row]]:
    """Rows of which every step takes some."""
    random = Random(seed)
    people: list[Row] = [
        {
            "id": f"c{i}",
            "region": random.choice(["EMEA", "AMER", None]),
            "tier": random.choice(["gold", "plain"]),
            "status": random.choice(["active", "active", "active", "left", None]),
            "value": random.choice([1.0, 2.5, 40.0]),
        }
        for i in range(customers)
    ]
    sent: list[Row] = [
        {
            "id": i,
            "customer_id": f"c{random.randrange(customers + 5)}",
            "sent_at": START + timedelta(days=random.randrange(-20, 90), hours=random.choice([0, 0, 7])),
        }
        for i in range(answers // 2)
    ]
    rows: list[Row] = []
    for i in range(answers):
        to = random.choice(sent)
        rows.append(
            {
                "id": i,
                "invitation_id": random.choice([to["id"], to["id"], to["id"], 10_000]),
                "customer_id": random.choice([to["customer_id"], to["customer_id"], to["customer_id"], "c1"]),
                "score": random.choice([*range(-1, 12), 9, 10, None]),
                "channel": random.choice(["email", "sms", "internal"]),
                "weight": random.choice([0.5, 1.0, 3.0]),
                "at": to["sent_at"]
                + timedelta(days=random.choice([-1, 0, 3, 20, 21, 30]), hours=random.choice([0, 5])),
            }
        )
    return {"customers": people, "invitations": sent, "responses": rows}


def below(key: str, fraction: float) -> bool:
    """Whether a key is drawn, as hashlib has it."""
    edge = f"{math.ceil(fraction * 16**8):08x}"
    return fraction == 1 or hashlib.md5(f"wave:{key}".encode()).hexdigest()[:8] < edge  # noqa: S324  # no secret


def steps(data: Mapping[str, Sequence[Row]], rule: Document) -> list[tuple[str, list[Row]]]:
    """The rows that each step leaves, one row at a time and in plain Python."""
    frame = {row["id"]: row for row in data["customers"] if row["status"] == "active"}
    sent = {row["id"]: row for row in data["invitations"]}
    selected = {key for key in frame if below(key, 0.6)}

    def before(invitation: Row) -> int:
        since = invitation["sent_at"] - timedelta(days=30)
        return sum(
            other["customer_id"] == invitation["customer_id"] and since <= other["sent_at"] < invitation["sent_at"]
            for other in data["invitations"]
        )

    def invited(row: Row) -> bool:
        its = sent.get(row["invitation_id"])
        return its is not None and bool(its["customer_id"] == row["customer_id"])

    def responded(row: Row) -> bool:
        since = row["at"] - sent[row["invitation_id"]]["sent_at"]
        return bool(timedelta(0) <= since < timedelta(days=21))

    tests: list[tuple[str, Callable[[Row], bool]]] = [
        ("population", lambda row: START <= row["at"] < END and row["channel"] != "internal"),
    ]
    if "frame" in rule:
        tests.append(("in_frame", lambda row: row["customer_id"] in frame))
    if "select" in rule:
        tests.append(("selected", lambda row: row["customer_id"] in selected))
    if "invited" in rule:
        tests.append(("invited", invited))
    if "contact_cap" in rule:
        tests.append(("within_cap", lambda row: before(sent[row["invitation_id"]]) < 2))
    if "responded" in rule:
        tests.append(("responded", responded))
    tests.append(("valid", lambda row: row["score"] is not None and 0 <= row["score"] <= 10))
    left = list(data["responses"])
    found = []
    for step, test in tests:
        left = [row for row in left if test(row)]
        found.append((step, left))
    if "deduplicate" in rule:
        latest: dict[str, Row] = {}
        for row in sorted(left, key=lambda row: (row["at"], row["id"])):
            latest[row["customer_id"]] = row
        left = list(latest.values())
        found.append(("one_per_unit", left))
    return found


def net(rows: Sequence[Row], weight: Callable[[Row], float] = lambda _: 1.0) -> float:
    """The weighted NPS of rows."""
    score = sum(weight(row) * ((row["score"] >= 9) - (row["score"] <= 6)) for row in rows)
    return float(100 * score / sum(map(weight, rows)))


def left_by_step(world: World, engine: str, **asked: Any) -> list[tuple[str, int]]:
    """What each step leaves, as the statement counts it."""
    query = Query(metrics=("nps",), period="2026-Q3", **asked)
    counted = attrition(plan(world.loaded.registry, query, stepwise=True), engine)
    rows = world.sessions[engine](counted.sql)
    return [(step.step, count) for step, (_, count) in zip(counted.steps, rows, strict=True)]


RULES: Final = [
    {"deduplicate": RULE["deduplicate"]},
    {"frame": RULE["frame"]},
    {key: RULE[key] for key in ("frame", "select", "deduplicate")},
    {key: RULE[key] for key in ("invited", "responded", "deduplicate")},
    {key: value for key, value in RULE.items() if key != "contact_cap"},
    RULE,
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rule", RULES, ids="+".join)
def test_each_step_leaves_the_rows_it_says(quick: Maker, rule: Document, seed: int) -> None:
    """Every step takes away exactly the rows that it names, on every engine, and the value is of what is left."""
    data = drawn(seed)
    world = quick(documents(rule), data)
    wanted = steps(data, rule)
    for engine in world.engines:
        assert left_by_step(world, engine) == [(step, len(rows)) for step, rows in wanted]
    rows = wanted[-1][1]
    [(value, n, status)] = world.rows("nps", period="2026-Q3")
    assert (value, n, status) == (pytest.approx(net(rows)), len(rows), "ok")
    by_channel = {row[0]: row[1:3] for row in world.rows("nps", by=("channel",), period="2026-Q3")}
    assert {channel: n for channel, (_, n) in by_channel.items()} == Counter(row["channel"] for row in rows)
    # Who is asked for by a filter is whom the split shows: nobody moves up when others are left out.
    for channel, (value, n) in by_channel.items():
        [alone] = world.rows("nps", where=f"channel = '{channel}'", period="2026-Q3")
        assert alone[:2] == (pytest.approx(value), n)


# --- weights ---


def linearised(rows: Sequence[tuple[Any, float, float, float]], *, strata: Mapping[Any, int] | None = None) -> float:
    """Standard error of Σwy / Σwx over rows of (stratum or unit, w, y, x), row by row.

    ``strata`` gives the rows of each stratum, those outside the question included; without it the first part is a
    unit, whose rows are added up before they are squared.
    """
    top = sum(w * y for _, w, y, _ in rows)
    bottom = sum(w * x for _, w, _, x in rows)
    parts: dict[Any, list[float]] = defaultdict(list)
    for key, w, y, x in rows:
        parts[key].append(w * (y - top / bottom * x) / bottom)
    if strata is None:
        units = [sum(values) for values in parts.values()]
        return math.sqrt(len(units) / (len(units) - 1) * sum(value**2 for value in units))
    total, squares = sum(strata.values()), 0.0
    for key, size in strata.items():
        values = parts[key] + [0.0] * (size - len(parts[key]))
        mean = sum(values) / size
        squares += sum((value - mean) ** 2 for value in values)
    return math.sqrt(total / (total - 1) * squares)


def test_poststrata_have_the_frames_sizes(quick: Maker) -> None:
    """Post-stratified weights reproduce the frame's margins, and the interval holds the strata's sizes fixed."""
    data = drawn(7, customers=80, answers=900)
    rule = {**{key: RULE[key] for key in ("frame", "deduplicate")}, "weights": POSTSTRATIFY}
    totals = metric(
        "asked",
        {"count": "rows"},
        source="responses",
        time="at",
        sampling="survey",
        where="channel <> 'internal'",
        valid="score between 0 and 10",
        dimensions=["customer.region", "customer.tier"],
    )
    world = quick(documents(rule, totals), data)
    frame = {row["id"]: (row["region"], row["tier"]) for row in data["customers"] if row["status"] == "active"}
    sizes = Counter(frame.values())
    for where, by in (("customer.region", 0), ("customer.tier", 1)):
        rows = world.rows("asked", by=(where,), period="2026-Q3")
        margin = Counter(cell[by] for cell in frame.values())
        assert {row[0]: pytest.approx(row[1]) for row in rows} == dict(margin)
    kept = steps(data, rule)[-1][1]
    answered = Counter(frame[row["customer_id"]] for row in kept)

    def weight(row: Row) -> float:
        cell = frame[row["customer_id"]]
        return sizes[cell] / answered[cell]

    def entry(row: Row) -> tuple[Any, float, float, float]:
        return frame[row["customer_id"]], weight(row), (row["score"] >= 9) - (row["score"] <= 6), 1

    for asked, its in (({}, kept), ({"where": "channel = 'sms'"}, [row for row in kept if row["channel"] == "sms"])):
        [(value, n, status, low, high, *_)] = world.rows("nps", period="2026-Q3", stats="full", **asked)
        assert (value, n, status) == (pytest.approx(net(its, weight)), len(its), "ok")
        reach = 1.959963984540054 * 100 * linearised([entry(row) for row in its], strata=answered)
        assert (low, high) == (pytest.approx(value - reach), pytest.approx(value + reach))


def test_an_empty_cell_is_an_error_or_joins_its_group(quick: Maker) -> None:
    """A cell of the frame without an answer stops `run`; with `collapse` its group's cells become one."""
    data = drawn(8, customers=40, answers=500)
    gone = {row["id"] for row in data["customers"] if (row["region"], row["tier"]) == ("EMEA", "gold")}
    data["responses"] = [row for row in data["responses"] if row["customer_id"] not in gone]
    rule = {**{key: RULE[key] for key in ("frame", "deduplicate")}, "weights": POSTSTRATIFY}
    world = quick(documents(rule), data)
    with pytest.raises(AssertionError, match="cells of the frame by region and tier have no row"):
        world.rows("nps", period="2026-Q3")
    joined = {**rule, "weights": {**POSTSTRATIFY, "empty_cell": {"collapse": "tier"}}}
    world = quick(documents(joined), data)
    frame = {row["id"]: (row["region"], row["tier"]) for row in data["customers"] if row["status"] == "active"}
    merged = {cell: ("EMEA", "all") if cell[0] == "EMEA" else cell for cell in frame.values()}
    sizes = Counter(merged[cell] for cell in frame.values())
    kept = steps(data, rule)[-1][1]
    answered = Counter(merged[frame[row["customer_id"]]] for row in kept)

    def entry(row: Row) -> tuple[Any, float, float, float]:
        cell = merged[frame[row["customer_id"]]]
        return cell, sizes[cell] / answered[cell], (row["score"] >= 9) - (row["score"] <= 6), 1

    [(value, _, _, low, high, *_)] = world.rows("nps", period="2026-Q3", stats="full")
    assert value == pytest.approx(net(kept, lambda row: entry(row)[1]))
    reach = 1.959963984540054 * 100 * linearised([entry(row) for row in kept], strata=answered)
    assert (low, high) == (pytest.approx(value - reach), pytest.approx(value + reach))


@pytest.mark.parametrize(
    ("weights", "weigh"),
    [
        ({"method": "column", "column": "weight"}, lambda row, _: row["weight"]),
        ({"method": "value", "column": "value"}, lambda row, value: value[row["customer_id"]]),
    ],
    ids=["column", "value"],
)
def test_weights_of_rows(quick: Maker, weights: Document, weigh: Callable[[Row, Mapping[str, float]], float]) -> None:
    """Delivered weights and customers' value weigh value and interval; how unequal they are is told."""
    data = drawn(9)
    rule = {**{key: RULE[key] for key in ("frame", "deduplicate")}, "weights": weights}
    world = quick(documents(rule), data)
    value_of = {row["id"]: row["value"] for row in data["customers"]}
    kept = steps(data, rule)[-1][1]
    weight = [weigh(row, value_of) for row in kept]
    [row] = by_name(world, period="2026-Q3", stats="full")
    assert row["nps"] == pytest.approx(net(kept, lambda its: weigh(its, value_of)))
    assert row["nps_effective_n"] == pytest.approx(sum(weight) ** 2 / sum(each**2 for each in weight))
    assert row.get("nps_top_share", max(weight) / sum(weight)) == pytest.approx(max(weight) / sum(weight))
    entries = [
        (its["id"], w, (its["score"] >= 9) - (its["score"] <= 6), 1.0) for its, w in zip(kept, weight, strict=True)
    ]
    reach = 1.959963984540054 * 100 * linearised(entries)
    assert (row["nps_low"], row["nps_high"]) == (
        pytest.approx(row["nps"] - reach),
        pytest.approx(row["nps"] + reach),
    )


def by_name(world: World, *metrics: str, **asked: Any) -> list[dict[str, Any]]:
    """Rows of an answer, on which all engines agree, by column."""
    metrics = metrics or ("nps",)
    names = [column.name for column in world.compile("duckdb", *metrics, **asked).columns]
    return [dict(zip(names, row, strict=True)) for row in world.rows(*metrics, **asked)]


def test_rows_of_one_unit_are_not_independent(quick: Maker) -> None:
    """Without a dedupe the rows of a unit are added up before they are squared."""
    data = drawn(10)
    world = quick(documents({"frame": RULE["frame"]}), data)
    kept = steps(data, {"frame": {}})[-1][1]
    [row] = by_name(world, period="2026-Q3", stats="full")
    entries = [(its["customer_id"], 1.0, (its["score"] >= 9) - (its["score"] <= 6), 1.0) for its in kept]
    reach = 1.959963984540054 * 100 * linearised(entries)
    assert row["nps_high"] - row["nps"] == pytest.approx(reach)
    assert row["nps_units"] == len({its["customer_id"] for its in kept})


def test_totals_under_a_draw_stand_for_the_frame(quick: Maker) -> None:
    """With inclusion weights a count estimates how many of the frame there are: each counts one over its chance."""
    data = drawn(11)
    rule = {**{key: RULE[key] for key in ("frame", "select", "deduplicate")}, "weights": {"method": "inclusion"}}
    total = metric(
        "people",
        {"count": "rows"},
        source="responses",
        time="at",
        sampling="survey",
        where="channel <> 'internal'",
        valid="score between 0 and 10",
    )
    world = quick(documents(rule, total), data)
    n = len(steps(data, rule)[-1][1])
    [row] = by_name(world, "people", period="2026-Q3", stats="full")
    assert (row["people"], row["people_n"]) == (pytest.approx(n / 0.6), n)
    # Of n equal weights the squares about their mean are all 0: nothing is spread.
    assert row["people_low"] is None


# --- exclusions ---


def test_an_exclusion_takes_what_it_says_and_nothing_else(quick: Maker) -> None:
    """A row goes where the predicate is true and its time lies in the days; the other number stands beside."""
    data = drawn(12)
    gone = exclusion(
        "broken", "responses", "score = 3 or invitation_id > 9000", ["nps", "plain"], "2026-07-10", "2026-09-01"
    )
    plain = metric("plain", {"mean": "score"}, source="responses", time="at", valid="score between 0 and 10")
    other = metric("other", {"mean": "score"}, source="responses", time="at", valid="score between 0 and 10")
    rule = {"deduplicate": RULE["deduplicate"]}
    world = quick(documents(rule, gone, plain, other), data)

    def taken(row: Row) -> bool:
        day = datetime(2026, 7, 10, tzinfo=UTC) <= row["at"] < datetime(2026, 9, 1, tzinfo=UTC)
        return bool(day) and (row["score"] == 3 or row["invitation_id"] > 9000)

    kept = steps(data, rule)[-1][1]
    [row] = by_name(world, "nps", "plain", "other", period="2026-Q3", without_exclusions=True)
    assert row["nps"] == pytest.approx(net([its for its in kept if not taken(its)]))
    assert row["nps_without_exclusions"] == pytest.approx(net(kept))
    scores = [its for its in data["responses"] if START <= its["at"] < END and its["score"] in range(11)]
    stays = [its["score"] for its in scores if not taken(its)]
    assert row["plain"] == pytest.approx(sum(stays) / len(stays))
    assert row["plain_without_exclusions"] == row["other"] != row["plain"]
    assert "other_without_exclusions" not in row
    registry = world.loaded.registry
    for engine in world.engines:
        for identity, count in (("nps", sum(map(taken, kept))), ("plain", sum(map(taken, scores)))):
            query = Query(metrics=(identity,), period="2026-Q3")
            statement = excepted(plan(registry, query, stepwise=True), engine)
            assert statement is not None
            assert world.sessions[engine](statement.sql) == [(count,)]


def test_an_exclusion_that_takes_no_row_is_found(make: Maker) -> None:
    """What documents an exception that never was is a finding of `check`."""
    never = exclusion("never", "responses", "score = 3", ["nps"], "2025-07-10", "2025-09-01")
    some = exclusion("some", "responses", "score = 3", ["nps"], "2026-07-10", "2026-09-01")
    world = make(documents({"deduplicate": RULE["deduplicate"]}, never, some), drawn(14))
    for engine in world.engines:
        findings = check(world.loaded, connection=engine, sources=["responses"])
        assert [its.message.split()[5] for its in findings if its.rule == "exclusion"] == ["never"]
        assert [its.rows for its in findings if its.rule == "exclusion"] == [0]


# --- the draw ---


def test_draws_nest_and_agree(quick: Maker) -> None:
    """Hash samples nest as the fraction grows, and are what hashlib draws, on every engine."""
    data = drawn(13, customers=300, answers=10)
    active = [row["id"] for row in data["customers"] if row["status"] == "active"]
    before: set[str] = set()
    for fraction in (0.001, 0.1, 0.25, 0.5, 0.999, 1):
        wanted = {key for key in active if below(key, fraction)}
        assert before <= wanted
        before = wanted
        rule = {"frame": RULE["frame"], "select": {"method": "hash", "fraction": fraction, "salt": "wave"}}
        world = quick(documents(rule), data)
        for engine in world.engines:
            sql = compile_draw(world.loaded.registry, "survey", "2026-Q3", engine).sql
            assert [row[0] for row in world.sessions[engine](sql)] == sorted(wanted)


@pytest.mark.parametrize("seed", range(3))
def test_a_draw_does_not_see_who_answered(quick: Maker, seed: int) -> None:
    """A draw gives the same selected units whether or not anybody answered, and leaves out whom the cap protects."""
    data = drawn(seed)
    start = START - timedelta(days=30)
    asked = Counter(row["customer_id"] for row in data["invitations"] if start <= row["sent_at"] < START)
    drawn_ids = []
    for answers in (data["responses"], []):
        world = quick(documents(RULE), {**data, "responses": answers})
        for engine in world.engines:
            sql = compile_draw(world.loaded.registry, "survey", "2026-Q3", engine).sql
            drawn_ids.append([row[0] for row in world.sessions[engine](sql)])
    wanted = sorted(
        row["id"]
        for row in data["customers"]
        if row["status"] == "active" and asked[row["id"]] < 2 and below(row["id"], 0.6)
    )
    assert drawn_ids == [wanted] * len(drawn_ids)


# --- keys, clocks, broken data ---


def composite(rule: Document) -> tuple[list[Document], dict[str, list[Row]]]:
    """The survey with customers of two columns, drawn as before."""
    data = drawn(15)
    made = documents(rule)
    keyed = {"customers": ["org", "number"], "invitations": ["org", "number"], "responses": ["org", "number"]}
    for its in made:
        if its["kind"] == "Source":
            its["columns"] = {**its["columns"], "org": {"type": "text"}, "number": {"type": "integer"}}
            its["entities"]["customer"] = {**its["entities"]["customer"], "key": keyed[its["id"]]}
            if its["id"] == "customers":
                its["key"] = ["org", "number"]
    split: dict[str, list[Row]] = {
        name: [
            {**row, "org": "ab"[int(key[1:]) % 2], "number": int(key[1:]) // 2}
            for row in rows
            for key in [row["id"] if name == "customers" else row["customer_id"]]
        ]
        for name, rows in data.items()
    }
    return made, split


def test_a_unit_can_have_a_key_of_several_columns(quick: Maker) -> None:
    """Its parts are joined by a colon for the draw, and all of them meet in every join."""
    made, data = composite({**RULE, "weights": {"method": "inclusion"}})
    made[3]["select"] = {"method": "hash", "fraction": 0.6, "salt": "wave"}
    world = quick(made, data)
    active = [row for row in data["customers"] if row["status"] == "active"]
    chosen = {(row["org"], row["number"]) for row in active if below(f"{row['org']}:{row['number']}", 0.6)}
    for engine in world.engines:
        left = dict(left_by_step(world, engine))
        inside = [
            row
            for row in data["responses"]
            if START <= row["at"] < END and row["channel"] != "internal" and (row["org"], row["number"]) in chosen
        ]
        assert left["selected"] == len(inside) > left["one_per_unit"] > 0
    [row] = by_name(world, period="2026-Q3", stats="full")
    assert row["nps_low"] <= row["nps"] <= row["nps_high"]


def test_a_window_is_as_long_as_its_time_where_the_clock_jumps(quick: Maker) -> None:
    """Twelve days are so many hours: on a wall clock that went back an hour meanwhile, they end an hour sooner."""
    clock = {"type": "local", "zone": "America/New_York", "twice": "first", "missing": "error"}
    rule = {
        "invited": RULE["invited"],
        "responded": {**RULE["responded"], "within": "12 days"},
        "contact_cap": {"at_most": 1, "per": "12 days"},
    }
    made = documents(rule)
    made[1]["columns"]["sent_at"] = clock
    made[2]["columns"]["at"] = clock
    sent = datetime(2026, 10, 25, 12, 0)
    late, again = datetime(2026, 11, 6, 11, 30), datetime(2026, 11, 6, 11, 15)
    base = {"customer_id": "c1", "score": 9, "channel": "sms", "weight": 1.0}
    data = {
        "customers": [{"id": "c1", "tier": "gold", "value": 1.0}],
        # The second went out 11 days, 23 hours and a quarter after the first by the clock, and 12 and a quarter later.
        "invitations": [
            {"id": 1, "customer_id": "c1", "sent_at": sent},
            {"id": 2, "customer_id": "c1", "sent_at": again},
        ],
        "responses": [
            {"id": 1, "invitation_id": 1, "at": late, **base},
            {"id": 2, "invitation_id": 1, "at": datetime(2026, 11, 6, 10, 30), **base},
            {"id": 3, "invitation_id": 2, "at": late, **base},
        ],
    }
    world = quick(made, data)
    for engine in world.engines:
        query = Query(metrics=("nps",), period="2026-Q4")
        counted = attrition(plan(world.loaded.registry, query, stepwise=True), engine)
        rows = [row[1] for row in world.sessions[engine](counted.sql)]
        left = dict(zip([step.step for step in counted.steps], rows, strict=True))
        assert (left["invited"], left["within_cap"], left["responded"]) == (3, 3, 2)


def test_broken_data_stops_the_answer(make: Maker) -> None:
    """A key that stands twice in the frame or among invitations, a weight below 0 and none at all."""
    data = drawn(16)
    twice: Mapping[str, Sequence[Row]]
    asked_twice: Mapping[str, Sequence[Row]]
    below_zero: Mapping[str, Sequence[Row]]
    twice = {**data, "customers": [*data["customers"], *data["customers"]]}
    asked_twice = {**data, "invitations": [*data["invitations"], *data["invitations"]]}
    column = {"weights": {"method": "column", "column": "weight"}}
    below_zero = {**data, "responses": [{**row, "weight": -row["weight"]} for row in data["responses"]]}
    broken_data: list[tuple[Document, Mapping[str, Sequence[Row]], str]] = [
        (RULE, twice, "as a key of customers or invitations stands more than once"),
        (RULE, asked_twice, "as a key of customers or invitations stands more than once"),
        (column, below_zero, "have no weight, or one below 0, in responses.weight"),
    ]
    for rule, rows, message in broken_data:
        world = make(documents(rule), rows)
        for engine in world.engines:
            with pytest.raises(DataBroken) as broken:
                run(world.loaded, Query(metrics=("nps",), period="2026-Q3"), connection=engine)
            assert message in str(broken.value)
