"""Documents to what the problems of others can depend on, by which a document that was sound is known again.

Nothing here decides what is valid: it only tells what need not be looked at again.
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, NamedTuple

from cxgov.language.expressions import names
from cxgov.language.model import (
    Council,
    Derived,
    Document,
    Exclusion,
    Metric,
    Overlay,
    Report,
    Sampling,
    Source,
    Threshold,
)

# Kinds that every document depends on, said or not.
_EVERYWHERE: Final = ("Registry", "Calendar")
# These decide only what is read first, never what a document is.
LOOKS_LIKE_METRIC: Final = re.compile(rb"^kind: *Metric\b", re.MULTILINE)
_LOOKS_NAMING_METRICS: Final = re.compile(rb"\n(?:[ \t]+derived|deprecated):")
_LOOKS_OVER_METRICS: Final = re.compile(rb"^kind: *(Threshold|Exclusion|Overlay|Council|Report)\b", re.MULTILINE)


class Summary(NamedTuple):
    """What the problems of other documents can depend on: identity, references, title.

    ``refs`` are kinds and ids, as ``Source:customers``; ``title`` is that of a metric that answers, folded; ``claims``
    is what no other document may have: old ids, as ``Metric:nps_old``, an overlay's thresholds, as ``judged:nps``.
    """

    kind: str
    id: str
    refs: tuple[str, ...]
    title: str
    claims: tuple[str, ...] = ()


class Order(NamedTuple):
    """Paths in the order in which documents can be checked: what refers to no metric, metrics, and what refers to one.

    Those of ``metrics`` need nothing but ``base``, and so can be checked in parts beside it.
    """

    base: list[str]
    metrics: list[str]
    later: list[str]


def in_order(tree: Mapping[str, bytes]) -> Order:
    """The documents of a tree by what they look as if they refer to."""
    found = Order([], [], [])
    for path, data in tree.items():
        if not path.endswith(".yaml"):
            continue
        if LOOKS_LIKE_METRIC.search(data):
            (found.later if _LOOKS_NAMING_METRICS.search(data) else found.metrics).append(path)
        else:
            (found.later if _LOOKS_OVER_METRICS.search(data) else found.base).append(path)
    return found


def summary(kind: str, document: Document) -> Summary:
    """The summary of a document."""
    refs: tuple[str, ...] = ()
    title = ""
    if isinstance(document, Source):
        refs = tuple(f"Source:{entity.source}" for entity in document.entities.values() if entity.source)
    elif isinstance(document, Metric):
        if isinstance(document.measure, Derived):
            refs = tuple(f"Metric:{part}" for part in names(document.measure.of))
        else:
            refs = (f"Source:{document.source}",)
            if document.sampling:
                refs += (f"Sampling:{document.sampling}",)
        if document.deprecated is not None and document.deprecated.successor:
            refs += (f"Metric:{document.deprecated.successor}",)
        title = document.folded_title if document.answers else ""
    elif isinstance(document, Sampling):
        steps = (document, document.frame, document.invited)
        refs = tuple(dict.fromkeys(f"Source:{step.source}" for step in steps if step))
    elif isinstance(document, Threshold):
        refs = (f"Metric:{document.metric}",)
    elif isinstance(document, Exclusion):
        refs = (f"Source:{document.source}", *(f"Metric:{metric}" for metric in document.metrics))
    elif isinstance(document, Overlay):
        refs = tuple(f"Metric:{metric}" for metric in document.metrics)
        refs += tuple(f"Threshold:{threshold}" for threshold in document.thresholds)
    elif isinstance(document, Report):
        refs = tuple(f"Metric:{its}" for its in sorted({its for query in document.queries for its in query.metrics}))
    elif isinstance(document, Council):
        named = [*(metric for rule in document.rules for metric in rule.metrics), *dict(document.beneficiaries)]
        refs = tuple(dict.fromkeys(f"Metric:{metric}" for metric in named))
        refs += tuple(f"Overlay:{rule.overlay}" for rule in document.rules if rule.overlay)
    claims = tuple(f"{kind}:{old}" for old in document.formerly)
    if isinstance(document, Overlay):
        claims += tuple(f"judged:{threshold}" for threshold in document.thresholds)
    return Summary(kind, document.id, refs, title, claims)


def closures(known: Mapping[str, Summary]) -> dict[str, str]:
    """Digest of all that the problems of each document can depend on beside itself; a key is of its bytes alone."""
    named = by_name(known)
    everywhere = sorted(key for key, its in known.items() if its.kind in _EVERYWHERE)

    def below(refs: tuple[str, ...]) -> str:
        found: set[str] = set()
        waiting = list(refs)
        while waiting:
            name = waiting.pop()
            key = named.get(name, f"missing {name}")
            if key not in found:
                found.add(key)
                waiting += known[key].refs if key in known else ()
        return digest("\n".join([*everywhere, *sorted(found)]).encode())

    # Many metrics refer to one source, so what lies below it is gathered once.
    reached = {refs: below(refs) for refs in {its.refs for its in known.values()}}
    return {key: reached[its.refs] for key, its in known.items()}


def reach(key: str, known: Mapping[str, Summary]) -> set[str]:
    """The key of a document with those of all that it refers to."""
    named = by_name(known)
    found = {key}
    waiting = [key]
    while waiting:
        for ref in known[waiting.pop()].refs:
            other = named.get(ref)
            if other is not None and other not in found:
                found.add(other)
                waiting.append(other)
    return found


def by_name(known: Mapping[str, Summary]) -> dict[str, str]:
    """The keys of documents by the name under which others refer to them."""
    return {f"{its.kind}:{its.id}": key for key, its in known.items()}


def digest(data: bytes) -> str:
    """A digest to tell bytes apart that were seen by this program."""
    return blake2b(data, digest_size=16).hexdigest()
