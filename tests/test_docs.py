"""The documentation: generated pages and outputs are today's, what is there is mentioned, links lead somewhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import click
import pytest

import cxgov
from cxgov.api import read_tree
from cxgov.cli.main import COMMANDS, commands
from cxgov.engines.demo import generate
from cxgov.language.loading import load
from cxgov.language.rules import RULES

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
PAGES: Final = sorted(
    path
    for path in [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "metrics").rglob("*.md")]
    if DOCS / "parts" not in path.parents and not any(part.startswith(".") for part in path.parts)
)
EXECUTED: Final = [path for path in PAGES if "<!-- examples: " in path.read_text(encoding="utf-8")]
FENCED: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")

# The scripts share one registry with data, made once.
pytestmark = pytest.mark.xdist_group("docs")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def script(name: str, *arguments: str | Path) -> None:
    """Runs a script of docs/; what it says is why it fails."""
    found = subprocess.run(
        [sys.executable, DOCS / name, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference registry with its data, as ``cxgov demo`` leaves it."""
    folder = tmp_path_factory.mktemp("demo") / "metrics"
    shutil.copytree(ROOT / "metrics", folder, ignore=shutil.ignore_patterns(".*"))
    (folder / ".demo").mkdir()
    generate(folder / ".demo" / "demo.duckdb", responses=120_000, seed=2026)
    return folder


# --- generated pages and executed examples ---


def test_generated_pages_are_up_to_date() -> None:
    """`make docs` would change nothing."""
    script("generate.py", "--check")


@pytest.mark.parametrize("page", EXECUTED, ids=named)
def test_examples_print_what_the_page_says(page: Path, demo: Path) -> None:
    """Every command and every line of Python is run, and its output and exit code are compared."""
    script("examples.py", "--check", "--demo", demo, page)


@pytest.mark.slow
def test_dbt_says_what_the_page_says(demo: Path) -> None:
    """What is said of another program is run as well, where there is one."""
    dbt = os.environ.get("CXGOV_DBT")
    if not dbt:
        pytest.skip("$CXGOV_DBT names no dbt, which docs/beside-dbt.md is about")
    script("examples.py", "--check", "--demo", demo, "--dbt", Path(dbt), DOCS / "beside-dbt.md")


def test_the_pages_for_beginners_are_executed() -> None:
    assert [named(page) for page in EXECUTED] == [
        "README.md",
        "docs/beside-dbt.md",
        "docs/changes.md",
        "docs/freezing.md",
        "docs/python.md",
        "docs/sql.md",
        "docs/surveys.md",
        "docs/tutorial.md",
    ]


def test_the_picture_shows_what_the_command_prints(demo: Path) -> None:
    script("picture.py", "--check", "--demo", demo)


# --- nothing is left out ---


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    page = text("commands.md")
    section = re.search(rf"^## {name}$.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section, f"`cxgov {name}` is not in docs/commands.md"
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    for param in command.params:
        for spelling in param.opts if isinstance(param, click.Option) else []:
            assert f"`{spelling}" in section[0], f"{name} {spelling} is not in docs/commands.md"


def test_every_rule_has_a_page_with_an_example() -> None:
    assert {page.stem for page in (DOCS / "rules").glob("CX*.md")} == {rule.code for rule in RULES}
    for rule in RULES:
        page = text(f"rules/{rule.code}.md")
        assert rule.sentence in page
        assert f"[{rule.code} {rule.name}]" in page, f"docs/rules/{rule.code}.md has no example"


def test_the_names_of_the_python_interface_are_documented() -> None:
    documented = re.findall(r"^\| \[`(\w+)`\]", text("python.md"), re.MULTILINE)
    assert sorted(documented) == sorted(cxgov.__all__)


@pytest.mark.parametrize("name", cxgov.__all__)
def test_every_public_name_has_a_docstring(name: str) -> None:
    said = getattr(cxgov, name).__doc__ or ""
    # A dataclass without one gets its signature.
    assert said
    assert not said.startswith(f"{name}(")


def test_every_decision_has_its_five_lines() -> None:
    pages = sorted(path for path in (DOCS / "decisions").glob("*.md") if path.name != "README.md")
    listed = re.findall(r"\]\((.+?)\)", text("decisions/README.md"))
    assert sorted(listed) == [page.name for page in pages]
    for page in pages:
        heads = re.findall(r"^- \*\*(.+?)\*\*: ", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert heads == ["Question", "Chosen", "Refused", "Because", "What would change our mind"], page.name


# --- links ---


def anchors(page: Path) -> set[str]:
    """What a link can point at in a page, as GitHub names it."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{named(page)}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{named(page)}: {link}"


def test_every_page_is_linked() -> None:
    """From README.md one gets to each of them."""
    seen, waiting = {ROOT / "README.md"}, [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        for link in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_file() and target not in seen:
                seen.add(target)
                waiting.append(target)
    assert [named(page) for page in PAGES if page not in seen] == ["docs/README.md"]


def test_the_policy_of_the_councils_page_is_valid() -> None:
    """In the reference registry, to which its beneficiaries belong."""
    (policy,) = re.findall(r"```yaml\n(.*?kind: Council.*?)```", text("council.md"), re.DOTALL)
    tree, problems = read_tree(ROOT / "metrics")
    registry, found = load({**tree, "metrics/council.yaml": policy.encode()})
    assert registry is not None, [str(problem) for problem in (*problems, *found)]
    assert registry.council is not None
