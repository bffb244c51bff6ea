"""Whom a sampling rule draws: a condition on the key of a unit."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Final

from sqlglot import exp

from cxgov.compiler.dialect import Dialect
from cxgov.compiler.trees import Node, cast, number, string

_DIGITS: Final = 8


def drawn(dialect: Dialect, keys: Sequence[Node], salt: str, fraction: Decimal | int) -> Node:
    """Whether a unit is drawn: the first eight hex digits of its salted key's MD5, as text, below the fraction's."""
    text: Node = string(f"{salt}:")
    for i, key in enumerate(keys):
        if i:
            text = exp.DPipe(this=text, expression=string(":"), safe=False)
        text = exp.DPipe(this=text, expression=cast(key, "text"), safe=False)
    digits = exp.Substring(this=dialect.md5(text), start=number(1), length=number(_DIGITS))
    return exp.LT(this=dialect.by_code(digits), expression=string(threshold(fraction)))


def threshold(fraction: Decimal | int) -> str:
    """Eight hex digits: the fraction of all that there are, rounded up."""
    share = (Decimal(fraction) * 16**_DIGITS).to_integral_value(rounding=ROUND_CEILING)
    return f"{int(share):08x}"
