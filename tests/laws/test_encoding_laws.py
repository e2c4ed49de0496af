"""What is written by hand for speed is what pydantic would write, to the byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from react_agent.encoding import encode_event
from react_agent.events import Replied
from react_agent.messages import Attempt, Image, Message, ModelReply, ReadBy, Text, Thinking, ToolCall, ToolResult, Usage
from react_agent.trace import decode_event

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.integers(-(2**70), 2**70)
seconds = st.floats(0, 1e10, allow_nan=False)
scalars = st.none() | st.booleans() | numbers | st.floats(allow_nan=False, allow_infinity=False) | words
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6)
objects = st.dictionaries(words, values, max_size=3)
texts = st.builds(Text, words, st.none() | objects)
images = st.builds(Image, words, st.none() | words, st.none() | words, st.none() | words, st.none() | objects)
parts = st.one_of(
    texts,
    images,
    st.builds(Thinking, words, st.none() | objects),
    st.builds(ToolCall, words, st.none() | objects, st.none() | words, st.none() | words, st.none() | objects),
    st.builds(ToolResult, words, st.lists(texts | images, max_size=2).map(tuple), st.just("ok"), st.booleans()),
)
counts = st.integers(0, 2**40)
replies = st.builds(
    ModelReply,
    st.builds(Message, st.just("assistant"), st.lists(parts, max_size=3).map(tuple), st.none() | objects),
    st.sampled_from(["act", "answer", "malformed"]),
    complaint=st.none() | words,
    finish=st.sampled_from(["stop", "tool_calls", "length", "refused"]),
    read_by=st.none()
    | st.builds(
        ReadBy, words, counts, st.none() | words, st.none() | st.tuples(counts, counts), st.lists(words).map(tuple), st.none() | words
    ),
    usage=st.none() | st.builds(Usage, counts, counts, counts, counts, counts),
    model=st.none() | words,
    route=st.lists(st.builds(Attempt, words, st.none() | words, st.none() | words, st.none() | seconds), max_size=2).map(tuple),
    raw=st.none() | words,
    request_id=st.none() | words,
    cost=st.none() | seconds,
)
events = st.builds(Replied, seconds, replies, st.sampled_from(["step", "last"]), words, seconds, st.none() | seconds)


@given(events)
def test_a_reply_is_written_as_pydantic_would_write_it(event: Replied) -> None:
    line = encode_event(event)
    assert line == TypeAdapter(Replied).dump_json(event, exclude_none=True)
    assert decode_event(line) == event
