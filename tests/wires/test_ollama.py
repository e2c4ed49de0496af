"""Ollama's own API, pinned to the wire's JSON."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from react_agent.backends.providers import OllamaBackend
from react_agent.backends.wires.ollama import Ollama
from react_agent.errors import BackendProtocolError, BackendRejected, BackendUnavailable, ContextOverflow
from react_agent.messages import Delta, Head, Image, Message, Settings, Text, Thinking, ToolCall, ToolResult, Usage, assistant, system, user

from ._say import ADD, Clock, Server, asked, play, results

API = {"api": "ollama"}
WIRE = Ollama("qwen3")
PNG = Image("image/png", data="aGk=")

SENT: dict[str, tuple[tuple[Message, ...], list[dict[str, Any]]]] = {
    "system and picture": (
        (system("s"), user("see", PNG, Image("image/png", url="https://x/y"))),
        [{"role": "system", "content": "s"}, {"role": "user", "content": "see[a picture at https://x/y]", "images": ["aGk="]}],
    ),
    "a picture within a URL": (
        (user("see", Image("image/png", url="data:image/png;charset=utf-8;base64,aGk=")),),
        [{"role": "user", "content": "see", "images": ["aGk="]}],
    ),
    "calls and results": (
        (assistant(Thinking("hm", dict(API)), "so", ToolCall("add", {"a": 1}), ToolCall("add", None, "bad", "{")), results("3", "bad")),
        [
            {
                "role": "assistant",
                "content": "so",
                "thinking": "hm",
                "tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}, {"function": {"name": "add", "arguments": {}}}],
            },
            {"role": "tool", "tool_name": "add", "content": "3"},
            {"role": "tool", "tool_name": "add", "content": "bad"},
        ],
    ),
    "pictures from tools": (
        (assistant(ToolCall("add", {})), Message("tool", (ToolResult("add", (Text("one"), PNG)),))),
        [
            {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "add", "arguments": {}}}]},
            {"role": "tool", "tool_name": "add", "content": "one"},
            {"role": "user", "content": "Pictures from the tools:", "images": ["aGk="]},
        ],
    ),
    "another API's data stay away": (
        (assistant(Thinking("secret", {"api": "x"}), Thinking("aloud")),),
        [{"role": "assistant", "content": "aloud"}],
    ),
}


@pytest.mark.parametrize(("messages", "wire"), SENT.values(), ids=SENT)
def test_messages_as_sent(messages: tuple[Message, ...], wire: list[dict[str, Any]]) -> None:
    chunks = [WIRE.encode(message, messages[at - 1] if at else None, at) for at, message in enumerate(messages)]
    assert json.loads(WIRE.body(chunks, b'{"x":1}', system=True)) == {"messages": wire, "x": 1}


def options(tool_choice: str = "auto", *, native: bool = True, stop: tuple[str, ...] = (), **head: Any) -> Any:
    return WIRE.options(Head(**head), stop, tool_choice, native=native, stream=False)


TOOLS = [{"type": "function", "function": {"name": "add", "description": "Add", "parameters": ADD.parameters}}]
OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "the context is always said": (options(), {}),
    "tools": (options(tools=(ADD,)), {"tools": TOOLS}),
    "no more calls": (options("none", tools=(ADD,)), {}),
    "text format": (options(tools=(ADD,), native=False), {}),
    "settings": (
        options(settings=Settings(0.5, 0.9, 9, 7, thinking="low"), stop=("x",)),
        {"think": "low", "options": {"num_ctx": 16384, "temperature": 0.5, "top_p": 0.9, "num_predict": 9, "seed": 7, "stop": ["x"]}},
    ),
    "no thinking": (options(settings=Settings(thinking="none")), {"think": False}),
    "schema": (options(output_schema={"type": "object"}), {"format": {"type": "object"}}),
    "extra": (
        options(settings=Settings(extra={"keep_alive": "5m", "options": {"num_ctx": 99}})),
        {"keep_alive": "5m", "options": {"num_ctx": 99}},
    ),
}


@pytest.mark.parametrize(("found", "expected"), OPTIONS.values(), ids=OPTIONS)
def test_the_rest_of_the_body(found: Any, expected: dict[str, Any]) -> None:
    assert found == {"model": "qwen3", "stream": False, "options": {"num_ctx": 16384}, **expected}


def lines(*found: Any) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in found)


CALL = {"function": {"name": "add", "arguments": {"a": 1}}}
END = {"message": {"content": ""}, "done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 4, "model": "qwen3"}
STREAM = [
    {"message": {"thinking": "h"}},
    {"message": {"thinking": "m"}},
    {"message": {"content": "so"}},
    {"message": {"tool_calls": [CALL]}},
]


def test_a_stream_of_lines_through_the_public_door() -> None:
    server = Server(httpx.Response(200, content=lines(*STREAM, END), headers={"content-type": "application/x-ndjson"}))
    reply, heard = play(server, lambda client: OllamaBackend("qwen3", client=client), stream=True)
    assert reply.message.parts == (Thinking("hm", dict(API)), Text("so"), ToolCall("add", {"a": 1}, provider_data=dict(API)))
    assert (reply.finish, reply.usage, reply.model) == ("tool_calls", Usage(9, 4), "qwen3")
    assert heard == [Delta("thinking", "h"), Delta("thinking", "m"), Delta("text", "so"), Delta("call", '{"a":1}', "add", 0)]
    assert str(server.asked[0].url) == "http://localhost:11434/api/chat"
    assert server.bodies[0]["stream"] is True


def test_a_whole_reply() -> None:
    server = Server(httpx.Response(200, json={**END, "message": {"content": "so", "tool_calls": [CALL, CALL]}}))
    reply, _ = play(server, lambda client: OllamaBackend("qwen3", client=client), asked())
    assert len(reply.message.calls) == 2
    assert server.bodies[0]["stream"] is False


@pytest.mark.parametrize(
    ("status", "words", "kind", "shown"),
    [
        (404, "model 'qwen3' not found", BackendRejected, "ollama pull qwen3"),
        (400, "qwen3 does not support tools", BackendRejected, "does not support tools"),
        (500, "llama runner process has terminated", BackendUnavailable, "terminated"),
        (400, "the input length exceeds the context length", ContextOverflow, "shorten"),
    ],
)
def test_errors(status: int, words: str, kind: type[Exception], shown: str) -> None:
    server = Server(httpx.Response(status, json={"error": words}))
    with pytest.raises(kind, match=shown):
        play(server, lambda client: OllamaBackend("qwen3", client=client, max_retries=Clock().retries(0)))


UNREAD = 'error parsing tool call: raw=\'{"name": "add", "arguments": {"a": 1}}]\', err=invalid character \']\' after top-level value'


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [200, 500])
def test_a_call_that_the_server_could_not_read_is_the_models_mistake(status: int, stream: bool) -> None:
    content = lines(*(STREAM[:3] if status == 200 and stream else ()), {"error": UNREAD})
    server = Server(httpx.Response(status, content=content, headers={"content-type": "application/x-ndjson"}))
    reply, _ = play(server, lambda client: OllamaBackend("qwen3", client=client), stream=stream)
    assert (reply.reading, reply.message.parts, len(server.asked)) == ("malformed", (Thinking(UNREAD),), 1)


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_was_only_loaded_has_given_no_reply(stream: bool) -> None:
    loaded = {"message": {"content": ""}, "done": True, "done_reason": "load"}
    server = Server(*(httpx.Response(200, content=lines(line)) for line in (loaded, {**END, "message": {"content": "so"}})))
    reply, _ = play(server, lambda client: OllamaBackend("qwen3", client=client, max_retries=Clock().retries()), stream=stream)
    assert (reply.message.text, len(reply.route)) == ("so", 1)


CUT = {
    "no line that says done": (lines(*STREAM), BackendProtocolError),
    "an error as a line": (lines(*STREAM, {"error": "boom"}), BackendUnavailable),
    "half a line": (lines(*STREAM) + b'{"mess', BackendProtocolError),
}


@pytest.mark.parametrize(("content", "kind"), CUT.values(), ids=CUT)
def test_a_cut_stream_is_an_error(content: bytes, kind: type[Exception]) -> None:
    server = Server(httpx.Response(200, content=content, headers={"content-type": "application/x-ndjson"}))
    with pytest.raises(kind):
        play(server, lambda client: OllamaBackend("qwen3", client=client, max_retries=Clock().retries(0)), stream=True)


@pytest.mark.parametrize("found", [{}, {"message": None}, {"message": {}, "done": False}])
def test_what_is_no_reply(found: dict[str, Any]) -> None:
    with pytest.raises(BackendProtocolError):
        WIRE.read(found)
