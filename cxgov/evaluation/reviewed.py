"""What a review says: the gate's answer, and a metric's value on both sides of a change or why there is none."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from cxgov.compiler.periods import Period
from cxgov.governance.gate import Gated
from cxgov.language.model import Metric

Side = Literal["old", "new"]
# `hidden`: too few rows on one side. `apart`: the two cannot be subtracted, as one has no value or another unit.
Outcome = Literal["moved", "same", "new", "removed", "hidden", "apart", "not_evaluated"]
# Two sums of the same doubles in another order differ in their last digits.
_NEAR: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A metric's value on one side; of a suppressed one all but the status is None.

    ``status`` is ``ok``, ``suppressed`` or ``no_data``.
    """

    value: float | None
    n: int | None
    status: str
    low: float | None = None
    high: float | None = None

    @property
    def has_rows(self) -> bool:
        """Whether any row counts."""
        return self.status == "suppressed" or bool(self.n)


NO_ROWS = Number(value=None, n=0, status="no_data")
HIDDEN = Number(value=None, n=None, status="suppressed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A number before and after, of all rows or of those of one ``group``; None where there is no metric."""

    group: Any = None
    old: Number | None
    new: Number | None


@dataclass(frozen=True, slots=True)
class Why:
    """Why a side has no number."""

    side: Side
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The numbers by one dimension; no pairs where ``whys`` says why."""

    by: str
    pairs: tuple[Pair, ...] = ()
    whys: tuple[Why, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A metric whose meaning moved, by itself or under an overlay, with its numbers.

    ``old`` and ``new`` are the metric as either side has it. ``close``: the new number is hidden because the two rest
    on so nearly the same rows that what a few persons said could be told from them.
    """

    id: str
    overlay: str | None
    old: Metric | None
    new: Metric | None
    total: Pair
    whys: tuple[Why, ...] = ()
    close: bool = False
    splits: tuple[Split, ...] = ()

    @property
    def metric(self) -> Metric:
        """As it is proposed, or as it was."""
        found = self.new or self.old
        assert found is not None
        return found

    @property
    def empty(self) -> bool:
        """Whether nothing was counted on any side, so that nothing is known of the change."""
        return not self.whys and self._empty(self.total)

    @property
    def evaluated(self) -> bool:
        """Whether its numbers say what the change does, be it nothing."""
        return not self.whys and not self.empty and not any(split.whys for split in self.splits)

    @property
    def outcome(self) -> Outcome:
        """What became of the number."""
        return "not_evaluated" if self.whys else self.outcome_of(self.total)

    def outcome_of(self, pair: Pair) -> Outcome:
        """What became of one of the numbers."""
        old, new = pair.old, pair.new
        if self._empty(pair):
            return "not_evaluated"
        if old is None or new is None:
            return "new" if old is None else "removed"
        if "suppressed" in {old.status, new.status}:
            return "hidden"
        if old.value is None or new.value is None or self.units_differ:
            return "apart"
        near = old.value == new.value or math.isclose(old.value, new.value, rel_tol=_NEAR, abs_tol=1e-12)
        return "same" if near else "moved"

    def difference(self, pair: Pair) -> float | None:
        """New less old; None unless both are shown, in one unit."""
        if self.outcome_of(pair) not in {"moved", "same"}:
            return None
        assert pair.old is not None
        assert pair.new is not None
        assert pair.old.value is not None
        assert pair.new.value is not None
        return 0.0 if self.outcome_of(pair) == "same" else pair.new.value - pair.old.value

    @property
    def units_differ(self) -> bool:
        """Whether the two sides measure in different units."""
        return self.old is not None and self.new is not None and self.old.unit != self.new.unit

    @staticmethod
    def _empty(pair: Pair) -> bool:
        sides = [side for side in (pair.old, pair.new) if side is not None]
        hidden = any(side.status == "suppressed" for side in sides)
        return not hidden and (not any(side.has_rows for side in sides) or all(side.value is None for side in sides))


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The numbers of a review: of one period, on one connection, as of one instant for both sides.

    ``old_period`` and ``new_period`` are what its name means by either calendar. ``closes`` is the instant as of which
    the proposed calendar would take the number, where that is another one. ``drafts`` are drafts that moved and that
    nobody asked for. ``early``: rows may still arrive.
    """

    connection: str | None
    old_period: Period
    new_period: Period
    as_of: datetime
    closes: datetime | None
    early: bool
    confidences: tuple[float, float]
    compared: tuple[Compared, ...]
    drafts: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether there is a number for everything that was asked."""
        return all(its.evaluated for its in self.compared)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a council member reads: what changes and who must approve it, and the numbers where they were asked for."""

    gated: Gated
    numbers: Numbers | None
