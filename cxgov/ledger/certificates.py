"""A statement with its certificate: comments before and after it that say what it answers and by whose word.

The comments are SQL in every dialect. A line of JSON holds what is needed to write the statement again; a mark at the
end shows where the head was cut off.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from cxgov.compiler.query import Query
from cxgov.compiler.sql import Compiled
from cxgov.language.diagnostics import listed
from cxgov.ledger.forms import digest, sql1
from cxgov.ledger.readings import Reading

MARK: Final = "cxgov"
_FORM: Final = 1


class Standing(StrEnum):
    """What a statement is by the definitions that it was compiled from."""

    CERTIFIED = "CERTIFIED"
    PROVISIONAL = "PROVISIONAL"
    DRAFT = "DRAFT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement with the definitions that it was compiled from, and what that makes of it."""

    compiled: Compiled
    reading: Reading
    standing: Standing
    because: str

    @property
    def sql(self) -> str:
        """The statement between its certificate and the mark at its end."""
        its = self.compiled
        title = f"-- {MARK} {self.standing}: {self.because}"
        heading = its.sql.removesuffix(its.body).rstrip("\n")
        return f"{title}\n{_harmless(heading)}\n{_facts(self)}\n{its.body}-- {MARK} end {sql1(its.body)}\n"


def certified(compiled: Compiled, reading: Reading) -> Statement:
    """A compiled reading as what it is."""
    standing, because = _standing(compiled, reading)
    return Statement(compiled=compiled, reading=reading, standing=standing, because=because)


def _standing(compiled: Compiled, reading: Reading) -> tuple[Standing, str]:
    drafts = [output.metric.id for output in compiled.plan.outputs if output.metric.status == "draft"]
    if drafts:
        return Standing.DRAFT, f"{listed(drafts)} is a draft" if len(drafts) == 1 else f"{listed(drafts)} are drafts"
    if not reading.frozen:
        return Standing.PROVISIONAL, "not frozen, and may mean something else tomorrow"
    last = reading.entries[-1]
    if reading.throughout:
        return Standing.PROVISIONAL, f"the definitions of {last.period.id}, asked for other days"
    if any(compiled.dialect not in its.sql for its in reading.objects):
        return Standing.PROVISIONAL, f"{last.period.id} was not frozen for {compiled.dialect}"
    said = [
        f"{entry.period.id} by entry {entry.sequence}"
        + (f", restatement {entry.restatement}" if entry.restatement else "")
        for entry in reading.entries
    ]
    return Standing.CERTIFIED, "; ".join(said)


def _facts(its: Statement) -> str:
    facts = {
        "v": _FORM,
        "standing": its.standing.value,
        "metrics": dict(its.reading.closures),
        "query": query_fields(its.reading.query),
        "dialect": its.compiled.dialect,
        "entries": [{"sequence": entry.sequence, "sha256": digest(entry.data)} for entry in its.reading.entries],
        "sql": sql1(its.compiled.body),
    }
    text = json.dumps(facts, ensure_ascii=True, sort_keys=True, separators=(", ", ": "))
    # What would end a comment of another form stays a comment when somebody's tool rewrites it.
    return f"-- {MARK} {text}".replace("*/", "*\\/").replace("/*", "\\/*")


def query_fields(query: Query) -> dict[str, Any]:
    """A question as JSON: what is asked beside its metrics, without what was left out."""
    fields: Mapping[str, Any] = {
        "metrics": list(query.metrics),
        "by": list(query.by),
        "grain": query.grain,
        "period": query.period,
        "start": query.start and query.start.isoformat(),
        "end": query.end and query.end.isoformat(),
        "where": query.where,
        "stats": query.stats,
        "as_of": query.as_of and query.as_of.isoformat(),
        "draft": query.draft,
        "without_exclusions": query.without_exclusions,
        "overlay": query.overlay,
    }
    return {key: value for key, value in fields.items() if value not in (None, [], False)}


def query_of(fields: Mapping[str, Any]) -> Query:
    """The question of such fields.

    Raises:
        ValueError: they are none.
    """
    read: dict[str, Callable[[Any], Any]] = {
        "metrics": tuple,
        "by": tuple,
        "start": date.fromisoformat,
        "end": date.fromisoformat,
        "as_of": datetime.fromisoformat,
    }
    try:
        return Query(**{key: read.get(key, _same)(value) for key, value in fields.items()})
    except TypeError as error:
        raise ValueError(f"it asks what no question asks: {error}") from error


def _same(value: Any) -> Any:
    return value


def _harmless(heading: str) -> str:
    return heading.replace("*/", "* /").replace("/*", "/ *")
