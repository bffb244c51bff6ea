"""Intervals with a closed form, as SQL over the sums of a line."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sqlglot import exp

from cxgov.compiler.plan import Uncertainty
from cxgov.compiler.trees import Node, call, case, cast, is_null, minus, number, plus, product, quotient

_ROUNDING: Final = Decimal("0.000000000001")

Column = Callable[[str], Node]


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of a metric in a line: its rows, its value and, of what is linearised, the standard error."""

    n: Node
    value: Node
    error: Node | None


def bounds(its: Uncertainty, column: Column, line: Line, z: float) -> tuple[Node, Node]:
    """Low and high of a value; NULL where there is none. ``column`` gives a component."""
    n, value, error = line.n, line.value, line.error
    if its.method == "share":
        return _wilson(_double(its, column, "hits"), cast(n, "double"), its.scale, z)
    if its.method == "net_share":
        up, down = (_double(its, column, side) for side in ("plus", "minus"))
        return _adjusted_wald((up, down), cast(n, "double"), value, its.scale, z)
    assert error is not None
    reach = product(number(z * its.scale), error)
    if its.divisor != 1:
        reach = quotient(reach, number(its.divisor))
    low: Node = minus(value, reach)
    high: Node = plus(value.copy(), reach.copy())
    if its.lowest is None or its.highest is None:
        return low, high
    # GREATEST and LEAST pass NULL over on some engines.
    known = exp.Not(this=is_null(error.copy()))
    cut = call("GREATEST", _signed(its.lowest), low), call("LEAST", _signed(its.highest), high)
    return case([(known, cut[0])]), case([(known.copy(), cut[1])])


def _wilson(hits: Node, n: Node, scale: int, z: float) -> tuple[Node, Node]:
    """Wilson's score interval (Wilson 1927): at no hits it begins at 0, at hits alone it ends at 1, exactly."""
    square = number(z * z)
    misses = minus(n, hits)
    under = plus(quotient(product(hits, misses), n), number(z * z / 4))
    reach = product(number(z), exp.Sqrt(this=under))
    centre = plus(hits, number(z * z / 2))
    whole = plus(n, square)
    low = quotient(product(number(scale), minus(centre, reach)), whole)
    high = quotient(product(number(scale), plus(centre, reach)), whole)
    zero = number(0)
    none = exp.EQ(this=n, expression=zero)
    return (
        case([(none, exp.Null()), (exp.EQ(this=hits, expression=zero), cast(zero, "double"))], low),
        case([(none.copy(), exp.Null()), (exp.EQ(this=hits, expression=n), cast(number(scale), "double"))], high),
    )


def _adjusted_wald(classes: tuple[Node, Node], n: Node, value: Node, scale: int, z: float) -> tuple[Node, Node]:
    """Adjusted Wald interval of a net share: three answers more, three quarters of one in each outer class.

    (Rocks 2016; after Agresti and Coull 1998.) It is cut at the ends of the scale and reaches the value.
    """
    up, down = classes
    more = plus(n, number(3))
    centre = quotient(minus(up, down), more)
    outer = quotient(plus(up, down, number(1.5)), more)
    variance = minus(outer, product(centre, centre))
    reach = product(number(z), exp.Sqrt(this=quotient(variance, more)))
    low = product(number(scale), minus(centre, reach))
    high = product(number(scale), plus(centre, reach))
    some = exp.GT(this=n, expression=number(0))
    lowest = call("GREATEST", exp.Neg(this=number(scale)), call("LEAST", value, low))
    highest = call("LEAST", number(scale), call("GREATEST", value.copy(), high))
    return case([(some, lowest)]), case([(some.copy(), highest)])


def standard_error(its: Uncertainty, column: Column) -> Node:
    """Standard error of a linearised quotient or of a total, before its scale; NULL where nothing is spread.

    Quotient R = Y/X: u/(u-1) · (YY - 2R·XY + R²·XX) / X² over u sampling units; total: u/(u-1) · (YY - Y²/u).
    """

    def its_sum(role: str) -> Node:
        return _double(its, column, role)

    units = its_sum("units")
    correction = quotient(units, minus(units, number(1)))
    squares, top = its_sum("numerator_squares"), its_sum("numerator")
    bottom: Node | None = None
    size = squares
    if its.method == "total":
        about = squares if its.centred else minus(squares, quotient(product(top, top), units))
    else:
        bottom = its_sum("denominator")
        value = quotient(top, bottom)
        twice = product(number(2), value, its_sum("products"))
        below = product(value, value, its_sum("denominator_squares"))
        about, size = plus(minus(squares, twice), below), plus(squares, below.copy())
    # What rounding leaves of a difference of equal sums is no spread.
    spread = exp.GT(this=about.copy(), expression=product(number(_ROUNDING), size.copy()))
    found = exp.Sqrt(this=product(correction, about))
    return case([(spread, found if bottom is None else quotient(found, exp.Abs(this=bottom)))])


def _signed(value: int) -> Node:
    return exp.Neg(this=number(-value)) if value < 0 else number(value)


def _double(its: Uncertainty, column: Column, role: str) -> Node:
    return cast(column(str(its.sums[role].value)), "double")
