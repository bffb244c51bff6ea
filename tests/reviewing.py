"""A repository with a registry, rows behind its connection and a council: where a review is asked."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb

from cxgov.api import review
from cxgov.evaluation.reviewed import Compared, Reviewed
from cxgov.language.model import Source
from tests.gating import Repo, council
from tests.support import Document, Rows, into_duckdb, metric, registry, registry_of, source

# Ten days and a little after the third quarter of 2026, so that it is the last closed one.
NOW: Final = datetime(2026, 10, 20, tzinfo=UTC)
CLASSES: Final = ("formula", "source", "population", "sampling", "exclusion", "overlay", "calendar", "certification")
NPS: Final = {"net_share": {"plus": "score >= 9", "minus": "score <= 6"}}
COLUMNS: Final[Mapping[str, str | Document]] = {
    "id": "integer",
    "person": "text",
    "score": "integer?",
    "region": "text?",
    "email": {"type": "text", "sensitivity": "personal"},
    "at": "instant",
    "loaded_at": "instant",
}


def rows(count: int = 240, *, year: int = 2026, month: int = 8, first: int = 0) -> list[dict[str, Any]]:
    """Answers of a month: every score, 99 for some, two of most persons, three regions and none."""
    start = datetime(year, month, 1, 12, tzinfo=UTC)
    return [
        {
            "id": first + i,
            "person": f"P{first + i % (count * 3 // 4):04}",
            "score": 99 if i % 17 == 0 else (i * 7) % 11,
            "region": (None, "AMER", "APAC", "EMEA")[(i * i) % 4 if i % 5 else 2 + i % 2],
            "email": f"p{i}@example.org",
            "at": start + timedelta(minutes=90 * i),
            "loaded_at": start + timedelta(minutes=90 * i + 5),
        }
        for i in range(count)
    ]


def answers(identity: str = "answers", **fields: Any) -> Document:
    common = {
        "arrival": "loaded_at",
        "entities": {"answer": {"key": ["id"]}, "person": {"key": ["person"], "source": "people"}},
        "dimensions": {"region": "region"},
    }
    return source(identity, COLUMNS, **{**common, **fields})


def people() -> Document:
    return source("people", {"person": "text"}, key=["person"], entities={"person": {"key": ["person"]}})


def nps(identity: str = "nps", measure: Document | None = None, **fields: Any) -> Document:
    common = {
        "source": "answers",
        "time": "at",
        "valid": "score between 0 and 10",
        "unit": "points",
        "direction": "higher_is_better",
        "dimensions": ["region"],
    }
    return metric(identity, measure or NPS, **{**common, **fields})


def promoters(limit: int) -> Document:
    return {"net_share": {"plus": f"score >= {limit}", "minus": "score <= 6"}}


def major(its: Document, **fields: Any) -> Document:
    """A document as the next major version has it."""
    return {**its, "version": "2.0.0", **fields}


def policy() -> Document:
    rules: list[Document] = [
        {"classes": [*CLASSES, "removal", "policy"], "quorum": 2},
        {"classes": ["editorial", "draft", "additive", "ownership", "threshold_loosened"], "quorum": 1},
    ]
    return council(rules=rules)


def connected(**fields: Any) -> Document:
    """The document of kind Registry with a DuckDB file beside the documents, and PostgreSQL."""
    connections = {
        "duckdb": {"engine": "duckdb", "database": ".data/data.duckdb"},
        "postgres": {"engine": "postgres", "dsn_env": "CXGOV_TEST_DSN"},
    }
    return registry(**{"connections": connections, **fields})


class World(Repo):
    """Main and a proposal, with rows that lie outside git."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.write({".git/info/exclude": ".data/\n"})

    def fill(self, data: Mapping[str, Rows], documents: Iterable[Document], name: str = "data.duckdb") -> list[Source]:
        """Writes the relations of documents to a file; gives their sources."""
        sources = list(registry_of(documents).sources.values())
        place = self.folder / "metrics/.data"
        place.mkdir(parents=True, exist_ok=True)
        (place / name).unlink(missing_ok=True)
        with duckdb.connect(place / name) as session:
            into_duckdb(session, sources, data)
        return sources

    def main(self, *documents: Document, data: Mapping[str, Rows] | None = None) -> None:
        """The trusted side, with its rows."""
        if self.git("branch", "--list", "main"):
            self.git("checkout", "-q", "main")
        self.commit(*self.whole(documents))
        self.fill({"answers": rows()} if data is None else data, documents)

    def propose(self, *documents: Document, who: str = "root") -> str:
        """A proposal of whole documents."""
        self.branch()
        return self.commit(*self.whole(documents), who=who)

    def whole(self, documents: Sequence[Document]) -> list[Document]:
        """Documents with the policy and the connections, unless they bring their own."""
        kinds = {its["kind"] for its in documents}
        more = [made for made in (policy(), connected()) if made["kind"] not in kinds]
        return [*documents, *more]

    def review(self, connection: str | None = "duckdb", **asked: Any) -> Reviewed:
        asked = {"now": NOW, **asked}
        return review(self.folder / "metrics", trusted="main", head="proposal", connection=connection, **asked)

    def compared(self, *names: str, **asked: Any) -> dict[str, Compared]:
        """The numbers by metric, with @ and the overlay."""
        numbers = self.review(**asked).numbers
        assert numbers is not None
        found = {its.id if its.overlay is None else f"{its.id}@{its.overlay}": its for its in numbers.compared}
        assert not names or set(found) == set(names)
        return found

    def alone(self, **asked: Any) -> Compared:
        """The one metric that moved."""
        [found] = self.compared(**asked).values()
        return found
