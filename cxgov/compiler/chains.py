"""A metric's sampling rule and exceptions to the steps from a source's rows to those that are measured."""

from collections.abc import Iterable
from datetime import datetime

from cxgov.compiler.clock import arrived_before, bound, day_start
from cxgov.compiler.measures import conditions, kept
from cxgov.compiler.plan import Cell, Chain, Roll
from cxgov.language.expressions import Expr, canonical
from cxgov.language.model import Column, Exclusion, Metric, Registry, Sampling, Source
from cxgov.language.scopes import column_scope, inlined, source_scope
from cxgov.language.typecheck import infer


def exclusions_of(registry: Registry, metric: Metric) -> tuple[Exclusion, ...]:
    """The exceptions that name a metric, by id."""
    return tuple(
        registry.exclusions[identity]
        for identity in sorted(registry.exclusions)
        if metric.id in registry.exclusions[identity].metrics
    )


def takes(exclusion: Exclusion, source: Source, time: Column, zone: str) -> Expr:
    """The condition under which an exception takes a row: its predicate is true and the row lies in its days."""
    where = canonical(inlined(exclusion.where, source))
    low, high = (bound(time, day_start(day, zone)) for day in (exclusion.start, exclusion.end))
    at = Expr("name", (), time.name)
    after = Expr(">=", (at, _moment(low)))
    before = Expr("<", (at, _moment(high)))
    return Expr("and", (*(where.args if where.op == "and" else (where,)), after, before))


def left_in(exclusion: Exclusion, source: Source, time: Column, zone: str) -> Expr:
    """The condition under which a row stays: NULL keeps it."""
    nullable = infer(exclusion.where, source_scope(source)).nullable or time.nullable
    return kept(takes(exclusion, source, time, zone), nullable=nullable)


def chain(
    registry: Registry,
    metric: Metric,
    rule: Sampling | None,
    exclusions: Iterable[Exclusion],
    *,
    name: str,
    as_of: datetime | None,
) -> Chain:
    """The steps of a metric's rows; every reference has been checked before."""
    assert metric.source is not None
    source, zone = registry.sources[metric.source], registry.calendar.zone
    time = source.columns[metric.time] if metric.time else None
    excepted = tuple((exclusion, _sure(exclusion, source, time, zone)) for exclusion in exclusions if time is not None)
    population, valid = conditions(source, metric.where), conditions(source, metric.valid)
    if rule is None:
        return Chain(name=name, rule=None, population=population, valid=valid, exclusions=excepted)
    unit = source.entities[rule.unit]
    frame: Roll | None = None
    cells: tuple[Cell, ...] = ()
    if rule.frame is not None:
        roster = registry.sources[rule.frame.source]
        own = roster.own_entity
        assert own is not None
        where = conditions(roster, rule.frame.where)
        frame = Roll(source=roster, unit=own.key, conditions=where, arrived_before=arrived_before(roster, as_of))
        if rule.weights is not None:
            cells = tuple(_cell(roster, dimension) for dimension in rule.weights.by)
    invitations: Roll | None = None
    invitation: tuple[str, ...] = ()
    if rule.invited is not None:
        sent = registry.sources[rule.invited.source]
        role = sent.entities[rule.invited.by]
        invitations = Roll(source=sent, unit=role.key, conditions=(), arrived_before=arrived_before(sent, as_of))
        if rule.responded is not None:
            invitation = source.entities[rule.responded.by].key
    return Chain(
        name=name,
        rule=rule,
        population=population,
        valid=valid,
        exclusions=excepted,
        unit=unit.key,
        own_unit=unit.source is None and source.interval is None,
        frame=frame,
        cells=cells,
        invitations=invitations,
        invitation=invitation,
    )


def _sure(exclusion: Exclusion, source: Source, time: Column, zone: str) -> Expr:
    """The condition under which a row goes, false where it is unknown."""
    stays = left_in(exclusion, source, time, zone)
    return stays.args[0]


def _cell(roster: Source, dimension: str) -> Cell:
    tree = canonical(inlined(roster.dimensions[dimension].expression, roster))
    return Cell(name=dimension, expression=tree, nullable=infer(tree, column_scope(roster)).nullable)


def _moment(value: datetime) -> Expr:
    return Expr("instant" if value.tzinfo else "local", (), value)
