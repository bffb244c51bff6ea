"""Documents that are read once for several registries: nothing that is said of any of them differs."""

import os
import random
import re
import signal
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxgov.governance import processes, sharing
from cxgov.governance.changes import Side, compare
from cxgov.governance.sharing import Shared
from cxgov.governance.transitions import TITLE, Meanings, transitions
from cxgov.language.diagnostics import Diagnostic
from cxgov.language.loading import Known, Loaded, load, load_beside
from cxgov.language.model import Registry
from tests.changing import Tree, base_tree, rich, tree_of
from tests.property_edits import EDITS, Property
from tests.test_cases import FOLDERS, before_and_after
from tests.test_laws_changes import after


@cache
def tree_after(which: Property | None) -> Tree:
    """The files of the rich registry, after one edit or none."""
    return tree_of(rich() if which is None else after(which))


def on_processors(monkeypatch: pytest.MonkeyPatch, processors: int) -> None:
    """Makes a metric reason enough for a process."""
    monkeypatch.setattr(processes, "_processors", lambda: processors)
    monkeypatch.setattr(processes, "_WORTH_A_PROCESS", 1)


def side(registry: Registry | None, tree: Tree) -> Side:
    assert registry is not None
    return Side(registry, tree)


@lru_cache(maxsize=8)
def loaded_alone(*files: tuple[str, bytes]) -> tuple[Registry | None, tuple[Diagnostic, ...]]:
    """What is read of files in their order, by one that shares nothing; many trees begin with the same one."""
    return load(dict(files))


def loaded_alike(shared: Shared, tree: Tree) -> None:
    """One that shares loads what one does that reads everything."""
    found, wanted = shared.load(tree), loaded_alone(*tree.items())
    assert found == wanted
    if found[0] is not None and wanted[0] is not None:
        assert list(found[0].metrics) == list(wanted[0].metrics)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_registry_that_shares_has_the_problems_it_has_alone(folder: Path) -> None:
    """A document that is sound beside others is no excuse beside what a proposal makes of them."""
    before, broken = before_and_after(folder)
    shared = Shared()
    for tree in (before, broken, before):
        loaded_alike(shared, tree)


@pytest.mark.parametrize("processors", [2, 3])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_registry_read_in_parts_is_the_one_read_whole(processors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever process reads a document, and whether it is sound or not, what is said of it is the same."""
    on_processors(monkeypatch, processors)
    for folder in FOLDERS[processors::30]:
        for tree in before_and_after(folder):
            loaded_alike(Shared(), tree)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_that_is_ended_leaves_its_part_to_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ended = tmp_path / "ended"

    def end(*_: object) -> None:
        ended.touch()
        os.kill(os.getpid(), signal.SIGKILL)

    on_processors(monkeypatch, 2)
    monkeypatch.setattr(processes, "_answer", end)
    loaded_alike(Shared(), base_tree())
    assert ended.exists()


@given(st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)  # loading forty documents takes as long as the machine lets it
def test_a_comparison_of_sides_that_share_is_that_of_sides_that_do_not(seed: int) -> None:
    """Comparison, transitions and states are the same, places too, whatever was read before them."""
    draw = random.Random(seed)
    # Of many edits the later ones meet documents that were sound in other company.
    chosen = [tree_after(which) for which in (None, *draw.sample([None, *EDITS], 3))]
    shared = Shared()
    sharing_sides = [side(shared.load(tree)[0], tree) for tree in chosen]
    alone = [side(load(tree)[0], tree) for tree in chosen]
    for i, j in ((0, 1), (1, 2), (3, 0), (2, 3)):
        assert repr(compare(sharing_sides[i], sharing_sides[j])) == repr(compare(alone[i], alone[j]))
        every = [dict(Meanings(its)) for its in (alone[i], alone[j])]
        assert transitions(Meanings(sharing_sides[i]), Meanings(sharing_sides[j])) == transitions(*every)


def test_what_is_sound_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a second tree, only what differs and what refers to it is read."""
    tree = {**base_tree()}
    shared = Shared()
    first, _ = shared.load(tree)
    read: list[set[str]] = []

    def noted(its: Mapping[str, bytes], known: Mapping[str, Known], folder: str) -> Loaded:
        read.append(set(its) - set(known))
        return load_beside(its, known, folder)

    monkeypatch.setattr(sharing, "load_beside", noted)
    second, _ = shared.load({**tree, "metrics/csat.yaml": tree["metrics/csat.yaml"] + b"# more\n"})
    assert first is not None
    assert second is not None
    assert first.metrics["nps"] is second.metrics["nps"]
    assert first.metrics["csat"] is not second.metrics["csat"]
    # The overlays and what was renamed are read again: where their claims are written is not in the model.
    assert "metrics/csat.yaml" in read[0]
    assert len(read[0]) < len(tree) / 3, read


QUERY: Final = b'-- cxgov {"metrics": {"nps": "sha256:0"}}\nselect 1\n'
REPORT: Final = b"""apiVersion: cxgov/v1
kind: Report
id: board
version: 1.0.0
title: The board's page
owner: insights
audience: The board
tool: Metabase
queries: [reports/board.sql]
"""


def test_a_report_is_held_to_the_files_of_its_own_tree() -> None:
    """Its document is the same on all sides; what it shows, and whether that is there at all, is not."""
    tree = base_tree() | {"reports/board.yaml": REPORT, "reports/board.sql": QUERY}
    others = (
        tree | {"reports/board.sql": QUERY.replace(b"nps", b"csat")},
        tree | {"reports/other.sql": QUERY},
        {path: data for path, data in tree.items() if path != "reports/board.sql"},
        {path: data for path, data in tree.items() if path != "reports/board.yaml"},
    )
    shared = Shared()
    for its in (tree, *others, tree):
        loaded_alike(shared, its)
    under = {f"cx/{path}": data for path, data in others[0].items()}
    assert Shared("cx").load(under) == load(under, "cx")
    changed = others[0]
    before, after = (side(shared.load(its)[0], its) for its in (tree, changed))
    assert [(its.kind, its.how) for its in compare(before, after).findings] == [("Report", "changed")]
    assert transitions(Meanings(before), Meanings(after)) == transitions(dict(Meanings(before)), dict(Meanings(after)))
    assert {its.kind for its in transitions(Meanings(before), Meanings(after))} == {"Report"}


def test_a_title_of_two_metrics_of_which_one_is_retired_is_told_of_alike() -> None:
    """Whose it was is the same question whether all is asked or what moved alone."""
    tree = {**base_tree()}
    ended = b"status: retired\ndeprecated: {successor: nps, sunset: 2026-01-01, notice: Asked no more}\n"
    old = re.sub(rb"(?m)^id: .*$", b"id: aged", tree["metrics/nps.yaml"])
    old = re.sub(rb"(?m)^status: .*\n", ended, old)
    before = tree | {"metrics/aged.yaml": old}
    after = before | {"metrics/csat.yaml": tree["metrics/csat.yaml"] + b"# more\n"}
    shared = Shared()
    sides = [side(shared.load(its)[0], its) for its in (before, after)]
    assert transitions(*map(Meanings, sides)) == transitions(*(dict(Meanings(its)) for its in sides))


@pytest.mark.parametrize("name", ["aged", "older"])
def test_a_title_of_two_metrics_is_a_step_where_one_of_them_changes(name: str) -> None:
    """Who answers to it can change with no title: whichever of the two stands first, and not where neither changed."""
    tree = {**base_tree()}
    ended = b"status: retired\ndeprecated: {successor: nps, sunset: 2026-01-01, notice: Asked no more}\n"
    own = tree["metrics/nps.yaml"]
    retired = re.sub(rb"(?m)^status: .*\n", ended, re.sub(rb"(?m)^id: .*$", b"id: " + name.encode(), own))
    before = tree | {f"metrics/{name}.yaml": retired}
    again = before | {
        f"metrics/{name}.yaml": retired.replace(b"status: retired", b"status: deprecated"),
        "metrics/nps.yaml": re.sub(rb"(?m)^title: .*$", b"title: Another", own),
    }
    elsewhere = before | {
        "metrics/csat.yaml": re.sub(rb"(?m)^version: .*$", b"version: 9.0.0", tree["metrics/csat.yaml"])
    }
    told = []
    for later in (again, elsewhere):
        shared = Shared()
        sides = [Meanings(side(shared.load(its)[0], its)) for its in (before, later)]
        steps = transitions(*sides)
        assert steps == transitions(*map(dict, sides))
        told.append({its.id for its in steps if its.kind == TITLE})
    assert told == [{name}, set()]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("levels", [40, 60])
def test_a_part_in_which_something_is_missing_shows_nothing(levels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics that do not look derived are checked beside others than those on which they rest."""
    tree = {**base_tree()}
    for level in range(levels):
        part = f"level_{level + 1:03d}" if level + 1 < levels else "nps"
        tree[f"metrics/level_{level:03d}.yaml"] = (
            f"apiVersion: cxgov/v1\nkind: Metric\nid: level_{level:03d}\nversion: 1.0.0\ntitle: Level {level}\n"
            f'owner: insights\nstatus: draft\nunit: points\ndirection: neither\nmeasure: {{"derived": "{part} * 1"}}\n'
        ).encode()
    wanted = load(tree)
    assert (wanted[0] is None) == (levels > 50), wanted[1][:2]
    for processors in (2, 3):
        on_processors(monkeypatch, processors)
        loaded_alike(Shared(), tree)
