"""A statement and its armoured ssh signature to the person who signed it, or the reason why nobody counts as such.

``ssh-keygen`` decides whether a signature is good; which key it is, and whose, is read before it is asked.
"""

import re
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from cxgov.evidence.failures import CannotSay
from cxgov.evidence.programs import bare_environment, program
from cxgov.language.keys import parse_key

NAMESPACE: Final = "cxgov-approval@v1"
MAX_SIGNATURE: Final = 16 * 1024
_INSTALL: Final = "OpenSSH 8.2 or later (package openssh-client)"
_PREAMBLE: Final = b"SSHSIG\0\0\0\1"
# Its whole text: what stands before, between or after two blocks would be read by a person, and not by the program.
_ARMOUR = re.compile(
    r"-----BEGIN SSH SIGNATURE-----\n((?:[A-Za-z0-9+/]+={0,2}\n)+)-----END SSH SIGNATURE-----\n?",
)
# A principal is a pattern to ssh-keygen: no wildcard, comma, negation, quote, blank or comment.
_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")


@dataclass(frozen=True, slots=True)
class Signed:
    """A good signature: by whom, and with which key."""

    person: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class NotSigned:
    """Nobody's signature, and why; the key's fingerprint where one could be read.

    ``forged``: it names a member's key, and was not made with it over these bytes.
    """

    reason: str
    fingerprint: str | None = None
    forged: bool = False


class Verifier:
    """Verifies signatures against the keys of persons. Close it: its temporary folder goes with it.

    Keys that are revoked, or whose time is over, are not passed in. ``namespace`` is what was signed as: approvals, or
    ``git`` for git's own objects. Of ``environment`` only where programs are is used.

    Raises:
        ValueError: a person's name is a pattern, a key is not one, or one key is two persons'.
        CannotSay: there is no ssh-keygen.
    """

    def __init__(
        self, keys: Iterable[tuple[str, str]], environment: Mapping[str, str], namespace: str = NAMESPACE
    ) -> None:
        self._namespace = namespace
        self._program = program("ssh-keygen", environment, _INSTALL)
        self._environment = bare_environment(environment)
        self._persons: dict[bytes, str] = {}
        lines = []
        for person, text in keys:
            if not _PERSON.fullmatch(person):
                raise ValueError(f"{person!r} is not the name of one person")
            kind, body, _ = parse_key(text)
            blob = b64decode(body)
            if self._persons.setdefault(blob, person) != person:
                raise ValueError(f"key {_fingerprint(blob)} belongs to both {self._persons[blob]!r} and {person!r}")
            # The comment stays away: it is text of somebody's own choice.
            lines.append(f'{person} namespaces="{namespace}" {kind} {body}\n')
        self._folder = TemporaryDirectory(prefix="cxgov-keys-")
        self._allowed = Path(self._folder.name) / "allowed_signers"
        self._signature = Path(self._folder.name) / "signature"
        self._allowed.write_text("".join(lines), encoding="ascii")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Removes the temporary folder."""
        self._folder.cleanup()

    def verify(self, statement: bytes, signature: str) -> Signed | NotSigned:
        """Who signed these bytes."""
        try:
            key, namespace = _read(signature)
        except ValueError as error:
            return NotSigned(str(error))
        fingerprint = _fingerprint(key)
        if namespace != self._namespace.encode():
            shown = namespace.decode("utf-8", "backslashreplace")
            return NotSigned(f"signed as {shown!r}, not as {self._namespace!r}", fingerprint)
        person = self._persons.get(key)
        if person is None:
            return NotSigned("signed with a key that is no member's now", fingerprint)
        # Writing over a file costs as much as a third of verifying: its old blocks are put to the disk first.
        self._signature.unlink(missing_ok=True)
        self._signature.write_text(signature, encoding="ascii")
        arguments = ("-f", self._allowed, "-I", person, "-n", self._namespace, "-s", self._signature)
        done = subprocess.run(
            (self._program, "-Y", "verify", *arguments),
            input=statement,
            capture_output=True,
            check=False,
            env=self._environment,
        )
        if done.returncode == 0:
            return Signed(person, fingerprint)
        return NotSigned("not a signature of this statement", fingerprint, forged=True)


def sign(statement: bytes, key: Path, environment: Mapping[str, str]) -> str:
    """The armoured signature of a statement by a private key, or by the agent's key of a public one.

    ssh-keygen asks for a passphrase itself, on the terminal or as ``environment`` tells it to.

    Raises:
        CannotSay: there is no ssh-keygen, or it does not sign.
    """
    command = (program("ssh-keygen", environment, _INSTALL), "-Y", "sign", "-q", "-f", key.absolute(), "-n", NAMESPACE)
    done = subprocess.run(command, input=statement, capture_output=True, check=False, env=dict(environment))
    if done.returncode:
        lines = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines() or ["no reason given"]
        raise CannotSay(
            f"ssh-keygen did not sign: {lines[-1]}. Name a private key, or a public one that an agent holds"
        )
    return done.stdout.decode("ascii")


def _read(signature: str) -> tuple[bytes, bytes]:
    """The public key and the namespace of an armoured signature. Source: OpenSSH's PROTOCOL.sshsig."""
    if len(signature) > MAX_SIGNATURE:
        raise ValueError(f"a signature of more than {MAX_SIGNATURE} characters")
    match = _ARMOUR.fullmatch(signature)
    if match is None:
        raise ValueError("not exactly one armoured ssh signature")
    try:
        blob = b64decode("".join(match[1].split()), validate=True)
    except ValueError as error:
        raise ValueError("an ssh signature that is cut off") from error
    if not blob.startswith(_PREAMBLE):
        raise ValueError("not an ssh signature of version 1")
    key, rest = _string(blob[len(_PREAMBLE) :])
    namespace, rest = _string(rest)
    for _ in ("reserved", "hash algorithm", "signature"):
        _, rest = _string(rest)
    if rest:
        raise ValueError("an ssh signature with something after it")
    return key, namespace


def _string(data: bytes) -> tuple[bytes, bytes]:
    """The first string of ssh's encoding, its length before it in four bytes; and what follows."""
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 + size:
        raise ValueError("an ssh signature that is cut off")
    return data[4 : 4 + size], data[4 + size :]


def _fingerprint(blob: bytes) -> str:
    return "SHA256:" + b64encode(sha256(blob).digest()).decode().rstrip("=")
