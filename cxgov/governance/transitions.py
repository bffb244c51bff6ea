"""What approvals are of: for every document the step from one meaning to another, by digests alone."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from cxgov.governance.changes import Side, unlike
from cxgov.language.model import Overlay, Threshold
from cxgov.meaning.dependencies import Key
from cxgov.meaning.digests import gov1

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


class Meanings(State):
    """What every document of a side means, as digests, each made when it is asked for; ``beside`` is no document."""

    def __init__(self, side: Side, beside: State | None = None) -> None:
        self.side = side
        self.beside = beside or {}
        self._known: dict[Key, str] = {}

    def __getitem__(self, key: Key) -> str:
        if key not in self._known:
            self._known[key] = self.beside[key] if key in self.beside else self._made(key)
        return self._known[key]

    def __iter__(self) -> Iterator[Key]:
        yield from (key for key in self.side.documents if key not in self.beside)
        yield from ((TITLE, its) for its in self.side.titles if (TITLE, its) not in self.beside)
        yield from self.beside

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __or__(self, beside: State) -> "Meanings":
        return Meanings(self.side, {**self.beside, **beside})

    def _made(self, key: Key) -> str:
        closures, registry = self.side.closures, self.side.registry
        if key[0] == TITLE:
            return f"sha256:{sha256(self.side.titles[key[1]].encode()).hexdigest()}"
        document = self.side.documents[key]
        own = f"{gov1(document)} {closures.clo1(document)}"
        if isinstance(document, Threshold):
            return f"{own} {closures.clo1(registry.metrics[document.metric])}"
        if isinstance(document, Overlay):
            return f"{own} {' '.join(closures.clo1(registry.metrics[its]) for its in sorted(document.metrics))}"
        return own


def transitions(old: State, new: State, *, retitled: Collection[str] = ()) -> frozenset[Transition]:
    """Every step between two states.

    A title is a step only where it was another's before, or of metrics that are ``retitled``. A threshold or an overlay
    takes none where only its metrics move: that is their step.
    """
    if isinstance(old, Meanings) and isinstance(new, Meanings):
        found = {key for key in _unlike(old, new) if _is_step(key, old.get(key), new.get(key))}
        found |= {(TITLE, its) for its in _renamed(old, new, old.side.titles, new.side.titles)}
    else:
        titles = ({key[1]: its[key] for key in its if key[0] == TITLE} for its in (old, new))
        others = {key for key in {*old, *new} if key[0] != TITLE}
        found = {key for key in others if _is_step(key, old.get(key), new.get(key))}
        found |= {(TITLE, its) for its in _renamed(old, new, *titles)}
    found |= {(TITLE, its) for its in retitled}
    return frozenset(Transition(*key, old.get(key), new.get(key)) for key in found)


def _is_step(key: Key, before: str | None, after: str | None) -> bool:
    if key[0] in {"Threshold", "Overlay"}:
        return _own(before) != _own(after)
    return before != after


def _own(value: str | None) -> list[str]:
    """The digests of a document itself, without those of the metrics that it is about."""
    return value.split(" ")[:2] if value is not None else []


def _renamed(old: State, new: State, before: Mapping[str, str], now: Mapping[str, str]) -> set[str]:
    """The metrics of which the title was another's before, by what each is called, where either of the two has changed.

    A title may be that of several, as long as one of them answers: who that is can change with no title.
    """
    bearers: dict[str, list[str]] = {}
    for identity, title in before.items():
        bearers.setdefault(title, []).append(identity)

    def changed(identity: str) -> bool:
        key = ("Metric", identity)
        return before.get(identity) != now.get(identity) or old.get(key) != new.get(key)

    return {
        identity
        for identity, title in now.items()
        if (had := bearers.get(title, [identity])) != [identity] and any(map(changed, {identity, *had}))
    }


def _unlike(old: Meanings, new: Meanings) -> set[Key]:
    """What can mean something else: the others have the same bytes, and so has all that they rest on."""
    touched = unlike(old.side, new.side)
    found: set[Key] = {*old.beside, *new.beside}
    return found.union(*(its.side.reaching.resting_on(touched) for its in (old, new)))
