"""Reviews, signatures and break-glass of a step, to the evidence that the verdict counts.

Whose they are and what they count for say the council, its keys and the registry of the trusted commit.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Final, NamedTuple

from cxgov.evidence.commits import Commit
from cxgov.evidence.contributors import accounts_of, contributors
from cxgov.evidence.failures import CannotSay
from cxgov.evidence.reviews import Review, State, read_reviews, standing
from cxgov.evidence.signatures import Verifier
from cxgov.governance import transitions as steps
from cxgov.governance.approvals import Signature, keys_of, read_approval, words_of
from cxgov.governance.changes import retitled
from cxgov.governance.guards import guarded, objects
from cxgov.governance.hearing import Heard, Hearing, hear, signers_of
from cxgov.governance.sides import Meaning, Sides
from cxgov.governance.statements import Binding, binding
from cxgov.governance.steps import Asked, Step
from cxgov.governance.transitions import Transition, transitions
from cxgov.governance.verdict import Approval, Evidence, Ignored, Objection
from cxgov.language.loading import APPROVALS
from cxgov.language.model import Council, Registry
from cxgov.language.policy import Member
from cxgov.ledger.entries import SignedEntry
from cxgov.ledger.folder import LEDGER
from cxgov.meaning.dependencies import Key

_SPENT: Final = "spent: what was approved has been on the trusted side since"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The evidence of a step, and of break-glass what does not stand: ``faults``, and ``forged`` paths with why."""

    evidence: Evidence
    faults: tuple[str, ...]
    forged: tuple[tuple[str, str], ...]


@dataclass(kw_only=True)
class Gathering:
    """What was said of a step, by the policy of its trusted side."""

    sides: Sides
    step: Step
    asked: Asked
    environment: Mapping[str, str]
    registry: Registry
    council: Council
    approvals: str = field(init=False)
    chain: str = field(init=False)
    # By the trusted commit at which something was approved, as it is one for many words.
    strange: dict[str, str | None] = field(init=False, default_factory=dict)
    holding: dict[str, list["_Held"]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.approvals = f"{self.sides.folder}/{APPROVALS}" if self.sides.folder else APPROVALS
        self.chain = f"{self.sides.frozen}/{LEDGER}"

    @property
    def trusted(self) -> str:
        """The commit that is trusted."""
        return self.step.trusted

    @property
    def bound(self) -> Binding | str:
        """What statements are bound to here; or why they can be bound to nothing."""
        return binding(self.registry, self.step.ref)

    def gathered(self, new: steps.State) -> Gathered:
        """Everything that was said of a step that leads to ``new``."""
        persons = {member.github: member.person for member in self.council.members}
        words, unheard = standing(self.reviews())
        approvals: list[Approval] = []
        objections: list[Objection] = []
        ignored = [Ignored(who=old.review.login, origin=_origin(old.review), why=old.reason) for old in unheard]
        for review in words:
            person = persons.get(review.account or 0)
            if person is None:
                ignored.append(Ignored(who=review.login, origin=_origin(review), why="not a member of the council"))
            elif review.state is State.CHANGES_REQUESTED:
                objections.append(Objection(person=person, origin=_origin(review)))
            elif review.state is State.APPROVED:
                seen = self.seen(review)
                if isinstance(seen, str):
                    ignored.append(Ignored(who=person, origin=_origin(review), why=seen))
                else:
                    approvals.append(Approval(person=person, origin=_origin(review), signed=False, transitions=seen))
        signed, unsigned = self.signed()
        glass = self.break_glass(new)
        evidence = Evidence(
            approvals=(*approvals, *signed),
            objections=tuple(objections),
            contributors=self.contributors,
            ignored=(*ignored, *unsigned),
            waivers=glass.waivers,
            reviews=glass.reviews,
        )
        forged = tuple((f"{self.chain}/{name}", why) for name, why in glass.forged)
        return Gathered(evidence=evidence, faults=glass.faults, forged=forged)

    # --- who wrote it ---

    @cached_property
    def contributors(self) -> frozenset[str]:
        """The members who wrote part of the proposal, or opened it."""
        opened = {its.person for its in self.council.members if accounts_of(its).intersection(self.asked.authors)}
        before = self.sides.ledger(self.trusted)
        made = {its.name for its in self.sides.ledger(self.step.result).entries() if its.sequence > len(before)}
        return self.wrote(self.step.commits, made, self.council.members) | opened

    def wrote(self, commits: Sequence[Commit], made: Collection[str], members: Sequence[Member]) -> frozenset[str]:
        """Those of some members who wrote what some commits did, other than to sign; ``made`` are entries of periods.

        Nothing else in the chain is anybody's work: a signed entry is its signers', and what is gone left nothing.
        """
        touched = {its.path for commit in commits for part in commit.differences for its in part}
        return contributors(
            commits,
            emails=[(email, member.person) for member in members for email in member.emails],
            accounts={member.github: member.person for member in members},
            approvals=self.approvals,
            entries={path for path in touched if path.startswith(f"{self.chain}/")}.difference(
                f"{self.chain}/{name}" for name in made
            ),
        ).persons

    def took_part(self, entry: SignedEntry) -> set[str]:
        """The members who wrote what came to the trusted side with an entry of its ledger, or who signed the entry.

        By the policies of then and now, and keys that count no more: a new key or seat makes nobody another one.
        """
        repository, path = self.sides.repository, f"{self.chain}/{entry.name}"
        found: set[str] = set()
        councils = [self.council]
        trunk = repository.first_parents(None, self.trusted)
        for (before, commit), differences in zip(pairwise(trunk), repository.steps(trunk), strict=True):
            added = {its.path for its in differences if its.status == "A"}
            if path in added:
                periods = self.sides.ledger(self.trusted).entries()
                made = {its.name for its in periods if f"{self.chain}/{its.name}" in added}
                side = self.sides.read(before).side
                if side is not None and side.registry.council is not None:
                    councils.append(side.registry.council)
                commits = repository.commits(before, commit)
                found = {its for council in councils for its in self.wrote(commits, made, council.members)}
                break
        for council in councils:
            keys = [(its.person, f"{key.type} {key.body}") for its in council.members for key in its.keys]
            with Verifier(keys, self.environment) as verifier:
                found |= set(signers_of(entry, verifier))
        return found

    def gaining(self, steps: Iterable[Transition]) -> set[str]:
        """The members who gain by a metric that some steps move or judge."""
        registry = self.registry
        ids = {(its.kind, its.id) for its in steps}
        metrics = {identity for kind, identity in ids if kind == "Metric"}
        metrics |= {its.metric for its in registry.thresholds.values() if ("Threshold", its.id) in ids}
        for overlay in registry.overlays.values():
            metrics |= set(overlay.metrics) if ("Overlay", overlay.id) in ids else set()
        return {person for metric, persons in self.council.beneficiaries if metric in metrics for person in persons}

    # --- signatures ---

    def verifier(self) -> Verifier:
        """Who verifies signatures of members, by the keys that count on the day."""
        return Verifier(keys_of(self.council, self.asked.today, self.step.revoked), self.environment)

    @cached_property
    def added(self) -> tuple[SignedEntry, ...]:
        """The signed entries that the proposal adds to the ledger."""
        before = self.sides.ledger(self.trusted)
        return tuple(its for its in self.sides.ledger(self.step.result).signed() if its.sequence > len(before))

    def break_glass(self, new: steps.State) -> Heard:
        """What the signed entries come to that the proposal adds to the ledger."""
        added = self.added
        if not added:
            return Heard()
        held = self.sides.ledger(self.trusted).signed()
        said: set[str | None] = {entry.statement for entry in held}
        with self.verifier() as verifier:
            return hear(
                added,
                Hearing(
                    council=self.council,
                    bound=self.bound,
                    verifier=verifier,
                    today=self.asked.today,
                    contributors=self.contributors,
                    held=held,
                    new=new,
                    too_late=lambda its: self.too_late(its, said),
                    took_part=self.took_part,
                    gaining=self.gaining,
                ),
            )

    def signed(self) -> tuple[list[Approval], list[Ignored]]:
        """The signed approvals that the proposal adds; one that the trusted side holds already is spent."""
        trusted, result = self.sides.read(self.trusted), self.sides.read(self.step.result)
        added = {path: data for path, data in result.approvals.items() if path not in trusted.approvals}
        if not added:
            return [], []
        bound = self.bound
        if isinstance(bound, str):
            return [], [Ignored(who="a signature", origin=path, why=bound) for path in sorted(added)]
        landed = {words_of(data) for data in trusted.approvals.values()}
        found: list[Approval] = []
        ignored: list[Ignored] = []
        with self.verifier() as verifier:
            for path, data in sorted(added.items()):
                its = read_approval(path.rpartition("/")[2], data, bound, verifier)
                if isinstance(its, str):
                    ignored.append(Ignored(who="a signature", origin=path, why=its))
                elif (late := self.too_late(its, landed)) is not None:
                    ignored.append(Ignored(who=its.person, origin=path, why=late))
                else:
                    found.append(Approval(person=its.person, origin=path, signed=True, transitions=its.transitions))
        return found, ignored

    def too_late(self, its: Signature, landed: set[str | None]) -> str | None:
        """Why a good signature is one no more: a file can be written anew and kept for another time, words cannot."""
        if its.words in landed:
            return "spent: the trusted side holds it already"
        if its.since not in self.strange:
            self.strange[its.since] = self.why_strange(its.since)
        return self.strange[its.since] or (_SPENT if self.spent(its.since, its.transitions) else None)

    def why_strange(self, since: str) -> str | None:
        """Why the trusted commit of a signature is not one that the trusted side comes from; None where it is."""
        try:
            base = self.sides.repository.merge_base(self.trusted, since)
        except CannotSay as failure:
            return f"the trusted commit of that time cannot be read: {failure}"
        return None if base == since else "signed for another history than that of the trusted side"

    def reviews(self) -> list[tuple[Review, ...]]:
        found: list[tuple[Review, ...]] = []
        for data in self.asked.reviews:
            reviews, problems = read_reviews(data)
            if problems:
                route, message = problems[0]
                raise CannotSay(f"the reviews cannot be read: {route or 'the file'}: {message}")
            found.append(reviews)
        return found

    def seen(self, review: Review) -> frozenset[Transition] | str:
        """The transitions that a reviewer saw, from its own merge base to its own commit; or why there are none."""
        if review.commit is None:
            return "the reviewed commit is gone"
        try:
            commit = self.sides.repository.commit(review.commit)
            base = self.sides.repository.merge_base(self.trusted, commit)
        except CannotSay as failure:
            return f"the reviewed commit cannot be read: {failure}"
        before, after = self.sides.state(base), self.sides.state(commit)
        if before is None or after is None:
            return "the reviewed commit is no valid registry"
        paths = guarded(self.council, self.sides.repository.differences(base, commit))
        sides = self.sides.read(base).side, self.sides.read(commit).side
        called = retitled(sides[0], sides[1], self.sides.past(self.trusted)) if sides[0] and sides[1] else ()
        found = transitions(before | objects(paths, before=True), after | objects(paths, before=False), retitled=called)
        return _SPENT if self.spent(base, found) else found

    def spent(self, since: str, seen: frozenset[Transition]) -> bool:
        """Whether the trusted ref has held a part of what was approved, and has it no more.

        A step back and forth needs a new word; what has landed and stayed costs the rest nothing.
        """
        now, *line = self.held(since)
        waiting = now.missing(seen)
        return any(its.missing(waiting) < waiting for its in line)

    def held(self, since: str) -> list["_Held"]:
        """What the trusted ref holds now, and what it held after each of its steps since a commit."""
        if since not in self.holding:
            repository = self.sides.repository
            line = repository.first_parents(since, self.trusted)
            found = []
            for commit in (self.trusted, *line):
                state = self.sides.state(commit)
                if state is not None:
                    paths = guarded(self.council, repository.differences(since, commit))
                    found.append(_Held(state, objects(paths, before=False)))
            self.holding[since] = found
        return self.holding[since]


class _Held(NamedTuple):
    """What a commit holds: documents, and the guarded paths that have moved."""

    state: Meaning
    paths: Mapping[Key, str]

    def missing(self, steps: frozenset[Transition]) -> frozenset[Transition]:
        """The steps of which it does not hold what they lead to."""
        keys = {step: (step.kind, step.id) for step in steps}
        return frozenset(step for step, key in keys.items() if self.paths.get(key, self.state.get(key)) != step.new)


def _origin(review: Review) -> str:
    at = f" at {review.submitted_at:%Y-%m-%dT%H:%M:%SZ}" if review.submitted_at else ""
    return f"review of {(review.commit or 'no commit')[:12]}{at}"
