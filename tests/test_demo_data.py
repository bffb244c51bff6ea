"""The demo data: what the sources declare holds, and there are real changes to find."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from cxgov.engines.demo import generate

SOURCES = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[1] / "metrics" / "sources").glob("*.yaml"))
}
PHYSICAL = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "decimal": "DECIMAL(18,2)",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "instant": "TIMESTAMP WITH TIME ZONE",
}
# Role to the number of rows in ten thousand that may refer to nobody: customers who were erased.
ORPHANS = {("tickets", "customer"): 30}

NPS = """100 * (count(*) filter (score between 9 and 10) - count(*) filter (score between 0 and 6))
    / count(*) filter (score between 0 and 10)"""
SLA = "100 * count(*) filter (first_reply_at <= due_at) / count(*)"


@dataclass(frozen=True, slots=True)
class Demo:
    connection: duckdb.DuckDBPyConnection

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def value(self, sql: str) -> Any:
        return self.rows(sql)[0][0]


def connected(path: Path) -> Demo:
    connection = duckdb.connect(path, read_only=True)
    connection.execute("set TimeZone = 'Europe/Berlin'")
    return Demo(connection)


def checksums(path: Path) -> dict[str, tuple[int, str]]:
    """Rows and a digest of every relation, over texts that no release of DuckDB writes otherwise."""
    demo = connected(path)
    with demo.connection:
        demo.rows("set TimeZone = 'UTC'")
        found = {}
        for name, source in SOURCES.items():
            texts = [f"coalesce({column}::varchar, '-')" for column in source["columns"]]
            [row] = demo.rows(
                f"select count(*), md5(string_agg(line, ';' order by line)) "
                f"from (select concat_ws(',', {', '.join(texts)}) as line from {source['relation']})"
            )
            found[name] = (row[0], row[1])
        return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The data as it is by default: its size is what tells the drop from noise."""
    path = tmp_path_factory.mktemp("demo") / "demo.duckdb"
    generate(path)
    demo = connected(path)
    with demo.connection:
        yield demo


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    generate(folder / "first.duckdb", responses=2_000)
    return folder


@pytest.mark.parametrize("threads", [1, 4])
def test_a_seed_gives_the_same_rows_every_time(folder: Path, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda path: connect(path, config={"threads": threads}))
    generate(folder / f"{threads}.duckdb", responses=2_000)
    monkeypatch.undo()
    assert checksums(folder / f"{threads}.duckdb") == checksums(folder / "first.duckdb")


def test_the_default_seed_gives_these_rows_on_every_machine(folder: Path) -> None:
    """The digests were taken once: another release of DuckDB or another processor must reach them too."""
    assert checksums(folder / "first.duckdb") == {
        "customers": (333, "26820babacb3c8fddd7123fcd12291ee"),
        "relationship_invitations": (412, "3a7782ce1186a0c2667b0d8c2afe18a2"),
        "relationship_responses": (214, "6ebebb5a950f21cbedf47750a2fe5059"),
        "subscriptions": (386, "05a25f853a5bf1e3f80e4fc662009fd8"),
        "survey_invitations": (6666, "1b4194b7271bc97a003e27be8cf543af"),
        "survey_responses": (2080, "95798a592a2f9c6dcc925f265a2365a5"),
        "ticket_events": (3702, "d8fb28d353f4473200c328f09b2bdd71"),
        "tickets": (1000, "9bbed8bd2c9c5b79118910d0b635b99b"),
    }


def test_another_seed_gives_other_rows(folder: Path) -> None:
    generate(folder / "other.duckdb", responses=2_000, seed=7)
    first, other = checksums(folder / "first.duckdb"), checksums(folder / "other.duckdb")
    assert [name for name in SOURCES if first[name] == other[name]] == []


def test_a_file_is_replaced_with_what_a_killed_session_left_beside_it(folder: Path) -> None:
    path = folder / "replaced.duckdb"
    path.write_bytes(b"an older file")
    path.with_name("replaced.duckdb.wal").write_bytes(b"an older session")
    generate(path, responses=2_000)
    assert checksums(path) == checksums(folder / "first.duckdb")


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "demo.duckdb"
    path.write_bytes(b"an older file")
    monkeypatch.setattr("cxgov.engines.demo._STEPS", ("create table half (made integer)", "this is not SQL"))
    with pytest.raises(duckdb.ParserException):
        generate(path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("demo.duckdb", b"an older file")]


def test_too_few_responses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ask for 100 or more"):
        generate(tmp_path / "demo.duckdb", responses=99)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SOURCES)
def test_a_relation_has_the_declared_columns_and_types(demo: Demo, name: str) -> None:
    source = SOURCES[name]
    declared = [(column, PHYSICAL[said["type"]]) for column, said in source["columns"].items()]
    described = [row[:2] for row in demo.rows(f"describe {source['relation']}")]
    assert sorted(described) == sorted(declared)


@pytest.mark.parametrize("name", SOURCES)
def test_values_are_as_declared(demo: Demo, name: str) -> None:
    source = SOURCES[name]
    broken = []
    for column, said in source["columns"].items():
        found = [f"{column} is null"] * (not said.get("nullable", False))
        if "values" in said:
            found.append(f"{column} not in {tuple(said['values'])}")
        if "range" in said:
            found.append(f"{column} not between {said['range'][0]} and {said['range'][1]}")
        broken += [sql for sql in found if demo.value(f"select count(*) from {source['relation']} where {sql}")]
        if "values" in said:
            distinct = demo.value(f"select count(distinct {column}) from {source['relation']}")
            assert distinct == len(said["values"]), f"{column} declares a value that does not occur"
        if said.get("nullable"):
            assert demo.value(f"select count(*) - count({column}) from {source['relation']}"), column
    assert broken == []


@pytest.mark.parametrize("name", SOURCES)
def test_keys_are_unique(demo: Demo, name: str) -> None:
    source = SOURCES[name]
    key = ", ".join(source["key"])
    assert demo.rows(f"select {key} from {source['relation']} group by {key} having count(*) > 1 limit 5") == []


@pytest.mark.parametrize(
    ("name", "role"),
    [(name, role) for name, said in SOURCES.items() for role, e in said["entities"].items() if "source" in e],
)
def test_references_resolve(demo: Demo, name: str, role: str) -> None:
    source, entity = SOURCES[name], SOURCES[name]["entities"][role]
    [here], other = entity["key"], SOURCES[entity["source"]]
    [there] = next(said["key"] for said in other["entities"].values() if "source" not in said)
    orphans = demo.value(
        f"select 10000 * count(*) filter (not exists "
        f"(from {other['relation']} as o where o.{there} = f.{here})) / count(*) "
        f"from {source['relation']} as f where {here} is not null"
    )
    if (name, role) in ORPHANS:
        assert 0 < orphans < ORPHANS[name, role]
    else:
        assert orphans == 0


def test_versions_of_a_subscription_neither_overlap_nor_leave_a_gap(demo: Demo) -> None:
    assert (
        demo.rows(
            """select subscription_id from (select *, lead(valid_from) over (
                partition by subscription_id order by valid_from) as following from billing.subscriptions)
            where valid_from >= valid_until or valid_until <> following or (following is not null
                and (valid_until is null or ended_by = 'cancellation'))
                or (valid_until is null) <> (ended_by is null)"""
        )
        == []
    )


@pytest.mark.parametrize(
    ("relation", "wrong"),
    [
        ("support.tickets", "first_reply_at < opened_at or closed_at < opened_at or due_at <= opened_at"),
        ("support.tickets", "closed_at < first_reply_at"),
        ("support.ticket_events", "started_at > occurred_at"),
        ("cx.survey_invitations", "responded_at <= invited_at"),
        ("cx.survey_invitations", "responded_at is not null and not delivered"),
        ("cx.survey_responses", "score is not null and survey <> 'relationship'"),
        ("cx.survey_responses", "coalesce(rating, effort) is not null and survey <> 'contact'"),
        ("cx.survey_responses", "loaded_at <= responded_at or loaded_at > responded_at + interval 48 hours"),
        ("cx.survey_responses", "responded_at not between '2025-01-01' and timestamptz '2026-10-01'"),
        ("support.tickets", "opened_at not between '2025-01-01' and timestamptz '2026-10-01'"),
        ("support.ticket_events", "occurred_at >= timestamptz '2026-10-01'"),
        ("cx.customers", "annual_value < 0 or (annual_value > 0) <> (status = 'active')"),
        ("cx.relationship_invitations", "invited_at not between '2025-01-01' and timestamptz '2026-10-01'"),
        ("cx.relationship_responses", "loaded_at <= responded_at or loaded_at > responded_at + interval 48 hours"),
        (
            "cx.relationship_responses as r join cx.relationship_invitations as i using (invitation_id)",
            "responded_at <= invited_at or r.channel <> i.channel or responded_at >= timestamptz '2026-10-01'",
        ),
    ],
)  # fmt: skip
def test_times_and_answers_are_in_order(demo: Demo, relation: str, wrong: str) -> None:
    assert demo.rows(f"select count(*) from {relation} where {wrong}") == [(0,)]


def test_flags_and_copies_agree_with_the_rows_that_they_stand_for(demo: Demo) -> None:
    tickets = """with seen as (
            select ticket_id, bool_or(kind = 'reopened') as reopened,
                bool_or(kind = 'escalated') as escalated,
                min(occurred_at) filter (kind = 'reply') as first_reply_at
            from support.ticket_events group by ticket_id)
        select count(*) from support.tickets as t full join seen as s using (ticket_id)
        where (t.reopened, t.escalated, t.first_reply_at)
            is distinct from (s.reopened, s.escalated, s.first_reply_at)"""
    answers = """with answered as (from cx.survey_invitations where responded_at is not null)
        select count(*) from answered as i full join cx.survey_responses as r using (invitation_id)
        where (i.responded_at, i.channel, i.survey, i.customer_id)
            is distinct from (r.responded_at, r.channel, r.survey, r.customer_id)"""
    assert (demo.value(tickets), demo.value(answers)) == (0, 0)


def test_what_is_wrong_with_the_relationship_survey_is_rare(demo: Demo) -> None:
    """Percent of its answers; what they do to a quarter is told by the reference registry's tests."""
    both = "cx.relationship_responses as r join cx.relationship_invitations as i using (invitation_id)"
    answers = demo.value("select count(*) from cx.relationship_responses")
    found = {
        "under another name": demo.value(f"select count(*) from {both} where r.customer_id <> i.customer_id"),
        "too late": demo.value(f"select count(*) from {both} where responded_at >= invited_at + interval 504 hours"),
        "doubled": answers - demo.value("select count(distinct invitation_id) from cx.relationship_responses"),
        "without a score": demo.value("select count(*) from cx.relationship_responses where score is null"),
        "out of range": demo.value("select count(*) from cx.relationship_responses where score > 10"),
        "tests": demo.value("select count(*) from cx.relationship_responses where channel = 'internal'"),
    }
    assert 9_000 < answers < 9_500
    assert [name for name, count in found.items() if not 0.4 < 100 * count / answers < 6] == []


def test_replies_fall_on_the_very_second_in_which_they_are_due(demo: Demo) -> None:
    assert demo.value("select count(*) from support.tickets where first_reply_at = due_at") > 100


def test_levels_are_realistic(demo: Demo) -> None:
    assert 118_000 < demo.value("select count(*) from cx.survey_responses") < 122_000
    assert 35 < demo.value(f"select {NPS} from cx.survey_responses where channel <> 'internal'") < 41
    assert 88 < demo.value(f"select {SLA} from support.tickets") < 92
    answered = "100 * count(responded_at) / count(*)"
    by_channel = dict(demo.rows(f"select channel, {answered} from cx.survey_invitations group by 1"))
    assert 24 < by_channel["email"] < by_channel["sms"] < by_channel["in_app"] < 37 < by_channel["internal"]


def test_sla_adherence_collapses_in_one_place(demo: Demo) -> None:
    """Before and after 3 August 2026, by region and queue."""
    rows = demo.rows(
        f"""select region, queue, opened_at >= '2026-08-03' as later, {SLA}
        from support.tickets join cx.customers using (customer_id)
        where due_at >= '2026-01-01' and due_at < '2026-10-01' group by all"""
    )
    values = {(region, queue, later): value for region, queue, later, value in rows}
    moved = {place[:2]: values[*place[:2], True] - value for place, value in values.items() if not place[2]}
    assert len(moved) == 12
    assert moved.pop(("EMEA", "billing")) < -20
    assert max(abs(move) for move in moved.values()) < 7


def test_nps_falls_in_one_place(demo: Demo) -> None:
    """Before and after 3 August 2026, by region and channel."""
    rows = demo.rows(
        f"""select region, channel, responded_at >= '2026-08-03' as later, {NPS},
            stddev(case when score >= 9 then 100 when score <= 6 then -100 else 0 end) / sqrt(count(*))
        from cx.survey_responses where responded_at >= '2026-01-01' and channel <> 'internal'
            and score <= 10 and region is not null group by all"""
    )
    values = {(region, channel, later): (value, error) for region, channel, later, value, error in rows}
    moved = {}
    for (region, channel, later), (value, error) in values.items():
        if not later:
            value_later, error_later = values[region, channel, True]
            moved[region, channel] = (value_later - value, (error**2 + error_later**2) ** 0.5)
    assert len(moved) == 9
    assert -17 < moved.pop(("EMEA", "email"))[0] < -10
    # Nowhere else more than three standard errors of the difference.
    assert [place for place, (move, error) in moved.items() if abs(move) > 3 * error] == []
