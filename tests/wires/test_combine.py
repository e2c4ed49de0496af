"""Backends made of backends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from react_agent.agent import Agent
from react_agent.backends.base import Backend, Listener
from react_agent.backends.combine import Fallback, RateLimited, Router, by_model
from react_agent.backends.leaf import LeafBackend, OpenAIChatBackend
from react_agent.backends.mock import MockBackend, call
from react_agent.backends.providers import AnthropicBackend, GeminiBackend
from react_agent.errors import BackendError, BackendRejected, BackendTimeout, BackendUnavailable, ConfigError
from react_agent.messages import Delta, Message, MessageView, ModelReply, ModelRequest, Text, Usage, user

from ._say import KEY, URL, Clock, asked


class Says:
    """Says its name, or raises; keeps how much time it was given."""

    def __init__(
        self, name: str, error: BackendError | None = None, *, said: str | None = None, fmt: str = "native", speaks: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.format_name = fmt
        self.error = error
        self.said = said or name
        self.asked: list[ModelRequest] = []
        self.given: list[float | None] = []
        self.speaks = speaks
        self.closed = False

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        self.asked.append(request)
        self.given.append(timeout)
        for piece in self.speaks:
            if listen is not None:
                listen(Delta("text", piece))
        if self.error is not None:
            raise self.error
        return ModelReply(Message("assistant", (Text(self.said),)), "answer", usage=Usage(40, 20))

    async def aclose(self) -> None:
        self.closed = True


def reply(backend: Backend, request: ModelRequest | None = None, timeout: float | None = None) -> ModelReply:
    return asyncio.run(backend.reply(request or asked(), timeout=timeout))


def test_the_next_one_when_one_fails() -> None:
    lost, refused, fine = Says("a", BackendUnavailable("down")), Says("b", BackendRejected("no key")), Says("c", fmt="react_text")
    backend = Fallback(lost, refused, fine)
    found = reply(backend, timeout=60)
    assert found.message.text == "c"
    assert [(attempt.backend, attempt.error) for attempt in found.route] == [
        ("a", "BackendUnavailable: down"),
        ("b", "BackendRejected: no key"),
        ("c", None),
    ]
    assert (backend.name, backend.format_name) == ("fallback(a, b, c)", "native+react_text")
    assert 0 < (fine.given[0] or 0) <= 60
    asyncio.run(backend.aclose())
    assert (lost.closed, refused.closed, fine.closed) == (True, True, True)


def test_models_are_combined_by_their_names_too() -> None:
    one, other = "completions:one", Says("other")
    assert Fallback(one, other).name == "fallback(completions:one, other)"
    assert Router({"a": one, "b": other}, lambda _: "a").format_name == "react_text+native"
    assert RateLimited(one, requests=9).name == one
    for given in ([other, one], 5):  # else the agent would say that `Fallback` is no backend
        with pytest.raises(ConfigError, match="each given by itself"):
            Fallback(given)  # type: ignore[arg-type]


def test_the_first_one_leaves_no_trace_of_the_others() -> None:
    assert reply(Fallback(Says("a"), Says("b"))).route == ()


def test_when_all_fail_each_is_heard() -> None:
    with pytest.raises(BackendRejected, match=r"a: BackendUnavailable: down; b: BackendRejected: no key"):
        reply(Fallback(Says("a", BackendUnavailable("down")), Says("b", BackendRejected("no key"))))


def test_what_is_no_reply_leads_to_the_next_one() -> None:
    class Words(Says):
        async def reply(self, request: ModelRequest, **how: object) -> Any:
            return "words"

    found = reply(Fallback(Words("a"), Says("b")))
    assert [(attempt.backend, attempt.error) for attempt in found.route] == [
        ("a", "BackendError: it gave back str, not a ModelReply"),
        ("b", None),
    ]


def test_only_the_errors_that_were_named() -> None:
    second = Says("b")
    with pytest.raises(BackendRejected):
        reply(Fallback(Says("a", BackendRejected("bad request")), second, on=(BackendUnavailable,)))
    assert second.asked == []


def test_the_deadline_is_for_all_together() -> None:
    backend = Fallback(Says("a", BackendUnavailable("down")), Says("b"))
    times = iter([0.0, 0.0, 9.0, 9.0])
    backend._clock = lambda: next(times)
    with pytest.raises(BackendTimeout, match="a: BackendUnavailable"):
        reply(backend, timeout=5)


GATES: dict[str, tuple[Callable[[ModelRequest], object], str, str]] = {
    "a name": (lambda request: "math", "math", "math"),
    "a name and why": (lambda request: ("math", "digits"), "math", "math: digits"),
    "an unknown name": (lambda request: "poetry", "prose", "no expert"),
    "nobody": (lambda request: None, "prose", "named no expert; 'prose' is the first"),
    "what is no name": (lambda request: 3, "prose", "gave 3, and no name; 'prose' is the first"),
}


@pytest.mark.parametrize(("gate", "said", "reason"), GATES.values(), ids=GATES)
def test_a_gate_picks_an_expert(gate: Callable[[ModelRequest], object], said: str, reason: str) -> None:
    backend = Router({"prose": Says("prose"), "math": Says("math")}, gate)  # type: ignore[arg-type]
    found = reply(backend, timeout=60)
    assert found.message.text == said
    assert (found.route[0].backend, found.route[0].error) == (said, None)
    assert reason in (found.route[0].reason or "")


def test_a_gate_may_be_asynchronous() -> None:
    async def gate(request: ModelRequest) -> str:
        return "b"

    assert reply(Router({"a": Says("a"), "b": Says("b")}, gate)).message.text == "b"


@pytest.mark.parametrize(
    ("said", "chosen"), [("math", "math"), ("'Math'.", "math"), ("I choose math", "math"), ("math or prose", "prose"), ("?", "prose")]
)
def test_a_small_model_as_the_gate(said: str, chosen: str) -> None:
    small = Says("small", said=said)
    gate = by_model(small, {"math": "numbers", "prose": "words"})
    backend = Router({"prose": Says("prose"), "math": Says("math")}, gate)
    view = MessageView().extend(user("What is 2+2?"))
    first = reply(backend, ModelRequest(view))
    reply(backend, ModelRequest(view.extend(first.message)))
    assert first.message.text == chosen
    assert len(small.asked) == 1  # once for each question, not for each step
    reply(backend, ModelRequest(view.extend(first.message, user("And now?"))))
    assert len(small.asked) == 2
    assert "numbers" in small.asked[0].messages[0].text


def test_what_a_gate_costs_is_counted_once() -> None:
    view = MessageView().extend(user("What is 2+2?"))
    backend = Router(
        {"prose": Says("prose"), "math": Says("math")}, by_model(Says("small", said="math"), {"math": "numbers", "prose": "words"})
    )
    first = reply(backend, ModelRequest(view))
    second = reply(backend, ModelRequest(view.extend(first.message)))
    assert (first.usage, second.usage) == (Usage(80, 40), Usage(40, 20))


def test_a_gate_that_is_lost_leads_to_the_first() -> None:
    gate = by_model(Says("small", BackendUnavailable("down")), {"a": "", "b": ""})
    found = reply(Router({"a": Says("a"), "b": Says("b")}, gate))
    assert found.message.text == "a"
    assert found.route[0].reason == "a: small could not decide: down; 'a' is the first"


def limited(clock: Clock, **limits: float) -> RateLimited:
    backend = RateLimited(Says("a"), **limits)  # type: ignore[arg-type]
    backend._clock, backend._sleep = lambda: clock.now, clock.sleep
    return backend


def test_so_many_a_minute() -> None:
    clock = Clock()
    backend = limited(clock, requests=30)
    assert [len(reply(backend).route) for _ in range(3)] == [0, 1, 1]
    assert clock.slept == [2.0, 2.0]
    clock.now += 100
    reply(backend)
    assert clock.slept == [2.0, 2.0]


def test_some_at_once() -> None:
    clock = Clock()
    backend = limited(clock, requests=60, burst=3)
    for _ in range(5):
        reply(backend)
    assert clock.slept == [1.0, 1.0]


def test_tokens_delay_what_comes_after() -> None:
    clock = Clock()
    backend = limited(clock, tokens=600)
    reply(backend)
    reply(backend)
    assert clock.slept == [6.0]  # 60 tokens at 10 a second


def test_a_wait_beyond_the_deadline_is_an_error_at_once() -> None:
    clock = Clock()
    backend = limited(clock, requests=1)
    reply(backend)
    with pytest.raises(BackendTimeout, match="rate limit"):
        reply(backend, timeout=5)
    assert clock.slept == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fallback(),
        lambda: Router({}, lambda request: "a"),
        lambda: RateLimited(Says("a")),
        lambda: RateLimited(Says("a"), requests=0),
        lambda: OpenAIChatBackend("m", api_key=KEY, headers={"X-Team": 3}),  # type: ignore[dict-item]  # wrong on purpose
    ],
)
def test_put_together_wrongly(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigError):
        make()


def test_the_next_one_begins_the_stream_anew() -> None:
    lost = Says("a", BackendUnavailable("down"), speaks=("ha", "lf"))
    heard: list[Delta] = []
    asyncio.run(Fallback(lost, Says("b", BackendUnavailable("down")), Says("c", speaks=("c",))).reply(asked(), listen=heard.append))
    assert [(delta.kind, delta.text) for delta in heard] == [("text", "ha"), ("text", "lf"), ("restart", ""), ("text", "c")]


KEYED = OpenAIChatBackend(
    "m", base_url="http://user:pass%20word-123@h.test/v1", headers={"X-Api-Key": "header-key-1234", "X-Team": "blue-team"}
)
SECRETS: dict[str, tuple[Callable[[], LeafBackend], tuple[str, ...]]] = {
    "key": (lambda: OpenAIChatBackend("m", base_url=URL, api_key=KEY), (f"Bearer {KEY}", KEY)),
    "another header": (lambda: AnthropicBackend("m", api_key=KEY, headers={"proxy-authorization": "Basic abcdefgh"}),
                       ("Basic abcdefgh", "abcdefgh", f"Bearer {KEY}", KEY)),
    "a header of the API's own": (lambda: GeminiBackend("m", api_key=KEY), (KEY,)),
    "in the URL": (lambda: KEYED, ("pass%20word-123", "pass word-123", "header-key-1234", "dXNlcjpwYXNzIHdvcmQtMTIz")),
    "a word that stands for none": (lambda: OpenAIChatBackend("m", base_url=URL, api_key="lm-studio"), ("Bearer lm-studio",)),
    "none": (lambda: OpenAIChatBackend("m", base_url="http://localhost:8080/v1"), ()),
}  # fmt: skip


@pytest.mark.parametrize(("make", "words"), SECRETS.values(), ids=SECRETS)
def test_a_leaf_tells_what_to_mask(make: Callable[[], LeafBackend], words: tuple[str, ...]) -> None:
    secrets = make().secrets
    assert set(words) <= set(secrets)
    assert [one for one in secrets if "user" in one or "blue" in one or one == "lm-studio"] == []


def test_backends_made_of_backends_tell_what_their_members_would() -> None:
    first, second = OpenAIChatBackend("m", base_url=URL, api_key=KEY), OpenAIChatBackend("m", base_url=URL, api_key="sk-another-one")
    expected = {KEY, "sk-another-one"}
    for backend in (
        Fallback(first, Says("no leaf"), second),
        Router({"a": first, "b": RateLimited(second, requests=1)}, lambda request: "a"),
        RateLimited(Fallback(first, second), requests=1),
    ):
        assert expected <= set(backend.secrets)


def test_a_key_that_a_tool_shows_is_masked_in_the_trace() -> None:
    def show() -> str:
        """Show."""
        return f"the key is {KEY}"

    class Keyed(MockBackend):
        secrets = OpenAIChatBackend("m", base_url=URL, api_key=KEY).secrets

    result = Agent(Fallback(Keyed([call("show"), "done"])), tools=[show]).run_sync("q")
    assert KEY.encode() not in result.trace.to_jsonl()
    assert result.answer == "done"


def test_they_are_backends() -> None:
    for backend in (Fallback(Says("a")), Router({"a": Says("a")}, lambda request: "a"), RateLimited(Says("a"), requests=1)):
        assert isinstance(backend, Backend)
