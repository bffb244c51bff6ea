"""A council against the metrics and overlays that its rules name, and against those who gain by them."""

from typing import Final

from cxgov.language.diagnostics import listed
from cxgov.language.linking import Linker, Written
from cxgov.language.members import gap_of
from cxgov.language.model import Council
from cxgov.language.policy import Requirement
from cxgov.language.reader import Map
from cxgov.language.rules import QUORUM

# Changes that reach no metric.
_OF_THE_COUNCIL: Final = frozenset({"policy"})


def council(linker: Linker, written: Written[Council]) -> None:
    """Holds the rules and the beneficiaries to what there is."""
    data = written.data
    for rule in data["rules"]:
        for i, identity in enumerate(rule.get("metrics", ())):
            if identity not in linker.metrics:
                linker.missing(written, rule["metrics"].items_at[i], "metric", identity, linker.metrics)
        if "scope" in rule and rule["scope"]["overlay"] not in linker.overlays:
            at = rule["scope"].values_at["overlay"]
            linker.missing(written, at, "overlay", rule["scope"]["overlay"], linker.overlays)
    for identity in data.get("beneficiaries", {}):
        if identity not in linker.metrics:
            at = data["beneficiaries"].keys_at[identity]
            linker.missing(written, at, "metric", identity, linker.metrics)
    for row, rule in zip(data["rules"], written.document.rules, strict=True):
        # What cannot be met by anybody is told already.
        if rule.quorum and gap_of(rule, written.document.members) is None:
            _heard(linker, written, row, rule)


def _heard(linker: Linker, written: Written[Council], row: Map, rule: Requirement) -> None:
    """Refuses a rule that cannot be met for a metric, since those who gain by it have no voice in it."""
    for metric, persons in written.document.beneficiaries:
        overlay = linker.overlays.get(rule.overlay) if rule.overlay else None
        elsewhere = (rule.metrics and metric not in rule.metrics) or (overlay and metric not in overlay.metrics)
        if elsewhere or _OF_THE_COUNCIL.issuperset(rule.classes):
            continue
        gap = gap_of(rule, written.document.members, persons)
        if gap is not None:
            at = row.values_at["quorum"] if gap.seat is None else row["seats"].items_at[rule.seats.index(gap.seat)]
            gain = f"{listed(persons)} {'gains' if len(persons) == 1 else 'gain'} by {metric!r}"
            linker.refuse(QUORUM, written, at, f"{gain}: {gap.message}", gap.fix)
