"""What compiles here: the versions of the programs and of the zone data, as an entry records them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from zoneinfo import TZPATH


@cache
def programs() -> Mapping[str, str]:
    """The programs on which a statement's bytes depend, with their versions."""
    return {name: installed(name) for name in ("cxgov", "sqlglot")}


def installed(program: str) -> str:
    """The version of a program that runs here."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  # reads mail to find one

    try:
        return version(program)
    except PackageNotFoundError:
        return "a version that is not installed as a package"


def zone_data() -> str:
    """The version of the IANA zone data that is read here."""
    for folder in map(Path, TZPATH):
        named = folder / "tzdata.zi"
        if named.is_file():
            with named.open(encoding="ascii") as file:
                return file.readline().removeprefix("# version ").strip()
        if folder.is_dir():
            return "unknown"
    from importlib.metadata import version  # noqa: PLC0415  # as above

    return version("tzdata")
