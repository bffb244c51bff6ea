"""The command line as its users meet it: what is printed, what is written, how it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import cxgov
from cxgov.cli.main import BUG, CANNOT_SAY, COMMANDS, INTERRUPTED, NO, OK, exit_code
from cxgov.cli.memory import validate_with_memory
from cxgov.cli.options import write_out
from cxgov.evaluation.judgements import Evaluation
from cxgov.governance import processes
from tests.judged import PICTURES, evaluation

ROOT = Path(__file__).parent.parent
CSAT = "definitions/csat.yaml"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh registry as ``cxgov init`` writes it, in the current folder, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert exit_code(["init"]) == OK
    return tmp_path / "metrics"


def edit(registry: Path, name: str, old: str, new: str) -> None:
    file = registry / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_a_new_registry_validates_runs_and_holds(registry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `init` writes is valid, answers the question that it suggests, and its data holds what is declared."""
    assert exit_code(["validate"]) == OK
    capsys.readouterr()
    assert exit_code(["run", "csat", "nps", "--by", "channel", "--grain", "month", "--period", "2026-Q1"]) == OK
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("2026-")] == ["chat", "chat", "chat"]
    assert exit_code(["check"]) == OK
    assert (registry / ".schemas" / "metric.json").is_file()


def test_init_writes_nothing_over_what_is_there(registry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.name for path in registry.parent.iterdir())
    assert exit_code(["init"]) == CANNOT_SAY
    assert "exists already" in capsys.readouterr().err
    assert exit_code(["init", "other", "--zone", "Europe/Berlim"]) == CANNOT_SAY
    assert sorted(path.name for path in registry.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], OK),
        (["--version"], OK),
        (["rules"], OK),
        (["dialects", "--format", "json"], OK),
        (["list"], OK),
        (["show", "nps"], OK),
        (["graph"], OK),
        (["compile", "nps", "--period", "2026-Q1", "--dialect", "bigquery"], OK),
        ([], CANNOT_SAY),
        (["runn"], CANNOT_SAY),
        (["run"], CANNOT_SAY),
        (["run", "nps", "--period", "2026-Q9"], CANNOT_SAY),
        (["run", "nsp", "--period", "2026-Q1"], CANNOT_SAY),
        (["run", "nps", "--period", "2026-Q1", "--as-of", "yesterday"], CANNOT_SAY),
        (["run", "nps", "--period", "2026-Q1", "--connection", "nowhere"], CANNOT_SAY),
        (["show", "nothing"], CANNOT_SAY),
        (["validate", "--registry", "nowhere"], CANNOT_SAY),
        (["check", "nothing"], CANNOT_SAY),
        (["evaluate", "--period", "2026-Q1"], CANNOT_SAY),
        (["evaluate"], CANNOT_SAY),
        (["diff"], CANNOT_SAY),
        (["diff", "HEAD~1", "HEAD", "HEAD"], CANNOT_SAY),
        (["bump", "--check"], CANNOT_SAY),
        (["sample", "nothing", "--period", "2026-Q1"], CANNOT_SAY),
        (["sample", "nothing", "--period", "2026-Q1", "--dialect", "duckdb"], CANNOT_SAY),
    ],
)
def test_exit_codes(registry: Path, arguments: list[str], code: int) -> None:
    assert exit_code(arguments) == code


def test_an_invalid_registry_is_the_answer_of_validate_and_stops_every_other_command(
    registry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(registry, CSAT, "direction:", "dirction:")
    assert exit_code(["validate"]) == NO
    out = capsys.readouterr().out
    assert (
        "metrics/definitions/csat.yaml:16:1: error[CX003 schema] unknown key 'dirction'; did you mean 'direction'?"
        in out
    )
    for arguments in (
        ["run", "nps", "--period", "2026-Q1"],
        ["compile", "nps"],
        ["list"],
        ["show", "nps"],
        ["graph"],
        ["check"],
        ["evaluate", "--period", "2026-Q1"],
        ["sample", "nothing", "--period", "2026-Q1"],
    ):
        assert exit_code(arguments) == CANNOT_SAY
        err = capsys.readouterr().err
        assert "CX003" in err
        assert "Traceback" not in err


HOSTILE = {
    "alias bomb": b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "depth": b"[" * 3000,
    "not text": b"title: \xff\n",
    "bidi": "title: \u202eevil\n".encode(),
    "huge": b"x" * 10_000_000,
    "two keys": b"id: a\nid: b\n",
    "tag": b"!!python/object/apply:os.system [id]\n",
    "empty": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_a_diagnostic_with_a_place(
    registry: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (registry / "definitions" / "hostile.yaml").write_bytes(HOSTILE[name])
    assert exit_code(["validate"]) == NO
    assert "metrics/definitions/hostile.yaml:" in capsys.readouterr().out
    assert exit_code(["run", "nps", "--period", "2026-Q1"]) == CANNOT_SAY


@pytest.mark.parametrize(
    "expression",
    [
        "(select 1)", "rating >= 4; drop table x", "rating >= 4 -- all", "read_csv('x')", "pg_read_file('x')",
        "getenv('HOME')", "count(*) > 1", "rating >= 4 /* all */", "now() > responded_at", '"rating" >= 4',
    ],
)  # fmt: skip
def test_hostile_expressions_are_refused_inside_the_scalar(
    registry: Path, expression: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(registry, CSAT, "share: {of: rating >= 4}", f"share:\n    of: >-\n      {expression}\n    unknown: out")
    assert exit_code(["validate"]) == NO
    out = capsys.readouterr().out
    assert "csat.yaml:16:" in out
    assert "CX013" in out


def test_validate_for_programs(registry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(registry, CSAT, "direction:", '"100%, or: so\\n::error::x":')
    assert exit_code(["validate", "--format", "json"]) == NO
    answer = json.loads(capsys.readouterr().out)
    assert (answer["valid"], answer["documents"]) == (False, 5)
    assert exit_code(["validate", "--format", "github"]) == NO
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("::error file=metrics/definitions/csat.yaml,line=") for line in lines)
    assert any("100%25, or: so" in line for line in lines)
    assert exit_code(["validate"]) == NO
    assert "\n::error" not in capsys.readouterr().out


def test_validate_shows_the_problems_of_some_paths(registry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(registry, CSAT, "direction:", "dirction:")
    assert exit_code(["validate", "metrics/sources"]) == OK
    assert exit_code(["validate", "metrics/definitions"]) == NO
    assert exit_code(["validate", "metrics/definitions/csat.yaml"]) == NO


def test_outputs_agree(registry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    question = ["run", "nps", "--by", "channel", "--period", "2026-Q1"]
    assert exit_code([*question, "--output", "json"]) == OK
    rows = json.loads(capsys.readouterr().out)["answers"][0]["rows"]
    assert exit_code([*question, "--output", "csv"]) == OK
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == "channel,nps,nps_n,nps_status"
    assert lines == [f"{row['channel']},{row['nps']!r},{row['nps_n']},{row['nps_status']}" for row in rows]
    assert exit_code(question) == OK
    table = capsys.readouterr().out
    assert all(f"{row['nps']:.1f}" in table for row in rows)


def test_a_suppressed_cell_is_marked_and_its_count_hidden(registry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(registry, "definitions/nps.yaml", "min_sample: 10", "min_sample: 100000")
    assert exit_code(["run", "nps", "--period", "2026-Q1"]) == OK
    out = capsys.readouterr().out
    assert "·" in out
    assert "<100000" in out
    assert exit_code(["run", "nps", "--period", "2026-Q1", "--output", "csv"]) == OK
    assert capsys.readouterr().out.splitlines()[1] == ",,suppressed"


def test_a_file_is_written_whole_or_not_at_all(
    registry: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An interrupted command leaves neither a part of its file nor a temporary one, and ends with 130."""
    question = ["run", "nps", "--period", "2026-Q1", "--output", "csv", "--into", "nps.csv"]
    assert exit_code(question) == OK
    before = Path("nps.csv").read_text(encoding="utf-8")
    files = sorted(path.name for path in Path.cwd().iterdir())

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fdopen", interrupted)
    assert exit_code(question) == INTERRUPTED
    assert Path("nps.csv").read_text(encoding="utf-8") == before
    assert sorted(path.name for path in Path.cwd().iterdir()) == files
    assert "Traceback" not in capsys.readouterr().err


def test_a_bug_is_said_to_be_one(
    registry: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("cxgov.api.statements", broken)
    assert exit_code(["compile", "nps", "--period", "2026-Q1"]) == BUG
    assert "a bug: ZeroDivisionError: of ours" in capsys.readouterr().err


def test_evaluate_prints_writes_and_ends_with_1_at_a_breach(
    registry: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The names are passed on as given; pictures go to a folder of their own, and which ones is said apart."""
    asked: list[object] = []

    def evaluated(_: object, wanted: object, **options: object) -> Evaluation:
        asked.append((wanted, options))
        return evaluation(PICTURES["falling"], PICTURES["five"])

    monkeypatch.setattr("cxgov.api.evaluate", evaluated)
    question = ["evaluate", "nps", "nps_day", "--period", "2026-01"]
    assert exit_code(question) == NO
    assert asked == [(("nps", "nps_day"), {"period": "2026-01", "connection": None, "history": 8})]
    text = capsys.readouterr().out
    assert text.startswith("breach  Daily NPS")
    for form, start in (("json", "{"), ("markdown", "# Evaluation")):
        assert exit_code([*question, "--format", form, "--into", "answer", "--svg", "charts/of"]) == NO
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.splitlines() == [str(Path("charts/of/nps_day_2026-01-05.svg"))] * 2
        assert Path("answer").read_text(encoding="utf-8").startswith(start)
    assert [path.name for path in Path("charts/of").iterdir()] == ["nps_day_2026-01-05.svg"]
    assert Path("charts/of/nps_day_2026-01-05.svg").read_text(encoding="utf-8").startswith("<svg")
    monkeypatch.setattr("cxgov.api.evaluate", lambda *_, **__: evaluation(PICTURES["five"]))
    assert exit_code(question) == OK


def test_evaluate_of_data(registry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (registry / "threshold.yaml").write_text(THRESHOLD.replace("below: 50", "below: 1"), encoding="utf-8")
    assert exit_code(["evaluate", "--period", "2026-Q1", "--history", "1"]) == OK
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if " | 2026-0" in line] == ["good"] * 3
    assert exit_code(["evaluate", "csat", "--period", "2026-Q1", "--history", "1"]) == OK
    assert capsys.readouterr().out == out
    edit(registry, "threshold.yaml", "below: 1", "below: 99")
    assert exit_code(["evaluate", "csat_month", "--period", "2026-01"]) == NO
    assert exit_code(["evaluate", "nps", "--period", "2026-01"]) == CANNOT_SAY
    assert "has no threshold" in capsys.readouterr().err


def test_sample_draws_a_list_or_prints_its_statement(registry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = "frame: {source: survey_responses}\nselect: {method: hash, fraction: 0.5, salt: a}\nminimum:"
    (registry / "sampling.yaml").write_text(RULE.replace("minimum:", drawn), encoding="utf-8")
    question = ["sample", "everyone", "--period", "2026-Q1"]
    assert exit_code(question) == OK
    told = capsys.readouterr()
    header, *keys = told.out.splitlines()
    assert header == "response_id"
    assert keys == sorted(set(keys), key=int)
    assert told.err == f"{len(keys):,} drawn by everyone for 2026-Q1 (2026-01-01 to before 2026-04-01)\n"
    assert exit_code([*question, "--output", "table", "--into", "list.txt"]) == OK
    assert capsys.readouterr().out == ""
    assert Path("list.txt").read_text(encoding="utf-8").split()[1:] == keys
    assert exit_code([*question, "--sql"]) == OK
    assert "md5(" in capsys.readouterr().out.lower()
    assert exit_code([*question, "--sql", "--dialect", "bigquery"]) == OK
    assert "AS STRING" in capsys.readouterr().out
    assert exit_code([*question, "--dialect", "bigquery"]) == CANNOT_SAY
    assert "--sql" in capsys.readouterr().err


DERIVED = """\
apiVersion: cxgov/v1
kind: Metric
id: index
version: 1.0.0
title: Index
description: Half of each.
owner: cx
status: certified
measure:
  derived: 0.5 * csat + 0.5 * nps
unit: points
direction: higher_is_better
"""
RULE = """\
apiVersion: cxgov/v1
kind: Sampling
id: everyone
version: 1.0.0
title: Everyone
owner: cx
source: survey_responses
unit: response
minimum: {show: 10}
"""
THRESHOLD = """\
apiVersion: cxgov/v1
kind: Threshold
id: csat_month
version: 1.0.0
title: Monthly CSAT
owner: cx
metric: csat
grain: month
scope: {channel: email}
bands: [{name: breach, below: 50}, {name: good}]
meaningful_change: 2
"""
EXCLUSION = """\
apiVersion: cxgov/v1
kind: Exclusion
id: outage
version: 1.0.0
title: Outage
owner: cx
source: survey_responses
where: channel = 'chat'
metrics: [csat]
reason: No line
evidence: CX-1
requester: dee
from: 2026-01-05
until: 2026-01-06
"""


OVERLAY = """\
apiVersion: cxgov/v1
kind: Overlay
id: chat
version: 1.0.0
title: Chat
owner: cx
metrics: [csat]
where: channel = 'chat'
thresholds: [csat_month]
min_sample: 20
"""
COUNCIL = """\
apiVersion: cxgov/v1
kind: Council
id: council
version: 1.0.0
sequence: 1
title: Council
owner: cx
members:
  - {person: ana, seat: cx, github: 1, until: 2100-01-01}
  - {person: bo, seat: cx, github: 2, until: 2100-01-01}
  - {person: cy, seat: cx, github: 3, until: 2100-01-01}
rules:
  - {classes: [overlay], quorum: 1, scope: {overlay: chat}}
  - {classes: [formula], quorum: 1, metrics: [csat]}
beneficiaries: {csat: [bo]}
"""


def with_rules(registry: Path) -> None:
    """A sampling rule that one metric follows, with a threshold and an exclusion of that metric."""
    for name, text in (("sampling", RULE), ("threshold", THRESHOLD), ("exclusion", EXCLUSION)):
        (registry / f"{name}.yaml").write_text(text, encoding="utf-8")
    edit(registry, CSAT, "min_sample: 10", "sampling: everyone")


EDITS: list[tuple[str, Callable[[Path], object]]] = [
    ("nothing", lambda _: None),
    ("a title", lambda r: edit(r, CSAT, "top two boxes", "two top boxes")),
    ("a formula", lambda r: edit(r, CSAT, "rating >= 4", "rating >= 3")),
    ("a broken formula", lambda r: edit(r, CSAT, "rating >= 3", "rating >= 'x'")),
    ("mended", lambda r: edit(r, CSAT, "rating >= 'x'", "rating >= 3")),
    ("a column gone", lambda r: edit(r, "sources/survey_responses.yaml", "  likelihood:", "  likely:")),
    ("a column back", lambda r: edit(r, "sources/survey_responses.yaml", "  likely:", "  likelihood:")),
    (
        "a value of a column",
        lambda r: edit(r, "sources/survey_responses.yaml", "[chat, email, phone]", "[chat, email, fax]"),
    ),
    ("the title of another", lambda r: edit(r, CSAT, "CSAT, two top boxes", "net  promoter score")),
    ("its own title", lambda r: edit(r, CSAT, "net  promoter score", "CSAT")),
    ("a doubled id", lambda r: edit(r, CSAT, "id: csat", "id: nps")),
    ("its own id", lambda r: edit(r, CSAT, "id: nps", "id: csat")),
    ("no source", lambda r: (r / "sources/survey_responses.yaml").rename(r.parent / "kept.yaml")),
    ("the source again", lambda r: (r.parent / "kept.yaml").rename(r / "sources/survey_responses.yaml")),
    ("a warning", lambda r: edit(r, CSAT, "description: Ratings of 4 or 5 over all ratings of 1 to 5.\n", "")),
    ("a stray file", lambda r: (r / "notes.txt").write_text("x")),
    ("no stray file", lambda r: (r / "notes.txt").unlink()),
    ("a derived metric", lambda r: (r / "definitions/index.yaml").write_text(DERIVED)),
    ("its part renamed", lambda r: edit(r, "definitions/nps.yaml", "id: nps", "id: nps_all")),
    ("its part named so", lambda r: edit(r, "definitions/index.yaml", "nps", "nps_all")),
    ("its part a draft", lambda r: edit(r, "definitions/nps.yaml", "status: certified", "status: draft")),
    ("its part certified", lambda r: edit(r, "definitions/nps.yaml", "status: draft", "status: certified")),
    ("no warning", lambda r: edit(r, CSAT, "status:", "description: Ratings of 3 to 5.\nstatus:")),
    ("a sampling rule, a threshold and an exclusion", with_rules),
    ("a rule with weights", lambda r: edit(r, "sampling.yaml", "minimum:", "weights: {method: inclusion}\nminimum:")),
    ("a rule without", lambda r: edit(r, "sampling.yaml", "weights: {method: inclusion}\n", "")),
    ("a rule by another name", lambda r: edit(r, "sampling.yaml", "id: everyone", "id: all")),
    ("its own name", lambda r: edit(r, "sampling.yaml", "id: all", "id: everyone")),
    ("a metric without its time", lambda r: edit(r, CSAT, "time: responded_at\n", "")),
    ("its time again", lambda r: edit(r, CSAT, "sampling:", "time: responded_at\nsampling:")),
    ("a threshold of a derived metric", lambda r: edit(r, "threshold.yaml", "metric: csat", "metric: index")),
    (
        "which is split by it",
        lambda r: edit(r, "definitions/index.yaml", "direction", "dimensions: [channel]\ndirection"),
    ),
    ("a value of the scope", lambda r: edit(r, "sources/survey_responses.yaml", "[chat, email, fax]", "[chat, fax]")),
    ("the value again", lambda r: edit(r, "sources/survey_responses.yaml", "[chat, fax]", "[chat, email, phone]")),
    ("short exclusions", lambda r: edit(r, "registry.yaml", "calendar:", "exclusions: {longest: 1 day}\ncalendar:")),
    ("a long exclusion", lambda r: edit(r, "exclusion.yaml", "2026-01-06", "2026-01-08")),
    ("longer exclusions", lambda r: edit(r, "registry.yaml", "longest: 1 day", "longest: 1 week")),
    ("a second registry", lambda r: (r / "copy.yaml").write_bytes((r / "registry.yaml").read_bytes())),
    ("one registry", lambda r: (r / "copy.yaml").unlink()),
    (
        "a metric with a time and a title of its own",
        lambda r: edit(r, "threshold.yaml", "metric: index", "metric: csat"),
    ),
    ("an overlay", lambda r: (r / "overlay.yaml").write_text(OVERLAY)),
    ("a council", lambda r: (r / "council.yaml").write_text(COUNCIL)),
    ("a minimum as high as the overlay's", lambda r: edit(r, "sampling.yaml", "show: 10", "show: 20")),
    ("a lower one", lambda r: edit(r, "sampling.yaml", "show: 20", "show: 15")),
    (
        "a second overlay that judges the same",
        lambda r: (r / "more.yaml").write_text(OVERLAY.replace("id: chat", "id: b")),
    ),
    ("which judges nothing", lambda r: edit(r, "more.yaml", "thresholds: [csat_month]", "dimensions: {rate: rating}")),
    (
        "by a personal column",
        lambda r: edit(r, "sources/survey_responses.yaml", "  rating: {", "  rating: {sensitivity: personal, "),
    ),
    ("not personal", lambda r: edit(r, "sources/survey_responses.yaml", "sensitivity: personal, ", "")),
    ("an overlay by another name", lambda r: edit(r, "overlay.yaml", "id: chat", "id: chats")),
    ("the council knows it", lambda r: edit(r, "council.yaml", "overlay: chat", "overlay: chats")),
    ("a quorum of all", lambda r: edit(r, "council.yaml", "quorum: 1, metrics", "quorum: 2, metrics")),
    ("a quorum of one", lambda r: edit(r, "council.yaml", "quorum: 2, metrics", "quorum: 1, metrics")),
    ("a second council", lambda r: (r / "second.yaml").write_text(COUNCIL.replace("id: council", "id: second"))),
    ("one council", lambda r: (r / "second.yaml").unlink()),
    ("a threshold that is not there", lambda r: edit(r, "threshold.yaml", "id: csat_month", "id: csat_months")),
    ("is there", lambda r: edit(r, "threshold.yaml", "id: csat_months", "id: csat_month")),
    ("an old id", lambda r: edit(r, CSAT, "owner:", "formerly: [satisfaction]\nowner:")),
    ("which another metric has", lambda r: edit(r, "definitions/index.yaml", "id: index", "id: satisfaction")),
    ("has no more", lambda r: edit(r, "definitions/index.yaml", "id: satisfaction", "id: index")),
    (
        "which another metric had",
        lambda r: edit(r, "definitions/index.yaml", "owner:", "formerly: [satisfaction]\nowner:"),
    ),
    ("another old id", lambda r: edit(r, "definitions/index.yaml", "[satisfaction]", "[idx]")),
    ("the metric of all gone", lambda r: (r / CSAT).rename(r.parent / "kept.yaml")),
    ("back", lambda r: (r.parent / "kept.yaml").rename(r / CSAT)),
    ("another calendar", lambda r: edit(r, "registry.yaml", "calendar: reporting", "calendar: other")),
]


def test_memory_notices_what_no_metric_uses(registry: Path) -> None:
    """A source that only another source refers to is missed when it goes, and so is the calendar."""
    memory = registry.parent / "memory.json"
    for metric in (registry / "definitions").iterdir():
        metric.unlink()
    plain = (registry / "sources/survey_responses.yaml").read_text(encoding="utf-8")
    other = registry / "sources/surveys.yaml"
    other.write_text(plain.replace("id: survey_responses", "id: surveys"), encoding="utf-8")
    role = "  survey: {key: [response_id], source: surveys}\ndimensions:"
    edit(registry, "sources/survey_responses.yaml", "dimensions:", role)
    assert validate_with_memory(registry, memory) == (4, ())
    for gone in (other, registry / "calendars/reporting.yaml"):
        kept = gone.read_bytes()
        gone.unlink()
        assert [problem.rule.code for problem in validate_with_memory(registry, memory)[1]] == ["CX011"]
        gone.write_bytes(kept)
        assert validate_with_memory(registry, memory) == (4, ())


def test_memory_is_used(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was valid and has not changed is not read again; of a change only what it can reach is."""
    memory = registry.parent / "memory.json"
    assert validate_with_memory(registry, memory) == (5, ())
    read: list[str] = []
    loading = sys.modules["cxgov.language.loading"]
    plain = loading.read

    def watched(path: str, data: bytes) -> object:
        read.append(Path(path).name)
        return plain(path, data)

    monkeypatch.setattr(loading, "read", watched)
    assert validate_with_memory(registry, memory) == (5, ())
    assert read == []
    edit(registry, CSAT, "rating >= 4", "rating >= 3")
    assert validate_with_memory(registry, memory) == (5, ())
    assert "csat.yaml" in read
    assert "nps.yaml" not in read
    read.clear()
    edit(registry, "sources/survey_responses.yaml", "[0, 10]", "[0, 11]")
    assert validate_with_memory(registry, memory) == (5, ())
    assert {"csat.yaml", "nps.yaml"} <= set(read)


def test_a_changed_sampling_rule_is_held_against_what_stands_on_it(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the rule's metrics, their thresholds and exclusions nothing is remembered; of the others all is."""
    with_rules(registry)
    memory = registry.parent / "memory.json"
    assert validate_with_memory(registry, memory) == (8, ())
    read: set[str] = set()
    loading = sys.modules["cxgov.language.loading"]
    plain = loading.read

    def watched(path: str, data: bytes) -> object:
        read.add(Path(path).name)
        return plain(path, data)

    monkeypatch.setattr(loading, "read", watched)
    edit(registry, "sampling.yaml", "show: 10", "show: 20")
    assert validate_with_memory(registry, memory) == (8, ())
    assert {"csat.yaml", "threshold.yaml", "exclusion.yaml"} <= read
    assert "nps.yaml" not in read
    read.clear()
    edit(registry, "threshold.yaml", "below: 50", "below: 60")
    assert validate_with_memory(registry, memory) == (8, ())
    assert "threshold.yaml" in read
    assert not {"exclusion.yaml", "nps.yaml"} & read
    (registry / "sampling.yaml").unlink()
    assert [problem.rule.code for problem in validate_with_memory(registry, memory)[1]] == ["CX011"]


def on_processors(monkeypatch: pytest.MonkeyPatch, processors: int) -> None:
    """Makes two metrics reason enough for a second process."""
    monkeypatch.setattr(processes, "_processors", lambda: processors)
    monkeypatch.setattr(processes, "_WORTH_A_PROCESS", 1)


@pytest.mark.parametrize("processors", [1, 2])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_memory_never_changes_the_answer(registry: Path, processors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a memory of what was valid, in one process or two, `validate` finds what it finds without, at every edit."""
    on_processors(monkeypatch, processors)
    memory = registry.parent / "memory.json"
    for name, change in EDITS:
        change(registry)
        _, fresh = cxgov.validate(registry)
        for attempt in range(2):
            assert validate_with_memory(registry, memory)[1] == fresh, (name, attempt)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_that_is_ended_is_not_missed(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = registry.parent / "ended"

    def end(*_: object) -> None:
        ended.touch()
        os.kill(os.getpid(), signal.SIGKILL)

    on_processors(monkeypatch, 2)
    monkeypatch.setattr(processes, "_answer", end)
    assert validate_with_memory(registry, registry.parent / "memory.json") == (5, ())
    assert ended.exists()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"program": 1}', b"\xff", b'{"program": null, "documents": {}}']
)
def test_a_broken_memory_is_no_memory(registry: Path, content: bytes) -> None:
    memory = registry.parent / "memory.json"
    memory.write_bytes(content)
    documents, found = validate_with_memory(registry, memory)
    assert (documents, found) == (5, ())


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    """`import cxgov` and `cxgov --help` load none of the libraries that only commands need."""
    heavy = ["sqlglot", "yaml", "duckdb", "jsonschema", "jsonschema_rs", "rich", "psycopg", "pyarrow"]
    code = (
        "import sys, cxgov\nfrom cxgov.cli.main import exit_code\nassert exit_code(['--help']) == 0\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_closed_pipe_is_no_failure(registry: Path) -> None:
    command = f"{sys.executable} -m cxgov rules | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("CX001")
    assert "Error" not in done.stderr


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        assert exit_code([command, "--help"]) == OK
        assert capsys.readouterr().out.startswith("Usage: ")


def test_demo_prints_the_statement_and_its_numbers(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "metrics"
    shutil.copytree(ROOT / "metrics", target, ignore=shutil.ignore_patterns(".*"))
    assert exit_code(["demo", "--responses", "5000", "--registry", str(target)]) == OK
    out = capfd.readouterr().out
    assert "AS nps_plus" in out
    assert "2026-08-01     AMER" in out
    assert exit_code(["check", "--registry", str(target)]) == NO
    assert "rows refer by customer to a row that customers does not have" in capfd.readouterr().out


def test_python_gives_what_the_command_line_gives(registry: Path) -> None:
    """Load, compile, run, get Arrow, by the public names."""
    loaded = cxgov.load(registry)
    query = cxgov.Query(metrics=("nps",), by=("channel",), grain="month", period="2026-Q1")
    compiled = cxgov.compile(loaded, query, dialect="duckdb")
    assert compiled.sql == cxgov.compile(loaded, query, dialect="duckdb").sql
    result = cxgov.run(loaded, query)
    assert isinstance(result, cxgov.Result)
    table = result.to_arrow()
    assert table.column_names == ["period_start", "partial", "channel", "nps", "nps_n", "nps_status"]
    assert [str(kind) for kind in table.schema.types] == ["date32[day]", "bool", "string", "double", "int64", "string"]
    assert table.num_rows == 9
    with pytest.raises(cxgov.Refused, match="cannot be split or filtered by 'region'"):
        cxgov.compile(loaded, cxgov.Query(metrics=("nps",), by=("region",), period="2026"), dialect="duckdb")
    edit(registry, CSAT, "direction:", "dirction:")
    with pytest.raises(cxgov.InvalidRegistry) as invalid:
        cxgov.load(registry)
    assert [problem.rule.code for problem in invalid.value.diagnostics] == ["CX003"]


@pytest.mark.slow
def test_the_wheel_installs_and_runs(tmp_path: Path) -> None:
    """The wheel holds all that it needs: schemas, the reference registry, the demo."""
    wheels, target = tmp_path / "wheels", tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = wheels.glob("cxgov-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(target), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    place = tmp_path / "elsewhere"
    place.mkdir()
    for arguments in (["demo", "--responses", "2000"], ["validate", "--registry", "cxgov-demo/metrics"], ["init"]):
        command = [sys.executable, "-m", "cxgov", *arguments]
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    code = "import cxgov; print(cxgov.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(target))


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """`--into /dev/null`, as root, would take the device from everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_out("said", str(pipe))
    assert os.read(reader, 10) == b"said"
    os.close(reader)
    assert pipe.is_fifo()
