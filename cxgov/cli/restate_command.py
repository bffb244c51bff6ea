"""``cxgov restate``."""

import click

from cxgov.cli.options import instant, progress, registry_folder, registry_option


@click.command("restate")
@click.argument("period")
@click.argument("metrics", nargs=-1, required=True, metavar="METRIC...")
@click.option("--reason", required=True, help="What was wrong, for whoever reads the number later.")
@click.option("--connection", metavar="NAME", help="Ask the old and the new number, and keep both in the entry.")
@click.option("--now", metavar="INSTANT", help="When it is restated. Default: now.")
@registry_option
def command(
    *,
    period: str,
    metrics: tuple[str, ...],
    reason: str,
    connection: str | None,
    now: str | None,
    registry: str | None,
) -> None:
    """Correct what a frozen period said of some metrics: both readings stay.

    \b
    cxgov restate 2026-Q4 nps --reason 'answers of test accounts were counted'

    The metrics mean in the period what the registry says now. Writes an entry of the ledger that supersedes the one
    before it. Commit and propose it: it counts when the council has approved it.
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov import api
    from cxgov.cli.options import write_entry

    folder, at = registry_folder(registry), instant(now, "--now")
    with progress("asking"):
        made = api.restate(folder, period, metrics, reason=reason, connection=connection, now=at)
    write_entry(folder, made)
