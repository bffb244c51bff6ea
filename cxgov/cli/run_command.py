"""``cxgov run``."""

import sys
from typing import Any

import click

from cxgov.cli.options import loaded, progress, question, question_options, write_out


@click.command("run")
@question_options
@click.option("--connection", metavar="NAME", help="Connection of the registry. Default: its first.")
@click.option(
    "--output", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True, help="How to print."
)
@click.option("--into", metavar="FILE", help="Write to a file instead of printing.")
def command(connection: str | None, output: str, into: str | None, registry: str | None, **options: Any) -> None:
    """Compile metrics and run the statement on a connection.

    \b
    cxgov run nps sla_first_reply --by customer.region --grain month --period 2026-Q3
    """  # noqa: D301  # \b is click\'s mark for lines that it keeps
    from cxgov import api
    from cxgov.reports import results as printers

    known = loaded(registry)
    with progress("running"):
        result = api.run(known, question(options), connection=connection)
    if output == "table":
        text = printers.as_table(result, color=into is None and sys.stdout.isatty())
    else:
        text = printers.as_csv(result) if output == "csv" else printers.as_json(result)
    write_out(text, into)
