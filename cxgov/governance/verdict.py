"""Changes, policy and evidence to a verdict that explains itself.

Everything is an argument: the council is that of the trusted side, the day and the evidence are given. Yes is said,
never defaulted: a class that no rule names is blocked, and whoever does not count is named with the reason.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

from cxgov.governance.changes import Comparison
from cxgov.governance.findings import Finding, Reach
from cxgov.governance.transitions import PATH, TITLE, State, Transition, transitions
from cxgov.governance.versions import Bump
from cxgov.language.diagnostics import Place
from cxgov.language.model import Council
from cxgov.language.policy import Member, Requirement
from cxgov.meaning.dependencies import Key

_HISTORY: Final = "history"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A yes of a person to a set of transitions. ``origin`` says where it was said, for whoever wants to look."""

    person: str
    origin: str
    signed: bool
    transitions: frozenset[Transition]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A break-glass that stands: of its classes and transitions no approvals are asked, before the day ``until``.

    ``signers`` are the persons who broke the glass, a holder of the seat ``reviewer`` reviews it afterwards.
    """

    origin: str
    signers: tuple[str, ...]
    classes: tuple[str, ...]
    transitions: frozenset[Transition]
    reason: str
    until: date
    reviewer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A no of a person. It stays until its author takes it back."""

    person: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Evidence that does not count, and why."""

    who: str
    origin: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was said of a proposal, and who wrote it. ``contributors`` are persons of the council.

    ``reviews`` say in words how break-glass that has landed was reviewed.
    """

    approvals: tuple[Approval, ...] = ()
    objections: tuple[Objection, ...] = ()
    contributors: frozenset[str] = frozenset()
    ignored: tuple[Ignored, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    reviews: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one rule asks for one finding: who counts, who does not and why, what is missing.

    ``rule`` is None for a class that no rule names. ``policy`` says whose rule it is: the one in force, or the
    proposed one, where it changes. Where something was missing and a ``waiver`` stands for it, its signers count.
    """

    finding: Finding
    rule: Requirement | None
    policy: str
    counted: tuple[Member, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    missing: tuple[str, ...] = ()
    waiver: Waiver | None = None

    @property
    def met(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a proposal may be merged.

    ``faults`` are what no approval heals, ``moved`` the boundaries that it moves over frozen periods; ``touched`` are
    edits of history. ``waivers`` are break-glass that stands, ``reviews`` say how some was reviewed.
    """

    demands: tuple[Demand, ...] = ()
    vetoes: tuple[Objection, ...] = ()
    faults: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    bumps: tuple[Bump, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    reviews: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether everything that is asked for is there."""
        blocked = self.vetoes or self.faults or self.moved or self.touched
        return not blocked and all(demand.met for demand in self.demands)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A change as it is judged: its findings and both states, the policy in force and, where it moves, the next.

    ``faults`` are what no approval heals, ``moved`` how it moves over frozen periods; ``retitled`` are metrics that are
    called what another one was in a frozen period.
    """

    comparison: Comparison
    old: State
    new: State
    council: Council
    proposed: Council | None
    faults: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    retitled: frozenset[str] = frozenset()

    @cached_property
    def needed(self) -> frozenset[Transition]:
        """The steps that must be approved."""
        return transitions(self.old, self.new, retitled=self.retitled)

    @property
    def policies(self) -> list[tuple[str, Council]]:
        """The policies that must be satisfied: a change of policy needs the old quorum and the new."""
        found = [("in force", self.council)]
        if self.proposed is not None and self.proposed != self.council:
            found.append(("proposed", self.proposed))
        return found


def verdict(proposal: Proposal, evidence: Evidence, today: date) -> Verdict:
    """The verdict on a proposal by the evidence of a day."""
    judging = _Judging(proposal, evidence, today)
    demands: list[Demand] = []
    for finding in proposal.comparison.findings:
        for name, council in proposal.policies:
            if name == "in force" or finding.change_class == "policy":
                demands += judging.demands(finding, name, council)
    bumps = tuple(bump for bump in proposal.comparison.bumps if not bump.enough)
    return Verdict(
        demands=tuple(demands),
        vetoes=judging.vetoes(),
        faults=(
            *judging.faults(),
            *proposal.faults,
            *(f"{its.kind} {its.id}: {its.message}" for its in proposal.comparison.faults if its.holds(today)),
            *(_too_small(bump) for bump in bumps),
        ),
        moved=proposal.moved,
        touched=tuple(
            f"{finding.kind} {finding.id}"
            for finding in proposal.comparison.findings
            if finding.change_class == _HISTORY
        ),
        ignored=evidence.ignored,
        bumps=bumps,
        waivers=evidence.waivers,
        reviews=evidence.reviews,
    )


class _Judging:
    def __init__(self, proposal: Proposal, evidence: Evidence, today: date) -> None:
        self.proposal = proposal
        self.evidence = evidence
        self.today = today
        self.by_key: dict[Key, Transition] = {(its.kind, its.id): its for its in proposal.needed}
        self.before: dict[Key, str] = {
            (its.kind, its.id): its.old
            for its in proposal.comparison.findings
            if its.how == "renamed" and its.old is not None
        }

    # --- what is asked ---

    def demands(self, finding: Finding, name: str, council: Council) -> list[Demand]:
        rules = [rule for rule in council.rules if self.applies(rule, finding)]
        if not rules:
            missing = (f"no rule of the policy {name} says who approves a change of class {finding.change_class}",)
            return [Demand(finding=finding, rule=None, policy=name, missing=missing)]
        return [self.demand(finding, rule, name, council) for rule in rules]

    def applies(self, rule: Requirement, finding: Finding) -> bool:
        if finding.change_class not in rule.classes:
            return False
        if rule.metrics and not set(rule.metrics) & self.metrics_of(finding):
            return False
        reached = {finding.id} if finding.kind == "Overlay" else set(finding.reach.overlays)
        return rule.overlay is None or rule.overlay in self.by_any_name("Overlay", reached)

    def metrics_of(self, finding: Finding) -> set[str]:
        """The metrics whose numbers a finding can move or judge, its own among them."""
        own = [finding.id] if finding.kind == "Metric" else []
        return self.by_any_name("Metric", {*finding.reach.metrics, *finding.reach.judged, *own})

    def by_any_name(self, kind: str, ids: set[str]) -> set[str]:
        """Ids, and those that they had: the policy in force knows only the old name of what the proposal renames."""
        return ids | {self.before[kind, its] for its in ids if (kind, its) in self.before}

    def demand(self, finding: Finding, rule: Requirement, name: str, council: Council) -> Demand:
        counted: dict[str, Member] = {}
        ignored: list[Ignored] = []
        needed = self.transitions_of(finding)
        beneficiaries = _beneficiaries(council, self.metrics_of(finding))
        members = {member.person: member for member in council.members}
        for approval in self.evidence.approvals:
            member = members.get(approval.person)
            why = self.why_not(approval, member, rule, needed, beneficiaries)
            if why is not None or member is None:
                said = why or "not a member of the council"
                ignored.append(Ignored(who=approval.person, origin=approval.origin, why=said))
            else:
                counted[approval.person] = member
        found = tuple(counted[person] for person in sorted(counted))
        # Another word of somebody who counts is no complaint.
        others = [its for its in ignored if its.who not in counted]
        missing = _missing(rule, found)
        waiver: Waiver | None = None
        for each in self.evidence.waivers if missing else ():
            why = self.why_not_waived(each, finding, needed, beneficiaries)
            if why is not None:
                others.append(Ignored(who="break-glass", origin=each.origin, why=why))
            elif waiver is None:
                waiver, missing = each, ()
                found = tuple(members[person] for person in each.signers if person in members)
        return Demand(
            finding=finding,
            rule=rule,
            policy=name,
            counted=found,
            ignored=tuple(others),
            missing=missing,
            waiver=waiver,
        )

    def transitions_of(self, finding: Finding) -> frozenset[Transition]:
        """The steps that an approval of a finding must cover: the document's own, and those of what it reaches."""
        keys: list[Key] = [(finding.kind, finding.id), *(("Metric", its) for its in finding.reach.metrics)]
        if finding.how == "renamed" and finding.old is not None:
            keys.append((finding.kind, finding.old))
        if finding.kind == "Metric":
            keys.append((TITLE, finding.id))
        return frozenset(self.by_key[key] for key in keys if key in self.by_key)

    # --- who counts ---

    def why_not(
        self,
        approval: Approval,
        member: Member | None,
        rule: Requirement,
        needed: frozenset[Transition],
        beneficiaries: Mapping[str, str],
    ) -> str | None:
        """Why an approval does not count; None where it does."""
        if member is None:
            return "not a member of the council"
        if not in_term(member, self.today):
            return "the term has ended" if self.today >= member.until else "the term has not begun"
        if member.person in self.evidence.contributors:
            return "wrote part of the proposal"
        if member.person in beneficiaries:
            return f"is a beneficiary of {beneficiaries[member.person]}"
        if not rule.counts(member):
            return f"has the seat {member.seat}, and the rule asks for {_names(rule.seats or rule.teams)}"
        if rule.evidence == "signed" and not approval.signed:
            return "did not sign, and the rule asks for a signature"
        gone = sorted(its for its in approval.transitions if self.proposal.new.get((its.kind, its.id)) != its.new)
        if gone:
            # The first by name: the same evidence gives the same words.
            kind, identity = min((its.kind, its.id) for its in gone)
            return f"approved it together with another {kind} {identity} than the proposal has now"
        return _unseen(needed, approval.transitions)

    def why_not_waived(
        self, waiver: Waiver, finding: Finding, needed: frozenset[Transition], beneficiaries: Mapping[str, str]
    ) -> str | None:
        """Why a waiver does not stand for the approvals of a finding; None where it does."""
        if finding.change_class not in waiver.classes:
            return f"the policy lets nobody break the glass for a change of class {finding.change_class}"
        if gains := [person for person in waiver.signers if person in beneficiaries]:
            return f"{gains[0]} is a beneficiary of {beneficiaries[gains[0]]}"
        return _unseen(needed, waiver.transitions)

    def vetoes(self) -> tuple[Objection, ...]:
        """The objections of members whom a rule for one of the findings gives a veto."""
        found = []
        members = {member.person: member for member in self.proposal.council.members}
        seats = {
            seat
            for finding in self.proposal.comparison.findings
            for rule in self.proposal.council.rules
            if self.applies(rule, finding)
            for seat in rule.veto
        }
        for objection in self.evidence.objections:
            member = members.get(objection.person)
            if member is not None and in_term(member, self.today) and member.seat in seats:
                found.append(objection)
        return tuple(found)

    def faults(self) -> list[str]:
        proposal = self.proposal
        if proposal.proposed is None:
            return ["the proposal removes the council's policy: without one nothing can be approved"]
        changed = proposal.proposed != proposal.council
        wanted = proposal.council.sequence + (1 if changed else 0)
        if proposal.proposed.sequence != wanted:
            return [f"the policy's sequence must be {wanted}, and is {proposal.proposed.sequence}"]
        return []


def in_term(member: Member, today: date) -> bool:
    """Whether a member holds the seat on a day."""
    return (member.since is None or member.since <= today) and today < member.until


def guarded_finding(path: str, change_class: str, how: str) -> Finding:
    """The finding for a guarded path that is no document."""
    return Finding(
        kind=PATH,
        id=path,
        path=(),
        how=how,
        change_class=change_class,
        old=None,
        new=None,
        reach=Reach(),
        place=Place(path, 1, 1),
    )


def _unseen(needed: frozenset[Transition], seen: frozenset[Transition]) -> str | None:
    """The first step that was needed and not seen, in words."""
    lacking = sorted(needed - seen, key=lambda its: (its.kind, its.id))
    if not lacking:
        return None
    return f"did not see {lacking[0].kind} {lacking[0].id} change from what it is now to what is proposed"


def _missing(rule: Requirement, counted: Iterable[Member]) -> tuple[str, ...]:
    members = list(counted)
    found = []
    more = rule.quorum - len(members)
    if more > 0:
        found.append(f"{more} more approval{'s' if more > 1 else ''} of {rule.quorum}")
    present = {member.seat for member in members}
    found += [f"an approval of the seat {seat}" for seat in rule.seats if seat not in present]
    return tuple(found)


def _beneficiaries(council: Council, metrics: set[str]) -> dict[str, str]:
    """Persons who gain by one of the metrics, each with that metric."""
    return {person: metric for metric, persons in council.beneficiaries if metric in metrics for person in persons}


def _too_small(bump: Bump) -> str:
    return f"{bump.kind} {bump.id} needs version {bump.next} or higher, and has {bump.new}"


def _names(values: Iterable[str]) -> str:
    return " or ".join(values)
