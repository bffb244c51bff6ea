"""A tree of files to a registry and every problem in it."""

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cxgov.language.building import Builder
from cxgov.language.diagnostics import Diagnostic, Place, in_file_order
from cxgov.language.linking import Linker, Written
from cxgov.language.model import Calendar, Metric, Registry, Settings, Source
from cxgov.language.reader import place_of, read
from cxgov.language.rules import DUPLICATE, FILE, REGISTRY, SAME_TITLE
from cxgov.language.shapes import check_shape


@dataclass(slots=True)
class _Tree:
    """Documents by kind and id, as they are read."""

    settings: dict[str, Written[Settings]] = field(default_factory=dict)
    calendars: dict[str, Written[Calendar]] = field(default_factory=dict)
    sources: dict[str, Written[Source]] = field(default_factory=dict)
    metrics: dict[str, Written[Metric]] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def give_up(self, path: str, data: Mapping[str, Any] | None, problems: Iterable[Diagnostic]) -> None:
        """Keep the problems, and the id so that references to it are no second problem."""
        self.problems.extend(problems)
        named = data.get("id") if data else None
        self.broken.add(named if isinstance(named, str) else path.rsplit("/", 1)[-1].removesuffix(".yaml"))


@contextmanager
def _no_collection() -> Iterator[None]:
    # Walking what was just built is half of the time, and none of it is garbage.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def load(tree: Mapping[str, bytes]) -> tuple[Registry | None, tuple[Diagnostic, ...]]:
    """The registry of a tree (path to bytes) and its problems in file order.

    There is no registry where a problem is an error: half a registry would give half an answer.
    """
    with _no_collection():
        read_in = _Tree()
        for path in sorted(tree):
            _read(path, tree[path], read_in)
        linker = Linker(read_in.calendars, read_in.sources, read_in.metrics, read_in.broken)
        for settings in read_in.settings.values():
            linker.settings(settings)
        for source in read_in.sources.values():
            linker.source(source)
        for metric in read_in.metrics.values():
            linker.metric(metric)
        problems = [
            *read_in.problems,
            *linker.problems,
            *_titles(read_in.metrics),
            *_one_registry(tree, read_in),
        ]
        found = in_file_order(problems)
        if any(problem.is_error for problem in found):
            return None, found
        registry = Registry(
            settings=next(iter(read_in.settings.values())).document,
            calendars={name: written.document for name, written in read_in.calendars.items()},
            sources={name: written.document for name, written in read_in.sources.items()},
            metrics={name: written.document for name, written in read_in.metrics.items()},
        )
        return registry, found


def _read(path: str, data: bytes, into: _Tree) -> None:
    if path.endswith(".md"):
        return
    if not path.endswith(".yaml"):
        near = "Rename it to .yaml." if path.endswith(".yml") else ""
        into.problems.append(
            Diagnostic(rule=FILE, message="not a document of the registry", place=Place(path, 1, 1), fix=near)
        )
        return
    document, text, problems = read(path, data)
    problems = problems if document is None else check_shape(path, document)
    if document is None or problems:
        into.give_up(path, document, problems)
        return
    builder = Builder(path, text)
    kept: dict[str, Any]
    built: Any
    match document["kind"]:
        case "Registry":
            kept, built = into.settings, builder.registry(document)
        case "Calendar":
            kept, built = into.calendars, builder.calendar(document)
        case "Source":
            kept, built = into.sources, builder.source(document)
        case _:
            kept, built = into.metrics, builder.metric(document)
    into.problems.extend(builder.problems)
    first = kept.get(document["id"])
    if first is not None:
        message = f"{document['kind']} {document['id']!r} stands already in {first.document.place}"
        into.problems.append(
            Diagnostic(rule=DUPLICATE, message=message, place=place_of(path, document.values_at["id"]))
        )
    elif built is None:
        into.give_up(path, document, ())
    else:
        kept[document["id"]] = Written(built, document, builder)


def _titles(metrics: Mapping[str, Written[Metric]]) -> Iterator[Diagnostic]:
    first: dict[str, Metric] = {}
    for written in metrics.values():
        metric = written.document
        if metric.status != "certified":
            continue
        title = " ".join(metric.title.casefold().split())
        other = first.setdefault(title, metric)
        if other is not metric:
            place = place_of(written.builder.path, written.data.values_at["title"])
            yield Diagnostic(
                rule=SAME_TITLE, message=f"title {metric.title!r} is also that of {other.id!r}", place=place
            )


def _one_registry(tree: Mapping[str, bytes], read_in: _Tree) -> Iterator[Diagnostic]:
    if len(read_in.settings) > 1:
        *_, last = read_in.settings.values()
        yield Diagnostic(
            rule=REGISTRY, message="a second document of kind Registry", place=last.document.place
        )
    broken = any(problem.place.path.endswith("registry.yaml") for problem in read_in.problems)
    if not read_in.settings and not broken:
        # Nothing to point at: the folder itself lacks the document.
        folder = min(tree).rsplit("/", 1)[0] if tree else "."
        yield Diagnostic(
            rule=REGISTRY,
            message="no document of kind Registry",
            place=Place(f"{folder}/registry.yaml", 1, 1),
        )
