"""What no model should write and no wire should bring: each gives a reading, never an exception, never a guess."""

from __future__ import annotations

import json

import msgspec
import pytest

from react_agent.errors import FormatError
from react_agent.formats import FORMATS, get_format
from react_agent.formats.base import RawReply
from react_agent.formats.stream import StreamReader
from react_agent.messages import (
    Act,
    Answer,
    Head,
    JsonObject,
    MessageView,
    ModelRequest,
    Text,
    Thinking,
    ToolCall,
    ToolSpec,
    system,
    user,
)

from ._say import ask, read
from .test_dialects import DIALECTS, WRITTEN

EVERY = pytest.mark.parametrize("name", FORMATS)


@EVERY
def test_bytes_that_are_no_text_and_half_a_character_at_the_border_of_chunks(name: str) -> None:
    data = WRITTEN.get(name, "42").replace("Paris", "Zürich 🙂").encode()
    for junk in (b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", bytes(range(256))):
        reader = StreamReader(get_format(name), ask())
        for at in range(0, len(data + junk), 3):
            reader.feed((data + junk)[at : at + 3])
        assert reader.finish() == read(name, (data + junk).decode("utf-8", "replace"))


@EVERY
def test_lone_surrogates(name: str) -> None:
    text = WRITTEN.get(name, "42 Paris")
    for half in ("\ud83d", "\ude42", "\\ud83d", "\\ud83d\\ud83d"):
        reply = read(name, text.replace("Paris", f"a{half}b"))
        assert msgspec.json.encode(reply)
    whole = RawReply((Thinking("\ud83d"), Text("\ude42 x"), ToolCall("a\ud83d", raw='{"a": "\ud83d"}')))
    assert msgspec.json.encode(get_format(name).read(whole, ask()))
    assert msgspec.json.encode(get_format(name).read(RawReply((), "refused", refusal="no \ud83d"), ask()))
    with pytest.raises(FormatError):
        get_format(name).write(Act("", (ToolCall("\ud800", {}),)))


@EVERY
def test_a_character_whose_halves_came_in_two_chunks_is_whole(name: str) -> None:
    reader = StreamReader(get_format(name), ask(resulted=True))
    for chunk in WRITTEN.get(name, "42 Paris").replace("Paris", "\ud83d\ude42"):
        reader.feed(chunk)
    assert reader.finish() == read(name, WRITTEN.get(name, "42 Paris").replace("Paris", "🙂"), ask(resulted=True))


DEEP = 100_000


@EVERY
@pytest.mark.parametrize("nest", ["[", '{"a":', "(", "{'a': [", "<think>", "```\n", "f(", "<tool_call>"])
def test_nesting_100_000_deep(name: str, nest: str) -> None:
    around = WRITTEN.get(name, "Paris")
    for value in ('"Paris"', "'Paris'", "Paris", ""):
        if value not in around:
            continue
        reply = read(name, around.replace(value, nest * DEEP) if value else nest * DEEP)
        assert reply.reading in ("act", "answer", "malformed")
        for call in reply.message.calls:
            assert call.arguments is None or len(json.dumps(call.arguments)) > DEEP, "as text it may be deep; as JSON it is refused"


def test_a_reply_of_a_hundred_megabytes_is_bounded() -> None:
    reader = StreamReader(get_format("auto"), ask(()))
    taken = [reader.feed("x" * 1_000_000) for _ in range(100)]
    assert taken.index(False) == 16
    reply = reader.finish()
    assert (reply.reading, len(reply.message.text)) == ("malformed", 16_000_000)
    assert "cut off" in (reply.complaint or "")


NAMES = ["Action", "Observation:", "Final Answer", "finish", "<think>", "</think>", "<tool_call>", "[TOOL_CALLS]", "all", "functions", "assistant", "```json", "name", "null", "a b", "f()", "]"]  # fmt: skip


@pytest.mark.parametrize("tool_name", NAMES)
@pytest.mark.parametrize("name", DIALECTS)
def test_tools_whose_names_look_like_marks(name: str, tool_name: str) -> None:
    """A call of one is written and read as the same, or it is said that it cannot be written; its prompt and complaints can always be made."""
    schema: JsonObject = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
    odd = ToolSpec(tool_name, "Odd.", schema)
    form = get_format(name)
    request = ModelRequest(MessageView().extend(user("q")), Head((odd,)))
    step = Act("I look.", (ToolCall(tool_name, {"query": "x"}),))
    assert form.lower(system("s"), None, request.head)
    assert form.read(RawReply((Text("<tool_call>{"),)), request).reading == "malformed" or name == "harmony"
    try:
        text = form.write(step)
    except FormatError:
        return
    found = form.read(RawReply((Text(text),)), request).read()
    assert isinstance(found, Act), (text, found)
    assert [(call.name, call.arguments) for call in found.calls] == [(tool_name, {"query": "x"})]


def test_an_answer_that_names_such_a_tool_is_an_answer() -> None:
    for words in ("Action", "I would use Observation: none", "all"):
        assert read("auto", words).read() == Answer("", words)
