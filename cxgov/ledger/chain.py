"""The chain of a ledger's entries, each naming the bytes of the one before it, so that none can be edited unseen."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cxgov.ledger.entries import AnyEntry, Entry, FrozenMetric, SignedEntry, file_name, read_entry
from cxgov.ledger.forms import digest, sql1
from cxgov.ledger.objects import Frozen, read_object

_NAME: Final = re.compile(r"([0-9]{6})\.json")
# Two facts of an entry, without reading all of it. At one blank only the top's keys stand.
_PREVIOUS: Final = re.compile(rb'^ "previous": (?:null|"([0-9a-f]{64})"),?$', re.MULTILINE)
_PERIOD: Final = re.compile(rb'^ "period": \{$.*?^  "id": "([^"\\]+)",$', re.MULTILINE | re.DOTALL)


class Altered(Exception):
    """Bytes of the ledger are not those that were written. The message says which."""


class Ledger:
    """The entries of a registry in their order, and the objects that they name.

    ``files`` are the ledger's files by name, ``object_of`` gives the bytes of an object by its name. What ``known`` has
    read of the same bytes is not read again.

    Raises:
        Altered: the entries are no chain.
    """

    def __init__(
        self, files: Mapping[str, bytes], object_of: Callable[[str], bytes | None], known: "Ledger | None" = None
    ) -> None:
        self._object_of = object_of
        self._files: list[bytes] = []
        # By the digests of their bytes, so that the ledgers of several commits read each once.
        self._entries: dict[str, AnyEntry] = {} if known is None else known._entries  # noqa: SLF001  # of this class
        self.digests: list[str] = []
        before: str | None = None
        for i, name in enumerate(sorted(files), 1):
            if name != file_name(i):
                where = f"{file_name(i)} is missing" if _NAME.fullmatch(name) else f"{name} is no entry"
                raise Altered(f"the ledger is broken: {where}")
        if known is not None:
            self._take(known, files)
            before = self.digests[-1] if self.digests else None
        for name in sorted(files)[len(self._files) :]:
            data = files[name]
            found = _PREVIOUS.findall(data)
            if len(found) != 1 or (found[0].decode() or None) != before:
                raise Altered(f"the ledger is broken: {name} does not follow the bytes of the entry before it")
            self._files.append(data)
            before = digest(data)
            self.digests.append(before)
        self.head = before

    def _take(self, known: "Ledger", files: Mapping[str, bytes]) -> None:
        """Takes over the first entries as far as they are the very same."""
        for i, data in enumerate(known._files, 1):  # noqa: SLF001  # another one of this class
            if files.get(file_name(i)) != data:
                return
            self._files.append(data)
            self.digests.append(known.digests[i - 1])

    def __len__(self) -> int:
        return len(self._files)

    def before(self, sequence: int) -> "Ledger":
        """The ledger as it was when an entry was written."""
        files = {file_name(i): data for i, data in enumerate(self._files[: sequence - 1], 1)}
        return Ledger(files, self._object_of, self)

    def at(self, sequence: int) -> AnyEntry:
        """The entry of a sequence, from 1, whatever it is of.

        Raises:
            Altered: its bytes are no entry.
        """
        key = self.digests[sequence - 1]
        if key not in self._entries:
            try:
                entry = read_entry(self._files[sequence - 1])
            except ValueError as error:
                raise Altered(f"{file_name(sequence)} cannot be read: {error}") from error
            self._entries[key] = entry
        entry = self._entries[key]
        if entry.sequence != sequence:
            raise Altered(f"{file_name(sequence)} says that it is number {entry.sequence}")
        return entry

    def entry(self, sequence: int) -> Entry:
        """The entry of a sequence, which is of a period.

        Raises:
            Altered: its bytes are no entry, or it is of something else.
        """
        entry = self.at(sequence)
        if not isinstance(entry, Entry):
            raise Altered(f"{entry.name} is of no period")
        return entry

    def entries(self) -> tuple[Entry, ...]:
        """The entries of periods, oldest first."""
        return tuple(entry for entry in self._every() if isinstance(entry, Entry))

    def signed(self) -> tuple[SignedEntry, ...]:
        """The other entries, oldest first."""
        return tuple(entry for entry in self._every() if isinstance(entry, SignedEntry))

    def _every(self) -> Iterator[AnyEntry]:
        return (self.at(i + 1) for i in range(len(self._files)))

    def readings(self, period: str) -> tuple[Entry, ...]:
        """The entries of a period: as it was frozen, and each restatement."""
        wanted = period.encode()
        return tuple(self.entry(i) for i in range(1, len(self._files) + 1) if self._period(i) == wanted)

    def _period(self, sequence: int) -> bytes | None:
        entry = self._entries.get(self.digests[sequence - 1])
        if entry is not None:
            return entry.period.id.encode() if isinstance(entry, Entry) else None
        found = _PERIOD.search(self._files[sequence - 1])
        return found[1] if found is not None else None

    def periods(self) -> dict[str, Entry]:
        """The last reading of each period, by its start."""
        last = {entry.period.id: entry for entry in self.entries()}
        return dict(sorted(last.items(), key=lambda pair: pair[1].period.first_day))

    def object(self, named: FrozenMetric) -> Frozen:
        """The object of a metric of an entry.

        Raises:
            Altered: it is not there, or its bytes are other ones.
        """
        data = self._object_of(named.object)
        if data is None:
            raise Altered(f"the frozen object {named.object} is missing")
        if digest(data) != named.object:
            raise Altered(f"the frozen object {named.object} has other bytes than those that were frozen")
        try:
            found = read_object(data)
        except ValueError as error:
            raise Altered(f"the frozen object {named.object} cannot be read: {error}") from error
        if (found.clo1, {dialect: sql1(text) for dialect, text in found.sql.items()}) != (named.clo1, dict(named.sql)):
            raise Altered(f"the frozen object {named.object} is of another meaning than the entry that names it")
        return found
