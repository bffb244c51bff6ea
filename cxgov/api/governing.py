"""Changes of a registry in its repository: what they mean, who must approve them, whether what landed was approved."""

import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cxgov.api.registries import InvalidRegistry, read_tree, within
from cxgov.language.diagnostics import in_file_order, visible
from cxgov.language.loading import FROZEN, no_collection
from cxgov.language.loading import load as load_tree

if TYPE_CHECKING:
    from cxgov.evaluation.reviewed import Reviewed
    from cxgov.governance.affected import Affected
    from cxgov.governance.audited import Audited
    from cxgov.governance.bumping import Rewritten
    from cxgov.governance.changes import Comparison, Side
    from cxgov.governance.ending import Ended
    from cxgov.governance.gate import Gated
    from cxgov.governance.histories import History
    from cxgov.governance.sides import Sides


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
    from cxgov.evidence.git import Repository  # noqa: PLC0415
    from cxgov.governance.gate import gate as judge  # noqa: PLC0415
    from cxgov.governance.steps import Asked  # noqa: PLC0415  # git and digests are for those who ask for them
    from cxgov.ledger.circumstances import programs  # noqa: PLC0415

    asked = Asked(
        trusted=trusted,
        head=head,
        reviews=list(reviews),
        authors=list(authors),
        ref=ref,
        now=now or datetime.now(UTC),
        programs=programs,
    )
    # What is read stays until the answer, so that there is nothing to collect.
    with no_collection(), Repository(Path(folder), os.environ) as repository:
        return judge(repository, within(repository.top, Path(folder)), asked, os.environ)


def audit(
    folder: str | Path = "metrics",
    *,
    since: str | None = None,
    until: str = "HEAD",
    kept: Iterable[str] = (),
    reviews: Mapping[str, bytes] | None = None,
    authors: Mapping[str, int] | None = None,
    ref: str | None = None,
    now: datetime | None = None,
    told: Callable[[int, int], None] | None = None,
) -> "Audited":
    """What holds of a registry's history: each commit of the line judged against the one before it.

    ``since`` is a commit that is trusted; without one it begins with the first that has a council. ``kept`` are digests
    of entries of the ledger that were kept elsewhere, ``reviews`` files by name as GitHub's API gives them, one a
    request, and ``authors`` the accounts that opened these, by the same names; ``ref`` is the full name of the branch,
    where ``until`` is a commit. ``told`` hears how many commits of how many are done.

    Raises:
        CannotSay: the history is not all here, or no commit of it has a council.
        Altered: it does not hold the commit that is trusted.
    """
    from cxgov.evidence.git import Repository  # noqa: PLC0415
    from cxgov.governance.auditing import AskedAudit  # noqa: PLC0415  # as in gate
    from cxgov.governance.auditing import audit as replay  # noqa: PLC0415
    from cxgov.ledger.circumstances import programs  # noqa: PLC0415

    asked = AskedAudit(
        until=until,
        since=since,
        kept=tuple(kept),
        reviews=reviews,
        authors=authors or {},
        ref=ref,
        now=now or datetime.now(UTC),
        programs=programs,
    )
    with Repository(Path(folder), os.environ) as repository:
        inside = within(repository.top, Path(folder))
        return replay(repository, inside, asked, os.environ, told or (lambda _done, _of: None))


def history(
    folder: str | Path, metric: str, *, until: str = "HEAD", reviews: Mapping[str, bytes] | None = None
) -> "History":
    """Every version of a metric, by any id that it had, along the first parents of a commit.

    ``reviews`` are files by name as GitHub's API gives them, one a request.

    Raises:
        CannotSay: the history is not all here.
        Altered: the ledger is broken.
        Refused: there was never such a metric.
    """
    from cxgov.evidence.git import Repository  # noqa: PLC0415  # as in gate
    from cxgov.governance.histories import AskedHistory  # noqa: PLC0415
    from cxgov.governance.histories import history as walk  # noqa: PLC0415
    from cxgov.ledger.circumstances import programs  # noqa: PLC0415

    asked = AskedHistory(metric=metric, until=until, reviews=reviews or {}, programs=programs)
    with Repository(Path(folder), os.environ) as repository:
        return walk(repository, within(repository.top, Path(folder)), asked, os.environ)


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


def approve(gated: "Gated", *, key: str | Path) -> tuple[str, bytes]:
    """Signs an approval of everything that a proposal changes, as the gate judged it: the file's name and bytes.

    ``key`` is a private key, or a public one whose private part an agent holds. Nothing is written.

    Raises:
        CannotSay: the proposal was not judged, the registry has no `repository` and `ref` or is another branch's, or
            nothing was signed.
    """
    from cxgov.evidence.failures import CannotSay  # noqa: PLC0415
    from cxgov.evidence.signatures import sign  # noqa: PLC0415
    from cxgov.governance.approvals import as_file, statement  # noqa: PLC0415  # as in gate
    from cxgov.governance.statements import binding  # noqa: PLC0415

    if gated.proposal is None or gated.registry is None:
        raise CannotSay(f"{gated.head} is no valid registry: `cxgov gate` says why")
    bound = binding(gated.registry, gated.ref)
    if isinstance(bound, str):
        raise CannotSay(f"nothing can be signed: {bound}")
    said = statement(gated.proposal, bound, gated.trusted, secrets.token_hex(16))
    return as_file(said, sign(said, Path(key), os.environ))


def diff(folder: str | Path = "metrics", base: str = "HEAD", head: str | None = None) -> "Comparison":
    """The changes of a registry from a commit to another, or to the folder as it is now.

    The last frozen period, with which the new side is compared too, is that of the folder's ledger.

    Raises:
        InvalidRegistry: the folder has errors.
        Altered: the ledger is not what was written.
        CannotSay: a commit cannot be read, or holds no valid registry.
    """
    from cxgov.governance.changes import compare  # noqa: PLC0415  # as in gate
    from cxgov.governance.freezes import since_frozen  # noqa: PLC0415
    from cxgov.ledger.folder import read_ledger  # noqa: PLC0415
    from cxgov.ledger.titles import Titles  # noqa: PLC0415

    old, new, _ = _sides(Path(folder), base, head)
    ledger = read_ledger(Path(folder) / FROZEN)
    return replace(compare(old, new, Titles(ledger)), since_frozen=since_frozen(ledger, new.registry))


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
        Altered: the ledger is not what was written.
    """
    from cxgov.governance.bumping import bumped  # noqa: PLC0415  # as in gate
    from cxgov.governance.changes import compare  # noqa: PLC0415
    from cxgov.ledger.folder import read_ledger  # noqa: PLC0415
    from cxgov.ledger.titles import Titles  # noqa: PLC0415

    old, new, inside = _sides(Path(folder), base, None)
    found = bumped(compare(old, new, Titles(read_ledger(Path(folder) / FROZEN))), new.tree)
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
    from cxgov.evidence.git import Repository  # noqa: PLC0415
    from cxgov.governance.changes import Side  # noqa: PLC0415  # as in gate
    from cxgov.governance.sides import Sides  # noqa: PLC0415

    with Repository(folder, os.environ) as repository:
        inside = within(repository.top, folder)
        sides = Sides(repository, inside)
        old = _committed(sides, repository.commit(base), base)
        if head is not None:
            return old, _committed(sides, repository.commit(head), head), inside
    tree, problems = read_tree(folder, inside or ".")
    registry, found = sides.shared.load(tree)
    if registry is None or problems:
        raise InvalidRegistry(in_file_order((*problems, *found)))
    return old, Side(registry, tree), inside


def _committed(sides: "Sides", commit: str, name: str) -> "Side":
    from cxgov.evidence.failures import CannotSay  # noqa: PLC0415

    found = sides.read(commit)
    if found.side is not None:
        return found.side
    wrong = [f"{visible(its.path)}: {its.reason}" for its in found.refused]
    wrong += [str(problem) for problem in found.problems if problem.is_error]
    raise CannotSay(f"{name} holds no valid registry; the first problem is\n{wrong[0]}")
