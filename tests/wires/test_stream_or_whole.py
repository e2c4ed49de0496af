"""A reply is read whether it came whole or as a stream, however it was asked for, and whatever gateways put around it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.providers import AnthropicBackend, GeminiBackend, OllamaBackend, OpenAIResponsesBackend
from react_agent.errors import BackendProtocolError, BackendUnavailable, ContextOverflow
from react_agent.messages import Delta

from ._say import ANSWER, CHUNKS, URL, Server, ask, play, sse


def events(*found: dict[str, Any]) -> bytes:
    return "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in found).encode()


ITEM = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "four"}]}
ERROR = {"error": {"message": "boom", "code": 500}}
# The backend, and a stream with the answer "four".
STREAMS: dict[str, tuple[Any, bytes]] = {
    "chat": (OpenAIChatBackend, sse(*CHUNKS)),
    "anthropic": (
        AnthropicBackend,
        events(
            {"type": "message_start", "message": {"content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "four"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            {"type": "message_stop"},
        ),
    ),
    "gemini": (
        GeminiBackend,
        sse(
            {"candidates": [{"content": {"parts": [{"text": "fo"}]}}]},
            {"candidates": [{"content": {"parts": [{"text": "ur"}]}, "finishReason": "STOP"}]},
            done=False,
        ),
    ),
    "responses": (
        OpenAIResponsesBackend,
        events(
            {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
            {"type": "response.completed", "response": {"status": "completed", "output": []}},
        ),
    ),
}
KINDS = ("text/event-stream", "application/json", "text/plain")
AROUND = {
    "nothing": (b"", b""),
    "a comment first": (b": PROCESSING\n\n", b""),
    "a byte order mark": (b"\xef\xbb\xbf", b""),
    "when to try again": (b"retry: 3000\n\n", b""),
    "events without data": (b"data:\n\nevent: ping\ndata: \n\n", b"data:\n\n"),
    "another API's end mark": (b"", b"data: [DONE] \n\n"),
}


def said(kind: Any, body: bytes, content_type: str, stream: bool) -> str:
    server = Server(httpx.Response(200, content=body, headers={"content-type": content_type}))
    return play(server, lambda client: kind("m", base_url=URL, api_key="key", client=client, max_retries=0), stream=stream)[0].message.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("content_type", KINDS)
@pytest.mark.parametrize(("before", "behind"), AROUND.values(), ids=AROUND)
@pytest.mark.parametrize(("kind", "body"), STREAMS.values(), ids=STREAMS)
def test_a_stream_is_read(kind: Any, body: bytes, before: bytes, behind: bytes, content_type: str, stream: bool) -> None:
    assert said(kind, before + body + behind, content_type, stream) == "four"


@pytest.mark.parametrize("stream", [False, True])
def test_what_comes_behind_the_end_mark_is_no_part_of_the_reply(stream: bool) -> None:
    assert said(OpenAIChatBackend, sse(*CHUNKS) + b"data: no JSON\n\n", "text/event-stream", stream) == "four"


def test_words_beside_a_reply_that_is_whole_do_no_harm() -> None:
    assert said(OpenAIChatBackend, sse(CHUNKS[0], {"message": "you are in a queue"}, *CHUNKS[1:]), "text/event-stream", True) == "four"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("content_type", ["application/x-ndjson", "application/json"])
def test_lines_are_read(content_type: str, stream: bool) -> None:
    lines = ({"message": {"content": "fo"}, "done": False}, {"message": {"content": "ur"}, "done": True})
    assert said(OllamaBackend, "".join(f"{json.dumps(line)}\n" for line in lines).encode(), content_type, stream) == "four"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [(sse(*CHUNKS[:3], done=False), BackendProtocolError, "cut"), (sse(CHUNKS[1], ERROR), BackendUnavailable, "boom")],
    ids=["cut", "an error within"],
)
def test_a_stream_that_nobody_asked_for_is_held_to_the_same(body: bytes, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        said(OpenAIChatBackend, body, "text/event-stream", False)


# llama-cpp-python begins each stream before it looks at the request, and ends it without a word where that fails. Not streamed, it says why.
SILENT = [b"", b": ping\n\n", b"data:\n\n"]
EVENTS = {"content-type": "text/event-stream"}


@pytest.mark.parametrize("body", SILENT)
def test_a_stream_of_which_nothing_came_is_asked_for_whole(body: bytes) -> None:
    server = Server(httpx.Response(200, content=body, headers=EVENTS), httpx.Response(200, json=ANSWER))
    reply, heard = ask(server, stream=True)
    assert (reply.message.text, heard) == ("four", [Delta("text", "four")])
    assert "nothing of it had come" in str(reply.route[0].error) + str(reply.route[0].reason)
    assert [body.get("stream", False) for body in server.bodies] == [True, False]
    assert "stream_options" not in server.bodies[1]


def test_what_is_wrong_with_a_request_is_told_although_its_stream_does_not_say_it() -> None:
    words = "This model's maximum context length is 2048 tokens. However, you requested 5034 tokens (5031 in the messages, 3 in the completion)."
    told = {"error": {"message": words, "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}}

    def server(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(200, content=b"", headers=EVENTS)
            if json.loads(request.content).get("stream")
            else httpx.Response(400, json=told)
        )

    with pytest.raises(ContextOverflow, match="5031 in the messages"):
        ask(server, stream=True)


def test_a_stream_of_which_something_came_is_streamed_again() -> None:
    cut = httpx.Response(200, content=sse(*CHUNKS[:2], done=False), headers=EVENTS)
    server = Server(cut, httpx.Response(200, content=sse(*CHUNKS), headers=EVENTS))
    reply, heard = ask(server, stream=True)
    assert (reply.message.text, [delta.kind for delta in heard]) == ("four", ["text", "restart", "text", "text"])
    assert [body["stream"] for body in server.bodies] == [True, True]
