"""Auditing histories of several lengths, in which each commit freezes a quarter and holds a signed approval of it."""

import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from bench.measuring import seconds
from bench.repositories import committed, founded, git, write
from cxgov import api
from cxgov.language.loading import APPROVALS, FROZEN
from cxgov.ledger.folder import read_ledger, write_freezing

METRICS: Final = 100
LENGTHS: Final = (10, 20, 40)
# When everything is committed: before the first of the quarters.
_NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def measure() -> None:
    """Prints a row for each length, of audits that end with nothing that does not hold."""
    print("| entries | whole audit | for each |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top) / "frozen"
        registry = founded(folder, METRICS)
        for done in range(max(LENGTHS)):
            _freeze(folder, registry, f"{2030 + done // 4}-Q{done % 4 + 1}")
            if done + 1 in LENGTHS:
                head = read_ledger(registry / FROZEN).head
                assert head is not None
                taken = seconds(partial(_audit, registry, head))
                print(f"| {done + 1} | {taken:.1f} s | {taken / (done + 1):.2f} s |")


def _audit(registry: Path, head: str) -> None:
    found = api.audit(registry, kept=[head], now=_NOW)
    assert found.worst is None, found.troubles[0]


def _freeze(folder: Path, registry: Path, period: str) -> None:
    """A quarter frozen, approved and merged."""
    git(folder, "switch", "--quiet", "--force-create", "proposal")
    write_freezing(registry / FROZEN, api.freeze(registry, period, now=_NOW))
    committed(folder)
    gated = api.gate(registry, trusted="main", head="proposal", now=_NOW)
    name, data = api.approve(gated, key=folder / "key")
    write(registry / APPROVALS, {name: data.decode()})
    committed(folder)
    git(folder, "switch", "--quiet", "main")
    git(folder, "merge", "--quiet", "--no-ff", "--message", "A quarter", "proposal")
