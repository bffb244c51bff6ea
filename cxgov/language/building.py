"""A document of right shape to its model object, with the problems of its values and expressions.

Only what one document says by itself is looked at here; what it refers to is ``linking``'s.
"""

import re
from datetime import timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cxgov.language.diagnostics import Diagnostic, Place, Rule, nearest
from cxgov.language.expressions import KEYWORDS, UNITS, Expr, ExpressionError, parse
from cxgov.language.model import (
    Aggregate,
    Calendar,
    Column,
    Connection,
    Derived,
    Dimension,
    Entity,
    Interval,
    Measure,
    Metric,
    NetShare,
    Raci,
    Ratio,
    Settings,
    Share,
    Source,
)
from cxgov.language.reader import Map, Mark, place_of
from cxgov.language.rules import COLUMN, CONNECTION, EXPRESSION, MEASURE, NAME, TYPE, VALUE

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NO_RACI: Final = Raci()
# What ZoneInfo opens as well: the machine's own zone, and copies that count leap seconds.
_NO_ZONE: Final = re.compile(r"localtime|posixrules|Factory|posix/.*|right/.*")
# By its quote, how a scalar is written: what is folded before a character, and the character.
_WRITTEN_AS: Final = {
    '"': (re.compile(r"(?:\s|\\\r?\n)*"), re.compile(r"\\x..|\\u.{4}|\\U.{8}|\\.|.", re.DOTALL)),
    "'": (re.compile(r"\s*"), re.compile("''|.", re.DOTALL)),
    "": (re.compile(r"\s*"), re.compile(".", re.DOTALL)),
}
_BROKEN_LINE: Final = re.compile(r"(?:\\\r?\n[ \t]*)*")


@cache
def zone(name: str) -> ZoneInfo | None:
    """The IANA zone of a name, or None."""
    if _NO_ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def locate(path: str, text: str, at: Mark, value: str, offset: int) -> Place:
    """Place of an offset inside a scalar's value, whatever quotes or folds it was written in."""
    i = at.index
    quote = text[i : i + 1]
    if quote in {"|", ">"}:
        i = text.find("\n", i)
    elif quote in {"'", '"'}:
        i += 1
    fold, written = _WRITTEN_AS.get(quote, _WRITTEN_AS[""])
    for n, character in enumerate(value[: offset + 1]):
        # White space stands for one each, what is left of it before another character was folded.
        if not character.isspace():
            i = _end(fold, text, i)
        elif quote == '"':
            i = _end(_BROKEN_LINE, text, i)

        if n < offset:
            i = _end(written, text, i)
    return Place(path, text.count("\n", 0, i) + 1, i - text.rfind("\n", 0, i))


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start


class Builder:
    """Builds one document; ``problems`` collects what is wrong, ``written`` where each expression stands."""

    __slots__ = ("path", "problems", "text", "written")

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.problems: list[Diagnostic] = []
        self.written: dict[int, tuple[Mark, str]] = {}

    def refuse(self, rule: Rule, at: Mark, message: str, fix: str = "") -> None:
        self.problems.append(Diagnostic(rule=rule, message=message, place=place_of(self.path, at), fix=fix))

    def expression(self, data: Map, key: str) -> Expr | None:
        """The tree of the expression under ``key``; None where there is none or it cannot be read."""
        value = data.get(key)
        if value is None:
            return None
        at = data.values_at[key]
        try:
            tree = parse(value)
        except ExpressionError as error:
            place = locate(self.path, self.text, at, value, error.at)
            self.problems.append(Diagnostic(rule=EXPRESSION, message=f"{error}", place=place, fix=error.fix))
            return None
        # Trees are shared between equal texts, so each use keeps a node of its own to be found by.
        own = Expr(tree.op, tree.args, tree.value, tree.at)
        self.written[id(own)] = (at, value)
        return own

    def names(self, data: Map, what: str) -> None:
        """Refuses names that no expression could say."""
        for name in data:
            if name in KEYWORDS:
                message = f"{what} {name!r} is a word of the expression language"
                self.refuse(
                    VALUE, data.keys_at[name], message, "Give it another name, in the database too: a view can."
                )

    def common(self, data: Map) -> dict[str, Any]:
        if data["id"] in KEYWORDS:
            message = f"id {data['id']!r} is a word of the expression language"
            self.refuse(VALUE, data.values_at["id"], message, "Write another id.")
        return {
            "id": data["id"],
            "version": data["version"],
            "title": data["title"],
            "owner": data["owner"],
            "description": data.get("description", ""),
            "place": place_of(self.path, data.values_at["id"]),
        }

    def zone(self, data: Map, key: str) -> str:
        name: str = data[key]
        if zone(name) is None:
            near = nearest(name, filter(zone, available_timezones()))
            self.refuse(
                VALUE,
                data.values_at[key],
                f"{name!r} is not an IANA time zone{near}",
                "Write e.g. Europe/Berlin.",
            )
        return name

    def document(self, data: Map) -> Settings | Calendar | Source | Metric | None:
        """The model object of a document of right shape; None where a problem leaves none."""
        match data["kind"]:
            case "Registry":
                return self.registry(data)
            case "Calendar":
                return self.calendar(data)
            case "Source":
                return self.source(data)
            case _:
                return self.metric(data)

    def registry(self, data: Map) -> Settings:
        connections = data.get("connections") or Map(data.start)
        built = tuple(self.connection(name, connections[name], connections.keys_at[name]) for name in connections)
        return Settings(
            calendar=data["calendar"],
            dialects=tuple(data["dialects"]),
            connections=built,
            **self.common(data),
        )

    def connection(self, name: str, data: Map, at: Mark) -> Connection:
        engine = data["engine"]
        if engine == "postgres" and "dsn_env" not in data:
            self.refuse(CONNECTION, at, f"connection {name!r} has no `dsn_env`", "Add `dsn_env: CXGOV_PG_DSN`.")
        for key in ("database", "relations") if engine == "postgres" else ("dsn_env",):
            if key in data:
                self.refuse(CONNECTION, data.keys_at[key], f"`{key}` means nothing to {engine}", "Remove it.")
        relations = data.get("relations") or Map(at)
        for where, file, mark in [
            ("database", data.get("database"), data.values_at.get("database", at)),
            *((relation, file, relations.values_at[relation]) for relation, file in relations.items()),
        ]:
            if file and (file.startswith(("/", "~")) or re.search(r"[:\\\0]", file) or ".." in file.split("/")):
                message = f"path {file!r} of `{where}` may leave the registry's folder"
                self.refuse(CONNECTION, mark, message, "Write a path relative to the registry's folder, with '/'.")
            elif file and where != "database" and not file.endswith((".parquet", ".csv")):
                self.refuse(CONNECTION, mark, f"{file!r} is neither .parquet nor .csv", "Name a Parquet or CSV file.")
        return Connection(
            name=name,
            engine=engine,
            database=data.get("database"),
            relations=tuple(relations.items()),
            dsn_env=data.get("dsn_env"),
            place=place_of(self.path, at),
        )

    def calendar(self, data: Map) -> Calendar:
        self.zone(data, "zone")
        fiscal = data.get("fiscal_year", {"starts": "01-01", "named_by": "start"})
        number, unit = data["closes"].split(" ")
        return Calendar(
            zone=data["zone"],
            week_start=WEEKDAYS.index(data["week_start"]),
            fiscal_month=int(fiscal["starts"][:2]),
            fiscal_day=int(fiscal["starts"][3:]),
            named_by=fiscal["named_by"],
            reporting=data["reporting"],
            closes=timedelta(seconds=int(number) * UNITS[unit]),
            **self.common(data),
        )

    def source(self, data: Map) -> Source:
        for key, what in (("columns", "column"), ("dimensions", "dimension"), ("entities", "entity")):
            if key in data:
                self.names(data[key], what)
        columns = {name: self.column(name, data["columns"]) for name in data["columns"]}
        self.columns_exist(data, "key", columns)
        for key in data["key"]:
            if key in columns and columns[key].nullable:
                self.refuse(
                    COLUMN,
                    data.values_at["key"],
                    f"key column {key!r} is nullable",
                    f"Remove `nullable: true` of {key}, or choose another key.",
                )
        interval = None
        if "interval" in data:
            held = data["interval"]
            interval = Interval(start=held["from"], until=held["until"])
            for end in ("from", "until"):
                self.column_is_time(held, end, columns)
        if "arrival" in data:
            self.column_is_time(data, "arrival", columns)
        entities = {}
        for role, entity in data.get("entities", {}).items():
            self.columns_exist(entity, "key", columns)
            at = place_of(self.path, data["entities"].keys_at[role])
            entities[role] = Entity(role=role, key=tuple(entity["key"]), source=entity.get("source"), place=at)
        dimensions = {}
        declared = data.get("dimensions") or Map(data.start)
        for name in declared:
            tree = self.expression(declared, name)
            if tree is not None:
                at = place_of(self.path, declared.keys_at[name])
                dimensions[name] = Dimension(name=name, expression=tree, place=at)
        return Source(
            relation=data["relation"],
            grain=data["grain"],
            key=tuple(data["key"]),
            arrival=data.get("arrival"),
            interval=interval,
            columns=columns,
            entities=entities,
            dimensions=dimensions,
            **self.common(data),
        )

    def column(self, name: str, columns: Map) -> Column:
        data: Map = columns[name]
        kind: str = data["type"]
        allowed = {"type", "nullable", "sensitivity", "description"}
        if kind in {"text", "integer"}:
            allowed.add("values")
        if kind in {"integer", "decimal", "double"}:
            allowed.add("range")
        if kind == "local":
            allowed |= {"zone", "twice", "missing"}
        for key in data:
            if key not in allowed:
                self.refuse(
                    COLUMN,
                    data.keys_at[key],
                    f"`{key}` means nothing on a column of type {kind}",
                    "Remove it.",
                )
        if kind == "local":
            self.local(name, data)
        wanted = int if kind == "integer" else str
        for i, value in enumerate(data.get("values", ())):
            if "values" in allowed and not isinstance(value, wanted):
                fix = f'Put it in quotes: "{value}".' if kind == "text" else "Remove the quotes."
                self.refuse(
                    VALUE,
                    data["values"].items_at[i],
                    f"{value!r} is not a value of a column of type {kind}",
                    fix,
                )
        low_high = data.get("range")
        if low_high and low_high[0] > low_high[1]:
            self.refuse(
                VALUE,
                data.values_at["range"],
                f"range {low_high[0]} to {low_high[1]} holds no value",
                "Write the lower end first.",
            )
        return Column(
            name=name,
            type=kind,
            nullable=data.get("nullable", False),
            values=tuple(data.get("values", ())),
            range=(low_high[0], low_high[1]) if low_high else None,
            personal=data.get("sensitivity") == "personal",
            zone=data.get("zone"),
            twice=data.get("twice"),
            missing=data.get("missing"),
            description=data.get("description", ""),
            place=place_of(self.path, columns.keys_at[name]),
        )

    def local(self, name: str, data: Map) -> None:
        if "zone" not in data:
            self.refuse(
                COLUMN,
                data.start,
                f"local column {name!r} has no `zone`",
                "Add `zone:`, the IANA zone whose clock it shows.",
            )
            return
        self.zone(data, "zone")
        # A clock that never jumps has nothing to declare.
        if data["zone"] in {"UTC", "Etc/UTC"}:
            return
        for key, choice, why in (
            ("twice", "first or last", "In autumn the clock shows an hour twice."),
            ("missing", "error or forward", "In spring it leaves an hour out."),
        ):
            if key not in data:
                self.refuse(
                    COLUMN, data.start, f"local column {name!r} has no `{key}`", f"Add `{key}:` {choice}. {why}"
                )

    def columns_exist(self, data: Map, key: str, columns: dict[str, Column]) -> None:
        for i, name in enumerate(data[key]):
            if name not in columns:
                message = f"column {name!r} is not declared{nearest(name, columns)}"
                self.refuse(NAME, data[key].items_at[i], message, "Declare it under `columns:`.")

    def column_is_time(self, data: Map, key: str, columns: dict[str, Column]) -> None:
        name = data[key]
        if name not in columns:
            message = f"column {name!r} is not declared{nearest(name, columns)}"
            self.refuse(NAME, data.values_at[key], message, "Declare it under `columns:`.")
        elif columns[name].type not in {"instant", "local"}:
            message = f"`{key}` is {name}, a column of type {columns[name].type}; expected instant or local"
            self.refuse(TYPE, data.values_at[key], message, "Name a column that holds a point in time.")

    def metric(self, data: Map) -> Metric | None:
        measure = self.measure(data["measure"])
        where, valid = self.expression(data, "where"), self.expression(data, "valid")
        if measure is None:
            return None
        raci = data.get("raci")
        return Metric(
            status=data["status"],
            raci=_NO_RACI
            if raci is None
            else Raci(
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
            **self.common(data),
        )

    def measure(self, data: Map) -> Measure | None:
        form = next(key for key in data if key != "where")
        body = data[form]
        if form in {"share", "net_share", "ratio", "derived"} and "where" in data:
            fix = "Move the condition to the metric's `where:`, or to `among:` or an aggregate of a ratio."
            self.refuse(MEASURE, data.keys_at["where"], f"`where` beside `{form}` has no meaning", fix)
        if form == "share":
            of, among = self.expression(body, "of"), self.expression(body, "among")
            return None if of is None else Share(of=of, among=among, unknown=body.get("unknown"))
        if form == "net_share":
            plus, minus = self.expression(body, "plus"), self.expression(body, "minus")
            among = self.expression(body, "among")
            if plus is None or minus is None:
                return None
            return NetShare(plus=plus, minus=minus, among=among, unknown=body.get("unknown"))
        if form == "ratio":
            numerator, denominator = self.aggregate(body["numerator"]), self.aggregate(body["denominator"])
            if numerator is None or denominator is None:
                return None
            return Ratio(numerator=numerator, denominator=denominator)
        if form == "derived":
            tree = self.expression(data, "derived")
            return None if tree is None else Derived(of=tree)
        return self.aggregate(data)

    def aggregate(self, data: Map) -> Aggregate | None:
        form = next(key for key in data if key != "where")
        where = self.expression(data, "where")
        if form == "count":
            return Aggregate(function="count", where=where)
        if form == "quantile":
            body = data["quantile"]
            of = self.expression(body, "of")
            return (
                None
                if of is None
                else Aggregate(function=form, of=of, q=body["q"], quantile_type=body["type"], where=where)
            )
        of = self.expression(data, form)
        return None if of is None else Aggregate(function=form, of=of, where=where)
