"""Texts that are meant to do harm: refused in their place or read as what they say, without an exception, quickly."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest
import yaml

from cxgov.api import read_tree, validate
from cxgov.language.diagnostics import Diagnostic
from cxgov.language.expressions import ExpressionError
from cxgov.language.loading import load
from cxgov.language.parsing import MAX_DEPTH, parse
from cxgov.language.reader import MAX_BYTES, read
from cxgov.language.reader import MAX_DEPTH as MAX_YAML_DEPTH

BASE: Final = Path(__file__).parent / "cases" / "base"
TREE: Final = read_tree(BASE, ".")[0]
PATH: Final = "metrics/nps.yaml"
SOURCE: Final = "sources/responses.yaml"
NPS: Final = TREE[PATH].decode()
RESPONSES: Final = TREE[SOURCE].decode()
TITLE: Final = "title: Net Promoter Score"
WHERE: Final = "where: channel <> 'internal'"
LIMIT: Final = "min_sample: 30"
FAR_TOO_LONG: Final = 60  # seconds; each text takes well under one


@pytest.fixture(autouse=True)
def _watchdog() -> Iterator[None]:
    """Stops what explodes; whether a text takes one millisecond or ten is not looked at."""
    if sys.platform == "win32":
        yield
        return

    def bark(_number: int, _frame: FrameType | None) -> None:
        pytest.fail(f"still not done after {FAR_TOO_LONG} seconds")

    before = signal.signal(signal.SIGALRM, bark)
    signal.alarm(FAR_TOO_LONG)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def with_text(text: str | bytes, path: str = PATH) -> tuple[Diagnostic, ...]:
    """Problems of the base registry with one file replaced; every one of them has its place in a file."""
    data = text.encode() if isinstance(text, str) else text
    tree = {**TREE, path: data}
    registry, problems = load(tree)
    # A document that ends too early is told so in the line after its last.
    written = {place: [*tree[place].split(b"\n"), b""] for place in {problem.place.path for problem in problems}}
    for problem in problems:
        lines = written[problem.place.path]
        assert 1 <= problem.place.line <= len(lines)
        assert 1 <= problem.place.column <= len(lines[problem.place.line - 1]) + 1
        first, fix = str(problem).split("\n")
        assert first.isprintable()
        assert fix.isprintable()
    assert (registry is None) == any(problem.is_error for problem in problems)
    return problems


def instead(old: str, new: str, text: str = NPS) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def codes(problems: tuple[Diagnostic, ...]) -> set[str]:
    return {problem.rule.code for problem in problems}


def first_place(problems: tuple[Diagnostic, ...]) -> tuple[str, int, int]:
    return problems[0].place


def alias_bomb(levels: int = 9) -> str:
    rows = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, levels)]
    return "\n".join(rows) + "\n"


def merge_bomb(levels: int = 30) -> str:
    rows = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, levels)]
    return "\n".join(rows) + "\n"


# --- YAML ---

# Claim: the text, the code, and line and column of the first problem.
REFUSED: Final[dict[str, tuple[str | bytes, str, int, int]]] = {
    "alias bomb": (alias_bomb(), "CX002", 1, 5),
    "merge bomb": (merge_bomb(), "CX002", 1, 5),
    "alias to itself": ("a: &a [*a]\n", "CX002", 1, 4),
    "alias as key": ("a: &a x\n? *a\n: y\n", "CX002", 1, 4),
    "alias of nothing": ("a: *nobody\n", "CX002", 1, 4),
    "3,000 levels in a row": ("a:\n  " + "- " * 3_000 + "x\n", "CX002", 2, 3 + 2 * (MAX_YAML_DEPTH - 1)),
    "3,000 levels of lines": (
        "\n".join(f"{' ' * n}a:" for n in range(690)) + " x\n",
        "CX002",
        MAX_YAML_DEPTH + 1,
        MAX_YAML_DEPTH + 1,
    ),
    "3,000 levels in brackets": ("a: " + "[" * 3_000, "CX002", 1, 4 + MAX_YAML_DEPTH - 1),
    "3,000 levels in braces": ("{a: " * 3_000, "CX002", 1, 1 + 4 * MAX_YAML_DEPTH),
    "3,000 question marks": ("? " * 3_000, "CX002", 1, 3),
    "brackets never closed": ("a: [", "CX002", 2, 1),
    "100,000 brackets": ("[" * 100_000, "CX002", 1, 1),
    "100,000 dashes": ("- " * 100_000, "CX002", 1, 1),
    "10 MB": (b"#" * 10_000_000, "CX001", 1, 1),
    "one byte too many": (NPS.encode() + b"#" * (MAX_BYTES + 1 - len(NPS)), "CX001", 1, 1),
    "a quote over 200 kB": ("a: '" + "x" * 200_000, "CX002", 1, 200_005),
    "a doubled key": ("a: 1\nb: 2\na: 3\n", "CX002", 3, 1),
    "a key doubled by quotes": ("a: 1\n'a': 2\n", "CX002", 2, 1),
    "a key doubled by escapes": ('a: 1\n"\\x61": 2\n', "CX002", 2, 1),
    "20,000 doubled keys": ("a: 1\n" * 20_000, "CX002", 2, 1),
    "60,000 values": ("a: [" + "1," * 60_000 + "1]\n", "CX002", 1, 5 + 2 * (50_000 - 5)),
    "a list as key": ("[a, b]: c\n", "CX002", 1, 1),
    "a mapping as key": ("{a: b}: c\n", "CX002", 1, 1),
    "a number as key": ("1: a\n", "CX002", 1, 1),
    "null as key": ("~: a\n", "CX002", 1, 1),
    "an empty key": (": a\n", "CX002", 1, 1),
    "a boolean as key": ("True: a\n", "CX002", 1, 1),
    "python object": ("a: !!python/object/apply:os.system [id]\n", "CX002", 1, 4),
    "python name": ("!!python/name:os.system x\n", "CX002", 1, 1),
    "a tag on a key": ("!!str a: b\n", "CX002", 1, 1),
    "a tag that means nothing": ("a: ! b\n", "CX002", 1, 4),
    "a set": ("!!set {a, b}\n", "CX002", 1, 1),
    "binary": ("a: !!binary gIGC\n", "CX002", 1, 4),
    "two documents": ("a: 1\n---\nb: 2\n", "CX002", 2, 1),
    "a second document that is empty": ("a: 1\n---\n", "CX002", 2, 1),
    "a document after its end": ("a: 1\n...\nb: 2\n", "CX002", 3, 1),
    "yaml 1.1 by directive": ("%YAML 1.1\n---\na: 1\n", "CX002", 1, 1),
    "yaml 9.9 by directive": ("%YAML 9.9\n---\na: 1\n", "CX002", 1, 1),
    "a tag by directive": ("%TAG !e! tag:example.org,2026:\n---\na: !e!x 1\n", "CX002", 1, 1),
    "nothing": ("", "CX002", 1, 1),
    "white space": ("\n\n  \n", "CX002", 4, 1),
    "null": ("~\n", "CX002", 1, 1),
    "a number": ("1\n", "CX002", 1, 1),
    "a list": ("- a\n", "CX002", 1, 1),
    "a percent sign": ("%", "CX002", 1, 2),
    "an at sign": ("a: @b\n", "CX002", 1, 4),
    "infinity": ("a: .inf\n", "CX002", 1, 4),
    "less than nothing": ("a: -.INF\n", "CX002", 1, 4),
    "not a number": ("a: [1, .nan]\n", "CX002", 1, 8),
    "a huge integer": ("a: " + "9" * 100_000 + "\n", "CX002", 1, 4),
    "a huge hexadecimal": ("a: 0x" + "f" * 100_000 + "\n", "CX002", 1, 4),
    "a huge fraction": ("a: 0." + "1" * 100_000 + "\n", "CX002", 1, 4),
    "a huge exponent": ("a: 1e999999999\n", "CX002", 1, 4),
    "a tiny exponent": ("a: 1E-999999999\n", "CX002", 1, 4),
    "next line in a comment": ("a: 1 # b\u0085c: 2\n", "CX001", 1, 9),
    "line separator in a comment": ("a: 1 # b\u2028c: 2\n", "CX001", 1, 9),
    "paragraph separator in a comment": ("a: 1 # b\u2029c: 2\n", "CX001", 1, 9),
    "carriage return in a comment": ("a: 1 # b\rc: 2\n", "CX001", 1, 9),
    "form feed": ("a: 1\fb: 2\n", "CX001", 1, 5),
    "escape sequence of a terminal": ("a: \x1b[31mred\n", "CX001", 1, 4),
    "c1 control": ("a: \u009b31m\n", "CX001", 1, 4),
    "delete": ("a: b\x7f\n", "CX001", 1, 5),
    "right-to-left override": ("a: \u202eb\n", "CX001", 1, 4),
    "isolate": ("a: \u2066b\n", "CX001", 1, 4),
    "arabic letter mark": ("a: \u061cb\n", "CX001", 1, 4),
    "zero-width space": ("a: b\u200bc\n", "CX001", 1, 5),
    "zero-width joiner": ("a: b\u200dc\n", "CX001", 1, 5),
    "word joiner": ("a: b\u2060c\n", "CX001", 1, 5),
    "soft hyphen": ("a: b\u00adc\n", "CX001", 1, 5),
    "hangul filler": ("a: b\u3164c\n", "CX001", 1, 5),
    "variation selector": ("a: b\ufe0fc\n", "CX001", 1, 5),
    "tag characters": ("a: b\U000e0041c\n", "CX001", 1, 5),
    "byte-order mark within": ("a: b\ufeffc\n", "CX001", 1, 5),
    "no character": ("a: b\uffffc\n", "CX001", 1, 5),
    "nothing but invisible characters": ("\x01" * 200_000, "CX001", 1, 1),
    "utf-16": ("a: 1\n".encode("utf-16"), "CX001", 1, 1),
    "utf-32": ("a: 1\n".encode("utf-32-le"), "CX001", 1, 2),
    "a surrogate": (b"a: \xed\xa0\x80\n", "CX001", 1, 4),
    "an overlong slash": (b"a: \xc0\xaf\n", "CX001", 1, 4),
    "a character cut in two": (b"a: \xe2\x82", "CX001", 1, 4),
    "a surrogate by escape": ('a: "\\ud800"\n', "CX002", 1, 7),
    "no such escape": ('a: "\\q"\n', "CX002", 1, 5),
    "a tab for indentation": ("a:\n\tb: 1\n", "CX002", 2, 1),
}


@pytest.mark.parametrize(("text", "code", "line", "column"), REFUSED.values(), ids=REFUSED)
def test_a_text_is_refused_where_it_does_harm(text: str | bytes, code: str, line: int, column: int) -> None:
    """What cannot be seen, what readers take for different things and what explodes is refused in its place."""
    problems = [problem for problem in with_text(text) if problem.place.path == PATH]
    assert {problem.rule.code for problem in problems} == {code}
    assert problems[0].place == (PATH, line, column)
    assert all(problem.message for problem in problems)


# Text of a scalar to its value: YAML 1.2 core, whatever YAML 1.1 made of it.
READ: Final[dict[str, Any]] = {
    "NO": "NO",
    "no": "no",
    "on": "on",
    "Yes": "Yes",
    "y": "y",
    "1:30": "1:30",
    "12:30:45": "12:30:45",
    "010": 10,
    "0o10": 8,
    "0x1F": 31,
    "0b101": "0b101",
    "1_000": "1_000",
    "+12": 12,
    "1e3": Decimal(1000),
    "1.10": Decimal("1.10"),
    "0.1": Decimal("0.1"),
    ".5": Decimal("0.5"),
    "1.": Decimal(1),
    "-0": 0,
    "1.0.0": "1.0.0",
    "2026-01-01": "2026-01-01",
    "2026-13-45": "2026-13-45",
    "2026-02-30 25:61:61": "2026-02-30 25:61:61",
    "1e": "1e",
    "e3": "e3",
    ".": ".",
    "--": "--",
    "+": "+",
    "~": None,
    "null": None,
    "nULL": "nULL",
    "true": True,
    "tRUE": "tRUE",
    "=": "=",
    "<<": "<<",
    '"1"': "1",
    "'true'": "true",
    '"\\0"': "\0",
    '"\\u202e"': "\u202e",
    "9" * 40: 10**40 - 1,
    "１２": "１２",  # full-width digits are no number
    "٣": "٣",
}


@pytest.mark.parametrize(("text", "value"), READ.items(), ids=READ)
def test_a_scalar_has_one_value_that_does_not_depend_on_the_reader(text: str, value: object) -> None:
    """Plain scalars follow the YAML 1.2 core schema; numbers are exact, and dates stay text."""
    document, _, problems = read("x.yaml", f"a: {text}\n".encode())
    assert problems == ()
    assert document is not None
    assert document["a"] == value
    assert type(document["a"]) is type(value)


def test_a_number_stays_as_it_was_written() -> None:
    """0.1 is a tenth and 1.10 has two places."""
    document, _, _ = read("x.yaml", b"a: 1.10\nb: 0.1\n")
    assert document is not None
    assert str(document["a"]) == "1.10"
    assert document["b"] * 3 == Decimal("0.3")


# --- shape ---

SHAPES: Final = {
    "id with a line end": (instead("id: nps", 'id: "nps\\n"'), (PATH, 3, 5)),
    "id in cyrillic": (instead("id: nps", "id: nр\u0441"), (PATH, 3, 5)),
    "id with a nul": (instead("id: nps", 'id: "nps\\0"'), (PATH, 3, 5)),
    "id with a bidi control": (instead("id: nps", 'id: "nps\\u202e"'), (PATH, 3, 5)),
    "id with full-width letters": (instead("id: nps", "id: \uff4e\uff50\uff53"), (PATH, 3, 5)),
    "id that leads upwards": (instead("id: nps", "id: ../nps"), (PATH, 3, 5)),
    "id that is too long": (instead("id: nps", "id: " + "n" * 64), (PATH, 3, 5)),
    "id that is a number": (instead("id: nps", "id: 1e3"), (PATH, 3, 5)),
    "version with a line end": (instead("version: 1.0.0", 'version: "1.0.0\\n"'), (PATH, 4, 10)),
    "version with a huge part": (instead("version: 1.0.0", "version: 1." + "9" * 5_000 + ".0"), (PATH, 4, 10)),
    "path with a line end": (instead("[channel,", '["channel\\n",'), (PATH, 17, 14)),
    "a whole number that is a fraction": (instead(LIMIT, "min_sample: 30.5"), (PATH, 18, 13)),
    "a number that is huge": (instead(LIMIT, "min_sample: 1000000001"), (PATH, 18, 13)),
    "a number by exponent": (instead(LIMIT, "min_sample: 1e999"), (PATH, 18, 13)),
    "a boolean for a number": (instead(LIMIT, "min_sample: true"), (PATH, 18, 13)),
    "a title that is too long": (instead(TITLE, "title: " + "x" * 201), (PATH, 5, 8)),
    "an expression of 100 kB": (instead(WHERE, f"where: score > {'1' * 100_000}"), (PATH, 11, 8)),
    "an expression of 100 kB of brackets": (instead(WHERE, f'where: "{"(" * 100_000}"'), (PATH, 11, 8)),
    "a key of 900 letters": (NPS + "x" * 900 + ": 1\n", (PATH, 19, 1)),
    "15,000 unknown keys": (NPS + "".join(f"unknown_{n}: 1\n" for n in range(15_000)), (PATH, 19, 1)),
    "15,000 keys without a value": (NPS + "".join(f"? x{n}\n" for n in range(15_000)), (PATH, 19, 3)),
    "15,000 items that are unlike": (
        instead("direction: ", f"raci: {{informed: [1, {', '.join(f'a{n}' for n in range(15_000))}]}}\ndirection: "),
        (PATH, 16, 19),
    ),
    "15,000 numbers for texts": (instead("[channel,", "[" + "1, " * 15_000), (PATH, 17, 13)),
}


@pytest.mark.parametrize(("text", "place"), SHAPES.values(), ids=SHAPES)
def test_a_shape_is_refused_where_it_is_wrong(text: str, place: tuple[str, int, int]) -> None:
    """Patterns hold for the whole text, numbers for what they are, and a long list of mistakes takes no longer."""
    problems = with_text(text)
    assert codes(problems) == {"CX003"}
    assert first_place(problems) == place


@pytest.mark.parametrize(
    "title", [r'"\u202eerocS"', r'"\u2066x\u2069"', r'"a\u200db"', r'"\u00adx"', r'"x\u0085y"', r'"می\u200cخواهم"']
)
def test_prose_may_hold_what_cannot_be_seen_as_an_escape(title: str) -> None:
    """An escape shows in a diff what the character itself would hide: some languages need joiners."""
    assert with_text(instead(TITLE, f"title: {title}")) == ()


# What a terminal acts on, what hides text, and a line that a forge's log would take for a command.
FORGED: Final = r"\e[31m\u202e\n::error file=x::forged\r\u2028"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (instead("status: certified", f'status: "{FORGED}"'), PATH),
        (instead("status: certified", f'status: "{FORGED}{"x" * 100}"'), PATH),
        (instead("kind: Metric", f'kind: "{FORGED}"'), PATH),
        (f'{NPS}"{FORGED}": 1\n', PATH),
        (f'{NPS}"{FORGED}": 1\n"{FORGED}": 2\n', PATH),
        (instead("{plus: score >= 9,", f'{{plus: "(", "{FORGED}": ,'), PATH),
        (instead("[channel,", f'["{FORGED}",'), PATH),
        (instead("valid: score between 0 and 10", r'valid: "score\n< 99 or solved"'), PATH),
        (instead("title: Survey responses", f'title: "{FORGED}"', RESPONSES).replace("[response_id]", "[x]"), SOURCE),
        (instead("[email, phone, internal]", f'[email, "{FORGED}"]', RESPONSES), SOURCE),
        (instead("zone: America/New_York", f'zone: "{FORGED}"', RESPONSES), SOURCE),
    ],
)
def test_a_document_cannot_forge_a_line_of_the_report(text: str, path: str) -> None:
    """A problem is two lines, whatever the document holds, and nothing in them is hidden."""
    problems = with_text(text, path)
    assert problems


# --- expressions ---

DEEP: Final = {
    "brackets 10,000 deep": "(" * 10_000 + "score" + ")" * 10_000,
    "brackets 450 deep": "(" * 450 + "score" + ")" * 450,
    "one bracket too many": "(" * MAX_DEPTH + "score" + ")" * MAX_DEPTH,
    "brackets never closed": "(" * 900,
    "not 900 times": "not " * 900 + "solved",
    "minus 900 times": "- " * 900 + "score",
    "functions in functions": "abs(" * 300 + "score" + ")" * 300,
    "case in case": "case when solved then " * 200 + "1" + " end" * 200,
    "a sum of 480 parts": " + ".join(["score"] * 480),
    "a chain of all signs": "".join(f"score {'+-*/%'[n % 5]} " for n in range(480)) + "1",
    "sums in brackets": "(" * 40 + "score" + "".join(f"{' + 1' * 10})" for _ in range(40)),
    "1,500 words": "score " * 1_500,
    "a name of 100 kB and a bracket": "a" * 100_000 + "(",
    "100 kB of digits": "9" * 100_000,
    "100 kB of dots": "." * 100_000,
    "100 kB of quotes": "'" * 99_999,
    "100 kB of signs": "<" * 100_000,
    "a text never closed": "'" + "x" * 100_000,
    "100 kB of white space": " " * 100_000,
    "100 kB of list": f"score in ({'1,' * 50_000}1)",
    "100 kB of arguments": f"coalesce({'1,' * 50_000}1)",
    "a path of 40,000 parts": ".".join(["a"] * 40_000),
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_an_expression_is_refused_before_it_can_exhaust_anything(text: str) -> None:
    """Depth, length and digits have limits, however the text was reached (a query's filter has no schema)."""
    with pytest.raises(ExpressionError) as raised:
        parse(text)
    assert 0 <= raised.value.at <= len(text)
    assert str(raised.value)


def test_what_the_limits_let_through_is_read_to_the_end() -> None:
    """The deepest expression that is taken passes every check of a registry."""
    deep = "(" * (MAX_DEPTH - 2) + "score > 1" + ")" * (MAX_DEPTH - 2)
    long = " + ".join(["score"] * (MAX_DEPTH - 1)) + " > 1"
    wide = " and ".join(["score > 1"] * 240)
    listed = f"score in ({', '.join(map(str, range(400)))})"
    for text in (deep, long, wide, listed):
        assert with_text(instead(WHERE, f'where: "{text}"')) == ()


# Expression as it stands in double quotes in YAML, and the column of the problem.
INVISIBLE: Final = {
    "nul between words": (r"score\0= 1", 14),
    "nul in a text": (r"channel <> 'a\0'", 20),
    "bidi control in a text": (r"channel <> '\u202elanretni'", 20),
    "bidi control between words": (r"score \u202e= 1", 15),
    "zero-width space in a name": (r"sco\u200bre = 1", 12),
    "no-break space between words": (r"score\u00a0= 1", 14),
    "line separator": (r"score\u2028= 1", 14),
    "next line": (r"score\Nand", 14),
    "escape sequence": (r"channel <> '\e[31m'", 20),
    "cyrillic letter": (r"sc\u043ere = 1", 11),
    "full-width sign": (r"score \uff1d 1", 15),
    "curly quotes": ("channel <> ‘internal’", 20),
    "minus of print": ("score > −1", 17),
    "arabic digits": ("score > ٣", 17),
}


@pytest.mark.parametrize(("text", "column"), INVISIBLE.values(), ids=INVISIBLE)
def test_an_expression_has_no_character_that_is_not_of_the_language(text: str, column: int) -> None:
    """Also as an escape: an expression is no prose. The place is that of the escape."""
    problems = with_text(instead(WHERE, f'where: "{text}"'))
    assert codes(problems) == {"CX013"}
    assert [problem.place for problem in problems] == [(PATH, 11, column)]


@pytest.mark.parametrize(
    "text",
    [
        "responded_at - asked_at < interval '999999999' week",
        "responded_at - asked_at < interval '9999999999' second",
        "responded_at - asked_at < interval '-1' day",
        "responded_at - asked_at < interval '١' day",
        "responded_at > timestamp '0001-01-01 00:00:00+14:00'",
        "responded_at < timestamp '9999-12-31 23:59:59-12:00'",
        "responded_at < timestamp '2026-01-01 00:00:00+99:99'",
        "responded_at < timestamp '2026-01-01 24:00:01Z'",
        "asked_on < date '0000-01-01'",
        "asked_on < date '10000-01-01'",
        "asked_on < date '2026-W01-1'",
        f"score < {'9' * 41}",
        f"score < 0.{'9' * 41}",
        "score < 1e400",
    ],
)
def test_a_literal_that_no_engine_can_hold_is_refused(text: str) -> None:
    """Dates, lengths of time and numbers beyond what can be computed with are problems, not exceptions."""
    problems = with_text(instead(WHERE, f'where: "{text}"'))
    assert codes(problems) == {"CX013"}
    assert problems[0].place.line == 11


# --- references ---


@pytest.mark.parametrize(
    ("count", "code", "place"),
    [(90, "CX017", ("metrics/answer_time.yaml", 15, 23)), (3_000, "CX003", (SOURCE, 27, 3))],
)
def test_many_roles_do_not_multiply(count: int, code: str, place: tuple[str, int, int]) -> None:
    """Roles that each lead to their own source have their product of paths; a message needs few, a source too."""
    roles = "".join(f"  r{n}: {{key: [response_id], source: responses}}\n" for n in range(count))
    text = instead("entities:\n", f"entities:\n{roles}", RESPONSES)
    path = "metrics/answer_time.yaml"
    metric = TREE[path].replace(b"[channel]", b"[channel, response.nosuch]")
    registry, problems = load({**TREE, SOURCE: text.encode(), path: metric})
    assert registry is None
    assert [(problem.rule.code, problem.place) for problem in problems] == [(code, place)]


def test_a_long_chain_of_derived_metrics_is_followed_to_its_end() -> None:
    """A ring of hundreds of metrics is a cycle, and no exhausted stack."""
    many = 300
    tree = dict(TREE)
    for n in range(many):
        text = TREE["metrics/index.yaml"].decode()
        text = text.replace("id: index", f"id: m{n}").replace("(nps + csat) / 2", f"m{(n + 1) % many} + 0")
        tree[f"metrics/m{n}.yaml"] = text.replace("Experience index", f"Metric {n}").encode()
    registry, problems = load(tree)
    assert registry is None
    assert codes(problems) == {"CX012"}
    assert len(problems) == many


def test_a_source_that_calls_itself_a_metric_in_its_prose_is_a_source() -> None:
    """What a document is does not depend on how its text looks."""
    document = {**yaml.safe_load(RESPONSES), "description": "@"}
    flow = json.dumps(document).replace('"@"', '"x\nkind: Metric y"')
    assert with_text(flow, SOURCE) == ()


def test_a_metric_is_checked_however_its_text_looks() -> None:
    """A metric written as JSON, or with its kind in quotes, has the problems that it has in plain YAML."""
    path = "metrics/nps.yaml"
    plain = TREE[path].decode().replace("score >= 9", "scare >= 9")
    document = json.dumps(yaml.safe_load(plain))
    for text in (plain, plain.replace("kind: Metric", "'kind': \"Metric\""), document):
        assert "CX016" in codes(load({**TREE, path: text.encode()})[1])


# --- folders ---


def copied(folder: Path) -> Path:
    for path, data in TREE.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def link_to_a_file(folder: Path) -> str:
    (folder.parent / "outside.yaml").write_bytes(b"a: 1\n")
    (folder / "metrics" / "linked.yaml").symlink_to(folder.parent / "outside.yaml")
    return "metrics/linked.yaml"


def link_within(folder: Path) -> str:
    (folder / "metrics" / "linked.yaml").symlink_to(folder / PATH)
    return "metrics/linked.yaml"


def link_to_nothing(folder: Path) -> str:
    (folder / "metrics" / "linked.yaml").symlink_to(folder / "nowhere")
    return "metrics/linked.yaml"


def link_to_a_folder(folder: Path) -> str:
    (folder / "linked").symlink_to(folder.parent, target_is_directory=True)
    return "linked"


def link_to_itself(folder: Path) -> str:
    (folder / "loop.yaml").symlink_to(folder / "loop.yaml")
    return "loop.yaml"


def pipe(folder: Path) -> str:
    os.mkfifo(folder / "metrics" / "pipe.yaml")
    return "metrics/pipe.yaml"


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes need rights there")
@pytest.mark.parametrize(
    "plant", [link_to_a_file, link_within, link_to_nothing, link_to_a_folder, link_to_itself, pipe]
)
def test_a_tree_holds_only_files_of_its_own(tmp_path: Path, plant: Callable[[Path], str]) -> None:
    """A link or a pipe is a problem in its place; neither is followed, and no pipe is waited for."""
    folder = copied(tmp_path / "registry")
    planted = plant(folder)
    tree, problems = read_tree(folder, ".")
    assert tree == TREE
    assert [(problem.rule.code, problem.place) for problem in problems] == [("CX004", (planted, 1, 1))]
    registry, problems = validate(folder)
    assert registry is None
    assert codes(problems) == {"CX004"}


def test_a_folder_may_have_the_name_of_a_document(tmp_path: Path) -> None:
    """`metrics/nps.yaml/` is a folder in which documents stand."""
    folder = copied(tmp_path / "registry")
    (folder / PATH).rename(folder / "moved")
    (folder / PATH).mkdir()
    (folder / "moved").rename(folder / PATH / "deep.yaml")
    registry, problems = validate(folder)
    assert problems == ()
    assert registry is not None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_of_files_may_be_anything(tmp_path: Path) -> None:
    """A name with line ends, quotes or control characters is shown in a problem, and is none by itself."""
    folder = copied(tmp_path / "registry")
    for name in ["a\nb.yaml", "a\x1b[31m.yaml", "\u202e.yaml", "a'b\".yaml", " .yaml", "-rf.yaml"]:
        (folder / name).write_bytes(b"a: 1\n")
    registry, problems = validate(folder)
    assert registry is None
    assert codes(problems) == {"CX003"}
    assert len(problems) == 6
    assert all(line.isprintable() for problem in problems for line in str(problem).split("\n", 2))


def test_a_folder_without_anything_has_no_registry(tmp_path: Path) -> None:
    """Nothing is not a registry."""
    registry, problems = validate(tmp_path)
    assert registry is None
    assert codes(problems) == {"CX005"}
