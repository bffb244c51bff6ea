"""A document of kind Source to its model object: columns, entities and dimensions."""

from cxgov.language.building import Builder
from cxgov.language.model import Column, Dimension, Entity, Interval, Source
from cxgov.language.reader import Map, place_of
from cxgov.language.rules import COLUMN, VALUE


def source(builder: Builder, data: Map) -> Source:
    """The source of a document of right shape."""
    for key, what in (("columns", "column"), ("dimensions", "dimension"), ("entities", "entity")):
        if key in data:
            builder.names(data[key], what)
    columns = {name: _column(builder, name, data["columns"]) for name in data["columns"]}
    builder.columns_exist(data, "key", columns)
    for key in data["key"]:
        if key in columns and columns[key].nullable:
            builder.refuse(
                COLUMN,
                data.values_at["key"],
                f"key column {key!r} is nullable",
                f"Remove `nullable: true` of {key}, or choose another key.",
            )
    interval = None
    if "interval" in data:
        held = data["interval"]
        interval = Interval(start=held["from"], until=held["until"])
        for end in ("from", "until"):
            builder.column_is_time(held, end, columns)
    if "arrival" in data:
        builder.column_is_time(data, "arrival", columns)
    entities = {}
    for role, entity in data.get("entities", {}).items():
        builder.columns_exist(entity, "key", columns)
        at = place_of(builder.path, data["entities"].keys_at[role])
        entities[role] = Entity(role=role, key=tuple(entity["key"]), source=entity.get("source"), place=at)
    dimensions = {}
    declared = data.get("dimensions") or Map(data.start)
    for name in declared:
        tree = builder.expression(declared, name)
        if tree is not None:
            at = place_of(builder.path, declared.keys_at[name])
            dimensions[name] = Dimension(name=name, expression=tree, place=at)
    return Source(
        relation=data["relation"],
        grain=data["grain"],
        key=tuple(data["key"]),
        arrival=data.get("arrival"),
        interval=interval,
        columns=columns,
        entities=entities,
        dimensions=dimensions,
        **builder.common(data),
    )


def _column(builder: Builder, name: str, columns: Map) -> Column:
    data: Map = columns[name]
    kind: str = data["type"]
    allowed = {"type", "nullable", "sensitivity", "description"}
    if kind in {"text", "integer"}:
        allowed.add("values")
    if kind in {"integer", "decimal", "double"}:
        allowed.add("range")
    if kind == "local":
        allowed |= {"zone", "twice", "missing"}
    for key in data:
        if key not in allowed:
            builder.refuse(
                COLUMN,
                data.keys_at[key],
                f"`{key}` means nothing on a column of type {kind}",
                "Remove it.",
            )
    if kind == "local":
        _local(builder, name, data)
    wanted = int if kind == "integer" else str
    for i, value in enumerate(data.get("values", ())):
        if "values" in allowed and not isinstance(value, wanted):
            fix = f'Put it in quotes: "{value}".' if kind == "text" else "Remove the quotes."
            builder.refuse(
                VALUE,
                data["values"].items_at[i],
                f"{value!r} is not a value of a column of type {kind}",
                fix,
            )
    low_high = data.get("range")
    if low_high and low_high[0] > low_high[1]:
        builder.refuse(
            VALUE,
            data.values_at["range"],
            f"range {low_high[0]} to {low_high[1]} holds no value",
            "Write the lower end first.",
        )
    return Column(
        name=name,
        type=kind,
        nullable=data.get("nullable", False),
        values=tuple(data.get("values", ())),
        range=(low_high[0], low_high[1]) if low_high else None,
        personal=data.get("sensitivity") == "personal",
        zone=data.get("zone"),
        twice=data.get("twice"),
        missing=data.get("missing"),
        description=data.get("description", ""),
        place=place_of(builder.path, columns.keys_at[name]),
    )


def _local(builder: Builder, name: str, data: Map) -> None:
    if "zone" not in data:
        builder.refuse(
            COLUMN,
            data.start,
            f"local column {name!r} has no `zone`",
            "Add `zone:`, the IANA zone whose clock it shows.",
        )
        return
    builder.zone(data, "zone")
    # A clock that never jumps has nothing to declare.
    if data["zone"] in {"UTC", "Etc/UTC"}:
        return
    for key, choice, why in (
        ("twice", "first or last", "In autumn the clock shows an hour twice."),
        ("missing", "error or forward", "In spring it leaves an hour out."),
    ):
        if key not in data:
            builder.refuse(COLUMN, data.start, f"local column {name!r} has no `{key}`", f"Add `{key}:` {choice}. {why}")
