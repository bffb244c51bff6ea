"""Numbers as people read them: rounded by their unit, finer where rounding would cross a limit, thousands set apart."""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

# What stands in the place of a number.
SUPPRESSED: Final = "·"
NO_DATA: Final = "–"  # noqa: RUF001  # a dash as printed tables have it

_DECIMALS: Final = {"percent": 1, "points": 1, "hours": 1, "minutes": 1, "days": 1, "seconds": 0}
_FINER: Final = 5


def decimals(value: float | Decimal, unit: str | None) -> int:
    """How many decimals a number of the unit is read with."""
    found = _DECIMALS.get(unit or "")
    if found is None:
        found = 0 if abs(float(value)) >= 1000 else 2  # noqa: PLR2004  # four digits are enough to read
    return found


def places(value: float, unit: str, limits: Iterable[float]) -> int:
    """Decimals with which the number still lies on the side of each limit on which it is.

    So 29.97, a breach below 30, is not shown as 30.0. Past a few decimals the difference is floating point's.
    """
    least = decimals(value, unit)
    if not math.isfinite(value):
        return least
    sides = [(limit, value < limit, value > limit) for limit in limits]
    for many in range(least, least + _FINER):
        near = round(value, many)
        if all((near < limit, near > limit) == (below, above) for limit, below, above in sides):
            return many
    return least


def written(value: float, many: int, *, signed: bool = False) -> str:
    """A number with so many decimals; what rounds to 0 has no minus."""
    near = round(value, many) + 0.0 if math.isfinite(value) else value
    return f"{near:{'+' if signed else ''},.{many}f}"


def exact(value: Decimal | float) -> str:
    """A number that a document states, as it stands there, with thousands set apart."""
    text = f"{value:,}" if isinstance(value, int) else f"{Decimal(str(value)):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_unit(text: str, unit: str) -> str:
    """A number with its unit."""
    return f"{text}%" if unit == "percent" else f"{text} {unit}"


def difference_unit(unit: str) -> str:
    """The unit of a difference: two shares differ by percentage points, not by percent of one of them."""
    return "percentage points" if unit == "percent" else unit


def level(confidence: float) -> str:
    """A confidence in percent, with two digits of what is missing to 100."""
    missing = 100 * (1 - confidence)
    many = max(0, 1 - math.floor(math.log10(missing))) if missing > 0 else 0
    text = f"{100 * confidence:.{many}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def probability(p: float) -> str:
    """A p-value as it stands after the letter."""
    if p < 0.0001:  # noqa: PLR2004  # smaller ones tell no more
        return "< 0.0001"
    return f"{p:.2f}" if p >= 0.1 else f"{p:.2g}"  # noqa: PLR2004  # two digits either way
