"""A merge group to the pull requests in it.

GitHub names a group's branch after its last request and the commit on which it was put: the trusted branch, or the
group before it. So the requests of a group are found by going back from branch to branch.
"""

import re
from typing import Final

from cxgov.evidence.failures import CannotSay
from cxgov.evidence.git import Repository
from cxgov.forge import fields
from cxgov.forge.events import Event
from cxgov.forge.requests import requests_of_commit
from cxgov.forge.rest import Rest

_NAME: Final = re.compile(r"refs/heads/gh-readonly-queue/(.+)/pr-([1-9][0-9]{0,14})-([0-9a-f]{40}|[0-9a-f]{64})")


def numbers_in(event: Event, rest: Rest, repository: Repository, trusted: str) -> tuple[int, ...]:
    """The numbers of all requests whose changes a group would put on ``trusted``, a commit.

    Raises:
        CannotSay: a commit of the group belongs to no request that can be found.
    """
    group = ("merge_group",)
    head, base = fields.oid(event.payload, *group, "head_sha"), fields.oid(event.payload, *group, "base_sha")
    branch, number, before = _parts(fields.text(event.payload, *group, "head_ref"))
    if before != base:
        raise CannotSay(f"the group's branch is named after {before[:12]}, but it was put on {base[:12]}")
    queue = _queue(event, rest, branch)
    numbers = {number}
    waiting, seen = [(base, head)], set()
    while waiting:
        at, above = waiting.pop()
        if at == above or repository.merge_base(at, above) != at:
            raise CannotSay(f"{above[:12]} was not put on {at[:12]}, though its branch is named after it")
        if at in seen or repository.merge_base(at, trusted) == at:
            continue
        seen.add(at)
        if at not in queue:
            numbers |= _by_commits(event, rest, repository, (trusted, at))
        for earlier, its_base in queue.get(at, ()):
            numbers.add(earlier)
            waiting.append((its_base, at))
    return tuple(sorted(numbers))


def _queue(event: Event, rest: Rest, branch: str) -> dict[str, list[tuple[int, str]]]:
    """The groups that wait, by their commit: the request that each adds, and the commit on which it was put."""
    found: dict[str, list[tuple[int, str]]] = {}
    prefix = f"gh-readonly-queue/{branch}/"
    for data in rest.pages(f"/repos/{event.repository}/git/matching-refs/heads/{prefix}"):
        name = fields.text(data, "ref")
        if _NAME.fullmatch(name):
            _, number, base = _parts(name)
            found.setdefault(fields.oid(data, "object", "sha"), []).append((number, base))
    return found


def _by_commits(event: Event, rest: Rest, repository: Repository, span: tuple[str, str]) -> set[int]:
    """The requests of a part of the group whose branch is gone, by what GitHub knows of each step's commits."""
    commits = {its.oid: its for its in repository.commits(*span)}
    numbers = set()
    for step in repository.first_parents(*span):
        asked = (step, *commits[step].parents[1:])
        found = {its.number for oid in asked for its in requests_of_commit(rest, event.repository, oid)}
        if not found:
            raise CannotSay(f"commit {step[:12]} of the group belongs to no pull request that can be found")
        numbers |= found
    return numbers


def _parts(name: str) -> tuple[str, int, str]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise CannotSay(f"{name!r} is no branch of a merge queue")
    return match[1], int(match[2]), match[3]
