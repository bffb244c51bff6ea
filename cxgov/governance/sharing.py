"""Trees to registries, one after another: a document that stands in several is read and checked once.

What the problems of a document can depend on is in the summaries of those that it refers to. Where all of that is as
it was when the document was sound, it is sound again; where it turns out not to be, all is read. What is no valid
registry is read in one piece, so that every message is made in one place.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cxgov.governance.processes import in_parts, parts_of
from cxgov.language.diagnostics import Diagnostic
from cxgov.language.loading import Known, Loaded, load, load_beside, no_collection
from cxgov.language.model import Document, Registry
from cxgov.language.summaries import Summary, closures, in_order

# Models take a while to send, so that the part that is not sent is larger by about as much.
_OWN: Final = 1.05
# Of what the trees before held so many times a tree is kept.
_MOST: Final = 4


class _Sound(NamedTuple):
    """A document without a problem, and all that its problems depend on, as it was when that was found."""

    known: Known
    closure: str


# As a process sends it to another: of its summary the fields, as tuples are sent in an eighth of the time.
_Sent = tuple[str, Document, tuple[str, str, tuple[str, ...], str, tuple[str, ...]], str]


class Shared:
    """Loads trees whose paths all begin in one folder, and keeps the documents of every valid registry among them."""

    def __init__(self, folder: str = "") -> None:
        self.folder = folder
        # A short name for each path with its bytes, and the documents by it.
        self._names: dict[tuple[str, bytes], str] = {}
        self._sound: dict[str, _Sound] = {}

    def load(self, tree: Mapping[str, bytes]) -> tuple[Registry | None, tuple[Diagnostic, ...]]:
        """The registry of a tree and its problems, as ``load`` gives them."""
        with no_collection():
            keys = {its[0]: self._names.setdefault(its, str(len(self._names))) for its in tree.items()}
            sound = self._still_sound(keys)
            sound |= self._read_in_parts(tree, keys, sound)
            found = load_beside(tree, {path: its.known for path, its in sound.items()}, self.folder)
            if found.registry is None:
                return load(tree, self.folder)
            now = closures({keys[path]: its.summary for path, its in found.documents.items()})
            # What was found sound beside other documents than it has here is not known to be.
            if any(now.get(keys[path]) != its.closure for path, its in sound.items()):
                return load(tree, self.folder)
            self._keep(keys, found, now, sound)
            return found.registry, found.problems

    def _still_sound(self, keys: Mapping[str, str]) -> dict[str, _Sound]:
        held = {key: self._sound[key] for key in keys.values() if key in self._sound}
        now = closures({key: its.known.summary for key, its in held.items()})
        return {path: held[key] for path, key in keys.items() if key in held and now[key] == held[key].closure}

    def _keep(
        self, keys: Mapping[str, str], found: Loaded, now: Mapping[str, str], sound: Mapping[str, _Sound]
    ) -> None:
        wrong = {problem.place.path for problem in found.problems}
        read = {
            path: _Sound(its, now[keys[path]])
            for path, its in found.documents.items()
            # What a report shows stands in files beside it.
            if path not in sound and its.summary.kind != "Report"
        }
        self._sound |= {keys[path]: its for path, its in {**sound, **read}.items() if path not in wrong}
        if len(self._sound) > _MOST * len(keys):
            self._sound = {key: self._sound[key] for key in keys.values() if key in self._sound}

    def _read_in_parts(
        self, tree: Mapping[str, bytes], keys: Mapping[str, str], sound: Mapping[str, _Sound]
    ) -> dict[str, _Sound]:
        """The metrics that have no problem, where there are so many that several processes are sooner done with them.

        Each process sees a part of the tree, and says with every document beside what it was sound.
        """
        base, metrics, _ = in_order({path: data for path, data in tree.items() if path not in sound})
        if parts_of(metrics) == 1:
            return {}
        beside = {path: its.known for path, its in sound.items() if its.known.summary.kind != "Metric"}

        def read(part: Sequence[str]) -> list[_Sent]:
            found = load_beside({path: tree[path] for path in (*beside, *base, *part)}, beside, self.folder)
            wrong = {problem.place.path for problem in found.problems}
            now = closures({keys[path]: its.summary for path, its in found.documents.items()})
            return [
                (path, document, (its.kind, its.id, its.refs, its.title, its.claims), now[keys[path]])
                for path in part
                if path in found.documents and path not in wrong
                for document, its in [found.documents[path]]
                if its.kind != "Report"
            ]

        return {
            path: _Sound(Known(document, Summary(*fields)), closure)
            for sent in in_parts(read, metrics, own=_OWN)
            for path, document, fields, closure in sent or ()
        }
