"""What a Council is made of: members with their keys, and rules that say who must approve what."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from cxgov.language.diagnostics import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberKey:
    """A public key for ssh: ``type`` and base64 ``body`` as ``ssh-keygen`` writes them, the rest is ``comment``.

    It counts before ``until`` and before ``revoked``, each the first day on which it does not.
    """

    type: str
    body: str
    comment: str = ""
    until: date | None = None
    revoked: date | None = None
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person of the council. ``github`` is the number of the account, which outlives its name.

    The term is half-open: from ``since`` to before ``until``.
    """

    person: str
    seat: str
    team: str | None = None
    github: int
    emails: tuple[str, ...] = ()
    keys: tuple[MemberKey, ...] = ()
    since: date | None = None
    until: date
    place: Place = field(compare=False, repr=False)

    @property
    def has_term(self) -> bool:
        """Whether there is a day in the term."""
        return self.since is None or self.since < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Who must approve changes of some classes.

    ``quorum`` persons approve. Where ``seats`` are named, only their holders count and each seat is among those who
    approve; where ``teams`` are named, only their members count. ``veto`` are the seats whose objection blocks.
    Without ``metrics`` and ``overlay`` it holds for every change, with them for those that reach one of the metrics,
    or that overlay.
    """

    classes: tuple[str, ...]
    quorum: int
    seats: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    veto: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    overlay: str | None = None
    evidence: Literal["signed"] | None = None
    place: Place = field(compare=False, repr=False)

    def counts(self, member: Member) -> bool:
        """Whether an approval of a member can count, by seat and team."""
        return (not self.seats or member.seat in self.seats) and (not self.teams or member.team in self.teams)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlass:
    """Who may let a change of some classes through without its approvals: a holder of each of ``seats`` signs."""

    seats: tuple[str, ...]
    classes: tuple[str, ...]
    place: Place = field(compare=False, repr=False)
