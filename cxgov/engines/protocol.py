"""What an engine does, and how it fails."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from cxgov.language.diagnostics import nearest
from cxgov.language.model import Source

# What a column may be in the database for each type that a source declares.
FITTING: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"text"}),
    "integer": frozenset({"integer"}),
    "decimal": frozenset({"decimal", "integer"}),
    "double": frozenset({"double"}),
    "boolean": frozenset({"boolean"}),
    "date": frozenset({"date"}),
    "instant": frozenset({"instant"}),
    "local": frozenset({"local"}),
}


class EngineError(Exception):
    """The engine could not answer. The message says what to do."""


class EngineUnreachable(EngineError):
    """There is no engine where the connection points."""


class DataBroken(EngineError):
    """The data breaks what its source declares, so that no number can be given."""


class Engine(Protocol):
    """A connection on which compiled statements run. Nothing is written through it."""

    dialect: str

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query.

        Raises:
            EngineError: the engine refuses the statement.
        """
        ...

    def column_types(self, relation: str) -> dict[str, tuple[str, str]]:
        """Columns of a relation: name to our type (``other`` where there is none) and the engine's own name of it.

        Raises:
            EngineError: there is no such relation.
        """
        ...

    def close(self) -> None:
        """Ends the connection."""
        ...


def check_columns(engine: Engine, sources: Sequence[Source]) -> None:
    """Holds the declared columns of sources against the database.

    A wall-clock column declared as an instant would be read in the session's zone, and move numbers without a word.

    Raises:
        EngineError: a column is missing or of another type.
    """
    for source in sources:
        found = {name.lower(): kinds for name, kinds in engine.column_types(source.relation).items()}
        for name, column in source.columns.items():
            if name not in found:
                message = f"{source.relation} has no column {name!r}{nearest(name, found)}"
                raise EngineError(f"{message}. Correct it in {column.place}, or in the database.")
            kind, its_name = found[name]
            if kind not in FITTING[column.type]:
                fix = (
                    "Declare `type: local` with its `zone:`"
                    if (column.type, kind) == ("instant", "local")
                    else f"Declare `type: {kind}`"
                )
                message = f"{source.relation}.{name} is {its_name}, but {column.place} declares {column.type}"
                raise EngineError(f"{message}. {fix}, or change the database.")
