"""The version that a changed document needs: a larger step the more its change means."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from cxgov.governance.findings import Finding
from cxgov.language.diagnostics import Place
from cxgov.language.model import Document
from cxgov.meaning.documents import kind_of

Step = Literal["none", "patch", "minor", "major"]
STEPS: Final[tuple[Step, ...]] = ("none", "patch", "minor", "major")
_NEEDED: Final[Mapping[str, Step]] = {
    "draft": "none",
    "editorial": "patch",
    "ownership": "patch",
    "additive": "minor",
    "threshold_tightened": "minor",
    "threshold_loosened": "minor",
    "certification": "minor",
    "retirement": "minor",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bump:
    """A document's versions on both sides, the step that its change needs and the one that it took.

    ``next`` is the lowest version that is high enough; ``place`` is where the new one is written.
    """

    kind: str
    id: str
    old: str
    new: str
    needed: Step
    taken: Step | Literal["back"]
    next: str
    place: Place | None = field(default=None, compare=False)

    @property
    def enough(self) -> bool:
        """Whether the version is as high as it must be."""
        return self.taken != "back" and STEPS.index(self.taken) >= STEPS.index(self.needed)

    @property
    def too_large(self) -> bool:
        """Whether the version is higher than it must be."""
        return self.taken != "back" and STEPS.index(self.taken) > STEPS.index(self.needed)


def needed(change_class: str, how: str) -> Step:
    """The step that an edit of a class needs; whatever is removed needs the largest."""
    if how == "removed" and change_class not in {"draft", "editorial", "ownership"}:
        return "major"
    return _NEEDED.get(change_class, "major")


def bump(old: Document, new: Document, findings: Iterable[Finding], place: Place | None) -> Bump | None:
    """What the version of a document must be; None where nothing of it changed."""
    edits = [finding for finding in findings if finding.path != ("version",)]
    if not edits and old.version == new.version:
        return None
    step = STEPS[max((STEPS.index(needed(its.change_class, its.how)) for its in edits), default=0)]
    return Bump(
        kind=kind_of(new),
        id=new.id,
        old=old.version,
        new=new.version,
        needed=step,
        taken=_taken(old.version, new.version),
        next=following(old.version, step),
        place=place,
    )


def following(version: str, step: Step) -> str:
    """The lowest version that is a step above another."""
    major, minor, patch = _parts(version)
    match step:
        case "none":
            return version
        case "patch":
            return f"{major}.{minor}.{patch + 1}"
        case "minor":
            return f"{major}.{minor + 1}.0"
        case "major":
            return f"{major + 1}.0.0"


def _taken(old: str, new: str) -> Step | Literal["back"]:
    before, after = _parts(old), _parts(new)
    if after < before:
        return "back"
    place = next((i for i in range(3) if before[i] != after[i]), 3)
    taken: tuple[Step, ...] = ("major", "minor", "patch", "none")
    return taken[place]


def _parts(version: str) -> tuple[int, int, int]:
    major, minor, patch = version.split(".")
    return int(major), int(minor), int(patch)
