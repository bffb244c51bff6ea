"""A proposal in git, the reviews of it and the policy of the trusted side to a verdict.

The council, its keys and the calendar are those of the trusted commit, whatever the proposal says. The proposal is
judged as the tree that its merge would have, read as raw blobs; nothing of it is executed or checked out.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cxgov.evidence.commits import Difference
from cxgov.evidence.failures import CannotSay
from cxgov.evidence.git import Conflict, Repository
from cxgov.evidence.listings import Refusal
from cxgov.governance.approvals import is_misnamed
from cxgov.governance.changes import Side, compare, retitled
from cxgov.governance.freezes import altered_queries, forged, ledger_change, moved_calendar, since_frozen, used_again
from cxgov.governance.gathering import Gathering
from cxgov.governance.guards import guarded, objects
from cxgov.governance.sides import Meaning, Sides
from cxgov.governance.steps import Asked, Step
from cxgov.governance.tool import hold_to_tool
from cxgov.governance.verdict import (
    Proposal,
    Verdict,
    guarded_finding,
    verdict,
)
from cxgov.language.diagnostics import Diagnostic, visible
from cxgov.language.loading import APPROVALS
from cxgov.language.model import Registry
from cxgov.ledger.chain import Ledger
from cxgov.ledger.entries import SignedEntry

# What git calls a path that is on one side only; every other letter is a change.
_HOW: Final = defaultdict(lambda: "changed", A="added", D="removed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """The gate's answer; no verdict where the proposal is no valid registry, as ``refused`` and ``problems`` say.

    ``trusted``, ``head`` and ``base`` are the commits that were judged, ``registry`` is the trusted one, ``proposed``
    the merge's and ``ref`` the full name of the branch, where that is known. ``altered`` are approvals and frozen bytes
    that the proposal changes, takes away or forges, whatever else it is; ``unmade`` says of entries of the ledger that
    other versions of the program made them. ``ledger`` is the merge's, its objects can be read no more; ``signed``
    are entries of it that the proposal adds and that freeze nothing.
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
    ledger: Ledger | None = None
    signed: tuple[SignedEntry, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the proposal may be merged."""
        return self.verdict is not None and self.verdict.passed


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
        gathering = Gathering(
            sides=self.sides,
            step=step,
            asked=self.asked,
            environment=self.environment,
            registry=self.before.registry,
            council=self.council,
        )
        gathered = gathering.gathered(its.new)
        made_up = (forged(path, why) for path, why in gathered.forged)
        its = replace(
            its,
            comparison=replace(its.comparison, findings=(*its.comparison.findings, *made_up)),
            faults=(*its.faults, *gathered.faults),
        )
        return replace(
            found,
            verdict=verdict(its, gathered.evidence, self.asked.today),
            proposal=its,
            registry=self.before.registry,
            proposed=result.side.registry,
            altered=tuple(finding.id for finding in its.comparison.findings if finding.change_class == "history"),
            unmade=unmade,
            ledger=self.sides.ledger(step.result),
            signed=gathering.added,
        )

    def proposal(
        self, new: Side, differences: Sequence[Difference], altered: Sequence[Difference]
    ) -> tuple[Proposal, tuple[str, ...]]:
        """What is judged, and the entries of the ledger that cannot be made again here."""
        old, merged = self.before, self.step.result
        past = self.sides.past(self.trusted)
        comparison = compare(old, new, past)
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
            faults=(*frozen.faults, *self.altered_reports(old, new), *used_again(before, old, new)),
            retitled=retitled(old, new, past),
            moved=moved_calendar(before, old.registry.calendar, new.registry.calendar),
            old=self.state(self.trusted) | objects(paths, before=True),
            new=self.state(merged) | objects(paths, before=False),
            council=self.council,
            proposed=new.registry.council,
        )
        return found, frozen.unmade

    def state(self, treeish: str) -> Meaning:
        """What every document of a commit means; nothing where it is no valid registry."""
        found = self.sides.state(treeish)
        return {} if found is None else found

    def altered_reports(self, old: Side, new: Side) -> list[str]:
        """What reports show that is not what its certificate says, and was not so before."""
        before, after = self.sides.ledger(self.trusted), self.sides.ledger(self.step.result)
        known = altered_queries(old, self.sides.folder, before)
        return [its for its in altered_queries(new, self.sides.folder, after) if its not in known]
