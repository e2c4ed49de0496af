"""Our requests against the official SDKs' own types: every field known to them, of the type that they say; and sent on by them unchanged."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import ConfigDict, TypeAdapter

from react_agent.backends.leaf import LeafBackend, OpenAIChatBackend
from react_agent.backends.providers import AnthropicBackend, GeminiBackend, OllamaBackend, OpenAIResponsesBackend
from react_agent.backends.wires.anthropic import Anthropic
from react_agent.backends.wires.openai_responses import OpenAIResponses
from react_agent.formats.auto import AutoFormat
from react_agent.messages import (
    Head,
    Image,
    Message,
    MessageView,
    ModelRequest,
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
    assistant,
    system,
    user,
)

from ._fake import SCHEMA, SHOWN, Fake, Json, serving
from ._sdks import KEY, sdk

LOOSE = {"type": "object", "properties": {"q": {"type": "string", "minLength": 1}}, "required": []}
TOOLS = (ToolSpec("add", "Add.", SCHEMA), ToolSpec("look.up", "Look up.", LOOSE))
PNG = Image("image/png", data="aGk=")
TALK = (
    system("Be brief."),
    user("Look.", PNG),
    assistant(Thinking("hm"), "So.", ToolCall("add", {"a": 1, "b": 2}), ToolCall("look.up", {}), ToolCall("add", None, "bad", "{")),
    Message(
        "tool", (ToolResult("add", (Text("3"),)), ToolResult("look.up", (Text("seen"), PNG)), ToolResult("add", (Text("bad"),), "invalid"))
    ),
    user("And?"),
    assistant("Three."),
    user("Sure?"),
)
SETTINGS = Settings(temperature=0.5, top_p=0.9, max_tokens=100, seed=7, stop=("END",), thinking="low")
ASKED: dict[str, tuple[Head, str]] = {
    "plain": (Head(), "auto"),
    "tools": (Head(TOOLS), "auto"),
    "no tools now": (Head(TOOLS), "none"),
    "some tool": (Head(TOOLS), "required"),
    "that tool": (Head(TOOLS), "look.up"),
    "settings": (Head(TOOLS, SETTINGS), "auto"),
    "typed answer": (Head(output_schema=SCHEMA), "auto"),
}
BACKENDS: dict[str, Callable[[str], LeafBackend]] = {
    "openai": lambda url: OpenAIChatBackend("gpt-4o", base_url=f"{url}/v1", api_key=KEY, profile="openai"),
    "openai-responses": lambda url: OpenAIResponsesBackend("gpt-5", base_url=f"{url}/v1", api_key=KEY),
    "anthropic": lambda url: AnthropicBackend("claude", base_url=url, api_key=KEY),
    "anthropic, older": lambda url: AnthropicBackend(
        "claude", base_url=url, api_key=KEY, wire=Anthropic("claude", "2023-06-01", "x-api-key")
    ),
    "gemini": lambda url: GeminiBackend("gemini-3-pro", base_url=f"{url}/v1beta", api_key=KEY),
    "mistral": lambda url: OpenAIChatBackend("m-1", base_url=f"{url}/mistral/v1", api_key=KEY, profile="mistral"),
    "ollama": lambda url: OllamaBackend("m-1", base_url=url),
}


@pytest.fixture(scope="module")
def fake() -> Iterator[Fake]:
    with serving() as server:
        yield server


def body_of(fake: Fake, name: str, asked: str, *, stream: bool = False) -> Json:
    """What our backend sends, as the server got it."""
    head, choice = ASKED[asked]
    fake.bodies.clear()
    fake.broken.clear()

    async def ask() -> None:
        backend = BACKENDS[name](fake.url)
        try:
            await backend.reply(ModelRequest(MessageView().extend(*TALK), head, choice), listen=(lambda delta: None) if stream else None)
        finally:
            await backend.aclose()

    asyncio.run(ask())
    assert fake.broken == []
    return fake.bodies[-1]


def params(module: str, name: str) -> TypeAdapter[Any]:
    """An SDK's request type as a strict validator: no unknown key, and lists where it says any iterable (which would be checked late, or never)."""
    found = importlib.import_module(module)
    root = module.split(".")[0]
    for other in [loaded for key, loaded in sys.modules.items() if key.startswith(f"{root}.types") and hasattr(loaded, "Iterable")]:
        setattr(other, "Iterable", list)  # noqa: B010 - of a module that is not ours
    return TypeAdapter(list[getattr(found, name)], config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))


@pytest.fixture(scope="module")
def types() -> Iterator[Callable[[str], TypeAdapter[Any]]]:
    made: dict[tuple[str, bool], TypeAdapter[Any]] = {}
    before: list[tuple[Any, Any]] = []

    def get(name: str, stream: bool = False) -> TypeAdapter[Any]:
        if (name, stream) not in made:
            package, module, kind = {
                "openai": ("openai", "openai.types.chat.completion_create_params", "CompletionCreateParams"),
                "openai-responses": ("openai", "openai.types.responses.response_create_params", "ResponseCreateParams"),
                "anthropic": ("anthropic", "anthropic.types.message_create_params", "MessageCreateParams"),
            }[name]
            sdk(package)
            importlib.import_module(module)
            before.extend(
                (m, m.Iterable) for key, m in sys.modules.items() if key.startswith(f"{package}.types") and hasattr(m, "Iterable")
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made[name, stream] = params(module, f"{kind}{'Streaming' if stream else 'NonStreaming'}")
        return made[name, stream]

    yield get
    for module, iterable in before:
        module.Iterable = iterable


def _today(name: str, body: Json) -> Json:
    """The body without what only the older version of Anthropic's API takes, which its SDK of today no longer knows."""
    return {key: value for key, value in body.items() if name != "anthropic, older" or key not in ("temperature", "top_p")}


TYPED = [("openai", "openai"), ("openai-responses", "openai-responses"), ("anthropic", "anthropic"), ("anthropic, older", "anthropic")]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize(("name", "kind"), TYPED, ids=[name for name, _ in TYPED])
def test_typed_dictionaries(name: str, kind: str, asked: str, stream: bool, fake: Fake, types: Callable[..., TypeAdapter[Any]]) -> None:
    types(kind, stream).validate_python([_today(name, body_of(fake, name, asked, stream=stream))])


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize(("name", "kind"), TYPED, ids=[name for name, _ in TYPED])
def test_sent_on_unchanged(name: str, kind: str, asked: str, fake: Fake) -> None:
    """Every field of ours is a parameter of the SDK's method, and what it makes of them is what we sent."""
    ours = _today(name, body_of(fake, name, asked))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "anthropic":
            with sdk("anthropic").Anthropic(base_url=fake.url, api_key=KEY, max_retries=0) as client:
                client.messages.create(**ours)
        else:
            with sdk("openai").OpenAI(base_url=f"{fake.url}/v1", api_key=KEY, max_retries=0) as client:
                (client.responses if kind == "openai-responses" else client.chat.completions).create(**ours)
    assert fake.bodies[-1] == ours


ECHOED: dict[str, tuple[Any, list[Json]]] = {
    "anthropic": (Anthropic("claude"), [
        {"type": "thinking", "thinking": "Look it up.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        {"type": "text", "text": "Searching."},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
            {"type": "web_search_result", "url": "https://a.example/", "title": "A", "encrypted_content": "ZW5j", "page_age": None},
        ]},
        {"type": "text", "text": "Found.", "citations": [
            {"type": "web_search_result_location", "url": "https://a.example/", "title": "A", "encrypted_index": "aW5k", "cited_text": "a"},
        ]},
        {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1, "b": 2}, "caller": {"type": "direct"}},
    ]),
    "openai-responses": (OpenAIResponses("gpt-5"), [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Add."}], "encrypted_content": "ZW5j"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "phase": "commentary", "content": [
            {"type": "output_text", "text": "Found.", "annotations": []},
        ]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "add", "arguments": '{"a":1,"b":2}', "status": "completed"},
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("name", "made"), ECHOED.items(), ids=ECHOED)
def test_what_a_provider_said_is_taken_back_by_its_types(
    name: str, made: tuple[Any, list[Json]], types: Callable[..., TypeAdapter[Any]]
) -> None:
    """Thoughts with their signatures, the provider's own tools, and a call, as they go back in the next request."""
    wire, said = made
    raw = wire.read({"content": said} if name == "anthropic" else {"output": said})
    message = AutoFormat().read(raw, ModelRequest(MessageView().extend(user("q")), Head(TOOLS))).message
    talk = (user("q"), message, Message("tool", (ToolResult("add", (Text("3"),)),)))
    chunks = [wire.encode(one, talk[at - 1] if at else None, at) for at, one in enumerate(talk)]
    body = json.loads(
        wire.body(chunks, json.dumps(wire.options(Head(TOOLS), (), "auto", native=True, stream=False)).encode(), system=False)
    )
    types(name).validate_python([body])
    back = body["messages"][1]["content"] if name == "anthropic" else body["input"][1 : 1 + len(said)]
    lost = [found for one, other in zip(said, back, strict=True) for found in _within(one, other)]
    assert [one for one in lost if one != ".status: 'completed'"] == []


@pytest.mark.parametrize("asked", ASKED)
def test_gemini_models(asked: str, fake: Fake) -> None:
    types = sdk("google.genai").types
    ours = body_of(fake, "gemini", asked)
    for content in [*ours.pop("contents"), ours.pop("systemInstruction")]:
        types.Content.model_validate(content)
    for found in ours.pop("tools", []):
        types.Tool.model_validate(found)
    if "toolConfig" in ours:
        types.ToolConfig.model_validate(ours.pop("toolConfig"))
    if "generationConfig" in ours:
        types.GenerationConfig.model_validate(ours.pop("generationConfig"))
    assert ours == {}, "fields that the SDK does not know"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("asked", ASKED)
def test_mistral_models(asked: str, stream: bool, fake: Fake) -> None:
    models = sdk("mistralai.client.models")
    ours = body_of(fake, "mistral", asked, stream=stream)
    kind = models.ChatCompletionStreamRequest if stream else models.ChatCompletionRequest
    again = json.loads(kind.model_validate(ours).model_dump_json(by_alias=True, exclude_none=True))
    assert _within(ours, again) == []


@pytest.mark.parametrize("asked", ASKED)
def test_ollama_models(asked: str, fake: Fake) -> None:
    ours = body_of(fake, "ollama", asked)
    again = sdk("ollama")._types.ChatRequest(**ours).model_dump(exclude_none=True, by_alias=True, mode="json")
    lost = _within(ours, again)  # its type for a tool's schema keeps a few keywords only; the server takes them all
    assert [one for one in lost if ".function.parameters." not in one] == []


def test_what_ollama_shows_of_a_model() -> None:
    shown = sdk("ollama")._types.ShowResponse(**SHOWN)
    assert (shown.capabilities, shown.modelinfo) == (SHOWN["capabilities"], SHOWN["model_info"])


def _within(ours: Any, theirs: Any, at: str = "") -> list[str]:
    """Where something that we say is not in what they made of it."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        lost = [f"{at}.{key}: {value!r}" for key, value in ours.items() if key not in theirs and value is not None]
        return lost + [found for key in ours.keys() & theirs.keys() for found in _within(ours[key], theirs[key], f"{at}.{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [found for i, (one, other) in enumerate(zip(ours, theirs, strict=True)) for found in _within(one, other, f"{at}[{i}]")]
    return [] if ours == theirs else [f"{at}: {ours!r} became {theirs!r}"]


def test_the_judge_would_see_a_wrong_field(fake: Fake, types: Callable[[str], TypeAdapter[Any]]) -> None:
    for name in ("openai", "anthropic"):
        good = body_of(fake, name, "tools")
        for wrong in (
            {**good, "tolls": []},
            {**good, "messages": [{**good["messages"][0], "rule": "x"}]},
            {**good, "tools": [{"type": 7}]},
        ):
            with pytest.raises(ValueError, match="validation error"):
                types(name).validate_python([wrong])
