"""Four wires on a real server: llama.cpp and vLLM speak Chat Completions, Responses, Anthropic's Messages and plain completions.

Set ``REACT_AGENT_TEST_SERVER`` to its base URL, such as ``http://127.0.0.1:8098/v1``, and run with ``-m model``. vLLM has to serve under the name
``model``, with a parser for calls. Nothing is asserted about how clever the model is.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import httpx
import pytest

from react_agent.agent import Agent
from react_agent.backends.base import Backend
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.providers import AnthropicBackend, CompletionsBackend, OpenAIResponsesBackend
from react_agent.backends.wires.anthropic import Anthropic
from react_agent.errors import BackendRejected, ContextOverflow
from react_agent.events import Compacted
from react_agent.messages import (
    Delta,
    Head,
    Image,
    MessageView,
    ModelReply,
    ModelRequest,
    Settings,
    Text,
    ToolCall,
    assistant,
    system,
    user,
)
from react_agent.replaying import replay
from react_agent.spec import Limits
from react_agent.sync import run_sync
from react_agent.tooling import tool

from ._say import ADD, asked, results

pytestmark = pytest.mark.model

WIRES: dict[str, Callable[[str], Backend]] = {
    "chat": lambda url: OpenAIChatBackend("model", base_url=url, profile="llamacpp"),
    "responses": lambda url: OpenAIResponsesBackend("model", base_url=url),
    "messages": lambda url: AnthropicBackend("model", base_url=url, wire=Anthropic("model", "2023-06-01")),  # takes a temperature
    "completions": lambda url: CompletionsBackend("model", base_url=url, template="chatml"),
}
NATIVE = [name for name in WIRES if name != "completions"]
SHORT = Head(settings=Settings(temperature=0, max_tokens=24))


@pytest.fixture(scope="module")
def server() -> str:
    url = os.environ.get("REACT_AGENT_TEST_SERVER", "").rstrip("/")
    if not url:
        pytest.skip("no server: set REACT_AGENT_TEST_SERVER to the base URL of a llama.cpp server")
    return url


def context_of(server: str) -> int:
    props = httpx.get(server.removesuffix("/v1") + "/props")
    if props.status_code == 200:
        return int(props.json()["default_generation_settings"]["n_ctx"])
    return int(httpx.get(f"{server}/models").json()["data"][0]["max_model_len"])


def ask(backend: Backend, request: ModelRequest, stream: bool) -> tuple[ModelReply, list[Delta]]:
    async def go() -> tuple[ModelReply, list[Delta]]:
        heard: list[Delta] = []
        try:
            return await backend.reply(request, listen=heard.append if stream else None, timeout=120), heard
        finally:
            await backend.aclose()

    return run_sync(go)


@pytest.mark.parametrize("wire", WIRES)
def test_streamed_and_whole_are_the_same_reply(server: str, wire: str) -> None:
    request = asked(system("Be brief."), user("What is the capital of France? Then say goodbye."), head=SHORT)
    whole, _ = ask(WIRES[wire](server), request, False)
    streamed, heard = ask(WIRES[wire](server), request, True)
    assert streamed.finish == whole.finish
    assert streamed.message.text == whole.message.text != ""
    assert "".join(delta.text for delta in heard if delta.kind == "text").strip() == streamed.message.text.strip()
    for reply in (whole, streamed):
        assert reply.usage is not None
        assert reply.usage.input_tokens > 10
        assert 0 < reply.usage.output_tokens <= 24


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", NATIVE)
def test_a_conversation_with_calls_and_results_is_taken(server: str, wire: str, stream: bool) -> None:
    turns = (user("2+1?"), assistant("Let me add.", ToolCall("add", {"a": 1}), ToolCall("add", {"a": 2})), results("3", "4"), user("So?"))
    head = Head((ADD,), SHORT.settings)
    reply, _ = ask(WIRES[wire](server), ModelRequest(MessageView().extend(system("s"), *turns), head), stream)
    assert reply.reading in ("act", "answer", "malformed")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_reply_that_the_limit_cut_is_never_an_answer(server: str, wire: str, stream: bool) -> None:
    request = asked(system("s"), user("Tell a long story."), head=Head(settings=Settings(temperature=0, max_tokens=4)))
    reply, _ = ask(WIRES[wire](server), request, stream)
    assert (reply.finish, reply.reading) == ("length", "malformed")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_prompt_longer_than_the_context(server: str, wire: str, stream: bool) -> None:
    with pytest.raises(ContextOverflow, match="longer than the model's context"):
        ask(WIRES[wire](server), asked(system("s"), user("word " * 60_000), head=SHORT), stream)


@pytest.mark.parametrize("wire", NATIVE)
def test_a_picture_for_a_model_that_sees_none_is_refused_at_once(server: str, wire: str) -> None:
    with pytest.raises(Exception, match=r"image|picture|multimodal|mmproj") as caught:
        ask(WIRES[wire](server), asked(system("s"), user("See?", Image("image/png", data="aGk=")), head=SHORT), False)
    assert isinstance(caught.value, BackendRejected), repr(caught.value)


@pytest.mark.parametrize("wire", WIRES)
def test_a_run_goes_on_when_old_observations_no_longer_fit(server: str, wire: str) -> None:
    """What was said before is too long for the context; it is shortened by rule, the trace says so, and the model answers."""

    @tool(read_only=True)
    def read(page: int) -> str:
        """Read a page."""
        return "nothing here"

    agent = Agent(WIRES[wire](server), tools=[read], settings=SHORT.settings, limits=Limits(steps=2, mistakes=1))
    first = agent.run_sync("Say hello.")
    grown = first.trace
    assert first.outcome.kind in ("answered", "malformed", "limit", "looped"), first.outcome
    context = context_of(server)
    result = agent.resume_sync(grown, "Say hello again. " + "word " * (context * 44 // 100))
    assert result.outcome.kind in ("answered", "malformed", "limit", "looped"), result.outcome
    longer = agent.resume_sync(result.trace, "And again. " + "word " * (context * 73 // 100))
    assert longer.outcome.kind in ("answered", "malformed", "limit", "looped"), longer.outcome
    compacted = [event for event in longer.trace if isinstance(event, Compacted)]
    assert compacted, f"the server says that its context holds {context} tokens, and took more"
    assert "longer than the model's context" in compacted[0].reason
    replay(longer.trace)


def test_text_of_a_completion_is_text(server: str) -> None:
    reply, _ = ask(WIRES["completions"](server), asked(system("s"), user("Hello."), head=SHORT), False)
    assert all(type(part) is not Text or part.text for part in reply.message.parts)
