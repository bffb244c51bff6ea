"""The versions of the program that a registry pins, held against those that are installed."""

from cxgov.evidence.failures import CannotSay
from cxgov.language.model import Settings
from cxgov.ledger.circumstances import installed


def hold_to_tool(settings: Settings, name: str) -> None:
    """Refuses to go on with another version than the registry of ``name`` pins. Where it pins none, any will do.

    Raises:
        CannotSay: another version is pinned; the message names it.
    """
    for program, pinned in settings.tool:
        running = installed(program)
        if running != pinned:
            raise CannotSay(f"{name} pins {program} {pinned}, and this is {running}: `pip install {program}=={pinned}`")
