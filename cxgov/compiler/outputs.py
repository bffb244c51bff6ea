"""Metrics to columns of a result: value, n, when it is hidden or missing, and what its interval is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from cxgov.compiler.measures import Measured, moment_roles, over, scale, substituted, times
from cxgov.compiler.plan import Component, Method, Output, Uncertainty
from cxgov.compiler.query import Refused
from cxgov.language.expressions import Expr, names
from cxgov.language.model import Derived, Metric, Ratio, Sampling
from cxgov.language.typecheck import Named, Type, infer

_STRICT: Final = frozenset({"name", "number", "+", "-", "*", "/", "neg", "abs", "ln", "exp", "sqrt"})
_CAN_BE_NULL: Final = frozenset({"min", "max", "quantile", "variance"})


@dataclass(frozen=True, slots=True)
class Placed:
    """A measured metric in its scan: the statement's column of each of its roles.

    ``moments`` is the prefix of its sums over units.
    """

    measured: Measured
    columns: dict[str, str]
    rule: Sampling | None
    moments: str | None

    def over_columns(self, tree: Expr) -> Expr:
        """A formula over roles as one over columns."""
        return substituted(tree, {role: Expr("name", (), column) for role, column in self.columns.items()})


class Outputs:
    """Makes the outputs of a plan from metrics whose components are placed."""

    def __init__(
        self,
        metric: Callable[[str], Metric],
        placed: Mapping[str, Placed],
        components: Mapping[str, Component],
        *,
        full: bool,
    ) -> None:
        self.metric = metric
        self.placed = placed
        self.components = components
        self.full = full

    def output(self, metric: Metric) -> Output:
        found = self.value(metric)
        factor, formula = scale(metric), found.formula
        if factor != 1:
            # The factor goes above the line, so that the one division comes last.
            formula = (
                over(times(factor, formula.args[0]), formula.args[1]) if formula.op == "/" else times(factor, formula)
            )
        return replace(found, formula=formula, uncertainty=self.uncertainty(metric) if self.full else None)

    def value(self, metric: Metric) -> Output:
        """A metric as it stands in a derived one: a share is a fraction."""
        if not isinstance(metric.measure, Derived):
            its = self.placed[metric.id]
            n, formula = its.over_columns(its.measured.n), its.over_columns(its.measured.formula)
            empty = None if its.measured.zero else Expr("=", (n, Expr("number", (), 0)))
            if (isinstance(metric.measure, Ratio) and not _counted(metric.measure)) or (
                its.rule is not None and its.rule.weights is not None and not its.measured.zero
            ):
                # A sum of rows that are there can still be 0, a mean beside a count be of none, weights all be 0.
                empty = Expr("is null", (formula,))
            return Output(
                metric=metric,
                formula=formula,
                n=n,
                floors=_floors(n, metric.fewest_shown(its.rule)),
                complementary=its.rule is not None and its.rule.minimum.complementary,
                empty=empty,
                type=its.measured.type,
            )
        parts = {identity: self.value(self.metric(identity)) for identity in names(metric.measure.of)}
        if any(part.complementary for part in parts.values()) and len({part.n for part in parts.values()}) > 1:
            message = f"{metric.id} could show what is hidden of {', '.join(parts)}: they count different rows"
            raise Refused(message, "Ask its parts one by one, or give all of them one sampling rule and population.")
        formula = substituted(metric.measure.of, {identity: part.formula for identity, part in parts.items()})
        missing = [Expr("is null", (part.formula,)) for part in parts.values() if self.nullable(part.formula)]
        if missing and not _strict(metric.measure.of):
            # NULL if any part is, also where `case` or `coalesce` would hide it.
            condition = missing[0] if len(missing) == 1 else Expr("or", tuple(missing))
            formula = Expr("case", (condition, Expr("null"), formula))
        ns = dict.fromkeys(n for part in parts.values() for n in (part.n.args if part.n.op == "least" else [part.n]))
        n = next(iter(ns)) if len(ns) == 1 else Expr("least", tuple(ns))
        return Output(
            metric=metric,
            formula=formula,
            n=n,
            floors=tuple(floor for part in parts.values() for floor in part.floors)
            + _floors(n, metric.min_sample or 1),
            complementary=any(part.complementary for part in parts.values()),
            empty=Expr("is null", (formula,)) if self.nullable(formula) else None,
            type="double",
        )

    def nullable(self, formula: Expr) -> bool:
        """Whether a formula over components can be NULL."""
        scope = {name: Named(Type(part.type, part.function in _CAN_BE_NULL)) for name, part in self.components.items()}
        return infer(formula, scope).nullable

    def uncertainty(self, metric: Metric) -> Uncertainty:
        """What the interval of a metric is made of."""
        if isinstance(metric.measure, Derived):
            return Uncertainty(method="none", sums={})
        its = self.placed[metric.id]
        found, columns = its.measured, its.columns
        weights = its.rule.weights if its.rule is not None else None
        disclosed: dict[str, Expr] = {}
        if "weight_squares" in columns:
            weight, squares = (Expr("name", (), columns[role]) for role in ("weight", "weight_squares"))
            disclosed["effective_n"] = over(Expr("*", (weight, weight)), squares)
        if its.moments is not None and found.linear is not None:
            moments: Method = "total" if found.linear.denominator is None else "linearised"
            sums = {role: Expr("name", (), f"{its.moments}_{role}") for role in moment_roles(found.linear)}
            largest = sums.pop("largest_unit")
            if weights is not None and weights.method == "value":
                disclosed["top_share"] = over(largest, sums.get("denominator", sums["numerator"]))
            return Uncertainty(
                method=moments,
                sums=sums | disclosed,
                scale=scale(metric),
                divisor=found.divisor,
                lowest={"share": 0, "net_share": -scale(metric)}.get(found.method),
                highest=scale(metric) if found.method in {"share", "net_share"} else None,
                centred=weights is not None and weights.method == "poststratify",
            )
        method: Method = "none" if found.method == "total" else found.method
        wanted = {
            "share": {"hits": "hits"},
            "net_share": {"plus": "plus", "minus": "minus"},
            "mean": {"sum": "sum", "variance": "variance"},
            "none": {},
        }.get(method)
        if wanted is None:
            assert isinstance(metric.measure, Ratio)
            sides = {"numerator": metric.measure.numerator, "denominator": metric.measure.denominator}
            wanted = {side: f"{side}_{'rows' if of.function == 'count' else 'sum'}" for side, of in sides.items()}
            wanted |= {role: role for role in ("numerator_squares", "products", "denominator_squares", "units")}
        return Uncertainty(
            method=method,
            sums={role: Expr("name", (), columns[own]) for role, own in wanted.items()} | disclosed,
            scale=scale(metric),
            divisor=found.divisor,
        )


def _counted(ratio: Ratio) -> bool:
    """Whether a ratio has a value as soon as its denominator has rows."""
    return ratio.denominator.function == "count" and ratio.numerator.function in {"count", "count_distinct", "sum"}


def _floors(n: Expr, fewest: int) -> tuple[tuple[Expr, int], ...]:
    return ((n, fewest),) if fewest > 1 else ()


def _strict(tree: Expr) -> bool:
    """Whether an expression is NULL as soon as one of its parts is."""
    return tree.op in _STRICT and all(map(_strict, tree.args))
