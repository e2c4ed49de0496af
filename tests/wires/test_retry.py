"""What is tried again, when, and how long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import partial

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.names import resolve
from react_agent.backends.providers import PROVIDERS
from react_agent.backends.retry import Retries, Timeouts, persist, retry_after
from react_agent.errors import (
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ConfigError,
    ContextOverflow,
)

from ._say import ANSWER, Clock, Server, ask

OK = httpx.Response(200, json=ANSWER)


def said(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(
        status, json={"error": {"message": "no", "type": "x"}}, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_these_are_tried_again(status: int) -> None:
    server, clock = Server(said(status), said(status), OK), Clock()
    reply, _ = ask(server, clock=clock)
    assert reply.message.text == "four"
    assert clock.slept == [0.5, 1.0]
    assert [(attempt.backend, attempt.reason) for attempt in reply.route] == [("https://llm.test/v1#m", "tried again")] * 2
    assert reply.route[0].error is not None
    assert str(status) in reply.route[0].error


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 413, 415, 422, 451])
def test_these_are_not(status: int) -> None:
    server, clock = Server(said(status)), Clock()
    with pytest.raises(BackendRejected) as caught:
        ask(server, clock=clock)
    assert (caught.value.status, len(server.asked), clock.slept) == (status, 1, [])


def test_the_last_error_says_how_often() -> None:
    server = Server(said(503, x_request_id="r-7"))
    with pytest.raises(BackendUnavailable, match="tried 3 times") as caught:
        ask(server)
    assert len(server.asked) == 3
    assert (caught.value.status, caught.value.request_id) == (503, "r-7")


LOST = {
    "refused": (httpx.ConnectError("refused"), BackendUnavailable, "no connection to https://llm.test"),
    "reset": (httpx.ReadError("reset"), BackendUnavailable, "was lost"),
    "gone": (httpx.RemoteProtocolError("Server disconnected without sending a response."), BackendUnavailable, "was lost"),
    "silent": (httpx.ReadTimeout("t"), BackendTimeout, "was silent"),
    "no way there": (httpx.ConnectTimeout("t"), BackendTimeout, "no connection"),
    "not http": (httpx.RemoteProtocolError("illegal status line"), BackendProtocolError, "proper HTTP"),
    "client's own trouble": (RuntimeError("Cannot send a request, as the client has been closed."), BackendRejected, "closed"),
    "something else": (KeyError("x"), BackendError, "KeyError"),
}


@pytest.mark.parametrize(("error", "kind", "words"), LOST.values(), ids=LOST)
def test_lost_connections(error: Exception, kind: type[BackendError], words: str) -> None:
    server = Server(error)
    with pytest.raises(kind, match=words):
        ask(server)
    assert len(server.asked) == (3 if issubclass(kind, BackendUnavailable) else 1)
    assert ask(Server(error, OK))[0].message.text == "four" if issubclass(kind, BackendUnavailable) else True


NOW = 1_700_000_000.0
AFTER = {
    "seconds": ({"retry-after": "7"}, 7.0),
    "fractions": ({"retry-after": "1.5"}, 1.5),
    "milliseconds first": ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
    "date": ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
    "date gone by": ({"retry-after": formatdate(NOW - 30, usegmt=True)}, 0.0),
    "absent": ({}, None),
    "nonsense": ({"retry-after": "soon"}, None),
    "negative": ({"retry-after": "-3"}, None),
    "endless": ({"retry-after": "inf"}, None),
    "no number": ({"retry-after": "nan"}, None),
    "bad milliseconds": ({"retry-after-ms": "x", "retry-after": "2"}, 2.0),
}


@pytest.mark.parametrize(("headers", "seconds"), AFTER.values(), ids=AFTER)
def test_what_the_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, lambda: NOW) == seconds


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of this process cannot be set here")
def test_a_date_without_a_zone_is_in_universal_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "EST5")
        time.tzset()
        found = retry_after({"retry-after": time.asctime(time.gmtime(NOW + 30))}, lambda: NOW)
    time.tzset()
    assert found == 30.0


@given(st.text(max_size=30))
def test_no_header_is_too_strange(value: str) -> None:
    found = retry_after({"retry-after": value}, lambda: NOW)
    assert found is None or found >= 0


def test_the_wait_is_obeyed() -> None:
    clock = Clock()
    ask(Server(said(429, retry_after="7"), said(429, retry_after_ms="1500"), OK), clock=clock)
    assert clock.slept == [7.0, 1.5]


@pytest.mark.parametrize(
    ("header", "timeout", "words"), [("4000", None, "asks to wait 4000 s"), ("121", None, "121 s"), ("50", 20.0, "20 s were allowed")]
)
def test_too_long_a_wait_ends_at_once(header: str, timeout: float | None, words: str) -> None:
    server, clock = Server(said(429, retry_after=header)), Clock()
    with pytest.raises(BackendUnavailable, match=words) as caught:
        ask(server, clock=clock, timeout=timeout)
    assert (len(server.asked), clock.slept, caught.value.retry_after) == (1, [], float(header))


def test_no_pause_goes_beyond_the_deadline() -> None:
    server, clock = Server(said(500)), Clock()
    with pytest.raises(BackendUnavailable, match="tried 2 times"):
        ask(server, clock=clock, timeout=1.2)
    assert clock.slept == [0.5]


@pytest.mark.parametrize(("status", "should", "tries"), [(500, "false", 1), (400, "true", 3), (400, "maybe", 1)])
def test_the_server_may_decide(status: int, should: str, tries: int) -> None:
    server = Server(said(status, x_should_retry=should))
    with pytest.raises(BackendError):
        ask(server)
    assert len(server.asked) == tries


def test_pauses_double_up_to_a_limit() -> None:
    policy = Retries(9, chance=lambda: 0.0)
    assert [policy.pause(tried, None) for tried in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert Retries(chance=lambda: 1.0).pause(1, None) == 0.375


def test_no_retries_at_all() -> None:
    server = Server(said(500))
    with pytest.raises(BackendUnavailable):
        ask(server, max_retries=0)
    assert len(server.asked) == 1


def test_cancellation_goes_through_untouched() -> None:
    async def attempt(_: float | None) -> None:
        raise asyncio.CancelledError("stop")

    async def run() -> None:
        await persist(attempt, Retries(), None, "b")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_foreign_exceptions_are_not_swallowed_by_the_policy() -> None:
    async def attempt(_: float | None) -> None:
        raise ContextOverflow("long")

    with pytest.raises(ContextOverflow):
        asyncio.run(persist(attempt, Retries(), None, "b"))  # type: ignore[arg-type]


def test_each_try_gets_the_time_that_is_left() -> None:
    clock = Clock()
    given: list[float | None] = []

    async def attempt(seconds: float | None) -> None:
        given.append(seconds)
        clock.now += 2
        raise BackendUnavailable("down")

    with pytest.raises(BackendUnavailable):
        asyncio.run(persist(attempt, clock.retries(9), 10.0, "b"))
    assert given == [10.0, 7.5, 4.5, 0.5]


# -------------------------------------------------------------------------------------------------- what cannot be

NONSENSE: list[tuple[str, Callable[[Callable[..., object]], object]]] = [
    ("timeout: silence is -1; it is a number of seconds above 0", lambda made: made(timeout=-1)),
    ("timeout: silence is 0;", lambda made: made(timeout=0)),
    ("timeout: silence is nan;", lambda made: made(timeout=float("nan"))),
    ("timeout: silence is None;", lambda made: made(timeout=None)),
    ("timeout: silence is '30';", lambda made: made(timeout="30")),
    ("timeout: connect is 0;", lambda made: made(timeout=Timeouts(connect=0))),
    ("timeout: total is -3;", lambda made: made(timeout=Timeouts(total=-3))),
    ("max_retries: most is -1; it is a whole number from 0 on", lambda made: made(max_retries=-1)),
    ("max_retries: most is 1.5;", lambda made: made(max_retries=1.5)),
    ("max_retries: most is None;", lambda made: made(max_retries=None)),
    ("max_retries: first is -1;", lambda made: made(max_retries=Retries(first=-1))),
    ("max_retries: longest is -1;", lambda made: made(max_retries=Retries(longest=-1))),
]
DOORS: dict[str, Callable[..., object]] = {kind: partial(made, "m", api_key="k") for kind, made in PROVIDERS.items()} | {
    "openai": partial(OpenAIChatBackend, "m", api_key="k"),
    "by name": partial(resolve, "ollama:m"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("words", "make"), NONSENSE, ids=[words for words, _ in NONSENSE])
def test_times_and_tries_that_cannot_be_are_told_at_once(door: str, words: str, make: Callable[[Callable[..., object]], object]) -> None:
    with pytest.raises(ConfigError, match=words):
        make(DOORS[door])


@pytest.mark.parametrize("door", DOORS)
def test_times_and_tries_that_can_be(door: str) -> None:
    for options in (
        {"timeout": 0.1},
        {"timeout": float("inf")},
        {"timeout": Timeouts(1, 2, 3)},
        {"max_retries": 0},
        {"max_retries": Retries(first=0)},
    ):
        DOORS[door](**options)


def test_who_bears_much_silence_gives_as_much_time_in_all() -> None:
    assert Timeouts.of(9000.0) == Timeouts(silence=9000.0, total=9000.0)
    assert Timeouts.of(5) == Timeouts(silence=5)
    assert Timeouts.of(Timeouts(1, 2, 3)) == Timeouts(1, 2, 3)
