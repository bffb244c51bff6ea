"""Where sampling, statistics and hiding gave way once: names that meet, counts that tell, rules left half said."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from cxgov.api import Query, Refused, answers, evaluate, run
from cxgov.api import attrition as steps_left
from cxgov.compiler.attrition import attrition
from cxgov.compiler.planning import plan
from cxgov.engines.answering import Result
from cxgov.engines.protocol import DataBroken
from cxgov.reports.results import as_json, as_table, steps_as_table
from tests import test_hiding as hiding
from tests.support import (
    LATER,
    Document,
    Maker,
    Rows,
    assert_same,
    exclusion,
    execute,
    metric,
    sampling,
    source,
    threshold,
)
from tests.test_sampling import (
    END,
    POSTSTRATIFY,
    RULE,
    START,
    Row,
    by_name,
    documents,
    drawn,
    left_by_step,
    linearised,
    net,
    steps,
)

PERIOD: Final[dict[str, Any]] = {"period": "2026-Q3"}
LATEST: Final = {"deduplicate": RULE["deduplicate"]}
FRAMED: Final = {key: RULE[key] for key in ("frame", "deduplicate")}
WEIGHED: Final = {**LATEST, "weights": {"method": "column", "column": "weight"}}
# A metric's id may have 63 letters; what a statement makes of it is cut.
ALIKE: Final = "m" * 50
NOON: Final = datetime(2026, 8, 1, 12, tzinfo=UTC)


def cells(result: Result) -> dict[str, Any]:
    """The only line of a result by column."""
    [row] = result.rows
    return dict(zip([column.name for column in result.columns], row, strict=True))


# --- names that meet ---


@pytest.mark.parametrize("letters", [40, 50])
def test_errors_of_ids_that_begin_alike_stay_apart(quick: Maker, letters: int) -> None:
    """Two metrics whose ids differ in the last letter only have each its own standard error, together as alone."""
    *rest, nps = documents(WEIGHED)
    names = [f"{ALIKE[:letters]}a", f"{ALIKE[:letters]}b"]
    mean = {**nps, "id": names[1], "title": "b", "measure": {"mean": "score"}, "unit": "things"}
    world = quick([*rest, {**nps, "id": names[0], "title": "a"}, mean], drawn(1))
    # PostgreSQL has no room for the sums of longer ids, and says so.
    for engine in world.engines if letters == 40 else ("duckdb",):
        together = cells(world.run(engine, *names, stats="full", **PERIOD))
        for name in names:
            alone = cells(world.run(engine, name, stats="full", **PERIOD))
            assert {column: together[column] for column in alone} == pytest.approx(alone)


def test_hidden_cells_of_ids_that_begin_alike_stay_apart(quick: Maker) -> None:
    """What is hidden of one metric does not depend on another whose id begins alike."""
    rows, rule, there, _ = hiding.documents(complementary=True)
    rows["columns"]["at"] = {"type": "instant"}
    first = {**there, "id": f"{ALIKE}a", "title": "a", "time": "at", "where": "second <> 'x'"}
    second = {**there, "id": f"{ALIKE}b", "title": "b", "time": "at"}
    data = {"rows": [{**row, "at": NOON} for row in hiding.data(hiding.COUNTS)["rows"]]}
    world = quick([rows, rule, second, first], data)
    asked: dict[str, Any] = {"by": ("second",), "where": "first = 'a'", **PERIOD}
    for engine in world.engines:
        together = world.run(engine, first["id"], second["id"], **asked)
        alone = world.run(engine, second["id"], **asked)
        assert hiding.hidden(together, second["id"]) == hiding.hidden(alone, second["id"]) == {("x",), ("y",)}


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        *((name, "cells") for name in ("weight", "rows_here", "rows_in_stratum", "stratum_1")),
        ("unit_1", "clusters"),
    ],
)
def test_a_dimension_may_be_named_like_a_column_of_the_statement(quick: Maker, name: str, rule: str) -> None:
    """A split gives the same numbers whatever its dimension is called."""
    rules = {"cells": {**FRAMED, "weights": POSTSTRATIFY}, "clusters": {"frame": RULE["frame"]}}
    made = documents(rules[rule])
    responses, nps = made[2], made[4]
    responses["columns"].pop("weight")
    responses["columns"]["size"] = {"type": "integer"}
    responses["dimensions"] = {name: "size * 3", "same": "size * 3"}
    nps["dimensions"] = [name, "same"]
    data = drawn(7, customers=80, answers=900)
    data["responses"] = [{**row, "size": i % 3 + 1} for i, row in enumerate(data["responses"])]
    world = quick(made, data)
    for grain in (None, "quarter"):
        asked: dict[str, Any] = {"stats": "full", "grain": grain, **PERIOD}
        wanted = world.rows("nps", by=("same",), **asked)
        assert_same(world.rows("nps", by=(name,), **asked), wanted)


def test_a_rule_may_have_the_longest_of_ids(quick: Maker) -> None:
    """Tables of a rule whose id has 63 letters keep their names whole where an engine cuts them off there."""
    for identity in ("r" * 46, "r" * 63):
        made = documents(RULE)
        made[3]["id"] = made[4]["sampling"] = identity
        data = drawn(1)
        world = quick(made, data)
        kept = steps(data, RULE)[-1][1]
        assert world.rows("nps", **PERIOD) == ((pytest.approx(net(kept)), len(kept), "ok"),)
        for engine in world.engines:
            assert left_by_step(world, engine)[-1] == ("one_per_unit", len(kept))


@pytest.fixture
def unqualified(make: Maker) -> Iterator[Maker]:
    """Worlds whose relations may stand in no schema; on PostgreSQL they go again."""
    yield make
    if make.session:
        for name in ("survey_population", "earlier_population"):
            execute(make.session, f'DROP TABLE IF EXISTS "{name}"')
            execute(make.session, f'DROP SCHEMA IF EXISTS "{name}" CASCADE')


@pytest.mark.parametrize("relation", ["survey_population", "earlier_population"])
def test_a_relation_may_be_named_like_a_table_of_the_statement(unqualified: Maker, relation: str) -> None:
    """A statement that reads a relation of no schema hides it by no table of its own: run, attrition, evaluate."""
    data = drawn(1, answers=800)
    found = []
    for name in ("cx.invitations", relation):
        made = documents(RULE, threshold("monthly", "nps", bands=[{"name": "any"}]))
        made[1]["relation"] = name
        world = unqualified(made, data)
        query = Query(metrics=("nps",), stats="full", **PERIOD)
        for engine in world.engines:
            [left] = steps_left(world.loaded, query, connection=engine)
            [judgement] = evaluate(world.loaded, (), period="2026-09", connection=engine, now=LATER).judgements
            assert judgement.change is not None
            error = judgement.change.standard_error
            assert error is not None
            found.append((*run(world.loaded, query, connection=engine).rows[0][:2], error, *left.rows))
    first, *rest = found
    assert first[-1] == len(steps(data, RULE)[-1][1])
    for other in rest:
        assert other == pytest.approx(first)


# --- counts that tell ---


def parted(measure: Document, **fields: Any) -> list[Document]:
    """A metric under a complementary minimum, another one, and one derived from both."""
    made = hiding.documents(complementary=True)
    made[0]["columns"]["plain"] = {"type": "boolean"}
    dimensions = ["first", "second"]
    other = metric("other", measure, source="rows", dimensions=dimensions, **fields)
    return [*made, other, metric("both", {"derived": "there + other"}, dimensions=dimensions)]


def test_a_derived_metric_shows_nothing_that_is_hidden_of_a_part(quick: Maker) -> None:
    """Parts of different rows are hidden in different cells, and with the one and the sum the other is known."""
    counts = {("a", "x"): 3, ("a", "y"): 40, ("a", "z"): 50}
    data = {"rows": [{**row, "plain": i % 10 == 0} for i, row in enumerate(hiding.data(counts)["rows"])]}
    apart = quick(parted({"count": "rows"}, where="plain"), data)
    with pytest.raises(Refused) as refusal:
        apart.rows("both", by=("second",))
    assert str(refusal.value) == "both could show what is hidden of there, other: they count different rows"
    assert refusal.value.fix == "Ask its parts one by one, or give all of them one sampling rule and population."
    alike = quick(parted({"mean": "id"}, sampling="rule"), data)
    for engine in alike.engines:
        result = alike.run(engine, "there", "other", "both", by=("second",))
        for name in ("there", "other", "both"):
            assert hiding.hidden(result, name) == {("x",), ("y",)}
    assert alike.rows("both", by=("second",))[2][:2] == ("z", pytest.approx(50 + (43 + 92) / 2))


def test_steps_are_held_to_the_minimum_too(make: Maker) -> None:
    """Of fewer rows than are shown the steps say that there are some, in the table, in JSON and to Python."""
    world = make(hiding.documents(complementary=True), hiding.data(hiding.COUNTS))
    for engine in world.engines:
        for where, last in (("second = 'x'", None), ("second = 'y'", 40), ("second = 'none'", 0)):
            query = Query(metrics=("there",), where=f"first = 'a' and {where}")
            [left] = found = steps_left(world.loaded, query, connection=engine)
            assert (left.rows[-1], left.fewest) == (last, 30)
            assert left.rows[:-1] == (233,) * (len(left.rows) - 1)
            given = answers(world.loaded, query, connection=engine)
            asked = json.loads(as_json(given, [found]))["answers"][0]["attrition"][0]["steps"][-1]
            assert asked["rows"] == last
            drawn_table = steps_as_table(left)
            assert ("<30" in drawn_table) == (last is None)
            assert "230" not in drawn_table


def excepted(taken: int, of: int = 60) -> tuple[list[Document], dict[str, Rows]]:
    """A metric under a minimum, one derived from it, and an exclusion of so many of its rows."""
    rows, rule, there, twice = hiding.documents(complementary=False)
    rows["columns"]["at"] = {"type": "instant"}
    there["time"] = "at"
    gone = exclusion("gone", "rows", f"id < {taken}", ["there"], "2026-07-01", "2026-10-01")
    data: dict[str, Rows] = {"rows": [{"id": i, "first": "a", "second": "x", "at": NOON} for i in range(of)]}
    return [rows, rule, there, twice, gone], data


@pytest.mark.parametrize(("taken", "told"), [(0, True), (1, False), (4, False), (5, True)])
def test_an_exclusion_tells_nothing_of_too_few(make: Maker, taken: int, told: bool) -> None:
    """Below the rule's `privacy` neither the count nor the other value is told, of the metric or one derived."""
    world = make(*excepted(taken))
    for engine in world.engines:
        query = Query(metrics=("there", "twice"), without_exclusions=True, **PERIOD)
        result = run(world.loaded, query, connection=engine)
        assert [its.rows for its in result.taken] == [taken if told else None]
        shown = cells(result)
        for name, whole in (("there", 60), ("twice", 120)):
            assert shown[name] == whole - taken * whole // 60
            assert shown[f"{name}_without_exclusions"] == (whole if told else None)
            assert shown[f"{name}_without_exclusions_n"] == (60 if told else None)
            assert shown[f"{name}_without_exclusions_status"] == ("ok" if told else "suppressed")
        assert ("too few rows to tell" in as_table(result)) == (not told)


@pytest.mark.parametrize("where", ["channel = 'sms'", "customer.region = 'EMEA'"])
def test_an_exclusion_counts_what_the_question_asks_for(make: Maker, where: str) -> None:
    """Rows that a filter leaves out anyway are not counted as taken, also where it looks through an entity."""
    gone = exclusion("gone", "responses", "score = 9", ["nps"], "2026-07-01", "2026-10-01")
    data = drawn(3)
    world = make(documents(LATEST, gone), data)
    region = {row["id"]: row["region"] for row in data["customers"]}
    nines = [row for row in steps(data, LATEST)[-1][1] if row["score"] == 9]
    wanted = {
        "channel = 'sms'": [row for row in nines if row["channel"] == "sms"],
        "customer.region = 'EMEA'": [row for row in nines if region.get(row["customer_id"]) == "EMEA"],
    }
    assert 0 < len(wanted[where]) < len(nines)
    for engine in world.engines:
        result = run(world.loaded, Query(metrics=("nps",), where=where, **PERIOD), connection=engine)
        assert [its.rows for its in result.taken] == [len(wanted[where])]


def test_an_exclusion_counts_what_the_measure_counts(make: Maker) -> None:
    """Of a share among some, an exclusion takes only rows that are among them."""
    gone = exclusion("gone", "responses", "score = 9 or channel = 'email'", ["sms"], "2026-07-01", "2026-10-01")
    among = {"share": {"of": "score >= 9", "among": "channel = 'sms'", "unknown": "out"}}
    data = drawn(3)
    world = make([*documents(LATEST), metric("sms", among, source="responses", time="at"), gone], data)
    nines = [r for r in data["responses"] if START <= r["at"] < END and (r["channel"], r["score"]) == ("sms", 9)]
    for engine in world.engines:
        result = run(world.loaded, Query(metrics=("sms",), without_exclusions=True, **PERIOD), connection=engine)
        assert [its.rows for its in result.taken] == [len(nines)]
        shown = cells(result)
        assert shown["sms_without_exclusions_n"] - shown["sms_n"] == len(nines) > 0


# --- rules left half said ---


def test_rows_of_a_unit_are_clustered_where_its_source_has_an_interval(quick: Maker) -> None:
    """A history has several rows of one key: they are added up by unit before they are squared."""
    rows = source(
        "rows",
        {"pk": "integer", "customer_id": "text", "since": "instant", "until": "instant?", "v": "double"},
        key=["pk"],
        entities={"customer": {"key": ["customer_id"]}},
        interval={"from": "since", "until": "until"},
    )
    mean = metric("typical", {"mean": "v"}, source="rows", time="since", sampling="rule")
    data: dict[str, list[dict[str, Any]]] = {
        "rows": [
            {"pk": i, "customer_id": f"c{i // 4}", "since": START + timedelta(days=i % 20), "v": float(i // 4 % 7)}
            for i in range(80)
        ]
    }
    world = quick([rows, sampling("rule", "rows", "customer"), mean], data)
    [row] = by_name(world, "typical", stats="full", **PERIOD)
    assert (row["typical_n"], row["typical_units"]) == (80, 20)
    reach = 1.959963984540054 * linearised([(r["customer_id"], 1.0, r["v"], 1.0) for r in data["rows"]])
    assert row["typical_high"] - row["typical"] == pytest.approx(reach)


@pytest.mark.parametrize("empty_cell", ["error", {"collapse": "tier"}], ids=["error", "collapse"])
def test_a_cell_that_is_null_against_its_declaration_stops_the_answer(make: Maker, empty_cell: Any) -> None:
    """Rows of a NULL cell would meet no cell of the frame, and drop out of the number unseen."""
    rule = {**FRAMED, "weights": {**POSTSTRATIFY, "empty_cell": empty_cell}}
    data = drawn(7, customers=80, answers=900)
    data["customers"] = [
        {**row, "tier": None if i % 4 == 0 else row["tier"]} for i, row in enumerate(data["customers"])
    ]
    world = make(documents(rule), data)
    for engine in world.engines:
        with pytest.raises(DataBroken) as broken:
            run(world.loaded, Query(metrics=("nps",), **PERIOD), connection=engine)
        assert "units of customers are NULL where tier is declared never to be" in str(broken.value)


def test_one_rule_serves_metrics_of_two_times(quick: Maker) -> None:
    """Two metrics of a rule that count by different times are asked together as alone."""
    made = documents(LATEST)
    made[2]["columns"]["sent"] = {"type": "instant"}
    late = metric("late", {"mean": "score"}, source="responses", time="sent", sampling="survey", valid="score >= 0")
    data = drawn(1)
    data["responses"] = [{**row, "sent": row["at"] + timedelta(days=9)} for row in data["responses"]]
    world = quick([*made, late], data)
    [(nps, _, _, mean, _, _)] = world.rows("nps", "late", **PERIOD)
    assert (nps, mean) == (pytest.approx(world.value("nps", **PERIOD)), pytest.approx(world.value("late", **PERIOD)))


def test_one_rule_serves_metrics_of_two_populations(quick: Maker) -> None:
    """Two metrics of a rule without a time, each with its own condition, are asked together as alone."""
    every = metric("every", {"count": "rows"}, source="responses", sampling="survey")
    texts = metric("texts", {"count": "rows"}, source="responses", sampling="survey", where="channel = 'sms'")
    data = drawn(1)
    world = quick([*documents(LATEST), every, texts], data)
    wanted = [
        len({row["customer_id"] for row in data["responses"]}),
        len({row["customer_id"] for row in data["responses"] if row["channel"] == "sms"}),
    ]
    assert (
        [world.rows("every", "texts")[0][i] for i in (0, 3)] == wanted == [world.value("every"), world.value("texts")]
    )


def first_asked(data: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Valid answers of the quarter that came when their customer had been asked already."""
    first: dict[str, datetime] = {}
    for sent in data["invitations"]:
        first[sent["customer_id"]] = min(sent["sent_at"], first.get(sent["customer_id"], sent["sent_at"]))
    return [
        row
        for row in data["responses"]
        if START <= row["at"] < END
        and row["channel"] != "internal"
        and row["score"] in range(11)
        and row["customer_id"] in first
        and row["at"] >= first[row["customer_id"]]
    ]


def test_a_cap_without_the_answered_invitation_takes_no_answer(quick: Maker) -> None:
    """Where nothing says what invitation is answered, none is one too many: the cap is one of the draw."""
    data = drawn(1)
    wanted = net(first_asked(data))
    for rule in ({"invited": RULE["invited"]}, {key: RULE[key] for key in ("invited", "contact_cap")}):
        world = quick(documents(rule), data)
        for grain in (None, "month"):
            rows = world.rows("nps", stats="n", grain=grain, **PERIOD)
            assert sum(row[-2] for row in rows) == len(first_asked(data))
        assert world.value("nps", **PERIOD) == pytest.approx(wanted)
        for engine in world.engines:
            left = dict(left_by_step(world, engine))
            assert "within_cap" not in left
            assert left["valid"] == len(first_asked(data))


def test_what_a_cap_says_is_as_long_as_it_is(quick: Maker) -> None:
    """A cap over hours is explained in hours, and not in no days."""
    rule = {**RULE, "contact_cap": {"at_most": 2, "per": "36 hours"}}
    world = quick(documents(rule), drawn(1))
    query = Query(metrics=("nps",), **PERIOD)
    counted = attrition(plan(world.loaded.registry, query, stepwise=True), "duckdb")
    [why] = [step.why for step in counted.steps if step.step == "within_cap"]
    assert why == "asked more than 2 times in 36 hours"
