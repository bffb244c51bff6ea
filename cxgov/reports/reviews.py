"""A review as text for a terminal, as JSON for programs, and as Markdown for a pull request."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any, Final

from cxgov.evaluation.reviewed import Compared, Number, Numbers, Pair, Reviewed, Why
from cxgov.governance.changes import Comparison
from cxgov.language.diagnostics import visible
from cxgov.reports import changes, verdicts
from cxgov.reports.markdown import escaped, table
from cxgov.reports.registry import as_json as json_text
from cxgov.reports.registry import columns
from cxgov.reports.results import json_value
from cxgov.reports.reviewing import (
    NO_CONNECTION,
    about,
    bump_of,
    common_reason,
    findings,
    group_words,
    in_order,
    name_of,
    outcome_words,
    sentences,
    shown,
    title_of,
    whys,
)

WIDTH: Final = 100
MEANING, NUMBERS, WHO = "What changes in meaning", "What changes in numbers", "Who must approve"


# --- text ---


def as_text(reviewed: Reviewed, width: int = WIDTH) -> str:
    """What is decided in a line or two, every change, every number that moved, and who must approve."""
    gated, numbers = reviewed.gated, reviewed.numbers
    lines = [*_wrapped(" ".join(sentences(reviewed)), width), f"{gated.head[:12]} into {gated.trusted[:12]}"]
    if gated.proposal is not None:
        lines += ["", MEANING, *_meaning(gated.proposal.comparison, width)]
        lines += ["", NUMBERS]
        lines += _wrapped(NO_CONNECTION, width, 2) if numbers is None else _numbers(numbers, width)
    lines += ["", WHO, *verdicts.lines(gated)]
    return "\n".join(lines) + "\n"


def _meaning(comparison: Comparison, width: int) -> Iterator[str]:
    every = findings(comparison)
    if not every:
        yield "  nothing"
    for finding in every:
        what = f"{finding.change_class}  {finding.kind} {finding.id}{changes.edit_words(finding)}"
        yield from _wrapped(what, width, 2, 6)
        told = [changes.reached_words(finding), bump_of(comparison, finding) or ""]
        told += [str(finding.place)] if finding.place is not None else []
        for said in filter(None, told):
            yield from _wrapped(said, width, 6)


def _numbers(numbers: Numbers, width: int) -> Iterator[str]:
    for said in about(numbers):
        yield from _wrapped(said, width, 2)
    reason = common_reason(numbers.compared)
    if reason is not None:
        yield from _wrapped(f"{', '.join(map(name_of, numbers.compared))}: {reason}", width, 2, 4)
        return
    told, same = in_order(numbers)
    for its in told:
        yield ""
        yield from _block(its, width)
    if same:
        yield ""
        yield "  the same number, though its meaning moved:"
        rows = [(name_of(its), *_value(its), f"n {shown(its, its.total).n}") for its in same]
        yield from (f"    {line}" for line in columns(rows).splitlines())


def _value(its: Compared) -> tuple[str, str]:
    side = shown(its, its.total).new
    return (side[0] if side else "", its.metric.unit)


def _block(its: Compared, width: int) -> Iterator[str]:
    yield from _wrapped(f"{name_of(its)}  {title_of(its)}", width, 2, 6)
    found = shown(its, its.total)
    rows = [(label, side) for label, side in (("old", found.old), ("new", found.new)) if side is not None]
    cells = [(label, value, interval, f"n {n}") for label, (value, interval, n) in rows]
    yield from (f"    {line}" for line in columns(cells).splitlines())
    if found.difference:
        yield f"    difference {found.difference} {visible(found.unit)}"
    words = [] if its.whys else [outcome_words(its, its.total)]
    for said in filter(None, [*whys(its), *words]):
        yield from _wrapped(said, width, 4)
    for split in its.splits:
        yield f"    by {visible(split.by)}"
        for why in split.whys:
            yield from _wrapped(_why(why), width, 6)
        groups = [["", "old", "new", "difference", "n"], *(_group(its, pair) for pair in split.pairs)]
        if split.pairs:
            yield from (f"      {line}" for line in columns(groups).splitlines())


def _group(its: Compared, pair: Pair) -> list[str]:
    found = shown(its, pair)
    old, new = (side[0] if side else "" for side in (found.old, found.new))
    return [group_words(pair.group), old, new, found.difference, found.n]


def _why(why: Why) -> str:
    return f"not evaluated {'before' if why.side == 'old' else 'after'}: {why.reason}"


def _wrapped(text: str, width: int, first: int = 0, later: int | None = None) -> list[str]:
    """A line of a document's texts in lines of a width; a long word such as a path stays whole."""
    return wrap(
        visible(text),
        max(width, 40),
        initial_indent=" " * first,
        subsequent_indent=" " * (first if later is None else later),
        break_long_words=False,
        break_on_hyphens=False,
    )


# --- JSON ---


def as_json(reviewed: Reviewed) -> str:
    """The same with unrounded numbers; its schema is ``schemas/output/review.json``."""
    gated, numbers = reviewed.gated, reviewed.numbers
    return json_text(
        {
            "said": " ".join(sentences(reviewed)),
            "changes": None if gated.proposal is None else changes.fields(gated.proposal.comparison),
            "numbers": None if numbers is None else _number_fields(numbers),
            "verdict": verdicts.fields(gated),
        }
    )


def _number_fields(numbers: Numbers) -> dict[str, Any]:
    old, new = numbers.old_period, numbers.new_period
    return {
        "connection": numbers.connection,
        "complete": numbers.complete,
        "period": old.name,
        "old_period": {"start": old.start.isoformat(), "end": old.end.isoformat()},
        "new_period": {"start": new.start.isoformat(), "end": new.end.isoformat()},
        "as_of": f"{numbers.as_of:%Y-%m-%dT%H:%M:%SZ}",
        "early": numbers.early,
        "old_confidence": numbers.confidences[0],
        "new_confidence": numbers.confidences[1],
        "drafts": list(numbers.drafts),
        "metrics": [_metric_fields(its) for its in numbers.compared],
    }


def _metric_fields(its: Compared) -> dict[str, Any]:
    return {
        "metric": its.id,
        "overlay": its.overlay,
        "title": its.metric.title,
        "old_unit": None if its.old is None else its.old.unit,
        "new_unit": None if its.new is None else its.new.unit,
        "evaluated": its.evaluated,
        "close": its.close,
        **_pair_fields(its, its.total, its.outcome),
        "reasons": _reasons(its.whys),
        "splits": [
            {
                "by": split.by,
                "reasons": _reasons(split.whys),
                "groups": [
                    {"group": json_value(pair.group), **_pair_fields(its, pair, its.outcome_of(pair))}
                    for pair in split.pairs
                ],
            }
            for split in its.splits
        ],
    }


def _pair_fields(its: Compared, pair: Pair, outcome: str) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "old": _side_fields(pair.old),
        "new": _side_fields(pair.new),
        "difference": json_value(its.difference(pair)),
    }


def _side_fields(number: Number | None) -> dict[str, Any] | None:
    if number is None:
        return None
    return {
        "status": number.status,
        "value": json_value(number.value),
        "n": number.n,
        "low": json_value(number.low),
        "high": json_value(number.high),
    }


def _reasons(every: Sequence[Why]) -> list[dict[str, str]]:
    return [{"side": why.side, "reason": why.reason} for why in every]


# --- Markdown ---


def as_markdown(reviewed: Reviewed) -> str:
    """The same as a page of tables, for a comment beside the proposal."""
    gated, numbers = reviewed.gated, reviewed.numbers
    first, *more = map(escaped, sentences(reviewed))
    parts = [f"## Review: {verdicts.answer(gated)}", f"**{first}** {' '.join(more)}".rstrip()]
    parts.append(f"{gated.head[:12]} into {gated.trusted[:12]}")
    if gated.proposal is not None:
        parts += [f"### {MEANING}", *_meaning_page(gated.proposal.comparison), f"### {NUMBERS}"]
        parts += [f"{escaped(NO_CONNECTION.capitalize())}."] if numbers is None else _numbers_page(numbers)
    parts += [f"### {WHO}", "\n".join(verdicts.markdown_lines(gated))]
    return "\n\n".join(parts).rstrip() + "\n"


def _meaning_page(comparison: Comparison) -> list[str]:
    every = findings(comparison)
    if not every:
        return ["Nothing."]
    rows = [[*changes.cells(finding), escaped(bump_of(comparison, finding) or "")] for finding in every]
    return [table(["class", "document", "field", "before", "after", "reaches", "version"], rows)]


def _numbers_page(numbers: Numbers) -> list[str]:
    parts = [escaped(" ".join(about(numbers)))]
    reason = common_reason(numbers.compared)
    if reason is not None:
        return [*parts, f"{escaped(', '.join(map(name_of, numbers.compared)))}: {escaped(reason)}"]
    if not numbers.compared:
        return parts
    told, same = in_order(numbers)
    rows = [_row(its) for its in [*told, *same]]
    right = frozenset({1, 3, 5})
    parts.append(table(["metric", "old", "interval", "new", "interval", "difference", "n", ""], rows, right=right))
    for its in told:
        for split in its.splits:
            parts.append(f"**{escaped(name_of(its))}** by {escaped(split.by)}:")
            if split.whys:
                parts.append("\n".join(f"- {escaped(_why(why))}" for why in split.whys))
                continue
            groups = [[escaped(cell) for cell in _group(its, pair)] for pair in split.pairs]
            parts.append(
                table([escaped(split.by), "old", "new", "difference", "n"], groups, right=frozenset({1, 2, 3}))
            )
    return parts


def _row(its: Compared) -> list[str]:
    found = shown(its, its.total)
    old, new = (side[:2] if side else ("", "") for side in (found.old, found.new))
    said = "; ".join([*whys(its), *([] if its.whys else [outcome_words(its, its.total)])])
    name = f"**{escaped(name_of(its))}** {escaped(title_of(its))}"
    moved = f"{found.difference} {found.unit}" if found.difference else ""
    return [name, *(escaped(cell) for cell in (*old, *new, moved, found.n, said))]
