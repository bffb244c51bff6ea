"""The gate's page as a comment on a pull request: one, kept up to date."""

from typing import Any, Final

from cxgov.forge import fields
from cxgov.forge.rest import Rest

TAG: Final = "<!-- cxgov gate -->"
# GitHub takes 65,536 characters; a page goes through the environment, where a value has 128 KiB.
MOST_BYTES: Final = 60_000
_WRITER: Final = "github-actions[bot]"  # no person can have a login with brackets


def put(rest: Rest, repository: str, number: int, page: str) -> str:
    """Writes a page into our comment, made where there is none; ``made``, ``updated`` or ``unchanged``.

    Anybody can write the hidden tag, so it is our comment only where the workflow's own account wrote it.

    Raises:
        CannotSay: GitHub does not show or take it.
    """
    body = f"{TAG}\n{page}"
    for comment in rest.pages(f"/repos/{repository}/issues/{number}/comments"):
        if _is_ours(comment):
            if comment["body"] == body:
                return "unchanged"
            identity = fields.number(comment, "id")
            rest.patch(f"/repos/{repository}/issues/comments/{identity}", {"body": body})
            return "updated"
    rest.post(f"/repos/{repository}/issues/{number}/comments", {"body": body})
    return "made"


def shortened(page: str, most: int = MOST_BYTES) -> str:
    """A page of at most so many bytes, cut at the end of a line, which is then said."""
    if len(page.encode()) <= most:
        return page
    end = "\n\nThis page was too long for a comment and is cut here. The run's log has all of it.\n"
    room = most - len(end.encode())
    lines = []
    for line in page.splitlines(keepends=True):
        room -= len(line.encode())
        if room < 0:
            break
        lines.append(line)
    return "".join(lines).rstrip("\n") + end


def _is_ours(data: Any) -> bool:
    if not fields.has(data, "user") or not fields.has(data, "body"):
        return False
    by_us = fields.text(data, "user", "login") == _WRITER and fields.text(data, "user", "type") == "Bot"
    return by_us and fields.text(data, "body").startswith(TAG)
