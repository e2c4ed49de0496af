"""What holds for every run, seen from outside: order, interruption, pause, secrets, forks, and going on elsewhere."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from _laws import check_law
from _stories import STORIES, Answer, after, mock, tell
from _world import NOT_DONE, UNKNOWN, Order, World
from msgspec.structs import replace

from react_agent import (
    Agent,
    Image,
    Limits,
    MockBackend,
    Outcome,
    Policy,
    Raw,
    Result,
    Rule,
    RunContext,
    Settings,
    Text,
    Tool,
    ToolRegistry,
    Trace,
    call,
    pending,
    replay,
    tool,
)
from react_agent.backends.mock import ScriptItem
from react_agent.errors import BackendRejected, ConfigError
from react_agent.events import Asked, Called, Changed, Event, Replied, Resumed, Returned, Reviewed, Started, Told
from react_agent.host import Run
from react_agent.loop import fold
from react_agent.masking import MASKED, Masker
from react_agent.messages import Delta, Message
from react_agent.result import Pending
from react_agent.streaming import RunStream

formats = pytest.mark.parametrize("format_name", ["native", "react_text"])


def roles(message_list: object) -> list[str]:
    return [message.role for message in message_list]  # type: ignore[attr-defined]  # a view or a list of messages


def spoken(backend: MockBackend, request: int = -1) -> str:
    """All text of a request, results included."""
    words: list[str] = []
    for message in backend.requests[request].messages:
        words += [part.text for part in message.parts if hasattr(part, "text")]
    return "\n".join(words)


def returned(trace: Trace) -> list[Returned]:
    return [event for event in trace if isinstance(event, Returned)]


# ---------------------------------------------------------------------------------------------------- order and batches


@formats
def test_results_reach_the_model_in_call_order_whatever_order_they_finished_in(format_name: str) -> None:
    order = Order()
    backend = mock([[call("first"), call("second")], "done"], format_name)
    result = Agent(backend, tools=order.tools()).run_sync("Both?")
    assert order.finished == ["second", "first"]
    assert [event.index for event in returned(result.trace)] == [1, 0]
    last = backend.requests[-1].messages[-1]
    assert last.role == "tool"
    assert [one.text for one in last.results] == ["result of first", "result of second"]


def test_requests_are_the_same_whatever_order_the_results_came_in() -> None:
    """The same events in the other order of finishing: the request that follows has the same digest."""
    story = tell("parallel", "native")
    first, second = [at for at, event in enumerate(story.trace) if isinstance(event, Returned)]
    events = list(story.trace)
    events[first], events[second] = events[second], events[first]
    check_law(Trace(events), story.requests)


def test_calls_of_one_step_run_side_by_side_sync_ones_in_threads() -> None:
    """Three sync calls and an async one meet at one barrier: none could pass it alone."""
    barrier = threading.Barrier(3, timeout=20)
    all_there = asyncio.Event()
    threads: set[str] = set()

    @tool(read_only=True)
    def meet(n: int, ctx: RunContext[asyncio.AbstractEventLoop]) -> int:
        """Wait for the others."""
        threads.add(threading.current_thread().name)
        barrier.wait()
        ctx.deps.call_soon_threadsafe(all_there.set)
        return n

    @tool(read_only=True)
    async def wait() -> str:
        """Wait for them all."""
        await all_there.wait()
        return "async"

    async def main() -> Result:
        backend = MockBackend([[call("wait"), *[call("meet", n=n) for n in range(3)]], "done"])
        return await Agent(backend, tools=[meet, wait]).run("Meet.", deps=asyncio.get_running_loop())

    result = asyncio.run(main())
    assert [record.result.text for record in result.steps[0].calls if record.result] == ["async", "0", "1", "2"]
    assert len(threads) == 3
    assert threading.current_thread().name not in threads


@formats
def test_of_several_calls_the_bad_ones_are_refused_by_themselves(format_name: str) -> None:
    result = tell("mixed_batch", format_name).result
    statuses = [record.result.status for record in result.steps[0].calls if record.result]
    assert statuses == ["ok", "unknown_tool", "invalid", "invalid", "error", "timeout"]
    assert result.answer == "done"


def test_an_unreadable_call_between_good_ones() -> None:
    world = World()
    script = [Raw(calls=(("lookup", '{"key": "a"}'), ("lookup", '{"key": "b'), ("lookup", '{"key": "c"}'))), "done"]
    result = Agent(MockBackend(script), tools=world.tools()).run_sync("Go.")
    assert sorted(str(arguments["key"]) for _, arguments, _ in world.log) == ["a", "c"]
    assert [record.result.status for record in result.steps[0].calls if record.result] == ["ok", "invalid", "ok"]


# ---------------------------------------------------------------------------------------------------- a person's words


@formats
def test_a_word_is_heard_after_the_reply_and_after_the_batch(format_name: str) -> None:
    requests = tell("told", format_name).requests
    assert roles(requests[0].messages) == ["system", "user"]
    assert roles(requests[1].messages) == ["system", "user", "assistant", "tool", "user", "user", "user"]
    assert [m.text for m in requests[1].messages[4:]] == ["in the request", "in the batch", "in the batch"]
    assert roles(requests[2].messages[7:]) == ["assistant", "user"]
    assert [m.text for m in requests[2].messages[7:]] == ["done", "late"]


def test_the_trace_says_which_words_came_while_a_request_was_under_way() -> None:
    told = [(event.message.text, event.during_request) for event in tell("told", "native").trace if isinstance(event, Told)]
    assert told == [("in the request", True), ("in the batch", False), ("in the batch", False), ("late", True)]


def test_a_word_during_a_request_that_is_answered_makes_the_answer_a_turn_of_the_conversation() -> None:
    """The answer was given without the word; the run goes on with it instead of ending."""
    story = tell("told", "native")
    assert story.result.answer == "really done"
    kinds = [event.kind for event in story.trace]
    assert kinds[-4:] == ["told", "replied", "replied", "finished"]


def test_a_word_after_the_end_is_not_lost_in_silence() -> None:
    async def main() -> None:
        async with Agent(MockBackend(["done"])).stream("Go.") as run:
            async for _ in run:
                pass
            with pytest.raises(ConfigError, match="over"):
                run.tell("too late")
            assert not any(isinstance(event, Told) for event in run.trace)

    asyncio.run(main())


def test_a_word_may_come_from_any_thread_and_only_that_of_the_loop_writes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stream: list[RunStream] = []
    writers: list[int] = []
    append = Run.append

    def appended(run: Run, event: Event) -> None:
        writers.append(threading.get_ident())
        append(run, event)

    monkeypatch.setattr(Run, "append", appended)

    @tool(read_only=True)
    def talk() -> str:
        """Say something."""
        stream[0].tell("from a thread")
        return "talked"

    async def main() -> RunStream:
        backend = MockBackend([[call("talk"), call("talk")], "done"])
        async with Agent(backend, tools=[talk]).stream("Go.") as run:
            stream.append(run)
            async for _ in run:
                pass
        with pytest.raises(ConfigError, match="over"):
            await asyncio.to_thread(run.tell, "too late")
        return run

    run = asyncio.run(main())
    assert set(writers) == {threading.get_ident()}
    assert [event.message.text for event in run.trace if isinstance(event, Told)] == ["from a thread"] * 2
    check_law(run.trace)


def test_the_last_good_result_is_shown_without_the_loops_own_words() -> None:
    lost = [call("lookup", key="a"), call("lookup", key="a"), BackendRejected("gone")]
    for script, limits in ((lost, Limits()), (lost[1:], Limits(steps=2))):  # advice; a warning
        backend = MockBackend(script)
        result = Agent(backend, tools=World().tools(), limits=limits).run_sync("Go.")
        assert "Note: " in spoken(backend)
        assert result.partial == "value of a"


def test_of_two_answers_in_one_step_the_first_counts() -> None:
    result = Agent(MockBackend([[call("finish", answer=3), call("finish", answer=9)]]), output=int).run_sync("Go.")
    assert result.output == 3


def test_an_answer_in_the_last_request_after_repetition_is_an_answer() -> None:
    """Text was so always; a typed answer is too, while behind any other limit what was reached stays the outcome."""
    again = [call("lookup", key="a")] * 2
    for limits, kind in ((Limits(repeats=1), "answered"), (Limits(steps=2), "limit")):
        result = Agent(MockBackend([*again, call("finish", answer=3)]), tools=World().tools(), output=int, limits=limits).run_sync("Go.")
        assert (result.outcome.kind, result.output) == (kind, 3)


def test_the_same_call_with_its_keys_in_another_order_is_a_repetition() -> None:
    @tool(read_only=True)
    def look(o: dict[str, int]) -> str:
        """Look."""
        return "seen"

    backend = MockBackend([call("look", o={"a": 1, "b": 2}), call("look", o={"b": 2, "a": 1}), "done"])
    Agent(backend, tools=[look]).run_sync("Go.")
    assert "you made this call before" in spoken(backend)


def test_tokens_are_counted_anew_for_each_question() -> None:
    script = [call("lookup", key="a"), "one"]
    limits = Limits(tokens=45)  # a reply of the mock has 15
    one = Agent(mock(script, "native"), tools=World().tools(), limits=limits).run_sync("First?")
    two = Agent(mock([call("lookup", key="b"), "two"], "native"), tools=World().tools(), limits=limits).resume_sync(one.trace, "Second?")
    assert (one.answer, two.answer) == ("one", "two")


@formats
def test_a_follow_up_question_goes_on_in_the_same_conversation_with_fresh_limits(format_name: str) -> None:
    story = tell("follow_up", format_name)
    assert [event.kind for event in story.trace if event.kind in ("told", "resumed", "changed")] == ["resumed", "told"]
    assert story.result.answer == "done"
    assert story.requests[3].tool_choice == "auto"
    assert [message.text for message in story.requests[3].messages if message.role == "user"][-1] == "And then?"


FRESH: dict[str, tuple[list[ScriptItem], Limits, str]] = {
    "steps": ([call("lookup", key="a"), "part"], Limits(steps=1), "limit"),
    "tool calls": ([call("lookup", key="a"), "part"], Limits(tool_calls=1), "limit"),
    "tokens": ([call("lookup", key="a"), "part"], Limits(tokens=15), "limit"),
    "mistakes": ([Raw("")], Limits(mistakes=1), "malformed"),
    "repeats": ([call("lookup", key="a"), call("lookup", key="a"), call("lookup", key="a")], Limits(repeats=1), "looped"),
    "refused": ([Raw(finish="refused")], Limits(), "refused"),
    "lost at a step": ([call("lookup", key="b"), BackendRejected("no")], Limits(steps=2), "failed"),
    "lost at the last request": ([call("lookup", key="b"), BackendRejected("no")], Limits(steps=1), "failed"),
}


@pytest.mark.parametrize("how", FRESH)
def test_the_next_question_starts_afresh_after_every_ending(how: str) -> None:
    script, limits, kind = FRESH[how]
    world = World()
    one = Agent(mock(script, "native"), tools=world.tools(), limits=limits).run_sync("First?")
    assert one.outcome.kind == kind
    backend = MockBackend(["second answer"])
    two = Agent(backend, tools=world.tools(), limits=limits).resume_sync(one.trace, "Second?")
    assert (two.outcome.kind, two.answer) == ("answered", "second answer")
    assert backend.requests[0].tool_choice == "auto"
    assert backend.requests[0].messages[-1].text == "Second?"


def test_what_there_is_belongs_to_the_present_question() -> None:
    one = Agent(MockBackend(["the first answer"])).run_sync("First?")
    two = Agent(MockBackend([BackendRejected("gone")])).resume_sync(one.trace, "Second?")
    assert two.outcome.kind == "failed"
    assert two.partial == ""


def test_asking_the_same_again_in_the_next_question_is_no_repetition() -> None:
    world = World()
    first = MockBackend([call("lookup", key="a"), "done"])
    one = Agent(first, tools=world.tools(), limits=Limits(repeats=1)).run_sync("First?")
    backend = MockBackend([call("lookup", key="a"), "done again"])
    two = Agent(backend, tools=world.tools(), limits=Limits(repeats=1)).resume_sync(one.trace, "And now?")
    assert two.answer == "done again"
    assert backend.requests[-1].tool_choice == "auto"


# --------------------------------------------------------------------------------------------------------- interruption


def interrupted(script_call: ScriptItem, world: World, calls: int = 1) -> Trace:
    """The trace of a run that was killed right after its calls had been written down."""
    whole = Agent(MockBackend([script_call, "done"]), tools=world.tools()).run_sync("Go.", run_id="run")
    world.log.clear()
    return Trace.from_jsonl(whole.trace.cut(after(whole.trace, Called, calls)).to_jsonl())


def go_on(trace: Trace, world: World, *reviews: Reviewed) -> tuple[Result, MockBackend]:
    backend = MockBackend(["done"])
    return Agent(backend, tools=world.tools()).resume_sync(trace, reviews=reviews), backend


@pytest.mark.parametrize("name", ["lookup", "put"])
def test_a_repeatable_orphan_runs_again_with_the_same_key(name: str) -> None:
    world = World()
    result, _ = go_on(interrupted(call(name, key="a"), world), world)
    assert result.answer == "done"
    assert [(tool_name, key) for tool_name, _, key in world.log] == [(name, "run/0.0")]
    assert [event.key for event in result.trace if isinstance(event, Called)] == ["run/0.0", "run/0.0"]


VERIFIED: dict[str, tuple[object, list[str], str]] = {
    "it was done": ("shipped before", [], "shipped before"),
    "it was surely not done": (NOT_DONE, ["ship"], "shipped o"),
}


@pytest.mark.parametrize("how", VERIFIED)
def test_a_verifiable_orphan_is_asked_what_became_of_it(how: str) -> None:
    world = World()
    trace = interrupted(call("ship", order="o"), world)
    world.shipped, ran, words = VERIFIED[how]
    result, backend = go_on(trace, world)
    assert world.names == ran
    assert words in spoken(backend)
    assert result.answer == "done"


def failing(key: str) -> object:
    raise OSError("no connection")


def stuck(key: str) -> object:
    threading.Event().wait(20)
    return NOT_DONE


@pytest.mark.parametrize("verdict", [UNKNOWN, failing, stuck], ids=["it does not know", "asking fails", "asking takes too long"])
def test_a_verifiable_orphan_of_which_nobody_knows_waits(verdict: object) -> None:
    log: list[str] = []

    @tool(verify=verdict if callable(verdict) else lambda key: verdict, timeout=0.05 if verdict is stuck else None)
    def ship(order: str) -> str:
        """Ship."""
        log.append(order)
        return "shipped"

    whole = Agent(MockBackend([call("ship", order="o"), "done"]), tools=[ship]).run_sync("Go.")
    log.clear()
    result = Agent(MockBackend([]), tools=[ship]).resume_sync(whole.trace.cut(after(whole.trace, Called)))
    assert result.outcome.kind == "paused"
    assert [one.name for one in result.pending] == ["ship"]
    assert "interrupted" in result.pending[0].question
    assert ("no connection" in result.pending[0].question) == (verdict is failing)
    assert log == []


def test_what_was_done_stays_so_though_the_schema_became_another() -> None:
    whole = Agent(MockBackend([call("ship", order="o"), "done"]), tools=World().tools()).run_sync("Go.")

    @tool(verify=lambda key: "shipped all right")
    def ship(order: str, by: str) -> str:
        """Ship."""
        raise AssertionError

    backend = MockBackend(["done"])
    result = Agent(backend, tools=[ship]).resume_sync(whole.trace.cut(after(whole.trace, Called)), changes=True)
    assert result.answer == "done"
    assert "shipped all right" in spoken(backend)


def test_an_async_verify_is_awaited() -> None:
    async def verify(key: str) -> str:
        return f"found {key}"

    @tool(verify=verify)
    def ship(order: str) -> str:
        """Ship."""
        return "shipped"

    whole = Agent(MockBackend([call("ship", order="o"), "done"]), tools=[ship]).run_sync("Go.", run_id="r")
    backend = MockBackend(["done"])
    result = Agent(backend, tools=[ship]).resume_sync(whole.trace.cut(after(whole.trace, Called)))
    assert result.answer == "done"
    assert "found r/0.0" in spoken(backend)


DECISIONS: dict[str, tuple[Callable[..., Reviewed], list[str], str]] = {
    "approve": (lambda waiting: waiting.approve(), ["n"], "noted n"),
    "change": (lambda waiting: waiting.change({"text": "m"}), ["m"], "noted m"),
    "deny": (lambda waiting: waiting.deny("leave it"), [], "leave it"),
    "give": (lambda waiting: waiting.give("it was written"), [], "it was written"),
    "change to nonsense": (lambda waiting: waiting.change({"txt": "m"}), [], "txt"),
}


@pytest.mark.parametrize("how", DECISIONS)
def test_any_other_orphan_pauses_and_is_reviewed(how: str) -> None:
    decide, ran, words = DECISIONS[how]
    world = World()
    paused, _ = go_on(interrupted(call("note", text="n"), world), world)
    assert paused.outcome.kind == "paused"
    assert world.log == []
    assert [(one.step, one.index, one.name, one.arguments) for one in pending(paused.trace)] == [(0, 0, "note", {"text": "n"})]
    elsewhere = Trace.from_jsonl(paused.trace.to_jsonl())
    result, backend = go_on(elsewhere, world, decide(elsewhere and pending(elsewhere)[0]))
    assert [arguments["text"] for _, arguments, _ in world.log] == ran
    assert words in spoken(backend)
    assert result.answer == "done"
    check_law(result.trace)


def test_an_orphan_whose_tool_is_gone_waits_too() -> None:
    """That there is no such tool any more does not say that nothing was done."""
    world = World()
    trace = interrupted(call("note", text="n"), world)
    paused = Agent(MockBackend([]), tools=world.tools()[:1]).resume_sync(trace, changes=True)
    assert [one.name for one in paused.pending] == ["note"]
    backend = MockBackend(["done"])
    result = Agent(backend, tools=world.tools()[:1]).resume_sync(paused.trace, reviews=[paused.pending[0].give("it was written")])
    assert result.answer == "done"
    assert "it was written" in spoken(backend)
    assert world.log == []


def test_a_killed_rerun_is_an_orphan_again() -> None:
    world = World()
    paused, _ = go_on(interrupted(call("note", text="n"), world), world)
    result, _ = go_on(paused.trace, world, paused.pending[0].approve())
    killed_again = result.trace.cut(after(result.trace, Called, 2))
    world.log.clear()
    again, _ = go_on(killed_again, world)
    assert again.outcome.kind == "paused"
    assert world.log == []


def test_a_call_that_had_returned_is_no_orphan() -> None:
    world = World()
    whole = Agent(MockBackend([[call("note", text="a"), call("note", text="b")], "done"]), tools=world.tools()).run_sync("Go.")
    cut = whole.trace.cut(after(whole.trace, Returned, 1))
    world.log.clear()
    paused, _ = go_on(cut, world)
    assert [one.index for one in paused.pending] == [1 - returned(cut)[0].index]


def test_calls_that_nobody_had_begun_simply_run() -> None:
    world = World()
    whole = Agent(MockBackend([[call("note", text="a"), call("note", text="b")], "done"]), tools=world.tools()).run_sync("Go.")
    world.log.clear()
    result, _ = go_on(whole.trace.cut(after(whole.trace, Replied)), world)
    assert sorted(str(arguments["text"]) for _, arguments, _ in world.log) == ["a", "b"]
    assert result.answer == "done"


# --------------------------------------------------------------------------------------------------- pause and review


def test_calls_that_need_no_leave_run_beside_those_that_wait() -> None:
    world = World()
    backend = MockBackend([[call("wipe", path="/"), call("lookup", key="a"), call("wipe", path="/x")]])
    result = Agent(backend, tools=world.tools()).run_sync("Go.")
    assert result.outcome.kind == "paused"
    assert world.names == ["lookup"]
    assert [one.arguments for one in result.pending] == [{"path": "/"}, {"path": "/x"}]
    assert "destroy" in result.pending[0].question


def test_what_breaks_the_schema_is_never_asked_for() -> None:
    world = World()
    result = Agent(MockBackend([call("wipe", pth="/"), "done"]), tools=world.tools()).run_sync("Go.")
    assert result.answer == "done"
    assert not any(isinstance(event, Asked) for event in result.trace)


def test_some_reviews_leave_the_rest_waiting() -> None:
    world = World()
    backend = MockBackend([[call("wipe", path="a"), call("wipe", path="b")]])
    paused = Agent(backend, tools=world.tools()).run_sync("Go.")
    again, _ = go_on(paused.trace, world, paused.pending[1].approve())
    assert again.outcome.kind == "paused"
    assert [arguments["path"] for _, arguments, _ in world.log] == ["b"]
    assert [one.index for one in again.pending] == [0]
    done, _ = go_on(again.trace, world, again.pending[0].deny("no"))
    assert done.answer == "done"


def test_the_model_is_told_that_a_person_changed_its_arguments() -> None:
    world = World()
    paused = Agent(MockBackend([call("wipe", path="/")]), tools=world.tools()).run_sync("Go.")
    _, backend = go_on(paused.trace, world, paused.pending[0].change({"path": "/tmp/x"}))
    assert "wiped /tmp/x" in spoken(backend)
    assert 'changed in review; it was made with the arguments {"path":"/tmp/x"}' in spoken(backend)


def test_a_review_counts_for_the_call_that_it_was_given_for_and_for_no_later_one() -> None:
    """Leave to wipe ``a`` in step 0 is no leave to wipe ``b`` in step 1."""
    world = World()
    backend = MockBackend([call("wipe", path="a"), call("wipe", path="b")])
    agent = Agent(backend, tools=world.tools())
    paused = agent.run_sync("Go.")
    leave = paused.pending[0].approve()
    again = agent.resume_sync(paused.trace, reviews=[leave])
    assert [one.arguments for one in again.pending] == [{"path": "b"}]
    world.log.clear()
    try:
        third = Agent(MockBackend(["done"]), tools=world.tools()).resume_sync(again.trace, reviews=[leave])
    except ConfigError:
        return  # saying that nothing waits for this review is fine too
    assert world.log == []
    assert third.outcome.kind == "paused"


def test_of_two_reviews_of_one_call_none_counts() -> None:
    world = World()
    agent = Agent(MockBackend([call("wipe", path="a"), "done"]), tools=world.tools())
    paused = agent.run_sync("Go.")
    waiting = paused.pending[0]
    with pytest.raises(ConfigError, match=r"two reviews of call 0\.0"):
        agent.resume_sync(paused.trace, reviews=[waiting.approve(), waiting.deny("no")])
    assert world.log == []


def test_what_is_no_review_is_said_so() -> None:
    paused = Agent(MockBackend([call("wipe", path="a")]), tools=World().tools()).run_sync("Go.")
    waiting = paused.pending[0]
    with pytest.raises(ConfigError, match="texts; not NoneType"):
        waiting.give(None)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ConfigError, match="texts; not int"):
        waiting.deny(5)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ConfigError, match="reviews is a list"):
        Agent(MockBackend([]), tools=World().tools()).resume_sync(paused.trace, reviews=waiting.approve())  # type: ignore[arg-type]  # as above


def test_what_a_reviewer_is_asked_about_is_on_the_disk_by_then(tmp_path: Path) -> None:
    """A person may take hours, and the process may not live as long."""
    seen: list[int] = []

    def reviewer(waiting: Pending) -> None:
        seen.append(len(Trace.load(tmp_path / "r.jsonl")))

    Agent(MockBackend([call("wipe", path="a")]), tools=World().tools(), reviewer=reviewer, store=tmp_path).run_sync("Go.", run_id="r")
    assert seen == [3]  # started, replied, asked


def test_a_reviewer_decides_on_the_spot() -> None:
    world = World()
    asked: list[str] = []

    async def reviewer(plan: object) -> Reviewed | None:
        asked.append(str(plan))
        return Reviewed(0.0, plan.step, plan.index, "approve", by="rule")  # type: ignore[attr-defined]  # a PlannedCall

    backend = MockBackend([call("wipe", path="a"), "done"])
    result = Agent(backend, tools=world.tools(), reviewer=reviewer).run_sync("Go.")
    assert result.answer == "done"
    assert world.names == ["wipe"]
    assert len(asked) == 1
    assert [event.by for event in result.trace if isinstance(event, Reviewed)] == ["rule"]
    assert all(event.at > 0 for event in result.trace)


def test_a_reviewer_that_leaves_a_call_to_people_pauses_the_run() -> None:
    result = Agent(MockBackend([call("wipe", path="a")]), tools=World().tools(), reviewer=lambda plan: None).run_sync("Go.")
    assert result.outcome.kind == "paused"


def test_a_tool_that_was_registered_after_the_agent_was_made_is_no_tool_of_it() -> None:
    """The model was not told of it, and the policy of it was not written down: it would run without being asked for."""
    world, registry = World(), ToolRegistry()
    wipe = next(each for each in world.tools() if each.name == "wipe")
    backend = MockBackend([call("wipe", path="a"), call("wipe", path="b"), "done"])
    agent = Agent(backend, tools=registry)
    registry.register(wipe)
    agent.tools.register(wipe)
    result = agent.run_sync("Go.")
    assert result.answer == "done"
    assert world.log == []
    assert [record.result.status for step in result.steps for record in step.calls if record.result] == ["unknown_tool"] * 2


def test_the_policy_denies_asks_and_allows() -> None:
    world = World()
    policy = Policy((Rule("deny", tools="note", arguments={"text": "x*"}, reason="no x"), Rule("ask", tools="put")))
    backend = MockBackend([[call("note", text="xy"), call("note", text="ab"), call("wipe", path="/")], call("put", key="k")])
    result = Agent(backend, tools=world.tools(), policy=policy).run_sync("Go.")
    assert result.outcome.kind == "paused"
    assert sorted(world.names) == ["note", "wipe"]
    assert "not allowed: no x" in spoken(backend)
    assert [record.result.status for record in result.steps[0].calls if record.result] == ["refused", "ok", "ok"]


@pytest.mark.parametrize(
    ("value", "pattern"),
    [(True, "true"), (None, "null"), (3, "3"), (3.0, "3"), (3, "3.0"), (["a"], '[[]"a"]'), ("true", "true"), ("x y", "x*")],
    ids=repr,
)
def test_a_policy_sees_arguments_as_json_and_text_as_it_is(value: object, pattern: str) -> None:
    ran: list[object] = []

    def act(value: object) -> str:
        ran.append(value)
        return "acted"

    acting = Tool.from_schema(name="act", parameters={"type": "object", "properties": {"value": {}}, "required": ["value"]}, function=act)
    policy = Policy((Rule("deny", arguments={"value": pattern}),))
    Agent(MockBackend([call("act", value=value), "done"]), tools=[acting], policy=policy).run_sync("Go.")
    assert ran == []


def test_after_untrusted_text_a_policy_may_be_stricter() -> None:
    world = World()
    policy = Policy((Rule("deny", tools="note", after_untrusted=True),))
    script = [call("note", text="a"), call("web", url="u"), call("note", text="b"), "done"]
    result = Agent(MockBackend(script), tools=world.tools(), policy=policy).run_sync("Go.")
    assert world.names == ["note", "web"]
    assert [event.result.untrusted for event in returned(result.trace)] == [False, True, False]


# ------------------------------------------------------------------------------------------- another model and format


@pytest.mark.parametrize(("before", "then"), [("native", "react_text"), ("react_text", "native")])
def test_a_trace_goes_on_with_another_model_and_format_and_back(before: str, then: str) -> None:
    world = World()
    one = mock([call("lookup", key="a", thought="Look."), Raw(""), "never mind"], before)
    first = Agent(one, tools=world.tools()).run_sync("Go.", run_id="r")
    cut = first.trace.cut(after(first.trace, Replied, 2))  # a malformed reply lies between
    two = mock([[call("lookup", key="b"), call("add", a=1, b=2)], BackendRejected("lost")], then)
    second = Agent(two, tools=world.tools()).resume_sync(cut)
    three = mock(["done"], before)
    third = Agent(three, tools=world.tools()).resume_sync(second.trace)
    assert third.answer == "done"
    assert [event.format for event in third.trace if isinstance(event, (Started, Changed))] == [before, then, before]
    assert [record.result.text for step in third.steps for record in step.calls if record.result] == ["value of a", "value of b", "3"]
    check_law(third.trace)


# -------------------------------------------------------------------------------------------------------------- secrets

SECRET = 'p4ss"w\\ört–Ω'


def secretive(secret: str) -> list[object]:
    @tool(read_only=True)
    def leak() -> str:
        """Says too much."""
        return f"the word is {secret}."

    @tool(read_only=True)
    def leak_data() -> dict[str, str]:
        """Says too much, as data."""
        return {"password": secret}

    @tool(read_only=True)
    def leak_error() -> str:
        """Says too much when it fails."""
        raise ValueError(f"cannot log in with {secret}")

    return [leak, leak_data, leak_error]


@pytest.mark.parametrize("secret", ["s3cr3t-w0rd", SECRET], ids=["plain", "with characters that JSON escapes"])
@formats
def test_known_secrets_reach_neither_model_nor_memory_nor_file(format_name: str, secret: str, tmp_path: object) -> None:
    script = [
        [call("leak"), call("leak_data"), call("leak_error")],
        call("leak", thought=f"{secret}?"),
        BackendRejected(f"bad key {secret}"),
    ]
    backend = mock(script, format_name)
    agent = Agent(backend, tools=secretive(secret), secrets=[secret], store=str(tmp_path))
    result = agent.run_sync(f"Use {secret}!")
    written = result.trace.to_jsonl().decode()
    for text in (written, *[str(list(request.messages)) for request in backend.requests[1:]], result.outcome.detail, result.partial):
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text
        assert json.dumps(secret, ensure_ascii=False)[1:-1] not in text
    assert written.count(MASKED) >= 6
    assert f"the word is {MASKED}." in spoken(backend)
    check_law(result.trace)


ESCAPED = json.dumps({"key": SECRET}, ensure_ascii=False)[:-1] + ",}"  # a comma too many, so the text is kept as it came


@pytest.mark.parametrize(
    ("reply", "format_name"),
    [
        (Raw(calls=(("lookup", ESCAPED),)), "native"),
        (Raw(f"Thought: so\nAction: lookup\nAction Input: {ESCAPED}\nObservation: made up"), "react_text"),
        (Raw(f"Thought: so\nAction: lookup\nAction Input: {{}}\nObservation: it is {SECRET}"), "react_text"),
    ],
    ids=["arguments kept as text", "a reply kept as text", "what was cut off"],
)
def test_known_secrets_are_masked_in_what_is_kept_of_a_reply(reply: Raw, format_name: str) -> None:
    result = Agent(MockBackend([reply, "done"], format=format_name), tools=World().tools(), secrets=[SECRET]).run_sync("Go.")
    assert result.answer == "done"
    assert result.steps[0].reply.read_by is not None
    for text in (SECRET, json.dumps(SECRET)[1:-1], json.dumps(SECRET, ensure_ascii=False)[1:-1]):
        for kept in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
            assert kept not in result.trace.to_jsonl().decode()


@pytest.mark.parametrize("secret", ["s3cr3t-w0rd", SECRET], ids=["plain", "with characters that JSON escapes"])
@formats
def test_known_secrets_are_masked_in_the_pieces_of_a_stream_too(format_name: str, secret: str) -> None:
    script = [call("lookup", key=secret, thought=f"Is it {secret}? Let us see"), f"It is {secret}, or {secret[:-1]}"]
    shown: dict[str, str] = {"thinking": "", "call": "", "text": ""}

    async def watch() -> Result[object]:
        async with Agent(mock(script, format_name), tools=World().tools(), secrets=[secret]).stream("Go.") as run:
            async for item in run:
                if isinstance(item, Delta):
                    shown[item.kind] += item.text
        return run.result

    first, last = (step.reply.message for step in asyncio.run(watch()).steps)
    for text in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        assert text not in str(shown)
    assert MASKED in shown["call"]
    assert shown["text"] == last.text == f"It is {MASKED}, or {secret[:-1]}"
    assert shown["thinking"] == first.thought + last.thought


def test_the_error_of_a_result_holds_no_known_secret_either() -> None:
    result = Agent(MockBackend([BackendRejected("bad key s3cr3t-w0rd")]), secrets=["s3cr3t-w0rd"]).run_sync("Go.")
    assert "s3cr3t" not in result.outcome.detail
    assert "s3cr3t" not in str(result.error)


def test_a_secret_is_masked_as_the_name_of_a_call_and_in_the_end_of_its_line() -> None:
    backend = MockBackend([call("s3cr3t-w0rd"), call("lookup", key="s3cr3t-w0rd"), "done"])
    result = Agent(backend, tools=World().tools(), name="s3cr3t-w0rd", secrets=["s3cr3t-w0rd\n"]).run_sync("Go.")
    assert result.answer == "done"
    assert b"s3cr3t" not in result.trace.to_jsonl()
    assert "s3cr3t" not in spoken(backend)


def test_what_a_tool_takes_keeps_its_name_though_a_secret_reads_like_it() -> None:
    @tool(read_only=True)
    def weather(city: str, when: dict[str, int]) -> str:
        """Tell the weather."""
        return f"rain in {city}"

    nested = Tool.from_schema(
        name="nested",
        parameters={
            "type": "object",
            "properties": {"at": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
        },
        function=lambda at=None: f"sun in {at['city']}",
    )
    backend = MockBackend([[call("weather", city="Rome", when={}), call("nested", at={"city": "Oslo"})], "done"])
    result = Agent(backend, tools=[weather, nested], secrets=["city"]).run_sync("Which city?")
    assert sorted(event.result.text for event in returned(result.trace)) == ["rain in Rome", "sun in Oslo"]
    assert "Which [secret]?" in spoken(backend)


def test_a_tool_gets_a_secret_by_its_name_and_nobody_else_sees_it(tmp_path: Path) -> None:
    used: list[str] = []

    @tool
    def fetch(ctx: RunContext[object], url: str) -> str:
        """Fetch a page."""
        used.append(ctx.secret("site"))
        ctx.progress(f"logged in with {used[-1]}")
        return f"{url} with {used[-1]}"

    backend = MockBackend([call("fetch", url="u"), "done"])
    agent = Agent(backend, tools=[fetch], secrets={"site": "s3cr3t-w0rd\n"}, store=tmp_path)

    async def watch() -> list[str]:
        async with agent.stream("Go.", run_id="r") as run:
            return [str(item) for item in [item async for item in run]]

    told = asyncio.run(watch())
    assert used == ["s3cr3t-w0rd\n"]  # as it was given
    assert "u with [secret]" in spoken(backend)
    assert "s3cr3t" not in (tmp_path / "r.jsonl").read_text()
    assert any("logged in with [secret]" in text for text in told)
    assert not any("s3cr3t" in text for text in told)

    without = MockBackend([call("fetch", url="u"), "done"])
    Agent(without, tools=[fetch]).run_sync("Go.")
    assert "needs the secret 'site'" in spoken(without)


def test_the_keys_of_providers_are_known_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEBODY_API_KEY", "sk-0123456789abcdef")
    backend = MockBackend([call("leak"), "done"])
    result = Agent(backend, tools=secretive("sk-0123456789abcdef")).run_sync("Go.")
    assert b"sk-0123456789abcdef" not in result.trace.to_jsonl()
    assert MASKED in spoken(backend)


@pytest.mark.parametrize("secret", ["user", "text", "kind", "started", "true", str(int(time.time()))[:5], '":{"', "0000"])
def test_a_secret_that_is_a_word_of_the_trace_itself_harms_nothing(secret: str) -> None:
    backend = MockBackend([call("lookup", key=secret), "done"])
    result = Agent(backend, tools=World().tools(), secrets=[secret]).run_sync(f"What is {secret}?", run_id="r")
    assert result.answer == "done"
    assert f"What is {MASKED}?" in spoken(backend)
    assert f"value of {MASKED}" in spoken(backend)
    check_law(result.trace)


def test_a_secret_in_the_instructions_does_not_make_the_agent_another() -> None:
    agent = Agent(MockBackend(["done", "again"]), instructions="Use s3cr3t-w0rd.", secrets=["s3cr3t-w0rd"])
    one = agent.run_sync("Go.")
    assert b"s3cr3t" not in one.trace.to_jsonl()
    assert agent.resume_sync(one.trace, "And?").answer == "again"


# ---------------------------------------------------------------------------------------------------------------- forks


def test_a_fork_and_its_sibling_do_not_touch_each_other() -> None:
    world = World()
    script: list[ScriptItem] = [call("lookup", key="a"), call("lookup", key="b"), "done"]
    parent = Agent(MockBackend(script), tools=world.tools()).run_sync("Go.", run_id="parent")
    kept = parent.trace.to_jsonl()
    at = parent.trace.after_step(1)

    async def two() -> tuple[Result, Result]:
        left = Agent(MockBackend([call("lookup", key="l"), "left"]), tools=world.tools())
        right = Agent(MockBackend([call("lookup", key="r"), "right"]), tools=world.tools())
        return tuple(await asyncio.gather(left.fork(parent.trace, at, "Left."), right.fork(parent.trace, at, "Right.")))  # type: ignore[return-value]

    left, right = asyncio.run(two())
    assert (left.answer, right.answer) == ("left", "right")
    assert parent.trace.to_jsonl() == kept
    assert len({left.trace.run_id, right.trace.run_id, "parent"}) == 3
    for fork in (left, right):
        began = fork.trace.started.parent
        assert began is not None
        assert (began.run_id, began.at) == ("parent", at)
        assert all(mine is theirs for mine, theirs in zip(fork.trace[1:at], parent.trace[1:at], strict=True))
        check_law(fork.trace)
    assert b'"r"' not in left.trace.to_jsonl()


def test_a_fork_keeps_the_parents_key_for_what_was_open_and_takes_its_own_for_the_rest() -> None:
    world = World()
    script: list[ScriptItem] = [call("put", key="a"), call("put", key="b"), "done"]
    parent = Agent(MockBackend(script), tools=world.tools()).run_sync("Go.", run_id="parent")
    world.log.clear()
    fork = Agent(MockBackend([call("put", key="c"), "done"]), tools=world.tools()).fork_sync(parent.trace, after(parent.trace, Called, 2))
    keys = [key for _, _, key in world.log]
    assert keys == ["parent/1.0", f"{fork.trace.run_id}/2.0"]


def test_a_fork_may_be_another_agent_and_says_so() -> None:
    world = World()
    parent = Agent(MockBackend([call("lookup", key="a"), "done"]), tools=world.tools()).run_sync("Go.")
    other = Agent(MockBackend(["other"], format="react_text"), tools=world.tools()[:1], limits=Limits(steps=7))
    fork = other.fork_sync(parent.trace, parent.trace.after_step(1))
    assert fork.answer == "other"
    changes = [event for event in fork.trace if isinstance(event, Changed)]
    assert [(event.format, event.spec.limits.steps) for event in changes] == [("react_text", 7)]


# ---------------------------------------------------------------------------------------------- resuming, and being other


def test_resuming_leaves_the_given_trace_alone() -> None:
    one = Agent(MockBackend(["done"])).run_sync("Go.")
    kept = one.trace.to_jsonl()
    two = Agent(MockBackend(["more"])).resume_sync(one.trace, "And?")
    assert one.trace.to_jsonl() == kept
    assert two.trace[: len(one.trace)] == one.trace[:]
    assert [event.epoch for event in two.trace if isinstance(event, Resumed)] == [1]


LONG = "You are brief. " * 20
DIFFERENT: dict[str, tuple[dict[str, object], str]] = {
    "instructions": ({"instructions": LONG + "Be long."}, f"instructions (…{LONG[-17:]}Be brief.' -> …{LONG[-17:]}Be long.')"),
    "other instructions": (
        {"instructions": "Are" + LONG * 2},
        "instructions ('" + (LONG * 2)[:79] + "… -> 'Are" + (LONG * 2)[:76] + "…)",
    ),
    "limits": ({"limits": Limits(steps=3, cost=1.5)}, "limits.steps (50 -> 3); limits.cost (None -> 1.5)"),
    "settings": ({"settings": Settings(temperature=0.5)}, "settings.temperature (None -> 0.5)"),
    "no tools": ({"tools": []}, "tools (without add, boom, lookup, note, put, ship, slow, web, wipe)"),
    "tools in another order": ({"tools": World().tools()[::-1]}, "tools (in another order)"),
    "policy": ({"policy": Policy(default="ask")}, "policy.default ('allow' -> 'ask')"),
    "output": ({"output": Answer}, "output_schema (None -> {'properties': {'city': "),
    "name": ({"name": "other"}, "name ('agent' -> 'other')"),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_another_agent_needs_leave_to_go_on_and_is_told_the_differences(what: str) -> None:
    world = World()
    same: dict[str, object] = {"tools": world.tools(), "instructions": LONG + "Be brief."}
    one = Agent(MockBackend(["done"]), **same).run_sync("Go.")  # type: ignore[arg-type]  # as the table gives them
    more, words = DIFFERENT[what]
    script: list[ScriptItem] = [call("finish", city="P", people=1) if what == "output" else "more"]
    other = Agent(MockBackend(script), **{**same, **more})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="changes=True") as raised:
        other.resume_sync(one.trace, "And?")
    assert f"was made with: {words}" in str(raised.value)
    assert what == "output" or f"{words}. Pass changes=True" in str(raised.value), "nothing else differs"
    result = other.resume_sync(one.trace, "And?", changes=True)
    assert result.outcome.kind == "answered"
    assert [event.spec for event in result.trace if isinstance(event, Changed)] == [other.spec]
    check_law(result.trace)


def test_changed_instructions_are_what_the_model_is_told_from_then_on() -> None:
    one = Agent(MockBackend(["done"]), instructions="Be brief.").run_sync("Go.")
    backend = MockBackend(["more"])
    two = Agent(backend, instructions="Be long.").resume_sync(one.trace, "And?", changes=True)
    request = backend.requests[0]
    assert request.messages[0] == Message("system", request.messages[0].parts)
    assert request.messages[0].text == "Be long."
    assert [message.text for message in request.messages[1:]] == ["Go.", "done", "And?"]
    check_law(two.trace)


@pytest.mark.parametrize(
    ("script", "before", "then"),
    [
        ([call("lookup", key="a"), "part"], Limits(steps=1), Limits(steps=5)),
        ([call("lookup", key="a"), "part"], Limits(tokens=10), Limits()),
        ([Raw("")], Limits(mistakes=1), Limits(mistakes=2)),
        ([call("lookup", key="a")] * 3, Limits(repeats=1), Limits(repeats=2)),
        ([call("lookup", key="a"), BackendRejected("no")], Limits(steps=1), Limits(steps=5)),
    ],
    ids=["steps", "tokens", "mistakes", "repeats", "lost at the last request"],
)
def test_what_a_limit_ended_goes_on_with_other_limits(script: list[ScriptItem], before: Limits, then: Limits) -> None:
    world = World()
    one = mock(script, "native")
    first = Agent(one, tools=world.tools(), limits=before).run_sync("Go.")
    assert first.outcome.kind != "answered"
    backend = mock([call("lookup", key="z"), "done"], "native")
    second = Agent(backend, tools=world.tools(), limits=then).resume_sync(first.trace, changes=True)
    assert second.answer == "done"
    assert [request.tool_choice for request in backend.requests] == ["auto", "auto"]
    assert backend.requests[0].messages[-1].role == "user", "its own words are not for it to complete"
    replay(second.trace)


def test_what_a_deadline_ended_goes_on_without_other_limits() -> None:
    world, limits = World(), Limits(seconds=50.0)
    one = Agent(MockBackend([call("lookup", key="a"), "part"]), tools=world.tools(), limits=limits).run_sync("Go.")
    late = Trace([replace(event, at=60.0 if at > after(one.trace, Called) else 0.0) for at, event in enumerate(one.trace, 1)])
    assert fold(late).outcome == Outcome("limit", "seconds: 60 of 50 used")
    backend = MockBackend(["done"])
    assert Agent(backend, tools=world.tools(), limits=limits).resume_sync(late).answer == "done"
    assert [message.role for message in backend.requests[0].messages[-2:]] == ["assistant", "user"]


def test_a_finished_trace_resumes_to_its_end_without_asking_anybody() -> None:
    one = Agent(MockBackend(["done"])).run_sync("Go.")
    again = Agent(MockBackend([])).resume_sync(one.trace)
    assert (again.outcome, again.answer) == (one.outcome, one.answer)


def test_a_killed_request_is_asked_again() -> None:
    world = World()
    one = Agent(MockBackend([call("lookup", key="a"), "done"]), tools=world.tools()).run_sync("Go.")
    backend = MockBackend(["done"])
    two = Agent(backend, tools=world.tools()).resume_sync(one.trace.cut(after(one.trace, Returned)))
    assert two.answer == "done"
    assert backend.requests[0].digest() == [event.request for event in one.trace if isinstance(event, Replied)][1]


# ------------------------------------------------------------------------------------------------------------ pictures


def test_the_same_call_with_another_picture_is_no_repetition() -> None:
    shots = iter(range(10))

    @tool(read_only=True)
    def screenshot() -> bytes:
        """What the screen shows now."""
        return b"\x89PNG\r\n\x1a\n" + bytes([next(shots)])

    script: list[ScriptItem] = [*[call("screenshot")] * 4, "done"]
    backend = MockBackend(script)
    result = Agent(backend, tools=[screenshot]).run_sync("Watch.")
    assert result.answer == "done"
    assert "same result" not in spoken(backend)


def test_events_come_in_the_order_of_their_times() -> None:
    for name in STORIES:
        times = [event.at for event in tell(name, "native").trace]
        assert times == sorted(times) or name == "forked"


def test_secrets_that_run_into_each_other_leave_nothing_of_themselves() -> None:
    masker = Masker(["abcdefgh", "efghijkl", "cdef"])
    assert masker.text("x abcdefghijkl y") == f"x {MASKED} y"
    assert masker.text("abcdefghabcdefgh cdef") == f"{MASKED}{MASKED} {MASKED}"
    assert masker.text("aaaa") == "aaaa"
    assert Masker(["aaaa"]).text("aaaaaa") == MASKED


def test_a_picture_whose_bytes_read_like_a_secret_stays_a_picture() -> None:
    picture = Image("image/png", data="AAAAsecretAAAA==")
    result = Agent(MockBackend(["done"]), secrets=["secret"]).run_sync(["secret", picture])
    started = result.trace.started
    assert started.task.parts == (Text(MASKED), picture)
