"""A question to what it is asked of: present ids for old ones, and the registry as an overlay sees it.

Nothing here is called for a question without an overlay, so an overlay cannot move what is asked without it.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from cxgov.compiler.query import Query, Refused
from cxgov.language.derivation import measured_parts
from cxgov.language.diagnostics import listed, nearest
from cxgov.language.expressions import Expr
from cxgov.language.model import Derived, Document, Metric, Overlay, Registry, Source


def renamed(known: Collection[Document], asked: Iterable[str]) -> dict[str, str]:
    """The ids that are asked and that documents had before, each with the present one."""
    ids = {document.id for document in known}
    unknown = [identity for identity in dict.fromkeys(asked) if identity not in ids]
    if not unknown:
        return {}
    present = {old: document.id for document in known for old in document.formerly}
    return {identity: present[identity] for identity in unknown if identity in present}


def present(registry: Registry, query: Query) -> Query:
    """The question by present ids."""
    now = renamed(registry.metrics.values(), query.metrics)
    if not now:
        return query
    return replace(query, metrics=tuple(now.get(identity, identity) for identity in query.metrics))


def overlay_named(registry: Registry, identity: str) -> Overlay:
    """An overlay of the registry.

    Raises:
        Refused: there is none of that id.
    """
    found = registry.overlays.get(identity)
    if found is None:
        near = nearest(identity, registry.overlays)
        known = listed(sorted(registry.overlays))
        raise Refused(f"overlay {identity!r} does not exist{near}", f"Overlays: {known}.")
    return found


def check_named(registry: Registry, overlay: Overlay, metric: Metric) -> None:
    """Refuses a metric that the overlay does not narrow in all of its parts."""
    for part in (its.id for its in measured_parts(registry.metrics, metric)):
        if part not in overlay.metrics:
            why = "" if part == metric.id else f", as {metric.id!r} is derived from {part!r}, which it does not name"
            said = f"overlay {overlay.id!r} does not narrow {metric.id!r}{why}"
            raise Refused(said, f"Ask without it. It narrows: {listed(overlay.metrics)}.")


def narrowed(registry: Registry, overlay: Overlay) -> Registry:
    """The registry in which each of the overlay's metrics has its rows, its dimensions and its minimum.

    Under a sampling rule the rows stay: whom the rule keeps and what they weigh is settled before the overlay asks
    for some of them.
    """
    metrics = dict(registry.metrics)
    for metric in registry.metrics.values():
        if all(part.id in overlay.metrics for part in measured_parts(registry.metrics, metric)):
            metrics[metric.id] = _narrowed(metric, overlay)
    first = registry.metrics[overlay.metrics[0]]
    assert first.source is not None
    source = _wider(registry.sources[first.source], overlay)
    return replace(registry, metrics=metrics, sources=registry.sources | {source.id: source})


def _narrowed(metric: Metric, overlay: Overlay) -> Metric:
    added = tuple(name for name in overlay.dimensions if name not in metric.dimensions)
    found = replace(metric, dimensions=(*metric.dimensions, *added))
    if isinstance(metric.measure, Derived):
        return found
    if overlay.min_sample is not None:
        found = replace(found, min_sample=max(overlay.min_sample, metric.min_sample or 1))
    if metric.sampling is not None:
        return found
    where = overlay.where if metric.where is None else Expr("and", (metric.where, overlay.where))
    return replace(found, where=where)


def _wider(source: Source, overlay: Overlay) -> Source:
    return replace(source, dimensions=source.dimensions | overlay.dimensions)
