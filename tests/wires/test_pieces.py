"""A streamed reply is held once, in however many pieces it came."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from react_agent.backends.came import MOST_BYTES, Stream
from react_agent.backends.wires.anthropic import Anthropic
from react_agent.backends.wires.base import Pieces, Wire
from react_agent.backends.wires.gemini import Gemini
from react_agent.backends.wires.ollama import Ollama
from react_agent.backends.wires.openai_chat import OpenAIChat
from react_agent.backends.wires.openai_responses import OpenAIResponses
from react_agent.errors import BackendProtocolError
from react_agent.messages import Text


@given(st.lists(st.text()), st.sampled_from([1, 2, 3_000]))
def test_all_pieces_in_their_order(texts: list[str], times: int) -> None:
    pieces = Pieces()
    for text in texts * times:
        pieces.add(text)
    whole = "".join(texts) * times
    assert pieces.whole() == whole
    assert pieces.whole() == whole
    pieces.add("more")
    assert pieces.whole() == whole + "more"


def sse(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


STREAMS: dict[str, tuple[Wire, bytes, Callable[[str], bytes], bytes]] = {
    "chat": (
        OpenAIChat("m"),
        b"",
        lambda text: sse({"choices": [{"index": 0, "delta": {"content": text}}]}),
        b"data: [DONE]\n\n",
    ),
    "anthropic": (
        Anthropic("m"),
        sse({"type": "message_start", "message": {"role": "assistant"}}),
        lambda text: sse({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        sse({"type": "message_stop"}),
    ),
    "responses": (
        OpenAIResponses("m"),
        b"",
        lambda text: sse({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "m", "delta": text}),
        sse({"type": "response.completed", "response": {"status": "completed"}}),
    ),
    "gemini": (
        Gemini("m"),
        b"",
        lambda text: sse({"candidates": [{"content": {"parts": [{"text": text}]}}]}),
        sse({"candidates": [{"finishReason": "STOP"}]}),
    ),
    "ollama": (
        Ollama("m"),
        b"",
        lambda text: json.dumps({"message": {"content": text}}).encode() + b"\n",
        b'{"message":{},"done":true}\n',
    ),
}


@pytest.mark.parametrize("length", [16, 1024])
@pytest.mark.parametrize(("wire", "first", "make", "last"), STREAMS.values(), ids=STREAMS)
def test_a_streamed_reply_is_held_once(wire: Wire, first: bytes, make: Callable[[str], bytes], last: bytes, length: int) -> None:
    size = 4_000_000 if length > 16 else 400_000
    stream, piece = Stream(wire, lambda _: None), make("x" * length)
    for _ in range(3):
        Stream(wire, lambda _: None).feed(first + piece + last)
    tracemalloc.start()
    try:
        stream.feed(first)
        for _ in range(size // length):
            stream.feed(piece)
        assert stream.feed(last) or wire.api == "gemini"  # which has no end mark
        [part] = stream.finish().parts
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(part, Text)
    assert len(part.text) == size // length * length
    assert peak < size * 1.25 + 500_000


def test_what_is_said_is_bounded() -> None:
    wire, _, make, _ = STREAMS["chat"]
    stream, piece = Stream(wire, lambda _: None), make("x" * 1_000_000)
    for _ in range(MOST_BYTES // 1_000_000):
        stream.feed(piece)
    with pytest.raises(BackendProtocolError, match="larger than") as caught:
        stream.feed(piece)
    assert not caught.value.retryable
