"""The reference registry on generated data: both engines give the same answer to whatever it can be asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from cxgov.api import Loaded, Query, Refused, compile, load  # noqa: A004  # the field's word for it
from cxgov.engines.demo import generate
from tests.golden.queries import QUERIES, REFERENCE
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
