"""Two sides of a metric's life to the class of the step and to what no approval heals: a step that was left out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from cxgov.language.diagnostics import Place
from cxgov.language.model import Document, Metric
from cxgov.meaning.dependencies import Key

_STEPS: Final = frozenset(
    {
        ("draft", "certified"), ("certified", "draft"), ("certified", "deprecated"), ("deprecated", "certified"),
        ("deprecated", "retired"), ("retired", "deprecated"),
    }
)  # fmt: skip
_WAY: Final = "draft, certified, deprecated, retired, removed: one step at a time"
_CLASSES: Final[Mapping[str, str]] = {"certified": "certification", "draft": "removal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a change, whoever approves it: until a day, or for ever where ``until`` is None."""

    kind: str
    id: str
    message: str
    fix: str
    until: date | None = None
    place: Place | None = field(default=None, compare=False)

    def holds(self, today: date) -> bool:
        """Whether it is one on a day."""
        return self.until is None or today < self.until


def class_of_status(new: str) -> str:
    """The class of a metric's step to a status; from a draft back the number is no longer there to be asked for."""
    return _CLASSES.get(new, "retirement")


def faults(
    before: Mapping[Key, Document],
    after: Mapping[Key, Document],
    now: Callable[[Key], Key],
    place: Callable[[Key, tuple[str, ...]], Place | None],
) -> Iterator[Fault]:
    """The metrics that left out a step, in the order of their ids; ``now`` is a document's key on the new side."""
    for key, old in sorted(before.items()):
        if isinstance(old, Metric):
            new = after.get(now(key))
            if new is None:
                yield from _gone(old, place(key, ()))
            elif isinstance(new, Metric):
                yield from _step(old, new, place(now(key), ("status",)))


def _gone(old: Metric, place: Place | None) -> Iterator[Fault]:
    if old.status in {"certified", "deprecated"}:
        message = f"removed while it is {old.status}, without having been retired"
        step = "deprecate" if old.status == "certified" else "retire"
        fix = f"put it back and run `cxgov {step} {old.id}`; a new id is said with `formerly: [{old.id}]`"
        yield Fault(kind="Metric", id=old.id, message=message, fix=fix, place=place)


def _step(old: Metric, new: Metric, place: Place | None) -> Iterator[Fault]:
    if old.status == new.status:
        return
    if (old.status, new.status) not in _STEPS:
        message = f"leaves out a step from {old.status} to {new.status}"
        yield Fault(kind="Metric", id=new.id, message=message, fix=_WAY, place=place)
    if (old.status, new.status) == ("deprecated", "retired") and old.deprecated is not None:
        # The day that users were told; one that the same change writes told nobody.
        sunset = old.deprecated.sunset
        message = f"retired before its sunset, which is {sunset}"
        fix = f"wait until {sunset}, or move the sunset first, in a change of its own"
        yield Fault(kind="Metric", id=new.id, message=message, fix=fix, until=sunset, place=place)
