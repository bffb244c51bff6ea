"""A sampling rule and a period to the statement that draws whom to invite."""

from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from cxgov.compiler.clock import bound, day_start
from cxgov.compiler.dialect import Dialect
from cxgov.compiler.dialects import dialect_named
from cxgov.compiler.draw_sql import drawn
from cxgov.compiler.measures import conditions
from cxgov.compiler.periods import Period, named_period
from cxgov.compiler.query import Refused
from cxgov.compiler.scalars import Scalars
from cxgov.compiler.sql import dialect_text
from cxgov.compiler.trees import Node, conjunction, number, select
from cxgov.language.diagnostics import listed, nearest
from cxgov.language.model import Registry, Sampling, Source
from cxgov.language.scopes import sure_scope


@dataclass(frozen=True, slots=True)
class Draw:
    """A statement that lists the units to invite, by their keys and in their order."""

    sql: str
    dialect: str
    columns: tuple[str, ...]
    rule: Sampling
    period: Period
    sources: tuple[Source, ...]


def compile_draw(registry: Registry, identity: str, period: str, dialect_name: str) -> Draw:
    """The draw of a rule at the first instant of a period: who is in the frame, not over the cap, and selected.

    Raises:
        Refused: there is no such rule or period, or the rule has no frame to draw from.
    """
    rule = registry.samplings.get(identity)
    if rule is None:
        known = registry.samplings
        raise Refused(
            f"sampling rule {identity!r} does not exist{nearest(identity, known)}",
            f"Rules: {listed(sorted(known))}." if known else "Write a document of kind Sampling.",
        )
    if rule.frame is None:
        raise Refused(f"{identity} has no frame to draw from", "Add `frame:` with the source of who may be asked.")
    when = named_period(period, registry.calendar)
    start = day_start(when.start, registry.calendar.zone)
    dialect, roster = dialect_named(dialect_name), registry.sources[rule.frame.source]
    own = roster.own_entity
    assert own is not None
    for name in own.key:
        if roster.columns[name].personal:
            message = f"the list would show {roster.id}.{name}, which is personal"
            raise Refused(message, "Give the unit a key that names nobody, and look the address up where it is sent.")
    scalars = _scalars(dialect, roster)
    where: list[Node] = [scalars.inside(part, "and") for part in conditions(roster, rule.frame.where)]
    sources = [roster]
    if rule.contact_cap is not None and rule.invited is not None:
        sent = registry.sources[rule.invited.source]
        sources.append(sent)
        where.append(_not_too_often(dialect, rule, roster, sent, start))
    if rule.select is not None and rule.select.method == "hash" and rule.select.fraction != 1:
        keys = [dialect.column(name, roster.id) for name in own.key]
        where.append(drawn(dialect, keys, rule.select.salt, rule.select.fraction))
    query = select(
        [dialect.column(name, roster.id) for name in own.key],
        dialect.relation(roster.relation, roster.id),
        where=where,
        order=[dialect.ordered(dialect.column(name, roster.id), roster.columns[name].type) for name in own.key],
    )
    header = f"-- whom {identity} invites for {when.name}: {when.start} to before {when.end}\n"
    return Draw(f"{header}{dialect_text(dialect, query)}\n", dialect_name, own.key, rule, when, tuple(sources))


def _not_too_often(dialect: Dialect, rule: Sampling, roster: Source, sent: Source, start: datetime) -> Node:
    """Fewer than the cap's invitations in the time before the draw."""
    assert rule.contact_cap is not None
    assert rule.invited is not None
    own = roster.own_entity
    assert own is not None
    time = sent.columns[rule.invited.time]
    low, high = (bound(time, moment) for moment in (start - rule.contact_cap.per, start))
    alias = "asked_before"
    at = dialect.column(time.name, alias)
    on: list[Node] = [
        exp.EQ(this=dialect.column(there, alias), expression=dialect.column(here, roster.id))
        for there, here in zip(sent.entities[rule.invited.by].key, own.key, strict=True)
    ]
    on += [exp.GTE(this=at, expression=dialect.moment(low)), exp.LT(this=at.copy(), expression=dialect.moment(high))]
    table = dialect.relation(sent.relation, alias)
    asked = exp.Subquery(this=select([exp.Count(this=exp.Star())], table, where=[conjunction(on)]))
    return exp.LT(this=asked, expression=number(rule.contact_cap.at_most))


def _scalars(dialect: Dialect, roster: Source) -> Scalars:
    return Scalars(dialect, sure_scope(roster), lambda name: dialect.column(name, roster.id), columns=True)
