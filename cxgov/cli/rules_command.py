"""``cxgov rules``."""

import click

from cxgov.cli.options import format_option


@click.command("rules")
@format_option("text", "json")
def command(form: str) -> None:
    """Print the rules that a registry is checked by."""
    from cxgov.language.rules import RULES
    from cxgov.reports import registry as printers

    text = printers.rules_text(RULES) if form == "text" else printers.as_json(printers.rules_rows(RULES))
    click.echo(text, nl=False)
