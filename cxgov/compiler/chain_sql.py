"""A chain to queries: one common table expression a step, from a source's rows to those that are measured.

population          the period's rows of whom the metric speaks
frame               who may be asked
in_frame            rows of units in the frame
selected            units that were drawn, and their rows
invited             rows that answer an invitation of their unit
within_cap          … one that did not ask too often
responded           … in time
valid               rows whose answer can be taken
one_per_unit        the first or the latest row of each unit and bucket
not_excluded        rows that no exception takes away
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlglot import exp

from cxgov.compiler.dialect import Dialect
from cxgov.compiler.draw_sql import drawn
from cxgov.compiler.measures import MICROSECONDS
from cxgov.compiler.plan import Chain, Roll, Scan
from cxgov.compiler.scalars import Scalars
from cxgov.compiler.trees import (
    Node,
    cast,
    conjunction,
    is_null,
    join,
    number,
    ordinals,
    select,
    string,
)
from cxgov.language.expressions import Expr, names
from cxgov.language.model import Column, Source
from cxgov.language.scopes import sure_scope

# What the names of a chain's tables end in.
STEPS: Final = (
    "population", "frame", "in_frame", "selection", "selected", "invitations", "invited", "within_cap", "responded",
    "valid", "ranked", "one_per_unit", "not_excluded", "targets", "groups", "cells", "weights", "weighted",
    "units", "by_unit", "by_stratum",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """A step that leaves rows: its name, its table and, for a person, why rows went."""

    step: str
    table: str
    why: str


@dataclass(slots=True)
class Steps:
    """The tables of a chain in their order; ``rows`` are those that hold rows, in the order of the steps."""

    tables: list[tuple[str, exp.Query]] = field(default_factory=list)
    rows: list[Step] = field(default_factory=list)


class ChainSql:
    """One chain as tables; ``base`` holds the rows that are measured.

    ``prefix`` begins the name of every table; ``every_step`` keeps steps that another one implies, for counting.
    """

    def __init__(
        self,
        scan: Scan,
        dialect: Dialect,
        prefix: str,
        needed: Iterable[str],
        *,
        bucketed: bool,
        every_step: bool = False,
    ) -> None:
        assert scan.chain is not None
        self.scan = scan
        self.bucketed = bucketed
        self.chain: Chain = scan.chain
        self.dialect = dialect
        self.prefix = prefix
        self.every_step = every_step
        self.columns = list(dict.fromkeys([*needed, *self.own_columns()]))
        self.bucket = self.free("period_start")
        self.weight = self.free("weight")
        self.asked_at = self.free("invited_at")
        self.before = self.free("invitations_before")
        self.place = self.free("place")
        self.cell_rows = self.free("rows_in_cell")
        self.steps = Steps()
        self.known_scalars: dict[str, Scalars] = {}

    @property
    def base(self) -> str:
        return self.steps.rows[-1].table

    @property
    def buckets(self) -> list[str]:
        """The column of the bucket, where there are any."""
        return [self.bucket] if self.bucketed else []

    @property
    def cells(self) -> list[str]:
        return [self.free(f"cell_{cell.name}") for cell in self.chain.cells]

    @property
    def stratum(self) -> str:
        return self.free("stratum")

    @property
    def strata(self) -> list[str]:
        """The columns that say which post-stratum a row is in."""
        rule = self.chain.rule
        if rule is None or rule.weights is None or rule.weights.method != "poststratify":
            return []
        collapse = rule.weights.collapse
        group = [name for name, cell in zip(self.cells, self.chain.cells, strict=True) if cell.name != collapse]
        return [*group, self.stratum] if collapse is not None else group

    def free(self, name: str) -> str:
        """A name that no column of the rows has."""
        while name in self.scan.source.columns:
            name += "_"
        return name

    def own_columns(self) -> Iterator[str]:
        """The columns that the steps read."""
        chain, rule = self.chain, self.chain.rule
        for tree in (*chain.valid, *(where for _, where in chain.exclusions)):
            yield from names(tree)
        if rule is None:
            return
        yield from chain.unit
        yield from chain.invitation
        if rule.responded is not None:
            yield rule.responded.time
        elif rule.invited is not None and self.scan.time is not None:
            yield self.scan.time.name
        if rule.deduplicate is not None:
            yield from rule.deduplicate.order
        if rule.weights is not None and rule.weights.column is not None and self.weight_source is self.scan.source:
            yield rule.weights.column

    @property
    def weight_source(self) -> Source:
        """The source whose column weighs."""
        rule, frame = self.chain.rule, self.chain.frame
        assert rule is not None
        assert rule.weights is not None
        return frame.source if rule.weights.method == "value" and frame is not None else self.scan.source

    # --- tables ---

    def named(self, step: str) -> str:
        return f"{self.prefix}_{step}"

    def table(self, step: str, query: exp.Query) -> str:
        name = self.named(step)
        self.steps.tables.append((name, query))
        return name

    def keep(self, step: str, why: str, query: exp.Query) -> None:
        """A table of rows."""
        self.steps.rows.append(Step(step, self.table(step, query), why))

    def column(self, name: str, table: str | None = None) -> exp.Column:
        return self.dialect.column(name, table)

    def scalars(self, source: Source) -> Scalars:
        if source.id not in self.known_scalars:
            self.known_scalars[source.id] = Scalars(self.dialect, sure_scope(source), self.column, columns=True)
        return self.known_scalars[source.id]

    def build(self, population: list[Node], bucket: Node | None) -> None:
        """All tables but those of the weights.

        ``population`` are the conditions on the source's rows, ``bucket`` tells a row's own.
        """
        chain, rule = self.chain, self.chain.rule
        cells: list[Node] = [self.column(name) for name in self.columns]
        if bucket is not None:
            cells.append(self.dialect.alias(bucket, self.bucket))
        conditions = [*population, *(self.inside(where) for where in chain.population)]
        if rule is not None and rule.deduplicate is not None and chain.frame is None:
            conditions += [self.known(name) for name in chain.unit if self.scan.source.columns[name].nullable]
        relation = self.dialect.relation(self.scan.source.relation)
        why = f"rows of the period{f' where {said(chain.population)}' if chain.population else ''}"
        self.keep("population", why, select(cells, relation, where=conditions))
        self.chosen()
        self.asked()
        if chain.valid:
            self.filtered(
                "valid", f"no valid answer: {said(chain.valid)}", [self.inside(where) for where in chain.valid]
            )
        self.deduplicated()
        if chain.exclusions:
            listed = ", ".join(exclusion.id for exclusion, _ in chain.exclusions)
            self.filtered("not_excluded", f"excepted: {listed}", [self.inside(self.stays(i)) for i in self.excepted()])

    def excepted(self) -> range:
        return range(len(self.chain.exclusions))

    def stays(self, i: int) -> Expr:
        return Expr("not", (self.chain.exclusions[i][1],))

    def inside(self, tree: Expr) -> Node:
        return self.scalars(self.scan.source).inside(tree, "and")

    def known(self, name: str) -> Node:
        return exp.Not(this=is_null(self.column(name)))

    def filtered(self, step: str, why: str, conditions: list[Node]) -> None:
        """The rows of the step before for which all conditions are true."""
        self.keep(step, why, select([exp.Star()], self.dialect.table(self.base), where=conditions))

    def joined(self, step: str, why: str, table: str, keys: list[tuple[str, str]], extra: list[str]) -> None:
        """The rows of the step before that meet a row of a table, with some of its columns."""
        base = self.base
        cells: list[Node] = [exp.Column(this=exp.Star(), table=self.dialect.identifier(base))]
        cells += [self.column(name, table) for name in extra]
        on = conjunction(
            [exp.EQ(this=self.column(there, table), expression=self.column(here, base)) for here, there in keys]
        )
        query = select(cells, self.dialect.table(base), joins=[join(self.dialect.table(table), on)])
        self.keep(step, why, query)

    # --- who could answer ---

    def chosen(self) -> None:
        """The frame, those drawn from it, and their rows."""
        frame, rule = self.chain.frame, self.chain.rule
        if frame is None or rule is None:
            return
        roster = self.frame_table(frame)
        drawn = self.draw(frame)
        keys = list(zip(self.chain.unit, [self.free(f"unit_{name}") for name in frame.unit], strict=True))
        extra = self.cells
        if rule.weights is not None and rule.weights.method == "value":
            extra = [*extra, self.weight]
        outside = f"no {rule.unit} of {frame.source.id}"
        outside += f" where {said(frame.conditions)}" if frame.conditions else ""
        if drawn is None or self.every_step:
            # Whom the draw takes is in the frame: joined once where nobody counts what is left between.
            self.joined("in_frame", outside, roster, keys, extra if drawn is None else [])
        if drawn is not None and rule.select is not None:
            chosen = self.table("selection", select([exp.Star()], self.dialect.table(roster), where=[drawn]))
            why = f"not drawn: hash below {rule.select.fraction} with salt {rule.select.salt}"
            self.joined("selected", why, chosen, keys, extra)

    def frame_table(self, frame: Roll) -> str:
        scalars = self.scalars(frame.source)
        cells: list[Node] = [self.dialect.alias(self.column(name), self.free(f"unit_{name}")) for name in frame.unit]
        for cell, name in zip(self.chain.cells, self.cells, strict=True):
            node = scalars.node(cell.expression)
            if cell.nullable:
                # A unit without a value is a cell too, and NULL meets nothing in a join.
                text = exp.DPipe(this=string("="), expression=cast(node, "text"), safe=False)
                node = exp.Coalesce(this=text, expressions=[string("none")])
            cells.append(self.dialect.alias(node, name))
        rule = self.chain.rule
        assert rule is not None
        if rule.weights is not None and rule.weights.method == "value" and rule.weights.column is not None:
            cells.append(self.dialect.alias(cast(self.column(rule.weights.column), "double"), self.weight))
        where = [scalars.inside(part, "and") for part in frame.conditions]
        return self.table(
            "frame", select(cells, self.dialect.relation(frame.source.relation), where=[*self.arrived(frame), *where])
        )

    def arrived(self, roll: Roll) -> list[Node]:
        if roll.arrived_before is None or roll.source.arrival is None:
            return []
        return [exp.LT(this=self.column(roll.source.arrival), expression=self.dialect.moment(roll.arrived_before))]

    def draw(self, frame: Roll) -> Node | None:
        """The condition under which a unit of the frame is drawn; None where all are."""
        rule = self.chain.rule
        assert rule is not None
        if rule.select is None or rule.select.method == "census" or rule.select.fraction == 1:
            return None
        keys = [self.column(self.free(f"unit_{name}")) for name in frame.unit]
        return drawn(self.dialect, keys, rule.select.salt, rule.select.fraction)

    # --- who was asked ---

    def asked(self) -> None:
        """Rows that answer an invitation of their unit, one that was not too many, in time."""
        invitations, rule = self.chain.invitations, self.chain.rule
        if invitations is None or rule is None or rule.invited is None:
            return
        sent = self.table("invitations", self.invitation_rows(invitations))
        units = [self.free(f"unit_{name}") for name in invitations.unit]
        keys = list(zip(self.chain.unit, units, strict=True))
        # Without the invitation that a row answers it is held to the unit's first, before which there was none.
        cap = rule.contact_cap if self.chain.invitation else None
        extra = [self.asked_at, *([self.before] if cap else [])]
        if self.chain.invitation:
            own = invitations.source.own_entity
            assert own is not None
            keys += zip(self.chain.invitation, (self.free(f"its_{name}") for name in own.key), strict=True)
        self.joined("invited", f"no invitation of the {rule.unit} in {invitations.source.id}", sent, keys, extra)
        if cap is not None:
            condition = exp.LT(this=self.column(self.before), expression=number(cap.at_most))
            why = f"asked more than {cap.at_most} times in {_length(cap.per.total_seconds())}"
            self.filtered("within_cap", why, [condition])
        time = self.scan.source.columns[rule.responded.time] if rule.responded else self.scan.time
        assert time is not None
        answered, kind = self.moment(time, time.name)
        asked_at, _ = self.moment(invitations.source.columns[rule.invited.time], self.asked_at)
        after = exp.GTE(this=answered, expression=asked_at)
        if rule.responded is None:
            self.filtered("responded", "answered before the invitation", [after])
            return
        length = number(int(rule.responded.within.total_seconds()) * MICROSECONDS)
        if kind == "instant":
            within = exp.LT(this=answered.copy(), expression=self.dialect.plus(asked_at.copy(), length))
        else:
            since = self.dialect.elapsed(answered.copy(), asked_at.copy(), kind)
            within = exp.LT(this=since, expression=length)
        why = f"not within {_length(rule.responded.within.total_seconds())} of the invitation"
        self.filtered("responded", why, [after, within])

    def moment(self, column: Column, name: str) -> tuple[Node, str]:
        """A time under a name, and its type: a wall clock that jumps is read as instants, as lengths of time need."""
        node = self.column(name)
        if column.type == "instant" or column.zone in {"UTC", "Etc/UTC", None}:
            return node, column.type
        assert column.zone is not None
        return self.dialect.as_instant(node, column.zone, column.twice), "instant"

    def invitation_rows(self, invitations: Roll) -> exp.Query:
        rule = self.chain.rule
        assert rule is not None
        assert rule.invited is not None
        time = invitations.source.columns[rule.invited.time]
        units = [self.dialect.alias(self.column(name), self.free(f"unit_{name}")) for name in invitations.unit]
        relation = self.dialect.relation(invitations.source.relation)
        where = self.arrived(invitations)
        if not self.chain.invitation:
            first = self.dialect.alias(exp.Min(this=self.column(time.name)), self.asked_at)
            return select([*units, first], relation, where=where, group=ordinals(len(units)))
        own = invitations.source.own_entity
        assert own is not None
        cells: list[Node] = [self.dialect.alias(self.column(name), self.free(f"its_{name}")) for name in own.key]
        cells += [*units, self.dialect.alias(self.column(time.name), self.asked_at)]
        if rule.contact_cap is not None:
            cells.append(self.dialect.alias(self.times_asked(invitations, time), self.before))
        return select(cells, relation, where=where)

    def times_asked(self, invitations: Roll, time: Column) -> Node:
        """How many invitations went to the unit in the time before: half-open, so those of the same instant are out."""
        rule = self.chain.rule
        assert rule is not None
        assert rule.contact_cap is not None
        # Of whole microseconds since a day: an interval of days would be longer where a clock jumps.
        origin = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
        at, kind = self.moment(time, time.name)
        start = origin if kind == "instant" else origin.replace(tzinfo=None)
        clock = self.dialect.elapsed(at, self.dialect.moment(start), kind)
        length = int(rule.contact_cap.per.total_seconds()) * MICROSECONDS
        frame = exp.WindowSpec(
            kind="RANGE", start=number(length), start_side="PRECEDING", end=number(1), end_side="PRECEDING"
        )
        return exp.Window(
            this=exp.Count(this=exp.Star()),
            partition_by=[self.column(name) for name in invitations.unit],
            # No time is NULL, and not every dialect takes a word about it here.
            order=exp.Order(expressions=[exp.Ordered(this=clock, desc=False, nulls_first=True)]),
            spec=frame,
        )

    # --- which row of a unit ---

    def deduplicated(self) -> None:
        rule = self.chain.rule
        if rule is None or rule.deduplicate is None:
            return
        parts = self.buckets
        latest = rule.deduplicate.keep == "latest"
        order = []
        for name in rule.deduplicate.order:
            key = self.dialect.ordered(self.column(name), self.scan.source.columns[name].type)
            key.set("desc", latest)
            order.append(key)
        place = exp.Window(
            this=exp.RowNumber(),
            partition_by=[self.column(name) for name in [*parts, *self.chain.unit]],
            order=exp.Order(expressions=order),
        )
        ranked = select(
            [exp.Star(), self.dialect.alias(place, self.place)],
            self.dialect.table(self.base),
        )
        named = self.dialect.subquery(ranked, self.named("ranked"))
        first = exp.EQ(this=self.column(self.place), expression=number(1))
        why = f"not the {rule.deduplicate.keep} answer of the {rule.unit}{' in the bucket' if parts else ''}"
        self.keep("one_per_unit", why, select([exp.Star()], named, where=[first]))


def said(conditions: Sequence[Expr]) -> str:
    """Conditions as a person writes them: the brackets around the whole of one go, where ``and`` needs none."""
    texts = [(str(condition), condition.op) for condition in conditions]
    return " and ".join(text[1:-1] if text.startswith("(") and op != "or" else text for text, op in texts)


def _length(seconds: float) -> str:
    days, rest = divmod(int(seconds), 86_400)
    if not rest:
        return f"{days} day{'s' if days != 1 else ''}"
    hours, rest = divmod(int(seconds), 3_600)
    return f"{hours} hour{'s' if hours != 1 else ''}" if not rest else f"{int(seconds)} seconds"
