"""A metric's step towards its end in words: what is written, what must be approved, what still names it."""

from difflib import unified_diff

from cxgov.governance.ending import Ended
from cxgov.language.diagnostics import visible


def as_text(ended: Ended, *, written: bool) -> str:
    """Lines for whoever took the step; where nothing is written, with the lines of the file that would differ."""
    metric, last = ended.metric, ended.metric.deprecated
    assert last is not None
    [step] = [its for its in ended.findings if its.path == ("status",)]
    lines = [f"{step.place}: Metric {metric.id}: {step.old} -> {step.new}"]
    if ended.bump is not None:
        version = ended.bump.new if ended.bump.enough else ended.bump.next
        lines[0] += f", version {ended.bump.old} -> {version}"
    if metric.status == "deprecated":
        lines.append(f"  answers with a warning, until it is retired: on {last.sunset} or later")
    else:
        lines.append("  answers only for periods that were frozen before")
    lines.append(f"  successor: {last.successor or 'none'}")
    approved = sorted({its.change_class for its in ended.findings if its.change_class != "editorial"})
    lines.append(f"  to be approved: {', '.join(approved)}")
    if ended.rules == 0:
        lines.append("  nobody can approve it: no rule of the Council names the class `retirement`")
    if ended.uses:
        held = any(its.holds for its in ended.uses)
        lines.append("named by, and to be retired only when it is not" if held else "named by")
        lines += [f"  {its.place}: {its.kind} {its.id} {its.how} it" for its in ended.uses]
    if not written:
        lines.append("nothing is written; the file would differ by")
        before, after = ended.before.splitlines(), ended.text.splitlines()
        lines += [line.rstrip("\n") for line in unified_diff(before, after, ended.path, ended.path, n=0)]
    return "".join(f"{visible(line)}\n" for line in lines)
