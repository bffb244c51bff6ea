"""What stands around a metric, in words and as fields: its sampling rule's steps, its exclusions, its thresholds."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from cxgov.language.expressions import Expr
from cxgov.language.model import Metric, Registry, Sampling, Threshold
from cxgov.language.sampling import Weights

_UNITS: Final = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def bare(tree: Expr) -> str:
    """An expression without brackets around all of it."""
    text = str(tree)
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def deprecation_fields(metric: Metric) -> dict[str, Any] | None:
    """How a metric ends; None where it does not."""
    its = metric.deprecated
    if its is None:
        return None
    return {"successor": its.successor, "sunset": its.sunset.isoformat(), "notice": its.notice}


def deprecation_line(row: dict[str, Any]) -> str:
    """The same in a line."""
    return f"sunset {row['sunset']}, successor {row['successor'] or 'none'}: {row['notice']}"


def sampling_fields(rule: Sampling) -> dict[str, Any]:
    """A sampling rule by its steps, in the order in which they are taken."""
    return {"id": rule.id, "title": rule.title, "steps": steps(rule)}


def exclusion_fields(registry: Registry, metric: Metric) -> list[dict[str, Any]]:
    """The exclusions that name a metric, by their first day."""
    return [
        {
            "id": its.id,
            "title": its.title,
            "where": bare(its.where),
            "from": its.start.isoformat(),
            "until": its.end.isoformat(),
            "reason": its.reason,
            "evidence": its.evidence,
            "requester": its.requester,
        }
        for its in sorted(registry.exclusions.values(), key=lambda its: (its.start, its.id))
        if metric.id in its.metrics
    ]


def threshold_fields(registry: Registry, metric: Metric) -> list[dict[str, Any]]:
    """The thresholds of a metric by id."""
    return [
        threshold_row(its)
        for its in sorted(registry.thresholds.values(), key=lambda its: its.id)
        if its.metric == metric.id
    ]


def threshold_row(its: Threshold) -> dict[str, Any]:
    """What a threshold says."""
    return {
        "id": its.id,
        "title": its.title,
        "grain": its.grain,
        "scope": dict(its.scope),
        "target": None if its.target is None else _number(its.target),
        "bands": [{"name": b.name, "below": None if b.below is None else _number(b.below)} for b in its.bands],
        "meaningful_change": _number(its.meaningful_change),
        "against": its.against,
        "family": its.family,
        "playbook": its.playbook,
    }


def overlay_fields(registry: Registry, metric: Metric) -> list[dict[str, Any]]:
    """The overlays that name a metric, by id."""
    return [
        {
            "id": its.id,
            "title": its.title,
            "where": bare(its.where),
            "dimensions": {name: bare(dimension.expression) for name, dimension in its.dimensions.items()},
            "thresholds": [key for key in its.thresholds if registry.thresholds[key].metric == metric.id],
            "min_sample": its.min_sample,
        }
        for its in sorted(registry.overlays.values(), key=lambda its: its.id)
        if metric.id in its.metrics
    ]


def sampling_lines(fields: dict[str, Any]) -> list[str]:
    """The fields of a sampling rule for people."""
    return [f"{fields['id']}, {fields['title']}", *(f"- {step}" for step in fields["steps"])]


def exclusion_line(fields: dict[str, Any]) -> str:
    """The fields of an exclusion for people."""
    days = f"from {fields['from']} to before {fields['until']}"
    told = f"{fields['reason']} ({fields['evidence']}, {fields['requester']})"
    return f"{fields['id']}: {days}, rows where {fields['where']}: {told}"


def overlay_line(fields: dict[str, Any]) -> str:
    """The fields of an overlay for people."""
    more = f"; by {', '.join(fields['dimensions'])} too" if fields["dimensions"] else ""
    more += f"; judged by {', '.join(fields['thresholds'])}" if fields["thresholds"] else ""
    more += f"; shown from {fields['min_sample']} rows" if fields["min_sample"] else ""
    return f"{fields['id']}, {fields['title']}: rows where {fields['where']}{more}"


def threshold_line(fields: dict[str, Any]) -> str:
    """The fields of a threshold for people."""
    scope = "".join(f", {path} {value}" for path, value in fields["scope"].items())
    bands = ", ".join(
        band["name"] if band["below"] is None else f"{band['name']} below {band['below']}" for band in fields["bands"]
    )
    target = "" if fields["target"] is None else f"; target {fields['target']}"
    against = "the period before" if fields["against"] == "previous" else "a year before"
    change = f"a change of {fields['meaningful_change']} against {against} matters"
    return f"{fields['id']}: by {fields['grain']}{scope}: {bands}{target}; {change}"


def steps(rule: Sampling) -> list[str]:
    """The steps of a sampling rule, each in a line of words."""
    found = [f"rows of {rule.source}, by {rule.unit}"]
    if rule.frame:
        condition = f" where {bare(rule.frame.where)}" if rule.frame.where else ""
        found.append(f"frame: {rule.unit} is in {rule.frame.source}{condition}")
    if rule.contact_cap:
        most, per = rule.contact_cap.at_most, length(rule.contact_cap.per)
        found.append(f"contact cap: invitations with fewer than {most} others to the {rule.unit} in the {per} before")
    if rule.select:
        drawn = "all of the frame"
        if rule.select.method == "hash":
            drawn = f"{rule.select.fraction} of the frame, by hash with salt '{rule.select.salt}'"
        found.append(f"selected: {drawn}")
    if rule.invited:
        found.append(f"invited: {rule.unit} has a row of {rule.invited.source}, at {rule.invited.time}")
    if rule.responded:
        within = length(rule.responded.within)
        found.append(f"responded: {rule.responded.time} less than {within} after the invitation")
    if rule.deduplicate:
        order = ", ".join(rule.deduplicate.order)
        found.append(f"one row: the {rule.deduplicate.keep} of each {rule.unit} in a bucket, by {order}")
    if rule.weights:
        found.append(f"weighted: {_weights(rule.weights)}")
    minimum = rule.minimum
    if minimum.show > 1:
        found.append(f"shown from {minimum.show} rows")
    if minimum.privacy > 1:
        more = ", and never alone in a line" if minimum.complementary else ""
        found.append(f"private below {minimum.privacy} rows{more}")
    return found


def length(time: timedelta) -> str:
    """A length of time in the largest unit that divides it."""
    seconds = time.days * 86400 + time.seconds
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    count = seconds // size
    return f"{count} {unit}" + ("" if count == 1 else "s")


def _weights(weights: Weights) -> str:
    match weights.method:
        case "inclusion":
            return "one over the probability of being drawn"
        case "column" | "value":
            return f"by {weights.column}"
        case "poststratify":
            joined = f", joined over {weights.collapse} where one is empty" if weights.collapse else ""
            return f"to the frame, by cells of {', '.join(weights.by)}{joined}"


def _number(value: Decimal | int) -> float | int:
    return value if isinstance(value, int) else float(value)
