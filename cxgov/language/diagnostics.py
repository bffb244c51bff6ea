"""Problems of a text: which rule, where, what was found and the way out."""

from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Place(NamedTuple):
    """Where something is written: path as given, line and column from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"

    def __reduce__(self) -> tuple[type["Place"], tuple[str, int, int]]:
        return Place, self[:]  # sent in two thirds of the time that a tuple's own way takes


class Severity(StrEnum):
    """How loudly a rule speaks. An error makes the registry invalid, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the rule table. ``fix`` is the general way out; a diagnostic may know a better one."""

    code: str
    name: str
    severity: Severity
    sentence: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One problem in one place."""

    rule: Rule
    message: str
    place: Place
    fix: str = field(default="")

    @property
    def is_error(self) -> bool:
        """Whether it makes the registry invalid."""
        return self.rule.severity is Severity.ERROR

    def __str__(self) -> str:
        first = f"{self.place}: {self.rule.severity}[{self.rule.code} {self.rule.name}] {self.message}"
        return f"{visible(first)}\n    fix: {visible(self.fix or self.rule.fix)}"


def visible(text: str) -> str:
    """Text of a document, a name or a path as one line in which nothing is hidden or acted on by a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def in_file_order(diagnostics: "Iterable[Diagnostic]") -> tuple[Diagnostic, ...]:
    """The same problems, each once, by path, line and column."""
    return tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: (d.place, d.rule.code, d.message)))


def nearest(word: str, known: "Iterable[str]") -> str:
    """``"; did you mean 'x'?"`` for the nearest known name, or nothing where none is near."""
    matches = get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def listed(names: "Iterable[str]", most: int = 12) -> str:
    """Names for a message, the first ``most`` of them."""
    names = list(names)
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "") if names else "none"
