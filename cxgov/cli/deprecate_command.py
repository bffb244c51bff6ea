"""``cxgov deprecate``."""

from datetime import datetime

import click

from cxgov.cli.options import instant, registry_folder, registry_option, write_whole


@click.command("deprecate")
@click.argument("metric")
@click.option("--successor", metavar="ID", help="Metric to use instead.")
@click.option("--no-successor", is_flag=True, help="No metric replaces it.")
@click.option(
    "--sunset",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    metavar="DAY",
    help="First day on which it may be retired.",
)
@click.option("--notice", required=True, metavar="TEXT", help="Why it ends, for whoever still asks it.")
@click.option("--dry-run", is_flag=True, help="Write nothing, and show what would be written.")
@click.option("--now", metavar="INSTANT", help="When it is said. Default: now.")
@registry_option
def command(
    *,
    metric: str,
    successor: str | None,
    no_successor: bool,
    sunset: datetime,
    notice: str,
    dry_run: bool,
    now: str | None,
    registry: str | None,
) -> None:
    """Say that a certified metric ends: what replaces it, from which day on, and why.

    Until it is retired it answers as before, with a warning. Of its file only the status, these words and the version
    differ afterwards; the change has the class `retirement`.

    \b
    cxgov deprecate nps_old --successor nps --sunset 2027-06-30 --notice 'Asked by mail only.'
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov.api import deprecate
    from cxgov.reports.endings import as_text

    if (successor is None) is not no_successor:
        raise click.UsageError("Name the metric to use instead with --successor, or say --no-successor.")
    at, day = instant(now, "--now"), sunset.date()
    folder = registry_folder(registry)
    file, ended = deprecate(folder, metric, successor=successor, sunset=day, notice=notice, now=at)
    if not dry_run:
        write_whole(file, ended.text)
    click.echo(as_text(ended, written=not dry_run), nl=False)
