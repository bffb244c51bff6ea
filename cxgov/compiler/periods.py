"""A calendar's periods and buckets: names and grains to half-open ranges of days."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

from cxgov.compiler.query import GRAINS, Grain, Refused
from cxgov.language.model import Calendar

MAX_BUCKETS: Final = 1_200
# What a calendar of ours can mean: before, zones were other; after, Python's dates end.
_YEARS: Final = range(1900, 9001)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Days from ``start`` to ``end``, half-open, and what they are called."""

    start: date
    end: date
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """The instants that make a period: its first, the first after it, and when it is closed."""

    start: datetime
    end: datetime
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Bucket:
    """Days from ``start`` to ``end``, half-open; ``partial`` where they are not the whole of their grain."""

    start: date
    end: date
    partial: bool


def named_period(text: str, calendar: Calendar) -> Period:
    """The period of a name: ``2026``, ``2026-Q3`` (both fiscal) or ``2026-07``.

    Raises:
        Refused: the text names no period.
    """
    match = re.fullmatch(r"([0-9]{4})(?:-Q([1-4])|-(0[1-9]|1[0-2]))?", text, re.ASCII)
    if match is None or int(match[1]) not in _YEARS:
        raise Refused(f"{text!r} is not a period", "Write a year (2026), a quarter (2026-Q3) or a month (2026-07).")
    year = int(match[1])
    if match[3]:
        start = date(year, int(match[3]), 1)
        return Period(start, _months_later(start, 1), text)
    if calendar.named_by == "end" and (calendar.fiscal_month, calendar.fiscal_day) != (1, 1):
        year -= 1
    start = date(year, calendar.fiscal_month, calendar.fiscal_day)
    if match[2]:
        start = _months_later(start, 3 * (int(match[2]) - 1))
        return Period(start, _months_later(start, 3), text)
    return Period(start, _months_later(start, 12), text)


def days_period(start: date, end: date) -> Period:
    """The period of two days, half-open.

    Raises:
        Refused: there is no day between them.
    """
    if start.year not in _YEARS or end.year not in _YEARS:
        raise Refused(f"{start} to {end} is no period", f"Write days from {_YEARS[0]} to {_YEARS[-1]}.")
    if end <= start:
        raise Refused(f"no day lies between {start} and {end}", "The end is the first day that is not meant any more.")
    return Period(start, end, f"{start} to {end}")


def buckets(period: Period, grain: Grain, calendar: Calendar) -> tuple[Bucket, ...]:
    """Every bucket of a period, in order, covering it without gap or overlap.

    A bucket lies in one reporting period where its grain is finer: one that an edge cuts stands twice, partial.

    Raises:
        Refused: there are more than ``MAX_BUCKETS``.
    """
    edges = {period.start, period.end}
    starts = _starts(period, grain, calendar)
    edges.update(starts)
    if GRAINS.index(grain) < GRAINS.index(calendar.reporting):
        edges.update(_starts(period, calendar.reporting, calendar))
    ordered = sorted(edge for edge in edges if period.start <= edge <= period.end)
    if len(ordered) > MAX_BUCKETS:
        message = f"{period.name} has {len(ordered) - 1:,} buckets of a {grain}; at most {MAX_BUCKETS:,}"
        raise Refused(message, "Ask a coarser grain or a shorter period.")
    found = []
    for start, end in pairwise(ordered):
        whole = starts[bisect_right(starts, start) - 1]
        partial = (whole, _next(whole, grain)) != (start, end)
        found.append(Bucket(start, end, partial))
    return tuple(found)


def bucket_around(day: date, grain: Grain, calendar: Calendar) -> Bucket:
    """The whole bucket of a grain that holds a day."""
    start = _whole(day, grain, calendar)
    return Bucket(start, _next(start, grain), partial=False)


def bucket_name(bucket: Bucket, grain: Grain, calendar: Calendar) -> str:
    """What people call a bucket: ``2026``, ``2026-Q3`` (both fiscal), ``2026-07``, or its first day."""
    if grain == "month":
        return f"{bucket.start:%Y-%m}"
    if grain in {"quarter", "year"}:
        suffixes = ["-Q1", "-Q2", "-Q3", "-Q4"] if grain == "quarter" else [""]
        for year in (bucket.start.year, bucket.start.year + 1, bucket.start.year - 1):
            for suffix in suffixes:
                if named_period(f"{year:04}{suffix}", calendar).start == bucket.start:
                    return f"{year:04}{suffix}"
    return bucket.start.isoformat()


def _starts(period: Period, grain: str, calendar: Calendar) -> list[date]:
    """Starts of whole buckets, from the one that holds the period's first day."""
    start = _whole(period.start, grain, calendar)
    found = [start]
    while (start := _next(start, grain)) < period.end:
        found.append(start)
        if len(found) > MAX_BUCKETS + 2:
            break
    return found


def _whole(day: date, grain: str, calendar: Calendar) -> date:
    if grain == "day":
        return day
    if grain == "week":
        return day - timedelta(days=(day.weekday() - calendar.week_start) % 7)
    if grain == "month":
        return day.replace(day=1)
    start = date(day.year, calendar.fiscal_month, calendar.fiscal_day)
    if start > day:
        start = date(day.year - 1, calendar.fiscal_month, calendar.fiscal_day)
    if grain == "quarter":
        while _months_later(start, 3) <= day:
            start = _months_later(start, 3)
    return start


def _next(start: date, grain: str) -> date:
    if grain == "day":
        return start + _DAY
    if grain == "week":
        return start + 7 * _DAY
    return _months_later(start, {"month": 1, "quarter": 3, "year": 12}[grain])


def _months_later(day: date, months: int) -> date:
    # Days are at most the 28th, so every month has them.
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, day.day)
