"""How a metric ends: which one is used instead, and what is said to whoever still asks it."""

from collections.abc import Mapping

from cxgov.language.model import Metric


def heir(metrics: Mapping[str, Metric], metric: Metric) -> str | None:
    """The metric to use instead of one that ends, over those that end too; None where there is none."""
    found, seen = metric, {metric.id}
    while found.deprecated is not None:
        successor = found.deprecated.successor
        if successor is None or successor in seen:
            return None
        seen.add(successor)
        if successor not in metrics:
            return successor
        found = metrics[successor]
    return found.id


def farewell(metrics: Mapping[str, Metric], metric: Metric) -> str | None:
    """What is said beside the answer of a deprecated metric; None of any other one."""
    if metric.status != "deprecated" or metric.deprecated is None:
        return None
    return f"{metric.id} is deprecated: {instead(metrics, metric)}; sunset {metric.deprecated.sunset}"


def instead(metrics: Mapping[str, Metric], metric: Metric) -> str:
    """What to use instead of a metric that ends, in words."""
    found = heir(metrics, metric)
    return f"use {found}" if found else "no metric replaces it"
