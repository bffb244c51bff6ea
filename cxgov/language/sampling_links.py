"""A sampling rule against its sources, step by step, and a metric against the rule that it names."""

from typing import Final

from cxgov.language.diagnostics import Rule, listed, nearest
from cxgov.language.linking import Linker, Written
from cxgov.language.model import Aggregate, Column, Entity, Metric, Ratio, Sampling, Source
from cxgov.language.reader import Map
from cxgov.language.rules import (
    CONTACT,
    FRAME,
    NAME,
    ORDER,
    PERSONAL,
    SAMPLED,
    SELECTION,
    TYPE,
    UNIT_OF_SAMPLE,
    WEIGHTS,
)
from cxgov.language.typecheck import NUMERIC

# Cast to text, these look the same on every engine.
HASHED_TYPES: Final = frozenset({"text", "integer"})
_UNWEIGHTED: Final = frozenset({"count_distinct", "quantile"})
# A ratio is linear in its weights only where both of its parts are sums.
_UNWEIGHTED_IN_RATIOS: Final = _UNWEIGHTED | {"mean", "min", "max"}


def sampling(linker: Linker, written: Written[Sampling]) -> None:
    """Holds every step of a rule to the sources that it names."""
    rule, data = written.document, written.data
    source = linker.source_named(written, data)
    frame = linker.source_named(written, data["frame"]) if rule.frame else None
    invited = linker.source_named(written, data["invited"]) if rule.invited else None
    if frame and rule.frame:
        linker.condition(written, rule.frame.where, frame)
    if source is None:
        return
    unit = _role(linker, written, source, data, key="unit", rule=UNIT_OF_SAMPLE)
    if unit and frame:
        _frame(linker, written, source, unit, frame)
    if unit and rule.select and rule.select.method == "hash":
        _hashed(linker, written, source, unit)
    if invited:
        _contacts(linker, written, source, unit, invited)
    if rule.deduplicate:
        _order(linker, written, source)
    if rule.weights and rule.weights.column:
        _weight_column(linker, written, source, frame)
    if rule.weights and rule.weights.by:
        _cells(linker, written, source, unit, frame)


def sampled(linker: Linker, written: Written[Metric], identity: str) -> None:
    """Holds a metric to the rule that it names."""
    metric, data = written.document, written.data
    at = data.values_at["sampling"]
    rule = linker.samplings.get(identity)
    if metric.min_sample is not None:
        message = "`min_sample` beside `sampling`: the fewest rows would be said twice"
        linker.refuse(SAMPLED, written, data.keys_at["min_sample"], message, "Write `minimum:` in the sampling rule.")
    if rule is None:
        linker.missing(written, at, "sampling rule", identity, linker.samplings)
        return
    if rule.source != metric.source and rule.source in linker.sources:
        message = f"{identity!r} samples {rule.source}, and the metric measures {metric.source}"
        linker.refuse(SAMPLED, written, at, message, f"Name a sampling rule of {metric.source}.")
    if rule.weights:
        _weighted(linker, written, rule)
    if rule.invited and rule.responded is None:
        _after_invitation(linker, written, rule)


def _after_invitation(linker: Linker, written: Written[Metric], rule: Sampling) -> None:
    """Without `responded` it is the metric's own time that must not lie before the invitation."""
    metric, at = written.document, written.data.values_at["sampling"]
    assert rule.invited is not None
    source, sent = linker.sources.get(rule.source), linker.sources.get(rule.invited.source)
    if source is None or sent is None or metric.source != rule.source:
        return
    if metric.time is None:
        message = f"{rule.id!r} keeps rows from their invitation on, and {metric.id!r} has no `time`"
        linker.refuse(SAMPLED, written, at, message, f"Give the metric its `time:`, or {rule.id} its `responded:`.")
        return
    came, asked = source.columns.get(metric.time), sent.columns.get(rule.invited.time)
    if came and asked and (came.type, came.zone) != (asked.type, asked.zone):
        message = f"{source.id}.{came.name} is {_kind(came)}, {sent.id}.{asked.name} is {_kind(asked)}"
        linker.refuse(SAMPLED, written, at, message, "Name two times of one type and zone.")


def _weighted(linker: Linker, written: Written[Metric], rule: Sampling) -> None:
    measure, data = written.document.measure, written.data["measure"]
    parts: list[tuple[Aggregate, Map]] = []
    if isinstance(measure, Ratio):
        parts = [(measure.numerator, data["ratio"]["numerator"]), (measure.denominator, data["ratio"]["denominator"])]
    elif isinstance(measure, Aggregate):
        parts = [(measure, data)]
    refused = _UNWEIGHTED_IN_RATIOS if isinstance(measure, Ratio) else _UNWEIGHTED
    for part, its in parts:
        if part.function in refused:
            where = " inside a ratio" if isinstance(measure, Ratio) else ""
            message = f"{part.function}{where} has no weighted form, and {rule.id!r} has weights"
            fix = "Measure another form, or name a rule without `weights`."
            linker.refuse(SAMPLED, written, its.keys_at[part.function], message, fix)


def _role(
    linker: Linker, written: Written[Sampling], source: Source, data: Map, *, key: str = "by", rule: Rule = CONTACT
) -> Entity | None:
    role = data[key]
    entity = source.entities.get(role)
    if entity is None:
        message = f"{role!r} is no entity of {source.id}{nearest(role, source.entities)}"
        linker.refuse(rule, written, data.values_at[key], message, f"Its entities: {listed(source.entities)}.")
    return entity


def _home(entity: Entity, source: Source) -> str:
    """Id of the source where an entity lives."""
    return entity.source or source.id


def _frame(linker: Linker, written: Written[Sampling], source: Source, unit: Entity, frame: Source) -> None:
    at = written.data["frame"].values_at["source"]
    home = _home(unit, source)
    if home != frame.id:
        message = f"{unit.role!r} leads to {home}, and {frame.id} lists something else"
        linker.refuse(FRAME, written, at, message, f"Write `source: {home}`.")
    elif frame.interval:
        message = f"{frame.id} has an `interval`: who could be asked changes with time"
        linker.refuse(FRAME, written, at, message, "Name a source with one row a unit.")


def _hashed(linker: Linker, written: Written[Sampling], source: Source, unit: Entity) -> None:
    for name in unit.key:
        column = source.columns.get(name)
        if column and column.type not in HASHED_TYPES:
            message = f"key {name!r} of {unit.role!r} is of type {column.type}, which engines write in different ways"
            fix = "Draw a unit whose key is text or integer, or write `method: census`."
            linker.refuse(SELECTION, written, written.data["select"].values_at["method"], message, fix)


def _contacts(linker: Linker, written: Written[Sampling], source: Source, unit: Entity | None, invited: Source) -> None:
    rule, data = written.document, written.data
    by = _role(linker, written, invited, data["invited"])
    if unit and by and _home(by, invited) != _home(unit, source):
        its = f"{by.role!r} of {invited.id} leads to {_home(by, invited)}"
        message = f"{its}, the unit {unit.role!r} to {_home(unit, source)}"
        fix = f"Name the role in {invited.id} that leads to {_home(unit, source)}."
        linker.refuse(CONTACT, written, data["invited"].values_at["by"], message, fix)
    sent = _time(linker, written, invited, data["invited"])
    if rule.responded is None:
        return
    answer = _role(linker, written, source, data["responded"])
    if answer and _home(answer, source) != invited.id:
        message = f"{answer.role!r} leads to {_home(answer, source)}, and the invitations are rows of {invited.id}"
        fix = f"Name the role in {source.id} that leads to {invited.id}."
        linker.refuse(CONTACT, written, data["responded"].values_at["by"], message, fix)
    came = _time(linker, written, source, data["responded"])
    if sent and came and (sent.type, sent.zone) != (came.type, came.zone):
        message = f"{source.id}.{came.name} is {_kind(came)}, {invited.id}.{sent.name} is {_kind(sent)}"
        fix = "Name two times of one type and zone."
        linker.refuse(CONTACT, written, data["responded"].values_at["time"], message, fix)


def _time(linker: Linker, written: Written[Sampling], source: Source, data: Map) -> Column | None:
    name, at = data["time"], data.values_at["time"]
    times = [column.name for column in source.columns.values() if column.type in {"instant", "local"}]
    column = source.columns.get(name)
    if column is None:
        message = f"{source.id} has no column {name!r}{nearest(name, times)}"
        linker.refuse(NAME, written, at, message, f"Its times: {listed(times)}.")
        return None
    if name not in times:
        message = f"`time` is {name}, a column of type {column.type}; expected instant or local"
        linker.refuse(TYPE, written, at, message, f"Times of {source.id}: {listed(times)}.")
        return None
    if column.nullable:
        message = f"{source.id}.{name} can be NULL, and a row without a time is neither in the window nor out of it"
        linker.refuse(CONTACT, written, at, message, "Name a time that every row has.")
    return column


def _kind(column: Column) -> str:
    return f"local time of {column.zone}" if column.zone else f"of type {column.type}"


def _order(linker: Linker, written: Written[Sampling], source: Source) -> None:
    data = written.data["deduplicate"]
    names: list[str] = data["order"]
    for i, name in enumerate(names):
        at = data["order"].items_at[i]
        column = source.columns.get(name)
        if column is None:
            message = f"{source.id} has no column {name!r}{nearest(name, source.columns)}"
            linker.refuse(NAME, written, at, message, f"Its columns: {listed(source.columns, 30)}.")
        elif column.nullable:
            message = f"{name!r} can be NULL, and NULL has no place in an order"
            linker.refuse(ORDER, written, at, message, "Order by a column that every row has.")
    missing = [name for name in source.key if name not in names]
    if missing:
        message = f"two rows of {source.id} can be equal in {listed(names)}, and either could be kept"
        fix = f"Add the rest of its key: {listed(missing)}."
        linker.refuse(ORDER, written, data.values_at["order"], message, fix)


def _weight_column(linker: Linker, written: Written[Sampling], source: Source, frame: Source | None) -> None:
    data = written.data["weights"]
    method, name, at = data["method"], data["column"], data.values_at["column"]
    if method == "value" and "frame" in written.data:
        if frame is None:
            return
        source = frame
    numeric = [column.name for column in source.columns.values() if column.type in NUMERIC]
    if name not in source.columns:
        message = f"{source.id} has no column {name!r}{nearest(name, numeric)}"
        linker.refuse(NAME, written, at, message, f"Its numbers: {listed(numeric)}.")
    elif source.columns[name].personal:
        message = f"weight {source.id}.{name} is personal, and a count of weights would show it"
        linker.refuse(PERSONAL, written, at, message, "Weigh by a column that is not a person's own.")
    elif name not in numeric:
        message = f"weight {source.id}.{name} is of type {source.columns[name].type}; expected a number"
        linker.refuse(WEIGHTS, written, at, message, f"Numbers of {source.id}: {listed(numeric)}.")


def _cells(
    linker: Linker, written: Written[Sampling], source: Source, unit: Entity | None, frame: Source | None
) -> None:
    rule, data = written.document, written.data["weights"]
    for i, name in enumerate(data["by"] if frame else ()):
        if frame and name not in frame.dimensions:
            message = f"{frame.id} has no dimension {name!r}{nearest(name, frame.dimensions)}"
            fix = f"Its dimensions: {listed(frame.dimensions)}."
            linker.refuse(WEIGHTS, written, data["by"].items_at[i], message, fix)
    single = unit is None or (unit.source is None and source.interval is None)
    if rule.deduplicate is None and not single:
        message = f"a unit can have several rows of {source.id}, and a cell counts each of its units once"
        fix = "Add `deduplicate:`, which keeps one row a unit."
        linker.refuse(WEIGHTS, written, data.values_at["method"], message, fix)
