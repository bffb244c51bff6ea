"""Commits of the forge to objects in a clone. Nothing is checked out, and only remote branches move."""

import base64
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cxgov.evidence.failures import CannotSay
from cxgov.evidence.programs import bare_environment, program
from cxgov.language.diagnostics import visible

_TIMEOUT: Final = 600
_OPTIONS: Final = ("-c", f"core.hooksPath={os.devnull}", "-c", "credential.helper=", "-c", "gc.auto=0")
_FETCH: Final = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")


class Clone:
    """A clone whose remote ``origin`` is the forge's; the token is given to git for the forge's own address only.

    Raises:
        CannotSay: there is no git.
    """

    def __init__(self, top: Path, environment: Mapping[str, str]) -> None:
        git = program("git", environment, "git 2.39 or later")
        self._git = (git, f"--git-dir={top / '.git'}", *_OPTIONS)
        self._environment = bare_environment(environment) | {
            "GIT_ALLOW_PROTOCOL": "file:https:ssh",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }
        server, token = environment.get("GITHUB_SERVER_URL", ""), environment.get("GITHUB_TOKEN", "")
        if server.startswith("https://") and token:
            # By the environment, as arguments can be read by every process of the machine.
            pair = base64.b64encode(f"x-access-token:{token}".encode()).decode()
            self._environment |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": f"http.{server.rstrip('/')}/.extraheader",
                "GIT_CONFIG_VALUE_0": f"AUTHORIZATION: basic {pair}",
            }

    def branch(self, name: str) -> str:
        """Fetches a branch as it is now, and gives the ref under which it lies here.

        Raises:
            CannotSay: it cannot be fetched.
        """
        ref = f"refs/remotes/origin/{name}"
        self._fetch(f"branch {name}", f"+refs/heads/{name}:{ref}")
        return ref

    def commit(self, oid: str) -> None:
        """Fetches a commit with its history, unless it is here.

        Raises:
            CannotSay: it cannot be fetched.
        """
        if self._run("cat-file", "-e", f"{oid}^{{commit}}").returncode:
            self._fetch(f"commit {oid}", oid)

    def _fetch(self, what: str, spec: str) -> None:
        ended = self._run(*_FETCH, "--end-of-options", "origin", spec)
        if ended.returncode:
            said = ended.stderr.decode("utf-8", "backslashreplace").strip().splitlines() or ["no reason given"]
            raise CannotSay(f"{what} cannot be fetched: {visible(said[0])}")

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                (*self._git, *arguments),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                env=self._environment,
                timeout=_TIMEOUT,
            )
        except subprocess.TimeoutExpired as error:
            raise CannotSay(f"git {arguments[0]} did not end within {_TIMEOUT} seconds") from error
