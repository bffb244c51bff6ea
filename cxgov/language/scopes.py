"""What names stand for: the columns and dimensions of a source, and what a metric knows not to be NULL."""

from cxgov.language.expressions import Expr, ExpressionError
from cxgov.language.model import Metric, Source
from cxgov.language.typecheck import Named, Type, infer, not_null_if_true


def column_scope(source: Source) -> dict[str, Named]:
    """The columns of a source by name."""
    return {
        name: Named(Type(column.type, column.nullable, column.zone), column.values, column.twice)
        for name, column in source.columns.items()
    }


def sure_scope(source: Source) -> dict[str, Named]:
    """The columns as if none were NULL: where that has been settled before, and only types are asked for."""
    return {
        name: Named(Type(column.type, nullable=False, zone=column.zone), column.values, column.twice)
        for name, column in source.columns.items()
    }


def source_scope(source: Source) -> dict[str, Named]:
    """The columns and dimensions of a source by name; a dimension that has no type is left out."""
    columns = column_scope(source)
    scope = dict(columns)
    for name, dimension in source.dimensions.items():
        if name in columns:
            continue
        tree = dimension.expression
        try:
            values = columns[str(tree.value)].values if tree.op == "name" else ()
            scope[name] = Named(infer(tree, columns), values)
        except (ExpressionError, KeyError):
            continue
    return scope


def inlined(tree: Expr, source: Source) -> Expr:
    """The expression with each dimension's name replaced by what it stands for."""
    if tree.op == "name":
        name = str(tree.value)
        dimension = None if name in source.columns else source.dimensions.get(name)
        return tree if dimension is None else dimension.expression
    if not tree.args:
        return tree
    return Expr(tree.op, tuple(inlined(arg, source) for arg in tree.args), tree.value, tree.at)


def known_not_null(metric: Metric, *predicates: Expr | None) -> frozenset[str]:
    """Names that are not NULL on the rows of a metric's population for which the predicates are true too."""
    known = frozenset[str]()
    for predicate in (metric.where, metric.valid, *predicates):
        if predicate is not None:
            known |= not_null_if_true(predicate)
    return known
