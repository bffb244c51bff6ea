"""Break-glass: a change let through without its approvals, by seats that the policy names, and reviewed afterwards.

Both are entries of the ledger: a statement of what is let through, why and for how long, signed by a holder of each
seat; and the word of whoever reviewed it, signed as well. They are judged by the policy of the trusted side.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, TypeVar

from cxgov.governance.approvals import keys_of
from cxgov.governance.statements import Binding, as_rows, claims_in, made, transitions_in
from cxgov.governance.transitions import Transition
from cxgov.governance.verdict import Proposal, in_term
from cxgov.language.diagnostics import listed
from cxgov.language.model import Council
from cxgov.language.policy import Member
from cxgov.ledger.entries import SignedEntry
from cxgov.ledger.forms import digest

LONGEST: Final = timedelta(days=14)
OUTCOMES: Final = ("upheld", "rejected")
BREAK_GLASS: Final = "urn:cxgov:break-glass:v1"
REVIEW: Final = "urn:cxgov:break-glass-review:v1"
_Said = TypeVar("_Said")


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """What an entry of break-glass says: it lets ``transitions`` through, before the day ``until``, for a ``reason``.

    A holder of the seat ``reviewer`` reviews it afterwards; ``trusted`` is the commit to which it was proposed.
    """

    entry: SignedEntry
    transitions: frozenset[Transition]
    reason: str
    until: date
    reviewer: str
    trusted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyReview:
    """What a review says of the entry with the digest ``of``: its ``outcome``, and why."""

    entry: SignedEntry
    of: str
    outcome: str
    comment: str


# --- what is signed ---


def emergency_statement(
    proposal: Proposal, bound: Binding, *, trusted: str, reason: str, until: date, reviewer: str, nonce: str
) -> bytes:
    """The bytes that a holder of each seat signs to let a proposal through without its approvals."""
    steps = as_rows(proposal.needed)
    claims = {
        "trusted": trusted,
        "transitions": steps,
        "reason": reason,
        "until": until.isoformat(),
        "reviewer": reviewer,
        "nonce": nonce,
    }
    return made(BREAK_GLASS, "transitions", steps, bound, claims)


def review_statement(of: SignedEntry, bound: Binding, *, outcome: str, comment: str, nonce: str) -> bytes:
    """The bytes that a reviewer signs."""
    sha256 = digest(of.data)
    claims = {"entry": sha256, "outcome": outcome, "comment": comment, "nonce": nonce}
    return made(REVIEW, of.name, sha256, bound, claims)


def emergency_of(entry: SignedEntry) -> Emergency:
    """What an entry of break-glass says.

    Raises:
        ValueError: it is none.
    """
    claims = claims_in(entry.statement, BREAK_GLASS, ("trusted", "reason", "until", "reviewer"))
    return Emergency(
        entry=entry,
        transitions=transitions_in(claims),
        reason=claims["reason"],
        until=date.fromisoformat(claims["until"]),
        reviewer=claims["reviewer"],
        trusted=claims["trusted"],
    )


def review_of(entry: SignedEntry) -> EmergencyReview:
    """What a review says.

    Raises:
        ValueError: it is none.
    """
    claims = claims_in(entry.statement, REVIEW, ("entry", "outcome", "comment"))
    if claims["outcome"] not in OUTCOMES:
        raise ValueError(f"its outcome is none of {listed(OUTCOMES)}")
    return EmergencyReview(entry=entry, of=claims["entry"], outcome=claims["outcome"], comment=claims["comment"])


def emergencies(entries: Iterable[SignedEntry]) -> list[Emergency]:
    """The entries of break-glass that can be read: what cannot has lapsed."""
    return [its for entry in entries if entry.kind == "BreakGlass" and (its := _read(emergency_of, entry)) is not None]


def reviews(entries: Iterable[SignedEntry]) -> dict[str, EmergencyReview]:
    """The reviews, by the digests of the entries that they are of."""
    found = (_read(review_of, entry) for entry in entries if entry.kind == "BreakGlassReview")
    return {its.of: its for its in found if its is not None}


def _read(reader: Callable[[SignedEntry], _Said], entry: SignedEntry) -> _Said | None:
    try:
        return reader(entry)
    except ValueError:
        return None


# --- who may ---


def too_long(until: date, today: date) -> str | None:
    """Why an end cannot be a break-glass's on a day; None where it can."""
    if until <= today:
        return f"it has lapsed: its end is {until}"
    if until > today + LONGEST:
        return f"its end is {until}, and the longest that it may last is {LONGEST.days} days, to {today + LONGEST}"
    return None


def reviewers(council: Council, seat: str, today: date, without: Collection[str]) -> list[Member]:
    """Who can review: the holders of a seat who can sign, but for those who took part or gain."""
    able = {person for person, _ in keys_of(council, today)}.difference(without)
    return [its for its in council.members if its.seat == seat and its.person in able and in_term(its, today)]
