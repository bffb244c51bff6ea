"""``cxgov compile``."""

from typing import Any

import click

from cxgov.cli.options import frozen_options, question, question_options, registry_folder, say_of, write_out


@click.command("compile")
@question_options
@frozen_options
@click.option("--dialect", help="bigquery, duckdb, postgres or snowflake. Default: the registry's first.")
@click.option("--into", metavar="FILE", help="Write to a file instead of printing.")
def command(dialect: str | None, into: str | None, registry: str | None, **options: Any) -> None:
    """Compile metrics to SQL, with a certificate where the period is frozen.

    \b
    cxgov compile nps csat_top2 --by region --grain month --period 2026-Q3 --dialect postgres

    One statement, or one for each definition where the definitions change within the question.
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov import api

    folder = registry_folder(registry)
    definition_of, restatement = options.pop("definition_of"), options.pop("restatement")
    asked = question(options)
    found = api.statements(folder, asked, dialect=dialect, definition_of=definition_of, restatement=restatement)
    say_of(asked, [its.reading for its in found])
    write_out(";\n\n".join(its.sql for its in found), into)
