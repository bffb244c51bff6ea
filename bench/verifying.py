"""Verifying a file of statements against compiling the same questions, each of them another one."""

import subprocess
import tempfile
from contextlib import redirect_stdout
from datetime import UTC, datetime
from functools import partial
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Final

import cxgov as package
from bench.measuring import functions
from cxgov.api import freeze, statements
from cxgov.cli.main import exit_code
from cxgov.ledger.folder import write_freezing

_STATEMENTS: Final = 240


def measure() -> None:
    """Prints the rows: statements as they were compiled, and as a formatter leaves them."""
    with tempfile.TemporaryDirectory() as top:
        with redirect_stdout(StringIO()):
            assert exit_code(["init", top, "--zone", "UTC"]) == 0
        for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Start"]):
            identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
            subprocess.run(["git", *identity, *arguments], cwd=top, check=True)
        folder = Path(top, "metrics")
        write_freezing(folder / "frozen", freeze(folder, "2026-Q1", now=datetime(2026, 1, 1, tzinfo=UTC)))
        asked = list(
            product(
                (("nps",), ("csat",), ("csat", "nps")),
                ((), ("channel",)),
                (None, "day", "week", "month"),
                ("none", "n", "full"),
                (None, "channel <> 'chat'", "channel = 'email'", "channel in ('chat', 'phone')"),
            )
        )[:_STATEMENTS]
        queries = [
            package.Query(metrics=metrics, by=by, grain=grain, stats=stats, where=where, period="2026-Q1")  # type: ignore[arg-type]  # literals of a table
            for metrics, by, grain, stats, where in asked
        ]

        def compile_all() -> list[str]:
            return [statements(folder, query, dialect="duckdb")[0].sql for query in queries]

        found = compile_all()
        text = ";\n".join(found)
        moved = ";\n".join(sql.replace("\n  ", "\n\t") for sql in found)
        assert all(its.answer == "valid" for its in package.verify(folder, {"a": text, "b": moved}))
        for name, its in (("as compiled", text), ("reformatted", moved)):
            compared = functions(partial(package.verify, folder, {"a.sql": its}), compile_all, runs=3)
            minute = 60 * len(found) / compared.a
            print(compared.line(f"verify {len(found)} statements, {name} ({minute:,.0f} a minute) / compile", "2"))
