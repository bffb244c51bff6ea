"""Where git and ssh-keygen are, and which of the environment they see when they read evidence."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cxgov.evidence.failures import CannotSay

_PASSED: Final = ("LD_LIBRARY_PATH", "PATH", "TMPDIR")


def program(name: str, environment: Mapping[str, str], install: str) -> str:
    """The full path of a program. One that a folder of the path relative to here would give is not taken.

    Raises:
        CannotSay: there is none.
    """
    found = shutil.which(name, path=environment.get("PATH", os.defpath))
    if found is None or not Path(found).is_absolute():
        raise CannotSay(f"{name} is not installed: install {install}")
    return found


def bare_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What says where programs are, and nothing that says what they do."""
    return {name: environment[name] for name in _PASSED if name in environment} | {"LC_ALL": "C"}
