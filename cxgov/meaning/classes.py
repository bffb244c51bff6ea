"""The class of an edit, from the field that it moves: what the schemas say of each property."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Literal

from cxgov.language.classes import CHANGE_CLASSES
from cxgov.language.shapes import schema

How = Literal["added", "removed", "changed"]
# What no schema says a class of counts as the highest.
HIGHEST: Final = "policy"


def class_of(kind: str, path: tuple[str, ...], how: How) -> str:
    """The class of an edit at a path of plain values: a class, or ``threshold`` where its direction decides."""
    nodes = _nodes(kind, path)
    for depth, node in enumerate(reversed(nodes)):
        said = node.get("x-change-class") if node is not None else None
        if isinstance(said, str):
            return said
        if isinstance(said, Mapping):
            # An entry of a map or a set came, went or changed; below an entry the map has changed.
            its: str = said[how if depth <= 1 else "changed"]
            return its
    return HIGHEST


def node_at(kind: str, path: tuple[str, ...]) -> dict[str, Any] | None:
    """The schema of the value at a path; None where it has none."""
    *_, last = _nodes(kind, path)
    return last


def is_map(node: Mapping[str, Any] | None) -> bool:
    """Whether the keys of a value are the author's own."""
    return node is not None and isinstance(node.get("additionalProperties"), Mapping)


def is_set(node: Mapping[str, Any] | None) -> bool:
    """Whether an entry of a list can come and go as an edit of its own."""
    return node is not None and isinstance(node.get("x-change-class"), Mapping) and "items" in node


def without_editorial(kind: str, data: dict[str, Any], path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Plain values without the fields whose class is ``editorial``."""
    found = {}
    for key, value in data.items():
        its = (*path, key)
        node = node_at(kind, its)
        if node is not None and node.get("x-change-class") == "editorial":
            continue
        found[key] = without_editorial(kind, value, its) if isinstance(value, dict) else value
    return found


@lru_cache(maxsize=4096)
def _nodes(kind: str, path: tuple[str, ...]) -> tuple[dict[str, Any] | None, ...]:
    """The schema of each value on a path, the document's own first; None below what has none."""
    root = schema(kind)
    found: list[dict[str, Any] | None] = [root]
    here: dict[str, Any] | None = root
    for key in path:
        here = _child(root, here, key) if here is not None else None
        found.append(here)
    return tuple(found)


def _child(root: dict[str, Any], node: dict[str, Any], key: str) -> dict[str, Any] | None:
    found: Any = node.get("properties", {}).get(key)
    if found is None and isinstance(node.get("additionalProperties"), dict):
        found = node["additionalProperties"]
    if found is None and "items" in node:
        found = node["items"]
    for option in node.get("oneOf", ()):
        if found is None and isinstance(option, dict):
            found = _child(root, option, key)
    if isinstance(found, dict) and "$ref" in found:
        # The reference's own class counts before that of what it points at.
        target = root["$defs"][found["$ref"].rsplit("/", 1)[-1]]
        found = {**target, **{name: value for name, value in found.items() if name != "$ref"}}
    return found if isinstance(found, dict) else None


def at_least(one: str, other: str) -> bool:
    """Whether a class is as high as another."""
    return CHANGE_CLASSES.index(one) >= CHANGE_CLASSES.index(other)
