"""Untrusted bytes to one YAML document with the place of every key and value.

Strict: what a person cannot see in a diff, what another YAML reader could take for something else and what
could explode is refused, each with its place. Values are dict, list, str, int, Decimal, bool and None; numbers
stay exact.
"""

import re
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from yaml import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    MarkedYAMLError,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    YAMLError,
)
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs leave it out

from cxgov.language.diagnostics import Diagnostic, Place
from cxgov.language.rules import TEXT, YAML

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 24
MAX_EVENTS: Final = 50_000
MAX_DIGITS: Final = 40
MAX_INVISIBLE: Final = 20

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]|\r(?!\n)"
)
_PLAIN = bytes([0x09, 0x0A, *range(0x20, 0x7F)])
_CORRECT: Final = "Correct the YAML at this place."
_QUOTE: Final = "Write a shorter number, or put the text in quotes."
_NUMERIC: Final = frozenset("-+.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_FAR_EXPONENT = re.compile(r"[eE][-+]?[0-9]{4}")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: Final = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NO_KEYS: Final = frozenset({*_WORDS, "<<"})


class Mark:
    """Type of the marks that libyaml hands out: character index, line and column from 0."""

    index: int
    line: int
    column: int


class Map(dict[str, Any]):
    """A mapping that knows where it starts and where each key and each value stands."""

    __slots__ = ("keys_at", "start", "values_at")

    def __init__(self, start: Mark) -> None:
        self.start = start
        self.keys_at: dict[str, Mark] = {}
        self.values_at: dict[str, Mark] = {}


class Seq(list[Any]):
    """A sequence that knows where it starts and where each item stands."""

    __slots__ = ("items_at", "start")

    def __init__(self, start: Mark) -> None:
        self.start = start
        self.items_at: list[Mark] = []


def place_of(path: str, mark: Mark) -> Place:
    """A mark as a place, counted from 1."""
    return Place(path, mark.line + 1, mark.column + 1)


def seen(text: str) -> str:
    """YAML whose texts stand in double quotes, with an escape for each character that nobody sees."""

    def escape(found: re.Match[str]) -> str:
        code = ord(found[0])
        return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  # what four digits write

    return _INVISIBLE.sub(escape, text)


def read(path: str, data: bytes) -> tuple[Map | None, str, tuple[Diagnostic, ...]]:
    """One document, the text it was read from, and its problems; no document where there is any problem."""
    text, problems = _decode(path, data)
    if problems:
        return None, text, problems
    root, problems = _compose(path, data)
    return (None if problems else root), text, problems


def _decode(path: str, data: bytes) -> tuple[str, tuple[Diagnostic, ...]]:
    if len(data) > MAX_BYTES:
        message = f"a document of more than {MAX_BYTES:,} bytes"
        return "", (Diagnostic(rule=TEXT, message=message, place=Place(path, 1, 1), fix="Split the document."),)
    if not data.translate(None, _PLAIN):
        return data.decode("ascii"), ()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8")) + 1
        place = Place(path, before.count(b"\n") + 1, column)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        return "", (Diagnostic(rule=TEXT, message=message, place=place, fix="Save the file as UTF-8."),)
    found = []
    for match in islice(_INVISIBLE.finditer(text), MAX_INVISIBLE):
        at = match.start()
        line_start = text.rfind("\n", 0, at) + 1
        place = Place(path, text.count("\n", 0, at) + 1, at - line_start + 1)
        message = f"character U+{ord(match.group()[0]):04X} cannot be seen or is read as something else"
        found.append(Diagnostic(rule=TEXT, message=message, place=place))
    return text, tuple(found)


class _Composer:
    """Events to values; keeps the open collections on a stack of its own, so depth cannot exhaust Python's."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[Diagnostic] = []

    def refuse(self, mark: Any, message: str, fix: str = "") -> None:
        self.problems.append(Diagnostic(rule=YAML, message=message, place=place_of(self.path, mark), fix=fix))

    def scalar(self, event: ScalarEvent) -> object:
        """Value of a plain scalar under the YAML 1.2 core schema."""
        value = event.value
        if value in _WORDS:
            return _WORDS[value]
        if _INTEGER.fullmatch(value):
            if len(value) <= MAX_DIGITS:
                return int(value)
            self.refuse(event.start_mark, f"a number of more than {MAX_DIGITS} digits", _QUOTE)
        elif _DECIMAL.fullmatch(value):
            if len(value) <= MAX_DIGITS and not _FAR_EXPONENT.search(value):
                return Decimal(value)
            self.refuse(
                event.start_mark, f"a number of more than {MAX_DIGITS} digits, or of an exponent of more than 3", _QUOTE
            )
        elif _BASED.fullmatch(value):
            if len(value) <= MAX_DIGITS:
                return int(value, 0)
            self.refuse(event.start_mark, f"a number of more than {MAX_DIGITS} digits", _QUOTE)
        elif _NOT_FINITE.fullmatch(value):
            self.refuse(
                event.start_mark,
                f"{value} is not a finite number",
                _QUOTE,
            )
        return value

    def node(self, event: Any) -> None:
        if event.anchor is not None:
            self.refuse(event.start_mark, f"anchor '&{event.anchor}' is not part of the language")
        if event.tag is not None:
            fix = "Remove the tag; text that looks like something else goes in quotes."
            self.refuse(event.start_mark, f"tag {event.tag!r} is not part of the language", fix)

    def no_text(self, mark: Mark, name: str, into: Map) -> None:
        last = next(reversed(into), "")
        cut = next((key for key in islice(reversed(into), MAX_DIGITS) if into[key] is not None), "")
        value = into.get(cut)
        if not isinstance(value, str) or value.count("(") <= value.count(")"):
            self.refuse(mark, f"key {name!r} is not text", f'Put it in quotes: "{name}".')
        elif cut == last:  # of `x in (1, 2, 3)` the first piece says it all
            message = f"a comma ends the value of `{cut}` inside {{ }}, and leaves {name!r} as a key"
            self.refuse(mark, message, f"Put the value of `{cut}` in quotes.")

    def key(self, event: Any, into: Map) -> None:
        mark = event.start_mark
        if type(event) is not ScalarEvent:
            self.refuse(mark, "a key that is not text", "Keys are plain words.")
            return
        name: str = event.value
        if event.implicit[0] and not isinstance(self.scalar(event), str):
            self.no_text(mark, name, into)
        if name == "<<":
            self.refuse(mark, "merge key '<<' is not part of the language")
        if name in into:
            first = into.keys_at[name].line + 1
            self.refuse(mark, f"key {name!r} stands twice, first in line {first}", "Keep one of them.")


def _compose(path: str, data: bytes) -> tuple[Map | None, tuple[Diagnostic, ...]]:
    composer = _Composer(path)
    parser = CParser(data)
    try:
        root = _build(composer, parser.get_event)
    except MarkedYAMLError as error:
        problem = error.problem or "not YAML"
        if error.context:
            problem = f"{problem} {error.context}"
        braces = "expected ',' or '}'" in problem
        fix = (
            "Inside { } a comma or a quote ends a value: put the whole value in double quotes." if braces else _CORRECT
        )
        composer.refuse(error.problem_mark or error.context_mark, problem, fix)
        return None, tuple(composer.problems)
    except YAMLError as error:
        composer.problems.append(Diagnostic(rule=YAML, message=str(error), place=Place(path, 1, 1)))
        return None, tuple(composer.problems)
    finally:
        parser.dispose()
    return root, tuple(composer.problems)


def _build(composer: _Composer, get_event: "Callable[[], Any]") -> Map | None:  # noqa: C901, PLR0912, PLR0915  # the hot loop: a call an event would cost a third
    root: Map | None = None
    documents = 0
    stack: list[Map | Seq | None] = []
    keys: list[str | None] = []  # the pending key of each open mapping
    top: Map | Seq | None = None
    pending: str | None = None
    for event in islice(iter(get_event, None), MAX_EVENTS):
        kind = type(event)
        if kind is ScalarEvent:
            if event.anchor is not None or event.tag is not None:
                composer.node(event)
            value: Any = event.value
            if type(top) is Map and pending is None:
                if value in top or value in _NO_KEYS or value[0] in _NUMERIC:
                    composer.key(event, top)
                pending = value
                top.keys_at[value] = event.start_mark
                continue
            if (value in _WORDS or value[0] in _NUMERIC) and event.implicit[0]:
                value = composer.scalar(event)
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            if event.anchor is not None or event.tag is not None:
                composer.node(event)
            value = Map(event.start_mark) if kind is MappingStartEvent else Seq(event.start_mark)
            if type(top) is Map and pending is None:
                composer.key(event, top)
                return None
            if len(stack) >= MAX_DEPTH:
                composer.refuse(event.start_mark, f"nested more than {MAX_DEPTH} deep", "Write it flatter.")
                return None
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            top, pending = stack.pop(), keys.pop()
            continue
        elif kind is DocumentStartEvent:
            documents += 1
            if event.version is not None or event.tags:
                composer.refuse(
                    event.start_mark, "directives are not part of the language", "Remove the line with '%'."
                )
            if documents > 1:
                composer.refuse(event.start_mark, "a second document", "Put each document in a file of its own.")
                return None
            continue
        elif kind is StreamEndEvent:
            if root is None and not composer.problems:
                composer.refuse(event.start_mark, "no document", "Start with `apiVersion: cxgov/v1`.")
            return root
        elif kind is AliasEvent:
            composer.refuse(event.start_mark, f"alias '*{event.anchor}' is not part of the language")
            value = None
            if type(top) is Map and pending is None:
                return None
        else:
            continue
        # Attach the value to what is open.
        if type(top) is Map:
            assert pending is not None
            top[pending] = value
            top.values_at[pending] = event.start_mark
            pending = None
        elif type(top) is Seq:
            top.append(value)
            top.items_at.append(event.start_mark)
        elif type(value) is Map:
            root = value
        else:
            composer.refuse(event.start_mark, "the document is not a mapping", "Start with `apiVersion: cxgov/v1`.")
            return None
        if kind is not ScalarEvent and value is not None:
            stack.append(top)
            keys.append(pending)
            top, pending = value, None
    composer.refuse(get_event().start_mark, f"more than {MAX_EVENTS:,} keys and values", "Split the document.")
    return None
