"""What members sign: statements of an in-toto shape, each of a kind, bound to where and under what it was said."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

from cxgov.governance.transitions import Transition
from cxgov.language.diagnostics import visible
from cxgov.language.model import Registry
from cxgov.language.strict_json import read_json
from cxgov.meaning.digests import doc1

# Some 25,000 transitions: a calendar moves every metric.
MAX_STATEMENT: Final = 8 * 1024 * 1024
_STATEMENT: Final = "https://in-toto.io/Statement/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a statement is of beside its steps: where it may be used, and under which policy and calendar."""

    repository: str
    ref: str
    policy: str
    calendar: str


def binding(registry: Registry, ref: str | None) -> Binding | str:
    """What statements about a registry are bound to; or why it can have none.

    ``ref`` is the full name of what it would be merged into, None where only a commit is known.
    """
    settings = registry.settings
    if settings.repository is None or settings.ref is None:
        return "the registry names no `repository` and `ref`, so a signature could be used elsewhere: name both"
    if ref is None:
        return (
            "it is not said into which branch it would be merged: name a branch instead of a commit, or beside it "
            f"`--ref {settings.ref}`"
        )
    if ref != settings.ref:
        # A branch that was cut from another one has its registry, with that one's name in it.
        return f"it would be merged into {visible(ref)}, and the registry is that of {settings.ref}"
    if registry.council is None:
        return "the registry has no council"
    return Binding(
        repository=settings.repository,
        ref=settings.ref,
        policy=doc1(registry.council),
        calendar=doc1(registry.calendar),
    )


def made(kind: str, name: str, subject: Any, bound: Binding, claims: Mapping[str, Any]) -> bytes:
    """The bytes that a member signs: a statement of a ``kind`` about a ``subject``, which ``claims`` hold as well."""
    import rfc8785  # noqa: PLC0415  # only who signs needs it

    return rfc8785.dumps(
        {
            "_type": _STATEMENT,
            "subject": [{"name": name, "digest": {"sha256": sha256(rfc8785.dumps(subject)).hexdigest()}}],
            "predicateType": kind,
            "predicate": {**asdict(bound), **claims},
        }
    )


def claims_in(text: str, kind: str, names: Iterable[str]) -> dict[str, Any]:
    """What a statement of a ``kind`` claims. Under each of ``names`` it holds a text.

    Raises:
        ValueError: it is no such statement.
    """
    # What holds it has a limit of its own, and a source on which everything rests has many steps.
    data = read_json(text.encode(), MAX_STATEMENT)
    if not isinstance(data, dict) or data.get("_type") != _STATEMENT or data.get("predicateType") != kind:
        raise ValueError("its type is another one")
    claims = data.get("predicate")
    if not isinstance(claims, dict):
        raise ValueError("it claims nothing")  # noqa: TRY004  # text that is no statement, whatever its type
    for name in names:
        if not isinstance(claims.get(name), str):
            raise ValueError(f"it names no {name}")  # noqa: TRY004  # as above
    return claims


def elsewhere(claims: Mapping[str, Any], bound: Binding) -> str | None:
    """Why claims are not of here; None where they are."""
    wrong = (name for name, wanted in asdict(bound).items() if claims.get(name) != wanted)
    return next((f"it is for another {name}" for name in wrong), None)


def as_rows(steps: Iterable[Transition]) -> list[list[str | None]]:
    """Transitions as a statement holds them."""
    return [[its.kind, its.id, its.old, its.new] for its in sorted(steps, key=lambda its: (its.kind, its.id))]


def transitions_in(claims: Mapping[str, Any]) -> frozenset[Transition]:
    """The transitions that claims name.

    Raises:
        ValueError: they name none, or what they name is none.
    """
    rows = claims.get("transitions")
    if not isinstance(rows, list):
        raise ValueError("it names no transitions")  # noqa: TRY004  # as in claims_in
    return frozenset(map(_transition, rows))


def _transition(row: Any) -> Transition:
    if not isinstance(row, list) or len(row) != 4:  # noqa: PLR2004  # kind, id, before, after
        raise ValueError("a transition has four parts")
    kind, identity, old, new = row
    named = isinstance(kind, str) and isinstance(identity, str)
    if not named or not all(side is None or isinstance(side, str) for side in (old, new)):
        raise ValueError("a transition is a kind, an id and two digests")
    return Transition(kind, identity, old, new)
