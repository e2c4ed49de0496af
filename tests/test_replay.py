"""A record as a test: the same requests come out again, and where they do not, the difference can be read."""

from __future__ import annotations

import asyncio
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _stories import STORIES, tell
from _world import World
from msgspec.structs import replace

from react_agent import (
    Agent,
    Delta,
    Diverged,
    Limits,
    MockBackend,
    Policy,
    Raw,
    ReplayBackend,
    Rule,
    Settings,
    Tool,
    Trace,
    call,
    replay,
    tool,
)
from react_agent.events import Called, Event, Finished, Replied, Returned
from react_agent.formats.base import RawReply
from react_agent.host import Run
from react_agent.loop import fold
from react_agent.messages import Message, ResultStatus, Text, Thinking
from react_agent.spec import AgentSpec

formats = pytest.mark.parametrize("format_name", ["native", "react_text"])
stories = pytest.mark.parametrize("name", STORIES)
SCRIPT = [call("lookup", key="a"), [call("add", a=1, b=2), call("lookup", key="b")], "done"]


def record(format_name: str = "native", **more: object) -> Trace:
    agent = Agent(MockBackend(SCRIPT, format=format_name), tools=World().tools(), instructions="Be brief.", **more)  # type: ignore[arg-type]
    return agent.run_sync("Go.").trace


def edited(trace: Trace, edit: Callable[[Event], Event]) -> Trace:
    return Trace([edit(event) for event in trace])


# -------------------------------------------------------------------------------------------------------- replay(trace)


@formats
@stories
def test_every_story_replays(name: str, format_name: str) -> None:
    trace = Trace.from_jsonl(tell(name, format_name).trace.to_jsonl())
    assert replay(trace) == fold(trace)


CHANGED: dict[str, tuple[Callable[[AgentSpec], AgentSpec], int, list[str]]] = {
    "prompt": (lambda spec: replace(spec, instructions="Be long."), 0, ["-system text: Be brief.", "+system text: Be long."]),
    "tools": (lambda spec: replace(spec, tools=spec.tools[1:]), 0, ['-tool: ["lookup"']),
    "description": (
        lambda spec: replace(spec, tools=(replace(spec.tools[0], description="Find a key."), *spec.tools[1:])),
        0,
        ["Look a key up.", "Find a key."],
    ),
    "settings": (lambda spec: replace(spec, settings=Settings(temperature=0.5)), 0, ["-settings", "temperature=0.5"]),
    "a limit that is told": (lambda spec: replace(spec, limits=Limits(steps=2)), 1, ["+", "steps are used"]),
    "a limit that ends": (lambda spec: replace(spec, limits=Limits(steps=1)), 1, ["-tool_choice: auto", "+tool_choice: none", "last step"]),
}


@pytest.mark.parametrize("what", CHANGED)
def test_a_changed_agent_would_ask_something_else(what: str) -> None:
    change, step, words = CHANGED[what]
    trace = record()
    with pytest.raises(Diverged) as raised:
        replay(trace, change(trace.started.spec))
    assert raised.value.step == step
    assert f"step {step}" in str(raised.value)
    for word in words:
        assert word in raised.value.difference
        assert word in str(raised.value)


def test_an_agent_that_asks_the_same_replays_though_it_is_another() -> None:
    trace = record()
    spec = replace(trace.started.spec, limits=Limits(steps=49, tokens=10**9), name="other")
    assert replay(trace, spec).answer == "done"


def test_a_file_is_replayed_by_its_path(tmp_path: Path) -> None:
    file = record().save(tmp_path / "r.jsonl")
    assert replay(file).steps == replay(str(file)).steps > 0


def test_a_changed_result_is_noticed_at_the_next_request() -> None:
    def edit(event: Event) -> Event:
        if isinstance(event, Returned) and (event.step, event.index) == (0, 0):
            return replace(event, result=replace(event.result, content=(Text("value of z"),)))
        return event

    with pytest.raises(Diverged) as raised:
        replay(edited(record(), edit))
    assert raised.value.step == 1
    assert "one before this step was edited" in str(raised.value)  # there is nothing else to compare with


def test_a_changed_reply_is_noticed_at_the_next_request() -> None:
    def edit(event: Event) -> Event:
        if isinstance(event, Replied) and event.reply.reading == "act":
            return replace(event, reply=replace(event.reply, message=Message("assistant", (*event.reply.message.parts, Text("!")))))
        return event

    with pytest.raises(Diverged) as raised:
        replay(edited(record(), edit))
    assert raised.value.step in (0, 1)


@pytest.mark.parametrize(
    "edit",
    [lambda event: replace(event, name="put"), lambda event: replace(event, key="run/7.7"), lambda event: replace(event, index=1)],
    ids=["another tool", "another key", "another call"],
)
def test_a_call_that_the_loop_does_not_plan_is_noticed(edit: Callable[[Called], Event]) -> None:
    trace = record()
    at = next(at for at, event in enumerate(trace) if isinstance(event, Called))
    event = trace[at]
    assert isinstance(event, Called)
    with pytest.raises(Diverged):
        replay(Trace([*trace[:at], edit(event), *trace[at + 1 :]]))


@formats
@stories
def test_a_result_without_its_call_is_noticed(name: str, format_name: str) -> None:
    """As when the line of a `called` was deleted from the file."""
    trace = tell(name, format_name).trace
    begun: dict[tuple[int, int], int] = {}
    for at, event in enumerate(trace):
        if isinstance(event, Called):
            begun[event.step, event.index] = at
        elif isinstance(event, Returned) and (event.step, event.index) in begun:
            gone = begun.pop((event.step, event.index))
            with pytest.raises(Diverged, match=r"no 'called' before it|has 'asked'"):
                replay(Trace([*trace[:gone], *trace[gone + 1 :]]))


def test_a_cached_result_needs_no_call_unless_it_had_to_be_asked_for() -> None:
    @tool(read_only=True, cache=True)
    def year() -> int:
        """Which year it is."""
        return 2026

    agent = Agent(MockBackend([call("year"), call("year"), "done"]), tools=[year])
    trace = agent.run_sync("Go.").trace
    assert [event.kind for event in trace].count("called") == 1
    assert replay(trace).answer == "done"
    with pytest.raises(Diverged, match="no 'called' before it"):
        replay(edited(trace, lambda event: replace(event, cached=None) if isinstance(event, Returned) else event))
    asking = replace(trace.started.spec, policy=Policy((Rule("ask", tools="year"),)))
    first = next(at for at, event in enumerate(trace) if isinstance(event, Called))
    cached = edited(trace, lambda event: replace(event, cached=True) if isinstance(event, Returned) else event)
    with pytest.raises(Diverged, match="to be asked for"):
        replay(Trace([*cached[:first], *cached[first + 1 :]]), asking)


@pytest.mark.parametrize("status", ["ok", "error", "invalid", "unknown_tool"])
def test_a_refusal_that_became_something_else_is_noticed(status: ResultStatus) -> None:
    trace = record(policy=Policy((Rule("deny", tools="lookup"),)))
    assert replay(trace).answer == "done"
    at = next(at for at, event in enumerate(trace) if isinstance(event, Returned))
    event = trace[at]
    assert isinstance(event, Returned)
    with pytest.raises(Diverged, match=f"with the status '{status}' and no 'called' before it, but the loop asks for .* to settle"):
        replay(Trace([*trace[:at], replace(event, result=replace(event.result, status=status)), *trace[at + 1 :]]))


def test_a_policy_that_would_not_have_let_a_call_run_is_noticed() -> None:
    trace = record()
    for decision in ("deny", "ask"):
        spec = replace(trace.started.spec, policy=Policy((Rule(decision, tools="add"),)))  # type: ignore[arg-type]  # both are decisions
        with pytest.raises(Diverged) as raised:
            replay(trace, spec)
        assert raised.value.step == 1


@formats
def test_a_text_that_is_read_differently_now_is_noticed(format_name: str) -> None:
    """As after a change of the parser: the record says what was read then, the raw text says what is read now."""

    def edit(event: Event) -> Event:
        if not isinstance(event, Replied) or event.reply.reading != "act":
            return event
        if format_name == "react_text":
            return replace(event, reply=replace(event.reply, raw='Thought: I need lookup.\nAction: lookup\nAction Input: {"key": "z"}'))
        first = event.reply.message.calls[0]
        parts = (replace(first, raw='{"key": "z"}'), *event.reply.message.parts[1:])
        return replace(event, request="", reply=replace(event.reply, message=Message("assistant", parts)))

    with pytest.raises(Diverged, match="read differently") as raised:
        replay(edited(record(format_name), edit))
    assert raised.value.step == 0
    assert '+call: lookup {"key": "z"}' in raised.value.difference


@pytest.mark.parametrize("format_name", ["native", "react_text", "hermes", "json_step", "json_plan"])
def test_thinking_that_came_beside_the_text_is_none_of_the_text(format_name: str) -> None:
    class Reasoning(MockBackend):
        def _raw(self, *args: Any) -> RawReply:
            raw = super()._raw(*args)
            return replace(raw, parts=(Thinking("Hm.", {"api": "a-server"}), *raw.parts))

    script = ["nothing"] if format_name == "native" else [Raw("Action: lookup\nAction Input: {'key': 'a'}\nObservation: 7"), "done"]
    trace = Agent(Reasoning(script, format=format_name), tools=World().tools(), limits=Limits(mistakes=1)).run_sync("Go.").trace
    thoughts = [step.thought for step in trace.steps()]
    assert thoughts
    assert all(thought.startswith("Hm.") for thought in thoughts)
    replay(Trace.from_jsonl(trace.to_jsonl()))


def test_the_digest_is_that_of_the_request_alone() -> None:
    one, two = record(), record()
    digests = [[event.request for event in trace if isinstance(event, Replied)] for trace in (one, two)]
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == 3
    assert all(len(digest) == 32 for digest in digests[0])


def test_a_reply_where_none_was_asked_for() -> None:
    trace = record()
    last = [event for event in trace if isinstance(event, Replied)][-1]
    with pytest.raises(Diverged, match="Finish"):
        replay(Trace([*trace, last]))


# --------------------------------------------------------------------------------------------------------- ReplayBackend


@formats
def test_a_replayed_agent_makes_the_same_trace(format_name: str) -> None:
    trace = Trace.from_jsonl(record(format_name).to_jsonl())
    world = World()
    backend = ReplayBackend(trace)
    assert (backend.name, backend.format_name) == ("mock", format_name)
    result = Agent(backend, tools=world.tools(), instructions="Be brief.").run_sync("Go.")
    assert world.names == ["lookup", "add", "lookup"] or sorted(world.names) == ["add", "lookup", "lookup"]
    assert list(fold(result.trace).messages) == list(fold(trace).messages)
    before, now = ([e for e in each if isinstance(e, Replied)] for each in (trace, result.trace))
    assert [(e.request, e.purpose, e.reply) for e in before] == [(e.request, e.purpose, e.reply) for e in now]
    assert isinstance(result.trace[-1], Finished)
    assert result.answer == "done"


ONE_WRITER = [
    "answer",
    "one_call",
    "mixed_batch",
    "malformed",
    "only_malformed",
    "refused",
    "repeats",
    "looped",
    "limit",
    "settled",
    "no_limits",
]


@pytest.mark.parametrize("name", ONE_WRITER)
def test_stories_of_one_writer_are_replayed_by_an_agent(name: str) -> None:
    trace = tell(name, "native").trace
    spec = trace.started.spec
    agent = Agent(ReplayBackend(trace), tools=World().tools(), instructions=spec.instructions, limits=spec.limits, settings=spec.settings)
    result = agent.run_sync("The question?")
    assert result.outcome == fold(trace).outcome
    assert list(fold(result.trace).messages) == list(fold(trace).messages)


def other_lookup() -> list[Tool]:
    @tool(read_only=True)
    def lookup(key: str) -> str:
        """Look a key up."""
        return f"another value of {key}"

    return [lookup, *World().tools()[1:]]


def test_a_tool_that_gives_something_else_now_diverges_with_a_readable_difference() -> None:
    agent = Agent(ReplayBackend(record()), tools=other_lookup(), instructions="Be brief.")
    with pytest.raises(Diverged) as raised:
        agent.run_sync("Go.")
    assert raised.value.step == 1
    assert "-tool lookup [ok]: value of a" in raised.value.difference
    assert "+tool lookup [ok]: another value of a" in raised.value.difference


def test_another_question_diverges_at_once() -> None:
    with pytest.raises(Diverged) as raised:
        Agent(ReplayBackend(record()), tools=World().tools(), instructions="Be brief.").run_sync("Come.")
    assert raised.value.step == 0
    assert "-user text: Go." in str(raised.value)
    assert "+user text: Come." in str(raised.value)


def test_a_text_that_is_read_differently_now_is_not_played() -> None:
    def edit(event: Event) -> Event:
        return replace(event, reply=replace(event.reply, raw="Final Answer: b")) if isinstance(event, Replied) else event

    agent = Agent(ReplayBackend(edited(record("react_text"), edit)), tools=World().tools(), instructions="Be brief.")
    with pytest.raises(Diverged, match="read differently"):
        agent.run_sync("Go.")


def test_asked_for_more_than_was_recorded() -> None:
    trace = record()
    cut = trace.cut(trace.after_step(1))
    with pytest.raises(Diverged, match="holds 1 replies") as raised:
        Agent(ReplayBackend(cut), tools=World().tools(), instructions="Be brief.").run_sync("Go.")
    assert raised.value.step == 1


def test_a_replay_streams_what_the_model_had_said() -> None:
    deltas: list[Delta] = []

    async def main() -> None:
        agent = Agent(ReplayBackend(tell("answer", "native").trace), tools=World().tools(), instructions="Be brief.")
        async with agent.stream("The question?") as run:
            deltas.extend([event async for event in run if isinstance(event, Delta)])

    asyncio.run(main())
    assert "".join(delta.text for delta in deltas) == "42"


def test_a_resumed_record_is_played_with_its_own_prefix() -> None:
    """The questions that came later are asked by whoever plays it; the record of a conversation replays turn by turn."""
    trace = tell("follow_up", "native").trace
    backend = ReplayBackend(trace)
    agent = Agent(backend, tools=World().tools(), limits=Limits(steps=2))
    first = agent.run_sync("First?")
    second = agent.resume_sync(first.trace, "And then?")
    assert second.answer == "done"
    assert list(fold(second.trace).messages) == list(fold(trace).messages)


def test_malformed_replies_are_replayed_too() -> None:
    backend = MockBackend([Raw("Thought: hm", finish="length"), "done"], format="react_text")
    trace = Agent(backend, tools=World().tools()).run_sync("Go.").trace
    again = Agent(ReplayBackend(trace), tools=World().tools()).run_sync("Go.")
    assert [step.reply for step in again.steps] == [step.reply for step in trace.steps()]


EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))
NO_RUN = ("from_scratch", "local_model")  # no agent of ours; no server


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_run_of_every_example(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    runs: list[Run] = []
    begin = Run.__init__

    def remember(self: Run, *args: object, **more: object) -> None:
        begin(self, *args, **more)  # type: ignore[arg-type]
        runs.append(self)

    monkeypatch.setattr(Run, "__init__", remember)
    monkeypatch.setattr(sys, "argv", [str(path), *(["http://127.0.0.1:9/v1"] if path.stem == "local_model" else [])])
    runpy.run_path(str(path), run_name="__main__")
    capfd.readouterr()
    assert bool(runs) == (path.stem not in NO_RUN)
    for number, run in enumerate(runs):
        if len(run.trace):  # else a task was cancelled before its first step
            assert replay(Trace.load(run.trace.save(tmp_path / f"{number}.jsonl"))) == run.state
