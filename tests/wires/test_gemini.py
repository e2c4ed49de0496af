"""Gemini generateContent, pinned to the wire's JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from react_agent.backends.wires.gemini import NO_SIGNATURE, Gemini
from react_agent.errors import BackendError, BackendProtocolError, BackendRejected, BackendUnavailable, ContextOverflow
from react_agent.messages import Delta, Head, Image, Message, Settings, Text, Thinking, ToolCall, ToolResult, Usage, assistant, system, user

from ._say import ADD, results

API = {"api": "gemini"}
WIRE = Gemini("gemini-2.5-flash")
PNG = Image("image/png", data="aGk=")
BLOB = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}


def body(*messages: Message, wire: Gemini = WIRE) -> Any:
    chunks = [wire.encode(message, messages[at - 1] if at else None, at) for at, message in enumerate(messages)]
    return json.loads(wire.body(chunks, b"{}", system=messages[0].role == "system"))


SENT: dict[str, tuple[tuple[Message, ...], dict[str, Any]]] = {
    "system and picture": (
        (system("s"), user("see", PNG, Image("image/png", url="https://x/y"))),
        {
            "systemInstruction": {"parts": [{"text": "s"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "see"}, BLOB, {"fileData": {"mimeType": "image/png", "fileUri": "https://x/y"}}]}
            ],
        },
    ),
    "a picture within a URL": (
        (user(Image("image/png", url="data:image/png;base64,aGk=")),),
        {"contents": [{"role": "user", "parts": [BLOB]}]},
    ),
    "signatures stay in their own parts": (
        (
            assistant(
                Thinking("hm", dict(API)),
                Text("a", {**API, "signature": "s1"}),
                Text("", {**API, "raw": {"executableCode": {"code": "1"}}}),
                ToolCall("add", {"a": 1}, provider_data={**API, "signature": "s2", "id": "f1"}),
                ToolCall("add", {}),
            ),
            results("3", "4"),
        ),
        {
            "contents": [
                {
                    "role": "model",
                    "parts": [
                        {"text": "hm", "thought": True},
                        {"text": "a", "thoughtSignature": "s1"},
                        {"executableCode": {"code": "1"}},
                        {"functionCall": {"id": "f1", "name": "add", "args": {"a": 1}}, "thoughtSignature": "s2"},
                        {"functionCall": {"name": "add", "args": {}}},
                    ],
                },
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"id": "f1", "name": "add", "response": {"output": "3"}}},
                        {"functionResponse": {"name": "add", "response": {"output": "4"}}},
                    ],
                },
            ]
        },
    ),
    "errors and pictures from tools": (
        (assistant(ToolCall("add", {})), Message("tool", (ToolResult("add", (Text("no"), PNG), "error"),))),
        {
            "contents": [
                {"role": "model", "parts": [{"functionCall": {"name": "add", "args": {}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "add", "response": {"error": "no"}}}, BLOB]},
            ]
        },
    ),
    "another API's data stay away": (
        (assistant(Thinking("secret", {"api": "x"}), Thinking("aloud"), Text("a", {"api": "x", "raw": {}})),),
        {"contents": [{"role": "model", "parts": [{"text": "aloud"}, {"text": "a"}]}]},
    ),
    "nothing said": ((user("q"), assistant()), {"contents": [{"role": "user", "parts": [{"text": "q"}]}]}),
}


def test_the_pictures_of_a_result_stand_within_it_where_the_model_takes_them_there() -> None:
    said = (
        assistant(ToolCall("add", {}), ToolCall("add", {})),
        Message("tool", (ToolResult("add", (Text("a"), PNG)), ToolResult("add", (PNG,)))),
    )
    sent = json.loads(b"[" + Gemini("gemini-3-pro").encode(said[1], said[0], 1) + b"]")[0]["parts"]
    assert [part["functionResponse"]["parts"] for part in sent] == [[BLOB], [BLOB]]


@pytest.mark.parametrize(("messages", "wire"), SENT.values(), ids=SENT)
def test_messages_as_sent(messages: tuple[Message, ...], wire: dict[str, Any]) -> None:
    assert body(*messages) == wire


def test_calls_of_another_model_get_the_mark_that_google_names() -> None:
    parts = body(assistant(ToolCall("add", {}), ToolCall("add", {})), wire=Gemini("gemini-3-pro"))["contents"][0]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [NO_SIGNATURE, None]


def options(tool_choice: str = "auto", *, wire: Gemini = WIRE, native: bool = True, stop: tuple[str, ...] = (), **head: Any) -> Any:
    return wire.options(Head(**head), stop, tool_choice, native=native, stream=False)


TOOLS = [{"functionDeclarations": [{"name": "add", "description": "Add", "parametersJsonSchema": ADD.parameters}]}]


def config(**found: Any) -> dict[str, Any]:
    return {"generationConfig": found}


OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "nothing": (options(), {}),
    "tools": (options(tools=(ADD,)), {"tools": TOOLS}),
    "text format": (options(tools=(ADD,), native=False), {}),
    "none": (options("none", tools=(ADD,)), {"tools": TOOLS, "toolConfig": {"functionCallingConfig": {"mode": "NONE"}}}),
    "required": (options("required", tools=(ADD,)), {"tools": TOOLS, "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
    "one": (
        options("add", tools=(ADD,)),
        {"tools": TOOLS, "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add"]}}},
    ),
    "settings": (options(settings=Settings(0.5, 0.9, 9, 7)), config(temperature=0.5, topP=0.9, maxOutputTokens=9, seed=7)),
    "stops": (options(stop=tuple("abcdef")), config(stopSequences=list("abcde"))),
    "budget": (options(settings=Settings(thinking="low")), config(thinkingConfig={"thinkingBudget": 1024, "includeThoughts": True})),
    "no thinking": (options(settings=Settings(thinking="none")), config(thinkingConfig={"thinkingBudget": 0, "includeThoughts": False})),
    "level": (
        options(wire=Gemini("gemini-3-pro"), settings=Settings(thinking="low")),
        config(thinkingConfig={"thinkingLevel": "LOW", "includeThoughts": True}),
    ),
    "schema": (
        options(output_schema={"type": "object"}),
        config(responseMimeType="application/json", responseJsonSchema={"type": "object"}),
    ),
    "extra": (
        options(settings=Settings(0.5, extra={"safetySettings": [], "generationConfig": {"topK": 3}})),
        {"safetySettings": [], **config(temperature=0.5, topK=3)},
    ),
}


@pytest.mark.parametrize(("found", "expected"), OPTIONS.values(), ids=OPTIONS)
def test_the_rest_of_the_body(found: Any, expected: dict[str, Any]) -> None:
    assert found == expected


def test_paths_and_headers() -> None:
    assert WIRE.path(stream=False) == "/models/gemini-2.5-flash:generateContent"
    assert Gemini("models/x/../y").path(stream=True) == "/models/x%2F..%2Fy:streamGenerateContent?alt=sse"
    assert WIRE.headers("k") == {"x-goog-api-key": "k"}


def said(*parts: Any, reason: str | None = "STOP", **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **({"finishReason": reason} if reason else {})}], **more}


CALL = {"functionCall": {"name": "add", "args": {"a": 1}}, "thoughtSignature": "s"}
GOT = ToolCall("add", None, None, '{"a":1}', {**API, "signature": "s"})
READ: dict[str, tuple[dict[str, Any], tuple[Any, ...], str, str | None]] = {
    "text": (said({"text": "hi"}), (Text("hi"),), "stop", None),
    "thought": (said({"text": "hm", "thought": True}, {"text": "hi"}), (Thinking("hm", dict(API)), Text("hi")), "stop", None),
    "signed text": (said({"text": "hi", "thoughtSignature": "s"}), (Text("hi", {**API, "signature": "s"}),), "stop", None),
    "call with STOP": (said(CALL), (GOT,), "tool_calls", None),
    "call with an id and nothing else": (
        said({"functionCall": {"name": "f", "id": "i"}}),
        (ToolCall("f", None, None, "{}", {**API, "id": "i"}),),
        "tool_calls",
        None,
    ),
    "unknown part": (said({"invented": 1}), (Text("", {**API, "raw": {"invented": 1}}),), "stop", None),
    "cut": (said({"text": "h"}, reason="MAX_TOKENS"), (Text("h"),), "length", None),
    "safety": (said({"text": "h"}, reason="SAFETY"), (Text("h"),), "refused", "the reply was blocked: SAFETY"),
    "a call that Gemini could not read": (said({"text": "h"}, reason="MALFORMED_FUNCTION_CALL"), (Thinking("h"),), "stop", None),
    "a call that Gemini quotes": (
        {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "Malformed function call: print(f(1"}]},
        (Thinking("Malformed function call: print(f(1"),),
        "stop",
        None,
    ),
    "stopped for no reason that is told": (said({"text": "h"}, reason="OTHER"), (Text("h"),), "length", None),
    "unknown reason": (said({"text": "h"}, reason="NEW"), (Text("h"),), "stop", None),
    "no content": ({"candidates": [{"finishReason": "STOP"}]}, (), "stop", None),
    "blocked prompt": ({"promptFeedback": {"blockReason": "SAFETY"}}, (), "refused", "the prompt was blocked: SAFETY"),
}


@pytest.mark.parametrize(("found", "parts", "finish", "refusal"), READ.values(), ids=READ)
def test_replies_as_read(found: dict[str, Any], parts: tuple[Any, ...], finish: str, refusal: str | None) -> None:
    whole = WIRE.read(found)
    reader = WIRE.reader()
    reader.feed(("", json.dumps(found).encode()))
    for reply in (whole, reader.finish()):
        assert (reply.parts, reply.finish, reply.refusal) == (parts, finish, refusal)


def test_usage() -> None:
    counts = {
        "promptTokenCount": 10, "toolUsePromptTokenCount": 2, "cachedContentTokenCount": 4, "candidatesTokenCount": 3, "thoughtsTokenCount": 5
    }  # fmt: skip
    assert WIRE.read(said({"text": "a"}, usageMetadata=counts)).usage == Usage(12, 8, 4, 0, 5)
    assert WIRE.read(said({"text": "a"})).usage is None


def test_streamed_parts_are_joined_unless_signed() -> None:
    reader = WIRE.reader()
    stream = [
        said({"text": "h", "thought": True}, reason=None, modelVersion="g-1"),
        said({"text": "m", "thought": True}, reason=None),
        said({"text": "a"}, reason=None, usageMetadata={"promptTokenCount": 1}),
        said({"text": "b"}, reason=None),
        said({"text": "", "thoughtSignature": "s"}, reason=None),
        said(CALL, usageMetadata={"promptTokenCount": 5, "candidatesTokenCount": 2}),
    ]
    heard = [delta for event in stream for delta in reader.feed(("", json.dumps(event).encode()))]
    reply = reader.finish()
    assert reply.parts == (Thinking("hm", dict(API)), Text("ab"), Text("", {**API, "signature": "s"}), GOT)
    assert (reply.usage, reply.model, reply.finish) == (Usage(5, 2), "g-1", "tool_calls")
    assert heard == [
        Delta("thinking", "h"),
        Delta("thinking", "m"),
        Delta("text", "a"),
        Delta("text", "b"),
        Delta("call", '{"a":1}', "add", 0),
    ]


def test_a_cut_stream_is_an_error() -> None:
    reader = WIRE.reader()
    reader.feed(("", json.dumps(said({"text": "a"}, reason=None)).encode()))
    with pytest.raises(BackendProtocolError, match="finishReason"):
        reader.finish()


ERRORS: dict[str, tuple[int, str, str, type[BackendError], str]] = {
    "bad": (400, "INVALID_ARGUMENT", "Unknown name", BackendRejected, "Unknown name"),
    "key": (400, "INVALID_ARGUMENT", "API key not valid.", BackendRejected, "GEMINI_API_KEY"),
    "long": (400, "INVALID_ARGUMENT", "The input token count (1100000) exceeds the maximum", ContextOverflow, "shorten"),
    "often": (429, "RESOURCE_EXHAUSTED", "Quota", BackendUnavailable, "Quota"),
    "down": (503, "UNAVAILABLE", "overloaded", BackendUnavailable, "overloaded"),
}


@pytest.mark.parametrize(("status", "code", "words", "kind", "shown"), ERRORS.values(), ids=ERRORS)
def test_errors(status: int, code: str, words: str, kind: type[BackendError], shown: str) -> None:
    told = {"error": {"code": status, "message": words, "status": code, "details": [{"@type": "x/RetryInfo", "retryDelay": "12s"}]}}
    for found in (told, [told]):  # its streams put an error in a list
        error = WIRE.error(status, {}, json.dumps(found).encode())
        assert type(error) is kind
        assert shown in str(error)
        assert error.retry_after == 12.0
    with pytest.raises(kind):
        WIRE.reader().feed(("", json.dumps(told).encode()))
    with pytest.raises(kind):
        WIRE.read(told)


def test_what_is_no_reply() -> None:
    with pytest.raises(BackendProtocolError, match="no candidates"):
        WIRE.read({"usageMetadata": {}})
