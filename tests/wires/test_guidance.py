"""What ``auto`` does with a model that llama.cpp serves: it looks once, after a reply that bears llama.cpp's marks, and guides a small model."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from react_agent import Agent, tool
from react_agent.backends.guidance import SMALL, addresses, guiding
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.messages import Head, ToolSpec
from react_agent.replaying import replay

from ._say import ANSWER, CHUNKS, Server, asked, play, sse

HERE = "http://127.0.0.1:1/v1"
LOOK = ToolSpec("look", "", {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}, read_only=True)
MARKED = {**ANSWER, "timings": {"predicted_n": 2}, "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
PLANNED = '{"plan": ["look"], "thought": "t", "action": "look", "action_input": {"at": "x"}}'


def models(size: object) -> dict[str, Any]:
    return {"data": [{"id": "m", "meta": {"n_params": size}}]}


class LlamaCpp(Server):
    """A llama.cpp server: JSON under a schema, else prose."""

    def __init__(self, size: object, tools: bool = True, found: int = 200) -> None:
        super().__init__()
        self.size, self.tools, self.found = size, tools, found

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.method == "GET":
            told = models(self.size) if request.url.path == "/v1/models" else {"chat_template_caps": {"supports_tools": self.tools}}
            return httpx.Response(self.found, json=told)
        body = json.loads(request.content)
        if body.get("stream"):
            timed = {"choices": [], "timings": {"predicted_n": 2}}
            return httpx.Response(200, content=sse(*CHUNKS, timed), headers={"content-type": "text/event-stream"})
        held = str(body.get("response_format"))
        if "response_format" not in body:
            return httpx.Response(200, json=MARKED)
        words = (
            PLANNED
            if "plan" in held
            else '{"thought": "t", "answer": "four"}'
            if "'answer'" in held
            else PLANNED.replace('"plan": ["look"], ', "")
        )
        return httpx.Response(200, json={**MARKED, "choices": [{"message": {"content": words}, "finish_reason": "stop"}]})

    @property
    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.asked]


def local(format: str = "auto") -> Any:  # noqa: A002
    return lambda client: OpenAIChatBackend("m", base_url=HERE, client=client, format=format)


POST, LOOKED = "POST /v1/chat/completions", ["GET /v1/models", "GET /props"]


@pytest.mark.parametrize(
    ("server", "format", "head", "paths", "read_by"),
    [
        (LlamaCpp(SMALL - 1), "auto", Head((LOOK,)), [POST, *LOOKED, POST], "json_plan"),
        (LlamaCpp(7 * SMALL), "auto", Head((LOOK,)), [POST, *LOOKED], "native"),
        (LlamaCpp(7 * SMALL, tools=False), "auto", Head((LOOK,)), [POST, *LOOKED, POST], "json_step"),
        (LlamaCpp("many"), "auto", Head((LOOK,)), [POST, *LOOKED], "native"),
        (LlamaCpp(1, found=404), "auto", Head((LOOK,)), [POST, *LOOKED], "native"),
        (LlamaCpp(1), "native", Head((LOOK,)), [POST], "native"),
        (LlamaCpp(1), "auto", Head(()), [POST], "native"),
        (Server(httpx.Response(200, json=ANSWER)), "auto", Head((LOOK,)), [POST], "native"),
    ],
    ids=["small", "large", "no tools in the template", "no size", "not told", "another format", "no tools", "another server"],
)
def test_who_is_guided(server: Server, format: str, head: Head, paths: list[str], read_by: str) -> None:  # noqa: A002
    server.asked.clear()
    reply, _ = play(server, local(format), asked(head=head))
    assert [f"{request.method} {request.url.path}" for request in server.asked] == paths
    assert reply.read_by is not None
    assert reply.read_by.format == read_by
    assert bool(reply.route) == (paths.count(POST) == 2)


def test_the_first_reply_is_counted_and_the_reason_told() -> None:
    reply, _ = play(LlamaCpp(5), local(), asked(head=Head((LOOK,))))
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (10, 4)
    assert "small" in (reply.route[0].reason or "")


def test_a_listener_hears_that_the_reply_begins_anew() -> None:
    _, heard = play(LlamaCpp(5), local(), asked(head=Head((LOOK,))), stream=True)
    assert [delta.kind for delta in heard].count("restart") == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_connection_that_was_closed_behind_the_first_reply_does_not_end_the_look(stream: bool) -> None:
    server, lost = LlamaCpp(5), []

    def closed_once(request: httpx.Request) -> httpx.Response:  # llama.cpp ends a stream so, and says nothing of it
        if request.method == "GET" and not lost:
            lost.append(request)
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        return server(request)

    reply, _ = play(closed_once, local(), asked(head=Head((LOOK,))), stream=stream)
    assert lost
    first, *_, last = [request.headers.get("connection") for request in server.asked if request.method == "POST"]
    assert (first == "close", last == "close") == (False, stream)  # else most streams would begin with a lost connection and a pause
    assert [attempt.reason for attempt in reply.route if "json_plan" in (attempt.reason or "")]


def test_it_is_looked_at_once_and_the_run_can_be_replayed() -> None:
    server = LlamaCpp(5)

    @tool(read_only=True)
    def look(at: str) -> str:
        """Look."""
        return f"{at} is four"

    async def runs() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            agent = Agent(OpenAIChatBackend("m", base_url=HERE, client=client), tools=[look])
            return [await agent.run("What is x?") for _ in range(2)]

    for result in asyncio.run(runs()):
        assert result.answer == "four"
        replay(result.trace)
    assert server.paths.count("GET /props") == 1
    assert server.paths.count(POST) == 5


def test_strange_words_change_nothing() -> None:
    several = {"data": models(5)["data"] * 2}  # which of them serves the model is not told
    for told in (None, [], "x", models(True), models(-1), models(0.5), {"data": [{"meta": None}]}, several):
        assert guiding(told, told) is None
    assert addresses("http://h:1/v1") == ("http://h:1/v1/models", "http://h:1/props")
