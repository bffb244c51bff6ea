"""Python's and the command line's way in: load a registry from disk, compile, run, get rows or Arrow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxgov.compiler.planning import plan
from cxgov.compiler.query import Query, Refused
from cxgov.compiler.sql import Compiled, ResultColumn, to_sql
from cxgov.language.diagnostics import Diagnostic, Place
from cxgov.language.loading import load as load_tree
from cxgov.language.model import Registry
from cxgov.language.rules import FILE

if TYPE_CHECKING:
    import pyarrow

    from cxgov.engines.checking import Finding

__all__ = [
    "Compiled", "Diagnostic", "InvalidRegistry", "Loaded", "Query", "Refused", "Result",
    "check", "compile", "load", "run", "validate",
]  # fmt: skip


class InvalidRegistry(Exception):  # noqa: N818  # says what the registry is
    """A registry with errors, from which nothing is compiled. ``diagnostics`` has all of its problems."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        errors = sum(problem.is_error for problem in diagnostics)
        super().__init__(
            f"the registry has {errors} error{'s' if errors > 1 else ''}: `cxgov validate` lists them"
        )
        self.diagnostics = tuple(diagnostics)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid registry, the folder it was read from, and its warnings."""

    registry: Registry
    folder: Path
    warnings: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """Rows of an answer, with what was compiled for it.

    ``early`` says that the answer was given before its ``as of``, so that rows may still arrive.
    """

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    compiled: Compiled
    early: bool

    def to_arrow(self) -> "pyarrow.Table":
        """The rows as an Arrow table: int64, float64, decimal, date32, bool and string columns.

        Raises:
            ModuleNotFoundError: pyarrow is not installed; it comes with ``cxgov[arrow]``.
        """
        import pyarrow as pa  # noqa: PLC0415  # 170 MB that only Arrow needs

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
                scale = max(
                    (-int(value.as_tuple().exponent) for value in values if value is not None), default=0
                )
                arrays.append(pa.array(values, pa.decimal128(38, max(scale, 0))))
            else:
                arrays.append(pa.array(values, types[column.type]))
        return pa.table(arrays, names=[column.name for column in self.columns])


def read_tree(folder: Path, shown: str | None = None) -> tuple[dict[str, bytes], tuple[Diagnostic, ...]]:
    """The files of a registry's folder by the path that messages show, and what cannot be one of its files.

    Names that begin with a dot are passed over; links are refused, as their target is not the registry's.
    """
    prefix = str(folder) if shown is None else shown
    tree: dict[str, bytes] = {}
    problems = []
    waiting = [(folder, prefix)]
    while waiting:
        here, name = waiting.pop()
        for entry in sorted(here.iterdir()):
            path = f"{name}/{entry.name}" if name not in {"", "."} else entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                fix = "Put the document itself here."
                problems.append(
                    Diagnostic(rule=FILE, message="a symbolic link", place=Place(path, 1, 1), fix=fix)
                )
            elif entry.is_dir():
                waiting.append((entry, path))
            elif entry.is_file():
                tree[path] = entry.read_bytes()
            else:
                problems.append(
                    Diagnostic(rule=FILE, message="neither a file nor a folder", place=Place(path, 1, 1))
                )
    return tree, tuple(problems)


def validate(folder: str | Path = "metrics") -> tuple[Registry | None, tuple[Diagnostic, ...]]:
    """The registry of a folder and all its problems in file order; no registry where one of them is an error.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    tree, problems = read_tree(Path(folder))
    registry, found = load_tree(tree)
    everything = tuple(sorted((*problems, *found), key=lambda problem: problem.place))
    return (None if problems else registry), everything


def load(folder: str | Path = "metrics") -> Loaded:
    """The registry of a folder.

    Raises:
        FileNotFoundError: there is no such folder.
        InvalidRegistry: it has errors.
    """
    registry, found = validate(folder)
    if registry is None:
        raise InvalidRegistry(found)
    return Loaded(registry, Path(folder), found)


def compile(loaded: Loaded, query: Query, *, dialect: str) -> Compiled:  # noqa: A001  # the field's word for it
    """One SQL statement for a question, in ``bigquery``, ``duckdb``, ``postgres`` or ``snowflake``.

    The same registry, question and dialect give the same bytes.

    Raises:
        Refused: the question has no exact answer, or the dialect lacks what it needs.
    """
    return to_sql(plan(loaded.registry, query), dialect)


def run(
    loaded: Loaded, query: Query, *, connection: str | None = None, now: datetime | None = None
) -> Result:
    """The answer to a question on a connection of the registry (default: its first).

    Raises:
        Refused: the question has no exact answer.
        EngineUnreachable: nothing answers on the connection.
        DataBroken: the data breaks what its source declares.
        EngineError: the engine refuses.
    """
    from cxgov.engines.connecting import choose, connect  # noqa: PLC0415  # compiling needs no engine
    from cxgov.engines.protocol import DataBroken, check_columns  # noqa: PLC0415

    chosen = choose(loaded.registry, connection)
    compiled = compile(loaded, query, dialect=chosen.engine)
    used = {
        source.id: source
        for scan in compiled.plan.scans
        for source in (scan.source, *(t.source for t in scan.tables))
    }
    engine = connect(chosen, loaded.folder, list(used.values()))
    try:
        check_columns(engine, list(used.values()))
        for data_check in compiled.checks:
            count = engine.rows(data_check.sql)[0][0]
            if count:
                raise DataBroken(f"{count:,} {data_check.message}.")
        rows = engine.rows(compiled.sql)
    finally:
        engine.close()
    moment = now or datetime.now(UTC)
    as_of = compiled.plan.as_of
    plain = tuple(tuple(map(_plain, row, (column.type for column in compiled.columns))) for row in rows)
    return Result(compiled.columns, plain, compiled, early=as_of is not None and moment < as_of)


def _plain(value: Any, kind: str) -> Any:
    """A value as Python's own type for the column's."""
    if value is None:
        return None
    if kind == "double":
        return float(value)
    if kind == "integer":
        return int(value)
    return Decimal(value) if kind == "decimal" else value


def check(
    loaded: Loaded, *, connection: str | None = None, sources: Iterable[str] = ()
) -> "tuple[Finding, ...]":
    """What the data holds against the declarations of the sources: keys, values, ranges, references.

    Raises:
        Refused: a source does not exist.
        EngineError: the engine does not answer.
    """
    from cxgov.engines.checking import check_sources  # noqa: PLC0415
    from cxgov.engines.connecting import choose, connect  # noqa: PLC0415

    registry = loaded.registry
    wanted = list(sources) or sorted(registry.sources)
    for name in wanted:
        if name not in registry.sources:
            raise Refused(
                f"source {name!r} does not exist", f"Sources: {', '.join(sorted(registry.sources))}."
            )
    chosen = choose(registry, connection)
    engine = connect(chosen, loaded.folder, list(registry.sources.values()))
    try:
        return check_sources(engine, [registry.sources[name] for name in wanted], registry)
    finally:
        engine.close()
