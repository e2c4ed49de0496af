"""The sync face: it works everywhere, also where a loop runs already, and a stuck tool keeps no program alive."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from _stories import mock
from _world import World

from react_agent import Agent, MockBackend, Result, ToolError, Usage, call, threads, tool
from react_agent.events import Returned
from react_agent.sync import run_sync
from react_agent.threads import ThreadPool

ROOT = Path(__file__).resolve().parent.parent


def agent(answer: str = "done") -> Agent:
    return Agent(mock([answer], "native"))


# ------------------------------------------------------------------------------------------------------------ everywhere


def test_it_runs_where_there_is_no_loop() -> None:
    assert agent().run_sync("Go.").answer == "done"


def test_it_runs_inside_a_running_loop_as_in_a_notebook() -> None:
    async def cell() -> Result:
        return agent().run_sync("Go.")

    assert asyncio.run(cell()).answer == "done"


def test_it_runs_in_many_threads_at_once() -> None:
    barrier = threading.Barrier(8, timeout=20)
    answers: list[str | None] = []

    @tool(read_only=True)
    def meet() -> str:
        """Wait until all runs are here."""
        barrier.wait()
        return "met"

    def work(n: int) -> None:
        answers.append(Agent(MockBackend([call("meet"), f"{n}"]), tools=[meet]).run_sync("Go.").answer)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers, key=str) == [str(n) for n in range(8)]


def test_one_loop_serves_all_so_connections_can_be_kept() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def which() -> None:
        loops.append(asyncio.get_running_loop())

    run_sync(which)
    run_sync(which)
    assert loops[0] is loops[1]


def test_what_the_coroutine_raises_is_raised_here() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_sync(broken)
    assert agent().run_sync("Go.").answer == "done"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit], ids=lambda kind: kind.__name__)
def test_nothing_that_is_raised_inside_ends_the_loop_for_everybody(error: type[BaseException]) -> None:
    """The loop in its thread serves the whole process: it must outlive whatever one run does."""
    script = f"""
import threading
from react_agent.sync import run_sync
import asyncio
async def broken():
    raise {error.__module__ + "." if error.__module__ != "builtins" else ""}{error.__name__}
async def fine():
    return "fine"
try:
    run_sync(broken)
except BaseException as problem:
    print(type(problem).__name__)
print(run_sync(fine))
"""
    assert python(script) == [error.__name__, "fine"]


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit(3)"])
def test_a_tool_that_raises_the_end_of_the_program_does_not_hang_it(kind: str, error: str) -> None:
    script = f"""
from react_agent import Agent, MockBackend, call, tool
@tool
{"async " if kind == "async" else ""}def it() -> str:
    "It."
    raise {error}
try:
    print(Agent(MockBackend([call("it"), "done"]), tools=[it]).run_sync("Go.").answer)
except BaseException as problem:
    print(type(problem).__name__)
print(Agent(MockBackend(["still there"])).run_sync("Go.").answer)
"""
    assert python(script) in (["done", "still there"], ["KeyboardInterrupt", "still there"])


# ------------------------------------------------------------------------------------------------------ runs within runs


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_tool_may_run_an_agent_of_its_own(kind: str) -> None:
    children: list[Result] = []

    def sync_ask(question: str) -> str:
        """Ask the expert."""
        children.append(Agent(mock([call("lookup", key="a"), "deep"], "native"), tools=World().tools()).run_sync(question))
        return children[-1].answer or ""

    async def async_ask(question: str) -> str:
        """Ask the expert."""
        return sync_ask(question)

    ask = tool(name="ask")(sync_ask if kind == "sync" else async_ask)
    parent = Agent(mock([[call("ask", question="1?"), call("ask", question="2?")], "done"], "native"), tools=[ask])
    for run in (lambda: parent.run_sync("Go.", run_id="p"), lambda: asyncio.run(parent.run("Go.", run_id="p"))):
        children.clear()
        parent.backend = mock([[call("ask", question="1?"), call("ask", question="2?")], "done"], "native")
        result = run()
        assert result.answer == "done"
        assert sorted(child.trace.run_id for child in children) == ["p/0.0", "p/0.1"]
        assert all(child.trace.started.parent is not None for child in children)
        assert [event.usage for event in result.trace if isinstance(event, Returned)] == [Usage(20, 10)] * 2
        assert result.usage == Usage(60, 30)


def test_agents_may_be_nested_deeply() -> None:
    def nested(depth: int) -> Agent:
        @tool
        async def deeper() -> str:
            """Ask the next."""
            return nested(depth - 1).run_sync("Deeper.").trace.run_id

        return Agent(mock([call("deeper"), "done"] if depth else ["bottom"], "native"), tools=[deeper])

    result = nested(4).run_sync("Go.", run_id="p")
    assert result.usage == Usage(90, 45)


# -------------------------------------------------------------------------------------------------- interrupts, endings


def python(script: str, *arguments: str, timeout: float = 20) -> list[str]:
    """What a program prints, which has to end by itself."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


STUCK = """
import threading
from react_agent import Agent, MockBackend, call, tool
@tool(timeout=0.01)
def stuck() -> str:
    "Never ends."
    threading.Event().wait()
    return ""
result = Agent(MockBackend([call("stuck"), "done"]), tools=[stuck]).run_sync("Go.")
print(result.answer, result.trace.steps()[0].calls[0].result.status)
"""


def test_a_stuck_tool_that_was_left_behind_keeps_no_program_alive() -> None:
    assert python(STUCK) == ["done timeout"]
    in_a_loop = STUCK.replace("import threading\n", "import threading, asyncio\n").replace(
        'result = Agent(MockBackend([call("stuck"), "done"]), tools=[stuck]).run_sync("Go.")',
        'result = asyncio.run(Agent(MockBackend([call("stuck"), "done"]), tools=[stuck]).run("Go."))',
    )
    assert python(in_a_loop) == ["done timeout"]


INTERRUPTED = """
import os, signal, sys, threading
from pathlib import Path
from typing import Any
from react_agent import Agent, Hang, MockBackend, Trace
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have had it ignored
def reply(request):
    os.kill(os.getpid(), signal.SIGINT)
    return Hang()
try:
    Agent(MockBackend([reply]), store=sys.argv[1]).run_sync("Go.", run_id="r")
except KeyboardInterrupt:
    print("interrupted")
print([event.kind for event in Trace.load(Path(sys.argv[1]) / "r.jsonl")])
print(Agent(MockBackend(["still there"])).run_sync("Go.").answer)
"""


def test_an_interrupt_cancels_the_run_saves_its_trace_and_goes_up(tmp_path: Path) -> None:
    assert python(INTERRUPTED, str(tmp_path)) == ["interrupted", "['started', 'stopped', 'finished']", "still there"]


@pytest.mark.parametrize("asked", [False, True], ids=["before it is asked for", "before it is waited for"])
def test_an_interrupt_at_the_very_beginning_leaves_nothing_at_work(asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []

    async def work() -> None:
        log.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            log.append("ended")

    async def look() -> list[str]:
        return log

    ask = asyncio.BaseEventLoop.call_soon_threadsafe

    def interrupted(loop: asyncio.BaseEventLoop, *given: Any, **more: Any) -> object:
        if threading.current_thread() is not threading.main_thread():
            return ask(loop, *given, **more)
        monkeypatch.undo()
        if asked:
            ask(loop, *given, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio.BaseEventLoop, "call_soon_threadsafe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_sync(work)
    assert run_sync(look) in ([], ["begun", "ended"])


FORKED = """
import os
from react_agent import Agent, MockBackend
assert Agent(MockBackend(["parent"])).run_sync("Go.").answer == "parent"
child = os.fork()
if child == 0:
    print(Agent(MockBackend(["child"])).run_sync("Go.").answer, flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_a_loop_of_its_own() -> None:
    assert python(FORKED) == ["child", "0"]


def test_a_forked_process_has_threads_for_its_tools() -> None:
    script = FORKED.replace('MockBackend(["parent"])', 'MockBackend([call("it"), "parent"]), tools=[it]').replace(
        'MockBackend(["child"])', 'MockBackend([call("it"), "child"]), tools=[it]'
    )
    script = script.replace("import Agent, MockBackend", "import Agent, MockBackend, call, tool").replace(
        "assert Agent", '@tool\ndef it() -> str:\n    "It."\n    return "it"\nassert Agent', 1
    )
    assert python(script) == ["child", "0"]


# ------------------------------------------------------------------------------------------------------------ the threads


def test_idle_threads_are_used_again() -> None:
    pool = ThreadPool()
    names: list[str] = []

    async def main() -> None:
        for _ in range(20):
            names.append(str(await pool.run(lambda: threading.current_thread().name)))
            assert pool._idle.acquire(timeout=20)  # the thread says that it is idle just after its result
            pool._idle.release()

    asyncio.run(main())
    assert len(set(names)) == 1


def test_a_stuck_thread_takes_the_place_of_no_other() -> None:
    release = threading.Event()

    @tool(read_only=True, timeout=0.01)
    def stuck() -> str:
        """Never ends."""
        release.wait(20)
        return ""

    script = [*[call("stuck")] * 2, call("lookup", key="a"), "done"]
    result = Agent(MockBackend(script), tools=[stuck, *World().tools()]).run_sync("Go.")
    release.set()
    assert result.answer == "done"


def test_threads_hand_over_values_and_errors() -> None:
    pool = ThreadPool()

    def fail() -> object:
        raise ToolError("no")

    async def main() -> None:
        assert await pool.run(lambda: 42) == 42
        with pytest.raises(ToolError):
            await pool.run(fail)
        future = pool.run(lambda: 1)
        future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await future
        assert await pool.run(lambda: "still there") == "still there"

    asyncio.run(main())


def test_a_result_for_a_loop_that_is_gone_harms_nobody() -> None:
    pool = ThreadPool()
    release = threading.Event()

    async def leave() -> None:
        pool.run(lambda: release.wait(20))

    async def come() -> object:
        return await pool.run(lambda: "served")

    asyncio.run(leave())
    release.set()
    assert asyncio.run(come()) == "served"


def test_where_no_thread_can_be_had_nothing_runs_later_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller is told that it did not run; so a thread that is free by and by must not run it after all."""
    pool = ThreadPool()
    log: list[str] = []

    def no_more(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", no_more)
            with pytest.raises(RuntimeError, match="thread"):
                pool.run(lambda: log.append("ran after all"))
        await pool.run(lambda: log.append("ran"))

    asyncio.run(main())
    assert log == ["ran"]


def test_a_coroutine_that_nobody_waits_for_any_more_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else Python warns that it was never awaited."""
    pool = ThreadPool()
    go_on = threading.Event()

    async def never_awaited() -> None:
        return None

    def late() -> object:
        go_on.wait(20)
        return never_awaited()

    async def main() -> None:
        settled, settle = asyncio.Event(), threads._settle

        def then(*given: Any) -> None:
            settle(*given)
            settled.set()

        monkeypatch.setattr(threads, "_settle", then)
        future = pool.run(late)
        future.cancel()
        go_on.set()
        await settled.wait()

    asyncio.run(main())
    gc.collect()
