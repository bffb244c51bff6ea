"""What is hidden beside a hidden cell: in SQL where the result is one line, by the run where it has several."""

from typing import Any, Final

import pytest

from cxgov.api import Query, run
from cxgov.engines.answering import Result
from tests.support import Document, Maker, World, metric, sampling, source

COUNTS: Final = {("a", "x"): 3, ("a", "y"): 40, ("a", "z"): 50, ("b", "x"): 60, ("b", "y"): 35, ("b", "z"): 45}


def documents(*, complementary: bool, show: int = 30) -> list[Document]:
    rows = source(
        "rows",
        {"id": "integer", "first": "text", "second": "text"},
        entities={"row": {"key": ["id"]}},
        dimensions={"first": "first", "second": "second"},
    )
    minimum = {"show": show, "privacy": 5, "complementary": complementary}
    shown: Document = {"source": "rows", "sampling": "rule", "dimensions": ["first", "second"]}
    return [
        rows,
        sampling("rule", "rows", "row", minimum=minimum),
        metric("there", {"count": "rows"}, **shown),
        metric("twice", {"derived": "there * 2"}, dimensions=["first", "second"]),
    ]


def data(counts: dict[tuple[str, str], int]) -> dict[str, list[dict[str, Any]]]:
    keys = [key for key, count in counts.items() for _ in range(count)]
    return {"rows": [{"id": i, "first": first, "second": second} for i, (first, second) in enumerate(keys)]}


def hidden(result: Result, metric_id: str = "there") -> set[tuple[Any, ...]]:
    """The keys of a metric's hidden cells; of these nothing at all is shown."""
    keys = [i for i, column in enumerate(result.columns) if column.role == "dimension"]
    place = {column.role: i for i, column in enumerate(result.columns) if column.metric == metric_id}
    found = set()
    for row in result.rows:
        if row[place["status"]] == "suppressed":
            assert all(row[i] is None for role, i in place.items() if role != "status")
            found.add(tuple(row[i] for i in keys))
    return found


def answers(world: World, *metrics: str, **asked: Any) -> list[Result]:
    return [run(world.loaded, Query(metrics=metrics, **asked), connection=engine) for engine in world.engines]


@pytest.mark.parametrize("stats", ["n", "full"])
def test_in_one_line_the_statement_hides_the_next_smallest(make: Maker, stats: Any) -> None:
    """One cell of a line below the minimum could be computed from a total: the smallest of the rest goes with it."""
    world = make(documents(complementary=True), data(COUNTS))
    for result in answers(world, "there", "twice", by=("second",), where="first = 'a'", stats=stats):
        assert hidden(result) == {("x",), ("y",)}
        assert hidden(result, "twice") == {("x",), ("y",)}
    for result in answers(world, "there", by=("second",), stats=stats):
        assert hidden(result) == set()


def test_without_it_a_minimum_hides_what_is_too_uncertain_and_no_more(make: Maker) -> None:
    """A plain minimum hides single cells."""
    world = make(documents(complementary=False), data(COUNTS))
    for result in answers(world, "there", by=("second",), where="first = 'a'"):
        assert hidden(result) == {("x",)}


def test_in_several_lines_the_run_hides_until_no_line_has_one(make: Maker) -> None:
    """By two dimensions every row and column of the table with a hidden cell has two; the statement alone says it."""
    world = make(documents(complementary=True), data(COUNTS))
    for result in answers(world, "there", by=("first", "second")):
        gone = hidden(result)
        assert ("a", "x") in gone
        for place in (0, 1):
            for value in {key[place] for key in COUNTS}:
                assert sum(key[place] == value for key in gone) != 1
    sql = world.compile("duckdb", "there", by=("first", "second")).sql
    assert "-- hides single cells only: `cxgov run` hides those from which they could be computed" in sql
    assert "hides single cells" not in world.compile("duckdb", "there", by=("first",)).sql


def test_what_is_hidden_stays_so_without_statistics(make: Maker) -> None:
    """Asked for values alone, the same cells are hidden."""
    world = make(documents(complementary=True), data(COUNTS))
    for result in answers(world, "there", by=("first", "second"), stats="none"):
        [full] = [
            its
            for its in answers(world, "there", by=("first", "second"))
            if its.compiled.dialect == result.compiled.dialect
        ]
        assert [column.name for column in result.columns] == ["first", "second", "there"]
        assert {row[:2] for row in result.rows if row[2] is None} == hidden(full)


def test_an_empty_cell_goes_last(make: Maker) -> None:
    """A cell without rows hides little; it goes only where there is no other."""
    world = make(documents(complementary=True), data({("a", "x"): 3, ("b", "y"): 40, ("b", "x"): 50}))
    for result in answers(world, "there", by=("first",), where="second = 'x'"):
        assert hidden(result) == {("a",), ("b",)}
