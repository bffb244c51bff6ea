"""GitHub's answer to ``GET /repos/{owner}/{repository}/pulls/{number}/reviews`` to each account's last word.

Accounts are their numbers; a login can be changed, and taken by another.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from cxgov.language.strict_json import read_json

MAX_BYTES: Final = 16 * 1024 * 1024
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z")
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_USER: Final = "User"


class State(StrEnum):
    """What a review says. Webhooks write it in lower case."""

    APPROVED = "APPROVED"
    CHANGES_REQUESTED = "CHANGES_REQUESTED"
    COMMENTED = "COMMENTED"
    DISMISSED = "DISMISSED"
    PENDING = "PENDING"


# At one instant the one that is furthest from an approval is the last.
_WORDS: Final = {State.APPROVED: 0, State.DISMISSED: 1, State.CHANGES_REQUESTED: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One review. ``login`` is for display only.

    No account: it was deleted. No commit: it is no longer in the repository. No instant: it was never submitted.
    """

    account: int | None
    login: str
    account_type: str
    state: State
    commit: str | None
    submitted_at: datetime | None


class Problem(NamedTuple):
    """What keeps a file from being evidence: the route to it, as ``[3].user.id``, and what is wrong there."""

    route: str
    message: str


class Ignored(NamedTuple):
    """A review that decides nothing, and why."""

    review: Review
    reason: str


@dataclass(frozen=True, slots=True)
class Words:
    """The decisive review of each account, and all others."""

    last: dict[int, Review]
    ignored: tuple[Ignored, ...]


def read_reviews(data: bytes) -> tuple[tuple[Review, ...], tuple[Problem, ...]]:
    """The reviews of a file, a flat list or a list of pages, each once; and its problems.

    With a problem it is no evidence: a review that cannot be read may be the one that takes an approval back.
    """
    try:
        value = read_json(data, MAX_BYTES)
    except ValueError as error:
        return (), (Problem("", f"{error}; give the API's answer as it is, several pages as a list of lists"),)
    if not isinstance(value, list):
        return (), (Problem("", f"{_kind(value)} where a list of reviews belongs"),)
    found: list[Review] = []
    problems: list[Problem] = []
    for i, item in enumerate(value):
        # A page that moved while it was read repeats a review: each is once.
        page = list(enumerate(item)) if isinstance(item, list) else [(None, item)]
        for j, review in page:
            route = f"[{i}]" if j is None else f"[{i}][{j}]"
            try:
                found.append(_review(review, route))
            except _Flaw as flaw:
                problems.append(flaw.problem)
    return tuple(dict.fromkeys(found)), tuple(problems)


def latest_word(reviews: Iterable[Review]) -> Words:
    """What each person's account said last, by the time of submission.

    A comment leaves the word as it is. A dismissed review is no approval; since whoever dismisses is not told, it does
    not take back what its author requested before. The order of the reviews does not matter.
    """
    ignored: list[Ignored] = []
    said: dict[int, list[tuple[datetime, Review]]] = {}
    for review in reviews:
        if review.account is None:
            ignored.append(Ignored(review, "its account was deleted"))
        elif review.account_type != _USER:
            ignored.append(Ignored(review, "its account is not a person's"))
        elif review.submitted_at is None:
            ignored.append(Ignored(review, "it was not submitted"))
        elif review.state not in _WORDS:
            ignored.append(Ignored(review, "it neither approves nor requests changes"))
        else:
            said.setdefault(review.account, []).append((review.submitted_at, review))
    last: dict[int, Review] = {}
    for account, words in sorted(said.items()):
        in_order = [review for _, review in sorted(words, key=lambda word: (word[0], _order(word[1])))]
        last[account] = word = _decisive(in_order)
        ignored += [
            Ignored(review, "dismissed" if review.state is State.DISMISSED else "another word came later")
            for review in in_order
            if review is not word
        ]
    return Words(last, tuple(sorted(ignored, key=_by_time)))


def standing(requests: Iterable[Iterable[Review]]) -> tuple[tuple[Review, ...], tuple[Ignored, ...]]:
    """The decisive reviews on each of several requests, and all others.

    A word is of the request on which it was said: a yes on one takes back no objection on another. A no goes further:
    it takes back what its author approved before, on whichever request.
    """
    ignored: list[Ignored] = []
    said: dict[int, list[Review]] = {}
    for reviews in requests:
        words = latest_word(reviews)
        ignored += words.ignored
        for account, review in words.last.items():
            said.setdefault(account, []).append(review)
    found: list[Review] = []
    for _, words_of_one in sorted(said.items()):
        no = max((its.submitted_at for its in words_of_one if _is_no(its) and its.submitted_at), default=None)
        for its in dict.fromkeys(words_of_one):
            if no is not None and its.state is State.APPROVED and its.submitted_at and its.submitted_at <= no:
                ignored.append(Ignored(its, "requested changes later, on another request"))
            else:
                found.append(its)
    return tuple(found), tuple(sorted(dict.fromkeys(ignored), key=_by_time))


def _is_no(review: Review) -> bool:
    return review.state is State.CHANGES_REQUESTED


def _decisive(in_order: list[Review]) -> Review:
    latest = in_order[-1]
    if latest.state is not State.DISMISSED:
        return latest
    standing = [review for review in in_order if review.state is not State.DISMISSED]
    return standing[-1] if standing and standing[-1].state is State.CHANGES_REQUESTED else latest


def _order(review: Review) -> tuple[int, str]:
    return _WORDS[review.state], review.commit or ""


def _by_time(its: Ignored) -> tuple[datetime, int, str, str, str]:
    review = its.review
    at = review.submitted_at or datetime.max.replace(tzinfo=UTC)
    return at, review.account or 0, review.state, review.commit or "", review.login


class _Flaw(ValueError):
    def __init__(self, route: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(route, message)


def _review(data: Any, route: str) -> Review:
    if not isinstance(data, dict):
        raise _Flaw(route, f"{_kind(data)} where a review belongs")
    state = _text(data, "state", route).upper()
    if state not in State.__members__:
        raise _Flaw(f"{route}.state", f"{state!r} is not a state of a review: {', '.join(State)}")
    user = _field(data, "user", route)
    account, login, account_type = None, "", ""
    if user is not None:
        if not isinstance(user, dict):
            raise _Flaw(f"{route}.user", f"{_kind(user)} where an account belongs")
        account = _field(user, "id", f"{route}.user")
        if type(account) is not int or account <= 0:  # a bool is an int to Python
            raise _Flaw(f"{route}.user.id", "not the number of an account")
        login, account_type = _text(user, "login", f"{route}.user"), _text(user, "type", f"{route}.user")
    return Review(
        account=account,
        login=login,
        account_type=account_type,
        state=State(state),
        commit=_commit(_field(data, "commit_id", route), f"{route}.commit_id"),
        submitted_at=None if state == State.PENDING else _instant(data, route),
    )


def _commit(value: Any, route: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _OID.fullmatch(value):
        raise _Flaw(route, "not the full name of a commit")
    return value


def _instant(data: dict[str, Any], route: str) -> datetime:
    text = _text(data, "submitted_at", route)
    flaw = _Flaw(f"{route}.submitted_at", f"{text!r} is not an instant as 2026-01-31T12:00:00Z")
    if not _INSTANT.fullmatch(text):
        raise flaw
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise flaw from error


def _field(data: dict[str, Any], name: str, route: str) -> Any:
    if name not in data:
        raise _Flaw(route, f"has no {name!r}")
    return data[name]


def _text(data: dict[str, Any], name: str, route: str) -> str:
    value = _field(data, name, route)
    if not isinstance(value, str):
        raise _Flaw(f"{route}.{name}", f"{_kind(value)} where a text belongs")
    return value


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a text"
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return "a number"
