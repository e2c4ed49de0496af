"""Chat Completions as a stream: chunks in, pieces for listeners and the whole reply out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from react_agent.backends.sse import Event
from react_agent.backends.wires.base import (
    END,
    Found,
    Pieces,
    arguments_text,
    count,
    details_text,
    first_choice,
    loads,
    mapping,
    objects,
    text,
)
from react_agent.backends.wires.wrong import incomplete
from react_agent.errors import BackendError, BackendProtocolError
from react_agent.formats.base import RawReply
from react_agent.formats.lossless import strict_object
from react_agent.messages import Delta, JsonObject, Part, Text, Thinking, ToolCall, Usage

THINKING_FIELDS = ("reasoning_content", "reasoning", "thinking")
CALL_FIELDS = frozenset(("id", "type", "index", "function", "custom", "name", "arguments"))


NOTED = ("annotations", "images", "citations", "search_results")
"""What servers tell beside a message's words, or beside the whole of it: kept with the message, and not sent back."""
_BESIDE = frozenset((*NOTED, "audio"))


def noted(*told: Found) -> Found:
    return {name: found[name] for found in told for name in NOTED if found.get(name)}


def function_of(call: Found) -> Found:
    """A call's name and arguments, of a function or a custom tool; there are servers that leave out what they should be wrapped in."""
    function = mapping(call.get("function"))
    if function:
        return function
    custom = call.get("custom")
    return {"name": custom.get("name"), "arguments": custom.get("input")} if isinstance(custom, dict) else call


class ChatWire(Protocol):
    """What the reader leaves to the wire: what the pieces mean once they are whole."""

    @property
    def api(self) -> str: ...
    def said(self, content: object) -> list[Part]: ...
    def read_call(self, call: Found) -> ToolCall: ...
    def sent(self, told: object) -> BackendError: ...
    def mistake(self, told: object) -> RawReply | None: ...
    def reply(self, found: Found, reason: object, parts: Sequence[Part], refusal: str, kept: Found) -> RawReply: ...


class ChatReader:
    """Puts the chunks of one streamed reply together."""

    __slots__ = (
        "_calls",
        "_details",
        "_field",
        "_finish",
        "_head",
        "_latest",
        "_noted",
        "_odd",
        "_parts",
        "_plain",
        "_refusal",
        "_salvaged",
        "_seen",
        "_usage",
        "_wire",
        "done",
    )

    def __init__(self, wire: ChatWire) -> None:
        self._wire = wire
        self.done = False
        self._parts: list[tuple[bool, Pieces, JsonObject]] = []  # runs of (is it thinking?, pieces, what came along) in their order
        self._calls: list[_OpenCall] = []
        self._latest: dict[int | str, _OpenCall] = {}  # by index, and by id
        self._details: list[Found] = []
        self._noted: Found = {}
        self._refusal: list[str] = []
        self._finish: str | None = None
        self._field = THINKING_FIELDS[0]
        self._plain = False  # thinking came in a field of its own
        self._head: Found = {}
        self._usage: Found = {}
        self._odd: Found = {}  # words without a reply around them
        self._seen = False
        self._salvaged: RawReply | None = None

    def feed(self, event: Event) -> Sequence[Delta]:
        data = event[1].strip()
        if data == END:
            self.done = True
            return ()
        chunk = loads(data)
        return self.take(chunk, event[0]) if isinstance(chunk, dict) else ()

    def take(self, chunk: Found, name: str) -> Sequence[Delta]:
        """One chunk, already parsed."""
        choices = chunk.get("choices")
        if "citations" in chunk or "search_results" in chunk:
            self._noted.update(noted(chunk))
        if chunk.get("usage") or "error" in chunk or "x_groq" in chunk or not choices:
            self._aside(chunk, name)
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return ()
        choice = choices[0]
        if choice.get("index"):
            choice = first_choice(objects(choices))
            if choice.get("index"):
                return ()  # a second choice was never asked for
        if not self._seen:
            self._seen, self._head = True, {"model": chunk.get("model")}
        if choice.get("error"):
            raise self._wire.sent(choice["error"])
        reason = choice.get("finish_reason")
        if reason:
            self._finish = str(reason)
        delta = choice.get("delta")
        if not delta and isinstance(whole := choice.get("message"), dict):
            delta = self._unsaid(whole)
        return self._grow(delta) if isinstance(delta, dict) else ()

    def _unsaid(self, whole: Found) -> Found:
        """A message at the end: of each kind what pieces have not told. MiniMax ends a stream with all of it once more."""
        kinds = {thinking for thinking, _, _ in self._parts}
        told = {
            *(("content", "audio") if False in kinds else ()),
            *((*THINKING_FIELDS, "reasoning_details") if True in kinds else ()),
            *(("tool_calls", "function_call") if self._calls else ()),
            *(("refusal",) if self._refusal else ()),
        }
        left = {key: value for key, value in whole.items() if key not in told}
        said = "".join(pieces.whole() for thinking, pieces, _ in self._parts if not thinking)
        if said and text(whole.get("content")).startswith(said):
            left["content"] = text(whole.get("content"))[len(said) :]
        return left

    def _aside(self, chunk: Found, name: str) -> None:
        """What is not of a choice: an error within the stream, or the usage."""
        if chunk.get("error"):
            self._salvaged = self._wire.mistake(chunk["error"])
            if self._salvaged is None:
                raise self._wire.sent(chunk["error"])
            self.done = True
            return
        if name == "error" or ("choices" not in chunk and chunk.get("object") == "error"):
            raise self._wire.sent(chunk)
        if "choices" not in chunk and (chunk.get("message") or chunk.get("detail")):
            self._odd = chunk
        usage = mapping(chunk.get("usage")) or mapping(mapping(chunk.get("x_groq")).get("usage"))
        if usage and (read_usage(usage).total_tokens or not self._usage):  # a last chunk of zeros tells nothing
            self._usage = usage

    def _grow(self, delta: Found) -> Sequence[Delta]:
        out: list[Delta] = []
        content = delta.get("content")
        if content:
            if isinstance(content, str):
                self._add(False, content)
                out.append(Delta("text", content))
            else:
                for part in self._wire.said(content):
                    if type(part) is Text or type(part) is Thinking:
                        self._add(type(part) is Thinking, part.text)
                        if type(part) is Thinking:
                            more = mapping((part.provider_data or {}).get("chunk"))  # its signature may come with the last piece
                            self._parts[-1][2]["chunk"] = {**mapping(self._parts[-1][2].get("chunk")), **more}
                        out.append(Delta("thinking" if type(part) is Thinking else "text", part.text))
        if len(delta) > 1 or not content:
            self._rest(delta, out)
        return out

    def _rest(self, delta: Found, out: list[Delta]) -> None:
        for name in THINKING_FIELDS:
            thought = delta.get(name)
            if thought and isinstance(thought, str):
                self._field, self._plain = name, True
                self._add(True, thought)
                out.append(Delta("thinking", thought))
                break
        if details := delta.get("reasoning_details"):
            self._detail(details)
            if not self._plain and (told := details_text(details)):  # a gateway that says it nowhere else
                self._field = "reasoning"
                self._add(True, told)
                out.append(Delta("thinking", told))
        if not _BESIDE.isdisjoint(delta):
            self._beside(delta, out)
        if refusal := text(delta.get("refusal")):
            self._refusal.append(refusal)
        calls = objects(delta.get("tool_calls"))
        out.extend(self._call(call) for call in calls)
        legacy = delta.get("function_call")
        if not calls and isinstance(legacy, dict) and (legacy.get("name") or legacy.get("arguments")):  # llama-cpp-python says it both ways
            out.append(self._call({"index": 0, "function": legacy}))

    def _beside(self, delta: Found, out: list[Delta]) -> None:
        """What is spoken, and notes on what is said."""
        if words := text(mapping(delta.get("audio")).get("transcript")):
            self._add(False, words)
            out.append(Delta("text", words))
        for name, value in noted(delta).items():
            known = self._noted.get(name)
            self._noted[name] = [*known, *value] if isinstance(known, list) and isinstance(value, list) else value

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
            self._parts[-1][1].add(piece)
        else:
            self._parts.append((thinking, Pieces(piece), {}))

    def _call(self, found: Found) -> Delta:
        """A piece of a call."""
        function = function_of(found)
        index, identity, name = found.get("index"), text(found.get("id")), text(function.get("name"))
        if name == "null" and not identity:
            name = ""  # there are servers that write the absence of a name so
        told = function.get("arguments")
        piece = "" if told == {} else arguments_text(told)  # with some gateways a call begins or ends so, and its pieces come between
        call = self._begun(index, identity, name, piece)
        if call is None:
            call = _OpenCall(len(self._calls))
            self._calls.append(call)
        if isinstance(index, int):
            self._latest[index] = call
        if identity:
            self._latest[identity] = call
        call.id = call.id or identity
        if not (call.said and call.name) and name != call.name:  # the name may come in pieces, or after its arguments have begun
            call.name = name if name.startswith(call.name) else call.name + name
        if piece:
            call.said = True
            call.pieces.add(piece)
        for key, value in found.items():
            if key not in CALL_FIELDS and value is not None:
                call.more[key] = value
        return Delta("call", piece, call.name, call.at)

    def _begun(self, index: object, identity: str, name: str, piece: str) -> _OpenCall | None:
        """The call that a piece goes on with; None where it begins one.

        Calls are told apart by index. Where servers leave it out or always say 0, by id; by another name; and, where there is no id, by the same
        name once more after arguments that are whole.
        """
        numbered = isinstance(index, int)
        key = index if isinstance(index, int) else identity
        call = self._latest.get(key) if numbered or identity else self._calls[-1] if self._calls else None
        if call is None or not (name and call.name):
            return call
        named = numbered and call.id and not identity and not call.said  # of one index, and no new id: the rest of the name
        other = (name != call.name and not named) or (identity and call.id and identity != call.id)
        again = not identity and (not numbered or (piece.startswith("{") and call.is_whole()))
        return None if other or again else call

    def finish(self) -> RawReply:
        if self._salvaged is not None:
            return self._salvaged
        ended = self.done or self._finish is not None
        if self._odd and not (ended and self._seen):
            raise self._wire.sent(self._odd)
        if not ended:
            incomplete("its end mark, [DONE] or a finish_reason")
        if not self._seen:
            raise BackendProtocolError("the stream ended without a single choice: no reply came")
        wire = self._wire
        parts: list[Part] = []
        for thinking, pieces, more in self._parts:
            whole = pieces.whole()
            parts.append(Thinking(whole, {"api": wire.api, **(more or {"field": self._field})}) if thinking else Text(whole))
        for call in self._calls:
            found = {**call.more, "id": call.id, "function": {"name": call.name, "arguments": call.pieces.whole()}}
            parts.append(wire.read_call(found))
        refusal = "".join(self._refusal)
        kept = {"reasoning_details": self._details, **self._noted}
        return wire.reply({**self._head, "usage": self._usage}, self._finish, parts, refusal, kept)


class _OpenCall:
    """A call while its pieces come in."""

    __slots__ = ("at", "broken", "id", "more", "name", "pieces", "said")

    def __init__(self, at: int) -> None:
        self.at = at
        self.id = ""
        self.name = ""
        self.pieces = Pieces()
        self.more: JsonObject = {}
        self.broken = False
        self.said = False  # its arguments have begun

    def is_whole(self) -> bool:
        """Its arguments so far are one JSON object. Looked at until they were once found not to be, so that it costs no more than they do."""
        said = "" if self.broken else self.pieces.whole()
        self.broken = self.broken or (bool(said) and strict_object(said) is None)
        return bool(said) and not self.broken


def read_usage(usage: Found) -> Usage:
    """OpenAI's counts and its servers' variants: totals include cached and reasoning tokens."""
    inside, outside = mapping(usage.get("prompt_tokens_details")), mapping(usage.get("completion_tokens_details"))
    read, written = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    reasoning = count(outside.get("reasoning_tokens"))
    if reasoning and count(usage.get("total_tokens")) == read + written + reasoning:
        written += reasoning  # xAI counts them apart
    cached = count(inside.get("cached_tokens")) or count(usage.get("prompt_cache_hit_tokens")) or count(usage.get("cached_tokens"))
    return Usage(read, written, cached, count(inside.get("cache_write_tokens")), reasoning)
