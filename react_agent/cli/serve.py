"""``serve``: the pages of a folder of traces."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Annotated

import typer

from react_agent.cli.console import Code, fail, note, runs_folder
from react_agent.cli.options import FolderArgument, MaskOptions

TOKEN = "REACT_AGENT_TOKEN"


def serve(
    folder: FolderArgument = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8321,
    host: Annotated[str, typer.Option("--host", help=f"Other than loopback only with ${TOKEN} set.")] = "127.0.0.1",
    *,
    masks: MaskOptions,
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
    if runs.is_file():
        fail(f"{runs} is a file, and serve takes its folder; `react-agent trace html {runs}` makes one page of it", Code.USAGE)
    if not runs.is_dir():
        note(f"there is no folder {runs} yet: nothing is shown until runs are kept there", "yellow")
    pages = application(runs, token=token, redactor=masks)
    try:  # before the address is told: the port may be taken, or not be known yet
        door = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        fail(
            f"{host}:{port} cannot be listened on ({str(error.strerror or error).partition(' (')[0]}): --port takes another, and 0 a free one",
            Code.USAGE,
        )
    name = "localhost" if host in LOOPBACK else host
    note(f"the runs of {runs}: http://{name}:{door.getsockname()[1]}/" + ("?token=…" if token else ""))
    with door, contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(uvicorn.Config(pages, log_level="warning", lifespan="off")).run(sockets=[door])
