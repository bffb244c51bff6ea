"""A comparison to the files whose versions are too small, with the versions that they need.

Of a file only the version's own characters differ: comments, quotes, layout and ends of lines stay. What cannot be
written so is refused, and then nothing is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cxgov.governance.changes import Comparison
from cxgov.governance.versions import Bump
from cxgov.language.reader import Map, read

_WRITTEN: Final = re.compile(r"""(['"]?)(\d+\.\d+\.\d+)\1""")


class CannotWrite(Exception):
    """A version that is written in a way in which nothing else writes one. ``fix`` is the way out."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """A file with the version that its document needs."""

    path: str
    text: str
    bump: Bump


def bumped(comparison: Comparison, tree: Mapping[str, bytes]) -> tuple[Rewritten, ...]:
    """Every file of the new side whose version is too small, as it must be.

    Raises:
        CannotWrite: one of the versions is no plain text on a line.
    """
    return tuple(_rewritten(bump, tree) for bump in comparison.bumps if not bump.enough)


def _rewritten(bump: Bump, tree: Mapping[str, bytes]) -> Rewritten:
    assert bump.place is not None
    path = bump.place.path
    document, text, _ = read(path, tree[path])
    assert document is not None
    at = document.values_at["version"].index
    found = _WRITTEN.match(text, at)
    written = text
    if found is not None:
        written = f"{text[: found.start(2)]}{bump.next}{text[found.end(2) :]}"
    if not _only_the_version(document, read(path, written.encode())[0], bump):
        fix = f"Write it on one line: version: {bump.next}"
        raise CannotWrite(f"{bump.place}: the version of {bump.kind} {bump.id} cannot be replaced as it stands", fix)
    return Rewritten(path=path, text=written, bump=bump)


def _only_the_version(before: Map, after: Map | None, bump: Bump) -> bool:
    return after is not None and {**before, "version": bump.next} == dict(after)
