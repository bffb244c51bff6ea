"""What statements are, as text, JSON and points for forges."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, assert_never

from cxgov.language.diagnostics import visible
from cxgov.ledger.verifying import Answer, Found, Verified
from cxgov.reports.formats import Level, Point
from cxgov.reports.registry import as_json as json_text

if TYPE_CHECKING:
    from cxgov.ledger.certificates import Facts

_SHOWN = 5


def as_text(found: Sequence[Verified]) -> str:
    """A line for each statement with what it was altered by and the way out, and how many are what."""
    lines = []
    for its in found:
        lines.append(f"{its.place}: {_said(its)}")
        lines += [f"    {each.place.line}:{each.place.column}: {each.message}" for each in its.findings[:_SHOWN]]
        if len(its.findings) > _SHOWN:
            lines.append(f"    and {len(its.findings) - _SHOWN} more")
        lines += [f"    {note}" for note in its.notes]
        if its.fix:
            lines.append(f"    fix: {its.fix}")
    counts = Counter(its.answer for its in found)
    said = ", ".join(f"{counts[answer]} {answer}" for answer in Answer if counts[answer])
    lines.append(f"{len(found)} statement{'' if len(found) == 1 else 's'}: {said}")
    return "".join(f"{visible(line)}\n" for line in lines)


def as_json(found: Sequence[Verified]) -> str:
    """The same as one JSON object; its schema is ``schemas/output/verify.json``."""
    valid = all(its.answer is Answer.VALID for its in found)
    return json_text({"valid": valid, "statements": [_statement(its) for its in found]})


def points(found: Sequence[Verified]) -> list[Point]:
    """What is not valid, for forges: a point for each place where a statement was altered."""
    return [
        Point(code=_code(its.answer), title=its.answer.value, level=_level(its.answer), message=message, place=place)
        for its in found
        if its.answer is not Answer.VALID
        for message, place in _messages(its)
    ]


def _messages(its: Verified) -> list[tuple[str, Any]]:
    fix = f". Fix: {its.fix}" if its.fix else ""
    said = _said(its)
    if its.findings:
        return [(f"{said}: {each.message}{fix}", each.place) for each in its.findings]
    return [(": ".join([said, *its.notes]) + fix, its.place)]


def _code(answer: Answer) -> str:
    return f"verify-{answer.value.replace(' ', '-')}"


def _level(answer: Answer) -> Level:
    match answer:
        case Answer.ALTERED:
            return "error"
        case Answer.STALE | Answer.CANNOT_SAY:
            return "warning"
        case Answer.PROVISIONAL | Answer.DRAFT | Answer.UNKNOWN | Answer.VALID:
            return "note"
        case _:
            assert_never(answer)


def _said(its: Verified) -> str:
    """What a statement is and what it says that it is of."""
    how = [word for word, on in (("reformatted", its.reformatted), ("wrapped", its.wrapped)) if on]
    of = "" if its.facts is None else f" {_of(its.facts)}"
    return f"{its.answer}{of}" + (f" ({', '.join(how)})" if how else "")


def _of(facts: "Facts") -> str:
    query = facts.query
    days = f"{query.start} to before {query.end}" if query.start and query.end else "no period"
    return f"{', '.join(query.metrics)} {query.period or days} {facts.dialect}"


def _statement(its: Verified) -> dict[str, Any]:
    return {
        "answer": its.answer.value,
        "path": its.place.path,
        "line": its.place.line,
        "column": its.place.column,
        "reformatted": its.reformatted,
        "wrapped": its.wrapped,
        "certificate": None if its.facts is None else _certificate(its.facts),
        "findings": [_finding(each) for each in its.findings],
        "notes": list(its.notes),
        "fix": its.fix or None,
    }


def _certificate(facts: "Facts") -> dict[str, Any]:
    query = facts.query
    return {
        "standing": facts.standing.value,
        "metrics": list(query.metrics),
        "period": query.period,
        "start": None if query.start is None else query.start.isoformat(),
        "end": None if query.end is None else query.end.isoformat(),
        "dialect": facts.dialect,
        "entries": [sequence for sequence, _ in facts.entries],
    }


def _finding(each: Found) -> dict[str, Any]:
    its = each.difference
    return {
        "message": each.message,
        "line": each.place.line,
        "column": each.place.column,
        "clause": None if its is None else its.clause,
        "expected": None if its is None else its.expected,
        "found": None if its is None else its.found,
    }
