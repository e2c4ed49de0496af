"""A known secret is found wherever it stands in an event, however it has to be escaped there."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from react_agent.events import Event, Replied, Returned, Told
from react_agent.masking import MASKED, Masker
from react_agent.messages import JsonObject, Message, ModelReply, Text, ToolCall, ToolResult, user
from react_agent.trace import encode_event

# no character of the mask itself, and none that a neighbour could join with to another
secrets = st.text(st.sampled_from('ab"\\/\n\t\x00\x7fé€😀<>'), min_size=4, max_size=12)
around = st.text(st.sampled_from("xyz {}:,é"), max_size=4)


def events(text: str) -> list[Event]:
    arguments: JsonObject = {"plain": text, "nested": [{text: 1}]}
    call = ToolCall("look", arguments, raw=json.dumps(arguments, ensure_ascii=False), provider_data={"id": text})
    reply = ModelReply(Message("assistant", (Text(text), call)), "act", raw=json.dumps(text))
    return [Told(1.0, user(text)), Replied(1.0, reply, "step", "", 0.0), Returned(1.0, 0, 0, ToolResult("look", (Text("so"), Text(text))))]


@given(secrets, around, around)
def test_no_secret_gets_through(secret: str, before: str, after: str) -> None:
    masker = Masker([secret])
    for event in events(before + secret + after):
        masked, _ = masker.event(event)
        assert masked is not event
        shown = repr(masked)
        assert MASKED in shown
        assert repr(secret)[1:-1] not in shown.replace(MASKED, "")


@given(secrets, st.text(st.sampled_from("wxyz {}:,"), max_size=12))
def test_what_holds_none_stays_the_same_object(secret: str, text: str) -> None:
    masker = Masker([secret])
    for event in events(text):
        same, line = masker.event(event)
        assert same is event
        assert line in (None, encode_event(event))
