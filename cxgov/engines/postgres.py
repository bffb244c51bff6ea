"""PostgreSQL, read-only, with the connection string in an environment variable."""

import os
from typing import Any, Final

from cxgov.engines.protocol import EngineError, EngineUnreachable

_KINDS: Final = {
    16: "boolean", 20: "integer", 21: "integer", 23: "integer", 25: "text", 701: "double", 1043: "text",
    1082: "date", 1114: "local", 1184: "instant", 1700: "decimal",
}  # fmt: skip


class PostgresEngine:
    """A read-only PostgreSQL session."""

    dialect = "postgres"

    def __init__(self, dsn_env: str, name: str) -> None:
        """Connects to what ``dsn_env`` holds; ``name`` is the connection's, for messages.

        Raises:
            EngineUnreachable: the variable is not set, psycopg is not installed, or nothing answers.
        """
        try:
            import psycopg
        except ImportError:
            raise EngineUnreachable("PostgreSQL needs psycopg. Install cxgov[postgres].") from None
        dsn = os.environ.get(dsn_env)
        if not dsn:
            raise EngineUnreachable(f"connection {name!r}: ${dsn_env} is not set. Set it, or use another connection.")
        self._error = psycopg.Error
        try:
            # Each statement stands alone, so that what is set here outlives one that fails.
            self._session = psycopg.connect(dsn, connect_timeout=10, autocommit=True)
            self._session.execute("SET default_transaction_read_only = on")
            self._session.execute("SET TIME ZONE 'UTC'")
        except psycopg.Error as error:
            reason = str(error).strip().split("\n", 1)[0]
            fix = "Start it, or use another connection"
            message = f"connection {name!r}: no answer from postgres at ${dsn_env} ({reason}). {fix}."
            raise EngineUnreachable(message) from None

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        try:
            # The text is the compiler's own, never a person's.
            return self._session.execute(sql.encode()).fetchall()
        except self._error as error:
            raise EngineError(f"PostgreSQL refuses the statement: {str(error).strip()}") from error

    def column_types(self, relation: str) -> dict[str, tuple[str, str]]:
        from psycopg import sql as text

        query = text.SQL("SELECT * FROM {} LIMIT 0").format(text.Identifier(*relation.lower().split(".")))
        try:
            cursor = self._session.execute(query)
        except self._error:
            raise EngineError(
                f"there is no relation {relation}. Make it, or let the connection's user read it."
            ) from None
        return {
            column.name: (_KINDS.get(column.type_code, "other"), column.type_display)
            for column in cursor.description or ()
        }

    def close(self) -> None:
        self._session.close()
