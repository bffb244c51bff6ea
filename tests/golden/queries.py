"""The questions whose statements are kept as files, one a dialect, for the reader of a change."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from cxgov.api import Loaded, Query, Refused, compile, load  # noqa: A004  # the field's word for it

HERE: Final = Path(__file__).parent
DIALECTS: Final = ("bigquery", "duckdb", "postgres", "snowflake")
REFERENCE: Final = HERE.parents[1] / "metrics"
REAL: Final = HERE.parent / "real"

QUERIES: Final[dict[str, tuple[Path, Query]]] = {
    "net_share_by_month": (
        REFERENCE,
        Query(metrics=("nps", "response_count"), by=("region",), grain="month", period="2026-Q3"),
    ),
    "two_facts_joined": (
        REFERENCE,
        Query(metrics=("csat_top2", "sla_first_reply", "cx_index"), by=("customer.segment",), period="2026-Q3"),
    ),
    "quantile": (
        REFERENCE,
        Query(metrics=("first_reply_median_hours",), by=("queue",), period="2026-Q3", stats="none"),
    ),
    "days_over_a_jump": (
        REFERENCE,
        Query(metrics=("ticket_volume",), grain="day", start=date(2026, 3, 27), end=date(2026, 4, 2)),
    ),
    "weeks_cut_by_a_quarter": (
        REFERENCE,
        Query(
            metrics=("renewal_rate", "churned_mrr"),
            by=("plan",),
            grain="week",
            start=date(2026, 6, 22),
            end=date(2026, 7, 13),
        ),
    ),
    "distinct_over_two_hops": (
        REFERENCE,
        Query(
            metrics=("replies_per_ticket",),
            by=("ticket.customer.segment",),
            where="ticket.channel = 'email' or ticket.priority in ('P1', 'P2')",
            period="2026-Q3",
        ),
    ),
    "durations": (REFERENCE, Query(metrics=("mean_handle_minutes",), by=("kind",), period="2026-Q3")),
    "history_joined": (
        REFERENCE,
        Query(metrics=("sla_first_reply",), by=("subscription.plan",), grain="quarter", period="2026"),
    ),
    "sums_and_distinct": (
        REFERENCE,
        Query(metrics=("expansion_mrr", "new_mrr_mean", "active_requesters"), period="2026-Q3"),
    ),
    "sampled_by_month": (
        REFERENCE,
        Query(metrics=("nps_relationship",), by=("customer.region",), grain="month", period="2026-Q3", stats="full"),
    ),
    "sampled_by_value": (
        REFERENCE,
        Query(metrics=("nps_by_value", "csat_relationship"), where="channel <> 'sms'", period="2026-Q3", stats="full"),
    ),
    "wall_clock_days": (REAL, Query(metrics=("sla_adherence",), by=("channel",), grain="day", period="2011-07")),
    "no_time": (REAL, Query(metrics=("churn_rate", "churn_rate_complained"), by=("tariff_plan",))),
}


def statements() -> Iterator[tuple[str, str]]:
    """File name and text of every statement; where a dialect refuses, of the refusal."""
    registries: dict[Path, Loaded] = {}
    for name, (folder, query) in QUERIES.items():
        loaded = registries.setdefault(folder, load(folder))
        for dialect in DIALECTS:
            try:
                yield f"{name}.{dialect}.sql", compile(loaded, query, dialect=dialect).sql
            except Refused as refused:
                yield f"{name}.{dialect}.refused.txt", f"{refused}\n{refused.fix}\n"
