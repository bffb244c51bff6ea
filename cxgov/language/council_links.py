"""A council against the metrics and overlays that its rules name."""

from cxgov.language.linking import Linker, Written
from cxgov.language.model import Council


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
