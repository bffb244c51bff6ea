"""The text of a statement to its tokens, as the dialect's own reader cuts it; what is unsure is a token of its own.

Ours and not sqlglot's: what a certificate is worth must not change with a release of a library. A statement is compared
with one that cxgov wrote, so it is enough never to take two texts for one that an engine tells apart.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

Kind = Literal["word", "name", "text", "number", "sign", "comment", "broken"]

_SPACE: Final = r"[ \t\r\n\f\v]*+"
_WORD: Final = r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*+"
# What follows a number without a space is taken with it: some readers begin an alias there, others refuse it.
_NUMBER: Final = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[A-Za-z0-9_$\x80-\U0010ffff]*+"
_RUN: Final = r"[-+*/<>=~!@#%^&|?:\\]"
_SIGNS: Final = frozenset(
    ["+", "-", "*", "/", "%", "<", ">", "<=", ">=", "<>", "!=", "=", "||", "::", ":", "?", "->", "->>", "=>", ":="]
)
# PostgreSQL's rule, and the others do so anyway: behind these a sign of a number needs no space.
_BEFORE_SIGN: Final = frozenset(["+", "-", "*", "/", "<", ">", "<=", ">=", "<>", "=", "::"])
# Not every reader of SQL ends a line here, so a comment that holds one hides text from some of them.
_UNSURE: Final = re.compile("[\\r\\v\\f\x00\x1c-\x1e\x85\u2028\u2029]")

_PLAIN: Final = r"'(?:[^']|'')*+'"
_QUOTED: Final = r'"(?:[^"]|"")*+"'
_ESCAPED: Final = r"'(?:[^'\\]|''|\\.)*+'"
_TAGGED: Final = r"\$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*+)?)\$.*?\$(?P=tag)\$"
_TRIPLE: Final = r"'''(?:[^'\\]|\\.|'(?!''))*+'''" + r'|"""(?:[^"\\]|\\.|"(?!""))*+"""'
_ONE_LINE: Final = r"""'(?:[^'\\\r\n]|\\[^\r\n])*+'|"(?:[^"\\\r\n]|\\[^\r\n])*+\""""
_TEXTS: Final = {
    "bigquery": f"(?:[rR][bB]?|[bB][rR]?)?(?:{_TRIPLE}|{_ONE_LINE})",
    "duckdb": rf"[eE]{_ESCAPED}|[bBxXnN]?{_PLAIN}|{_TAGGED}",
    "postgres": rf"[eE]{_ESCAPED}|(?:[bBxXnN]|[uU]&)?{_PLAIN}|[uU]&{_QUOTED}|{_TAGGED}",
    "snowflake": rf"[xX]?{_ESCAPED}|\$\$.*?\$\$",
}
_NAMES: Final = {"bigquery": r"`(?:[^`\\\r\n]|\\[^\r\n])*+`"}
_LINES: Final = {"bigquery": "--|#", "snowflake": "--|//"}
_NESTED: Final = frozenset({"duckdb", "postgres"})
_EDGE: Final = re.compile(r"/\*|\*/")
OTHER: Final = "postgres"


class Token(NamedTuple):
    """A token and where it begins; ``broken`` is all from where a text or a comment has no end, or none for sure."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """The place after its last character."""
        return self.start + len(self.text)


def _reader(dialect: str) -> re.Pattern[str]:
    rules = {
        "text": _TEXTS[dialect],
        "word": _WORD,
        "comment": f"(?:{_LINES.get(dialect, '--')})[^\\n]*+",
        "block": r"/\*",
        "name": _NAMES.get(dialect, _QUOTED),
        "number": _NUMBER,
        "run": _RUN,
        "open": "['\"`]" + (r"|\$(?:[A-Za-z_][A-Za-z0-9_]*)?\$" if dialect != "bigquery" else ""),
        "sign": ".",
    }
    return re.compile(f"{_SPACE}(?:{'|'.join(f'(?P<{name}>{rule})' for name, rule in rules.items())}|\\Z)", re.DOTALL)


READ: Final = tuple(_TEXTS)
_READERS: Final = {dialect: _reader(dialect) for dialect in _TEXTS}
_STOPS: Final = {dialect: re.compile(rf"/\*|{_LINES.get(dialect, '--')}") for dialect in _TEXTS}
_RUNS: Final = re.compile(f"{_RUN}+")


def tokens(text: str, dialect: str, start: int = 0) -> Iterator[Token]:
    """The tokens and comments of a text from a place on; white space is none. A broken one is the last."""
    read, nested = _READERS[dialect].match, dialect in _NESTED
    at = start
    while (found := read(text, at)) is not None and (kind := found.lastgroup) is not None:
        its = found[kind]
        begin = found.end() - len(its)
        match kind:
            case "text" | "name" | "word" | "number" | "sign":
                token = Token(kind, its, begin)
            case "run":
                token = Token("sign", _signs(text, begin, dialect), begin)
            case "comment":
                token = Token("comment", its.removesuffix("\r"), begin)
                if _UNSURE.search(token.text):
                    token = Token("broken", text[begin:], begin)
            case "block":
                end = _block_end(text, begin, nested=nested)
                token = Token("comment", text[begin:end], begin) if end else Token("broken", text[begin:], begin)
            case _:
                token = Token("broken", text[begin:], begin)
        yield token
        if token.kind == "broken":
            return
        at = begin + len(token.text)


def _block_end(text: str, at: int, *, nested: bool) -> int | None:
    """The end of a comment that begins at a place."""
    if not nested:
        end = text.find("*/", at + 2)
        return None if end < 0 else end + 2
    depth = 0
    for edge in _EDGE.finditer(text, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return None


def _signs(text: str, at: int, dialect: str) -> str:
    """The sign at a place: all that stand together, if these are not two that every reader parts."""
    run = _RUNS.match(text, at)
    assert run is not None
    its = run[0]
    stop = _STOPS[dialect].search(its)
    # One at its beginning would have been read as a comment.
    its = its[: stop.start()] if stop else its
    parted = its[:-1] in _BEFORE_SIGN and its[-1] in "+-"
    return its[:-1] if its not in _SIGNS and parted else its


def keys(found: Sequence[Token], dialect: str) -> list[str]:
    """What of each token counts: a word's case does not, unless it names a relation where the dialect minds it."""
    if dialect != "bigquery":
        return [_folded(token.text) if token.kind == "word" else token.text for token in found]
    kept, before = [], ""
    named = False
    for i, token in enumerate(found):
        folded = _folded(token.text) if token.kind == "word" else token.text
        if before in {"from", "join"}:
            called = i + 1 < len(found) and found[i + 1].text == "("
            named = token.kind == "word" and not called
        elif named and "." not in {before, folded}:
            named = False
        kept.append(token.text if named else folded)
        before = folded
    return kept


def _folded(word: str) -> str:
    # Only these letters have one small form for every reader.
    return word.lower() if word.isascii() else "".join(c.lower() if c.isascii() else c for c in word)


def plain_comment(token: Token) -> str:
    """What a comment says, without its marks."""
    text = token.text
    if text.startswith("/*"):
        return text[2:].removesuffix("*/").strip()
    return re.sub("^(?:--+|#+|//+)", "", text).strip()
