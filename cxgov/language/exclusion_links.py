"""An exclusion against its source, the metrics that it names and the longest time that the registry allows."""

from cxgov.language.linking import Linker, Written
from cxgov.language.model import Exclusion, Metric
from cxgov.language.rules import EXCLUSION


def exclusion(linker: Linker, written: Written[Exclusion]) -> None:
    """Holds an exclusion to its source, its metrics and its length."""
    document, data = written.document, written.data
    source = linker.source_named(written, data)
    if source:
        linker.condition(written, document.where, source)
    for i, identity in enumerate(document.metrics):
        at = data["metrics"].items_at[i]
        metric = linker.metrics.get(identity)
        if metric is None:
            linker.missing(written, at, "metric", identity, linker.metrics)
        elif source and (why := _not_excludable(document, metric)):
            linker.refuse(EXCLUSION, written, at, f"{identity!r} {why[0]}", why[1])
    longest = linker.settings.longest_exclusion if linker.settings else None
    if longest is not None and document.end - document.start > longest:
        message = f"{(document.end - document.start).days} days, and the registry allows {longest.days}"
        fix = "Write an earlier `until`; a longer exception needs an exclusion of its own."
        linker.refuse(EXCLUSION, written, data.values_at["until"], message, fix)


def _not_excludable(document: Exclusion, metric: Metric) -> tuple[str, str] | None:
    if metric.source is None:
        return "has no rows of its own: it is derived", "Name the metrics that it is derived from."
    if metric.source != document.source:
        return f"measures {metric.source}, not {document.source}", f"Write an exclusion over {metric.source}."
    if metric.time is None:
        return "has no `time`, so none of its rows lies between two days", "Give the metric its `time:`."
    return None
