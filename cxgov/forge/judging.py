"""An event to the gate's verdict, with everything but the event's own numbers read from GitHub at this moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cxgov import api
from cxgov.evidence.failures import CannotSay
from cxgov.evidence.git import Repository
from cxgov.forge import fields
from cxgov.forge.events import Event
from cxgov.forge.fetching import Clone
from cxgov.forge.groups import numbers_in
from cxgov.forge.requests import LeftOut, PullRequest, pull_request, pull_requests, said_on
from cxgov.forge.rest import Rest
from cxgov.governance.gate import Gated

_BRANCH: Final = "refs/heads/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The gate's answer, the requests whose reviews it heard, the approvals that it was not given, and why."""

    gated: Gated
    requests: tuple[PullRequest, ...]
    left_out: tuple[LeftOut, ...]


def judge(event: Event, rest: Rest, folder: Path, environment: Mapping[str, str], now: datetime) -> Judged:
    """The verdict on what an event is about; ``folder`` is the registry's, in a clone of the default branch.

    Raises:
        CannotSay: what is needed cannot be read, or the request is not aimed at the branch that is governed.
        InvalidRegistry: the default branch's registry has errors.
    """
    governed = governed_branch(event, rest, folder)
    with Repository(folder, environment) as repository:
        if repository.top is None:
            raise CannotSay(f"{folder} is in no work tree: check the default branch out")
        clone = Clone(repository.top, environment)
        trusted = clone.branch(governed)
        match event.name:
            case "pull_request_target":
                numbers: tuple[int, ...] = (fields.number(event.payload, "pull_request", "number"),)
                head = _of_request(event, rest, numbers[0])
                clone.commit(head)
            case "merge_group":
                head = _of_group(event, governed)
                clone.commit(head)
                commit = repository.commit(trusted)
                if repository.merge_base(commit, head) != commit:
                    raise CannotSay(f"{governed} has moved since this group was made: GitHub makes it anew")
                numbers = numbers_in(event, rest, repository, commit)
            case _:
                raise CannotSay(
                    f"{event.name!r} is neither pull_request_target nor merge_group: nothing is decided on it"
                )
    requests = _concerned(event, rest, numbers, governed)
    said = [said_on(rest, event.repository, its, governed) for its in requests]
    _fetch(clone, (commit for its in said for commit in its.approved))
    gated = api.gate(
        folder,
        trusted=trusted,
        head=head,
        reviews=[its.reviews for its in said],
        authors=[its.author for its in requests if its.author is not None],
        now=now,
    )
    return Judged(gated=gated, requests=requests, left_out=tuple(out for its in said for out in its.left_out))


def governed_branch(event: Event, rest: Rest, folder: Path) -> str:
    """The branch that the policy governs: as the default branch's Registry says, else the default branch itself."""
    ref = api.load(folder).registry.settings.ref
    if ref is not None:
        return ref.removeprefix(_BRANCH)
    return fields.text(rest.get(f"/repos/{event.repository}"), "default_branch")


def _of_request(event: Event, rest: Rest, number: int) -> str:
    """The commit that the request proposes, where it is still the one for which this run's check stands."""
    ran_for = fields.oid(event.payload, "pull_request", "head", "sha")
    now = pull_request(rest, event.repository, number)
    if now.head != ran_for:
        # The check belongs to the commit of the event: a yes to another one must not stand there.
        raise CannotSay(
            f"request #{number} has gone on from {ran_for[:12]} to {now.head[:12]}, which has a run of its own"
        )
    return now.head


def _of_group(event: Event, governed: str) -> str:
    base = fields.text(event.payload, "merge_group", "base_ref")
    if base != _BRANCH + governed:
        raise CannotSay(f"the group is for {base!r}, and the council governs {governed!r}")
    return fields.oid(event.payload, "merge_group", "head_sha")


def _concerned(event: Event, rest: Rest, numbers: tuple[int, ...], governed: str) -> tuple[PullRequest, ...]:
    """The requests with these numbers and every other with one of their heads, also those that are closed."""
    found = {number: pull_request(rest, event.repository, number) for number in numbers}
    for its in found.values():
        if its.base != governed:
            raise CannotSay(f"request #{its.number} is aimed at {its.base!r}, and the council governs {governed!r}")
    heads = {its.head for its in found.values()}
    for its in pull_requests(rest, event.repository, "all"):
        if its.head in heads:
            found.setdefault(its.number, its)
    return tuple(its for _, its in sorted(found.items()))


def _fetch(clone: Clone, commits: Iterable[str]) -> None:
    for commit in dict.fromkeys(commits):
        try:
            clone.commit(commit)
        except CannotSay:
            continue  # the gate says of the approval that its commit cannot be read
