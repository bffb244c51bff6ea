"""``validate`` that remembers: what was valid before and has not changed is not read again.

The memory is one JSON file a registry, in the user's cache folder, keyed by the digests of the documents' bytes and
of this program's own files. It can be deleted at any time, and only ever saves work: wherever it does not show that
everything is valid, the whole registry is checked in one piece, so that every message is made in one place.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cxgov.api import read_tree
from cxgov.cli.options import write_whole
from cxgov.language.diagnostics import Diagnostic, in_file_order

if TYPE_CHECKING:
    from cxgov.language.summaries import Summary

_REPORT: Final = re.compile(rb"^kind: *Report\b", re.MULTILINE)
# The fields of a summary, and the digest of all that its document's problems depend on.
_REMEMBERED: Final = 6
_Fields = tuple[str, str, tuple[str, ...], str, tuple[str, ...]]


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
    from cxgov.language.loading import query_path
    from cxgov.language.summaries import Summary, closures, digest, in_order, reach

    sql = [path for path in tree if query_path(path, folder) is not None]
    if len(sql) < sum(not path.endswith((".yaml", ".md")) for path in tree):
        return False
    digests = {path: digest(data) for path, data in tree.items() if path.endswith(".yaml")}
    reports = [path for path in digests if sql and _REPORT.search(tree[path])]
    if sql and not reports:
        return False
    # Whether a file of SQL is named, and what it shows, depends on all of them together.
    shown = digest("\n".join(f"{path} {digest(tree[path])}" for path in sorted([*sql, *reports])).encode())
    digests |= {path: digest(f"{digests[path]} {shown}".encode()) for path in reports}
    if len(set(digests.values())) < len(digests):
        return False
    paths = {key: path for path, key in digests.items()}
    old = _remembered(file)
    known = {
        key: Summary(kind, name, tuple(refs), title, tuple(claims))
        for key, (kind, name, refs, title, claims, _) in old.items()
        if key in paths
    }
    base, metrics, last = in_order(tree)
    fresh = any(digests[path] not in known for path in base)
    if fresh:
        summaries = _check(tree, base)
        if summaries is None:
            return False
        known |= {digests[path]: summary for path, summary in summaries.items()}
    # A metric over a source is checked beside the base; what refers to metrics needs those, and comes after them.
    now = closures(known)
    unclear = {path for path, key in digests.items() if key not in now or key not in old or old[key][-1] != now[key]}
    # What a source, a sampling rule or the registry refers to may have gone, with no metric to notice.
    if not fresh and not unclear.isdisjoint(base) and _check(tree, base) is None:
        return False
    later = [path for path in last if path in unclear]
    summaries = _check_in_parts(tree, base, [path for path in sorted(metrics) if path in unclear])
    if summaries is None:
        return False
    known |= {digests[path]: summary for path, summary in summaries.items()}
    if later:
        # To say what they refer to, they are read once alone.
        known |= {digests[path]: summary for path, summary in _summaries(tree, [*later, *sql], folder).items()}
        if any(digests[path] not in known for path in later):
            return False
        needed = set().union(*(reach(digests[path], known) for path in later))
        their = sql if not set(reports).isdisjoint(later) else []
        if _check(tree, [*base, *(paths[key] for key in needed), *their], folder) is None:
            return False
    if not _distinct(known, len(digests)):
        return False
    if unclear:
        _remember(file, known, closures(known))
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
    from cxgov.language.loading import load_beside

    found = load_beside({path: tree[path] for path in paths}, {}, folder)
    return None if found.problems else {path: its.summary for path, its in found.documents.items()}


def _summaries(tree: Mapping[str, bytes], paths: Iterable[str], folder: str) -> "dict[str, Summary]":
    from cxgov.language.loading import load_beside

    found = load_beside({path: tree[path] for path in paths}, {}, folder)
    return {path: its.summary for path, its in found.documents.items()}


def _check_in_parts(
    tree: Mapping[str, bytes], base: Iterable[str], metrics: Sequence[str]
) -> "dict[str, Summary] | None":
    """The same for metrics beside the base, on several processors where there are many."""
    from cxgov.governance.processes import in_parts
    from cxgov.language.summaries import Summary

    def check(part: Sequence[str]) -> list[tuple[str, _Fields]] | None:
        summaries = _check(tree, [*base, *part])
        # Tuples are sent in an eighth of the time of objects.
        return None if summaries is None else [(path, _fields(its)) for path, its in summaries.items()]

    found: dict[str, Summary] = {}
    for answer in in_parts(check, metrics):
        if answer is None:
            return None
        found |= {path: Summary(*fields) for path, fields in answer}
    return found


def _fields(summary: "Summary") -> _Fields:
    return summary.kind, summary.id, summary.refs, summary.title, summary.claims


def _memory_file(folder: Path) -> Path:
    import platformdirs

    from cxgov.language.summaries import digest

    name = digest(os.fsencode(folder.resolve()))
    return Path(platformdirs.user_cache_dir("cxgov")) / "validate" / f"{name}.json"


def _program() -> str:
    """Digest of this program's files by name, size and time: another program remembers nothing of ours."""
    package = Path(__file__).parent.parent
    files = [file for folder in (package, package.parent / "schemas") for file in sorted(folder.rglob("*"))]
    stats = [(str(file), file.stat()) for file in files if file.suffix in {".py", ".json"}]
    from cxgov.language.summaries import digest

    return digest("\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats).encode())


def _remembered(file: Path) -> dict[str, list[Any]]:
    """Digest to kind, id, references, title, claims and closure of every document that was valid."""
    try:
        data = json.loads(file.read_bytes())
        documents: dict[str, list[Any]] = data["documents"] if data["program"] == _program() else {}
        return {key: fields for key, fields in documents.items() if len(fields) == _REMEMBERED}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # A memory that cannot be read is no memory.
        return {}


def _remember(file: Path, known: Mapping[str, "Summary"], now: Mapping[str, str]) -> None:
    documents = {key: [*_fields(summary), now[key]] for key, summary in known.items()}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps({"program": _program(), "documents": documents}))
    except OSError:
        # A cache folder that cannot be written costs time, not answers.
        return
