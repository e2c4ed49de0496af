"""The commands put together, and the one place where errors become messages and exit codes.

A command's module is imported when that command is called: help, completion and a wrong option cost no more than the parser itself.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Annotated, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from react_agent.errors import ConfigError, Diverged, ReactAgentError, ScriptError

UsageError: type[typer.BadParameter] = typer.BadParameter.__base__  # type: ignore[assignment]  # typer has no public name for it

HELP = """Agents that reason, act and observe, with any language model.

Exit codes: 0 answered or done; 1 another outcome, a file that is no whole trace, or traces that differ;
2 wrong usage; 3 paused, a call waits for a review; 130 interrupted.
"""


class Place(NamedTuple):
    """Where a command is, the first line of its help, and what to do with words that it has no use for."""

    module: str
    function: str
    help: str
    extra: str = ""


QUOTED = "Put the question in quotes, as one word."
BY_OPTION = "Where tools are is said with -t, as in -t path/file.py."


TOP = {
    "demo": Place("demo", "demo", "Watch scripted agents run: no key and no network needed."),
    "run": Place("run", "run", "Ask a question; the model may call tools until it answers.", QUOTED),
    "resume": Place("run", "resume", "Go on after a pause, a limit, or with the next question.", QUOTED),
    "serve": Place("serve", "serve", "Runs in a browser: a list, live pages, reviews."),
    "doctor": Place("doctor", "doctor", "See what is set up, which servers answer, and what to do next."),
}
TRACE = {
    "list": Place("trace", "list_", "The traces of a folder, newest first."),
    "show": Place("trace", "show_", "A run from its question to its outcome."),
    "steps": Place("trace", "steps", "A table of the steps: thought, call, result, tokens, time."),
    "prompt": Place("prompt", "prompt", "Exactly what the model was sent in a step."),
    "raw": Place("prompt", "raw", "The file's lines; with --step, what the model wrote."),
    "replay": Place("prompt", "replay_", "Run a trace again without its world; exit 1 where it differs."),
    "fork": Place("run", "fork", "Try another way from an earlier step, as a new run."),
    "diff": Place("compare", "diff", "Compare two runs, step by step and word by word."),
    "grep": Place("trace", "grep", "Find a text in questions, thoughts, calls, results, answers."),
    "stats": Place("trace", "stats", "What runs took: steps, calls, mistakes, tokens, cost, time."),
    "export": Place("export", "export_", "A run for other programs or for people."),
    "html": Place("pages", "html_", "A run as one page that stands alone; or two, side by side."),
    "serve": TOP["serve"],
    "test": Place("pages", "as_test_", "Write a test from a trace."),
}


TOOLS = {
    "list": Place("tools", "list_", "The tools there are, with what they say of themselves.", BY_OPTION),
    "show": Place("tools", "show_", "One tool: description, parameters, examples, and how it is run.", BY_OPTION),
    "call": Place(
        "tools", "call_", "Call a tool as a run would: with its checks and bounds.", "The arguments are one JSON object, in quotes."
    ),
    "serve": Place("tools", "serve", "Offer tools as an MCP server, over standard input and output.", BY_OPTION),
}


def load(place: Place) -> object:
    """The command itself; its options are in its module."""
    from react_agent.cli.options import spread

    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(help=None)(spread(getattr(import_module(f"react_agent.cli.{place.module}"), place.function)))
    command = get_command(single)
    parse = command.parse_args

    def advised(ctx: typer.Context, args: list[str]) -> list[str]:
        try:
            return parse(ctx, args)
        except UsageError as error:
            if "extra argument" in error.message and place.extra:
                error.message = f"{error.message}. {place.extra}"
            raise

    command.parse_args = advised  # type: ignore[method-assign,assignment]
    return command


def _meant(word: str) -> str:
    """The command that somebody wanted who typed this for one."""
    for group, places in (("trace", TRACE), ("tools", TOOLS)):
        if word in places:
            return f"There is 'react-agent {group} {word}'."
    if word.endswith(".jsonl") and os.path.isfile(word):
        return "To look at a trace: react-agent trace show FILE."
    if any(sign.isspace() or sign == "?" for sign in word):
        return "To ask a question: react-agent run QUESTION."
    return ""


class Trace(TyperGroup):
    """The commands beneath ``trace``; each is imported when it is called."""

    places = TRACE

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> tuple[str | None, object, list[str]]:  # type: ignore[override]
        if self.places is TOP and args[0] not in self.commands and (meant := _meant(args[0])):
            ctx.fail(f"No such command {args[0]!r}. {meant}")
        name, command, rest = super().resolve_command(ctx, args)
        place = self.places.get(name or "")
        return name, load(place) if place else command, rest


class Tools(Trace):
    """The commands beneath ``tools``."""

    places = TOOLS


class Top(Trace):
    """The commands; what this library raises in one becomes a message and an exit code, never a traceback."""

    places = TOP

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # whoever read our output has seen enough
        except (ReactAgentError, OSError, KeyboardInterrupt) as error:
            code = explain(error)
        raise typer.Exit(code)


def explain(error: BaseException) -> int:
    """Say what happened, and give the exit code for it."""
    from react_agent.cli.console import Code, complain

    match error:
        case KeyboardInterrupt():
            return Code.INTERRUPTED
        case ConfigError():
            complain(str(error))
            return Code.USAGE
        case Diverged() | ScriptError():
            complain(f"{type(error).__name__}: {error}")
        case OSError(filename=str() as name, strerror=str() as why):
            complain(f"{name}: {why}")
        case _:
            complain(str(error))
    return Code.OTHER


def _version(asked: bool) -> None:
    if asked:
        from react_agent import __version__

        print(f"react-agent {__version__}")
        raise typer.Exit


def _top(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False) -> None:
    pass


def _stub() -> None:
    """Stands for a command that is not imported yet."""


def _assemble() -> typer.Typer:
    made = typer.Typer(
        cls=Top,
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    traces = typer.Typer(cls=Trace, help="Read, replay, fork and compare traces.", no_args_is_help=True)
    made.callback()(_top)
    tools = typer.Typer(cls=Tools, help="List, show, call and serve tools, without a model.", no_args_is_help=True)
    for group, places in ((made, TOP), (traces, TRACE), (tools, TOOLS)):
        for name, place in places.items():
            group.command(name, help=place.help)(_stub)
    made.add_typer(traces, name="trace", rich_help_panel=None)
    made.add_typer(tools, name="tools", rich_help_panel=None)
    return made


app = _assemble()
