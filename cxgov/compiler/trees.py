"""sqlglot's nodes, put together directly: its own builders parse and copy what they are given."""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlglot import exp

Node = exp.Expression
_TYPES: Final = {
    "bigint": exp.DType.BIGINT, "boolean": exp.DType.BOOLEAN, "date": exp.DType.DATE, "datetime": exp.DType.DATETIME,
    "decimal": exp.DType.DECIMAL, "double": exp.DType.DOUBLE, "text": exp.DType.TEXT,
    "timestamp": exp.DType.TIMESTAMP, "timestampntz": exp.DType.TIMESTAMPNTZ, "timestamptz": exp.DType.TIMESTAMPTZ,
}  # fmt: skip


def cast(this: Node, kind: str) -> exp.Cast:
    """``CAST(this AS kind)``."""
    return exp.Cast(this=this, to=exp.DataType(this=_TYPES[kind]))


def call(function: str, *args: Node) -> exp.Anonymous:
    """A function by the name that the dialect gives it."""
    return exp.Anonymous(this=function, expressions=list(args))


def number(value: object) -> exp.Literal:
    """A number that is not negative."""
    return exp.Literal(this=str(value), is_string=False)


def string(value: str) -> exp.Literal:
    """A text."""
    return exp.Literal(this=value, is_string=True)


def case(pairs: Iterable[tuple[Node, Node]], default: Node | None = None) -> exp.Case:
    """``CASE WHEN … THEN … ELSE … END``."""
    return exp.Case(ifs=[exp.If(this=condition, true=value) for condition, value in pairs], default=default)


def plus(*terms: Node) -> Node:
    """A sum of terms that bind at least as tightly as a product."""
    found = terms[0]
    for term in terms[1:]:
        found = exp.Add(this=found, expression=term)
    return found


def minus(left: Node, right: Node) -> Node:
    """A difference of a sum and a term that binds at least as tightly as a product."""
    return exp.Sub(this=left, expression=right)


def product(*factors: Node) -> Node:
    """A product; sums within it are bracketed."""
    found = bracketed(factors[0])
    for factor in factors[1:]:
        found = exp.Mul(this=found, expression=bracketed(factor))
    return found


def quotient(top: Node, bottom: Node) -> Node:
    """A quotient of doubles; NULL where the bottom is 0."""
    divisor = bottom if isinstance(bottom, exp.Literal) else exp.Nullif(this=bottom, expression=number(0))
    return exp.Div(this=bracketed(top), expression=divisor, typed=True, safe=False)


def bracketed(node: Node) -> Node:
    """A node that may stand within a product."""
    return exp.Paren(this=node) if isinstance(node, exp.Add | exp.Sub | exp.Div | exp.Neg | exp.Or | exp.And) else node


def conjunction(conditions: Sequence[Node]) -> Node:
    """The conditions joined by ``AND``."""
    joined = conditions[0]
    for condition in conditions[1:]:
        joined = exp.And(this=joined, expression=condition)
    return joined


def disjunction(conditions: Sequence[Node]) -> Node:
    """The conditions joined by ``OR``."""
    joined = conditions[0]
    for condition in conditions[1:]:
        joined = exp.Or(this=joined, expression=condition)
    return joined


def is_null(node: Node) -> Node:
    """``node IS NULL``."""
    return exp.Is(this=node, expression=exp.Null())


def ordinals(count: int) -> exp.Group:
    """``GROUP BY 1, 2, …``: positions cannot be captured by an alias."""
    return exp.Group(expressions=[number(i + 1) for i in range(count)])


def join(table: Node, on: Node | None = None, *, side: str | None = None, kind: str | None = None) -> exp.Join:
    """A join of a table."""
    return exp.Join(this=table, on=on, side=side, kind=kind)


def select(
    cells: list[Node],
    source: Node,
    *,
    joins: Sequence[exp.Join] = (),
    where: Sequence[Node] = (),
    group: exp.Group | None = None,
    order: Sequence[exp.Ordered] = (),
    distinct: bool = False,
) -> exp.Select:
    """A query."""
    return exp.Select(
        expressions=cells,
        from_=exp.From(this=source),
        joins=list(joins) or None,
        where=exp.Where(this=conjunction(where)) if where else None,
        group=group,
        order=exp.Order(expressions=list(order)) if order else None,
        distinct=exp.Distinct() if distinct else None,
    )


def union(parts: Sequence[exp.Query], *, distinct: bool) -> exp.Query:
    """The parts below each other."""
    found = parts[0]
    for part in parts[1:]:
        found = exp.Union(this=found, expression=part, distinct=distinct)
    return found
