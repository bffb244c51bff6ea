"""Two plain values to the edits between them, each with its path, its two values and the words for them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cxgov.language.expressions import Expr
from cxgov.language.reader import Map, Mark, Seq
from cxgov.meaning.classes import is_map, is_set, node_at
from cxgov.meaning.digests import encoded
from cxgov.meaning.documents import Plain

FieldPath = tuple[str, ...]
Edit = tuple[FieldPath, Plain, Plain]
# Lists whose items are told apart by a name of their own; the others change as a whole.
_NAMED_BY: Final[Mapping[FieldPath, str]] = {("members",): "person"}
_FORMS: Final = frozenset({"measure", "numerator", "denominator"})


def differences(kind: str, old: Plain, new: Plain, path: FieldPath = ()) -> Iterator[Edit]:
    """The edits between two plain values: path, old and new value, None for one that is not there."""
    if same(old, new):
        return
    node = node_at(kind, path)
    if isinstance(old, dict) and isinstance(new, dict) and not _other_form(path, old, new):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from differences(kind, old.get(key), new.get(key), (*path, key))
    elif kind == "Council" and path in _NAMED_BY:
        before, after = ({its[_NAMED_BY[path]]: its for its in value} for value in (old, new))
        yield from differences(kind, before, after, path)
    elif kind == "Council" and path == ("rules",):
        # A rule has no name: one that was edited goes, and another comes.
        yield from ((path, its, None) for its in old if not any(same(its, other) for other in new))
        yield from ((path, None, its) for its in new if not any(same(its, other) for other in old))
    elif is_set(node) and isinstance(old, list | None) and isinstance(new, list | None):
        left, right = old or [], new or []
        yield from (((*path, str(its)), its, None) for its in left if its not in right)
        yield from (((*path, str(its)), None, its) for its in right if its not in left)
    elif is_map(node) and path and (old is None or new is None):
        yield from (((*path, key), value, None) for key, value in (old or {}).items())
        yield from (((*path, key), None, value) for key, value in (new or {}).items())
    else:
        yield path, old, new


def same(old: Plain, new: Plain) -> bool:
    """Whether two plain values are one: as their digests see them, so 35 is 35.0, and true is not 1."""
    return bool(_typed(encoded(old)) == _typed(encoded(new)))


def _typed(value: Any) -> Any:
    # Python takes true for 1, in lists and mappings too.
    if isinstance(value, bool):
        return ("truth", value)
    if isinstance(value, dict):
        return {key: _typed(its) for key, its in value.items()}
    return [_typed(its) for its in value] if isinstance(value, list) else value


def _other_form(path: FieldPath, old: dict[str, Plain], new: dict[str, Plain]) -> bool:
    """Whether a measure became one of another form, which is one edit."""
    return bool(path) and path[-1] in _FORMS and next(iter(old)) != next(iter(new))


def said(value: Plain) -> str | None:
    """A plain value in the reader's words, on one line."""
    if value is None:
        return None
    if isinstance(value, Expr):
        text = str(value)
        return text[1:-1] if text.startswith("(") and text.endswith(")") else text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {said(its)}" for key, its in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(str(said(its)) for its in value) + "]"
    return " ".join(str(value).split())


def mark_of(data: Any, path: FieldPath) -> Mark | None:
    """Where the value at a path begins in a document; None where it is not written."""
    at = data.values_at["id"] if not path else None
    for i, key in enumerate(path):
        if isinstance(data, Map) and key in data:
            last = i == len(path) - 1
            at = data.values_at[key] if last and not isinstance(data[key], Map) else data.keys_at[key]
            data = data[key]
        elif isinstance(data, Seq) and (item := _item(data, key)) is not None:
            at, data = data.items_at[item], data[item]
        else:
            return None
    return at


def _item(data: Seq, key: str) -> int | None:
    """Which item of a list a path means: the text itself, or the mapping that has it for a name."""
    names = [its.get("person") if isinstance(its, Map) else str(its) for its in data]
    return names.index(key) if key in names else None
