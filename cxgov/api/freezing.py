"""Reporting periods to entries of the ledger."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxgov.api.asking import answered, answers, definitions
from cxgov.api.registries import InvalidRegistry, Loaded, read_tree, within
from cxgov.compiler.query import Query
from cxgov.language.diagnostics import in_file_order
from cxgov.language.loading import FROZEN
from cxgov.language.loading import load as load_tree
from cxgov.language.model import Registry

if TYPE_CHECKING:
    from cxgov.ledger.chain import Ledger
    from cxgov.ledger.entries import Entry
    from cxgov.ledger.freezing import Circumstances, Freezing


def freeze(folder: str | Path, period: str, *, now: datetime | None = None) -> "Freezing":
    """The ledger entry that freezes a reporting period of the registry as it is committed. Nothing is written.

    Raises:
        InvalidRegistry: the registry has errors.
        CannotSay: something of it is not committed, or it pins another version of the program.
        Refused: the period is none that can be frozen, or a metric has no exact SQL in a dialect of the registry.
        Altered: the ledger is not what was written.
    """
    from cxgov.ledger import freezing  # noqa: PLC0415  # compiling and git are for those who ask for them

    registry, ledger = committed_ledger(Path(folder))
    return freezing.freeze(registry, ledger, period, here(now))


def restate(
    folder: str | Path,
    period: str,
    metrics: Iterable[str],
    *,
    reason: str,
    connection: str | None = None,
    now: datetime | None = None,
) -> "Freezing":
    """The ledger entry that corrects what a frozen period said of some metrics. Nothing is written.

    On a ``connection`` the old and the new number of each metric are asked, and stand in the entry.

    Raises:
        InvalidRegistry, CannotSay, Altered: as freeze.
        Refused: the period is not frozen, or the metrics cannot be restated so.
        EngineError: the connection does not answer.
    """
    from cxgov.ledger import freezing  # noqa: PLC0415  # as in freeze

    registry, ledger = committed_ledger(Path(folder))
    asked, around = tuple(dict.fromkeys(metrics)), here(now)
    made = freezing.restate(registry, ledger, period, around, metrics=asked, reason=reason)
    if connection is None:
        return made
    loaded = Loaded(registry, Path(folder), ())
    numbers = [_both(loaded, its, made.entry, connection, around.now) for its in asked]
    return freezing.restate(registry, ledger, period, around, metrics=asked, reason=reason, difference=numbers)


def _both(loaded: Loaded, metric: str, entry: "Entry", connection: str, at: datetime) -> dict[str, Any]:
    """A metric's number in a frozen period before and after it is restated, with its rows; None where there is none."""
    from cxgov.compiler.canonical import total  # noqa: PLC0415  # as in statements
    from cxgov.engines.connecting import choose  # noqa: PLC0415
    from cxgov.evaluation.disclosure import floor_of  # noqa: PLC0415
    from cxgov.ledger.certificates import stated  # noqa: PLC0415

    chosen = choose(loaded.registry, connection)
    found: dict[str, Any] = {"metric": metric, "old": None, "old_n": None, "new": None, "new_n": None}
    known, period, as_of = definitions(loaded), entry.period.id, entry.period.edges.as_of
    if metric in known.ledger.readings(period)[-1].metrics:
        [frozen] = known.readings(Query(metrics=(metric,)), definition_of=period)
        query = total(frozen.registry, frozen.registry.metrics[metric], period, as_of)
        [answer] = answers(loaded, query, connection=connection, definition_of=period, now=at)
        found["old"], found["old_n"], _ = answer.result.rows[0]
    if metric in entry.metrics:
        query = total(loaded.registry, loaded.registry.metrics[metric], period, as_of)
        statement = stated(known.unfrozen(query), chosen.engine)
        new, new_n, _ = answered(loaded.folder, statement, chosen, at, bare=False).rows[0]
        least = floor_of(loaded.registry, loaded.registry.metrics[metric]).privacy
        # Two numbers side by side would tell what the few rows between them say.
        if found["old_n"] is None or new_n is None or not 0 < abs(found["old_n"] - new_n) < least:
            found["new"], found["new_n"] = new, new_n
    return found


def here(now: datetime | None) -> "Circumstances":
    """What compiles here, at an instant or now."""
    from cxgov.ledger.circumstances import programs, zone_data  # noqa: PLC0415  # as in freeze
    from cxgov.ledger.freezing import Circumstances  # noqa: PLC0415

    return Circumstances(now=now or datetime.now(UTC), compiler=programs(), tzdata=zone_data())


def committed_ledger(folder: Path) -> "tuple[Registry, Ledger]":
    """The registry and the ledger of HEAD, of which the folder must not differ.

    Raises:
        InvalidRegistry, CannotSay, Altered: as freeze.
    """
    from cxgov.evidence.failures import CannotSay  # noqa: PLC0415  # as in freeze
    from cxgov.evidence.git import Repository  # noqa: PLC0415
    from cxgov.governance.sides import Sides  # noqa: PLC0415
    from cxgov.governance.tool import hold_to_tool  # noqa: PLC0415
    from cxgov.ledger.folder import read_ledger  # noqa: PLC0415

    with Repository(folder, os.environ) as repository:
        inside = within(repository.top, folder)
        sides, head = Sides(repository, inside), repository.commit("HEAD")
        tree, problems = read_tree(folder, inside or ".")
        registry, found = load_tree(tree, inside)
        if registry is None or problems:
            raise InvalidRegistry(in_file_order((*problems, *found)))
        hold_to_tool(registry.settings, "the registry")
        committed = sides.read(head)
        files = committed.side.tree if committed.side is not None else {}
        differing = sorted(path for path in {*tree, *files} if tree.get(path) != files.get(path))
        ledger = sides.ledger(head)
        here = read_ledger(folder / FROZEN)
        if not differing and here.head != ledger.head:
            differing = [f"{inside}/{FROZEN}" if inside else FROZEN]
        if differing:
            more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
            raise CannotSay(
                f"{differing[0]}{more} is not as it is committed, and what is frozen must be in the history: "
                "commit or undo it first"
            )
        # It is the same chain, and its objects can be read when the repository is closed.
        return registry, here
