"""What every document is built with: places inside a text, expressions, durations, and the problems found.

Only what one document says by itself is looked at here; what it refers to is ``linking``'s.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cxgov.language.diagnostics import Diagnostic, Place, Rule, listed, nearest
from cxgov.language.expressions import Expr, ExpressionError
from cxgov.language.model import Column
from cxgov.language.parsing import KEYWORDS, UNITS, parse
from cxgov.language.reader import Map, Mark, place_of
from cxgov.language.rules import EXPRESSION, NAME, TYPE, VALUE

# What ZoneInfo opens as well: the machine's own zone, and copies that count leap seconds.
_NO_ZONE: Final = re.compile(r"localtime|posixrules|Factory|posix/.*|right/.*")
# By its quote, how a scalar is written: what is folded before a character, and the character.
_WRITTEN_AS: Final = {
    '"': (re.compile(r"(?:\s|\\\r?\n)*"), re.compile(r"\\x..|\\u.{4}|\\U.{8}|\\.|.", re.DOTALL)),
    "'": (re.compile(r"\s*"), re.compile("''|.", re.DOTALL)),
    "": (re.compile(r"\s*"), re.compile(".", re.DOTALL)),
}
_BROKEN_LINE: Final = re.compile(r"(?:\\\r?\n[ \t]*)*")


@cache
def zone(name: str) -> ZoneInfo | None:
    """The IANA zone of a name, or None."""
    if _NO_ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def locate(path: str, text: str, at: Mark, value: str, offset: int) -> Place:
    """Place of an offset inside a scalar's value, whatever quotes or folds it was written in."""
    i = at.index
    quote = text[i : i + 1]
    if quote in {"|", ">"}:
        i = text.find("\n", i)
    elif quote in {"'", '"'}:
        i += 1
    fold, written = _WRITTEN_AS.get(quote, _WRITTEN_AS[""])
    for n, character in enumerate(value[: offset + 1]):
        # White space stands for one each, what is left of it before another character was folded.
        if not character.isspace():
            i = _end(fold, text, i)
        elif quote == '"':
            i = _end(_BROKEN_LINE, text, i)

        if n < offset:
            i = _end(written, text, i)
    return Place(path, text.count("\n", 0, i) + 1, i - text.rfind("\n", 0, i))


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start


def decimals(number: Decimal | int) -> int:
    """How many decimals a number has, zeros at its end aside."""
    return len(f"{Decimal(number):f}".partition(".")[2].rstrip("0"))


class Builder:
    """Builds one document; ``problems`` collects what is wrong, ``written`` where each expression stands."""

    __slots__ = ("path", "problems", "text", "written")

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.problems: list[Diagnostic] = []
        self.written: dict[int, tuple[Mark, str]] = {}

    def refuse(self, rule: Rule, at: Mark, message: str, fix: str = "") -> None:
        self.problems.append(Diagnostic(rule=rule, message=message, place=place_of(self.path, at), fix=fix))

    def expression(self, data: Map, key: str) -> Expr | None:
        """The tree of the expression under ``key``; None where there is none or it cannot be read."""
        value = data.get(key)
        if value is None:
            return None
        at = data.values_at[key]
        try:
            tree = parse(value)
        except ExpressionError as error:
            place = locate(self.path, self.text, at, value, error.at)
            self.problems.append(Diagnostic(rule=EXPRESSION, message=f"{error}", place=place, fix=error.fix))
            return None
        # Trees are shared between equal texts, so each use keeps a node of its own to be found by.
        own = Expr(tree.op, tree.args, tree.value, tree.at)
        self.written[id(own)] = (at, value)
        return own

    def names(self, data: Map, what: str) -> None:
        """Refuses names that no expression could say."""
        for name in data:
            if name in KEYWORDS:
                message = f"{what} {name!r} is a word of the expression language"
                self.refuse(
                    VALUE, data.keys_at[name], message, "Give it another name, in the database too: a view can."
                )

    def common(self, data: Map) -> dict[str, Any]:
        if data["id"] in KEYWORDS:
            message = f"id {data['id']!r} is a word of the expression language"
            self.refuse(VALUE, data.values_at["id"], message, "Write another id.")
        return {
            "id": data["id"],
            "version": data["version"],
            "title": data["title"],
            "owner": data["owner"],
            "description": data.get("description", ""),
            "formerly": tuple(data.get("formerly", ())),
            "place": place_of(self.path, data.values_at["id"]),
        }

    def zone(self, data: Map, key: str) -> str:
        name: str = data[key]
        if zone(name) is None:
            near = nearest(name, filter(zone, available_timezones()))
            self.refuse(
                VALUE,
                data.values_at[key],
                f"{name!r} is not an IANA time zone{near}",
                "Write e.g. Europe/Berlin.",
            )
        return name

    def day(self, data: Map, key: str) -> date | None:
        """The day under ``key``; None where there is none, or none of the calendar."""
        value = data.get(key)
        if value is None:
            return None
        try:
            return date.fromisoformat(value)
        except ValueError:
            message = f"{value!r} is no day of the calendar"
            self.refuse(VALUE, data.values_at[key], message, "Write a day that there is, e.g. 2026-05-01.")
            return None

    def length(self, data: Map, key: str) -> timedelta:
        """A length of time, as ``10 days``."""
        number, unit = data[key].split(" ")
        return timedelta(seconds=int(number) * UNITS[unit])

    def some_length(self, data: Map, key: str) -> timedelta:
        """The same, above 0."""
        found = self.length(data, key)
        if not found:
            message = f"`{key}` is {data[key]}, which is no time at all"
            self.refuse(VALUE, data.values_at[key], message, "Write a length above 0, e.g. 21 days.")
        return found

    def only(self, rule: Rule, data: Map, method: str, uses: Mapping[str, Iterable[str]]) -> None:
        """Holds the fields beside ``method`` to those that it uses: each is needed, any other means nothing to it."""
        wanted = set(uses[method])
        for key in data:
            if key != "method" and key not in wanted:
                fix = f"Remove it; {method} takes {listed(uses[method])}."
                self.refuse(rule, data.keys_at[key], f"`{key}` means nothing to {method}", fix)
        for key in uses[method]:
            if key not in data:
                message = f"{method} has no `{key}`"
                self.refuse(rule, data.values_at["method"], message, f"Add `{key}:`.")

    def columns_exist(self, data: Map, key: str, columns: dict[str, Column]) -> None:
        for i, name in enumerate(data[key]):
            if name not in columns:
                message = f"column {name!r} is not declared{nearest(name, columns)}"
                self.refuse(NAME, data[key].items_at[i], message, "Declare it under `columns:`.")

    def column_is_time(self, data: Map, key: str, columns: dict[str, Column]) -> None:
        name = data[key]
        if name not in columns:
            message = f"column {name!r} is not declared{nearest(name, columns)}"
            self.refuse(NAME, data.values_at[key], message, "Declare it under `columns:`.")
        elif columns[name].type not in {"instant", "local"}:
            message = f"`{key}` is {name}, a column of type {columns[name].type}; expected instant or local"
            self.refuse(TYPE, data.values_at[key], message, "Name a column that holds a point in time.")
