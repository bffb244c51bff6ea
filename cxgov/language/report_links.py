"""Reports against the files of SQL that they name, and those against the metrics that their certificates name."""

from collections.abc import Iterable, Iterator

from cxgov.language.diagnostics import Diagnostic, Place, Rule, listed, nearest
from cxgov.language.lifecycle import instead
from cxgov.language.linking import Linker, Written
from cxgov.language.model import Registry, Report, ReportQuery
from cxgov.language.queries import shown
from cxgov.language.rules import CERTIFIED_QUERY, DEPRECATED, REFERENCE, STRAY_QUERY


def report(linker: Linker, written: Written[Report], files: Iterable[str]) -> None:
    """Holds a report to the files that there are, by their paths from the registry's folder."""
    known = sorted(files)
    for i, query in enumerate(written.document.queries):
        if query.digest is None:
            at = written.data["queries"].items_at[i]
            message = f"file {query.path!r} does not exist{nearest(query.path, known)}"
            linker.refuse(REFERENCE, written, at, message, f"Files of SQL: {listed(known)}.")


def stray(linker: Linker, files: Iterable[tuple[str, str]]) -> None:
    """Tells of the files that no report names; a file is its path in the folder and the one that messages show."""
    named = {query.path for report in linker.reports.values() for query in report.queries}
    for path, shown_as in files:
        if path not in named:
            place = Place(shown_as, 1, 1)
            linker.problems.append(Diagnostic(rule=STRAY_QUERY, message="no report shows this query", place=place))


def certified(registry: Registry) -> Iterator[tuple[Report, Diagnostic]]:
    """What is wrong with the queries of reports by their certificates, each problem with its report."""
    for _, its in sorted(registry.reports.items()):
        metrics = shown(registry, its)
        for query in its.queries:
            if not query.metrics:
                yield its, _problem(CERTIFIED_QUERY, query, f"{query.path} has no certificate")
            for identity in query.metrics:
                metric = metrics[identity]
                if metric is None:
                    near = nearest(identity, registry.metrics)
                    message = f"{query.path} shows {identity!r}, and there is no such metric{near}"
                    yield its, _problem(CERTIFIED_QUERY, query, message)
                elif not metric.answers:
                    what = "a draft" if metric.status == "draft" else "retired"
                    fix = f"{instead(registry.metrics, metric).capitalize()}." if metric.status == "retired" else ""
                    yield (
                        its,
                        _problem(CERTIFIED_QUERY, query, f"{query.path} shows {identity!r}, which is {what}", fix),
                    )
                elif metric.status == "deprecated":
                    fix = f"{instead(registry.metrics, metric).capitalize()}."
                    message = f"{query.path} shows {identity!r}, which is deprecated"
                    yield its, _problem(DEPRECATED, query, message, fix)


def _problem(rule: Rule, query: ReportQuery, message: str, fix: str = "") -> Diagnostic:
    return Diagnostic(rule=rule, message=message, place=query.place, fix=fix)
