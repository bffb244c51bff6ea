"""What derived metrics are made of."""

from collections.abc import Mapping

from cxgov.language.expressions import names
from cxgov.language.model import Derived, Metric


def measured_parts(metrics: Mapping[str, Metric], *asked: Metric) -> list[Metric]:
    """The metrics with a source of their own that metrics are, or are derived from, each once, in their order.

    What ``metrics`` lacks, and what is derived from itself, has none: linking says so.
    """
    found = []
    waiting, seen = list(reversed(asked)), set()
    while waiting:
        metric = waiting.pop()
        if metric.id in seen:
            continue
        seen.add(metric.id)
        if isinstance(metric.measure, Derived):
            parts = [metrics[name] for name in names(metric.measure.of) if name in metrics]
            waiting += reversed(parts)
        else:
            found.append(metric)
    return found
