"""The command line: ``react-agent``. A file for each family of commands; what they show is rendered by `react_agent.view`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line on ``sys.argv``, and exit."""
    from react_agent.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # a terminal that cannot show a character must not end a run
    app(prog_name="react-agent")
