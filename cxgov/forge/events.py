"""The environment of a workflow's step to the event that started it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cxgov.evidence.failures import CannotSay
from cxgov.forge.rest import Rest
from cxgov.language.strict_json import read_json

_MAX_BYTES: Final = 32 * 1024 * 1024
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened: the name of the event and its payload, as GitHub wrote it when it happened."""

    name: str
    repository: str
    payload: Any


def read_event(environment: Mapping[str, str]) -> Event:
    """The event of a workflow's step.

    Raises:
        CannotSay: this is no step of a workflow, or its event cannot be read.
    """
    repository = _given(environment, "GITHUB_REPOSITORY")
    if not _REPOSITORY.fullmatch(repository):
        raise CannotSay(f"GITHUB_REPOSITORY is {repository!r}, not `owner/name`")
    try:
        payload = read_json(Path(_given(environment, "GITHUB_EVENT_PATH")).read_bytes(), _MAX_BYTES)
    except ValueError as error:
        raise CannotSay(f"the event at GITHUB_EVENT_PATH cannot be read: {error}") from error
    return Event(name=_given(environment, "GITHUB_EVENT_NAME"), repository=repository, payload=payload)


def rest_of(environment: Mapping[str, str]) -> Rest:
    """GitHub's API for a workflow's step.

    Raises:
        CannotSay: the environment does not say where it is, or has no token.
    """
    return Rest(_given(environment, "GITHUB_API_URL"), environment.get("GITHUB_TOKEN", ""))


def _given(environment: Mapping[str, str], name: str) -> str:
    if not (found := environment.get(name)):
        raise CannotSay(f"{name} is not set: this is called by a GitHub workflow. `cxgov gate` judges anywhere")
    return found
