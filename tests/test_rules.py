"""The rule table: codes that last, sentences that say something."""

import re
from collections import Counter
from typing import Final

import pytest

from cxgov.language import rules
from cxgov.language.diagnostics import Diagnostic, Place, Rule, Severity
from cxgov.language.rules import RULES

# Every code that was ever given, with its name. A row is added with a rule and stays for ever: a code that is
# taken away or given to another rule would change what an old report, a filter or a suppression says.
GIVEN: Final = {
    "CX001": "text",
    "CX002": "yaml",
    "CX003": "schema",
    "CX004": "file",
    "CX005": "registry",
    "CX010": "duplicate",
    "CX011": "reference",
    "CX012": "cycle",
    "CX013": "expression",
    "CX014": "value",
    "CX015": "type",
    "CX016": "name",
    "CX017": "path",
    "CX018": "unknown",
    "CX019": "measure",
    "CX020": "entity",
    "CX021": "personal",
    "CX022": "shadow",
    "CX023": "column",
    "CX024": "connection",
    "CX025": "sampling-unit",
    "CX026": "frame",
    "CX027": "selection",
    "CX028": "contact",
    "CX029": "order",
    "CX030": "weights",
    "CX031": "sampled",
    "CX032": "exclusion",
    "CX033": "judged",
    "CX034": "bands",
    "CX035": "formerly",
    "CX036": "overlay",
    "CX037": "council",
    "CX038": "key",
    "CX039": "quorum",
    "CX040": "seat",
    "CX041": "lifecycle",
    "CX042": "successor",
    "CX043": "retired",
    "CX044": "certified-query",
    "CX101": "no-description",
    "CX102": "same-title",
    "CX103": "draft-inside",
    "CX104": "unit",
    "CX105": "deprecated",
    "CX106": "stray-query",
}


def test_a_code_keeps_its_meaning() -> None:
    """Codes are never reused and never disappear."""
    assert {rule.code: rule.name for rule in RULES} == GIVEN


def test_a_code_and_a_name_stand_for_one_rule() -> None:
    """No two rows share a code or a name."""
    assert max(Counter(rule.code for rule in RULES).values()) == 1
    assert max(Counter(rule.name for rule in RULES).values()) == 1


def test_the_table_is_in_order() -> None:
    """Rows stand by code; a group is a hundred."""
    assert [rule.code for rule in RULES] == sorted(rule.code for rule in RULES)


def test_every_rule_of_the_module_is_in_the_table() -> None:
    """A rule outside the table would fire without a page that explains it."""
    written = {value.code for value in vars(rules).values() if isinstance(value, Rule)}
    assert written == {rule.code for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_says_what_holds_and_what_to_do(rule: Rule) -> None:
    """A code of three digits, a name of words, a sentence that holds and a way out, each a whole sentence."""
    assert re.fullmatch(r"CX[0-9]{3}", rule.code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)
    assert isinstance(rule.severity, Severity)
    for sentence in (rule.sentence, rule.fix):
        assert re.fullmatch(r"[A-Z].*\.", sentence)
        assert sentence == " ".join(sentence.split())


def test_a_problem_is_one_line_with_its_fix_under_it() -> None:
    """path:line:column: severity[code name] message, and the way out; the rule's own where the problem has none."""
    place = Place("metrics/nps.yaml", 7, 1)
    problem = Diagnostic(rule=rules.NAME, message="'scroe' is not declared", place=place)
    first, second = str(problem).splitlines()
    assert first == "metrics/nps.yaml:7:1: error[CX016 name] 'scroe' is not declared"
    assert second == f"    fix: {rules.NAME.fix}"
    better = Diagnostic(rule=rules.NAME, message="'scroe' is not declared", place=place, fix="Write score.")
    assert str(better).splitlines()[1] == "    fix: Write score."
