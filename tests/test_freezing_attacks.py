"""What tried to make a frozen period say something else, or nothing at all."""

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from cxgov.api import Query, Refused, freeze, load, restate, statements, verify
from cxgov.cli.main import exit_code
from cxgov.language.expressions import canonical, write
from cxgov.language.parsing import parse
from cxgov.ledger.certificates import Standing, Statement
from cxgov.ledger.chain import Altered, Ledger
from cxgov.ledger.forms import canonical_json, digest
from cxgov.ledger.verifying import Answer
from tests.test_freezing import DURING, Frozen, drift

NPS: Final = "definitions/nps.yaml"
CALENDAR: Final = "calendars/reporting.yaml"
SOURCE: Final = "sources/survey_responses.yaml"
HALF: Final[dict[str, Any]] = {"start": date(2026, 1, 1), "end": date(2026, 7, 1)}
OVERLAY: Final = """apiVersion: cxgov/v1
kind: Overlay
id: chat
version: 1.0.0
title: Chat
owner: cx
metrics: [nps, csat]
where: channel = 'chat'
"""


@pytest.fixture
def home(tmp_path: Path) -> Frozen:
    return Frozen(tmp_path / "home")


def asked(home: Frozen, *metrics: str, dialect: str = "duckdb", **query: Any) -> Statement:
    [found] = statements(home.folder, Query(metrics=metrics, **query), dialect=dialect)
    return found


def answer_of(home: Frozen, text: str) -> Answer:
    [found] = verify(home.folder, {"a.sql": text})
    return found.answer


# --- what was frozen is read again ---


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (NPS, "title: Net Promoter Score", r'title: "Net\u200cPromoter \u2066Score\u2069 \U000E0041"'),
        (SOURCE, "values: [chat, email, phone]", r'values: [chat, "e\u00admail", "\ufeffphone", "\x7f", "\u2028"]'),
        (SOURCE, "values: [chat, email, phone]", 'values: ["yes", "1:30", "~", " a", "2026-01-01", "#", "0x1F", "<<"]'),
        (NPS, "valid: likelihood between 0 and 10", "valid: likelihood between -0.0000001 and 0.00000000000000000001"),
        (SOURCE, "range: [0, 10]", "range: [-1e300, 1e-300]"),
        (SOURCE, "range: [0, 10]", "range: [-1e-7, 0.1]"),
    ],
)
def test_what_can_be_written_can_be_frozen_and_read(home: Frozen, name: str, old: str, new: str) -> None:
    if "1e" in new:
        home.edit(SOURCE, "likelihood: {type: integer", "likelihood: {type: double")
    home.edit(name, old, new)
    home.freeze("2026-Q1")
    found = asked(home, "nps", period="2026-Q1")
    assert found.standing is Standing.CERTIFIED
    now, then = load(home.folder).registry, found.reading.registry
    assert then.metrics["nps"].title == now.metrics["nps"].title
    for column in ("channel", "likelihood"):
        its, was = now.sources["survey_responses"].columns[column], then.sources["survey_responses"].columns[column]
        assert (set(was.values), was.range) == (set(its.values), its.range)


@pytest.mark.parametrize("number", ["0.0000001", "0.0000000", "123456789012345678901234567890.5", "1.50"])
def test_a_number_is_never_written_with_an_exponent(number: str) -> None:
    text = write(canonical(parse(f"x > {number}")))
    assert write(canonical(parse(text))) == text == f"(x > {number})"


@pytest.mark.parametrize("number", ["1E+300", "-1E-300", "0.0000001", "-0.5"])
def test_a_number_of_many_digits_is_one_in_every_reader(number: str) -> None:
    assert json.loads(canonical_json(Decimal(number)), parse_float=Decimal) == Decimal(number)
    assert len(canonical_json(Decimal(number))) < 42


def test_what_could_not_be_read_again_is_not_frozen(home: Frozen) -> None:
    """It is written with all its brackets, so there is something that is short enough only without them."""
    short = " or ".join(f"({' and '.join(f'rating={10 * i + j}' for j in range(10))})" for i in range(22))
    home.edit(NPS, "valid: ", f"where: {short}\nvalid: ")
    with pytest.raises(Refused, match="could not be read again"):
        freeze(home.folder, "2026-Q1")


# --- days ---


@pytest.mark.parametrize(
    ("old", "new"), [('starts: "01-01"', 'starts: "02-01"'), ("Europe/Berlin", "America/New_York")]
)
def test_a_calendar_that_has_moved_restates_nothing(home: Frozen, old: str, new: str) -> None:
    """Or a certified statement of the period would be of other days than were frozen."""
    home.freeze("2026-Q1")
    home.edit(CALENDAR, old, new)
    home.edit(NPS, "likelihood >= 9", "likelihood >= 7")
    with pytest.raises(Refused, match=r"2026-Q1 would be 2026-0.* and is frozen as 2026-01-01 to before 2026-04-01"):
        restate(home.folder, "2026-Q1", ["nps"], reason="x")


def test_a_year_of_the_calendar_of_today_is_answered_for_its_own_days(home: Frozen) -> None:
    home.edit(CALENDAR, '{starts: "01-01", named_by: start}', '{starts: "07-01", named_by: end}')
    for quarter in ("2026-Q3", "2026-Q4", "2027-Q1", "2027-Q2"):
        home.freeze(quarter)
    home.edit(CALENDAR, '{starts: "07-01", named_by: end}', '{starts: "01-01", named_by: start}')
    found = asked(home, "nps", period="2026")
    assert found.standing is Standing.CERTIFIED
    assert "period 2026-01-01 to before 2027-01-01" in found.sql
    assert answer_of(home, found.sql) is Answer.VALID


# --- several periods ---


def test_all_periods_asked_are_frozen_for_the_dialect(home: Frozen) -> None:
    home.edit("registry.yaml", "dialects: [duckdb, postgres]", "dialects: [duckdb]")
    home.freeze("2026-Q1")
    home.edit("registry.yaml", "dialects: [duckdb]", "dialects: [duckdb, postgres]")
    home.freeze("2026-Q2")
    found = asked(home, "nps", dialect="postgres", **HALF)
    assert (found.standing, found.because) == (Standing.PROVISIONAL, "2026-Q1 was not frozen for postgres")
    assert asked(home, "nps", **HALF).standing is Standing.CERTIFIED


def test_drift_in_the_first_of_two_periods_is_drift(home: Frozen, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        drift(other)
        home.freeze("2026-Q1")
    home.freeze("2026-Q2")
    with pytest.raises(Refused, match="writes other SQL for nps than 2026-Q1 was frozen with"):
        asked(home, "nps", **HALF)
    assert asked(home, "nps", period="2026-Q2").standing is Standing.CERTIFIED


# --- ids ---


def renamed(home: Frozen) -> None:
    home.edit(NPS, "id: nps\n", "id: nps_survey\nformerly: [nps]\n")


def test_an_old_id_asks_what_was_frozen_under_the_new_one(home: Frozen) -> None:
    renamed(home)
    home.freeze("2026-Q1")
    home.edit(NPS, "likelihood >= 9", "likelihood >= 7")
    for identity in ("nps", "nps_survey"):
        found = asked(home, identity, period="2026-Q1")
        assert found.standing is Standing.CERTIFIED
        assert "likelihood >= 9" in found.sql


def test_a_renamed_metric_is_restated_under_both_ids(home: Frozen) -> None:
    home.freeze("2026-Q1")
    renamed(home)
    home.freeze("2026-Q2")
    both = asked(home, "nps_survey", **HALF)
    assert answer_of(home, both.sql) is Answer.VALID
    home.edit(NPS, "likelihood >= 9", "likelihood >= 7")
    for identity in ("nps", "nps_survey"):
        with pytest.raises(Refused, match="nps_survey was frozen in 2026-Q1 as nps") as refused:
            restate(home.folder, "2026-Q1", [identity], reason="x")
        assert "nps_survey" in refused.value.fix
    home.restate("2026-Q1", "nps", "nps_survey")
    for identity in ("nps", "nps_survey"):
        found = asked(home, identity, period="2026-Q1")
        assert found.standing is Standing.CERTIFIED
        assert "likelihood >= 7" in found.sql
    assert answer_of(home, both.sql) is Answer.STALE


def test_what_was_taken_out_under_an_old_id_makes_stale(home: Frozen) -> None:
    home.freeze("2026-Q1")
    renamed(home)
    home.freeze("2026-Q2")
    both = asked(home, "nps_survey", **HALF)
    (home.folder / NPS).unlink()
    home.repo.commit({})
    home.restate("2026-Q1", "nps")
    assert answer_of(home, both.sql) is Answer.STALE


# --- overlays ---


def test_an_overlay_that_did_not_change_breaks_nothing(home: Frozen) -> None:
    home.repo.commit({"metrics/overlays/chat.yaml": OVERLAY})
    home.freeze("2026-Q1")
    assert asked(home, "nps", overlay="chat", **HALF).standing is Standing.PROVISIONAL


def test_an_overlay_that_was_wrong_can_be_restated(home: Frozen) -> None:
    home.repo.commit({"metrics/overlays/chat.yaml": OVERLAY})
    home.freeze("2026-Q1")
    home.edit("overlays/chat.yaml", "'chat'", "'email'")
    assert "'chat'" in asked(home, "nps", overlay="chat", period="2026-Q1").compiled.body
    home.restate("2026-Q1", "nps")
    assert "'email'" in asked(home, "nps", overlay="chat", period="2026-Q1").compiled.body
    assert "'chat'" in asked(home, "csat", overlay="chat", period="2026-Q1").compiled.body
    with pytest.raises(Refused, match="nps means what it did"):
        restate(home.folder, "2026-Q1", ["nps"], reason="x")


# --- restating ---


@pytest.mark.parametrize("reason", ["a\udcffb", "a\x00b", "\x1b[2J"])
def test_a_reason_is_plain_text(home: Frozen, reason: str) -> None:
    home.freeze("2026-Q1")
    home.edit(NPS, "likelihood >= 9", "likelihood >= 7")
    assert exit_code(["restate", "2026-Q1", "nps", "--reason", reason, "--registry", str(home.folder)]) == 2


def test_a_metric_without_time_is_restated_with_its_numbers(home: Frozen) -> None:
    text = (home.folder / "definitions/csat.yaml").read_text(encoding="utf-8")
    text = text.replace("id: csat", "id: ever").replace("CSAT, top", "Ever, top").replace("time: responded_at\n", "")
    home.repo.commit({"metrics/definitions/ever.yaml": text})
    home.freeze("2026-Q1")
    home.edit("definitions/ever.yaml", "rating >= 4", "rating >= 3")
    made = restate(home.folder, "2026-Q1", ["ever"], reason="x", connection="local", now=DURING)
    [numbers] = made.entry.difference
    assert numbers["old"] < numbers["new"]
    assert numbers["old_n"] == numbers["new_n"]


def test_what_rested_on_a_metric_keeps_no_old_part(home: Frozen) -> None:
    """A sum whose formula has moved on since still has the part in it that is restated."""
    text = (home.folder / "definitions/csat.yaml").read_text(encoding="utf-8").partition("source:")[0]
    text = text.replace("id: csat", "id: both").replace("CSAT, top two boxes", "Both")
    text += "measure: {derived: nps + csat}\nunit: points\ndirection: neither\ndimensions: [channel]\n"
    home.repo.commit({"metrics/definitions/both.yaml": text})
    home.freeze("2026-Q1")
    home.edit("definitions/both.yaml", "derived: nps + csat", "derived: csat + 1")
    home.edit(NPS, "likelihood >= 9", "likelihood >= 7")
    with pytest.raises(Refused, match="both would rest on what is restated and keep the old reading") as refused:
        restate(home.folder, "2026-Q1", ["nps"], reason="x")
    assert refused.value.fix == "Name them too: `cxgov restate 2026-Q1 nps both`."
    home.restate("2026-Q1", "nps", "both")
    assert "nps" not in asked(home, "both", period="2026-Q1").compiled.body


def test_what_was_only_worded_otherwise_keeps_nothing_apart(home: Frozen) -> None:
    """One number whichever metrics stand beside it: other words of a source refuse no question."""
    home.freeze("2026-Q1")
    home.edit("sources/survey_responses.yaml", "One row for every", "A row for each")
    home.edit(NPS, "likelihood >= 9", "likelihood >= 7")
    home.restate("2026-Q1", "nps")
    both = asked(home, "nps", "csat", period="2026-Q1")
    assert both.standing is Standing.CERTIFIED
    assert both.compiled.body != asked(home, "csat", "nps", period="2026-Q1").compiled.body
    assert "likelihood >= 7" in both.compiled.body
    assert answer_of(home, both.sql) is Answer.VALID


def test_what_means_something_else_is_not_asked_beside_it(home: Frozen) -> None:
    home.freeze("2026-Q1")
    home.edit("sources/survey_responses.yaml", "relation: survey_responses", "relation: survey_answers")
    home.edit("registry.yaml", "survey_responses", "survey_answers")
    home.restate("2026-Q1", "nps")
    with pytest.raises(Refused, match="what 2026-Q1 froze cannot be read together: Source survey_responses is not"):
        asked(home, "nps", "csat", period="2026-Q1")


def test_a_metric_without_time_has_no_periods_number_to_certify(home: Frozen) -> None:
    text = (home.folder / "definitions/csat.yaml").read_text(encoding="utf-8")
    text = text.replace("id: csat", "id: ever").replace("CSAT, top", "Ever, top").replace("time: responded_at\n", "")
    home.repo.commit({"metrics/definitions/ever.yaml": text})
    home.freeze("2026-Q1")
    [found] = statements(home.folder, Query(metrics=("ever",)), dialect="duckdb", definition_of="2026-Q1")
    assert (found.standing, found.because) == (
        Standing.PROVISIONAL,
        "the definitions of 2026-Q1, asked without a period",
    )


# --- bytes that are no entry ---


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("metrics", "nps", "object"), 5),
        (("metrics", "nps", "object"), ["a"]),
        (("metrics", "nps", "object"), "../../../etc/passwd"),
        (("metrics", "nps", "clo1"), "clo1:other"),
        (("metrics", "nps", "clo1"), Decimal("1.5")),
        (("metrics", "nps", "sql", "duckdb"), "sql1:other"),
        (("period", "zone"), 5),
        (("period", "id"), []),
        (("late",), "no"),
        (("sequence",), True),
        (("restated",), [1, "a"]),
    ],
)
def test_an_entry_of_other_types_is_altered(home: Frozen, path: tuple[str, ...], value: object) -> None:
    target = home.freeze("2026-Q1")
    held = json.loads(target.read_bytes())
    inner = held
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    target.write_bytes(canonical_json(held))
    assert exit_code(["compile", "nps", "--period", "2026-01", "--registry", str(home.folder)]) == 5


def test_an_entry_of_a_zone_that_was_not_frozen_is_not_certified(home: Frozen) -> None:
    target = home.freeze("2026-Q1")
    target.write_bytes(target.read_bytes().replace(b'"zone": "Europe/Berlin"', b'"zone": "Nowhere/Else"'))
    with pytest.raises(Refused, match="writes other SQL"):
        asked(home, "nps", period="2026-Q1")


def a_file(frozen: Path) -> None:
    shutil.rmtree(frozen)
    frozen.write_text("x", encoding="utf-8")


def a_dangling_link(frozen: Path) -> None:
    shutil.rmtree(frozen)
    frozen.symlink_to("nowhere")


def a_ledger_that_is_a_file(frozen: Path) -> None:
    shutil.rmtree(frozen / "ledger")
    (frozen / "ledger").write_text("x", encoding="utf-8")


def an_entry_that_is_a_folder(frozen: Path) -> None:
    (frozen / "ledger/000001.json").unlink()
    (frozen / "ledger/000001.json").mkdir()


def objects_that_are_folders(frozen: Path) -> None:
    for path in list((frozen / "objects").iterdir()):
        path.unlink()
        path.mkdir()


def objects_that_are_a_file(frozen: Path) -> None:
    shutil.rmtree(frozen / "objects")
    (frozen / "objects").write_text("x", encoding="utf-8")


@pytest.mark.parametrize(
    "spoil",
    [
        a_file,
        a_dangling_link,
        a_ledger_that_is_a_file,
        an_entry_that_is_a_folder,
        objects_that_are_folders,
        objects_that_are_a_file,
    ],
)
def test_what_is_no_ledger_is_not_taken_for_an_empty_one(home: Frozen, spoil: Callable[[Path], None]) -> None:
    home.freeze("2026-Q1")
    spoil(home.folder / "frozen")
    assert exit_code(["compile", "nps", "--period", "2026-Q1", "--registry", str(home.folder)]) == 5


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("0-notes", "0-notes is no entry"),
        ("000000.json", "000001.json is missing"),
        ("000001.bak", "000001.bak is no entry"),
    ],
)
def test_what_is_no_entry_is_named_whatever_was_read_before(name: str, said: str) -> None:
    first = b'{\n "previous": null\n}\n'
    files = {"000001.json": first, "000002.json": b'{\n "previous": "%s"\n}\n' % digest(first).encode()}
    known = Ledger(files, lambda _name: None)
    for before in (None, known):
        with pytest.raises(Altered, match=f"the ledger is broken: {re.escape(said)}"):
            Ledger({**files, name: b""}, lambda _name: None, before)


# --- statements ---


def test_no_comment_hides_behind_a_second_mark_of_the_end(home: Frozen) -> None:
    home.freeze("2026-Q1")
    sql = asked(home, "nps", period="2026-Q1").sql
    begin = sql.index("\n", sql.index("\n-- cxgov {") + 1) + 1
    hidden = f"-- cxgov end sql1:{'0' * 64}\n-- without the complaints\n"
    assert answer_of(home, sql[:begin] + hidden + sql[begin:]) is Answer.ALTERED


def test_as_of_another_instant_than_the_closing_nothing_is_certified(home: Frozen) -> None:
    """The instant is in the heading and in the facts, so that two statements of one period are told apart."""
    home.freeze("2026-Q1")
    early = asked(home, "nps", period="2026-Q1", as_of=datetime(2026, 2, 1, tzinfo=UTC))
    assert "\n-- as of 2026-02-01T00:00:00Z\n" in early.sql
    assert early.because == "asked as of another instant than the closing of 2026-Q1"
    assert answer_of(home, early.sql) is Answer.PROVISIONAL
    closed = asked(home, "nps", period="2026-Q1")
    assert answer_of(home, closed.sql) is Answer.VALID
    assert answer_of(home, closed.sql.replace("2026-04-10T22:00:00Z", "2026-02-01T00:00:00Z")) is Answer.ALTERED
