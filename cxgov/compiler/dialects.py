"""Where SQL dialects differ: one class a dialect, each method one construct, a refusal by name where it has none."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery as _BigQuery
from sqlglot.dialects.duckdb import DuckDB as _DuckDB
from sqlglot.dialects.postgres import Postgres as _Postgres
from sqlglot.dialects.snowflake import Snowflake as _Snowflake

from cxgov.compiler.clock import Open, Shift, repeats
from cxgov.compiler.dialect import Dialect, clock_text, signed
from cxgov.compiler.query import Refused
from cxgov.compiler.trees import Node, call, case, cast, select, string

_TYPES: Final = {
    "integer": "bigint",
    "double": "double",
    "decimal": "decimal",
    "date": "date",
    "text": "text",
    "boolean": "boolean",
}


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
        return call(function, of, signed(q))

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
        return cast(exp.Mul(this=epoch, expression=signed(1_000_000)), "bigint")

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


DIALECTS: Final = {dialect.name: dialect for dialect in (BigQuery(), DuckDB(), Postgres(), Snowflake())}


def dialect_named(name: str) -> Dialect:
    """The dialect of a name.

    Raises:
        Refused: there is none.
    """
    if name not in DIALECTS:
        raise Refused(f"{name!r} is not a dialect that cxgov writes", f"Write one of: {', '.join(sorted(DIALECTS))}.")
    return DIALECTS[name]


def _wrapped(node: Node) -> Node:
    return (
        node
        if isinstance(node, exp.Literal | exp.Column | exp.Paren | exp.Anonymous | exp.Cast)
        else exp.Paren(this=node)
    )


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
