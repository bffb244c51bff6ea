"""``cxgov evaluate``."""

import os
import sys
from pathlib import Path

import click

from cxgov.cli.options import (
    format_option,
    loaded,
    present_ids,
    progress,
    registry_option,
    warn_of_ends,
    write_out,
    write_whole,
)


@click.command("evaluate")
@click.argument("wanted", nargs=-1, metavar="[THRESHOLD|METRIC]...")
@click.option("--period", required=True, metavar="PERIOD", help="A period of the calendar: 2026-Q3, 2026-07 or 2026.")
@click.option("--connection", metavar="NAME", help="Connection of the registry. Default: its first.")
@click.option(
    "--history",
    type=click.IntRange(0, 120),
    default=8,
    show_default=True,
    help="How many buckets before the judged one are shown.",
)
@format_option("text", "json", "markdown")
@click.option("--svg", metavar="FOLDER", help="Draw each series too, as FOLDER/THRESHOLD_BUCKET.svg.")
@click.option("--into", metavar="FILE", help="Write to a file instead of printing.")
@registry_option
def command(
    *,
    wanted: tuple[str, ...],
    period: str,
    connection: str | None,
    history: int,
    form: str,
    svg: str | None,
    into: str | None,
    registry: str | None,
) -> int:
    """Say where metrics stand by their thresholds, and what their changes mean.

    Without a name all thresholds are judged, in each of their buckets that the period holds whole. Days that are
    frozen are judged by the definitions and thresholds that were frozen for them.
    Exit code 1 where a value lies in a band named `breach`.

    \b
    cxgov evaluate nps --period 2026-Q3 --svg charts
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov import api
    from cxgov.reports import evaluations as printers

    known = loaded(registry)
    metrics, thresholds = known.registry.metrics.values(), known.registry.thresholds.values()
    wanted = present_ids([*metrics, *thresholds], wanted)
    with progress("evaluating"):
        found = api.evaluate(known, wanted, period=period, connection=connection, history=history)
    warn_of_ends((known.registry, its.threshold.metric) for its in found.judgements)
    for metric, periods in api.frozen_otherwise(known, found).items():
        click.echo(f"{metric} meant something else in {', '.join(periods)}, and is shown by one definition", err=True)
    if form == "text":
        color = into is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        text = printers.as_text(found, color=color)
    else:
        text = printers.as_json(found) if form == "json" else printers.as_markdown(found)
    write_out(text, into)
    if svg is not None:
        from cxgov.reports.pictures import file_name, picture

        folder = Path(svg)
        folder.mkdir(parents=True, exist_ok=True)
        for judgement in found.judgements:
            path = folder / file_name(judgement)
            write_whole(path, picture(judgement, found.confidence))
            click.echo(str(path), err=True)
    return 1 if found.breached else 0
