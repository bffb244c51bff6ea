"""Break-glass of a ledger at a commit, to what of it waits for a review, and what was rejected and not undone."""

from collections.abc import Iterator
from datetime import date
from itertools import zip_longest

from cxgov.evidence.failures import CannotSay
from cxgov.governance.audited import BrokenGlass, Kind, Trouble
from cxgov.governance.break_glass import Emergency, EmergencyReview, emergencies, reviews
from cxgov.governance.guards import objects
from cxgov.governance.transitions import PATH, Transition
from cxgov.governance.walking import Line
from cxgov.language.diagnostics import visible
from cxgov.ledger.chain import Ledger
from cxgov.ledger.forms import digest
from cxgov.meaning.dependencies import Key


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
    """What a break-glass let through that has been so ever since: what was undone once is not its doing any more."""
    waiting = sorted(its.transitions, key=lambda step: (step.kind, step.id))
    beside = any(step.kind == PATH for step in waiting)
    for commit in reversed(line.repository.first_parents(None, until)):
        if not waiting or len(line.ledger(commit)) < its.entry.sequence:
            break
        state = line.state(commit)
        if state is None:  # an invalid registry undoes nothing
            continue
        held = state | (_paths(line, its, commit) if beside else {})
        waiting = [step for step in waiting if _is_so(step, held.get((step.kind, step.id)))]
    return (visible(f"{step.kind} {step.id}") for step in waiting)


def _paths(line: Line, its: Emergency, commit: str) -> dict[Key, str]:
    try:
        return objects(line.repository.differences(its.trusted, commit), before=False)
    except CannotSay:
        return {}


def _is_so(step: Transition, now: str | None) -> bool:
    """Whether something that a step moved is where the step led: a new owner undoes no formula."""
    if step.new is None or now is None:
        return step.new is now
    parts = zip_longest((step.old or "").split(), step.new.split(), now.split())
    return any(new not in {old, None} and new == its for old, new, its in parts)
