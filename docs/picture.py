"""A picture of a terminal for README.md: what `cxgov run` prints today, written to docs/run.svg.

    python docs/picture.py [--check] [--demo REGISTRY]

REGISTRY is the reference registry with its data; by default metrics/, after ``make demo``.
"""

import argparse
import io
import re
import sys
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from cxgov import Query, load, run
from cxgov.reports.results import as_table

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURE: Final = ROOT / "docs" / "run.svg"
COMMAND: Final = "cxgov run nps csat_top2 sla_first_reply --by customer.region --grain month --period 2026-Q3"
_FONTS: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
# After the quarter's numbers are complete, whatever day it is.
NOW: Final = datetime(2026, 10, 12, tzinfo=UTC)
_THEME: Final = TerminalTheme(
    (24, 27, 34),
    (222, 226, 234),
    [(24, 27, 34), (240, 113, 120), (152, 195, 121), (229, 192, 123), (97, 175, 239), (198, 120, 221), (86, 182, 194),
     (222, 226, 234)],
    [(127, 132, 142), (240, 113, 120), (152, 195, 121), (229, 192, 123), (97, 175, 239), (198, 120, 221),
     (86, 182, 194), (255, 255, 255)],
)  # fmt: skip


def picture(registry: Path) -> str:
    """The terminal as SVG."""
    query = Query(
        metrics=("nps", "csat_top2", "sla_first_reply"), by=("customer.region",), grain="month", period="2026-Q3"
    )
    output = as_table(run(load(registry), query, connection="demo", now=NOW), color=True)
    shown = Text.assemble(("$ ", "bold green"), (COMMAND, "bold"), "\n\n") + Text.from_ansi(output.rstrip())
    width = max(line.cell_len for line in shown.split()) + 1
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(shown, highlight=False)
    svg = console.export_svg(title="cxgov", theme=_THEME, unique_id="cxgov-run")
    # A picture in a page loads nothing, so rich's web font is never there.
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", _FONTS)
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines())


def words(svg: str) -> str:
    """The text of a picture, without its spaces: another release of rich may place it otherwise."""
    return "".join("".join(unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)).split())


def main() -> int:
    """Writes the picture; with ``--check`` gives 1 where its text is not today's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--demo", type=Path, default=ROOT / "metrics")
    given = parser.parse_args()
    wanted = picture(given.demo)
    if not given.check:
        PICTURE.write_text(wanted, encoding="utf-8")
        return 0
    if words(wanted) == words(PICTURE.read_text(encoding="utf-8")):
        return 0
    print("docs/run.svg is not up to date: call `python docs/picture.py`")
    return 1


if __name__ == "__main__":
    sys.exit(main())
