"""The steps of a chain to how much each of its rows counts.

weights      units of the frame over rows, by cell: what ``targets``, ``groups`` and ``cells`` count
weighted     the rows with their weights
"""

from sqlglot import exp

from cxgov.compiler.chain_sql import ChainSql
from cxgov.compiler.trees import Node, case, cast, conjunction, join, number, ordinals, quotient, select, string


def weigh(sql: ChainSql) -> None:
    """Adds the tables of the weights to a chain whose other steps are there."""
    rule = sql.chain.rule
    if rule is None or rule.weights is None:
        return
    weights = rule.weights
    if weights.method == "poststratify":
        _poststratified(sql)
        return
    if weights.method == "value" and sql.chain.frame is not None:
        return  # the column came with the unit
    weight: Node
    if weights.method == "inclusion":
        assert rule.select is not None
        weight = exp.Div(this=cast(number(1), "double"), expression=number(rule.select.fraction), typed=True)
    else:
        assert weights.column is not None
        weight = cast(sql.column(weights.column), "double")
    cells: list[Node] = [exp.Star(), sql.dialect.alias(weight, sql.weight)]
    sql.keep("weighted", "", select(cells, sql.dialect.table(sql.base)))


def _poststratified(sql: ChainSql) -> None:
    """Units of the frame over rows, by cell; where the rule says so, a group with an empty cell is one cell."""
    chain, base = sql.chain, sql.base
    assert chain.rule is not None
    assert chain.rule.weights is not None
    bucket = sql.buckets
    collapse = chain.rule.weights.collapse
    group = [name for name, cell in zip(sql.cells, chain.cells, strict=True) if cell.name != collapse]
    units = sql.free("units")
    total = sql.dialect.alias(exp.Count(this=exp.Star()), units)
    roster = sql.dialect.table(sql.named("frame"))
    targets = sql.table("targets", select([*map(sql.column, sql.cells), total], roster, group=ordinals(len(sql.cells))))
    keys = [*bucket, *sql.cells]
    counted = sql.dialect.alias(exp.Count(this=exp.Star()), sql.cell_rows)
    answered = sql.table(
        "cells", select([*map(sql.column, keys), counted], sql.dialect.table(base), group=ordinals(len(keys)))
    )
    ours: list[Node] = [sql.column(name, answered) for name in keys]
    rows: Node = sql.column(sql.cell_rows, answered)
    target: Node = sql.column(units, targets)
    joins = [join(sql.dialect.table(targets), _meets(sql, targets, answered, sql.cells))]
    if collapse is not None:
        whole = sql.table("groups", _group_totals(sql, targets, group, units))
        joins.append(join(sql.dialect.table(whole), _meets(sql, whole, answered, group)))
        part = [sql.column(name, answered) for name in [*bucket, *group]]
        present = exp.Window(this=exp.Sum(this=target.copy()), partition_by=part)
        lacking = exp.LT(this=present, expression=sql.column(units, whole))
        together = exp.Window(this=exp.Sum(this=rows.copy()), partition_by=[key.copy() for key in part])
        rows = case([(lacking, together)], rows)
        target = case([(lacking.copy(), sql.column(units, whole))], target)
    weight = quotient(cast(target, "double"), rows)
    cells = [*ours, sql.dialect.alias(weight, sql.weight), sql.dialect.alias(rows.copy(), sql.cell_rows)]
    if collapse is not None:
        # Which rows share a weight and a mean: those of a cell, or of the group that it was joined to.
        merged = sql.column(sql.cells[[cell.name for cell in chain.cells].index(collapse)], answered)
        its = case([(lacking.copy(), string("all"))], cast(merged, "text"))
        cells.append(sql.dialect.alias(its, sql.stratum))
    weights = sql.table("weights", select(cells, sql.dialect.table(answered), joins=joins))
    extra = [sql.weight, sql.cell_rows, *([sql.stratum] if collapse is not None else [])]
    named: list[Node] = [exp.Column(this=exp.Star(), table=sql.dialect.identifier(base))]
    named += [sql.column(name, weights) for name in extra]
    on = _meets(sql, weights, base, keys)
    sql.keep("weighted", "", select(named, sql.dialect.table(base), joins=[join(sql.dialect.table(weights), on)]))


def _group_totals(sql: ChainSql, targets: str, group: list[str], units: str) -> exp.Query:
    total = sql.dialect.alias(exp.Sum(this=sql.column(units)), units)
    return select([*map(sql.column, group), total], sql.dialect.table(targets), group=ordinals(len(group)))


def _meets(sql: ChainSql, left: str, right: str, keys: list[str]) -> Node:
    return conjunction([exp.EQ(this=sql.column(key, left), expression=sql.column(key, right)) for key in keys])
