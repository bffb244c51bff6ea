"""``cxgov dialects``."""

import click

from cxgov.cli.options import format_option


@click.command("dialects")
@format_option("text", "json")
def command(form: str) -> None:
    """Print the SQL dialects and how they are held."""
    from cxgov.compiler.dialects import DIALECTS
    from cxgov.reports import registry as printers

    rows = [{"dialect": name, "held": dialect.held} for name, dialect in sorted(DIALECTS.items())]
    if form == "json":
        click.echo(printers.as_json(rows), nl=False)
    else:
        click.echo(printers.columns([[row["dialect"], row["held"]] for row in rows]), nl=False)
