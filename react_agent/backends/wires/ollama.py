"""Ollama's own API, ``POST {base}/api/chat``: one JSON object a line, arguments as objects, no call ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from react_agent.backends.sse import Event
from react_agent.backends.wires.base import (
    Found,
    Framing,
    Pieces,
    answer_schema,
    arguments_text,
    count,
    dumps,
    excerpt,
    listed,
    loads,
    mapping,
    no_picture,
    objects,
    ours,
    safe_name,
    spoken,
    text,
    with_data,
)
from react_agent.backends.wires.wrong import advice, incomplete, json_words, mistaken, rejection
from react_agent.errors import BackendError, BackendProtocolError, BackendUnavailable
from react_agent.formats.base import RawReply
from react_agent.formats.constraint import Constraint
from react_agent.messages import Delta, Finish, Head, Image, JsonObject, Message, Part, Text, Thinking, ToolCall, ToolChoice, Usage


@dataclass(frozen=True, slots=True)
class Ollama:
    """The wire for one model.

    Attributes:
        num_ctx: Tokens of context to serve the model with. Always sent: the server's own default is small, and cuts longer prompts in silence.
    """

    model: str
    num_ctx: int = 16_384
    framing: Framing = "ndjson"
    silent_cuts: bool = False

    @property
    def api(self) -> str:
        return "ollama"

    def headers(self, key: str | None) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"} if key else {}

    def path(self, *, stream: bool) -> str:
        return "/api/chat"

    # ---------------------------------------------------------------------------------------------------- request

    def tool_name(self, name: str) -> str:
        return safe_name(name)

    def encode(self, message: Message, before: Message | None, at: int) -> bytes:
        if message.role == "tool":
            sent = [dumps({"role": "tool", "tool_name": safe_name(result.name), "content": result.text}) for result in message.results]
            pictures = [part for result in message.results for part in result.content if type(part) is Image]
            if pictures:
                sent.append(dumps(_spoken("user", (Text("Pictures from the tools:"), *pictures))))
            return b",".join(sent)
        if message.role != "assistant":
            return dumps(_spoken(message.role, message.parts))
        out: JsonObject = {"role": "assistant", "content": spoken(message)}
        thoughts = [part.text for part in message.parts if type(part) is Thinking and ours(part.provider_data, self.api)]
        if thoughts:
            out["thinking"] = "\n".join(thoughts)
        if message.calls:
            out["tool_calls"] = [{"function": {"name": safe_name(call.name), "arguments": call.arguments or {}}} for call in message.calls]
        return dumps(out)

    def options(self, head: Head, stop: Sequence[str], tool_choice: ToolChoice, *, native: bool, stream: bool) -> JsonObject:
        settings = head.settings
        out: JsonObject = {"model": self.model, "stream": stream}
        if native and head.tools and tool_choice != "none":  # there is no tool_choice: without tools none can be called
            out["tools"] = [
                {
                    "type": "function",
                    "function": {"name": safe_name(spec.name), "description": spec.description, "parameters": spec.parameters},
                }
                for spec in head.tools
            ]
        if (schema := answer_schema(head, native)) is not None:
            out["format"] = schema
        if settings.thinking is not None:
            out["think"] = False if settings.thinking == "none" else "low" if settings.thinking == "minimal" else settings.thinking
        options: JsonObject = {"num_ctx": self.num_ctx}
        for name, value in (
            ("temperature", settings.temperature),
            ("top_p", settings.top_p),
            ("num_predict", settings.max_tokens),
            ("seed", settings.seed),
        ):
            if value is not None:
                options[name] = value
        if stop:
            options["stop"] = list(stop)
        extra = dict(settings.extra or {})
        more = extra.pop("options", None)
        out["options"] = {**options, **more} if isinstance(more, dict) else options
        return {**out, **extra}

    def constrain(self, constraint: Constraint) -> JsonObject:
        """``format`` takes a JSON Schema."""
        return {"format": constraint.json_schema} if constraint.json_schema is not None else {}

    def body(self, chunks: Sequence[bytes], options: bytes, *, system: bool) -> bytes:
        return listed(b"messages", chunks, options)

    # ------------------------------------------------------------------------------------------------------ reply

    def read(self, found: Found) -> RawReply:
        if found.get("error"):
            return self.mistake(found)
        if not isinstance(found.get("message"), dict):
            raise BackendProtocolError(f"the server's reply has no message: {excerpt(dumps(found))}")
        if found.get("done") is False:
            incomplete("the line that says it is done")
        message = found["message"]
        calls = [read_call(call) for call in objects(message.get("tool_calls"))]
        return self.reply(found, text(message.get("thinking")), text(message.get("content")), calls)

    def reply(self, found: Found, thinking: str, content: str, calls: Sequence[ToolCall]) -> RawReply:
        parts: list[Part] = [Thinking(thinking, {"api": self.api})] if thinking else []
        parts += [Text(content)] if content else []
        if found.get("done_reason") == "load" and not (parts or calls):
            raise BackendUnavailable("the server has loaded the model and written nothing")
        finish: Finish = "length" if found.get("done_reason") == "length" else "tool_calls" if calls else "stop"
        read, written = found.get("prompt_eval_count"), found.get("eval_count")
        usage = Usage(count(read), count(written)) if read is not None or written is not None else None
        return RawReply((*parts, *calls), finish, usage, text(found.get("model")) or None)

    def reader(self) -> OllamaReader:
        return OllamaReader(self)

    # ------------------------------------------------------------------------------------------------------ errors

    def salvage(self, status: int, body: bytes) -> RawReply | None:
        return mistaken(text(json_words(body)[0].get("error"))) if status == 500 else None

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> BackendError:
        found, plain = json_words(body)
        hint = f"run: ollama pull {self.model}" if status == 404 else advice(status, self.model, "OLLAMA_API_KEY")
        return rejection(status, headers, text(found.get("error")) or plain, "", hint=hint, body=body)

    def mistake(self, found: Found) -> RawReply:
        """What stands for the reply where the error is the model's own; any other is raised."""
        raw = mistaken(text(found.get("error")))
        if raw is None:
            raise self.sent(found)
        return raw

    def sent(self, found: Found) -> BackendError:
        """An error that came with status 200, or as a line of a stream."""
        return rejection(500, {}, text(found.get("error")) or excerpt(dumps(found)), "", hint="", body=dumps(found), answered=False)


def _spoken(role: str, parts: Sequence[Part]) -> JsonObject:
    said = [part.text for part in parts if type(part) is Text]
    pictures: list[JsonValue] = []
    for part in parts:
        if type(part) is Image:
            picture = with_data(part)
            if picture.data is not None:
                pictures.append(picture.data)
            else:
                said.append(no_picture(part) if part.url is None else f"[a picture at {part.url}]")
    out: JsonObject = {"role": role, "content": "".join(said)}
    if pictures:
        out["images"] = pictures
    return out


def read_call(call: Found) -> ToolCall:
    function = mapping(call.get("function"))
    return ToolCall(text(function.get("name")), None, None, arguments_text(function.get("arguments")) or "{}", {"api": "ollama"})


class OllamaReader:
    """Puts the lines of one streamed reply together."""

    __slots__ = ("_calls", "_content", "_last", "_mistake", "_thinking", "_wire", "done")

    def __init__(self, wire: Ollama) -> None:
        self._wire = wire
        self.done = False
        self._thinking = Pieces()
        self._content = Pieces()
        self._calls: list[ToolCall] = []
        self._last: Found = {}
        self._mistake: RawReply | None = None

    def feed(self, event: Event) -> Sequence[Delta]:
        found = loads(event[1])
        if not isinstance(found, dict):
            return ()
        if found.get("error"):
            self.done, self._mistake = True, self._wire.mistake(found)
            return ()
        out: list[Delta] = []
        message = mapping(found.get("message"))
        if thought := text(message.get("thinking")):
            self._thinking.add(thought)
            out.append(Delta("thinking", thought))
        if content := text(message.get("content")):
            self._content.add(content)
            out.append(Delta("text", content))
        for call in objects(message.get("tool_calls")):
            made = read_call(call)
            out.append(Delta("call", made.raw or "", made.name, len(self._calls)))
            self._calls.append(made)
        if found.get("done"):
            self.done, self._last = True, found
        return out

    def finish(self) -> RawReply:
        if self._mistake is not None:
            return self._mistake
        if not self.done:
            incomplete("the line that says it is done")
        return self._wire.reply(self._last, self._thinking.whole(), self._content.whole(), self._calls)
