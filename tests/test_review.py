"""The numbers of a review: old and new value against ones computed here, and every way in which there is none."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from cxgov.evaluation.reviewed import Compared, Number
from cxgov.evaluation.reviewing import closing, last_closed
from tests.reviewing import (
    NOW,
    World,
    answers,
    connected,
    major,
    nps,
    people,
    promoters,
    rows,
)
from tests.support import (
    DSN,
    Document,
    calendar,
    exclusion,
    into_postgres,
    metric,
    overlay,
    registry_of,
    sampling,
    source,
)

Row = dict[str, Any]
BASE: Final = [answers(), people()]
Z: Final = 1.959963984540054


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- by hand ---


def valid(data: Sequence[Row]) -> list[int]:
    return [row["score"] for row in data if 0 <= row["score"] <= 10]


def net(scores: Sequence[int], plus: int = 9) -> float:
    """Promoters less detractors in points."""
    return 100 * (sum(score >= plus for score in scores) - sum(score <= 6 for score in scores)) / len(scores)


def net_interval(scores: Sequence[int], plus: int = 9) -> tuple[float, float]:
    """The adjusted Wald interval of Rocks (2016)."""
    n = len(scores) + 3
    up = (sum(score >= plus for score in scores) + 0.75) / n
    down = (sum(score <= 6 for score in scores) + 0.75) / n
    margin = Z * math.sqrt((up + down - (up - down) ** 2) / n)
    centre = (up * n - down * n) / n
    return 100 * max(-1.0, centre - margin), 100 * min(1.0, centre + margin)


def assert_number(found: Number | None, value: float, n: int) -> None:
    assert found is not None
    assert found.value is not None
    assert (found.status, found.n) == ("ok", n)
    assert math.isclose(found.value, value, rel_tol=1e-9, abs_tol=1e-9)


def reasons(its: Compared) -> list[tuple[str, str]]:
    return [(why.side, why.reason) for why in its.whys]


# --- what moves a number ---


def test_the_values_before_and_after_a_moved_limit(world: World) -> None:
    data = rows()
    world.main(*BASE, nps(), data={"answers": data})
    world.propose(*BASE, major(nps(measure=promoters(7))))
    its, scores = world.alone(), valid(data)
    assert_number(its.total.old, net(scores), len(scores))
    assert_number(its.total.new, net(scores, 7), len(scores))
    assert (its.outcome, its.evaluated) == ("moved", True)
    assert math.isclose(its.difference(its.total) or 0, net(scores, 7) - net(scores), rel_tol=1e-9)
    assert its.total.old is not None
    assert its.total.new is not None
    for side, plus in ((its.total.old, 9), (its.total.new, 7)):
        assert side.low is not None
        assert side.high is not None
        for mine, other in zip((side.low, side.high), net_interval(scores, plus), strict=True):
            assert math.isclose(mine, other, rel_tol=1e-6)


@pytest.mark.postgres
def test_postgres_gives_the_same_numbers(world: World, postgres: str) -> None:
    """And a proposal cannot make it read what the trusted side does not name."""
    data = rows()
    world.main(*BASE, nps(), data={"answers": data})
    world.propose(
        *BASE, major(nps(measure=promoters(7))), nps("catalog", source="settings", title="Settings"), settings()
    )
    with psycopg.connect(postgres, autocommit=True) as session:
        into_postgres(session, registry_of(BASE).sources.values(), {"answers": data})
    found = world.compared("nps", "catalog", connection="postgres")
    assert_number(found["nps"].total.old, net(valid(data)), len(valid(data)))
    assert_number(found["nps"].total.new, net(valid(data), 7), len(valid(data)))
    assert found["nps"].total == world.compared()["nps"].total
    [(side, reason)] = reasons(found["catalog"])
    assert side == "new"
    assert reason.startswith("pg_catalog.pg_class is read by no source of the trusted commit")


def settings() -> Document:
    columns: Document = {"id": "integer", "score": "integer", "at": "instant", "region": "text"}
    return source("settings", columns, relation="pg_catalog.pg_class", dimensions={"region": "region"})


def test_the_merge_is_judged_and_not_the_proposal_alone(world: World) -> None:
    """What main has got meanwhile is on both sides: it moved before, and the old value is main's of now."""
    data = rows()
    both = [*BASE, nps(), nps("other", title="Other")]
    world.main(*both, data={"answers": data})
    world.propose(*BASE, major(nps(measure=promoters(7))), both[3])
    world.git("checkout", "-q", "main")
    moved = [*BASE, nps(), major(nps("other", promoters(8), title="Other"))]
    world.commit(*world.whole(moved))
    [its] = world.compared("nps").values()
    assert_number(its.total.new, net(valid(data), 7), len(valid(data)))


def test_another_relation_is_read_only_where_it_is_let_in(world: World) -> None:
    """Whoever proposes does not choose what is read; whoever asks can let it."""
    data, others = rows(), rows(180, first=1000)
    later = [answers(relation="cx.later", version="2.0.0"), people(), nps()]
    world.main(*BASE, nps(), data={"answers": data})
    world.fill({"answers": data, "later": others}, [*BASE, answers("later"), nps()])
    world.propose(*later)
    its = world.alone()
    assert (its.outcome, its.evaluated) == ("not_evaluated", False)
    assert_number(its.total.old, net(valid(data)), len(valid(data)))
    assert reasons(its) == [
        ("new", "cx.later is read by no source of the trusted commit: `--relation cx.later` lets the proposal read it")
    ]
    let = world.alone(relations=["cx.Later"])
    assert_number(let.total.new, net(valid(others)), len(valid(others)))


def test_a_relation_of_another_trusted_source_may_be_read(world: World) -> None:
    data, others = rows(), rows(180, first=1000)
    documents = [*BASE, answers("others"), nps(), nps("second", source="others", title="Second")]
    world.main(*documents, data={"answers": data, "others": others})
    world.propose(*documents[:3], major(nps(source="others")), documents[4])
    assert_number(world.alone().total.new, net(valid(others)), len(valid(others)))


def test_an_exclusion_moves_a_metric_of_which_no_file_differs(world: World) -> None:
    data = rows()
    week = exclusion("outage", "answers", "region = 'EMEA'", ["nps"], "2026-08-03", "2026-08-10")
    longer = {**week, "until": "2026-08-14", "version": "2.0.0"}
    world.main(*BASE, nps(), week, data={"answers": data})
    world.propose(*BASE, nps(), longer)

    def left(days: int) -> list[int]:
        until = datetime(2026, 8, days, tzinfo=UTC)
        out = [row["region"] == "EMEA" and datetime(2026, 8, 3, tzinfo=UTC) <= row["at"] < until for row in data]
        return valid([row for row, gone in zip(data, out, strict=True) if not gone])

    its = world.alone()
    assert_number(its.total.old, net(left(10)), len(left(10)))
    assert_number(its.total.new, net(left(14)), len(left(14)))
    assert len(left(10)) > len(left(14))


RULE: Final[Document] = {"deduplicate": {"keep": "latest", "order": ["at", "id"]}}


def test_a_sampling_rule_moves_what_rests_on_it(world: World) -> None:
    """The latest answer of each person counted; now it is the first."""
    data = rows()
    rule = sampling("rule", "answers", "person", **RULE)
    first = major(rule, deduplicate={"keep": "first", "order": ["at", "id"]})
    world.main(*BASE, rule, nps(sampling="rule"), data={"answers": data})
    world.propose(*BASE, first, nps(sampling="rule"))
    kept = [row for row in data if 0 <= row["score"] <= 10]
    latest = {row["person"]: row["score"] for row in kept}
    earliest = {row["person"]: row["score"] for row in reversed(kept)}
    its = world.alone()
    assert_number(its.total.old, net([*latest.values()]), len(latest))
    assert_number(its.total.new, net([*earliest.values()]), len(latest))
    assert latest != earliest


def test_under_an_overlay_the_number_is_that_of_its_rows(world: World) -> None:
    data = rows()
    narrow = overlay("emea", ["nps"], "region = 'EMEA'")
    world.main(*BASE, nps(), narrow, data={"answers": data})
    world.propose(*BASE, major(nps(measure=promoters(7))), narrow)
    found = world.compared("nps", "nps@emea")
    scores = valid([row for row in data if row["region"] == "EMEA"])
    assert_number(found["nps@emea"].total.old, net(scores), len(scores))
    assert_number(found["nps@emea"].total.new, net(scores, 7), len(scores))


def test_a_new_metric_has_no_old_number_and_a_removed_one_no_new(world: World) -> None:
    data = rows()
    world.main(*BASE, nps(), nps("gone", title="Gone"), data={"answers": data})
    world.propose(*BASE, nps(), nps("come", promoters(8), title="Come"))
    found = world.compared("come", "gone")
    assert (found["come"].outcome, found["come"].total.old) == ("new", None)
    assert_number(found["come"].total.new, net(valid(data), 8), len(valid(data)))
    assert (found["gone"].outcome, found["gone"].total.new) == ("removed", None)
    assert_number(found["gone"].total.old, net(valid(data)), len(valid(data)))
    assert found["come"].difference(found["come"].total) is None


def test_a_renamed_metric_is_asked_by_its_old_name_before(world: World) -> None:
    data = rows()
    world.main(*BASE, nps(), data={"answers": data})
    world.propose(*BASE, major(nps("promoters", promoters(7), formerly=["nps"])))
    its = world.alone()
    assert (its.id, its.outcome) == ("promoters", "moved")
    assert_number(its.total.old, net(valid(data)), len(valid(data)))


def test_the_same_number_is_said_with_its_rows(world: World) -> None:
    """Nothing lies between two limits; the meaning moved, and that the number did not is an answer."""
    data = [row for row in rows() if row["score"] not in {8, 9}]
    world.main(*BASE, nps(), data={"answers": data})
    world.propose(*BASE, major(nps(measure=promoters(8))))
    its = world.alone()
    assert (its.outcome, its.evaluated, its.difference(its.total)) == ("same", True, 0.0)
    assert_number(its.total.new, net(valid(data)), len(valid(data)))


def test_two_units_are_not_subtracted(world: World) -> None:
    world.main(*BASE, nps())
    world.propose(*BASE, major(nps(unit="percent")))
    its = world.alone()
    assert (its.outcome, its.difference(its.total), its.evaluated) == ("apart", None, True)


def test_drafts_are_compared_where_they_are_asked(world: World) -> None:
    data = rows()
    draft = nps("idea", promoters(8), status="draft", title="Idea")
    world.main(*BASE, nps(), draft, data={"answers": data})
    world.propose(*BASE, nps(), {**draft, "measure": promoters(7)})
    numbers = world.review().numbers
    assert numbers is not None
    assert (numbers.compared, numbers.drafts, numbers.complete) == ((), ("idea",), True)
    assert_number(world.alone(draft=True).total.new, net(valid(data), 7), len(valid(data)))


# --- which period, as of when ---


def test_the_last_closed_period_is_the_one_whose_numbers_are_taken() -> None:
    """From the very instant on, and by days of the calendar's zone."""
    its = registry_of(BASE, zone="Europe/Berlin").calendar
    closed = datetime(2026, 10, 10, 22, tzinfo=UTC)
    assert closing(its, datetime(2026, 10, 1, tzinfo=UTC).date()) == closed
    assert last_closed(its, closed).name == "2026-Q3"
    assert last_closed(its, closed - timedelta(microseconds=1)).name == "2026-Q2"
    slow = registry_of(BASE, reporting="month", closes="70 days").calendar
    assert last_closed(slow, NOW).name == "2026-07"


def test_rows_that_arrived_after_the_period_closed_count_on_neither_side(world: World) -> None:
    data = rows()
    late = [{**row, "loaded_at": datetime(2026, 10, 11, tzinfo=UTC)} for row in rows(50, first=5000)]
    world.main(*BASE, nps(), data={"answers": [*data, *late]})
    world.propose(*BASE, major(nps(measure=promoters(7))))
    its = world.alone()
    assert_number(its.total.old, net(valid(data)), len(valid(data)))
    assert_number(its.total.new, net(valid(data), 7), len(valid(data)))


def test_a_calendar_that_moves_is_asked_by_its_own_days(world: World) -> None:
    """A name means other days then; the `as of` stays the trusted one, and what it would be is said."""
    data = rows(60, month=7) + rows(60, month=8, first=100)
    world.main(*BASE, nps(), calendar(reporting="month"), data={"answers": data})
    world.propose(*BASE, nps(), major(calendar("Pacific/Kiritimati", reporting="month", closes="20 days")))
    numbers = world.review(period="2026-08").numbers
    assert numbers is not None
    assert numbers.as_of == datetime(2026, 9, 11, tzinfo=UTC)
    assert numbers.closes == datetime(2026, 9, 20, 10, tzinfo=UTC)
    before = [row for row in data if row["at"] >= datetime(2026, 8, 1, tzinfo=UTC)]
    after = [row for row in data if row["at"] >= datetime(2026, 7, 31, 10, tzinfo=UTC)]
    [its] = numbers.compared
    assert_number(its.total.old, net(valid(before)), len(valid(before)))
    assert_number(its.total.new, net(valid(after)), len(valid(after)))


def test_a_period_that_would_end_after_the_as_of_is_not_evaluated(world: World) -> None:
    world.main(*BASE, nps(), calendar())
    world.propose(*BASE, nps(), major(calendar(fiscal_year={"starts": "02-01", "named_by": "start"})))
    [(side, reason)] = reasons(world.alone())
    assert (side, reason) == ("new", "2026-Q3 ends on 2026-11-01 by this side's calendar, after the `as of`")


# --- not evaluated, and never "no change" ---


@pytest.mark.parametrize("data", [[], rows(30, month=2)], ids=["empty", "of another period"])
def test_without_rows_nothing_is_known_of_the_change(world: World, data: list[Row]) -> None:
    counted = metric("counted", {"count": "rows", "where": "score >= 9"}, source="answers", time="at")
    world.main(*BASE, nps(), counted, data={"answers": data})
    fewer = {"count": "rows", "where": "score >= 7"}
    world.propose(*BASE, major(nps(measure=promoters(7))), major(counted, measure=fewer))
    found = world.review()
    assert found.numbers is not None
    assert {its.outcome for its in found.numbers.compared} == {"not_evaluated"}
    assert not found.numbers.complete


def test_rows_on_one_side_only_are_shown(world: World) -> None:
    """The proposal filters everything out: that is seen, and is no difference."""
    data = rows()
    world.main(*BASE, nps(), data={"answers": data})
    world.propose(*BASE, major(nps(where="region = 'nowhere'")))
    its = world.alone()
    assert (its.outcome, its.difference(its.total), its.evaluated) == ("apart", None, True)
    assert its.total.new == Number(value=None, n=0, status="no_data")


def test_one_that_cannot_be_asked_hides_no_other(world: World) -> None:
    data = rows()
    wider = {**answers(version="1.1.0"), "columns": {**answers()["columns"], "extra": {"type": "integer"}}}
    world.main(*BASE, answers("others"), nps(), nps("second", source="others", title="Second"), data={"answers": data})
    world.propose(
        wider, people(), answers("others"), nps(), major(nps("second", promoters(7), source="others", title="Second"))
    )
    world.fill({"answers": data, "others": data}, [*BASE, answers("others")])
    found = world.compared("nps", "second")
    [(side, reason)] = reasons(found["nps"])
    assert side == "new"
    assert reason.startswith("cx.answers has no column 'extra'")
    assert_number(found["second"].total.new, net(valid(data), 7), len(valid(data)))


def test_data_that_breaks_what_its_source_says_gives_no_number(world: World) -> None:
    local: Document = {"type": "local", "zone": "Europe/Berlin", "twice": "first", "missing": "error"}
    clocks = source("clocks", {"id": "integer", "score": "integer", "at": local})
    its = nps(source="clocks", dimensions=[])
    data = [{"id": i, "score": i % 11, "at": datetime(2026, 3, 29, 2, 30)} for i in range(40)]
    world.main(clocks, its, data={"clocks": data})
    world.propose(clocks, major(its, measure=promoters(7)))
    found = world.alone(period="2026-Q1")
    assert [side for side, _ in reasons(found)] == ["old", "new"]
    assert "40" in reasons(found)[0][1]


def nowhere(world: World) -> None:
    (world.folder / "metrics/.data/data.duckdb").unlink()


@pytest.mark.parametrize(
    ("connection", "spoil", "said"),
    [
        ("duckdb", nowhere, "there is no file "),
        ("postgres", lambda _: None, "connection 'postgres': $CXGOV_TEST_DSN is not set"),
        ("dukdb", lambda _: None, "connection 'dukdb' does not exist; did you mean 'duckdb'?"),
    ],
)
def test_an_engine_that_does_not_answer_is_a_reason(
    world: World, monkeypatch: pytest.MonkeyPatch, connection: str, spoil: Callable[[World], None], said: str
) -> None:
    monkeypatch.delenv(DSN, raising=False)
    world.main(*BASE, nps(), nps("gone", title="Gone"))
    world.propose(*BASE, major(nps(measure=promoters(7))))
    spoil(world)
    found = world.compared("nps", "gone", connection=connection)
    assert [side for side, _ in reasons(found["nps"])] == ["old", "new"]
    assert [side for side, _ in reasons(found["gone"])] == ["old"]
    assert all(reason.startswith(said) for its in found.values() for _, reason in reasons(its))


def test_without_a_connection_there_are_no_numbers(world: World) -> None:
    world.main(*BASE, nps())
    world.propose(*BASE, major(nps(measure=promoters(7))))
    assert world.review(connection=None).numbers is None


# --- what a proposal must not decide ---


def test_the_connection_is_the_trusted_one(world: World) -> None:
    """A proposal that points it at a file of its own is asked on the old one all the same."""
    data = rows()
    world.main(*BASE, nps(), data={"answers": data})
    world.fill({"answers": [{**row, "score": 10} for row in data]}, BASE, "mine.duckdb")
    mine = connected(version="2.0.0", connections={"duckdb": {"engine": "duckdb", "database": ".data/mine.duckdb"}})
    world.propose(*BASE, major(nps(measure=promoters(7))), mine)
    world.git("checkout", "-q", "proposal")
    assert_number(world.alone().total.new, net(valid(data), 7), len(valid(data)))


def test_a_lower_minimum_shows_nothing_before_it_is_approved(world: World) -> None:
    data = rows(40)
    world.main(*BASE, nps(min_sample=50), data={"answers": data})
    world.propose(*BASE, major(nps(measure=promoters(7), min_sample=1)))
    its = world.alone()
    hidden = Number(value=None, n=None, status="suppressed")
    assert (its.total.old, its.total.new, its.outcome) == (hidden, hidden, "hidden")
    assert its.difference(its.total) is None


def test_a_lower_minimum_of_an_overlay_does_not_either(world: World) -> None:
    """Also where it has got another name."""
    narrow = overlay("emea", ["nps"], "region = 'EMEA'", min_sample=100)
    wider = major(overlay("europe", ["nps"], "region = 'EMEA'", min_sample=2, formerly=["emea"]))
    world.main(*BASE, nps(), narrow)
    world.propose(*BASE, nps(), wider)
    its = world.compared()["nps@europe"]
    assert (its.total.old, its.total.new) == (its.total.new, Number(value=None, n=None, status="suppressed"))


def test_a_new_metric_shows_no_fewer_rows_than_those_over_the_same_relation(world: World) -> None:
    world.main(*BASE, nps(min_sample=50), data={"answers": rows(40)})
    world.propose(*BASE, nps(min_sample=50), nps("one", where="id = 7", title="One"))
    assert world.alone().total.new == Number(value=None, n=None, status="suppressed")


def test_a_higher_minimum_hides_the_new_number_and_the_difference(world: World) -> None:
    data = rows(40)
    world.main(*BASE, nps(), data={"answers": data})
    world.propose(*BASE, major(nps(measure=promoters(7), min_sample=50)))
    its = world.alone()
    assert_number(its.total.old, net(valid(data)), len(valid(data)))
    assert (its.outcome, its.difference(its.total)) == ("hidden", None)


def private(**minimum: Any) -> Document:
    return sampling("rule", "answers", "answer", minimum={"privacy": 5, **minimum})


def test_two_numbers_that_would_tell_single_answers_are_not_shown_together(world: World) -> None:
    """The proposal takes three answers out: both numbers with their n would say what those three were."""
    data = rows()
    world.main(*BASE, private(), nps(sampling="rule"), data={"answers": data})
    world.propose(*BASE, private(), major(nps(sampling="rule", where="id not in (1, 2, 3)")))
    its = world.alone()
    assert (its.close, its.outcome) == (True, "hidden")
    assert_number(its.total.old, net(valid(data)), len(valid(data)))
    assert its.total.new == Number(value=None, n=None, status="suppressed")
    world.propose(*BASE, private(privacy=1), major(nps(sampling="rule", where="id not in (1, 2, 3)")))
    assert world.compared()["nps"].close
    world.propose(*BASE, private(), major(nps(sampling="rule", where="id > 20")))
    assert (world.alone().close, world.alone().outcome) == (False, "moved")


def test_a_personal_column_stays_personal(world: World) -> None:
    """A proposal that unmarks it and looks at it gets no number."""
    world.main(*BASE, nps())
    bare = {**answers(version="2.0.0"), "columns": {**answers()["columns"], "email": {"type": "text"}}}
    world.propose(bare, people(), major(nps(where="email = 'p7@example.org'")))
    [(side, reason)] = reasons(world.alone())
    assert side == "new"
    assert reason == "cx.answers.email is personal on the trusted commit, and no more in the proposal"


# --- by a dimension ---


def test_by_a_dimension_each_group_has_its_pair(world: World) -> None:
    data = rows()
    world.main(*BASE, nps(), data={"answers": data})
    world.propose(*BASE, major(nps(measure=promoters(7))))
    its = world.alone(by=["region"])
    [split] = its.splits
    assert [pair.group for pair in split.pairs] == ["AMER", "APAC", "EMEA", None]
    for pair in split.pairs:
        scores = valid([row for row in data if row["region"] == pair.group])
        assert_number(pair.old, net(scores), len(scores))
        assert_number(pair.new, net(scores, 7), len(scores))


def test_a_dimension_of_one_side_is_said(world: World) -> None:
    world.main(*BASE, nps(dimensions=[]))
    world.propose(*BASE, major(nps(measure=promoters(7))))
    its = world.alone(by=["region"])
    [split] = its.splits
    assert ([why.side for why in split.whys], split.pairs, its.evaluated) == (["old"], (), False)
    assert its.outcome == "moved"


def test_what_is_hidden_beside_a_hidden_cell_stays_hidden(world: World) -> None:
    data = [row for row in rows() if row["region"] != "EMEA" or row["id"] < 30]
    least = {"show": 10, "complementary": True}
    world.main(*BASE, private(**least), nps(sampling="rule"), data={"answers": data})
    world.propose(*BASE, private(**least), major(nps(measure=promoters(7), sampling="rule")))
    [split] = world.alone(by=["region"]).splits
    hidden = {pair.group for pair in split.pairs if pair.new is not None and pair.new.status == "suppressed"}
    assert len(hidden) > 1
    world.propose(*BASE, major(private(show=10)), major(nps(measure=promoters(7), sampling="rule")))
    [split] = world.alone(by=["region"]).splits
    assert [(why.side, why.reason) for why in split.whys] == [
        ("new", "it would hide less beside a hidden cell than the trusted commit does")
    ]
