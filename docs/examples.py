"""The examples of hand-written pages: run in a folder of their own, compared, or written anew.

    python docs/examples.py [--check] [--demo REGISTRY] [--dbt PROGRAM] [PAGE ...]

A page that has examples says in which folder they run: ``<!-- examples: empty -->``, or ``demo`` for a copy of the
reference registry with its data (REGISTRY, by default metrics/, after ``make demo``), or ``git`` for such a copy in a
repository of its own. In order of the page:

``console``  each line ``$ command`` is run, and what follows is its output. ``exit=N`` behind ``console`` is the exit
             code of the block's last command, otherwise 0.
``pycon``    as in Python's own console.
``yaml``     with a path in its first comment, ``# metrics/…``: the block is written to that file.

``shell-session``  as ``console``, and run only where ``--dbt`` names the dbt that its page is about.
"""

import argparse
import contextlib
import difflib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from cxgov.cli.main import exit_code

ROOT: Final = Path(__file__).resolve().parents[1]
_MARK: Final = re.compile(r"^<!-- examples: (empty|demo|git) -->$", re.MULTILINE)
_BLOCK: Final = re.compile(r"^```(console|pycon|yaml|shell-session)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH: Final = re.compile(r"# ((?:metrics|dbt)/[\w./-]+\.ya?ml)\n")
# The clock of the machine decides whether this note is there.
_EARLY: Final = re.compile(r"\n+!  asked before its `as of`: rows may still arrive$", re.MULTILINE)


class Runner:
    """Runs the blocks of one page; ``folder`` is where its commands run, ``dbt`` a program that they may call."""

    def __init__(self, folder: Path, dbt: Path | None = None) -> None:
        self.folder = folder
        self.dbt = dbt
        self.names: dict[str, Any] = {"__name__": "__console__"}

    def block(self, found: re.Match[str]) -> str:
        """A block as it must stand in the page."""
        language, info, body = found.groups()
        match language:
            case "shell-session" if self.dbt is None:
                pass
            case "console" | "shell-session":
                body = self.console(body, int(info.partition("exit=")[2] or 0))
            case "pycon":
                body = self.python(body)
            case _ if path := _PATH.match(body):
                target = self.folder / path[1]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(body, encoding="utf-8")
        return f"```{language}{info}\n{body}```"

    def console(self, body: str, code: int) -> str:
        commands = [line[2:] for line in body.splitlines() if line.startswith("$ ")]
        written = []
        for i, command in enumerate(commands):
            ended, answer = self.cxgov(command) if command.startswith("cxgov ") else self.shell(command)
            wanted = code if i == len(commands) - 1 else 0
            if ended != wanted:
                raise SystemExit(f"`{command}` ends with {ended}, not {wanted}:\n{answer}")
            output = _EARLY.sub("", answer.rstrip("\n"))
            written.append(f"$ {command}\n{output}\n" if output else f"$ {command}\n")
        return "".join(written)

    def cxgov(self, command: str) -> tuple[int, str]:
        """Exit code and output of our own command, without starting a process for each."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output), contextlib.chdir(self.folder):
            return exit_code(shlex.split(command)[1:]), output.getvalue()

    def shell(self, command: str) -> tuple[int, str]:
        """Exit code and output of any other command."""
        found = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={**os.environ, **({"PATH": f"{self.dbt.parent}:{os.environ['PATH']}"} if self.dbt else {})},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        return found.returncode, found.stdout + found.stderr

    def python(self, body: str) -> str:
        sources: list[list[str]] = []
        for line in body.splitlines():
            if line.startswith(">>> "):
                sources.append([line])
            elif line.startswith("..."):
                sources[-1].append(line)
        written = []
        for lines in sources:
            output = io.StringIO()
            source = "\n".join(line[4:] for line in lines) + "\n"
            with contextlib.redirect_stdout(output), contextlib.chdir(self.folder):
                try:
                    exec(compile(source, "<page>", "single"), self.names)  # noqa: S102  # a page's own example
                except Exception as problem:  # noqa: BLE001  # shown, as Python's console shows it
                    name = f"{type(problem).__module__}.{type(problem).__qualname__}"
                    output.write(f"Traceback (most recent call last):\n  ...\n{name}: {problem}\n")
            written.append("\n".join(lines) + "\n" + output.getvalue())
        return "".join(written)


def page_with_outputs(text: str, demo: Path, dbt: Path | None = None) -> str:
    """A page whose examples have the output that they have today."""
    mark = _MARK.search(text)
    assert mark is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {"COLUMNS": "100", "XDG_CACHE_HOME": str(folder / ".cache")}
        if mark[1] != "empty":
            shutil.copytree(demo, folder / "metrics")
        if mark[1] == "git":
            commit(folder)
        return _BLOCK.sub(Runner(folder, dbt).block, text)


def commit(folder: Path) -> None:
    """Makes a repository of a folder, as on every machine; the data of the demo is not in it."""
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ana"), ("EMAIL", "ana@example.org"), ("DATE", "2026-01-02T03:04:05Z"))
    }
    os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **who}
    for arguments in (
        ["init", "--quiet", "--template=", "--initial-branch=main"],
        ["add", "metrics/*.yaml", "metrics/*.md"],
        ["commit", "--quiet", "--message", "The registry as it is governed"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)


def pages() -> list[Path]:
    """Every page that has examples."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [page for page in found if _MARK.search(page.read_text(encoding="utf-8"))]


def main() -> int:
    """Writes outputs anew; with ``--check`` shows what differs, and gives 1 where anything does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--demo", type=Path, default=ROOT / "metrics")
    parser.add_argument("--dbt", type=Path)
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE")
    given = parser.parse_args()
    code = 0
    for page in given.pages or pages():
        text = page.read_text(encoding="utf-8")
        wanted = page_with_outputs(text, given.demo.resolve(), given.dbt and given.dbt.absolute())
        if wanted == text:
            continue
        print(
            "".join(difflib.unified_diff(text.splitlines(True), wanted.splitlines(True), str(page), "as it is today"))
        )
        code = 1
        if not given.check:
            page.write_text(wanted, encoding="utf-8")
    return code if given.check else 0


if __name__ == "__main__":
    sys.exit(main())
