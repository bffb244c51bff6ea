"""A statement with its certificate: comments before and after it that say what it answers and by whose word.

The comments are SQL in every dialect. A line of JSON holds what is needed to write the statement again; a mark at the
end shows where the head was cut off.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, get_args

from cxgov.compiler.planning import plan
from cxgov.compiler.query import GRAINS, Query, Stats
from cxgov.compiler.sql import Compiled, header, to_sql
from cxgov.language.diagnostics import listed
from cxgov.language.strict_json import read_json
from cxgov.ledger.circumstances import programs
from cxgov.ledger.forms import digest, sql1
from cxgov.ledger.objects import Frozen
from cxgov.ledger.readings import Reading, statement_of

MARK: Final = "cxgov"
MAX_FACTS: Final = 256 * 1024
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
        return f"{self.heading}-- {as_text(self.facts)}\n{its.body}-- {MARK} end {sql1(its.body)}\n"

    @property
    def heading(self) -> str:
        """The lines before those facts, for people."""
        its = self.compiled
        title = f"-- {MARK} {self.standing}: {self.because}"
        return f"{title}\n{_harmless(its.sql.removesuffix(its.body).rstrip())}\n"

    @property
    def facts(self) -> dict[str, Any]:
        """What the certificate says to a program."""
        its = self.reading
        facts = {
            "v": _FORM,
            "standing": self.standing.value,
            "metrics": dict(its.closures),
            "query": query_fields(its.query),
            "dialect": self.compiled.dialect,
            "entries": [{"sequence": entry.sequence, "sha256": digest(entry.data)} for entry in its.entries],
            "sql": sql1(self.compiled.body),
        }
        # Another version may write other SQL for the same question, which is nobody's edit.
        return {**facts, "compiler": dict(programs())} if its.frozen else facts


def stated(reading: Reading, dialect: str, drifting: Callable[[Reading, Frozen, str], bool] | None = None) -> Statement:
    """A reading as a statement of a dialect: as it was frozen, where this version would write it otherwise.

    ``drifting`` is as in ``statement_of``.

    Raises:
        Drifted: this version would, and the question is another one.
        Refused: the question has no exact answer, or the dialect lacks what it needs.
    """
    frozen = statement_of(reading, dialect, drifting)
    compiled = to_sql(plan(reading.registry, reading.query), dialect)
    if frozen is not None:
        compiled = replace(compiled, sql=f"{header(compiled.plan)}\n{frozen}", body=frozen)
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
        days = "for other days" if reading.query.period or reading.query.start else "without a period"
        return Standing.PROVISIONAL, f"the definitions of {last.period.id}, asked {days}"
    asked, closing = reading.query, last.period.edges.as_of
    if asked.as_of is not None and (asked.period != last.period.id or asked.as_of != closing):
        return Standing.PROVISIONAL, f"asked as of another instant than the closing of {last.period.id}"
    for part in reading.parts:
        if any(compiled.dialect not in its.sql for its in part.objects):
            return Standing.PROVISIONAL, f"{part.entries[-1].period.id} was not frozen for {compiled.dialect}"
    said = [
        f"{entry.period.id} by entry {entry.sequence}"
        + (f", restatement {entry.restatement}" if entry.restatement else "")
        for entry in reading.entries
    ]
    return Standing.CERTIFIED, "; ".join(said)


def as_text(facts: Mapping[str, Any]) -> str:
    """The facts of a certificate as a line that ends no comment."""
    text = json.dumps(facts, ensure_ascii=True, sort_keys=True, separators=(", ", ": "))
    # What would end a comment of another form stays a comment when somebody's tool rewrites it; a tool that breaks the
    # line or joins it again moves single blanks only.
    return f"{MARK} {text}".replace("*/", "\\u002a/").replace("/*", "/\\u002a").replace("  ", " \\u0020")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a certificate says to a program; ``data`` is all of it. An entry is its sequence and the digest of it."""

    standing: Standing
    metrics: tuple[str, ...]
    query: Query
    dialect: str
    entries: tuple[tuple[int, str], ...]
    compiler: Mapping[str, str]
    sql: str
    data: Mapping[str, Any]


def read_facts(text: str) -> Facts:
    """The facts of a certificate.

    Raises:
        ValueError: they are none, or of a form that this version doesn't know.
    """
    data = read_json(text.encode("utf-8", "surrogatepass"), MAX_FACTS)
    if not isinstance(data, dict) or data.get("v") != _FORM:
        raise ValueError("it is of another form than this version writes")
    try:
        entries = tuple((_of(int, its["sequence"]), _of(str, its["sha256"])) for its in _of(list, data["entries"]))
        return Facts(
            standing=Standing(data["standing"]),
            metrics=tuple(_of(dict, data["metrics"])),
            query=query_of(data["query"]),
            dialect=_of(str, data["dialect"]),
            entries=entries,
            compiler={name: _of(str, version) for name, version in _of(dict, data.get("compiler", {})).items()},
            sql=_of(str, data["sql"]),
            data=data,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"it lacks what a certificate has: {error}") from error


def _of(kind: type[Any], value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not of type {kind.__name__}")
    return value


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


def query_of(fields: Any) -> Query:
    """The question of such fields.

    Raises:
        ValueError: they are none.
    """
    try:
        return Query(**{key: _READ[key](value) for key, value in _of(dict, fields).items()})
    except (KeyError, TypeError) as error:
        raise ValueError(f"it asks what no question asks: {error}") from error


def _words(value: Any) -> tuple[str, ...]:
    return tuple(_of(str, its) for its in _of(list, value))


def _flag(value: Any) -> bool:
    return bool(_of(bool, value))


def _word(value: Any) -> str:
    return str(_of(str, value))


def _one_of(*known: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if value not in known:
            raise ValueError(f"{value!r} is none of {', '.join(known)}")
        return value

    return read


def _instant(value: Any) -> datetime:
    found = datetime.fromisoformat(_word(value))
    if found.tzinfo is None:
        raise ValueError(f"{value!r} has no zone")
    return found


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "metrics": _words,
    "by": _words,
    "grain": _one_of(*GRAINS),
    "period": _word,
    "start": lambda value: date.fromisoformat(_word(value)),
    "end": lambda value: date.fromisoformat(_word(value)),
    "where": _word,
    "stats": _one_of(*get_args(Stats)),
    "as_of": _instant,
    "draft": _flag,
    "without_exclusions": _flag,
    "overlay": _word,
}


def _harmless(heading: str) -> str:
    return heading.replace("*/", "* /").replace("/*", "/ *")
