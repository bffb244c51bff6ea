"""Pull requests as GitHub has them now, and what was said on them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from cxgov.forge import fields
from cxgov.forge.rest import Rest

_RETARGETED: Final = frozenset({"base_ref_changed", "automatic_base_change_succeeded"})
_WANTED: Final = ("user", "state", "commit_id", "submitted_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request. ``base`` is a branch's name, ``merge`` the commit with which GitHub tries to merge it.

    ``author`` is an account's number; there is none where the account was deleted.
    """

    number: int
    head: str
    base: str
    merge: str | None
    author: int | None
    open: bool


class LeftOut(NamedTuple):
    """An approval that is not handed to the gate, and why."""

    request: int
    who: str
    why: str


class Said(NamedTuple):
    """What was said on a request: reviews for the gate, the commits that were approved, what was left out."""

    reviews: bytes
    approved: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


def pull_request(rest: Rest, repository: str, number: int) -> PullRequest:
    """A pull request as it is now.

    Raises:
        CannotSay: it cannot be read.
    """
    return _pull_request(rest.get(f"/repos/{repository}/pulls/{number}"))


def pull_requests(rest: Rest, repository: str, state: str) -> Iterator[PullRequest]:
    """All pull requests that are ``open``, ``closed``, or ``all``. A fork's stand among them, as in no other list.

    Raises:
        CannotSay: a page cannot be read.
    """
    for data in rest.pages(f"/repos/{repository}/pulls", state=state, sort="created", direction="asc"):
        yield _pull_request(data)


def requests_of_commit(rest: Rest, repository: str, commit: str) -> tuple[PullRequest, ...]:
    """The open pull requests that GitHub knows to hold a commit.

    Raises:
        CannotSay: a page cannot be read.
    """
    found = rest.pages(f"/repos/{repository}/commits/{commit}/pulls")
    return tuple(its for its in map(_pull_request, found) if its.open)


def said_on(rest: Rest, repository: str, request: PullRequest, governed: str) -> Said:
    """The reviews of a request, without approvals of something else than merging it into the governed branch.

    A reviewer sees what a request changes in the branch at which it is aimed. Aimed at another, the same commit looks
    smaller: such an approval is no word on what the gate judges. An objection always is.

    Raises:
        CannotSay: a page cannot be read.
    """
    given = list(rest.pages(f"/repos/{repository}/pulls/{request.number}/reviews"))
    yes = [fields.text(data, "state").upper() == "APPROVED" for data in given]
    aimed_since = _aimed_since(rest, repository, request.number) if any(yes) else None
    reviews, approved, left_out = [], [], []
    for data, is_yes in zip(given, yes, strict=True):
        if is_yes and (why := _of_another_change(data, request, governed, aimed_since)):
            who = fields.text(data, "user", "login") if fields.has(data, "user") else "a deleted account"
            left_out.append(LeftOut(request.number, who, why))
            continue
        if is_yes and fields.has(data, "commit_id"):
            approved.append(fields.oid(data, "commit_id"))
        reviews.append({name: data[name] for name in _WANTED if name in data})
    text = json.dumps(reviews, default=str).encode()
    return Said(text, tuple(dict.fromkeys(approved)), tuple(left_out))


def _of_another_change(data: Any, request: PullRequest, governed: str, aimed_since: datetime | None) -> str | None:
    if request.base != governed:
        return f"the request is aimed at {request.base}, so another change was seen"
    if aimed_since is not None and fields.instant(data, "submitted_at") <= aimed_since:
        return f"given before the request was aimed at {governed}, so another change was seen"
    return None


def _aimed_since(rest: Rest, repository: str, number: int) -> datetime | None:
    """When the request was last aimed at another branch than before, if ever."""
    events = rest.pages(f"/repos/{repository}/issues/{number}/events")
    moved = [fields.instant(data, "created_at") for data in events if fields.text(data, "event") in _RETARGETED]
    return max(moved, default=None)


def _pull_request(data: Any) -> PullRequest:
    return PullRequest(
        number=fields.number(data, "number"),
        head=fields.oid(data, "head", "sha"),
        base=fields.text(data, "base", "ref"),
        merge=fields.oid(data, "merge_commit_sha") if fields.has(data, "merge_commit_sha") else None,
        author=fields.number(data, "user", "id") if fields.has(data, "user") else None,
        open=fields.text(data, "state") == "open",
    )
