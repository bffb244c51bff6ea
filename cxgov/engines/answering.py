"""A compiled statement on an engine to rows of Python's own types; the data's own faults come first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cxgov.compiler.attrition import Excepted
from cxgov.compiler.chain_sql import Step
from cxgov.compiler.data_checks import data_checks
from cxgov.compiler.drawing import Draw
from cxgov.compiler.sql import Compiled, ResultColumn
from cxgov.engines.protocol import DataBroken, Engine, check_columns
from cxgov.language.model import Exclusion, Source
from cxgov.ledger.certificates import Statement

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Taken:
    """How many rows of a question an exception takes from a metric that would have counted without it.

    None for some, but fewer than may be told.
    """

    exclusion: Exclusion
    metric: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class Result:
    """Rows of an answer, with what was compiled for it.

    ``early`` says that the answer was given before its ``as of``, so that rows may still arrive. ``taken`` has every
    exception that names one of the metrics, also one that takes no row.
    """

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    compiled: Compiled
    early: bool
    taken: tuple[Taken, ...] = ()

    def to_arrow(self) -> "pa.Table":
        """The rows as an Arrow table: int64, float64, decimal128, date32, bool and string columns.

        Raises:
            DataBroken: a decimal is NaN.
            ModuleNotFoundError: pyarrow is not installed; it comes with ``cxgov[arrow]``.
        """
        import pyarrow as pa

        types = {
            "integer": pa.int64(),
            "double": pa.float64(),
            "date": pa.date32(),
            "boolean": pa.bool_(),
            "text": pa.string(),
        }
        arrays = []
        for i, column in enumerate(self.columns):
            values = [row[i] for row in self.rows]
            if column.type == "decimal":
                if not all(value is None or value.is_finite() for value in values):
                    raise DataBroken(f"{column.name} holds NaN, which a decimal of Arrow cannot be. Correct the data.")
                scale = max((-int(value.as_tuple().exponent) for value in values if value is not None), default=0)
                arrays.append(pa.array(values, pa.decimal128(38, max(scale, 0))))
            else:
                arrays.append(pa.array(values, types[column.type]))
        return pa.table(arrays, names=[column.name for column in self.columns])


@dataclass(frozen=True, slots=True)
class Answer:
    """A result with the statement that it answers, and so with the definitions that it rests on."""

    statement: Statement
    result: Result


@dataclass(frozen=True, slots=True)
class Steps:
    """What each step leaves of a metric's rows: ``rows`` goes with ``steps``; None: some, but fewer than ``fewest``."""

    metric: str
    steps: tuple[Step, ...]
    rows: tuple[int | None, ...]
    fewest: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """The keys of the units that a rule invites, in order, with the statement that drew them."""

    draw: Draw
    rows: tuple[tuple[Any, ...], ...]


def sources_of(compiled: Compiled) -> list[Source]:
    """The sources that a statement reads."""
    scans = compiled.plan.scans
    used = [source for scan in scans for source in (scan.source, *(table.source for table in scan.tables))]
    chains = [scan.chain for scan in scans if scan.chain is not None]
    used += [roll.source for chain in chains for roll in (chain.frame, chain.invitations) if roll is not None]
    return list({source.id: source for source in used}.values())


def answer(
    engine: Engine, compiled: Compiled, now: datetime, exceptions: Sequence[tuple[str, int, Excepted]] = ()
) -> Result:
    """The answer of a statement; ``exceptions`` go with the metric whose rows they take and the fewest to be told.

    Raises:
        DataBroken: the rows of the question break what their source declares.
        EngineError: the engine refuses.
    """
    check_columns(engine, sources_of(compiled))
    for data_check in data_checks(compiled):
        count = engine.rows(data_check.sql)[0][0]
        if count:
            raise DataBroken(f"{count:,} {data_check.message}.")
    kinds = [column.type for column in compiled.columns]
    rows = tuple(_plain(row, kinds) for row in engine.rows(compiled.sql))
    taken = []
    for metric, fewest, statement in exceptions:
        [counts] = engine.rows(statement.sql)
        taken += [
            Taken(exclusion, metric, told(int(count), fewest))
            for exclusion, count in zip(statement.exclusions, counts, strict=True)
        ]
    as_of = compiled.plan.as_of
    return Result(compiled.columns, rows, compiled, as_of is not None and now < as_of, tuple(taken))


def told(count: int, fewest: int) -> int | None:
    """A count of rows, unless there are some but fewer than may be told."""
    return None if 0 < count < fewest else count


def draw(engine: Engine, statement: Draw) -> Drawn:
    """The units that a rule invites.

    Raises:
        DataBroken: a key stands more than once in the frame.
        EngineError: the engine refuses.
    """
    check_columns(engine, statement.sources)
    rows = tuple(tuple(row) for row in engine.rows(statement.sql))
    if len(set(rows)) < len(rows):
        frame = statement.sources[0].id
        raise DataBroken(f"keys of {frame} stand more than once: `cxgov check {frame}` says where.")
    return Drawn(statement, rows)


def _plain(row: Sequence[Any], kinds: Sequence[str]) -> tuple[Any, ...]:
    types = {"double": float, "integer": int, "decimal": Decimal}
    return tuple(
        value if value is None or kind not in types else types[kind](value)
        for value, kind in zip(row, kinds, strict=True)
    )
