"""Reports, and those that a change touches, as text and JSON."""

from collections.abc import Sequence
from typing import Any

from cxgov.governance.affected import Affected
from cxgov.governance.findings import Finding
from cxgov.language.diagnostics import visible
from cxgov.language.model import Registry, Report
from cxgov.language.queries import shown
from cxgov.reports.registry import as_json as json_text
from cxgov.reports.registry import columns


def rows(registry: Registry) -> list[dict[str, Any]]:
    """Every report by id, with the metrics that its certificates name; one that is not there has the status null."""
    return [
        {
            **_fields(report),
            "metrics": [
                {"id": identity if metric is None else metric.id, "status": None if metric is None else metric.status}
                for identity, metric in shown(registry, report).items()
            ],
        }
        for _, report in sorted(registry.reports.items())
    ]


def as_text(found: Sequence[dict[str, Any]]) -> str:
    """The reports for people; a metric that is not simply certified stands with its status."""
    if not found:
        return "no reports\n"
    head = ["report", "title", "tool", "owner", "audience", "metrics"]
    return columns(
        [head, *([row[key] for key in ("id", "title", "tool", "owner", "audience")] + [_metrics(row)] for row in found)]
    )


def as_json(found: Sequence[dict[str, Any]]) -> str:
    """The same as one object; its schema is ``schemas/output/reports.json``."""
    return json_text({"reports": [{**row, "findings": []} for row in found]})


def affected_as_text(found: Sequence[Affected]) -> str:
    """The reports that a change touches, each with the metrics that it moves and the edits that do."""
    if not found:
        return "no report is affected\n"
    lines = []
    for its in found:
        report = its.report
        moved = f": {', '.join(metric.id for metric in its.metrics)}" if its.metrics else ""
        lines.append(f"{report.id} ({report.tool}, for {report.audience}, owner {report.owner}){moved}")
        lines += [f"    {_edit(finding)}" for finding in its.findings]
    return "".join(f"{visible(line)}\n" for line in lines)


def affected_as_json(found: Sequence[Affected]) -> str:
    """The same as one object, of the same schema; of the metrics those that are moved."""
    reports = [
        {
            **_fields(its.report),
            "metrics": [{"id": metric.id, "status": metric.status} for metric in its.metrics],
            "findings": [
                {
                    "class": finding.change_class,
                    "kind": finding.kind,
                    "id": finding.id,
                    "field": list(finding.path),
                    "how": finding.how,
                }
                for finding in its.findings
            ],
        }
        for its in found
    ]
    return json_text({"reports": reports})


def _fields(report: Report) -> dict[str, Any]:
    return {
        "id": report.id,
        "version": report.version,
        "title": report.title,
        "tool": report.tool,
        "owner": report.owner,
        "audience": report.audience,
        "queries": [query.path for query in report.queries],
    }


def _metrics(row: dict[str, Any]) -> str:
    said = {None: " (not there)", "certified": ""}
    return ", ".join(its["id"] + said.get(its["status"], f" ({its['status']})") for its in row["metrics"])


def _edit(finding: Finding) -> str:
    field = f" {'.'.join(finding.path)}" if finding.path else ""
    return f"{finding.change_class} {finding.kind} {finding.id}{field} {finding.how}"
