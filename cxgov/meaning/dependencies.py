"""What the compiler may read for a metric, and what depends on a document."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

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
        return {**self.measured(_alike(metric)), **self._excluding.get(metric.id, {})}

    def measured(self, alike: _Alike) -> dict[str, Document]:
        """The closure of measured metrics that are alike, without the exclusions that name them."""
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


class Reaching:
    """Which metrics the documents of a registry can move. What a change of few metrics does not ask for is not made."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._dependencies = Dependencies(registry)

    def of(self, key: Key) -> frozenset[str]:
        """The metrics whose numbers a document can move, itself among them where it is one.

        A threshold has the metric that it judges, a report those that it shows.
        """
        registry, (kind, name) = self.registry, key
        found: Iterable[str] = ()
        match kind:
            case "Metric":
                found = {name} & registry.metrics.keys() | self._derived.get(key, set())
            case "Threshold" if name in registry.thresholds:
                found = [registry.thresholds[name].metric]
            case "Report" if name in registry.reports:
                found = [its.id for its in shown(registry, registry.reports[name]).values() if its is not None]
            case "Overlay":
                found = self._overlaid.get(name, ())
            case _:
                found = self._measured.get(key, set()) | self._derived.get(key, set())
        return frozenset(found)

    def resting_on(self, touched: Iterable[Key]) -> set[Key]:
        """Some documents, and those whose closures hold one of them."""
        found = set(touched)
        found |= {
            ("Sampling", rule.id)
            for rule in self.registry.samplings.values()
            if not found.isdisjoint(("Source", its) for its in (rule.source, *_sources_named(rule).values()))
        }
        return found.union(("Metric", metric) for key in found for metric in self.of(key))

    def governed(self, key: Key) -> bool:
        """Whether a document reaches something certified; Registry and Council always are.

        What was certified stays governed until it is gone, also once it is retired.
        """
        registry = self.registry
        always: list[Document] = [registry.settings, *([registry.council] if registry.council else [])]
        certified = any(registry.metrics[metric].status != "draft" for metric in self.of(key))
        return certified or key in map(key_of, always)

    @cached_property
    def _overlaid(self) -> dict[str, list[str]]:
        """The metrics that are others under an overlay."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for metric, overlay in overlaid(self.registry):
            found[overlay.id].append(metric.id)
        return found

    @cached_property
    def _derived(self) -> dict[Key, set[str]]:
        """The derived metrics in whose closure a document is, or in that of one of their parts, and so on."""
        found: defaultdict[Key, set[str]] = defaultdict(set)
        for metric in self.registry.metrics.values():
            for key in self._below(metric) if isinstance(metric.measure, Derived) else ():
                found[key].add(metric.id)
        return found

    def _below(self, metric: Metric) -> set[Key]:
        waiting: list[Document] = [metric]
        found: set[Key] = set()
        while waiting:
            document = waiting.pop()
            key = key_of(document)
            if key not in found:
                found.add(key)
                waiting += self._dependencies.closure(document).values() if isinstance(document, Metric) else ()
        return found

    @cached_property
    def _measured(self) -> dict[Key, set[str]]:
        """The measured metrics in whose closure a document is."""
        alike: defaultdict[_Alike, list[str]] = defaultdict(list)
        for metric in self.registry.metrics.values():
            if not isinstance(metric.measure, Derived):
                alike[_alike(metric)].append(metric.id)
        found: defaultdict[Key, set[str]] = defaultdict(set)
        for rests, metrics in alike.items():
            for key in set(map(key_of, self._dependencies.measured(rests).values())):
                found[key].update(metrics)
        for exclusion in self.registry.exclusions.values():
            found[key_of(exclusion)].update(exclusion.metrics)
        return found


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


def key_of(document: Document) -> Key:
    """A document's kind and id."""
    return kind_of(document), document.id


def _alike(metric: Metric) -> _Alike:
    assert metric.source is not None
    return metric.source, metric.dimensions, metric.sampling
