"""What SQL dialects have in common: each method one construct, in the form that most of them take.

sqlglot writes the text of the trees that are built here; what it would translate without an error into something
else never reaches it.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as _Sqlglot

from cxgov.compiler.clock import Open, Shift
from cxgov.compiler.query import Refused
from cxgov.compiler.trees import Node, call, case, cast, number, select, string
from cxgov.compiler.words import RESERVED

_HAIR: Final = Decimal("1e-15")


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
            return signed(shifts[0].seconds * parts)
        pairs: list[tuple[Node, Node]] = []
        for shift in shifts[:-1]:
            assert shift.until is not None
            pairs.append((exp.LT(this=time.copy(), expression=self.moment(shift.until)), signed(shift.seconds * parts)))
        return case(pairs, signed(shifts[-1].seconds * parts))

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
        return exp.WithinGroup(this=function(this=signed(q)), expression=order)

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


def signed(value: Decimal | int) -> Node:
    """A number, which may be less than zero."""
    return exp.Neg(this=number(-value)) if value < 0 else number(value)


def clock_text(moment: datetime | Open) -> str:
    """A moment as a clock shows it, the way it stands in every dialect's literals."""
    if isinstance(moment, Open):
        return moment.on_clock
    # Not strftime: it writes the year 1 without its zeros.
    return moment.replace(tzinfo=None).isoformat(sep=" ")
