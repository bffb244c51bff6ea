"""A result's cells to those that must be hidden so that no hidden one can be computed from its line."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Keys = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One group of a result: a key of each dimension, the rows in it, and whether it is hidden already.

    A hidden cell's n isn't looked at: it may be None, and is where it was hidden by the statement.
    """

    keys: Keys
    n: int | None
    suppressed: bool


def complementary(cells: Iterable[Cell]) -> frozenset[Keys]:
    """The keys of the cells that must be hidden too, whatever the order in which cells are given.

    A line is all cells that agree on all keys but one. While some line has exactly one hidden cell and another, it
    loses the smallest that it shows: by n, those without rows last, then by keys, None last. Lines are mended in
    order of the key that varies and then of the others. Two results side by side can still give a cell away.

    Source: complementary suppression as in Cox (1980), by the smallest cell of each line and not by the least loss
    over all.

    Raises:
        ValueError: cells have different numbers of keys, two have the same, or a shown one has no n.
    """
    ordered = sorted(cells, key=lambda cell: _rank(cell.keys))
    _check(ordered)
    lines = _lines(ordered)
    hidden = {cell.keys for cell in ordered if cell.suppressed}
    given = frozenset(hidden)
    through: defaultdict[Keys, list[int]] = defaultdict(list)
    for i, line in enumerate(lines):
        for cell in line:
            through[cell.keys].append(i)
    count = [sum(cell.suppressed for cell in line) for line in lines]
    waiting = [i for i, line in enumerate(lines) if count[i] == 1 and len(line) > 1]
    while waiting:
        i = heapq.heappop(waiting)
        if count[i] != 1:
            continue
        # Cells stand in order of their keys, and min takes the first.
        smallest = min((cell for cell in lines[i] if cell.keys not in hidden), key=_size)
        hidden.add(smallest.keys)
        for crossing in through[smallest.keys]:
            count[crossing] += 1
            if count[crossing] == 1 and len(lines[crossing]) > 1:
                heapq.heappush(waiting, crossing)
    return frozenset(hidden) - given


def _lines(cells: list[Cell]) -> list[list[Cell]]:
    """All lines, in order; the cells of each in the order given."""
    found: dict[tuple[int, Keys], list[Cell]] = defaultdict(list)
    for varying in range(len(cells[0].keys) if cells else 0):
        for cell in cells:
            found[varying, cell.keys[:varying] + cell.keys[varying + 1 :]].append(cell)
    return [found[line] for line in sorted(found, key=lambda line: (line[0], _rank(line[1])))]


def _check(cells: list[Cell]) -> None:
    seen: Mapping[Keys, int] = {cell.keys: len(cell.keys) for cell in cells}
    if len(set(seen.values())) > 1:
        raise ValueError("cells of one result have the same number of keys")
    if len(seen) < len(cells):
        raise ValueError("a cell stands twice")
    if any(cell.n is None and not cell.suppressed for cell in cells):
        raise ValueError("a cell that is shown has an n")


def _rank(keys: Keys) -> tuple[tuple[bool, Any], ...]:
    """Sorts keys, None last; it is never compared with another value."""
    return tuple((key is None, 0 if key is None else key) for key in keys)


def _size(cell: Cell) -> tuple[bool, int]:
    return cell.n == 0, cell.n or 0
