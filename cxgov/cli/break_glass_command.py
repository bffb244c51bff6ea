"""``cxgov break-glass``."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxgov.cli.options import instant, registry_folder, registry_option

if TYPE_CHECKING:
    from cxgov.governance.break_glass import Emergency
    from cxgov.governance.breaking import SignedBy
    from cxgov.ledger.entries import SignedEntry

_KEY = click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Your private key, or the public one of a key that an agent holds.",
)
_YES = click.option("--yes", is_flag=True, help="Sign without asking.")
_NOW = click.option("--now", metavar="INSTANT", help="When it is signed. Default: now.")


@click.group("break-glass")
def command() -> None:
    """Let a change through without its approvals, in an emergency that the policy provides for; and review it.

    The Council's `break_glass` names the seats that sign it and the classes of change. What they sign is an entry of
    the ledger that ends within 14 days, and `cxgov audit` lists it until a holder of another seat has reviewed it.
    """


@command.command("sign")
@click.option("--trusted", metavar="REF", required=True, help="Commit into which it would be merged, e.g. origin/main.")
@click.option("--head", metavar="REV", required=True, help="Commit that is proposed; the one that is checked out.")
@click.option("--reason", metavar="TEXT", help="Why it cannot wait. With --until and --reviewer, by who signs first.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="First day on which it counts no more.")
@click.option("--reviewer", metavar="SEAT", help="Seat whose holder reviews it afterwards.")
@_KEY
@_YES
@_NOW
@registry_option
def sign(
    *,
    trusted: str,
    head: str,
    reason: str | None,
    until: datetime | None,
    reviewer: str | None,
    key: Path,
    yes: bool,
    now: str | None,
    registry: str | None,
) -> None:
    """Show what a proposal changes and sign that it goes ahead without its approvals.

    \b
    cxgov break-glass sign --trusted origin/main --head HEAD --reason 'scores arrive as 0-100 since 04:00' \\
        --until 2026-10-08 --reviewer support --key ~/.ssh/id_ed25519

    Writes an entry of the ledger, or adds a signature to that of the proposal: a holder of each seat signs. Commit it
    to the proposal. A veto, an invalid registry and a frozen period that moves are not let through.
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov import api
    from cxgov.reports import verdicts

    folder, at = registry_folder(registry), instant(now, "--now")
    gated = api.gate(folder, trusted=trusted, head=head, now=at)
    click.echo(verdicts.as_text(gated), nl=False)
    if not yes:
        click.confirm("Sign that this goes ahead without its approvals?", abort=True)
    day = until.date() if until is not None else None
    made = api.break_glass(folder, gated, key=key, reason=reason, until=day, reviewer=reviewer, now=at)
    before = next((its for its in gated.signed if its.sequence == made.entry.sequence), None)
    _written(folder, made, before, f"signed by {made.person}")


@command.command("review")
@click.argument("entry", type=int)
@click.option(
    "--outcome",
    type=click.Choice(["upheld", "rejected"]),
    required=True,
    help="Whether it was right. What is rejected is to be undone.",
)
@click.option("--comment", metavar="TEXT", required=True, help="What was found.")
@_KEY
@_YES
@_NOW
@registry_option
def review(
    *, entry: int, outcome: str, comment: str, key: Path, yes: bool, now: str | None, registry: str | None
) -> None:
    """Show an ENTRY of the ledger that broke the glass, say how it was found afterwards, and sign that.

    \b
    cxgov break-glass review 3 --outcome upheld --comment 'the tool was mended on Monday' --key ~/.ssh/id_ed25519

    Writes an entry of the ledger. Commit and propose it: it needs no other approval.
    """  # noqa: D301  # as in sign
    from cxgov import api

    folder, at = registry_folder(registry), instant(now, "--now")

    def shown(its: "Emergency") -> None:
        click.echo(_told(its))
        if not yes:
            click.confirm(f"Sign that this is {outcome}?", abort=True)

    made = api.review_break_glass(folder, entry, key=key, outcome=outcome, comment=comment, now=at, shown=shown)
    _written(folder, made, None, f"entry {entry} was reviewed by {made.person}: {outcome}")


def _told(its: "Emergency") -> str:
    """What was let through, why, and where to see what has become of it."""
    from cxgov.language.diagnostics import visible

    changes = sorted(f"{step.kind} {step.id}" for step in its.transitions)
    return "\n".join(
        (
            f"{its.entry.name} broke the glass to {its.until}, and the seat {visible(its.reviewer)} reviews it",
            *(f"  let through: {visible(change)}" for change in changes),
            f"  because: {visible(its.reason)}",
            f"  what has changed since: cxgov diff {visible(its.trusted)}",
        )
    )


def _written(folder: Path, made: "SignedBy", before: "SignedEntry | None", said: str) -> None:
    from cxgov.language.loading import FROZEN
    from cxgov.ledger.folder import TakenMeanwhile, write_signed

    try:
        target = write_signed(folder / FROZEN, made.entry, before)
    except TakenMeanwhile as taken:
        raise click.ClickException(str(taken)) from None
    waiting = f"; still to sign: {', '.join(made.waiting)}" if made.waiting else ""
    click.echo(f"{target}: {said}{waiting}")
    click.echo("Commit it to the proposal." if made.entry.kind == "BreakGlass" else "Commit and propose it.")
