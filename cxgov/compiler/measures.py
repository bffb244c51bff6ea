"""Measure forms to components and formulas: what is counted for a metric and how its value is made of the counts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, assert_never

from cxgov.compiler.plan import Component, Linear, Method
from cxgov.language.expressions import Expr, canonical, write
from cxgov.language.linking import SCALED_UNITS, TIME_UNITS
from cxgov.language.model import Aggregate, Derived, Metric, NetShare, Ratio, Share, Source
from cxgov.language.scopes import inlined, known_not_null
from cxgov.language.typecheck import Named, infer

MICROSECONDS: Final = 1_000_000
_RATIO_MOMENTS: Final = ("numerator", "denominator", "numerator_squares", "products", "denominator_squares")
_TOTAL_MOMENTS: Final = ("numerator", "numerator_squares")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A metric before it is placed in a scan: its components by role, its formula and its n over the roles.

    ``method`` is that of its interval, ``linear`` what a row adds to the two sides of its value, where it is made
    of sums, and ``divisor`` what a unit of time divides them by.
    """

    components: dict[str, Component]
    formula: Expr
    n: Expr
    zero: bool
    type: str
    method: Method = "none"
    linear: Linear | None = None
    divisor: int = 1


def name(text: str) -> Expr:
    """A name in a formula."""
    return Expr("name", (), text)


def number(value: int) -> Expr:
    """A number in a formula."""
    return Expr("number", (), value)


def over(top: Expr, bottom: Expr) -> Expr:
    """A quotient: NULL where the bottom is 0, never integer division."""
    return Expr("/", (top, bottom))


def times(factor: int, of: Expr) -> Expr:
    """A product; a factor of 1 is left out."""
    return of if factor == 1 else Expr("*", (number(factor), of))


def scale(metric: Metric) -> int:
    """What the unit multiplies a fraction by."""
    return 100 if metric.unit in SCALED_UNITS else 1


def measured(metric: Metric, source: Source, scope: Mapping[str, Named], excluded: tuple[Expr, ...] | None) -> Measured:
    """Components, formula and n of a metric of a source; shares are fractions, ``scale`` is not applied.

    ``excluded`` are conditions that exceptions add to the population; None where a chain has settled who counts.
    """
    population = () if excluded is None else _union(conditions(source, metric.where, metric.valid), excluded)
    known = known_not_null(metric)
    match metric.measure:
        case Aggregate() as aggregate:
            return _aggregate(metric, aggregate, source, scope, population)
        case Share(of=of, among=among, unknown=unknown):
            known |= known_not_null(metric, among)
            rows = _union(population, conditions(source, among))
            rows = _union(rows, _answered(source, scope, known, of) if unknown == "out" else ())
            components = {
                "hits": Component(function="count", conditions=_union(rows, conditions(source, of))),
                "rows": Component(function="count", conditions=rows),
            }
            return Measured(
                components=components,
                formula=over(name("hits"), name("rows")),
                n=name("rows"),
                zero=False,
                type="double",
                method="share",
                linear=Linear(numerator=_adds(components["hits"]), denominator=_adds(components["rows"])),
            )
        case NetShare(plus=plus, minus=minus, among=among, unknown=unknown):
            known |= known_not_null(metric, among)
            rows = _union(population, conditions(source, among))
            rows = _union(rows, _answered(source, scope, known, plus, minus) if unknown == "out" else ())
            components = {
                "plus": Component(function="count", conditions=_union(rows, conditions(source, plus))),
                "minus": Component(function="count", conditions=_union(rows, conditions(source, minus))),
                "rows": Component(function="count", conditions=rows),
            }
            formula = over(Expr("-", (name("plus"), name("minus"))), name("rows"))
            net = Expr("-", (_adds(components["plus"]), _adds(components["minus"])))
            return Measured(
                components=components,
                formula=formula,
                n=name("rows"),
                zero=False,
                type="double",
                method="net_share",
                linear=Linear(numerator=net, denominator=_adds(components["rows"])),
            )
        case Ratio(numerator=numerator, denominator=denominator):
            above = _aggregate(metric, numerator, source, scope, population)
            below = _aggregate(metric, denominator, source, scope, population)
            components = {f"numerator_{role}": part for role, part in above.components.items()}
            components |= {f"denominator_{role}": part for role, part in below.components.items()}
            formula = over(prefixed(above.formula, "numerator_"), prefixed(below.formula, "denominator_"))
            n = prefixed(below.n, "denominator_")
            linear = None
            if above.method == below.method == "total" and above.linear and below.linear:
                linear = Linear(numerator=above.linear.numerator, denominator=below.linear.numerator)
            return Measured(
                components=components,
                formula=formula,
                n=n,
                zero=False,
                type="double",
                method="linearised" if linear else "none",
                linear=linear,
                divisor=above.divisor // below.divisor,
            )
        case Derived():
            raise AssertionError(metric.id)
        case _ as never:
            assert_never(never)


def prefixed(tree: Expr, prefix: str) -> Expr:
    """A formula with a prefix before each of its names."""
    if tree.op == "name":
        return name(f"{prefix}{tree.value}")
    return Expr(tree.op, tuple(prefixed(arg, prefix) for arg in tree.args), tree.value)


def substituted(tree: Expr, values: Mapping[str, Expr]) -> Expr:
    """A formula with each of its names replaced by what it stands for."""
    if tree.op == "name":
        return values[str(tree.value)]
    if not tree.args:
        return tree
    return Expr(tree.op, tuple(substituted(arg, values) for arg in tree.args), tree.value)


def _aggregate(
    metric: Metric,
    aggregate: Aggregate,
    source: Source,
    scope: Mapping[str, Named],
    population: tuple[Expr, ...],
) -> Measured:
    rows = _union(population, conditions(source, aggregate.where))
    if aggregate.function == "count":
        count = Component(function="count", conditions=rows)
        return Measured(
            components={"rows": count},
            formula=name("rows"),
            n=name("rows"),
            zero=True,
            type="integer",
            method="total",
            linear=Linear(numerator=_adds(count), denominator=None),
        )
    assert aggregate.of is not None
    known = known_not_null(metric, aggregate.where)
    if aggregate.function == "count_distinct":
        return _distinct(aggregate.of, source, scope, known, rows)
    kind = infer(aggregate.of, scope, known)
    of = (canonical(inlined(aggregate.of, source)),)
    filled = _union(rows, _answered(source, scope, known, aggregate.of))
    count = Component(function="count", conditions=filled)
    unit = TIME_UNITS[metric.unit] * MICROSECONDS if kind.name == "duration" and metric.unit in TIME_UNITS else 1
    its = "integer" if kind.name == "duration" else kind.name
    if aggregate.function in {"sum", "mean"}:
        total = Component(function="sum", conditions=rows, of=of, type=its)
        amount = _adds(replace(total, conditions=filled))
        if aggregate.function == "mean":
            formula = (
                over(over(name("sum"), name("rows")), number(unit)) if unit > 1 else over(name("sum"), name("rows"))
            )
            return Measured(
                components={"sum": total, "rows": count},
                formula=formula,
                n=name("rows"),
                zero=False,
                type="double",
                method="mean",
                linear=Linear(numerator=amount, denominator=_adds(count)),
                divisor=unit,
            )
        formula, its = (over(name("sum"), number(unit)), "double") if unit > 1 else (name("sum"), its)
        return Measured(
            components={"sum": total, "rows": count},
            formula=formula,
            n=name("rows"),
            zero=True,
            type=its,
            method="total",
            linear=Linear(numerator=amount, denominator=None),
            divisor=unit,
        )
    function = aggregate.function
    if function == "quantile":
        its = "double"
    value = Component(
        function=function,
        conditions=rows,
        of=of,
        # One quantile has one text, whether it is written 0.5 or 0.50.
        q=None if aggregate.q is None else Decimal(aggregate.q).normalize(),
        quantile_type=aggregate.quantile_type,
        type=its,
    )
    formula, its = (over(name(function), number(unit)), "double") if unit > 1 else (name(function), its)
    return Measured(components={function: value, "rows": count}, formula=formula, n=name("rows"), zero=False, type=its)


def _distinct(
    of: Expr, source: Source, scope: Mapping[str, Named], known: frozenset[str], rows: tuple[Expr, ...]
) -> Measured:
    entity = source.entities.get(str(of.value)) if of.op == "name" else None
    trees = [name(column) for column in entity.key] if entity else [of]
    filled = _union(rows, _answered(source, scope, known, *trees))
    parts = tuple(canonical(inlined(tree, source)) for tree in trees)
    # A composite key counts where all its parts are known; a single one is passed over by count(distinct) itself.
    keyed = Component(function="distinct", conditions=filled if len(parts) > 1 else rows, of=parts)
    components = {"distinct": keyed, "rows": Component(function="count", conditions=filled)}
    return Measured(components=components, formula=name("distinct"), n=name("rows"), zero=True, type="integer")


def conditions(source: Source, *predicates: Expr | None) -> tuple[Expr, ...]:
    """Conjuncts of the predicates, each in its canonical spelling over columns, in one order."""
    found: dict[str, Expr] = {}
    for predicate in predicates:
        if predicate is not None:
            tree = canonical(inlined(predicate, source))
            for part in tree.args if tree.op == "and" else (tree,):
                if part.op != "boolean" or part.value is not True:
                    found[write(part)] = part
    return tuple(found[key] for key in sorted(found))


def _answered(source: Source, scope: Mapping[str, Named], known: frozenset[str], *trees: Expr) -> tuple[Expr, ...]:
    """Conditions under which none of the expressions is NULL; none where they never are."""
    nullable = [tree for tree in trees if infer(tree, scope, known).nullable]
    return conditions(source, *(Expr("not", (Expr("is null", (tree,)),)) for tree in nullable))


def _union(left: tuple[Expr, ...], right: tuple[Expr, ...]) -> tuple[Expr, ...]:
    found = {write(part): part for part in (*left, *right)}
    return tuple(found[key] for key in sorted(found))


def _adds(part: Component) -> Expr:
    """What a row adds to a count or a sum."""
    amount = part.of[0] if part.of else number(1)
    if not part.conditions:
        return amount
    condition = part.conditions[0] if len(part.conditions) == 1 else Expr("and", part.conditions)
    return Expr("case", (condition, amount, number(0)))


def kept(predicate: Expr, *, nullable: bool) -> Expr:
    """A condition that is true for every row but those for which the predicate is."""
    sure = Expr("coalesce", (predicate, Expr("boolean", (), value=False))) if nullable else predicate
    return Expr("not", (sure,))


def weighted(found: Measured) -> Measured:
    """The same with counts and sums of weights; ``n`` still counts rows."""
    components = {
        role: replace(part, weighted=True, type="double") if part.function in {"count", "sum"} else part
        for role, part in found.components.items()
    }
    counted = found.components[str(found.n.value)]
    # The largest and the smallest value are what they are, however much their rows count.
    its = found.type if found.formula.op == "name" and found.formula.value in {"min", "max"} else "double"
    return replace(found, components=components | {"n": counted}, n=name("n"), type=its)


def disclosed(found: Measured) -> dict[str, Component]:
    """The components that tell how unequal the weights are."""
    rows = found.components[str(found.n.value)].conditions
    return {
        "weight": Component(function="count", conditions=rows, weighted=True, type="double"),
        "weight_squares": Component(function="weight_squares", conditions=rows, weighted=True, type="double"),
    }


def moment_roles(linear: Linear) -> tuple[str, ...]:
    """What sums over sampling units a metric has; a total has no second side."""
    sums = _TOTAL_MOMENTS if linear.denominator is None else _RATIO_MOMENTS
    return (*sums, "units", "largest_unit")


def spread(found: Measured, population: tuple[Expr, ...]) -> dict[str, Component]:
    """The components that an interval needs beside those of the value, where rows are units without weights."""
    if found.method == "mean":
        rows = found.components["rows"]
        of = found.components["sum"].of
        return {"variance": Component(function="variance", conditions=rows.conditions, of=of, type="double")}
    if found.method != "linearised" or found.linear is None or found.linear.denominator is None:
        return {}
    y, x = found.linear.numerator, found.linear.denominator
    return {
        "numerator_squares": Component(function="squares", conditions=population, of=(y,), type="double"),
        "products": Component(function="products", conditions=population, of=(y, x), type="double"),
        "denominator_squares": Component(function="squares", conditions=population, of=(x,), type="double"),
        "units": Component(function="count", conditions=population),
    }
