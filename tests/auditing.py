"""A governed repository with two frozen periods and signed approvals, and what the audit says of it."""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from cxgov.api import approve, audit, freeze, gate
from cxgov.governance.audited import Audited
from cxgov.ledger.chain import Ledger
from cxgov.ledger.folder import read_ledger, write_freezing
from tests.gating import HOME, Repo, council, documents, new_key
from tests.support import Document, registry

THEN: Final = datetime(2026, 1, 2, tzinfo=UTC)
NOW: Final = "2026-10-01T00:00:00Z"
SIGNED: Final[Document] = {"classes": ["freeze", "restatement", "policy"], "quorum": 2, "evidence": "signed"}


class Governed(Repo):
    """A repository whose main is governed: a branch is proposed, approved with signatures and merged."""

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics"

    def policy(self, **fields: Any) -> Document:
        """The policy as it lies in the work tree, with other fields."""
        found: Document = json.loads((self.metrics / "council_council.yaml").read_bytes())
        return {**found, **fields}

    def everything(self, limit: int = 9, **fields: Any) -> list[Document]:
        return [*documents(limit, **fields), self.policy(), registry(**HOME)]

    def sign(self, *persons: str, trusted: str = "main", head: str = "proposal") -> None:
        for person in persons:
            found = gate(self.metrics, trusted=trusted, head=head, now=THEN)
            name, data = approve(found, key=self.folder.parent / "keys" / person)
            self.write({f"metrics/approvals/{name}": data})
            self.commit(who=person)

    def merge(self, *options: str) -> str:
        """Merges the proposal, and goes on from there."""
        self.git("checkout", "-q", "main")
        self.git("merge", "-q", *(options or ("--no-ff",)), "-m", "merge", "proposal")
        if "--squash" in options:
            self.git("commit", "-qm", "squashed")
        self.branch()
        return self.git("rev-parse", "main")

    def freeze(self, period: str) -> str:
        """Proposes to freeze a period, has it approved and merges it."""
        write_freezing(self.metrics / "frozen", freeze(self.metrics, period, now=THEN))
        self.commit()
        self.sign("ana", "bob")
        return self.merge()

    def ledger(self) -> Ledger:
        return read_ledger(self.metrics / "frozen")

    def audit(self, **asked: Any) -> Audited:
        """The audit of main, which is checked out for it; with the last entry's digest where nothing else is said."""
        self.git("checkout", "-q", "main")
        return audit(self.metrics, **{"now": datetime.fromisoformat(NOW), **asked})


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a repository in which all is well: a formula that was changed, and two frozen quarters."""
    folder = tmp_path_factory.mktemp("governed")
    (folder / "keys").mkdir()
    its = council()
    its["rules"] = [rule for rule in its["rules"] if rule["classes"] != ["policy"]] + [SIGNED]
    for row in its["members"]:
        row["keys"] = [new_key(folder / "keys", row["person"])]
    repo = Governed(folder / "repo")
    repo.commit(*documents(), its, registry(**HOME))
    repo.branch()
    repo.commit(*repo.everything(7))
    repo.sign("ana", "bob")
    repo.merge()
    repo.freeze("2026-Q2")
    repo.freeze("2026-Q3")
    return folder


@pytest.fixture
def governed(made: Path, tmp_path: Path) -> Governed:
    """A copy of it, on a branch for a proposal."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    found = Governed.__new__(Governed)
    found.folder = tmp_path / "repo"
    found.its = _opened(found.folder)
    return found


def _opened(folder: Path) -> Any:
    from tests import repos

    found = repos.Repo.__new__(repos.Repo)
    found.folder, found.seconds = folder, repos.START + 1000
    return found


def tag(repo: Governed, sequence: int, person: str, name: str | None = None) -> None:
    """Tags main as the commit with an entry, signed by a member."""
    key = repo.folder.parent / "keys" / person
    signing = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}")
    repo.git(*signing, "tag", "-s", "-m", "kept", name or f"cxgov/ledger/{sequence}", "main")


def clone(repo: Governed, folder: Path, *options: str) -> Path:
    """The registry's folder in a clone of main."""
    command = ["git", "clone", "-q", "--branch", "main", *options, f"file://{repo.folder}", str(folder)]
    subprocess.run(command, check=True, capture_output=True, env={"PATH": os.environ["PATH"]})
    return folder / "metrics"
