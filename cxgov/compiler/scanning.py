"""The metrics of a question to the scans of their rows.

Metrics on one source and event time share one scan; what differs between them stands in the conditions of their
components, so a value never depends on which other metrics are asked beside it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from cxgov.compiler.chains import chain, exclusions_of, left_in
from cxgov.compiler.clock import Shift, arrived_before, bound, day_start, missing_ranges, repeats_midnight, shifts
from cxgov.compiler.measures import conditions, disclosed, measured, moment_roles, spread, weighted
from cxgov.compiler.outputs import Placed
from cxgov.compiler.periods import Bucket, Period
from cxgov.compiler.plan import Chain, Component, Linear, Moments, Scan, Split, Table
from cxgov.compiler.query import Refused
from cxgov.language.expressions import Expr, ExpressionError, canonical, names, write
from cxgov.language.model import Column, Metric, Overlay, Registry, Sampling, Source
from cxgov.language.paths import Hop, PathError, Route, route
from cxgov.language.scopes import column_scope, inlined, source_scope
from cxgov.language.typecheck import Named, infer

_LONGEST: Final = 55
# A chain's name begins those of its tables, of which the longest ends in `_one_per_unit`.
_CHAIN: Final = 46
_PREFIX: Final = 40
# Since when the zones' rules are reliable, and until when they are known.
_CLOCKS: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a question asks of every scan.

    ``selection`` is its filter and ``paths`` the dimensions in it; ``unexcepted`` are ids of metrics that are asked
    as if no exception named them; ``stepwise`` and ``by_unit`` are as in ``plan``.
    """

    by: tuple[str, ...]
    grain: str | None
    selection: Expr | None
    paths: tuple[str, ...]
    period: Period | None
    as_of: datetime | None
    buckets: tuple[Bucket, ...]
    unexcepted: frozenset[str]
    overlay: Overlay | None
    full: bool
    stepwise: bool
    by_unit: bool


@dataclass(slots=True)
class _Draft:
    """A scan that is being filled."""

    source: Source
    time: Column | None
    name: str
    components: dict[str, Component] = field(default_factory=dict)
    columns: dict[Component, str] = field(default_factory=dict)
    tables: dict[tuple[Hop, ...], Table] = field(default_factory=dict)
    chain: Chain | None = None
    linear: dict[str, Linear] = field(default_factory=dict)


class Scanner:
    """Takes metrics one by one, then gives the scans of all of them.

    ``placed`` says where the parts of each metric stand, ``current`` what is read as it is now and not as it was.
    """

    def __init__(self, registry: Registry, asked: Asked) -> None:
        self.registry = registry
        self.calendar = registry.calendar
        self.asked = asked
        self.drafts: dict[object, _Draft] = {}
        self.scopes: dict[str, dict[str, Named]] = {}
        self.columns: dict[str, dict[str, Named]] = {}
        self.current: dict[str, None] = {}
        self.placed: dict[str, Placed] = {}
        self.taken = {"period_start", "partial", *(path.replace(".", "__") for path in asked.by)}

    def scans(self) -> tuple[Scan, ...]:
        """One for each source and time, or chain of steps, of the metrics."""
        return tuple(self.scan(draft) for draft in self.drafts.values())

    def scope(self, source: Source) -> dict[str, Named]:
        if source.id not in self.scopes:
            self.scopes[source.id] = source_scope(source)
        return self.scopes[source.id]

    def columns_of(self, source: Source) -> dict[str, Named]:
        if source.id not in self.columns:
            self.columns[source.id] = column_scope(source)
        return self.columns[source.id]

    def add(self, metric: Metric) -> None:
        """Puts a metric's components into the scan of its rows."""
        source = source_of(self.registry, metric)
        rule = self.registry.rule_of(metric)
        exceptions = () if metric.id in self.asked.unexcepted else exclusions_of(self.registry, metric)
        draft = self.draft(metric, source, rule)
        column = source.columns[metric.time] if metric.time else None
        excluded: tuple[Expr, ...] | None = None
        if draft.chain is None:
            zone = self.calendar.zone
            excluded = tuple(left_in(found, source, column, zone) for found in exceptions if column is not None)
        found = measured(metric, source, self.scope(source), excluded)
        chained = draft.chain
        if chained is not None and chained.weighted:
            found = weighted(found)
        full = self.asked.full
        linearised = full and chained is not None and (chained.weighted or chained.clustered)
        moments = (linearised or self.asked.by_unit) and chained is not None and found.linear is not None
        parts = dict(found.components)
        if full and not moments:
            population = () if excluded is None else (*conditions(source, metric.where, metric.valid), *excluded)
            parts |= spread(found, population)
        if full and chained is not None and chained.weighted:
            parts |= disclosed(found)
        columns = {}
        for role, part in parts.items():
            # What two metrics count alike is counted once.
            if part not in draft.columns:
                draft.columns[part] = self.component_name(metric, role)
            columns[role] = draft.columns[part]
            draft.components[columns[role]] = part
        prefix = None
        if moments and found.linear is not None:
            prefix = self.moments_prefix(metric, moment_roles(found.linear))
            draft.linear[prefix] = found.linear
        self.placed[metric.id] = Placed(found, columns, rule, prefix)

    def draft(self, metric: Metric, source: Source, rule: Sampling | None) -> _Draft:
        """The scan of a metric's rows: of a source by a time, or of what its own chain leaves."""
        key: object = (source.id, metric.time)
        exceptions = () if metric.id in self.asked.unexcepted else exclusions_of(self.registry, metric)
        if rule is not None or self.asked.stepwise:
            settled = conditions(source, metric.where), conditions(source, metric.valid)
            key = (source.id, metric.time, metric.sampling, *settled, tuple(found.id for found in exceptions))
        if key not in self.drafts:
            time = source.columns[metric.time] if metric.time else None
            what = rule.id if rule is not None else source.id
            called = self.free(_short(f"{what}_by_{metric.time}" if metric.time else f"{what}_rows"))
            self.drafts[key] = _Draft(source, time, called)
            if rule is not None or self.asked.stepwise:
                name = called.removesuffix(f"_by_{metric.time}") if metric.time else what
                named = self.free_chain(_short(name, _CHAIN))
                steps = chain(self.registry, metric, rule, exceptions, name=named, as_of=self.asked.as_of)
                self.drafts[key].chain = steps
                if steps.frame is not None:
                    self.current[f"the frame {steps.frame.source.id}"] = None
        return self.drafts[key]

    def free(self, called: str) -> str:
        """A name that no other scan has."""
        while any(draft.name == called for draft in self.drafts.values()):
            called += "_"
        return called

    def free_chain(self, called: str) -> str:
        """A name that no other chain has."""
        while any(draft.chain is not None and draft.chain.name == called for draft in self.drafts.values()):
            called += "_"
        return called

    def moments_prefix(self, metric: Metric, roles: Iterable[str]) -> str:
        """What the names of a metric's sums over units begin with, none of them taken."""
        wanted = metric.id[:_PREFIX]
        found, i = wanted, 1
        while any(f"{found}_{role}" in self.taken for role in roles):
            i += 1
            found = f"{wanted}_{i}"
        self.taken.update(f"{found}_{role}" for role in roles)
        return found

    def component_name(self, metric: Metric, role: str) -> str:
        """A column of the statement that no other component and no dimension has."""
        # Metric `a` with a numerator and metric `a_numerator` would meet in one name; PostgreSQL cuts names at 63.
        wanted = f"{metric.id[: _LONGEST - len(role)]}_{role}"
        found, i = wanted, 1
        while found in self.taken:
            i += 1
            found = f"{wanted}_{i}"
        self.taken.add(found)
        return found

    def scan(self, draft: _Draft) -> Scan:
        source, column, period, selection = draft.source, draft.time, self.asked.period, self.asked.selection
        splits = tuple(self.split(path, draft) for path in self.asked.by)
        ways = {path: self.split(path, draft) for path in self.asked.paths}
        if selection is not None:
            self.check_selection(selection, ways, draft)
        filters, components = _factored(draft.components)
        low = high = None
        starts: tuple[datetime, ...] = ()
        steps: tuple[Shift, ...] = ()
        gaps = _gaps(source, components, column if period is not None else None)
        if period is not None and column is not None:
            zone = self.calendar.zone
            first, last = day_start(period.start, zone), day_start(period.end, zone)
            low, high = bound(column, first), bound(column, last)
            if self.asked.grain == "day" and not repeats_midnight(zone, first, last):
                steps = shifts(column, zone, first, last)
            else:
                starts = tuple(bound(column, day_start(bucket.start, zone)) for bucket in self.asked.buckets)
            if column.missing == "error":
                within = tuple(gap for gap in missing_ranges(column, first, last) if low <= gap[0] < high)
                gaps = ((column, within), *gaps) if within else gaps
        return Scan(
            name=draft.name,
            source=source,
            time=column,
            tables=tuple(draft.tables.values()),
            splits=splits,
            filters=filters,
            selection=selection,
            ways=ways,
            components=components,
            low=low,
            high=high,
            arrived_before=arrived_before(source, self.asked.as_of),
            starts=starts,
            shifts=steps,
            missing=gaps,
            chain=draft.chain,
            moments=_moments(draft),
            domain=self.domain(draft),
        )

    def domain(self, draft: _Draft) -> tuple[Expr, ...]:
        """What the overlay asks of the rows that a sampling rule has kept; without a rule it is in the population."""
        if self.asked.overlay is None or draft.chain is None or draft.chain.rule is None:
            return ()
        return conditions(draft.source, self.asked.overlay.where)

    def split(self, path: str, draft: _Draft) -> Split:
        way = way_of(self.registry, path, draft.source)
        alias, source = draft.source.id, draft.source
        for i, hop in enumerate(way.hops):
            trail = way.hops[: i + 1]
            if trail not in draft.tables:
                draft.tables[trail] = self.table(trail, alias, draft, path)
            alias, source = draft.tables[trail].alias, draft.tables[trail].source
            assert hop.target == source.id
            if source.interval is None:
                self.current[path] = None
        tree = canonical(inlined(way.dimension.expression, source))
        kind = infer(tree, self.columns_of(source))
        return Split(name=path.replace(".", "__"), path=path, table=alias, expression=tree, type=kind.name)

    def table(self, trail: tuple[Hop, ...], parent: str, draft: _Draft, path: str) -> Table:
        hop = trail[-1]
        target = self.registry.sources[hop.target]
        own = target.own_entity
        assert own is not None
        alias = "_".join(step.entity.role for step in trail)
        taken = {draft.source.id, *(table.alias for table in draft.tables.values())}
        while alias in taken:
            alias += "_"
        if target.interval is not None:
            if draft.time is None:
                message = (
                    f"{path!r} changes over time in {target.id}, and {draft.source.id} is measured without a `time`"
                )
                raise Refused(message, "Give the metric its event time, or use a source without `interval`.")
            start = target.columns[target.interval.start]
            if (start.type, start.zone) != (draft.time.type, draft.time.zone):
                held = f"{target.id} holds from {start.name} ({start.type})"
                message = f"{held}, {draft.source.id} happens at {draft.time.name} ({draft.time.type})"
                raise Refused(message, "Declare both as instants, or as local times of one zone.")
        return Table(
            alias=alias,
            parent=parent,
            entity=hop.entity,
            source=target,
            key=own.key,
            arrived_before=arrived_before(target, self.asked.as_of),
            as_of_fact=target.interval is not None,
        )

    def check_selection(self, selection: Expr, ways: Mapping[str, Split], draft: _Draft) -> None:
        scope = {}
        for path, split in ways.items():
            source = next((t.source for t in draft.tables.values() if t.alias == split.table), draft.source)
            columns = self.columns_of(source)
            values = columns[str(split.expression.value)].values if split.expression.op == "name" else ()
            scope[path] = Named(infer(split.expression, columns)._replace(nullable=True), values)
        try:
            kind = infer(selection, scope)
        except ExpressionError as error:
            raise Refused(f"--where: {error}", error.fix) from None
        if kind.name != "boolean":
            raise Refused(f"--where is a {kind}, not a condition", "Compare it, e.g. region = 'EMEA'.")


def source_of(registry: Registry, metric: Metric) -> Source:
    """The source that a metric measures."""
    assert metric.source is not None
    return registry.sources[metric.source]


def way_of(registry: Registry, path: str, source: Source) -> Route:
    """The way from a source to a dimension.

    Raises:
        Refused: there is none, or more than one.
    """
    try:
        return route(path, source, registry.sources)
    except PathError as error:
        raise Refused(str(error), error.fix) from None


def _moments(draft: _Draft) -> Moments | None:
    if not draft.linear:
        return None
    components = {
        f"{prefix}_{role}": Component(function="moment", conditions=(), type="integer" if role == "units" else "double")
        for prefix, linear in draft.linear.items()
        for role in moment_roles(linear)
    }
    return Moments(name=_short(f"{draft.name}_moments"), of=tuple(draft.linear.items()), components=components)


def _gaps(
    source: Source, components: Mapping[str, Component], time: Column | None
) -> tuple[tuple[Column, tuple[tuple[datetime, datetime], ...]], ...]:
    """What the clocks of other measured columns never showed, where such a value is an error; they know no period."""
    used = dict.fromkeys(
        used for part in components.values() for tree in (*part.of, *part.conditions) for used in names(tree)
    )
    columns = [source.columns[used] for used in used if used in source.columns]
    found = []
    for column in columns:
        if column.missing == "error" and column != time:
            ranges = missing_ranges(column, *_CLOCKS)
            found += [(column, ranges)] if ranges else []
    return tuple(found)


def _short(text: str, longest: int = _LONGEST) -> str:
    """A name of the statement's own that every dialect keeps whole; cut ones end in a digest of the whole."""
    if len(text) <= longest:
        return text
    return f"{text[: longest - 9]}_{sha256(text.encode()).hexdigest()[:8]}"


def _factored(components: Mapping[str, Component]) -> tuple[tuple[Expr, ...], dict[str, Component]]:
    """Conditions that every component has, as filters of the scan, and the components without them.

    Where every component still has some of its own, their union prunes rows that none of them counts.
    """
    keyed = {key: {write(part): part for part in component.conditions} for key, component in components.items()}
    shared = set.intersection(*(set(parts) for parts in keyed.values()))
    filters = {text: part for parts in keyed.values() for text, part in parts.items() if text in shared}
    rest = {
        key: replace(
            component, conditions=tuple(part for text, part in sorted(keyed[key].items()) if text not in shared)
        )
        for key, component in components.items()
    }
    own = {frozenset(write(part) for part in component.conditions): component.conditions for component in rest.values()}
    if all(own):
        # A set of conditions that holds another within it adds no rows to the union.
        wanted = [conditions for texts, conditions in own.items() if not any(other < texts for other in own)]
        union = canonical(Expr("or", tuple(_all_of(conditions) for conditions in wanted)))
        filters[write(union)] = union
    return tuple(filters[text] for text in sorted(filters)), rest


def _all_of(conditions: tuple[Expr, ...]) -> Expr:
    return conditions[0] if len(conditions) == 1 else Expr("and", conditions)
