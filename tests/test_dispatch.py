"""How a call reaches a function: nothing that a tool does escapes, but cancellation, which always gets through."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from _laws import check_law
from _world import Order, World

from react_agent import Agent, Image, Limits, MockBackend, Raw, Result, RunContext, Tool, ToolError, Usage, call, tool
from react_agent import dispatch as dispatch_module
from react_agent import threads as threads_module
from react_agent.calling import call_once
from react_agent.events import Called, Event, Returned, Stopped
from react_agent.messages import ModelReply, Text
from react_agent.rendering import render
from react_agent.tooling import ToolRegistry

where: contextvars.ContextVar[str] = contextvars.ContextVar("where", default="nowhere")


def run(tools: list[Tool], *calls: object, limits: Limits | None = None, deps: object = None) -> Result:
    script = list(calls) if len(calls) == 1 else [list(calls)]
    return Agent(MockBackend([*script, "done"]), tools=tools, limits=limits).run_sync("Go.", deps=deps, run_id="r")  # type: ignore[list-item]


def results(result: Result) -> list[tuple[str, str]]:
    return [(record.result.status, record.result.text) for step in result.steps for record in step.calls if record.result]


def made(function: Callable[..., object], **options: object) -> Tool:
    return tool(read_only=True, name="it", description="It.", **options)(function)  # type: ignore[call-overload, no-any-return]


# -------------------------------------------------------------------------------------------------------- what it gives


class Odd(BaseException):
    """No `Exception` at all."""


def raising(error: BaseException) -> Callable[[], object]:
    def it() -> object:
        raise error

    return it


def raising_async(error: BaseException) -> Callable[[], Coroutine[object, object, object]]:
    async def it() -> object:
        raise error

    return it


ERRORS: dict[str, tuple[BaseException, str]] = {
    "an exception": (ValueError("wrong"), "ValueError: wrong"),
    "without words": (ValueError(), "ValueError"),
    "its own words": (ToolError("closed"), "closed"),
    "its own class": (type("Lost", (ToolError,), {})("gone"), "gone"),
    "exit": (SystemExit(3), "SystemExit: 3"),
    "no exception at all": (Odd("odd"), "Odd: odd"),
    "the end of an iteration": (StopIteration("end"), "StopIteration"),
    "the end of an async iteration": (StopAsyncIteration("end"), "StopAsyncIteration"),
    "a cancellation of its own": (asyncio.CancelledError(), "cancelled"),
    "a time-out of its own": (TimeoutError("too slow"), "TimeoutError: too slow"),
    "a lone surrogate": (ValueError("a\ud800b"), "ValueError: a\ufffdb"),
    "a group": (
        ExceptionGroup("two of three", [ValueError("no"), ExceptionGroup("one", [OSError("away")])]),
        "ValueError: no; ExceptionGroup: one (1 sub-exception): OSError: away",
    ),
}


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside another"])
@pytest.mark.parametrize("timeout", [None, 30.0], ids=["unbounded", "bounded"])
@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("what", ERRORS)
def test_whatever_a_tool_raises_is_an_observation(what: str, kind: str, timeout: float | None, alone: bool) -> None:
    error, words = ERRORS[what]
    it = made(raising(error) if kind == "sync" else raising_async(error), timeout=timeout)
    other = World().tools()[0]
    result = run([it, other], call("it")) if alone else run([it, other], call("it"), call("lookup", key="a"))
    assert result.answer == "done"
    status, text = results(result)[0]
    assert status == "error"
    assert words in text
    assert "Traceback" not in text
    check_law(result.trace)


def test_long_words_of_an_error_are_bounded() -> None:
    result = run([made(raising(ValueError("x" * 100_000)))], call("it"))
    assert len(results(result)[0][1]) <= dispatch_module.ERROR_CHARS
    shorter = run([made(raising(ValueError("x" * 1_000)))], call("it"), limits=Limits(result_chars=100))
    assert "x" * 101 not in results(shorter)[0][1]


def test_a_plain_function_may_give_back_what_is_iterated_over() -> None:
    """A generator is no coroutine, whatever asyncio says of it up to Python 3.11."""
    for timeout in (None, 100.0):
        assert results(run([made(lambda: (n for n in range(3)), timeout=timeout)], call("it"))) == [("ok", "[0,1,2]")]


@pytest.mark.parametrize("timeout", [None, 100.0])
@pytest.mark.parametrize("is_async", [False, True])
def test_what_an_iterator_raises_the_tool_has_raised(is_async: bool, timeout: float | None) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("boom")

    async def later() -> Iterator[int]:
        return items()

    assert results(run([made(later if is_async else lambda: items(), timeout=timeout)], call("it"))) == [("error", "ValueError: boom")]


def test_a_plain_function_may_give_back_a_coroutine() -> None:
    async def later() -> str:
        return "later"

    assert results(run([made(lambda: later())], call("it"))) == [("ok", "later")]
    assert results(run([made(lambda: later(), timeout=30.0)], call("it"))) == [("ok", "later")]


VALUES: dict[str, tuple[object, list[object]]] = {
    "text": ("words", [Text("words")]),
    "nothing": (None, [Text("done")]),
    "data": ({"a": [1, None]}, [Text('{"a":[1,null]}')]),
    "a picture": (Image("image/png", "AAAA"), [Image("image/png", "AAAA")]),
    "half of a surrogate pair in a part": (Text("\ud800x"), [Text("\ufffdx")]),
    "half of a surrogate pair in one of several parts": ([Text("a"), Text("\ud800x")], [Text("a"), Text("\ufffdx")]),
    "a noun of ours": (Usage(1, 2), [Text('{"input_tokens":1,"output_tokens":2}')]),
    "a noun within data": ({"spent": [Usage(1, 2)]}, [Text('{"spent":[{"input_tokens":1,"output_tokens":2}]}')]),
    "words and pictures": (["see", Image("image/png", "AAAA")], [Text("see"), Image("image/png", "AAAA")]),
}


@pytest.mark.parametrize("part", [Text(5), Image(5), Image("image/png", data=b"x", url=7)], ids=repr)  # type: ignore[arg-type]
def test_a_part_that_could_not_be_read_again_is_shown_as_python_does(part: Text | Image) -> None:
    result = run([made(lambda: [part])], call("it"))
    assert results(result)[0][0] == "ok"
    assert "shown as Python does" in results(result)[0][1]
    check_law(result.trace)


@pytest.mark.parametrize("what", VALUES)
def test_what_a_tool_returns_is_shown(what: str) -> None:
    value, parts = VALUES[what]
    result = run([made(lambda: value)], call("it"))
    record = result.steps[0].calls[0]
    assert record.result is not None
    assert list(record.result.content) == parts


@pytest.mark.parametrize("size", [100, 101, 1000, 100_000])
def test_what_is_too_long_is_cut_in_its_middle_with_a_note(size: int) -> None:
    text = "".join(chr(ord("a") + n % 26) for n in range(size))
    result = run([made(lambda: text)], call("it"), limits=Limits(result_chars=100))
    ((_, shown),) = results(result)
    if size <= 100:
        assert shown == text
    else:
        assert shown.startswith(text[:75])
        assert shown.endswith(text[-25:])
        assert f"{size - 100:,} of {size:,} characters are left out" in shown


PICTURE = Image("image/png", "AAAA")


@pytest.mark.parametrize(
    "value",
    [
        ["a" * 80, PICTURE, Text("b" * 80)],
        [Text(f"line {n}") for n in range(20_000)],
        [b"id", *range(20_000)],
        [Text("a" * 74), Text("b"), Text("c" * 100)],  # the gap begins at a line end
        [Text("a" * 75), Text("b" * 100)],
        [Text("a" * 200), *[PICTURE] * 3, Text("b")],
        [PICTURE, *[Text("")] * 200, PICTURE],
        [PICTURE, Text("a" * 50), PICTURE, Text("b" * 49)],  # as much as there may be
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("limit", [100, 101, 1])
def test_several_texts_share_the_bound_and_one_note(value: list[object], limit: int) -> None:
    result = run([made(lambda: value)], call("it"), limits=Limits(result_chars=limit))
    record = result.steps[0].calls[0]
    assert record.result is not None
    content = record.result.content
    whole = "\n".join([part.text for part in render(value) if isinstance(part, Text)])
    assert content.count(PICTURE) == value.count(PICTURE)
    if len(whole) <= limit:
        assert content == render(value)
        return
    head, tail = whole[: limit * 3 // 4], whole[len(whole) - (limit - limit * 3 // 4) :]
    note = f"\n[… {len(whole) - limit:,} of {len(whole):,} characters are left out here; ask for a narrower part to see them …]\n"
    shown = record.result.text
    assert shown.count("left out") == 1
    before, after = shown.split(note)
    assert (before.rstrip("\n"), after.lstrip("\n")) == (head.rstrip("\n"), tail.lstrip("\n"))
    assert len(before) + len(after) <= limit + 1  # the line end between two parts


def test_pictures_stay_in_their_place() -> None:
    value = [PICTURE, Text("a" * 80), PICTURE, Text("b" * 80), PICTURE, Text("c" * 80), PICTURE]
    result = run([made(lambda: value)], call("it"), limits=Limits(result_chars=100))
    record = result.steps[0].calls[0]
    assert record.result is not None
    said = ["picture" if isinstance(part, Image) else part.text.strip()[:1] for part in record.result.content]
    assert said == ["picture", "a", "picture", "picture", "c", "picture"]


# ---------------------------------------------------------------------------------------------------------- side by side


def test_results_have_the_order_of_the_calls() -> None:
    order = Order()
    result = run(order.tools(), call("first"), call("second"))
    assert order.finished == ["second", "first"]
    assert [text for _, text in results(result)] == ["result of first", "result of second"]


def test_sync_tools_of_one_step_wait_for_nobody() -> None:
    """As many as a step may have, all at once: the pool has no bound of its own that could lock them up."""
    barrier = threading.Barrier(32, timeout=20)

    def it(n: int) -> int:
        barrier.wait()
        return n

    result = run([made(it)], *[call("it", n=n) for n in range(32)])
    assert results(result) == [("ok", str(n)) for n in range(32)]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_tools_see_the_callers_context(kind: str) -> None:
    async def async_it() -> str:
        return where.get()

    it = made((lambda: where.get()) if kind == "sync" else async_it)
    token = where.set("here")
    try:
        assert results(run([it], call("it"))) == [("ok", "here")]
        assert results(run([it], call("it"), call("it"))) == [("ok", "here")] * 2
    finally:
        where.reset(token)


# ------------------------------------------------------------------------------------------------------------- time-outs


def test_an_async_tool_that_takes_too_long_is_cancelled() -> None:
    seen: list[str] = []

    async def it(ctx: RunContext[None]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append(f"cancelled {ctx.cancelled}")
            raise

    result = run([made(it, timeout=0.01)], call("it"))
    assert results(result)[0][0] == "timeout"
    assert "0.01 seconds" in results(result)[0][1]
    assert seen == ["cancelled True"]
    assert [event.left_behind for event in result.trace if isinstance(event, Returned)] == [False]


def test_a_sync_tool_that_takes_too_long_is_left_behind_and_may_notice() -> None:
    go_on, noticed = threading.Event(), threading.Event()

    def it(ctx: RunContext[None]) -> str:
        go_on.wait(20)
        if ctx.cancelled:
            noticed.set()
        ctx.raise_if_cancelled()
        return "too late"

    result = run([made(it, timeout=0.01)], call("it"))
    assert results(result)[0][0] == "timeout"
    assert "may still be at work" in results(result)[0][1]
    assert [event.left_behind for event in result.trace if isinstance(event, Returned)] == [True]
    go_on.set()
    assert noticed.wait(20)


def test_an_async_tool_that_swallows_its_cancellation_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_module, "GRACE_SECONDS", 0.01)

    async def main() -> Result:
        end = asyncio.Event()

        async def it() -> str:
            while not end.is_set():
                try:
                    await end.wait()
                except asyncio.CancelledError:
                    continue
            raise ValueError("nobody hears this")

        result = await Agent(MockBackend([call("it"), "done"]), tools=[made(it, timeout=0.01)]).run("Go.")
        end.set()
        return result

    result = asyncio.run(main())
    assert results(result)[0][0] == "timeout"
    assert [event.left_behind for event in result.trace if isinstance(event, Returned)] == [True]
    assert result.answer == "done"


def test_what_a_tool_raises_while_it_is_cleaned_up_warns_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def it() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("in the clean-up")

    with caplog.at_level(logging.ERROR):
        result = run([made(it, timeout=0.01)], call("it"))
        gc.collect()
    assert results(result)[0][0] == "timeout"
    assert caplog.records == []


def test_the_shorter_of_the_two_times_counts(clock: list[float]) -> None:
    async def it() -> None:
        clock[0] += 0.02
        await asyncio.Event().wait()

    result = run([made(it, timeout=1000.0)], call("it"), limits=Limits(seconds=0.02))
    assert results(result)[0][0] == "timeout"
    assert result.outcome.kind == "limit"


# ---------------------------------------------------------------------------------------------------------- cancellation


async def cancelled(tools: list[Tool], calls: list[object], began: asyncio.Event, deps: object = None) -> list[Event]:
    """Run, cancel as soon as a tool has begun; the trace. The cancellation must go through."""
    seen: list[Event] = []
    agent = Agent(MockBackend([calls, "not cancelled"]), tools=tools)  # type: ignore[list-item]  # a list of calls

    async def main() -> None:
        run = agent._begin("Go.", deps, None)
        run.event_listeners.append(seen.append)
        await agent._finish(run)

    task = asyncio.create_task(main())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return seen


@pytest.mark.parametrize("timeout", [None, 30.0], ids=["unbounded", "bounded"])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("manner", ["lets it through", "swallows it", "raises another error", "is sync"])
def test_cancellation_is_recorded_and_goes_through_whatever_the_tool_does_with_it(manner: str, count: int, timeout: float | None) -> None:
    release = threading.Event()

    async def main() -> list[Event]:
        began = asyncio.Event()
        loop = asyncio.get_running_loop()

        async def async_it(n: int) -> str:
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if manner == "swallows it":
                    return "swallowed"
                if manner == "raises another error":
                    raise ValueError("in the clean-up") from None
                raise
            return ""

        def sync_it(n: int) -> str:
            loop.call_soon_threadsafe(began.set)
            release.wait(20)
            return "late"

        it = made(sync_it if manner == "is sync" else async_it, timeout=timeout)
        return await cancelled([it], [call("it", n=n) for n in range(count)], began)

    events = asyncio.run(main())
    release.set()
    kinds = [event.kind for event in events]
    assert kinds[-2:] == ["stopped", "finished"]
    assert kinds.count("called") == count
    assert "replied" not in kinds[2:], "the run went on after it was cancelled"
    assert [event.cause for event in events if isinstance(event, Stopped)] == ["cancelled"]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("timeout", [None, 30.0], ids=["unbounded", "bounded"])
def test_a_cancelled_run_leaves_no_async_tool_at_work(timeout: float | None, count: int) -> None:
    async def main() -> list[str]:
        began = asyncio.Event()
        ended: list[str] = []

        async def it(ctx: RunContext[None], n: int) -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(f"{n} {ctx.cancelled}")

        await cancelled([made(it, timeout=timeout)], [call("it", n=n) for n in range(count)], began)
        await asyncio.sleep(0)
        return ended

    ended = asyncio.run(main())
    assert [each[0] for each in ended] == [str(n) for n in range(count)]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("timeout", [None, 30.0], ids=["unbounded", "bounded"])
def test_a_cancelled_run_ends_after_its_tools_have_cleaned_up_and_nothing_follows(timeout: float | None, count: int) -> None:
    """The first of several that ends must not end the run: the others would be at work behind its end, and write into its record."""

    async def main() -> tuple[list[str], list[str]]:
        began = asyncio.Event()
        ended: list[str] = []

        async def it(n: int) -> str:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                for _ in range(5 * n):
                    await asyncio.sleep(0)
                ended.append(str(n))
            return ""

        events = await cancelled([made(it, timeout=timeout)], [call("it", n=n) for n in range(1, count + 1)], began)
        at_the_end = list(ended)
        for _ in range(20):
            await asyncio.sleep(0)
        return at_the_end, [event.kind for event in events]

    at_the_end, kinds = asyncio.run(main())
    assert at_the_end == [str(n) for n in range(1, count + 1)]
    assert kinds[-2:] == ["stopped", "finished"]


def test_a_tool_that_outlives_its_cancelled_run_writes_nothing_behind_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dispatch_module, "GRACE_SECONDS", 0.0)

    async def main() -> None:
        began, go_on, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def it(n: int) -> str:
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if n == 0:
                    raise
                await go_on.wait()
                asyncio.get_running_loop().call_soon(over.set)
            return "late"

        stream = Agent(MockBackend([[call("it", n=n) for n in range(2)], "done"]), tools=[made(it)], store=tmp_path).stream("Go.")
        async with stream as run:
            await began.wait()
        before = list(run.trace)
        go_on.set()
        await over.wait()
        await asyncio.sleep(0)
        assert list(run.trace) == before

    asyncio.run(main())
    (path,) = tmp_path.glob("*.jsonl")
    assert b'"kind":"finished"' in path.read_bytes().splitlines()[-1]


def test_what_a_sync_tool_raises_after_its_run_was_cancelled_warns_nobody(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    settle = threads_module._settle

    async def main() -> None:
        began, over = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def settled(*given: Any) -> None:
            settle(*given)
            over.set()

        monkeypatch.setattr(threads_module, "_settle", settled)

        def it() -> None:
            loop.call_soon_threadsafe(began.set)
            go_on.wait(20)
            raise ValueError("late")

        await cancelled([made(it, timeout=30.0)], [call("it")], began)
        go_on.set()
        await over.wait()

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
        gc.collect()
    assert not caplog.records


def test_a_plain_function_that_gives_back_a_coroutine_is_held_to_its_time_too() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    assert results(run([made(lambda: forever(), timeout=0.01)], call("it")))[0][0] == "timeout"


def test_a_tool_that_cancels_itself_does_not_cancel_the_run() -> None:
    async def it() -> None:
        raise asyncio.CancelledError

    async def main() -> Result:
        task = asyncio.current_task()
        assert task is not None
        result = await Agent(MockBackend([[call("it"), call("it")], call("it"), "done"]), tools=[made(it)]).run("Go.")
        assert task.cancelling() == 0
        return result

    result = asyncio.run(main())
    assert result.answer == "done"
    assert {status for status, _ in results(result)} == {"error"}


def test_tools_may_use_timeouts_and_task_groups_of_their_own() -> None:
    async def it() -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            pass
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(0, "grouped"))
        return task.result()

    assert results(run([made(it)], call("it"))) == [("ok", "grouped")]
    assert results(run([made(it)], call("it"), call("it"))) == [("ok", "grouped")] * 2


async def _fails() -> None:
    raise ValueError("away")


async def _waiting() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_fails())


async def _at_work() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_fails())
        await asyncio.Event().wait()


async def _nested() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(0))
        await _waiting()


async def _reworded() -> None:
    try:
        await _waiting()
    except* ValueError as error:
        raise OSError("all away") from error


async def _in_a_generator() -> None:
    async def items() -> AsyncIterator[int]:
        await _waiting()
        yield 1

    async for _ in items():
        pass


class _Wrapped:
    def __await__(self) -> Generator[Any, Any, None]:
        return _waiting().__await__()


async def _wrapped() -> None:
    await _Wrapped()


GROUPS = [_waiting, _at_work, _nested, _reworded, _in_a_generator, _wrapped]


@pytest.mark.parametrize("it", GROUPS)
def test_a_task_group_that_fails_does_not_cancel_the_run(it: Callable[[], Awaitable[None]]) -> None:
    class Own:
        name = "own"
        format_name = "native"

        async def reply(self, *args: object, **kwargs: object) -> ModelReply:
            await it()
            raise AssertionError

        async def aclose(self) -> None: ...

    async def main() -> tuple[Result, Result]:
        task = asyncio.current_task()
        assert task is not None
        result = await Agent(MockBackend([call("it"), "done"]), tools=[made(it)]).run("Go.")
        lost = await Agent(Own()).run("Go.")
        assert task.cancelling() == 0
        return result, lost

    result, lost = asyncio.run(main())
    assert (result.answer, lost.outcome.kind) == ("done", "failed")
    assert results(result)[0][0] == "error"


@pytest.mark.parametrize("timeout", [None, 30.0], ids=["unbounded", "bounded"])
@pytest.mark.parametrize("group", GROUPS)
def test_a_tool_may_catch_what_its_task_group_raises(group: Callable[[], Awaitable[None]], timeout: float | None) -> None:
    async def it() -> int:
        try:
            await group()
        except* (ValueError, OSError):
            pass
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    async def main() -> Result:
        return await Agent(MockBackend([[call("it")], [call("it")] * 2, "done"]), tools=[made(it, timeout=timeout)]).run("Go.")

    result = asyncio.run(main())
    assert (result.answer, results(result)) == ("done", [("ok", "0")] * 3)


def test_a_tool_called_by_itself_leaves_nothing_on_its_callers_task() -> None:
    async def it() -> None:
        try:
            await _waiting()
        except* ValueError:
            pass

    async def main() -> int:
        assert (await call_once(ToolRegistry([made(it)]), "it", {})).ok
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert asyncio.run(main()) == 0


def test_a_tool_that_caught_its_task_groups_failure_can_still_be_given_up() -> None:
    ended: list[str] = []

    async def it() -> None:
        try:
            await _waiting()
        except* ValueError:
            pass
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("it")

    assert results(run([made(it, timeout=0.01)], call("it")))[0][0] == "timeout"
    assert ended == ["it"]


@pytest.mark.parametrize("moment", ["with it", "after it"])
def test_a_cancellation_that_meets_a_task_groups_failure_is_no_part_of_it(moment: str) -> None:
    async def main() -> None:
        failed = asyncio.Event()

        async def fails() -> None:
            if moment == "with it":
                task.cancel()
            raise ValueError("away")

        async def goes_on() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                failed.set()
                await asyncio.sleep(0)
                await asyncio.sleep(0)

        async def it() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(fails())
                    group.create_task(goes_on())
            except* ValueError:
                pass

        task = asyncio.create_task(Agent(MockBackend([call("it"), "not cancelled"]), tools=[made(it)]).run("Go."))
        await failed.wait()
        if moment == "after it":
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_task_group_that_fails_as_the_run_is_cancelled_does_not_hide_that() -> None:
    async def main() -> None:
        began = asyncio.Event()

        async def fails_at_the_end() -> None:
            try:
                began.set()
                await asyncio.Event().wait()
            finally:
                raise ValueError("cannot be closed")

        async def it() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(fails_at_the_end())

        await cancelled([made(it)], [call("it")], began)

    asyncio.run(main())


# ----------------------------------------------------------------------------------------------------------- the checks


def test_the_tools_own_check_comes_before_everything() -> None:
    """An invalid call has no `Called`, is not asked for and reaches no function."""
    world = World()
    result = run(world.tools(), call("wipe"), call("add", a=1, b="2"), call("note", text=1), call("lookup", key="a", deep=True))
    assert world.log == []
    assert [status for status, _ in results(result)] == ["invalid"] * 4
    assert not any(isinstance(event, Called) for event in result.trace)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lokup", ["'lookup'", "The tools are: add, boom"]),
        ("totally else", ["no tool 'totally else'", "The tools are"]),
        ("", ["no tool ''"]),
        ("x" * 1000, ["no tool 'xxx"]),
    ],
    ids=["a slip", "another name", "no name", "a very long name"],
)
def test_an_unknown_tool_is_told_what_there_is(name: str, words: list[str]) -> None:
    result = run(World().tools(), Raw(calls=((name, "{}"),)))
    ((status, text),) = results(result)
    assert status == "unknown_tool"
    assert all(word in text for word in words)
    assert len(text) < 600


def test_without_tools_an_unknown_tool_is_told_that_there_are_none() -> None:
    ((_, text),) = results(run([], Raw(calls=(("search", "{}"),))))
    assert "The tools are: none." in text


def test_of_hundreds_of_tools_some_are_named() -> None:
    tools = [Tool.from_schema(name=f"tool_{n:03}", parameters=None, function=lambda: 1) for n in range(200)]
    ((_, text),) = results(run(tools, Raw(calls=(("search", "{}"),))))
    assert "and 150 more" in text


def test_a_call_is_called_once_and_returns_once() -> None:
    result = run(World().tools(), *[call("lookup", key=str(n)) for n in range(5)])
    places = [(event.step, event.index) for event in result.trace if isinstance(event, Called)]
    assert places == [(0, n) for n in range(5)]
    assert sorted((event.step, event.index) for event in result.trace if isinstance(event, Returned)) == places
    assert all(event.seconds >= 0 for event in result.trace if isinstance(event, Returned))
