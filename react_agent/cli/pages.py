"""``trace html`` and ``trace test``: a run as a page that stands alone, and as a test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from react_agent.cli.console import STDOUT, Code, fail, note, shell
from react_agent.cli.files import load, load_whole
from react_agent.cli.options import FileArgument, MaskOptions
from react_agent.view import kin
from react_agent.view.as_test import as_replay, as_test, scriptable
from react_agent.view.html import compare_page, page


def html_(
    file: FileArgument = None,
    other: Annotated[str | None, typer.Argument(metavar="[OTHER]", help="A second run, to be compared with the first.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="OUT", help="By default the run's name with .html.")] = None,
    *,
    masks: MaskOptions,
) -> None:
    """A run as one page that stands alone; or two, side by side.

    It opens from the file system, asks no network, and nothing that a trace holds can run in it.
    """
    loaded = [load(name, masks) for name in ([file] if other is None else [file, other])]
    problems = [one.problem for one in loaded if one.problem]
    if other is None:
        [one] = loaded
        text = page(one.trace, problem=one.problem, file=str(one.path), beneath=kin.descendants(one.trace, one.path, masks))
    else:
        text = compare_page(loaded[0].trace, loaded[1].trace, problems=problems)
    to = output or Path("-".join(one.path.stem for one in loaded) + ".html")
    if to == STDOUT:
        print(text)
    else:
        to.write_text(text, encoding="utf-8")
        note(f"written to {shell(to)}")
    for one in loaded:
        one.done()


def as_test_(
    file: FileArgument = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="OUT", help="By default standard output.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", metavar="MODULE:NAME", help="Try this agent with the same replies.")] = None,
    *,
    masks: MaskOptions,
) -> None:
    """Write a test from a trace.

    It replays the trace's file, and so watches over prompts and parsers. With --agent, the model plays what it said and that agent's own tools run.
    """
    path, trace, _ = load_whole(file)
    trace = masks.trace(trace)
    module, _, name = (agent or "a:b").partition(":")
    if not (all(part.isidentifier() for part in module.split(".")) and name.isidentifier()):
        fail(f"--agent takes MODULE:NAME, such as my_app.agents:helper, not '{agent}'", Code.USAGE)
    played = agent is not None and scriptable(trace)
    if agent and not played:
        note(
            f"{agent} is left out: a run that was taken up again, spoken to, reviewed, forked or stopped, or asked with a picture, is no script. "
            "The test replays its file.",
            "yellow",
        )
    text = as_test(trace, str(path), agent) if agent and played else as_replay(trace, str(path), _seen_from(output, path))
    if output is None or output == STDOUT:
        print(text, end="")
    elif output.exists():
        fail(f"{shell(output)} exists: name another file, or remove it first", Code.USAGE)
    else:
        output.write_text(text, encoding="utf-8")
        note(f"written to {shell(output)}")


def _seen_from(output: Path | None, path: Path) -> str | None:
    """The trace's file from the folder of the test; None where that is not known, or lies on another drive."""
    if output is None or output == STDOUT:
        return None
    try:
        return Path(os.path.relpath(path.resolve(), output.resolve().parent)).as_posix()
    except ValueError:
        return None
