"""Frozen and approved bytes on disk against those that are committed, and whether what lies there can be read."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final

from cxgov.evidence.git import Repository
from cxgov.governance.audited import Kind, Trouble
from cxgov.language.diagnostics import visible
from cxgov.language.loading import APPROVALS, FROZEN
from cxgov.ledger.chain import Altered
from cxgov.ledger.entries import MAX_ENTRY
from cxgov.ledger.folder import OBJECTS, read_ledger

_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDisk:
    """What is wrong on disk, what is there besides, and the digests of the entries that can be read there."""

    troubles: tuple[Trouble, ...] = ()
    notes: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()


def held_on_disk(repository: Repository, folder: Path, committed: Mapping[str, str]) -> OnDisk:
    """What of a registry's folder was altered since it was committed, and what is there besides.

    ``committed`` are the oids of what is frozen and approved, by their path in the folder.
    """
    troubles = [_altered(path, why) for path, why in _differing(repository, folder, committed)]
    named: set[str] = set()
    digests: tuple[str, ...] = ()
    try:
        ledger = read_ledger(folder / FROZEN)
        objects = {its.object: its for entry in ledger.entries() for its in entry.metrics.values()}
        # What differs from the commits was told above; of an entry that is not committed yet nobody else would say it.
        for its in objects.values():
            ledger.object(its)
        named, digests = set(objects), tuple(ledger.digests)
    except (Altered, OSError) as failure:
        troubles.append(_altered(FROZEN, f"cannot be read on disk: {failure}"))
    notes = []
    for path in sorted(path for path in _paths(folder) if path not in committed):
        top, _, name = path.rpartition("/")
        if name.startswith("."):
            notes.append(f"{visible(path)} was left by a freeze that was ended; it can be removed")
        elif top == f"{FROZEN}/{OBJECTS}" and name not in named:
            notes.append(f"{visible(path)} is named by no entry; the next freeze takes it up, or it can be removed")
        elif path.startswith(f"{APPROVALS}/") and not _is_named(folder, path):
            troubles.append(_altered(path, "is not named after its bytes"))
        else:
            notes.append(f"{visible(path)} is not committed yet")
    return OnDisk(troubles=tuple(troubles), notes=tuple(notes), digests=digests)


def _is_named(folder: Path, path: str) -> bool:
    return _is_plain(folder, path) and sha256((folder / path).read_bytes()).hexdigest() == path.rpartition("/")[2]


def _differing(repository: Repository, folder: Path, committed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    waiting = iter(sorted(committed.items()))
    while batch := list(islice(waiting, _AT_ONCE)):
        blobs = repository.blobs([oid for _, oid in batch], most=MAX_ENTRY)
        for path, oid in batch:
            try:
                if not _is_plain(folder, path):
                    yield path, "is missing, or no plain file"
                elif (folder / path).read_bytes() != blobs[oid]:
                    yield path, "has other bytes on disk than those that are committed"
            except OSError as error:
                yield path, f"cannot be read on disk: {error.strerror}"


def _is_plain(folder: Path, path: str) -> bool:
    # Also of its folders: what a link leads to is not this registry's.
    here = folder
    for name in path.split("/"):
        here /= name
        if here.is_symlink():
            return False
    return here.is_file()


def _paths(folder: Path) -> Iterator[str]:
    for name in (FROZEN, APPROVALS):
        for here, _, names in os.walk(folder / name):
            for its in names:
                yield (Path(here) / its).relative_to(folder).as_posix()


def _altered(path: str, why: str) -> Trouble:
    return Trouble(
        kind=Kind.ALTERED,
        message=f"{visible(path)} {why}",
        fix="git restore it, after a copy of what is there now was kept for whoever asks how it came about",
    )
