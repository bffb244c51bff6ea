"""A plan to the SQL of a dialect: common table expressions that say what they are, and the checks of the data.

buckets                    the period's buckets, from the calendar
<source>_by_<time>         one scan of a source: what is counted, by bucket and dimension
every_line                 the scans' lines and one for each bucket and group without rows
totals                     one line for each bucket and group
"""

from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from cxgov.compiler.dialects import Dialect, dialect_named
from cxgov.compiler.plan import Component, Output, Plan
from cxgov.compiler.scalars import Scalars
from cxgov.compiler.scan_sql import ScanSql
from cxgov.compiler.trees import Node, case, cast, join, number, ordinals, select, string, union
from cxgov.language.expressions import Expr
from cxgov.language.typecheck import Named, Type

_NOT_NULL: Final = {kind: Named(Type(kind, nullable=False)) for kind in ("integer", "decimal", "double")}


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of the result: ``role`` is period, partial, dimension, value, n or status."""

    name: str
    type: str
    role: str
    metric: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class DataCheck:
    """A statement that counts rows which the data must not have, and what is wrong where it finds any."""

    sql: str
    message: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """One statement with its result's columns and the plan that it was made from."""

    sql: str
    dialect: str
    columns: tuple[ResultColumn, ...]
    plan: Plan


def to_sql(plan: Plan, dialect_name: str) -> Compiled:
    """The statement of a plan in a dialect; the same plan gives the same bytes.

    Raises:
        Refused: the dialect lacks a construct that would be exact.
    """
    dialect = dialect_named(dialect_name)
    statement = _Statement(plan, dialect)
    text = dialect_text(dialect, statement.tree())
    return Compiled(f"{header(plan)}\n{text}\n", dialect.name, tuple(statement.columns()), plan)


def data_checks(compiled: Compiled) -> tuple[DataCheck, ...]:
    """The checks that the rows of a question are held to before it is answered."""
    return tuple(_Statement(compiled.plan, dialect_named(compiled.dialect)).checks())


def dialect_text(dialect: Dialect, tree: exp.Expr) -> str:
    """A tree as formatted text."""
    return tree.sql(dialect=dialect.sqlglot, pretty=True, comments=False, copy=False)


def header(plan: Plan) -> str:
    """What the statement answers, as a comment for its reader."""
    query = plan.query
    lines = [", ".join(dict.fromkeys(query.metrics))]
    if query.by:
        lines[0] += f" by {', '.join(dict.fromkeys(query.by))}"
    if query.grain:
        lines[0] += f", each {query.grain}"
    if query.where:
        lines.append(f"where {' '.join(query.where.split())}")
    if plan.period is not None:
        period = plan.period
        days = f"{period.start} to before {period.end}"
        name = "" if period.name.startswith(str(period.start)) else f"{period.name}: "
        lines.append(f"period {name}{days}, days of {plan.zone}")
    if plan.as_of is not None:
        lines.append(f"as of {plan.as_of:%Y-%m-%dT%H:%M:%SZ}")
    if plan.current:
        lines.append(f"as it is now, not as it was: {', '.join(plan.current)}")
    return "\n".join(f"-- {line}" for line in lines)


class _Statement:
    def __init__(self, plan: Plan, dialect: Dialect) -> None:
        self.plan = plan
        self.dialect = dialect
        self.names = _own_names(plan)
        # A scan alone, without buckets to fill, is its own result.
        self.direct = not plan.buckets and len(plan.scans) == 1

    def tree(self) -> exp.Query:
        plan, dialect = self.plan, self.dialect
        tables: list[tuple[str, exp.Query]] = []
        if plan.buckets:
            tables.append(
                (
                    self.names["buckets"],
                    dialect.bucket_rows([(bucket.start, bucket.partial) for bucket in plan.buckets]),
                )
            )
        tables.extend((self.names[scan.name], ScanSql(plan, scan, dialect).tree()) for scan in plan.scans)
        if not self.direct:
            tables.append((self.names["every_line"], self.every_line()))
            tables.append((self.names["totals"], self.totals()))
        query = select(self.outputs(), dialect.table(self.base), joins=self.bucket_join(), order=self.order())
        query.set("with_", exp.With(expressions=[_cte(dialect, name, table) for name, table in tables]))
        return query

    @property
    def base(self) -> str:
        """The table that the result is read from."""
        return self.names[self.plan.scans[0].name] if self.direct else self.names["totals"]

    def bucket_join(self) -> list[exp.Join]:
        if not self.plan.buckets:
            return []
        column = self.dialect.column
        on = exp.EQ(this=column("period_start", self.names["buckets"]), expression=column("period_start", self.base))
        return [join(self.dialect.table(self.names["buckets"]), on)]

    def order(self) -> list[exp.Ordered]:
        qualifier = self.base if self.plan.buckets else None
        return [self.dialect.ordered(self.dialect.column(key, qualifier), kind) for key, kind in self.keys()]

    def keys(self) -> list[tuple[str, str]]:
        period = [("period_start", "date")] if self.plan.buckets else []
        return period + [(split.name, split.type) for split in self.plan.splits]

    def every_line(self) -> exp.Query:
        """The lines of every scan, and one for each bucket and group, so that none is missing."""
        dialect = self.dialect
        keys = [key for key, _ in self.keys()]
        everything = [(scan, key) for scan in self.plan.scans for key in scan.components]
        parts: list[exp.Query] = []
        for scan in self.plan.scans:
            cells: list[Node] = [dialect.column(key) for key in keys]
            for owner, key in everything:
                cells.append(dialect.column(key) if owner is scan else self.missing(key, owner.components[key]))
            parts.append(select(cells, dialect.table(self.names[scan.name])))
        if self.plan.buckets:
            parts.append(self.grid([self.missing(key, owner.components[key]) for owner, key in everything]))
        return union(parts, distinct=False)

    def missing(self, key: str, component: Component) -> Node:
        return self.dialect.alias(self.dialect.null(component.type), key)

    def grid(self, cells: list[Node]) -> exp.Query:
        dialect, splits = self.dialect, self.plan.splits
        keys: list[Node] = [dialect.column("period_start", self.names["buckets"])]
        keys += [dialect.column(split.name, self.names["groups_found"]) for split in splits]
        if not splits:
            return select(keys + cells, dialect.table(self.names["buckets"]))
        groups = union(
            [
                select(
                    [dialect.column(split.name) for split in splits],
                    dialect.table(self.names[scan.name]),
                    distinct=i == 0,
                )
                for i, scan in enumerate(self.plan.scans)
            ],
            distinct=True,
        )
        named = exp.Subquery(this=groups, alias=exp.TableAlias(this=dialect.identifier(self.names["groups_found"])))
        return select(keys + cells, dialect.table(self.names["buckets"]), joins=[join(named, kind="CROSS")])

    def totals(self) -> exp.Query:
        dialect = self.dialect
        keys = [key for key, _ in self.keys()]
        cells: list[Node] = [dialect.column(key) for key in keys]
        for scan in self.plan.scans:
            for key, component in scan.components.items():
                value: Node = exp.Max(this=dialect.column(key))
                if component.function in {"count", "distinct", "sum"}:
                    value = exp.Coalesce(this=value, expressions=[number(0)])
                cells.append(dialect.alias(value, key))
        return select(cells, dialect.table(self.names["every_line"]), group=ordinals(len(keys)) if keys else None)

    def outputs(self) -> list[Node]:
        dialect = self.dialect
        qualifier = self.base if self.plan.buckets else None
        cells: list[Node] = []
        if self.plan.buckets:
            cells = [
                dialect.column("period_start", self.names["buckets"]),
                dialect.column("partial", self.names["buckets"]),
            ]
        cells += [dialect.column(split.name, qualifier) for split in self.plan.splits]
        scope = {key: _NOT_NULL[part.type] for scan in self.plan.scans for key, part in scan.components.items()}
        scalars = Scalars(dialect, scope, dialect.column)
        for output in self.plan.outputs:
            cells += self.output(output, scalars)
        return cells

    def output(self, output: Output, scalars: Scalars) -> list[Node]:
        dialect, identity = self.dialect, output.metric.id
        value = scalars.node(output.formula)
        if output.type == "integer":
            # Engines widen sums of integers in their own ways.
            value = value if _is_count(output, self.plan) else cast(value, "bigint")
        hidden = _any([_too_few(n, fewest) for n, fewest in output.floors])
        shown = None if hidden is None else Expr("not", (hidden,))
        if shown is not None:
            value = case([(scalars.node(shown), value)])
        cells: list[Node] = [dialect.alias(value, identity)]
        if self.plan.query.stats == "none":
            return cells
        whens = [(scalars.node(hidden), string("suppressed"))] if hidden is not None else []
        if output.empty is not None:
            whens.append((scalars.node(output.empty), string("no_data")))
        n = scalars.node(output.n) if shown is None else case([(scalars.node(shown), scalars.node(output.n))])
        status = case(whens, string("ok")) if whens else string("ok")
        return [*cells, dialect.alias(n, f"{identity}_n"), dialect.alias(status, f"{identity}_status")]

    def columns(self) -> list[ResultColumn]:
        found = []
        if self.plan.buckets:
            found += [
                ResultColumn("period_start", "date", "period"),
                ResultColumn("partial", "boolean", "partial"),
            ]
        found += [ResultColumn(split.name, split.type, "dimension") for split in self.plan.splits]
        for output in self.plan.outputs:
            identity, unit = output.metric.id, output.metric.unit
            found.append(ResultColumn(identity, output.type, "value", identity, unit))
            if self.plan.query.stats != "none":
                found.append(ResultColumn(f"{identity}_n", "integer", "n", identity))
                found.append(ResultColumn(f"{identity}_status", "text", "status", identity))
        return found

    def checks(self) -> list[DataCheck]:
        """What the rows of this question must not hold."""
        found = []
        for scan in self.plan.scans:
            its = ScanSql(self.plan, scan, self.dialect)
            if scan.missing and scan.time is not None:
                message = (
                    f"rows of {scan.source.id} have a {scan.time.name} that the clock of {scan.time.zone} never showed"
                )
                fix = "correct them, or declare missing: forward"
                found.append(DataCheck(dialect_text(self.dialect, its.never_shown()), f"{message}: {fix}"))
            required = its.required()
            if required:
                message = f"rows of {scan.source.id} are NULL where {', '.join(required)} is declared never to be"
                fix = "correct them, or declare nullable: true"
                found.append(DataCheck(dialect_text(self.dialect, its.unexpected_nulls(required)), f"{message}: {fix}"))
            if scan.tables:
                joined = " and ".join(dict.fromkeys(table.source.id for table in scan.tables))
                message = f"rows of {scan.source.id} would be counted again, as a key of {joined} stands more than once"
                found.append(
                    DataCheck(dialect_text(self.dialect, its.multiplied()), f"{message}: `cxgov check` says where")
                )
        return found


def _own_names(plan: Plan) -> dict[str, str]:
    """Names of the statement's own tables, none of which hides a relation that it reads."""
    read = {table.source.relation for scan in plan.scans for table in scan.tables}
    read |= {scan.source.relation for scan in plan.scans}
    taken = {relation.rsplit(".", 1)[-1].lower() for relation in read}
    found = {}
    for wanted in ("buckets", "every_line", "totals", "groups_found", *(scan.name for scan in plan.scans)):
        name = wanted
        while name in taken:
            name += "_"
        taken.add(name)
        found[wanted] = name
    return found


def _cte(dialect: Dialect, name: str, table: exp.Query) -> exp.CTE:
    return exp.CTE(this=table, alias=exp.TableAlias(this=dialect.identifier(name)))


def _is_count(output: Output, plan: Plan) -> bool:
    """Whether the value is a count as the engine gives it, which is a BIGINT everywhere."""
    if output.formula.op != "name":
        return False
    parts = {key: part for scan in plan.scans for key, part in scan.components.items()}
    return parts[str(output.formula.value)].function in {"count", "distinct"}


def _too_few(n: Expr, fewest: int) -> Expr:
    """Some rows, but fewer than are shown."""
    return Expr("between", (n, Expr("number", (), 1), Expr("number", (), fewest - 1)))


def _any(conditions: list[Expr]) -> Expr | None:
    if not conditions:
        return None
    return conditions[0] if len(conditions) == 1 else Expr("or", tuple(conditions))
