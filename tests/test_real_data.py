"""Three organisations' real data: what the definitions say is what independent computations found."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow.parquet
import pytest

from cxgov.api import Loaded, Query, check, load, run
from cxgov.ledger.circumstances import programs, zone_data
from cxgov.ledger.folder import read_ledger, write_freezing
from cxgov.ledger.freezing import Circumstances, freeze
from tests.support import LATER, assert_same, into_postgres

FILES = {
    "survey_responses": "survey_responses.parquet",
    "service_requests": "service_requests.parquet",
    "telecom_customers": "telecom_customers.parquet",
}
PERIODS = {
    "nps": "2017-05",
    "nps_weighted": "2017-05",
    "csat_top2": "2017-05",
    "ces_like_wayfinding": "2017-05",
    "nps_item_response_rate": "2017-05",
    "problem_rate": "2017-05",
    "sla_adherence": "2011-Q3",
    "median_resolution_hours": "2011-Q3",
    "churn_rate": None,
    "churn_rate_complained": None,
}
CONNECTIONS = ("files", "server")


@pytest.fixture(scope="module")
def real(shared: Path, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """The registry of `tests/real`, its relations as Parquet files and as tables of PostgreSQL."""
    folder = tmp_path_factory.mktemp("real") / "metrics"
    shutil.copytree(Path(__file__).parent / "real", folder)
    (folder / ".data").mkdir()
    for file in FILES.values():
        shutil.copy(shared / "data" / "real_cx" / file, folder / ".data" / file)
    loaded = load(folder)
    data = {}
    for name, file in FILES.items():
        columns = list(loaded.registry.sources[name].columns)
        data[name] = pyarrow.parquet.read_table(folder / ".data" / file, columns=columns).to_pylist()
    with psycopg.connect(postgres) as session:
        into_postgres(session, loaded.registry.sources.values(), data)
    return loaded


@pytest.fixture(scope="module")
def expected(shared: Path) -> dict[str, float]:
    """The values that were computed from the files by others."""
    data = json.loads((shared / "data" / "real_cx" / "expected.json").read_text(encoding="utf-8"))
    return {found["id"]: found["value"] for found in data["metrics"]}


def answer(real: Loaded, connection: str, *metrics: str, **asked: Any) -> tuple[tuple[Any, ...], ...]:
    return run(real, Query(metrics=metrics, **asked), connection=connection, now=LATER).rows


@pytest.mark.parametrize("identity", PERIODS)
@pytest.mark.parametrize("connection", CONNECTIONS)
def test_a_metric_gives_the_known_value(
    real: Loaded, expected: dict[str, float], connection: str, identity: str
) -> None:
    """Every reference value that this language can say is met to 1e-6, on both engines."""
    [(value, _, status)] = answer(real, connection, identity, period=PERIODS[identity])
    assert status == "ok"
    assert value == pytest.approx(expected[identity], rel=0, abs=1e-6)


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_a_blank_score_is_nobody_s(real: Loaded, connection: str) -> None:
    """Respondents who left the question blank are neither promoters nor in the denominator."""
    [(_, n, _, rate, everyone, _)] = answer(real, connection, "nps", "nps_item_response_rate", period="2017-05")
    assert (n, everyone) == (2746, 2831)
    assert rate == pytest.approx(100 * n / everyone)


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_the_weighted_score_has_a_linearised_interval(real: Loaded, shared: Path, connection: str) -> None:
    """The survey house's weights weigh the value and its error, row by row as a survey statistician would."""
    file = shared / "data" / "real_cx" / "survey_responses.parquet"
    rows = (
        duckdb.connect()
        .execute(
            "select weight, (likelihood_to_recommend >= 9)::int - (likelihood_to_recommend <= 6)::int "
            f"from read_parquet('{file}') where likelihood_to_recommend is not null"
        )
        .fetchall()
    )
    whole = sum(weight for weight, _ in rows)
    value = sum(weight * score for weight, score in rows) / whole
    added = [weight * (score - value) / whole for weight, score in rows]
    error = 100 * math.sqrt(len(rows) / (len(rows) - 1) * sum(each**2 for each in added))
    result = run(real, Query(metrics=("nps_weighted",), period="2017-05", stats="full"), connection=connection)
    [row] = result.rows
    found = dict(zip([column.role for column in result.columns], row, strict=True))
    assert found["n"] == 2746
    assert found["value"] == pytest.approx(100 * value)
    assert found["high"] - found["value"] == pytest.approx(1.9599639845400536 * error)
    assert found["value"] - found["low"] == pytest.approx(1.9599639845400536 * error)


def test_the_engines_agree_on_every_line(real: Loaded) -> None:
    """Split by every dimension and bucket, the files and the server give the same lines in the same order."""
    for identity, period in PERIODS.items():
        for path in real.registry.metrics[identity].dimensions:
            asked: dict[str, Any] = {"by": (path,), "period": period}
            if period:
                asked["grain"] = "week"
            files, server = (answer(real, connection, identity, **asked) for connection in CONNECTIONS)
            assert_same(files, server)
            assert files


def test_one_line_of_each_split_is_the_share_of_its_rows(real: Loaded, shared: Path) -> None:
    """A share by a dimension that can be NULL is what plain SQL gives for each group, NULL's among them."""
    file = shared / "data" / "real_cx" / "service_requests.parquet"
    flag = "publisher_sla_flag"
    known = (
        duckdb.connect()
        .execute(
            f"select neighborhood, 100.0 * count_if({flag} = 'ONTIME') / nullif(count({flag}), 0), count({flag}) "
            f"from read_parquet('{file}') group by all order by 1 nulls last"
        )
        .fetchall()
    )
    rows = answer(real, "files", "sla_adherence", by=("neighborhood",), period="2011-Q3")
    assert [(group, n) for group, _, n, _ in rows] == [(group, n) for group, _, n in known]
    assert rows[-1][0] is None
    assert [value for _, value, _, _ in rows] == pytest.approx([value for _, value, _ in known])


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_the_declarations_hold(real: Loaded, connection: str) -> None:
    """What the sources declare, keys, NULLs, values and ranges, is so in the data."""
    assert check(real, connection=connection) == ()


def test_frozen_periods_keep_their_numbers_on_both_engines(real: Loaded, tmp_path: Path) -> None:
    """Every definition edited after the freeze: each frozen question gives the rows that it gave before."""
    periods = {"nps": "2017-Q2", "nps_weighted": "2017-Q2", "csat_top2": "2017-Q2", "sla_adherence": "2011-Q3"}
    folder = tmp_path / "metrics"
    shutil.copytree(real.folder, folder)
    before = {
        (connection, identity): answer(real, connection, identity, period=period, stats="full")
        for connection in CONNECTIONS
        for identity, period in periods.items()
    }
    # Not every metric has exact SQL in every dialect of the registry.
    registry = replace(real.registry, settings=replace(real.registry.settings, dialects=("duckdb", "postgres")))
    for number, period in enumerate(("2017-Q2", "2011-Q3"), 1):
        around = Circumstances(now=LATER, compiler=programs(), tzdata=zone_data())
        # Each in a ledger of its own: the years between are of no interest here.
        made = freeze(registry, read_ledger(tmp_path / "none"), period, around)
        write_freezing(folder.with_name(f"ledger{number}"), made)
    for path in (folder / "definitions").glob("*.yaml"):
        path.write_text(
            path.read_text(encoding="utf-8").replace(">= 9", ">= 7").replace(">= 4", ">= 2"), encoding="utf-8"
        )
    for path in (folder / "sources").glob("*.yaml"):
        path.write_text(path.read_text(encoding="utf-8").replace("range: [", "range: [-"), encoding="utf-8")
    edited = load(folder)
    moved = 0
    for identity, period in periods.items():
        (folder / "frozen").unlink(missing_ok=True)
        now = {its: answer(edited, its, identity, period=period, stats="full") for its in CONNECTIONS}
        (folder / "frozen").symlink_to(folder.with_name("ledger1" if period == "2017-Q2" else "ledger2"))
        for connection in CONNECTIONS:
            assert_same(answer(edited, connection, identity, period=period, stats="full"), before[connection, identity])
            moved += now[connection] != before[connection, identity]
    assert moved, "no edit moved a number, so nothing was shown"
