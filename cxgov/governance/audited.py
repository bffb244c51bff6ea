"""What an audit found: the steps of a history, what anchors it, and what does not hold."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Kind(StrEnum):
    """How something does not hold, from the mildest."""

    UNMET = "unmet"
    NOT_REPLAYED = "not replayed"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that does not hold: at which commit, None for the work tree or the whole, and the way out."""

    kind: Kind
    message: str
    fix: str
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """A commit of the line that changed something governed. ``at`` is its own date, within the audit's bounds.

    ``approved`` are the persons whose word counted, ``let_through`` entries that broke the glass, ``policy`` is the
    sequence of the one that was in force.
    """

    commit: str
    at: datetime
    policy: int
    changes: int
    approved: tuple[str, ...]
    let_through: tuple[str, ...]
    troubles: tuple[Trouble, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Something kept elsewhere that names an entry: up to that one the ledger's end cannot have been cut off."""

    what: str
    entry: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenGlass:
    """An entry that let ``changes`` through without their approvals, before the day ``until``.

    ``reviewer`` is the seat whose holder reviews it; ``outcome`` and ``comment`` are None until that is done.
    """

    entry: int
    until: date
    reviewer: str
    reason: str
    changes: tuple[str, ...]
    outcome: str | None
    comment: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What was replayed and what does not hold, in the order of the history.

    ``since`` is the commit with which it began, which is trusted; ``founded`` says that it is the first with a council.
    ``commits`` is how many followed it. ``head`` is the digest of the last entry, ``policy`` the sequence at the end.
    """

    since: str
    until: str
    founded: bool
    commits: int
    entries: int
    approvals: int
    head: str | None
    policy: int | None
    landed: tuple[Landed, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    broken_glass: tuple[BrokenGlass, ...] = ()
    others: tuple[Trouble, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """Everything that does not hold: commit by commit, then what concerns the whole."""
        return (*(its for step in self.landed for its in step.troubles), *self.others)

    @property
    def worst(self) -> Kind | None:
        """The kind that decides the answer; None where everything holds."""
        kinds = list(Kind)
        return max((its.kind for its in self.troubles), key=kinds.index, default=None)
