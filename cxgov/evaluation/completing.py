"""An engine's answer to the one that is shown: intervals by Student's t, and what is hidden so that nothing is told."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cxgov.compiler.plan import Output
from cxgov.compiler.sql import ResultColumn
from cxgov.engines.answering import Result
from cxgov.evaluation.estimates import Estimate, interval
from cxgov.evaluation.suppression import Cell, complementary

Row = tuple[Any, ...]


def complete(result: Result) -> Result:
    """The answer with every interval, and with no hidden cell that the rest of its line gives away.

    An answer in lines of several directions must have n and status; ``without_statistics`` takes them out after.
    """
    return _with_means(_hidden(result))


def without_statistics(result: Result) -> Result:
    """The answer with keys and values alone."""
    kept = [i for i, column in enumerate(result.columns) if column.role not in {"n", "status"}]
    return replace(
        result,
        columns=tuple(result.columns[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in result.rows),
    )


def estimates(result: Result, output: Output) -> list[Estimate]:
    """A metric's estimate in each row of an answer that was asked with all statistics."""
    its = output.uncertainty
    assert its is not None
    place = {column.role: i for i, column in enumerate(result.columns) if column.metric == output.metric.id}
    found = []
    for row in result.rows:
        status = row[place["status"]]
        sums = {role: row[place[role]] for role in its.sums if row[place[role]] is not None}
        found.append(
            Estimate(
                value=row[place["value"]] if row[place["value"]] is None else float(row[place["value"]]),
                n=row[place["n"]],
                status=status,
                # A total of no rows is 0, and nothing tells how far off that may be.
                method="none" if status == "ok" and row[place["n"]] == 0 else its.method,
                scale=its.scale / its.divisor,
                sums={role: float(value) for role, value in sums.items()} if status == "ok" else {},
                centred=its.centred,
            )
        )
    return found


def _with_means(result: Result) -> Result:
    """Puts the intervals of means beside the others: low and high after the status."""
    plan = result.compiled.plan
    for output in plan.outputs:
        its = output.uncertainty
        if its is None or its.method != "mean":
            continue
        found = [interval(estimate, float(plan.confidence)) for estimate in estimates(result, output)]
        name = output.metric.id
        after = next(i for i, column in enumerate(result.columns) if column.name == f"{name}_status") + 1
        bounds = tuple(
            ResultColumn(f"{name}_{end}", "double", end, name, output.metric.unit) for end in ("low", "high")
        )
        rows = tuple(
            (*row[:after], *(reach or (None, None)), *row[after:])
            for row, reach in zip(result.rows, found, strict=True)
        )
        result = replace(result, columns=(*result.columns[:after], *bounds, *result.columns[after:]), rows=rows)
    return result


def _hidden(result: Result) -> Result:
    plan = result.compiled.plan
    if not plan.tells_hidden:
        return result
    keys = [i for i, column in enumerate(result.columns) if column.role in {"period", "dimension"}]
    if len(plan.buckets) == 1:
        keys = [i for i in keys if result.columns[i].role != "period"]
    rows: list[Sequence[Any]] = list(result.rows)
    for output in plan.outputs:
        if not (output.complementary and output.floors):
            continue
        place = {column.role: i for i, column in enumerate(result.columns) if column.metric == output.metric.id}
        cells = [
            Cell(tuple(row[i] for i in keys), row[place["n"]], suppressed=row[place["status"]] == "suppressed")
            for row in rows
        ]
        hide = complementary(cells)
        rows = [_without(row, place) if cell.keys in hide else row for row, cell in zip(rows, cells, strict=True)]
    return replace(result, rows=tuple(tuple(row) for row in rows))


def _without(row: Sequence[Any], place: dict[str, int]) -> Row:
    """A row with all cells of a metric hidden."""
    found = list(row)
    for role, i in place.items():
        found[i] = "suppressed" if role == "status" else None
    return tuple(found)
