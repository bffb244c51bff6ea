"""``cxgov show``."""

import click

from cxgov.cli.options import format_option, loaded, present_ids, registry_option, warn_of_ends


@click.command("show")
@click.argument("metric")
@format_option("text", "json")
@registry_option
def command(metric: str, form: str, registry: str | None) -> None:
    """Show what a metric means."""
    from cxgov.api import Refused
    from cxgov.language.diagnostics import listed, nearest
    from cxgov.reports import registry as printers

    known = loaded(registry).registry
    [metric] = present_ids(known.metrics.values(), [metric])
    if metric not in known.metrics:
        near = nearest(metric, known.metrics)
        raise Refused(f"metric {metric!r} does not exist{near}", f"Metrics: {listed(sorted(known.metrics))}.")
    warn_of_ends([(known, metric)])
    fields = printers.show_fields(known, known.metrics[metric])
    click.echo(printers.show_text(fields) if form == "text" else printers.as_json(fields), nl=False)
