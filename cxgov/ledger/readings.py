"""A question to the definitions that answer it: those that were frozen for its days, or the registry's of today."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache, reduce
from itertools import pairwise
from typing import Final

from cxgov.compiler.canonical import canonical_query, canonical_sql, filled
from cxgov.compiler.clock import day_start
from cxgov.compiler.narrowing import present
from cxgov.compiler.periods import Period, days_period, named_period
from cxgov.compiler.query import GRAINS, Query, Refused
from cxgov.language.diagnostics import listed
from cxgov.language.model import Calendar, Registry
from cxgov.ledger.chain import Ledger
from cxgov.ledger.entries import Entry
from cxgov.ledger.objects import Frozen, registry_of
from cxgov.meaning.digests import Closures, sem1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A part of a question with the definitions that answer it.

    ``entries`` are those that froze them, one for each reporting period; none where the registry of today answers,
    which certifies nothing. ``throughout``: the definitions are asked for days beside those that they were frozen for.
    ``joined`` are the readings of one period each, where several mean the same.
    """

    query: Query
    registry: Registry
    entries: tuple[Entry, ...]
    objects: tuple[Frozen, ...] = field(default=(), repr=False)
    throughout: bool = False
    joined: "tuple[Reading, ...]" = field(default=(), repr=False)

    @property
    def parts(self) -> "tuple[Reading, ...]":
        """The readings of one period each that it was made of."""
        return self.joined or (self,)

    @property
    def frozen(self) -> bool:
        """Whether the definitions are frozen ones."""
        return bool(self.entries)

    @property
    def closures(self) -> dict[str, str]:
        """The clo1 of the metrics asked, by the ids that they have in these definitions."""
        asked = present(self.registry, self.query).metrics
        if self.entries:
            return {its: self.entries[-1].metrics[its].clo1 for its in asked}
        closures = Closures(self.registry)
        return {its: closures.clo1(self.registry.metrics[its]) for its in asked if its in self.registry.metrics}


# What an object has in its bytes that a threshold judges.
_JUDGED: Final = b'"kind": "Threshold"'


class Definitions:
    """What metrics mean, by period: a ledger, and the registry of today, which is read only where it must answer."""

    def __init__(self, ledger: Ledger, today: Callable[[], Registry]) -> None:
        self.ledger = ledger
        self.today = lru_cache(maxsize=1)(today)
        self._held: dict[tuple[str, ...], tuple[tuple[Frozen, ...], Registry]] = {}

    def readings(
        self, query: Query, *, definition_of: str | None = None, restatement: int | None = None
    ) -> tuple[Reading, ...]:
        """The parts of a question, in time's order, each with one definition; most have one.

        ``definition_of`` asks a frozen period's definitions for whichever days; ``restatement`` an earlier reading of
        a period: 0 as it was frozen first.

        Raises:
            Refused: one number would rest on two definitions; or the period or the reading is not there.
            Altered: the ledger is not what was written.
        """
        if definition_of is not None:
            entry = self._entry(definition_of, restatement)
            reading = self._frozen(query, (entry,))
            return (replace(reading, throughout=query.period != definition_of),)
        exact = self.ledger.readings(query.period) if query.period is not None else ()
        if exact:
            return (self._one(query, self._entry(str(query.period), restatement)),)
        if restatement is not None:
            raise Refused("--restatement is of one frozen period", "Name it with --period or --definition-of.")
        registry = self.today()
        period = _period(query, registry.calendar)
        frozen = [] if period is None else self._overlapping(period)
        if period is None or not frozen:
            return (self.unfrozen(query),)
        return self._joined(query, registry.calendar, period, self._parts(query, period, frozen))

    def frozen_otherwise(self, metric: str, start: date, end: date, frozen: str | None = None) -> tuple[str, ...]:
        """The frozen periods within some days, half-open, in which a metric meant something else than it does today.

        Or than it did in a period that is ``frozen``.
        """
        if not len(self.ledger):
            return ()
        if frozen is None:
            registry = self.today()
            now = Closures(registry).clo1(registry.metrics[metric])
        else:
            now = self._entry(frozen, None).metrics[metric].clo1
        within = self._overlapping(Period(start, end, ""))
        known = [(entry, self.id_in(entry, metric)) for entry in within]
        return tuple(entry.period.id for entry, its in known if its is not None and entry.metrics[its].clo1 != now)

    def in_force(self, period: Period) -> list[tuple[Period, Entry | None]]:
        """The parts of a period in time's order, each with the entry that was frozen for it, or none."""
        found: list[tuple[Period, Entry | None]] = []
        frozen = self._overlapping(period)
        for start, end in pairwise(_edges(period, frozen)):
            entry = next((its for its in frozen if its.period.first_day <= start < its.period.after), None)
            found.append((Period(start, end, period.name), entry))
        return found

    def judged(self, entry: Entry) -> Reading | None:
        """The metrics of an entry that thresholds judge, together; None where there are none."""
        objects = tuple(its for name in entry.metrics.values() if _JUDGED in (its := self.ledger.object(name)).data)
        if not objects:
            return None
        query = Query(metrics=tuple(its.id for its in objects), period=entry.period.id)
        return Reading(query=query, registry=self._read(objects, entry), entries=(entry,), objects=objects)

    def unfrozen(self, query: Query) -> Reading:
        """The reading of the registry of today."""
        registry = self.today()
        return Reading(query=present(registry, query), registry=registry, entries=())

    # --- one definition ---

    def _entry(self, period: str, restatement: int | None) -> Entry:
        found = self.ledger.readings(period)
        if not found:
            known = listed(list(self.ledger.periods())) or "none yet"
            raise Refused(f"{period} is not frozen", f"Frozen periods: {known}.")
        if restatement is None:
            return found[-1]
        if not 0 <= restatement < len(found):
            raise Refused(
                f"{period} has no restatement {restatement}",
                f"It has {len(found)} reading{'s' if len(found) > 1 else ''}: write 0 to {len(found) - 1}.",
            )
        return found[restatement]

    def _one(self, query: Query, entry: Entry) -> Reading:
        """The reading of an entry; of the registry of today for metrics of which the entry knows nothing."""
        return self.unfrozen(query) if self._unknown(query, entry) else self._frozen(query, (entry,))

    def _unknown(self, query: Query, entry: Entry) -> bool:
        missing = [its for its in query.metrics if self.id_in(entry, its) is None]
        if missing and len(missing) < len(set(query.metrics)):
            raise Refused(
                f"{listed(missing)} was not frozen in {entry.period.id}, and the others were",
                "Ask it apart: what it says of that period is not certified.",
            )
        return bool(missing)

    def id_in(self, entry: Entry, identity: str) -> str | None:
        """The id that a metric had when it was frozen."""
        if identity in entry.metrics:
            return identity
        metrics = self.today().metrics
        now = next((its for its in metrics.values() if identity in {its.id, *its.formerly}), None)
        return next((its for its in (now.id, *now.formerly) if its in entry.metrics), None) if now is not None else None

    def _frozen(self, query: Query, entries: tuple[Entry, ...]) -> Reading:
        entry = entries[-1]
        named = {its: self.id_in(entry, its) for its in query.metrics}
        missing = [its for its, known in named.items() if known is None]
        if missing:
            raise Refused(f"{missing[0]} was not frozen in {entry.period.id}", "Ask a period in which it was.")
        metrics = tuple(str(named[its]) for its in query.metrics)
        names = tuple(entry.metrics[its].object for its in dict.fromkeys(metrics))
        if names not in self._held:
            held = tuple(self.ledger.object(entry.metrics[its]) for its in dict.fromkeys(metrics))
            self._held[names] = (held, self._read(held, entry))
        objects, registry = self._held[names]
        asked = replace(query, metrics=metrics)
        if query.period == entry.period.id and query.as_of is None:
            asked = replace(asked, as_of=entry.period.edges.as_of)
        return Reading(query=asked, registry=registry, entries=entries, objects=objects)

    def _read(self, objects: tuple[Frozen, ...], entry: Entry) -> Registry:
        try:
            return registry_of(objects)
        except ValueError as error:
            programs = " ".join(f"{name}=={version}" for name, version in entry.compiler.items())
            raise Refused(
                f"what {entry.period.id} froze cannot be read together: {error}",
                f"Ask the metrics one by one; if that says the same, install {programs}.",
            ) from error

    # --- several ---

    def _overlapping(self, period: Period) -> list[Entry]:
        entries = self.ledger.periods().values()
        return [its for its in entries if its.period.first_day < period.end and period.start < its.period.after]

    def _parts(self, query: Query, period: Period, frozen: list[Entry]) -> list[tuple[date, date, Reading]]:
        """The days of a period with what answers for them; each frozen period by itself, as of its own closing."""
        found: list[tuple[date, date, Reading]] = []
        for start, end in pairwise(_edges(period, frozen)):
            holding = [its for its in frozen if its.period.first_day <= start < its.period.after]
            reading = self._one(query, holding[0]) if holding else self.unfrozen(query)
            before = found[-1][2] if found else None
            if before is not None and not before.frozen and not reading.frozen:
                since = found.pop()[0]
                found.append((since, end, _together(before, reading)))
            else:
                found.append((start, end, reading))
        return found

    def _same(self, query: Query, one: Reading, other: Reading) -> bool:
        if list(one.closures.values()) != list(other.closures.values()):
            return False
        return query.overlay is None or _overlay_in(one, query.overlay) == _overlay_in(other, query.overlay)

    def _joined(
        self, query: Query, calendar: Calendar, period: Period, parts: list[tuple[date, date, Reading]]
    ) -> tuple[Reading, ...]:
        first, *others = (reading for _, _, reading in parts)
        across = query.grain is None or GRAINS.index(query.grain) > GRAINS.index(calendar.reporting)
        if not others or (across and all(self._same(query, first, its) for its in others)):
            return (_of_days(reduce(_together, others, first), period),)
        if across:
            at = parts[1][0]
            raise Refused(
                f"{period.name} has no one definition: {listed(list(query.metrics))} means something else from {at} on",
                f"Ask --grain {calendar.reporting}, or one definition throughout: --definition-of {self._last(parts)}.",
            )
        return tuple(
            replace(reading, query=replace(reading.query, period=None, start=start, end=end))
            for start, end, reading in parts
        )

    def _last(self, parts: Iterable[tuple[date, date, Reading]]) -> str:
        return [reading.entries[-1].period.id for _, _, reading in parts if reading.frozen][-1]


class Drifted(Refused):
    """This version writes other SQL than was frozen, and the question is not the one that was frozen with it."""


def _edges(period: Period, frozen: Iterable[Entry]) -> list[date]:
    """The days on which a period begins and ends, and those within it on which a frozen one does."""
    found = {period.start, period.end}
    for entry in frozen:
        found |= {max(entry.period.first_day, period.start), min(entry.period.after, period.end)}
    return sorted(found)


def _together(one: Reading, other: Reading) -> Reading:
    """Two readings that mean the same, of which the days of both are asked; what is not frozen certifies neither."""
    if one.frozen and other.frozen:
        return replace(other, entries=(*one.entries, *other.entries), joined=(*one.parts, *other.parts))
    return other if one.frozen else one


def _overlay_in(reading: Reading, identity: str) -> str | None:
    overlay = reading.registry.overlays.get(identity)
    return None if overlay is None else sem1(overlay)


def _of_days(reading: Reading, period: Period) -> Reading:
    """The same asked by its days, where the calendar that was frozen has other days of the period's name."""
    if reading.query.period is None or not reading.frozen:
        return reading
    its = named_period(reading.query.period, reading.registry.calendar)
    if (its.start, its.end) == (period.start, period.end):
        return reading
    return replace(reading, query=replace(reading.query, period=None, start=period.start, end=period.end))


def statement_of(
    reading: Reading, dialect: str, drifting: Callable[[Reading, Frozen, str], bool] | None = None
) -> str | None:
    """A frozen statement that answers a reading where this version would write others; None where it need not.

    ``drifting`` says whether it would, for those who ask more than once.

    Raises:
        Drifted: the question is another one than that which was frozen with the metric.
    """
    # Parts that hold the same object need not all be compiled again.
    held = {(its.name, _elsewhere(part)): (part, its) for part in reading.parts for its in part.objects}
    drifted = [
        (part, its)
        for (_, elsewhere), (part, its) in held.items()
        if dialect in its.sql and (elsewhere or (drifting or drifts)(part, its, dialect))
    ]
    if not drifted:
        return None
    part, its = drifted[0]
    entry = part.entries[-1]
    metric = part.registry.metrics[its.id]
    wanted = canonical_query(part.registry, metric, entry.period.id, entry.period.edges.as_of)
    wanted = replace(wanted, as_of=entry.period.edges.as_of)
    if _normal(reading.query) == _normal(wanted) and len(reading.entries) == 1:
        return filled(its.sql[dialect], entry.period.edges)
    programs = " ".join(f"{name}=={version}" for name, version in entry.compiler.items())
    split = "".join(f" --by {path}" for path in wanted.by)
    raise Drifted(
        f"this version writes other SQL for {its.id} than {entry.period.id} was frozen with",
        f"Install {programs} (zone data {entry.period.tzdata}), or ask what was frozen: "
        f"cxgov compile {its.id}{split} --stats full --period {entry.period.id} --dialect {dialect}",
    )


def _elsewhere(reading: Reading) -> bool:
    """Whether the zone data here, or the calendar that was frozen, give a period other edges than its entry says."""
    period, calendar = reading.entries[-1].period, reading.registry.calendar
    try:
        days = named_period(period.id, calendar)
    except Refused:
        return True
    if (calendar.zone, days.start, days.end) != (period.zone, period.first_day, period.after):
        return True
    return (day_start(days.start, period.zone), day_start(days.end, period.zone)) != (
        period.edges.start,
        period.edges.end,
    )


def drifts(reading: Reading, its: Frozen, dialect: str) -> bool:
    """Whether this version would give other bytes than were frozen."""
    try:
        made = canonical_sql(reading.registry, reading.registry.metrics[its.id], [dialect])
    except Refused:
        return True
    return made[dialect] != its.sql[dialect]


def _normal(query: Query) -> Query:
    return replace(query, by=tuple(sorted(set(query.by))), metrics=tuple(dict.fromkeys(query.metrics)))


def _period(query: Query, calendar: Calendar) -> Period | None:
    if query.period is not None:
        return named_period(query.period, calendar)
    if query.start is None or query.end is None:
        return None
    return days_period(query.start, query.end)
