"""One call of a tool outside of a run: through the same checks, bounds and care, without a model."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from react_agent.dispatch import Dispatcher
from react_agent.events import Event, Returned
from react_agent.loop import PlannedCall
from react_agent.messages import JsonObject, ToolResult
from react_agent.taskgroups import undisturbed
from react_agent.tooling import ToolRegistry

Progress = Callable[[str, float | None], None]
RESULT_CHARS = 1_000_000


class _Desk:
    """Where the call's events go; only the last counts."""

    run_id = "call"

    def __init__(self, on_progress: Progress | None) -> None:
        self.result: ToolResult | None = None
        self._on_progress = on_progress

    def append(self, event: Event) -> None:
        if isinstance(event, Returned):
            self.result = event.result

    def now(self) -> float:
        return time.time()

    def flush(self) -> None:
        pass

    def checkpoint(self, now: float) -> None:
        pass

    def seconds_left(self) -> float | None:
        return None

    def progress(self, step: int, index: int, message: str, fraction: float | None) -> None:
        if self._on_progress is not None:
            self._on_progress(message, fraction)


async def call_once(
    tools: ToolRegistry,
    name: str,
    arguments: JsonObject,
    *,
    deps: object = None,
    result_chars: int = RESULT_CHARS,
    on_progress: Progress | None = None,
) -> ToolResult:
    """What a run would have recorded of this call. Never raises for what the tool does; nobody is asked, so that is the caller's to do first."""
    desk = _Desk(on_progress)
    dispatcher = Dispatcher(tools, deps, desk, result_chars)
    await undisturbed(dispatcher.carry_out((PlannedCall(0, 0, name, arguments, f"call/{os.urandom(8).hex()}"),)))
    assert desk.result is not None
    return desk.result
