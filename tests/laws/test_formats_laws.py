"""Laws of the formats: what is written is read as the same; nothing is made up; chunks do not matter; nothing foreign is raised."""

from __future__ import annotations

import json
from typing import Any

import pytest
from formats._say import merged
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from react_agent.errors import FormatError
from react_agent.formats import FORMATS, get_format
from react_agent.formats.arguments import read_arguments
from react_agent.formats.base import RawReply
from react_agent.formats.lossless import strict_object
from react_agent.formats.stream import StreamReader
from react_agent.messages import (
    Act,
    Answer,
    Delta,
    Head,
    JsonObject,
    MessageView,
    ModelReply,
    ModelRequest,
    Text,
    ToolCall,
    ToolSpec,
    clean,
    user,
)

TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object", type(None): "null"}
TEXT_FORMATS = [name for name in FORMATS if name not in ("native", "auto")]
WRITING = [name for name in FORMATS if name != "native"]
MODEST = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Pieces that formats take for marks, so that they turn up inside thoughts, answers and arguments.
MARKS = st.sampled_from(
    ["Action:", "\nAction: search", "Final Answer:", "\nObservation: x", "<tool_call>", "</tool_call>", "<think>", "</think>", "```", "```json\n", "[TOOL_CALLS]", "{", "}", '"',
     "'", "\\", "<|channel|>", "<|message|>", "</parameter>", "</arg_value>", "<escape>", '<|"|>', "\n", "：", "**", "null", "[", "]", "functools[", '{"name": "search"', "True"]
)  # fmt: skip
words = st.lists(st.one_of(st.text(st.characters(codec="utf-8"), max_size=8), MARKS), max_size=4).map("".join)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.floats(allow_nan=False, allow_infinity=False), words)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6)
NASTY = ["Action", "Observation:", "final_answer", "Final Answer", "think", "<think>", "tool_call", "<tool_call>", "all", "functions", "functions.f", "function", "assistant",
         "self", "search[x]", "a b", "a\nb", "```", "json", "null", "None", "0", "é", "名前", "print", "f()", "name:", "a:b", '"', "{", "[TOOL_CALLS]", "[ARGS]", "to=x", "Search", "SEARCH",
         "answer", "thought", "plan", "x>", "</function>", ".", "-", "call:f", "search.call", "functools[", "\ud800"]  # fmt: skip
names = st.one_of(
    st.sampled_from(["search", "get_weather", "finish", "a.b-c", "X"]), st.sampled_from(NASTY), st.text(min_size=1, max_size=4)
)
keys = st.one_of(st.sampled_from(["query", "n", "city_name"]), words)
arguments = st.dictionaries(keys, values, max_size=3)
calls = st.lists(st.builds(ToolCall, names, arguments), min_size=1, max_size=3).map(tuple)
steps = st.one_of(st.builds(Act, words, calls), st.builds(Answer, words, words))


def request_for(step: Act | Answer) -> ModelRequest:
    """The tools with just the parameters that the calls use."""
    shapes: dict[str, JsonObject] = {"search": {}, "other": {"query": {"type": "string"}}}
    for call in step.calls if isinstance(step, Act) else ():
        known = shapes.setdefault(call.name, {})
        known.update({key: {"type": TYPES[type(value)]} for key, value in (call.arguments or {}).items()})
    tools = tuple(ToolSpec(name, "", {"type": "object", "properties": known}) for name, known in shapes.items())
    return ModelRequest(MessageView().extend(user("q")), Head(tools))


def read(name: str, text: str, request: ModelRequest, finish: Any = "stop") -> ModelReply:
    return get_format(name).read(RawReply((Text(text),), finish), request)


@pytest.mark.parametrize("name", WRITING)
def test_what_is_written_is_read_as_the_same_or_not_written(name: str) -> None:
    @MODEST
    @given(steps)
    def law(step: Act | Answer) -> None:
        try:
            text = get_format(name).write(step)
        except FormatError:
            return
        found = read(name, text, request_for(step)).read()
        assert type(found) is type(step)
        assert found.thought == step.thought
        if isinstance(step, Answer):
            assert found == step
        else:
            assert isinstance(found, Act)
            ours = [(call.name, json.dumps(call.arguments)) for call in found.calls]
            assert ours == [(call.name, json.dumps(call.arguments)) for call in step.calls]

    law()


@MODEST
@given(st.sampled_from(TEXT_FORMATS), st.builds(Act, st.text("abc ", max_size=5).map(str.strip), calls))
def test_plain_steps_are_always_written(name: str, step: Act) -> None:
    """Without marks in it, every step can be written."""
    plain = {"query": "Paris", "n": 3}
    named = Act(step.thought, tuple(ToolCall("search", dict(plain)) for _ in step.calls))
    assert get_format(name).write(named)


@MODEST
@given(arguments)
def test_arguments_survive_json(value: JsonObject) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert json.dumps(strict_object(text)) == json.dumps(value)
    assert read_arguments(f"```json\n{text}\n```").value == value


@MODEST
@given(arguments, st.data())
def test_cut_arguments_are_never_completed(value: JsonObject, data: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=False)
    end = data.draw(st.integers(0, len(text) - 1))
    assert read_arguments(text[:end]).value is None


soup = st.lists(
    st.one_of(
        MARKS,
        st.text(max_size=6),
        st.sampled_from(["search", "Paris", "Action Input: ", "Thought: ", '{"query": "x"}', "search[x]", "\n\n", ": "]),
    ),
    max_size=14,
).map("".join)
SEARCH = ToolSpec(
    "search", "", {"type": "object", "properties": {"query": {"type": "string"}, "n": {"type": "integer"}}, "required": ["query"]}
)
ASK = ModelRequest(MessageView().extend(user("q")), Head((SEARCH,)))


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_raised_and_no_text_is_made_up(name: str) -> None:
    @MODEST
    @given(soup, st.sampled_from(["stop", "length"]))
    def law(text: str, finish: str) -> None:
        reply = read(name, text, ASK, finish)
        assert reply.reading in ("act", "answer", "malformed")
        if reply.reading == "answer":
            assert finish == "stop"
            assert reply.message.text.strip()
            if not any(mark in text for mark in '<[{"\\'):  # nothing to take out or to decode
                assert reply.message.text in text
        for call in reply.message.calls:
            assert (call.arguments is None) != (call.complaint is None)
            for value in (call.arguments or {}).values():
                if isinstance(value, str) and "\\" not in text:
                    assert value in text
            if call.arguments is not None:
                json.dumps(call.arguments, ensure_ascii=False).encode()
        if reply.read_by is not None and reply.read_by.span is not None:
            start, end = reply.read_by.span
            assert 0 <= start <= end <= len(text)

    law()


@st.composite
def replies(draw: st.DrawFn, name: str) -> str:
    """What a model may write: a step of the format with something around it, or pieces of all kinds."""
    try:
        written = get_format(name).write(draw(steps))
    except FormatError:
        written = ""
    return draw(soup) + written + draw(soup) if draw(st.booleans()) else written or draw(soup)


@pytest.mark.parametrize("name", FORMATS)
def test_chunks_do_not_matter_and_what_was_heard_is_the_reply(name: str) -> None:
    @settings(MODEST, max_examples=40)
    @given(replies(name), st.data())
    def law(text: str, data: st.DataObject) -> None:
        assume(clean(text) == text)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
        chunkings = ([text], list(text), [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)])
        told = []
        for chunks in chunkings:
            said: list[Delta] = []
            reader = StreamReader(get_format(name), ASK, said.append)
            for chunk in chunks:
                reader.feed(chunk)
            reply = reader.finish()
            assert reply == read(name, text, ASK)
            told.append(merged(said))
        assert told[0] == told[1] == told[2]
        if reply.reading == "malformed":
            return
        kinds = [kind for kind, _ in told[0]]
        last = told[0][len(kinds) - kinds[::-1].index("restart") :] if "restart" in kinds else told[0]
        heard = {kind: "".join(piece for of, piece in last if of == kind) for kind in ("text", "thinking", "call")}
        assert "".join(heard["text"].split()) == "".join(reply.message.text.split())
        assert "".join(heard["thinking"].split()) == "".join(reply.message.thought.split())
        assert bool(heard["call"]) == (reply.reading == "act")

    law()


@MODEST
@given(st.sampled_from(["react_text", "auto", "hermes", "json_step"]), soup, st.data())
def test_characters_are_whole_wherever_the_bytes_were_cut(name: str, text: str, data: st.DataObject) -> None:
    assume(clean(text) == text)
    encoded = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(encoded)), max_size=5)))
    reader = StreamReader(get_format(name), ASK)
    for start, end in zip([0, *cuts], [*cuts, len(encoded)], strict=True):
        reader.feed(encoded[start:end])
    assert reader.finish() == read(name, text, ASK)
