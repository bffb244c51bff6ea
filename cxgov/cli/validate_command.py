"""``cxgov validate``."""

import os
from pathlib import Path

import click

from cxgov.cli.options import format_option, registry_folder, registry_option


@click.command("validate")
@click.argument("paths", nargs=-1)
@click.option("--reports", is_flag=True, help="Hold the queries of reports to their certificates, too.")
@format_option("text", "json", "github", "sarif", "junit")
@registry_option
def command(*, paths: tuple[str, ...], reports: bool, form: str, registry: str | None) -> int:
    """Check a registry and say everything that is wrong.

    The whole registry is read, as documents refer to each other; with PATHS only their problems are shown.
    Exit code 1 where there is an error.
    """
    from cxgov import __version__
    from cxgov.api import validate
    from cxgov.cli.memory import validate_with_memory
    from cxgov.reports import formats
    from cxgov.reports import problems as printers

    folder = registry_folder(registry)
    documents, found = validate_with_memory(folder)
    if reports:
        found = validate(folder, reports=True)[1]
    for path in paths:
        if not Path(path).exists() or not Path(path).resolve().is_relative_to(folder.resolve()):
            raise click.UsageError(
                f"{path} is not in the registry {folder}. Name its files or folders as seen from here."
            )
    if paths:
        here = Path.cwd()
        wanted = [Path(os.path.relpath(here / path, folder)) for path in paths]
        found = tuple(
            problem
            for problem in found
            if any(Path(os.path.relpath(problem.place.path, folder)).is_relative_to(path) for path in wanted)
        )
    match form:
        case "json":
            text = printers.as_json(found, documents)
        case "github":
            text = formats.as_github(printers.points(found), f"{documents} documents are valid")
        case "sarif":
            text = formats.as_sarif(printers.points(found), __version__)
        case "junit":
            text = formats.as_junit(printers.points(found), "validate")
        case _:
            text = printers.as_text(found, documents)
    click.echo(text, nl=False)
    return 1 if any(problem.is_error for problem in found) else 0
