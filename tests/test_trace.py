"""The record: appending, cutting, forking, counting, and files that are whole, torn, damaged, foreign or from tomorrow."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest
from _stories import STORIES, after, tell
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from react_agent import Agent, ConfigError, MockBackend, Trace, TraceError, Usage, replay
from react_agent.events import SCHEMA_VERSION, Called, Changed, Event, Replied, Resumed, Returned, Started, Told
from react_agent.loop import fold
from react_agent.messages import Message, user
from react_agent.spec import AgentSpec, Limits
from react_agent.trace import decode_event, encode_event

STORY = "mixed_batch"


def started(run_id: str = "r", **more: object) -> Started:
    return Started(1.0, run_id, user("Go."), AgentSpec(**more), "mock", "native")  # type: ignore[arg-type]  # keywords of AgentSpec


def lines_of(name: str = STORY) -> list[bytes]:
    return tell(name, "native").trace.to_jsonl().splitlines(keepends=True)


# ------------------------------------------------------------------------------------------------------ a list of events


def test_a_trace_begins_with_started_and_only_there() -> None:
    trace = Trace()
    with pytest.raises(TraceError, match="begins with 'started', this one with 'told'"):
        trace.append(Told(2.0, user("Hello")))
    trace.append(started())
    with pytest.raises(TraceError, match="event 2 is 'started' once more"):
        trace.append(started("again"))
    with pytest.raises(TraceError, match="begins with 'started'"):
        Trace([Told(2.0, user("Hello"))])
    assert len(trace) == 1


def test_two_traces_in_one_are_none() -> None:
    with pytest.raises(TraceError, match="started"):
        Trace([started("a"), started("b")])
    with pytest.raises(TraceError, match="started"):
        Trace.from_jsonl(b"".join([*lines_of("one_call"), *lines_of("answer")]))


def test_a_trace_is_a_sequence_compared_by_content() -> None:
    trace = tell(STORY, "native").trace
    again = Trace(trace)
    assert again == trace
    assert again != Trace([*trace[:-1]])
    assert trace[0] is trace.started
    assert trace[-1].kind == "finished"
    assert [event.kind for event in trace[:2]] == ["started", "replied"]
    assert trace.run_id in repr(trace)
    assert "14 events" in repr(trace) or str(len(trace)) in repr(trace)
    assert repr(Trace()) == "<Trace (empty): 0 events>"
    with pytest.raises(TypeError):
        hash(trace)


def test_a_trace_copies_the_list_that_it_is_given() -> None:
    events: list[Event] = [started()]
    trace = Trace(events)
    events.append(Told(2.0, user("Hello")))
    assert len(trace) == 1


def test_an_empty_trace_has_no_beginning() -> None:
    with pytest.raises(TraceError, match="empty"):
        _ = Trace().started


# ------------------------------------------------------------------------------------------------------- what it says


def test_steps_tell_what_became_of_each_call() -> None:
    steps = tell(STORY, "native").trace.steps()
    assert [step.index for step in steps] == [0, 1]
    told = [(record.name, record.result.status if record.result else None, record.key is not None) for record in steps[0].calls]
    assert told == [
        ("add", "ok", True),
        ("nope", "unknown_tool", False),
        ("add", "invalid", False),
        ("add", "invalid", False),
        ("boom", "error", True),
        ("slow", "timeout", True),
    ]
    assert steps[0].calls[0].arguments == {"a": 1, "b": 1}
    assert steps[1].calls == ()
    assert steps[1].reply.message.text == "done"
    assert tell("one_call", "native").trace.steps()[0].thought == "Look."


def test_steps_of_reviewed_calls_have_the_arguments_that_ran() -> None:
    step = tell("paused", "native").trace.steps()[0]
    assert [record.arguments for record in step.calls] == [{"path": p} for p in "abz"] + [{"path": "d"}, {"key": "k"}]
    assert [record.result.text for record in step.calls if record.result] == ["wiped a", "keep it", "wiped z", "was empty", "value of k"]


def test_an_open_call_has_no_result_yet() -> None:
    trace = tell("one_call", "native").trace
    (record,) = trace.cut(after(trace, Called)).steps()[0].calls
    assert (record.result, record.seconds) == (None, None)
    assert record.key == f"{trace.run_id}/0.0"


@pytest.mark.parametrize("name", STORIES)
def test_usage_is_that_of_all_replies(name: str) -> None:
    trace = tell(name, "native").trace
    replies = sum(isinstance(event, Replied) for event in trace)
    assert trace.usage() == Usage(10 * replies, 5 * replies) == fold(trace).usage


# --------------------------------------------------------------------------------------------------- cutting and forking


def test_cutting_gives_the_same_run_up_to_there() -> None:
    trace = tell(STORY, "native").trace
    cut = trace.cut(3)
    assert (cut.run_id, len(cut)) == (trace.run_id, 3)
    assert cut[:] == trace[:3]
    for at in (0, -1, len(trace) + 1):
        with pytest.raises(TraceError, match=f"1 to {len(trace)}"):
            trace.cut(at)


def test_forking_gives_a_run_of_its_own_with_a_parent() -> None:
    trace = tell(STORY, "native").trace
    fork = trace.fork(3, run_id="mine", now=99.0)
    first = fork.started
    assert (first.run_id, first.at, first.task, first.spec) == ("mine", 99.0, trace.started.task, trace.started.spec)
    assert first.parent is not None
    assert (first.parent.run_id, first.parent.at) == (trace.run_id, 3)
    assert fork[1:] == trace[1:3]
    assert trace.started.parent is None


def test_after_step_counts_whole_steps() -> None:
    trace = tell("limit", "native").trace
    assert [trace[trace.after_step(step)].kind for step in range(5)] == ["replied"] * 5
    assert trace.after_step(0) == 1
    assert trace.after_step(1) == after(trace, Returned, 1)
    assert trace.after_step(5) == len(trace)
    for step in (6, -1):
        with pytest.raises(TraceError, match="5 steps"):
            trace.after_step(step)


# ----------------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("format_name", ["native", "react_text"])
@pytest.mark.parametrize("name", STORIES)
def test_saved_and_loaded_it_is_the_same(name: str, format_name: str, tmp_path: Path) -> None:
    trace = tell(name, format_name).trace
    path = trace.save(tmp_path / "some" / "folder" / "run.jsonl")
    again = Trace.load(path)
    assert again == trace
    assert again.torn is None
    assert again.to_jsonl() == trace.to_jsonl()
    assert len(path.read_bytes().splitlines()) == len(trace)


@pytest.mark.parametrize(
    "limits", [Limits(steps=None), Limits(None, 0, 0, 0.0, 0.0, 0, 0, 0, 0), Limits()], ids=["no steps limit", "zeros", "default"]
)
def test_a_limit_of_none_stays_one(limits: Limits) -> None:
    for event in (started(limits=limits), Changed(1.0, AgentSpec(limits=limits), "mock", "native")):
        assert decode_event(encode_event(event)) == event


def test_a_line_is_one_json_object_without_what_is_absent() -> None:
    line = encode_event(Returned(1.5, 0, 0, tell("one_call", "native").trace.steps()[0].calls[0].result, 0.25))  # type: ignore[arg-type]  # there is one
    data = json.loads(line)
    assert data["kind"] == "returned"
    assert data["result"]["content"] == [{"text": "value of a", "type": "text"}]
    assert "usage" not in data
    assert b"\n" not in line


NASTY = ["\u2028 line \u0085 separators", "nul \x00", 'quote " and \\ back', "emoji 🎈", "\r\n"]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_any_text_is_one_line(text: str) -> None:
    trace = Trace([started(), Told(2.0, user(text))])
    data = trace.to_jsonl()
    assert data.count(b"\n") == 2
    assert Trace.from_jsonl(data) == trace


def test_lone_surrogates_from_outside_are_replaced_and_the_text_around_them_stays() -> None:
    trace = Trace([started(), Told(2.0, user("a \ud800 b"))])
    again = Trace.from_jsonl(trace.to_jsonl())
    assert again == trace
    assert isinstance(again[1], Told)
    assert re.fullmatch("a \ufffd+ b", again[1].message.text)


def test_every_cut_of_the_file_loads_with_at_most_the_last_line_lost() -> None:
    """What a kill in the middle of a write leaves: every prefix of the bytes."""
    trace = tell("one_call", "native").trace
    data = trace.to_jsonl()
    first = data.index(b"\n")
    for size in range(first + 1, len(data)):
        part = data[:size]
        loaded = Trace.from_jsonl(part)
        lines = part.count(b"\n")
        tail = part.rpartition(b"\n")[2]
        assert loaded[:lines] == trace[:lines]
        assert len(loaded) - lines == (loaded.torn is None and bool(tail))
        assert len(loaded) - lines == 0 or encode_event(loaded[-1]) == tail
        assert loaded.torn is None or loaded.torn == tail[:200].decode("utf-8", "replace")


def test_a_byte_order_mark_of_an_editor_is_no_part_of_a_trace(tmp_path: Path) -> None:
    trace = tell("one_call", "native").trace
    file = tmp_path / "edited.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + trace.to_jsonl())
    assert Trace.load(file) == trace


def test_the_first_line_torn_is_no_trace() -> None:
    data = lines_of("answer")[0]
    with pytest.raises(TraceError, match="only a torn line"):
        Trace.from_jsonl(data[:50], source="run.jsonl")


DAMAGE: dict[str, tuple[bytes, list[str]]] = {
    "half a line": (b'{"kind":"returned","at":1.0,"st\n', ["not JSON"]),
    "no JSON": (b"Hello, world\n", ["not JSON"]),
    "no UTF-8": (b'{"kind":"told\xff\xfe"}\n', ["not JSON"]),
    "another kind of file": (b'{"level":"info","message":"x"}\n', ["not an event", "kind"]),
    "a list": (b"[1, 2]\n", ["not an event"]),
    "an unknown kind": (b'{"kind":"exploded","at":1.0}\n', ["exploded"]),
    "a kind that is no text": (b'{"kind":[1],"at":1.0}\n', ["kind"]),
    "a missing field": (b'{"kind":"told","at":1.0}\n', ["'told'", "message"]),
    "a wrong type": (b'{"kind":"resumed","at":1.0,"epoch":"first"}\n', ["'resumed'", "epoch"]),
    "too deep": (b'{"kind":"told","message":' + b"[" * 100_000 + b"\n", ["JSON"]),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_line_in_the_middle_is_named(what: str, tmp_path: Path) -> None:
    line, words = DAMAGE[what]
    lines = lines_of("one_call")
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join([*lines[:2], line, *lines[3:]]))
    with pytest.raises(TraceError) as raised:
        Trace.load(path)
    for word in [*words, "line 3", "run.jsonl"]:
        assert word in str(raised.value)
    assert len(str(raised.value)) < 2_000


def test_lines_taken_out_by_hand_are_noticed_when_the_trace_is_folded() -> None:
    lines = lines_of("one_call")
    without_reply = Trace.from_jsonl(b"".join([lines[0], *lines[2:]]))
    with pytest.raises(TraceError, match="'called' of call 0 in step 0"):
        fold(without_reply)
    twice = Trace.from_jsonl(b"".join([*lines[:4], lines[3], *lines[4:]]))
    with pytest.raises(TraceError, match="returned"):
        fold(twice)


@pytest.mark.parametrize("data", [b"", b"\n\n", b" \n"], ids=["empty", "blank lines", "a space"])
def test_an_empty_file_is_no_trace(data: bytes) -> None:
    with pytest.raises(TraceError, match="no event"):
        Trace.from_jsonl(data)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Trace.load(tmp_path / "nothing.jsonl")


def test_what_is_neither_a_trace_nor_a_path_is_said_to_be_none() -> None:
    agent = Agent(MockBackend(["done"]))
    result = agent.run_sync("Go?")
    for use in (Trace.load, replay, agent.resume_sync, lambda given: agent.fork_sync(given, 1)):
        with pytest.raises(ConfigError, match=r"result\.trace, or the path of its file; not Result"):
            use(result)


def test_text_as_a_database_gives_it_back_is_a_trace_too() -> None:
    trace = tell("one_call", "native").trace
    assert Trace.from_jsonl(trace.to_jsonl().decode()) == trace
    with pytest.raises(TraceError):
        Trace.from_jsonl("\ud800")


def test_line_ends_of_other_systems_and_blank_lines_do_no_harm() -> None:
    trace = tell("one_call", "native").trace
    data = trace.to_jsonl().replace(b"\n", b"\r\n") + b"\r\n\r\n"
    assert Trace.from_jsonl(data) == trace


def test_a_file_from_a_newer_version_is_refused_even_if_it_looks_readable() -> None:
    trace = tell("one_call", "native").trace
    newer = replace(trace.started, schema_version=SCHEMA_VERSION + 1)
    data = b"".join([encode_event(newer) + b"\n", *lines_of("one_call")[1:]])
    with pytest.raises(TraceError, match=f"schema version {SCHEMA_VERSION + 1}.*install a newer"):
        Trace.from_jsonl(data)


def test_a_file_from_a_newer_version_with_new_kinds_says_that_it_is_newer() -> None:
    first = json.loads(lines_of("one_call")[0]) | {"schema_version": SCHEMA_VERSION + 1, "fresh": 1, "task": "another shape"}
    data = json.dumps(first).encode() + b"\n" + b'{"kind":"pondered","at":2.0}\n'
    with pytest.raises(TraceError, match=f"schema version {SCHEMA_VERSION + 1}"):
        Trace.from_jsonl(data)
    second = json.loads(lines_of("one_call")[0]) | {"schema_version": SCHEMA_VERSION + 1}
    data = json.dumps(second).encode() + b"\n" + b'{"kind":"pondered","at":2.0}\n'
    with pytest.raises(TraceError, match=f"schema version {SCHEMA_VERSION + 1}"):
        Trace.from_jsonl(data)


@given(data=st.binary(max_size=60))
def test_no_file_raises_anything_foreign(data: bytes) -> None:
    head = lines_of("answer")[0]
    for content in (data, head + data, head + data + b"\n", head + data + b"\n" + head):
        with contextlib.suppress(TraceError):
            Trace.from_jsonl(content)


@given(at=st.integers(0, 10_000), byte=st.integers(0, 255), name=st.sampled_from(["one_call", "paused", "pictures"]))
def test_one_changed_byte_loads_or_is_refused_in_our_words(at: int, byte: int, name: str) -> None:
    data = bytearray(tell(name, "native").trace.to_jsonl()[:12_000])
    data[at % len(data)] = byte
    with contextlib.suppress(TraceError):
        fold(Trace.from_jsonl(bytes(data)))


def test_events_of_any_kind_go_through_json() -> None:
    kinds = {event.kind for name in STORIES for event in tell(name, "native").trace}
    assert kinds == {"started", "replied", "called", "returned", "asked", "reviewed", "told", "changed", "resumed", "stopped", "finished"}
    message = Message("user", user("a").parts)
    for event in (Told(1.0, message, during_request=True), Resumed(1.0, 3)):
        assert decode_event(encode_event(event)) == event
