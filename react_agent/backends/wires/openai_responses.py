"""OpenAI Responses, ``POST {base}/responses``, and the Open Responses servers. Stateless: nothing is stored, reasoning goes back encrypted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import JsonValue

from react_agent.backends.wires.base import (
    Found,
    Framing,
    answer_schema,
    arguments_text,
    call_ids,
    count,
    data_of,
    dumps,
    dumps_text,
    excerpt,
    listed,
    mapping,
    no_picture,
    objects,
    result_ids,
    safe_name,
    strict_ready,
    text,
    with_extra,
)
from react_agent.backends.wires.openai_responses_stream import ResponsesReader
from react_agent.backends.wires.wrong import advice, json_words, rejection
from react_agent.errors import BackendError, BackendProtocolError
from react_agent.formats.base import RawReply
from react_agent.formats.schemas import flat
from react_agent.messages import (
    Finish,
    Head,
    Image,
    JsonObject,
    Message,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
)

# Deployments have names of their own, in which the model's may stand anywhere.
REASONS = re.compile(r"(?<![a-z0-9])(o\d|gpt-[5-9]|codex|computer-use)")  # models that think, and whose thinking can be asked for encrypted
# Models that refuse to be shown another's reasoning, as after a fallback to one of them; and what refers to it goes without its id.
_NEVER_REASONS = re.compile(r"gpt-[34]|chatgpt-4")
_STATUS = {
    "rate_limit_exceeded": 429,
    "invalid_prompt": 400,
    "insufficient_quota": 429,
    "context_length_exceeded": 400,
    "invalid_request_error": 400,
}
_CALL_FIELDS = {"type", "id", "call_id", "name", "arguments", "status"}


@dataclass(frozen=True, slots=True)
class OpenAIResponses:
    """The wire for one model."""

    model: str
    key_env: str | None = "OPENAI_API_KEY"
    framing: Framing = "sse"
    silent_cuts: bool = True  # llama.cpp's are

    @property
    def api(self) -> str:
        return "openai-responses"

    def headers(self, key: str | None) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"} if key else {}

    def path(self, *, stream: bool) -> str:
        return "/responses"

    # ---------------------------------------------------------------------------------------------------- request

    def tool_name(self, name: str) -> str:
        return safe_name(name)

    def encode(self, message: Message, before: Message | None, at: int) -> bytes:
        if message.role == "system" and at == 0:
            return dumps(message.text) if message.text else b""
        items: Sequence[JsonValue]
        if message.role == "assistant":
            items = self._assistant(message, at)
        elif message.role == "tool":
            ids = result_ids(message, before, at, self.api)
            items = [self._result(result, identity) for result, identity in zip(message.results, ids, strict=False)]
        else:
            items = [{"role": message.role, "content": _content(message.parts)}]
        return b",".join(dumps(item) for item in items)

    def _assistant(self, message: Message, at: int) -> list[JsonValue]:
        """The items in their order: reasoning as it came, encrypted, never without the item that it led to."""
        items: list[JsonValue] = []
        ids = iter(call_ids(message.calls, at, self.api))
        thoughts = [data_of(part, self.api) for part in message.parts if type(part) is Thinking]
        bare = bool(thoughts) and (_NEVER_REASONS.match(self.model) is not None or any("gone" in data for data in thoughts))
        for part in message.parts:
            data = data_of(part, self.api)
            if type(part) is ToolCall:
                arguments = dumps_text(part.arguments) if part.arguments else "{}"
                call: JsonObject = {"type": "function_call", "call_id": next(ids), "name": safe_name(part.name), "arguments": arguments}
                items.append({**mapping(data.get("more")), **call, **({"id": data["item"]} if "item" in data and not bare else {})})
            elif "raw" in data:
                if not (bare and type(part) is Thinking):
                    items.append(data["raw"])
            elif type(part) is Text and "item" in data:
                said: JsonObject = {"type": "output_text", "text": part.text, "annotations": data.get("annotations", [])}
                kept = {key: value for key, value in mapping(data["item"]).items() if not (bare and key == "id")}
                items.append({"type": "message", "role": "assistant", "content": [said], **kept})
            elif (type(part) is Text or (type(part) is Thinking and part.provider_data is None)) and part.text:
                items.append({"type": "message", "role": "assistant", "content": part.text})  # llama.cpp wants the type
        while items and mapping(items[-1]).get("type") == "reasoning":
            items.pop()
        return items

    def _result(self, result: ToolResult, identity: str) -> JsonValue:
        pictures = any(type(part) is Image for part in result.content)
        output: JsonValue = _content(result.content) if pictures else result.text
        return {"type": "function_call_output", "call_id": identity, "output": output}

    def options(self, head: Head, stop: Sequence[str], tool_choice: ToolChoice, *, native: bool, stream: bool) -> JsonObject:
        """The API knows no stop sequences: a text format cuts by itself."""
        settings = head.settings
        out: JsonObject = {"model": self.model, "store": False}
        thinks = REASONS.search(self.model) is not None
        if thinks:
            out["include"] = ["reasoning.encrypted_content"]
        if native and head.tools:
            out["tools"] = [_tool(spec.name, spec.description, flat(spec.parameters)) for spec in head.tools]
            if tool_choice in ("none", "required"):
                out["tool_choice"] = tool_choice
            elif tool_choice != "auto":
                out["tool_choice"] = {"type": "function", "name": safe_name(tool_choice)}
        if (schema := answer_schema(head, native)) is not None:
            form: JsonObject = {"type": "json_schema", "name": "answer", "schema": schema}
            out["text"] = {"format": {**form, "strict": strict_ready(schema)}}
        for name, value in (("temperature", settings.temperature), ("top_p", settings.top_p), ("max_output_tokens", settings.max_tokens)):
            if value is not None:
                out[name] = value
        if settings.thinking is not None:
            out["reasoning"] = {"effort": settings.thinking, "summary": "auto"}
        if stream:
            out["stream"] = True
        return with_extra(out, settings.extra)

    def body(self, chunks: Sequence[bytes], options: bytes, *, system: bool) -> bytes:
        first = b'"instructions":' + chunks[0] + b"," if system and chunks[0] else b""
        return listed(b"input", chunks[1:] if system else chunks, options, first)

    # ------------------------------------------------------------------------------------------------------ reply

    def read(self, found: Found) -> RawReply:
        if found.get("error") or found.get("status") == "failed":
            raise self.sent(found)
        if not found.get("output") and found.get("status") in ("queued", "in_progress"):
            early = BackendProtocolError(
                f"the reply is still being made (status {found['status']!r}); replies made in the background are not fetched: leave out background"
            )
            early.retryable = False  # it would be made once more
            raise early
        if not isinstance(found.get("output"), list):
            raise BackendProtocolError(f"the server's reply has no output: {excerpt(dumps(found))}")
        return self.reply(found, objects(found["output"]))

    def reply(self, found: Found, items: Sequence[Found]) -> RawReply:
        """The reply from a response's fields and its output items. It asks for tools exactly if it has calls; no finish reason says so."""
        parts: list[Part] = []
        refusals: list[str] = []
        for item in items:
            parts += self._read_item(item, refusals, stored=found.get("store") is True)
        reason = text(mapping(found.get("incomplete_details")).get("reason"))
        finish: Finish = "tool_calls" if any(type(part) is ToolCall for part in parts) else "stop"
        refusal = "\n".join(refusals) or None
        if refusal or reason == "content_filter":
            finish, refusal = "refused", refusal or "the reply was stopped by the content filter"
        elif found.get("status") in ("incomplete", "cancelled") or any(item.get("status") == "incomplete" for item in items):
            finish = "length"
        usage = mapping(found.get("usage"))
        return RawReply(tuple(parts), finish, read_usage(usage) if usage else None, text(found.get("model")) or None, None, refusal)

    def _read_item(self, item: Found, refusals: list[str], *, stored: bool) -> list[Part]:
        kind = item.get("type")
        if kind == "message":
            content = objects(item.get("content"))
            refusals += [text(part.get("refusal")) for part in content if part.get("type") == "refusal"]
            said = text(item.get("content")) or "".join(
                text(part.get("text")) for part in content if part.get("type") in ("output_text", "text")
            )
            kept: JsonObject = {key: item[key] for key in ("id", "status", "phase") if item.get(key) is not None}
            data: JsonObject = {"api": self.api, "item": kept}
            if notes := [note for part in content for note in objects(part.get("annotations"))]:
                data["annotations" if len(content) == 1 else "notes"] = cast(
                    "JsonValue", notes
                )  # of several parts: not sent back, where one is
            return [Text(said, data)] if said else []
        if kind == "function_call":
            data = {"api": self.api, "id": text(item.get("call_id"))}
            if item.get("id"):
                data["item"] = item["id"]
            more = {key: value for key, value in item.items() if key not in _CALL_FIELDS and value is not None}
            if more:
                data["more"] = more
            return [ToolCall(text(item.get("name")), None, None, arguments_text(item.get("arguments")), data)]
        if kind == "reasoning":
            raw = {key: value for key, value in item.items() if value is not None and key != "status"}
            data = {"api": self.api, "raw": raw}
            if not (stored or raw.get("encrypted_content") or raw.get("content")):
                data["gone"] = True  # a name alone, for what the server has not kept
            return [Thinking(_thought(item), data)]
        return [Text("", {"api": self.api, "raw": item})]

    def reader(self) -> ResponsesReader:
        return ResponsesReader(self)

    # ------------------------------------------------------------------------------------------------------ errors

    def salvage(self, status: int, body: bytes) -> RawReply | None:
        return None

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> BackendError:
        found, plain = json_words(body)
        told = mapping(found.get("error"))
        words = text(told.get("message")) or text(found.get("error")) or text(found.get("detail")) or plain
        code = text(told.get("code")) or text(told.get("type"))
        return rejection(status, headers, words, code, hint=advice(status, self.model, self.key_env), body=body)

    def sent(self, found: Found) -> BackendError:
        """An error that came with status 200, or as an event of a stream."""
        told = mapping(found.get("error")) or found
        code = text(told.get("code")) or ("" if told is found else text(told.get("type")))
        status = _STATUS.get(code, 500)
        words = text(told.get("message")) or excerpt(dumps(found))
        return rejection(status, {}, words, code, hint=advice(status, self.model, self.key_env), body=dumps(found), answered=False)


def _tool(name: str, description: str, parameters: JsonObject) -> JsonObject:
    return {
        "type": "function",
        "name": safe_name(name),
        "description": description,
        "parameters": parameters,
        "strict": strict_ready(parameters),
    }


def _thought(item: Found) -> str:
    """The summary of a reasoning item, or its text where an open model shows it."""
    shown = [text(part.get("text")) for part in objects(item.get("summary"))]
    return "\n\n".join(filter(None, shown)) or "".join(text(part.get("text")) for part in objects(item.get("content")))


def _content(parts: Sequence[Part]) -> JsonValue:
    if not any(type(part) is Image for part in parts):
        return "".join(part.text for part in parts if type(part) is Text)
    out: list[JsonValue] = []
    for part in parts:
        if type(part) is Text:
            out.append({"type": "input_text", "text": part.text})
        elif type(part) is Image:
            url = f"data:{part.media_type};base64,{part.data}" if part.data is not None else part.url
            if url is None:
                out.append({"type": "input_text", "text": no_picture(part)})
            else:
                out.append({"type": "input_image", "detail": "auto", "image_url": url})
    return out


def read_usage(usage: Found) -> Usage:
    inside, outside = mapping(usage.get("input_tokens_details")), mapping(usage.get("output_tokens_details"))
    return Usage(
        count(usage.get("input_tokens")),
        count(usage.get("output_tokens")),
        count(inside.get("cached_tokens")),
        count(inside.get("cache_write_tokens")),
        count(outside.get("reasoning_tokens")),
    )
