"""The gate's answer on a commit that has landed, to what of it does not hold and what can be done about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from cxgov.evidence.failures import CannotSay
from cxgov.evidence.git import Repository
from cxgov.governance.audited import Kind, Trouble
from cxgov.governance.gate import Gated
from cxgov.governance.verdict import Demand, Ignored
from cxgov.language.diagnostics import visible
from cxgov.ledger.chain import Altered, Ledger
from cxgov.ledger.folder import OBJECTS
from cxgov.ledger.forms import digest
from cxgov.ledger.objects import MAX_OBJECT

_AT_ONCE: Final = 256
_HISTORY: Final = "history"
_AGAIN: Final = "revert it and propose it again, so that the gate can say yes"
_REVIEWS: Final = "if they reviewed it on the forge, name the folder of its reviews: --reviews DIR"
_FETCH: Final = "fetch the commits that were reviewed, e.g. git fetch origin 'refs/pull/*/head:refs/pull/*/head'"
CUT_SHORT: Final = Trouble(
    kind=Kind.NOT_REPLAYED,
    message="nothing that was kept elsewhere says how far the ledger had come, so a history that was cut short or "
    "written anew would look the same",
    fix="keep the digest that this prints as head, and name it the next time: --head DIGEST. A commit that you trust "
    "(--since) or a signed tag cxgov/ledger/<sequence> does as well",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What may have been missing for a judgement, and reviews that cannot be read.

    ``unsure`` is the way out where a no may be none: another version is pinned, or no branch is named. ``unread`` is
    None where no reviews were given at all.
    """

    unsure: str | None
    unread: Mapping[str, str] | None


def troubles_of(gated: Gated, commit: str, by: Judging, known: Sequence[str]) -> Iterator[Trouble]:
    """What the gate would have held against a commit; of the paths that are ``known`` to be altered it was said."""
    for path in gated.altered:
        if path not in known:
            yield Trouble(
                kind=Kind.ALTERED,
                commit=commit,
                message=f"{visible(path)} is not what it should be{_why(gated, path)}",
                fix="find out who put it there; remove it in sight of the council",
            )
    for message in gated.unmade:
        yield Trouble(kind=Kind.NOT_REPLAYED, commit=commit, message=message, fix="audit again with those versions")
    if gated.verdict is None:
        first = next((f"{visible(its.path)}: {its.reason}" for its in gated.refused), None)
        said = first or next((str(problem) for problem in gated.problems), "")
        yield _unmet(commit, f"the registry is not valid: {said}", by)
        return
    verdict = gated.verdict
    for veto in verdict.vetoes:
        yield _unmet(commit, f"a veto of {visible(veto.person)}: {visible(veto.origin)}", by)
    for fault in (*verdict.moved, *verdict.faults):
        yield _unmet(commit, visible(fault), by)
    for demand in verdict.demands:
        if not demand.met and demand.finding.change_class != _HISTORY:
            yield _lacking(commit, demand, (*demand.ignored, *verdict.ignored), by)


def _lacking(commit: str, demand: Demand, ignored: Sequence[Ignored], by: Judging) -> Trouble:
    finding = demand.finding
    what = f"{finding.change_class} {finding.kind} {visible(finding.id)}"
    message = f"{what}: missing {'; '.join(visible(its) for its in demand.missing)}"
    if ignored:
        message += f" (not counted: {visible(ignored[0].who)}: {visible(ignored[0].why)})"
    can_be_reviewed = demand.rule is not None and demand.rule.evidence is None
    if can_be_reviewed and by.unread is None:
        return Trouble(kind=Kind.NOT_REPLAYED, commit=commit, message=message, fix=_REVIEWS)
    if can_be_reviewed and by.unread:
        return Trouble(kind=Kind.NOT_REPLAYED, commit=commit, message=message, fix=_FETCH)
    return _unmet(commit, message, by)


def _unmet(commit: str, message: str, by: Judging) -> Trouble:
    if by.unsure is not None:
        # Another version may class a change otherwise, and signatures are of one branch.
        return Trouble(kind=Kind.NOT_REPLAYED, commit=commit, message=message, fix=by.unsure)
    return Trouble(kind=Kind.UNMET, commit=commit, message=message, fix=_AGAIN)


def _why(gated: Gated, path: str) -> str:
    if gated.proposal is None:
        return ""
    found = (its.new for its in gated.proposal.comparison.findings if its.id == path and its.change_class == _HISTORY)
    why = next(found, None)
    return f": {visible(why)}" if why else ""


def another_history(name: str) -> Trouble:
    """An entry that was made under a policy, in a history that begins with it: how it came about is elsewhere."""
    return Trouble(
        kind=Kind.NOT_REPLAYED,
        message=f"{name} was made under a policy, and is there before this history has one: it came about in another",
        fix="audit the history in which it was made; or begin with a commit that you trust: --since COMMIT",
    )


def removed(commit: str, before: str, paths: Sequence[str]) -> Trouble:
    """Frozen or approved bytes that a commit changed or took away."""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return Trouble(
        kind=Kind.ALTERED,
        commit=commit,
        message=f"{visible(paths[0])}{more} was changed or taken away",
        fix=f"put back what was there: git checkout {before[:12]} -- {visible(paths[0])}",
    )


def broken(commit: str, before: str, altered: Altered) -> Trouble:
    """A ledger that cannot be read."""
    fix = f"put back what was there at {before[:12]}"
    return Trouble(kind=Kind.ALTERED, commit=commit, message=str(altered), fix=fix)


def cannot_be_judged(commit: str, failure: CannotSay) -> Trouble:
    """A step of which nothing can be said."""
    fix = "mend what it says, and audit again"
    return Trouble(kind=Kind.NOT_REPLAYED, commit=commit, message=str(failure), fix=fix)


def objects_of(repository: Repository, ledger: Ledger, frozen: Mapping[str, str]) -> list[str]:
    """Holds every object that is named against its name; the names of those that no entry names.

    Raises:
        Altered: one is missing or has other bytes, or an entry cannot be read.
    """
    named = {its.object for entry in ledger.entries() for its in entry.metrics.values()}
    held = {path.removeprefix(f"{OBJECTS}/"): oid for path, oid in frozen.items() if path.startswith(f"{OBJECTS}/")}
    if lost := sorted(named - set(held)):
        raise Altered(f"the frozen object {lost[0]} is missing")
    waiting = iter(sorted(named))
    while batch := list(islice(waiting, _AT_ONCE)):
        blobs = repository.blobs([held[name] for name in batch], most=MAX_OBJECT)
        for name in batch:
            if digest(blobs[held[name]]) != name:
                raise Altered(f"the frozen object {name} has other bytes than those that were frozen")
    return sorted(set(held) - named)
