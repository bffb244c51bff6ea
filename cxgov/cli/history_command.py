"""``cxgov history``."""

from pathlib import Path

import click

from cxgov.cli.options import format_option, registry_folder, registry_option, write_out


@click.command("history")
@click.argument("metric")
@click.option(
    "--reviews",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Reviews as GitHub's API gives them, one file (*.json) a request.",
)
@format_option("text", "json", "markdown")
@click.option("--into", metavar="FILE", help="Write to a file instead of printing.")
@registry_option
def command(*, metric: str, reviews: Path | None, form: str, into: str | None, registry: str | None) -> None:
    """Show every version of a metric: who approved it, what changed, in which frozen periods it counts.

    \b
    cxgov history nps

    It is told where the series breaks and what was restated. Old ids are followed. A clone has the signed approvals;
    those of a forge are among its --reviews.
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov import api
    from cxgov.reports import histories

    files = {path.name: path.read_bytes() for path in sorted(reviews.glob("*.json"))} if reviews is not None else {}
    found = api.history(registry_folder(registry), metric, reviews=files)
    printer = {"text": histories.as_text, "json": histories.as_json, "markdown": histories.as_markdown}[form]
    write_out(printer(found), into)
