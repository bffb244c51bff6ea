"""Registries made in a test, the same rows on DuckDB and PostgreSQL, and how answers are compared."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb
import psycopg

from cxgov.api import Compiled, Loaded, Query, Result, compile, run  # noqa: A004  # the field's word for it
from cxgov.compiler.data_checks import data_checks
from cxgov.compiler.sql import ResultColumn
from cxgov.language.loading import load
from cxgov.language.model import Registry, Source

DSN: Final = "CXGOV_TEST_DSN"
ENGINES: Final = ("duckdb", "postgres")
DIALECTS: Final = ("bigquery", "duckdb", "postgres", "snowflake")
PHYSICAL: Final = {
    "duckdb": {
        "text": "VARCHAR",
        "integer": "BIGINT",
        "decimal": "DECIMAL(18, 2)",
        "double": "DOUBLE",
        "boolean": "BOOLEAN",
        "date": "DATE",
        "instant": "TIMESTAMP WITH TIME ZONE",
        "local": "TIMESTAMP",
    },
    "postgres": {
        "text": "TEXT",
        "integer": "BIGINT",
        "decimal": "NUMERIC(18, 2)",
        "double": "DOUBLE PRECISION",
        "boolean": "BOOLEAN",
        "date": "DATE",
        "instant": "TIMESTAMPTZ",
        "local": "TIMESTAMP",
    },
}
LATER: Final = datetime(2100, 1, 1, tzinfo=UTC)

Document = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]


# --- documents ---


def document(kind: str, identity: str, **fields: Any) -> Document:
    """A document with what every kind asks for; a field that is None is left out."""
    common = {
        "apiVersion": "cxgov/v1",
        "kind": kind,
        "id": identity,
        "version": "1.0.0",
        "title": identity,
        "owner": "us",
    }
    return {**common, **{name: value for name, value in fields.items() if value is not None}}


def calendar(zone: str = "UTC", **fields: Any) -> Document:
    """The calendar of the registry."""
    return document(
        "Calendar",
        "days",
        **{"zone": zone, "week_start": "monday", "reporting": "quarter", "closes": "10 days", **fields},
    )


def source(
    identity: str, columns: Mapping[str, str | Document], key: Sequence[str] = ("id",), **fields: Any
) -> Document:
    """A source in schema ``cx``; a column is its type, with ``?`` where it can be NULL, or its whole declaration."""
    declared = {name: _column(kind) for name, kind in columns.items()}
    return document(
        "Source",
        identity,
        **{"relation": f"cx.{identity}", "grain": "one row", "key": list(key), "columns": declared, **fields},
    )


def _column(kind: str | Document) -> Document:
    if not isinstance(kind, str):
        return kind
    return {"type": kind.rstrip("?"), **({"nullable": True} if kind.endswith("?") else {})}


def metric(identity: str, measure: Document, **fields: Any) -> Document:
    """A certified metric."""
    form = next(iter(measure))
    unit = "percent" if form in {"share", "net_share"} else "things"
    common = {"status": "certified", "description": identity, "measure": measure, "unit": unit, "direction": "neither"}
    return document("Metric", identity, **{**common, **fields})


def sampling(identity: str, source: str, unit: str, **fields: Any) -> Document:
    """A sampling rule."""
    return document("Sampling", identity, source=source, unit=unit, **fields)


def threshold(identity: str, metric: str, **fields: Any) -> Document:
    """A threshold of months with two bands."""
    bands = [{"name": "breach", "below": 0}, {"name": "good"}]
    common = {"metric": metric, "grain": "month", "bands": bands, "meaningful_change": 1}
    return document("Threshold", identity, **{**common, **fields})


def exclusion(  # noqa: PLR0917  # a row: what, of which source, where, for whom, from, until
    identity: str, source: str, where: str, metrics: Sequence[str], start: str, until: str, **fields: Any
) -> Document:
    """An exclusion from a day to before another."""
    told = {"reason": "Broken export", "evidence": "CX-1", "requester": "us"}
    taken = {"source": source, "where": where, "metrics": list(metrics), "from": start, "until": until}
    return document("Exclusion", identity, **{**told, **taken, **fields})


def overlay(identity: str, metrics: Sequence[str], where: str, **fields: Any) -> Document:
    """An overlay."""
    return document("Overlay", identity, metrics=list(metrics), where=where, **fields)


def member(person: str, seat: str, github: int, **fields: Any) -> Document:
    """A member of a council, for a long term."""
    return {"person": person, "seat": seat, "github": github, "until": "2100-01-01", **fields}


def council(members: Sequence[Document], rules: Sequence[Document], **fields: Any) -> Document:
    """The first policy of a registry."""
    return document("Council", "council", **{"sequence": 1, "members": list(members), "rules": list(rules), **fields})


def registry(**fields: Any) -> Document:
    """The document of kind Registry with both connections."""
    connections = {
        "duckdb": {"engine": "duckdb", "database": "data.duckdb"},
        "postgres": {"engine": "postgres", "dsn_env": DSN},
    }
    common = {"calendar": "days", "dialects": list(DIALECTS), "connections": connections}
    return document("Registry", "registry", **{**common, **fields})


def tree(documents: Iterable[Document], **calendar_fields: Any) -> dict[str, bytes]:
    """The files of a registry: JSON, which is YAML too. A calendar and a Registry are added where there is none."""
    documents = list(documents)
    if not any(found["kind"] == "Calendar" for found in documents):
        documents.append(calendar(**calendar_fields))
    if not any(found["kind"] == "Registry" for found in documents):
        documents.append(registry())
    return {
        f"{found['kind'].lower()}_{found['id']}.yaml": json.dumps(found, ensure_ascii=False).encode()
        for found in documents
    }


def registry_of(documents: Iterable[Document], **calendar_fields: Any) -> Registry:
    """The registry of documents that must be valid."""
    registry, problems = load(tree(documents, **calendar_fields))
    assert registry is not None, "\n".join(map(str, problems))
    return registry


# --- rows ---


def into_duckdb(session: duckdb.DuckDBPyConnection, sources: Iterable[Source], data: Mapping[str, Rows]) -> None:
    """Writes the relations of sources to DuckDB, their schemas made new."""
    sources = list(sources)
    for schema in sorted({its.relation.split(".")[0] for its in sources}):
        session.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        session.execute(f"CREATE SCHEMA {schema}")
    for its in sources:
        session.execute(_table(its, "duckdb"))
        rows = [tuple(row.get(name) for name in its.columns) for row in data.get(its.id, ())]
        if rows:
            line = "(" + ", ".join("?" * len(its.columns)) + ")"
            values = [value for row in rows for value in row]
            session.execute(f"INSERT INTO {quoted(its.relation)} VALUES {', '.join([line] * len(rows))}", values)


def into_postgres(session: psycopg.Connection[Any], sources: Iterable[Source], data: Mapping[str, Rows]) -> None:
    """Writes the relations of sources to PostgreSQL, their schemas made new."""
    sources = list(sources)
    for schema in sorted({its.relation.split(".")[0] for its in sources}):
        execute(session, f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        execute(session, f"CREATE SCHEMA {schema}")
    for its in sources:
        execute(session, _table(its, "postgres"))
        with session.cursor().copy(f"COPY {quoted(its.relation)} FROM STDIN") as copy:
            for row in data.get(its.id, ()):
                copy.write_row([row.get(name) for name in its.columns])
    session.commit()


def execute(session: psycopg.Connection[Any], sql: str) -> psycopg.Cursor[Any]:
    """Runs a text that the tests wrote themselves."""
    return session.execute(sql)


def _table(its: Source, engine: str) -> str:
    columns = ", ".join(f'"{name}" {PHYSICAL[engine][column.type]}' for name, column in its.columns.items())
    return f"CREATE TABLE {quoted(its.relation)} ({columns})"


def quoted(relation: str) -> str:
    """A dotted name with each part in double quotes."""
    return ".".join(f'"{part}"' for part in relation.split("."))


# --- worlds ---


@dataclass(frozen=True, slots=True)
class World:
    """A registry with its data on the engines that were asked for."""

    loaded: Loaded
    engines: tuple[str, ...]
    sessions: Mapping[str, Callable[[str], list[tuple[Any, ...]]]]

    def run(self, engine: str, *metrics: str, **asked: Any) -> Result:
        """The answer of one engine."""
        query = Query(metrics=metrics, **asked)
        if engine not in self.sessions:
            return run(self.loaded, query, connection=engine, now=LATER)
        compiled = compile(self.loaded, query, dialect=engine)
        for check in data_checks(compiled):
            [(count,)] = self.sessions[engine](check.sql)
            assert count == 0, check.message
        rows = tuple(plain(row, compiled.columns) for row in self.sessions[engine](compiled.sql))
        return Result(compiled.columns, rows, compiled, early=False)

    def rows(self, *metrics: str, **asked: Any) -> tuple[tuple[Any, ...], ...]:
        """The rows of an answer, on which all engines agree."""
        first, *rest = (self.run(engine, *metrics, **asked).rows for engine in self.engines)
        for other in rest:
            assert_same(first, other)
        return first

    def value(self, identity: str, **asked: Any) -> Any:
        """One metric's value without a split."""
        [row] = self.rows(identity, **asked)
        return row[0]

    def compile(self, dialect: str, *metrics: str, **asked: Any) -> Compiled:
        """The statement of one dialect."""
        return compile(self.loaded, Query(metrics=metrics, **asked), dialect=dialect)


def plain(row: Sequence[Any], columns: Sequence[ResultColumn]) -> tuple[Any, ...]:
    """A row with each cell as Python's own type for its column's."""
    wanted: Mapping[str, Callable[[Any], Any]] = {"double": float, "integer": int, "decimal": Decimal}
    return tuple(
        cell if cell is None or column.type not in wanted else wanted[column.type](cell)
        for cell, column in zip(row, columns, strict=True)
    )


class Maker:
    """Puts registries and rows on the engines, one world at a time."""

    def __init__(self, folder: Path, dsn: str | None, *, quick: bool = False) -> None:
        """Without a connection string there is only DuckDB; ``quick`` keeps sessions open."""
        self.folder = folder
        # An open transaction would keep other sessions of the run from making the same tables anew.
        self.session = psycopg.connect(dsn, autocommit=True, options="-c lock_timeout=20s") if dsn else None
        self.memory = duckdb.connect(config={"threads": 1}) if quick else None
        if self.memory:
            self.memory.execute("SET TimeZone = 'UTC'")

    def __call__(self, documents: Iterable[Document], data: Mapping[str, Rows], **calendar_fields: Any) -> World:
        """The world of documents and rows by source."""
        registry = registry_of(documents, **calendar_fields)
        sources = list(registry.sources.values())
        sessions: dict[str, Callable[[str], list[tuple[Any, ...]]]] = {}
        if self.memory:
            into_duckdb(self.memory, sources, data)
            sessions["duckdb"] = lambda sql: memory.execute(sql).fetchall()
            memory = self.memory
        else:
            file = self.folder / "data.duckdb"
            file.unlink(missing_ok=True)
            with duckdb.connect(file) as session:
                into_duckdb(session, sources, data)
        if self.session:
            into_postgres(self.session, sources, data)
            if self.memory:
                sessions["postgres"] = lambda sql: execute(server, sql).fetchall()
                server = self.session
        return World(Loaded(registry, self.folder, ()), ENGINES if self.session else ENGINES[:1], sessions)

    def close(self) -> None:
        """Ends the sessions."""
        for session in (self.session, self.memory):
            if session:
                session.close()


# --- answers ---


def same(left: Any, right: Any) -> bool:
    """Whether two cells are one: doubles to nine digits, all else exactly and of one type."""
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
    return type(left) is type(right) and bool(left == right)


def assert_same(left: Iterable[Sequence[Any]], right: Iterable[Sequence[Any]]) -> None:
    """Holds two results against each other, line by line."""
    left, right = list(left), list(right)
    assert len(left) == len(right), f"{len(left)} lines beside {len(right)}:\n{left}\n{right}"
    for mine, its in zip(left, right, strict=True):
        assert len(mine) == len(its) and all(map(same, mine, its)), f"{mine} beside {its}"  # noqa: PT018  # one claim


def by_key(result: Result) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Cells by column for each line, named by its period and dimensions."""
    names = [column.name for column in result.columns]
    keys = [i for i, column in enumerate(result.columns) if column.role in {"period", "dimension"}]
    found = {tuple(row[i] for i in keys): dict(zip(names, row, strict=True)) for row in result.rows}
    assert len(found) == len(result.rows), "a line stands twice"
    return found
