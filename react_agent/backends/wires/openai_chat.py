"""OpenAI Chat Completions, ``POST {base}/chat/completions``, and the many servers that speak it (`react_agent.backends.profiles`)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from react_agent.backends.profiles import COMPATIBLE, Profile
from react_agent.backends.wires.base import (
    Found,
    Framing,
    answer_schema,
    arguments_text,
    call_ids,
    details_text,
    dumps,
    dumps_text,
    excerpt,
    first_choice,
    listed,
    loads,
    mapping,
    objects,
    ours,
    price,
    result_ids,
    safe_name,
    spoken,
    strict_ready,
    text,
    with_extra,
)
from react_agent.backends.wires.openai_chat_messages import chunk_of, content, lessened, result_text
from react_agent.backends.wires.openai_chat_stream import CALL_FIELDS, THINKING_FIELDS, ChatReader, function_of, noted, read_usage
from react_agent.backends.wires.wrong import (
    MISTAKES,
    REFUSED,
    STATUS_OF,
    advice,
    as_thoughts,
    json_words,
    mistaken,
    rejection,
    words_of,
)
from react_agent.errors import BackendError, BackendProtocolError, BackendUnavailable
from react_agent.formats.base import RawReply
from react_agent.formats.constraint import Constraint
from react_agent.formats.grammar import Grammar
from react_agent.formats.schemas import flat, inlined
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
)

# The templates of Mistral's models ask for such ids on any server.
_NINE = re.compile(r"(mis|mix|minis|devs|codes|magis|pix|vox)tral", re.IGNORECASE)
MOST_STOPS = 4  # the API refuses more
_FINISH: dict[str, Finish] = {
    "stop": "stop",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "time_limit": "length",
    "content_filter": "refused",
    "content_filtered": "refused",
    "guardrail_intervened": "refused",
    "refusal": "refused",
    "sensitive": "refused",
    **dict.fromkeys(map(str.lower, REFUSED), "refused"),
}
# The server failed in the midst of a reply and says so here alone (OpenRouter and Mistral; vLLM; DeepSeek; z.ai; watsonx): what came is no answer.
_FAILED = {"error", "abort", "insufficient_system_resource", "network_error", "cancelled"}


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    """The wire for one model of one kind of server."""

    model: str
    profile: Profile = COMPATIBLE
    framing: Framing = "sse"
    silent_cuts: bool = False

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
                sent = self._assistant(message, at)
                return dumps(sent) if sent["content"] or len(sent) > 2 else b""  # some servers refuse what says and calls nothing
            case "tool":
                return b",".join(dumps(item) for item in self._results(message, before, at))
        return dumps({"role": message.role, "content": content(message.parts)})

    def _assistant(self, message: Message, at: int) -> JsonObject:
        calls = message.calls
        out: JsonObject = {"role": "assistant", "content": spoken(message) or (None if calls else "")}
        if calls:
            ids = self._taken(call_ids(calls, at, self.api))
            out["tool_calls"] = [self._call(call, identity) for call, identity in zip(calls, ids, strict=True)]
        self._echo(message, out)
        return out

    def _echo(self, message: Message, out: JsonObject) -> None:
        """Reasoning goes back to where it came from, in the form that it came in. Details and chunks may be signed, so they always do."""
        chunks = [chunk_of(part, self.api) for part in message.parts]
        if any(chunk is not None and chunk["type"] == "thinking" for chunk in chunks):
            out["content"] = [chunk for chunk in chunks if chunk is not None]
            return
        if details := ours(message.provider_data, self.api).get("reasoning_details"):
            out["reasoning_details"] = details
            return
        if self.profile.echo == "never":
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

    def _taken(self, ids: list[str]) -> list[str]:
        """The ids as the server takes them."""
        if self.profile.nine or _NINE.search(self.model):
            return [i if len(i) == 9 and i.isalnum() else hashlib.sha256(i.encode()).hexdigest()[:9] for i in ids]
        return ids

    def _results(self, message: Message, before: Message | None, at: int) -> list[JsonObject]:
        """One message a result, and one from the user with the pictures: a tool message holds text only."""
        ids = self._taken(result_ids(message, before, at, self.api))
        out: list[JsonObject] = []
        pictures: list[Part] = []
        for index, result in enumerate(message.results):
            images = [part for part in result.content if type(part) is Image]
            if images:
                pictures += [Text(f"Pictures from the tool '{result.name}', call {index + 1}:"), *images]
            item: JsonObject = {"role": "tool", "tool_call_id": ids[index], "content": result_text(result, bool(images))}
            if self.profile.result_name:
                item["name"] = safe_name(result.name)
            out.append(item)
        if pictures:
            out.append({"role": "user", "content": content(tuple(pictures))})
        return out

    def options(self, head: Head, stop: Sequence[str], tool_choice: ToolChoice, *, native: bool, stream: bool) -> JsonObject:
        profile, settings = self.profile, head.settings
        out: JsonObject = {"model": self.model}
        if native and head.tools and (tool_choice != "none" or profile.none):
            out["tools"] = [self._tool(spec.name, spec.description, spec.parameters) for spec in head.tools]
            choice = self._choice(tool_choice)
            if choice is not None:
                out["tool_choice"] = choice
        if (schema := answer_schema(head, native)) is not None:
            named: JsonObject = {"name": "answer", "schema": schema}
            if profile.strict and strict_ready(schema):
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
        return with_extra(out, settings.extra)

    def constrain(self, constraint: Constraint) -> JsonObject:
        """llama.cpp's ``grammar``, which is the more exact; a schema as ``response_format``; or what else the server takes.

        The schema is not marked strict: it has alternatives.
        """
        if self.profile.grammar == "grammar":
            return {"grammar": constraint.grammar.gbnf()}
        if constraint.json_schema is None or self.profile.structured is None:
            return self._grammar(constraint.grammar)
        if self.profile.structured == "json_object":
            return {"response_format": {"type": "json_object"}}
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "step", "schema": constraint.json_schema}}}

    def _grammar(self, grammar: Grammar) -> JsonObject:
        match self.profile.grammar:
            case "ebnf":
                return {"ebnf": grammar.gbnf()}
            case "structured_outputs":
                return {"structured_outputs": {"grammar": grammar.gbnf()}}
            case "response_format":
                return {"response_format": {"type": "grammar", "grammar": grammar.gbnf()}}
            case "regex":
                pattern = grammar.regex()
                return {"response_format": {"type": "regex", "pattern": pattern}} if pattern is not None else {}
            case _:
                return {}

    def _tool(self, name: str, description: str, parameters: JsonObject) -> JsonObject:
        if self.profile.key_needed:  # servers of one's own take alternatives, and make grammars of them
            parameters = flat(parameters)
        if self.profile.inline:
            parameters = inlined(parameters)
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

    def body(self, chunks: Sequence[bytes], options: bytes, *, system: bool) -> bytes:
        return listed(b"messages", chunks, options)

    def reduced(self, chunks: Sequence[bytes], refused: Set[str]) -> list[bytes]:
        return [dumps(message) for message in lessened(objects(loads(b"[" + b",".join(filter(None, chunks)) + b"]")), refused)]

    # ------------------------------------------------------------------------------------------------------ reply

    def read(self, found: Found) -> RawReply:
        choices = objects(found.get("choices"))
        if not choices or found.get("error"):
            return self._no_choice(found)
        choice = first_choice(choices)
        if choice.get("error"):
            raise self.sent(choice["error"])
        if "message" not in choice and "text" not in choice:
            raise BackendProtocolError(f"the reply's first choice has no message: {excerpt(dumps(choice))}")
        message = mapping(choice.get("message"))
        parts: list[Part] = []
        for name in THINKING_FIELDS:
            if thought := text(message.get(name)):
                parts.append(Thinking(thought, {"api": self.api, "field": name}))
                break
        else:
            if told := details_text(message.get("reasoning_details")):
                parts.append(Thinking(told, {"api": self.api, "field": "reasoning"}))
        parts += self.said(message.get("content") or text(mapping(message.get("audio")).get("transcript")))
        calls = [self.read_call(call) for call in objects(message.get("tool_calls"))]
        legacy = message.get("function_call")
        if not calls and isinstance(legacy, dict) and legacy.get("name"):
            calls = [self.read_call({"function": legacy})]
        refusal = text(message.get("refusal")) or "".join(text(chunk.get("refusal")) for chunk in objects(message.get("content")))
        kept = {"reasoning_details": message.get("reasoning_details"), **noted(found, message)}
        return self.reply(found, choice.get("finish_reason"), [*parts, *calls], refusal, kept)

    def _no_choice(self, found: Found) -> RawReply:
        """An error, perhaps beside what there was of a reply; or no reply at all."""
        if told := found.get("error"):
            mistake = self.mistake(told)
            if mistake is None:
                raise self.sent(told)
            return mistake
        words = text(found.get("message")) or text(found.get("detail")) or excerpt(dumps(found))
        raise BackendProtocolError(f"the server's reply has no choices: {words}")

    def said(self, content: object) -> list[Part]:
        """The text, plain or as a list of chunks (Mistral's, with thinking among them)."""
        if isinstance(content, str):
            return [Text(content)] if content else []
        parts: list[Part] = []
        for chunk in objects(content):
            if chunk.get("type") == "thinking":
                inner = chunk.get("thinking")
                thought = inner if isinstance(inner, str) else "".join(text(item.get("text")) for item in objects(inner))
                more = {key: value for key, value in chunk.items() if key not in ("type", "thinking")}
                parts.append(Thinking(thought, {"api": self.api, "chunk": more}))
            elif words := text(chunk.get("text")):
                parts.append(Text(words))
        return parts

    def read_call(self, call: Found) -> ToolCall:
        function = function_of(call)
        data: JsonObject = {"api": self.api}
        if identity := text(call.get("id")):
            data["id"] = identity
        more = {key: value for key, value in call.items() if key not in CALL_FIELDS and value is not None}
        if more:
            data["more"] = more  # for instance Gemini's thought signature in its OpenAI face
        return ToolCall(text(function.get("name")), None, None, arguments_text(function.get("arguments")), data)

    def reply(self, found: Found, reason: object, parts: Sequence[Part], refusal: str, kept: Found) -> RawReply:
        said, _, more = text(reason).lower().partition(":")  # Google's: "content_filter: RECITATION"
        if said in _FAILED:
            raise BackendUnavailable(f"the server gave up in the midst of its reply (finish_reason {reason!r})")
        finish = _FINISH.get(said, "stop")
        if not MISTAKES.isdisjoint((said.upper(), more.strip().upper())):
            parts = as_thoughts(parts)
        if finish == "stop" and any(type(part) is ToolCall for part in parts):
            finish = "tool_calls"  # several servers say "stop" for calls
        usage = mapping(found.get("usage")) or mapping(mapping(found.get("x_groq")).get("usage"))
        return RawReply(
            tuple(parts),
            "refused" if refusal else finish,
            read_usage(usage) if usage else None,
            text(found.get("model")) or None,
            None,
            refusal or None,
            {"api": self.api, **told} if (told := {name: value for name, value in kept.items() if value}) else None,
            price(usage.get("cost")),
        )

    def reader(self) -> ChatReader:
        return ChatReader(self)

    # ------------------------------------------------------------------------------------------------------ errors

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> BackendError:
        found, plain = json_words(body)
        words, code = words_of(found.get("error", found))
        env = self.profile.key_env[0] if self.profile.key_env else None
        return rejection(status, headers, words or plain, code, hint=advice(status, self.model, env), body=body)

    def salvage(self, status: int, body: bytes) -> RawReply | None:
        return self.mistake(json_words(body)[0].get("error")) if status in (400, 500) else None

    def mistake(self, told: object) -> RawReply | None:
        """What the model wrote, where a server reports that as an error: a call that broke the schema (Groq), or a filtered reply (Azure)."""
        found = mapping(told)
        code = found.get("code")
        if code == "content_filter":
            return RawReply((), "refused", refusal=text(found.get("message")) or "the content filter stopped it")
        if code != "tool_use_failed":
            return mistaken(words_of(told)[0])
        written = text(found.get("failed_generation")) or text(found.get("message"))
        try:
            call = loads(written)
        except BackendProtocolError:
            call = None
        if isinstance(call, dict) and isinstance(call.get("name"), str) and isinstance(call.get("arguments"), dict):
            return RawReply((self.read_call({"function": call}),), "tool_calls")
        # Not for certain an answer: the server found that it should have been a call.
        return RawReply((Thinking(written),) if written else ())

    def sent(self, told: object) -> BackendError:
        """An error that came with status 200, or as an event of a stream."""
        words, code = words_of(told)
        number = mapping(told).get("code")
        if isinstance(number, str) and re.fullmatch("[45][0-9]{2}", number):
            number = int(number)  # LiteLLM's
        status = number if isinstance(number, int) and 400 <= number < 600 else STATUS_OF.get(code, 500)
        return rejection(
            status, {}, words or excerpt(dumps(told)), code, hint=advice(status, self.model, None), body=dumps(told), answered=False
        )
