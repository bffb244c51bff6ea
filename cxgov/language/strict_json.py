"""Untrusted bytes to one JSON value that reads the same to everyone, or the reason why not."""

import json
from decimal import Decimal
from typing import Any, NoReturn


def read_json(data: bytes, most: int) -> Any:
    """The value of a document of at most ``most`` bytes; numbers with a fraction are decimals.

    Raises:
        ValueError: it is larger, not UTF-8, not JSON, or says one key of an object twice.
    """
    if len(data) > most:
        raise ValueError(f"larger than {most} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from error
    if text.startswith("\ufeff"):
        raise ValueError("begins with a byte order mark")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=Decimal)
        # Half of a surrogate pair is no character, and could not be printed.
        json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError("half of a surrogate pair in a text") from error
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
