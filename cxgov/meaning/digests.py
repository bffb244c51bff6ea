"""Documents to digests: of all they say, of what is governed, of what moves numbers, and of that with all it rests on.

Every digest is a SHA-256 over a tag of its own and the RFC 8785 form of plain values, written ``tag:hex``. Tags are
never used again for another form; an old one stays readable.

doc1   every field
gov1   every field of a class above ``editorial``
sem1   the fields that move numbers, a reference standing as its role and never as an id
clo1   sem1 with the clo1 of everything that the compiler may read for it
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

from cxgov.language.expressions import Expr, canonical, names, write
from cxgov.language.model import Derived, Document, Metric, Overlay, Registry, Report, Sampling, Source
from cxgov.meaning.classes import without_editorial
from cxgov.meaning.dependencies import Dependencies, rule_sources
from cxgov.meaning.documents import Plain, kind_of, plain

_SAFE: Final = 2**53
# Who owns it, what people call it, how it is judged: nothing that a statement or its numbers depend on.
_SAID: Final = frozenset({
    "apiVersion", "id", "version", "title", "description", "owner", "raci", "status", "deprecated", "direction",
    "formerly",
})  # fmt: skip
_SAID_OF: Final[Mapping[str, frozenset[str]]] = {
    "Registry": frozenset({"calendar", "connections", "dialects", "exclusions", "repository", "ref", "tool"}),
    "Source": frozenset({"grain"}),
    "Threshold": frozenset({"playbook"}),
    "Exclusion": frozenset({"metrics", "reason", "evidence", "requester"}),
    "Overlay": frozenset({"metrics", "thresholds"}),
    "Report": frozenset({"tool", "audience", "queries"}),
}


def doc1(document: Document) -> str:
    """Digest of every field of a document."""
    return _digest("doc1", encoded(plain(document)))


def gov1(document: Document) -> str:
    """Digest of every field that is more than editorial."""
    return _digest("gov1", encoded(without_editorial(kind_of(document), plain(document))))


def sem1(document: Document) -> str:
    """Digest of the fields of a document that move numbers."""
    return _digest("sem1", encoded(_roles(kind_of(document), _meaning(document))))


class Closures:
    """The clo1 of a registry's documents, each computed once."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._dependencies = Dependencies(registry)
        self._known: dict[tuple[str, str], str] = {}

    def clo1(self, document: Document) -> str:
        """Digest of a document's meaning and of all that it rests on: equal where every question has equal SQL."""
        key = (kind_of(document), document.id)
        if key not in self._known:
            self._known[key] = self._made(document)
        return self._known[key]

    def _made(self, document: Document) -> str:
        if isinstance(document, Metric):
            return self._metric(document)
        leaves: dict[str, Any] = {}
        if isinstance(document, Sampling):
            leaves = {role: sem1(source) for role, source in rule_sources(self.registry, document).items()}
            leaves["source"] = sem1(self.registry.sources[document.source])
        if isinstance(document, Report):
            leaves = {query.path: query.digest for query in document.queries}
        return _node(sem1(document), leaves)

    def under(self, metric: Metric, overlay: Overlay) -> str:
        """Digest of what a metric is under an overlay that narrows it, or a part of it."""
        if metric.id in overlay.metrics:
            return _node(self.clo1(metric), {"overlay": sem1(overlay)})
        if not isinstance(metric.measure, Derived):
            return self.clo1(metric)
        return self._derived(metric, metric.measure, lambda part: self.under(part, overlay))

    def _metric(self, metric: Metric) -> str:
        if isinstance(metric.measure, Derived):
            return self._derived(metric, metric.measure, self.clo1)
        every = self._dependencies.closure(metric)
        exclusions = sorted(self.clo1(its) for role, its in every.items() if role.startswith("exclusion "))
        others = {role: self.clo1(its) for role, its in every.items() if not role.startswith("exclusion ")}
        return _node(sem1(metric), {**others, "exclusions": exclusions})

    def _derived(self, metric: Metric, measure: Derived, of_part: Callable[[Metric], str]) -> str:
        """The parts stand in the formula by their own digests, so that renaming one moves nothing."""
        parts = {name: of_part(self.registry.metrics[name]) for name in names(measure.of)}
        formula = write(canonical(_named(measure.of, parts)))
        meaning = _roles("Metric", {**_meaning(metric), "measure": {"derived": formula}})
        every = self._dependencies.closure(metric)
        others = {role: self.clo1(its) for role, its in every.items() if not role.startswith("part ")}
        return _node(_digest("sem1", encoded(meaning)), others)


def encoded(value: Plain) -> Any:
    """A plain value as one of JSON: an expression as its canonical text, a number that JSON might bend as text."""
    if isinstance(value, Expr):
        return {"expression": write(value)}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | Decimal):
        number = Decimal(value)
        if number == number.to_integral_value() and abs(number) < _SAFE:
            return int(number)
        return {"decimal": f"{number.normalize():f}"}
    if isinstance(value, Mapping):
        return {key: encoded(its) for key, its in value.items()}
    return [encoded(its) for its in value]


def _meaning(document: Document) -> dict[str, Plain]:
    kind = kind_of(document)
    data = plain(document)
    said = _SAID | _SAID_OF.get(kind, frozenset())
    meaning = {key: value for key, value in data.items() if key not in said}
    if isinstance(document, Source):
        meaning["columns"] = {
            name: {key: value for key, value in column.items() if key != "description"}
            for name, column in meaning["columns"].items()
        }
    return meaning


def _roles(kind: str, meaning: dict[str, Plain]) -> dict[str, Plain]:
    """The meaning with each reference to another document as the role that it has."""
    found = dict(meaning)
    for key in ("source", "sampling", "metric"):
        if key in found:
            found[key] = f"the {key}"
    for key in ("frame", "invited"):
        if isinstance(found.get(key), dict):
            found[key] = {**found[key], "source": f"the {key}"}
    if kind == "Source" and "entities" in found:
        found["entities"] = {
            role: {**entity, "source": "another"} if "source" in entity else entity
            for role, entity in found["entities"].items()
        }
    if kind == "Metric" and isinstance(found["measure"].get("derived"), Expr):
        found["measure"] = {"derived": canonical(_named(found["measure"]["derived"], {}))}
    return found


def _named(tree: Expr, digests: Mapping[str, str]) -> Expr:
    """A formula over metrics with what each is instead of what it is called."""
    if tree.op == "name":
        return Expr("name", (), digests.get(str(tree.value), "a metric"))
    return Expr(tree.op, tuple(_named(arg, digests) for arg in tree.args), tree.value)


def _node(leaf: str, children: Mapping[str, Any]) -> str:
    return _digest("clo1", {"leaf": leaf, "children": dict(children)})


def _digest(tag: str, value: Any) -> str:
    return f"{tag}:{sha256(tag.encode() + bytes(1) + rfc8785_of(value)).hexdigest()}"


def rfc8785_of(value: Any) -> bytes:
    """The RFC 8785 form of what ``encoded`` gives."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if text.isascii():
        # Without fractions, which encoded has as text, the forms differ in the order of keys that are not ASCII alone.
        return text.encode()
    import rfc8785  # noqa: PLC0415  # few documents need it

    return rfc8785.dumps(value)
