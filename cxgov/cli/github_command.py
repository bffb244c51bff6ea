"""``cxgov github``: what the workflows on GitHub call."""

import os
import secrets
from pathlib import Path

import click

from cxgov.cli.options import registry_folder, registry_option


@click.group("github")
def command() -> None:
    """What the workflows on GitHub call; by hand, use `cxgov gate`."""


@command.command("gate")
@registry_option
def gate(*, registry: str | None) -> int:
    """Called by cxgov-gate.yml: judge the pull request or the merge group that the event names.

    Reviews, heads and branches are read from GitHub's API at this moment, commits are fetched as objects. The answer is
    printed, annotated, written to the job's summary and given to the next job as its output `page`. Exit codes are
    those of `cxgov gate`.
    """
    from datetime import UTC, datetime

    from cxgov import api
    from cxgov.cli.gate_command import answered
    from cxgov.evidence.failures import CannotSay
    from cxgov.forge import comments, events, judging, pages
    from cxgov.ledger.chain import Altered

    try:
        event, rest = events.read_event(os.environ), events.rest_of(os.environ)
        found = judging.judge(event, rest, registry_folder(registry), os.environ, datetime.now(UTC))
    except (Altered, CannotSay, api.InvalidRegistry, OSError) as failure:
        text, code = str(failure), 5 if isinstance(failure, Altered) else 2
        said, page, notes = pages.failed_text(text), pages.failed_markdown(text), pages.failed_commands(text)
    else:
        code = answered(found.gated)
        said, page, notes = pages.as_text(found), pages.as_markdown(found), pages.as_commands(found)
    click.echo(notes + pages.quoted(said, secrets.token_hex(16)), nl=False)
    page = comments.shortened(page)
    _append("GITHUB_STEP_SUMMARY", page)
    end = secrets.token_hex(16)
    _append("GITHUB_OUTPUT", f"page<<{end}\n{page}\n{end}\n")
    return code


@command.command("audit")
@registry_option
def audit(*, registry: str | None) -> int:
    """Called by cxgov-audit.yml: judge again what a push brought to the governed branch.

    The commit before the push is trusted; the reviews of the requests that landed are read from GitHub's API. The
    answer is printed and written to the job's summary. Exit codes are those of `cxgov audit`.
    """
    from datetime import UTC, datetime

    from cxgov import api
    from cxgov.cli.audit_command import answered
    from cxgov.evidence.failures import CannotSay
    from cxgov.forge import comments, events, landing, pages
    from cxgov.ledger.chain import Altered

    try:
        event, rest = events.read_event(os.environ), events.rest_of(os.environ)
        found = landing.landed(event, rest, registry_folder(registry), os.environ, datetime.now(UTC))
    except (Altered, CannotSay, api.InvalidRegistry, OSError) as failure:
        text, code = str(failure), 5 if isinstance(failure, Altered) else 2
        said, page = pages.failed_text(text), pages.failed_markdown(text)
    else:
        code = answered(found)
        said, page = pages.audit_text(found), pages.audit_markdown(found)
    click.echo(pages.quoted(said, secrets.token_hex(16)), nl=False)
    _append("GITHUB_STEP_SUMMARY", comments.shortened(page))
    return code


@command.command("comment")
def comment() -> None:
    """Called by cxgov-gate.yml: write the page in CXGOV_PAGE as the one comment on the event's pull request."""
    from cxgov.forge import comments, events, fields

    event = events.read_event(os.environ)
    number = fields.number(event.payload, "pull_request", "number")
    # Without a page the gate did not come to an end, and what an earlier run said holds no longer.
    page = os.environ.get("CXGOV_PAGE") or "### cannot say\n\n- The gate ended without an answer: its log says why.\n"
    done = comments.put(events.rest_of(os.environ), event.repository, number, page)
    click.echo(f"comment on #{number} {done}")


@command.command("rerun")
@click.option(
    "--patience",
    type=click.IntRange(0, 3_600),
    default=600,
    show_default=True,
    help="Seconds to wait for a run that is under way.",
)
def rerun(*, patience: int) -> None:
    """Called by cxgov-rerun.yml: run the deciding job again for the requests with the commit that was reviewed."""
    from cxgov.forge import events, reruns

    event = events.read_event(os.environ)
    done = reruns.rerun(event, events.rest_of(os.environ), patience)
    for request, run in done:
        click.echo(f"#{request.number}: run {run} again")
    if not done:
        click.echo("no open request has the commit that was reviewed")


def _append(variable: str, text: str) -> None:
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
