"""Plain values to the one JSON text that stands for them in the ledger, and their digests."""

import json
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Any, Final

from cxgov.language.reader import MAX_DIGITS

_STEP: Final = 1


def canonical_json(value: Any) -> bytes:
    """The bytes of a value: keys in order, a line for each entry so that differences can be read, decimals exact."""
    return f"{_text(value, 0)}\n".encode()


def digest(data: bytes) -> str:
    """SHA-256 of bytes, in hex: the name of an object, and of an entry for the one that follows it."""
    return sha256(data).hexdigest()


def sql1(text: str) -> str:
    """Digest of a compiled statement's bytes."""
    return f"sql1:{sha256(b'sql1' + bytes(1) + text.encode()).hexdigest()}"


def _text(value: Any, depth: int) -> str:
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        cells = [f"{encode_basestring(key)}: {_text(value[key], depth + _STEP)}" for key in sorted(value)]
        return _lines("{", cells, "}", depth)
    if isinstance(value, list | tuple):
        return _lines("[", [_text(its, depth + _STEP) for its in value], "]", depth) if value else "[]"
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        text = f"{value:f}"
        # A number of more digits than the language reads is written with an exponent.
        return text if len(text) <= MAX_DIGITS else str(value)
    if isinstance(value, str):
        return encode_basestring(value)
    return json.dumps(value)


def _lines(opening: str, cells: list[str], closing: str, depth: int) -> str:
    inner = " " * (depth + _STEP)
    return f"{opening}\n{inner}" + f",\n{inner}".join(cells) + f"\n{' ' * depth}{closing}"
