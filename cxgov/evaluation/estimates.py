"""A metric's value with its sufficient statistics, to its standard error and its interval."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, assert_never

from cxgov.compiler.plan import Method, normal_quantile

Interval = tuple[float, float]
Status = Literal["ok", "suppressed", "no_data"]

ROLES: Final[Mapping[Method, tuple[str, ...]]] = {
    "share": ("hits",),
    "net_share": ("plus", "minus"),
    "mean": ("sum", "variance"),
    "linearised": (
        "numerator",
        "denominator",
        "numerator_squares",
        "products",
        "denominator_squares",
        "units",
    ),
    "total": ("numerator", "numerator_squares", "units"),
    "none": (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value as it is published, and what its query returned to judge it by.

    ``value`` is in the metric's unit, ``scale`` times what ``sums`` give: 100 for percent and points, one over the
    unit for durations, whose sums are of microseconds. ``n`` is the number of rows. ``sums`` has, by method:

    - share: ``hits`` among ``n`` rows;
    - net_share: ``plus`` and ``minus`` among ``n`` rows;
    - mean: ``sum`` and ``variance``, the latter with divisor n - 1 (absent where n is 1);
    - linearised: with y and x the weighted sums of a sampling unit, ``numerator`` Σy, ``denominator`` Σx,
      ``numerator_squares`` Σy², ``products`` Σyx, ``denominator_squares`` Σx² and ``units``, their number;
    - total: ``numerator``, ``numerator_squares`` and ``units``, as above.

    Under post-stratification squares and products are of distances from the cell's mean. For a ratio that is all; a
    total is ``centred`` then.

    Raises:
        ValueError: the status is ok and the value, n or a role of the method is missing.
    """

    value: float | None
    n: int | None
    status: Status
    method: Method
    scale: float = 1
    sums: Mapping[str, float] = field(default_factory=dict)
    centred: bool = False

    def __post_init__(self) -> None:
        if self.status != "ok":
            return
        if self.value is None:
            raise ValueError("an estimate that is ok has a value")
        if self.method == "none":
            return
        if self.n is None:
            raise ValueError("an estimate that is ok has an n")
        needed = set(ROLES[self.method])
        if self.n <= 1:
            needed.discard("variance")
        absent = sorted(needed - set(self.sums))
        if absent:
            raise ValueError(f"an estimate by {self.method} needs {', '.join(absent)}")


def standard_error(estimate: Estimate) -> float | None:
    """Standard error in the metric's unit, as it enters a change; None where there is none: see ``variance``."""
    found = variance(estimate)
    return None if found is None else estimate.scale * math.sqrt(found)


def interval(estimate: Estimate, confidence: float) -> Interval | None:
    """Interval of the level, in the metric's unit; None where there is none.

    A share's is Wilson's, a net share's the adjusted Wald one, cut at ±100%; a mean's is by Student's t with n - 1,
    the others by the normal distribution. An interval contains its value. The adjusted Wald one can fall short of it:
    it shrinks towards 0, so that for 1 of 1 promoters, or below a confidence of 84% for n of n, it ends before 100.
    It is then extended to the value.

    Raises:
        ValueError: ``confidence`` is not between 0 and 1.
    """
    z = normal_quantile(confidence)
    spread = variance(estimate)
    if spread is None or estimate.value is None or estimate.n is None:
        return None
    sums, scale, value = estimate.sums, estimate.scale, estimate.value
    match estimate.method:
        case "share":
            low, high = (scale * end for end in wilson(sums["hits"], estimate.n, z))
        case "net_share":
            low, high = (scale * end for end in adjusted_wald(sums["plus"], sums["minus"], estimate.n, z))
        case "mean":
            margin = scale * student_quantile(confidence, estimate.n - 1) * math.sqrt(spread)
            low, high = value - margin, value + margin
        case "linearised" | "total":
            margin = scale * z * math.sqrt(spread)
            low, high = value - margin, value + margin
        case "none":
            return None
        case _ as never:
            assert_never(never)
    return min(low, value), max(high, value)


def wilson(hits: float, n: float, z: float) -> Interval:
    """Score interval of a share, as fractions in [0, 1].

    Source: Wilson (1927), as eq. 4 of Brown, Cai & DasGupta (2001). scipy's ``binomtest(…).proportion_ci`` has it
    too; it is written out because the same must be said in SQL.
    """
    centre = hits + z * z / 2
    margin = z * math.sqrt(hits * (n - hits) / n + z * z / 4)
    return max((centre - margin) / (n + z * z), 0.0), min((centre + margin) / (n + z * z), 1.0)


def adjusted_wald(plus: float, minus: float, n: float, z: float) -> Interval:
    """Interval of a difference of two classes' shares of one sample, as fractions in [-1, 1].

    Three rows are added: three quarters of one to each of the two classes, the rest between them.

    Source: Rocks (2016), the net promoter score's; the idea is that of Agresti & Coull (1998) and Bonett & Price
    (2012).
    """
    centre = (plus - minus) / (n + 3)
    margin = z * math.sqrt(_trinomial(plus + 0.75, minus + 0.75, n + 3))
    return max(centre - margin, -1.0), min(centre + margin, 1.0)


def variance(estimate: Estimate) -> float | None:
    """Variance of the estimate before scaling; None where there is none.

    - share and net_share: Wald's, with divisor n: P + D - (P - D)² over n. Where all rows agree it would be 0, and a
      change certain: there it is that of the adjusted counts (Agresti & Caffo (2000) for a share; Rocks (2016)).
    - mean: s² / n.
    - linearised: Taylor's, u / (u - 1) · (Σy² - 2RΣyx + R²Σx²) / X² with R = Y / X (Woodruff (1971); ``svyratio`` of
      R's package survey with one stratum).
    - total: u / (u - 1) · (Σy² - Y² / u), and without the last term where it is centred.

    Data without any spread do not tell how far off they may be: then there is none, nor for fewer than two rows or
    units, but for shares.
    """
    if estimate.status != "ok" or estimate.n is None or estimate.n < 1:
        return None
    n, sums = estimate.n, estimate.sums
    match estimate.method:
        case "share":
            found = _trinomial(sums["hits"], 0, n)
            return found if found > 0 else _trinomial(sums["hits"] + 1, 0, n + 2)
        case "net_share":
            found = _trinomial(sums["plus"], sums["minus"], n)
            return found if found > 0 else _trinomial(sums["plus"] + 0.75, sums["minus"] + 0.75, n + 3)
        case "mean":
            rounding = (_EPSILON * sums["sum"]) ** 2
            return sums["variance"] / n if n > 1 and sums["variance"] > rounding else None
        case "linearised" | "total":
            return _linearised(estimate) if n > 1 else None
        case "none":
            return None
        case _ as never:
            assert_never(never)


def student_quantile(confidence: float, df: float) -> float:
    """How many standard errors lie to each side in an interval of the level, by Student's t."""
    # Slow to load, and what scipy.stats.t calls; scipy.stats itself takes three times as long.
    from scipy.special import stdtrit  # noqa: PLC0415

    return float(stdtrit(df, (1 + confidence) / 2))


# What is left when equal numbers are subtracted, for each number that was added up: a sum of u terms is off by at most
# u half-steps of its size (Higham (2002), 4.2), and what is subtracted has a few of those.
_EPSILON: Final = 4 * sys.float_info.epsilon


def _trinomial(plus: float, minus: float, n: float) -> float:
    net = (plus - minus) / n
    return ((plus + minus) / n - net * net) / n


def _linearised(estimate: Estimate) -> float | None:
    sums = estimate.sums
    units, y = sums["units"], sums["numerator"]
    if units <= 1:
        return None
    if estimate.method == "total":
        x, squared = 1.0, 0.0 if estimate.centred else y * y / units
        squares, size = sums["numerator_squares"] - squared, sums["numerator_squares"] + squared
    else:
        x = sums["denominator"]
        if x == 0:
            return None
        ratio = y / x
        yy, yx, xx = sums["numerator_squares"], 2 * ratio * sums["products"], ratio**2 * sums["denominator_squares"]
        squares, size = yy - yx + xx, yy + abs(yx) + xx
    # Where squares are centred already, what rounding left of them is of the size of y's, not of their own.
    if squares <= _EPSILON * units * size + _EPSILON**2 * units * y * y:
        return None
    return units / (units - 1) * squares / x**2
