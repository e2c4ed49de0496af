"""What ``auto`` does with a model that llama.cpp or Ollama serves: it asks the server once, before the first request that has tools, and guides a small model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from react_agent import Agent, tool
from react_agent.backends.guidance import SMALL
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.providers import OllamaBackend
from react_agent.messages import Head, ToolSpec
from react_agent.replaying import replay

from ._say import ANSWER, CHUNKS, Clock, asked, play, sse

HERE = "http://127.0.0.1:1/v1"
LOOK = ToolSpec("look", "", {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}, read_only=True)
WITH_TOOLS = Head((LOOK,))
PLANNED = '{"plan": ["look"], "thought": "t", "action": "look", "action_input": {"at": "x"}}'
POST, MODELS, PROPS = "POST /v1/chat/completions", "GET /v1/models", "GET /props"


def served(*sizes: object, owner: str = "llamacpp") -> dict[str, Any]:
    """What a server tells of its models; the first of several is the one that is asked."""
    names = ("m", *map(str, range(1, len(sizes))))
    return {"data": [{"id": name, "owned_by": owner, "meta": {"n_params": size}} for name, size in zip(names, sizes, strict=True)]}


class LlamaCpp:
    """A llama.cpp server: JSON under a schema, else prose."""

    def __init__(self, models: object, tools: bool = True, status: int = 200) -> None:
        self.models, self.tools, self.status = models, tools, status
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.method == "GET":
            props = {"chat_template_caps": {"supports_tools": self.tools}}
            return httpx.Response(self.status, json=self.models if request.url.path == "/v1/models" else props)
        body = json.loads(request.content)
        held = str(body.get("response_format"))
        if "response_format" not in body:
            if body.get("stream"):
                return httpx.Response(200, content=sse(*CHUNKS), headers={"content-type": "text/event-stream"})
            return httpx.Response(200, json=ANSWER)
        words = (
            PLANNED
            if "plan" in held
            else '{"thought": "t", "answer": "four"}'
            if "'answer'" in held
            else PLANNED.replace('"plan": ["look"], ', "")
        )
        return httpx.Response(200, json={"choices": [{"message": {"content": words}, "finish_reason": "stop"}]})

    @property
    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.asked]


def local(format: str = "auto", url: str = HERE, model: str = "m") -> Callable[[Any], OpenAIChatBackend]:  # noqa: A002 - the field's term
    retries = Clock().retries()
    return lambda client: OpenAIChatBackend(model, base_url=url, api_key="k", client=client, format=format, max_retries=retries)


@pytest.mark.parametrize(
    ("server", "make", "head", "paths", "read_by"),
    [
        (LlamaCpp(served(SMALL - 1)), local(), WITH_TOOLS, [MODELS, POST], "json_plan"),
        (LlamaCpp(served(SMALL - 1)), local(model="other"), WITH_TOOLS, [MODELS, POST], "json_plan"),
        (LlamaCpp(served(SMALL - 1, 7 * SMALL)), local(), WITH_TOOLS, [MODELS, POST], "json_plan"),
        (LlamaCpp(served(7 * SMALL, 1)), local(), WITH_TOOLS, [MODELS, PROPS, POST], "native"),
        (LlamaCpp(served(1, 1)), local(model="other"), WITH_TOOLS, [MODELS, POST], "native"),
        (LlamaCpp(served(7 * SMALL), tools=False), local(), WITH_TOOLS, [MODELS, PROPS, POST], "json_step"),
        (LlamaCpp(served("many")), local(), WITH_TOOLS, [MODELS, PROPS, POST], "native"),
        (LlamaCpp(served(True)), local(), WITH_TOOLS, [MODELS, PROPS, POST], "native"),
        (LlamaCpp(served(-1)), local(), WITH_TOOLS, [MODELS, PROPS, POST], "native"),
        (LlamaCpp(served(1, owner="vllm")), local(), WITH_TOOLS, [MODELS, POST], "native"),
        (LlamaCpp(served(1), status=404), local(), WITH_TOOLS, [MODELS, POST], "native"),
        (LlamaCpp({"data": [{"owned_by": "llamacpp", "meta": None}]}), local(), WITH_TOOLS, [MODELS, PROPS, POST], "native"),
        (LlamaCpp(None), local(), WITH_TOOLS, [MODELS, POST], "native"),
        (LlamaCpp(["x"]), local(), WITH_TOOLS, [MODELS, POST], "native"),
        (LlamaCpp(served(1)), local("native"), WITH_TOOLS, [POST], "native"),
        (LlamaCpp(served(1)), local(), Head(()), [POST], "native"),
        (LlamaCpp(served(1)), local(url="https://api.groq.com/openai/v1"), WITH_TOOLS, ["POST /openai/v1/chat/completions"], "native"),
    ],
    ids=[
        "small",
        "small, asked for by another name",
        "small, of several",
        "large, of several",
        "none of several",
        "no tools in the template",
        "no size",
        "a size that is none",
        "a size below nothing",
        "another server",
        "not told",
        "nothing told of it",
        "null",
        "a list",
        "another format",
        "no tools",
        "a provider",
    ],
)
def test_who_is_guided(server: LlamaCpp, make: Callable[[Any], OpenAIChatBackend], head: Head, paths: list[str], read_by: str) -> None:
    server.asked.clear()
    reply, _ = play(server, make, asked(head=head))
    assert server.paths == paths
    assert reply.read_by is not None
    assert reply.read_by.format == read_by
    assert [bool(attempt.reason and read_by in attempt.reason) for attempt in reply.route] == [True] * (read_by != "native")


def shown(size: object, *able: str) -> dict[str, Any]:
    """What Ollama shows of a model."""
    return {"capabilities": ["completion", *able], "details": {"parameter_size": "?"}, "model_info": {"general.parameter_count": size}}


SHOW, CHAT = "/api/show", "/api/chat"


@pytest.mark.parametrize(
    ("told", "url", "paths", "read_by"),
    [
        (shown(SMALL - 1, "tools"), None, [SHOW, CHAT], "json_plan"),
        (shown(SMALL - 1), None, [SHOW, CHAT], "json_plan"),
        (shown(SMALL - 1, "tools", "thinking"), None, [SHOW, CHAT], "native"),
        (shown(7 * SMALL, "tools"), None, [SHOW, CHAT], "native"),
        (shown(7 * SMALL), None, [SHOW, CHAT], "json_step"),
        (shown("many", "tools"), None, [SHOW, CHAT], "native"),
        ({"details": {}}, None, [SHOW, CHAT], "native"),
        ([], None, [SHOW, CHAT], "native"),
        (httpx.Response(404), None, [SHOW, CHAT], "native"),
        (shown(1), "https://ollama.com", [CHAT], "native"),
    ],
    ids=[
        "small",
        "small, without tools",
        "thinks",
        "large",
        "without tools",
        "no size",
        "an older server",
        "a list",
        "not told",
        "the cloud",
    ],
)
def test_who_is_guided_of_those_that_ollama_serves(told: Any, url: str | None, paths: list[str], read_by: str) -> None:
    asked_for: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        asked_for.append(request.url.path)
        body = json.loads(request.content)
        assert body["model"] == "m"
        if request.url.path == SHOW:
            return told if isinstance(told, httpx.Response) else httpx.Response(200, json=told)
        held = str(body.get("format"))
        words = PLANNED if "plan" in held else PLANNED.replace('"plan": ["look"], ', "") if "action" in held else "four"
        return httpx.Response(200, json={"message": {"role": "assistant", "content": words}, "done": True, "done_reason": "stop"})

    reply, _ = play(server, lambda client: OllamaBackend("m", base_url=url, api_key="k", client=client), asked(head=WITH_TOOLS))
    assert asked_for == paths
    assert reply.read_by is not None
    assert (reply.read_by.format, reply.reading) == (read_by, "answer" if read_by == "native" else "act")


def test_ollama_by_the_other_api_is_asked_too() -> None:
    def server(request: httpx.Request) -> httpx.Response:
        asked_for.append(request.url.path)
        if request.url.path == SHOW:
            return httpx.Response(200, json=shown(5, "tools"))
        return httpx.Response(200, json={"choices": [{"message": {"content": PLANNED}, "finish_reason": "stop"}]})

    asked_for: list[str] = []
    reply, _ = play(server, local(url="http://localhost:11434/v1"), asked(head=WITH_TOOLS))
    assert asked_for == [SHOW, "/v1/chat/completions"]
    assert reply.read_by is not None
    assert reply.read_by.format == "json_plan"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("owner", ["llamacpp", "vllm"])
def test_streams_of_llama_cpp_have_connections_of_their_own(owner: str, stream: bool) -> None:
    """It closes one behind a stream and does not say so: most steps would begin with a lost connection and a pause."""
    server = LlamaCpp(served(7 * SMALL, owner=owner))
    play(server, local(), asked(head=WITH_TOOLS), stream=stream)
    assert (server.asked[-1].headers.get("connection") == "close") == (stream and owner == "llamacpp")


def test_and_so_have_those_of_a_server_that_lost_one() -> None:
    server = LlamaCpp(None)

    def losing(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and not server.paths.count(POST):
            server.asked.append(request)
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        return server(request)

    play(losing, local(), asked(head=WITH_TOOLS), stream=True)
    assert [request.headers.get("connection") == "close" for request in server.asked if request.method == "POST"] == [False, True]


@pytest.mark.parametrize(
    "fault", [httpx.ConnectError("no"), httpx.ReadTimeout("silent"), httpx.Response(503), httpx.Response(200, text="{")]
)
def test_a_look_that_fails_costs_no_reply(fault: httpx.Response | Exception) -> None:
    server = LlamaCpp(served(5))

    def failing(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return server(request)
        if isinstance(fault, Exception):
            raise fault
        return fault

    reply, _ = play(failing, local(), asked(head=WITH_TOOLS))
    assert (reply.reading, reply.route) == ("answer", ())


@pytest.mark.parametrize("late", [httpx.ConnectError("no"), httpx.Response(503)], ids=["not there yet", "loading its model"])
def test_it_is_looked_at_again_where_it_was_not_ready(late: httpx.Response | Exception) -> None:
    server, ready = LlamaCpp(served(5)), False

    def becoming(request: httpx.Request) -> httpx.Response:
        if ready:
            return server(request)
        if isinstance(late, Exception):
            raise late
        return late

    async def runs() -> list[Any]:
        nonlocal ready
        async with httpx.AsyncClient(transport=httpx.MockTransport(becoming)) as client:
            agent = Agent(local()(client), tools=[look])
            first = await agent.run("What is x?")
            ready = True
            return [first, await agent.run("What is x?")]

    first, second = asyncio.run(runs())
    assert (first.outcome.kind, second.answer) == ("failed", "four")
    assert second.steps[0].reply.read_by.format == "json_plan"


@tool(read_only=True)
def look(at: str) -> str:
    """Look."""
    return f"{at} is four"


@pytest.mark.parametrize("fault", [httpx.Response(500), httpx.Response(302, headers={"location": "/"})], ids=["broken", "elsewhere"])
def test_a_server_that_replies_at_once_but_tells_nothing_is_not_asked_at_every_step(fault: httpx.Response) -> None:
    server = LlamaCpp(served(5))

    def serve(request: httpx.Request) -> httpx.Response:
        answer = server(request)
        return answer if request.method == "POST" else fault

    async def runs() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
            agent = Agent(local()(client), tools=[look])
            return [await agent.run("What is x?") for _ in range(3)]

    asyncio.run(runs())
    assert server.paths.count(MODELS) == 1


def test_it_is_looked_at_once_and_the_run_can_be_replayed() -> None:
    server = LlamaCpp(served(5))

    async def runs() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            agent = Agent(local()(client), tools=[look])
            return [await agent.run("What is x?") for _ in range(2)]

    for result in asyncio.run(runs()):
        assert result.answer == "four"
        replay(result.trace)
    assert server.paths == [MODELS, POST, POST, POST, POST]


def test_runs_that_begin_at_once_are_all_guided() -> None:
    server = LlamaCpp(served(5))

    async def runs() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            agent = Agent(local()(client), tools=[look])
            return await asyncio.gather(*[agent.run("What is x?") for _ in range(5)])

    for result in asyncio.run(runs()):
        assert [step.reply.read_by.format for step in result.steps] == ["json_plan", "json_plan"]
