"""What servers do wrong, and what comes of it: always one of our errors or a reply, in bounded time and memory, and no other exception.

The table is the contract. Each row runs over a real socket and a client of our own, streamed or not.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import Coroutine
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, TypeVar

import pytest

from react_agent.agent import Agent
from react_agent.backends.came import MOST_BYTES
from react_agent.backends.http import _Open
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.retry import Retries, Timeouts
from react_agent.errors import (
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ContextOverflow,
)
from react_agent.messages import Delta, Head, MessageView, ModelReply, ModelRequest, ToolSpec, system, user
from react_agent.result import Result
from react_agent.spec import Limits
from react_agent.tooling import tool
from react_agent.trace import Trace

from ._server import Play, at_leisure, chunked, drip, flood, head, script, serve, whole

PATIENT = Timeouts(5.0, 5.0, 30.0)
ANSWER = {"choices": [{"message": {"content": "four"}, "finish_reason": "stop"}]}
GOOD = json.dumps(ANSWER).encode()
T = TypeVar("T")
REQUEST = ModelRequest(MessageView().extend(system("s"), user("q")), Head((ToolSpec("add", "", {"type": "object"}),)))


def event(delta: dict[str, Any] | None, reason: str | None = None, **more: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}).encode() + b"\n\n"


FO, UR, STOP, DONE = event({"content": "fo"}), event({"content": "ur"}), event({}, "stop"), b"data: [DONE]\n\n"
FLOOD = b"x" * 1_000_000


def says(message: Any, reason: Any = "stop") -> Play:
    return whole(json.dumps({"choices": [{"message": message, "finish_reason": reason}]}).encode())


def error(status: int, *headers: str, **told: Any) -> Play:
    body = json.dumps({"error": {"message": "the words", **told}}).encode()
    return whole(body, f"{status} Some Reason", "application/json", *headers)


def call(name: Any = "add", arguments: Any = "{}", identity: Any = "c1") -> dict[str, Any]:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


@dataclass(frozen=True)
class Fault:
    """One row.

    Attributes:
        play: What the server does.
        outcome: The error's type; or the reading, ``act``, ``answer`` or ``malformed``.
        words: Within the error, the complaint or the reply's text.
        tries: How often it is asked in all.
        stream: Whether someone listens.
    """

    play: Play
    outcome: type[BackendError] | str
    words: str = ""
    tries: int = 1
    stream: bool = False


def faults() -> dict[str, Fault]:
    table: dict[str, Fault] = {}
    for status in range(400, 500):
        if status in (408, 409, 425, 429):
            table[f"{status}"] = Fault(error(status), BackendUnavailable, "the words", 3)
        else:
            table[f"{status}"] = Fault(error(status), BackendRejected, "the words")
    for status in range(500, 600):
        table[f"{status}"] = Fault(error(status), BackendUnavailable, "the words", 3)
    table |= _connections() | _bodies() | _streams() | _replies()
    return table


def _connections() -> dict[str, Fault]:
    soon = formatdate(time.time() + 1, usegmt=True)
    return {
        "429, wait some seconds": Fault(error(429, "retry-after: 3"), BackendUnavailable, "429", 3),
        "429, wait until a date": Fault(error(429, f"retry-after: {soon}"), BackendUnavailable, "429", 3),
        "429, wait an absurd time": Fault(error(429, "retry-after: 99999"), BackendUnavailable, "asks to wait 99999 s", 1),
        "429, nonsense": Fault(error(429, "retry-after: tomorrow"), BackendUnavailable, "429", 3),
        "reset before anything": Fault(script("reset"), BackendUnavailable, "lost", 3),
        "closed before anything": Fault(script(), BackendUnavailable, "lost", 3),
        "reset within the headers": Fault(script(b"HTTP/1.1 200 OK\r\ncontent-ty", "reset"), BackendUnavailable, "lost", 3),
        "closed within the headers": Fault(script(b"HTTP/1.1 200 OK\r\ncontent-ty"), BackendUnavailable, "lost", 3),
        "reset after the headers": Fault(script(head(length=99), "reset"), BackendProtocolError, "cut", 3),
        "reset within the body": Fault(script(head(length=99) + b'{"cho', 0.02, "reset"), BackendProtocolError, "cut", 3),
        "closed within the body": Fault(script(head(length=99) + b'{"cho'), BackendProtocolError, "cut", 3),
        "silent before the headers": Fault(script("hang"), BackendTimeout, "silent", 3),
        "silent within the headers": Fault(script(b"HTTP/1.1 200 OK\r\n", "hang"), BackendTimeout, "silent", 3),
        "silent within the body": Fault(script(head(length=99) + b'{"cho', "hang"), BackendTimeout, "stalled", 3),
        "one byte at a time, for ever": Fault(drip(head(length=10_000), b" "), BackendTimeout, "within 30 s", 3),
        "headers, one at a time, for ever": Fault(drip(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"), BackendTimeout, "within 30 s", 3),
        "endless headers": Fault(flood(b"HTTP/1.1 200 OK\r\n", b"x-y: " + b"z" * 60_000 + b"\r\n", 100), BackendProtocolError, "HTTP"),
        "one endless header": Fault(flood(b"HTTP/1.1 200 OK\r\nx: ", FLOOD, 100), BackendProtocolError, "HTTP"),
        "not HTTP": Fault(script(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), BackendProtocolError, "HTTP"),
        "redirect to elsewhere": Fault(script(head("307 Temporary Redirect", "text/plain", "location: http://evil.test/", length=0)), BackendProtocolError, "evil.test"),
        "redirect to the same host": Fault(script(head("301 Moved", "text/plain", "location: /v2", length=0)), BackendProtocolError, "/v2"),
        "redirect to nowhere": Fault(script(head("302 Found", "text/plain", length=0)), BackendProtocolError, "nowhere"),
    }  # fmt: skip


def _bodies() -> dict[str, Fault]:
    packed = gzip.compress(GOOD)
    bomb = zlib.compress(b"\0" * 60_000_000, 9)
    return {
        "web page": Fault(whole(b"<html><h1>Welcome</h1>", kind="text/html"), BackendProtocolError, "web page"),
        "web page, streamed": Fault(whole(b"<html><h1>Welcome</h1>", kind="text/html"), BackendProtocolError, "web page", stream=True),
        "web page that says events": Fault(whole(b"<html><h1>Hi", kind="text/event-stream"), BackendProtocolError, "web page", stream=True),
        "web page that says JSON": Fault(whole(b"<html><h1>Welcome</h1>"), BackendProtocolError, "web page"),
        "web page with status 502": Fault(
            whole(b"<html>Bad Gateway", "502 Bad Gateway", "text/html"), BackendUnavailable, "Bad Gateway", 3
        ),
        "wrong content type": Fault(whole(b"hello", kind="text/plain"), BackendProtocolError, "text/plain"),
        "JSON that says text": Fault(whole(GOOD, kind="text/plain"), "answer", "four"),
        "JSON that says events": Fault(whole(b"\n " + GOOD, kind="text/event-stream"), "answer", "four", stream=True),
        "JSON that says text, to one who listens": Fault(whole(GOOD, kind="text/plain"), "answer", "four", stream=True),
        "an error that says events": Fault(
            whole(b'{"error": {"code": "context_length_exceeded"}}', kind="text/event-stream"), ContextOverflow, "longer", stream=True
        ),
        "broken JSON that says events": Fault(whole(GOOD[:-9], kind="text/event-stream"), BackendProtocolError, "no JSON", 3, True),
        "100 MB of JSON that says events": Fault(
            flood(head(kind="text/event-stream") + b"{", FLOOD, 100), BackendProtocolError, "larger than", stream=True
        ),
        "events that say JSON": Fault(whole(FO + UR + STOP + DONE), "answer", "four", stream=True),
        "no content type": Fault(script(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(GOOD) + GOOD), "answer", "four"),
        "invalid UTF-8": Fault(whole(b'{"choices":"\xff"}'), BackendProtocolError, "broken JSON", 3),
        "invalid JSON": Fault(whole(GOOD[:-9]), BackendProtocolError, "broken JSON", 3),
        "nothing": Fault(whole(b""), BackendProtocolError, "empty", 3),
        "status 201": Fault(whole(GOOD, "201 Created"), "answer", "four"),
        "status 201, streamed": Fault(whole(FO + UR + STOP + DONE, "201 Created", "text/event-stream"), "answer", "four", stream=True),
        "status 202": Fault(whole(GOOD, "202 Accepted"), BackendProtocolError, "202", 3),  # something is to be asked for later
        "status 204": Fault(script(b"HTTP/1.1 204 No Content\r\n\r\n"), BackendProtocolError, "204", 3),
        "a very deep list": Fault(whole(b"[" * 200_000), BackendProtocolError, "broken JSON", 3),
        "20 MB of broken JSON": Fault(flood(head() + b'{"choices":["', b"x" * 1_000_000, 20), BackendProtocolError, "broken JSON", 3),
        "20 MB of broken JSON, streamed": Fault(
            flood(head(kind="text/event-stream") + b'data: {"choices":["', b"x" * 1_000_000, 15), BackendProtocolError, "no JSON", 3, True
        ),
        "100 MB, declared": Fault(flood(head(length=100_000_000), FLOOD, 100), BackendProtocolError, "larger than"),
        "100 MB, not declared": Fault(flood(head(), FLOOD, 100), BackendProtocolError, "larger than"),
        "100 MB of an error": Fault(flood(head("500 Oops"), FLOOD, 100), BackendProtocolError, "larger than"),
        "100 MB of a stream": Fault(
            flood(head(kind="text/event-stream"), event({"content": "x" * 100_000}), 1000), BackendProtocolError, "larger than", stream=True
        ),
        "a line of 100 MB": Fault(flood(head(kind="text/event-stream"), FLOOD, 100), BackendProtocolError, "line", stream=True),
        "compressed bomb": Fault(
            whole(bomb, "200 OK", "application/json", "content-encoding: deflate"), BackendProtocolError, "larger than"
        ),
        "compressed bomb, streamed": Fault(
            whole(bomb, "200 OK", "text/event-stream", "content-encoding: deflate"), BackendProtocolError, "line", stream=True
        ),
        "compressed all the same": Fault(whole(packed, "200 OK", "application/json", "content-encoding: gzip"), "answer", "four"),
        "compressed and broken": Fault(
            whole(b"xx" + packed, "200 OK", "application/json", "content-encoding: gzip"), BackendProtocolError, "unpacked", 3
        ),
        "compressed as nobody asked": Fault(
            whole(packed, "200 OK", "application/json", "content-encoding: br"), BackendProtocolError, "nobody asked"
        ),
    }


def _streams() -> dict[str, Fault]:
    def streamed(*pieces: bytes, end: bool = True) -> Play:
        return chunked(*pieces, end=end)

    table = {
        "whole": (streamed(FO, UR, STOP, DONE), "answer", "four", 1),
        "no [DONE]": (streamed(FO, UR, STOP), "answer", "four", 1),
        "no finish reason": (streamed(FO, UR, DONE), "answer", "four", 1),
        "no end after [DONE]": (streamed(FO, UR, STOP, DONE, end=False), "answer", "four", 1),
        "[DONE] and then silence": (
            script(head(kind="text/event-stream") + FO + UR + STOP + DONE, "hang"),
            "answer",
            "four",
            1,
        ),
        "cut": (streamed(FO, end=False), BackendProtocolError, "cut", 3),
        "cut within an event": (streamed(FO, UR[:20], end=False), BackendProtocolError, "cut", 3),
        "no end mark": (streamed(FO, UR), BackendProtocolError, "end mark", 3),
        "reset": (script(head(kind="text/event-stream") + FO, 0.02, "reset"), BackendProtocolError, "cut", 3),
        "stalled": (script(head(kind="text/event-stream") + FO, "hang"), BackendTimeout, "stalled", 3),
        "stalled, kept alive": (drip(head(kind="text/event-stream") + FO, b": ping\n\n"), BackendTimeout, "within 30 s", 3),
        "empty": (streamed(), BackendProtocolError, "is empty", 3),
        "only [DONE]": (streamed(DONE), BackendProtocolError, "no reply", 3),
        "error event": (streamed(FO, b'event: error\ndata: {"error":{"message":"the words"}}\n\n'), BackendUnavailable, "the words", 3),
        "error event that rejects": (streamed(b'data: {"error":{"message":"the words","code":400}}\n\n'), BackendRejected, "the words", 1),
        "an event that is no JSON": (streamed(FO, b"data: {oops}\n\n", DONE), BackendProtocolError, "no JSON", 3),
        "an event that is no object": (
            streamed(FO, b"data: 7\n\n", b"data: null\n\n", b"data: []\n\n", UR, STOP, DONE),
            "answer",
            "four",
            1,
        ),
        "null everywhere": (
            streamed(event(None), b'data: {"choices":null}\n\n', b'data: {"choices":[null]}\n\n', FO, UR, STOP, DONE),
            "answer",
            "four",
            1,
        ),
        "an empty event first": (streamed(b"\n\n", b": hello\n\n", FO, UR, STOP, DONE), "answer", "four", 1),
        "a call twice": (
            streamed(*[event({"tool_calls": [{"index": 0, **call(arguments='{"a":1}')}]})] * 2, event({}, "tool_calls"), DONE),
            "act",
            "",
            1,
        ),
        "pieces in the wrong order": (
            streamed(
                event({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
                event({"tool_calls": [{"index": 0, **call()}]}),
                STOP,
            ),
            "act",
            "",
            1,
        ),
        "given up": (streamed(FO, event({}, "error"), DONE), BackendUnavailable, "in the midst", 3),
        "given up, with words (OpenRouter)": (
            streamed(
                FO,
                b'data: {"error":{"code":502,"message":"the words"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}\n\n',
                DONE,
            ),
            BackendUnavailable,
            "the words",
            3,
        ),
        "unknown finish reason": (streamed(FO, UR, event({}, "because")), "answer", "four", 1),
        "content filter": (streamed(FO, event({}, "content_filter"), DONE), "malformed", "fo", 1),
        "cut by the token limit": (streamed(FO, event({}, "length"), DONE), "malformed", "limit of tokens", 1),
    }
    return {f"stream: {name}": Fault(play, outcome, words, tries, True) for name, (play, outcome, words, tries) in table.items()}  # type: ignore[arg-type]


def _replies() -> dict[str, Fault]:
    many = [call(identity=f"c{n}") for n in range(500)]
    return {
        "empty choices": Fault(whole(b'{"choices":[]}'), BackendProtocolError, "no choices", 3),
        "null choices": Fault(whole(b'{"choices":null}'), BackendProtocolError, "no choices", 3),
        "error with status 200": Fault(
            whole(b'{"error":{"message":"the words","type":"server_error"}}'), BackendUnavailable, "the words", 3
        ),
        "null everywhere": Fault(says({"role": None, "content": None, "tool_calls": None}, None), "malformed", "empty"),
        "null message": Fault(says(None, None), "malformed", "empty"),
        "wrong types everywhere": Fault(says({"content": 7, "tool_calls": "x", "refusal": [], "reasoning": {}}, {}), "malformed", "empty"),
        "500 calls": Fault(says({"tool_calls": many}), "act"),
        "duplicate ids": Fault(says({"tool_calls": [call(), call()]}), "act"),
        "missing ids": Fault(says({"tool_calls": [call(identity=None), call(identity="")]}), "act"),
        "call with invalid JSON": Fault(says({"tool_calls": [call(arguments='{"path": "/tmp/scra')]}), "act"),
        "call without a name": Fault(says({"tool_calls": [call(name=None)]}), "act"),
        "given up (Mistral)": Fault(says({"content": "fo"}, "error"), BackendUnavailable, "in the midst", 3),
        "given up (DeepSeek)": Fault(says({"content": "fo"}, "insufficient_system_resource"), BackendUnavailable, "in the midst", 3),
        "unknown finish reason": Fault(says({"content": "four"}, "because"), "answer", "four"),
        "content filter": Fault(says({"content": None}, "content_filter"), "malformed", "refused"),
        "refusal": Fault(says({"content": None, "refusal": "I will not."}), "malformed", "I will not."),
        "cut by the token limit": Fault(says({"content": "fo"}, "length"), "malformed", "limit of tokens"),
        "context overflow": Fault(error(400, type="exceed_context_size_error"), ContextOverflow, "shorten"),
        "a filter that rejects (Azure)": Fault(error(400, code="content_filter"), "malformed", "the words"),
        "a model's mistake that rejects (Groq)": Fault(
            error(400, code="tool_use_failed", failed_generation='{"name": "add", "arguments": {"x": 1}}'), "act"
        ),
        "words that the model may not have meant (Groq)": Fault(
            error(400, code="tool_use_failed", failed_generation="maybe"), "malformed", "thoughts only"
        ),
        "a model's mistake that is told in words alone (Groq)": Fault(error(400, code="tool_use_failed"), "malformed", "thoughts only"),
        "a call that the server could not read (Ollama)": Fault(error(500, message="error parsing tool call: raw='{', err=x"), "malformed"),
        "a call that the server could not read (llama.cpp)": Fault(error(500, message="Failed to parse input at pos 9: <t"), "malformed"),
        "roles that the template does not know (llama.cpp)": Fault(
            error(500, message="System role not supported"), BackendRejected, "role", 2
        ),
    }


FAULTS = faults()
ROWS = {name: fault for name, fault in FAULTS.items() if not name.isdecimal() or name in ("400", "401", "404", "429", "500", "529")}


@tool(read_only=True)
def add(a: int = 0) -> int:
    """Add nothing."""
    return a


async def at_once(_: float) -> None:
    return None


async def ask(url: str, *, stream: bool, timeout: float | None = None, most: int = 2) -> tuple[ModelReply, list[Delta]]:
    backend = OpenAIChatBackend("m", base_url=url, timeout=PATIENT, max_retries=Retries(most, sleep=at_once))
    heard: list[Delta] = []
    try:
        return await backend.reply(REQUEST, listen=heard.append if stream else None, timeout=timeout), heard
    finally:
        await backend.aclose()


def run(fault: Fault) -> tuple[ModelReply | BackendError, int]:
    """What came of it, and how often the server was asked."""

    async def main() -> tuple[ModelReply | BackendError, int]:
        async with serve(fault.play) as (url, asked):
            try:
                reply, _ = await ask(url, stream=fault.stream)
            except BackendError as error:
                return error, len(asked)
            return reply, len(asked)

    return at_its_pace(fault, main())


def at_its_pace(fault: Fault, main: Coroutine[Any, Any, T]) -> T:
    """A server that is slow is waited for without the waiting."""
    with asyncio.Runner(loop_factory=at_leisure if fault.outcome is BackendTimeout else None) as runner:
        return runner.run(main)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_each_fault_ends_as_the_contract_says(fault: Fault) -> None:
    began = time.monotonic()
    found, tries = run(fault)
    assert time.monotonic() - began < 8
    assert tries == fault.tries
    if isinstance(fault.outcome, str):
        assert isinstance(found, ModelReply), repr(found)
        assert found.reading == fault.outcome
        assert fault.words in f"{found.message.text} {found.complaint}"
    else:
        assert type(found) is fault.outcome, repr(found)
        assert fault.words in str(found)


@pytest.mark.parametrize("fault", ROWS.values(), ids=ROWS)
def test_each_fault_is_an_outcome_of_a_run(fault: Fault) -> None:
    """What the table says of a backend, as a run tells it: it ends, says how, and keeps a trace that loads."""

    async def run_it() -> Result:
        async with serve(fault.play) as (url, _):
            backend = OpenAIChatBackend("m", base_url=url, timeout=PATIENT, max_retries=Retries(2, sleep=at_once))
            agent = Agent(backend, tools=[add], limits=Limits(steps=1, mistakes=1))
            try:
                if not fault.stream:
                    return await agent.run("q")
                async with agent.stream("q") as running:
                    async for _ in running:
                        pass
                return running.result
            finally:
                await backend.aclose()

    result = at_its_pace(fault, run_it())
    kind = result.outcome.kind
    if isinstance(fault.outcome, str):
        assert (
            kind in {"answer": ("answered",), "malformed": ("malformed", "refused"), "act": ("limit", "malformed", "looped")}[fault.outcome]
        )
    else:
        assert kind == "failed"
        assert result.outcome.error is not None
        assert result.outcome.error.type == fault.outcome.__name__
        assert type(result.error) is fault.outcome
    assert list(Trace.from_jsonl(result.trace.to_jsonl())) == list(result.trace)


def test_calls_that_a_reader_of_the_table_would_ask_about() -> None:
    def calls(name: str) -> Any:
        found, _ = run(FAULTS[name])
        assert isinstance(found, ModelReply)
        return found.message.calls

    assert len(calls("500 calls")) == 500
    assert [made.arguments for made in calls("call with invalid JSON")] == [None]
    assert [made.arguments for made in calls("stream: a call twice")] == [None]  # never the first half of it
    assert calls("a model's mistake that rejects (Groq)")[0].arguments == {"x": 1}


def test_nobody_listens_on_that_port() -> None:
    async def refused() -> None:
        async with serve(script()) as (url, _):
            pass
        await ask(url, stream=False)

    with pytest.raises(BackendUnavailable, match="check that the server runs"):
        asyncio.run(refused())


def test_a_proxy_is_for_servers_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    async def asked_of(url: str) -> str:
        return (await ask(url, stream=False))[0].message.text

    async def both() -> tuple[str, str, int]:
        async with serve(whole(GOOD)) as (proxy, asked), serve(whole(GOOD)) as (here, _):
            monkeypatch.setenv("HTTP_PROXY", proxy.removesuffix("/v1"))
            return await asked_of("http://model.invalid/v1"), await asked_of(here), len(asked)

    for name in ("http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert asyncio.run(both()) == ("four", "four", 1)


def test_a_proxy_of_an_unknown_kind_bars_no_server_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async def here() -> str:
        async with serve(whole(GOOD)) as (url, _):
            return (await ask(url, stream=False))[0].message.text

    monkeypatch.setenv("ALL_PROXY", "smoke://127.0.0.1:9")
    assert asyncio.run(here()) == "four"
    with pytest.raises(BackendError, match=r"proxy URL"):
        asyncio.run(ask("http://model.invalid/v1", stream=False, most=0))


def test_no_such_host() -> None:
    with pytest.raises(BackendUnavailable, match=r"no connection to http://nobody\.invalid"):
        asyncio.run(ask("http://nobody.invalid/v1", stream=False, most=0))


def test_after_a_fault_the_next_try_answers() -> None:
    async def recovers() -> tuple[ModelReply, list[Delta]]:
        plays = (script("reset"), chunked(FO, end=False), chunked(FO, UR, STOP, DONE))
        async with serve(*plays) as (url, _):
            return await ask(url, stream=True)

    reply, heard = asyncio.run(recovers())
    assert reply.message.text == "four"
    assert [(attempt.error or "").split(":")[0] for attempt in reply.route] == ["BackendUnavailable", "BackendProtocolError"]
    assert [(delta.kind, delta.text) for delta in heard] == [("text", "fo"), ("restart", ""), ("text", "fo"), ("text", "ur")]


def test_a_listener_that_heard_nothing_is_told_of_no_restart() -> None:
    async def recovers() -> tuple[ModelReply, list[Delta]]:
        async with serve(script("reset"), error(503), chunked(FO, UR, STOP, DONE)) as (url, _):
            return await ask(url, stream=True)

    assert [delta.kind for delta in asyncio.run(recovers())[1]] == ["text", "text"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_callers_deadline_holds_over_all_tries(stream: bool) -> None:
    async def late() -> float:
        async with serve(drip(head(kind="text/event-stream" if stream else "application/json"), b": \n", 0.02)) as (url, _):
            began = time.monotonic()
            with pytest.raises(BackendTimeout):
                await ask(url, stream=stream, timeout=0.2)
            return time.monotonic() - began

    assert asyncio.run(late()) < 2


@pytest.mark.parametrize("stream", [False, True])
def test_cancellation_goes_through_and_closes_the_connection(stream: bool) -> None:
    async def cancelled() -> None:
        async with serve(script(head(kind="text/event-stream") + FO, "hang")) as (url, asked):
            task = asyncio.create_task(ask(url, stream=stream))
            while not asked:  # noqa: ASYNC110 - the list is the server's, and it fills at once
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancelled())


HEAVY = [
    "20 MB of broken JSON",
    "20 MB of broken JSON, streamed",
    "500 calls",
    "100 MB of an error",
    "100 MB, not declared",
    "100 MB of a stream",
    "a line of 100 MB",
    "compressed bomb",
    "one endless header",
]


@pytest.mark.parametrize("name", HEAVY)
def test_memory_stays_bounded(name: str) -> None:
    fault = FAULTS[name]
    run(FAULTS["web page"])  # whatever is imported on first use
    tracemalloc.start()
    try:
        run(fault)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50_000_000
    assert MOST_BYTES == 21_000_000


def test_one_backend_serves_loop_after_loop() -> None:
    """A new event loop gets a client of its own, and the old one's connections were closed with it: no warning is left."""
    backend: list[OpenAIChatBackend] = []

    async def once() -> str:
        async with serve(whole(GOOD)) as (url, _):
            made = OpenAIChatBackend("m", base_url=url)
            backend.append(made)
            return (await made.reply(REQUEST)).message.text

    async def again() -> str:
        async with serve(whole(GOOD)) as (url, _):
            backend[0]._base_url = url
            return (await backend[0].reply(REQUEST)).message.text

    assert [asyncio.run(once()), asyncio.run(again()), asyncio.run(again())] == ["four"] * 3
    asyncio.run(backend[0].aclose())


def test_a_backend_that_was_forgotten_closes_its_connections() -> None:
    async def forgetful() -> int:
        async with serve(whole(GOOD)) as (url, _):
            for _ in range(3):
                await OpenAIChatBackend("m", base_url=url).reply(REQUEST)
            gc.collect()
            async with asyncio.timeout(5):
                while _Open.alive:  # noqa: ASYNC110 - they close in this very loop
                    await asyncio.sleep(0)
            await OpenAIChatBackend("m", base_url=url).reply(REQUEST)
            return len(_Open.alive)

    assert asyncio.run(forgetful()) == 1
    gc.collect()
    assert not _Open.alive  # the last one was closed with its loop


@pytest.mark.parametrize("stream", [False, True])
def test_a_connection_is_used_again(stream: bool) -> None:
    """Even where the end of the body comes a little after the end mark."""
    late = script(head("200 OK", "text/event-stream", "transfer-encoding: chunked"), *_in_chunks(FO, UR, STOP, DONE), 0.02, b"0\r\n\r\n")

    async def thrice() -> int:
        async with serve(late if stream else whole(GOOD), keep=True) as (url, connections):
            backend = OpenAIChatBackend("m", base_url=url)
            for _ in range(3):
                reply = await backend.reply(REQUEST, listen=(lambda delta: None) if stream else None)
                assert reply.message.text == "four"
            await backend.aclose()
            return len(connections)

    assert asyncio.run(thrice()) == 1


def _in_chunks(*pieces: bytes) -> list[bytes]:
    return [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
