"""Whom a sampling rule invites, as CSV, as a table and as JSON."""

import csv
import io
from typing import TYPE_CHECKING

from cxgov.reports.registry import as_json as json_text
from cxgov.reports.registry import columns
from cxgov.reports.results import json_value, plain

if TYPE_CHECKING:
    from cxgov.engines.answering import Drawn


def as_csv(drawn: "Drawn") -> str:
    """A header and a line a unit: a list to invite by."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(drawn.draw.columns)
    writer.writerows([plain(value) for value in row] for row in drawn.rows)
    return text.getvalue()


def as_table(drawn: "Drawn") -> str:
    """The same for people."""
    return columns([drawn.draw.columns, *([plain(value) for value in row] for row in drawn.rows)])


def as_json(drawn: "Drawn") -> str:
    """The rule, the period and the units; its schema is ``schemas/output/sample.json``."""
    draw = drawn.draw
    return json_text(
        {
            "rule": draw.rule.id,
            "version": draw.rule.version,
            "unit": draw.rule.unit,
            "period": {"name": draw.period.name, "start": str(draw.period.start), "end": str(draw.period.end)},
            "columns": list(draw.columns),
            "drawn": len(drawn.rows),
            "rows": [
                {name: json_value(value) for name, value in zip(draw.columns, row, strict=True)} for row in drawn.rows
            ],
        }
    )


def count_words(drawn: "Drawn") -> str:
    """How many were drawn, by which rule and for when."""
    period = drawn.draw.period
    return (
        f"{len(drawn.rows):,} drawn by {drawn.draw.rule.id} for {period.name} ({period.start} to before {period.end})"
    )
