"""``cxgov diff``."""

import click

from cxgov.cli.options import format_option, registry_folder, registry_option, write_out


@click.command("diff")
@click.argument("base", default="HEAD")
@click.argument("head", required=False)
@format_option("text", "json", "markdown")
@click.option("--into", metavar="FILE", help="Write to a file instead of printing.")
@registry_option
def command(base: str, head: str | None, form: str, into: str | None, registry: str | None) -> int:
    """Say what a change means: the registry at BASE against the one at HEAD, or against the folder as it is now.

    Documents are compared by kind and id, whole registries at a time. Exit code 1 where anything above `editorial`
    changed.
    """
    from cxgov.api import diff
    from cxgov.reports import changes as printers

    comparison = diff(registry_folder(registry), base, head)
    printer = {"text": printers.as_text, "json": printers.as_json, "markdown": printers.as_markdown}[form]
    write_out(printer(comparison), into)
    return 0 if comparison.quiet else 1
