"""Sums of squares and products over a chain's sampling units, from which linearised intervals are made.

Where units are independent: of what each unit adds to the two sides of a value. Within post-strata: of the distances
of rows from the mean of their stratum, as the weights hold the strata's sizes fixed (Särndal, Swensson and Wretman
1992, 7.6; what R's survey::postStratify computes for one stratum of the design).
"""

from sqlglot import exp

from cxgov.compiler.measures import moment_roles
from cxgov.compiler.plan import Linear
from cxgov.compiler.scan_sql import ScanSql
from cxgov.compiler.trees import (
    Node,
    call,
    case,
    cast,
    conjunction,
    join,
    minus,
    number,
    ordinals,
    plus,
    product,
    quotient,
    select,
)


class MomentsSql:
    """The moments of a scan, by bucket and dimension."""

    def __init__(self, scan: ScanSql) -> None:
        assert scan.chain is not None
        assert scan.scan.moments is not None
        self.scan = scan
        self.chain = scan.chain
        self.moments = scan.scan.moments
        self.dialect = scan.dialect
        self.keys = [*(["period_start"] if scan.plan.buckets else []), *(split.name for split in scan.scan.splits)]
        self.strata = self.chain.strata

    def own(self, name: str) -> str:
        """A name that no dimension of the question has."""
        while name in self.keys:
            name += "_"
        return name

    def tables(self, name: str) -> list[tuple[str, exp.Query]]:
        """The tables; the last one, of the given name, has a line for each bucket and group."""
        units, parts = f"{self.chain.prefix}_units", f"{self.chain.prefix}_by_{'stratum' if self.strata else 'unit'}"
        of = self.by_stratum() if self.strata else self.by_unit()
        cells = self.stratified(parts, units) if self.strata else self.independent(parts, units)
        bucket = bool(self.scan.plan.buckets)
        on = None
        if bucket:
            start = self.dialect.column("period_start", units)
            on = conjunction([exp.EQ(this=start, expression=self.dialect.column("period_start", parts))])
        joined = join(self.dialect.table(units), on, kind=None if bucket else "CROSS")
        keys: list[Node] = [self.dialect.column(key, parts) for key in self.keys]
        group = ordinals(len(keys)) if keys else None
        lines = select(keys + cells, self.dialect.table(parts), joins=[joined], group=group)
        return [(units, self.counted()), (parts, of), (name, lines)]

    def counted(self) -> exp.Query:
        """How many units each bucket's sample has, whatever is asked of it."""
        column, alias = self.dialect.column, self.dialect.alias
        keys: list[Node] = [alias(column(self.chain.bucket), "period_start")] if self.scan.plan.buckets else []
        its = [column(name) for name in self.chain.chain.unit]
        units = select([*keys, *its], self.dialect.table(self.chain.base), distinct=True)
        named = self.dialect.subquery(units, "each_unit")
        total = alias(exp.Count(this=exp.Star()), "units")
        starts: list[Node] = [column("period_start")] if keys else []
        return select([*starts, total], named, group=ordinals(1) if keys else None)

    def sides(self, linear: Linear) -> list[tuple[str, Node]]:
        base = self.scan.scalars[self.scan.alias]
        found: list[tuple[str, Node]] = [("numerator", cast(base.node(linear.numerator), "double"))]
        if linear.denominator is not None:
            found.append(("denominator", cast(base.node(linear.denominator), "double")))
        return found

    def by_unit(self) -> exp.Query:
        keys = self.scan.keys()
        keys += [
            self.dialect.alias(self.scan.own(name), self.own(f"unit_{i}"))
            for i, name in enumerate(self.chain.chain.unit, 1)
        ]
        cells: list[Node] = []
        for metric, linear in self.moments.of:
            for side, amount in self.sides(linear):
                its = product(self.scan.weight(), amount) if self.chain.chain.weighted else amount
                cells.append(self.dialect.alias(exp.Sum(this=its), f"{metric}_{side}"))
        return self.scan.over_rows(keys + cells, len(keys))

    def contributions(self) -> exp.Query:
        """What each unit of the sample adds to the two sides of the one metric, as it enters the variance.

        Within post-strata rows are taken about their stratum's mean over the whole sample: those that are not asked
        for add nothing to it, and are as far from it as the others.
        """
        [(_, linear)] = self.moments.of
        dialect, scan = self.dialect, self.scan
        units = [(name, f"unit_{i}") for i, name in enumerate(self.chain.chain.unit, 1)]
        keys: list[Node] = [dialect.alias(scan.own(name), alias) for name, alias in units]
        if not self.strata:
            cells: list[Node] = []
            for side, amount in self.sides(linear):
                its = product(scan.weight(), amount) if self.chain.chain.weighted else amount
                cells.append(dialect.alias(exp.Sum(this=its), side))
            return scan.over_rows(keys + cells, len(keys))
        asked = scan.asked()
        cells = []
        for side, amount in self.sides(linear):
            its = amount if asked is None else case([(asked.copy(), amount)], cast(number(0), "double"))
            mean = exp.Window(this=exp.Avg(this=its), partition_by=[scan.own(name) for name in self.strata])
            cells.append(dialect.alias(product(scan.weight(), minus(its.copy(), mean)), side))
        rows = select(keys + cells, scan.base(), joins=scan.joins())
        named = dialect.subquery(rows, "each_row")
        sums = [dialect.alias(exp.Sum(this=dialect.column(side)), side) for side, _ in self.sides(linear)]
        its_keys = [dialect.column(alias) for _, alias in units]
        return select([*its_keys, *sums], named, group=ordinals(len(units)))

    def independent(self, parts: str, units: str) -> list[Node]:
        cells: list[Node] = []
        for metric, linear in self.moments.of:
            y = self.dialect.column(f"{metric}_numerator", parts)
            found: dict[str, Node] = {
                "numerator": exp.Sum(this=y),
                "numerator_squares": exp.Sum(this=product(y.copy(), y.copy())),
            }
            largest = y
            if linear.denominator is not None:
                x = largest = self.dialect.column(f"{metric}_denominator", parts)
                found["denominator"] = exp.Sum(this=x)
                found["products"] = exp.Sum(this=product(y.copy(), x.copy()))
                found["denominator_squares"] = exp.Sum(this=product(x.copy(), x.copy()))
            found["largest_unit"] = exp.Max(this=largest.copy())
            found["units"] = exp.Max(this=self.dialect.column("units", units))
            cells += [self.dialect.alias(found[role], f"{metric}_{role}") for role in moment_roles(linear)]
        return cells

    def by_stratum(self) -> exp.Query:
        alias = self.dialect.alias
        keys = self.scan.keys()
        keys += [alias(self.scan.own(name), self.own(f"stratum_{i}")) for i, name in enumerate(self.strata, 1)]
        cells: list[Node] = [
            alias(exp.Max(this=self.scan.weight()), self.own("weight")),
            alias(exp.Max(this=self.scan.own(self.chain.cell_rows)), self.own("rows_in_stratum")),
            alias(exp.Count(this=exp.Star()), self.own("rows_here")),
        ]
        for metric, linear in self.moments.of:
            sides = dict(self.sides(linear))
            for side, amount in sides.items():
                cells.append(alias(exp.Sum(this=amount), self.own(f"{metric}_{side}")))
                cells.append(alias(call("VAR_POP", amount.copy()), self.own(f"{metric}_{side}_spread")))
            if "denominator" in sides:
                both = call("COVAR_POP", sides["numerator"].copy(), sides["denominator"].copy())
                cells.append(alias(both, self.own(f"{metric}_joint_spread")))
        return self.scan.over_rows(keys + cells, len(keys))

    def stratified(self, parts: str, units: str) -> list[Node]:
        def column(name: str) -> Node:
            return self.dialect.column(self.own(name), parts)

        def about_mean(spread: str, left: str, right: str) -> Node:
            """A stratum's sum of products about its means, over rows here and rows elsewhere, which add nothing."""
            here = product(column(spread), column("rows_here"))
            one = cast(number(1), "double")
            share = minus(quotient(one, column("rows_here")), quotient(one.copy(), column("rows_in_stratum")))
            its = plus(here, product(column(left), column(right), share))
            return exp.Sum(this=product(column("weight"), column("weight"), its))

        cells: list[Node] = []
        for metric, linear in self.moments.of:
            top = f"{metric}_numerator"
            found: dict[str, Node] = {
                "numerator": exp.Sum(this=product(column("weight"), column(top))),
                "numerator_squares": about_mean(f"{top}_spread", top, top),
                "units": exp.Max(this=self.dialect.column("units", units)),
            }
            if linear.denominator is not None:
                bottom = f"{metric}_denominator"
                found["denominator"] = exp.Sum(this=product(column("weight"), column(bottom)))
                found["products"] = about_mean(f"{metric}_joint_spread", top, bottom)
                found["denominator_squares"] = about_mean(f"{bottom}_spread", bottom, bottom)
            found["largest_unit"] = exp.Max(this=column("weight"))
            cells += [self.dialect.alias(found[role], f"{metric}_{role}") for role in moment_roles(linear)]
        return cells
