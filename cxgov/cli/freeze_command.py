"""``cxgov freeze``."""

import click

from cxgov.cli.options import instant, registry_folder, registry_option


@click.command("freeze")
@click.argument("period")
@click.option("--now", metavar="INSTANT", help="When it is frozen. Default: now.")
@registry_option
def command(*, period: str, now: str | None, registry: str | None) -> None:
    """Freeze what every certified metric means in a reporting period.

    \b
    cxgov freeze 2026-Q4

    Writes an entry of the ledger and the objects that it names to the registry's folder frozen/. Commit them and
    propose them: the entry counts when the council has approved it.
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov import api
    from cxgov.cli.options import write_entry

    folder, at = registry_folder(registry), instant(now, "--now")
    write_entry(folder, api.freeze(folder, period, now=at))
