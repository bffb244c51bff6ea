"""Dimensions by their paths: roles from a source, many to one, to a declared dimension; or why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cxgov.language.diagnostics import listed, nearest
from cxgov.language.model import Dimension, Entity, Source

# More ways are not listed: a source of many roles has as many as their product.
MOST_WAYS: Final = 500


@dataclass(frozen=True, slots=True)
class Hop:
    """One many-to-one step: the role in ``source`` whose entity lives in ``target``."""

    source: str
    entity: Entity
    target: str


@dataclass(frozen=True, slots=True)
class Route:
    """The hops from a source and the dimension at their end. Paths of one meaning have one route."""

    hops: tuple[Hop, ...]
    source: str
    dimension: Dimension


class PathError(ValueError):
    """A path that leads to no dimension, and what would."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


class NoSource(PathError):
    """A path over an entity whose source does not exist, or cannot be read."""


def route(path: str, start: Source, sources: Mapping[str, Source]) -> Route:
    """The route of a dotted path from a source.

    Raises:
        PathError: a role or the dimension does not exist, the way leads from one to many, or several ways lead there.
    """
    *roles, name = path.split(".")
    here, hops = start, []
    for role in roles:
        entity = here.entities.get(role)
        if entity is None:
            raise _no_role(path, role, here, sources)
        if entity.source is None:  # its own entity: the same row
            continue
        target = sources.get(entity.source)
        if target is None:
            raise NoSource(
                f"{path!r}: source {entity.source!r} of role {role!r} does not exist",
                "Correct the entity's `source:`.",
            )
        hops.append(Hop(here.id, entity, target.id))
        here = target
    dimension = here.dimensions.get(name)
    if dimension is None:
        raise _no_dimension(path, name, here, start, sources)
    return Route(tuple(hops), here.id, dimension)


def reachable(start: Source, sources: Mapping[str, Source], most_hops: int = 2) -> dict[str, Dimension]:
    """Every path from a source to a dimension over at most ``most_hops`` entities."""
    found = dict(start.dimensions)
    level = [("", start)]
    for _ in range(most_hops):
        following: list[tuple[str, Source]] = []
        for prefix, source in level:
            for role, entity in source.entities.items():
                target = sources.get(entity.source) if entity.source else None
                if target is not None and len(following) < MOST_WAYS:
                    following.append((f"{prefix}{role}.", target))
        for prefix, source in following:
            found |= {prefix + name: dimension for name, dimension in source.dimensions.items()}
        level = following
    return found


def _no_role(path: str, role: str, here: Source, sources: Mapping[str, Source]) -> PathError:
    for other in sources.values():
        own = other.own_entity
        if role in {other.id, own.role if own else None}:
            back = [entity.role for entity in other.entities.values() if entity.source == here.id]
            if back:
                many = f"from one row of {here.id} to many of {other.id}"
                message = f"{path!r} leads {many}, which would count {here.id} several times"
                fix = f"Measure {other.id} instead and split it by its role {back[0]!r}: {back[0]}.<dimension>."
                return PathError(message, fix)
    near = nearest(role, here.entities)
    return PathError(f"{path!r}: {here.id} has no role {role!r}{near}", f"Its roles: {listed(here.entities)}.")


def _no_dimension(path: str, name: str, here: Source, start: Source, sources: Mapping[str, Source]) -> PathError:
    others = [way for way in reachable(start, sources) if way.rsplit(".", 1)[-1] == name]
    if len(others) > 1:
        return PathError(f"{path!r} is ambiguous from {start.id}: {listed(others)}", "Write the one that is meant.")
    if others:
        return PathError(f"{here.id} has no dimension {name!r}; did you mean {others[0]!r}?", f"Write {others[0]}.")
    near = nearest(name, here.dimensions)
    return PathError(
        f"{path!r}: {here.id} has no dimension {name!r}{near}", f"Its dimensions: {listed(here.dimensions)}."
    )
