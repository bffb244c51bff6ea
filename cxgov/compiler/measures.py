"""Measure forms to components and formulas: what is counted for a metric and how its value is made of the counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from cxgov.compiler.plan import Component
from cxgov.language.expressions import Expr, canonical, write
from cxgov.language.linking import SCALED_UNITS, TIME_UNITS
from cxgov.language.model import Aggregate, Derived, Metric, NetShare, Ratio, Share, Source
from cxgov.language.scopes import inlined, known_not_null
from cxgov.language.typecheck import Named, infer

MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A metric before it is placed in a scan: its components by role, its formula and its n over the roles."""

    components: dict[str, Component]
    formula: Expr
    n: Expr
    zero: bool
    type: str


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


def measured(metric: Metric, source: Source, scope: Mapping[str, Named]) -> Measured:
    """Components, formula and n of a metric of a source; shares are fractions, ``scale`` is not applied."""
    population = _conditions(source, metric.where, metric.valid)
    known = known_not_null(metric)
    match metric.measure:
        case Aggregate() as aggregate:
            return _aggregate(metric, aggregate, source, scope, population)
        case Share(of=of, among=among, unknown=unknown):
            known |= known_not_null(metric, among)
            rows = _union(population, _conditions(source, among))
            rows = _union(rows, _answered(source, scope, known, of) if unknown == "out" else ())
            components = {
                "hits": Component(function="count", conditions=_union(rows, _conditions(source, of))),
                "rows": Component(function="count", conditions=rows),
            }
            return Measured(
                components=components,
                formula=over(name("hits"), name("rows")),
                n=name("rows"),
                zero=False,
                type="double",
            )
        case NetShare(plus=plus, minus=minus, among=among, unknown=unknown):
            known |= known_not_null(metric, among)
            rows = _union(population, _conditions(source, among))
            rows = _union(rows, _answered(source, scope, known, plus, minus) if unknown == "out" else ())
            components = {
                "plus": Component(function="count", conditions=_union(rows, _conditions(source, plus))),
                "minus": Component(function="count", conditions=_union(rows, _conditions(source, minus))),
                "rows": Component(function="count", conditions=rows),
            }
            formula = over(Expr("-", (name("plus"), name("minus"))), name("rows"))
            return Measured(components=components, formula=formula, n=name("rows"), zero=False, type="double")
        case Ratio(numerator=numerator, denominator=denominator):
            above = _aggregate(metric, numerator, source, scope, population)
            below = _aggregate(metric, denominator, source, scope, population)
            components = {f"numerator_{role}": part for role, part in above.components.items()}
            components |= {f"denominator_{role}": part for role, part in below.components.items()}
            formula = over(prefixed(above.formula, "numerator_"), prefixed(below.formula, "denominator_"))
            n = prefixed(below.n, "denominator_")
            return Measured(components=components, formula=formula, n=n, zero=False, type="double")
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
    rows = _union(population, _conditions(source, aggregate.where))
    if aggregate.function == "count":
        count = Component(function="count", conditions=rows)
        return Measured(components={"rows": count}, formula=name("rows"), n=name("rows"), zero=True, type="integer")
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
            )
        formula, its = (over(name("sum"), number(unit)), "double") if unit > 1 else (name("sum"), its)
        return Measured(components={"sum": total, "rows": count}, formula=formula, n=name("rows"), zero=True, type=its)
    function = aggregate.function
    if function == "quantile":
        its = "double"
    value = Component(
        function=function,
        conditions=rows,
        of=of,
        q=aggregate.q,
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


def _conditions(source: Source, *predicates: Expr | None) -> tuple[Expr, ...]:
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
    return _conditions(source, *(Expr("not", (Expr("is null", (tree,)),)) for tree in nullable))


def _union(left: tuple[Expr, ...], right: tuple[Expr, ...]) -> tuple[Expr, ...]:
    found = {write(part): part for part in (*left, *right)}
    return tuple(found[key] for key in sorted(found))
