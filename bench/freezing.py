"""Freezing, reading a long ledger and compiling from it, at the sizes that the design bounds."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.measuring import commands, cxgov, functions
from bench.registries import write
from cxgov.compiler.canonical import canonical_query
from cxgov.compiler.planning import plan
from cxgov.compiler.sql import to_sql
from cxgov.language.loading import load
from cxgov.language.model import Registry
from cxgov.ledger.circumstances import programs, zone_data
from cxgov.ledger.folder import read_ledger, write_freezing
from cxgov.ledger.freezing import Circumstances, Freezing, freeze, reporting_period

METRICS: Final = 1_000
PERIODS: Final = 40
_LONG_AGO: Final = datetime(1999, 1, 1, tzinfo=UTC)


def measure() -> None:
    """1,000 metrics in three dialects: the time beside compiling them, the size on disk, and compiling as of then."""
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top) / "metrics"
        write(folder, METRICS)
        declared = folder / "registry.yaml"
        declared.write_text(declared.read_text().replace("[duckdb, postgres]", "[duckdb, postgres, snowflake]"))
        registry = _read(folder)
        frozen = folder / "frozen"
        around = Circumstances(now=_LONG_AGO, compiler=programs(), tzdata=zone_data())
        made = functions(
            lambda: freeze(registry, read_ledger(frozen), "2000-Q1", around), _compile_all(registry), runs=2
        )
        print(made.line(f"freeze {METRICS:,} metrics in 3 dialects / compile them", "1.5"))
        write_freezing(frozen, freeze(registry, read_ledger(frozen), "2000-Q1", around))
        first = _size(frozen)
        changed = _with_ten_changed(folder)
        last = freeze(changed, read_ledger(frozen), "2000-Q2", around)
        write_freezing(frozen, last)
        second = _size(frozen)
        for i in range(2, PERIODS):
            # As an unchanged registry would be frozen again.
            named = reporting_period(changed.calendar, f"{2000 + i // 4}-Q{1 + i % 4}", around.tzdata)
            entry = replace(last.entry, sequence=i + 1, previous=read_ledger(frozen).head, period=named)
            write_freezing(frozen, Freezing(entry=entry, objects={}))
        ask = ["metric_000500", "--dialect", "duckdb", "--registry", str(folder)]
        asked = commands(
            [cxgov(), "compile", *ask, "--period", "2009-Q3"], [cxgov(), "compile", *ask, "--period", "2015-Q3"]
        )
        print(asked.line(f"compile as of one of {PERIODS} periods / from the registry of {METRICS:,} metrics", "1.5"))
        sizes = f"{first[0] / 1e6:.1f} MB in {first[1]:,} files (bounds 20 MB, 1,100)"
        print(f"\nA freeze takes {sizes};")
        print(f"another with ten metrics changed {(second[0] - first[0]) / 1e6:.2f} MB more (bound 1 MB).")


def _read(folder: Path) -> Registry:
    files = {str(path): path.read_bytes() for path in folder.rglob("*.yaml")}
    registry, problems = load(files)
    assert registry is not None, problems[0]
    return registry


def _with_ten_changed(folder: Path) -> Registry:
    for path in sorted((folder / "definitions").rglob("*.yaml"))[:10]:
        path.write_text(path.read_text().replace("response_id", "response_id + 1", 1))
    return _read(folder)


def _compile_all(registry: Registry) -> Callable[[], object]:
    def compiled() -> None:
        for metric in registry.metrics.values():
            query = canonical_query(registry, metric, "2000-Q1", _LONG_AGO)
            for dialect in registry.settings.dialects:
                to_sql(plan(registry, replace(query, as_of=None)), dialect)

    return compiled


def _size(folder: Path) -> tuple[int, int]:
    """Bytes and number of files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files), len(files)
