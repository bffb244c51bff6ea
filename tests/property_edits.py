"""For every property of the language one valid edit of it, on the registry in which all are used."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from cxgov.language.shapes import KINDS, schema
from tests.changing import KEYS, Key

# A document's id, its new values, and those of other documents that must go with them.
Edit = tuple[str, Mapping[str, Any], Mapping[Key, Mapping[str, Any]]]
Property = tuple[str, str]
_PAIR: Final = ["response_id", "asked_on"]
_HELPER: Final = {"key": ["agent_id"], "source": "agents"}
_TOO: Final = {"source": "answers_too"}
_SUMS: Final = ("count", "count_distinct", "sum", "mean", "min", "max")

# Each kind has these, and one document on which they are tried.
COMMON: Final[Mapping[str, Any]] = {
    "version": "1.2.3",
    "title": "Another title",
    "description": "Other words.",
    "owner": "somebody else",
    "formerly": ["once", "twice"],
}
ON: Final[Mapping[str, str]] = {
    "Registry": "registry",
    "Calendar": "corporate",
    "Source": "responses",
    "Metric": "nps",
    "Sampling": "panel",
    "Threshold": "panel_nps_quarter",
    "Exclusion": "broken_export",
    "Overlay": "dutch",
    "Report": "board",
    "Council": "council",
}
# What a document is cannot change and stay that document; an id that changes is two documents, or a rename.
FIXED: Final = frozenset({"apiVersion", "kind", "id"})
# One value alone is allowed, so that there is no edit but leaving it out, which means the same or is refused.
SINGLE: Final = frozenset({("Sampling", "weights.targets"), ("Council", "default")})

_OWN: Final[Mapping[Property, tuple[Any, ...]]] = {
    ("Registry", "repository"): ("registry", {"repository": "example/other"}),
    ("Registry", "ref"): ("registry", {"ref": "refs/heads/trunk"}),
    ("Registry", "tool"): ("registry", {"tool": None}),
    ("Registry", "tool.cxgov"): ("registry", {"tool.cxgov": "0.2.0"}),
    ("Registry", "tool.sqlglot"): ("registry", {"tool.sqlglot": "31.0.0"}),
    ("Registry", "calendar"): ("registry", {"calendar": "civil"}),
    ("Registry", "dialects"): ("registry", {"dialects": ["duckdb"]}),
    ("Registry", "confidence"): ("registry", {"confidence": Decimal("0.99")}),
    ("Registry", "exclusions"): ("registry", {"exclusions": None}),
    ("Registry", "exclusions.longest"): ("registry", {"exclusions.longest": "999 days"}),
    ("Registry", "connections"): ("registry", {"connections.other": {"engine": "duckdb"}}),
    ("Registry", "connections.*"): ("registry", {"connections.demo": None}),
    ("Registry", "connections.*.engine"): (
        "registry",
        {"connections.demo": {"engine": "postgres", "dsn_env": "OTHER"}},
    ),
    ("Registry", "connections.*.database"): ("registry", {"connections.demo.database": "other.duckdb"}),
    ("Registry", "connections.*.relations"): ("registry", {"connections.demo.relations": None}),
    ("Registry", "connections.*.relations.*"): (
        "registry",
        {"connections.demo.relations.cx/responses": "data/old.parquet"},
    ),
    ("Registry", "connections.*.dsn_env"): ("registry", {"connections.warehouse.dsn_env": "OTHER"}),
    ("Calendar", "zone"): ("corporate", {"zone": "Europe/Lisbon"}),
    ("Calendar", "week_start"): ("corporate", {"week_start": "sunday"}),
    ("Calendar", "fiscal_year"): ("corporate", {"fiscal_year": None}),
    ("Calendar", "fiscal_year.starts"): ("corporate", {"fiscal_year.starts": "04-01"}),
    ("Calendar", "fiscal_year.named_by"): ("corporate", {"fiscal_year.named_by": "start"}),
    ("Calendar", "reporting"): ("corporate", {"reporting": "month"}),
    ("Calendar", "closes"): ("corporate", {"closes": "11 days"}),
    ("Source", "relation"): ("responses", {"relation": "cx.replies"}),
    ("Source", "grain"): ("responses", {"grain": "one row a reply"}),
    ("Source", "key"): ("responses", {"key": _PAIR, "entities.response.key": _PAIR}),
    ("Source", "arrival"): ("responses", {"arrival": "asked_at"}),
    ("Source", "interval"): ("customers", {"interval": None, "key": ["customer_id"]}),
    ("Source", "interval.from"): ("customers", {"interval.from": "seen_at"}),
    ("Source", "interval.until"): ("customers", {"interval.until": "left_at"}),
    ("Source", "columns"): ("responses", {"columns.more": {"type": "text"}}),
    ("Source", "columns.*"): ("responses", {"columns.birth_year": None}),
    ("Source", "columns.*.type"): ("responses", {"columns.birth_year.type": "decimal"}),
    ("Source", "columns.*.nullable"): ("responses", {"columns.birth_year.nullable": True}),
    ("Source", "columns.*.values"): ("responses", {"columns.channel.values": ["email", "internal"]}),
    ("Source", "columns.*.range"): ("responses", {"columns.score.range.1": 11}),
    ("Source", "columns.*.sensitivity"): ("responses", {"columns.birth_year.sensitivity": None}),
    ("Source", "columns.*.zone"): ("responses", {"columns.seen_at.zone": "Europe/Berlin"}),
    ("Source", "columns.*.twice"): ("responses", {"columns.seen_at.twice": "last"}),
    ("Source", "columns.*.missing"): ("responses", {"columns.seen_at.missing": "forward"}),
    ("Source", "columns.*.description"): ("responses", {"columns.score.description": "Other words."}),
    ("Source", "entities"): ("responses", {"entities.helper": _HELPER}),
    ("Source", "entities.*"): ("invites", {"entities.agent": None}),
    ("Source", "entities.*.key"): ("agents", {"entities.lead.key": ["agent_id"]}),
    ("Source", "entities.*.source"): ("answers", {"entities.agent.source": "clerks"}),
    ("Source", "dimensions"): ("responses", {"dimensions.sad": "rating < 2"}),
    ("Source", "dimensions.*"): ("responses", {"dimensions.happy": "rating >= 5"}),
    ("Metric", "status"): ("answer_time", {"status": "draft"}),
    ("Metric", "raci"): ("nps", {"raci": None}),
    ("Metric", "raci.responsible"): ("nps", {"raci.responsible": "it"}),
    ("Metric", "raci.accountable"): ("nps", {"raci.accountable": "it"}),
    ("Metric", "raci.consulted"): ("nps", {"raci.consulted": ["hr"]}),
    ("Metric", "raci.informed"): ("nps", {"raci.informed": ["hr"]}),
    ("Metric", "source"): ("panel_plain", _TOO, {("Exclusion", "of_plain"): _TOO}),
    ("Metric", "time"): ("nps", {"time": "asked_at"}),
    ("Metric", "sampling"): ("panel_by_value", {"sampling": None}),
    ("Metric", "where"): ("nps", {"where": "channel <> 'phone'"}),
    ("Metric", "valid"): ("nps", {"valid": "score between 1 and 10"}),
    ("Metric", "measure"): ("of_sum", {"measure": {"mean": "weight", "where": "solved"}}),
    ("Metric", "measure.count"): ("of_count", {"measure": {"sum": "weight"}}),
    ("Metric", "measure.count_distinct"): ("of_distinct", {"measure.count_distinct": "agent"}),
    **{("Metric", f"measure.{form}"): (f"of_{form}", {f"measure.{form}": "rating"}) for form in _SUMS[2:]},
    ("Metric", "measure.quantile"): ("of_quantile", {"measure": {"mean": "weight"}}),
    ("Metric", "measure.quantile.of"): ("of_quantile", {"measure.quantile.of": "rating"}),
    ("Metric", "measure.quantile.q"): ("of_quantile", {"measure.quantile.q": Decimal("0.9")}),
    ("Metric", "measure.quantile.type"): ("of_quantile", {"measure.quantile.type": 1}),
    ("Metric", "measure.where"): ("of_sum", {"measure.where": None}),
    ("Metric", "measure.share"): ("of_share", {"measure": {"count": "rows"}}),
    ("Metric", "measure.share.of"): ("of_share", {"measure.share.of": "score >= 8"}),
    ("Metric", "measure.share.among"): ("of_share", {"measure.share.among": None}),
    ("Metric", "measure.share.unknown"): ("of_share", {"measure.share.unknown": "no"}),
    ("Metric", "measure.net_share"): ("of_net_share", {"measure": {"count": "rows"}}),
    ("Metric", "measure.net_share.plus"): ("of_net_share", {"measure.net_share.plus": "score >= 8"}),
    ("Metric", "measure.net_share.minus"): ("of_net_share", {"measure.net_share.minus": "score <= 5"}),
    ("Metric", "measure.net_share.among"): ("of_net_share", {"measure.net_share.among": "not solved"}),
    ("Metric", "measure.net_share.unknown"): ("of_net_share", {"measure.net_share.unknown": "out"}),
    ("Metric", "measure.ratio"): ("over_sum", {"measure": {"count": "rows"}}),
    ("Metric", "measure.derived"): ("index", {"measure.derived": "(nps + csat) / 3"}),
    ("Metric", "unit"): ("of_count", {"unit": "answers"}),
    ("Metric", "direction"): ("of_count", {"direction": "lower_is_better"}),
    ("Metric", "dimensions"): ("of_count", {"dimensions": ["channel"]}),
    ("Metric", "min_sample"): ("nps", {"min_sample": 31}),
    ("Sampling", "source"): ("simple", _TOO, {("Metric", "panel_simple"): _TOO}),
    ("Sampling", "unit"): ("simple", {"unit": "agent"}),
    ("Sampling", "frame"): ("simple", {"frame": {"source": "members"}}),
    ("Sampling", "frame.source"): ("panel", {"frame.source": "people", "unit": "human", "invited.by": "human"}),
    ("Sampling", "frame.where"): ("panel", {"frame.where": "not active"}),
    ("Sampling", "contact_cap"): ("panel", {"contact_cap": None}),
    ("Sampling", "contact_cap.at_most"): ("panel", {"contact_cap.at_most": 3}),
    ("Sampling", "contact_cap.per"): ("panel", {"contact_cap.per": "91 days"}),
    ("Sampling", "select"): ("panel", {"select": None}),
    ("Sampling", "select.method"): ("panel", {"select": {"method": "census"}}),
    ("Sampling", "select.fraction"): ("panel", {"select.fraction": Decimal("0.3")}),
    ("Sampling", "select.salt"): ("panel", {"select.salt": "panel_2027"}),
    ("Sampling", "invited"): ("by_value", {"invited": None, "responded": None, "contact_cap": None}),
    ("Sampling", "invited.source"): ("panel", {"invited.source": "letters", "responded.by": "letter"}),
    ("Sampling", "invited.by"): ("panel", {"invited.by": "person"}),
    ("Sampling", "invited.time"): ("panel", {"invited.time": "written_at"}),
    ("Metric", "deprecated"): ("panel_plain", {"deprecated": None, "status": "certified"}),
    ("Metric", "deprecated.successor"): ("panel_plain", {"deprecated.successor": "none"}),
    ("Metric", "deprecated.sunset"): ("panel_plain", {"deprecated.sunset": "2027-07-01"}),
    ("Metric", "deprecated.notice"): ("panel_plain", {"deprecated.notice": "Other words."}),
    ("Sampling", "responded"): ("panel", {"responded": None}),
    ("Sampling", "responded.by"): ("panel", {"responded.by": "invite_too"}),
    ("Sampling", "responded.time"): ("panel", {"responded.time": "later_at"}),
    ("Sampling", "responded.within"): ("panel", {"responded.within": "22 days"}),
    ("Sampling", "deduplicate"): ("given", {"deduplicate": None}),
    ("Sampling", "deduplicate.keep"): ("panel", {"deduplicate.keep": "first"}),
    ("Sampling", "deduplicate.order"): ("panel", {"deduplicate.order": ["answer_id"]}),
    ("Sampling", "weights"): ("panel", {"weights": None}),
    ("Sampling", "weights.method"): ("panel", {"weights": {"method": "inclusion"}}),
    ("Sampling", "weights.column"): ("given", {"weights.column": "score"}),
    ("Sampling", "weights.by"): ("panel", {"weights.by": ["tier", "gold"]}),
    ("Sampling", "weights.empty_cell"): ("panel", {"weights.empty_cell": "error"}),
    ("Sampling", "weights.empty_cell.collapse"): ("panel", {"weights.empty_cell.collapse": "region"}),
    ("Sampling", "minimum"): ("panel", {"minimum": None}),
    ("Sampling", "minimum.show"): ("panel", {"minimum.show": 31}),
    ("Sampling", "minimum.privacy"): ("panel", {"minimum.privacy": 4}),
    ("Sampling", "minimum.complementary"): ("panel", {"minimum.complementary": False}),
    ("Threshold", "metric"): ("panel_nps_quarter", {"metric": "panel_twin"}),
    ("Threshold", "grain"): ("panel_nps_quarter", {"grain": "month"}),
    ("Threshold", "scope"): ("panel_nps_quarter", {"scope": None}),
    ("Threshold", "scope.*"): ("panel_nps_quarter", {"scope.member/region": "APAC"}),
    ("Threshold", "target"): ("panel_nps_quarter", {"target": 36}),
    ("Threshold", "bands"): ("panel_nps_quarter", {"bands": [{"name": "good"}]}),
    ("Threshold", "bands.[].name"): ("panel_nps_quarter", {"bands.1.name": "so"}),
    ("Threshold", "bands.[].below"): ("panel_nps_quarter", {"bands.1.below": 31}),
    ("Threshold", "meaningful_change"): ("panel_nps_quarter", {"meaningful_change": 6}),
    ("Threshold", "against"): ("panel_nps_quarter", {"against": "previous"}),
    ("Threshold", "family"): ("panel_nps_quarter", {"family": "other"}),
    ("Threshold", "playbook"): ("panel_nps_quarter", {"playbook": "Call them."}),
    ("Exclusion", "source"): ("of_plain", _TOO, {("Metric", "panel_plain"): _TOO}),
    ("Exclusion", "where"): ("broken_export", {"where": "language = 'fr'"}),
    ("Exclusion", "metrics"): ("broken_export", {"metrics": ["panel_nps", "panel_by_value"]}),
    ("Exclusion", "reason"): ("broken_export", {"reason": "Because"}),
    ("Exclusion", "evidence"): ("broken_export", {"evidence": "CX-222"}),
    ("Exclusion", "requester"): ("broken_export", {"requester": "eve"}),
    ("Exclusion", "from"): ("broken_export", {"from": "2026-04-01"}),
    ("Exclusion", "until"): ("broken_export", {"until": "2026-07-01"}),
    ("Overlay", "metrics"): ("dutch", {"metrics": ["panel_nps", "panel_by_value", "panel_twin"]}),
    ("Overlay", "where"): ("dutch", {"where": "language = 'fr'"}),
    ("Overlay", "dimensions"): ("dutch", {"dimensions": None}),
    ("Overlay", "dimensions.*"): ("dutch", {"dimensions.low": "score <= 5"}),
    ("Overlay", "thresholds"): ("dutch", {"thresholds": None}),
    ("Overlay", "min_sample"): ("dutch", {"min_sample": 41}),
    ("Report", "tool"): ("board", {"tool": "looker"}),
    ("Report", "audience"): ("board", {"audience": "everybody"}),
    ("Report", "queries"): ("board", {"queries": ["reports/board.sql", "reports/other.sql"]}),
    ("Council", "sequence"): ("council", {"sequence": 4}),
    ("Council", "members"): ("council", {"members.6": None}),
    **{
        ("Council", f"members.[].{key}"): ("council", {f"members.6.{key}": value})
        for key, value in {
            "person": "fay", "seat": "law", "team": None, "github": 99, "emails": ["fay@example.org"],
            "keys": [KEYS[0]], "since": None, "until": "2029-01-01",
        }.items()
    },
    ("Council", "members.[].keys.[].key"): ("council", {"members.6.keys.1.key": KEYS[2]}),
    ("Council", "members.[].keys.[].until"): ("council", {"members.6.keys.1.until": None}),
    ("Council", "members.[].keys.[].revoked"): ("council", {"members.6.keys.1.revoked": "2027-06-02"}),
    ("Council", "rules"): ("council", {"rules.0": None}),
    **{
        ("Council", f"rules.[].{key}"): ("council", {f"rules.4.{key}": value})
        for key, value in {
            "classes": ["freeze"], "quorum": 1,
            "seats": ["finance", "insights"], "teams": ["cx", "support"], "veto": ["finance"],
            "metrics": ["nps"], "scope": {"overlay": "dutch"}, "evidence": "signed",
        }.items()
    },
    ("Council", "rules.[].scope.overlay"): ("council", {"rules.3.scope.overlay": "french"}),
    ("Council", "guards"): ("council", {"guards.Makefile": "policy"}),
    ("Council", "guards.*"): ("council", {"guards.CODEOWNERS": "editorial"}),
    ("Council", "beneficiaries"): ("council", {"beneficiaries": None}),
    ("Council", "beneficiaries.*"): ("council", {"beneficiaries.answer_time": ["hal"]}),
    ("Council", "break_glass"): ("council", {"break_glass": None}),
    ("Council", "break_glass.seats"): ("council", {"break_glass.seats": ["finance"]}),
    ("Council", "break_glass.classes"): ("council", {"break_glass.classes": ["formula"]}),
}  # fmt: skip


def _aggregates() -> Iterator[tuple[Property, Edit]]:
    """The aggregates of a ratio, above and below the line."""
    for side, start in (("numerator", "over"), ("denominator", "under")):
        whole = f"measure.ratio.{side}"
        yield ("Metric", whole), (f"{start}_sum", {whole: {"mean": "weight"}}, {})
        yield ("Metric", f"{whole}.where"), (f"{start}_sum", {f"{whole}.where": None}, {})
        yield ("Metric", f"{whole}.count"), (f"{start}_count", {whole: {"sum": "weight"}}, {})
        yield ("Metric", f"{whole}.quantile"), (f"{start}_quantile", {whole: {"mean": "weight"}}, {})
        for form in _SUMS[1:]:
            of = "agent" if form == "count_distinct" else "rating"
            yield ("Metric", f"{whole}.{form}"), (f"{start}_{form}", {f"{whole}.{form}": of}, {})
        for key, value in (("of", "rating"), ("q", Decimal("0.9")), ("type", 1)):
            path = f"{whole}.quantile.{key}"
            yield ("Metric", path), (f"{start}_quantile", {path: value}, {})


def _edits() -> Iterator[tuple[Property, Edit]]:
    for kind, identity in ON.items():
        yield from (((kind, key), (identity, {key: value}, {})) for key, value in COMMON.items())
    for which, (identity, values, *others) in _OWN.items():
        yield which, (identity, values, others[0] if others else {})
    yield from _aggregates()


EDITS: Final[Mapping[Property, Edit]] = dict(_edits())


def properties() -> Iterator[tuple[Property, Any]]:
    """Every property of every kind, as it stands in the schemas: its path and the class of its change."""
    for kind in KINDS:
        whole = schema(kind)
        yield from (((kind, path), its) for path, its in _within(whole, whole, "", None))


def _within(whole: dict[str, Any], node: Any, path: str, above: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(node, dict):
        return
    if "$ref" in node:
        node = whole["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    start = f"{path}." if path else ""
    for key, its in node.get("properties", {}).items():
        if path or key not in FIXED:
            # Without a class of its own a property counts as the highest.
            change = its.get("x-change-class", "policy") if isinstance(its, dict) else "policy"
            yield f"{start}{key}", change
            yield from _within(whole, its, f"{start}{key}", change)
    more = node.get("additionalProperties")
    if isinstance(more, dict):
        # An entry moves as the map it stands in.
        yield f"{start}*", above
        yield from _within(whole, more, f"{start}*", above)
    yield from _within(whole, node.get("items"), f"{start}[]", above)
