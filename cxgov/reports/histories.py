"""A metric's history as text for people, as JSON for programs and as Markdown for a page."""

from collections.abc import Iterator
from typing import Any, Final

from cxgov.governance.findings import Finding
from cxgov.governance.histories import History, Version
from cxgov.language.diagnostics import visible
from cxgov.reports.changes import edit_words
from cxgov.reports.markdown import escaped, table
from cxgov.reports.registry import as_json as json_text

_SHORT: Final = 17  # `clo1:` and twelve digits: enough to tell two meanings of one metric apart


def as_text(history: History) -> str:
    """Each version with its commit, its approvals, what changed and where it counts; then breaks and restatements."""
    return "".join(f"{visible(line)}\n" if line else "\n" for line in _lines(history))


def _lines(history: History) -> Iterator[str]:
    yield f"{history.id}  {history.title}" + (f"  (formerly {', '.join(history.formerly)})" if history.formerly else "")
    for its in history.versions:
        yield ""
        yield _head(its)
        yield f"  {_day(its)} {its.commit[:12]} by {its.author}; {approved_words(its)}"
        yield from (f"  {change_words(change)}" for change in its.changes)
        if not its.changes:
            yield "  it appeared"
        yield f"  {counting_words(its)}"
    ends = [*break_lines(history), *restated_lines(history)]
    yield from ["", *ends] if ends else []


def _head(its: Version) -> str:
    if its.clo1 is None:
        return f"removed (was {its.id})"
    return f"{its.version}  {its.clo1[:_SHORT]}  {its.status}  as {its.id}"


def _day(its: Version) -> str:
    return f"{its.at:%Y-%m-%d}" if its.at is not None else "no date"


def approved_words(its: Version) -> str:
    """Whose word counted, as far as a clone tells."""
    if its.approved is None:
        return "no policy judged it"
    said = [f"approved by {', '.join(its.approved)}"] if its.approved else []
    said += [f"let through by {', '.join(its.let_through)}"] if its.let_through else []
    return ", ".join(said) or "no approval of it is in this clone"


def change_words(change: Finding) -> str:
    """A change in a reader's words."""
    return f"{change.change_class} {change.kind} {change.id}{edit_words(change)}"


def counting_words(its: Version) -> str:
    """The frozen periods that a version counts in."""
    return f"counts in {'; '.join(its.periods)}" if its.periods else "counts in no frozen period"


def break_lines(history: History) -> list[str]:
    """Where the series breaks, a line each."""
    found = [f"break: from {its.before} to {its.after} it means something else" for its in history.breaks]
    if history.since_frozen:
        found.append("break: today it means something else than in the last frozen period")
    return found


def restated_lines(history: History) -> list[str]:
    """What was restated and why, a line each."""
    return [
        f"restated: {its.period} by entry {its.entry} (restatement {its.reading}): {its.reason}"
        for its in history.restated
    ]


def as_markdown(history: History) -> str:
    """The same as a page with a table."""
    rows = [
        [
            escaped(its.version or "removed"),
            f"{_day(its)} {its.commit[:12]}",
            escaped(its.author),
            escaped(", ".join(its.approved) if its.approved and not its.let_through else approved_words(its)),
            "<br>".join(escaped(change_words(change)) for change in its.changes) or "it appeared",
            escaped("; ".join(its.periods)) or "none",
        ]
        for its in history.versions
    ]
    head = ["version", "commit", "author", "approved by", "what changed", "frozen periods"]
    title = f"### {escaped(history.title)} ({escaped(history.id)})"
    ends = [f"- {escaped(line)}" for line in (*break_lines(history), *restated_lines(history))]
    return "\n".join([title, "", table(head, rows), *(["", *ends] if ends else [])]) + "\n"


def as_json(history: History) -> str:
    """The same as one JSON object; its schema is ``schemas/output/history.json``."""
    return json_text(
        {
            "metric": history.id,
            "title": history.title,
            "formerly": list(history.formerly),
            "versions": [_fields(its) for its in history.versions],
            "breaks": [{"before": its.before, "after": its.after} for its in history.breaks],
            "since_frozen": history.since_frozen,
            "restated": [
                {"period": its.period, "restatement": its.reading, "entry": its.entry, "reason": its.reason}
                for its in history.restated
            ],
        }
    )


def _fields(its: Version) -> dict[str, Any]:
    return {
        "id": its.id,
        "version": its.version,
        "clo1": its.clo1,
        "status": its.status,
        "commit": its.commit,
        "at": None if its.at is None else f"{its.at:%Y-%m-%dT%H:%M:%SZ}",
        "author": its.author,
        "approved": None if its.approved is None else list(its.approved),
        "let_through": list(its.let_through),
        "changes": [
            {
                "kind": change.kind,
                "id": change.id,
                "field": ".".join(change.path) or None,
                "how": change.how,
                "class": change.change_class,
                "old": change.old,
                "new": change.new,
            }
            for change in its.changes
        ],
        "periods": list(its.periods),
    }
