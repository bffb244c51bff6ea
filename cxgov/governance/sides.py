"""Commits and trees to registries, each tree read once and each blob once for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from cxgov.governance.changes import Side
from cxgov.governance.dependencies import Key
from cxgov.governance.git import Repository
from cxgov.governance.listings import Refusal
from cxgov.governance.transitions import state
from cxgov.language.diagnostics import Diagnostic
from cxgov.language.loading import APPROVALS, load


@dataclass(frozen=True, slots=True)
class Reading:
    """What a tree holds: a side where it is a valid registry, else what is wrong."""

    side: Side | None
    refused: tuple[Refusal, ...]
    problems: tuple[Diagnostic, ...]
    approvals: Mapping[str, bytes]


class Sides:
    """Reads the registry in a folder of a repository at any commit or tree."""

    def __init__(self, repository: Repository, folder: str) -> None:
        self.repository = repository
        self.folder = folder
        self._blobs: dict[str, bytes] = {}
        self._readings: dict[str, Reading] = {}
        self._states: dict[str, dict[Key, str] | None] = {}

    def read(self, treeish: str) -> Reading:
        """The registry of a commit or tree, by its oid.

        Raises:
            CannotSay: an object is missing.
        """
        if treeish not in self._readings:
            self._readings[treeish] = self._read(treeish)
        return self._readings[treeish]

    def state(self, treeish: str) -> dict[Key, str] | None:
        """What every document of a commit means; None where it is no valid registry."""
        if treeish not in self._states:
            side = self.read(treeish).side
            self._states[treeish] = state(side.registry) if side is not None else None
        return self._states[treeish]

    def bytes_of(self, oids: list[str]) -> dict[str, bytes]:
        """The bytes of blobs."""
        self._blobs |= self.repository.blobs([oid for oid in oids if oid not in self._blobs])
        return {oid: self._blobs[oid] for oid in oids}

    def _read(self, treeish: str) -> Reading:
        found = self.repository.tree(treeish, self.folder)
        data = self.bytes_of([blob.oid for blob in found.blobs.values()])
        apart = f"{self.folder}/{APPROVALS}/" if self.folder else f"{APPROVALS}/"
        # As on disk: what begins with a dot is not the registry's.
        names = {path: path.removeprefix(f"{self.folder}/").split("/") for path in found.blobs}
        kept = {path for path, parts in names.items() if not any(part.startswith(".") for part in parts)}
        approvals = {path: data[found.blobs[path].oid] for path in kept if path.startswith(apart)}
        files = {path: data[found.blobs[path].oid] for path in sorted(kept) if path not in approvals}
        registry, problems = load(files)
        sound = registry is not None and not found.refused
        return Reading(
            side=Side(registry, files) if registry is not None and sound else None,
            refused=found.refused,
            problems=problems,
            approvals=approvals,
        )
