"""Laws of the expression language: one meaning in every spelling, and the same value wherever it is computed."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import duckdb
import psycopg
import pytest
import sqlglot
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cxgov.compiler.dialects import dialect_named
from cxgov.compiler.scalars import Scalars
from cxgov.compiler.sql import dialect_text
from cxgov.compiler.trees import select
from cxgov.language.expressions import Expr, canonical, write
from cxgov.language.parsing import parse
from cxgov.language.scopes import column_scope
from cxgov.language.typecheck import TypeMismatch, infer
from tests.support import assert_same, execute, into_duckdb, into_postgres, registry_of, source

Draw = st.DrawFn
OFTEN: Final = settings(max_examples=250, deadline=None)
DEPTH: Final = 3

# --- data: every pair of a value and NULL, of zero and of signs, of letters and of blanks ---

COLUMNS: Final = {
    "id": "integer",
    "i": "integer?",
    "j": "integer",
    "d": "decimal?",
    "e": "decimal",
    "f": "double?",
    "g": "double",
    "s": "text?",
    "u": "text",
    "b": "boolean?",
    "c": "boolean",
    "x": "date?",
    "y": "date",
    "p": "instant?",
    "q": "instant",
}
NUMBERS: Final = {"integer": ("i", "j"), "decimal": ("d", "e"), "double": ("f", "g")}
TABLE: Final = registry_of([source("facts", COLUMNS)]).sources["facts"]
SCOPE: Final = column_scope(TABLE)
NOON: Final = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


def row(i: int) -> dict[str, Any]:
    """One of forty rows; multiples of a quarter are exact as decimals and as doubles."""
    quarters = (i * 7 % 23 - 11) / 4
    text = ["a", "B", "b ", " ab", "%", "_a", "", "it's", "\t", "a\\b", "ab\u00a0"][i % 11]
    return {
        "id": i,
        "i": None if i % 5 == 0 else i % 7 - 3,
        "j": i % 6 - 2,
        "d": None if i % 7 == 3 else Decimal(quarters),
        "e": Decimal((i % 9 - 4) / 4),
        "f": None if i % 4 == 1 else float(quarters),
        "g": (i % 5 - 2) / 4,
        "s": None if i % 6 == 2 else text,
        "u": text[::-1],
        "b": [True, False, None][i % 3],
        "c": i % 2 == 0,
        "x": None if i % 8 == 5 else date(2026, 3, 27) + timedelta(days=i % 5),
        "y": date(2026, 3, 29),
        "p": None if i % 9 == 4 else NOON + timedelta(minutes=17 * (i % 6 - 2)),
        "q": NOON,
    }


ROWS: Final = [row(i) for i in range(40)]


class Table:
    """The rows in a session, and how expressions are asked of them."""

    def __init__(self, dialect: str, fetch: Callable[[str], list[tuple[Any, ...]]]) -> None:
        self.dialect = dialect_named(dialect)
        self.fetch = fetch

    def values(self, tree: Expr) -> list[tuple[Any]]:
        """The expression as we compile it, on every row."""
        scalars = Scalars(self.dialect, SCOPE, self.dialect.column)
        query = select([scalars.node(tree)], self.dialect.relation(TABLE.relation))
        return self.plain(tree, dialect_text(self.dialect, query))

    def plain(self, tree: Expr, sql: str) -> list[tuple[Any]]:
        kind = infer(tree, SCOPE).name
        kinds: dict[str, Callable[[Any], Any]] = {
            "double": float,
            "integer": int,
            "duration": float,
            "decimal": lambda value: Decimal(value).normalize() + 0,
        }
        found = [value for (value,) in self.fetch(f"{sql} ORDER BY id")]
        return [(value if value is None or kind not in kinds else kinds[kind](value),) for value in found]


@pytest.fixture(scope="module")
def quack() -> Iterator[Table]:
    with duckdb.connect(config={"threads": 1}) as session:
        session.execute("SET TimeZone = 'UTC'")
        into_duckdb(session, [TABLE], {"facts": ROWS})
        yield Table("duckdb", lambda sql: session.execute(sql).fetchall())


@pytest.fixture(scope="module")
def elephant(postgres: str) -> Iterator[Table]:
    with psycopg.connect(postgres, autocommit=True) as session:
        into_postgres(session, [TABLE], {"facts": ROWS})
        yield Table("postgres", lambda sql: execute(session, sql).fetchall())


# --- expressions, by type ---


def node(op: str, *args: Expr) -> Expr:
    return Expr(op, args)


def literal(value: Any) -> Expr:
    kinds = {bool: "boolean", int: "number", Decimal: "number", str: "text", timedelta: "interval"}
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and value < 0:
        return node("neg", literal(-value))
    if isinstance(value, datetime):
        return Expr("instant", (), value)
    return Expr("date" if isinstance(value, date) else kinds[type(value)], (), value)


def named(*names: str) -> st.SearchStrategy[Expr]:
    return st.sampled_from(names).map(lambda name: Expr("name", (), name))


INTEGERS = st.integers(-4, 6).map(literal)
DECIMALS = st.integers(-9, 9).map(lambda n: literal(Decimal(n) / 4 + Decimal("0.00")))
TEXTS = st.sampled_from(["a", "b ", "", "it's", "%", "\\", "AB", " "]).map(literal)
PATTERNS = st.sampled_from(["a%", "%", "_", "%a_", "", "it'%", "% "]).map(literal)
DAYS = st.integers(0, 4).map(lambda n: literal(date(2026, 3, 27) + timedelta(days=n)))
MOMENTS = st.integers(-3, 3).map(lambda n: literal(NOON + timedelta(minutes=17 * n, microseconds=n)))
LENGTHS = st.integers(0, 4).map(lambda n: literal(timedelta(seconds=510 * n)))


@st.composite
def numbers(draw: Draw, depth: int = DEPTH, kind: str | None = None) -> Expr:
    """Numbers that are exact on every engine: no quotient, root or logarithm."""
    kind = kind or draw(st.sampled_from(["integer", "decimal", "double"]))
    leaves = named(*NUMBERS[kind]) | (
        DECIMALS if kind == "decimal" else INTEGERS if kind == "integer" else named(*NUMBERS[kind])
    )
    form = draw(st.integers(0, 11)) if depth else 0
    smaller = numbers(depth - 1, kind) if depth else leaves
    match form:
        case 4 | 5 | 6:
            mixed = numbers(depth - 1)
            return node("+-*"[form - 4], *draw(st.permutations([draw(smaller), draw(mixed)])))
        case 7:
            return node(draw(st.sampled_from(["neg", "abs", "ceil", "floor"])), draw(smaller))
        case 8:
            return node("case", draw(booleans(depth - 1)), draw(smaller), draw(smaller | st.just(Expr("null"))))
        case 9:
            return node("coalesce", draw(smaller), draw(numbers(depth - 1)), draw(INTEGERS))
        case 10:
            return node(
                draw(st.sampled_from(["greatest", "least"])),
                node("coalesce", draw(smaller), draw(INTEGERS)),
                draw(INTEGERS),
            )
        case 11 if kind == "integer":
            return draw(
                st.builds(lambda a, b: node("%", a, b), numbers(depth - 1, "integer"), numbers(depth - 1, "integer"))
                | st.builds(lambda a: node("length", a), texts(depth - 1))
                | st.builds(lambda a, b: node("-", a, b), days(), days())
            )
        case 11:
            return node("nullif", draw(smaller), draw(INTEGERS))
        case _:
            return draw(leaves)


@st.composite
def reals(draw: Draw, depth: int = DEPTH) -> Expr:
    """Numbers that engines may round each in its last digit, so that none is compared."""
    one = draw(numbers(depth - 1))
    match draw(st.integers(0, 5)):
        case 0:
            return node("/", one, draw(numbers(depth - 1)))
        case 1:
            return node("ln", one)
        case 2:
            return node("sqrt", one)
        case 3:
            return node("exp", node("nullif", draw(named("i", "d", "g")), draw(INTEGERS)))
        case 4:
            return node("/", draw(lengths(depth - 1)), draw(lengths(depth - 1)))
        case _:
            return node("+", node("*", one, node("/", draw(named("e", "j")), draw(INTEGERS))), draw(numbers(depth - 1)))


@st.composite
def texts(draw: Draw, depth: int = DEPTH) -> Expr:
    form = draw(st.integers(0, 5)) if depth else 0
    match form:
        case 3:
            return node(draw(st.sampled_from(["lower", "upper", "trim"])), draw(texts(depth - 1)))
        case 4:
            return node("case", draw(booleans(depth - 1)), draw(texts(depth - 1)), draw(texts(depth - 1)))
        case 5:
            return node(draw(st.sampled_from(["coalesce", "nullif"])), draw(texts(depth - 1)), draw(texts(depth - 1)))
        case _:
            return draw(named("s", "u") | TEXTS)


def days() -> st.SearchStrategy[Expr]:
    return named("x", "y") | DAYS


@st.composite
def moments(draw: Draw, depth: int = DEPTH) -> Expr:
    if depth and draw(st.integers(0, 2)) == 0:
        length = draw(LENGTHS | st.builds(lambda a, n: node("*", a, n), LENGTHS, numbers(0, "integer")))
        return node(draw(st.sampled_from("+-")), draw(moments(depth - 1)), length)
    return draw(named("p", "q") | MOMENTS)


@st.composite
def lengths(draw: Draw, depth: int = DEPTH) -> Expr:
    form = draw(st.integers(0, 5)) if depth else 0
    match form:
        case 1 | 2 | 3:
            return node("-", draw(moments(depth - 1)), draw(moments(depth - 1)))
        case 4:
            return node(draw(st.sampled_from("+-")), draw(lengths(depth - 1)), draw(lengths(depth - 1)))
        case 5:
            return node("*", draw(lengths(depth - 1)), draw(INTEGERS))
        case _:
            return draw(LENGTHS)


@st.composite
def booleans(draw: Draw, depth: int = DEPTH) -> Expr:
    form = draw(st.integers(0, 9)) if depth else 0
    match form:
        case 3 | 4:
            return node(
                draw(st.sampled_from(["and", "or"])), *draw(st.lists(booleans(depth - 1), min_size=2, max_size=4))
            )
        case 5:
            return node("not", draw(booleans(depth - 1)))
        case 6:
            subject = draw(st.sampled_from([numbers(depth - 1), moments(depth - 1), lengths(depth - 1), days()]))
            return node("between", draw(subject), draw(subject), draw(subject))
        case 7:
            items = draw(st.sampled_from([texts(depth - 1), numbers(depth - 1), days()]))
            return node("in", draw(items), *draw(st.lists(items, min_size=1, max_size=3)))
        case 8:
            return node("like", draw(texts(depth - 1)), draw(PATTERNS))
        case 9:
            inner = st.one_of(
                numbers(depth - 1), texts(depth - 1), moments(depth - 1), booleans(depth - 1), reals(depth)
            )
            return node("is null", draw(inner))
        case 1 | 2:
            kind = draw(st.sampled_from([numbers, moments, lengths, texts, booleans]))
            signs = ["=", "<>"] if kind in {texts, booleans} else ["=", "<>", "<", "<=", ">", ">="]
            return node(draw(st.sampled_from(signs)), draw(kind(depth - 1)), draw(kind(depth - 1)))
        case _:
            return draw(named("b", "c") | st.booleans().map(literal))


def typed(tree: Expr) -> bool:
    """Whether the language takes it: a remainder of what became a decimal it does not."""
    try:
        infer(tree, SCOPE)
    except TypeMismatch:
        return False
    return True


EXPRESSIONS = st.one_of(booleans(), numbers(), reals(), texts(), lengths()).filter(typed)


# --- spellings ---

LEVELS: Final = {"or": 1, "and": 2, "not": 3, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "neg": 7} | dict.fromkeys(
    ["=", "<>", "<", "<=", ">", ">=", "between", "in", "like", "is null"], 4
)
FLIPPED: Final = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


class Speller:
    """Writes a tree as people do: any case, any spaces, brackets where they must stand and where they need not."""

    def __init__(self, data: st.DataObject) -> None:
        self.draw = data.draw

    def word(self, text: str) -> str:
        return self.draw(st.sampled_from([text, text.upper(), text.capitalize()]))

    def space(self) -> str:
        return self.draw(st.sampled_from([" ", " ", "  ", "\n", " \t"]))

    def join(self, *parts: str) -> str:
        return "".join(part + self.space() for part in parts).strip()

    def inside(self, tree: Expr, least: int) -> str:
        text = self.text(tree)
        if LEVELS.get(tree.op, 9) < least or self.draw(st.integers(0, 9)) == 0:
            return f"({self.draw(st.sampled_from(['', ' ']))}{text})"
        return text

    def text(self, tree: Expr) -> str:
        op, args = tree.op, tree.args
        if op == "name":
            return self.word(str(tree.value))
        if not args:
            text = write(tree)
            return text if op in {"text", "number"} or "'" in text else self.word(text)
        if op in {"and", "or"}:
            args = tuple(self.draw(st.permutations(args)))
            parts = [self.inside(args[0], LEVELS[op])]
            for arg in args[1:]:
                parts += [self.word(op), self.inside(arg, LEVELS[op])]
            return self.join(*parts)
        if op == "not":
            return self.join(self.word("not"), self.inside(args[0], 3))
        if op in FLIPPED:
            left, right = args
            if self.draw(st.booleans()):
                left, right, op = right, left, FLIPPED[op]
            sign = self.draw(st.sampled_from(["<>", "!="])) if op == "<>" else op
            return self.join(self.inside(left, 5), sign, self.inside(right, 5))
        if op == "neg":
            return "- " + self.inside(args[0], 7)
        if op in LEVELS:
            return self.predicate_or_sum(op, args)
        if op == "case":
            *pairs, default = args
            whens = [
                self.join(self.word("when"), self.text(pairs[i]), self.word("then"), self.text(pairs[i + 1]))
                for i in range(0, len(pairs), 2)
            ]
            ends = [] if default.op == "null" and self.draw(st.booleans()) else [self.word("else"), self.text(default)]
            return self.join(self.word("case"), *whens, *ends, self.word("end"))
        return f"{self.word(op)}({self.space().join(self.text(arg) + ',' for arg in args)[:-1]})"

    def predicate_or_sum(self, op: str, args: tuple[Expr, ...]) -> str:
        first = self.inside(args[0], 5)
        match op:
            case "between":
                return self.join(
                    first, self.word(op), self.inside(args[1], 5), self.word("and"), self.inside(args[2], 5)
                )
            case "in":
                return self.join(first, self.word(op)) + f" ({', '.join(self.inside(arg, 5) for arg in args[1:])})"
            case "like":
                return self.join(first, self.word(op), write(args[1]))
            case "is null":
                return self.join(first, self.word("is"), self.word("null"))
            case _:
                return self.join(self.inside(args[0], LEVELS[op]), op, self.inside(args[1], LEVELS[op] + 1))


# --- laws ---


@OFTEN
@given(EXPRESSIONS)
def test_what_is_written_is_read_back(tree: Expr) -> None:
    """Reading what a tree is written as gives that tree."""
    assert parse(write(tree)) == tree


@OFTEN
@given(EXPRESSIONS, st.data())
def test_spelling_is_no_part_of_meaning(tree: Expr, data: st.DataObject) -> None:
    """Case, spaces, brackets, the order of and/or operands and a literal's side leave the canonical form as it is."""
    text = Speller(data).text(tree)
    assert canonical(parse(text)) == canonical(tree), text


@OFTEN
@given(EXPRESSIONS)
def test_the_canonical_form_is_its_own(tree: Expr) -> None:
    """A canonical form has itself for canonical form, and the type of what it stands for."""
    once = canonical(tree)
    assert canonical(once) == once
    assert canonical(parse(write(once))) == once
    assert infer(once, SCOPE)._replace(nullable=False) == infer(tree, SCOPE)._replace(nullable=False)


@OFTEN
@given(tree=EXPRESSIONS)
def test_the_canonical_form_has_the_same_values(quack: Table, tree: Expr) -> None:
    """An expression and its canonical form agree on every row, NULLs included."""
    assert_same(quack.values(tree), quack.values(canonical(tree)))


@OFTEN
@given(tree=EXPRESSIONS)
def test_what_is_never_null_is_never_null(quack: Table, tree: Expr) -> None:
    """Where the type says that a value cannot be NULL, no row has NULL."""
    values = quack.values(tree)
    assert infer(tree, SCOPE).nullable or (None,) not in values


@OFTEN
@given(tree=EXPRESSIONS)
def test_engines_agree(quack: Table, elephant: Table, tree: Expr) -> None:
    """What compiles gives the same values on DuckDB and PostgreSQL: zero divisors, domains and NULLs included."""
    assert_same(quack.values(tree), elephant.values(tree))


def plain_sql(tree: Expr) -> bool:
    """Whether SQL means the same: quotients by zero, lengths of time and blanks are what we define beyond it."""
    if tree.op in {"/", "%", "ln", "sqrt", "interval", "ceil", "floor", "instant", "trim"}:
        return False
    if tree.op == "-" and infer(tree, SCOPE).name == "duration":
        return False
    return all(map(plain_sql, tree.args))


@OFTEN
@given(tree=EXPRESSIONS, data=st.data())
def test_sql_reads_it_the_same_way(quack: Table, tree: Expr, data: st.DataObject) -> None:
    """The text of an expression, read as DuckDB's SQL, has the values that we compile it to: precedence is SQL's."""
    assume(plain_sql(tree))
    text = Speller(data).text(tree)
    [read] = sqlglot.parse(f"SELECT {text} FROM cx.facts", read="duckdb", error_level=sqlglot.ErrorLevel.RAISE)
    assert read is not None
    assert_same(quack.plain(tree, read.sql("duckdb")), quack.values(parse(text)))
