"""What the tests of the wires share: a conversation, a fake clock, and a backend whose client is a table of answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx

from react_agent.backends.base import Backend
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.retry import Retries
from react_agent.messages import (
    Delta,
    Head,
    Message,
    MessageView,
    ModelReply,
    ModelRequest,
    Text,
    ToolCall,
    ToolResult,
    ToolSpec,
    assistant,
    system,
    user,
)

URL = "https://llm.test/v1"
KEY = "sk-very-secret-key-123456"
ADD = ToolSpec("add", "Add", {"type": "object", "properties": {"a": {"type": "integer"}}})
HEAD = Head((ADD,))
ANSWER = {"choices": [{"message": {"role": "assistant", "content": "four"}, "finish_reason": "stop"}], "model": "m-1"}
CHUNKS = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}], "model": "m-1"},
    {"choices": [{"index": 0, "delta": {"content": "fo"}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {"content": "ur"}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}},
]


def results(*texts: str, name: str = "add") -> Message:
    return Message("tool", tuple(ToolResult(name, (Text(text),)) for text in texts))


def asked(*messages: Message, head: Head = HEAD, tool_choice: str = "auto") -> ModelRequest:
    return ModelRequest(MessageView().extend(*(messages or (system("s"), user("q")))), head, tool_choice)


TURN = (system("s"), user("q"), assistant("hm", ToolCall("add", {"a": 1})), results("3"))


def sse(*chunks: object, done: bool = True) -> bytes:
    said = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*said, "data: [DONE]\n\n"] if done else said).encode()


class Clock:
    """Time that passes only when someone sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds

    def retries(self, most: int = 2) -> Retries:
        return Retries(most, sleep=self.sleep, clock=lambda: self.now, chance=lambda: 0.0)


Answering = Callable[[httpx.Request], httpx.Response]


class Server:
    """Plays answers one after the other, the last one for ever, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = answers
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET" or request.url.path == "/api/show":  # what it serves is told by none of these
            return httpx.Response(404)
        self.asked.append(request)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.asked]


def play(
    server: Answering,
    make: Callable[[Any], Backend],
    request: ModelRequest | None = None,
    *,
    stream: bool = False,
    timeout: float | None = None,
) -> tuple[ModelReply, list[Delta]]:
    """One reply through the public door, over a client that reaches no network."""

    async def run() -> tuple[ModelReply, list[Delta]]:
        heard: list[Delta] = []
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            backend = make(client)
            reply = await backend.reply(request or asked(), listen=heard.append if stream else None, timeout=timeout)
            await backend.aclose()
        return reply, heard

    return asyncio.run(run())


def ask(
    server: Answering,
    request: ModelRequest | None = None,
    *,
    clock: Clock | None = None,
    stream: bool = False,
    timeout: float | None = None,
    **more: Any,
) -> tuple[ModelReply, list[Delta]]:
    """The same of an OpenAI-compatible server."""
    settings = {"base_url": URL, "api_key": KEY, "max_retries": (clock or Clock()).retries(), **more}
    return play(server, lambda client: OpenAIChatBackend("m", client=client, **settings), request, stream=stream, timeout=timeout)
