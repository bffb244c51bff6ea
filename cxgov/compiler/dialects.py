"""Where SQL dialects differ: one class a dialect, each method one construct, a refusal by name where it has none.

sqlglot writes the text of the trees that are built here; what it would translate without an error into something
else never reaches it.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery as _BigQuery
from sqlglot.dialects.dialect import Dialect as _Sqlglot
from sqlglot.dialects.duckdb import DuckDB as _DuckDB
from sqlglot.dialects.postgres import Postgres as _Postgres
from sqlglot.dialects.snowflake import Snowflake as _Snowflake

from cxgov.compiler.clock import Open, Shift, repeats
from cxgov.compiler.query import Refused
from cxgov.compiler.trees import Node, call, case, cast, number, select, string
from cxgov.compiler.words import RESERVED

_TYPES: Final = {
    "integer": "bigint",
    "double": "double",
    "decimal": "decimal",
    "date": "date",
    "text": "text",
    "boolean": "boolean",
}


class Dialect:
    """What every supported dialect has in common; the others say where they differ."""

    name: str
    held: str
    longest_name = 255
    sqlglot: type[_Sqlglot]
    fold = staticmethod(str.lower)

    # --- names and literals ---

    def identifier(self, name: str) -> exp.Identifier:
        """A name, quoted only where the dialect reserves the word.

        Raises:
            Refused: the dialect would cut it, and two names might become one.
        """
        if len(name) > self.longest_name:
            message = f"{self.name} cuts the name {name!r} to {self.longest_name} characters"
            raise Refused(message, "Give the metric or the dimension a shorter id, or ask with --stats none.")
        if name.lower() in RESERVED:
            return exp.Identifier(this=self.fold(name), quoted=True)
        return exp.Identifier(this=name, quoted=False)

    def column(self, name: str, table: str | None = None) -> exp.Column:
        """A column, of a table where one is named."""
        return exp.Column(this=self.identifier(name), table=self.identifier(table) if table else None)

    def relation(self, name: str, alias: str | None = None) -> exp.Table:
        """A relation by its dotted name, under an alias where one is named."""
        *outer, table = (self.identifier(part) for part in name.split("."))
        found = exp.Table(this=table, db=outer[-1] if outer else None, catalog=outer[0] if len(outer) > 1 else None)
        return self.called(found, alias) if alias else found

    def instant(self, moment: datetime | Open) -> Node:
        """A point in time, with its distance from UTC written out."""
        return cast(string(f"{clock_text(moment)}+00:00"), "timestamptz")

    def local(self, moment: datetime | Open) -> Node:
        """A wall-clock time."""
        return cast(string(clock_text(moment)), "timestamp")

    def moment(self, value: datetime | Open) -> Node:
        """An instant where the value has a zone, else a wall-clock time."""
        zoned = value.column.type == "instant" if isinstance(value, Open) else value.tzinfo is not None
        return self.instant(value) if zoned else self.local(value)

    def alias(self, node: Node, name: str) -> exp.Alias:
        """A node under a name."""
        return exp.Alias(this=node, alias=self.identifier(name))

    def table(self, name: str, alias: str | None = None) -> exp.Table:
        """A table of the statement itself, under an alias where one is named."""
        found = exp.Table(this=self.identifier(name))
        return self.called(found, alias) if alias else found

    def called(self, table: exp.Table, alias: str) -> exp.Table:
        """A table under an alias."""
        table.set("alias", exp.TableAlias(this=self.identifier(alias)))
        return table

    def subquery(self, query: exp.Query, name: str) -> exp.Subquery:
        """A query that stands where a table does."""
        return exp.Subquery(this=query, alias=exp.TableAlias(this=self.identifier(name)))

    def with_tables(self, query: exp.Query, tables: Iterable[tuple[str, exp.Query]]) -> exp.Query:
        """A query with the tables that it and each other read, in their order."""
        ctes = [exp.CTE(this=table, alias=exp.TableAlias(this=self.identifier(name))) for name, table in tables]
        query.set("with_", exp.With(expressions=ctes))
        return query

    def day(self, day: date) -> Node:
        """A calendar day."""
        return cast(string(day.isoformat()), "date")

    def text(self, text: str) -> Node:
        """A text."""
        return string(text)

    def null(self, _type: str) -> Node:
        """NULL where a union needs a value of some type."""
        return exp.Null()

    # --- time ---

    def elapsed(self, later: Node, earlier: Node, kind: str) -> Node:
        """Microseconds between two times of one kind, as an integer."""
        raise NotImplementedError

    def plus(self, instant: Node, microseconds: Node) -> Node:
        """An instant some microseconds later."""
        raise NotImplementedError

    def days_between(self, later: Node, earlier: Node) -> Node:
        """Days from one date to another."""
        raise NotImplementedError

    def length(self, text: Node) -> Node:
        """Characters of a text."""
        return exp.Length(this=text)

    def md5(self, text: Node) -> Node:
        """The MD5 of a text's UTF-8 bytes as 32 hex digits in lower case."""
        return call("MD5", text)

    def by_code(self, text: Node) -> Node:
        """A text that is ordered by its characters' codes, whatever the database's language."""
        return text

    def as_instant(self, local: Node, zone: str, twice: str | None) -> Node:
        """The instant that a wall-clock time of a zone means."""
        raise Refused(
            f"{self.name} is not known to resolve the repeated and the missing hours of {zone} as declared",
            "Compile for duckdb or postgres, or declare the column as an instant.",
        )

    def calendar_day(self, time: Node, kind: str, shifts: Sequence[Shift]) -> Node:
        """The day that the calendar's clock shows at a time, by literal distances."""
        raise NotImplementedError

    def shift_seconds(self, time: Node, kind: str, shifts: Sequence[Shift], parts: int = 1) -> Node:
        """The distance between a column's clock and the calendar's at a time, in ``parts`` of a second."""
        if len(shifts) == 1:
            return _number(shifts[0].seconds * parts)
        pairs: list[tuple[Node, Node]] = []
        for shift in shifts[:-1]:
            assert shift.until is not None
            pairs.append(
                (exp.LT(this=time.copy(), expression=self.moment(shift.until)), _number(shift.seconds * parts))
            )
        return case(pairs, _number(shifts[-1].seconds * parts))

    # --- aggregates ---

    def count_if(self, condition: Node) -> Node:
        """Rows for which a condition is true; 0 where there is none, also over no rows and where it is always NULL."""
        return exp.Coalesce(this=exp.CountIf(this=condition), expressions=[number(0)])

    def quantile(self, of: Node, q: Decimal | int, quantile_type: int) -> Node:
        """Exact quantile by Hyndman and Fan's type 7 or 1; NULL is passed over."""
        function = exp.PercentileCont if quantile_type == 7 else exp.PercentileDisc  # noqa: PLR2004
        # NULL is passed over, so the order says nothing about it: not every grammar would let it.
        order = exp.Order(expressions=[of])
        if quantile_type == 1 and q > 0:
            # The rank is ceil(q * n) of a product that can come out a hair too large; this is below any hair of q.
            q = Decimal(q) - _HAIR
        return exp.WithinGroup(this=function(this=_number(q)), expression=order)

    def count_distinct_rows(self, _parts: Sequence[Node], _condition: Node) -> Node:
        """Distinct composite keys over the rows for which a condition is true."""
        raise Refused(f"{self.name} cannot count a composite key exactly", "Count a key of one column.")

    # --- result ---

    def ordered(self, key: Node, _type: str) -> exp.Ordered:
        """A key of the result's order, NULL last."""
        return exp.Ordered(this=key, desc=False, nulls_first=False)

    def bucket_rows(self, rows: Sequence[tuple[date, bool]]) -> exp.Query:
        """A query with the columns ``period_start`` and ``partial``."""
        values = exp.Values(
            expressions=[exp.Tuple(expressions=[self.day(day), exp.Boolean(this=partial)]) for day, partial in rows],
            alias=exp.TableAlias(
                this=self.identifier("bucket"),
                columns=[self.identifier("period_start"), self.identifier("partial")],
            ),
        )
        return select([self.column("period_start"), self.column("partial")], values)


class _ExplicitNulls(_DuckDB):
    # DuckDB's default order is a setting; this makes sqlglot write NULLS LAST out.
    NULL_ORDERING = "nulls_are_small"


class _ExplicitNullsOnSnowflake(_Snowflake):
    # There too, by the parameter DEFAULT_NULL_ORDERING.
    NULL_ORDERING = "nulls_are_small"


class DuckDB(Dialect):
    """DuckDB."""

    name = "duckdb"
    held = "executed in the tests"
    sqlglot = _ExplicitNulls

    def elapsed(self, later: Node, earlier: Node, kind: str) -> Node:
        return exp.Sub(this=call("EPOCH_US", later), expression=call("EPOCH_US", earlier))

    def plus(self, instant: Node, microseconds: Node) -> Node:
        whole = microseconds if isinstance(microseconds, exp.Literal | exp.Cast) else cast(microseconds, "bigint")
        return exp.Add(this=instant, expression=call("TO_MICROSECONDS", whole))

    def days_between(self, later: Node, earlier: Node) -> Node:
        return exp.Paren(this=exp.Sub(this=later, expression=earlier))

    def as_instant(self, local: Node, zone: str, twice: str | None) -> Node:
        return _at_zone(local, zone, twice)

    def count_if(self, condition: Node) -> Node:
        # It is a HUGEINT, and NULL over no rows and where the condition is always NULL.
        return cast(super().count_if(condition), "bigint")

    def calendar_day(self, time: Node, kind: str, shifts: Sequence[Shift]) -> Node:
        if kind == "local" and len(shifts) == 1 and shifts[0].seconds == 0:
            return cast(time, "date")
        # Written in microseconds: seconds of 32 bits times a million would overflow.
        micros = self.shift_seconds(time, kind, shifts, 1_000_000)
        return cast(call("MAKE_TIMESTAMP", exp.Add(this=call("EPOCH_US", time), expression=_wrapped(micros))), "date")

    def quantile(self, of: Node, q: Decimal | int, quantile_type: int) -> Node:
        function = "QUANTILE_CONT" if quantile_type == 7 else "QUANTILE_DISC"  # noqa: PLR2004
        return call(function, of, _number(q))

    def count_distinct_rows(self, parts: Sequence[Node], condition: Node) -> Node:
        return _distinct_tuple(parts, condition)


class Postgres(Dialect):
    """PostgreSQL."""

    name = "postgres"
    longest_name = 63
    held = "executed in the tests"
    sqlglot = _Postgres

    def null(self, type: str) -> Node:
        # Three branches of a union are typed two by two, so a bare NULL would become text.
        return cast(exp.Null(), _TYPES[type])

    def elapsed(self, later: Node, earlier: Node, kind: str) -> Node:
        # Two timestamps differ by days and a time of day, each day 24 hours: the epoch of that is exact.
        difference = exp.Sub(this=_wrapped(later), expression=_wrapped(earlier))
        epoch = exp.Extract(this=exp.Var(this="EPOCH"), expression=difference)
        return cast(exp.Mul(this=epoch, expression=_number(1_000_000)), "bigint")

    def plus(self, instant: Node, microseconds: Node) -> Node:
        one = exp.Interval(this=string("1 microsecond"))
        return exp.Add(this=instant, expression=exp.Mul(this=_wrapped(microseconds), expression=one))

    def days_between(self, later: Node, earlier: Node) -> Node:
        # Of 32 bits there, which a product could exceed.
        return cast(exp.Paren(this=exp.Sub(this=later, expression=earlier)), "bigint")

    def length(self, text: Node) -> Node:
        return cast(super().length(text), "bigint")

    def as_instant(self, local: Node, zone: str, twice: str | None) -> Node:
        return _at_zone(local, zone, twice)

    def calendar_day(self, time: Node, kind: str, shifts: Sequence[Shift]) -> Node:
        seconds = self.shift_seconds(time, kind, shifts)
        if kind == "instant":
            time = exp.AtTimeZone(this=time, zone=string("UTC"))
        if len(shifts) == 1 and shifts[0].seconds == 0:
            return cast(time, "date")
        one = exp.Interval(this=string("1 second"))
        return cast(exp.Add(this=time, expression=exp.Mul(this=_wrapped(seconds), expression=one)), "date")

    def count_if(self, condition: Node) -> Node:
        return exp.Filter(this=exp.Count(this=exp.Star()), expression=exp.Where(this=condition))

    def count_distinct_rows(self, parts: Sequence[Node], condition: Node) -> Node:
        return _distinct_tuple(parts, condition)

    def ordered(self, key: Node, type: str) -> exp.Ordered:
        return super().ordered(self.by_code(key) if type == "text" else key, type)

    def by_code(self, text: Node) -> Node:
        return exp.Collate(this=text, expression=exp.Identifier(this="C", quoted=True))


class Snowflake(Dialect):
    """Snowflake. Unquoted names fold to upper case there."""

    name = "snowflake"
    held = "held by golden files, not executed"
    sqlglot = _ExplicitNullsOnSnowflake
    fold = staticmethod(str.upper)

    def local(self, moment: datetime | Open) -> Node:
        return cast(string(clock_text(moment)), "timestampntz")

    def elapsed(self, later: Node, earlier: Node, kind: str) -> Node:
        return call("TIMESTAMPDIFF", exp.Var(this="MICROSECOND"), earlier, later)

    def plus(self, instant: Node, microseconds: Node) -> Node:
        return call("TIMESTAMPADD", exp.Var(this="MICROSECOND"), microseconds, instant)

    def days_between(self, later: Node, earlier: Node) -> Node:
        return call("DATEDIFF", exp.Var(this="DAY"), earlier, later)

    def calendar_day(self, time: Node, kind: str, shifts: Sequence[Shift]) -> Node:
        seconds = self.shift_seconds(time, kind, shifts)
        if kind == "instant":
            # With two arguments the result has the zone UTC; as NTZ it is UTC's wall clock in every session.
            time = cast(call("CONVERT_TIMEZONE", string("UTC"), time), "timestampntz")
        return cast(call("TIMESTAMPADD", exp.Var(this="SECOND"), seconds, time), "date")


class BigQuery(Dialect):
    """BigQuery."""

    name = "bigquery"
    held = "held by golden files, not executed"
    sqlglot = _BigQuery

    def local(self, moment: datetime | Open) -> Node:
        return cast(string(clock_text(moment)), "datetime")

    def elapsed(self, later: Node, earlier: Node, kind: str) -> Node:
        function = "TIMESTAMP_DIFF" if kind == "instant" else "DATETIME_DIFF"
        return call(function, later, earlier, exp.Var(this="MICROSECOND"))

    def plus(self, instant: Node, microseconds: Node) -> Node:
        return call(
            "TIMESTAMP_ADD",
            instant,
            exp.Interval(this=_wrapped(microseconds), unit=exp.Var(this="MICROSECOND")),
        )

    def days_between(self, later: Node, earlier: Node) -> Node:
        return call("DATE_DIFF", later, earlier, exp.Var(this="DAY"))

    def calendar_day(self, time: Node, kind: str, shifts: Sequence[Shift]) -> Node:
        seconds = exp.Interval(this=_wrapped(self.shift_seconds(time, kind, shifts)), unit=exp.Var(this="SECOND"))
        if kind == "instant":
            return call("DATE", call("TIMESTAMP_ADD", time, seconds), string("UTC"))
        return call("DATE", call("DATETIME_ADD", time, seconds))

    def count_if(self, condition: Node) -> Node:
        return exp.CountIf(this=condition)

    def quantile(self, of: Node, q: Decimal | int, quantile_type: int) -> Node:
        raise Refused(
            "bigquery has no exact quantile as an aggregate, only an approximate one",
            "Compile the metric for another dialect.",
        )

    def md5(self, text: Node) -> Node:
        return call("TO_HEX", call("MD5", text))

    def bucket_rows(self, rows: Sequence[tuple[date, bool]]) -> exp.Query:
        structs = []
        for i, (day, partial) in enumerate(rows):
            cells: list[Node] = [self.day(day), exp.Boolean(this=partial)]
            if i == 0:
                names = ("period_start", "partial")
                cells = [self.alias(cell, name) for cell, name in zip(cells, names, strict=True)]
            structs.append(exp.Struct(expressions=cells))
        unnest = exp.Unnest(expressions=[exp.Array(expressions=structs)])
        return select([self.column("period_start"), self.column("partial")], unnest)


_HAIR: Final = Decimal("1e-15")
DIALECTS: Final = {dialect.name: dialect for dialect in (BigQuery(), DuckDB(), Postgres(), Snowflake())}


def dialect_named(name: str) -> Dialect:
    """The dialect of a name.

    Raises:
        Refused: there is none.
    """
    if name not in DIALECTS:
        raise Refused(f"{name!r} is not a dialect that cxgov writes", f"Write one of: {', '.join(sorted(DIALECTS))}.")
    return DIALECTS[name]


def _number(value: Decimal | int) -> Node:
    return exp.Neg(this=number(-value)) if value < 0 else number(value)


def _wrapped(node: Node) -> Node:
    return (
        node
        if isinstance(node, exp.Literal | exp.Column | exp.Paren | exp.Anonymous | exp.Cast)
        else exp.Paren(this=node)
    )


def clock_text(moment: datetime | Open) -> str:
    """A moment as a clock shows it, the way it stands in every dialect's literals."""
    if isinstance(moment, Open):
        return moment.on_clock
    # Not strftime: it writes the year 1 without its zeros.
    return moment.replace(tzinfo=None).isoformat(sep=" ")


def _at_zone(local: Node, zone: str, twice: str | None) -> Node:
    # Both engines take the last showing of a repeated hour and move a missing one forward.
    instant = exp.AtTimeZone(this=_wrapped(local), zone=string(zone))
    if twice != "first":
        return exp.Paren(this=instant)
    pairs: list[tuple[Node, Node]] = []
    for length in repeats(zone):
        back = exp.Interval(this=string(_length(length)))
        earlier = exp.Sub(this=exp.Paren(this=instant.copy()), expression=back)
        shown = exp.AtTimeZone(this=exp.Paren(this=earlier.copy()), zone=string(zone))
        pairs.append((exp.EQ(this=exp.Paren(this=shown), expression=_wrapped(local.copy())), earlier))
    return case(pairs, instant) if pairs else exp.Paren(this=instant)


def _length(length: timedelta) -> str:
    minutes = length // timedelta(minutes=1)
    return "1 hour" if minutes == 60 else f"{minutes} minutes"  # noqa: PLR2004


def _distinct_tuple(parts: Sequence[Node], condition: Node) -> Node:
    row = exp.Tuple(expressions=list(parts))
    return exp.Count(this=exp.Distinct(expressions=[case([(condition, row)])]))
