"""Reference cases: our numbers beside those of R, scipy, published tables and derivations by hand."""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support import Document, Maker, World, calendar, metric, source

Case = Mapping[str, Any]
SCORE = {"id": "text", "score": "integer?"}


def table(case: Case, name: str) -> list[dict[str, Any]]:
    """Rows of a case's table by column."""
    its = case["input"]["tables"][name]
    columns = [column.split(":")[0] for column in its["columns"]]
    return [{"id": str(i), **dict(zip(columns, row, strict=True))} for i, row in enumerate(its["rows"])]


def holds(value: Any, case: Case, name: str) -> None:
    """A value is the case's, within its tolerance, and none of what a common mistake gives."""
    expected, tolerance = case["expected"], case["tolerance"]
    near = {"rel": tolerance.get("rel", 0), "abs": tolerance.get("abs", 0)}
    assert value == pytest.approx(expected[name], **near)
    for key, wrong in expected.items():
        if key.startswith(("wrong_", f"{name}_avg", "avg_of")) and wrong != expected[name]:
            assert value != pytest.approx(wrong, rel=1e-9), key


def nps(**fields: Any) -> Document:
    measure = {"net_share": {"plus": "score >= 9", "minus": "score <= 6"}}
    return metric(
        "nps", measure, **{"source": "responses", "valid": "score between 0 and 10", "unit": "points", **fields}
    )


# --- scores ---


def test_invalid_scores_leave_both_sides(make: Maker, cases: Mapping[str, Case]) -> None:
    """NULL and the code for "not applicable" are in neither the top boxes nor the denominator nor the mean."""
    case = cases["csat_top2_and_mean"]
    documents = [
        source("responses", SCORE),
        metric(
            "top2", {"share": {"of": "score >= 4"}}, source="responses", valid="score between 1 and 5", unit="share"
        ),
        metric("average", {"mean": "score"}, source="responses", valid="score between 1 and 5"),
        metric("top", {"count": "rows", "where": "score >= 4"}, source="responses", valid="score between 1 and 5"),
    ]
    world = make(documents, {"responses": table(case, "responses")})
    [(top2, n, _, average, of, _, top, _, _)] = world.rows("top2", "average", "top")
    holds(top2, case, "csat_top2")
    holds(average, case, "csat_mean")
    assert (n, of, top) == (case["expected"]["n"], case["expected"]["n"], case["expected"]["top2"])


def test_no_valid_answer_is_no_score(make: Maker, cases: Mapping[str, Case]) -> None:
    """Without one valid answer NPS is NULL with n = 0 and says so: not 0, not an error, not NaN."""
    case = cases["nps_no_valid_responses"]
    world = make([source("responses", SCORE), nps()], {"responses": table(case, "responses")})
    assert world.rows("nps") == ((case["expected"]["nps"], case["expected"]["n"], "no_data"),)


@pytest.mark.parametrize("name", ["nps_200_se_ci", "nps_36_se_ci"])
def test_nps_is_a_difference_of_shares(make: Maker, cases: Mapping[str, Case], name: str) -> None:
    """Promoters less detractors over all who answered, passives included."""
    case = cases[name]
    given = case["input"]["params"]
    scores = [10] * given["promoters"] + [7] * given["passives"] + [0] * given["detractors"]
    world = make(
        [source("responses", SCORE), nps()], {"responses": [{"id": str(i), "score": s} for i, s in enumerate(scores)]}
    )
    holds(world.value("nps"), case, "nps")


def test_a_mean_is_that_of_r(make: Maker, cases: Mapping[str, Case]) -> None:
    """The mean of integers is not an integer."""
    case = cases["csat_mean_ci_t"]
    documents = [source("responses", SCORE), metric("average", {"mean": "score"}, source="responses")]
    world = make(documents, {"responses": table(case, "responses")})
    holds(world.value("average"), case, "mean")


# --- ratios ---


def test_a_ratio_of_sums_is_no_mean_of_ratios(make: Maker, cases: Mapping[str, Case]) -> None:
    """Rolled up from regions, a share weighs each by its rows."""
    case = cases["rollup_ratio_of_sums_not_mean_of_ratios"]
    documents = [
        source(
            "regions",
            {"id": "text", "region": "text", "n": "integer", "top2": "integer"},
            dimensions={"region": "region"},
        ),
        metric(
            "csat",
            {"ratio": {"numerator": {"sum": "top2"}, "denominator": {"sum": "n"}}},
            source="regions",
            dimensions=["region"],
        ),
    ]
    world = make(documents, {"regions": table(case, "by_region")})
    holds(world.value("csat"), case, "global_csat")
    regions = {row[0]: row[1] for row in world.rows("csat", by=("region",))}
    assert regions == pytest.approx({"EMEA": 0.8, "AMER": 0.95, "APAC": 0.2})


def test_handle_time_is_over_answered_calls(make: Maker, cases: Mapping[str, Case]) -> None:
    """AHT and ASA divide by answered calls alone; abandonment with and without the short ones."""
    case = cases["aht_asa_abandonment"]
    columns = {"id": "text"} | dict.fromkeys(
        ("answer_wait_s", "talk_s", "hold_s", "acw_s", "abandon_wait_s"), "integer?"
    )
    answered = {"count": "rows", "where": "answer_wait_s is not null"}
    documents = [
        source("calls", columns),
        metric("offered", {"count": "rows"}, source="calls"),
        metric("answered", answered, source="calls"),
        metric("abandoned", {"count": "rows", "where": "abandon_wait_s is not null"}, source="calls"),
        metric(
            "aht_s",
            {"ratio": {"numerator": {"sum": "talk_s + hold_s + acw_s"}, "denominator": answered}},
            source="calls",
        ),
        metric("asa_s", {"ratio": {"numerator": {"sum": "answer_wait_s"}, "denominator": answered}}, source="calls"),
        metric("abandon_rate", {"share": {"of": "abandon_wait_s is not null"}}, source="calls", unit="share"),
        metric(
            "abandon_rate_ex_short",
            {"share": {"of": "abandon_wait_s is not null", "among": "abandon_wait_s is null or abandon_wait_s >= 5"}},
            source="calls",
            unit="share",
        ),
    ]
    world = make(documents, {"calls": table(case, "calls")})
    asked = [found["id"] for found in documents[1:]]
    [row] = world.rows(*asked, stats="none")
    for name, value in zip(asked, row, strict=True):
        holds(value, case, name)


def test_handle_time_and_resolution_over_agents(make: Maker, cases: Mapping[str, Case], shared: Path) -> None:
    """Over agents, AHT and FCR are those of all contacts, not the mean of the agents' own."""
    case = cases["aht_fcr_cluster_by_agent"]
    file = shared / "cases" / case["input"]["csv"]["contacts"]
    with file.open(encoding="utf-8", newline="") as text:
        rows = [
            {"id": row["contact_id"], "agent": row["agent"], "handle_s": int(row["handle_s"]), "fcr": row["fcr"] == "1"}
            for row in csv.DictReader(text)
        ]
    documents = [
        source(
            "contacts",
            {"id": "text", "agent": "text", "handle_s": "integer", "fcr": "boolean"},
            dimensions={"agent": "agent"},
        ),
        metric("n", {"count": "rows"}, source="contacts", dimensions=["agent"]),
        metric("total_s", {"sum": "handle_s"}, source="contacts", dimensions=["agent"]),
        metric("aht", {"mean": "handle_s"}, source="contacts", dimensions=["agent"]),
        metric("fcr", {"share": {"of": "fcr"}}, source="contacts", unit="share", dimensions=["agent"]),
    ]
    world = make(documents, {"contacts": rows})
    [row] = world.rows("n", "total_s", "aht", "fcr", stats="none")
    for name, value in zip(("n", "total_s", "aht", "fcr"), row, strict=True):
        holds(value, case, name)
    agents = world.rows("aht", by=("agent",))
    assert sum(value for _, value, _, _ in agents) / len(agents) == pytest.approx(case["expected"]["avg_of_agent_avgs"])


# --- zones ---


def events(times: Mapping[int, str], zone: str) -> list[dict[str, Any]]:
    """Instants, and what the clock of their zone shows at each."""
    found = []
    for identity, text in times.items():
        at = datetime.fromisoformat(text)
        wall = at.astimezone(ZoneInfo(zone))
        found.append({"id": str(identity), "at": at, "wall": wall.replace(tzinfo=None, fold=0)})
    return found


@pytest.fixture
def dst(make: Maker) -> Callable[[Case], World]:
    def made(case: Case) -> World:
        zone = case["input"]["params"]["tz"]
        clock: Document = {"type": "local", "zone": zone, "twice": "first", "missing": "error"}
        documents = [
            source("events", {"id": "text", "at": "instant", "wall": clock}),
            metric("by_instant", {"count": "rows"}, source="events", time="at"),
            metric("by_clock", {"count": "rows"}, source="events", time="wall"),
        ]
        times = {row["id"]: row["at"] for row in table(case, "events")}
        return make(documents, {"events": events(times, zone)}, zone=zone)

    return made


@pytest.mark.parametrize("name", ["dst_fall_america_new_york", "dst_spring_europe_berlin"])
@pytest.mark.parametrize("identity", ["by_instant", "by_clock"])
def test_a_day_on_which_clocks_change_is_whole(
    dst: Callable[[Case], World], cases: Mapping[str, Case], name: str, identity: str
) -> None:
    """A local day of 23 or 25 hours has exactly its own events, by instants and by the clock alike."""
    case = cases[name]
    world = dst(case)
    day = date.fromisoformat(case["input"]["params"]["local_day"])
    alone = world.value(identity, start=day, end=day + timedelta(days=1))
    assert alone == case["expected"]["events_in_local_day"]
    period = {"start": day - timedelta(days=1), "end": day + timedelta(days=3)}
    days = {row[0]: row[2] for row in world.rows(identity, grain="day", **period)}
    assert days[day] == case["expected"]["events_in_local_day"]
    zone = ZoneInfo(case["input"]["params"]["tz"])
    for at, count in days.items():
        assert count == sum(
            datetime.fromisoformat(row["at"]).astimezone(zone).date() == at for row in table(case, "events")
        )


@pytest.mark.parametrize("name", ["dst_fall_america_new_york", "dst_spring_europe_berlin"])
def test_a_local_day_begins_and_ends_where_its_zone_says(
    dst: Callable[[Case], World], cases: Mapping[str, Case], name: str
) -> None:
    """The bounds in the statement are the zone's own midnights, as instants."""
    case = cases[name]
    day = date.fromisoformat(case["input"]["params"]["local_day"])
    compiled = dst(case).compile("duckdb", "by_instant", start=day, end=day + timedelta(days=1))
    [scan] = compiled.plan.scans
    assert (scan.low, scan.high) == tuple(
        datetime.fromisoformat(case["expected"][end]) for end in ("start_utc", "end_utc")
    )
    assert isinstance(scan.high, datetime)
    assert isinstance(scan.low, datetime)
    assert scan.high - scan.low == timedelta(hours=case["expected"]["hours"])


# --- quantiles ---

GROUPS = {"a": 1, "b": 2, "c": 10, "d": 11, "e": 20}
QS = ("0", "0.05", "0.25", "0.5", "0.75", "0.9", "0.99", "1")


def steps() -> list[dict[str, Any]]:
    """Rows of groups of several sizes, each with one row whose value is not known."""
    draw = Random(20260711)
    rows: list[dict[str, Any]] = []
    for group, size in GROUPS.items():
        for value in [*(round(draw.lognormvariate(1, 1), 3) for _ in range(size)), None]:
            whole = None if value is None else int(value)
            rows.append({"id": str(len(rows)), "kind": group, "took": value, "whole": whole})
    return rows


def hyndman_fan(values: Sequence[float], q: Fraction, kind: int) -> float:
    """Quantile of type 1 (the lowest value at or below which q of all lie) or 7 (interpolated), with exact ranks."""
    ordered = sorted(values)
    if kind == 1:
        return ordered[max(math.ceil(q * len(ordered)) - 1, 0)]
    at = q * (len(ordered) - 1)
    low, part = int(at), float(at - int(at))
    return ordered[low] + part * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


@pytest.mark.parametrize("kind", [7, 1])
@pytest.mark.parametrize("q", QS)
def test_a_quantile_is_the_one_that_is_declared(make: Maker, kind: int, q: str) -> None:
    """Types 7 and 1 of Hyndman and Fan, over the known values of each group, of doubles and of integers."""
    rows = steps()
    columns = {"id": "text", "kind": "text", "took": "double?", "whole": "integer?"}
    documents = [source("steps", columns, dimensions={"kind": "kind"})]
    for identity, of in (("of_double", "took"), ("of_integer", "whole")):
        measure = {"quantile": {"of": of, "q": float(q), "type": kind}}
        documents.append(metric(identity, measure, source="steps", dimensions=["kind"]))
    world = make(documents, {"steps": rows})
    found = world.rows("of_double", "of_integer", by=("kind",))
    assert [row[0] for row in found] == list(GROUPS)
    for group, of_double, n, _, of_integer, _, _ in found:
        known = [row for row in rows if row["kind"] == group and row["took"] is not None]
        assert n == len(known)
        for value, column in ((of_double, "took"), (of_integer, "whole")):
            expected = hyndman_fan([row[column] for row in known], Fraction(q), kind)
            assert value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("kind", "method"), [(7, "linear"), (1, "inverted_cdf")])
def test_the_declared_quantiles_are_those_of_numpy(kind: int, method: str) -> None:
    """What this file takes for types 7 and 1 is what numpy calls `linear` and `inverted_cdf`."""
    numpy = pytest.importorskip("numpy")
    rows = steps()
    for group in GROUPS:
        values = [row["took"] for row in rows if row["kind"] == group and row["took"] is not None]
        for q in QS:
            theirs = numpy.quantile(values, float(q), method=method)
            assert hyndman_fan(values, Fraction(q), kind) == pytest.approx(theirs, rel=1e-12)


def test_a_quantile_of_nothing_is_null(make: Maker) -> None:
    """A group without a known value has no quantile."""
    documents = [
        source("steps", {"id": "text", "took": "double?"}),
        metric("median", {"quantile": {"of": "took", "q": 0.5, "type": 7}}, source="steps"),
    ]
    world = make(documents, {"steps": [{"id": "a", "took": None}]})
    assert world.rows("median") == ((None, 0, "no_data"),)


# --- calendars ---


def fiscal(day: date, month: int, named_by: str) -> tuple[int, int]:
    """Year and quarter of a day where years start on the first of a month, counted by months and not by dates."""
    months = (day.year * 12 + day.month - 1) - (month - 1)
    year, inside = divmod(months, 12)
    return year + (1 if named_by == "end" and month > 1 else 0), inside // 3 + 1


@pytest.mark.parametrize("named_by", ["end", "start"])
@pytest.mark.parametrize("month", [1, 2, 7, 10])
def test_fiscal_years_and_quarters(make: Maker, month: int, named_by: str) -> None:
    """`2017` and `2017-Q4` are the fiscal year and quarter that the calendar names so; months stay civil."""
    zone = ZoneInfo("Europe/Berlin")
    days = [date(2016, 1, 1) + timedelta(days=i) for i in range(3 * 366)]
    rows = [
        {"id": str(i), "at": datetime(day.year, day.month, day.day, 12, tzinfo=zone).astimezone(UTC)}
        for i, day in enumerate(days)
    ]
    documents = [
        source("events", {"id": "text", "at": "instant"}),
        metric("n", {"count": "rows"}, source="events", time="at"),
        calendar("Europe/Berlin", fiscal_year={"starts": f"{month:02d}-01", "named_by": named_by}),
    ]
    world = make(documents, {"events": rows})
    for quarter in range(1, 5):
        known = [day for day in days if fiscal(day, month, named_by) == (2017, quarter)]
        assert world.value("n", period=f"2017-Q{quarter}") == len(known)
    year = [day for day in days if fiscal(day, month, named_by)[0] == 2017]
    assert world.value("n", period="2017") == len(year)
    assert world.value("n", period="2017-02") == 28
    for grain, size in (("month", 12), ("quarter", 4), ("year", 1)):
        found = world.rows("n", period="2017", grain=grain)
        assert (found[0][0], len(found), sum(row[2] for row in found)) == (year[0], size, len(year))
        assert not any(row[1] for row in found)


@pytest.mark.parametrize("week_start", ["monday", "sunday", "saturday", "thursday"])
def test_weeks_are_cut_at_the_edges_of_quarters(make: Maker, week_start: str) -> None:
    """A week over the edge of a quarter stands twice, each part partial; whole weeks have seven days."""
    first = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"].index(week_start)
    days = [date(2026, 1, 1) + timedelta(days=i) for i in range(365)]
    rows = [{"id": str(i), "at": datetime(d.year, d.month, d.day, tzinfo=UTC)} for i, d in enumerate(days)]
    documents = [
        source("events", {"id": "text", "at": "instant"}),
        metric("n", {"count": "rows"}, source="events", time="at"),
    ]
    world = make(documents, {"events": rows}, week_start=week_start)
    expected: dict[date, int] = {}
    for day in days:
        # A bucket begins with a week or with a quarter, whichever came last.
        quarter = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
        start = max(day - timedelta(days=(day.weekday() - first) % 7), quarter)
        expected[start] = expected.get(start, 0) + 1
    found = world.rows("n", period="2026", grain="week")
    assert {row[0]: row[2] for row in found} == expected
    assert [row[0] for row in found] == sorted(expected)
    for start, partial, count, _, _ in found:
        assert partial == (count != 7), start
    quarters = [world.rows("n", period=f"2026-Q{i}", grain="week") for i in range(1, 5)]
    assert tuple(row for rows in quarters for row in rows) == found
