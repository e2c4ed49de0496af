"""Where commands print to, and how they end."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import NoReturn, TextIO

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from react_agent.view import words

STDOUT = Path("-")  # as ``-o`` takes it
WIDE = 160  # columns where nobody's window sets them


class Code(IntEnum):
    """Exit codes, the same for all commands."""

    OK = 0  # answered, or done
    OTHER = 1  # another outcome; a file that is no whole trace; traces that differ
    USAGE = 2
    PAUSED = 3
    INTERRUPTED = 130


EXIT: dict[str, Code] = {"answered": Code.OK, "paused": Code.PAUSED, "cancelled": Code.INTERRUPTED}
"""Exit codes by outcome; of all others it is `Code.OTHER`."""


class Mode(StrEnum):
    """How a run is shown; what ``--display`` takes."""

    live = "live"
    plain = "plain"
    json = "json"
    quiet = "quiet"


def theirs_aside() -> redirect_stdout[TextIO]:
    """While code of the user's own runs, what it prints goes to standard error: standard output is read by other programs."""
    return redirect_stdout(sys.stderr)


def out() -> Console:
    """Standard output. Nothing in what is printed is read as markup."""
    return _console(stderr=False)


def err() -> Console:
    """Standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    return console


def show(console: Console, *things: RenderableType) -> None:
    """Print each on its own lines; where it is no terminal, lines are never broken."""
    for thing in things:
        console.print(thing, soft_wrap=not console.is_terminal)


def show_whole(console: Console, *lines: Text) -> None:
    """Print lines that can be copied as they are: only the terminal itself breaks them."""
    for line in lines:
        console.print(line, soft_wrap=True)


def note(text: str, style: str = "") -> None:
    """A word to the person at the terminal, on standard error."""
    show(err(), Text(words.plain(text), style=style))


def fail(message: str, code: Code = Code.OTHER) -> NoReturn:
    """End with a message on standard error."""
    complain(message)
    raise typer.Exit(code)


def complain(message: str) -> None:
    show(err(), Text.assemble(("react-agent: ", "bold red"), words.plain(message)))


def runs_folder(given: Path | None = None) -> Path:
    """Where traces are kept: what was given, else ``$REACT_AGENT_RUNS``, else ``./runs``."""
    return given or Path(os.environ.get("REACT_AGENT_RUNS") or "runs")


def shell(path: Path) -> str:
    """A path as it can be pasted into a shell."""
    import shlex

    return shlex.quote(words.plain_line(str(path), 4000))
