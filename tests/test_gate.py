"""The gate on real repositories: who must approve, whose word counts, and what is no proposal at all."""

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cxgov.evidence.failures import CannotSay
from cxgov.evidence.git import Repository
from cxgov.governance.gate import Gated, gate
from cxgov.governance.guards import matches
from cxgov.governance.steps import Asked
from cxgov.language.reader import MAX_BYTES
from tests.gating import (
    ACCOUNTS,
    HOME,
    NOW,
    Repo,
    council,
    documents,
    missing,
    repo,
    review,
    sign_approval,
    signing,
    why,
)
from tests.support import Document, metric, registry, tree

__all__ = ["repo", "signing"]  # fixtures


# --- approvals ---


def test_a_formula_needs_two_who_did_not_write_it(repo: Repo) -> None:
    head = repo.commit(*documents(7), council(), who="ana")
    assert missing(repo.judge()) == ["2 more approvals of 2"]
    assert repo.judge(review("bob", head), review("dee", head)).passed
    found = repo.judge(review("ana", head), review("bob", head))
    assert not found.passed
    assert why(found, "ana") == {"wrote part of the proposal"}


def test_whoever_opened_it_does_not_count(repo: Repo) -> None:
    head = repo.commit(*documents(7), council())
    found = repo.judge(review("ana", head), review("bob", head), authors=[ACCOUNTS["ana"]])
    assert why(found, "ana") == {"wrote part of the proposal"}


def test_a_co_author_and_a_second_parent_wrote_too(repo: Repo) -> None:
    repo.commit(*documents(7), council(), message="change\n\nCo-authored-by: Ana <ana@example.org>")
    repo.branch("side", "main")
    repo.commit(README=b"hello", who="bob")
    repo.git("checkout", "-q", "proposal")
    repo.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    head = repo.git("rev-parse", "HEAD")
    found = repo.judge(review("ana", head), review("bob", head))
    assert why(found, "ana") == why(found, "bob") == {"wrote part of the proposal"}


def test_a_push_after_the_approval_loses_it_and_changing_back_keeps_it(repo: Repo) -> None:
    seen = repo.commit(*documents(7), council())
    yes = [review("ana", seen), review("bob", seen)]
    assert repo.judge(*yes).passed
    repo.commit(*documents(8), council())
    assert why(repo.judge(*yes), "ana") == {"approved it together with another Metric nps than the proposal has now"}
    repo.commit(*documents(7), council())
    assert repo.judge(*yes).passed


def test_a_typo_and_a_rebase_keep_the_approval(repo: Repo) -> None:
    seen = repo.commit(*documents(7), council())
    yes = [review("ana", seen), review("bob", seen)]
    repo.commit(*documents(7, description="Another sentence."), council())
    assert repo.judge(*yes).passed
    repo.git("checkout", "-q", "main")
    repo.commit(README=b"elsewhere")
    repo.git("checkout", "-q", "proposal")
    repo.git("rebase", "-q", "main")
    assert repo.judge(*yes).passed


def test_a_base_that_moved_under_it_loses_it(repo: Repo) -> None:
    seen = repo.commit(*documents(7), council())
    yes = [review("ana", seen), review("bob", seen)]
    repo.git("checkout", "-q", "main")
    moved = documents()
    moved[0] = {**moved[0], "relation": "cx.other", "version": "2.0.0"}
    repo.commit(*moved, council())
    found = repo.judge(*yes)
    assert "approved it together with another Metric nps than the proposal has now" in why(found, "ana")


def test_two_that_are_fine_alone_are_judged_as_they_merge(repo: Repo) -> None:
    """One moves the metric, the other its source: what was seen is not what the merge would hold."""
    seen = repo.commit(*documents(7), council())
    yes = [review("ana", seen), review("bob", seen)]
    repo.branch("other", "main")
    moved = documents()
    moved[0] = {**moved[0], "relation": "cx.other", "version": "2.0.0"}
    repo.commit(*moved, council())
    repo.git("checkout", "-q", "main")
    assert repo.judge(*yes).passed
    repo.git("merge", "-q", "--ff-only", "other")
    assert not repo.judge(*yes).passed


def test_a_step_back_and_forth_needs_a_new_word(repo: Repo) -> None:
    seen = repo.commit(*documents(7), council())
    yes = [review("ana", seen), review("bob", seen)]
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--ff-only", "proposal")
    repo.commit(*documents(9, version="3.0.0"), council())
    repo.branch("again", "main")
    repo.commit(*documents(7, version="4.0.0"), council())
    found = repo.judge(*yes, head="again")
    assert not found.passed


def test_the_last_word_of_a_person_counts(repo: Repo) -> None:
    head = repo.commit(*documents(7), council())
    no = repo.judge(review("ana", head), review("dee", head), review("dee", head, "CHANGES_REQUESTED", at=2))
    assert missing(no) == ["1 more approval of 2"]
    assert repo.judge(review("dee", head, "CHANGES_REQUESTED"), review("dee", head, at=2), review("ana", head)).passed


def test_a_veto_blocks_and_needs_no_commit_of_now(repo: Repo) -> None:
    old = repo.commit(*documents(8), council())
    head = repo.commit(*documents(7), council())
    found = repo.judge(review("ana", head), review("dee", head), review("cy", old, "CHANGES_REQUESTED"))
    assert found.verdict is not None
    assert [its.person for its in found.verdict.vetoes] == ["cy"]
    assert not found.passed


def test_31_reviews_over_two_pages_and_a_login_that_was_renamed(repo: Repo) -> None:
    head = repo.commit(*documents(7), council())
    noise = [review("zoe", head, "COMMENTED", at=i) for i in range(29)]
    renamed = review("bob", head)
    renamed["user"]["login"] = "robert"
    pages = [[*noise, review("ana", head)], [renamed]]
    with Repository(repo.folder, os.environ) as repository:
        asked = Asked(trusted="main", head="proposal", reviews=[json.dumps(pages).encode()], now=NOW)
        assert gate(repository, "metrics", asked, os.environ).passed


def test_bots_and_strangers_do_not_count(repo: Repo) -> None:
    head = repo.commit(*documents(7), council())
    bot = review("ana", head)
    bot["user"]["type"] = "Bot"
    found = repo.judge(bot, review("zoe", head), review("bob", head))
    assert missing(found) == ["1 more approval of 2"]
    assert why(found, "zoe") == {"not a member of the council"}


# --- several requests ---


def judged(repo: Repo, *requests: list[Document], **asked: Any) -> Gated:
    files = [json.dumps(its).encode() for its in requests]
    with Repository(repo.folder, os.environ) as repository:
        asked = {"trusted": "main", "head": "proposal", "now": NOW, **asked}
        return gate(repository, "metrics", Asked(reviews=files, **asked), os.environ)


def test_a_yes_on_another_request_takes_back_no_veto(repo: Repo) -> None:
    """The same commit proposed again: the veto was said of the first, and the second does not shed it."""
    head = repo.commit(*documents(7), council())
    first = [review("cy", head, "CHANGES_REQUESTED")]
    second = [review("cy", head, at=2), review("ana", head, at=2), review("dee", head, at=2)]
    found = judged(repo, first, second)
    assert found.verdict is not None
    assert [its.person for its in found.verdict.vetoes] == ["cy"]
    assert judged(repo, second).passed


def test_words_on_two_requests_stand_beside_each_other(repo: Repo) -> None:
    """A merge group: each half was approved by the same two, one after the other."""
    one = repo.commit(*documents(7), council())
    repo.branch("other", "main")
    half = documents()
    half[0] |= {"owner": "them", "version": "1.0.1"}
    two = repo.commit(*half, council())
    repo.git("checkout", "-q", "proposal")
    repo.git("merge", "-q", "--no-ff", "-m", "both", "other")
    both = [[review("ana", one), review("bob", one)], [review("ana", two, at=2), review("bob", two, at=2)]]
    assert judged(repo, *both).passed
    assert not judged(repo, [*both[0], *both[1]]).passed


def test_a_no_takes_back_an_approval_on_another_request(repo: Repo) -> None:
    head = repo.commit(*documents(7), council())
    yes = [review("ana", head), review("dee", head)]
    assert judged(repo, yes, [review("dee", head, "COMMENTED", at=2)]).passed
    found = judged(repo, yes, [review("dee", head, "CHANGES_REQUESTED", at=2)])
    assert missing(found) == ["1 more approval of 2"]
    assert why(found, "dee") == {"requested changes later, on another request"}


def test_whoever_opened_one_of_several_does_not_count(repo: Repo) -> None:
    head = repo.commit(*documents(7), council())
    yes = [review("ana", head), review("bob", head)]
    assert judged(repo, yes, authors=[4711]).passed
    found = judged(repo, yes, authors=[4711, ACCOUNTS["bob"]])
    assert why(found, "bob") == {"wrote part of the proposal"}


# --- policy and guards ---


def test_the_policy_in_force_is_the_trusted_one(repo: Repo) -> None:
    """Weakened in the same request: the old quorum counts, and the change of policy needs its own."""
    weak = [{"classes": ["formula", "policy"], "quorum": 1}]
    head = repo.commit(*documents(7), council(rules=weak, sequence=2, version="2.0.0"))
    found = repo.judge(review("ana", head), review("bob", head))
    assert "1 more approval of 3" in missing(found)
    assert repo.judge(*(review(person, head) for person in ("ana", "bob", "cy"))).passed


def test_a_new_member_has_no_voice_in_the_request_that_adds_them(repo: Repo) -> None:
    its = council(sequence=2, version="2.0.0")
    its["members"].append({"person": "eve", "seat": "finance", "github": 1005, "until": "2027-12-31"})
    head = repo.commit(*documents(), its)
    eve = review("ana", head)
    eve["user"] = {"id": 1005, "login": "eve", "type": "User"}
    found = repo.judge(eve, review("ana", head), review("bob", head))
    assert why(found, "eve") == {"not a member of the council"}
    assert not found.passed


def test_a_policy_that_is_taken_away_is_a_no(repo: Repo) -> None:
    head = repo.commit(*documents())
    found = repo.judge(*(review(person, head) for person in ACCOUNTS))
    assert found.verdict is not None
    assert found.verdict.faults[0] == "the proposal removes the council's policy: without one nothing can be approved"


def test_no_policy_on_the_trusted_side_is_no_answer(tmp_path: Path) -> None:
    its = Repo(tmp_path)
    its.commit(*documents())
    its.branch()
    its.commit(*documents(), council())
    with pytest.raises(CannotSay, match="the first policy is put there by hand"):
        its.judge()


def test_guarded_paths_are_governed(repo: Repo) -> None:
    repo.write({".github/workflows/gate.yml": b"on: push\n", "CODEOWNERS": b"* @x\n", "notes.txt": b"x"})
    head = repo.commit()
    found = repo.judge(review("ana", head))
    assert found.proposal is not None
    assert [(its.id, its.change_class) for its in found.proposal.comparison.findings] == [
        (".github/workflows/gate.yml", "policy"),
        ("CODEOWNERS", "policy"),
    ]
    assert missing(found) == ["2 more approvals of 3"] * 2
    assert repo.judge(*(review(person, head) for person in ("ana", "bob", "cy"))).passed


def test_a_guard_is_a_path_and_no_part_of_one() -> None:
    assert matches(".github/**", ".github/workflows/a.yml")
    assert not matches(".github/**", "x/.github/a")
    assert matches("**/CODEOWNERS", "CODEOWNERS")
    assert matches("**/CODEOWNERS", "a/b/CODEOWNERS")
    assert not matches("*.yml", "a/b.yml")
    assert not matches("CODEOWNERS", "CODEOWNERS.md")


# --- what is no proposal ---


def test_a_link_in_the_registry_is_no_proposal(repo: Repo) -> None:
    (repo.folder / "metrics/link.yaml").symlink_to("/etc/passwd")
    repo.commit()
    found = repo.judge()
    assert found.verdict is None
    assert [(its.path, its.reason) for its in found.refused] == [("metrics/link.yaml", "a symbolic link")]


def test_an_invalid_registry_is_no_proposal(repo: Repo) -> None:
    repo.write({"metrics/metric_nps.yaml": b"kind: Metric\nkind: Metric\n"})
    repo.commit()
    found = repo.judge()
    assert (found.verdict, found.passed) == (None, False)
    assert found.problems[0].place.path == "metrics/metric_nps.yaml"


def test_a_conflict_is_no_answer(repo: Repo) -> None:
    repo.commit(*documents(7), council())
    repo.git("checkout", "-q", "main")
    repo.commit(*documents(8), council())
    with pytest.raises(CannotSay, match=re.escape("conflicts with main in metrics/metric_nps.yaml")):
        repo.judge()


def test_attributes_and_drivers_of_the_work_tree_have_no_say(repo: Repo) -> None:
    """A union merge would hold both lines; a driver would be run."""
    repo.commit(*documents(7), council())
    repo.git("checkout", "-q", "main")
    repo.commit(*documents(8), council())
    repo.write({".gitattributes": b"*.yaml merge=union\n*.yaml merge=mine\n"})
    repo.git("config", "merge.mine.driver", f"touch {repo.folder}/ran")
    with pytest.raises(CannotSay, match="conflicts"):
        repo.judge()
    assert not (repo.folder / "ran").exists()


def test_a_shallow_clone_is_no_answer(repo: Repo, tmp_path: Path) -> None:
    repo.commit(*documents(7), council())
    shallow = tmp_path / "shallow"
    repo.git("clone", "-q", "--depth", "1", "--no-single-branch", f"file://{repo.folder}", str(shallow))
    with Repository(shallow, os.environ) as repository, pytest.raises(CannotSay, match="shallow"):
        gate(repository, "metrics", Asked(trusted="origin/main", head="origin/proposal", now=NOW), os.environ)


def test_reviews_that_cannot_be_read_are_no_answer(repo: Repo) -> None:
    repo.commit(*documents(7), council())
    with Repository(repo.folder, os.environ) as repository:
        for data in (b"{}", b"[", b'[{"state": "APPROVED", "state": "DISMISSED"}]'):
            asked = Asked(trusted="main", head="proposal", reviews=[data], now=NOW)
            with pytest.raises(CannotSay, match="the reviews cannot be read"):
                gate(repository, "metrics", asked, os.environ)


# --- what no metric file shows ---


@pytest.mark.parametrize(
    ("change", "change_class"),
    [
        ({"kind": "Source", "relation": "cx.other"}, "source"),
        ({"kind": "Metric", "where": "score <> 3"}, "population"),
        ({"kind": "Threshold", "target": 30, "version": "1.1.0"}, "threshold_loosened"),
    ],
    ids=["source", "metric", "threshold"],
)
def test_every_change_is_seen(repo: Repo, change: Document, change_class: str) -> None:
    its = [{**each, "version": "2.0.0", **change} if each["kind"] == change["kind"] else each for each in documents()]
    repo.commit(*its, council())
    found = repo.judge()
    assert found.proposal is not None
    assert [each.change_class for each in found.proposal.comparison.findings] == [change_class]
    assert not found.passed


# --- signed approvals ---


def test_signed_approvals_count_whoever_commits_them(signing: Repo) -> None:
    """A member signs and commits the file: approving is not writing. A review and a signature of one count once."""
    for person in ("ana", "bob"):
        signing.write(sign_approval(signing, person))
        signing.commit(who=person)
    assert signing.judge().passed
    found = signing.judge(review("ana", signing.git("rev-parse", "HEAD")))
    assert found.verdict is not None
    assert [[its.person for its in demand.counted] for demand in found.verdict.demands] == [["ana", "bob"]]


def test_a_signature_can_be_of_everything_that_a_source_moves(signing: Repo) -> None:
    """A statement of a thousand steps is larger than any document may be."""
    its = json.loads((signing.folder / "metrics/council_council.yaml").read_bytes())
    many = [metric(f"count_{i}", {"count": "rows"}, source="answers", time="at") for i in range(1_000)]
    signing.git("checkout", "-q", "main")
    signing.commit(*documents(), *many, its, registry(**HOME))
    signing.branch()
    answers, *rest = documents()
    moved = {**answers, "relation": "cx.answers_too", "version": "2.0.0"}
    signing.commit(moved, *rest, *many, its, registry(**HOME))
    for person in ("ana", "bob"):
        written = sign_approval(signing, person)
        assert all(len(data) > MAX_BYTES for data in written.values())
        signing.write(written)
        signing.commit(who=person)
    assert signing.judge().passed


def test_a_signature_is_of_one_change(signing: Repo) -> None:
    """Signed at 7, proposed at 8."""
    signing.write(sign_approval(signing, "ana"))
    signing.commit(who="ana")
    its = documents(8)
    signing.write({f"metrics/{name}": data for name, data in tree(its).items() if name == "metric_nps.yaml"})
    signing.commit()
    assert why(signing.judge(), "ana") == {"approved it together with another Metric nps than the proposal has now"}


def test_a_signature_is_of_one_repository_branch_and_policy(signing: Repo) -> None:
    """Moved to a registry that lives elsewhere, the same bytes are nobody's word."""
    file = sign_approval(signing, "ana")
    for fields, field in (
        ({"repository": "example/other", "ref": "refs/heads/main"}, "repository"),
        ({"repository": "example/metrics", "ref": "refs/heads/release"}, "ref"),
    ):
        signing.git("checkout", "-q", "main")
        its = json.loads((signing.folder / "metrics/council_council.yaml").read_bytes())
        signing.commit(*documents(), its, registry(**fields))
        signing.branch("elsewhere", "main")
        signing.commit(*documents(7), its, registry(**fields))
        signing.write(file)
        signing.commit()
        signing.git("branch", "-f", "release", "main")
        found = signing.judge(head="elsewhere", trusted=fields["ref"].rpartition("/")[2])
        assert why(found, "a signature") == {f"it is for another {field}"}


@pytest.mark.parametrize("damage", ["renamed", "altered", "two blocks", "not json", "stranger"])
def test_what_is_no_signature_is_ignored_and_named(signing: Repo, damage: str) -> None:
    """A file under another name, with another byte, with two armoured blocks, or signed by a stranger."""
    [(path, data)] = sign_approval(signing, "ana").items()
    held = json.loads(data)
    if damage == "stranger":
        key = signing.folder.parent / "keys" / "zoe"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        [(path, data)] = sign_approval(signing, "zoe").items()
    elif damage == "renamed":
        path = f"{path[:-1]}{'0' if path[-1] != '0' else '1'}"
    else:
        if damage == "altered":
            held["statement"] = held["statement"].replace("Metric", "metric", 1)
        elif damage == "two blocks":
            held["signature"] *= 2
        data = b"{" if damage == "not json" else json.dumps(held).encode()
        path = f"metrics/approvals/{hashlib.sha256(data).hexdigest()}"
    signing.write({path: data})
    signing.commit(who="ana")
    found = signing.judge()
    assert len(why(found, "a signature")) == 1
    assert "2 more approvals of 2" in missing(found)


def test_an_approval_that_the_trusted_side_holds_is_spent(signing: Repo) -> None:
    """A to B, back to A, and to B again with the first signatures."""
    for person in ("ana", "bob"):
        signing.write(sign_approval(signing, person))
        signing.commit(who=person)
    signing.git("checkout", "-q", "main")
    signing.git("merge", "-q", "--ff-only", "proposal")
    its = json.loads((signing.folder / "metrics/council_council.yaml").read_bytes())
    home = registry(repository="example/metrics", ref="refs/heads/main")
    files = {f"metrics/{name}": data for name, data in tree([*documents(9, version="3.0.0"), its, home]).items()}
    signing.write(files)
    signing.commit()
    signing.branch("again", "main")
    signing.write({f"metrics/{name}": data for name, data in tree([*documents(7, version="4.0.0"), its, home]).items()})
    signing.commit()
    assert missing(signing.judge(head="again")) == ["2 more approvals of 2"]


def test_what_was_said_stays_said(signing: Repo) -> None:
    """Taking an approval away, or altering one, is an edit of history that nobody can approve."""
    file = sign_approval(signing, "ana")
    signing.git("checkout", "-q", "main")
    signing.write(file)
    signing.commit()
    signing.branch("later", "main")
    (signing.folder / next(iter(file))).unlink()
    head = signing.commit()
    found = signing.judge(*(review(person, head) for person in ACCOUNTS), head="later")
    assert found.verdict is not None
    assert found.verdict.touched == (f"Path {next(iter(file))}",)
    assert not found.passed
