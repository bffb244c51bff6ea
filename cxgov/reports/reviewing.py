"""A review in words and rounded numbers, for whatever shows it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cxgov.evaluation.reviewed import Compared, Number, Numbers, Pair, Reviewed
from cxgov.governance.changes import Comparison
from cxgov.governance.findings import Finding
from cxgov.governance.versions import Bump
from cxgov.language.classes import CHANGE_CLASSES
from cxgov.reports.changes import version_words
from cxgov.reports.numbers import NO_DATA, SUPPRESSED, decimals, difference_unit, level, written
from cxgov.reports.verdicts import answer

NO_CONNECTION: Final = "no connection was asked, so nothing is said of numbers: name one with --connection"
CLOSE: Final = "hidden: the two rest on so nearly the same rows that single answers could be told from them"
_FINER: Final = 5
_MOST: Final = 4
# In the order in which a reader looks at them.
_OUTCOMES: Final = {
    "moved": "moved",
    "new": "new",
    "removed": "removed",
    "hidden": "hidden",
    "apart": "not comparable",
    "not_evaluated": "not evaluated",
    "same": "the same as before",
}
_SIDES: Final = {"old": "before", "new": "after"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A pair of numbers as it is read; ``old`` and ``new`` are value, interval and n, None where there is no metric.

    ``difference`` is empty unless the number moved, and is in ``unit``.
    """

    old: tuple[str, str, str] | None
    new: tuple[str, str, str] | None
    difference: str
    unit: str
    n: str


# --- the change ---


def sentences(reviewed: Reviewed) -> list[str]:
    """How much changes, what the verdict is and what is missing, and what became of the numbers."""
    gated, numbers = reviewed.gated, reviewed.numbers
    if gated.proposal is None:
        count = len(gated.refused) + len(gated.problems)
        said = [f"The merge would be no valid registry: {_many(count, 'problem')}."]
        return [*said, *([f"Also {_altered(reviewed)}."] if gated.altered else [])]
    found = [_counted(gated.proposal.comparison), _verdict(reviewed)]
    if numbers is not None:
        found += [_outcomes(numbers)]
    return found


def findings(comparison: Comparison) -> list[Finding]:
    """The findings, those of the highest class first."""
    return sorted(comparison.findings, key=lambda its: -CHANGE_CLASSES.index(its.change_class))


def bump_of(comparison: Comparison, finding: Finding) -> str | None:
    """The version of a finding's document: the step that it takes, or what is wrong with it."""
    bump = next((its for its in comparison.bumps if (its.kind, its.id) == (finding.kind, finding.id)), None)
    return None if bump is None else bump_words(bump)


def bump_words(bump: Bump) -> str:
    """A version's step."""
    wrong = version_words(bump)
    if wrong:
        return wrong
    if bump.new == bump.old:
        return f"version {bump.old}, which may stay"
    return f"version {bump.old} -> {bump.new}, a {bump.needed} change"


def _counted(comparison: Comparison) -> str:
    if not comparison.findings:
        return "Nothing changes in meaning."
    highest = findings(comparison)[0].change_class
    return f"{_many(len(comparison.findings), 'change')}, the highest of class {highest}."


def _verdict(reviewed: Reviewed) -> str:
    verdict = reviewed.gated.verdict
    assert verdict is not None
    said = answer(reviewed.gated).capitalize()
    counts = Counter(missing for demand in verdict.demands for missing in demand.missing)
    lacking = [what if count == 1 else f"{what} (for {count} changes)" for what, count in counts.items()]
    parts = [f"missing {_joined(lacking)}"] if lacking else []
    parts += [f"veto of {_joined(its.person for its in verdict.vetoes)}"] if verdict.vetoes else []
    parts += [_joined((*verdict.moved, *verdict.faults))] if verdict.moved or verdict.faults else []
    parts += [_altered(reviewed)] if reviewed.gated.altered else []
    return f"{said}: {'; '.join(parts)}." if parts else f"{said}."


def _altered(reviewed: Reviewed) -> str:
    return f"what was approved or frozen is altered: {_joined(reviewed.gated.altered)}"


def _outcomes(numbers: Numbers) -> str:
    counts = Counter[str](its.outcome if its.evaluated else "not_evaluated" for its in numbers.compared)
    if not counts:
        return "No metric's meaning moved." if not numbers.drafts else "Only drafts moved."
    said = ", ".join(f"{counts[its]} {word}" for its, word in _OUTCOMES.items() if counts[its])
    return f"Numbers: {said}."


# --- numbers ---


def about(numbers: Numbers) -> list[str]:
    """Of when and from where the numbers are."""
    old, new = numbers.old_period, numbers.new_period
    said = [f"{old.name}: {old.start} to before {old.end}"]
    if (old.start, old.end) != (new.start, new.end):
        said[0] += f"; by the proposed calendar {new.start} to before {new.end}"
    said[0] += f". As of {numbers.as_of:%Y-%m-%d %H:%M} UTC" + (
        f", connection {numbers.connection}." if numbers.connection else "."
    )
    if numbers.closes is not None:
        said.append(f"By the proposed calendar it would be as of {numbers.closes:%Y-%m-%d %H:%M} UTC.")
    if numbers.early:
        said.append("Asked before that: rows may still arrive.")
    before, after = map(level, numbers.confidences)
    said.append(f"{before} intervals." if before == after else f"{before} intervals before, {after} after.")
    if numbers.drafts:
        said.append(f"Drafts that moved and were not asked for (--draft): {_joined(numbers.drafts)}.")
    return said


def in_order(numbers: Numbers) -> tuple[list[Compared], list[Compared]]:
    """What a reader must look at, and the metrics whose number is the same as before."""
    same = [its for its in numbers.compared if its.outcome == "same" and not its.splits]
    told = [its for its in numbers.compared if its not in same]
    return sorted(told, key=lambda its: list(_OUTCOMES).index(its.outcome if its.evaluated else "not_evaluated")), same


def name_of(its: Compared) -> str:
    """A metric's id, with the overlay under which it is asked."""
    return its.id if its.overlay is None else f"{its.id}@{its.overlay}"


def title_of(its: Compared) -> str:
    """A metric's title and unit."""
    unit = f"{its.old.unit} -> {its.new.unit}" if its.old and its.new and its.units_differ else its.metric.unit
    sides = [metric for metric in (its.old, its.new) if metric is not None]
    draft = ", draft" if all(metric.status == "draft" for metric in sides) else ""
    under = f", under {its.overlay}" if its.overlay is not None else ""
    return f"{its.metric.title}{under}, in {unit}{draft}"


def shown(its: Compared, pair: Pair) -> Shown:
    """A pair of numbers, both as fine as it takes to tell them apart."""
    many = _decimals(its, pair)
    old, new = (_side(number, many) for number in (pair.old, pair.new))
    counts = [side[2] for side in (old, new) if side is not None]
    difference = its.difference(pair) if its.outcome_of(pair) == "moved" else None
    return Shown(
        old=old,
        new=new,
        difference="" if difference is None else written(difference, many, signed=True),
        unit=difference_unit(its.metric.unit),
        n=counts[0] if len(set(counts)) == 1 else " -> ".join(counts),
    )


def outcome_words(its: Compared, pair: Pair) -> str:
    """What became of a number; nothing where the difference says it."""
    if its.close:
        return CLOSE
    match its.outcome_of(pair):
        case "moved":
            return ""
        case "same":
            return "the same number, though its meaning moved"
        case "new":
            return "new: there was no such number"
        case "removed":
            return "removed: there would be no such number"
        case "hidden":
            return "no difference is shown: too few rows"
        case "apart":
            return "no difference: another unit" if its.units_differ else "no difference: one side has no value"
        case _:
            if any(side is not None and side.has_rows for side in (pair.old, pair.new)):
                return "not evaluated: neither side has a value"
            return "not evaluated: no row counts, so nothing is known of the change"


def whys(its: Compared) -> list[str]:
    """Why a metric is not evaluated."""
    reasons = list(dict.fromkeys(why.reason for why in its.whys))
    if len(reasons) == 1 and len(its.whys) == len([side for side in (its.old, its.new) if side]):
        return [f"not evaluated: {reasons[0]}"]
    return [f"not evaluated {_SIDES[why.side]}: {why.reason}" for why in its.whys]


def common_reason(compared: Sequence[Compared]) -> str | None:
    """The one reason why nothing is evaluated; None where there are several, or numbers."""
    reasons = {tuple(whys(its)) for its in compared}
    if len(compared) > 1 and len(reasons) == 1 and all(its.whys for its in compared):
        [[first, *_]] = reasons
        return first
    return None


def group_words(group: object) -> str:
    """The value of a dimension."""
    if group is None:
        return "(none)"
    return str(group).lower() if isinstance(group, bool) else str(group)


def _side(number: Number | None, many: int) -> tuple[str, str, str] | None:
    if number is None:
        return None
    if number.status == "suppressed":
        return SUPPRESSED, "suppressed", SUPPRESSED
    n = NO_DATA if number.n is None else f"{number.n:,}"
    if number.value is None:
        return NO_DATA, "no data", n
    interval = ""
    if number.low is not None and number.high is not None:
        interval = f"{written(number.low, many)} to {written(number.high, many)}"
    return written(number.value, many), interval, n


def _decimals(its: Compared, pair: Pair) -> int:
    values = [side.value for side in (pair.old, pair.new) if side is not None and side.value is not None]
    least = max((decimals(value, its.metric.unit) for value in values), default=0)
    if its.outcome_of(pair) != "moved":
        return least
    finer = (many for many in range(least, least + _FINER) if len({round(value, many) for value in values}) > 1)
    return next(finer, least + _FINER)


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _joined(words: Iterable[str]) -> str:
    every = list(words)
    more = len(every) - _MOST
    return ", ".join(every[:_MOST]) + (f" and {more} more" if more > 0 else "")
