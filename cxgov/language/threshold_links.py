"""A threshold against the metric that it judges: periods, and the group that its scope names."""

from datetime import date

from cxgov.language.derivation import measured_parts
from cxgov.language.diagnostics import listed, nearest
from cxgov.language.lifecycle_links import rests_on
from cxgov.language.linking import Linker, Written
from cxgov.language.model import Metric, Threshold
from cxgov.language.paths import PathError, route
from cxgov.language.rules import JUDGED, VALUE
from cxgov.language.typecheck import Named

_PYTHON = {"text": str, "integer": int, "boolean": bool, "date": str}
_SAID = {"text": "a text", "integer": "a whole number", "boolean": "true or false", "date": "a day, e.g. 2026-05-01"}


def threshold(linker: Linker, written: Written[Threshold]) -> None:
    """Holds a threshold to its metric."""
    document, data = written.document, written.data
    at = data.values_at["metric"]
    metric = linker.metrics.get(document.metric)
    if metric is None:
        linker.missing(written, at, "metric", document.metric, linker.metrics)
        return
    rests_on(linker, written, at, metric, "it judges")
    parts = measured_parts(linker.metrics, metric)
    timeless = [part.id for part in parts if part.time is None]
    if timeless:
        whose = "" if timeless == [metric.id] else f" of {timeless[0]!r}, which it is derived from"
        message = f"{metric.id!r} has no periods: there is no `time`{whose}"
        linker.refuse(JUDGED, written, at, message, "Name a metric with a `time:`.")
    for path, value in document.scope:
        where = data["scope"].keys_at[path]
        if path not in metric.dimensions:
            message = f"{path!r} is no dimension of {metric.id!r}{nearest(path, metric.dimensions)}"
            linker.refuse(JUDGED, written, where, message, f"Its dimensions: {listed(metric.dimensions)}.")
            continue
        for part in parts:
            kind = _dimension(linker, part, path)
            why = _misfit(value, kind, path) if kind else None
            if why:
                linker.refuse(VALUE, written, data["scope"].values_at[path], *why)
                break


def _dimension(linker: Linker, metric: Metric, path: str) -> Named | None:
    """What a dimension's path stands for; None where that is said of the metric or of the source."""
    source = linker.sources.get(metric.source or "")
    if source is None:
        return None
    try:
        found = route(path, source, linker.sources)
    except PathError:
        return None
    return linker.scopes[found.source].get(found.dimension.name)


def _misfit(value: object, named: Named, path: str) -> tuple[str, str] | None:
    kind = named.type.name
    if type(value) is not _PYTHON.get(kind) or (kind == "date" and not _is_day(str(value))):
        shown = str(value).lower() if isinstance(value, bool) else repr(value)
        return f"{shown} is no value of {path!r}, which is of type {kind}", f"Write {_SAID.get(kind, kind)}."
    if named.values and value not in named.values:
        near = nearest(str(value), map(str, named.values))
        return f"{path!r} is never {value!r}{near}", f"Its values: {listed(map(str, named.values), 30)}."
    return None


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
