"""Whether an edit of what is judged tightens it or loosens it; what cannot be told is loosened."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cxgov.language.model import Document, Metric, Registry, Threshold

TIGHTENED: Final = "threshold_tightened"
LOOSENED: Final = "threshold_loosened"
# What shows less the higher it is.
_FLOORS: Final = frozenset({("min_sample",), ("minimum", "show"), ("minimum", "privacy"), ("minimum", "complementary")})


def direction(sides: tuple[Registry, Registry], document: Document, path: tuple[str, ...], old: Any, new: Any) -> str:
    """The class of an edit of a threshold, a minimum or a target; ``document`` is that of the new side."""
    if path in _FLOORS:
        return _told((new or 0) > (old or 0))
    if not isinstance(document, Threshold):
        return LOOSENED
    if path == ("meaningful_change",):
        # The smaller the change that matters, the more changes do.
        return _told(new is not None and old is not None and new < old)
    stricter = _stricter([side.metrics.get(document.metric) for side in sides])
    if stricter is None or new is None:
        return LOOSENED
    if path == ("target",):
        return _told(old is None or stricter(old, new))
    if path == ("bands",):
        return _told(_bands(old, new, stricter))
    return LOOSENED


def _told(tightened: bool) -> str:  # noqa: FBT001  # an answer to be put into words
    return TIGHTENED if tightened else LOOSENED


def _stricter(metrics: Sequence[Metric | None]) -> Callable[[Any, Any], bool] | None:
    """Whether moving a limit from one value to another asks for more; None where that cannot be told.

    A metric that turns round in the same request says nothing of its thresholds.
    """
    match {metric.direction for metric in metrics if metric is not None}:
        case found if found == {"higher_is_better"}:
            return lambda old, new: bool(new > old)
        case found if found == {"lower_is_better"}:
            return lambda old, new: bool(new < old)
        case _:
            return None


def _bands(old: list[Mapping[str, Any]], new: list[Mapping[str, Any]], stricter: Callable[[Any, Any], bool]) -> bool:
    """Whether the bands are the same and every limit that moved asks for more."""
    names = [band["name"] for band in new]
    # Bands rise, so the worst stand first where higher is better, and last where lower is.
    worst = 0 if stricter(0, 1) else len(names) - 1
    if [band["name"] for band in old] != names or ("breach" in names and names.index("breach") != worst):
        return False
    limits = [(before.get("below"), after.get("below")) for before, after in zip(old, new, strict=True)]
    return all(stricter(before, after) for before, after in limits if before != after)
