"""The scripted model: it plays its script in any format, says when the script is wrong, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence

import pytest
from _world import World

from react_agent import Agent, BackendError, Delta, Hang, MockBackend, Raw, Result, ScriptError, Usage, call
from react_agent.backends.base import Backend
from react_agent.backends.mock import ScriptedCall, ScriptItem, truncated
from react_agent.backends.profiles import PROFILES
from react_agent.backends.wires.base import call_ids, result_ids
from react_agent.backends.wires.openai_chat import OpenAIChat
from react_agent.errors import BackendUnavailable, Diverged
from react_agent.events import Replied
from react_agent.messages import Head, JsonObject, MessageView, ModelReply, ModelRequest, ToolCall, system, user

formats = pytest.mark.parametrize("format_name", ["native", "react_text"])


def request(words: str = "Go.") -> ModelRequest:
    return ModelRequest(MessageView().extend(system(""), user(words)), Head(tuple(tool.spec for tool in World().tools())))


def ask(backend: MockBackend, listen: object = None, words: str = "Go.") -> ModelReply:
    return asyncio.run(backend.reply(request(words), listen=listen))  # type: ignore[arg-type]  # a listener or None


def run(script: Sequence[ScriptItem], format_name: str = "native", **more: object) -> tuple[Result, MockBackend]:
    backend = MockBackend(script, format=format_name, **more)  # type: ignore[arg-type]  # keywords of MockBackend
    return Agent(backend, tools=World().tools()).run_sync("Go."), backend


@formats
def test_a_script_of_calls_and_strings_needs_no_ids_and_no_classes(format_name: str) -> None:
    result, backend = run([call("lookup", key="a"), [call("add", a=1, b=2), call("lookup", key="b")], "both"], format_name)
    backend.check()
    assert result.answer == "both"
    assert [[record.name for record in step.calls] for step in result.steps] == [["lookup"], ["add", "lookup"], []]
    for message in backend.requests[-1].messages:
        for part in message.parts:
            assert not isinstance(part, ToolCall) or part.provider_data is None


@formats
def test_a_thought_is_told_with_its_call(format_name: str) -> None:
    result, _ = run([call("lookup", key="a", thought="I need a."), "done"], format_name)
    assert result.steps[0].thought == "I need a."
    assert result.steps[0].calls[0].arguments == {"key": "a"}


def test_a_parameter_named_thought_goes_through_the_class() -> None:
    reply = ask(MockBackend([ScriptedCall("note", {"thought": "mine"}, thought="the model's")]))
    assert reply.message.thought == "the model's"
    assert reply.message.calls[0].arguments == {"thought": "mine"}


@formats
def test_it_is_a_backend_with_a_name_a_format_and_usage(format_name: str) -> None:
    result, backend = run(["done"], format_name, usage=Usage(3, 4), name="tiny")
    assert isinstance(backend, Backend)
    assert (backend.name, backend.format_name) == ("tiny", format_name)
    assert (result.trace.started.backend, result.trace.started.format) == ("tiny", format_name)
    assert result.usage == Usage(3, 4)
    assert result.steps[0].reply.model == "tiny"
    assert result.steps[0].reply.read_by is not None
    assert result.steps[0].reply.read_by.format == format_name
    assert repr(backend) == "MockBackend(1 replies, 1 asked for)"


@formats
def test_in_a_text_format_the_script_is_really_written_and_read(format_name: str) -> None:
    result, _ = run([call("add", a=1, b=2), "3"], format_name)
    reply = result.steps[0].reply
    assert reply.read_by is not None
    assert (reply.read_by.span is not None) == (format_name == "react_text")  # a place in a text that was read


def test_asked_for_more_than_the_script_holds() -> None:
    backend = MockBackend([call("lookup", key="a")])
    with pytest.raises(ScriptError) as raised:
        Agent(backend, tools=World().tools()).run_sync("Go.")
    for words in ("reply 2", "holds 1", "lookup -> value of a", "Add the reply"):
        assert words in str(raised.value)
    empty = MockBackend([])
    with pytest.raises(ScriptError, match="holds 0"):
        ask(empty, words="What now?")
    with pytest.raises(ScriptError, match=r"What now\?"):
        ask(empty, words="What now?")


def test_a_script_that_was_not_used_up() -> None:
    backend = MockBackend(["done", call("lookup", key="never"), "never"])
    Agent(backend, tools=World().tools()).run_sync("Go.")
    with pytest.raises(ScriptError) as raised:
        backend.check()
    for words in ("2 of the mock's 3 replies", "never asked for", "lookup"):
        assert words in str(raised.value)


def test_as_a_context_it_checks_at_the_end_and_hides_no_other_error() -> None:
    with pytest.raises(ScriptError, match="1 of the mock's 1"), MockBackend(["never"]):
        pass
    with pytest.raises(ZeroDivisionError), MockBackend(["never"]):
        raise ZeroDivisionError
    with MockBackend(["done"]) as backend:
        Agent(backend).run_sync("Go.")


def test_with_repeat_it_begins_again_and_never_complains() -> None:
    backend = MockBackend([call("lookup", key="a"), "done"], repeat=True)
    agent = Agent(backend, tools=World().tools())
    assert [agent.run_sync("Go.").answer for _ in range(3)] == ["done"] * 3
    backend.check()
    assert len(backend.requests) == 6


@pytest.mark.parametrize("item", [None, 42, [], ["words"], [call("a"), "words"], object()], ids=repr)
def test_what_cannot_stand_in_a_script_is_named(item: object) -> None:
    with pytest.raises(ScriptError, match="a script holds"):
        ask(MockBackend([item]))  # type: ignore[list-item]  # wrong on purpose


@formats
def test_a_function_in_the_script_sees_the_request(format_name: str) -> None:
    def reply(asked: ModelRequest) -> ScriptItem:
        return f"you said {asked.messages[-1].text}"

    def later(asked: ModelRequest) -> ScriptItem:
        return reply

    result, _ = run([reply], format_name)
    assert result.answer == "you said Go."
    result, _ = run([later], format_name)
    assert result.answer == "you said Go."


def check(asked: ModelRequest) -> ScriptItem:
    assert asked.messages[-1].text == "Come."
    return "done"


def lost(asked: ModelRequest) -> ScriptItem:
    raise BackendUnavailable("busy")


def diverged(asked: ModelRequest) -> ScriptItem:
    raise Diverged("no", step=0)


def cancelled(asked: ModelRequest) -> ScriptItem:
    raise asyncio.CancelledError


WRONG = [
    (check, "native", "reply 2 of the mock's script, the function check, raised AssertionError"),
    (lambda asked: check, "native", "the function check, raised AssertionError"),
    (functools.partial(int, base=3), "native", "raised TypeError"),
    ("", "react_text", "reply 2 of the mock's script, '', cannot be written in the format 'react_text'"),
    (call(""), "react_text", "ScriptedCall\\(name='', .* cannot be written in the format 'react_text'"),
    (ScriptedCall("add", {"a": object()}), "native", "cannot be written in the format 'native'"),  # type: ignore[dict-item]  # wrong on purpose
]


@pytest.mark.parametrize(("item", "format_name", "words"), WRONG, ids=["assertion", "later", "call", "empty", "no name", "no JSON"])
def test_what_is_wrong_in_a_script_is_an_error_of_the_test(item: ScriptItem, format_name: str, words: str) -> None:
    with pytest.raises(ScriptError, match=words) as raised:
        run([call("lookup", key="a"), item], format_name)
    assert raised.value.__cause__ is not None


def test_a_function_in_the_script_may_lose_the_model_on_purpose() -> None:
    result, _ = run([lost])
    assert isinstance(result.error, BackendUnavailable)
    with pytest.raises(Diverged):
        run([diverged])
    with pytest.raises(asyncio.CancelledError):
        ask(MockBackend([cancelled]))


@formats
def test_raw_is_exactly_what_the_model_writes(format_name: str) -> None:
    reply = ask(MockBackend([Raw("Thought: x\nAction: lookup\nAction Input: {'key': 'a'}")], format=format_name))
    assert reply.reading == ("answer" if format_name == "native" else "act")
    cut = ask(MockBackend([Raw("Final Answer: The", finish="length")], format=format_name))
    assert (cut.reading, cut.finish) == ("malformed", "length")
    no = ask(MockBackend([Raw(refusal="No.")], format=format_name))
    assert (no.finish, no.complaint) == ("refused", "No.")


def test_native_calls_beside_raw_text_and_duplicates_of_them() -> None:
    reply = ask(MockBackend([Raw("Let me.", calls=(("lookup", '{"key": "a"}'), ("lookup", '{"key": "a"}'), ("add", "{")))]))
    assert reply.message.text == "Let me."
    assert [(one.name, one.arguments) for one in reply.message.calls] == [("lookup", {"key": "a"}), ("lookup", {"key": "a"}), ("add", None)]


API = OpenAIChat("gpt-5", PROFILES["openai"]).api


def test_a_provider_that_gives_two_calls_one_id() -> None:
    same: JsonObject = {"api": API, "id": "call_1"}
    twice = Raw(calls=(ToolCall("lookup", raw='{"key": "a"}', provider_data=same), ToolCall("add", raw="{", provider_data=same)))
    result, backend = run([twice, "done"])
    results = backend.requests[-1].messages[-1]
    asked = backend.requests[-1].messages[-2]
    assert [one.status for one in results.results] == ["ok", "invalid"]
    assert [one.provider_data for one in asked.calls] == [same, same]
    assert call_ids([asked.calls[0]], 1, API) == ["call_1"]
    assert result_ids(results, asked, 2, API) == ["call_1_0", "call_1_1"]
    assert result_ids(results, None, 2, API) == ["call_1_0", "call_1_1"]  # no call is to be seen that they answer
    assert result.answer == "done"


def test_a_call_truncated_by_the_token_limit() -> None:
    item = truncated(call("put", key="a", value="long"), 12)
    assert item.calls == (("put", '{"key":"a","'),)
    reply = ask(MockBackend([item]))
    assert (reply.reading, reply.finish) == ("malformed", "length")


def test_errors_are_raised_as_they_stand() -> None:
    error = BackendUnavailable("busy", status=429, retry_after=1.0)
    with pytest.raises(BackendError) as raised:
        ask(MockBackend([error]))
    assert raised.value is error


def test_it_hangs_until_it_is_cancelled() -> None:
    async def main() -> None:
        task = asyncio.create_task(MockBackend([Hang()]).reply(request()))
        done, _ = await asyncio.wait({task}, timeout=0.01)
        assert not done
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("item", "kinds"),
    [
        ("a long answer in many pieces", {"text"}),
        (call("lookup", key="a", thought="A thought of some length."), {"thinking", "call"}),
        ([call("lookup", key="a"), call("add", a=1, b=2)], {"call"}),
    ],
    ids=["answer", "thought and call", "calls"],
)
def test_streamed_pieces_add_up_to_the_reply(item: ScriptItem, kinds: set[str]) -> None:
    deltas: list[Delta] = []
    reply = ask(MockBackend([item]), deltas.append)
    assert {delta.kind for delta in deltas} == kinds
    assert "".join(delta.text for delta in deltas if delta.kind == "text") == reply.message.text
    assert "".join(delta.text for delta in deltas if delta.kind == "thinking") == reply.message.thought
    assert [delta.name for delta in deltas if delta.kind == "call" and delta.name] == [one.name for one in reply.message.calls]
    assert [delta.index for delta in deltas if delta.kind == "call"] == list(range(len(reply.message.calls)))


def test_a_text_format_streams_its_text() -> None:
    deltas: list[Delta] = []
    reply = ask(MockBackend([call("lookup", key="a")], format="react_text"), deltas.append)
    assert "".join(delta.text for delta in deltas if delta.kind == "thinking") == reply.message.thought == "I need lookup."
    assert "".join(delta.text for delta in deltas if delta.kind == "call") == 'lookup\n  {"key": "a"}'
    assert len(deltas) > 2
    assert reply.reading == "act"


def test_without_a_listener_nothing_is_streamed_and_the_reply_is_the_same() -> None:
    listened: list[Delta] = []
    assert ask(MockBackend(["words"])) == ask(MockBackend(["words"]), listened.append)


def test_many_runs_at_once_are_served_in_the_order_of_their_asking() -> None:
    async def main() -> list[Result]:
        agent = Agent(MockBackend([f"answer {n}" for n in range(8)]))
        return await asyncio.gather(*[agent.run(f"question {n}") for n in range(8)])

    results = asyncio.run(main())
    assert [result.answer for result in results] == [f"answer {n}" for n in range(8)]
    assert len({result.trace.run_id for result in results}) == 8
    assert all(sum(isinstance(event, Replied) for event in result.trace) == 1 for result in results)


@pytest.mark.parametrize("script", ["an answer", call("add", a=1, b=2)], ids=["text", "a call"])
def test_a_script_that_is_one_reply_is_no_list_of_letters(script: object) -> None:
    with pytest.raises(ScriptError, match=r"MockBackend\(\["):
        MockBackend(script)  # type: ignore[arg-type]
