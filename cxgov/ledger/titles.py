"""What metrics were called in frozen periods: whoever reads a title takes a number for that of its bearer."""

from collections import defaultdict
from collections.abc import Collection
from functools import cached_property

from cxgov.language.model import folded
from cxgov.ledger.chain import Ledger

# A metric's id and its title as a reader tells it from others, by the name of the object that holds it.
Known = dict[str, tuple[str, str]]


class Titles:
    """The ids that a title had in the periods of a ledger. What is ``known`` of an object is not read again."""

    def __init__(self, ledger: Ledger, known: Known | None = None) -> None:
        self._ledger = ledger
        self._known: Known = {} if known is None else known

    def __call__(self, title: str) -> Collection[str]:
        """The metrics that had a title, folded.

        Raises:
            Altered: the ledger is not what was written.
        """
        return self._bearers.get(title, ())

    @cached_property
    def _bearers(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for entry in self._ledger.entries():
            for named in entry.metrics.values():
                if named.object not in self._known:
                    its = self._ledger.object(named)
                    own = next(each for each in its.documents if (each["kind"], each["id"]) == ("Metric", its.id))
                    self._known[named.object] = its.id, folded(str(own["title"]))
                identity, title = self._known[named.object]
                found[title].add(identity)
        return dict(found)
