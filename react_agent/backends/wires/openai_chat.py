"""OpenAI Chat Completions, ``POST {base}/chat/completions``, and the many servers that speak it (`react_agent.backends.profiles`)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from react_agent.backends.profiles import COMPATIBLE, Profile
from react_agent.backends.sse import Event
from react_agent.backends.wires.base import (
    Found,
    Framing,
    advice,
    call_ids,
    count,
    dumps,
    dumps_text,
    excerpt,
    incomplete,
    loads,
    mapping,
    objects,
    ours,
    rejection,
    safe_name,
    spoken,
    strict_ready,
    text,
)
from react_agent.errors import BackendError, BackendProtocolError
from react_agent.formats.base import RawReply
from react_agent.messages import (
    Delta,
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
from react_agent.spec import FINISH_TOOL

MOST_STOPS = 4  # the API refuses more
THINKING_FIELDS = ("reasoning_content", "reasoning", "thinking")
_FINISH: dict[str, Finish] = {
    "stop": "stop",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "refused",
    "refusal": "refused",
}


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    """The wire for one model of one kind of server."""

    model: str
    profile: Profile = COMPATIBLE
    framing: Framing = "sse"

    @property
    def api(self) -> str:
        return f"openai-chat/{self.profile.name}"

    def headers(self, key: str | None) -> dict[str, str]:
        if not key:
            return {}
        return {"authorization": f"Bearer {key}"} if self.profile.auth == "bearer" else {"api-key": key}

    def path(self, *, stream: bool) -> str:
        return "/chat/completions"

    # ---------------------------------------------------------------------------------------------------- request

    def tool_name(self, name: str) -> str:
        return safe_name(name)

    def encode(self, message: Message, before: Message | None, at: int) -> bytes:
        match message.role:
            case "assistant":
                return dumps(self._assistant(message, at))
            case "tool":
                return b",".join(dumps(item) for item in self._results(message, before, at))
        return dumps({"role": message.role, "content": _content(message.parts)})

    def _assistant(self, message: Message, at: int) -> JsonObject:
        calls = message.calls
        out: JsonObject = {"role": "assistant", "content": spoken(message) or (None if calls else "")}
        if calls:
            ids = self._ids(calls, at)
            out["tool_calls"] = [self._call(call, identity) for call, identity in zip(calls, ids, strict=True)]
        if self.profile.echo != "never":
            self._echo(message, out)
        return out

    def _echo(self, message: Message, out: JsonObject) -> None:
        """Reasoning goes back to where it came from, in the form that it came in."""
        if self.profile.echo == "details":
            details = ours(message.provider_data, self.api).get("reasoning_details")
            if details:
                out["reasoning_details"] = details
            return
        thoughts = [part for part in message.parts if type(part) is Thinking and ours(part.provider_data, self.api)]
        if thoughts:
            name = text(ours(thoughts[0].provider_data, self.api).get("field")) or THINKING_FIELDS[0]
            out[name] = "\n".join(part.text for part in thoughts)
        elif self.profile.echo == "always" and message.calls:
            out[THINKING_FIELDS[0]] = ""

    def _call(self, call: ToolCall, identity: str) -> JsonObject:
        # Unreadable arguments go back as {}: many servers parse them again and fail. The result tells the model what was wrong.
        arguments = dumps_text(call.arguments) if call.arguments else "{}"
        out: JsonObject = {"id": identity, "type": "function", "function": {"name": safe_name(call.name), "arguments": arguments}}
        more = ours(call.provider_data, self.api).get("more")
        return {**more, **out} if isinstance(more, dict) else out

    def _ids(self, calls: Sequence[ToolCall], at: int) -> list[str]:
        ids = call_ids(calls, at, self.api)
        if self.profile.nine:
            return [i if len(i) == 9 and i.isalnum() else hashlib.sha256(i.encode()).hexdigest()[:9] for i in ids]
        return ids

    def _results(self, message: Message, before: Message | None, at: int) -> list[JsonObject]:
        """One message a result, and one from the user with the pictures: a tool message holds text only."""
        ids = self._ids(before.calls, at - 1) if before is not None else []
        out: list[JsonObject] = []
        pictures: list[Part] = []
        for index, result in enumerate(message.results):
            images = [part for part in result.content if type(part) is Image]
            if images:
                pictures += [Text(f"Pictures from the tool '{result.name}', call {index + 1}:"), *images]
            identity = ids[index] if index < len(ids) else f"call_{at - 1}_{index}"
            item: JsonObject = {"role": "tool", "tool_call_id": identity, "content": _result_text(result, bool(images))}
            if self.profile.result_name:
                item["name"] = safe_name(result.name)
            out.append(item)
        if pictures:
            out.append({"role": "user", "content": _content(tuple(pictures))})
        return out

    def options(self, head: Head, stop: Sequence[str], tool_choice: ToolChoice, *, native: bool, stream: bool) -> JsonObject:
        profile, settings = self.profile, head.settings
        out: JsonObject = {"model": self.model}
        if native and head.tools and (tool_choice != "none" or profile.none):
            out["tools"] = [self._tool(spec.name, spec.description, spec.parameters) for spec in head.tools]
            choice = self._choice(tool_choice)
            if choice is not None:
                out["tool_choice"] = choice
        if native and head.output_schema is not None and all(spec.name != FINISH_TOOL for spec in head.tools):
            named: JsonObject = {"name": "answer", "schema": head.output_schema}
            if profile.strict and strict_ready(head.output_schema):
                named["strict"] = True
            out["response_format"] = {"type": "json_schema", "json_schema": named}
        if settings.temperature is not None:
            out["temperature"] = settings.temperature
        if settings.top_p is not None:
            out["top_p"] = settings.top_p
        if settings.max_tokens is not None:
            out[profile.max_tokens] = settings.max_tokens
        if settings.seed is not None and profile.seed:
            out[profile.seed] = settings.seed
        if stop and not (profile.no_stop and re.match(profile.no_stop, self.model)):
            out["stop"] = list(stop[:MOST_STOPS])
        if settings.thinking is not None and profile.thinking:
            out[profile.thinking] = settings.thinking if profile.thinking == "reasoning_effort" else {"effort": settings.thinking}
        if stream:
            out["stream"] = True
            if profile.stream_usage:
                out["stream_options"] = {"include_usage": True}
        return {**out, **(settings.extra or {})}

    def _tool(self, name: str, description: str, parameters: JsonObject) -> JsonObject:
        function: JsonObject = {"name": safe_name(name), "description": description, "parameters": parameters}
        if self.profile.strict and strict_ready(parameters):
            function["strict"] = True
        return {"type": "function", "function": function}

    def _choice(self, choice: ToolChoice) -> JsonObject | str | None:
        if choice == "auto":
            return None  # what every server does by itself
        if choice == "none":
            return "none"
        if choice != "required" and self.profile.named:
            return {"type": "function", "function": {"name": safe_name(choice)}}
        return self.profile.required

    def body(self, chunks: Sequence[bytes], options: bytes) -> bytes:
        return b'{"messages":[' + b",".join(filter(None, chunks)) + b"]," + options[1:]

    # ------------------------------------------------------------------------------------------------------ reply

    def read(self, found: Found) -> RawReply:
        choices = objects(found.get("choices"))
        if not choices:
            self._no_choice(found)
        choice = choices[0]
        if choice.get("error"):
            raise self._sent(choice["error"])
        if "message" not in choice and "text" not in choice:
            raise BackendProtocolError(f"the reply's first choice has no message: {excerpt(dumps(choice))}")
        message = mapping(choice.get("message"))
        parts: list[Part] = []
        for name in THINKING_FIELDS:
            if thought := text(message.get(name)):
                parts.append(Thinking(thought, {"api": self.api, "field": name}))
                break
        parts += self._said(message.get("content"))
        calls = [self._read_call(call) for call in objects(message.get("tool_calls"))]
        legacy = message.get("function_call")
        if not calls and isinstance(legacy, dict):
            calls = [self._read_call({"function": legacy})]
        return self._reply(
            found, choice.get("finish_reason"), [*parts, *calls], text(message.get("refusal")), message.get("reasoning_details")
        )

    def _no_choice(self, found: Found) -> None:
        if found.get("error"):
            raise self._sent(found["error"])
        words = text(found.get("message")) or text(found.get("detail")) or excerpt(dumps(found))
        raise BackendProtocolError(f"the server's reply has no choices: {words}")

    def _said(self, content: object) -> list[Part]:
        """The text, plain or as a list of chunks (Mistral's, with thinking among them)."""
        if isinstance(content, str):
            return [Text(content)] if content else []
        parts: list[Part] = []
        for chunk in objects(content):
            if chunk.get("type") == "thinking":
                inner = chunk.get("thinking")
                thought = inner if isinstance(inner, str) else "".join(text(item.get("text")) for item in objects(inner))
                parts.append(Thinking(thought, {"api": self.api}))
            elif words := text(chunk.get("text")):
                parts.append(Text(words))
        return parts

    def _read_call(self, call: Found) -> ToolCall:
        function = mapping(call.get("function"))
        if not function and isinstance(call.get("custom"), dict):
            function = {"name": call["custom"].get("name"), "arguments": call["custom"].get("input")}
        arguments = function.get("arguments")
        raw = arguments if isinstance(arguments, str) else dumps_text(arguments) if arguments else ""
        data: JsonObject = {"api": self.api}
        if identity := text(call.get("id")):
            data["id"] = identity
        more = {key: value for key, value in call.items() if key not in _CALL_FIELDS and value is not None}
        if more:
            data["more"] = more  # for instance Gemini's thought signature in its OpenAI face
        return ToolCall(text(function.get("name")), None, None, raw, data)

    def _reply(self, found: Found, reason: object, parts: Sequence[Part], refusal: str, details: object) -> RawReply:
        finish = _FINISH.get(reason, "stop") if isinstance(reason, str) else "stop"
        if finish == "stop" and any(type(part) is ToolCall for part in parts):
            finish = "tool_calls"  # several servers say "stop" for calls
        usage = mapping(found.get("usage")) or mapping(mapping(found.get("x_groq")).get("usage"))
        cost = usage.get("cost")
        return RawReply(
            tuple(parts),
            "refused" if refusal else finish,
            read_usage(usage) if usage else None,
            text(found.get("model")) or None,
            None,
            refusal or None,
            {"api": self.api, "reasoning_details": details} if details and self.profile.echo == "details" else None,
            cost if isinstance(cost, float) else None,
        )

    def reader(self) -> ChatReader:
        return ChatReader(self)

    # ------------------------------------------------------------------------------------------------------ errors

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> BackendError:
        try:
            found = mapping(loads(body))
        except BackendProtocolError:
            found = {}
        told = found.get("error", found)
        words, code = _words(told)
        env = self.profile.key_env[0] if self.profile.key_env else None
        hint = advice(status, self.model, env)
        return rejection(status, headers, words or excerpt(body), code, hint=hint, body=body)

    def _sent(self, told: object) -> BackendError:
        """An error that came with status 200, or as an event of a stream."""
        words, code = _words(told)
        number = mapping(told).get("code")
        status = number if isinstance(number, int) and 400 <= number < 600 else _STATUS.get(code, 500)
        return rejection(status, {}, words or excerpt(dumps(told)), code, hint=advice(status, self.model, None), body=dumps(told))


_CALL_FIELDS = frozenset(("id", "type", "index", "function", "custom"))
_STATUS = {
    "invalid_request_error": 400,
    "exceed_context_size_error": 400,
    "context_length_exceeded": 400,
    "tool_use_failed": 400,
    "BadRequestError": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "insufficient_quota": 429,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}


def _words(told: object) -> tuple[str, str]:
    """A provider's words and its own code for the error, from any of the forms seen."""
    if isinstance(told, str):
        return told, ""
    found = mapping(told)
    words = text(found.get("message")) or text(found.get("detail")) or text(found.get("error"))
    metadata = mapping(found.get("metadata"))  # OpenRouter: what the provider behind it said
    if raw := text(metadata.get("raw")):
        words = f"{words}: {excerpt(raw)}" if words else excerpt(raw)
    if not words and isinstance(found.get("detail"), list | dict):
        words = excerpt(dumps(found["detail"]))  # FastAPI's validation errors
    return words, text(found.get("code")) or text(found.get("type"))


def _content(parts: Sequence[Part]) -> JsonValue:
    """Text alone as a string, which every server takes; with pictures as a list."""
    if not any(type(part) is Image for part in parts):
        return "".join(part.text for part in parts if type(part) is Text)
    out: list[JsonValue] = []
    for part in parts:
        if type(part) is Text:
            out.append({"type": "text", "text": part.text})
        elif type(part) is Image:
            out.append(_image(part))
    return out


def _image(image: Image) -> JsonObject:
    if image.data is not None:
        return {"type": "image_url", "image_url": {"url": f"data:{image.media_type};base64,{image.data}"}}
    if image.url is not None:
        return {"type": "image_url", "image_url": {"url": image.url}}
    return {"type": "text", "text": f"[a picture, {image.media_type}, that is not at hand any more]"}


def _result_text(result: ToolResult, pictures: bool) -> str:
    return result.text or ("(The pictures are in the next message.)" if pictures else "")


def read_usage(usage: Found) -> Usage:
    """OpenAI's counts and its servers' variants: totals include cached and reasoning tokens."""
    inside, outside = mapping(usage.get("prompt_tokens_details")), mapping(usage.get("completion_tokens_details"))
    read, written = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    reasoning = count(outside.get("reasoning_tokens"))
    if reasoning and count(usage.get("total_tokens")) == read + written + reasoning:
        written += reasoning  # xAI counts them apart
    cached = count(inside.get("cached_tokens")) or count(usage.get("prompt_cache_hit_tokens")) or count(usage.get("cached_tokens"))
    return Usage(read, written, cached, count(inside.get("cache_write_tokens")), reasoning)


class ChatReader:
    """Puts the chunks of one streamed reply together."""

    __slots__ = ("_calls", "_details", "_field", "_finish", "_head", "_latest", "_parts", "_refusal", "_seen", "_usage", "_wire", "done")

    def __init__(self, wire: OpenAIChat) -> None:
        self._wire = wire
        self.done = False
        self._parts: list[tuple[bool, list[str]]] = []  # runs of (is it thinking?, pieces) in the order they came
        self._calls: list[_OpenCall] = []
        self._latest: dict[int, _OpenCall] = {}
        self._details: list[Found] = []
        self._refusal: list[str] = []
        self._finish: str | None = None
        self._field = THINKING_FIELDS[0]
        self._head: Found = {}
        self._usage: Found = {}
        self._seen = False

    def feed(self, event: Event) -> Sequence[Delta]:
        data = event[1]
        if data == b"[DONE]":
            self.done = True
            return ()
        chunk = loads(data)
        if not isinstance(chunk, dict):
            return ()
        choices = chunk.get("choices")
        if chunk.get("usage") or "error" in chunk or "x_groq" in chunk or not choices:
            self._aside(chunk, event[0])
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return ()
        choice = choices[0]
        if choice.get("index"):
            return ()  # a second choice was never asked for
        if not self._seen:
            self._seen, self._head = True, {"model": chunk.get("model")}
        if choice.get("error"):
            raise self._wire._sent(choice["error"])
        reason = choice.get("finish_reason")
        if reason:
            self._finish = str(reason)
        delta = choice.get("delta") or choice.get("message")
        return self._grow(delta) if isinstance(delta, dict) else ()

    def _aside(self, chunk: Found, name: str) -> None:
        """What is not of a choice: an error within the stream, or the usage."""
        if chunk.get("error"):
            raise self._wire._sent(chunk["error"])
        if name == "error" or ("choices" not in chunk and chunk.get("object") == "error"):
            raise self._wire._sent(chunk)
        usage = mapping(chunk.get("usage")) or mapping(mapping(chunk.get("x_groq")).get("usage"))
        if usage:
            self._usage = usage

    def _grow(self, delta: Found) -> Sequence[Delta]:
        out: list[Delta] = []
        content = delta.get("content")
        if content:
            if isinstance(content, str):
                self._add(False, content)
                out.append(Delta("text", content))
            else:
                for part in self._wire._said(content):
                    if type(part) is Text or type(part) is Thinking:
                        self._add(type(part) is Thinking, part.text)
                        out.append(Delta("thinking" if type(part) is Thinking else "text", part.text))
        if len(delta) > 1 or not content:
            self._rest(delta, out)
        return out

    def _rest(self, delta: Found, out: list[Delta]) -> None:
        for name in THINKING_FIELDS:
            thought = delta.get(name)
            if thought and isinstance(thought, str):
                self._field = name
                self._add(True, thought)
                out.append(Delta("thinking", thought))
                break
        if details := delta.get("reasoning_details"):
            self._detail(details)
        if refusal := text(delta.get("refusal")):
            self._refusal.append(refusal)
        out.extend(self._call(call) for call in objects(delta.get("tool_calls")))
        legacy = delta.get("function_call")
        if isinstance(legacy, dict):
            out.append(self._call({"index": 0, "function": legacy}))

    def _detail(self, found: object) -> None:
        """OpenRouter's reasoning details come in pieces of numbered entries; their texts are put together, all else is kept as it came last."""
        for piece in objects(found):
            last = self._details[-1] if self._details else None
            if last is None or (last.get("type"), last.get("index")) != (piece.get("type"), piece.get("index")):
                self._details.append(dict(piece))
                continue
            for key, value in piece.items():
                grows = key in ("text", "summary", "data") and isinstance(value, str) and isinstance(last.get(key), str)
                if grows:
                    last[key] += value
                elif value is not None:
                    last[key] = value

    def _add(self, thinking: bool, piece: str) -> None:
        if self._parts and self._parts[-1][0] is thinking:
            self._parts[-1][1].append(piece)
        else:
            self._parts.append((thinking, [piece]))

    def _call(self, found: Found) -> Delta:
        """A piece of a call. Calls are told apart by index; where servers leave it out or always say 0, by id or by a name that comes anew."""
        function = mapping(found.get("function"))
        if not function and isinstance(found.get("custom"), dict):
            function = {"name": found["custom"].get("name"), "arguments": found["custom"].get("input")}
        index, identity, name = found.get("index"), text(found.get("id")), text(function.get("name"))
        numbered = isinstance(index, int)
        call = self._latest.get(index) if isinstance(index, int) else (self._calls[-1] if self._calls else None)
        if call is not None and name:
            other = bool(identity) and bool(call.id) and identity != call.id
            if other or (not numbered and not (identity and identity == call.id)):
                call = None
        if call is None:
            call = _OpenCall(len(self._calls))
            self._calls.append(call)
        if isinstance(index, int):
            self._latest[index] = call
        call.id = call.id or identity
        call.name = call.name or name
        arguments = function.get("arguments")
        piece = arguments if isinstance(arguments, str) else dumps_text(arguments) if arguments else ""
        if piece:
            call.pieces.append(piece)
        for key, value in found.items():
            if key not in _CALL_FIELDS and value is not None:
                call.more[key] = value
        return Delta("call", piece, call.name, call.at)

    def finish(self) -> RawReply:
        if not self.done and self._finish is None:
            incomplete("its end mark, [DONE] or a finish_reason")
        if not self._seen:
            raise BackendProtocolError("the stream ended without a single choice: no reply came")
        wire = self._wire
        parts: list[Part] = []
        for thinking, pieces in self._parts:
            whole = "".join(pieces)
            parts.append(Thinking(whole, {"api": wire.api, "field": self._field}) if thinking else Text(whole))
        for call in self._calls:
            found = {**call.more, "id": call.id, "function": {"name": call.name, "arguments": "".join(call.pieces)}}
            parts.append(wire._read_call(found))
        refusal = "".join(self._refusal)
        return wire._reply({**self._head, "usage": self._usage}, self._finish, parts, refusal, self._details)


class _OpenCall:
    """A call while its pieces come in."""

    __slots__ = ("at", "id", "more", "name", "pieces")

    def __init__(self, at: int) -> None:
        self.at = at
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []
        self.more: JsonObject = {}
