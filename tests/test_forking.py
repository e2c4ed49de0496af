"""What may be edited in a fork: only what no kept reply has read, never silently, and never in the parent."""

from __future__ import annotations

import pytest
from _stories import STORIES, tell
from hypothesis import given
from hypothesis import strategies as st

from react_agent import Agent, Image, MockBackend, Trace, call, replay, tool
from react_agent.errors import ConfigError
from react_agent.events import Returned, Started
from react_agent.forking import editable, edited
from react_agent.loop import CallModel, fold, next_effect
from react_agent.messages import Text


@tool(read_only=True)
def look(at: str) -> str:
    """Look."""
    if at == "bad":
        raise LookupError("nothing there")
    return f"seen {at}"


def run(*script: object, tools: tuple[object, ...] = (look,)) -> Trace:
    return Agent(MockBackend(script), tools=tools).run_sync("Well?").trace  # type: ignore[arg-type]


ONE = run(call("look", at="a"), call("look", at="bad"), "done")
TWO = run([call("look", at="a"), call("look", at="b")], "done")


def prefix(trace: Trace, step: int) -> Trace:
    return trace.fork(trace.after_step(step), run_id="new", now=1.0)


@pytest.mark.parametrize(
    ("trace", "step", "there"),
    [
        (ONE, 0, {"question": "Well?"}),
        (ONE, 1, {"observation": "seen a"}),
        (ONE, 2, {"observation": "LookupError: nothing there"}),
        (ONE, 3, {}),
        (TWO, 1, {"observation.0": "seen a", "observation.1": "seen b"}),
    ],
    ids=["the question", "a result", "an error", "the end", "two results"],
)
def test_what_can_be_edited(trace: Trace, step: int, there: dict[str, str]) -> None:
    assert editable(prefix(trace, step)) == there


def test_what_the_person_said_last_can_be_edited() -> None:
    agent = Agent(MockBackend(["one", "two"]))
    trace = agent.resume_sync(agent.run_sync("First?").trace, "Second?").trace
    assert editable(prefix(trace, 1)) == {"question": "Second?"}


def test_an_edit_is_on_record_and_the_parent_stays_as_it_was() -> None:
    before = ONE.to_jsonl()
    backend = MockBackend(["so be it"])
    result = Agent(backend, tools=[look]).fork_sync(ONE, ONE.after_step(2), edits={"observation": "a treasure"})
    assert ONE.to_jsonl() == before
    assert result.answer == "so be it"
    assert "a treasure" in str(backend.requests[0].messages)
    assert "nothing there" not in str(backend.requests[0].messages)
    parent = result.trace.started.parent
    assert parent is not None
    [edit] = parent.edits
    assert (edit.what, edit.before) == ("observation", "LookupError: nothing there")
    place = result.trace[edit.at]
    assert isinstance(place, Returned)
    assert (place.result.text, place.result.status) == ("a treasure", "ok")
    assert Trace.from_jsonl(result.trace.to_jsonl()) == result.trace
    replay(result.trace)


def test_an_edit_of_the_question_keeps_its_pictures() -> None:
    picture = Image.from_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    trace = Agent(MockBackend(["a cat"])).run_sync(["What is this?", picture]).trace
    backend = MockBackend(["a dog"])
    result = Agent(backend).fork_sync(trace, 1, edits={"question": "Is it a dog?"})
    assert result.trace.started.task.parts == (Text("Is it a dog?"), picture)
    assert "Is it a dog?" in str(backend.requests[0].messages)


def test_a_secret_in_an_edit_is_masked() -> None:
    result = Agent(MockBackend(["done"]), tools=[look], secrets=["hunter2"]).fork_sync(
        ONE, ONE.after_step(1), edits={"observation": "it is hunter2"}
    )
    assert b"hunter2" not in result.trace.to_jsonl()


@pytest.mark.parametrize(("step", "place"), [(1, "question"), (1, "observation.1"), (3, "observation"), (0, "observation"), (1, "thought")])
def test_what_was_read_stays(step: int, place: str) -> None:
    with pytest.raises(ConfigError, match="can be edited"):
        edited(prefix(ONE, step), {place: "another"})


def test_what_is_put_in_a_place_is_a_text_that_can_be_written() -> None:
    fork = edited(prefix(ONE, 1), {"observation": "half a pair \ud800"})
    assert Trace.from_jsonl(fork.to_jsonl()) == fork
    for secrets in ((), ("hunter2",)):
        with pytest.raises(ConfigError, match="'observation' is a text; not int"):
            Agent(MockBackend([]), tools=[look], secrets=secrets).fork_sync(ONE, ONE.after_step(1), edits={"observation": 42})  # type: ignore[dict-item]


def test_a_call_that_never_ran_still_did_not() -> None:
    trace = run(call("lok", at="a"), "done")
    fork = edited(prefix(trace, 1), {"observation": "no such tool"})
    assert [event.result.status for event in fork if isinstance(event, Returned)] == ["unknown_tool"]
    replay(fork)


@pytest.mark.parametrize("name", sorted(STORIES))
@given(text=st.text(max_size=20), data=st.data())
def test_whatever_is_edited_the_fork_replays_and_the_next_request_holds_it(name: str, text: str, data: st.DataObject) -> None:
    trace = tell(name, "native").trace
    replies = sum(event.kind == "replied" for event in trace)
    fork = prefix(trace, data.draw(st.integers(0, replies)))
    made = edited(fork, dict.fromkeys(editable(fork), text))
    assert isinstance(made[0], Started)
    assert [event.kind for event in made] == [event.kind for event in fork]
    replay(made)
    effect = next_effect(fold(made))
    if editable(fork) and isinstance(effect, CallModel):
        assert sum(text in str(part.text) for message in effect.request.messages for part in message.parts if hasattr(part, "text")) >= 1
