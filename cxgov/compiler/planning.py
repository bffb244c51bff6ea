"""A query to a plan, or the reason why there is none."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from cxgov.compiler.chains import exclusions_of
from cxgov.compiler.clock import day_start
from cxgov.compiler.measures import substituted
from cxgov.compiler.narrowing import check_named, narrowed, overlay_named, present
from cxgov.compiler.outputs import Outputs, Placed
from cxgov.compiler.periods import Period, buckets, days_period, named_period
from cxgov.compiler.plan import Output, Plan, Scan
from cxgov.compiler.query import GRAINS, Query, Refused
from cxgov.compiler.scanning import Asked, Scanner, source_of, way_of
from cxgov.language.derivation import measured_parts
from cxgov.language.diagnostics import listed, nearest
from cxgov.language.expressions import Expr, ExpressionError, canonical, names
from cxgov.language.lifecycle import instead
from cxgov.language.model import Calendar, Derived, Metric, Registry
from cxgov.language.parsing import parse
from cxgov.language.paths import PathError, route

WITHOUT_EXCLUSIONS: Final = "_without_exclusions"


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
        of_scans = Asked(
            by=by,
            grain=query.grain,
            selection=selection,
            paths=paths,
            period=period,
            as_of=as_of,
            buckets=found,
            unexcepted=frozenset(self.unexcepted),
            overlay=self.overlay,
            full=query.stats == "full",
            stepwise=self.stepwise,
            by_unit=self.by_unit,
        )
        scanner = Scanner(self.registry, of_scans)
        for metric in base:
            scanner.add(metric)
        scans = scanner.scans()
        components = {name: part for scan in scans for name, part in scan.components.items()}
        made = Outputs(self.metrics.__getitem__, scanner.placed, components, full=query.stats == "full")
        outputs = tuple(self.apart(made.output(metric), scanner.placed) for metric in asked)
        result = Plan(
            query=query,
            period=period,
            as_of=as_of,
            zone=self.calendar.zone,
            buckets=found,
            splits=scans[0].splits,
            scans=scans,
            outputs=outputs,
            current=tuple(scanner.current),
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

    def selection(self) -> tuple[Expr | None, tuple[str, ...]]:
        if self.query.where is None:
            return None, ()
        try:
            tree = canonical(parse(self.query.where))
        except ExpressionError as error:
            raise Refused(f"--where, character {error.at + 1}: {error}", error.fix) from None
        return tree, tuple(names(tree))

    def declared(self, metric: Metric, paths: list[str]) -> None:
        """Refuses a path that is not one of the metric's declared dimensions."""
        for part in measured_parts(self.metrics, metric):
            source = source_of(self.registry, part)
            allowed = [way_of(self.registry, path, source) for path in metric.dimensions]
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

    def apart(self, output: Output, placed: Mapping[str, Placed]) -> Output:
        """Hides what a metric would be without its exclusions where the difference is the answers of too few."""
        floors = list(output.floors)
        for part in measured_parts(self.metrics, output.metric) if output.metric.id in self.unexcepted else ():
            whole, its = placed[part.id], placed.get(part.id.removesuffix(WITHOUT_EXCLUSIONS))
            if part.id in self.unexcepted and its and its.rule and its.rule.minimum.privacy > 1:
                fewer = Expr("-", (whole.over_columns(whole.measured.n), its.over_columns(its.measured.n)))
                floors.append((fewer, its.rule.minimum.privacy))
        return replace(output, floors=tuple(floors))


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise Refused(f"as of {moment} is no instant", "Write it with a zone, e.g. 2026-10-11T00:00:00Z.")
    return moment.astimezone(UTC)


def _one_type(scans: tuple[Scan, ...]) -> None:
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
