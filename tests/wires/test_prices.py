"""What a reply costs: said by the provider, or looked up in a kept table; never made up."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from react_agent.agent import Agent
from react_agent.backends import prices
from react_agent.backends.combine import Fallback
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.mock import MockBackend
from react_agent.backends.prices import cost_of
from react_agent.backends.profiles import PROFILES
from react_agent.backends.providers import AnthropicBackend, GeminiBackend
from react_agent.messages import Usage
from react_agent.spec import Limits

from ._say import ANSWER, KEY, Server, play

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100}


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    prices._table.cache_clear()
    yield
    prices._table.cache_clear()


def test_a_resource_name_has_the_price_of_its_model() -> None:
    usage = Usage(1000, 100)
    assert cost_of(usage, "gemini", "models/gemini-2.5-flash") == cost_of(usage, "gemini", "gemini-2.5-flash") is not None


class Table:
    """Stands for the library: a dollar a token read, two a token written, for the models of one provider."""

    def __init__(self, **models: str) -> None:
        self.models = models
        self.asked: list[tuple[str, str]] = []
        self.Usage = SimpleNamespace

    def calc_price(self, usage: Any, model: str, *, provider_id: str, genai_request_timestamp: object) -> SimpleNamespace:
        self.asked.append((provider_id, model))
        match self.models.get(model.replace("-", "_")):
            case "free":
                return SimpleNamespace(input_price=0, output_price=0, total_price=0)
            case "half":
                return SimpleNamespace(input_price=1, output_price=0, total_price=1)
            case "broken":
                raise ValueError("usage does not add up")
            case provider if provider == provider_id:
                cost = usage.input_tokens - usage.cache_read_tokens
                return SimpleNamespace(input_price=cost, output_price=2 * usage.output_tokens, total_price=cost + 2 * usage.output_tokens)
        raise LookupError(model)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    found = Table(gpt_9="openai", claude_9="anthropic", gemini_9="google", gratis="free", half="half", odd="broken")
    monkeypatch.setitem(sys.modules, "genai_prices", found)
    return found


def reply(backend: Any, found: dict[str, Any]) -> Any:
    return play(Server(httpx.Response(200, json=found)), backend)[0]


def chat(model: str = "gpt-9", **more: Any) -> Any:
    return lambda client: OpenAIChatBackend(model, client=client, api_key=KEY, **more)


COSTS: dict[str, tuple[Any, dict[str, Any], float | None]] = {
    "looked up": (chat(), {**ANSWER, "model": "gpt-9", "usage": USAGE}, 1200.0),
    "by the name that was asked for": (chat(), {**ANSWER, "model": "gpt-9-secret", "usage": USAGE}, 1200.0),
    "what was cached is cheaper": (
        chat(),
        {**ANSWER, "usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": 600}}},
        600.0,
    ),
    "the provider says": (chat(profile="openrouter"), {**ANSWER, "usage": {**USAGE, "cost": 0.5}}, 0.5),
    "the provider says that it was free": (chat(profile="openrouter"), {**ANSWER, "usage": {**USAGE, "cost": 0}}, 0.0),
    "no such model": (chat("gpt-10"), {**ANSWER, "model": "gpt-10", "usage": USAGE}, None),
    "no price in the table": (chat("gratis"), {**ANSWER, "usage": USAGE}, None),
    "half a price in the table": (chat("half"), {**ANSWER, "usage": USAGE}, None),
    "no usage": (chat(), ANSWER, None),
    "a server of one's own": (chat(base_url="http://localhost:8080/v1"), {**ANSWER, "model": "gpt-9", "usage": USAGE}, None),
    "an unknown server": (chat(base_url="https://llm.test/v1"), {**ANSWER, "model": "gpt-9", "usage": USAGE}, None),
    "a named server, played at home": (chat(base_url="http://127.0.0.1:9/v1", profile="openai"), {**ANSWER, "usage": USAGE}, None),
    "anthropic": (
        lambda client: AnthropicBackend("claude-9", client=client, api_key=KEY),
        {"content": [{"type": "text", "text": "four"}], "usage": {"input_tokens": 400, "output_tokens": 100, "cache_read_input_tokens": 600}},
        600.0,
    ),
    "gemini": (
        lambda client: GeminiBackend("gemini-9", client=client, api_key=KEY),
        {
            "candidates": [{"content": {"parts": [{"text": "four"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 60, "thoughtsTokenCount": 40},
        },
        1200.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("backend", "found", "cost"), COSTS.values(), ids=COSTS)
def test_costs(backend: Any, found: dict[str, Any], cost: float | None, table: Table) -> None:
    assert reply(backend, found).cost == cost


def test_a_model_of_ones_own_is_not_even_looked_up(table: Table) -> None:
    reply(chat(base_url="http://localhost:8080/v1"), {**ANSWER, "model": "gpt-9", "usage": USAGE})
    assert table.asked == []


def test_a_table_that_fails_costs_no_reply(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    found = reply(chat("odd"), {**ANSWER, "usage": USAGE})
    assert (found.message.text, found.cost) == ("four", None)
    assert "no price for odd of openai: ValueError" in caplog.text


def test_without_the_library_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert reply(chat(), {**ANSWER, "usage": USAGE}).cost is None


def test_the_cost_of_a_run(table: Table) -> None:
    """Replies with a price add up; those without one are left out of the sum, and a run of nothing else has none."""
    found = {**ANSWER, "model": "gpt-9", "usage": USAGE}

    def run(model: str) -> Any:
        transport = httpx.MockTransport(Server(httpx.Response(200, json={**found, "model": model})))
        backend = OpenAIChatBackend(model, client=httpx.AsyncClient(transport=transport), api_key=KEY)
        return Agent(Fallback(backend)).run_sync("q")

    assert (run("gpt-9").cost, run("gpt-9").unpriced) == (1200.0, 0)
    assert (run("gpt-10").cost, run("gpt-10").unpriced) == (None, 1)


def test_a_run_that_was_free_is_not_one_of_unknown_cost() -> None:
    found = {**ANSWER, "usage": {**USAGE, "cost": 0}}
    transport = httpx.MockTransport(Server(httpx.Response(200, json=found)))
    backend = OpenAIChatBackend("m", profile="openrouter", client=httpx.AsyncClient(transport=transport), api_key=KEY)
    result = Agent(backend).run_sync("q")
    assert (result.cost, result.unpriced, result.trace[-1].cost) == (0.0, 0, 0.0)  # type: ignore[union-attr]


def test_a_limit_of_cost_says_that_it_cannot_hold(caplog: pytest.LogCaptureFixture) -> None:
    Agent(MockBackend(["four"], usage=Usage(9, 2)), limits=Limits(cost=0.01)).run_sync("q")
    assert "no price is known for the replies of mock" in caplog.text


def test_a_limit_of_tokens_says_so_too_and_once(caplog: pytest.LogCaptureFixture) -> None:
    replies = iter(["", "", "four"])
    assert Agent(lambda prompt: f"Final Answer: {next(replies)}", limits=Limits(tokens=10, mistakes=5)).run_sync("q").answer == "four"
    assert [record.getMessage() for record in caplog.records] == [
        "limits.tokens is set, but no usage is told with the replies of function:<lambda>: they count as nothing"
    ]


def test_the_library_itself() -> None:
    pytest.importorskip("genai_prices", reason="the table of prices is not installed; it comes with the extra 'prices'")
    usage = Usage(1000, 100, 200)
    assert cost_of(usage, "openai", "gpt-4o") == pytest.approx(0.00325)  # 800 at 2.50, 200 at 1.25, 100 at 10.00 a million
    assert cost_of(usage, "openai", "nobody-9", None) is None
    assert cost_of(usage, "openai", "nobody-9", "gpt-4o-2024-08-06") == pytest.approx(0.00325)
    assert cost_of(usage, "cerebras", "qwen-3-coder-480b") is None
    assert cost_of(usage, "ollama", "gpt-4o") is None


def test_each_provider_of_the_list_is_one_of_ours_and_of_the_library() -> None:
    snapshot = pytest.importorskip("genai_prices.data_snapshot").get_snapshot()
    assert set(prices._PROVIDERS) <= {*PROFILES, "anthropic", "gemini", "openai-responses"}
    assert set(prices._PROVIDERS.values()) <= {provider.id for provider in snapshot.providers}
