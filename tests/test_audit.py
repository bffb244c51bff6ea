"""An audit of a real repository with real keys: what holds, and what is found of everything that does not."""

import errno
import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from cxgov.api import audit, freeze, gate
from cxgov.cli.main import exit_code
from cxgov.evidence.failures import CannotSay
from cxgov.governance.audited import Audited, Kind
from cxgov.ledger import entries
from cxgov.ledger.chain import Altered
from cxgov.ledger.folder import read_ledger, write_freezing
from tests.auditing import NOW, THEN, Governed, clone, governed, made, tag
from tests.gating import HOME, documents, review
from tests.support import Document, calendar, registry
from tests.test_outputs import held

__all__ = ["governed", "made"]  # fixtures

YES, NO, CANNOT_SAY, ALTERED = 0, 1, 2, 5
UNANCHORED: Final = "nothing that was kept elsewhere says how far the ledger had come"


def answer(repo: Governed, *options: str, at: str = "main", kept: bool = True) -> int:
    """The exit code of the command, with the digest of the last entry on main that was kept."""
    repo.git("checkout", "-q", at)
    head = ["--head", str(repo.ledger().head)] if kept else []
    return exit_code(["audit", *head, "--now", NOW, "--registry", str(repo.metrics), *options])


def gate_of(repo: Governed, head: str = "proposal") -> int:
    arguments = ["--trusted", "main", "--head", head, "--now", "2026-01-02T00:00:00Z"]
    return exit_code(["gate", *arguments, "--registry", str(repo.metrics)])


def reviews(repo: Governed, **files: list[Document]) -> str:
    """A folder of reviews, one file a request."""
    folder = repo.folder.parent / "reviews"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, said in files.items():
        (folder / f"{name}.json").write_text(json.dumps(said), encoding="utf-8")
    return str(folder)


def messages(found: Audited) -> list[str]:
    return [its.message for its in found.troubles]


# --- what holds ---


def test_a_history_in_which_all_is_well_holds(governed: Governed, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(governed) == YES
    text = capsys.readouterr().out
    assert text.startswith("holds: 3 commits since ")
    assert "2 entries, 6 signed approvals" in text
    assert f"head {governed.ledger().head}" in text
    assert "fix" not in text
    assert "note" not in text
    assert answer(governed, "--format", "json") == YES
    data = held("audit", capsys.readouterr().out)
    assert [its["approved"] for its in data["landed"]] == [["ana", "bob"]] * 3
    assert (data["troubles"], data["notes"], data["answer"]) == ([], [], "holds")


def test_any_entry_that_was_kept_anchors_what_came_before_it(governed: Governed) -> None:
    first, last = governed.ledger().digests
    assert [its.entry for its in governed.audit(kept=[first]).anchors] == [1]
    assert [its.entry for its in governed.audit(kept=[last]).anchors] == [2]


def test_without_an_anchor_it_cannot_say_and_tells_what_to_keep(
    governed: Governed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(governed, kept=False) == CANNOT_SAY
    text = capsys.readouterr().out
    assert UNANCHORED in text
    assert "--head DIGEST" in text


def test_a_clone_with_nothing_but_git_is_enough(governed: Governed, tmp_path: Path) -> None:
    digest = str(governed.ledger().head)
    folder = clone(governed, tmp_path / "clone")
    assert exit_code(["audit", "--head", digest, "--now", NOW, "--registry", str(folder)]) == YES


def test_a_commit_that_is_trusted_is_where_it_begins(governed: Governed) -> None:
    since = governed.git("rev-parse", "main~1")
    found = governed.audit(since=since)
    assert (found.worst, found.commits, [its.entry for its in found.anchors]) == (None, 1, [1])
    assert answer(governed, f"{since}..main", kept=False) == YES
    assert answer(governed, "--since", since, kept=False) == YES


def test_a_shallow_clone_is_no_answer(governed: Governed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = clone(governed, tmp_path / "shallow", "--depth", "1")
    assert exit_code(["audit", "--now", NOW, "--registry", str(folder)]) == CANNOT_SAY
    assert "shallow" in capsys.readouterr().err


def test_a_history_without_a_council_is_no_answer(governed: Governed) -> None:
    governed.git("checkout", "-q", "--orphan", "other")
    governed.commit(*documents(), registry(**HOME))
    with pytest.raises(CannotSay, match="no valid document of kind Council"):
        audit(governed.metrics, until="other")


@pytest.mark.parametrize("span", ["main", "..main", "a...b", "a.."])
def test_a_span_names_both_ends(governed: Governed, span: str) -> None:
    assert answer(governed, span) == CANNOT_SAY


# --- approvals ---


def test_a_formula_that_was_pushed_past_the_gate(governed: Governed, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing signed: it may have been reviewed. With the forge's reviews at hand it was not."""
    governed.commit(*governed.everything(8, version="3.0.0"))
    commit = governed.merge("--ff-only")
    assert answer(governed) == CANNOT_SAY
    said = capsys.readouterr().out
    assert f"not replayed  {commit[:12]} 2026-01-01 formula Metric nps: missing 2 more approvals of 2" in said
    assert "--reviews DIR" in said
    assert answer(governed, "--reviews", reviews(governed)) == NO
    assert f"unmet  {commit[:12]}" in capsys.readouterr().out


@pytest.mark.parametrize("how", ["--no-ff", "--squash", "--ff-only"])
def test_reviews_are_replayed_however_the_request_landed(governed: Governed, how: str) -> None:
    head = governed.commit(*governed.everything(8, version="3.0.0"))
    governed.merge(how)
    yes = [review("ana", head), review("dee", head)]
    assert answer(governed, "--reviews", reviews(governed, r12=yes)) == YES
    assert answer(governed, "--reviews", reviews(governed, r12=yes[:1])) == NO
    assert answer(governed, "--reviews", reviews(governed, r12=[*yes, review("bob", head, "CHANGES_REQUESTED")])) == NO


def test_reviews_of_several_requests_concern_their_own_steps(governed: Governed) -> None:
    """A veto on the second takes back no yes on the first, and one on what never landed concerns nobody."""
    first = governed.commit(*governed.everything(8, version="3.0.0"))
    governed.merge("--squash")
    lost = governed.commit(*governed.everything(5, version="4.0.0"))
    governed.git("update-ref", "refs/pull/2/head", lost)
    governed.branch()
    third = governed.commit(*governed.everything(6, version="4.0.0"))
    governed.merge("--squash")
    told: dict[str, list[Document]] = {
        "one": [review("ana", first, at=1), review("bob", first, at=1)],
        "two": [review("bob", lost, "CHANGES_REQUESTED", at=2), review("cy", lost, "CHANGES_REQUESTED", at=2)],
        "three": [review("ana", third, at=3), review("cy", third, at=3)],
    }
    assert answer(governed, "--reviews", reviews(governed, **told)) == YES
    told["three"].append(review("bob", third, "CHANGES_REQUESTED", at=4))
    found = governed.audit(
        kept=[str(governed.ledger().head)],
        reviews={name: json.dumps(said).encode() for name, said in told.items()},
    )
    assert [its.commit for its in found.troubles] == [governed.git("rev-parse", "main")]
    assert "veto of bob" in messages(found)[0]


def test_who_wrote_what_was_squashed_does_not_approve_it(governed: Governed) -> None:
    head = governed.commit(*governed.everything(8, version="3.0.0"), who="ana")
    governed.merge("--squash")
    assert answer(governed, "--reviews", reviews(governed, r1=[review("ana", head), review("bob", head)])) == NO
    assert answer(governed, "--reviews", reviews(governed, r1=[review("dee", head), review("bob", head)])) == YES


def test_a_reviewed_commit_that_is_not_here_is_told(governed: Governed, capsys: pytest.CaptureFixture[str]) -> None:
    governed.commit(*governed.everything(8, version="3.0.0"))
    governed.merge("--squash")
    assert answer(governed, "--reviews", reviews(governed, r1=[review("ana", "1" * 40)])) == CANNOT_SAY
    said = capsys.readouterr().out
    assert "refs/pull/*/head" in said
    assert "r1.json: commit 111111111111 is not in this clone" in said


def test_a_policy_that_was_weakened_by_a_push(governed: Governed, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything after it rests on it; it is the first that is named."""
    weak = governed.policy(sequence=2, version="2.0.0", rules=[{"classes": ["formula", "policy"], "quorum": 0}])
    governed.commit(*documents(7), weak, registry(**HOME))
    commit = governed.merge("--ff-only")
    governed.commit(*documents(8, version="3.0.0"), weak, registry(**HOME))
    governed.merge("--ff-only")
    assert answer(governed) == NO
    first = capsys.readouterr().out.partition("The first thing that does not hold\n")[2]
    assert first.startswith(f"  unmet  {commit[:12]}")


def test_an_evil_merge_brings_what_nobody_saw(governed: Governed) -> None:
    head = governed.commit(*governed.everything(8, version="3.0.0"))
    governed.git("checkout", "-q", "main")
    governed.git("merge", "-q", "--no-ff", "--no-commit", "proposal")
    governed.commit(*governed.everything(3, version="3.0.0"), who="dee")
    yes = [review("ana", head), review("bob", head)]
    assert answer(governed, "--reviews", reviews(governed, r1=yes)) == NO


def test_what_was_approved_and_put_back_needs_a_new_word(governed: Governed) -> None:
    head = governed.commit(*governed.everything(8, version="3.0.0"))
    governed.merge("--squash")
    back = governed.commit(*governed.everything(7, version="4.0.0"))
    governed.merge("--squash")
    governed.commit(*governed.everything(8, version="5.0.0"))
    governed.merge("--squash")
    yes = {name: [review("ana", its), review("bob", its)] for name, its in (("one", head), ("two", back))}
    found = governed.audit(
        kept=[str(governed.ledger().head)], reviews={name: json.dumps(said).encode() for name, said in yes.items()}
    )
    assert [its.commit for its in found.troubles] == [governed.git("rev-parse", "main")]


def test_an_invalid_registry_landed_and_what_came_after_it_is_judged_from_before(governed: Governed) -> None:
    governed.write({"metrics/metric_nps.yaml": b"kind: Metric\n"})
    governed.commit()
    broken = governed.merge("--ff-only")
    governed.commit(*governed.everything(7))
    governed.merge("--ff-only")
    found = governed.audit(kept=[str(governed.ledger().head)])
    assert [(its.kind, its.commit) for its in found.troubles] == [(Kind.UNMET, broken)]
    governed.commit(*governed.everything(4, version="3.0.0"))
    governed.merge("--ff-only")
    assert [its.commit for its in governed.audit().troubles][1] == governed.git("rev-parse", "main")


def test_a_calendar_that_moves_over_a_frozen_period(governed: Governed) -> None:
    governed.commit(*governed.everything(7), calendar("Europe/Berlin", version="2.0.0"))
    governed.merge("--ff-only")
    found = governed.audit(kept=[str(governed.ledger().head)])
    assert "the calendar's zone moves over 2026-Q2 to 2026-Q3, which is frozen" in messages(found)


# --- days and keys ---


def test_a_term_is_that_of_the_day_of_the_commit(governed: Governed) -> None:
    """Long after all terms have ended, what was approved within them still is; an old date does not bring them back."""
    later = datetime.fromisoformat("2030-01-01T00:00:00Z")
    assert governed.audit(kept=[str(governed.ledger().head)], now=later).worst is None
    governed.git("checkout", "-q", "proposal")
    governed.commit(*governed.everything(8, version="3.0.0"))
    governed.sign("ana", "bob")
    governed.its.seconds = 1_893_456_000  # 2030
    governed.merge()
    governed.git("commit", "-q", "--allow-empty", "-m", "quiet")
    digest = str(governed.ledger().head)
    assert governed.audit(kept=[digest], now=later).worst is Kind.NOT_REPLAYED
    # The merge is made anew with an old date, on a commit of 2030.
    governed.git("checkout", "-q", "main")
    governed.git("reset", "-q", "--hard", "main~1")
    governed.git("commit", "-q", "--allow-empty", "-m", "quiet")
    governed.its.seconds = 1_767_300_000
    governed.git("merge", "-q", "--no-ff", "-m", "merge", "proposal")
    assert governed.audit(kept=[digest], now=later).worst is Kind.NOT_REPLAYED


@pytest.mark.parametrize(("revoked", "worst"), [("2025-12-31", Kind.UNMET), ("2026-03-01", None)])
def test_a_key_that_is_revoked_later_did_not_count_since_then(
    governed: Governed, revoked: str, worst: Kind | None
) -> None:
    """A later policy says since when a key was in other hands: what it signed from that day on is nobody's word."""
    policy = governed.policy(sequence=2, version="2.0.0")
    for row in policy["members"]:
        if row["person"] == "ana":
            row["keys"] = [{"key": row["keys"][0], "revoked": revoked}]
    governed.commit(*documents(7), policy, registry(**HOME))
    governed.sign("bob", "cy")
    governed.merge()
    found = governed.audit(kept=[str(governed.ledger().head)])
    freezes = [its for its in found.troubles if its.kind is Kind.UNMET]
    assert (freezes[0].kind if freezes else None) is worst
    if worst is not None:
        assert "signed with a key that is no member's now" in freezes[0].message
        assert [its.commit for its in freezes] == [governed.git("rev-parse", name) for name in ("main~2", "main~1")]


# --- altered bytes ---


def frozen_files(repo: Governed) -> list[Path]:
    repo.git("checkout", "-q", "main")
    found = [path for name in ("frozen", "approvals") for path in (repo.metrics / name).rglob("*") if path.is_file()]
    return sorted(found)


def flips(repo: Governed, seed: int, count: int) -> Iterator[Path]:
    """Changes one byte of one file at a time, and puts it back."""
    chance = random.Random(seed)
    for _ in range(count):
        path = chance.choice(frozen_files(repo))
        data = path.read_bytes()
        at = chance.randrange(len(data))
        if chance.random() < 0.3:
            path.write_bytes(data[:at] + data[at + 1 :])
        else:
            path.write_bytes(data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :])
        yield path
        path.write_bytes(data)


def test_any_byte_that_is_flipped_on_disk_is_found(governed: Governed) -> None:
    digest = str(governed.ledger().head)
    for path in flips(governed, seed=7, count=12):
        found = audit(governed.metrics, kept=[digest], now=datetime.fromisoformat(NOW))
        assert found.worst is Kind.ALTERED, path
        assert any(path.name in message for message in messages(found)), path
    assert answer(governed) == YES


def test_any_byte_that_is_flipped_in_a_commit_is_found_by_the_audit_and_by_the_gate(governed: Governed) -> None:
    digest = str(governed.ledger().head)
    for path in flips(governed, seed=11, count=8):
        governed.git("checkout", "-q", "-B", "proposal")
        governed.git("commit", "-qam", "a typo")
        assert gate_of(governed) == ALTERED, path
        found = audit(governed.metrics, kept=[digest], now=datetime.fromisoformat(NOW), ref="refs/heads/proposal")
        assert found.worst is Kind.ALTERED, path
        governed.git("checkout", "-q", "-f", "main")


def test_an_approval_that_is_flipped_before_it_lands_is_found(governed: Governed) -> None:
    """It has never been anything else on the trusted side, and others approve."""
    governed.commit(*governed.everything(8, version="3.0.0"))
    governed.sign("ana", "bob", "cy")
    assert gate_of(governed) == YES
    new = governed.git("diff", "--name-only", "--diff-filter=A", "main", "proposal", "--", "metrics/approvals").split()
    path = governed.folder / new[0]
    path.write_bytes(path.read_bytes().replace(b"nps", b"npt", 1))
    governed.commit()
    assert gate_of(governed) == ALTERED
    governed.merge()
    assert answer(governed) == ALTERED


def put_on_main(repo: Governed, message: str = "a clean-up") -> None:
    repo.git("add", "-A")
    repo.git("commit", "-qm", message)


def test_entries_that_are_reordered_are_found(governed: Governed) -> None:
    digest = str(governed.ledger().head)
    governed.git("checkout", "-q", "main")
    one, two = (governed.metrics / f"frozen/ledger/00000{i}.json" for i in (1, 2))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert audit(governed.metrics, kept=[digest]).worst is Kind.ALTERED
    put_on_main(governed)
    assert audit(governed.metrics, kept=[digest]).worst is Kind.ALTERED


def test_a_ledger_that_is_cut_short_is_found_against_the_parent(governed: Governed) -> None:
    governed.git("checkout", "-q", "main")
    (governed.metrics / "frozen/ledger/000002.json").unlink()
    assert answer(governed) == ALTERED
    put_on_main(governed)
    assert answer(governed) == ALTERED
    # Put back, it is still a history in which it was gone.
    governed.git("revert", "--no-edit", "HEAD")
    assert answer(governed) == ALTERED
    assert answer(governed, "--since", governed.git("rev-parse", "HEAD")) == YES


def test_a_history_that_is_rolled_back_is_found_against_what_was_kept(
    governed: Governed, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a digest, a commit or a signed tag; where there is none of them it is not said to be good."""
    digest, commit = str(governed.ledger().head), governed.git("rev-parse", "main")
    governed.git("checkout", "-q", "main")
    governed.git("reset", "-q", "--hard", "main~1")
    assert answer(governed, kept=False) == CANNOT_SAY
    assert UNANCHORED in capsys.readouterr().out
    assert answer(governed, "--head", digest, kept=False) == ALTERED
    assert answer(governed, "--since", commit, kept=False) == ALTERED
    governed.git("reset", "-q", "--hard", commit)
    tag(governed, 2, "ana")
    assert answer(governed, kept=False) == YES
    governed.git("reset", "-q", "--hard", "main~1")
    capsys.readouterr()
    assert answer(governed, kept=False) == ALTERED
    assert "entry 2 is not the one of the tag cxgov/ledger/2 of ana" in capsys.readouterr().out


@pytest.mark.parametrize("how", ["by force", "by a merge whose first parent it is"])
def test_a_history_that_is_written_anew_around_the_same_ledger(governed: Governed, how: str) -> None:
    """The digest that was kept is held, and a policy of somebody's own has no history against it."""
    digest, old = str(governed.ledger().head), governed.git("rev-parse", "main")
    governed.git("checkout", "-q", "--orphan", "other")
    weak = governed.policy(rules=[{"classes": ["formula", "policy", "freeze"], "quorum": 1}])
    governed.commit(*documents(7), weak, registry(**HOME))
    if how == "by force":
        governed.git("branch", "-q", "-f", "main", "other")
    else:
        tree, new = governed.git("rev-parse", "other^{tree}"), governed.git("rev-parse", "other")
        merge = governed.git("commit-tree", tree, "-p", new, "-p", old, "-m", "Merge")
        governed.git("branch", "-q", "-f", "main", merge)
    found = governed.audit(kept=[digest])
    assert found.worst is Kind.NOT_REPLAYED
    assert messages(found) == [
        "000001.json was made under a policy, and is there before this history has one: it came about in another"
    ]
    assert answer(governed, "--since", old, kept=False) in {CANNOT_SAY, ALTERED}


def test_a_tag_that_no_member_signed_anchors_nothing(governed: Governed) -> None:
    governed.git("checkout", "-q", "main")
    governed.git("tag", "cxgov/ledger/1")
    governed.git("tag", "-am", "kept", "cxgov/ledger/2")
    from tests.gating import new_key

    new_key(governed.folder.parent / "keys", "eve")
    tag(governed, 1, "eve", "cxgov/ledger/3")
    tag(governed, 1, "ana", "elsewhere")
    governed.git("update-ref", "refs/tags/cxgov/ledger/4", governed.git("rev-parse", "refs/tags/elsewhere"))
    found = governed.audit()
    assert (found.worst, found.anchors) == (Kind.NOT_REPLAYED, ())
    assert [its for its in found.notes if "cxgov/ledger" in its] == [
        "the tag cxgov/ledger/1 is no signed tag of an entry, and anchors nothing",
        "the tag cxgov/ledger/2 anchors nothing: not exactly one armoured ssh signature",
        "the tag cxgov/ledger/3 anchors nothing: signed with a key that is no member's now",
        "the tag cxgov/ledger/4 is no signed tag of an entry, and anchors nothing",
    ]


def test_an_object_that_no_entry_names_is_an_edit_of_history(governed: Governed) -> None:
    governed.write({"metrics/frozen/objects/" + "0" * 64: b"{}\n"})
    governed.commit()
    assert gate_of(governed) == ALTERED
    governed.merge("--ff-only")
    found = governed.audit()
    assert found.worst is Kind.ALTERED
    assert "no entry names it" in messages(found)[0]


def test_a_forged_entry_is_not_what_the_tree_freezes(governed: Governed) -> None:
    path = write_freezing(governed.metrics / "frozen", freeze(governed.metrics, "2026-Q4", now=THEN))
    path.write_bytes(path.read_bytes().replace(b'"clo1": "clo1:', b'"clo1": "clo2:'))
    governed.commit()
    assert gate_of(governed) == ALTERED
    governed.merge("--ff-only")
    assert governed.audit().worst is Kind.ALTERED


def test_an_entry_of_another_version_is_not_replayed_and_the_rest_is(
    governed: Governed, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = str(governed.ledger().head)
    governed.commit(*governed.everything(8, version="3.0.0"))
    commit = governed.merge("--ff-only")
    monkeypatch.setattr("cxgov.ledger.circumstances.programs", lambda: {"cxgov": "9.9.9", "sqlglot": "1.0"})
    found = governed.audit(kept=[digest], reviews={})
    assert [its.kind for its in found.troubles] == [Kind.NOT_REPLAYED, Kind.NOT_REPLAYED, Kind.UNMET]
    assert "only they can make it again: install them" in messages(found)[0]
    assert found.troubles[2].commit == commit


# --- the work tree ---


def test_what_is_not_committed_yet_is_told_and_is_no_trouble(governed: Governed) -> None:
    digest = str(governed.ledger().head)
    governed.git("checkout", "-q", "main")
    write_freezing(governed.metrics / "frozen", freeze(governed.metrics, "2026-Q4", now=THEN))
    (governed.metrics / "frozen/objects/.abc").write_bytes(b"half")
    (governed.metrics / "frozen/objects" / ("0" * 64)).write_bytes(b"{}\n")
    found = governed.audit(kept=[digest])
    assert found.worst is None
    assert [its.partition(" ")[0] for its in found.notes] == [
        "frozen/ledger/000003.json", "frozen/objects/.abc", "frozen/objects/" + "0" * 64,
    ]  # fmt: skip
    (governed.metrics / "frozen/objects/.abc").unlink()
    found = governed.audit(kept=[str(governed.ledger().head)])
    assert messages(found) == ["entry 3, which was kept, is in the work tree and not committed"]


@pytest.mark.parametrize("what", ["removed", "a link", "a new approval", "a new entry", "an object of a new entry"])
def test_what_is_wrong_on_disk_alone(governed: Governed, what: str, tmp_path: Path) -> None:
    digest = str(governed.ledger().head)
    governed.git("checkout", "-q", "main")
    entry = governed.metrics / "frozen/ledger/000002.json"
    match what:
        case "removed":
            next((governed.metrics / "approvals").iterdir()).unlink()
        case "a link":
            entry.rename(tmp_path / "elsewhere")
            entry.symlink_to(tmp_path / "elsewhere")
        case "a new approval":
            (governed.metrics / "approvals" / ("0" * 64)).write_bytes(b"{}\n")
        case "a new entry":
            (governed.metrics / "frozen/ledger/000003.json").write_bytes(entry.read_bytes())
        case _:
            governed.commit(*governed.everything(8, version="3.0.0"))
            freezing = freeze(governed.metrics, "2026-Q4", now=THEN)
            write_freezing(governed.metrics / "frozen", freezing)
            (governed.metrics / "frozen/objects" / next(iter(freezing.objects))).write_bytes(b"{}\n")
    found = governed.audit(kept=[digest])
    assert Kind.ALTERED in {its.kind for its in found.troubles}


KILLED: Final = """
import os, pickle, signal, sys
from pathlib import Path
from cxgov.ledger.folder import write_freezing
metrics, at = Path(sys.argv[1]), int(sys.argv[2])
made = pickle.load(sys.stdin.buffer)
count = 0
def ended(event, arguments):
    global count
    if event.split(".")[0] in {"open", "os", "tempfile", "shutil"} and "frozen" in str(arguments):
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(ended)
write_freezing(metrics / "frozen", made)
"""


def readable(folder: Path) -> bool:
    """Whether a reader reads everything that the ledger on disk says."""
    try:
        ledger = read_ledger(folder)
        for entry in ledger.entries():
            for its in entry.metrics.values():
                ledger.object(its)
    except (Altered, OSError):
        return False
    return True


def test_a_killed_freeze_leaves_nothing_that_is_called_good_and_cannot_be_read(governed: Governed) -> None:
    """Ended before each touch of the disk; the next freeze then writes what was to be written."""
    digest = str(governed.ledger().head)
    governed.commit(*governed.everything(8, version="3.0.0"))
    governed.sign("ana", "bob")
    governed.merge()
    governed.git("checkout", "-q", "main")
    made = pickle.dumps(freeze(governed.metrics, "2026-Q4", now=THEN))
    done, at = False, 0
    while not done:
        at += 2
        command = [sys.executable, "-c", KILLED, str(governed.metrics), str(at)]
        ended = subprocess.run(command, input=made, capture_output=True, check=False, env=dict(os.environ))
        assert ended.returncode in {0, -signal.SIGKILL}, ended.stderr.decode()
        done = ended.returncode == 0
        found = audit(governed.metrics, kept=[digest], now=datetime.fromisoformat(NOW))
        assert found.worst is None, at
        assert readable(governed.metrics / "frozen"), at
        governed.git("clean", "-qfdx", "metrics/frozen")
    assert at > 6


def test_a_full_disk_leaves_nothing_that_is_called_good_and_cannot_be_read(
    governed: Governed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is full at each of the times at which the disk is asked to hold something."""
    digest = str(governed.ledger().head)
    governed.commit(*governed.everything(8, version="3.0.0"))
    governed.sign("ana", "bob")
    governed.merge()
    governed.git("checkout", "-q", "main")
    made = freeze(governed.metrics, "2026-Q4", now=THEN)
    real = os.fsync
    for at in range(4):
        calls: list[int] = []

        def full(handle: int, calls: list[int] = calls, at: int = at) -> None:
            calls.append(handle)
            if len(calls) > at:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(handle)

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_freezing(governed.metrics / "frozen", made)
        monkeypatch.undo()
        assert readable(governed.metrics / "frozen"), at
        assert governed.audit(kept=[digest]).worst is None, at
        governed.git("clean", "-qfdx", "metrics/frozen")


# --- how it is read ---


def test_an_entry_is_read_once_however_many_commits_hold_it(
    governed: Governed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of an audit grows with the entries, not with their square."""
    for i in range(3):
        governed.write({f"metrics/reports/{i}.md": b"x"})
        governed.commit()
        governed.merge("--ff-only")
    digest = str(governed.ledger().head)
    read: list[bytes] = []
    real = entries.read_entry

    def counted(data: bytes) -> Any:
        read.append(data)
        return real(data)

    monkeypatch.setattr(entries, "read_entry", counted)
    assert governed.audit(kept=[digest]).worst is None
    # Once of the commits, and once of the files on disk.
    assert {data: read.count(data) for data in read} == dict.fromkeys(read, 2)


def test_progress_is_told_of_every_commit(governed: Governed) -> None:
    told: list[tuple[int, int]] = []
    governed.audit(told=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_json_of_what_does_not_hold(governed: Governed, capsys: pytest.CaptureFixture[str]) -> None:
    governed.commit(*governed.everything(8, version="3.0.0"))
    governed.merge("--ff-only")
    assert answer(governed, "--format", "json", kept=False) == CANNOT_SAY
    data = held("audit", capsys.readouterr().out)
    assert [its["kind"] for its in data["troubles"]] == ["not_replayed", "not_replayed"]
    assert [its["holds"] for its in data["landed"]] == [True, True, True, False]


def test_a_path_is_shown_and_acts_on_nothing(governed: Governed, capsys: pytest.CaptureFixture[str]) -> None:
    governed.write({"metrics/approvals/a\n::error::b": b"x"})
    governed.commit()
    governed.merge("--ff-only")
    assert answer(governed) == ALTERED
    assert not [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]


def test_the_gate_and_the_audit_agree_on_what_may_land(governed: Governed) -> None:
    governed.commit(*governed.everything(8, version="3.0.0"))
    governed.sign("ana")
    assert gate(governed.metrics, trusted="main", head="proposal", now=THEN).passed is False
    governed.sign("dee")
    assert gate(governed.metrics, trusted="main", head="proposal", now=THEN).passed is True
    governed.merge()
    assert answer(governed) == YES
