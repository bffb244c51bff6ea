"""``cxgov audit``."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import click

from cxgov.cli.options import format_option, instant, registry_folder, registry_option, write_out

if TYPE_CHECKING:
    from cxgov.governance.audited import Audited


@click.command("audit")
@click.argument("span", metavar="[FROM..TO]", required=False)
@click.option("--since", metavar="COMMIT", help="Commit that is trusted, to begin with. Default: the first policy's.")
@click.option("--head", multiple=True, metavar="DIGEST", help="Digest of an entry that you kept; may be repeated.")
@click.option(
    "--reviews",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Reviews as GitHub's API gives them, one file (*.json) a request.",
)
@click.option("--ref", metavar="NAME", help="Full name of the branch, e.g. refs/heads/main, where TO is a commit.")
@click.option("--now", metavar="INSTANT", help="When it is audited. Default: now.")
@format_option("text", "json")
@click.option("--into", metavar="FILE", help="Write to a file instead of printing.")
@registry_option
def command(
    *,
    span: str | None,
    since: str | None,
    head: tuple[str, ...],
    reviews: Path | None,
    ref: str | None,
    now: str | None,
    form: str,
    into: str | None,
    registry: str | None,
) -> int:
    """Replay a history: every commit against the policy of the one before it, the ledger and all approvals.

    \b
    cxgov audit --head DIGEST        from the first policy to HEAD, and the files on disk
    cxgov audit --since v2026-10     from a commit that you trust

    It needs git and ssh-keygen, and names the first thing that does not hold. Exit code 1 where an approval is missing,
    2 where something could not be replayed, 5 where what was frozen or approved was altered; the highest wins.
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov import api
    from cxgov.reports import audits

    begin, dots, end = (span or "").partition("..")
    if span is not None and (not dots or not begin or not end or end.startswith(".") or since is not None):
        raise click.UsageError("name what is audited as FROM..TO, or where it begins with --since, but not both")
    files = {path.name: path.read_bytes() for path in sorted(reviews.glob("*.json"))} if reviews is not None else None
    with _bar() as told:
        found = api.audit(
            registry_folder(registry),
            since=since or begin or None,
            until=end or "HEAD",
            kept=head,
            reviews=files,
            ref=ref,
            now=instant(now, "--now"),
            told=told,
        )
    write_out(audits.as_json(found) if form == "json" else audits.as_text(found), into)
    return answered(found)


def answered(found: "Audited") -> int:
    """The exit code of an audit."""
    from cxgov.governance.audited import Kind

    match found.worst:
        case None:
            return 0
        case Kind.UNMET:
            return 1
        case Kind.NOT_REPLAYED:
            return 2
        case Kind.ALTERED:
            return 5
        case kind:
            assert_never(kind)


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """Shows on a terminal how many commits are done."""
    if not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    bar = click.progressbar(length=1, label="audit", file=sys.stderr, show_pos=True)
    with bar:

        def told(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        yield told
