"""GitHub's reviews as its API gives them, and as somebody may have prepared them; and who contributed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxgov.evidence.commits import Commit, Difference, Identity
from cxgov.evidence.contributors import Role, account_of, contributors
from cxgov.evidence.git import Repository
from cxgov.evidence.reviews import MAX_BYTES, Review, State, latest_word, read_reviews
from tests.repos import ANN, BEN, CAM, ENVIRONMENT, FORGE, Repo

HEAD = "a" * 40
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def answer(account: int = 1001, state: str = "APPROVED", minute: int = 0, **fields: Any) -> dict[str, Any]:
    """One review with the fields that GitHub gives beside those that are read."""
    login = fields.pop("login", f"user{account}")
    return {
        "id": 80 + minute,
        "node_id": "MDE3",
        "user": {"login": login, "id": account, "type": fields.pop("type", "User"), "site_admin": False},
        "body": "::error::approved <b>by everyone</b>",
        "state": state,
        "html_url": "https://github.com/o/r/pull/1#pullrequestreview-80",
        "submitted_at": f"2026-03-01T12:{minute:02}:00Z",
        "commit_id": HEAD,
        "author_association": "MEMBER",
    } | fields


def read(*rows: Any) -> tuple[Review, ...]:
    reviews, problems = read_reviews(json.dumps(rows).encode())
    assert problems == ()
    return reviews


def review(account: int, state: State, minute: int, commit: str = HEAD) -> Review:
    return Review(
        account=account,
        login=f"user{account}",
        account_type="User",
        state=state,
        commit=commit,
        submitted_at=NOON + timedelta(minutes=minute),
    )


def words(*rows: Any) -> dict[int, tuple[str, str | None]]:
    return {account: (its.state, its.commit) for account, its in latest_word(read(*rows)).last.items()}


# --- reading ---


def test_a_review_is_its_account_state_commit_and_instant() -> None:
    assert read(answer(7, "approved", 5, login="ann")) == (
        Review(
            account=7,
            login="ann",
            account_type="User",
            state=State.APPROVED,
            commit=HEAD,
            submitted_at=NOON + timedelta(minutes=5),
        ),
    )


@pytest.mark.parametrize("state", list(State))
def test_states_are_one_in_either_case(state: State) -> None:
    """The API writes APPROVED, a webhook approved."""
    upper, lower = read(answer(1, state.upper()), answer(2, state.lower()))
    assert (upper.state, lower.state) == (state, state)


def test_thirty_one_reviews_over_two_pages_are_read_as_in_one_list() -> None:
    rows = [answer(account, minute=account) for account in range(1, 32)]
    taken_back = answer(1, "CHANGES_REQUESTED", 59)
    pages = [rows[:30], [*rows[30:], taken_back]]
    flat, paged = read(*rows, taken_back), read(*pages)
    assert flat == paged
    assert len(paged) == 32
    last = latest_word(paged).last
    assert (len(last), last[1].state) == (31, State.CHANGES_REQUESTED)


def test_a_review_that_moved_to_the_next_page_while_it_was_read_counts_once() -> None:
    assert len(read([answer(1), answer(2, minute=1)], [answer(2, minute=1), answer(3)])) == 3


@pytest.mark.parametrize("data", [b"[]", b"[[]]", b"[[], []]", b" [ ] \n"])
def test_no_reviews_are_no_problem(data: bytes) -> None:
    assert read_reviews(data) == ((), ())


def test_a_login_is_for_display_only() -> None:
    """Renamed, and the old name taken by another account."""
    told = words(
        answer(1, "APPROVED", 1, login="ann"), answer(1, "DISMISSED", 2, login="ann-new"), answer(2, login="ann")
    )
    assert told == {1: ("DISMISSED", HEAD), 2: ("APPROVED", HEAD)}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Expecting value"),
        (b"{}", "an object where a list"),
        (b'{"message": "Not Found", "status": "404"}', "an object where a list"),
        (b"null", "null where a list"),
        (b'"[]"', "a text where a list"),
        (b"1", "a number where a list"),
        (b"true", "true or false where"),
        (b"[][]", "several pages as a list of lists"),
        (b"[1]", "a number where a review"),
        (b"[[[]]]", "a list where a review"),
        (b"[NaN]", "NaN is not a number"),
        (b"[-Infinity]", "-Infinity is not a number"),
        (b"[1e999999999]", "a number where a review"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"[" + b"9" * 10_000 + b"]", "integer string conversion"),
        (b"\xef\xbb\xbf[]", "byte order mark"),
        (b"\xff\xfe[\0]\0", "not UTF-8 at byte 0"),
        (b'["\xed\xa0\x80"]', "not UTF-8"),
        (b'["\\ud800"]', "half of a surrogate pair"),
        (b'[{"\\udc00": 1}]', "half of a surrogate pair"),
        (b"[] // none", "Extra data"),
        (b"['a']", "Expecting value"),
        (b"[1,]", ""),
        (b" " * (MAX_BYTES + 1), f"larger than {MAX_BYTES} bytes"),
    ],
)
def test_what_is_no_list_of_reviews_is_a_problem(data: bytes, message: str) -> None:
    reviews, [problem] = read_reviews(data)
    assert reviews == ()
    assert message in problem.message


@pytest.mark.parametrize(
    "twice",
    [
        b'"state": "CHANGES_REQUESTED", "state": "APPROVED"',
        b'"state": "CHANGES_REQUESTED", "st\\u0061te": "APPROVED"',
        b'"x": {"a": 1, "a": 2}',
    ],
)
def test_a_doubled_key_is_refused_wherever_it_stands(twice: bytes) -> None:
    """A reader sees the first, and Python's json keeps the last."""
    text = json.dumps([answer()]).encode()
    [problem] = read_reviews(text.replace(b'"node_id": "MDE3"', twice))[1]
    assert "stands twice in one object" in problem.message


@pytest.mark.parametrize(
    ("change", "route", "message"),
    [
        ({"state": "MAYBE"}, "[0].state", "'MAYBE' is not a state of a review"),
        ({"state": "APPROVED "}, "[0].state", "is not a state"),
        ({"state": None}, "[0].state", "null where a text"),
        ({"state": ...}, "[0]", "has no 'state'"),
        ({"user": ...}, "[0]", "has no 'user'"),
        ({"user": 7}, "[0].user", "a number where an account"),
        ({"user": {"login": "a", "type": "User"}}, "[0].user", "has no 'id'"),
        ({"user": {"login": "a", "type": "User", "id": "7"}}, "[0].user.id", "not the number"),
        ({"user": {"login": "a", "type": "User", "id": True}}, "[0].user.id", "not the number"),
        ({"user": {"login": "a", "type": "User", "id": 7.0}}, "[0].user.id", "not the number"),
        ({"user": {"login": "a", "type": "User", "id": -7}}, "[0].user.id", "not the number"),
        ({"user": {"type": "User", "id": 7}}, "[0].user", "has no 'login'"),
        ({"user": {"login": "a", "id": 7}}, "[0].user", "has no 'type'"),
        ({"commit_id": ...}, "[0]", "has no 'commit_id'"),
        ({"commit_id": "main"}, "[0].commit_id", "not the full name"),
        ({"commit_id": "A" * 40}, "[0].commit_id", "not the full name"),
        ({"commit_id": HEAD + "\n"}, "[0].commit_id", "not the full name"),
        ({"commit_id": 7}, "[0].commit_id", "not the full name"),
        ({"submitted_at": ...}, "[0]", "has no 'submitted_at'"),
        ({"submitted_at": None}, "[0].submitted_at", "null where a text"),
        ({"submitted_at": "2026-03-01"}, "[0].submitted_at", "is not an instant"),
        ({"submitted_at": "2026-03-01T12:00:00"}, "[0].submitted_at", "is not an instant"),
        ({"submitted_at": "2026-03-01T12:00:00+00:00"}, "[0].submitted_at", "is not an instant"),
        ({"submitted_at": "2026-02-30T12:00:00Z"}, "[0].submitted_at", "is not an instant"),
        ({"submitted_at": "2026-03-01T24:00:01Z"}, "[0].submitted_at", "is not an instant"),
    ],
)
def test_a_review_that_lacks_what_is_needed_is_a_problem_with_its_route(
    change: dict[str, Any], route: str, message: str
) -> None:
    row = {key: value for key, value in (answer() | change).items() if value is not ...}
    good = answer(2)
    reviews, [problem] = read_reviews(json.dumps([row, good]).encode())
    assert problem.route == route
    assert message in problem.message
    assert [its.account for its in reviews] == [2]
    [paged] = read_reviews(json.dumps([[good], [row]]).encode())[1]
    assert paged.route == route.replace("[0]", "[1][0]", 1)


def test_every_problem_is_told() -> None:
    rows = [answer(state="?"), answer(2), 5]
    assert [problem.route for problem in read_reviews(json.dumps(rows).encode())[1]] == ["[0].state", "[2]"]


# --- the last word ---


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (["APPROVED"], "APPROVED"),
        (["APPROVED", "CHANGES_REQUESTED"], "CHANGES_REQUESTED"),
        (["APPROVED", "DISMISSED"], "DISMISSED"),
        (["CHANGES_REQUESTED", "APPROVED"], "APPROVED"),
        (["DISMISSED", "APPROVED"], "APPROVED"),
        (["APPROVED", "COMMENTED"], "APPROVED"),
        (["CHANGES_REQUESTED", "COMMENTED"], "CHANGES_REQUESTED"),
        (["APPROVED", "PENDING"], "APPROVED"),
        (["APPROVED", "CHANGES_REQUESTED", "COMMENTED"], "CHANGES_REQUESTED"),
        (["CHANGES_REQUESTED", "DISMISSED"], "CHANGES_REQUESTED"),
        (["CHANGES_REQUESTED", "DISMISSED", "DISMISSED"], "CHANGES_REQUESTED"),
        (["CHANGES_REQUESTED", "DISMISSED", "APPROVED"], "APPROVED"),
        (["CHANGES_REQUESTED", "APPROVED", "DISMISSED"], "DISMISSED"),
        (["DISMISSED"], "DISMISSED"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_last_word_is_the_last_submitted(said: list[str], word: str, *, turned: bool) -> None:
    """Not the last in the file; and who dismissed a request is not told, so that it stands."""
    rows = [answer(1, state, minute) for minute, state in enumerate(said)]
    if "PENDING" in said:
        rows[said.index("PENDING")]["submitted_at"] = None
    assert words(*(reversed(rows) if turned else rows)) == {1: (word, HEAD)}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("other", ["DISMISSED", "CHANGES_REQUESTED"])
def test_at_one_instant_an_approval_is_not_the_last(other: str, *, turned: bool) -> None:
    rows = [answer(1, "APPROVED"), answer(1, other)]
    assert words(*(reversed(rows) if turned else rows)) == {1: (other, HEAD)}


def test_fractions_of_a_second_are_read() -> None:
    early = answer(1, "CHANGES_REQUESTED", submitted_at="2026-03-01T12:00:00.4Z")
    late = answer(1, "APPROVED", submitted_at="2026-03-01T12:00:00.5Z")
    assert words(late, early) == {1: ("APPROVED", HEAD)}


def test_a_word_is_told_with_the_commit_that_it_was_given_on() -> None:
    old = "b" * 40
    assert words(answer(1, "APPROVED", 1, commit_id=old), answer(1, "COMMENTED", 2)) == {1: ("APPROVED", old)}
    assert words(answer(1, commit_id=None)) == {1: ("APPROVED", None)}


def test_what_is_ignored_is_told_with_its_reason() -> None:
    rows = [
        answer(1, "APPROVED", 1),
        answer(1, "DISMISSED", 2),
        answer(1, "APPROVED", 3),
        answer(2, "COMMENTED", 4),
        answer(3, "APPROVED", 5, type="Bot"),
        answer(4, "APPROVED", 6, type="Organization"),
        answer(5, "PENDING", 7, submitted_at=None),
        answer(6, "APPROVED", 8, user=None),
    ]
    told = latest_word(read(*rows))
    assert list(told.last) == [1]
    assert [(its.review.account, its.review.state, its.reason) for its in told.ignored] == [
        (1, State.APPROVED, "another word came later"),
        (1, State.DISMISSED, "dismissed"),
        (2, State.COMMENTED, "it neither approves nor requests changes"),
        (3, State.APPROVED, "its account is not a person's"),
        (4, State.APPROVED, "its account is not a person's"),
        (None, State.APPROVED, "its account was deleted"),
        (5, State.PENDING, "it was not submitted"),
    ]


REVIEWS = st.lists(
    st.builds(
        review, st.integers(1, 3), st.sampled_from(State), st.integers(0, 4), st.sampled_from(["a" * 40, "b" * 40])
    ),
    max_size=12,
)


@given(REVIEWS, st.randoms())
def test_words_do_not_depend_on_the_order_of_reviews(reviews: list[Review], random: Any) -> None:
    """The verdict does not depend on the order of evidence."""
    shuffled = list(reviews)
    random.shuffle(shuffled)
    assert latest_word(shuffled) == latest_word(reviews)


@given(REVIEWS)
def test_every_review_is_a_word_or_ignored(reviews: list[Review]) -> None:
    """Nothing is dropped without being said."""
    told = latest_word(reviews)
    parts = [*told.last.values(), *(its.review for its in told.ignored)]
    assert sorted(parts, key=repr) == sorted(reviews, key=repr)


@given(REVIEWS)
def test_an_approval_has_nothing_after_it(reviews: list[Review]) -> None:
    """An approval counts only where its account said nothing else at that time or later."""
    for account, word in latest_word(reviews).last.items():
        if word.state is State.APPROVED:
            assert word.submitted_at is not None
            others = [
                its.submitted_at
                for its in reviews
                if its.account == account and its.state in {State.CHANGES_REQUESTED, State.DISMISSED}
            ]
            assert all(at is not None and at < word.submitted_at for at in others)


# --- contributors ---

EMAILS = [("ann@airline.example", "ann"), ("Cam@Airline.example", "cam"), ("desk@airline.example", "ann")]
ACCOUNTS = {1001: "ann", 1002: "ben"}
FOLDER = "metrics/approvals"


@pytest.mark.parametrize(
    ("email", "number"),
    [
        ("1002+ben@users.noreply.github.com", 1002),
        (" 1002+BEN@Users.NoReply.GitHub.com ", 1002),
        ("1002+dependabot[bot]@users.noreply.github.com", 1002),
        ("ben@users.noreply.github.com", None),
        ("1002+ben@users.noreply.github.com.evil.example", None),
        ("x1002+ben@users.noreply.github.com", None),
        ("1002+a@b@users.noreply.github.com", None),
        ("\u0661+ben@users.noreply.github.com", None),
        ("9" * 5000 + "+ben@users.noreply.github.com", None),
        ("", None),
    ],
)
def test_an_account_is_read_from_its_no_reply_address(email: str, number: int | None) -> None:
    assert account_of(email) == number


def commit(author: Identity, *co_authors: Identity, **fields: Any) -> Commit:
    given = {"committer": Identity(*FORGE), "differences": ((),), "parents": ("1",)} | fields
    return Commit(oid="c" * 40, tree="t", author=author, co_authors=co_authors, **given)


def persons(*commits: Commit) -> frozenset[str]:
    return contributors(commits, emails=EMAILS, accounts=ACCOUNTS, approvals=FOLDER).persons


def test_author_committer_and_co_authors_contribute() -> None:
    its = commit(Identity(*ANN), Identity(*BEN), committer=Identity("C", "CAM@airline.EXAMPLE "))
    told = contributors([its], emails=EMAILS, accounts=ACCOUNTS, approvals=FOLDER)
    assert [(part.role, set(part.persons), part.account) for part in told.contributions] == [
        (Role.AUTHOR, {"ann"}, None),
        (Role.COMMITTER, {"cam"}, None),
        (Role.CO_AUTHOR, {"ben"}, 1002),
    ]
    assert (set(told.persons), set(told.accounts)) == ({"ann", "ben", "cam"}, {1002})


def test_a_name_alone_contributes_nobody_and_an_unknown_account_is_told() -> None:
    its = commit(Identity("ann", "x@y"), Identity("ben", "5+ann@users.noreply.github.com"))
    told = contributors([its], emails=EMAILS, accounts=ACCOUNTS, approvals=FOLDER)
    assert (sorted(told.persons), sorted(told.accounts)) == ([], [5])


def test_an_address_of_two_members_is_both() -> None:
    emails = [*EMAILS, ("DESK@airline.example", "cam"), ("1002+x@users.noreply.github.com", "cam")]
    its = [commit(Identity("D", "desk@airline.example")), commit(Identity("B", "1002+x@users.noreply.github.com"))]
    told = contributors(its, emails=emails, accounts=ACCOUNTS, approvals=FOLDER)
    assert [part.persons for part in told.contributions if part.role is Role.AUTHOR] == [
        {"ann", "cam"}, {"ben", "cam"},
    ]  # fmt: skip


def test_giving_an_approval_and_merging_contribute_nobody() -> None:
    added = Difference(f"{FOLDER}/aa", "A", "000000", "100644", "0" * 40, "a" * 40)
    approving = commit(Identity(*ANN), differences=((added,),))
    merging = commit(Identity(*ANN), Identity(*BEN), differences=((), ()), parents=("1", "2"), by_itself=True)
    told = contributors([approving, merging], emails=EMAILS, accounts=ACCOUNTS, approvals=FOLDER)
    assert told.persons == set()
    assert [reason for _, reason in told.passed_over] == ["only signs", "a merge that git makes by itself"]
    two_parents = commit(Identity(*ANN), differences=((added,), (added,)), parents=("1", "2"))
    assert persons(two_parents) == persons(commit(Identity(*ANN))) == {"ann"}


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda repo: repo.commit({"metrics/a.yaml": "2"}, author=CAM), {"cam"}),
        (lambda repo: repo.commit({f"{FOLDER}/x": "2"}, author=CAM), set()),
        (lambda repo: repo.commit({"metrics/a.yaml": "2"}, "T\n\nCo-authored-by: B <1002+b@users.noreply.github.com>",
                                  author=CAM, committer=FORGE), {"ben", "cam"}),
        (lambda repo: repo.commit({"metrics/a.yaml": "2"}, author=FORGE, committer=BEN), {"ben"}),
    ],
)  # fmt: skip
def test_who_contributed_to_a_real_branch(tmp_path: Path, make: Callable[[Repo], str], expected: set[str]) -> None:
    repo = Repo(tmp_path / "repo")
    base = repo.commit({"metrics/a.yaml": "1"})
    head = make(repo)
    with Repository(repo.folder, ENVIRONMENT) as its:
        assert persons(*its.commits(base, head)) == expected


def test_a_commit_on_a_second_parent_contributes_and_updating_a_branch_does_not(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    base = repo.commit({"metrics/a.yaml": "1"})
    repo.switch("topic", base)
    repo.commit({"metrics/b.yaml": "1"}, author=FORGE)
    repo.switch("helper", base)
    repo.commit({"metrics/c.yaml": "1"}, author=CAM, at=1)
    repo.switch("main")
    trusted = repo.commit({"metrics/d.yaml": "1"})
    repo.switch("topic")
    updated = repo.merge("main", author=ANN)
    with Repository(repo.folder, ENVIRONMENT) as its:
        assert persons(*its.commits(trusted, updated)) == set()
    helped = repo.merge("helper", author=ANN)
    repo.write({"metrics/e.yaml": "evil"})
    repo.git("add", "--all")
    evil = repo.commit_tree(repo.git("write-tree"), *repo.git("rev-parse", "HEAD^1", "HEAD^2").split(), author=BEN)
    with Repository(repo.folder, ENVIRONMENT) as its:
        assert persons(*its.commits(trusted, helped)) == {"cam"}
        assert persons(*its.commits(trusted, evil)) == {"ben", "cam"}
