"""Changes that are read together: p-values corrected for their number, and intervals that agree with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from cxgov.evaluation.changes import Change, decided, difference, significance_level
from cxgov.evaluation.estimates import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two estimates of one metric, and what ``judge`` needs to compare them."""

    earlier: Estimate
    later: Estimate
    practical: float
    covariance: float = 0.0


def judge_family(pairs: Sequence[Pair], confidence: float = 0.95) -> tuple[Change, ...]:
    """The changes of a declared family, in its order.

    Values of p are corrected by Benjamini & Hochberg (1995), so that of those whose intervals exclude 0 on average at
    most a share alpha of 1 - ``confidence`` did not change. With k of m corrected ones at or below alpha, intervals
    have the level 1 - k·alpha/m of Benjamini & Yekutieli (2005), or 1 - alpha/m where k is 0: a corrected p is at most
    alpha exactly where the interval excludes 0. A member that cannot be judged is not counted in m.

    Raises:
        ValueError: as ``judge``.
    """
    alpha = significance_level(confidence)
    found = [difference(pair.earlier, pair.later, pair.covariance) for pair in pairs]
    adjusted = _adjusted([each.p for each in found])
    judged = [p for p in adjusted if p is not None]
    rejected = sum(p <= alpha for p in judged)
    level = max(rejected, 1) * alpha / max(len(judged), 1)
    return tuple(
        decided(each, pair.practical, level, significant=p is not None and p <= alpha, adjusted_p=p)
        for pair, each, p in zip(pairs, found, adjusted, strict=True)
    )


def _adjusted(values: Sequence[float | None]) -> list[float | None]:
    known = [p for p in values if p is not None]
    if not known:
        return [None] * len(values)
    from scipy.stats import false_discovery_control  # noqa: PLC0415  # slow to load

    corrected = iter(false_discovery_control(known, method="bh"))
    return [None if p is None else float(next(corrected)) for p in values]
