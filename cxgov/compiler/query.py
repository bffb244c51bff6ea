"""What is asked: metrics, a period, dimensions, a filter."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

GRAINS: Final = ("day", "week", "month", "quarter", "year")
Grain = Literal["day", "week", "month", "quarter", "year"]
Stats = Literal["none", "n", "full"]


class Refused(ValueError):
    """A question that has no exact answer, and what can be asked instead."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question to a registry.

    ``period`` is one of the calendar's (``2026-Q3``, ``2026-07``, ``2026``); ``start`` and ``end`` are days of its
    zone, half-open. ``by`` and the names in ``where`` are declared dimensions of every metric asked. ``as_of`` is
    an instant with a zone; without it the period's end plus the calendar's ``closes``. ``stats`` of ``full`` adds
    intervals and the sums that they are made of; ``without_exclusions`` the value of every metric as it would be if
    no exclusion named it, as ``<metric>_without_exclusions``; ``overlay`` is one that narrows every metric asked.
    """

    metrics: tuple[str, ...]
    by: tuple[str, ...] = ()
    grain: Grain | None = None
    period: str | None = None
    start: date | None = None
    end: date | None = None
    where: str | None = None
    stats: Stats = "n"
    as_of: datetime | None = None
    draft: bool = False
    without_exclusions: bool = False
    overlay: str | None = None
