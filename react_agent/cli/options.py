"""Arguments and options that several commands have, and how some of them are taken together."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from react_agent.view.redact import Redactor

FileArgument = Annotated[str | None, typer.Argument(metavar="[FILE]", help="A trace file, or the name of a run. By default the newest.")]
FolderArgument = Annotated[Path | None, typer.Argument(metavar="[DIR]", help="By default $REACT_AGENT_RUNS, else ./runs.")]
StepOption = Annotated[int | None, typer.Option("--step", min=0, metavar="N", help="The step, counted from 0.")]


class Together(NamedTuple):
    """Marks a parameter of a command that stands for several options: those that `make` takes, which makes its value of them."""

    make: Callable[..., object]


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer reads it: each option that stands in a `Together` is a parameter of its own."""
    flat: list[inspect.Parameter] = []
    groups: dict[str, tuple[Callable[..., object], list[str]]] = {}
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        make = next((mark.make for mark in getattr(parameter.annotation, "__metadata__", ()) if isinstance(mark, Together)), None)
        parts = [parameter] if make is None else list(inspect.signature(make, eval_str=True).parameters.values())
        flat += [part.replace(kind=inspect.Parameter.KEYWORD_ONLY) for part in parts]
        if make is not None:
            groups[parameter.name] = make, [part.name for part in parts]

    @functools.wraps(command)
    def run(**typed: object) -> None:
        for name, (make, parts) in groups.items():
            typed[name] = make(**{part: typed.pop(part) for part in parts})
        command(**typed)

    run.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]  # as PEP 362 has it
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return run


# -------------------------------------------------------------------------------------------------------------- masking


def redactor(
    redact: Annotated[
        list[str] | None,
        typer.Option(
            "--redact",
            metavar="PATTERN",
            envvar="REACT_AGENT_REDACT",
            show_envvar=False,
            help="Mask what matches: text, with * for anything but white space. Also $REACT_AGENT_REDACT, several with spaces between them.",
        ),
    ] = None,
    redact_field: Annotated[
        list[str] | None,
        typer.Option(
            "--redact-field",
            metavar="NAME",
            envvar="REACT_AGENT_REDACT_FIELDS",
            show_envvar=False,
            help="Mask the values of this argument or JSON field. Also $REACT_AGENT_REDACT_FIELDS.",
        ),
    ] = None,
) -> Redactor:
    """What the two options say. Raises `ConfigError` for a pattern that is none."""
    return Redactor(redact or (), redact_field or ())


MaskOptions = Annotated[Redactor, Together(redactor)]
