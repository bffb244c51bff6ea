"""Diagnostics as text, JSON and points for forges and build servers."""

import json
from collections.abc import Sequence

from cxgov.language.diagnostics import Diagnostic
from cxgov.reports.formats import Point


def as_text(problems: Sequence[Diagnostic], documents: int) -> str:
    """A line and a fix for each problem, and how many there are."""
    errors = sum(problem.is_error for problem in problems)
    warnings = len(problems) - errors
    lines = [str(problem) for problem in problems]
    read = f"{documents} document{_s(documents)}"
    if not problems:
        lines.append(f"{read}: valid")
    else:
        found = [f"{errors} error{_s(errors)}"] if errors else []
        found += [f"{warnings} warning{_s(warnings)}"] if warnings else []
        lines.append(f"{read}: {', '.join(found)}")
    return "\n".join(lines) + "\n"


def as_json(problems: Sequence[Diagnostic], documents: int) -> str:
    """The same as one JSON object; its schema is ``schemas/output/validate.json``."""
    found = [
        {
            "code": problem.rule.code,
            "name": problem.rule.name,
            "severity": str(problem.rule.severity),
            "message": problem.message,
            "path": problem.place.path,
            "line": problem.place.line,
            "column": problem.place.column,
            "fix": problem.fix or problem.rule.fix,
        }
        for problem in problems
    ]
    valid = not any(problem.is_error for problem in problems)
    return json.dumps({"valid": valid, "documents": documents, "problems": found}, indent=2, ensure_ascii=False) + "\n"


def points(problems: Sequence[Diagnostic]) -> list[Point]:
    """The same for forges and build servers."""
    return [
        Point(
            code=problem.rule.code,
            title=problem.rule.name,
            level="error" if problem.is_error else "warning",
            message=f"{problem.message}. Fix: {problem.fix or problem.rule.fix}",
            place=problem.place,
        )
        for problem in problems
    ]


def _s(count: int) -> str:
    return "" if count == 1 else "s"
