"""A path to the git repository around it, and to a bare one of our own that borrows its objects and nothing else.

Of the other's hooks, configuration, attributes, replacements, grafts and remotes none is seen in ours, and what git
writes for us lies in ours. Only names are looked up in the other.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO as Stream  # noqa: N811  # a binary stream
from typing import Final, NamedTuple

from cxgov.evidence.failures import CannotSay
from cxgov.evidence.programs import bare_environment, program

_INSTALL: Final = "git 2.39 or later"
_ENVIRONMENT: Final = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
}
_OPTIONS: Final = (
    "--no-pager",
    "-c",
    "core.commitGraph=false",  # a copy of what commits say, which nobody has checked against them
    "-c",
    f"core.hooksPath={os.devnull}",
)


class Ended(NamedTuple):
    """What a run of git left."""

    status: int
    out: bytes
    err: bytes


class Borrowed:
    """The repository at or above a path, and ours. ``top`` is its work tree's, where it has one.

    Raises:
        CannotSay: there is no repository, or no git to read it.
    """

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        git = program("git", environment, _INSTALL)
        git_dir, self.top = _found(path)
        self._folder = TemporaryDirectory(prefix="cxgov-git-")
        home = Path(self._folder.name)
        # Git reads attributes below the home folder whatever its configuration says; of grafts, there is no file.
        own = {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "GIT_GRAFT_FILE": str(home / "grafts")}
        self._environment = bare_environment(environment) | _ENVIRONMENT | own
        self._their_git = (git, f"--git-dir={git_dir}", *_OPTIONS)
        self._our_git = (git, f"--git-dir={home / 'ours.git'}", *_OPTIONS)
        try:
            asked = ("--is-shallow-repository", "--path-format=absolute", "--git-path", "objects")
            form, shallow, objects = self.theirs("rev-parse", "--show-object-format", *asked).split(b"\n", 2)
            self.is_shallow = shallow == b"true"
            self.ours("init", "--quiet", "--bare", "--template=", f"--object-format={form.decode()}")
            # In quotes a line is read by its escapes, so that a folder of any name can stand in it.
            line = objects.removesuffix(b"\n").replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
            (home / "ours.git/objects/info/alternates").write_bytes(b'"%s"\n' % line)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Removes ours. The other was never written to."""
        self._folder.cleanup()

    def theirs(self, *arguments: str) -> bytes:
        """What git prints in the repository itself.

        Raises:
            CannotSay: it fails.
        """
        return _good(arguments[0], self.try_theirs(*arguments))

    def ours(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What git prints in ours.

        Raises:
            CannotSay: it fails.
        """
        return _good(arguments[0], self.try_ours(*arguments, stdin=stdin))

    def try_theirs(self, *arguments: str) -> Ended:
        """As theirs, with the status for the caller to judge."""
        return self._run((*self._their_git, *arguments), b"")

    def try_ours(self, *arguments: str, stdin: bytes = b"") -> Ended:
        """As ours, with the status for the caller to judge."""
        return self._run((*self._our_git, *arguments), stdin)

    @contextmanager
    def streaming(self, *arguments: str, stdin: bytes) -> Iterator[Stream[bytes]]:
        """What git prints in ours, to be read while it prints; it is ended when the reader is done."""
        # A file, as a pipe would fill up while git waits for its own to be read.
        with TemporaryFile() as asked:
            asked.write(stdin)
            asked.seek(0)
            with subprocess.Popen(
                (*self._our_git, *arguments),
                stdin=asked,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment,
                cwd=self._folder.name,
                bufsize=1 << 16,
            ) as process:
                assert process.stdout is not None
                try:
                    yield process.stdout
                finally:
                    process.kill()

    def _run(self, command: tuple[str, ...], stdin: bytes) -> Ended:
        done = subprocess.run(
            command, input=stdin, capture_output=True, check=False, env=self._environment, cwd=self._folder.name
        )
        return Ended(done.returncode, done.stdout, done.stderr)


def failed(verb: str, ended: Ended) -> CannotSay:
    """The failure of a command, in git's own first words."""
    lines = ended.err.decode("utf-8", "backslashreplace").strip().splitlines() or ["no reason given"]
    return CannotSay(f"git {verb}: {lines[0]}. Are all objects fetched, and is it {_INSTALL}?")


def _good(verb: str, ended: Ended) -> bytes:
    if ended.status:
        raise failed(verb, ended)
    return ended.out


def _found(path: Path) -> tuple[str, Path | None]:
    """Git's folder for a path, and the top of the work tree."""
    try:
        from git import Repo  # noqa: PLC0415  # takes a tenth of a second, and runs git to find it
        from git.exc import InvalidGitRepositoryError, NoSuchPathError  # noqa: PLC0415
    except ImportError as error:
        raise CannotSay(f"git is not installed: install {_INSTALL}") from error
    try:
        with Repo(path.absolute(), search_parent_directories=True, expand_vars=False) as repo:
            git_dir = Path(repo.git_dir).resolve()
            top = None if repo.bare or repo.working_tree_dir is None else Path(repo.working_tree_dir)
    except (InvalidGitRepositoryError, NoSuchPathError) as error:
        raise CannotSay(f"{str(path)!r} is in no git repository: name one, or `git init`") from error
    if git_dir.name != ".git" and path.resolve().is_relative_to(git_dir):
        # Files named HEAD, objects and refs can be committed, and would make their folder a repository.
        try:
            Repo(git_dir.parent, search_parent_directories=True, expand_vars=False).close()
        except InvalidGitRepositoryError:
            pass
        else:
            raise CannotSay(f"{str(git_dir)!r} is a repository within another one: name the one that is meant")
    return str(git_dir), top
