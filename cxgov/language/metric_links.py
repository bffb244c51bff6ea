"""A metric against what it refers to: its source and its sampling rule, or the metrics that it is derived from."""

from collections.abc import Mapping
from typing import Final

from cxgov.language.diagnostics import listed, nearest
from cxgov.language.expressions import Expr, ExpressionError, names, start
from cxgov.language.lifecycle import instead
from cxgov.language.lifecycle_links import lifecycle
from cxgov.language.linking import KEY_TYPES, SCALED_UNITS, TIME_UNITS, Linker, Written
from cxgov.language.model import Aggregate, Derived, Measure, Metric, NetShare, Ratio, Share, Source
from cxgov.language.paths import NoSource, PathError, route
from cxgov.language.rules import (
    CYCLE,
    DEPRECATED,
    DRAFT_INSIDE,
    MEASURE,
    NAME,
    NO_DESCRIPTION,
    PATH,
    RETIRED,
    TYPE,
    UNIT,
    UNKNOWN,
)
from cxgov.language.sampling_links import sampled
from cxgov.language.scopes import known_not_null
from cxgov.language.typecheck import NUMERIC, Named, Type, infer

MAX_LEVELS: Final = 50
MAX_OPERATIONS: Final = 2_000
_NUMBER: Final = Named(Type("double", nullable=True))


def metric(linker: Linker, written: Written[Metric]) -> None:
    """Holds a metric to its source: names, types, unit, the paths of its dimensions; or to its parts."""
    metric, data = written.document, written.data
    if metric.status != "draft" and not metric.description:
        message = f"{metric.status} metric {metric.id!r} has no description"
        linker.refuse(NO_DESCRIPTION, written, data.values_at["id"], message)
    if metric.status != "certified" or metric.deprecated is not None:
        lifecycle(linker, written)
    if isinstance(metric.measure, Derived):
        _derived(linker, written, metric.measure)
        return
    if metric.source is None:
        linker.refuse(
            MEASURE,
            written,
            data.keys_at["measure"],
            "the metric names no source",
            "Add `source:` with the id of a source.",
        )
        return
    source = linker.source_named(written, data)
    if source is None:
        return
    if metric.time is not None:
        _time(linker, written, source, metric.time)
    linker.condition(written, metric.where, source)
    linker.condition(written, metric.valid, source)
    if metric.sampling is not None:
        sampled(linker, written, metric.sampling)
    kind = _measure(linker, written, metric.measure, source)
    if kind is not None:
        _unit(linker, written, kind)
    for i, path in enumerate(metric.dimensions):
        if (source.id, path) in linker.reached:
            continue
        try:
            route(path, source, linker.sources)
            linker.reached.add((source.id, path))
        except NoSource:
            continue  # said where the entity is declared, or in the source itself
        except PathError as error:
            linker.refuse(PATH, written, data["dimensions"].items_at[i], str(error), error.fix)


def _time(linker: Linker, written: Written[Metric], source: Source, name: str) -> None:
    at = written.data.values_at["time"]
    times = [column.name for column in source.columns.values() if column.type in {"instant", "local"}]
    if name not in source.columns:
        message = f"{source.id} has no column {name!r}{nearest(name, times)}"
        linker.refuse(NAME, written, at, message, f"Its times: {listed(times)}.")
    elif name not in times:
        message = f"`time` is {name}, a column of type {source.columns[name].type}; expected instant or local"
        linker.refuse(TYPE, written, at, message, f"Times of {source.id}: {listed(times)}.")


def _measure(linker: Linker, written: Written[Metric], measure: Measure, source: Source) -> str | None:
    """Kind of the value: ``share``, ``ratio``, ``duration`` or ``number``; None after a problem."""
    metric = written.document
    if isinstance(measure, Share | NetShare):
        linker.condition(written, measure.among, source, lambda: known_not_null(metric))
        parts = [measure.of] if isinstance(measure, Share) else [measure.plus, measure.minus]
        kinds = [
            linker.condition(written, part, source, lambda: known_not_null(metric, measure.among)) for part in parts
        ]
        if measure.unknown is None and _is_whole(written, measure):
            for part, kind in zip(parts, kinds, strict=True):
                if kind is not None and kind.nullable:
                    _never_null(linker, written, part, linker.scopes[source.id], known_not_null(metric, measure.among))
        return "share" if all(kinds) else None
    if isinstance(measure, Ratio):
        above = _aggregate(linker, written, measure.numerator, source)
        below = _aggregate(linker, written, measure.denominator, source)
        if above is None or below is None:
            return None
        if below == "duration" and above != "duration":
            message = "a ratio over a duration has no unit of time to be taken in"
            fix = "Turn it over: the duration above, the count below, with a unit of time."
            linker.refuse(UNIT, written, written.data["measure"]["ratio"].keys_at["denominator"], message, fix)
            return None
        return "duration" if (above, below) == ("duration", "number") else "ratio"
    assert isinstance(measure, Aggregate)
    return _aggregate(linker, written, measure, source)


def _never_null(
    linker: Linker, written: Written[Metric], part: Expr, scope: Mapping[str, Named], known: frozenset[str]
) -> None:
    """Refuses a predicate that can be NULL on rows of the population, where nothing says what that means."""
    if infer(part, scope, known).nullable:
        text = written.builder.written[id(part)][1]
        error = ExpressionError(f"`{text}` can be NULL and `unknown` is missing", start(part))
        linker.refuse_inside(UNKNOWN, written, part, error)


def _aggregate(linker: Linker, written: Written[Metric], aggregate: Aggregate, source: Source) -> str | None:
    metric = written.document
    linker.condition(written, aggregate.where, source, lambda: known_not_null(metric))
    of, scope = aggregate.of, linker.scopes[source.id]
    if of is None:
        return "number"
    if aggregate.function == "count_distinct" and of.op == "name" and of.value in source.entities:
        return "number"
    if aggregate.function == "count_distinct" and of.op == "name" and of.value not in scope:
        known = [*source.entities, *scope]
        message = f"{source.id} has no entity or column {of.value!r}{nearest(str(of.value), known)}"
        error = ExpressionError(message, of.at, f"Its entities: {listed(source.entities)}.")
        linker.refuse_inside(NAME, written, of, error)
        return None
    so_far = len(linker.problems)
    linker.no_inner_condition(written, of, source)
    conditional = len(linker.problems) > so_far
    kind = linker.type_of(written, of, scope, lambda: known_not_null(metric, aggregate.where))
    if kind is None:
        return None
    if aggregate.function == "count_distinct":
        if kind.name not in KEY_TYPES:
            error = ExpressionError(
                f"a {kind} is not counted distinctly: two engines may see it as two values",
                of.at,
                "Count a key of text, integer, decimal, boolean or date.",
            )
            linker.refuse_inside(TYPE, written, of, error)
            return None
        return "number"
    if kind.name not in {*NUMERIC, "duration"}:
        fix = "Count the rows where it is true: count: rows, with a `where`." if kind.name == "boolean" else ""
        error = ExpressionError(f"{aggregate.function} takes a number or a duration, found {kind}", of.at, fix)
        linker.refuse_inside(TYPE, written, of, error)
        return None
    if not conditional:
        # Over one row every aggregate is the value itself.
        linker.not_personal(written, of, of, linker.private[source.id], f"{aggregate.function} of {metric.id!r} shows")
    return "duration" if kind.name == "duration" else "number"


def _unit(linker: Linker, written: Written[Metric], kind: str) -> None:
    unit, at = written.document.unit, written.data.values_at["unit"]
    if kind == "duration" and unit not in TIME_UNITS:
        linker.refuse(UNIT, written, at, f"a duration has unit {unit!r}", f"Write one of: {listed(TIME_UNITS)}.")
    if kind == "number" and unit in SCALED_UNITS:
        message = f"unit {unit!r} would multiply the {written.document.measure.function} by 100"  # type: ignore[union-attr]
        linker.refuse(UNIT, written, at, message, "Write what is counted, e.g. `tickets` or `scale points`.")
    if kind == "share" and unit in TIME_UNITS:
        linker.refuse(UNIT, written, at, f"a share has unit {unit!r}", "Write percent, points or share.")


def _derived(linker: Linker, written: Written[Metric], measure: Derived) -> None:
    metric, data = written.document, written.data
    for key in ("source", "time", "sampling", "where", "valid"):
        if key in data:
            linker.refuse(
                MEASURE,
                written,
                data.keys_at[key],
                f"`{key}` means nothing to a derived metric",
                "Remove it; the parts have their own.",
            )
    scope = dict.fromkeys((*linker.metrics, *linker.broken), _NUMBER)
    kind = linker.type_of(written, measure.of, scope)
    if kind is None:
        return
    if kind.name not in NUMERIC:
        linker.refuse_inside(
            TYPE,
            written,
            measure.of,
            ExpressionError(f"a derived metric is a number, found {kind}", measure.of.at),
        )
    _scaled_once(linker, written, measure.of)
    used = names(measure.of)
    if not used:
        error = ExpressionError(
            "a derived metric names no metric", measure.of.at, "Write an expression over metric ids."
        )
        linker.refuse_inside(MEASURE, written, measure.of, error)
    if not any(_cycle(linker, part, metric.id) for part in used) and _size(linker, metric.id) > MAX_OPERATIONS:
        message = f"derived over more than {MAX_LEVELS} levels or {MAX_OPERATIONS:,} operations"
        linker.refuse_inside(MEASURE, written, measure.of, ExpressionError(message, 0, "Derive from fewer metrics."))
    for part, at in used.items():
        if part not in linker.metrics:
            continue
        cycle = _cycle(linker, part, metric.id)
        if cycle:
            linker.refuse_inside(CYCLE, written, measure.of, ExpressionError(f"{' -> '.join([metric.id, *cycle])}", at))
            return
        _part_stands(linker, written, measure.of, linker.metrics[part], at)
        for i, path in enumerate(metric.dimensions):
            if path not in linker.metrics[part].dimensions:
                message = f"{part!r} has no dimension {path!r}{nearest(path, linker.metrics[part].dimensions)}"
                linker.refuse(
                    PATH,
                    written,
                    data["dimensions"].items_at[i],
                    message,
                    f"Its dimensions: {listed(linker.metrics[part].dimensions)}.",
                )


def _part_stands(linker: Linker, written: Written[Metric], tree: Expr, part: Metric, at: int) -> None:
    """Holds the status of a part to that of the metric: what answers needs parts that do."""
    metric = written.document
    if metric.answers and part.status == "draft":
        linker.refuse_inside(DRAFT_INSIDE, written, tree, ExpressionError(f"{part.id!r} is a draft", at))
    elif metric.status != "retired" and part.status == "retired":
        linker.refuse_inside(RETIRED, written, tree, ExpressionError(f"{part.id!r} is retired", at))
    elif metric.status in {"draft", "certified"} and part.status == "deprecated":
        error = ExpressionError(f"{part.id!r} is deprecated", at, f"{instead(linker.metrics, part).capitalize()}.")
        linker.refuse_inside(DEPRECATED, written, tree, error)


def _scaled_once(linker: Linker, written: Written[Metric], tree: Expr) -> None:
    """Refuses a scale of 100 over parts none of which is a fraction, and that are not divided either."""
    parts = [linker.metrics[name] for name in names(tree) if name in linker.metrics]
    fractions = any(part.unit in SCALED_UNITS for part in parts)
    if written.document.unit in SCALED_UNITS and parts and not fractions and not _divides(tree):
        message = f"unit {written.document.unit!r} would multiply plain numbers by 100"
        fix = "Write the unit of the parts."
        linker.refuse(UNIT, written, written.data.values_at["unit"], message, fix)


def _size(linker: Linker, identity: str, level: int = 0) -> int:
    """How many operations a metric has, with those of the metrics that it is derived from; at most too many."""
    metric = linker.metrics.get(identity)
    if metric is None or not isinstance(metric.measure, Derived):
        return 1
    if level > MAX_LEVELS:
        return MAX_OPERATIONS + 1
    if identity not in linker.sizes:
        parts = [_size(linker, part, level + 1) for part in _uses(metric.measure.of)]
        linker.sizes[identity] = min(sum(parts) + len(parts), MAX_OPERATIONS + 1)
    return linker.sizes[identity]


def _cycle(linker: Linker, start: str, goal: str) -> list[str]:
    """The way from one metric to another over what they are derived from, or nothing."""
    stack, seen = [[start]], {start}
    while stack:
        way = stack.pop()
        if way[-1] == goal:
            return way
        metric = linker.metrics.get(way[-1])
        if metric is not None and isinstance(metric.measure, Derived):
            for part in names(metric.measure.of):
                if part == goal or part not in seen:
                    seen.add(part)
                    stack.append([*way, part])
    return []


def _is_whole(written: Written[Metric], measure: Share | NetShare) -> bool:
    """Whether every predicate that may say what is not NULL could be read."""
    metric, data = written.document, written.data
    body = data["measure"]["share" if isinstance(measure, Share) else "net_share"]
    predicates = (("where", data, metric.where), ("valid", data, metric.valid), ("among", body, measure.among))
    return all(tree is not None or key not in written_in for key, written_in, tree in predicates)


def _divides(tree: Expr) -> bool:
    return tree.op == "/" or any(map(_divides, tree.args))


def _uses(tree: Expr) -> list[str]:
    """The names of an expression, each as often as it stands there."""
    if tree.op in {"name", "path"}:
        return [str(tree.value)]
    return [name for arg in tree.args for name in _uses(arg)]
