"""``cxgov diff`` and ``cxgov bump`` on real repositories: what is read, what is written, how they end."""

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

import cxgov
from cxgov.cli.main import CANNOT_SAY, NO, OK, exit_code
from cxgov.governance.bumping import CannotWrite, bumped
from cxgov.governance.versions import following, needed
from cxgov.language.classes import CHANGE_CLASSES
from tests.changing import base_tree, compared, edited
from tests.repos import Repo

NPS: Final = "metrics/nps.yaml"
Said = pytest.CaptureFixture[str]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed registry, and its repository as the current folder."""
    repo = Repo(tmp_path / "there")
    repo.commit({f"metrics/{path}": data for path, data in base_tree().items()})
    monkeypatch.chdir(repo.folder)
    return repo.folder / "metrics"


def git(registry: Path, *arguments: str) -> str:
    return Repo(registry.parent).git(*arguments)


def committed(registry: Path) -> str:
    """Commits what the work tree holds."""
    return Repo(registry.parent).commit({})


def rewrite(registry: Path, path: str, old: str, new: str) -> None:
    file = registry / path
    data = file.read_bytes()
    assert old.encode() in data
    file.write_bytes(data.replace(old.encode(), new.encode()))


def printed(said: Said, *arguments: str) -> Any:
    exit_code([*arguments, "--format", "json"])
    return json.loads(said.readouterr().out)


# --- diff ---


def test_nothing_changed_is_a_yes(registry: Path, capsys: Said) -> None:
    assert exit_code(["diff"]) == OK
    assert capsys.readouterr().out == "nothing changed\n"
    rewrite(registry, NPS, "description: Promoters", "description: All promoters")
    assert exit_code(["diff"]) == OK
    assert capsys.readouterr().out.endswith("1 change: 1 editorial\n")


def test_a_change_is_a_no_with_what_it_reaches(registry: Path, capsys: Said) -> None:
    rewrite(registry, NPS, "score >= 9", "score >= 7")
    assert exit_code(["diff"]) == NO
    assert capsys.readouterr().out == (
        "metrics/metrics/nps.yaml:14:21: formula Metric nps measure.net_share.plus: `score >= 9` -> `score >= 7`\n"
        "    also moves index\n"
        "metrics/metrics/nps.yaml:4:10: error[version] Metric nps: version 1.0.0 is too small: "
        "a major change of 1.0.0 needs 2.0.0\n"
        "    fix: run `cxgov bump`, which writes it\n"
        "meaning moved: index, nps\n"
        "1 change: 1 formula\n"
    )


def test_two_commits_are_compared_whatever_lies_on_disk(registry: Path, capsys: Said) -> None:
    first = git(registry, "rev-parse", "HEAD")
    rewrite(registry, NPS, "score >= 9", "score >= 8")
    second = committed(registry)
    rewrite(registry, NPS, "score >= 8", "score >= 7")
    (registry / "broken.yaml").write_text("kind: Metrics\n", encoding="utf-8")
    for base, head in ((first, second), ("HEAD~1", "HEAD"), ("main^", "main")):
        [finding] = printed(capsys, "diff", base, head)["findings"]
        assert (finding["old"], finding["new"]) == ("score >= 9", "score >= 8")
    assert exit_code(["diff"]) == CANNOT_SAY
    (registry / "broken.yaml").unlink()
    [finding] = printed(capsys, "diff", first)["findings"]
    assert (finding["old"], finding["new"]) == ("score >= 9", "score >= 7")


@pytest.mark.parametrize("arguments", [["diff"], ["bump"], ["bump", "--check"]])
def test_what_cannot_be_said_is_neither_yes_nor_no(
    registry: Path, tmp_path: Path, arguments: list[str], capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such commit, no registry there, an invalid one here or there, no repository."""
    assert exit_code([*arguments, "nowhere"]) == CANNOT_SAY
    assert "'nowhere' is no commit" in capsys.readouterr().err
    rewrite(registry, NPS, "direction:", "dirction:")
    assert exit_code(arguments) == CANNOT_SAY
    assert "dirction" in capsys.readouterr().err
    committed(registry)
    rewrite(registry, NPS, "dirction:", "direction:")
    assert exit_code(arguments) == CANNOT_SAY
    assert "HEAD holds no valid registry; the first problem is\nmetrics/metrics/nps.yaml:" in capsys.readouterr().err
    outside = tmp_path / "outside"
    (outside / "metrics").mkdir(parents=True)
    monkeypatch.chdir(outside)
    assert exit_code(arguments) == CANNOT_SAY
    assert "no git repository" in capsys.readouterr().err


def test_a_link_in_a_commit_is_no_document(registry: Path, capsys: Said) -> None:
    (registry / "linked.yaml").symlink_to("metrics/nps.yaml")
    committed(registry)
    assert exit_code(["diff", "HEAD~1", "HEAD"]) == CANNOT_SAY
    assert "metrics/linked.yaml: a symbolic link" in capsys.readouterr().err


def test_a_registry_that_is_the_whole_repository(tmp_path: Path, capsys: Said) -> None:
    below = tmp_path / "below"
    Repo(below).commit(base_tree())
    rewrite(below, NPS, "score >= 9", "score >= 8")
    [finding] = printed(capsys, "diff", "--registry", str(below))["findings"]
    assert (finding["path"], finding["old"]) == ("metrics/nps.yaml", "score >= 9")
    assert exit_code(["bump", "--registry", str(below)]) == OK
    assert "version: 2.0.0" in (below / NPS).read_text(encoding="utf-8")


def test_the_comparison_is_written_where_it_is_asked_for(registry: Path, capsys: Said) -> None:
    rewrite(registry, NPS, "score >= 9", "score >= 7")
    assert exit_code(["diff", "--format", "markdown", "--into", "diff.md"]) == NO
    assert capsys.readouterr().out == ""
    assert Path("diff.md").read_text(encoding="utf-8").startswith("**1 change: 1 formula**\n")


# --- bump ---


def test_bump_writes_what_is_needed_and_is_then_content(registry: Path, capsys: Said) -> None:
    """A second run writes nothing, and a comparison asks for nothing more."""
    rewrite(registry, NPS, "score >= 9", "score >= 7")
    rewrite(registry, "metrics/csat.yaml", "owner: cx", "owner: it")
    assert exit_code(["bump", "--check"]) == NO
    assert git(registry, "diff", "--stat").count("|") == 2
    before = {path: path.read_bytes() for path in registry.rglob("*.yaml")}
    capsys.readouterr()
    assert exit_code(["bump"]) == OK
    assert capsys.readouterr().out == (
        "metrics/metrics/csat.yaml:4:10: Metric csat: 1.0.0 -> 1.0.1, a patch change\n"
        "metrics/metrics/nps.yaml:4:10: Metric nps: 1.0.0 -> 2.0.0, a major change\n"
    )
    after = {path: path.read_bytes() for path in registry.rglob("*.yaml")}
    changed = {path.name: after[path] for path in after if after[path] != before[path]}
    assert changed == {
        "nps.yaml": before[registry / NPS].replace(b"version: 1.0.0", b"version: 2.0.0"),
        "csat.yaml": before[registry / "metrics/csat.yaml"].replace(b"version: 1.0.0", b"version: 1.0.1"),
    }
    assert exit_code(["bump"]) == OK
    assert capsys.readouterr().out == "every version is large enough\n"
    assert {path: path.read_bytes() for path in registry.rglob("*.yaml")} == after
    assert exit_code(["bump", "--check"]) == OK
    assert exit_code(["diff"]) == NO
    assert "error[version]" not in capsys.readouterr().out


def test_bump_is_measured_against_the_commit_that_is_named(registry: Path) -> None:
    """Ten small steps are one change: what is trusted decides, not the step before."""
    first = git(registry, "rev-parse", "HEAD")
    for limit in (8, 7, 6):
        rewrite(registry, NPS, f"plus: score >= {limit + 1}", f"plus: score >= {limit}")
        assert exit_code(["bump", first]) == OK
        committed(registry)
    assert "version: 2.0.0\n" in (registry / NPS).read_text(encoding="utf-8")


WRITTEN: Final = {
    "plain": ("version: 1.0.0", "version: 2.0.0"),
    "double quotes": ('version: "1.0.0"', 'version: "2.0.0"'),
    "single quotes and a comment": ("version:   '1.0.0'   # as of May", "version:   '2.0.0'   # as of May"),
    "on the next line": ("version:\n  1.0.0", "version:\n  2.0.0"),
    "quoted key": ('"version": 1.0.0', '"version": 2.0.0'),
    "after other letters": ("version: 1.0.0 # größer, 計量", "version: 2.0.0 # größer, 計量"),
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_only_the_characters_of_the_version_differ(name: str, ending: str) -> None:
    """Comments, quotes, layout and ends of lines stay, wherever in the file the version stands."""
    said, wanted = WRITTEN[name]
    base = edited(base_tree(), NPS, "title: Net Promoter Score", "title: Grüße 😀 des Netzes # 計量")
    before = edited(edited(base, NPS, "version: 1.0.0", said), NPS, "\n", ending)
    after = edited(before, NPS, "score >= 9", "score >= 7")
    [found] = bumped(compared(before, after), after)
    said, wanted = said.replace("\n", ending), wanted.replace("\n", ending)
    assert found.text == after[NPS].decode().replace(said, wanted)


def test_a_version_inside_other_texts_is_left_alone() -> None:
    base = edited(base_tree(), NPS, "description: Promoters", "description: Since version 1.0.0 promoters")
    after = edited(base, NPS, "score >= 9", "score >= 7")
    [found] = bumped(compared(base, after), after)
    assert found.text.count("1.0.0") == 1
    assert found.text.count("version: 2.0.0") == 1


@pytest.mark.parametrize("said", ["version: >-\n  1.0.0", 'version: "1\\x2e0.0"'])
def test_a_version_that_is_written_otherwise_is_refused(said: str) -> None:
    """Nothing is written then, and the way out is said."""
    before = edited(base_tree(), NPS, "version: 1.0.0", said)
    after = edited(before, NPS, "score >= 9", "score >= 7")
    with pytest.raises(CannotWrite, match="cannot be replaced") as refusal:
        bumped(compared(before, after), after)
    assert refusal.value.fix == "Write it on one line: version: 2.0.0"


def test_bump_writes_all_or_nothing(registry: Path, capsys: Said) -> None:
    rewrite(registry, "metrics/csat.yaml", "owner: cx", "owner: it")
    rewrite(registry, NPS, "version: 1.0.0", "version: >-\n  1.0.0")
    rewrite(registry, NPS, "score >= 9", "score >= 7")
    before = {path: path.read_bytes() for path in registry.rglob("*.yaml")}
    assert exit_code(["bump"]) == CANNOT_SAY
    assert "fix: Write it on one line: version: 2.0.0" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in registry.rglob("*.yaml")} == before


def test_versions_are_steps() -> None:
    assert [following("1.4.9", step) for step in ("none", "patch", "minor", "major")] == [
        "1.4.9", "1.4.10", "1.5.0", "2.0.0",
    ]  # fmt: skip


@pytest.mark.parametrize("change_class", CHANGE_CLASSES)
def test_every_class_needs_a_step(change_class: str) -> None:
    """Removing anything that is governed is the largest; a draft needs none."""
    assert needed(change_class, "changed") in {"none", "patch", "minor", "major"}
    small = change_class in {"draft", "editorial", "ownership"}
    assert needed(change_class, "removed") == (needed(change_class, "changed") if small else "major")


def test_from_python(registry: Path) -> None:
    """Nothing is written by `cxgov.bump`: it says what each file would be."""
    rewrite(registry, NPS, "score >= 9", "score >= 7")
    comparison = cxgov.diff(registry)
    assert isinstance(comparison, cxgov.Comparison)
    assert [finding.change_class for finding in comparison.findings] == ["formula"]
    found = cxgov.bump("metrics")
    assert [os.fspath(path) for path in found] == ["metrics/metrics/nps.yaml"]
    assert "version: 2.0.0" in found[Path("metrics/metrics/nps.yaml")].text
    assert "version: 1.0.0" in (registry / NPS).read_text(encoding="utf-8")
