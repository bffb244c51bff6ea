"""A history to what of it holds: every commit of a line judged against the one before it, as the gate would have.

The tree of a commit is what landed; the policy, the calendar and the keys are those of the commit before it. A step is
judged on the day of its own commit, never before the day of the one before it nor after the audit's: whoever forges a
date gains no more than the time since the last commit. A key that a later policy says was revoked before that day
does not count.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cxgov.evidence.commits import Difference
from cxgov.evidence.failures import CannotSay
from cxgov.evidence.git import Repository
from cxgov.evidence.listings import fold
from cxgov.governance.anchors import Anchors
from cxgov.governance.audited import Audited, BrokenGlass, Kind, Landed, Trouble
from cxgov.governance.gate import Gated
from cxgov.governance.guards import guarded
from cxgov.governance.rehearing import Rehearing
from cxgov.governance.replaying import Replay
from cxgov.governance.steps import Programs
from cxgov.governance.tool import hold_to_tool
from cxgov.governance.troubles import (
    CUT_SHORT,
    Judging,
    another_history,
    broken,
    cannot_be_judged,
    objects_of,
    removed,
    troubles_of,
)
from cxgov.governance.unreviewed import broken_glass
from cxgov.governance.walking import Line
from cxgov.governance.worktree import OnDisk, held_on_disk
from cxgov.language.loading import APPROVALS, FROZEN
from cxgov.language.model import Council
from cxgov.ledger.chain import Altered, Ledger

_NOBODY: Final = (
    "{} has no valid document of kind Council, nor has any commit before it, so there is nothing to hold its history "
    "against: the first policy is put there by hand"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAudit:
    """What is audited, and by which evidence.

    ``since`` is a trusted commit; without one it is the first that has a council. ``kept`` are digests of entries that
    somebody kept, ``reviews`` files of a forge's reviews by name, None where there are none at hand, ``authors`` the
    accounts that opened those requests. ``ref`` is the full name of the branch, where ``until`` is no ref.
    """

    until: str = "HEAD"
    since: str | None = None
    kept: Sequence[str] = ()
    reviews: Mapping[str, bytes] | None = None
    authors: Mapping[str, int] = field(default_factory=dict)
    ref: str | None = None
    now: datetime
    programs: Programs = dict


def audit(
    repository: Repository,
    folder: str,
    asked: AskedAudit,
    environment: Mapping[str, str],
    told: Callable[[int, int], None] = lambda _done, _of: None,
) -> Audited:
    """What holds of the history of the registry in ``folder``; ``told`` hears how many commits of how many are done.

    Raises:
        CannotSay: the history is not all here, or no commit of it has a council.
    """
    return _Audit(repository, folder, asked, environment).audited(told)


class _Audit:
    def __init__(self, repository: Repository, folder: str, asked: AskedAudit, environment: Mapping[str, str]) -> None:
        self.repository = repository
        self.folder = folder
        self.asked = asked
        self.environment = environment
        self.line = Line(repository, folder)
        self.until = repository.commit(asked.until)
        self.name = repository.full_name(asked.until)
        if self.name is not None and asked.ref not in {None, self.name}:
            raise CannotSay(f"{asked.until} is {self.name}, and not {asked.ref}: name one of them")
        self.ref = self.name or asked.ref
        self.whole = repository.first_parents(None, self.until)
        start = self._start()
        self.trunk = self.whole[start:]
        heard = asked.reviews
        self.rehearing = None if heard is None else Rehearing(self.line, self.trunk, heard, asked.authors)
        self.replay = Replay(
            line=self.line,
            trunk=self.trunk,
            rehearing=self.rehearing,
            environment=environment,
            programs=asked.programs,
        )
        self.keys: dict[str, tuple[str, str]] = {}

    def _start(self) -> int:
        """The index of the commit with which it begins."""
        if self.asked.since is None:
            for i, commit in enumerate(self.whole):
                if i and self._same(self.whole[i - 1], commit):
                    continue
                if self._council(commit) is not None:
                    return i
            raise CannotSay(_NOBODY.format(self.asked.until))
        since = self.repository.commit(self.asked.since)
        if since not in self.whole:
            base = self.repository.merge_base(since, self.until)
            if base == since:
                raise CannotSay(
                    f"{self.asked.since} came by a merge: name a commit of the branch itself. If it was one, a merge "
                    "has been pushed whose first parent is another history: look at who made it"
                )
            raise Altered(
                f"{self.asked.until} does not hold {self.asked.since}, which you trust: its history was written anew "
                f"after {base[:12]}, or it is another branch"
            )
        if self._council(since) is None:
            raise CannotSay(f"{self.asked.since} has no valid policy: begin with a commit that has one")
        return self.whole.index(since)

    def _same(self, before: str, after: str) -> bool:
        """Whether two commits hold the same registry; the later one is then not read."""
        if any(self._concerns(its) for its in self.repository.steps([before, after])[0]):
            return False
        self.line.alike(after, before)
        return True

    def _concerns(self, its: Difference) -> bool:
        top = fold(self.folder)
        return not top or fold(its.path) == top or fold(its.path).startswith(f"{top}/")

    def _council(self, commit: str) -> Council | None:
        side = self.line.read(commit).side
        if side is None or side.registry.council is None:
            return None
        try:
            self.line.ledger(commit)
        except Altered:
            return None
        return side.registry.council

    # --- the walk ---

    def audited(self, told: Callable[[int, int], None]) -> Audited:
        steps = self.repository.steps(self.trunk)
        days = self._days()
        sound, landed, again = self.trunk[0], [], []
        self._learn(sound)
        for i, commit in enumerate(self.trunk[1:], 1):
            found = self._step(i, sound, steps[i - 1], days[commit])
            if found is not None:
                landed.append(found)
                again.append((len(landed) - 1, i, sound))
                if self._council(commit) is not None:
                    sound = commit
                    self._learn(sound)
            told(i, len(self.trunk) - 1)
        # What a later policy says of a key holds of what it signed before.
        late = min(self.replay.revoked.values(), default=None)
        for at, i, before in again:
            if late is not None and landed[at].at.date() >= late and (landed[at].approved or landed[at].let_through):
                judged = self._step(i, before, steps[i - 1], landed[at].at)
                landed[at] = judged or landed[at]
        return self._summed(sound, landed)

    def _days(self) -> dict[str, datetime]:
        """When each commit landed at the earliest: as it says, within bounds."""
        known = self.repository.told(self.trunk)
        found, before = {}, datetime.min.replace(tzinfo=UTC)
        for commit in self.trunk:
            said = known[commit][1]
            before = max(before, min(said or before, self.asked.now))
            found[commit] = before
        return found

    def _learn(self, commit: str) -> None:
        """Takes over the keys of a policy, and which of them it revokes."""
        council = self._council(commit)
        for member in council.members if council else ():
            for key in member.keys:
                self.keys.setdefault(key.body, (member.person, f"{key.type} {key.body}"))
                if key.revoked is not None:
                    self.replay.revoked[key.body] = min(key.revoked, self.replay.revoked.get(key.body, key.revoked))

    def _step(self, i: int, sound: str, differences: Iterable[Difference], at: datetime) -> Landed | None:
        """What came with the commit at an index of the trunk; None where nothing governed did.

        ``sound`` is the last commit before it that can judge: an invalid registry judges nobody.
        """
        commit, before = self.trunk[i], self.trunk[i - 1]
        differences = tuple(differences)
        council = self._council(sound)
        assert council is not None
        if not any(map(self._concerns, differences)) and not guarded(council, differences):
            self.line.alike(commit, before)
            return None
        held = tuple(f"{self.folder}/{name}/".removeprefix("/") for name in (FROZEN, APPROVALS))
        gone = [its.path for its in differences if its.path.startswith(held) and its.status != "A"]
        found = [removed(commit, before, gone)] if gone else []
        gated: Gated | None = None
        try:
            gated = self.replay.gated(i, sound, at, self.ref)
            found += troubles_of(gated, commit, self._judging(sound), known=gone)
        except Altered as altered:
            found += [] if gone else [broken(commit, before, altered)]
        except CannotSay as failure:
            found.append(cannot_be_judged(commit, failure))
        return _landed(commit, at, council, gated, found)

    def _judging(self, sound: str) -> Judging:
        """By what a step is judged here, and what of that may be missing."""
        side = self.line.read(sound).side
        assert side is not None
        settings, unsure = side.registry.settings, None
        if self.ref is None and settings.ref is not None:
            unsure = f"name the branch whose history it is, or no signature of it counts: --ref {settings.ref}"
        try:
            hold_to_tool(settings, sound[:12])
        except CannotSay as failure:
            unsure = str(failure)
        unread = self.rehearing.unread if self.rehearing is not None else None
        return Judging(unsure=unsure, unread=unread)

    # --- the whole ---

    def _summed(self, sound: str, landed: list[Landed]) -> Audited:
        reading = self.line.read(self.until)
        others: list[Trouble] = []
        notes: list[str] = []
        glass: list[BrokenGlass] = []
        try:
            ledger = self.line.ledger(self.until)
            unnamed = objects_of(self.repository, ledger, reading.frozen)
            notes += [f"{FROZEN}/objects/{name} is named by no entry" for name in unnamed]
            glass, unreviewed = broken_glass(self.line, ledger, self.until, self.asked.now.astimezone(UTC).date())
            others += unreviewed
        except Altered as altered:
            ledger = self.line.ledger(sound)
            if not any(its.kind is Kind.ALTERED for step in landed for its in step.troubles):
                others.append(broken(self.until, self.trunk[0], altered))
        if self.asked.since is None:
            older = self.line.ledger(self.trunk[0])
            ungoverned = [its for its in older.entries() if its.policy is None]
            governed = [its for its in older.entries() if its.policy is not None] or older.signed()
            others += [another_history(governed[0].name)] if governed else []
            if ungoverned:
                notes.append(f"{len(ungoverned)} entries are older than the council: nobody approved them")
        on_disk = self._on_disk(reading.frozen)
        anchors = self._anchors(ledger, on_disk)
        others += anchors.troubles
        if not anchors.found and not anchors.troubles:
            others.append(CUT_SHORT)
        others += on_disk.troubles
        unread = self.rehearing.unread.items() if self.rehearing is not None else ()
        said = "is not in this clone, so what was said of it does not count"
        notes += [*anchors.notes, *on_disk.notes, *(f"{name}: commit {oid[:12]} {said}" for name, oid in unread)]
        council = self._council(sound)
        return Audited(
            since=self.trunk[0],
            until=self.until,
            founded=self.asked.since is None,
            commits=len(self.trunk) - 1,
            entries=len(ledger),
            approvals=len(reading.approvals),
            head=ledger.head,
            policy=council.sequence if council else None,
            landed=tuple(landed),
            anchors=tuple(anchors.found),
            broken_glass=tuple(glass),
            others=tuple(others),
            notes=tuple(notes),
        )

    def _anchors(self, ledger: Ledger, on_disk: OnDisk) -> Anchors:
        found = Anchors(ledger)
        for digest in self.asked.kept:
            found.kept(digest, on_disk.digests)
        if self.asked.since is not None:
            found.held(f"the commit {self.trunk[0][:12]}", self.line.ledger(self.trunk[0]))
        keys = [its for body, its in self.keys.items() if body not in self.replay.revoked]
        found.tags(self.line, self.name or "", keys, self.environment)
        return found

    def _on_disk(self, frozen: Mapping[str, str]) -> OnDisk:
        """The work tree, where it is that of the commit with which the audit ends."""
        top = self.repository.top
        if top is None:
            return OnDisk()
        if self.repository.commit("HEAD") != self.until:
            return OnDisk(notes=("the work tree is of another commit, and was not looked at",))
        tree = self.repository.tree(self.until, self.folder)
        prefix = f"{self.folder}/{APPROVALS}/".removeprefix("/")
        approved = {
            path.removeprefix(prefix.removesuffix(f"{APPROVALS}/")): oid
            for path, oid in tree.blobs.items()
            if path.startswith(prefix)
        }
        here = {f"{FROZEN}/{path}": oid for path, oid in frozen.items()}
        return held_on_disk(self.repository, Path(top, self.folder), {**here, **approved})


def _landed(commit: str, at: datetime, council: Council, gated: Gated | None, found: list[Trouble]) -> Landed:
    verdict = gated.verdict if gated is not None else None
    demands = verdict.demands if verdict is not None else ()
    return Landed(
        commit=commit,
        at=at,
        policy=council.sequence,
        changes=len({id(demand.finding) for demand in demands}),
        approved=tuple(sorted({its.person for demand in demands if demand.waiver is None for its in demand.counted})),
        let_through=tuple(sorted({demand.waiver.origin for demand in demands if demand.waiver is not None})),
        troubles=tuple(found),
    )
