"""A document of kind Sampling to its model object: the steps and what each of them needs."""

from decimal import Decimal
from typing import Final

from cxgov.language.building import Builder, decimals
from cxgov.language.diagnostics import listed, nearest
from cxgov.language.model import Sampling
from cxgov.language.reader import Map
from cxgov.language.rules import CONTACT, SELECTION, VALUE, WEIGHTS
from cxgov.language.sampling import ContactCap, Deduplicate, Frame, Invited, Minimum, Responded, Selection, Weights

MAX_DECIMALS: Final = 9
_SELECTION_USES: Final = {"census": (), "hash": ("fraction", "salt")}
_WEIGHTS_USE: Final = {
    "inclusion": (),
    "column": ("column",),
    "value": ("column",),
    "poststratify": ("by", "targets", "empty_cell"),
}
# A step and the one without which it has nothing to work on.
_NEEDS: Final = (
    ("select", "frame", SELECTION, "Add `frame:` with the source that lists the units."),
    ("contact_cap", "invited", CONTACT, "Add `invited:` with the source of the invitations."),
    ("responded", "invited", CONTACT, "Add `invited:` with the source of the invitations."),
)


def sampling(builder: Builder, data: Map) -> Sampling | None:
    """The rule of a document of right shape; None where its frame cannot be read."""
    for step, needed, rule, fix in _NEEDS:
        if step in data and needed not in data:
            builder.refuse(rule, data.keys_at[step], f"`{step}` without `{needed}`", fix)
    frame = data.get("frame")
    where = builder.expression(frame, "where") if frame else None
    if frame and "where" in frame and where is None:
        return None
    cap, invited, responded, order = (data.get(key) for key in ("contact_cap", "invited", "responded", "deduplicate"))
    return Sampling(
        source=data["source"],
        unit=data["unit"],
        frame=Frame(source=frame["source"], where=where) if frame else None,
        contact_cap=ContactCap(at_most=cap["at_most"], per=builder.some_length(cap, "per")) if cap else None,
        select=_selection(builder, data["select"]) if "select" in data else None,
        invited=Invited(source=invited["source"], by=invited["by"], time=invited["time"]) if invited else None,
        responded=Responded(by=responded["by"], time=responded["time"], within=builder.some_length(responded, "within"))
        if responded
        else None,
        deduplicate=Deduplicate(keep=order["keep"], order=tuple(order["order"])) if order else None,
        weights=_weights(builder, data) if "weights" in data else None,
        minimum=_minimum(data.get("minimum", {})),
        **builder.common(data),
    )


def _selection(builder: Builder, data: Map) -> Selection:
    builder.only(SELECTION, data, data["method"], _SELECTION_USES)
    fraction = data.get("fraction", 1)
    if decimals(fraction) > MAX_DECIMALS:
        message = f"fraction {Decimal(fraction):f} has more than {MAX_DECIMALS} decimals"
        builder.refuse(VALUE, data.values_at["fraction"], message, "Hashes have eight digits: write fewer.")
    return Selection(method=data["method"], fraction=fraction, salt=data.get("salt", ""))


def _weights(builder: Builder, rule: Map) -> Weights:
    data: Map = rule["weights"]
    method = data["method"]
    builder.only(WEIGHTS, data, method, _WEIGHTS_USE)
    drawn = rule.get("select", {}).get("method")
    if method == "inclusion" and drawn != "hash":
        message = "`inclusion` without a draw: every unit has the same weight"
        builder.refuse(WEIGHTS, data.values_at["method"], message, "Add `select:` of method hash, or remove `weights`.")
    if method == "poststratify" and "frame" not in rule:
        message = "`poststratify` without `frame`: there is nothing that the rows stand for"
        builder.refuse(WEIGHTS, data.values_at["method"], message, "Add `frame:` with the source that lists the units.")
    by = tuple(data.get("by", ()))
    collapse = data["empty_cell"]["collapse"] if isinstance(data.get("empty_cell"), Map) else None
    if collapse is not None:
        at = data["empty_cell"].values_at["collapse"]
        if collapse not in by:
            near = nearest(collapse, by)
            builder.refuse(WEIGHTS, at, f"{collapse!r} is none of `by`{near}", f"Write one of: {listed(by)}.")
        elif len(by) == 1:
            message = f"without {collapse!r} there is no cell left to join"
            builder.refuse(WEIGHTS, at, message, "Name a second dimension in `by`, or write `empty_cell: error`.")
    return Weights(method=method, column=data.get("column"), by=by, collapse=collapse)


def _minimum(data: Map) -> Minimum:
    return Minimum(
        show=data.get("show", 1), privacy=data.get("privacy", 1), complementary=data.get("complementary", False)
    )
