"""What ``resume`` is told about calls that wait for a review."""

from __future__ import annotations

import getpass
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import typer

from react_agent.cli.options import Together
from react_agent.errors import ConfigError
from react_agent.events import Reviewed
from react_agent.messages import JsonObject
from react_agent.result import Pending, pending
from react_agent.trace import Trace


@dataclass(frozen=True, slots=True)
class Decisions:
    """As they were typed; a call is named by its step and place, such as ``0.0``."""

    approve: Annotated[
        str | None, typer.Option("--approve", metavar="CALL", help="Run this call, such as 0.0; 0.0,0.1 for two; or all.")
    ] = None
    deny: Annotated[tuple[str, str] | None, typer.Option("--deny", metavar="CALL REASON", help="Do not run it; the model is told why.")] = (
        None
    )
    change: Annotated[tuple[str, str] | None, typer.Option("--change", metavar="CALL JSON", help="Run it with these arguments.")] = None
    give: Annotated[
        tuple[str, str] | None, typer.Option("--give", metavar="CALL RESULT", help="Do not run it; take this as its result.")
    ] = None

    def on(self, trace: Trace) -> list[Reviewed]:
        """The reviews. Raises `ConfigError` for a call that waits for none."""
        waiting = {f"{call.step}.{call.index}": call for call in pending(trace)}
        by = who()

        def chosen(places: str) -> list[Pending]:
            names = list(waiting) if places == "all" else [place.strip() for place in places.split(",")]
            for name in names:
                if name not in waiting:
                    there = f"those that do are {', '.join(waiting)}" if waiting else "nor does any other of this run"
                    raise ConfigError(f"no call {name!r} waits for a review; {there}")
            return [waiting[name] for name in names]

        made = [call.approve(by=by) for call in chosen(self.approve)] if self.approve else []
        if self.deny:
            made += [call.deny(self.deny[1], by=by) for call in chosen(self.deny[0])]
        if self.change:
            made += [call.change(_object(self.change[1]), by=by) for call in chosen(self.change[0])]
        if self.give:
            made += [call.give(self.give[1], by=by) for call in chosen(self.give[0])]
        return made


DecisionOptions = Annotated[Decisions, Together(Decisions)]


def who() -> str | None:
    """The person at the terminal, as the system knows them."""
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return None


def _object(text: str) -> JsonObject:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"--change takes the arguments as JSON; {text!r} is none: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"--change takes the arguments as one JSON object, not {text!r}")
    return data
