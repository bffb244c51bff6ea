"""Break-glass of a ledger at a commit, to what of it waits for a review, and what was rejected and not undone."""

from collections.abc import Iterator
from datetime import date

from cxgov.evidence.failures import CannotSay
from cxgov.governance.audited import BrokenGlass, Kind, Trouble
from cxgov.governance.break_glass import Emergency, EmergencyReview, emergencies, reviews
from cxgov.governance.guards import objects
from cxgov.governance.transitions import PATH
from cxgov.governance.walking import Line
from cxgov.language.diagnostics import visible
from cxgov.ledger.chain import Ledger
from cxgov.ledger.forms import digest


def broken_glass(line: Line, ledger: Ledger, until: str, today: date) -> tuple[list[BrokenGlass], list[Trouble]]:
    """Every break-glass of a ledger, and what does not hold of them on a day; ``until`` is the commit.

    Raises:
        CannotSay: what is needed cannot be read.
    """
    entries = ledger.signed()
    known = reviews(entries)
    found = []
    troubles = []
    for its in emergencies(entries):
        review = known.get(digest(its.entry.data))
        found.append(_said(its, review))
        if review is None and its.until <= today:
            troubles.append(
                Trouble(
                    kind=Kind.UNMET,
                    message=f"{its.entry.name} broke the glass to {its.until}, and seat {visible(its.reviewer)} has "
                    "not reviewed it",
                    fix=f"whoever holds the seat says what they find: cxgov break-glass review {its.entry.sequence}",
                )
            )
        elif review is not None and review.outcome == "rejected":
            standing = next(_standing(line, its, until), None)
            if standing is not None:
                message = f"{review.entry.name} rejects what {its.entry.name} let through, and {standing} is still so"
                troubles.append(Trouble(kind=Kind.UNMET, message=message, fix="propose to undo it"))
    return found, troubles


def _said(its: Emergency, review: EmergencyReview | None) -> BrokenGlass:
    return BrokenGlass(
        entry=its.entry.sequence,
        until=its.until,
        reviewer=its.reviewer,
        reason=its.reason,
        changes=tuple(sorted(f"{step.kind} {step.id}" for step in its.transitions)),
        outcome=review.outcome if review is not None else None,
        comment=review.comment if review is not None else None,
    )


def _standing(line: Line, its: Emergency, until: str) -> Iterator[str]:
    """What a break-glass let through that is at a commit as it made it."""
    held = dict(line.state(until) or {})
    if any(step.kind == PATH for step in its.transitions):
        try:
            held |= objects(line.repository.differences(its.trusted, until), before=False)
        except CannotSay:
            return
    for step in sorted(its.transitions, key=lambda its: (its.kind, its.id)):
        if held.get((step.kind, step.id)) == step.new:
            yield visible(f"{step.kind} {step.id}")
