"""``cxgov init``."""

from pathlib import Path

import click


@click.command("init")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--zone", default="UTC", show_default=True, help="IANA time zone in which your days begin.")
def command(folder: str, zone: str) -> None:
    """Start a registry of your own in DIR/metrics, with a small data file so that it runs at once."""
    from cxgov.cli.starter import write_starter

    target = write_starter(Path(folder), zone)
    click.echo(f"{target} is a registry with one source and two metrics. Try:\n")
    place = "" if folder == "." else f" --registry {target}"
    click.echo(f"  cxgov validate{place}")
    click.echo(f"  cxgov run csat nps --by channel --grain month --period 2026-Q1{place}")
