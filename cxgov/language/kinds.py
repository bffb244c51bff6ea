"""A document of right shape to its model object, kind by kind."""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from cxgov.language.building import Builder, decimals
from cxgov.language.columns import source
from cxgov.language.members import council
from cxgov.language.model import (
    Aggregate,
    Band,
    Calendar,
    Connection,
    Deprecation,
    Derived,
    Dimension,
    Document,
    Exclusion,
    Measure,
    Metric,
    NetShare,
    Overlay,
    Raci,
    Ratio,
    Report,
    ReportQuery,
    Settings,
    Share,
    Threshold,
)
from cxgov.language.reader import Map, Mark, place_of
from cxgov.language.rules import BANDS, CONNECTION, EXCLUSION, MEASURE, VALUE
from cxgov.language.steps import sampling

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MAX_CONFIDENCE_DECIMALS: Final = 6
NO_SUCCESSOR: Final = "none"
# A team says the same in all of its metrics.
_raci = lru_cache(maxsize=1024)(Raci)


def build(builder: Builder, data: Map) -> Document | None:
    """The model object of a document of right shape; None where a problem leaves none."""
    makers: dict[str, Callable[[Builder, Map], Document | None]] = {
        "Registry": _registry,
        "Calendar": _calendar,
        "Source": source,
        "Metric": _metric,
        "Sampling": sampling,
        "Threshold": _threshold,
        "Exclusion": _exclusion,
        "Overlay": _overlay,
        "Report": _report,
        "Council": council,
    }
    return makers[data["kind"]](builder, data)


def _registry(builder: Builder, data: Map) -> Settings:
    connections = data.get("connections") or Map(data.start)
    built = tuple(_connection(builder, name, connections[name], connections.keys_at[name]) for name in connections)
    return Settings(
        calendar=data["calendar"],
        dialects=tuple(data["dialects"]),
        confidence=_confidence(builder, data),
        longest_exclusion=builder.some_length(data["exclusions"], "longest") if "exclusions" in data else None,
        connections=built,
        repository=data.get("repository"),
        ref=data.get("ref"),
        tool=tuple(sorted(data.get("tool", {}).items())),
        **builder.common(data),
    )


def _connection(builder: Builder, name: str, data: Map, at: Mark) -> Connection:
    engine = data["engine"]
    if engine == "postgres" and "dsn_env" not in data:
        builder.refuse(CONNECTION, at, f"connection {name!r} has no `dsn_env`", "Add `dsn_env: CXGOV_PG_DSN`.")
    for key in ("database", "relations") if engine == "postgres" else ("dsn_env",):
        if key in data:
            builder.refuse(CONNECTION, data.keys_at[key], f"`{key}` means nothing to {engine}", "Remove it.")
    relations = data.get("relations") or Map(at)
    for where, file, mark in [
        ("database", data.get("database"), data.values_at.get("database", at)),
        *((relation, file, relations.values_at[relation]) for relation, file in relations.items()),
    ]:
        if file and (file.startswith(("/", "~")) or re.search(r"[:\\\0]", file) or ".." in file.split("/")):
            message = f"path {file!r} of `{where}` may leave the registry's folder"
            builder.refuse(CONNECTION, mark, message, "Write a path relative to the registry's folder, with '/'.")
        elif file and where != "database" and not file.endswith((".parquet", ".csv")):
            builder.refuse(CONNECTION, mark, f"{file!r} is neither .parquet nor .csv", "Name a Parquet or CSV file.")
    return Connection(
        name=name,
        engine=engine,
        database=data.get("database"),
        relations=tuple(relations.items()),
        dsn_env=data.get("dsn_env"),
        place=place_of(builder.path, at),
    )


def _calendar(builder: Builder, data: Map) -> Calendar:
    builder.zone(data, "zone")
    fiscal = data.get("fiscal_year", {"starts": "01-01", "named_by": "start"})
    return Calendar(
        zone=data["zone"],
        week_start=WEEKDAYS.index(data["week_start"]),
        fiscal_month=int(fiscal["starts"][:2]),
        fiscal_day=int(fiscal["starts"][3:]),
        named_by=fiscal["named_by"],
        reporting=data["reporting"],
        closes=builder.length(data, "closes"),
        **builder.common(data),
    )


def _metric(builder: Builder, data: Map) -> Metric | None:
    measure = _measure(builder, data["measure"])
    where, valid = builder.expression(data, "where"), builder.expression(data, "valid")
    ended = _deprecation(builder, data["deprecated"]) if "deprecated" in data else None
    if measure is None or ("deprecated" in data and ended is None):
        return None
    raci = data.get("raci", {})
    return Metric(
        status=data["status"],
        deprecated=ended,
        raci=_raci(
            responsible=raci.get("responsible", ""),
            accountable=raci.get("accountable", ""),
            consulted=tuple(raci.get("consulted", ())),
            informed=tuple(raci.get("informed", ())),
        ),
        source=data.get("source"),
        time=data.get("time"),
        where=where,
        valid=valid,
        measure=measure,
        unit=data["unit"],
        direction=data["direction"],
        dimensions=tuple(data.get("dimensions", ())),
        min_sample=data.get("min_sample"),
        sampling=data.get("sampling"),
        **builder.common(data),
    )


def _deprecation(builder: Builder, data: Map) -> Deprecation | None:
    sunset = builder.day(data, "sunset")
    if sunset is None:
        return None
    successor = None if data["successor"] == NO_SUCCESSOR else data["successor"]
    return Deprecation(successor=successor, sunset=sunset, notice=data["notice"])


def _measure(builder: Builder, data: Map) -> Measure | None:
    form = next(key for key in data if key != "where")
    body = data[form]
    if form in {"share", "net_share", "ratio", "derived"} and "where" in data:
        fix = "Move the condition to the metric's `where:`, or to `among:` or an aggregate of a ratio."
        builder.refuse(MEASURE, data.keys_at["where"], f"`where` beside `{form}` has no meaning", fix)
    if form == "share":
        of, among = builder.expression(body, "of"), builder.expression(body, "among")
        return None if of is None else Share(of=of, among=among, unknown=body.get("unknown"))
    if form == "net_share":
        plus, minus = builder.expression(body, "plus"), builder.expression(body, "minus")
        among = builder.expression(body, "among")
        if plus is None or minus is None:
            return None
        return NetShare(plus=plus, minus=minus, among=among, unknown=body.get("unknown"))
    if form == "ratio":
        numerator, denominator = _aggregate(builder, body["numerator"]), _aggregate(builder, body["denominator"])
        if numerator is None or denominator is None:
            return None
        return Ratio(numerator=numerator, denominator=denominator)
    if form == "derived":
        tree = builder.expression(data, "derived")
        return None if tree is None else Derived(of=tree)
    return _aggregate(builder, data)


def _aggregate(builder: Builder, data: Map) -> Aggregate | None:
    form = next(key for key in data if key != "where")
    where = builder.expression(data, "where")
    if form == "count":
        return Aggregate(function="count", where=where)
    if form == "quantile":
        body = data["quantile"]
        of = builder.expression(body, "of")
        return (
            None
            if of is None
            else Aggregate(function=form, of=of, q=body["q"], quantile_type=body["type"], where=where)
        )
    of = builder.expression(data, form)
    return None if of is None else Aggregate(function=form, of=of, where=where)


def _confidence(builder: Builder, data: Map) -> Decimal:
    found = Decimal(data.get("confidence", "0.95"))
    if decimals(found) > MAX_CONFIDENCE_DECIMALS:
        message = f"confidence {found:f} has more than {MAX_CONFIDENCE_DECIMALS} decimals"
        builder.refuse(VALUE, data.values_at["confidence"], message, "Write e.g. 0.95 or 0.99.")
    return found


def _threshold(builder: Builder, data: Map) -> Threshold:
    return Threshold(
        metric=data["metric"],
        grain=data["grain"],
        scope=tuple(data.get("scope", {}).items()),
        target=data.get("target"),
        bands=_bands(builder, data["bands"]),
        meaningful_change=data["meaningful_change"],
        against=data.get("against", "previous"),
        family=data.get("family"),
        playbook=data.get("playbook"),
        **builder.common(data),
    )


def _bands(builder: Builder, rows: Any) -> tuple[Band, ...]:
    bands: list[Band] = []
    for i, row in enumerate(rows):
        band = Band(name=row["name"], below=row.get("below"))
        last = i == len(rows) - 1
        if any(other.name == band.name for other in bands):
            message = f"a second band {band.name!r}"
            builder.refuse(BANDS, row.values_at["name"], message, "Give each band a name of its own.")
        if last and band.below is not None:
            message = f"values of {band.below} and more are in no band: the last band, {band.name!r}, ends there"
            builder.refuse(
                BANDS, row.keys_at["below"], message, "Remove `below` of the last band, or add one after it."
            )
        if not last and band.below is None:
            message = f"band {band.name!r} has no end, so no value is left for {rows[i + 1]['name']!r}"
            builder.refuse(BANDS, row.start, message, "Add `below:`; only the last band is open.")
        if not last and band.below is not None:
            ends = [other.below for other in bands if other.below is not None]
            if ends and band.below <= ends[-1]:
                message = f"band {band.name!r} ends at {band.below}, not above {ends[-1]}, where the one before it ends"
                builder.refuse(BANDS, row.values_at["below"], message, "Write the bands in rising order of `below`.")
        bands.append(band)
    return tuple(bands)


def _exclusion(builder: Builder, data: Map) -> Exclusion | None:
    where = builder.expression(data, "where")
    start, end = builder.day(data, "from"), builder.day(data, "until")
    if start and end and start >= end:
        message = f"no day lies from {start} to before {end}"
        builder.refuse(EXCLUSION, data.values_at["until"], message, "Write as `until` the first day that counts again.")
    if where is None or start is None or end is None:
        return None
    return Exclusion(
        source=data["source"],
        where=where,
        metrics=tuple(data["metrics"]),
        reason=data["reason"],
        evidence=data["evidence"],
        requester=data["requester"],
        start=start,
        end=end,
        **builder.common(data),
    )


def _overlay(builder: Builder, data: Map) -> Overlay | None:
    where = builder.expression(data, "where")
    declared = data.get("dimensions") or Map(data.start)
    builder.names(declared, "dimension")
    dimensions = {}
    for name in declared:
        tree = builder.expression(declared, name)
        if tree is not None:
            at = place_of(builder.path, declared.keys_at[name])
            dimensions[name] = Dimension(name=name, expression=tree, place=at)
    if where is None:
        return None
    return Overlay(
        metrics=tuple(data["metrics"]),
        where=where,
        dimensions=dimensions,
        thresholds=tuple(data.get("thresholds", ())),
        min_sample=data.get("min_sample"),
        **builder.common(data),
    )


def _report(builder: Builder, data: Map) -> Report:
    queries = data["queries"]
    return Report(
        tool=data["tool"],
        audience=data["audience"],
        queries=tuple(
            ReportQuery(path=path, place=place_of(builder.path, at))
            for path, at in zip(queries, queries.items_at, strict=True)
        ),
        **builder.common(data),
    )
