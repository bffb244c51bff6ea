"""What ``cxgov init`` writes, over what it does not write, and that it is what GitHub and the gate read."""

from importlib.metadata import version
from pathlib import Path

import pytest

import cxgov
from cxgov.cli import starter
from cxgov.cli.main import CANNOT_SAY, OK, exit_code
from cxgov.forge import files

GITHUB = {
    ".github/CODEOWNERS",
    ".github/cxgov-requirements.txt",
    *(f".github/workflows/{name}" for name in files.NAMES),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_registry_and_the_files_for_github(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["init", "--owners", "@org/council"]) == OK
    found = written(here)
    assert {path for path in found if not path.startswith("metrics/")} == GITHUB
    assert "metrics/registry.yaml" in found
    assert "/metrics/ @org/council\n" in (here / ".github/CODEOWNERS").read_text(encoding="utf-8")
    pins = (here / ".github/cxgov-requirements.txt").read_text(encoding="utf-8").splitlines()
    assert pins[1:] == [f"cxgov=={cxgov.__version__}", f"sqlglot=={version('sqlglot')}"]
    for name in files.NAMES:
        text = (here / ".github/workflows" / name).read_text(encoding="utf-8")
        assert ("pip install" in text) == (name != "cxgov-review.yml")
        assert "@PROGRAM@" not in text
    assert "Until a policy (kind Council) is on the default\n" in capsys.readouterr().out
    assert exit_code(["validate"]) == OK


def test_each_half_by_itself(here: Path) -> None:
    assert exit_code(["init", "--only", "github", "--no-code-owners"]) == OK
    assert written(here) == GITHUB - {".github/CODEOWNERS"}
    assert exit_code(["init", "--only", "metrics"]) == OK
    assert {path for path in written(here) if not path.startswith("metrics/")} == GITHUB - {".github/CODEOWNERS"}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("metrics", "metrics exists already"),
        (".github/workflows/cxgov-gate.yml", ".github/workflows/cxgov-gate.yml exists already"),
        (".github/cxgov-requirements.txt", ".github/cxgov-requirements.txt exists already"),
        ("CODEOWNERS", "CODEOWNERS exists already"),
        ("docs/CODEOWNERS", "keep yours with --no-code-owners"),
    ],
)
def test_nothing_is_written_beside_what_is_there(
    here: Path, capsys: pytest.CaptureFixture[str], path: str, said: str
) -> None:
    (here / path).parent.mkdir(parents=True, exist_ok=True)
    (here / path).write_text("mine", encoding="utf-8")
    assert exit_code(["init"]) == CANNOT_SAY
    assert said in capsys.readouterr().err
    assert written(here) == {path}
    assert (here / path).read_text(encoding="utf-8") == "mine"


def test_a_link_to_nowhere_is_there(here: Path) -> None:
    (here / "metrics").symlink_to("nowhere")
    assert exit_code(["init"]) == CANNOT_SAY
    assert written(here) == set()


def test_a_file_that_cannot_be_written_takes_back_the_others(here: Path) -> None:
    (here / ".github").mkdir()
    with pytest.raises(FileExistsError):
        starter.write_new(here, {"a/b.txt": "1", "c.txt": "2", ".github/x": "3", "c.txt/d": "4"})
    assert [path.name for path in here.iterdir()] == [".github"]
    assert written(here) == set()


def test_github_reads_its_folder_at_the_top_of_a_repository(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / ".git").mkdir()
    assert exit_code(["init", "inner", "--only", "github"]) == CANNOT_SAY
    assert exit_code(["init", "inner"]) == OK
    assert f"No .github was written: GitHub reads it at the repository's top only, {here}.\n" in capsys.readouterr().out
    assert not (here / "inner/.github").exists()
    assert exit_code(["init"]) == OK
    assert (here / ".github/CODEOWNERS").is_file()


@pytest.mark.parametrize("owner", ["council", "@", "@a/b/c", "@a b", "@a\n* @eve", "a@example.org"])
def test_an_owner_is_an_account_or_a_team(here: Path, owner: str) -> None:
    assert exit_code(["init", "--owners", owner]) == CANNOT_SAY
    assert written(here) == set()
