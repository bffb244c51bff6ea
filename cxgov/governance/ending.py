"""A metric's last steps to the file that says them: deprecated with its last words, then retired.

Of the file only the status, what is said with it and the version differ: comments, quotes, layout and ends of lines
stay. What cannot be written so is refused, and then nothing is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from cxgov.compiler.query import Refused
from cxgov.governance.bumping import CannotWrite, bumped
from cxgov.governance.changes import Side, compare
from cxgov.governance.findings import Finding
from cxgov.governance.versions import Bump
from cxgov.language.diagnostics import Place, listed, nearest
from cxgov.language.expressions import names
from cxgov.language.kinds import NO_SUCCESSOR
from cxgov.language.model import Deprecation, Derived, Metric, Registry
from cxgov.language.queries import shown
from cxgov.language.reader import read

_STATUS: Final = re.compile(r"""(['"]?)(certified|deprecated)\1""")
_LINE: Final = re.compile(r"[^\r\n]*(\r?\n|\Z)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A document that names a metric. One that ``holds`` it has to let go before the metric is retired."""

    kind: str
    id: str
    how: str
    holds: bool
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A step towards a metric's end: the file that says it, what is to be approved, and what still names the metric.

    ``rules`` is how many rules of the council are for it, None without a council.
    """

    metric: Metric
    path: str
    before: str
    text: str
    findings: tuple[Finding, ...]
    bump: Bump | None
    uses: tuple[Use, ...]
    rules: int | None


def uses(registry: Registry, metric: str) -> tuple[Use, ...]:
    """The documents that name a metric, by kind and id."""
    return tuple(sorted(_uses(registry, metric), key=lambda its: (not its.holds, its.kind, its.id)))


def deprecating(side: Side, identity: str, last: Deprecation, today: date) -> tuple[str, str]:
    """The file of a certified metric, by path, with which it is deprecated.

    Raises:
        Refused: it is not certified, the successor does not answer, or the sunset is not after today.
        CannotWrite: the document is written in a way in which nothing can be put into it.
    """
    metric = _metric(side.registry, identity)
    if metric.status != "certified":
        fix = "Nobody relies on a draft: remove it." if metric.status == "draft" else "Its document says how it ends."
        raise Refused(f"metric {identity!r} is {_said(metric)}, and only a certified one can be deprecated", fix)
    if last.successor is not None:
        successor = _metric(side.registry, last.successor)
        if successor.id == identity or not successor.answers:
            why = "the metric itself" if successor.id == identity else _said(successor)
            raise Refused(f"successor {successor.id!r} is {why}", "Name a certified metric, or say --no-successor.")
    if last.sunset <= today:
        raise Refused(f"sunset {last.sunset} is not after today, {today}", "Leave whoever asks it time to change.")
    return _written(side, metric, "deprecated", last)


def retiring(side: Side, identity: str, today: date) -> tuple[str, str]:
    """The file of a deprecated metric, by path, with which it is retired.

    Raises:
        Refused: it is not deprecated, its sunset is still to come, or something that stays names it.
        CannotWrite: the status cannot be replaced as it stands.
    """
    metric = _metric(side.registry, identity)
    if metric.status != "deprecated" or metric.deprecated is None:
        message = f"metric {identity!r} is {_said(metric)}, and only a deprecated one can be retired"
        raise Refused(message, f"Say first how it ends: `cxgov deprecate {identity}`." if metric.answers else "")
    if today < metric.deprecated.sunset:
        raise Refused(f"the sunset of {identity!r} is {metric.deprecated.sunset}, and today is {today}", "Wait for it.")
    holding = [its for its in uses(side.registry, identity) if its.holds]
    if holding:
        lines = "".join(f"\n  {its.place}: {its.kind} {its.id} {its.how} it" for its in holding)
        raise Refused(f"{identity!r} is still in use:{lines}", "Let these name its successor, or remove them first.")
    return _written(side, metric, "retired", None)


def concluded(old: Side, here: Side, new: Side, identity: str, today: date) -> Ended:
    """What a step from ``here`` to ``new`` means, with the version that it needs since the ``old`` side.

    Raises:
        Refused: the step leaves out one that the old side has not taken yet.
        CannotWrite: the version is no plain text on a line.
    """
    comparison = compare(old, new)
    for fault in comparison.faults:
        if (fault.kind, fault.id) == ("Metric", identity) and fault.holds(today):
            raise Refused(f"metric {identity!r} {fault.message}", f"As it is committed counts: {fault.fix}.")
    mine = [bump for bump in comparison.bumps if (bump.kind, bump.id) == ("Metric", identity)]
    rewritten = bumped(replace(comparison, bumps=tuple(mine)), new.tree)
    council = new.registry.council
    path = new.registry.metrics[identity].place.path
    return Ended(
        metric=new.registry.metrics[identity],
        path=path,
        before=here.tree[path].decode(),
        text=rewritten[0].text if rewritten else new.tree[path].decode(),
        findings=tuple(its for its in comparison.findings if (its.kind, its.id) == ("Metric", identity)),
        bump=mine[0] if mine else None,
        uses=uses(new.registry, identity),
        rules=sum("retirement" in rule.classes for rule in council.rules) if council is not None else None,
    )


def _metric(registry: Registry, identity: str) -> Metric:
    if identity not in registry.metrics:
        message = f"metric {identity!r} does not exist{nearest(identity, registry.metrics)}"
        raise Refused(message, f"Metrics: {listed(sorted(registry.metrics))}.")
    return registry.metrics[identity]


def _said(metric: Metric) -> str:
    return "a draft" if metric.status == "draft" else metric.status


def _uses(registry: Registry, metric: str) -> Iterator[Use]:
    for its in registry.metrics.values():
        if isinstance(its.measure, Derived) and metric in names(its.measure.of):
            holds = its.status != "retired"
            yield Use(kind="Metric", id=its.id, how="is derived from", holds=holds, place=its.place)
        if its.deprecated is not None and its.deprecated.successor == metric:
            yield Use(kind="Metric", id=its.id, how="leads to", holds=its.status == "deprecated", place=its.place)
    for threshold in registry.thresholds.values():
        if threshold.metric == metric:
            yield Use(kind="Threshold", id=threshold.id, how="judges", holds=True, place=threshold.place)
    for overlay in registry.overlays.values():
        if metric in overlay.metrics:
            yield Use(kind="Overlay", id=overlay.id, how="narrows", holds=True, place=overlay.place)
    for report in registry.reports.values():
        if any(its is not None and its.id == metric for its in shown(registry, report).values()):
            yield Use(kind="Report", id=report.id, how="shows", holds=True, place=report.place)
    for exclusion in registry.exclusions.values():
        if metric in exclusion.metrics:
            # It explains periods that are over.
            yield Use(kind="Exclusion", id=exclusion.id, how="takes rows from", holds=False, place=exclusion.place)


def _written(side: Side, metric: Metric, status: str, last: Deprecation | None) -> tuple[str, str]:
    path = metric.place.path
    document, text, _ = read(path, side.tree[path])
    assert document is not None
    wanted = {**document, "status": status}
    at = document.values_at["status"].index
    found, written = _STATUS.match(text, at), text
    if found is not None:
        line = _LINE.match(text, found.end())
        assert line is not None
        rest = text[found.end() : line.end()]
        written = f"{text[: found.start(2)]}{status}{found[1]}"
        if last is None:
            written += text[found.end() :]
        else:
            said = {"successor": last.successor or NO_SUCCESSOR, "sunset": str(last.sunset), "notice": last.notice}
            wanted["deprecated"] = said
            # A text in which every file has its own ends of lines, and the last line may have none.
            end = line[1] or "\n"
            values = {**said, "notice": _quoted(last.notice)}
            block = "".join(f"  {key}: {value}{end}" for key, value in values.items())
            written += f"{rest.removesuffix(line[1])}{end}deprecated:{end}{block}{text[line.end() :]}"
    again, _, problems = read(path, written.encode())
    if again is None or problems or dict(again) != wanted:
        fix = f"Write `status: {status}`" + (" and `deprecated:` " if last is not None else " ") + "into it by hand."
        raise CannotWrite(f"{metric.place}: the status of Metric {metric.id} cannot be replaced as it stands", fix)
    return path, written


def _quoted(text: str) -> str:
    """A text as a YAML scalar in double quotes, without a character that nobody sees."""
    shown = "".join(f"\\{its}" if its in '"\\' else its if its.isprintable() else f"\\U{ord(its):08x}" for its in text)
    return f'"{shown}"'
