"""A reply is read whether it came whole or as a stream, however it was asked for, and whatever gateways put around it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.providers import AnthropicBackend, GeminiBackend, OllamaBackend, OpenAIResponsesBackend
from react_agent.errors import BackendProtocolError, BackendUnavailable

from ._say import CHUNKS, URL, Server, play, sse


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
