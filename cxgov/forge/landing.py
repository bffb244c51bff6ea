"""A push to the governed branch to the audit of what it brought, with the reviews of the requests that it landed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from cxgov import api
from cxgov.evidence.failures import CannotSay
from cxgov.evidence.git import Repository
from cxgov.forge import fields
from cxgov.forge.events import Event
from cxgov.forge.fetching import Clone
from cxgov.forge.judging import governed_branch
from cxgov.forge.requests import PullRequest, pull_requests, said_on
from cxgov.forge.rest import Rest
from cxgov.governance.audited import Audited

_BRANCH: Final = "refs/heads/"


def landed(event: Event, rest: Rest, folder: Path, environment: Mapping[str, str], now: datetime) -> Audited:
    """What holds of a push; ``folder`` is the registry's, in a clone of the default branch.

    The commit before the push is trusted, as an audit of its own judged it.

    Raises:
        CannotSay: what is needed cannot be read, or it is no push to the branch that is governed.
        InvalidRegistry: the default branch's registry has errors.
        Altered: the commit before the push is no longer in the branch's history.
    """
    if event.name != "push":
        raise CannotSay(f"{event.name!r} is no push: nothing has landed")
    governed = governed_branch(event, rest, folder)
    pushed = fields.text(event.payload, "ref")
    if pushed != _BRANCH + governed:
        raise CannotSay(f"the push is to {pushed!r}, and the council governs {governed!r}")
    # A branch that is new has zeros for what it was.
    since = fields.oid(event.payload, "before") if fields.text(event.payload, "before").strip("0") else None
    until = fields.oid(event.payload, "after")
    with Repository(folder, environment) as repository:
        if repository.top is None:
            raise CannotSay(f"{folder} is in no work tree: check the default branch out")
        clone = Clone(repository.top, environment)
        for commit in (until, *([since] if since else ())):
            clone.commit(commit)
        brought = set(repository.parents([until])) - (set(repository.parents([since])) if since else set())
    requests = _of(pull_requests(rest, event.repository, "all"), brought)
    said = {its: said_on(rest, event.repository, its, governed) for its in requests}
    for commit in dict.fromkeys(commit for its in said.values() for commit in its.approved):
        try:
            clone.commit(commit)
        except CannotSay:
            continue  # the audit says that it is not here
    return api.audit(
        folder,
        since=since,
        until=until,
        reviews={f"request #{its.number}": found.reviews for its, found in said.items()},
        authors={f"request #{its.number}": its.author for its in requests if its.author is not None},
        ref=pushed,
        now=now,
    )


def _of(requests: Iterable[PullRequest], brought: set[str]) -> list[PullRequest]:
    """The requests of which a push brought the head or the merge, and every other with one of their heads."""
    every = list(requests)
    heads = {its.head for its in every if its.head in brought or its.merge in brought}
    return [its for its in every if its.head in heads]
