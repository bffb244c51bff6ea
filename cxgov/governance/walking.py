"""Sides of the commits of one line, one after the other: what a commit leaves as it was is not read again."""

from collections.abc import Callable, Mapping
from typing import Final

from cxgov.evidence.git import Repository
from cxgov.governance.changes import Side
from cxgov.governance.sides import Meaning, Reading, Sides
from cxgov.governance.transitions import Meanings
from cxgov.ledger.chain import Ledger
from cxgov.ledger.entries import MAX_ENTRY
from cxgov.ledger.folder import LEDGER, OBJECTS
from cxgov.ledger.objects import MAX_OBJECT
from cxgov.meaning.dependencies import Key

# A step needs the two that it is between, and an approval that of its own commit and where that began.
_MOST: Final = 8


class Line(Sides):
    """The sides of a line of commits. Only the last few registries are kept, and of every commit what it means."""

    def __init__(self, repository: Repository, folder: str) -> None:
        super().__init__(repository, folder)
        self._alike: dict[str, str] = {}
        self._entries: dict[str, bytes] = {}
        self._held: dict[str, bytes] = {}

    def alike(self, commit: str, other: str) -> None:
        """Says that a commit holds the same registry as one before it."""
        self._alike[commit] = self._alike.get(other, other)

    def read(self, treeish: str) -> Reading:
        """As that of Sides."""
        name = self._alike.get(treeish, treeish)
        found = super().read(name)
        while len(self._readings) > _MOST:
            del self._readings[next(iter(self._readings))]
        self._readings[name] = self._readings.pop(name)
        return found

    def state(self, treeish: str) -> Meaning | None:
        """As that of Sides."""
        return super().state(self._alike.get(treeish, treeish))

    def _meaning(self, side: Side, beside: dict[Key, str]) -> Meaning:
        # What is made later would keep the registry.
        return dict(Meanings(side, beside))

    def ledger(self, treeish: str) -> Ledger:
        """As that of Sides, at the cost of the entries that have not been seen yet."""
        return super().ledger(self._alike.get(treeish, treeish))

    def _ledger(self, frozen: Mapping[str, str]) -> Ledger:
        files = {path: oid for path, oid in frozen.items() if path.startswith(f"{LEDGER}/")}
        new = [oid for oid in files.values() if oid not in self._entries]
        self._entries |= self.repository.blobs(new, most=MAX_ENTRY)
        named = {path.removeprefix(f"{LEDGER}/"): self._entries[oid] for path, oid in files.items()}
        return self._chained(named, self._objects(frozen))

    def _objects(self, frozen: Mapping[str, str]) -> Callable[[str], bytes | None]:
        """Objects by name, all of a commit's read at once, and the last commit's kept: git takes as long for one."""

        def object_of(name: str) -> bytes | None:
            oid = frozen.get(f"{OBJECTS}/{name}")
            if oid is None:
                return None
            if oid not in self._held:
                wanted = [its for path, its in frozen.items() if path.startswith(f"{OBJECTS}/")]
                self._held = self.repository.blobs(wanted, most=MAX_OBJECT)
            return self._held[oid]

        return object_of
