"""The rows of the contract that have to do with the world outside of a run: servers, kills, processes and records."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest
from _process_tools import hang, hangs
from test_contract import World, first, formats, result_is_whole, statuses, told
from test_tool_runtime import gone, wait_until

from react_agent import Agent, Diverged, MockBackend, OpenAIChatBackend, ReplayBackend, Result, Trace, call, replay
from react_agent.backends.mock import ScriptItem
from react_agent.backends.retry import Retries
from react_agent.errors import BackendProtocolError, BackendRejected, BackendUnavailable
from react_agent.events import Called, Event, Replied, Returned

# ------------------------------------------------------------------------------------------------------ what a server does


def completion(format_name: str, text: str = "done") -> dict[str, object]:
    words = text if format_name == "native" else f"Thought: I know.\nFinal Answer: {text}"
    return {"choices": [{"message": {"role": "assistant", "content": words}, "finish_reason": "stop"}], "model": "m"}


def status(number: int, **headers: str) -> httpx.Response:
    return httpx.Response(number, json={"error": {"message": "the provider's own words"}}, headers=headers)


def cut_stream(format_name: str) -> httpx.Response:
    words = "Final Answer: the answer is 4"
    said = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": words}, "finish_reason": None}]}
    return httpx.Response(200, content=f"data: {json.dumps(said)}\n\n", headers={"content-type": "text/event-stream"})


@dataclass
class Served:
    """A run against a server that plays answers, the last one for ever; the pauses between its tries."""

    result: Result
    asked: int
    slept: list[float]


def serve(format_name: str, *answers: httpx.Response | Exception) -> Served:
    asked: list[httpx.Request] = []
    slept: list[float] = []

    def play(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        answer = answers[min(len(asked), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))

    async def main() -> Served:
        async with httpx.AsyncClient(transport=httpx.MockTransport(play)) as client:
            retries = Retries(2, sleep=sleep, clock=lambda: sum(slept), chance=lambda: 0.0)
            backend = OpenAIChatBackend(
                "m", base_url="https://llm.test/v1", api_key="k", client=client, format=format_name, max_retries=retries
            )
            async with Agent(backend, tools=World().tools()).stream("Do it.") as run:
                _ = [event async for event in run]
            return Served(run.result, len(asked), slept)

    return asyncio.run(main())


@formats
@pytest.mark.parametrize("number", [408, 409, 429, 500, 503, 529, 0], ids=lambda number: str(number or "connection lost"))
def test_a_server_that_is_busy_or_gone_is_tried_again_and_then_is_an_outcome(number: int, format_name: str) -> None:
    trouble = status(number) if number else httpx.ConnectError("refused")
    served = serve(format_name, trouble, httpx.Response(200, json=completion(format_name)))
    assert (served.result.answer, served.asked, served.slept) == ("done", 2, [0.5])
    served = serve(format_name, trouble)
    assert (served.result.outcome.kind, served.asked, served.slept) == ("failed", 3, [0.5, 1.0])
    assert isinstance(served.result.error, BackendUnavailable)
    result_is_whole(served.result)


@formats
@pytest.mark.parametrize("form", ["seconds", "a date"])
def test_the_wait_that_a_server_asks_for_is_kept(form: str, format_name: str) -> None:
    header = "20" if form == "seconds" else formatdate(time.time() + 20, usegmt=True)
    served = serve(format_name, status(429, **{"retry-after": header}), httpx.Response(200, json=completion(format_name)))
    assert served.result.answer == "done"
    assert served.slept == [20.0] if form == "seconds" else 10 < served.slept[0] <= 20


@formats
@pytest.mark.parametrize("number", [400, 401, 403, 404, 422])
def test_what_a_server_refuses_is_asked_once(number: int, format_name: str) -> None:
    served = serve(format_name, status(number, **{"x-request-id": "req_7"}))
    assert (served.result.outcome.kind, served.asked, served.slept) == ("failed", 1, [])
    assert isinstance(served.result.error, BackendRejected)
    assert "the provider's own words" in served.result.outcome.detail
    assert served.result.outcome.error is not None
    assert (served.result.outcome.error.request_id, served.result.outcome.error.status) == ("req_7", number)


@formats
def test_a_stream_without_its_end_is_no_answer(format_name: str) -> None:
    served = serve(format_name, cut_stream(format_name), httpx.Response(200, json=completion(format_name)))
    assert (served.result.answer, served.asked) == ("done", 2)
    served = serve(format_name, cut_stream(format_name))
    assert (served.result.outcome.kind, served.result.answer) == ("failed", None)
    assert isinstance(served.result.error, BackendProtocolError)


@formats
@pytest.mark.parametrize("body", [b"<html>busy</html>", b"{", b"null", b"[" * 100_000], ids=["a page", "a piece", "null", "brackets"])
def test_a_body_that_is_no_reply_is_no_answer(body: bytes, format_name: str) -> None:
    served = serve(format_name, httpx.Response(200, content=body, headers={"content-type": "application/json"}))
    assert (served.result.outcome.kind, served.result.answer) == ("failed", None)
    assert isinstance(served.result.error, BackendProtocolError)


# ------------------------------------------------------------------------------------------- kills, processes and replays


@formats
def test_a_process_tool_that_runs_too_long_is_killed(
    format_name: str, tmp_path: Path, time_is_up: Callable[[float, Callable[[], bool]], None]
) -> None:
    hasty = hang.renamed("hang")
    hasty.timeout = 0.3
    time_is_up(0.3, lambda: hangs(tmp_path / "pids"))
    backend = MockBackend([call("hang", marks=str(tmp_path / "pids")), "done"], format=format_name)
    result = Agent(backend, tools=[hasty]).run_sync("Do it.")
    assert statuses(result) == ["timeout"]
    assert "its process was killed" in told(backend)
    assert not first(result, Returned).left_behind
    assert wait_until(lambda: all(gone(int(pid)) for pid in (tmp_path / "pids").read_text().split()))


@formats
def test_killed_anywhere_a_run_goes_on_and_repeats_no_side_effect_in_silence(format_name: str, tmp_path: Path) -> None:
    script: list[ScriptItem] = [call("lookup", key="a"), call("clear", path="/tmp"), "done"]
    whole = Agent(MockBackend(script, format=format_name), tools=World().tools()).run_sync("Do it.").trace
    for kept in range(1, len(whole)):
        path = whole.cut(kept).save(tmp_path / f"{kept}.jsonl")
        with path.open("ab") as file:
            file.write(b'{"kind":"replied","at":17')  # torn
        trace = Trace.load(path)
        assert len(trace) == kept
        assert trace.torn is not None
        steps = sum(isinstance(event, Replied) for event in trace)
        world = World()
        result = Agent(MockBackend(script[steps:], format=format_name), tools=world.tools()).resume_sync(path)
        last: Event = trace[-1]
        if isinstance(last, Called) and last.name == "clear":
            assert (result.outcome.kind, world.seen) == ("paused", [])
        else:
            assert result.answer == "done"
            assert [name for name, _ in world.seen].count("clear") == (steps < 2 or (last.kind == "replied" and steps == 2))


@formats
def test_a_replay_that_asks_for_something_else_says_where(format_name: str) -> None:
    trace = Agent(MockBackend([call("lookup", key="a"), "done"], format=format_name), tools=World().tools()).run_sync("Do it.").trace
    assert replay(trace).answer == "done"
    other = Agent(ReplayBackend(trace), tools=World().tools(), instructions="Be quick.")
    with pytest.raises(Diverged) as caught:
        other.run_sync("Do it.")
    assert caught.value.step == 0
    assert "+system text: Be quick." in caught.value.difference
    same = Agent(ReplayBackend(trace), tools=World().tools())
    assert same.run_sync("Do it.").answer == "done"
    with pytest.raises(Diverged, match="2 replies, and one more"):
        same.run_sync("Do it.")
