"""``cxgov check``."""

import click

from cxgov.cli.options import format_option, loaded, progress, registry_option


@click.command("check")
@click.argument("sources", nargs=-1)
@click.option("--connection", metavar="NAME", help="Connection of the registry. Default: its first.")
@format_option("text", "json")
@registry_option
def command(sources: tuple[str, ...], connection: str | None, form: str, registry: str | None) -> int:
    """Hold the data against the sources' declarations: keys, NULLs, values, ranges, references.

    An exclusion that takes no row is said too. Exit code 1 where the data breaks one.
    """
    from cxgov import api
    from cxgov.reports import registry as printers

    known = loaded(registry)
    with progress("checking"):
        found = api.check(known, connection=connection, sources=sources)
    if form == "json":
        rows = [{"source": f.source, "rule": f.rule, "rows": f.rows, "message": f.message} for f in found]
        click.echo(printers.as_json({"holds": not found, "findings": rows}), nl=False)
    else:
        lines = [[f.source, f.rule, f"{f.rows:,}", f.message] for f in found]
        count = len(sources) or len(known.registry.sources)
        holds = f"{count} source{'' if count == 1 else 's'}: the data holds what is declared\n"
        click.echo(printers.columns(lines) if lines else holds, nl=False)
    return 1 if found else 0
