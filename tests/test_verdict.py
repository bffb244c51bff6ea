"""The verdict as a function of changes, policy and evidence: who counts, what is missing, what no approval heals."""

from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from cxgov.governance.changes import Side, compare
from cxgov.governance.transitions import Meanings, Transition
from cxgov.governance.verdict import Approval, Evidence, Objection, Proposal, Verdict, Waiver, verdict
from cxgov.language.diagnostics import Place
from cxgov.language.loading import load
from cxgov.language.model import Council
from cxgov.language.policy import Member, Requirement
from tests.support import Document, metric, source, threshold, tree

TODAY: Final = date(2026, 10, 1)
HERE: Final = Place("council.yaml", 1, 1)
SCORE: Final[Document] = {"id": "integer", "score": "integer", "at": "instant"}


def documents(limit: int = 9, target: int = 40, *more: Document) -> list[Document]:
    nps = {"net_share": {"plus": f"score >= {limit}", "minus": "score <= 6"}}
    bands = [{"name": "low", "below": 10}, {"name": "good"}]
    shown = {"source": "answers", "time": "at", "unit": "points", "direction": "higher_is_better"}
    return [
        source("answers", SCORE, relation="cx.answers"),
        metric("nps", nps, version="2.0.0" if limit != 9 else "1.0.0", **shown),
        metric("count", {"count": "rows"}, source="answers", time="at"),
        threshold("nps_month", "nps", bands=bands, target=target, version="1.1.0" if target != 40 else "1.0.0"),
        *more,
    ]


@cache
def side(limit: int = 9, target: int = 40, relation: str = "cx.answers") -> Side:
    made = documents(limit, target)
    if relation != "cx.answers":
        made[0] = {**made[0], "relation": relation, "version": "2.0.0"}
    files = tree(made)
    registry, problems = load(files)
    assert registry is not None, problems
    return Side(registry, files)


def member(person: str, seat: str = "insights", **fields: Any) -> Member:
    its: dict[str, Any] = {"github": 1000 + ord(person[0]), "until": date(2027, 1, 1), "place": HERE}
    return Member(person=person, seat=seat, **{**its, **fields})


def rule(*classes: str, quorum: int = 2, **fields: Any) -> Requirement:
    return Requirement(classes=classes, quorum=quorum, place=HERE, **fields)


MEMBERS: Final = (member("ana"), member("bob", "finance"), member("cy", "finance"), member("dee", "support"))
RULES: Final = (
    rule("formula", "source", seats=("insights", "finance"), veto=("finance",)),
    rule("threshold_loosened", "threshold_tightened", quorum=1),
    rule("policy", quorum=3),
    rule("editorial", quorum=0),
)


def council(**fields: Any) -> Council:
    its: dict[str, Any] = {
        "id": "council",
        "version": "1.0.0",
        "title": "Council",
        "owner": "us",
        "place": HERE,
        "sequence": 1,
        "members": MEMBERS,
        "rules": RULES,
    }
    return Council(**{**its, **fields})


def proposal(old: Side, new: Side, policy: Council | None = None, proposed: Council | None = None) -> Proposal:
    policy = policy or council()
    return Proposal(
        comparison=compare(old, new),
        old=Meanings(old),
        new=Meanings(new),
        council=policy,
        proposed=proposed or policy,
    )


def approval(person: str, of: Proposal, **fields: Any) -> Approval:
    its: dict[str, Any] = {"origin": f"review of {person}", "signed": False, "transitions": of.needed}
    return Approval(person=person, **{**its, **fields})


def judged(of: Proposal, *approvals: Approval, **fields: Any) -> Verdict:
    return verdict(of, Evidence(approvals=approvals, **fields), TODAY)


def missing(found: Verdict) -> list[str]:
    return [said for demand in found.demands for said in demand.missing]


def why(found: Verdict, person: str) -> str:
    [said] = {its.why for demand in found.demands for its in demand.ignored if its.who == person}
    return said


FORMULA: Final = proposal(side(), side(limit=7))


# --- what is asked ---


def test_no_change_needs_nobody() -> None:
    assert judged(proposal(side(), side())) == Verdict()


def test_a_change_of_formula_needs_both_seats() -> None:
    assert missing(judged(FORMULA)) == [
        "2 more approvals of 2",
        "an approval of the seat insights",
        "an approval of the seat finance",
    ]
    assert missing(judged(FORMULA, approval("bob", FORMULA), approval("cy", FORMULA))) == [
        "an approval of the seat insights"
    ]
    assert judged(FORMULA, approval("ana", FORMULA), approval("bob", FORMULA)).passed


def test_a_class_that_no_rule_names_is_blocked() -> None:
    bare = proposal(side(), side(limit=7), council(rules=RULES[1:]))
    found = judged(bare, *(approval(its.person, bare) for its in MEMBERS))
    assert missing(found) == ["no rule of the policy in force says who approves a change of class formula"]


def test_a_person_counts_once() -> None:
    twice = (approval("bob", FORMULA), approval("bob", FORMULA, origin="another account"))
    assert "1 more approval of 2" in missing(judged(FORMULA, *twice))


# --- who counts ---


def test_who_wrote_part_of_it_does_not_count() -> None:
    found = judged(FORMULA, approval("ana", FORMULA), approval("bob", FORMULA), contributors=frozenset({"ana"}))
    assert not found.passed
    assert why(found, "ana") == "wrote part of the proposal"


def test_strangers_and_ended_terms_do_not_count() -> None:
    ended = council(
        members=(replace(MEMBERS[0], until=TODAY), replace(MEMBERS[1], since=date(2026, 10, 2)), *MEMBERS[2:])
    )
    its = proposal(side(), side(limit=7), ended)
    found = judged(its, *(approval(name, its) for name in ("ana", "bob", "zoe", "dee")))
    assert why(found, "ana") == "the term has ended"
    assert why(found, "bob") == "the term has not begun"
    assert why(found, "zoe") == "not a member of the council"
    assert why(found, "dee") == "has the seat support, and the rule asks for insights or finance"


def test_a_beneficiary_loses_the_vote_for_what_reaches_the_metric() -> None:
    gains = council(beneficiaries=(("nps", ("ana",)),))
    for new in (side(limit=7), side(relation="cx.other")):
        its = proposal(side(), new, gains)
        found = judged(its, approval("ana", its), approval("bob", its))
        assert why(found, "ana") == "is a beneficiary of nps"


def test_a_signature_can_be_asked_for() -> None:
    signing = council(rules=(rule("formula", quorum=1, evidence="signed"),))
    its = proposal(side(), side(limit=7), signing)
    assert not judged(its, approval("ana", its)).passed
    assert judged(its, approval("ana", its, signed=True)).passed


# --- what an approval is of ---


def test_an_approval_of_another_number_does_not_count() -> None:
    """Approved at 8, merged at 7: the half that was seen is not what is proposed."""
    seen = proposal(side(), side(limit=8)).needed
    found = judged(FORMULA, approval("ana", FORMULA, transitions=seen), approval("bob", FORMULA))
    assert why(found, "ana") == "approved it together with another Metric nps than the proposal has now"


def test_what_was_approved_together_stays_together() -> None:
    """One half of what was approved is dropped: the other half has nobody's word."""
    both = proposal(side(), side(limit=7, target=30)).needed
    found = judged(FORMULA, approval("ana", FORMULA, transitions=both), approval("bob", FORMULA, transitions=both))
    assert why(found, "ana") == "approved it together with another Threshold nps_month than the proposal has now"


def test_a_base_that_moved_loses_the_approval() -> None:
    """Seen as 8 to 7; since then the trusted side went from 8 to 9."""
    seen = proposal(side(limit=8), side(limit=7)).needed
    found = judged(FORMULA, approval("ana", FORMULA, transitions=seen))
    assert why(found, "ana") == "did not see Metric nps change from what it is now to what is proposed"


def test_more_than_was_asked_may_have_been_seen() -> None:
    """A rebase that leaves out what has landed meanwhile keeps the approval of the rest."""
    landed = Transition("Metric", "count", "before", Meanings(side())["Metric", "count"])
    its = approval("ana", FORMULA, transitions=FORMULA.needed | {landed})
    assert judged(FORMULA, its, approval("bob", FORMULA)).passed


def test_a_source_asks_for_the_metrics_that_it_moves() -> None:
    """The change is in the source alone; who approved must have seen what it does to the metrics."""
    its = proposal(side(), side(relation="cx.other"))
    only = frozenset(step for step in its.needed if step.kind == "Source")
    assert {step.kind for step in its.needed} == {"Source", "Metric"}
    found = judged(its, approval("ana", its, transitions=only))
    assert why(found, "ana") == "did not see Metric count change from what it is now to what is proposed"


def test_a_title_that_is_anothers_is_a_change_of_formula_and_must_be_seen() -> None:
    """Under another metric's name one number would pass for the other."""
    made = documents()
    made[2] = {**made[2], "title": "nps", "version": "2.0.0"}
    made[1] = {**made[1], "title": "score", "version": "1.0.1"}
    files = tree(made)
    registry, problems = load(files)
    assert registry is not None, problems
    its = proposal(side(), Side(registry, files))
    assert [finding.change_class for finding in its.comparison.findings] == ["formula", "editorial"]
    assert not judged(its, *(approval(name, its, transitions=FORMULA.needed) for name in ("ana", "bob"))).passed
    assert judged(its, approval("ana", its), approval("bob", its)).passed


def test_a_threshold_is_its_metrics() -> None:
    """A rule for a metric holds for what judges it, and who gains by the metric is no judge of its threshold."""
    its = proposal(side(), side(target=30), council(beneficiaries=(("nps", ("ana",)),)))
    assert why(judged(its, approval("ana", its)), "ana") == "is a beneficiary of nps"
    scoped = council(rules=(rule("threshold_loosened", quorum=1, metrics=("nps",)),))
    its = proposal(side(), side(target=30), scoped)
    assert missing(judged(its)) == ["1 more approval of 1"]


# --- policy, versions, vetoes ---


def test_a_change_of_policy_needs_the_old_quorum_and_the_new() -> None:
    from cxgov.governance.changes import Comparison
    from cxgov.governance.verdict import guarded_finding

    new = council(sequence=2, members=(*MEMBERS, member("eve")), rules=(*RULES[:2], rule("policy", quorum=1), RULES[3]))
    finding = replace(guarded_finding("council.yaml", "policy", "changed"), kind="Council", id="council")
    its = Proposal(
        comparison=Comparison(findings=(finding,), bumps=(), moved=()),
        old={("Council", "council"): "a"},
        new={("Council", "council"): "b"},
        council=council(),
        proposed=new,
    )
    assert [demand.policy for demand in judged(its).demands] == ["in force", "proposed"]
    # Who is added by the proposal has no voice in it by the policy in force.
    found = judged(its, *(approval(name, its) for name in ("eve", "ana", "bob")))
    assert missing(found) == ["1 more approval of 3"]
    assert judged(its, *(approval(name, its) for name in ("cy", "ana", "bob"))).passed


def test_a_policy_is_counted_one_by_one_and_never_taken_away() -> None:
    for sequence, fault in (
        (1, "the policy's sequence must be 2, and is 1"),
        (3, "the policy's sequence must be 2, and is 3"),
    ):
        its = proposal(side(), side(), council(), council(sequence=sequence, title="other"))
        assert judged(its).faults == (fault,)
    gone = replace(proposal(side(), side()), proposed=None)
    assert judged(gone).faults == ("the proposal removes the council's policy: without one nothing can be approved",)


def test_a_version_that_is_too_small_is_a_fault() -> None:
    made = documents(7)
    made[1]["version"] = "1.1.0"
    files = tree(made)
    registry, _ = load(files)
    assert registry is not None
    its = proposal(side(), Side(registry, files))
    found = judged(its, approval("ana", its), approval("bob", its))
    assert found.faults == ("Metric nps needs version 2.0.0 or higher, and has 1.1.0",)
    assert not found.passed


def test_a_veto_is_a_seats() -> None:
    yes = (approval("ana", FORMULA), approval("bob", FORMULA))
    for person, passed in (("cy", False), ("ana", True), ("dee", True), ("zoe", True)):
        assert judged(FORMULA, *yes, objections=(Objection(person=person, origin="review"),)).passed is passed


# --- laws ---


PROPOSALS: Final = [FORMULA, proposal(side(), side(target=30)), proposal(side(), side(relation="cx.other"))]
APPROVALS: Final = st.builds(
    lambda person, seen, signed, i: approval(
        person, FORMULA, transitions=PROPOSALS[seen].needed, signed=signed, origin=f"review {i}"
    ),
    st.sampled_from(["ana", "bob", "cy", "dee", "zoe"]),
    st.integers(0, 2),
    st.booleans(),
    st.integers(0, 3),
)
PERSONS: Final = st.frozensets(st.sampled_from(["ana", "bob", "cy", "dee"]))


@given(st.sampled_from(PROPOSALS), st.lists(APPROVALS, max_size=6), APPROVALS, PERSONS)
def test_an_approval_never_hurts(its: Proposal, given_: list[Approval], more: Approval, wrote: frozenset[str]) -> None:
    """Adding an approval never turns yes into no, so removing one never turns no into yes."""
    if judged(its, *given_, contributors=wrote).passed:
        assert judged(its, *given_, more, contributors=wrote).passed


@given(st.sampled_from(PROPOSALS), st.lists(APPROVALS, max_size=6), st.randoms(use_true_random=False), PERSONS)
def test_the_order_of_evidence_is_nothing(
    its: Proposal, given_: list[Approval], random: Any, wrote: frozenset[str]
) -> None:
    """The verdict does not depend on the order of evidence."""
    mixed = list(given_)
    random.shuffle(mixed)
    one, other = (judged(its, *each, contributors=wrote) for each in (given_, mixed))
    assert [(demand.met, demand.counted, demand.missing) for demand in one.demands] == [
        (demand.met, demand.counted, demand.missing) for demand in other.demands
    ]


WAIVERS: Final = st.builds(
    lambda seen, classes, i: Waiver(
        origin=f"{i:06}.json",
        signers=("bob",),
        classes=tuple(sorted(classes)),
        transitions=PROPOSALS[seen].needed,
        reason="it cannot wait",
        until=date(2026, 10, 8),
        reviewer="support",
    ),
    st.integers(0, 2),
    st.frozensets(st.sampled_from(["formula", "source", "threshold_loosened"])),
    st.integers(1, 3),
)


@given(st.sampled_from(PROPOSALS), st.lists(APPROVALS, max_size=4), st.lists(WAIVERS, max_size=2), WAIVERS, PERSONS)
def test_a_break_glass_never_hurts_and_stands_for_its_own_alone(
    its: Proposal, given_: list[Approval], others: list[Waiver], more: Waiver, wrote: frozenset[str]
) -> None:
    """Adding one never turns yes into no; what it turns into yes is of its classes and of exactly its transitions."""
    before = judged(its, *given_, contributors=wrote, waivers=tuple(others))
    after = judged(its, *given_, contributors=wrote, waivers=(*others, more))
    assert after.passed or not before.passed
    for old, new in zip(before.demands, after.demands, strict=True):
        if new.met and not old.met:
            assert new.waiver == more
            assert new.finding.change_class in more.classes
            assert its.needed <= more.transitions


@given(st.sampled_from(PROPOSALS), WAIVERS)
def test_a_break_glass_takes_back_no_veto(its: Proposal, glass: Waiver) -> None:
    """Whatever is let through, an objection of a seat with a veto stays."""
    no = (Objection(person="cy", origin="review"),)
    assert judged(its, objections=no, waivers=(glass,)).vetoes == judged(its, objections=no).vetoes


def test_what_nobody_may_approve_nobody_lets_through() -> None:
    """Where no rule says who approves there is no approval that anything could stand for."""
    its = proposal(side(), side(limit=7), council(rules=(rule("policy", quorum=3),)))
    glass = Waiver(
        origin="000001.json",
        signers=("bob",),
        classes=("formula",),
        transitions=its.needed,
        reason="it cannot wait",
        until=date(2026, 10, 8),
        reviewer="support",
    )
    assert missing(judged(its, waivers=(glass,))) == [
        "no rule of the policy in force says who approves a change of class formula"
    ]
