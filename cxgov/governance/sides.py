"""Commits and trees to registries, each tree read once and each blob once for all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cxgov.evidence.git import Repository
from cxgov.evidence.listings import Refusal
from cxgov.governance.changes import Side
from cxgov.governance.freezes import held
from cxgov.governance.sharing import Shared
from cxgov.governance.statements import MAX_STATEMENT
from cxgov.governance.transitions import Meanings
from cxgov.language.diagnostics import Diagnostic
from cxgov.language.loading import APPROVALS, FROZEN
from cxgov.ledger.chain import Ledger
from cxgov.ledger.entries import MAX_ENTRY
from cxgov.ledger.folder import LEDGER, OBJECTS
from cxgov.ledger.objects import MAX_OBJECT
from cxgov.ledger.titles import Known, Titles
from cxgov.meaning.dependencies import Key

# Made as it is asked for, or all of it.
Meaning = Meanings | dict[Key, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a tree holds: a side where it is a valid registry, else what is wrong.

    ``frozen`` are the oids of the ledger's files and objects, by their path in the folder that holds them.
    """

    side: Side | None
    refused: tuple[Refusal, ...]
    problems: tuple[Diagnostic, ...]
    approvals: Mapping[str, bytes]
    frozen: Mapping[str, str]


class Sides:
    """Reads the registry in a folder of a repository at any commit or tree. ``shared`` reads other trees beside it."""

    def __init__(self, repository: Repository, folder: str) -> None:
        self.repository = repository
        self.folder = folder
        self.frozen = f"{folder}/{FROZEN}" if folder else FROZEN
        self.shared = Shared(folder)
        self._blobs: dict[str, bytes] = {}
        self._readings: dict[str, Reading] = {}
        self._ledgers: dict[str, Ledger] = {}
        self._longest: Ledger | None = None
        self._states: dict[str, Meaning | None] = {}
        self._titles: Known = {}

    def read(self, treeish: str) -> Reading:
        """The registry of a commit or tree, by its oid.

        Raises:
            CannotSay: an object is missing.
        """
        if treeish not in self._readings:
            self._readings[treeish] = self._read(treeish)
        return self._readings[treeish]

    def state(self, treeish: str) -> Meaning | None:
        """What every document of a commit means; None where it is no valid registry."""
        if treeish not in self._states:
            side = self.read(treeish).side
            self._states[treeish] = None if side is None else self._meaning(side, held(self.ledger(treeish)))
        return self._states[treeish]

    def _meaning(self, side: Side, beside: dict[Key, str]) -> Meaning:
        return Meanings(side, beside)

    def bytes_of(self, oids: list[str]) -> dict[str, bytes]:
        """The bytes of blobs."""
        self._blobs |= self.repository.blobs([oid for oid in oids if oid not in self._blobs])
        return {oid: self._blobs[oid] for oid in oids}

    def ledger(self, treeish: str) -> Ledger:
        """The ledger of a commit or tree.

        Raises:
            Altered: it is broken.
            CannotSay: an object is missing.
        """
        if treeish not in self._ledgers:
            self._ledgers[treeish] = self._ledger(self.read(treeish).frozen)
        return self._ledgers[treeish]

    def past(self, treeish: str) -> Titles:
        """What metrics were called in the frozen periods of a commit or tree."""
        return Titles(self.ledger(treeish), self._titles)

    def _ledger(self, frozen: Mapping[str, str]) -> Ledger:
        repository = self.repository  # a ledger that knew this would be a circle, and what was read never given back
        files = {path: oid for path, oid in frozen.items() if path.startswith(f"{LEDGER}/")}
        data = repository.blobs(files.values(), most=MAX_ENTRY)

        def object_of(name: str) -> bytes | None:
            oid = frozen.get(f"{OBJECTS}/{name}")
            return None if oid is None else repository.blobs([oid], most=MAX_OBJECT)[oid]

        named = {path.removeprefix(f"{LEDGER}/"): data[oid] for path, oid in files.items()}
        return self._chained(named, object_of)

    def _chained(self, named: Mapping[str, bytes], object_of: Callable[[str], bytes | None]) -> Ledger:
        """A ledger; what it has in common with the longest before it is not read again."""
        found = Ledger(named, object_of, self._longest)
        if self._longest is None or len(found) >= len(self._longest):
            self._longest = found
        return found

    def _read(self, treeish: str) -> Reading:
        found = self.repository.tree(treeish, self.folder)
        top = f"{self.folder}/" if self.folder else ""
        frozen = {path: oid for path, oid in found.blobs.items() if path.startswith(f"{top}{FROZEN}/")}
        # As on disk: what begins with a dot is not the registry's.
        hidden = {path for path in found.blobs if "/." in f"/{path[len(top) :]}"}
        kept = {path: oid for path, oid in found.blobs.items() if path not in frozen and path not in hidden}
        words = {path: kept.pop(path) for path in list(kept) if path.startswith(f"{top}{APPROVALS}/")}
        data, said = self.bytes_of(list(kept.values())), self.repository.blobs(words.values(), most=MAX_STATEMENT)
        approvals = {path: said[oid] for path, oid in words.items()}
        files = {path: data[kept[path]] for path in sorted(kept)}
        registry, problems = self.shared.load(files)
        sound = registry is not None and not found.refused
        return Reading(
            side=Side(registry, files) if registry is not None and sound else None,
            refused=found.refused,
            problems=problems,
            approvals=approvals,
            frozen={path.removeprefix(f"{top}{FROZEN}/"): oid for path, oid in frozen.items()},
        )
