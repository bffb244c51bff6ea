"""What an audit found, as text for people and as JSON for machines."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from cxgov.governance.audited import Audited, Trouble
from cxgov.language.diagnostics import visible
from cxgov.reports.registry import as_json as json_text


def as_text(audited: Audited) -> str:
    """The answer and what was replayed, the first thing that does not hold, then that of each other commit; notes."""
    return "".join(f"{line}\n" for line in _lines(audited))


def _lines(audited: Audited) -> Iterator[str]:
    begun = "the first with a council" if audited.founded else "which is trusted"
    yield (
        f"{answer(audited)}: {_many(audited.commits, 'commit')} since {audited.since[:12]}, {begun}; "
        f"{_many(audited.entries, 'entry', 'entries')}, {_many(audited.approvals, 'signed approval')}"
    )
    if audited.policy is not None:
        yield f"  policy {audited.policy} is in force"
    if audited.head is not None:
        yield f"  head {audited.head}"
    for anchor in audited.anchors:
        yield f"  entry {anchor.entry} of {audited.entries} is held by {visible(anchor.what)}"
    when = {step.commit: f"{step.at:%Y-%m-%d} " for step in audited.landed}
    groups = [(commit, list(its)) for commit, its in groupby(audited.troubles, lambda its: its.commit)]
    for i, (commit, found) in enumerate(groups):
        if i < 2:  # noqa: PLR2004  # the first, and what comes after it
            yield ""
            yield "The first thing that does not hold" if i == 0 else "After it"
        # Of a commit the first thing; without one each stands by itself.
        for trouble in found[:1] if commit is not None else found:
            yield from _trouble(trouble, when.get(commit or "", ""))
        if commit is not None and len(found) > 1:
            yield f"      and {len(found) - 1} more of this commit: --format json has all"
    waiting = [its for its in audited.broken_glass if its.outcome is None]
    if waiting:
        yield ""
        yield "Break-glass that waits for its review"
    for its in waiting:
        changes = ", ".join(map(visible, its.changes))
        yield f"  entry {its.entry}, to {its.until}, for the seat {visible(its.reviewer)}: {changes}"
        yield f"      {visible(its.reason)}"
    if audited.notes:
        yield ""
    for note in audited.notes:
        yield f"  note: {visible(note)}"


def _trouble(its: Trouble, when: str) -> Iterator[str]:
    where = f"{its.commit[:12]} {when}" if its.commit is not None else ""
    yield f"  {its.kind}  {where}{visible(its.message)}"
    yield f"      fix: {visible(its.fix)}"


def answer(audited: Audited) -> str:
    """The answer in a word or two."""
    return audited.worst.value if audited.worst is not None else "holds"


def as_json(audited: Audited) -> str:
    """The same, nothing left out; its schema is ``schemas/output/audit.json``."""
    return json_text(
        {
            "answer": answer(audited).replace(" ", "_"),
            "since": audited.since,
            "founded": audited.founded,
            "until": audited.until,
            "commits": audited.commits,
            "entries": audited.entries,
            "approvals": audited.approvals,
            "policy": audited.policy,
            "head": audited.head,
            "anchors": [{"what": its.what, "entry": its.entry} for its in audited.anchors],
            "break_glass": [
                {
                    "entry": its.entry,
                    "until": its.until.isoformat(),
                    "reviewer": its.reviewer,
                    "reason": its.reason,
                    "changes": list(its.changes),
                    "outcome": its.outcome,
                    "comment": its.comment,
                }
                for its in audited.broken_glass
            ],
            "landed": [
                {
                    "commit": its.commit,
                    "at": f"{its.at:%Y-%m-%dT%H:%M:%SZ}",
                    "policy": its.policy,
                    "changes": its.changes,
                    "approved": list(its.approved),
                    "let_through": list(its.let_through),
                    "holds": not its.troubles,
                }
                for its in audited.landed
            ],
            "troubles": [_fields(its) for its in audited.troubles],
            "notes": list(audited.notes),
        }
    )


def _fields(its: Trouble) -> dict[str, Any]:
    return {"kind": its.kind.replace(" ", "_"), "commit": its.commit, "message": its.message, "fix": its.fix}


def _many(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
