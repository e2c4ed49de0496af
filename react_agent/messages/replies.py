"""What a model gives back, and how a run ends."""

from __future__ import annotations

from typing import Literal, TypeAlias

from react_agent.messages.parts import Message, Noun, ToolCall

Finish = Literal["stop", "tool_calls", "length", "refused"]
OutcomeKind = Literal["answered", "limit", "refused", "malformed", "looped", "failed", "cancelled", "paused"]


class Usage(Noun, frozen=True):
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


class Act(Noun, frozen=True):
    """The model wants tools called."""

    thought: str
    calls: tuple[ToolCall, ...]


class Answer(Noun, frozen=True):
    """The model is done."""

    thought: str
    text: str


class Malformed(Noun, frozen=True):
    """Neither a call nor an answer can be told; `complaint` is what the model is shown."""

    complaint: str


Reading: TypeAlias = Act | Answer | Malformed


class ReadBy(Noun, frozen=True):
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


class Attempt(Noun, frozen=True):
    """One try on the way to a reply: which backend, and why it was chosen or left."""

    backend: str
    error: str | None = None
    reason: str | None = None
    seconds: float | None = None


class ModelReply(Noun, frozen=True):
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


class Delta(Noun, frozen=True):
    """A piece of a streamed reply for a listener; not an event, and never acted on.

    ``kind`` says what grows: the ``text``, the ``thinking``, or a ``call``: then `text` is a piece of its arguments or, where the model writes its calls
    as text, a piece of that, without a name. ``restart`` says that what came before is void: the stream broke and begins anew, or it turned out that
    what was told as one kind was another.
    """

    kind: Literal["text", "thinking", "call", "restart"]
    text: str
    name: str | None = None
    index: int = 0


class ErrorInfo(Noun, frozen=True):
    """An exception as data: never its traceback."""

    type: str
    message: str
    status: int | None = None
    request_id: str | None = None


class Outcome(Noun, frozen=True):
    """How a run ended, or why it rests.

    Attributes:
        kind: The closed set of endings.
        detail: Which limit, what was asked, the provider's words: for people.
        error: The backend's error, when it was lost.
    """

    kind: OutcomeKind
    detail: str = ""
    error: ErrorInfo | None = None
