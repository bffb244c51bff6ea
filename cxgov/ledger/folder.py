"""The folder of a ledger on disk: read whole, written so that a crash leaves nothing or all of an entry."""

import os
import tempfile
from pathlib import Path
from typing import Final

from cxgov.ledger.chain import Altered, Ledger
from cxgov.ledger.entries import AnyEntry, SignedEntry
from cxgov.ledger.freezing import Freezing

LEDGER: Final = "ledger"
OBJECTS: Final = "objects"


class TakenMeanwhile(Exception):
    """Somebody else has written the entry of this number."""


def read_ledger(folder: Path) -> Ledger:
    """The ledger in a registry's folder ``frozen``, empty where there is none.

    Raises:
        Altered: its entries are no chain.
    """
    held = folder / LEDGER
    for each in (folder, held):
        # What is there and no folder is not the same as nothing.
        if not each.is_dir() and (each.exists() or each.is_symlink()):
            raise Altered(f"the ledger is broken: {each} is no folder")
    paths = [path for path in held.iterdir() if not path.name.startswith(".")] if held.is_dir() else []
    for path in paths:
        if not path.is_file():
            raise Altered(f"the ledger is broken: {path.name} is no file")
    return Ledger({path.name: path.read_bytes() for path in paths}, lambda name: _bytes_of(folder / OBJECTS / name))


def write_freezing(folder: Path, freezing: Freezing) -> Path:
    """Writes an entry and its objects: the objects first, then the entry, which alone makes them count.

    Raises:
        TakenMeanwhile: there is an entry of this number by now.
        OSError: the disk refuses; what was written is no entry, and the next freeze takes it up.
    """
    objects, ledger = folder / OBJECTS, folder / LEDGER
    for each in (objects, ledger):
        each.mkdir(parents=True, exist_ok=True)
    for name, data in freezing.objects.items():
        if _bytes_of(objects / name) != data:
            _whole(objects, data).replace(objects / name)
    _settled(objects)
    return _write_new(ledger, freezing.entry)


def write_signed(folder: Path, entry: SignedEntry, before: SignedEntry | None) -> Path:
    """Writes a signed entry, or one with a signature more in the place of what it was ``before``.

    Raises:
        TakenMeanwhile: there is another entry of this number by now.
        OSError: the disk refuses.
    """
    ledger = folder / LEDGER
    ledger.mkdir(parents=True, exist_ok=True)
    if before is None:
        return _write_new(ledger, entry)
    target = ledger / entry.name
    if _bytes_of(target) != before.data:
        raise TakenMeanwhile(f"{target} is another one than that which was judged: commit it, and sign again")
    _whole(ledger, entry.data).replace(target)
    _settled(ledger)
    return target


def _write_new(ledger: Path, entry: AnyEntry) -> Path:
    target = ledger / entry.name
    made = _whole(ledger, entry.data)
    try:
        # A link, unlike a rename, never takes the place of what is there.
        target.hardlink_to(made)
    except FileExistsError as error:
        raise TakenMeanwhile(f"{target} has been written meanwhile: commit or remove it, and do this again") from error
    finally:
        made.unlink(missing_ok=True)
    _settled(ledger)
    return target


def _whole(folder: Path, data: bytes) -> Path:
    handle, name = tempfile.mkstemp(dir=folder, prefix=".")
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        path.chmod(0o644)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _settled(folder: Path) -> None:
    """Waits until the disk holds a folder's names."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
