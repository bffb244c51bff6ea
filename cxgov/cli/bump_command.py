"""``cxgov bump``."""

import click

from cxgov.cli.options import format_option, registry_folder, registry_option, write_whole


@click.command("bump")
@click.argument("base", default="HEAD")
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 where a version is too small.")
@format_option("text", "json")
@registry_option
def command(base: str, check: bool, form: str, registry: str | None) -> int:  # noqa: FBT001  # click passes it by name
    """Write the versions that the changes since BASE need into the documents of the registry.

    Of a file only its version differs afterwards: comments, layout and quotes stay.
    """
    from cxgov.api import bump
    from cxgov.reports import changes as printers

    found = bump(registry_folder(registry), base)
    if not check:
        for file, its in found.items():
            write_whole(file, its.text)
    printer = {"text": printers.bumps_as_text, "json": printers.bumps_as_json}[form]
    click.echo(printer([its.bump for its in found.values()], written=not check), nl=False)
    return 1 if check and found else 0
