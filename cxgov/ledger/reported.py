"""Reports against the ledger: whether the SQL that they show is what its certificates say."""

from collections.abc import Callable, Iterator

from cxgov.language.diagnostics import Diagnostic
from cxgov.language.model import Registry, Report
from cxgov.language.rules import CERTIFIED_QUERY
from cxgov.ledger.chain import Ledger
from cxgov.ledger.verifying import Answer, Verified, Verifier


def reported(
    registry: Registry, ledger: Ledger, text_of: Callable[[str], bytes | None]
) -> Iterator[tuple[Report, Answer, Diagnostic]]:
    """The statements of reports that are altered, restated since or not to be verified, each with its report.

    ``text_of`` gives a file by its path from the registry's folder.

    Raises:
        Altered: the ledger is not what was written.
    """
    verifier = Verifier(ledger, lambda: registry)
    for _, report in sorted(registry.reports.items()):
        for query in report.queries:
            data = text_of(query.path) if query.metrics else None
            for its in verifier.verify(query.path, data.decode("utf-8", "surrogateescape")) if data is not None else ():
                if its.answer not in {Answer.VALID, Answer.PROVISIONAL, Answer.DRAFT}:
                    message = f"{its.place}: {_said(its)}"
                    yield (
                        report,
                        its.answer,
                        Diagnostic(rule=CERTIFIED_QUERY, message=message, place=query.place, fix=its.fix),
                    )


def _said(its: Verified) -> str:
    why = its.findings[0].message if its.findings else next(iter(its.notes), "")
    return f"{its.answer}{f': {why}' if why else ''}"
