"""What a server is asked to hold a reply to: format, profile and conversation decide together."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.profiles import PROFILES
from react_agent.backends.providers import CompletionsBackend, OllamaBackend
from react_agent.backends.wires.anthropic import Anthropic
from react_agent.backends.wires.openai_chat import OpenAIChat
from react_agent.errors import BackendRejected, ContextOverflow
from react_agent.formats import FORMATS, get_format
from react_agent.formats.constraint import FREE, HOPELESS, Constrainable, Constraining, act_first
from react_agent.formats.json_step import JsonStepFormat
from react_agent.formats.react_text import ReactTextFormat
from react_agent.messages import Head, Message, ModelReply, ModelRequest, Settings, Text, ToolResult, ToolSpec, system, user

from ._say import URL, Server, asked, play

LOOK = ToolSpec("look", "", {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}, read_only=True)
SEND = ToolSpec("send", "", {"type": "object", "properties": {"to": {"type": "string"}}})
HEAD = Head((LOOK,))
QUESTION = (system("s"), user("q"))
ACT = '{"thought": "t", "action": "look", "action_input": {"at": "x"}}'
REPLY = httpx.Response(
    200, json={"choices": [{"message": {"content": ACT}, "text": ACT, "finish_reason": "stop"}], "message": {"content": ACT}, "done": True}
)


def result(ok: bool = True) -> Message:
    return Message("tool", (ToolResult("look", (Text("r"),), "ok" if ok else "error"),))


def sent(backend: Any, *messages: Message, head: Head = HEAD, tool_choice: str = "auto") -> dict[str, Any]:
    server = Server(REPLY)
    play(server, backend, asked(*(messages or QUESTION), head=head, tool_choice=tool_choice))
    return server.bodies[0]


def chat(format: Any = "json_step", profile: str = "vllm") -> Any:  # noqa: A002
    return lambda client: OpenAIChatBackend("m", base_url=URL, client=client, format=format, profile=profile, api_key="k")


FIELDS: dict[str, tuple[Any, dict[str, str]]] = {
    "json_step, llama.cpp": (chat(profile="llamacpp"), {"grammar": ""}),
    "json_step, vLLM": (chat(profile="vllm"), {"response_format": "json_schema"}),
    "json_step, LM Studio": (chat(profile="lmstudio"), {"response_format": "json_schema"}),
    "json_step, Ollama's OpenAI face": (chat(profile="ollama-openai"), {"response_format": "json_schema"}),
    "json_step, OpenAI: no alternatives at the root": (chat(profile="openai"), {"response_format": "json_object"}),
    "json_step, DeepSeek": (chat(profile="deepseek"), {"response_format": "json_object"}),
    "json_step, unknown abilities": (chat(profile="tgi"), {}),
    "react_text, llama.cpp": (chat("react_text", "llamacpp"), {"grammar": ""}),
    "react_text, vLLM": (chat("react_text", "vllm"), {"structured_outputs": ""}),
    "react_text, SGLang": (chat("react_text", "sglang"), {"ebnf": ""}),
    "react_text, Fireworks": (chat("react_text", "fireworks"), {"response_format": "grammar"}),
    "react_text, Together": (chat("react_text", "together"), {"response_format": "regex"}),
    "json_step, SGLang": (chat(profile="sglang"), {"response_format": "json_schema"}),
    "react_text, a server that knows schemas only": (chat("react_text", "lmstudio"), {}),
    "native": (chat("native"), {}),
    "auto": (chat("auto"), {}),
    "hermes": (chat("hermes"), {}),
    "Ollama": (lambda client: OllamaBackend("m", client=client, format="json_step"), {"format": ""}),
    "completions": (lambda client: CompletionsBackend("m", client=client, format="json_step"), {"response_format": "json_schema"}),
}


@pytest.mark.parametrize(("backend", "expected"), FIELDS.values(), ids=FIELDS.keys())
def test_the_fields(backend: Any, expected: dict[str, str]) -> None:
    body = sent(backend)
    fields = {
        key: body[key] for key in ("response_format", "grammar", "format", "json_schema", "structured_outputs", "ebnf") if key in body
    }
    assert fields.keys() == expected.keys()
    for key, kind in expected.items():
        assert kind == (fields[key]["type"] if kind else "")
    assert "grammar" not in body or "tools" not in body, "llama.cpp refuses the two together"


def allows_answer(body: dict[str, Any]) -> bool:
    return "answer" in str(body["response_format"]["json_schema"]["schema"])


ANSWERS: dict[str, tuple[tuple[Message, ...], Head, str, bool | None, bool]] = {
    "before the first result": (QUESTION, HEAD, "auto", None, False),
    "after a good result": ((*QUESTION, result()), HEAD, "auto", None, True),
    "after an error": ((*QUESTION, result(False)), HEAD, "auto", None, False),
    "after errors only": ((*QUESTION, *[result(False)] * HOPELESS), HEAD, "auto", None, True),
    "a good one among errors": ((*QUESTION, result(), result(False)), HEAD, "auto", None, True),
    "a tool with effects is never forced": (QUESTION, Head((LOOK, SEND)), "auto", None, True),
    "unless that is said": (QUESTION, Head((LOOK, SEND)), "auto", True, False),
    "switched off": (QUESTION, HEAD, "auto", False, True),
    "the last request": (QUESTION, HEAD, "none", True, True),
    "no tools": (QUESTION, Head(), "auto", True, True),
}


@pytest.mark.parametrize(("messages", "head", "choice", "tool_first", "expected"), ANSWERS.values(), ids=ANSWERS.keys())
def test_no_answer_before_the_first_result(
    messages: tuple[Message, ...], head: Head, choice: str, tool_first: bool | None, expected: bool
) -> None:
    assert (act_first(asked(*messages, head=head, tool_choice=choice), tool_first) == FREE) is expected
    body = sent(chat(JsonStepFormat(tool_first=tool_first)), *messages, head=head, tool_choice=choice)
    if head.tools:
        assert allows_answer(body) is expected
    else:
        assert "response_format" not in body, "without tools there is nothing to hold it to"
    grammar = sent(chat(ReactTextFormat(tool_first=tool_first), "llamacpp"), *messages, head=head, tool_choice=choice).get(
        "grammar", "Final Answer"
    )
    assert ("Final Answer" in grammar) is expected


def talk(server: Server, *requests: ModelRequest) -> list[ModelReply]:
    """Several replies of one backend."""

    async def run() -> list[ModelReply]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            backend = chat()(client)
            return [await backend.reply(request) for request in requests]

    return asyncio.run(run())


def test_one_backend_follows_the_conversation() -> None:
    server = Server(REPLY)
    talk(server, asked(*QUESTION, head=HEAD), asked(*QUESTION, result(), head=HEAD))
    assert [allows_answer(body) for body in server.bodies] == [False, True]


def test_what_the_caller_set_himself_stands() -> None:
    head = Head((LOOK,), Settings(extra={"response_format": {"type": "text"}}))
    assert sent(chat(), head=head)["response_format"] == {"type": "text"}


REFUSED = httpx.Response(400, json={"error": {"message": "unknown field response_format", "code": "invalid_request_error"}})


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_refuses_the_grammar_is_asked_without(status: int) -> None:
    server = Server(httpx.Response(status, json={"error": {"message": "unknown field"}}), REPLY)
    first, second = talk(server, asked(*QUESTION, head=HEAD), asked(*QUESTION, head=HEAD))
    assert first.reading == second.reading == "act"
    assert ["response_format" in body for body in server.bodies] == [True, False, False], "and it is not asked for it again"
    assert [(tried.backend, tried.reason) for tried in first.route] == [("vllm:m", "asked again without a grammar")]
    assert second.route == ()


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ((REFUSED, REFUSED), BackendRejected),
        ((httpx.Response(401, json={"error": {"message": "no key"}}),), BackendRejected),
        ((httpx.Response(400, json={"error": {"code": "exceed_context_size_error", "message": "too long"}}),), ContextOverflow),
    ],
    ids=["it was something else", "another status", "too long"],
)
def test_other_rejections_are_what_they_are(answers: tuple[httpx.Response, ...], error: type[Exception]) -> None:
    server = Server(*answers)
    with pytest.raises(error):
        play(server, chat(), asked(*QUESTION, head=HEAD))
    assert len(server.bodies) == len(answers)


def test_a_stream_is_held_as_well() -> None:
    server = Server(
        REFUSED,
        httpx.Response(
            200,
            content=b'data: {"choices": [{"delta": {"content": "{}"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n',
            headers={"content-type": "text/event-stream"},
        ),
    )
    play(server, chat(), asked(*QUESTION, head=HEAD), stream=True)
    assert ["response_format" in body for body in server.bodies] == [True, False]


def test_who_takes_part() -> None:
    formats = {name: get_format(name) for name in FORMATS}
    told = {name for name, form in formats.items() if isinstance(form, Constraining) and form.constraint(HEAD, "auto", FREE)}
    assert told == {"react_text", "json_step", "json_plan"}
    assert isinstance(OpenAIChat("m"), Constrainable)
    assert not isinstance(Anthropic("m"), Constrainable)
    assert {name for name, row in PROFILES.items() if row.grammar == "grammar"} == {"llamacpp"}
