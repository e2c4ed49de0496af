"""With a real server and a small model: whatever it writes is read or complained about, never guessed, and the trace is whole.

Set ``REACT_AGENT_TEST_SERVER`` to the base URL of a llama.cpp server, such as ``http://127.0.0.1:8098/v1``. Nothing is asserted about how clever the
model is.
"""

from __future__ import annotations

import json
import os

import httpx
import pytest
from jsonschema import Draft202012Validator

from react_agent import Agent, Limits, OpenAIChatBackend, Result, Settings, replay, tool
from react_agent.backends.guidance import SMALL
from react_agent.backends.providers import CompletionsBackend
from react_agent.backends.templates import ChatTemplate, Said, usable
from react_agent.formats.step_grammar import json_step_grammar, react_grammar
from react_agent.formats.step_schema import step_schema
from react_agent.messages import Head, JsonObject, ToolSpec

from ._say import ADD, NOW, SEARCH, ask, read

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def server() -> str:
    url = os.environ.get("REACT_AGENT_TEST_SERVER", "").rstrip("/")
    if not url:
        pytest.skip("no server: set REACT_AGENT_TEST_SERVER to the base URL of a llama.cpp server")
    return url


@tool(read_only=True)
def population(city: str) -> int:
    """How many people live in a city.

    Args:
        city: Name in English.
    """
    return {"Paris": 2_102_650}.get(city, 0)


def run(backend: object) -> Result:
    agent = Agent(backend, tools=[population], settings=Settings(temperature=0, max_tokens=120), limits=Limits(steps=3, mistakes=2))  # type: ignore[arg-type]
    return agent.run_sync("How many people live in Paris?")


@pytest.mark.parametrize(
    ("form", "profile"),
    [
        ("json_step", "llamacpp"),
        ("json_step", "vllm"),
        ("react_text", "llamacpp"),
        ("react_text", "vllm"),
        ("auto", "llamacpp"),
        ("hermes", "llamacpp"),
    ],
)
def test_a_reply_is_read_or_complained_about_and_the_trace_is_whole(server: str, form: str, profile: str) -> None:
    result = run(OpenAIChatBackend("model", base_url=server, api_key="none", format=form, profile=profile))
    assert result.outcome.kind in ("answered", "limit", "looped", "malformed"), result.outcome
    assert result.steps
    for step in result.steps:
        reply = step.reply
        assert (reply.reading == "malformed") == (reply.complaint is not None)
        for call in step.calls:
            assert call.result is not None, "every call has a result, if only a complaint"
    replay(result.trace)  # every reply reads as it was recorded, every request is asked for again
    if form == "json_step" or (form, profile) == ("react_text", "llamacpp"):
        ended = [step.reply for step in result.steps if step.reply.finish == "stop"]
        assert all(reply.reading != "malformed" for reply in ended), "what a grammar held can be read"


def test_the_default_guides_a_small_model(server: str) -> None:
    known = httpx.get(f"{server}/models", timeout=30).json()["data"][0]["meta"]["n_params"]
    result = run(OpenAIChatBackend("model", base_url=server, api_key="none"))
    read_by = {step.reply.read_by.format for step in result.steps if step.reply.read_by is not None}
    assert (read_by == {"json_plan"}) == (known < SMALL)
    replay(result.trace)


def test_a_text_model(server: str) -> None:
    for form, template in (("react_text", "chatml"), ("react_paper", "plain"), ("json_step", "chatml")):
        result = run(CompletionsBackend("model", base_url=server, format=form, template=template))
        assert result.outcome.kind in ("answered", "limit", "looped", "malformed"), result.outcome
        replay(result.trace)


PICK = ToolSpec(
    "pick",
    "",
    {
        "type": "object",
        "properties": {
            "mode": {"$ref": "#/$defs/Mode"},
            "n": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            "opts": {"type": "object", "properties": {"deep": {"type": "boolean"}, "rate": {"type": "number"}}},
        },
        "required": ["mode"],
        "$defs": {"Mode": {"enum": ["a", 'b"', "ü"]}},
    },
)
HEAD = Head((SEARCH, ADD, NOW, PICK))


def ask_server(server: str, path: str, body: JsonObject) -> JsonObject:
    reply = httpx.post(f"{server}/{path}", json=body, timeout=120)
    assert reply.status_code == 200, reply.text
    found = reply.json()
    assert isinstance(found, dict)
    return found


def grammars() -> dict[str, tuple[str, JsonObject]]:
    schema: JsonObject = {"type": "json_schema", "json_schema": {"name": "step", "schema": step_schema(HEAD)}}
    return {
        "schema": ("json_step", {"response_format": schema}),
        "step_gbnf": ("json_step", {"grammar": json_step_grammar(HEAD).gbnf()}),
        "react_gbnf": ("react_text", {"grammar": react_grammar(HEAD).gbnf()}),
    }


@pytest.mark.parametrize("name", grammars())
@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_engine_lets_through_is_read(server: str, name: str, seed: int) -> None:
    """Hot sampling, so that the grammar decides and not the model."""
    form, fields = grammars()[name]
    question: JsonObject = {"role": "user", "content": "Do the next step."}
    body: JsonObject = {
        "messages": [question],
        "temperature": 1.8,
        "top_p": 1,
        "min_p": 0,
        "top_k": 0,
        "seed": seed,
        "max_tokens": 160,
        **fields,
    }
    choice = ask_server(server, "chat/completions", body)["choices"][0]  # type: ignore[index,call-overload]
    text, finish = choice["message"]["content"], choice["finish_reason"]  # type: ignore[index,call-overload]
    reply = read(form, str(text), ask(HEAD.tools), finish)  # type: ignore[arg-type]
    if finish == "length":
        assert reply.reading in ("act", "malformed")
        return
    assert reply.reading != "malformed" or str(json.loads(str(text)).get("answer", "x")).strip() == "", (text, reply.complaint)
    for call in reply.message.calls:
        tool_ = next(tool_ for tool_ in HEAD.tools if tool_.name == call.name)
        assert Draft202012Validator(tool_.parameters).is_valid(call.arguments), text


def test_our_rendering_of_the_models_own_template_is_the_servers(server: str) -> None:
    pytest.importorskip("jinja2")
    base = server.removesuffix("/v1")
    props = httpx.get(f"{base}/props", timeout=30).json()
    template = usable(ChatTemplate("own", props["chat_template"], props.get("bos_token") or "", props.get("eos_token") or ""))
    talk: list[Said] = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": 'é "x"\n{{ y }}'},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Who?"},
    ]
    theirs = httpx.post(f"{base}/apply-template", json={"messages": talk}, timeout=30).json()["prompt"]
    assert template.render(talk) == theirs.removeprefix(template.bos)
