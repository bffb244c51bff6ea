"""Digests that must never move. Approvals and frozen periods name them: rows may be added here, and none changed."""

from decimal import Decimal
from typing import Final

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from cxgov.language.classes import CHANGE_CLASSES
from cxgov.language.expressions import canonical
from cxgov.language.parsing import parse
from cxgov.meaning.classes import at_least, class_of
from cxgov.meaning.digests import Closures, doc1, encoded, gov1, rfc8785_of, sem1
from cxgov.meaning.documents import documents
from tests.changing import Key, registry_in

CALENDAR: Final = """\
apiVersion: cxgov/v1
kind: Calendar
id: civil
version: 1.0.0
title: Civil calendar
owner: finance
zone: Europe/Berlin
week_start: monday
reporting: quarter
closes: 10 days
"""
SOURCE: Final = """\
apiVersion: cxgov/v1
kind: Source
id: answers
version: 1.0.0
title: Answers
owner: cx
relation: cx.answers
grain: one row an answer
key: [answer_id]
columns:
  answer_id: {type: integer}
  score: {type: integer, range: [0, 10]}
  channel: {type: text, values: [email, phone]}
  answered_at: {type: instant}
entities: {answer: {key: [answer_id]}}
dimensions: {channel: channel}
"""
METRIC: Final = """\
apiVersion: cxgov/v1
kind: Metric
id: nps
version: 1.0.0
title: Net Promoter Score
description: Promoters less detractors.
owner: cx
status: certified
source: answers
time: answered_at
where: channel = 'email'
measure:
  net_share: {plus: score >= 9, minus: score <= 6}
unit: points
direction: higher_is_better
dimensions: [channel]
min_sample: 30
"""
INDEX: Final = """\
apiVersion: cxgov/v1
kind: Metric
id: half
version: 1.0.0
title: Half of it
description: Half of the score.
owner: cx
status: certified
measure: {derived: nps / 2.50}
unit: points
direction: higher_is_better
"""
THRESHOLD: Final = """\
apiVersion: cxgov/v1
kind: Threshold
id: nps_month
version: 1.0.0
title: NPS of a month
owner: cx
metric: nps
grain: month
target: 35.5
bands: [{name: breach, below: 20}, {name: good}]
meaningful_change: 5
"""
SAMPLING: Final = """\
apiVersion: cxgov/v1
kind: Sampling
id: each
version: 1.0.0
title: Each answer
owner: cx
source: answers
unit: answer
"""
REGISTRY: Final = """\
apiVersion: cxgov/v1
kind: Registry
id: registry
version: 1.0.0
title: Registry
owner: cx
calendar: civil
dialects: [duckdb]
"""
DOCUMENTS: Final = (REGISTRY, CALENDAR, SOURCE, METRIC, INDEX, THRESHOLD, SAMPLING)
TREE: Final = {f"{number}.yaml": text.encode() for number, text in enumerate(DOCUMENTS)}

# These are written down once. A row that fails says that approvals given before would be lost: make another tag.
GOLDEN: Final[dict[Key, tuple[str, str, str, str]]] = {
    ("Registry", "registry"): (
        "doc1:2a80b5c5438a5337fe9e7a174747e61b85cac4271ee49899b2725fb78e5ec855",
        "gov1:f01566a9bf270462cf2de73cff7086879b777e5e2a94b8e52352a1e4d5861c68",
        "sem1:17a3a1d1b2d872fb6dfa4388f8d0b0be1265d9f20d422477d2e104293f8c502c",
        "clo1:b587e4bbc23096dbc87372eb96fa49d7b15f4714a092c8650d1285fcba9ce3a1",
    ),
    ("Calendar", "civil"): (
        "doc1:5e8f1ba64e265adf0759ee5529ccb31bf5ad4022c79d217c7a8846bf0da86194",
        "gov1:f0ad8445075773a745d5a0d4f3f7d86afce46f005fc09432474d3b3a5736296b",
        "sem1:7a4ffce0e91aa03ff1a44fbbd4b62c203d0c4d0f9e435bcefd7c9239cd41892f",
        "clo1:9da5d041e27e1e0bb57bde2a2022385e9bddd1a425c920ad41f068ae3143c10d",
    ),
    ("Source", "answers"): (
        "doc1:f31e54daf35494b5540084c916a179273d33f04af5d6ca4a0a82808223b36bae",
        "gov1:b95b35bd926d314e5f154b4196f9bf7c43d959a476347d65176b272e7b438796",
        "sem1:15e29337848810bec2f360c8043c2124ae075d695fb20697961c49af5750e2ff",
        "clo1:42667da63e11e3ba75177bb3b11426de71d0c6ed1deccd4d5abb6a65740274e6",
    ),
    ("Metric", "nps"): (
        "doc1:4b91112066feca818da733d524d57ff2685b86238540088632e88a15571fa828",
        "gov1:16a50152ddf91f05b53fcd0f8d130a7f6e82e01f7d1f9198a751c803c0d328ec",
        "sem1:b9e2ccbd5815b1fa35236d247825cc01e8ce9ce629661556395879f952f7bb3f",
        "clo1:e5c7f80a04284ef1ff58deac07c4be6b7e916a921445104fd315deb23f9e0ea6",
    ),
    ("Metric", "half"): (
        "doc1:96c9b4397bd4999ad085328921a49f6bfe0c64595f22b52c69485b74481a3f7d",
        "gov1:fb83d6293ef24d2493e5962199e249f9c0b7804f43ecd480c13bd41b33bbffa3",
        "sem1:14e9a7ec5997606fa88eac05232556eeb0e3143dbbf105f0a53c3c1801fb1a66",
        "clo1:76bb65b5211e4d37d53b6cc2ab28dd919713ecefae777e71bcd80d6b845c3e44",
    ),
    ("Sampling", "each"): (
        "doc1:37ae67cab0f39c24149183fc1d931e4aa7367e02ff01aabc2b6ad702c4f29180",
        "gov1:6051192ba11f3357865f818e08015b025453589495db9669c1ed47c7c13e9d6a",
        "sem1:5b32862c72151342ddc051345805ce15fca86d018f8b329070ff6d9d4d2ac10b",
        "clo1:5daf90209a71d2deb10a7aa4d1f845afde5c4d0794809b1431e4634a83c16874",
    ),
    ("Threshold", "nps_month"): (
        "doc1:7b3b67b3776093757ec27bf83b9d2979f38f16e2a706000a70b97ca843a5255f",
        "gov1:d3905506828c71b6179a4caddd909359c9d67f7b6e9c0ebc975b75117b27e436",
        "sem1:44dd5cf15261e100946384d2b7fceb5028eaba9f57db70a22bd52de47e854dd3",
        "clo1:a60b87832b9829409a297973b8d2dab1866466a65179b00b39c46a8dfeadf9ff",
    ),
}


def found(key: Key) -> tuple[str, str, str, str]:
    registry = registry_in(TREE)
    its = documents(registry)[key]
    return doc1(its), gov1(its), sem1(its), Closures(registry).clo1(its)


@pytest.mark.parametrize("key", GOLDEN, ids=" ".join)
def test_a_digest_is_what_it_was(key: Key) -> None:
    assert found(key) == GOLDEN[key]


def test_every_document_has_its_golden_digests() -> None:
    assert set(GOLDEN) == set(documents(registry_in(TREE)))


def test_each_digest_is_of_its_own_domain() -> None:
    """The same bytes under two tags have two digests, so that one cannot stand for the other."""
    every = [digest.partition(":") for four in GOLDEN.values() for digest in four]
    assert {tag for tag, _, _ in every} == {"doc1", "gov1", "sem1", "clo1"}
    assert len({digest for _, _, digest in every}) == len(every)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("9 <= score", "(score >= 9)"),
        ("B and a", "(a and b)"),
        ("score >= 9.0", "(score >= 9.0)"),
        ("'it''s' = name", "(name = 'it''s')"),
    ],
)
def test_an_expression_is_digested_in_its_canonical_form(text: str, form: str) -> None:
    assert encoded(canonical(parse(text))) == {"expression": form}


def test_a_number_that_json_would_bend_is_digested_as_text() -> None:
    """RFC 8785 writes numbers as doubles do, which have no exact 0.1 and end at 2**53."""
    assert encoded([Decimal("0.10"), Decimal("35.0"), 2**53, True, None]) == [
        {"decimal": "0.1"}, 35, {"decimal": str(2**53)}, True, None,
    ]  # fmt: skip


VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_the_form_that_is_digested_is_that_of_rfc_8785(value: object) -> None:
    """Whatever the characters of keys and texts."""
    assert rfc8785_of(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


def test_the_classes_are_in_their_order() -> None:
    """The order serves laws: a typo is the least, and an edit of history the most."""
    assert CHANGE_CLASSES[0] == "editorial"
    assert CHANGE_CLASSES[-1] == "history"
    assert at_least("formula", "population")
    assert not at_least("ownership", "additive")


def test_a_property_without_a_class_counts_as_the_highest() -> None:
    assert class_of("Metric", ("nowhere",), "changed") == "policy"
    assert class_of("Source", ("columns", "score", "nowhere"), "changed") == "source"
    assert class_of("Source", ("columns", "score"), "added") == "additive"
    assert class_of("Source", ("columns", "score", "type"), "added") == "source"
