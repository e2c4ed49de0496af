"""Anthropic Messages, pinned to the wire's JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from react_agent.backends.wires.anthropic import Anthropic
from react_agent.errors import BackendError, BackendProtocolError, BackendRejected, BackendUnavailable, ContextOverflow
from react_agent.messages import (
    Delta,
    Head,
    Image,
    Message,
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
    assistant,
    system,
    user,
)

from ._say import ADD, results

API = {"api": "anthropic"}
PNG = Image("image/png", data="aGk=")
WIRE = Anthropic("claude")
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
SERVER_BLOCK: dict[str, Any] = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"q": "x"}}


def body(*messages: Message) -> Any:
    chunks = [WIRE.encode(message, messages[at - 1] if at else None, at) for at, message in enumerate(messages)]
    return json.loads(WIRE.body(chunks, b'{"x":1}', system=messages[0].role == "system"))


def use(identity: str, name: str = "add", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": identity, "name": name, "input": arguments}


SENT: dict[str, tuple[tuple[Message, ...], list[dict[str, Any]]]] = {
    "picture": ((user("see", PNG),), [{"role": "user", "content": [{"type": "text", "text": "see"}, IMAGE]}]),
    "picture by URL": (
        (user(Image("image/png", url="https://x/y"), Image("image/png", url="data:image/png;base64,aGk=")),),
        [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://x/y"}}, IMAGE]}],
    ),
    "thinking goes back as it came": (
        (
            assistant(
                Thinking("hm", {**API, "signature": "sig"}),
                Thinking("", {**API, "raw": {"type": "redacted_thinking", "data": "d"}}),
                Text("", {**API, "raw": SERVER_BLOCK}),  # type: ignore[dict-item]
                "so",
                ToolCall("add", {"a": 1}, provider_data={**API, "id": "toolu_1"}),
            ),
            results("3"),
        ),
        [
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "redacted_thinking", "data": "d"},
                    SERVER_BLOCK,
                    {"type": "text", "text": "so"},
                    use("toolu_1", a=1),
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "3"}]},
        ],
    ),
    "another API's data stay away": (
        (assistant(Thinking("secret", {"api": "x"}), Thinking("aloud"), ToolCall("add", {}, provider_data={"api": "x", "id": "c"})),),
        [{"role": "assistant", "content": [{"type": "text", "text": "aloud"}, use("call_0_0")]}],
    ),
    "ids that a gateway made and Anthropic does not take": (
        (assistant(ToolCall("add", {}, provider_data={**API, "id": "functions.add:0"})), results("3")),
        [
            {"role": "assistant", "content": [use("call_2aab2b9e6b10fe77")]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_2aab2b9e6b10fe77", "content": "3"}]},
        ],
    ),
    "errors and pictures from tools": (
        (
            assistant(ToolCall("add", {}), ToolCall("add", None, "bad", "{")),
            Message("tool", (ToolResult("add", (Text("one"), PNG)), ToolResult("add", (Text("bad"),), "invalid"))),
        ),
        [
            {"role": "assistant", "content": [use("call_0_0"), use("call_0_1")]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_0_0", "content": [{"type": "text", "text": "one"}, IMAGE]},
                    {"type": "tool_result", "tool_use_id": "call_0_1", "content": "bad", "is_error": True},
                ],
            },
        ],
    ),
    "blank text is left out": ((user("q"), assistant(" \n"), user("r")), [
        {"role": "user", "content": [{"type": "text", "text": "q"}]},
        {"role": "user", "content": [{"type": "text", "text": "r"}]},
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "wire"), SENT.values(), ids=SENT)
def test_messages_as_sent(messages: tuple[Message, ...], wire: list[dict[str, Any]]) -> None:
    assert body(*messages) == {"messages": wire, "x": 1}


def test_the_system_prompt_has_a_place_of_its_own() -> None:
    assert body(system("s"), user("q"))["system"] == [{"type": "text", "text": "s"}]
    assert "system" not in body(Message("system", ()), user("q"))


def options(tool_choice: str = "auto", *, wire: Anthropic = WIRE, native: bool = True, stream: bool = False, **head: Any) -> Any:
    return wire.options(Head(**head), (), tool_choice, native=native, stream=stream)


TOOL = {"name": "add", "description": "Add", "input_schema": ADD.parameters}
OLD = Anthropic("claude", "2023-06-01", "x-api-key")
OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "tools": (options(tools=(ADD,)), {"tools": [TOOL]}),
    "text format": (options(tools=(ADD,), native=False), {}),
    "none": (options("none", tools=(ADD,)), {"tools": [TOOL], "tool_choice": {"type": "none"}}),
    "required": (options("required", tools=(ADD,)), {"tools": [TOOL], "tool_choice": {"type": "any"}}),
    "none, while it thinks": (
        options("none", tools=(ADD,), settings=Settings(thinking="low")),
        {"tools": [TOOL], "tool_choice": {"type": "none"}, "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
    ),
    "one, while it thinks": (
        options("add", tools=(ADD,), settings=Settings(thinking="low")),
        {"tools": [TOOL], "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
    ),
    "some, while it thinks in a way of the caller's": (
        options("required", tools=(ADD,), settings=Settings(extra={"thinking": {"type": "enabled", "budget_tokens": 1024}})),
        {"tools": [TOOL], "thinking": {"type": "enabled", "budget_tokens": 1024}},
    ),
    "one": (options("add", tools=(ADD,)), {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "add"}}),
    "thinking": (
        options(settings=Settings(thinking="high", max_tokens=9)),
        {"max_tokens": 9, "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
    ),
    "no thinking": (options(settings=Settings(thinking="none")), {"thinking": {"type": "disabled"}}),
    "sampling in the old version": (options(wire=OLD, settings=Settings(0.5, 0.9)), {"temperature": 0.5, "top_p": 0.9}),
    "schema": (
        options(output_schema={"type": "object"}),
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
    ),
    "schema as the tool finish": (
        options(output_schema={}, tools=(ToolSpec("finish", "", {}),)),
        {"tools": [{"name": "finish", "description": "", "input_schema": {"type": "object"}}]},
    ),
    "stream and extra": (
        options(stream=True, settings=Settings(extra={"metadata": {"user_id": "u"}})),
        {"stream": True, "metadata": {"user_id": "u"}},
    ),
}


@pytest.mark.parametrize(("found", "expected"), OPTIONS.values(), ids=OPTIONS)
def test_the_rest_of_the_body(found: Any, expected: dict[str, Any]) -> None:
    assert found == {"model": "claude", "max_tokens": 8192, **expected}


def test_stops_and_headers(caplog: pytest.LogCaptureFixture) -> None:
    assert WIRE.options(Head(), ("\nObservation", " "), "auto", native=False, stream=False)["stop_sequences"] == ["\nObservation"]
    assert WIRE.headers("k") == {"anthropic-version": "2026-10-21", "authorization": "Bearer k"}
    assert OLD.headers("k") == {"anthropic-version": "2023-06-01", "x-api-key": "k"}
    assert "temperature" not in options(settings=Settings(0.5))
    assert "takes no temperature" in caplog.text


BLOCKS = [
    {"type": "thinking", "thinking": "hm", "signature": "sig"},
    {"type": "redacted_thinking", "data": "d"},
    {"type": "text", "text": "so"},
    {"type": "text", "text": "cited", "citations": [{"url": "u"}]},
    SERVER_BLOCK,
    {"type": "invented_later", "x": 1},
    use("toolu_1", a=1),
]
PARTS = (
    Thinking("hm", {**API, "signature": "sig"}),
    Thinking("", {**API, "raw": BLOCKS[1]}),  # type: ignore[dict-item]
    Text("so"),
    Text("cited", {**API, "raw": BLOCKS[3]}),  # type: ignore[dict-item]
    Text("", {**API, "raw": BLOCKS[4]}),  # type: ignore[dict-item]
    Text("", {**API, "raw": BLOCKS[5]}),  # type: ignore[dict-item]
    ToolCall("add", None, None, '{"a":1}', {**API, "id": "toolu_1"}),
)
USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 5,
    "output_tokens": 7,
    "output_tokens_details": {"thinking_tokens": 2},
}


def test_every_block_is_read_and_can_go_back() -> None:
    reply = WIRE.read({"type": "message", "model": "c-1", "content": BLOCKS, "stop_reason": "tool_use", "usage": USAGE})
    assert (reply.parts, reply.finish, reply.model, reply.usage) == (PARTS, "tool_calls", "c-1", Usage(18, 7, 5, 3, 2))
    kept = tuple(
        ToolCall("add", {"a": 1}, provider_data=part.provider_data) if isinstance(part, ToolCall) else part for part in reply.parts
    )
    assert body(Message("assistant", kept))["messages"][0]["content"] == BLOCKS


FINISH = {
    "end_turn": "stop", "stop_sequence": "stop", "tool_use": "stop", "max_tokens": "length", "pause_turn": "stop",
    "model_context_window_exceeded": "length", "refusal": "refused", "invented": "stop", None: "stop",
}  # fmt: skip


@pytest.mark.parametrize(("reason", "finish"), FINISH.items())
def test_finish(reason: str | None, finish: str) -> None:
    found = {"content": [{"type": "text", "text": "a"}], "stop_reason": reason, "stop_details": {"explanation": "no"}}
    reply = WIRE.read(found)
    assert (reply.finish if reason != "tool_use" else "stop") == finish
    assert reply.refusal == ("no" if reason == "refusal" else None)


def events(*found: dict[str, Any]) -> Any:
    reader = WIRE.reader()
    heard = [delta for event in found for delta in reader.feed((event["type"], json.dumps(event).encode()))]
    return reader, heard


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    grown = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [{"type": "content_block_start", "index": index, "content_block": start}, *grown, {"type": "content_block_stop", "index": index}]


START = {
    "type": "message_start",
    "message": {"model": "c-1", "content": [], "stop_reason": None, "usage": {"input_tokens": 10, "output_tokens": 1}},
}
END = [{"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}, {"type": "message_stop"}]
STREAM = [
    START,
    {"type": "ping"},
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "h"},
        {"type": "thinking_delta", "thinking": "m"},
        {"type": "signature_delta", "signature": "sig"},
    ),
    *block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "so"}, {"type": "delta_of_tomorrow", "x": 1}),
    *block(2, {**SERVER_BLOCK, "input": {}}, {"type": "input_json_delta", "partial_json": '{"q":"x"}'}),
    *block(
        3,
        use("toolu_1"),
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"a"'},
        {"type": "input_json_delta", "partial_json": ":1}"},
    ),
    *block(4, use("toolu_2", "sub")),
    {"type": "event_of_tomorrow"},
    *END,
]


def test_a_stream_reads_like_a_whole_message() -> None:
    reader, heard = events(*STREAM)
    reply = reader.finish()
    assert reader.done
    assert reply.parts == (
        PARTS[0],
        Text("so"),
        Text("", {**API, "raw": SERVER_BLOCK}),  # type: ignore[dict-item]
        PARTS[6],
        ToolCall("sub", None, None, "{}", {**API, "id": "toolu_2"}),
    )
    assert (reply.finish, reply.usage, reply.model) == ("tool_calls", Usage(10, 9), "c-1")
    assert heard == [
        Delta("thinking", "h"),
        Delta("thinking", "m"),
        Delta("text", "so"),
        Delta("call", "", "add", 0),
        Delta("call", '{"a"', "add", 0),
        Delta("call", ":1}", "add", 0),
        Delta("call", "", "sub", 1),
    ]


def test_blocks_of_one_index_are_told_apart_by_where_they_begin() -> None:
    whole, heard = events(*STREAM)
    same, heard_too = events(*({**event, "index": 0} if "index" in event else event for event in STREAM))
    assert (same.finish().parts, heard_too) == (whole.finish().parts, heard)


def test_a_count_that_was_told_is_not_taken_back_by_a_0() -> None:
    usage = {"input_tokens": 0, "cache_read_input_tokens": 4, "output_tokens": 9}
    reader, _ = events(*STREAM[:-2], {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": usage}, STREAM[-1])
    assert reader.finish().usage == Usage(14, 9, 4)


def test_an_own_tool_of_the_provider_that_the_limit_cut_is_a_cut_reply() -> None:
    cut = block(0, {**SERVER_BLOCK, "input": {}}, {"type": "input_json_delta", "partial_json": '{"q":"x'})
    reader, _ = events(START, *cut, {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}, {"type": "message_stop"})
    assert reader.finish().finish == "length"


def test_a_cut_stream_is_an_error() -> None:
    for length in range(len(STREAM) - 2):
        with pytest.raises(BackendProtocolError):
            events(*STREAM[:length])[0].finish()


ERRORS: dict[str, tuple[int, str, str, type[BackendError]]] = {
    "bad request": (400, "invalid_request_error", "max_tokens: required", BackendRejected),
    "too long": (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", ContextOverflow),
    "key": (401, "authentication_error", "invalid x-api-key", BackendRejected),
    "credit": (402, "billing_error", "no credit", BackendRejected),
    "model": (404, "not_found_error", "model: claude", BackendRejected),
    "often": (429, "rate_limit_error", "too often", BackendUnavailable),
    "overloaded": (529, "overloaded_error", "Overloaded", BackendUnavailable),
}


@pytest.mark.parametrize(("status", "code", "words", "kind"), ERRORS.values(), ids=ERRORS)
def test_errors(status: int, code: str, words: str, kind: type[BackendError]) -> None:
    told = {"type": "error", "error": {"type": code, "message": words}, "request_id": "r1"}
    error = WIRE.error(status, {"request-id": "r1"}, json.dumps(told).encode())
    assert type(error) is kind
    assert words in str(error)
    assert error.request_id == "r1"
    with pytest.raises(kind, match=words.split(":")[0]):
        events(START, told)
    with pytest.raises(kind):
        WIRE.read(told)


@pytest.mark.parametrize("found", [{}, {"content": None}, {"content": "x"}, {"type": "message"}])
def test_what_is_no_reply(found: dict[str, Any]) -> None:
    with pytest.raises(BackendProtocolError):
        WIRE.read(found)
