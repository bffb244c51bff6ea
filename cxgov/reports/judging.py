"""A judgement in words and rounded numbers, for whatever shows it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from cxgov.evaluation.changes import Change
from cxgov.evaluation.judgements import BREACH, Evaluation, Judgement, Reading
from cxgov.language.model import Threshold
from cxgov.reports.numbers import difference_unit, exact, in_unit, level, places, probability, written

_WITHOUT: Final = {"suppressed": "suppressed", "no_data": "no data"}


def standing(judgement: Judgement) -> str:
    """The band, or why there is none."""
    return judgement.band.name if judgement.band else _WITHOUT.get(judgement.reading.status, "no band")


def heading(judgement: Judgement) -> list[str]:
    """Which threshold, of what, when and for whom."""
    threshold, metric = judgement.threshold, judgement.metric
    titles = list(dict.fromkeys([threshold.title, metric.title]))
    return [*titles, judgement.reading.name, *([scope(threshold)] if threshold.scope else [])]


def scope(threshold: Threshold) -> str:
    """For which group it is judged."""
    return ", ".join(
        f"{path} {str(value).lower() if isinstance(value, bool) else value}" for path, value in threshold.scope
    )


def limits(judgement: Judgement) -> list[float]:
    """The ends of the bands and the target."""
    threshold = judgement.threshold
    ends = [band.below for band in threshold.bands]
    return [float(limit) for limit in [*ends, threshold.target] if limit is not None]


def value_of(judgement: Judgement, reading: Reading) -> str | None:
    """A reading's value without its unit."""
    if reading.value is None:
        return None
    return written(reading.value, places(reading.value, judgement.metric.unit, limits(judgement)))


def interval_of(judgement: Judgement, reading: Reading) -> str | None:
    """The ends of a reading's interval without their unit, as finely as its value."""
    if reading.value is None or reading.low is None or reading.high is None:
        return None
    many = places(reading.value, judgement.metric.unit, limits(judgement))
    return f"{written(reading.low, many)} to {written(reading.high, many)}"


def n_of(reading: Reading) -> str | None:
    """A reading's count; of a suppressed one nothing is told."""
    return None if reading.n is None or reading.status == "suppressed" else f"{reading.n:,}"


def value_words(judgement: Judgement, confidence: float) -> str:
    """Value, unit, interval and n, or why there is no value."""
    reading = judgement.reading
    value = value_of(judgement, reading)
    if value is None:
        why = ": fewer rows than the minimum of the metric or of a part of it" if reading.status == "suppressed" else ""
        return f"{standing(judgement)}{why}"
    parts = [in_unit(value, judgement.metric.unit)]
    interval = interval_of(judgement, reading)
    parts.append("no interval" if interval is None else f"{level(confidence)} interval {interval}")
    n = n_of(reading)
    return ", ".join([*parts, *([f"n {n}"] if n is not None else [])])


def band_words(threshold: Threshold) -> str:
    """The bands in rising order."""
    return ", ".join(
        band.name if band.below is None else f"{band.name} below {exact(band.below)}" for band in threshold.bands
    )


def target_words(judgement: Judgement) -> str | None:
    """The target and whether it is reached; None where there is none."""
    if judgement.threshold.target is None:
        return None
    reached = {True: ", reached", False: ", not reached", None: ""}[judgement.reached]
    return f"{in_unit(exact(judgement.threshold.target), judgement.metric.unit)}{reached}"


def change_words(judgement: Judgement) -> list[str]:
    """What changed, which state that is and, in a family, the corrected p: a line each."""
    threshold, change, earlier = judgement.threshold, judgement.change, judgement.earlier
    if earlier is None:
        return ["not judged: there is no earlier bucket to compare with"]
    before = value_of(judgement, earlier)
    against = f"against {earlier.name}"
    against += f" ({_WITHOUT.get(earlier.status, 'no value')})" if before is None else f" ({before})"
    if change is None:
        return [against, "not judged: the metric has no interval"]
    unit = difference_unit(judgement.metric.unit)
    moved = [against]
    if change.difference is not None:
        many = _places(change, judgement)
        moved = [f"{written(change.difference, many, signed=True)} {unit} {against}"]
        if change.low is not None and change.high is not None:
            ends = f"{written(change.low, many, signed=True)} to {written(change.high, many, signed=True)}"
            moved.append(f"{level(change.confidence)} interval {ends}")
    practical = exact(threshold.meaningful_change)
    lines = [f"{', '.join(moved)}; ±{practical} matters", state_words(change, practical)]
    if threshold.family is not None and change.adjusted_p is not None and change.p is not None:
        corrected = probability(change.adjusted_p)
        lines.append(f"corrected for its family {threshold.family}: p {probability(change.p)}, adjusted {corrected}")
    return lines


def state_words(change: Change, practical: str) -> str:
    """The state of a change and what it rests on."""
    match change.state:
        case "insufficient_n":
            if change.difference is None:
                return "insufficient n: one of the two has no value"
            return "insufficient n: too few rows, or too much alike, to say how sure it is"
        case "meaningful":
            return f"meaningful: the whole interval lies beyond ±{practical}"
        case "meaningful_size_uncertain":
            return (
                f"meaningful, size uncertain: at least {practical}, and the interval excludes 0 but not all of it lies "
                f"beyond ±{practical}"
            )
        case "no_meaningful_change":
            return f"no meaningful change: the whole interval lies within ±{practical}"
        case "significant_below_threshold":
            return (
                f"significant below threshold: less than {practical}, but the interval excludes 0 and reaches beyond "
                f"±{practical}"
            )
        case "inconclusive":
            return f"inconclusive: the interval contains both 0 and {_reached(change, practical)}"
        case _ as never:
            assert_never(never)


def who_words(judgement: Judgement) -> list[tuple[str, str]]:
    """Who answers for the metric and for the threshold, as role and name; what is not given is left out."""
    raci = judgement.metric.raci
    found = [
        ("responsible", raci.responsible),
        ("accountable", raci.accountable),
        ("consulted", ", ".join(raci.consulted)),
        ("informed", ", ".join(raci.informed)),
        ("owner of the threshold", judgement.threshold.owner),
    ]
    return [(role, name) for role, name in found if name]


def summary(evaluation: Evaluation) -> str:
    """How many thresholds stand in which band: breaches first, values that are missing last."""
    judgements = evaluation.judgements
    thresholds = len({judgement.threshold.id for judgement in judgements})
    said = f"{thresholds} threshold{'' if thresholds == 1 else 's'}"
    if len(judgements) > thresholds:
        said += f", judged {len(judgements)} times"
    count = Counter(map(standing, judgements))
    ordered = [name for name in dict.fromkeys(_ranked(judgements)) if count[name]]
    return f"{said}: {', '.join(f'{count[name]} {name}' for name in ordered)}" if ordered else said


def points(judgements: Sequence[Judgement]) -> tuple[Reading | None, ...]:
    """Every reading that judgements of one threshold show or compare with, in order; None where time is left out."""
    shown = {reading.bucket.start: reading for its in judgements for reading in (its.earlier, *its.series) if reading}
    found: list[Reading | None] = []
    for _, reading in sorted(shown.items(), key=lambda item: item[0]):
        last = found[-1] if found else None
        found += [reading] if last is None or last.bucket.end == reading.bucket.start else [None, reading]
    return tuple(found)


def readings(judgements: Sequence[Judgement]) -> list[Reading]:
    """The same without gaps."""
    return [reading for reading in points(judgements) if reading is not None]


def _ranked(judgements: Sequence[Judgement]) -> Iterator[str]:
    """Every standing, the worst ones first as far as the metric says which way is better."""
    yield BREACH
    for judgement in judgements:
        names = [band.name for band in judgement.threshold.bands]
        yield from reversed(names) if judgement.metric.direction == "lower_is_better" else names
    # A value that is missing is no band of any threshold, so these come last.
    for judgement in judgements:
        yield standing(judgement)


def _places(change: Change, judgement: Judgement) -> int:
    size = float(judgement.threshold.meaningful_change)
    ends = [end for end in (change.difference, change.low, change.high) if end is not None]
    return max(places(end, judgement.metric.unit, (0.0, size, -size)) for end in ends)


def _reached(change: Change, practical: str) -> str:
    size = float(practical.replace(",", ""))
    falls = change.low is not None and change.low <= -size
    rises = change.high is not None and change.high >= size
    return f"-{practical}" if falls and not rises else f"+{practical}" if rises and not falls else f"±{practical}"
