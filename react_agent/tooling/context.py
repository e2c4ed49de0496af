"""What a tool is told of the run that it is called in, and what it says of a call that was interrupted."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from react_agent.errors import ToolError

Deps = TypeVar("Deps")


class Verdict(enum.Enum):
    """What ``verify`` says when it has no result to give."""

    NOT_DONE = "not done"
    UNKNOWN = "unknown"


NOT_DONE = Verdict.NOT_DONE
"""The call surely did not happen; it may run."""
UNKNOWN = Verdict.UNKNOWN
"""Nobody can tell whether the call happened; a person is asked."""


class RunContext(Generic[Deps]):
    """What a tool is told of the run that it is called in; it asks for one by a parameter annotated ``RunContext[Deps]``.

    Attributes:
        deps: What the caller of the run handed over: connections, the user's identity, anything.
        key: The call's idempotency key, ``run_id/step.index``; the same when an interrupted call is run again.
        run_id, step, index: The call's place.
        tool_name: The name that the model called.
    """

    __slots__ = ("_cancelled", "_progress", "_secrets", "deps", "index", "key", "run_id", "step", "tool_name")

    def __init__(
        self,
        deps: Deps,
        key: str = "run/0.0",
        run_id: str = "run",
        step: int = 0,
        index: int = 0,
        tool_name: str = "",
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[str, float | None], None] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self.deps = deps
        self.key = key
        self.run_id = run_id
        self.step = step
        self.index = index
        self.tool_name = tool_name
        self._cancelled = cancelled
        self._progress = progress
        self._secrets = secrets or {}

    def secret(self, name: str) -> str:
        """A value that the agent was given as ``secrets={name: …}``; the model never sees it. Raises `ToolError` where there is none of that name."""
        value = self._secrets.get(name)
        if value is None:
            raise ToolError(
                f"this tool needs the secret {name!r}, and the agent has none of that name: it is given as secrets={{{name!r}: …}}"
            )
        if not value.strip():
            raise ToolError(
                f"this tool needs the secret {name!r}, and the agent's is empty: is there nothing in the environment where it comes from?"
            )
        return value

    @property
    def cancelled(self) -> bool:
        """Nobody waits for the result any more. A sync tool cannot be stopped from outside; a long one looks here now and then."""
        return self._cancelled is not None and self._cancelled()

    def raise_if_cancelled(self) -> None:
        """Raises `ToolError` once nobody waits any more."""
        if self.cancelled:
            raise ToolError("the call was cancelled")

    def progress(self, message: str, fraction: float | None = None) -> None:
        """Tells those who watch the run how far the call is; `fraction` from 0 to 1."""
        if self._progress is not None:
            self._progress(message, fraction)
