"""A number before and after as a picture: two values with their intervals on one axis."""

import math
import xml.etree.ElementTree as ET
from typing import Final

from cxgov.evaluation.reviewed import Compared, Number
from cxgov.language.diagnostics import visible
from cxgov.reports.charts import Axis, nice_axis
from cxgov.reports.reviewing import name_of, shown
from cxgov.reports.shapes import FONTS, shape, text_at, wide

_WIDTH, _ROW, _TOP, _FOOT = 640, 30, 6, 26
_LEFT, _RIGHT, _STOP, _SIZE = 46, 20, 5, 12
_TICKS: Final = 7
_MUTED, _GRID = "#57606a", "#d0d7de"
COLORS: Final = {"old": "#6e7781", "new": "#0b4f8a"}


def picture(its: Compared) -> ET.Element | None:
    """The picture; None where fewer than two values are shown, or they are in two units."""
    sides = {"old": its.total.old, "new": its.total.new}
    values = [side.value for side in sides.values() if side is not None and side.value is not None]
    if len(values) < len(sides) or its.units_differ or not all(map(math.isfinite, values)):
        return None
    axis = nice_axis(*_ends([side for side in sides.values() if side is not None]), _TICKS)
    bottom = _TOP + _ROW * len(sides)
    height = bottom + _FOOT
    root = ET.Element("svg", {"viewBox": f"0 0 {_WIDTH} {height}", "role": "img", "font-family": FONTS})
    found = shown(its, its.total)
    said = [f"{name} {side[0]} ({side[1]})" for name, side in (("old", found.old), ("new", found.new)) if side]
    ET.SubElement(root, "title").text = visible(f"{name_of(its)}: {', '.join(said)}")
    for tick, label in zip(axis.ticks, axis.labels(), strict=True):
        x = _x(axis, float(tick))
        shape(root, "line", x1=x, y1=_TOP, x2=x, y2=bottom, stroke=_GRID)
        half = wide(label, _SIZE) / 2
        text_at(root, min(max(x, half), _WIDTH - half), bottom + 17, label, _SIZE, _MUTED, anchor="middle")
    for i, (name, side) in enumerate(sides.items()):
        assert side is not None
        _draw(root, axis, _TOP + (i + 0.5) * _ROW, name, side)
    return root


def _ends(sides: list[Number]) -> tuple[float, float]:
    ends = [end for side in sides for end in (side.value, side.low, side.high)]
    finite = [end for end in ends if end is not None and math.isfinite(end)]
    return min(finite), max(finite)


def _x(axis: Axis, value: float) -> float:
    return _LEFT + max(0.0, min(axis.share(value), 1.0)) * (_WIDTH - _LEFT - _RIGHT)


def _draw(root: ET.Element, axis: Axis, y: float, name: str, side: Number) -> None:
    color = COLORS[name]
    text_at(root, 0, y + 4, name, _SIZE + 1, color, weight="bold")
    if side.low is not None and side.high is not None:
        low, high = _x(axis, side.low), _x(axis, side.high)
        shape(root, "line", x1=low, y1=y, x2=high, y2=y, stroke=color).set("stroke-width", "2")
        for end in (low, high):
            stop = shape(root, "line", x1=end, y1=y - _STOP, x2=end, y2=y + _STOP, stroke=color)
            stop.set("stroke-width", "2")
    assert side.value is not None
    shape(root, "circle", cx=_x(axis, side.value), cy=y, r=5, fill=color)
