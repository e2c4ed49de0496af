"""How a tool with options of its own is carried out: gates, attempts, memory, processes, checks of results. The dispatcher comes here only for such."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Protocol
from weakref import WeakValueDictionary

from msgspec import Struct

from react_agent.bounds import Shelf
from react_agent.care import Care
from react_agent.errors import ToolError
from react_agent.loop import PlannedCall
from react_agent.messages import ResultStatus, clean
from react_agent.processes import ProcessCall, WorkerLost, Workers, parts_of
from react_agent.rendering import render, said, twice
from react_agent.threads import POOL
from react_agent.tooling import Tool

CACHED = 1_000  # results that one run keeps
GRACE_SECONDS = 1.0  # what is waited for a killed process, so that it is gone when the call has ended


class Ran(Struct, gc=False):
    """What a function gave, or why it gave nothing.

    Attributes:
        again: It failed in a way that another attempt may not.
        attempts: How often it was tried, where that was more than once.
        untrusted: The value holds other people's words, whatever the tool's annotations say.
        cached: Nothing ran; the value is that of an earlier call.
    """

    value: object = None
    error: str | None = None
    status: ResultStatus = "ok"
    left_behind: bool = False
    again: bool = False
    attempts: int | None = None
    untrusted: bool = False
    cached: bool | None = None


class Clock(Protocol):
    """What is asked of the run."""

    def seconds_left(self) -> float | None: ...


class Keeper:
    """What one run keeps for its careful tools.

    Args:
        clock: Knows how much time is left.
        result_chars: Most characters of one result.
    """

    __slots__ = ("_cache", "_clock", "_result_chars", "_turns", "shelf")

    def __init__(self, clock: Clock, result_chars: int) -> None:
        self._clock = clock
        self._result_chars = result_chars
        self._cache: dict[tuple[str, str], Ran] = {}
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self.shelf = Shelf()

    # --------------------------------------------------------------------------------------------------------- memory

    def turn(self, plan: PlannedCall) -> asyncio.Lock:
        """Held by one of the same calls of a step at a time: the others may have its result."""
        return self._turns.setdefault(_same(plan), asyncio.Lock())

    def remembered(self, plan: PlannedCall) -> Ran | None:
        """The result of the same call of this run, where it is kept."""
        return self._cache.get(_same(plan))

    def _remember(self, plan: PlannedCall, ran: Ran) -> None:
        ran.value = render(ran.value)  # at once: the value may be changed by whoever made it
        if len(self._cache) >= CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[_same(plan)] = Ran(ran.value, untrusted=ran.untrusted, cached=True)

    # ---------------------------------------------------------------------------------------------------------- gates

    async def enter(self, care: Care) -> asyncio.Semaphore | None:
        """Wait until one more call may run; None where the run's time was up before. Whoever gets a gate has to release it."""
        assert care.concurrency is not None
        loop = asyncio.get_running_loop()
        gate = care.gates.get(loop)
        if gate is None:
            gate = care.gates[loop] = asyncio.Semaphore(care.concurrency)
        try:
            async with asyncio.timeout(self._clock.seconds_left()):
                await gate.acquire()
        except TimeoutError:
            return None
        if self._clock.seconds_left() == 0:  # it was released as the time ran out
            gate.release()
            return None
        return gate

    # ------------------------------------------------------------------------------------------------------- attempts

    async def run(self, plan: PlannedCall, tool: Tool, care: Care, attempt: Callable[[], Awaitable[Ran]]) -> Ran:
        """One call, tried as often as its tool allows. `attempt` is the plain way to run it."""
        if care.reads_rest:
            return self._rest(plan)
        tried = 0
        while True:
            tried += 1
            ran = await (attempt() if care.address is None else self._in_process(plan, tool, care))
            if ran.error is None or not ran.again or not await self._may_try_again(care, tried):
                break
        if ran.error is None and care.output is not None and care.address is None:
            try:
                ran.value, checked = twice(ran.value)
            except Exception as error:  # noqa: BLE001 - objects bring their own code, and what an iterator in it raises may be anything
                ran = _misfit(_unreadable(error))
            else:
                ran = _checked(care, ran, checked)
        if tried > 1:
            ran.attempts = tried
            if ran.error is not None:
                ran.error += f" It was tried {tried} times."
        if care.cache and ran.error is None:
            self._remember(plan, ran)
        return ran

    async def _may_try_again(self, care: Care, tried: int) -> bool:
        retries = care.retries
        if retries is None or tried > retries.times:
            return False
        pause = retries.pause(tried)
        left = self._clock.seconds_left()
        if left is not None and pause >= left:
            return False
        await (retries.sleep or asyncio.sleep)(pause)
        return True

    def _rest(self, plan: PlannedCall) -> Ran:
        ref, offset = plan.arguments.get("ref"), plan.arguments.get("offset", 0)
        assert isinstance(ref, str)
        assert isinstance(offset, int | float)
        if offset < 0:
            return Ran(error="offset is a number from 0 on", status="error")
        try:
            text, untrusted = self.shelf.read(ref, int(offset), self._result_chars)
        except ToolError as error:
            return Ran(error=str(error), status="error")
        return Ran(text, untrusted=untrusted)

    # ------------------------------------------------------------------------------------------------------ processes

    async def _in_process(self, plan: PlannedCall, tool: Tool, care: Care) -> Ran:
        assert care.address is not None
        if care.workers is None:
            care.workers = Workers(care.address, value=care.output is not None, most=care.concurrency or 1)
        left = self._clock.seconds_left()
        timeout = left if tool.timeout is None else tool.timeout if left is None else min(left, tool.timeout)
        call = ProcessCall(care.workers, plan.arguments)
        future = POOL.run(call)
        try:
            done, _ = await asyncio.wait({future}, timeout=timeout)
        except asyncio.CancelledError:
            call.kill()
            future.cancel()
            raise
        if not done:
            call.kill()
            await asyncio.wait({future}, timeout=GRACE_SECONDS)
            future.cancel()
            if future.done() and not future.cancelled():
                future.exception()  # seen, so that nobody is warned of it
            return Ran(error=f"The tool took longer than {timeout:g} seconds; its process was killed.", status="timeout", again=True)
        try:
            answer = future.result()
        except WorkerLost as error:
            return Ran(error=f"The tool's process was lost: {error}.", status="error", again=True)
        except OSError as error:
            return Ran(error=f"The tool's process could not be started: {error}", status="error")
        assert isinstance(answer, dict)
        if "error" in answer:
            return _failed(answer)
        ran = Ran(parts_of(answer))
        if care.output is None:
            return ran
        if "no_value" in answer:
            return _misfit(f"it cannot be made JSON ({answer['no_value']})")
        return _checked(care, ran, answer.get("value"))


def _same(plan: PlannedCall) -> tuple[str, str]:
    """Name and canonical arguments: the order of keys says nothing."""
    return plan.name, json.dumps(plan.arguments, sort_keys=True)


def _checked(care: Care, ran: Ran, value: object) -> Ran:
    complaint = care.output.complaint(value) if care.output is not None else None
    return ran if complaint is None else _misfit(complaint)


def _unreadable(error: Exception) -> str:
    words = said(error)
    return f"it cannot be made JSON ({type(error).__name__}{f': {words}' if words else ''})"


def _misfit(complaint: str) -> Ran:
    return Ran(error=clean(f"The tool's result is not what its output schema says, so it is not used: {complaint}")[:2_000], status="error")


def _failed(answer: dict[str, object]) -> Ran:
    name, text = str(answer["error"]), clean(str(answer.get("text") or ""))
    words = (text or name) if answer.get("tool_error") else f"{name}: {text}" if text else name
    return Ran(error=words[:2_000], status="error", again=not (answer.get("tool_error") or answer.get("exit")))
