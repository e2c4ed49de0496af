"""Anthropic Messages, ``POST {base}/v1/messages``, and servers that speak it (llama.cpp, vLLM, DeepSeek, z.ai)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from react_agent.backends.wires.anthropic_stream import MessagesReader
from react_agent.backends.wires.base import (
    THOUGHTS,
    Found,
    Framing,
    answer_schema,
    arguments_text,
    call_ids,
    count,
    data_of,
    dumps,
    excerpt,
    listed,
    loads,
    mapping,
    no_picture,
    objects,
    ours,
    result_ids,
    safe_name,
    strict_ready,
    text,
    with_data,
    with_extra,
)
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
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
)

DEFAULT_MAX_TOKENS = 8192  # the API wants a number; every model still served takes this one
_FINISH: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refused",
}
_PAUSED = ("pause_turn", "compaction")  # its own tools, or a summary of what came before, want another request before the turn is over
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_KNOWN = {  # fields of a block that the neutral part holds; what else there is travels as provider_data
    "text": {"type", "text"},
    "thinking": {"type", "thinking", "signature"},
    "tool_use": {"type", "id", "name", "input"},
}


@dataclass(frozen=True, slots=True)
class Anthropic:
    """The wire for one model.

    Attributes:
        version: Header ``anthropic-version``. From 2026-10-21 on, sampling parameters are refused; older gateways want ``2023-06-01``.
        auth: How the key is sent: ``Authorization: Bearer`` or ``x-api-key``.
    """

    model: str
    version: str = "2026-10-21"
    auth: Literal["bearer", "x-api-key"] = "bearer"
    key_env: str | None = "ANTHROPIC_API_KEY"
    framing: Framing = "sse"
    silent_cuts: bool = False

    @property
    def api(self) -> str:
        return "anthropic"

    def headers(self, key: str | None) -> dict[str, str]:
        sent = {"anthropic-version": self.version}
        if key:
            sent |= {"authorization": f"Bearer {key}"} if self.auth == "bearer" else {"x-api-key": key}
        return sent

    def path(self, *, stream: bool) -> str:
        return "/v1/messages"

    # ---------------------------------------------------------------------------------------------------- request

    def tool_name(self, name: str) -> str:
        return safe_name(name)

    def encode(self, message: Message, before: Message | None, at: int) -> bytes:
        blocks: list[JsonValue]
        if message.role == "system" and at == 0:
            return dumps([{"type": "text", "text": message.text}]) if message.text.strip() else b""
        if message.role == "tool":
            ids = _taken(result_ids(message, before, at, self.api))
            blocks = [self._result(result, identity) for result, identity in zip(message.results, ids, strict=False)]
        elif message.role == "assistant":
            blocks = self._assistant(message, at)
        else:
            blocks = _plain_blocks(message.parts)
        return dumps({"role": "assistant" if message.role == "assistant" else "user", "content": blocks}) if blocks else b""

    def _assistant(self, message: Message, at: int) -> list[JsonValue]:
        blocks: list[JsonValue] = []
        ids = iter(_taken(call_ids(message.calls, at, self.api)))
        for part in message.parts:
            if type(part) is ToolCall:
                more = mapping(ours(part.provider_data, self.api).get("more"))
                blocks.append({"type": "tool_use", "id": next(ids), "name": safe_name(part.name), "input": part.arguments or {}, **more})
                continue
            data = data_of(part, self.api)
            if "raw" in data:
                blocks.append(data["raw"])
            elif type(part) is Thinking and data:
                blocks.append({"type": "thinking", "thinking": part.text, "signature": data.get("signature", "")})
            elif (type(part) is Text or (type(part) is Thinking and part.provider_data is None)) and part.text.strip():
                blocks.append(
                    {"type": "text", "text": part.text}
                )  # a thought in plain words is spoken; another API's reasoning is left out
        return blocks

    def _result(self, result: ToolResult, identity: str) -> JsonValue:
        content = _plain_blocks(result.content)
        block: JsonObject = {"type": "tool_result", "tool_use_id": identity}
        if content:
            only_text = all(type(part) is Text for part in result.content)
            block["content"] = result.text if only_text else content
        if not result.ok:
            block["is_error"] = True
        return block

    def options(self, head: Head, stop: Sequence[str], tool_choice: ToolChoice, *, native: bool, stream: bool) -> JsonObject:
        settings = head.settings
        out: JsonObject = {"model": self.model, "max_tokens": settings.max_tokens or DEFAULT_MAX_TOKENS}
        if native and head.tools:
            out["tools"] = [self._tool(spec.name, spec.description, spec.parameters) for spec in head.tools]
            if tool_choice == "none" or (tool_choice != "auto" and not _thinks(settings)):
                named: JsonObject = {"type": "tool", "name": safe_name(tool_choice)}
                out["tool_choice"] = (
                    {"type": {"none": "none", "required": "any"}[tool_choice]} if tool_choice in ("none", "required") else named
                )
        sampling = {"temperature": settings.temperature, "top_p": settings.top_p}
        given = {name: value for name, value in sampling.items() if value is not None}
        if given and self.version >= "2026-10-21":
            import logging  # no other wire needs it

            logging.getLogger(__name__).warning("Anthropic's API of %s takes no %s: left out", self.version, " and no ".join(given))
        else:
            out.update(given)
        stops: list[JsonValue] = [word for word in stop if word.strip()]
        if stops:
            out["stop_sequences"] = stops
        config: JsonObject = {}
        if settings.thinking is not None:
            out["thinking"] = {"type": "disabled" if settings.thinking == "none" else "adaptive"}
            if settings.thinking != "none":
                config["effort"] = "low" if settings.thinking == "minimal" else settings.thinking
        if (schema := answer_schema(head, native)) is not None:
            config["format"] = {"type": "json_schema", "schema": schema}
        if config:
            out["output_config"] = config
        if stream:
            out["stream"] = True
        return with_extra(out, settings.extra)

    def _tool(self, name: str, description: str, parameters: JsonObject) -> JsonObject:
        parameters = flat(parameters)
        tool: JsonObject = {"name": safe_name(name), "description": description, "input_schema": parameters or {"type": "object"}}
        if self.version >= "2026-10-21" and strict_ready(parameters):
            tool["strict"] = True
        return tool

    def body(self, chunks: Sequence[bytes], options: bytes, *, system: bool) -> bytes:
        first = b'"system":' + chunks[0] + b"," if system and chunks[0] else b""
        return listed(b"messages", chunks[1:] if system else chunks, options, first)

    def reduced(self, chunks: Sequence[bytes], refused: Set[str]) -> list[bytes]:
        """Thinking that nobody signed, as of other servers that speak this API, is nothing to Anthropic."""
        return [_signed(chunk) if b'"thinking"' in chunk else chunk for chunk in chunks] if THOUGHTS in refused else list(chunks)

    # ------------------------------------------------------------------------------------------------------ reply

    def read(self, found: Found) -> RawReply:
        if found.get("type") == "error" or found.get("error"):
            raise self.sent(found)
        if not isinstance(found.get("content"), list):
            raise BackendProtocolError(f"the server's reply has no content: {excerpt(dumps(found))}")
        return self.reply(found, objects(found["content"]))

    def reply(self, found: Found, blocks: Sequence[Found]) -> RawReply:
        """The reply from a message's fields and its blocks."""
        parts = [self._read_block(block) for block in blocks]
        reason = text(found.get("stop_reason"))
        finish = _FINISH.get(reason, "stop")
        if finish == "stop" and any(type(part) is ToolCall for part in parts):
            finish = "tool_calls"
        refusal = None
        if finish == "refused":
            details = mapping(found.get("stop_details"))
            refusal = text(details.get("explanation")) or text(details.get("category")) or "the model refused"
        usage = mapping(found.get("usage"))
        raw = RawReply(tuple(parts), finish, read_usage(usage) if usage else None, text(found.get("model")) or None, None, refusal)
        if reason in _PAUSED and finish == "stop":  # calls of ours are answered first
            container = text(mapping(found.get("container")).get("id"))  # where its tools have put their files
            raw.paused = {"container": container} if container else {}
        return raw

    def _read_block(self, block: Found) -> Part:
        kind = text(block.get("type"))
        more = {key: value for key, value in block.items() if key not in _KNOWN.get(kind, ()) and value is not None}
        if kind == "text":
            return Text(text(block.get("text")), {"api": self.api, "raw": block} if more else None)
        if kind == "thinking":
            data: JsonObject = {"api": self.api, "signature": text(block.get("signature"))}
            return Thinking(text(block.get("thinking")), data | ({"raw": block} if more else {}))
        if kind == "tool_use":
            data = {"api": self.api, "id": text(block.get("id"))}
            return ToolCall(
                text(block.get("name")), None, None, arguments_text(block.get("input")) or "{}", data | ({"more": more} if more else {})
            )
        if kind == "redacted_thinking":
            return Thinking("", {"api": self.api, "raw": block})
        return Text("", {"api": self.api, "raw": block})  # the provider's own tools, and what was invented after this was written

    def reader(self) -> MessagesReader:
        return MessagesReader(self)

    # ------------------------------------------------------------------------------------------------------ errors

    def salvage(self, status: int, body: bytes) -> RawReply | None:
        return None

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> BackendError:
        found, plain = json_words(body)
        told = mapping(found.get("error"))
        words = text(told.get("message")) or text(found.get("error")) or text(found.get("message")) or plain
        return rejection(status, headers, words, text(told.get("type")), hint=advice(status, self.model, self.key_env), body=body)

    def sent(self, found: Found) -> BackendError:
        """An error that came with status 200, or as an event of a stream."""
        told = mapping(found.get("error"))
        code = text(told.get("type"))
        status = _STATUS.get(code, 500)
        words = text(told.get("message")) or excerpt(dumps(found))
        identity = text(found.get("request_id"))
        headers = {"request-id": identity} if identity else {}
        return rejection(status, headers, words, code, hint=advice(status, self.model, self.key_env), body=dumps(found), answered=False)


def _thinks(settings: Settings) -> bool:
    """The API refuses to have a tool demanded of a model that thinks; what is not demanded there is seen to by the loop."""
    told = mapping((settings.extra or {}).get("thinking")).get("type")
    return told != "disabled" if told is not None else settings.thinking not in (None, "none")


def _signed(chunk: bytes) -> bytes:
    out = []
    for message in objects(loads(b"[" + chunk + b"]")):
        blocks = [block for block in objects(message.get("content")) if block.get("type") != "thinking" or block.get("signature")]
        if blocks:
            out.append(dumps({**message, "content": blocks}))
    return b",".join(out)


def _taken(ids: Sequence[str]) -> list[str]:
    """The ids as the API takes them; servers that speak it too may have given others."""
    return [identity if _ID.fullmatch(identity) else f"call_{hashlib.sha256(identity.encode()).hexdigest()[:16]}" for identity in ids]


def _plain_blocks(parts: Sequence[Part]) -> list[JsonValue]:
    """Text and pictures; blank text is refused by the API."""
    out: list[JsonValue] = []
    for part in parts:
        if type(part) is Text and part.text.strip():
            out.append({"type": "text", "text": part.text})
        elif type(part) is Image:
            out.append(_image(part))
    return out


def _image(image: Image) -> JsonValue:
    image = with_data(image)
    if image.data is not None:
        return {"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": image.data}}
    if image.url is not None:
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    return {"type": "text", "text": no_picture(image)}


def read_usage(usage: Found) -> Usage:
    """Anthropic's ``input_tokens`` leaves the cached ones out; ours has them in."""
    written, read = count(usage.get("cache_creation_input_tokens")), count(usage.get("cache_read_input_tokens"))
    thinking = count(mapping(usage.get("output_tokens_details")).get("thinking_tokens"))
    return Usage(count(usage.get("input_tokens")) + written + read, count(usage.get("output_tokens")), read, written, thinking)
