"""What the compiler may read for a metric, and what depends on a document."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from cxgov.language.derivation import measured_parts
from cxgov.language.expressions import names
from cxgov.language.model import Derived, Document, Metric, Overlay, Registry, Sampling, Source
from cxgov.language.paths import route
from cxgov.language.queries import shown
from cxgov.meaning.documents import kind_of

Key = tuple[str, str]
# What of a measured metric decides what it rests on: its source, its dimensions and its sampling rule.
_Alike = tuple[str, tuple[str, ...], str | None]


class Dependencies:
    """What the metrics of a registry rest on. Most of it is the same for many of them, and is gathered once."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._alike: dict[_Alike, dict[str, Document]] = {}
        self._excluding: dict[str, dict[str, Document]] = {}
        for exclusion in sorted(registry.exclusions.values(), key=lambda its: its.id):
            for metric in exclusion.metrics:
                self._excluding.setdefault(metric, {})[f"exclusion {exclusion.id}"] = exclusion

    def closure(self, metric: Metric) -> dict[str, Document]:
        """Every document that the compiler may read for a metric, by the role that it has for it.

        What it refers to; what it gets by default, the registry and its calendar; the sources on the paths of its
        dimensions; the exclusions that name it.
        """
        if isinstance(metric.measure, Derived):
            parts = {f"part {part}": self.registry.metrics[part] for part in names(metric.measure.of)}
            return {"registry": self.registry.settings, "calendar": self.registry.calendar, **parts}
        return {**self._measured(_alike(metric)), **self._excluding.get(metric.id, {})}

    def reached(self) -> dict[Key, frozenset[str]]:
        """For every document that a closure holds the metrics in whose closure it is, and theirs, and so on."""
        alone: dict[Key, frozenset[str]] = {("Metric", its): frozenset([its]) for its in self.registry.metrics}
        found: defaultdict[Key, set[str]] = defaultdict(set)
        measured: defaultdict[_Alike, list[str]] = defaultdict(list)
        for metric in self.registry.metrics.values():
            if isinstance(metric.measure, Derived):
                for key in self._below(metric):
                    found[key].add(metric.id)
            else:
                measured[_alike(metric)].append(metric.id)
        for alike, metrics in measured.items():
            for key in set(map(key_of, self._measured(alike).values())):
                found[key].update(metrics)
        for exclusion in self.registry.exclusions.values():
            found[key_of(exclusion)].update(exclusion.metrics)
        return {**alone, **{key: alone.get(key, frozenset()) | metrics for key, metrics in found.items()}}

    def _below(self, metric: Metric) -> set[Key]:
        waiting: list[Document] = [metric]
        found: set[Key] = set()
        while waiting:
            document = waiting.pop()
            key = key_of(document)
            if key not in found:
                found.add(key)
                waiting += self.closure(document).values() if isinstance(document, Metric) else ()
        return found

    def _measured(self, alike: _Alike) -> dict[str, Document]:
        if alike not in self._alike:
            self._alike[alike] = self._made(*alike)
        return self._alike[alike]

    def _made(self, named: str, dimensions: tuple[str, ...], sampling: str | None) -> dict[str, Document]:
        registry = self.registry
        source = registry.sources[named]
        found: dict[str, Document] = {"registry": registry.settings, "calendar": registry.calendar, "source": source}
        for path in dimensions:
            hops = path.split(".")[:-1]
            for i, hop in enumerate(route(path, source, registry.sources).hops, 1):
                found[f"path {'.'.join(hops[:i])}"] = registry.sources[hop.target]
        if sampling is not None:
            rule = registry.samplings[sampling]
            found["sampling"] = rule
            found |= rule_sources(registry, rule)
        return found


def rule_sources(registry: Registry, rule: Sampling) -> dict[str, Source]:
    """The sources that a sampling rule reads beside the one whose rows it counts."""
    return {role: registry.sources[source] for role, source in _sources_named(rule).items()}


def _sources_named(rule: Sampling) -> dict[str, str]:
    named = {"frame": rule.frame, "invited": rule.invited}
    return {role: its.source for role, its in named.items() if its is not None}


def reached(registry: Registry) -> dict[Key, frozenset[str]]:
    """For every document the metrics whose numbers it can move, itself among them where it is one.

    A threshold has the metric that it judges, a report those that it shows.
    """
    found = Dependencies(registry).reached()
    for threshold in registry.thresholds.values():
        found[key_of(threshold)] = frozenset({threshold.metric})
    for report in registry.reports.values():
        shows = frozenset(its.id for its in shown(registry, report).values() if its is not None)
        if shows:
            found[key_of(report)] = shows
    for metric, overlay in overlaid(registry):
        found[key_of(overlay)] = found.get(key_of(overlay), frozenset()) | {metric.id}
    return found


def resting_on(registry: Registry, reaching: Mapping[Key, frozenset[str]], touched: Iterable[Key]) -> set[Key]:
    """Some documents, and those whose closures hold one of them. ``reaching`` is ``reached``."""
    found = set(touched)
    found |= {
        ("Sampling", rule.id)
        for rule in registry.samplings.values()
        if not found.isdisjoint(("Source", its) for its in (rule.source, *_sources_named(rule).values()))
    }
    return found.union(("Metric", metric) for key in found for metric in reaching.get(key, ()))


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


def governed(registry: Registry, reaching: Mapping[Key, frozenset[str]], key: Key) -> bool:
    """Whether a document reaches something certified; Registry and Council always are. ``reaching`` is ``reached``.

    What was certified stays governed until it is gone, also once it is retired.
    """
    always: list[Document] = [registry.settings, *([registry.council] if registry.council else [])]
    certified = any(registry.metrics[metric].status != "draft" for metric in reaching.get(key, ()))
    return certified or key in map(key_of, always)


def key_of(document: Document) -> Key:
    """A document's kind and id."""
    return kind_of(document), document.id


def _alike(metric: Metric) -> _Alike:
    assert metric.source is not None
    return metric.source, metric.dimensions, metric.sampling
