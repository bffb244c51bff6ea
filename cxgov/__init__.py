"""Governed metrics-as-code for customer experience.

Load a registry, compile a query to one SQL statement, run it, get Arrow:

    loaded = cxgov.load("metrics")
    query = cxgov.Query(metrics=("nps",), by=("region",), grain="month", period="2026-Q3")
    print(cxgov.compile(loaded, query, dialect="postgres").sql)
    table = cxgov.run(loaded, query, connection="demo").to_arrow()

Names are imported when they are first used, so that ``import cxgov`` stays light.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxgov.api import (
        Answer,
        Comparison,
        Compiled,
        Diagnostic,
        Drawn,
        Evaluation,
        InvalidRegistry,
        Loaded,
        Query,
        Refused,
        Result,
        Statement,
        Steps,
        answers,
        attrition,
        bump,
        check,
        compile,  # noqa: A004  # the field's word for it
        diff,
        evaluate,
        freeze,
        load,
        restate,
        run,
        sample,
        statements,
        validate,
        verify,
    )

__version__ = "0.1.0"

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
    "answers",
    "attrition",
    "bump",
    "check",
    "compile",
    "diff",
    "evaluate",
    "freeze",
    "load",
    "restate",
    "run",
    "sample",
    "statements",
    "validate",
    "verify",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        msg = f"module 'cxgov' has no attribute {name!r}"
        raise AttributeError(msg)
    from cxgov import api  # noqa: PLC0415  # this is what keeps `import cxgov` light

    return getattr(api, name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
