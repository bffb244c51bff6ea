"""Types of expressions: a tree and the columns it may name to a type, whether it can be NULL, or a refusal.

Three refusals keep one number one number on every engine: text has no order (collations differ), ``greatest`` and
``least`` take nothing that can be NULL (engines differ on what that gives), and a comparison with ``null`` is never
written. A divisor that can be zero makes the result NULL.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Final, NamedTuple

from cxgov.language.diagnostics import listed, nearest
from cxgov.language.expressions import Expr, ExpressionError

NUMERIC: Final = ("integer", "decimal", "double")
_COMPARISONS: Final = frozenset({"=", "<>", "<", "<=", ">", ">="})
_STRICT: Final = frozenset(
    {
        "+",
        "-",
        "*",
        "/",
        "%",
        "neg",
        "abs",
        "ceil",
        "floor",
        "ln",
        "exp",
        "sqrt",
        "lower",
        "upper",
        "trim",
        "length",
    }
)
_EQUAL: Final = frozenset({"=", "<>", "in"})
_ORDERED: Final = frozenset({"<", "<=", ">", ">=", "between"})
_LOGICAL: Final = frozenset({"and", "or", "not"})
_NOTHING: Final = frozenset[str]()


class Type(NamedTuple):
    """Type of a value, whether it can be NULL and, of a ``local`` time, the zone of its clock."""

    name: str
    nullable: bool
    zone: str | None = None

    def __str__(self) -> str:
        return f"local time of {self.zone}" if self.zone else self.name


class Named(NamedTuple):
    """What a name stands for: its type, where they are declared all its values, and what a repeated hour means."""

    type: Type
    values: tuple[str | int, ...] = ()
    twice: str | None = None


class TypeMismatch(ExpressionError):
    """Parts whose types do not go together."""


class UnknownName(ExpressionError):
    """A name that nothing declares."""


class UnknownValue(ExpressionError):
    """A literal that a column with declared values never has."""


type_of_literal: Final = {
    "text": "text", "boolean": "boolean", "null": "null", "date": "date", "instant": "instant", "local": "local",
    "interval": "duration",
}  # fmt: skip


_BOOLEAN: Final = {False: Type("boolean", nullable=False), True: Type("boolean", nullable=True)}
_INTEGER: Final = Type("integer", nullable=False)
_DECIMAL: Final = Type("decimal", nullable=False)
_LITERALS: Final = {op: Type(name, nullable=op == "null") for op, name in type_of_literal.items()}


def infer(tree: Expr, scope: Mapping[str, Named], known: frozenset[str] = _NOTHING) -> Type:
    """Type of an expression over the names of ``scope``, those in ``known`` being not NULL.

    Raises:
        UnknownName: a name is not in ``scope``.
        UnknownValue: a literal is none of the declared values of the column it is compared with.
        TypeMismatch: the parts do not go together.
    """
    op, operands, value, _ = tree
    if op in {"name", "path"}:
        named = scope.get(value)  # type: ignore[arg-type]  # a name's value is its text
        if named is None:
            name = str(tree.value)
            if op == "path" and all("." not in known for known in scope):
                message = f"{name!r} leads to another source, and an expression speaks of its own"
                raise UnknownName(message, tree.at, "Paths are for `dimensions:`, --by and --where.")
            fix = f"Names here: {listed(sorted(scope))}."
            raise UnknownName(f"{name!r} is not declared{nearest(name, scope)}", tree.at, fix)
        kind: Type = named.type
        return kind._replace(nullable=False) if kind.nullable and value in known else kind
    if op == "number":
        return _INTEGER if type(value) is int else _DECIMAL
    if not operands:
        return _LITERALS[op]
    args = []
    nullable = False
    for operand in operands:
        its = infer(operand, scope, known)
        args.append(its)
        if its.nullable:
            nullable = True
    if op in _ORDERED or op in _EQUAL:
        _comparable(tree, args, ordered=op in _ORDERED)
        if op in _EQUAL:
            _declared_values(tree, scope)
        return _BOOLEAN[nullable]
    if op in _LOGICAL:
        for operand, its in zip(operands, args, strict=True):
            _expect(operand, its, "boolean")
        return _BOOLEAN[nullable]
    if op == "is null":
        return _BOOLEAN[False]
    if op == "like":
        _expect(tree.args[0], args[0], "text")
        return _BOOLEAN[nullable]
    if op == "case":
        return _case(tree, args)
    if op in {"+", "-", "*", "/", "%"}:
        return _arithmetic(tree, args, nullable=nullable)
    return _function(tree, args, nullable=nullable)


def not_null_if_true(tree: Expr) -> frozenset[str]:
    """Names that cannot be NULL on a row where the expression is true; never too many."""
    op, args = tree.op, tree.args
    if op == "name":
        return frozenset({str(tree.value)})
    if op in _COMPARISONS or op in {"between", "like"}:
        return frozenset().union(*(strict(arg) for arg in args))
    if op == "in":
        return strict(args[0])
    if op == "and":
        return frozenset().union(*(not_null_if_true(arg) for arg in args))
    if op == "or":
        return frozenset.intersection(*(not_null_if_true(arg) for arg in args))
    if op == "not":
        inner = args[0]
        if inner.op == "is null":
            return strict(inner.args[0])
        if inner.op == "not":
            return not_null_if_true(inner.args[0])
        # A comparison that is false compared two values; a false `between` or `in` may hold a NULL beside its subject.
        if inner.op in _COMPARISONS or inner.op in {"name", "like"}:
            return not_null_if_true(inner)
        if inner.op in {"between", "in"}:
            return strict(inner.args[0])
    return _NOTHING


def strict(tree: Expr) -> frozenset[str]:
    """Names whose NULL makes the expression NULL."""
    if tree.op == "name":
        return frozenset({str(tree.value)})
    if tree.op in _STRICT:
        return frozenset().union(*(strict(arg) for arg in tree.args))
    return _NOTHING


def common(kinds: list[Type]) -> Type | None:
    """The type that all of these fit, or None. NULL fits any."""
    first = kinds[0]
    if kinds.count(first) == len(kinds):
        return first
    nullable = any(kind.nullable for kind in kinds)
    found = {(kind.name, kind.zone) for kind in kinds if kind.name != "null"}
    if not found:
        return Type("null", nullable=True)
    if len(found) == 1:
        name, zone = found.pop()
        return Type(name, nullable, zone)
    if all(name in NUMERIC for name, _ in found):
        return Type(max((name for name, _ in found), key=NUMERIC.index), nullable)
    # A local literal takes the zone of what it stands beside.
    zones = {zone for name, zone in found if name == "local" and zone}
    if {name for name, _ in found} == {"local"} and len(zones) == 1:
        return Type("local", nullable, zones.pop())
    return None


def _comparable(tree: Expr, args: list[Type], *, ordered: bool) -> None:
    if all([arg.name in NUMERIC for arg in args]):  # noqa: C419  # the common case, quickly
        return
    for arg in tree.args:
        if arg.op == "null":
            raise TypeMismatch("a comparison with null is never true", arg.at, "Write `is null` or `is not null`.")
    kind = common(args)
    if kind is None:
        typed = zip(tree.args, args, strict=True)
        pair = next(pair for pair in combinations(typed, 2) if common([kind for _, kind in pair]) is None)
        (_, left), (_, right) = pair
        raise TypeMismatch(f"{left} is compared with {right}", tree.at, _comparison_fix(pair))
    if ordered and kind.name == "text":
        raise TypeMismatch("text has no order that every engine agrees on", tree.at, "Compare with = or in (...).")
    if ordered and kind.name == "boolean":
        raise TypeMismatch("booleans have no order", tree.at, "Write the condition itself.")


def _comparison_fix(pair: tuple[tuple[Expr, Type], ...]) -> str:
    others = {kind.name for _, kind in pair}
    for arg, kind in pair:
        if arg.op == "text" and others & set(NUMERIC):
            return "Write the number without quotes."
        if arg.op == "text" and kind.name == "text" and others & {"date", "instant", "local"}:
            word = "date" if "date" in others else "timestamp"
            return f"Write {word} '{arg.value}'."
        if arg.op == "number" and "text" in others:
            return f"Write '{arg.value}' in quotes, or check the column's type in its source."
        if arg.op == "number" and "duration" in others:
            return f"Write a length of time, e.g. interval '{arg.value}' minute."
    if {"instant", "local"} <= others and any(arg.op == "local" for arg, _ in pair):
        return "Say the zone of the time: timestamp '… +01:00', or '… Z'."
    if {"instant", "date"} <= others:
        return "Compare with an instant: timestamp 'YYYY-MM-DD HH:MM:SS +HH:MM'."
    if "local" in others:
        return "Give both columns one zone, or declare them as instants."
    return "Compare like with like; check the columns' types in the source."


def _declared_values(tree: Expr, scope: Mapping[str, Named]) -> None:
    subject = next((arg for arg in tree.args if arg.op in {"name", "path"}), None)
    values = scope[str(subject.value)].values if subject is not None else ()
    if not values or subject is None:
        return
    for arg in tree.args:
        if arg.op in {"text", "number"} and arg.value not in values:
            near = nearest(str(arg.value), [str(value) for value in values])
            message = f"{subject.value} never is {arg.value!r}{near}"
            raise UnknownValue(message, arg.at, f"Its declared values: {listed(map(str, values))}.")


def _expect(arg: Expr, kind: Type, wanted: str) -> None:
    if kind.name not in {wanted, "null"}:
        article = "a condition" if wanted == "boolean" else wanted
        fix = f"Compare it: `{arg} > 0`." if wanted == "boolean" and kind.name in NUMERIC else ""
        raise TypeMismatch(f"{kind} stands where {article} is expected", arg.at, fix)


def _case(tree: Expr, args: list[Type]) -> Type:
    for i in range(0, len(args) - 1, 2):
        _expect(tree.args[i], args[i], "boolean")
    results = [*args[1:-1:2], args[-1]]
    kind = common(results)
    if kind is None:
        raise TypeMismatch(
            f"the results of case are {listed(dict.fromkeys(map(str, results)))}",
            tree.at,
            "Give all one type.",
        )
    return kind


def _arithmetic(tree: Expr, args: list[Type], *, nullable: bool) -> Type:
    op, (left, right) = tree.op, (args[0].name, args[1].name)
    if left in NUMERIC and right in NUMERIC:
        if op == "/":
            divisor = tree.args[1]
            return Type("double", nullable or divisor.op != "number" or not divisor.value)
        if op == "%":
            if {left, right} != {"integer"}:
                raise TypeMismatch("the remainder is taken of integers", tree.at)
            divisor = tree.args[1]
            return Type("integer", nullable or divisor.op != "number" or not divisor.value)
        return Type(max(left, right, key=NUMERIC.index), nullable)
    match op, left, right:
        case "-", "instant", "instant":
            return Type("duration", nullable)
        case "-", "local", "local" if common(args) is not None:
            return Type("duration", nullable)
        case "-", "date", "date":
            return Type("integer", nullable)
        case (("+" | "-"), "instant", "duration"):
            return Type("instant", nullable)
        case (("+" | "-"), "duration", "duration"):
            return Type("duration", nullable)
        case "+", "duration", "instant":
            return Type("instant", nullable)
        case "*", "duration", _ if right in NUMERIC:
            return Type("duration", nullable)
        case "*", _, "duration" if left in NUMERIC:
            return Type("duration", nullable)
        case "/", "duration", "duration":
            return Type("double", nullable=True)
    fix = (
        "A length of time is added to instants only; count days with date - date."
        if "duration" in {left, right}
        else ""
    )
    raise TypeMismatch(f"{args[0]} {op} {args[1]} has no meaning", tree.at, fix)


def _function(tree: Expr, args: list[Type], *, nullable: bool) -> Type:
    op = tree.op
    if op == "neg":
        if args[0].name not in {*NUMERIC, "duration"}:
            raise TypeMismatch(f"-{args[0]} has no meaning", tree.at)
        return args[0]
    if op in {"lower", "upper", "trim", "length"}:
        _expect(tree.args[0], args[0], "text")
        return Type("integer" if op == "length" else "text", nullable)
    if op in {"abs", "ceil", "floor", "ln", "exp", "sqrt"}:
        if args[0].name not in NUMERIC:
            raise TypeMismatch(f"{op}() takes a number, found {args[0]}", tree.at)
        if op in {"ln", "exp", "sqrt"}:
            return Type("double", nullable=True)
        return Type(args[0].name, nullable)
    kind = common(args)
    if kind is None or kind.name == "null":
        raise TypeMismatch(f"{op}() takes values of one type, found {listed(dict.fromkeys(map(str, args)))}", tree.at)
    if op == "coalesce":
        return kind._replace(nullable=all(arg.nullable for arg in args))
    if op == "nullif":
        return args[0]._replace(nullable=True)
    if kind.name in {"text", "boolean"}:
        raise TypeMismatch(f"{op}() takes values with an order, found {kind}", tree.at)
    if nullable:
        loose = next(arg for arg, its in zip(tree.args, args, strict=True) if its.nullable)
        fix = f"Say what NULL means: {op}(coalesce({loose}, ...), ...)."
        raise TypeMismatch(f"{op}() of something that can be NULL differs between engines", loose.at, fix)
    return kind
