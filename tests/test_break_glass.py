"""Break-glass: a change let through without its approvals by seats that the policy names, for a time, and reviewed."""

import io
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from cxgov.api import audit as audited_by
from cxgov.api import break_glass, freeze, gate, review_break_glass
from cxgov.cli.gate_command import answered
from cxgov.cli.main import exit_code
from cxgov.evidence.failures import CannotSay
from cxgov.governance.audited import Audited, Kind
from cxgov.governance.break_glass import emergency_of
from cxgov.governance.gate import Gated
from cxgov.ledger.circumstances import programs
from cxgov.ledger.entries import SignedEntry, read_entry
from cxgov.ledger.folder import read_ledger, write_freezing, write_signed
from tests.gating import HOME, Repo, council, documents, missing, new_key, review, why
from tests.support import Document, registry

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL: Final = date(2026, 1, 8)
REASON: Final = "scores arrive as 0-100"
WAITS: Final = "it waits for the signature of insights: cxgov break-glass sign. It ends on 2026-01-08, the seat support"
GLASS: Final[Document] = {"seats": ["finance"], "classes": ["formula", "source", "population"]}


class Glass(Repo):
    """A repository whose policy lets finance break the glass, and a proposal with another formula."""

    def __init__(self, folder: Path, **policy: Any) -> None:
        super().__init__(folder / "repo")
        self.keys = folder / "keys"
        self.keys.mkdir()
        self.its_council = council(**{"break_glass": GLASS, **policy})
        for row in self.its_council["members"]:
            row["keys"] = [new_key(self.keys, row["person"])]
        self.commit(*self.everything())
        self.branch()
        self.commit(*self.everything(7))

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics"

    def everything(self, limit: int = 9, **fields: Any) -> list[Document]:
        return [*documents(limit, **fields), self.its_council, registry(**HOME)]

    def gated(self, head: str = "proposal", trusted: str = "main", now: datetime = NOW) -> Gated:
        return gate(self.metrics, trusted=trusted, head=head, now=now)

    def sign(self, person: str, now: datetime = NOW, **terms: Any) -> Path:
        """Signs the proposal's break-glass, or a new one, and commits it as that person."""
        gated = self.gated(now=now)
        if not any(its.kind == "BreakGlass" for its in gated.signed):
            terms = {"reason": REASON, "until": UNTIL, "reviewer": "support", **terms}
        made = break_glass(self.metrics, gated, key=self.keys / person, now=now, **terms)
        before = next((its for its in gated.signed if its.sequence == made.entry.sequence), None)
        path = write_signed(self.metrics / "frozen", made.entry, before)
        self.commit(who=person)
        return path

    def forge(self, change: Callable[[SignedEntry], SignedEntry]) -> None:
        """Writes the last entry otherwise than it was signed."""
        path = max((self.metrics / "frozen/ledger").iterdir())
        entry = read_entry(path.read_bytes())
        assert isinstance(entry, SignedEntry)
        path.write_bytes(change(entry).data)
        self.commit()

    def merge(self, *options: str) -> str:
        self.git("checkout", "-q", "main")
        self.git("merge", "-q", *(options or ("--no-ff",)), "-m", "merge", "proposal")
        self.branch()
        return self.git("rev-parse", "main")

    def reviewed(self, entry: int, person: str, outcome: str = "upheld", now: datetime = NOW) -> Path:
        key = self.keys / person
        made = review_break_glass(self.metrics, entry, key=key, outcome=outcome, comment="seen", now=now)
        path = write_signed(self.metrics / "frozen", made.entry, None)
        self.commit(who=person)
        return path

    def audit(self, now: datetime = NOW) -> Audited:
        self.git("checkout", "-q", "main")
        kept = read_ledger(self.metrics / "frozen").head
        return audited_by(self.metrics, now=now, kept=[kept] if kept else [])


@pytest.fixture
def home(tmp_path: Path) -> Glass:
    return Glass(tmp_path)


def faults(found: Gated) -> tuple[str, ...]:
    assert found.verdict is not None
    return found.verdict.faults


def test_a_holder_of_the_seat_lets_a_change_through(home: Glass) -> None:
    assert missing(home.gated()) == ["2 more approvals of 2"]
    path = home.sign("bob")
    assert path.name == "000001.json"
    found = home.gated()
    assert (answered(found), faults(found), missing(found)) == (0, (), [])
    assert found.verdict is not None
    [demand] = found.verdict.demands
    assert demand.waiver is not None
    assert (demand.waiver.origin, demand.waiver.signers) == ("000001.json", ("bob",))


def test_a_holder_of_each_seat_signs(tmp_path: Path) -> None:
    home = Glass(tmp_path, members=_members("ana2"), break_glass={**GLASS, "seats": ["finance", "insights"]})
    home.sign("bob")
    found = home.gated()
    assert answered(found) == 1
    assert faults(found) == (f"000001.json does not stand: {WAITS} reviews it, and its reason is: {REASON}",)
    assert missing(found) == ["2 more approvals of 2"]
    home.sign("ana")
    assert answered(home.gated()) == 0


def _members(*more: str, like: str = "ana") -> list[Document]:
    """The members, and others with the seat of one of them."""
    its: list[Document] = council()["members"]
    row = {key: value for key, value in next(it for it in its if it["person"] == like).items() if key != "emails"}
    return [*its, *({**row, "person": who, "github": 2000 + i} for i, who in enumerate(more))]


def test_who_signs_does_not_sign_twice_and_says_nothing_new(tmp_path: Path) -> None:
    home = Glass(tmp_path, members=_members("ana2"), break_glass={**GLASS, "seats": ["finance", "insights"]})
    home.sign("bob")
    with pytest.raises(CannotSay, match=r"bob has signed 000001\.json already"):
        home.sign("bob")
    with pytest.raises(CannotSay, match=r"000001\.json says why, until when and who reviews it"):
        home.sign("ana", reason="another", until=UNTIL, reviewer="support")
    with pytest.raises(CannotSay, match="dee has the seat support, and finance, insights break the glass"):
        home.sign("dee")


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"until": date(2026, 1, 1)}, "it has lapsed"),
        ({"until": date(2026, 1, 16)}, "the longest that it may last is 14 days, to 2026-01-15"),
        ({"reviewer": "finance"}, "seat 'finance' cannot review it; these can: insights, support"),
        ({"reviewer": "supprt"}, "did you mean 'support'"),
        ({"reason": " "}, "says why"),
        ({"reason": None}, "are said together"),
    ],
)
def test_what_cannot_stand_is_not_signed(home: Glass, terms: Mapping[str, Any], said: str) -> None:
    with pytest.raises(CannotSay, match=said):
        home.sign("bob", **terms)
    assert not (home.metrics / "frozen").exists()


def test_the_longest_end_is_fourteen_days_away(home: Glass) -> None:
    home.sign("bob", until=date(2026, 1, 15))
    assert answered(home.gated()) == 0


def test_it_lapses_at_its_end(home: Glass) -> None:
    home.sign("bob")
    assert answered(home.gated(now=datetime(2026, 1, 7, 23, 59, tzinfo=UTC))) == 0
    found = home.gated(now=datetime(2026, 1, 8, tzinfo=UTC))
    assert answered(found) == 1
    assert faults(found) == ("000001.json does not stand: it has lapsed: its end is 2026-01-08",)
    assert missing(found) == ["2 more approvals of 2"]


def test_an_end_too_far_away_does_not_stand_though_it_was_signed(home: Glass) -> None:
    """Signed by a program that does not look, or on a day that had not come."""
    home.sign("bob", now=NOW + timedelta(days=10), until=date(2026, 1, 25))
    assert "the longest" in faults(home.gated())[0]


def test_a_policy_that_names_no_seats_breaks_no_glass(home: Glass, tmp_path: Path) -> None:
    home.sign("bob")
    other = home.folder / "metrics/council_council.yaml"
    without = {key: value for key, value in home.its_council.items() if key != "break_glass"}
    home.git("checkout", "-q", "main")
    home.commit(*documents(), without, registry(**HOME))
    home.git("checkout", "-q", "proposal")
    assert other.exists()
    found = home.gated()
    assert answered(found) == 1
    assert faults(found)[0] == "000001.json does not stand: it is for another policy"
    tmp_path.joinpath("b").mkdir()
    bare = Glass(tmp_path / "b", break_glass=None)
    with pytest.raises(CannotSay, match="names no seats that can break the glass"):
        bare.sign("bob")


def test_it_stands_for_no_other_class(home: Glass) -> None:
    """A change of the policy needs its quorum, whatever breaks."""
    home.its_council = {**home.its_council, "sequence": 2, "title": "Another"}
    home.commit(*home.everything(7))
    with pytest.raises(CannotSay, match="lets nobody break the glass for a change of class policy: Council council"):
        home.sign("bob")


def test_of_two_changes_it_stands_for_its_classes_alone(home: Glass) -> None:
    """What was signed covers the whole proposal, and the policy says for which of it that is enough."""
    home.sign("bob")
    home.commit(CODEOWNERS=b"* @org/council\n")
    found = home.gated()
    assert answered(found) == 1
    assert found.verdict is not None
    assert {demand.finding.change_class: demand.met for demand in found.verdict.demands} == {
        "formula": True,
        "policy": False,
    }
    assert why(found, "break-glass") == {"the policy lets nobody break the glass for a change of class policy"}


def test_who_wrote_the_change_does_not_let_it_through(home: Glass) -> None:
    home.commit(*home.everything(8), who="bob")
    home.sign("bob")
    assert faults(home.gated()) == ("000001.json does not stand: bob signed it, and wrote part of the proposal",)


def test_signing_is_not_writing(tmp_path: Path) -> None:
    """Who commits the entry, or another signature of it, has written nothing."""
    home = Glass(tmp_path, members=_members("ana2"), break_glass={**GLASS, "seats": ["finance", "insights"]})
    home.sign("bob")
    home.sign("ana")
    found = home.gated()
    assert (answered(found), faults(found)) == (0, ())


def test_who_opened_it_does_not_let_it_through(home: Glass) -> None:
    home.sign("bob")
    found = gate(home.metrics, trusted="main", head="proposal", authors=[1002], now=NOW)
    assert faults(found) == ("000001.json does not stand: bob signed it, and wrote part of the proposal",)


def test_who_gains_by_the_metric_does_not_let_it_through(tmp_path: Path) -> None:
    home = Glass(tmp_path, beneficiaries={"nps": ["bob"]})
    home.sign("bob")
    found = home.gated()
    assert answered(found) == 1
    assert why(found, "break-glass") == {"bob is a beneficiary of nps"}


def test_a_veto_stays(home: Glass) -> None:
    home.sign("bob")
    head = home.git("rev-parse", "proposal")
    found = home.judge(review("cy", head, "CHANGES_REQUESTED"), now=NOW)
    assert answered(found) == 1
    assert found.verdict is not None
    assert [its.person for its in found.verdict.vetoes] == ["cy"]


def test_a_change_after_it_was_signed_is_not_let_through(home: Glass) -> None:
    home.sign("bob")
    home.commit(*home.everything(8))
    found = home.gated()
    assert faults(found) == ("000001.json does not stand: it is of another Metric nps than the proposal has now",)
    assert missing(found) == ["2 more approvals of 2"]
    with pytest.raises(CannotSay, match="is of other changes than the proposal has now: remove it and begin anew"):
        home.sign("cy")


def test_what_moved_under_it_is_not_let_through(home: Glass) -> None:
    """It is of a step: from what was there to what is proposed."""
    home.sign("bob")
    home.git("checkout", "-q", "main")
    home.commit(*home.everything(9, where="score > 0", version="2.0.0"))
    home.git("checkout", "-q", "proposal")
    home.git("merge", "-q", "-X", "ours", "-m", "merged", "main")
    home.commit(*home.everything(7, version="3.0.0"))
    found = home.gated()
    assert answered(found) == 1
    assert set(missing(found)) == {"2 more approvals of 2"}


def test_it_is_of_one_branch(home: Glass) -> None:
    home.sign("bob")
    home.git("branch", "release", "main")
    found = home.gated(trusted="release")
    assert answered(found) == 1
    assert "it would be merged into refs/heads/release" in faults(found)[0]


def test_once_it_has_landed_it_is_spent(home: Glass) -> None:
    """There and back again needs a new word."""
    home.sign("bob")
    statement = emergency_of(read_ledger(home.metrics / "frozen").signed()[0]).entry
    home.merge()
    home.git("checkout", "-q", "main")
    home.commit(*home.everything(9, version="3.0.0"))
    home.branch()
    home.commit(*home.everything(7, version="2.0.0"))
    again = replace(statement, sequence=2, previous=read_ledger(home.metrics / "frozen").head)
    write_signed(home.metrics / "frozen", again, None)
    home.commit()
    assert "000002.json does not stand: the ledger holds its statement already" in faults(home.gated())


def test_it_is_spent_where_another_request_brought_the_same(home: Glass) -> None:
    """What was let through has been on the trusted branch, and was taken back."""
    home.sign("bob")
    home.git("checkout", "-q", "main")
    home.commit(*home.everything(7))
    home.commit(*home.everything(9))
    home.git("checkout", "-q", "proposal")
    found = home.gated()
    assert answered(found) == 1
    assert faults(found) == ("000001.json does not stand: spent: what was approved has been on the trusted side since",)


@pytest.mark.parametrize(
    "change",
    [
        lambda its: replace(its, statement=its.statement.replace("2026-01-08", "2026-01-09")),
        lambda its: replace(its, statement=its.statement.replace("0-100", "0-101")),
        lambda its: replace(its, statement=its.statement.replace('"reviewer":"support"', '"reviewer":"insights"')),
    ],
)
def test_words_that_nobody_signed_are_forged(home: Glass, change: Callable[[SignedEntry], SignedEntry]) -> None:
    home.sign("bob")
    home.forge(change)
    found = home.gated()
    assert found.altered == ("metrics/frozen/ledger/000001.json",)
    assert answered(found) == 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda its: replace(its, signatures=()), "nobody signed it"),
        (lambda its: replace(its, signatures=its.signatures * 2), "bob signed it twice"),
        (lambda its: replace(its, statement="{}"), "its type is another one"),
        (lambda its: replace(its, statement="not JSON"), "does not stand: "),
        (lambda its: replace(its, kind="BreakGlassReview"), "its type is another one"),
        (lambda its: replace(its, signatures=("nothing",)), "not exactly one armoured ssh signature"),
    ],
)
def test_what_is_no_word_does_not_stand(home: Glass, change: Callable[[SignedEntry], SignedEntry], said: str) -> None:
    home.sign("bob")
    home.forge(change)
    found = home.gated()
    assert answered(found) == 1
    assert said in faults(found)[0]
    assert missing(found) == ["2 more approvals of 2"]


def test_a_strangers_key_does_not_count(home: Glass) -> None:
    home.sign("bob")
    new_key(home.keys, "zed")
    entry = read_ledger(home.metrics / "frozen").signed()[0]
    signed = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-q", "-f", home.keys / "zed", "-n", "cxgov-approval@v1"],
        input=entry.statement.encode(),
        capture_output=True,
        check=True,
    ).stdout.decode()
    home.forge(lambda its: replace(its, signatures=(signed,)))
    assert "signed with a key that is no member's now" in faults(home.gated())[0]
    home.forge(lambda its: replace(its, signatures=(*entry.signatures, signed)))
    assert "signed with a key that is no member's now" in faults(home.gated())[0]


def test_a_seat_that_is_not_asked_adds_nothing(home: Glass) -> None:
    home.sign("bob")
    entry = read_ledger(home.metrics / "frozen").signed()[0]
    signed = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-q", "-f", home.keys / "dee", "-n", "cxgov-approval@v1"],
        input=entry.statement.encode(),
        capture_output=True,
        check=True,
    ).stdout.decode()
    home.forge(lambda its: replace(its, signatures=(*its.signatures, signed)))
    assert faults(home.gated()) == ("000001.json does not stand: support signed it, and does not break the glass",)


def test_an_entry_that_cannot_be_read_is_altered(home: Glass) -> None:
    home.sign("bob")
    path = home.metrics / "frozen/ledger/000001.json"
    path.write_bytes(path.read_bytes().replace(b'"kind": "BreakGlass"', b'"kind": "BrokenGlass"'))
    home.commit()
    assert exit_code(["gate", "--registry", str(home.metrics), "--trusted", "main", "--head", "proposal"]) == 5


def test_nobody_is_left_to_review_it(home: Glass) -> None:
    """The only holder of the seat wrote the change."""
    home.commit(*home.everything(8), who="dee")
    home.sign("bob")
    assert faults(home.gated()) == ("000001.json does not stand: nobody with the seat support is left to review it",)


def test_an_edit_after_it_landed_is_history(home: Glass) -> None:
    home.sign("bob")
    home.merge()
    home.forge(lambda its: replace(its, signatures=()))
    assert answered(home.gated()) == 5


def test_approvals_that_are_there_make_it_needless(home: Glass) -> None:
    home.sign("bob")
    head = home.git("rev-parse", "proposal")
    found = home.judge(review("ana", head), review("dee", head), now=NOW)
    assert found.verdict is not None
    [demand] = found.verdict.demands
    assert (demand.met, demand.waiver, [its.person for its in demand.counted]) == (True, None, ["ana", "dee"])


def test_nothing_is_signed_where_nothing_is_missing(home: Glass) -> None:
    home.branch()
    with pytest.raises(CannotSay, match="no approval is missing"):
        home.sign("bob")


# --- a period beside it ---


def test_a_freeze_is_let_through_where_the_policy_says_so(tmp_path: Path) -> None:
    rules = [*council()["rules"], {"classes": ["freeze"], "quorum": 2, "evidence": "signed"}]
    home = Glass(tmp_path, rules=rules, break_glass={**GLASS, "classes": ["freeze"]})
    home.branch()
    made = freeze(home.metrics, "2026-Q2", now=NOW)
    write_freezing(home.metrics / "frozen", made)
    home.commit()
    home.sign("bob")
    found = home.judge(now=NOW, programs=programs)
    assert found.passed
    assert found.verdict is not None
    assert [(its.finding.id, its.waiver is not None) for its in found.verdict.demands] == [("2026-Q2", True)]


def test_nothing_stands_for_an_approval_that_nobody_can_give(home: Glass) -> None:
    """The policy names no rule for it, and the glass is not broken for nothing."""
    home.branch()
    made = freeze(home.metrics, "2026-Q2", now=NOW)
    write_freezing(home.metrics / "frozen", made)
    home.commit()
    with pytest.raises(CannotSay, match="says who approves a change of class freeze, so nothing can stand for that"):
        home.sign("bob")


def test_the_ledger_goes_on_after_it(home: Glass) -> None:
    home.sign("bob")
    home.merge()
    made = freeze(home.metrics, "2027-Q1", now=NOW)
    assert made.entry.sequence == 2
    write_freezing(home.metrics / "frozen", made)
    ledger = read_ledger(home.metrics / "frozen")
    assert [its.period.id for its in ledger.entries()] == ["2027-Q1"]
    assert [its.sequence for its in ledger.signed()] == [1]
    assert list(ledger.periods()) == ["2027-Q1"]
    assert [its.sequence for its in ledger.readings("2027-Q1")] == [2]


# --- afterwards ---


def test_the_audit_lists_it_until_it_has_been_reviewed(home: Glass) -> None:
    home.sign("bob")
    home.merge()
    found = home.audit()
    assert found.worst is None, found.troubles
    [its] = found.broken_glass
    assert (its.entry, its.until, its.reviewer, its.reason, its.outcome) == (1, UNTIL, "support", REASON, None)
    assert its.changes == ("Metric nps",)
    late = home.audit(now=datetime(2026, 1, 8, tzinfo=UTC))
    assert [trouble.message for trouble in late.troubles] == [
        "000001.json broke the glass to 2026-01-08, and seat support has not reviewed it"
    ]
    assert late.worst is Kind.UNMET
    home.branch()
    home.reviewed(1, "dee")
    gated = home.gated()
    assert answered(gated) == 0
    assert gated.verdict is not None
    assert gated.verdict.reviews == ("000001.json was reviewed by dee: upheld (seen)",)
    home.merge()
    found = home.audit(now=datetime(2026, 1, 9, tzinfo=UTC))
    assert found.worst is None, found.troubles
    assert found.broken_glass[0].outcome == "upheld"


def test_of_a_commit_alone_it_cannot_be_said_whether_it_stands(home: Glass) -> None:
    """A signature is of one branch, and a commit does not say of which it is."""
    home.sign("bob")
    commit = home.merge()
    kept = read_ledger(home.metrics / "frozen").digests
    found = audited_by(home.metrics, until=commit, now=NOW, kept=kept)
    assert found.worst is Kind.NOT_REPLAYED
    assert found.troubles[0].fix.endswith("or no signature of it counts: --ref refs/heads/main")
    assert audited_by(home.metrics, until=commit, ref="refs/heads/main", now=NOW, kept=kept).worst is None


def test_what_is_rejected_is_to_be_undone(home: Glass) -> None:
    home.sign("bob")
    home.merge()
    home.reviewed(1, "dee", "rejected")
    home.merge()
    found = home.audit()
    assert [its.message for its in found.others] == [
        "000002.json rejects what 000001.json let through, and Metric nps is still so"
    ]
    home.branch()
    home.commit(*home.everything(9, version="3.0.0"))
    home.merge()
    assert home.audit().others == ()


def test_a_key_that_was_revoked_before_let_nothing_through(home: Glass) -> None:
    """What a later policy says of a key holds of what it signed before."""
    home.sign("bob")
    home.merge()
    assert [its.let_through for its in home.audit().landed] == [("000001.json",)]
    home.branch()
    row = next(its for its in home.its_council["members"] if its["person"] == "bob")
    row["keys"] = [{"key": row["keys"][0], "revoked": "2026-01-01"}, new_key(home.keys, "bob2")]
    home.its_council["sequence"] = 2
    home.commit(*home.everything(7))
    home.merge()
    messages = [its.message for its in home.audit().troubles]
    assert messages[0] == "000001.json does not stand: signed with a key that is no member's now"


def test_only_who_had_no_part_in_it_reviews_it(home: Glass) -> None:
    home.sign("bob")
    home.merge()
    for person in ("bob", "ana"):
        with pytest.raises(CannotSay, match=f"{person} signed, and the review is of the seat support, which is dee's"):
            home.reviewed(1, person)
    assert not (home.metrics / "frozen/ledger/000002.json").exists()


def test_who_wrote_the_change_does_not_review_it(tmp_path: Path) -> None:
    home = Glass(tmp_path, members=_members("eve", like="dee"))
    home.commit(*home.everything(8), who="dee")
    home.sign("bob")
    assert answered(home.gated()) == 0
    home.merge()
    home.reviewed(1, "dee")
    [fault] = faults(home.gated())
    assert fault.startswith("000002.json does not stand: dee signed 000001.json or wrote part of what it let through")
    home.branch()
    home.reviewed(1, "eve")
    assert answered(home.gated()) == 0


def test_a_review_is_said_once_and_of_what_has_landed(home: Glass) -> None:
    home.sign("bob")
    with pytest.raises(CannotSay, match="entry 2 of the ledger is no break-glass"):
        home.reviewed(2, "dee")
    home.reviewed(1, "dee")
    assert "000002.json does not stand: it is of no break-glass that has landed" in faults(home.gated())
    home.git("reset", "-q", "--hard", "HEAD~1")
    home.merge()
    home.reviewed(1, "dee")
    home.merge()
    with pytest.raises(CannotSay, match=r"000001\.json was reviewed in 000002\.json: upheld"):
        home.reviewed(1, "dee")


def test_a_review_that_nobody_signed_is_forged(home: Glass) -> None:
    home.sign("bob")
    home.merge()
    home.reviewed(1, "dee", "rejected")
    home.forge(lambda its: replace(its, statement=its.statement.replace("rejected", "upheld")))
    assert answered(home.gated()) == 5


# --- the command line ---


def test_the_commands_say_what_was_signed(
    home: Glass, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = ["--registry", str(home.metrics), "--now", "2026-01-01T00:00:00Z"]
    both = ["--trusted", "main", "--head", "proposal", *registry]
    terms = ["--reason", REASON, "--until", "2026-01-08", "--reviewer", "support"]
    key = ["--key", str(home.keys / "bob")]
    assert exit_code(["break-glass", "sign", *both, *terms, *key, "--yes"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("not approved")
    assert "000001.json: signed by bob\nCommit it to the proposal.\n" in said
    home.commit()
    assert exit_code(["gate", *both]) == 0
    said = capsys.readouterr().out
    assert "not approved, let through by 000001.json of bob (finance)" in said
    assert f"000001.json breaks the glass to 2026-01-08, and the seat support reviews it: {REASON}" in said
    assert exit_code(["gate", *both, "--format", "json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["break_glass"] == [
        {"entry": "000001.json", "signers": ["bob"], "until": "2026-01-08", "reviewer": "support", "reason": REASON}
    ]
    assert [its["waiver"] for its in fields["demands"]] == ["000001.json"]
    home.merge()
    rest = ["--outcome", "upheld", "--comment", "right", "--key", str(home.keys / "dee"), *registry]
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert exit_code(["break-glass", "review", "1", *rest]) == 130
    assert not list((home.metrics / "frozen").rglob("000002.json"))
    shown = capsys.readouterr().out
    assert shown.startswith("000001.json broke the glass to 2026-01-08, and the seat support reviews it\n")
    assert f"  let through: Metric nps\n  because: {REASON}\n  what has changed since: cxgov diff " in shown
    assert exit_code(["break-glass", "review", "1", "--yes", *rest]) == 0
    said = capsys.readouterr().out
    assert said.startswith(shown.partition("Sign that")[0])
    assert "000002.json: entry 1 was reviewed by dee: upheld\nCommit and propose it.\n" in said
