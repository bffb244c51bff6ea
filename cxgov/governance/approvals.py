"""Signed approvals: the statement that a member signs, the file it lies in, and whether a file is somebody's word.

A statement has the shape of an in-toto one. It binds the repository and its ref, the steps that are approved, their
classes, the policy, the calendar and the commit in force, and a nonce. A file is named after its own SHA-256, only ever
added, and verified with git and ssh-keygen alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from cxgov.evidence.signatures import NotSigned, Verifier
from cxgov.governance.transitions import Transition
from cxgov.governance.verdict import Proposal
from cxgov.language.diagnostics import visible
from cxgov.language.model import Council, Registry
from cxgov.language.reader import MAX_BYTES
from cxgov.language.strict_json import read_json
from cxgov.meaning.digests import doc1

_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "urn:cxgov:approval:v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a statement is of beside its steps: where it may be used, and under which policy and calendar."""

    repository: str
    ref: str
    policy: str
    calendar: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A person's word for a set of steps: ``words`` are the signed bytes, ``since`` is the trusted commit then."""

    person: str
    words: str
    since: str
    transitions: frozenset[Transition]


def binding(registry: Registry, ref: str | None) -> Binding | str:
    """What statements about a registry are bound to; or why it can have none.

    ``ref`` is the full name of what it would be merged into, None where only a commit is known.
    """
    settings = registry.settings
    if settings.repository is None or settings.ref is None:
        return "the registry names no `repository` and `ref`, so a signature could be used elsewhere: name both"
    if ref is None:
        return f"it is not said into which branch it would be merged: name it, `--ref {settings.ref}` beside a commit"
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


def statement(proposal: Proposal, bound: Binding, trusted: str, nonce: str) -> bytes:
    """The bytes that a member signs to approve a proposal to a trusted commit."""
    import rfc8785  # noqa: PLC0415  # only who signs needs it

    steps = [[its.kind, its.id, its.old, its.new] for its in sorted(proposal.needed, key=_key)]
    subject = sha256(rfc8785.dumps(steps)).hexdigest()
    classes = sorted({finding.change_class for finding in proposal.comparison.findings})
    return rfc8785.dumps(
        {
            "_type": _STATEMENT,
            "subject": [{"name": "transitions", "digest": {"sha256": subject}}],
            "predicateType": _PREDICATE,
            "predicate": {
                "repository": bound.repository,
                "ref": bound.ref,
                "policy": bound.policy,
                "calendar": bound.calendar,
                "trusted": trusted,
                "classes": classes,
                "transitions": steps,
                "nonce": nonce,
            },
        }
    )


def as_file(said: bytes, signature: str) -> tuple[str, bytes]:
    """The name and the bytes of the file that holds a signed statement."""
    import rfc8785  # noqa: PLC0415  # as in statement

    data = rfc8785.dumps({"signature": signature, "statement": said.decode()}) + b"\n"
    return sha256(data).hexdigest(), data


def keys_of(council: Council, today: date, revoked: Mapping[str, date] = MappingProxyType({})) -> list[tuple[str, str]]:
    """The persons' keys that count on a day; ``revoked`` are bodies of keys that another policy has revoked."""
    return [
        (member.person, f"{key.type} {key.body}")
        for member in council.members
        for key in member.keys
        if all(end is None or today < end for end in (key.until, key.revoked, revoked.get(key.body)))
    ]


def is_misnamed(path: str, approvals: Mapping[str, bytes]) -> bool:
    """Whether a path is among the approvals, and is not named after its bytes."""
    return path in approvals and sha256(approvals[path]).hexdigest() != path.rpartition("/")[2]


def read_approval(name: str, data: bytes, bound: Binding, verifier: Verifier) -> Signature | str:
    """The word that a file gives; or why it gives none.

    Raises:
        CannotSay: ssh-keygen cannot be run.
    """
    if sha256(data).hexdigest() != name:
        return "its name is not the digest of its bytes"
    try:
        held = read_json(data, MAX_BYTES)
        said, signature = _texts(held, ("statement", "signature"))
        its = read_json(said.encode(), MAX_BYTES)
        steps, claims = _claims(its)
    except ValueError as error:
        return f"it is no signed statement: {error}"
    for field, wanted in (
        ("repository", bound.repository),
        ("ref", bound.ref),
        ("policy", bound.policy),
        ("calendar", bound.calendar),
    ):
        if claims.get(field) != wanted:
            return f"it is for another {field}"
    found = verifier.verify(said.encode(), signature)
    if isinstance(found, NotSigned):
        return found.reason
    return Signature(found.person, said, claims["trusted"], steps)


def words_of(data: bytes) -> str | None:
    """The statement that a file holds, whoever signed it: its wrapping can be made anew by anybody."""
    try:
        return _texts(read_json(data, MAX_BYTES), ("statement", "signature"))[0]
    except ValueError:
        return None


def _texts(data: Any, names: tuple[str, ...]) -> list[str]:
    if not isinstance(data, dict) or set(data) != set(names):
        raise ValueError(f"it must hold {' and '.join(names)}, and nothing else")
    values = [data[name] for name in names]
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{' and '.join(names)} must be text")
    return values


def _claims(data: Any) -> tuple[frozenset[Transition], dict[str, Any]]:
    if not isinstance(data, dict) or data.get("_type") != _STATEMENT or data.get("predicateType") != _PREDICATE:
        raise ValueError("its type is another one")
    claims = data.get("predicate")
    if not isinstance(claims, dict) or not isinstance(claims.get("transitions"), list):
        raise ValueError("it names no transitions")  # noqa: TRY004  # text that is no statement, whatever its type
    if not isinstance(claims.get("trusted"), str):
        raise ValueError("it names no trusted commit")  # noqa: TRY004  # as above
    return frozenset(_steps(claims["transitions"])), claims


def _steps(data: Iterable[Any]) -> Iterable[Transition]:
    for row in data:
        if not isinstance(row, list) or len(row) != 4:  # noqa: PLR2004  # kind, id, before, after
            raise ValueError("a transition has four parts")
        kind, identity, old, new = row
        named = isinstance(kind, str) and isinstance(identity, str)
        if not named or not all(side is None or isinstance(side, str) for side in (old, new)):
            raise ValueError("a transition is a kind, an id and two digests")
        yield Transition(kind, identity, old, new)


def _key(its: Transition) -> tuple[str, str]:
    return its.kind, its.id
