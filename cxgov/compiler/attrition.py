"""What each step leaves of a metric's rows, and what each exception takes, as statements beside the metric's own."""

from dataclasses import dataclass, replace

from sqlglot import exp

from cxgov.compiler.chain_sql import Step, said
from cxgov.compiler.dialect import Dialect
from cxgov.compiler.dialects import dialect_named
from cxgov.compiler.plan import Plan
from cxgov.compiler.planning import plan
from cxgov.compiler.query import Query
from cxgov.compiler.scan_sql import ScanSql
from cxgov.compiler.sql import dialect_text, own_names
from cxgov.compiler.trees import Node, case, cast, number, select, union
from cxgov.language.model import Exclusion, Metric, Registry


@dataclass(frozen=True, slots=True)
class Attrition:
    """A statement with a row for each step: its place from 1 and the rows that it leaves."""

    sql: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Excepted:
    """A statement with one row: how many rows each exception takes that would have counted without it."""

    sql: str
    exclusions: tuple[Exclusion, ...]


def steps_of(registry: Registry, query: Query, metric: Metric) -> Plan:
    """A stepwise plan of one metric in a question."""
    alone = replace(query, metrics=(metric.id,), by=(), stats="n", draft=True, without_exclusions=False)
    return plan(registry, alone, stepwise=True)


def attrition(stepwise: Plan, dialect_name: str) -> Attrition:
    """The statement for a stepwise plan of one metric with a source of its own."""
    dialect, scan = dialect_named(dialect_name), _scan(stepwise, dialect_name)
    tables = scan.tables()
    assert scan.chain is not None
    steps = [step for step in scan.chain.steps.rows if step.step != "weighted"]
    parts: list[exp.Query] = [
        _line(dialect, i, select([exp.Count(this=exp.Star())], dialect.table(step.table)))
        for i, step in enumerate(steps, 1)
    ]
    wanted = [said(scan.scan.domain)] if scan.scan.domain else []
    wanted += [" ".join(stepwise.query.where.split())] if stepwise.query.where is not None else []
    if wanted:
        asked = scan.over_rows([exp.Count(this=exp.Star())], 0)
        steps.append(Step("asked", scan.chain.base, f"not {' and '.join(wanted)}"))
        parts.append(_line(dialect, len(steps), asked))
    return Attrition(_text(dialect, tables, union(parts, distinct=False), order=True), tuple(steps))


def excepted(stepwise: Plan, dialect_name: str) -> Excepted | None:
    """The statement for a stepwise plan of one metric; None where no exception names it."""
    dialect, scan = dialect_named(dialect_name), _scan(stepwise, dialect_name)
    tables = scan.tables()
    chain = scan.chain
    assert chain is not None
    if not chain.chain.exclusions:
        return None
    place = next(i for i, step in enumerate(chain.steps.rows) if step.step == "not_excluded")
    scalars = scan.scalars[scan.alias]
    cells: list[Node] = []
    for i, (_, where) in enumerate(chain.chain.exclusions, 1):
        taken = case([(scalars.node(where), number(1))], number(0))
        total = cast(exp.Coalesce(this=exp.Sum(this=taken), expressions=[number(0)]), "bigint")
        cells.append(dialect.alias(total, f"taken_{i}"))
    before = scan.kept(chain.steps.rows[place - 1].table)
    query = select(cells, before, joins=scan.joins(), where=scan.conditions(scalars))
    return Excepted(
        _text(dialect, tables[: _until(tables, chain.named("not_excluded"))], query, order=False),
        tuple(exclusion for exclusion, _ in chain.chain.exclusions),
    )


def _scan(stepwise: Plan, dialect_name: str) -> ScanSql:
    [scan] = stepwise.scans
    return ScanSql(stepwise, scan, dialect_named(dialect_name), own_names(stepwise).__getitem__, every_step=True)


def _until(tables: list[tuple[str, exp.Query]], name: str) -> int:
    return next(i for i, (table, _) in enumerate(tables) if table == name)


def _line(dialect: Dialect, place: int, counted: exp.Select) -> exp.Query:
    cells: list[Node] = [dialect.alias(number(place), "place"), dialect.alias(counted.expressions[0], "rows_left")]
    counted.set("expressions", cells)
    return counted


def _text(dialect: Dialect, tables: list[tuple[str, exp.Query]], query: exp.Query, *, order: bool) -> str:
    dialect.with_tables(query, tables)
    if order:
        query.set("order", exp.Order(expressions=[exp.Ordered(this=number(1), desc=False, nulls_first=False)]))
    return f"{dialect_text(dialect, query)}\n"
