"""A document's model to plain values under the names that YAML gives them, with every default filled in.

What is written in two ways and means one thing has one plain form: the order of what is a set, spellings of
expressions, lengths of time, numbers. Places and comments are not in it.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final

from cxgov.language.expressions import Expr, canonical
from cxgov.language.kinds import NO_SUCCESSOR, WEEKDAYS
from cxgov.language.model import (
    Aggregate,
    Calendar,
    Column,
    Connection,
    Council,
    Deprecation,
    Derived,
    Document,
    Exclusion,
    Measure,
    Metric,
    NetShare,
    Overlay,
    Ratio,
    Registry,
    Report,
    Sampling,
    Settings,
    Share,
    Source,
    Threshold,
)
from cxgov.language.policy import BreakGlass, Member, MemberKey, Requirement
from cxgov.language.sampling import Weights

# A value of a plain document: text, whole number, decimal, truth, an expression's canonical tree, list or map.
Plain = Any
KINDS: Final[dict[type[Document], str]] = {
    Settings: "Registry",
    Calendar: "Calendar",
    Source: "Source",
    Metric: "Metric",
    Sampling: "Sampling",
    Threshold: "Threshold",
    Exclusion: "Exclusion",
    Overlay: "Overlay",
    Report: "Report",
    Council: "Council",
}
_UNITS: Final = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))


def kind_of(document: Document) -> str:
    """The ``kind`` that a document's YAML names."""
    return KINDS[type(document)]


def documents(registry: Registry) -> dict[tuple[str, str], Document]:
    """Every document of a registry by kind and id."""
    every: dict[str, Iterable[Document]] = {
        "Registry": [registry.settings],
        "Calendar": registry.calendars.values(),
        "Source": registry.sources.values(),
        "Metric": registry.metrics.values(),
        "Sampling": registry.samplings.values(),
        "Threshold": registry.thresholds.values(),
        "Exclusion": registry.exclusions.values(),
        "Overlay": registry.overlays.values(),
        "Report": registry.reports.values(),
        "Council": [registry.council] if registry.council is not None else [],
    }
    return {(kind, its.id): its for kind, group in every.items() for its in group}


def plain(document: Document) -> dict[str, Plain]:
    """A document as plain values."""
    makers: dict[type[Document], Callable[[Any], dict[str, Plain]]] = {
        Settings: _settings,
        Calendar: _calendar,
        Source: _source,
        Metric: _metric,
        Sampling: _sampling,
        Threshold: _threshold,
        Exclusion: _exclusion,
        Overlay: _overlay,
        Report: _report,
        Council: _council,
    }
    common = {
        "apiVersion": "cxgov/v1",
        "kind": kind_of(document),
        "id": document.id,
        "version": document.version,
        "title": document.title,
        "owner": document.owner,
        "description": document.description,
        "formerly": sorted(document.formerly),
    }
    return _present({**common, **makers[type(document)](document)})


def _present(data: dict[str, Plain]) -> dict[str, Plain]:
    """Without what is not there: None, and an empty text, list or map, say what leaving the key out says."""
    return {key: value for key, value in data.items() if value is not None and value not in ("", [], {})}


def _settings(its: Settings) -> dict[str, Plain]:
    longest = its.longest_exclusion
    return {
        "calendar": its.calendar,
        "dialects": sorted(its.dialects),
        "confidence": its.confidence,
        "exclusions": None if longest is None else {"longest": length(longest)},
        "repository": its.repository,
        "ref": its.ref,
        "tool": dict(its.tool),
        "connections": {connection.name: _connection(connection) for connection in its.connections},
    }


def _connection(its: Connection) -> dict[str, Plain]:
    return _present(
        {
            "engine": its.engine,
            "database": its.database,
            "relations": dict(its.relations),
            "dsn_env": its.dsn_env,
        }
    )


def _calendar(its: Calendar) -> dict[str, Plain]:
    return {
        "zone": its.zone,
        "week_start": WEEKDAYS[its.week_start],
        "fiscal_year": {"starts": f"{its.fiscal_month:02}-{its.fiscal_day:02}", "named_by": its.named_by},
        "reporting": its.reporting,
        "closes": length(its.closes),
    }


def _source(its: Source) -> dict[str, Plain]:
    interval = its.interval
    return {
        "relation": its.relation,
        "grain": its.grain,
        "key": list(its.key),
        "arrival": its.arrival,
        "interval": None if interval is None else {"from": interval.start, "until": interval.until},
        "columns": {name: _column(column) for name, column in its.columns.items()},
        "entities": {
            role: _present({"key": list(entity.key), "source": entity.source}) for role, entity in its.entities.items()
        },
        "dimensions": {name: canonical(dimension.expression) for name, dimension in its.dimensions.items()},
    }


def _column(its: Column) -> dict[str, Plain]:
    return _present(
        {
            "type": its.type,
            "nullable": its.nullable,
            "values": sorted(its.values, key=str),
            "range": None if its.range is None else list(its.range),
            "sensitivity": "personal" if its.personal else None,
            "zone": its.zone,
            "twice": its.twice,
            "missing": its.missing,
            "description": its.description,
        }
    )


def _metric(its: Metric) -> dict[str, Plain]:
    raci = its.raci
    return {
        "status": its.status,
        "deprecated": its.deprecated and _deprecation(its.deprecated),
        "raci": _present(
            {
                "responsible": raci.responsible,
                "accountable": raci.accountable,
                "consulted": sorted(raci.consulted),
                "informed": sorted(raci.informed),
            }
        ),
        "source": its.source,
        "time": its.time,
        "sampling": its.sampling,
        "where": _expression(its.where),
        "valid": _expression(its.valid),
        "measure": _measure(its.measure),
        "unit": its.unit,
        "direction": its.direction,
        "dimensions": sorted(its.dimensions),
        "min_sample": its.min_sample,
    }


def _deprecation(its: Deprecation) -> dict[str, Plain]:
    return {"successor": its.successor or NO_SUCCESSOR, "sunset": its.sunset.isoformat(), "notice": its.notice}


def _measure(its: Measure) -> dict[str, Plain]:
    match its:
        case Share():
            body = {"of": canonical(its.of), "among": _expression(its.among), "unknown": its.unknown}
            return {"share": _present(body)}
        case NetShare():
            body = {
                "plus": canonical(its.plus),
                "minus": canonical(its.minus),
                "among": _expression(its.among),
                "unknown": its.unknown,
            }
            return {"net_share": _present(body)}
        case Ratio():
            return {"ratio": {"numerator": _aggregate(its.numerator), "denominator": _aggregate(its.denominator)}}
        case Derived():
            return {"derived": canonical(its.of)}
        case Aggregate():
            return _aggregate(its)


def _aggregate(its: Aggregate) -> dict[str, Plain]:
    of: Plain = "rows" if its.of is None else canonical(its.of)
    if its.function == "quantile":
        of = {"of": of, "q": its.q, "type": its.quantile_type}
    return _present({its.function: of, "where": _expression(its.where)})


def _sampling(its: Sampling) -> dict[str, Plain]:
    frame, cap, select = its.frame, its.contact_cap, its.select
    invited, responded, order, least = its.invited, its.responded, its.deduplicate, its.minimum
    return {
        "source": its.source,
        "unit": its.unit,
        "frame": frame and _present({"source": frame.source, "where": _expression(frame.where)}),
        "contact_cap": cap and {"at_most": cap.at_most, "per": length(cap.per)},
        "select": select
        and (
            {"method": "census"}
            if select.method == "census"
            else {"method": select.method, "fraction": select.fraction, "salt": select.salt}
        ),
        "invited": invited and {"source": invited.source, "by": invited.by, "time": invited.time},
        "responded": responded and {"by": responded.by, "time": responded.time, "within": length(responded.within)},
        "deduplicate": order and {"keep": order.keep, "order": list(order.order)},
        "weights": its.weights and _weights(its.weights),
        "minimum": {"show": least.show, "privacy": least.privacy, "complementary": least.complementary},
    }


def _weights(its: Weights) -> dict[str, Plain]:
    if its.method != "poststratify":
        return _present({"method": its.method, "column": its.column})
    empty: Plain = "error" if its.collapse is None else {"collapse": its.collapse}
    return {"method": its.method, "by": sorted(its.by), "targets": "frame", "empty_cell": empty}


def _threshold(its: Threshold) -> dict[str, Plain]:
    return {
        "metric": its.metric,
        "grain": its.grain,
        "scope": dict(its.scope),
        "target": its.target,
        "bands": [_present({"name": band.name, "below": band.below}) for band in its.bands],
        "meaningful_change": its.meaningful_change,
        "against": its.against,
        "family": its.family,
        "playbook": its.playbook,
    }


def _exclusion(its: Exclusion) -> dict[str, Plain]:
    return {
        "source": its.source,
        "where": canonical(its.where),
        "metrics": sorted(its.metrics),
        "reason": its.reason,
        "evidence": its.evidence,
        "requester": its.requester,
        "from": its.start.isoformat(),
        "until": its.end.isoformat(),
    }


def _overlay(its: Overlay) -> dict[str, Plain]:
    return {
        "metrics": sorted(its.metrics),
        "where": canonical(its.where),
        "dimensions": {name: canonical(dimension.expression) for name, dimension in its.dimensions.items()},
        "thresholds": sorted(its.thresholds),
        "min_sample": its.min_sample,
    }


def _report(its: Report) -> dict[str, Plain]:
    # What the files hold is no field of the document; it stands in its closure.
    return {"tool": its.tool, "audience": its.audience, "queries": sorted(query.path for query in its.queries)}


def _council(its: Council) -> dict[str, Plain]:
    return {
        "sequence": its.sequence,
        "members": [_member(member) for member in sorted(its.members, key=lambda member: member.person)],
        # Each rule holds by itself, so their order says nothing.
        "rules": sorted(map(_rule, its.rules), key=repr),
        "default": its.default,
        "guards": dict(its.guards),
        "beneficiaries": {metric: sorted(persons) for metric, persons in its.beneficiaries},
        "break_glass": None if its.break_glass is None else _break_glass(its.break_glass),
    }


def _break_glass(its: BreakGlass) -> dict[str, Plain]:
    return {"seats": sorted(its.seats), "classes": sorted(its.classes)}


def _member(its: Member) -> dict[str, Plain]:
    return _present(
        {
            "person": its.person,
            "seat": its.seat,
            "team": its.team,
            "github": its.github,
            "emails": sorted(its.emails),
            "keys": sorted(map(_key, its.keys), key=repr),
            "since": its.since and its.since.isoformat(),
            "until": its.until.isoformat(),
        }
    )


def _key(its: MemberKey) -> Plain:
    text = " ".join(filter(None, (its.type, its.body, its.comment)))
    if its.until is None and its.revoked is None:
        return text
    days = {"until": its.until and its.until.isoformat(), "revoked": its.revoked and its.revoked.isoformat()}
    return _present({"key": text, **days})


def _rule(its: Requirement) -> dict[str, Plain]:
    return _present(
        {
            "classes": sorted(its.classes),
            "quorum": its.quorum,
            "seats": sorted(its.seats),
            "teams": sorted(its.teams),
            "veto": sorted(its.veto),
            "metrics": sorted(its.metrics),
            "scope": None if its.overlay is None else {"overlay": its.overlay},
            "evidence": its.evidence,
        }
    )


def _expression(tree: Expr | None) -> Expr | None:
    return None if tree is None else canonical(tree)


def length(time: timedelta) -> str:
    """A length of time in the largest unit that says it in whole numbers."""
    seconds = int(time.total_seconds())
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}"
