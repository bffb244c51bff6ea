"""Questions to a registry: to SQL with a certificate, to rows, to judgements."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cxgov.api.registries import Loaded, load
from cxgov.compiler.query import Query, Refused
from cxgov.language.derivation import measured_parts
from cxgov.language.loading import FROZEN

if TYPE_CHECKING:
    from cxgov.compiler.sql import Compiled
    from cxgov.engines.answering import Answer, Drawn, Result, Steps
    from cxgov.engines.checking import Finding
    from cxgov.evaluation.judgements import Evaluation
    from cxgov.language.model import Connection
    from cxgov.ledger.certificates import Statement
    from cxgov.ledger.readings import Definitions
    from cxgov.ledger.verifying import Verified

T = TypeVar("T")


def statements(
    where: Loaded | str | Path,
    query: Query,
    *,
    dialect: str | None = None,
    definition_of: str | None = None,
    restatement: int | None = None,
) -> "tuple[Statement, ...]":
    """The SQL of a question with its certificate, in ``bigquery``, ``duckdb``, ``postgres`` or ``snowflake``.

    Days that are frozen are answered by their frozen definitions, all others by the registry of today, which
    certifies nothing; where the definitions differ there is a statement for each, in time's order. ``definition_of``
    asks one frozen period's definitions throughout, ``restatement`` an earlier reading of a period: 0 is the first.
    The default dialect is the first of the registry's. A registry named by its folder is read only where the ledger
    does not answer.

    Raises:
        InvalidRegistry: the registry is read and has errors.
        Refused: the question has no exact answer, or no one definition; the dialect lacks what it needs; or this
            version writes other SQL than was frozen.
        Altered: the ledger is not what was written.
    """
    from cxgov.ledger.certificates import stated  # noqa: PLC0415  # sqlglot takes a tenth of a second

    readings = definitions(where).readings(query, definition_of=definition_of, restatement=restatement)
    return tuple(stated(reading, dialect or reading.registry.settings.dialects[0]) for reading in readings)


def verify(where: Loaded | str | Path, texts: Mapping[str, str | bytes]) -> "tuple[Verified, ...]":
    """What each statement of some texts is, by their names: valid, stale, altered, provisional, draft or unknown.

    A registry named by its folder is read only for statements that are not certified.

    Raises:
        InvalidRegistry: the registry is read and has errors.
        Altered: the ledger is not what was written.
    """
    from cxgov.ledger.verifying import Verifier  # noqa: PLC0415  # as in statements

    known = definitions(where)
    verifier = Verifier(known.ledger, known.today)
    read = {
        # A byte that is no UTF-8 stays one that nothing of ours has.
        path: text if isinstance(text, str) else text.decode("utf-8", "surrogateescape")
        for path, text in texts.items()
    }
    return tuple(its for path, text in read.items() for its in verifier.verify(path, text))


def compile(loaded: Loaded, query: Query, *, dialect: str | None = None) -> "Compiled":  # noqa: A001  # the field's word
    """One SQL statement for a question that has one definition, without its certificate; otherwise as ``statements``.

    The same registry, question and dialect give the same bytes.

    Raises:
        Refused, Altered: as ``statements``.
    """
    return _only(statements(loaded, query, dialect=dialect)).compiled


def answers(
    loaded: Loaded,
    query: Query,
    *,
    connection: str | None = None,
    definition_of: str | None = None,
    restatement: int | None = None,
    now: datetime | None = None,
) -> "tuple[Answer, ...]":
    """The answers to a question on a connection of the registry (default: its first), one for each definition.

    Which definitions answer is said at ``statements``.

    Raises:
        Refused, Altered: as ``statements``.
        EngineUnreachable: nothing answers on the connection.
        DataBroken: the data breaks what its source declares.
        EngineError: the engine refuses.
    """
    from cxgov.engines.answering import Answer  # noqa: PLC0415  # compiling needs no engine
    from cxgov.engines.connecting import choose  # noqa: PLC0415

    chosen, at = choose(loaded.registry, connection), now or datetime.now(UTC)
    found: Sequence[Statement] = ()
    # What must be hidden is told by the rows of each cell, so a bare answer may need them, too.
    for stats in (query.stats, "n"):
        asked = replace(query, stats=stats)
        found = statements(loaded, asked, dialect=chosen.engine, definition_of=definition_of, restatement=restatement)
        if query.stats != "none" or not any(its.compiled.plan.tells_hidden for its in found):
            break
    return tuple(Answer(its, answered(loaded.folder, its, chosen, at, bare=query.stats == "none")) for its in found)


def answered(folder: Path, statement: "Statement", chosen: "Connection", at: datetime, *, bare: bool) -> "Result":
    """The answer of one statement on a connection; ``bare`` leaves out what was asked only to hide what must be."""
    from cxgov.compiler.attrition import excepted, steps_of  # noqa: PLC0415  # as in answers
    from cxgov.compiler.narrowing import present  # noqa: PLC0415
    from cxgov.engines.answering import answer, sources_of  # noqa: PLC0415
    from cxgov.engines.connecting import connect  # noqa: PLC0415
    from cxgov.evaluation.completing import complete, without_statistics  # noqa: PLC0415

    registry, compiled = statement.reading.registry, statement.compiled
    query = present(registry, statement.reading.query)
    exceptions = [
        (metric.id, rule.minimum.privacy if (rule := registry.rule_of(metric)) else 1, found)
        for metric in measured_parts(registry.metrics, *(registry.metrics[its] for its in query.metrics))
        if any(metric.id in exclusion.metrics for exclusion in registry.exclusions.values())
        and (found := excepted(steps_of(registry, query, metric), chosen.engine)) is not None
    ]
    engine = connect(chosen, folder, sources_of(compiled))
    try:
        result = complete(answer(engine, compiled, at, exceptions))
        return without_statistics(result) if bare and query.stats != "none" else result
    finally:
        engine.close()


def run(loaded: Loaded, query: Query, *, connection: str | None = None, now: datetime | None = None) -> "Result":
    """The answer to a question that has one definition; otherwise as ``answers``.

    Raises:
        Refused, Altered, EngineUnreachable, DataBroken, EngineError: as ``answers``.
    """
    return _only(answers(loaded, query, connection=connection, now=now)).result


def _only(found: "Sequence[T]") -> "T":
    [only, *others] = found
    if others:
        raise Refused(
            "the definition changes within the question",
            "Ask for `statements` or `answers`, which give one for each definition.",
        )
    return only


def definitions(where: Loaded | str | Path) -> "Definitions":
    """What metrics mean, by period, in a registry or the folder of one."""
    from cxgov.ledger.folder import read_ledger  # noqa: PLC0415  # as in statements
    from cxgov.ledger.readings import Definitions  # noqa: PLC0415

    if isinstance(where, Loaded):
        return Definitions(read_ledger(where.folder / FROZEN), lambda: where.registry)
    return Definitions(read_ledger(Path(where) / FROZEN), lambda: load(where).registry)


def attrition(loaded: Loaded, asked: "Query | Statement", *, connection: str | None = None) -> "tuple[Steps, ...]":
    """What each step from a source's rows to those that are measured leaves, for each metric asked and its parts.

    Of a statement it is by the statement's own definitions.

    Raises:
        Refused: the question has no exact answer.
        EngineError: the engine does not answer.
    """
    from cxgov.compiler.attrition import attrition as counted  # noqa: PLC0415  # as in statements
    from cxgov.compiler.attrition import steps_of  # noqa: PLC0415
    from cxgov.compiler.narrowing import present  # noqa: PLC0415
    from cxgov.engines.answering import Steps, sources_of, told  # noqa: PLC0415
    from cxgov.engines.connecting import choose, connect  # noqa: PLC0415

    chosen = choose(loaded.registry, connection)
    statement = _only(statements(loaded, asked, dialect=chosen.engine)) if isinstance(asked, Query) else asked
    registry, compiled = statement.reading.registry, statement.compiled
    query = present(registry, statement.reading.query)
    counts = [
        (
            metric.id,
            metric.fewest_shown(registry.rule_of(metric)),
            counted(steps_of(registry, query, metric), chosen.engine),
        )
        for metric in measured_parts(registry.metrics, *(registry.metrics[its] for its in query.metrics))
    ]
    engine = connect(chosen, loaded.folder, sources_of(compiled))
    try:
        return tuple(
            Steps(
                metric,
                statement.steps,
                tuple(told(int(row[1]), fewest) for row in engine.rows(statement.sql)),
                fewest,
            )
            for metric, fewest, statement in counts
        )
    finally:
        engine.close()


def sample(loaded: Loaded, rule: str, *, period: str, connection: str | None = None) -> "Drawn":
    """Whom a sampling rule invites for a period: units of the frame that are selected and not asked too often before.

    Raises:
        Refused: there is no such rule or period, or the rule has no frame.
        EngineError: the engine does not answer.
    """
    from cxgov.compiler.drawing import compile_draw  # noqa: PLC0415  # as in compile
    from cxgov.engines.answering import draw  # noqa: PLC0415
    from cxgov.engines.connecting import choose, connect  # noqa: PLC0415

    chosen = choose(loaded.registry, connection)
    statement = compile_draw(loaded.registry, rule, period, chosen.engine)
    engine = connect(chosen, loaded.folder, statement.sources)
    try:
        return draw(engine, statement)
    finally:
        engine.close()


def evaluate(
    loaded: Loaded,
    wanted: Iterable[str] = (),
    *,
    period: str,
    connection: str | None = None,
    history: int = 8,
    now: datetime | None = None,
) -> "Evaluation":
    """Where metrics stand by their thresholds, in each bucket of a period, and what their changes mean.

    ``wanted`` are ids of thresholds or of metrics; without any it is all thresholds. ``history`` is how many buckets
    before the judged one the series shows. Days that are frozen are judged by the definitions and the thresholds that
    were frozen for them, all others by the registry of today.

    Raises:
        Refused: a threshold or the period does not exist, or this version writes other SQL than was frozen.
        Altered: the ledger is not what was written.
        EngineError: the engine does not answer, or the data breaks what its source declares.
    """
    from cxgov.compiler.periods import named_period  # noqa: PLC0415  # as in run
    from cxgov.engines.connecting import choose, connect  # noqa: PLC0415
    from cxgov.evaluation.definitions import parts  # noqa: PLC0415
    from cxgov.evaluation.evaluating import evaluate  # noqa: PLC0415

    days = named_period(period, loaded.registry.calendar)
    its = choose(loaded.registry, connection)
    found = parts(definitions(loaded), tuple(wanted), days, its.engine)
    engine = connect(its, loaded.folder, [source for part in found for source in part.registry.sources.values()])
    try:
        return evaluate(found, engine, period=period, history=history, now=now or datetime.now(UTC))
    finally:
        engine.close()


def frozen_otherwise(loaded: Loaded, evaluation: "Evaluation") -> dict[str, tuple[str, ...]]:
    """The metrics of an evaluation that meant something else in other frozen periods that it shows, and in which.

    A judgement takes one definition throughout, so that its change compares like with like.
    """
    known = definitions(loaded)
    found: dict[str, tuple[str, ...]] = {}
    for its in evaluation.judgements:
        days = [reading.bucket for reading in (*its.series, its.earlier, its.reading) if reading is not None]
        start, end = min(day.start for day in days), max(day.end for day in days)
        periods = known.frozen_otherwise(its.metric.id, start, end, its.frozen)
        if periods:
            found[its.metric.id] = tuple(dict.fromkeys((*found.get(its.metric.id, ()), *periods)))
    return found


def check(loaded: Loaded, *, connection: str | None = None, sources: Iterable[str] = ()) -> "tuple[Finding, ...]":
    """What the data holds against the declarations of the sources: keys, values, ranges, references.

    Raises:
        Refused: a source does not exist.
        EngineError: the engine does not answer.
    """
    from cxgov.engines.checking import check_sources  # noqa: PLC0415
    from cxgov.engines.connecting import choose, connect  # noqa: PLC0415

    registry = loaded.registry
    wanted = list(sources) or sorted(registry.sources)
    for name in wanted:
        if name not in registry.sources:
            raise Refused(f"source {name!r} does not exist", f"Sources: {', '.join(sorted(registry.sources))}.")
    chosen = choose(registry, connection)
    engine = connect(chosen, loaded.folder, list(registry.sources.values()))
    try:
        return check_sources(engine, [registry.sources[name] for name in wanted], registry)
    finally:
        engine.close()
