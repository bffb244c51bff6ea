"""``cxgov demo``."""

import shutil
import sys
from pathlib import Path

import click

import cxgov
from cxgov.cli.options import nearest_registry, progress, registry_folder, registry_option


def reference_registry() -> Path:
    """The nearest ``metrics/``, or a copy of the reference registry that comes with the program."""
    found = nearest_registry()
    if found is not None:
        return found
    target = Path("cxgov-demo") / "metrics"
    package = Path(cxgov.__file__).parent
    # In a checkout the registry stands beside the package.
    shipped = package / "reference" if (package / "reference").is_dir() else package.parent / "metrics"
    if not target.is_dir():
        shutil.copytree(shipped, target, ignore=shutil.ignore_patterns(".*"))
        click.echo(f"{target}: the reference registry, copied here\n")
    return target


@click.command("demo")
@click.option(
    "--responses",
    type=click.IntRange(1_000, 50_000_000),
    default=120_000,
    show_default=True,
    help="Survey answers to make.",
)
@click.option("--seed", type=int, default=2026, show_default=True, help="The same seed gives the same data.")
@registry_option
def command(responses: int, seed: int, registry: str | None) -> None:
    """Make the demo's data and ask a first question.

    The data is made up, from a seed: two years of surveys, tickets and subscriptions, with one real drop to find.
    """
    from cxgov import api
    from cxgov.engines.demo import generate
    from cxgov.reports.results import as_table

    folder = reference_registry() if registry is None else registry_folder(registry)
    known = api.load(folder)
    connections = {connection.name: connection for connection in known.registry.settings.connections}
    demo = connections.get("demo")
    if demo is None or demo.database is None:
        reason = f"{folder} has no DuckDB connection 'demo': the demo belongs to the reference registry"
        raise click.ClickException(f"{reason}. Call it in a folder without `metrics`, to have a copy made.")
    database = folder / demo.database
    with progress("making the demo's data"):
        database.parent.mkdir(parents=True, exist_ok=True)
        generate(database, responses=responses, seed=seed)
    click.echo(f"{database}: {responses:,} survey answers, seed {seed}\n")
    query = api.Query(
        metrics=("nps", "csat_top2", "sla_first_reply"),
        by=("customer.region",),
        grain="month",
        period="2026-Q3",
    )
    asked = "nps csat_top2 sla_first_reply --by customer.region --grain month --period 2026-Q3"
    where = "" if folder == nearest_registry() else f" --registry {folder}"
    click.echo(f"$ cxgov compile {asked}{where}\n")
    click.echo(api.compile(known, query, dialect="duckdb").sql)
    click.echo(f"$ cxgov run {asked}{where}\n")
    click.echo(as_table(api.run(known, query, connection="demo"), color=sys.stdout.isatty()))
    click.echo("Something fell in EMEA in August. Look where:\n")
    asked = "sla_first_reply --by queue --grain month --period 2026-Q3 --where \"customer.region = 'EMEA'\""
    click.echo(f"$ cxgov run {asked}{where}\n")
    click.echo("`cxgov check` finds what is wrong with the data: some tickets are of customers who were erased.")
