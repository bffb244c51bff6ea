"""A marked statement and the one that its certificate stands for, to how they differ: tokens, comments, facts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from cxgov.compiler.words import RESERVED
from cxgov.ledger.certificates import Statement
from cxgov.ledger.clauses import Difference, Written, differences
from cxgov.ledger.marked import Marks, Piece, end_of, marks_of, said
from cxgov.ledger.tokens import Token, keys, tokens

_WRAPPER: Final = ["select", "*", "from", "("]
# A tool or two wrap it; each takes another pass over the statement.
_WRAPPERS: Final = 8
_ALLOWED: Final = "only `select * from (…)`, an alias, `order by` columns and a limit may stand around it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing by which a statement is altered, and where in its text; ``difference`` where tokens differ."""

    message: str
    at: int
    difference: Difference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How a statement differs from what was expected.

    ``reformatted``: its bytes are others, its tokens are not; ``wrapped``: something that may stands around it.
    """

    findings: tuple[Finding, ...] = ()
    reformatted: bool = False
    wrapped: bool = False


class Expected:
    """A statement that we wrote, to compare others with."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.text = statement.sql.strip()

    @cached_property
    def written(self) -> Written:
        """Its tokens."""
        dialect = self.statement.compiled.dialect
        found = list(tokens(self.statement.compiled.body, dialect))
        return Written(keys(found, dialect), [token.text for token in found])


def compare(piece: Piece, marks: Marks, ours: Expected) -> Compared:
    """How a statement of a text differs from one that we wrote."""
    same = piece.marked == ours.text
    found = [] if same else _head(piece, marks, ours.statement)
    broken = unreadable(piece)
    if broken is not None:
        return Compared(findings=(*found, broken))
    low, high = _verbatim(piece) if same else _core(piece, ours.written.keys)
    if high is None:
        return Compared(findings=(*found, *_body(piece, ours.written, low)))
    if not same:
        found += _comments(piece, low, high)
    return Compared(findings=tuple(found), reformatted=not same, wrapped=(low, high) != (0, len(piece.tokens)))


def unreadable(piece: Piece) -> Finding | None:
    """From where on a statement cannot be read, if there is such a place."""
    if not piece.tokens or piece.tokens[-1].kind != "broken":
        return None
    message = "from here on it cannot be read: a text or a comment has no end, or not the same end for every reader"
    return Finding(message=message, at=piece.tokens[-1].start)


def _head(piece: Piece, marks: Marks, statement: Statement) -> list[Finding]:
    """What the certificate says otherwise than ours would."""
    found = []
    heading = said(tokens(statement.heading, statement.compiled.dialect))
    if marks.heading != heading:
        found.append(Finding(message=_instead("header", heading, marks.heading), at=piece.start))
    assert marks.facts is not None
    ours, theirs = statement.facts, marks.facts.data
    for name in sorted({*ours, *theirs} - {"compiler"}):
        if _json(ours, name) != _json(theirs, name):
            message = _instead(f"certificate, {name}", _json(ours, name), _json(theirs, name))
            found.append(Finding(message=message, at=piece.start))
    if marks.end != theirs["sql"]:
        what = "of another statement" if marks.end else "gone"
        found.append(Finding(message=f"the mark at its end is {what}", at=_end(piece)))
    return found


def _instead(clause: str, expected: str, found: str) -> str:
    same = next((i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), 0)
    start = max(0, same - 20)
    return f"{clause}: `{_part(found, start)}` stands where `{_part(expected, start)}` did"


def _part(text: str, start: int) -> str:
    shown = text[start : start + 80]
    return f"{'… ' if start else ''}{shown}{' …' if len(text) > start + 80 else ''}"


def _json(facts: Mapping[str, Any], name: str) -> str:
    return json.dumps(facts[name], sort_keys=True, default=str) if name in facts else "nothing"


# --- the tokens ---


def _core(piece: Piece, expected: Sequence[str]) -> tuple[int, int | None]:
    """Where the tokens of ours stand in what may be around them; no end where they don't."""
    its = piece.keys
    low, high = _unwrapped(piece, its)
    end = low + len(expected)
    ours = end <= high and its[low:end] == list(expected)
    return low, end if ours and _may_end(piece, its, end, high) else None


def _verbatim(piece: Piece) -> tuple[int, int | None]:
    """The same where the text between the marks is ours, byte for byte."""
    begin, stop = piece.ends
    first = sum(token.start < begin for token in piece.tokens)
    end = sum(token.start < stop for token in piece.tokens)
    if (first, end) == (0, len(piece.tokens)):
        return first, end
    its = piece.keys
    low, high = _unwrapped(piece, its)
    return low, end if first == low and _may_end(piece, its, end, high) else None


def _unwrapped(piece: Piece, its: Sequence[str]) -> tuple[int, int]:
    low, high = 0, len(its)
    for _ in range(_WRAPPERS):
        if its[low : low + len(_WRAPPER)] != _WRAPPER:
            break
        close = _closing(its, low + len(_WRAPPER) - 1, high)
        if close is None or not _may_follow(piece.tokens[close + 1 : high], its[close + 1 : high], alias=True):
            break
        low, high = low + len(_WRAPPER), close
    return low, high


def _may_end(piece: Piece, its: Sequence[str], end: int, high: int) -> bool:
    """Whether what follows our tokens in the same query may; an alias there would be that of our last table."""
    return end <= high and _may_follow(piece.tokens[end:high], its[end:high], alias=False)


def _closing(its: Sequence[str], opening: int, high: int) -> int | None:
    depth = 0
    for i in range(opening, high):
        depth += (its[i] == "(") - (its[i] == ")")
        if depth == 0:
            return i
    return None


def _may_follow(found: Sequence[Token], its: Sequence[str], *, alias: bool) -> bool:
    """Whether tokens are an alias, an order by columns and a limit, each of them or none."""
    i = 0

    def name() -> bool:
        nonlocal i
        good = i < len(found) and (found[i].kind == "name" or (found[i].kind == "word" and its[i] not in RESERVED))
        i += good
        return good

    def word(*words: str) -> bool:
        nonlocal i
        good = tuple(its[i : i + len(words)]) == words
        i += len(words) if good else 0
        return good

    def whole() -> bool:
        nonlocal i
        good = i < len(found) and its[i].isascii() and its[i].isdigit()
        i += good
        return good

    if alias and word("as"):
        if not name():
            return False
    elif alias:
        name()
    if word("order", "by"):
        while True:
            if not whole() and not (name() and (not word(".") or name())):
                return False
            _ = word("asc") or word("desc")
            _ = word("nulls", "first") or word("nulls", "last")
            if not word(","):
                break
    if word("limit") and not whole():
        return False
    return i == len(found)


def _body(piece: Piece, expected: Written, low: int) -> list[Finding]:
    its = piece.keys
    if not its:
        return [Finding(message="the statement between the marks is gone", at=piece.start)]
    whole = _within(its, expected.keys)
    if whole is not None:
        before, after = its[:whole], its[whole + len(expected.keys) :]
        around = " … ".join(" ".join(part[:12]) for part in (before, after) if part)
        return [Finding(message=f"around the statement stands `{around}`: {_ALLOWED}", at=piece.tokens[0].start)]
    high = len(its)
    if low:
        close = _closing(its, low - 1, high)
        high = high if close is None else close
    shown = [token.text for token in piece.tokens[low:high]]
    found = []
    for its_difference in differences(expected, Written(its[low:high], shown)):
        at = low + its_difference.at
        place = piece.tokens[at].start if at < len(piece.tokens) else piece.tokens[-1].end
        found.append(Finding(message=str(its_difference), at=place, difference=its_difference))
    return found


def _within(its: Sequence[str], expected: Sequence[str]) -> int | None:
    """Where all that was expected stands in a row."""
    first = expected[0]
    for i in range(len(its) - len(expected) + 1):
        if its[i] == first and list(its[i : i + len(expected)]) == list(expected):
            return i
    return None


# --- the comments ---


def _comments(piece: Piece, low: int, high: int) -> list[Finding]:
    """What stands as a comment where ours alone may: from the first mark to the last."""
    found = [
        Finding(message=f"a comment in the statement: `{_part(said([token]), 0)}`", at=token.start)
        for token in piece.between(low + 1, high)
    ]
    head, tail = marks_of(said(piece.between(0, low + 1))), said(piece.between(high))
    if head is None or head.facts is None:
        found.append(Finding(message="its certificate does not stand before it", at=piece.start))
    elif end_of(said(piece.between(0, low + 1))) is not None:
        found.append(Finding(message="the mark at its end stands before it, too", at=piece.start))
    elif head.after:
        found.append(Finding(message=f"a comment after its certificate: `{_part(head.after, 0)}`", at=piece.start))
    end = end_of(tail)
    if end is None and end_of(said(piece.between(0))) is not None:
        found.append(Finding(message="the mark at its end does not stand behind it", at=_end(piece)))
    elif end is not None and tail[: end.start()].strip():
        before = _part(tail[: end.start()].strip(), 0)
        found.append(Finding(message=f"a comment before the mark at its end: `{before}`", at=_end(piece)))
    return found


def _end(piece: Piece) -> int:
    return piece.tokens[-1].end if piece.tokens else piece.start
