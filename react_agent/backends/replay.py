"""A recorded trace as a backend: the same replies to the same requests, with the tools really run."""

from __future__ import annotations

from react_agent.backends.base import Listener
from react_agent.errors import ContextOverflow, Diverged
from react_agent.events import Compacted, Replied
from react_agent.formats.stream import tell
from react_agent.loop import State, begin, update
from react_agent.messages import ModelReply, ModelRequest
from react_agent.replaying import check_reading, check_request
from react_agent.trace import Trace


class ReplayBackend:
    """Plays the replies of a trace.

    Raises:
        Diverged: By `reply`, when it is asked for something else than was recorded (with a readable difference), for more than was
            recorded, or when a recorded text is read differently now.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._state: State = begin(trace.started)
        self._next = 1
        self._step = 0
        self._overflows = 0

    @property
    def name(self) -> str:
        return self._trace.started.backend

    @property
    def format_name(self) -> str:
        return self._trace.started.format

    def __repr__(self) -> str:
        return f"ReplayBackend({self._trace!r})"

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        while self._next < len(self._trace):
            event = self._trace[self._next]
            before = self._state
            if isinstance(event, Compacted):
                self._overflows += 1
            elif isinstance(event, Replied):
                if self._overflows and request.messages != before.view:  # as then: too long, until whoever asks has shortened it
                    self._overflows -= 1
                    raise ContextOverflow(f"step {self._step}: the conversation was too long here when it was recorded")
                self._overflows = 0
            self._state = update(before, event)
            self._next += 1
            if isinstance(event, Replied):
                check_request(event, request, before, self._step)
                check_reading(event.reply, request, self._step)
                self._step += 1
                if listen is not None:
                    tell(event.reply, listen)
                return event.reply
        raise Diverged(f"step {self._step}: the record holds {self._step} replies, and one more was asked for", step=self._step)

    async def aclose(self) -> None:
        return None
