"""Commits to who had a hand in them: they made the change, so they do not approve it.

What a commit says of its authors is their own choice. It can take a vote away, and gives none.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cxgov.evidence.commits import Commit, Identity
from cxgov.language.policy import Member

# A forge's address that hides the owner's: the account's number, then the name it had at that time.
_NO_REPLY = re.compile(r"([0-9]{1,19})\+[^@]*@users\.noreply\.github\.com")


class Role(StrEnum):
    """What somebody was to a commit."""

    AUTHOR = "author"
    COMMITTER = "committer"
    CO_AUTHOR = "co-author"


@dataclass(frozen=True, slots=True)
class Contribution:
    """One name on one commit: the account whose number its address has, and the members to whom that leads."""

    commit: str
    role: Role
    identity: Identity
    account: int | None
    persons: frozenset[str]


@dataclass(frozen=True, slots=True)
class Contributors:
    """Everyone on the commits that changed something, and the commits that make nobody a contributor, with why."""

    contributions: tuple[Contribution, ...]
    passed_over: tuple[tuple[str, str], ...]

    @property
    def persons(self) -> frozenset[str]:
        """The members who contributed."""
        return frozenset(person for its in self.contributions for person in its.persons)

    @property
    def accounts(self) -> frozenset[int]:
        """The numbers of accounts, of members and of others."""
        return frozenset(its.account for its in self.contributions if its.account is not None)


def contributors(
    commits: Iterable[Commit],
    *,
    emails: Iterable[tuple[str, str]],
    accounts: Mapping[int, str],
    approvals: str,
    entries: Collection[str] = (),
) -> Contributors:
    """Who contributed, by members' addresses and account numbers, each with its person.

    An address that two members share is both's; one with an account's number is that account's, whatever its name is
    now. Who adds to the folder ``approvals``, or writes or takes away one of the ``entries`` of the ledger, all named
    from the repository's top, is no contributor by that.
    """
    known: dict[str, set[str]] = {}
    numbers = {account: {person} for account, person in accounts.items()}
    for email, person in emails:
        known.setdefault(_folded(email), set()).add(person)
        if (number := account_of(email)) is not None:
            numbers.setdefault(number, set()).add(person)
    found: list[Contribution] = []
    passed_over: list[tuple[str, str]] = []
    for commit in commits:
        if commit.by_itself:
            passed_over.append((commit.oid, "a merge that git makes by itself"))
            continue
        if commit.only_signs(approvals, entries):
            passed_over.append((commit.oid, "only signs"))
            continue
        names = [(Role.AUTHOR, commit.author), (Role.COMMITTER, commit.committer)]
        names += [(Role.CO_AUTHOR, identity) for identity in commit.co_authors]
        for role, identity in names:
            account = account_of(identity.email)
            persons = {*known.get(_folded(identity.email), ()), *(numbers.get(account, ()) if account else ())}
            found.append(Contribution(commit.oid, role, identity, account, frozenset(persons)))
    return Contributors(tuple(found), tuple(passed_over))


def accounts_of(member: Member) -> frozenset[int]:
    """Every account that the policy says is a member's: the one that votes, and those in addresses."""
    return frozenset({member.github, *(number for its in member.emails if (number := account_of(its)) is not None)})


def account_of(email: str) -> int | None:
    """The account's number in a no-reply address of GitHub."""
    match = _NO_REPLY.fullmatch(_folded(email))
    return int(match[1]) if match else None


def _folded(email: str) -> str:
    # Wider than mail's own rules: one spelling more takes a vote away, one less would let its owner vote.
    return email.strip().casefold()
