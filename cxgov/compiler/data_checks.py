"""A statement to those that count what its rows must not hold: it is answered where all of them count none."""

from collections.abc import Iterator
from dataclasses import dataclass

from cxgov.compiler.chain_checks import chain_checks
from cxgov.compiler.dialects import dialect_named
from cxgov.compiler.scan_sql import ScanSql
from cxgov.compiler.sql import Compiled, dialect_text, own_names


@dataclass(frozen=True, slots=True)
class DataCheck:
    """A statement that counts rows which the data must not have, and what is wrong where it finds any."""

    sql: str
    message: str


def data_checks(compiled: Compiled) -> tuple[DataCheck, ...]:
    """The checks that the rows of a question are held to before it is answered."""
    return tuple(_checks(compiled))


def _checks(compiled: Compiled) -> Iterator[DataCheck]:
    plan, dialect = compiled.plan, dialect_named(compiled.dialect)
    named = own_names(plan).__getitem__
    for scan in plan.scans:
        its = ScanSql(plan, scan, dialect, named)
        for column, ranges in scan.missing:
            message = f"rows of {scan.source.id} have a {column.name} that the clock of {column.zone} never showed"
            fix = "correct them, or declare missing: forward"
            yield DataCheck(dialect_text(dialect, its.never_shown(column, ranges)), f"{message}: {fix}")
        required = its.required()
        if required:
            message = f"rows of {scan.source.id} are NULL where {', '.join(required)} is declared never to be"
            fix = "correct them, or declare nullable: true"
            yield DataCheck(dialect_text(dialect, its.unexpected_nulls(required)), f"{message}: {fix}")
        if scan.tables:
            joined = " and ".join(dict.fromkeys(table.source.id for table in scan.tables))
            message = f"rows of {scan.source.id} would be counted again, as a key of {joined} stands more than once"
            yield DataCheck(dialect_text(dialect, its.multiplied()), f"{message}: `cxgov check` says where")
        if scan.chain is not None:
            steps = ScanSql(plan, scan, dialect, named, every_step=True)
            for check in chain_checks(steps):
                yield DataCheck(dialect_text(dialect, check.query), check.message)
