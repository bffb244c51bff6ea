"""What the gate is asked, and what it judges: the way from a trusted commit to what would be there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from cxgov.evidence.commits import Commit

# The versions of the programs by name; asked for only where something was frozen.
Programs = Callable[[], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is judged, and by which evidence: names of commits, files of reviews as the forge gave them.

    Each file of reviews is of one request. ``authors`` are the accounts that opened them. ``ref`` is the full name of
    the branch into which it would be merged; needed only where ``trusted`` is no ref, as in a merge queue. ``programs``
    gives the versions that judge, by which an entry of the ledger is made again.
    """

    trusted: str
    head: str
    reviews: Sequence[bytes] = ()
    authors: Sequence[int] = ()
    ref: str | None = None
    now: datetime
    programs: Programs = dict

    @property
    def today(self) -> date:
        """The day on which it is judged, in UTC."""
        return self.now.astimezone(UTC).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is judged: the way from a commit of the trusted side to a tree, by the commits that lead there.

    ``base`` is the commit from which ``head`` went apart, ``result`` the tree that landed or would land, a commit or a
    tree. ``revoked`` are keys, by their bodies, that a later policy says were revoked, and since when.
    """

    trusted: str
    head: str
    base: str
    result: str
    ref: str | None
    commits: Sequence[Commit]
    revoked: Mapping[str, date] = field(default_factory=dict)
