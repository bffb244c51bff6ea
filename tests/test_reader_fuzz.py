"""Any bytes at all: a document or problems with places, the same each time, and what another reader of YAML reads."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxgov.api import read_tree
from cxgov.language.building import locate
from cxgov.language.diagnostics import Diagnostic
from cxgov.language.loading import load
from cxgov.language.reader import Map, Seq, read

BASE: Final = Path(__file__).parent / "cases" / "base"
TREE: Final = read_tree(BASE, ".")[0]
PATHS: Final = sorted(TREE)
# What breaks YAML, its readers or ours; and what is nearly right.
FRAGMENTS: Final = [
    *(b": ", b"- ", b"? ", b"&a ", b"*a", b"!!str ", b"! ", b"<<: ", b"{", b"}", b"[", b"]", b",", b"'", b'"', b"|\n"),
    *(b">-\n", b"#", b"%YAML 1.1\n", b"---\n", b"...\n", b"\t", b"\r", b"\r\n", b"\n", b"\0", b"\xff", b"\xc3"),
    *("\ufeff \u0085 \u2028 \u202e \u200b ü 日 😀".encode().split()),
    *(b".inf", b".nan", b"1e999", b"0x", b"010", b"~", b"null", b"true", b"NO", b"1:30", b"9" * 50, b'"\\0"', b"\\e"),
    *(b"kind: Metric\n", b"id: nps\n", b"unknown: out", b" where: ", b"(", b")", b";", b"--", b"''", b"/*", b" and "),
]  # fmt: skip

fuzzed = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file of the base registry with a few bytes or lines changed."""
    path = draw(st.sampled_from(PATHS))
    data = TREE[path]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        lines = data.splitlines(keepends=True) or [b""]
        line = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["flip", "delete", "insert", "bytes", "double", "drop", "swap", "cut", "graft"])):
            case "flip" if data:
                at = min(start, len(data) - 1)
                data = data[:at] + bytes([data[at] ^ (1 << draw(st.integers(0, 7)))]) + data[at + 1 :]
            case "delete":
                data = data[:start] + data[end:]
            case "insert":
                data = data[:start] + draw(st.sampled_from(FRAGMENTS)) + data[start:]
            case "bytes":
                data = data[:start] + draw(st.binary(max_size=6)) + data[end:]
            case "double":
                data = b"".join([*lines[: line + 1], *lines[line:]])
            case "drop":
                data = b"".join([*lines[:line], *lines[line + 1 :]])
            case "swap":
                data = b"".join([*lines[line:], *lines[:line]])
            case "cut":
                data = data[:start]
            case _:
                other = TREE[draw(st.sampled_from(PATHS))].splitlines(keepends=True)
                data = b"".join([*lines[:line], draw(st.sampled_from(other)), *lines[line:]])
    return path, data


pieces_of_yaml = [*"ab01.-+e~ :,{}[]?&*!|>'\"%#\n\n\t\\_=<", "a: ", "b:\n  ", "\n- ", "\n  - ", "true", "null", "0x"]
texts_like_yaml = st.lists(st.sampled_from(pieces_of_yaml), max_size=40).map(lambda pieces: "".join(pieces).encode())
anything = st.one_of(
    st.binary(max_size=80),
    texts_like_yaml,
    texts_like_yaml.map(b"a: ".__add__),
    mutants().map(lambda mutant: mutant[1]),
)


def assert_inside(problem: Diagnostic, data: bytes) -> None:
    """The place is in the file, or just behind its end."""
    lines = [*data.decode("utf-8", "replace").split("\n"), ""]
    assert 1 <= problem.place.line <= len(lines)
    assert 1 <= problem.place.column <= len(lines[problem.place.line - 1]) + 1
    assert problem.message
    assert all(line.isprintable() for line in str(problem).split("\n", 1))


@given(anything)
@fuzzed
def test_bytes_are_a_document_or_have_problems(data: bytes) -> None:
    """One or the other, never both and never an exception; each problem has a place in the file; twice is the same."""
    document, _, problems = read("x.yaml", data)
    assert (document is None) == bool(problems)
    for problem in problems:
        assert_inside(problem, data)
    again, _, same = read("x.yaml", data)
    assert (again, same) == (document, problems)


@given(mutants())
@fuzzed
def test_a_broken_registry_has_problems_in_places(mutant: tuple[str, bytes]) -> None:
    """A registry with one file changed at random loads or says where it does not, each time alike."""
    path, data = mutant
    tree = {**TREE, path: data}
    registry, problems = load(tree)
    assert (registry is None) == any(problem.is_error for problem in problems)
    for problem in problems:
        assert_inside(problem, tree.get(problem.place.path, b""))
    assert list(problems) == sorted(problems, key=lambda problem: problem.place)
    assert load(dict(reversed(tree.items()))) == (registry, problems)


@given(st.permutations(PATHS), st.sampled_from(PATHS))
@settings(fuzzed, max_examples=40)
def test_files_have_no_order(paths: list[str], lost: str) -> None:
    """The registry and its problems do not depend on the order in which files are found, also where one is missing."""
    assert load({path: TREE[path] for path in paths}) == load(TREE)
    assert load({path: TREE[path] for path in paths if path != lost}) == load(
        {path: TREE[path] for path in PATHS if path != lost}
    )


# --- what another reader reads ---

INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FRACTION: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
EMPTY: Final = ("", "~", "null", "Null", "NULL")
TRUTHS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def by_the_book(node: yaml.ScalarNode) -> object:
    """The value of a scalar under the core schema of YAML 1.2, section 10.3.2."""
    text: str = node.value
    if node.style is not None:
        return text
    if text in EMPTY:
        return None
    if text in TRUTHS:
        return TRUTHS[text]
    if INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text, 10)
    return Decimal(text) if FRACTION.fullmatch(text) else text


def assert_same(ours: Any, node: yaml.Node | None) -> None:
    """Our value is that of a node, down to its type, its keys in order and where they stand."""
    if isinstance(node, yaml.MappingNode):
        assert type(ours) is Map
        assert list(ours) == [key.value for key, _ in node.value]
        for key, value in node.value:
            assert (ours.keys_at[key.value].line, ours.keys_at[key.value].column) == here(key)
            if value.value != "":
                assert (ours.values_at[key.value].line, ours.values_at[key.value].column) == here(value)
            assert_same(ours[key.value], value)
    elif isinstance(node, yaml.SequenceNode):
        assert type(ours) is Seq
        assert len(ours) == len(node.value)
        for item, mark, inner in zip(ours, ours.items_at, node.value, strict=True):
            if inner.value != "":
                assert (mark.line, mark.column) == here(inner)
            assert_same(item, inner)
    else:
        assert isinstance(node, yaml.ScalarNode)
        expected = by_the_book(node)
        assert (type(ours), ours) == (type(expected), expected)


def here(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line, node.start_mark.column


class Plain(
    yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser, yaml.composer.Composer, yaml.resolver.BaseResolver
):
    """PyYAML's own reader in Python, which shares no code with ours: nodes, without a value resolved."""

    def __init__(self, stream: str) -> None:
        yaml.reader.Reader.__init__(self, stream)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
        yaml.composer.Composer.__init__(self)
        yaml.resolver.BaseResolver.__init__(self)


@given(anything)
@settings(fuzzed, max_examples=300)
def test_what_is_accepted_is_what_another_reader_reads(data: bytes) -> None:
    """An accepted document has the keys, values and places that PyYAML's own parser finds, by the rules of YAML 1.2."""
    document, text, problems = read("x.yaml", data)
    if problems:
        return
    try:
        node = Plain(text).get_single_node()
    except yaml.YAMLError:
        return  # it takes no tab between words, for one; what it refuses, it does not read as something else
    assert_same(document, node)


def test_every_document_of_the_base_is_what_another_reader_reads() -> None:
    """The comparison above compares something."""
    for path, data in TREE.items():
        document, text, problems = read(path, data)
        assert problems == ()
        assert_same(document, Plain(text).get_single_node())


# --- places inside of scalars ---


def plain(value: str, _draw: st.DrawFn) -> Iterator[str]:
    yield from value


def single(value: str, _draw: st.DrawFn) -> Iterator[str]:
    for character in value:
        yield "''" if character == "'" else character


def double(value: str, draw: st.DrawFn) -> Iterator[str]:
    for character in value:
        forms = [f"\\u{ord(character):04x}", f"\\U{ord(character):08x}", "\\\n    " + f"\\u{ord(character):04x}"]
        if ord(character) < 0x100:
            forms.append(f"\\x{ord(character):02x}")
        if character == '"':
            forms.append('\\"')
        elif character == " ":
            forms.append("\\ ")
        elif character != "\\":
            forms += [character] * 8
        yield draw(st.sampled_from(forms))


# A style: how a scalar opens and closes, how its characters are written, and what a folded line end is.
Style = tuple[str, str, Callable[[str, st.DrawFn], Iterator[str]], str]
STYLES: Final[list[Style]] = [
    ("", "", plain, "\n    "),
    ("'", "'", single, "\n    "),
    ('"', '"', double, "\n      "),
    (">-\n    ", "", plain, "\n    "),
    ("|\n    ", "", plain, "\n    "),
    (">2-  # folded\n    ", "", plain, "\n    "),
]
WORDS: Final = ["score", "''", "'it''s'", "日本", "=", "(", "ü", '"x"', "\\", "and"]


@st.composite
def written_scalars(draw: st.DrawFn) -> tuple[str, list[str], int, int]:
    """A document whose `where` holds words in any style, those words, the index of one and where that was written."""
    opening, closing, write, fold = draw(st.sampled_from(STYLES))
    words = ["a", *draw(st.lists(st.sampled_from(WORDS), max_size=6)), "z"]
    wanted = draw(st.integers(0, len(words) - 1))
    text = f"title: größer\nwhere: {opening}"
    position = 0
    for n, word in enumerate(words):
        if n:
            text += draw(st.sampled_from([" ", " ", fold]))
        pieces = list(write(word, draw))
        # A line that is broken by a backslash goes on where its character stands.
        if n == wanted:
            position = len(text) + (len(pieces[0]) - len(pieces[0].removeprefix("\\\n    ")))
        text += "".join(pieces)
    return f"{text}{closing}\nunit: x\n", words, wanted, position


@given(written_scalars())
@settings(fuzzed, max_examples=300)
def test_an_offset_in_a_value_is_found_where_it_was_written(scalar: tuple[str, list[str], int, int]) -> None:
    """Whatever quotes, folds and escapes a text was written in, a problem inside it points at its own character."""
    text, words, wanted, position = scalar
    document, decoded, problems = read("x.yaml", text.encode())
    assert problems == ()
    assert document is not None
    value: str = document["where"]
    assert value.split() == words
    offset = [match.start() for match in re.finditer(r"\S+", value)][wanted]
    place = locate("x.yaml", decoded, document.values_at["where"], value, offset)
    assert (place.line, place.column) == offset_in(text, position)


def offset_in(text: str, position: int) -> tuple[int, int]:
    """Line and column of a character, from 1."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
