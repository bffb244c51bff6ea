"""What a proposal does to the ledger: entries that it adds, each made again from its tree, and edits that nobody may.

An entry is judged by what it says of a period, without its place in the chain, so that another one that lands first
does not cost its approvals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cxgov.compiler.query import Refused
from cxgov.governance.changes import Moved, Side, SinceFrozen
from cxgov.governance.findings import Finding, Reach
from cxgov.governance.processes import in_parts
from cxgov.governance.steps import Programs
from cxgov.language.diagnostics import Place
from cxgov.language.model import Calendar, Registry
from cxgov.ledger.chain import Altered, Ledger
from cxgov.ledger.entries import Entry, SignedEntry
from cxgov.ledger.folder import LEDGER, OBJECTS
from cxgov.ledger.freezing import Circumstances, Freezing, freeze, is_frozen, restate
from cxgov.meaning.dependencies import Key
from cxgov.meaning.digests import Closures

FREEZE: Final = "Freeze"
_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerChange:
    """What a proposal does to the ledger: findings, faults that no approval heals, and what cannot be made again here.

    ``unmade`` says of entries that other versions of the programs made them, and which.
    """

    findings: tuple[Finding, ...] = ()
    faults: tuple[str, ...] = ()
    unmade: tuple[str, ...] = ()


def held(ledger: Ledger) -> dict[Key, str]:
    """What each reading of a period says, as a digest: what an approval of it is of."""
    return {key_of(entry): said_by(entry) for entry in ledger.entries()}


def key_of(entry: Entry) -> Key:
    """The period, and which of its readings."""
    return FREEZE, entry.period.id if not entry.restatement else f"{entry.period.id}, restatement {entry.restatement}"


def said_by(entry: Entry) -> str:
    """Digest of an entry without its place in the chain."""
    return f"sha256:{entry.said}"


def ledger_change(
    *,
    trusted: Ledger,
    merged: Ledger,
    registry: Registry,
    added: Sequence[str],
    folder: str,
    now: datetime,
    programs: Programs,
) -> LedgerChange:
    """What a proposal adds to the ledger; ``added`` are its new paths, ``registry`` that of the tree it would make."""
    findings: list[Finding] = []
    unmade: list[str] = []
    here = {path.removeprefix(f"{folder}/") for path in added if path.startswith(f"{folder}/")}
    faults: list[str] = []
    wanted: set[str] = set()
    for sequence in range(len(trusted) + 1, len(merged) + 1):
        entry = merged.at(sequence)
        path = f"{LEDGER}/{entry.name}"
        wanted.add(path)
        if isinstance(entry, SignedEntry):
            continue
        wanted |= {f"{OBJECTS}/{its.object}" for its in entry.metrics.values()}
        others = dict(entry.compiler) != dict(programs())
        made = None if others else _made_again(entry, merged.before(sequence), registry)
        if made is None:
            by = " ".join(f"{name}=={version}" for name, version in entry.compiler.items())
            unmade.append(f"{entry.name} was made by {by}, and only they can make it again: install them")
        wrong = made if isinstance(made, str) else _differing(merged, entry, made)
        if wrong is not None:
            findings.append(forged(f"{folder}/{path}", wrong))
            continue
        findings.append(_finding(entry, f"{folder}/{path}"))
        if not entry.late and now >= entry.period.edges.start:
            faults.append(f"{entry.period.id} has begun since it was frozen: freeze it again, as late")
    findings += [forged(f"{folder}/{path}", "no entry names it") for path in sorted(here - wanted)]
    return LedgerChange(findings=tuple(findings), faults=tuple(faults), unmade=tuple(unmade))


def altered_queries(side: Side, folder: str, ledger: Ledger) -> list[str]:
    """The statements of a side's reports that are not what their certificates say; ``folder`` is the registry's."""
    if not side.registry.reports:
        return []
    from cxgov.ledger.reported import reported  # noqa: PLC0415  # sqlglot takes a tenth of a second
    from cxgov.ledger.verifying import Answer  # noqa: PLC0415  # as above

    top = f"{folder}/" if folder else ""
    found = reported(side.registry, ledger, lambda path: side.tree.get(f"{top}{path}"))
    return [f"report {report.id}: {problem.message}" for report, answer, problem in found if answer is Answer.ALTERED]


def used_again(ledger: Ledger, old: Side, new: Side) -> list[str]:
    """Ids of metrics that are gone and were frozen, and would come back with another meaning."""
    before, after = old.registry.metrics, new.registry.metrics
    unknown = [its for its in after if its not in before]
    if not unknown:
        return []
    known = {its for metric in before.values() for its in (metric.id, *metric.formerly)}
    added = [after[its] for its in unknown if not known.intersection((its, *after[its].formerly))]
    entries = ledger.entries() if added else ()
    last = {identity: (entry.period.id, its) for entry in entries for identity, its in entry.metrics.items()}
    return [
        f"{metric.id} was frozen in {last[metric.id][0]} with another meaning and is gone since: "
        "no id is used again, so take another one"
        for metric in added
        if metric.id in last and last[metric.id][1].clo1 != new.closures.clo1(metric)
    ]


def since_frozen(ledger: Ledger, registry: Registry) -> SinceFrozen | None:
    """How the certified metrics of a registry differ from the last period that was frozen; None where none was."""
    periods = ledger.periods()
    if not periods:
        return None
    *_, entry = periods.values()
    closures = Closures(registry)

    def meaning(part: Sequence[str]) -> dict[str, str]:
        return {its: closures.clo1(registry.metrics[its]) for its in part}

    certified = [its.id for its in registry.metrics.values() if is_frozen(its)]
    now = {its: clo1 for part in in_parts(meaning, certified) for its, clo1 in (part or {}).items()}
    now |= meaning([its for its in certified if its not in now])  # those of a process that was ended
    before = {identity: its.clo1 for identity, its in entry.metrics.items()}
    moved = tuple(
        Moved(id=identity, old=before.get(identity), new=now.get(identity))
        for identity in sorted({*before, *now})
        if before.get(identity) != now.get(identity)
    )
    return SinceFrozen(period=entry.period.id, moved=moved)


def moved_calendar(ledger: Ledger, before: Calendar, after: Calendar) -> tuple[str, ...]:
    """How a calendar moves over what is frozen: days that were, or would be, in other periods."""
    periods = list(ledger.periods())
    if not periods:
        return ()
    named = {
        "zone": (before.zone, after.zone),
        "week_start": (before.week_start, after.week_start),
        "fiscal_year": (_fiscal(before), _fiscal(after)),
        "reporting": (before.reporting, after.reporting),
    }
    over = periods[0] if len(periods) == 1 else f"{periods[0]} to {periods[-1]}"
    return tuple(
        f"the calendar's {name} moves over {over}, which is frozen" for name, (was, now) in named.items() if was != now
    )


def _fiscal(calendar: Calendar) -> tuple[int, int, str]:
    return calendar.fiscal_month, calendar.fiscal_day, calendar.named_by


def _made_again(entry: Entry, before: Ledger, registry: Registry) -> Freezing | str:
    """An entry made from the tree, by the programs that it names; or why none can be."""
    start = entry.period.edges.start
    at = start if entry.late else start - _MOMENT
    around = Circumstances(now=at, compiler=entry.compiler, tzdata=entry.period.tzdata)
    try:
        if entry.kind == "Freeze":
            return freeze(registry, before, entry.period.id, around)
        return restate(
            registry,
            before,
            entry.period.id,
            around,
            metrics=entry.restated,
            reason=entry.reason or "",
            difference=entry.difference,
        )
    except Refused as refused:
        return f"it cannot be made: {refused}"


def _differing(merged: Ledger, entry: Entry, made: Freezing | None) -> str | None:
    """Where an entry or an object is not what the tree gives; of an entry that is not made again, its objects."""
    if made is not None and entry.data != made.entry.data:
        lines = zip(entry.data.splitlines(), made.entry.data.splitlines(), strict=False)
        line = next((i for i, (one, other) in enumerate(lines, 1) if one != other), 1)
        return f"line {line} is not what this registry freezes"
    for identity, its in entry.metrics.items():
        try:
            merged.object(its)
        except Altered as altered:
            return f"{identity}: {altered}"
    return None


def _finding(entry: Entry, path: str) -> Finding:
    kind, identity = key_of(entry)
    metrics = entry.restated or tuple(entry.metrics)
    late = ", after the period had begun" if entry.late and not entry.restatement else ""
    said = f"{len(metrics)} metric{'s' if len(metrics) != 1 else ''} in {', '.join(entry.dialects)}{late}"
    if entry.reason:
        said += f": {entry.reason}"
    return Finding(
        kind=kind,
        id=identity,
        path=(),
        how="added",
        change_class="restatement" if entry.late or entry.restatement else "freeze",
        old=None,
        new=said,
        reach=Reach(metrics=tuple(sorted(metrics))),
        place=Place(path, 1, 1),
    )


def forged(path: str, why: str) -> Finding:
    """The finding for a file that nobody put there as what it says it is."""
    return Finding(
        kind="Path",
        id=path,
        path=(),
        how="added",
        change_class="history",
        old=None,
        new=why,
        reach=Reach(),
        place=Place(path, 1, 1),
    )
