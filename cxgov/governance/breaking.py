"""Entries that break the glass, and that review it, as each signer adds a signature: who may, and of what."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from cxgov.evidence.failures import CannotSay
from cxgov.evidence.signatures import Signed, Verifier
from cxgov.governance.break_glass import (
    Emergency,
    emergencies,
    emergency_of,
    emergency_statement,
    review_statement,
    reviewers,
    reviews,
    too_long,
)
from cxgov.governance.gate import Gated
from cxgov.governance.hearing import signers_of
from cxgov.governance.statements import Binding, binding
from cxgov.governance.verdict import Verdict
from cxgov.language.diagnostics import listed, nearest, visible
from cxgov.language.model import Council, Registry
from cxgov.language.policy import BreakGlass
from cxgov.ledger.chain import Ledger
from cxgov.ledger.entries import SignedEntry, SignedKind, file_name
from cxgov.ledger.forms import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Why the glass is broken, the first day on which that counts no more, and the seat that reviews it."""

    reason: str
    until: date
    reviewer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pen:
    """What a signature is made with: the signer's key, which gives one over bytes, and who tells whose it is."""

    sign: Callable[[bytes], str]
    verifier: Verifier
    today: date
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBy:
    """An entry with one signature more, and who made that; ``waiting`` are the seats that have still to sign."""

    entry: SignedEntry
    person: str
    waiting: tuple[str, ...] = ()


def break_glass(gated: Gated, terms: Terms | None, pen: Pen) -> SignedBy:
    """The entry that lets a proposal through without its approvals, as the gate judged it, with one signature more.

    Who signs first gives the ``terms``; who comes after signs the statement that the proposal holds.

    Raises:
        CannotSay: the policy, the proposal or what was signed before does not allow it, or nothing was signed.
    """
    proposal, ledger, verdict = gated.proposal, gated.ledger, gated.verdict
    if gated.registry is None or proposal is None or ledger is None or verdict is None:
        raise CannotSay(f"{gated.head} is no valid registry: `cxgov gate` says why")
    policy = proposal.council.break_glass
    if policy is None:
        raise CannotSay("the policy in force names no seats that can break the glass: `break_glass:` in the Council")
    bound = _bound(gated.registry, gated.ref)
    pending = next((its for its in reversed(gated.signed) if its.kind == "BreakGlass"), None)
    if pending is not None:
        if terms is not None:
            raise CannotSay(f"{pending.name} says why, until when and who reviews it: sign that, or remove it first")
        try:
            its = emergency_of(pending)
        except ValueError as error:
            raise CannotSay(f"{pending.name} cannot be read, so it has lapsed: {error}") from error
        if its.transitions != proposal.needed:
            raise CannotSay(f"{pending.name} is of other changes than the proposal has now: remove it and begin anew")
        _can_end(its.until, pen.today)
        if pending.sequence != len(ledger):
            raise CannotSay(
                f"{file_name(pending.sequence + 1)} follows {pending.name}, and names its bytes: take that out, "
                "sign, and make it again"
            )
        return _signed(pending, proposal.council, policy, pen)
    if terms is None or not terms.reason.strip():
        raise CannotSay("who signs first says why, until when and which seat reviews it")
    _can_wait(verdict, policy)
    _can_end(terms.until, pen.today)
    _can_review(proposal.council, policy, terms.reviewer, pen.today)
    said = emergency_statement(
        proposal,
        bound,
        trusted=gated.trusted,
        reason=terms.reason,
        until=terms.until,
        reviewer=terms.reviewer,
        nonce=pen.nonce,
    )
    return _signed(_entry("BreakGlass", ledger, said), proposal.council, policy, pen)


def to_review(ledger: Ledger, sequence: int) -> Emergency:
    """What a break-glass of the ledger says that nobody has reviewed yet.

    Raises:
        CannotSay: the entry is none, or was reviewed.
    """
    entry = ledger.at(sequence) if 0 < sequence <= len(ledger) else None
    its = next((its for its in emergencies(ledger.signed()) if its.entry is entry), None)
    if its is None:
        raise CannotSay(f"entry {sequence} of the ledger is no break-glass: `cxgov audit` lists them")
    known = reviews(ledger.signed()).get(digest(its.entry.data))
    if known is not None:
        raise CannotSay(f"{its.entry.name} was reviewed in {known.entry.name}: {known.outcome}")
    return its


def review_break_glass(
    registry: Registry, ledger: Ledger, its: Emergency, *, outcome: str, comment: str, pen: Pen
) -> SignedBy:
    """The entry that says how a break-glass, which is to be reviewed, was found.

    Raises:
        CannotSay: it is another's to review, or nothing was signed.
    """
    council = registry.council
    if council is None:
        raise CannotSay("the registry has no council")
    if not comment.strip():
        raise CannotSay("a review says what was found: --comment")
    bound = _bound(registry, registry.settings.ref)
    said = review_statement(its.entry, bound, outcome=outcome, comment=comment, nonce=pen.nonce)
    made, person = _with_signature(_entry("BreakGlassReview", ledger, said), pen)
    able = [member.person for member in reviewers(council, its.reviewer, pen.today, ())]
    if person not in able:
        who = f", which is {listed(able)}'s" if able else ""
        raise CannotSay(f"{person} signed, and the review is of the seat {its.reviewer}{who}")
    return SignedBy(entry=made, person=person)


def _bound(registry: Registry, ref: str | None) -> Binding:
    found = binding(registry, ref)
    if isinstance(found, str):
        raise CannotSay(f"nothing can be signed: {found}")
    return found


def _can_wait(verdict: Verdict, policy: BreakGlass) -> None:
    """Refuses where no approval is missing, where not approvals alone are, or none that the policy lets be missing."""
    missing = [demand for demand in verdict.demands if not demand.met]
    if not missing:
        raise CannotSay("no approval is missing: `cxgov gate` says what else is")
    for demand in missing:
        finding = demand.finding
        if demand.rule is None:
            raise CannotSay(f"{demand.missing[0]}, so nothing can stand for that")
        if finding.change_class not in policy.classes:
            raise CannotSay(
                f"the policy lets nobody break the glass for a change of class {finding.change_class}: "
                f"{finding.kind} {visible(finding.id)}"
            )
    # To mend them makes another change, and what is signed now would not be of that.
    if others := (*verdict.moved, *verdict.faults):
        raise CannotSay(f"more is missing than approvals, and no signature stands for that: {visible(others[0])}")


def _can_end(until: date, today: date) -> None:
    wrong = too_long(until, today)
    if wrong is not None:
        raise CannotSay(wrong)


def _can_review(council: Council, policy: BreakGlass, seat: str, today: date) -> None:
    """Refuses a seat that cannot review what others let through."""
    others = dict.fromkeys(its.seat for its in council.members if its.seat not in policy.seats)
    able = [its for its in others if reviewers(council, its, today, ())]
    if seat not in able:
        raise CannotSay(f"seat {seat!r} cannot review it{nearest(seat, able)}; these can: {listed(able)}")


def _entry(kind: SignedKind, ledger: Ledger, said: bytes) -> SignedEntry:
    """An entry after the last one of a ledger, without signatures yet."""
    return SignedEntry(
        kind=kind, sequence=len(ledger) + 1, previous=ledger.head, statement=said.decode(), signatures=()
    )


def _signed(entry: SignedEntry, council: Council, policy: BreakGlass, pen: Pen) -> SignedBy:
    """An entry with the signature of somebody who can break the glass and has not signed it yet."""
    made, person = _with_signature(entry, pen)
    members = {its.person: its for its in council.members}
    if members[person].seat not in policy.seats:
        raise CannotSay(f"{person} has the seat {members[person].seat}, and {listed(policy.seats)} break the glass")
    before = signers_of(entry, pen.verifier)
    if person in before:
        raise CannotSay(f"{person} has signed {entry.name} already")
    present = {members[its].seat for its in (*before, person)}
    return SignedBy(entry=made, person=person, waiting=tuple(its for its in policy.seats if its not in present))


def _with_signature(entry: SignedEntry, pen: Pen) -> tuple[SignedEntry, str]:
    signature = pen.sign(entry.statement.encode())
    found = pen.verifier.verify(entry.statement.encode(), signature)
    if not isinstance(found, Signed):
        raise CannotSay(f"the signature would not count: {found.reason}")
    return replace(entry, signatures=(*entry.signatures, signature)), found.person
