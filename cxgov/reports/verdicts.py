"""The gate's answer as text, JSON and Markdown, and as points for forges and build servers."""

import json
from collections.abc import Iterator
from typing import Any

from cxgov.governance.gate import Gated
from cxgov.governance.verdict import Demand, Verdict, Waiver
from cxgov.language.diagnostics import Place, visible
from cxgov.reports.formats import Point
from cxgov.reports.markdown import escaped


def as_text(gated: Gated) -> str:
    """The answer, then every finding with who must approve it, who counts, who does not and what is missing."""
    return "\n".join([f"{answer(gated)}  {gated.head[:12]} into {gated.trusted[:12]}", *lines(gated)]) + "\n"


def lines(gated: Gated) -> list[str]:
    """What the answer rests on."""
    found = [f"  {visible(its.path)}: {visible(its.reason)}" for its in gated.refused]
    found += [f"  {problem}" for problem in gated.problems]
    if gated.verdict is not None:
        found += [line for demand in gated.verdict.demands for line in _demand(demand)]
        found += [f"  veto of {visible(its.person)}: {visible(its.origin)}" for its in gated.verdict.vetoes]
        found += [f"  {visible(fault)}" for fault in (*gated.verdict.moved, *gated.verdict.faults)]
        found += [f"  {visible(_broken(its))}" for its in gated.verdict.waivers]
        found += [f"  {visible(said)}" for said in gated.verdict.reviews]
        found += [
            f"  ignored: {visible(its.who)}, {visible(its.origin)}: {visible(its.why)}" for its in gated.verdict.ignored
        ]
        if not gated.verdict.demands and not gated.verdict.faults and not gated.verdict.moved:
            found.append("  nothing that is governed changes")
    return found


def as_markdown(gated: Gated) -> str:
    """The answer with a table of what is asked: for a comment beside the proposal."""
    return "\n".join([f"### {answer(gated)}", "", *markdown_lines(gated)]).rstrip() + "\n"


def markdown_lines(gated: Gated) -> list[str]:
    """What the answer rests on, as Markdown."""
    found = [f"- {escaped(its.path)}: {escaped(its.reason)}" for its in gated.refused]
    found += [f"- {escaped(str(problem.place))}: {escaped(problem.message)}" for problem in gated.problems]
    if gated.verdict is not None:
        found += _table(gated.verdict)
        found += [f"- veto of {escaped(its.person)}: {escaped(its.origin)}" for its in gated.verdict.vetoes]
        found += [f"- {escaped(fault)}" for fault in (*gated.verdict.moved, *gated.verdict.faults)]
        found += [f"- {escaped(_broken(its))}" for its in gated.verdict.waivers]
        found += [f"- {escaped(said)}" for said in gated.verdict.reviews]
        found += [
            f"- ignored: {escaped(its.who)}, {escaped(its.origin)}: {escaped(its.why)}" for its in gated.verdict.ignored
        ]
    return found


def as_json(gated: Gated) -> str:
    """The same as one JSON object; its schema is ``schemas/output/gate.json``."""
    return json.dumps(fields(gated), indent=2, ensure_ascii=False) + "\n"


def fields(gated: Gated) -> dict[str, Any]:
    """The answer as an object."""
    verdict = gated.verdict
    return {
        "passed": gated.passed,
        "trusted": gated.trusted,
        "head": gated.head,
        "base": gated.base,
        "valid": verdict is not None,
        "refused": [{"path": its.path, "reason": its.reason} for its in gated.refused],
        "problems": [{"code": its.rule.code, "message": its.message, **_place(its.place)} for its in gated.problems],
        "demands": [_demand_fields(demand) for demand in verdict.demands] if verdict else [],
        "vetoes": [{"person": its.person, "origin": its.origin} for its in verdict.vetoes] if verdict else [],
        "break_glass": [_waiver_fields(its) for its in verdict.waivers] if verdict else [],
        "reviewed": list(verdict.reviews) if verdict else [],
        "moved": list(verdict.moved) if verdict else [],
        "faults": list(verdict.faults) if verdict else [],
        "ignored": [{"who": its.who, "origin": its.origin, "why": its.why} for its in verdict.ignored]
        if verdict
        else [],
    }


def points(gated: Gated) -> Iterator[Point]:
    """What keeps the proposal from being merged, each at its place; and what is approved, as notes."""
    for refusal in gated.refused:
        its = Place(refusal.path, 1, 1)
        yield Point(
            code="refused", title="a path that no registry has", level="error", message=refusal.reason, place=its
        )
    for problem in gated.problems:
        rule = problem.rule
        yield Point(code=rule.code, title=rule.name, level="error", message=problem.message, place=problem.place)
    if gated.verdict is None:
        return
    for demand in gated.verdict.demands:
        finding = demand.finding
        said = "; ".join(demand.missing) or f"{_by(demand)} {', '.join(member.person for member in demand.counted)}"
        yield Point(
            code=finding.change_class,
            title=f"{finding.kind} {finding.id}",
            level=("warning" if demand.waiver else "note") if demand.met else "error",
            message=f"{_edit(demand)}: {said if demand.met else f'missing {said}'}",
            place=finding.place,
        )
    for veto in gated.verdict.vetoes:
        said = f"veto of {veto.person}: {veto.origin}"
        yield Point(code="veto", title="changes requested", level="error", message=said, place=None)
    for fault in (*gated.verdict.moved, *gated.verdict.faults):
        yield Point(code="fault", title="no approval heals it", level="error", message=fault, place=None)


def answer(gated: Gated) -> str:
    """The answer in two or three words."""
    if gated.verdict is None:
        return "not a valid registry"
    if not gated.passed:
        return "not approved"
    return "let through" if any(demand.waiver for demand in gated.verdict.demands) else "approved"


def _edit(demand: Demand) -> str:
    finding = demand.finding
    what = f"{finding.kind} {finding.id}" + (f" {'.'.join(finding.path)}" if finding.path else "")
    match finding.how:
        case "added":
            return f"{what} added" + (f": {finding.new}" if finding.new else "")
        case "removed":
            return f"{what} removed" + (f": {finding.old}" if finding.old else "")
        case _:
            return f"{what} {finding.how}" + (f": {finding.old} -> {finding.new}" if finding.old else "")


def asks(demand: Demand) -> str:
    """What a rule asks for."""
    rule = demand.rule
    if rule is None:
        return "nobody can approve it"
    of = f" of {', '.join(rule.seats or rule.teams)}" if rule.seats or rule.teams else ""
    signed = ", signed" if rule.evidence else ""
    return f"{rule.quorum} approval{'' if rule.quorum == 1 else 's'}{of}{signed} (policy {demand.policy})"


def _demand(demand: Demand) -> Iterator[str]:
    finding = demand.finding
    place = f"{finding.place}: " if finding.place is not None else ""
    yield f"  {'+' if demand.met else '-'} {visible(place)}{finding.change_class} {visible(_edit(demand))}"
    moves = [*finding.reach.metrics, *finding.reach.thresholds, *finding.reach.overlays, *finding.reach.reports]
    if moves:
        yield f"      reaches {', '.join(moves)}"
    yield f"      needs {asks(demand)}"
    if demand.counted:
        by = ", ".join(f"{its.person} ({visible(its.seat)})" for its in demand.counted)
        yield f"      {'counted:' if demand.waiver is None else _by(demand)} {by}"
    for its in demand.ignored:
        yield f"      not counted: {visible(its.who)}: {visible(its.why)} ({visible(its.origin)})"
    for said in demand.missing:
        yield f"      missing: {visible(said)}"


def _by(demand: Demand) -> str:
    return "approved by" if demand.waiver is None else f"not approved, let through by {demand.waiver.origin} of"


def _broken(its: Waiver) -> str:
    """A break-glass that stands, in words."""
    return f"{its.origin} breaks the glass to {its.until}, and the seat {its.reviewer} reviews it: {its.reason}"


def _waiver_fields(its: Waiver) -> dict[str, Any]:
    return {
        "entry": its.origin,
        "signers": list(its.signers),
        "until": its.until.isoformat(),
        "reviewer": its.reviewer,
        "reason": its.reason,
    }


def _table(verdict: Verdict) -> list[str]:
    if not verdict.demands:
        return ["Nothing that is governed changes.", ""]
    lines = [
        "| | class | change | reaches | needs | counted | missing |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for demand in verdict.demands:
        finding = demand.finding
        cells = [
            "✓" if demand.met else "✗",
            finding.change_class,
            _edit(demand),
            ", ".join(
                [*finding.reach.metrics, *finding.reach.thresholds, *finding.reach.overlays, *finding.reach.reports]
            ),
            asks(demand),
            ", ".join(its.person for its in demand.counted) + (f" ({demand.waiver.origin})" if demand.waiver else ""),
            "; ".join(demand.missing),
        ]
        lines.append(f"| {' | '.join(escaped(cell) for cell in cells)} |")
    lines.append("")
    lines += [
        f"- not counted for {escaped(demand.finding.id)}: {escaped(its.who)}: {escaped(its.why)}"
        for demand in verdict.demands
        for its in demand.ignored
    ]
    return lines


def _demand_fields(demand: Demand) -> dict[str, object]:
    finding = demand.finding
    return {
        "kind": finding.kind,
        "id": finding.id,
        "field": ".".join(finding.path) or None,
        "how": finding.how,
        "class": finding.change_class,
        "old": finding.old,
        "new": finding.new,
        "reaches": [*finding.reach.metrics, *finding.reach.thresholds, *finding.reach.overlays, *finding.reach.reports],
        **_place(finding.place),
        "policy": demand.policy,
        "needs": asks(demand),
        "met": demand.met,
        "counted": [{"person": its.person, "seat": its.seat} for its in demand.counted],
        "not_counted": [{"who": its.who, "origin": its.origin, "why": its.why} for its in demand.ignored],
        "missing": list(demand.missing),
        "waiver": demand.waiver.origin if demand.waiver else None,
    }


def _place(place: Place | None) -> dict[str, object]:
    if place is None:
        return {"path": None, "line": None, "column": None}
    return {"path": place.path, "line": place.line, "column": place.column}
