"""Keys never show: not in errors, traces, reprs, logs or what the command line prints, whatever a server or a client quotes."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from faults._server import Play, chunked, head, script, serve, whole

from react_agent.agent import Agent
from react_agent.backends.base import Backend
from react_agent.backends.combine import Fallback, RateLimited, Router
from react_agent.backends.leaf import LeafBackend, OpenAIChatBackend
from react_agent.backends.profiles import PROFILES
from react_agent.backends.providers import AnthropicBackend, GeminiBackend, OllamaBackend, OpenAIResponsesBackend
from react_agent.backends.retry import Timeouts
from react_agent.result import Result
from react_agent.tooling import tool

KEY = "sk-live-5up3r-s3cr3t-k3y"
TOKEN = "hunter2-token-value"
PASSWORD = "p4ssw0rd-of-mine"
SECRETS = (KEY, TOKEN, PASSWORD)
GIVEN: dict[str, Any] = {"api_key": KEY, "headers": {"X-Team-Token": TOKEN}, "max_retries": 0, "timeout": Timeouts(5.0, 5.0, 5.0)}
BACKENDS: dict[str, Callable[[str], LeafBackend]] = {
    "chat": lambda url: OpenAIChatBackend("m", base_url=url, **GIVEN),
    "azure": lambda url: OpenAIChatBackend("m", base_url=url, profile="azure", **GIVEN),
    "responses": lambda url: OpenAIResponsesBackend("m", base_url=url, **GIVEN),
    "anthropic": lambda url: AnthropicBackend("m", base_url=url, **GIVEN),
    "gemini": lambda url: GeminiBackend("m", base_url=url, **GIVEN),
    "ollama": lambda url: OllamaBackend("m", base_url=url, **GIVEN),
}
QUOTED = " and ".join(SECRETS)
BODY = json.dumps({"error": {"message": f"Incorrect API key provided: {QUOTED}", "code": "invalid_api_key", "type": QUOTED}}).encode()
SERVERS: dict[str, Play] = {
    "a rejection": whole(BODY, "401 Unauthorized", "application/json", f"x-request-id: {KEY}"),
    "an error with status 200": whole(BODY),
    "an error within a stream": chunked(b"event: error\ndata: " + BODY + b"\n\n"),
    "a web page": whole(f"<html>{QUOTED}".encode(), kind="text/html"),
    "no JSON": whole(f"{{{QUOTED}".encode()),
    "a redirect": script(head("302 Found", "text/plain", f"location: https://evil.test/?key={KEY}", length=0)),
    "not HTTP": script(f"{KEY}\r\n\r\n".encode()),
    "cut": script(head(length=999) + BODY[:40]),
    "nothing at all": script(),
}


def everything(result: Result, backend: Backend, agent: Agent) -> str:
    """All that anybody may print or keep of a run."""
    shown = [result, result.outcome, result.partial, result.trace.to_jsonl().decode(), backend, backend.name, agent, agent.spec]
    error = result.error
    if error is not None:
        shown += [error, repr(error), vars(error), "".join(traceback.format_exception(error))]
        while error is not None:
            shown += [str(error), repr(error)]
            error = error.__cause__ or error.__context__  # type: ignore[assignment]
    leaf = backend
    if isinstance(leaf, LeafBackend):
        shown += [leaf.wire, leaf.format, leaf._room, leaf._retries, leaf._timeouts]
    return "\n".join(f"{one} {one!r}" for one in shown)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("play", SERVERS.values(), ids=SERVERS)
@pytest.mark.parametrize("name", BACKENDS)
def test_whatever_a_server_quotes(name: str, play: Play, stream: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    logging.getLogger("httpx").setLevel(0)
    logging.getLogger("httpcore").setLevel(0)

    async def go() -> str:
        async with serve(play) as (url, _):
            backend = BACKENDS[name](url.replace("http://", f"http://me:{PASSWORD}@"))
            agent = Agent(backend)
            if stream:
                async with agent.stream("q") as run:
                    async for _ in run:
                        pass
                result = run.result
            else:
                result = await agent.run("q")
            await backend.aclose()
        assert result.outcome.kind == "failed", result.outcome
        return everything(result, backend, agent)

    shown = asyncio.run(go())
    # httpcore's log for debugging quotes the head of a response as it came; a key that a server writes into it is the only one that can stand there.
    logged = [record.getMessage() for record in caplog.records if "receive_response_headers" not in record.getMessage()]
    assert any(record.name.startswith("httpcore") for record in caplog.records), "the client's log is read, too"
    assert [secret for secret in SECRETS if secret in "\n".join([shown, *logged])] == []


def test_a_reply_a_tool_and_a_question_that_quote_the_key() -> None:
    @tool(read_only=True)
    def leak(what: str) -> str:
        """Says it aloud."""
        return f"{what} is {KEY}"

    call = {"id": "c", "type": "function", "function": {"name": "leak", "arguments": json.dumps({"what": KEY})}}
    replies = iter(({"content": f"I know {KEY}", "tool_calls": [call]}, {"content": f"It is {KEY}."}))
    bodies: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content.decode())
        return httpx.Response(200, json={"choices": [{"message": next(replies)}], "model": KEY})

    backend = OpenAIChatBackend(
        "m", base_url="https://llm.test/v1", api_key=KEY, client=httpx.AsyncClient(transport=httpx.MockTransport(answer))
    )
    agent = Agent(backend, tools=[leak], instructions=f"Never say {KEY}.")
    result = agent.run_sync(f"What is {KEY}?")
    assert result.answer == "It is [secret]."
    assert KEY not in everything(result, backend, agent) + "".join(bodies)


def test_backends_made_of_backends() -> None:
    one = OpenAIChatBackend("m", base_url=f"https://me:{PASSWORD}@llm.test/v1", **GIVEN)
    made = [Fallback(one, one), Router({"a": one}, lambda _: "a"), RateLimited(one, requests=9)]
    assert {TOKEN, KEY, PASSWORD} <= set(made[0].secrets)
    seen = f"{made} {[backend.name for backend in made]} {[vars(backend) for backend in made]} {list(PROFILES.values())}"
    assert [secret for secret in SECRETS if secret in seen] == []


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/json"])
def test_a_key_that_was_cut_off_where_an_excerpt_ends_does_not_show_either(kind: str) -> None:
    for before in (*range(270, 300, 2), *range(1976, 2000, 3)):
        body = f"{'x' * before}{KEY}{'y' * 3000}"
        client = httpx.AsyncClient(
            transport=httpx.MockTransport(lambda _, b=body: httpx.Response(500, content=b, headers={"content-type": kind}))
        )
        error = Agent(OpenAIChatBackend("m", client=client, api_key=KEY, max_retries=0)).run_sync("q").error
        assert error is not None
        assert KEY[:7] not in f"{error}{vars(error)}", before
