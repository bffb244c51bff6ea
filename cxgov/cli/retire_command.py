"""``cxgov retire``."""

import click

from cxgov.cli.options import instant, registry_folder, registry_option, write_whole


@click.command("retire")
@click.argument("metric")
@click.option("--dry-run", is_flag=True, help="Write nothing, and show what would be written.")
@click.option("--now", metavar="INSTANT", help="When it is said. Default: now.")
@registry_option
def command(*, metric: str, dry_run: bool, now: str | None, registry: str | None) -> None:
    """Retire a deprecated metric: from now on it answers only for periods that were frozen before.

    Refused before its sunset, and while something that stays is derived from it, judges it, narrows it or shows it.
    Of its file only the status and the version differ afterwards; the change has the class `retirement`.
    """
    from cxgov.api import retire
    from cxgov.reports.endings import as_text

    file, ended = retire(registry_folder(registry), metric, now=instant(now, "--now"))
    if not dry_run:
        write_whole(file, ended.text)
    click.echo(as_text(ended, written=not dry_run), nl=False)
