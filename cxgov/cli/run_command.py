"""``cxgov run``."""

import sys
from typing import Any

import click

from cxgov.cli.options import frozen_options, loaded, progress, question, question_options, say_of, write_out


@click.command("run")
@question_options
@frozen_options
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
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov import api
    from cxgov.reports import results as printers

    if attrition and output == "csv":
        raise click.UsageError("--attrition is a second table, which CSV has no place for. Ask for table or json.")
    known = loaded(registry)
    definition_of, restatement = options.pop("definition_of"), options.pop("restatement")
    asked = question(options)
    with progress("running"):
        found = api.answers(known, asked, connection=connection, definition_of=definition_of, restatement=restatement)
        steps = [api.attrition(known, its.statement, connection=connection) for its in found] if attrition else None
    say_of(asked, [its.statement.reading for its in found])
    color = into is None and sys.stdout.isatty()
    if output == "table":
        text = printers.as_tables(found, steps, color=color)
    else:
        text = printers.as_csv(found) if output == "csv" else printers.as_json(found, steps)
    write_out(text, into)
