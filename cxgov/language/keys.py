"""A line of an ssh public key to its type, base64 body and comment; everything but one strong, plain key is refused.

Only what the blob itself says counts: a name before it is a claim, and the same bytes can be written in several ways
unless one of them is required.
"""

import base64
import binascii
from typing import Final

WEAKEST_RSA: Final = 3072
_ED25519: Final = 32
# Of each curve: the name inside the blob, and the bytes of an uncompressed point.
_CURVES: Final = {
    "ecdsa-sha2-nistp256": ("nistp256", 65),
    "ecdsa-sha2-nistp384": ("nistp384", 97),
    "ecdsa-sha2-nistp521": ("nistp521", 133),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("nistp256", 65),
}
TYPES: Final = ("ssh-ed25519", "sk-ssh-ed25519@openssh.com", *_CURVES, "ssh-rsa")
_WILD: Final = "*?!"
_PARTS: Final = 3


class KeyProblem(ValueError):
    """A text that is no key to sign with, and what to write instead; ``fix`` is empty where the rule's own serves."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


def parse_key(text: str) -> tuple[str, str, str]:
    """Type, body and comment of one public key.

    Raises:
        KeyProblem: the text has options, wildcards or lines, or the key is of another type, weak or broken.
    """
    if "PRIVATE KEY" in text:
        raise KeyProblem("this is a private key", "Make another pair, and write the line of its `.pub` file.")
    if "\n" in text or "\r" in text:
        raise KeyProblem("several lines, and a key is one", "Write each key as an item of its own.")
    wild = next((character for character in text if character in _WILD), None)
    if wild is not None:
        raise KeyProblem(f"{wild!r} in a key could be read as a pattern", "Write the key out, with a plain comment.")
    kind, *rest = text.split(" ", _PARTS - 1)
    if kind not in TYPES:
        if "cert-authority" in text or "-cert-" in kind:
            raise KeyProblem(
                "a certificate authority stands for keys that nobody here has seen",
                "Write the key of the member, without `cert-authority`.",
            )
        if any(word in TYPES for word in text.split()):
            raise KeyProblem(f"options before the key: {kind[:40]!r}", "Begin with the type of the key.")
        raise KeyProblem(f"{kind[:40]!r} is no type of key that is taken", f"Use one of: {', '.join(TYPES)}.")
    if not rest or not rest[0]:
        raise KeyProblem(f"nothing stands after {kind}")
    body, comment = rest[0], rest[1] if len(rest) > 1 else ""
    if any(word in TYPES for word in comment.split()):
        raise KeyProblem("a second key stands in the comment", "Write each key as an item of its own.")
    _check_blob(kind, _decoded(body))
    return kind, body, comment


def _decoded(body: str) -> bytes:
    try:
        blob = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise KeyProblem("the key's body is not base64") from None
    # The last character has bits that decoding passes over: by them one key would look like several.
    if base64.b64encode(blob).decode("ascii") != body:
        raise KeyProblem("the key's body is not base64 as it is written by ssh-keygen")
    return blob


def _check_blob(kind: str, blob: bytes) -> None:
    fields = _fields(blob)
    broken = KeyProblem(f"the body is no whole {kind} key")
    if not fields:
        raise broken
    if fields[0] != kind.encode():
        said = fields[0].decode("ascii", "replace")
        raise KeyProblem(f"the key says that it is {said[:40]!r}, the word before it {kind!r}")
    match kind:
        case "ssh-ed25519":
            if len(fields) != 2 or len(fields[1]) != _ED25519:  # noqa: PLR2004  # name, point
                raise broken
        case "sk-ssh-ed25519@openssh.com":
            if len(fields) != 3 or len(fields[1]) != _ED25519 or not fields[2]:  # noqa: PLR2004  # and application
                raise broken
        case "ssh-rsa":
            if len(fields) != 3:  # noqa: PLR2004  # name, exponent, modulus
                raise broken
            exponent, modulus = (_number(field) for field in fields[1:])
            if exponent is None or modulus is None or exponent < 3 or exponent % 2 == 0:  # noqa: PLR2004
                raise broken
            if modulus.bit_length() < WEAKEST_RSA:
                message = f"an RSA key of {modulus.bit_length()} bits, expected at least {WEAKEST_RSA}"
                raise KeyProblem(message, "Make another: `ssh-keygen -t ed25519`.")
        case _:
            curve, size = _CURVES[kind]
            wanted = 4 if kind.startswith("sk-") else 3
            if len(fields) != wanted or fields[1] != curve.encode() or len(fields[2]) != size or fields[2][0] != 4:  # noqa: PLR2004  # 4: the point is written whole
                raise broken
            if kind.startswith("sk-") and not fields[3]:
                raise broken


def _fields(blob: bytes) -> list[bytes]:
    """The parts of a blob, each after its length; none where they don't fill it exactly."""
    found: list[bytes] = []
    at = 0
    while at < len(blob):
        length = int.from_bytes(blob[at : at + 4], "big")
        start = at + 4
        if start > len(blob) or start + length > len(blob):
            return []
        found.append(blob[start : start + length])
        at = start + length
    return found


def _number(field: bytes) -> int | None:
    """A positive number in its shortest form; None for any other, as one number would have several."""
    if not field or field[0] >= 0x80 or (field[0] == 0 and (len(field) == 1 or field[1] < 0x80)):  # noqa: PLR2004
        return None
    return int.from_bytes(field, "big")
