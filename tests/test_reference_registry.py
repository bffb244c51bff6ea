"""The reference registry on generated data: engines agree on it, and the relationship survey is counted once more.

What the survey's metrics must be is said by plain Python over its rows, in `relationship.py`.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from cxgov.api import Loaded, Query, Refused, attrition, compile, load, run, sample  # noqa: A004  # the field's word
from cxgov.engines.demo import generate
from cxgov.evaluation.changes import covariance, judge
from cxgov.evaluation.completing import estimates
from cxgov.evaluation.estimates import Estimate, standard_error
from cxgov.evaluation.families import Pair, judge_family
from tests.golden.queries import QUERIES, REFERENCE
from tests.relationship import MEASURES, Part, Survey, in_draw, midnight, survey
from tests.samples import common
from tests.support import assert_same, execute, into_postgres, plain, quoted


class Engines:
    """One session an engine, with the same rows in both."""

    def __init__(self, loaded: Loaded, database: Path, dsn: str) -> None:
        self.loaded = loaded
        self.duckdb = duckdb.connect(database, read_only=True)
        self.postgres = psycopg.connect(dsn, autocommit=True)
        self.duckdb.execute("SET TimeZone = 'UTC'")
        data = {}
        for its in loaded.registry.sources.values():
            # As texts: fetching instants would ask for one more package.
            columns = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in its.columns)
            rows = self.duckdb.execute(f"SELECT {columns} FROM {quoted(its.relation)}").fetchall()
            data[its.id] = [dict(zip(its.columns, row, strict=True)) for row in rows]
        into_postgres(self.postgres, loaded.registry.sources.values(), data)

    def agree(self, query: Query) -> int:
        """Holds the answers of the engines against each other; how many lines there are."""
        answers = []
        for dialect in ("duckdb", "postgres"):
            compiled = compile(self.loaded, query, dialect=dialect)
            rows = (
                self.duckdb.execute(compiled.sql).fetchall()
                if dialect == "duckdb"
                else execute(self.postgres, compiled.sql).fetchall()
            )
            answers.append([plain(row, compiled.columns) for row in rows])
        assert_same(*answers)
        return len(answers[0])


@pytest.fixture(scope="module")
def engines(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    database = tmp_path_factory.mktemp("demo") / "reference.duckdb"
    generate(database, responses=2_000)
    found = Engines(load(REFERENCE), database, postgres)
    yield found
    found.duckdb.close()
    found.postgres.close()


REGISTRY = load(REFERENCE).registry


def asked(*metrics: str, **fields: Any) -> Query:
    return Query(metrics=metrics, period="2026-Q3", draft=True, **fields)


@pytest.mark.parametrize("name", [name for name, (folder, _) in QUERIES.items() if folder == REFERENCE])
def test_a_kept_statement_is_right_on_both_engines(engines: Engines, name: str) -> None:
    """What is read in the kept files is what runs."""
    assert engines.agree(QUERIES[name][1])


@pytest.mark.parametrize("identity", sorted(REGISTRY.metrics))
def test_a_metric_is_the_same_on_both_engines(engines: Engines, identity: str) -> None:
    """By each of its dimensions, by bucket and in one number."""
    dimensions = REGISTRY.metrics[identity].dimensions
    assert engines.agree(asked(identity)) == 1
    assert engines.agree(asked(identity, grain="week")) == 14
    for path in dimensions:
        assert engines.agree(asked(identity, by=(path,)))


def test_all_metrics_beside_each_other_are_the_same_on_both_engines(engines: Engines) -> None:
    """One statement over every source, by months."""
    everything = tuple(sorted(REGISTRY.metrics))
    assert engines.agree(asked(*everything, grain="month")) == 3
    by_segment = tuple(
        identity for identity in everything if "customer.segment" in REGISTRY.metrics[identity].dimensions
    )
    assert engines.agree(asked(*by_segment, by=("customer.segment",), grain="month"))


@pytest.mark.parametrize("dialect", REGISTRY.settings.dialects)
def test_a_metric_compiles_in_each_dialect_or_is_refused_by_name(engines: Engines, dialect: str) -> None:
    """Only BigQuery lacks a construct of the reference registry's: the exact quantile."""
    for identity in sorted(REGISTRY.metrics):
        measure = REGISTRY.metrics[identity].measure
        if dialect == "bigquery" and getattr(measure, "function", "") == "quantile":
            with pytest.raises(Refused, match="exact quantile"):
                compile(engines.loaded, asked(identity, grain="month"), dialect=dialect)
        else:
            compile(engines.loaded, asked(identity, grain="month"), dialect=dialect)


# --- the relationship survey, counted once more ---

EARLIER, LATER = ("2026-04-01", "2026-07-01"), ("2026-07-01", "2026-10-01")
PATHS = {"channel": "channel", "region": "customer.region", "tier": "customer.tier"}


@dataclass(frozen=True)
class Panel:
    """The registry with the demo in its own size, and the survey's rows."""

    loaded: Loaded
    survey: Survey

    @cached_property
    def asked(self) -> Callable[..., Estimate]:
        """What is answered to a metric, a span of days and a part, each question asked once."""
        return cache(self._asked)

    def _asked(self, metric: str, start: str, end: str, part: Part = None) -> Estimate:
        where = part and f"{PATHS[part[0]]} = '{part[1]}'"
        first, after = map(date.fromisoformat, (start, end))
        asked = Query(metrics=(metric,), start=first, end=after, where=where, stats="full")
        result = run(self.loaded, asked, connection="demo")
        [estimate] = estimates(result, result.compiled.plan.outputs[0])
        return estimate

    def pair(self, region: str, practical: float) -> Pair:
        """A region's relationship NPS in 2026-Q2 and 2026-Q3, with the covariance of those who answered in both."""
        part = ("region", region)
        earlier, later = (self.asked("nps_relationship", *quarter, part) for quarter in (EARLIER, LATER))
        units = [self.survey.value("nps_relationship", *quarter, part).spread for quarter in (EARLIER, LATER)]
        both = covariance(earlier, later, common(*units))
        return Pair(earlier=earlier, later=later, practical=practical, covariance=both)


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    folder = tmp_path_factory.mktemp("relationship") / "metrics"
    shutil.copytree(REFERENCE, folder, ignore=shutil.ignore_patterns(".*"))
    generate(folder / ".demo" / "demo.duckdb")
    with duckdb.connect(folder / ".demo" / "demo.duckdb", read_only=True) as session:
        return Panel(load(folder), survey(session))


@pytest.mark.parametrize("metric", MEASURES)
def test_every_step_of_the_rule_leaves_the_rows_that_plain_python_leaves(panel: Panel, metric: str) -> None:
    [found] = attrition(panel.loaded, asked(metric), connection="demo")
    steps = [step.step for step in found.steps]
    wanted = panel.survey.steps(metric, *LATER)
    assert list(zip(steps, found.rows, strict=True)) == [(step, len(rows)) for step, rows in wanted]
    shown = [rows for rows in found.rows if rows is not None]
    assert len(shown) == len(found.rows)
    left = [len(panel.survey.answers(*LATER)), *shown]
    assert all(before > after for before, after in pairwise(left)), "a step takes nothing"


@pytest.mark.parametrize("metric", MEASURES)
@pytest.mark.parametrize(
    "part", [None, ("region", "AMER"), ("region", "APAC"), ("region", "EMEA"), ("tier", "gold"), ("channel", "email")]
)
def test_a_weighted_value_is_the_one_of_plain_python(panel: Panel, metric: str, part: Part) -> None:
    """Value, rows and standard error, of the quarter that is told of and of the one before."""
    for quarter in (EARLIER, LATER):
        found, wanted = panel.asked(metric, *quarter, part), panel.survey.value(metric, *quarter, part)
        assert found.n == wanted.n
        assert found.value == pytest.approx(wanted.value, rel=1e-9)
        assert standard_error(found) == pytest.approx(wanted.error, rel=1e-9)


def test_weights_move_the_value(panel: Panel) -> None:
    """Gold customers answer more often and are happier: without weights the survey would flatter us."""
    rows = panel.survey.steps("nps_relationship", *LATER)[-1][1]
    plain = 100 * sum(MEASURES["nps_relationship"].adds(row["score"]) for row in rows) / len(rows)
    assert plain - panel.survey.value("nps_relationship", *LATER).value > 0.5


def test_a_year_has_a_value_in_each_quarter(panel: Panel) -> None:
    query = Query(metrics=tuple(MEASURES), grain="quarter", start=date(2025, 7, 1), end=date(2026, 10, 1))
    result = run(panel.loaded, query, connection="demo")
    status = [[row[i] for row in result.rows] for i, column in enumerate(result.columns) if column.role == "status"]
    assert status == [["ok"] * 5] * 3


def test_the_exclusion_takes_the_app_of_three_days(panel: Panel) -> None:
    """A handful of rows, whose scores were turned round: who gave them was as satisfied as anybody."""
    result = run(panel.loaded, asked("nps_relationship", "nps_by_value", "csat_relationship"), connection="demo")
    steps = dict(panel.survey.steps("nps_relationship", *LATER))
    gone = [row for row in steps["one_per_unit"] if row not in steps["not_excluded"]]
    its = [(taken.exclusion.id, taken.metric, taken.rows) for taken in result.taken]
    assert its == [("scale_turned_in_app", metric, len(gone)) for metric in ("nps_relationship", "nps_by_value")]
    assert 5 <= len(gone) <= 20
    assert {row["channel"] for row in gone} == {"in_app"}
    assert midnight("2026-09-07") <= min(row["at"] for row in gone)
    assert max(row["at"] for row in gone) < midnight("2026-09-10")
    assert sum(row["score"] <= 4 for row in gone) > len(gone) / 2
    assert sum((row["satisfaction"] or 0) in {4, 5} for row in gone) > len(gone) / 2


def test_one_change_is_real_and_two_are_not(panel: Panel) -> None:
    """2026-Q2 to 2026-Q3. All three regions move by more than 5 points; judging tells EMEA's fall from chance.

    Alone, with those who answered in both quarters counted as one, and as the family that the thresholds declare.
    """
    regions = ["AMER", "APAC", "EMEA"]
    thresholds = [REGISTRY.thresholds[f"nps_relationship_{region.lower()}"] for region in regions]
    assert {(each.family, each.against) for each in thresholds} == {("relationship_regions", "previous")}
    assert [dict(each.scope) for each in thresholds] == [{"customer.region": region} for region in regions]
    practical = [float(each.meaningful_change) for each in thresholds]
    pairs = [panel.pair(region, size) for region, size in zip(regions, practical, strict=True)]
    alone = [judge(pair.earlier, pair.later, pair.practical) for pair in pairs]
    with_both = [judge(pair.earlier, pair.later, pair.practical, 0.95, pair.covariance) for pair in pairs]
    for changes in (alone, with_both, judge_family(pairs)):
        moved = [change.difference or 0.0 for change in changes]
        assert [change.state for change in changes] == ["inconclusive", "inconclusive", "meaningful"]
        assert moved[0] > practical[0]
        assert moved[1] < -practical[1]
        assert moved[2] < -20


def test_whom_the_rule_draws_was_invited(panel: Panel) -> None:
    """The draw is the hash over the frame; who was not a customer when the quarter began was not asked in it."""
    low, high = (midnight(day) for day in LATER)
    sent = [row for row in panel.survey.invitations.values() if low <= row["at"] < high]
    tests = [row["customer_id"] for row in sent if row["channel"] == "internal"]
    [tester] = set(tests)
    assert len(tests) == 13
    # Whoever is asked every week is over the cap.
    drawn = {key for (key,) in sample(panel.loaded, "relationship_survey", period="2026-Q3", connection="demo").rows}
    assert drawn == {key for key in panel.survey.frame if in_draw(key)} - {tester}
    invited = {row["customer_id"] for row in sent}
    new = {key for key in drawn if panel.survey.customers[key]["since"] > low}
    assert drawn - invited == new
    assert 0 < sum(not in_draw(key) for key in invited) < 0.03 * len(invited)
