"""What a format is: a pure codec between neutral messages and what one kind of model reads and writes.

The law that every format keeps, for every reading `d` that it does not refuse with `FormatError`::

    read(RawReply((Text(write(d)),)), request) reads as d            (modulo raw text and how it was read)
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from react_agent.messages import (
    Finish,
    Head,
    JsonObject,
    Message,
    ModelReply,
    ModelRequest,
    Part,
    Reading,
    Text,
    Thinking,
    ToolCall,
    Usage,
    clean,
)


class RawReply(Struct, gc=False):
    """A reply as the wire took it from the provider, before anyone read it.

    Attributes:
        parts: Text, thinking, and the provider's own tool calls. A call here has its arguments as text in ``raw`` and not parsed.
        finish: Why the model stopped, as far as the provider says.
        refusal: The provider's words when it or its filter refused.
        message_data: Opaque data that the whole message must carry back to the same API.
        paused: The provider rests in the midst of its turn. It goes on when it is sent the same request once more with these parts at the end, and with
            the fields that stand here.
    """

    parts: tuple[Part, ...]
    finish: Finish = "stop"
    usage: Usage | None = None
    model: str | None = None
    request_id: str | None = None
    refusal: str | None = None
    message_data: JsonObject | None = None
    cost: float | None = None
    paused: JsonObject | None = None

    def __post_init__(self) -> None:
        """Halves of surrogate pairs, which some servers send, become U+FFFD: what is read can be encoded, stored and sent."""
        self.parts = tuple(map(_encodable, self.parts))
        if self.refusal is not None:
            self.refusal = clean(self.refusal)


def _encodable(part: Part) -> Part:
    if type(part) is ToolCall:
        raw = part.raw
        if part.name.isascii() and (raw is None or raw.isascii()):
            return part
        return replace(part, name=clean(part.name), raw=None if raw is None else clean(raw))
    if type(part) is Text or type(part) is Thinking:
        text = clean(part.text)
        return part if text is part.text else replace(part, text=text)
    return part


class Format(Protocol):
    """One dialect. Instances hold no state of a run and may be shared."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...

    @property
    def native(self) -> bool:
        """Tools, calls and results go through the API's own fields. Otherwise all is text, and the wire sends no tools."""
        ...

    def stop(self, head: Head) -> tuple[str, ...]:
        """Stop sequences that keep the model from making up what comes after its step."""
        ...

    def lower(self, message: Message, before: Message | None, head: Head) -> tuple[Message, ...]:
        """What this neutral message is for the wire; `before` is the one it follows.

        A text format returns messages with text, images and no calls; the system message (always the first, maybe without parts)
        becomes the prompt with the tools' descriptions. Computed once per message: it must not depend on anything later.
        """
        ...

    def write(self, reading: Reading) -> str:
        """The text of one step. Raises `FormatError` where it could not be read back as the same."""
        ...

    def read(self, reply: RawReply, request: ModelRequest) -> ModelReply:
        """The reply, read. Never raises on what a model wrote: what cannot be told is malformed."""
        ...
