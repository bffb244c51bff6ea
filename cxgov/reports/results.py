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
from cxgov.reports.numbers import NO_DATA, SUPPRESSED, decimals

if TYPE_CHECKING:
    from rich.table import Table

    from cxgov.engines.answering import Answer, Result, Steps

_NO_GROUP: Final = "(none)"
_HEADS: Final = {"n": "n", "low": "from", "high": "to", "effective_n": "effective n", "top_share": "largest share"}
_SHOWN: Final = frozenset({"period", "dimension", "value", *_HEADS})


def as_csv(answers: "Sequence[Answer]") -> str:
    """A header and the rows; NULL is an empty field. Of several answers each row says which definitions gave it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    # Definitions of different forms have other columns of statistics.
    names = list(dict.fromkeys(column.name for answer in answers for column in answer.result.columns))
    several = len(answers) > 1
    writer.writerow([*(["definition"] if several else []), *names])
    for answer in answers:
        for row in answer.result.rows:
            cells = dict(zip((column.name for column in answer.result.columns), row, strict=True))
            writer.writerow([*([_definition(answer)] if several else []), *(plain(cells.get(name)) for name in names)])
    return text.getvalue()


def _definition(answer: "Answer") -> str:
    entries = answer.statement.reading.entries
    return " ".join(entry.period.id for entry in entries) if entries else "today"


def as_json(answers: "Sequence[Answer]", steps: "Sequence[Sequence[Steps]] | None" = None) -> str:
    """Each answer with its columns, their types and roles, rows as objects; the schema is ``output/run.json``."""
    found = [answer_fields(answer, steps[i] if steps is not None else None) for i, answer in enumerate(answers)]
    return json.dumps({"answers": found}, indent=2, ensure_ascii=False) + "\n"


def answer_fields(answer: "Answer", steps: "Sequence[Steps] | None" = None) -> dict[str, Any]:
    """An answer as JSON."""
    result, statement = answer.result, answer.statement
    plan = result.compiled.plan
    fields: dict[str, Any] = {
        "metrics": list(plan.query.metrics),
        "overlay": plan.query.overlay,
        "standing": statement.standing.value.lower(),
        "because": statement.because,
        "closures": dict(statement.reading.closures),
        "entries": [entry.sequence for entry in statement.reading.entries],
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
            {column.name: json_value(value) for column, value in zip(result.columns, row, strict=True)}
            for row in result.rows
        ],
        "exclusions": [
            {"exclusion": taken.exclusion.id, "metric": taken.metric, "rows": taken.rows} for taken in result.taken
        ],
    }
    if steps is not None:
        fields["attrition"] = [
            {
                "metric": each.metric,
                "steps": [
                    {"step": step.step, "rows": rows, "why": step.why}
                    for step, rows in zip(each.steps, each.rows, strict=True)
                ],
            }
            for each in steps
        ]
    return fields


def as_tables(
    answers: "Sequence[Answer]", steps: "Sequence[Sequence[Steps]] | None" = None, *, color: bool = False
) -> str:
    """Each answer as a table with what its definitions are worth, in time's order."""
    texts = []
    for i, answer in enumerate(answers):
        statement = answer.statement
        text = as_table(answer.result, color=color)
        text += f"\n{statement.standing.value.lower()}: {visible(statement.because)}\n"
        text += "".join(f"\n{steps_as_table(each, color=color)}" for each in (steps[i] if steps is not None else ()))
        texts.append(text)
    return "\n".join(texts)


def as_table(result: "Result", *, width: int | None = None, color: bool = False) -> str:
    """A table with rounded numbers, marks for what is suppressed or missing, and what the marks mean."""
    from rich.table import Table  # noqa: PLC0415  # 60 ms that only tables need

    columns = [column for column in result.columns if column.role in _SHOWN]
    dimensions = sum(column.role in {"period", "dimension"} for column in columns)
    table = Table(box=_box(), show_edge=False, pad_edge=False, header_style="bold")
    units = {column.metric: column.unit for column in columns if column.role == "value"}
    for i, column in enumerate(columns):
        unit = f"\n{visible(units[column.metric] or '')}" if column.role == "value" else "\n"
        name = column.name
        if column.role == "dimension":
            name = column.name.replace("__", ".")
        elif column.role not in {"period", "value"}:
            name = _HEADS[column.role]
        style = "dim" if column.role == "n" else None
        table.add_column(f"{name}{unit}", justify="left" if i < dimensions else "right", style=style, no_wrap=True)
    marks: set[str] = set()
    # Where others are hidden beside it, nothing says which cell has too few rows.
    fewer: dict[str | None, str] = {
        output.metric.id: f"<{max(fewest for _, fewest in output.floors)}"
        for output in result.compiled.plan.outputs
        if output.floors and not output.complementary
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
    titles = [line.removeprefix("-- ") for line in header(result.compiled.plan).splitlines()]
    notes = _notes(marks, result)
    return "\n".join([*titles, "", _printed(table, width=width, color=color), *([""] if notes else []), *notes]) + "\n"


def _printed(table: "Table", *, width: int | None = None, color: bool) -> str:
    from rich.console import Console  # noqa: PLC0415  # 60 ms that only tables need

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
    return "\n".join(line.rstrip() for line in written.splitlines())


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
        return _NO_GROUP if value is None else visible(plain(value))
    status = row[index[f"{column.metric}_status"]] if f"{column.metric}_status" in index else None
    if value is None:
        if status == "suppressed":
            marks.add("suppressed")
            return fewer.get(column.metric, SUPPRESSED) if column.role == "n" else SUPPRESSED
        marks.add("no_data" if column.role == "value" else "no_interval")
        return NO_DATA
    return shown(value, column)


def shown(value: float | Decimal, column: ResultColumn) -> str:
    """A number as people read it: rounded by its unit, with thousands set apart."""
    if column.type == "integer" or column.role == "n":
        return f"{value:,}"
    if column.role == "top_share":
        return f"{100 * value:.1f}%"
    if column.role == "effective_n":
        return f"{value:,.0f}"
    return f"{value:,.{decimals(value, column.unit)}f}"


def _notes(marks: set[str], result: "Result") -> list[str]:
    notes = []
    if "suppressed" in marks:
        beside = any(output.complementary and output.floors for output in result.compiled.plan.outputs)
        notes.append(
            f"{SUPPRESSED}  suppressed: fewer rows than the minimum of the metric or of a part of it"
            f"{', or next to a cell that has' if beside else ''}"
        )
    if "no_data" in marks:
        notes.append(f"{NO_DATA}  no data")
    elif "no_interval" in marks:
        notes.append(f"{NO_DATA}  no interval")
    if any(column.role == "low" for column in result.columns):
        notes.append(f"from, to: {100 * float(result.compiled.plan.confidence):.4g}% interval")
    if "partial" in marks:
        notes.append("*  partial: cut by the edge of a period")
    if result.early:
        notes.append("!  asked before its `as of`: rows may still arrive")
    for taken in result.taken:
        its = taken.exclusion
        rows = "too few rows to tell" if taken.rows is None else "no row"
        if taken.rows:
            rows = f"{taken.rows:,} row{'' if taken.rows == 1 else 's'}"
        notes.append(
            visible(
                f"{its.id} takes {rows} from {taken.metric}: {its.reason} ({its.evidence}; "
                f"{its.start} to before {its.end})"
            )
        )
    return notes


def steps_as_table(steps: "Steps", *, color: bool = False) -> str:
    """What each step leaves of a metric's rows, and why the others went."""
    from rich.table import Table  # noqa: PLC0415  # as in as_table

    table = Table(box=_box(), show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("step", no_wrap=True)
    table.add_column("left", justify="right", no_wrap=True)
    table.add_column("gone", justify="right", no_wrap=True)
    table.add_column("why", no_wrap=True)
    before: int | None = None
    for step, rows in zip(steps.steps, steps.rows, strict=True):
        gone = "" if before is None or rows is None else f"{before - rows:,}"
        left = f"<{steps.fewest}" if rows is None else f"{rows:,}"
        table.add_row(step.step.replace("_", " "), left, gone, visible(step.why))
        before = rows
    return f"rows of {steps.metric}\n\n{_printed(table, color=color)}\n"


def plain(value: Any) -> str:
    """A cell as CSV has it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)


def json_value(value: Any) -> Any:
    """A cell as JSON has it."""
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
