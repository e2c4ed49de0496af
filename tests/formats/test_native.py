from __future__ import annotations

import pytest

from react_agent.errors import FormatError
from react_agent.formats import get_format
from react_agent.formats.base import RawReply
from react_agent.messages import (
    Act,
    Answer,
    Head,
    Malformed,
    Message,
    ModelRequest,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    system,
    user,
)

from ._say import ask

NATIVE = get_format("native")


def read(*parts: object, **more: object):  # type: ignore[no-untyped-def]
    return NATIVE.read(RawReply(tuple(parts), **more), ask())  # type: ignore[arg-type]


def test_a_call_is_read_and_keeps_the_provider_s_data() -> None:
    reply = read(
        Text("I look."),
        ToolCall("search", raw='{"query": "x"}', provider_data={"id": "c1"}),
        finish="tool_calls",
        usage=Usage(1, 2),
        model="m",
        cost=0.5,
    )
    assert reply.read() == Act("", (ToolCall("search", {"query": "x"}, None, None, {"id": "c1"}),))
    assert (reply.message.text, reply.usage, reply.model, reply.finish, reply.cost) == ("I look.", Usage(1, 2), "m", "tool_calls", 0.5)
    assert reply.read_by is not None
    assert reply.read_by.format == "native"


def test_one_bad_call_among_good_ones_carries_its_complaint_alone() -> None:
    reply = read(ToolCall("search", raw='{"query": "a"}'), ToolCall("search", raw='{"query": "b'), ToolCall("search", raw="{'query': 'c'}"))
    assert reply.reading == "act"
    first, second, third = reply.message.calls
    assert first.arguments == {"query": "a"}
    assert second.arguments is None
    assert "ends inside the string" in (second.complaint or "")
    assert second.raw == '{"query": "b'
    assert third.arguments == {"query": "c"}
    assert reply.read_by is not None
    assert reply.read_by.repairs == ("single_quotes",)


@pytest.mark.parametrize("raw", [None, "", "  "])
def test_no_text_is_a_call_without_arguments(raw: str | None) -> None:
    assert read(ToolCall("now", raw=raw)).message.calls[0].arguments == {}


def test_null_is_no_object() -> None:
    assert read(ToolCall("now", raw="null")).message.calls[0].arguments is None


MALFORMED = {
    "empty": ((), {}, "empty"),
    "white space": ((Text(" \n"),), {}, "empty"),
    "thinking only": ((Thinking("hm"),), {}, "thoughts only"),
    "a call that the server lost": ((Text("I look it up."),), {"finish": "tool_calls"}, "no call came"),
    "cut text": ((Text("The answer is 4"),), {"finish": "length"}, "cut off"),
    "cut call": ((ToolCall("search", raw='{"query": "x"}'),), {"finish": "length"}, "cut off"),
}


@pytest.mark.parametrize(("parts", "more", "says"), MALFORMED.values(), ids=MALFORMED.keys())
def test_neither_call_nor_answer_is_malformed(parts: tuple[object, ...], more: dict[str, object], says: str) -> None:
    reply = read(*parts, **more)
    assert reply.reading == "malformed"
    assert says in (reply.complaint or "")
    assert not reply.message.calls


@pytest.mark.parametrize("name", ["native", "auto"])
def test_text_that_ended_for_a_call_that_is_not_there_is_an_answer_only_where_none_can_be_meant(name: str) -> None:
    form, raw = get_format(name), RawReply((Text("I look it up."),), "tool_calls")
    first = form.read(raw, ask())
    assert (first.reading, "no call came" in (first.complaint or "")) == ("malformed", True)
    again = ask()
    for request in (
        ask(()),
        ask(tool_choice="none"),
        ModelRequest(again.messages.extend(first.message, user(first.complaint or "")), again.head),  # it says so once more
    ):
        assert form.read(raw, request).reading == "answer"


@pytest.mark.parametrize("name", ["native", "auto"])
@pytest.mark.parametrize(
    ("then", "reading"), [((Text("42"),), "answer"), ((ToolCall("search", {"query": "x"}),), "malformed")], ids=["text", "call"]
)
def test_a_server_that_says_so_of_any_text_is_asked_once_in_a_conversation(name: str, then: tuple[Part, ...], reading: str) -> None:
    form, raw, asked = get_format(name), RawReply((Text("I look it up."),), "tool_calls"), ask()
    first = form.read(raw, asked)
    said = asked.messages.extend(first.message, user(first.complaint or ""), Message("assistant", then))
    results = [Message("tool", (ToolResult("search", (Text("found"),)),))] if type(then[0]) is ToolCall else [user("And then?")]
    assert form.read(raw, ModelRequest(said.extend(*results), asked.head)).reading == reading


def test_a_refusal_keeps_the_provider_s_words() -> None:
    for reply in (read(refusal="I must not."), read(Text("I must not."), finish="refused")):
        assert (reply.finish, reply.reading, reply.complaint) == ("refused", "malformed", "I must not.")


def test_an_answer_is_text_and_thinking_stays_apart() -> None:
    assert read(Thinking("hm"), Text("4")).read() == Answer("hm", "4")


def test_lowering_is_the_message_itself_and_drops_an_empty_system_message() -> None:
    said = system("x")
    assert NATIVE.lower(said, None, Head()) == (said,)
    assert NATIVE.lower(Message("system", ()), None, Head()) == ()


def test_only_answers_have_text() -> None:
    assert NATIVE.write(Answer("", "4")) == "4"
    for reading in (Act("", (ToolCall("search", {}),)), Malformed("x"), Answer("", " ")):
        with pytest.raises(FormatError):
            NATIVE.write(reading)
