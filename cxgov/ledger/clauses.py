"""Where two token streams differ, told by the clause of the statement that was expected."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cxgov.language.diagnostics import visible

_CLAUSES: Final = {
    "select": "SELECT",
    "from": "FROM",
    "join": "JOIN",
    "on": "JOIN",
    "where": "WHERE",
    "group": "GROUP BY",
    "having": "HAVING",
    "qualify": "QUALIFY",
    "window": "WINDOW",
    "order": "ORDER BY",
    "limit": "LIMIT",
    "union": "UNION",
    "with": "WITH",
}
_OPENS: Final = frozenset({"select", "with", "values"})
# Each edit more takes another pass over what differs; past so many it is told as one.
_EDITS: Final = 100
_SHOWN: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What was expected in a clause and what stands there; ``at`` is the place among the tokens that were found."""

    clause: str
    expected: str
    found: str
    at: int

    def __str__(self) -> str:
        if not self.found:
            return f"{self.clause}: `{self.expected}` is missing"
        if not self.expected:
            return f"{self.clause}: `{self.found}` was added"
        return f"{self.clause}: `{self.found}` stands where `{self.expected}` did"


@dataclass(frozen=True, slots=True)
class Written:
    """The tokens of a statement: what of each counts, and how it is written."""

    keys: Sequence[str]
    texts: Sequence[str]


def differences(ours: Written, theirs: Written) -> tuple[Difference, ...]:
    """How the tokens of a statement differ from those that were expected."""
    expected, found = ours.keys, theirs.keys
    first = _alike(expected, found)
    last = _alike(expected[first:][::-1], found[first:][::-1])
    names = _names(expected)
    made = []
    for low, high, at, end in _edits(expected[first : len(expected) - last], found[first : len(found) - last]):
        # What was added belongs to what stands before it, unless a clause begins with it.
        place = first + low - (low == high and found[first + at] not in _CLAUSES)
        made.append(
            Difference(
                clause=names[min(max(place, 0), len(names) - 1)],
                expected=_written(ours.texts[first + low : first + high]),
                found=_written(theirs.texts[first + at : first + end]),
                at=first + at,
            )
        )
    return tuple(made)


def _edits(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """The fewest edits from one to the other: what from where to where stands for what.

    Source: Myers (1986), "An O(ND) difference algorithm and its variations", the greedy one.
    """
    furthest = {1: 0}
    steps = []
    for edits in range(_EDITS + 1):
        steps.append(dict(furthest))
        for line in range(-edits, edits + 1, 2):
            x = furthest[line + 1] if _down(furthest, line, edits) else furthest[line - 1] + 1
            while x < len(one) and x - line < len(other) and one[x] == other[x - line]:
                x += 1
            furthest[line] = x
            if x >= len(one) and x - line >= len(other):
                return _joint(_walked(steps, len(one), len(other)))
    return [(0, len(one), 0, len(other))]


def _down(furthest: dict[int, int], line: int, edits: int) -> bool:
    return line == -edits or (line != edits and furthest[line - 1] < furthest[line + 1])


def _walked(steps: Sequence[dict[int, int]], x: int, y: int) -> list[tuple[int, int, int, int]]:
    """The single edits on the way, in order."""
    found = []
    for edits in range(len(steps) - 1, 0, -1):
        furthest = steps[edits]
        down = _down(furthest, x - y, edits)
        line = x - y + (1 if down else -1)
        x, y = furthest[line], furthest[line] - line
        found.append((x, x, y, y + 1) if down else (x, x + 1, y, y))
    return found[::-1]


def _joint(edits: Sequence[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Edits that touch, as one."""
    found: list[tuple[int, int, int, int]] = []
    for low, high, at, end in edits:
        if found and (found[-1][1], found[-1][3]) == (low, at):
            since, _, begun, _ = found.pop()
            found.append((since, high, begun, end))
        else:
            found.append((low, high, at, end))
    return found


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many stand alike at the beginning."""
    for i, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return i
    return min(len(one), len(other))


def _names(keys: Sequence[str]) -> list[str]:
    """For each token the clause in which it stands, and of what."""
    names: list[str] = []
    table, clause = "the result", "SELECT"
    scopes: list[tuple[str, str, bool]] = []
    query = True
    for i, key in enumerate(keys):
        if key == "(":
            scopes.append((table, clause, query))
            names.append(f"{clause} of {table}")
            query = i + 1 < len(keys) and keys[i + 1] in _OPENS
            if query and clause == "WITH" and keys[i - 1] == "as":
                table = keys[i - 2]
            continue
        if key == ")" and scopes:
            table, clause, query = scopes.pop()
        elif query and key in _CLAUSES and not (key == "from" and keys[i - 1] == "distinct"):
            clause = _CLAUSES[key]
        names.append(f"{clause} of {table}")
    return names


def _written(tokens: Sequence[str]) -> str:
    """Tokens as one reads them, the middle of many left out."""
    if len(tokens) > _SHOWN:
        half = _SHOWN // 2
        return visible(f"{_joined(tokens[:half])} … {_joined(tokens[-half:])}")
    return visible(_joined(tokens))


def _joined(tokens: Sequence[str]) -> str:
    text = ""
    for token in tokens:
        tight = not text or token in {",", ")", ".", ";"} or text[-1] in "(."
        text += token if tight else f" {token}"
    return text
