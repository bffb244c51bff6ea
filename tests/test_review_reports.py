"""``cxgov review`` as it is called: exit codes, four forms of one answer, hostile texts, the reference registry."""

import json
import re
import shutil
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import duckdb
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt

from cxgov.cli.main import commands
from cxgov.engines.demo import generate
from cxgov.evaluation.reviewed import Compared, Number, Pair
from cxgov.reports.pairs import picture
from cxgov.reports.reviewing import shown
from tests.gating import ACCOUNTS, review
from tests.judged import HOSTILE
from tests.reviewing import NOW, World, answers, major, nps, people, policy, promoters, rows
from tests.support import Document, exclusion, metric, overlay, registry_of, sampling, tree
from tests.test_outputs import held, schema_of

ROOT: Final = Path(__file__).parents[1]
BASE: Final = [answers(), people()]
FORMS: Final = ("text", "json", "markdown", "html")
MARKDOWN: Final = MarkdownIt("commonmark").enable("table")
TAGS: Final = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "article", "h1", "h2", "h3", "p", "div", "span",
    "code", "del", "ins", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "svg", "line", "circle", "text",
}  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A moved limit, with rows."""
    found = World(tmp_path)
    found.main(*BASE, nps())
    found.propose(*BASE, major(nps(measure=promoters(7))))
    return found


def printed(
    world: World, form: str, *more: str, reviews: Sequence[Document] = (), numbers: bool = True
) -> tuple[int, str]:
    """The exit code and the output of the command."""
    file = world.folder / "metrics/.data/reviews.json"
    file.write_text(json.dumps(list(reviews)), encoding="utf-8")
    arguments = ["review", "main", "proposal", "--now", NOW.isoformat(), "--reviews", str(file), "--format", form]
    arguments += ["--registry", str(world.folder / "metrics"), *more]
    arguments += ["--connection", "duckdb"] if numbers and "--connection" not in more else []
    done = CliRunner(env={"COLUMNS": "100"}).invoke(commands, arguments, standalone_mode=False)
    assert done.exception is None, done.exception
    return int(done.return_value), done.stdout


class Page(HTMLParser):
    """The elements of a page, its attributes and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


# --- one answer ---


@pytest.mark.parametrize("form", FORMS)
def test_the_exit_code_is_the_verdicts(world: World, form: str) -> None:
    head = world.git("rev-parse", "proposal")
    assert printed(world, form)[0] == 1
    assert printed(world, form, reviews=[review(person, head) for person in ACCOUNTS])[0] == 0
    (world.folder / "metrics/.data/data.duckdb").unlink()
    assert printed(world, form, reviews=[review(person, head) for person in ACCOUNTS])[0] == 2
    assert printed(world, form, reviews=[review(person, head) for person in ACCOUNTS], numbers=False)[0] == 0
    world.write({"metrics/metric_nps.yaml": b"kind: Metric\n"})
    world.commit()
    assert printed(world, form)[0] == 2


def test_an_approval_that_is_taken_away_is_worse_than_a_number_that_is_missing(world: World) -> None:
    """The highest code that applies."""
    world.git("checkout", "-q", "main")
    world.write({"metrics/approvals/" + "0" * 64: b"{}\n"})
    world.commit()
    world.branch()
    world.git("rm", "-q", "metrics/approvals/" + "0" * 64)
    world.commit(*world.whole([*BASE, major(nps(measure=promoters(7)))]))
    (world.folder / "metrics/.data/data.duckdb").unlink()
    code, text = printed(world, "text")
    assert (code, "approved or frozen is altered: metrics/approvals/" in " ".join(text.split())) == (5, True)


def test_the_text_begins_with_the_decision(world: World) -> None:
    """What a council member reads, as it stands on a terminal."""
    head, main = (world.git("rev-parse", name)[:12] for name in ("proposal", "main"))
    _, text = printed(world, "text")
    assert (
        text
        == f"""\
1 change, the highest of class formula. Not approved: missing 2 more approvals of 2. Numbers: 1
moved.
{head} into {main}

What changes in meaning
  formula  Metric nps measure.net_share.plus: `score >= 9` -> `score >= 7`
      version 1.0.0 -> 2.0.0, a major change
      metrics/metric_nps.yaml:1:189

What changes in numbers
  2026-Q3: 2026-07-01 to before 2026-10-01. As of 2026-10-11 00:00 UTC, connection duckdb.
  95% intervals.

  nps  nps, in points
    old  -45.8  -55.3 to -35.0  n 225
    new  -28.0  -40.1 to -15.2  n 225
    difference +17.8 points

Who must approve
  - metrics/metric_nps.yaml:1:189: formula Metric nps measure.net_share.plus changed: score >= 9 -> score >= 7
      needs 2 approvals (policy in force)
      missing: 2 more approvals of 2
"""
    )


def test_text_is_as_wide_as_the_terminal(world: World) -> None:
    for width in (60, 120):
        done = CliRunner(env={"COLUMNS": str(width)}).invoke(
            commands,
            ["review", "main", "proposal", "--now", NOW.isoformat(), "--registry", str(world.folder / "metrics")],
            standalone_mode=False,
        )
        said = done.stdout.partition("Who must approve")[0].splitlines()
        assert max(map(len, said)) <= width


def test_without_a_connection_nothing_is_said_of_numbers(world: World) -> None:
    for form in ("text", "markdown", "html"):
        _, text = printed(world, form, numbers=False)
        assert "o connection was asked, so nothing is said of numbers: name one with --connection" in " ".join(
            text.split()
        )
        assert "no change" not in text
    assert json.loads(printed(world, "json", numbers=False)[1])["numbers"] is None


@pytest.mark.parametrize("form", FORMS)
def test_empty_input_is_never_no_change(world: World, form: str) -> None:
    world.fill({}, BASE)
    code, text = printed(world, form)
    assert code == 2
    assert ("not_evaluated" if form == "json" else "not evaluated: no row counts") in text
    assert "same number" not in text


@pytest.mark.parametrize("form", FORMS)
def test_a_hidden_number_is_nowhere_on_the_page(world: World, form: str) -> None:
    """Neither in words nor as a difference, a count or a dot."""
    world.main(*BASE, nps(min_sample=500))
    world.propose(*BASE, major(nps(min_sample=500, measure=promoters(7))))
    _, text = printed(world, form, "--by", "region")
    for number in ("225", "-45", "-28", "17.8"):
        assert not re.search(rf"(?<![0-9a-f.-]){number}(?![0-9a-f-])", text.partition("Who must")[0]), number
    assert "<circle" not in text


def test_help_names_the_codes() -> None:
    done = CliRunner().invoke(commands, ["review", "--help"], standalone_mode=False)
    assert "The exit code is that of" in " ".join(done.stdout.split())


# --- JSON ---


def test_the_json_has_the_shape_of_its_schema(world: World) -> None:
    """Every outcome at once, and a merge that is no valid registry."""
    data = rows()
    narrow = overlay("emea", ["nps"], "region = 'EMEA'")
    private = sampling("rule", "answers", "answer", minimum={"privacy": 5})
    apart = exclusion("odd", "answers", "id = 3", ["few"], "2026-08-01", "2026-08-20")
    small = nps("small", title="Small", min_sample=500)
    old = [*BASE, nps(), narrow, private, nps("few", title="Few", sampling="rule"), apart, small,
           nps("gone", title="Gone"), metric("scale", {"sum": "score"}, source="answers", time="at")]  # fmt: skip
    new = [*BASE, major(nps(measure=promoters(7))), narrow, private, nps("few", title="Few", sampling="rule"),
           major(apart, where="id in (3, 4)"), major(small, measure=promoters(8)), nps("come", title="Come"),
           metric("scale", {"sum": "score"}, source="answers", time="at", unit="marks", version="2.0.0"),
           nps("idea", title="Idea", status="draft")]  # fmt: skip
    world.main(*old, data={"answers": data})
    world.propose(*new)
    found = held("review", printed(world, "json", "--by", "region")[1])
    outcomes = {its["metric"]: its["outcome"] for its in found["numbers"]["metrics"] if its["overlay"] is None}
    assert outcomes == {
        "nps": "moved", "few": "hidden", "small": "hidden", "gone": "removed", "come": "new", "scale": "apart",
    }  # fmt: skip
    assert found["numbers"]["drafts"] == ["idea"]
    assert {its["overlay"] for its in found["numbers"]["metrics"]} == {None, "emea"}
    assert [its["close"] for its in found["numbers"]["metrics"] if its["metric"] == "few"] == [True]
    world.write({"metrics/metric_nps.yaml": b"kind: Metric\n"})
    world.commit()
    broken = held("review", printed(world, "json")[1])
    assert (broken["changes"], broken["numbers"], broken["verdict"]["valid"]) == (None, None, False)


def test_its_parts_have_the_schemas_of_diff_and_gate() -> None:
    """A path outside the registry is a finding here too; else nothing differs."""
    parts = schema_of("review")["properties"]
    changes = parts["changes"]["oneOf"][0]
    changes["properties"]["findings"]["items"]["properties"]["kind"] = schema_of("diff")["properties"]["findings"][
        "items"
    ]["properties"]["kind"]
    for mine, name in ((changes, "diff"), (parts["verdict"], "gate")):
        its = schema_of(name)
        assert (mine["properties"], mine["required"]) == (its["properties"], its["required"])


# --- texts of others ---


def hostile(world: World) -> None:
    """Titles, values and owners that are commands to whatever shows them."""
    title = "a|b `c` <script>alert(1)</script> @council #12 &amp; ]]> *d* [f](g) $h$ \\ </style><img src=x>"
    odd = nps(title=title, where="region <> '<b>|x`'")
    world.main(*BASE, nps())
    world.propose(*BASE, major(odd, measure=promoters(7)), nps("next", promoters(8), title=f"{title} too"))


def test_html_has_no_element_but_its_own(world: World) -> None:
    hostile(world)
    _, text = printed(world, "html", "--by", "region")
    page = Page(text)
    assert set(page.tags) <= TAGS
    assert page.attributes <= {
        "lang", "charset", "http-equiv", "content", "name", "class", "scope", "viewbox", "role", "font-family", "x",
        "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "fill", "stroke", "stroke-width", "font-size", "font-weight",
        "text-anchor",
    }  # fmt: skip
    assert page.tags.count("style") == 1
    assert any("<script>alert(1)</script>" in each for each in page.texts)
    # Nothing is fetched: no address stands anywhere in it, and the page says so itself.
    assert not re.search(r"https?:|url\(|@import", text)
    assert "default-src 'none'" in text


def test_markdown_acts_on_nothing(world: World) -> None:
    hostile(world)
    _, text = printed(world, "markdown", "--by", "region")
    tokens = MARKDOWN.parse(text)
    kinds = {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {"text", "text_special", "softbreak", "strong_open", "strong_close"}
    assert "@council" not in text
    assert sum(token.type == "heading_open" for token in tokens) == 4
    assert {token.tag for token in tokens if token.type == "heading_open"} == {"h2", "h3"}


def test_a_terminal_is_told_nothing_by_a_document(world: World) -> None:
    """Escapes, directions and breaks of lines are shown as what they are."""
    its = Compared(
        id="nps",
        overlay=None,
        old=None,
        new=registry_of([*BASE, nps()]).metrics["nps"],
        total=Pair(group=HOSTILE, old=None, new=Number(value=1.0, n=1, status="ok")),
    )
    assert shown(its, its.total).new == ("1.0", "", "1")
    world.main(*BASE, nps())
    world.propose(*BASE, major(nps(measure=promoters(7), owner=r"a\u001b[31mb")))
    for form in ("text", "markdown", "html"):
        assert "\x1b" not in printed(world, form)[1]


# --- pictures and roundings ---


def compared(old: Number | None, new: Number | None) -> Compared:
    its = registry_of([*BASE, nps()]).metrics["nps"]
    return Compared(id="nps", overlay=None, old=its, new=its, total=Pair(old=old, new=new))


def test_the_picture_has_both_values_in_their_places() -> None:
    old = Number(value=10.0, n=9, status="ok", low=0.0, high=20.0)
    root = picture(compared(old, Number(value=30.0, n=9, status="ok", low=20.0, high=40.0)))
    assert root is not None
    first, second = root.findall("circle")
    assert float(first.get("cx", "")) < float(second.get("cx", ""))
    width, height = map(float, root.get("viewBox", "").split()[2:])
    for element in root.iter():
        assert all(0 <= float(element.get(key, "0")) <= width for key in ("x", "x1", "x2", "cx"))
        assert all(0 <= float(element.get(key, "0")) <= height for key in ("y", "y1", "y2", "cy"))
    assert ET.tostring(root) == ET.tostring(
        picture(compared(old, Number(value=30.0, n=9, status="ok", low=20.0, high=40.0))) or root
    )


@pytest.mark.parametrize(
    "new",
    [
        None,
        Number(value=None, n=None, status="suppressed"),
        Number(value=None, n=0, status="no_data"),
        Number(value=float("inf"), n=3, status="ok"),
    ],
)
def test_without_two_values_there_is_no_picture(new: Number | None) -> None:
    assert picture(compared(Number(value=10.0, n=9, status="ok"), new)) is None


def test_two_values_that_differ_are_shown_to_differ() -> None:
    its = compared(Number(value=31.2401, n=9, status="ok"), Number(value=31.2442, n=9, status="ok"))
    found = shown(its, its.total)
    assert (found.old, found.new, found.difference) == (("31.240", "", "9"), ("31.244", "", "9"), "+0.004")


# --- the reference registry ---


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The reference registry with its data, a policy, and a proposal that counts a 7 as a promoter."""
    found = World(tmp_path_factory.mktemp("reference"))
    metrics = found.folder / "metrics"
    shutil.copytree(ROOT / "metrics", metrics, ignore=shutil.ignore_patterns(".*"))
    found.write({"metrics/council.yaml": tree([policy()])["council_council.yaml"], ".git/info/exclude": b".demo/\n"})
    (metrics / ".demo").mkdir()
    generate(metrics / ".demo/demo.duckdb", responses=20_000, seed=2026)
    found.git("add", "-A")
    found.git("commit", "-qm", "main")
    found.branch()
    edit(metrics / "definitions/nps.yaml", "score >= 9", "score >= 7")
    edit(metrics / "sampling/relationship_survey.yaml", "keep: latest", "keep: first")
    edit(metrics / "exclusions/scale_turned_in_app.yaml", "until: 2026-09-10", "until: 2026-09-12")
    found.git("commit", "-qam", "proposal")
    return found


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new).replace("version: 1.0.0", "version: 2.0.0"), encoding="utf-8")


def test_the_reference_registry_before_and_after(reference: World) -> None:
    """NPS against SQL written here, over the same file; and what the other two edits reach."""
    arguments = ["review", "main", "proposal", "--connection", "demo", "--now", NOW.isoformat(), "--format", "json"]
    done = CliRunner().invoke(
        commands, [*arguments, "--registry", str(reference.folder / "metrics")], standalone_mode=False
    )
    assert done.exception is None, done.exception
    found = {its["metric"]: its for its in held("review", done.stdout)["numbers"]["metrics"]}
    assert set(found) == {"nps", "nps_relationship", "csat_relationship", "nps_by_value"}
    with duckdb.connect(reference.folder / "metrics/.demo/demo.duckdb", read_only=True) as session:
        for side, limit in (("old", 9), ("new", 7)):
            row = session.execute(
                """
                select 100.0 * (count(*) filter (score >= ?) - count(*) filter (score <= 6)) / count(*), count(*)
                from cx.survey_responses
                where survey = 'relationship' and channel <> 'internal' and score between 0 and 10
                    and responded_at >= timestamptz '2026-07-01 00:00:00 Europe/Berlin'
                    and responded_at < timestamptz '2026-10-01 00:00:00 Europe/Berlin'
                    and loaded_at < timestamptz '2026-10-11 00:00:00 Europe/Berlin'
                """,
                [limit],
            ).fetchone()
            assert row is not None
            assert found["nps"][side]["value"] == pytest.approx(row[0], rel=1e-12)
            assert found["nps"][side]["n"] == row[1]
    assert found["nps_relationship"]["outcome"] in {"moved", "hidden"}
    assert found["nps_by_value"]["outcome"] in {"moved", "hidden"}


def test_reading_changes_nothing(reference: World) -> None:
    """Neither the repository, nor its work tree, nor the data."""
    file = reference.folder / "metrics/.demo/demo.duckdb"
    before = file.read_bytes(), reference.git("status", "--porcelain"), reference.git("rev-parse", "main", "proposal")
    arguments = ["review", "main", "proposal", "--connection", "demo", "--now", NOW.isoformat()]
    CliRunner().invoke(commands, [*arguments, "--registry", str(reference.folder / "metrics")], standalone_mode=False)
    after = file.read_bytes(), reference.git("status", "--porcelain"), reference.git("rev-parse", "main", "proposal")
    assert before == after
