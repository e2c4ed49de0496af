"""The sync face: one event loop in a thread of its own, for the life of the process.

So connections are kept from one ``run_sync`` to the next, and it works where a loop is already running (a notebook, a tool).
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class _Portal:
    def __init__(self) -> None:
        self.pid = os.getpid()
        self.waits = False  # an async tool holds the loop until a run of its own is over, which must not need this loop
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._serve, name="react-agent-sync", daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            with contextlib.suppress(KeyboardInterrupt, SystemExit):  # raised by a task: handed to its caller, and no end for the others
                self.loop.run_forever()


_lock = threading.Lock()
_portal: _Portal | None = None


def _get_portal() -> _Portal:
    global _portal
    with _lock:
        if _portal is None or _portal.pid != os.getpid():  # a forked process has no copy of the thread
            _portal = _Portal()
        return _portal


def run_sync(make: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run a coroutine to its end and wait for it. An interrupt cancels it, waits until it has saved its trace, and goes on up."""
    portal = _get_portal()
    if portal.waits:
        return _in_new_thread(make)
    if threading.current_thread() is portal.thread:  # an async tool that calls run_sync: its own loop cannot wait for itself
        portal.waits = True
        try:
            return _in_new_thread(make)
        finally:
            portal.waits = False
    result: Future[T] = Future()
    context = contextvars.copy_context()
    tasks: list[asyncio.Task[T]] = []

    def start() -> None:
        task = portal.loop.create_task(make(), context=context)
        tasks.append(task)
        task.add_done_callback(lambda done: _hand_over(done, result))

    def stop() -> None:
        if tasks:
            tasks[0].cancel()
        else:  # the interrupt came before it was so much as asked for
            result.set_exception(asyncio.CancelledError())

    try:
        portal.loop.call_soon_threadsafe(start)
        return result.result()
    except KeyboardInterrupt:
        portal.loop.call_soon_threadsafe(stop)
        result.exception()
        raise


def _hand_over(task: asyncio.Task[T], result: Future[T]) -> None:
    if task.cancelled():
        result.set_exception(asyncio.CancelledError())
    elif (error := task.exception()) is not None:
        result.set_exception(error)
    else:
        result.set_result(task.result())


def _in_new_thread(make: Callable[[], Coroutine[object, object, T]]) -> T:
    result: Future[T] = Future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            result.set_result(asyncio.run(make()))
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
            result.set_exception(error)

    threading.Thread(target=lambda: context.run(work), name="react-agent-sync-nested", daemon=True).start()
    return result.result()
