"""SQL with a certificate: what is still it, what is not and where, in every dialect."""

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
import sqlglot
from click.testing import CliRunner
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cxgov.api import Query, statements, verify
from cxgov.cli.main import commands, exit_code
from cxgov.compiler.dialects import DIALECTS as WRITERS
from cxgov.ledger import tokens
from cxgov.ledger.certificates import as_text, query_fields, query_of, read_facts
from cxgov.ledger.clauses import Written, differences
from cxgov.ledger.verifying import Answer, Verified, Verifier
from cxgov.reports import verifications
from tests.support import DIALECTS
from tests.test_freezing import Frozen

FORMATTED: Final = Path(__file__).parent / "formatted"
NOT_CHAT: Final[dict[str, Any]] = {"by": ("channel",), "grain": "month", "where": "channel <> 'chat'", "stats": "full"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Frozen:
    """A registry with two frozen quarters, which no test changes."""
    return frozen_home(tmp_path_factory.mktemp("verify"))


def frozen_home(folder: Path) -> Frozen:
    made = Frozen(folder / "home")
    made.edit("registry.yaml", "dialects: [duckdb, postgres]", f"dialects: [{', '.join(DIALECTS)}]")
    made.edit("sources/survey_responses.yaml", "{type: text, values: [chat, email, phone]}", "{type: text}")
    made.freeze("2026-Q1")
    made.freeze("2026-Q2")
    return made


def compiled(home: Frozen, *metrics: str, dialect: str = "duckdb", period: str = "2026-Q1", **asked: Any) -> str:
    [found] = statements(home.folder, Query(metrics=metrics or ("nps",), period=period, **asked), dialect=dialect)
    return found.sql


def only(home: Frozen, text: str | bytes) -> Verified:
    [found] = verify(home.folder, {"a.sql": text})
    return found


def said(found: Verified) -> list[str]:
    return [its.message for its in found.findings]


# --- what is valid ---


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_was_compiled_is_valid(home: Frozen, dialect: str) -> None:
    found = only(home, compiled(home, dialect=dialect, **NOT_CHAT))
    assert (found.answer, found.reformatted, found.wrapped, found.findings) == (Answer.VALID, False, False, ())
    assert (found.notes, found.fix) == ((), "")


def folded(sql: str) -> str:
    """The case of everything outside quotes and comments turned."""
    return re.sub(
        r"--.*|'[^']*'|\"[^\"]*\"|[^-'\"]+", lambda its: its[0] if its[0][0] in "-'\"" else its[0].swapcase(), sql
    )


LAYOUTS: Final[dict[str, Callable[[str], str]]] = {
    "CRLF and a byte order mark": lambda sql: "\ufeff" + sql.replace("\n", "\r\n"),
    "on other lines": lambda sql: re.sub(r"(?m)^(?!--)\s*(.+)$", r"\n\t \1", sql),
    "the case of words": folded,
    "indented": lambda sql: "".join(f"    {line}\n" for line in sql.splitlines()),
    "marks in the other form": lambda sql: re.sub("(?m)^-- ?(.*)$", r"/* \1 */", sql),
    "marks in one comment": lambda sql: re.sub(
        "(?m)^((?:-- .*\n)+)", lambda its: f"/*\n{its[0].replace('-- ', ' * ')}*/\n".replace(" * ", ""), sql, count=1
    ),
    "marks in one line": lambda sql: re.sub(
        "^((?:-- .*\n)+)", lambda its: f"/* {its[0].replace(chr(10) + '-- ', ' ')[3:-1]} */ ", sql
    ),
    "its JSON on many lines": lambda sql: re.sub(
        r"(?m)^-- (cxgov \{.*)$", lambda its: "/* " + its[1].replace(" ", "\n   ") + " */", sql
    ),
    "a semicolon before the mark at the end": lambda sql: sql.replace("\n-- cxgov end", ";\n-- cxgov end"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_only_laid_out_is_valid_and_says_so(home: Frozen, layout: str, dialect: str) -> None:
    sql = compiled(home, dialect=dialect, **NOT_CHAT)
    moved = LAYOUTS[layout](sql)
    assert moved != sql
    found = only(home, moved)
    if layout == "the case of words" and dialect == "bigquery":
        # There a relation's name minds it.
        assert found.answer is Answer.ALTERED
        assert {its.difference.clause.split()[0] for its in found.findings if its.difference} == {"FROM", "JOIN"}
    else:
        assert (said(found), found.answer, found.reformatted) == ([], Answer.VALID, True)


WRAPPERS: Final = {
    "select * from (\n{sql}) as t": True,
    "SELECT *\nFROM (\n{sql}\n) t;": True,
    "select * from ({sql}) order by 1": True,
    "select * from (\n{sql}) as t order by t.channel desc nulls last, 2 asc limit 10": True,
    "select * from (select * from (\n{sql}) as a limit 5) as b order by channel": True,
    f"{'select * from (' * 9}{{sql}}{')' * 9}": False,
    "-- of somebody else\nselect * from (\n{sql}) as t -- and this": True,
    "{sql}\nlimit 100": True,
    "select avg(nps) from (\n{sql}) as t": False,
    "select nps from (\n{sql}) as t": False,
    "select distinct * from (\n{sql}) as t": False,
    "select * from (\n{sql}) as t where nps > 3": False,
    "select * from (\n{sql}) as t order by random()": False,
    "select * from (\n{sql}) as t order by nps + 1": False,
    "select * from (\n{sql}) as t(channel, period_start)": False,
    "select * from (\n{sql}) as t limit 10 offset 3": False,
    "select * from (\n{sql}) as t, other": False,
    "select * from (\n{sql}) as t join other on true": False,
    "select * from (\n{sql}) as t union all select * from other": False,
    "select * from (\n{sql}) tablesample (1)": False,
    "with t as (\n{sql}) select * from t": False,
    "create view v as\n{sql}": False,
    "explain {sql}": False,
    "({sql})": False,
    "{sql} as t": False,
    "{sql} union all select 1": False,
    "{sql} )": False,
    "select * from (\n{sql}": False,
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_around_it_stand_select_all_an_alias_an_order_and_a_limit(home: Frozen, wrapper: str) -> None:
    found = only(home, wrapper.replace("{sql}", compiled(home, **NOT_CHAT)))
    assert found.answer is (Answer.VALID if WRAPPERS[wrapper] else Answer.ALTERED), said(found)
    if WRAPPERS[wrapper]:
        assert found.wrapped is True
    else:
        assert "stands" in said(found)[0]


@pytest.mark.parametrize("path", sorted(FORMATTED.glob("*.sql")), ids=lambda path: path.stem)
def test_what_formatters_make_of_it_is_valid(home: Frozen, path: Path) -> None:
    """Kept as they wrote it, but for the facts, in which a ledger's digests stand."""
    dialect = path.name.split(".")[0]
    sql = compiled(home, dialect=dialect, by=("channel",))
    [facts], [end] = re.findall(r"-- (cxgov \{.*\})", sql), re.findall("cxgov end sql1:.*", sql)
    text = path.read_text(encoding="utf-8").replace("cxgov {}", facts).replace("cxgov end sql1:", end)
    found = only(home, text)
    assert (said(found), found.answer, found.reformatted) == ([], Answer.VALID, True)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_sqlglot_keeps_it_where_it_keeps_the_order(home: Frozen, dialect: str) -> None:
    sql = compiled(home, dialect=dialect, **NOT_CHAT)
    for pretty in (True, False):
        [kept] = sqlglot.transpile(sql, read=dialect, write=WRITERS[dialect].sqlglot, pretty=pretty)
        assert only(home, kept).answer is Answer.VALID
        [cut] = sqlglot.transpile(sql, read=dialect, write=dialect, pretty=pretty)
        found = only(home, cut)
        if dialect in {"duckdb", "snowflake"}:
            # What it takes for the default is a setting there.
            assert set(said(found)) == {"ORDER BY of the result: `NULLS LAST` is missing"}
            assert found.answer is Answer.ALTERED
        else:
            assert found.answer is Answer.VALID


# --- what is altered ---


SCAN: Final = "survey_responses_by_responded_at"
# Kind of edit: what, what stands for it, and what is said of that.
EDITS: Final = {
    "a literal": ("likelihood <= 6", "likelihood <= 5", f"SELECT of {SCAN}: `5` stands where `6` did"),
    "a text": ("<> 'chat'\n  G", "<> 'fax'\n  G", f"WHERE of {SCAN}: `'fax'` stands where `'chat'` did"),
    "its case": ("<> 'chat'\n  G", "<> 'Chat'\n  G", f"WHERE of {SCAN}: `'Chat'` stands where `'chat'` did"),
    "a day": ("'2026-02-01' AS", "'2026-02-02' AS", "FROM of buckets: `'2026-02-02'` stands where `'2026-02-01'` did"),
    "a column": ("likelihood <= 6", "rating <= 6", f"SELECT of {SCAN}: `rating` stands where `likelihood` did"),
    "a relation": (
        "FROM survey_responses\n",
        "FROM other\n",
        f"FROM of {SCAN}: `other` stands where `survey_responses` did",
    ),
    "a quoted name": (
        "  FROM survey_responses\n",
        '  FROM "survey_responses"\n',
        f'FROM of {SCAN}: `"survey_responses"` stands where `survey_responses` did',
    ),
    "a removed filter": ("\n    AND channel <> 'chat'", "", f"WHERE of {SCAN}: `AND channel <> 'chat'` is missing"),
    "an added filter": (
        "\n    AND channel <> 'chat'",
        "\n    AND channel <> 'chat' AND rating > 3",
        f"WHERE of {SCAN}: `AND rating > 3` was added",
    ),
    "a join": ("\nJOIN buckets", "\nLEFT JOIN buckets", "FROM of the result: `LEFT` was added"),
    "a join's condition": (
        "= totals.period_start\n",
        "= totals.period_start AND 1 = 1\n",
        "JOIN of the result: `AND 1 = 1` was added",
    ),
    "an aggregate": ("MAX(nps_plus)", "MIN(nps_plus)", "SELECT of totals: `MIN` stands where `MAX` did"),
    "a sign": ("likelihood >= 9", "likelihood > 9", f"SELECT of {SCAN}: `>` stands where `>=` did"),
    "another spelling": (
        "AND channel <> 'chat'\n",
        "AND channel != 'chat'\n",
        f"WHERE of {SCAN}: `!=` stands where `<>` did",
    ),
    "an order": ("totals.channel ASC", "totals.channel DESC", "ORDER BY of the result: `DESC` stands where `ASC` did"),
    "a comment in the body": (
        "FROM totals\n",
        "FROM totals -- all of them\n",
        "a comment in the statement: `all of them`",
    ),
    "a block in the body": ("FROM totals\n", "FROM /* x */ totals\n", "a comment in the statement: `x`"),
    "a comment under the head": (
        "\nWITH buckets",
        "\n-- looked at\nWITH buckets",
        "a comment after its certificate: `looked at`",
    ),
    "a comment over the end": (
        "\n-- cxgov end",
        "\n-- AND channel <> 'x'\n-- cxgov end",
        "a comment before the mark at its end: `AND channel <> 'x'`",
    ),
    "the heading": ("-- nps by channel", "-- csat by channel", "header: "),
    "the title": ("2026-Q1 by entry 1", "2026-Q2 by entry 1", "header: "),
    "the standing": ("CERTIFIED:", "PROVISIONAL:", "header: "),
    "the standing in the facts": ('"CERTIFIED"', '"PROVISIONAL"', "certificate, standing: "),
    "a closure": ("clo1:", "clo1:0", "certificate, metrics: "),
    "a fact more": ('"v": 1', '"v": 1, "w": 2', "certificate, w: "),
    "a fact twice": ('"v": 1', '"v": 1, "v": 1', "its certificate cannot be read: key 'v' stands twice"),
    "the version of the facts": ('"v": 1', '"v": 2', "its certificate cannot be read: it is of another form"),
    "no programs": ('"compiler": {', '"compilers": {', "certificate, compilers: "),
    "the question": ('"grain": "month"', '"grain": "week"', "header: "),
    "a question that is none": (
        '"grain": "month"',
        '"grain": "hour"',
        "its certificate cannot be read: 'hour' is none of",
    ),
    "a metric that is none": (
        '"metrics": ["nps"]',
        '"metrics": ["npss"]',
        "certificate: npss was not frozen in 2026-Q1",
    ),
    "the period": ('"period": "2026-Q1"', '"period": "2026-Q2"', "certificate: its question and its entries"),
    "the dialect": ('"dialect": "duckdb"', '"dialect": "postgres"', "certificate, sql: "),
    "a dialect that is none": (
        '"dialect": "duckdb"',
        '"dialect": "mysql"',
        "certificate: it names the dialect 'mysql'",
    ),
    "the digest of an entry": (
        '"sha256": "',
        '"sha256": "0',
        "certificate: it names another entry 1 than the ledger has",
    ),
    "another entry": ('"sequence": 1', '"sequence": 2', "certificate: it names another entry 2 than the ledger has"),
    "an entry that cannot be": ('"sequence": 1', '"sequence": 0', "certificate: it names another entry 0"),
    "no entry": ('"entries": [{', '"entries": [], "e": [{', "certificate: it says CERTIFIED and names no entry"),
    "the digest of the SQL": ('"sql": "sql1:', '"sql": "sql1:0', "certificate, sql: "),
    "the mark at the end": ("cxgov end sql1:", "cxgov end sql1:0", "the mark at its end is gone"),
}
CUTS: Final = {
    "no head": ("^(-- .*\n)+", "", "the certificate before it is gone"),
    "no title": ("^-- .*\n", "", "the first line of its certificate is gone"),
    "no facts": (r"(?m)^-- cxgov \{.*\n", "", "the certificate before it is gone"),
    "no tail": ("-- cxgov end.*", "", "the mark at its end is gone"),
    "no body": (r"(?m)^(?!-- ).*\n", "", "the statement between the marks is gone"),
    "a text without end": ("'ok'", "'ok", "from here on it cannot be read"),
    "a comment that hides": ("-- nps", "-- x\rDROP\r\n-- nps", "from here on it cannot be read"),
    "a space that is none": ("AND channel", "AND\u00a0channel", f"WHERE of {SCAN}: "),
    "a byte that is no text": ("nps_rows", "nps_rows\udc80", f"SELECT of {SCAN}: "),
}


@pytest.mark.parametrize("kind", [*EDITS, *CUTS])
def test_every_kind_of_edit_is_altered_and_told(home: Frozen, kind: str) -> None:
    sql = compiled(home, by=("channel",), grain="month", where="channel <> 'chat'")
    if kind in EDITS:
        old, new, message = EDITS[kind]
        text = sql.replace(old, new, 1)
    else:
        pattern, new, message = CUTS[kind]
        text = re.sub(pattern, new, sql, count=0 if kind == "no body" else 1)
    assert text != sql
    found = only(home, text)
    assert found.answer is Answer.ALTERED
    assert any(its.startswith(message) for its in said(found)), said(found)
    assert found.fix


def test_an_edit_is_told_where_it_is(home: Frozen) -> None:
    sql = compiled(home, **NOT_CHAT)
    text = "select 1;\n" + sql.replace("likelihood <= 6", "likelihood <= 5")
    line = next(i for i, its in enumerate(text.splitlines(), 1) if "<= 5" in its)
    found = verify(home.folder, {"b.sql": text})[1]
    assert str(found.place) == "b.sql:2:1"
    [finding] = found.findings
    assert str(finding.place) == f"b.sql:{line}:{text.splitlines()[line - 1].index('5') + 1}"
    assert finding.difference is not None
    assert (finding.difference.expected, finding.difference.found) == ("6", "5")


def test_the_header_of_another_period_on_this_body_is_altered(home: Frozen) -> None:
    one, other = compiled(home, period="2026-Q1"), compiled(home, period="2026-Q2")
    split = re.compile(r"(?s)^(.*?\n)(?=WITH|SELECT)(.*\n)(-- cxgov end.*)$")
    head, _, end = split.match(other).groups()  # type: ignore[union-attr]  # every statement has this form
    _, body, tail = split.match(one).groups()  # type: ignore[union-attr]  # as above
    found = only(home, head + body + end)
    assert found.answer is Answer.ALTERED
    assert any("2026-01-01" in its and "2026-04-01" in its for its in said(found)) or "'2025-12-31" in str(said(found))
    assert only(home, head + body + tail).answer is Answer.ALTERED
    assert "the mark at its end is of another statement" in said(only(home, head + body + tail))


# --- laws ---


@pytest.fixture(scope="module")
def cut(home: Frozen) -> dict[str, tuple[str, list[tokens.Token]]]:
    """A statement of each dialect and the tokens of its body."""
    made = {}
    for dialect in DIALECTS:
        sql = compiled(home, dialect=dialect, by=("channel",))
        made[dialect] = sql, [its for its in tokens.tokens(sql, dialect) if its.kind != "comment"]
    return made


@pytest.fixture(scope="module")
def verifier(home: Frozen) -> Verifier:
    """One for many texts: what a certificate stands for is compiled once."""

    def no_registry() -> Any:
        raise AssertionError("what is certified needs no registry of today")

    return Verifier(home.ledger(), no_registry)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_token_can_be_edited(
    verifier: Verifier, cut: dict[str, tuple[str, list[tokens.Token]]], data: st.DataObject
) -> None:
    """A statement of which one token is changed, dropped, doubled or swapped with another is never valid."""
    dialect = data.draw(st.sampled_from(DIALECTS))
    sql, body = cut[dialect]
    i = data.draw(st.integers(0, len(body) - 1))
    one = body[i]
    match data.draw(st.sampled_from(["change", "drop", "double", "swap"])):
        case "change":
            new = data.draw(st.sampled_from([its.text for its in body] + ["x", "0", "''", "+", "(", "\\"]))
            assume(tokens.keys([one], dialect) != tokens.keys([one._replace(text=new)], dialect))
            text = f"{sql[: one.start]} {new} {sql[one.end :]}"
        case "drop":
            text = f"{sql[: one.start]} {sql[one.end :]}"
        case "double":
            text = f"{sql[: one.end]} {one.text} {sql[one.end :]}"
        case _:
            other = data.draw(st.sampled_from(body))
            assume(tokens.keys([one], dialect) != tokens.keys([other], dialect))
            first, last = sorted([one, other], key=lambda its: its.start)
            between = sql[first.end : last.start]
            text = f"{sql[: first.start]} {last.text} {between} {first.text} {sql[last.end :]}"
    found = verifier.verify("a.sql", text)
    assert {its.answer for its in found} <= {Answer.ALTERED, Answer.UNKNOWN}
    assert Answer.ALTERED in {its.answer for its in found}


SPACES: Final = st.text(" \t\r\n\f\v", min_size=1, max_size=4)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_white_space_and_the_case_of_keywords_never_count(
    verifier: Verifier, cut: dict[str, tuple[str, list[tokens.Token]]], data: st.DataObject
) -> None:
    """A statement whose tokens stand apart otherwise, its keywords in any case, is valid."""
    dialect = data.draw(st.sampled_from(DIALECTS))
    sql, body = cut[dialect]
    random = data.draw(st.randoms(use_true_random=False))
    keywords = {"select", "from", "where", "as", "and", "cast", "case", "when", "then", "end", "with", "group", "by"}
    text = sql[: body[0].start]
    for token in body:
        turned = token.text.swapcase() if token.text.lower() in keywords and random.random() < 0.5 else token.text
        text += turned + "".join(random.choices(" \t\r\n\f\v", k=random.randint(1, 3)))
    [found] = verifier.verify("a.sql", f"{text}\n{sql[body[-1].end :]}")
    assert (found.answer, found.reformatted) == (Answer.VALID, True)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_text_is_too_broken_for_an_answer(
    home: Frozen, cut: dict[str, tuple[str, list[tokens.Token]]], data: st.DataObject
) -> None:
    """Bytes edited anywhere give an answer, which every format can print."""
    sql = bytearray(cut[data.draw(st.sampled_from(DIALECTS))][0].encode())
    for _ in range(data.draw(st.integers(1, 4))):
        i = data.draw(st.integers(0, len(sql) - 1))
        sql[i : i + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    found = verify(home.folder, {"a.sql": bytes(sql)})
    for text in (verifications.as_text(found), verifications.as_json(found)):
        text.encode()
    assert found


@settings(max_examples=150, deadline=None)
@given(where=st.text(max_size=30) | st.text("'\"*/-;\\?>\n\r\u2028 {}cxgov:", max_size=30))
def test_no_text_of_a_filter_leaves_the_comment_that_it_stands_in(where: str) -> None:
    """The facts of a certificate are one line, end no comment of any form, and are read as they were written."""
    query = Query(metrics=("nps",), where=where or None)
    facts = {"v": 1, "standing": "DRAFT", "metrics": {}, "query": query_fields(query), "dialect": "duckdb"}
    text = as_text({**facts, "entries": [], "sql": ""})
    assert text.isascii()
    assert not re.search(r"[\r\n]|\*/|/\*|  ", text)
    assert read_facts(text.removeprefix("cxgov ")).query == query
    assert query_of(json.loads(json.dumps(query_fields(query)))) == query


@settings(max_examples=30, deadline=None)
@given(word=st.text("ab'\\*/-; \u00e9", max_size=8))
def test_any_text_can_stand_in_a_filter(home: Frozen, word: str) -> None:
    """A statement that filters by any text is valid in both forms of comments, in each dialect."""
    literal = "'" + word.replace("'", "''") + "'"
    for dialect in DIALECTS:
        sql = compiled(home, dialect=dialect, where=f"channel = {literal}")
        assert only(home, sql).answer is Answer.VALID
        moved = only(home, LAYOUTS["marks in the other form"](sql))
        assert (said(moved), moved.answer) == ([], Answer.VALID)


@settings(max_examples=200)
@given(one=st.lists(st.sampled_from("abc(")), other=st.lists(st.sampled_from("abc(")))
def test_differences_lead_from_one_to_the_other(one: list[str], other: list[str]) -> None:
    """What is missing and added, done to what was expected, gives what was found; nothing differs in equals."""
    one = ["select", *one]
    other = ["select", *other]
    found = differences(Written(one, one), Written(other, other))
    assert bool(found) == (one != other)


# --- many statements, and others ---


def test_many_statements_of_many_dialects_are_told_apart(home: Frozen) -> None:
    parts = [compiled(home, dialect=dialect) for dialect in DIALECTS]
    text = "/* ours; all */\n" + ";\n\n".join(["set x = 'a;b'", *parts, "select 1"]) + ";\n-- done; really\n"
    found = verify(home.folder, {"all.sql": text})
    assert [its.answer for its in found] == [Answer.UNKNOWN, *[Answer.VALID] * 4, Answer.UNKNOWN]
    assert [its.facts.dialect for its in found if its.facts] == list(DIALECTS)
    lines = text.splitlines()
    assert [lines[its.place.line - 1][:17] for its in found[1:-1]] == ["-- cxgov CERTIFIE"] * 4
    assert not any(its.reformatted for its in found)


def test_what_has_no_certificate_is_unknown(home: Frozen) -> None:
    for text in ("select 1", "", "-- nothing\n", re.sub("--.*\n", "", compiled(home)), b"\xff\xfe\x00;", "'"):
        found = verify(home.folder, {"a.sql": text})
        assert {its.answer for its in found} == {Answer.UNKNOWN}


def test_an_entry_that_the_ledger_does_not_have_is_unknown(home: Frozen, tmp_path: Path) -> None:
    later = frozen_home(tmp_path)
    later.freeze("2026-Q3")
    found = only(home, compiled(later, period="2026-Q3"))
    assert (found.answer, found.notes) == (Answer.UNKNOWN, ("entry 3 is not in this ledger, which has 2",))


# --- what was restated, is not frozen, or was written by another version ---


def test_a_restatement_makes_stale_what_it_restates_and_nothing_else(tmp_path: Path) -> None:
    home = frozen_home(tmp_path)
    before = {name: compiled(home, name) for name in ("nps", "csat")}
    both, over = compiled(home, "nps", "csat"), compiled(home, "nps", period="2026")
    months = compiled(home, "nps", period="2026-02")
    home.edit("definitions/nps.yaml", "likelihood >= 9", "likelihood >= 8")
    home.restate("2026-Q1", "nps")
    found = only(home, before["nps"])
    assert (found.answer, found.findings) == (Answer.STALE, ())
    assert found.notes == ("nps was restated for 2026-Q1 by entry 3: a test was counted",)
    assert found.fix == "Compile it again: cxgov compile nps --period 2026-Q1 --dialect duckdb"
    assert only(home, before["csat"]).answer is Answer.VALID
    assert only(home, both).answer is Answer.STALE
    assert only(home, months).answer is Answer.STALE
    assert only(home, over).answer is Answer.PROVISIONAL
    again = compiled(home, "nps")
    assert only(home, again).answer is Answer.VALID
    assert only(home, before["nps"].replace("likelihood >= 9", "likelihood >= 8")).answer is Answer.ALTERED
    # The present reading's body under the head of the one before it is no reading.
    mixed = before["nps"][: before["nps"].index("\nSELECT")] + again[again.index("\nSELECT") :]
    assert only(home, mixed).answer is Answer.ALTERED


def test_days_of_two_frozen_periods_are_certified_by_both(home: Frozen) -> None:
    [found] = statements(home.folder, Query(metrics=("nps",), period="2026-02", grain="week"))
    assert only(home, found.sql).answer is Answer.VALID
    asked = Query(metrics=("nps",), start=date(2026, 2, 1), end=date(2026, 6, 1))
    [found] = statements(home.folder, asked)
    assert [its["sequence"] for its in found.facts["entries"]] == [1, 2]
    assert only(home, found.sql).answer is Answer.VALID


def test_definitions_of_another_period_are_provisional(home: Frozen) -> None:
    [found] = statements(home.folder, Query(metrics=("nps",), period="2025"), definition_of="2026-Q1")
    answer = only(home, found.sql)
    assert (answer.answer, answer.findings) == (Answer.PROVISIONAL, ())
    assert only(home, found.sql.replace("PROVISIONAL", "CERTIFIED")).answer is Answer.ALTERED
    assert only(home, found.sql.replace(">= 9", ">= 8")).answer is Answer.ALTERED


def test_what_is_not_frozen_is_provisional_or_a_draft(tmp_path: Path) -> None:
    home = frozen_home(tmp_path)
    sql = compiled(home, period="2026-Q3")
    assert (only(home, sql).answer, only(home, sql).findings) == (Answer.PROVISIONAL, ())
    edited = only(home, sql.replace("likelihood <= 6", "likelihood <= 5"))
    assert edited.answer is Answer.PROVISIONAL
    assert edited.notes == ("it is not what the registry compiles today",)
    assert said(edited) == ["SELECT of survey_responses_by_responded_at: `5` stands where `6` did"]
    home.freeze("2026-Q3")
    later = only(home, sql)
    assert later.notes[-1] == "2026-Q3 is frozen by now"
    assert later.fix == "Compile it again: cxgov compile nps --period 2026-Q3 --dialect duckdb"
    home.edit("definitions/csat.yaml", "status: certified", "status: draft")
    draft = compiled(home, "csat", period="2026-Q4", draft=True)
    assert (only(home, draft).answer, only(home, draft).findings) == (Answer.DRAFT, ())
    gone = compiled(home, "csat", period="2026-Q4", draft=True).replace('["csat"]', '["osat"]')
    assert only(home, gone).notes[0].startswith("today its question has no answer: metric 'osat'")


def test_what_another_version_wrote_otherwise_cannot_be_judged(home: Frozen) -> None:
    sql = compiled(home)
    other = re.sub('"sqlglot": "[^"]*"', '"sqlglot": "99.0.0"', sql)
    assert only(home, other).answer is Answer.VALID
    found = only(home, other.replace("likelihood <= 6", "likelihood <= 5"))
    assert found.answer is Answer.CANNOT_SAY
    assert "sqlglot==99.0.0" in found.notes[0]
    assert said(found) == ["SELECT of survey_responses_by_responded_at: `5` stands where `6` did"]


# --- the command ---


def run(home: Frozen, *arguments: str, text: str | None = None) -> Any:
    return CliRunner().invoke(
        commands, ["verify", *arguments, "--registry", str(home.folder)], input=text, standalone_mode=False
    )


def test_the_worst_answer_decides_the_exit_code(home: Frozen, tmp_path: Path) -> None:
    valid = compiled(home)
    cases = {
        "valid": (valid, 0),
        "reformatted": (folded(valid), 0),
        "unknown": (f"{valid};select 1", 1),
        "provisional": (compiled(home, period="2026-Q3"), 1),
        "version": (f"{re.sub(': .99', '', valid)};select 1", 1),
        "altered": (f"{valid.replace('<= 6', '<= 5')};select 1;{valid}", 5),
    }
    for name, (text, code) in cases.items():
        path = tmp_path / f"{name}.sql"
        path.write_text(text, encoding="utf-8")
        assert exit_code(["verify", str(path), "--registry", str(home.folder)]) == code, name
    everything = [str(path) for path in sorted(tmp_path.glob("*.sql"))]
    assert exit_code(["verify", *everything, "--registry", str(home.folder)]) == 5
    assert exit_code(["verify", str(tmp_path / "none.sql"), "--registry", str(home.folder)]) == 2


def test_a_valid_statement_is_one_line(home: Frozen) -> None:
    answer = run(home, "-", text=compiled(home))
    assert answer.return_value == 0
    assert answer.stdout == "-:1:1: valid nps 2026-Q1 duckdb\n1 statement: 1 valid\n"


def test_an_altered_statement_is_told_with_the_way_out(home: Frozen) -> None:
    answer = run(home, "-", text=compiled(home, **NOT_CHAT).replace("    AND channel <> 'chat'\n", ""))
    assert answer.return_value == 5
    first, second, third, last = answer.stdout.splitlines()
    assert first == "-:1:1: altered nps 2026-Q1 duckdb"
    assert re.fullmatch(
        r"    \d+:3: WHERE of survey_responses_by_responded_at: `AND channel <> 'chat'` is missing", second
    )
    assert third == (
        "    fix: Compile it again: cxgov compile nps --by channel --grain month --period 2026-Q1 "
        "--where \"channel <> 'chat'\" --stats full --dialect duckdb"
    )
    assert last == "1 statement: 1 altered"


def test_sarif_says_what_is_not_valid_and_nothing_else(home: Frozen) -> None:
    sql = compiled(home)
    answer = run(home, "-", "--format", "sarif", text=f"{sql};{sql.replace('<= 6', '<= 5')}")
    [result] = json.loads(answer.stdout)["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("verify-altered", "error")
    quiet = run(home, "-", "--format", "sarif", text=sql)
    assert json.loads(quiet.stdout)["runs"][0]["results"] == []


def test_json_is_as_its_schema_says(home: Frozen) -> None:
    from tests.test_outputs import held

    sql = compiled(home)
    wrapped, later = f"select * from ({folded(sql)}) t", compiled(home, period="2026-Q3")
    text = ";".join([sql, sql.replace("<= 6", "<= 5"), "select 1", wrapped, later])
    data = held("verify", run(home, "-", "--format", "json", text=text).stdout)
    assert data["valid"] is False
    assert [its["answer"] for its in data["statements"]] == ["valid", "altered", "unknown", "valid", "provisional"]
    assert held("verify", run(home, "-", "--format", "json", text=sql).stdout)["valid"] is True


def test_a_broken_ledger_is_altered(tmp_path: Path) -> None:
    home = frozen_home(tmp_path)
    path = tmp_path / "a.sql"
    path.write_text(compiled(home), encoding="utf-8")
    entry = home.folder / "frozen/ledger/000001.json"
    entry.write_bytes(entry.read_bytes().replace(b'"late": false', b'"late": true'))
    assert exit_code(["verify", str(path), "--registry", str(home.folder)]) == 5
