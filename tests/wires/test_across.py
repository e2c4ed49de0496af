"""A trace that one provider began goes on with any other: what is said goes along, what only one API understands goes to that API alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import permutations
from typing import Any

import httpx
import pytest

from react_agent.agent import Agent
from react_agent.backends.base import Backend
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.providers import AnthropicBackend, CompletionsBackend, GeminiBackend, OllamaBackend, OpenAIResponsesBackend
from react_agent.messages import Image, Text
from react_agent.tooling import Tool, tool

from ._say import KEY, URL, Server

PNG = "iVBORw0KGgoAAAANSUhEUg=="
Make = Callable[[httpx.AsyncClient], Backend]


def make(kind: Any, model: str = "m", **more: Any) -> Make:
    return lambda client: kind(model, base_url=URL, api_key=KEY, client=client, **more)


def chat(message: dict[str, Any], reason: str = "stop") -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", **message}, "finish_reason": reason}]}


CALL = {"id": "call_x", "type": "function", "function": {"name": "photo", "arguments": '{"of":"box"}'}}
# A provider -> its backend, a reply that thinks (with something that only this API understands) and calls, and an answer.
PROVIDERS: dict[str, tuple[Make, dict[str, Any], dict[str, Any]]] = {
    "anthropic": (
        make(AnthropicBackend),
        {"role": "assistant", "stop_reason": "tool_use", "content": [
            {"type": "thinking", "thinking": "Look.", "signature": "ONLY-anthropic"},
            {"type": "redacted_thinking", "data": "ONLY-anthropic-2"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "toolu_1", "name": "photo", "input": {"of": "box"}},
        ]},
        {"role": "assistant", "stop_reason": "end_turn", "content": [{"type": "text", "text": "red"}]},
    ),
    "responses": (
        make(OpenAIResponsesBackend, "gpt-5"),
        {"status": "completed", "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Look."}], "encrypted_content": "ONLY-responses"},
            {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "photo", "arguments": '{"of":"box"}'},
        ]},
        {"status": "completed", "output": [{"type": "message", "id": "msg_2", "role": "assistant", "content": [{"type": "output_text", "text": "red"}]}]},
    ),
    "gemini": (
        make(GeminiBackend, "gemini-3-pro"),
        {"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": [
            {"text": "Look.", "thought": True},
            {"text": "I look."},
            {"functionCall": {"name": "photo", "args": {"of": "box"}}, "thoughtSignature": "ONLY-gemini"},
        ]}}]},
        {"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": [{"text": "red"}]}}]},
    ),
    "openrouter": (
        make(OpenAIChatBackend, profile="openrouter"),
        chat({"content": "I look.", "reasoning": "Look.", "tool_calls": [CALL],
              "reasoning_details": [{"type": "reasoning.encrypted", "data": "ONLY-openrouter", "index": 0}]}, "tool_calls"),
        chat({"content": "red"}),
    ),
    "deepseek": (
        make(OpenAIChatBackend, profile="deepseek"),
        chat({"content": "I look.", "reasoning_content": "ONLY-deepseek", "tool_calls": [CALL]}, "tool_calls"),
        chat({"content": "red"}),
    ),
    "mistral": (make(OpenAIChatBackend, profile="mistral"), chat({"content": "I look.", "tool_calls": [CALL]}, "tool_calls"), chat({"content": "red"})),
    "ollama": (
        make(OllamaBackend),
        {"message": {"role": "assistant", "content": "I look.", "thinking": "ONLY-ollama", "tool_calls": [{"function": CALL["function"]}]}, "done": True},
        {"message": {"role": "assistant", "content": "red"}, "done": True},
    ),
    "completions": (
        make(CompletionsBackend, template="chatml"),
        {"choices": [{"text": 'Thought: I look.\nAction: photo\nAction Input: {"of":"box"}\n', "finish_reason": "stop"}]},
        {"choices": [{"text": "Thought: I know.\nFinal Answer: red", "finish_reason": "stop"}]},
    ),
}  # fmt: skip


@tool(read_only=True)
def photo(of: str) -> list[Text | Image]:
    """A photo of a thing."""
    return [Text(f"a photo of the {of}"), Image("image/png", data=PNG)]


def run(*names: str) -> list[str]:
    """The bodies of the requests when each provider in turn takes up the trace with one call, and the last one answers."""

    async def go() -> list[str]:
        trace = None
        bodies: list[str] = []
        for number, name in enumerate(names):
            backend, acts, answers = PROVIDERS[name]
            last = number == len(names) - 1
            server = Server(httpx.Response(200, json=acts), httpx.Response(200, json=answers) if last else httpx.Response(400, json={}))
            async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
                agent = Agent(backend(client), tools=[photo])
                result = await (agent.run("What is in the box?") if trace is None else agent.resume(trace, changes=True))
            assert result.outcome.kind == ("answered" if last else "failed"), result.outcome
            trace = result.trace
            bodies += [request.content.decode() for request in server.asked]
        return bodies

    return asyncio.run(go())


@pytest.mark.parametrize(("one", "other"), [*permutations(PROVIDERS, 2)])
def test_another_provider_goes_on_and_hears_no_secrets_of_the_first(one: str, other: str) -> None:
    bodies = run(one, other, one)
    to_other = bodies[2:4]
    for body in to_other:
        assert "photo" in body
        assert "a photo of the box" in body
        assert "I look." in body
        assert (f"ONLY-{one}" in body) is told_as_a_thought(one, other)
    marked = f"ONLY-{one}" in json.dumps(PROVIDERS[one][1])
    assert (f"ONLY-{one}" in bodies[4]) is marked, "back at the first, its own words go along again"
    assert (f"ONLY-{other}" in bodies[4]) is told_as_a_thought(other, one)


def told_as_a_thought(one: str, other: str) -> bool:
    """Reasoning in plain words is a thought for whoever writes thoughts as text."""
    return one in ("deepseek", "ollama") and other == "completions"


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != "completions"])
def test_a_picture_from_a_tool_is_seen(name: str) -> None:
    first, second = run(name)
    assert PNG not in first
    assert second.count(PNG) == 1


@pytest.mark.parametrize("name", PROVIDERS)
def test_what_a_provider_cannot_be_told_is_still_enforced(name: str) -> None:
    """A pattern is beyond every strict mode: the schema goes along as it is, unmarked, and a call that breaks it is not run."""
    ran: list[str] = []
    schema: Any = {
        "type": "object",
        "properties": {"of": {"type": "string", "pattern": "^bag$"}},
        "required": ["of"],
        "additionalProperties": False,
    }
    strict = Tool.from_schema(name="photo", description="", parameters=schema, function=lambda of: ran.append(of) or "no", read_only=True)

    async def go() -> list[str]:
        backend, acts, answers = PROVIDERS[name]
        server = Server(httpx.Response(200, json=acts), httpx.Response(200, json=answers))
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            result = await Agent(backend(client), tools=[strict]).run("q")
        assert result.outcome.kind == "answered"
        return [request.content.decode() for request in server.asked]

    first, second = asyncio.run(go())
    assert ran == []
    assert "^bag$" in first or name == "completions"  # its prompt names the arguments and their types
    assert '"strict":true' not in first
    assert "do not fit the tool's schema" in second
