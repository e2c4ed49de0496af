"""The same table for every provider, with a user's own keys: ``pytest -m live``. Off by default; a run of all rows costs some cents a provider.

Those are tried whose key stands in the environment; ``REACT_AGENT_LIVE="openai:gpt-5-mini,http://localhost:8080/v1#qwen3"`` names others. The table
itself is tried here with a mock, without a network.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from react_agent.agent import Agent
from react_agent.backends.base import Backend
from react_agent.backends.mock import MockBackend
from react_agent.backends.names import resolve
from react_agent.backends.profiles import PROFILES
from react_agent.backends.providers import PROVIDERS
from react_agent.messages import Delta, Usage
from react_agent.result import Result
from react_agent.sync import run_sync

from ._table import ROWS, Row

NAMES = os.environ.get("REACT_AGENT_LIVE", "").replace(" ", "").split(",") if os.environ.get("REACT_AGENT_LIVE") else [
    "openai:gpt-5-mini",
    "openai-responses:gpt-5-mini",
    "anthropic:claude-haiku-4-5",
    "gemini:gemini-flash-latest",
    "groq:openai/gpt-oss-20b",
    "together:meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "fireworks:accounts/fireworks/models/gpt-oss-20b",
    "openrouter:openai/gpt-5-mini",
    "deepseek:deepseek-chat",
    "mistral:mistral-small-latest",
    "xai:grok-4-fast",
    "cerebras:gpt-oss-120b",
    "huggingface:openai/gpt-oss-20b",
]  # fmt: skip
BLIND = ("groq", "together", "fireworks", "deepseek", "cerebras", "huggingface")  # by default with a model that sees no pictures


def keys(name: str) -> tuple[str, ...]:
    """The variables of which one must be set."""
    provider = name.partition(":")[0]
    if provider in PROVIDERS:
        return PROVIDERS[provider].key_env
    return PROFILES[provider].key_env if provider in PROFILES and PROFILES[provider].key_needed else ()


@pytest.fixture
def live(request: pytest.FixtureRequest) -> str:
    """The name of the backend; skips where nobody asked for this, or where there is no key."""
    if "live" not in (request.config.getoption("markexpr") or ""):
        pytest.skip("asks a real provider; run with -m live")
    name: str = request.param
    wanted = keys(name)
    if wanted and not any(os.environ.get(one) for one in wanted):
        pytest.skip(f"no key: set {' or '.join(wanted)}")
    return name


def run(backend: Backend, row: Row, stream: bool) -> tuple[Result, list[Delta]]:
    async def go() -> tuple[Result, list[Delta]]:
        agent = Agent(backend, tools=row.tools, **row.more)
        try:
            if not stream:
                return await agent.run(row.task), []
            async with agent.stream(row.task) as running:
                heard = [item async for item in running if isinstance(item, Delta)]
            return running.result, heard
        finally:
            await backend.aclose()

    return run_sync(go)


def check(row: Row, result: Result, heard: list[Delta]) -> None:
    row.holds(result)
    if heard and not any(delta.kind == "restart" for delta in heard):
        said = "".join(step.reply.message.text for step in result.steps if step.reply.read_by is None or not step.reply.read_by.repairs)
        assert "".join(delta.text for delta in heard if delta.kind == "text").strip()[:20] == said.strip()[:20]


@pytest.mark.live
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("live", NAMES, indirect=True)
def test_with_your_own_keys(live: str, row: Row, stream: bool) -> None:
    if live.partition(":")[0] in BLIND and row in (ROWS["a picture in the question"], ROWS["a picture from a tool"]):
        pytest.skip("this model sees no pictures")
    check(row, *run(resolve(live), row, stream))


@pytest.mark.live
@pytest.mark.parametrize("what", ["key", "model"])
@pytest.mark.parametrize("live", NAMES, indirect=True)
def test_what_is_wrong_is_said(live: str, what: str) -> None:
    wrong: dict[str, Any] = {"api_key": "sk-wrong-key-0123456789"} if what == "key" and keys(live) else {}
    backend = resolve(live if wrong else f"{live}-that-nobody-made", **wrong)
    result, _ = run(backend, ROWS["an answer"], False)
    assert result.outcome.kind == "failed"
    assert result.outcome.error is not None
    assert result.outcome.error.type == "BackendRejected"
    assert "sk-wrong-key" not in str(result.outcome)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_table_itself(row: Row, stream: bool) -> None:
    backend = MockBackend(row.script, usage=Usage(10, 5))
    check(row, *run(backend, row, stream))
    backend.check()


@pytest.mark.parametrize("row", [row for row in ROWS.values() if row.tools], ids=[name for name, row in ROWS.items() if row.tools])
def test_a_model_that_does_it_wrong_is_found_out(row: Row) -> None:
    result, heard = run(MockBackend(["I do not know."] * 3, repeat=True, usage=Usage(10, 5)), row, False)
    if row is ROWS["no tools at the end"]:
        return  # it only says what must not happen
    with pytest.raises(AssertionError):
        check(row, result, heard)


def test_every_name_can_be_made() -> None:
    for name in NAMES:
        assert resolve(name, api_key="some-key").name.endswith(name)
