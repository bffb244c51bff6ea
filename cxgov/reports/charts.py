"""The series of a threshold's judgements as lines of a terminal, and the axis that every chart of them has."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from cxgov.evaluation.judgements import Judgement, Reading
from cxgov.language.model import Threshold
from cxgov.reports.judging import limits, points, readings
from cxgov.reports.numbers import NO_DATA, SUPPRESSED, places, written

COLUMNS: Final = 44
_LEAST: Final = 1e-12
_STEPS: Final = ("1", "2", "2.5", "5")
_VALUE, _LINE, _LEFT, _RIGHT, _EDGE, _CROSSED, _TARGET = "●─├┤┊┼◆"  # signs of a chart, not letters


@dataclass(frozen=True, slots=True)
class Axis:
    """Round numbers at equal steps; the first and the last are the ends."""

    ticks: tuple[Decimal, ...]

    @property
    def low(self) -> float:
        """The lower end."""
        return float(self.ticks[0])

    @property
    def high(self) -> float:
        """The upper end."""
        return float(self.ticks[-1])

    def share(self, value: float) -> float:
        """Where a value lies: 0 at the lower end, 1 at the upper; others lie beyond them."""
        return (value - self.low) / (self.high - self.low)

    def labels(self) -> tuple[str, ...]:
        """The ticks with as many decimals as they need."""
        return _labels(self.ticks)

    def ends(self) -> tuple[str, ...]:
        """The first and the last tick with as many decimals as these need."""
        return _labels((self.ticks[0], self.ticks[-1]))


def _labels(ticks: Sequence[Decimal]) -> tuple[str, ...]:
    many = max(max(0, -int(tick.normalize().as_tuple().exponent)) for tick in ticks)
    found = tuple(f"{tick + 0:,.{many}f}" for tick in ticks)
    # No number of a metric, but a chart has room for nothing longer.
    return found if max(map(len, found)) <= COLUMNS // 2 - 2 else tuple(f"{tick:.2e}" for tick in ticks)


def axis_of(judgements: Sequence[Judgement], most: int) -> Axis | None:
    """An axis of at most ``most`` ticks for judgements of one threshold; None where there is nothing to place on it.

    It holds all values, the target and the ends of the bands in which values lie. Intervals widen it to at most
    three times that; a wider one is cut off at the ends.
    """
    threshold, shown = judgements[0].threshold, readings(judgements)
    held = [reading.value for reading in shown if reading.value is not None and math.isfinite(reading.value)]
    held += [] if threshold.target is None else [float(threshold.target)]
    edges = band_edges(threshold)
    if held:
        held += [edge for edge in edges if edge <= min(held)][-1:] + [edge for edge in edges if edge >= max(held)][:1]
    else:
        held = edges
    if not held:
        return None
    low, high = min(held), max(held)
    room = high - low or math.inf
    ends = [end for reading in shown for end in (reading.low, reading.high) if end is not None and math.isfinite(end)]
    ends = [max(low - room, min(end, high + room)) for end in ends]
    return nice_axis(min([low, *ends]), max([high, *ends]), most)


def band_edges(threshold: Threshold) -> list[float]:
    """The ends of bands in rising order."""
    return [float(band.below) for band in threshold.bands if band.below is not None]


def nice_axis(low: float, high: float, most: int) -> Axis:
    """The finest axis of at most ``most`` ticks at steps of 1, 2, 2.5 or 5 times a power of ten."""
    # Numbers as near as rounding are one: no step of floating point's would part them.
    if high - low <= max(1e-9 * max(abs(low), abs(high)), _LEAST):
        around = abs(high) / 10 if abs(high) > _LEAST else 1.0
        low, high = low - around, high + around
    power = math.floor(math.log10(high - low)) - 2
    first, last = Decimal(repr(low)), Decimal(repr(high))
    while True:
        for each in _STEPS:
            step = Decimal(each).scaleb(power)
            start = (first / step).to_integral_value(ROUND_FLOOR)
            count = int((last / step).to_integral_value(ROUND_CEILING) - start) + 1
            if count <= most:
                return Axis(tuple((start + i) * step for i in range(count)))
        power += 1


def chart(judgements: Sequence[Judgement]) -> list[str]:
    """The series of judgements of one threshold, a line a bucket, above its axis.

    Without anything to place on an axis it is the buckets and what became of them.
    """
    axis, shown = axis_of(judgements, 9), points(judgements)
    many = _many(judgements)
    names = ["⋮" if point is None else _name(point) for point in shown]
    values = ["" if point is None else _value(point, many) for point in shown]
    left, right = max(map(len, names), default=0), max(map(len, values), default=0)
    lines = []
    for point, name, value in zip(shown, names, values, strict=True):
        sign = " " if point is None else _sign(point, judgements)
        body = "" if axis is None or point is None else f" │{_bar(point, judgements[0].threshold, axis)}"
        lines.append(f"{sign} {name:<{left}}  {value:>{right}}{body}".rstrip())
    if axis is not None:
        (low, high), margin = axis.ends(), " " * (left + right + 5)
        gap = COLUMNS - len(low) - len(high)
        lines += [f"{margin}└{'─' * COLUMNS}", f"{margin} {low}{' ' * gap}{high}"]
    return lines


def legend(judgements: Sequence[Judgement], confidence: str) -> str:
    """What the signs mean that charts of the judgements have."""
    shown = readings(judgements)
    intervals = any(point.low is not None for point in shown)
    bar = f"{_LEFT}{_LINE}{_VALUE}{_LINE}{_RIGHT} value with its {confidence} interval"
    signs = [
        (bar if intervals else f"{_VALUE} value", any(point.value is not None for point in shown)),
        (f"{_EDGE} end of a band", any(band_edges(its.threshold) for its in judgements)),
        (f"{_TARGET} target", any(its.threshold.target is not None for its in judgements)),
        ("> judged", bool(judgements)),
        ("< compared with", any(its.earlier is not None for its in judgements)),
        (f"{SUPPRESSED} suppressed", any(point.status == "suppressed" for point in shown)),
        (f"{NO_DATA} no data", any(point.value is None and point.status != "suppressed" for point in shown)),
        ("* partial: cut by the edge of a period", any(point.bucket.partial for point in shown)),
    ]
    return "   ".join(sign for sign, there in signs if there)


def _many(judgements: Sequence[Judgement]) -> int:
    """Decimals for a column of values."""
    limit, unit = limits(judgements[0]), judgements[0].metric.unit
    values = [reading.value for reading in readings(judgements) if reading.value is not None]
    return max((places(value, unit, limit) for value in values), default=0)


def _sign(point: Reading, judgements: Sequence[Judgement]) -> str:
    if any(point.bucket == its.reading.bucket for its in judgements):
        return ">"
    return "<" if any(its.earlier is not None and point.bucket == its.earlier.bucket for its in judgements) else " "


def _name(point: Reading) -> str:
    return f"{point.name}{'*' if point.bucket.partial else ''}"


def _value(point: Reading, many: int) -> str:
    if point.value is None:
        return SUPPRESSED if point.status == "suppressed" else NO_DATA
    return written(point.value, many)


def _bar(point: Reading, threshold: Threshold, axis: Axis) -> str:
    """One line of the chart: later signs cover earlier ones, the value all."""
    cells = [" "] * COLUMNS
    for edge in band_edges(threshold):
        if axis.low <= edge <= axis.high:
            cells[_column(axis, edge)] = _EDGE
    if point.value is not None and point.low is not None and point.high is not None:
        first, last = _column(axis, point.low), _column(axis, point.high)
        for i in range(first, last + 1):
            cells[i] = _CROSSED if cells[i] in {_EDGE, _CROSSED} else _LINE
        # An end that lies beyond the axis has no stop.
        if axis.low <= point.low <= axis.high:
            cells[first] = _LEFT
        if axis.low <= point.high <= axis.high:
            cells[last] = _RIGHT
    if threshold.target is not None:
        cells[_column(axis, float(threshold.target))] = _TARGET
    if point.value is not None and axis.low <= point.value <= axis.high:
        cells[_column(axis, point.value)] = _VALUE
    return "".join(cells)


def _column(axis: Axis, value: float) -> int:
    return round(max(0.0, min(axis.share(value), 1.0)) * (COLUMNS - 1))
