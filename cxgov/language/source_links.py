"""The Registry and the sources against what they refer to: calendars, entities and their keys, dimensions."""

from cxgov.language.diagnostics import listed
from cxgov.language.linking import DIMENSION_TYPES, Linker, Written, personal_names
from cxgov.language.model import Settings, Source
from cxgov.language.rules import ENTITY, SHADOW, TYPE
from cxgov.language.scopes import column_scope


def settings(linker: Linker, written: Written[Settings]) -> None:
    """Holds the Registry to what there is."""
    wanted = written.document.calendar
    if wanted not in linker.calendars:
        linker.missing(written, written.data.values_at["calendar"], "calendar", wanted, linker.calendars)


def source(linker: Linker, written: Written[Source]) -> None:
    """Holds a source to what it says of itself, and its entities to the sources that they lead to."""
    source, data = written.document, written.data
    scope, private = column_scope(source), personal_names(source)
    for name, dimension in source.dimensions.items():
        at = data["dimensions"].keys_at[name]
        tree = dimension.expression
        if name in source.columns and not (tree.op == "name" and tree.value == name):
            linker.refuse(SHADOW, written, at, f"dimension {name!r} hides the column {name!r}")
            continue
        kind = linker.type_of(written, tree, scope)
        if kind is not None and kind.name not in DIMENSION_TYPES:
            fix = "Make it text, integer, boolean or date; bucket numbers with case."
            linker.refuse(
                TYPE, written, data["dimensions"].values_at[name], f"dimension {name!r} is of type {kind}", fix
            )
        linker.not_personal(written, tree, tree, private, f"dimension {name!r} shows")
    for role in source.entities:
        _entity(linker, written, role)


def _entity(linker: Linker, written: Written[Source], role: str) -> None:
    source, entity = written.document, written.document.entities[role]
    at = written.data["entities"].keys_at[role]
    if role in source.columns and entity.key != (role,):
        linker.refuse(SHADOW, written, at, f"entity {role!r} hides the column {role!r}")
    if entity.source is None:
        if source.interval is None and set(entity.key) != set(source.key):
            keys = f"its key ({listed(entity.key)}) is not the source's ({listed(source.key)})"
            message = f"{role!r} is {source.id}'s own entity, but {keys}"
            fix = "Make the keys the same, name the entity's `source:`, or give the source its `interval:`."
            linker.refuse(ENTITY, written, at, message, fix)
        return
    mark = written.data["entities"][role].values_at["source"]
    target = linker.source_named(written, written.data["entities"][role])
    if target is None:
        return
    own = target.own_entity
    if own is None:
        message = f"{target.id} has not exactly one entity of its own for {role!r} to be"
        linker.refuse(ENTITY, written, mark, message, f"Declare one entity without `source:` in {target.id}.")
    elif len(own.key) != len(entity.key):
        message = f"{role!r} has a key of {len(entity.key)} columns, {target.id}.{own.role} one of {len(own.key)}"
        linker.refuse(ENTITY, written, mark, message, f"Its key there: {listed(own.key)}.")
    else:
        for here, there in zip(entity.key, own.key, strict=True):
            if here in source.columns and there in target.columns:
                mine, its = source.columns[here].type, target.columns[there].type
                if mine != its:
                    message = f"{source.id}.{here} is {mine}, {target.id}.{there} is {its}: the two never match"
                    linker.refuse(ENTITY, written, mark, message, "Give both columns one type.")
