"""Cases of comparisons: a folder a claim, every finding and every version compared."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from cxgov.governance.changes import Comparison
from cxgov.governance.findings import Finding
from cxgov.language.classes import CHANGE_CLASSES
from cxgov.reports.changes import as_json, as_markdown, as_text, fault_words
from tests.changing import compared
from tests.test_cases import before_and_after

CHANGES: Final = Path(__file__).parent / "changes"
FOLDERS: Final = sorted(path for path in CHANGES.iterdir() if path.is_dir())
# Classes of edits that no two registries of this language can show yet.
ELSEWHERE: Final = frozenset({"schema", "freeze", "restatement", "history"})


def row(finding: Finding) -> dict[str, Any]:
    """What is compared of a finding; what it reaches only where there is something."""
    reach = {
        "metrics": list(finding.reach.metrics),
        "judged": list(finding.reach.judged),
        "thresholds": list(finding.reach.thresholds),
        "overlays": list(finding.reach.overlays),
        "reports": list(finding.reach.reports),
    }
    return {
        "class": finding.change_class,
        "document": f"{finding.kind} {finding.id}",
        "field": ".".join(finding.path),
        "how": finding.how,
        "old": finding.old,
        "new": finding.new,
        "at": str(finding.place),
        "reach": {name: its for name, its in reach.items() if its},
    }


def told(comparison: Comparison) -> dict[str, Any]:
    """Everything of a comparison that a case says; of faults only where there are some."""
    faults = [f"{its.place}: {its.kind} {its.id}: {fault_words(its)}" for its in comparison.faults]
    return {
        "findings": [row(finding) for finding in comparison.findings],
        "needed": {f"{bump.kind} {bump.id}": [bump.old, bump.new, bump.next] for bump in comparison.bumps},
        "moved": [its.name for its in comparison.moved],
        **({"faults": faults} if faults else {}),
    }


def found(folder: Path) -> Comparison:
    before, after = before_and_after(folder)
    assert before != after, "the case changes nothing"
    return compared(before, after)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_case_has_the_findings_it_expects_and_no_other(folder: Path) -> None:
    assert told(found(folder)) == json.loads((folder / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_case_keeps_the_promise_of_its_name(folder: Path) -> None:
    """The class in the name is among the findings, or the case is called quiet and nothing is found."""
    match = re.fullmatch(r"([a-z_]+)-(quiet-)?[a-z0-9.]+(-[a-z0-9.]+)*", folder.name)
    assert match
    classes = {finding.change_class for finding in found(folder).findings}
    if match[2]:
        assert classes == set()
    else:
        assert match[1] in classes


@pytest.mark.parametrize("change_class", sorted(set(CHANGE_CLASSES) - ELSEWHERE))
def test_every_class_has_a_case_that_fires_it_and_one_that_stays_quiet(change_class: str) -> None:
    mine = [folder.name for folder in FOLDERS if folder.name.startswith(f"{change_class}-")]
    quiet = [name for name in mine if name.startswith(f"{change_class}-quiet-")]
    assert quiet
    assert set(mine) - set(quiet)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_printer_says_every_finding(folder: Path) -> None:
    """A line, an object or a row for each; the count stands in the text's last line."""
    comparison = found(folder)
    findings = len(comparison.findings)
    text = as_text(comparison)
    assert sum(re.match(r"\S+:\d+:\d+: (?!error|note)", line) is not None for line in text.splitlines()) == findings
    assert text.splitlines()[-1].startswith(f"{findings} change" if findings else "nothing changed")
    assert len(json.loads(as_json(comparison))["findings"]) == findings
    assert as_markdown(comparison).count("\n| **") == findings
    for fault in comparison.faults:
        assert f"[lifecycle] {fault.kind} {fault.id}: {fault.message}" in text
        assert fault.message in as_markdown(comparison)
    assert len(json.loads(as_json(comparison))["faults"]) == len(comparison.faults)


HOSTILE: Final = "| x | @board #12 <!-- --> ::error:: \x1b[31m `a` $x$ [x](y) \u202e"


def test_names_and_texts_act_on_nothing(tmp_path: Path) -> None:
    """What a document says is shown as it is in a terminal and in Markdown, and does nothing there."""
    base = CHANGES.parent / "cases" / "base"
    before, _ = before_and_after(tmp_path)
    assert before == {path.relative_to(base).as_posix(): path.read_bytes() for path in base.rglob("*.yaml")}
    said = json.dumps(HOSTILE)
    text = before["metrics/nps.yaml"].decode().replace("title: Net Promoter Score", f"title: {said}")
    comparison = compared(before, before | {"metrics/nps.yaml": text.encode()})
    assert "\x1b" not in as_text(comparison)
    assert "\u202e" not in as_text(comparison)
    page = as_markdown(comparison)
    row = next(line for line in page.splitlines() if "Metric nps" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == len(re.findall(r"\|", page.splitlines()[2]))
    for active in ("@board", "#12", "<!--", "\x1b", "\u202e", "[x](y)"):
        assert active not in page
