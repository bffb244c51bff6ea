"""The units of a sampled metric in two periods: sums of products of what they add in the one and in the other."""

from dataclasses import dataclass, replace
from functools import partial

from sqlglot import exp

from cxgov.compiler.dialects import dialect_named
from cxgov.compiler.moments_sql import MomentsSql
from cxgov.compiler.plan import Plan
from cxgov.compiler.planning import plan
from cxgov.compiler.query import Query
from cxgov.compiler.scan_sql import ScanSql
from cxgov.compiler.sql import dialect_text
from cxgov.compiler.trees import Node, cast, conjunction, join, number, product, select
from cxgov.language.model import Metric, Registry

COLUMNS = ("numerators", "numerator_denominator", "denominator_numerator", "denominators")


@dataclass(frozen=True, slots=True)
class Overlap:
    """A statement with one row of four sums, as ``COLUMNS``; NULL where no unit is in both periods."""

    sql: str


def overlap(registry: Registry, metric: Metric, periods: tuple[Query, Query], dialect_name: str) -> Overlap | None:
    """The statement for two questions about one metric, the earlier first; None where no rule says what a unit is."""
    if metric.sampling is None:
        return None
    dialect = dialect_named(dialect_name)
    sides = []
    tables: list[tuple[str, exp.Query]] = []
    for side_name, asked in zip(("earlier", "later"), periods, strict=True):
        name = _side(registry, side_name)
        alone = plan(registry, replace(asked, metrics=(metric.id,), by=(), grain=None), by_unit=True)
        [scan] = alone.scans
        if scan.moments is None:
            return None
        its = _scan(alone, dialect_name, name)
        tables += its.tables()
        table = f"{name}_added"
        tables.append((table, MomentsSql(its).contributions()))
        sides.append((table, len(scan.chain.unit) if scan.chain is not None else 0, scan.moments.of[0][1]))
    (first, units, linear), (second, _, _) = sides

    def side(table: str, role: str) -> Node:
        if role == "denominator" and linear.denominator is None:
            return cast(number(1), "double")
        return dialect.column(role, table)

    pairs = [(y, x) for y in ("numerator", "denominator") for x in ("numerator", "denominator")]
    cells: list[Node] = [
        dialect.alias(exp.Sum(this=product(side(first, y), side(second, x))), name)
        for name, (y, x) in zip(COLUMNS, pairs, strict=True)
    ]
    keys = [f"unit_{i}" for i in range(1, units + 1)]
    on = conjunction([exp.EQ(this=dialect.column(key, second), expression=dialect.column(key, first)) for key in keys])
    query = select(cells, dialect.table(first), joins=[join(dialect.table(second), on)])
    return Overlap(f"{dialect_text(dialect, dialect.with_tables(query, tables))}\n")


def _scan(alone: Plan, dialect_name: str, name: str) -> ScanSql:
    [scan] = alone.scans
    return ScanSql(alone, scan, dialect_named(dialect_name), partial(_called, name))


def _called(name: str, _table: str) -> str:
    """Both sides have the same tables: each begins with its own name."""
    return name


def _side(registry: Registry, wanted: str) -> str:
    """What the tables of a side begin with, none of which then hides a relation."""
    read = {source.relation.rsplit(".", 1)[-1].lower() for source in registry.sources.values()}
    while any(relation.startswith(f"{wanted}_") for relation in read):
        wanted += "_"
    return wanted
