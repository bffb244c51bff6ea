"""``cxgov gate``."""

import gc
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxgov.cli.options import format_option, instant, registry_folder, registry_option, write_out

if TYPE_CHECKING:
    from cxgov.governance.gate import Gated


@click.command("gate")
@click.option("--trusted", metavar="REF", required=True, help="Commit whose policy decides, e.g. origin/main.")
@click.option("--head", metavar="REV", required=True, help="Commit that is proposed.")
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
    help="Full name of the branch that is trusted, e.g. refs/heads/main, where --trusted is a commit.",
)
@click.option("--now", metavar="INSTANT", help="When it is judged. Default: now.")
@format_option("text", "json", "markdown", "github", "sarif", "junit")
@click.option("--into", metavar="FILE", help="Write to a file instead of printing.")
@registry_option
def command(
    *,
    trusted: str,
    head: str,
    reviews: tuple[Path, ...],
    author: tuple[int, ...],
    ref: str | None,
    now: str | None,
    form: str,
    into: str | None,
    registry: str | None,
) -> int:
    """Say whether a proposal may be merged: who must approve it, who has, what is missing.

    \b
    cxgov gate --trusted origin/main --head HEAD --reviews reviews.json --author 1001

    The policy is that of the trusted commit. Exit code 1 where something is missing, 2 where nothing can be
    said, 4 where a frozen period is moved, 5 where what was approved or frozen is altered or taken away.
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov import __version__, api
    from cxgov.reports import formats, verdicts

    at: datetime | None = instant(now, "--now")
    files = [path.read_bytes() for path in reviews]
    found = api.gate(
        registry_folder(registry), trusted=trusted, head=head, reviews=files, authors=author, ref=ref, now=at
    )
    match form:
        case "json":
            text = verdicts.as_json(found)
        case "markdown":
            text = verdicts.as_markdown(found)
        case "github":
            text = formats.as_github(verdicts.points(found), "approved")
        case "sarif":
            text = formats.as_sarif(verdicts.points(found), __version__)
        case "junit":
            text = formats.as_junit(verdicts.points(found), "gate")
        case _:
            text = verdicts.as_text(found)
    write_out(text, into)
    # What was read is as large as the registry, and the interpreter would look for garbage in it as it ends.
    gc.freeze()
    return answered(found)


def answered(found: "Gated") -> int:
    """The exit code of a verdict."""
    if found.altered:
        return 5
    if found.verdict is None:
        return 2
    if found.verdict.moved:
        return 4
    return 0 if found.passed else 1
