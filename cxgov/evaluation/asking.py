"""One side of a review on a connection: metrics to their numbers, or to the reason why there is none.

Metrics are asked together where that works. Where it does not, each is asked alone, so that one that cannot be
answered hides no other.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cxgov.compiler.clock import day_start
from cxgov.compiler.periods import Period
from cxgov.compiler.planning import plan
from cxgov.compiler.query import Query, Refused
from cxgov.compiler.sql import Compiled, to_sql
from cxgov.engines.answering import Result, answer, sources_of
from cxgov.engines.connecting import choose, connect
from cxgov.engines.protocol import Engine, EngineError, EngineUnreachable
from cxgov.evaluation.completing import complete
from cxgov.evaluation.reviewed import Number
from cxgov.language.derivation import measured_parts
from cxgov.language.model import Registry, Source

# A metric with the overlay under which it is asked, by the ids of one side.
Key = tuple[str, str | None]
# Numbers by the value of a dimension, or the one of all rows by None.
Cells = Mapping[Any, Number]


@dataclass(frozen=True, slots=True)
class Access:
    """A connection: its name, its dialect, the relations that it maps, and how it is opened to read sources."""

    name: str
    dialect: str
    relations: Collection[str]
    open: Callable[[Sequence[Source]], Engine]


def reached(registry: Registry, connection: str, folder: Path) -> Access | str:
    """A connection of a registry, whose files lie in a folder; or why there is none."""
    try:
        chosen = choose(registry, connection)
    except EngineUnreachable as reason:
        return str(reason)
    relations = [relation for relation, _ in chosen.relations]
    return Access(chosen.name, chosen.engine, relations, lambda sources: connect(chosen, folder, sources))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What one registry is asked. ``forbidden`` says why sources may not be read, or None where they may."""

    registry: Registry
    access: Access
    period: Period
    as_of: datetime
    now: datetime
    forbidden: Callable[[Sequence[Source]], str | None]

    def answers(self, keys: Sequence[Key], by: str | None = None) -> dict[Key, Cells | str]:
        """For each metric its numbers, by a dimension or without one, or the reason why it has none."""
        found: dict[Key, Cells | str] = {}
        together: defaultdict[tuple[str | None, bool], list[Key]] = defaultdict(list)
        for key in keys:
            reason = self.refusal(key, by)
            if reason is not None:
                found[key] = reason
            else:
                together[key[1], self.timeless(key)].append(key)
        for group in together.values():
            try:
                found |= self.asked(group, by)
            except (Refused, EngineError):
                found |= {key: self.alone(key, by) for key in group}
        return found

    def timeless(self, key: Key) -> bool:
        """Whether a metric has no event time, so that it is asked without a period."""
        metrics = self.registry.metrics
        return all(part.time is None for part in measured_parts(metrics, metrics[key[0]]))

    def refusal(self, key: Key, by: str | None) -> str | None:
        """Why a metric is not asked at all; None where it is."""
        if not self.timeless(key) and day_start(self.period.end, self.registry.calendar.zone) > self.as_of:
            return f"{self.period.name} ends on {self.period.end} by this side's calendar, after the `as of`"
        try:
            compiled = self.compiled([key], by)
        except Refused as refusal:
            return words(refusal)
        return self.forbidden(sources_of(compiled))

    def compiled(self, keys: Sequence[Key], by: str | None) -> Compiled:
        """The statement for metrics that are asked under one overlay."""
        query = Query(
            metrics=tuple(identity for identity, _ in keys),
            by=() if by is None else (by,),
            period=None if self.timeless(keys[0]) else self.period.name,
            as_of=self.as_of,
            stats="full",
            draft=True,
            overlay=keys[0][1],
        )
        return to_sql(plan(self.registry, query), self.access.dialect)

    def asked(self, keys: Sequence[Key], by: str | None) -> dict[Key, Cells | str]:
        """The numbers of metrics by one statement."""
        compiled = self.compiled(keys, by)
        # Each statement sees the relations that it reads and no other.
        engine = self.access.open(sources_of(compiled))
        try:
            result = complete(answer(engine, compiled, self.now))
        finally:
            engine.close()
        return {key: _cells(result, key[0]) for key in keys}

    def alone(self, key: Key, by: str | None) -> Cells | str:
        """The numbers of one metric, or what went wrong."""
        try:
            return self.asked([key], by)[key]
        except Refused as refusal:
            return words(refusal)
        except EngineError as error:
            return str(error)


def words(refusal: Refused) -> str:
    """A refusal with its way out, as one sentence or two."""
    return f"{refusal}. {refusal.fix}" if refusal.fix else str(refusal)


def _cells(result: Result, identity: str) -> Cells:
    place = {column.role: i for i, column in enumerate(result.columns) if column.metric == identity}
    dimension = next((i for i, column in enumerate(result.columns) if column.role == "dimension"), None)
    found = {}
    for row in result.rows:
        value, low, high = (
            None if at is None or row[at] is None else float(row[at]) for at in map(place.get, ("value", "low", "high"))
        )
        number = Number(value=value, n=row[place["n"]], status=row[place["status"]], low=low, high=high)
        found[None if dimension is None else row[dimension]] = number
    return found
