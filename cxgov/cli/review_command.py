"""``cxgov review``."""

import shutil
from pathlib import Path

import click

from cxgov.cli.gate_command import answered
from cxgov.cli.options import format_option, instant, progress, registry_folder, registry_option, write_out

_WIDEST = 120


@click.command("review")
@click.argument("base", metavar="BASE")
@click.argument("head", metavar="HEAD")
@click.option(
    "--reviews",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Reviews of a request as GitHub's API gives them, a list or a list of pages; may be repeated.",
)
@click.option(
    "--author",
    multiple=True,
    type=int,
    metavar="ACCOUNT",
    help="Number of the account that opened it; may be repeated.",
)
@click.option(
    "--ref",
    metavar="NAME",
    help="Full name of the branch that is trusted, e.g. refs/heads/main, where BASE is a commit.",
)
@click.option("--connection", metavar="NAME", help="Compare the numbers too, on a connection of BASE.")
@click.option("--period", metavar="PERIOD", help="A period of the calendar. Default: the last one that has closed.")
@click.option("--by", multiple=True, metavar="DIMENSION", help="Show them by a dimension too; may be repeated.")
@click.option("--draft", is_flag=True, help="Compare drafts too.")
@click.option(
    "--relation",
    multiple=True,
    metavar="RELATION",
    help="Let the proposal read a relation that no source of BASE has; may be repeated.",
)
@click.option("--now", metavar="INSTANT", help="When it is judged. Default: now.")
@format_option("text", "json", "markdown", "html")
@click.option("--into", metavar="FILE", help="Write to a file instead of printing.")
@registry_option
def command(
    *,
    base: str,
    head: str,
    reviews: tuple[Path, ...],
    author: tuple[int, ...],
    ref: str | None,
    connection: str | None,
    period: str | None,
    by: tuple[str, ...],
    draft: bool,
    relation: tuple[str, ...],
    now: str | None,
    form: str,
    into: str | None,
    registry: str | None,
) -> int:
    """Show what merging HEAD into BASE changes: in meaning, in numbers, and who must approve it.

    BASE is the trusted commit: its policy decides, and its connection is the one on which both sides are asked, as of
    one instant. The exit code is that of `gate`: 0, 1 where something is missing, 2 where nothing can be said, 4 where
    a frozen period is moved, 5 where what was approved or frozen is altered. It is at least 2 where a number was asked
    for that could not be evaluated.

    \b
    cxgov review origin/main HEAD --reviews reviews.json --connection demo
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov import api
    from cxgov.reports import reviews as printers

    at = instant(now, "--now")
    with progress("reviewing"):
        found = api.review(
            registry_folder(registry),
            trusted=base,
            head=head,
            reviews=[path.read_bytes() for path in reviews],
            authors=author,
            ref=ref,
            connection=connection,
            period=period,
            by=by,
            draft=draft,
            relations=relation,
            now=at,
        )
    match form:
        case "json":
            text = printers.as_json(found)
        case "markdown":
            text = printers.as_markdown(found)
        case "html":
            from cxgov.reports.pages import as_html

            text = as_html(found)
        case _:
            width = printers.WIDTH if into else min(shutil.get_terminal_size((printers.WIDTH, 24)).columns, _WIDEST)
            text = printers.as_text(found, width)
    write_out(text, into)
    code = answered(found.gated)
    return code if found.numbers is None or found.numbers.complete else max(code, 2)
