"""The providers' official clients, each used as its own documents say: ask, run what it wants, send its message back with the results, ask again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from ._fake import PNG, SCHEMA, Json

SYSTEM, QUESTION, DESCRIPTION = "Be brief.", "Add these.", "Add two numbers."
RESULTS = ["5", "9"]
KEY = "sk-oracle-key-1234"


@dataclass
class Said:
    """One reply, in no provider's language; tokens read and written."""

    text: str
    thinking: str
    calls: list[tuple[str, Json]]
    tokens: tuple[int, int]


def sdk(name: str) -> Any:
    """The package, or a skip that says what is missing."""
    try:
        module: ModuleType = import_module(name)
    except ImportError as error:
        pytest.skip(f"the official SDK is not installed ({error}); it comes with the extra 'oracles'")
    return module


def openai_chat(url: str, stream: bool) -> list[Said]:
    with sdk("openai").OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
        messages: list[Any] = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": [{"type": "text", "text": QUESTION}, picture]},
        ]
        tools: Any = [{"type": "function", "function": {"name": "add", "description": DESCRIPTION, "parameters": SCHEMA}}]
        said = []
        for _ in range(2):
            if stream:
                with client.chat.completions.stream(
                    model="m-1", messages=messages, tools=tools, stream_options={"include_usage": True}
                ) as events:
                    for _event in events:
                        pass
                    found = events.get_final_completion()
            else:
                found = client.chat.completions.create(model="m-1", messages=messages, tools=tools)
            message = found.choices[0].message
            calls = message.tool_calls or []
            said.append(Said(message.content or "", "", [(c.function.name, _json(c.function.arguments)) for c in calls], (
                found.usage.prompt_tokens, found.usage.completion_tokens)))  # fmt: skip
            sent = message.model_dump(exclude_none=True, exclude={"parsed": True})
            for call in sent.get("tool_calls", []):
                call["function"].pop("parsed_arguments", None)
                call.pop("index", None)
            messages += [sent, *({"role": "tool", "tool_call_id": c.id, "content": r} for c, r in zip(calls, RESULTS, strict=False))]
    return said


def openai_responses(url: str, stream: bool) -> list[Said]:
    with sdk("openai").OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        picture = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PNG}"}
        items: list[Any] = [{"role": "user", "content": [{"type": "input_text", "text": QUESTION}, picture]}]
        tools: Any = [{"type": "function", "name": "add", "description": DESCRIPTION, "parameters": SCHEMA, "strict": True}]
        asked: Any = {"model": "m-1", "instructions": SYSTEM, "tools": tools, "store": False, "include": ["reasoning.encrypted_content"]}
        said = []
        for _ in range(2):
            if stream:
                with client.responses.stream(input=items, **asked) as events:
                    for _event in events:
                        pass
                    found = events.get_final_response()
            else:
                found = client.responses.create(input=items, **asked)
            calls = [item for item in found.output if item.type == "function_call"]
            thoughts = [part.text for item in found.output if item.type == "reasoning" for part in item.summary]
            said.append(Said(found.output_text, "".join(thoughts), [(c.name, _json(c.arguments)) for c in calls], (
                found.usage.input_tokens, found.usage.output_tokens)))  # fmt: skip
            items += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in found.output]
            items += [{"type": "function_call_output", "call_id": c.call_id, "output": r} for c, r in zip(calls, RESULTS, strict=False)]
    return said


def anthropic(url: str, stream: bool) -> list[Said]:
    with sdk("anthropic").Anthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
        messages: list[Any] = [{"role": "user", "content": [{"type": "text", "text": QUESTION}, picture]}]
        tools: Any = [{"name": "add", "description": DESCRIPTION, "input_schema": SCHEMA}]
        said = []
        for _ in range(2):
            asked: Any = {"model": "m-1", "max_tokens": 100, "system": SYSTEM, "messages": messages, "tools": tools}
            if stream:
                with client.messages.stream(**asked) as events:
                    found = events.get_final_message()
            else:
                found = client.messages.create(**asked)
            blocks = found.content
            calls = [block for block in blocks if block.type == "tool_use"]
            usage = found.usage
            said.append(Said(
                "".join(b.text for b in blocks if b.type == "text"), "".join(b.thinking for b in blocks if b.type == "thinking"),
                [(c.name, c.input) for c in calls], (usage.input_tokens + (usage.cache_read_input_tokens or 0), usage.output_tokens),
            ))  # fmt: skip
            results = [{"type": "tool_result", "tool_use_id": c.id, "content": r} for c, r in zip(calls, RESULTS, strict=False)]
            messages += [
                {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in blocks]},
                {"role": "user", "content": results},
            ]
    return said


def gemini(url: str, stream: bool) -> list[Said]:
    genai = sdk("google.genai")
    types = genai.types
    with closing(genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=url, api_version="v1beta"))) as client:
        function = types.FunctionDeclaration(name="add", description=DESCRIPTION, parameters_json_schema=SCHEMA)
        config = types.GenerateContentConfig(
            system_instruction=SYSTEM,
            tools=[types.Tool(function_declarations=[function])],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        picture = types.Part(inline_data=types.Blob(mime_type="image/png", data=base64.b64decode(PNG)))
        contents: list[Any] = [types.Content(role="user", parts=[types.Part(text=QUESTION), picture])]
        said = []
        for _ in range(2):
            if stream:
                chunks = list(client.models.generate_content_stream(model="m-1", contents=contents, config=config))
            else:
                chunks = [client.models.generate_content(model="m-1", contents=contents, config=config)]
            parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
            calls = [part.function_call for part in parts if part.function_call]
            usage = chunks[-1].usage_metadata
            said.append(Said(
                "".join(p.text for p in parts if p.text and not p.thought), "".join(p.text for p in parts if p.text and p.thought),
                [(c.name, c.args) for c in calls], (usage.prompt_token_count, usage.candidates_token_count + usage.thoughts_token_count),
            ))  # fmt: skip
            answers = [
                types.Part(function_response=types.FunctionResponse(id=c.id, name=c.name, response={"output": r}))
                for c, r in zip(calls, RESULTS, strict=False)
            ]
            contents += [types.Content(role="model", parts=parts), types.Content(role="user", parts=answers)]
    return said


def mistral(url: str, stream: bool) -> list[Said]:
    models = sdk("mistralai.client.models")
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    messages: list[Any] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}, picture]},
    ]
    tools: Any = [{"type": "function", "function": {"name": "add", "description": DESCRIPTION, "parameters": SCHEMA}}]
    said = []
    with sdk("mistralai.client").Mistral(api_key=KEY, server_url=f"{url}/mistral") as client:
        for _ in range(2):
            text, thinking, calls = "", "", []
            if stream:
                with client.chat.stream(model="m-1", messages=messages, tools=tools) as events:
                    for event in events:
                        delta = event.data.choices[0].delta
                        more = _chunks(models, delta.content)
                        text, thinking, calls = text + more[0], thinking + more[1], [*calls, *(delta.tool_calls or [])]
                        usage = event.data.usage or None
                sent: Any = {"role": "assistant", "content": text, "tool_calls": [call.model_dump(exclude_none=True) for call in calls]}
            else:
                found = client.chat.complete(model="m-1", messages=messages, tools=tools)
                message, usage = found.choices[0].message, found.usage
                text, thinking = _chunks(models, message.content)
                calls, sent = message.tool_calls or [], message
            assert usage is not None
            said.append(Said(text, thinking, [(c.function.name, _json(c.function.arguments)) for c in calls], (
                usage.prompt_tokens, usage.completion_tokens)))  # fmt: skip
            results = [{"role": "tool", "tool_call_id": c.id, "name": "add", "content": r} for c, r in zip(calls, RESULTS, strict=False)]
            messages += [sent, *results]
    return said


def _chunks(models: Any, content: Any) -> tuple[str, str]:
    if isinstance(content, str) or not content:
        return content or "", ""
    thoughts = [inner.text for chunk in content if isinstance(chunk, models.ThinkChunk) for inner in chunk.thinking]
    return "".join(chunk.text for chunk in content if isinstance(chunk, models.TextChunk)), "".join(thoughts)


def ollama(url: str, stream: bool) -> list[Said]:
    with sdk("ollama").Client(host=url) as client:
        messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION, "images": [PNG]}]
        tools: Any = [{"type": "function", "function": {"name": "add", "description": DESCRIPTION, "parameters": SCHEMA}}]
        said = []
        for _ in range(2):
            found = client.chat(model="m-1", messages=messages, tools=tools, stream=stream)
            chunks = list(found) if stream else [found]
            text = "".join(chunk.message.content or "" for chunk in chunks)
            thinking = "".join(chunk.message.thinking or "" for chunk in chunks)
            calls = [call.function for chunk in chunks for call in chunk.message.tool_calls or []]
            said.append(
                Said(text, thinking, [(c.name, dict(c.arguments)) for c in calls], (chunks[-1].prompt_eval_count, chunks[-1].eval_count))
            )
            sent = {
                "role": "assistant",
                "content": text,
                "tool_calls": [{"function": {"name": c.name, "arguments": c.arguments}} for c in calls],
            }
            messages += [sent, *({"role": "tool", "tool_name": c.name, "content": r} for c, r in zip(calls, RESULTS, strict=False))]
    return said


def _json(text: Any) -> Json:
    found: Json = json.loads(text) if isinstance(text, str) else dict(text)
    return found


SDKS: dict[str, Callable[[str, bool], list[Said]]] = {
    "openai": openai_chat,
    "openai-responses": openai_responses,
    "anthropic": anthropic,
    "gemini": gemini,
    "mistral": mistral,
    "ollama": ollama,
}
