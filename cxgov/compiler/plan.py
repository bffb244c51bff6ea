"""What a statement says, without a dialect: which facts are scanned, what is counted, how counts become values."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from statistics import NormalDist
from typing import Literal

from cxgov.compiler.clock import Open, Shift
from cxgov.compiler.periods import Bucket, Period
from cxgov.compiler.query import Query
from cxgov.language.expressions import Expr
from cxgov.language.model import Column, Entity, Exclusion, Metric, Sampling, Source

Method = Literal["share", "net_share", "mean", "linearised", "total", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One aggregate of a scan, over the rows for which every condition is true.

    ``function`` is ``count``, ``sum``, ``min``, ``max``, ``distinct``, ``quantile``, ``variance`` (of a sample),
    ``squares`` (of the distances from the mean), ``products`` (of two such distances), ``weight_squares``
    or ``moment`` (made in a step of its own). ``of`` is empty for a count of rows and has several parts for a composite
    key. A ``weighted`` count is the sum of the rows' weights. ``type`` is that of the result: integer, decimal or
    double.
    """

    function: str
    conditions: tuple[Expr, ...]
    of: tuple[Expr, ...] = ()
    q: Decimal | int | None = None
    quantile_type: int | None = None
    weighted: bool = False
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
    arrived_before: datetime | Open | None
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
class Cell:
    """A dimension of the frame whose values form post-strata; ``nullable`` where a unit can have none."""

    name: str
    expression: Expr
    nullable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """Who may be asked, or who was: a source, its columns that say which unit a row is, and the rows that count.

    ``arrived_before`` is a value of the arrival column.
    """

    source: Source
    unit: tuple[str, ...]
    conditions: tuple[Expr, ...]
    arrived_before: datetime | Open | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The steps from a source's rows to those that are measured; a step that is None or empty is left out.

    ``unit`` are the columns of the source that say which unit a row is, ``invitation`` those that say which
    invitation it answers; ``own_unit`` says that every row is a unit. ``exclusions`` go with the rows that each of
    them takes away.
    """

    name: str
    rule: Sampling | None
    population: tuple[Expr, ...]
    valid: tuple[Expr, ...]
    exclusions: tuple[tuple[Exclusion, Expr], ...]
    unit: tuple[str, ...] = ()
    frame: Roll | None = None
    cells: tuple[Cell, ...] = ()
    invitations: Roll | None = None
    invitation: tuple[str, ...] = ()
    own_unit: bool = True

    @property
    def clustered(self) -> bool:
        """Whether a unit can have several rows, so that they are not independent."""
        rule = self.rule
        return rule is not None and rule.deduplicate is None and not self.own_unit

    @property
    def weighted(self) -> bool:
        """Whether rows have weights."""
        return self.rule is not None and self.rule.weights is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """What a row adds to the two sides of a value; a total has no ``denominator``."""

    numerator: Expr
    denominator: Expr | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Sums of squares and products of some metrics' two sides over a scan's sampling units, by component prefix."""

    name: str
    of: tuple[tuple[str, Linear], ...]
    components: dict[str, Component]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One pass over a source by one event time, or over what a chain leaves of it.

    Rows from ``low`` to below ``high`` of the time column count, those for which every filter is true. ``selection``
    is the question's own filter over paths; ``ways`` says where each stands. ``starts`` gives the time column's
    value at which each bucket begins; ``shifts`` leads from its clock to the calendar's. ``missing`` has the ranges of
    wall-clock columns that their clocks never showed, where a value in them is an error. ``domain`` are conditions on
    the source's columns that choose among the rows that a chain has left.
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
    low: datetime | Open | None
    high: datetime | Open | None
    arrived_before: datetime | Open | None
    starts: tuple[datetime, ...]
    shifts: tuple[Shift, ...]
    missing: tuple[tuple[Column, tuple[tuple[datetime, datetime], ...]], ...]
    chain: Chain | None = None
    moments: Moments | None = None
    domain: tuple[Expr, ...] = ()

    def table_source(self, alias: str) -> Source:
        """The source behind a table's alias."""
        if alias == self.source.id:
            return self.source
        return next(table.source for table in self.tables if table.alias == alias)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainty:
    """What an interval is made of: a method, formulas over components by role, and what the unit makes of a fraction.

    ``method`` is ``share`` (Wilson), ``net_share`` (adjusted Wald), ``mean`` (t), ``linearised``, ``total`` or
    ``none``. The value is ``scale`` over ``divisor`` times what the components say; it cannot lie below ``lowest``
    or above ``highest``. ``centred``: the squares of a total are those of distances from means already.
    """

    method: Method
    sums: dict[str, Expr]
    scale: int = 1
    divisor: int = 1
    lowest: int | None = None
    highest: int | None = None
    centred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A metric of the result.

    ``formula`` and ``n`` are expressions over component names. ``floors`` are pairs (n, fewest rows): with some rows
    but fewer, the value is suppressed; ``complementary`` where others are then suppressed with it. Where ``empty``
    is true there is no value; without it there always is one. ``uncertainty`` is there where it was asked for.
    """

    metric: Metric
    formula: Expr
    n: Expr
    floors: tuple[tuple[Expr, int], ...]
    complementary: bool = False
    empty: Expr | None
    type: str
    uncertainty: Uncertainty | None = None

    @property
    def bounded(self) -> bool:
        """Whether the statement itself gives an interval; that of a mean needs quantiles of t."""
        return self.uncertainty is not None and self.uncertainty.method not in {"none", "mean"}

    def columns(self, stats: str) -> tuple[str, ...]:
        """The names of the statement's columns for the metric."""
        its = self.metric.id
        if stats == "none":
            return (its,)
        found = (its, f"{its}_n", f"{its}_status")
        if self.uncertainty is None:
            return found
        bounds = (f"{its}_low", f"{its}_high") if self.bounded else ()
        return (*found, *bounds, *(f"{its}_{role}" for role in self.uncertainty.sums))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole question. ``current`` lists what is as of now, not of the fact's time."""

    query: Query
    period: Period | None
    as_of: datetime | None
    zone: str
    buckets: tuple[Bucket, ...]
    splits: tuple[Split, ...]
    scans: tuple[Scan, ...]
    outputs: tuple[Output, ...]
    current: tuple[str, ...]
    confidence: Decimal | int

    @property
    def directions(self) -> int:
        """In how many directions the result's cells stand in lines."""
        return len(self.splits) + (len(self.buckets) > 1)

    @property
    def tells_hidden(self) -> bool:
        """Whether the statement alone shows cells from which a hidden one could be computed."""
        return self.directions > 1 and any(output.complementary and output.floors for output in self.outputs)


def normal_quantile(confidence: float) -> float:
    """How many standard errors lie to each side in an interval of the level, by the normal distribution.

    Raises:
        ValueError: ``confidence`` is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, and {confidence} does not")
    return NormalDist().inv_cdf((1 + confidence) / 2)
