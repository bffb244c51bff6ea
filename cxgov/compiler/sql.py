"""A plan to the SQL of a dialect: common table expressions that say what they are.

buckets                    the period's buckets, from the calendar
<source>_by_<time>         one scan of a source: what is counted, by bucket and dimension
every_line                 the scans' lines and one for each bucket and group without rows
totals                     one line for each bucket and group
errors                     with the standard errors of what is linearised
shown                      with what is hidden so that nothing hidden can be told from the rest
"""

from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from cxgov.compiler.chain_sql import STEPS
from cxgov.compiler.dialect import Dialect
from cxgov.compiler.dialects import dialect_named
from cxgov.compiler.interval_sql import Line, bounds, standard_error
from cxgov.compiler.moments_sql import MomentsSql
from cxgov.compiler.plan import Component, Output, Plan, normal_quantile
from cxgov.compiler.scalars import Scalars
from cxgov.compiler.scan_sql import ScanSql
from cxgov.compiler.trees import Node, case, cast, join, number, ordinals, select, string, union
from cxgov.language.expressions import Expr
from cxgov.language.typecheck import Named, Type, infer

_SINGLE_CELLS: Final = "hides single cells only: `cxgov run` hides those from which they could be computed"
_NOT_NULL: Final = {kind: Named(Type(kind, nullable=False)) for kind in ("integer", "decimal", "double")}


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of the result.

    ``role`` is period, partial, dimension, value, n, status, low, high or the name of a sum.
    """

    name: str
    type: str
    role: str
    metric: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """One statement with its result's columns and the plan that it was made from; ``body`` is it without its header."""

    sql: str
    body: str
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
    body = f"{dialect_text(dialect, statement.tree())}\n"
    note = f"\n-- {_SINGLE_CELLS}" if plan.tells_hidden else ""
    return Compiled(f"{header(plan)}{note}\n{body}", body, dialect.name, tuple(statement.columns()), plan)


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
    if query.overlay:
        lines.append(f"overlay {query.overlay}")
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
        self.names = own_names(plan)
        self.scans = [ScanSql(plan, scan, dialect, self.names.__getitem__) for scan in plan.scans]
        # What gives lines of the result: each scan, and its sums over sampling units.
        self.lines: list[tuple[str, dict[str, Component]]] = []
        for scan in plan.scans:
            self.lines.append((self.names[scan.name], scan.components))
            if scan.moments is not None:
                self.lines.append((self.names[scan.moments.name], scan.moments.components))
        # A scan alone, without buckets to fill, is its own result.
        self.direct = not plan.buckets and len(self.lines) == 1
        self.types = {key: _NOT_NULL[part.type] for _, components in self.lines for key, part in components.items()}
        self.base = self.lines[0][0] if self.direct else self.names["totals"]
        self.owned: set[str] = set()
        self.errors = {
            output.metric.id: self.own(f"{output.metric.id[:40]}_error")
            for output in plan.outputs
            if output.uncertainty is not None and output.uncertainty.method in {"linearised", "total"}
        }
        self.hidden: dict[str, str] = {}
        if plan.directions == 1:
            self.hidden = {
                output.metric.id: self.own(f"{output.metric.id[:40]}_hidden")
                for output in plan.outputs
                if output.complementary and output.floors
            }

    def own(self, wanted: str) -> str:
        """A column's name that nothing of the statement has."""
        taken = {*self.types, *(split.name for split in self.plan.splits), *self.owned}
        while {wanted, f"{wanted}_alone"} & taken:
            wanted += "_"
        self.owned |= {wanted, f"{wanted}_alone"}
        return wanted

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
        for scan in self.scans:
            tables.extend(scan.tables())
            tables.append((self.names[scan.scan.name], scan.tree()))
            if scan.scan.moments is not None:
                tables.extend(MomentsSql(scan).tables(self.names[scan.scan.moments.name]))
        if not self.direct:
            tables.append((self.names["every_line"], self.every_line()))
            tables.append((self.names["totals"], self.totals()))
        tables.extend(self.decorated())
        query = select(self.outputs(), dialect.table(self.base), joins=self.bucket_join(), order=self.order())
        return dialect.with_tables(query, tables)

    def decorated(self) -> list[tuple[str, exp.Query]]:
        """The lines with columns that several cells of the result need."""
        dialect = self.dialect
        found: list[tuple[str, exp.Query]] = []
        if self.errors:
            cells = [
                dialect.alias(standard_error(output.uncertainty, dialect.column), self.errors[output.metric.id])
                for output in self.plan.outputs
                if output.metric.id in self.errors and output.uncertainty is not None
            ]
            found.append((self.names["errors"], select([exp.Star(), *cells], dialect.table(self.base))))
            self.base = self.names["errors"]
        if self.hidden:
            scalars = Scalars(dialect, self.types, dialect.column)
            outputs = [output for output in self.plan.outputs if output.metric.id in self.hidden]
            cells = []
            for output in outputs:
                few = _any([_too_few(n, fewest) for n, fewest in output.floors])
                assert few is not None
                cells.append(dialect.alias(scalars.node(few), f"{self.hidden[output.metric.id]}_alone"))
            below = select([exp.Star(), *cells], dialect.table(self.base))
            found.append((self.names["below_minimum"], below))
            cells = [
                dialect.alias(self.with_next(output, scalars), self.hidden[output.metric.id]) for output in outputs
            ]
            found.append(
                (self.names["shown"], select([exp.Star(), *cells], dialect.table(self.names["below_minimum"])))
            )
            self.base = self.names["shown"]
        return found

    def with_next(self, output: Output, scalars: Scalars) -> Node:
        """Whether a cell is hidden: for its own few rows, or as the smallest beside the only one that is.

        Empty cells come last: hiding one adds little doubt.
        """
        column = self.dialect.column(f"{self.hidden[output.metric.id]}_alone")
        n = scalars.node(output.n)
        one = case([(column, number(1))], number(0))
        alone = exp.EQ(this=exp.Window(this=exp.Sum(this=one)), expression=number(1))
        empty = case([(exp.EQ(this=n, expression=number(0)), number(1))], number(0))
        order = [exp.Ordered(this=empty, desc=False, nulls_first=False)]
        order.append(exp.Ordered(this=n.copy(), desc=False, nulls_first=False))
        order += [self.dialect.ordered(self.dialect.column(key), kind) for key, kind in self.keys()]
        place = exp.Window(this=exp.RowNumber(), partition_by=[column.copy()], order=exp.Order(expressions=order))
        smallest = exp.EQ(this=place, expression=number(1))
        return exp.Or(this=column.copy(), expression=exp.Paren(this=exp.And(this=alone, expression=smallest)))

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
        everything = [(table, key, part) for table, components in self.lines for key, part in components.items()]
        parts: list[exp.Query] = []
        for table, _ in self.lines:
            cells: list[Node] = [dialect.column(key) for key in keys]
            for owner, key, part in everything:
                cells.append(dialect.column(key) if owner == table else self.missing(key, part))
            parts.append(select(cells, dialect.table(table)))
        if self.plan.buckets:
            parts.append(self.grid([self.missing(key, part) for _, key, part in everything]))
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
        named = dialect.subquery(groups, self.names["groups_found"])
        return select(keys + cells, dialect.table(self.names["buckets"]), joins=[join(named, kind="CROSS")])

    def totals(self) -> exp.Query:
        dialect = self.dialect
        keys = [key for key, _ in self.keys()]
        cells: list[Node] = [dialect.column(key) for key in keys]
        for _, components in self.lines:
            for key, component in components.items():
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
        scalars = Scalars(dialect, self.types, dialect.column)
        for output in self.plan.outputs:
            cells += self.output(output, scalars)
        return cells

    def output(self, output: Output, scalars: Scalars) -> list[Node]:
        dialect = self.dialect
        names = output.columns(self.plan.query.stats)
        value = scalars.node(output.formula)
        if output.type == "integer":
            # Engines widen sums of integers in their own ways.
            value = value if _is_count(output, self.plan) else cast(value, "bigint")
        few = _any([_too_few(n, fewest) for n, fewest in output.floors])
        hidden: Node | None = None if few is None else scalars.node(few)
        if output.metric.id in self.hidden:
            hidden = dialect.column(self.hidden[output.metric.id])

        def shown(node: Node) -> Node:
            if hidden is None:
                return node
            sure = exp.Paren(this=hidden) if isinstance(hidden, exp.Or) else hidden
            return case([(exp.Not(this=sure.copy()), node)])

        cells = [shown(value)]
        if self.plan.query.stats != "none":
            n = scalars.node(output.n)
            whens = [(hidden.copy(), string("suppressed"))] if hidden is not None else []
            if output.empty is not None:
                whens.append((scalars.node(output.empty), string("no_data")))
            cells += [shown(n), case(whens, string("ok")) if whens else string("ok")]
            cells += [shown(node) for node in self.statistics(output, n, value)]
        return [dialect.alias(cell, name) for cell, name in zip(cells, names, strict=True)]

    def statistics(self, output: Output, n: Node, value: Node) -> list[Node]:
        """The interval, where it has a closed form, and the sums that it is made of."""
        its, column = output.uncertainty, self.dialect.column
        if its is None:
            return []
        cells: list[Node] = []
        if output.bounded:
            name = self.errors.get(output.metric.id)
            error = column(name) if name is not None else None
            z = normal_quantile(float(self.plan.confidence))
            cells += [node.copy() for node in bounds(its, column, Line(n, value, error), z)]
        scalars = Scalars(self.dialect, self.types, column)
        return cells + [scalars.node(formula) for formula in its.sums.values()]

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
            value, *others = output.columns(self.plan.query.stats)
            found.append(ResultColumn(value, output.type, "value", identity, unit))
            for name in others:
                role = name.removeprefix(f"{identity}_")
                kind = {"n": "integer", "status": "text"}.get(role, "double")
                if output.uncertainty is not None and role in output.uncertainty.sums:
                    kind = self.type_of(output.uncertainty.sums[role])
                found.append(ResultColumn(name, kind, role, identity, unit if role in {"low", "high"} else None))
        return found

    def type_of(self, formula: Expr) -> str:
        return infer(formula, self.types).name


def own_names(plan: Plan) -> dict[str, str]:
    """Names of the statement's own tables, none of which hides a relation that it reads."""
    read = {table.source.relation for scan in plan.scans for table in scan.tables}
    read |= {scan.source.relation for scan in plan.scans}
    chains = [scan.chain for scan in plan.scans if scan.chain is not None]
    read |= {roll.source.relation for chain in chains for roll in (chain.frame, chain.invitations) if roll is not None}
    taken = {relation.rsplit(".", 1)[-1].lower() for relation in read}
    found = {}
    steps = ("buckets", "every_line", "totals", "groups_found", "errors", "below_minimum", "shown")
    scans = [name for scan in plan.scans for name in (scan.name, *([scan.moments.name] if scan.moments else []))]
    for wanted in (*steps, *scans):
        name = wanted
        while name in taken:
            name += "_"
        taken.add(name)
        found[wanted] = name
    for chain in chains:
        prefix = chain.name
        while any(f"{prefix}_{step}" in taken for step in STEPS):
            prefix += "_"
        taken.update(f"{prefix}_{step}" for step in STEPS)
        found[chain.name] = prefix
    return found


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
