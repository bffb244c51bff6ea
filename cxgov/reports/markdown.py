"""Texts that others wrote, put into Markdown so that they are shown as they are; and tables."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from cxgov.language.diagnostics import visible

# What Markdown of any kind, GitHub's mathematics and its tables act on inside a line.
_ACTED_ON: Final = re.compile(r"[\\`*_\[\]|~$]")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escaped(text: str) -> str:
    """Text of a document inside a line of Markdown: it is shown as it is, acts on nothing and tells nobody.

    It must not begin the line. Between a sign that notifies or links (@, #) and its name stands a space of no width.
    """
    shown = _ACTED_ON.sub(
        lambda found: f"\\{found[0]}", re.sub("[&<>]", lambda found: _ENTITIES[found[0]], visible(text))
    )
    return re.sub(r"(?<![A-Za-z0-9])@|#", lambda found: f"{found[0]}&#8203;", shown).strip()


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[int] = frozenset()) -> str:
    """A table of cells that are Markdown already; columns of ``right`` are set to the right."""
    rules = ["---:" if i in right else "---" for i in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, rules, *rows])
