"""A turn that the provider pauses, for tools of its own, goes on until it is over: one reply, whole or streamed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from react_agent.backends.leaf import MOST_PAUSES
from react_agent.backends.providers import AnthropicBackend
from react_agent.errors import BackendError
from react_agent.messages import Delta, Head, Settings, Usage

from ._say import ADD, Clock, Server, asked, play

SEARCH = {"type": "web_search_20260318", "name": "web_search"}
FIRST: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Look it up.", "signature": "sig"},
    {"type": "text", "text": "Searching. "},
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
]
SECOND: list[dict[str, Any]] = [
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    {"type": "text", "text": "It is 4."},
]
REQUEST = asked(head=Head((ADD,), Settings(extra={"tools": [SEARCH]})))


def message(blocks: list[dict[str, Any]], reason: str, **more: Any) -> dict[str, Any]:
    usage = {"input_tokens": 5, "output_tokens": 2}
    return {"type": "message", "model": "claude-x", "content": blocks, "stop_reason": reason, "usage": usage, **more}


def events(found: dict[str, Any]) -> bytes:
    said: list[dict[str, Any]] = [{"type": "message_start", "message": {**found, "content": [], "stop_reason": None}}]
    for at, block in enumerate(found["content"]):
        said += [{"type": "content_block_start", "index": at, "content_block": block}, {"type": "content_block_stop", "index": at}]
    said += [{"type": "message_delta", "delta": {"stop_reason": found["stop_reason"]}, "usage": {}}, {"type": "message_stop"}]
    return "".join(f"data: {json.dumps(event)}\n\n" for event in said).encode()


def answer(found: dict[str, Any], stream: bool) -> httpx.Response:
    if stream:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=events(found))
    return httpx.Response(200, json=found)


def backend(client: Any) -> AnthropicBackend:
    return AnthropicBackend("claude-x", api_key="key", client=client, max_retries=Clock().retries())


PAUSED = message(FIRST, "pause_turn", container={"id": "container_1", "expires_at": "2026-12-01T00:00:00Z"})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_paused_turn_is_sent_back_and_ends_as_one_reply(stream: bool) -> None:
    server = Server(answer(PAUSED, stream), httpx.Response(529, json={}), answer(message(SECOND, "end_turn"), stream))
    reply, heard = play(server, backend, REQUEST, stream=stream)
    first, _, second = server.bodies
    assert first["tools"] == [{"name": "add", "description": "Add", "input_schema": ADD.parameters}, SEARCH]
    assert second == {**first, "messages": [*first["messages"], {"role": "assistant", "content": FIRST}], "container": "container_1"}
    assert (reply.reading, reply.message.text, reply.message.thought) == ("answer", "Searching. It is 4.", "Look it up.")
    assert (reply.usage, reply.finish) == (Usage(10, 4), "stop")
    assert [attempt.reason for attempt in reply.route] == ["the provider paused its turn and was asked to go on", "tried again"]
    wire = backend(None).wire
    assert json.loads(wire.encode(reply.message, None, 1)) == {"role": "assistant", "content": FIRST + SECOND}
    if stream:
        since = max((at for at, delta in enumerate(heard) if delta.kind == "restart"), default=-1)
        assert "".join(delta.text for delta in heard[since + 1 :] if delta.kind == "text") == reply.message.text
        assert "".join(delta.text for delta in heard[since + 1 :] if delta.kind == "thinking") == reply.message.thought


def test_nothing_that_was_heard_is_void_where_a_turn_simply_goes_on() -> None:
    server = Server(answer(PAUSED, True), answer(message(SECOND, "end_turn"), True))
    _, heard = play(server, backend, REQUEST, stream=True)
    assert heard == [Delta("thinking", "Look it up."), Delta("text", "Searching."), Delta("text", " It is 4.")]


def test_calls_of_ours_are_answered_before_the_turn_goes_on() -> None:
    """The API runs its own tool when it has our results."""
    use = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}}
    server = Server(answer(message([*FIRST, use], "pause_turn"), False))
    reply, _ = play(server, backend, REQUEST)
    assert (reply.reading, reply.finish, len(server.asked)) == ("act", "tool_calls", 1)


def test_a_turn_that_never_ends_is_given_up() -> None:
    server = Server(answer(PAUSED, False))
    with pytest.raises(BackendError, match=rf"paused its turn {MOST_PAUSES + 1} times and did not end it") as caught:
        play(server, backend, REQUEST)
    assert (len(server.asked), caught.value.retryable) == (MOST_PAUSES + 1, False)
