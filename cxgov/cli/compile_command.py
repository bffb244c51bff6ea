"""``cxgov compile``."""

from typing import Any

import click

from cxgov.cli.options import loaded, question, question_options, warn_of_old_ids, write_out


@click.command("compile")
@question_options
@click.option("--dialect", help="bigquery, duckdb, postgres or snowflake. Default: the registry's first.")
@click.option("--into", metavar="FILE", help="Write to a file instead of printing.")
def command(dialect: str | None, into: str | None, registry: str | None, **options: Any) -> None:
    """Compile metrics to one SQL statement.

    \b
    cxgov compile nps csat_top2 --by region --grain month --period 2026-Q3 --dialect postgres
    """  # noqa: D301  # \b is click\'s mark for lines that it keeps
    from cxgov import api

    known = loaded(registry)
    asked = question(options)
    compiled = api.compile(known, asked, dialect=dialect or known.registry.settings.dialects[0])
    warn_of_old_ids(known, asked)
    write_out(compiled.sql, into)
