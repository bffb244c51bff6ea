"""JSON of the forge to the values that are wanted of it; what is missing or of another kind is no answer."""

import re
from datetime import datetime
from typing import Any

from cxgov.evidence.failures import CannotSay

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def number(data: Any, *route: str) -> int:
    """The number at a route of keys, above 0.

    Raises:
        CannotSay: there is none.
    """
    found = _at(data, route)
    if type(found) is not int or found <= 0:  # a bool is an int to Python
        raise _unexpected(route, "a number above 0")
    return found


def text(data: Any, *route: str) -> str:
    """The text at a route of keys.

    Raises:
        CannotSay: there is none.
    """
    found = _at(data, route)
    if not isinstance(found, str):
        raise _unexpected(route, "a text")
    return found


def oid(data: Any, *route: str) -> str:
    """The full name of a commit at a route of keys.

    Raises:
        CannotSay: there is none.
    """
    found = text(data, *route)
    if not _OID.fullmatch(found):
        raise _unexpected(route, "the full name of a commit")
    return found


def instant(data: Any, *route: str) -> datetime:
    """The instant at a route of keys.

    Raises:
        CannotSay: there is none.
    """
    try:
        found = datetime.fromisoformat(text(data, *route))
    except ValueError as error:
        raise _unexpected(route, "an instant") from error
    if found.tzinfo is None:
        raise _unexpected(route, "an instant with its zone")
    return found


def has(data: Any, *route: str) -> bool:
    """Whether anything but null stands at a route of keys."""
    for key in route:
        data = data.get(key) if isinstance(data, dict) else None
    return data is not None


def _at(data: Any, route: tuple[str, ...]) -> Any:
    for key in route:
        if not isinstance(data, dict) or key not in data:
            raise _unexpected(route, "a value")
        data = data[key]
    return data


def _unexpected(route: tuple[str, ...], wanted: str) -> CannotSay:
    return CannotSay(f"GitHub's answer lacks {wanted} at {'.'.join(route)}: is it GitHub's API?")
