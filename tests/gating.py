"""A registry with a council in a real repository, proposals to it, what is said of them, and the gate's answer."""

import json
import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from cxgov.api import approve
from cxgov.evidence.git import Repository
from cxgov.governance.gate import Gated, gate
from cxgov.governance.steps import Asked
from tests import repos
from tests.support import Document, document, metric, registry, source, threshold, tree

NOW: Final = datetime(2026, 10, 1, tzinfo=UTC)
ACCOUNTS: Final = {"ana": 1001, "bob": 1002, "cy": 1003, "dee": 1004}
SEATS: Final = {"ana": "insights", "bob": "finance", "cy": "finance", "dee": "support"}
HOME: Final = {"repository": "example/metrics", "ref": "refs/heads/main"}


def members() -> list[Document]:
    return [
        {
            "person": person,
            "seat": SEATS[person],
            "github": number,
            "emails": [f"{person}@example.org"],
            "until": "2027-12-31",
        }
        for person, number in ACCOUNTS.items()
    ]


def council(**fields: Any) -> Document:
    rules: list[Document] = [
        {
            "classes": ["formula", "source", "population", "certification", "removal", "calendar", "exclusion"],
            "quorum": 2,
            "veto": ["finance"],
        },
        {"classes": ["threshold_tightened", "threshold_loosened", "additive", "ownership"], "quorum": 1},
        {"classes": ["policy"], "quorum": 3},
        {"classes": ["editorial", "draft"], "quorum": 1},
    ]
    common = {
        "sequence": 1,
        "members": members(),
        "rules": rules,
        "guards": {".github/**": "policy", "CODEOWNERS": "policy"},
    }
    return document("Council", "council", **{**common, **fields})


def documents(limit: int = 9, target: int = 40, version: str | None = None, **fields: Any) -> list[Document]:
    nps = {"net_share": {"plus": f"score >= {limit}", "minus": "score <= 6"}}
    bands = [{"name": "low", "below": 10}, {"name": "good"}]
    shown = {"source": "answers", "time": "at", "unit": "points", "direction": "higher_is_better"}
    said = version or ("1.0.0" if limit == 9 else "2.0.0")
    return [
        source("answers", {"id": "integer", "score": "integer", "at": "instant"}),
        metric("nps", nps, **{"version": said, **shown, **fields}),
        threshold("nps_month", "nps", bands=bands, target=target, version="1.0.0" if target == 40 else "1.1.0"),
    ]


def files(*made: Document) -> dict[str, bytes]:
    """The files of a registry, by path."""
    return {f"metrics/{name}": data for name, data in tree(made).items()}


class Repo:
    """A repository whose registry lies in ``metrics/``; a commit is a second later than the one before it."""

    def __init__(self, folder: Path) -> None:
        self.its = repos.Repo(folder)
        self.folder = folder

    def git(self, *arguments: str, who: str = "root") -> str:
        self.its.seconds += 1
        return self.its.git(*arguments, author=repos.Person(who, f"{who}@example.org"))

    def write(self, written: Mapping[str, str | bytes | None]) -> None:
        self.its.write(written)

    def commit(self, *made: Document, who: str = "root", message: str = "change", **written: bytes) -> str:
        """Commits a whole registry."""
        if made:
            for path in (self.folder / "metrics").glob("*") if (self.folder / "metrics").exists() else ():
                if path.is_file():
                    path.unlink()
            self.write(files(*made))
        self.write({name.replace("__", "/"): data for name, data in written.items()})
        self.git("add", "-A")
        self.git("commit", "-qm", message, "--allow-empty", who=who)
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str = "proposal", at: str = "main") -> None:
        self.git("checkout", "-q", "-B", name, at)

    def land(self, *made: Document) -> str:
        """Commits a whole registry to main, and comes back."""
        self.git("checkout", "-q", "main")
        found = self.commit(*made)
        self.git("checkout", "-q", "proposal")
        return found

    def judge(self, *reviews: Document, trusted: str = "main", head: str = "proposal", **asked: Any) -> Gated:
        with Repository(self.folder, os.environ) as repository:
            its = {"now": NOW, "reviews": [json.dumps(list(reviews)).encode()], **asked}
            return gate(repository, "metrics", Asked(trusted=trusted, head=head, **its), os.environ)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository whose main has a registry and a council, on a branch for a proposal."""
    found = Repo(tmp_path)
    found.commit(*documents(), council())
    found.branch()
    return found


def review(person: str, commit: str, state: str = "APPROVED", at: int = 1, **fields: Any) -> Document:
    user = {"id": ACCOUNTS.get(person, 9999), "login": person, "type": "User"}
    common = {
        "user": user,
        "state": state,
        "commit_id": commit,
        "submitted_at": f"2026-09-20T00:00:{at:02}Z",
        "body": "",
    }
    return {**common, **fields}


def missing(found: Gated) -> list[str]:
    assert found.verdict is not None
    return [said for demand in found.verdict.demands for said in demand.missing]


def why(found: Gated, person: str) -> set[str]:
    assert found.verdict is not None
    every = [*found.verdict.ignored, *(its for demand in found.verdict.demands for its in demand.ignored)]
    return {its.why for its in every if its.who == person}


# --- signatures ---


def new_key(folder: Path, name: str) -> str:
    """Makes a key in a folder; its public line."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
    return (folder / f"{name}.pub").read_text(encoding="ascii").strip()


@pytest.fixture
def signing(tmp_path: Path) -> Repo:
    """A repository whose council's members have keys, in the folder ``keys`` beside it, and a proposal."""
    keys = tmp_path / "keys"
    keys.mkdir()
    its = council()
    for row in its["members"]:
        row["keys"] = [new_key(keys, row["person"])]
    found = Repo(tmp_path / "repo")
    found.commit(*documents(), its, registry(**HOME))
    found.branch()
    found.commit(*documents(7), its, registry(**HOME))
    return found


def sign_approval(repo: Repo, person: str, head: str = "proposal", trusted: str = "main") -> dict[str, bytes]:
    """The file of a member's approval by its path."""
    name, data = approve(repo.judge(head=head, trusted=trusted), key=repo.folder.parent / "keys" / person)
    return {f"metrics/approvals/{name}": data}
