"""What a sampling rule is made of: its steps from the frame of who may be asked to how much an answer counts."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final, Literal

from cxgov.language.expressions import Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Who may be asked: the rows of a source, one a unit, for which ``where`` is true."""

    source: str
    where: Expr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactCap:
    """An invitation counts where fewer than ``at_most`` others went to the unit in the time ``per`` before it."""

    at_most: int
    per: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """How units are drawn from the frame: all of them, or those whose salted key hashes below ``fraction``."""

    method: Literal["census", "hash"]
    fraction: Decimal | int = 1
    salt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """Who was asked: the rows of a source; ``by`` is the unit's role there, ``time`` a column."""

    source: str
    by: str
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Responded:
    """Which answers count: ``by`` is the invitation's role, ``time`` a column; half-open from the invitation."""

    by: str
    time: str
    within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduplicate:
    """One row a unit and bucket: the first or the latest by columns that order all rows."""

    keep: Literal["latest", "first"]
    order: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much a row counts.

    ``inclusion``: one over the probability of being drawn. ``column``: delivered in a column of the source.
    ``value``: a column of the frame's source, or of the source where there is no frame. ``poststratify``: units of
    the frame over rows, by cells of dimensions of the frame's source; ``collapse`` names the one over which cells
    are joined where one of them is empty.
    """

    method: Literal["inclusion", "column", "value", "poststratify"]
    column: str | None = None
    by: tuple[str, ...] = ()
    collapse: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """Fewest rows with which a value is shown: to be sure enough, and to keep what single people said private."""

    show: int = 1
    privacy: int = 1
    complementary: bool = False


NO_MINIMUM: Final = Minimum()
