"""What a failed task group leaves on its task before Python 3.13, taken back as it happens.

A group that waits at the end of its block for its tasks, as one of them fails, cancels the task that it stands in and does not take that back: ``cancelling()`` then
counts a cancellation that nobody asked for. Afterwards it cannot be told from a real one that the code kept to itself; as it reaches the group it can. So a run is
driven by hand: that costs a fraction of a microsecond each time it waits, and nothing where it does not.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import types
from collections.abc import Awaitable, Generator
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import TypeVar

T = TypeVar("T")


def undisturbed(awaitable: Awaitable[T]) -> Awaitable[T]:
    """The same, to be awaited at once; but what its task groups leave on the present task is taken back."""
    if sys.version_info >= (3, 13) or not isinstance(awaitable, CoroutineType):
        return awaitable
    return _driven(awaitable)


@types.coroutine
def _driven(coroutine: CoroutineType[object, None, T]) -> Generator[object, None, T]:
    try:
        waits = coroutine.send(None)
        while True:
            try:
                yield waits
            except BaseException as error:  # noqa: BLE001 - all of them go where they were meant to go
                if isinstance(error, asyncio.CancelledError):
                    _take_back(coroutine)
                waits = coroutine.throw(error)
            else:
                waits = coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # of a coroutine of this type


def _take_back(coroutine: CoroutineType[object, None, object]) -> None:
    """Undo the cancellation that is on its way into a task group, where the group itself asked for it."""
    frame = _innermost(coroutine)
    if frame is None or frame.f_code is not asyncio.TaskGroup.__aexit__.__code__ or frame.f_locals["et"] is not None:
        return
    group, task = frame.f_locals["self"], asyncio.current_task()
    if task is not None and group._parent_task is task and group._parent_cancel_requested:
        group._parent_cancel_requested = False  # it is asked for once only, and this was it
        task.uncancel()


def _innermost(waiting: object) -> FrameType | None:
    """Where a coroutine stands that waits, however deep."""
    frame: FrameType | None = None
    while waiting is not None:
        match waiting:
            case CoroutineType():
                frame, waiting = waiting.cr_frame, waiting.cr_await
            case GeneratorType():
                frame, waiting = waiting.gi_frame, waiting.gi_yieldfrom
            case AsyncGeneratorType():
                frame, waiting = waiting.ag_frame, waiting.ag_await
            case _:  # a step of an asynchronous generator, for instance, does not say what it belongs to
                kinds = (CoroutineType, GeneratorType, AsyncGeneratorType)
                waiting = next((each for each in gc.get_referents(waiting) if isinstance(each, kinds)), None)
    return frame
