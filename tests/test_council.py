"""Councils: rules that can be met whoever the author is, and keys that are read as ssh-keygen writes them."""

import subprocess
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxgov.language.keys import KeyProblem, parse_key
from cxgov.language.loading import load
from cxgov.language.model import Council
from tests.support import Document, council, member, registry_of, tree

SEATS: Final = ("insights", "finance", "legal")
TEAMS: Final = ("cx", "support")
OFTEN: Final = settings(max_examples=200, deadline=None)


def problems(document: Document) -> list[str]:
    _, found = load(tree([document]))
    return [problem.rule.code for problem in found]


def approvable(members: list[Document], rule: Document) -> bool:
    """Whether some of the members, however many, meet the rule together."""
    able = [
        its
        for its in members
        if its.get("since", "") < its["until"]
        and its["seat"] in rule.get("seats", SEATS)
        and its.get("team") in rule.get("teams", (*TEAMS, None))
    ]
    return any(
        len(those) >= rule["quorum"] and {its["seat"] for its in those} >= set(rule.get("seats", ()))
        for size in range(len(able) + 1)
        for those in combinations(able, size)
    )


@st.composite
def councils(draw: st.DrawFn) -> Document:
    """Up to six members and a rule that names seats and teams of theirs."""
    members = [
        member(
            f"p{i}",
            draw(st.sampled_from(SEATS)),
            i + 1,
            **draw(st.sampled_from([{}, {"team": "cx"}, {"team": "support"}])),
        )
        for i in range(draw(st.integers(1, 6)))
    ]
    rule: Document = {"classes": ["formula"], "quorum": draw(st.integers(1, 4))}
    for key in ("seat", "team"):
        known = sorted({its[key] for its in members if key in its})
        named: bool = draw(st.booleans())
        if known and named:
            rule[f"{key}s"] = draw(st.lists(st.sampled_from(known), min_size=1, unique=True))
    return council(members, [rule])


@OFTEN
@given(document=councils())
def test_a_rule_is_refused_where_and_only_where_some_author_leaves_it_unmet(document: Document) -> None:
    """Held against every set of approvers, for every author."""
    [rule] = document["rules"]
    members = document["members"]
    met = all(approvable([its for its in members if its is not author], rule) for author in members)
    assert problems(document) == ([] if met else ["CX039"])


def test_the_model_says_what_the_document_says() -> None:
    """With its defaults filled in, and a term that has no day told apart."""
    rules = [{"classes": ["editorial"], "quorum": 0}, {"classes": ["policy", "freeze"], "quorum": 1, "veto": ["legal"]}]
    guards = {".github/**": "policy"}
    document = council([member("ana", "legal", 7), member("bo", "legal", 8, team="cx")], rules, guards=guards)
    found = registry_of([document]).council
    assert isinstance(found, Council)
    assert (found.sequence, found.default, found.guards, found.beneficiaries) == (
        1,
        "block",
        ((".github/**", "policy"),),
        (),
    )
    assert [(its.person, its.team, its.github, its.has_term) for its in found.members] == [
        ("ana", None, 7, True),
        ("bo", "cx", 8, True),
    ]
    assert [(its.classes, its.quorum, its.veto, its.evidence) for its in found.rules] == [
        (("editorial",), 0, (), None),
        (("policy", "freeze"), 1, ("legal",), None),
    ]
    assert registry_of([]).council is None


@pytest.mark.parametrize(
    ("kind", "bits", "taken"),
    [
        ("ed25519", "", True),
        ("ecdsa", "256", True),
        ("ecdsa", "384", True),
        ("ecdsa", "521", True),
        ("rsa", "3072", True),
        ("rsa", "2048", False),
    ],
)
def test_a_key_is_read_as_ssh_keygen_writes_it(tmp_path: Path, kind: str, bits: str, taken: bool) -> None:
    """Type, body and comment; any other character in the body is another key or none."""
    size = ["-b", bits] if bits else []
    file = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", "a comment", "-f", str(file)], check=True)
    line = file.with_suffix(".pub").read_text(encoding="utf-8").strip()
    if not taken:
        with pytest.raises(KeyProblem, match="an RSA key of 2048 bits, expected at least 3072"):
            parse_key(line)
        return
    found = parse_key(line)
    assert " ".join(found) == line
    assert found[2] == "a comment"
    with pytest.raises(KeyProblem, match="private"):
        parse_key(file.read_text(encoding="utf-8"))
    for cut in (1, 4, 8, len(found[1]) // 2):
        with pytest.raises(KeyProblem):
            parse_key(f"{found[0]} {found[1][:-cut]}")


@OFTEN
@given(
    text=st.text(max_size=60)
    | st.binary(max_size=90).map(lambda data: f"ssh-ed25519 {data.hex()}")
    | st.from_regex(r"(ssh-rsa|ecdsa-sha2-nistp256|ssh-ed25519) AAAA[A-Za-z0-9+/]{0,60}={0,2}( .*)?", fullmatch=True)
)
def test_any_text_is_a_key_or_a_problem(text: str) -> None:
    """Nothing else is raised, whatever the bytes of the body claim."""
    with suppress(KeyProblem):
        assert len(parse_key(text)) == 3
