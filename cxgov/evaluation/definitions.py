"""A period and thresholds that are asked for, to the definitions by which each part of the period is judged.

What is frozen is judged as it was frozen, by the thresholds of that time, so that a number is the one that any other
question gives. Everything else is judged by the registry of today.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cxgov.compiler.narrowing import renamed
from cxgov.compiler.periods import Period
from cxgov.compiler.query import Refused
from cxgov.language.diagnostics import listed, nearest
from cxgov.language.lifecycle import instead
from cxgov.language.model import Registry, Threshold
from cxgov.ledger.readings import Definitions, Reading, statement_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Days of a period, the definitions by which they are judged and the thresholds that are shown of them.

    ``frozen`` is the period for which the definitions were frozen; None where they are those of today.
    """

    period: Period
    registry: Registry
    thresholds: tuple[Threshold, ...]
    frozen: str | None = None


def parts(known: Definitions, wanted: Sequence[str], period: Period, dialect: str) -> list[Part]:
    """The parts of a period in time's order. ``wanted`` are ids of thresholds or metrics, none for all thresholds.

    Raises:
        Refused: a name is neither, a metric has no threshold, or this version writes other SQL in the ``dialect`` than
            was frozen.
        Altered: the ledger is not what was written.
    """
    today = known.today()
    found: list[Part] = []
    for days, entry in known.in_force(period):
        judged = None if entry is None else known.judged(entry)
        if judged is None or entry is None:
            found.append(Part(period=days, registry=today, thresholds=tuple(chosen(today, wanted))))
            continue
        shown, rest = _frozen(today, judged.registry, wanted)
        if shown:
            _holds(judged, shown, dialect)
            its = Part(period=days, registry=judged.registry, thresholds=tuple(shown), frozen=entry.period.id)
            found.append(its)
        if rest:
            found.append(Part(period=days, registry=today, thresholds=tuple(chosen(today, rest))))
    return found


def chosen(registry: Registry, wanted: Sequence[str]) -> list[Threshold]:
    """The thresholds that names mean, each a threshold's id or that of a metric; all where none is named.

    Raises:
        Refused: a name is neither, or a metric has no threshold.
    """
    thresholds = registry.thresholds
    if not thresholds:
        raise Refused("the registry has no threshold", "Write a document of kind Threshold.")
    found: dict[str, Threshold] = {} if wanted else {key: thresholds[key] for key in sorted(thresholds)}
    old = renamed([*registry.metrics.values(), *thresholds.values()], wanted)
    for name in (old.get(its, its) for its in wanted):
        its = _named(registry, {name})
        if not its:
            known = name in registry.metrics
            if known and registry.metrics[name].status == "retired":
                fix = f"{instead(registry.metrics, registry.metrics[name]).capitalize()}."
                raise Refused(f"metric {name!r} is retired", fix)
            what = f"metric {name!r} has no threshold" if known else f"threshold {name!r} does not exist"
            raise Refused(
                f"{what}{'' if known else nearest(name, [*thresholds, *registry.metrics])}",
                f"Thresholds: {listed(sorted(thresholds))}.",
            )
        found |= {threshold.id: threshold for threshold in its}
    return list(found.values())


def family(registry: Registry, threshold: Threshold) -> list[Threshold]:
    """The thresholds that are judged together with one, itself among them."""
    if threshold.family is None:
        return [threshold]
    return [
        other
        for _, other in sorted(registry.thresholds.items())
        if (other.family, other.grain) == (threshold.family, threshold.grain)
    ]


def _frozen(today: Registry, frozen: Registry, wanted: Sequence[str]) -> tuple[list[Threshold], list[str]]:
    """The frozen thresholds that names mean, by any id that they had; and the names of which nothing was frozen."""
    documents = [*today.metrics.values(), *today.thresholds.values()]
    found: dict[str, Threshold] = {}
    rest: list[str] = []
    for name in wanted or [*sorted(frozen.thresholds), *sorted(today.thresholds)]:
        ids = {name}.union(*({its.id, *its.formerly} for its in documents if name in {its.id, *its.formerly}))
        its = _named(frozen, ids)
        found |= {threshold.id: threshold for threshold in its}
        rest += [] if its else [name]
    return list(found.values()), rest


def _named(registry: Registry, ids: set[str]) -> list[Threshold]:
    return [its for key, its in sorted(registry.thresholds.items()) if ids & {key, its.metric}]


def _holds(judged: Reading, shown: Iterable[Threshold], dialect: str) -> None:
    """Refuses where this version writes other SQL than was frozen for what is shown, or judged together with it."""
    metrics = {its.metric for threshold in shown for its in family(judged.registry, threshold)}
    objects = tuple(its for its in judged.objects if its.id in metrics)
    statement_of(replace(judged, objects=objects), dialect)
