"""Two commands or functions in turn, A B A B …, so that a machine whose speed drifts slows both."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Compared:
    """Medians in seconds, the median ratio pair by pair, and the peak memory of A in MB (0 for functions)."""

    a: float
    b: float
    ratio: float
    memory: float

    def line(self, name: str, limit: str) -> str:
        """A row of the report."""
        memory = f"{self.memory:,.0f} MB" if self.memory else ""
        return f"| {name} | {self.a:.3f} s | {self.b:.3f} s | {self.ratio:.2f} | {limit} | {memory} |"


def commands(
    a: Sequence[str],
    b: Sequence[str],
    *,
    runs: int = 5,
    environment: Mapping[str, str] | None = None,
    before_a: Callable[[], object] | None = None,
    before_b: Callable[[], object] | None = None,
    allowed: Sequence[int] = (0,),
) -> Compared:
    """Whole processes that end with an ``allowed`` code. ``before_a`` runs, untimed, before each run of A."""
    pairs = []
    with tempfile.TemporaryDirectory() as bytecode:
        # An installed package is compiled once, not at every start, whatever is set here.
        kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": bytecode}
        for _ in range(runs + 1):
            pair = []
            for command, before in ((a, before_a), (b, before_b)):
                if before is not None:
                    before()
                pair.append(_process(command, {**(environment or {}), **kept}, allowed))
            pairs.append(tuple(pair))
    counted = pairs[1:]  # the first pair warms the file cache
    return Compared(
        statistics.median(first[0] for first, _ in counted),
        statistics.median(second[0] for _, second in counted),
        statistics.median(first[0] / second[0] for first, second in counted),
        max(first[1] for first, _ in counted),
    )


def functions(a: Callable[[], object], b: Callable[[], object], *, runs: int = 5) -> Compared:
    """Functions of this process."""
    pairs = [(seconds(a), seconds(b)) for _ in range(runs + 1)][1:]
    ratio = statistics.median(first / second for first, second in pairs)
    return Compared(statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs), ratio, 0)


def each(function: Callable[[], object], *, runs: int = 50) -> float:
    """Median seconds of one call in a warm process."""
    function()
    return statistics.median(seconds(function) for _ in range(runs))


def cxgov() -> str:
    """The command of this environment."""
    return str(Path(sys.executable).parent / "cxgov")


def seconds(function: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _process(command: Sequence[str], environment: Mapping[str, str], allowed: Sequence[int]) -> tuple[float, float]:
    """Wall seconds and peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **environment})
    _, status, usage = os.wait4(process.pid, 0)
    taken = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in allowed:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return taken, usage.ru_maxrss / 1024
