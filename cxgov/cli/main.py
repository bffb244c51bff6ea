"""The ``cxgov`` command: its subcommands, each imported when it is used, and the one place that decides exit codes.

0  yes
1  no: an invalid registry (of ``validate``), data that breaks a declaration (of ``check``), a breach (of ``evaluate``),
   a change above ``editorial`` (of ``diff``), a version that is too small (of ``bump --check``), an approval that is
   missing (of ``gate``, ``review`` and ``audit``), SQL that is not certified or restated since (of ``verify``)
2  cannot say: usage, a refused question, an invalid registry (of any other command), an engine or git that fails,
   a number that was asked for and could not be evaluated (of ``review``), a step that cannot be replayed (``audit``),
   SQL of another version (of ``verify``)
3  a bug
4  a frozen period is moved (of ``gate``, ``review`` and ``audit``)
5  evidence that was altered (of ``gate``, ``review`` and ``audit``), SQL that was (of ``verify``)
130  interrupted
"""

import gc
import sys
from importlib import import_module
from typing import Final

import click

import cxgov

OK, NO, CANNOT_SAY, BUG, TOUCHED, ALTERED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

# Name to module and the line that --help shows: importing twelve modules for a list of lines would be felt.
COMMANDS: Final = {
    "init": "Start a registry of your own.",
    "demo": "Make the demo's data and ask a first question.",
    "validate": "Check a registry and say everything that is wrong.",
    "list": "List the metrics.",
    "show": "Show what a metric means.",
    "graph": "Draw sources and metrics as a Mermaid graph.",
    "compile": "Compile metrics to one SQL statement.",
    "run": "Compile metrics and run the statement on a connection.",
    "sample": "Draw whom a sampling rule invites for a period.",
    "evaluate": "Say where metrics stand by their thresholds, and what their changes mean.",
    "diff": "Say what a change of the registry means and what it reaches.",
    "bump": "Write the versions that the changes of the registry need.",
    "review": "Show what a proposal changes in meaning and in numbers, and who must approve it.",
    "gate": "Say whether a proposal may be merged.",
    "github": "What the workflows on GitHub call: the gate, its comment, its re-run.",
    "audit": "Replay a history and name the first thing that does not hold.",
    "history": "Show every version of a metric, who approved it and where it counts.",
    "approve": "Show what a proposal changes and sign an approval of it.",
    "break-glass": "Let a change through without its approvals, signed, for a time; and review it afterwards.",
    "verify": "Say whether SQL is what the frozen definitions give.",
    "freeze": "Freeze what every metric means in a reporting period.",
    "restate": "Correct what a frozen period said of some metrics.",
    "deprecate": "Say that a metric ends: its successor, its sunset, why.",
    "retire": "Retire a deprecated metric.",
    "reports": "List the reports, or those that a change touches.",
    "check": "Hold the data against the sources' declarations.",
    "rules": "Print the rules that a registry is checked by.",
    "dialects": "Print the SQL dialects and how they are held.",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # the parameters are click's
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"cxgov.cli.{cmd_name.replace('-', '_')}_command")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from cxgov.language.diagnostics import nearest

            raise click.UsageError(f"no command {args[0]!r}{nearest(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(cxgov.__version__, prog_name="cxgov")
def commands() -> None:
    """Governed metrics-as-code: one metric, one period, one number."""


def main() -> None:
    """Runs the command line and exits."""
    # A command is short: walking what it has built, again and again, finds no garbage worth the time.
    gc.disable()
    sys.exit(exit_code(sys.argv[1:]))


def exit_code(args: list[str]) -> int:
    """Runs the command line and gives its exit code; every failure is said in a line or two on standard error."""
    try:
        # Commands give their answer as their return value, so that nothing but this function exits.
        answer = commands.main(args, standalone_mode=False)
        return answer if isinstance(answer, int) else OK
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as problem:
        problem.show()
        return CANNOT_SAY
    except click.ClickException as problem:
        click.echo(f"cxgov: {problem.format_message()}", err=True)
        return CANNOT_SAY
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough, e.g. `| head`; the interpreter must not try to flush to it again.
        sys.stdout = None
        return OK
    except Exception as problem:  # noqa: BLE001  # the last place that can tell a refusal from a bug
        return _failed(problem)


def _failed(problem: Exception) -> int:
    from cxgov.api import InvalidRegistry, Refused
    from cxgov.engines.protocol import EngineError
    from cxgov.evidence.failures import CannotSay
    from cxgov.governance.bumping import CannotWrite
    from cxgov.ledger.chain import Altered

    if isinstance(problem, Refused | CannotWrite):
        click.echo(f"cxgov: {problem}" + (f"\n    fix: {problem.fix}" if problem.fix else ""), err=True)
        return CANNOT_SAY
    if isinstance(problem, InvalidRegistry):
        first = next(found for found in problem.diagnostics if found.is_error)
        click.echo(f"cxgov: {problem}; the first is\n{first}", err=True)
        return CANNOT_SAY
    if isinstance(problem, EngineError | CannotSay | OSError):
        click.echo(f"cxgov: {problem}", err=True)
        return CANNOT_SAY
    if isinstance(problem, Altered):
        click.echo(f"cxgov: {problem}", err=True)
        return ALTERED
    import traceback

    where = traceback.extract_tb(problem.__traceback__)[-1]
    click.echo(f"cxgov: a bug: {type(problem).__name__}: {problem} (at {where.filename}:{where.lineno})", err=True)
    return BUG
