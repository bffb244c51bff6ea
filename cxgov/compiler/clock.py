"""Zones to literals: where a day begins as an instant, what a wall clock showed then, how far it was from UTC.

All zone arithmetic happens here, with the IANA rules of this machine, and goes into the SQL as literals: no engine's
own rules, session zone or version of the zone data can move a number.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from cxgov.compiler.query import Refused
from cxgov.language.model import Column, Source

_HOUR: Final = timedelta(hours=1)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Jump:
    """An instant at which a zone's clock jumps, with its distance from UTC before and after."""

    at: datetime
    before: timedelta
    after: timedelta


@dataclass(frozen=True, slots=True)
class Shift:
    """From a column's clock to the calendar's: add ``seconds`` to values below ``until`` (None: to all the rest)."""

    until: datetime | None
    seconds: int


@dataclass(frozen=True, slots=True)
class Open:
    """A moment that is still to be named: an edge of the period, or its closing, as a column's clock shows it."""

    edge: Literal["period_start", "period_end", "as_of"]
    column: Column

    @property
    def on_clock(self) -> str:
        """Its name in a statement, with all that says which value of the column it will be."""
        its = self.column
        clock = "" if its.type == "instant" else f" {its.zone} {its.twice or '-'} {its.missing or '-'}"
        return f"{{cxgov {self.edge}{clock}}}"


def day_start(day: date, zone: str) -> datetime:
    """The first instant of a day in a zone, in UTC."""
    local = datetime.combine(day, time(), ZoneInfo(zone))
    instant = local.astimezone(UTC)
    if instant.astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
        # Midnight was left out: the day begins when the clock jumps over it.
        return next(jump.at for jump in jumps(zone, instant - timedelta(days=1), instant + timedelta(days=1)))
    return instant


@lru_cache(maxsize=256)
def jumps(zone: str, start: datetime, end: datetime) -> tuple[Jump, ...]:
    """The instants in ``(start, end)`` at which the zone's clock jumps."""
    info = ZoneInfo(zone)

    def offset(at: datetime) -> timedelta:
        found = at.astimezone(info).utcoffset()
        assert found is not None
        return found

    found = []
    # No zone jumps twice within half a day.
    step, at, before = 12 * _HOUR, start, offset(start)
    while at < end:
        following = min(at + step, end)
        after = offset(following)
        if after != before:
            low, high = at, following
            while high - low > _SECOND:
                middle = low + (high - low) // 2
                middle = middle.replace(microsecond=0) if middle.replace(microsecond=0) > low else middle
                low, high = (middle, high) if offset(middle) == before else (low, middle)
            if high < end:
                found.append(Jump(high, before, after))
        at, before = following, after
    return tuple(found)


@lru_cache(maxsize=64)
def repeats(zone: str) -> tuple[timedelta, ...]:
    """How long the stretches are that the zone's clock has shown twice since 1970: mostly an hour, not everywhere."""
    found = jumps(zone, datetime(1970, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC))
    return tuple(sorted({jump.before - jump.after for jump in found if jump.after < jump.before}))


def repeats_midnight(zone: str, start: datetime, end: datetime) -> bool:
    """Whether the zone's clock went back over a midnight between two instants, so that a day's rows lie apart."""
    found = jumps(zone, start - _HOUR, end + _HOUR)
    return any(
        jump.after < jump.before and (jump.at + jump.before).date() != (jump.at + jump.after).date() for jump in found
    )


def bound(column: Column, instant: datetime) -> datetime:
    """The lowest value of a time column that means ``instant`` or later; without a zone for a local column.

    Raises:
        Refused: hours that the clock never showed are moved forward across the instant.
    """
    if column.type == "instant":
        return instant
    assert column.zone is not None
    wall = instant.astimezone(ZoneInfo(column.zone)).replace(tzinfo=None)
    for jump in jumps(column.zone, instant - 6 * _HOUR, instant + 6 * _HOUR):
        before, after = (
            (jump.at + jump.before).replace(tzinfo=None),
            (jump.at + jump.after).replace(tzinfo=None),
        )
        if after < before and after <= wall < before:
            # The clock shows this hour twice. Values in it all mean the first showing, or all the last.
            second = instant >= jump.at
            if column.twice == "first":
                return before if second else wall
            return wall if second else after
        if before < after and instant == jump.at:
            return before
        if column.missing == "forward" and jump.at < instant < jump.at + (after - before):
            message = f"{column.name} moves missing times forward across {instant:%Y-%m-%d %H:%M} UTC"
            raise Refused(message, "Declare the column as an instant, or missing: error.")
    return wall


def arrived_before(source: Source, as_of: datetime | None) -> datetime | None:
    """Where a source's time of arrival ends for a question as of an instant; None where all rows have arrived."""
    if source.arrival is None or as_of is None:
        return None
    return bound(source.columns[source.arrival], as_of)


def missing_ranges(column: Column, start: datetime, end: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Half-open ranges of a local column that its clock never showed between two instants."""
    if column.type != "local" or column.zone is None:
        return ()
    return tuple(
        ((jump.at + jump.before).replace(tzinfo=None), (jump.at + jump.after).replace(tzinfo=None))
        for jump in jumps(column.zone, start - _HOUR, end + _HOUR)
        if jump.before < jump.after
    )


def shifts(column: Column, zone: str, start: datetime, end: datetime) -> tuple[Shift, ...]:
    """How values of a time column between two instants become the wall clock of ``zone``."""
    own = "UTC" if column.type == "instant" else column.zone
    assert own is not None
    if own == zone:
        return (Shift(None, 0),)
    edges = sorted({jump.at for name in (own, zone) for jump in jumps(name, start, end)})
    gaps = {jump.at: jump for jump in jumps(own, start, end) if jump.before < jump.after}
    found: list[Shift] = []
    for at, until in zip([start, *edges], [*edges, None], strict=True):
        distance = at.astimezone(ZoneInfo(zone)).utcoffset()
        its = at.astimezone(ZoneInfo(own)).utcoffset()
        assert distance is not None
        assert its is not None
        steps = [Shift(None if until is None else bound(column, until), int((distance - its).total_seconds()))]
        if at in gaps:
            # Times that the clock never showed are read as if it had not jumped yet: they move forward.
            shown = (at + gaps[at].after).replace(tzinfo=None)
            steps.insert(0, Shift(shown, int((distance - gaps[at].before).total_seconds())))
        for step in steps:
            if found and found[-1].seconds == step.seconds:
                found.pop()
            found.append(step)
    return tuple(found)
