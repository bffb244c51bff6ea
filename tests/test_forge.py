"""GitHub's API and git as they go wrong: pages, other hosts, errors, queues, runs that are under way."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from cxgov.evidence.failures import CannotSay
from cxgov.evidence.git import Repository
from cxgov.forge import comments, events, fields, files, pages, reruns
from cxgov.forge.events import Event
from cxgov.forge.fetching import Clone
from cxgov.forge.groups import numbers_in
from cxgov.forge.requests import pull_request, pull_requests, said_on
from cxgov.forge.rest import Refused, Rest
from tests.forge_server import REPOSITORY, TOKEN, Forge, serving
from tests.gating import review
from tests.repos import Repo

HEAD: Final = "a" * 40
PULLS: Final = f"/repos/{REPOSITORY}/pulls"


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands between a test and its server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def forge() -> Iterator[Forge]:
    with serving(Forge()) as its:
        yield its


def api(forge: Forge, waited: list[float] | None = None, token: str = TOKEN) -> Rest:
    return Rest(forge.base, token, pause=(waited if waited is not None else []).append)


# --- pages and failures ---


def test_every_page_is_read(forge: Forge) -> None:
    for number in range(1, 66):
        forge.pull(number, HEAD)
    found = list(pull_requests(api(forge), REPOSITORY, "all"))
    assert [its.number for its in found] == list(range(1, 66))
    assert [its.page for its in forge.asked] == [1, 2, 3]


def test_an_empty_list_is_one_page(forge: Forge) -> None:
    assert list(pull_requests(api(forge), REPOSITORY, "open")) == []


@pytest.mark.parametrize("page", [1, 2])
def test_a_page_that_fails_is_no_end_of_the_list(forge: Forge, page: int) -> None:
    for number in range(1, 40):
        forge.pull(number, HEAD)
    forge.broken[PULLS, page] = 502
    waited: list[float] = []
    with pytest.raises(CannotSay, match="GitHub answers 502 to GET /repos/airline/metrics/pulls: it went wrong"):
        list(pull_requests(api(forge, waited), REPOSITORY, "all"))
    assert len(waited) == 2


def test_a_moments_failure_is_asked_again_and_a_refusal_is_not(forge: Forge) -> None:
    forge.pull(5, HEAD)
    forge.broken[f"{PULLS}/5", 1] = 500
    forge.failures[f"{PULLS}/5", 1] = 2
    waited: list[float] = []
    assert pull_request(api(forge, waited), REPOSITORY, 5).head == HEAD
    assert waited == [0.5, 2.0]
    forge.broken[f"{PULLS}/5", 1] = 403
    forge.failures = {}
    with pytest.raises(Refused, match="does the job have the permission"):
        pull_request(api(forge, waited), REPOSITORY, 5)
    assert len(waited) == 2


def test_what_is_not_there_is_said(forge: Forge) -> None:
    with pytest.raises(Refused, match="404 to GET /repos/airline/metrics/pulls/5: Not Found"):
        pull_request(api(forge), REPOSITORY, 5)


@pytest.mark.parametrize("elsewhere", ["https://evil.example/p?page=2", "http://127.0.0.1:1/p", "http://localhost/p"])
def test_the_token_goes_to_no_other_host(forge: Forge, elsewhere: str) -> None:
    forge.headers = {"Link": f'<{elsewhere}>; rel="next"'}
    with pytest.raises(CannotSay, match="on another host"):
        list(pull_requests(api(forge), REPOSITORY, "all"))
    assert len(forge.asked) == 1


def test_redirects_are_not_followed(forge: Forge) -> None:
    with serving(Forge()) as other:
        other.pull(5, HEAD)
        forge.broken[f"{PULLS}/5", 1] = 301
        forge.headers = {"Location": f"{other.base}{PULLS}/5"}
        with pytest.raises(Refused, match="redirects are not followed"):
            pull_request(api(forge), REPOSITORY, 5)
        assert other.asked == []


def test_pages_without_an_end_are_no_answer(forge: Forge) -> None:
    forge.headers = {"Link": f'<{forge.base}{PULLS}?page=1>; rel="next"'}
    with pytest.raises(CannotSay, match="have no end"):
        list(api(forge).pages(PULLS))


def test_a_link_that_is_not_the_next_page_ends_the_list(forge: Forge) -> None:
    forge.headers = {"Link": f'<{forge.base}{PULLS}?page=1>; rel="first", <{forge.base}{PULLS}?page=9>; rel="last"'}
    assert list(api(forge).pages(PULLS)) == []


def test_nobody_there_is_no_answer() -> None:
    waited: list[float] = []
    with pytest.raises(CannotSay, match="does not answer to GET /repos"):
        Rest("http://127.0.0.1:1", TOKEN, pause=waited.append).get("/repos/x/y")
    assert len(waited) == 2


@pytest.mark.parametrize("answer", [b"{", b'{"runs": [], "runs": [1]}', b"\xff", b"5", b'{"runs": 5}', b"{}", b""])
def test_what_is_no_list_is_no_answer(forge: Forge, answer: bytes) -> None:
    forge.raw = b'{"runs": [1]}'
    assert list(api(forge).pages("/x", within="runs")) == [1]
    forge.raw = answer
    with pytest.raises(CannotSay, match=r"is no list|cannot be read"):
        list(api(forge).pages("/x", within="runs"))


@pytest.mark.parametrize(
    "base", ["http://api.github.com", "ftp://127.0.0.1", "//x", "https", "http://127.0.0.1.evil.example"]
)
def test_the_token_is_sent_encrypted(base: str) -> None:
    with pytest.raises(CannotSay, match="must begin with https://"):
        Rest(base, TOKEN)


@pytest.mark.parametrize("token", ["", " ", "a\nb"])
def test_without_a_token_nothing_is_asked(token: str) -> None:
    with pytest.raises(CannotSay, match="GITHUB_TOKEN is not set"):
        Rest("https://api.github.com", token)


def test_a_wrong_token_is_a_refusal(forge: Forge) -> None:
    forge.pull(5, HEAD)
    with pytest.raises(Refused, match="Bad credentials") as caught:
        pull_request(api(forge, token="another"), REPOSITORY, 5)
    assert TOKEN not in str(caught.value)


# --- fields ---


@pytest.mark.parametrize("value", [None, True, 0, -1, "5", 1.5, {}, []])
def test_a_number_is_a_number(value: Any) -> None:
    assert fields.number({"a": {"b": 5}}, "a", "b") == 5
    with pytest.raises(CannotSay, match=r"lacks a number above 0 at a\.b"):
        fields.number({"a": {"b": value}}, "a", "b")


@pytest.mark.parametrize("data", [{}, {"a": None}, {"a": []}, [], None])
def test_what_is_missing_is_said(data: Any) -> None:
    with pytest.raises(CannotSay, match=r"lacks a value at a\.b"):
        fields.text(data, "a", "b")
    assert not fields.has(data, "a", "b")


@pytest.mark.parametrize("value", ["main", "A" * 40, "a" * 39, "a" * 40 + "\n", "-" + "a" * 39])
def test_a_commit_is_its_full_name(value: str) -> None:
    assert fields.oid({"sha": HEAD}, "sha") == HEAD
    with pytest.raises(CannotSay, match="full name of a commit"):
        fields.oid({"sha": value}, "sha")


@pytest.mark.parametrize("value", ["yesterday", "2026-01-01T00:00:00", ""])
def test_an_instant_has_its_zone(value: str) -> None:
    assert fields.instant({"at": "2026-01-01T00:00:00Z"}, "at").year == 2026
    with pytest.raises(CannotSay, match="an instant"):
        fields.instant({"at": value}, "at")


# --- events ---


def test_an_event_is_read_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text("{}", encoding="utf-8")
    environment = {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(file)}
    assert events.read_event(environment) == Event(name="push", repository=REPOSITORY, payload={})
    for name in environment:
        with pytest.raises(CannotSay, match=f"{name} is not set"):
            events.read_event({**environment, name: ""})
    for wrong in ("airline", "a/b/c", "a/b?x", "../x/y"):
        with pytest.raises(CannotSay, match="not `owner/name`"):
            events.read_event({**environment, "GITHUB_REPOSITORY": wrong})
    file.write_text('{"number": 1, "number": 2}', encoding="utf-8")
    with pytest.raises(CannotSay, match="stands twice"):
        events.read_event(environment)


# --- what was said ---


def test_without_approvals_it_is_not_asked_since_when_it_is_aimed(forge: Forge) -> None:
    forge.pull(5, HEAD)
    forge.reviews[5] = [review("cy", HEAD, "CHANGES_REQUESTED"), review("ana", HEAD, "COMMENTED")]
    its = pull_request(api(forge), REPOSITORY, 5)
    said = said_on(api(forge), REPOSITORY, its, "main")
    assert (said.approved, said.left_out) == ((), ())
    assert [row["state"] for row in json.loads(said.reviews)] == ["CHANGES_REQUESTED", "COMMENTED"]
    assert not any("/events" in asked.path for asked in forge.asked)


def test_a_review_that_lacks_something_is_handed_on_as_it_is(forge: Forge) -> None:
    """So that the gate says what is wrong with it."""
    forge.pull(5, HEAD, user=None)
    forge.reviews[5] = [{"state": "APPROVED", "user": None, "commit_id": None}]
    its = pull_request(api(forge), REPOSITORY, 5)
    assert its.author is None
    said = said_on(api(forge), REPOSITORY, its, "main")
    assert json.loads(said.reviews) == forge.reviews[5]
    assert said.approved == ()


# --- git ---


def test_a_commit_is_fetched_once_and_by_its_name_only(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "origin")
    repo.commit({"a": "1"})
    clone = tmp_path / "clone"
    repo.git("clone", "--quiet", str(repo.folder), str(clone))
    repo.switch("side", "main")
    new = repo.commit({"a": "2"})
    its = Clone(clone, {"PATH": "/usr/bin:/bin", "GITHUB_TOKEN": "x", "GITHUB_SERVER_URL": "https://github.example"})
    repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
    its.commit(new)
    repo.git("config", "uploadpack.allowAnySHA1InWant", "false")
    its.commit(new)
    assert its.branch("side") == "refs/remotes/origin/side"
    with pytest.raises(CannotSay, match=f"commit {'1' * 40} cannot be fetched"):
        its.commit("1" * 40)
    with pytest.raises(CannotSay, match="branch gone cannot be fetched"):
        its.branch("gone")
    assert not (clone / ".git/FETCH_HEAD").exists()
    assert (clone / "a").read_text(encoding="utf-8") == "1"


# --- merge groups ---


class Queue:
    """A merge queue of requests 5, 6 and 7 on main, each put on the one before by a merge."""

    def __init__(self, folder: Path, forge: Forge) -> None:
        self.repo, self.forge = Repo(folder), forge
        self.at = [self.repo.commit({"a": "0"})]
        self.heads = []
        for number in (5, 6, 7):
            self.repo.switch(f"side{number}", "main")
            self.heads.append(self.repo.commit({f"file{number}": "x"}))
            self.repo.switch("queue", self.at[-1])
            self.at.append(self.repo.merge(f"side{number}"))
            forge.pull(number, self.heads[-1])
            forge.refs.append({"ref": self.name(number, self.at[-2]), "object": {"sha": self.at[-1]}})

    @staticmethod
    def name(number: int, base: str) -> str:
        return f"refs/heads/gh-readonly-queue/main/pr-{number}-{base}"

    def numbers(self, trusted: int = 0, **group: str) -> tuple[int, ...]:
        its = {"head_ref": self.name(7, self.at[2]), "head_sha": self.at[3], "base_sha": self.at[2], **group}
        event = Event(name="merge_group", repository=REPOSITORY, payload={"merge_group": its})
        with Repository(self.repo.folder, {"PATH": "/usr/bin:/bin"}) as repository:
            return numbers_in(event, api(self.forge), repository, self.at[trusted])


@pytest.fixture
def queue(tmp_path: Path, forge: Forge) -> Queue:
    return Queue(tmp_path / "repo", forge)


def test_a_group_holds_all_before_it_that_are_not_merged(queue: Queue) -> None:
    assert queue.numbers(0) == (5, 6, 7)
    assert queue.numbers(1) == (6, 7)
    assert queue.numbers(2) == (7,)


def test_a_branch_that_is_gone_is_made_up_for_by_what_github_knows_of_its_commits(queue: Queue, forge: Forge) -> None:
    del forge.refs[1]
    with pytest.raises(CannotSay, match="belongs to no pull request that can be found"):
        queue.numbers()
    forge.pulls_of = {queue.heads[0]: [5], queue.at[2]: [6]}
    assert queue.numbers() == (5, 6, 7)
    forge.pulls[6]["state"] = "closed"
    with pytest.raises(CannotSay, match="belongs to no pull request that can be found"):
        queue.numbers()


def test_two_branches_of_one_commit_are_both_heard(queue: Queue, forge: Forge) -> None:
    forge.refs.append({"ref": queue.name(9, queue.at[1]), "object": {"sha": queue.at[2]}})
    assert queue.numbers() == (5, 6, 7, 9)


def test_a_group_that_does_not_fit_its_name_is_no_answer(queue: Queue, forge: Forge) -> None:
    with pytest.raises(CannotSay, match="is no branch of a merge queue"):
        queue.numbers(head_ref="refs/heads/main")
    with pytest.raises(CannotSay, match="but it was put on"):
        queue.numbers(base_sha=queue.at[1])
    queue.repo.switch("away", "main")
    away = queue.repo.commit({"b": "0"})
    for base in (queue.at[2], queue.at[3], away):
        forge.refs[1] = {"ref": queue.name(6, base), "object": {"sha": queue.at[2]}}
        with pytest.raises(CannotSay, match=f"{queue.at[2][:12]} was not put on {base[:12]}"):
            queue.numbers()


def test_other_branches_are_no_groups(queue: Queue, forge: Forge) -> None:
    forge.refs.append({"ref": "refs/heads/gh-readonly-queue/main/other", "object": {"sha": queue.at[2]}})
    assert queue.numbers() == (5, 6, 7)


# --- runs ---


def again(forge: Forge, patience: float, waited: list[float] | None = None) -> list[int]:
    event = Event(name="workflow_run", repository=REPOSITORY, payload={"workflow_run": {"head_sha": HEAD}})
    return [run for _, run in reruns.rerun(event, api(forge, waited), patience)]


def test_a_run_that_is_under_way_is_waited_for(forge: Forge) -> None:
    """It may have read the reviews before the one that started this."""
    forge.pull(5, HEAD)
    run = forge.run(3, f"Gate 5 at {HEAD}", status="in_progress")
    waited: list[float] = []
    with pytest.raises(CannotSay, match="request #5: its run does not end"):
        again(forge, 20, waited)
    assert (waited, forge.rerun) == ([10.0, 10.0], [])

    def ended(_: Any) -> None:
        run["status"] = "completed"

    forge.on_run = ended
    assert again(forge, 20) == forge.rerun == [3]


def test_a_run_that_somebody_else_starts_again_is_waited_for(forge: Forge) -> None:
    forge.pull(5, HEAD)
    forge.run(3, f"Gate 5 at {HEAD}")
    path = f"/repos/{REPOSITORY}/actions/runs/3/rerun"
    forge.broken[path, 1], forge.failures[path, 1] = 403, 1
    waited: list[float] = []
    assert again(forge, 20, waited) == forge.rerun == [3]
    assert waited == [10.0]
    forge.failures[path, 1] = 9
    with pytest.raises(CannotSay, match="request #5: GitHub answers 403 to POST"):
        again(forge, 20)


def test_the_commit_that_was_reviewed_may_be_githubs_own_merge(forge: Forge) -> None:
    forge.pull(5, "b" * 40, merge_commit_sha=HEAD)
    forge.pull(6, "c" * 40, merge_commit_sha="d" * 40)
    forge.pull(7, HEAD, state="closed")
    forge.run(3, f"Gate 5 at {'b' * 40}")
    assert again(forge, 0) == [3]


@pytest.mark.parametrize("deaf", [False, True])
def test_a_run_of_another_event_or_head_is_not_taken(forge: Forge, *, deaf: bool) -> None:
    forge.deaf = deaf
    forge.pull(5, HEAD)
    forge.run(3, f"Gate 5 at {'b' * 40}")
    forge.run(4, f"Gate 55 at {HEAD}")
    forge.run(5, f"Gate 5 at {HEAD}", event="push")
    with pytest.raises(CannotSay, match=r"request #5 has no run of cxgov-gate\.yml"):
        again(forge, 0)
    assert forge.rerun == []


# --- pages and files ---


def test_a_page_that_is_too_long_is_cut_at_a_line_and_says_so() -> None:
    page = "### approved\n\n" + "- é\n" * 30
    assert comments.shortened(page, len(page.encode())) == page
    cut = comments.shortened(page, len(page.encode()) - 1)
    assert len(cut.encode()) < len(page.encode())
    assert cut.endswith("- é\n\nThis page was too long for a comment and is cut here. The run's log has all of it.\n")
    assert comments.shortened("x" * 500, 120).startswith("\n\nThis page")


def test_what_cannot_be_said_is_escaped_for_each_reader() -> None:
    reason = "first\n::error::x <b> @ana\x1b[0m"
    assert pages.failed_text(reason) == "cannot say\n  first\n  ::error::x <b> @ana\\x1b[0m\n"
    assert pages.failed_markdown(reason).endswith("- ::error::x &lt;b&gt; @&#8203;ana\\\\x1b\\[0m\n")
    assert pages.failed_commands(reason).count("\n") == 1


def test_code_owners_are_named_or_left_to_be_named() -> None:
    pins = (("cxgov", "1.2.3"), ("sqlglot", "30.30.0"))
    written = files.github_files(("@org/council", "@ana"), pins)
    lines = written[".github/CODEOWNERS"].splitlines()
    assert lines[1:] == ["/metrics/ @org/council @ana", "/.github/ @org/council @ana"]
    assert all(line.startswith("#") for line in files.github_files((), pins)[".github/CODEOWNERS"].splitlines())
    assert written[files.REQUIREMENTS].splitlines()[1:] == ["cxgov==1.2.3", "sqlglot==30.30.0"]
    installs = [line.strip() for text in written.values() for line in text.splitlines() if "pip install" in line]
    assert installs == ["run: python -m pip install --quiet -r .github/cxgov-requirements.txt"] * 5
