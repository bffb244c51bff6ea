"""The JSON Schemas: is a document's shape right, and if not, what is wrong where.

A compiled validator says yes or no in microseconds; only a refused document is read again by one that explains.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, Final

from cxgov.language.diagnostics import Diagnostic, Place, listed, nearest
from cxgov.language.reader import Map, Mark, Seq, place_of
from cxgov.language.rules import SCHEMA

if TYPE_CHECKING:
    import jsonschema_rs

# What has more unknown keys is no document of that kind; looking for the nearest name of each takes long.
MAX_UNKNOWN: Final = 50
KINDS: Final = (
    "Registry", "Calendar", "Source", "Metric", "Sampling", "Threshold", "Exclusion", "Overlay", "Report", "Council",
)  # fmt: skip
_LONGEST: Final = 80
_NAMES: Final = "Write lower case letters, digits and _, at most 63, with no digit first."
_WORDS: Final = {
    "object": "a mapping", "array": "a list", "string": "text", "integer": "a whole number", "number": "a number",
    "boolean": "true or false",
}  # fmt: skip
_BOUNDS: Final = {
    "minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above", "exclusiveMaximum": "below",
}  # fmt: skip


@cache
def schema_text(kind: str) -> str:
    """The text of the JSON Schema (2020-12) of a kind of document."""
    package = files("cxgov")
    name = f"{kind.lower()}.json"
    shipped = package.joinpath("schemas", name)
    # In a checkout the schemas stand beside the package.
    return (shipped if shipped.is_file() else package.joinpath("..", "schemas", name)).read_text(encoding="utf-8")


@cache
def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a kind of document."""
    loaded: dict[str, Any] = json.loads(schema_text(kind))
    return loaded


@cache
def _validator(kind: str) -> "jsonschema_rs.Validator":
    import jsonschema_rs  # noqa: PLC0415  # 15 MB that only validation needs

    return jsonschema_rs.validator_for(schema(kind))


def check_shape(path: str, document: Map) -> tuple[Diagnostic, ...]:
    """Problems of a document's shape, in no order."""
    kind = document.get("kind")
    if kind not in KINDS:
        at = document.values_at.get("kind", document.start)
        found = "a document without `kind`" if "kind" not in document else f"kind {kind!r} is not known"
        near = nearest(kind, KINDS) if isinstance(kind, str) else ""
        fix = f"Write one of: kind: {listed(KINDS)}."
        return (Diagnostic(rule=SCHEMA, message=found + near, place=place_of(path, at), fix=fix),)
    if _validator(kind).is_valid(document):
        return ()
    return _explain(path, kind, document)


@cache
def _explainer(kind: str) -> Any:
    import jsonschema  # noqa: PLC0415  # 80 ms that only a refused document needs

    # As they come, `$` lets a trailing newline through and a list of unlike items is compared pair by pair.
    checks = {"pattern": _matches, "uniqueItems": _distinct}
    return jsonschema.validators.extend(jsonschema.Draft202012Validator, checks)(schema(kind))  # type: ignore[no-untyped-call]


def _matches(_validator: object, pattern: str, data: object, _schema: object) -> Iterator[Exception]:
    from jsonschema import ValidationError  # noqa: PLC0415

    if isinstance(data, str) and not re.fullmatch(pattern.removesuffix("$"), data):
        yield ValidationError(f"{data!r} does not match {pattern!r}")


def _distinct(_validator: object, wanted: object, data: object, _schema: object) -> Iterator[Exception]:
    from jsonschema import ValidationError  # noqa: PLC0415

    if wanted and isinstance(data, list) and len({repr(item) for item in data}) < len(data):
        yield ValidationError("an item stands twice")


def _explain(path: str, kind: str, document: Map) -> tuple[Diagnostic, ...]:
    errors = list(_explainer(kind).iter_errors(document))
    found = [d for error in errors for d in _diagnostics(path, document, error)]
    # A key that is misspelt is not missing as well: one mistake is one problem.
    misspelt = {key for key in _missing(errors) if any(f"did you mean {key!r}?" in d.message for d in found)}
    found = [d for d in found if not any(d.message.endswith(f"has no `{key}`") for key in misspelt)]
    if not found:
        error = next(iter(_validator(kind).iter_errors(document)))
        route = list(error.instance_path)
        found = [Diagnostic(rule=SCHEMA, message=error.message, place=_place(path, document, route))]
    return tuple(found)


def _missing(errors: list[Any]) -> set[str]:
    return {key for error in errors if error.validator == "required" for key in error.validator_value}


def _walk(document: Map, route: list[str | int]) -> tuple[Any, Mark, Mark]:
    """The value at a route, the mark of its key or item and the mark of the value itself."""
    value: Any = document
    key_at = value_at = document.start
    for step in route:
        if isinstance(value, Map):
            key_at, value_at = value.keys_at[str(step)], value.values_at[str(step)]
        elif isinstance(value, Seq):
            key_at = value_at = value.items_at[int(step)]
        value = value[step]
    return value, key_at, value_at


def _place(path: str, document: Map, route: list[str | int]) -> Place:
    return place_of(path, _walk(document, route)[2])


def _diagnostics(path: str, document: Map, error: Any) -> list[Diagnostic]:
    route = list(error.absolute_path)
    value, key_at, value_at = _walk(document, route)
    what = f"`{'.'.join(str(step) for step in route)}`" if route else "the document"
    place = place_of(path, value_at)
    match error.validator:
        case "additionalProperties":
            known = error.schema["properties"]
            cut, rest = _cut_off(value)
            unknown = islice((key for key in value if key not in known and key not in rest), MAX_UNKNOWN)
            found = [_unknown_key(path, value, key, known) for key in unknown]
            return [_cut_value(path, value, cut, rest), *found] if rest else found
        case "required":
            missing = [
                key for key in error.validator_value if key not in value and f"'{key}' is a required" in error.message
            ]
            place = place_of(path, key_at)
            fixes = (
                {key: error.schema["properties"][key].get("description", "") for key in missing}
                if "properties" in error.schema
                else {}
            )
            return [
                Diagnostic(
                    rule=SCHEMA,
                    message=f"{what} has no `{key}`",
                    place=place,
                    fix=f"Add `{key}:`. {fixes.get(key, '')}",
                )
                for key in missing
            ]
        case "oneOf":
            forms = [row["required"][0] for row in error.validator_value]
            present = [form for form in value if form in forms] if isinstance(value, dict) else []
            if not present:
                return [
                    Diagnostic(
                        rule=SCHEMA,
                        message=f"{what} has no form",
                        place=place_of(path, key_at),
                        fix=f"Write one of: {listed(forms, 20)}.",
                    )
                ]
            at = value.keys_at[present[-1]]
            message = f"{what} has {len(present)} forms: {listed(present)}"
            return [Diagnostic(rule=SCHEMA, message=message, place=place_of(path, at), fix="Keep one of them.")]
        case "type":
            wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
            expected = " or ".join(_WORDS[name] for name in wanted)
            plain = wanted == ["string"] and value is not None and not isinstance(value, dict | list)
            fits = plain and re.fullmatch(error.schema.get("pattern", ".*"), _shown(value))
            fix = f'Put it in quotes: "{_shown(value)}".' if fits else ""
            return [
                Diagnostic(
                    rule=SCHEMA,
                    message=f"{what} is {_shown(value)}, expected {expected}",
                    place=place,
                    fix=fix or _described(error),
                )
            ]
        case "enum" | "const":
            allowed = [
                str(v) for v in (error.validator_value if error.validator == "enum" else [error.validator_value])
            ]
            near = nearest(str(value), allowed)
            message = f"{what} is {_shown(value)}, expected {' or '.join(allowed)}{near}"
            return [Diagnostic(rule=SCHEMA, message=message, place=place, fix=f"Write {' or '.join(allowed)}.")]
        case "pattern":
            if "propertyNames" in error.absolute_schema_path:
                name = error.instance
                return [
                    Diagnostic(
                        rule=SCHEMA,
                        message=f"name {_shown(name)} in {what} has characters that it cannot have",
                        place=place_of(path, value.keys_at[name]),
                        fix=_described(error) or _NAMES,
                    )
                ]
            return [
                Diagnostic(
                    rule=SCHEMA,
                    message=f"{what} is {_shown(value)}, expected another form",
                    place=place,
                    fix=_described(error),
                )
            ]
        case "uniqueItems":
            seen: set[str] = set()
            twice = next((i for i, item in enumerate(value) if repr(item) in seen or seen.add(repr(item))), 0)  # type: ignore[func-returns-value]
            place = place_of(path, value.items_at[twice])
            return [
                Diagnostic(
                    rule=SCHEMA,
                    message=f"{what} names {_shown(value[twice])} twice",
                    place=place,
                    fix="Keep one of them.",
                )
            ]
        case "minLength" | "minItems" | "minProperties":
            return [
                Diagnostic(rule=SCHEMA, message=f"{what} is empty or too short", place=place, fix=_described(error))
            ]
        case "maxLength" | "maxItems" | "maxProperties":
            return [
                Diagnostic(
                    rule=SCHEMA,
                    message=f"{what} is longer than {error.validator_value}",
                    place=place,
                    fix=_described(error),
                )
            ]
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            return [
                Diagnostic(
                    rule=SCHEMA,
                    message=f"{what} is {value}, expected {_BOUNDS[error.validator]} {error.validator_value}",
                    place=place,
                    fix=_described(error),
                )
            ]
        case _:
            return [
                Diagnostic(rule=SCHEMA, message=f"{what}: {error.message[:200]}", place=place, fix=_described(error))
            ]


def _cut_off(mapping: Map) -> tuple[str, list[str]]:
    """The key whose value a comma ended within brackets, and the keys that are the rest of that value."""
    keys = iter(mapping)
    cut = next((key for key in keys if isinstance(v := mapping[key], str) and v.count("(") > v.count(")")), "")
    return cut, list(takewhile(lambda key: mapping[key] is None, keys))


def _cut_value(path: str, mapping: Map, cut: str, rest: list[str]) -> Diagnostic:
    message = f"a comma ends the value of `{cut}` inside {{ }}, and leaves {rest[0]!r} as a key"
    fix = f'Put the value in quotes: {cut}: "{", ".join([mapping[cut], *rest])}".'
    return Diagnostic(rule=SCHEMA, message=message, place=place_of(path, mapping.keys_at[rest[0]]), fix=fix)


def _unknown_key(path: str, mapping: Map, key: str, known: dict[str, Any]) -> Diagnostic:
    place = place_of(path, mapping.keys_at[key])
    near = nearest(key, known)
    return Diagnostic(
        rule=SCHEMA, message=f"unknown key {key!r}{near}", place=place, fix=f"Keys here: {listed(known, 30)}."
    )


def _shown(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    shown = repr(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def _described(error: Any) -> str:
    return str(error.schema.get("description", "")) if isinstance(error.schema, dict) else ""
