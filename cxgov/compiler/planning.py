"""A query to a plan, or the reason why there is none.

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
from cxgov.compiler.measures import (
    conditions,
    disclosed,
    measured,
    moment_roles,
    spread,
    substituted,
    weighted,
)
from cxgov.compiler.narrowing import check_named, narrowed, overlay_named, present
from cxgov.compiler.outputs import Outputs, Placed
from cxgov.compiler.periods import Bucket, Period, buckets, days_period, named_period
from cxgov.compiler.plan import Chain, Component, Linear, Moments, Output, Plan, Scan, Split, Table
from cxgov.compiler.query import GRAINS, Query, Refused
from cxgov.language.derivation import measured_parts
from cxgov.language.diagnostics import listed, nearest
from cxgov.language.expressions import Expr, ExpressionError, canonical, names, write
from cxgov.language.lifecycle import instead
from cxgov.language.model import Calendar, Column, Derived, Metric, Registry, Sampling, Source
from cxgov.language.parsing import parse
from cxgov.language.paths import Hop, PathError, Route, route
from cxgov.language.scopes import column_scope, inlined, source_scope
from cxgov.language.typecheck import Named, infer

WITHOUT_EXCLUSIONS: Final = "_without_exclusions"
_LONGEST: Final = 55
# A chain's name begins those of its tables, of which the longest ends in `_one_per_unit`.
_CHAIN: Final = 46
_PREFIX: Final = 40
# Since when the zones' rules are reliable, and until when they are known.
_CLOCKS: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC))


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


def plan(registry: Registry, query: Query, *, stepwise: bool = False, by_unit: bool = False) -> Plan:
    """The plan of a query.

    ``stepwise`` gives every metric a chain of steps, so that what each leaves can be counted; ``by_unit`` keeps what
    a unit adds to each metric that has a sampling rule.

    Raises:
        Refused: the question has no exact answer; the message says why and the fix what can be asked.
    """
    return _Planner(registry, present(registry, query), stepwise=stepwise, by_unit=by_unit).plan()


class _Planner:
    def __init__(self, registry: Registry, query: Query, *, stepwise: bool, by_unit: bool) -> None:
        self.overlay = None if query.overlay is None else overlay_named(registry, query.overlay)
        self.registry = registry if self.overlay is None else narrowed(registry, self.overlay)
        self.stepwise = stepwise
        self.by_unit = by_unit
        self.query = query
        self.calendar: Calendar = registry.calendar
        # What each metric reads, without the exceptions where it is asked for as if there were none.
        self.metrics: dict[str, Metric] = dict(self.registry.metrics)
        self.unexcepted: set[str] = set()
        self.scans: dict[object, _Draft] = {}
        self.scopes: dict[str, dict[str, Named]] = {}
        self.columns: dict[str, dict[str, Named]] = {}
        self.current: dict[str, None] = {}
        self.placed: dict[str, Placed] = {}
        self.taken = {"period_start", "partial"}

    def plan(self) -> Plan:
        query = self.query
        if not query.metrics:
            raise Refused("no metric is asked", "Name one; `cxgov list` shows them.")
        asked = [self.metric(identity) for identity in dict.fromkeys(query.metrics)]
        if query.without_exclusions:
            asked = [its for metric in asked for its in (metric, self.unexcept(metric)) if its is not None]
        if query.grain is not None and query.grain not in GRAINS:
            raise Refused(f"{query.grain!r} is not a grain", f"Write one of: {listed(GRAINS)}.")
        base = measured_parts(self.metrics, *asked)
        period, as_of = self.period(base)
        by = tuple(dict.fromkeys(query.by))
        selection, paths = self.selection()
        for metric in asked:
            self.declared(metric, [*by, *paths])
        found = buckets(period, query.grain, self.calendar) if period and query.grain else ()
        self.taken.update(path.replace(".", "__") for path in by)
        for metric in base:
            self.add(metric, as_of)
        scans = [
            self.scan(draft, by=by, selection=selection, paths=paths, period=period, as_of=as_of, found=found)
            for draft in self.scans.values()
        ]
        components = {name: part for scan in scans for name, part in scan.components.items()}
        made = Outputs(self.metrics.__getitem__, self.placed, components, full=query.stats == "full")
        outputs = tuple(self.apart(made.output(metric)) for metric in asked)
        result = Plan(
            query=query,
            period=period,
            as_of=as_of,
            zone=self.calendar.zone,
            buckets=found,
            splits=scans[0].splits,
            scans=tuple(scans),
            outputs=outputs,
            current=tuple(self.current),
            confidence=self.registry.settings.confidence,
        )
        _one_type(scans)
        _distinct_columns(result)
        return result

    # --- what is asked ---

    def metric(self, identity: str) -> Metric:
        metric = self.registry.metrics.get(identity)
        if metric is None:
            near = nearest(identity, self.registry.metrics)
            raise Refused(
                f"metric {identity!r} does not exist{near}",
                f"Metrics: {listed(sorted(self.registry.metrics))}.",
            )
        if metric.status == "draft" and not self.query.draft:
            raise Refused(f"metric {identity!r} is a draft", "Ask with --draft, or certify it.")
        if metric.status == "retired":
            # The registry of a frozen period has the metric as it was then, so it is answered there.
            message = f"metric {identity!r} is retired: it answers only for periods that were frozen before"
            raise Refused(message, f"{instead(self.registry.metrics, metric).capitalize()}.")
        if self.overlay is not None:
            check_named(self.registry, self.overlay, metric)
        return metric

    def unexcept(self, metric: Metric) -> Metric | None:
        """The metric as if no exception named it; None where none does."""
        identity = f"{metric.id}{WITHOUT_EXCLUSIONS}"
        if identity in self.metrics and identity not in self.unexcepted:
            message = f"{identity} is a metric of the registry too, and the result would have it twice"
            raise Refused(message, "Ask without --without-exclusions, or rename the metric.")
        if not isinstance(metric.measure, Derived):
            if not exclusions_of(self.registry, metric):
                return None
            twin = replace(metric, id=identity)
        else:
            twins = {part: self.unexcept(self.metrics[part]) for part in names(metric.measure.of)}
            if not any(twins.values()):
                return None
            said = {part: Expr("name", (), found.id if found else part) for part, found in twins.items()}
            twin = replace(metric, id=identity, measure=Derived(of=substituted(metric.measure.of, said)))
        self.unexcepted.add(identity)
        self.metrics[identity] = twin
        return twin

    def period(self, base: list[Metric]) -> tuple[Period | None, datetime | None]:
        query = self.query
        given = query.period is not None, query.start is not None or query.end is not None
        timeless = [metric.id for metric in base if metric.time is None]
        if not any(given):
            if len(timeless) == len(base) and query.grain is None:
                return None, _utc(query.as_of)
            lasting = next((metric.id for metric in base if metric.time is not None), base[0].id)
            if timeless and query.grain is not None:
                raise Refused(
                    f"{timeless[0]} has no `time`, so it has no buckets of a {query.grain}",
                    "Ask it without --grain.",
                )
            raise Refused(f"no period is given for {lasting}", "Ask with --period 2026-Q3, or with --start and --end.")
        if timeless:
            raise Refused(f"{timeless[0]} has no `time`, so it has no periods", "Ask it alone, without a period.")
        if all(given):
            raise Refused("both a period and days are given", "Keep --period, or --start and --end.")
        if query.period is not None:
            period = named_period(query.period, self.calendar)
        elif query.start is None or query.end is None:
            raise Refused("only one end of the period is given", "Give --start and --end; the end is not included.")
        else:
            period = days_period(query.start, query.end)
        closed = day_start(period.end, self.calendar.zone) + self.calendar.closes
        return period, _utc(query.as_of) or closed

    def selection(self) -> tuple[Expr | None, list[str]]:
        if self.query.where is None:
            return None, []
        try:
            tree = canonical(parse(self.query.where))
        except ExpressionError as error:
            raise Refused(f"--where, character {error.at + 1}: {error}", error.fix) from None
        return tree, list(names(tree))

    def declared(self, metric: Metric, paths: list[str]) -> None:
        """Refuses a path that is not one of the metric's declared dimensions."""
        for part in measured_parts(self.metrics, metric):
            source = self.source(part)
            allowed = [self.route(path, source) for path in metric.dimensions]
            for path in paths:
                try:
                    way = route(path, source, self.registry.sources)
                except PathError as error:
                    if path in metric.dimensions:
                        raise Refused(f"{metric.id}: {error}", error.fix) from None
                    raise self.undeclared(metric, path, error) from None
                if way not in allowed:
                    raise self.undeclared(metric, path, None)

    def undeclared(self, metric: Metric, path: str, why: PathError | None) -> Refused:
        last = path.rsplit(".", 1)[-1]
        same = [known for known in metric.dimensions if known.rsplit(".", 1)[-1] == last]
        if len(same) > 1:
            return Refused(f"{path!r} is ambiguous for {metric.id}: {listed(same)}", "Write the one that is meant.")
        near = f"; did you mean {same[0]!r}?" if same else nearest(path, metric.dimensions)
        reason = f": {why}" if why is not None and not near and "." in path else ""
        message = f"{metric.id} cannot be split or filtered by {path!r}{near}{reason}"
        return Refused(
            message, why.fix if why is not None and reason else f"Its dimensions: {listed(metric.dimensions)}."
        )

    def source(self, metric: Metric) -> Source:
        assert metric.source is not None
        return self.registry.sources[metric.source]

    def scope(self, source: Source) -> dict[str, Named]:
        if source.id not in self.scopes:
            self.scopes[source.id] = source_scope(source)
        return self.scopes[source.id]

    def columns_of(self, source: Source) -> dict[str, Named]:
        if source.id not in self.columns:
            self.columns[source.id] = column_scope(source)
        return self.columns[source.id]

    def route(self, path: str, source: Source) -> Route:
        try:
            return route(path, source, self.registry.sources)
        except PathError as error:
            raise Refused(str(error), error.fix) from None

    # --- scans ---

    def add(self, metric: Metric, as_of: datetime | None) -> None:
        """Puts a metric's components into the scan of its rows."""
        source = self.source(metric)
        rule = self.registry.rule_of(metric)
        exceptions = () if metric.id in self.unexcepted else exclusions_of(self.registry, metric)
        draft = self.draft(metric, source, rule, as_of)
        column = source.columns[metric.time] if metric.time else None
        excluded: tuple[Expr, ...] | None = None
        if draft.chain is None:
            zone = self.calendar.zone
            excluded = tuple(left_in(found, source, column, zone) for found in exceptions if column is not None)
        found = measured(metric, source, self.scope(source), excluded)
        chained = draft.chain
        if chained is not None and chained.weighted:
            found = weighted(found)
        full = self.query.stats == "full"
        linearised = full and chained is not None and (chained.weighted or chained.clustered)
        moments = (linearised or self.by_unit) and chained is not None and found.linear is not None
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

    def apart(self, output: Output) -> Output:
        """Hides what a metric would be without its exclusions where the difference is the answers of too few."""
        floors = list(output.floors)
        for part in measured_parts(self.metrics, output.metric) if output.metric.id in self.unexcepted else ():
            whole, its = self.placed[part.id], self.placed.get(part.id.removesuffix(WITHOUT_EXCLUSIONS))
            if part.id in self.unexcepted and its and its.rule and its.rule.minimum.privacy > 1:
                fewer = Expr("-", (whole.over_columns(whole.measured.n), its.over_columns(its.measured.n)))
                floors.append((fewer, its.rule.minimum.privacy))
        return replace(output, floors=tuple(floors))

    def draft(self, metric: Metric, source: Source, rule: Sampling | None, as_of: datetime | None) -> _Draft:
        """The scan of a metric's rows: of a source by a time, or of what its own chain leaves."""
        key: object = (source.id, metric.time)
        exceptions = () if metric.id in self.unexcepted else exclusions_of(self.registry, metric)
        if rule is not None or self.stepwise:
            settled = conditions(source, metric.where), conditions(source, metric.valid)
            key = (source.id, metric.time, metric.sampling, *settled, tuple(found.id for found in exceptions))
        if key not in self.scans:
            time = source.columns[metric.time] if metric.time else None
            what = rule.id if rule is not None else source.id
            called = self.free(_short(f"{what}_by_{metric.time}" if metric.time else f"{what}_rows"))
            self.scans[key] = _Draft(source, time, called)
            if rule is not None or self.stepwise:
                name = called.removesuffix(f"_by_{metric.time}") if metric.time else what
                named = self.free_chain(_short(name, _CHAIN))
                steps = chain(self.registry, metric, rule, exceptions, name=named, as_of=as_of)
                self.scans[key].chain = steps
                if steps.frame is not None:
                    self.current[f"the frame {steps.frame.source.id}"] = None
        return self.scans[key]

    def free(self, called: str) -> str:
        """A name that no other scan has."""
        while any(draft.name == called for draft in self.scans.values()):
            called += "_"
        return called

    def free_chain(self, called: str) -> str:
        """A name that no other chain has."""
        while any(draft.chain is not None and draft.chain.name == called for draft in self.scans.values()):
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

    def scan(
        self,
        draft: _Draft,
        *,
        by: tuple[str, ...],
        selection: Expr | None,
        paths: list[str],
        period: Period | None,
        as_of: datetime | None,
        found: tuple[Bucket, ...],
    ) -> Scan:
        source, column = draft.source, draft.time
        splits = tuple(self.split(path, draft, as_of) for path in by)
        ways = {path: self.split(path, draft, as_of) for path in paths}
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
            if self.query.grain == "day" and not repeats_midnight(zone, first, last):
                steps = shifts(column, zone, first, last)
            else:
                starts = tuple(bound(column, day_start(bucket.start, zone)) for bucket in found)
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
            arrived_before=arrived_before(source, as_of),
            starts=starts,
            shifts=steps,
            missing=gaps,
            chain=draft.chain,
            moments=_moments(draft),
            domain=self.domain(draft),
        )

    def domain(self, draft: _Draft) -> tuple[Expr, ...]:
        """What the overlay asks of the rows that a sampling rule has kept; without a rule it is in the population."""
        if self.overlay is None or draft.chain is None or draft.chain.rule is None:
            return ()
        return conditions(draft.source, self.overlay.where)

    def split(self, path: str, draft: _Draft, as_of: datetime | None) -> Split:
        way = self.route(path, draft.source)
        alias, source = draft.source.id, draft.source
        for i, hop in enumerate(way.hops):
            trail = way.hops[: i + 1]
            if trail not in draft.tables:
                draft.tables[trail] = self.table(trail, alias, draft, as_of, path)
            alias, source = draft.tables[trail].alias, draft.tables[trail].source
            assert hop.target == source.id
            if source.interval is None:
                self.current[path] = None
        tree = canonical(inlined(way.dimension.expression, source))
        kind = infer(tree, self.columns_of(source))
        return Split(name=path.replace(".", "__"), path=path, table=alias, expression=tree, type=kind.name)

    def table(self, trail: tuple[Hop, ...], parent: str, draft: _Draft, as_of: datetime | None, path: str) -> Table:
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
            arrived_before=arrived_before(target, as_of),
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


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise Refused(f"as of {moment} is no instant", "Write it with a zone, e.g. 2026-10-11T00:00:00Z.")
    return moment.astimezone(UTC)


def _one_type(scans: list[Scan]) -> None:
    for splits in zip(*(scan.splits for scan in scans), strict=True):
        kinds = {split.type for split in splits}
        if len(kinds) > 1:
            message = f"{splits[0].path!r} is {listed(sorted(kinds))} in the sources of the metrics asked"
            raise Refused(message, "Ask the metrics one by one, or give the dimension one type.")


def _distinct_columns(found: Plan) -> None:
    """Refuses a result in which one column name would mean two things."""
    columns = ["period_start", "partial"] if found.query.grain else []
    columns += [split.name for split in found.splits]
    columns += [column for output in found.outputs for column in output.columns(found.query.stats)]
    for column in columns:
        if columns.count(column) > 1:
            raise Refused(
                f"the result would have two columns {column!r}",
                "Ask these metrics and dimensions one by one.",
            )
