"""A conversation that became too long is shortened by rule, and the run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from react_agent.agent import Agent
from react_agent.backends.base import Listener
from react_agent.backends.combine import Fallback
from react_agent.backends.mock import MockBackend, ScriptItem, call
from react_agent.backends.replay import ReplayBackend
from react_agent.compaction import KEEP, shorten
from react_agent.errors import BackendRejected, ContextOverflow
from react_agent.events import Compacted, Finished, Replied, Stopped
from react_agent.loop import fold
from react_agent.messages import (
    Delta,
    Image,
    Message,
    ModelReply,
    ModelRequest,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    assistant,
    system,
    user,
)
from react_agent.replaying import replay
from react_agent.tooling import tool

LONG = "x" * 5_000


def step(text: str = LONG, name: str = "look", *, untrusted: bool = False, calls: int = 1) -> tuple[Message, Message]:
    results = tuple(ToolResult(name, (Text(text),), untrusted=untrusted) for _ in range(calls))
    return assistant(Thinking("hm"), *(ToolCall(name, {"at": at}) for at in range(calls))), Message("tool", results)


def apply(messages: Sequence[Message], began: int = 0, **more: Any) -> list[Message]:
    now = list(messages)
    for piece in shorten(messages, began, **more):
        now[piece.start : piece.end] = piece.messages
    return now


def size(messages: Sequence[Message]) -> int:
    return sum(len(part.text) for message in messages for part in (*message.parts, *message.results) if hasattr(part, "text"))


HEAD = (system("s"), user("the task"))


def test_old_observations_go_first_and_the_last_stays() -> None:
    before = [*HEAD, *step(), *step(), *step()]
    now = apply(before, share=0.4)
    assert len(now) == len(before)
    assert [len(message.results[0].text) < 600 for message in now if message.role == "tool"] == [True, True, False]
    text = now[3].results[0].text
    assert text.startswith("x" * 200)
    assert text.endswith("x" * 100)
    assert "4,700 characters are left out" in text
    assert (now[2], now[4], now[6], now[7]) == (before[2], before[4], before[6], before[7])


def test_no_more_than_is_needed() -> None:
    before = [*HEAD, *step(), *step(), *step(), *step()]
    assert [message is now for message, now in zip(before, apply(before, share=0.8), strict=True)].count(False) == 1


def test_pictures_become_words() -> None:
    seen = Message("tool", (ToolResult("look", (Text("a cat"), Image("image/png", data="aGk="))),))
    now = apply([*HEAD, assistant(ToolCall("look", {})), seen, *step("short")])
    assert now[3].results[0].text == "a cat\n[a picture, image/png, is left out: the conversation became too long]"


def test_what_is_untrusted_stays_so_and_the_note_stands_in_the_question() -> None:
    before = [
        *HEAD,
        *step("w" * 400, untrusted=True),
        *step("w" * 400, untrusted=True),
        *step("w" * 400, untrusted=True),
        *step("w" * 400, untrusted=True),
    ]
    before[2] = assistant("A" * 3000, *before[2].calls)
    before[6] = assistant(Thinking("B" * 100), *before[6].calls)
    now = apply(before, share=0.01)
    assert all(result.untrusted for message in now for result in message.results)
    assert "Here 3 earlier steps are left out" in now[1].text
    assert "look (3 times)" in now[1].text


def test_what_a_person_said_between_steps_stays() -> None:
    told = [*HEAD, *step("w" * 9000, untrusted=True), user("and faster!"), *step("t"), *step("u"), *step("v")]
    told[5] = assistant("A" * 9000, *told[5].calls)
    now = apply(told, share=0.001)
    assert [message.role for message in now] == ["system", "user", "assistant", "tool", "user", "assistant", "tool"]
    assert now[4].text.startswith("and faster!")
    assert "2 earlier steps are left out" in now[4].text


def test_earlier_questions_go_before_the_steps_of_this_one() -> None:
    talk = [system("s")]
    for number in range(6):
        talk += [user(f"question {number}"), assistant("answer " * 200)]
    began = len(talk)
    talk += [user("now?"), *step("short"), *step("short")]
    now = apply(talk, began)
    assert now[0] == talk[0]
    assert now[1].role == "user"
    assert "earlier messages are left out" in now[1].text
    assert "question" in now[1].text
    assert now[-5:] == talk[-5:]
    assert shorten(talk[:began], 0) == ()  # one question's own words are never left out


def test_an_earlier_question_goes_even_where_nothing_was_said_to_it() -> None:
    talk = [system("s"), user("hello"), assistant("hi"), user("long " * 500), user("now?")]
    now = apply(talk, 4)
    assert [message.role for message in now] == ["system", "user"]
    assert "3 earlier messages are left out" in now[1].text
    assert now[1].text.endswith("now?")


def test_old_steps_are_left_out_when_nothing_else_helps() -> None:
    many = [*HEAD]
    for number in range(40):
        many += step(f"result {number}", f"tool{number % 2}")
    now = apply(many)
    assert now[0] == many[0]
    assert now[1].text.startswith("the task\n\n[")
    assert "What was called: tool0 (" in now[1].text
    assert now[-2:] == many[-2:]
    assert len(now) < 50


def test_the_last_observation_is_cut_when_it_alone_is_too_long() -> None:
    before = [*HEAD, *step("y" * 100_000)]
    now = apply(before)
    assert 40_000 < len(now[3].results[0].text) < 60_000
    for _ in range(12):
        now = apply(now)
    assert len(now[3].results[0].text) < 4 * KEEP
    assert shorten(now) == ()


@pytest.mark.parametrize("messages", [[], [system("s")], [*HEAD], [*HEAD, assistant("a"), user("b" * 9000)], [*HEAD, *step("short")]])
def test_nothing_to_leave_out(messages: list[Message]) -> None:
    assert shorten(messages) == ()


@st.composite
def talks(draw: st.DrawFn) -> tuple[list[Message], int]:
    talk, began = [system("s")], 0
    for _ in range(draw(st.integers(1, 4))):
        began = len(talk) if len(talk) > 1 else 0
        talk.append(user("q" * draw(st.integers(1, 50))))
        for _ in range(draw(st.integers(0, 6))):
            talk += step(
                "r" * draw(st.integers(0, 3000)),
                draw(st.sampled_from(["a", "b"])),
                untrusted=draw(st.booleans()),
                calls=draw(st.integers(1, 3)),
            )
            if draw(st.integers(0, 5)) == 0:
                talk.append(user("a word"))
        talk.append(assistant("t" * draw(st.integers(1, 900))))
    return talk[: draw(st.integers(1, len(talk)))], began


@settings(max_examples=200)
@given(talks(), st.sampled_from([0.1, 0.5, 0.9]))
def test_laws(made: tuple[list[Message], int], share: float) -> None:
    talk, began = made
    began = min(began, len(talk) - 1)
    began = began if began and talk[began].role == "user" else 0
    now = apply(talk, began, share=share)
    pieces = shorten(talk, began, share=share)
    assert pieces == shorten(talk, began, share=share)
    if not pieces:
        assert now == talk
        return
    assert size(now) < size(talk) + 400  # a note may be longer than a short word
    assert now[0] == talk[0]
    assert len(pieces) <= 2
    for at, message in enumerate(now):  # each call with its results, and results with their calls
        assert (message.role == "tool") == (at > 0 and bool(now[at - 1].calls))
        if message.role == "tool":
            assert [result.name for result in message.results] == [one.name for one in now[at - 1].calls]
    shift = sum(len(piece.messages) - (piece.end - piece.start) for piece in pieces if piece.end <= began)
    words = now[began + shift].text if began else ""
    assert not began or talk[began].text in words
    assert [m for m in talk[began:] if m.role == "assistant"][-1:] == [m for m in now[began + shift :] if m.role == "assistant"][-1:]
    if any(message.role == "tool" for message in talk[began:]):  # the last step of the present question
        assert [m for m in now if m.role == "tool"][-1].results[0].name == [m for m in talk if m.role == "tool"][-1].results[0].name


# ------------------------------------------------------------------------------------------------------------- in a run


@tool(read_only=True)
def look(page: int) -> str:
    """Look at a page."""
    return f"page {page} " + "z" * 4_000


@tool(read_only=True)
def book() -> str:
    """Look at all pages."""
    return "z" * 30_000


TOO_LONG = ContextOverflow("the prompt is longer than the model's context", status=400)


def narrow(limit: int, item: ScriptItem) -> Any:
    """A model of so many characters' context."""

    def reply(request: ModelRequest) -> ScriptItem:
        return TOO_LONG if size(request.messages) > limit else item

    return reply


def test_a_run_goes_on_with_a_shorter_conversation() -> None:
    pages: list[ScriptItem] = [call("look", page=page) for page in range(3)]
    backend = MockBackend([*pages, TOO_LONG, "done"])
    result = Agent(backend, tools=[look]).run_sync("read")
    assert (result.outcome.kind, result.answer) == ("answered", "done")
    compacted = [event for event in result.trace if isinstance(event, Compacted)]
    assert len(compacted) == 1
    assert "observations shortened" in compacted[0].reason
    assert size(backend.requests[-1].messages) < size(backend.requests[-2].messages) * 0.7
    assert "page 2 zzz" in backend.requests[-1].messages[-1].results[0].text
    assert len(result.steps) == 4
    assert result.trace.from_jsonl(result.trace.to_jsonl()) == result.trace


class Began(MockBackend):
    """Has said something of a reply before it finds that the conversation is too long."""

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        if listen is not None and callable(self.script[len(self.requests)]):
            listen(Delta("text", "half an answer"))
        return await super().reply(request, listen=listen, timeout=timeout)


@pytest.mark.parametrize("secrets", [[], ["s3cr3t-w0rd"]], ids=["plain", "with secrets"])
def test_what_was_streamed_of_a_reply_that_became_too_long_is_void(secrets: list[str]) -> None:
    backend = Began([call("look", page=0), call("look", page=1), narrow(0, "never"), "done"])

    async def watch() -> list[str]:
        async with Agent(backend, tools=[look], secrets=secrets).stream("read") as run:
            return [f"{item.kind} {item.text}" for item in [item async for item in run] if isinstance(item, Delta) and item.kind != "call"]

    assert asyncio.run(watch()) == ["text half an answer", "restart ", "text done"]


def test_as_often_as_it_takes() -> None:
    backend = MockBackend([call("look", page=0), call("look", page=1), *[narrow(1_500, "done")] * 9])
    result = Agent(backend, tools=[look]).run_sync("read")
    assert result.answer == "done"
    assert 2 <= sum(isinstance(event, Compacted) for event in result.trace) <= 4


def test_the_tries_are_counted_anew_after_each_reply() -> None:
    script: list[ScriptItem] = []
    for page in range(8):
        script += [call("look", page=page), TOO_LONG]
    result = Agent(MockBackend([*script, "done"]), tools=[look]).run_sync("read")
    assert result.answer == "done"


@pytest.mark.parametrize(
    ("script", "compactions"),
    [([TOO_LONG], 0), ([call("book"), *[TOO_LONG] * 5], 4)],
    ids=["nothing to leave out", "four times and still too long"],
)
def test_then_the_run_fails_and_says_why(script: list[ScriptItem], compactions: int) -> None:
    backend = MockBackend(script)
    result = Agent(backend, tools=[look, book]).run_sync("q")
    assert result.outcome.kind == "failed"
    assert result.outcome.error is not None
    assert result.outcome.error.type == "ContextOverflow"
    assert result.error is TOO_LONG
    assert sum(isinstance(event, Compacted) for event in result.trace) == compactions
    assert isinstance(result.trace[-2], Stopped)
    assert isinstance(result.trace[-1], Finished)
    backend.check()


def test_other_errors_shorten_nothing() -> None:
    result = Agent(MockBackend([call("look", page=1), BackendRejected("no")]), tools=[look]).run_sync("q")
    assert result.outcome.kind == "failed"
    assert not any(isinstance(event, Compacted) for event in result.trace)


def test_another_model_with_a_larger_context_is_asked_first() -> None:
    small, large = MockBackend([TOO_LONG], name="small"), MockBackend(["done"], name="large")
    result = Agent(Fallback(small, large), tools=[look]).run_sync("q")
    assert result.answer == "done"
    assert not any(isinstance(event, Compacted) for event in result.trace)


def test_the_next_question_knows_where_it_begins() -> None:
    """Earlier questions are left out, and the run's partial result is still of the present one."""
    agent = Agent(MockBackend(["one " * 500]), tools=[look])
    trace = agent.run_sync("first").trace
    for number in range(3):
        trace = Agent(MockBackend([f"{number} " * 500]), tools=[look]).resume_sync(trace, f"question {number}").trace
    backend = MockBackend([TOO_LONG, call("look", page=7), BackendRejected("gone")])
    result = Agent(backend, tools=[look]).resume_sync(trace, "last question")
    state = fold(result.trace)
    assert state.view[state.began].text.endswith("last question")
    assert result.partial.startswith("page 7")
    assert len(backend.requests[1].messages) < len(backend.requests[0].messages)


def test_a_shortened_run_replays_and_resumes() -> None:
    script = [call("look", page=0), call("look", page=1), *[narrow(2_000, "done")] * 9]
    result = Agent(MockBackend(script), tools=[look]).run_sync("read")
    assert sum(isinstance(event, Compacted) for event in result.trace) > 1
    replay(result.trace)
    again = Agent(ReplayBackend(result.trace), tools=[look]).run_sync("read")
    assert again.answer == "done"
    kinds = [type(event) for event in result.trace]
    assert [type(event) for event in again.trace] == kinds
    at = kinds.index(Compacted) + 1
    forked = Agent(MockBackend([narrow(2_000, "forked")] * 9, repeat=True), tools=[look]).fork_sync(result.trace, at)
    assert forked.answer == "forked"
    assert sum(isinstance(event, Replied) for event in result.trace) == 3
