"""What ``auto`` does on a server of one's own: it asks the server once, before the first request that has tools, and guides a small model."""

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
from react_agent.backends.profiles import COMPATIBLE
from react_agent.backends.providers import OllamaBackend
from react_agent.errors import BackendRejected
from react_agent.messages import Head, ToolSpec
from react_agent.replaying import replay

from ._say import ANSWER, CHUNKS, Clock, Server, asked, play, sse

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
        (LlamaCpp(served(None, owner="vllm")), local(), WITH_TOOLS, [MODELS, POST], "native"),
        (LlamaCpp(served(None, owner="me")), local(), WITH_TOOLS, [MODELS, POST], "json_step"),
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
        "llama-cpp-python",
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


def listed(name: str, owner: str = "vllm", **more: object) -> dict[str, Any]:
    """What servers tell of the only model that they have."""
    return {"object": "list", "data": [{"id": name, "object": "model", "created": 1795720660, "owned_by": owner, **more}]}


QWEN = "Qwen/Qwen2.5-0.5B-Instruct"
BY_NAME: dict[str, tuple[object, str, bool]] = {
    "vllm": (listed(QWEN, root=QWEN, parent=None, max_model_len=4096), QWEN, True),
    "vllm, by a name of one's own": (listed("chat", root="/models/Qwen2.5-Coder-0.5B-Instruct"), "chat", True),
    "vllm, large under a name that says small": (listed("chat-0.5b", root="Qwen/Qwen2.5-7B-Instruct"), "chat-0.5b", False),
    "sglang": (listed("HuggingFaceTB/SmolLM2-135M-Instruct", "sglang", root="HuggingFaceTB/SmolLM2-135M-Instruct"), "default", True),
    "lm studio": (listed("gemma-3-270m-it-qat", "organization_owner"), "gemma-3-270m-it-qat", True),
    "tgi": (listed(QWEN, QWEN), "tgi", True),
    "llama.cpp that has not loaded it": (listed("qwen2.5-0.5b-instruct", "llamacpp", meta=None), "qwen2.5-0.5b-instruct", True),
    "a size that is told": (listed("qwen2.5-0.5b", meta={"n_params": 7 * SMALL}), "qwen2.5-0.5b", False),
    "a file": (listed("models/qwen2.5-0.5b-instruct-q4_k_m.gguf", "me"), "x", True),
    "a file of Windows": (listed("C:\\0.5b\\qwen2.5-7b.gguf"), "x", False),
    "many": ({"data": [{"id": "smollm:360m"}, {"id": "qwen-7b"}]}, "smollm:360m", True),
    "nothing told": (None, "smollm2-360M_q8", True),
    "none such told": ({"data": [{"id": "a"}, {"id": "b"}]}, "smollm2-360m", True),
}
NAMES: dict[str, bool] = {
    "smollm2-135m": True,
    "ERNIE-4.5-0.3B-PT": True,
    "Qwen3.5-0.8B": True,
    "qwen2.5-1.5b": False,
    "gemma-3-1b-it": False,
    "gemma-3.1b": False,
    "gemma-3n-E2B-it": False,
    "Phi-4-mini-instruct": False,
    "Mixtral-8x0.5B": False,
    "Qwen3-30B-A0.6B": False,
    "tiny-moe-A0.6B": False,
    "granite-3.1-1b-a400m-instruct": False,
    "Qwen2.5-32B-draft-0.5B": False,
    "Qwen2.5-7B-Instruct-1M": False,
    "UltraLong-4M": False,
    "long-10M": False,
    "gemma-4bit": False,
    "model-0.5bpw": False,
    "v0.5b1": False,
    "0b": False,
    "500m/llama": False,
    "functiongemma-270m-it": False,
    "Hammer2.1-0.5b": False,
    "qwen2.5-0.5b-xLAM": False,
    "LFM2-350M-Tool": False,
}


@pytest.mark.parametrize(
    ("told", "model", "small"),
    [*BY_NAME.values(), *((listed(name), name, small) for name, small in NAMES.items())],
    ids=[*BY_NAME, *NAMES],
)
def test_a_server_that_tells_a_name_alone(told: object, model: str, small: bool) -> None:
    reply, _ = play(LlamaCpp(told), local(model=model), asked(head=WITH_TOOLS))
    assert reply.read_by is not None
    assert reply.read_by.format == ("json_plan" if small else "native")
    assert [" by its name small (" in (attempt.reason or "") for attempt in reply.route] == [True] * small


@pytest.mark.parametrize("profile", ["vllm", "sglang", "lmstudio", "tgi", "llamacpp", "compatible"])
def test_a_server_that_is_named_by_its_profile_is_asked_too(profile: str) -> None:
    server = LlamaCpp(listed("qwen2.5-0.5b"))
    named = COMPATIBLE if profile == "compatible" else profile
    reply, _ = play(server, lambda client: OpenAIChatBackend("m", api_key="k", client=client, profile=named), asked(head=WITH_TOOLS))
    assert (server.paths, len(reply.route)) == ([MODELS, POST], 1)


def test_a_model_for_calls_keeps_them_where_its_size_is_told() -> None:
    for told, guided in ((SMALL - 1, 0), (7 * SMALL, 0)):
        reply, _ = play(LlamaCpp(listed("functiongemma-270m", "llamacpp", meta={"n_params": told})), local(), asked(head=WITH_TOOLS))
        assert len(reply.route) == guided


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


REFUSED = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'


class WithoutCalls(LlamaCpp):
    """vLLM as it is started without further words: any model, no function calls."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and "tools" in json.loads(request.content):
            self.asked.append(request)
            return httpx.Response(400, json={"error": {"message": REFUSED, "type": "BadRequestError", "param": None, "code": 400}})
        return super().__call__(request)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_server_that_takes_no_function_calls_is_told_the_tools_in_the_prompt(stream: bool) -> None:
    server = WithoutCalls(listed("qwen2.5-7b", root="Qwen/Qwen2.5-7B-Instruct"))

    async def runs() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            agent = Agent(local()(client), tools=[look])
            if not stream:
                return [await agent.run("What is x?") for _ in range(2)]
            results = []
            for _ in range(2):
                async with agent.stream("What is x?") as run:
                    async for _ in run:
                        pass
                results.append(run.result)
            return results

    first, second = asyncio.run(runs())
    for result in (first, second):
        assert result.answer == "four"
        replay(result.trace)
    assert server.paths == [MODELS, POST, POST, POST, POST, POST]
    [turned] = first.steps[0].reply.route
    assert REFUSED in (turned.error or "")
    assert turned.reason == "asked again in the format json_step, which needs no function calls"
    assert [step.reply.route for step in second.steps] == [(), ()]


def test_who_asked_for_native_calls_is_told_that_there_are_none() -> None:
    with pytest.raises(BackendRejected, match="react_text"):
        play(WithoutCalls(listed("qwen2.5-7b")), local("native"), asked(head=WITH_TOOLS))
    refusing = Server(httpx.Response(400, json={"error": {"message": REFUSED}}))
    with pytest.raises(BackendRejected, match="react_text"):
        play(refusing, local(), asked(head=WITH_TOOLS))
    assert ["tools" in body for body in refusing.bodies] == [True, False, False]


def test_runs_that_begin_at_once_are_all_told_the_tools_in_the_prompt() -> None:
    server = WithoutCalls(listed("qwen2.5-7b"))

    async def runs() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            agent = Agent(local()(client), tools=[look])
            return await asyncio.gather(*[agent.run("What is x?") for _ in range(5)])

    for result in asyncio.run(runs()):
        assert [step.reply.read_by.format for step in result.steps] == ["json_step", "json_step"]
