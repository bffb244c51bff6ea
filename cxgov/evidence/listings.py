"""What git lists of a tree to the documents in it, and the entries that make a proposal invalid.

A tree is read as it lies in the object store, where it can hold what no work tree can: two entries of one name,
``..``, links. Names that some file system takes for one another, or keeps for itself, would be another registry
there. Nothing that is refused is among the documents.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple
from unicodedata import normalize

PLAIN: Final = "100644"
TREE: Final = "040000"
_TAKEN: Final = frozenset({PLAIN, TREE})
_MODES: Final = {
    "100755": "an executable file",
    "120000": "a symbolic link",
    "160000": "a submodule",
}
_TWINS: Final = "one path with {} where case, or the form of a letter, does not count"
_ORDINARY = re.compile(r"\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(?:\..*)?", re.DOTALL)
# Trees of one repository have most of their paths in common.
_MANY: Final = 1 << 16
_FOREIGN: Final = frozenset('<>:"|?*\\')


class Refusal(NamedTuple):
    """A path that no registry may have, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tree:
    """The oids of a folder's files by their path in the repository, and what was refused, by path."""

    blobs: Mapping[str, str]
    refused: tuple[Refusal, ...] = ()


class Entry(NamedTuple):
    """One line of ``ls-tree``."""

    mode: str
    oid: str
    path: str


def entries(listed: bytes, prefix: str = "") -> Iterator[Entry]:
    """The entries of ``ls-tree -z``. A path that is not UTF-8 has its bytes written out, which is then refused."""
    return (_entry(line, prefix) for line in listed.split(b"\0")[:-1])


# Trees of one repository have most of their entries in common.
@lru_cache(maxsize=_MANY)
def _entry(line: bytes, prefix: str) -> Entry:
    facts, _, path = line.partition(b"\t")
    mode, _, oid = facts.decode("ascii").split(" ")
    return Entry(mode, oid, prefix + path.decode("utf-8", "backslashreplace"))


def sort_out(found: Iterable[Entry], folder: str = "") -> Tree:
    """Files from entries; ``found`` has folders before what is in them, as ``ls-tree -rt`` gives them."""
    found = list(found)
    times = Counter([entry.path for entry in found])
    first: dict[str, str] = {}
    twins: dict[str, str] = {}
    for path in times:
        other = first.setdefault(fold(path), path)
        if other != path:
            twins[path] = other
            twins.setdefault(other, path)
    blobs: dict[str, str] = {}
    refused: dict[str, Refusal] = {}
    folders = {folder}
    closed: set[str] = set()
    for mode, oid, path in found:
        parent, _, name = path.rpartition("/")
        reason: str | None
        if parent in closed:
            closed.add(path)
            continue
        if times[path] > 1:
            reason = "two entries of one name"
        elif parent not in folders:
            reason = "a slash within a name"
        elif path in twins:
            reason = _TWINS.format(repr(twins[path]))
        else:
            reason = flaw(name) or (None if mode in _TAKEN else _MODES.get(mode, f"a file of mode {mode}"))
        if reason is not None:
            closed.add(path)
            refused[path] = Refusal(path, reason)
        elif mode == TREE:
            folders.add(path)
        else:
            blobs[path] = oid
    return Tree(blobs, tuple(sorted(refused.values())))


@lru_cache(maxsize=_MANY)
def fold(path: str) -> str:
    """A path as a file system sees it for which case and Unicode's forms of one letter are the same."""
    return path.lower() if path.isascii() else normalize("NFC", normalize("NFD", path).casefold())


@lru_cache(maxsize=_MANY)
def flaw(name: str) -> str | None:
    """Why a file system or a reader would take a name for something else, if one would."""
    lowered = name.lower()
    if _DEVICE.fullmatch(lowered):
        return "a name that Windows keeps for a device"
    if lowered in {".git", "git~1"}:
        return "the name of git's own folder"
    if _ORDINARY.fullmatch(name):
        return None
    if name in {"", ".", ".."}:
        return "a name that leads to another folder"
    if name.endswith((".", " ")):
        return "a name whose last dot or space Windows drops"
    if not name.isprintable():
        return "a character that cannot be seen in its name"
    if held := sorted(_FOREIGN.intersection(name)):
        return f"{held[0]!r} in its name, which Windows does not allow"
    return None
