"""A text of SQL and a ledger to what each of its statements is: valid, stale, altered, provisional, draft or unknown.

Nothing is believed: the question of a certificate is compiled again from the entries that it names, and every token
and comment is compared with what comes out.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from shlex import quote
from typing import Final, assert_never

from cxgov.compiler.query import Query, Refused
from cxgov.language.diagnostics import Place, listed, visible
from cxgov.language.model import Registry
from cxgov.ledger.certificates import Facts, Standing, stated
from cxgov.ledger.chain import Ledger
from cxgov.ledger.circumstances import programs
from cxgov.ledger.clauses import Difference
from cxgov.ledger.comparing import Expected, Finding, compare, unreadable
from cxgov.ledger.entries import Entry
from cxgov.ledger.forms import digest
from cxgov.ledger.marked import Piece, marks_of, said, statements_in
from cxgov.ledger.objects import Frozen, registry_of
from cxgov.ledger.readings import Definitions, Drifted, Reading, drifts
from cxgov.ledger.tokens import READ


class Answer(StrEnum):
    """What a statement is."""

    VALID = "valid"
    STALE = "stale"
    PROVISIONAL = "provisional"
    DRAFT = "draft"
    UNKNOWN = "unknown"
    CANNOT_SAY = "cannot say"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing by which a statement is altered, at its place; with clause, expected and found where tokens differ."""

    message: str
    place: Place
    difference: Difference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """One statement of a text and what it is.

    ``facts`` are those of its certificate, believed or not. ``reformatted``: its bytes are others than were compiled,
    its tokens are not. ``wrapped``: it stands in a `select * from (…)`, or has an order or a limit of its own.
    ``notes`` are for people, ``fix`` the way out.
    """

    answer: Answer
    place: Place
    facts: Facts | None = None
    reformatted: bool = False
    wrapped: bool = False
    findings: tuple[Found, ...] = ()
    notes: tuple[str, ...] = ()
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unmade:
    """Why a certificate's question was not compiled: ``refused`` by this version, or else ``forged``."""

    refused: str = ""
    fix: str = ""
    forged: str = ""


_NO_STATEMENT: Final = "there is no statement in it"


class Verifier:
    """Verifies texts against a ledger and the registry of today, which is read only for what is not frozen."""

    def __init__(self, ledger: Ledger, today: Callable[[], Registry]) -> None:
        self.ledger = ledger
        self.now = Definitions(ledger, today)
        self._made: dict[str, Expected | _Unmade] = {}
        self._past = cache(self._past_of)
        self._last = cache(self._last_of)
        self._drifted: dict[tuple[int, str, str], bool] = {}

    def verify(self, path: str, text: str) -> tuple[Verified, ...]:
        """What each statement of a text is; a text without any is unknown.

        Raises:
            Altered: the ledger is not what was written.
        """
        text = text.removeprefix("\ufeff")
        places = _Places(path, text)
        found = tuple(self._verified(piece, places) for piece in statements_in(text))
        return found or (Verified(answer=Answer.UNKNOWN, place=places.at(0), notes=(_NO_STATEMENT,)),)

    def _verified(self, piece: Piece, places: "_Places") -> Verified:
        here = Verified(answer=Answer.UNKNOWN, place=places.at(piece.start))
        marks = marks_of(said(piece.between(0)))
        if marks is None:
            return replace(here, notes=("it has no certificate",), fix="Compile it with `cxgov compile`.")
        here = replace(here, facts=marks.facts)
        facts = marks.facts
        if facts is None:
            broken = unreadable(piece)
            return _altered(here, marks.wrong) if broken is None else _altered(here, _placed(broken, places))
        if facts.dialect in READ and facts.dialect != piece.dialect:
            return _altered(here, "certificate: its dialect does not stand where it is looked for")
        missing = [sequence for sequence, _ in facts.entries if sequence > len(self.ledger)]
        if missing:
            note = f"entry {missing[0]} is not in this ledger, which has {len(self.ledger)}"
            fix = "Fetch the registry as it is now. If it is that, the certificate is not of this registry."
            return replace(here, notes=(note,), fix=fix)
        for sequence, sha256 in facts.entries:
            entry = self.ledger.at(sequence) if sequence > 0 else None
            if not isinstance(entry, Entry) or digest(entry.data) != sha256:
                return _altered(here, f"certificate: it names another entry {sequence} than the ledger has")
        if facts.standing is Standing.CERTIFIED and not facts.entries:
            return _altered(here, "certificate: it says CERTIFIED and names no entry of the ledger")
        expected = self._expected(facts)
        if isinstance(expected, _Unmade):
            return self._refused(expected, facts, here)
        compared = compare(piece, marks, expected)
        if compared.findings:
            found = replace(here, findings=tuple(_placed(its, places) for its in compared.findings))
            return self._differs(facts, found)
        found = replace(
            here,
            answer=_BY_STANDING[expected.statement.standing],
            reformatted=compared.reformatted,
            wrapped=compared.wrapped,
        )
        match expected.statement.standing:
            case Standing.CERTIFIED:
                stale = self._stale(facts)
                if stale:
                    return replace(found, answer=Answer.STALE, notes=tuple(stale), fix=self._again(facts))
                return found
            case Standing.PROVISIONAL | Standing.DRAFT:
                return self._uncertified(expected.statement.because, facts, found)
            case _:
                assert_never(expected.statement.standing)

    def _refused(self, expected: _Unmade, facts: Facts, here: Verified) -> Verified:
        if not facts.entries:
            note = f"today {expected.refused or expected.forged}"
            return replace(self._uncertified(note, facts, here), answer=_BY_STANDING[facts.standing])
        if expected.forged:
            return _altered(here, f"certificate: {expected.forged}")
        return replace(here, answer=Answer.CANNOT_SAY, notes=(expected.refused,), fix=expected.fix)

    def _differs(self, facts: Facts, found: Verified) -> Verified:
        """A statement that is not what this version writes: altered, if none but this one says that it wrote it."""
        if not facts.entries:
            note = "it is not what the registry compiles today"
            return replace(self._uncertified(note, facts, found), answer=_BY_STANDING[facts.standing])
        if not facts.compiler or facts.compiler == programs():
            return replace(found, answer=Answer.ALTERED, fix=self._again(facts))
        wrote = " ".join(f"{name}=={version}" for name, version in facts.compiler.items())
        note = f"it says that it was written by {wrote}, and this version writes something else"
        return replace(found, answer=Answer.CANNOT_SAY, notes=(note,), fix=f"Verify it with that. {self._again(facts)}")

    def _uncertified(self, note: str, facts: Facts, found: Verified) -> Verified:
        period = facts.query.period
        if facts.entries or period is None or not self.ledger.readings(period):
            return replace(found, notes=(note,), fix="It is certified when its own period is frozen.")
        return replace(found, notes=(note, f"{period} is frozen by now"), fix=self._again(facts))

    def _again(self, facts: Facts) -> str:
        """How the same question is asked now."""
        query = facts.query
        entries = [self.ledger.entry(sequence) for sequence, _ in facts.entries]
        if [query.period, query.as_of] == [
            its for entry in entries for its in (entry.period.id, entry.period.edges.as_of)
        ]:
            query = replace(query, as_of=None)
        return f"Compile it again: {_command(query, facts.dialect)}"

    # --- compiling again ---

    def _expected(self, facts: Facts) -> Expected | _Unmade:
        name = repr((facts.query, facts.dialect, facts.entries, facts.standing))
        if name not in self._made:
            self._made[name] = self._compiled(facts)
        return self._made[name]

    def _compiled(self, facts: Facts) -> Expected | _Unmade:
        if facts.dialect not in READ:
            return _Unmade(forged=f"it names the dialect {facts.dialect!r}, which is none of {', '.join(READ)}")
        found = self._reading(facts) if facts.entries else self._present(facts)
        if isinstance(found, _Unmade):
            return found
        try:
            statement = stated(found, facts.dialect, self._drifting)
        except Drifted as drifted:
            return _Unmade(refused=str(drifted), fix=drifted.fix)
        except Refused as refused:
            return _Unmade(forged=f"its question has no answer: {refused}", fix=refused.fix)
        return Expected(statement)

    def _reading(self, facts: Facts) -> Reading | _Unmade:
        """The definitions that a certificate names, as the ledger gave them when its last entry was written."""
        entries = [self.ledger.entry(its) for its, _ in facts.entries]
        unknown = [its for its in facts.query.metrics if its not in entries[-1].metrics]
        if unknown or not facts.query.metrics:
            return _Unmade(forged=f"{listed(unknown)} was not frozen in {entries[-1].period.id}")
        past = self._past(max(sequence for sequence, _ in facts.entries), facts.query.metrics, facts.entries[-1][0])
        if isinstance(past, str):
            wrote = " ".join(f"{name}=={version}" for name, version in entries[-1].compiler.items())
            return _Unmade(refused=past, fix=f"Install {wrote}.")
        problem = "its question and its entries do not belong together"
        throughout = [entries[-1].period.id] if facts.standing is Standing.PROVISIONAL else []
        for definition_of in (None, *throughout):
            try:
                found = past.readings(facts.query, definition_of=definition_of)
            except Refused as refused:
                problem = str(refused)
                continue
            if len(found) == 1 and [its.sequence for its in found[0].entries] == [its for its, _ in facts.entries]:
                return found[0]
        return _Unmade(forged=problem)

    def _present(self, facts: Facts) -> Reading | _Unmade:
        try:
            return self.now.unfrozen(facts.query)
        except Refused as refused:
            return _Unmade(refused=str(refused), fix=refused.fix)

    def _past_of(self, sequence: int, metrics: tuple[str, ...], last: int) -> Definitions | str:
        entry = self.ledger.entry(last)
        # The calendar of then, not that of today: its days are what the entries say.
        try:
            registry = registry_of(self.ledger.object(entry.metrics[its]) for its in dict.fromkeys(metrics))
        except ValueError as error:
            return f"what {entry.period.id} froze cannot be read together by this version: {error}"
        return Definitions(self.ledger.before(sequence + 1), lambda: registry)

    def _drifting(self, reading: Reading, its: Frozen, dialect: str) -> bool:
        key = reading.entries[-1].sequence, its.id, dialect
        if key not in self._drifted:
            self._drifted[key] = drifts(reading, its, dialect)
        return self._drifted[key]

    # --- stale ---

    def _last_of(self, period: str) -> Entry:
        return self.ledger.readings(period)[-1]

    def _stale(self, facts: Facts) -> list[str]:
        """What was restated since, of the metrics that are asked."""
        notes = []
        for entry in [self.ledger.entry(its) for its, _ in facts.entries]:
            last = self._last(entry.period.id)
            known = self._past(max(its for its, _ in facts.entries), facts.query.metrics, facts.entries[-1][0])
            assert not isinstance(known, str)
            named = {its: known.id_in(entry, its) or its for its in facts.metrics}
            moved = [its for its, then in named.items() if last.metrics.get(then) != entry.metrics.get(then)]
            if moved:
                why = f": {last.reason}" if last.reason else ""
                notes.append(f"{listed(moved)} was restated for {entry.period.id} by entry {last.sequence}{why}")
        return notes


_BY_STANDING: Final = {
    Standing.CERTIFIED: Answer.VALID,
    Standing.PROVISIONAL: Answer.PROVISIONAL,
    Standing.DRAFT: Answer.DRAFT,
}


def _altered(here: Verified, what: str | Found) -> Verified:
    found = Found(message=visible(what), place=here.place) if isinstance(what, str) else what
    return replace(here, answer=Answer.ALTERED, findings=(found,), fix="Compile its question again.")


def _placed(its: Finding, places: "_Places") -> Found:
    return Found(message=visible(its.message), place=places.at(its.at), difference=its.difference)


class _Places:
    """Offsets of a text to lines and columns."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.starts = [0, *(its.end() for its in re.finditer("\n", text))]

    def at(self, offset: int) -> Place:
        line = bisect_right(self.starts, offset)
        return Place(self.path, line, offset - self.starts[line - 1] + 1)


def _command(query: Query, dialect: str) -> str:
    """The command that asks a question."""
    options: list[tuple[str, str | None]] = [
        *(("by", path) for path in query.by),
        ("grain", query.grain),
        ("period", query.period),
        ("start", query.start.isoformat() if query.start else None),
        ("end", query.end.isoformat() if query.end else None),
        ("where", query.where),
        ("overlay", query.overlay),
        ("stats", None if query.stats == "n" else query.stats),
        ("as-of", query.as_of.isoformat() if query.as_of else None),
        ("dialect", dialect),
    ]
    flags = [("draft", query.draft), ("without-exclusions", query.without_exclusions)]
    said_of = [f"--{name} {_quoted(value)}" for name, value in options if value is not None]
    said_of += [f"--{name}" for name, on in flags if on]
    return " ".join(["cxgov compile", *map(_quoted, query.metrics), *said_of])


def _quoted(text: str) -> str:
    """A text as a shell reads it, in the quotes in which texts of conditions can stand as they are."""
    return f'"{text}"' if "'" in text and not set(text) & set('"$`\\!\n\r') else quote(text)
