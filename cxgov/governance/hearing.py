"""Signed entries that a proposal adds to the ledger, to those that stand and why others do not."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date

from cxgov.evidence.signatures import Signed, Verifier
from cxgov.governance.approvals import Signature
from cxgov.governance.break_glass import (
    BREAK_GLASS,
    REVIEW,
    emergency_of,
    review_of,
    reviewers,
    reviews,
    too_long,
)
from cxgov.governance.statements import Binding, claims_in, elsewhere
from cxgov.governance.transitions import State, Transition
from cxgov.governance.verdict import Waiver, in_term
from cxgov.language.diagnostics import listed
from cxgov.language.model import Council
from cxgov.ledger.entries import SignedEntry
from cxgov.ledger.forms import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """By what entries are judged: the policy in force, its keys and the day, who wrote the proposal, what is there.

    ``held`` are the signed entries of the trusted side, ``new`` is what the proposal leads to. ``too_late`` says why a
    word counts no more, ``took_part`` who signed an entry of the trusted side or wrote what came in with it,
    ``gaining`` who gains by what some steps move.
    """

    council: Council
    bound: Binding | str
    verifier: Verifier
    today: date
    contributors: Collection[str]
    held: Iterable[SignedEntry]
    new: State
    too_late: Callable[[Signature], str | None]
    took_part: Callable[[SignedEntry], Collection[str]]
    gaining: Callable[[Iterable[Transition]], Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the entries of a proposal come to: waivers, reviews in words, and ``faults`` of those that do not stand.

    ``forged`` are the names of entries with a signature that nobody made, with why.
    """

    waivers: tuple[Waiver, ...] = ()
    reviews: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    forged: tuple[tuple[str, str], ...] = ()


def hear(entries: Iterable[SignedEntry], by: Hearing) -> Heard:
    """What the signed entries that a proposal adds come to."""
    return _Hearing(by).heard(entries)


def signers_of(entry: SignedEntry, verifier: Verifier) -> list[str]:
    """Whose signatures an entry has, as far as a verifier knows their keys."""
    said = (verifier.verify(entry.statement.encode(), signature) for signature in entry.signatures)
    return [its.person for its in said if isinstance(its, Signed)]


class _Fault(Exception):
    """Why an entry does not stand."""


class _Forged(Exception):
    """Why an entry is nobody's word."""


class _Hearing:
    def __init__(self, by: Hearing) -> None:
        self.by = by
        self.members = {its.person: its for its in by.council.members}
        self.held = {digest(entry.data): entry for entry in by.held}
        self.said = {entry.statement for entry in self.held.values()}
        self.reviewed = {of: its.entry.name for of, its in reviews(self.held.values()).items()}

    def heard(self, entries: Iterable[SignedEntry]) -> Heard:
        waivers: list[Waiver] = []
        told: list[str] = []
        faults: list[str] = []
        forged: list[tuple[str, str]] = []
        for entry in entries:
            try:
                if entry.kind == "BreakGlass":
                    waivers.append(self.waiver(entry))
                else:
                    told.append(self.review(entry))
                self.said.add(entry.statement)
            except _Forged as why:
                forged.append((entry.name, str(why)))
            except (_Fault, ValueError) as why:
                faults.append(f"{entry.name} does not stand: {why}")
        return Heard(waivers=tuple(waivers), reviews=tuple(told), faults=tuple(faults), forged=tuple(forged))

    def waiver(self, entry: SignedEntry) -> Waiver:
        its, by = emergency_of(entry), self.by
        signers = self.signers(entry, BREAK_GLASS)
        policy = by.council.break_glass
        if policy is None:
            raise _Fault("the policy in force says of no seats that they can break the glass")
        if (wrong := too_long(its.until, by.today)) is not None:
            raise _Fault(wrong)
        if not its.reason.strip():
            raise _Fault("it gives no reason")
        for person in signers:
            if person in by.contributors:
                raise _Fault(f"{person} signed it, and wrote part of the proposal")
        seats = {self.members[person].seat for person in signers}
        if missing := [seat for seat in policy.seats if seat not in seats]:
            # Whoever signs next must see what.
            raise _Fault(
                f"it waits for the signature of {listed(missing)}: cxgov break-glass sign. It ends on {its.until}, the "
                f"seat {its.reviewer} reviews it, and its reason is: {its.reason}"
            )
        if strange := sorted(seats.difference(policy.seats)):
            raise _Fault(f"{strange[0]} signed it, and does not break the glass")
        if its.reviewer in policy.seats:
            raise _Fault(f"the seat {its.reviewer} breaks the glass, so it does not review it")
        partial = {*signers, *by.contributors, *by.gaining(its.transitions)}
        if not reviewers(by.council, its.reviewer, by.today, partial):
            raise _Fault(f"nobody with the seat {its.reviewer} is left to review it")
        late = by.too_late(Signature("", entry.statement, its.trusted, its.transitions))
        if late is not None:
            raise _Fault(late)
        gone = sorted((step.kind, step.id) for step in its.transitions if by.new.get((step.kind, step.id)) != step.new)
        if gone:
            raise _Fault(f"it is of another {gone[0][0]} {gone[0][1]} than the proposal has now")
        return Waiver(
            origin=entry.name,
            signers=tuple(sorted(signers)),
            classes=policy.classes,
            transitions=its.transitions,
            reason=its.reason,
            until=its.until,
            reviewer=its.reviewer,
        )

    def review(self, entry: SignedEntry) -> str:
        its, by = review_of(entry), self.by
        signers = self.signers(entry, REVIEW)
        of = self.held.get(its.of)
        if of is None or of.kind != "BreakGlass":
            raise _Fault("it is of no break-glass that has landed")
        if its.of in self.reviewed:
            raise _Fault(f"{of.name} was reviewed in {self.reviewed[its.of]}")
        [person, *others] = signers
        if others:
            raise _Fault("more than one person signed it")
        glass = emergency_of(of)
        if person not in {member.person for member in reviewers(by.council, glass.reviewer, by.today, ())}:
            raise _Fault(f"{person} has not the seat {glass.reviewer}, whose the review is")
        if person in by.took_part(of):
            raise _Fault(f"{person} signed {of.name} or wrote part of what it let through, so the review is another's")
        if person in by.gaining(glass.transitions):
            raise _Fault(f"{person} gains by what {of.name} let through, so the review is another's")
        self.reviewed[its.of] = entry.name
        return f"{of.name} was reviewed by {person}: {its.outcome}" + (f" ({its.comment})" if its.comment else "")

    def signers(self, entry: SignedEntry, kind: str) -> list[str]:
        """Who signed an entry, each in term and once."""
        by = self.by
        if isinstance(by.bound, str):
            raise _Fault(by.bound)
        claims = claims_in(entry.statement, kind, ())
        if (wrong := elsewhere(claims, by.bound)) is not None:
            raise _Fault(wrong)
        if entry.statement in self.said:
            raise _Fault("the ledger holds its statement already")
        found: list[str] = []
        for signature in entry.signatures:
            signed = by.verifier.verify(entry.statement.encode(), signature)
            if not isinstance(signed, Signed):
                if signed.forged:
                    raise _Forged(signed.reason)
                raise _Fault(signed.reason)
            if not in_term(self.members[signed.person], by.today):
                raise _Fault(f"{signed.person} signed it, and is in no term")
            # At once: a copy of a signature costs nothing, and to verify it a process.
            if signed.person in found:
                raise _Fault(f"{signed.person} signed it twice")
            found.append(signed.person)
        if not found:
            raise _Fault("nobody signed it")
        return found
