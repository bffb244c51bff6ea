"""``validate`` that remembers: what was valid before and has not changed is not read again.

The memory is one JSON file a registry, in the user's cache folder, keyed by the digests of the documents' bytes and
of this program's own files. It can be deleted at any time, and only ever saves work: wherever it does not show that
everything is valid, the whole registry is checked.
"""

import json
import os
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cxgov.api import read_tree
from cxgov.cli.options import write_whole
from cxgov.language.diagnostics import Diagnostic, in_file_order

if TYPE_CHECKING:
    from cxgov.language.loading import Summary

# Kinds that every metric depends on, said or not.
_EVERYWHERE: Final = ("Registry", "Calendar")


def validate_with_memory(folder: Path, memory: Path | None = None) -> tuple[int, tuple[Diagnostic, ...]]:
    """How many documents a folder has, and all their problems in file order."""
    tree, problems = read_tree(folder)
    documents = sum(path.endswith(".yaml") for path in tree)
    file = memory or _memory_file(folder)
    digests = {path: _digest(data) for path, data in tree.items()}
    remembered = _remembered(file)
    if not problems and remembered is not None and _still_valid(tree, digests, remembered, file):
        return documents, ()
    from cxgov.language.loading import load_with_summaries

    _, found, summaries = load_with_summaries(tree)
    if not problems and not found:
        known = {digests[path]: summary for path, summary in summaries.items()}
        _remember(file, known, _closures(known))
    return documents, in_file_order((*problems, *found))


def _still_valid(
    tree: Mapping[str, bytes], digests: Mapping[str, str], remembered: Mapping[str, Any], file: Path
) -> bool:
    """Whether what changed since is valid too, and touches nothing else; then it is remembered."""
    from cxgov.language.loading import Summary, load_with_summaries

    old: dict[str, list[Any]] = remembered["documents"]
    if any(not path.endswith((".yaml", ".md")) for path in tree):
        return False
    known = {
        digest: Summary(old[digest][0], old[digest][1], tuple(old[digest][2]), old[digest][3])
        for path, digest in digests.items()
        if digest in old
    }
    changed = [path for path, digest in digests.items() if digest not in old and path.endswith(".yaml")]
    if changed:
        # Only summaries are taken from here: alone, these documents refer to what is not there.
        _, _, summaries = load_with_summaries({path: tree[path] for path in changed})
        if len(summaries) != len(changed):
            return False
        known |= {digests[path]: summary for path, summary in summaries.items()}
    identities = [(summary.kind, summary.id) for summary in known.values()]
    titles = [summary.title for summary in known.values() if summary.title]
    texts = sum(path.endswith(".yaml") for path in tree)
    if len(known) != texts or len(set(identities)) != len(identities) or len(set(titles)) != len(titles):
        return False
    closures = _closures(known)
    suspects = {digest for digest, closure in closures.items() if old.get(digest, [None] * 5)[4] != closure}
    if suspects:
        paths = {digest: path for path, digest in digests.items()}
        needed = set().union(*(_reach(digest, known) for digest in suspects))
        _, found, _ = load_with_summaries({paths[digest]: tree[paths[digest]] for digest in needed})
        if found:
            return False
        _remember(file, known, closures)
    return True


def _reach(digest: str, known: Mapping[str, "Summary"]) -> set[str]:
    """A document with everything that its problems can depend on, as digests."""
    by_name = _by_name(known)
    found = {digest, *(other for other, summary in known.items() if summary.kind in _EVERYWHERE)}
    waiting = [digest]
    while waiting:
        for ref in known[waiting.pop()].refs:
            other = by_name.get(ref)
            if other is not None and other not in found:
                found.add(other)
                waiting.append(other)
    return found


def _by_name(known: Mapping[str, "Summary"]) -> dict[str, str]:
    return {f"{summary.kind}:{summary.id}": digest for digest, summary in known.items()}


def _closures(known: Mapping[str, "Summary"]) -> dict[str, str]:
    """Digest of each document together with everything that its problems can depend on."""
    by_name = _by_name(known)
    everywhere = sorted(digest for digest, summary in known.items() if summary.kind in _EVERYWHERE)
    reached: dict[tuple[str, ...], str] = {}

    def below(refs: tuple[str, ...]) -> str:
        # Many metrics refer to one source, so what lies below it is gathered once.
        if refs not in reached:
            found: set[str] = set()
            waiting = list(refs)
            while waiting:
                name = waiting.pop()
                digest = by_name.get(name, f"missing {name}")
                if digest not in found:
                    found.add(digest)
                    waiting += known[digest].refs if digest in known else ()
            reached[refs] = _digest("\n".join([*everywhere, *sorted(found)]).encode())
        return reached[refs]

    return {digest: _digest(f"{digest} {below(summary.refs)}".encode()) for digest, summary in known.items()}


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def _memory_file(folder: Path) -> Path:
    import platformdirs

    name = _digest(os.fsencode(folder.resolve()))
    return Path(platformdirs.user_cache_dir("cxgov")) / "validate" / f"{name}.json"


def _program() -> str:
    """Digest of this program's files by name, size and time: another program remembers nothing of ours."""
    package = Path(__file__).parent.parent
    seen = [package, package.parent / "schemas"]
    stats = [
        (str(file), file.stat())
        for folder in seen
        for file in sorted(folder.rglob("*"))
        if file.suffix in {".py", ".json"}
    ]
    return _digest("\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats).encode())


def _remembered(file: Path) -> dict[str, Any] | None:
    try:
        data: dict[str, Any] = json.loads(file.read_bytes())
        return data if data["program"] == _program() else None
    except (OSError, ValueError, KeyError, TypeError):
        # A memory that cannot be read is no memory.
        return None


def _remember(file: Path, known: Mapping[str, "Summary"], closures: Mapping[str, str]) -> None:
    documents = {
        digest: [summary.kind, summary.id, summary.refs, summary.title, closures[digest]]
        for digest, summary in known.items()
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps({"program": _program(), "documents": documents}))
    except OSError:
        # A cache folder that cannot be written costs time, not answers.
        return
