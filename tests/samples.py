"""Rows to estimates, as a statement would add them up: sums of each measure form, and of units in two periods."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from statistics import fmean, variance
from typing import Any

from cxgov.evaluation.estimates import Estimate

Units = Mapping[Any, tuple[float, float]]  # y and x of each unit
Row = tuple[Hashable, float, float]


def share(hits: float, n: int, scale: float = 1) -> Estimate:
    return Estimate(value=scale * hits / n, n=n, status="ok", method="share", scale=scale, sums={"hits": hits})


def net_share(plus: float, minus: float, n: int, scale: float = 100) -> Estimate:
    sums = {"plus": plus, "minus": minus}
    return Estimate(value=scale * (plus - minus) / n, n=n, status="ok", method="net_share", scale=scale, sums=sums)


def mean(values: Sequence[float], scale: float = 1) -> Estimate:
    sums = {"sum": math.fsum(values)}
    if len(values) > 1:
        sums["variance"] = variance(values)
    return Estimate(value=scale * fmean(values), n=len(values), status="ok", method="mean", scale=scale, sums=sums)


def by_unit(rows: Iterable[Row]) -> Units:
    """Sums of y and x of each unit, from its rows' ``(unit, y, x)``, weights already in."""
    found: dict[Hashable, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for unit, y, x in rows:
        found[unit] = (found[unit][0] + y, found[unit][1] + x)
    return found


def centred(rows: Sequence[Row], cells: Sequence[Hashable]) -> list[Row]:
    """The rows with y and x as distances from their cell's mean."""
    sizes: dict[Hashable, list[Row]] = defaultdict(list)
    for row, cell in zip(rows, cells, strict=True):
        sizes[cell].append(row)
    means = {cell: (fmean(y for _, y, _ in its), fmean(x for _, _, x in its)) for cell, its in sizes.items()}
    return [(unit, y - means[cell][0], x - means[cell][1]) for (unit, y, x), cell in zip(rows, cells, strict=True)]


def linearised(units: Units, scale: float = 1, spread: Units | None = None) -> Estimate:
    """A ratio over units; ``spread`` has their sums of centred rows where there are post-strata."""
    y, x = (math.fsum(values) for values in zip(*units.values(), strict=True))
    its = (units if spread is None else spread).values()
    sums = {
        "numerator": y,
        "denominator": x,
        "numerator_squares": math.fsum(a * a for a, _ in its),
        "products": math.fsum(a * b for a, b in its),
        "denominator_squares": math.fsum(b * b for _, b in its),
        "units": len(units),
    }
    return Estimate(value=scale * y / x, n=len(units), status="ok", method="linearised", scale=scale, sums=sums)


def total(units: Units, spread: Units | None = None) -> Estimate:
    y = math.fsum(a for a, _ in units.values())
    its = (units if spread is None else spread).values()
    sums = {"numerator": y, "numerator_squares": math.fsum(a * a for a, _ in its), "units": len(units)}
    return Estimate(value=y, n=len(units), status="ok", method="total", sums=sums, centred=spread is not None)


def known(value: float, error: float, n: int = 1000) -> Estimate:
    """An estimate whose standard error is given."""
    sums = {"numerator": value, "numerator_squares": error**2 / 2, "units": 2}
    return Estimate(value=value, n=n, status="ok", method="total", sums=sums, centred=True)


def absent(status: str = "suppressed") -> Estimate:
    return Estimate(value=None, n=None, status="suppressed" if status == "suppressed" else "no_data", method="share")


def common(first: Units, second: Units) -> dict[str, float]:
    """Cross products of the units in both periods."""
    both = [(*first[unit], *second[unit]) for unit in first.keys() & second.keys()]
    return {
        "numerators": math.fsum(a * c for a, _, c, _ in both),
        "numerator_denominator": math.fsum(a * d for a, _, _, d in both),
        "denominator_numerator": math.fsum(b * c for _, b, c, _ in both),
        "denominators": math.fsum(b * d for _, b, _, d in both),
    }
