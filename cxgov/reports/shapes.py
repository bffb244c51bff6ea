"""Shapes and lines of text of an SVG picture, escaped, with coordinates that are the same everywhere."""

import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Final

from cxgov.language.diagnostics import visible

WIDTH: Final = 800
MARGIN: Final = 20
TEXT: Final = 13
INK: Final = "#1f2328"
FONTS: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def shape(parent: ET.Element, kind: str, **attributes: float | str) -> ET.Element:
    """An element; numbers are coordinates."""
    found = {name: each if isinstance(each, str) else short(each) for name, each in attributes.items()}
    return ET.SubElement(parent, kind, found)


def text_at(  # noqa: PLR0917  # where and what
    parent: ET.Element,
    x: float,
    y: float,
    text: str,
    size: int = TEXT,
    color: str = INK,
    *,
    anchor: str = "start",
    weight: str | None = None,
) -> ET.Element:
    """One line of text on its base line."""
    found = shape(parent, "text", x=x, y=y, fill=color)
    found.set("font-size", str(size))
    if anchor != "start":
        found.set("text-anchor", anchor)
    if weight:
        found.set("font-weight", weight)
    found.text = visible(text)
    return found


def halo(text: ET.Element) -> None:
    """Keeps letters readable over lines."""
    for name, value in (("paint-order", "stroke"), ("stroke", "#ffffff"), ("stroke-width", "4")):
        text.set(name, value)


def block(  # noqa: PLR0917  # what and where
    root: ET.Element,
    lines: Sequence[str],
    y: float,
    gap: int,
    size: int = TEXT,
    color: str = INK,
    *,
    weight: str | None = None,
) -> None:
    """Lines of text from the left margin, ``gap`` apart."""
    for i, line in enumerate(lines):
        text_at(root, MARGIN, y + i * gap, line, size, color, weight=weight)


def short(value: float) -> str:
    """A coordinate to a tenth, which no eye tells from the rest."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")


def wide(text: str, size: float) -> float:
    """About how wide a text is: fonts differ, so it is a little more than most need."""
    return sum(map(_share, visible(text))) * size


def _share(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.05
    return 0.75 if letter.isupper() or letter in "mw@%" else 0.58


def fitted(text: str, size: float) -> list[str]:
    """A text in lines that fit; a word that fits in none is cut."""
    room = WIDTH - 2 * MARGIN
    lines = [""]
    for word in visible(text).split(" "):
        if wide(f"{lines[-1]} {word}", size) <= room or not lines[-1]:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
        else:
            lines.append(word)
        while wide(lines[-1], size) > room:
            many = next(i for i in range(len(lines[-1]), 0, -1) if wide(lines[-1][:i], size) <= room)
            lines[-1:] = [lines[-1][:many], lines[-1][many:]]
    return lines
