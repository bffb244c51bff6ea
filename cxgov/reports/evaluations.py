"""An evaluation as text for people, as JSON for programs, and as Markdown for a page that a council reads."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import wrap
from typing import Any, Final

from cxgov.evaluation.judgements import Evaluation, Judgement, Reading
from cxgov.language.diagnostics import visible
from cxgov.reports.charts import chart, legend
from cxgov.reports.judging import (
    band_words,
    change_words,
    heading,
    interval_of,
    n_of,
    readings,
    scope,
    standing,
    summary,
    target_words,
    value_of,
    value_words,
    who_words,
)
from cxgov.reports.markdown import escaped, table
from cxgov.reports.numbers import NO_DATA, SUPPRESSED, in_unit, level
from cxgov.reports.registry import as_json as json_text
from cxgov.reports.results import json_value
from cxgov.reports.wording import threshold_row

_EARLY: Final = "asked before the last bucket's `as of`: rows may still arrive"
_LABELS: Final = 11
_WIDTH: Final = 100
_RED: Final = ("\x1b[1;31m", "\x1b[0m")


# --- text ---


def as_text(evaluation: Evaluation, *, color: bool = False) -> str:
    """A block for each threshold: its judgements, a chart of them all, and whom to ask. The count stands last."""
    parts = [_block(its, evaluation.confidence, color=color) for its in _by_threshold(evaluation.judgements)]
    closing = [legend(evaluation.judgements, level(evaluation.confidence))] if evaluation.judgements else []
    closing += [f"!  {_EARLY}"] if evaluation.early else []
    closing.append(summary(evaluation))
    return "\n\n".join([*parts, "\n".join(closing)]) + "\n"


def _block(judgements: Sequence[Judgement], confidence: float, *, color: bool) -> str:
    lines = []
    for judgement in judgements:
        band = standing(judgement)
        if color and judgement.breached:
            band = band.join(_RED)
        lines.append(f"{band}  {visible(' | '.join(heading(judgement)))}")
        target = target_words(judgement)
        lines += _field("value", [value_words(judgement, confidence)])
        lines += _field("target", [target] if target else [])
        lines += _field("change", change_words(judgement))
        lines.append("")
    lines += [*(f"  {visible(line)}".rstrip() for line in chart(judgements)), ""]
    threshold = judgements[0].threshold
    lines += _field("bands", [band_words(threshold)])
    lines += _field("who", ["; ".join(f"{role}: {name}" for role, name in who_words(judgements[0]))])
    lines += _field("playbook", [threshold.playbook] if threshold.playbook else [])
    lines += _field("threshold", [_definition_words(judgements)])
    return "\n".join(lines)


def _field(label: str, said: Sequence[str]) -> list[str]:
    """Lines behind a label; a long one goes on under itself, a long word such as an address stays whole."""
    lines = [
        line for each in said for line in wrap(visible(each), _WIDTH, break_long_words=False, break_on_hyphens=False)
    ]
    return [f"  {label if i == 0 else '':<{_LABELS}}{line}" for i, line in enumerate(lines)]


def _by_threshold(judgements: Sequence[Judgement]) -> Iterator[list[Judgement]]:
    # What was frozen for one of the periods may have other bands, or be of another formula, than what is next to it.
    for _, its in groupby(judgements, key=lambda judgement: (judgement.threshold, judgement.metric)):
        yield list(its)


def _definition_words(judgements: Sequence[Judgement]) -> str:
    """By which threshold it is judged, and for which periods that was frozen."""
    threshold = judgements[0].threshold
    frozen = list(dict.fromkeys(its.frozen for its in judgements if its.frozen is not None))
    return f"{threshold.id} {threshold.version}" + (f", as frozen for {', '.join(frozen)}" if frozen else "")


# --- JSON ---


def as_json(evaluation: Evaluation) -> str:
    """The same with unrounded numbers; its schema is ``schemas/output/evaluate.json``."""
    return json_text(
        {
            "period": evaluation.period,
            "confidence": evaluation.confidence,
            "early": evaluation.early,
            "breached": evaluation.breached,
            "judgements": [_judgement_row(judgement) for judgement in evaluation.judgements],
        }
    )


def _judgement_row(judgement: Judgement) -> dict[str, Any]:
    threshold, metric, change, raci = judgement.threshold, judgement.metric, judgement.change, judgement.metric.raci
    return {
        "threshold": {**threshold_row(threshold), "version": threshold.version, "owner": threshold.owner},
        "metric": {
            "id": metric.id,
            "version": metric.version,
            "title": metric.title,
            "unit": metric.unit,
            "direction": metric.direction,
            "raci": {
                "responsible": raci.responsible,
                "accountable": raci.accountable,
                "consulted": list(raci.consulted),
                "informed": list(raci.informed),
            },
        },
        "frozen": judgement.frozen,
        "reading": _reading_row(judgement.reading),
        "band": None if judgement.band is None else judgement.band.name,
        "breached": judgement.breached,
        "reached": judgement.reached,
        "earlier": None if judgement.earlier is None else _reading_row(judgement.earlier),
        "change": None
        if change is None
        else {
            "state": change.state,
            "difference": json_value(change.difference),
            "low": json_value(change.low),
            "high": json_value(change.high),
            "confidence": change.confidence,
            "standard_error": json_value(change.standard_error),
            "df": json_value(change.df),
            "p": json_value(change.p),
            "adjusted_p": json_value(change.adjusted_p),
        },
        "series": [_reading_row(reading) for reading in judgement.series],
    }


def _reading_row(reading: Reading) -> dict[str, Any]:
    return {
        "name": reading.name,
        "start": reading.bucket.start.isoformat(),
        "end": reading.bucket.end.isoformat(),
        "partial": reading.bucket.partial,
        "status": reading.status,
        "value": json_value(reading.value),
        "n": None if reading.status == "suppressed" else reading.n,
        "low": json_value(reading.low),
        "high": json_value(reading.high),
    }


# --- Markdown ---


def as_markdown(evaluation: Evaluation) -> str:
    """A table of all judgements, then a section for each threshold with its series."""
    head = ["band", "threshold", "bucket", "scope", "value", "target", "change"]
    rows = [_summary_cells(judgement) for judgement in evaluation.judgements]
    parts = [f"# Evaluation of {escaped(evaluation.period)}", f"{escaped(summary(evaluation))}."]
    parts += [f"**Early**: {_EARLY.replace('`', '')}."] if evaluation.early else []
    parts += [table(head, rows)] if rows else []
    for its in _by_threshold(evaluation.judgements):
        parts += _section(its, evaluation.confidence)
    return "\n\n".join(parts) + "\n"


def _summary_cells(judgement: Judgement) -> list[str]:
    threshold, change = judgement.threshold, judgement.change
    value = value_of(judgement, judgement.reading)
    target = target_words(judgement)
    return [
        _band_cell(judgement),
        escaped(threshold.title),
        escaped(judgement.reading.name),
        escaped(scope(threshold)),
        "" if value is None else escaped(in_unit(value, judgement.metric.unit)),
        "" if target is None else escaped(target),
        "not judged" if change is None else escaped(change.state.replace("_", " ")),
    ]


def _section(judgements: Sequence[Judgement], confidence: float) -> list[str]:
    threshold, metric = judgements[0].threshold, judgements[0].metric
    where = f", {scope(threshold)}" if threshold.scope else ""
    parts = [
        f"## {escaped(threshold.title)}",
        f"Of {escaped(metric.title)}{escaped(where)}: {escaped(band_words(threshold))}.",
    ]
    for judgement in judgements:
        target = target_words(judgement)
        change, *more = change_words(judgement)
        said = [f"value: {value_words(judgement, confidence)}"]
        said += [f"target: {target}"] if target else []
        said += [f"change: {change}", *more]
        first = f"**{escaped(judgement.reading.name)}**: {_band_cell(judgement)}"
        parts.append("\n".join([first, "", *(f"- {escaped(line)}" for line in said)]))
    who = [(role, name) for role, name in who_words(judgements[0])]
    who += [("playbook", threshold.playbook)] if threshold.playbook else []
    who.append(("threshold", _definition_words(judgements)))
    parts.append(_series(judgements, confidence))
    parts.append("\n".join(f"- {role}: {escaped(name)}" for role, name in who))
    return parts


def _series(judgements: Sequence[Judgement], confidence: float) -> str:
    """Every bucket that any of a threshold's judgements shows, once."""
    judged = {each.reading.bucket.start: each for each in judgements}
    rows = []
    for point in readings(judgements):
        value = value_of(judgements[0], point)
        if value is None:
            value = SUPPRESSED if point.status == "suppressed" else NO_DATA
        rows.append(
            [
                escaped(f"{point.name}{' (partial)' if point.bucket.partial else ''}"),
                escaped(value),
                escaped(interval_of(judgements[0], point) or ""),
                n_of(point) or "",
                _band_cell(judged[point.bucket.start]) if point.bucket.start in judged else "",
            ]
        )
    unit = escaped(judgements[0].metric.unit)
    return table(["bucket", unit, f"{level(confidence)} interval", "n", "band"], rows, right=frozenset({1, 2, 3}))


def _band_cell(judgement: Judgement) -> str:
    band = escaped(standing(judgement))
    return f"**{band}**" if judgement.breached else band
