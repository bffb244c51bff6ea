"""A registry to start from, a source over a CSV file, a calendar and two metrics; and what puts it under the gate."""

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import click

_SCHEMA: Final = "# yaml-language-server: $schema={up}.schemas/{kind}.json\n"
_FILES: Final = {
    "registry.yaml": """\
apiVersion: cxgov/v1
kind: Registry
id: registry
version: 1.0.0
title: Our metrics
owner: cx
calendar: reporting
dialects: [duckdb, postgres]
connections:
  # Relations are the names that sources use; here a file stands for one. Paths are relative to this folder.
  local: {engine: duckdb, relations: {survey_responses: .data/survey_responses.csv}}
  # warehouse: {engine: postgres, dsn_env: CXGOV_PG_DSN}
""",
    "calendars/reporting.yaml": """\
apiVersion: cxgov/v1
kind: Calendar
id: reporting
version: 1.0.0
title: Reporting calendar
owner: finance
zone: @ZONE@
week_start: monday
fiscal_year: {starts: "01-01", named_by: start}
reporting: quarter
closes: 10 days
""",
    "sources/survey_responses.yaml": """\
apiVersion: cxgov/v1
kind: Source
id: survey_responses
version: 1.0.0
title: Survey responses
description: One row for every answered survey, as the survey tool exports it.
owner: cx
relation: survey_responses
grain: one row a response
key: [response_id]
columns:
  response_id: {type: integer}
  responded_at: {type: instant}
  channel: {type: text, values: [chat, email, phone]}
  rating: {type: integer, nullable: true, range: [1, 5]}
  likelihood: {type: integer, nullable: true, range: [0, 10]}
entities:
  response: {key: [response_id]}
dimensions: {channel: channel}
""",
    "definitions/csat.yaml": """\
apiVersion: cxgov/v1
kind: Metric
id: csat
version: 1.0.0
title: CSAT, top two boxes
description: Ratings of 4 or 5 over all ratings of 1 to 5.
owner: cx
status: certified
source: survey_responses
time: responded_at
valid: rating between 1 and 5
measure:
  share: {of: rating >= 4}
unit: percent
direction: higher_is_better
dimensions: [channel]
min_sample: 10
""",
    "definitions/nps.yaml": """\
apiVersion: cxgov/v1
kind: Metric
id: nps
version: 1.0.0
title: Net Promoter Score
description: Share of promoters (9-10) less share of detractors (0-6), in points.
owner: cx
status: certified
source: survey_responses
time: responded_at
valid: likelihood between 0 and 10
measure:
  net_share: {plus: likelihood >= 9, minus: likelihood <= 6}
unit: points
direction: higher_is_better
dimensions: [channel]
min_sample: 10
""",
}
_KINDS: Final = {
    "registry": "registry",
    "calendars": "calendar",
    "sources": "source",
    "definitions": "metric",
}


# Where GitHub looks for code owners: in the first of these that there is.
_CODE_OWNERS: Final = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
_OWNER: Final = re.compile(r"@[A-Za-z0-9][A-Za-z0-9-]*(/[A-Za-z0-9._-]+)?")


def registry_files(zone: str) -> dict[str, str]:
    """The files of a registry by their path, ``metrics/…``.

    Raises:
        click.ClickException: the zone does not exist.
    """
    from cxgov.language.building import zone as known_zone
    from cxgov.language.shapes import KINDS, schema_text

    if known_zone(zone) is None:
        raise click.ClickException(f"{zone!r} is not an IANA time zone. Write e.g. Europe/Berlin.")
    found = {}
    for name, text in _FILES.items():
        kind = _KINDS[name.split("/", 1)[0].removesuffix(".yaml")]
        schema = _SCHEMA.format(up="../" * name.count("/"), kind=kind)
        found[f"metrics/{name}"] = schema + text.replace("@ZONE@", zone)
    for kind in KINDS:
        found[f"metrics/.schemas/{kind.lower()}.json"] = schema_text(kind)
    found["metrics/.data/survey_responses.csv"] = _responses()
    return found


def github_files(owners: Sequence[str], *, code_owners: bool) -> dict[str, str]:
    """The files of ``.github`` by their path, with the running versions pinned.

    Raises:
        click.ClickException: an owner is neither an account nor a team.
    """
    from importlib.metadata import version

    from cxgov import __version__
    from cxgov.forge import files

    for owner in owners:
        if not _OWNER.fullmatch(owner):
            raise click.ClickException(f"{owner!r} is no code owner. Write @login or @organisation/team.")
    found = files.github_files(owners, (("cxgov", __version__), ("sqlglot", version("sqlglot"))))
    if not code_owners:
        del found[_CODE_OWNERS[0]]
    return found


def repository_above(folder: Path) -> Path | None:
    """The top of the repository in which a folder lies, where that is another one."""
    here = folder.resolve()
    for parent in (here, *here.parents):
        if (parent / ".git").exists():
            return None if parent == here else parent
    return None


def write_new(folder: Path, files: Mapping[str, str]) -> None:
    """Writes files that are not there yet: all of them, or none.

    Raises:
        click.ClickException: one is there, or what would take its place.
    """
    wanted = {"metrics" if path.startswith("metrics/") else path: None for path in files}
    if _CODE_OWNERS[0] in wanted:
        wanted |= dict.fromkeys(_CODE_OWNERS)
    there = [path for path in wanted if os.path.lexists(folder / path)]
    if there:
        ways = ["name another folder", "write the rest with --only"]
        ways += ["keep yours with --no-code-owners"] if set(there) & set(_CODE_OWNERS) else []
        raise click.ClickException(f"{', '.join(there)} exists already, so nothing was written: {', or '.join(ways)}.")
    made: list[Path] = []
    try:
        for path, text in files.items():
            target = folder / path
            for parent in reversed([target.parent, *target.parent.parents]):
                if not parent.is_dir():
                    parent.mkdir()
                    made.append(parent)
            with target.open("x", encoding="utf-8", newline="\n") as file:
                made.append(target)
                file.write(text)
    except BaseException:
        for its in reversed(made):
            with contextlib.suppress(OSError):
                its.rmdir() if its.is_dir() else its.unlink()
        raise


def _responses() -> str:
    """Ninety days of made-up answers, the same each time."""
    lines = ["response_id,responded_at,channel,rating,likelihood"]
    state = 20260101
    number = 0
    for day in range(90):
        for hour in (8, 11, 14, 17, 20):
            number += 1
            # A small congruential generator: the file must be the same on every machine.
            state = (state * 1103515245 + 12345) % 2**31
            draw = state >> 8
            moment = f"{date(2026, 1, 1) + timedelta(days=day)}T{hour:02d}:{draw % 60:02d}:00Z"
            channel = ("chat", "email", "phone")[draw % 3]
            rating = "" if draw % 23 == 0 else str(min(5, 2 + draw // 7 % 5))
            likelihood = "" if draw % 19 == 0 else str(min(10, 3 + draw // 11 % 10))
            lines.append(f"{number},{moment},{channel},{rating},{likelihood}")
    return "\n".join(lines) + "\n"
