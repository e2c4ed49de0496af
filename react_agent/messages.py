"""The nouns: what is said between a person, a model and its tools, in a language that knows no provider and no dialect.

All are frozen slotted dataclasses: they are made on every step, and a dataclass is made in a third of the time and memory of a
validated model. What comes from outside is checked where it comes in: by the formats, and by pydantic when a trace is loaded.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar, overload

from pydantic import Field, JsonValue, TypeAdapter
from pydantic_core import to_json

if TYPE_CHECKING:
    JsonObject: TypeAlias = dict[str, JsonValue]
else:  # for pydantic: its JsonValue is walked value by value in Python, and what is JSON already needs no check
    JsonObject = dict[str, Any]
Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "tool_calls", "length", "refused"]
ResultStatus = Literal["ok", "error", "timeout", "refused", "invalid", "unknown_tool"]
OutcomeKind = Literal["answered", "limit", "refused", "malformed", "looped", "failed", "cancelled", "paused"]


def clean(text: str) -> str:
    """The text with lone surrogates replaced by U+FFFD, so that it can be encoded, stored and sent."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # a pair that was split becomes its character
    return text


# --------------------------------------------------------------------------------------------------------------- parts


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text."""

    text: str
    provider_data: JsonObject | None = None
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: base64 ``data``, or a ``url``, or the ``sha256`` of bytes that lie beside the trace.

    ``media_type`` is a MIME type such as ``image/png``.
    """

    media_type: str
    data: str | None = None
    url: str | None = None
    sha256: str | None = None
    provider_data: JsonObject | None = None
    type: Literal["image"] = "image"

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str = "image/png") -> Image:
        return cls(media_type, base64.b64encode(data).decode("ascii"))

    @classmethod
    def from_file(cls, path: str | Path) -> Image:
        media_type = mimetypes.guess_type(str(path))[0] or "image/png"
        return cls.from_bytes(Path(path).read_bytes(), media_type)


@dataclass(frozen=True, slots=True)
class Thinking:
    """What the model thought: a ReAct ``Thought:``, or a provider's reasoning (whose signature is in ``provider_data``)."""

    text: str
    provider_data: JsonObject | None = None
    type: Literal["thinking"] = "thinking"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model wrote. Its identity is its place: (step, index).

    Attributes:
        name: The tool's name as written.
        arguments: The parsed object, or None when it could not be read; then ``complaint`` says why.
        complaint: What is wrong with the text, in words that the model can act on.
        raw: The arguments' text as the model wrote it, kept where it is not plain from ``arguments``.
        provider_data: For instance the provider's call id; sent back to the same API only.
    """

    name: str
    arguments: JsonObject | None = None
    complaint: str | None = None
    raw: str | None = None
    provider_data: JsonObject | None = None
    type: Literal["tool_call"] = "tool_call"


ResultPart: TypeAlias = Annotated[Text | Image, Field(discriminator="type")]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of one call. A tool message holds one for each call of the assistant message before it, in call order.

    Attributes:
        name: The tool's name.
        content: Text and images for the model.
        status: ``ok``; or why there is no result: the tool raised (``error``), took too long (``timeout``), was not allowed
            (``refused``), the arguments broke the schema or were unreadable (``invalid``), or there is no such tool.
        untrusted: The text came from an open world and is data, never instructions.
    """

    name: str
    content: tuple[ResultPart, ...]
    status: ResultStatus = "ok"
    untrusted: bool = False
    type: Literal["tool_result"] = "tool_result"

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    @property
    def text(self) -> str:
        content = self.content
        if len(content) == 1 and type(content[0]) is Text:
            return content[0].text
        return "\n".join([part.text for part in content if type(part) is Text])


Part: TypeAlias = Annotated[Text | Image | Thinking | ToolCall | ToolResult, Field(discriminator="type")]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of one speaker."""

    role: Role
    parts: tuple[Part, ...]
    provider_data: JsonObject | None = None

    @property
    def text(self) -> str:
        """All text parts, joined by nothing."""
        return "".join(part.text for part in self.parts if type(part) is Text)

    @property
    def thought(self) -> str:
        return "\n".join(part.text for part in self.parts if type(part) is Thinking)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if type(part) is ToolCall)

    @property
    def results(self) -> tuple[ToolResult, ...]:
        return tuple(part for part in self.parts if type(part) is ToolResult)


def system(text: str) -> Message:
    return Message("system", (Text(text),))


def user(*parts: str | Text | Image) -> Message:
    return Message("user", tuple([Text(clean(part)) if isinstance(part, str) else _clean_part(part) for part in parts]))


P = TypeVar("P", "Text | Image", "Part")


def _clean_part(part: P) -> P:
    if type(part) is Text and (text := clean(part.text)) is not part.text:
        return Text(text, part.provider_data)
    return part


def assistant(*parts: str | Text | Thinking | ToolCall) -> Message:
    return Message("assistant", tuple(Text(part) if isinstance(part, str) else part for part in parts))


# --------------------------------------------------------------------------------------------- what a tool is, as data


@dataclass(frozen=True, slots=True)
class ToolExample:
    """A worked call, shown in prompts and docs: what was asked, what to call with, what came back."""

    arguments: JsonObject
    question: str | None = None
    thought: str | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model and a trace know it.

    Attributes:
        name: Unique within an agent; letters, digits, ``_``, ``-`` and ``.``, at most 128.
        description: For the model.
        parameters: JSON Schema 2020-12 of the arguments, an object.
        output_schema: JSON Schema of the result, where it is known.
        read_only, idempotent, destructive, open_world: MCP's annotations (2025-11-25, ``ToolAnnotations``). ``destructive`` is
            None where nobody said; a policy then treats what is not read-only as possibly destructive.
        verifiable: The tool can tell, by a call's key, what became of it.
    """

    name: str
    description: str
    parameters: JsonObject
    output_schema: JsonObject | None = None
    read_only: bool = False
    idempotent: bool = False
    destructive: bool | None = None
    open_world: bool = False
    verifiable: bool = False
    examples: tuple[ToolExample, ...] = ()

    @property
    def repeatable(self) -> bool:
        """Running it twice does no more than running it once."""
        return self.read_only or self.idempotent


# ------------------------------------------------------------------------------------------------ asking and answering


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more requests. ``input_tokens`` counts all that was read, cached or not; ``output_tokens`` all that was written, thinking included."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens - other.input_tokens,
            self.output_tokens - other.output_tokens,
            self.cache_read_tokens - other.cache_read_tokens,
            self.cache_write_tokens - other.cache_write_tokens,
            self.reasoning_tokens - other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is asked. None leaves the server's own default.

    Attributes:
        temperature, top_p, seed: Sampling.
        max_tokens: Most tokens of one reply.
        stop: Further stop sequences, beside the format's.
        thinking: Reasoning effort: ``none``, ``minimal``, ``low``, ``medium``, ``high``; passed on where the API has such.
        extra: Further fields of the request's body, as the provider names them.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    thinking: str | None = None
    extra: JsonObject | None = None


class Chain:
    """An append-only run of messages with a running digest, and room for what others derived from its prefix.

    Only `MessageView.extend` appends. Views share one chain; a view that is not its newest copies before it grows, so no view ever
    sees another's messages.
    """

    __slots__ = ("__weakref__", "hashed", "hasher", "items", "memos")

    def __init__(self) -> None:
        self.items: list[Message] = []
        self.hasher = hashlib.sha256()
        self.hashed = 0  # how many messages it has taken in
        self.memos: dict[object, list[Any]] = {}  # whoever derives one thing per message says which; Any, since each has its own


class MessageView(Sequence[Message]):
    """The first `n` messages of a chain; immutable."""

    __slots__ = ("chain", "n")

    def __init__(self, chain: Chain | None = None, n: int = 0) -> None:
        self.chain = Chain() if chain is None else chain
        self.n = n

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, at: int) -> Message: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Message]: ...
    def __getitem__(self, at: int | slice) -> Message | Sequence[Message]:
        if isinstance(at, slice):
            return [self.chain.items[i] for i in range(*at.indices(self.n))]
        if not -self.n <= at < self.n:
            raise IndexError(at)
        return self.chain.items[at if at >= 0 else self.n + at]

    def __iter__(self) -> Iterator[Message]:
        items = self.chain.items
        return (items[i] for i in range(self.n))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MessageView) and other.chain is self.chain:
            return other.n == self.n
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # compared by content, like a list

    def __repr__(self) -> str:
        return f"MessageView({list(self)!r})"

    def extend(self, *messages: Message) -> MessageView:
        """A view with these messages after its own; in place where nobody else has grown the chain."""
        chain = self.chain
        if len(chain.items) != self.n:
            chain = Chain()
            chain.items = self.chain.items[: self.n]
        chain.items.extend(messages)
        return MessageView(chain, self.n + len(messages))

    def memo(self, key: object, derive: Callable[[Message, Message | None], Any]) -> list[Any]:
        """What `derive(message, the one before)` gives for each message, each computed once in the chain's life.

        The list may be longer than the view; only its first ``len(view)`` entries belong to it.
        """
        done = self.chain.memos.get(key)
        if done is None:
            done = self.chain.memos[key] = []
        items = self.chain.items
        for i in range(len(done), self.n):
            done.append(derive(items[i], items[i - 1] if i else None))
        return done

    def hasher(self) -> hashlib._Hash:
        """SHA-256 over what the messages say, a line each; a copy to go on with. Each message is taken in once in the chain's life."""
        chain = self.chain
        if chain.hashed > self.n:  # an older view than the last that was hashed
            chain = Chain()
            chain.items = self.chain.items
        for i in range(chain.hashed, self.n):
            chain.hasher.update(_essence(chain.items[i]) + b"\n")
        chain.hashed = self.n
        return chain.hasher.copy()


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | str  # or the name of the one tool to call


@dataclass(frozen=True, slots=True)
class Head:
    """What a model is told beside the messages; the same object for all requests of a run, so it is encoded and hashed once.

    Compared by content, but hashed by identity: what was derived for one head is looked up under the head itself.
    """

    tools: tuple[ToolSpec, ...] = ()
    settings: Settings = Settings()
    output_schema: JsonObject | None = None
    examples: tuple[tuple[Message, ...], ...] | None = None  # trajectories to learn from; None and not (), so that old digests stay

    def __hash__(self) -> int:
        return id(self) >> 4


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a backend is asked: neutral, and an exact extension of the request before it."""

    messages: MessageView
    head: Head = Head()
    tool_choice: ToolChoice = "auto"

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self.head.tools

    @property
    def settings(self) -> Settings:
        return self.head.settings

    def digest(self) -> str:
        """32 hex digits that name this request: SHA-256 over its messages, its head and its tool choice."""
        hasher = self.messages.hasher()
        hasher.update(_head_digest(self.head) + self.tool_choice.encode())
        return hasher.hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Act:
    """The model wants tools called."""

    thought: str
    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The model is done."""

    thought: str
    text: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """Neither a call nor an answer can be told; `complaint` is what the model is shown."""

    complaint: str


Reading: TypeAlias = Act | Answer | Malformed


@dataclass(frozen=True, slots=True)
class ReadBy:
    """How a reply was read.

    Attributes:
        format: Name of the format, such as ``native`` or ``react_text``.
        version: Of its reader; raised when it reads something differently.
        dialect: Where a format reads several, the one found.
        span: Characters [start, end) of the raw text that were taken for the step.
        repairs: Names of the lossless repairs that were made.
        cut: Text after the step that was thrown away (a made-up observation, a second guess), bounded.
    """

    format: str
    version: int = 1
    dialect: str | None = None
    span: tuple[int, int] | None = None
    repairs: tuple[str, ...] = ()
    cut: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try on the way to a reply: which backend, and why it was chosen or left."""

    backend: str
    error: str | None = None
    reason: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What a backend gives back.

    Attributes:
        message: The assistant's turn, neutral. For a malformed reply: its text as written, without calls.
        reading: ``act``, ``answer`` or ``malformed``; the calls and the answer stand in the message.
        complaint: For a malformed reply, or a refusal's words.
        finish: Why the model stopped.
        read_by: How the text was read.
        usage: Tokens, or None where the server does not say.
        model: The model's own name for itself.
        route: Attempts before this one and the choices made, outermost first.
        raw: The text as it came, where the message does not give it back exactly.
        request_id: The provider's id of the exchange.
        cost: In US dollars, or None where it is not known.
    """

    message: Message
    reading: Literal["act", "answer", "malformed"]
    complaint: str | None = None
    finish: Finish = "stop"
    read_by: ReadBy | None = None
    usage: Usage | None = None
    model: str | None = None
    route: tuple[Attempt, ...] = ()
    raw: str | None = None
    request_id: str | None = None
    cost: float | None = None

    def read(self) -> Reading:
        """The reading as one of `Act`, `Answer`, `Malformed`."""
        if self.reading == "act":
            return Act(self.message.thought, self.message.calls)
        if self.reading == "answer":
            return Answer(self.message.thought, self.message.text)
        return Malformed(self.complaint or "")


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a streamed reply for a listener; not an event, and never acted on.

    ``kind`` says what grows: the ``text``, the ``thinking``, or a ``call`` (then `text` is a piece of its arguments); ``restart`` says that the
    stream broke and begins anew, so what came before is void.
    """

    kind: Literal["text", "thinking", "call", "restart"]
    text: str
    name: str | None = None
    index: int = 0


# ----------------------------------------------------------------------------------------------------------- the ending


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An exception as data: never its traceback."""

    type: str
    message: str
    status: int | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, or why it rests.

    Attributes:
        kind: The closed set of endings.
        detail: Which limit, what was asked, the provider's words: for people.
        error: The backend's error, when it was lost.
    """

    kind: OutcomeKind
    detail: str = ""
    error: ErrorInfo | None = None


# -------------------------------------------------------------------------------------------------------------- digests


def _essence(message: Message) -> bytes:
    """What a message says, as JSON lists: what digests are made of.

    Neutral: what only one API gave (`provider_data`) does not count.
    """
    said: list[object] = [message.role]
    for part in message.parts:
        if isinstance(part, ToolCall):
            said.append(("call", part.name, part.arguments, part.complaint))
        elif isinstance(part, ToolResult):
            content = [one.text if isinstance(one, Text) else _picture(one) for one in part.content]
            said.append(("result", part.name, part.status, content))
        elif isinstance(part, Image):
            said.append(_picture(part))
        else:
            said.append((part.type, part.text))
    return to_json(said)


def _picture(part: Image) -> tuple[str | None, ...]:
    return ("image", part.media_type, part.data, part.url, part.sha256)


@cache
def _head_adapter() -> TypeAdapter[Head]:
    return TypeAdapter(Head)


_head_digests: dict[int, tuple[Head, bytes]] = {}


def _head_digest(head: Head) -> bytes:
    """SHA-256 of a head; remembered by identity, since a run asks with one and the same head again and again."""
    known = _head_digests.get(id(head))
    if known is not None and known[0] is head:
        return known[1]
    digest = hashlib.sha256(_head_adapter().serializer.to_json(head, exclude_none=True)).digest()
    if len(_head_digests) >= 256:
        _head_digests.clear()
    _head_digests[id(head)] = (head, digest)
    return digest


def as_parts(value: str | Message | Sequence[str | Text | Image]) -> Message:
    """A task in any of the forms a caller may give it, as a user message."""
    if isinstance(value, Message):
        return Message(value.role, tuple([_clean_part(part) for part in value.parts]), value.provider_data)
    if isinstance(value, str):
        return user(value)
    return user(*value)
