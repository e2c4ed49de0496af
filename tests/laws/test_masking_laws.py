"""A known secret is found wherever it stands in an event, however it has to be escaped there."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from react_agent.events import Event, Replied, Returned, Told
from react_agent.masking import MASKED, Masker, Pieces
from react_agent.messages import Delta, JsonObject, Message, ModelReply, Text, ToolCall, ToolResult, user
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


@given(st.lists(st.text("ab", min_size=4, max_size=9), max_size=3), st.lists(st.text("abc", max_size=6), max_size=12))
def test_pieces_show_what_the_whole_would_and_hold_back_only_what_may_be_a_secret(known: list[str], pieces: list[str]) -> None:
    masker = Masker(known)
    told = Pieces(masker)
    shown, said = "", ""
    for piece in pieces:
        said += piece
        shown += "".join(delta.text for delta in told.of(Delta("text", piece)))
        open_ends = [at for at in range(len(said)) if any(secret.startswith(said[at:]) and secret != said[at:] for secret in known)]
        held = said[open_ends[0] :] if open_ends else ""
        assert masker.text(said).startswith(shown)
        assert held or shown == masker.text(said)
    shown += "".join(delta.text for delta in told.rest())
    assert shown == masker.text(said)
    assert told.rest() == []


kinds = st.sampled_from([("text", 0), ("thinking", 0), ("call", 0), ("call", 1)])


@given(
    st.lists(st.text("ab", min_size=4, max_size=9), min_size=1, max_size=3),
    st.lists(st.tuples(kinds, st.text("abc", max_size=6)), max_size=12),
)
def test_no_kind_of_pieces_shows_a_secret_however_they_take_turns(known: list[str], pieces: list[tuple[tuple[str, int], str]]) -> None:
    told = Pieces(Masker(known))
    shown: dict[tuple[str, int], str] = {}
    deltas = [delta for (kind, index), text in pieces for delta in told.of(Delta(kind, text, index=index))]  # type: ignore[arg-type]
    for delta in (*deltas, *told.rest()):
        shown[delta.kind, delta.index] = shown.get((delta.kind, delta.index), "") + delta.text
    for key, words in shown.items():
        assert not any(secret in words for secret in known)
        said = "".join(text for of, text in pieces if of == key)
        assert not any(secret in said for secret in known) or MASKED in words


def test_what_was_held_back_is_void_when_a_reply_begins_anew_and_a_calls_name_is_searched_too() -> None:
    told = Pieces(Masker(["s3cr3t", "0ther-one"]))
    said = [Delta("text", "It is s3c"), Delta("restart", ""), Delta("text", "r3t"), Delta("call", "{}", "0ther-one")]
    shown = [(delta.kind, delta.text, delta.name) for piece in said for delta in told.of(piece)]
    assert shown == [("text", "It is ", None), ("restart", "", None), ("text", "r3t", None), ("call", "{}", MASKED)]


def test_calls_that_are_written_side_by_side_show_no_more_of_a_secret_than_three_characters() -> None:
    told = Pieces(Masker(["s3cr3t-w0rd"]))
    said = [Delta("call", piece, index=index) for piece in ('{"key": "s3c', "r3t-w0r", 'd"}') for index in (0, 1)]
    shown = [delta for piece in said for delta in told.of(piece)]
    for index in (0, 1):
        words = "".join(delta.text for delta in (*shown, *told.rest()) if delta.index == index)
        assert words == f'{{"key": "s3c{MASKED}"}}'  # what is as short as a word tells nothing


def test_what_was_held_back_while_something_else_was_said_comes_at_the_end() -> None:
    told = Pieces(Masker(["s3cr3t-w0rd"]))
    shown = [delta for piece in (Delta("text", "a s3cr3t"), Delta("call", "{}", "look")) for delta in told.of(piece)]
    assert shown == [Delta("text", "a "), Delta("call", "{}", "look")]
    assert told.rest() == [Delta("text", "s3cr3t")]
