"""An overlay against its metrics: one source, a condition and dimensions over it, thresholds, a higher minimum."""

from cxgov.language.expressions import Expr
from cxgov.language.lifecycle_links import rests_on
from cxgov.language.linking import DIMENSION_TYPES, Linker, Written
from cxgov.language.model import Metric, Overlay, Source
from cxgov.language.rules import OVERLAY, SHADOW, TYPE
from cxgov.language.scopes import column_scope


def overlay(linker: Linker, written: Written[Overlay]) -> None:
    """Holds an overlay to what it narrows."""
    document = written.document
    source = _source(linker, written)
    if source is not None:
        linker.condition(written, document.where, source)
        for name, dimension in document.dimensions.items():
            _dimension(linker, written, source, name, dimension.expression)
    _thresholds(linker, written)
    _minimum(linker, written)


def minimum_of(metric: Metric, linker: Linker) -> int:
    """Fewest rows with which a metric is shown, by itself and by its sampling rule."""
    return metric.fewest_shown(linker.samplings.get(metric.sampling or ""))


def _source(linker: Linker, written: Written[Overlay]) -> Source | None:
    """The source of the first metric that has one; a problem for each metric that is not over it."""
    first: Metric | None = None
    for i, identity in enumerate(written.document.metrics):
        at = written.data["metrics"].items_at[i]
        metric = linker.metrics.get(identity)
        if metric is None:
            linker.missing(written, at, "metric", identity, linker.metrics)
            continue
        rests_on(linker, written, at, metric, "it narrows")
        if metric.source is None:
            message = f"{identity!r} has no rows of its own: it is derived"
            fix = "Name the metrics that it is derived from; it can then be asked under the overlay too."
            linker.refuse(OVERLAY, written, at, message, fix)
        elif first is None:
            first = metric
        elif metric.source != first.source:
            message = f"{identity!r} measures {metric.source}, and {first.id!r} {first.source}"
            linker.refuse(OVERLAY, written, at, message, "Write an overlay for each source.")
    return linker.sources.get(first.source or "") if first else None


def _dimension(linker: Linker, written: Written[Overlay], source: Source, name: str, tree: Expr) -> None:
    data = written.data["dimensions"]
    hidden = next(
        (
            what
            for what, known in (
                ("column", source.columns),
                ("dimension", source.dimensions),
                ("entity", source.entities),
            )
            if name in known and not (what == "column" and tree.op == "name" and tree.value == name)
        ),
        None,
    )
    if hidden is not None:
        message = f"dimension {name!r} hides the {hidden} {name!r} of {source.id}"
        linker.refuse(SHADOW, written, data.keys_at[name], message, "Give it a name of its own.")
        return
    kind = linker.type_of(written, tree, column_scope(source))
    if kind is not None and kind.name not in DIMENSION_TYPES:
        fix = "Make it text, integer, boolean or date; bucket numbers with case."
        linker.refuse(TYPE, written, data.values_at[name], f"dimension {name!r} is of type {kind}", fix)
    linker.not_personal(written, tree, tree, linker.private[source.id], f"dimension {name!r} shows")


def _thresholds(linker: Linker, written: Written[Overlay]) -> None:
    document = written.document
    for i, identity in enumerate(document.thresholds):
        at = written.data["thresholds"].items_at[i]
        threshold = linker.thresholds.get(identity)
        if threshold is None:
            linker.missing(written, at, "threshold", identity, linker.thresholds)
        elif threshold.metric not in document.metrics:
            message = f"{identity!r} judges {threshold.metric!r}, which the overlay does not narrow"
            linker.refuse(OVERLAY, written, at, message, "Name its metric under `metrics:`, or another threshold.")


def _minimum(linker: Linker, written: Written[Overlay]) -> None:
    document = written.document
    if document.min_sample is None:
        return
    for identity in document.metrics:
        metric = linker.metrics.get(identity)
        least = minimum_of(metric, linker) if metric else 0
        if least >= document.min_sample:
            message = f"`min_sample` is {document.min_sample}, and {identity!r} is shown from {least} rows"
            fix = f"Write more than {least}, or leave it out: an overlay never lowers a minimum."
            linker.refuse(OVERLAY, written, written.data.values_at["min_sample"], message, fix)
            return
