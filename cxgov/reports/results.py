"""An answer as a table for people, and as CSV and JSON for programs.

Numbers are rounded in the table only.
"""

import csv
import io
import json
import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from cxgov.compiler.sql import ResultColumn, header
from cxgov.language.diagnostics import visible

if TYPE_CHECKING:
    from cxgov.engines.answering import Result

_SUPPRESSED: Final = "·"
_NO_DATA: Final = "–"  # noqa: RUF001  # a dash as printed tables have it
_NO_GROUP: Final = "(none)"
_DECIMALS: Final = {"percent": 1, "points": 1, "hours": 1, "minutes": 1, "days": 1, "seconds": 0}


def as_csv(result: "Result") -> str:
    """A header and the rows; NULL is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in result.columns])
    for row in result.rows:
        writer.writerow([_plain(value) for value in row])
    return text.getvalue()


def as_json(result: "Result") -> str:
    """Columns with their types and roles, rows as objects; its schema is ``schemas/output/run.json``."""
    plan = result.compiled.plan
    answer = {
        "metrics": list(plan.query.metrics),
        "period": {"start": str(plan.period.start), "end": str(plan.period.end)} if plan.period else None,
        "zone": plan.zone,
        "as_of": f"{plan.as_of:%Y-%m-%dT%H:%M:%SZ}" if plan.as_of else None,
        "early": result.early,
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "role": column.role,
                "metric": column.metric,
                "unit": column.unit,
            }
            for column in result.columns
        ],
        "rows": [
            {column.name: _json(value) for column, value in zip(result.columns, row, strict=True)}
            for row in result.rows
        ],
    }
    return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"


def as_table(result: "Result", *, width: int | None = None, color: bool = False) -> str:
    """A table with rounded numbers, marks for what is suppressed or missing, and what the marks mean."""
    from rich.console import Console  # noqa: PLC0415  # 60 ms that only tables need
    from rich.table import Table  # noqa: PLC0415

    columns = [column for column in result.columns if column.role not in {"status", "partial"}]
    dimensions = sum(column.role in {"period", "dimension"} for column in columns)
    table = Table(box=_box(), show_edge=False, pad_edge=False, header_style="bold")
    units = {column.metric: column.unit for column in columns if column.role == "value"}
    for i, column in enumerate(columns):
        unit = f"\n{visible(units[column.metric] or '')}" if column.role == "value" else "\n"
        name = (
            column.name.replace("__", ".") if column.role == "dimension" else "n" if column.role == "n" else column.name
        )
        style = "dim" if column.role == "n" else None
        table.add_column(f"{name}{unit}", justify="left" if i < dimensions else "right", style=style, no_wrap=True)
    marks: set[str] = set()
    fewer: dict[str | None, str] = {
        output.metric.id: f"<{output.metric.min_sample}"
        for output in result.compiled.plan.outputs
        if output.metric.min_sample
    }
    index = {column.name: i for i, column in enumerate(result.columns)}
    before: date | None = None
    for row in result.rows:
        cells = []
        for column in columns:
            text = _cell(column, row, index, marks, fewer)
            if column.role == "period":
                # A bucket is named once, above its groups.
                text, before = ("" if before == row[0] and dimensions > 1 else text), row[0]
            cells.append(text)
        table.add_row(*cells)
    console = Console(
        file=io.StringIO(),
        width=width or 400,
        color_system="standard" if color else None,
        force_terminal=color,
        highlight=False,
        markup=False,
    )
    console.print(table)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    lines = [line.rstrip() for line in written.splitlines()]
    titles = [line.removeprefix("-- ") for line in header(result.compiled.plan).splitlines()]
    notes = _notes(marks, result)
    return "\n".join([*titles, "", *lines, *([""] if notes else []), *notes]) + "\n"


def _cell(
    column: ResultColumn,
    row: Sequence[Any],
    index: dict[str, int],
    marks: set[str],
    fewer: dict[str | None, str],
) -> str:
    value = row[index[column.name]]
    if column.role == "period":
        partial = row[index["partial"]]
        marks.update({"partial"} if partial else ())
        return f"{value}{'*' if partial else ''}"
    if column.role == "dimension":
        return _NO_GROUP if value is None else visible(_plain(value))
    status = row[index[f"{column.metric}_status"]] if f"{column.metric}_status" in index else None
    if value is None:
        if status == "suppressed":
            marks.add("suppressed")
            return _SUPPRESSED if column.role == "value" else fewer.get(column.metric, _SUPPRESSED)
        marks.add("no_data")
        return _NO_DATA
    return shown(value, column)


def shown(value: float | Decimal, column: ResultColumn) -> str:
    """A number as people read it: rounded by its unit, with thousands set apart."""
    if column.type == "integer" or column.role == "n":
        return f"{value:,}"
    decimals = _DECIMALS.get(column.unit or "")
    if decimals is None:
        decimals = 0 if abs(float(value)) >= 1000 else 2  # noqa: PLR2004  # four digits are enough to read
    return f"{value:,.{decimals}f}"


def _notes(marks: set[str], result: "Result") -> list[str]:
    notes = []
    if "suppressed" in marks:
        notes.append(
            f"{_SUPPRESSED}  suppressed: fewer rows than the metric's min_sample, or than that of a part of it"
        )
    if "no_data" in marks:
        notes.append(f"{_NO_DATA}  no data")
    if "partial" in marks:
        notes.append("*  partial: cut by the edge of a period")
    if result.early:
        notes.append("!  asked before its `as of`: rows may still arrive")
    return notes


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        # A number where JSON's readers keep every digit, else the digits themselves.
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    if isinstance(value, float) and not math.isfinite(value):
        # JSON has no word for it; a database has.
        return str(value)
    return value.isoformat() if isinstance(value, date) else value


def _box() -> Any:
    from rich import box  # noqa: PLC0415

    return box.SIMPLE_HEAD
