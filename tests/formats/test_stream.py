from __future__ import annotations

import pytest

from react_agent.formats import get_format
from react_agent.formats.base import RawReply
from react_agent.formats.stream import StreamReader
from react_agent.messages import Act, Answer, ToolCall, Usage

from ._say import ask, read
from .test_dialects import WRITTEN

TEXT = 'Thought: où?\nAction: search\nAction Input: {"query": "Zürich 🙂"}\nObservation: made up\n' + "Thought: more\n" * 200


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("name", ["react_text", "auto", "qwen3_coder", "harmony"])
def test_the_reading_does_not_depend_on_the_chunks(name: str, size: int) -> None:
    text = WRITTEN[name] if name in WRITTEN and name != "react_text" else TEXT
    whole = read(name, text)
    data = text.encode()
    for chunks in ([text[i : i + size] for i in range(0, len(text), size)], [data[i : i + size] for i in range(0, len(data), size)]):
        reader = StreamReader(get_format(name), ask())
        assert not any(reader.feed(chunk) for chunk in chunks)
        assert reader.finish() == whole


def test_a_server_that_goes_on_can_be_left_when_the_step_is_whole() -> None:
    reader = StreamReader(get_format("react_text"), ask(), early=True)
    taken = next(i for i, mark in enumerate(TEXT) if reader.feed(mark))
    assert taken < 200
    found = reader.finish().read()
    assert found == read("react_text", TEXT).read()


def test_it_waits_while_a_further_call_may_come() -> None:
    text = WRITTEN["hermes"] * 2
    reader = StreamReader(get_format("hermes"), ask(), early=True)
    assert not any(reader.feed(mark) for mark in text)
    found = reader.finish().read()
    assert isinstance(found, Act)
    assert len(found.calls) == 2


def test_an_unfinished_step_is_waited_for() -> None:
    reader = StreamReader(get_format("react_text"), ask(), early=True)
    assert not any(reader.feed(mark) for mark in "Thought: " + "x" * 2000 + "\nAction: search[Paris")


def test_a_reply_beyond_the_limit_counts_as_cut() -> None:
    reader = StreamReader(get_format("auto"), ask(), limit=1000)
    assert reader.feed("x" * 900) is False
    assert reader.feed("x" * 900) is True
    assert len(reader.text) == 1000
    assert reader.finish().reading == "malformed"


def test_bytes_that_are_no_text_are_replaced() -> None:
    reader = StreamReader(get_format("auto"), ask())
    reader.feed(b"caf\xc3")
    reader.feed(b"\xa9 \xff\xc3")
    assert reader.finish().read() == Answer("", "café \ufffd\ufffd")


def test_what_else_the_wire_knows_is_kept() -> None:
    reader = StreamReader(get_format("auto"), ask())
    reader.feed("42")
    reply = reader.finish(RawReply((), "stop", Usage(1, 2), "m"))
    assert (reply.usage, reply.model, reply.message.text) == (Usage(1, 2), "m", "42")
    reader = StreamReader(get_format("auto"), ask())
    reply = reader.finish(RawReply((ToolCall("now", raw="{}"),)))
    assert reply.message.calls[0].name == "now"
