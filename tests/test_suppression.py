"""Complementary suppression: no line of a result has a single hidden cell that the others give away."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxgov.evaluation.suppression import Cell, Keys, complementary

Draw = st.DrawFn
OFTEN: Final = settings(max_examples=80, deadline=None)
FEWEST: Final = 5


@st.composite
def results(draw: Draw) -> list[Cell]:
    """Some groups of one to three dimensions, with NULL keys, empty groups, and those of one to four rows hidden."""
    dimensions = draw(st.integers(1, 3))
    keys = st.tuples(*[st.sampled_from(["a", "b", "c", None])] * dimensions)
    counts = st.one_of(st.integers(0, 7), st.integers(0, 1000))
    found = draw(st.dictionaries(keys, counts, max_size=30))
    return [cell(keys, n) for keys, n in found.items()]


def cell(keys: Keys, n: int) -> Cell:
    hidden = 0 < n < FEWEST
    return Cell(keys, None if hidden else n, hidden)


def lines(cells: Sequence[Cell]) -> list[list[Cell]]:
    found = defaultdict(list)
    for each in cells:
        for i in range(len(each.keys)):
            found[i, each.keys[:i], each.keys[i + 1 :]].append(each)
    return list(found.values())


# --- laws ---


@given(results())
@OFTEN
def test_no_line_has_a_single_hidden_cell(cells: list[Cell]) -> None:
    """In the end no line of two cells or more has exactly one that is hidden."""
    hidden = complementary(cells) | {each.keys for each in cells if each.suppressed}
    for line in lines(cells):
        assert len(line) == 1 or sum(each.keys in hidden for each in line) != 1


@given(results())
@OFTEN
def test_only_what_was_shown_is_newly_hidden(cells: list[Cell]) -> None:
    """Nothing that was hidden is shown, and what is new are cells of the result; where none is hidden, none is."""
    found = complementary(cells)
    assert found <= {each.keys for each in cells if not each.suppressed}
    assert not found or any(each.suppressed for each in cells)


@given(results())
@OFTEN
def test_a_second_time_nothing_more_is_hidden(cells: list[Cell]) -> None:
    """A result with its hidden cells hidden is left as it is."""
    found = complementary(cells)
    again = [Cell(each.keys, each.n, each.suppressed or each.keys in found) for each in cells]
    assert complementary(again) == frozenset()


@given(results().flatmap(lambda cells: st.tuples(st.just(cells), st.permutations(cells))))
@OFTEN
def test_the_order_of_rows_does_not_matter(pair: tuple[list[Cell], list[Cell]]) -> None:
    """The same cells in any order hide the same."""
    assert complementary(pair[0]) == complementary(pair[1])


@given(st.lists(st.integers(0, 20), max_size=12))
@OFTEN
def test_one_dimension_loses_the_next_smallest(counts: list[int]) -> None:
    """By one dimension it is what a statement does by itself: the smallest of the shown ones, the first of equals."""
    cells = [cell((i,), n) for i, n in enumerate(counts)]
    shown = [(n == 0, n, i) for i, n in enumerate(counts) if not 0 < n < FEWEST]
    expected = {(min(shown)[2],)} if shown and len(counts) - len(shown) == 1 else set()
    assert complementary(cells) == expected


# --- examples ---


def table(*rows: Sequence[int]) -> list[Cell]:
    return [cell((i, j), n) for i, row in enumerate(rows) for j, n in enumerate(row)]


def test_a_hidden_cell_takes_a_rectangle_with_it() -> None:
    """The smallest of its column, then of its row, then of the line that has one now."""
    found = complementary(table([3, 40, 20], [10, 50, 60], [30, 70, 80]))
    assert found == {(1, 0), (0, 2), (1, 2)}


def test_cells_without_rows_are_hidden_last() -> None:
    assert complementary([cell(("a",), 2), cell(("b",), 0), cell(("c",), 90)]) == {("c",)}
    assert complementary([cell(("a",), 2), cell(("b",), 0)]) == {("b",)}


def test_of_equals_the_first_key_is_hidden_and_null_is_the_last() -> None:
    assert complementary([cell((None,), 9), cell(("c",), 9), cell(("b",), 9), cell(("a",), 1)]) == {("b",)}
    assert complementary([cell((None,), 9), cell((7,), 9), cell((8,), 1)]) == {(7,)}


def test_two_hidden_cells_guard_each_other() -> None:
    assert complementary(table([3, 2, 20], [4, 1, 60])) == frozenset()


def test_what_has_no_line_is_left() -> None:
    assert complementary([]) == frozenset()
    assert complementary([Cell((), None, suppressed=True)]) == frozenset()
    assert complementary([cell(("a",), 3)]) == frozenset()


def test_many_cells_are_quick() -> None:
    """A hundred thousand cells, one of which is hidden in every line of the first dimension."""
    cells = [Cell((i, j), i + j + 5, j == 7 * i % 300) for i in range(317) for j in range(317)]
    assert complementary(cells)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([Cell(("a",), 4, suppressed=False), Cell(("a", "b"), 4, suppressed=False)], "same number of keys"),
        ([Cell(("a",), 4, suppressed=False), Cell(("a",), 4, suppressed=True)], "stands twice"),
        ([Cell(("a",), None, suppressed=False)], "has an n"),
    ],
)
def test_what_is_no_result_is_refused(cells: list[Cell], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        complementary(cells)
