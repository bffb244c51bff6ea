"""A tree of files to a registry and every problem in it.

Metrics are read last and each is checked as soon as it is read, so that what was parsed of one is given back before
the next: ten thousand documents need hardly more memory than their models.
"""

import gc
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from itertools import takewhile
from typing import Any, Final, NamedTuple

from cxgov.language.building import Builder
from cxgov.language.council_links import council
from cxgov.language.diagnostics import Diagnostic, Place, in_file_order
from cxgov.language.exclusion_links import exclusion
from cxgov.language.kinds import build
from cxgov.language.linking import D, Linker, Written
from cxgov.language.metric_links import metric
from cxgov.language.model import (
    Calendar,
    Council,
    Derived,
    Document,
    Exclusion,
    Metric,
    Overlay,
    Registry,
    Report,
    ReportQuery,
    Sampling,
    Settings,
    Source,
    Threshold,
)
from cxgov.language.overlay_links import overlay
from cxgov.language.queries import metrics_of_query
from cxgov.language.reader import MAX_BYTES, place_of, read
from cxgov.language.report_links import report, stray
from cxgov.language.rules import COUNCIL, DUPLICATE, FILE, FORMERLY, OVERLAY, REGISTRY, SAME_TITLE
from cxgov.language.sampling_links import sampling
from cxgov.language.shapes import check_shape
from cxgov.language.source_links import settings, source
from cxgov.language.summaries import LOOKS_LIKE_METRIC, Summary, summary
from cxgov.language.threshold_links import threshold

# Folders beside the documents that hold none.
APPROVALS: Final = "approvals"
FROZEN: Final = "frozen"
# The one in which files of SQL may stand beside documents.
REPORTS: Final = "reports"

_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


class Known(NamedTuple):
    """A document that was read, with its summary."""

    document: Document
    summary: Summary


class Loaded(NamedTuple):
    """A registry, none where a problem is an error; all problems in file order; what could be read, by path."""

    registry: Registry | None
    problems: tuple[Diagnostic, ...]
    documents: dict[str, Known]


def load(tree: Mapping[str, bytes], folder: str = "") -> tuple[Registry | None, tuple[Diagnostic, ...]]:
    """The registry of a tree (path to bytes) and its problems in file order; ``folder`` is where all paths begin.

    There is no registry where a problem is an error: half a registry would give half an answer.
    """
    registry, found, _ = load_beside(tree, {}, folder)
    return registry, found


def load_beside(tree: Mapping[str, bytes], known: Mapping[str, Known], folder: str = "") -> Loaded:
    """The same, with documents of the tree, by path, that are known to have no problem and so are not read again.

    What a tree holds once, as ids and titles, is held to that of them too.
    """
    with no_collection():
        loader = _Loader(tree, known, folder)
        loader.load(metrics_last=True)
        if loader.misled:
            loader = _Loader(tree, known, folder)
            loader.load(metrics_last=False)
        problems = in_file_order([*loader.problems, *loader.linker.problems])
        if any(problem.is_error for problem in problems) or loader.linker.settings is None:
            return Loaded(None, problems, loader.found)
        return Loaded(loader.registry(), problems, loader.found)


def query_path(path: str, folder: str) -> str | None:
    """A file of SQL by its path from the registry's folder; None for any other file, or one that stands elsewhere."""
    if not path.endswith(".sql"):
        return None
    here = path.removeprefix("" if folder in {"", "."} else f"{folder}/")
    return here if here.startswith(f"{REPORTS}/") else None


def rebuilt(tree: Mapping[str, bytes]) -> Registry:
    """The registry of documents that were valid together when they were taken out of a larger one.

    Each is held to its shape and not to the others, of which some are not there.

    Raises:
        ValueError: one of them cannot be read.
    """
    loader = _Loader(tree, {})
    for path in sorted(tree):
        written = loader.read(path)
        if written is not None:
            loader.keep_written(written)
    for problem in loader.problems:
        if problem.is_error:
            raise ValueError(str(problem))
    known = loader.linker.settings
    if known is None or known.calendar not in loader.linker.calendars:
        raise ValueError("the registry or its calendar is not among them")
    return loader.registry()


@contextmanager
def no_collection() -> Iterator[None]:
    """Without the collector of cycles: walking what was just built is half of the time, and none of it is garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Loader:
    def __init__(self, tree: Mapping[str, bytes], known: Mapping[str, Known], folder: str = "") -> None:
        self.tree = tree
        self.queries = {its: path for path in tree if (its := query_path(path, folder)) is not None}
        self.sql = set(self.queries.values())
        # Where a claim is written is not in the model, and what a report shows is in other files: both are read again.
        self.known = {
            path: its for path, its in known.items() if not its.summary.claims and its.summary.kind != "Report"
        }
        self.problems: list[Diagnostic] = []
        self.found: dict[str, Known] = {}
        self.linker = Linker()
        self.misled = False
        self.places: dict[tuple[str, str], Place] = {}
        self.titles: dict[str, str] = {}
        self.claiming: list[Written[Any]] = []

    def load(self, *, metrics_last: bool) -> None:
        for path in sorted(self.known):
            its = self.known[path]
            if self.keep(path, its):
                self.title(its, its.document.place)
        paths = sorted(self.tree.keys() - self.known.keys())
        metrics = [path for path in paths if metrics_last and LOOKS_LIKE_METRIC.search(self.tree[path])]
        early = set(metrics)
        first = [written for path in paths if path not in early if (written := self.read(path)) is not None]
        for written in first:
            self.keep_written(written)
        waiting = list(first)
        for path in metrics:
            late = self.read(path)
            if late is not None:
                # What comes late and is no metric was missing when the metrics before it were checked.
                self.misled = self.misled or not isinstance(late.document, Metric)
                self.keep_written(late)
                if self.waits(late):
                    waiting.append(late)
                else:
                    metric(self.linker, late)
        for written in waiting:
            self.link(written)
        self.claimed_once()
        self.one_registry()
        if not self.linker.broken:
            # What could not be read may have named them.
            stray(self.linker, self.queries.items())

    def registry(self) -> Registry:
        assert self.linker.settings is not None
        return Registry(
            settings=self.linker.settings,
            calendars=_by_path(self.linker.calendars),
            sources=_by_path(self.linker.sources),
            metrics=_by_path(self.linker.metrics),
            samplings=_by_path(self.linker.samplings),
            thresholds=_by_path(self.linker.thresholds),
            exclusions=_by_path(self.linker.exclusions),
            overlays=_by_path(self.linker.overlays),
            reports=_by_path(self.linker.reports),
            council=self.linker.council,
        )

    def waits(self, written: Written[Any]) -> bool:
        """Whether a document can be checked only when all are read: it may refer to what is still to come."""
        document = written.document
        if not isinstance(document, Metric) or isinstance(document.measure, Derived) or document.deprecated:
            return True
        if document.sampling is not None and document.sampling not in self.linker.samplings:
            return True
        return document.source not in self.linker.sources

    def link(self, written: Written[Any]) -> None:
        match written.document:
            case Settings():
                settings(self.linker, written)
            case Source():
                source(self.linker, written)
            case Metric():
                metric(self.linker, written)
            case Sampling():
                sampling(self.linker, written)
            case Threshold():
                threshold(self.linker, written)
            case Exclusion():
                exclusion(self.linker, written)
            case Overlay():
                overlay(self.linker, written)
            case Report():
                report(self.linker, written, self.queries)
            case Council():
                council(self.linker, written)

    def read(self, path: str) -> Written[Any] | None:
        """One document, built; None after a problem that leaves nothing to check further."""
        if path.endswith(".md"):
            return None
        if path in self.sql:
            if len(self.tree[path]) > MAX_BYTES:
                message = f"a query of more than {MAX_BYTES // 1024} KiB"
                self.problems.append(Diagnostic(rule=FILE, message=message, place=Place(path, 1, 1)))
            return None
        if not path.endswith(".yaml"):
            fix = "Rename it to .yaml." if path.endswith(".yml") else ""
            message = "not a document of the registry"
            self.problems.append(Diagnostic(rule=FILE, message=message, place=Place(path, 1, 1), fix=fix))
            return None
        data, text, problems = read(path, self.tree[path])
        if data is not None:
            problems = check_shape(path, data)
        if data is None or problems:
            self.problems.extend(problems)
            self.give_up(path, data)
            return None
        builder = Builder(path, text)
        document = build(builder, data)
        self.problems.extend(builder.problems)
        if document is None:
            self.give_up(path, data)
            return None
        if isinstance(document, Report):
            document = replace(document, queries=tuple(map(self.with_file, document.queries)))
        return Written(document, data, builder)

    def with_file(self, query: ReportQuery) -> ReportQuery:
        """A report's query with what its file holds."""
        path = self.queries.get(query.path)
        if path is None:
            return query
        metrics = metrics_of_query(self.tree[path].decode("utf-8", "replace"))
        return replace(query, digest=sha256(self.tree[path]).hexdigest(), metrics=tuple(sorted(metrics)))

    def give_up(self, path: str, data: Mapping[str, Any] | None) -> None:
        """Remembers the id, so that a reference to it is no second problem."""
        named = data.get("id") if data else None
        if not isinstance(named, str) or not _ID.fullmatch(named):
            named = path.rsplit("/", 1)[-1].removesuffix(".yaml")
        self.linker.broken.add(named)

    def keep_written(self, written: Written[Any]) -> None:
        its = Known(written.document, summary(written.data["kind"], written.document))
        if self.keep(written.builder.path, its):
            self.title(its, place_of(written.builder.path, written.data.values_at["title"]))
            if its.summary.claims:
                self.claiming.append(written)

    def keep(self, path: str, known: Known) -> bool:
        """Takes a document into the registry, unless its identity is taken."""
        document, its = known
        place = document.place
        first = self.places.setdefault((its.kind, its.id), place)
        if first is not place:
            message = f"{its.kind} {document.id!r} stands already in {first}"
            self.problems.append(Diagnostic(rule=DUPLICATE, message=message, place=place))
            return False
        match document:
            case Metric():
                self.linker.metrics[document.id] = document
            case Settings():
                self.second_registry(document)
            case Calendar():
                self.linker.calendars[document.id] = document
            case Source():
                self.linker.add_source(document)
            case Sampling():
                self.linker.samplings[document.id] = document
            case Threshold():
                self.linker.thresholds[document.id] = document
            case Exclusion():
                self.linker.exclusions[document.id] = document
            case Overlay():
                self.linker.overlays[document.id] = document
            case Report():
                self.linker.reports[document.id] = document
            case Council():
                self.second_council(document)
        self.found[path] = known
        return True

    def second_registry(self, document: Settings) -> None:
        if self.linker.settings is None:
            self.linker.settings = document
        else:
            message = f"a second document of kind Registry; the first is {self.linker.settings.place}"
            self.problems.append(Diagnostic(rule=REGISTRY, message=message, place=document.place))

    def second_council(self, document: Council) -> None:
        if self.linker.council is None:
            self.linker.council = document
        else:
            message = f"a second document of kind Council; the first is {self.linker.council.place}"
            fix = "Keep one of them: two policies would leave open which one decides."
            self.problems.append(Diagnostic(rule=COUNCIL, message=message, place=document.place, fix=fix))

    def claimed_once(self) -> None:
        """Refuses an old id that is still one or was another document's, and a threshold of two overlays."""
        old: dict[tuple[str, str], Place] = {}
        judged: dict[str, str] = {}
        for written in sorted(self.claiming, key=lambda written: written.builder.path):
            document, data, path = written.document, written.data, written.builder.path
            for i, identity in enumerate(document.formerly):
                place = place_of(path, data["formerly"].items_at[i])
                now = self.places.get((data["kind"], identity))
                first = old.setdefault((data["kind"], identity), place)
                if now is not None or first is not place:
                    said = f"is the id of {now}" if now is not None else f"is claimed in {first} too"
                    message = f"old id {identity!r} {said}"
                    self.problems.append(Diagnostic(rule=FORMERLY, message=message, place=place))
            for i, identity in enumerate(document.thresholds if isinstance(document, Overlay) else ()):
                other = judged.setdefault(identity, document.id)
                if other != document.id:
                    place = place_of(path, data["thresholds"].items_at[i])
                    message = f"{identity!r} is judged under {other!r} already"
                    fix = "Write a threshold of its own: each is judged once."
                    self.problems.append(Diagnostic(rule=OVERLAY, message=message, place=place, fix=fix))

    def title(self, known: Known, place: Place) -> None:
        document, its = known
        if not isinstance(document, Metric) or not document.answers:
            return
        other = self.titles.setdefault(its.title, its.id)
        if other != its.id:
            message = f"title {document.title!r} is also that of {other!r}"
            self.problems.append(Diagnostic(rule=SAME_TITLE, message=message, place=place))

    def one_registry(self) -> None:
        broken = any(f"/{problem.place.path}".endswith("/registry.yaml") for problem in self.problems)
        if self.linker.settings is None and not broken:
            # Nothing to point at: the folder that holds all documents lacks this one.
            folders = [path.split("/")[:-1] for path in self.tree] or [[]]
            shared = [
                a for a, b in takewhile(lambda pair: pair[0] == pair[1], zip(min(folders), max(folders), strict=False))
            ]
            message = "the registry has no document of kind Registry"
            place = Place("/".join([*shared, "registry.yaml"]), 1, 1)
            self.problems.append(Diagnostic(rule=REGISTRY, message=message, place=place))


def _by_path(documents: Mapping[str, D]) -> dict[str, D]:
    """In the order of their files, whatever was read first."""
    return {its.id: its for its in sorted(documents.values(), key=lambda its: its.place)}
