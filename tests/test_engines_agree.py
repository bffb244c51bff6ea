"""What engines, drivers and small types do differently, and what the numbers must not notice."""

import math
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

import cxgov
from cxgov.api import Query, Refused
from cxgov.cli.memory import validate_with_memory
from cxgov.engines.duckdb import DuckDBEngine
from cxgov.engines.protocol import DataBroken, EngineError, EngineUnreachable
from cxgov.language.loading import load
from tests.support import ENGINES, Maker, metric, registry_of, source, tree

ROWS = source(
    "facts", {"id": "integer", "n": "integer", "cid": "integer?", "at": "instant", "until": "instant"},
    entities={"fact": {"key": ["id"]}, "customer": {"key": ["cid"], "source": "customers"}},
)  # fmt: skip
CUSTOMERS = source(
    "customers", {"id": "integer", "segment": "text?"},
    entities={"customer": {"key": ["id"]}},
    dimensions={
        "known": "segment is not null", "called": "coalesce(segment, 'other')", "segment": "segment", "all": "'x'",
    },
)  # fmt: skip


def fact(number: int, **fields: Any) -> dict[str, Any]:
    row = {"id": number, "n": number, "cid": None, "at": "2026-02-01 00:00:00+00", "until": "2026-02-01 02:00:00+00"}
    return {**row, **fields}


@pytest.mark.parametrize("q", ["0.07", "0.14", "0.28", "0.55", "0.57", "0.9", "0.01", "1", "0"])
def test_a_rank_is_that_of_the_exact_product(make: Maker, q: str) -> None:
    """Type 1 is the value of rank ceil(q n), at least 1, with q as it is written."""
    world = make(
        [ROWS, CUSTOMERS, metric("m", {"quantile": {"of": "n", "q": float(q), "type": 1}}, source="facts")],
        {"facts": [fact(i) for i in range(1, 101)], "customers": []},
    )
    expected = max(1, math.ceil(Fraction(q) * 100))
    for engine in ENGINES:
        assert world.run(engine, "m").rows[0][0] == expected


def test_a_dimension_of_no_row_is_no_value(make: Maker) -> None:
    """Rows without a partner stay in the NULL group, also where the expression is never NULL over there."""
    metrics = [
        metric("m", {"count": "rows"}, source="facts", dimensions=["customer.known", "customer.called", "customer.all"])
    ]
    facts = [fact(1, cid=1), fact(2, cid=2), fact(3, cid=99), fact(4)]
    world = make([ROWS, CUSTOMERS, *metrics], {"facts": facts, "customers": [{"id": 1, "segment": "a"}, {"id": 2}]})
    for path, groups in {
        "customer.called": {"a": 1, "other": 1, None: 2},
        "customer.known": {True: 1, False: 1, None: 2},
        "customer.all": {"x": 2, None: 2},
    }.items():
        assert dict(world.rows("m", by=(path,), stats="none")) == groups
    assert world.value("m", where="not customer.known") == 1


def test_a_null_that_was_not_declared_is_broken_data(make: Maker) -> None:
    """A denominator relies on what the source says of NULL, so a column that breaks it gives no number."""
    world = make(
        [ROWS, CUSTOMERS, metric("m", {"mean": "n"}, source="facts"), metric("c", {"count": "rows"}, source="facts")],
        {"facts": [fact(1, n=10), fact(2, n=None)], "customers": []},
    )
    for engine in ENGINES:
        with pytest.raises(DataBroken, match="1 rows of facts are NULL where n is declared never to be"):
            world.run(engine, "m")
        assert world.run(engine, "c").rows[0][0] == 2


def test_a_period_has_years_that_engines_read_alike(make: Maker) -> None:
    world = make([ROWS, CUSTOMERS, metric("m", {"count": "rows"}, source="facts", time="at")], {"facts": [fact(1)]})
    with pytest.raises(Refused, match="is no period"):
        world.value("m", start=date(1, 1, 1), end=date(2027, 1, 1))
    old = [
        ROWS,
        CUSTOMERS,
        metric("m", {"count": "rows", "where": "at > timestamp '0001-01-01 00:00:00Z'"}, source="facts"),
    ]
    world = make(old, {"facts": [fact(1)], "customers": []})
    assert world.value("m") == 1


def test_two_scans_never_share_a_name(make: Maker) -> None:
    """Source `a` by time `b_by_c` and source `a_by_b` by time `c` are two scans."""
    one = source("a", {"id": "integer", "b_by_c": "instant"})
    other = source("a_by_b", {"id": "integer", "c": "instant"})
    metrics = [
        metric("m", {"count": "rows"}, source="a", time="b_by_c"),
        metric("o", {"count": "rows"}, source="a_by_b", time="c"),
    ]
    row = "2026-02-01 00:00:00+00"
    world = make(
        [one, other, *metrics], {"a": [{"id": 1, "b_by_c": row}], "a_by_b": [{"id": i, "c": row} for i in (1, 2)]}
    )
    assert world.rows("m", "o", period="2026-Q1", stats="none") == ((1, 2),)


def test_a_day_that_begins_twice_is_one_day(make: Maker) -> None:
    """St. John's put its clocks back over midnight: a day by itself and among others is the same."""
    instants = [
        f"2010-11-0{day} {hour:02d}:{minute}:00+00"
        for day in (6, 7, 8)
        for hour in range(24)
        for minute in ("15", "45")
    ]
    world = make(
        [ROWS, CUSTOMERS, metric("m", {"count": "rows"}, source="facts", time="at")],
        {"facts": [fact(i, at=at) for i, at in enumerate(instants)], "customers": []},
        zone="America/St_Johns",
    )
    days = {
        row[0]: row[2]
        for row in world.rows("m", start=date(2010, 11, 6), end=date(2010, 11, 9), grain="day", stats="none")
    }
    for day, count in days.items():
        assert world.value("m", start=day, end=date(2010, 11, day.day + 1)) == count


def codes(*documents: dict[str, Any]) -> set[str]:
    return {problem.rule.code for problem in load(tree([ROWS, CUSTOMERS, *documents]))[1] if problem.is_error}


def test_a_unit_is_of_what_is_measured() -> None:
    """Nothing over a duration, and no scale of 100 over plain numbers; what has a unit of its own is quiet."""
    over = {"ratio": {"numerator": {"count": "rows"}, "denominator": {"sum": "until - at"}}}
    assert codes(metric("m", over, source="facts", unit="tickets per hour")) == {"CX104"}
    under = {"ratio": {"numerator": {"sum": "until - at"}, "denominator": {"count": "rows"}}}
    assert codes(metric("m", under, source="facts", unit="hours")) == set()
    parts = [metric("a", {"max": "n"}, source="facts"), metric("b", {"min": "n"}, source="facts")]
    assert codes(*parts, metric("m", {"derived": "a - b"}, unit="points")) == {"CX104"}
    assert codes(*parts, metric("m", {"derived": "a / b"}, unit="percent")) == set()
    assert codes(*parts, metric("m", {"derived": "a - b"}, unit="rows")) == set()


def test_derived_metrics_stay_of_a_size_that_can_be_read() -> None:
    """Each of a chain is the sum and the difference of the two before: written out, it doubles every time."""
    chain = [metric("x0", {"max": "n"}, source="facts"), metric("y0", {"min": "n"}, source="facts")]
    for i in range(1, 20):
        chain.append(metric(f"x{i}", {"derived": f"x{i - 1} + y{i - 1}"}))
        chain.append(metric(f"y{i}", {"derived": f"x{i - 1} - y{i - 1}"}))
    assert codes(*chain) == {"CX019"}
    assert codes(*chain[:16]) == set()


def test_the_header_names_every_path_that_is_as_it_is_now() -> None:
    registry = registry_of(
        [
            ROWS,
            CUSTOMERS,
            metric("m", {"count": "rows"}, source="facts", dimensions=["customer.segment", "customer.known"]),
        ]
    )
    loaded = cxgov.Loaded(registry, Path(), ())
    sql = cxgov.compile(loaded, Query(metrics=("m",), by=("customer.segment", "customer.known")), dialect="duckdb").sql
    assert "-- as it is now, not as it was: customer.segment, customer.known" in sql


# --- DuckDB's files ---


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data.duckdb"


def opened(database: Path, *sources: dict[str, Any]) -> DuckDBEngine:
    registry = registry_of([*sources, metric("m", {"count": "rows"}, source=str(sources[0]["id"]))])
    return DuckDBEngine(database, {}, list(registry.sources.values()))


def test_a_view_in_a_database_reads_no_file(database: Path, tmp_path: Path) -> None:
    """Whoever wrote the database: opening it opens nothing else."""
    secret = tmp_path / "secret.csv"
    secret.write_text("id\n1\n", encoding="utf-8")
    with duckdb.connect(str(database)) as session:
        session.execute("CREATE SCHEMA cx")
        session.execute(f"CREATE VIEW cx.facts AS SELECT * FROM read_csv('{secret}')")
    with pytest.raises(EngineUnreachable, match="secret"):
        opened(database, source("facts", {"id": "integer"}))


def test_only_a_duckdb_file_is_a_database(database: Path) -> None:
    """No extension is fetched or loaded to read another format."""
    database.write_bytes(b"SQLite format 3\x00" + bytes(4096))
    with pytest.raises(EngineUnreachable, match="cannot open"):
        opened(database, source("facts", {"id": "integer"}))


def test_narrow_types_count_as_wide_ones(database: Path) -> None:
    """A calculation over small integers does not overflow; times of any precision are times."""
    with duckdb.connect(str(database)) as session:
        session.execute("CREATE SCHEMA cx")
        session.execute(
            "CREATE TABLE cx.facts AS SELECT 1::TINYINT AS id, 100::TINYINT AS score, 3::UTINYINT AS rank, "
            "2000000000::INTEGER AS cost, TIMESTAMP_NS '2026-10-25 02:30:00' AS at, 0.5::DOUBLE AS weight"
        )
    clock = {"type": "local", "zone": "Europe/Berlin", "twice": "first", "missing": "error"}
    facts = source(
        "facts",
        {"id": "integer", "score": "integer", "rank": "integer", "cost": "integer", "at": clock, "weight": "double"},
    )
    wanted = {
        "a": ({"sum": "score * 100"}, 10_000),
        "b": ({"sum": "rank - 7"}, -4),
        "c": ({"sum": "-rank"}, -3),
        "d": ({"sum": "abs(rank - 7) * cost"}, 8_000_000_000),
        "e": ({"mean": "score / rank"}, 100 / 3),
        "f": ({"max": "exp(score * 100)"}, None),
        "g": ({"count": "rows", "where": "at + 0 * (at - at) is not null"}, None),
    }
    documents = [metric(name, measure, source="facts") for name, (measure, _) in wanted.items() if name != "g"]
    registry = registry_of([facts, *documents])
    engine = DuckDBEngine(database, {}, list(registry.sources.values()))
    loaded = cxgov.Loaded(registry, database.parent, ())
    for name, (_, value) in wanted.items():
        if name != "g":
            sql = cxgov.compile(loaded, Query(metrics=(name,), stats="none"), dialect="duckdb").sql
            assert engine.rows(sql)[0][0] == (value if value is None else pytest.approx(value))
    assert engine.column_types("cx.facts")["at"] == ("local", "TIMESTAMP")
    engine.close()


def test_what_is_declared_double_is_double(database: Path) -> None:
    """Integers, decimals and floats of 32 bits compare and divide otherwise, so they are not taken for doubles."""
    from cxgov.engines.protocol import check_columns

    for kind in ("INTEGER", "DECIMAL(9, 2)", "FLOAT"):
        with duckdb.connect(str(database)) as session:
            session.execute("CREATE SCHEMA IF NOT EXISTS cx")
            session.execute(f"CREATE OR REPLACE TABLE cx.facts AS SELECT 1 AS id, 1::{kind} AS weight")
        registry = registry_of(
            [source("facts", {"id": "integer", "weight": "double"}), metric("m", {"count": "rows"}, source="facts")]
        )
        engine = DuckDBEngine(database, {}, list(registry.sources.values()))
        with pytest.raises(EngineError, match="declares double"):
            check_columns(engine, list(registry.sources.values()))
        engine.close()


def test_a_derived_metric_that_cannot_be_read_is_a_problem_like_any_other(tmp_path: Path) -> None:
    documents = [ROWS, CUSTOMERS, metric("a", {"count": "rows"}, source="facts"), metric("d", {"derived": "a + 1"})]
    for name, data in tree(documents).items():
        file = tmp_path / "metrics" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    memory = tmp_path / "memory.json"
    assert validate_with_memory(tmp_path / "metrics", memory)[1] == ()
    derived = next(path for path in (tmp_path / "metrics").rglob("*.yaml") if b"a + 1" in path.read_bytes())
    for broken in (b"bogus: 1\n", b"[", b"\xff"):
        text = derived.read_bytes()
        derived.write_bytes(text + broken)
        for _ in range(2):
            assert [problem.is_error for problem in validate_with_memory(tmp_path / "metrics", memory)[1]] == [True]
        derived.write_bytes(text)


def test_money_stays_exact(make: Maker) -> None:
    """A sum of decimals is a decimal on both engines."""
    money = source("money", {"id": "integer", "amount": "decimal"})
    world = make(
        [money, metric("m", {"sum": "amount"}, source="money")],
        {"money": [{"id": i, "amount": Decimal("0.10")} for i in range(3)]},
    )
    for engine in ENGINES:
        assert world.run(engine, "m").rows[0][0] == Decimal("0.30")
