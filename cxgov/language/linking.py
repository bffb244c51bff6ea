"""What the checks of every kind of document share: what is known, where a problem stands, types of expressions.

Each check looks at one document and at what it refers to, so a document's problems depend on nothing else.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from cxgov.language.building import Builder, locate
from cxgov.language.diagnostics import Diagnostic, Rule, listed, nearest
from cxgov.language.expressions import Expr, ExpressionError, names
from cxgov.language.model import (
    Calendar,
    Council,
    Document,
    Exclusion,
    Metric,
    Overlay,
    Report,
    Sampling,
    Settings,
    Source,
    Threshold,
)
from cxgov.language.reader import Map, Mark, place_of
from cxgov.language.rules import NAME, PERSONAL, REFERENCE, TYPE, VALUE
from cxgov.language.scopes import source_scope
from cxgov.language.typecheck import Named, Type, TypeMismatch, UnknownName, UnknownValue, infer

TIME_UNITS: Final = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
SCALED_UNITS: Final = frozenset({"percent", "points"})
KEY_TYPES: Final = frozenset({"text", "integer", "date", "boolean", "decimal"})
DIMENSION_TYPES: Final = frozenset({"text", "integer", "boolean", "date"})
_CONDITIONS: Final = frozenset(
    {"=", "<>", "<", "<=", ">", ">=", "between", "in", "like", "is null", "and", "or", "not"}
)

D = TypeVar("D", bound=Document)
Known = Callable[[], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Written(Generic[D]):
    """A built document with the data and the text that it was built from."""

    document: D
    data: Map
    builder: Builder


class Linker:
    """Checks documents against those that it knows; every problem goes to ``problems``."""

    def __init__(self) -> None:
        self.calendars: dict[str, Calendar] = {}
        self.sources: dict[str, Source] = {}
        self.metrics: dict[str, Metric] = {}
        self.samplings: dict[str, Sampling] = {}
        self.thresholds: dict[str, Threshold] = {}
        self.exclusions: dict[str, Exclusion] = {}
        self.overlays: dict[str, Overlay] = {}
        self.reports: dict[str, Report] = {}
        self.council: Council | None = None
        # Ids of documents with problems of their own: a reference to one is no second problem.
        self.broken: set[str] = set()
        self.settings: Settings | None = None
        self.scopes: dict[str, dict[str, Named]] = {}
        self.private: dict[str, dict[str, str]] = {}
        self.reached: set[tuple[str, str]] = set()
        self.sizes: dict[str, int] = {}
        self.problems: list[Diagnostic] = []

    def add_source(self, source: Source) -> None:
        """Makes a source known to the documents that refer to it."""
        self.sources[source.id] = source
        self.scopes[source.id] = source_scope(source)
        self.private[source.id] = personal_names(source)

    def refuse(self, rule: Rule, written: "Written[D]", at: Mark, message: str, fix: str = "") -> None:
        place = place_of(written.builder.path, at)
        self.problems.append(Diagnostic(rule=rule, message=message, place=place, fix=fix))

    def type_of(
        self, written: "Written[D]", tree: Expr | None, scope: Mapping[str, Named], known: Known | None = None
    ) -> Type | None:
        """Type of an expression; None, and a problem with its place, where it has none.

        What is known not to be NULL is asked for only where the expression has no type without it.
        """
        if tree is None:
            return None
        try:
            try:
                return infer(tree, scope)
            except TypeMismatch:
                if known is None:
                    raise
                return infer(tree, scope, known())
        except ExpressionError as error:
            rule = NAME if isinstance(error, UnknownName) else VALUE if isinstance(error, UnknownValue) else TYPE
            self.refuse_inside(rule, written, tree, error)
            return None

    def refuse_inside(self, rule: Rule, written: "Written[D]", tree: Expr, error: ExpressionError) -> None:
        at, text = written.builder.written[id(tree)]
        place = locate(written.builder.path, written.builder.text, at, text, error.at)
        self.problems.append(Diagnostic(rule=rule, message=str(error), place=place, fix=error.fix))

    def boolean(
        self, written: "Written[D]", tree: Expr | None, scope: Mapping[str, Named], known: Known | None = None
    ) -> Type | None:
        kind = self.type_of(written, tree, scope, known)
        if tree is not None and kind is not None and kind.name != "boolean":
            error = ExpressionError(f"{kind} stands where a condition is expected", tree.at)
            self.refuse_inside(TYPE, written, tree, error)
            return None
        return kind

    def condition(
        self, written: "Written[D]", tree: Expr | None, source: Source, known: Known | None = None
    ) -> Type | None:
        """Type of a condition over a source; None, and a problem, where it is none or is on a personal column."""
        if tree is not None:
            self.not_personal(written, tree, tree, self.private[source.id], "a condition on")
        return self.boolean(written, tree, self.scopes[source.id], known)

    def no_inner_condition(self, written: "Written[D]", tree: Expr, source: Source) -> None:
        """Holds the conditions within a measured expression to what any condition is held to."""
        for part in _conditions(tree) if self.private[source.id] else ():
            self.not_personal(written, tree, part, self.private[source.id], "a condition on")

    def not_personal(
        self, written: "Written[D]", tree: Expr, part: Expr, private: Mapping[str, str], what: str
    ) -> None:
        """Refuses the personal columns of a part of an expression, and the dimensions that hold one."""
        if not private:
            return
        for name, at in names(part).items():
            if name in private:
                error = ExpressionError(f"{what} the personal column {private[name]!r}", at)
                self.refuse_inside(PERSONAL, written, tree, error)

    def source_named(self, written: "Written[D]", data: Map, key: str = "source") -> Source | None:
        """The source that a document names, or None: a problem, unless that source has one of its own."""
        found = self.sources.get(data[key])
        if found is None:
            self.missing(written, data.values_at[key], "source", data[key], self.sources)
        return found

    def missing(self, written: "Written[D]", at: Mark, kind: str, wanted: str, known: Mapping[str, Document]) -> None:
        """Refuses an id that no document has, unless there is one that could not be read."""
        if wanted not in self.broken:
            message = f"{kind} {wanted!r} does not exist{nearest(wanted, known)}"
            self.refuse(REFERENCE, written, at, message, f"{kind.capitalize()}s: {listed(known)}.")


def personal_names(source: Source) -> dict[str, str]:
    """The names of a source that show a personal column, each with that column."""
    found = {column.name: column.name for column in source.columns.values() if column.personal}
    if found:
        for name, dimension in source.dimensions.items():
            inner = [part for part in names(dimension.expression) if part in found and part in source.columns]
            if inner and name not in source.columns:
                found[name] = inner[0]
    return found


def _conditions(tree: Expr) -> Iterator[Expr]:
    """The conditions inside an expression, outermost only."""
    if tree.op in _CONDITIONS:
        yield tree
    elif tree.op == "case":
        yield from tree.args[:-1:2]
        for value in (*tree.args[1::2], tree.args[-1]):
            yield from _conditions(value)
    else:
        for arg in tree.args:
            yield from _conditions(arg)
