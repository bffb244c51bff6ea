"""DuckDB: a database file, or memory, with Parquet and CSV files for relations.

Only the relations of the registry's sources can be read, through views. The session may open no other file, before
it has opened any, and load no extension; once the views are made it may change no setting.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cxgov.engines.protocol import EngineError, EngineUnreachable
from cxgov.language.model import Source

if TYPE_CHECKING:
    import duckdb

_TYPES: Final = {
    "text": "VARCHAR", "integer": "BIGINT", "decimal": "DECIMAL(38, 12)", "double": "DOUBLE", "boolean": "BOOLEAN",
    "date": "DATE", "instant": "TIMESTAMP WITH TIME ZONE", "local": "TIMESTAMP",
}  # fmt: skip
_KINDS: Final = {
    "BIGINT": "integer", "INTEGER": "integer", "SMALLINT": "integer", "TINYINT": "integer", "HUGEINT": "integer",
    "UBIGINT": "integer", "UINTEGER": "integer", "USMALLINT": "integer", "UTINYINT": "integer",
    "DOUBLE": "double", "BOOLEAN": "boolean", "DATE": "date", "VARCHAR": "text",
    "TIMESTAMP": "local",
    "TIMESTAMP WITH TIME ZONE": "instant",
}  # fmt: skip
_DATA: Final = "cxgov_data"


class DuckDBEngine:
    """A DuckDB session over the relations of some sources."""

    dialect = "duckdb"

    def __init__(self, database: Path | None, files: Mapping[str, Path], sources: Sequence[Source]) -> None:
        """Opens ``database`` read-only, or memory, with ``files`` standing for relations.

        Raises:
            EngineUnreachable: a file is not there or cannot be read.
        """
        import duckdb

        self._error = duckdb.Error
        for path in (*([database] if database else []), *files.values()):
            if not path.is_file():
                hint = "`cxgov demo` makes the demo's database." if ".demo" in path.parts else "Correct the connection."
                raise EngineUnreachable(f"there is no file {path}. {hint}")
        self._session = duckdb.connect(":memory:")
        try:
            self._close_doors([*([database, Path(f"{database}.wal")] if database else []), *files.values()])
            if database is not None:
                # Under a name of ours: a database named after one of its schemas would make that name ambiguous.
                self._session.execute(f"ATTACH {_text(str(database))} AS {_DATA} (READ_ONLY, TYPE duckdb)")
            for source in {source.relation.lower(): source for source in sources}.values():
                self._view(source, files.get(source.relation), attached=database is not None)
            self._session.execute("SET lock_configuration = true")
        except duckdb.Error as error:
            self._session.close()
            raise EngineUnreachable(f"DuckDB cannot open {database or 'memory'}: {_first_line(error)}") from None

    def _close_doors(self, allowed: Sequence[Path]) -> None:
        """Before anything is opened: a view in a database is read when it is bound, whoever wrote it."""
        paths = ", ".join(_text(str(path)) for path in allowed)
        for setting in (
            "TimeZone = 'UTC'",
            "enable_progress_bar = false",
            "python_enable_replacements = false",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            f"allowed_paths = [{paths}]",
            "enable_external_access = false",
        ):
            self._session.execute(f"SET {setting}")

    def _view(self, source: Source, file: Path | None, *, attached: bool) -> None:
        parts = source.relation.split(".")
        if len(parts) > 2:  # noqa: PLR2004
            message = f"{source.relation} of {source.id} names a database, which a DuckDB connection already does"
            raise EngineUnreachable(f"{message}. Write `relation: {'.'.join(parts[1:])}`.")
        name = ".".join(_name(part) for part in parts)
        if file is not None:
            origin = _reader(file, source)
        elif attached and self._exists(parts):
            origin = f"{_DATA}.{name}" if len(parts) > 1 else f"{_DATA}.main.{name}"
        else:
            return
        if len(parts) > 1:
            self._session.execute(f"CREATE SCHEMA IF NOT EXISTS {_name(parts[0])}")
        columns = self._session.execute(f"DESCRIBE SELECT * FROM {origin}").fetchall()
        # Times of other precisions become the usual one, which every function takes.
        recast = [
            _name(str(row[0])) for row in columns if str(row[1]) in {"TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
        ]
        replaced = ", ".join(f"CAST({column} AS TIMESTAMP) AS {column}" for column in recast)
        cells = f"* REPLACE ({replaced})" if recast else "*"
        self._session.execute(f"CREATE VIEW {name} AS SELECT {cells} FROM {origin}")

    def _exists(self, parts: list[str]) -> bool:
        schema, table = parts if len(parts) > 1 else ("main", parts[0])
        query = (
            "SELECT count(*) FROM information_schema.tables "
            "WHERE table_catalog = ? AND lower(table_schema) = lower(?) AND lower(table_name) = lower(?)"
        )
        row = self._session.execute(query, [_DATA, schema, table]).fetchone()
        return bool(row and row[0])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        try:
            return self._session.execute(sql).fetchall()
        except self._error as error:
            raise EngineError(f"DuckDB refuses the statement: {_first_line(error)}") from error

    def column_types(self, relation: str) -> dict[str, tuple[str, str]]:
        name = ".".join(_name(part) for part in relation.split("."))
        try:
            found = self._session.execute(f"DESCRIBE SELECT * FROM {name}").fetchall()
        except self._error:
            raise EngineError(
                f"there is no relation {relation}. Make it, or map it under `relations:` of the connection."
            ) from None
        return {str(row[0]): (_kind(str(row[1])), str(row[1])) for row in found}

    def close(self) -> None:
        self._session.close()


def _reader(file: Path, source: Source) -> str:
    if file.suffix == ".parquet":
        return f"read_parquet({_text(str(file))})"
    types = ", ".join(f"{_text(name)}: {_text(_TYPES[column.type])}" for name, column in source.columns.items())
    return f"read_csv({_text(str(file))}, header = true, types = {{{types}}})"


def _kind(name: str) -> str:
    if name.startswith("DECIMAL"):
        return "decimal"
    return "text" if name.startswith("ENUM") else _KINDS.get(name, "other")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _first_line(error: "duckdb.Error") -> str:
    return str(error).strip().split("\n", 1)[0]
