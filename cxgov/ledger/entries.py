"""The entries of a ledger and the bytes that each is written as."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final, Literal

from cxgov.compiler.periods import Edges
from cxgov.language.strict_json import read_json
from cxgov.ledger.forms import canonical_json, digest

MAX_ENTRY: Final = 32 * 1024 * 1024
_OBJECT: Final = re.compile(r"[0-9a-f]{64}")
Kind = Literal["Freeze", "Restatement"]
SignedKind = Literal["BreakGlass", "BreakGlassReview"]


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


@dataclass(frozen=True, kw_only=True)
class SignedEntry:
    """An entry that freezes nothing: a statement, as the text that was signed, and the signatures under it."""

    kind: SignedKind
    sequence: int
    previous: str | None
    statement: str
    signatures: tuple[str, ...]

    @cached_property
    def data(self) -> bytes:
        """The bytes of its file."""
        return canonical_json(
            {
                "apiVersion": "cxgov/v1",
                "kind": self.kind,
                "sequence": self.sequence,
                "previous": self.previous,
                "statement": self.statement,
                "signatures": list(self.signatures),
            }
        )

    @property
    def name(self) -> str:
        """The name of its file, as every entry's."""
        return file_name(self.sequence)


AnyEntry = Entry | SignedEntry


def file_name(sequence: int) -> str:
    """The name of an entry's file."""
    return f"{sequence:06}.json"


def read_entry(data: bytes) -> AnyEntry:
    """An entry from its bytes, which must be the very ones that it is written as.

    Raises:
        ValueError: they are no entry.
    """
    held = read_json(data, MAX_ENTRY)
    try:
        if held["apiVersion"] != "cxgov/v1":
            raise ValueError("it is of another version")
        entry: AnyEntry
        match held["kind"]:
            case "Freeze" | "Restatement":
                _check_types(held)
                entry = _entry(held)
            case "BreakGlass" | "BreakGlassReview":
                entry = _signed(held)
            case _:
                raise ValueError("it is of another kind")
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


def _signed(held: Any) -> SignedEntry:
    signatures = held["signatures"]
    texts = [held["statement"], *signatures]
    if type(signatures) is not list or any(type(text) is not str for text in texts):
        raise TypeError("its statement and signatures are of another type")
    if type(held["sequence"]) is not int or type(held["previous"]) not in _TEXT_OR_NONE:
        raise TypeError("its place in the chain is of another type")
    return SignedEntry(
        kind=held["kind"],
        sequence=held["sequence"],
        previous=held["previous"],
        statement=held["statement"],
        signatures=tuple(signatures),
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
