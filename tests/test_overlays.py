"""Overlays: fewer rows, more dimensions, and never a byte of difference for who asks without one; old ids."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxgov.api import Loaded, Query, attrition, compile, load, run  # noqa: A004  # the field's word for it
from cxgov.cli.main import exit_code
from cxgov.compiler.query import Refused
from cxgov.evaluation.definitions import chosen
from cxgov.language.model import Derived, Dimension, Overlay, Registry
from cxgov.language.parsing import parse
from tests.support import (
    DIALECTS,
    LATER,
    Document,
    Maker,
    World,
    exclusion,
    metric,
    overlay,
    registry_of,
    same,
    source,
    threshold,
)
from tests.test_evaluating import judged
from tests.test_sampling import POSTSTRATIFY, RULE, documents, drawn

Row = Mapping[str, Any]
REFERENCE: Final = Path(__file__).parents[1] / "metrics"
BASE: Final = Path(__file__).parent / "cases" / "base"
OFTEN: Final = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# A condition, and whether it is true of a row.
CONDITIONS: Final[dict[str, Callable[[Row], bool]]] = {
    "region = 'EMEA'": lambda r: r["region"] == "EMEA",
    "region is null or x > 2": lambda r: r["region"] is None or (r["x"] is not None and r["x"] > 2),
    "not region = 'EMEA'": lambda r: r["region"] not in {None, "EMEA"},
    "x between 1 and 3": lambda r: r["x"] is not None and 1 <= r["x"] <= 3,
    "big": lambda r: r["x"] is not None and r["x"] >= 3,
    "x is not null and region in ('APAC', 'AMER')": lambda r: r["x"] is not None and r["region"] in {"APAC", "AMER"},
    "true": lambda _: True,
    "1 = 2": lambda _: False,
}


def facts() -> Document:
    return source(
        "facts",
        {"id": "integer", "region": "text?", "x": "integer?", "y": "integer", "who": "text", "at": "instant"},
        dimensions={"region": "region", "big": "x >= 3"},
        entities={"fact": {"key": ["id"]}},
    )


def metrics() -> list[Document]:
    """A metric of each form over one source, and one that is derived."""
    its: dict[str, Any] = {"source": "facts", "time": "at", "dimensions": ["region"]}
    return [
        metric("rows_all", {"count": "rows"}, **its),
        metric("whos", {"count_distinct": "who"}, where="x > 0 or region = 'AMER'", **its),
        metric("total", {"sum": "x"}, **its),
        metric("average", {"mean": "x"}, valid="y > 0", **its),
        metric("middle", {"quantile": {"of": "y", "q": 0.5, "type": 7}}, **its),
        metric("high", {"share": {"of": "x >= 2", "unknown": "out"}}, where="y <> 4", **its),
        metric("net", {"net_share": {"plus": "x >= 3", "minus": "x <= 1", "unknown": "no"}}, **its),
        metric(
            "per", {"ratio": {"numerator": {"sum": "y"}, "denominator": {"count": "rows", "where": "x > 1"}}}, **its
        ),
        metric("index", {"derived": "high + net"}, dimensions=["region"]),
    ]


BASIC: Final = ("rows_all", "whos", "total", "average", "middle", "high", "net", "per")
ROWS: Final = st.lists(
    st.fixed_dictionaries(
        {
            "region": st.sampled_from(["EMEA", "AMER", "APAC", None]),
            "x": st.sampled_from([0, 1, 2, 3, 4, None]),
            "y": st.integers(0, 5),
            "who": st.sampled_from("abc"),
            "at": st.datetimes(LATER.replace(year=2026, tzinfo=None), LATER.replace(year=2026, month=3, tzinfo=None)),
        }
    ),
    max_size=12,
)


def numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "id": i, "at": row["at"].replace(tzinfo=LATER.tzinfo)} for i, row in enumerate(rows)]


# --- laws ---


@OFTEN
@given(rows=ROWS, condition=st.sampled_from(sorted(CONDITIONS)), by=st.sampled_from([(), ("region",)]))
def test_a_narrowed_value_is_the_global_one_over_the_rows_of_the_overlay(
    quick: Maker, rows: list[dict[str, Any]], condition: str, by: tuple[str, ...]
) -> None:
    """Under an overlay a metric is what it is where only the rows exist for which the overlay's condition is true."""
    data = numbered(rows)
    narrow = overlay("part", BASIC, condition)
    asked: dict[str, Any] = {"period": "2026-Q1", "by": by, "stats": "full"}
    whole = quick([facts(), *metrics(), narrow], {"facts": data})
    found = whole.rows(*BASIC, "index", overlay="part", **asked)
    less = quick([facts(), *metrics(), narrow], {"facts": [row for row in data if CONDITIONS[condition](row)]})
    assert all(
        same(mine, its)
        for left, right in zip(found, less.rows(*BASIC, "index", **asked), strict=True)
        for mine, its in zip(left, right, strict=True)
    )


def overlays_of(registry: Registry) -> dict[str, Overlay]:
    """An overlay of every source that is measured, over all of its metrics, with all that an overlay can have."""
    found = {}
    for identity, its in sorted(registry.sources.items()):
        over = [metric.id for metric in registry.metrics.values() if metric.source == identity]
        column = next(name for name, column in its.columns.items() if column.type in {"text", "integer"})
        if over:
            place = its.place
            extra = {f"{identity}_extra": Dimension(name=f"{identity}_extra", expression=parse(column), place=place)}
            found[f"part_of_{identity}"] = Overlay(
                id=f"part_of_{identity}",
                version="1.0.0",
                title=identity,
                owner="us",
                place=place,
                metrics=tuple(over),
                where=parse(f"{column} is not null"),
                dimensions=extra,
                thresholds=tuple(key for key, each in registry.thresholds.items() if each.metric in over),
                min_sample=1_000,
            )
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("folder", [REFERENCE, BASE], ids=["reference", "base"])
def test_what_is_asked_without_an_overlay_does_not_know_of_any(folder: Path, dialect: str) -> None:
    """For every global metric the compiled bytes are the same with and without all overlays."""
    found = load(folder)
    without = replace(found, registry=replace(found.registry, overlays={}))
    added = overlays_of(found.registry)
    assert added
    within = replace(found, registry=replace(found.registry, overlays=found.registry.overlays | added))
    for identity, its in found.registry.metrics.items():
        parts = its.measure if isinstance(its.measure, Derived) else None
        timed = its.time is not None or parts is not None
        for by in ((), its.dimensions[:2]):
            query = Query(
                metrics=(identity,), by=by, period="2026-Q3" if timed else None, grain="month" if timed else None,
                stats="full", draft=True,
            )  # fmt: skip
            assert text(within, query, dialect) == text(without, query, dialect)


def text(loaded: Loaded, query: Query, dialect: str) -> str:
    """The statement, or why there is none."""
    try:
        return compile(loaded, query, dialect=dialect).sql
    except Refused as refused:
        return f"{refused}"


@pytest.mark.parametrize("stats", ["n", "full"])
@pytest.mark.parametrize("weights", [None, POSTSTRATIFY], ids=["drawn", "weighted"])
@pytest.mark.parametrize("seed", [1, 2])
def test_under_a_sampling_rule_an_overlay_chooses_among_the_rows_that_are_kept(
    quick: Maker, seed: int, weights: Document | None, stats: str
) -> None:
    """Nobody moves up, and weights stay those of the whole sample: it is what the same `--where` gives."""
    rule = RULE if weights is None else {**RULE, "weights": {**weights, "empty_cell": {"collapse": "tier"}}}
    world = quick(documents(rule, overlay("mail", ["nps"], "channel = 'email'")), drawn(seed, answers=1200))
    # In a single month some cell of the frame has no row.
    for grain in (None,) if weights else (None, "month"):
        asked: dict[str, Any] = {"period": "2026-Q3", "grain": grain, "stats": stats, "by": ("customer.region",)}
        narrowed = world.rows("nps", overlay="mail", **asked)
        assert narrowed == world.rows("nps", where="channel = 'email'", **asked)
        assert narrowed != world.rows("nps", **asked)


# --- what can be asked ---


def small(*more: Document) -> list[Document]:
    narrow = overlay(
        "emea", ["rows_all", "high", "net"], "region = 'EMEA'", dimensions={"low": "x < 2", "who": "who"}, min_sample=2
    )
    return [facts(), *metrics(), narrow, *more]


def made(*rows: tuple[str | None, int | None, str]) -> dict[str, list[dict[str, Any]]]:
    at = LATER.replace(year=2026, month=2)
    return {
        "facts": [
            {"id": i, "region": region, "x": x, "y": 1, "who": who, "at": at} for i, (region, x, who) in enumerate(rows)
        ]
    }


@pytest.fixture(scope="module")
def world(quick: Maker) -> World:
    return quick(small(), made(("EMEA", 4, "a"), ("EMEA", 0, "b"), ("EMEA", 3, "a"), ("AMER", 0, "c"), (None, 1, "a")))


def test_the_dimensions_of_an_overlay_are_asked_by_their_names(world: World) -> None:
    """They split and filter under the overlay, beside the metric's own; below its minimum nothing is shown."""
    rows = world.rows("rows_all", overlay="emea", by=("who", "region"), period="2026-Q1")
    assert rows == (("a", "EMEA", 2, 2, "ok"), ("b", "EMEA", None, None, "suppressed"))
    assert world.rows("rows_all", overlay="emea", where="not low", period="2026-Q1") == ((2, 2, "ok"),)
    assert world.rows("rows_all", by=("region",), period="2026-Q1") == (
        ("AMER", 1, 1, "ok"),
        ("EMEA", 3, 3, "ok"),
        (None, 1, 1, "ok"),
    )


def test_the_header_names_the_overlay(world: World) -> None:
    lines = world.compile("postgres", "high", overlay="emea", by=("low",), period="2026-Q1").sql.splitlines()
    assert lines[:2] == ["-- high by low", "-- overlay emea"]


def test_a_derived_metric_is_asked_where_all_of_its_parts_are_named(world: World) -> None:
    """It has the overlay's dimensions too."""
    plain = world.rows("index", period="2026-Q1")
    assert world.rows("index", overlay="emea", by=("low",), period="2026-Q1") != plain


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"metrics": ("total",), "overlay": "emea"}, "overlay 'emea' does not narrow 'total'"),
        ({"metrics": ("high", "total"), "overlay": "emea"}, "overlay 'emea' does not narrow 'total'"),
        ({"metrics": ("high",), "overlay": "emae"}, "overlay 'emae' does not exist; did you mean 'emea'?"),
        ({"metrics": ("high",), "by": ("low",)}, "high cannot be split or filtered by 'low'"),
        ({"metrics": ("high",), "overlay": "emea", "by": ("x",)}, "high cannot be split or filtered by 'x'"),
        ({"metrics": ("nothing",), "overlay": "emea"}, "metric 'nothing' does not exist"),
    ],
)
def test_what_an_overlay_cannot_answer_is_refused_by_name(world: World, asked: Any, said: str) -> None:
    with pytest.raises(Refused, match="^" + said.replace("?", r"\?")):
        compile(world.loaded, Query(period="2026-Q1", **asked), dialect="duckdb")


def test_a_part_that_the_overlay_does_not_narrow_is_named() -> None:
    """The other metrics of the derived one would stay global, and the sum of two populations is neither."""
    registry = registry_of([facts(), *metrics(), overlay("half", ["high"], "x > 1")])
    with pytest.raises(Refused) as refused:
        compile(Loaded(registry, Path(), ()), Query(metrics=("index",), overlay="half"), dialect="duckdb")
    assert str(refused.value) == (
        "overlay 'half' does not narrow 'index', as 'index' is derived from 'net', which it does not name"
    )
    assert refused.value.fix == "Ask without it. It narrows: high."


def test_exclusions_hold_under_an_overlay_too(make: Maker) -> None:
    """What they take is counted among the overlay's rows."""
    gone = exclusion("gone", "facts", "who = 'a'", ["rows_all"], "2026-01-01", "2026-04-01")
    world = make(small(gone), made(*[("EMEA", 4, "a")] * 3, *[("EMEA", 0, "b")] * 2, *[("AMER", 1, "a")] * 4))
    asked = Query(metrics=("rows_all",), overlay="emea", period="2026-Q1", without_exclusions=True)
    for engine in world.engines:
        result = run(world.loaded, asked, connection=engine, now=LATER)
        assert [row[0] for row in result.rows] == [2]
        assert result.rows[0][3] == 5
        assert [taken.rows for taken in result.taken] == [3]


def test_attrition_tells_what_the_overlay_took(make: Maker) -> None:
    """Without a rule in the first step, under one as the last."""
    its = documents(RULE, overlay("mail", ["nps"], "channel = 'email'"))
    world = make(its, drawn(1))
    asked = Query(metrics=("nps",), overlay="mail", period="2026-Q3")
    [steps] = attrition(world.loaded, asked, connection="duckdb")
    assert (steps.steps[-1].step, steps.steps[-1].why) == ("asked", "not channel = 'email'")
    kept, chosen = steps.rows[-2:]
    assert kept is not None
    assert chosen is not None
    assert 0 < chosen < kept
    world = make(small(), made(("EMEA", 4, "a"), ("AMER", 0, "c")))
    [steps] = attrition(
        world.loaded, replace(asked, metrics=("high",), overlay="emea", period="2026-Q1"), connection="duckdb"
    )
    assert steps.rows == (1,)


def test_a_threshold_of_an_overlay_is_judged_over_its_rows(make: Maker) -> None:
    """Another threshold of the same metric, month and scope is judged over all rows, in the same run."""
    bands = [{"name": "breach", "below": 50}, {"name": "good"}]
    its = [threshold("here", "high", bands=bands), threshold("everywhere", "high", bands=bands)]
    narrow = overlay("emea", ["high"], "region = 'EMEA'", thresholds=["here"])
    rows = made(*[("EMEA", 4, "a")] * 6, *[("EMEA", 0, "b")] * 2, *[("AMER", 1, "a")] * 8)
    world = make([facts(), *metrics(), narrow, *its], rows)
    found = {each.threshold.id: each for each in judged(world, period="2026-02").judgements}
    assert (found["here"].reading.value, found["everywhere"].reading.value) == (75, 37.5)
    bands_found = {name: each.band for name, each in found.items()}
    assert {name: band.name if band else None for name, band in bands_found.items()} == {
        "here": "good",
        "everywhere": "breach",
    }


# --- old ids ---


def test_an_old_id_answers_with_the_present_one(make: Maker) -> None:
    """The result has the present id, also beside itself and in a derived metric's place."""
    its = metrics()
    its[0]["formerly"] = ["all_rows", "everything"]
    its[-1]["formerly"] = ["old_index"]
    world = make([facts(), *its], made(("EMEA", 4, "a"), ("AMER", 0, "c")))
    plain = Query(metrics=("rows_all", "index"), period="2026-Q1")
    old = replace(plain, metrics=("everything", "rows_all", "old_index"))
    for engine in world.engines:
        assert (
            run(world.loaded, old, connection=engine, now=LATER).rows
            == run(world.loaded, plain, connection=engine, now=LATER).rows
        )
    for dialect in DIALECTS:
        assert compile(world.loaded, old, dialect=dialect).sql == compile(world.loaded, plain, dialect=dialect).sql
    with pytest.raises(Refused, match="metric 'old' does not exist"):
        compile(world.loaded, replace(plain, metrics=("old",)), dialect="duckdb")


def test_the_command_says_that_an_id_is_old(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the error output, so that the statement stays a statement."""
    for path in BASE.rglob("*.yaml"):
        target = tmp_path / path.relative_to(BASE)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes().replace(b"id: nps\n", b"id: nps\nformerly: [nps_old]\n"))
    ask = ["compile", "--period", "2026-Q1", "--registry", str(tmp_path)]
    assert exit_code([*ask, "nps_old"]) == 0
    old = capsys.readouterr()
    assert exit_code([*ask, "nps"]) == 0
    assert capsys.readouterr() == (old.out, "")
    assert old.err == "nps_old is now nps\n"
    assert exit_code([*ask, "panel_nps", "--overlay", "dutch", "--by", "low"]) == 0
    assert capsys.readouterr().out.splitlines()[1:3] == ["-- panel_nps by low", "-- overlay dutch"]
    assert exit_code([*ask, "nps", "--overlay", "dutch"]) == 2
    assert "overlay 'dutch' does not narrow 'nps'" in capsys.readouterr().err


def test_what_is_shown_and_judged_answers_to_old_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A threshold by its own old id, and by that of its metric; a present id is never taken for an old one."""
    old = {
        "id: panel_nps\n": "id: panel_nps\nformerly: [jury_nps]\n",
        "id: panel_nps_quarter\n": "id: panel_nps_quarter\nformerly: [jury_quarter]\n",
    }
    for path in BASE.rglob("*.yaml"):
        target = tmp_path / path.relative_to(BASE)
        target.parent.mkdir(exist_ok=True)
        text = path.read_text(encoding="utf-8")
        for line, more in old.items():
            text = text.replace(line, more)
        target.write_text(text, encoding="utf-8")
    said = {}
    for identity in ("panel_nps", "jury_nps"):
        assert exit_code(["show", identity, "--registry", str(tmp_path)]) == 0
        said[identity] = capsys.readouterr()
    assert said["jury_nps"] == (said["panel_nps"].out, "jury_nps is now panel_nps\n")
    registry = load(tmp_path).registry
    for name in ("panel_nps_quarter", "jury_quarter", "panel_nps", "jury_nps"):
        assert [its.id for its in chosen(registry, [name])] == ["panel_nps_quarter"]
    with pytest.raises(Refused, match="threshold 'jury' does not exist"):
        chosen(registry, ["jury"])
    assert exit_code(["evaluate", "jury_quarter", "--period", "2026-Q9", "--registry", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("jury_quarter is now panel_nps_quarter\n")
