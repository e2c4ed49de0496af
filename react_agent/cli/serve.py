"""``serve``: the pages of a folder of traces."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from react_agent.cli.console import Code, fail, note, runs_folder
from react_agent.cli.options import FieldsOption, FolderArgument, RedactOption, redactor

TOKEN = "REACT_AGENT_TOKEN"


def serve(
    folder: FolderArgument = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8321,
    host: Annotated[str, typer.Option("--host", help=f"Other than loopback only with ${TOKEN} set.")] = "127.0.0.1",
    redact: RedactOption = None,
    redact_field: FieldsOption = None,
) -> None:
    """Runs in a browser: a list, live pages, reviews.

    Runs are followed while they go on, and calls that wait can be decided; `react-agent resume` then goes on. Only this machine is answered, unless
    $REACT_AGENT_TOKEN is set.
    """
    try:
        import uvicorn

        from react_agent.serving import LOOPBACK, application
    except ImportError:
        fail('this needs starlette and uvicorn: pip install "react_agent[serve]"', Code.USAGE)
    token = os.environ.get(TOKEN) or None
    if host not in LOOPBACK and token is None:
        fail(f"{host} can be reached from elsewhere: set ${TOKEN} to a long random word first, or leave --host out", Code.USAGE)
    runs = runs_folder(folder)
    note(f"the runs of {runs}: http://{'localhost' if host in LOOPBACK else host}:{port}/" + ("?token=…" if token else ""))
    uvicorn.run(application(runs, token=token, redactor=redactor(redact, redact_field)), host=host, port=port, log_level="warning")
