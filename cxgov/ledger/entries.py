"""The ledger: entries, each naming the bytes of the one before it, so that none can be edited unseen."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final, Literal

from cxgov.compiler.canonical import Edges
from cxgov.language.strict_json import read_json
from cxgov.ledger.forms import canonical_json, digest, sql1
from cxgov.ledger.objects import Frozen, read_object

MAX_ENTRY: Final = 32 * 1024 * 1024
_NAME: Final = re.compile(r"([0-9]{6})\.json")
_OBJECT: Final = re.compile(r"[0-9a-f]{64}")
# Two facts of an entry, without reading all of it. At one blank only the top's keys stand.
_PREVIOUS: Final = re.compile(rb'^ "previous": (?:null|"([0-9a-f]{64})"),?$', re.MULTILINE)
_PERIOD: Final = re.compile(rb'^ "period": \{$.*?^  "id": "([^"\\]+)",$', re.MULTILINE | re.DOTALL)

Kind = Literal["Freeze", "Restatement"]


class Altered(Exception):
    """Bytes of the ledger are not those that were written. The message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenPeriod:
    """A period as it was frozen: its days, half-open, and the instants that they are in the calendar's zone then."""

    id: str
    first_day: date
    after: date
    edges: Edges
    zone: str
    tzdata: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenMetric:
    """What an entry says of a metric: the object's name, its closure and the digest of each canonical statement."""

    object: str
    clo1: str
    sql: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry.

    ``late``: it was made after the period had begun. A restatement ``supersedes`` the entry of that sequence; it is
    number ``restatement`` of its period, concerns the metrics ``restated`` for a ``reason``, and ``difference`` are
    the numbers that were shown for it.
    """

    kind: Kind
    sequence: int
    previous: str | None
    period: FrozenPeriod
    late: bool
    calendar: str
    policy: str | None
    compiler: Mapping[str, str]
    dialects: tuple[str, ...]
    metrics: Mapping[str, FrozenMetric]
    supersedes: int | None = None
    restatement: int = 0
    restated: tuple[str, ...] = ()
    reason: str | None = None
    difference: Any = None

    @property
    def fields(self) -> dict[str, Any]:
        """Everything that it says, as plain values."""
        return _plain(self)

    @cached_property
    def data(self) -> bytes:
        """The bytes of its file."""
        return canonical_json(self.fields)

    @cached_property
    def said(self) -> str:
        """Digest of what it says, without its place in the chain."""
        return digest(canonical_json({**self.fields, "sequence": None, "previous": None}))

    @property
    def name(self) -> str:
        """The name of its file: the number alone, so that two that claim it conflict."""
        return file_name(self.sequence)


def file_name(sequence: int) -> str:
    """The name of an entry's file."""
    return f"{sequence:06}.json"


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
        self._entries: dict[int, Entry] = {}
        self.digests: list[str] = []
        before: str | None = None
        if known is not None:
            self._take(known, files)
            before = self.digests[-1] if self.digests else None
        for i, name in enumerate(sorted(files), 1):
            if i <= len(self._files):
                continue
            if name != file_name(i):
                where = f"{file_name(i)} is missing" if _NAME.fullmatch(name) else f"{name} is no entry"
                raise Altered(f"the ledger is broken: {where}")
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
            if i in known._entries:  # noqa: SLF001  # as above
                self._entries[i] = known._entries[i]  # noqa: SLF001  # as above

    def __len__(self) -> int:
        return len(self._files)

    def before(self, sequence: int) -> "Ledger":
        """The ledger as it was when an entry was written."""
        files = {file_name(i): data for i, data in enumerate(self._files[: sequence - 1], 1)}
        return Ledger(files, self._object_of, self)

    def entry(self, sequence: int) -> Entry:
        """The entry of a sequence, from 1.

        Raises:
            Altered: its bytes are no entry.
        """
        if sequence not in self._entries:
            data = self._files[sequence - 1]
            try:
                entry = read_entry(data)
            except ValueError as error:
                raise Altered(f"{file_name(sequence)} cannot be read: {error}") from error
            if entry.sequence != sequence:
                raise Altered(f"{file_name(sequence)} says that it is number {entry.sequence}")
            self._entries[sequence] = entry
        return self._entries[sequence]

    def entries(self) -> tuple[Entry, ...]:
        """Every entry, oldest first."""
        return tuple(self.entry(i + 1) for i in range(len(self._files)))

    def readings(self, period: str) -> tuple[Entry, ...]:
        """The entries of a period: as it was frozen, and each restatement."""
        wanted = period.encode()
        return tuple(self.entry(i) for i in range(1, len(self._files) + 1) if self._period(i) == wanted)

    def _period(self, sequence: int) -> bytes | None:
        if sequence in self._entries:
            return self._entries[sequence].period.id.encode()
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


def read_entry(data: bytes) -> Entry:
    """An entry from its bytes, which must be the very ones that it is written as.

    Raises:
        ValueError: they are no entry.
    """
    held = read_json(data, MAX_ENTRY)
    try:
        _check_types(held)
        entry = _entry(held)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no entry: {error!r}") from error
    if entry.data != data:
        raise ValueError("it is not written as an entry is")
    return entry


_TEXT: Final = (str,)
_TEXT_OR_NONE: Final = (str, type(None))
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "sequence": (int,),
    "previous": _TEXT_OR_NONE,
    "late": (bool,),
    "calendar": _TEXT,
    "policy": _TEXT_OR_NONE,
}
_TYPES_RESTATED: Final[Mapping[str, tuple[type, ...]]] = {
    "supersedes": (int,),
    "restatement": (int,),
    "reason": _TEXT,
}


def _check_types(held: Any) -> None:
    """Refuses values of other types than an entry has; what it reads them as would take some of these, too.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: there are some.
    """
    types = {**_TYPES, **(_TYPES_RESTATED if held["kind"] == "Restatement" else {})}
    wrong = [name for name, kinds in types.items() if type(held[name]) not in kinds]
    metrics = held["metrics"].values()
    texts = [
        *(held["period"][name] for name in ("id", "zone", "tzdata")),
        *held["compiler"].values(),
        *held["dialects"],
        *held.get("restated", ()),
        *(its[name] for its in metrics for name in ("object", "clo1")),
        *(digest_of for its in metrics for digest_of in its["sql"].values()),
    ]
    wrong += [repr(text) for text in texts if type(text) is not str]
    if wrong:
        raise TypeError(f"{wrong[0]} is of another type")
    for its in metrics:
        if not _OBJECT.fullmatch(its["object"]):
            raise ValueError(f"{its['object']!r} names no object")


def _entry(held: Any) -> Entry:
    if held["apiVersion"] != "cxgov/v1" or held["kind"] not in {"Freeze", "Restatement"}:
        raise ValueError("it is of another kind")
    its = held["period"]
    edges = Edges(start=_instant(its["start"]), end=_instant(its["end"]), as_of=_instant(its["closed"]))
    period = FrozenPeriod(
        id=its["id"],
        first_day=date.fromisoformat(its["first_day"]),
        after=date.fromisoformat(its["after"]),
        edges=edges,
        zone=its["zone"],
        tzdata=its["tzdata"],
    )
    metrics = {
        identity: FrozenMetric(object=said["object"], clo1=said["clo1"], sql=dict(said["sql"]))
        for identity, said in held["metrics"].items()
    }
    return Entry(
        kind=held["kind"],
        sequence=held["sequence"],
        previous=held["previous"],
        period=period,
        late=held["late"],
        calendar=held["calendar"],
        policy=held["policy"],
        compiler=dict(held["compiler"]),
        dialects=tuple(held["dialects"]),
        metrics=metrics,
        supersedes=held.get("supersedes"),
        restatement=held.get("restatement", 0),
        restated=tuple(held.get("restated", ())),
        reason=held.get("reason"),
        difference=held.get("difference"),
    )


def _plain(entry: Entry) -> dict[str, Any]:
    period = entry.period
    found: dict[str, Any] = {
        "apiVersion": "cxgov/v1",
        "kind": entry.kind,
        "sequence": entry.sequence,
        "previous": entry.previous,
        "period": {
            "id": period.id,
            "first_day": period.first_day.isoformat(),
            "after": period.after.isoformat(),
            "start": _text(period.edges.start),
            "end": _text(period.edges.end),
            "closed": _text(period.edges.as_of),
            "zone": period.zone,
            "tzdata": period.tzdata,
        },
        "late": entry.late,
        "calendar": entry.calendar,
        "policy": entry.policy,
        "compiler": dict(entry.compiler),
        "dialects": list(entry.dialects),
        "metrics": {
            identity: {"object": its.object, "clo1": its.clo1, "sql": dict(its.sql)}
            for identity, its in entry.metrics.items()
        },
    }
    if entry.kind == "Restatement":
        found |= {
            "supersedes": entry.supersedes,
            "restatement": entry.restatement,
            "restated": sorted(entry.restated),
            "reason": entry.reason,
            "difference": entry.difference,
        }
    return found


def _instant(text: str) -> datetime:
    if not text.endswith("Z"):
        raise ValueError(f"{text!r} is no instant in UTC")
    return datetime.fromisoformat(text).astimezone(UTC)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def unreferenced(ledger: Ledger, objects: Iterable[str]) -> list[str]:
    """The objects that no entry names."""
    named = {its.object for entry in ledger.entries() for its in entry.metrics.values()}
    return sorted(set(objects) - named)
