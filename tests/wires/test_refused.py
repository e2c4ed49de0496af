"""What a provider refuses and can be left out, such as strict schemas that are too many together, costs one request and never a run."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from react_agent.backends.leaf import LeafBackend, OpenAIChatBackend
from react_agent.backends.providers import AnthropicBackend, OpenAIResponsesBackend
from react_agent.errors import BackendRejected
from react_agent.messages import Delta, Head, Image, Settings, Thinking, ToolCall, ToolSpec, assistant, system, user

from ._say import ANSWER, CHUNKS, Clock, Server, ask, asked, play, results, sse

CLOSED = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
OPEN = {"type": "object", "properties": {"b": {"type": "integer"}}}
HEAD = Head((ToolSpec("closed", "", CLOSED), ToolSpec("open", "", OPEN)))
ITEM = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "four"}]}
KINDS: dict[str, tuple[type[Any], dict[str, Any], str, dict[str, Any]]] = {
    "anthropic": (
        AnthropicBackend, {}, "The compiled grammar is too large, which would cause performance issues.",
        {"type": "message", "content": [{"type": "text", "text": "four"}], "stop_reason": "end_turn"},
    ),
    "anthropic, by number": (
        AnthropicBackend, {}, "Too many strict tools (25).", {"type": "message", "content": [{"type": "text", "text": "four"}], "stop_reason": "end_turn"}
    ),
    "openai": (OpenAIChatBackend, {"profile": "openai"}, "Invalid schema for function 'closed'", ANSWER),
    "openai-responses": (OpenAIResponsesBackend, {}, "Invalid schema for function 'closed'", {"status": "completed", "output": [ITEM]}),
}  # fmt: skip


def refusal(words: str) -> httpx.Response:
    return httpx.Response(400, json={"type": "error", "error": {"type": "invalid_request_error", "message": words}})


def marks(body: dict[str, Any]) -> list[bool]:
    return [tool.get("strict", tool.get("function", {}).get("strict", False)) for tool in body["tools"]]


@pytest.mark.parametrize(("kind", "more", "words", "answer"), KINDS.values(), ids=KINDS)
def test_what_is_refused_as_too_strict_is_asked_for_loosely_ever_after(
    kind: type[Any], more: dict[str, Any], words: str, answer: dict[str, Any]
) -> None:
    server = Server(refusal(words), httpx.Response(200, json=answer))
    kept: list[LeafBackend] = []

    def make(client: Any) -> LeafBackend:
        kept[:] = kept or [kind("m", api_key="key", client=client, max_retries=Clock().retries(), **more)]
        kept[0]._room = None
        kept[0]._client = client
        return kept[0]

    reply, _ = play(server, make, asked(head=HEAD))
    assert (reply.message.text, [attempt.reason for attempt in reply.route]) == ("four", ["asked again without strict schemas"])
    assert words in (reply.route[0].error or "")
    again, _ = play(server, make, asked(head=HEAD))
    assert (again.message.text, again.route) == ("four", ())
    assert [marks(body) for body in server.bodies] == [[True, False], [False, False], [False, False]]
    sent = [{key: value for key, value in body.items() if key != "tools"} for body in server.bodies]
    assert sent[0] == sent[1] == sent[2]


def test_a_server_without_stream_options_is_streamed_from_all_the_same() -> None:
    told = {
        "detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options", "include_usage"], "msg": "Extra inputs are not permitted"}]
    }
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=sse(*CHUNKS))
    server = Server(httpx.Response(422, json={"object": "error", "message": told}), answer)
    reply, heard = ask(server, asked(head=HEAD), stream=True, profile="openai")
    assert (reply.message.text, [attempt.reason for attempt in reply.route]) == ("four", ["asked again without stream_options"])
    assert heard == [Delta("text", "fo"), Delta("text", "ur")]
    first, second = server.bodies
    assert second == {key: value for key, value in first.items() if key != "stream_options"}


STOPPED = ["Argument not supported on this model: stop", "Unsupported parameter: 'stop' is not supported with this model."]


@pytest.mark.parametrize("words", STOPPED)
def test_a_model_that_takes_no_stop_sequences_is_asked_without(words: str) -> None:
    answer = {"choices": [{"message": {"content": "Thought: hm\nFinal Answer: four"}, "finish_reason": "stop"}]}
    server = Server(httpx.Response(400, json={"code": "invalid", "error": words}), httpx.Response(200, json=answer))
    reply, _ = ask(server, asked(head=HEAD), profile="xai", format="react_text")
    assert (reply.message.text, [attempt.reason for attempt in reply.route]) == ("four", ["asked again without stop"])
    assert ["stop" in body for body in server.bodies] == [True, False]


def test_stop_sequences_that_the_caller_set_are_not_left_out_unsaid() -> None:
    server = Server(refusal(STOPPED[0]), httpx.Response(200, json=ANSWER))
    with pytest.raises(BackendRejected, match="stop"):
        ask(server, asked(head=Head(settings=Settings(stop=("END",)))), format="react_text")
    assert len(server.asked) == 1


def test_what_is_refused_one_after_the_other_is_left_out_one_after_the_other() -> None:
    answer = {"choices": [{"message": {"content": "Thought: hm\nFinal Answer: four"}, "finish_reason": "stop"}]}
    server = Server(refusal("no grammar here"), refusal(STOPPED[0]), refusal("System role not supported"), httpx.Response(200, json=answer))
    reply, _ = ask(server, asked(head=HEAD), format="react_text", profile="llamacpp")
    assert [attempt.reason for attempt in reply.route] == [
        "asked again without a grammar",
        "asked again without stop",
        "asked again without a system message, or two of one role in a row",
    ]
    assert {"grammar", "stop"} & set(server.bodies[-1]) == set()


def test_what_requests_at_the_same_time_found_refused_is_all_left_out_from_then_on() -> None:
    """Each begins before the other knows what is refused, and only one of them streams."""
    bodies: list[dict[str, Any]] = []

    async def serve(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        bodies.append(body)
        await asyncio.sleep(0)
        if "stream_options" in body or body.get("tool_choice"):
            return refusal("no stream_options" if "stream_options" in body else "no tool_choice")
        if body.get("stream"):
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=sse(*CHUNKS))
        return httpx.Response(200, json=ANSWER)

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
            backend = OpenAIChatBackend("m", api_key="key", profile="openai", client=client, max_retries=Clock().retries())
            plain, chosen = asked(head=HEAD), asked(head=HEAD, tool_choice="required")
            await asyncio.gather(backend.reply(plain, listen=lambda delta: None), backend.reply(chosen))
            found = len(bodies)
            await backend.reply(chosen, listen=lambda delta: None)
            assert (found, len(bodies)) == (4, 5)

    asyncio.run(run())


@pytest.mark.parametrize("choice", ["none", "required"])
def test_a_model_without_tool_choice_is_not_made_to_choose(choice: str) -> None:
    words = "No endpoints found that support the provided 'tool_choice' value."
    server = Server(httpx.Response(404, json={"error": {"message": words, "code": 404}}), httpx.Response(200, json=ANSWER))
    reply, _ = ask(server, asked(head=HEAD, tool_choice=choice), profile="openrouter")
    assert (reply.message.text, [attempt.reason for attempt in reply.route]) == ("four", ["asked again without tool_choice"])
    assert ["tools" in body for body in server.bodies] == [True, choice != "none"], "without tools there is nothing to call"


def test_reasoning_that_cannot_be_had_encrypted_is_done_without() -> None:
    words = {"message": "Encrypted content is not supported with this model.", "type": "invalid_request_error", "param": "include"}
    server = Server(httpx.Response(400, json={"error": words}), httpx.Response(200, json={"status": "completed", "output": [ITEM]}))
    reply, _ = play(server, lambda client: OpenAIResponsesBackend("prod-gpt-5", api_key="key", client=client), asked(head=HEAD))
    assert (reply.message.text, [attempt.reason for attempt in reply.route]) == ("four", ["asked again without include"])
    assert ["include" in body for body in server.bodies] == [True, False]


def test_nor_is_it_by_the_other_api_which_says_it_as_an_object() -> None:
    answer = {"type": "message", "content": [{"type": "text", "text": "four"}], "stop_reason": "end_turn"}
    server = Server(refusal("Thinking mode does not support this tool_choice"), httpx.Response(200, json=answer))
    play(server, lambda client: AnthropicBackend("m", api_key="key", client=client), asked(head=HEAD, tool_choice="none"))
    assert [{"tools", "tool_choice"} & set(body) for body in server.bodies] == [{"tools", "tool_choice"}, set()]


@pytest.mark.parametrize(
    ("profile", "words", "name", "other"),
    [
        (
            "vllm",
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "max_tokens",
            "max_completion_tokens",
        ),
        ("azure", "Unrecognized request argument supplied: max_completion_tokens", "max_completion_tokens", "max_tokens"),
    ],
)
def test_the_most_tokens_are_told_by_the_name_that_the_model_knows(profile: str, words: str, name: str, other: str) -> None:
    server = Server(refusal(words), httpx.Response(200, json=ANSWER))
    reply, _ = ask(server, asked(head=Head(settings=Settings(max_tokens=9))), profile=profile)
    assert (reply.message.text, len(reply.route)) == ("four", 1)
    assert [(body.get(name), body.get(other)) for body in server.bodies] == [(9, None), (None, 9)]


THINKING = {
    "Cerebras": (
        400,
        {"message": "messages.2.assistant.reasoning_content: property 'messages.2.assistant.reasoning_content' is unsupported"},
    ),
    "LiteLLM, Mistral": (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "messages", 2, "assistant", "reasoning_content"]}]}),
    "Fireworks": (400, {"error": {"message": "Extra inputs are not permitted, field: 'messages[2].reasoning', value: 'Hm.'"}}),
}


@pytest.mark.parametrize(("status", "told"), THINKING.values(), ids=THINKING)
def test_a_server_that_does_not_take_its_thinking_back_is_not_given_it(status: int, told: dict[str, Any]) -> None:
    server = Server(httpx.Response(status, json=told), httpx.Response(200, json=ANSWER))
    thought = Thinking("Hm.", {"api": "openai-chat/compatible", "field": "reasoning_content"})
    reply, _ = ask(server, asked(system("s"), user("q"), assistant(thought, "a"), user("more")))
    assert (reply.message.text, [attempt.reason for attempt in reply.route]) == ("four", ["asked again without earlier thinking"])
    first, second = (body["messages"] for body in server.bodies)
    assert first[2] == {"role": "assistant", "content": "a", "reasoning_content": "Hm."}
    assert second == [*first[:2], {"role": "assistant", "content": "a"}, first[3]]


def test_thinking_that_nobody_signed_is_nothing_to_anthropic() -> None:
    answer = {"type": "message", "content": [{"type": "text", "text": "four"}], "stop_reason": "end_turn"}
    server = Server(refusal("messages.1.content.0: Invalid `signature` in `thinking` block"), httpx.Response(200, json=answer))
    unsigned, signed = (Thinking("Hm.", {"api": "anthropic", "signature": mark}) for mark in ("", "sig"))
    said = asked(system("s"), user("q"), assistant(unsigned, signed, "a"), user("more"), assistant(unsigned), user("and"))
    reply, _ = play(server, lambda client: AnthropicBackend("m", api_key="key", client=client), said)
    assert (reply.message.text, [attempt.reason for attempt in reply.route]) == ("four", ["asked again without earlier thinking"])
    first, second = server.bodies
    assert first["system"] == second["system"]
    content = first["messages"][1]["content"]
    assert second["messages"] == [
        first["messages"][0], {"role": "assistant", "content": content[1:]}, first["messages"][2], first["messages"][4]
    ]  # fmt: skip


ROLES = {
    "vLLM, Gemma": (400, {"object": "error", "message": "System role not supported"}),
    "vLLM, Mistral": (
        400,
        {"message": "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."},
    ),
    "llama.cpp": (500, {"error": {"code": 500, "message": "Conversation roles must alternate user/assistant/user/assistant/... at row 1"}}),
    "Bedrock": (400, {"message": "A conversation must alternate between user and assistant roles."}),
}


@pytest.mark.parametrize(("status", "told"), ROLES.values(), ids=ROLES)
def test_a_template_that_knows_user_and_model_in_turn_is_given_that(status: int, told: dict[str, Any]) -> None:
    server = Server(httpx.Response(status, json=told), httpx.Response(200, json=ANSWER))
    said = (system("be brief"), user("q"), assistant("a"), user("one"), user("two"), user(Image("image/png", data="aGk=")))
    kept: list[OpenAIChatBackend] = []

    def make(client: Any) -> LeafBackend:
        kept[:] = kept or [OpenAIChatBackend("m", base_url="https://llm.test/v1", client=client, max_retries=Clock().retries())]
        kept[0]._room, kept[0]._client = None, client
        return kept[0]

    reply, _ = play(server, make, asked(*said))
    assert (reply.message.text, len(reply.route)) == ("four", 1)
    again, _ = play(server, make, asked(*said))
    assert again.route == ()
    first, second, third = server.bodies
    assert [message["role"] for message in first["messages"]] == ["system", "user", "assistant", "user", "user", "user"]
    assert second == third
    assert second["messages"] == [
        {"role": "user", "content": "be brief\n\nq"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": [{"type": "text", "text": "one\n\ntwo"}, first["messages"][5]["content"][0]]},
    ]


@pytest.mark.parametrize(
    ("words", "head"),
    [("max_tokens: too large", HEAD), ("tools.0: bad schema", Head(HEAD.tools[1:]))],
    ids=["other words", "nothing strict"],
)
def test_other_refusals_stand(words: str, head: Head) -> None:
    server = Server(refusal(words))
    with pytest.raises(BackendRejected, match=words):
        play(server, lambda client: AnthropicBackend("m", api_key="key", client=client), asked(head=head))
    assert len(server.asked) == 1


def test_a_status_that_no_server_gives_for_a_grammar_is_not_laid_to_it() -> None:
    server = Server(httpx.Response(404, json={"error": {"message": "no such model"}}))
    with pytest.raises(BackendRejected, match="no such model"):
        ask(server, asked(head=HEAD), format="react_text", profile="llamacpp")
    assert ["grammar" in body for body in server.bodies] == [True]


# What llama-cpp-python says, without its traceback.
INVALID = "1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\"}"
STEP = httpx.Response(200, json={"choices": [{"message": {"content": '{"thought": "t", "answer": "four"}'}, "finish_reason": "stop"}]})


def invalid() -> httpx.Response:
    return httpx.Response(500, json={"error": {"message": INVALID, "type": "internal_server_error", "param": None, "code": None}})


def test_a_schema_is_given_as_json_object_where_the_server_knows_no_other_word() -> None:
    server = Server(invalid(), STEP)

    async def twice(backend: LeafBackend) -> list[tuple[str, ...]]:
        return [tuple(str(attempt.reason) for attempt in (await backend.reply(asked(head=HEAD))).route) for _ in range(2)]

    async def go() -> list[tuple[str, ...]]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            backend = OpenAIChatBackend("m", base_url="http://127.0.0.1:1/v1", client=client, format="json_step")
            return await twice(backend)

    assert asyncio.run(go()) == [("asked again without json_schema, with the schema in a json_object",), ()]
    first, second, third = (body["response_format"] for body in server.bodies)
    assert first["type"] == "json_schema"
    assert second == third == {"type": "json_object", "schema": first["json_schema"]["schema"]}


def test_a_server_that_wants_text_in_each_message_gets_an_empty_one() -> None:
    """So it is with llama-cpp-python, which else took no result of a tool."""
    words = """7 validation errors:
      {'type': 'literal_error', 'loc': ('body', 'messages', 1, 'ChatCompletionRequestUserMessage', 'role'), 'msg': "Input should be 'user'"}
      {'type': 'string_type', 'loc': ('body', 'messages', 1, 'ChatCompletionRequestAssistantMessage', 'content'), 'msg': 'Input should be a valid string', 'input': None}"""
    server = Server(httpx.Response(500, json={"error": {"message": words}}), httpx.Response(200, json=ANSWER))
    reply, _ = ask(server, asked(system("s"), user("q"), assistant("", ToolCall("add", {"a": 1})), results("3")))
    assert (reply.message.text, len(reply.route)) == ("four", 1)
    first, second = (body["messages"] for body in server.bodies)
    assert [message["content"] for message in first] == ["s", "q", None, "3"]
    assert second == [{**message, "content": message["content"] or ""} for message in first]


def test_a_server_that_takes_no_schema_at_all_is_asked_freely() -> None:
    server = Server(invalid(), refusal("response_format is not supported"), STEP)
    reply, _ = ask(server, asked(head=HEAD), format="json_step")
    assert (reply.message.text, len(reply.route)) == ("four", 2)
    assert ["response_format" in body for body in server.bodies] == [True, True, False]
