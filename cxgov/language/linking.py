"""What documents say of each other: references, types of expressions, paths of dimensions, units.

Each check looks at one document and at what it refers to, so a document's problems depend on nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from cxgov.language.building import Builder, locate
from cxgov.language.diagnostics import Diagnostic, Rule, listed, nearest
from cxgov.language.expressions import Expr, ExpressionError, names, start
from cxgov.language.model import (
    Aggregate,
    Calendar,
    Derived,
    Document,
    Measure,
    Metric,
    NetShare,
    Ratio,
    Settings,
    Share,
    Source,
)
from cxgov.language.paths import NoSource, PathError, route
from cxgov.language.reader import Map, Mark, place_of
from cxgov.language.rules import (
    CYCLE,
    DRAFT_INSIDE,
    ENTITY,
    MEASURE,
    NAME,
    NO_DESCRIPTION,
    PATH,
    PERSONAL,
    REFERENCE,
    SHADOW,
    TYPE,
    UNIT,
    UNKNOWN,
    VALUE,
)
from cxgov.language.scopes import column_scope, known_not_null, source_scope
from cxgov.language.typecheck import NUMERIC, Named, Type, TypeMismatch, UnknownName, UnknownValue, infer

TIME_UNITS: Final = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
SCALED_UNITS: Final = frozenset({"percent", "points"})
MAX_LEVELS: Final = 50
MAX_OPERATIONS: Final = 2_000
KEY_TYPES: Final = frozenset({"text", "integer", "date", "boolean", "decimal"})
DIMENSION_TYPES: Final = frozenset({"text", "integer", "boolean", "date"})
_NUMBER: Final = Named(Type("double", nullable=True))

D = TypeVar("D", bound=Document)
Known = Callable[[], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Written(Generic[D]):
    """A built document with the data and the text that it was built from."""

    document: D
    data: Map
    builder: Builder


class Linker:
    """Checks documents against those that it knows; every problem goes to ``problems``."""

    def __init__(self) -> None:
        self.calendars: dict[str, Calendar] = {}
        self.sources: dict[str, Source] = {}
        self.metrics: dict[str, Metric] = {}
        # Ids of documents with problems of their own: a reference to one is no second problem.
        self.broken: set[str] = set()
        self.scopes: dict[str, dict[str, Named]] = {}
        self.reached: set[tuple[str, str]] = set()
        self.sizes: dict[str, int] = {}
        self.problems: list[Diagnostic] = []

    def add_source(self, source: Source) -> None:
        """Makes a source known to the documents that refer to it."""
        self.sources[source.id] = source
        self.scopes[source.id] = source_scope(source)

    def refuse(self, rule: Rule, written: "Written[D]", at: Mark, message: str, fix: str = "") -> None:
        place = place_of(written.builder.path, at)
        self.problems.append(Diagnostic(rule=rule, message=message, place=place, fix=fix))

    def type_of(
        self, written: "Written[D]", tree: Expr | None, scope: Mapping[str, Named], known: Known | None = None
    ) -> Type | None:
        """Type of an expression; None, and a problem with its place, where it has none.

        What is known not to be NULL is asked for only where the expression has no type without it.
        """
        if tree is None:
            return None
        try:
            try:
                return infer(tree, scope)
            except TypeMismatch:
                if known is None:
                    raise
                return infer(tree, scope, known())
        except ExpressionError as error:
            rule = NAME if isinstance(error, UnknownName) else VALUE if isinstance(error, UnknownValue) else TYPE
            self.refuse_inside(rule, written, tree, error)
            return None

    def refuse_inside(self, rule: Rule, written: "Written[D]", tree: Expr, error: ExpressionError) -> None:
        at, text = written.builder.written[id(tree)]
        place = locate(written.builder.path, written.builder.text, at, text, error.at)
        self.problems.append(Diagnostic(rule=rule, message=str(error), place=place, fix=error.fix))

    def boolean(
        self, written: "Written[D]", tree: Expr | None, scope: Mapping[str, Named], known: Known | None = None
    ) -> Type | None:
        kind = self.type_of(written, tree, scope, known)
        if tree is not None and kind is not None and kind.name != "boolean":
            error = ExpressionError(f"{kind} stands where a condition is expected", tree.at)
            self.refuse_inside(TYPE, written, tree, error)
            return None
        return kind

    # --- Registry ---

    def settings(self, written: Written[Settings]) -> None:
        wanted = written.document.calendar
        if wanted not in self.calendars and wanted not in self.broken:
            message = f"calendar {wanted!r} does not exist{nearest(wanted, self.calendars)}"
            self.refuse(
                REFERENCE,
                written,
                written.data.values_at["calendar"],
                message,
                f"Calendars: {listed(self.calendars)}.",
            )

    # --- Source ---

    def source(self, written: Written[Source]) -> None:
        source, data = written.document, written.data
        scope = column_scope(source)
        for name, dimension in source.dimensions.items():
            at = data["dimensions"].keys_at[name]
            tree = dimension.expression
            if name in source.columns and not (tree.op == "name" and tree.value == name):
                self.refuse(SHADOW, written, at, f"dimension {name!r} hides the column {name!r}")
                continue
            kind = self.type_of(written, tree, scope)
            if kind is not None and kind.name not in DIMENSION_TYPES:
                fix = "Make it text, integer, boolean or date; bucket numbers with case."
                self.refuse(
                    TYPE, written, data["dimensions"].values_at[name], f"dimension {name!r} is of type {kind}", fix
                )
            self.not_personal(written, tree, source, f"dimension {name!r}")
        for role in source.entities:
            self.entity(written, role)

    def entity(self, written: Written[Source], role: str) -> None:
        source, entity = written.document, written.document.entities[role]
        at = written.data["entities"].keys_at[role]
        if role in source.columns and entity.key != (role,):
            self.refuse(SHADOW, written, at, f"entity {role!r} hides the column {role!r}")
        if entity.source is None:
            if source.interval is None and set(entity.key) != set(source.key):
                keys = f"its key ({listed(entity.key)}) is not the source's ({listed(source.key)})"
                message = f"{role!r} is {source.id}'s own entity, but {keys}"
                fix = "Make the keys the same, name the entity's `source:`, or give the source its `interval:`."
                self.refuse(ENTITY, written, at, message, fix)
            return
        mark = written.data["entities"][role].values_at["source"]
        target = self.sources.get(entity.source)
        if target is None:
            if entity.source in self.broken:
                return
            message = f"source {entity.source!r} does not exist{nearest(entity.source, self.sources)}"
            self.refuse(REFERENCE, written, mark, message, f"Sources: {listed(self.sources)}.")
            return
        own = target.own_entity
        if own is None:
            message = f"{target.id} has not exactly one entity of its own for {role!r} to be"
            self.refuse(ENTITY, written, mark, message, f"Declare one entity without `source:` in {target.id}.")
        elif len(own.key) != len(entity.key):
            message = f"{role!r} has a key of {len(entity.key)} columns, {target.id}.{own.role} one of {len(own.key)}"
            self.refuse(ENTITY, written, mark, message, f"Its key there: {listed(own.key)}.")
        else:
            for here, there in zip(entity.key, own.key, strict=True):
                if here in source.columns and there in target.columns:
                    mine, its = source.columns[here].type, target.columns[there].type
                    if mine != its:
                        message = f"{source.id}.{here} is {mine}, {target.id}.{there} is {its}: the two never match"
                        self.refuse(ENTITY, written, mark, message, "Give both columns one type.")

    def not_personal(self, written: "Written[D]", tree: Expr, source: Source, what: str) -> None:
        for name in names(tree):
            column = source.columns.get(name)
            if column is None and name in source.dimensions:
                self.not_personal_column(written, tree, source, name, what)
            elif column is not None and column.personal:
                error = ExpressionError(f"{what} shows the personal column {name!r}", names(tree)[name])
                self.refuse_inside(PERSONAL, written, tree, error)

    def not_personal_column(self, written: "Written[D]", tree: Expr, source: Source, name: str, what: str) -> None:
        for inner in names(source.dimensions[name].expression):
            if inner in source.columns and source.columns[inner].personal:
                error = ExpressionError(f"{what} shows the personal column {inner!r}", names(tree)[name])
                self.refuse_inside(PERSONAL, written, tree, error)

    # --- Metric ---

    def metric(self, written: Written[Metric]) -> None:
        metric, data = written.document, written.data
        if metric.status == "certified" and not metric.description:
            self.refuse(
                NO_DESCRIPTION,
                written,
                data.values_at["id"],
                f"certified metric {metric.id!r} has no description",
            )
        if isinstance(metric.measure, Derived):
            self.derived(written, metric.measure)
            return
        if metric.source is None:
            self.refuse(
                MEASURE,
                written,
                data.keys_at["measure"],
                "the metric names no source",
                "Add `source:` with the id of a source.",
            )
            return
        source = self.sources.get(metric.source)
        if source is None:
            if metric.source in self.broken:
                return
            message = f"source {metric.source!r} does not exist{nearest(metric.source, self.sources)}"
            self.refuse(REFERENCE, written, data.values_at["source"], message, f"Sources: {listed(self.sources)}.")
            return
        scope = self.scopes[source.id]
        if metric.time is not None:
            self.time(written, source, metric.time)
        self.boolean(written, metric.where, scope)
        self.boolean(written, metric.valid, scope)
        kind = self.measure(written, metric.measure, source, scope)
        if kind is not None:
            self.unit(written, kind)
        for i, path in enumerate(metric.dimensions):
            if (source.id, path) in self.reached:
                continue
            try:
                route(path, source, self.sources)
                self.reached.add((source.id, path))
            except NoSource:
                continue  # said where the entity is declared, or in the source itself
            except PathError as error:
                self.refuse(PATH, written, data["dimensions"].items_at[i], str(error), error.fix)

    def time(self, written: Written[Metric], source: Source, name: str) -> None:
        at = written.data.values_at["time"]
        times = [column.name for column in source.columns.values() if column.type in {"instant", "local"}]
        if name not in source.columns:
            message = f"{source.id} has no column {name!r}{nearest(name, times)}"
            self.refuse(NAME, written, at, message, f"Its times: {listed(times)}.")
        elif name not in times:
            message = f"`time` is {name}, a column of type {source.columns[name].type}; expected instant or local"
            self.refuse(TYPE, written, at, message, f"Times of {source.id}: {listed(times)}.")

    def measure(
        self, written: Written[Metric], measure: Measure, source: Source, scope: Mapping[str, Named]
    ) -> str | None:
        """Kind of the value: ``share``, ``ratio``, ``duration`` or ``number``; None after a problem."""
        metric = written.document
        if isinstance(measure, Share | NetShare):
            self.boolean(written, measure.among, scope, lambda: known_not_null(metric))
            parts = [measure.of] if isinstance(measure, Share) else [measure.plus, measure.minus]
            kinds = [
                self.boolean(written, part, scope, lambda: known_not_null(metric, measure.among)) for part in parts
            ]
            if measure.unknown is None and _is_whole(written, measure):
                for part, kind in zip(parts, kinds, strict=True):
                    if kind is not None and kind.nullable:
                        self.never_null(written, part, scope, known_not_null(metric, measure.among))
            return "share" if all(kinds) else None
        if isinstance(measure, Ratio):
            above = self.aggregate(written, measure.numerator, source, scope)
            below = self.aggregate(written, measure.denominator, source, scope)
            if above is None or below is None:
                return None
            if below == "duration" and above != "duration":
                message = "a ratio over a duration has no unit of time to be taken in"
                fix = "Turn it over: the duration above, the count below, with a unit of time."
                self.refuse(UNIT, written, written.data["measure"]["ratio"].keys_at["denominator"], message, fix)
                return None
            return "duration" if (above, below) == ("duration", "number") else "ratio"
        assert isinstance(measure, Aggregate)
        return self.aggregate(written, measure, source, scope)

    def never_null(
        self, written: Written[Metric], part: Expr, scope: Mapping[str, Named], known: frozenset[str]
    ) -> None:
        """Refuses a predicate that can be NULL on rows of the population, where nothing says what that means."""
        if infer(part, scope, known).nullable:
            text = written.builder.written[id(part)][1]
            error = ExpressionError(f"`{text}` can be NULL and `unknown` is missing", start(part))
            self.refuse_inside(UNKNOWN, written, part, error)

    def aggregate(
        self, written: Written[Metric], aggregate: Aggregate, source: Source, scope: Mapping[str, Named]
    ) -> str | None:
        metric = written.document
        self.boolean(written, aggregate.where, scope, lambda: known_not_null(metric))
        of = aggregate.of
        if of is None:
            return "number"
        if aggregate.function == "count_distinct" and of.op == "name" and of.value in source.entities:
            return "number"
        if aggregate.function == "count_distinct" and of.op == "name" and of.value not in scope:
            known = [*source.entities, *scope]
            message = f"{source.id} has no entity or column {of.value!r}{nearest(str(of.value), known)}"
            error = ExpressionError(message, of.at, f"Its entities: {listed(source.entities)}.")
            self.refuse_inside(NAME, written, of, error)
            return None
        kind = self.type_of(written, of, scope, lambda: known_not_null(metric, aggregate.where))
        if kind is None:
            return None
        if aggregate.function == "count_distinct":
            if kind.name not in KEY_TYPES:
                error = ExpressionError(
                    f"a {kind} is not counted distinctly: two engines may see it as two values",
                    of.at,
                    "Count a key of text, integer, decimal, boolean or date.",
                )
                self.refuse_inside(TYPE, written, of, error)
                return None
            return "number"
        if kind.name not in {*NUMERIC, "duration"}:
            fix = "Count the rows where it is true: count: rows, with a `where`." if kind.name == "boolean" else ""
            error = ExpressionError(f"{aggregate.function} takes a number or a duration, found {kind}", of.at, fix)
            self.refuse_inside(TYPE, written, of, error)
            return None
        if aggregate.function in {"min", "max", "quantile"}:
            self.not_personal(written, of, source, f"{aggregate.function} of {written.document.id!r}")
        return "duration" if kind.name == "duration" else "number"

    def unit(self, written: Written[Metric], kind: str) -> None:
        unit, at = written.document.unit, written.data.values_at["unit"]
        if kind == "duration" and unit not in TIME_UNITS:
            self.refuse(UNIT, written, at, f"a duration has unit {unit!r}", f"Write one of: {listed(TIME_UNITS)}.")
        if kind == "number" and unit in SCALED_UNITS:
            message = f"unit {unit!r} would multiply the {written.document.measure.function} by 100"  # type: ignore[union-attr]
            self.refuse(UNIT, written, at, message, "Write what is counted, e.g. `tickets` or `scale points`.")
        if kind == "share" and unit in TIME_UNITS:
            self.refuse(UNIT, written, at, f"a share has unit {unit!r}", "Write percent, points or share.")

    def derived(self, written: Written[Metric], measure: Derived) -> None:
        metric, data = written.document, written.data
        for key in ("source", "time", "where", "valid"):
            if key in data:
                self.refuse(
                    MEASURE,
                    written,
                    data.keys_at[key],
                    f"`{key}` means nothing to a derived metric",
                    "Remove it; the parts have their own.",
                )
        scope = dict.fromkeys((*self.metrics, *self.broken), _NUMBER)
        kind = self.type_of(written, measure.of, scope)
        if kind is None:
            return
        if kind.name not in NUMERIC:
            self.refuse_inside(
                TYPE,
                written,
                measure.of,
                ExpressionError(f"a derived metric is a number, found {kind}", measure.of.at),
            )
        self.scaled_once(written, measure.of)
        used = names(measure.of)
        if not used:
            error = ExpressionError(
                "a derived metric names no metric", measure.of.at, "Write an expression over metric ids."
            )
            self.refuse_inside(MEASURE, written, measure.of, error)
        if not any(self.cycle(part, metric.id) for part in used) and self.size(metric.id) > MAX_OPERATIONS:
            message = f"derived over more than {MAX_LEVELS} levels or {MAX_OPERATIONS:,} operations"
            self.refuse_inside(MEASURE, written, measure.of, ExpressionError(message, 0, "Derive from fewer metrics."))
        for part, at in used.items():
            if part not in self.metrics:
                continue
            cycle = self.cycle(part, metric.id)
            if cycle:
                self.refuse_inside(
                    CYCLE, written, measure.of, ExpressionError(f"{' -> '.join([metric.id, *cycle])}", at)
                )
                return
            if metric.status == "certified" and self.metrics[part].status == "draft":
                self.refuse_inside(DRAFT_INSIDE, written, measure.of, ExpressionError(f"{part!r} is a draft", at))
            for i, path in enumerate(metric.dimensions):
                if path not in self.metrics[part].dimensions:
                    message = f"{part!r} has no dimension {path!r}{nearest(path, self.metrics[part].dimensions)}"
                    self.refuse(
                        PATH,
                        written,
                        data["dimensions"].items_at[i],
                        message,
                        f"Its dimensions: {listed(self.metrics[part].dimensions)}.",
                    )

    def scaled_once(self, written: Written[Metric], tree: Expr) -> None:
        """Refuses a scale of 100 over parts none of which is a fraction, and that are not divided either."""
        parts = [self.metrics[name] for name in names(tree) if name in self.metrics]
        fractions = any(part.unit in SCALED_UNITS for part in parts)
        if written.document.unit in SCALED_UNITS and parts and not fractions and not _divides(tree):
            message = f"unit {written.document.unit!r} would multiply plain numbers by 100"
            fix = "Write the unit of the parts."
            self.refuse(UNIT, written, written.data.values_at["unit"], message, fix)

    def size(self, identity: str, level: int = 0) -> int:
        """How many operations a metric has, with those of the metrics that it is derived from; at most too many."""
        metric = self.metrics.get(identity)
        if metric is None or not isinstance(metric.measure, Derived):
            return 1
        if level > MAX_LEVELS:
            return MAX_OPERATIONS + 1
        if identity not in self.sizes:
            parts = [self.size(part, level + 1) for part in _uses(metric.measure.of)]
            self.sizes[identity] = min(sum(parts) + len(parts), MAX_OPERATIONS + 1)
        return self.sizes[identity]

    def cycle(self, start: str, goal: str) -> list[str]:
        """The way from one metric to another over what they are derived from, or nothing."""
        stack, seen = [[start]], {start}
        while stack:
            way = stack.pop()
            if way[-1] == goal:
                return way
            metric = self.metrics.get(way[-1])
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
