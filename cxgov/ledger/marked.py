"""A text with many statements to each of them, with what our marks in its comments say.

The marks are found in comments of either form, on a line of their own or joined with others. What they say is not
believed here, only read.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from cxgov.ledger.certificates import MARK, Facts, read_facts
from cxgov.ledger.tokens import OTHER, READ, Token, keys, plain_comment, tokens

_TITLE: Final = re.compile(rf"(?<!\S){MARK} (?:CERTIFIED|PROVISIONAL|DRAFT): ")
_FACTS: Final = re.compile(rf"(?<!\S){MARK} (?=\{{)")
_END: Final = re.compile(rf"(?<!\S){MARK} end (sql1:[0-9a-f]{{64}})(?!\S)")
# The dialect stands near the beginning of the facts. It says how the text around them is read.
_DIALECT: Final = re.compile(rf'{MARK}\s+\{{.{{0,400}}?"dialect"\s*:\s*"(\w{{1,20}})"', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One statement of a text. A comment has with it how many tokens stand before it; ``keys`` are the tokens' own."""

    text: str
    dialect: str
    tokens: tuple[Token, ...]
    comments: tuple[tuple[int, Token], ...]

    @property
    def start(self) -> int:
        """Where it begins: at its certificate, if that is first."""
        head = next((token.start for _, token in self.comments if _TITLE.search(said([token]))), None)
        first = self.tokens[0].start if self.tokens else self.comments[0][1].start
        return first if head is None else min(head, first)

    @property
    def ends(self) -> tuple[int, int]:
        """Where the first mark begins and the last one ends; nothing between them where one is missing."""
        heads = [token.start for _, token in self.comments if _TITLE.search(said([token]))]
        ends = [token.end for _, token in self.comments if _END.search(said([token]))]
        return (heads[0], ends[-1]) if heads and ends else (self.start, self.start)

    @property
    def marked(self) -> str:
        """The text from the first mark to the last, and with them."""
        begin, end = self.ends
        return self.text[begin:end]

    @property
    def keys(self) -> list[str]:
        """What of each token counts."""
        return keys(self.tokens, self.dialect)

    def between(self, low: int, high: int | None = None) -> list[Token]:
        """The comments with at least ``low`` and before ``high`` tokens before them."""
        return [token for before, token in self.comments if low <= before and (high is None or before < high)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What stands of our marks in comments: words of the heading, the facts, what follows these, and the end's digest.

    ``wrong`` says why there are no facts although something of a mark is there.
    """

    heading: str = ""
    facts: Facts | None = None
    wrong: str = ""
    after: str = ""
    end: str | None = None


def said(comments: Iterable[Token]) -> str:
    """What comments say, in one line."""
    return " ".join(word for token in comments for word in plain_comment(token).split())


def end_of(text: str) -> re.Match[str] | None:
    """The first mark of an end in the words of comments."""
    return _END.search(text)


def marks_of(text: str) -> Marks | None:
    """The marks in the words of a statement's comments; None where there are none of ours."""
    title, fact = _TITLE.search(text), None
    for fact in _FACTS.finditer(text):
        if title is None or title.start() < fact.start():
            break
    end = next(reversed(list(_END.finditer(text))), None)
    if title is None and fact is None and end is None:
        return None
    closing = end[1] if end else None
    if fact is None:
        return Marks(wrong="the certificate before it is gone", end=closing)
    if title is None or fact.start() < title.start():
        return Marks(wrong="the first line of its certificate is gone", end=closing)
    heading = text[title.start() : fact.start()].strip()
    try:
        _, stop = json.JSONDecoder().raw_decode(text, fact.end())
        facts = read_facts(text[fact.end() : stop])
    except (ValueError, RecursionError) as error:
        return Marks(heading=heading, wrong=f"its certificate cannot be read: {error}", end=closing)
    rest = text[stop : end.start()] if end is not None and end.start() > stop else text[stop:]
    return Marks(heading=heading, facts=facts, after=rest.strip(), end=closing)


def statements_in(text: str) -> list[Piece]:
    """The statements of a text, parted by semicolons; what is only comments of others is none."""
    known = [(its.start(), its[1]) for its in _DIALECT.finditer(text) if its[1] in READ]
    found: list[Piece] = []
    at = 0
    while at < len(text):
        # A statement is read as the next certificate says, for that is its own if it has one.
        while len(known) > 1 and known[0][0] < at:
            known.pop(0)
        dialect = known[0][1] if known else OTHER
        code: list[Token] = []
        comments: list[tuple[int, Token]] = []
        for token in tokens(text, dialect, at):
            at = token.end
            if token.kind == "comment":
                comments.append((len(code), token))
            elif token.text == ";":
                break
            else:
                code.append(token)
        else:
            at = len(text)
        found.append(Piece(text=text, dialect=dialect, tokens=tuple(code), comments=tuple(comments)))
    return [its for its in _ends_given_back(found) if its.tokens or marks_of(said(its.between(0))) is not None]


def _ends_given_back(found: list[Piece]) -> list[Piece]:
    """The same with an end mark before the semicolon that a formatter has put before it."""
    given = list(found)
    for i, (one, other) in enumerate(pairwise(found)):
        leading = [token for before, token in other.comments if before == 0]
        last = next((n for n, token in enumerate(leading, 1) if _END.search(said([token]))), 0)
        text = said(leading[:last])
        if last and not _TITLE.search(text) and not _END.search(said(one.between(0))) and one.tokens:
            moved = tuple((len(one.tokens), token) for token in leading[:last])
            given[i] = replace(given[i], comments=given[i].comments + moved)
            given[i + 1] = replace(other, comments=other.comments[last:])
    return given
