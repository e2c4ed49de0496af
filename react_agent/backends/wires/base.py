"""What a wire is: a pure mapping between neutral messages and the JSON of one provider's API.

A wire never sees a socket. The leaf backend (`react_agent.backends.leaf`) asks it for the pieces of a request's body, which are encoded once
each, and gives it what came back. Fields, blocks and events that a wire does not know survive or are passed over; they never make it
fail. What a server says that is no reply becomes a `BackendError` with the provider's words and what to do.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from typing import Any, Literal, Protocol, TypeAlias, cast, runtime_checkable

import pydantic_core
from pydantic import JsonValue

from react_agent.backends.sse import Event
from react_agent.errors import BackendError, BackendProtocolError
from react_agent.formats.base import RawReply
from react_agent.messages import Delta, Head, Image, JsonObject, Message, Part, Text, Thinking, ToolCall, ToolChoice, ToolResult, clean
from react_agent.spec import FINISH_TOOL

Framing: TypeAlias = Literal["sse", "ndjson"]
ROLES = "a system message, or two of one role in a row"
THOUGHTS = "earlier thinking"
NULLS = "null for the text of a message that only calls"
END = b"[DONE]"
"""The end mark of a chat API's stream, which gateways put behind streams of other kinds too."""
Found: TypeAlias = dict[str, Any]
"""JSON from a provider: whatever it likes to send. Any, because each look into it is checked where it is made."""


class StreamReader(Protocol):
    """Puts one streamed reply together. Made by the wire for each stream."""

    @property
    def done(self) -> bool:
        """The end mark has come; what follows is of no interest."""
        ...

    def feed(self, event: Event) -> Sequence[Delta]:
        """What the event adds, for listeners. Raises `BackendError` for an error sent within the stream or data that is no JSON."""
        ...

    def finish(self) -> RawReply:
        """The whole reply. Raises `BackendProtocolError` when the stream ended without its end mark."""
        ...


class Wire(Protocol):
    """One provider API. Instances hold no state of a run and may be shared."""

    @property
    def api(self) -> str:
        """Tag of this API's opaque `provider_data`: only data with the same tag are sent back."""
        ...

    @property
    def framing(self) -> Framing: ...

    @property
    def model(self) -> str:
        """The model's name as the API is asked for it."""
        ...

    @property
    def silent_cuts(self) -> bool:
        """There are servers that call a reply complete which the token limit has cut; the number of its tokens tells."""
        ...

    def headers(self, key: str | None) -> dict[str, str]:
        """Headers that carry the key and the API's version."""
        ...

    def path(self, *, stream: bool) -> str:
        """The request's path (and query) below the base URL."""
        ...

    def tool_name(self, name: str) -> str:
        """A tool's name as this API takes it."""
        ...

    def encode(self, message: Message, before: Message | None, at: int) -> bytes:
        """The JSON of one message, as the elements of the body's list of messages, joined by commas; ``b""`` for none.

        Args:
            message: As the format lowered it.
            before: The neutral message before it; tool results answer its calls, index by index.
            at: The message's place in the run, from 0; a call without an id of its own is named after it.
        """
        ...

    def options(self, head: Head, stop: Sequence[str], tool_choice: ToolChoice, *, native: bool, stream: bool) -> JsonObject:
        """The body without its messages. Encoded once for many requests. Tools are left out unless `native`."""
        ...

    def body(self, chunks: Sequence[bytes], options: bytes, *, system: bool) -> bytes:
        """The body from encoded messages (as `encode` gave them) and encoded options. `system`: the first chunk is the system message."""
        ...

    def read(self, found: Found) -> RawReply:
        """The reply in a body that was sent whole. Raises `BackendError` for an error sent with status 200, or for no reply at all."""
        ...

    def reader(self) -> StreamReader: ...

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> BackendError:
        """What a status other than 200 means."""
        ...

    def salvage(self, status: int, body: bytes) -> RawReply | None:
        """The reply within an error: some servers report a model's mistake, or a refusal, as if the request had been wrong."""
        ...


@runtime_checkable
class Reducing(Protocol):
    """A wire some of whose servers refuse what is in the messages and can be left out."""

    def reduced(self, chunks: Sequence[bytes], refused: Set[str]) -> list[bytes]:
        """Encoded messages without what is refused: `ROLES`, `THOUGHTS`, `NULLS`."""
        ...


# ------------------------------------------------------------------------------------------------------------- JSON

_plain = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def dumps(value: object) -> bytes:
    """Compact JSON in UTF-8. Lone surrogates, which UTF-8 cannot hold, become U+FFFD."""
    try:
        return pydantic_core.to_json(value)
    except (pydantic_core.PydanticSerializationError, UnicodeEncodeError):
        return clean(_plain(value)).encode()


def dumps_text(value: object) -> str:
    """JSON as text for a field that holds JSON within a string, such as a call's arguments."""
    return dumps(value).decode()


def loads(data: bytes | bytearray | str) -> JsonValue:
    """The JSON value. Raises `BackendProtocolError` that says where it is broken."""
    try:
        return cast(JsonValue, pydantic_core.from_json(data, allow_inf_nan=True, cache_strings="keys"))
    except ValueError as error:
        reason = str(error)
    if len(data) < 2_000_000:  # the slower parser keeps several copies
        with suppress(ValueError, RecursionError):
            return cast(JsonValue, json.loads(data))  # it also takes an escaped lone surrogate, which some servers send
    raise BackendProtocolError(f"the server sent something that is no JSON ({reason}): {excerpt(data)}")


def excerpt(data: bytes | bytearray | str, most: int = 300) -> str:
    """The beginning of what a server said, in one line, for an error's text."""
    text = data[: most * 4] if isinstance(data, str) else data[: most * 4].decode("utf-8", "replace")
    line = " ".join(text.split())
    return f"{line[:most]}…" if len(line) > most or len(data) > most * 4 else line


def objects(value: object) -> list[Found]:
    """The objects of a list; nothing where it is no list, and without what is no object."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def mapping(value: object) -> Found:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """The string, or an empty one."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """A number of tokens, also one that is written as text; 0 for whatever is none."""
    if isinstance(value, str):
        return int(value) if len(value) < 16 and value.isascii() and value.isdecimal() else 0
    return int(value) if isinstance(value, int | float) and 0 <= value < 1 << 53 else 0


def arguments_text(value: object) -> str:
    """A call's arguments as text, whether a server gives them so or as JSON; "" for none, as which some (PHP's) give an empty list."""
    return value if isinstance(value, str) else "" if value is None or value == [] else dumps_text(value)


def price(value: object) -> float | None:
    """US dollars; a 0 that was said is a price, and what is no number, or none that a trace could hold, is none."""
    return float(value) if isinstance(value, int | float) and type(value) is not bool and 0 <= value < 1 << 53 else None


def fuller(told: str, pieces: str) -> str:
    """What counts where a stream says a thing twice, in pieces and then whole: the whole, unless it says less of the same."""
    return pieces if pieces.startswith(told) else told


def first_choice(choices: Sequence[Found]) -> Found:
    """The choice that was asked for, wherever in the list it stands: others have a number."""
    first = choices[0]
    return first if not first.get("index") else next((choice for choice in choices if not choice.get("index")), first)


def details_text(details: object) -> str:
    """What can be read of a chat API's reasoning details, where a server gives nothing else."""
    return "".join(text(entry.get("text")) or text(entry.get("summary")) for entry in objects(details))


class Pieces:
    """Text that comes in pieces, and is held once however large it grows and however small they are.

    Small strings cost ten times what they say, so they are joined as they come; what was joined is let go while the whole is made of it.
    """

    __slots__ = ("_joined", "_new", "_size")

    def __init__(self, first: str = "") -> None:
        self._joined: list[str] = []
        self._new = [first] if first else []
        self._size = 0

    def add(self, piece: str) -> None:
        self._new.append(piece)
        self._size += len(piece) + 64
        if self._size > 262_144:
            self._joined.append("".join(self._new))
            self._new.clear()
            self._size = 0

    def whole(self) -> str:
        """All of it so far."""
        rest, text = [*self._joined, "".join(self._new)], ""
        self._joined, self._new = [], []
        rest.reverse()
        for _ in range(len(rest)):
            text += rest.pop()  # CPython lengthens a string where it is if only a local variable holds it
        self._new.append(text)
        return text


# ------------------------------------------------------------------------------------------- opaque data of this API


def ours(data: JsonObject | None, api: str) -> JsonObject:
    """The opaque data if it is this API's; an empty object otherwise."""
    return data if data is not None and data.get("api") == api else {}


def data_of(part: Part, api: str) -> JsonObject:
    """The part's opaque data if it is this API's; an empty object otherwise."""
    return {} if isinstance(part, ToolResult) else ours(part.provider_data, api)


def spoken(message: Message) -> str:
    """What an assistant said aloud: its text, and thoughts in plain words; not a model's hidden reasoning, which has `provider_data`."""
    texts = [part.text for part in message.parts if type(part) is Text]
    thoughts = [part.text for part in message.parts if type(part) is Thinking and part.provider_data is None and part.text]
    return "\n".join([*thoughts, *(["".join(texts)] if any(texts) else [])])


def call_ids(calls: Sequence[ToolCall], at: int, api: str) -> list[str]:
    """An id for each call of the message at `at`: the provider's own where all of them have one and no two the same, else made from the place."""
    own = [text(ours(call.provider_data, api).get("id")) for call in calls]
    if all(own) and len(set(own)) == len(own):
        return own
    return [f"call_{at}_{index}" for index in range(len(own))]


def result_ids(results: Message, before: Message | None, at: int, api: str) -> list[str]:
    """The id for each result of the tool message at `at`: that of the call which it answers, in the message `before` it."""
    ids = call_ids(before.calls, at - 1, api) if before is not None else []
    return ids + [f"call_{at - 1}_{index}" for index in range(len(ids), len(results.results))]


# ----------------------------------------------------------------------------------------- names and schemas for APIs

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ODD = re.compile(r"[^A-Za-z0-9_-]")


def safe_name(name: str) -> str:
    """A tool's name as APIs take it: letters, digits, ``_`` and ``-``, at most 64. Others get a mark of their own, so that no two become one.

    The leaf turns it back with the help of the request's tools.
    """
    if _PLAIN_NAME.fullmatch(name):
        return name
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{_ODD.sub('_', name)[:57] or 'tool'}_{mark}"


def answer_schema(head: Head, native: bool) -> JsonObject | None:
    """The schema to ask of the API's structured output: none where the answer is a call of the tool ``finish``, or where all is text."""
    return None if not native or any(spec.name == FINISH_TOOL for spec in head.tools) else head.output_schema


def with_extra(body: JsonObject, extra: JsonObject | None) -> JsonObject:
    """The body with the caller's own fields, which stand against ours. Tools are the exception: the provider's own, listed there, join the agent's."""
    ours, theirs = body.get("tools"), (extra or {}).get("tools")
    both: JsonObject = {"tools": [*ours, *theirs]} if isinstance(ours, list) and isinstance(theirs, list) else {}
    return {**body, **(extra or {}), **both}


def strict_ready(schema: object, depth: int = 0) -> bool:
    """Whether a schema is one that strict modes take as it is: each object closed, each of its properties required, few keywords.

    A schema that does not qualify is sent without ``strict`` rather than changed: what a provider does not enforce, we do.
    """
    if not isinstance(schema, dict) or depth > 8 or not _STRICT_KEYWORDS.issuperset(schema):
        return False
    kind = schema.get("type")
    properties = schema.get("properties")
    if kind == "object":
        if schema.get("additionalProperties") is not False or not isinstance(properties, dict):
            return False
        required = schema.get("required")
        if set(required if isinstance(required, list) else ()) != set(properties):
            return False
        return all(strict_ready(inner, depth + 1) for inner in properties.values())
    if kind == "array":
        return strict_ready(schema.get("items"), depth + 1)
    if "anyOf" in schema:
        options = schema["anyOf"]
        return depth > 0 and isinstance(options, list) and all(strict_ready(inner, depth + 1) for inner in options)
    return depth > 0 and ("enum" in schema or "const" in schema or kind in ("string", "integer", "number", "boolean", "null"))


_STRICT_KEYWORDS = frozenset(
    ("type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "const", "description", "title")
)


# ------------------------------------------------------------------------------------------------ bodies and pictures


def listed(field: bytes, chunks: Sequence[bytes], options: bytes, before: bytes = b"") -> bytes:
    """``{"field":[chunks],…options}`` with `before` put first. Whatever is empty is left out."""
    return b"{" + before + b'"' + field + b'":[' + b",".join(filter(None, chunks)) + b"]," + options[1:]


_INLINE = re.compile(r"data:([^;,]++)(?:;[^;,]++)*?;base64,", re.IGNORECASE)


def with_data(image: Image) -> Image:
    """The picture with its bytes at hand where its URL holds them, which is a URL for browsers and OpenAI alone."""
    inline = _INLINE.match(image.url) if image.data is None and image.url is not None else None
    if inline is None or image.url is None:
        return image
    return Image(inline[1], image.url[inline.end() :], None, None, image.provider_data)


def no_picture(image: Image) -> str:
    """What stands in a picture's place where its bytes are not at hand or the API cannot take it."""
    return f"[a picture, {image.media_type}, that cannot be shown here]"
