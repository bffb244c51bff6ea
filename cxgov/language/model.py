"""The typed model of a registry: frozen nouns, each with the place where it is written."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from cxgov.language.diagnostics import Place
from cxgov.language.expressions import Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What every kind of document says of itself."""

    id: str
    version: str
    title: str
    owner: str
    description: str = ""
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where SQL runs. ``relations`` maps a relation to a file; ``dsn_env`` names the variable of the secret."""

    name: str
    engine: Literal["duckdb", "postgres"]
    database: str | None = None
    relations: tuple[tuple[str, str], ...] = ()
    dsn_env: str | None = None
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Document):
    """The document of kind Registry."""

    calendar: str
    dialects: tuple[str, ...]
    connections: tuple[Connection, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar(Document):
    """Zone, weeks, fiscal years and reporting periods. ``week_start`` counts from Monday as 0."""

    zone: str
    week_start: int
    fiscal_month: int = 1
    fiscal_day: int = 1
    named_by: Literal["start", "end"] = "start"
    reporting: Literal["month", "quarter", "year"]
    closes: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a source. ``zone``, ``twice`` and ``missing`` belong to local time."""

    name: str
    type: str
    nullable: bool = False
    values: tuple[str | int, ...] = ()
    range: tuple[Decimal | int, Decimal | int] | None = None
    personal: bool = False
    zone: str | None = None
    twice: Literal["first", "last"] | None = None
    missing: Literal["error", "forward"] | None = None
    description: str = ""
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A role that an entity plays in a row. Without ``source`` it is the source's own."""

    role: str
    key: tuple[str, ...]
    source: str | None = None
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """What results may be split by: a name for an expression over a source's columns."""

    name: str
    expression: Expr
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The columns between which a row holds, half-open; NULL ``until``: it still does."""

    start: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Document):
    """A relation of facts or entities, with what may be said about its columns."""

    relation: str
    grain: str
    key: tuple[str, ...]
    arrival: str | None = None
    interval: Interval | None = None
    columns: dict[str, Column]
    entities: dict[str, Entity]
    dimensions: dict[str, Dimension]

    @property
    def own_entity(self) -> Entity | None:
        """The entity that a row of this source is, where exactly one is declared."""
        own = [entity for entity in self.entities.values() if entity.source is None]
        return own[0] if len(own) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """``count``, ``count_distinct``, ``sum``, ``mean``, ``min``, ``max`` or ``quantile`` of an expression.

    ``of`` is None for ``count``; of ``count_distinct`` it is an expression or the name of an entity.
    """

    function: str
    of: Expr | None = None
    q: Decimal | None = None
    quantile_type: int | None = None
    where: Expr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Rows where ``of`` is true over the rows of ``among``."""

    of: Expr
    among: Expr | None = None
    unknown: Literal["out", "no"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetShare:
    """Share of ``plus`` less share of ``minus``."""

    plus: Expr
    minus: Expr
    among: Expr | None = None
    unknown: Literal["out", "no"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One aggregate over another."""

    numerator: Aggregate
    denominator: Aggregate


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """An expression over the ids of other metrics."""

    of: Expr


Measure = Aggregate | Share | NetShare | Ratio | Derived


@dataclass(frozen=True, slots=True, kw_only=True)
class Raci:
    """Who is responsible, accountable, consulted and informed."""

    responsible: str = ""
    accountable: str = ""
    consulted: tuple[str, ...] = ()
    informed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(Document):
    """A number with one meaning."""

    status: Literal["draft", "certified"]
    raci: Raci
    source: str | None = None
    time: str | None = None
    where: Expr | None = None
    valid: Expr | None = None
    measure: Measure
    unit: str
    direction: Literal["higher_is_better", "lower_is_better", "neither"]
    dimensions: tuple[str, ...] = ()
    min_sample: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Every document of a registry, by kind and id."""

    settings: Settings
    calendars: dict[str, Calendar]
    sources: dict[str, Source]
    metrics: dict[str, Metric]

    @property
    def calendar(self) -> Calendar:
        """The calendar that gives zone, weeks and periods."""
        return self.calendars[self.settings.calendar]
