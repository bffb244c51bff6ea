"""What was judged on the forge as text, as a page, and as commands of a workflow; every text is escaped."""

from cxgov.forge.judging import Judged
from cxgov.governance.audited import Audited
from cxgov.language.diagnostics import visible
from cxgov.reports import audits, formats, verdicts
from cxgov.reports.markdown import escaped


def as_text(judged: Judged) -> str:
    """The gate's text, the requests that were heard, and what was left out."""
    heard = ", ".join(f"#{its.number}" for its in judged.requests)
    lines = [f"  heard: the reviews of {heard}"]
    lines += [
        f"  left out: approval of {visible(its.who)} on #{its.request}: {visible(its.why)}" for its in judged.left_out
    ]
    return verdicts.as_text(judged.gated) + "".join(f"{line}\n" for line in lines)


def as_markdown(judged: Judged) -> str:
    """The gate's page with the same."""
    heard = ", ".join(f"{its.number}" for its in judged.requests)
    lines = [
        "",
        f"Reviews of {'request' if len(judged.requests) == 1 else 'requests'} {heard}; {judged.gated.head[:12]}.",
    ]
    lines += [
        f"- left out: approval of {escaped(its.who)} on {its.request}: {escaped(its.why)}" for its in judged.left_out
    ]
    return verdicts.as_markdown(judged.gated) + "".join(f"{line}\n" for line in lines)


def as_commands(judged: Judged) -> str:
    """Annotations."""
    return formats.as_github(verdicts.points(judged.gated), "approved")


def audit_text(audited: Audited) -> str:
    """What holds of a push, as text."""
    return audits.as_text(audited)


def audit_markdown(audited: Audited) -> str:
    """The same as a page: each line as it is."""
    return f"### {audits.answer(audited)}\n\n" + "".join(
        f"- {escaped(line)}\n" for line in audits.as_text(audited).splitlines() if line.strip()
    )


def failed_text(reason: str) -> str:
    """That nothing can be said, as text."""
    return "cannot say\n" + "".join(f"  {visible(line)}\n" for line in reason.splitlines())


def failed_markdown(reason: str) -> str:
    """That nothing can be said, as a page."""
    return "### cannot say\n\n" + "".join(f"- {escaped(line)}\n" for line in reason.splitlines())


def failed_commands(reason: str) -> str:
    """That nothing can be said, as an annotation."""
    point = formats.Point(code="gate", title="cannot say", level="error", message=reason, place=None)
    return formats.as_github([point], "")


def quoted(text: str, token: str) -> str:
    """A text in which a workflow's log reads no commands, between two lines that say so; ``token`` is a secret."""
    return f"::stop-commands::{token}\n{text}::{token}::\n"
