"""Real repositories made in a test: fixed persons and dates, the same oids on every machine."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

ENVIRONMENT: Final = {"PATH": os.environ["PATH"]}


class Person(NamedTuple):
    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


ANN: Final = Person("Ann", "ann@airline.example")
BEN: Final = Person("Ben", "1002+ben@users.noreply.github.com")
CAM: Final = Person("Cam", "cam@airline.example")
FORGE: Final = Person("GitHub", "noreply@github.com")
START: Final = 1_767_225_600  # 2026-01-01T00:00:00Z


class Repo:
    """A repository with its work tree. A commit is a second later than the one before it, whoever makes it."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.seconds = START
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--template=", "--initial-branch=main", *options)

    def run(
        self, *arguments: str, stdin: bytes = b"", author: Person = ANN, committer: Person | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        by = committer or author
        date = f"@{self.seconds} +0000"  # with @, any number is a time
        environment = ENVIRONMENT | {
            "GIT_AUTHOR_DATE": date,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_NAME": author.name,
            "GIT_COMMITTER_DATE": date,
            "GIT_COMMITTER_EMAIL": by.email,
            "GIT_COMMITTER_NAME": by.name,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C",
        }
        return subprocess.run(
            ["git", *arguments], input=stdin, capture_output=True, check=False, env=environment, cwd=self.folder
        )

    def git(self, *arguments: str, stdin: bytes = b"", author: Person = ANN, committer: Person | None = None) -> str:
        done = self.run(*arguments, stdin=stdin, author=author, committer=committer)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Files of the work tree; None removes one."""
        for name, text in files.items():
            path = self.folder / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)

    def commit(
        self,
        files: Mapping[str, str | bytes | None],
        message: str = "A change",
        *,
        author: Person = ANN,
        committer: Person | None = None,
        at: int | None = None,
    ) -> str:
        self.write(files)
        self.seconds, later = (at, self.seconds) if at is not None else (self.seconds + 1, 0)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message, author=author, committer=committer)
        self.seconds = later or self.seconds
        return self.head()

    def merge(self, *others: str, author: Person = ANN, options: Iterable[str] = ()) -> str:
        self.seconds += 1
        self.git("merge", "--quiet", "--no-ff", "--no-edit", *options, *others, author=author)
        return self.head()

    def switch(self, branch: str, at: str | None = None) -> None:
        """Goes to a branch, made anew where it is said at which commit."""
        self.git("switch", "--quiet", *(("-C", branch, at) if at else (branch,)))

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    # --- what no work tree can hold ---

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", stdin=content)

    def tree(self, *rows: tuple[str, str | bytes, str]) -> str:
        """A tree of (mode, name, oid) exactly as given: git's own checks are not asked."""
        raw = b"".join(
            b"%s %s\0" % (mode.encode(), name if isinstance(name, bytes) else name.encode()) + bytes.fromhex(oid)
            for mode, name, oid in rows
        )
        return self.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=raw)

    def commit_tree(self, tree: str, *parents: str, message: str = "A change", author: Person = ANN) -> str:
        self.seconds += 1
        given = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", tree, *given, "-m", message, author=author)

    def raw_commit(self, content: bytes) -> str:
        return self.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=content)
