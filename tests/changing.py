"""Registries as plain values: every property of the language in use, edits of them, and files again."""

import json
from base64 import b64encode
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from cxgov.api import read_tree
from cxgov.governance.changes import Comparison, Side, compare
from cxgov.language.expressions import Expr, write
from cxgov.language.loading import load
from cxgov.language.model import Registry
from cxgov.meaning.documents import documents, plain

BASE: Final = Path(__file__).parent / "cases" / "base"

Tree = dict[str, bytes]
Data = dict[str, Any]
Key = tuple[str, str]
Documents = dict[Key, Data]


# --- files ---


@cache
def base_tree() -> Tree:
    """The registry of the cases."""
    found, problems = read_tree(BASE, ".")
    assert not problems
    return found


def registry_in(tree: Mapping[str, bytes]) -> Registry:
    """The registry of files that must be valid."""
    registry, problems = load(tree)
    assert registry is not None, "\n".join(map(str, problems))
    return registry


def edited(tree: Tree, path: str, old: str, new: str) -> Tree:
    """A tree with one text of one file replaced."""
    text = tree[path].decode()
    assert old in text, f"{path} does not say {old!r}"
    return tree | {path: text.replace(old, new).encode()}


def compared(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Comparison:
    """The changes between two trees that must be valid."""
    return compare(Side(registry_in(before), before), Side(registry_in(after), after))


def trees_of_changes() -> tuple[Tree, Tree]:
    """Two trees between which a document came, one went, one was renamed, and others were edited."""
    before = base_tree()
    after = edited(before, "metrics/panel_nps.yaml", "score >= 9", "score >= 8")
    after = edited(after, "metrics/csat.yaml", "version: 1.0.0", "version: 0.9.0")
    after = edited(after, "sources/agents.yaml", "id: agents", "id: advisers\nformerly: [agents]")
    for path in ("sources/responses.yaml", "sources/invites.yaml", "sources/answers.yaml", "sources/agents.yaml"):
        after = edited(after, path, "source: agents}", "source: advisers}")
    del after["metrics/tone.yaml"]
    after["metrics/volume.yaml"] = before["metrics/tone.yaml"].replace(b"id: tone", b"id: volume")
    return before, after


# --- plain values ---


def dumped(value: Any) -> str:
    """A plain value as JSON, which is YAML too; numbers stay exact."""
    if isinstance(value, Expr):
        return json.dumps(write(value))
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {dumped(its)}" for key, its in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dumped, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def tree_of(every: Mapping[Key, Data]) -> Tree:
    """The files of documents, then those of SQL that reports name."""
    files = {f"{kind.lower()}_{identity}.yaml": dumped(data).encode() for (kind, identity), data in every.items()}
    queries = {path for (kind, _), data in every.items() if kind == "Report" for path in data["queries"]}
    return files | {path: query("nps", "panel_nps") for path in sorted(queries)}


def query(*metrics: str) -> bytes:
    """A file of SQL whose certificate names metrics."""
    facts = json.dumps({"v": 1, "metrics": dict.fromkeys(metrics, "clo1:0"), "query": {"metrics": list(metrics)}})
    return f"-- cxgov PROVISIONAL: for the tests\n-- cxgov {facts}\nselect 1\n-- cxgov end sql1:0\n".encode()


def plain_documents(registry: Registry) -> Documents:
    """Every document of a registry as plain values."""
    return {key: plain(document) for key, document in documents(registry).items()}


def with_values(data: Data, values: Mapping[str, Any]) -> Data:
    """A document with values at dotted paths; None takes a key away, and ``a/b`` is a name with a dot in it."""
    found: Data = json.loads(dumped(data), parse_float=Decimal)
    for path, value in values.items():
        *way, last = (step.replace("/", ".") for step in path.split("."))
        here: Any = found
        for step in way:
            here = here[int(step)] if isinstance(here, list) else here.setdefault(step, {})
        if isinstance(here, list):
            here[int(last) : int(last) + 1] = [] if value is None else [value]
        elif value is None:
            del here[last]
        else:
            here[last] = value
    return found


def with_edit(every: Documents, key: Key, values: Mapping[str, Any]) -> Documents:
    """Documents with one of them edited."""
    return every | {key: with_values(every[key], values)}


def metric(identity: str, measure: Data, **fields: Any) -> Data:
    """A certified metric over the responses."""
    common = {
        "apiVersion": "cxgov/v1", "kind": "Metric", "id": identity, "version": "1.0.0", "title": f"Metric {identity}",
        "description": "One of each form.", "owner": "cx", "status": "certified", "source": "responses",
        "time": "responded_at", "measure": measure, "unit": "things", "direction": "neither",
        "dimensions": ["channel", "customer.segment"],
    }  # fmt: skip
    return {**common, **fields}


_OF = "case when solved then weight else 0 end"
_FORMS: Final[Mapping[str, Data]] = {
    "of_count": {"count": "rows", "where": "solved"},
    "of_distinct": {"count_distinct": "customer"},
    "of_sum": {"sum": "weight", "where": "solved"},
    "of_mean": {"mean": "weight"},
    "of_min": {"min": "weight"},
    "of_max": {"max": "weight"},
    "of_quantile": {"quantile": {"of": "weight", "q": Decimal("0.5"), "type": 7}},
    "of_share": {"share": {"of": "score >= 9", "among": "solved", "unknown": "out"}},
    "of_net_share": {
        "net_share": {"plus": "score >= 9", "minus": "score <= 6", "among": "solved", "unknown": "no"}
    },
}  # fmt: skip
_SUMS: Final = ("count", "count_distinct", "sum", "mean", "min", "max", "quantile")


def _ratio(numerator: Data, denominator: Data) -> Data:
    return {"ratio": {"numerator": numerator, "denominator": denominator}}


@cache
def _rich() -> Documents:
    every = plain_documents(registry_in(base_tree()))
    for identity, measure in _FORMS.items():
        every["Metric", identity] = metric(identity, measure, min_sample=5)
    for form in _SUMS:
        its = _FORMS["of_distinct" if form == "count_distinct" else f"of_{form}"]
        aggregate = {**its, "where": "solved"}
        for identity, measure in (
            (f"over_{form}", _ratio(aggregate, {"count": "rows"})),
            (f"under_{form}", _ratio({"count": "rows"}, aggregate)),
        ):
            every["Metric", identity] = metric(identity, measure)
    _twins(every)
    every["Report", "board"] = {
        "apiVersion": "cxgov/v1", "kind": "Report", "id": "board", "version": "1.0.0", "title": "Board",
        "owner": "bi", "tool": "tableau", "audience": "board", "queries": ["reports/board.sql", "reports/more.sql"],
    }  # fmt: skip
    for key, values in _VALUES.items():
        every = with_edit(every, key, values)
    return every


def _twins(every: Documents) -> None:
    """A second document of each kind that an edit can refer to instead."""
    over: Data = {"source": "answers", "time": "answered_at", "dimensions": []}
    for identity in ("by_value", "given", "simple"):
        every["Metric", f"panel_{identity}"] = metric(f"panel_{identity}", {"mean": "score"}, sampling=identity, **over)
    every["Metric", "panel_plain"] = metric("panel_plain", {"mean": "score"}, **over)
    rule = {key: its for key, its in every["Sampling", "panel"].items() if key not in {"weights", "description"}}
    every["Sampling", "by_value"] = {**rule, "id": "by_value", "weights": {"method": "value", "column": "worth"}}
    every["Sampling", "given"] = {**rule, "id": "given", "weights": {"method": "column", "column": "weight"}}
    kept = ("apiVersion", "kind", "version", "title", "owner", "source", "unit")
    every["Sampling", "simple"] = {"id": "simple", **{key: rule[key] for key in kept}}
    for kind, old, new in (
        ("Calendar", "corporate", "civil"),
        ("Source", "agents", "clerks"),
        ("Source", "members", "people"),
        ("Metric", "panel_nps", "panel_twin"),
        ("Exclusion", "broken_export", "of_plain"),
        ("Overlay", "dutch", "french"),
    ):
        every[kind, new] = every[kind, old] | {"id": new, "title": f"As {old}"}
    columns = {"later_at": {"type": "instant"}, "written_at": {"type": "instant"}}
    roles = {"human": {"key": ["member_id"], "source": "people"}, "person": {"key": ["member_id"], "source": "members"}}
    invites = every["Source", "invites"]
    invites = invites | {"columns": invites["columns"] | columns, "entities": invites["entities"] | roles}
    every["Source", "invites"] = invites
    every["Source", "letters"] = invites | {"id": "letters", "title": "Letters"}
    answers = every["Source", "answers"]
    roles |= {
        "invite_too": {"key": ["invite_id"], "source": "invites"},
        "letter": {"key": ["invite_id"], "source": "letters"},
    }
    answers = answers | {"columns": answers["columns"] | columns, "entities": answers["entities"] | roles}
    every["Source", "answers"] = answers
    every["Source", "answers_too"] = answers | {
        "id": "answers_too", "title": "Answers again", "relation": "cx.answers_too",
    }  # fmt: skip


KEYS: Final = tuple(
    "ssh-ed25519 " + b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes([i] * 32)).decode() for i in range(4)
)
_VALUES: Final[Mapping[Key, Mapping[str, Any]]] = {
    ("Registry", "registry"): {
        "description": "One for the tests.", "repository": "example/cx", "ref": "refs/heads/main",
        "tool": {"cxgov": "0.1.0", "sqlglot": "30.30.0"}, "exclusions": {"longest": "184 days"},
        "connections.demo.database": "demo.duckdb", "formerly": ["cases"],
    },
    ("Calendar", "corporate"): {"description": "Months and quarters."},
    ("Source", "responses"): {
        "description": "Answers.", "columns.score.description": "From 0 to 10.", "formerly": ["replies"],
    },
    ("Source", "customers"): {
        "columns.seen_at": {"type": "instant"}, "columns.left_at": {"type": "instant", "nullable": True},
    },
    ("Metric", "nps"): {
        "raci": {"responsible": "cx", "accountable": "vp", "consulted": ["it"], "informed": ["board"]},
        "formerly": ["nps_old"],
    },
    ("Threshold", "panel_nps_quarter"): {"formerly": ["panel_old"]},
    ("Metric", "panel_plain"): {
        "status": "deprecated",
        "deprecated": {"successor": "nps", "sunset": "2027-06-30", "notice": "Ask the members."},
    },
    ("Exclusion", "broken_export"): {"formerly": ["broken"]},
    ("Exclusion", "of_plain"): {"metrics": ["panel_plain"]},
    ("Sampling", "panel"): {"formerly": ["jury"]},
    ("Overlay", "dutch"): {
        "metrics": ["panel_nps", "panel_twin"], "thresholds": ["panel_nps_quarter"], "formerly": ["nl"],
    },
    ("Council", "council"): {
        "formerly": ["board"],
        "break_glass": {"seats": ["insights"], "classes": ["formula", "source"]},
        "members.6": {
            "person": "eve", "seat": "finance", "team": "support", "github": 1005, "since": "2026-01-01",
            "until": "2028-01-01", "emails": ["eve@example.org"],
            "keys": [KEYS[0], {"key": KEYS[1], "until": "2027-07-01", "revoked": "2027-06-01"}],
        },
    },
}  # fmt: skip


def rich() -> Documents:
    """A registry in which every property of every kind is used by something certified."""
    return dict(_rich())
