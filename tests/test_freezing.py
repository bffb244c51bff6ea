"""Freezing a period: what is written, what is refused, what a frozen period still says when all else has moved."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxgov.api import Loaded, Query, Refused, answers, diff, evaluate, freeze, load, restate, statements
from cxgov.cli.main import exit_code
from cxgov.compiler.canonical import canonical_query, canonical_sql, filled
from cxgov.compiler.clock import day_start
from cxgov.compiler.periods import Edges, named_period
from cxgov.compiler.planning import plan
from cxgov.compiler.sql import to_sql
from cxgov.evaluation.judgements import Judgement
from cxgov.evidence.failures import CannotSay
from cxgov.language.model import Registry
from cxgov.ledger import readings
from cxgov.ledger.certificates import Standing
from cxgov.ledger.chain import Altered, Ledger
from cxgov.ledger.circumstances import programs
from cxgov.ledger.entries import read_entry
from cxgov.ledger.folder import TakenMeanwhile, read_ledger, write_freezing
from cxgov.ledger.forms import canonical_json, digest
from cxgov.ledger.objects import Freezer, read_object, registry_of
from cxgov.meaning.digests import Closures
from cxgov.reports.changes import as_json, as_markdown
from tests.repos import Repo

ROOT: Final = Path(__file__).resolve().parents[1]
BEFORE: Final = datetime(2025, 12, 1, tzinfo=UTC)
LATE: Final = datetime(2027, 2, 1, tzinfo=UTC)
DURING: Final = datetime(2026, 2, 1, tzinfo=UTC)


class Frozen:
    """A registry in a repository: the starter, changed, committed and frozen."""

    def __init__(self, top: Path) -> None:
        assert exit_code(["init", str(top), "--zone", "Europe/Berlin"]) == 0
        self.repo = Repo(top)
        self.folder = top / "metrics"
        self.repo.commit({})

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        self.repo.commit({})

    def freeze(self, period: str, now: datetime = BEFORE) -> Path:
        target = write_freezing(self.folder / "frozen", freeze(self.folder, period, now=now))
        self.repo.commit({})
        return target

    def restate(self, period: str, *metrics: str) -> Path:
        made = restate(self.folder, period, metrics, reason="a test was counted", now=DURING)
        target = write_freezing(self.folder / "frozen", made)
        self.repo.commit({})
        return target

    def judge(self, threshold: str, metric: str = "nps", grain: str = "quarter") -> None:
        """Adds a threshold for a metric."""
        bands = "bands: [{name: breach, below: -100}, {name: good}]\nmeaningful_change: 5\n"
        head = f"apiVersion: cxgov/v1\nkind: Threshold\nid: {threshold}\nversion: 1.0.0\ntitle: Goal\nowner: cx\n"
        text = f"{head}metric: {metric}\ngrain: {grain}\n{bands}"
        self.repo.commit({f"metrics/thresholds/{threshold}.yaml": text})

    def evaluated(self, *wanted: str, period: str) -> tuple[Judgement, ...]:
        return evaluate(load(self.folder), wanted, period=period, now=LATE).judgements

    def ledger(self) -> Ledger:
        return read_ledger(self.folder / "frozen")

    def sql(self, *metrics: str, dialect: str = "duckdb", **asked: Any) -> list[str]:
        options = {key: asked.pop(key) for key in ("definition_of", "restatement") if key in asked}
        found = statements(self.folder, Query(metrics=metrics, **asked), dialect=dialect, **options)
        return [its.compiled.body for its in found]

    def standing(self, *metrics: str, dialect: str = "duckdb", **asked: Any) -> list[Standing]:
        options = {key: asked.pop(key) for key in ("definition_of", "restatement") if key in asked}
        found = statements(self.folder, Query(metrics=metrics, **asked), dialect=dialect, **options)
        return [its.standing for its in found]


@pytest.fixture
def home(tmp_path: Path) -> Frozen:
    return Frozen(tmp_path / "home")


@pytest.fixture(scope="module")
def reference() -> Registry:
    return load(ROOT / "metrics").registry


# --- objects and statements ---


def test_a_filled_canonical_statement_is_the_one_that_is_compiled(reference: Registry) -> None:
    """For every metric and dialect: the bytes with named placeholders, filled, are those of the question itself."""
    period = named_period("2026-Q1", reference.calendar)
    zone = reference.calendar.zone
    end = day_start(period.end, zone)
    edges = Edges(start=day_start(period.start, zone), end=end, as_of=end + reference.calendar.closes)
    for metric in reference.metrics.values():
        if metric.status != "certified":
            continue
        query = canonical_query(reference, metric, "2026-Q1", edges.as_of)
        for dialect, text in canonical_sql(reference, metric, reference.settings.dialects).items():
            assert "2025-12-31 23:00:00" not in text
            assert filled(text, edges) == to_sql(plan(reference, query), dialect).body


def test_an_object_holds_all_that_its_metric_means(reference: Registry) -> None:
    """A registry made of one object has the same closure, and freezes to the same bytes."""
    freezer = Freezer(reference, reference.settings.dialects)
    for metric in reference.metrics.values():
        if metric.status == "certified":
            its = freezer.frozen(metric)
            again = registry_of([read_object(its.data)])
            assert Closures(again).clo1(again.metrics[metric.id]) == its.clo1
            assert Freezer(again, reference.settings.dialects).frozen(again.metrics[metric.id]).data == its.data


def test_the_json_of_the_ledger_is_json() -> None:
    value = {"b": [1, True, None, "ü\n"], "a": {}, "c": {"y": [], "x": "\u2028"}}
    assert json.loads(canonical_json(value)) == value
    assert canonical_json(value) == canonical_json(dict(reversed(value.items())))


# --- what freezing writes and refuses ---


def test_a_period_is_frozen_once_and_says_when_it_was_late(home: Frozen) -> None:
    first = home.freeze("2026-Q1")
    home.freeze("2026-Q2", DURING)
    home.freeze("2025-Q4", DURING)
    entries = home.ledger().entries()
    assert [(its.period.id, its.late, its.sequence) for its in entries] == [
        ("2026-Q1", False, 1),
        ("2026-Q2", False, 2),
        ("2025-Q4", True, 3),
    ]
    assert entries[1].previous == digest(first.read_bytes())
    assert entries[0].period.edges.start == datetime(2025, 12, 31, 23, tzinfo=UTC)
    # What has not changed is the same object, quarter after quarter.
    assert len(list((home.folder / "frozen/objects").iterdir())) == 2
    with pytest.raises(Refused, match="2026-Q1 is frozen already"):
        freeze(home.folder, "2026-Q1")


@pytest.mark.parametrize(
    ("period", "message"),
    [
        ("2026-03", "not a quarter"),
        ("2026", "not a quarter"),
        ("2026-Q9", "not a period"),
        ("2026-Q4", "days from 2026-04-01 to before 2026-10-01 would be in no frozen period"),
        ("2025-Q3", "days from 2025-10-01 to before 2026-01-01 would be in no frozen period"),
    ],
)
def test_what_is_no_next_reporting_period_is_refused(home: Frozen, period: str, message: str) -> None:
    home.freeze("2026-Q1")
    with pytest.raises(Refused, match=message):
        freeze(home.folder, period)


def test_a_calendar_that_moved_over_a_frozen_period_overlaps(home: Frozen) -> None:
    home.freeze("2026-Q1")
    home.edit("calendars/reporting.yaml", 'starts: "01-01"', 'starts: "02-01"')
    with pytest.raises(Refused, match=r"2025-Q4 .* overlaps 2026-Q1"):
        freeze(home.folder, "2025-Q4")


def test_what_is_not_committed_is_not_frozen(home: Frozen) -> None:
    path = home.folder / "definitions/nps.yaml"
    path.write_bytes(path.read_bytes() + b"# a thought\n")
    with pytest.raises(CannotSay, match=r"nps\.yaml is not as it is committed"):
        freeze(home.folder, "2026-Q1")
    home.repo.commit({})
    (home.folder / "definitions/new.yaml").write_text("x", encoding="utf-8")
    assert exit_code(["freeze", "2026-Q1", "--registry", str(home.folder)]) == 2
    (home.folder / "definitions/new.yaml").unlink()
    write_freezing(home.folder / "frozen", freeze(home.folder, "2026-Q1"))
    with pytest.raises(CannotSay, match="frozen is not as it is committed"):
        freeze(home.folder, "2026-Q2")


def test_another_version_than_is_pinned_freezes_nothing(home: Frozen) -> None:
    home.edit("registry.yaml", "calendar: reporting", "calendar: reporting\ntool: {cxgov: 9.9.9, sqlglot: 30.30.0}")
    with pytest.raises(CannotSay, match=r"the registry pins cxgov 9\.9\.9"):
        freeze(home.folder, "2026-Q1")


def test_of_two_at_once_one_wins(home: Frozen) -> None:
    one, other = freeze(home.folder, "2026-Q1"), freeze(home.folder, "2026-Q2")
    target = write_freezing(home.folder / "frozen", one)
    written = target.read_bytes()
    with pytest.raises(TakenMeanwhile, match=r"000001\.json"):
        write_freezing(home.folder / "frozen", other)
    assert target.read_bytes() == written
    assert [path.name for path in target.parent.iterdir()] == ["000001.json"]


def test_two_freezes_on_two_branches_conflict_in_git(home: Frozen) -> None:
    home.repo.switch("other", "main")
    home.freeze("2026-Q2")
    home.repo.switch("main")
    home.freeze("2026-Q1")
    assert home.repo.run("merge", "other").returncode == 1
    assert "frozen/ledger/000001.json" in home.repo.git("diff", "--name-only", "--diff-filter=U")


def test_the_command_says_what_it_froze(home: Frozen, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--registry", str(home.folder), "--now", "2025-12-01T00:00:00Z"]
    capsys.readouterr()
    assert exit_code(["freeze", "2026-Q1", *place]) == 0
    out = capsys.readouterr().out
    assert "2026-Q1 is frozen: 2 metrics in duckdb, postgres" in out
    assert "2026-01-01 to before 2026-04-01, days of Europe/Berlin; closes 2026-04-10 22:00 UTC" in out
    assert f"head {digest((home.folder / 'frozen/ledger/000001.json').read_bytes())}" in out
    home.repo.commit({})
    assert exit_code(["freeze", "2026-Q1", *place]) == 2


# --- the ledger as it is read ---


def files_of(home: Frozen) -> list[Path]:
    return sorted(path for path in (home.folder / "frozen").rglob("*") if path.is_file())


def read_all(home: Frozen) -> None:
    """Reads everything that a question about any frozen metric could read."""
    ledger = home.ledger()
    for entry in ledger.entries():
        for its in entry.metrics.values():
            ledger.object(its)


@pytest.fixture(scope="module")
def frozen_twice(tmp_path_factory: pytest.TempPathFactory) -> Frozen:
    found = Frozen(tmp_path_factory.mktemp("twice") / "home")
    found.freeze("2026-Q1")
    found.freeze("2026-Q2")
    return found


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_no_byte_of_the_ledger_can_be_changed_unseen(frozen_twice: Frozen, data: st.DataObject) -> None:
    """Any byte changed, dropped or added, in an entry that another follows or in an object, is found on reading.

    Of the last entry, which none follows, the bytes must still be those of an entry; what it says is held by whoever
    keeps its digest.
    """
    path = data.draw(st.sampled_from(files_of(frozen_twice)))
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = bytes([data.draw(st.integers(0, 255).filter(lambda its: its != whole[at]))])
    changed = data.draw(
        st.sampled_from(
            [whole[:at] + byte + whole[at + 1 :], whole[:at] + whole[at + 1 :], whole[:at] + byte + whole[at:]]
        )
    )
    if changed == whole:
        return
    head = frozen_twice.ledger().head
    path.write_bytes(changed)
    try:
        last = path.name == "000002.json"
        if last:
            try:
                read_all(frozen_twice)
            except Altered:
                return
            assert frozen_twice.ledger().head != head
        else:
            with pytest.raises(Altered):
                read_all(frozen_twice)
    finally:
        path.write_bytes(whole)


def test_a_missing_or_strange_entry_breaks_the_chain(frozen_twice: Frozen, tmp_path: Path) -> None:
    shutil.copytree(frozen_twice.folder / "frozen", tmp_path / "frozen")
    (tmp_path / "frozen/ledger/000001.json").unlink()
    with pytest.raises(Altered, match=r"000001\.json is missing"):
        read_ledger(tmp_path / "frozen")
    (tmp_path / "frozen/ledger/notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(Altered):
        read_ledger(tmp_path / "frozen")


def test_an_entry_is_read_only_as_it_is_written(frozen_twice: Frozen) -> None:
    data = (frozen_twice.folder / "frozen/ledger/000001.json").read_bytes()
    assert read_entry(data).data == data
    with pytest.raises(ValueError, match="not written as an entry is"):
        read_entry(data.replace(b'\n "late"', b'\n  "late"'))
    with pytest.raises(ValueError, match="no entry"):
        read_entry(b"[]")


# --- what a frozen period still says ---


def everything(home: Frozen) -> dict[str, list[str]]:
    found = {}
    for dialect in ("duckdb", "postgres"):
        for stats in ("none", "n", "full"):
            for by in ((), ("channel",)):
                for grain in (None, "week", "month"):
                    for metrics in (("nps",), ("csat",), ("nps", "csat")):
                        key = f"{dialect} {stats} {by} {grain} {metrics}"
                        found[key] = home.sql(
                            *metrics, dialect=dialect, stats=stats, by=by, grain=grain, period="2026-Q1"
                        )
    return found


def test_a_frozen_period_says_the_same_when_everything_has_moved(home: Frozen) -> None:
    """Metric, source, calendar and registry edited after the freeze: every query of the period has the same bytes."""
    before = everything(home)
    rows = rows_of(home)
    home.freeze("2026-Q1")
    assert everything(home) == before
    home.edit("definitions/nps.yaml", "likelihood >= 9", "likelihood >= 7")
    home.edit("definitions/csat.yaml", "rating between 1 and 5", "rating between 2 and 5")
    home.edit("registry.yaml", "relations: {", "relations: {elsewhere.answers: .data/none.csv, ")
    home.edit("sources/survey_responses.yaml", "relation: survey_responses", "relation: elsewhere.answers")
    home.edit("sources/survey_responses.yaml", "range: [1, 5]", "range: [1, 9]")
    home.edit("calendars/reporting.yaml", "week_start: monday", "week_start: sunday")
    home.edit("calendars/reporting.yaml", "closes: 10 days", "closes: 3 days")
    home.edit("calendars/reporting.yaml", "zone: Europe/Berlin", "zone: America/New_York")
    home.edit("registry.yaml", "dialects: [duckdb, postgres]", "dialects: [snowflake]")
    assert everything(home) == before
    assert rows_of(home) == rows
    assert home.sql("nps", period="2026-Q2") != before["duckdb n () None ('nps',)"]


def test_a_frozen_period_needs_nothing_but_the_ledger(home: Frozen) -> None:
    """Not even a registry that can be read, nor a history."""
    before = everything(home)
    home.freeze("2026-Q1")
    for path in home.folder.rglob("*.yaml"):
        path.unlink()
    shutil.rmtree(home.repo.folder / ".git")
    assert everything(home) == before


def rows_of(home: Frozen) -> list[Any]:
    query = Query(metrics=("nps", "csat"), by=("channel",), grain="month", period="2026-Q1", stats="full")
    loaded = load(home.folder)
    found = answers(loaded, query, connection="local", now=datetime(2100, 1, 1, tzinfo=UTC))
    return [its.result.rows for its in found]


def test_what_a_statement_is_worth(home: Frozen) -> None:
    assert home.standing("nps", period="2026-Q1") == [Standing.PROVISIONAL]
    home.freeze("2026-Q1")
    assert home.standing("nps", period="2026-Q1") == [Standing.CERTIFIED]
    assert home.standing("nps", period="2026-02") == [Standing.CERTIFIED]
    assert home.standing("nps", period="2026-Q2") == [Standing.PROVISIONAL]
    assert home.standing("nps", period="2026-Q2", definition_of="2026-Q1") == [Standing.PROVISIONAL]
    assert home.standing("nps", period="2026-Q1", dialect="snowflake") == [Standing.PROVISIONAL]
    home.edit("definitions/nps.yaml", "status: certified", "status: draft")
    assert home.standing("nps", period="2026-Q2", draft=True) == [Standing.DRAFT]
    assert home.standing("nps", period="2026-Q1") == [Standing.CERTIFIED]


def test_periods_of_one_meaning_are_one_statement(home: Frozen) -> None:
    home.freeze("2026-Q1")
    home.freeze("2026-Q2")
    [one] = statements(home.folder, Query(metrics=("nps",), period="2026"), dialect="duckdb")
    assert one.standing is Standing.PROVISIONAL  # the second half of the year is not frozen
    start, end = datetime(2026, 1, 1).date(), datetime(2026, 7, 1).date()
    [one] = statements(home.folder, Query(metrics=("nps",), start=start, end=end), dialect="duckdb")
    assert one.standing is Standing.CERTIFIED
    assert [entry.period.id for entry in one.reading.entries] == ["2026-Q1", "2026-Q2"]


def test_a_row_of_a_frozen_period_is_the_number_of_that_period(home: Frozen) -> None:
    """Whether it is asked alone or in a series: as of its own closing. As of another instant nothing is certified."""
    home.freeze("2026-Q1")
    home.freeze("2026-Q2")
    days: dict[str, Any] = {"start": date(2026, 1, 1), "end": date(2026, 7, 1)}
    alone = home.sql("nps", period="2026-Q1", grain="quarter")
    series = home.sql("nps", **days, grain="quarter")
    assert series[:1] == alone
    assert home.standing("nps", **days, grain="quarter") == [Standing.CERTIFIED] * 2
    for as_of, wanted in ((datetime(2026, 4, 10, 22, tzinfo=UTC), Standing.CERTIFIED), (LATE, Standing.PROVISIONAL)):
        assert home.standing("nps", period="2026-Q1", as_of=as_of) == [wanted]


def test_a_series_breaks_where_its_meaning_did(home: Frozen, capsys: pytest.CaptureFixture[str]) -> None:
    home.freeze("2026-Q1")
    home.edit("definitions/nps.yaml", "likelihood >= 9", "likelihood >= 7")
    home.freeze("2026-Q2")
    query = Query(metrics=("nps",), period="2026", grain="quarter")
    first, second, third = statements(home.folder, query, dialect="duckdb")
    assert "likelihood >= 9" in first.sql
    assert "likelihood >= 7" in second.sql
    assert [its.standing for its in (first, second, third)] == ["CERTIFIED", "CERTIFIED", "PROVISIONAL"]
    with pytest.raises(Refused, match="means something else from 2026-04-01 on") as refused:
        statements(home.folder, replace(query, grain=None))
    assert "--definition-of 2026-Q2" in refused.value.fix
    [throughout] = statements(home.folder, replace(query, grain=None), dialect="duckdb", definition_of="2026-Q1")
    assert "likelihood >= 9" in throughout.sql
    capsys.readouterr()
    ask = ["run", "nps", "--period", "2026", "--grain", "quarter", "--registry", str(home.folder)]
    assert exit_code(ask) == 0
    printed = capsys.readouterr()
    assert printed.err == "a break: from 2026-04-01 on nps means something else\n"
    assert "certified: 2026-Q1 by entry 1" in printed.out
    assert exit_code([*ask, "--output", "csv"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].startswith("definition,period_start,partial,nps")
    assert rows[1].startswith("2026-Q1,2026-01-01")
    assert rows[2].startswith("2026-Q2,2026-04-01")
    assert rows[3].startswith("today,2026-07-01")


def test_metrics_that_were_not_frozen_are_asked_apart(home: Frozen) -> None:
    home.freeze("2026-Q1")
    text = (home.folder / "definitions/csat.yaml").read_text(encoding="utf-8")
    text = text.replace("id: csat", "id: csat_new").replace("CSAT, top", "CSAT, new, top")
    home.repo.commit({"metrics/definitions/csat_new.yaml": text})
    assert home.standing("csat_new", period="2026-Q1") == [Standing.PROVISIONAL]
    with pytest.raises(Refused, match="csat_new was not frozen in 2026-Q1"):
        home.sql("nps", "csat_new", period="2026-Q1")


def test_a_renamed_metric_answers_by_either_id(home: Frozen) -> None:
    before = home.sql("nps", period="2026-Q1")
    home.freeze("2026-Q1")
    home.edit("definitions/nps.yaml", "id: nps\n", "id: nps_survey\nformerly: [nps]\n")
    home.edit("definitions/nps.yaml", "likelihood >= 9", "likelihood >= 8")
    assert home.sql("nps", period="2026-Q1") == home.sql("nps_survey", period="2026-Q1") == before


@pytest.fixture
def monthly(home: Frozen) -> Frozen:
    """The registry with months as its reporting periods, each of which has data, and a threshold."""
    home.edit("calendars/reporting.yaml", "reporting: quarter", "reporting: month")
    home.judge("nps_month", grain="month")
    return home


def test_a_frozen_period_is_judged_as_it_was_frozen(monthly: Frozen, capsys: pytest.CaptureFixture[str]) -> None:
    """The number is the one that `run` gives, and the bands are those of that time."""
    monthly.freeze("2026-01")
    [before] = monthly.evaluated("nps", period="2026-01")
    monthly.edit("definitions/nps.yaml", "likelihood >= 9", "likelihood >= 7")
    monthly.edit("thresholds/nps_month.yaml", "breach, below: -100", "breach, below: 100")
    [judgement] = monthly.evaluated("nps_month", period="2026-01")
    assert (judgement.frozen, judgement.breached) == ("2026-01", False)
    assert [judgement.reading, judgement.band] == [before.reading, before.band]
    [answer] = answers(load(monthly.folder), Query(metrics=("nps",), period="2026-01", stats="full"), now=LATE)
    value = next(i for i, its in enumerate(answer.result.columns) if its.role == "value")
    assert answer.statement.standing is Standing.CERTIFIED
    assert judgement.reading.value == pytest.approx(float(answer.result.rows[0][value]), rel=1e-12)
    [unfrozen] = monthly.evaluated("nps", period="2026-02")
    assert (unfrozen.frozen, unfrozen.breached) == (None, True)
    capsys.readouterr()
    assert exit_code(["evaluate", "nps", "--period", "2026-01", "--registry", str(monthly.folder)]) == 0
    shown = capsys.readouterr()
    assert "nps_month 1.0.0, as frozen for 2026-01\n" in shown.out
    assert shown.err == ""
    assert exit_code(["evaluate", "nps", "--period", "2026-02", "--registry", str(monthly.folder)]) == 1
    said = "nps meant something else in 2026-01, and is shown by one definition\n"
    assert capsys.readouterr().err == said


def test_each_part_of_a_period_is_judged_by_its_own_definitions(monthly: Frozen) -> None:
    monthly.freeze("2026-01")
    monthly.edit("definitions/nps.yaml", "likelihood >= 9", "likelihood >= 7")
    monthly.freeze("2026-02", now=BEFORE)
    monthly.edit("definitions/nps.yaml", "likelihood >= 7", "likelihood >= 8")
    first, second, third = monthly.evaluated(period="2026-Q1")
    assert [(its.reading.name, its.frozen) for its in (first, second, third)] == [
        ("2026-01", "2026-01"),
        ("2026-02", "2026-02"),
        ("2026-03", None),
    ]
    for its in (first, second):
        [alone] = monthly.evaluated("nps", period=its.reading.name)
        assert alone.reading.value is not None
        assert alone.reading == its.reading
    # A change compares like with like, and not the number of one formula with that of another.
    assert second.earlier is not None
    assert (second.earlier.name, second.earlier.value == first.reading.value) == ("2026-01", False)


def test_what_was_not_frozen_is_judged_by_the_registry_of_today(home: Frozen) -> None:
    home.freeze("2026-Q1")
    home.judge("nps_quarter")
    home.judge("csat_quarter", "csat")
    assert [its.frozen for its in home.evaluated(period="2026-Q1")] == [None, None]
    home.freeze("2026-Q2", now=BEFORE)
    home.judge("nps_more", "nps")
    found = {its.threshold.id: its.frozen for its in home.evaluated(period="2026-Q2")}
    assert found == {"nps_quarter": "2026-Q2", "csat_quarter": "2026-Q2", "nps_more": None}
    with pytest.raises(Refused, match="threshold 'nps_mor' does not exist; did you mean 'nps_more'"):
        home.evaluated("nps_mor", period="2026-Q2")


def test_a_frozen_threshold_answers_by_any_id_and_after_it_was_deleted(home: Frozen) -> None:
    home.judge("nps_quarter")
    home.freeze("2026-Q1")
    home.edit("thresholds/nps_quarter.yaml", "id: nps_quarter\n", "id: nps_goal\nformerly: [nps_quarter]\n")
    for name in ("nps_goal", "nps_quarter"):
        assert [its.threshold.id for its in home.evaluated(name, period="2026-Q1")] == ["nps_quarter"]
    (home.folder / "thresholds/nps_quarter.yaml").unlink()
    home.repo.commit({})
    assert [its.threshold.id for its in home.evaluated("nps_quarter", period="2026-Q1")] == ["nps_quarter"]


def test_nothing_frozen_is_judged_where_this_version_writes_other_sql(
    home: Frozen, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.judge("nps_quarter")
    home.freeze("2026-Q1")
    monkeypatch.setattr(readings, "canonical_sql", lambda *_: {"duckdb": "select 1\n"})
    with pytest.raises(Refused, match="this version writes other SQL for nps than 2026-Q1 was frozen with"):
        home.evaluated("nps", period="2026-Q1")


def test_a_difference_is_shown_from_the_last_frozen_period_too(
    home: Frozen, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["diff", "--registry", str(home.folder)]
    capsys.readouterr()
    assert exit_code(ask) == 0
    assert "was frozen" not in capsys.readouterr().out
    home.freeze("2026-Q1")
    assert exit_code(ask) == 0
    assert "since 2026-Q1 was frozen: every metric means what it did\n" in capsys.readouterr().out
    home.edit("definitions/nps.yaml", "likelihood >= 9", "likelihood >= 7")
    home.edit("definitions/csat.yaml", "status: certified", "status: draft")
    assert exit_code(ask) == 0
    said = "since 2026-Q1 was frozen: nps means something else; csat is no longer certified\n"
    assert said in capsys.readouterr().out
    comparison = diff(home.folder)
    assert comparison.since_frozen is not None
    assert [its.id for its in comparison.since_frozen.moved] == ["csat", "nps"]
    assert json.loads(as_json(comparison))["since_frozen"]["period"] == "2026-Q1"
    assert "Since 2026-q1" not in as_markdown(comparison)


# --- restatements ---


def test_a_restatement_supersedes_and_both_readings_stay(home: Frozen) -> None:
    home.freeze("2026-Q1")
    old = home.sql("nps", period="2026-Q1")
    csat = home.sql("csat", period="2026-Q1")
    home.edit("definitions/nps.yaml", "likelihood >= 9", "likelihood = 10")
    assert home.sql("nps", period="2026-Q1") == old
    home.restate("2026-Q1", "nps")
    new = home.sql("nps", period="2026-Q1")
    assert "likelihood = 10" in new[0]
    assert home.sql("nps", period="2026-Q1", restatement=0) == old
    assert home.sql("nps", period="2026-Q1", restatement=1) == new
    assert home.sql("csat", period="2026-Q1") == csat
    entry = home.ledger().entry(2)
    assert (entry.supersedes, entry.restatement, entry.restated, entry.late) == (1, 1, ("nps",), True)
    with pytest.raises(Refused, match="no restatement 2"):
        home.sql("nps", period="2026-Q1", restatement=2)


@pytest.mark.parametrize(
    ("period", "metrics", "message"),
    [
        ("2026-Q2", ["nps"], "2026-Q2 is not frozen"),
        ("2026-Q1", ["csat"], "csat means what it did in 2026-Q1"),
        ("2026-Q1", ["ces"], "no metric 'ces'"),
        ("2026-Q1", ["nps"], "index would rest on what is restated and keep the old reading"),
    ],
)
def test_what_cannot_be_restated(home: Frozen, period: str, metrics: list[str], message: str) -> None:
    derived = (home.folder / "definitions/csat.yaml").read_text(encoding="utf-8")
    derived = (
        derived.partition("source:")[0].replace("id: csat", "id: index").replace("CSAT, top two boxes", "An index")
    )
    derived += "measure: {derived: nps + 1}\nunit: points\ndirection: neither\ndimensions: [channel]\n"
    home.repo.commit({"metrics/definitions/index.yaml": derived})
    home.freeze("2026-Q1")
    home.edit("definitions/nps.yaml", "likelihood >= 9", "likelihood = 10")
    with pytest.raises(Refused, match=message):
        restate(home.folder, period, metrics, reason="x")


def test_a_restatement_has_a_reason(home: Frozen) -> None:
    home.freeze("2026-Q1")
    home.edit("definitions/nps.yaml", "likelihood >= 9", "likelihood = 10")
    with pytest.raises(Refused, match="needs a reason"):
        restate(home.folder, "2026-Q1", ["nps"], reason=" ")


def test_a_restatement_keeps_both_numbers(home: Frozen, capsys: pytest.CaptureFixture[str]) -> None:
    """The numbers that are asked of a connection stand in the entry; the same as two questions give."""
    home.freeze("2026-Q1")
    home.edit("definitions/nps.yaml", "likelihood >= 9", "likelihood = 10")
    home.edit("definitions/csat.yaml", "min_sample: 10", "min_sample: 100000")
    made = restate(home.folder, "2026-Q1", ["nps", "csat"], reason="x", connection="local", now=DURING)
    write_freezing(home.folder / "frozen", made)
    home.repo.commit({})
    [nps, csat] = home.ledger().entry(2).difference
    loaded = load(home.folder)
    for side, restatement in (("old", 0), ("new", 1)):
        query = Query(metrics=("nps",), period="2026-Q1")
        [its] = answers(loaded, query, connection="local", restatement=restatement)
        assert (float(nps[side]), nps[f"{side}_n"]) == its.result.rows[0][:2]
    assert nps["old"] != nps["new"]
    # What is too few to be shown stays hidden.
    assert (csat["new"], csat["new_n"]) == (None, None)
    capsys.readouterr()


# --- drift ---


def test_where_the_compiler_has_drifted_only_what_was_frozen_is_answered(
    home: Frozen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The canonical statement comes from the frozen bytes; of all else the version to install is said."""
    home.freeze("2026-Q1")
    canonical: dict[str, Any] = {"by": ("channel",), "stats": "full", "period": "2026-Q1"}
    [before] = home.sql("nps", **canonical)
    drift(monkeypatch)
    assert home.sql("nps", **canonical) == [before]
    with pytest.raises(Refused, match="writes other SQL for nps than 2026-Q1 was frozen with") as refused:
        home.sql("nps", period="2026-Q1")
    assert "sqlglot==" in refused.value.fix
    assert "--by channel --stats full --period 2026-Q1" in refused.value.fix
    with pytest.raises(Refused):
        home.sql("nps", **canonical, grain="month")


def drift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writer of SQL, as another version of sqlglot would be."""
    from cxgov.compiler import sql

    real = sql.dialect_text
    monkeypatch.setattr(sql, "dialect_text", lambda *its: real(*its).replace("COUNT_IF(", "COUNTIF("))


def test_zone_data_that_say_other_instants_are_drift(home: Frozen, monkeypatch: pytest.MonkeyPatch) -> None:
    home.freeze("2026-Q1")
    from cxgov.ledger import readings

    monkeypatch.setattr(readings, "day_start", lambda day, _zone: day_start(day, "Europe/London"))
    with pytest.raises(Refused, match="writes other SQL"):
        home.sql("nps", period="2026-Q1")


def test_a_loaded_registry_is_answered_by_its_ledger_too(home: Frozen) -> None:
    home.freeze("2026-Q1")
    loaded: Loaded = load(home.folder)
    [one] = statements(loaded, Query(metrics=("nps",), period="2026-Q1"))
    assert one.standing is Standing.CERTIFIED


# --- another version of sqlglot ---

OTHER: Final = "30.16.0"


@pytest.fixture(scope="module")
def other_sqlglot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with another version of sqlglot, for a process of its own."""
    folder = tmp_path_factory.mktemp("sqlglot")
    fetch = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*fetch, "--target", folder, f"sqlglot=={OTHER}"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"sqlglot {OTHER} cannot be fetched here")
    return folder


_UNDER_OTHER: Final = """
import json, sys
from pathlib import Path
import sqlglot
if sys.argv[2] == "moved":
    # As a release that writes a function in another way.
    from cxgov.compiler import sql
    real = sql.dialect_text
    sql.dialect_text = lambda *its: real(*its).replace("COUNT(*)", "COUNT(1)")
from cxgov.api import Query, Refused, statements
found = {}
for identity in ("nps", "csat"):
    for dialect in ("duckdb", "postgres"):
        for key, asked in {
            "canonical": {"by": ("channel",), "stats": "full"},
            "plain": {},
            "monthly": {"grain": "month", "by": ("channel",)},
        }.items():
            query = Query(metrics=(identity,), period="2026-Q1", **asked)
            try:
                [its] = statements(Path(sys.argv[1]), query, dialect=dialect)
                found[f"{identity} {dialect} {key}"] = its.compiled.body
            except Refused as refused:
                found[f"{identity} {dialect} {key}"] = f"{refused}\\n{refused.fix}"
print(json.dumps({"sqlglot": sqlglot.__version__, "found": found}))
"""


def under(folder: Path, registry: Path, how: str) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", _UNDER_OTHER, str(registry), how], capture_output=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    its: dict[str, Any] = json.loads(done.stdout)
    return its


def test_another_version_of_sqlglot_gives_the_frozen_bytes_or_says_which_to_install(
    home: Frozen, other_sqlglot: Path, tmp_path: Path
) -> None:
    """Where its canonical SQL is the frozen one, every question is the same; where not, only the canonical one is."""
    home.freeze("2026-Q1")
    here = under(tmp_path, home.folder, "as it is")
    other = under(other_sqlglot, home.folder, "as it is")
    assert (here["sqlglot"], other["sqlglot"]) == (programs()["sqlglot"], OTHER)
    assert other["found"] == here["found"]
    moved = under(other_sqlglot, home.folder, "moved")["found"]
    for key, said in moved.items():
        if key.endswith("canonical"):
            assert said == here["found"][key]
        else:
            assert f"Install cxgov=={programs()['cxgov']} sqlglot=={programs()['sqlglot']}" in said
