"""A change to the reports that it touches: which of their metrics it moves, and by which edits."""

from dataclasses import dataclass

from cxgov.governance.changes import Side, compare
from cxgov.governance.findings import Finding
from cxgov.language.model import Metric, Report
from cxgov.language.queries import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """A report that a change touches, as it is or was; ``metrics`` are those that it shows and that move or end."""

    report: Report
    metrics: tuple[Metric, ...]
    findings: tuple[Finding, ...]


def affected(old: Side, new: Side) -> tuple[Affected, ...]:
    """The reports that change between two sides, or show a metric that an edit moves or ends."""
    found: dict[str, list[Finding]] = {}
    for finding in compare(old, new).findings:
        own = [finding.id] if finding.kind == "Report" else []
        for identity in (*own, *finding.reach.reports):
            found.setdefault(identity, []).append(finding)
    return tuple(_affected(old, new, identity, tuple(found[identity])) for identity in sorted(found))


def _affected(old: Side, new: Side, identity: str, findings: tuple[Finding, ...]) -> Affected:
    registry = new.registry if identity in new.registry.reports else old.registry
    report = registry.reports[identity]
    moved = {its for finding in findings for its in finding.reach.metrics}
    moved |= {finding.id for finding in findings if finding.kind == "Metric"}
    every = {its.id: its for its in shown(registry, report).values() if its is not None}
    metrics = tuple(every[its] for its in sorted(every.keys() & moved))
    return Affected(report=report, metrics=metrics, findings=findings)
