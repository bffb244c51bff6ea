"""``python -m bench [NAME]``, the names of ``_ALL``: each prints its rows; all without a name."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.measuring import commands, cxgov, each, functions
from bench.registries import write

_TABLE = "| what | A | B | A/B | bound | peak of A |\n| --- | --- | --- | --- | --- | --- |"
_YAML = """
import sys, pathlib, yaml
for path in pathlib.Path(sys.argv[1]).rglob("*.yaml"):
    yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
"""
_HAND = """
SELECT region, date_trunc('month', responded_at AT TIME ZONE 'Europe/Berlin') AS month, {cells}
FROM cx.survey_responses
WHERE responded_at >= TIMESTAMPTZ '2025-12-31 23:00:00+00' AND responded_at < TIMESTAMPTZ '2026-12-31 23:00:00+00'
GROUP BY 1, 2 ORDER BY 1, 2
"""


def start() -> None:
    """How long a person waits for --help."""
    print(_TABLE)
    compared = commands([cxgov(), "--help"], [sys.executable, "-c", "import click"], runs=15)
    print(compared.line("`cxgov --help` / `python -c 'import click'`", "2.5"))


def reading() -> None:
    """Registries of 100 to 10,000 metrics, each with expressions of its own, against PyYAML's C loader alone."""
    print(_TABLE)
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        environment = {"XDG_CACHE_HOME": str(cache)}
        for metrics in (100, 1_000, 10_000):
            registry = Path(folder) / str(metrics)
            write(registry, metrics)
            validate = [cxgov(), "validate", "--registry", str(registry)]
            loader = [sys.executable, "-c", _YAML, str(registry)]

            def forget() -> None:
                shutil.rmtree(cache, ignore_errors=True)

            cold = commands(validate, loader, environment=environment, before_a=forget)
            print(cold.line(f"validate {metrics:,}, cold / PyYAML's C loader", "1.0" if metrics == 10_000 else ""))
            changed = commands(validate, loader, environment=environment, before_a=_one_change(registry))
            print(
                changed.line(
                    f"validate {metrics:,}, one changed / PyYAML's C loader", "0.2" if metrics == 10_000 else ""
                )
            )


def _one_change(registry: Path) -> Callable[[], object]:
    path = next((registry / "definitions").rglob("*.yaml"))
    count = iter(range(1_000_000))
    text = path.read_text(encoding="utf-8")
    return lambda: path.write_text(text.replace("of the bench", f"of the bench, {next(count)}"), encoding="utf-8")


def gating() -> None:
    """The gate beside validating, beside ssh-keygen, and beside the tools that look at changes elsewhere."""
    from bench import gating as its  # noqa: PLC0415  # as in compiling

    print(_TABLE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for metrics in (1_000, 10_000):
            compared = its.gate_beside_validate(folder / str(metrics), metrics)
            print(compared.line(f"gate {metrics:,}, one change / validate, cold", "1.3" if metrics == 10_000 else ""))
        compared = its.gate_beside_validate(folder / "frozen", 1_000, frozen=True)
        print(compared.line("gate 1,000, one change, a quarter frozen / validate, cold", ""))
        compared = its.signed_approvals(folder / "approvals")
        print(compared.line("what 200 signed approvals add / 200 bare `ssh-keygen -Y verify`", "1.5"))
        for tool, how in (
            ("buf", "npm install @bufbuild/buf"),
            ("dbt", "pip install 'dbt-core<1.12' dbt-duckdb"),
        ):
            program = os.environ.get(f"CXGOV_{tool.upper()}") or shutil.which(tool)
            if program is None:
                print(
                    f"| gate 1,000 / {tool} | | | not here: `{how}`, and name the program in CXGOV_{tool.upper()} | | |"
                )
            elif tool == "buf":
                print(
                    its.gate_beside_buf(folder / tool, program).line("gate 1,000 / `buf breaking`, 1,000 messages", "")
                )
            else:
                what = "gate 1,000 / `dbt ls --select state:modified`, 1,000 metrics"
                print(its.gate_beside_dbt(folder / "cold", program, parsed=False).line(f"{what}, cold", ""))
                print(its.gate_beside_dbt(folder / "parsed", program, parsed=True).line(f"{what}, parsed before", ""))


_THREE_METRICS = ["nps", "csat_top2", "response_count"]
_TEN_METRICS = [
    *_THREE_METRICS,
    "promoter_share",
    "passive_share",
    "detractor_share",
    "score_nonresponse_share",
    "csat_mean",
    "ces_agree",
    "nps_spread",
]


def compiling() -> None:
    """Questions to the reference registry in a warm process."""
    import cxgov as package  # noqa: PLC0415  # the other benchmarks need none of it

    loaded = package.load("metrics")
    print("| question | duckdb | postgres | snowflake | bigquery | bound |\n| --- | --- | --- | --- | --- | --- |")
    for name, metrics, bound in (
        ("one metric by two dimensions", ["nps"], "3 ms"),
        ("ten metrics by two dimensions", _TEN_METRICS, "10 ms"),
    ):
        query = package.Query(
            metrics=tuple(metrics), by=("region", "customer.segment"), grain="month", period="2026-Q3"
        )
        cells = [
            f"{each(partial(package.compile, loaded, query, dialect=dialect)) * 1000:.1f} ms"
            for dialect in ("duckdb", "postgres", "snowflake", "bigquery")
        ]
        print(f"| {name} | {' | '.join(cells)} | {bound} |")


def running() -> None:
    """Ten million survey answers on DuckDB against the statement that one would write by hand."""
    import duckdb  # noqa: PLC0415

    import cxgov as package  # noqa: PLC0415

    print(_TABLE)
    loaded = package.load("metrics")
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(str(Path(folder) / "bench.duckdb")) as session:
        session.execute("SET TimeZone = 'UTC'")
        session.execute("SET enable_progress_bar = false")
        session.execute("CREATE SCHEMA cx")
        session.execute(_TEN_MILLION)

        def rows(sql: str) -> object:
            return session.execute(sql).fetchall()

        for metrics, cells, bound in ((_THREE_METRICS, _THREE, "0.8"), (_TEN_METRICS, _THREE + _SEVEN, "0.6")):
            query = package.Query(metrics=tuple(metrics), by=("region",), grain="month", period="2026", stats="none")
            ours = package.compile(loaded, query, dialect="duckdb").sql
            compared = functions(partial(rows, ours), partial(rows, _HAND.format(cells=", ".join(cells))))
            print(compared.line(f"{len(metrics)} metrics by region and month, 10 million rows / by hand", bound))


def sampling() -> None:
    """Ten million answers through the whole chain of a sampling rule against the statement by hand, in two ways."""
    import duckdb  # noqa: PLC0415

    import cxgov as package  # noqa: PLC0415
    from bench.sampling import BY_HAND, BY_HAND_ARG_MAX, DATA, registry  # noqa: PLC0415

    print(_TABLE)
    query = package.Query(metrics=("nps",), by=("channel",), period="2026-Q3")
    ours = package.compile(registry(), query, dialect="duckdb").sql
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(str(Path(folder) / "bench.duckdb")) as session:
        session.execute("SET TimeZone = 'UTC'")
        session.execute("SET enable_progress_bar = false")
        session.execute("CREATE SCHEMA cx")
        session.execute(DATA)

        def rows(sql: str) -> list[tuple[object, ...]]:
            return session.execute(sql).fetchall()

        for name, hand in (("row_number", BY_HAND), ("arg_max", BY_HAND_ARG_MAX)):
            assert [row[2] for row in rows(hand)] == [row[2] for row in rows(ours)]
            compared = functions(partial(rows, ours), partial(rows, hand), runs=7)
            print(compared.line(f"a sampled metric, 10 million answers / by hand with {name}", "1.15"))


def coverage() -> None:
    """What intervals cover; exit 1 where it is not what they claim."""
    from bench.coverage import table  # noqa: PLC0415  # scipy is slow to load

    if not table():
        sys.exit("some claims did not hold")


def freezing() -> None:
    """A quarter of 1,000 metrics frozen, how much that takes, and compiling from a ledger of 40 quarters."""
    from bench.freezing import measure  # noqa: PLC0415  # as compiling

    print(_TABLE)
    measure()


def verifying() -> None:
    """Statements with their certificates, verified and compiled."""
    from bench.verifying import measure  # noqa: PLC0415  # as compiling

    print(_TABLE)
    measure()


def auditing() -> None:
    """Replaying histories of several lengths, in which each commit froze a quarter."""
    from bench.auditing import measure  # noqa: PLC0415  # as compiling

    measure()


_RELATIONSHIP = "survey = 'relationship' AND channel <> 'internal' AND score BETWEEN 0 AND 10"
_CONTACT = "survey = 'contact' AND channel <> 'internal'"


def _share(of: str, among: str) -> str:
    return f"100.0 * count(*) FILTER (WHERE {among} AND {of}) / nullif(count(*) FILTER (WHERE {among}), 0)"


_THREE = [
    f"{_share('score >= 9', _RELATIONSHIP)} - {_share('score <= 6', _RELATIONSHIP)}",
    _share("rating >= 4", f"{_CONTACT} AND rating BETWEEN 1 AND 5"),
    "count(*) FILTER (WHERE channel <> 'internal')",
]
_SEVEN = [
    _share("score >= 9", _RELATIONSHIP),
    _share("score BETWEEN 7 AND 8", _RELATIONSHIP),
    _share("score <= 6", _RELATIONSHIP),
    _share("score IS NULL", "survey = 'relationship' AND channel <> 'internal'"),
    f"avg(rating) FILTER (WHERE {_CONTACT} AND rating BETWEEN 1 AND 5)",
    _share("effort >= 5", f"{_CONTACT} AND effort BETWEEN 1 AND 7"),
    f"{_share('score >= 9', _RELATIONSHIP)} + {_share('score <= 6', _RELATIONSHIP)}",
]
_TEN_MILLION = """
CREATE TABLE cx.survey_responses AS
SELECT
    i AS response_id,
    CASE WHEN hash(i * 2) % 2 = 0 THEN 'relationship' ELSE 'contact' END AS survey,
    CASE WHEN hash(i * 7) % 100 < 3 THEN NULL ELSE (hash(i * 3) % 11)::BIGINT END AS score,
    (hash(i * 5) % 5 + 1)::BIGINT AS rating,
    (hash(i * 19) % 7 + 1)::BIGINT AS effort,
    ['AMER', 'APAC', 'EMEA'][(hash(i * 11) % 3 + 1)::BIGINT] AS region,
    ['email', 'sms', 'in_app', 'internal'][(hash(i * 13) % 4 + 1)::BIGINT] AS channel,
    TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_microseconds((hash(i * 17) % 31536000000000)::BIGINT) AS responded_at,
    TIMESTAMPTZ '2026-12-31 00:00:00+00' AS loaded_at
FROM range(10000000) AS rows(i)
"""

_ALL = {
    "start": start,
    "reading": reading,
    "gating": gating,
    "compiling": compiling,
    "running": running,
    "sampling": sampling,
    "coverage": coverage,
    "freezing": freezing,
    "verifying": verifying,
    "auditing": auditing,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or _ALL:
        print(f"\n## {name}\n")
        _ALL[name]()
