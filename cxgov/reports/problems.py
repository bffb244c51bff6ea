"""Diagnostics as text, JSON and GitHub annotations."""

import json
from collections.abc import Sequence

from cxgov.language.diagnostics import Diagnostic


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


def as_github(problems: Sequence[Diagnostic], documents: int) -> str:
    """Workflow commands that GitHub shows beside the line; it shows ten of a kind a step, so errors come first."""
    lines = []
    for problem in sorted(problems, key=lambda problem: not problem.is_error):
        place, rule = problem.place, problem.rule
        properties = f"file={_property(place.path)},line={place.line},col={place.column}"
        title = _property(f"{rule.code} {rule.name}")
        fix = problem.fix or rule.fix
        lines.append(f"::{rule.severity} {properties},title={title}::{_data(f'{problem.message}. Fix: {fix}')}")
    return "".join(f"{line}\n" for line in lines) or f"::notice::{documents} documents are valid\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _s(count: int) -> str:
    return "" if count == 1 else "s"
