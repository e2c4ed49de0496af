"""Each server of the table in a whole run: a call, its result, and a last request that wants no more calls."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from react_agent.agent import Agent
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.profiles import COMPATIBLE, PROFILES, Profile, profile_of
from react_agent.messages import Settings
from react_agent.spec import Limits
from react_agent.tooling import tool

from ._say import KEY, URL, Server, sse

NAMED = [
    "llamacpp",
    "vllm",
    "ollama-openai",
    "lmstudio",
    "tgi",
    "groq",
    "together",
    "fireworks",
    "openrouter",
    "deepseek",
    "mistral",
    "xai",
    "cerebras",
    "azure",
    "bedrock",
    "huggingface",
]
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


@tool(read_only=True)
def add(a: int) -> int:
    """Add one."""
    return a + 1


def replies(stream: bool) -> list[httpx.Response]:
    said: list[dict[str, Any]] = [{"content": None, "tool_calls": [CALL]}, {"content": "two"}]
    if not stream:
        return [httpx.Response(200, json={"choices": [{"message": message, "finish_reason": "stop"}]}) for message in said]
    streams = [sse({"choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]}) for delta in said]
    return [httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body) for body in streams]


def bodies(profile: Profile, stream: bool) -> list[dict[str, Any]]:
    server = Server(*replies(stream))

    async def go() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            backend = OpenAIChatBackend("m", base_url=URL, api_key=KEY, profile=profile, client=client)
            agent = Agent(backend, tools=[add], settings=Settings(max_tokens=99, seed=7), limits=Limits(steps=1))
            if stream:
                async with agent.stream("1+1?") as run:
                    async for _ in run:
                        pass
                result = run.result
            else:
                result = await agent.run("1+1?")
        assert (result.outcome.kind, result.partial) == ("limit", "two")

    asyncio.run(go())
    assert all(KEY in "".join(request.headers.values()) for request in server.asked)
    return server.bodies


def test_the_servers_that_people_ask_for_are_there() -> None:
    assert set(NAMED) <= set(PROFILES)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("profile", [*PROFILES.values(), COMPATIBLE], ids=lambda profile: profile.name)
def test_a_run(profile: Profile, stream: bool) -> None:
    first, last = bodies(profile, stream)
    assert [one["function"]["name"] for one in first["tools"]] == ["add"]
    assert first[profile.max_tokens] == 99
    assert {name for name in ("seed", "random_seed") if name in first} == ({profile.seed} if profile.seed else set())
    assert first.get("stream", False) is stream
    assert ("stream_options" in first) is (stream and profile.stream_usage)
    made, result = (message for message in last["messages"] if message["role"] in ("assistant", "tool"))
    assert made["tool_calls"][0]["id"] == result["tool_call_id"]
    assert json.loads(made["tool_calls"][0]["function"]["arguments"]) == {"a": 1}
    assert result["content"].startswith("2")
    if profile.none:
        assert (last["tool_choice"], len(last["tools"])) == ("none", 1)
    else:
        assert "tools" not in last
        assert "tool_choice" not in last


@pytest.mark.parametrize(
    "profile", [row for row in PROFILES.values() if not row.local and "{" not in row.base_url], ids=lambda row: row.name
)
def test_a_provider_is_known_by_its_address(profile: Profile) -> None:
    assert profile_of(f"{profile.base_url}/") is profile
