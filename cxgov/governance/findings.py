"""What a comparison finds: one edit, its class, and what it can move."""

from dataclasses import dataclass, field

from cxgov.governance.differences import FieldPath
from cxgov.language.diagnostics import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What an edit can move: metrics whose numbers it can, thresholds that judge them, overlays that narrow them.

    ``reports`` show such a metric, or the edited one.
    ``judged`` is the metric of a threshold: its numbers stay, what is said of them does not.
    """

    metrics: tuple[str, ...] = ()
    thresholds: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One edit of a document. ``old`` and ``new`` are in the reader's words, None where there is nothing.

    ``path`` is empty for a whole document. ``place`` is where it is written now, or where it was.
    """

    kind: str
    id: str
    path: FieldPath
    how: str
    change_class: str
    old: str | None
    new: str | None
    reach: Reach
    place: Place | None = field(default=None, compare=False)
