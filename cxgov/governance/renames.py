"""Renames: which document of one side is which of the other, and a document as if it had always had the new names."""

from collections.abc import Mapping

from cxgov.language.expressions import Expr, canonical
from cxgov.language.model import Document
from cxgov.meaning.dependencies import Key
from cxgov.meaning.documents import Plain

# Where a document names others, and of which kind they are.
_REFERENCES = {
    "Registry": {"calendar": "Calendar"},
    "Metric": {"source": "Source", "sampling": "Sampling"},
    "Sampling": {"source": "Source"},
    "Threshold": {"metric": "Metric"},
    "Exclusion": {"source": "Source", "metrics": "Metric"},
    "Overlay": {"metrics": "Metric", "thresholds": "Threshold"},
}


def renames(before: Mapping[Key, Document], after: Mapping[Key, Document]) -> dict[Key, Key]:
    """Old key to new key of every document that says what it was called before."""
    found = {}
    for key, document in after.items():
        for old in getattr(document, "formerly", ()):
            if (key[0], old) in before and (key[0], old) not in after and key not in before:
                found[key[0], old] = key
    return found


def with_new_names(data: dict[str, Plain], renamed: Mapping[Key, Key]) -> dict[str, Plain]:
    """A plain document whose references are those of the side on which everything has its new name."""
    if not renamed:
        return data
    names = {old: new[1] for old, new in renamed.items()}
    found = _council(data, names) if data["kind"] == "Council" else dict(data)
    for field, kind in _REFERENCES.get(data["kind"], {}).items():
        value = found.get(field)
        if isinstance(value, list):
            found[field] = sorted(names.get((kind, its), its) for its in value)
        elif value is not None:
            found[field] = names.get((kind, value), value)
    for field in ("frame", "invited"):
        if isinstance(found.get(field), dict):
            its = found[field]
            found[field] = {**its, "source": names.get(("Source", its["source"]), its["source"])}
    if data["kind"] == "Source" and "entities" in found:
        found["entities"] = {
            role: {**its, "source": names.get(("Source", its["source"]), its["source"])} if "source" in its else its
            for role, its in found["entities"].items()
        }
    if data["kind"] == "Metric" and "deprecated" in found:
        its = found["deprecated"]
        found["deprecated"] = {**its, "successor": names.get(("Metric", its["successor"]), its["successor"])}
    if data["kind"] == "Metric" and "derived" in found["measure"]:
        found["measure"] = {"derived": canonical(_renamed(found["measure"]["derived"], names))}
    return found


def _council(data: dict[str, Plain], names: Mapping[Key, str]) -> dict[str, Plain]:
    rules = [dict(rule) for rule in data["rules"]]
    for rule in rules:
        if "metrics" in rule:
            rule["metrics"] = sorted(names.get(("Metric", its), its) for its in rule["metrics"])
        if "scope" in rule:
            overlay = rule["scope"]["overlay"]
            rule["scope"] = {"overlay": names.get(("Overlay", overlay), overlay)}
    found = {**data, "rules": rules}
    if "beneficiaries" in data:
        found["beneficiaries"] = {names.get(("Metric", its), its): who for its, who in data["beneficiaries"].items()}
    return found


def _renamed(tree: Expr, names: Mapping[Key, str]) -> Expr:
    if tree.op == "name":
        return Expr("name", (), names.get(("Metric", str(tree.value)), str(tree.value)))
    return Expr(tree.op, tuple(_renamed(arg, names) for arg in tree.args), tree.value)
