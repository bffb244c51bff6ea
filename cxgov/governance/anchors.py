"""What was kept of a ledger elsewhere, held against what it is now: digests, signed tags, trusted commits.

A chain that lost its end is still a chain; only what names one of its entries from outside tells.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cxgov.evidence.failures import CannotSay
from cxgov.evidence.signatures import NotSigned, Verifier
from cxgov.governance.audited import Anchor, Kind, Trouble
from cxgov.governance.walking import Line
from cxgov.language.diagnostics import visible
from cxgov.ledger.chain import Altered, Ledger

TAGS: Final = "cxgov/ledger/"
_NAME: Final = re.compile(r"refs/tags/(cxgov/ledger/([1-9][0-9]{0,5}))")
_TAG: Final = re.compile(
    rb"object (?P<commit>[0-9a-f]{40}|[0-9a-f]{64})\ntype commit\ntag (?P<name>[^\n]+)\ntagger [^\n]*\n\n(?s:.*?)"
)
_SIGNATURE: Final = b"-----BEGIN SSH SIGNATURE-----\n"
_LOST: Final = "the ledger was cut short, rolled back or written anew. Find the commits that held it, in another clone"


class Anchors:
    """Collects what anchors a ledger, what contradicts it, and what says nothing."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.found: list[Anchor] = []
        self.troubles: list[Trouble] = []
        self.notes: list[str] = []

    def kept(self, digest: str, on_disk: Sequence[str]) -> None:
        """A digest of an entry that somebody has kept; ``on_disk`` are those that lie in the work tree."""
        if digest in self.ledger.digests:
            self.found.append(Anchor(what="the digest that was kept", entry=self.ledger.digests.index(digest) + 1))
        elif digest in on_disk:
            message = f"entry {on_disk.index(digest) + 1}, which was kept, is in the work tree and not committed"
            fix = "commit and propose it, then audit again; a digest is worth keeping once its entry has landed"
            self.troubles.append(Trouble(kind=Kind.NOT_REPLAYED, message=message, fix=fix))
        else:
            self._lost(f"no entry of the ledger has the digest {visible(digest)} that was kept")

    def held(self, what: str, other: Ledger) -> None:
        """The ledger of another commit, which must be the beginning of this one."""
        size = len(other)
        if self.ledger.digests[:size] == other.digests:
            self.found.append(Anchor(what=what, entry=size))
        else:
            self._lost(f"{what} holds other entries, or more of them")

    def tags(self, line: Line, until: str, keys: Iterable[tuple[str, str]], environment: Mapping[str, str]) -> None:
        """The signed tags of entries; ``until`` is the full name of the branch, or empty where it is but a commit."""
        tags = line.repository.tags(TAGS)
        if not tags:
            return
        with Verifier(keys, environment, "git") as verifier:
            for name, raw in sorted(tags.items()):
                self._tag(line, name, raw, verifier, strict=bool(until))

    def _tag(self, line: Line, ref: str, raw: bytes, verifier: Verifier, *, strict: bool) -> None:
        name, shown = _NAME.fullmatch(ref), visible(ref.removeprefix("refs/tags/"))
        body, mark, rest = raw.partition(_SIGNATURE)
        tag = _TAG.fullmatch(body)
        if name is None or tag is None or tag["name"] != name[1].encode():
            self.notes.append(f"the tag {shown} is no signed tag of an entry, and anchors nothing")
            return
        its = verifier.verify(body, (mark + rest).decode("utf-8", "backslashreplace"))
        if isinstance(its, NotSigned):
            self.notes.append(f"the tag {shown} anchors nothing: {its.reason}")
            return
        sequence, what = int(name[2]), f"the tag {shown} of {its.person}"
        try:
            tagged = line.ledger(line.repository.commit(tag["commit"].decode()))
        except (CannotSay, Altered) as failure:
            self._lost(f"{what} is of a commit whose ledger cannot be read: {failure}")
            return
        if len(tagged) < sequence:
            self.notes.append(f"{what} anchors nothing: its commit has {len(tagged)} entries")
        elif self.ledger.digests[:sequence] == tagged.digests[:sequence]:
            self.found.append(Anchor(what=what, entry=sequence))
        elif not strict and self.ledger.digests == tagged.digests[: len(self.ledger)]:
            self.notes.append(f"{what} is of a later entry than the commit has that was audited")
        else:
            self._lost(f"entry {sequence} is not the one of {what}")

    def _lost(self, message: str) -> None:
        self.troubles.append(Trouble(kind=Kind.ALTERED, message=message, fix=_LOST))
