"""Reviews of a forge, kept as files, to the steps of a history that their requests became.

A request is heard where one of its reviewed commits landed, or where a step leads to what such a commit led to; on
all other steps its vetoes would be said of something else. A review counts whenever it was given: neither its time
nor that of a commit could be held against the other.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cxgov.evidence.commits import Commit, Difference
from cxgov.evidence.failures import CannotSay
from cxgov.evidence.git import Repository
from cxgov.evidence.reviews import State, latest_word, read_reviews
from cxgov.governance.guards import objects
from cxgov.governance.walking import Line
from cxgov.meaning.dependencies import Key

_SAID = (State.APPROVED, State.CHANGES_REQUESTED)

# What a step leads to: what stands at a key afterwards, where that is another thing than before.
Leads = frozenset[tuple[Key, str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The files of reviews that concern a step, who opened their requests, and the commits that were reviewed."""

    reviews: Sequence[bytes] = ()
    authors: Sequence[int] = ()
    wrote: Sequence[Commit] = ()


class Rehearing:
    """Finds the files of reviews that concern a step. ``trunk`` is the line, oldest first.

    ``authors`` are the accounts that opened the requests, by the names of the files, as far as they are known.

    ``unread`` are files with a word on a commit that this repository does not have.

    Raises:
        CannotSay: a file is no list of reviews.
    """

    def __init__(
        self, line: Line, trunk: Sequence[str], files: Mapping[str, bytes], authors: Mapping[str, int]
    ) -> None:
        self._authors = authors
        self._line = line
        self._trunk = trunk
        self._files = files
        reviewed: dict[str, set[str]] = defaultdict(set)
        self.unread: dict[str, str] = {}
        for name, data in sorted(files.items()):
            reviews, problems = read_reviews(data)
            if problems:
                raise CannotSay(f"{name}: {problems[0].route or 'the file'}: {problems[0].message}")
            last = set(latest_word(reviews).last.values())
            for review in reviews:
                if review.state not in _SAID or review.commit is None:
                    continue
                try:
                    reviewed[line.repository.commit(review.commit)].add(name)
                except CannotSay:
                    if review in last:
                        self.unread[name] = review.commit
        self._files_of = reviewed
        self._forks = _forks(line.repository, trunk, reviewed)
        self._by_lead: dict[tuple[Key, str | None], set[str]] = defaultdict(set)
        for commit, at in self._forks.items():
            for lead in self._leads_to(commit, at):
                self._by_lead[lead].add(commit)

    def _leads_to(self, commit: str, at: int) -> Leads:
        base = self._trunk[at]
        return leads(self._line, base, commit, self._line.repository.differences(base, commit))

    def concerning(self, at: int, step: Leads, commits: Iterable[Commit]) -> Heard:
        """What is heard at the step to the commit at an index of the trunk; ``commits`` are those that it brings."""
        found = {commit.oid for commit in commits if commit.oid in self._forks}
        found |= {commit for lead in step for commit in self._by_lead.get(lead, ()) if self._forks[commit] < at}
        names = sorted({name for commit in found for name in self._files_of[commit]})
        # A squash does not say who wrote the commits that it was made of.
        wrote = {
            its.oid: its
            for commit in sorted(found)
            for its in self._line.repository.commits(self._trunk[self._forks[commit]], commit)
        }
        return Heard(
            reviews=[self._files[name] for name in names],
            authors=[self._authors[name] for name in names if name in self._authors],
            wrote=list(wrote.values()),
        )


def leads(line: Line, before: str, after: str, differences: Iterable[Difference]) -> Leads:
    """What the way from one commit to another leads to; nothing but paths where one holds no valid registry."""
    old, new = line.state(before) or {}, line.state(after) or {}
    paths = objects(differences, before=False)
    moved = {(key, new.get(key)) for key in {*old, *new} if old.get(key) != new.get(key)} if old and new else set()
    return frozenset({*moved, *paths.items()})


def _forks(repository: Repository, trunk: Sequence[str], commits: Iterable[str]) -> dict[str, int]:
    """For each commit the index of the last one of the trunk that it was made on, by whichever way."""
    index = {commit: i for i, commit in enumerate(trunk)}
    wanted = list(commits)
    if not wanted:
        return {}
    parents = repository.parents([trunk[-1], *wanted])
    reach: dict[str, int] = {}
    for commit in reversed(parents):
        reach[commit] = max((index.get(its, reach.get(its, -1)) for its in parents[commit]), default=-1)
    # A commit of the trunk itself was made on the one before it.
    return {its: reach[its] for its in wanted if reach[its] >= 0}
