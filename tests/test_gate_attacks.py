"""Attacks on the gate, each on a real repository with real keys: what is refused, why, and with which exit code."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from typing import Any, Final

import pytest

import cxgov
from cxgov.api import approve
from cxgov.cli.main import exit_code
from cxgov.evidence.failures import CannotSay
from tests.gating import (
    ACCOUNTS,
    HOME,
    Repo,
    council,
    documents,
    missing,
    new_key,
    repo,
    review,
    sign_approval,
    signing,
    why,
)
from tests.support import Document, calendar, exclusion, metric, overlay, registry, sampling, source
from tests.test_hostile import REFUSED

__all__ = ["repo", "signing"]  # fixtures

YES, NO, CANNOT_SAY, ALTERED = 0, 1, 2, 5
ANOTHER: Final = "approved it together with another {} than the proposal has now"
UNSEEN: Final = "did not see {} change from what it is now to what is proposed"
SPENT: Final = "spent: what was approved has been on the trusted side since"


def answer(repo: Repo, *reviews: Document, trusted: str = "main", head: str = "proposal") -> int:
    """The exit code of the command."""
    file = repo.folder / ".git/reviews.json"
    file.write_text(json.dumps(list(reviews)), encoding="utf-8")
    arguments = ["--trusted", trusted, "--head", head, "--now", "2026-10-01T00:00:00Z", "--reviews", str(file)]
    return exit_code(["gate", *arguments, "--registry", str(repo.folder / "metrics")])


def everyone(head: str) -> list[Document]:
    return [review(person, head) for person in ACCOUNTS]


def policy_of(repo: Repo) -> Document:
    """The policy as it lies in the work tree."""
    found: Document = json.loads((repo.folder / "metrics/council_council.yaml").read_bytes())
    return found


def home(repo: Repo, *made: Document, **fields: Any) -> list[Document]:
    """Documents with the policy of the work tree, and a registry that says where it lives."""
    return [*made, policy_of(repo), registry(**{**HOME, **fields})]


def signed(repo: Repo, *persons: str, **named: str) -> None:
    """Commits the approvals of members, each by whoever gave it."""
    for person in persons:
        repo.write(sign_approval(repo, person, **named))
        repo.commit(who=person)


def approvals_of(repo: Repo) -> dict[str, bytes]:
    """The approvals that lie in the work tree."""
    return {
        f"metrics/approvals/{path.name}": path.read_bytes() for path in (repo.folder / "metrics/approvals").iterdir()
    }


# --- the policy ---


@pytest.mark.parametrize("part", ["rules", "members"])
def test_a_policy_that_is_emptied_is_no_proposal(repo: Repo, part: str) -> None:
    head = repo.commit(*documents(), council(**{part: []}, sequence=2, version="2.0.0"))
    assert answer(repo, *everyone(head)) == CANNOT_SAY


def test_a_policy_that_is_deleted_is_a_no_whoever_approves(repo: Repo) -> None:
    head = repo.commit(*documents())
    assert answer(repo, *everyone(head)) == NO


def test_a_policy_that_is_weakened_is_judged_by_the_old_one(repo: Repo) -> None:
    """The quorum of one is the proposal's own; in force is that of two, and three for the policy itself."""
    weak = [{"classes": ["formula", "policy"], "quorum": 1}]
    head = repo.commit(*documents(7), council(rules=weak, sequence=2, version="2.0.0"))
    assert answer(repo, review("ana", head)) == NO
    assert answer(repo, review("ana", head), review("bob", head)) == NO
    assert answer(repo, *everyone(head)) == YES


def test_a_guard_that_is_dropped_still_guards_what_goes_with_it(repo: Repo) -> None:
    blind = council(guards={".github/**": "policy"}, sequence=2, version="2.0.0")
    head = repo.commit(*documents(), blind, CODEOWNERS=b"* @me\n")
    found = repo.judge(review("ana", head), review("bob", head))
    assert found.proposal is not None
    assert "CODEOWNERS" in {its.id for its in found.proposal.comparison.findings}
    assert answer(repo, review("ana", head), review("bob", head)) == NO


def test_a_base_with_a_weak_policy_is_not_asked(repo: Repo) -> None:
    """Aimed at a branch where one approval is enough: the trusted ref is named by whoever runs the gate."""
    weak = council(rules=[{"classes": ["formula", "policy"], "quorum": 1}])
    repo.branch("weak", "main")
    repo.commit(*documents(), weak)
    repo.branch("proposal", "weak")
    head = repo.commit(*documents(7), weak)
    assert answer(repo, review("ana", head), trusted="weak") == YES
    assert answer(repo, review("ana", head)) == NO


def test_who_gains_by_a_metric_gains_by_it_under_another_name(repo: Repo) -> None:
    """The metric is renamed in the request that moves it: what the policy says of the old name still holds."""
    rules = [
        {"classes": ["formula", "additive", "threshold_loosened"], "quorum": 1},
        {"classes": ["policy"], "quorum": 1},
    ]
    strict = {"classes": ["formula"], "metrics": ["nps"], "quorum": 2}
    before = council(rules=[*rules, strict], beneficiaries={"nps": ["cy"]})
    repo.git("checkout", "-q", "main")
    repo.commit(*documents(), before)
    repo.branch()
    made = documents(7)
    made[1] |= {"id": "promoters", "formerly": ["nps"]}
    made[2] |= {"metric": "promoters"}
    strict = {**strict, "metrics": ["promoters"]}
    after = council(rules=[*rules, strict], beneficiaries={"promoters": ["cy"]}, sequence=2, version="2.0.0")
    head = repo.commit(*made, after)
    found = repo.judge(review("cy", head), review("ana", head))
    assert "is a beneficiary of nps" in why(found, "cy")
    assert missing(found) == ["1 more approval of 2"]
    assert answer(repo, review("cy", head), review("ana", head)) == NO
    assert answer(repo, *(review(person, head) for person in ("ana", "bob", "dee"))) == YES


# --- approvals and what moves under them ---


def test_two_requests_cannot_share_one_step_of_a_version(repo: Repo) -> None:
    """Both go from 1.0.0 to 2.0.0; when the first has landed, the second is no step any more."""
    made = documents()
    made[1] = {**made[1], "version": "2.0.0", "valid": "score between 0 and 10"}
    head = repo.commit(*made, council())
    assert answer(repo, *everyone(head)) == YES
    repo.land(*documents(version="2.0.0", direction="neither"), council())
    made[1] |= {"direction": "neither"}
    repo.git("merge", "-q", "-X", "theirs", "-m", "merge", "main")
    head = repo.commit(*made, council())
    found = repo.judge(*everyone(head))
    assert found.verdict is not None
    assert found.verdict.faults == ("Metric nps needs version 3.0.0 or higher, and has 2.0.0",)
    assert answer(repo, *everyone(head)) == NO


def test_a_threshold_was_approved_of_the_metric_as_it_was(repo: Repo) -> None:
    """40 of the old formula is another promise than 40 of the new one, though no byte of the threshold's differs."""
    yes = review("dee", repo.commit(*documents(target=30), council()))
    assert answer(repo, yes) == YES
    repo.land(*documents(7), council())
    assert why(repo.judge(yes), "dee") == {ANOTHER.format("Threshold nps_month")}
    assert answer(repo, yes) == NO


def test_an_overlay_was_approved_of_the_metric_as_it_was(repo: Repo) -> None:
    policy = council(rules=[{"classes": ["overlay", "formula"], "quorum": 1}])
    repo.git("checkout", "-q", "main")
    repo.commit(*documents(), policy)
    repo.branch()
    yes = review("dee", repo.commit(*documents(), policy, overlay("dutch", ["nps"], "id > 1000")))
    assert answer(repo, yes) == YES
    repo.land(*documents(7), policy)
    assert why(repo.judge(yes), "dee") == {ANOTHER.format("Overlay dutch")}
    assert answer(repo, yes) == NO


def test_ten_small_steps_are_ten_approvals(repo: Repo) -> None:
    """Each step is seen from where the last one ended: no word reaches further than its own."""
    words: list[Document] = []
    for i in range(10):
        head = repo.commit(*documents(target=39 - i, version=f"1.{i}.0"), council())
        made = documents(target=39 - i)
        made[2] |= {"version": f"1.{i + 1}.0"}
        head = repo.commit(*made, council())
        assert answer(repo, *words) == NO
        words.append(review("dee", head, at=i))
        assert answer(repo, *words) == YES
        repo.git("checkout", "-q", "main")
        repo.git("merge", "-q", "--ff-only", "proposal")
        repo.branch()
    made[2] |= {"target": 20, "version": "1.11.0"}
    repo.commit(*made, council())
    assert answer(repo, *words) == NO


def test_a_half_that_is_dropped_takes_the_other_with_it(repo: Repo) -> None:
    """A formula and a target were approved together; so were a formula and a deleted CODEOWNERS."""
    repo.git("checkout", "-q", "main")
    repo.commit(CODEOWNERS=b"* @council\n")
    repo.branch()
    together = repo.commit(*documents(7, target=30), council())
    repo.commit(*documents(7), council())
    yes = [review("ana", together), review("bob", together)]
    assert why(repo.judge(*yes), "ana") == {ANOTHER.format("Threshold nps_month")}
    assert answer(repo, *yes) == NO
    repo.branch()
    repo.write({"CODEOWNERS": None})
    together = repo.commit(*documents(7), council())
    repo.commit(CODEOWNERS=b"* @council\n")
    yes = everyone(together)
    assert why(repo.judge(*yes), "ana") == {ANOTHER.format("Path CODEOWNERS")}
    assert answer(repo, *yes) == NO


def test_a_guarded_path_goes_there_and_back_only_with_a_new_word(repo: Repo) -> None:
    """A to B and back to A; the branch that was squashed then makes B again, with the words of the first time."""
    yes = everyone(repo.commit(CODEOWNERS=b"* @me\n"))
    assert answer(repo, *yes) == YES
    repo.git("checkout", "-q", "main")
    repo.commit(CODEOWNERS=b"* @me\n")
    repo.write({"CODEOWNERS": None})
    repo.commit()
    repo.git("checkout", "-q", "proposal")
    assert why(repo.judge(*yes), "ana") == {SPENT}
    assert answer(repo, *yes) == NO


def test_a_part_that_went_there_and_back_spends_the_whole(repo: Repo) -> None:
    """Formula and target were approved together. The formula landed by itself and was taken back."""
    yes = everyone(repo.commit(*documents(7, target=30), council()))
    assert answer(repo, *yes) == YES
    repo.land(*documents(7), council())
    back = documents()
    repo.land(*back, council())
    assert why(repo.judge(*yes), "ana") == {SPENT}
    assert answer(repo, *yes) == NO


def test_a_branch_that_a_member_updates_is_not_theirs(repo: Repo) -> None:
    """Git makes that merge by itself; what is put into it by hand is somebody's work."""
    repo.commit(*documents(7), council())
    repo.git("checkout", "-q", "main")
    repo.commit(README=b"elsewhere")
    repo.git("checkout", "-q", "proposal")
    repo.git("merge", "-q", "-m", "update", "main", who="ana")
    head = repo.git("rev-parse", "HEAD")
    yes = [review("ana", head), review("bob", head)]
    assert answer(repo, *yes) == YES
    repo.branch("evil", "proposal~1")
    repo.git("merge", "-q", "--no-commit", "main", who="ana")
    head = repo.commit(*documents(6), council(), who="ana")
    assert len(repo.git("rev-list", "--parents", "-n1", "HEAD").split()) == 3
    yes = [review("ana", head), review("bob", head)]
    found = repo.judge(*yes, head="evil")
    assert found.proposal is not None
    assert [its.new for its in found.proposal.comparison.findings] == ["score >= 6"]
    assert why(found, "ana") == {"wrote part of the proposal"}
    assert answer(repo, *yes, head="evil") == NO


def test_a_merge_group_is_judged_as_the_commit_that_it_is(repo: Repo) -> None:
    """Head is the group's own commit, trusted the one on which it stands, by its oid."""
    one = repo.commit(*documents(7), council())
    repo.git("checkout", "-q", "main")
    base = repo.commit(README=b"elsewhere")
    repo.branch("queue", "main")
    repo.git("merge", "-q", "--no-ff", "-m", "group", "proposal")
    yes = [review("ana", one), review("bob", one)]
    assert answer(repo, *yes, trusted=base, head="queue") == YES
    assert answer(repo, yes[0], trusted=base, head="queue") == NO
    repo.commit(*documents(8), council(), README=b"elsewhere")
    assert answer(repo, *yes, trusted=base, head="queue") == NO


# --- who counts ---


def test_a_second_account_is_no_second_person(repo: Repo) -> None:
    """The policy lists the address that the forge gave it; the number in it stays when the name changes."""
    its = council()
    its["members"][0]["emails"] = ["2001+ana-too@users.noreply.github.com"]
    repo.git("checkout", "-q", "main")
    repo.commit(*documents(), its)
    repo.branch()
    repo.commit(*documents(7), its, message="change\n\nCo-authored-by: A <2001+renamed@users.noreply.github.com>")
    head = repo.git("rev-parse", "HEAD")
    yes = [review("ana", head), review("bob", head)]
    assert why(repo.judge(*yes), "ana") == {"wrote part of the proposal"}
    assert answer(repo, *yes) == NO
    repo.branch()
    head = repo.commit(*documents(7), its)
    yes = [review("ana", head), review("bob", head)]
    assert repo.judge(*yes).passed
    assert why(repo.judge(*yes, authors=[2001]), "ana") == {"wrote part of the proposal"}
    second = review("zoe", head)
    second["user"]["id"] = 2001
    assert missing(repo.judge(second, yes[0])) == ["1 more approval of 2"]


def test_a_backdated_commit_on_a_second_parent_is_still_part_of_it(repo: Repo) -> None:
    repo.branch("side", "main")
    repo.its.seconds, now = 1, repo.its.seconds
    repo.commit(README=b"hello", who="bob")
    repo.its.seconds = now
    repo.git("checkout", "-q", "proposal")
    repo.commit(*documents(7), council())
    repo.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    head = repo.git("rev-parse", "HEAD")
    yes = [review("ana", head), review("bob", head)]
    assert why(repo.judge(*yes), "bob") == {"wrote part of the proposal"}
    assert answer(repo, *yes) == NO


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"until": "2026-10-01"}, "the term has ended"),
        ({"since": "2026-10-02"}, "the term has not begun"),
        ({"github": 1009}, None),
    ],
    ids=["ended", "not begun", "another account"],
)
def test_a_member_counts_in_the_term_and_by_the_account(repo: Repo, change: Document, reason: str | None) -> None:
    its = council()
    its["members"][0] |= change
    repo.git("checkout", "-q", "main")
    repo.commit(*documents(), its)
    repo.branch()
    head = repo.commit(*documents(7), its)
    yes = [review("ana", head), review("bob", head)]
    assert why(repo.judge(*yes), "ana") == {reason or "not a member of the council"}
    assert answer(repo, *yes) == NO


@pytest.mark.parametrize(
    "last",
    [
        {"state": "CHANGES_REQUESTED", "at": 2},
        {"state": "DISMISSED", "at": 2},
        {"state": "DISMISSED"},
        {"user": {"id": 1001, "login": "ana", "type": "Bot"}},
        {"user": None},
        {"commit_id": None},
        {"commit_id": "0" * 40},
    ],
    ids=["changes requested", "dismissed later", "dismissed", "bot", "account gone", "commit gone", "commit unknown"],
)
def test_a_word_that_is_none_does_not_count(repo: Repo, last: Document) -> None:
    """A seat without a veto, so that only the approval is missing."""
    head = repo.commit(*documents(7), council())
    yes = [review("ana", head), review("bob", head)]
    assert answer(repo, *yes) == YES
    words = [*yes, review("ana", head, **last)] if "at" in last else [review("ana", head, **last), yes[1]]
    assert missing(repo.judge(*words)) == ["1 more approval of 2"]
    assert answer(repo, *words) == NO


def test_a_review_of_an_old_commit_is_of_what_that_held(repo: Repo) -> None:
    old = repo.commit(*documents(8), council())
    head = repo.commit(*documents(7), council())
    yes = [review("ana", old), review("bob", head)]
    assert why(repo.judge(*yes), "ana") == {ANOTHER.format("Metric nps")}
    assert answer(repo, *yes) == NO


# --- signatures ---


def test_a_signature_is_for_the_branch_into_which_it_goes(signing: Repo) -> None:
    """A branch that was cut from main has its registry, with main's name in it: signed for one, used on the other."""
    signing.git("branch", "release", "main")
    signed(signing, "ana", "bob")
    assert answer(signing) == YES
    said = "it would be merged into refs/heads/release, and the registry is that of refs/heads/main"
    assert why(signing.judge(trusted="release"), "a signature") == {said}
    assert answer(signing, trusted="release") == NO
    signing.git("tag", "v1", "main")
    assert answer(signing, trusted="v1") == NO
    with pytest.raises(CannotSay, match="refs/heads/release"):
        approve(signing.judge(trusted="release"), key=signing.folder.parent / "keys" / "ana")


def test_a_commit_has_no_name_and_whoever_runs_the_gate_can_give_it(signing: Repo) -> None:
    """In a merge queue the trusted commit may be on no branch yet."""
    signed(signing, "ana", "bob")
    base = signing.git("rev-parse", "main")
    [said] = why(signing.judge(trusted=base), "a signature")
    assert said.startswith("it is not said into which branch it would be merged")
    assert answer(signing, trusted=base) == NO
    assert signing.judge(trusted=base, ref="refs/heads/main").passed
    assert not signing.judge(trusted=base, ref="refs/heads/release").passed
    with pytest.raises(CannotSay, match="main is refs/heads/main, and not refs/heads/release"):
        signing.judge(ref="refs/heads/release")


def test_a_remote_branch_is_the_branch_that_it_follows(signing: Repo) -> None:
    signed(signing, "ana", "bob")
    signing.git("remote", "add", "origin", str(signing.folder))
    signing.git("fetch", "-q", "origin")
    assert answer(signing, trusted="origin/main") == YES


def again(repo: Repo) -> None:
    """What was signed lands, is taken back, and is proposed once more."""
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--ff-only", "proposal")
    repo.commit(*home(repo, *documents(version="3.0.0")))
    repo.branch()
    repo.commit(*home(repo, *documents(7, version="4.0.0")))


@pytest.mark.parametrize("how", ["as it was", "in a folder", "with a blank", "in other lines"])
def test_a_signature_that_has_landed_is_spent_however_it_is_wrapped(signing: Repo, how: str) -> None:
    """The same signed words under another name, and so in a file that the trusted side does not hold."""
    signed(signing, "ana", "bob")
    held = approvals_of(signing)
    again(signing)
    for path, data in held.items():
        its = json.loads(data)
        if how == "in other lines":
            head, *body, tail = its["signature"].strip().split("\n")
            its["signature"] = "\n".join([head, "".join(body), tail]) + "\n"
        wrapped = data if how in {"as it was", "in a folder"} else json.dumps(its, indent=1).encode()
        folder = "more/" if how == "in a folder" else ""
        name = path.rpartition("/")[2] if wrapped == data else hashlib.sha256(wrapped).hexdigest()
        signing.write({f"metrics/approvals/{folder}{name}": wrapped})
    signing.commit()
    assert "2 more approvals of 2" in missing(signing.judge())
    assert answer(signing) == NO


def test_a_signature_that_did_not_land_is_spent_when_what_it_is_of_did(signing: Repo) -> None:
    """Signed by two, merged by others, taken back: the signatures that nobody needed are no word on the next time."""
    signed(signing, "ana", "bob")
    held = {
        f"metrics/approvals/{path.name}": path.read_bytes() for path in (signing.folder / "metrics/approvals").iterdir()
    }
    assert answer(signing) == YES
    signing.git("checkout", "-q", "main")
    policy = home(signing)
    signing.commit(*documents(7), *policy)
    signing.commit(*documents(), *policy)
    signing.branch()
    signing.commit(*documents(7), *policy)
    signing.write(held)
    signing.commit()
    assert why(signing.judge(), "ana") == {SPENT}
    assert answer(signing) == NO


def test_a_signature_is_of_one_metric(signing: Repo) -> None:
    """The same step of another metric, with the signatures for this one."""
    signed(signing, "ana", "bob")
    held = {
        f"metrics/approvals/{path.name}": path.read_bytes() for path in (signing.folder / "metrics/approvals").iterdir()
    }
    signing.git("checkout", "-q", "main")
    twin = {**documents()[1], "id": "twin", "title": "twin"}
    made = home(signing, *documents(), twin)
    signing.commit(*made)
    signing.branch()
    made[3] = {**documents(7)[1], "id": "twin", "title": "twin"}
    signing.commit(*made)
    signing.write(held)
    signing.commit()
    assert why(signing.judge(), "ana") == {ANOTHER.format("Metric nps")}
    assert answer(signing) == NO


def test_a_second_key_is_no_second_person(signing: Repo) -> None:
    keys = signing.folder.parent / "keys"
    its = policy_of(signing)
    its["members"][0]["keys"].append(new_key(keys, "ana-laptop"))
    signing.git("checkout", "-q", "main")
    made = [its, registry(**HOME)]
    signing.commit(*documents(), *made)
    signing.branch()
    signing.commit(*documents(7), *made)
    signed(signing, "ana", "ana-laptop")
    found = signing.judge()
    assert missing(found) == ["1 more approval of 2"]
    assert answer(signing) == NO


@pytest.mark.parametrize("end", ["until", "revoked"])
def test_a_key_that_is_no_more_signs_nothing(signing: Repo, end: str) -> None:
    """The key's last day is over when it is merged, whenever it was signed: a signature carries no time."""
    its = policy_of(signing)
    for row in its["members"]:
        row["keys"] = [{"key": row["keys"][0], end: "2026-10-01"}]
    signing.git("checkout", "-q", "main")
    made = [its, registry(**HOME)]
    signing.commit(*documents(), *made)
    signing.branch()
    signing.commit(*documents(7), *made)
    signed(signing, "ana", "bob")
    assert why(signing.judge(), "a signature") == {"signed with a key that is no member's now"}
    assert answer(signing) == NO


def test_a_signature_for_another_use_is_none(signing: Repo) -> None:
    """As `git commit -S` or `ssh-keygen -Y sign -n file` make them."""
    [data] = sign_approval(signing, "ana").values()
    its = json.loads(data)
    key = signing.folder.parent / "keys" / "ana"
    command = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", "git"]
    done = subprocess.run(command, input=its["statement"].encode(), capture_output=True, check=True)
    its["signature"] = done.stdout.decode()
    data = json.dumps(its).encode()
    signing.write({f"metrics/approvals/{hashlib.sha256(data).hexdigest()}": data})
    signing.commit()
    assert why(signing.judge(), "a signature") == {"signed as 'git', not as 'cxgov-approval@v1'"}
    assert answer(signing) == NO


@pytest.mark.parametrize("change", ["another's key", "every key", "a certificate's key", "no number"])
def test_a_policy_in_which_one_could_be_another_is_no_proposal(signing: Repo, change: str) -> None:
    its = policy_of(signing)
    its |= {"sequence": 2, "version": "2.0.0"}
    if change == "another's key":
        its["members"][0]["keys"] = its["members"][1]["keys"]
    elif change == "every key":
        its["members"][0]["person"] = "*@example.org"
    elif change == "a certificate's key":
        its["members"][0]["keys"] = [f"cert-authority {its['members'][0]['keys'][0]}"]
    else:
        its["members"][0]["github"] = its["members"][1]["github"]
    head = signing.commit(*documents(), its, registry(**HOME))
    assert answer(signing, *everyone(head)) == CANNOT_SAY


@pytest.mark.parametrize("how", ["changed", "removed", "moved", "a link", "and the rest is broken"])
def test_an_approval_that_was_given_stays_as_it_is(signing: Repo, how: str) -> None:
    """5, also where the proposal is no valid registry: the worst that is found is what is said."""
    [(path, data)] = sign_approval(signing, "ana").items()
    signing.git("checkout", "-q", "main")
    signing.write({path: data})
    signing.commit()
    signing.branch()
    signing.write({path: None})
    if how == "changed":
        signing.write({path: data + b"\n"})
    elif how == "moved":
        signing.write({path.replace("approvals/", "approvals/old/"): data})
    elif how == "a link":
        (signing.folder / path).symlink_to("../council_council.yaml")
    elif how == "and the rest is broken":
        signing.write({"metrics/metric_nps.yaml": b"kind: Metric\n"})
    head = signing.commit()
    assert answer(signing, *everyone(head)) == ALTERED


# --- what no metric file shows ---


def rich(**changed: Document) -> list[Document]:
    """A registry in which one metric rests on something of every kind; ``changed`` replaces fields of documents."""
    made = [
        source(
            "answers",
            {"id": "integer", "customer_id": "integer", "score": "integer", "at": "instant", "channel": "text"},
            entities={"customer": {"key": ["customer_id"], "source": "customers"}, "answer": {"key": ["id"]}},
            dimensions={"medium": "channel"},
        ),
        source("customers", {"id": "integer", "status": "text"}, entities={"customer": {"key": ["id"]}}),
        sampling("panel", "answers", "answer", minimum={"show": 10, "privacy": 5}),
        metric(
            "nps",
            {"net_share": {"plus": "score >= 9", "minus": "score <= 6"}},
            source="answers",
            time="at",
            sampling="panel",
            dimensions=["medium"],
            direction="higher_is_better",
        ),
        *documents()[2:],
        exclusion("outage", "answers", "channel = 'ivr'", ["nps"], "2026-01-01", "2026-02-01"),
        overlay("dutch", ["nps"], "channel = 'nl'"),
        calendar(),
        registry(),
    ]
    return [{**its, **changed.get(its["id"], {})} for its in made]


OTHER: Final = {"duckdb": {"engine": "duckdb", "database": "other.duckdb"}}
CHANGES: Final[dict[str, tuple[Document, str]]] = {
    "a source's relation": ({"answers": {"relation": "cx.other", "version": "2.0.0"}}, "source"),
    "a dimension": ({"answers": {"dimensions": {"medium": "lower(channel)"}, "version": "2.0.0"}}, "source"),
    "the zone of the calendar": ({"days": {"zone": "Asia/Tokyo", "version": "2.0.0"}}, "calendar"),
    "the week of the calendar": ({"days": {"week_start": "sunday", "version": "2.0.0"}}, "calendar"),
    "a minimum": ({"panel": {"minimum": {"show": 1, "privacy": 5}, "version": "2.0.0"}}, "threshold_loosened"),
    "an exclusion that lasts longer": ({"outage": {"until": "2026-03-01", "version": "2.0.0"}}, "exclusion"),
    "an exclusion of other rows": ({"outage": {"where": "channel <> 'x'", "version": "2.0.0"}}, "exclusion"),
    "an overlay": ({"dutch": {"where": "channel <> 'nl'", "version": "2.0.0"}}, "overlay"),
    "a default": ({"registry": {"confidence": 0.8, "version": "2.0.0"}}, "formula"),
    "a connection": ({"registry": {"connections": OTHER, "version": "2.0.0"}}, "source"),
    "the program": ({"registry": {"tool": {"cxgov": "9.9.9"}, "version": "2.0.0"}}, "compiler"),
    "a threshold that is widened": ({"nps_month": {"target": 30, "version": "1.1.0"}}, "threshold_loosened"),
}


@pytest.fixture
def resting(repo: Repo) -> Repo:
    """A repository whose main has a metric that rests on something of every kind; a typo needs nobody."""
    repo.git("checkout", "-q", "main")
    classes = sorted({its for _, its in CHANGES.values()})
    rules = [{"classes": classes, "quorum": 2}, {"classes": ["editorial"], "quorum": 0}]
    repo.commit(*rich(), council(rules=rules))
    repo.branch()
    return repo


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_metric_rests_on_is_governed(resting: Repo, change: str) -> None:
    """Called a typo, and in a file that is not the metric's: what it is decides."""
    changed, change_class = CHANGES[change]
    head = resting.commit(*rich(**changed), policy_of(resting), message="editorial: fix a typo")
    found = resting.judge()
    assert found.proposal is not None
    assert {its.change_class for its in found.proposal.comparison.findings} == {change_class}
    assert answer(resting, review("ana", head)) == NO
    assert answer(resting, review("ana", head), review("bob", head)) == YES


def test_an_exclusion_is_seen_with_what_it_takes_from_the_metric(resting: Repo) -> None:
    """The metric was another one when it was approved, and no file of the metric's says that there is an exclusion."""
    more = exclusion("storm", "answers", "channel = 'phone'", ["nps"], "2026-03-01", "2026-04-01")
    head = resting.commit(*rich(), more, policy_of(resting))
    yes = [review("ana", head), review("bob", head)]
    assert answer(resting, *yes) == YES
    resting.land(*rich(nps={"direction": "neither"}), policy_of(resting))
    resting.land(*rich(outage={"until": "2026-03-01"}), policy_of(resting))
    assert ANOTHER.format("Metric nps") in why(resting.judge(*yes), "ana")
    assert answer(resting, *yes) == NO


def test_a_draft_is_certified_with_the_formula_that_was_seen(repo: Repo) -> None:
    """A draft changes freely, so also between the approval of its certificate and the merge."""
    draft = {**documents()[1], "id": "new", "title": "new", "status": "draft"}
    repo.git("checkout", "-q", "main")
    repo.commit(*documents(), draft, council())
    repo.branch()
    certified = {**draft, "status": "certified", "version": "1.1.0"}
    head = repo.commit(*documents(), certified, council())
    yes = [review("ana", head), review("bob", head)]
    assert answer(repo, *yes) == YES
    repo.commit(*documents(), {**certified, "measure": documents(0)[1]["measure"], "version": "2.0.0"}, council())
    assert why(repo.judge(*yes), "ana") == {ANOTHER.format("Metric new")}
    assert answer(repo, *yes) == NO
    # The same, by somebody else and on the trusted side: there it is a draft still, and needs one approval.
    repo.branch("proposal", head)
    repo.land(*documents(), {**draft, "measure": documents(0)[1]["measure"]}, council())
    with pytest.raises(CannotSay, match="conflicts"):
        repo.judge(*yes)
    repo.git("merge", "-q", "-X", "theirs", "-m", "update", "main")
    repo.commit(*documents(), {**certified, "measure": documents(0)[1]["measure"]}, council())
    assert answer(repo, *yes) == NO


def test_a_moved_file_is_nothing_and_a_new_meaning_under_an_old_id_is_a_change(repo: Repo) -> None:
    repo.write({f"metrics/elsewhere/{its['id']}.yaml": json.dumps(its).encode() for its in documents()})
    for path in ("source_answers", "metric_nps", "threshold_nps_month"):
        repo.write({f"metrics/{path}.yaml": None})
    repo.commit()
    assert answer(repo) == YES
    made = documents()
    made[1] = metric("nps", {"share": {"of": "score >= 7"}}, source="answers", time="at", version="2.0.0")
    repo.write({"metrics/elsewhere/nps.yaml": None, "metrics/again.yaml": json.dumps(made[1]).encode()})
    head = repo.commit()
    found = repo.judge(review("ana", head))
    assert found.proposal is not None
    assert {its.change_class for its in found.proposal.comparison.findings} >= {"formula"}
    assert answer(repo, review("ana", head)) == NO


def test_a_rename_that_is_not_said_is_a_removal_and_a_new_metric(repo: Repo) -> None:
    made = documents()
    made[1] |= {"id": "promoters"}
    made[2] |= {"metric": "promoters", "version": "2.0.0"}
    head = repo.commit(*made, council())
    found = repo.judge(review("ana", head))
    assert found.proposal is not None
    assert {its.change_class for its in found.proposal.comparison.findings} >= {"removal", "certification"}
    assert answer(repo, review("ana", head)) == NO


def test_removed_and_made_again_is_not_what_was_approved_before(repo: Repo) -> None:
    """The id is free again after the removal; who comes back with it comes as a new metric."""
    without = documents()[:1]
    repo.git("checkout", "-q", "main")
    repo.commit(*without, council())
    repo.branch()
    seen = repo.commit(*documents(), council())
    yes = [review("ana", seen), review("bob", seen)]
    assert answer(repo, *yes) == YES
    repo.commit(*documents(7, version="1.0.0"), council())
    assert why(repo.judge(*yes), "ana") == {ANOTHER.format("Metric nps")}
    assert answer(repo, *yes) == NO


# --- titles ---


def titled(**titles: str) -> list[Document]:
    """Two metrics and what they rest on, by other titles and with versions that are large enough for a patch."""
    twin = {**documents()[1], "id": "twin", "title": "twin"}
    made = [*documents(), twin]
    return [{**its, "title": titles[its["id"]], "version": "1.0.1"} if its["id"] in titles else its for its in made]


def test_a_typo_in_a_title_keeps_the_approval(repo: Repo) -> None:
    repo.git("checkout", "-q", "main")
    repo.commit(*titled(), council())
    repo.branch()
    made = titled()
    made[1] = {**documents(7)[1], "title": "Net promotor score"}
    seen = repo.commit(*made, council())
    made[1] |= {"title": "Net Promoter Score"}
    repo.commit(*made, council())
    yes = [review("ana", seen), review("bob", seen)]
    assert answer(repo, *yes) == YES


def test_a_title_that_is_anothers_loses_it(repo: Repo) -> None:
    repo.git("checkout", "-q", "main")
    repo.commit(*titled(), council())
    repo.branch()
    made = titled(nps="something else")
    made[1] = {**documents(7)[1], "title": "something else"}
    seen = repo.commit(*made, council())
    yes = [review("ana", seen), review("bob", seen)]
    assert answer(repo, *yes) == YES
    made[3] |= {"title": "NPS", "version": "2.0.0"}
    repo.commit(*made, council())
    assert UNSEEN.format("Title twin") in why(repo.judge(*yes), "ana")
    assert answer(repo, *yes) == NO


@pytest.mark.parametrize("status", ["new", "draft"])
def test_a_new_metric_does_not_take_the_name_of_another_unseen(repo: Repo, status: str) -> None:
    """Its title was its own when it was approved; then the old bearer steps aside, which is a typo by itself."""
    twin = {**documents()[1], "id": "twin", "title": "twin"}
    repo.git("checkout", "-q", "main")
    repo.commit(*documents(), *([{**twin, "status": "draft"}] if status == "draft" else []), council())
    repo.branch()
    twin |= {} if status == "new" else {"version": "2.0.0"}
    seen = repo.commit(*documents(), twin, council())
    yes = [review("ana", seen), review("bob", seen)]
    assert answer(repo, *yes) == YES
    aside = documents()
    aside[1] |= {"title": "nps as it was", "version": "1.0.1"}
    head = repo.commit(*aside, {**twin, "title": "nps"}, council())
    found = repo.judge(*yes)
    assert found.proposal is not None
    assert "formula" in {its.change_class for its in found.proposal.comparison.findings}
    assert UNSEEN.format("Title twin") in why(found, "ana")
    assert answer(repo, *yes) == NO
    assert answer(repo, review("ana", head), review("bob", head)) == YES


# --- the program ---


def test_another_version_of_the_program_says_nothing(repo: Repo) -> None:
    """The trusted side's pin decides; what the proposal pins is a change of class compiler."""
    rules = [{"classes": ["compiler"], "quorum": 1}, {"classes": ["editorial"], "quorum": 0}]
    policy = council(rules=rules)
    repo.git("checkout", "-q", "main")
    mine = {"cxgov": cxgov.__version__}
    repo.commit(*documents(), policy, registry(tool=mine))
    repo.branch()
    head = repo.commit(*documents(), policy, registry(tool={"cxgov": "9.9.9", "sqlglot": "1.2.3"}, version="2.0.0"))
    assert answer(repo, review("ana", head)) == YES
    assert answer(repo) == NO
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--ff-only", "proposal")
    repo.branch()
    repo.commit(*documents(), policy, registry(tool=mine, version="3.0.0"))
    with pytest.raises(CannotSay, match=r"main pins cxgov 9\.9\.9, and this is .*: `pip install cxgov==9\.9\.9`"):
        repo.judge()
    assert answer(repo) == CANNOT_SAY
    repo.git("checkout", "-q", "main")
    repo.commit(*documents(), policy, registry(tool={"sqlglot": "1.2.3"}, version="3.0.0"))
    repo.branch()
    with pytest.raises(CannotSay, match=r"main pins sqlglot 1\.2\.3"):
        repo.judge()


# --- trees that are not what they look like ---


def put(repo: Repo, path: str, mode: str = "100644", data: bytes = b"# nothing\n") -> None:
    """Commits an entry that a work tree may not be able to hold."""
    oid = repo.git("rev-parse", "HEAD") if mode == "160000" else repo.its.blob(data)
    repo.git("-c", "core.protectNTFS=false", "update-index", "--add", "--cacheinfo", f"{mode},{oid},{path}")
    repo.git("commit", "-qm", "change")


TREES: Final[dict[str, tuple[str, str]]] = {
    "a link": ("metrics/extra.yaml", "120000"),
    "a link for a document": ("metrics/metric_nps.yaml", "120000"),
    "a submodule": ("metrics/extra", "160000"),
    "an executable": ("metrics/extra.yaml", "100755"),
    "a twin by case": ("metrics/Metric_nps.yaml", "100644"),
    "the registry's twin": ("Metrics/extra.yaml", "100644"),
    "a twin of Unicode": ("metrics/e\u0301.yaml", "100644"),
    "a device of Windows": ("metrics/aux.yaml", "100644"),
    "a path that git would quote": ('metrics/"a\tb".yaml', "100644"),
    "another kind of file": ("metrics/setup.py", "100644"),
}


@pytest.mark.parametrize("its", TREES)
def test_a_tree_that_is_not_what_it_looks_like_is_no_proposal(repo: Repo, its: str) -> None:
    if its == "a twin of Unicode":
        put(repo, "metrics/\u00e9.yaml")
    put(repo, *TREES[its])
    head = repo.git("rev-parse", "HEAD")
    assert answer(repo, *everyone(head)) == CANNOT_SAY


GUARDED: Final[dict[str, tuple[str, str]]] = {
    "by case": (".GitHub/workflows/gate.yml", "100644"),
    "by case, of a file": ("codeowners", "100644"),
    "a link for the folder": (".github", "120000"),
    "a submodule for the folder": (".github", "160000"),
    "with quotes": ('.github/"\u00e9\n".yml', "100644"),
    "an executable": (".github/gate", "100755"),
}


@pytest.mark.parametrize("its", GUARDED)
def test_a_guard_holds_for_what_a_file_system_takes_for_its_path(repo: Repo, its: str) -> None:
    put(repo, *GUARDED[its])
    head = repo.git("rev-parse", "HEAD")
    assert answer(repo, review("ana", head), review("bob", head)) == NO
    assert answer(repo, *everyone(head)) == YES


def test_neither_attributes_nor_replaced_objects_have_a_say(repo: Repo) -> None:
    """The proposal moves a number; replace refs, grafts and attributes would show another commit in its place."""
    harmless = repo.commit(*documents(description="A typo."), council())
    repo.branch("proposal", "main")
    repo.write({".gitattributes": b"metrics/** -diff -merge export-ignore merge=union\n"})
    head = repo.commit(*documents(7), council())
    assert answer(repo, review("ana", head)) == NO
    repo.git("replace", head, harmless)
    repo.write({".git/info/attributes": b"* -diff merge=ours\n", ".git/info/grafts": f"{head}\n".encode()})
    found = repo.judge(review("ana", head))
    assert found.proposal is not None
    assert [its.change_class for its in found.proposal.comparison.findings] == ["formula"]
    assert answer(repo, review("ana", head)) == NO


def union(repo: Repo) -> None:
    repo.commit(*documents(7), council())
    repo.land(*documents(8), council())
    repo.write({".gitattributes": b"*.yaml merge=union\n"})


def unrelated(repo: Repo) -> None:
    repo.git("checkout", "-q", "--orphan", "other")
    repo.commit(*documents(7), council())
    repo.git("branch", "-q", "-f", "proposal")


def criss_cross(repo: Repo) -> None:
    one = repo.commit(*documents(7), council())
    two = repo.land(*documents(), council(), source("more", {"id": "integer"}))
    repo.git("merge", "-q", "-m", "one", two)
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "-m", "two", one)
    repo.git("checkout", "-q", "proposal")


def hole(repo: Repo) -> None:
    repo.commit(*documents(7), council())
    oid = repo.git("rev-parse", "HEAD:metrics/metric_nps.yaml")
    (repo.folder / ".git/objects" / oid[:2] / oid[2:]).unlink()


@pytest.mark.parametrize("attack", [union, unrelated, criss_cross, hole], ids=lambda its: its.__name__)
def test_a_history_that_leaves_it_open_is_no_answer(repo: Repo, attack: Callable[[Repo], None]) -> None:
    attack(repo)
    head = repo.git("rev-parse", "proposal")
    assert answer(repo, *everyone(head)) == CANNOT_SAY


# --- texts ---


def test_no_hostile_text_is_a_proposal(repo: Repo) -> None:
    """Each in place of the metric, approved by everyone."""
    codes = {}
    for claim, (text, *_) in REFUSED.items():
        repo.write({"metrics/metric_nps.yaml": text})
        head = repo.commit()
        found = repo.judge(*everyone(head))
        codes[claim] = (found.passed, found.verdict, bool(found.problems))
    assert codes == dict.fromkeys(REFUSED, (False, None, True))
    assert answer(repo) == CANNOT_SAY


def test_a_path_in_an_error_is_no_command(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """A workflow reads lines of either stream that begin with `::`."""
    path = "a\n::error::b\n::add-mask::c"
    put(repo, path, data=b"one\n")
    repo.git("checkout", "-q", "-f", "main")
    put(repo, path, data=b"two\n")
    assert answer(repo) == CANNOT_SAY
    printed = capsys.readouterr()
    assert "conflicts with main" in printed.err
    assert not [line for line in (printed.out + printed.err).splitlines() if line.startswith("::")]
