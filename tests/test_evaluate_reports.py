"""What `cxgov evaluate` and `cxgov sample` print: words, charts, pictures and escapes, from judgements made by hand."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from decimal import Decimal
from typing import Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cxgov.evaluation.changes import State
from cxgov.language.diagnostics import visible
from cxgov.reports.charts import COLUMNS, axis_of, chart, nice_axis
from cxgov.reports.evaluations import as_json, as_markdown, as_text
from cxgov.reports.judging import change_words, state_words, summary
from cxgov.reports.markdown import escaped
from cxgov.reports.numbers import exact, level, places, probability, written
from cxgov.reports.pictures import picture
from tests.judged import (
    FALLING,
    HOSTILE,
    PICTURES,
    bands,
    change,
    evaluation,
    hostile,
    judgement,
    metric,
    reading,
    threshold,
)

SVG: Final = "{http://www.w3.org/2000/svg}"


# --- numbers ---


@pytest.mark.parametrize(
    ("value", "limits", "shown"),
    [(29.97, [30.0], "29.97"), (30.03, [30.0], "30.03"), (30.0, [30.0], "30.0"),
     (29.4, [30.0], "29.4"), (29.9999999999, [30.0], "30.0"), (-0.04, [], "0.0")],
)  # fmt: skip
def test_a_number_is_not_rounded_over_a_limit(value: float, limits: list[float], shown: str) -> None:
    """What lies in a breach below 30 does not read as 30.0; what only floating point parts from it does."""
    assert written(value, places(value, "points", limits)) == shown


@pytest.mark.parametrize(
    ("confidence", "shown"), [(0.95, "95%"), (0.9833333, "98.3%"), (0.999917, "99.9917%"), (0.5, "50%"), (0.99, "99%")]
)
def test_a_confidence_is_never_rounded_to_certainty(confidence: float, shown: str) -> None:
    assert level(confidence) == shown


def test_numbers_of_documents_and_probabilities() -> None:
    assert [exact(its) for its in (Decimal("0.850"), 1200, Decimal("1E+3"), -5)] == ["0.85", "1,200", "1,000", "-5"]
    assert [probability(p) for p in (0.0361, 0.00000001, 0.9, 1.0)] == ["0.036", "< 0.0001", "0.90", "1.00"]


# --- words ---


STATES: Final = {
    "insufficient_n": "insufficient n: too few rows, or too much alike, to say how sure it is",
    "meaningful": "meaningful: the whole interval lies beyond ±5",
    "meaningful_size_uncertain": (
        "meaningful, size uncertain: at least 5, and the interval excludes 0 but not all of it lies beyond ±5"
    ),
    "no_meaningful_change": "no meaningful change: the whole interval lies within ±5",
    "significant_below_threshold": (
        "significant below threshold: less than 5, but the interval excludes 0 and reaches beyond ±5"
    ),
    "inconclusive": "inconclusive: the interval contains both 0 and -5",
}


def test_every_state_has_its_words() -> None:
    assert tuple(STATES) == get_args(State)
    assert {state: state_words(change(state), "5") for state in get_args(State)} == STATES
    assert state_words(change(low=-1.0, high=5.0), "5").endswith("0 and +5")
    assert state_words(change(low=-6.0, high=5.5), "5").endswith("0 and ±5")
    assert state_words(change("insufficient_n", difference=None), "5").endswith("one of the two has no value")


def test_a_change_names_its_bucket_interval_level_and_family() -> None:
    its = judgement(*FALLING, threshold=threshold(family="regions"), change=change(confidence=0.9833333))
    assert change_words(its) == [
        "-4.1 points against 2026-01-04 (36.0), 98.3% interval -7.2 to +1.0; ±5 matters",
        "inconclusive: the interval contains both 0 and -5",
        "corrected for its family regions: p 0.012, adjusted 0.036",
    ]
    alone = change_words(judgement(*FALLING))
    assert len(alone) == 2
    shares = judgement(*FALLING, metric=metric(unit="percent"))
    assert change_words(shares)[0].startswith("-4.1 percentage points against")


def test_a_change_that_cannot_be_judged_says_why() -> None:
    assert change_words(judgement(*FALLING, change=None))[-1] == "not judged: the metric has no interval"
    assert change_words(judgement(FALLING[0], change=None)) == [
        "not judged: there is no earlier bucket to compare with"
    ]
    nothing = change("insufficient_n", difference=None, low=None, high=None, p=None, adjusted_p=None)
    lines = change_words(judgement(*FALLING, earlier=FALLING[1], change=nothing))
    assert lines[0] == "against 2026-01-02 (suppressed); ±5 matters"


def test_the_summary_counts_the_worst_first() -> None:
    good, bad, none = judgement(reading(0, 50.0)), judgement(reading(0, 1.0)), judgement(reading(0, None))
    other = threshold(id="other", bands=bands("fine", 3, "poor", 6, "breach"))
    slow = judgement(reading(0, 5.0), threshold=other, metric=metric(direction="lower_is_better"))
    fast = judgement(reading(0, 1.0), threshold=other, metric=metric(direction="lower_is_better"))
    assert summary(evaluation(none, good, bad)) == "1 threshold, judged 3 times: 1 breach, 1 good, 1 no data"
    assert summary(evaluation(fast, slow)) == "1 threshold, judged 2 times: 1 poor, 1 fine"
    assert summary(evaluation(good)) == "1 threshold: 1 good"
    assert summary(evaluation()) == "0 thresholds"


# --- text ---

TEXT: Final = """\
breach  Daily NPS | Net Promoter Score | 2026-01-05
  value      29.97 points, 95% interval 26.97 to 32.97, n 4,512
  target     40 points, not reached
  change     -4.1 points against 2026-01-04 (36.0), 95% interval -7.2 to +1.0; ±5 matters
             inconclusive: the interval contains both 0 and -5

    2026-01-01  41.00 │           ┊              ┊   ├─◆─●────┤
    2026-01-02      · │           ┊              ┊     ◆
    2026-01-03      – │           ┊              ┊     ◆
  < 2026-01-04  36.00 │           ┊      ├─────●─┼──┤  ◆
  > 2026-01-05  29.97 │    ├──────●─────┤        ┊     ◆
                      └────────────────────────────────────────────
                       25                                        45

  bands      breach below 30, watch below 37, good
  who        responsible: cx-insights; accountable: vp-cx; consulted: support, product; owner of the threshold:
             cx-insights
  playbook   https://wiki.example/nps_playbook
  threshold  nps_day 1.0.0

├─●─┤ value with its 95% interval   ┊ end of a band   ◆ target   > judged   < compared with   · suppressed   – no data
1 threshold: 1 breach
"""


def test_the_text() -> None:
    assert as_text(evaluation(judgement(*FALLING))) == TEXT


def test_judgements_of_one_threshold_share_a_chart() -> None:
    text = as_text(evaluation(judgement(*FALLING[:4]), judgement(*FALLING)))
    assert text.count("└") == 1
    assert [line[2] for line in text.splitlines() if "│" in line] == [" ", " ", "<", ">", ">"]
    assert "1 threshold, judged 2 times: 1 breach, 1 watch" in text


def test_colour_is_the_breach_alone() -> None:
    breach, watch = judgement(*FALLING), judgement(*FALLING[:4])
    plain, colored = as_text(evaluation(breach, watch)), as_text(evaluation(breach, watch), color=True)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain
    assert re.findall(r"\x1b\[1;31m(.*?)\x1b\[0m", colored) == ["breach"]


def test_a_suppressed_bucket_tells_no_count() -> None:
    text = as_text(evaluation(judgement(*FALLING[:2], change=change("insufficient_n", difference=None))))
    assert text.startswith("suppressed  Daily NPS")
    assert "n 3" not in text
    assert json.loads(as_json(evaluation(judgement(*FALLING[:2]))))["judgements"][0]["reading"]["n"] is None
    assert ">3<" not in picture(judgement(*FALLING), 0.95)
    assert "n 3" not in picture(judgement(*FALLING), 0.95)


def test_early_is_said_in_text_and_markdown() -> None:
    early = evaluation(judgement(*FALLING), early=True)
    assert "\n!  asked before" in as_text(early)
    assert "**Early**" in as_markdown(early)
    assert "asked before" not in TEXT


def test_nothing_judged_is_no_failure() -> None:
    assert as_text(evaluation()) == "0 thresholds\n"
    assert as_markdown(evaluation()) == "# Evaluation of 2026-01\n\n0 thresholds.\n"
    assert json.loads(as_json(evaluation()))["judgements"] == []


# --- the chart in a terminal ---


VALUES: Final = st.one_of(st.none(), st.floats(-1e300, 1e300))


@given(
    st.lists(st.tuples(VALUES, st.none() | st.floats(0, 1e7)), min_size=1, max_size=12),
    st.none() | st.integers(-1000, 1000),
    st.lists(st.integers(-1000, 1000), max_size=4, unique=True),
)
def test_a_chart_stays_aligned(
    found: list[tuple[float | None, float | None]], target: int | None, ends: list[int]
) -> None:
    """Whatever the values, every line has its axis in one column and none is longer than the axis."""
    edges = [part for i, end in enumerate(sorted(ends)) for part in (f"b{i}", end)]
    its = judgement(
        *(reading(i, value, half) for i, (value, half) in enumerate(found)),
        threshold=threshold(target=target, bands=bands(*edges, "rest")),
    )
    *lines, base, ends_line = chart([its]) if axis_of([its], 9) else [*chart([its]), "", ""]
    if not base:
        assert all(value is None for value, _ in found)
        return
    place = base.index("└")
    assert {line.index("│") for line in lines} == {place}
    assert max(map(len, [*lines, ends_line])) <= len(base) == place + 1 + COLUMNS
    for line, (value, _) in zip(lines, found, strict=True):
        assert (line[place:].count("●") == 1) == (value is not None)
        assert line[place:].count("├") <= 1
        assert target is None or "◆" in line[place:] or value is not None


def test_negative_values_and_equal_ones_have_an_axis() -> None:
    flat = judgement(reading(0, -20.0), reading(1, -20.0), threshold=threshold(target=None, bands=bands("all")))
    lines = chart([flat])
    assert [line.index("●") for line in lines[:2]] == [lines[0].index("●")] * 2
    assert lines[-1].split() == ["-22", "-18"]
    zero = judgement(reading(0, 0.0), threshold=threshold(target=None, bands=bands("all")))
    assert chart([zero])[-1].split() == ["-1", "1"]


def test_an_interval_beyond_the_axis_has_no_stop() -> None:
    its = judgement(reading(0, 35.0, 500.0), reading(1, 35.0, 1.0))
    wide = chart([its])[0]
    assert "├" not in wide
    assert "┤" not in wide
    assert "├" in chart([its])[1]


def test_what_lies_before_the_series_is_shown_above_a_gap() -> None:
    its = judgement(reading(30, 38.0), reading(31, 39.0), earlier=reading(2, 36.0))
    assert [line.split()[:2] for line in chart([its])[:4]] == [
        ["<", "2026-01-03"],
        ["⋮"],
        ["2026-01-31", "38.0"],
        [">", "2026-02-01"],
    ]


def test_an_axis_leaves_out_ends_of_bands_that_no_value_is_near() -> None:
    far = threshold(target=None, bands=bands("a", -1000, "b", 30, "c", 37, "d", 5000, "e"))
    axis = axis_of([judgement(reading(0, 31.0), reading(1, 33.0), threshold=far)], 9)
    assert axis is not None
    assert (axis.low, axis.high) == (30, 37)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(6, 11))
def test_an_axis_is_round_and_holds_its_ends(low: float, span: float, most: int) -> None:
    """It has four ticks or more and no more than asked, at equal steps of 1, 2, 2.5 or 5 times a power of ten."""
    high = low + span
    axis = nice_axis(low, high, most)
    steps = {other - one for one, other in zip(axis.ticks, axis.ticks[1:], strict=False)}
    assert axis.low <= low
    assert high <= axis.high
    assert len(steps) == 1
    assert f"{next(iter(steps)):e}".split("e")[0].rstrip("0").rstrip(".") in {"1", "2", "2.5", "5"}
    assert 3 <= len(axis.ticks) <= most


# --- Markdown ---


MARKDOWN: Final = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PROSE: Final = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("|`*_<>&@#[]()!~$\\-+.:\"'\n\r\t ")))


@given(PROSE)
def test_text_in_markdown_is_shown_as_it_is_and_acts_on_nothing(text: str) -> None:
    """In a cell and in a line it gives letters alone: no tag, no code, no link, no other cell."""
    wanted = " ".join(re.sub(r"(?<![A-Za-z0-9])@|#", lambda its: f"{its[0]}\u200b", visible(text)).split())
    for source in (f"| a | b |\n| --- | --- |\n| x{escaped(text)} | y |", f"- x{escaped(text)}"):
        tokens = MARKDOWN.parse(source)
        inline = [token for token in tokens if token.type == "inline"]
        [its] = [token for token in inline if token.content.startswith("x")]
        assert len(inline) == (4 if source.startswith("|") else 1)
        assert {child.type for child in its.children or ()} <= {"text", "text_special"}
        shown = "".join(child.content for child in its.children or ())
        assert " ".join(shown.removeprefix("x").split()) == wanted
        assert "\n" not in escaped(text)


def test_a_name_in_markdown_notifies_nobody() -> None:
    assert escaped("@council, see #12 or mail cx@example.com") == (
        "@&#8203;council, see #&#8203;12 or mail cx@example.com"
    )


def test_the_markdown() -> None:
    text = as_markdown(evaluation(judgement(*FALLING[:4]), judgement(*FALLING)))
    assert text.startswith(
        "# Evaluation of 2026-01\n\n"
        "1 threshold, judged 2 times: 1 breach, 1 watch.\n\n"
        "| band | threshold | bucket | scope | value | target | change |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| watch | Daily NPS | 2026-01-04 |  | 36.0 points | 40 points, not reached | inconclusive |\n"
        "| **breach** | Daily NPS | 2026-01-05 |  | 29.97 points | 40 points, not reached | inconclusive |\n\n"
        "## Daily NPS\n\n"
        "Of Net Promoter Score: breach below 30, watch below 37, good.\n"
    )
    assert "- change: -4.1 points against 2026-01-04 (36.0), 95% interval -7.2 to +1.0; ±5 matters\n" in text
    series = text[text.index("| bucket | points") :].splitlines()[2:7]
    assert series == [
        "| 2026-01-01 | 41.0 | 39.0 to 43.0 | 1,000 |  |",
        "| 2026-01-02 | · |  |  |  |",
        "| 2026-01-03 | – |  | 0 |  |",
        "| 2026-01-04 | 36.0 | 33.5 to 38.5 | 1,000 | watch |",
        "| 2026-01-05 | 29.97 | 26.97 to 32.97 | 4,512 | **breach** |",
    ]
    tokens = MARKDOWN.parse(text)
    assert sum(token.type == "table_open" for token in tokens) == 2


def test_hostile_text_is_shown_and_nothing_more() -> None:
    found = evaluation(hostile())
    text = as_text(found)
    assert all(line.isprintable() for line in text.splitlines())
    assert "is_new true" in text
    page = as_markdown(found)
    tokens = MARKDOWN.parse(page)
    kinds = {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close"}
    assert "@council" not in page
    assert sum(token.type == "heading_open" for token in tokens) == 2
    assert json.loads(as_json(found))["judgements"][0]["threshold"]["title"] == HOSTILE
    root = ET.fromstring(picture(hostile(), 0.95))  # noqa: S314  # our own text
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "desc", "g", "rect", "line", "circle", "text",
    }  # fmt: skip


# --- pictures ---


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_needs_nothing_else(name: str) -> None:
    """Well-formed, named for those who hear it, without scripts, styles or references, and everything within it."""
    text = picture(PICTURES[name], 0.95)
    assert text == picture(replace(PICTURES[name]), 0.95)
    assert (
        not re.search(
            r"<script|<style|href|url\(|@import|nan|inf(?!o)", text.replace("insufficient", ""), re.IGNORECASE
        )
        or name == "hostile"
    )
    root = ET.fromstring(text)  # noqa: S314  # our own text
    assert root.get("role") == "img"
    assert [child.tag for child in root[:2]] == [f"{SVG}title", f"{SVG}desc"]
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    for element in root.iter():
        for key in ("x", "x1", "x2", "cx"):
            assert 0 <= float(element.get(key, "0")) <= width
        for key in ("y", "y1", "y2", "cy"):
            assert 0 <= float(element.get(key, "0")) <= height


def test_a_picture_breaks_its_line_where_a_value_is_missing() -> None:
    root = ET.fromstring(picture(judgement(*FALLING), 0.95))  # noqa: S314  # our own text
    assert len(root.findall(f".//{SVG}circle")) == 3
    lines = [its for its in root.findall(f"{SVG}line") if its.get("stroke-width") == "2"]
    assert len(lines) == 1
    shown = [its.text for its in root.findall(f"{SVG}text")]
    assert {"·", "–", "breach", "watch", "good", "target 40", "points"} <= set(shown)


def test_the_name_of_the_target_stands_at_its_line() -> None:
    """Also where it lies in the middle of a band, whose name gives way."""
    its = threshold(target=5, bands=bands("good", 6, "watch", 8, "breach"))
    middle = judgement(reading(0, 4.5, 0.5), reading(1, 7.0, 0.5), threshold=its)
    root = ET.fromstring(picture(middle, 0.95))  # noqa: S314  # our own text
    [line] = [each for each in root.findall(f"{SVG}line") if each.get("stroke-dasharray")]
    [name] = [each for each in root.findall(f"{SVG}text") if each.text == "target 5"]
    assert abs(float(name.get("y", "")) - 4 - float(line.get("y1", ""))) < 1


def test_ticks_of_a_picture_are_four_to_six() -> None:
    for its in PICTURES.values():
        axis = axis_of([its], 6)
        assert axis is None or 4 <= len(axis.ticks) <= 6


def test_names_of_many_buckets_are_thinned_from_the_judged_one() -> None:
    root = ET.fromstring(picture(PICTURES["hundred"], 0.95))  # noqa: S314  # our own text
    names = [its.text for its in root.iter(f"{SVG}text") if its.get("transform")]
    assert names[-1] == "2026-04-10"
    assert 20 < len(names) < 50
