"""The commands put together, and the one place where errors become messages and exit codes."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.core import TyperGroup

from react_agent.cli.console import Code, complain
from react_agent.errors import ConfigError, Diverged, ReactAgentError, ScriptError

HELP = """Agents that reason, act and observe, with any language model.

Exit codes: 0 answered or done; 1 another outcome, a file that is no whole trace, or traces that differ;
2 wrong usage; 3 paused, a call waits for a review; 130 interrupted.
"""


class Commands(TyperGroup):
    """Runs a command; what this library raises becomes a message, never a traceback."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            complain(str(error))
            code = Code.USAGE
        except (Diverged, ScriptError) as error:
            complain(f"{type(error).__name__}: {error}")
            code = Code.OTHER
        except ReactAgentError as error:
            complain(str(error))
            code = Code.OTHER
        except BrokenPipeError:
            raise  # whoever read our output has seen enough
        except OSError as error:
            complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
            code = Code.OTHER
        except KeyboardInterrupt:
            code = Code.INTERRUPTED
        raise typer.Exit(code)


app = typer.Typer(
    cls=Commands,
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(asked: bool) -> None:
    if asked:
        from react_agent import __version__

        print(f"react-agent {__version__}")
        raise typer.Exit


@app.callback()
def _top(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False) -> None:
    pass


def _assemble() -> None:
    from react_agent.cli import compare, demo, doctor, run, trace

    app.command("demo")(demo.demo)
    app.command("run")(run.run)
    app.command("resume")(run.resume)
    app.add_typer(trace.app, name="trace")
    trace.app.command("fork")(run.fork)
    trace.app.command("diff")(compare.diff)
    app.command("doctor")(doctor.doctor)


_assemble()
