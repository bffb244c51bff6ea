"""Git repositories with a registry and a council of two, one of whom signs."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.registries import documents

_COUNCIL: Final = """apiVersion: cxgov/v1
kind: Council
id: council
version: 1.0.0
sequence: 1
title: Council of the bench
owner: vp-cx
members:
  - {{person: ana, seat: insights, github: 1001, emails: [ana@example.org], until: 2099-12-31, keys: ["{key}"]}}
  - {{person: bob, seat: finance, github: 1002, emails: [bob@example.org], until: 2099-12-31}}
rules: [{{classes: [formula, population, freeze], quorum: 1}}]
"""
_WHO: Final = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Zed"), ("EMAIL", "zed@example.org"), ("DATE", "2026-01-02T03:04:05Z"))
}
# Of the machine's own configuration nothing counts; packing in the background would be measured too.
_GIT: Final = {**os.environ, **_WHO, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def founded(folder: Path, metrics: int) -> Path:
    """A repository of a registry with so many metrics; the registry's folder.

    Beside it lies the private key of a member, ``key``.
    """
    key = folder / "key"
    folder.mkdir(parents=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True)
    registry = folder / "metrics"
    its = documents(metrics)
    its["registry.yaml"] += "repository: example/bench\nref: refs/heads/main\n"
    its["council.yaml"] = _COUNCIL.format(key=(folder / "key.pub").read_text(encoding="ascii").strip())
    write(registry, its)
    write(folder, {".gitignore": "key*\n"})
    committed(folder)
    return registry


def git(folder: Path, *arguments: str) -> str:
    """What git prints in a folder."""
    done = subprocess.run(["git", *arguments], cwd=folder, env=_GIT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def committed(folder: Path) -> None:
    """Everything in a folder as a commit, packed."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--template=", "--initial-branch=main")
        git(folder, "config", "gc.auto", "0")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A step")
    git(folder, "repack", "-a", "-d", "-q")


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Files by their path in a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
