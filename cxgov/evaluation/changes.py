"""Two estimates of one metric to the change between them: its interval against 0 and against a practical size."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal

from cxgov.evaluation.estimates import Estimate, variance

State = Literal[
    "insufficient_n",
    "meaningful",
    "meaningful_size_uncertain",
    "no_meaningful_change",
    "significant_below_threshold",
    "inconclusive",
]

# Two values or variances nearer than this, relative to their size, are the same: engines add up in orders of their own.
NEAR: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Later less earlier, in the metric's unit, with its standard error and the test of whether it is 0.

    ``df`` is None where the distribution is the normal one. ``value`` is None where either side has none, the others
    where it cannot be judged. ``rounding`` is how far the value may be off by floating point alone.
    """

    value: float | None
    standard_error: float | None = None
    df: float | None = None
    p: float | None = None
    rounding: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A judged difference, in the metric's unit.

    ``p`` is two-sided and of the same distribution and standard error as the interval from ``low`` to ``high``, whose
    level is ``confidence``. ``adjusted_p`` is ``p`` corrected for its family, or ``p`` itself where it was judged
    alone.
    """

    difference: float | None
    standard_error: float | None
    df: float | None
    p: float | None
    adjusted_p: float | None
    confidence: float
    low: float | None
    high: float | None
    state: State


def judge(
    earlier: Estimate, later: Estimate, practical: float, confidence: float = 0.95, covariance: float = 0.0
) -> Change:
    """The change between two estimates of one metric, alone in its family.

    ``practical`` is the least change that matters, in the metric's unit; ``covariance`` that of the two estimates,
    before scaling, where units are in both.

    Raises:
        ValueError: the estimates have different scales, ``practical`` is negative or not a number, or ``confidence``
            is not between 0 and 1.
    """
    alpha = significance_level(confidence)
    found = difference(earlier, later, covariance)
    significant = found.p is not None and found.p <= alpha
    return decided(found, practical, alpha, significant=significant, adjusted_p=found.p)


def significance_level(confidence: float) -> float:
    """The level of the tests that go with intervals of a confidence.

    Raises:
        ValueError: ``confidence`` is not between 0 and 1.
    """
    if not 0 < 1 - confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, and {confidence} does not")
    return 1 - confidence


def difference(earlier: Estimate, later: Estimate, covariance: float = 0.0) -> Difference:
    """Difference of two published values; units in both periods move its standard error, never the difference itself.

    Two means are compared by Student's t: with the degrees of freedom of Welch (1947) and Satterthwaite (1946) where
    the samples are independent, and else with those of the smaller sample, which are exact where all units are in
    both (the paired test) and never more than Welch's. Everything else is compared by the normal distribution.

    A covariance larger than both variances allow is taken as what they allow. Where that leaves no variance, no unit
    moved by another amount than the others: a difference of 0 is then certain, and any other cannot be judged.

    Raises:
        ValueError: the estimates have different scales.
    """
    if earlier.scale != later.scale:
        raise ValueError(f"estimates of one metric have one scale, not {earlier.scale} and {later.scale}")
    if not (earlier.status == later.status == "ok") or earlier.value is None or later.value is None:
        return Difference(value=None)
    value = later.value - earlier.value
    rounding = NEAR * max(abs(earlier.value), abs(later.value))
    first, second = variance(earlier), variance(later)
    if first is None or second is None:
        return Difference(value=value)
    most = math.sqrt(first * second)
    both = first + second - 2 * max(-most, min(covariance, most))
    if both <= NEAR * (first + second):
        if abs(value) > rounding:
            return Difference(value=value)
        return Difference(value=value, standard_error=0.0, p=1.0, rounding=rounding)
    df = None
    if earlier.method == later.method == "mean":
        assert earlier.n is not None
        assert later.n is not None
        df = _welch(first, earlier.n, second, later.n) if covariance == 0 else min(earlier.n, later.n) - 1.0
    error = earlier.scale * math.sqrt(both)
    return Difference(value=value, standard_error=error, df=df, p=_two_sided(value / error, df), rounding=rounding)


def decided(
    found: Difference, practical: float, alpha: float, *, significant: bool, adjusted_p: float | None
) -> Change:
    """A difference with its interval of level 1 - ``alpha`` and the state it is in.

    Whether the interval excludes 0 is what the test says: rounding alone could part the two.

    Raises:
        ValueError: ``practical`` is negative or not a number.
    """
    if not practical >= 0:
        raise ValueError(f"a practical change is at least 0, and {practical} is not")
    low = high = None
    state: State = "insufficient_n"
    if found.value is not None and found.standard_error is not None:
        margin = _quantile(alpha, found.df) * found.standard_error if found.standard_error else 0.0
        low, high = found.value - margin, found.value + margin
        if not significant:
            low, high = min(low, 0.0), max(high, 0.0)
        elif found.value > 0:
            low = max(low, math.ulp(0.0))
        else:
            high = min(high, -math.ulp(0.0))
        size = abs(found.value) + found.rounding
        state = _state(low, high, practical, significant=significant, at_least=size >= practical)
    return Change(
        difference=found.value,
        standard_error=found.standard_error,
        df=found.df,
        p=found.p,
        adjusted_p=adjusted_p,
        confidence=1 - alpha,
        low=low,
        high=high,
        state=state,
    )


def covariance(earlier: Estimate, later: Estimate, common: Mapping[str, float]) -> float:
    """Covariance of two estimates of one metric that share units, before scaling; 0 where either has no variance.

    ``common`` has sums over the units in both periods, of products of an earlier and a later value: ``numerators``
    Σy₁y₂, ``numerator_denominator`` Σy₁x₂, ``denominator_numerator`` Σx₁y₂ and ``denominators`` Σx₁x₂, under
    post-stratification of distances from their cells' means. For a share, a net share and a mean x is 1 where a row
    counts and y what it adds (1, 0 or -1; the value); each unit has then one row in a period. For a total x is 1 too.

    cov(R₁, R₂) = (Σy₁y₂ - R₂Σy₁x₂ - R₁Σx₁y₂ + R₁R₂Σx₁x₂) / (X₁X₂), the Taylor linearisation of Woodruff (1971), times
    the geometric mean of the factors u / (u - 1) that the variances have: 1 for Wald's. So it is never more than both
    variances allow, and with all units in both the change has the variance of the paired differences.
    """
    if variance(earlier) is None or variance(later) is None:
        return 0.0
    first, x_first, factor_first = _linear(earlier)
    second, x_second, factor_second = _linear(later)
    products = common["numerators"]
    if first or second:
        products -= second * common["numerator_denominator"] + first * common["denominator_numerator"]
        products += first * second * common["denominators"]
    return math.sqrt(factor_first * factor_second) * products / (x_first * x_second)


def _linear(estimate: Estimate) -> tuple[float, float, float]:
    """What the linearised value of a unit is centred at and divided by, and the factor of its variance."""
    sums, n = estimate.sums, estimate.n
    assert n is not None
    match estimate.method:
        case "share":
            return sums["hits"] / n, n, 1.0
        case "net_share":
            return (sums["plus"] - sums["minus"]) / n, n, 1.0
        case "mean":
            return sums["sum"] / n, n, n / (n - 1)
        case "linearised":
            x, units = sums["denominator"], sums["units"]
            return sums["numerator"] / x, x, units / (units - 1)
        case "total":
            units = sums["units"]
            return 0.0 if estimate.centred else sums["numerator"] / units, 1.0, units / (units - 1)
        case "none":
            raise AssertionError("an estimate by none has no variance")


def _state(low: float, high: float, practical: float, *, significant: bool, at_least: bool) -> State:
    if low > practical or high < -practical:
        return "meaningful"
    if significant and at_least:
        return "meaningful_size_uncertain"
    if -practical < low and high < practical:
        return "no_meaningful_change"
    return "significant_below_threshold" if significant else "inconclusive"


def _welch(first: float, n_first: int, second: float, n_second: int) -> float:
    return (first + second) ** 2 / (first**2 / (n_first - 1) + second**2 / (n_second - 1))


def _two_sided(t: float, df: float | None) -> float:
    if df is None:
        # Exact far out, where 1 less a distribution function is 0.
        return math.erfc(abs(t) / math.sqrt(2))
    from scipy.special import stdtr  # noqa: PLC0415  # as in estimates

    return 2 * float(stdtr(df, -abs(t)))


def _quantile(alpha: float, df: float | None) -> float:
    """As in estimates, but from the level of the test, which in a large family is too near 0 to take from 1."""
    if df is None:
        return -NormalDist().inv_cdf(alpha / 2)
    from scipy.special import stdtrit  # noqa: PLC0415  # as in estimates

    return -float(stdtrit(df, alpha / 2))
