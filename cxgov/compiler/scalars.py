"""Expressions of the language to sqlglot trees: typed, bracketed by construction, never by way of text."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlglot import exp

from cxgov.compiler.dialect import Dialect
from cxgov.compiler.query import Refused
from cxgov.compiler.trees import Node, case, cast, is_null, number, string
from cxgov.language.expressions import Expr, names
from cxgov.language.typecheck import Named, Type, infer

_BINARY: Final[dict[str, Callable[..., Node]]] = {
    "=": exp.EQ, "<>": exp.NEQ, "<": exp.LT, "<=": exp.LTE, ">": exp.GT, ">=": exp.GTE,
    "+": exp.Add, "-": exp.Sub, "*": exp.Mul, "%": exp.Mod, "like": exp.Like, "and": exp.And, "or": exp.Or,
}  # fmt: skip
_RANK: Final = {
    "or": 1, "and": 2, "not": 3, "=": 4, "<>": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "between": 4, "in": 4, "like": 4,
    "is null": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "neg": 7,
}  # fmt: skip
_ATOM: Final = 9
_EXP: Final = 700
_DOUBLES: Final = frozenset({"/", "ln", "exp", "sqrt"})
_INT32: Final = 2**31 - 1
_TIMES: Final = frozenset({"instant", "local"})


class Scalars:
    """Writes expressions over one set of names.

    ``resolve`` gives the node of a name; ``columns`` says that names are columns of a relation.
    """

    def __init__(
        self, dialect: Dialect, scope: Mapping[str, Named], resolve: Callable[[str], Node], *, columns: bool = False
    ) -> None:
        self.dialect = dialect
        self.columns = columns
        self.scope = scope
        self.resolve = resolve

    def type_of(self, tree: Expr) -> Type:
        return infer(tree, self.scope)

    def node(self, tree: Expr) -> Node:
        """The node of an expression."""
        op, args = tree.op, tree.args
        if op in {"name", "path"}:
            return self.resolve(str(tree.value))
        if not args:
            return self.literal(tree)
        if op in {"+", "-", "*"}:
            return self.arithmetic(tree)
        if op == "/":
            return self.quotient(tree)
        if op in {"and", "or"}:
            joined: Node = self.inside(args[0], op)
            for arg in args[1:]:
                joined = self.binary(op, joined, self.inside(arg, op))
            return joined
        if op in _BINARY:
            right = self.divisor(args[1]) if op == "%" else self.inside(args[1], op, right=True)
            return self.binary(op, self.inside(args[0], op), right)
        match op:
            case "not" if args[0].op == "is null":
                return exp.Not(this=self.node(args[0]))
            case "not":
                return exp.Not(this=self.inside(args[0], op))
            case "neg":
                return exp.Neg(this=self.wide(args[0], self.inside(args[0], op, right=True)))
            case "between":
                low, high = self.inside(args[1], op, right=True), self.inside(args[2], op, right=True)
                return exp.Between(this=self.inside(args[0], op), low=low, high=high)
            case "in":
                items = [self.inside(arg, op) for arg in args[1:]]
                return exp.In(this=self.inside(args[0], op), expressions=items)
            case "is null":
                return is_null(self.inside(args[0], op))
            case "case":
                return self.case(tree)
            case _:
                return self.function(tree)

    def binary(self, op: str, left: Node, right: Node) -> Node:
        return _BINARY[op](this=left, expression=right)

    def inside(self, tree: Expr, op: str, *, right: bool = False) -> Node:
        """An operand, bracketed where the operator around it binds as tightly or tighter."""
        node = self.node(tree)
        rank = _RANK.get(tree.op, _ATOM)
        outer = _RANK[op]
        if rank < outer or (rank == outer and (right or op not in {"and", "or", "+", "*"})):
            return exp.Paren(this=node)
        return node

    def literal(self, tree: Expr) -> Node:
        value = tree.value
        match tree.op:
            case "text":
                return self.dialect.text(str(value))
            case "number":
                return number(value)
            case "boolean":
                return exp.Boolean(this=value)
            case "null":
                return exp.Null()
            case "interval":
                assert isinstance(value, timedelta)
                microseconds = value // timedelta(microseconds=1)
                # A literal of 32 bits times another would overflow.
                return number(microseconds) if microseconds > _INT32 else cast(number(microseconds), "bigint")
            case "date":
                assert isinstance(value, date)
                return self.dialect.day(value)
            case _:
                assert isinstance(value, datetime)
                return (
                    self.dialect.instant(value.astimezone(UTC)) if tree.op == "instant" else self.dialect.local(value)
                )

    def arithmetic(self, tree: Expr) -> Node:
        left, right = (self.type_of(arg) for arg in tree.args)
        a, b = tree.args
        if tree.op == "-" and left.name in _TIMES and right.name in _TIMES:
            if left.name == "instant":
                return self.dialect.elapsed(self.inside(a, "-"), self.inside(b, "-"), "instant")
            # A literal has no clock of its own: it is read on that of the other side, and two of them on none.
            zone = left.zone or right.zone or "UTC"
            if zone in {"UTC", "Etc/UTC"}:
                return self.dialect.elapsed(self.inside(a, "-"), self.inside(b, "-"), "local")
            twice = self.twice(tree)
            later, earlier = (self.dialect.as_instant(self.inside(arg, "-"), zone, twice) for arg in tree.args)
            return self.dialect.elapsed(later, earlier, "instant")
        if tree.op == "-" and left.name == "date":
            return self.dialect.days_between(self.inside(a, "-"), self.inside(b, "-", right=True))
        if left.name == "instant" or right.name == "instant":
            moment, length = (a, b) if left.name == "instant" else (b, a)
            amount = self.node(length)
            if tree.op == "-":
                amount = exp.Neg(this=self.inside(length, "neg", right=True))
            return self.dialect.plus(self.inside(moment, "+"), amount)
        node = self.binary(
            tree.op, self.wide(a, self.inside(a, tree.op)), self.wide(b, self.inside(b, tree.op, right=True))
        )
        if "duration" in {left.name, right.name} and {left.name, right.name} & {"decimal", "double"}:
            return _double(node)
        return node

    def wide(self, tree: Expr, node: Node) -> Node:
        """An operand of a calculation: a column of small integers would overflow in its own type."""
        if self.columns and tree.op == "name" and self.type_of(tree).name == "integer":
            return cast(node, "bigint")
        return node

    def twice(self, tree: Expr) -> str | None:
        """What the columns in an expression mean by an hour that their clock shows twice."""
        found = {self.scope[name].twice for name in names(tree) if name in self.scope} - {None}
        if len(found) > 1:
            message = f"`{tree}` takes columns that mean the first and the last showing of a repeated hour"
            raise Refused(message, "Declare one `twice:` for all of them.")
        return found.pop() if found else None

    def quotient(self, tree: Expr) -> Node:
        top, bottom = tree.args
        # Also what is declared double: the database may hold integers there, and would divide them as such.
        left = self.node(top) if top.op in _DOUBLES else _double(self.node(top))
        return exp.Div(this=left, expression=self.divisor(bottom), typed=True, safe=False)

    def divisor(self, tree: Expr) -> Node:
        """What is divided by; zero gives NULL on every engine."""
        node = self.inside(tree, "/", right=True)
        if tree.op == "number" and tree.value:
            return node
        return exp.Nullif(this=self.node(tree), expression=number(0))

    def case(self, tree: Expr) -> Node:
        *pairs, default = tree.args
        whens = [
            (self.node(condition), self.node(value)) for condition, value in zip(pairs[::2], pairs[1::2], strict=True)
        ]
        return case(whens, None if default.op == "null" else self.node(default))

    def function(self, tree: Expr) -> Node:
        args = [self.node(arg) for arg in tree.args]
        first, *rest = args
        match tree.op:
            case "coalesce":
                return exp.Coalesce(this=first, expressions=rest)
            case "nullif":
                return exp.Nullif(this=first, expression=rest[0])
            case "greatest":
                return exp.Anonymous(this="GREATEST", expressions=args)
            case "least":
                return exp.Anonymous(this="LEAST", expressions=args)
            case "abs":
                return exp.Abs(this=self.wide(tree.args[0], first))
            case "lower":
                return exp.Lower(this=first)
            case "upper":
                return exp.Upper(this=first)
            case "trim":
                # Without its second part DuckDB takes off every blank of Unicode, PostgreSQL the space alone.
                return exp.Trim(this=first, expression=string(" "))
            case "length":
                return self.dialect.length(first)
            case "ceil" | "floor":
                if self.type_of(tree.args[0]).name == "integer":
                    return first
                return exp.Ceil(this=first) if tree.op == "ceil" else exp.Floor(this=first)
        value = first if self.type_of(tree.args[0]).name == "double" else _double(first)
        if tree.op == "exp":
            # Beyond, one engine fails where another gives infinity.
            low, high = exp.Neg(this=number(_EXP)), number(_EXP)
            return case([(exp.Between(this=_bracketed(first), low=low, high=high), exp.Exp(this=value))])
        # Outside their domain the engines fail or give NaN; here it is NULL.
        zero = number(0)
        if tree.op == "ln":
            return case([(exp.GT(this=_bracketed(first), expression=zero), exp.Ln(this=value))])
        return case([(exp.GTE(this=_bracketed(first), expression=zero), exp.Sqrt(this=value))])


def _double(node: Node) -> exp.Cast:
    return cast(node, "double")


def _bracketed(node: Node) -> Node:
    copied = node.copy()
    return copied if isinstance(copied, exp.Column | exp.Literal) else exp.Paren(this=copied)
