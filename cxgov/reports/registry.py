"""A registry's documents, rules and dialects as text and JSON."""

import json
from collections.abc import Sequence
from typing import Any

from cxgov.language.diagnostics import Rule, visible
from cxgov.language.expressions import Expr
from cxgov.language.model import Aggregate, Derived, Metric, NetShare, Ratio, Registry, Share, Source
from cxgov.reports.wording import (
    bare,
    deprecation_fields,
    deprecation_line,
    exclusion_fields,
    exclusion_line,
    overlay_fields,
    overlay_line,
    sampling_fields,
    sampling_lines,
    threshold_fields,
    threshold_line,
)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns as wide as they need; the last one runs on."""
    rows = [[visible(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows
    )


def as_json(value: Any) -> str:
    """A value as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"


def rules_rows(rules: Sequence[Rule]) -> list[dict[str, str]]:
    """The rule table as objects."""
    return [
        {
            "code": rule.code,
            "name": rule.name,
            "severity": str(rule.severity),
            "sentence": rule.sentence,
            "fix": rule.fix,
        }
        for rule in rules
    ]


def rules_text(rules: Sequence[Rule]) -> str:
    """The rule table for people."""
    return columns([[rule.code, rule.name, str(rule.severity), rule.sentence] for rule in rules])


def list_rows(registry: Registry) -> list[dict[str, Any]]:
    """Every metric: what it is called, what it is in, and how it may be asked."""
    return [
        {
            "id": metric.id,
            "version": metric.version,
            "status": metric.status,
            "title": metric.title,
            "unit": metric.unit,
            "owner": metric.owner,
            "dimensions": list(metric.dimensions),
        }
        for metric in sorted(registry.metrics.values(), key=lambda metric: metric.id)
    ]


def list_text(registry: Registry) -> str:
    """The metrics for people."""
    rows = [["metric", "title", "unit", "status", "dimensions"]]
    rows += [
        [row["id"], row["title"], row["unit"], row["status"], ", ".join(row["dimensions"])]
        for row in list_rows(registry)
    ]
    return columns(rows)


def measure_text(metric: Metric) -> str:
    """A measure form in one line of words."""
    match metric.measure:
        case Aggregate() as aggregate:
            return _aggregate(aggregate)
        case Share(of=of, among=among, unknown=unknown):
            return f"share of rows where {bare(of)}{_among(among)}{_unknown(unknown)}"
        case NetShare(plus=plus, minus=minus, among=among, unknown=unknown):
            words = f"share of rows where {bare(plus)}, less the share where {bare(minus)}"
            return f"{words}{_among(among)}{_unknown(unknown)}"
        case Ratio(numerator=numerator, denominator=denominator):
            return f"{_aggregate(numerator)}, over {_aggregate(denominator)}"
        case Derived(of=of):
            return bare(of)


def show_fields(registry: Registry, metric: Metric) -> dict[str, Any]:
    """A metric with everything that gives it its meaning."""
    fields: dict[str, Any] = {
        "id": metric.id,
        "title": metric.title,
        "description": metric.description,
        "version": metric.version,
        "status": metric.status,
        "deprecated": deprecation_fields(metric),
        "owner": metric.owner,
        "measure": measure_text(metric),
        "unit": metric.unit,
        "direction": metric.direction,
    }
    if metric.source:
        source = registry.sources[metric.source]
        fields |= {"source": f"{source.id} ({source.relation}: {source.grain})", "time": metric.time}
    if metric.where:
        fields["where"] = bare(metric.where)
    if metric.valid:
        fields["valid"] = bare(metric.valid)
    fields["dimensions"] = list(metric.dimensions)
    fields["min_sample"] = metric.min_sample
    if metric.sampling:
        fields["sampling"] = sampling_fields(registry.samplings[metric.sampling])
    fields["exclusions"] = exclusion_fields(registry, metric)
    fields["thresholds"] = threshold_fields(registry, metric)
    fields["overlays"] = overlay_fields(registry, metric)
    fields["formerly"] = list(metric.formerly)
    raci = metric.raci
    fields["raci"] = {
        "responsible": raci.responsible,
        "accountable": raci.accountable,
        "consulted": list(raci.consulted),
        "informed": list(raci.informed),
    }
    calendar = registry.calendar
    fields["calendar"] = f"{calendar.id} ({calendar.zone})"
    fields["written"] = str(metric.place)
    return fields


def show_text(fields: dict[str, Any]) -> str:
    """The fields of a metric for people, empty ones left out."""
    rows: list[list[str]] = []
    for name, value in fields.items():
        lines = _lines(name, value)
        rows += [[name if i == 0 else "", line] for i, line in enumerate(lines)]
    return columns(rows)


def _lines(name: str, value: Any) -> list[str]:
    match name:
        case "deprecated":
            return [deprecation_line(value)] if value else []
        case "sampling":
            return sampling_lines(value)
        case "exclusions":
            return [exclusion_line(its) for its in value]
        case "thresholds":
            return [threshold_line(its) for its in value]
        case "overlays":
            return [overlay_line(its) for its in value]
    text = value
    if isinstance(value, list):
        text = ", ".join(value)
    elif isinstance(value, dict):
        text = "; ".join(f"{key}: {', '.join(v) if isinstance(v, list) else v}" for key, v in value.items() if v)
    return [] if text in {None, ""} else [str(text)]


def mermaid(registry: Registry) -> str:
    """Sources, entities and metrics as a Mermaid graph; arrows lead from what is used to what uses it."""
    from cxgov.language.expressions import names  # noqa: PLC0415

    lines = ["flowchart LR"]
    for source in sorted(registry.sources.values(), key=lambda source: source.id):
        lines.append(f"  s_{source.id}[({source.id})]")
        lines += _entities(source)
    for metric in sorted(registry.metrics.values(), key=lambda metric: metric.id):
        lines.append(f"  m_{metric.id}([{metric.id}])")
        if isinstance(metric.measure, Derived):
            lines += [f"  m_{part} --> m_{metric.id}" for part in names(metric.measure.of)]
        else:
            lines.append(f"  s_{metric.source} --> m_{metric.id}")
    return "\n".join(lines) + "\n"


def _among(among: Expr | None) -> str:
    return f", among those where {bare(among)}" if among else ""


def _unknown(unknown: str | None) -> str:
    said = {"out": "; rows where that is unknown are out", "no": "; rows where that is unknown count as not"}
    return said[unknown] if unknown else ""


def _entities(source: Source) -> list[str]:
    return [
        f"  s_{source.id} -. {role} .-> s_{entity.source}"
        for role, entity in sorted(source.entities.items())
        if entity.source
    ]


def _aggregate(aggregate: Aggregate) -> str:
    condition = f" where {bare(aggregate.where)}" if aggregate.where else ""
    if aggregate.of is None:
        return f"count of rows{condition}"
    if aggregate.function == "quantile":
        return f"quantile {aggregate.q} (type {aggregate.quantile_type}) of {bare(aggregate.of)}{condition}"
    return f"{aggregate.function.replace('_', ' ')} of {bare(aggregate.of)}{condition}"
