"""What approvals are of: for every document the step from one meaning to another, by digests alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from cxgov.language.model import Registry
from cxgov.meaning.dependencies import Key
from cxgov.meaning.digests import Closures, gov1
from cxgov.meaning.documents import documents

# What is no document stands among them under kinds of its own: a guarded path, and what a certified metric is called,
# since under another's name one number would pass for the other.
PATH = "Path"
TITLE = "Title"
# Where a guarded path is not; None would not tell that from a path on which both sides agree.
ABSENT = "absent"


@dataclass(frozen=True, slots=True, order=True)
class Transition:
    """A document's step: its ``gov1`` and ``clo1`` before and after, None where it is not there.

    Of what judges or narrows metrics their ``clo1`` follow: a target is of the metric as it was when it was approved.
    """

    kind: str
    id: str
    old: str | None
    new: str | None


State = Mapping[Key, str]


def state(registry: Registry) -> dict[Key, str]:
    """What every document means, as digests."""
    closures = Closures(registry)
    found = {key: f"{gov1(its)} {closures.clo1(its)}" for key, its in documents(registry).items()}
    for threshold in registry.thresholds.values():
        found["Threshold", threshold.id] += f" {closures.clo1(registry.metrics[threshold.metric])}"
    for overlay in registry.overlays.values():
        narrowed = (closures.clo1(registry.metrics[its]) for its in sorted(overlay.metrics))
        found["Overlay", overlay.id] += f" {' '.join(narrowed)}"
    found |= {
        (TITLE, its.id): f"sha256:{sha256(its.folded_title.encode()).hexdigest()}"
        for its in registry.metrics.values()
        if its.status != "draft"
    }
    return found


def transitions(old: State, new: State) -> frozenset[Transition]:
    """Every step between two states.

    A title is a step only where it was another's before. A threshold or an overlay takes none where only its metrics
    move: that is their step.
    """
    bearers = {title: identity for (kind, identity), title in old.items() if kind == TITLE}

    def is_step(key: Key) -> bool:
        before, after = old.get(key), new.get(key)
        match key[0]:
            case "Title":
                return after is not None and bearers.get(after, key[1]) != key[1]
            case "Threshold" | "Overlay":
                return _own(before) != _own(after)
            case _:
                return before != after

    return frozenset(Transition(*key, old.get(key), new.get(key)) for key in {*old, *new} if is_step(key))


def _own(value: str | None) -> list[str]:
    """The digests of a document itself, without those of the metrics that it is about."""
    return value.split(" ")[:2] if value is not None else []
