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


@dataclass(frozen=True, slots=True, order=True)
class Transition:
    """A document's step: its ``gov1`` and ``clo1`` before and after, None where it is not there."""

    kind: str
    id: str
    old: str | None
    new: str | None


State = Mapping[Key, str]


def state(registry: Registry) -> dict[Key, str]:
    """What every document means, as digests."""
    closures = Closures(registry)
    found = {key: f"{gov1(its)} {closures.clo1(its)}" for key, its in documents(registry).items()}
    found |= {
        (TITLE, its.id): f"sha256:{sha256(its.title.encode()).hexdigest()}"
        for its in registry.metrics.values()
        if its.status == "certified"
    }
    return found


def transitions(old: State, new: State) -> frozenset[Transition]:
    """Every step between two states."""
    return frozenset(
        Transition(*key, old.get(key), new.get(key)) for key in {*old, *new} if old.get(key) != new.get(key)
    )
