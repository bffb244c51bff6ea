"""How often intervals contain the truth and how often changes are miscalled, on data drawn from a seed."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from cxgov.compiler.plan import normal_quantile
from cxgov.evaluation.changes import Change, covariance, judge
from cxgov.evaluation.estimates import Estimate, adjusted_wald, interval, wilson
from cxgov.evaluation.families import Pair, judge_family

Numbers = NDArray[Any]

DRAWS: Final = 2000
SIZES: Final = (50, 200, 1000)
SEED: Final = 20261121
LEVEL: Final = 0.95
ENOUGH: Final = 200  # from here on moderate skew must not matter


@dataclass(frozen=True, kw_only=True)
class Line:
    """A share of draws, and where it must lie; without bounds it is only shown."""

    what: str
    n: int
    found: float
    low: float | None = None
    high: float | None = None

    @property
    def held(self) -> bool:
        return (self.low is None or self.found >= self.low) and (self.high is None or self.found <= self.high)

    def __str__(self) -> str:
        if self.low is None and self.high is None:
            return f"| {self.what} | {self.n:,} | {self.found:.1%} |  |  |"
        bound = f"at most {self.high:.1%}" if self.low is None else f"{self.low:.1%} to {self.high:.1%}"
        return f"| {self.what} | {self.n:,} | {self.found:.1%} | {bound} | {'pass' if self.held else 'FAIL'} |"


def table() -> bool:
    """Prints a line for each claim; whether all held."""
    print("| what | n | found | bounds | |\n| --- | --- | --- | --- | --- |")
    held = True
    for lines in (shares, net_shares, means, ratios, changes, families):
        for line in lines(np.random.default_rng(SEED)):
            print(line)
            held = held and line.held
    return held


# --- levels ---


def shares(draw: np.random.Generator) -> Iterator[Line]:
    """Wilson's interval against what it covers over all samples there are."""
    z = normal_quantile(LEVEL)
    for p in (0.01, 0.1, 0.5):
        for n in SIZES:
            hits = np.arange(n + 1)
            chances = np.exp(_log_chances(n, (hits, n - hits), (p, 1 - p)))
            exact = sum(chances[k] for k in range(n + 1) if _within(wilson(k, n, z), p))
            found = [_share(int(k), n) for k in draw.binomial(n, p, DRAWS)]
            yield _as_enumerated(f"share of {p:.0%}, Wilson", n, covered(found, p), exact)


def net_shares(draw: np.random.Generator) -> Iterator[Line]:
    """The adjusted Wald interval likewise."""
    z = normal_quantile(LEVEL)
    for plus, minus in ((0.5, 0.2), (0.3, 0.3), (0.9, 0.02)):
        for n in SIZES:
            # All ways to give n rows to three classes.
            above, below = np.argwhere(np.add.outer(np.arange(n + 1), np.arange(n + 1)) <= n).T
            chances = np.exp(_log_chances(n, (above, below, n - above - below), (plus, minus, 1 - plus - minus)))
            # What is left out is less than a millionth, and most of the samples there are.
            likely = chances > 1e-12
            truth = plus - minus
            exact = sum(
                chance
                for chance, a, b in zip(chances[likely], above[likely], below[likely], strict=True)
                if _within(adjusted_wald(a, b, n, z), truth)
            )
            drawn = draw.multinomial(n, (plus, minus, 1 - plus - minus), DRAWS)
            found = [_net_share(int(a), int(b), n) for a, b, _ in drawn]
            what = f"net share of {100 * plus:.0f} less {100 * minus:.0f} points, adjusted Wald"
            yield _as_enumerated(what, n, covered(found, 100 * truth), float(exact))


def means(draw: np.random.Generator) -> Iterator[Line]:
    """Student's interval on values of skewness 1.4, and on the lognormal ones of 6.2 that handle times can be like."""
    for n in SIZES:
        found = [_mean(row) for row in draw.gamma(2, 1, (DRAWS, n))]
        yield _moderate("mean of gamma values, t", n, covered(found, 2))
    for n in SIZES:
        found = [_mean(row) for row in draw.lognormal(0, 1, (DRAWS, n))]
        yield Line(what="mean of lognormal values, t", n=n, found=covered(found, math.exp(0.5)))


def ratios(draw: np.random.Generator) -> Iterator[Line]:
    """Linearised: time per contact with customers as units, and a mean whose weights go with its values."""
    for n in SIZES:
        contacts = 1 + draw.poisson(2, (DRAWS, n))
        its_own = draw.gamma(4, 0.25, (DRAWS, n))  # a customer who is slow is slow each time
        seconds = its_own * draw.gamma(2 * contacts, 1)
        found = [_linearised(y, x) for y, x in zip(seconds, contacts, strict=True)]
        yield _moderate("ratio over customers, linearised", n, covered(found, 2))
    for n in SIZES:
        weights = draw.gamma(4, 0.25, (DRAWS, n))
        values = weights + draw.gamma(2, 1, (DRAWS, n))
        found = [_linearised(w * v, w) for v, w in zip(values, weights, strict=True)]
        yield _moderate("weighted mean, linearised", n, covered(found, 1.25 + 2))


# --- changes ---


def changes(draw: np.random.Generator) -> Iterator[Line]:
    """Where the truth is the practical size itself, calling it larger or smaller is a mistake."""
    for n in SIZES:
        earlier, later = draw.multinomial(n, (0.45, 0.25, 0.3), DRAWS), draw.multinomial(n, (0.5, 0.2, 0.3), DRAWS)
        found = [
            judge(_net_share(int(a), int(b), n), _net_share(int(c), int(d), n), 10)
            for (a, b, _), (c, d, _) in zip(earlier, later, strict=True)
        ]
        yield from _miscalled("net share", n, found)
    for n in SIZES:
        samples = draw.gamma(2, 1, (2, DRAWS, n))
        found = [judge(_mean(a), _mean(b + 0.3), 0.3) for a, b in zip(*samples, strict=True)]
        yield from _miscalled("mean", n, found)
    for n in SIZES:
        half = n // 2
        first = draw.gamma(2, 1, (DRAWS, n))
        second = draw.gamma(2, 1, (DRAWS, n)) + 0.3
        second[:, :half] = 0.8 * first[:, :half] + 0.2 * draw.gamma(2, 1, (DRAWS, half)) + 0.3
        found = [_overlapping(a, b, half, 0.3) for a, b in zip(first, second, strict=True)]
        yield from _miscalled("mean, half of the units in both", n, found)
        inside = sum(_within((change.low, change.high), 0.3) for change in found) / DRAWS
        yield _moderate("change of a mean, half of the units in both", n, inside)


def families(draw: np.random.Generator) -> Iterator[Line]:
    """Of twenty shares none of which moved, any that is called is a mistake."""
    for n in SIZES:
        hits = draw.binomial(n, 0.7, (DRAWS, 20, 2))
        called = 0
        for family in hits:
            pairs = [Pair(earlier=_share(int(a), n), later=_share(int(b), n), practical=0.05) for a, b in family]
            called += any(
                change.adjusted_p is not None and change.adjusted_p <= 1 - LEVEL for change in judge_family(pairs)
            )
        what = "family of 20 shares of 70% that did not move: any called"
        # Wald's variance is too small in the far tails of small samples, which is where a family looks.
        bounded = _at_most(what, n, called / DRAWS, 1 - LEVEL)
        yield bounded if n >= ENOUGH else replace(bounded, high=None)


# --- from draws to lines ---


def covered(estimates: Sequence[Estimate], truth: float) -> float:
    """The share of intervals that contain the truth; one that is not there does not."""
    return sum(_within(interval(estimate, LEVEL), truth) for estimate in estimates) / len(estimates)


def _within(ends: tuple[float | None, float | None] | None, truth: float) -> bool:
    if ends is None or ends[0] is None or ends[1] is None:
        return False
    return ends[0] <= truth <= ends[1]


def _error(chance: float) -> float:
    return math.sqrt(chance * (1 - chance) / DRAWS)


def _as_enumerated(what: str, n: int, found: float, exact: float) -> Line:
    off = 3 * _error(exact)
    return Line(what=what, n=n, found=found, low=exact - off, high=min(exact + off, 1.0))


def _moderate(what: str, n: int, found: float) -> Line:
    return (
        Line(what=what, n=n, found=found, low=0.935, high=0.965) if n >= ENOUGH else Line(what=what, n=n, found=found)
    )


def _at_most(what: str, n: int, found: float, chance: float) -> Line:
    return Line(what=what, n=n, found=found, high=chance + 3 * _error(chance))


def _miscalled(what: str, n: int, found: Sequence[Change]) -> Iterator[Line]:
    for state in ("meaningful", "no_meaningful_change"):
        share = sum(change.state == state for change in found) / len(found)
        yield _at_most(f"{what}, changed by the practical size: `{state}`", n, share, (1 - LEVEL) / 2)


def _log_chances(n: int, counts: Sequence[Numbers], chances: Sequence[float]) -> Numbers:
    """Logarithms of the chances of multinomial counts."""
    found: Numbers = gammaln(n + 1) - sum(gammaln(count + 1) for count in counts)
    found += sum(xlogy(count, chance) for count, chance in zip(counts, chances, strict=True))
    return found


# --- from rows to estimates ---


def _share(hits: int, n: int) -> Estimate:
    return Estimate(value=hits / n, n=n, status="ok", method="share", sums={"hits": hits})


def _net_share(plus: int, minus: int, n: int) -> Estimate:
    sums = {"plus": plus, "minus": minus}
    return Estimate(value=100 * (plus - minus) / n, n=n, status="ok", method="net_share", scale=100, sums=sums)


def _mean(values: Numbers) -> Estimate:
    sums = {"sum": float(values.sum()), "variance": float(values.var(ddof=1))}
    return Estimate(value=float(values.mean()), n=len(values), status="ok", method="mean", sums=sums)


def _linearised(y: Numbers, x: Numbers) -> Estimate:
    sums = {
        "numerator": float(y.sum()),
        "denominator": float(x.sum()),
        "numerator_squares": float(y @ y),
        "products": float(y @ x),
        "denominator_squares": float(x @ x),
        "units": len(y),
    }
    return Estimate(value=float(y.sum() / x.sum()), n=len(y), status="ok", method="linearised", sums=sums)


def _overlapping(first: Numbers, second: Numbers, common: int, practical: float) -> Change:
    """A change of means of which the first units are the same."""
    earlier, later, a, b = _mean(first), _mean(second), first[:common], second[:common]
    sums = {
        "numerators": float(a @ b),
        "numerator_denominator": float(a.sum()),
        "denominator_numerator": float(b.sum()),
        "denominators": common,
    }
    return judge(earlier, later, practical, LEVEL, covariance(earlier, later, sums))
