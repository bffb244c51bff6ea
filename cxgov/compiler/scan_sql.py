"""A scan to a query: what is counted of a source, by bucket and dimension, and what its rows must not hold."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from sqlglot import exp

from cxgov.compiler.chain_sql import ChainSql
from cxgov.compiler.dialect import Dialect
from cxgov.compiler.plan import Component, Plan, Scan, Split, Table
from cxgov.compiler.scalars import Scalars
from cxgov.compiler.trees import (
    Node,
    call,
    case,
    cast,
    conjunction,
    disjunction,
    is_null,
    join,
    number,
    ordinals,
    product,
    select,
)
from cxgov.compiler.weight_sql import weigh
from cxgov.language.expressions import Expr, names
from cxgov.language.model import Column
from cxgov.language.scopes import sure_scope
from cxgov.language.typecheck import Named, strict


class ScanSql:
    """One scan of a source as a query.

    ``named`` gives the statement's name of a table; ``every_step`` keeps those steps of a chain that others imply.
    """

    def __init__(
        self,
        plan: Plan,
        scan: Scan,
        dialect: Dialect,
        named: Callable[[str], str] = str,
        *,
        every_step: bool = False,
    ) -> None:
        self.plan = plan
        self.scan = scan
        self.dialect = dialect
        self.alias = scan.source.id
        self.qualified = bool(scan.tables) or self.collides()
        self.scalars = {self.alias: self.for_table(self.alias)}
        for table in scan.tables:
            self.scalars[table.alias] = self.for_table(table.alias)
        self.chain: ChainSql | None = None
        if scan.chain is not None:
            used = [*self.used_columns(), *(scan.source.key if every_step else ())]
            self.chain = ChainSql(
                scan,
                dialect,
                named(scan.chain.name),
                used,
                bucketed=bool(plan.buckets),
                every_step=every_step,
            )

    def collides(self) -> bool:
        """Whether an output name is also a column that means something else."""
        outputs = {"period_start", *self.scan.components, *(split.name for split in self.scan.splits)}
        same = {
            split.name
            for split in self.scan.splits
            if split.expression.op == "name" and split.expression.value == split.name
        }
        return bool((outputs - same) & set(self.scan.source.columns))

    def for_table(self, alias: str) -> Scalars:
        source = self.scan.table_source(alias)
        qualifier = alias if self.qualified else None
        return Scalars(
            self.dialect, sure_scope(source), lambda name: self.dialect.column(name, qualifier), columns=True
        )

    def own(self, name: str) -> Node:
        return self.dialect.column(name, self.alias if self.qualified else None)

    def used_columns(self) -> Iterator[str]:
        """The source's own columns that are read after the steps of a chain."""
        scan = self.scan
        trees = [tree for part in scan.components.values() for tree in (*part.conditions, *part.of)]
        if scan.moments is not None:
            for _, linear in scan.moments.of:
                trees += [linear.numerator, *([linear.denominator] if linear.denominator else [])]
        trees += (*scan.filters, *scan.domain)
        trees += [split.expression for split in (*scan.splits, *scan.ways.values()) if split.table == self.alias]
        for tree in trees:
            yield from names(tree)
        for table in scan.tables:
            if table.parent == self.alias:
                yield from table.entity.key
            if table.as_of_fact and scan.time is not None:
                yield scan.time.name

    def tables(self) -> list[tuple[str, exp.Query]]:
        """The steps of the chain, where there is one."""
        if self.chain is None:
            return []
        bucket = self.bucket(plain=True) if self.plan.buckets else None
        self.chain.build(self.in_period(plain=True), bucket)
        weigh(self.chain)
        return self.chain.steps.tables

    def keys(self) -> list[Node]:
        """Bucket and dimensions of a row."""
        bucket: list[Node] = [self.dialect.alias(self.bucket(), "period_start")] if self.plan.buckets else []
        return [*bucket, *(self.split(split) for split in self.scan.splits)]

    def tree(self) -> exp.Query:
        keys = self.keys()
        base = self.scalars[self.alias]
        cells: list[Node] = [
            self.dialect.alias(self.component(part, base), key) for key, part in self.scan.components.items()
        ]
        return self.over_rows(keys + cells, len(keys))

    def over_rows(self, cells: list[Node], keys: int) -> exp.Select:
        """A query over the rows of the question, grouped by its first cells."""
        return select(
            cells,
            self.base(),
            joins=self.joins(),
            where=self.conditions(self.scalars[self.alias]),
            group=ordinals(keys) if keys else None,
        )

    def base(self) -> exp.Table:
        """The rows that are measured."""
        if self.chain is None:
            return self.relation(self.scan.source.relation, self.alias)
        return self.kept(self.chain.base)

    def kept(self, table: str) -> exp.Table:
        """The rows that a step of the chain keeps, as those that are measured."""
        return self.dialect.table(table, self.alias if self.qualified else None)

    def never_shown(self, column: Column, ranges: Sequence[tuple[datetime, datetime]]) -> Node:
        """Counts the rows of the period with a wall-clock time that its zone left out."""
        dialect = self.dialect
        gaps = [
            conjunction(
                [
                    exp.GTE(this=self.own(column.name), expression=dialect.moment(low)),
                    exp.LT(this=self.own(column.name), expression=dialect.moment(high)),
                ]
            )
            for low, high in ranges
        ]
        either = disjunction(gaps)
        # The bounds of the period hold no gap of the time that they bound.
        within = [] if column == self.scan.time else self.in_period()
        where = [*within, exp.Paren(this=either)] if within else [either]
        return select([exp.Count(this=exp.Star())], self.relation(self.scan.source.relation, self.alias), where=where)

    def required(self) -> list[str]:
        """Columns that are measured and declared never to be NULL: denominators rely on it."""
        scan = self.scan
        trees = [tree for part in scan.components.values() for tree in (*part.conditions, *part.of)]
        used = dict.fromkeys(name for tree in (*trees, *scan.filters, *scan.domain) for name in names(tree))
        if self.chain is not None:
            used |= dict.fromkeys(self.chain.own_columns())
        return [name for name in used if not scan.source.columns[name].nullable]

    def unexpected_nulls(self, columns: list[str]) -> Node:
        """Counts the rows of the period that are NULL in one of the columns."""
        either = disjunction([is_null(self.own(name)) for name in columns])
        where = [*self.in_period(), exp.Paren(this=either) if len(columns) > 1 else either]
        return select([exp.Count(this=exp.Star())], self.relation(self.scan.source.relation, self.alias), where=where)

    def multiplied(self) -> Node:
        """Counts the rows that the joins add."""
        base = self.relation(self.scan.source.relation, self.alias)
        alone = select([exp.Count(this=exp.Star())], base.copy(), where=self.in_period())
        more = exp.Sub(this=exp.Count(this=exp.Star()), expression=exp.Subquery(this=alone))
        return select([more], base, joins=self.joins(), where=self.in_period())

    def joins(self) -> list[exp.Join]:
        return [
            join(self.relation(table.source.relation, table.alias), self.joined(table), side="LEFT")
            for table in self.scan.tables
        ]

    def relation(self, name: str, alias: str) -> exp.Table:
        differs = self.qualified and name.rsplit(".", 1)[-1].lower() != alias
        return self.dialect.relation(name, alias if differs else None)

    def split(self, split: Split) -> Node:
        node = self.dimension(split)
        if isinstance(node, exp.Column) and node.name == split.name:
            return node
        return self.dialect.alias(node, split.name)

    def dimension(self, split: Split) -> Node:
        """A dimension's expression; NULL where a join found no row, also where the expression would not be."""
        node = self.scalars[split.table].node(split.expression)
        if split.table == self.alias or strict(split.expression):
            return node
        table = next(table for table in self.scan.tables if table.alias == split.table)
        found = exp.Not(this=is_null(self.dialect.column(table.key[0], table.alias)))
        return case([(found, node)])

    def bucket(self, *, plain: bool = False) -> Node:
        """The bucket of a row: of the source's where ``plain``, else of those that are measured."""
        scan, dialect = self.scan, self.dialect
        assert scan.time is not None
        if self.chain is not None and not plain:
            return self.own(self.chain.bucket)
        time = dialect.column(scan.time.name) if plain else self.own(scan.time.name)
        if scan.shifts:
            return dialect.calendar_day(time, scan.time.type, scan.shifts)
        # The rows lie in the period, so each bucket is told by where the next begins.
        pairs: list[tuple[Node, Node]] = [
            (exp.LT(this=time.copy(), expression=dialect.moment(following)), dialect.day(bucket.start))
            for bucket, following in zip(self.plan.buckets[:-1], scan.starts[1:], strict=True)
        ]
        last = dialect.day(self.plan.buckets[-1].start)
        return case(pairs, last) if pairs else last

    def in_period(self, *, plain: bool = False) -> list[Node]:
        """The rows that happened in the period and had arrived."""
        scan = self.scan
        own = self.dialect.column if plain else self.own
        found: list[Node] = []
        if scan.time is not None and scan.low is not None and scan.high is not None:
            time = own(scan.time.name)
            found.append(exp.GTE(this=time, expression=self.dialect.moment(scan.low)))
            found.append(exp.LT(this=time.copy(), expression=self.dialect.moment(scan.high)))
        if scan.arrived_before is not None and scan.source.arrival is not None:
            found.append(exp.LT(this=own(scan.source.arrival), expression=self.dialect.moment(scan.arrived_before)))
        return found

    def conditions(self, base: Scalars) -> list[Node]:
        scan = self.scan
        found = [] if self.chain is not None else self.in_period()
        found += [base.inside(condition, "and") for condition in scan.filters]
        return [*found, *self.chosen()]

    def chosen(self) -> list[Node]:
        """What the question asks of rows that are settled: its overlay's condition and its own filter."""
        found = [self.scalars[self.alias].inside(condition, "and") for condition in self.scan.domain]
        return found if self.scan.selection is None else [*found, self.selected(self.scan.selection)]

    def asked(self) -> Node | None:
        """The same as one condition."""
        found = self.chosen()
        return exp.Paren(this=conjunction(found)) if found else None

    def selected(self, selection: Expr) -> Node:
        ways = self.scan.ways
        scope = {}
        for path in names(selection):
            split = ways[path]
            scope[path] = Named(self.scalars[split.table].type_of(split.expression))

        def resolve(path: str) -> Node:
            node = self.dimension(ways[path])
            return node if isinstance(node, exp.Column) else exp.Paren(this=node)

        return Scalars(self.dialect, scope, resolve).inside(selection, "and")

    def joined(self, table: Table) -> Node:
        dialect = self.dialect
        on: list[Node] = [
            exp.EQ(this=dialect.column(there, table.alias), expression=dialect.column(here, table.parent))
            for here, there in zip(table.entity.key, table.key, strict=True)
        ]
        interval = table.source.interval
        if table.as_of_fact and interval is not None and self.scan.time is not None:
            time = self.own(self.scan.time.name)
            until = dialect.column(interval.until, table.alias)
            on.append(exp.LTE(this=dialect.column(interval.start, table.alias), expression=time))
            open_end = is_null(until.copy())
            on.append(exp.Paren(this=exp.Or(this=exp.GT(this=until, expression=time.copy()), expression=open_end)))
        if table.arrived_before is not None and table.source.arrival is not None:
            arrival = dialect.column(table.source.arrival, table.alias)
            on.append(exp.LT(this=arrival, expression=self.dialect.moment(table.arrived_before)))
        return conjunction(on)

    def component(self, part: Component, base: Scalars) -> Node:
        dialect = self.dialect
        condition = _all(list(part.conditions))
        if part.weighted:
            return self.weighted(part, None if condition is None else base.node(condition), base)
        if part.function == "count":
            if condition is None:
                return exp.Count(this=exp.Star())
            return dialect.count_if(base.node(condition))
        if part.function == "distinct" and len(part.of) > 1:
            true = exp.Boolean(this=True)
            return dialect.count_distinct_rows(
                [base.node(of) for of in part.of], true if condition is None else base.node(condition)
            )
        of = base.node(part.of[0])
        if condition is not None:
            of = case([(base.node(condition), of)])
        match part.function:
            case "distinct":
                return exp.Count(this=exp.Distinct(expressions=[of]))
            case "sum":
                return exp.Coalesce(this=exp.Sum(this=of), expressions=[number(0)])
            case "min":
                return exp.Min(this=of)
            case "max":
                return exp.Max(this=of)
            case "variance":
                return call("VAR_SAMP", cast(of, "double"))
            case "squares":
                spread = call("VAR_POP", cast(of, "double"))
                return product(exp.Coalesce(this=spread, expressions=[number(0)]), exp.Count(this=of.copy()))
            case "products":
                other = base.node(part.of[1])
                if condition is not None:
                    other = case([(base.node(condition), other)])
                spread = call("COVAR_POP", cast(of, "double"), cast(other, "double"))
                return product(exp.Coalesce(this=spread, expressions=[number(0)]), exp.Count(this=of.copy()))
            case _:
                assert part.q is not None
                assert part.quantile_type is not None
                return dialect.quantile(cast(of, "double"), part.q, part.quantile_type)

    def weighted(self, part: Component, condition: Node | None, base: Scalars) -> Node:
        """A sum of the rows' weights, of what they weigh, or of the weights' squares."""
        amount = self.weight()
        if part.function == "sum":
            amount = product(amount, cast(base.node(part.of[0]), "double"))
        elif part.function == "weight_squares":
            amount = product(amount, amount.copy())
        if condition is not None:
            amount = case([(condition, amount)])
        return exp.Coalesce(this=exp.Sum(this=amount), expressions=[number(0)])

    def weight(self) -> Node:
        """The weight of a row."""
        assert self.chain is not None
        return self.own(self.chain.weight)


def _all(conditions: list[Expr]) -> Expr | None:
    if not conditions:
        return None
    return conditions[0] if len(conditions) == 1 else Expr("and", tuple(conditions))
