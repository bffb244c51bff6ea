"""A metric through its history: what it meant, since when, by whose word, and in which periods that counts.

Its versions are the commits of the first-parent line at which its version or its meaning became another one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise

from cxgov.compiler.query import Refused
from cxgov.evidence.failures import CannotSay
from cxgov.evidence.git import Repository
from cxgov.governance.changes import Comparison, compare
from cxgov.governance.findings import Finding
from cxgov.governance.rehearing import Rehearing
from cxgov.governance.replaying import Replay
from cxgov.governance.steps import Programs
from cxgov.governance.verdict import Demand
from cxgov.governance.walking import Line
from cxgov.language.diagnostics import nearest
from cxgov.language.model import Metric, Registry
from cxgov.ledger.entries import Entry
from cxgov.meaning.digests import Closures


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a metric was from a commit on; no ``version`` and no ``clo1`` where the commit took it away.

    ``approved`` are the persons whose word counted for what changed, None where there was no policy or it cannot be
    judged; ``let_through`` are entries of the ledger that broke the glass for it. ``periods`` are the frozen periods
    that this meaning was frozen for, restated ones with their reading.
    """

    id: str
    version: str | None
    clo1: str | None
    status: str | None
    commit: str
    at: datetime | None
    author: str
    approved: tuple[str, ...] | None
    let_through: tuple[str, ...]
    changes: tuple[Finding, ...]
    periods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Restated:
    """A correction of what a frozen period said of the metric."""

    period: str
    reading: int
    entry: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Two frozen periods that follow each other, in which the metric means different things."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A metric's versions, oldest first, and what frozen periods say of it.

    ``since_frozen`` says that it means something else today than in the last frozen period.
    """

    id: str
    title: str
    formerly: tuple[str, ...]
    versions: tuple[Version, ...]
    breaks: tuple[Break, ...]
    restated: tuple[Restated, ...]
    since_frozen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedHistory:
    """Which metric, by any id that it had, up to which commit, and by which reviews."""

    metric: str
    until: str = "HEAD"
    reviews: Mapping[str, bytes] = field(default_factory=dict)
    programs: Programs = dict


def history(repository: Repository, folder: str, asked: AskedHistory, environment: Mapping[str, str]) -> History:
    """The history of a metric of the registry in ``folder``.

    Raises:
        CannotSay: the history is not all here.
        Altered: the ledger is broken.
        Refused: there was never such a metric.
    """
    return _Walk(repository, folder, asked, environment).history()


class _Walk:
    def __init__(
        self, repository: Repository, folder: str, asked: AskedHistory, environment: Mapping[str, str]
    ) -> None:
        self.asked = asked
        self.line = Line(repository, folder)
        self.until = repository.commit(asked.until)
        self.trunk = repository.first_parents(None, self.until)
        self.told = repository.told(self.trunk)
        self.replay = Replay(
            line=self.line,
            trunk=self.trunk,
            rehearing=Rehearing(self.line, self.trunk, asked.reviews, {}) if asked.reviews else None,
            environment=environment,
            programs=asked.programs,
        )
        self.last = self._of(self.until)
        self.names = {asked.metric}
        if self.last is not None:
            self.names |= {self.last.id, *self.last.formerly}

    def _of(self, commit: str) -> Metric | None:
        side = self.line.read(commit).side
        found = (
            its for its in _metrics(side.registry if side else None) if self.asked.metric in {its.id, *its.formerly}
        )
        return next(found, None)

    def history(self) -> History:
        versions = list(self._versions())
        if not versions:
            side = self.line.read(self.until).side
            known = [its.id for its in _metrics(side.registry if side else None)]
            raise Refused(
                f"there was never a metric {self.asked.metric!r}{nearest(self.asked.metric, known)}",
                "`cxgov list` has those of today.",
            )
        entries = self.line.ledger(self.until).entries()
        periods = _counting(entries, self.names)
        shown = self.last or self._gone(versions)
        breaks = tuple(
            Break(before=one.period.id, after=other.period.id)
            for (one, old), (other, new) in pairwise(periods)
            if old != new
        )
        return History(
            id=shown.id if shown else versions[-1].id,
            title=shown.title if shown else versions[-1].id,
            formerly=tuple(sorted(self.names - {shown.id if shown else versions[-1].id})),
            versions=tuple(versions),
            breaks=breaks,
            restated=tuple(
                Restated(period=its.period.id, reading=its.restatement, entry=its.sequence, reason=its.reason or "")
                for its in entries
                if self.names & set(its.restated)
            ),
            since_frozen=bool(periods) and versions[-1].clo1 not in {None, periods[-1][1]},
        )

    def _gone(self, versions: Sequence[Version]) -> Metric | None:
        """The metric as it was last, where it is no more."""
        last = [its.commit for its in versions if its.clo1 is not None]
        side = self.line.read(last[-1]).side if last else None
        return next((its for its in _metrics(side.registry if side else None) if its.id in self.names), None)

    def _versions(self) -> Iterator[Version]:
        """Each version, given once it is known which periods it was frozen for."""
        steps = self.line.repository.steps(self.trunk)
        sound: str | None = None
        held: tuple[str, str, str] | None = None
        waiting: Version | None = None
        frozen = 0
        for i, commit in enumerate(self.trunk):
            top = f"{self.line.folder}/".removeprefix("/")
            if i and not any(its.path.startswith(top) for its in steps[i - 1]):
                self.line.alike(commit, self.trunk[i - 1])
                continue
            side = self.line.read(commit).side
            if side is None:
                continue
            metric = next((its for its in _metrics(side.registry) if its.id in self.names), None)
            now = None
            if metric is not None:
                self.names |= set(metric.formerly)
                now = metric.version, metric.status, Closures(side.registry).clo1(metric)
            if now != held:
                if waiting is not None:
                    yield waiting
                identity = metric.id if metric is not None else waiting.id if waiting is not None else ""
                waiting = self._version(i, sound, identity, now)
            held, sound = now, commit
            ledger = self.line.ledger(commit)
            if waiting is not None and len(ledger) > frozen:
                new = [its for its in ledger.entries() if its.sequence > frozen]
                waiting = _frozen_for(waiting, new, self.names)
            frozen = max(frozen, len(ledger))
        if waiting is not None:
            yield waiting

    def _version(self, i: int, sound: str | None, identity: str, now: tuple[str, str, str] | None) -> Version:
        commit = self.trunk[i]
        version, status, clo1 = now or (None, None, None)
        its, at = self.told[commit]
        demands, changes = self._changed(i, sound, at or datetime.fromtimestamp(0, UTC))
        waived = {its.waiver.origin for its in demands or () if its.waiver is not None}
        words = {member.person for its in demands or () if its.waiver is None for member in its.counted}
        return Version(
            id=identity,
            version=version,
            clo1=clo1,
            status=status,
            commit=commit,
            at=at,
            author=its.author.name,
            approved=None if demands is None else tuple(sorted(words)),
            let_through=tuple(sorted(waived)),
            changes=changes,
        )

    def _changed(self, i: int, sound: str | None, at: datetime) -> tuple[Sequence[Demand] | None, tuple[Finding, ...]]:
        """What was asked for what a commit did to the metric, and what it did."""
        commit = self.trunk[i]
        new = self.line.read(commit).side
        old = self.line.read(sound).side if sound is not None else None
        if sound is None or old is None or new is None:
            return None, ()
        if old.registry.council is None:
            return None, self._reaching(compare(old, new))
        try:
            # Whose word it was is asked, not whether it was said for this branch: that is the audit's.
            gated = self.replay.gated(i, sound, at, old.registry.settings.ref)
        except CannotSay:
            return None, self._reaching(compare(old, new))
        if gated.proposal is None or gated.verdict is None:
            return None, self._reaching(compare(old, new))
        changes = self._reaching(gated.proposal.comparison)
        demands = [demand for demand in gated.verdict.demands if demand.finding in changes]
        return demands, changes

    def _reaching(self, comparison: Comparison) -> tuple[Finding, ...]:
        return tuple(
            its
            for its in comparison.findings
            if (its.kind == "Metric" and its.id in self.names) or self.names & set(its.reach.metrics)
        )


def _metrics(registry: Registry | None) -> Sequence[Metric]:
    return tuple(registry.metrics.values()) if registry is not None else ()


def _frozen_for(version: Version, entries: Sequence[Entry], names: set[str]) -> Version:
    found = list(version.periods)
    for entry in entries:
        its = next((its for name, its in entry.metrics.items() if name in names), None)
        if its is None or its.clo1 != version.clo1:
            continue
        if not entry.restatement:
            found.append(entry.period.id)
        elif names & set(entry.restated):
            found.append(f"{entry.period.id}, restatement {entry.restatement}")
    return replace(version, periods=tuple(found))


def _counting(entries: Sequence[Entry], names: set[str]) -> list[tuple[Entry, str]]:
    """The last reading of each period that has the metric, in time's order, and what it means there."""
    last = {entry.period.id: entry for entry in entries}
    found = []
    for entry in sorted(last.values(), key=lambda its: its.period.first_day):
        its = next((its for name, its in entry.metrics.items() if name in names), None)
        if its is not None:
            found.append((entry, its.clo1))
    return found
