"""The relationship survey of the demo in plain Python, one row at a time: it knows nothing of the compiler."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb

Row = Mapping[str, Any]
Cell = tuple[str, str]
Part = tuple[str, str] | None
DAY: Final = 86_400_000_000  # times are microseconds


@dataclass(frozen=True, slots=True)
class Measure:
    """The column that is asked for, its valid values, and what an answer adds."""

    column: str
    low: int
    high: int
    adds: Callable[[int], int]
    by_value: bool = False


def net(score: int) -> int:
    """A promoter counts for, a detractor against."""
    return (score >= 9) - (score <= 6)


MEASURES: Final = {
    "nps_relationship": Measure("score", 0, 10, net),
    "nps_by_value": Measure("score", 0, 10, net, by_value=True),
    "csat_relationship": Measure("satisfaction", 1, 5, lambda rating: int(rating >= 4)),
}


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its standard error in percent, its rows, and what each unit adds to its error."""

    value: float
    error: float
    n: int
    spread: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Survey:
    """The tables of the survey."""

    customers: Mapping[str, Row]
    invitations: Mapping[int, Row]
    responses: Sequence[Row]

    @property
    def frame(self) -> dict[str, Cell]:
        """The region and tier of everybody who may be asked."""
        return {
            key: (its["region"], its["tier"])
            for key, its in self.customers.items()
            if its["status"] == "active" and not its["opted_out"]
        }

    def answers(self, start: str, end: str) -> list[Row]:
        """Whatever was answered from a day to before another and had arrived ten days later."""
        low, high = midnight(start), midnight(end)
        return [row for row in self.responses if low <= row["at"] < high and row["loaded_at"] < high + 10 * DAY]

    def steps(self, metric: str, start: str, end: str) -> list[tuple[str, list[Row]]]:
        """The rows that each step of the rule leaves."""
        its = MEASURES[metric]
        frame = self.frame
        asked = defaultdict(list)
        for sent in self.invitations.values():
            asked[sent["customer_id"]].append(sent["at"])

        def within_cap(row: Row) -> bool:
            at = self.invitations[row["invitation_id"]]["at"]
            return len([other for other in asked[row["customer_id"]] if at - 90 * DAY <= other < at]) < 2

        tests: list[tuple[str, Callable[[Row], bool]]] = [
            ("population", lambda row: row["channel"] != "internal"),
            ("in_frame", lambda row: row["customer_id"] in frame),
            ("selected", lambda row: in_draw(row["customer_id"])),
            ("invited", lambda row: row["customer_id"] == self.invitations[row["invitation_id"]]["customer_id"]),
            ("within_cap", within_cap),
            ("responded", lambda row: 0 <= row["at"] - self.invitations[row["invitation_id"]]["at"] < 21 * DAY),
            ("valid", lambda row: row[its.column] is not None and its.low <= row[its.column] <= its.high),
        ]
        rows, found = self.answers(start, end), []
        for step, test in tests:
            rows = [row for row in rows if test(row)]
            found.append((step, rows))
        in_order = sorted(rows, key=lambda row: (row["at"], row["response_id"]))
        rows = list({row["customer_id"]: row for row in in_order}.values())
        found.append(("one_per_unit", rows))
        if its.column == "score":
            low, high = midnight("2026-09-07"), midnight("2026-09-10")
            rows = [row for row in rows if not (row["channel"] == "in_app" and low <= row["at"] < high)]
            found.append(("not_excluded", rows))
        return found

    def value(self, metric: str, start: str, end: str, part: Part = None) -> Value:
        """The weighted value, of everybody or of a part: ``("channel", "email")``."""
        its, frame = MEASURES[metric], self.frame
        rows = self.steps(metric, start, end)[-1][1]
        units, answered = Counter(frame.values()), Counter(frame[row["customer_id"]] for row in rows)
        assert answered.keys() == units.keys()
        # Weight times what is added, and weight; nothing of who is outside, and a unit of the sample all the same.
        lines: dict[str, tuple[float, float]] = {}
        for row in rows:
            key, cell = row["customer_id"], frame[row["customer_id"]]
            weight = float(self.customers[key]["annual_value"]) if its.by_value else units[cell] / answered[cell]
            inside = part is None or part[1] == (row if part[0] == "channel" else self.customers[key])[part[0]]
            lines[key] = (weight * its.adds(row[its.column]), weight) if inside else (0.0, 0.0)
        y, x = (math.fsum(each) for each in zip(*lines.values(), strict=True))
        spread = lines
        if not its.by_value:
            # Post-strata leave the spread within the cells alone.
            in_cell = defaultdict(list)
            for key, line in lines.items():
                in_cell[frame[key]].append(line)
            mean = {
                cell: (math.fsum(y for y, _ in each) / len(each), math.fsum(x for _, x in each) / len(each))
                for cell, each in in_cell.items()
            }
            spread = {key: (y - mean[frame[key]][0], x - mean[frame[key]][1]) for key, (y, x) in lines.items()}
        squares = math.fsum((dy - y / x * dx) ** 2 for dy, dx in spread.values())
        error = math.sqrt(len(rows) / (len(rows) - 1) * squares) / x
        return Value(100 * y / x, 100 * error, sum(weight > 0 for _, weight in lines.values()), spread)


def midnight(day: str) -> int:
    """The beginning of a day in Berlin."""
    return int(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()) * 1_000_000


def in_draw(key: str) -> bool:
    """Whether a customer is drawn, as hashlib has it."""
    digits = hashlib.md5(f"relationship_2026:{key}".encode()).hexdigest()[:8]  # noqa: S324  # no secret
    return digits < f"{math.ceil(0.4 * 16**8):08x}"


def survey(session: duckdb.DuckDBPyConnection) -> Survey:
    """The tables of a database of the demo."""

    def rows(sql: str) -> list[Row]:
        found = session.execute(sql)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    # Times as numbers: fetching instants would ask for one more package.
    customers = rows(
        "select customer_id, region, tier, status, opted_out, annual_value, "
        "min(epoch_us(valid_from)) as since "
        "from cx.customers left join billing.subscriptions using (customer_id) group by all"
    )
    invitations = rows(
        "select invitation_id, customer_id, channel, epoch_us(invited_at) as at from cx.relationship_invitations"
    )
    responses = rows(
        "select response_id, invitation_id, customer_id, channel, score, satisfaction, "
        "epoch_us(responded_at) as at, epoch_us(loaded_at) as loaded_at from cx.relationship_responses"
    )
    return Survey(
        {row["customer_id"]: row for row in customers}, {row["invitation_id"]: row for row in invitations}, responses
    )
