"""The paths that a policy guards: which they are, of which class, and what stands there."""

import re
from collections.abc import Iterable
from typing import Final

from cxgov.evidence.commits import Difference
from cxgov.evidence.listings import fold
from cxgov.governance.transitions import ABSENT, PATH
from cxgov.language.model import Council
from cxgov.meaning.dependencies import Key

_WILD: Final = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def guarded(council: Council, differences: Iterable[Difference]) -> dict[Difference, str]:
    """The paths that differ and that the policy guards, each with its class: the last guard's that names it."""
    return {
        its: change_class
        for its in differences
        for pattern, change_class in council.guards
        if matches(pattern, its.path)
    }


def matches(pattern: str, path: str) -> bool:
    """Whether a path is one that a guard names: ``*`` within a name, ``**`` over folders.

    In the eyes of a file system for which case does not count. What stands in place of a guarded folder is guarded too.
    """
    folder = pattern.endswith("/**")
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", fold(pattern.removesuffix("/**") if folder else pattern))
    text = "".join(_WILD[part] if i % 2 else re.escape(part) for i, part in enumerate(parts))
    return re.fullmatch(text + ("(?:/.*)?" if folder else ""), fold(path), re.DOTALL) is not None


def objects(differences: Iterable[Difference], *, before: bool) -> dict[Key, str]:
    """What stands at paths on one of two sides, by the object's name and mode."""
    found = {}
    for its in differences:
        mode, oid = (its.mode_before, its.before) if before else (its.mode_after, its.after)
        found[PATH, its.path] = f"{mode} {oid}" if oid.strip("0") else ABSENT
    return found
