"""``demo``: several agents on a scripted model, shown as they run. It needs no key and no network, and leaves traces to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from react_agent.cli.console import Code, Mode, runs_folder


def demo(
    store: Annotated[
        Path | None, typer.Option("--store", metavar="DIR", help="Folder for traces. By default $REACT_AGENT_RUNS, else ./runs.")
    ] = None,
    display: Annotated[Mode | None, typer.Option("--display", help="As in `run`.")] = None,
) -> None:
    """Watch scripted agents run: no key and no network needed."""
    from react_agent.cli.scenes import play

    code = Code.OK if play(runs_folder(store), display) else Code.OTHER
    raise typer.Exit(code)
