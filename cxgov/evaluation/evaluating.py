"""Thresholds and a period to judgements: values by bucket, their bands, the changes and what they mean.

Every bucket is asked for alone, as it was when its period closed, so that a change is the difference of the two
numbers that were published.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cxgov.compiler.overlap_sql import COLUMNS, overlap
from cxgov.compiler.periods import Bucket, Period, bucket_around, bucket_name
from cxgov.compiler.planning import plan
from cxgov.compiler.query import Grain, Query, Refused
from cxgov.compiler.sql import to_sql
from cxgov.engines.answering import answer
from cxgov.engines.protocol import Engine
from cxgov.evaluation.changes import Change, covariance
from cxgov.evaluation.completing import complete, estimates
from cxgov.evaluation.definitions import Part, family
from cxgov.evaluation.estimates import Estimate
from cxgov.evaluation.families import Pair, judge_family
from cxgov.evaluation.judgements import Evaluation, Judgement, Reading
from cxgov.language.derivation import measured_parts
from cxgov.language.diagnostics import listed
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


def evaluate(parts: Sequence[Part], engine: Engine, *, period: str, history: int, now: datetime) -> Evaluation:
    """The judgement of every threshold that is asked for, in each bucket of its grain that ends in the period.

    ``parts`` are those of the period, each judged by its own definitions throughout, so that a change compares like
    with like. Changes are judged with their whole family, also with members that nobody asked for: a state never
    depends on what else is shown.

    Raises:
        Refused: the period has no whole bucket that any of the thresholds judges, or its parts have intervals of
            several levels.
        EngineError: the engine does not answer, or the data breaks what its source declares.
    """
    judging = [(_Evaluating(part.registry, engine, history, now, part.frozen), part) for part in parts]
    found = [judgement for its, part in judging for judgement in its.judgements(part.thresholds, part.period)]
    if not found:
        shown = {its.id: its for part in parts for its in part.thresholds}
        grains = " or ".join(sorted({its.grain for its in shown.values()}))
        raise Refused(
            f"no {grains} ends in {parts[0].period.name}, which {listed(list(shown))} "
            f"judge{'s' if len(shown) == 1 else ''}",
            "Ask for a longer period, or for other thresholds.",
        )
    levels = {its.confidence for its, part in judging if part.thresholds}
    if len(levels) > 1:
        raise Refused(f"{period} was frozen with intervals of several levels", "Ask its parts one by one.")
    order = {identity: i for i, identity in enumerate(dict.fromkeys(its.threshold.id for its in found))}
    return Evaluation(
        period=period,
        confidence=levels.pop(),
        early=any(its.early for its, _ in judging),
        judgements=tuple(sorted(found, key=lambda its: (order[its.threshold.id], its.reading.bucket.start))),
    )


class _Evaluating:
    def __init__(self, registry: Registry, engine: Engine, history: int, now: datetime, frozen: str | None) -> None:
        self.registry = registry
        self.frozen = frozen
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

    def judgements(self, thresholds: Sequence[Threshold], period: Period) -> list[Judgement]:
        wanted = [(threshold, bucket) for threshold in thresholds for bucket in self.whole(threshold, period)]
        shown = list({threshold.id: threshold for threshold, _ in wanted}.values())
        judged = {(threshold.id, bucket): threshold for threshold, bucket in wanted}
        # A family is judged whole, whichever of it is shown.
        for threshold, bucket in wanted:
            judged |= {(member.id, bucket): member for member in family(self.registry, threshold)}
        self.ask([(threshold, bucket) for (_, bucket), threshold in judged.items()], shown)
        changes = self.changes(judged)
        return [self.judgement(threshold, bucket, changes) for threshold, bucket in wanted]

    # --- which buckets ---

    def whole(self, threshold: Threshold, period: Period) -> list[Bucket]:
        """The buckets of the threshold's grain that end in the period; in a month no quarter may end."""
        found = []
        bucket = bucket_around(period.start, threshold.grain, self.calendar)
        while bucket.end <= period.end:
            found.append(bucket)
            bucket = bucket_around(bucket.end, threshold.grain, self.calendar)
        return [bucket for bucket in found if bucket.end > period.start]

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
            members = [its for its in family(self.registry, threshold) if self.at(its, bucket)[0].method != "none"]
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
            frozen=self.frozen,
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
