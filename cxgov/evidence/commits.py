"""Commits as they lie in the object store, to who made each; and what git prints of trees, to what differs.

All of it is what the commit says: names, addresses and dates are its author's choice, and only an audit reads a date,
within bounds of its own. The bytes
are read here, since ``git log`` turns them into another encoding if the commit asks for it, by which a line or a NUL
can come out of a name.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from cxgov.evidence.listings import PLAIN

_COMMIT = re.compile(
    rb"tree (?P<tree>[0-9a-f]+)\n(?P<parents>(?:parent [0-9a-f]+\n)*)"
    rb"author (?P<author>[^\n\0]*)\ncommitter (?P<committer>[^\n\0]*)\n"
    rb"(?:(?!tree |parent |author |committer )[^\n\0]+\n)*(?:\n(?P<message>(?s:.*)))?"
)
_DATED = re.compile(rb"(?P<who>[^<>]*<[^<>]*>)[^<>]*")
_MOMENT = re.compile(rb"^committer [^<>\n]*<[^<>\n]*> (?P<seconds>[0-9]{1,12}) [+-][0-9]{4}$", re.MULTILINE)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PERSON = re.compile(r"(?s)(.*?)<([^<>]*)>\s*")
_CO_AUTHOR = "co-authored-by"


class Identity(NamedTuple):
    """Who a commit says that somebody is."""

    name: str
    email: str


class Difference(NamedTuple):
    """A path whose bytes or mode differ; an oid of zeros where there is none. ``status`` is git's letter."""

    path: str
    status: str
    mode_before: str
    mode_after: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit. ``differences`` has one part for each parent; a first commit's is against nothing.

    ``by_itself`` says of a merge that git makes the same tree of its two parents without anybody's help.
    """

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: Identity
    committer: Identity
    co_authors: tuple[Identity, ...] = ()
    differences: tuple[tuple[Difference, ...], ...] = ()
    by_itself: bool = False

    def only_signs(self, folder: str, entries: Collection[str] = ()) -> bool:
        """Whether it does something, and that only to some ``entries``, or to add plain files under a folder."""
        return (
            len(self.differences) == 1
            and bool(self.differences[0])
            and all(
                its.path in entries
                or (its.status == "A" and its.mode_after == PLAIN and its.path.startswith(f"{folder}/"))
                for its in self.differences[0]
            )
        )


def read_commit(oid: str, raw: bytes) -> tuple[Commit, bytes]:
    """A commit without what it changed and who its message names; and that message.

    Raises:
        ValueError: it is not made as git makes commits, so that two readers could see two authors.
    """
    match = _COMMIT.fullmatch(raw)
    if match is None:
        raise ValueError("its header is not that of a commit")
    found = Commit(
        oid=oid,
        tree=match["tree"].decode("ascii"),
        parents=tuple(match["parents"].decode("ascii").split()[1::2]),
        author=_dated(match["author"]),
        committer=_dated(match["committer"]),
    )
    return found, match["message"] or b""


def committed_at(raw: bytes) -> datetime | None:
    """When a commit says that it was made; None where it says no instant."""
    match = _MOMENT.search(raw.partition(b"\n\n")[0])
    try:
        return _EPOCH + timedelta(seconds=int(match["seconds"])) if match else None
    except OverflowError:
        return None


def may_name_others(message: bytes) -> bool:
    """Whether it is worth asking git for a message's trailers."""
    return _CO_AUTHOR.encode() in message.lower()


def read_trailers(printed: bytes) -> tuple[Identity, ...]:
    """The co-authors among the trailers that ``interpret-trailers --parse`` prints."""
    rows = (line.partition(":") for line in printed.decode("utf-8", "backslashreplace").split("\n"))
    return tuple(_identity(value) for key, _, value in rows if key.strip().lower() == _CO_AUTHOR)


def read_differences(printed: bytes, pairs: Sequence[tuple[str, str]]) -> tuple[tuple[Difference, ...], ...]:
    """The differences of each pair, from ``diff-tree --stdin -r --raw -z`` which was given the pairs in this order.

    Raises:
        ValueError: the text is not about these pairs.
    """
    at, found = 0, []
    for before, after in pairs:
        header = f"{before} {after}\n".encode()
        if not printed.startswith(header, at):
            raise ValueError(f"no differences between {before} and {after}")
        at += len(header)
        own = []
        while printed.startswith(b":", at):
            facts_end = printed.index(b"\0", at)
            path_end = printed.index(b"\0", facts_end + 1)
            mode_before, mode_after, old, new, status = printed[at + 1 : facts_end].decode("ascii").split(" ")
            path = printed[facts_end + 1 : path_end].decode("utf-8", "backslashreplace")
            own.append(Difference(path, status, mode_before, mode_after, old, new))
            at = path_end + 1
        found.append(tuple(own))
    if at != len(printed):
        raise ValueError("more differences than were asked for")
    return tuple(found)


def _dated(line: bytes) -> Identity:
    match = _DATED.fullmatch(line)
    if match is None:
        raise ValueError("an author or committer who is not one name and one address")
    return _identity(match["who"].decode("utf-8", "backslashreplace"))


def _identity(text: str) -> Identity:
    match = _PERSON.fullmatch(text)
    return Identity(match[1].strip(), match[2].strip()) if match else Identity(text.strip(), "")
