"""The official SDKs as judges: what our fake servers say must be what they would read, and what they ask must be heard to say what we ask."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from react_agent.agent import Agent
from react_agent.backends.leaf import LeafBackend, OpenAIChatBackend
from react_agent.backends.providers import AnthropicBackend, GeminiBackend, OllamaBackend, OpenAIResponsesBackend
from react_agent.errors import BackendError
from react_agent.events import Replied
from react_agent.messages import Delta, Image, MessageView, ModelRequest, user
from react_agent.tooling import tool

from ._fake import ANSWER, CALLS, IMAGE, INPUT, OUTPUT, PNG, SAID, SIGNATURE, THOUGHT, Fake, Heard, serving
from ._sdks import DESCRIPTION, KEY, QUESTION, RESULTS, SDKS, SYSTEM, Said

OURS: dict[str, Callable[[str], LeafBackend]] = {
    "openai": lambda url: OpenAIChatBackend("m-1", base_url=f"{url}/v1", api_key=KEY),
    "openai-responses": lambda url: OpenAIResponsesBackend("m-1", base_url=f"{url}/v1", api_key=KEY),
    "anthropic": lambda url: AnthropicBackend("m-1", base_url=url, api_key=KEY),
    "gemini": lambda url: GeminiBackend("m-1", base_url=f"{url}/v1beta", api_key=KEY),
    "mistral": lambda url: OpenAIChatBackend("m-1", base_url=f"{url}/mistral/v1", api_key=KEY, profile="mistral"),
    "ollama": lambda url: OllamaBackend("m-1", base_url=url),
}
SIGNS = {"openai-responses", "anthropic", "gemini"}


@tool(read_only=True)
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(scope="module")
def server() -> Iterator[Fake]:
    with serving() as fake:
        yield fake


@pytest.fixture
def fake(server: Fake, monkeypatch: pytest.MonkeyPatch) -> Fake:
    for name in (
        "OPENAI_BASE_URL",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "OLLAMA_HOST",
        "OLLAMA_API_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    server.bodies.clear()
    server.heard.clear()
    server.broken.clear()
    server.fails = None
    return server


def of_sdk(name: str, url: str, stream: bool) -> list[Said]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, about themselves
        return SDKS[name](url, stream)


def of_ours(name: str, url: str, stream: bool) -> list[Said]:
    async def run() -> list[Said]:
        backend = OURS[name](url)
        agent = Agent(backend, tools=[add], instructions=SYSTEM)
        if stream:
            async with agent.stream(user(QUESTION, Image("image/png", PNG))) as running:
                heard = [item async for item in running if isinstance(item, Delta)]
            result = running.result
        else:
            result = await agent.run(user(QUESTION, Image("image/png", PNG)))
        await backend.aclose()
        assert result.outcome.kind == "answered", result.outcome
        if stream:
            assert "".join(delta.text for delta in heard if delta.kind == "text") == SAID + ANSWER
        return [_said(event) for event in result.trace if isinstance(event, Replied)]

    return asyncio.run(run())


def _said(event: Replied) -> Said:
    message, usage = event.reply.message, event.reply.usage
    assert usage is not None
    calls: Any = [(call.name, call.arguments) for call in message.calls]
    return Said(message.text, message.thought, calls, (usage.input_tokens, usage.output_tokens))


def expected(name: str, stream: bool) -> list[Heard]:
    tools = [("add", DESCRIPTION, ["a", "b"])]
    asked = [("user", [QUESTION, IMAGE])]
    acted = [("assistant", (SAID, CALLS)), *(("result", ("add", text)) for text in RESULTS)]
    return [
        Heard(SYSTEM, asked, tools, [], stream),
        Heard(SYSTEM, [*asked, *acted], tools, [SIGNATURE] if name in SIGNS else [], stream),
    ]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", SDKS)
def test_sdk_and_backend_say_and_read_the_same(name: str, stream: bool, fake: Fake) -> None:
    theirs = of_sdk(name, fake.url, stream)
    heard_of_them = fake.heard[:]
    fake.heard.clear()
    ours = of_ours(name, fake.url, stream)
    assert fake.broken == []
    assert heard_of_them == fake.heard == expected(name, stream)
    assert theirs == ours
    thought = "" if name == "openai" else THOUGHT
    assert ours == [Said(SAID, thought, CALLS, (INPUT, OUTPUT)), Said(ANSWER, "", [], (INPUT, OUTPUT))]


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500])
@pytest.mark.parametrize("name", SDKS)
def test_sdk_and_backend_read_the_same_error(name: str, status: int, fake: Fake) -> None:
    words = f"the words of {status}"
    fake.fails = (status, words)
    with pytest.raises(Exception, match="words") as theirs:
        of_sdk(name, fake.url, False)
    code = getattr(theirs.value, "status_code", None) or getattr(theirs.value, "code", None)
    backend = OURS[name](fake.url)
    backend._retries = type(backend._retries)(0)

    async def ask() -> None:
        try:
            await backend.reply(_request())
        finally:
            await backend.aclose()

    with pytest.raises(BackendError, match="words") as ours:
        asyncio.run(ask())
    assert (ours.value.status, words in str(ours.value), words in str(theirs.value)) == (code, True, True)


def _request() -> ModelRequest:
    return ModelRequest(MessageView().extend(user("q")))
