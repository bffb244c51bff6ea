"""One commit of a line judged again against an earlier one, with the reviews that concern it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from cxgov.evidence.commits import Commit
from cxgov.governance.gate import Gated, judge
from cxgov.governance.rehearing import Heard, Rehearing, leads
from cxgov.governance.steps import Asked, Programs, Step
from cxgov.governance.walking import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """By what the commits of a line are judged. ``revoked`` grows with what later policies say of keys.

    ``trunk`` is the line, oldest first; without ``rehearing`` no review is heard.
    """

    line: Line
    trunk: Sequence[str]
    rehearing: Rehearing | None
    environment: Mapping[str, str]
    programs: Programs
    revoked: dict[str, date] = field(default_factory=dict)

    def gated(self, i: int, sound: str, at: datetime, ref: str | None) -> Gated:
        """The gate's answer on what came between a commit that holds a policy and the one at an index of the trunk.

        Raises:
            CannotSay: what is needed cannot be read.
            Altered: one of the ledgers is broken.
        """
        commit = self.trunk[i]
        commits = self.line.repository.commits(sound, commit)
        heard = self._heard(i, sound, commits)
        step = Step(
            trusted=sound,
            head=commit,
            base=sound,
            result=commit,
            ref=ref,
            commits=list({its.oid: its for its in (*commits, *heard.wrote)}.values()),
            revoked=self.revoked,
        )
        asked = Asked(
            trusted=sound,
            head=commit,
            reviews=heard.reviews,
            authors=heard.authors,
            now=at,
            programs=self.programs,
        )
        return judge(self.line, step, asked, self.environment)

    def _heard(self, i: int, sound: str, commits: Sequence[Commit]) -> Heard:
        if self.rehearing is None:
            return Heard()
        commit = self.trunk[i]
        step = leads(self.line, sound, commit, self.line.repository.differences(sound, commit))
        return self.rehearing.concerning(i, step, commits)
