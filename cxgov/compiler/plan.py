"""What a statement says, without a dialect: which facts are scanned, what is counted, how counts become values."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cxgov.compiler.clock import Shift
from cxgov.compiler.periods import Bucket, Period
from cxgov.compiler.query import Query
from cxgov.language.expressions import Expr
from cxgov.language.model import Column, Entity, Metric, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One aggregate of a scan, over the rows for which every condition is true.

    ``function`` is ``count``, ``sum``, ``min``, ``max``, ``distinct`` or ``quantile``; ``of`` is empty for a count
    of rows and has several parts for a composite key. ``type`` is that of the result: integer, decimal or double.
    """

    function: str
    conditions: tuple[Expr, ...]
    of: tuple[Expr, ...] = ()
    q: Decimal | int | None = None
    quantile_type: int | None = None
    type: str = "integer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A relation joined many to one: ``alias`` is its name in the statement, ``parent`` that of the referring one.

    ``arrived_before`` is a value of the arrival column; ``as_of_fact`` says that the row is taken that held at the
    fact's time.
    """

    alias: str
    parent: str
    entity: Entity
    source: Source
    key: tuple[str, ...]
    arrived_before: datetime | None
    as_of_fact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A dimension of the result: output name, path as asked, table alias, expression over its columns, type."""

    name: str
    path: str
    table: str
    expression: Expr
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One pass over a source by one event time.

    Rows from ``low`` to below ``high`` of the time column count, those for which every filter is true. ``selection``
    is the question's own filter over paths; ``ways`` says where each stands. ``starts`` gives the time column's
    value at which each bucket begins; ``shifts`` leads from its clock to the calendar's.
    """

    name: str
    source: Source
    time: Column | None
    tables: tuple[Table, ...]
    splits: tuple[Split, ...]
    filters: tuple[Expr, ...]
    selection: Expr | None
    ways: dict[str, Split]
    components: dict[str, Component]
    low: datetime | None
    high: datetime | None
    arrived_before: datetime | None
    starts: tuple[datetime, ...]
    shifts: tuple[Shift, ...]
    missing: tuple[tuple[datetime, datetime], ...]

    def table_source(self, alias: str) -> Source:
        """The source behind a table's alias."""
        if alias == self.source.id:
            return self.source
        return next(table.source for table in self.tables if table.alias == alias)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A metric of the result.

    ``formula`` and ``n`` are expressions over component names. ``floors`` are pairs (n, fewest rows): with some rows
    but fewer, the value is suppressed. Where ``empty`` is true there is no value; without it there always is one.
    """

    metric: Metric
    formula: Expr
    n: Expr
    floors: tuple[tuple[Expr, int], ...]
    empty: Expr | None
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole question. ``current`` lists paths whose values are those of now, not of the fact's time."""

    query: Query
    period: Period | None
    as_of: datetime | None
    zone: str
    buckets: tuple[Bucket, ...]
    splits: tuple[Split, ...]
    scans: tuple[Scan, ...]
    outputs: tuple[Output, ...]
    current: tuple[str, ...]
