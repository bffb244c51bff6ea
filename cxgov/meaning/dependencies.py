"""What the compiler may read for a metric, and what depends on a document."""

from cxgov.language.derivation import measured_parts
from cxgov.language.expressions import names
from cxgov.language.model import Derived, Document, Metric, Overlay, Registry, Sampling, Source
from cxgov.language.paths import route
from cxgov.language.queries import shown
from cxgov.meaning.documents import kind_of

Key = tuple[str, str]


def closure(registry: Registry, metric: Metric) -> dict[str, Document]:
    """Every document that the compiler may read for a metric, by the role that it has for it.

    What it refers to; what it gets by default, the registry and its calendar; the sources on the paths of its
    dimensions; the exclusions that name it.
    """
    found: dict[str, Document] = {"registry": registry.settings, "calendar": registry.calendar}
    if isinstance(metric.measure, Derived):
        for part in names(metric.measure.of):
            found[f"part {part}"] = registry.metrics[part]
        return found
    assert metric.source is not None
    source = registry.sources[metric.source]
    found["source"] = source
    for path in metric.dimensions:
        hops = path.split(".")[:-1]
        for i, hop in enumerate(route(path, source, registry.sources).hops, 1):
            found[f"path {'.'.join(hops[:i])}"] = registry.sources[hop.target]
    if metric.sampling is not None:
        rule = registry.samplings[metric.sampling]
        found["sampling"] = rule
        found |= rule_sources(registry, rule)
    taken = [its for its in registry.exclusions.values() if metric.id in its.metrics]
    found |= {f"exclusion {its.id}": its for its in sorted(taken, key=lambda its: its.id)}
    return found


def rule_sources(registry: Registry, rule: Sampling) -> dict[str, Source]:
    """The sources that a sampling rule reads beside the one whose rows it counts."""
    found = {}
    if rule.frame is not None:
        found["frame"] = registry.sources[rule.frame.source]
    if rule.invited is not None:
        found["invited"] = registry.sources[rule.invited.source]
    return found


def reached(registry: Registry) -> dict[Key, frozenset[str]]:
    """For every document the metrics whose numbers it can move, itself among them where it is one.

    A threshold has the metric that it judges, a report those that it shows.
    """
    found: dict[Key, set[str]] = {}
    for metric in registry.metrics.values():
        waiting: list[Document] = [metric]
        seen: set[Key] = set()
        while waiting:
            document = waiting.pop()
            key = (kind_of(document), document.id)
            if key in seen:
                continue
            seen.add(key)
            found.setdefault(key, set()).add(metric.id)
            if isinstance(document, Metric):
                waiting += closure(registry, document).values()
    for threshold in registry.thresholds.values():
        found.setdefault(("Threshold", threshold.id), set()).add(threshold.metric)
    for report in registry.reports.values():
        for shows in shown(registry, report).values():
            if shows is not None:
                found.setdefault(("Report", report.id), set()).add(shows.id)
    for metric, overlay in overlaid(registry):
        found.setdefault(("Overlay", overlay.id), set()).add(metric.id)
    return {key: frozenset(metrics) for key, metrics in found.items()}


def overlaid(registry: Registry) -> list[tuple[Metric, Overlay]]:
    """Every metric with every overlay under which it is another one: what it narrows, and what is made of that."""
    if not registry.overlays:
        return []
    every = [registry.metrics[its] for its in sorted(registry.metrics)]
    parts = [{its.id for its in measured_parts(registry.metrics, metric)} for metric in every]
    return [
        (metric, overlay)
        for overlay in registry.overlays.values()
        for metric, its in zip(every, parts, strict=True)
        if its <= set(overlay.metrics)
    ]


def governed(registry: Registry, reaching: dict[Key, frozenset[str]]) -> frozenset[Key]:
    """The documents that something certified reaches; Registry and Council always are. ``reaching`` is ``reached``.

    What was certified stays governed until it is gone, also once it is retired.
    """
    certified = {metric.id for metric in registry.metrics.values() if metric.status != "draft"}
    its = {key for key, metrics in reaching.items() if metrics & certified}
    always: list[Document] = [registry.settings, *([registry.council] if registry.council else [])]
    return frozenset({*its, *((kind_of(document), document.id) for document in always)})
