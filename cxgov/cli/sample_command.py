"""``cxgov sample``."""

import click

from cxgov.cli.options import loaded, progress, registry_option, write_out


@click.command("sample")
@click.argument("rule")
@click.option(
    "--period", required=True, metavar="PERIOD", help="A period of the calendar, at whose first instant is drawn."
)
@click.option("--connection", metavar="NAME", help="Connection of the registry. Default: its first.")
@click.option(
    "--output", type=click.Choice(["csv", "table", "json"]), default="csv", show_default=True, help="How to print."
)
@click.option("--sql", is_flag=True, help="Print the statement instead of running it.")
@click.option(
    "--dialect", help="With --sql: bigquery, duckdb, postgres or snowflake. Default: the connection's engine."
)
@click.option("--into", metavar="FILE", help="Write to a file instead of printing.")
@registry_option
def command(
    *,
    rule: str,
    period: str,
    connection: str | None,
    output: str,
    sql: bool,
    dialect: str | None,
    into: str | None,
    registry: str | None,
) -> None:
    """Draw whom a sampling rule invites for a period: a list of keys.

    Who is in the frame at the period's first instant, was not asked too often before, and is selected.

    \b
    cxgov sample relationship_survey --period 2026-Q4 --into invite.csv
    """  # noqa: D301  # \b is click\'s mark for lines that it keeps
    from cxgov import api
    from cxgov.reports import draws as printers

    if dialect is not None and not sql:
        raise click.UsageError("--dialect says how to write the statement: give --sql too.")
    known = loaded(registry)
    if sql:
        from cxgov.compiler.drawing import compile_draw
        from cxgov.engines.connecting import choose

        engine = dialect or choose(known.registry, connection).engine
        write_out(compile_draw(known.registry, rule, period, engine).sql, into)
        return
    with progress("drawing"):
        drawn = api.sample(known, rule, period=period, connection=connection)
    printer = {"csv": printers.as_csv, "table": printers.as_table, "json": printers.as_json}[output]
    write_out(printer(drawn), into)
    click.echo(printers.count_words(drawn), err=True)
