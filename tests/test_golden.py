"""Kept statements: their text for whoever reads a change, and what must never stand in them.

`python -m tests.golden` writes them anew.
"""

import re
from functools import cache

import pytest
import sqlglot
from sqlglot import exp

from tests.golden.queries import HERE, QUERIES, statements
from tests.support import DIALECTS

KEPT = sorted(path.name for path in (*HERE.glob("*.sql"), *HERE.glob("*.txt")))
COMPILED = [name for name in KEPT if name.endswith(".sql")]
ELSEWHERE = [name for name in COMPILED if name.split(".")[1] in {"bigquery", "snowflake"}]
TIME = re.compile(r"\d{4}-\d\d-\d\d")


@cache
def now() -> dict[str, str]:
    return dict(statements())


@cache
def tree(name: str) -> exp.Expr:
    text = (HERE / name).read_text(encoding="utf-8")
    [found] = sqlglot.parse(text, read=name.split(".")[1], error_level=sqlglot.ErrorLevel.RAISE)
    assert found is not None
    return found


def body(name: str) -> str:
    """The statement without the comment above it."""
    return re.sub("^--.*\n", "", (HERE / name).read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_every_question_has_a_file_in_every_dialect() -> None:
    """A statement, or the refusal of the dialect, and nothing else lies there."""
    assert sorted(now()) == KEPT
    assert len(KEPT) == len(QUERIES) * len(DIALECTS)


@pytest.mark.parametrize("name", KEPT)
def test_the_text_is_the_one_that_was_read(name: str) -> None:
    """The same registry, question and dialect give the same bytes."""
    assert now()[name] == (HERE / name).read_text(encoding="utf-8"), "python -m tests.golden writes it anew"


@pytest.mark.parametrize("name", COMPILED)
def test_a_statement_is_one_select_of_its_dialect(name: str) -> None:
    """It is read back as one query, and names every column that it gives: `*` stands over its own tables alone."""
    found = tree(name)
    assert isinstance(found, exp.Select)
    assert not list(found.find_all(exp.Command, exp.Placeholder, exp.Parameter))
    assert not [star for select in found.selects for star in select.find_all(exp.Star)]
    own = {table.alias for table in found.ctes}
    for star in found.find_all(exp.Star):
        if not isinstance(star.parent, exp.Count):
            select = star.find_ancestor(exp.Select)
            assert select is not None
            read = [source.this for source in (select.args["from_"], *select.args.get("joins", ()))]
            assert {table.name for source in read for table in source.find_all(exp.Table)} <= own
    assert all(column.alias_or_name for column in found.selects)


@pytest.mark.parametrize("name", COMPILED)
def test_a_statement_asks_neither_clock_nor_session(name: str) -> None:
    """No present time, no truncation by a session's week, no zone by name, no order of NULL that a setting decides."""
    text = body(name).upper()
    for word in (
        r"CURRENT_\w+",
        r"NOW\(",
        "GETDATE",
        r"TRUNC\(",
        r"\bWEEK\b",
        "DAYOFWEEK",
        r"RAND\w*\(",
        "APPROX_",
        r"MEDIAN\(",
    ):
        assert not re.search(word, text), word
    found = tree(name)
    assert not list(found.find_all(exp.AtTimeZone)) or name.endswith("postgres.sql")
    if not name.endswith("postgres.sql"):  # there NULL is last by definition
        order = text.rsplit("ORDER BY", 1)[1] if found.args.get("order") else ""
        assert order.count(" ASC") == order.count(" ASC NULLS LAST")


@pytest.mark.parametrize("name", COMPILED)
def test_a_quotient_is_of_doubles_and_never_of_zero(name: str) -> None:
    """What is divided was cast to a double or is a root, and what divides is a number but 0 or guarded by NULLIF."""
    for quotient in tree(name).find_all(exp.Div):
        below = quotient.expression
        assert isinstance(below, exp.Nullif) or (isinstance(below, exp.Literal) and float(below.this) != 0), (
            quotient.sql()
        )
        above = quotient.this
        while isinstance(above, exp.Div | exp.Paren):
            above = above.this
        quantile = isinstance(above, exp.Column) and above.name.endswith("_quantile")
        double = isinstance(above, exp.Sqrt) or (isinstance(above, exp.Cast) and above.is_type("double"))
        assert quantile or double, quotient.sql()


@pytest.mark.parametrize("name", COMPILED)
def test_a_time_is_typed(name: str) -> None:
    """Days and instants stand in a CAST, instants with their distance from UTC: no engine has to guess."""
    for literal in tree(name).find_all(exp.Literal):
        if literal.is_string and TIME.fullmatch(literal.this[:10]):
            cast = literal.parent
            assert isinstance(cast, exp.Cast), literal.sql()
            assert cast.is_type("date") == (len(literal.this) == 10)
            # Reading BigQuery, sqlglot calls its TIMESTAMP timestamptz, as everywhere, and its DATETIME timestamp.
            assert literal.this.endswith("+00:00") == cast.is_type("timestamptz")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_nothing_stands_there_that_these_dialects_lack(name: str) -> None:
    """No FILTER, no null-safe comparison, no function of DuckDB's or PostgreSQL's own, no cast by two colons."""
    found = tree(name)
    assert not list(found.find_all(exp.Filter, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Collate))
    text = body(name)
    for word in ("EPOCH_US", "MAKE_TIMESTAMP", "TO_MICROSECONDS", "QUANTILE_", "EXTRACT(", "::", "FILTER"):
        assert word not in text, word
    if name.endswith("bigquery.sql"):
        assert not list(found.find_all(exp.Values, exp.PercentileCont, exp.PercentileDisc))
        assert "TIMESTAMPTZ" not in text


@pytest.mark.parametrize("name", [name for name in COMPILED if name.endswith("snowflake.sql")])
def test_snowflake_converts_by_way_of_utc(name: str) -> None:
    """A wall clock is UTC's plus a literal distance; CONVERT_TIMEZONE is never asked for another zone."""
    text = (HERE / name).read_text(encoding="utf-8")
    for call in re.findall(r"CONVERT_TIMEZONE\([^)]*\)", text):
        assert call.startswith("CONVERT_TIMEZONE('UTC', ")
        assert f"CAST({call} AS TIMESTAMPNTZ)" in text


def test_weeks_are_literal_days() -> None:
    """A week that a quarter cuts stands as two literal buckets, in every dialect."""
    for dialect in DIALECTS:
        text = (HERE / f"weeks_cut_by_a_quarter.{dialect}.sql").read_text(encoding="utf-8")
        for day, partial in (("2026-06-29", "TRUE"), ("2026-07-01", "TRUE"), ("2026-07-06", "FALSE")):
            assert re.search(rf"CAST\('{day}' AS DATE\)[^,]*, {partial}", text), (dialect, day)
