"""How a call reaches a function: checks, time-outs, threads, bounds. NOTHING ESCAPES but cancellation: whatever a tool does ends as an event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextvars import ContextVar
from functools import cached_property, partial
from itertools import count
from time import perf_counter
from typing import Any, Protocol, cast

from msgspec import Struct
from msgspec.structs import replace

from react_agent.bounds import bounded
from react_agent.care import Care
from react_agent.errors import ToolError
from react_agent.events import Asked, Called, Event, Returned
from react_agent.keeping import Keeper, Ran
from react_agent.loop import PlannedCall
from react_agent.messages import Image, JsonObject, ResultStatus, Text, ToolResult, Usage, clean
from react_agent.rendering import read, read_awaited, render, said
from react_agent.schema import InvalidArguments
from react_agent.spec import FINISH_TOOL
from react_agent.taskgroups import undisturbed
from react_agent.threads import POOL
from react_agent.tooling import NOT_DONE, UNKNOWN, RunContext, Tool, ToolRegistry

ERROR_CHARS = 2_000
GRACE_SECONDS = 1.0  # what an async tool gets to clean up in after it was cancelled for taking too long


class CallScope(Struct, gc=False):
    """The call that code is running beneath; a nested run takes its id from it and adds what it spent."""

    key: str
    run_id: str
    usage: Usage | None = None
    cost: float | None = None
    taken: set[int] | None = None  # numbers of the runs beneath it

    def children(self) -> Iterator[tuple[int, str, str]]:
        """What the next run beneath this call may be: a number that no other has taken, the id that goes with it, and in a fork the id of the child to
        part from.

        The id is the call's key, so that a resumed parent finds its child. In a fork an orphan keeps the key that it had before; its child is named
        after the fork.
        """
        place = self.key.rpartition("/")[2]
        for number in count(1):
            if self.taken is None or number not in self.taken:
                suffix = "" if number == 1 else f"+{number}"
                yield number, f"{self.run_id}/{place}{suffix}", f"{self.key}{suffix}"

    def take(self, number: int) -> None:
        """The run of this number is under way."""
        if self.taken is None:
            self.taken = set()
        self.taken.add(number)

    def add(self, usage: Usage, cost: float) -> None:
        """Count what a run beneath this call spent."""
        self.usage = usage if self.usage is None else self.usage + usage
        if cost:
            self.cost = (self.cost or 0.0) + cost


current_call: ContextVar[CallScope | None] = ContextVar("react_agent_call", default=None)


class Recorder(Protocol):
    """What a dispatcher needs from its host."""

    @property
    def run_id(self) -> str: ...

    def append(self, event: Event) -> None: ...
    def now(self) -> float: ...
    def flush(self) -> None: ...
    def checkpoint(self, now: float) -> None:
        """Flush, unless that was just done. `now` is what `time.perf_counter` says."""
        ...

    def seconds_left(self) -> float | None:
        """Until the run's own time is up; None for no limit."""
        ...

    def progress(self, step: int, index: int, message: str, fraction: float | None) -> None: ...


class _Flag(Struct):
    """Set when the caller no longer waits; a sync tool may look at it and stop."""

    cancelled: bool = False

    def __call__(self) -> bool:
        return self.cancelled


def _tell(flag: _Flag | None) -> None:
    """Let the tool know that nobody waits any more, if it can hear."""
    if flag is not None:
        flag.cancelled = True


class Dispatcher:
    """Carries out the calls of one run.

    Args:
        tools: What may be called.
        deps: Given to tools that take a `RunContext`.
        recorder: Where the events go.
        result_chars: Bound on the text of one result.
        finish: The reserved tool of a typed answer.
        secrets: Given by name to tools that ask for them by their `RunContext`.
    """

    def __init__(
        self,
        tools: ToolRegistry,
        deps: object,
        recorder: Recorder,
        result_chars: int,
        finish: Tool | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self._tools = tools
        self._deps = deps
        self._recorder = recorder
        self._result_chars = result_chars
        self._finish = finish
        self._secrets = secrets

    @cached_property
    def _keeper(self) -> Keeper:
        return Keeper(self._recorder, self._result_chars)

    def carry_out(self, calls: tuple[PlannedCall, ...]) -> Coroutine[object, object, None]:
        """Do what is planned for each call, side by side; over when each has its event."""
        if len(calls) == 1:
            return self._carry_out_one(calls[0])  # no task of its own: that would cost more than the rest of the dispatch
        return self._side_by_side(calls)

    async def _side_by_side(self, calls: tuple[PlannedCall, ...]) -> None:
        tasks = [asyncio.ensure_future(self._beside_others(call)) for call in calls]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            await _given_up(*tasks)  # `gather` waits for the first to end, and none may be at work behind the run's end
            raise

    async def _beside_others(self, plan: PlannedCall) -> None:
        await undisturbed(self._carry_out_one(plan))

    def _carry_out_one(self, plan: PlannedCall) -> Coroutine[object, object, None]:
        """What is known without waiting is done here; the rest is in what this gives back."""
        if plan.mode == "settle":
            return self._returned(plan, plan.text, plan.status)
        tool = None if plan.status == "unknown_tool" else self._finish if plan.name == FINISH_TOOL else self._tools.get(plan.name)
        if tool is None:
            return self._returned(plan, self._unknown(plan.name), "unknown_tool")
        if plan.mode == "verify":  # before the arguments are checked: what was done stays so, whatever the schema says now
            return self._verify(plan, tool)
        try:
            arguments = tool.check(plan.arguments)
        except InvalidArguments as error:
            return self._returned(plan, clean(str(error)), "invalid")
        if plan.ask is not None:
            return self._asked(plan, plan.ask)
        if tool.care is not None:
            return self._carefully(plan, tool, arguments, tool.care)
        return self._call(plan, tool, arguments)

    async def _carefully(self, plan: PlannedCall, tool: Tool, arguments: Mapping[str, object], care: Care) -> None:
        """A call of a tool that has options of its own: it may be known already, or have to wait until others are done."""
        if not care.cache:
            return await self._gated(plan, tool, arguments, care)
        async with self._keeper.turn(plan):
            if (known := self._keeper.remembered(plan)) is not None:
                return self._record(plan, tool, known, 0.0)
            return await self._gated(plan, tool, arguments, care)

    async def _gated(self, plan: PlannedCall, tool: Tool, arguments: Mapping[str, object], care: Care) -> None:
        recorder = self._recorder
        if care.concurrency is None:
            return await self._call(plan, tool, arguments)
        gate = await self._keeper.enter(care)
        if gate is None:
            recorder.append(Called(recorder.now(), plan.step, plan.index, plan.name, plan.key))
            text = f"It did not run: {care.concurrency} calls of it were under way until the time was up."
            return self._record(plan, tool, Ran(error=text, status="timeout"), 0.0)
        try:
            return await self._call(plan, tool, arguments)
        finally:
            gate.release()

    async def _call(self, plan: PlannedCall, tool: Tool, arguments: Mapping[str, object]) -> None:
        recorder, care, read_only = self._recorder, tool.care, tool.spec.read_only
        recorder.append(Called(recorder.now(), plan.step, plan.index, plan.name, plan.key))
        if read_only:
            recorder.checkpoint(perf_counter())
        else:
            recorder.flush()
        started = perf_counter()
        token = current_call.set(scope := CallScope(plan.key, recorder.run_id))
        try:
            if care is None:
                ran = await self._run(plan, tool, arguments)
            else:
                ran = await self._keeper.run(plan, tool, care, lambda: self._run(plan, tool, arguments))
        finally:
            current_call.reset(token)
        self._record(plan, tool, ran, perf_counter() - started, scope.usage, scope.cost)
        if not read_only:
            recorder.flush()  # what it did is known from here on, whatever becomes of this process

    def _record(
        self, plan: PlannedCall, tool: Tool, ran: Ran, seconds: float, usage: Usage | None = None, cost: float | None = None
    ) -> None:
        output: JsonObject | None = None
        if ran.error is not None:
            content: tuple[Text | Image, ...] = (Text(ran.error),)
        else:
            content = render(ran.value)
            if plan.name == FINISH_TOOL:
                output = plan.arguments
        content = self._bounded(content, plan, tool)
        result = ToolResult(plan.name, content, ran.status, tool.spec.open_world or ran.untrusted)
        recorder, step, index = self._recorder, plan.step, plan.index
        recorder.append(
            Returned(recorder.now(), step, index, result, seconds, usage, cost, ran.left_behind, output, ran.attempts, ran.cached)
        )

    async def _returned(self, plan: PlannedCall, text: str, status: ResultStatus) -> None:
        self._recorder.append(Returned(self._recorder.now(), plan.step, plan.index, ToolResult(plan.name, (Text(text),), status)))

    async def _asked(self, plan: PlannedCall, question: str) -> None:
        self._recorder.append(Asked(self._recorder.now(), plan.step, plan.index, question))

    def _unknown(self, name: str) -> str:
        names = sorted(tool.name for tool in self._tools)
        nearest = self._tools.nearest(name)
        hint = f" Did you mean '{nearest}'?" if nearest else ""
        listed = ", ".join(names[:50]) + (f" and {len(names) - 50} more" if len(names) > 50 else "")
        return f"There is no tool '{clean(name)[:100]}'.{hint} The tools are: {listed or 'none'}."

    # ------------------------------------------------------------------------------------------------------- running

    def _run(self, plan: PlannedCall, tool: Tool, arguments: Mapping[str, object]) -> Coroutine[object, object, Ran]:
        recorder = self._recorder
        flag: _Flag | None = None
        if tool.takes_context is not None:
            flag = _Flag()
            context: RunContext[object] = RunContext(
                deps=self._deps,
                key=plan.key,
                run_id=recorder.run_id,
                step=plan.step,
                index=plan.index,
                tool_name=plan.name,
                cancelled=flag,
                progress=lambda message, fraction: recorder.progress(plan.step, plan.index, message, fraction),
                secrets=self._secrets,
            )
            arguments = {**arguments, tool.takes_context: context}
        return self._guarded(partial(tool.function, **arguments), tool.is_async, tool.timeout, flag)

    async def _guarded(self, job: Callable[[], object], is_async: bool, bound: float | None, flag: _Flag | None = None) -> Ran:
        """What comes of a function, whatever it does. It gets `bound` seconds, and no more than the run has left."""
        left = self._recorder.seconds_left()
        timeout = bound if left is None or (bound is not None and bound < left) else left
        try:
            if not is_async:
                return await self._in_thread(job, timeout, flag)
            coroutine = cast("Awaitable[object]", job())
            if timeout is None:
                return Ran(read_awaited(await coroutine))
            return await self._in_time(coroutine, timeout, flag)
        except asyncio.CancelledError:
            _tell(flag)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return Ran(error="the tool cancelled itself", status="error")
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - the contract: whatever a tool raises is an observation, SystemExit too
            return Ran(error=_words(error), status="error", again=isinstance(error, Exception) and not isinstance(error, ToolError))

    async def _in_thread(self, job: Callable[[], object], timeout: float | None, flag: _Flag | None) -> Ran:
        future = POOL.run(lambda: read(job()))
        if timeout is None:
            value = await future
        else:
            try:
                done, _ = await asyncio.wait({future}, timeout=timeout)
            finally:
                future.cancel()  # if it is not done: what comes of it later is nobody's concern any more
            if not done:
                _tell(flag)
                return Ran(
                    error=f"{_too_long(timeout)} It could not be stopped and may still be at work.", status="timeout", left_behind=True
                )
            value = future.result()
        if not isinstance(value, Coroutine):  # asyncio.iscoroutine takes a generator for one up to Python 3.11
            return Ran(value)
        # a plain function that gives back a coroutine, such as a lambda over an async one
        return Ran(read_awaited(await value)) if timeout is None else await self._in_time(value, timeout, flag)

    async def _in_time(self, coroutine: Awaitable[object], timeout: float, flag: _Flag | None) -> Ran:
        task = asyncio.ensure_future(_kept(coroutine))
        try:
            await asyncio.wait({task}, timeout=timeout)
            if task.done():
                return task.result()
            _tell(flag)
            await _given_up(task)
            return Ran(error=_too_long(timeout), status="timeout", left_behind=not task.done(), again=task.done())
        except asyncio.CancelledError:
            await _given_up(task)
            raise

    async def _verify(self, plan: PlannedCall, tool: Tool) -> None:
        """Ask the tool what became of an orphan; if surely nothing, it runs."""
        verify = cast("Callable[[str], object]", tool.verify)
        found = await self._guarded(lambda: verify(plan.key), False, tool.timeout)
        if found.value is NOT_DONE:
            return await self._carry_out_one(replace(plan, mode="run"))
        if found.error is None and found.value is not UNKNOWN:
            return self._record(plan, tool, found, 0.0)
        why = (
            "the tool itself does not know what became of it" if found.error is None else f"asking what became of it failed ({found.error})"
        )
        return await self._asked(plan, f"It was started before the run was interrupted, and {why}. Run it again?")

    # ------------------------------------------------------------------------------------------------------- bounding

    def _bounded(self, content: tuple[Text | Image, ...], plan: PlannedCall, tool: Tool) -> tuple[Text | Image, ...]:
        limit, care = self._result_chars, tool.care
        if care is not None and care.max_result is not None and care.max_result < limit:
            limit = care.max_result
        if len(content) == 1 and type(content[0]) is Text and len(content[0].text) <= limit:
            return content
        if care is not None and care.reads_rest:  # bounded by itself
            return content
        return bounded(content, limit, self._shelf(plan, tool))

    def _shelf(self, plan: PlannedCall, tool: Tool) -> Callable[[str], str] | None:
        """Where the rest of this call's result is put, if the model has a way to it."""
        reader = next((each.name for each in self._tools if each.care is not None and each.care.reads_rest), None)
        if reader is None:
            return None
        ref = f"{plan.step}.{plan.index}"

        def put(text: str) -> str:
            self._keeper.shelf.put(ref, text, tool.spec.open_world)
            return f'{reader}(ref="{ref}"'

        return put


async def _given_up(*tasks: asyncio.Task[Any]) -> None:
    """Cancel them, those that were not cancelled yet, and wait for a while until they have cleaned up."""
    for task in tasks:
        if not task.cancelling():
            task.cancel()
    done, _ = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
    for task in done:
        if not task.cancelled():
            task.exception()  # seen, so that nobody is warned of it


async def _kept(coroutine: Awaitable[object]) -> Ran:
    """For a task of its own: there, `SystemExit` would end the event loop."""
    try:
        return Ran(read_awaited(await undisturbed(coroutine)))
    except SystemExit as error:
        return Ran(error=_words(error), status="error")


def _too_long(timeout: float) -> str:
    return f"The tool took longer than {timeout:g} seconds and was given up."


def _words(error: BaseException) -> str:
    """Type and message, bounded; no traceback. A `ToolError` speaks for itself."""
    text = said(error)
    name = type(error).__name__
    words = text or name if isinstance(error, ToolError) else f"{name}: {text}" if text else name
    return clean(words)[:ERROR_CHARS]
