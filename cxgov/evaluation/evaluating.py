"""Thresholds and a period to judgements: values by bucket, their bands, the changes and what they mean.

Every bucket is asked for alone, as it was when its period closed, so that a change is the difference of the two
numbers that were published.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cxgov.compiler.narrowing import renamed
from cxgov.compiler.overlap_sql import COLUMNS, overlap
from cxgov.compiler.periods import Bucket, Period, bucket_around, bucket_name, named_period
from cxgov.compiler.planning import plan
from cxgov.compiler.query import Grain, Query, Refused
from cxgov.compiler.sql import to_sql
from cxgov.engines.answering import answer
from cxgov.engines.protocol import Engine
from cxgov.evaluation.changes import Change, covariance
from cxgov.evaluation.completing import complete, estimates
from cxgov.evaluation.estimates import Estimate
from cxgov.evaluation.families import Pair, judge_family
from cxgov.evaluation.judgements import Evaluation, Judgement, Reading
from cxgov.language.derivation import measured_parts
from cxgov.language.diagnostics import listed, nearest
from cxgov.language.lifecycle import instead
from cxgov.language.model import Band, Calendar, Derived, Metric, Registry, Threshold
from cxgov.language.paths import route
from cxgov.language.scopes import source_scope
from cxgov.language.typecheck import infer

_ONE_DAY = timedelta(days=1)
_YEAR_OF_WEEKS = timedelta(weeks=52)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A bucket of a grain, a filter and an overlay: what one statement answers for several metrics."""

    bucket: Bucket
    grain: Grain
    where: str | None
    overlay: str | None

    def query(self, metrics: Iterable[str]) -> Query:
        return Query(
            metrics=tuple(metrics),
            start=self.bucket.start,
            end=self.bucket.end,
            where=self.where,
            stats="full",
            draft=True,
            overlay=self.overlay,
        )


def chosen(registry: Registry, wanted: Sequence[str]) -> list[Threshold]:
    """The thresholds that names mean, each a threshold's id or that of a metric; all where none is named.

    Raises:
        Refused: a name is neither, or a metric has no threshold.
    """
    thresholds = registry.thresholds
    if not thresholds:
        raise Refused("the registry has no threshold", "Write a document of kind Threshold.")
    found: dict[str, Threshold] = {} if wanted else {key: thresholds[key] for key in sorted(thresholds)}
    old = renamed([*registry.metrics.values(), *thresholds.values()], wanted)
    for name in (old.get(its, its) for its in wanted):
        its = [threshold for key, threshold in sorted(thresholds.items()) if name in {key, threshold.metric}]
        if not its:
            known = name in registry.metrics
            if known and registry.metrics[name].status == "retired":
                fix = f"{instead(registry.metrics, registry.metrics[name]).capitalize()}."
                raise Refused(f"metric {name!r} is retired", fix)
            what = f"metric {name!r} has no threshold" if known else f"threshold {name!r} does not exist"
            raise Refused(
                f"{what}{'' if known else nearest(name, [*thresholds, *registry.metrics])}",
                f"Thresholds: {listed(sorted(thresholds))}.",
            )
        found |= {threshold.id: threshold for threshold in its}
    return list(found.values())


def evaluate(
    registry: Registry, engine: Engine, wanted: Sequence[str], *, period: str, history: int, now: datetime
) -> Evaluation:
    """The judgement of every threshold that is asked for, in each bucket of its grain that ends in the period.

    Changes are judged with their whole family, also with members that nobody asked for: a state never depends on
    what else is shown.

    Raises:
        Refused: a threshold or the period does not exist, or the period has no whole bucket that any of them judges.
        EngineError: the engine does not answer, or the data breaks what its source declares.
    """
    return _Evaluating(registry, engine, history, now).evaluation(chosen(registry, wanted), period)


class _Evaluating:
    def __init__(self, registry: Registry, engine: Engine, history: int, now: datetime) -> None:
        self.registry = registry
        self.engine = engine
        self.history = history
        self.now = now
        self.calendar: Calendar = registry.calendar
        self.confidence = float(registry.settings.confidence)
        self.scopes = {key: scope_of(registry, threshold) for key, threshold in registry.thresholds.items()}
        # A threshold that an overlay names is judged under it.
        self.overlays = {named: key for key, overlay in registry.overlays.items() for named in overlay.thresholds}
        self.known: dict[tuple[_Asked, str], tuple[Estimate, Reading]] = {}
        self.early = False

    def evaluation(self, shown: list[Threshold], name: str) -> Evaluation:
        period = named_period(name, self.calendar)
        wanted = [(threshold, bucket) for threshold in shown for bucket in self.whole(threshold, period)]
        if not wanted:
            raise Refused(
                f"no {' or '.join(sorted({its.grain for its in shown}))} ends in {period.name}, "
                f"which {listed([its.id for its in shown])} judge{'s' if len(shown) == 1 else ''}",
                "Ask for a longer period, or for other thresholds.",
            )
        shown = list({threshold.id: threshold for threshold, _ in wanted}.values())
        judged = {(threshold.id, bucket): threshold for threshold, bucket in wanted}
        # A family is judged whole, whichever of it is shown.
        for threshold, bucket in wanted:
            judged |= {(member.id, bucket): member for member in self.family(threshold)}
        self.ask([(threshold, bucket) for (_, bucket), threshold in judged.items()], shown)
        changes = self.changes(judged)
        judgements = tuple(self.judgement(threshold, bucket, changes) for threshold, bucket in wanted)
        return Evaluation(period=name, confidence=self.confidence, early=self.early, judgements=judgements)

    # --- which buckets ---

    def whole(self, threshold: Threshold, period: Period) -> list[Bucket]:
        """The buckets of the threshold's grain that end in the period; in a month no quarter may end."""
        found = []
        bucket = bucket_around(period.start, threshold.grain, self.calendar)
        while bucket.end <= period.end:
            found.append(bucket)
            bucket = bucket_around(bucket.end, threshold.grain, self.calendar)
        return [bucket for bucket in found if bucket.end > period.start]

    def family(self, threshold: Threshold) -> list[Threshold]:
        """The thresholds that are judged together with one, itself among them."""
        if threshold.family is None:
            return [threshold]
        return [
            other
            for _, other in sorted(self.registry.thresholds.items())
            if (other.family, other.grain) == (threshold.family, threshold.grain)
        ]

    def before(self, threshold: Threshold, bucket: Bucket) -> Bucket:
        """The bucket that a change is against."""
        grain, start = threshold.grain, bucket.start
        if threshold.against == "previous":
            return bucket_around(start - _ONE_DAY, grain, self.calendar)
        if grain == "week":
            return bucket_around(start - _YEAR_OF_WEEKS, grain, self.calendar)
        return bucket_around(_year_before(start), grain, self.calendar)

    def series(self, threshold: Threshold, bucket: Bucket) -> list[Bucket]:
        found = [bucket]
        for _ in range(self.history):
            found.append(bucket_around(found[-1].start - _ONE_DAY, threshold.grain, self.calendar))
        return found[::-1]

    # --- what the data says ---

    def ask(self, judged: list[tuple[Threshold, Bucket]], shown: list[Threshold]) -> None:
        """Runs one statement for each bucket and filter, for all metrics that need it."""
        needed: dict[_Asked, dict[str, None]] = {}
        visible = {threshold.id for threshold in shown}
        for threshold, bucket in judged:
            its = [bucket, self.before(threshold, bucket)]
            its += self.series(threshold, bucket) if threshold.id in visible else []
            for each in its:
                needed.setdefault(self.asked(threshold, each), {})[threshold.metric] = None
        for asked, metrics in needed.items():
            compiled = to_sql(plan(self.registry, asked.query(metrics)), self.engine.dialect)
            result = complete(answer(self.engine, compiled, self.now))
            self.early = self.early or result.early
            place = {(column.metric, column.role): i for i, column in enumerate(result.columns)}
            [row] = result.rows
            for output in compiled.plan.outputs:
                [estimate] = estimates(result, output)
                name = output.metric.id
                bounds = [row[place[name, end]] if (name, end) in place else None for end in ("low", "high")]
                reading = Reading(
                    name=bucket_name(asked.bucket, asked.grain, self.calendar),
                    bucket=asked.bucket,
                    value=estimate.value,
                    n=estimate.n,
                    status=estimate.status,
                    low=bounds[0],
                    high=bounds[1],
                )
                self.known[asked, name] = estimate, reading

    def asked(self, threshold: Threshold, bucket: Bucket) -> _Asked:
        return _Asked(bucket, threshold.grain, self.scopes[threshold.id], self.overlays.get(threshold.id))

    def at(self, threshold: Threshold, bucket: Bucket) -> tuple[Estimate, Reading]:
        return self.known[self.asked(threshold, bucket), threshold.metric]

    def changes(self, judged: Mapping[tuple[str, Bucket], Threshold]) -> dict[tuple[str, Bucket], Change]:
        """The change of each threshold in each bucket; none where the metric has no interval."""
        found: dict[tuple[str, Bucket], Change] = {}
        for (identity, bucket), threshold in judged.items():
            if (identity, bucket) in found:
                continue
            members = [its for its in self.family(threshold) if self.at(its, bucket)[0].method != "none"]
            pairs = [self.pair(member, bucket) for member in members]
            for member, change in zip(members, judge_family(pairs, self.confidence), strict=True):
                found[member.id, bucket] = change
        return found

    def pair(self, threshold: Threshold, bucket: Bucket) -> Pair:
        before = self.before(threshold, bucket)
        earlier, later = self.at(threshold, before)[0], self.at(threshold, bucket)[0]
        return Pair(
            earlier=earlier,
            later=later,
            practical=float(threshold.meaningful_change),
            covariance=self.covariance(threshold, (before, bucket), (earlier, later)),
        )

    def covariance(self, threshold: Threshold, pair: tuple[Bucket, Bucket], found: tuple[Estimate, Estimate]) -> float:
        """Covariance of the two values by the units that are in both."""
        metric = self.registry.metrics[threshold.metric]
        if isinstance(metric.measure, Derived) or any(estimate.status != "ok" for estimate in found):
            return 0.0
        first, second = (self.asked(threshold, bucket).query([metric.id]) for bucket in pair)
        statement = overlap(self.registry, metric, (first, second), self.engine.dialect)
        if statement is None:
            return 0.0
        [sums] = self.engine.rows(statement.sql)
        if sums[0] is None:
            return 0.0
        return covariance(*found, {name: float(value) for name, value in zip(COLUMNS, sums, strict=True)})

    # --- what it means ---

    def judgement(
        self, threshold: Threshold, bucket: Bucket, changes: Mapping[tuple[str, Bucket], Change]
    ) -> Judgement:
        metric = self.registry.metrics[threshold.metric]
        reading = self.at(threshold, bucket)[1]
        return Judgement(
            threshold=threshold,
            metric=metric,
            reading=reading,
            band=band_of(threshold, reading.value),
            reached=reached(threshold, metric, reading.value),
            earlier=self.at(threshold, self.before(threshold, bucket))[1],
            change=changes.get((threshold.id, bucket)),
            series=tuple(self.at(threshold, each)[1] for each in self.series(threshold, bucket)),
        )


def band_of(threshold: Threshold, value: float | None) -> Band | None:
    """The band that a value lies in; bands rise, each ends before ``below``, and the last has no end."""
    if value is None:
        return None
    return next(band for band in threshold.bands if band.below is None or value < band.below)


def reached(threshold: Threshold, metric: Metric, value: float | None) -> bool | None:
    """Whether the target is met."""
    if threshold.target is None or value is None or metric.direction == "neither":
        return None
    return value >= threshold.target if metric.direction == "higher_is_better" else value <= threshold.target


def scope_of(registry: Registry, threshold: Threshold) -> str | None:
    """The scope as a condition over dimensions."""
    if not threshold.scope:
        return None
    [metric, *_] = measured_parts(registry.metrics, registry.metrics[threshold.metric])
    assert metric.source is not None
    said = []
    for path, value in threshold.scope:
        way = route(path, registry.sources[metric.source], registry.sources)
        target = registry.sources[way.hops[-1].target if way.hops else metric.source]
        kind = infer(way.dimension.expression, source_scope(target)).name
        said.append(f"{path} = {'date ' if kind == 'date' else ''}{_literal(value)}")
    return " and ".join(said)


def _literal(value: str | int | bool) -> str:  # noqa: FBT001  # one of three kinds of value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def _year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)
