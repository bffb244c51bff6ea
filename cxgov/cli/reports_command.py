"""``cxgov reports``."""

import click

from cxgov.cli.options import format_option, loaded, registry_folder, registry_option


@click.command("reports")
@click.option(
    "--affected", metavar="BASE..HEAD", help="Only those that a change touches; without `..HEAD` up to the work tree."
)
@format_option("text", "json")
@registry_option
def command(affected: str | None, form: str, registry: str | None) -> None:
    """List the reports: where they stand, whom they are for, which metrics they show.

    With --affected those that a change touches, with the metrics that it moves and the edits that do.

    \b
    cxgov reports --affected origin/main..HEAD
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov import api
    from cxgov.reports import dashboards as printers

    if affected is None:
        rows = printers.rows(loaded(registry).registry)
        text = printers.as_text(rows) if form == "text" else printers.as_json(rows)
    else:
        base, _, head = affected.partition("..")
        found = api.affected(registry_folder(registry), base or "HEAD", head or None)
        text = printers.affected_as_text(found) if form == "text" else printers.affected_as_json(found)
    click.echo(text, nl=False)
