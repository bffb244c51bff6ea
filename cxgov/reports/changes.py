"""A comparison of two registries as text for people, as JSON for programs, and as Markdown for a pull request."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from cxgov.governance.changes import Comparison, SinceFrozen
from cxgov.governance.findings import Finding
from cxgov.governance.lifecycle import Fault
from cxgov.governance.versions import Bump
from cxgov.language.classes import CHANGE_CLASSES
from cxgov.language.diagnostics import visible
from cxgov.reports.markdown import escaped, table
from cxgov.reports.registry import as_json as json_text

_NOTHING: Final = "nothing changed"
# A line that is longer is not read; the JSON has all of it.
_LONGEST: Final = 300
_MOST: Final = 40


# --- text ---


def as_text(comparison: Comparison) -> str:
    """A line for each finding with what it reaches, the versions that are not right, what moved, and the count."""
    lines = []
    for finding in comparison.findings:
        lines.append(f"{finding.place}: {finding.change_class} {finding.kind} {finding.id}{edit_words(finding)}")
        reach = reached_words(finding)
        lines += [f"    {reach}"] if reach else []
    for fault in comparison.faults:
        lines += _fault_lines(fault)
    for bump in comparison.bumps:
        lines += _version_lines(bump)
    if comparison.meaning_moved:
        lines.append(f"meaning moved: {_names(comparison.meaning_moved)}")
    if comparison.since_frozen is not None:
        lines.append(since_frozen_words(comparison.since_frozen))
    return "\n".join(visible(line) for line in [*lines, summary(comparison)]) + "\n"


def since_frozen_words(its: SinceFrozen) -> str:
    """The difference from the last frozen period in a line."""
    other = [moved.id for moved in its.moved if moved.old and moved.new]
    new = [moved.id for moved in its.moved if moved.old is None]
    gone = [moved.id for moved in its.moved if moved.new is None]
    said = [f"{_names(other)} mean{'s' if len(other) == 1 else ''} something else"] if other else []
    said += [f"{_names(new)} {'is' if len(new) == 1 else 'are'} new"] if new else []
    said += [f"{_names(gone)} {'is' if len(gone) == 1 else 'are'} no longer certified"] if gone else []
    return f"since {its.period} was frozen: {'; '.join(said) or 'every metric means what it did'}"


def summary(comparison: Comparison) -> str:
    """How many findings there are of each class, the highest first."""
    counts = Counter(finding.change_class for finding in comparison.findings)
    if not counts:
        return _NOTHING
    total = counts.total()
    said = ", ".join(f"{counts[its]} {its}" for its in sorted(counts, key=CHANGE_CLASSES.index, reverse=True))
    return f"{total} change{'' if total == 1 else 's'}: {said}"


def reached_words(finding: Finding) -> str:
    """What an edit moves beside its own document, in words; nothing where it moves nothing."""
    reach = finding.reach
    # The numbers of what rests on a metric that ends stay as they are while they are there.
    verb = "is part of" if finding.change_class == "retirement" else "also moves"
    parts = [f"{verb} {_names(reach.metrics)}"] if reach.metrics else []
    parts += [f"judges {_names(reach.judged)}"] if reach.judged else []
    parts += [f"judged by {_names(reach.thresholds)}"] if reach.thresholds else []
    parts += [f"under {_names(reach.overlays)}"] if reach.overlays else []
    parts += [f"shown in {_names(reach.reports)}"] if reach.reports else []
    return "; ".join(parts)


def edit_words(finding: Finding) -> str:
    """What became of a field, or of a whole document: goes on after the document's id."""
    field = "".join(f" {'.'.join(finding.path)}" if finding.path else "")
    old, new = (None if its is None else f"`{cut(its)}`" for its in (finding.old, finding.new))
    match finding.how:
        case "changed":
            return f"{field}: {old} -> {new}"
        case "renamed":
            return f": renamed, {old} -> {new}"
        case how:
            return f"{field}: {how} {old or new}"


def version_words(bump: Bump) -> str:
    """What is wrong with a version, or could be lower; nothing where it is right."""
    if bump.taken == "back":
        return f"version {bump.new} is below {bump.old}, and {bump.next} is needed"
    if not bump.enough:
        return f"version {bump.new} is too small: a {bump.needed} change of {bump.old} needs {bump.next}"
    if bump.too_large:
        why = "nothing of it changed" if bump.needed == "none" else f"a {bump.needed} change of {bump.old}"
        return f"version {bump.new} is larger than it must be: {why}, {bump.next} would do"
    return ""


def _version_lines(bump: Bump) -> list[str]:
    words = version_words(bump)
    if not words:
        return []
    if bump.enough:
        return [f"{bump.place}: note[version] {bump.kind} {bump.id}: {words}"]
    return [
        f"{bump.place}: error[version] {bump.kind} {bump.id}: {words}",
        "    fix: run `cxgov bump`, which writes it",
    ]


def fault_words(fault: Fault) -> str:
    """What is wrong, and for how long where that has an end."""
    return fault.message if fault.until is None else f"{fault.message}: not to be merged before that day"


def _fault_lines(fault: Fault) -> list[str]:
    # Without a clock it cannot be told whether the day has come: the gate has one.
    severity = "error" if fault.until is None else "note"
    said = f"{fault.place}: {severity}[lifecycle] {fault.kind} {fault.id}: {fault_words(fault)}"
    return [said, f"    fix: {fault.fix}"] if fault.until is None else [said]


def cut(text: str) -> str:
    """A text as far as it is read."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _names(names: Iterable[str]) -> str:
    every = list(names)
    more = len(every) - _MOST
    return ", ".join(every[:_MOST]) + (f" and {more} more" if more > 0 else "")


# --- JSON ---


def as_json(comparison: Comparison) -> str:
    """The same, nothing cut off; its schema is ``schemas/output/diff.json``."""
    return json_text(fields(comparison))


def fields(comparison: Comparison) -> dict[str, Any]:
    """A comparison as an object."""
    return {
        "quiet": comparison.quiet,
        "findings": [_finding_row(finding) for finding in comparison.findings],
        "faults": [_fault_row(fault) for fault in comparison.faults],
        "versions": [version_row(bump) for bump in comparison.bumps],
        "moved": [
            {"metric": its.id, "overlay": its.overlay, "old": its.old, "new": its.new} for its in comparison.moved
        ],
        "since_frozen": None
        if comparison.since_frozen is None
        else {
            "period": comparison.since_frozen.period,
            "moved": [{"metric": its.id, "old": its.old, "new": its.new} for its in comparison.since_frozen.moved],
        },
    }


def _finding_row(finding: Finding) -> dict[str, Any]:
    place, reach = finding.place, finding.reach
    return {
        "class": finding.change_class,
        "kind": finding.kind,
        "id": finding.id,
        "field": list(finding.path),
        "how": finding.how,
        "old": finding.old,
        "new": finding.new,
        "reach": {
            "metrics": list(reach.metrics),
            "judged": list(reach.judged),
            "thresholds": list(reach.thresholds),
            "overlays": list(reach.overlays),
            "reports": list(reach.reports),
        },
        "path": None if place is None else place.path,
        "line": None if place is None else place.line,
        "column": None if place is None else place.column,
    }


def _fault_row(fault: Fault) -> dict[str, Any]:
    place = fault.place
    return {
        "kind": fault.kind,
        "id": fault.id,
        "message": fault.message,
        "fix": fault.fix,
        "until": None if fault.until is None else fault.until.isoformat(),
        "path": None if place is None else place.path,
        "line": None if place is None else place.line,
        "column": None if place is None else place.column,
    }


def version_row(bump: Bump) -> dict[str, Any]:
    """A document's versions as an object."""
    return {
        "kind": bump.kind,
        "id": bump.id,
        "old": bump.old,
        "new": bump.new,
        "needed": bump.needed,
        "taken": bump.taken,
        "next": bump.next,
        "enough": bump.enough,
        "path": None if bump.place is None else bump.place.path,
    }


# --- versions alone ---


def bumps_as_text(bumps: Sequence[Bump], *, written: bool) -> str:
    """A line for each version that was written, or has to be."""
    if not bumps:
        return "every version is large enough\n"
    if not written:
        return "".join(visible(line) + "\n" for bump in bumps for line in _version_lines(bump))
    lines = [f"{its.place}: {its.kind} {its.id}: {its.new} -> {its.next}, a {its.needed} change" for its in bumps]
    return "".join(f"{visible(line)}\n" for line in lines)


def bumps_as_json(bumps: Sequence[Bump], *, written: bool) -> str:
    """The same as one object; its schema is ``schemas/output/bump.json``."""
    return json_text({"written": written, "versions": [version_row(bump) for bump in bumps]})


# --- Markdown ---


def as_markdown(comparison: Comparison) -> str:
    """A table of the findings, those of the highest class first, then versions, then what moved."""
    parts = [f"**{escaped(summary(comparison))}**"]
    if comparison.findings:
        order = sorted(comparison.findings, key=lambda its: -CHANGE_CLASSES.index(its.change_class))
        parts.append(table(["class", "document", "field", "before", "after", "reaches"], map(cells, order)))
    parts += [
        f"**Not to be approved**: {escaped(f'{its.kind} {its.id}: {fault_words(its)}')}." for its in comparison.faults
    ]
    wrong = [bump for bump in comparison.bumps if not bump.enough]
    if wrong:
        rows = [[escaped(f"{its.kind} {its.id}"), its.old, its.new, its.next] for its in wrong]
        parts += ["Versions that are too small (`cxgov bump` writes them):"]
        parts.append(table(["document", "before", "now", "needed"], rows))
    if comparison.meaning_moved:
        parts.append(f"Metrics whose meaning moved: {escaped(_names(comparison.meaning_moved))}.")
    if comparison.since_frozen is not None:
        parts.append(f"S{escaped(since_frozen_words(comparison.since_frozen))[1:]}.")
    return "\n\n".join(parts) + "\n"


def cells(finding: Finding) -> list[str]:
    """A row of the table: class, document, field, before, after, what it reaches."""
    how = "" if finding.how == "changed" else finding.how
    field = ".".join(finding.path)
    old, new = ("" if its is None else escaped(cut(its)) for its in (finding.old, finding.new))
    return [
        f"**{escaped(finding.change_class)}**",
        escaped(f"{finding.kind} {finding.id}"),
        escaped(" ".join(filter(None, (field, f"({how})" if how and field else how)))),
        old,
        new,
        escaped(reached_words(finding)),
    ]
