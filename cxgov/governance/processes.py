"""A function over the parts of a list, on as many processors as are worth it."""

import gc
import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

# Fewer documents are read sooner than another process starts.
_WORTH_A_PROCESS: Final = 1_000

T = TypeVar("T")


def in_parts(function: Callable[[Sequence[str]], T], items: Sequence[str], own: float = 1) -> list[T | None]:
    """What a function gives for each part; None for one whose process was ended. Without items there is no part.

    A process is forked, and so sees what the function needs without its being sent to it; what it gives is pickled.
    The first part is this process's own, and ``own`` times as large as the others.
    """
    parts = parts_of(items)
    if parts == 1:
        return [function(items)] if items else []
    import multiprocessing  # noqa: PLC0415  # takes as long to import as many registries to read

    size = max(1, int(len(items) / (own + parts - 1)))
    rest = len(items) - size * (parts - 1)
    fork = multiprocessing.get_context("fork")
    receivers = []
    for start in range(rest, len(items), size):
        receiver, sender = fork.Pipe(duplex=False)
        fork.Process(target=_answer, args=(sender, function, items[start : start + size]), daemon=True).start()
        sender.close()
        receivers.append(receiver)
    return [function(items[:rest]), *map(_received, receivers)]


def parts_of(items: Sequence[str]) -> int:
    """How many parts a list is worth."""
    return max(1, min(_processors(), len(items) // _WORTH_A_PROCESS))


def _processors() -> int:
    # What another thread holds locked would stay so in a fork.
    if threading.active_count() > 1 or not hasattr(os, "fork"):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _answer(sender: "Connection", function: Callable[[Sequence[str]], T], part: Sequence[str]) -> None:
    gc.disable()  # this process ends with its answer
    sender.send(function(part))


def _received(receiver: "Connection") -> T | None:
    try:
        answer: T = receiver.recv()
    except EOFError:  # the process was ended
        return None
    return answer
