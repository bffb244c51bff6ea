"""Schemas, rules, cases and the command line to pages of docs/; with ``--check`` nothing is written, only compared."""

import difflib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final

import click

from cxgov.api import validate
from cxgov.cli.main import COMMANDS, commands
from cxgov.language import parsing
from cxgov.language.diagnostics import Rule, visible
from cxgov.language.expressions import FUNCTIONS, ExpressionError
from cxgov.language.linking import DIMENSION_TYPES, KEY_TYPES
from cxgov.language.loading import load
from cxgov.language.parsing import parse
from cxgov.language.report_links import certified
from cxgov.language.rules import RULES
from cxgov.language.scopes import source_scope
from cxgov.language.shapes import KINDS, schema
from cxgov.language.typecheck import infer

ROOT: Final = Path(__file__).resolve().parents[1]
DOCS: Final = ROOT / "docs"
PARTS: Final = DOCS / "parts"
CASES: Final = ROOT / "tests" / "cases"

_FUNCTIONS: Final = {
    "abs": "size without sign",
    "ceil": "next whole number upwards",
    "floor": "next whole number downwards",
    "ln": "natural logarithm; NULL unless the number is above 0",
    "exp": "e to the power",
    "sqrt": "square root; NULL below 0",
    "lower": "text in lower case",
    "upper": "text in upper case",
    "trim": "text without spaces at its ends",
    "length": "number of characters",
    "coalesce": "the first that is not NULL",
    "nullif": "NULL where both are equal, else the first",
    "greatest": "the highest; none may be NULL",
    "least": "the lowest; none may be NULL",
}
# What the language refuses, each with its reason; what it says is taken from the program.
_REFUSED: Final = (
    ("score >= 9 -- promoters", "A comment inside a value is lost in some tools and ends the line in others."),
    ("score in (select 9)", "A subquery can multiply rows. Another relation is reached by an entity, many to one."),
    ("now() - responded_at", "A number must not depend on the moment at which it is asked."),
    ("score = null", "It is never true, so it is never what was meant."),
    ("region > 'B'", "Engines sort text by different rules, so the rows would differ."),
    ("greatest(score, 5)", "PostgreSQL passes over NULL, Snowflake and BigQuery give NULL."),
    ("score >= '9'", "Some engines turn the text into a number, some the number into text."),
    ("channel = 'mail'", "The source lists the values of the column, and this one is not among them."),
    ("case when score then 1 else 0 end", "Only some engines take a number for a condition."),
    ("responded_at >= date '2026-07-01'", "When a day begins depends on a zone. Write `timestamp` with a zone."),
    ("responded_at + 1", "One what? A length of time names its unit."),
    ("comment like '50\\%'", "Engines disagree on what a backslash does in a pattern."),
    ("customer.region = 'EMEA'", "A metric's own conditions see its source. Paths are for splits and `--where`."),
)  # fmt: skip
_SHAPES: Final = {
    "^[a-z][a-z0-9_]{0,62}$": "id",
    "^[a-z_][a-z0-9_]{0,62}$": "column name",
    "^[A-Z_][A-Z0-9_]{0,127}$": "name of an environment variable",
    "^(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$": "`MM-DD`, day 01 to 28",
    "^[0-9]{1,4} (second|minute|hour|day|week)s?$": "number and unit, e.g. `10 days`",
    "^(0|[1-9][0-9]{0,5})\\.(0|[1-9][0-9]{0,5})\\.(0|[1-9][0-9]{0,5})$": "`MAJOR.MINOR.PATCH`",
    "^[A-Za-z_][A-Za-z0-9_]{0,62}(\\.[A-Za-z_][A-Za-z0-9_]{0,62}){0,2}$": "one to three names, dotted",
    "^[a-z][a-z0-9_]{0,62}(\\.[a-z][a-z0-9_]{0,62}){0,5}$": "path",
    "^[1-9][0-9]{0,4} (day|week)s?$": "number and unit, e.g. `184 days`",
    "^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$": "day, e.g. `2026-05-01`",
    "^[A-Za-z0-9_.:-]{1,100}$": "letters, digits and `_.:-`",
    "^[a-z][a-z0-9_.-]{0,62}$": "lower case letters, digits and `_.-`",
    "^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$": "`owner/name`",
    "^refs/heads/[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}$": "name of a branch, e.g. `refs/heads/main`",
    "^[0-9]{1,6}\\.[0-9]{1,6}\\.[0-9]{1,6}$": "version, e.g. `1.2.3`",
    "^[A-Za-z0-9._%+'/=^{}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,189}$": "address",
    "^error$": "`error`",
    "^reports/([A-Za-z0-9_][A-Za-z0-9_.-]{0,99}/){0,5}[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\\.sql$": "`reports/name.sql`",
}
_LOWER: Final = {"minimum": "from", "exclusiveMinimum": "above"}
_UPPER: Final = {"maximum": "to", "exclusiveMaximum": "below"}
_WORDS: Final = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in lines
    )


def fenced(language: str, text: str) -> str:
    """A block of code."""
    lines = "\n".join(visible(line) for line in text.split("\n"))
    return f"```{language}\n{lines.rstrip()}\n```"


def filled(part: str, values: dict[str, str]) -> str:
    """A template of docs/parts/ with its ``{{ names }}`` replaced; each value is used, each name has one."""
    text = (PARTS / part).read_text(encoding="utf-8")
    wanted = set(re.findall(r"\{\{ (\w+) \}\}", text))
    assert wanted == set(values), f"{part}: {wanted ^ set(values)}"
    for name, value in values.items():
        text = text.replace(f"{{{{ {name} }}}}", value)
    return f"<!-- Written by docs/generate.py (`make docs`). Edit docs/parts/{part} instead. -->\n\n{text}"


# --- language.md ---


def language_page() -> str:
    """The reference of the language."""
    assert list(_FUNCTIONS) == list(FUNCTIONS)
    grammar = (parsing.__doc__ or "").split("\n\n")[-1]
    functions = [(f"`{name}`", _arguments(*FUNCTIONS[name]), meaning) for name, meaning in _FUNCTIONS.items()]
    values = {
        "grammar": fenced("text", "\n".join(line[4:] for line in grammar.rstrip().splitlines())),
        "functions": table(("function", "takes", "gives"), functions),
        "refusals": refusals(),
        "depth": str(parsing.MAX_DEPTH),
        "tokens": f"{parsing.MAX_TOKENS:,}",
        "dimension_types": _listed(DIMENSION_TYPES),
        "key_types": _listed(KEY_TYPES),
        **{kind.lower(): kind_section(kind) for kind in KINDS},
    }
    return filled("language.md", values)


def _arguments(fewest: int, most: int) -> str:
    return str(fewest) if fewest == most else f"{fewest} to {most}"


def _listed(names: frozenset[str]) -> str:
    *most, last = (f"`{name}`" for name in sorted(names))
    return f"{', '.join(most)} or {last}"


def refusals() -> str:
    """Expressions that are refused, with what the program says of each and why."""
    registry, _ = validate(ROOT / "metrics")
    assert registry is not None
    scope = source_scope(registry.sources["survey_responses"])
    rows = []
    for text, why in _REFUSED:
        try:
            infer(parse(text), scope)
        except ExpressionError as error:
            rows.append((f"`{text}`", str(error), why))
        else:
            raise AssertionError(f"{text} is not refused any more")
    return table(("written", "answer", "why"), rows)


def kind_section(kind: str) -> str:
    """Every property of a kind, in the schema's order, objects within it below their own heading."""
    whole = schema(kind)
    found: list[str] = []
    waiting: list[tuple[str, dict[str, Any]]] = [("", whole)]
    while waiting:
        path, data = waiting.pop(0)
        rows = []
        for name, its in data["properties"].items():
            key = f"{path}.{name}" if path else name
            inner, label = _inner(its, whole)
            if inner is not None:
                waiting.append((f"{key}{label}", inner))
            required = "yes" if name in data.get("required", ()) else ""
            rows.append((f"`{name}`", _type(its), required, its["description"], _change_class(its)))
        note = (
            "Exactly one of its forms is written; `where` may stand beside an aggregate.\n\n" if "oneOf" in data else ""
        )
        heading = f"#### In `{path}`\n\n{note}" if path else ""
        found.append(heading + table(("property", "value", "required", "meaning", "change class"), rows))
    return f"{whole['description']}\n\n" + "\n\n".join(found)


def _inner(data: dict[str, Any], whole: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The object inside a property and how its place is written; None where there is none with properties."""
    if "$ref" in data:
        # The aggregates of a ratio are those of a measure: told in a sentence, not twice.
        assert data["$ref"] == "#/$defs/aggregate"
        assert set(whole["$defs"]["aggregate"]["properties"]) <= set(whole["properties"]["measure"]["properties"])
        return None, ""
    if "properties" in data:
        return data, ""
    items = data.get("items")
    if isinstance(items, dict) and "properties" in items:
        return items, "[]"
    more = data.get("additionalProperties")
    return (more, ".<name>") if isinstance(more, dict) and "properties" in more else (None, "")


def _type(data: dict[str, Any]) -> str:  # each shape of our schemas, once
    if "const" in data:
        return f"`{data['const']}`"
    if "enum" in data:
        return ", ".join(f"`{value}`" for value in data["enum"])
    if "$ref" in data:
        return "aggregate"
    if data.get("x-expression"):
        return "expression"
    match data["type"]:
        case "array" if "prefixItems" in data:
            return "two numbers"
        case "array" if data["items"].get("type") == "object":
            return "list of mappings"
        case "array":
            return f"list of: {_type(data['items'])}"
        case "object":
            more = data["additionalProperties"]
            return f"name to {_type(more)}" if isinstance(more, dict) else "mapping"
        case ["string", "object"]:
            return f"{_SHAPES[data['pattern']] if 'pattern' in data else 'text'} or mapping"
        case [*several]:
            return " or ".join(_WORDS[name] for name in several)
        case "string" if "pattern" in data:
            return _SHAPES[data["pattern"]]
        case "integer" | "number" if any(limit in data for limit in _LOWER):
            return f"{_WORDS[data['type']]} {_limit(data, _LOWER)} {_limit(data, _UPPER)}"
        case plain:
            return _WORDS[plain]


def _limit(data: dict[str, Any], words: dict[str, str]) -> str:
    [(word, limit)] = [(word, data[key]) for key, word in words.items() if key in data]
    return f"{word} {limit:,}"


def _change_class(data: dict[str, Any]) -> str:
    its = data["x-change-class"]
    return its if isinstance(its, str) else ", ".join(f"{how}: {name}" for how, name in its.items())


# --- rules/ ---


def rule_pages() -> Iterator[tuple[str, str]]:
    """The table of rules, and a page for each."""
    parts = re.findall(
        r"^## (\w+)\n\n(.+?)\n\nExample: (\S+)$", (PARTS / "rules.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert [code for code, _, _ in parts] == [rule.code for rule in RULES]
    rows = [(f"[{r.code}]({r.code}.md)", r.name, str(r.severity), r.sentence) for r in RULES]
    values = {"rules": table(("code", "name", "severity", "rule"), rows)}
    yield "rules/README.md", filled("rules_readme.md", values)
    for rule, (code, reason, case) in zip(RULES, parts, strict=True):
        yield f"rules/{code}.md", rule_page(rule, reason, CASES / case)


def rule_page(rule: Rule, reason: str, case: Path) -> str:
    """One rule: what it says, why, the way out and an example."""
    consequence = "an error: the registry is not valid" if str(rule.severity) == "error" else "a warning"
    parts = [
        f"<!-- Written by docs/generate.py (`make docs`) from docs/parts/rules.md and tests/cases/{case.name}. -->",
        f"# {rule.code} {rule.name}",
        f"{rule.sentence} Otherwise it is {consequence}.",
        f"## Why\n\n{reason}",
        f"## Way out\n\n{rule.fix}",
        *example(rule, case),
        "[All rules](README.md) · [The language](../language.md)",
    ]
    return "\n\n".join(parts) + "\n"


def example(rule: Rule, case: Path) -> Iterator[str]:
    """What a case gets wrong, what is said of it, and how it should be."""
    right = overlaid(overlaid({}, CASES / "base"), case / "before")
    wrong = overlaid(right, case / "after")
    registry, found = load(wrong)
    if registry is not None:
        found = (*found, *(problem for _, problem in certified(registry)))
    mine = [problem for problem in found if problem.rule is rule]
    assert mine, f"{case} does not break {rule.code}"
    path = mine[0].place.path
    bad, good = _lines(wrong.get(path)), _lines(right.get(path))
    language = "yaml" if path.endswith(".yaml") else "text"
    hunks = difflib.SequenceMatcher(None, bad, good, autojunk=False).get_grouped_opcodes(3)
    hunk = next(iter(hunks), None) or [("equal", 0, len(bad), 0, len(good))]
    (_, first, _, its_first, _), (_, _, last, _, its_last) = hunk[0], hunk[-1]
    yield "## Example"
    if bad:
        yield f"In `{path}`:"
        yield fenced(language, "\n".join(bad[first:last]))
    yield "`cxgov validate` says:" if bad else f"There is no `{path}`. `cxgov validate` says:"
    yield fenced("text", "\n".join(map(str, mine)))
    if good:
        yield "Right:"
        yield fenced(language, "\n".join(good[its_first:its_last]))


def _lines(data: bytes | None) -> list[str]:
    return [] if data is None else data.decode().splitlines()


def overlaid(files: dict[str, bytes], layer: Path) -> dict[str, bytes]:
    """Files with those of a folder laid over them; ``X.removed`` takes X away."""
    found = {path.relative_to(layer).as_posix(): path.read_bytes() for path in layer.rglob("*") if path.is_file()}
    removed = {path.removesuffix(".removed") for path in found if path.endswith(".removed")}
    kept = {path: data for path, data in files.items() if path not in removed}
    return kept | {path: data for path, data in found.items() if not path.endswith(".removed")}


# --- commands.md ---


def commands_page() -> str:
    """Every command with its arguments and options, from click."""
    sections = []
    for name in COMMANDS:
        command = commands.get_command(click.Context(commands), name)
        assert command is not None
        sections.append(command_section(name, command))
        if isinstance(command, click.Group):
            sections += [command_section(f"{name} {its}", part, "###") for its, part in command.commands.items()]
    return filled("commands.md", {"commands": "\n\n".join(sections)})


def command_section(name: str, command: click.Command, level: str = "##") -> str:
    """One command."""
    words = [_usage(param) for param in command.params if isinstance(param, click.Argument)]
    options = [param for param in command.params if isinstance(param, click.Option)]
    group = ["COMMAND"] if isinstance(command, click.Group) else []
    usage = ["cxgov", name, *group, *words, *(["[OPTIONS]"] if options else [])]
    lines = [f"{level} {name}", fenced("text", " ".join(usage))]
    # An example that click must not fill begins with \\b.
    text, _, shown = cleandoc(command.help or "").replace("\\b", "\b").partition("\b")
    lines.append(text.strip())
    if shown:
        # It ends with its paragraph.
        example, _, more = shown.strip().partition("\n\n")
        lines += [fenced("sh", example), *([more] if more else [])]
    if options:
        rows = [(_spelling(option), option.help or "", _default(option)) for option in options]
        lines.append(table(("option", "meaning", "default"), rows))
    return "\n\n".join(lines)


def _usage(param: click.Argument) -> str:
    word = (param.metavar or (param.name or "").upper()).strip("[].")
    word = f"{word}..." if param.nargs == -1 else word
    return word if param.required and param.default in {None, _UNSET} else f"[{word}]"


_UNSET: Final = click.Option(["--unset"]).default  # how this click says that there is no default


def _spelling(option: click.Option) -> str:
    words = "/".join(option.opts)
    if option.is_flag:
        return f"`{words}`"
    if isinstance(option.type, click.Choice):
        return f"`{words}` " + ", ".join(f"`{choice}`" for choice in option.type.choices)
    if isinstance(option.type, click.IntRange):
        return f"`{words} NUMBER`, {option.type.min:,} to {option.type.max:,}"
    value = option.metavar or {"integer": "NUMBER"}.get(option.type.name, option.type.name.upper())
    return f"`{words} {value}`"


def _default(option: click.Option) -> str:
    return "" if option.is_flag or option.multiple or option.default in {None, _UNSET} else f"`{option.default}`"


# --- all ---


def pages() -> dict[str, str]:
    """Every generated page by its path in docs/."""
    return {"language.md": language_page(), "commands.md": commands_page(), **dict(rule_pages())}


def main(arguments: list[str], say: Callable[[str], None] = print) -> int:
    """Writes the pages; with ``--check`` says which differ, and gives 1 where one does."""
    wanted = pages()
    surplus = {path.relative_to(DOCS).as_posix() for path in (DOCS / "rules").glob("*.md")} - set(wanted)
    stale = [path for path in wanted if not (DOCS / path).is_file() or (DOCS / path).read_text("utf-8") != wanted[path]]
    if "--check" in arguments:
        for path in [*stale, *sorted(surplus)]:
            say(f"docs/{path} is not up to date: call `make docs`")
        return 1 if stale or surplus else 0
    for path in stale:
        (DOCS / path).parent.mkdir(exist_ok=True)
        (DOCS / path).write_text(wanted[path], encoding="utf-8")
        say(f"docs/{path}")
    for path in sorted(surplus):
        (DOCS / path).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
