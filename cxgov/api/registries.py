"""A folder on disk to a registry, or to everything that is wrong with it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxgov.language.diagnostics import Diagnostic, Place, in_file_order
from cxgov.language.loading import APPROVALS, FROZEN
from cxgov.language.loading import load as load_tree
from cxgov.language.model import Registry
from cxgov.language.reader import MAX_BYTES
from cxgov.language.report_links import certified
from cxgov.language.rules import FILE


class InvalidRegistry(Exception):
    """A registry with errors, from which nothing is compiled. ``diagnostics`` has all of its problems."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        errors = sum(problem.is_error for problem in diagnostics)
        super().__init__(f"the registry has {errors} error{'s' if errors > 1 else ''}: `cxgov validate` lists them")
        self.diagnostics = tuple(diagnostics)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid registry, the folder it was read from, and its warnings."""

    registry: Registry
    folder: Path
    warnings: tuple[Diagnostic, ...]


def read_tree(folder: Path, shown: str | None = None) -> tuple[dict[str, bytes], tuple[Diagnostic, ...]]:
    """The files of a registry's folder by the path that messages show, and what cannot be one of its files.

    Names that begin with a dot are passed over, and the folders of signed approvals and frozen periods, which hold no
    documents; links are refused, as their target is not the registry's.
    """
    prefix = str(folder) if shown is None else shown
    tree: dict[str, bytes] = {}
    problems = []
    waiting = [(os.fspath(folder), "" if prefix == "." else f"{prefix}/")]
    while waiting:
        here, name = waiting.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.name.startswith(".") or (entry.name in {APPROVALS, FROZEN} and here == os.fspath(folder)):
                    continue
                path = name + entry.name
                if entry.is_symlink():
                    fix = "Put the document itself here."
                    problems.append(Diagnostic(rule=FILE, message="a symbolic link", place=Place(path, 1, 1), fix=fix))
                elif entry.is_dir():
                    waiting.append((entry.path, f"{path}/"))
                elif entry.is_file():
                    with open(entry.path, "rb", buffering=0) as file:  # noqa: PTH123  # a tenth of the time of a Path
                        # One byte more than a document may have is enough to refuse it; room for so many takes
                        # longer to make than most documents to read.
                        tree[path] = file.read(min(entry.stat().st_size, MAX_BYTES) + 1)
                else:
                    problems.append(
                        Diagnostic(rule=FILE, message="neither a file nor a folder", place=Place(path, 1, 1))
                    )
    return tree, tuple(problems)


def validate(
    folder: str | Path = "metrics", *, reports: bool = False
) -> tuple[Registry | None, tuple[Diagnostic, ...]]:
    """The registry of a folder and all its problems in file order; no registry where one of them is an error.

    With ``reports`` the queries of reports are held to their certificates too, and those to the ledger.

    Raises:
        FileNotFoundError: there is no such folder.
        Altered: the ledger is not what was written.
    """
    tree, problems = read_tree(Path(folder))
    registry, found = load_tree(tree, str(Path(folder)))
    if reports and registry is not None:
        found = (*found, *(problem for _, problem in certified(registry)), *_verified(registry, Path(folder), tree))
        registry = None if any(problem.is_error for problem in found) else registry
    return (None if problems else registry), in_file_order((*problems, *found))


def _verified(registry: Registry, folder: Path, tree: Mapping[str, bytes]) -> tuple[Diagnostic, ...]:
    from cxgov.ledger.folder import read_ledger  # noqa: PLC0415  # sqlglot takes a tenth of a second
    from cxgov.ledger.reported import reported  # noqa: PLC0415

    top = "" if str(folder) == "." else f"{folder}/"
    found = reported(registry, read_ledger(folder / FROZEN), lambda path: tree.get(f"{top}{path}"))
    return tuple(problem for _, _, problem in found)


def load(folder: str | Path = "metrics") -> Loaded:
    """The registry of a folder.

    Raises:
        FileNotFoundError: there is no such folder.
        InvalidRegistry: it has errors.
    """
    registry, found = validate(folder)
    if registry is None:
        raise InvalidRegistry(found)
    return Loaded(registry, Path(folder), found)


def within(top: Path | None, folder: Path) -> str:
    """A folder's path from the top of its repository, with slashes."""
    if top is None:
        return folder.as_posix()
    here = folder.resolve().relative_to(top.resolve()).as_posix()
    return "" if here == "." else here
