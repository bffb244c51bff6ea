"""Changes let through without their approvals, and the review of that afterwards, to signed entries of the ledger."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cxgov.api.freezing import committed_ledger, here
from cxgov.language.loading import FROZEN

if TYPE_CHECKING:
    from cxgov.governance.break_glass import Emergency
    from cxgov.governance.breaking import Pen, SignedBy
    from cxgov.governance.gate import Gated
    from cxgov.language.model import Council


def break_glass(
    folder: str | Path,
    gated: "Gated",
    *,
    key: str | Path,
    reason: str | None = None,
    until: date | None = None,
    reviewer: str | None = None,
    now: datetime | None = None,
) -> "SignedBy":
    """The entry that lets a proposal through without its approvals, as the gate judged it, with one signature more.

    The first who signs gives a ``reason``, the day ``until`` and the seat of the ``reviewer``; who comes after gives
    none of them and signs the same. ``key`` is as that of approve. The registry in ``folder`` is that of the proposal.
    Nothing is written.

    Raises:
        CannotSay: the policy, the proposal or what was signed before does not allow it, or nothing was signed.
        Altered: the ledger is not what was written.
    """
    from cxgov.evidence.failures import CannotSay  # noqa: PLC0415  # git and digests are for those who ask for them
    from cxgov.governance import breaking  # noqa: PLC0415
    from cxgov.ledger.folder import read_ledger  # noqa: PLC0415

    terms = None
    if reason is not None and until is not None and reviewer is not None:
        terms = breaking.Terms(reason=reason, until=until, reviewer=reviewer)
    elif (reason, until, reviewer) != (None, None, None):
        raise CannotSay("why, until when and which seat reviews it are said together, by who signs first")
    if gated.ledger is not None and read_ledger(Path(folder) / FROZEN).head != gated.ledger.head:
        raise CannotSay(
            "the ledger here is not the one that the merge would have: check the proposal out, commit what was signed, "
            "and merge what has landed since"
        )
    with _pen(gated.proposal.council if gated.proposal is not None else None, key, now) as pen:
        return breaking.break_glass(gated, terms, pen)


def review_break_glass(
    folder: str | Path,
    sequence: int,
    *,
    key: str | Path,
    outcome: str,
    comment: str,
    now: datetime | None = None,
    shown: "Callable[[Emergency], None]" = lambda _its: None,
) -> "SignedBy":
    """The entry that says how the break-glass of a ``sequence`` of the ledger was found, ``upheld`` or ``rejected``.

    ``shown`` hears what is reviewed before that is signed. Nothing is written.

    Raises:
        InvalidRegistry, Altered: as freeze.
        CannotSay: as freeze; or it is no break-glass, was reviewed, is another's to review, or nothing was signed.
    """
    from cxgov.governance import breaking  # noqa: PLC0415  # as in break_glass

    registry, ledger = committed_ledger(Path(folder))
    its = breaking.to_review(ledger, sequence)
    shown(its)
    with _pen(registry.council, key, now) as pen:
        return breaking.review_break_glass(registry, ledger, its, outcome=outcome, comment=comment, pen=pen)


@contextmanager
def _pen(council: "Council | None", key: str | Path, now: datetime | None) -> "Iterator[Pen]":
    from cxgov.evidence.signatures import Verifier, sign  # noqa: PLC0415  # as in break_glass
    from cxgov.governance.approvals import keys_of  # noqa: PLC0415
    from cxgov.governance.breaking import Pen  # noqa: PLC0415

    today = here(now).now.astimezone(UTC).date()
    with Verifier(keys_of(council, today) if council is not None else (), os.environ) as verifier:
        signing = partial(sign, key=Path(key), environment=os.environ)
        yield Pen(sign=signing, verifier=verifier, today=today, nonce=secrets.token_hex(16))
