"""A source's declarations held against the data: keys, NULLs, values, ranges, references, order of times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from cxgov.compiler.chains import takes
from cxgov.compiler.dialect import Dialect
from cxgov.compiler.dialects import dialect_named
from cxgov.compiler.scalars import Scalars
from cxgov.compiler.sql import dialect_text
from cxgov.compiler.trees import Node, conjunction, disjunction, is_null, number, select, string
from cxgov.engines.protocol import Engine, check_columns
from cxgov.language.model import Exclusion, Registry, Source
from cxgov.language.scopes import sure_scope


@dataclass(frozen=True, slots=True)
class Finding:
    """Rows of a source that break one of its declarations; none where an exclusion takes nothing."""

    source: str
    rule: str
    rows: int
    message: str


@dataclass(frozen=True, slots=True)
class _Check:
    rule: str
    sql: Node
    message: str


def check_sources(engine: Engine, sources: Sequence[Source], registry: Registry) -> tuple[Finding, ...]:
    """Every declaration that the data breaks, with the number of rows.

    Raises:
        EngineError: a relation or column is missing, or of another type.
    """
    check_columns(engine, sources)
    dialect = dialect_named(engine.dialect)
    found = []
    for source in sources:
        for item in _checks(source, registry, dialect):
            count = engine.rows(dialect_text(dialect, item.sql))[0][0]
            if count:
                found.append(Finding(source.id, item.rule, int(count), item.message))
        for exclusion in registry.exclusions.values():
            if exclusion.source == source.id and not engine.rows(_taken(exclusion, registry, dialect))[0][0]:
                message = f"no row is one that {exclusion.id} takes: it documents an exception that never was"
                found.append(Finding(source.id, "exclusion", 0, message))
    return tuple(found)


def _taken(exclusion: Exclusion, registry: Registry, dialect: Dialect) -> str:
    """Counts the rows that an exclusion takes from any of its metrics, whatever else counts for them."""
    source = registry.sources[exclusion.source]
    scalars = Scalars(dialect, sure_scope(source), dialect.column, columns=True)
    times = dict.fromkeys(registry.metrics[metric].time for metric in exclusion.metrics)
    zone = registry.calendar.zone
    either = [
        exp.Paren(this=scalars.node(takes(exclusion, source, source.columns[time], zone))) for time in times if time
    ]
    counted = select([exp.Count(this=exp.Star())], dialect.relation(source.relation), where=[disjunction(either)])
    return dialect_text(dialect, counted)


def _checks(source: Source, registry: Registry, dialect: Dialect) -> Iterator[_Check]:
    column, relation = dialect.column, source.relation

    def rows(*conditions: Node) -> Node:
        return select([exp.Count(this=exp.Star())], dialect.relation(relation), where=conditions)

    repeated = select(
        [column(name) for name in source.key],
        dialect.relation(relation),
        group=exp.Group(expressions=[column(name) for name in source.key]),
    )
    repeated.set("having", exp.Having(this=exp.GT(this=exp.Count(this=exp.Star()), expression=number(1))))
    named = dialect.subquery(repeated, "repeated")
    yield _Check(
        "key",
        select([exp.Count(this=exp.Star())], named),
        f"keys ({', '.join(source.key)}) stand more than once",
    )
    for name, its in source.columns.items():
        if not its.nullable:
            yield _Check("null", rows(is_null(column(name))), f"rows have no {name}, which is not nullable")
        if its.values:
            values = [string(value) if isinstance(value, str) else number(value) for value in its.values]
            other = exp.Not(this=exp.In(this=column(name), expressions=values))
            yield _Check("values", rows(other), f"rows have a {name} that is none of its declared values")
        if its.range:
            low, high = (exp.Literal.number(end) for end in its.range)
            outside = exp.Not(this=exp.Between(this=column(name), low=low, high=high))
            yield _Check("range", rows(outside), f"rows have a {name} outside {its.range[0]} to {its.range[1]}")
    if source.interval is not None:
        backwards = exp.LT(this=column(source.interval.until), expression=column(source.interval.start))
        message = f"rows end ({source.interval.until}) before they begin ({source.interval.start})"
        yield _Check("interval", rows(backwards), message)
    for role, entity in source.entities.items():
        target = registry.sources.get(entity.source) if entity.source else None
        own = target.own_entity if target else None
        if target is None or own is None:
            continue
        there = [
            exp.EQ(this=column(far, "found"), expression=column(near, "referring"))
            for near, far in zip(entity.key, own.key, strict=True)
        ]
        here = dialect.relation(relation, "referring")
        exists = exp.Exists(
            this=select([number(1)], dialect.relation(target.relation, "found"), where=[conjunction(there)])
        )
        known = [exp.Not(this=is_null(column(near, "referring"))) for near in entity.key]
        query = select([exp.Count(this=exp.Star())], here, where=[*known, exp.Not(this=exists)])
        yield _Check("reference", query, f"rows refer by {role} to a row that {target.id} does not have")
