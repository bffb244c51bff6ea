"""Python's and the command line's way in: load a registry from disk, compile, run, get rows or Arrow."""

import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cxgov.compiler.query import Query, Refused
from cxgov.language.derivation import measured_parts
from cxgov.language.diagnostics import Diagnostic, Place, in_file_order, visible
from cxgov.language.loading import APPROVALS, FROZEN
from cxgov.language.loading import load as load_tree
from cxgov.language.model import Registry
from cxgov.language.reader import MAX_BYTES
from cxgov.language.report_links import certified
from cxgov.language.rules import FILE

if TYPE_CHECKING:
    from cxgov.compiler.sql import Compiled
    from cxgov.engines.answering import Answer, Drawn, Result, Steps
    from cxgov.engines.checking import Finding
    from cxgov.evaluation.judgements import Evaluation
    from cxgov.evaluation.reviewed import Reviewed
    from cxgov.governance.affected import Affected
    from cxgov.governance.audited import Audited
    from cxgov.governance.bumping import Rewritten
    from cxgov.governance.changes import Comparison, Side
    from cxgov.governance.ending import Ended
    from cxgov.governance.gate import Gated
    from cxgov.governance.sides import Sides
    from cxgov.language.model import Connection
    from cxgov.ledger.certificates import Statement
    from cxgov.ledger.entries import Entry, Ledger
    from cxgov.ledger.freezing import Circumstances, Freezing
    from cxgov.ledger.readings import Definitions
    from cxgov.ledger.verifying import Verified

T = TypeVar("T")

__all__ = [
    "Answer", "Comparison", "Compiled", "Diagnostic", "Drawn", "Evaluation", "InvalidRegistry", "Loaded", "Query",
    "Refused", "Result", "Statement", "Steps", "answers", "attrition", "bump", "check", "compile", "diff", "evaluate",
    "freeze", "load", "restate", "run", "sample", "statements", "validate", "verify",
]  # fmt: skip


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


class InvalidRegistry(Exception):
    """A registry with errors, from which nothing is compiled. ``diagnostics`` has all of its problems."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        errors = sum(problem.is_error for problem in diagnostics)
        super().__init__(f"the registry has {errors} error{'s' if errors > 1 else ''}: `cxgov validate` lists them")
        self.diagnostics = tuple(diagnostics)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid registry, the folder it was read from, and its warnings."""

    registry: Registry
    folder: Path
    warnings: tuple[Diagnostic, ...]


def read_tree(folder: Path, shown: str | None = None) -> tuple[dict[str, bytes], tuple[Diagnostic, ...]]:
    """The files of a registry's folder by the path that messages show, and what cannot be one of its files.

    Names that begin with a dot are passed over, and the folders of signed approvals and frozen periods, which hold no
    documents; links are refused, as their target is not the registry's.
    """
    prefix = str(folder) if shown is None else shown
    tree: dict[str, bytes] = {}
    problems = []
    waiting = [(os.fspath(folder), "" if prefix == "." else f"{prefix}/")]
    while waiting:
        here, name = waiting.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.name.startswith(".") or (entry.name in {APPROVALS, FROZEN} and here == os.fspath(folder)):
                    continue
                path = name + entry.name
                if entry.is_symlink():
                    fix = "Put the document itself here."
                    problems.append(Diagnostic(rule=FILE, message="a symbolic link", place=Place(path, 1, 1), fix=fix))
                elif entry.is_dir():
                    waiting.append((entry.path, f"{path}/"))
                elif entry.is_file():
                    with open(entry.path, "rb", buffering=0) as file:  # noqa: PTH123  # a tenth of the time of a Path
                        # One byte more than a document may have is enough to refuse it; room for so many takes
                        # longer to make than most documents to read.
                        tree[path] = file.read(min(entry.stat().st_size, MAX_BYTES) + 1)
                else:
                    problems.append(
                        Diagnostic(rule=FILE, message="neither a file nor a folder", place=Place(path, 1, 1))
                    )
    return tree, tuple(problems)


def validate(
    folder: str | Path = "metrics", *, reports: bool = False
) -> tuple[Registry | None, tuple[Diagnostic, ...]]:
    """The registry of a folder and all its problems in file order; no registry where one of them is an error.

    With ``reports`` the queries of reports are held to their certificates too.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    tree, problems = read_tree(Path(folder))
    registry, found = load_tree(tree, str(Path(folder)))
    if reports and registry is not None:
        found = (*found, *(problem for _, problem in certified(registry)))
        registry = None if any(problem.is_error for problem in found) else registry
    return (None if problems else registry), in_file_order((*problems, *found))


def load(folder: str | Path = "metrics") -> Loaded:
    """The registry of a folder.

    Raises:
        FileNotFoundError: there is no such folder.
        InvalidRegistry: it has errors.
    """
    registry, found = validate(folder)
    if registry is None:
        raise InvalidRegistry(found)
    return Loaded(registry, Path(folder), found)


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

    readings = _definitions(where).readings(query, definition_of=definition_of, restatement=restatement)
    return tuple(stated(reading, dialect or reading.registry.settings.dialects[0]) for reading in readings)


def verify(where: Loaded | str | Path, texts: Mapping[str, str | bytes]) -> "tuple[Verified, ...]":
    """What each statement of some texts is, by their names: valid, stale, altered, provisional, draft or unknown.

    A registry named by its folder is read only for statements that are not certified.

    Raises:
        InvalidRegistry: the registry is read and has errors.
        Altered: the ledger is not what was written.
    """
    from cxgov.ledger.verifying import Verifier  # noqa: PLC0415  # as in statements

    known = _definitions(where)
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
    return tuple(Answer(its, _answered(loaded.folder, its, chosen, at, bare=query.stats == "none")) for its in found)


def _answered(folder: Path, statement: "Statement", chosen: "Connection", at: datetime, *, bare: bool) -> "Result":
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


def _definitions(where: Loaded | str | Path) -> "Definitions":
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
    before the judged one the series shows.

    Raises:
        Refused: a threshold or the period does not exist.
        EngineError: the engine does not answer, or the data breaks what its source declares.
    """
    from cxgov.engines.connecting import choose, connect  # noqa: PLC0415  # as in run
    from cxgov.evaluation.evaluating import chosen, evaluate  # noqa: PLC0415

    chosen(loaded.registry, tuple(wanted))
    its = choose(loaded.registry, connection)
    engine = connect(its, loaded.folder, list(loaded.registry.sources.values()))
    try:
        at = now or datetime.now(UTC)
        return evaluate(loaded.registry, engine, tuple(wanted), period=period, history=history, now=at)
    finally:
        engine.close()


def frozen_otherwise(loaded: Loaded, evaluation: "Evaluation") -> dict[str, tuple[str, ...]]:
    """The metrics of an evaluation that meant something else in frozen periods that it shows, and in which.

    An evaluation takes what a metric means today throughout, so that its changes compare like with like.
    """
    definitions = _definitions(loaded)
    found: dict[str, tuple[str, ...]] = {}
    for its in evaluation.judgements:
        days = [reading.bucket for reading in (*its.series, its.earlier, its.reading) if reading is not None]
        start, end = min(day.start for day in days), max(day.end for day in days)
        periods = definitions.frozen_otherwise(its.metric.id, start, end)
        if periods:
            found[its.metric.id] = tuple(dict.fromkeys((*found.get(its.metric.id, ()), *periods)))
    return found


def gate(
    folder: str | Path = "metrics",
    *,
    trusted: str,
    head: str,
    reviews: Iterable[bytes] = (),
    authors: Iterable[int] = (),
    ref: str | None = None,
    now: datetime | None = None,
) -> "Gated":
    """Whether the council's policy lets a commit be merged into another, in the repository around a registry.

    ``reviews`` are files as GitHub's API gives them, one a request; ``authors`` are the numbers of the accounts that
    opened the requests. ``ref`` is the full name of the branch that is trusted, where ``trusted`` is a commit.

    Raises:
        CannotSay: what is needed cannot be read, the two conflict, or the trusted commit has no policy.
    """
    from cxgov.governance.gate import Asked  # noqa: PLC0415  # git and digests are for those who ask for them
    from cxgov.governance.gate import gate as judge  # noqa: PLC0415
    from cxgov.governance.git import Repository  # noqa: PLC0415

    around = _here(now)
    asked = Asked(
        trusted=trusted,
        head=head,
        reviews=list(reviews),
        authors=list(authors),
        ref=ref,
        now=around.now,
        programs=around.compiler,
    )
    with Repository(Path(folder), os.environ) as repository:
        return judge(repository, within(repository.top, Path(folder)), asked, os.environ)


def audit(
    folder: str | Path = "metrics",
    *,
    since: str | None = None,
    until: str = "HEAD",
    kept: Iterable[str] = (),
    reviews: Mapping[str, bytes] | None = None,
    ref: str | None = None,
    now: datetime | None = None,
    told: Callable[[int, int], None] | None = None,
) -> "Audited":
    """What holds of a registry's history: each commit of the line judged against the one before it.

    ``since`` is a commit that is trusted; without one it begins with the first that has a council. ``kept`` are digests
    of entries of the ledger that were kept elsewhere, ``reviews`` files by name as GitHub's API gives them, one a
    request; ``ref`` is the full name of the branch, where ``until`` is a commit. ``told`` hears how many commits of how
    many are done.

    Raises:
        CannotSay: the history is not all here, or no commit of it has a council.
        Altered: it does not hold the commit that is trusted.
    """
    from cxgov.governance.auditing import AskedAudit  # noqa: PLC0415  # as in gate
    from cxgov.governance.auditing import audit as replay  # noqa: PLC0415
    from cxgov.governance.git import Repository  # noqa: PLC0415

    around = _here(now)
    asked = AskedAudit(
        until=until, since=since, kept=tuple(kept), reviews=reviews, ref=ref, now=around.now, programs=around.compiler
    )
    with Repository(Path(folder), os.environ) as repository:
        inside = within(repository.top, Path(folder))
        return replay(repository, inside, asked, os.environ, told or (lambda _done, _of: None))


def review(
    folder: str | Path = "metrics",
    *,
    trusted: str,
    head: str,
    reviews: Iterable[bytes] = (),
    authors: Iterable[int] = (),
    ref: str | None = None,
    connection: str | None = None,
    period: str | None = None,
    by: Iterable[str] = (),
    draft: bool = False,
    relations: Iterable[str] = (),
    now: datetime | None = None,
) -> "Reviewed":
    """What a proposal changes, who must approve it, and on a connection the numbers of what moved.

    The connection is the trusted commit's, its files lie in the folder, and ``relations`` are those that the proposal
    may read beside the trusted commit's. Without a period it is the last closed one. Drafts are asked with ``draft``.

    Raises:
        CannotSay: what is needed cannot be read, the two conflict, or the trusted commit has no policy.
        Refused: the period does not exist.
    """
    from cxgov.evaluation.asking import reached  # noqa: PLC0415  # as in evaluate
    from cxgov.evaluation.reviewed import Reviewed  # noqa: PLC0415
    from cxgov.evaluation.reviewing import Asked  # noqa: PLC0415
    from cxgov.evaluation.reviewing import review as compared  # noqa: PLC0415

    at = now or datetime.now(UTC)
    gated = gate(folder, trusted=trusted, head=head, reviews=reviews, authors=authors, ref=ref, now=at)
    if connection is None or gated.proposal is None or gated.registry is None or gated.proposed is None:
        return Reviewed(gated, None)
    asked = Asked(period=period, by=tuple(dict.fromkeys(by)), draft=draft, relations=tuple(relations), now=at)
    access = reached(gated.registry, connection, Path(folder))
    moved = gated.proposal.comparison.moved
    return Reviewed(gated, compared(gated.registry, gated.proposed, moved, asked, access))


def diff(folder: str | Path = "metrics", base: str = "HEAD", head: str | None = None) -> "Comparison":
    """The changes of a registry from a commit to another, or to the folder as it is now.

    Raises:
        InvalidRegistry: the folder has errors.
        CannotSay: a commit cannot be read, or holds no valid registry.
    """
    from cxgov.governance.changes import compare  # noqa: PLC0415  # as in gate

    old, new, _ = _sides(Path(folder), base, head)
    return compare(old, new)


def affected(folder: str | Path = "metrics", base: str = "HEAD", head: str | None = None) -> "tuple[Affected, ...]":
    """The reports that a change touches, from a commit to another or to the folder as it is now, by id.

    Raises:
        InvalidRegistry, CannotSay: as diff.
    """
    from cxgov.governance.affected import affected  # noqa: PLC0415  # as in gate

    old, new, _ = _sides(Path(folder), base, head)
    return affected(old, new)


def bump(folder: str | Path = "metrics", base: str = "HEAD") -> "dict[Path, Rewritten]":
    """The files whose versions are too small for their changes since a commit, as they must be. Nothing is written.

    Raises:
        InvalidRegistry: the folder has errors.
        CannotSay: the commit cannot be read, or holds no valid registry.
        CannotWrite: a version stands in a way in which it cannot be replaced.
    """
    from cxgov.governance.bumping import bumped  # noqa: PLC0415  # as in gate
    from cxgov.governance.changes import compare  # noqa: PLC0415

    old, new, inside = _sides(Path(folder), base, None)
    found = bumped(compare(old, new), new.tree)
    return {Path(folder, its.path.removeprefix(f"{inside}/")): its for its in found}


def deprecate(
    folder: str | Path, metric: str, *, successor: str | None, sunset: date, notice: str, now: datetime | None = None
) -> "tuple[Path, Ended]":
    """The file of a certified metric with which it is deprecated, and what that means. Nothing is written.

    Raises:
        InvalidRegistry: the folder has errors.
        CannotSay: HEAD cannot be read, or holds no valid registry.
        Refused: the metric is not certified, the successor does not answer, or the sunset has passed.
        CannotWrite: the document is written in a way in which nothing can be put into it.
    """
    from cxgov.governance.ending import deprecating  # noqa: PLC0415  # as in gate
    from cxgov.language.model import Deprecation  # noqa: PLC0415

    last = Deprecation(successor=successor, sunset=sunset, notice=notice)
    return _ended(Path(folder), metric, now, lambda side, today: deprecating(side, metric, last, today))


def retire(folder: str | Path, metric: str, *, now: datetime | None = None) -> "tuple[Path, Ended]":
    """The file of a deprecated metric with which it is retired, and what that means. Nothing is written.

    Raises:
        InvalidRegistry, CannotSay, CannotWrite: as deprecate.
        Refused: the metric is not deprecated, its sunset is still to come, or something that stays names it.
    """
    from cxgov.governance.ending import retiring  # noqa: PLC0415  # as in gate

    return _ended(Path(folder), metric, now, lambda side, today: retiring(side, metric, today))


def _ended(
    folder: Path, metric: str, now: datetime | None, step: "Callable[[Side, date], tuple[str, str]]"
) -> "tuple[Path, Ended]":
    from cxgov.governance.changes import Side  # noqa: PLC0415  # as in gate
    from cxgov.governance.ending import concluded  # noqa: PLC0415

    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    old, new, inside = _sides(folder, "HEAD", None)
    path, text = step(new, today)
    tree = {**new.tree, path: text.encode()}
    registry, found = load_tree(tree, inside)
    if registry is None:
        raise InvalidRegistry(found)
    ended = concluded(old, new, Side(registry, tree), metric, today)
    return Path(folder, path.removeprefix(f"{inside}/")), ended


def _sides(folder: Path, base: str, head: str | None) -> "tuple[Side, Side, str]":
    """Both sides of a comparison and the folder's path in the repository, from whose top their paths are."""
    from cxgov.governance.changes import Side  # noqa: PLC0415  # as in gate
    from cxgov.governance.git import Repository  # noqa: PLC0415
    from cxgov.governance.sides import Sides  # noqa: PLC0415

    with Repository(folder, os.environ) as repository:
        inside = within(repository.top, folder)
        sides = Sides(repository, inside)
        old = _committed(sides, repository.commit(base), base)
        if head is not None:
            return old, _committed(sides, repository.commit(head), head), inside
    tree, problems = read_tree(folder, inside or ".")
    registry, found = load_tree(tree, inside)
    if registry is None or problems:
        raise InvalidRegistry(in_file_order((*problems, *found)))
    return old, Side(registry, tree), inside


def _committed(sides: "Sides", commit: str, name: str) -> "Side":
    from cxgov.governance.failures import CannotSay  # noqa: PLC0415

    found = sides.read(commit)
    if found.side is not None:
        return found.side
    wrong = [f"{visible(its.path)}: {its.reason}" for its in found.refused]
    wrong += [str(problem) for problem in found.problems if problem.is_error]
    raise CannotSay(f"{name} holds no valid registry; the first problem is\n{wrong[0]}")


def approve(gated: "Gated", *, key: str | Path) -> tuple[str, bytes]:
    """Signs an approval of everything that a proposal changes, as the gate judged it: the file's name and bytes.

    ``key`` is a private key, or a public one whose private part an agent holds. Nothing is written.

    Raises:
        CannotSay: the proposal was not judged, the registry has no `repository` and `ref` or is another branch's, or
            nothing was signed.
    """
    from cxgov.governance.approvals import as_file, binding, statement  # noqa: PLC0415  # as in gate
    from cxgov.governance.failures import CannotSay  # noqa: PLC0415
    from cxgov.governance.signatures import sign  # noqa: PLC0415

    if gated.proposal is None or gated.registry is None:
        raise CannotSay(f"{gated.head} is no valid registry: `cxgov gate` says why")
    bound = binding(gated.registry, gated.ref)
    if isinstance(bound, str):
        raise CannotSay(f"nothing can be signed: {bound}")
    said = statement(gated.proposal, bound, gated.trusted, secrets.token_hex(16))
    return as_file(said, sign(said, Path(key), os.environ))


def freeze(folder: str | Path, period: str, *, now: datetime | None = None) -> "Freezing":
    """The ledger entry that freezes a reporting period of the registry as it is committed. Nothing is written.

    Raises:
        InvalidRegistry: the registry has errors.
        CannotSay: something of it is not committed.
        Refused: the period is none that can be frozen, or a metric has no exact SQL in a dialect of the registry.
        Altered: the ledger is not what was written.
    """
    from cxgov.ledger import freezing  # noqa: PLC0415  # compiling and git are for those who ask for them

    registry, ledger = _committed_ledger(Path(folder))
    return freezing.freeze(registry, ledger, period, _here(now))


def restate(
    folder: str | Path,
    period: str,
    metrics: Iterable[str],
    *,
    reason: str,
    connection: str | None = None,
    now: datetime | None = None,
) -> "Freezing":
    """The ledger entry that corrects what a frozen period said of some metrics. Nothing is written.

    On a ``connection`` the old and the new number of each metric are asked, and stand in the entry.

    Raises:
        InvalidRegistry, CannotSay, Altered: as freeze.
        Refused: the period is not frozen, or the metrics cannot be restated so.
        EngineError: the connection does not answer.
    """
    from cxgov.ledger import freezing  # noqa: PLC0415  # as in freeze

    registry, ledger = _committed_ledger(Path(folder))
    asked, around = tuple(dict.fromkeys(metrics)), _here(now)
    made = freezing.restate(registry, ledger, period, around, metrics=asked, reason=reason)
    if connection is None:
        return made
    loaded = Loaded(registry, Path(folder), ())
    numbers = [_both(loaded, its, made.entry, connection, around.now) for its in asked]
    return freezing.restate(registry, ledger, period, around, metrics=asked, reason=reason, difference=numbers)


def _both(loaded: Loaded, metric: str, entry: "Entry", connection: str, at: datetime) -> dict[str, Any]:
    """A metric's number in a frozen period before and after it is restated, with its rows; None where there is none."""
    from cxgov.engines.connecting import choose  # noqa: PLC0415  # as in statements
    from cxgov.evaluation.disclosure import floor_of  # noqa: PLC0415
    from cxgov.ledger.certificates import stated  # noqa: PLC0415

    query = Query(metrics=(metric,), period=entry.period.id, as_of=entry.period.edges.as_of)
    chosen = choose(loaded.registry, connection)
    found: dict[str, Any] = {"metric": metric, "old": None, "old_n": None, "new": None, "new_n": None}
    if metric in _definitions(loaded).ledger.readings(entry.period.id)[-1].metrics:
        [answer] = answers(loaded, query, connection=connection, now=at)
        found["old"], found["old_n"], _ = answer.result.rows[0]
    if metric in entry.metrics:
        statement = stated(_definitions(loaded).unfrozen(query), chosen.engine)
        new, new_n, _ = _answered(loaded.folder, statement, chosen, at, bare=False).rows[0]
        least = floor_of(loaded.registry, loaded.registry.metrics[metric]).privacy
        # Two numbers side by side would tell what the few rows between them say.
        if found["old_n"] is None or new_n is None or not 0 < abs(found["old_n"] - new_n) < least:
            found["new"], found["new_n"] = new, new_n
    return found


def _here(now: datetime | None) -> "Circumstances":
    from cxgov.ledger.circumstances import programs, zone_data  # noqa: PLC0415  # as in freeze
    from cxgov.ledger.freezing import Circumstances  # noqa: PLC0415

    return Circumstances(now=now or datetime.now(UTC), compiler=programs(), tzdata=zone_data())


def _committed_ledger(folder: Path) -> "tuple[Registry, Ledger]":
    """The registry and the ledger of HEAD, of which the folder must not differ."""
    from cxgov.governance.failures import CannotSay  # noqa: PLC0415  # as in freeze
    from cxgov.governance.git import Repository  # noqa: PLC0415
    from cxgov.governance.sides import Sides  # noqa: PLC0415
    from cxgov.ledger.folder import read_ledger  # noqa: PLC0415

    with Repository(folder, os.environ) as repository:
        inside = within(repository.top, folder)
        sides, head = Sides(repository, inside), repository.commit("HEAD")
        tree, problems = read_tree(folder, inside or ".")
        registry, found = load_tree(tree, inside)
        if registry is None or problems:
            raise InvalidRegistry(in_file_order((*problems, *found)))
        committed = sides.read(head)
        files = committed.side.tree if committed.side is not None else {}
        differing = sorted(path for path in {*tree, *files} if tree.get(path) != files.get(path))
        ledger = sides.ledger(head)
        if not differing and read_ledger(folder / FROZEN).head != ledger.head:
            differing = [f"{inside}/{FROZEN}" if inside else FROZEN]
        if differing:
            more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
            raise CannotSay(
                f"{differing[0]}{more} is not as it is committed, and what is frozen must be in the history: "
                "commit or undo it first"
            )
        # Objects are read one by one, which the repository must be open for; making an entry reads none.
        return registry, ledger


def within(top: Path | None, folder: Path) -> str:
    """A folder's path from the top of its repository, with slashes."""
    if top is None:
        return folder.as_posix()
    here = folder.resolve().relative_to(top.resolve()).as_posix()
    return "" if here == "." else here


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
