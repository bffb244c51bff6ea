"""The closed expression language: text of one SQL scalar to a tree, and the tree's canonical form.

What the grammar cannot say cannot be written: no subquery, no ``*``, no comment, no ``;``, no function that reads a
file, a setting or the clock. Case, spaces, brackets, the order of ``and``/``or`` operands and the side on which a
literal stands do not change the canonical form; anything else does.

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
from typing import Final, NamedTuple, NoReturn, TypeAlias

MAX_DEPTH: Final = 60
MAX_TOKENS: Final = 1_000
MAX_DIGITS: Final = 40
MAX_SECONDS: Final = 1_000 * 366 * 86_400

# Name to (fewest, most) arguments. All are pure and give the same on every supported engine.
FUNCTIONS: Final = {
    "abs": (1, 1), "ceil": (1, 1), "floor": (1, 1), "ln": (1, 1), "exp": (1, 1), "sqrt": (1, 1),
    "lower": (1, 1), "upper": (1, 1), "trim": (1, 1), "length": (1, 1),
    "coalesce": (2, 20), "nullif": (2, 2), "greatest": (2, 20), "least": (2, 20),
}  # fmt: skip
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
_FLIPPED: Final = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
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

Literal: TypeAlias = str | int | Decimal | bool | date | datetime | timedelta | None


class ExpressionError(ValueError):
    """An expression that cannot be taken, with the offset in its text."""

    def __init__(self, message: str, at: int, fix: str = "") -> None:
        super().__init__(message)
        self.at = at
        self.fix = fix


class Expr(NamedTuple):
    """A node: an operator with its operands, a name, or a literal with its value.

    ``op`` is ``name``, ``path`` (value: the dotted text), ``text``, ``number``, ``boolean``, ``null``, ``date``,
    ``instant``, ``local``, ``interval``, ``and``, ``or``, ``not``, a comparison or arithmetic sign, ``neg``,
    ``between``, ``in``, ``like``, ``is null``, ``case`` (pairs, then the default) or a function's name.
    ``at`` is the offset in the text and no part of equality.
    """

    op: str
    args: tuple["Expr", ...] = ()
    value: Literal = None
    at: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expr) and self[:3] == other[:3]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self[:3])

    def __reduce__(self) -> tuple[type["Expr"], tuple[object, ...]]:
        return Expr, self[:]  # sent in two thirds of the time that a tuple's own way takes

    def __str__(self) -> str:
        return write(self)


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
        if word in _FLIPPED or word == "!=":
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
            return Expr("text", (), _text(word, at), at)
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
            return Expr("name", (), word, at)
        path = [word]
        while self.take("."):
            part = self.tokens[self.i]
            if part[:1] not in _LETTERS:
                self.fail("a name")
            self.i += 1
            path.append(part)
        return Expr("path", (), ".".join(path), at)

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


def canonical(tree: Expr) -> Expr:
    """The same meaning in one spelling: nested ``and``/``or`` flattened and sorted, literals to the right."""
    args = tuple(canonical(arg) for arg in tree.args)
    op = tree.op
    if op in {"and", "or"}:
        flat: list[Expr] = []
        for arg in args:
            flat.extend(arg.args if arg.op == op else (arg,))
        unique = {write(arg): arg for arg in flat}
        ordered = tuple(unique[key] for key in sorted(unique))
        return ordered[0] if len(ordered) == 1 else Expr(op, ordered, None, tree.at)
    if op in _FLIPPED:
        left, right = args
        left_literal, right_literal = _is_literal(left), _is_literal(right)
        # The sign decides where both sides are the same.
        turned = left_literal == right_literal and (write(left), op) > (write(right), _FLIPPED[op])
        if turned or (left_literal and not right_literal):
            return Expr(_FLIPPED[op], (right, left), None, tree.at)
    if op == "not" and args[0].op == "not":
        return args[0].args[0]
    return Expr(op, args, tree.value, tree.at)


def _is_literal(tree: Expr) -> bool:
    return not tree.args and tree.op not in {"name", "path"}


def write(tree: Expr) -> str:
    """Text of a tree in the language, fully bracketed; reading it gives the same tree."""
    op, args = tree.op, tree.args
    if op in {"name", "path"}:
        return str(tree.value)
    if op == "text":
        return "'" + str(tree.value).replace("'", "''") + "'"
    if op == "number":
        # Never with an exponent, which the language has not.
        return f"{tree.value:f}" if isinstance(tree.value, Decimal) else str(tree.value)
    if op == "boolean":
        return "true" if tree.value else "false"
    if op == "null":
        return "null"
    if op == "date":
        return f"date '{tree.value}'"
    if op in {"instant", "local"}:
        return f"timestamp '{tree.value}'"
    if op == "interval":
        assert isinstance(tree.value, timedelta)
        return f"interval '{tree.value // timedelta(seconds=1)}' second"
    texts = [write(arg) for arg in args]
    if op in {"and", "or"}:
        return "(" + f" {op} ".join(texts) + ")"
    if op == "not":
        return f"(not {texts[0]})"
    if op == "neg":
        return f"(- {texts[0]})"
    if op == "between":
        return f"({texts[0]} between {texts[1]} and {texts[2]})"
    if op == "in":
        return f"({texts[0]} in ({', '.join(texts[1:])}))"
    if op == "is null":
        return f"({texts[0]} is null)"
    if op == "case":
        pairs = " ".join(f"when {texts[i]} then {texts[i + 1]}" for i in range(0, len(texts) - 1, 2))
        return f"case {pairs} else {texts[-1]} end"
    if op in FUNCTIONS:
        return f"{op}({', '.join(texts)})"
    return f"({texts[0]} {op} {texts[1]})"


def start(tree: Expr) -> int:
    """Offset of the first character of an expression, brackets aside."""
    return min([tree.at, *(start(arg) for arg in tree.args)])


def names(tree: Expr) -> dict[str, int]:
    """Every name and path in a tree with the offset of its first use, in reading order."""
    found: dict[str, int] = {}
    stack = [tree]
    while stack:
        node = stack.pop()
        if node.op in {"name", "path"}:
            found.setdefault(str(node.value), node.at)
        stack.extend(reversed(node.args))
    return found
