"""A repository to oids, trees and bytes, whatever its configuration, its work tree or the environment say.

Names are resolved once, in the repository itself; everything else is read by full oid where only objects are seen.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final, Self

from cxgov.evidence.borrowing import Borrowed, Ended, failed
from cxgov.evidence.commits import (
    Commit,
    Difference,
    committed_at,
    may_name_others,
    read_commit,
    read_differences,
    read_trailers,
)
from cxgov.evidence.failures import CannotSay
from cxgov.evidence.listings import TREE, Refusal, Tree, entries, fold, sort_out
from cxgov.language.reader import MAX_BYTES

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What stands before the first operator of a revision: `main` of `main~2^{tree}`.
_NAME = re.compile(r"(?:(?!@\{)[^~^:])*")
_RULES: Final = ("{}", "refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
_CHUNK: Final = 1 << 20
_MOST_OF_A_COMMIT: Final = 1 << 20
_SHALLOW: Final = (
    "the repository is shallow, so its history cannot be followed: `git fetch --unshallow`, "
    "or `fetch-depth: 0` where a workflow checks it out"
)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two commits that git cannot merge by itself, and the paths on which they meet."""

    paths: tuple[str, ...]


class Repository:
    """A repository at or above a path. Close it: a temporary folder goes with it, and the merged trees in it.

    Of ``environment`` only where programs are is used.

    Raises:
        CannotSay: there is no repository, or no git to read it.
    """

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self._git = Borrowed(path, environment)
        self.top = self._git.top

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Removes what was written for comparing. The repository itself was never written to."""
        self._git.close()

    # --- names ---

    def commit(self, rev: str) -> str:
        """The full oid of the commit that a revision names now.

        Raises:
            CannotSay: it names none, or several refs have this name.
        """
        self._one_ref(rev)
        oid = self._resolved("--verify", "--quiet", "--end-of-options", rev + "^{commit}")
        if oid is None or not _OID.fullmatch(oid):
            raise CannotSay(f"{rev!r} is no commit of this repository: name one, or fetch it")
        return oid

    def full_name(self, rev: str) -> str | None:
        """The ref's name on its own repository: ``refs/heads/main`` for ``main``, ``origin/main`` and a ``HEAD`` on it.

        None for what is no ref, as an oid.

        Raises:
            CannotSay: several refs have this name.
        """
        self._one_ref(rev)
        name = self._resolved("--verify", "--quiet", "--symbolic-full-name", "--end-of-options", rev)
        if not name or not name.startswith("refs/"):
            return None
        remote_name = name.removeprefix("refs/remotes/")
        if remote_name == name:
            return name
        remotes = self._git.theirs("remote").decode("utf-8", "backslashreplace").splitlines()
        of = [remote for remote in remotes if remote_name.startswith(f"{remote}/")]
        remote = max(of, key=len, default=remote_name.partition("/")[0])
        return f"refs/heads/{remote_name[len(remote) + 1 :]}"

    def _one_ref(self, rev: str) -> None:
        # Git takes a tag before a branch of the same name, and whoever may push tags would choose what is trusted.
        if not rev or not rev.isprintable():
            raise CannotSay(f"{rev!r} is no revision")
        match = _NAME.match(rev)
        name = match[0] if match else ""
        if not name or any(c in name for c in "*?[\\ "):
            return
        wanted = [rule.format(name) for rule in _RULES]
        listed = self._git.theirs("for-each-ref", "--format=%(refname)", "--", *wanted)
        # A pattern takes what lies under it as well.
        found = set(listed.decode("utf-8", "backslashreplace").splitlines()).intersection(wanted)
        if len(found) > 1 and name not in found:
            several = " and ".join(sorted(found))
            raise CannotSay(f"{name!r} is the name of {several}: write the one that is meant in full")

    def _resolved(self, *arguments: str) -> str | None:
        # What cannot be resolved is silent under --quiet; what fails otherwise names nothing either.
        status, out, _ = self._git.try_theirs("rev-parse", *arguments)
        return out.decode("utf-8", "backslashreplace").removesuffix("\n") if status == 0 else None

    # --- trees and bytes ---

    def tree(self, treeish: str, folder: str = "") -> Tree:
        """The files under a folder of a commit or tree, by path from the top. A folder that is not there has none."""
        here, prefix = _full(treeish), ""
        refused: list[Refusal] = []
        for name in folder.split("/") if folder else []:
            path = prefix + name
            listed = entries(self._git.ours("ls-tree", "-z", "--full-tree", here), prefix)
            # What some file systems would put into this folder is the proposal's as well.
            alike = [entry for entry in listed if fold(entry.path) == fold(path)]
            refused += sort_out(alike, prefix.removesuffix("/")).refused
            exact = [entry for entry in alike if entry.path == path]
            if len(exact) != 1 or exact[0].mode != TREE:
                if exact and path not in dict(refused):
                    refused.append(Refusal(path, "a file where the folder belongs"))
                return Tree({}, tuple(refused))
            here, prefix = exact[0].oid, f"{path}/"
        found = entries(self._git.ours("ls-tree", "-r", "-t", "-z", "--full-tree", here), prefix)
        within = sort_out(found, folder)
        return Tree(within.blobs, (*refused, *within.refused))

    def blobs(self, oids: Iterable[str], most: int = MAX_BYTES) -> dict[str, bytes]:
        """The bytes of blobs, each read once, all by one process.

        Of one that is larger than ``most`` bytes it is the first ``most + 1``: enough to refuse it.

        Raises:
            CannotSay: a blob is not in this repository.
        """
        return self._objects("blob", oids, most)

    def _objects(self, kind: str, oids: Iterable[str], most: int) -> dict[str, bytes]:
        wanted = list(dict.fromkeys(map(_full, oids)))
        if not wanted:
            return {}
        found = {}
        asked = "".join(f"{oid}\n" for oid in wanted).encode()
        with self._git.streaming("cat-file", "--batch", "--buffer", stdin=asked) as printed:
            for oid in wanted:
                facts = printed.readline().decode("ascii", "replace").split()
                if len(facts) != 3 or facts[:2] != [oid, kind]:  # noqa: PLR2004  # oid, kind, size
                    raise CannotSay(f"{kind} {oid} is missing from this repository: fetch all of its objects")
                size = int(facts[2])
                found[oid] = printed.read(min(size, most + 1))
                left = size + 1 - len(found[oid])  # a line's end follows
                while left and (skipped := len(printed.read(min(left, _CHUNK)))):
                    left -= skipped
                if left:
                    raise CannotSay(f"{kind} {oid} cannot be read to its end: fetch it again")
        return found

    def differences(self, before: str, after: str) -> tuple[Difference, ...]:
        """Every path of the repository whose bytes or mode differ between two commits or trees; renames are two."""
        trees = self._trees((before, after))
        return self._between([(trees[before], trees[after])])[0]

    # --- history ---

    def merge_base(self, one: str, other: str) -> str:
        """The commit from which two went apart.

        Raises:
            CannotSay: there is none or more than one, or the history is not all here.
        """
        self._whole()
        ended = self._git.try_ours("merge-base", "--all", _full(one), _full(other))
        found = ended.out.decode().split()
        match ended.status:
            case _ if ended.err:  # a commit that is missing ends a search quietly, as if it had no parents
                raise failed("merge-base", ended)
            case 0 if len(found) == 1:
                return found[0]
            case 0:
                raise CannotSay(f"{one} and {other} have {len(found)} merge bases: rebase, or merge one into the other")
            case 1:
                raise CannotSay(f"{one} and {other} have no common history: is it the right repository?")
            case _:
                raise failed("merge-base", ended)

    def merged_tree(self, trusted: str, head: str) -> str | Conflict:
        """The tree that merging makes, readable here until this is closed; no attribute or driver has a say in it.

        Raises:
            CannotSay: as merge_base.
        """
        self.merge_base(trusted, head)
        ended = self._merge(trusted, head)
        oid, *paths = ended.out.decode("utf-8", "backslashreplace").split("\0")
        match ended.status:
            case 0 if _OID.fullmatch(oid):
                return oid
            case 1:
                return Conflict(tuple(sorted(path for path in paths if path)))
            case _:
                raise failed("merge-tree", ended)

    def commits(self, base: str, head: str) -> tuple[Commit, ...]:
        """Every commit that is reachable from head by any parent and not from base, children first.

        Raises:
            CannotSay: the history is not all here, or a commit cannot be taken apart.
        """
        self._whole()
        span = f"{_full(base)}..{_full(head)}"
        listed = self._git.ours("rev-list", "--topo-order", "--end-of-options", span, "--").decode().split()
        found = [self._commit(oid, raw) for oid, raw in self._objects("commit", listed, _MOST_OF_A_COMMIT).items()]
        trees = self._trees(parent for commit in found for parent in commit.parents)
        nothing = self._git.ours("hash-object", "-t", "tree", "--stdin").decode().strip()
        befores = [[trees[parent] for parent in commit.parents] or [nothing] for commit in found]
        pairs = [(before, commit.tree) for commit, its in zip(found, befores, strict=True) for before in its]
        differences = iter(self._between(pairs))
        return tuple(
            replace(commit, differences=tuple(next(differences) for _ in its), by_itself=self._by_itself(commit))
            for commit, its in zip(found, befores, strict=True)
        )

    def first_parents(self, since: str | None, until: str) -> tuple[str, ...]:
        """The commits that ``until`` held one after the other and ``since`` did not reach, oldest first.

        Raises:
            CannotSay: the history is not all here.
        """
        self._whole()
        span = f"{_full(since)}..{_full(until)}" if since else _full(until)
        options = ("--first-parent", "--topo-order", "--reverse", "--end-of-options")
        return tuple(self._git.ours("rev-list", *options, span, "--").decode().split())

    def steps(self, commits: Sequence[str]) -> tuple[tuple[Difference, ...], ...]:
        """The differences between each two commits that follow each other in a row."""
        trees = self._trees(commits)
        return self._between([(trees[before], trees[after]) for before, after in pairwise(commits)])

    def told(self, commits: Iterable[str]) -> dict[str, tuple[Commit, datetime | None]]:
        """What commits say of who made them, without what they changed; and when, which is their author's choice."""
        found = self._objects("commit", commits, _MOST_OF_A_COMMIT)
        return {oid: (self._commit(oid, raw), committed_at(raw)) for oid, raw in found.items()}

    def parents(self, heads: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Every commit that some reach, with its parents; children first."""
        self._whole()
        asked = "".join(f"{_full(oid)}\n" for oid in heads).encode()
        listed = self._git.ours("rev-list", "--topo-order", "--parents", "--stdin", stdin=asked).decode()
        return {oid: tuple(others) for oid, *others in (line.split() for line in listed.splitlines())}

    def tags(self, under: str) -> dict[str, bytes]:
        """The annotated tags under a prefix, by their full names: each tag's own bytes. A plain one has none."""
        form = "--format=%(objecttype) %(objectname) %(refname)"
        listed = self._git.theirs("for-each-ref", form, "--", f"refs/tags/{under}").decode("utf-8", "backslashreplace")
        rows = [line.split(" ", 2) for line in listed.splitlines()]
        read = self._objects("tag", [oid for kind, oid, _ in rows if kind == "tag"], _MOST_OF_A_COMMIT)
        return {name: read.get(oid, b"") for _, oid, name in rows}

    def _commit(self, oid: str, raw: bytes) -> Commit:
        try:
            if len(raw) > _MOST_OF_A_COMMIT:
                raise ValueError(f"it is larger than {_MOST_OF_A_COMMIT} bytes")  # noqa: TRY301  # as the others
            commit, message = read_commit(oid, raw)
        except ValueError as error:
            raise CannotSay(f"commit {oid} cannot be read: {error}. Make it again") from error
        if not may_name_others(message):
            return commit
        # Its first line is the subject, and what looks like the end of a patch is still the message.
        printed = self._git.ours("interpret-trailers", "--parse", "--no-divider", stdin=message)
        return replace(commit, co_authors=read_trailers(printed))

    def _by_itself(self, commit: Commit) -> bool:
        if len(commit.parents) != 2:  # noqa: PLR2004  # of three and more `merge-tree` makes nothing
            return False
        ended = self._merge(*commit.parents)
        return ended.status == 0 and ended.out.partition(b"\0")[0] == commit.tree.encode()

    def _merge(self, one: str, other: str) -> Ended:
        options = ("--write-tree", "-z", "--name-only", "--no-messages")
        return self._git.try_ours("merge-tree", *options, _full(one), _full(other))

    def _whole(self) -> None:
        if self._git.is_shallow:
            raise CannotSay(_SHALLOW)

    def _trees(self, commits: Iterable[str]) -> dict[str, str]:
        wanted = list(dict.fromkeys(map(_full, commits)))
        asked = "".join(f"{oid}^{{tree}}\n" for oid in wanted).encode()
        lines = self._git.ours("cat-file", "--batch-check=%(objectname)", stdin=asked).decode().splitlines()
        for oid, line in zip(wanted, lines, strict=True):
            if not _OID.fullmatch(line):
                raise CannotSay(f"commit {oid} is missing from this repository: fetch all of its history")
        return dict(zip(wanted, lines, strict=True))

    def _between(self, pairs: list[tuple[str, str]]) -> tuple[tuple[Difference, ...], ...]:
        asked = "".join(f"{before} {after}\n" for before, after in pairs).encode()
        options = ("--stdin", "-r", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv")
        printed = self._git.ours("diff-tree", *options, stdin=asked)
        try:
            return read_differences(printed, pairs)
        except ValueError as error:
            raise CannotSay(f"git diff-tree: {error}. Fetch all of the repository's objects") from error


def _full(oid: str) -> str:
    if not _OID.fullmatch(oid):
        raise CannotSay(f"{oid!r} is not the full name of an object")
    return oid
