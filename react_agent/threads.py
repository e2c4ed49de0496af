"""Daemon threads for sync tools.

The standard executor joins its threads when the interpreter ends, so one stuck tool would keep a finished program alive. Ours are
left behind, and a thread that is stuck does not take the place of a working one.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import TypeAlias

Job: TypeAlias = "tuple[asyncio.AbstractEventLoop, asyncio.Future[object], Callable[[], object]]"


class ThreadPool:
    """Runs functions in threads that are made when none is idle. There is no upper bound but the dispatcher's own."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin without threads, as in a forked process, which has no copy of them."""
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._count = 0

    def run(self, function: Callable[[], object]) -> asyncio.Future[object]:
        """Start `function` in a thread, with the caller's context variables; the future belongs to the running loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        context = contextvars.copy_context()
        if not self._idle.acquire(blocking=False):
            self._count += 1
            threading.Thread(target=self._work, name=f"react-agent-tool-{self._count}", daemon=True).start()
        self._jobs.put((loop, future, lambda: context.run(function)))  # last: where no thread can be had, nothing may run later on
        return future

    def _work(self) -> None:
        while True:
            loop, future, function = self._jobs.get()
            result: object = None
            error: BaseException | None = None
            try:
                result = function()
            except BaseException as problem:  # noqa: BLE001 - handed to whoever waits; a thread has nobody else to tell
                error = problem
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, future, result, error)
            del loop, future, function, result, error  # an idle thread must not keep a run alive
            self._idle.release()


def _settle(future: asyncio.Future[object], result: object, error: BaseException | None) -> None:
    if future.cancelled():
        if isinstance(result, Coroutine):
            result.close()  # nobody will await it
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):  # a future refuses it
        future.set_exception(RuntimeError(f"StopIteration: {error}"))
    else:
        future.set_exception(error)


POOL = ThreadPool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)
