"""``cxgov init``."""

from pathlib import Path

import click


@click.command("init")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--zone", default="UTC", show_default=True, help="IANA time zone in which your days begin.")
@click.option("--only", type=click.Choice(["metrics", "github"]), help="Write only the registry, or only .github.")
@click.option(
    "--owners", multiple=True, metavar="OWNER", help="Code owner of both, as @org/team or @login; may be repeated."
)
@click.option("--no-code-owners", is_flag=True, help="Write no CODEOWNERS: you have one, and add the two lines to it.")
def command(folder: str, zone: str, only: str | None, owners: tuple[str, ...], *, no_code_owners: bool) -> None:
    """Start a registry of your own in DIR/metrics, with a small data file so that it runs at once, and DIR/.github.

    The latter has the workflows that put it under the gate, the versions that they use, and a CODEOWNERS. Nothing that
    is there is written over, and either all is written or nothing.
    """
    from cxgov.cli import starter

    here = Path(folder)
    top = starter.repository_above(here)
    if only == "github" and top is not None:
        raise click.ClickException(f"GitHub reads .github at the repository's top only: run this in {top}.")
    registry = {} if only == "github" else starter.registry_files(zone)
    with_github = only != "metrics" and top is None
    github = starter.github_files(owners, code_owners=not no_code_owners) if with_github else {}
    starter.write_new(here, {**registry, **github})
    place = "" if folder == "." else f" --registry {here / 'metrics'}"
    if registry:
        click.echo(f"{here / 'metrics'} is a registry with one source and two metrics. Try:\n")
        click.echo(f"  cxgov validate{place}")
        click.echo(f"  cxgov run csat nps --by channel --grain month --period 2026-Q1{place}\n")
    if github:
        click.echo(f"{here / '.github'} has the workflows of the gate. Until a policy (kind Council) is on the default")
        click.echo("branch they say that nothing can be decided.")
    elif only is None:
        click.echo(f"No .github was written: GitHub reads it at the repository's top only, {top}.")
