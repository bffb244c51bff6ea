"""``cxgov verify``."""

import sys
from pathlib import Path
from typing import assert_never

import click

from cxgov.cli.options import format_option, registry_folder, registry_option, write_out


@click.command("verify")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@format_option("text", "json", "sarif")
@click.option("--into", metavar="FILE", help="Write to a file instead of printing.")
@registry_option
def command(*, files: tuple[str, ...], form: str, into: str | None, registry: str | None) -> int:
    """Say whether SQL is what the frozen definitions give, statement by statement.

    \b
    cxgov verify dashboards/*.sql

    Each statement with its certificate is compiled again and compared, white space and the case of keywords aside;
    `-` reads standard input. Exit code 1 where one is stale, provisional, a draft or without certificate, 2 where
    another version wrote it, 5 where one is altered.
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov import __version__, api
    from cxgov.ledger.verifying import Answer
    from cxgov.reports import formats, verifications

    texts = {path: sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes() for path in files}
    found = api.verify(registry_folder(registry), texts)
    match form:
        case "json":
            text = verifications.as_json(found)
        case "sarif":
            text = formats.as_sarif(verifications.points(found), __version__)
        case _:
            text = verifications.as_text(found)
    write_out(text, into)

    def code(answer: Answer) -> int:
        match answer:
            case Answer.VALID:
                return 0
            case Answer.STALE | Answer.PROVISIONAL | Answer.DRAFT | Answer.UNKNOWN:
                return 1
            case Answer.CANNOT_SAY:
                return 2
            case Answer.ALTERED:
                return 5
            case _:
                assert_never(answer)

    return max(code(its.answer) for its in found)
