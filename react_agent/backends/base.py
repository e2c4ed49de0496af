"""What a backend is: whatever turns a request into a reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from react_agent.messages import Delta, ModelReply, ModelRequest

Listener: TypeAlias = Callable[[Delta], None]


@runtime_checkable
class Backend(Protocol):
    """Where replies come from. May serve many runs at once.

    `reply` raises nothing but `BackendError` (and `ScriptError`, `Diverged` from doubles), and lets cancellation through.
    """

    @property
    def name(self) -> str:
        """For traces and people: ``openai:gpt-5``, ``mock``."""
        ...

    @property
    def format_name(self) -> str:
        """The format that it writes and reads, for the trace."""
        ...

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        """The model's reply.

        Args:
            request: What to ask; neutral.
            listen: Called with each piece of a streamed reply. A backend streams only when someone listens.
            timeout: Seconds that all attempts together may take.
        """
        ...

    async def aclose(self) -> None:
        """Give up connections that it made itself."""
        ...
