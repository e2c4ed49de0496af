"""Google Gemini, ``POST {base}/models/{model}:generateContent`` and ``:streamGenerateContent?alt=sse``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import JsonValue

from react_agent.backends.sse import Event
from react_agent.backends.wires.base import (
    END,
    Found,
    Framing,
    Pieces,
    answer_schema,
    arguments_text,
    count,
    data_of,
    dumps,
    excerpt,
    first_choice,
    listed,
    loads,
    mapping,
    no_picture,
    objects,
    ours,
    safe_name,
    text,
    with_data,
    with_extra,
)
from react_agent.backends.wires.wrong import MISTAKES, REFUSED, advice, as_thoughts, incomplete, json_words, rejection
from react_agent.errors import BackendError, BackendProtocolError
from react_agent.formats.base import RawReply
from react_agent.formats.schemas import flat
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
    Usage,
)

MOST_STOPS = 5  # the API refuses more
# What Google's documents say to send with the first call of a turn that another model made; Gemini 3 refuses calls without a signature.
NO_SIGNATURE = "skip_thought_signature_validator"
_BUDGETS = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576}
_CUT = {"MAX_TOKENS", "CONTINUATION", "OTHER"}  # the last: stopped for no reason that is told, so what came need not be all
_NOTED = ("groundingMetadata", "citationMetadata", "urlContextMetadata")  # where it has it from: kept with the message, and not sent back
_OUR_FIELDS = {"text", "thought", "functionCall", "thoughtSignature"}


@dataclass(frozen=True, slots=True)
class Gemini:
    """The wire for one model."""

    model: str
    key_env: str | None = "GEMINI_API_KEY"
    framing: Framing = "sse"
    silent_cuts: bool = False

    @property
    def api(self) -> str:
        return "gemini"

    def headers(self, key: str | None) -> dict[str, str]:
        return {"x-goog-api-key": key} if key else {}

    def path(self, *, stream: bool) -> str:
        name = quote(self.model.removeprefix("models/"), safe="-._~")
        return f"/models/{name}:streamGenerateContent?alt=sse" if stream else f"/models/{name}:generateContent"

    # ---------------------------------------------------------------------------------------------------- request

    def tool_name(self, name: str) -> str:
        return safe_name(name)

    def encode(self, message: Message, before: Message | None, at: int) -> bytes:
        parts: list[JsonValue]
        if message.role == "system" and at == 0:
            return dumps({"parts": [{"text": message.text}]}) if message.text else b""
        if message.role == "assistant":
            parts = self._assistant(message)
        elif message.role == "tool":
            parts = self._results(message, before)
        else:
            parts = _plain_parts(message.parts)
        return dumps({"role": "model" if message.role == "assistant" else "user", "parts": parts}) if parts else b""

    @property
    def _third(self) -> bool:
        """Gemini 3 and later."""
        return re.search(r"gemini-([3-9]|\d\d)", self.model) is not None

    def _assistant(self, message: Message) -> list[JsonValue]:
        """Each part with the signature that came in it; parts are never merged."""
        out: list[JsonValue] = []
        unsigned = self._third and not any(ours(call.provider_data, self.api).get("signature") for call in message.calls)
        for part in message.parts:
            data = data_of(part, self.api)
            if "raw" in data:
                out.append(data["raw"])
                continue
            sent: JsonObject
            if type(part) is ToolCall:
                call: JsonObject = {"name": safe_name(part.name), "args": part.arguments or {}}
                sent = {"functionCall": {"id": data["id"], **call} if data.get("id") else call}
                if unsigned:
                    sent["thoughtSignature"], unsigned = NO_SIGNATURE, False
            elif type(part) is Thinking and data:
                sent = {"text": part.text, "thought": True}
            elif type(part) is Text or (type(part) is Thinking and part.provider_data is None):
                if not part.text and not data.get("signature"):
                    continue
                sent = {"text": part.text}
            else:
                continue
            if data.get("signature"):
                sent["thoughtSignature"] = data["signature"]
            out.append(sent)
        return out

    def _results(self, message: Message, before: Message | None) -> list[JsonValue]:
        """Pictures stand within their result where the model takes them there, which Gemini 3 does; else behind all results."""
        calls = before.calls if before is not None else ()
        out: list[JsonValue] = []
        pictures: list[JsonValue] = []
        for index, result in enumerate(message.results):
            name = calls[index].name if index < len(calls) else result.name
            response: JsonObject = {"name": safe_name(name), "response": {"output" if result.ok else "error": result.text}}
            identity = ours(calls[index].provider_data, self.api).get("id") if index < len(calls) else None
            shown = _plain_parts(tuple(part for part in result.content if type(part) is Image))
            if shown and self._third:
                response["parts"] = shown
            else:
                pictures += shown
            out.append({"functionResponse": {"id": identity, **response} if identity else response})
        return out + pictures

    def options(self, head: Head, stop: Sequence[str], tool_choice: ToolChoice, *, native: bool, stream: bool) -> JsonObject:
        settings = head.settings
        out: JsonObject = {}
        if native and head.tools:
            out["tools"] = [{"functionDeclarations": [_declaration(s.name, s.description, s.parameters) for s in head.tools]}]
            if tool_choice != "auto":
                mode: JsonObject = {"mode": "NONE" if tool_choice == "none" else "ANY"}
                if tool_choice not in ("none", "required"):
                    mode["allowedFunctionNames"] = [safe_name(tool_choice)]
                out["toolConfig"] = {"functionCallingConfig": mode}
        config: JsonObject = {}
        for name, value in (
            ("temperature", settings.temperature),
            ("topP", settings.top_p),
            ("maxOutputTokens", settings.max_tokens),
            ("seed", settings.seed),
        ):
            if value is not None:
                config[name] = value
        if stop:
            config["stopSequences"] = list(stop[:MOST_STOPS])
        if settings.thinking is not None:
            config["thinkingConfig"] = self._thinking(settings.thinking)
        if (schema := answer_schema(head, native)) is not None:
            config["responseMimeType"] = "application/json"
            config["responseJsonSchema"] = schema
        if config:
            out["generationConfig"] = config
        extra = settings.extra or {}
        more = extra.get("generationConfig")
        if isinstance(more, dict) and config:
            extra = {**extra, "generationConfig": {**config, **more}}
        return with_extra(out, extra)

    def _thinking(self, effort: str) -> JsonObject:
        """Gemini 2.5 counts tokens of thought, later models know levels."""
        if "gemini-2" in self.model or effort == "none":
            return {"thinkingBudget": _BUDGETS.get(effort, -1), "includeThoughts": effort != "none"}
        return {"thinkingLevel": effort.upper(), "includeThoughts": True}

    def body(self, chunks: Sequence[bytes], options: bytes, *, system: bool) -> bytes:
        first = b'"systemInstruction":' + chunks[0] + b"," if system and chunks[0] else b""
        made = listed(b"contents", chunks[1:] if system else chunks, options, first)
        return made if options != b"{}" else made[:-2] + b"}"

    # ------------------------------------------------------------------------------------------------------ reply

    def read(self, found: Found) -> RawReply:
        candidates = objects(found.get("candidates"))
        if found.get("error"):
            raise self.sent(found)
        if not candidates:
            return self._blocked(found)
        candidate = first_choice(candidates)
        parts = objects(mapping(candidate.get("content")).get("parts"))
        return self.reply(found, candidate, [self.read_part(part) for part in parts])

    def _blocked(self, found: Found) -> RawReply:
        """No candidate at all: the prompt was blocked, or this is no reply."""
        feedback = mapping(found.get("promptFeedback"))
        reason = text(feedback.get("blockReason"))
        if not reason:
            raise BackendProtocolError(f"the server's reply has no candidates: {excerpt(dumps(found))}")
        words = text(feedback.get("blockReasonMessage")) or f"the prompt was blocked: {reason}"
        return RawReply((), "refused", self._usage(found), text(found.get("modelVersion")) or None, None, words)

    def reply(self, found: Found, candidate: Found, parts: Sequence[Part]) -> RawReply:
        """The reply from the response's fields, the candidate's, and its parts."""
        reason = text(candidate.get("finishReason"))
        calls = any(type(part) is ToolCall for part in parts)
        finish: Finish = "tool_calls" if calls else "stop"
        refusal = None
        if reason in _CUT:
            finish = "length"
        elif reason in REFUSED:
            finish = "refused"
            refusal = text(candidate.get("finishMessage")) or f"the reply was blocked: {reason}"
        elif reason in MISTAKES and not calls:
            parts = as_thoughts(parts)  # the message quotes what was wrong
            if told := text(candidate.get("finishMessage")):
                parts.append(Thinking(told))
        raw = RawReply(tuple(parts), finish, self._usage(found), text(found.get("modelVersion")) or None, None, refusal)
        if noted := {name: candidate[name] for name in _NOTED if candidate.get(name)}:
            raw.message_data = {"api": self.api, **noted}
        return raw

    def read_part(self, part: Found) -> Part:
        data: JsonObject = {"api": self.api}
        if signature := text(part.get("thoughtSignature")):
            data["signature"] = signature
        if isinstance(part.get("functionCall"), dict):
            call = part["functionCall"]
            if identity := text(call.get("id")):
                data["id"] = identity
            return ToolCall(text(call.get("name")), None, None, arguments_text(call.get("args")) or "{}", data)
        if not _OUR_FIELDS.issuperset(part) or "text" not in part:
            return Text("", {"api": self.api, "raw": part}) if part else Text("")
        said = text(part.get("text"))
        return Thinking(said, data) if part.get("thought") else Text(said, data if signature else None)

    def _usage(self, found: Found) -> Usage | None:
        usage = mapping(found.get("usageMetadata"))
        if not usage:
            return None
        thoughts = count(usage.get("thoughtsTokenCount"))
        read = count(usage.get("promptTokenCount")) + count(usage.get("toolUsePromptTokenCount"))
        return Usage(read, count(usage.get("candidatesTokenCount")) + thoughts, count(usage.get("cachedContentTokenCount")), 0, thoughts)

    def reader(self) -> GeminiReader:
        return GeminiReader(self)

    # ------------------------------------------------------------------------------------------------------ errors

    def salvage(self, status: int, body: bytes) -> RawReply | None:
        return None

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> BackendError:
        found, plain = json_words(body)
        return self._error(status, headers, found, plain, body)

    def sent(self, found: Found) -> BackendError:
        code = mapping(found.get("error")).get("code")
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        return self._error(status, {}, found, excerpt(dumps(found)), dumps(found), answered=False)

    def _error(self, status: int, headers: Mapping[str, str], found: Found, plain: str, body: bytes, answered: bool = True) -> BackendError:
        told = mapping(found.get("error"))
        words, code = text(told.get("message")) or plain, text(told.get("status"))
        if status == 400 and "API key" in words:
            status = 401  # Google says 400 for a wrong key
        error = rejection(status, headers, words, code, hint=advice(status, self.model, self.key_env), body=body, answered=answered)
        for detail in objects(told.get("details")):
            delay = re.fullmatch(r"(\d+(?:\.\d+)?)s", text(detail.get("retryDelay")))
            if delay and error.retry_after is None:
                error.retry_after = float(delay[1])
        return error


def _declaration(name: str, description: str, parameters: JsonObject) -> JsonObject:
    return {"name": safe_name(name), "description": description, "parametersJsonSchema": flat(parameters)}


def _plain_parts(parts: Sequence[Part]) -> list[JsonValue]:
    out: list[JsonValue] = []
    for item in parts:
        part = with_data(item) if type(item) is Image else item
        if type(part) is Text:
            out.append({"text": part.text})
        elif type(part) is Image and part.data is not None:
            out.append({"inlineData": {"mimeType": part.media_type, "data": part.data}})
        elif type(part) is Image and part.url is not None:
            out.append({"fileData": {"mimeType": part.media_type, "fileUri": part.url}})
        elif type(part) is Image:
            out.append({"text": no_picture(part)})
    return out


class GeminiReader:
    """Puts one streamed reply together: each event is a response of its own, with more parts."""

    __slots__ = ("_candidate", "_found", "_parts", "_wire", "done")

    def __init__(self, wire: Gemini) -> None:
        self._wire = wire
        self.done = False  # there is no end mark but the finish reason, and the usage may come after it
        self._found: Found = {}
        self._candidate: Found = {}
        self._parts: list[_Run] = []

    def feed(self, event: Event) -> Sequence[Delta]:
        if event[1].strip() == END:
            return ()
        found = loads(event[1])
        if not isinstance(found, dict):
            return ()
        if found.get("error"):
            raise self._wire.sent(found)
        self._found.update({key: value for key, value in found.items() if key != "candidates" and value is not None})
        out: list[Delta] = []
        candidates = objects(found.get("candidates"))
        candidate = first_choice(candidates) if candidates else {}
        if not candidate.get("index"):  # another one was never asked for
            self._candidate.update({key: value for key, value in candidate.items() if key != "content" and value is not None})
            for part in objects(mapping(candidate.get("content")).get("parts")):
                self._take(part, out)
        return out

    def _take(self, found: Found, out: list[Delta]) -> None:
        part = self._wire.read_part(found)
        last = self._parts[-1] if self._parts else None
        plain = type(part) is Text and part.provider_data is None
        unsigned = plain or (type(part) is Thinking and part.provider_data == {"api": self._wire.api})
        if unsigned and last is not None and last.open and type(last.part) is type(part) and (type(part) is Text or type(part) is Thinking):
            last.pieces.add(part.text)
        else:
            self._parts.append(_Run(part, unsigned))
        if type(part) is ToolCall:
            out.append(Delta("call", part.raw or "", part.name, sum(1 for run in self._parts if type(run.part) is ToolCall) - 1))
        elif (type(part) is Text or type(part) is Thinking) and part.text:
            out.append(Delta("thinking" if type(part) is Thinking else "text", part.text))

    def finish(self) -> RawReply:
        parts = [run.whole() for run in self._parts]
        if self._candidate.get("finishReason"):
            return self._wire.reply(self._found, self._candidate, parts)
        if not mapping(self._found.get("promptFeedback")).get("blockReason"):
            incomplete("a finishReason")
        blocked = self._wire.read(self._found)
        blocked.parts = tuple(parts)
        return blocked


class _Run:
    """Parts of a stream that are one: text or thought without a signature goes on in the next event."""

    __slots__ = ("open", "part", "pieces")

    def __init__(self, part: Part, unsigned: bool) -> None:
        self.part = part
        self.open = unsigned
        self.pieces = Pieces(part.text if type(part) is Text or type(part) is Thinking else "")

    def whole(self) -> Part:
        match self.part:
            case Text():
                return Text(self.pieces.whole(), self.part.provider_data)
            case Thinking():
                return Thinking(self.pieces.whole(), self.part.provider_data)
        return self.part
