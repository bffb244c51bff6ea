"""Judgements made by hand: every shape in which `cxgov evaluate` may have to show one."""

import math
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from cxgov.compiler.periods import Bucket
from cxgov.evaluation.changes import Change, State
from cxgov.evaluation.evaluating import band_of, reached
from cxgov.evaluation.judgements import Evaluation, Judgement, Reading
from cxgov.language.diagnostics import Place
from cxgov.language.model import Band, Metric, NetShare, Raci, Threshold
from cxgov.language.parsing import parse

HERE: Final = Place("x.yaml", 1, 1)
HOSTILE: Final = "a|b `c` <script>alert(1)</script> @council #12 &amp; ]]> \x1b[31m\n# x \u202e *d* ~~e~~ [f](g) $h$ \\"


def reading(
    i: int, value: float | None, half: float | None = None, *, n: int | None = 1000, status: str | None = None
) -> Reading:
    """The i-th day's reading, with an interval of a half width."""
    start = date(2026, 1, 1) + timedelta(days=i)
    return Reading(
        name=str(start),
        bucket=Bucket(start, start + timedelta(days=1), partial=False),
        value=value,
        n=n,
        status=status or ("ok" if value is not None else "no_data"),
        low=None if value is None or half is None else value - half,
        high=None if value is None or half is None else value + half,
    )


def bands(*given: str | float) -> tuple[Band, ...]:
    """Bands of names and the ends between them."""
    names, ends = given[::2], [*given[1::2], None]
    return tuple(
        Band(name=str(name), below=None if end is None else Decimal(str(end)))
        for name, end in zip(names, ends, strict=True)
    )


def threshold(**fields: Any) -> Threshold:
    common = {
        "id": "nps_day",
        "version": "1.0.0",
        "title": "Daily NPS",
        "owner": "cx-insights",
        "metric": "nps",
        "grain": "day",
        "target": 40,
        "bands": bands("breach", 30, "watch", 37, "good"),
        "meaningful_change": 5,
        "playbook": "https://wiki.example/nps_playbook",
        "place": HERE,
    }
    return Threshold(**{**common, **fields})


def metric(**fields: Any) -> Metric:
    common = {
        "id": "nps",
        "version": "1.0.0",
        "title": "Net Promoter Score",
        "owner": "cx",
        "status": "certified",
        "raci": Raci(responsible="cx-insights", accountable="vp-cx", consulted=("support", "product")),
        "measure": NetShare(plus=parse("score >= 9"), minus=parse("score <= 6")),
        "unit": "points",
        "direction": "higher_is_better",
        "place": HERE,
    }
    return Metric(**{**common, **fields})


def change(state: State = "inconclusive", **fields: Any) -> Change:
    common = {
        "difference": -4.1,
        "standard_error": 1.6,
        "df": None,
        "p": 0.012,
        "adjusted_p": 0.036,
        "confidence": 0.95,
        "low": -7.2,
        "high": 1.0,
        "state": state,
    }
    return Change(**{**common, **fields})


def judgement(*series: Reading, **fields: Any) -> Judgement:
    """The judgement of the last of the readings against the one before."""
    of, judged = fields.pop("threshold", threshold()), fields.pop("metric", metric())
    common = {
        "threshold": of,
        "metric": judged,
        "reading": series[-1],
        "band": band_of(of, series[-1].value),
        "reached": reached(of, judged, series[-1].value),
        "earlier": series[-2] if len(series) > 1 else None,
        "change": change(),
        "series": series,
    }
    return Judgement(**{**common, **fields})


def evaluation(*judgements: Judgement, early: bool = False) -> Evaluation:
    return Evaluation(period="2026-01", confidence=0.95, early=early, judgements=judgements)


FALLING: Final = (
    reading(0, 41.0, 2.0),
    reading(1, None, n=3, status="suppressed"),
    reading(2, None, n=0),
    reading(3, 36.0, 2.5),
    reading(4, 29.97, 3.0, n=4512),
)


def hostile() -> Judgement:
    """Every text of a registry that is shown, as bad as it can be."""
    its = threshold(
        title=HOSTILE, owner=HOSTILE, playbook=HOSTILE, scope=(("region", HOSTILE), ("is_new", True)), family="all"
    )
    bad = Raci(responsible=HOSTILE, accountable=HOSTILE, consulted=(HOSTILE,), informed=(HOSTILE,))
    return judgement(*FALLING, threshold=its, metric=metric(title=HOSTILE, unit=HOSTILE, raci=bad))


def many(count: int, **fields: Any) -> Judgement:
    """A wave around 36."""
    return judgement(*(reading(i, 36 + 6 * math.sin(i), 2.0) for i in range(count)), **fields)


PICTURES: Final = {
    "falling": judgement(*FALLING),
    "five": many(5),
    "twenty_four": many(24),
    "hundred": many(100),
    "one": judgement(reading(0, 33.0, 2.0), change=None),
    "suppressed": judgement(*(reading(i, None, n=2, status="suppressed") for i in range(6)), change=None),
    "nothing_at_all": judgement(
        *(reading(i, None) for i in range(3)), threshold=threshold(target=None, bands=bands("all")), change=None
    ),
    "negative": judgement(
        *(reading(i, -30.0 + 5 * i, 4.0) for i in range(7)),
        threshold=threshold(target=0, bands=bands("breach", -20, "watch", -5, "good")),
    ),
    "equal": judgement(*(reading(i, 100.0) for i in range(4)), threshold=threshold(target=None, bands=bands("all"))),
    "wide": judgement(reading(0, 35.0, 500.0), reading(1, 36.0, 1.0), reading(2, 35.5, 90.0)),
    "gap": judgement(*(reading(i, 36.0 + i % 3, 2.0) for i in range(30, 38)), earlier=reading(2, 33.0, 1.0)),
    "crowded": judgement(
        *(reading(i, 36.0 + i % 3, 2.0) for i in range(8)),
        threshold=threshold(bands=bands("breach", 30, "poor", 35, "fair", 36, "near", 38, "above", 39.5, "x" * 60)),
    ),
    "long": judgement(
        *FALLING,
        threshold=threshold(title="顧客満足度の四半期ごとの評価" * 8, scope=(("customer.region", "EMEA" * 40),))
    ),
    "hostile": hostile(),
    "large": judgement(
        *(reading(i, 1_234_567.0 + 20_000 * i, 30_000.0) for i in range(8)),
        threshold=threshold(target=1_500_000, bands=bands("breach", 1_000_000, "good")),
        metric=metric(unit="EUR"),
    ),
}  # fmt: skip
