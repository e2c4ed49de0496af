"""What becomes of a run when the published chaos tool for LLM clients (`llmock` on PyPI) breaks its server: every scenario, every backend, whole and streamed.

    pip install llmock
    python benchmarks/chaos_report.py [--only NAME] [--list]

The tool's server runs in this process and listens on 127.0.0.1 alone. Each row is a run of an agent with one tool. It holds when the run ends as the
row says, what it answers is what an undisturbed run answers, and the tool's own verdict, in its strict form, has neither an error nor a
warning (but for one that it cannot know: a reply that stays broken to the last try is "accepted" for it, even where the run fails and says so). Pauses between tries are those of everyday use, and `Retry-After` is waited out in full.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict

from react_agent.agent import Agent
from react_agent.backends.base import Backend
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.providers import AnthropicBackend, GeminiBackend, OpenAIResponsesBackend
from react_agent.backends.retry import Timeouts
from react_agent.messages import Delta
from react_agent.result import Result
from react_agent.tooling import tool

try:
    from llmock import testing
    from llmock.chaos import StreamChaos
    from llmock.ratelimit import LimitSettings
    from llmock.scenarios import Delay, Fail, Reply, SlowFirstToken, StreamFault, ToolCall, ToolFault
    from llmock.verdict import judge

    LLMockServer: Any = testing.LLMockServer
except ImportError:
    LLMockServer = None

# Milliseconds between a stream's pieces, as of a model that writes. Without it the server has sent the rest of a short stream before it can
# notice that the client has hung up on a corrupted piece, and then takes the try that follows for another call.
PACE = 10
MISSING = "the chaos tool is not installed: pip install llmock"


class Given(TypedDict):
    """What every backend is made with."""

    api_key: str
    timeout: Timeouts
    max_retries: int


GIVEN = Given(api_key="chaos-key-123456", timeout=Timeouts(5.0, 1.0, 20.0), max_retries=2)
# What the tool finds of a call's last request alone: it cannot see whether the client believed that reply or gave up with an error. The outcome can.
GIVEN_UP = {"truncated_stream_accepted", "malformed_chunk_ignored"}
# The tool's name of a provider -> our backend for it. Its Cohere speaks an API that there is no wire for.
BACKENDS: dict[str, Callable[[str], Backend]] = {
    "openai": lambda url: OpenAIChatBackend("gpt-4o", base_url=url, **GIVEN),
    "openai-responses": lambda url: OpenAIResponsesBackend("gpt-5", base_url=url, **GIVEN),
    "anthropic": lambda url: AnthropicBackend("claude-sonnet-5", base_url=url, **GIVEN),
    "gemini": lambda url: GeminiBackend("gemini-flash", base_url=f"{url}/v1beta", **GIVEN),
    "mistral": lambda url: OpenAIChatBackend("mistral-large", base_url=url, profile="mistral", **GIVEN),
    "groq": lambda url: OpenAIChatBackend("llama-3", base_url=url, profile="groq", **GIVEN),
    "together": lambda url: OpenAIChatBackend("llama-3", base_url=url, profile="together", **GIVEN),
    "perplexity": lambda url: OpenAIChatBackend("sonar", base_url=url, **GIVEN),
    "ai21": lambda url: OpenAIChatBackend("jamba", base_url=url, **GIVEN),
    "xai": lambda url: OpenAIChatBackend("grok", base_url=url, profile="xai", **GIVEN),
}


@dataclass(frozen=True)
class Scenario:
    """One row.

    Attributes:
        behaviors: What the server is told to do, in the tool's own terms.
        ends: The run's outcome, and for ``failed`` the error's type: ``failed BackendRejected``.
        tries: Requests for the first reply; None where the row does not say.
        streamed: Only a stream can be broken so.
        answer: The text that must come out; None: that of an undisturbed run.
        limits: Quotas of the server.
        tools: Whether the agent has its tool.
    """

    behaviors: Callable[[], list[Any]]
    ends: str = "answered"
    tries: int | None = None
    streamed: bool = False
    answer: str | None = None
    limits: Callable[[], Any] | None = None
    tools: bool = False


def scenarios() -> dict[str, Scenario]:
    table = {"nothing": Scenario(list, tries=1), "a tool, undisturbed": Scenario(list, tools=True)}

    def fails(status: int, times: int | None = 1) -> list[Any]:
        return [Fail(status, times=times)]

    for status in (408, 409, 429, 500, 502, 503, 504, 529):
        table[f"{status} once"] = Scenario(partial(fails, status), tries=2)
        table[f"{status} twice"] = Scenario(partial(fails, status, 2), tries=3)
        table[f"{status} for ever"] = Scenario(partial(fails, status, None), "failed BackendUnavailable", 3)
    for status in (400, 401, 403, 404, 422):
        table[f"{status}"] = Scenario(partial(fails, status), "failed BackendRejected", 1)
    return table | _waits() | _streams() | _tools()


def _waits() -> dict[str, Scenario]:
    def overflow() -> list[Any]:
        words = "This model's maximum context length was exceeded."
        return [Fail(400, code="context_length_exceeded", message=words, times=None)]

    return {
        "429 with Retry-After, twice": Scenario(lambda: [Fail(429, retry_after=0.5, times=2)], tries=3),
        "503 with Retry-After": Scenario(lambda: [Fail(503, retry_after=0.5)], tries=2),
        "outage": Scenario(lambda: [Fail(503, times=None)], "failed BackendUnavailable", 3),
        "prompt too long": Scenario(overflow, "failed ContextOverflow", 1),
        "a small context window": Scenario(list, "failed ContextOverflow", 1, limits=lambda: LimitSettings(context_window=1)),
        "a quota of requests": Scenario(list, tools=True, limits=lambda: LimitSettings(rpm=1_000)),
        "slow": Scenario(lambda: [Delay(0.2)], tries=1),
        "slower than we wait": Scenario(lambda: [Delay(2.5)], tries=2),
    }


def _streams() -> dict[str, Scenario]:
    def fault(kind: Any, after: int, times: int | None) -> list[Any]:
        return [StreamFault(kind, after_chunks=after, stall_seconds=4, times=times)]

    table = {"slow first token": Scenario(lambda: [SlowFirstToken(0.2)], tries=1, streamed=True)}
    for kind, words in (("disconnect", "connection dropped"), ("truncate", "ends early"), ("malformed", "a corrupted chunk")):
        for after in (0, 1, 3):
            broken = partial(fault, kind, after)
            table[f"stream: {words} after {after}"] = Scenario(partial(broken, 1), tries=2, streamed=True)
            table[f"stream: {words} after {after}, for ever"] = Scenario(
                partial(broken, None), "failed BackendProtocolError", 3, streamed=True
            )
    stalled = partial(fault, "stall", 1)
    table["stream: hangs"] = Scenario(partial(stalled, 1), tries=2, streamed=True)
    table["stream: hangs, for ever"] = Scenario(partial(stalled, None), "failed BackendTimeout", 3, streamed=True)
    table["stream: rate limit, then dropped, then whole"] = Scenario(
        lambda: [Fail(429, retry_after=0.2), StreamFault("disconnect", after_chunks=2)], tries=3, streamed=True
    )
    return table


def _tools() -> dict[str, Scenario]:
    def calls() -> Reply:
        return Reply(tool_calls=(ToolCall("population", {"city": "Paris"}),))

    return {
        "scripted answer": Scenario(lambda: [Reply(text="Ünïcode 🙂")], tries=1, answer="Ünïcode 🙂"),
        "scripted call": Scenario(lambda: [calls()], tools=True),
        "several calls": Scenario(lambda: [Reply(tool_calls=(calls().tool_calls[0], calls().tool_calls[0]))], tools=True),
        "arguments that are no JSON": Scenario(lambda: [ToolFault("malformed_arguments")], tools=True),
        "a tool that was never offered": Scenario(lambda: [ToolFault("unknown_tool")], tools=True),
        "broken calls, for ever": Scenario(lambda: [ToolFault("unknown_tool", times=None)], "malformed|answered", tools=True),
        "a call, then the connection drops": Scenario(
            lambda: [calls(), StreamFault("disconnect", after_chunks=2)], streamed=True, tools=True
        ),
        "a call, then the stream ends early": Scenario(
            lambda: [calls(), StreamFault("truncate", after_chunks=2)], streamed=True, tools=True
        ),
    }


@tool(read_only=True)
def population(city: str) -> int:
    """How many people live in a city.

    Args:
        city: Name in English.
    """
    return 2_102_650


class Chaos:
    """The server, and one undisturbed answer for each backend to compare with."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._usual: dict[tuple[str, bool, bool], str] = {}

    def run(self, provider: str, row: Scenario, streamed: bool) -> str:
        """What is wrong with a row; ``""`` for nothing."""
        usual = (provider, streamed, row.tools)
        if usual not in self._usual:
            self._reset()
            self._usual[usual] = asyncio.run(self._ask(provider, row.tools, streamed)).answer or ""
        self._reset()
        if row.limits is not None:
            self._server.state.limiter.configure(row.limits())
        self._server.state.scenarios.add(*row.behaviors())
        result = asyncio.run(self._ask(provider, row.tools, streamed))
        records = self._server.state.journal.records(wait=5.0)
        return "; ".join(self._wrong(row, result, records, self._usual[usual]))

    def _wrong(self, row: Scenario, result: Result, records: list[Any], usual: str) -> Iterator[str]:
        kind = result.outcome.kind
        ended = f"failed {result.outcome.error.type}" if kind == "failed" and result.outcome.error is not None else kind
        if ended not in row.ends.split("|"):
            yield f"ended as {ended} ({result.outcome.detail[:120]}), not {row.ends}"
        if kind == "answered" and not row.tools and result.answer != (row.answer or usual):
            yield f"answered {result.answer!r}, not {row.answer or usual!r}"
        if row.tries is not None and len(records) != row.tries:
            yield f"{len(records)} tries, not {row.tries}"
        for finding in judge(records).findings:
            if kind == "failed" and finding.code in GIVEN_UP:
                continue
            yield f"{finding.severity} {finding.code}: {finding.title}"

    async def _ask(self, provider: str, tools: bool, streamed: bool) -> Result:
        backend = BACKENDS[provider](self._server.base_url("openai" if provider == "openai-responses" else provider))
        agent = Agent(backend, tools=[population] if tools else [])
        try:
            if not streamed:
                return await agent.run("How many people live in Paris?")
            heard: list[Delta] = []
            async with agent.stream("How many people live in Paris?") as running:
                async for item in running:
                    if isinstance(item, Delta):
                        heard = [] if item.kind == "restart" else [*heard, item]
            return running.result
        finally:
            await backend.aclose()

    def _reset(self) -> None:
        self._server.state.reset()
        self._server.state.limiter.configure(LimitSettings())


@contextmanager
def chaos() -> Iterator[Chaos]:
    """The chaos tool, started on a free port of 127.0.0.1."""
    with LLMockServer(host="127.0.0.1") as server:
        server.state.stream_chaos = StreamChaos(chunk_delay_ms=PACE)
        yield Chaos(server)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="scenarios whose name holds this")
    parser.add_argument("--backend", default="", help="one backend alone")
    parser.add_argument("--list", action="store_true", help="every row, not only those that do not hold")
    options = parser.parse_args()
    if LLMockServer is None:
        print(f"skipped: {MISSING}")
        return 0
    table = {name: row for name, row in scenarios().items() if options.only in name}
    verdicts: Counter[str] = Counter()
    with chaos() as tried:
        for provider in [name for name in BACKENDS if options.backend in name]:
            began, bad = time.monotonic(), 0
            for name, row in table.items():
                for streamed in (False, True):
                    if row.streamed and not streamed:
                        continue
                    wrong = tried.run(provider, row, streamed)
                    verdicts["holds" if not wrong else "DOES NOT HOLD"] += 1
                    bad += bool(wrong)
                    if wrong or options.list:
                        print(f"  {provider:17} {'streamed' if streamed else 'whole':8}  {name:45} {wrong or 'holds'}", flush=True)
            print(f"{provider:17} {time.monotonic() - began:6.1f} s  {'all hold' if not bad else f'{bad} do not hold'}", flush=True)
    print(f"{sum(verdicts.values())} runs: " + ", ".join(f"{count} {what}" for what, count in verdicts.items()))
    return 1 if verdicts["DOES NOT HOLD"] else 0


if __name__ == "__main__":
    sys.exit(main())
