"""What commands share: the registry option, the question's options, reading, writing, showing progress."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from cxgov.api import Loaded, Query
    from cxgov.language.model import Document, Registry
    from cxgov.ledger.freezing import Freezing
    from cxgov.ledger.readings import Reading

F = TypeVar("F", bound=Callable[..., Any])


def registry_folder(given: str | None) -> Path:
    """The folder that is named, or the nearest ``metrics/`` upwards."""
    folder = Path(given) if given is not None else nearest_registry()
    if folder is None:
        raise click.ClickException("no folder `metrics` here or above. Name one with --registry, or run `cxgov init`.")
    if not folder.is_dir():
        raise click.ClickException(f"{folder} is not a folder.")
    return folder


def nearest_registry() -> Path | None:
    """The nearest folder ``metrics`` upwards, as a path from here."""
    here = Path.cwd()
    found = (parent / "metrics" for parent in (here, *here.parents) if (parent / "metrics").is_dir())
    nearest = next(found, None)
    return None if nearest is None else Path(os.path.relpath(nearest))


def loaded(given: str | None) -> "Loaded":
    """The registry of a command; an invalid one is refused."""
    from cxgov.api import load

    return load(registry_folder(given))


def registry_option(command: F) -> F:
    """``--registry``."""
    option = click.option(
        "--registry", metavar="DIR", help="Folder of the registry. Default: the nearest metrics/ upwards."
    )
    return option(command)


def format_option(*formats: str) -> Callable[[F], F]:
    """``--format``, the first one by default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How to print.",
    )


def question_options(command: F) -> F:
    """The options that make a question."""
    options = [
        click.argument("metrics", nargs=-1, required=True, metavar="METRIC..."),
        click.option(
            "--by", multiple=True, metavar="DIMENSION", help="Split by a declared dimension; may be repeated."
        ),
        click.option(
            "--grain",
            type=click.Choice(["day", "week", "month", "quarter", "year"]),
            help="One line for each.",
        ),
        click.option("--period", metavar="PERIOD", help="A period of the calendar: 2026-Q3, 2026-07 or 2026."),
        click.option(
            "--start",
            type=click.DateTime(["%Y-%m-%d"]),
            metavar="DAY",
            help="First day, instead of --period.",
        ),
        click.option(
            "--end",
            type=click.DateTime(["%Y-%m-%d"]),
            metavar="DAY",
            help="First day that is not meant any more.",
        ),
        click.option(
            "--where",
            metavar="CONDITION",
            help="Filter over declared dimensions, e.g. \"channel = 'email'\".",
        ),
        click.option("--overlay", metavar="ID", help="Ask of an overlay's rows only; its dimensions may be asked too."),
        click.option(
            "--stats",
            type=click.Choice(["none", "n", "full"]),
            default="n",
            show_default=True,
            help="Columns beside a value: rows and status, or intervals too.",
        ),
        click.option(
            "--without-exclusions",
            is_flag=True,
            help="Show beside each value what it would be without its exclusions.",
        ),
        click.option("--as-of", metavar="INSTANT", help="What had arrived by then. Default: when the period closes."),
        click.option("--draft", is_flag=True, help="Let metrics of status draft in."),
        registry_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def question(options: dict[str, Any]) -> "Query":
    """The query of a command's options."""
    from cxgov.api import Query

    start, end = options.pop("start"), options.pop("end")
    return Query(
        metrics=options.pop("metrics"),
        by=options.pop("by"),
        grain=options.pop("grain"),
        period=options.pop("period"),
        start=start.date() if start else None,
        end=end.date() if end else None,
        where=options.pop("where"),
        stats=options.pop("stats"),
        as_of=instant(options.pop("as_of"), "--as-of"),
        draft=options.pop("draft"),
        without_exclusions=options.pop("without_exclusions"),
        overlay=options.pop("overlay"),
    )


def frozen_options(command: F) -> F:
    """The options that choose among frozen definitions."""
    restatement = click.option(
        "--restatement", type=int, metavar="N", help="An earlier reading of a frozen period: 0 is the first."
    )
    definition = click.option(
        "--definition-of", metavar="PERIOD", help="Ask what the metrics meant in a frozen period, for whichever days."
    )
    return definition(restatement(command))


def say_of(asked: "Query", readings: "Sequence[Reading]") -> None:
    """Says which of the ids that are asked are other ones in the definitions that answer, and where these change."""
    from cxgov.compiler.narrowing import renamed

    for reading in readings:
        now = renamed(reading.registry.metrics.values(), reading.query.metrics)
        for old, identity in zip(asked.metrics, reading.query.metrics, strict=True):
            known = now.get(identity, identity)
            if old != known:
                when = f" in {reading.entries[-1].period.id}" if reading.frozen else ""
                click.echo(f"{old} {'was' if when else 'is now'} {known}{when}", err=True)
    for before, after in pairwise(readings):
        moved = [its for its in after.closures if after.closures[its] != before.closures.get(its)]
        if moved:
            mean = "means" if len(moved) == 1 else "mean"
            click.echo(f"a break: from {after.query.start} on {', '.join(moved)} {mean} something else", err=True)
    warn_of_ends((reading.registry, its) for reading in readings for its in reading.closures)


def present_ids(known: "Collection[Document]", asked: Iterable[str]) -> tuple[str, ...]:
    """Ids of documents as they are now; says which of them are old ones."""
    from cxgov.compiler.narrowing import renamed

    asked = tuple(asked)
    now = renamed(known, asked)
    for old, identity in now.items():
        click.echo(f"{old} is now {identity}", err=True)
    return tuple(now.get(identity, identity) for identity in asked)


def warn_of_ends(asked: "Iterable[tuple[Registry, str]]") -> None:
    """Says once which metrics are deprecated in their registries, and what to use instead."""
    from cxgov.language.lifecycle import farewell

    for said in dict.fromkeys(farewell(registry.metrics, registry.metrics[its]) for registry, its in asked):
        if said is not None:
            click.echo(said, err=True)


def instant(text: str | None, option: str) -> datetime | None:
    """The instant that an option names."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    raise click.BadParameter(
        f"{text!r} is no instant. Write it with a zone, e.g. 2026-10-11T00:00:00Z.", param_hint=option
    )


def write_out(text: str, target: str | None) -> None:
    """Prints a text, or writes it to a file."""
    if target is None:
        # Colour was decided before; what a cell holds is not to be taken out here.
        click.echo(text, nl=False, color=True)
    else:
        write_whole(Path(target), text)


def write_whole(path: Path, text: str) -> None:
    """Writes a file whole or not at all; what is no regular file, as a pipe, is written to and not replaced."""
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    if not path.parent.is_dir():
        raise click.ClickException(f"{path} cannot be written: {path.parent} is not a folder.")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_entry(folder: Path, freezing: "Freezing") -> None:
    """Writes an entry of the ledger with its objects, and says what it holds."""
    from cxgov.language.loading import FROZEN
    from cxgov.ledger.folder import TakenMeanwhile, write_freezing
    from cxgov.ledger.forms import digest

    try:
        target = write_freezing(folder / FROZEN, freezing)
    except TakenMeanwhile as taken:
        raise click.ClickException(str(taken)) from None
    entry = freezing.entry
    period, metrics = entry.period, len(entry.restated or entry.metrics)
    of = f" of {len(entry.metrics)}" if entry.restated else ""
    what = f"restated (reading {entry.restatement + 1})" if entry.restatement else "frozen"
    plural = "s" if len(entry.metrics) != 1 else ""
    closes = f"closes {period.edges.as_of:%Y-%m-%d %H:%M} UTC"
    click.echo(f"{period.id} is {what}: {metrics}{of} metric{plural} in {', '.join(entry.dialects)}")
    click.echo(f"  {period.first_day} to before {period.after}, days of {period.zone}; {closes}")
    if entry.late and not entry.restatement:
        click.echo("  late: the period had begun")
    for its in entry.difference or ():
        old, new = (_number(its[side], its[f"{side}_n"]) for side in ("old", "new"))
        click.echo(f"  {its['metric']}: {old} -> {new}")
    click.echo(f"{target}: commit it with {target.parent.parent / 'objects'}, and propose it")
    click.echo(f"head {digest(entry.data)}")


def _number(value: float | None, n: int | None) -> str:
    return "no value" if value is None else f"{value:,.4g} (n {n:,})"


@contextlib.contextmanager
def progress(what: str) -> Iterator[None]:
    """Shows, on a terminal and after the first second, that something is under way and for how long."""
    if not sys.stderr.isatty():
        yield
        return
    import threading
    import time

    done = threading.Event()

    def tick() -> None:
        started = time.monotonic()
        if done.wait(1):
            return
        while not done.wait(0.2):
            sys.stderr.write(f"\r{what} … {time.monotonic() - started:.0f} s ")
            sys.stderr.flush()
        sys.stderr.write("\r" + " " * (len(what) + 12) + "\r")
        sys.stderr.flush()

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()
