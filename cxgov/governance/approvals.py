"""Signed approvals: the statement that a member signs, the file it lies in, and whether a file is somebody's word.

A statement binds the repository and its ref, the steps that are approved, their classes, the policy, the calendar and
the commit in force, and a nonce. A file is named after its own SHA-256, only ever added, and verified with git and
ssh-keygen alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from cxgov.evidence.signatures import NotSigned, Verifier
from cxgov.governance.statements import MAX_STATEMENT, Binding, as_rows, claims_in, elsewhere, made, transitions_in
from cxgov.governance.transitions import Transition
from cxgov.governance.verdict import Proposal
from cxgov.language.model import Council
from cxgov.language.strict_json import read_json

_KIND: Final = "urn:cxgov:approval:v1"


@dataclass(frozen=True, slots=True)
class Signature:
    """A person's word for a set of steps: ``words`` are the signed bytes, ``since`` is the trusted commit then."""

    person: str
    words: str
    since: str
    transitions: frozenset[Transition]


def statement(proposal: Proposal, bound: Binding, trusted: str, nonce: str) -> bytes:
    """The bytes that a member signs to approve a proposal to a trusted commit."""
    steps = as_rows(proposal.needed)
    classes = sorted({finding.change_class for finding in proposal.comparison.findings})
    claims = {"trusted": trusted, "classes": classes, "transitions": steps, "nonce": nonce}
    return made(_KIND, "transitions", steps, bound, claims)


def as_file(said: bytes, signature: str) -> tuple[str, bytes]:
    """The name and the bytes of the file that holds a signed statement."""
    import rfc8785  # noqa: PLC0415  # only who signs needs it

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
        said, signature = _texts(read_json(data, MAX_STATEMENT), ("statement", "signature"))
        claims = claims_in(said, _KIND, ("trusted",))
        steps = transitions_in(claims)
    except ValueError as error:
        return f"it is no signed statement: {error}"
    if (wrong := elsewhere(claims, bound)) is not None:
        return wrong
    found = verifier.verify(said.encode(), signature)
    if isinstance(found, NotSigned):
        return found.reason
    return Signature(found.person, said, claims["trusted"], steps)


def words_of(data: bytes) -> str | None:
    """The statement that a file holds, whoever signed it: its wrapping can be made anew by anybody."""
    try:
        return _texts(read_json(data, MAX_STATEMENT), ("statement", "signature"))[0]
    except ValueError:
        return None


def _texts(data: Any, names: tuple[str, ...]) -> list[str]:
    if not isinstance(data, dict) or set(data) != set(names):
        raise ValueError(f"it must hold {' and '.join(names)}, and nothing else")
    values = [data[name] for name in names]
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{' and '.join(names)} must be text")
    return values
