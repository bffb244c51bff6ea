"""The schemas: valid, closed at every level, every property with its meaning and its change class."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator

from cxgov.api import read_tree
from cxgov.language.classes import APPROVABLE, CHANGE_CLASSES
from cxgov.language.reader import read
from cxgov.language.shapes import KINDS, schema

FOLDER: Final = Path(__file__).parents[1] / "schemas"
BASE: Final = Path(__file__).parent / "cases" / "base"
NAMES: Final = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.json"))
# `threshold` is tightened or loosened, told by the metric's direction.
CLASSES: Final = frozenset({*CHANGE_CLASSES, "threshold"})
MOVES: Final = frozenset({"added", "removed", "changed"})
# Each keyword of a schema whose value holds schemas again.
INSIDE: Final = ("properties", "$defs")
ONE: Final = ("additionalProperties", "items", "propertyNames")

Schema = dict[str, Any]
Route = tuple[str, ...]


def text_of(name: str) -> Schema:
    loaded: Schema = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return loaded


def nodes(node: Schema, route: Route = ()) -> Iterator[tuple[Route, Schema]]:
    """Every schema within a schema, with the way to it."""
    yield route, node
    for keyword in INSIDE:
        for name, inner in node.get(keyword, {}).items():
            yield from nodes(inner, (*route, keyword, name))
    for keyword in ONE:
        if isinstance(node.get(keyword), dict):
            yield from nodes(node[keyword], (*route, keyword))
    for keyword in ("oneOf", "prefixItems"):
        for i, inner in enumerate(node.get(keyword, ())):
            yield from nodes(inner, (*route, keyword, str(i)))


def is_closed(node: Schema) -> bool:
    """An object takes the keys that it declares, or any name of a form, whose value has a schema; nothing else."""
    more = node.get("additionalProperties")
    if "properties" in node:
        return more is False
    return isinstance(more, dict) and "pattern" in node.get("propertyNames", {})


def open_objects(whole: Schema) -> list[Route]:
    return [
        route
        for route, node in nodes(whole)
        if (node.get("type") == "object" or "properties" in node) and not is_closed(node)
    ]


def at(root: Any, route: Route) -> Any:
    for step in route:
        root = root[int(step)] if isinstance(root, list) else root[step]
    return root


def test_every_kind_has_its_schema() -> None:
    """A file a kind, named by it; what the program reads is that file."""
    assert {f"{kind.lower()}.json" for kind in KINDS} <= set(NAMES)
    for kind in KINDS:
        assert schema(kind) == text_of(f"{kind.lower()}.json")
        assert schema(kind)["properties"]["kind"]["const"] == kind


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_a_schema(name: str) -> None:
    """JSON Schema 2020-12, by two readers of it."""
    loaded = text_of(name)
    assert loaded["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(loaded)
    jsonschema_rs.validator_for(loaded)


def test_no_two_schemas_have_one_name() -> None:
    """An `$id` and a title stand for one schema."""
    for key in ("$id", "title"):
        assert len({text_of(name)[key] for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_closed_at_every_level(name: str) -> None:
    """What is not declared is refused, however deep it stands."""
    assert open_objects(text_of(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_says_nothing_that_the_walk_does_not_see(name: str) -> None:
    """A keyword that holds schemas and is not walked could hide an open object."""
    hiding = {
        "allOf", "anyOf", "not", "if", "then", "else", "dependentSchemas", "patternProperties", "contains",
        "unevaluatedProperties", "unevaluatedItems", "$dynamicRef",
    }  # fmt: skip
    for route, node in nodes(text_of(name)):
        assert not hiding & node.keys(), route
        assert node.get("$ref", "#/$defs/").startswith("#/$defs/"), route


@pytest.mark.parametrize("name", NAMES)
def test_opening_a_schema_anywhere_would_be_noticed(name: str) -> None:
    """The test above would fail for every single `additionalProperties` that were taken away."""
    whole = text_of(name)
    closed = [route for route, node in nodes(whole) if "additionalProperties" in node]
    assert closed
    for route in closed:
        opened = copy.deepcopy(whole)
        del at(opened, route)["additionalProperties"]
        assert route in open_objects(opened)


KIND_NAMES: Final = [f"{kind.lower()}.json" for kind in KINDS]


@pytest.mark.parametrize("name", KIND_NAMES)
def test_every_property_says_what_it_is_and_what_its_change_means(name: str) -> None:
    """A description in whole sentences, and a change class for each way in which the property can move."""
    for route, node in nodes(text_of(name)):
        for key, inner in node.get("properties", {}).items():
            where = (*route, key)
            assert inner.get("description", "").endswith("."), where
            change = inner["x-change-class"]
            if isinstance(change, dict):
                assert set(change) == MOVES, where
                assert set(change.values()) <= CLASSES, where
            else:
                assert change in CLASSES, where


def test_the_classes_that_a_council_names_are_those_that_can_be_approved() -> None:
    """Rules and guards name every class but `history`, in the order of the classes."""
    council = schema("Council")["properties"]
    assert council["rules"]["items"]["properties"]["classes"]["items"]["enum"] == list(APPROVABLE)
    assert council["guards"]["additionalProperties"]["enum"] == list(APPROVABLE)
    assert set(CHANGE_CLASSES) - set(APPROVABLE) == {"history"}


def test_every_property_of_a_council_is_policy() -> None:
    """However small a change of who decides looks, it is one of who decides."""
    for route, node in nodes(schema("Council")):
        for key, inner in node.get("properties", {}).items():
            assert inner["x-change-class"] == "policy", (*route, key)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_the_common_fields(kind: str) -> None:
    """Also `formerly`: a rename can be said of anything that has an id."""
    common = ["apiVersion", "kind", "id", "version", "title", "description", "owner", "formerly"]
    assert list(schema(kind)["properties"])[: len(common)] == common


@pytest.mark.parametrize("name", KIND_NAMES)
def test_what_is_required_is_declared(name: str) -> None:
    """Nobody is asked for a key that would then be refused."""
    for route, node in nodes(text_of(name)):
        if "required" in node and "properties" in node:
            assert set(node["required"]) <= set(node["properties"]), route


@pytest.mark.parametrize("name", KIND_NAMES)
def test_a_pattern_is_of_the_whole_text_and_of_plain_letters(name: str) -> None:
    """`^` and `$` at the ends, and no class whose letters differ between readers."""
    for route, node in nodes(text_of(name)):
        pattern = node.get("pattern", "^$")
        assert pattern.startswith("^"), route
        assert pattern.endswith("$"), route
        assert not any(letters in pattern for letters in (r"\w", r"\d", r"\s", r"\b", "|^", "$|")), route


@pytest.mark.parametrize("name", KIND_NAMES)
def test_a_text_has_a_length(name: str) -> None:
    """A text that a document may hold is bounded: by a pattern or by a number."""
    for route, node in nodes(text_of(name)):
        if node.get("type") == "string":
            assert "pattern" in node or "maxLength" in node, route


@pytest.mark.parametrize("path", sorted(BASE.rglob("*.yaml")), ids=lambda path: path.stem)
def test_an_unknown_key_is_refused_at_every_level_of_a_document(path: Path) -> None:
    """Both validators refuse a document with one key more, wherever it is put."""
    tree, _ = read_tree(BASE, ".")
    document, _, _ = read("x.yaml", tree[path.relative_to(BASE).as_posix()])
    assert document is not None
    kind = schema(document["kind"])
    quick, slow = jsonschema_rs.validator_for(kind), Draft202012Validator(kind)
    plain = json.loads(json.dumps(document, default=float))
    assert quick.is_valid(plain)
    assert slow.is_valid(plain)
    for route in mappings(plain):
        opened = copy.deepcopy(plain)
        at(opened, route)["Not A Key"] = 1
        assert not quick.is_valid(opened), route
        assert not slow.is_valid(opened), route


def mappings(value: Any, route: Route = ()) -> Iterator[Route]:
    """The way to every mapping within a value."""
    if isinstance(value, dict):
        yield route
        for key, inner in value.items():
            yield from mappings(inner, (*route, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from mappings(inner, (*route, str(i)))
