"""Two registries and a connection to the numbers of every metric whose meaning moved, before and after.

Both sides are asked of the same data as of the same instant, each by its own registry.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from cxgov.compiler.clock import day_start
from cxgov.compiler.periods import Period, bucket_around, bucket_name, named_period
from cxgov.engines.protocol import EngineError
from cxgov.evaluation.asking import Access, Asking, Cells, Key
from cxgov.evaluation.disclosure import floor_of, forbidden, no_less_hidden, trusted_floor
from cxgov.evaluation.reviewed import HIDDEN, NO_ROWS, Compared, Numbers, Pair, Split, Why
from cxgov.governance.changes import Moved
from cxgov.language.model import Calendar, Document, Metric, Registry

D = TypeVar("D", bound=Document)
_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked: a period (default: the last closed one), dimensions, drafts too, relations to be read as well."""

    period: str | None = None
    by: tuple[str, ...] = ()
    draft: bool = False
    relations: Collection[str] = ()
    now: datetime


def review(
    trusted: Registry, proposed: Registry, moved: Sequence[Moved], asked: Asked, access: Access | str
) -> Numbers:
    """The numbers of what moved; ``access`` can be the reason why there is no connection, and so no number.

    Raises:
        Refused: the period does not exist.
    """
    return _Reviewing(trusted, proposed, asked, access).numbers(moved)


def last_closed(calendar: Calendar, now: datetime) -> Period:
    """The latest reporting period whose numbers are taken by now."""
    today = now.astimezone(ZoneInfo(calendar.zone)).date()
    bucket = bucket_around(today, calendar.reporting, calendar)
    while closing(calendar, bucket.end) > now:
        bucket = bucket_around(bucket.start - _ONE_DAY, calendar.reporting, calendar)
    return Period(bucket.start, bucket.end, bucket_name(bucket, calendar.reporting, calendar))


def closing(calendar: Calendar, end: date) -> datetime:
    """The instant as of which the numbers of a period are taken that ends before a day."""
    return day_start(end, calendar.zone) + calendar.closes


class _Reviewing:
    def __init__(self, trusted: Registry, proposed: Registry, asked: Asked, access: Access | str) -> None:
        self.trusted = trusted
        self.proposed = proposed
        self.asked = asked
        self.access = access
        calendar = trusted.calendar
        self.period = last_closed(calendar, asked.now) if asked.period is None else named_period(asked.period, calendar)
        self.as_of = closing(calendar, self.period.end)
        # What the period's name means is for either calendar to say; until when rows arrived must be one for both.
        self.new_period = named_period(self.period.name, proposed.calendar)
        self.metrics = _before(trusted.metrics, proposed.metrics)
        self.overlays = _before(trusted.overlays, proposed.overlays)

    def numbers(self, moved: Sequence[Moved]) -> Numbers:
        drafts = [its for its in moved if all(metric.status == "draft" for metric in self.sides(its) if metric)]
        wanted = [its for its in moved if self.asked.draft or its not in drafts]
        closes = closing(self.proposed.calendar, self.new_period.end)
        return Numbers(
            connection=None if isinstance(self.access, str) else self.access.name,
            old_period=self.period,
            new_period=self.new_period,
            as_of=self.as_of,
            closes=closes if closes != self.as_of else None,
            early=self.asked.now < self.as_of,
            confidences=(float(self.trusted.settings.confidence), float(self.proposed.settings.confidence)),
            compared=self.compared(wanted) if wanted else (),
            drafts=() if self.asked.draft else tuple(its.name for its in drafts),
        )

    # --- which metric is which ---

    def sides(self, its: Moved) -> tuple[Metric | None, Metric | None]:
        """A metric as either side has it."""
        old, new = self.keys(its)
        return self.trusted.metrics[old[0]] if old else None, self.proposed.metrics[new[0]] if new else None

    def keys(self, its: Moved) -> tuple[Key | None, Key | None]:
        """By what a metric is asked on either side; None where it is not there."""
        overlay = None if its.overlay is None else self.overlays.get(its.overlay, its.overlay)
        old = self.metrics.get(its.id, its.id), overlay
        return old if its.old is not None else None, (its.id, its.overlay) if its.new is not None else None

    # --- asking ---

    def compared(self, wanted: Sequence[Moved]) -> tuple[Compared, ...]:
        keys = [self.keys(its) for its in wanted]
        reason = self.access if isinstance(self.access, str) else _unreachable(self.access)
        if isinstance(self.access, str) or reason is not None:
            return tuple(
                self.compare(its, {None: (reason if was else None, reason if now else None)})
                for its, (was, now) in zip(wanted, keys, strict=True)
            )
        before = Asking(
            registry=self.trusted,
            access=self.access,
            period=self.period,
            as_of=self.as_of,
            now=self.asked.now,
            forbidden=lambda _: None,
        )
        relations = [*self.access.relations, *self.asked.relations]
        after = replace(
            before,
            registry=no_less_hidden(self.trusted, self.proposed, self.metrics, self.overlays),
            period=self.new_period,
            forbidden=lambda sources: forbidden(self.trusted, sources, relations),
        )
        old = {by: before.answers([key for key, _ in keys if key], by) for by in (None, *self.asked.by)}
        new = {by: after.answers([key for _, key in keys if key], by) for by in (None, *self.asked.by)}
        return tuple(
            self.compare(
                its,
                {by: (old[by][was] if was else None, new[by][now] if now else None) for by in (None, *self.asked.by)},
            )
            for its, (was, now) in zip(wanted, keys, strict=True)
        )

    def compare(
        self, its: Moved, found: Mapping[str | None, tuple[Cells | str | None, Cells | str | None]]
    ) -> Compared:
        """A metric with what each side answered: in all, and by each dimension."""
        old, new = self.sides(its)
        pairs, whys = _paired(*found[None])
        total = next(iter(pairs), Pair(old=None, new=None))
        splits = []
        for by in () if whys else self.asked.by:
            pairs, why = _paired(*found[by])
            if not why and new is not None and self.shows_more(new):
                why = (Why("new", "it would hide less beside a hidden cell than the trusted commit does"),)
            splits.append(Split(by=by, pairs=() if why else pairs, whys=why))
        made = Compared(id=its.id, overlay=its.overlay, old=old, new=new, total=total, whys=whys, splits=tuple(splits))
        return _without_new(made) if new is not None and self.close(made, new) else made

    # --- what must not be told ---

    def shows_more(self, metric: Metric) -> bool:
        """Whether the trusted side hides other cells beside a hidden one, and the proposal does not."""
        least = trusted_floor(self.trusted, self.proposed, metric, self.metrics)
        return least.complementary and not floor_of(self.proposed, metric).complementary

    def close(self, made: Compared, metric: Metric) -> bool:
        """Whether two sides differ by so few rows that single persons' answers could be told from the difference."""
        least = trusted_floor(self.trusted, self.proposed, metric, self.metrics) | floor_of(self.proposed, metric)
        pairs = [made.total, *(pair for split in made.splits for pair in split.pairs)]
        return any(0 < _apart(pair) < least.privacy for pair in pairs)


def _before(old: Mapping[str, D], new: Mapping[str, D]) -> dict[str, str]:
    """The ids that documents had on the old side, by those on the new one."""
    found = {}
    for identity, document in new.items():
        former = (its for its in document.formerly if its in old and its not in new)
        found[identity] = identity if identity in old else next(former, identity)
    return found


def _unreachable(access: Access) -> str | None:
    """Why nothing answers there; asked once, as waiting for each metric would be long."""
    try:
        access.open(()).close()
    except EngineError as error:
        return str(error)
    return None


def _paired(old: Cells | str | None, new: Cells | str | None) -> tuple[tuple[Pair, ...], tuple[Why, ...]]:
    """The cells of both sides by group; a side that could not be asked says why, and the other one is still shown."""
    whys = (
        *([Why("old", old)] if isinstance(old, str) else []),
        *([Why("new", new)] if isinstance(new, str) else []),
    )
    before, after = (None if isinstance(cells, str) else cells for cells in (old, new))
    groups = dict.fromkeys([*(before or ()), *(after or ())])
    pairs = tuple(
        Pair(
            group=group,
            old=None if before is None else before.get(group, NO_ROWS),
            new=None if after is None else after.get(group, NO_ROWS),
        )
        for group in sorted(groups, key=lambda group: (group is None, type(group).__name__, group))
    )
    return pairs, whys


def _apart(pair: Pair) -> int:
    """By how many rows two sides differ, as far as both are shown."""
    counts = [side.n for side in (pair.old, pair.new) if side is not None and side.n is not None]
    return abs(counts[0] - counts[1]) if len(counts) == len(("old", "new")) else 0


def _without_new(made: Compared) -> Compared:
    """The same with all of its new numbers hidden: what is left of them would give the others away."""
    splits = tuple(
        replace(split, pairs=tuple(replace(pair, new=HIDDEN) for pair in split.pairs)) for split in made.splits
    )
    return replace(made, close=True, total=replace(made.total, new=HIDDEN), splits=splits)
