"""``cxgov validate``."""

import click

from cxgov.cli.options import format_option, registry_folder, registry_option


@click.command("validate")
@click.argument("paths", nargs=-1)
@format_option("text", "json", "github")
@registry_option
def command(paths: tuple[str, ...], form: str, registry: str | None) -> int:
    """Check a registry and say everything that is wrong.

    The whole registry is read, as documents refer to each other; with PATHS only their problems are shown.
    Exit code 1 where there is an error.
    """
    from cxgov.cli.memory import validate_with_memory
    from cxgov.reports import problems as printers

    folder = registry_folder(registry)
    documents, found = validate_with_memory(folder)
    if paths:
        wanted = [path.rstrip("/") for path in paths]
        found = tuple(
            p for p in found if any(p.place.path == path or p.place.path.startswith(f"{path}/") for path in wanted)
        )
    printer = {"text": printers.as_text, "json": printers.as_json, "github": printers.as_github}[form]
    click.echo(printer(found, documents), nl=False)
    return 1 if any(problem.is_error for problem in found) else 0
