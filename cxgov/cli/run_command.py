"""``cxgov run``."""

import sys
from typing import Any

import click

from cxgov.cli.options import loaded, progress, question, question_options, warn_of_old_ids, write_out


@click.command("run")
@question_options
@click.option("--connection", metavar="NAME", help="Connection of the registry. Default: its first.")
@click.option(
    "--output", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True, help="How to print."
)
@click.option("--attrition", is_flag=True, help="Show how many rows each step leaves, and why the others went.")
@click.option("--into", metavar="FILE", help="Write to a file instead of printing.")
def command(
    *, connection: str | None, output: str, attrition: bool, into: str | None, registry: str | None, **options: Any
) -> None:
    """Compile metrics and run the statement on a connection.

    \b
    cxgov run nps sla_first_reply --by customer.region --grain month --period 2026-Q3
    """  # noqa: D301  # \b is click\'s mark for lines that it keeps
    from cxgov import api
    from cxgov.reports import results as printers

    if attrition and output == "csv":
        raise click.UsageError("--attrition is a second table, which CSV has no place for. Ask for table or json.")
    known = loaded(registry)
    asked = question(options)
    with progress("running"):
        result = api.run(known, asked, connection=connection)
        steps = api.attrition(known, asked, connection=connection) if attrition else None
    warn_of_old_ids(known, asked)
    color = into is None and sys.stdout.isatty()
    if output == "table":
        text = printers.as_table(result, color=color)
        text += "".join(f"\n{printers.steps_as_table(each, color=color)}" for each in steps or ())
    else:
        text = printers.as_csv(result) if output == "csv" else printers.as_json(result, steps)
    write_out(text, into)
