"""What an evaluation says of a threshold: the value in a bucket, its band and target, the change, the series."""

from dataclasses import dataclass

from cxgov.compiler.periods import Bucket
from cxgov.evaluation.changes import Change
from cxgov.language.model import Band, Metric, Threshold

BREACH = "breach"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A metric's value in a bucket; ``low`` and ``high`` are None where it has no interval.

    ``name`` is what people call the bucket: ``2026-Q3``, ``2026-07``, ``2026`` or its first day. ``status`` is
    ``ok``, ``suppressed`` or ``no_data``.
    """

    name: str
    bucket: Bucket
    value: float | None
    n: int | None
    status: str
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A threshold in one bucket.

    ``band`` is None without a value. ``reached`` says whether the target is met, None where there is no target, no
    value or no better direction. ``earlier`` is what the change is against; ``change`` is None where the metric has
    no interval, so that nothing can be judged. ``frozen`` is the period for which the definitions were frozen by which
    it is judged, None where they are today's. ``series`` ends with ``reading``, the earliest first.
    """

    threshold: Threshold
    metric: Metric
    frozen: str | None = None
    reading: Reading
    band: Band | None
    reached: bool | None
    earlier: Reading | None
    change: Change | None
    series: tuple[Reading, ...]

    @property
    def breached(self) -> bool:
        """Whether the value lies in a band that is marked as a breach."""
        return self.band is not None and self.band.name == BREACH


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The judgements of a period, by threshold and then by bucket.

    ``confidence`` is that of the readings' intervals; ``early`` says that rows of the last bucket may still arrive.
    """

    period: str
    confidence: float
    early: bool
    judgements: tuple[Judgement, ...]

    @property
    def breached(self) -> bool:
        """Whether any threshold is breached."""
        return any(judgement.breached for judgement in self.judgements)
