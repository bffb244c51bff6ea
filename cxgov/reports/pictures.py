"""A judgement's series as a picture: SVG that needs nothing else, with the same bytes for the same judgement."""

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from cxgov.evaluation.judgements import BREACH, Judgement, Reading
from cxgov.language.diagnostics import visible
from cxgov.reports.charts import Axis, axis_of, band_edges
from cxgov.reports.judging import (
    change_words,
    heading,
    interval_of,
    n_of,
    points,
    scope,
    standing,
    target_words,
    value_of,
    value_words,
)
from cxgov.reports.numbers import NO_DATA, SUPPRESSED, exact, in_unit, level
from cxgov.reports.shapes import FONTS, MARGIN, TEXT, WIDTH, block, fitted, halo, shape, short, text_at, wide

_PLOT: Final = 250
_MUTED: Final = "#57606a"
_GRID: Final = "#d0d7de"
_AXES: Final = "#8c959f"
_SERIES: Final = "#0b4f8a"
_RED: Final = "#b42318"
_TARGET: Final = "#00695c"
_BANDS: Final = ("#ffffff", "#eef1f4")
_BREACH_BAND: Final = "#fde7e4"
_SMALL, _TITLE, _SIGN = 12, 17, 30
# Of names beside the plot; the whole one is in the band's own title.
_NAME_CHARACTERS: Final = 22
_TICKS: Final = 6


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where the plot lies, and where values and buckets lie in it."""

    left: float
    top: float
    right: float
    axis: Axis | None
    slots: int

    @property
    def bottom(self) -> float:
        return self.top + _PLOT

    @property
    def slot(self) -> float:
        return (self.right - self.left) / max(self.slots, 1)

    def x(self, i: int) -> float:
        return self.left + (i + 0.5) * self.slot

    def y(self, value: float) -> float:
        """The height of a value; of one beyond the axis, that of its end."""
        assert self.axis is not None
        return self.bottom - max(0.0, min(self.axis.share(value), 1.0)) * _PLOT


def file_name(judgement: Judgement) -> str:
    """What the picture's file is called."""
    return f"{judgement.threshold.id}_{judgement.reading.name}.svg"


def picture(judgement: Judgement, confidence: float) -> str:
    """The picture as the text of an SVG file."""
    threshold, metric = judgement.threshold, judgement.metric
    axis, shown = axis_of([judgement], _TICKS), points([judgement])
    title = fitted(f"{threshold.title}, {judgement.reading.name}: {standing(judgement)}", _TITLE + 1)
    told = [metric.title, *([scope(threshold)] if threshold.scope else []), f"{level(confidence)} intervals"]
    subtitle = fitted(" | ".join(told), TEXT)
    caption = [line for said in _caption(judgement, confidence) for line in fitted(said, TEXT)]

    ticks = axis.labels() if axis else ()
    left = MARGIN + max((wide(tick, _SMALL) for tick in ticks), default=0.0) + 10
    left = max(left, MARGIN + 0.75 * max((wide(_label(point), _SMALL) for point in shown), default=0.0) - 10)
    beside = list(_beside(judgement, axis))
    right = WIDTH - MARGIN - max((wide(text, _SMALL) for _, text, _ in beside), default=0.0) - 10
    top = MARGIN + 22 * len(title) + 18 * len(subtitle) + 30
    frame = _Frame(left, top, right, axis, len(shown))
    below, step, turned = _under(frame, shown)
    height = frame.bottom + below + 18 * len(caption) + MARGIN - 10

    root = _root(judgement, round(height), ". ".join([*heading(judgement), *_caption(judgement, confidence)]))
    block(root, title, MARGIN + 14, 22, size=_TITLE, weight="bold")
    block(root, subtitle, MARGIN + 14 + 22 * len(title), 18, color=_MUTED)
    text_at(root, MARGIN, frame.top - 16, fitted(metric.unit, _SMALL)[0], color=_MUTED, size=_SMALL)
    if axis is not None:
        _bands(root, frame, judgement)
        _grid(root, frame, axis)
        _names(root, frame, beside)
        _target(root, frame, judgement)
    _axes(root, frame)
    _buckets(root, frame, shown, step, turned=turned)
    _missing(root, frame, shown)
    if axis is not None:
        _series(root, frame, judgement, shown)
    block(root, caption, frame.bottom + below + 8, 18)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


# --- what is said ---


def _caption(judgement: Judgement, confidence: float) -> list[str]:
    target = target_words(judgement)
    change, *more = change_words(judgement)
    said = [f"Value: {value_words(judgement, confidence)}" + (f"; target {target}" if target else "")]
    said += [f"Change: {change}", *more]
    shown = [point for point in points([judgement]) if point is not None]
    signs = [
        ("large dot: judged", judgement.reading.value is not None),
        ("hollow dot: compared with", judgement.earlier is not None and judgement.earlier.value is not None),
        (f"{SUPPRESSED} suppressed", any(point.status == "suppressed" for point in shown)),
        (f"{NO_DATA} no data", any(point.value is None and point.status != "suppressed" for point in shown)),
        ("* partial", any(point.bucket.partial for point in shown)),
    ]
    told = " | ".join(sign for sign, there in signs if there)
    return [*said, *([told] if told else [])]


def _beside(judgement: Judgement, axis: Axis | None) -> Iterator[tuple[float, str, str]]:
    """What is written to the right of the plot: a value, the text and its colour."""
    if axis is None:
        return
    target = judgement.threshold.target
    for name, low, high in _spans(judgement, axis):
        if axis.share(high) - axis.share(low) < _SMALL / _PLOT:
            continue
        # The target's name stands at its line, so a band's stands in the larger part that the line leaves.
        middle = (low + high) / 2
        if target is not None and low < target < high:
            middle = (float(target) + (high if target < middle else low)) / 2
        cut = name if len(name) <= _NAME_CHARACTERS else f"{name[: _NAME_CHARACTERS - 1]}…"
        yield middle, cut, _RED if name == BREACH else _MUTED
    if target is not None:
        yield float(target), f"target {exact(target)}", _TARGET


def _spans(judgement: Judgement, axis: Axis) -> Iterator[tuple[str, float, float]]:
    """The bands as far as they lie on the axis."""
    ends = [-math.inf, *band_edges(judgement.threshold), math.inf]
    for band, (low, high) in zip(judgement.threshold.bands, pairwise(ends), strict=True):
        first, last = max(low, axis.low), min(high, axis.high)
        if first < last:
            yield band.name, first, last


def _label(point: Reading | None) -> str:
    return "…" if point is None else f"{point.name}{'*' if point.bucket.partial else ''}"


# --- the parts of the picture ---


def _root(judgement: Judgement, height: int, description: str) -> ET.Element:
    identity = f"cxgov-{file_name(judgement).removesuffix('.svg')}"
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": str(WIDTH),
            "height": str(height),
            "viewBox": f"0 0 {WIDTH} {height}",
            "role": "img",
            "aria-labelledby": f"{identity}-title {identity}-desc",
            "font-family": FONTS,
        },
    )
    named = ET.SubElement(root, "title", {"id": f"{identity}-title"})
    named.text = visible(f"{judgement.threshold.title}, {judgement.reading.name}: {standing(judgement)}")
    ET.SubElement(root, "desc", {"id": f"{identity}-desc"}).text = visible(description)
    # Its own ground: a page in dark mode would show dark letters on dark.
    shape(root, "rect", x=0, y=0, width=WIDTH, height=height, fill="#ffffff")
    return root


def _bands(root: ET.Element, frame: _Frame, judgement: Judgement) -> None:
    assert frame.axis is not None
    names = [band.name for band in judgement.threshold.bands]
    for name, low, high in _spans(judgement, frame.axis):
        fill = _BREACH_BAND if name == BREACH else _BANDS[names.index(name) % len(_BANDS)]
        top, bottom = frame.y(high), frame.y(low)
        band = shape(root, "rect", x=frame.left, y=top, width=frame.right - frame.left, height=bottom - top, fill=fill)
        ET.SubElement(band, "title").text = visible(name)


def _grid(root: ET.Element, frame: _Frame, axis: Axis) -> None:
    for tick, label in zip(axis.ticks, axis.labels(), strict=True):
        y = frame.y(float(tick))
        shape(root, "line", x1=frame.left, y1=y, x2=frame.right, y2=y, stroke=_GRID)
        text_at(root, frame.left - 8, y + 4, label, size=_SMALL, color=_MUTED, anchor="end")


def _names(root: ET.Element, frame: _Frame, beside: Sequence[tuple[float, str, str]]) -> None:
    ordered = sorted(beside, key=lambda item: (-item[0], item[1]))
    heights = _apart([frame.y(value) for value, _, _ in ordered], 15, frame.top, frame.bottom)
    for y, (_, text, color) in zip(heights, ordered, strict=True):
        text_at(root, frame.right + 8, y + 4, text, size=_SMALL, color=color)


def _apart(heights: Sequence[float], gap: float, first: float, last: float) -> list[float]:
    """The same heights, in rising order, moved as little as it takes for a gap between them."""
    found: list[float] = []
    for height in heights:
        found.append(max(height, found[-1] + gap if found else first))
    limit = last
    for i in reversed(range(len(found))):
        found[i] = min(found[i], limit)
        limit = found[i] - gap
    return found


def _target(root: ET.Element, frame: _Frame, judgement: Judgement) -> None:
    if judgement.threshold.target is None:
        return
    y = frame.y(float(judgement.threshold.target))
    line = shape(root, "line", x1=frame.left, y1=y, x2=frame.right, y2=y, stroke=_TARGET)
    line.set("stroke-width", "1.5")
    line.set("stroke-dasharray", "6 4")


def _axes(root: ET.Element, frame: _Frame) -> None:
    """Below and to the left only: a target at the upper end stays seen."""
    left, right, top, bottom = frame.left, frame.right, frame.top, frame.bottom
    shape(root, "line", x1=left, y1=top, x2=left, y2=bottom, stroke=_AXES)
    shape(root, "line", x1=left, y1=bottom, x2=right, y2=bottom, stroke=_AXES)


def _under(frame: _Frame, shown: Sequence[Reading | None]) -> tuple[float, int, bool]:
    """How high the names of buckets are, how many buckets there are to a name, and whether names are turned."""
    widest = max((wide(_label(point), _SMALL) for point in shown), default=0.0)
    if widest + 8 <= frame.slot:
        return 34, 1, False
    return 34 + 0.7 * widest, max(1, math.ceil(17 / frame.slot)), True


def _buckets(root: ET.Element, frame: _Frame, shown: Sequence[Reading | None], step: int, *, turned: bool) -> None:
    """The names, counted from the last bucket, which is the judged one."""
    for i, point in enumerate(shown):
        if (len(shown) - 1 - i) % step:
            continue
        x, y = frame.x(i), frame.bottom + 18
        name = text_at(root, x, y, _label(point), size=_SMALL, anchor="end" if turned else "middle")
        if turned:
            name.set("transform", f"rotate(-45 {short(x)} {short(y)})")
        if i == len(shown) - 1:
            name.set("font-weight", "bold")


def _missing(root: ET.Element, frame: _Frame, shown: Sequence[Reading | None]) -> None:
    for i, point in enumerate(shown):
        if point is not None and not _drawn(point):
            sign = SUPPRESSED if point.status == "suppressed" else NO_DATA
            text_at(root, frame.x(i), frame.bottom - 8, sign, size=_SIGN, anchor="middle", weight="bold", color=_MUTED)
    if not any(point is not None and _drawn(point) for point in shown):
        middle = (frame.left + frame.right) / 2
        said = text_at(root, middle, frame.top + _PLOT / 2, "no bucket has a value", anchor="middle", color=_MUTED)
        halo(said)


def _series(root: ET.Element, frame: _Frame, judgement: Judgement, shown: Sequence[Reading | None]) -> None:
    for (i, one), (j, other) in pairwise(enumerate(shown)):
        if one is not None and other is not None and _drawn(one) and _drawn(other):
            start, end = _height(frame, one), _height(frame, other)
            line = shape(root, "line", x1=frame.x(i), y1=start, x2=frame.x(j), y2=end, stroke=_SERIES)
            line.set("stroke-width", "2")
    for i, point in enumerate(shown):
        if point is not None and _drawn(point):
            _point(root, frame, judgement, i, point)


def _point(root: ET.Element, frame: _Frame, judgement: Judgement, i: int, point: Reading) -> None:
    judged = point.bucket == judgement.reading.bucket
    compared = judgement.earlier is not None and point.bucket == judgement.earlier.bucket
    color = _RED if judged and judgement.breached else _SERIES
    group = ET.SubElement(root, "g")
    value, interval, n = value_of(judgement, point), interval_of(judgement, point), n_of(point)
    told = f"{point.name}: {in_unit(value or '', judgement.metric.unit)}"
    told += (f" ({interval})" if interval else "") + (f", n {n}" if n else "")
    ET.SubElement(group, "title").text = visible(told)
    x, y = frame.x(i), _height(frame, point)
    top, bottom = _whisker(group, frame, x, point, color)
    dot = shape(
        group, "circle", cx=x, cy=y, r=6.5 if judged else 4.5 if compared else min(3.5, max(1.5, frame.slot / 4))
    )
    dot.set("fill", "#ffffff" if compared and not judged else color)
    dot.set("stroke", color if compared and not judged else "#ffffff")
    dot.set("stroke-width", "2" if judged or compared else "1")
    if judged:
        above = min(top, y - 6) - 7
        if above < frame.top + _SMALL:
            above = max(bottom, y + 6) + 17
        if above > frame.bottom - 4:
            above = y - 12
        roomy = frame.slot > wide(value or "", TEXT) + 4
        at = x if roomy else min(x + 12, frame.right - 2)
        anchor = "middle" if roomy else "end"
        halo(text_at(group, at, above, value or "", weight="bold", color=color, anchor=anchor))


def _whisker(group: ET.Element, frame: _Frame, x: float, point: Reading, color: str) -> tuple[float, float]:
    """The interval's line; an end that lies beyond the axis has no stop. Gives its upper and lower end."""
    assert frame.axis is not None
    y = _height(frame, point)
    if point.low is None or point.high is None:
        return y, y
    low, high = frame.y(point.low), frame.y(point.high)
    shape(group, "line", x1=x, y1=high, x2=x, y2=low, stroke=color).set("stroke-width", "1.5")
    reach = min(5.0, frame.slot / 4)
    for end, at in ((point.low, low), (point.high, high)):
        if frame.axis.low <= end <= frame.axis.high:
            stop = shape(group, "line", x1=x - reach, y1=at, x2=x + reach, y2=at, stroke=color)
            stop.set("stroke-width", "1.5")
    return high, low


def _drawn(point: Reading) -> bool:
    return point.value is not None and math.isfinite(point.value)


def _height(frame: _Frame, point: Reading) -> float:
    assert point.value is not None
    return frame.y(point.value)
