"""Real keys, and signatures as somebody may have prepared them."""

import shutil
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cxgov.evidence.failures import CannotSay
from cxgov.evidence.signatures import MAX_SIGNATURE, NAMESPACE, NotSigned, Signed, Verifier, sign
from tests.repos import ENVIRONMENT

STATEMENT = b'{"predicate": "approved"}\n'
KINDS = {
    "ed25519": ("-t", "ed25519"),
    "ecdsa-256": ("-t", "ecdsa", "-b", "256"),
    "ecdsa-384": ("-t", "ecdsa", "-b", "384"),
    "ecdsa-521": ("-t", "ecdsa", "-b", "521"),
    "rsa": ("-t", "rsa", "-b", "3072"),
}


def generate(path: Path, *options: str, passphrase: str = "", comment: str = "ann@laptop") -> Path:
    command = ["ssh-keygen", "-q", *(options or KINDS["ed25519"]), "-N", passphrase, "-C", comment, "-f", str(path)]
    subprocess.run(command, check=True, env=ENVIRONMENT)
    return path


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Private keys by their owner; none of the council's is mallory's."""
    folder = tmp_path_factory.mktemp("keys")
    return {person: generate(folder / person) for person in ("ann", "ben", "mallory")}


def public(key: Path) -> str:
    return key.with_name(key.name + ".pub").read_text(encoding="ascii").strip()


def told(key: Path) -> str:
    """The fingerprint as ssh-keygen prints it."""
    command = ["ssh-keygen", "-l", "-f", str(key)]
    return subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT).stdout.decode().split()[1]


def bare_sign(key: Path, statement: bytes = STATEMENT, namespace: str = NAMESPACE) -> str:
    command = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", namespace]
    return subprocess.run(command, input=statement, check=True, capture_output=True, env=ENVIRONMENT).stdout.decode()


@pytest.fixture
def verifier(keys: dict[str, Path]) -> Iterator[Verifier]:
    with Verifier([(person, public(keys[person])) for person in ("ann", "ben")], ENVIRONMENT) as its:
        yield its


def test_a_signature_tells_the_person_and_the_key(verifier: Verifier, keys: dict[str, Path]) -> None:
    for person in ("ann", "ben"):
        signature = sign(STATEMENT, keys[person], ENVIRONMENT)
        assert verifier.verify(STATEMENT, signature) == Signed(person, told(keys[person]))


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_of_key_that_is_allowed_signs(tmp_path: Path, kind: str) -> None:
    key = generate(tmp_path / "key", *KINDS[kind])
    with Verifier([("ann", public(key))], ENVIRONMENT) as its:
        assert its.verify(STATEMENT, sign(STATEMENT, key, ENVIRONMENT)) == Signed("ann", told(key))


@pytest.mark.parametrize("statement", [b"", STATEMENT + b"\n", STATEMENT[:-1], STATEMENT.replace(b"\n", b"\r\n")])
def test_another_statement_is_not_signed(verifier: Verifier, keys: dict[str, Path], statement: bytes) -> None:
    found = verifier.verify(statement, sign(STATEMENT, keys["ann"], ENVIRONMENT))
    assert found == NotSigned("not a signature of this statement", told(keys["ann"]), forged=True)


@pytest.mark.parametrize("namespace", ["git", "file", "cxgov-approval@v2", "cxgov-approval@v1 ", "CXGOV-APPROVAL@V1"])
def test_a_signature_for_another_use_is_none(verifier: Verifier, keys: dict[str, Path], namespace: str) -> None:
    found = verifier.verify(STATEMENT, bare_sign(keys["ann"], namespace=namespace))
    assert found == NotSigned(f"signed as {namespace!r}, not as {NAMESPACE!r}", told(keys["ann"]))


def test_a_key_that_is_nobodys_or_was_left_out_is_told(verifier: Verifier, keys: dict[str, Path]) -> None:
    """Who passes the keys in leaves out what is revoked or over."""
    found = verifier.verify(STATEMENT, bare_sign(keys["mallory"]))
    assert found == NotSigned("signed with a key that is no member's now", told(keys["mallory"]))
    with Verifier([("ben", public(keys["ben"]))], ENVIRONMENT) as without:
        found = without.verify(STATEMENT, bare_sign(keys["ann"]))
        assert found == NotSigned("signed with a key that is no member's now", told(keys["ann"]))
    with Verifier([], ENVIRONMENT) as empty:
        assert isinstance(empty.verify(STATEMENT, bare_sign(keys["ann"])), NotSigned)


def test_a_certificate_for_a_key_is_not_the_key(tmp_path: Path, keys: dict[str, Path]) -> None:
    """Whoever has an authority's key could make certificates for anyone."""
    mine = generate(tmp_path / "mine")
    command = ["ssh-keygen", "-q", "-s", str(keys["ann"]), "-I", "x", "-n", "ann", f"{mine}.pub"]
    subprocess.run(command, check=True, env=ENVIRONMENT)
    certificate = tmp_path / "mine-cert.pub"
    with Verifier([("ann", public(keys["ann"]))], ENVIRONMENT) as its:
        assert isinstance(its.verify(STATEMENT, bare_sign(mine)), NotSigned)
    with pytest.raises(ValueError, match="certificate"):
        Verifier([("ann", certificate.read_text().strip())], ENVIRONMENT)


# --- the armour ---


def resealed(signature: str, change: Callable[[bytes], bytes]) -> str:
    blob = change(b64decode("".join(signature.splitlines()[1:-1])))
    body = b64encode(blob).decode()
    lines = [body[i : i + 70] for i in range(0, len(body), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


@pytest.mark.parametrize("first", ["ann", "mallory"])
def test_two_armoured_blocks_are_refused(verifier: Verifier, keys: dict[str, Path], first: str) -> None:
    """ssh-keygen itself reads the first and passes over the second."""
    second = "ben" if first == "ann" else "ann"
    found = verifier.verify(STATEMENT, bare_sign(keys[first]) + bare_sign(keys[second]))
    assert found == NotSigned("not exactly one armoured ssh signature")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:0],
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "x" + text,
        lambda text: "\n" + text,
        lambda text: text + "approved by everyone\n",
        lambda text: text + "\n",
        lambda text: text.replace("-----BEGIN", "----BEGIN"),
        lambda text: text.replace("-----END SSH SIGNATURE-----\n", ""),
        lambda text: text.replace("SSH SIGNATURE", "PGP SIGNATURE"),
        lambda text: text.replace("U1NIU0lH", "U1NI\x00U0lH"),
        lambda text: text.replace("U1NIU0lH", "U1NIU0l\u0397"),
        lambda text: text.replace("U1NIU0lH", "*1NIU0lH"),
        lambda text: "".join(text.splitlines(keepends=True)[:: text.count("\n") - 1]),
    ],
)
def test_what_is_not_exactly_one_block_is_refused(
    verifier: Verifier, keys: dict[str, Path], change: Callable[[str], str]
) -> None:
    found = verifier.verify(STATEMENT, change(bare_sign(keys["ann"])))
    assert found == NotSigned("not exactly one armoured ssh signature")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda blob: blob + b"more", "something after it"),
        (lambda blob: blob[:-1], "cut off"),
        (lambda blob: blob[:12], "cut off"),
        (lambda blob: blob[:9] + b"\2" + blob[10:], "not an ssh signature of version 1"),
        (lambda blob: b"SSHSIX" + blob[6:], "not an ssh signature of version 1"),
        (lambda blob: blob[:10] + b"\xff" * 4 + blob[14:], "cut off"),
        (lambda blob: blob[:-1] + bytes([blob[-1] ^ 1]), "not a signature of this statement"),
        (lambda blob: blob.replace(b"sha512", b"sha256"), "not a signature of this statement"),
        (lambda blob: blob[:0], "not exactly one"),
    ],
)
def test_a_signature_that_was_altered_is_refused(
    verifier: Verifier, keys: dict[str, Path], change: Callable[[bytes], bytes], reason: str
) -> None:
    found = verifier.verify(STATEMENT, resealed(bare_sign(keys["ann"]), change))
    assert isinstance(found, NotSigned)
    assert reason in found.reason


def test_another_persons_key_in_the_signature_does_not_make_it_theirs(
    verifier: Verifier, keys: dict[str, Path]
) -> None:
    mine, theirs = (b64decode(public(keys[person]).split()[1]) for person in ("mallory", "ann"))
    forged = resealed(bare_sign(keys["mallory"]), lambda blob: blob.replace(mine, theirs))
    found = verifier.verify(STATEMENT, forged)
    assert found == NotSigned("not a signature of this statement", told(keys["ann"]), forged=True)


def test_a_signature_is_read_to_a_cap(verifier: Verifier) -> None:
    lines = "A" * 76 + "\n"
    text = f"-----BEGIN SSH SIGNATURE-----\n{lines * (MAX_SIGNATURE // 76)}-----END SSH SIGNATURE-----\n"
    assert verifier.verify(STATEMENT, text) == NotSigned(f"a signature of more than {MAX_SIGNATURE} characters")


# --- whose keys ---


@pytest.mark.parametrize(
    "person",
    ["*", "*@x.org", "a?n", "!ann", "ann,ben", "ann ben", 'a"b', "#ann", "", "-ann", "ann\nben", "@cert-authority"],
)
def test_a_person_is_never_a_pattern(keys: dict[str, Path], person: str) -> None:
    with pytest.raises(ValueError, match="is not the name of one person"):
        Verifier([(person, public(keys["ann"]))], ENVIRONMENT)


def test_one_key_is_not_two_persons(keys: dict[str, Path]) -> None:
    key = public(keys["ann"])
    with pytest.raises(ValueError, match="belongs to both 'ann' and 'ben'"):
        Verifier([("ann", key), ("ben", f"{key} with another comment")], ENVIRONMENT)
    with Verifier([("ann", key), ("ann", key)], ENVIRONMENT) as its:
        assert isinstance(its.verify(STATEMENT, bare_sign(keys["ann"])), Signed)


@pytest.mark.parametrize("prefix", ["cert-authority ", 'namespaces="*" ', "# ", "* ", "\n"])
def test_a_key_has_nothing_before_it(keys: dict[str, Path], prefix: str) -> None:
    with pytest.raises(ValueError, match=r"key|lines|pattern"):
        Verifier([("ann", prefix + public(keys["ann"]))], ENVIRONMENT)


def test_a_comment_is_not_read(keys: dict[str, Path], tmp_path: Path) -> None:
    """Not even one that would be a line of options."""
    key = generate(tmp_path / "key", comment='ben namespaces="file" #')
    with Verifier([("ann", public(key)), ("ben", public(keys["ben"]))], ENVIRONMENT) as its:
        assert its.verify(STATEMENT, bare_sign(key)) == Signed("ann", told(key))


def test_several_keys_are_one_person(keys: dict[str, Path]) -> None:
    with Verifier([("ann", public(keys["ann"])), ("ann", public(keys["ben"]))], ENVIRONMENT) as its:
        assert [its.verify(STATEMENT, bare_sign(keys[name])) for name in ("ann", "ben")] == [
            Signed("ann", told(keys["ann"])), Signed("ann", told(keys["ben"])),
        ]  # fmt: skip


# --- signing, and the program ---


def test_a_key_that_does_not_sign_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotSay, match="ssh-keygen did not sign"):
        sign(STATEMENT, tmp_path / "none", ENVIRONMENT)
    locked = generate(tmp_path / "locked", passphrase="a secret")
    refusing = ENVIRONMENT | {"SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force"}
    with pytest.raises(CannotSay, match="ssh-keygen did not sign"):
        sign(STATEMENT, locked, refusing)


def test_a_passphrase_is_asked_by_ssh_keygen_itself(tmp_path: Path) -> None:
    locked = generate(tmp_path / "locked", passphrase="a secret")
    asking = tmp_path / "ask"
    asking.write_text("#!/bin/sh\necho a secret\n")
    asking.chmod(0o755)
    signature = sign(STATEMENT, locked, ENVIRONMENT | {"SSH_ASKPASS": str(asking), "SSH_ASKPASS_REQUIRE": "force"})
    with Verifier([("ann", public(locked))], ENVIRONMENT) as its:
        assert its.verify(STATEMENT, signature) == Signed("ann", told(locked))


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="OpenSSH's agent is not installed")
def test_an_agent_signs_with_a_public_key(tmp_path: Path) -> None:
    key = generate(tmp_path / "key")
    its_public = tmp_path / "only.pub"
    shutil.copy(f"{key}.pub", its_public)
    socket = tmp_path / "s"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], env=ENVIRONMENT, stdout=subprocess.DEVNULL) as agent:
        try:
            environment = ENVIRONMENT | {"SSH_AUTH_SOCK": str(socket)}
            adding = ["ssh-add", "-q", str(key)]
            while subprocess.run(adding, env=environment, capture_output=True, check=False).returncode:
                assert agent.poll() is None
            key.unlink()
            signature = sign(STATEMENT, its_public, environment)
        finally:
            agent.terminate()
    with Verifier([("ann", its_public.read_text().strip())], ENVIRONMENT) as its:
        assert its.verify(STATEMENT, signature) == Signed("ann", told(its_public))


def test_without_ssh_keygen_the_message_says_what_to_install(tmp_path: Path, keys: dict[str, Path]) -> None:
    nowhere = {"PATH": str(tmp_path)}
    with pytest.raises(CannotSay, match="install OpenSSH"):
        Verifier([], nowhere)
    with pytest.raises(CannotSay, match="install OpenSSH"):
        sign(STATEMENT, keys["ann"], nowhere)


def test_nothing_is_left_behind(keys: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Verifier([("ann", public(keys["ann"]))], ENVIRONMENT) as its:
        [folder] = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o077 == 0
        its.verify(STATEMENT, bare_sign(keys["ann"]))
    assert not list(tmp_path.iterdir())
