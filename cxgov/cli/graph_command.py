"""``cxgov graph``."""

import click

from cxgov.cli.options import loaded, registry_option


@click.command("graph")
@registry_option
def command(registry: str | None) -> None:
    """Draw sources and metrics as a Mermaid graph."""
    from cxgov.reports.registry import mermaid

    click.echo(mermaid(loaded(registry).registry), nl=False)
