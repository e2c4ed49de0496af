"""Plain completions: a prompt out, text in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from react_agent.backends.providers import CompletionsBackend
from react_agent.backends.wires.openai_completions import DEFAULT_MAX_TOKENS
from react_agent.errors import BackendProtocolError, BackendRejected, ConfigError
from react_agent.messages import Head, Settings, Text, Usage, assistant, system, user

from ._say import TURN, Clock, Server, asked, play, sse

STEP = 'Thought: easy\nAction: add\nAction Input: {"a": 1}\n'
WHOLE = httpx.Response(
    200, json={"choices": [{"text": STEP, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9, "completion_tokens": 4}}
)


def test_a_step_of_a_model_without_chat() -> None:
    server = Server(WHOLE)
    reply, _ = play(server, lambda client: CompletionsBackend("base", client=client), asked(*TURN))
    assert (reply.reading, reply.message.calls[0].arguments, reply.usage) == ("act", {"a": 1}, Usage(9, 4))
    body = server.bodies[0]
    assert str(server.asked[0].url) == "http://localhost:8080/v1/completions"
    assert body["stop"]
    assert body["prompt"].endswith('q\nThought: hm\nAction: add\nAction Input: {"a": 1}\nObservation: 3\n')
    assert "messages" not in body


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        ("chatml", '<|im_start|>user\né"\n<|im_end|>\n<|im_start|>assistant\n'),
        ("zephyr", '<|user|>\né"\n</s>\n<|assistant|>\n'),
        ("llama2", '[INST] é"\n [/INST]'),
        ("plain", 'é"\n\n'),
    ],
)
def test_templates(template: str, prompt: str) -> None:
    server = Server(WHOLE)
    play(server, lambda client: CompletionsBackend("base", client=client, template=template), asked(user('é"\n'), head=Head()))
    assert server.bodies[0]["prompt"] == prompt


def test_a_stream() -> None:
    pieces = [{"choices": [{"text": piece, "finish_reason": None}]} for piece in STEP.split(" ")]
    end = {"choices": [{"text": "", "finish_reason": "stop"}]}
    server = Server(httpx.Response(200, content=sse(*pieces, end), headers={"content-type": "text/event-stream"}))
    reply, heard = play(server, lambda client: CompletionsBackend("base", client=client), asked(*TURN), stream=True)
    assert ["".join(delta.text for delta in heard if delta.kind == kind) for kind in ("thinking", "call")] == ["easy", 'add\n {"a":1}']
    assert reply.finish == "stop"


def test_errors_and_no_reply() -> None:
    def backend(client: Any) -> CompletionsBackend:
        return CompletionsBackend("base", client=client, max_retries=Clock().retries(0))

    with pytest.raises(BackendRejected, match="boom"):
        play(Server(httpx.Response(400, json={"error": {"message": "boom"}})), backend)
    with pytest.raises(BackendProtocolError, match="no choices"):
        play(Server(httpx.Response(200, json={"choices": []})), backend)
    cut = sse({"choices": [{"text": "a", "finish_reason": None}]}, done=False)
    with pytest.raises(BackendProtocolError, match="cut"):
        play(Server(httpx.Response(200, content=cut, headers={"content-type": "text/event-stream"})), backend, stream=True)


@pytest.mark.parametrize(("given", "words"), [({"format": "native"}, "text format"), ({"template": "nobody"}, "chatml")])
def test_put_together_wrongly(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        CompletionsBackend("base", **given)


def test_the_past_stands_in_the_prompt_as_the_model_wrote_it() -> None:
    server = Server(WHOLE)
    request = asked(system("s"), user("q"), assistant(Text("The answer")), user("and now?"), head=Head(settings=Settings(max_tokens=5)))
    play(server, lambda client: CompletionsBackend("base", client=client), request)
    body = server.bodies[0]
    assert body["max_tokens"] == 5
    assert body["prompt"].endswith("and now?\n")


@pytest.mark.parametrize(
    ("settings", "most"),
    [(Settings(), DEFAULT_MAX_TOKENS), (Settings(max_tokens=5), 5), (Settings(extra={"max_tokens": 9}), 9)],
    ids=["nothing", "a number", "the server's field"],
)
def test_a_reply_may_be_longer_than_the_sixteen_tokens_that_vllm_takes_where_nothing_is_said(settings: Settings, most: int) -> None:
    server = Server(WHOLE)
    play(server, lambda client: CompletionsBackend("base", client=client), asked(head=Head(settings=settings)))
    assert server.bodies[0]["max_tokens"] == most
