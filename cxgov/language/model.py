"""The typed model of a registry: frozen nouns, each with the place where it is written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from cxgov.language.diagnostics import Place
from cxgov.language.expressions import Expr
from cxgov.language.policy import BreakGlass, Member, Requirement
from cxgov.language.sampling import (
    NO_MINIMUM,
    ContactCap,
    Deduplicate,
    Frame,
    Invited,
    Minimum,
    Responded,
    Selection,
    Weights,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What every kind of document says of itself; ``formerly`` are ids that it had before."""

    id: str
    version: str
    title: str
    owner: str
    description: str = ""
    formerly: tuple[str, ...] = ()
    place: Place = field(compare=False, repr=False)

    def __reduce__(self) -> tuple[Callable[..., "Document"], tuple[object, ...]]:
        # Sent in half of the time that a dataclass with slots takes; no document is more than its fields.
        kind = type(self)
        return _received, (kind, *[getattr(self, name) for name in kind.__dataclass_fields__])


def _received(kind: type[Document], *values: object) -> Document:
    document = object.__new__(kind)
    for name, value in zip(kind.__dataclass_fields__, values, strict=True):
        object.__setattr__(document, name, value)
    return document


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
    """The document of kind Registry. ``confidence`` is that of intervals; ``longest_exclusion`` bounds exclusions.

    ``repository`` and ``ref`` say where the registry lives; ``tool`` are pairs of a program and its pinned version.
    """

    calendar: str
    dialects: tuple[str, ...]
    confidence: Decimal = Decimal("0.95")
    longest_exclusion: timedelta | None = None
    repository: str | None = None
    ref: str | None = None
    tool: tuple[tuple[str, str], ...] = ()
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
class Deprecation:
    """How a metric ends. ``successor`` is to be used instead; from the day of ``sunset`` on it may be retired."""

    successor: str | None
    sunset: date
    notice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(Document):
    """A number with one meaning."""

    status: Literal["draft", "certified", "deprecated", "retired"]
    deprecated: Deprecation | None = None
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
    sampling: str | None = None

    @property
    def answers(self) -> bool:
        """Whether it answers for the present: certified, and not retired since."""
        return self.status in {"certified", "deprecated"}

    @property
    def folded_title(self) -> str:
        """The title as a reader tells it from others: without case, by its words."""
        return folded(self.title)

    def fewest_shown(self, rule: "Sampling | None") -> int:
        """The fewest rows with which the metric is shown, by itself and by its sampling rule."""
        own = self.min_sample or 1
        return max(own, rule.minimum.show, rule.minimum.privacy) if rule else own


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling(Document):
    """Who counts: the steps from a source's rows to those that are measured."""

    source: str
    unit: str
    frame: Frame | None = None
    contact_cap: ContactCap | None = None
    select: Selection | None = None
    invited: Invited | None = None
    responded: Responded | None = None
    deduplicate: Deduplicate | None = None
    weights: Weights | None = None
    minimum: Minimum = NO_MINIMUM


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A range of values: those under ``below`` that no band before it has; without it all the rest."""

    name: str
    below: Decimal | int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold(Document):
    """Where a metric stands at a grain and scope, and which change of it matters.

    ``scope`` are pairs of a dimension's path and its value. ``meaningful_change`` is in the metric's unit.
    """

    metric: str
    grain: Literal["day", "week", "month", "quarter", "year"]
    scope: tuple[tuple[str, str | int | bool], ...] = ()
    target: Decimal | int | None = None
    bands: tuple[Band, ...]
    meaningful_change: Decimal | int
    against: Literal["previous", "1 year"] = "previous"
    family: str | None = None
    playbook: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion(Document):
    """A documented exception: rows that do not count for some metrics from a day to before another."""

    source: str
    where: Expr
    metrics: tuple[str, ...]
    reason: str
    evidence: str
    requester: str
    start: date
    end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay(Document):
    """A region's own view of some metrics of one source: fewer rows, more dimensions, its thresholds.

    ``where`` narrows each of the metrics; ``min_sample`` is above every minimum that they have.
    """

    metrics: tuple[str, ...]
    where: Expr
    dimensions: dict[str, Dimension] = field(default_factory=dict)
    thresholds: tuple[str, ...] = ()
    min_sample: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportQuery:
    """A file of SQL that a report shows, by its path from the registry's folder.

    ``digest`` is the SHA-256 of its bytes, None where there is no such file; ``metrics`` are the ids that its
    certificate names, none where it has none.
    """

    path: str
    digest: str | None = None
    metrics: tuple[str, ...] = ()
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Document):
    """A dashboard with the certified queries that it shows."""

    tool: str
    audience: str
    queries: tuple[ReportQuery, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Council(Document):
    """Who may change what. ``sequence`` counts the policies of a registry, one by one.

    ``guards`` are pairs of a path's pattern, outside the registry, and the class of its change; ``beneficiaries``
    pairs of a metric and the persons whose approval of it does not count. A class that no rule names is blocked.
    Without ``break_glass`` nothing stands for an approval.
    """

    sequence: int
    members: tuple[Member, ...]
    rules: tuple[Requirement, ...]
    default: Literal["block"] = "block"
    guards: tuple[tuple[str, str], ...] = ()
    beneficiaries: tuple[tuple[str, tuple[str, ...]], ...] = ()
    break_glass: BreakGlass | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Every document of a registry, by kind and id."""

    settings: Settings
    calendars: dict[str, Calendar]
    sources: dict[str, Source]
    metrics: dict[str, Metric]
    samplings: dict[str, Sampling] = field(default_factory=dict)
    thresholds: dict[str, Threshold] = field(default_factory=dict)
    exclusions: dict[str, Exclusion] = field(default_factory=dict)
    overlays: dict[str, Overlay] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    council: Council | None = None

    @property
    def calendar(self) -> Calendar:
        """The calendar that gives zone, weeks and periods."""
        return self.calendars[self.settings.calendar]

    def rule_of(self, metric: Metric) -> Sampling | None:
        """The sampling rule by which a metric's rows count."""
        return self.samplings[metric.sampling] if metric.sampling else None


# Two sides of a comparison ask it of the same titles.
@lru_cache(maxsize=1 << 16)
def folded(title: str) -> str:
    """A title as a reader tells it from others: without case, by its words."""
    return " ".join(title.casefold().split())
