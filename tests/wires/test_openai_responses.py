"""OpenAI Responses, pinned to the wire's JSON."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from react_agent.backends.providers import OpenAIResponsesBackend
from react_agent.backends.wires.openai_responses import OpenAIResponses
from react_agent.errors import BackendError, BackendProtocolError, BackendRejected, BackendUnavailable, ContextOverflow
from react_agent.messages import Delta, Head, Image, Message, Settings, Text, Thinking, ToolCall, ToolResult, Usage, assistant, system, user

from ._say import ADD, URL, Server, asked, results
from ._say import play as ask

API = {"api": "openai-responses"}
WIRE = OpenAIResponses("gpt-4o")
PNG = Image("image/png", data="aGk=")
PICTURE = {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,aGk="}
REASONING: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "hm"}],
    "encrypted_content": "gAAA",
}
MESSAGE = {
    "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "phase": "final_answer",
    "content": [{"type": "output_text", "text": "so", "annotations": []}],
}  # fmt: skip
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "add", "arguments": '{"a":1}'}
SEARCH: dict[str, Any] = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
ITEMS = [REASONING, MESSAGE, SEARCH, {"type": "item_of_tomorrow", "x": 1}, CALL]
PARTS = (
    Thinking("hm", {**API, "raw": REASONING}),
    Text("so", {**API, "item": {"id": "msg_1", "status": "completed", "phase": "final_answer"}}),
    Text("", {**API, "raw": SEARCH}),
    Text("", {**API, "raw": ITEMS[3]}),  # type: ignore[dict-item]
    ToolCall("add", None, None, '{"a":1}', {**API, "id": "call_1", "item": "fc_1"}),
)


def body(*messages: Message, wire: OpenAIResponses = WIRE) -> Any:
    chunks = [wire.encode(message, messages[at - 1] if at else None, at) for at, message in enumerate(messages)]
    return json.loads(WIRE.body(chunks, b'{"x":1}', system=messages[0].role == "system"))


SENT: dict[str, tuple[tuple[Message, ...], dict[str, Any]]] = {
    "system and picture": (
        (system("s"), user("see", PNG)),
        {"instructions": "s", "input": [{"role": "user", "content": [{"type": "input_text", "text": "see"}, PICTURE]}]},
    ),
    "calls and results": (
        (assistant("so", ToolCall("add", {"a": 1}), ToolCall("add", None, "bad", "{")), results("3", "bad")),
        {
            "input": [
                {"type": "message", "role": "assistant", "content": "so"},
                {"type": "function_call", "call_id": "call_0_0", "name": "add", "arguments": '{"a":1}'},
                {"type": "function_call", "call_id": "call_0_1", "name": "add", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "call_0_0", "output": "3"},
                {"type": "function_call_output", "call_id": "call_0_1", "output": "bad"},
            ]
        },
    ),
    "pictures from tools": (
        (assistant(ToolCall("add", {})), Message("tool", (ToolResult("add", (Text("one"), PNG)),))),
        {
            "input": [
                {"type": "function_call", "call_id": "call_0_0", "name": "add", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "call_0_0", "output": [{"type": "input_text", "text": "one"}, PICTURE]},
            ]
        },
    ),
    "reasoning that led to nothing": ((user("q"), assistant(PARTS[0])), {"input": [{"role": "user", "content": "q"}]}),
    "another API's data stay away": (
        (assistant(Thinking("secret", {"api": "x", "raw": {}}), Thinking("aloud")),),
        {"input": [{"type": "message", "role": "assistant", "content": "aloud"}]},
    ),
}


@pytest.mark.parametrize(("messages", "wire"), SENT.values(), ids=SENT)
def test_messages_as_sent(messages: tuple[Message, ...], wire: dict[str, Any]) -> None:
    assert body(*messages) == {**wire, "x": 1}


def test_a_model_that_never_reasons_is_not_shown_another_ones_reasoning() -> None:
    """After a fallback from gpt-5 to gpt-4.1, which has every request refused that holds reasoning; ids would refer to it."""
    sent = OpenAIResponses("gpt-4.1").encode(
        assistant(*PARTS[:2], ToolCall("add", {"a": 1}, provider_data=PARTS[4].provider_data)), None, 1
    )
    message, call = json.loads(b"[" + sent + b"]")
    assert message == {key: value for key, value in MESSAGE.items() if key != "id"}
    assert call == {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": '{"a":1}'}


def test_reasoning_that_only_the_server_knows_stays_away_with_all_that_names_it() -> None:
    """Nothing is stored, so a name for it is one for nothing: the API answers that there is no such item."""
    raw = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
    reply = OpenAIResponses("prod").read({"status": "completed", "output": [raw, {**CALL_ITEM, "id": "fc_1"}]})
    sent = json.loads(b"[" + OpenAIResponses("prod").encode(assistant(*reply.parts), None, 1) + b"]")
    assert sent == [{key: value for key, value in CALL_ITEM.items() if key != "status"}]
    known: list[tuple[dict[str, Any], bool]] = [
        ({"encrypted_content": "x"}, False),
        ({"content": [{"type": "reasoning_text", "text": "Hm."}]}, False),
        ({}, True),
    ]
    for more, stored in known:
        reply = OpenAIResponses("prod").read({"status": "completed", "store": stored, "output": [{**raw, **more}, CALL_ITEM]})
        assert json.loads(b"[" + OpenAIResponses("prod").encode(assistant(*reply.parts), None, 1) + b"]")[0] == {**raw, **more}


CALL_ITEM = {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": "{}", "status": "completed"}


def options(tool_choice: str = "auto", *, wire: OpenAIResponses = WIRE, native: bool = True, stream: bool = False, **head: Any) -> Any:
    return wire.options(Head(**head), ("x",), tool_choice, native=native, stream=stream)


TOOLS = [{"type": "function", "name": "add", "description": "Add", "parameters": ADD.parameters, "strict": False}]
OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": (options(), {}),
    "a model that thinks": (options(wire=OpenAIResponses("gpt-5")), {"model": "gpt-5", "include": ["reasoning.encrypted_content"]}),
    "a deployment of it by another name": (
        options(wire=OpenAIResponses("my-gpt-5-prod")),
        {"model": "my-gpt-5-prod", "include": ["reasoning.encrypted_content"]},
    ),
    "tools": (options(tools=(ADD,)), {"tools": TOOLS}),
    "text format": (options(tools=(ADD,), native=False), {}),
    "none": (options("none", tools=(ADD,)), {"tools": TOOLS, "tool_choice": "none"}),
    "one": (options("add", tools=(ADD,)), {"tools": TOOLS, "tool_choice": {"type": "function", "name": "add"}}),
    "settings": (
        options(settings=Settings(0.5, 0.9, 9, 7, thinking="low", extra={"user": "u"}), stream=True),
        {
            "temperature": 0.5, "top_p": 0.9, "max_output_tokens": 9, "reasoning": {"effort": "low", "summary": "auto"}, "stream": True, "user": "u",
        },
    ),
    "schema": (
        options(output_schema={"type": "object"}),
        {"text": {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": False}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("found", "expected"), OPTIONS.values(), ids=OPTIONS)
def test_the_rest_of_the_body(found: Any, expected: dict[str, Any]) -> None:
    assert found == {"model": "gpt-4o", "store": False, **expected}


USAGE = {
    "input_tokens": 9, "output_tokens": 7,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1}, "output_tokens_details": {"reasoning_tokens": 3},
}  # fmt: skip
RESPONSE: dict[str, Any] = {"status": "completed", "model": "gpt-4o-1", "output": ITEMS, "usage": USAGE}


def test_every_item_is_read_and_can_go_back() -> None:
    reply = WIRE.read(RESPONSE)
    assert (reply.parts, reply.finish, reply.model, reply.usage) == (PARTS, "tool_calls", "gpt-4o-1", Usage(9, 7, 4, 1, 3))
    kept = tuple(
        ToolCall("add", {"a": 1}, provider_data=part.provider_data) if isinstance(part, ToolCall) else part for part in reply.parts
    )
    assert body(Message("assistant", kept), wire=OpenAIResponses("gpt-5"))["input"] == ITEMS


FINISH: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "answer": ({"status": "completed", "output": [MESSAGE]}, "stop", None),
    "cut": ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": [MESSAGE]}, "length", None),
    "filter": (
        {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}, "output": []},
        "refused",
        "the reply was stopped by the content filter",
    ),
    "refusal": (
        {"status": "completed", "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]},
        "refused",
        "no",
    ),
}


@pytest.mark.parametrize(("found", "finish", "refusal"), FINISH.values(), ids=FINISH)
def test_finish(found: dict[str, Any], finish: str, refusal: str | None) -> None:
    reply = WIRE.read(found)
    assert (reply.finish, reply.refusal) == (finish, refusal)


def stream(*found: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**event, "sequence_number": number} for number, event in enumerate(found)]


STREAM = stream(
    {"type": "response.created", "response": {}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning"}},
    {"type": "response.reasoning_summary_text.delta", "delta": "hm"},
    {"type": "response.output_item.done", "output_index": 0, "item": REASONING},
    {"type": "response.output_text.delta", "delta": "s"},
    {"type": "response.output_text.delta", "delta": "o"},
    {"type": "response.output_item.done", "output_index": 1, "item": MESSAGE},
    {"type": "response.output_item.added", "output_index": 4, "item": {"type": "function_call", "name": "add"}},
    {"type": "response.function_call_arguments.delta", "output_index": 4, "delta": '{"a":1}'},
    {"type": "response.output_item.done", "output_index": 4, "item": CALL},
    {"type": "event.of.tomorrow"},
    {"type": "response.completed", "response": {**RESPONSE, "output": []}},
)


def play(events: list[dict[str, Any]]) -> Any:
    reader = WIRE.reader()
    heard = [delta for event in events for delta in reader.feed((event["type"], json.dumps(event).encode()))]
    return reader.finish(), heard


def test_a_stream_is_put_together_from_its_finished_items() -> None:
    reply, heard = play(STREAM)
    assert reply.parts == (PARTS[0], PARTS[1], PARTS[4])
    assert (reply.finish, reply.model) == ("tool_calls", "gpt-4o-1")
    assert heard == [Delta("thinking", "hm"), Delta("text", "s"), Delta("text", "o"), Delta("call", '{"a":1}', "add", 0)]


def test_events_that_come_twice_count_once() -> None:
    twice = [event for event in STREAM for _ in range(2)]
    assert play(twice) == play(STREAM)


def test_one_number_for_all_events() -> None:
    reply, heard = play([{**event, "sequence_number": 0} for event in STREAM])
    assert (reply.parts, heard) == ((PARTS[0], PARTS[1], PARTS[4]), play(STREAM)[1])


def test_items_that_come_with_the_end_alone_are_not_lost() -> None:
    done = {"type": "response.output_item.done", "output_index": 0, "item": REASONING}
    reply, _ = play(stream(done, {"type": "response.completed", "response": RESPONSE}))
    assert reply.parts == PARTS


@pytest.mark.parametrize("identity", [{"id": "fc_1"}, {}])
def test_arguments_that_the_finished_item_does_not_tell_again_are_not_lost(identity: dict[str, str]) -> None:
    item = {**CALL_ITEM, **identity, "arguments": ""}
    told = {"type": "response.function_call_arguments.done", "arguments": '{"a":1}', **({"item_id": "fc_1"} if identity else {})}
    reply, _ = play([
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"output_index": 0, **told},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"status": "completed", "output": []}},
    ])  # fmt: skip
    assert [part.raw for part in reply.parts if type(part) is ToolCall] == ['{"a":1}']


def piece(kind: str, words: str, last: str = "delta", index: int | None = 0, **more: Any) -> dict[str, Any]:
    return {
        "type": f"response.{kind}.{last}",
        "delta" if last == "delta" else "text": words,
        **({} if index is None else {"output_index": index}),
        **more,
    }


def ended(found: dict[str, Any], index: int | None = 0) -> dict[str, Any]:
    return {"type": "response.output_item.done", "item": found, **({} if index is None else {"output_index": index})}


def message(*texts: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "output_text", "text": words} for words in texts], **more}


def bare(event: dict[str, Any], identity: str) -> dict[str, Any]:
    """The event with an id in place of its index."""
    item = {"item": {**event["item"], "id": identity, "call_id": identity}} if "item" in event else {"item_id": identity}
    return {**{key: value for key, value in event.items() if key != "output_index"}, **item}


TEXT = piece("output_text", "fo"), piece("output_text", "ur")
BEGUN = {"type": "response.output_item.added", "output_index": 0, "item": {**CALL_ITEM, "arguments": "", "status": "in_progress"}}
GROWN = piece("function_call_arguments", '{"a"'), piece("function_call_arguments", ":1}")
HM = piece("reasoning_summary_text", "hm")
# Events before the end, the items told there, and what was said: text and thinking, or a call's arguments as text.
TOLD: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], list[str]]] = {
    "pieces alone": ([*TEXT], [], ["four"]),
    "pieces without an index": ([{**event, "output_index": None} for event in TEXT], [], ["four"]),
    "two parts in pieces": ([*TEXT, piece("output_text", "!", content_index=1)], [], ["four!"]),
    "a finished text alone": ([piece("output_text", "four", "done")], [], ["four"]),
    "a finished part alone": (
        [{"type": "response.content_part.done", "output_index": 0, "part": {"type": "output_text", "text": "four"}}], [], ["four"],
    ),
    "pieces and a finished text": ([*TEXT, piece("output_text", "four", "done")], [], ["four"]),
    "an empty finished item": ([*TEXT, ended(message())], [], ["four"]),
    "a finished item that says less": ([*TEXT, ended(message("fo"))], [], ["four"]),
    "a finished item that says more": ([*TEXT, ended(message("four!"))], [], ["four!"]),
    "a finished item that says something else": ([*TEXT, ended(message("five"))], [], ["five"]),
    "a finished item whose part is named otherwise": ([*TEXT, ended({"type": "message", "content": [{"type": "text", "text": "four"}]})], [], ["four"]),
    "an end that says less": ([*TEXT], [message("fo")], ["four"]),
    "an end that says it again": ([*TEXT], [message("four")], ["four"]),
    "an end with fewer items": ([HM, piece("output_text", "four", index=1)], [message("four")], ["hm", "four"]),
    "an end with more items": ([*TEXT], [message("four"), CALL_ITEM | {"arguments": '{"a":1}'}], ["four", '{"a":1}']),
    "thinking in pieces": ([HM, piece("output_text", "four", index=1)], [], ["hm", "four"]),
    "thinking and text with one index": ([HM, *TEXT], [], ["hm", "four"]),
    "one index for all finished items": ([ended({**REASONING, "id": "r"}), ended(message("four", id="m"))], [], ["hm", "four"]),
    "items without index and id": ([ended({**REASONING, "id": None}, None), ended(message("four"), None)], [], ["hm", "four"]),
    "a call in pieces": ([BEGUN, *GROWN], [], ['{"a":1}']),
    "two calls in pieces": (
        [BEGUN, *GROWN, {**BEGUN, "output_index": 1}, piece("function_call_arguments", "{}", index=1)], [], ['{"a":1}', "{}"],
    ),
    "a call whose finished item has no arguments": ([BEGUN, *GROWN, ended({**CALL_ITEM, "arguments": {}})], [], ['{"a":1}']),
    "calls by turns, told apart by their ids alone": (
        [bare(BEGUN, "1"), bare(BEGUN, "2"), *(bare(event, which) for event in GROWN for which in "12")], [], ['{"a":1}', '{"a":1}'],
    ),
    "one index for pieces of two items": (
        [*TEXT, ended(message("four")), piece("output_text", " and"), piece("output_text", " five")], [], ["four", " and five"],
    ),
    "items that begin in another order": ([piece("output_text", "four", index=1), HM], [], ["hm", "four"]),
    "a piece that is late": ([*TEXT, ended(message("four", id="m")), piece("output_text", "ur", item_id="m")], [], ["four"]),
    "a finished item whose content is text": ([piece("output_text", "fo"), ended({"type": "message", "content": "four"})], [], ["four"]),
    "an end with an item before those that came": ([piece("output_text", "four", index=1)], [REASONING, message()], ["hm", "four"]),
    "a call with finished arguments alone": ([BEGUN, {**piece("function_call_arguments", "", "done"), "arguments": "{}"}], [], ["{}"]),
}  # fmt: skip


@pytest.mark.parametrize(("events", "items", "said"), TOLD.values(), ids=TOLD)
def test_what_came_is_read_whatever_of_it_is_told_again(events: list[dict[str, Any]], items: list[dict[str, Any]], said: list[str]) -> None:
    copied = json.loads(json.dumps([*events, {"type": "response.completed", "response": {"status": "completed", "output": items}}]))
    reply, _ = play(copied)
    assert [part.raw if type(part) is ToolCall else part.text for part in reply.parts] == said
    assert all(part.name == "add" for part in reply.parts if type(part) is ToolCall)


def test_where_an_answer_comes_from_is_kept_and_goes_back_as_it_stood() -> None:
    note = {"type": "url_citation", "url": "https://example.org", "start_index": 0, "end_index": 2}
    part = {"type": "output_text", "text": "so", "annotations": [note]}
    [one] = WIRE.read({"status": "completed", "output": [{**MESSAGE, "content": [part]}]}).parts
    [sent] = body(Message("assistant", (one,)))["input"]
    assert sent["content"] == [part]
    [both] = WIRE.read({"status": "completed", "output": [{**MESSAGE, "content": [part, part]}]}).parts
    assert isinstance(both, Text)
    assert (both.provider_data or {})["notes"] == [note, note]
    [sent] = body(Message("assistant", (both,)))["input"]
    assert sent["content"] == [{"type": "output_text", "text": "soso", "annotations": []}]


def test_an_item_that_is_cut_at_the_end_is_no_answer() -> None:
    cut = {"type": "response.completed", "response": {"status": "completed", "output": [message("four", status="incomplete")]}}
    assert play(stream(*TEXT, cut))[0].finish == "length"


def test_an_item_that_has_only_begun_is_not_told_to_be_under_way() -> None:
    begun = {"type": "response.output_item.added", "output_index": 0, "item": message(status="in_progress")}
    [part] = play(stream(begun, *TEXT, {"type": "response.completed", "response": {}}))[0].parts
    assert "status" not in part.provider_data["item"]


def test_a_refusal_in_pieces() -> None:
    reply, _ = play(stream(piece("refusal", "no "), piece("refusal", "way"), {"type": "response.completed", "response": {}}))
    assert (reply.finish, reply.refusal) == ("refused", "no way")


def test_a_call_of_which_only_the_name_came_is_not_made() -> None:
    """Its tool may run without arguments."""
    with pytest.raises(BackendProtocolError, match="the arguments of its call of 'add'"):
        play(stream(BEGUN, {"type": "response.completed", "response": {"status": "completed", "output": []}}))


def test_many_items_take_no_more_time_each() -> None:
    reader = WIRE.reader()
    for index in range(20_000):
        for event in ({**BEGUN, "output_index": index}, piece("function_call_arguments", "{}", index=index)):
            reader.feed((event["type"], json.dumps(event).encode()))
    reader.feed(("", json.dumps({"type": "response.completed", "response": {}}).encode()))
    assert len(reader.finish().parts) == 20_000


def test_arguments_as_an_object() -> None:
    reply = WIRE.read({"status": "completed", "output": [{**CALL_ITEM, "arguments": {"a": 1}}]})
    assert [part.raw for part in reply.parts if type(part) is ToolCall] == ['{"a":1}']


def test_a_cut_stream_is_an_error() -> None:
    for length in range(len(STREAM)):
        with pytest.raises(BackendProtocolError):
            play(STREAM[:length])


ERRORS: dict[str, tuple[int, dict[str, Any], type[BackendError]]] = {
    "bad": (400, {"message": "boom", "type": "invalid_request_error"}, BackendRejected),
    "long": (400, {"message": "boom", "code": "context_length_exceeded"}, ContextOverflow),
    "often": (429, {"message": "boom", "code": "rate_limit_exceeded"}, BackendUnavailable),
    "down": (500, {"message": "boom", "code": "server_error"}, BackendUnavailable),
}


@pytest.mark.parametrize(("status", "told", "kind"), ERRORS.values(), ids=ERRORS)
def test_errors(status: int, told: dict[str, Any], kind: type[BackendError]) -> None:
    assert type(WIRE.error(status, {}, json.dumps({"error": told}).encode())) is kind
    for event in ({"type": "response.failed", "response": {"status": "failed", "error": told}}, {"type": "error", "error": told}):
        with pytest.raises(kind, match="boom"):
            play([event])
    with pytest.raises(kind, match="boom"):
        WIRE.read({"status": "failed", "error": told})


@pytest.mark.parametrize("found", [{}, {"output": None}, {"status": "completed"}])
def test_what_is_no_reply(found: dict[str, Any]) -> None:
    with pytest.raises(BackendProtocolError, match="no output"):
        WIRE.read(found)


@pytest.mark.parametrize(("tokens", "reading"), [(3, "answer"), (4, "malformed")])
def test_a_reply_that_is_as_long_as_it_may_be_was_cut(tokens: int, reading: str) -> None:
    """llama.cpp calls it completed all the same."""
    found = {"status": "completed", "output": [MESSAGE], "usage": {"input_tokens": 9, "output_tokens": tokens}}
    server = Server(httpx.Response(200, json=found))
    request = asked(head=Head(settings=Settings(max_tokens=4)))
    reply, _ = ask(server, lambda client: OpenAIResponsesBackend("m", base_url=URL, client=client), request)
    assert reply.reading == reading
