"""A registry to a ledger entry and the objects that it names, or the reason why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from unicodedata import category

from cxgov.compiler.clock import day_start
from cxgov.compiler.periods import Edges, Period, bucket_around, bucket_name, buckets, named_period
from cxgov.compiler.query import Refused
from cxgov.language.diagnostics import listed
from cxgov.language.model import Calendar, Metric, Registry
from cxgov.ledger.chain import Ledger
from cxgov.ledger.entries import Entry, FrozenMetric, FrozenPeriod
from cxgov.ledger.forms import sql1
from cxgov.ledger.objects import Freezer, Frozen, read_object, registry_of
from cxgov.meaning.dependencies import Reaching, overlaid
from cxgov.meaning.digests import Closures, doc1, sem1


@dataclass(frozen=True, slots=True, kw_only=True)
class Freezing:
    """An entry as it would be written, and the bytes of its objects by name."""

    entry: Entry
    objects: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What an entry depends on beside the registry: when it is made, and by which programs and zone data."""

    now: datetime
    compiler: Mapping[str, str]
    tzdata: str


def freeze(registry: Registry, ledger: Ledger, period: str, around: Circumstances) -> Freezing:
    """The entry that freezes a reporting period.

    Raises:
        Refused: it is no reporting period, frozen already, or leaves a gap; or a metric has no exact SQL in a dialect.
        Altered: the ledger is not what was written.
    """
    its = reporting_period(registry.calendar, period, around.tzdata)
    if ledger.readings(its.id):
        raise Refused(
            f"{its.id} is frozen already",
            f"A frozen period is never changed. Correct a mistake with `cxgov restate {its.id}`.",
        )
    _joins(ledger, its)
    objects = _objects(registry, sorted(registry.metrics))
    entry = Entry(
        kind="Freeze",
        sequence=len(ledger) + 1,
        previous=ledger.head,
        period=its,
        late=around.now >= its.edges.start,
        calendar=doc1(registry.calendar),
        policy=None if registry.council is None else doc1(registry.council),
        compiler=around.compiler,
        dialects=tuple(sorted(registry.settings.dialects)),
        metrics={identity: _metric(found) for identity, found in objects.items()},
    )
    return Freezing(entry=entry, objects={found.name: found.data for found in objects.values()})


def restate(
    registry: Registry,
    ledger: Ledger,
    period: str,
    around: Circumstances,
    *,
    metrics: tuple[str, ...],
    reason: str,
    difference: Any = None,
) -> Freezing:
    """The entry that supersedes what a frozen period said of some metrics, by the registry as it is now.

    Raises:
        Refused: the period is not frozen, a metric is unknown or means what it did, or a metric that rests on one of
            them is not named.
        Altered: the ledger is not what was written.
    """
    readings = ledger.readings(period)
    if not readings:
        raise Refused(f"{period} is not frozen", f"Freeze it: `cxgov freeze {period}`.")
    last = readings[-1]
    said = " ".join(reason.split())
    if not said or any(category(letter) in {"Cc", "Cs"} for letter in said):
        raise Refused("a restatement needs a reason in plain text", "Say what was wrong: --reason '…'.")
    _stays(registry.calendar, last.period)
    known = sorted({*registry.metrics, *last.metrics})
    unknown = sorted(set(metrics) - set(known))
    if unknown or not metrics:
        raise Refused(f"no metric {unknown[0]!r}" if unknown else "no metric is named", f"Metrics: {listed(known)}.")
    _both_ids(registry, last, metrics)
    reaching = Reaching(registry)
    resting = {its for identity in metrics for its in reaching.of(("Metric", identity))}
    resting |= {its for its in last.metrics if _rested(ledger, last, its, metrics)}
    moved = _moved(registry, ledger, last, sorted({*metrics, *resting}))
    same = sorted(set(metrics) - moved)
    if same:
        raise Refused(f"{same[0]} means what it did in {period}", "Change its definition first, or leave it out.")
    left = sorted(resting & moved - set(metrics))
    if left:
        message = f"{listed(left)} would rest on what is restated and keep the old reading"
        raise Refused(message, f"Name them too: `cxgov restate {period} {' '.join([*metrics, *left])}`.")
    objects = _objects(registry, [its for its in metrics if its in registry.metrics])
    named = {identity: _metric(found) for identity, found in objects.items()}
    kept = {identity: its for identity, its in last.metrics.items() if identity not in metrics}
    entry = replace(
        last,
        kind="Restatement",
        sequence=len(ledger) + 1,
        previous=ledger.head,
        late=True,
        calendar=doc1(registry.calendar),
        policy=None if registry.council is None else doc1(registry.council),
        compiler=around.compiler,
        dialects=tuple(sorted(registry.settings.dialects)),
        metrics=dict(sorted({**kept, **named}.items())),
        supersedes=last.sequence,
        restatement=len(readings),
        restated=tuple(sorted(metrics)),
        reason=said,
        difference=difference,
    )
    return Freezing(entry=entry, objects={objects[its].name: objects[its].data for its in metrics if its in objects})


def _rested(ledger: Ledger, last: Entry, identity: str, metrics: tuple[str, ...]) -> bool:
    """Whether a metric rested on others when it was frozen; what it rests on now may be something else."""
    documents = ledger.object(last.metrics[identity]).documents
    return identity not in metrics and any(its["kind"] == "Metric" and its["id"] in metrics for its in documents)


def _stays(calendar: Calendar, its: FrozenPeriod) -> None:
    """Refuses a calendar that has other days of a frozen period's name, or other instants of its days."""
    now = named_period(its.id, calendar)
    if (calendar.zone, now.start, now.end) != (its.zone, its.first_day, its.after):
        message = f"{its.id} would be {now.start} to before {now.end} in {calendar.zone}, and is frozen as "
        message += f"{its.first_day} to before {its.after} in {its.zone}"
        raise Refused(message, "The calendar has moved over a frozen period: move it back.")


def _both_ids(registry: Registry, last: Entry, metrics: tuple[str, ...]) -> None:
    """Refuses to restate a metric under one of its ids, while it would answer by its old meaning under another."""
    for metric in registry.metrics.values():
        before = [its for its in metric.formerly if its in last.metrics and its not in registry.metrics]
        if not before or metric.id in last.metrics:
            continue
        both = {metric.id, *before}
        if both & set(metrics) and not both <= set(metrics):
            names = [*metrics, *sorted(both - set(metrics))]
            raise Refused(
                f"{metric.id} was frozen in {last.period.id} as {listed(before)}",
                f"Name both: `cxgov restate {last.period.id} {' '.join(names)}`.",
            )


def reporting_period(calendar: Calendar, text: str, tzdata: str) -> FrozenPeriod:
    """A reporting period of a calendar, as it would be frozen.

    Raises:
        Refused: it is none.
    """
    found = named_period(text, calendar)
    if not is_reporting(found, calendar):
        raise Refused(
            f"{text} is not a {calendar.reporting}, and {calendar.id} reports by {calendar.reporting}",
            f"Freeze a {calendar.reporting}, e.g. {_example(calendar, found)}.",
        )
    start, end = day_start(found.start, calendar.zone), day_start(found.end, calendar.zone)
    return FrozenPeriod(
        id=found.name,
        first_day=found.start,
        after=found.end,
        edges=Edges(start=start, end=end, as_of=end + calendar.closes),
        zone=calendar.zone,
        tzdata=tzdata,
    )


def is_reporting(period: Period, calendar: Calendar) -> bool:
    """Whether a period is one of those in which results are reported."""
    [first, *others] = buckets(period, calendar.reporting, calendar)
    return not others and not first.partial


def _example(calendar: Calendar, period: Period) -> str:
    return bucket_name(bucket_around(period.start, calendar.reporting, calendar), calendar.reporting, calendar)


def _joins(ledger: Ledger, its: FrozenPeriod) -> None:
    """Refuses a period that overlaps a frozen one, or leaves days between."""
    frozen = [entry.period for entry in ledger.periods().values()]
    if not frozen:
        return
    for other in frozen:
        if its.edges.start < other.edges.end and other.edges.start < its.edges.end:
            message = f"{its.id} ({its.first_day} to before {its.after}) overlaps {other.id}, which is frozen as "
            message += f"{other.first_day} to before {other.after}"
            raise Refused(message, "The calendar has moved over a frozen period: move it back.")
    first, last = frozen[0], frozen[-1]
    gap: tuple[date, date] | None = None
    if its.edges.start > last.edges.end:
        gap = last.after, its.first_day
    if its.edges.end < first.edges.start:
        gap = its.after, first.first_day
    if gap is not None:
        raise Refused(f"days from {gap[0]} to before {gap[1]} would be in no frozen period", "Freeze them first.")


def _objects(registry: Registry, metrics: list[str]) -> dict[str, Frozen]:
    freezer = Freezer(registry, sorted(registry.settings.dialects))
    found = {}
    for identity in metrics:
        metric = registry.metrics[identity]
        if is_frozen(metric):
            try:
                found[identity] = freezer.frozen(metric)
            except Refused as refused:
                raise Refused(f"{identity} cannot be frozen: {refused}", refused.fix) from refused
    if found:
        _can_be_read(found)
    return found


def _can_be_read(found: Mapping[str, Frozen]) -> None:
    """Refuses objects of which a question could not be answered: they must be what they were made from."""
    try:
        again = registry_of(read_object(its.data) for its in found.values())
    except ValueError as error:
        raise Refused(
            f"what would be frozen could not be read again: {error}",
            "A frozen document is written out in full, with its defaults and brackets: make it smaller.",
        ) from error
    closures = Closures(again)
    for identity, its in found.items():
        if closures.clo1(again.metrics[identity]) != its.clo1:
            raise Refused(f"{identity} would be read as another metric than was frozen")


def is_frozen(metric: Metric) -> bool:
    """Whether a metric is among those that a period freezes."""
    return metric.answers


def _moved(registry: Registry, ledger: Ledger, last: Entry, metrics: list[str]) -> set[str]:
    """The metrics that mean other than the entry says, or are on one side only, or are narrowed otherwise."""
    closures = Closures(registry)
    found = set()
    for identity in metrics:
        metric = registry.metrics.get(identity)
        now = closures.clo1(metric) if metric is not None and is_frozen(metric) else None
        before = last.metrics.get(identity)
        if now != (before.clo1 if before else None):
            found.add(identity)
        elif before is not None:
            then = registry_of([ledger.object(before)])
            if _narrowings(registry, identity) != _narrowings(then, identity):
                found.add(identity)
    return found


def _narrowings(registry: Registry, metric: str) -> dict[str, str]:
    return {overlay.id: sem1(overlay) for its, overlay in overlaid(registry) if its.id == metric}


def _metric(found: Frozen) -> FrozenMetric:
    return FrozenMetric(
        object=found.name, clo1=found.clo1, sql={dialect: sql1(text) for dialect, text in found.sql.items()}
    )
