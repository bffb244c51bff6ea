"""A scan to a query: what is counted of a source, by bucket and dimension, and what its rows must not hold."""

from sqlglot import exp

from cxgov.compiler.dialects import Dialect
from cxgov.compiler.plan import Component, Plan, Scan, Split, Table
from cxgov.compiler.scalars import Scalars
from cxgov.compiler.trees import Node, case, cast, conjunction, join, number, ordinals, select
from cxgov.language.expressions import Expr, names
from cxgov.language.scopes import column_scope
from cxgov.language.typecheck import Named, strict


class ScanSql:
    """One scan of a source as a query."""

    def __init__(self, plan: Plan, scan: Scan, dialect: Dialect) -> None:
        self.plan = plan
        self.scan = scan
        self.dialect = dialect
        self.alias = scan.source.id
        self.qualified = bool(scan.tables) or self.collides()
        self.scalars = {self.alias: self.for_table(self.alias)}
        for table in scan.tables:
            self.scalars[table.alias] = self.for_table(table.alias)

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
        # Whether a value can be NULL was settled before; here only its type is asked for.
        scope = {
            name: named._replace(type=named.type._replace(nullable=False))
            for name, named in column_scope(source).items()
        }
        return Scalars(self.dialect, scope, lambda name: self.dialect.column(name, qualifier), columns=True)

    def own(self, name: str) -> Node:
        return self.dialect.column(name, self.alias if self.qualified else None)

    def tree(self) -> exp.Query:
        scan, dialect = self.scan, self.dialect
        base = self.scalars[self.alias]
        keys: list[Node] = [dialect.alias(self.bucket(), "period_start")] if self.plan.buckets else []
        keys += [self.split(split) for split in scan.splits]
        return select(
            keys + [dialect.alias(self.component(part, base), key) for key, part in scan.components.items()],
            self.relation(scan.source.relation, self.alias),
            joins=self.joins(),
            where=self.conditions(base),
            group=ordinals(len(keys)) if keys else None,
        )

    def never_shown(self) -> Node:
        """Counts the rows of the period whose wall-clock time its zone left out."""
        time, dialect = self.scan.time, self.dialect
        assert time is not None
        gaps = [
            conjunction(
                [
                    exp.GTE(this=self.own(time.name), expression=dialect.moment(low)),
                    exp.LT(this=self.own(time.name), expression=dialect.moment(high)),
                ]
            )
            for low, high in self.scan.missing
        ]
        either = gaps[0]
        for gap in gaps[1:]:
            either = exp.Or(this=either, expression=gap)
        return select(
            [exp.Count(this=exp.Star())], self.relation(self.scan.source.relation, self.alias), where=[either]
        )

    def required(self) -> list[str]:
        """Columns that are measured and declared never to be NULL: denominators rely on it."""
        scan = self.scan
        trees = [tree for part in scan.components.values() for tree in (*part.conditions, *part.of)]
        used = dict.fromkeys(name for tree in (*trees, *scan.filters) for name in names(tree))
        return [name for name in used if not scan.source.columns[name].nullable]

    def unexpected_nulls(self, columns: list[str]) -> Node:
        """Counts the rows of the period that are NULL in one of the columns."""
        either: Node = exp.Is(this=self.own(columns[0]), expression=exp.Null())
        for name in columns[1:]:
            either = exp.Or(this=either, expression=exp.Is(this=self.own(name), expression=exp.Null()))
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
        table = self.dialect.relation(name)
        if self.qualified and name.rsplit(".", 1)[-1].lower() != alias:
            table.set("alias", exp.TableAlias(this=self.dialect.identifier(alias)))
        return table

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
        found = exp.Not(this=exp.Is(this=self.dialect.column(table.key[0], table.alias), expression=exp.Null()))
        return case([(found, node)])

    def bucket(self) -> Node:
        scan, dialect = self.scan, self.dialect
        assert scan.time is not None
        time = self.own(scan.time.name)
        if scan.shifts:
            return dialect.calendar_day(time, scan.time.type, scan.shifts)
        # The rows lie in the period, so each bucket is told by where the next begins.
        pairs: list[tuple[Node, Node]] = [
            (exp.LT(this=time.copy(), expression=dialect.moment(following)), dialect.day(bucket.start))
            for bucket, following in zip(self.plan.buckets[:-1], scan.starts[1:], strict=True)
        ]
        last = dialect.day(self.plan.buckets[-1].start)
        return case(pairs, last) if pairs else last

    def in_period(self) -> list[Node]:
        """The rows that happened in the period and had arrived."""
        scan = self.scan
        found: list[Node] = []
        if scan.time is not None and scan.low is not None and scan.high is not None:
            time = self.own(scan.time.name)
            found.append(exp.GTE(this=time, expression=self.dialect.moment(scan.low)))
            found.append(exp.LT(this=time.copy(), expression=self.dialect.moment(scan.high)))
        if scan.arrived_before is not None and scan.source.arrival is not None:
            found.append(
                exp.LT(this=self.own(scan.source.arrival), expression=self.dialect.moment(scan.arrived_before))
            )
        return found

    def conditions(self, base: Scalars) -> list[Node]:
        scan = self.scan
        found = self.in_period() + [base.inside(condition, "and") for condition in scan.filters]
        if scan.selection is not None:
            found.append(self.selected(scan.selection))
        return found

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
            open_end = exp.Is(this=until.copy(), expression=exp.Null())
            on.append(exp.Paren(this=exp.Or(this=exp.GT(this=until, expression=time.copy()), expression=open_end)))
        if table.arrived_before is not None and table.source.arrival is not None:
            arrival = dialect.column(table.source.arrival, table.alias)
            on.append(exp.LT(this=arrival, expression=self.dialect.moment(table.arrived_before)))
        return conjunction(on)

    def component(self, part: Component, base: Scalars) -> Node:
        dialect = self.dialect
        condition = _all(list(part.conditions))
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
            case _:
                assert part.q is not None
                assert part.quantile_type is not None
                return dialect.quantile(cast(of, "double"), part.q, part.quantile_type)


def _all(conditions: list[Expr]) -> Expr | None:
    if not conditions:
        return None
    return conditions[0] if len(conditions) == 1 else Expr("and", tuple(conditions))
