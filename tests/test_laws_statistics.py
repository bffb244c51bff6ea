"""Laws of intervals, changes and families, over random counts, values, weights, units and periods that share them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from math import sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from cxgov.evaluation.changes import Change, covariance, judge
from cxgov.evaluation.estimates import Estimate, interval, standard_error, variance
from cxgov.evaluation.families import Pair, judge_family
from tests.samples import Units, absent, common, known, linearised, mean, net_share, share, total

Draw = st.DrawFn
OFTEN: Final = settings(max_examples=80, deadline=None)

# --- what is judged ---

CONFIDENCES: Final = st.floats(0.5, 0.999)
VALUES: Final = st.lists(st.integers(0, 1000).map(lambda value: value / 4), min_size=2, max_size=30)
PRACTICAL: Final = st.floats(0, 20)
UNITS: Final = st.dictionaries(
    st.integers(0, 30),
    st.tuples(st.integers(-40, 40).map(float), st.integers(1, 9).map(float)),
    min_size=2,
    max_size=20,
)


@st.composite
def shares(draw: Draw, least: int = 1) -> Estimate:
    n = draw(st.integers(least, 500))
    return share(draw(st.integers(0, n)), n, scale=100)


@st.composite
def net_shares(draw: Draw, least: int = 1) -> Estimate:
    n = draw(st.integers(least, 500))
    plus = draw(st.integers(0, n))
    return net_share(plus, draw(st.integers(0, n - plus)), n)


def estimates() -> st.SearchStrategy[Estimate]:
    return st.one_of(
        shares(),
        net_shares(),
        VALUES.map(lambda values: mean(values, scale=100)),
        UNITS.map(lambda units: linearised(units, scale=100)),
        UNITS.map(lambda units: replace(total(units), scale=100, value=100 * sum(y for y, _ in units.values()))),
    )


def excludes_0(change: Change) -> bool:
    assert change.low is not None
    assert change.high is not None
    return change.low > 0 or change.high < 0


# --- levels ---


@given(estimates(), CONFIDENCES)
@OFTEN
def test_an_interval_contains_its_value(estimate: Estimate, confidence: float) -> None:
    """An interval contains its value, and there is one exactly where there is a standard error."""
    found = interval(estimate, confidence)
    assert (found is None) == (standard_error(estimate) is None)
    if found is not None:
        assert estimate.value is not None
        assert found[0] <= estimate.value <= found[1]
        assert found[0] < found[1]


@given(estimates(), CONFIDENCES, CONFIDENCES)
@OFTEN
def test_more_confidence_is_a_wider_interval(estimate: Estimate, one: float, other: float) -> None:
    """An interval of a higher level contains one of a lower."""
    inner, outer = interval(estimate, min(one, other)), interval(estimate, max(one, other))
    if inner is not None and outer is not None:
        assert outer[0] <= inner[0] + 1e-9
        assert inner[1] - 1e-9 <= outer[1]


@given(shares(2) | net_shares(2), st.integers(2, 50))
@OFTEN
def test_with_equal_shares_an_interval_narrows_as_n_grows(estimate: Estimate, times: int) -> None:
    """The same shares of more answers have a narrower interval and a smaller standard error."""
    assert estimate.n is not None
    sums = {role: times * value for role, value in estimate.sums.items()}
    more = replace(estimate, n=times * estimate.n, sums=sums)
    wide, narrow = interval(estimate, 0.95), interval(more, 0.95)
    assert wide is not None
    assert narrow is not None
    assert narrow[1] - narrow[0] < wide[1] - wide[0]
    errors = standard_error(more), standard_error(estimate)
    assert errors[0] is not None
    assert errors[1] is not None
    assert errors[0] < errors[1]


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), CONFIDENCES)
@OFTEN
def test_the_interval_of_a_share_mirrors_that_of_its_rest(counts: tuple[int, int], confidence: float) -> None:
    """What holds of those who agree holds of those who don't."""
    hits, n = counts
    low, high = interval(share(hits, n), confidence) or (0, 0)
    assert interval(share(n - hits, n), confidence) == pytest.approx((1 - high, 1 - low), rel=1e-9, abs=1e-12)


@given(VALUES)
@OFTEN
def test_rows_of_weight_1_that_are_their_own_units_are_a_plain_sample(values: list[float]) -> None:
    """The linearised variance of a mean without weights or clusters is s² / n; that of a sum is n s²."""
    units = {i: (value, 1.0) for i, value in enumerate(values)}
    plain = variance(mean(values))
    for estimate, times in ((linearised(units), 1), (total(units), len(values) ** 2)):
        found = variance(estimate)
        assert (found is None) == (plain is None)
        if plain is not None:
            assert found == pytest.approx(times * plain, rel=1e-6)


@given(UNITS, st.floats(0.01, 1000))
@OFTEN
def test_the_size_of_weights_does_not_matter(units: Units, factor: float) -> None:
    """Weights that are all multiplied by the same number give the same value and interval."""
    weighted = {unit: (factor * y, factor * x) for unit, (y, x) in units.items()}
    assert linearised(weighted).value == pytest.approx(linearised(units).value, rel=1e-9, abs=1e-12)
    before, after = interval(linearised(units), 0.95), interval(linearised(weighted), 0.95)
    assert after == (None if before is None else pytest.approx(before, rel=1e-6, abs=1e-9))


# --- changes ---


@given(estimates(), estimates(), PRACTICAL, CONFIDENCES, st.floats(-10, 10))
@OFTEN
def test_a_change_is_the_difference_of_the_published_values(
    earlier: Estimate, later: Estimate, practical: float, confidence: float, together: float
) -> None:
    """To the last bit, and whatever the overlap."""
    assert earlier.value is not None
    assert later.value is not None
    found = judge(earlier, later, practical, confidence, together)
    assert found.difference == later.value - earlier.value
    if found.low is not None:
        assert found.high is not None
        assert found.low <= found.difference <= found.high


@given(estimates(), estimates(), PRACTICAL, CONFIDENCES, st.floats(-1, 1))
@OFTEN
def test_a_test_and_its_interval_never_disagree(
    earlier: Estimate, later: Estimate, practical: float, confidence: float, together: float
) -> None:
    """A p is at most 1 less the confidence exactly where the interval excludes 0."""
    found = judge(earlier, later, practical, confidence, together)
    assert (found.state == "insufficient_n") == (found.p is None) == (found.low is None)
    if found.p is not None:
        assert (found.p <= 1 - confidence) == excludes_0(found)


@given(estimates(), estimates(), PRACTICAL, CONFIDENCES)
@OFTEN
def test_a_state_says_what_the_interval_shows(
    earlier: Estimate, later: Estimate, practical: float, confidence: float
) -> None:
    """The first that holds of: beyond d, not 0 and at least d, inside d, not 0, nothing."""
    found = judge(earlier, later, practical, confidence)
    assume(found.low is not None)
    assert found.difference is not None
    assert found.low is not None
    assert found.high is not None
    nearest = 0 if not excludes_0(found) else min(abs(found.low), abs(found.high))
    farthest = max(abs(found.low), abs(found.high))
    assume(abs(abs(found.difference) - practical) > 1e-6)
    held = {
        "meaningful": excludes_0(found) and nearest > practical,
        "meaningful_size_uncertain": excludes_0(found) and abs(found.difference) >= practical,
        "no_meaningful_change": farthest < practical,
        "significant_below_threshold": excludes_0(found),
        "inconclusive": True,
    }
    assert found.state == next(state for state, holds in held.items() if holds)


@given(estimates(), estimates(), PRACTICAL, CONFIDENCES)
@OFTEN
def test_a_change_back_is_the_mirror_of_a_change(
    earlier: Estimate, later: Estimate, practical: float, confidence: float
) -> None:
    """From later to earlier everything is the same with the other sign."""
    there, back = judge(earlier, later, practical, confidence), judge(later, earlier, practical, confidence)
    assert there.difference is not None
    assert (back.difference, back.state) == (-there.difference, there.state)
    if there.low is not None and there.high is not None:
        assert back.p == pytest.approx(there.p, rel=1e-9)
        assert (back.low, back.high) == pytest.approx((-there.high, -there.low), rel=1e-9, abs=1e-9)


@given(VALUES, VALUES, PRACTICAL)
@OFTEN
def test_judging_stored_sums_is_judging_the_rows(first: list[float], second: list[float], practical: float) -> None:
    """A frozen period is judged again from what was kept of it, to the same change and to that of scipy on the rows."""
    earlier, later = mean(first), mean(second)
    stored = [Estimate(**json.loads(json.dumps(asdict(estimate)))) for estimate in (earlier, later)]
    found = judge(earlier, later, practical)
    assert judge(stored[0], stored[1], practical) == found
    assume(found.p is not None)
    assert found.p is not None
    theirs = stats.ttest_ind(second, first, equal_var=False)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-300)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)), rel=1e-6, abs=1e-6)


# --- units in both periods ---


def influences(units: Units) -> dict[int, float]:
    """How far each unit moves the ratio."""
    y, x = (sum(values) for values in zip(*units.values(), strict=True))
    return {unit: (a - y / x * b) / x for unit, (a, b) in units.items()}


@given(UNITS, UNITS)
@OFTEN
def test_a_change_has_the_variance_of_what_its_units_move_it_by(first: Units, second: Units) -> None:
    """A unit in both periods moves the change by the difference of what it moves each ratio by."""
    earlier, later = linearised(first), linearised(second)
    before, after = variance(earlier), variance(later)
    assume(before is not None and after is not None)
    assert before is not None
    assert after is not None
    moved = influences(first), influences(second)
    sizes = [sqrt(len(units) / (len(units) - 1)) for units in (first, second)]
    each = [
        sizes[1] * moved[1].get(unit, 0) - sizes[0] * moved[0].get(unit, 0) for unit in first.keys() | second.keys()
    ]
    together = before + after - 2 * covariance(earlier, later, common(first, second))
    assert together == pytest.approx(sum(by * by for by in each), rel=1e-6, abs=1e-9 * (before + after))


@st.composite
def panels(draw: Draw) -> tuple[list[int], list[int]]:
    """Answers of -1, 0 and 1 of the same units in two periods."""
    n = draw(st.integers(2, 60))
    answers = st.lists(st.sampled_from([-1, 0, 1]), min_size=n, max_size=n)
    return draw(answers), draw(answers)


def of_panel(answers: Sequence[int], shape: str) -> tuple[Estimate, Units]:
    """A net share, or the share of 1."""
    n = len(answers)
    if shape == "share":
        return share(answers.count(1), n), {i: (float(answer == 1), 1.0) for i, answer in enumerate(answers)}
    units = {i: (float(answer), 1.0) for i, answer in enumerate(answers)}
    return net_share(answers.count(1), answers.count(-1), n, scale=1), units


@given(panels(), st.sampled_from(["share", "net_share"]), PRACTICAL)
@OFTEN
def test_with_everybody_in_both_periods_a_share_changes_by_its_units_own_changes(
    panel: tuple[list[int], list[int]], shape: str, practical: float
) -> None:
    """Its variance is that of the differences of each unit, with divisor n."""
    (earlier, first), (later, second) = (of_panel(answers, shape) for answers in panel)
    values = [[y for y, _ in units.values()] for units in (first, second)]
    assume(min(len(set(its)) for its in values) > 1)
    found = judge(earlier, later, practical, covariance=covariance(earlier, later, common(first, second)))
    moves = np.subtract(values[1], values[0])
    if moves.any() and np.var(moves) == 0:
        assert found.state == "insufficient_n"
    else:
        assert found.standard_error == pytest.approx(sqrt(np.var(moves) / len(moves)), rel=1e-9, abs=1e-9)


@given(estimates(), PRACTICAL)
@OFTEN
def test_who_answers_the_same_twice_did_not_change(estimate: Estimate, practical: float) -> None:
    """The same units with the same answers: the variance of the change is 0."""
    its = variance(estimate)
    assume(its is not None)
    assert its is not None
    found = judge(estimate, estimate, practical, covariance=its)
    assert (found.difference, found.standard_error, found.low, found.high, found.p) == (0, 0, 0, 0, 1)
    assert found.state == ("no_meaningful_change" if practical > 0 else "inconclusive")


@given(UNITS)
@OFTEN
def test_the_covariance_with_itself_is_the_variance(units: Units) -> None:
    """Of a mean, a ratio and a total, over all of their units."""
    alone = {unit: (y, 1.0) for unit, (y, _) in units.items()}
    for estimate, its in (
        (mean([y for y, _ in units.values()]), alone),
        (linearised(units), units),
        (total(units), alone),
    ):
        found = variance(estimate)
        if found is not None:
            assert covariance(estimate, estimate, common(its, its)) == pytest.approx(found, rel=1e-6)


@given(estimates())
@OFTEN
def test_what_has_no_variance_has_no_covariance(estimate: Estimate) -> None:
    """Nothing is asked of cross products where nothing will be judged."""
    assert covariance(estimate, absent(), {}) == covariance(absent(), estimate, {}) == 0


# --- families ---


@st.composite
def families(draw: Draw) -> list[Pair]:
    """Changes of all kinds, some far from 0, many near the edge of being called, some of which cannot be judged."""
    found = []
    for _ in range(draw(st.integers(1, 12))):
        practical = draw(st.sampled_from([0.0, 1.0, 5.0]))
        kind = draw(st.sampled_from(["p", "edge", "means", "shares", "absent"]))
        earlier, later = known(0, 0.6), known(0, 0.8)
        if kind in {"p", "edge"}:
            p = draw(st.floats(1e-12, 1)) if kind == "p" else draw(st.integers(1, 12)) * 0.05 / 12
            later = known(-NormalDist().inv_cdf(min(p, 1) / 2), 0.8)
        elif kind == "means":
            earlier, later = mean(draw(VALUES)), mean(draw(VALUES))
        elif kind == "shares":
            earlier, later = draw(shares()), draw(shares())
        else:
            earlier = absent()
        found.append(Pair(earlier=earlier, later=later, practical=practical))
    return found


@given(families(), st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]))
@OFTEN
def test_a_corrected_p_and_the_corrected_interval_never_disagree(family: list[Pair], confidence: float) -> None:
    """A corrected p is at most alpha exactly where the interval of the family's level excludes 0, for every member."""
    alpha = 1 - confidence
    found = judge_family(family, confidence)
    judged = [change for change in found if change.adjusted_p is not None]
    called = [change for change in judged if change.adjusted_p is not None and change.adjusted_p <= alpha]
    for change in judged:
        assert (change in called) == excludes_0(change)
        assert change.confidence == pytest.approx(1 - max(len(called), 1) * alpha / len(judged), rel=1e-12)
        # And without any care for rounding, where that could not decide.
        assert change.p is not None
        level = 1 - change.confidence
        if abs(change.p - level) > 1e-9:
            assert (change.p <= level) == excludes_0(change)
            assert change.difference is not None
            assert change.standard_error is not None
            scale = NormalDist().inv_cdf(1 - level / 2) if change.df is None else stats.t.isf(level / 2, change.df)
            assert (abs(change.difference) > scale * change.standard_error) == excludes_0(change)


@given(families().flatmap(lambda family: st.tuples(st.just(family), st.permutations(range(len(family))))))
@OFTEN
def test_a_family_has_no_order(turned: tuple[list[Pair], list[int]]) -> None:
    """Members are judged the same wherever they stand."""
    family, order = turned
    found = judge_family(family)
    assert judge_family([family[i] for i in order]) == tuple(found[i] for i in order)


@given(families(), st.integers(1, 5))
@OFTEN
def test_who_cannot_be_judged_is_not_in_the_family(family: list[Pair], times: int) -> None:
    """Members without a standard error do not move the level of the others."""
    more = [*family, *[Pair(earlier=absent(), later=share(5, 9), practical=1)] * times]
    found = judge_family(more)
    judged = [change for change in found if change.state != "insufficient_n"]
    assert judged == [change for change in judge_family(family) if change.state != "insufficient_n"]


@given(estimates(), estimates(), PRACTICAL, CONFIDENCES)
@OFTEN
def test_alone_in_a_family_is_alone(earlier: Estimate, later: Estimate, practical: float, confidence: float) -> None:
    """A family of one changes nothing."""
    [found] = judge_family([Pair(earlier=earlier, later=later, practical=practical)], confidence)
    assert found == judge(earlier, later, practical, confidence)


@given(families())
@OFTEN
def test_a_family_never_calls_what_alone_is_not_called(family: list[Pair]) -> None:
    """A correction only takes away."""
    for pair, found in zip(family, judge_family(family), strict=True):
        alone = judge(pair.earlier, pair.later, pair.practical, covariance=pair.covariance)
        if found.low is not None and excludes_0(found):
            assert excludes_0(alone)
