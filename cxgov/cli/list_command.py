"""``cxgov list``."""

import click

from cxgov.cli.options import format_option, loaded, registry_option


@click.command("list")
@format_option("text", "json")
@registry_option
def command(form: str, registry: str | None) -> None:
    """List the metrics."""
    from cxgov.reports import registry as printers

    known = loaded(registry).registry
    text = printers.list_text(known) if form == "text" else printers.as_json(printers.list_rows(known))
    click.echo(text, nl=False)
