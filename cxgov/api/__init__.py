"""Python's and the command line's way in: load a registry from disk, compile, run, get rows or Arrow; govern it."""

from typing import TYPE_CHECKING

from cxgov.api.asking import (
    answers,
    attrition,
    check,
    compile,  # noqa: A004  # the field's word for it
    evaluate,
    frozen_otherwise,
    run,
    sample,
    statements,
    verify,
)
from cxgov.api.breaking import break_glass, review_break_glass
from cxgov.api.freezing import freeze, restate
from cxgov.api.governing import affected, approve, audit, bump, deprecate, diff, gate, history, retire, review
from cxgov.api.registries import InvalidRegistry, Loaded, load, read_tree, validate, within
from cxgov.compiler.query import Query, Refused
from cxgov.language.diagnostics import Diagnostic

if TYPE_CHECKING:
    from cxgov.compiler.sql import Compiled
    from cxgov.engines.answering import Answer, Drawn, Result, Steps
    from cxgov.evaluation.judgements import Evaluation
    from cxgov.governance.changes import Comparison
    from cxgov.ledger.certificates import Statement

__all__ = [
    "Answer",
    "Comparison",
    "Compiled",
    "Diagnostic",
    "Drawn",
    "Evaluation",
    "InvalidRegistry",
    "Loaded",
    "Query",
    "Refused",
    "Result",
    "Statement",
    "Steps",
    "affected",
    "answers",
    "approve",
    "attrition",
    "audit",
    "break_glass",
    "bump",
    "check",
    "compile",
    "deprecate",
    "diff",
    "evaluate",
    "freeze",
    "frozen_otherwise",
    "gate",
    "history",
    "load",
    "read_tree",
    "restate",
    "retire",
    "review",
    "review_break_glass",
    "run",
    "sample",
    "statements",
    "validate",
    "verify",
    "within",
]


def __getattr__(name: str) -> object:
    if name == "Compiled":
        from cxgov.compiler.sql import Compiled  # noqa: PLC0415

        return Compiled
    if name in {"Answer", "Drawn", "Result", "Steps"}:
        from cxgov.engines import answering  # noqa: PLC0415

        return getattr(answering, name)
    if name == "Comparison":
        from cxgov.governance.changes import Comparison  # noqa: PLC0415

        return Comparison
    if name == "Evaluation":
        from cxgov.evaluation.judgements import Evaluation  # noqa: PLC0415

        return Evaluation
    if name == "Statement":
        from cxgov.ledger.certificates import Statement  # noqa: PLC0415

        return Statement
    raise AttributeError(name)
