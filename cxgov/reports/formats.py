"""Findings in the formats of forges and build servers: GitHub annotations, SARIF 2.1.0, JUnit XML.

Every text may come from whoever wrote the proposal, so each printer escapes all of them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cxgov.language.diagnostics import Place, visible

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One thing to be said at a place: ``code`` is what kind of thing, ``title`` what it is called."""

    code: str
    title: str
    level: Level
    message: str
    place: Place | None


def as_github(points: Iterable[Point], quiet: str) -> str:
    """Workflow commands that GitHub shows beside the line; it shows ten of a kind a step, so errors come first.

    ``quiet`` is said where there is no point.
    """
    lines = []
    for point in sorted(points, key=lambda its: ("error", "warning", "note").index(its.level)):
        place = point.place or Place("", 1, 1)
        where = f"file={_property(place.path)},line={place.line},col={place.column}," if place.path else ""
        title = _property(f"{point.code} {point.title}")
        command = "notice" if point.level == "note" else point.level
        lines.append(f"::{command} {where}title={title}::{_data(point.message)}")
    return "".join(f"{line}\n" for line in lines) or f"::notice::{_data(quiet)}\n"


def as_sarif(points: Iterable[Point], version: str) -> str:
    """One run of SARIF 2.1.0 by a version of the program."""
    points = list(points)
    rules = {point.code: point.title for point in points}
    results = []
    for point in points:
        result: dict[str, object] = {
            "ruleId": point.code,
            "level": point.level,
            "message": {"text": point.message},
        }
        if point.place is not None:
            region = {"startLine": point.place.line, "startColumn": point.place.column}
            location = {"artifactLocation": {"uri": _uri(point.place.path)}, "region": region}
            result["locations"] = [{"physicalLocation": location}]
        results.append(result)
    driver = {
        "name": "cxgov",
        "version": version,
        "rules": [{"id": code, "name": name} for code, name in sorted(rules.items())],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    document = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_junit(points: Iterable[Point], suite: str) -> str:
    """One test suite of JUnit XML: a failed case for each error, one that passed where there is none."""
    from xml.sax.saxutils import escape, quoteattr  # noqa: PLC0415  # it brings the modules of the web with it

    points = list(points)
    failures = [point for point in points if point.level == "error"]
    cases = []
    for point in points:
        place = f"{point.place}: " if point.place is not None else ""
        name = quoteattr(visible(f"{place}{point.code} {point.title}"))
        if point.level == "error":
            said = visible(point.message)
            body = f"<failure message={quoteattr(said)}>{escape(said)}</failure>"
        else:
            body = f"<system-out>{escape(visible(point.message))}</system-out>"
        cases.append(f'    <testcase classname="cxgov" name={name}>{body}</testcase>')
    if not cases:
        cases.append(f'    <testcase classname="cxgov" name={quoteattr(suite)}/>')
    count = f'tests="{len(cases)}" failures="{len(failures)}"'
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {count}>\n'
    return (
        f"{head}  <testsuite name={quoteattr(suite)} {count}>\n"
        + "\n".join(cases)
        + "\n  </testsuite>\n</testsuites>\n"
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _uri(path: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415  # only for this format

    return quote(path)
