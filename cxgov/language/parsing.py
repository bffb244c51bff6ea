"""The closed expression language: text of one SQL scalar to a tree.

What the grammar cannot say cannot be written: no subquery, no ``*``, no comment, no ``;``, no function that reads a
file, a setting or the clock.

    or         = and {"or" and}
    and        = not {"and" not}
    not        = "not" not | predicate
    predicate  = sum [("=" | "<>" | "!=" | "<" | "<=" | ">" | ">=") sum | ["not"] "between" sum "and" sum
               | ["not"] "in" "(" sum {"," sum} ")" | ["not"] "like" text | "is" ["not"] "null"]
    sum        = product {("+" | "-") product}
    product    = unary {("*" | "/" | "%") unary}
    unary      = "-" unary | primary
    primary    = number | text | "true" | "false" | "null" | "date" text | "timestamp" text | "interval" text unit
               | "case" {"when" or "then" or} ["else" or] "end" | function "(" or {"," or} ")"
               | name {"." name} | "(" or ")"
"""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate
from typing import Final, NoReturn

from cxgov.language.expressions import FUNCTIONS, MIRRORED, Expr, ExpressionError

MAX_DEPTH: Final = 60
MAX_TOKENS: Final = 1_000
MAX_DIGITS: Final = 40
MAX_SECONDS: Final = 1_000 * 366 * 86_400
UNITS: Final = {
    "second": 1, "seconds": 1, "minute": 60, "minutes": 60, "hour": 3600, "hours": 3600,
    "day": 86400, "days": 86400, "week": 604800, "weeks": 604800,
}  # fmt: skip
KEYWORDS: Final = frozenset(
    [
        "and",
        "or",
        "not",
        "between",
        "in",
        "like",
        "is",
        "null",
        "true",
        "false",
        "case",
        "when",
        "then",
        "else",
        "end",
        "select",
        "from",
        "where",
    ]
)
_LITERALS: Final = {"true": True, "false": False, "null": None}
_NOT, _PREDICATE, _UNARY = 3, 4, 7
_BINDING: Final = {
    "or": 1, "and": 2, "not": _PREDICATE, "between": _PREDICATE, "in": _PREDICATE, "like": _PREDICATE, "is": _PREDICATE,
    "=": _PREDICATE, "<>": _PREDICATE, "!=": _PREDICATE, "<": _PREDICATE, "<=": _PREDICATE, ">": _PREDICATE,
    ">=": _PREDICATE, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}  # fmt: skip
_NAME_PARTS: Final = "Name its parts as dimensions of the source."
_TELLING: Final = {
    "--": ("comments cannot be written in an expression", "Write it as a YAML comment, outside the value."),
    "/*": ("comments cannot be written in an expression", "Write it as a YAML comment, outside the value."),
    "==": ("'==' is not SQL", "Write one `=`."),
    ";": ("';' cannot be written: an expression is one scalar", "Remove it and what follows."),
    '"': ("double quotes are not used", "Write text in single quotes and names bare."),
    "'": ("a text without its closing quote", "Close it with '; a quote inside is written ''."),
    "select": (
        "a subquery cannot be written",
        "Declare the other relation as a source and refer to it by an entity.",
    ),
    "*": ("'*' stands only between two numbers", "Name the column; rows are counted by `count: rows`."),
}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_TOKEN = re.compile(
    r"([A-Za-z_][A-Za-z0-9_]*|[0-9]+(?:\.[0-9]+)?(?![A-Za-z0-9_.])|'(?:[^']|'')*'"
    r"|==|<=|>=|<>|!=|--|/\*|[-+*/%()<>=,.])"
)
_SPACE: Final = " \t\n\r\f\v"
_NO_SPACE: Final = str.maketrans("", "", _SPACE)
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz_")
_DIGITS: Final = frozenset("0123456789")


def _tokens(text: str) -> tuple[list[str], list[int]]:
    """Words in lower case, numbers, texts in their quotes and signs, then an empty one; and the offset of each.

    A character that is of no token is one with a space before it, and the last.
    """
    pieces = _TOKEN.split(text)  # what is between two tokens, a token, what is between ...
    tokens, starts = pieces[1::2], list(accumulate(map(len, pieces)))[::2]
    between = pieces[::2]
    strange = "".join(between).translate(_NO_SPACE)
    if len(tokens) + len(strange) >= MAX_TOKENS:
        raise ExpressionError(f"an expression of more than {MAX_TOKENS:,} words and signs", 0, _NAME_PARTS)
    if not text.islower():
        tokens = [token if token[0] == "'" else token.lower() for token in tokens]
    if strange:
        i, rest = next((i, rest) for i, gap in enumerate(between) if (rest := gap.lstrip(_SPACE)))
        tokens[i:] = [f" {rest[0]}"]
        starts[i:] = [starts[i] - len(rest), len(text)]
    tokens.append("")
    return tokens, starts


class _Parser:
    """Precedence climbing over the tokens; one call an operand."""

    __slots__ = ("depth", "i", "starts", "tokens")

    def __init__(self, text: str) -> None:
        self.tokens, self.starts = _tokens(text)
        self.i = 0
        self.depth = 0

    def fail(self, expected: str) -> NoReturn:
        token, at = self.tokens[self.i], self.starts[self.i]
        word = token.lstrip(" ")
        if word in _TELLING:
            raise ExpressionError(_TELLING[word][0], at, _TELLING[word][1])
        found = repr(word) if word else "the end"
        if not word.isascii() and word is not token:  # it may look like a letter of ours
            found = f"{found} (U+{ord(word):04X})"
        raise ExpressionError(f"found {found}, expected {expected}", at)

    def take(self, word: str) -> bool:
        if self.tokens[self.i] == word:
            self.i += 1
            return True
        return False

    def need(self, word: str) -> None:
        if not self.take(word):
            self.fail(repr(word))

    def whole(self) -> Expr:
        tree = self.expression(0)
        if self.tokens[self.i]:
            self.fail("an operator or the end")
        return tree

    def expression(self, floor: int) -> Expr:
        """An expression whose operators all bind tighter than ``floor``."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"nested more than {MAX_DEPTH} deep", self.starts[self.i], _NAME_PARTS)
        word, at = self.tokens[self.i], self.starts[self.i]
        if word == "not" and floor < _NOT:
            self.i += 1
            left = Expr("not", (self.expression(_NOT - 1),), None, at)
        elif word == "-":
            self.i += 1
            left = Expr("neg", (self.expression(_UNARY - 1),), None, at)
        else:
            left = self.primary(word, at)
        while True:
            word = self.tokens[self.i]
            binding = _BINDING.get(word, 0)
            if binding <= floor:
                self.depth -= 1
                return left
            at = self.starts[self.i]
            self.i += 1
            if binding == _PREDICATE:
                left = self.predicate(left, word, at)
                if _BINDING.get(self.tokens[self.i]) == _PREDICATE:
                    self.fail("'and', 'or' or the end")
            elif binding > _PREDICATE:
                left = Expr(word, (left, self.expression(binding)), None, at)
            else:
                args = [left, self.expression(binding)]
                while self.take(word):
                    args.append(self.expression(binding))
                left = Expr(word, tuple(args), None, left.at)

    def predicate(self, left: Expr, word: str, at: int) -> Expr:
        if word in MIRRORED or word == "!=":
            return Expr("<>" if word == "!=" else word, (left, self.expression(_PREDICATE)), None, at)
        if word == "is":
            negated = self.take("not")
            self.need("null")
            return _negated(Expr("is null", (left,), None, at), negated)
        negated = word == "not"
        if negated:
            word = self.tokens[self.i]
            if word not in {"between", "in", "like"}:
                self.fail("'between', 'in' or 'like'")
            self.i += 1
        if word == "between":
            low = self.expression(_PREDICATE)
            self.need("and")
            return _negated(Expr("between", (left, low, self.expression(_PREDICATE)), None, at), negated)
        if word == "in":
            self.need("(")
            items = [left, self.expression(_PREDICATE)]
            while self.take(","):
                items.append(self.expression(_PREDICATE))
            self.need(")")
            return _negated(Expr("in", tuple(items), None, at), negated)
        pattern = self.expression(_PREDICATE)
        if pattern.op != "text" or "\\" in str(pattern.value):
            raise ExpressionError(
                "`like` takes a text without a backslash", pattern.at, "Write the pattern in single quotes."
            )
        return _negated(Expr("like", (left, pattern), None, at), negated)

    def primary(self, word: str, at: int) -> Expr:
        self.i += 1
        first = word[:1]
        if first in _LETTERS:
            return self.named(word, at)
        if first in _DIGITS:
            if len(word) > MAX_DIGITS:
                raise ExpressionError(f"a number of more than {MAX_DIGITS} digits", at)
            return Expr("number", (), Decimal(word) if "." in word else int(word), at)
        if first == "'":
            return _leaf("text", _text(word, at), at)
        if word == "(":
            tree = self.expression(0)
            self.need(")")
            return tree
        self.i -= 1
        return self.fail("a column, a literal or '('")

    def named(self, word: str, at: int) -> Expr:
        if word in KEYWORDS:
            if word in _LITERALS:
                return Expr("null" if word == "null" else "boolean", (), _LITERALS[word], at)
            if word == "case":
                return self.case(at)
            self.i -= 1
            self.fail("a column, a literal or '('")
        following = self.tokens[self.i]
        if following[:1] == "'" and word in {"date", "timestamp", "interval"}:
            self.i += 1
            return self.typed(word, _text(following, self.starts[self.i - 1]), at)
        if following == "(":
            return self.call(word, at)
        if following != ".":
            return _leaf("name", word, at)
        path = [word]
        while self.take("."):
            part = self.tokens[self.i]
            if part[:1] not in _LETTERS:
                self.fail("a name")
            self.i += 1
            path.append(part)
        return _leaf("path", ".".join(path), at)

    def call(self, word: str, at: int) -> Expr:
        if word not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS))
            raise ExpressionError(f"{word!r} is not a function of the language", at, f"Use one of: {known}.")
        self.need("(")
        args = [self.expression(0)]
        while self.take(","):
            args.append(self.expression(0))
        self.need(")")
        fewest, most = FUNCTIONS[word]
        if not fewest <= len(args) <= most:
            count = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise ExpressionError(f"{word}() takes {count} arguments, found {len(args)}", at)
        return Expr(word, tuple(args), None, at)

    def case(self, at: int) -> Expr:
        args = []
        while self.take("when"):
            args.append(self.expression(0))
            self.need("then")
            args.append(self.expression(0))
        if not args:
            self.fail("'when'")
        args.append(self.expression(0) if self.take("else") else Expr("null", (), None, at))
        self.need("end")
        return Expr("case", tuple(args), None, at)

    def typed(self, word: str, text: str, at: int) -> Expr:
        if word == "interval":
            unit = self.tokens[self.i]
            if unit not in UNITS:
                found = repr(unit.lstrip(" ")) if unit else "the end"
                message = f"found {found}, expected a unit of time"
                raise ExpressionError(message, self.starts[self.i], "Write e.g. interval '90' minute.")
            self.i += 1
            if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
                raise ExpressionError(
                    f"{text!r} is not a whole number of {unit}s", at, "Write e.g. interval '90' minute."
                )
            seconds = int(text) * UNITS[unit]
            if seconds > MAX_SECONDS:
                raise ExpressionError(f"an interval of {text} {unit} is longer than 1000 years", at)
            return Expr("interval", (), timedelta(seconds=seconds), at)
        try:
            if word == "date":
                return Expr("date", (), date.fromisoformat(_shaped(text, _DATE)), at)
            moment = datetime.fromisoformat(_shaped(text, _TIMESTAMP))
            if moment.tzinfo:
                moment.astimezone(UTC)  # before the year 1 and after 9999 there is no such instant
        except (ValueError, OverflowError):
            form = "'YYYY-MM-DD'" if word == "date" else "'YYYY-MM-DD HH:MM:SS', with Z or +HH:MM if it is an instant"
            raise ExpressionError(f"{text!r} is not a {word}", at, f"Write {word} {form}.") from None
        return Expr("instant" if moment.tzinfo else "local", (), moment, at)


# Many expressions of a registry begin with the same columns.
@lru_cache(maxsize=4096)
def _leaf(op: str, value: str, at: int) -> Expr:
    return Expr(op, (), value, at)


def _negated(tree: Expr, negated: bool) -> Expr:  # noqa: FBT001  # the one thing that it is told
    return Expr("not", (tree,), None, tree.at) if negated else tree


def _shaped(text: str, shape: re.Pattern[str]) -> str:
    if shape.fullmatch(text) is None:
        raise ValueError(text)
    return text


def _text(word: str, at: int) -> str:
    text = word[1:-1].replace("''", "'")
    if not text.isprintable():
        raise ExpressionError("a text with a character that cannot be seen", at, "Remove the character.")
    return text


@lru_cache(maxsize=4096)
def parse(text: str) -> Expr:
    """The tree of an expression.

    Raises:
        ExpressionError: the text is not one expression of the language; ``at`` is the offset of what is wrong.
    """
    parser = _Parser(text)
    tree = parser.whole()
    # A long chain of signs leans to the left as deep as brackets do, and every pass over a tree calls itself.
    level = [tree] if len(parser.tokens) > MAX_DEPTH else []
    for _ in range(MAX_DEPTH):
        level = [arg for node in level for arg in node.args] if level else level
    if level:
        raise ExpressionError(f"more than {MAX_DEPTH} operations nested or in a row", level[0].at, _NAME_PARTS)
    return tree
