"""``validate`` that remembers: what was valid before and has not changed is not read again.

The memory is one JSON file a registry, in the user's cache folder, keyed by the digests of the documents' bytes and
of this program's own files. It can be deleted at any time, and only ever saves work: wherever it does not show that
everything is valid, the whole registry is checked in one piece, so that every message is made in one place.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cxgov.api import read_tree
from cxgov.cli.options import write_whole
from cxgov.language.diagnostics import Diagnostic, in_file_order

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from cxgov.language.loading import Summary

# Kinds that every metric depends on, said or not.
_EVERYWHERE: Final = ("Registry", "Calendar")
# What refers to metrics is checked after them.
_NAMES_METRICS: Final = re.compile(rb"\n(?:[ \t]+derived|deprecated):")
_OVER_METRICS: Final = re.compile(rb"^kind: *(Threshold|Exclusion|Overlay|Council|Report)\b", re.MULTILINE)
_REPORT: Final = re.compile(rb"^kind: *Report\b", re.MULTILINE)
# Fewer are read sooner than another process starts.
_WORTH_A_PROCESS: Final = 1_000
# The fields of a summary, and the digest of all that its document's problems depend on.
_REMEMBERED: Final = 6


def validate_with_memory(folder: Path, memory: Path | None = None) -> tuple[int, tuple[Diagnostic, ...]]:
    """How many documents a folder has, and all their problems in file order."""
    from cxgov.language.loading import load

    tree, problems = read_tree(folder)
    documents = sum(path.endswith(".yaml") for path in tree)
    if not problems and _shown_valid(tree, memory or _memory_file(folder), str(folder)):
        return documents, ()
    _, found = load(tree, str(folder))
    return documents, in_file_order((*problems, *found))


def _shown_valid(tree: Mapping[str, bytes], file: Path, folder: str) -> bool:
    """Whether the memory, and a check of what it does not know, show that there is no problem at all."""
    from cxgov.language.loading import LOOKS_LIKE_METRIC, Summary, query_path

    sql = [path for path in tree if query_path(path, folder) is not None]
    if len(sql) < sum(not path.endswith((".yaml", ".md")) for path in tree):
        return False
    digests = {path: _digest(data) for path, data in tree.items() if path.endswith(".yaml")}
    reports = [path for path in digests if sql and _REPORT.search(tree[path])]
    if sql and not reports:
        return False
    # Whether a file of SQL is named, and what it shows, depends on all of them together.
    shown = _digest("\n".join(f"{path} {_digest(tree[path])}" for path in sorted([*sql, *reports])).encode())
    digests |= {path: _digest(f"{digests[path]} {shown}".encode()) for path in reports}
    if len(set(digests.values())) < len(digests):
        return False
    paths = {digest: path for path, digest in digests.items()}
    old = _remembered(file)
    known = {
        digest: Summary(kind, name, tuple(refs), title, tuple(claims))
        for digest, (kind, name, refs, title, claims, _) in old.items()
        if digest in paths
    }
    metrics = {path for path in digests if LOOKS_LIKE_METRIC.search(tree[path])}
    over = {path for path in digests if path not in metrics and _OVER_METRICS.search(tree[path])}
    base = [path for path in digests if path not in metrics and path not in over]
    fresh = any(digests[path] not in known for path in base)
    if fresh:
        summaries = _check(tree, base)
        if summaries is None:
            return False
        known |= {digests[path]: summary for path, summary in summaries.items()}
    # A metric over a source is checked beside the base; what refers to metrics needs those, and comes after them.
    closures = _closures(known)
    unclear = [
        path
        for path, digest in digests.items()
        if digest not in closures or digest not in old or old[digest][-1] != closures[digest]
    ]
    # What a source, a sampling rule or the registry refers to may have gone, with no metric to notice.
    if not fresh and not set(base).isdisjoint(unclear) and _check(tree, base) is None:
        return False
    later = [path for path in unclear if path in over or (path in metrics and _NAMES_METRICS.search(tree[path]))]
    summaries = _check_in_parts(tree, base, sorted(metrics.intersection(unclear).difference(later)))
    if summaries is None:
        return False
    known |= {digests[path]: summary for path, summary in summaries.items()}
    if later:
        # To say what they refer to, they are read once alone.
        known |= {digests[path]: summary for path, summary in _summaries(tree, [*later, *sql], folder).items()}
        if any(digests[path] not in known for path in later):
            return False
        needed = set().union(*(_reach(digests[path], known) for path in later))
        their = sql if not set(reports).isdisjoint(later) else []
        if _check(tree, [*base, *(paths[digest] for digest in needed), *their], folder) is None:
            return False
    if not _distinct(known, len(digests)):
        return False
    if unclear:
        _remember(file, known, _closures(known))
    return True


def _distinct(known: Mapping[str, "Summary"], documents: int) -> bool:
    """Whether every document was read, and what there is once is: identities, titles, claims, Registry and Council."""
    identities = {(summary.kind, summary.id) for summary in known.values()}
    titles = [summary.title for summary in known.values() if summary.title]
    claims = [claim for summary in known.values() for claim in summary.claims]
    kinds = [summary.kind for summary in known.values()]
    return (
        len(identities) == len(known) == documents
        and len(set(titles)) == len(titles)
        and len(set(claims)) == len(claims)
        and not {f"{kind}:{identity}" for kind, identity in identities}.intersection(claims)
        and kinds.count("Registry") == 1
        and kinds.count("Council") <= 1
    )


def _check(tree: Mapping[str, bytes], paths: Iterable[str], folder: str = "") -> "dict[str, Summary] | None":
    """Summaries of some documents; None where there is a problem among them."""
    from cxgov.language.loading import load_with_summaries

    _, found, summaries = load_with_summaries({path: tree[path] for path in paths}, folder)
    return None if found else summaries


def _summaries(tree: Mapping[str, bytes], paths: Iterable[str], folder: str) -> "dict[str, Summary]":
    from cxgov.language.loading import load_with_summaries

    return load_with_summaries({path: tree[path] for path in paths}, folder)[2]


def _check_in_parts(
    tree: Mapping[str, bytes], base: Iterable[str], metrics: Sequence[str]
) -> "dict[str, Summary] | None":
    """The same for metrics beside the base, on several processors where there are many."""
    parts = min(_processors(), len(metrics) // _WORTH_A_PROCESS)
    if parts < 2:  # noqa: PLR2004
        return _check(tree, [*base, *metrics]) if metrics else {}
    import multiprocessing

    from cxgov.language.loading import Summary

    if "fork" not in multiprocessing.get_all_start_methods():
        return _check(tree, [*base, *metrics])
    fork = multiprocessing.get_context("fork")
    receivers = []
    for i in range(1, parts):
        receiver, sender = fork.Pipe(duplex=False)
        # A forked process sees the tree without its being sent to it.
        fork.Process(target=_answer, args=(sender, tree, [*base, *metrics[i::parts]]), daemon=True).start()
        sender.close()
        receivers.append(receiver)
    found = _check(tree, [*base, *metrics[::parts]])
    for receiver in receivers:
        try:
            answer = receiver.recv()
        except EOFError:  # the process was ended
            answer = None
        found = (
            None if found is None or answer is None else found | {path: Summary(*fields) for path, *fields in answer}
        )
    return found


def _answer(sender: "Connection", tree: Mapping[str, bytes], paths: list[str]) -> None:
    summaries = _check(tree, paths)
    # Tuples are sent in an eighth of the time of objects.
    sender.send(None if summaries is None else [(path, *_fields(s)) for path, s in summaries.items()])


def _fields(summary: "Summary") -> tuple[str, str, tuple[str, ...], str, tuple[str, ...]]:
    return summary.kind, summary.id, summary.refs, summary.title, summary.claims


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _reach(digest: str, known: Mapping[str, "Summary"]) -> set[str]:
    """A document with all that it refers to, by digest."""
    by_name = _by_name(known)
    found = {digest}
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
    files = [file for folder in (package, package.parent / "schemas") for file in sorted(folder.rglob("*"))]
    stats = [(str(file), file.stat()) for file in files if file.suffix in {".py", ".json"}]
    return _digest("\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats).encode())


def _remembered(file: Path) -> dict[str, list[Any]]:
    """Digest to kind, id, references, title, claims and closure of every document that was valid."""
    try:
        data = json.loads(file.read_bytes())
        documents: dict[str, list[Any]] = data["documents"] if data["program"] == _program() else {}
        return {digest: fields for digest, fields in documents.items() if len(fields) == _REMEMBERED}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # A memory that cannot be read is no memory.
        return {}


def _remember(file: Path, known: Mapping[str, "Summary"], closures: Mapping[str, str]) -> None:
    documents = {digest: [*_fields(summary), closures[digest]] for digest, summary in known.items()}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps({"program": _program(), "documents": documents}))
    except OSError:
        # A cache folder that cannot be written costs time, not answers.
        return
