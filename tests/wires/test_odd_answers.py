"""Answers that are legal, or that servers give all the same: what they say is read, whatever it stands in, and nothing is made up."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from react_agent.backends.came import Stream
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.providers import AnthropicBackend, GeminiBackend, OllamaBackend, OpenAIResponsesBackend
from react_agent.backends.wires.anthropic import Anthropic
from react_agent.backends.wires.gemini import Gemini
from react_agent.backends.wires.ollama import Ollama
from react_agent.backends.wires.openai_chat import OpenAIChat
from react_agent.backends.wires.openai_responses import OpenAIResponses
from react_agent.errors import BackendError, BackendProtocolError, BackendUnavailable
from react_agent.formats.base import RawReply
from react_agent.messages import ModelReply

from ._say import CHUNKS, URL, Server, play, sse

Said = tuple[str, str, list[Any]]  # the reading, the text, the calls' arguments


def said(kind: Any, body: bytes, content_type: str, *, stream: bool) -> ModelReply:
    server = Server(httpx.Response(200, content=body, headers={"content-type": content_type}))
    return play(server, lambda client: kind("m", base_url=URL, api_key="key", client=client, max_retries=0), stream=stream)[0]


def short(reply: ModelReply) -> Said:
    return reply.reading, reply.message.text, [call.arguments for call in reply.message.calls]


def chat(message: dict[str, Any], reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}], **more}


def more(arguments: object) -> dict[str, Any]:
    return {"function": {"arguments": arguments}}


def called(arguments: object) -> dict[str, Any]:
    return {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "add", "arguments": arguments}}]}


def anthropic(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": list(blocks), "stop_reason": "end_turn", **more}


def gemini(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": "STOP", "index": 0}], **more}


def responses(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"status": "completed", "output": list(items), **more}


FIVE = {"index": 1, "message": {"content": "five"}, "content": {"parts": [{"text": "five"}]}}
ITEM = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "four"}]}
FOUR: Said = ("answer", "four", [])
NO_ARGUMENTS: Said = ("act", "", [None])  # unreadable
NONE: Said = ("act", "", [{}])
WHOLE: dict[str, tuple[Any, dict[str, Any], Said]] = {
    "chat, another choice first": (OpenAIChatBackend, {"choices": [FIVE, *chat({"content": "four"})["choices"]]}, FOUR),
    "chat, arguments that are false": (OpenAIChatBackend, chat(called(False)), NO_ARGUMENTS),
    "chat, arguments that are 0": (OpenAIChatBackend, chat(called(0)), NO_ARGUMENTS),
    "chat, arguments that are an empty list": (OpenAIChatBackend, chat(called([])), NONE),
    "chat, arguments that are null": (OpenAIChatBackend, chat(called(None)), NONE),
    "chat, out of time": (OpenAIChatBackend, chat({"content": "fo"}, "time_limit"), ("malformed", "fo", [])),
    "chat, a guardrail": (OpenAIChatBackend, chat({"content": "fo"}, "guardrail_intervened"), ("malformed", "fo", [])),
    "anthropic, no error": (AnthropicBackend, anthropic({"type": "text", "text": "four"}, error=None), FOUR),
    "anthropic, input that is false": (
        AnthropicBackend, anthropic({"type": "tool_use", "id": "1", "name": "add", "input": False}), NO_ARGUMENTS,
    ),
    "gemini, no error": (GeminiBackend, gemini({"text": "four"}, error=None), FOUR),
    "gemini, another candidate first": (GeminiBackend, {"candidates": [FIVE, *gemini({"text": "four"})["candidates"]]}, FOUR),
    "gemini, arguments that are false": (GeminiBackend, gemini({"functionCall": {"name": "add", "args": False}}), NO_ARGUMENTS),
    "ollama, arguments that are false": (
        OllamaBackend, {"message": {"content": "", "tool_calls": [{"function": {"name": "add", "arguments": False}}]}, "done": True}, NO_ARGUMENTS,
    ),
    "responses, arguments that are false": (
        OpenAIResponsesBackend, responses({"type": "function_call", "call_id": "1", "name": "add", "arguments": False}), NO_ARGUMENTS,
    ),
    "responses, content that is text": (OpenAIResponsesBackend, responses({"type": "message", "content": "four"}), FOUR),
    "responses, an item that was cut": (OpenAIResponsesBackend, responses({**ITEM, "status": "incomplete"}), ("malformed", "four", [])),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "expected"), WHOLE.values(), ids=WHOLE)
def test_whole(kind: Any, body: dict[str, Any], expected: Said) -> None:
    assert short(said(kind, json.dumps(body).encode(), "application/json", stream=False)) == expected


def delta(*, reason: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"index": index, "delta": fields, "finish_reason": reason}


def last(reason: str, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "message": fields, "finish_reason": reason}]}


def candidate(text: str, index: int = 0, reason: str | None = None) -> dict[str, Any]:
    return {"index": index, "content": {"parts": [{"text": text}]}, "finishReason": reason}


THOUGHT = {"reasoning_content": "hm"}
START = {"type": "message_start", "message": {"content": [{"type": "text", "text": "four"}], "stop_reason": "end_turn"}}
STREAMS: dict[str, tuple[Any, list[dict[str, Any]], Said]] = {
    "chat, two choices in a chunk": (
        OpenAIChatBackend, [{"choices": [delta(index=1, content="five"), delta(content="four", reason="stop")]}], FOUR,
    ),
    "chat, an answer in the message at the end alone": (
        OpenAIChatBackend, [{"choices": [delta(**THOUGHT)]}, last("stop", **THOUGHT, content="four")], FOUR,
    ),
    "chat, a call in the message at the end alone": (
        OpenAIChatBackend, [{"choices": [delta(content="so")]}, last("tool_calls", **{**called('{"a":1}'), "content": "so"})], ("act", "so", [{"a": 1}]),
    ),
    "chat, more in the message at the end": (OpenAIChatBackend, [{"choices": [delta(content="fo")]}, last("stop", content="four")], FOUR),
    "chat, all of it once more": (OpenAIChatBackend, [{"choices": [delta(content="four")]}, last("stop", content="four")], FOUR),
    "chat, a call once more": (
        OpenAIChatBackend,
        [{"choices": [delta(tool_calls=[{**called('{"a":1}')["tool_calls"][0], "index": 0}])]}, last("tool_calls", **called('{"a":1}'))],
        ("act", "", [{"a": 1}]),
    ),
    "chat, arguments that are false": (
        OpenAIChatBackend, [{"choices": [delta(reason="tool_calls", tool_calls=called(False)["tool_calls"])]}], NO_ARGUMENTS,
    ),
    "chat, a call that begins and ends with an empty object": (
        OpenAIChatBackend,
        [
            *({"choices": [delta(tool_calls=[{**piece, "index": 0}])]} for piece in (*called({})["tool_calls"], *map(more, ['{"a":', "1}", {}]))),
            {"choices": [delta(reason="tool_calls")]},
        ],
        ("act", "", [{"a": 1}]),
    ),
    "chat, a call with nothing but an empty object": (
        OpenAIChatBackend, [{"choices": [delta(reason="tool_calls", tool_calls=called({})["tool_calls"])]}], ("act", "", [{}]),
    ),
    "gemini, two candidates": (
        GeminiBackend,
        [{"candidates": [candidate("fo")]}, {"candidates": [candidate("xx", 1, "MAX_TOKENS")]}, {"candidates": [candidate("ur", reason="STOP")]}],
        FOUR,
    ),
    "gemini, no error": (GeminiBackend, [{"error": None, "candidates": [candidate("four", reason="STOP")]}], FOUR),
    "gemini, blocked on its way": (
        GeminiBackend, [{"candidates": [candidate("fo")]}, {"promptFeedback": {"blockReason": "SAFETY"}}], ("malformed", "fo", []),
    ),
    "anthropic, all of it at the start": (AnthropicBackend, [START, {"type": "message_stop"}], FOUR),
    "anthropic, blocks without an index": (
        AnthropicBackend,
        [
            {"type": "message_start", "message": {"content": []}},
            {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "so"}},
            {"type": "content_block_start", "content_block": {"type": "tool_use", "id": "1", "name": "add", "input": {}}},
            {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
            {"type": "message_stop"},
        ],
        ("act", "so", [{"a": 1}]),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "events", "expected"), STREAMS.values(), ids=STREAMS)
def test_streamed(kind: Any, events: list[dict[str, Any]], expected: Said) -> None:
    assert short(said(kind, sse(*events), "text/event-stream", stream=True)) == expected


NOTE = {"type": "url_citation", "url": "https://example.org"}
SOURCES = {"citations": ["https://example.org"]}
GROUNDS = {"groundingMetadata": {"webSearchQueries": ["four"]}}
NOTED: dict[str, tuple[Any, bool, Any, dict[str, Any]]] = {
    "chat": (OpenAIChatBackend, False, chat({"content": "four", "annotations": [NOTE]}, **SOURCES), {"annotations": [NOTE], **SOURCES}),
    "chat, streamed": (
        OpenAIChatBackend,
        True,
        [{"choices": [delta(content="four", annotations=[NOTE])], **SOURCES}, {"choices": [delta(annotations=[NOTE], reason="stop")], **SOURCES}],
        {"annotations": [NOTE, NOTE], **SOURCES},
    ),
    "gemini": (GeminiBackend, False, {"candidates": [{**candidate("four", reason="STOP"), **GROUNDS}]}, GROUNDS),
    "gemini, streamed": (
        GeminiBackend, True, [{"candidates": [candidate("four")]}, {"candidates": [{**candidate("", reason="STOP"), **GROUNDS}]}], GROUNDS,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "stream", "told", "notes"), NOTED.values(), ids=NOTED)
def test_where_an_answer_comes_from_is_kept(kind: Any, stream: bool, told: Any, notes: dict[str, Any]) -> None:
    body, content_type = (sse(*told), "text/event-stream") if stream else (json.dumps(told).encode(), "application/json")
    reply = said(kind, body, content_type, stream=stream)
    assert short(reply) == FOUR
    assert {key: value for key, value in (reply.message.provider_data or {}).items() if key != "api"} == notes


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_spoken_is_text(stream: bool) -> None:
    whole = json.dumps(chat({"content": None, "audio": {"id": "a", "data": "AA==", "transcript": "four"}})).encode()
    pieces = sse(*({"choices": [delta(audio={"transcript": words})]} for words in ("fo", "ur")), {"choices": [delta(reason="stop")]})
    reply = said(OpenAIChatBackend, pieces if stream else whole, "text/event-stream" if stream else "application/json", stream=stream)
    assert short(reply) == FOUR


LISTS: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "gemini": (GeminiBackend, [{"candidates": [candidate("fo")]}, {"candidates": [candidate("ur", reason="STOP")]}]),
    "chat": (OpenAIChatBackend, CHUNKS),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
@pytest.mark.parametrize(("kind", "events"), LISTS.values(), ids=LISTS)
def test_a_stream_that_comes_as_one_list(kind: Any, events: list[dict[str, Any]], content_type: str, stream: bool) -> None:
    """Gemini's does where a proxy drops the query that asks for events."""
    assert short(said(kind, json.dumps(events).encode(), content_type, stream=stream)) == FOUR


WIRES = {
    OpenAIChatBackend: OpenAIChat("m"),
    AnthropicBackend: Anthropic("m"),
    GeminiBackend: Gemini("m"),
    OllamaBackend: Ollama("m"),
    OpenAIResponsesBackend: OpenAIResponses("m"),
}
BODIES: dict[str, tuple[Any, bytes]] = {
    **{name: (kind, json.dumps(told).encode()) for name, (kind, told, _) in WHOLE.items()},
    **{name: (kind, sse(*told)) for name, (kind, told, _) in STREAMS.items()},
    **{f"a list of {name}": (kind, json.dumps(told).encode()) for name, (kind, told) in LISTS.items()},
}


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n"])
@pytest.mark.parametrize(("kind", "told"), BODIES.values(), ids=BODIES)
def test_where_an_answer_is_cut_makes_no_difference(kind: Any, told: bytes, before: bytes) -> None:
    def read(size: int) -> RawReply:
        stream = Stream(WIRES[kind], lambda _: None)
        body = before + told
        for at in range(0, len(body), size):
            stream.feed(body[at : at + size])
        return stream.finish()

    assert read(1) == read(7) == read(len(before + told))


ERRORS: dict[str, tuple[Any, bytes, type[BackendError], str]] = {
    "an error beside a reply": (OpenAIChatBackend, json.dumps(chat({"content": "fo"}, error={"message": "boom"})).encode(), BackendUnavailable, "boom"),
    "the server gave up": (OpenAIChatBackend, json.dumps(chat({"content": "fo"}, "cancelled")).encode(), BackendUnavailable, "gave up"),
    "an error in a list": (GeminiBackend, b'[{"error": {"code": 429, "message": "boom"}}]', BackendUnavailable, "boom"),
    "a list that was cut": (GeminiBackend, json.dumps([{"candidates": [candidate("fo")]}]).encode(), BackendProtocolError, "cut"),
    "not made yet": (OpenAIResponsesBackend, b'{"status": "queued", "output": []}', BackendProtocolError, "leave out background"),
}  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("kind", "body", "error", "words"), ERRORS.values(), ids=ERRORS)
def test_errors(kind: Any, body: bytes, error: type[BackendError], words: str, stream: bool) -> None:
    with pytest.raises(error, match=words):
        said(kind, body, "application/json", stream=stream)


@pytest.mark.parametrize("kind", [OpenAIChatBackend, AnthropicBackend, GeminiBackend, OpenAIResponsesBackend])
def test_words_in_the_place_of_events_are_passed_on(kind: Any) -> None:
    with pytest.raises(BackendProtocolError, match="Service busy"):
        said(kind, b"Service busy, try later", "text/event-stream", stream=True)


def test_a_web_page_that_is_called_a_stream_is_one_all_the_same() -> None:
    with pytest.raises(BackendProtocolError, match="web page") as caught:
        said(OpenAIChatBackend, b"\n<!DOCTYPE html><title>Log in</title>", "text/event-stream", stream=True)
    assert not caught.value.retryable


@pytest.mark.parametrize("body", [b"", b": PROCESSING\n\n", b"event: ping\n\n"])
def test_a_stream_that_only_began_was_cut(body: bytes) -> None:
    with pytest.raises(BackendProtocolError, match="cut"):
        said(OpenAIChatBackend, body, "text/event-stream", stream=True)


def test_a_reply_that_is_still_being_made_is_not_asked_for_again() -> None:
    with pytest.raises(BackendProtocolError) as caught:
        said(OpenAIResponsesBackend, b'{"status": "queued", "output": []}', "application/json", stream=False)
    assert not caught.value.retryable


def test_counts_that_are_text() -> None:
    usage = {"prompt_tokens": "9", "completion_tokens": "2", "total_tokens": "eleven"}
    told = said(OpenAIChatBackend, json.dumps(chat({"content": "four"}, usage=usage)).encode(), "application/json", stream=False).usage
    assert told is not None
    assert (told.input_tokens, told.output_tokens) == (9, 2)
