"""A review to another run of the deciding job, so that its check says what holds now.

The check of a ``pull_request_target`` run stands on the request's head, but the run's own ``head_sha`` is the default
branch's, and a fork's run names no request. So the workflow writes request and head into its run's name, and here
runs are found by that name; the file is the default branch's, so no proposal can write it.
"""

from collections.abc import Sequence
from typing import Any, Final

from cxgov.evidence.failures import CannotSay
from cxgov.forge import fields
from cxgov.forge.events import Event
from cxgov.forge.requests import PullRequest, pull_requests
from cxgov.forge.rest import Refused, Rest

WORKFLOW: Final = "cxgov-gate.yml"
_EVENT: Final = "pull_request_target"
_INTERVAL: Final = 10.0
_FORBIDDEN: Final = 403


def title(request: PullRequest) -> str:
    """The name that the workflow gives a run for a request; the same stands as ``run-name`` in its file."""
    return f"Gate {request.number} at {request.head}"


def rerun(event: Event, rest: Rest, patience: float) -> Sequence[tuple[PullRequest, int]]:
    """Runs the deciding job again for every open request with the commit that was reviewed: each with its run.

    One that is under way is waited for, as it may have read the reviews already; ``patience`` is in seconds.

    Raises:
        CannotSay: a run cannot be found or not be run again.
    """
    commit = fields.oid(event.payload, "workflow_run", "head_sha")
    wanted = [its for its in pull_requests(rest, event.repository, "open") if commit in {its.head, its.merge}]
    runs = _latest_runs(event, rest, wanted)
    # All that can be run again are, before it is said which cannot.
    failures = [
        f"request #{its.number} has no run of {WORKFLOW} at {its.head[:12]}" for its in wanted if its.number not in runs
    ]
    done = []
    for its in wanted:
        if its.number in runs:
            try:
                _again(event, rest, runs[its.number], patience)
                done.append((its, fields.number(runs[its.number], "id")))
            except CannotSay as failure:
                failures.append(f"request #{its.number}: {failure}")
    if failures:
        raise CannotSay("; ".join(failures) + ". Edit the request's title to start the gate")
    return done


def _latest_runs(event: Event, rest: Rest, wanted: Sequence[PullRequest]) -> dict[int, Any]:
    """The newest run of each request; GitHub lists the newest first."""
    titles = {title(its): its.number for its in wanted}
    found: dict[int, Any] = {}
    if not titles:
        return found
    path = f"/repos/{event.repository}/actions/workflows/{WORKFLOW}/runs"
    for data in rest.pages(path, within="workflow_runs", event=_EVENT):
        number = titles.get(fields.text(data, "display_title"))
        if number is not None and fields.text(data, "event") == _EVENT:
            found.setdefault(number, data)
            if len(found) == len(titles):
                break
    return found


def _again(event: Event, rest: Rest, run: Any, patience: float) -> None:
    path = f"/repos/{event.repository}/actions/runs/{fields.number(run, 'id')}"
    while True:
        if fields.text(run, "status") == "completed":
            try:
                rest.post(f"{path}/rerun")
            except Refused as refusal:
                # Somebody else was quicker by a moment; what runs now is waited for like any other.
                if refusal.status != _FORBIDDEN or patience <= 0:
                    raise
            else:
                return
        if patience <= 0:
            raise CannotSay("its run does not end")
        rest.pause(_INTERVAL)
        patience -= _INTERVAL
        run = rest.get(path)
