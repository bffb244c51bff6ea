"""Intervals, changes and families beside R, scipy and published values."""

import csv
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any, Final

import numpy as np
import pytest
from scipy import stats

from cxgov.compiler.plan import normal_quantile
from cxgov.evaluation.changes import Difference, State, covariance, decided, judge
from cxgov.evaluation.estimates import Estimate, interval, standard_error, variance
from cxgov.evaluation.families import Pair, judge_family
from tests.samples import absent, by_unit, centred, common, known, linearised, mean, net_share, share, total

Case = Mapping[str, Any]
Z: Final = NormalDist().inv_cdf(0.975)


def holds(found: Any, case: Case, name: str, *mistakes: str) -> None:
    """What was found is the case's, within its tolerance, and none of its values by other methods."""
    expected, near = case["expected"], {"rel": 1e-9, "abs": 1e-12, **case["tolerance"]}
    value = expected[name]
    for key in () if isinstance(value, list) else name.split("."):
        value = expected[key]
    assert found == pytest.approx(value, rel=near["rel"], abs=near["abs"])
    for mistake in mistakes:
        assert found != pytest.approx(expected[mistake], rel=1e-6), mistake


def rows_of(shared: Path, file: str) -> list[dict[str, str]]:
    with (shared / "cases" / file).open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


# --- intervals of levels ---


@pytest.mark.parametrize("name", ["wilson_1_29", "wilson_81_263"])
def test_a_share_has_wilsons_interval(cases: Mapping[str, Case], name: str) -> None:
    """Newcombe (1998), method 3; neither the exact interval nor Wald's."""
    case = cases[name]
    given = case["input"]["params"]
    found = interval(share(given["x"], given["n"]), given["confidence"])
    assert found is not None
    holds(list(found), case, "wilson", "exact", "asymptotic")
    assert [round(end, 4) for end in found] == case["expected"]["wilson_published_4dp"]


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 7), (7, 7), (3, 7), (41, 100), (999_999, 1_000_000)])
def test_wilsons_interval_is_that_of_scipy(hits: int, n: int, confidence: float) -> None:
    theirs = stats.binomtest(hits, n).proportion_ci(confidence, method="wilson")
    assert interval(share(hits, n), confidence) == pytest.approx((theirs.low, theirs.high), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", ["nps_200_se_ci", "nps_36_se_ci"])
def test_a_net_share_has_the_adjusted_wald_interval(cases: Mapping[str, Case], name: str) -> None:
    """Its standard error in a change is Wald's, with divisor n; neither Wald's nor Student's is its interval."""
    case = cases[name]
    given = case["input"]["params"]
    n = given["promoters"] + given["passives"] + given["detractors"]
    estimate = net_share(given["promoters"], given["detractors"], n)
    holds(estimate.value, case, "nps")
    holds(standard_error(estimate), case, "se_wald", "trinomial_t_se", "adj_wald_se")
    found = interval(estimate, given["confidence"])
    assert found is not None
    holds(list(found), case, "adj_wald_ci", "ci_wald", "trinomial_t_ci")
    holds((found[0] + found[1]) / 2, case, "adj_wald_center")
    holds((found[1] - found[0]) / 2 / Z, case, "adj_wald_se")


def test_a_third_of_each_at_1024_is_ten_points_wide(cases: Mapping[str, Case]) -> None:
    case = cases["nps_interval_width_published"]
    third, n = case["input"]["params"]["p"], case["input"]["params"]["n"]
    error = standard_error(net_share(third * n, third * n, n))
    assert error is not None
    holds(2 * Z * error, case, "full_width")


def test_all_promoters_are_not_certain() -> None:
    """12 of 12: Wald's interval has no width; the adjusted one reaches down to 54 and contains 100."""
    low, high = interval(net_share(12, 0, 12), 0.95) or (0, 0)
    assert (round(low), high) == (54, 100)
    assert interval(net_share(0, 12, 12), 0.95) == (-high, -low)


def test_an_adjusted_interval_that_ends_before_its_value_is_extended() -> None:
    """1 of 1 promoters: a quarter and 1.96 standard errors of 0.375 are 98.5."""
    low, high = interval(net_share(1, 0, 1), 0.95) or (0, 0)
    assert low == pytest.approx(100 * (0.25 - Z * 0.375))
    assert round(100 * (0.25 + Z * 0.375), 1) == 98.5
    assert high == 100


def test_a_mean_has_students_interval(cases: Mapping[str, Case]) -> None:
    case = cases["csat_mean_ci_t"]
    scores = [row[0] for row in case["input"]["tables"]["responses"]["rows"]]
    estimate = mean(scores)
    holds(estimate.value, case, "mean")
    holds(standard_error(estimate), case, "se")
    holds(list(interval(estimate, 0.95) or ()), case, "ci_t", "ci_z")


def test_a_mean_of_durations_is_in_its_unit() -> None:
    """Sums in microseconds, value and interval in minutes."""
    seconds = [30, 45, 80, 200, 10]
    minutes = interval(mean([second / 60 for second in seconds]), 0.9)
    found = mean([1_000_000 * second for second in seconds], scale=1 / 60_000_000)
    assert found.value == pytest.approx(fmean(seconds) / 60)
    assert interval(found, 0.9) == pytest.approx(minutes)


def test_quantiles_of_the_normal_distribution_are_those_of_the_compiler() -> None:
    """To the last bit: SQL has them as literals."""
    assert normal_quantile(0.95) == NormalDist().inv_cdf((1 + 0.95) / 2)
    assert normal_quantile(0.95) == pytest.approx(float(stats.norm.ppf(0.975)), rel=1e-15)


# --- linearised ---


def test_agents_are_the_units_of_their_contacts(cases: Mapping[str, Case], shared: Path) -> None:
    """AHT and FCR by agents have twice and 1.2 times the standard errors of as many independent contacts."""
    case = cases["aht_fcr_cluster_by_agent"]
    rows = rows_of(shared, case["input"]["csv"]["contacts"])
    seconds = [float(row["handle_s"]) for row in rows]
    solved = [float(row["fcr"]) for row in rows]
    agents = [row["agent"] for row in rows]
    independent = mean(seconds)
    holds(independent.value, case, "aht", "avg_of_agent_avgs")
    holds(standard_error(independent), case, "se_iid")
    for values, name, ours, by_rows in (
        (seconds, "aht", "se_cluster_agent", "se_iid"),
        (solved, "fcr", "fcr_se_cluster", "fcr_se_iid"),
    ):
        clustered = linearised(by_unit((agent, value, 1) for agent, value in zip(agents, values, strict=True)))
        holds(clustered.value, case, name)
        holds(standard_error(clustered), case, ours, by_rows)
        each = linearised(by_unit((i, value, 1) for i, value in enumerate(values)))
        holds(standard_error(each), case, by_rows)


def test_a_weighted_score_is_linearised(cases: Mapping[str, Case], shared: Path) -> None:
    """Weights that go with the score: Kish's approximation is too small."""
    case = cases["panel_acv_weighted_nps"]
    rows = rows_of(shared, case["input"]["csv"]["panel"])
    units = {}
    for row in rows:
        weight, score = float(row["acv"]), int(row["ltr"])
        units[row["resp_id"]] = (weight * ((score >= 9) - (score <= 6)), weight)
    found = linearised(units, scale=100)
    holds(found.value, case, "nps")
    holds(standard_error(found), case, "se", "se_kish_approx")
    low, high = interval(found, 0.95) or (0, 0)
    assert (high - low) / 2 == pytest.approx(Z * case["expected"]["se"])


def test_post_strata_leave_what_their_cells_do_not_tell(cases: Mapping[str, Case], shared: Path) -> None:
    """Clusters of schools, post-stratified by type; R's finite population correction is put beside ours."""
    case = cases["apiclus1_poststratify"]
    rows = rows_of(shared, case["input"]["csv"]["apiclus1"])
    types = [row["stype"] for row in rows]
    expected = case["expected"]
    clusters = len({row["dnum"] for row in rows})
    correction = sqrt(1 - clusters / int(rows[0]["fpc"]))

    def weighed(y: str, x: str | None = None) -> list[tuple[str, float, float]]:
        found = []
        for row in rows:
            weight = case["input"]["population"]["stype"][row["stype"]] / types.count(row["stype"])
            found.append((row["dnum"], weight * float(row[y]), weight * (float(row[x]) if x else 1)))
        return found

    def near(estimate: Estimate, name: str) -> None:
        assert estimate.value == pytest.approx(expected[name]["est"], rel=1e-8)
        error = standard_error(estimate)
        assert error is not None
        assert correction * error == pytest.approx(expected[name]["se"], rel=1e-8)

    for name, weights, estimate in (
        ("total", weighed("enroll"), total),
        ("mean_api00", weighed("api00"), linearised),
        ("ratio", weighed("api.stu", "enroll"), linearised),
    ):
        near(estimate(by_unit(weights), spread=by_unit(centred(weights, types))), name)
    plain = by_unit((row["dnum"], float(row["pw"]) * float(row["enroll"]), 1) for row in rows)
    near(total(plain), "before_total")


# --- what has no interval ---


@pytest.mark.parametrize(
    "estimate",
    [
        absent("suppressed"),
        absent("no_data"),
        mean([4]),
        mean([4, 4, 4, 4]),
        mean([0.1] * 1000),
        replace(mean([0.1] * 1000), sums={"sum": 100.0, "variance": float(np.var([0.1] * 1000, ddof=1)) or 1e-33}),
        linearised({"a": (3, 5)}),
        linearised(dict.fromkeys(range(1000), (0.1, 0.1))),
        linearised({unit: (0.3 * (unit + 1), 0.1 * (unit + 1)) for unit in range(1000)}),
        total(dict.fromkeys(range(1000), (0.1, 1))),
        # What rounding leaves of squares about their cells' means.
        linearised(dict.fromkeys(range(1000), (0.2, 0.1)), spread=dict.fromkeys(range(1000), (3e-17, -1e-17))),
        total(dict.fromkeys(range(1000), (0.2, 1)), spread=dict.fromkeys(range(1000), (3e-17, 0))),
        Estimate(value=7.5, n=40, status="ok", method="none"),
    ],
)
def test_data_without_spread_do_not_tell_how_far_off_they_are(estimate: Estimate) -> None:
    """Neither rounding nor a single value makes an interval, least of all one without width."""
    assert variance(estimate) is None
    assert standard_error(estimate) is None
    assert interval(estimate, 0.95) is None
    assert judge(estimate, estimate, 1).state == "insufficient_n"


@pytest.mark.parametrize("agreeing", [share(5, 5), share(0, 5), net_share(5, 0, 5), net_share(0, 0, 5)])
def test_shares_on_which_all_agree_still_have_a_standard_error(agreeing: Estimate) -> None:
    """Of five each time, nobody knows whether it moved; of five thousand, one does."""
    assert judge(agreeing, agreeing, 5 / 100 * agreeing.scale).state == "inconclusive"
    many = replace(agreeing, n=5000, sums={role: 1000 * value for role, value in agreeing.sums.items()})
    assert judge(many, many, 5 / 100 * agreeing.scale).state == "no_meaningful_change"


def test_an_estimate_is_whole_or_refused() -> None:
    with pytest.raises(ValueError, match="has a value"):
        Estimate(value=None, n=4, status="ok", method="share", sums={"hits": 1})
    with pytest.raises(ValueError, match="has an n"):
        Estimate(value=1.0, n=None, status="ok", method="share", sums={"hits": 1})
    with pytest.raises(ValueError, match="by net_share needs minus"):
        Estimate(value=1.0, n=4, status="ok", method="net_share", sums={"plus": 1})


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 95, float("nan")])
def test_a_confidence_lies_between_0_and_1(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval(share(1, 2), confidence)
    with pytest.raises(ValueError, match="between 0 and 1"):
        judge(share(1, 2), share(1, 2), 0, confidence)
    with pytest.raises(ValueError, match="between 0 and 1"):
        judge_family([], confidence)


# --- changes ---


@pytest.mark.parametrize("name", ["meaningful_change_edge", "meaningful_change_huge_n_tiny_move"])
def test_a_change_is_judged_against_0_and_the_practical_size(cases: Mapping[str, Case], name: str) -> None:
    case = cases[name]
    given, expected = case["input"]["params"], case["expected"]
    earlier, later = (
        net_share(promoters, detractors, detractors + passives + promoters)
        for detractors, passives, promoters in (given["before"], given["after"])
    )
    found = judge(earlier, later, given["practical_threshold"], 1 - given["alpha"])
    holds(found.difference, case, "diff")
    holds(found.standard_error, case, "se")
    holds(found.p, case, "p")
    holds([found.low, found.high], case, "ci")
    assert found.state == expected["decision"].replace("magnitude", "size")


def test_a_change_of_a_share_is_walds(cases: Mapping[str, Case]) -> None:
    """Unpooled, so that the test and the interval have one standard error."""
    case = cases["two_proportion_csat_change"]
    given = case["input"]["params"]
    first, second = share(given["x1"], given["n1"]), share(given["x2"], given["n2"])
    holds(first.value, case, "p1")
    holds(second.value, case, "p2")
    found = judge(second, first, 0.02)
    holds([found.low, found.high], case, "wald_ci_diff")
    assert found.p == pytest.approx(case["expected"]["p"], rel=0.01)
    assert found.p != pytest.approx(case["expected"]["p"], rel=1e-6)


def drawn(seed: int, n: int) -> tuple[list[float], list[float]]:
    """Two samples of the same units."""
    draw = np.random.default_rng(seed)
    first = draw.gamma(2, 3, n)
    return first.tolist(), (0.7 * first + draw.gamma(2, 1.5, n)).tolist()


@pytest.mark.parametrize(("n", "other"), [(2, 2), (5, 40), (60, 60), (300, 12)])
def test_a_change_of_means_is_welchs(n: int, other: int) -> None:
    first, second = drawn(n, n)[0], drawn(other + 1, other)[1]
    theirs = stats.ttest_ind(second, first, equal_var=False)
    found = judge(mean(first), mean(second), 1, 0.9)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert found.df == pytest.approx(theirs.df, rel=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval(0.9)), rel=1e-9)
    from_sums = stats.ttest_ind_from_stats(
        fmean(second), np.std(second, ddof=1), other, fmean(first), np.std(first, ddof=1), n, equal_var=False
    )
    assert found.p == pytest.approx(from_sums.pvalue, rel=1e-9)


@pytest.mark.parametrize("n", [2, 5, 60, 300])
def test_with_all_units_in_both_periods_a_change_of_means_is_the_paired_test(n: int) -> None:
    first, second = drawn(n, n)
    earlier, later = mean(first), mean(second)
    both = common({i: (value, 1) for i, value in enumerate(first)}, {i: (value, 1) for i, value in enumerate(second)})
    theirs = stats.ttest_rel(second, first)
    found = judge(earlier, later, 1, 0.95, covariance(earlier, later, both))
    assert found.difference is not None
    assert found.standard_error == pytest.approx(found.difference / theirs.statistic, rel=1e-9)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert found.df == theirs.df
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)), rel=1e-9)
    assert found.p != pytest.approx(judge(earlier, later, 1).p, rel=1e-3)


@pytest.mark.parametrize(
    ("low", "high", "state"),
    [
        (5.1, 9, "meaningful"),
        (-9, -5.1, "meaningful"),
        (2, 8, "meaningful_size_uncertain"),
        (-8, -2, "meaningful_size_uncertain"),
        (-4.9, 4.9, "no_meaningful_change"),
        (1, 4.9, "no_meaningful_change"),
        (-4.9, -1, "no_meaningful_change"),
        (1, 8.9, "significant_below_threshold"),
        (-8.9, -1, "significant_below_threshold"),
        (-1, 12, "inconclusive"),
        (-20, 20, "inconclusive"),
    ],
)
def test_states_of_a_change_of_practical_size_5(low: float, high: float, state: State) -> None:
    value, alpha = (low + high) / 2, 0.5
    error = (high - low) / 2 / NormalDist().inv_cdf(1 - alpha / 2)
    p = 2 * NormalDist().cdf(-abs(value) / error)
    found = decided(Difference(value=value, standard_error=error, p=p), 5, alpha, significant=p <= alpha, adjusted_p=p)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.state == state


@pytest.mark.parametrize("value", [5.0, -5.0])
def test_an_interval_that_touches_the_practical_size_is_neither_beyond_nor_inside(value: float) -> None:
    found = Difference(value=value, standard_error=0.0, p=0.0)
    assert decided(found, 5, 0.05, significant=True, adjusted_p=0.0).state == "meaningful_size_uncertain"
    assert decided(found, 5.1, 0.05, significant=True, adjusted_p=0.0).state == "no_meaningful_change"
    assert decided(found, 5, 0.05, significant=False, adjusted_p=1.0).state == "inconclusive"


@pytest.mark.parametrize("sign", [1, -1])
def test_where_rounding_could_part_them_the_test_decides_for_the_interval(sign: int) -> None:
    """A value of the very size of its margin is 0 or not as its p says, whatever the end of the interval rounds to."""
    found = Difference(value=sign * Z, standard_error=1.0, p=0.05)
    for off in (-1e-15, 0, 1e-15):
        called = decided(replace(found, value=sign * (Z + off)), 9, 0.05, significant=True, adjusted_p=0.05)
        assert called.low is not None
        assert called.high is not None
        assert called.low * called.high > 0
        assert called.state == "no_meaningful_change"
        left = decided(replace(found, value=sign * (Z + off)), 3, 0.05, significant=False, adjusted_p=0.06)
        assert left.low is not None
        assert left.high is not None
        assert left.low <= 0 <= left.high


def test_a_covariance_is_at_most_what_both_variances_allow() -> None:
    """Rounding in cross products, or a mistake in them, makes no variance below 0."""
    earlier, later = known(10, 3), known(20, 5)
    for given, error in ((1e9, 2), (15, 2), (0, sqrt(34)), (-15, 8), (-1e9, 8)):
        assert judge(earlier, later, 1, covariance=given).standard_error == pytest.approx(error)


def test_a_published_change_of_just_the_practical_size_is_of_that_size() -> None:
    """35.3 less 30.3 is a little less than 5 in floating point."""
    earlier, later = known(30.3, 1.2), known(35.3, 1.2)
    found = judge(earlier, later, 5)
    assert found.difference == 35.3 - 30.3 < 5
    assert found.state == "meaningful_size_uncertain"


@pytest.mark.parametrize("missing", [absent("suppressed"), absent("no_data")])
def test_what_is_hidden_has_no_change(missing: Estimate) -> None:
    for earlier, later in ((missing, share(5, 9)), (share(5, 9), missing)):
        found = judge(earlier, later, 1)
        assert (found.state, found.difference, found.low, found.p) == ("insufficient_n", None, None, None)


def test_a_value_without_a_standard_error_shows_its_change() -> None:
    earlier, later = (Estimate(value=value, n=9, status="ok", method="none") for value in (3.0, 7.5))
    found = judge(earlier, later, 1)
    assert (found.difference, found.standard_error, found.state) == (4.5, None, "insufficient_n")


def test_where_every_unit_moves_by_the_same_amount_nothing_tells_how_sure_that_is() -> None:
    first = {0: (4.0, 1.0), 1: (6.0, 1.0), 2: (9.0, 1.0)}
    for by, state in ((0.0, "no_meaningful_change"), (2.0, "insufficient_n")):
        second = {unit: (y + by, x) for unit, (y, x) in first.items()}
        earlier, later = (mean([y for y, _ in units.values()]) for units in (first, second))
        found = judge(earlier, later, 1, covariance=covariance(earlier, later, common(first, second)))
        assert found.difference == pytest.approx(by)
        assert found.state == state


def test_changes_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(ValueError, match="one scale"):
        judge(share(1, 2), share(1, 2, scale=100), 1)
    for practical in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="at least 0"):
            judge(share(1, 2), share(1, 2), practical)


def test_scipy_is_loaded_by_who_needs_it() -> None:
    """It takes a second, which nobody who only compiles should wait for."""
    modules = "cxgov.evaluation.changes, cxgov.evaluation.families, cxgov.evaluation.suppression"
    code = f"import sys, cxgov, {modules}; sys.exit(bool({{'scipy', 'numpy'}} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- families ---

BENJAMINI_HOCHBERG: Final = (
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459),
    *(0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
)


def with_p(values: Sequence[float]) -> list[Pair]:
    """Changes with the p-values given, by a practical size of one standard error."""
    return [Pair(earlier=known(0, 0.6), later=known(-NormalDist().inv_cdf(p / 2), 0.8), practical=1) for p in values]


def test_of_the_fifteen_published_p_values_four_are_rejected() -> None:
    """Benjamini & Hochberg (1995), section 3: Bonferroni rejects three of them; without a correction it is nine."""
    found = judge_family(with_p(BENJAMINI_HOCHBERG))
    assert [change.p for change in found] == pytest.approx(list(BENJAMINI_HOCHBERG), rel=1e-9)
    assert [change.low is not None and change.low > 0 for change in found] == [True] * 4 + [False] * 11
    assert [round(change.adjusted_p or 0, 4) for change in found[:5]] == [0.0015, 0.003, 0.0095, 0.0356, 0.0603]
    assert [change.confidence for change in found] == pytest.approx([1 - 4 * 0.05 / 15] * 15)


def test_with_nothing_rejected_intervals_are_bonferronis() -> None:
    found = judge_family(with_p([0.02, 0.4, 0.9]))
    assert [change.confidence for change in found] == pytest.approx([1 - 0.05 / 3] * 3)
    assert not any(change.low > 0 for change in found if change.low is not None)


def test_a_family_of_nothing_is_nothing() -> None:
    assert judge_family([]) == ()
    [found] = judge_family([Pair(earlier=absent(), later=absent(), practical=1)])
    assert (found.state, found.adjusted_p) == ("insufficient_n", None)
