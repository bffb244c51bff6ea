"""The gate's six printers: one answer, every text of the proposal escaped for its reader."""

import json
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from click.testing import CliRunner

from cxgov.cli.main import commands
from tests.gating import ACCOUNTS, Repo, council, documents, repo, review, signing

__all__ = ["repo", "signing"]  # fixtures

ROOT: Final = Path(__file__).parents[1]
HOSTILE: Final = "a|b `c` <img src=x> @ana ::error::x%0A\\ [y](z)"


def printed(repo: Repo, form: str, *more: str, reviews: Any = ()) -> tuple[int, str]:
    """The exit code and the output of the command."""
    file = repo.folder / "reviews.json"
    file.write_text(json.dumps(list(reviews)), encoding="utf-8")
    arguments = ["gate", "--trusted", "main", "--head", "proposal", "--now", "2026-10-01T00:00:00Z"]
    arguments += ["--registry", str(repo.folder / "metrics"), "--reviews", str(file), "--format", form, *more]
    done = CliRunner().invoke(commands, arguments, standalone_mode=False)
    assert done.exception is None, done.exception
    return int(done.return_value), done.stdout


def test_the_text_explains_itself(repo: Repo) -> None:
    head = repo.commit(*documents(7), council(), who="ana")
    code, text = printed(repo, "text", reviews=[review("ana", head), review("bob", head)])
    assert code == 1
    assert text.splitlines()[0] == f"not approved  {head[:12]} into {repo.git('rev-parse', 'main')[:12]}"
    assert [line.strip() for line in text.splitlines()[1:]] == [
        "- metrics/metric_nps.yaml:1:189: formula Metric nps measure.net_share.plus changed: score >= 9 -> score >= 7",
        "reaches nps_month",
        "needs 2 approvals (policy in force)",
        "counted: bob (finance)",
        f"not counted: ana: wrote part of the proposal (review of {head[:12]} at 2026-09-20T00:00:01Z)",
        "missing: 1 more approval of 2",
    ]
    head = repo.commit(*documents(7), council())
    code, text = printed(repo, "text", reviews=[review("dee", head), review("bob", head)])
    assert (code, text.splitlines()[0][:8]) == (0, "approved")


def test_the_json_has_the_shape_of_its_schema(repo: Repo) -> None:
    schema = json.loads((ROOT / "schemas/output/gate.json").read_text(encoding="utf-8"))
    head = repo.commit(*documents(7), council(), who="ana")
    no = [review("cy", head, "CHANGES_REQUESTED"), review("ana", head), review("zoe", head)]
    code, text = printed(repo, "json", reviews=no)
    jsonschema.validate(json.loads(text), schema)
    assert code == 1
    assert json.loads(text)["vetoes"][0]["person"] == "cy"
    repo.write({"metrics/metric_nps.yaml": b"kind: Metric\n"})
    (repo.folder / "metrics/link.yaml").symlink_to("/etc/passwd")
    repo.commit()
    code, text = printed(repo, "json")
    jsonschema.validate(json.loads(text), schema)
    assert (code, json.loads(text)["valid"]) == (2, False)


@pytest.mark.parametrize("form", ["markdown", "github", "sarif", "junit"])
def test_what_the_proposal_says_is_never_a_command(repo: Repo, form: str) -> None:
    """Titles and file names that are Markdown, HTML, workflow commands or XML come out as text."""
    made = [{**its, "title": HOSTILE, "version": "1.0.1"} if its["kind"] == "Metric" else its for its in documents()]
    made.append({**documents()[1], "id": "other", "title": f"{HOSTILE} other"})
    head = repo.commit(*made, council())
    odd = review("ana", head)
    odd["user"]["login"] = HOSTILE
    code, text = printed(repo, form, reviews=[odd, review("zoe", head)])
    assert code == 1
    match form:
        case "markdown":
            assert "<img" not in text
            assert "@ana" not in text
            assert all(line.count(" | ") == 6 for line in text.splitlines() if line.startswith("| ✗"))
        case "github":
            assert all(line.startswith(("::error ", "::notice ")) for line in text.splitlines())
            assert "%0A" not in text.replace("%250A", "")
        case "sarif":
            run = json.loads(text)["runs"][0]
            assert {its["level"] for its in run["results"]} == {"error", "note"}
            assert all(its["locations"] for its in run["results"])
        case _:
            suite = ET.fromstring(text)[0]  # noqa: S314  # our own output
            assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure")) > 0


@pytest.mark.parametrize("form", ["text", "json", "markdown", "github", "sarif", "junit"])
def test_every_format_has_one_answer(repo: Repo, form: str) -> None:
    """The exit code is that of the verdict, whatever prints it."""
    head = repo.commit(*documents(7), council())
    assert printed(repo, form)[0] == 1
    assert printed(repo, form, reviews=[review(person, head) for person in ACCOUNTS])[0] == 0
    repo.write({"metrics/metric_nps.yaml": b"kind: Metric\n"})
    repo.commit()
    assert printed(repo, form)[0] == 2


def test_approve_shows_the_change_signs_it_and_writes_it_whole(signing: Repo) -> None:
    """What is signed is shown before; without a yes nothing is written."""
    arguments = ["approve", "--trusted", "main", "--head", "proposal", "--now", "2026-10-01T00:00:00Z"]
    arguments += ["--registry", str(signing.folder / "metrics"), "--key", str(signing.folder.parent / "keys" / "ana")]
    runner = CliRunner()
    asked = runner.invoke(commands, arguments, input="n\n", standalone_mode=False)
    assert "formula Metric nps measure.net_share.plus changed: score >= 9 -> score >= 7" in asked.stdout
    assert not (signing.folder / "metrics/approvals").exists()
    done = runner.invoke(commands, [*arguments, "--yes"], standalone_mode=False)
    assert done.exception is None, done.exception
    [file] = (signing.folder / "metrics/approvals").iterdir()
    assert done.stdout.endswith(f"{file}: commit it to the proposal\n")
    signing.commit(who="ana")
    code, text = printed(signing, "text")
    assert (code, "counted: ana (insights)" in text) == (1, True)
    # What is said beside the documents is no document.
    checked = runner.invoke(
        commands, ["validate", "--registry", str(signing.folder / "metrics")], standalone_mode=False
    )
    assert checked.return_value == 0
