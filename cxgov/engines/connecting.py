"""A connection of the registry to a running engine."""

from collections.abc import Sequence
from pathlib import Path

from cxgov.engines.duckdb import DuckDBEngine
from cxgov.engines.postgres import PostgresEngine
from cxgov.engines.protocol import Engine, EngineUnreachable
from cxgov.language.diagnostics import listed, nearest
from cxgov.language.model import Connection, Registry, Source


def choose(registry: Registry, name: str | None) -> Connection:
    """The connection of a name; without one the only connection, or the first.

    Raises:
        EngineUnreachable: there is no such connection.
    """
    known = {connection.name: connection for connection in registry.settings.connections}
    if name is None and known:
        return next(iter(known.values()))
    if name is None or name not in known:
        said = f"connection {name!r} does not exist{nearest(name, known)}" if name else "the registry has no connection"
        raise EngineUnreachable(
            f"{said}. Connections: {listed(known)}; they stand in the registry's document of kind Registry."
        )
    return known[name]


def connect(connection: Connection, folder: Path, sources: Sequence[Source]) -> Engine:
    """Opens a connection; its paths are relative to the registry's folder and may not leave it.

    Raises:
        EngineUnreachable: nothing answers there.
    """
    if connection.engine == "postgres":
        assert connection.dsn_env is not None
        return PostgresEngine(connection.dsn_env, connection.name)
    database = _inside(folder, connection.database) if connection.database else None
    wanted = {source.relation for source in sources}
    files = {relation: _inside(folder, file) for relation, file in connection.relations if relation in wanted}
    return DuckDBEngine(database, files, sources)


def _inside(folder: Path, path: str) -> Path:
    found = (folder / path).resolve()
    if not found.is_relative_to(folder.resolve()):
        raise EngineUnreachable(f"{path} leads out of the registry's folder {folder}. Move the file into it.")
    return found
