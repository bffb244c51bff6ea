"""A metric's canonical statement: by all its dimensions, with full statistics, for a period that is still to be named.

What depends on the period are the moments at its edges and when it is closed. They stand in the text as named
placeholders, so that an unchanged metric has the same statement period after period.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, cast

from cxgov.compiler.clock import Open, bound
from cxgov.compiler.dialect import clock_text
from cxgov.compiler.periods import Edges
from cxgov.compiler.plan import Chain, Plan, Roll, Scan
from cxgov.compiler.planning import plan
from cxgov.compiler.query import Query
from cxgov.compiler.sql import to_sql
from cxgov.language.derivation import measured_parts
from cxgov.language.diagnostics import Place
from cxgov.language.model import Column, Metric, Registry, Source

_PLACEHOLDER: Final = re.compile(
    r"\{cxgov (period_start|period_end|as_of)(?: (\S+) (first|last|-) (error|forward|-))?\}"
)
# Its edges are taken out again, so any does.
_SOME_PERIOD: Final = "2001"
_SOME_TIME: Final = datetime(2001, 1, 1, tzinfo=UTC)


def canonical_query(registry: Registry, metric: Metric, period: str, as_of: datetime) -> Query:
    """The question that a metric's canonical statement answers; one without `time` has no period, only an ``as_of``."""
    its = total(registry, metric, period, as_of)
    as_of_period = None if its.period is not None else as_of
    return replace(its, by=tuple(sorted(metric.dimensions)), stats="full", as_of=as_of_period)


def total(registry: Registry, metric: Metric, period: str, as_of: datetime) -> Query:
    """The question for a metric's one number in a period; one without `time` has no period, only an ``as_of``."""
    timed = all(part.time is not None for part in measured_parts(registry.metrics, metric))
    return Query(metrics=(metric.id,), period=period if timed else None, as_of=as_of)


def canonical_sql(registry: Registry, metric: Metric, dialects: Sequence[str]) -> dict[str, str]:
    """The canonical statement of a metric in each dialect, without a header.

    Raises:
        Refused: a dialect lacks what would be exact.
    """
    made = _opened(plan(registry, canonical_query(registry, metric, _SOME_PERIOD, _SOME_TIME)))
    return {dialect: to_sql(made, dialect).body for dialect in dialects}


def filled(canonical: str, edges: Edges) -> str:
    """A canonical statement for a period.

    Raises:
        Refused: hours that a clock never showed are moved across one of the edges.
    """
    moments = {"period_start": edges.start, "period_end": edges.end, "as_of": edges.as_of}

    def value(found: re.Match[str]) -> str:
        moment = moments[found[1]]
        return clock_text(moment if found[2] is None else _on_clock(moment, found[2], found[3], found[4]))

    return _PLACEHOLDER.sub(value, canonical)


def _on_clock(moment: datetime, zone: str, twice: str, missing: str) -> datetime:
    policies = {key: None if said == "-" else said for key, said in (("twice", twice), ("missing", missing))}
    column = Column(name="the time", type="local", zone=zone, place=Place("", 0, 0), **cast("Any", policies))
    return bound(column, moment)


def _opened(made: Plan) -> Plan:
    return replace(made, scans=tuple(map(_scan, made.scans)))


def _scan(scan: Scan) -> Scan:
    time = scan.time
    return replace(
        scan,
        low=None if scan.low is None or time is None else Open("period_start", time),
        high=None if scan.high is None or time is None else Open("period_end", time),
        arrived_before=_arrived(scan.source),
        tables=tuple(replace(table, arrived_before=_arrived(table.source)) for table in scan.tables),
        chain=None if scan.chain is None else _chain(scan.chain),
    )


def _chain(chain: Chain) -> Chain:
    return replace(chain, frame=_roll(chain.frame), invitations=_roll(chain.invitations))


def _roll(roll: Roll | None) -> Roll | None:
    return None if roll is None else replace(roll, arrived_before=_arrived(roll.source))


def _arrived(source: Source) -> Open | None:
    return None if source.arrival is None else Open("as_of", source.columns[source.arrival])
