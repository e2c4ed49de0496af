"""OpenAI Chat Completions: what is sent and what is read, pinned to the wire's JSON."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import httpx
import pytest
import respx

from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.profiles import PROFILES
from react_agent.backends.wires.openai_chat import OpenAIChat
from react_agent.errors import BackendProtocolError, BackendRejected, BackendUnavailable, ConfigError, ContextOverflow
from react_agent.messages import (
    Delta,
    Head,
    Image,
    Message,
    MessageView,
    ModelRequest,
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

from ._say import ADD, ANSWER, CHUNKS, HEAD, KEY, TURN, URL, Server, ask, asked, results, sse

API = "openai-chat/compatible"
PNG = Image("image/png", data="aGk=")


def call(name: str = "add", identity: str | None = None, **arguments: Any) -> ToolCall:
    return ToolCall(name, arguments, provider_data={"api": API, "id": identity} if identity else None)


def encoded(*messages: Message, profile: str | None = None) -> list[Any]:
    wire = OpenAIChat("m", PROFILES[profile]) if profile else OpenAIChat("m")
    chunks = [wire.encode(message, messages[at - 1] if at else None, at) for at, message in enumerate(messages)]
    found: list[Any] = json.loads(wire.body(chunks, b'{"x":1}', system=False))["messages"]
    return found


def tool_calls(*calls: tuple[str, str, str]) -> list[dict[str, Any]]:
    return [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls]


SENT: dict[str, tuple[tuple[Message, ...], list[dict[str, Any]]]] = {
    "system and user": ((system("s"), user("q")), [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]),
    "image": (
        (user("see", PNG, Image("image/png", url="https://x/y.png")),),
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "see"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                    {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
                ],
            }
        ],
    ),
    "call with an id": (
        (assistant(call(identity="c1", a=1)), results("3")),
        [
            {"role": "assistant", "content": None, "tool_calls": tool_calls(("c1", "add", '{"a":1}'))},
            {"role": "tool", "tool_call_id": "c1", "content": "3"},
        ],
    ),
    "calls without ids": (
        (user("q"), assistant("hm", call(a=1), call(a=2)), results("3", "4")),
        [
            {"role": "user", "content": "q"},
            {
                "role": "assistant",
                "content": "hm",
                "tool_calls": tool_calls(("call_1_0", "add", '{"a":1}'), ("call_1_1", "add", '{"a":2}')),
            },
            {"role": "tool", "tool_call_id": "call_1_0", "content": "3"},
            {"role": "tool", "tool_call_id": "call_1_1", "content": "4"},
        ],
    ),
    "the same id twice": (
        (assistant(call(identity="c"), call(identity="c")), results("3", "4")),
        [
            {"role": "assistant", "content": None, "tool_calls": tool_calls(("call_0_0", "add", "{}"), ("call_0_1", "add", "{}"))},
            {"role": "tool", "tool_call_id": "call_0_0", "content": "3"},
            {"role": "tool", "tool_call_id": "call_0_1", "content": "4"},
        ],
    ),
    "another API's data stay away": (
        (
            assistant(
                Thinking("secret", {"api": "anthropic", "signature": "x"}),
                ToolCall("add", {}, provider_data={"api": "anthropic", "id": "toolu"}),
            ),
        ),
        [{"role": "assistant", "content": None, "tool_calls": tool_calls(("call_0_0", "add", "{}"))}],
    ),
    "a thought in words is text": (
        (assistant(Thinking("I add."), call()),),
        [{"role": "assistant", "content": "I add.", "tool_calls": tool_calls(("call_0_0", "add", "{}"))}],
    ),
    "chunks of Mistral go back as they came": (
        (assistant(Thinking("hm", {"api": API, "chunk": {"signature": "s", "closed": True}}), "so", call()),),
        [
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "signature": "s", "closed": True},
                    {"type": "text", "text": "so"},
                ],
                "tool_calls": tool_calls(("call_0_0", "add", "{}")),
            }
        ],
    ),
    "unreadable arguments": (
        (assistant(ToolCall("add", None, "no JSON", '{"a')),),
        [{"role": "assistant", "content": None, "tool_calls": tool_calls(("call_0_0", "add", "{}"))}],
    ),
    "pictures from tools": (
        (assistant(call(), call()), Message("tool", (ToolResult("add", (Text("one"), PNG)), ToolResult("add", (PNG,))))),
        [
            {"role": "assistant", "content": None, "tool_calls": tool_calls(("call_0_0", "add", "{}"), ("call_0_1", "add", "{}"))},
            {"role": "tool", "tool_call_id": "call_0_0", "content": "one"},
            {"role": "tool", "tool_call_id": "call_0_1", "content": "(The pictures are in the next message.)"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Pictures from the tool 'add', call 1:"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                    {"type": "text", "text": "Pictures from the tool 'add', call 2:"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                ],
            },
        ],
    ),
    "names that the API does not take": (
        (assistant(call("srv.get weather")),),
        [{"role": "assistant", "content": None, "tool_calls": tool_calls(("call_0_0", "srv_get_weather_2820ff", "{}"))}],
    ),
    "odd characters": ((user("\x00 é"),), [{"role": "user", "content": "\x00 é"}]),
    "half a surrogate pair": ((assistant("a\ud800"),), [{"role": "assistant", "content": "a\ufffd"}]),
    "nothing said": ((user("q"), assistant(), user("?")), [{"role": "user", "content": "q"}, {"role": "user", "content": "?"}]),
    "nothing but what another API thought": (
        (assistant(Thinking("secret", {"api": "anthropic", "signature": "x"})), user("?")),
        [{"role": "user", "content": "?"}],
    ),
}


@pytest.mark.parametrize(("messages", "wire"), SENT.values(), ids=SENT)
def test_messages_as_sent(messages: tuple[Message, ...], wire: list[dict[str, Any]]) -> None:
    assert encoded(*messages) == wire


def test_mistral_wants_names_and_nine_letters() -> None:
    sent = encoded(assistant(call(identity="call_abc")), results("3"), profile="mistral")
    identity = sent[0]["tool_calls"][0]["id"]
    assert len(identity) == 9
    assert identity.isalnum()
    assert sent[1] == {"role": "tool", "tool_call_id": identity, "content": "3", "name": "add"}


@pytest.mark.parametrize("model", ["mistralai/Mistral-7B-Instruct-v0.3", "Ministral-8B", "devstral-small"])
def test_models_of_mistral_want_nine_letters_on_any_server(model: str) -> None:
    first, second = assistant(call(identity="call_49c89af0")), results("3")
    wire = OpenAIChat(model)
    called, answered = json.loads(wire.encode(first, None, 1)), json.loads(wire.encode(second, first, 2))
    identity = called["tool_calls"][0]["id"]
    assert (len(identity), identity.isalnum(), answered["tool_call_id"]) == (9, True, identity)


def test_reasoning_goes_back_where_it_came_from() -> None:
    thought = Thinking("Hm.", {"api": "openai-chat/deepseek", "field": "reasoning_content"})
    assert encoded(assistant(thought, call()), profile="deepseek")[0]["reasoning_content"] == "Hm."
    for profile in ("deepseek", "moonshot"):
        assert encoded(assistant(call()), profile=profile)[0]["reasoning_content"] == ""  # asked for even when there was none
    assert "reasoning_content" not in encoded(assistant(thought, call()), profile="groq")[0]
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    message = Message("assistant", (Text("a"),), {"api": "openai-chat/openrouter", "reasoning_details": details})  # type: ignore[dict-item]
    assert encoded(message, profile="openrouter")[0]["reasoning_details"] == details
    assert "reasoning_details" not in encoded(message, profile="openai")[0]
    assert encoded(assistant(Thinking("Hm.", {"api": API, "field": "reasoning"})))[0]["reasoning"] == "Hm."  # of a server that nobody knows


def test_signed_reasoning_of_an_unknown_gateway_goes_back() -> None:
    details = [{"type": "reasoning.text", "text": "Hm.", "signature": "s"}]
    wire = OpenAIChat("m")
    raw = wire.read(choice({"content": "a", "reasoning_details": details}))
    sent = json.loads(wire.encode(Message("assistant", raw.parts, raw.message_data), None, 1))  # type: ignore[arg-type]
    assert sent == {"role": "assistant", "content": "a", "reasoning_details": details}


def test_signed_reasoning_goes_back_when_the_call_stood_in_the_text() -> None:
    details = [{"type": "reasoning.text", "text": "Hm.", "signature": "s"}]
    leaked = {"content": '<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>', "reasoning_details": details}
    reply, _ = ask(Server(httpx.Response(200, json=choice(leaked))))
    assert reply.reading == "act"
    assert encoded(reply.message)[0]["reasoning_details"] == details


def options(
    profile: str | None = None, *, tool_choice: str = "auto", model: str = "m", stream: bool = False, native: bool = True, **head: Any
) -> Any:
    wire = OpenAIChat(model, PROFILES[profile]) if profile else OpenAIChat(model)
    stop = head.pop("stop", ())
    return wire.options(Head(**head), stop, tool_choice, native=native, stream=stream)


TOOL = {"type": "function", "function": {"name": "add", "description": "Add", "parameters": ADD.parameters}}
STRICT = ToolSpec("f", "", {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False})
OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "tools": (options(tools=(ADD,)), {"tools": [TOOL]}),
    "no tools for a text format": (options(tools=(ADD,), native=False), {}),
    "required": (options(tools=(ADD,), tool_choice="required"), {"tools": [TOOL], "tool_choice": "required"}),
    "required for Mistral": (options("mistral", tools=(ADD,), tool_choice="required"), {"tools": [TOOL], "tool_choice": "any"}),
    "required where it is not known": (options("zai", tools=(ADD,), tool_choice="required"), {"tools": [TOOL]}),
    "one tool": (
        options(tools=(ADD,), tool_choice="add"),
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "add"}}},
    ),
    "no more calls": (options("groq", tools=(ADD,), tool_choice="none"), {"tools": [TOOL], "tool_choice": "none"}),
    "no more calls, small local model": (options("llamacpp", tools=(ADD,), tool_choice="none"), {}),
    "settings": (
        options(settings=Settings(0.5, 0.9, 100, 7, (), "low", {"top_k": 3})),
        {"temperature": 0.5, "top_p": 0.9, "max_tokens": 100, "seed": 7, "reasoning_effort": "low", "top_k": 3},
    ),
    "settings of others": (options("openai", settings=Settings(max_tokens=100)), {"max_completion_tokens": 100}),
    "effort of OpenRouter": (options("openrouter", settings=Settings(thinking="high")), {"reasoning": {"effort": "high"}}),
    "stops": (options(stop=("a", "b", "c", "d", "e")), {"stop": ["a", "b", "c", "d"]}),
    "stops that are refused": (options("openai", stop=("a",), model="gpt-5-mini"), {"model": "gpt-5-mini"}),
    "stream": (options(stream=True), {"stream": True, "stream_options": {"include_usage": True}}),
    "schema": (
        options(output_schema={"type": "object"}),
        {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}},
    ),
}


@pytest.mark.parametrize(("found", "expected"), OPTIONS.values(), ids=OPTIONS)
def test_the_rest_of_the_body(found: Any, expected: dict[str, Any]) -> None:
    assert found == {"model": "m", **expected}


def test_strict_only_where_the_schema_qualifies() -> None:
    sent = options("openai", tools=(STRICT, ADD))["tools"]
    assert [tool["function"].get("strict") for tool in sent] == [True, None]
    assert "strict" not in options(tools=(STRICT,))["tools"][0]["function"]


def test_a_typed_answer_by_the_tool_finish_needs_no_response_format() -> None:
    assert "response_format" not in options(output_schema={"type": "object"}, tools=(ToolSpec("finish", "", {}),))


def choice(message: dict[str, Any], reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}], **more}


def got(name: str = "add", raw: str = "{}", identity: str | None = "c1", **more: Any) -> ToolCall:
    data: dict[str, Any] = {"api": API, **({"id": identity} if identity else {}), **more}
    return ToolCall(name, None, None, raw, data)


def wired(name: str = "add", arguments: Any = "{}", identity: Any = "c1", **more: Any) -> dict[str, Any]:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


READ: dict[str, tuple[dict[str, Any], tuple[Any, ...], str]] = {
    "answer": (choice({"content": "hi"}), (Text("hi"),), "stop"),
    "call": (choice({"content": None, "tool_calls": [wired()]}, "tool_calls"), (got(),), "tool_calls"),
    "call that says stop": (choice({"content": "", "tool_calls": [wired()]}), (got(),), "tool_calls"),
    "call that says nothing": (choice({"tool_calls": [wired()]}, None), (got(),), "tool_calls"),
    "text and calls": (
        choice({"content": "hm", "tool_calls": [wired(), wired("sub", identity="c2")]}),
        (Text("hm"), got(), got("sub", identity="c2")),
        "tool_calls",
    ),
    "arguments as an object": (choice({"tool_calls": [wired(arguments={"a": 1})]}), (got(raw='{"a":1}'),), "tool_calls"),
    "arguments null": (choice({"tool_calls": [wired(arguments=None)]}), (got(raw=""),), "tool_calls"),
    "arguments cut": (choice({"tool_calls": [wired(arguments='{"a')]}, "length"), (got(raw='{"a'),), "length"),
    "no id": (choice({"tool_calls": [wired(identity=None)]}), (got(identity=None),), "tool_calls"),
    "a call of nothing": (choice({"tool_calls": [{}, None, "x"]}), (got("", "", None),), "tool_calls"),
    "fields beside the call": (
        choice({"tool_calls": [wired(extra_content={"google": {"thought_signature": "s"}})]}),
        (got(more={"extra_content": {"google": {"thought_signature": "s"}}}),),
        "tool_calls",
    ),
    "function_call of old": (
        choice({"function_call": {"name": "f", "arguments": "{}"}}, "function_call"),
        (got("f", identity=None),),
        "tool_calls",
    ),
    "custom tool": (
        choice({"tool_calls": [{"id": "c1", "type": "custom", "custom": {"name": "f", "input": "x"}}]}),
        (got("f", "x"),),
        "tool_calls",
    ),
    "a call without its wrapping": (
        choice({"tool_calls": [{"id": "c1", "name": "add", "arguments": '{"a":1}'}]}, "tool_calls"),
        (got(raw='{"a":1}'),),
        "tool_calls",
    ),
    "reasoning_content": (
        choice({"content": "a", "reasoning_content": "r"}),
        (Thinking("r", {"api": API, "field": "reasoning_content"}), Text("a")),
        "stop",
    ),
    "reasoning": (choice({"content": "a", "reasoning": "r"}), (Thinking("r", {"api": API, "field": "reasoning"}), Text("a")), "stop"),
    "chunks of Mistral": (
        choice(
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]}, {"type": "text", "text": "a"}, {"type": "new"}]}
        ),
        (Thinking("r", {"api": API, "chunk": {}}), Text("a")),
        "stop",
    ),
    "refusal": (choice({"content": None, "refusal": "I will not."}), (), "refused"),
    "content filter": (choice({"content": ""}, "content_filter"), (), "refused"),
    "content filter with its reason": (choice({"content": "so"}, "content_filter: RECITATION"), (Text("so"),), "refused"),
    "Google's reason": (choice({"content": "so"}, "PROHIBITED_CONTENT"), (Text("so"),), "refused"),
    "a call that Google could not read": (
        choice({"content": "so"}, "function_call_filter: MALFORMED_FUNCTION_CALL"),
        (Thinking("so"),),
        "stop",
    ),
    "the same by its own name": (choice({"content": "so"}, "malformed_function_call"), (Thinking("so"),), "stop"),
    "cut by another name": (choice({"content": "so"}, "max_output_tokens"), (Text("so"),), "length"),
    "unknown reason": (choice({"content": "a"}, "eos_token_v9"), (Text("a"),), "stop"),
    "reason of another kind": (choice({"content": "a"}, 7), (Text("a"),), "stop"),  # type: ignore[arg-type]
    "null everywhere": (
        choice({"content": None, "tool_calls": None, "refusal": None, "reasoning": None}, None, usage=None, model=None),
        (),
        "stop",
    ),
}


@pytest.mark.parametrize(("found", "parts", "finish"), READ.values(), ids=READ)
def test_replies_as_read(found: dict[str, Any], parts: tuple[Any, ...], finish: str) -> None:
    reply = OpenAIChat("m").read(found)
    assert (reply.parts, reply.finish) == (parts, finish)


@pytest.mark.parametrize(("found", "parts", "finish"), READ.values(), ids=READ)
def test_the_same_as_one_event(found: dict[str, Any], parts: tuple[Any, ...], finish: str) -> None:
    """Some servers send a whole message as one chunk of a stream."""
    reader = OpenAIChat("m").reader()
    first = found["choices"][0]
    reader.feed(("", json.dumps({"choices": [{"index": 0, "delta": first["message"], "finish_reason": first["finish_reason"]}]}).encode()))
    reader.feed(("", b"[DONE]"))
    reply = reader.finish()
    streamed = tuple(part for part in parts if type(part) is not Thinking)
    assert (tuple(part for part in reply.parts if type(part) is not Thinking), reply.finish) == (streamed, finish)
    assert [p.text for p in reply.parts if type(p) is Thinking] == [p.text for p in parts if type(p) is Thinking]


USAGE = {
    "plain": ({"prompt_tokens": 9, "completion_tokens": 2}, Usage(9, 2)),
    "details": (
        {
            "prompt_tokens": 9,
            "completion_tokens": 5,
            "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
        Usage(9, 5, 4, 1, 3),
    ),
    "xAI counts reasoning apart": (
        {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 14, "completion_tokens_details": {"reasoning_tokens": 3}},
        Usage(9, 5, 0, 0, 3),
    ),
    "DeepSeek's cache": ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 8}, Usage(9, 2, 8)),
    "nonsense": ({"prompt_tokens": "many", "completion_tokens": None, "prompt_tokens_details": 3}, Usage()),
}


@pytest.mark.parametrize(("found", "usage"), USAGE.values(), ids=USAGE)
def test_usage(found: dict[str, Any], usage: Usage) -> None:
    assert OpenAIChat("m").read(choice({"content": "a"}, usage=found)).usage == usage


def test_no_usage_is_none_and_cost_is_kept() -> None:
    assert OpenAIChat("m").read(choice({"content": "a"})).usage is None
    assert OpenAIChat("m").read(choice({"content": "a"}, usage={"cost": 0.25})).cost == 0.25
    for odd in (float("nan"), float("inf"), -1, True, 10**400, "0.25", None):
        assert OpenAIChat("m").read(choice({"content": "a"}, usage={"cost": odd})).cost is None


def piece(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def part(arguments: str | None = None, name: str | None = None, identity: str | None = None, index: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"function": {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}}
    return {**found, **({"id": identity} if identity else {}), **({"index": index} if index is not None else {})}


STREAMED: dict[str, tuple[list[dict[str, Any]], tuple[ToolCall, ...]]] = {
    "as OpenAI does": (
        [part("", "add", "c1", 0), part('{"a"', index=0), part(":1}", index=0), part("{}", "sub", "c2", 1)],
        (got(raw='{"a":1}'), got("sub", identity="c2")),
    ),
    "interleaved": (
        [
            part("", "add", "c1", 0),
            part("", "sub", "c2", 1),
            part('{"a":', index=0),
            part('{"b":', index=1),
            part("1}", index=0),
            part("2}", index=1),
        ],
        (got(raw='{"a":1}'), got("sub", '{"b":2}', "c2")),
    ),
    "without index, whole calls": ([part("{}", "add", "c1"), part("{}", "sub", "c2")], (got(), got("sub", identity="c2"))),
    "without index or id": ([part("{}", "add"), part("{}", "add")], (got(identity=None), got(identity=None))),
    "without index, in pieces": ([part('{"a"', "add", "c1"), part(":1}")], (got(raw='{"a":1}'),)),
    "index 0 for all, no ids": (
        [part("", "add", None, 0), part('{"a":1}', "sub", None, 0), part('{"a":2}', "sub", None, 0)],
        (got(raw="", identity=None), got("sub", '{"a":1}', None), got("sub", '{"a":2}', None)),
    ),
    "index 0 and one id for all": ([part("{}", "add", "c1", 0), part("{}", "sub", "c1", 0)], (got(), got("sub"))),
    "the name in every piece": ([part('{"a"', "add", None, 0), part(":1}", "add", None, 0)], (got(raw='{"a":1}', identity=None),)),
    "the name in every piece, the first of them empty": (
        [part("", "add", None, 0), part('{"a":1}', "add", None, 0)],
        (got(raw='{"a":1}', identity=None),),
    ),
    "the name behind the first arguments": ([part('{"a"', None, "c1", 0), part(":1}", "add", None, 0)], (got(raw='{"a":1}'),)),
    "the name in pieces": (
        [part("", "ad", "c1", 0), part(None, "d", None, 0), part('{"a":1}', index=0), part("{}", "sub", "c2", 1)],
        (got(raw='{"a":1}'), got("sub", identity="c2")),
    ),
    "the name in pieces that grow": ([part("", "ad", "c1", 0), part("{}", "add", None, 0)], (got(),)),
    "the word null for no name": ([part('{"a"', "add", "c1", 0), part(":1}", "null", None, 0)], (got(raw='{"a":1}'),)),
    "without its wrapping": (
        [{"index": 0, "id": "c1", "name": "add", "arguments": '{"a"'}, {"index": 0, "arguments": ":1}"}],
        (got(raw='{"a":1}'),),
    ),
    "the id before the name": ([part(None, None, "c1", 0), part("{}", "add", None, 0)], (got(),)),
    "told apart by id alone": (
        [part('{"a":', "add", "c1"), part('{"b":', "sub", "c2"), part("1}", None, "c1"), part("2}", None, "c2")],
        (got(raw='{"a":1}'), got("sub", '{"b":2}', "c2")),
    ),
    "index 0 for all": ([part("{}", "add", "c1", 0), part("{}", "sub", "c2", 0)], (got(), got("sub", identity="c2"))),
    "id in every piece": ([part("{", "add", "c1", 0), part("}", None, "c1", 0)], (got(),)),
    "id and name in every piece": ([part("{", "add", "c1", 0), part("}", "add", "c1", 0)], (got(),)),
    "a new id in every piece": ([part("{", "add", "c1", 0), part("}", None, "c9", 0)], (got(),)),
    "indices with gaps": ([part("{}", "add", "c1", 3), part("{}", "sub", "c2", 7)], (got(), got("sub", identity="c2"))),
    "the same delta twice": ([part('{"a":1}', "add", "c1", 0), part('{"a":1}', "add", "c1", 0)], (got(raw='{"a":1}{"a":1}'),)),
    "five hundred": ([part("{}", "add", f"c{n}", n) for n in range(500)], tuple(got(identity=f"c{n}") for n in range(500))),
}


@pytest.mark.parametrize(("pieces", "calls"), STREAMED.values(), ids=STREAMED)
def test_calls_from_pieces(pieces: list[dict[str, Any]], calls: tuple[ToolCall, ...]) -> None:
    reader = OpenAIChat("m").reader()
    deltas = [delta for found in pieces for delta in reader.feed(("", json.dumps(piece({"tool_calls": [found]})).encode()))]
    reader.feed(("", json.dumps(piece({}, "tool_calls")).encode()))
    assert reader.finish().parts == calls
    assert {delta.index for delta in deltas} == set(range(len(calls)))
    assert (
        "".join(delta.text for delta in deltas) == "".join(call.raw or "" for call in calls)
        or "interleaved" in str(pieces)
        or len(calls) == 2
    )


def test_a_call_that_each_chunk_says_both_ways_is_one() -> None:
    """llama-cpp-python says a call that was demanded as ``tool_calls`` and as the ``function_call`` of old, with its name and id each time."""
    reader = OpenAIChat("m").reader()
    for text in ('{"', "a", '":', "1}"):
        called = {"name": "add", "arguments": text}
        delta = {"role": None, "content": None, "function_call": called, "tool_calls": [{"index": 0, "id": "c1", "function": called}]}
        reader.feed(("", json.dumps(piece(delta)).encode()))
    reader.feed(("", json.dumps(piece({"function_call": None, "tool_calls": None}, "tool_calls")).encode()))
    assert reader.finish().parts == (got(raw='{"a":1}'),)


def test_a_stream_through_the_public_door() -> None:
    server = Server(httpx.Response(200, content=sse(*CHUNKS), headers={"content-type": "text/event-stream", "x-request-id": "r1"}))
    reply, heard = ask(server, stream=True)
    assert (reply.reading, reply.message.text, reply.model, reply.request_id, reply.usage) == ("answer", "four", "m-1", "r1", Usage(9, 2))
    assert heard == [Delta("text", "fo"), Delta("text", "ur")]
    assert server.bodies[0]["stream"] is True


def test_streamed_reasoning_details_are_put_together() -> None:
    reader = OpenAIChat("m", PROFILES["openrouter"]).reader()
    for data in (
        {"index": 0, "type": "t", "text": "a"},
        {"index": 0, "type": "t", "text": "b", "signature": "s"},
        {"index": 1, "type": "t", "text": "c"},
    ):
        reader.feed(("", json.dumps(piece({"reasoning_details": [data]})).encode()))
    reader.feed(("", json.dumps(piece({"content": "x"}, "stop")).encode()))
    assert reader.finish().message_data == {
        "api": "openai-chat/openrouter",
        "reasoning_details": [{"index": 0, "type": "t", "text": "ab", "signature": "s"}, {"index": 1, "type": "t", "text": "c"}],
    }


def test_a_last_chunk_that_says_everything_once_more_and_counts_nothing() -> None:
    reader = OpenAIChat("m").reader()
    last = {"index": 0, "message": {"role": "assistant", "content": "four"}, "finish_reason": "stop"}
    usage, nothing = {"prompt_tokens": 9, "completion_tokens": 2}, {"prompt_tokens": 0, "completion_tokens": 0}
    for chunk in (*CHUNKS[:3], {"choices": [], "usage": usage}, {"choices": [last], "usage": nothing}):
        reader.feed(("", json.dumps(chunk).encode()))
    reply = reader.finish()
    assert (reply.parts, reply.finish, reply.usage) == ((Text("four"),), "stop", Usage(9, 2))


def test_reasoning_that_is_told_in_details_alone_is_heard_and_read_as_of_a_whole_reply() -> None:
    details = [
        {"index": 0, "type": "reasoning.text", "text": "hm", "signature": "s"},
        {"index": 1, "type": "reasoning.encrypted", "data": "QQ=="},
    ]
    wire = OpenAIChat("m", PROFILES["openrouter"])
    reader = wire.reader()
    sent = [*({**details[0], "text": letter} for letter in "hm"), details[1]]
    heard = [delta for detail in sent for delta in reader.feed(("", json.dumps(piece({"reasoning_details": [detail]})).encode()))]
    reader.feed(("", json.dumps(piece({"content": "x"}, "stop")).encode()))
    assert heard == [Delta("thinking", "h"), Delta("thinking", "m")]
    whole = wire.read(choice({"content": "x", "reasoning_details": details}))
    streamed = reader.finish()
    assert (streamed.parts, streamed.message_data) == (whole.parts, whole.message_data)


def test_the_signature_of_a_streamed_thought_is_kept() -> None:
    reader = OpenAIChat("m", PROFILES["mistral"]).reader()
    for more in ({"text": "h"}, {"text": "m", "signature": "s"}):
        chunk = {"type": "thinking", "thinking": [{"type": "text", "text": more.pop("text")}], **more}
        reader.feed(("", json.dumps(piece({"content": [chunk]})).encode()))
    reader.feed(("", json.dumps(piece({"content": "x"}, "stop")).encode()))
    assert reader.finish().parts == (Thinking("hm", {"api": "openai-chat/mistral", "chunk": {"signature": "s"}}), Text("x"))


def test_a_server_that_does_not_stream_is_heard_all_the_same() -> None:
    reply, heard = ask(Server(httpx.Response(200, json=ANSWER)), stream=True)
    assert (reply.message.text, heard) == ("four", [Delta("text", "four")])


ODD = {
    "events without data, to keep alive": b"data:\n\n" + sse(*CHUNKS[:1], done=False) + b"data: \n\n" + sse(*CHUNKS[1:]),
    "a space behind the end mark": sse(*CHUNKS, done=False) + b"data: [DONE] \n\n",
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_what_servers_add_to_a_stream(body: bytes) -> None:
    reply, heard = ask(Server(httpx.Response(200, content=body, headers={"content-type": "text/event-stream"})), stream=True)
    assert (reply.message.text, reply.usage, heard) == ("four", Usage(9, 2), [Delta("text", "fo"), Delta("text", "ur")])


def test_a_refusal_among_chunks_of_content() -> None:
    reply = OpenAIChat("m").read(choice({"content": [{"type": "refusal", "refusal": "I will not."}]}))
    assert (reply.finish, reply.refusal) == ("refused", "I will not.")


@pytest.mark.parametrize("words", ["error parsing tool call: raw='{\"a\": 1]', err=x", "Failed to parse input at pos 184: <tool_call>oops"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [200, 500])
def test_a_call_that_the_server_could_not_read_is_the_models_mistake(words: str, stream: bool, status: int) -> None:
    told = {"error": {"code": 500, "message": words, "type": "server_error"}}
    content = sse(*CHUNKS[:2], told) if stream and status == 200 else json.dumps(told).encode()
    headers = {"content-type": "text/event-stream" if stream and status == 200 else "application/json"}
    server = Server(httpx.Response(status, content=content, headers=headers))
    reply, _ = ask(server, stream=stream)
    assert (reply.reading, reply.message.parts, len(server.asked)) == ("malformed", (Thinking(words),), 1)


@pytest.mark.parametrize("words", [{"code": "InvalidParameter", "message": "bad tool"}, {"detail": "bad tool"}])
@pytest.mark.parametrize("done", [False, True])
def test_words_in_the_place_of_a_stream_are_told(words: dict[str, str], done: bool) -> None:
    with pytest.raises(BackendUnavailable, match="bad tool"):
        ask(Server(httpx.Response(200, content=sse(words, done=done), headers={"content-type": "text/event-stream"})), stream=True)


CUT = {
    "no end mark": sse(*CHUNKS[:3], done=False),
    "nothing at all": b"",
    "nothing but empty events": b"data:\n\ndata:\n\n",
    "an end and no reply": b"data: [DONE]\n\n",
    "half an event": sse(*CHUNKS[:2], done=False) + b'data: {"choices":[{"in',
    "no JSON": b"data: oops\n\n",
    "invalid UTF-8": b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',
}


@pytest.mark.parametrize("body", CUT.values(), ids=CUT)
def test_a_cut_stream_is_never_an_answer(body: bytes) -> None:
    cut = httpx.Response(200, content=body, headers={"content-type": "text/event-stream"})
    with pytest.raises(BackendProtocolError):
        ask(Server(cut), stream=True)
    whole = httpx.Response(200, content=sse(*CHUNKS), headers={"content-type": "text/event-stream"})
    reply, _ = ask(Server(cut, whole), stream=True)
    assert (reply.message.text, len(reply.route)) == ("four", 1)


ERRORS: dict[str, tuple[int, Any, type[Exception], str]] = {
    "Google": (
        400,
        [{"error": {"code": 400, "message": "The input token count exceeds the maximum number of tokens", "status": "INVALID_ARGUMENT"}}],
        ContextOverflow,
        r"answered 400: The input token",
    ),
    "OpenAI": (
        400,
        {"error": {"message": "Bad thing", "type": "invalid_request_error", "code": "invalid_value"}},
        BackendRejected,
        "Bad thing",
    ),
    "Ollama, a model without tools": (
        400,
        {"error": {"message": "registry.ollama.ai/library/phi:latest does not support tools", "type": "api_error"}},
        BackendRejected,
        "react_text",
    ),
    "vLLM without a parser of calls": (
        400,
        {"object": "error", "message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'},
        BackendRejected,
        "react_text",
    ),
    "llama.cpp without templates": (
        500,
        {"error": {"code": 500, "message": "tools param requires --jinja flag"}},
        BackendRejected,
        "react_text",
    ),
    "OpenRouter, a model without tools": (
        404,
        {"error": {"message": "No endpoints found that support tool use. To learn more about provider routing, visit: x", "code": 404}},
        BackendRejected,
        "react_text",
    ),
    "Mistral, a model without tools": (400, {"message": "Function calling is not enabled for this model"}, BackendRejected, "react_text"),
    "Groq, a model without tools": (
        400,
        {"error": {"message": "`tool calling` is not supported with this model", "type": "invalid_request_error"}},
        BackendRejected,
        "react_text",
    ),
    "OpenAI, a model without tools": (
        400,
        {"error": {"message": "Unsupported parameter: 'tools' is not supported with this model.", "code": "unsupported_parameter"}},
        BackendRejected,
        "react_text",
    ),
    "LiteLLM, a model without tools": (
        400,
        {"error": {"message": "litellm.UnsupportedParamsError: m does not support parameters: ['tools']", "code": "400"}},
        BackendRejected,
        "react_text",
    ),
    "key": (401, {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}, BackendRejected, "REACT_AGENT_API_KEY"),
    "model": (404, {"error": {"message": "The model `m` does not exist", "code": "model_not_found"}}, BackendRejected, "model's name 'm'"),
    "quota": (429, {"error": {"message": "You exceeded", "code": "insufficient_quota"}}, BackendRejected, "exceeded"),
    "llama.cpp overflow": (
        400,
        {
            "error": {
                "code": 400,
                "message": "request (9000 tokens) exceeds the available context size",
                "type": "exceed_context_size_error",
            }
        },
        ContextOverflow,
        "shorten it",
    ),
    "OpenAI overflow": (400, {"error": {"message": "too long", "code": "context_length_exceeded"}}, ContextOverflow, "too long"),
    "vLLM overflow": (
        400,
        {"object": "error", "message": "This model's maximum context length is 4096 tokens. However, you requested 5000", "code": 400},
        ContextOverflow,
        "maximum context length",
    ),
    "llama-cpp-python, pictures for a template of text alone": (
        500,
        {
            "error": {
                "message": 'can only concatenate str (not "list") to str',
                "type": "internal_server_error",
                "param": None,
                "code": None,
            }
        },
        BackendRejected,
        "takes no pictures",
    ),
    "llama-cpp-python, a body that it does not take": (
        500,
        {"error": {"message": "1 validation error:\n  {'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required'}"}},
        BackendRejected,
        "Field required",
    ),
    "FastAPI": (422, {"detail": [{"loc": ["body", "tools"], "msg": "bad"}]}, BackendRejected, "bad"),
    "detail": (404, {"detail": "Not Found"}, BackendRejected, "Not Found"),
    "text": (400, "plain words", BackendRejected, "plain words"),
    "ollama": (404, {"error": "model 'x' not found"}, BackendRejected, "model 'x' not found"),
    "OpenRouter": (
        502,
        {"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "upstream is down"}}},
        BackendUnavailable,
        "upstream is down",
    ),
    "nothing": (500, "", BackendUnavailable, "500"),
    "a list": (400, [1], BackendRejected, "400"),
}


@pytest.mark.parametrize(("status", "body", "kind", "words"), ERRORS.values(), ids=ERRORS)
def test_errors(status: int, body: Any, kind: type[Exception], words: str) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    with pytest.raises(kind) as caught:
        ask(Server(httpx.Response(status, text=content, headers={"x-request-id": "r9"})), max_retries=0)
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert "r9" in str(caught.value)


def test_a_server_that_says_the_request_again_is_not_quoted_in_full() -> None:
    with pytest.raises(BackendRejected, match="Input should be") as caught:
        ask(Server(httpx.Response(422, json={"message": "Input should be 'user': " + "word " * 100_000, "code": 422})))
    assert "422 (422)" not in str(caught.value)
    assert len(str(caught.value)) < 2500


WITHIN: dict[str, tuple[Any, type[Exception], str]] = {
    "error": ({"error": {"message": "boom", "type": "server_error"}}, BackendUnavailable, "boom"),
    "error text": ({"error": "boom"}, BackendUnavailable, "boom"),
    "error of a choice": ({"choices": [{"error": {"message": "boom", "code": 429}}]}, BackendUnavailable, "boom"),
    "rejected": ({"error": {"message": "boom", "code": 400}}, BackendRejected, "boom"),
    "rejected, its status as text": (
        {"error": {"message": "boom", "type": "None", "param": "None", "code": "401"}},
        BackendRejected,
        "boom",
    ),
    "away, its status as text": (
        {"error": {"message": "boom", "type": "None", "param": "None", "code": "429"}},
        BackendUnavailable,
        "boom",
    ),
    "overflow": ({"error": {"message": "prompt is too long", "type": "invalid_request_error"}}, ContextOverflow, "too long"),
}


@pytest.mark.parametrize(("body", "kind", "words"), WITHIN.values(), ids=WITHIN)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_with_status_200(body: Any, kind: type[Exception], words: str, stream: bool) -> None:
    content = sse(CHUNKS[1], body) if stream else json.dumps(body).encode()
    headers = {"content-type": "text/event-stream" if stream else "application/json"}
    with pytest.raises(kind, match=words):
        ask(Server(httpx.Response(200, content=content, headers=headers)), stream=stream, max_retries=0)


NO_REPLY: dict[str, tuple[bytes, str, str, int]] = {
    "empty choices": (b'{"choices":[]}', "application/json", "no choices", 3),
    "no message": (b'{"choices":[{}]}', "application/json", "no message", 3),
    "empty": (b"", "application/json", "empty", 3),
    "broken JSON": (b'{"choices":[{"mess', "application/json", "broken JSON", 3),
    "invalid UTF-8": (b'{"a":"\xff\xfe"}', "application/json", "broken JSON", 3),
    "web page": (b"<!DOCTYPE html><title>Hi</title>", "text/html", "web page", 1),
    "text": (b"hello", "text/plain", "check base_url", 1),
    "a list": (b"[]", "application/json", "no JSON object", 3),
    "deep": (b"[" * 100_000, "application/json", "broken JSON", 3),
}


@pytest.mark.parametrize(("body", "kind", "words", "tries"), NO_REPLY.values(), ids=NO_REPLY)
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_no_reply(body: bytes, kind: str, words: str, tries: int, stream: bool) -> None:
    server = Server(httpx.Response(200, content=body, headers={"content-type": kind}))
    if stream and kind == "text/plain":
        words, tries = "no stream of events: hello", 3  # read as a stream, since not all servers name the type
    with pytest.raises(BackendProtocolError, match=words):
        ask(server, stream=stream)
    assert len(server.asked) == tries


@respx.mock
def test_requests_over_a_client_of_our_own(respx_mock: respx.MockRouter) -> None:
    import asyncio

    route = respx_mock.post("https://api.openai.com/v1/chat/completions").mock(
        httpx.Response(200, json=ANSWER, headers={"x-request-id": "r1"})
    )

    async def run() -> None:
        backend = OpenAIChatBackend("gpt-5", api_key=KEY, headers={"OpenAI-Project": "p"})
        view = MessageView().extend(*TURN[:2])
        reply = await backend.reply(ModelRequest(view, HEAD))
        assert (reply.message.text, reply.request_id, backend.name, backend.format_name) == ("four", "r1", "openai:gpt-5", "auto")
        await backend.reply(ModelRequest(view.extend(*TURN[2:]), HEAD))
        await backend.reply(ModelRequest(view, HEAD))
        await backend.aclose()

    asyncio.run(run())
    sent = [call.request for call in route.calls]
    assert sent[0].headers["authorization"] == f"Bearer {KEY}"
    assert sent[0].headers["openai-project"] == "p"
    first, second, third = (json.loads(request.content) for request in sent)
    assert second["messages"][:2] == first["messages"]
    assert len(second["messages"]) == 4
    assert third == first  # a view that is not the newest sends only its own messages


@pytest.mark.parametrize("given", [False, True])
@respx.mock
def test_a_backend_that_was_used_can_be_copied(given: bool, respx_mock: respx.MockRouter) -> None:
    """As libraries do that run agents side by side, or fit their prompts."""
    import asyncio

    respx_mock.post("https://api.openai.com/v1/chat/completions").mock(httpx.Response(200, json=ANSWER))

    async def run() -> None:
        async with httpx.AsyncClient() as client:
            backend = OpenAIChatBackend("gpt-5", api_key=KEY, client=client if given else None)
            await backend.reply(asked())
            for made in (copy.copy(backend), copy.deepcopy(backend), copy.deepcopy([backend])[0]):
                assert (await made.reply(asked())).message.text == "four"
                await made.aclose()
            assert (await backend.reply(asked())).message.text == "four"
            await backend.aclose()
            if not given:
                made = pickle.loads(pickle.dumps(backend))
                assert (await made.reply(asked())).message.text == "four"
                await made.aclose()

    asyncio.run(run())


def test_nothing_from_the_past_is_encoded_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    original = OpenAIChat.encode

    def counting(self: OpenAIChat, message: Message, before: Message | None, at: int) -> bytes:
        encoded.append(at)
        return original(self, message, before, at)

    monkeypatch.setattr(OpenAIChat, "encode", counting)
    import asyncio

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(Server(httpx.Response(200, json=ANSWER)))) as client:
            backend = OpenAIChatBackend("m", base_url=URL, client=client)
            view = MessageView().extend(*TURN[:2])
            for _ in range(3):
                await backend.reply(ModelRequest(view, HEAD, "none"))
                await backend.reply(ModelRequest(view, HEAD))
                view = view.extend(*TURN[2:])

    asyncio.run(run())
    assert encoded == list(range(6))


def test_names_come_back_as_they_are_here() -> None:
    spec = ToolSpec("srv.get weather", "", {"type": "object"})
    sent = OpenAIChat("m").tool_name(spec.name)
    server = Server(httpx.Response(200, json=choice({"tool_calls": [wired(sent)]})))
    reply, _ = ask(server, asked(head=Head((spec,))))
    assert reply.message.calls[0].name == "srv.get weather"
    assert server.bodies[0]["tools"][0]["function"]["name"] == sent


def test_redirects_are_not_followed() -> None:
    server = Server(httpx.Response(307, headers={"location": "https://evil.test/v1"}))
    with pytest.raises(BackendProtocolError, match=r"redirect to https://evil\.test/v1"):
        ask(server)
    assert len(server.asked) == 1


def test_a_text_format_sends_text_only() -> None:
    answer = 'Thought: easy\nAction: add\nAction Input: {"a": 1}\n'
    server = Server(httpx.Response(200, json=choice({"content": answer})))
    reply, _ = ask(server, asked(*TURN), format="react_text")
    assert (reply.reading, reply.message.calls[0].arguments) == ("act", {"a": 1})
    body = server.bodies[0]
    assert "tools" not in body
    assert body["stop"]
    assert {message["role"] for message in body["messages"]} <= {"system", "user", "assistant"}
    assert all(isinstance(message["content"], str) for message in body["messages"])


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no key": ({}, "OPENAI_API_KEY"),
    "no url": ({"base_url": "localhost:8080"}, "http://"),
    "braces": ({"profile": "azure", "api_key": "kkkk"}, "braces"),
    "no profile": ({"profile": "nobody"}, "known are azure"),
    "no format": ({"base_url": URL, "format": "nobody"}, "native"),
    "a query": ({"base_url": f"{URL}?a=b"}, "headers="),
    "a query of Azure": ({"base_url": "https://r.openai.azure.com/openai/deployments/d?api-version=2024-10-21"}, "under /openai/v1 Azure"),
    "key with a line break": ({"api_key": "sk-abc\ndef"}, "line break"),
}


@pytest.mark.parametrize(("given", "words"), WRONG.values(), ids=WRONG)
def test_put_together_wrongly(given: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=words) as caught:
        OpenAIChatBackend("m", **given)
    assert "sk-abc" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "path", "name"),
    [
        ("http://localhost:8080", "http://localhost:8080/v1/chat/completions", "http://localhost:8080/v1#m"),
        ("http://localhost:8080/v1/", "http://localhost:8080/v1/chat/completions", "http://localhost:8080/v1#m"),
        ("https://api.groq.com/openai/v1/chat/completions", "https://api.groq.com/openai/v1/chat/completions", "groq:m"),
        ("https://api.deepseek.com", "https://api.deepseek.com/chat/completions", "deepseek:m"),
        ("https://x.openai.azure.com/openai/v1", "https://x.openai.azure.com/openai/v1/chat/completions", "azure:m"),
    ],
)
def test_base_urls(url: str, path: str, name: str) -> None:
    server = Server(httpx.Response(200, json=ANSWER))
    ask(server, base_url=url)
    assert str(server.asked[0].url) == path
    assert OpenAIChatBackend("m", base_url=url, api_key=KEY).name == name


@pytest.mark.parametrize("stream", [False, True])
def test_secrets_never_show(stream: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    body = {"error": {"message": f"Incorrect API key provided: {KEY}, and hunter2-token", "code": "invalid_api_key"}}
    server = Server(httpx.Response(401, json=body, headers={"x-request-id": "r"}))
    with pytest.raises(BackendRejected) as caught:
        ask(server, stream=stream, headers={"X-Secret-Token": "hunter2-token"})
    backend = OpenAIChatBackend("m", base_url="https://me:passw0rd@llm.test/v1", api_key=KEY)
    seen = f"{caught.value} {caught.value!r} {caught.value.body} {vars(caught.value)} {backend!r} {backend.name} {caplog.text}"
    assert "Incorrect API key provided: ***" in seen
    for secret in (KEY, "hunter2-token", "passw0rd"):
        assert secret not in seen


def test_the_key_for_one_host_goes_to_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server = Server(httpx.Response(200, json=ANSWER))
    ask(server, api_key=None)
    monkeypatch.setenv("OPENAI_BASE_URL", URL)
    ask(server, api_key=None, base_url=None)
    assert [request.headers.get("authorization") for request in server.asked] == [None, f"Bearer {KEY}"]


def test_a_user_in_the_url_becomes_a_header() -> None:
    server = Server(httpx.Response(200, json=ANSWER))
    ask(server, base_url="https://me:p%40ss@llm.test/v1", api_key=None)
    assert str(server.asked[0].url) == "https://llm.test/v1/chat/completions"
    assert server.asked[0].headers["authorization"] == "Basic bWU6cEBzcw=="
