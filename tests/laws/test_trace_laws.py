"""The trace is the state: laws over told stories, and over scripts that nobody would think of."""

from __future__ import annotations

import asyncio
import string

import pytest
from _laws import KINDS, check_bounds, check_law, picture, states_of
from _stories import STORIES, after, tell
from _world import World
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from react_agent import Agent, Limits, MockBackend, Policy, Raw, ReactAgentError, Result, Rule, Trace, Usage, replay, tool
from react_agent.backends.mock import ScriptedCall, ScriptItem
from react_agent.errors import BackendError, BackendUnavailable
from react_agent.events import Finished, Replied, Returned, Told
from react_agent.loop import Finish, fold, next_effect, update
from react_agent.messages import Finish as WhyStopped
from react_agent.messages import ModelRequest
from react_agent.streaming import RunStream

FORMATS = ["native", "react_text"]
formats = pytest.mark.parametrize("format_name", FORMATS)
stories = pytest.mark.parametrize("name", STORIES)


@formats
@stories
def test_every_prefix_folds_to_the_same_and_asks_for_the_same(name: str, format_name: str) -> None:
    story = tell(name, format_name)
    check_law(story.trace, story.requests)


@formats
@stories
def test_what_the_result_says_is_the_fold_of_its_trace(name: str, format_name: str) -> None:
    result = tell(name, format_name).result
    trace = Trace.from_jsonl(result.trace.to_jsonl())
    state, last = fold(trace), trace[-1]
    assert isinstance(last, Finished)
    assert last.outcome == result.outcome
    effect = next_effect(state)
    assert result.outcome.kind == "paused" or (isinstance(effect, Finish) and effect.outcome == result.outcome)
    assert (state.usage, state.partial()) == (result.usage, result.partial)
    assert trace.usage() == result.usage
    assert (last.steps, last.usage, last.answer) == (state.steps, state.usage, state.answer)
    assert result.answer == (state.answer if result.outcome.kind == "answered" else None)


@formats
def test_the_end_of_the_file_is_never_trusted(format_name: str) -> None:
    trace = tell("one_call", format_name).trace
    last = trace[-1]
    assert isinstance(last, Finished)
    lying = Trace([*trace[:-1], replace(last, answer="something else", steps=77, usage=Usage(9, 9))])
    assert fold(lying) == fold(trace)


@formats
def test_a_state_may_be_continued_twice_and_the_two_share_their_past(format_name: str) -> None:
    """A fork and its sibling: what one is told the other never hears, and the messages before are the same objects."""
    trace = tell("repeats", format_name).trace
    state = states_of(trace.cut(after(trace, Returned, 2)))[-1]
    kept = picture(state)
    replies = [event for event in trace if isinstance(event, Replied)]
    left, right = update(state, replies[0]), update(state, replies[3])
    left_again = update(left, next(event for event in trace if isinstance(event, Returned) and event.step == 2))
    assert picture(state) == kept
    for past, one, other in zip(state.view, left_again.view, right.view, strict=False):
        assert past is one is other
    assert len(left.view) == len(right.view) == len(state.view) + 1
    assert left.view[-1] != right.view[-1]
    assert right.outcome is not None
    assert left.outcome is None


# ------------------------------------------------------------------------------------------------- scripts by hypothesis

TOOLS = ["lookup", "add", "note", "put", "ship", "wipe", "web", "boom", "nope", "finish", "", "look up"]
KEYS = ["key", "a", "b", "text", "order", "path", "url", "why", "value", "x"]
values = st.one_of(st.text(max_size=4), st.integers(-3, 3), st.none(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False))
arguments = st.dictionaries(st.sampled_from(KEYS), st.one_of(values, st.lists(values, max_size=2)), max_size=3)
good = st.one_of(
    st.builds(lambda k: ScriptedCall("lookup", {"key": k}), st.sampled_from("abc")),
    st.builds(lambda a, b: ScriptedCall("add", {"a": a, "b": b}), st.integers(0, 2), st.integers(0, 2)),
    st.builds(lambda t: ScriptedCall("note", {"text": t}), st.sampled_from("xy")),
    st.builds(lambda p: ScriptedCall("wipe", {"path": p}), st.sampled_from("pq")),
)
calls = st.one_of(
    good,
    good,
    st.just(ScriptedCall("talk", {})),
    st.just(ScriptedCall("web", {"url": "u"})),
    st.builds(ScriptedCall, st.sampled_from(TOOLS[:9]), arguments),
)
pieces = st.sampled_from(
    [
        "Thought: ",
        "Action: ",
        "Action Input: ",
        "Observation: ",
        "Final Answer: ",
        "\n",
        "lookup",
        '{"key": "a"}',
        '{"key": ',
        "}",
        "[",
        "```",
        "Finish[x]",
    ]
)
junk = st.one_of(st.text(st.characters(), max_size=30), st.lists(pieces, max_size=8).map("".join))
whys: st.SearchStrategy[WhyStopped] = st.sampled_from(["stop", "stop", "stop", "tool_calls", "length", "refused"])
raws = st.builds(
    Raw,
    junk,
    whys,
    st.lists(st.tuples(st.sampled_from(TOOLS), st.one_of(junk, st.sampled_from(['{"key": "a"}', '{"key": "a"', "{}"]))), max_size=3).map(
        tuple
    ),
    st.one_of(st.none(), st.none(), st.just("No.")),
)
items: st.SearchStrategy[ScriptItem] = st.one_of(
    calls,
    st.lists(calls, min_size=1, max_size=4),
    raws,
    raws,
    st.text(string.ascii_letters, min_size=1, max_size=8),
    st.just(BackendUnavailable("busy", status=503)),
)
scripts = st.lists(items, min_size=1, max_size=7)
limits = st.builds(
    Limits,
    steps=st.one_of(st.none(), st.integers(1, 5)),
    tool_calls=st.one_of(st.none(), st.integers(1, 4)),
    tokens=st.one_of(st.none(), st.integers(10, 200)),
    mistakes=st.integers(1, 3),
    repeats=st.integers(1, 3),
    calls_per_step=st.integers(1, 4),
)


def agent_for(script: list[ScriptItem], format_name: str, world: World, **more: object) -> tuple[Agent, MockBackend]:
    backend = MockBackend([*script, *["enough"] * 4], format=format_name, usage=Usage(10, 5))
    return Agent(backend, tools=world.tools(), **more), backend  # type: ignore[arg-type]  # keywords of Agent, as the test gives them


def whole(result: Result) -> None:
    assert result.outcome.kind in KINDS
    assert (result.answer is not None) == (result.outcome.kind == "answered")
    assert isinstance(result.trace[-1], Finished)
    assert result.error is None or isinstance(result.error, BackendError)
    check_bounds(result.trace)
    purposes = [event.purpose for event in result.trace if isinstance(event, Replied)]
    for step, purpose in zip(result.steps[:-1], purposes, strict=False):  # the last request asks for words: a call in its reply is not run
        assert all(record.result is not None for record in step.calls) or step.reply.finish == "refused" or purpose == "last"


@given(script=scripts, bounds=limits, format_name=st.sampled_from(FORMATS))
def test_any_script_ends_in_a_whole_trace_that_keeps_the_law(script: list[ScriptItem], bounds: Limits, format_name: str) -> None:
    world = World()
    agent, backend = agent_for(script, format_name, world, limits=bounds)
    result = agent.run_sync("Do it.")
    whole(result)
    answered = {event.request for event in result.trace if isinstance(event, Replied)}
    check_law(result.trace, [request for request in backend.requests if request.digest() in answered])
    for name, given_arguments, _ in world.log:  # nothing reached a tool that its schema does not allow
        assert all(isinstance(value, int if name == "add" else str) and not isinstance(value, bool) for value in given_arguments.values())


@settings(max_examples=settings.default.max_examples // 2)
@example(
    [ScriptedCall("add", {"a": 0, "b": 0})] * 3 + [ScriptedCall("lookup", {"key": "a"})], ["", "", "", "Also this.", *[""] * 7], "native"
)
@given(
    script=scripts,
    words=st.lists(st.sampled_from(["", "Also this.", "And that?"]), min_size=11, max_size=11),
    format_name=st.sampled_from(FORMATS),
)
def test_words_at_any_time_are_heard_once_and_break_nothing(script: list[ScriptItem], words: list[str], format_name: str) -> None:
    """Said during the n-th request or by a tool in the middle of its batch: each word is in the conversation once, and the law holds."""
    stream: list[RunStream] = []

    def saying(text: str, item: ScriptItem) -> ScriptItem:
        def reply(request: ModelRequest) -> ScriptItem:
            if text:
                stream[0].tell(text)
            return item

        return reply

    @tool(read_only=True)
    async def talk() -> str:
        """The person speaks."""
        stream[0].tell("In between.")
        return "talked"

    async def main() -> Result:
        items = [saying(text, item) for text, item in zip(words, [*script, *["enough"] * 4], strict=False)]
        items += ["enough"] * (len(words) + 5)
        policy = Policy((Rule("ask", tools="wipe"), Rule("deny", tools="note", after_untrusted=True)))
        agent = Agent(MockBackend(items, format=format_name, usage=Usage(10, 5)), tools=[*World().tools(), talk], policy=policy)
        async with agent.stream("Do it.") as run:
            stream.append(run)
            async for _ in run:
                pass
        return run.result

    result = asyncio.run(main())
    whole(result)
    check_law(result.trace)
    state = fold(result.trace)
    said = [event.message for event in result.trace if isinstance(event, Told)]
    heard = [message for message in state.messages if any(message is one for one in said)] + list(state.inbox)
    assert heard == said


@settings(max_examples=settings.default.max_examples // 2)
@given(script=scripts, then=scripts, data=st.data(), format_name=st.sampled_from(FORMATS), other=st.sampled_from(FORMATS))
def test_any_prefix_goes_on(script: list[ScriptItem], then: list[ScriptItem], data: st.DataObject, format_name: str, other: str) -> None:
    """Killed anywhere, taken up with either format, reviewed where it waits: it ends in a whole trace, and the past stays as it was."""
    first = agent_for(script, format_name, World())[0].run_sync("Do it.")
    cut = Trace.from_jsonl(first.trace.cut(data.draw(st.integers(1, len(first.trace)), label="cut")).to_jsonl())
    kept = cut.to_jsonl()
    agent, _ = agent_for(then, other, World())
    result = agent.resume_sync(cut, data.draw(st.sampled_from([None, "And next?"]), label="task"))
    for _ in range(8):
        if result.outcome.kind != "paused":
            break
        reviews = [
            data.draw(st.sampled_from([call.approve(), call.deny("no"), call.give("so")]), label="review") for call in result.pending
        ]
        result = agent.resume_sync(result.trace, reviews=reviews)
    whole(result)
    assert cut.to_jsonl() == kept
    assert result.trace[: len(cut)] == cut[:]
    check_law(result.trace)


@given(name=st.sampled_from(sorted(STORIES)), format_name=st.sampled_from(FORMATS), data=st.data())
def test_a_damaged_record_is_refused_in_our_words(name: str, format_name: str, data: st.DataObject) -> None:
    """Lines lost, doubled or in another order: it still makes sense, or it is refused; nothing foreign is raised."""
    lines = tell(name, format_name).trace.to_jsonl().splitlines()
    at = data.draw(st.integers(0, len(lines) - 1), label="line")
    match data.draw(st.sampled_from(["lost", "doubled", "swapped"]), label="damage"):
        case "lost":
            del lines[at]
        case "doubled":
            lines.insert(at, lines[at])
        case _:
            lines[at - 1], lines[at] = lines[at], lines[at - 1]
    try:
        trace = Trace.from_jsonl(b"\n".join(lines) + b"\n")
        fold(trace)
        trace.steps()
        replay(trace)
    except ReactAgentError:
        pass
