"""What the rows of a chain must not hold: repeated keys, weights that weigh nothing, empty cells."""

from dataclasses import dataclass

from sqlglot import exp

from cxgov.compiler.chain_sql import ChainSql
from cxgov.compiler.scan_sql import ScanSql
from cxgov.compiler.trees import Node, disjunction, is_null, join, number, ordinals, select


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A query that counts what must not be there, and what is wrong where it finds any."""

    query: exp.Select
    message: str


def chain_checks(scan: ScanSql) -> list[RowCheck]:
    """The checks of a scan's chain; ``scan`` keeps every step."""
    if scan.chain is None or scan.chain.chain.rule is None:
        return []
    tables = scan.tables()
    chain = scan.chain
    found = [*_repeated(scan, chain), *_weightless(scan, chain), *_without_cell(chain), *_empty(chain)]
    for check in found:
        scan.dialect.with_tables(check.query, [(name, query.copy()) for name, query in tables])
    return found


def _count(table: exp.Expression, **parts: object) -> exp.Select:
    return select([exp.Count(this=exp.Star())], table, **parts)  # type: ignore[arg-type]  # select's own keywords


def _repeated(scan: ScanSql, chain: ChainSql) -> list[RowCheck]:
    """Rows that meet two units of the frame, or two invitations, of one key."""
    met = [roll.source.id for roll in (chain.chain.frame, chain.chain.invitations) if roll is not None]
    step = next((its for its in reversed(chain.steps.rows) if its.step in {"invited", "selected", "in_frame"}), None)
    if not met or step is None:
        return []
    keys: list[Node] = [scan.dialect.column(name) for name in scan.scan.source.key]
    many = exp.GT(this=exp.Count(this=exp.Star()), expression=number(1))
    twice = select(keys, scan.dialect.table(step.table), group=ordinals(len(keys)))
    twice.set("having", exp.Having(this=many))
    named = scan.dialect.subquery(twice, "met_twice")
    both = " or ".join(met)
    message = (
        f"rows of {scan.scan.source.id} would be counted again, as a key of {both} stands more than once: "
        "`cxgov check` says where"
    )
    return [RowCheck(_count(named), message)]


def _weightless(scan: ScanSql, chain: ChainSql) -> list[RowCheck]:
    rule = chain.chain.rule
    assert rule is not None
    if rule.weights is None or rule.weights.column is None:
        return []
    weight = scan.dialect.column(chain.weight)
    wrong = disjunction([is_null(weight), exp.LT(this=weight.copy(), expression=number(0))])
    message = (
        f"rows of {scan.scan.source.id} have no weight, or one below 0, in "
        f"{chain.weight_source.id}.{rule.weights.column}: correct them, or leave them out of the population"
    )
    return [RowCheck(_count(scan.dialect.table(chain.base), where=[wrong]), message)]


def _without_cell(chain: ChainSql) -> list[RowCheck]:
    """Units of the frame whose cell is NULL where that is declared never to be: nothing would meet them."""
    frame = chain.chain.frame
    sure = [(name, cell) for name, cell in zip(chain.cells, chain.chain.cells, strict=True) if not cell.nullable]
    if frame is None or not sure:
        return []
    either = disjunction([is_null(chain.column(name)) for name, _ in sure])
    named = ", ".join(cell.name for _, cell in sure)
    message = (
        f"units of {frame.source.id} are NULL where {named} is declared never to be: correct them, or declare "
        "nullable: true"
    )
    return [RowCheck(_count(chain.dialect.table(chain.named("frame")), where=[either]), message)]


def _empty(chain: ChainSql) -> list[RowCheck]:
    """Cells of the frame without a row in a bucket that has rows."""
    rule = chain.chain.rule
    assert rule is not None
    if rule.weights is None or rule.weights.method != "poststratify":
        return []
    dialect, collapse = chain.dialect, rule.weights.collapse
    keys = [
        name
        for name, cell in zip(chain.cells, chain.chain.cells, strict=True)
        if collapse is None or cell.name != collapse
    ]
    targets, answered = (chain.named(step) for step in ("groups" if collapse else "targets", "cells"))
    joins = []
    on: list[Node] = [
        exp.EQ(this=dialect.column(key, answered), expression=dialect.column(key, targets)) for key in keys
    ]
    if chain.buckets:
        starts = select([dialect.column(chain.bucket)], dialect.table(answered), distinct=True)
        named = dialect.subquery(starts, "each_bucket")
        joins = [join(named, kind="CROSS")]
        same = exp.EQ(
            this=dialect.column(chain.bucket, answered), expression=dialect.column(chain.bucket, "each_bucket")
        )
        on.append(same)
    here = select([number(1)], dialect.table(answered), where=on)
    where: list[Node] = [exp.Not(this=exp.Exists(this=here))]
    if not chain.buckets:
        # Without any row there is no value, and nothing to weigh.
        some = select([number(1)], dialect.table(answered))
        where.append(exp.Exists(this=some))
    what = " and ".join(cell.name for cell in chain.chain.cells if cell.name != collapse)
    fix = (
        f"write `empty_cell: {{collapse: …}}` in {rule.id}"
        if collapse is None and len(chain.chain.cells) > 1
        else f"weigh by fewer or coarser dimensions in {rule.id}"
    )
    message = f"cells of the frame by {what} have no row that could stand for them: {fix}, or ask for a longer period"
    return [RowCheck(_count(dialect.table(targets), joins=joins, where=where), message)]
