"""Laws of comparisons: what is the same is silent, what moves is told, and no digest hides a statement."""

import json
import random
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from hashlib import sha256
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxgov.api import Query, Refused, read_tree
from cxgov.compiler.planning import plan
from cxgov.compiler.sql import to_sql
from cxgov.governance.changes import Comparison, Side, compare
from cxgov.language.model import Registry
from cxgov.meaning.classes import at_least
from cxgov.meaning.dependencies import overlaid
from cxgov.meaning.digests import doc1, gov1, sem1
from cxgov.meaning.documents import documents
from tests.changing import (
    BASE,
    Data,
    Documents,
    Key,
    Tree,
    base_tree,
    compared,
    dumped,
    metric,
    plain_documents,
    registry_in,
    rich,
    tree_of,
    with_edit,
)
from tests.property_edits import EDITS, ON, SINGLE, Property, properties

REFERENCE: Final = BASE.parents[2] / "metrics"
DIALECTS: Final = ("bigquery", "duckdb", "postgres", "snowflake")
GRAINS: Final = (None, "day", "week", "month", "quarter", "year")
PROPERTIES: Final = dict(properties())


@cache
def reference() -> Tree:
    tree, problems = read_tree(REFERENCE, ".")
    assert not problems
    return tree


def side_of(tree: Tree) -> Side:
    return Side(registry_in(tree), tree)


@cache
def base() -> Side:
    return side_of(tree_of(rich()))


def after(which: Property) -> Documents:
    """The rich registry after the edit of one property."""
    identity, values, others = EDITS[which]
    found = with_edit(rich(), (which[0], identity), values)
    for key, more in others.items():
        found = with_edit(found, key, more)
    return found


@cache
def side_after(which: Property) -> Side:
    return side_of(tree_of(after(which)))


@cache
def found_after(which: Property) -> Comparison:
    return compare(base(), side_after(which))


# --- what is the same ---


@pytest.mark.parametrize("tree", [base_tree(), reference(), tree_of(rich())], ids=["base", "reference", "rich"])
def test_a_registry_does_not_differ_from_itself(tree: Tree) -> None:
    """diff(x, x) is empty: for the same bytes, and for bytes that say the same."""
    same = {f"elsewhere/{path}": data + b"\n" for path, data in tree.items() if not path.endswith(".sql")}
    same |= {path: data for path, data in tree.items() if path.endswith(".sql")}
    for other in (tree, same):
        found = compared(tree, other)
        assert (found.findings, found.bumps, found.moved) == ((), (), ())


@pytest.mark.parametrize("tree", [base_tree(), reference(), tree_of(rich())], ids=["base", "reference", "rich"])
def test_plain_values_lose_nothing(tree: Tree) -> None:
    """Plain values, written and read again, are the same values, and say the same of every digest."""
    registry = registry_in(tree)
    every = plain_documents(registry)
    again = registry_in(tree_of(every))
    assert plain_documents(again) == every
    for key, document in documents(registry).items():
        assert doc1(documents(again)[key]) == doc1(document)


def rewritten(data: Data, draw: random.Random) -> Data:
    """A document that says the same: keys and sets in another order, expressions in another spelling."""
    return _again((data["kind"],), data, draw)  # type: ignore[no-any-return]


SETS: Final = frozenset(
    {"dimensions", "metrics", "consulted", "informed", "formerly", "dialects", "thresholds", "values"}
)
EXPRESSIONS: Final = frozenset(
    {"where", "valid", "of", "among", "plus", "minus", "derived", "sum", "mean", "min", "max"}
)


def _again(path: tuple[str, ...], value: Any, draw: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        draw.shuffle(keys)
        return {key: _again((*path, key), value[key], draw) for key in keys}
    if isinstance(value, list) and (path[-1] in SETS or path[-1] in {"classes", "seats", "members", "rules"}):
        items = [_again((*path, "[]"), its, draw) for its in value]
        draw.shuffle(items)
        return items
    if isinstance(value, list):
        return [_again((*path, "[]"), its, draw) for its in value]
    if isinstance(value, str) and path[-1] != "[]" and (path[-1] in EXPRESSIONS or path[1:2] == ("dimensions",)):
        return _respelt(value, draw)
    if value in {"90 days", "10 days", "21 days"}:
        number = int(value.split()[0])
        return draw.choice([value, f"{number * 24} hours", f"{number * 1440} minutes"][: 2 if number > 6 else 3])
    return value


def _respelt(text: str, draw: random.Random) -> str:
    for old, new in (
        ("(score >= 9)", "9 <= score"), ("(score <= 6)", "6 >= score"), ("(rating >= 4)", "4 <= rating"),
        ("(channel <> 'internal')", "'internal' != channel"), (" and ", "  AND "), ("(score", "(  SCORE"),
    ):  # fmt: skip
        if draw.random() < 0.7:
            text = text.replace(old, new)
    return f"({text})" if draw.random() < 0.3 else text


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)  # loading forty documents takes as long as the machine lets it
def test_a_rewrite_that_keeps_the_meaning_is_silent(seed: int) -> None:
    """Order, spelling, lengths of time, comments, layout, titles and names of files have nothing above editorial."""
    draw = random.Random(seed)
    every = {key: json.loads(dumped(data)) for key, data in rich().items()}
    other: Tree = {path: data for path, data in base().tree.items() if path.endswith(".sql")}
    for number, (key, data) in enumerate(every.items()):
        its = rewritten(data, draw)
        if key[0] not in {"Council", "Metric"} and draw.random() < 0.2:
            its["title"] = "Another title"
        text = json.dumps(its, indent=draw.choice([None, 2]), ensure_ascii=draw.random() < 0.5)
        other[f"{draw.choice('abc')}/{number}.yaml"] = f"# {draw.random()}\n{text}\n".encode()
    renewed = side_of(other)
    found = compare(base(), renewed)
    assert [its for its in found.findings if its.change_class != "editorial"] == []
    assert found.moved == ()
    for key, document in base().documents.items():
        assert gov1(document) == gov1(renewed.documents[key])


# --- what moves ---


def test_every_property_has_an_edit() -> None:
    """A property without one could move unseen, and a test would not notice."""
    assert sorted(set(PROPERTIES) - set(EDITS) - SINGLE) == []
    assert sorted(set(EDITS) - set(PROPERTIES)) == []


@pytest.mark.parametrize("which", EDITS, ids=".".join)
def test_an_edit_of_a_property_is_found_with_its_class(which: Property) -> None:
    """Any change of any property has a finding of at least that property's class; gov1 differs where it is told."""
    found = found_after(which)
    kind, identity = which[0], EDITS[which][0]
    mine = [its for its in found.findings if (its.kind, its.id) == (kind, identity)]
    assert mine, "nothing is said of it"
    change = PROPERTIES[which]
    classes = set(change.values()) if isinstance(change, Mapping) else {change}
    least = {"threshold_tightened" if its == "threshold" else its for its in classes}
    assert any(at_least(its.change_class, wanted) for its in mine for wanted in least), mine
    old, new = base().documents[kind, identity], side_after(which).documents[kind, identity]
    assert doc1(old) != doc1(new)
    assert (gov1(old) != gov1(new)) == any(its.change_class != "editorial" for its in mine)


def drafts(every: Documents) -> Tree:
    """The files of a registry in which every metric is a draft."""

    def draft(its: Data) -> Data:
        return {key: value for key, value in its.items() if key != "deprecated"} | {"status": "draft"}

    return tree_of({key: draft(its) if key[0] == "Metric" else its for key, its in every.items()})


@cache
def base_of_drafts() -> Side:
    return side_of(drafts(rich()))


@pytest.mark.parametrize("which", EDITS, ids=".".join)
def test_an_edit_of_a_draft_is_a_draft(which: Property) -> None:
    """What nothing certified reaches changes as a draft; the registry and its council never are one."""
    edited = drafts(after(which))
    if edited == base_of_drafts().tree:
        return
    found = compare(base_of_drafts(), side_of(edited)).findings
    classes = {its.change_class for its in found if its.kind not in {"Registry", "Council"}}
    assert classes <= {"draft", "editorial"}


# --- digests ---


Pair = tuple[str, str | None]
_WRITTEN: Final[dict[tuple[bytes, str], str]] = {}


def statement(registry: Registry, pair: Pair, dialect: str, grain: str | None, *, split: bool = True) -> str:
    """The statement of a metric by all its dimensions, with everything that can be asked of it."""
    metric = registry.metrics[pair[0]]
    by = (*metric.dimensions, *(registry.overlays[pair[1]].dimensions if pair[1] else ())) if split else ()
    period: dict[str, Any] = {"grain": grain, "period": "2026-Q2"} if has_time(registry, pair) else {}
    query = Query(metrics=(metric.id,), by=by, stats="full", draft=True, overlay=pair[1], **period)
    try:
        found = plan(registry, query)
        # Nothing but the plan is written, so one that is the same to its last digit is not written again.
        key = (sha256(repr(found).encode()).digest(), dialect)
        if key not in _WRITTEN:
            _WRITTEN[key] = to_sql(found, dialect).sql
    except Refused as refusal:
        return f"refused: {refusal}"
    return _WRITTEN[key]


def has_time(registry: Registry, pair: Pair) -> bool:
    metric = registry.metrics[pair[0]]
    return metric.time is not None or metric.source is None


def statements(registry: Registry, pair: Pair, dialect: str) -> dict[str | None, str]:
    """Of every grain on one dialect, and of two on the others."""
    wanted = GRAINS if dialect == "duckdb" else GRAINS[:3:2]
    return {
        grain: statement(registry, pair, dialect, grain) for grain in wanted if not grain or has_time(registry, pair)
    }


@cache
def statements_of_base(pair: Pair, dialect: str) -> dict[str | None, str]:
    return statements(base().registry, pair, dialect)


def meanings(side: Side) -> dict[Pair, str]:
    closures, registry = side.closures, side.registry
    found: dict[Pair, str] = {(its.id, None): closures.clo1(its) for its in registry.metrics.values()}
    return found | {(its.id, overlay.id): closures.under(its, overlay) for its, overlay in overlaid(registry)}


@pytest.mark.parametrize("which", [its for its in EDITS if its[0] != "Council"], ids=".".join)
def test_other_sql_has_another_closure(which: Property) -> None:
    """If any query of a metric compiles to other SQL in one registry than in another, its clo1 differs."""
    edited = side_after(which)
    before, now = meanings(base()), meanings(edited)
    same = sorted((its for its in before.keys() & now.keys() if before[its] == now[its]), key=str)
    # Those that the edit is near to, and some others, each time with another dialect.
    key = (which[0], EDITS[which][0])
    near = base().reaching.of(key) | edited.reaching.of(key)
    draw = random.Random(".".join(which))
    for pair in {*[its for its in same if its[0] in near][:12], *draw.sample(same, min(len(same), 6))}:
        dialect = draw.choice(DIALECTS)
        assert statements_of_base(pair, dialect) == statements(edited.registry, pair, dialect), (pair, dialect)
    told = {(its.id, its.overlay) for its in found_after(which).moved}
    assert told == {its for its in before.keys() | now.keys() if before.get(its) != now.get(its)}


@pytest.mark.parametrize("which", [its for its in EDITS if its[0] not in {"Council", "Threshold"}], ids=".".join)
def test_a_metric_whose_number_can_move_is_named(which: Property) -> None:
    """Where a metric, asked without a split, compiles to other SQL, the comparison names it."""
    found = found_after(which)
    pairs = [(its.id, its.overlay) for its in found.moved if its.old is not None and its.new is not None]
    for pair in random.Random(".".join(which)).sample(pairs, min(len(pairs), 8)):
        sides = (base(), side_after(which))
        old, new = (statement(its.registry, pair, "duckdb", None, split=False) for its in sides)
        if old != new:
            assert "@".join(filter(None, pair)) in found.meaning_moved


def test_an_overlay_moves_nothing_of_a_metric_by_itself() -> None:
    """The closures of all metrics are the same with and without every overlay."""
    tree = base().tree
    without = side_of({path: data for path, data in tree.items() if not path.startswith(("overlay_", "council_"))})
    assert meanings(without) == {pair: its for pair, its in meanings(base()).items() if pair[1] is None}


# --- renames ---


def renamed(every: Documents, key: Key, new: str) -> Documents:
    """A registry in which a document has another id, wherever it is named, and says what it was called."""
    kind, old = key
    found = {}
    for its, data in every.items():
        told = _named_anew(json.loads(dumped(data), parse_float=Decimal), kind, old, new)
        if its == key:
            told |= {"id": new, "formerly": [*data.get("formerly", ()), old]}
        found[(kind, new) if its == key else its] = told
    return found


NAMING: Final[Mapping[str, frozenset[str]]] = {
    "Calendar": frozenset({"calendar"}),
    "Source": frozenset({"source"}),
    "Metric": frozenset({"metric", "metrics", "beneficiaries", "derived", "successor"}),
    "Sampling": frozenset({"sampling"}),
    "Threshold": frozenset({"thresholds"}),
    "Overlay": frozenset({"overlay"}),
}


def _named_anew(value: Any, kind: str, old: str, new: str, key: str = "") -> Any:
    within = key in NAMING.get(kind, ())
    if isinstance(value, dict):
        return {
            new if within and name == old else name: _named_anew(its, kind, old, new, name)
            for name, its in value.items()
        }
    if isinstance(value, list):
        return [_named_anew(its, kind, old, new, key) for its in value]
    if key == "derived" and within:
        return re.sub(rf"\b{old}\b", new, value)
    return new if within and value == old else value


@pytest.mark.parametrize("kind", [kind for kind in ON if kind != "Registry"])
def test_a_rename_that_is_said_moves_no_meaning(kind: str) -> None:
    """With `formerly`, no clo1 and no sem1 moves, and the one finding is the rename."""
    old = ON[kind]
    edited = side_of(tree_of(renamed(rich(), (kind, old), "zz_another")))
    found = compare(base(), edited)
    said = [(its.kind, its.id, its.how, its.old, its.new) for its in found.findings]
    assert said == [(kind, "zz_another", "renamed", old, "zz_another")]
    assert found.findings[0].change_class == ("policy" if kind == "Council" else "additive")
    assert found.moved == ()
    assert sem1(edited.documents[kind, "zz_another"]) == sem1(base().documents[kind, old])


@pytest.mark.parametrize("formerly", [["aa", "bb"], ["bb", "aa"]])
def test_of_two_metrics_that_become_one_the_same_is_told_as_renamed_and_as_moved(formerly: list[str]) -> None:
    """The predecessor of a metric is one: what moved is told of that of which the rename is."""
    forms: dict[str, Data] = {"aa": {"mean": "weight"}, "bb": {"max": "weight"}}
    old = rich() | {("Metric", its): metric(its, form) for its, form in forms.items()}
    one = metric("cc", forms["bb"], title="Metric bb", formerly=formerly)
    found = compared(tree_of(old), tree_of(rich() | {("Metric", "cc"): one}))
    [was] = [its.old for its in found.findings if its.how == "renamed"]
    assert [its.id for its in found.moved] == ([] if was == "bb" else ["cc"])


def test_a_rename_does_not_hide_what_else_it_does() -> None:
    """A metric that is renamed and at once made a draft, or another one, is told as if it had kept its name."""
    for values, change_class in (
        ({"status": "draft"}, "removal"),
        ({"measure.net_share.plus": "score >= 7"}, "formula"),
    ):
        every = renamed(rich(), ("Metric", "panel_twin"), "zz_another")
        found = compare(base(), side_of(tree_of(with_edit(every, ("Metric", "zz_another"), values))))
        assert change_class in {its.change_class for its in found.findings if its.id == "zz_another"}


SPELLINGS: Final[Mapping[str, tuple[Key, Mapping[str, Any]]]] = {
    "quantile": (("Metric", "of_quantile"), {"measure.quantile.q": Decimal("0.50")}),
    "fraction": (("Sampling", "panel"), {"select.fraction": Decimal("0.250")}),
    "confidence": (("Registry", "registry"), {"confidence": Decimal("0.9500")}),
    "range": (("Source", "responses"), {"columns.score.range.1": Decimal("10.0")}),
    "target": (("Threshold", "panel_nps_quarter"), {"target": Decimal("35.0")}),
    "band": (("Threshold", "panel_nps_quarter"), {"bands.0.below": Decimal("20.0")}),
    "cap": (("Sampling", "panel"), {"contact_cap.per": "2160 hours"}),
    "closing": (("Calendar", "corporate"), {"closes": "240 hours"}),
    "fiscal year": (("Calendar", "civil"), {"fiscal_year": {"starts": "02-01", "named_by": "end"}}),
    "default minimum": (("Sampling", "by_value"), {"minimum.complementary": True}),
}


@pytest.mark.parametrize("which", SPELLINGS)
def test_a_number_in_another_spelling_is_the_same(which: str) -> None:
    """Numbers and lengths of time are compared by what they are, and compile to the same statement."""
    key, values = SPELLINGS[which]
    edited = side_of(tree_of(with_edit(rich(), key, values)))
    found = compare(base(), edited)
    assert (found.findings, found.moved) == ((), ())
    for identity in sorted(base().reaching.of(key))[:8]:
        for dialect in DIALECTS:
            pair = (identity, None)
            assert statements_of_base(pair, dialect) == statements(edited.registry, pair, dialect)


def test_a_number_within_an_expression_is_as_it_is_written() -> None:
    """The statement has the literal as it stands, so another spelling of it is told."""
    edited = side_of(tree_of(with_edit(rich(), ("Metric", "nps"), {"measure.net_share.plus": "score >= 9.0"})))
    [finding] = compare(base(), edited).findings
    assert (finding.change_class, finding.old, finding.new) == ("formula", "score >= 9", "score >= 9.0")
