"""What a metric meant, by value: its documents and its canonical statements, to bytes and back.

An object holds all that the compiler may read for the metric, what judges it and where it is narrowed, and nothing
else: it stays the same, byte for byte, until one of these changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from cxgov.language.expressions import Expr, write
from cxgov.language.loading import rebuilt
from cxgov.language.model import Document, Metric, Overlay, Registry
from cxgov.language.reader import MAX_DIGITS, seen
from cxgov.language.strict_json import read_json
from cxgov.ledger.forms import canonical_json, digest
from cxgov.meaning.dependencies import Dependencies, overlaid
from cxgov.meaning.digests import Closures
from cxgov.meaning.documents import kind_of, plain

MAX_OBJECT: Final = 4 * 1024 * 1024
# What the compiler reads of the document of kind Registry; the rest of it can change under a frozen metric.
_SETTINGS: Final = ("calendar", "confidence", "dialects", "exclusions", "id", "kind", "apiVersion")
# What judges or narrows a metric is not part of its closure, which tells of everything else whether it means the same.
_BESIDE: Final = frozenset({"Threshold", "Overlay"})
# Whatever the others say of it, a registry that is built again needs these.
_UNSAID: Final = {"version": "0.0.0", "title": "As it was frozen", "owner": "frozen"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A metric's object. ``sql`` is its canonical statement by dialect; ``data`` are the bytes, named ``name``."""

    id: str
    clo1: str
    sql: Mapping[str, str]
    documents: tuple[Mapping[str, Any], ...]
    data: bytes

    @property
    def name(self) -> str:
        """The SHA-256 of its bytes, in hex."""
        return digest(self.data)


class Freezer:
    """Makes the objects of a registry's metrics; what several of them hold is made plain once."""

    def __init__(self, registry: Registry, dialects: Sequence[str]) -> None:
        self.registry = registry
        self.dialects = dialects
        self.closures = Closures(registry)
        self.dependencies = Dependencies(registry)
        self._overlays: dict[str, list[Overlay]] = {}
        for metric, overlay in overlaid(registry):
            self._overlays.setdefault(metric.id, []).append(overlay)
        self._thresholds: dict[str, list[Document]] = {}
        for threshold in registry.thresholds.values():
            self._thresholds.setdefault(threshold.metric, []).append(threshold)
        self._plain: dict[tuple[str, str], dict[str, Any]] = {}

    def frozen(self, metric: Metric) -> Frozen:
        """The object of a metric.

        Raises:
            Refused: one of the dialects lacks what would be exact.
        """
        from cxgov.compiler.canonical import canonical_sql  # noqa: PLC0415  # sqlglot takes a tenth of a second

        found = self._closure(metric)
        metrics = {its.id for its in found if isinstance(its, Metric)}
        judged = self._thresholds.get(metric.id, [])
        everything = [*found, *judged, *self._overlays.get(metric.id, [])]
        documents = [self._document(its, metrics, {its.id for its in judged}) for its in everything]
        sql = canonical_sql(self.registry, metric, self.dialects)
        clo1 = self.closures.clo1(metric)
        data = canonical_json(
            {
                "apiVersion": "cxgov/v1",
                "kind": "FrozenMetric",
                "id": metric.id,
                "version": metric.version,
                "clo1": clo1,
                "documents": sorted(documents, key=lambda its: (its["kind"], its["id"])),
                "sql": {dialect: text.splitlines() for dialect, text in sql.items()},
            }
        )
        return Frozen(id=metric.id, clo1=clo1, sql=sql, documents=tuple(documents), data=data)

    def _closure(self, metric: Metric) -> list[Document]:
        found: dict[tuple[str, str], Document] = {}
        waiting: list[Document] = [metric]
        while waiting:
            document = waiting.pop()
            key = (kind_of(document), document.id)
            if key not in found:
                found[key] = document
                if isinstance(document, Metric):
                    waiting += self.dependencies.closure(document).values()
        return list(found.values())

    def _document(self, document: Document, metrics: set[str], judged: set[str]) -> dict[str, Any]:
        key = (kind_of(document), document.id)
        if key not in self._plain:
            self._plain[key] = _values(plain(document))
        its = self._plain[key]
        if key[0] == "Registry":
            return {name: its[name] for name in _SETTINGS if name in its}
        # What is named of other metrics is theirs.
        kept = {"metrics": metrics, "thresholds": judged}
        others = {name: [each for each in its[name] if each in held] for name, held in kept.items() if name in its}
        return {name: value for name, value in {**its, **others}.items() if value != []}


def read_object(data: bytes) -> Frozen:
    """An object from its bytes.

    Raises:
        ValueError: they are no object.
    """
    held = read_json(data, MAX_OBJECT)
    try:
        if held["kind"] != "FrozenMetric" or held["apiVersion"] != "cxgov/v1":
            raise ValueError("it is no frozen metric")
        sql = {dialect: "".join(f"{line}\n" for line in lines) for dialect, lines in held["sql"].items()}
        documents = tuple(map(dict, held["documents"]))
        if not all(isinstance(its[name], str) for its in (held, *documents) for name in ("kind", "id")):
            raise ValueError("a kind or an id of it is no text")
        return Frozen(id=held["id"], clo1=held["clo1"], sql=sql, documents=documents, data=data)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no frozen metric: {error!r}") from error


def registry_of(objects: Iterable[Frozen]) -> Registry:
    """The registry that the metrics of some objects had.

    What was only worded otherwise in some of them is one document; what any metric would mean otherwise by it is not.

    Raises:
        ValueError: the documents cannot be read by this version, or two objects hold other ones of one name.
    """
    held = list(objects)
    copies: dict[str, list[tuple[bool, dict[str, Any]]]] = {}
    for its in held:
        for document in its.documents:
            own = (document["kind"], document["id"]) == ("Metric", its.id)
            copies.setdefault(f"{document['kind']}-{document['id']}.yaml", []).append((own, dict(document)))
    documents = {name: _joined(rows) for name, rows in copies.items()}
    files = {
        # JSON shows what the language wants escaped.
        name: seen(
            canonical_json({**_UNSAID, **document} if document["kind"] == "Registry" else document).decode()
        ).encode()
        for name, (document, _) in documents.items()
    }
    registry = rebuilt(files)
    differing = [name for name, (_, alike) in documents.items() if not alike]
    if differing:
        closures = Closures(registry)
        if any(closures.clo1(registry.metrics[its.id]) != its.clo1 for its in held):
            raise ValueError(f"{differing[0].removesuffix('.yaml').replace('-', ' ')} is not the same in all")
    return registry


def _joined(copies: Iterable[tuple[bool, dict[str, Any]]]) -> tuple[dict[str, Any], bool]:
    """One of the copies of a document, and whether all are alike.

    Some name of other metrics only those of their own object. A metric's own object has the copy that counts, and of
    others it is the same one whatever their order.
    """
    rows = list(copies)
    its = rows[0][1]
    if all(row == its for _, row in rows):
        return its, True
    shared = ("metrics", "thresholds") if its["kind"] in {"Exclusion", "Overlay"} else ()
    lists = {name: sorted({each for _, row in rows for each in row.get(name, [])}) for name in shared}
    bare = [(own, canonical_json({**row, **dict.fromkeys(shared)}), row) for own, row in rows]
    alike = len({data for _, data, _ in bare}) == 1
    if not alike and its["kind"] in _BESIDE:
        raise ValueError(f"{its['kind']} {its['id']} is not the same in all")
    *_, row = max(bare, key=lambda copy: copy[:2])
    return {name: value for name, value in {**row, **lists}.items() if value != []}, alike


def _values(value: Any) -> Any:
    if isinstance(value, Expr):
        return write(value)
    if isinstance(value, Decimal):
        short = value.adjusted() < MAX_DIGITS
        return int(value) if short and value == value.to_integral_value() else value.normalize()
    if isinstance(value, Mapping):
        return {key: _values(its) for key, its in value.items()}
    return [_values(its) for its in value] if isinstance(value, list) else value
