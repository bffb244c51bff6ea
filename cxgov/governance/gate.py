"""A proposal in git, the reviews of it and the policy of the trusted side to a verdict.

The council, its keys and the calendar are those of the trusted commit, whatever the proposal says. The proposal is
judged as the tree that its merge would have, read as raw blobs; nothing of it is executed or checked out.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Final

from cxgov.evidence.commits import Commit, Difference
from cxgov.evidence.contributors import accounts_of, contributors
from cxgov.evidence.failures import CannotSay
from cxgov.evidence.git import Conflict, Repository
from cxgov.evidence.listings import Refusal
from cxgov.evidence.reviews import Review, State, read_reviews, standing
from cxgov.evidence.signatures import Verifier
from cxgov.governance.approvals import Signature, binding, is_misnamed, keys_of, read_approval, words_of
from cxgov.governance.changes import Side, compare
from cxgov.governance.freezes import altered_queries, ledger_change, moved_calendar, since_frozen
from cxgov.governance.guards import guarded, objects
from cxgov.governance.sides import Sides
from cxgov.governance.tool import hold_to_tool
from cxgov.governance.transitions import Transition, transitions
from cxgov.governance.verdict import (
    Approval,
    Evidence,
    Ignored,
    Objection,
    Proposal,
    Verdict,
    guarded_finding,
    verdict,
)
from cxgov.language.diagnostics import Diagnostic, visible
from cxgov.language.loading import APPROVALS
from cxgov.language.model import Registry

# What git calls a path that is on one side only; every other letter is a change.
_HOW: Final = defaultdict(lambda: "changed", A="added", D="removed")
_SPENT: Final = "spent: what was approved has been on the trusted side since"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """The gate's answer; no verdict where the proposal is no valid registry, as ``refused`` and ``problems`` say.

    ``trusted``, ``head`` and ``base`` are the commits that were judged, ``registry`` is the trusted one, ``proposed``
    the merge's and ``ref`` the full name of the branch, where that is known. ``altered`` are approvals and frozen bytes
    that the proposal changes, takes away or forges, whatever else it is; ``unmade`` says of entries of the ledger that
    other versions of the program made them.
    """

    trusted: str
    head: str
    base: str
    verdict: Verdict | None
    proposal: Proposal | None
    registry: Registry | None = None
    proposed: Registry | None = None
    ref: str | None = None
    altered: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    unmade: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the proposal may be merged."""
        return self.verdict is not None and self.verdict.passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is judged, and by which evidence: names of commits, files of reviews as the forge gave them.

    Each file of reviews is of one request. ``authors`` are the accounts that opened them. ``ref`` is the full name of
    the branch into which it would be merged; needed only where ``trusted`` is no ref, as in a merge queue. ``programs``
    are the versions that judge, by which an entry of the ledger is made again.
    """

    trusted: str
    head: str
    reviews: Sequence[bytes] = ()
    authors: Sequence[int] = ()
    ref: str | None = None
    now: datetime
    programs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is judged: the way from a commit of the trusted side to a tree, by the commits that lead there.

    ``base`` is the commit from which ``head`` went apart, ``result`` the tree that landed or would land, a commit or a
    tree. ``revoked`` are keys, by their bodies, that a later policy says were revoked, and since when.
    """

    trusted: str
    head: str
    base: str
    result: str
    ref: str | None
    commits: Sequence[Commit]
    revoked: Mapping[str, date] = field(default_factory=dict)


def gate(repository: Repository, folder: str, asked: Asked, environment: Mapping[str, str]) -> Gated:
    """The verdict on merging ``head`` into ``trusted``; ``folder`` is the registry's, from the repository's top.

    Of ``environment`` only where programs are is used.

    Raises:
        CannotSay: what is needed cannot be read, the two conflict, the trusted side has no policy or pins another
            version of the program, or an entry of the ledger was made by another one.
    """
    sides = Sides(repository, folder)
    trusted = repository.commit(asked.trusted)
    ref = _named(repository, asked)
    head = repository.commit(asked.head)
    base = repository.merge_base(trusted, head)
    held = sides.read(trusted).side
    if held is None:
        raise CannotSay(f"{asked.trusted} holds no valid registry: `cxgov validate` there says why")
    hold_to_tool(held.registry.settings, asked.trusted)
    if held.registry.council is None:
        raise CannotSay(
            f"{asked.trusted} has no document of kind Council, so nobody can approve anything: "
            "the first policy is put there by hand"
        )
    merged = repository.merged_tree(trusted, head)
    if isinstance(merged, Conflict):
        paths = ", ".join(map(visible, merged.paths))
        raise CannotSay(f"{asked.head} conflicts with {asked.trusted} in {paths}: merge or rebase it")
    commits = repository.commits(trusted, head)
    step = Step(trusted=trusted, head=head, base=base, result=merged, ref=ref, commits=commits)
    found = judge(sides, step, asked, environment)
    if found.unmade and not found.altered:
        raise CannotSay(found.unmade[0])
    return found


def judge(sides: Sides, step: Step, asked: Asked, environment: Mapping[str, str]) -> Gated:
    """The verdict on a step from a commit that holds a policy, by the evidence of ``asked``.

    Raises:
        CannotSay: what is needed cannot be read.
        Altered: one of the ledgers is broken.
    """
    return _Judge(sides, step, asked, environment).gated()


def _named(repository: Repository, asked: Asked) -> str | None:
    """The full name of the trusted ref: a commit has none, but whoever runs the gate may know it."""
    found, given = repository.full_name(asked.trusted), asked.ref
    if found is not None and given not in {None, found}:
        raise CannotSay(f"{asked.trusted} is {found}, and not {given}: name one of them")
    return found or given


class _Judge:
    def __init__(self, sides: Sides, step: Step, asked: Asked, environment: Mapping[str, str]) -> None:
        self.repository = sides.repository
        self.environment = environment
        self.asked = asked
        self.sides = sides
        self.step = step
        self.approvals = f"{sides.folder}/{APPROVALS}" if sides.folder else APPROVALS
        self.trusted = step.trusted
        before = sides.read(step.trusted).side
        assert before is not None
        assert before.registry.council is not None
        self.before = before
        self.council = before.registry.council

    def gated(self) -> Gated:
        step, result = self.step, self.sides.read(self.step.result)
        differences = self.repository.differences(self.trusted, step.result)
        # Approvals and what is frozen are only ever added: what was said stays said.
        held = (f"{self.approvals}/", f"{self.sides.frozen}/")
        altered = [its for its in differences if its.path.startswith(held) and its.status != "A"]
        # A file that is not what its name says is nobody's word, and would never be one again.
        altered += [its for its in differences if its.status == "A" and is_misnamed(its.path, result.approvals)]
        found = Gated(
            trusted=self.trusted,
            head=step.head,
            base=step.base,
            verdict=None,
            proposal=None,
            ref=step.ref,
            altered=tuple(its.path for its in altered),
        )
        if result.side is None:
            errors = tuple(problem for problem in result.problems if problem.is_error)
            known = {refusal.path for refusal in result.refused}
            lost = (Refusal(path, "what was approved or frozen") for path in found.altered if path not in known)
            return replace(found, refused=(*result.refused, *lost), problems=errors)
        its, unmade = self.proposal(result.side, differences, altered)
        return replace(
            found,
            verdict=verdict(its, self.evidence(step.result), self.today),
            proposal=its,
            registry=self.before.registry,
            proposed=result.side.registry,
            altered=tuple(finding.id for finding in its.comparison.findings if finding.change_class == "history"),
            unmade=unmade,
        )

    def proposal(
        self, new: Side, differences: Sequence[Difference], altered: Sequence[Difference]
    ) -> tuple[Proposal, tuple[str, ...]]:
        """What is judged, and the entries of the ledger that cannot be made again here."""
        old, merged = self.before, self.step.result
        comparison = compare(old, new)
        paths = guarded(self.council, differences)
        findings = [guarded_finding(its.path, change_class, _HOW[its.status]) for its, change_class in paths.items()]
        findings += [guarded_finding(its.path, "history", _HOW[its.status]) for its in altered]
        before = self.sides.ledger(self.trusted)
        frozen = ledger_change(
            trusted=before,
            merged=self.sides.ledger(merged),
            registry=new.registry,
            added=[its.path for its in differences if its.status == "A"],
            folder=self.sides.frozen,
            now=self.asked.now,
            programs=self.asked.programs,
        )
        found = Proposal(
            comparison=replace(
                comparison,
                findings=(*comparison.findings, *findings, *frozen.findings),
                since_frozen=since_frozen(before, new.registry),
            ),
            faults=(*frozen.faults, *self.altered_reports(old, new)),
            moved=moved_calendar(before, old.registry.calendar, new.registry.calendar),
            old=(self.sides.state(self.trusted) or {}) | objects(paths, before=True),
            new=(self.sides.state(merged) or {}) | objects(paths, before=False),
            council=self.council,
            proposed=new.registry.council,
        )
        return found, frozen.unmade

    def altered_reports(self, old: Side, new: Side) -> list[str]:
        """What reports show that is not what its certificate says, and was not so before."""
        before, after = self.sides.ledger(self.trusted), self.sides.ledger(self.step.result)
        known = altered_queries(old, self.sides.folder, before)
        return [its for its in altered_queries(new, self.sides.folder, after) if its not in known]

    # --- evidence ---

    @property
    def today(self) -> date:
        return self.asked.now.astimezone(UTC).date()

    def evidence(self, merged: str) -> Evidence:
        persons = {member.github: member.person for member in self.council.members}
        wrote = contributors(
            self.step.commits,
            emails=[(email, member.person) for member in self.council.members for email in member.emails],
            accounts=persons,
            approvals=self.approvals,
        )
        opened = {its.person for its in self.council.members if accounts_of(its).intersection(self.asked.authors)}
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
        signed, unsigned = self.signed(merged)
        return Evidence(
            approvals=(*approvals, *signed),
            objections=tuple(objections),
            contributors=wrote.persons | opened,
            ignored=(*ignored, *unsigned),
        )

    def signed(self, merged: str) -> tuple[list[Approval], list[Ignored]]:
        """The signed approvals that the proposal adds; one that the trusted side holds already is spent."""
        trusted = self.sides.read(self.trusted)
        added = {
            path: data for path, data in self.sides.read(merged).approvals.items() if path not in trusted.approvals
        }
        if not added:
            return [], []
        bound = binding(self.before.registry, self.step.ref)
        if isinstance(bound, str):
            return [], [Ignored(who="a signature", origin=path, why=bound) for path in sorted(added)]
        landed = {words_of(data) for data in trusted.approvals.values()}
        found: list[Approval] = []
        ignored: list[Ignored] = []
        with Verifier(keys_of(self.council, self.today, self.step.revoked), self.environment) as verifier:
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
        try:
            since = self.repository.merge_base(self.trusted, its.since)
        except CannotSay as failure:
            return f"the trusted commit of that time cannot be read: {failure}"
        if since != its.since:
            return "signed for another history than that of the trusted side"
        return _SPENT if self.spent(since, its.transitions) else None

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
            commit = self.repository.commit(review.commit)
            base = self.repository.merge_base(self.trusted, commit)
        except CannotSay as failure:
            return f"the reviewed commit cannot be read: {failure}"
        before, after = self.sides.state(base), self.sides.state(commit)
        if before is None or after is None:
            return "the reviewed commit is no valid registry"
        paths = guarded(self.council, self.repository.differences(base, commit))
        found = transitions(before | objects(paths, before=True), after | objects(paths, before=False))
        return _SPENT if self.spent(base, found) else found

    def spent(self, since: str, seen: frozenset[Transition]) -> bool:
        """Whether the trusted ref has held a part of what was approved, and has it no more.

        A step back and forth needs a new word; what has landed and stayed costs the rest nothing.
        """
        waiting = self.missing(since, self.trusted, seen)
        return any(
            self.missing(since, commit, waiting) < waiting
            for commit in self.repository.first_parents(since, self.trusted)
            if self.sides.state(commit) is not None
        )

    def missing(self, since: str, commit: str, steps: frozenset[Transition]) -> frozenset[Transition]:
        """The steps of which a later commit does not hold what they lead to."""
        paths = guarded(self.council, self.repository.differences(since, commit))
        held = (self.sides.state(commit) or {}) | objects(paths, before=False)
        return frozenset(step for step in steps if held.get((step.kind, step.id)) != step.new)


def _origin(review: Review) -> str:
    at = f" at {review.submitted_at:%Y-%m-%dT%H:%M:%SZ}" if review.submitted_at else ""
    return f"review of {(review.commit or 'no commit')[:12]}{at}"
