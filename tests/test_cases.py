"""Cases: a folder a claim, every rule run over every folder, every problem compared."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from cxgov.api import read_tree
from cxgov.language.diagnostics import Diagnostic, in_file_order
from cxgov.language.loading import load
from cxgov.language.model import Registry
from cxgov.language.report_links import certified
from cxgov.language.rules import RULES

CASES: Final = Path(__file__).parent / "cases"
FOLDERS: Final = sorted(path for path in CASES.iterdir() if path.is_dir() and path.name != "base")
REMOVED: Final = ".removed"

Row = dict[str, str | int]
Tree = dict[str, bytes]


def overlaid(tree: Tree, layer: Path) -> tuple[Tree, list[Diagnostic]]:
    """A tree with a folder's files laid over it, and what the folder holds that no tree can hold."""
    if not layer.is_dir():
        return tree, []
    files, problems = read_tree(layer, ".")
    removed = {path.removesuffix(REMOVED) for path in files if path.endswith(REMOVED)}
    assert removed <= tree.keys(), f"{layer} removes what is not there"
    kept = {path: data for path, data in tree.items() if path not in removed}
    return kept | {path: data for path, data in files.items() if not path.endswith(REMOVED)}, list(problems)


def before_and_after(folder: Path) -> tuple[Tree, Tree]:
    base, unreadable = overlaid({}, CASES / "base")
    before, more = overlaid(base, folder / "before")
    after, most = overlaid(before, folder / "after")
    assert not [*unreadable, *more, *most]
    return before, after


def every_problem(registry: Registry | None, problems: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The problems of a registry with those of its reports."""
    more = [] if registry is None else [problem for _, problem in certified(registry)]
    return in_file_order((*problems, *more))


def row(problem: Diagnostic) -> Row:
    return {
        "code": problem.rule.code,
        "severity": str(problem.rule.severity),
        "path": problem.place.path,
        "line": problem.place.line,
        "column": problem.place.column,
        "message": problem.message,
        "fix": problem.fix or problem.rule.fix,
    }


def expected(folder: Path) -> list[Row]:
    rows: list[Row] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return rows


def is_quiet(folder: Path) -> bool:
    return folder.name[5:].startswith("-quiet-")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_case_has_the_problems_it_expects_and_no_other(folder: Path) -> None:
    """Before there is no problem at all; after there are exactly the expected ones, in file order."""
    before, after = before_and_after(folder)
    registry, problems = load(before)
    assert registry is not None
    assert every_problem(registry, problems) == ()
    assert after != before, "the case changes nothing"
    registry, problems = load(after)
    assert (registry is None) == any(problem.is_error for problem in problems)
    assert [row(problem) for problem in every_problem(registry, problems)] == expected(folder)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_case_keeps_the_promise_of_its_name(folder: Path) -> None:
    """The code in the name fires, or the case is called quiet and nothing fires."""
    assert re.fullmatch(r"CX[0-9]{3}-[a-z0-9.]+(-[a-z0-9.]+)*", folder.name)
    codes = [found["code"] for found in expected(folder)]
    if is_quiet(folder):
        assert codes == []
    else:
        assert folder.name[:5] in codes


@pytest.mark.parametrize("code", [rule.code for rule in RULES])
def test_every_rule_has_a_case_that_fires_it_and_one_that_stays_quiet(code: str) -> None:
    """A rule without a firing case may never fire; one without a quiet case may always."""
    mine = [folder for folder in FOLDERS if folder.name.startswith(code)]
    assert [folder for folder in mine if not is_quiet(folder)]
    assert [folder for folder in mine if is_quiet(folder)]


def test_every_case_is_of_a_rule() -> None:
    """A code that is no more has no cases."""
    assert {folder.name[:5] for folder in FOLDERS} <= {rule.code for rule in RULES}
