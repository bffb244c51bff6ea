"""A file of SQL to the metrics that its certificate names.

Whether the certificate is right, and the statement below it still the one that it is of, is not said here.
"""

import re
from collections.abc import Mapping
from typing import Final

from cxgov.language.model import Metric, Registry, Report
from cxgov.language.reader import MAX_BYTES
from cxgov.language.strict_json import read_json

_LINE: Final = re.compile(r"^\s*--\s*cxgov\s+(\{[^\r\n]*\})\s*?$", re.MULTILINE)
_BLOCK: Final = re.compile(r"/\*\s*cxgov\s+(\{.*?\})\s*\*/", re.DOTALL)


def metrics_of_query(text: str) -> frozenset[str]:
    """The ids of the metrics that the certificates in a text of SQL name; none where there is no certificate."""
    found: set[str] = set()
    for pattern in (_LINE, _BLOCK):
        for written in pattern.finditer(text):
            try:
                facts = read_json(written[1].encode(), MAX_BYTES)
            except ValueError:
                # What cannot be read certifies nothing.
                continue
            metrics = facts.get("metrics")
            if isinstance(metrics, Mapping):
                found.update(metrics)
    return frozenset(found)


def shown(registry: Registry, report: Report) -> dict[str, Metric | None]:
    """The metrics of a report's queries by the id that stands there, which may be an old one; None for no metric."""
    asked = sorted({its for query in report.queries for its in query.metrics})
    unknown = {its for its in asked if its not in registry.metrics}
    now: dict[str, Metric] = {}
    if unknown:
        now = {old: metric for metric in registry.metrics.values() for old in metric.formerly if old in unknown}
    return {its: registry.metrics.get(its) or now.get(its) for its in asked}
