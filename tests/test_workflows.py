"""The workflows, step by step as GitHub runs them, on a real remote and a server that answers as GitHub's API does.

The one step that is not run is the installation: the environment's own cxgov stands in its place.
"""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pytest
import yaml

from cxgov.cli.main import exit_code
from cxgov.forge import files
from cxgov.forge.comments import TAG
from tests.forge_server import BOT, REPOSITORY, TOKEN, Forge, serving
from tests.gating import ACCOUNTS, Repo, council, documents, review
from tests.support import Document, registry

ROOT: Final = Path(__file__).parents[1]
WORKFLOWS: Final = ROOT / ".github/workflows"
PINNED: Final = re.compile(r"[a-z-]+/[a-z-]+@[0-9a-f]{40}")
INSTALL: Final = "python -m pip install --quiet ."
# A command of ours that asks nothing of a shell.
OURS: Final = re.compile(r"cxgov( [a-z-]+)+\n?")


# --- a runner ---


@dataclass
class Ran:
    """A job that was run: the exit code of the step that ended it, what it printed and wrote."""

    code: int = 0
    out: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


class Actions:
    """GitHub Actions, as far as our workflows need them; ``shell`` runs every command in a process of its own."""

    shell = False

    def __init__(self, folder: Path, remote: Path, forge: Forge) -> None:
        self.folder, self.remote, self.forge = folder, remote, forge
        self.count = 0

    def run(self, file: str, job: str, event: str, payload: Document, needs: Mapping[str, str] | None = None) -> Ran:
        """Runs a job's steps up to the first that fails."""
        self.count += 1
        here = self.folder / f"job{self.count}"
        here.mkdir()
        its = yaml.safe_load((WORKFLOWS / file).read_text(encoding="utf-8"))["jobs"][job]
        ran = Ran()
        known = {
            "github.token": TOKEN,
            "github.event.repository.default_branch": self.forge.default_branch,
            **{f"needs.gate.outputs.{name}": value for name, value in (needs or {}).items()},
        }
        for name in ("event.json", "summary", "output"):
            (here / name).write_text(json.dumps(payload) if name == "event.json" else "", encoding="utf-8")
        for step in its["steps"]:
            if "uses" in step:
                self.use(step, here / "work", known)
            elif step["run"].strip() != INSTALL:
                self.step(step, here, event, known, ran)
            if ran.code:
                break
        ran.summary = (here / "summary").read_text(encoding="utf-8")
        ran.outputs = outputs((here / "output").read_text(encoding="utf-8"))
        return ran

    def use(self, step: Document, work: Path, known: Mapping[str, str]) -> None:
        name = step["uses"].partition("@")[0]
        options = {key: resolved(str(value), known) for key, value in step.get("with", {}).items()}
        if name == "actions/checkout":
            assert options.pop("persist-credentials") == "False"
            depth = [] if options.pop("fetch-depth", "1") == "0" else ["--depth", "1"]
            ref = options.pop("ref")
            command = ["git", "clone", "-q", *depth, "--branch", ref, f"file://{self.remote}", str(work)]
            subprocess.run(command, check=True, capture_output=True)
            assert not options
        else:
            assert name == "actions/setup-python"

    def step(self, step: Document, here: Path, event: str, known: Mapping[str, str], ran: Ran) -> None:
        assert set(step) <= {"name", "id", "run", "env"}
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(here),
            "NO_PROXY": "127.0.0.1",
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.forge.base,
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(here / "event.json"),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_STEP_SUMMARY": str(here / "summary"),
            "GITHUB_OUTPUT": str(here / "output"),
            **{name: resolved(str(value), known) for name, value in step.get("env", {}).items()},
        }
        assert "${{" not in step["run"]
        run = shell if self.shell or not OURS.fullmatch(step["run"]) else within
        ran.code, out = run(step["run"], here / "work", environment)
        ran.out += out


def shell(command: str, folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and output of a command as GitHub runs it."""
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def within(command: str, folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """The same of a command of ours, without starting a process for each."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environment, clear=True),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = exit_code(command.split()[1:])
    return code, out.getvalue() + err.getvalue()


def resolved(text: str, known: Mapping[str, str]) -> str:
    """A text with its expressions replaced; one that is not known is an error."""
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: known[found[1]], text)


def outputs(text: str) -> dict[str, str]:
    """A step's outputs, as the runner reads ``name<<END``."""
    return {match[1]: match[3] for match in re.finditer(r"^(\w+)<<(\w+)\n(.*?)\n\2$", text, re.DOTALL | re.MULTILINE)}


# --- a repository ---


@dataclass
class World:
    """A repository, its remote, GitHub's API and its Actions."""

    repo: Repo
    remote: Path
    forge: Forge
    actions: Actions

    def push(self, *names: str) -> None:
        for name in names:
            self.repo.git("push", "-q", "--force", str(self.remote), f"{name}:refs/heads/{name}")

    def propose(self, number: int, head: str, **fields: Any) -> None:
        """Opens a request, or moves it to another commit."""
        self.repo.git("push", "-q", "--force", str(self.remote), f"{head}:refs/pull/{number}/head")
        self.forge.pull(number, head, **fields)

    def gate(self, number: int, head: str | None = None) -> Ran:
        """The deciding job, for a request at its head or at the one that the event had."""
        of_event = {"number": number, "head": {"sha": head or self.forge.pulls[number]["head"]["sha"]}}
        return self.actions.run("cxgov-gate.yml", "gate", "pull_request_target", {"pull_request": of_event})

    def group(self, number: int, head: str, base: str, into: str = "main") -> Ran:
        """The deciding job for a group, whose branch is made."""
        ref = self.queue(number, head, base)
        event = {"head_ref": ref, "head_sha": head, "base_sha": base, "base_ref": f"refs/heads/{into}"}
        return self.actions.run("cxgov-gate.yml", "gate", "merge_group", {"merge_group": event})

    def queue(self, number: int, head: str, base: str) -> str:
        ref = f"refs/heads/gh-readonly-queue/main/pr-{number}-{base}"
        self.repo.git("push", "-q", "--force", str(self.remote), f"{head}:{ref}")
        self.forge.refs.append({"ref": ref, "object": {"sha": head}})
        return ref


def members() -> list[Document]:
    return [{**row, "until": "2199-12-31"} for row in council()["members"]]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A repository whose main is governed and whose branch ``proposal`` moves a formula, as request 5."""
    repo = Repo(tmp_path / "repo")
    repo.commit(*documents(), council(members=members()))
    remote = tmp_path / "remote.git"
    repo.git("clone", "-q", "--bare", str(repo.folder), str(remote))
    # GitHub gives whoever names it every commit that it still has.
    repo.git(f"--git-dir={remote}", "config", "uploadpack.allowAnySHA1InWant", "true")
    repo.branch()
    repo.commit(*documents(7), council(members=members()))
    with serving(Forge()) as forge:
        its = World(repo, remote, forge, Actions(tmp_path, remote, forge))
        its.propose(5, repo.git("rev-parse", "HEAD"))
        yield its


def head_of(world: World, number: int = 5) -> str:
    return str(world.forge.pulls[number]["head"]["sha"])


def approved(world: World, number: int = 5, at: int = 1) -> list[Document]:
    return [review(person, head_of(world, number), at=at) for person in ("ana", "bob")]


# --- the files ---


@pytest.mark.parametrize("name", files.NAMES)
def test_a_workflow_of_this_repository_is_the_one_that_others_get(name: str) -> None:
    """Made of one template; only what is installed differs."""
    path = f".github/workflows/{name}"
    assert (ROOT / path).read_text(encoding="utf-8") == files.workflows(files.FROM_CHECKOUT)[path]


@pytest.mark.parametrize("name", files.NAMES)
def test_a_workflow_is_held_short(name: str) -> None:
    """Nothing at the top, nothing in `run`, every action by its commit, and no right to write a status or a check."""
    its = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))
    assert its["permissions"] == {}
    for job in its["jobs"].values():
        assert not {"statuses", "checks"} & set(job["permissions"])
        writes = {right for right, level in job["permissions"].items() if level == "write"}
        assert writes <= {"pull-requests"} if name == "cxgov-gate.yml" else writes <= {"actions"}
        for step in job.get("steps", ()):
            assert "uses" not in step or PINNED.fullmatch(step["uses"])
            assert "${{" not in step.get("run", "")
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_the_deciding_job_is_never_skipped_and_holds_no_right_to_write() -> None:
    its = yaml.safe_load((WORKFLOWS / "cxgov-gate.yml").read_text(encoding="utf-8"))
    started = its[True]  # YAML 1.1 reads `on`
    assert "edited" in started["pull_request_target"]["types"]
    assert not {"paths", "paths-ignore", "branches"} & set(started["pull_request_target"])
    assert "checks_requested" in started["merge_group"]["types"]
    gate = its["jobs"]["gate"]
    assert not {"if", "needs", "continue-on-error"} & set(gate)
    assert set(gate["permissions"].values()) == {"read"}
    assert "pull_request.head" not in json.dumps(gate)
    assert its["concurrency"]["cancel-in-progress"] is False


def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    """Under its strictest persona, over this repository's files and over those that `init` writes."""
    written = tmp_path / "written"
    for path, text in files.github_files((), (("cxgov", "1.0.0"),)).items():
        (written / path).parent.mkdir(parents=True, exist_ok=True)
        (written / path).write_text(text, encoding="utf-8")
    zizmor = [str(Path(sys.executable).with_name("zizmor")), "--offline", "--quiet"]
    zizmor += ["--color", "never", "--persona", "auditor"]
    found = subprocess.run([*zizmor, WORKFLOWS, written], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
    assert "(4 ignored)" in found.stdout  # the two triggers, here and there
    file = written / ".github/workflows/cxgov-gate.yml"
    file.write_text(re.sub("# zizmor: ignore.*", "", file.read_text(encoding="utf-8")), encoding="utf-8")
    assert (
        "dangerous-triggers" in subprocess.run([*zizmor, written], capture_output=True, text=True, check=False).stdout
    )


# --- feedback ---


def test_feedback_is_of_the_proposal(world: World) -> None:
    """It holds no rights and runs where the proposal is checked out."""
    its = yaml.safe_load((WORKFLOWS / "cxgov-feedback.yml").read_text(encoding="utf-8"))
    (job,) = its["jobs"].values()
    assert job["permissions"] == {"contents": "read"}
    step = job["steps"][-1]
    bin_folder = Path(sys.executable).parent
    environment = {"PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(world.repo.folder)}

    def run() -> subprocess.CompletedProcess[str]:
        command, here = ["bash", "-e", "-c", step["run"]], world.repo.folder
        return subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)

    assert run().returncode == 0
    world.repo.write({"metrics/metric_nps.yaml": b"kind: Metric\n"})
    done = run()
    assert done.returncode == 1
    assert done.stdout.startswith("::error file=metrics/metric_nps.yaml,line=1")


# --- the gate on a request ---


def test_an_approved_request_passes(world: World) -> None:
    assert world.gate(5).code == 1
    world.forge.reviews[5] = approved(world)
    found = world.gate(5)
    assert found.code == 0, found.out
    assert found.summary.startswith("### approved\n")
    assert found.outputs["page"] == found.summary.rstrip("\n") + "\n"
    assert "heard: the reviews of #5\n" in found.out
    assert "left out" not in found.out


def test_the_author_does_not_count(world: World) -> None:
    world.propose(5, head_of(world), author=ACCOUNTS["ana"])
    world.forge.reviews[5] = approved(world)
    found = world.gate(5)
    assert found.code == 1
    assert "not counted: ana: wrote part of the proposal" in found.out


def test_a_veto_on_the_second_page_is_heard(world: World) -> None:
    head = head_of(world)
    noise = [review("zoe", head, "COMMENTED", at=i) for i in range(28)]
    world.forge.reviews[5] = [*approved(world), *noise]
    assert world.gate(5).code == 0
    world.forge.reviews[5].append(review("cy", head, "CHANGES_REQUESTED", at=40))
    assert len(world.forge.reviews[5]) == 31
    found = world.gate(5)
    assert found.code == 1
    assert "veto of cy" in found.out


@pytest.mark.parametrize("status", [403, 404, 500, 502])
def test_a_page_that_fails_is_no_answer(world: World, status: int) -> None:
    head = head_of(world)
    world.forge.reviews[5] = [*approved(world), *(review("zoe", head, "COMMENTED", at=i) for i in range(30))]
    world.forge.broken[f"/repos/{REPOSITORY}/pulls/5/reviews", 2] = status
    found = world.gate(5)
    assert found.code == 2
    assert f"GitHub answers {status} to GET /repos/{REPOSITORY}/pulls/5/reviews: it went wrong" in found.out
    assert found.summary.startswith("### cannot say\n")
    assert found.outputs["page"].startswith("### cannot say\n")


def test_a_review_that_came_later_is_heard_by_the_next_run(world: World) -> None:
    world.forge.reviews[5] = approved(world)
    assert world.gate(5).code == 0
    world.forge.reviews[5].append(review("bob", head_of(world), "CHANGES_REQUESTED", at=2))
    assert world.gate(5).code == 1


def test_another_head_than_the_events_is_not_judged(world: World) -> None:
    """The check stands on the event's commit: a yes to the next one must not."""
    old = head_of(world)
    world.repo.commit(README=b"hello")
    world.propose(5, world.repo.git("rev-parse", "HEAD"))
    world.forge.reviews[5] = approved(world)
    assert world.gate(5).code == 0
    found = world.gate(5, old)
    assert found.code == 2
    assert f"request #5 has gone on from {old[:12]}" in found.out


def test_a_request_to_another_branch_is_no_answer(world: World) -> None:
    world.repo.branch("side", "main")
    world.push("side")
    world.forge.reviews[5] = approved(world)
    world.forge.pulls[5]["base"]["ref"] = "side"
    found = world.gate(5)
    assert found.code == 2
    assert "request #5 is aimed at 'side', and the council governs 'main'" in found.out


def test_the_branch_that_governs_is_the_registrys(world: World) -> None:
    """Of the default branch, not of the proposal."""
    its = registry(repository=REPOSITORY, ref="refs/heads/governed")
    world.repo.git("checkout", "-q", "main")
    world.repo.commit(*documents(), council(members=members()), its)
    world.repo.branch("governed", "main")
    world.push("main", "governed")
    world.repo.branch("next", "governed")
    head = world.repo.commit(*documents(7), council(members=members()), its)
    world.propose(5, head)
    world.forge.reviews[5] = approved(world)
    assert world.gate(5).code == 2
    world.forge.pulls[5]["base"]["ref"] = "governed"
    assert world.gate(5).code == 0


def test_an_approval_from_before_a_retarget_is_of_another_change(world: World) -> None:
    """Aimed at a branch that holds half of it, a request looks small; approvals of that are no approvals of all."""
    world.forge.reviews[5] = [*approved(world), review("cy", head_of(world), "CHANGES_REQUESTED")]
    world.forge.events[5] = [
        {"event": "labeled", "created_at": "2026-09-21T00:00:00Z"},
        {"event": "base_ref_changed", "created_at": "2026-09-20T00:00:01Z"},
    ]
    found = world.gate(5)
    assert found.code == 1
    assert found.out.count("left out: approval of") == 2
    assert "given before the request was aimed at main" in found.summary
    assert "veto of cy" in found.out
    world.forge.reviews[5] = approved(world, at=2)
    assert world.gate(5).code == 0
    world.forge.events[5].append({"event": "automatic_base_change_succeeded", "created_at": "2026-09-20T00:00:03Z"})
    assert world.gate(5).code == 1


@pytest.mark.parametrize("state", ["open", "closed"])
def test_a_new_request_with_the_same_head_sheds_no_veto(world: World, state: str) -> None:
    """Nor does closing the one on which it was said."""
    world.propose(4, head_of(world), state=state)
    world.forge.reviews[5] = approved(world, at=2)
    assert world.gate(5).code == 0
    world.forge.reviews[4] = [review("cy", head_of(world), "CHANGES_REQUESTED")]
    found = world.gate(5)
    assert found.code == 1
    assert "heard: the reviews of #4, #5\n" in found.out
    world.forge.reviews[5].append(review("cy", head_of(world), at=3))
    assert world.gate(5).code == 1


def test_an_approval_on_a_request_to_another_branch_is_left_out(world: World) -> None:
    world.propose(4, head_of(world), base="side")
    world.forge.reviews[4] = approved(world)
    found = world.gate(5)
    assert found.code == 1
    assert found.out.count("the request is aimed at side") == 2


def test_a_commit_that_is_reviewed_and_gone_does_not_count(world: World) -> None:
    """One that no branch holds any more is fetched by its name; one that GitHub has not is said."""
    seen = head_of(world)
    world.repo.commit(*documents(7, description="Another sentence."), council(members=members()))
    world.propose(5, world.repo.git("rev-parse", "HEAD"))
    world.forge.reviews[5] = [review("ana", seen), review("bob", seen)]
    assert world.gate(5).code == 0
    world.forge.reviews[5][1]["commit_id"] = "1" * 40
    found = world.gate(5)
    assert found.code == 1
    assert "the reviewed commit cannot be read" in found.out


def test_the_workflow_of_the_proposal_has_no_say(world: World) -> None:
    """Nothing of the proposal is in the work tree, and its guards are asked for."""
    world.repo.write({".github/workflows/cxgov-gate.yml": b"on: push\n"})
    world.repo.commit()
    world.propose(5, world.repo.git("rev-parse", "HEAD"))
    world.forge.reviews[5] = approved(world)
    found = world.gate(5)
    assert found.code == 1
    assert "policy Path .github/workflows/cxgov-gate.yml added" in found.out
    assert not list(world.actions.folder.glob("job*/work/.github"))


def test_the_log_reads_no_commands_of_a_proposal(world: World) -> None:
    world.repo.write({"metrics/##[add-mask]x.yaml": b"kind: Metric\n"})
    world.repo.commit()
    world.propose(5, world.repo.git("rev-parse", "HEAD"))
    found = world.gate(5)
    assert found.code == 2
    before, _, rest = found.out.partition("::stop-commands::")
    token, _, quoted = rest.partition("\n")
    assert len(token) == 32
    assert quoted.endswith(f"::{token}::\n")
    assert "##[add-mask]" in quoted
    assert all(line.startswith(("::error ", "::notice")) for line in before.splitlines())


# --- the gate on a group ---


def test_a_group_is_judged_with_the_reviews_of_all_in_it(world: World) -> None:
    """Two requests, approved by the same two. A veto that came after both were green stops the group."""
    repo = world.repo
    repo.branch("other", "main")
    its, *others = documents(9)
    owned = {**its, "owner": "cx-data", "version": "1.0.1"}
    two = repo.commit(owned, *others, council(members=members()))
    world.propose(6, two)
    world.forge.reviews |= {5: approved(world, 5), 6: approved(world, 6, at=2)}
    assert (world.gate(5).code, world.gate(6).code) == (0, 0)
    main = repo.git("rev-parse", "main")
    repo.branch("queue", "main")
    repo.git("merge", "-q", "--no-ff", "-m", "Merge 5", "proposal")
    first = repo.git("rev-parse", "HEAD")
    repo.git("merge", "-q", "--no-ff", "-m", "Merge 6", "other")
    second = repo.git("rev-parse", "HEAD")
    assert world.group(5, first, main).code == 0
    found = world.group(6, second, first)
    assert found.code == 0, found.out
    assert "heard: the reviews of #5, #6\n" in found.out
    world.forge.reviews[5].append(review("cy", head_of(world), "CHANGES_REQUESTED", at=9))
    found = world.group(6, second, first)
    assert found.code == 1
    assert "veto of cy" in found.out
    world.forge.reviews[5].pop()
    world.forge.refs = []
    found = world.group(6, second, first)
    assert found.code == 2
    assert f"commit {first[:12]} of the group belongs to no pull request" in found.out
    world.forge.pulls_of[head_of(world)] = [5]
    assert world.group(6, second, first).code == 0


def test_a_group_of_another_branch_or_an_older_one_is_no_answer(world: World) -> None:
    repo = world.repo
    world.forge.reviews[5] = approved(world)
    main = repo.git("rev-parse", "main")
    repo.branch("queue", "main")
    repo.git("merge", "-q", "--no-ff", "-m", "Merge 5", "proposal")
    head = repo.git("rev-parse", "HEAD")
    assert world.group(5, head, main).code == 0
    world.forge.pulls[5]["base"]["ref"] = "side"
    assert world.group(5, head, main).code == 2
    world.forge.pulls[5]["base"]["ref"] = "main"
    found = world.group(5, head, main, into="side")
    assert found.code == 2
    assert "the group is for 'refs/heads/side'" in found.out
    repo.git("checkout", "-q", "main")
    repo.commit(README=b"elsewhere")
    world.push("main")
    found = world.group(5, head, main)
    assert found.code == 2
    assert "main has moved since this group was made" in found.out


def test_any_other_event_is_no_answer(world: World) -> None:
    found = world.actions.run("cxgov-gate.yml", "gate", "push", {})
    assert found.code == 2
    assert "'push' is neither" in found.out


# --- what has landed ---


def push(world: World, before: str, after: str, ref: str = "refs/heads/main") -> Ran:
    """The audit of a push that has happened."""
    world.push("main")
    return world.actions.run("cxgov-audit.yml", "audit", "push", {"ref": ref, "before": before, "after": after})


def merged(world: World, *options: str) -> tuple[str, str]:
    """Lands the request: main before and after."""
    before = world.repo.git("rev-parse", "main")
    world.repo.git("checkout", "-q", "main")
    world.repo.git("merge", "-q", *(options or ("--no-ff",)), "-m", "Merge", "proposal")
    if "--squash" in options:
        world.repo.git("commit", "-qm", "Merge")
    after = world.repo.git("rev-parse", "main")
    world.forge.pulls[5] |= {"state": "closed", "merge_commit_sha": after}
    return before, after


@pytest.mark.parametrize("how", ["--no-ff", "--squash"])
def test_what_landed_is_judged_by_the_reviews_of_its_request(world: World, how: str) -> None:
    world.forge.reviews[5] = approved(world)
    before, after = merged(world, how)
    found = push(world, before, after)
    assert found.code == 0, found.out
    assert found.summary.startswith("### holds\n")
    world.forge.reviews[5].pop()
    found = push(world, before, after)
    assert found.code == 1
    assert "missing 1 more approval of 2" in found.summary
    world.forge.reviews[5] = approved(world)
    world.propose(5, head_of(world), author=ACCOUNTS["ana"], state="closed", merge_commit_sha=after)
    world.forge.reviews[5] = approved(world)
    assert push(world, before, after).code == 1


def test_a_push_past_the_gate_is_found(world: World) -> None:
    before = world.repo.git("rev-parse", "main")
    world.repo.git("checkout", "-q", "main")
    after = world.repo.commit(*documents(8), council(members=members()))
    found = push(world, before, after)
    assert found.code == 1
    assert f"unmet  {after[:12]}" in found.out


def test_a_history_that_is_written_anew_is_found(world: World) -> None:
    before = world.repo.git("rev-parse", "main")
    world.repo.git("checkout", "-q", "main")
    world.repo.git("commit", "-q", "--amend", "-m", "another")
    found = push(world, before, world.repo.git("rev-parse", "main"))
    assert found.code in {2, 5}
    assert not found.summary.startswith("### holds")


def test_a_push_elsewhere_is_no_answer(world: World) -> None:
    before = world.repo.git("rev-parse", "main")
    assert push(world, before, before, "refs/heads/side").code == 2
    assert world.actions.run("cxgov-audit.yml", "audit", "merge_group", {}).code == 2


# --- the comment ---


def comment(world: World, page: str) -> Ran:
    event = {"pull_request": {"number": 5}}
    return world.actions.run("cxgov-gate.yml", "comment", "pull_request_target", event, {"page": page})


def test_our_comment_is_updated_in_place_and_nobody_elses(world: World) -> None:
    planted = {"id": 1, "user": {"id": 7, "login": "eve", "type": "User"}, "body": f"{TAG}\n### approved\n"}
    other = {"id": 2, "user": BOT, "body": "another workflow's"}
    noise = [{"id": 10 + i, "user": {"id": 8, "login": "zoe", "type": "User"}, "body": "hm"} for i in range(30)]
    world.forge.comments[5] = [dict(planted), dict(other), *noise]
    assert comment(world, "### not approved\n").code == 0
    assert world.forge.comments[5][-1]["body"] == f"{TAG}\n### not approved\n"
    assert len(world.forge.comments[5]) == 33
    assert comment(world, "### approved\n").code == 0
    assert world.forge.comments[5][-1]["body"] == f"{TAG}\n### approved\n"
    asked = len(world.forge.asked)
    assert comment(world, "### approved\n").code == 0
    assert {its.method for its in world.forge.asked[asked:]} == {"GET"}
    assert world.forge.comments[5][:2] == [planted, other]
    assert len(world.forge.comments[5]) == 33


def test_a_gate_without_an_answer_does_not_leave_an_old_one(world: World) -> None:
    comment(world, "### approved\n")
    comment(world, "")
    (its,) = world.forge.comments[5]
    assert its["body"].startswith(f"{TAG}\n### cannot say\n")


# --- after a review ---


def rerun(world: World, commit: str) -> Ran:
    payload = {"workflow_run": {"head_sha": commit, "pull_requests": []}}
    return world.actions.run("cxgov-rerun.yml", "rerun", "workflow_run", payload)


def test_a_review_runs_the_deciding_job_of_a_forks_request_again(world: World) -> None:
    """The newest run for this head of this request, whatever GitHub says of the run's own commit."""
    head = head_of(world)
    template = (WORKFLOWS / "cxgov-gate.yml").read_text(encoding="utf-8")
    name = re.search(r"^run-name: (.*?) #", template, re.MULTILINE)
    assert name is not None
    known = {
        "github.event.pull_request.number || 'a merge group'": "5",
        "github.event.pull_request.head.sha || github.event.merge_group.head_sha": head,
    }
    title = resolved(name[1], known)
    world.forge.run(1, title)
    world.forge.run(2, title)
    world.forge.run(3, title, event="merge_group")
    for i in range(40):
        world.forge.run(100 + i, f"Gate {100 + i} at {head}")
    assert rerun(world, head).code == 0
    assert world.forge.rerun == [2]
    assert world.forge.asked[-1] == ("POST", f"/repos/{REPOSITORY}/actions/runs/2/rerun", 1)


def test_a_review_of_a_commit_that_no_request_has_runs_nothing(world: World) -> None:
    found = rerun(world, "1" * 40)
    assert (found.code, found.out) == (0, "no open request has the commit that was reviewed\n")
    assert world.forge.rerun == []


def test_a_request_whose_run_is_not_found_is_said(world: World) -> None:
    world.propose(6, head_of(world))
    world.forge.run(2, f"Gate 6 at {head_of(world)}")
    found = rerun(world, head_of(world))
    assert found.code == 2
    assert "request #5 has no run of cxgov-gate.yml" in found.out
    assert world.forge.rerun == [2]


# --- a process of its own ---


@pytest.mark.parametrize("job", ["gate", "audit", "comment", "rerun"])
def test_a_command_in_a_process_of_its_own_says_the_same(world: World, job: str) -> None:
    """The other tests run commands of ours within this process; here each is run as GitHub does, beside that."""
    world.forge.reviews[5] = approved(world)[:1]
    head = head_of(world)
    span = merged(world) if job == "audit" else ("", "")
    found = []
    for world.actions.shell in (True, False):
        world.forge.comments.clear()
        match job:
            case "gate":
                ran = world.gate(5)
            case "audit":
                ran = push(world, *span)
            case "comment":
                ran = comment(world, "### approved\n")
            case _:
                ran = rerun(world, "1" * 40)
        assert ran.out
        found.append((ran.code, re.sub(r"[0-9a-f]{32}\b", "TOKEN", ran.out), ran.summary, ran.outputs))
    assert found[0] == found[1]
    assert (found[0][0], head[:12] in found[0][1]) == {"gate": (1, True), "audit": (1, False)}.get(job, (0, False))
