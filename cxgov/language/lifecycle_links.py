"""A metric that ends against its own fields and its successor, and what names it against its status."""

from cxgov.language.linking import D, Linker, Written
from cxgov.language.model import Metric
from cxgov.language.reader import Mark
from cxgov.language.rules import DEPRECATED, LIFECYCLE, RETIRED, SUCCESSOR


def lifecycle(linker: Linker, written: Written[Metric]) -> None:
    """Holds a metric's `deprecated` to its status and to the successor that it names."""
    metric, data = written.document, written.data
    ending = metric.status in {"deprecated", "retired"}
    if ending and metric.deprecated is None:
        message = f"{metric.status} metric {metric.id!r} has no `deprecated`"
        linker.refuse(LIFECYCLE, written, data.values_at["status"], message)
    elif not ending and metric.deprecated is not None:
        message = f"`deprecated` of a metric whose status is {metric.status}"
        fix = "Remove it, or write `status: deprecated`: `cxgov deprecate` writes both."
        linker.refuse(LIFECYCLE, written, data.keys_at["deprecated"], message, fix)
    elif metric.deprecated is not None and metric.deprecated.successor is not None:
        _successor(linker, written, metric.deprecated.successor)


def rests_on(linker: Linker, written: Written[D], at: Mark, part: Metric, what: str) -> None:
    """Refuses a retired metric where something names it that answers for the present: it ``what`` the metric."""
    if part.status == "retired":
        linker.refuse(RETIRED, written, at, f"{what} {part.id!r}, which is retired")


def _successor(linker: Linker, written: Written[Metric], identity: str) -> None:
    metric = written.document
    at = written.data["deprecated"].values_at["successor"]
    found = linker.metrics.get(identity)
    if found is None:
        linker.missing(written, at, "metric", identity, linker.metrics)
    elif _leads_to(linker, identity, metric.id):
        message = f"the successor of {metric.id!r} leads back to it"
        linker.refuse(SUCCESSOR, written, at, message)
    elif found.status == "draft":
        linker.refuse(SUCCESSOR, written, at, f"successor {identity!r} is a draft")
    elif found.status == "retired" and metric.status == "deprecated":
        # What is retired itself may lead to what was retired after it.
        linker.refuse(SUCCESSOR, written, at, f"successor {identity!r} is retired")
    elif found.status == "deprecated" and metric.status == "deprecated":
        linker.refuse(DEPRECATED, written, at, f"successor {identity!r} is deprecated", "Name the metric that stays.")


def _leads_to(linker: Linker, start: str, goal: str) -> bool:
    """Whether the successors of a metric, itself among them, come to another."""
    here: str | None = start
    seen: set[str] = set()
    while here is not None and here not in seen:
        if here == goal:
            return True
        seen.add(here)
        metric = linker.metrics.get(here)
        here = metric.deprecated.successor if metric is not None and metric.deprecated is not None else None
    return False
