"""A run to watch while it goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from threading import get_ident
from types import TracebackType
from typing import Generic, Literal

from react_agent.errors import ConfigError
from react_agent.events import Event
from react_agent.host import Run
from react_agent.messages import Delta, Outcome, Task, as_parts
from react_agent.result import Output, Result
from react_agent.trace import Trace


@dataclass(frozen=True, slots=True)
class Progress:
    """What a tool says of its progress while it runs: for listeners, no event. ``fraction`` is 0 to 1, or None."""

    step: int
    index: int
    message: str
    fraction: float | None = None
    kind: Literal["progress"] = "progress"


class RunStream(Generic[Output]):
    """A run on its way. Iterate it for events, the pieces of streamed replies (`Delta`) and tools' progress (`Progress`).

    Pieces come as the model writes them, but for known secrets: an end of one that may be the beginning of a secret comes later.

    Leaving the ``async with`` before the end cancels the run; its trace stays whole.
    """

    def __init__(
        self,
        begin: Callable[[], Run],
        finish: Callable[[Run], Coroutine[object, object, Result[Output]]],
        result: Callable[[Run, Outcome], Result[Output]],
    ) -> None:
        self._begin, self._finish, self._result = begin, finish, result
        self._queue: asyncio.Queue[Event | Delta | Progress | None] = asyncio.Queue()
        self._run: Run | None = None
        self._task: asyncio.Task[Result[Output]] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0  # that of the loop

    async def __aenter__(self) -> RunStream[Output]:
        if self._run is not None:
            raise ConfigError("the stream was used before: ask the agent for another")
        self._loop = loop = asyncio.get_running_loop()
        self._thread = here = get_ident()
        put = self._queue.put_nowait
        self._run = run = self._begin()
        for event in run.trace:
            put(event)
        run.event_listeners.append(put)
        run.delta_listener = put

        def progress(step: int, index: int, message: str, fraction: float | None) -> None:
            told = Progress(step, index, message, fraction)
            if get_ident() == here:
                put(told)
            else:  # a tool in a thread
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody watches, and the tool goes on
                    loop.call_soon_threadsafe(put, told)

        run.progress_listener = progress
        self._task = asyncio.create_task(self._finish(run))
        self._task.add_done_callback(lambda _: put(None))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        assert self._task is not None
        if not self._task.done():
            try:
                await asyncio.sleep(0)  # a task that is cancelled before its first step never runs: its end would not be recorded
            finally:
                self._task.cancel()
        await asyncio.wait({self._task})
        failure = None if self._task.cancelled() else self._task.exception()  # asked for in any case, so that nobody is warned of it
        if kind is None and failure is not None:
            raise failure

    async def __aiter__(self) -> AsyncIterator[Event | Delta | Progress]:
        if self._run is None:  # nothing would ever come
            raise ConfigError("the stream has not begun: use it as `async with agent.stream(…) as run:`")
        while (item := await self._queue.get()) is not None:
            yield item
        self._queue.put_nowait(None)  # whoever iterates once more is at the end at once

    @property
    def trace(self) -> Trace:
        if self._run is None:
            raise ConfigError("the stream has not begun: use it as `async with agent.stream(…) as run:`")
        return self._run.trace

    @property
    def result(self) -> Result[Output]:
        """The result, once the run is over; of one that was left before its end the outcome is ``cancelled``. Raises `ConfigError` before."""
        if self._task is None or not self._task.done():
            raise ConfigError("the run is not over: iterate the stream to its end before you read `result`")
        if self._task.cancelled() and self._run is not None:
            return self._result(self._run, Outcome("cancelled", "the run was cancelled"))
        return self._task.result()

    def tell(self, task: Task) -> None:
        """Say something in the middle of the run; the model hears it with the next request. From any thread. Raises `ConfigError` when the run is over."""
        message = as_parts(task)
        run, loop = self._goes_on()
        if get_ident() == self._thread:
            run.tell(message)
            return

        async def say() -> None:
            self._goes_on()[0].tell(message)

        asyncio.run_coroutine_threadsafe(say(), loop).result()  # only the loop's own thread may write on, and the loop has to be woken

    def _goes_on(self) -> tuple[Run, asyncio.AbstractEventLoop]:
        if self._run is None or self._loop is None:
            raise ConfigError("the stream has not begun: use it as `async with agent.stream(…) as run:`")
        if self._task is None or self._task.done():
            raise ConfigError("the run is over: hand the next question to `agent.resume(run.trace, …)`")
        return self._run, self._loop
