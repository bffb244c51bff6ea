"""``cxgov approve``."""

from pathlib import Path

import click

from cxgov.cli.options import instant, registry_folder, registry_option, write_whole


@click.command("approve")
@click.option("--trusted", metavar="REF", required=True, help="Commit into which it would be merged, e.g. origin/main.")
@click.option("--head", metavar="REV", required=True, help="Commit that is proposed.")
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Your private key, or the public one of a key that an agent holds.",
)
@click.option("--yes", is_flag=True, help="Sign without asking.")
@click.option("--now", metavar="INSTANT", help="When it is judged. Default: now.")
@registry_option
def command(
    *,
    trusted: str,
    head: str,
    key: Path,
    yes: bool,
    now: str | None,
    registry: str | None,
) -> int:
    """Show what a proposal changes and sign an approval of exactly that.

    \b
    cxgov approve --trusted origin/main --head proposal --key ~/.ssh/id_ed25519

    The file is written to the registry's folder approvals/. Commit it to the proposal.
    """  # noqa: D301  # \b is click's mark for lines that it keeps
    from cxgov import api
    from cxgov.reports import verdicts

    folder, at = registry_folder(registry), instant(now, "--now")
    gated = api.gate(folder, trusted=trusted, head=head, now=at)
    click.echo(verdicts.as_text(gated), nl=False)
    if not yes:
        click.confirm("Sign an approval of these changes?", abort=True)
    name, data = api.approve(gated, key=key)
    target = folder / "approvals" / name
    target.parent.mkdir(exist_ok=True)
    write_whole(target, data.decode())
    click.echo(f"{target}: commit it to the proposal")
    return 0
