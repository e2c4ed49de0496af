"""Arguments and options that several commands of ``trace`` have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from react_agent.view.redact import Redactor

FileArgument = Annotated[str | None, typer.Argument(metavar="[FILE]", help="A trace file, or the name of a run. By default the newest.")]
FolderArgument = Annotated[Path | None, typer.Argument(metavar="[DIR]", help="By default $REACT_AGENT_RUNS, else ./runs.")]
RedactOption = Annotated[
    list[str] | None,
    typer.Option(
        "--redact",
        metavar="PATTERN",
        envvar="REACT_AGENT_REDACT",
        show_envvar=False,
        help="Mask what matches: text, with * for anything but white space. Also $REACT_AGENT_REDACT, several with spaces between them.",
    ),
]
FieldsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--redact-field",
        metavar="NAME",
        envvar="REACT_AGENT_REDACT_FIELDS",
        show_envvar=False,
        help="Mask the values of this argument or JSON field. Also $REACT_AGENT_REDACT_FIELDS.",
    ),
]
StepOption = Annotated[int | None, typer.Option("--step", min=0, metavar="N", help="The step, counted from 0.")]


def redactor(patterns: list[str] | None, fields: list[str] | None) -> Redactor:
    """What the two options say. Raises `ConfigError` for a pattern that is none."""
    return Redactor(patterns or (), fields or ())
