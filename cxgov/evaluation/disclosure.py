"""What a proposal may show of the data before anybody has approved it: no more than the trusted side lets it.

Nothing here makes it safe to compute what a stranger proposes: whoever writes a formula can write one that gives a row
away. It keeps a proposal from lowering a minimum, unmarking a personal column or reading another relation by itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from cxgov.language.derivation import measured_parts
from cxgov.language.model import Metric, Overlay, Registry, Source


@dataclass(frozen=True, slots=True)
class Floor:
    """Fewest rows with which a metric is shown, those that privacy asks for, and whether others are hidden with it."""

    fewest: int = 1
    privacy: int = 1
    complementary: bool = False

    def __or__(self, other: "Floor") -> "Floor":
        """What satisfies both."""
        return Floor(
            max(self.fewest, other.fewest),
            max(self.privacy, other.privacy),
            self.complementary or other.complementary,
        )


def floor_of(registry: Registry, metric: Metric) -> Floor:
    """What a metric and its parts ask for."""
    found = Floor(metric.min_sample or 1)
    for part in measured_parts(registry.metrics, metric):
        rule = registry.rule_of(part)
        least = rule.minimum if rule is not None else None
        found |= Floor(
            part.fewest_shown(rule), least.privacy if least else 1, complementary=bool(least and least.complementary)
        )
    return found


def trusted_floor(trusted: Registry, proposed: Registry, metric: Metric, before: Mapping[str, str]) -> Floor:
    """What the trusted side asks for where a proposed metric is shown; ``before`` are ids there by ids here.

    Of rows that the metric has not read so far it is what the strictest metric over them asks for.
    """
    was = trusted.metrics.get(before.get(metric.id, metric.id))
    found = floor_of(trusted, was) if was is not None else Floor()
    known = _relations(trusted, was) if was is not None else frozenset()
    for relation in _relations(proposed, metric) - known:
        for other in trusted.metrics.values():
            if other.source is not None and trusted.sources[other.source].relation.lower() == relation:
                found |= floor_of(trusted, other)
    return found


def no_less_hidden(
    trusted: Registry, proposed: Registry, before: Mapping[str, str], overlays_before: Mapping[str, str]
) -> Registry:
    """The proposed registry, in which no metric is shown with fewer rows than the trusted side asks for."""
    metrics = dict(proposed.metrics)
    for metric in proposed.metrics.values():
        least = trusted_floor(trusted, proposed, metric, before).fewest
        if least > floor_of(proposed, metric).fewest:
            metrics[metric.id] = replace(metric, min_sample=least)
    overlays = {
        key: _no_lower(overlay, trusted.overlays.get(overlays_before.get(key, key)))
        for key, overlay in proposed.overlays.items()
    }
    return replace(proposed, metrics=metrics, overlays=overlays)


def forbidden(trusted: Registry, sources: Iterable[Source], allowed: Iterable[str]) -> str | None:
    """Why a proposal may not read sources as it declares them; None where it may.

    It may read the relations of the trusted side's sources and those ``allowed``. A column that is personal there is
    personal here.
    """
    known = {source.relation.lower() for source in trusted.sources.values()} | {its.lower() for its in allowed}
    personal = {
        (source.relation.lower(), name.lower())
        for source in trusted.sources.values()
        for name, column in source.columns.items()
        if column.personal
    }
    for source in sources:
        relation = source.relation.lower()
        if relation not in known:
            return (
                f"{source.relation} is read by no source of the trusted commit: "
                f"`--relation {source.relation}` lets the proposal read it"
            )
        for name, column in source.columns.items():
            if not column.personal and (relation, name.lower()) in personal:
                return f"{source.relation}.{name} is personal on the trusted commit, and no more in the proposal"
    return None


def _relations(registry: Registry, metric: Metric) -> frozenset[str]:
    """The relations whose rows a metric counts, in lower case."""
    parts = measured_parts(registry.metrics, metric)
    return frozenset(registry.sources[part.source].relation.lower() for part in parts if part.source is not None)


def _no_lower(overlay: Overlay, was: Overlay | None) -> Overlay:
    if was is None or was.min_sample is None or (overlay.min_sample or 1) >= was.min_sample:
        return overlay
    return replace(overlay, min_sample=was.min_sample)
