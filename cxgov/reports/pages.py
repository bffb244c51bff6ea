"""A review as one HTML page: without scripts, without anything that is fetched, every text set as text.

The page is a tree, so that what a document says can be no element of it.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from typing import Final

from cxgov.evaluation.reviewed import Compared, Numbers, Reviewed
from cxgov.governance.changes import Comparison
from cxgov.governance.findings import Finding
from cxgov.governance.gate import Gated
from cxgov.governance.verdict import Demand, Verdict
from cxgov.language.diagnostics import visible
from cxgov.reports import verdicts
from cxgov.reports.changes import cut, reached_words
from cxgov.reports.pairs import picture
from cxgov.reports.reviewing import (
    NO_CONNECTION,
    about,
    bump_of,
    common_reason,
    findings,
    group_words,
    in_order,
    name_of,
    outcome_words,
    sentences,
    shown,
    title_of,
    whys,
)
from cxgov.reports.reviews import MEANING, NUMBERS, WHO

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f6f8fa; color: #1f2328; line-height: 1.5;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; line-height: 1.25; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .75rem; padding-bottom: .25rem; border-bottom: 1px solid #d0d7de; }
h3 { font-size: 1rem; margin: 0 0 .25rem; }
p { margin: .25rem 0; }
code { font: .875em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.top { border-left: 6px solid #9a6700; background: #fff; padding: 1rem 1.25rem; border-radius: 6px; }
.top.yes { border-color: #1a7f37; }
.top.no { border-color: #b42318; }
.top .said { font-size: 1.1rem; }
.muted { color: #57606a; font-size: .875rem; }
.card { background: #fff; border: 1px solid #d0d7de; border-radius: 6px; padding: .9rem 1.1rem; margin: .75rem 0;
  break-inside: avoid; overflow-wrap: anywhere; }
.class { display: inline-block; font-size: .8rem; font-weight: 600; padding: 0 .55rem; border-radius: 1rem;
  background: #eaeef2; margin-right: .5rem; }
.edit { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .75rem; margin: .4rem 0; }
.edit del, .edit ins { text-decoration: none; padding: 0 .35rem; border-radius: 3px; }
.edit del { background: #ffebe9; } .edit ins { background: #dafbe1; }
table { border-collapse: collapse; margin: .4rem 0; font-variant-numeric: tabular-nums; max-width: 100%; }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; vertical-align: top; font-weight: normal; }
thead th, .muted th { color: #57606a; font-size: .875rem; }
td.number, th.number { text-align: right; white-space: nowrap; }
td.value { font-weight: 600; }
.difference { font-size: 1.15rem; font-weight: 600; }
.unknown { border-left: 4px solid #9a6700; padding-left: .6rem; }
.met { color: #1a7f37; font-weight: 600; } .missing { color: #b42318; font-weight: 600; }
.beside { display: flex; flex-wrap: wrap; align-items: center; gap: 0 1.5rem; }
svg { display: block; flex: 1 1 20rem; max-width: 36rem; min-width: 0; height: auto; margin-top: .4rem; }
.scroll { overflow-x: auto; }
ul { margin: .25rem 0; padding-left: 1.25rem; }
@media print { body { background: #fff; } main { max-width: none; } }
"""


def as_html(reviewed: Reviewed) -> str:
    """The page: the decision, the changes, the numbers, who must approve."""
    gated, numbers = reviewed.gated, reviewed.numbers
    root = ET.Element("html", {"lang": "en"})
    head = ET.SubElement(root, "head")
    ET.SubElement(head, "meta", {"charset": "utf-8"})
    ET.SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY})
    ET.SubElement(head, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    _text(head, "title", f"Review of {gated.head[:12]}: {verdicts.answer(gated)}")
    ET.SubElement(head, "style").text = _STYLE
    main = ET.SubElement(ET.SubElement(root, "body"), "main")
    top = _box(main, f"top {'yes' if gated.passed else 'no'}", "header")
    _text(top, "h1", f"Review: {verdicts.answer(gated)}")
    for said in sentences(reviewed):
        _text(top, "p", said, "said")
    _text(top, "p", f"{gated.head[:12]} into {gated.trusted[:12]}", "muted")
    if gated.proposal is not None:
        _text(main, "h2", MEANING)
        _meaning(main, gated.proposal.comparison)
        _text(main, "h2", NUMBERS)
        if numbers is None:
            _text(main, "p", f"{NO_CONNECTION.capitalize()}.", "unknown")
        else:
            _numbers(main, numbers)
    _text(main, "h2", WHO)
    _who(main, gated)
    return f"<!doctype html>\n{ET.tostring(root, encoding='unicode', method='html')}\n"


# --- the changes ---


def _meaning(parent: ET.Element, comparison: Comparison) -> None:
    every = findings(comparison)
    if not every:
        _text(parent, "p", "Nothing.")
    for finding in every:
        card = _box(parent, "card", "article")
        heading = ET.SubElement(card, "h3")
        _text(heading, "span", finding.change_class, "class")
        _text(heading, "span", f"{finding.kind} {finding.id}")
        _edit(card, finding)
        for said in (reached_words(finding), bump_of(comparison, finding)):
            if said:
                _text(card, "p", said)
        if finding.place is not None:
            _text(ET.SubElement(card, "p", {"class": "muted"}), "code", str(finding.place))


def _edit(card: ET.Element, finding: Finding) -> None:
    field = ".".join(finding.path)
    if field or finding.how != "changed":
        line = ET.SubElement(card, "p")
        if field:
            _text(line, "code", field)
        if finding.how != "changed":
            _text(line, "span", f" {finding.how}" if field else finding.how)
    values = [
        (label, tag, value)
        for label, tag, value in (("before", "del", finding.old), ("after", "ins", finding.new))
        if value is not None
    ]
    if values:
        grid = _box(card, "edit")
        for label, tag, value in values:
            _text(grid, "span", label, "muted")
            _text(ET.SubElement(ET.SubElement(grid, "span"), tag), "code", cut(value))


# --- the numbers ---


def _numbers(parent: ET.Element, numbers: Numbers) -> None:
    for said in about(numbers):
        _text(parent, "p", said, "muted")
    reason = common_reason(numbers.compared)
    if reason is not None:
        names = ", ".join(map(name_of, numbers.compared))
        _text(_box(parent, "card unknown"), "p", f"{names}: {reason}")
        return
    told, same = in_order(numbers)
    for its in told:
        _metric(parent, its)
    if same:
        card = _box(parent, "card", "article")
        _text(card, "h3", "The same number, though its meaning moved")
        rows = []
        for its in same:
            side = shown(its, its.total)
            value, interval, n = side.new or ("", "", "")
            rows.append([name_of(its), title_of(its), value, interval, n])
        _table(card, ["", "", "value", "interval", "n"], rows, {2, 3, 4})


def _metric(parent: ET.Element, its: Compared) -> None:
    card = _box(parent, "card" if its.evaluated else "card unknown", "article")
    heading = ET.SubElement(card, "h3")
    _text(heading, "span", title_of(its))
    _text(ET.SubElement(card, "p", {"class": "muted"}), "code", name_of(its))
    found = shown(its, its.total)
    if found.difference:
        _text(card, "p", f"{found.difference} {found.unit}", "difference")
    words = whys(its) if its.whys else [outcome_words(its, its.total)]
    for said in filter(None, words):
        _text(card, "p", said)
    rows = [[label, *side] for label, side in (("old", found.old), ("new", found.new)) if side is not None]
    beside = _box(card, "beside")
    if rows:
        _table(beside, ["", "value", "interval", "n"], rows, {1, 2, 3})
    drawn = picture(its)
    if drawn is not None:
        beside.append(drawn)
    for split in its.splits:
        _text(card, "p", f"By {split.by}", "muted")
        for why in split.whys:
            _text(card, "p", f"not evaluated {'before' if why.side == 'old' else 'after'}: {why.reason}")
        groups = []
        for pair in split.pairs:
            each = shown(its, pair)
            old, new = (side[0] if side else "" for side in (each.old, each.new))
            groups.append([group_words(pair.group), old, new, each.difference, each.n])
        if groups:
            _table(card, [split.by, "old", "new", "difference", "n"], groups, {1, 2, 3, 4})


# --- the verdict ---


def _who(parent: ET.Element, gated: Gated) -> None:
    for refusal in gated.refused:
        _text(_box(parent, "card unknown"), "p", f"{refusal.path}: {refusal.reason}")
    for problem in gated.problems:
        _text(_box(parent, "card unknown"), "p", f"{problem.place}: {problem.message}")
    verdict = gated.verdict
    if verdict is None:
        return
    said = [f"veto of {veto.person}: {veto.origin}" for veto in verdict.vetoes]
    for each in (*said, *verdict.moved, *verdict.faults):
        _text(_box(parent, "card"), "p", each, "missing")
    for demand in verdict.demands:
        _demand(parent, demand)
    if not verdict.demands and not verdict.faults and not verdict.moved:
        _text(parent, "p", "Nothing that is governed changes.")
    _ignored(parent, verdict)


def _demand(parent: ET.Element, demand: Demand) -> None:
    card = _box(parent, "card", "article")
    heading = ET.SubElement(card, "h3")
    _text(heading, "span", demand.finding.change_class, "class")
    field = ".".join(demand.finding.path)
    _text(heading, "span", " ".join(filter(None, (demand.finding.kind, demand.finding.id, field))))
    _text(card, "p", f"needs {verdicts.asks(demand)}")
    if demand.counted:
        counted = ", ".join(f"{member.person} ({member.seat})" for member in demand.counted)
        _text(card, "p", f"counted: {counted}")
    _list(card, [f"not counted: {its.who}: {its.why} ({its.origin})" for its in demand.ignored])
    missing = "; ".join(demand.missing)
    _text(card, "p", "met" if demand.met else f"missing: {missing}", "met" if demand.met else "missing")


def _ignored(parent: ET.Element, verdict: Verdict) -> None:
    _list(parent, [f"ignored: {its.who}, {its.origin}: {its.why}" for its in verdict.ignored])


# --- elements ---


def _text(parent: ET.Element, tag: str, text: str, kind: str | None = None) -> ET.Element:
    found = ET.SubElement(parent, tag, {} if kind is None else {"class": kind})
    found.text = visible(text)
    return found


def _box(parent: ET.Element, kind: str, tag: str = "div") -> ET.Element:
    return ET.SubElement(parent, tag, {"class": kind})


def _list(parent: ET.Element, said: Sequence[str]) -> None:
    if said:
        items = ET.SubElement(parent, "ul", {"class": "muted"})
        for each in said:
            _text(items, "li", each)


def _table(parent: ET.Element, head: Sequence[str], rows: Iterable[Sequence[str]], right: set[int]) -> None:
    found = ET.SubElement(_box(parent, "scroll"), "table")
    line = ET.SubElement(ET.SubElement(found, "thead"), "tr")
    for i, cell in enumerate(head):
        _text(line, "th", cell, "number" if i in right else None).set("scope", "col")
    body = ET.SubElement(found, "tbody")
    for row in rows:
        line = ET.SubElement(body, "tr")
        for i, cell in enumerate(row):
            if i == 0:
                _text(line, "th", cell).set("scope", "row")
            else:
                _text(line, "td", cell, "number" if i in right else None)
