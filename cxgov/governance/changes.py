"""Two registries to the changes between them: what moved, of which class, where, and what it reaches.

Documents are compared by kind and id, never by file. One edit is one finding; what it reaches is listed under it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cxgov.governance.differences import FieldPath, differences, mark_of, said
from cxgov.governance.directions import direction
from cxgov.governance.findings import Finding, Reach
from cxgov.governance.lifecycle import Fault, class_of_status, faults
from cxgov.governance.renames import renames, with_new_names
from cxgov.governance.versions import Bump, bump
from cxgov.language.diagnostics import Place
from cxgov.language.model import Document, Metric, Registry, Report, ReportQuery
from cxgov.language.reader import Map, place_of, read
from cxgov.language.report_links import certified
from cxgov.meaning.classes import How, class_of
from cxgov.meaning.dependencies import Key, Reaching, overlaid
from cxgov.meaning.digests import Closures
from cxgov.meaning.documents import Plain, documents, plain

# The class of a whole document that comes; and of one that goes, where that is another.
_ADDED: Final[Mapping[str, str]] = {
    "Registry": "policy",
    "Calendar": "calendar",
    "Source": "source",
    "Metric": "certification",
    "Sampling": "sampling",
    "Threshold": "threshold_tightened",
    "Exclusion": "exclusion",
    "Overlay": "overlay",
    "Report": "additive",
    "Council": "policy",
}
_REMOVED: Final[Mapping[str, str]] = {
    **_ADDED,
    **dict.fromkeys(("Calendar", "Source", "Metric", "Sampling", "Report"), "removal"),
    "Threshold": "threshold_loosened",
}
_MOVES_NOTHING: Final = frozenset({"editorial", "ownership", "additive"})
# What of the Registry moves no number.
_STILL: Final = frozenset({"dialects", "exclusions", "repository", "ref"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A metric whose meaning differs, by itself or under an overlay: its clo1 on both sides, None where it is not."""

    id: str
    overlay: str | None = None
    old: str | None
    new: str | None

    @property
    def name(self) -> str:
        """``metric@overlay``, or the metric alone."""
        return self.id if self.overlay is None else f"{self.id}@{self.overlay}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SinceFrozen:
    """The metrics that mean other than they did in the last frozen period, or are on one of both sides only."""

    period: str
    moved: tuple[Moved, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything between two registries: findings in file order, versions, and the metrics whose meaning moved.

    ``faults`` are what no approval heals. ``since_frozen`` is the difference from the last frozen period, where there
    is one.
    """

    findings: tuple[Finding, ...]
    bumps: tuple[Bump, ...]
    moved: tuple[Moved, ...]
    faults: tuple[Fault, ...] = ()
    since_frozen: SinceFrozen | None = None

    @property
    def meaning_moved(self) -> tuple[str, ...]:
        """The metrics of which a number can be another than it was; of the other ones there is only more to ask."""
        telling = [its for its in self.findings if its.change_class not in _MOVES_NOTHING]
        reached = {its.id for its in telling if its.kind == "Metric"}
        reached = reached.union(*(its.reach.metrics for its in telling))
        return tuple(its.name for its in self.moved if its.id in reached)

    @property
    def quiet(self) -> bool:
        """Whether nothing above ``editorial`` changed."""
        return all(finding.change_class == "editorial" for finding in self.findings)


@dataclass(frozen=True)
class Side:
    """A registry with the files that it was read from, by which places are found; and what is worked out of it once."""

    registry: Registry
    tree: Mapping[str, bytes]

    @cached_property
    def documents(self) -> dict[Key, Document]:
        """Every document by kind and id."""
        return documents(self.registry)

    @cached_property
    def titles(self) -> dict[str, str]:
        """What each metric is called that is no draft, as a reader tells it from others; by id."""
        return {its.id: its.folded_title for its in self.registry.metrics.values() if its.status != "draft"}

    @cached_property
    def reaching(self) -> Reaching:
        """Which metrics its documents can move."""
        return Reaching(self.registry)

    @cached_property
    def closures(self) -> Closures:
        """The clo1 of every document."""
        return Closures(self.registry)

    def bytes_of(self, document: Document) -> bytes | None:
        """The bytes of the file in which a document stands."""
        return self.tree.get(document.place.path)


def unlike(old: Side, new: Side) -> set[Key]:
    """The documents that stand on one side only, or whose bytes or queries differ: all others are the same on both."""
    before, after = old.documents, new.documents
    # What was read once for both sides is one object.
    others = [(key, its, other) for key, its in before.items() if (other := after.get(key)) is not its]
    return after.keys() - before.keys() | {
        key
        for key, its, other in others
        if other is None
        or (text := old.bytes_of(its)) is None
        or text != new.bytes_of(other)
        or _files(its) != _files(other)
    }


def _files(document: Document) -> tuple[ReportQuery, ...]:
    """What a document holds that stands in files beside its own."""
    return document.queries if isinstance(document, Report) else ()


# The metrics that had a title, folded, in a period that is frozen.
Past = Callable[[str], Collection[str]]


def nobody(_title: str) -> Collection[str]:
    """The past where nothing is frozen."""
    return ()


def compare(old: Side, new: Side, past: Past = nobody) -> Comparison:
    """The changes from one side to the other."""
    return _Comparing(old, new, past).comparison()


def retitled(old: Side, new: Side, past: Past) -> frozenset[str]:
    """The metrics that are called what another one was in a frozen period, and were not called so before."""
    found = set()
    for identity, title in new.titles.items() - old.titles.items():
        own = {identity, *new.registry.metrics[identity].formerly}
        if title not in map(old.titles.get, own) and not own.issuperset(past(title)):
            found.add(identity)
    return frozenset(found)


class _Comparing:
    def __init__(self, old: Side, new: Side, past: Past) -> None:
        self.retitled = retitled(old, new, past)
        self.old = old
        self.new = new
        self.before, self.after = old.documents, new.documents
        self.renamed = renames(self.before, self.after)
        self.back = {after: before for before, after in self.renamed.items()}
        self.touched = {self.now(key) for key in unlike(old, new)}
        self.overlaid = [*overlaid(old.registry), *overlaid(new.registry)]
        self.maps: dict[tuple[int, str], Map | None] = {}

    def comparison(self) -> Comparison:
        findings: list[Finding] = []
        bumps: list[Bump] = []
        edited: dict[Key, Document] = {}
        for key in sorted(self.touched):
            was = self.back.get(key, key)
            found = list(self.document(was, key))
            findings += found
            old, new = self.before.get(was), self.after.get(key)
            if old is not None:
                edited[was] = old
            if old is not None and new is not None and (found or old.version != new.version):
                needed = bump(old, new, found, self.place(key, ("version",)))
                bumps += [needed] if needed is not None else []
        return Comparison(
            findings=tuple(sorted(findings, key=_order)),
            bumps=tuple(bumps),
            moved=self.moved(),
            faults=(*faults(edited, self.after, self.now, self.place), *self.uncertified()),
        )

    def uncertified(self) -> Iterator[Fault]:
        """The queries of reports that are wrong by their certificates, and were not on the old side."""
        known = {(its.id, problem.message) for its, problem in certified(self.old.registry)}
        for its, problem in certified(self.new.registry):
            if problem.is_error and (its.id, problem.message) not in known:
                fix = problem.fix or problem.rule.fix
                yield Fault(kind="Report", id=its.id, message=problem.message, fix=fix, place=problem.place)

    def now(self, key: Key) -> Key:
        """A document's key on the new side, by that on the old one."""
        return self.renamed.get(key, key)

    def governed(self, key: Key) -> bool:
        """Whether something certified rests on a document; what was governed under its old name is so under the new."""
        was = self.back.get(key, key)
        return self.old.reaching.governed(was) or self.new.reaching.governed(key)

    def reached(self, key: Key) -> set[str]:
        """The metrics whose numbers a document can move on either side, by their names on the new one."""
        before = self.old.reaching.of(self.back.get(key, key))
        return {*(self.now(("Metric", its))[1] for its in before), *self.new.reaching.of(key)}

    @cached_property
    def titles(self) -> dict[str, str]:
        """The metric that had a title and was no draft."""
        return {title: identity for identity, title in self.old.titles.items()}

    @cached_property
    def showing(self) -> dict[str, set[str]]:
        """The metrics that a report shows on either side."""
        reports = {self.now(key) for side in (self.old, self.new) for key in side.documents if key[0] == "Report"}
        return {key[1]: self.reached(key) for key in reports}

    def moved(self) -> tuple[Moved, ...]:
        before, after = self.meanings(self.old), self.meanings(self.new)
        keys = sorted({*before, *after}, key=lambda key: (key[0], key[1] or ""))
        return tuple(
            Moved(id=metric, overlay=overlay, old=old, new=new)
            for metric, overlay in keys
            if (old := before.get((metric, overlay))) != (new := after.get((metric, overlay)))
        )

    def meanings(self, side: Side) -> dict[tuple[str, str | None], str]:
        """The clo1 of metrics, also under each overlay that narrows them; by the names of the new side.

        Of those that no file reaches whose bytes differ it is not asked: nothing that it is made of does.
        """
        found: dict[tuple[str, str | None], str] = {}
        before = {} if side is self.new else self.back
        names = {before.get(("Metric", its), ("Metric", its))[1]: its for its in self.near}
        for identity in names.keys() & side.registry.metrics.keys():
            found[names[identity], None] = side.closures.clo1(side.registry.metrics[identity])
        for metric, overlay in overlaid(side.registry):
            if metric.id in names:
                found[names[metric.id], self.now(("Overlay", overlay.id))[1]] = side.closures.under(metric, overlay)
        return found

    @cached_property
    def near(self) -> set[str]:
        """The metrics that a file reaches whose bytes differ, by their names on the new side."""
        return {key[1] for key in self.touched if key[0] == "Metric"}.union(*map(self.reached, self.touched))

    def document(self, was: Key, key: Key) -> Iterator[Finding]:
        old, new = self.before.get(was), self.after.get(key)
        if old is None and new is not None:
            yield self.whole(key, "added", _ADDED[key[0]], new)
            yield from self.anothers_title(was, key, new)
            return
        if new is None and old is not None:
            yield self.whole(key, "removed", _REMOVED[key[0]], old)
            return
        assert old is not None
        assert new is not None
        if was != key:
            its = self.class_of(key, ("formerly",), "added", (None, None), new)
            yield self.finding(key, (), "renamed", its, was[1], key[1])
        if isinstance(old, Report) and isinstance(new, Report):
            yield from self.files(key, old, new)
        left, right = with_new_names(plain(old), self.renamed), plain(new)
        if was != key:
            # The rename is told; what else `formerly` says or said no more is an edit of its own.
            left |= {"id": key[1], "formerly": sorted({*left.get("formerly", ()), was[1]})}
        edits = list(differences(key[0], left, right))
        others = [edit for edit in edits if edit[0] != ("version",)]
        # A version goes with what it is the version of; alone it is an edit too.
        for path, before, after in others or edits:
            how: How = "added" if before is None else "removed" if after is None else "changed"
            its = self.class_of(key, path, how, (before, after), new)
            yield self.finding(key, path, how, its, said(before), said(after))
        if not any(path == ("title",) for path, _, _ in edits):
            yield from self.anothers_title(was, key, new)

    def anothers_title(self, was: Key, key: Key, document: Document) -> Iterator[Finding]:
        """The finding for a metric that is certified under a title which another one had, though it is no edit."""
        if isinstance(document, Metric) and document.status == "certified":
            other = self.titles.get(document.folded_title)
            if document.id in self.retitled or (other is not None and other not in {was[1], key[1]}):
                yield self.finding(key, ("title",), "added", "formula", None, said(document.title))

    def files(self, key: Key, old: Report, new: Report) -> Iterator[Finding]:
        """The queries that a report shows before and after, of which the files differ."""
        before = {query.path: query.digest for query in old.queries}
        for query in new.queries:
            was = before.get(query.path)
            if was is not None and query.digest is not None and was != query.digest:
                path = ("queries", query.path)
                its = self.class_of(key, path, "changed", (was, query.digest), new)
                yield self.finding(key, path, "changed", its, f"sha256:{was[:12]}", f"sha256:{query.digest[:12]}")

    def class_of(self, key: Key, path: FieldPath, how: How, values: tuple[Plain, Plain], document: Document) -> str:
        found = class_of(key[0], path, how)
        if found == "threshold":
            found = direction((self.old.registry, self.new.registry), document, path, *values)
        if path == ("status",):
            found = class_of_status(values[1])
        if path == ("title",) and isinstance(document, Metric):
            other = self.titles.get(document.folded_title)
            if document.id in self.retitled or (other is not None and other != document.id):
                return "formula"
        return found if found == "editorial" or self.governed(key) else "draft"

    def whole(self, key: Key, how: str, change_class: str, document: Document) -> Finding:
        its = change_class if self.governed(key) else "draft"
        title = said(document.title)
        return self.finding(key, (), how, its, title if how == "removed" else None, title if how == "added" else None)

    def finding(  # noqa: PLR0917  # the fields of a finding, in their order
        self, key: Key, path: FieldPath, how: str, change_class: str, old: str | None, new: str | None
    ) -> Finding:
        return Finding(
            kind=key[0],
            id=key[1],
            path=path,
            how=how,
            change_class=change_class,
            old=old,
            new=new,
            reach=self.reach(key, path, change_class),
            place=self.place(key, path),
        )

    def reach(self, key: Key, path: FieldPath, change_class: str) -> Reach:
        """What an edit of a document moves; what only adds moves nothing that was there."""
        still = key[0] == "Registry" and _STILL.intersection(path[:1])
        if still or key[0] == "Report" or change_class in _MOVES_NOTHING:
            return Reach()
        metrics = self.reached(key)
        sides = (self.old.registry, self.new.registry)
        if key[0] == "Threshold":
            overlays = {its.id for side in sides for its in side.overlays.values() if key[1] in its.thresholds}
            return Reach(judged=tuple(sorted(metrics)), overlays=tuple(sorted(overlays)))
        if key[0] == "Overlay":
            narrowing = [side.overlays[key[1]] for side in sides if key[1] in side.overlays]
            judging = {its for overlay in narrowing for its in overlay.thresholds}
            return Reach(
                metrics=tuple(sorted(metrics)), thresholds=tuple(sorted(judging)), reports=self.shown_in(metrics)
            )
        judging = {its.id for side in sides for its in side.thresholds.values() if its.metric in metrics}
        return Reach(
            metrics=tuple(sorted(metrics - ({key[1]} if key[0] == "Metric" else set()))),
            thresholds=tuple(sorted(judging)),
            overlays=tuple(sorted({overlay.id for metric, overlay in self.overlaid if metric.id in metrics})),
            reports=self.shown_in(metrics),
        )

    def shown_in(self, metrics: set[str]) -> tuple[str, ...]:
        """The reports that show one of some metrics."""
        return tuple(sorted(its for its, shows in self.showing.items() if shows & metrics))

    # --- places ---

    def place(self, key: Key, path: FieldPath) -> Place | None:
        """Where the edited value is written: on the new side, or on the old one where it went."""
        was = self.back.get(key, key)
        for side, document in ((self.new, self.after.get(key)), (self.old, self.before.get(was))):
            if document is None:
                continue
            data = self.map(side, document.place.path)
            if data is None:
                return document.place
            at = mark_of(data, path)
            if at is not None or side is self.old:
                return place_of(document.place.path, at) if at is not None else document.place
        return self.after[key].place if key in self.after else None

    def map(self, side: Side, path: str) -> Map | None:
        known = (id(side), path)
        if known not in self.maps:
            text = side.tree.get(path)
            self.maps[known] = read(path, text)[0] if text is not None else None
        return self.maps[known]


def _order(finding: Finding) -> tuple[str, int, int, str, FieldPath]:
    place = finding.place or Place("", 0, 0)
    return (place.path, place.line, place.column, finding.id, finding.path)
