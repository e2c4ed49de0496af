"""What happened: the closed union of facts from outside that a trace is made of.

Everything else (messages, steps, spend, outcome) is a fold over these and stored nowhere. Each event has ``at``, seconds since the Unix
epoch, and ``kind``, which names it in JSON.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias, final

from react_agent.messages import ErrorInfo, JsonObject, Message, ModelReply, Noun, Outcome, ToolResult, Usage
from react_agent.spec import AgentSpec

SCHEMA_VERSION = 1

Purpose = Literal["step", "last"]
ReviewDecision = Literal["approve", "change", "deny", "result"]


class Fact(Noun, frozen=True, tag_field="kind"):
    """What all events have: the time, in seconds since the Unix epoch, and a tag, ``kind``."""

    at: float


class Edit(Noun, frozen=True):
    """A text of a fork's beginning that is not as it was in its parent.

    Attributes:
        at: Which event, counted from 0.
        what: ``question``, ``observation``, ``observation.1``…
        before: The text as it was.
    """

    at: int
    what: str
    before: str


class Parent(Noun, frozen=True):
    """Where a run came from: the first `at` events of another run (a fork), or a call of another run (a sub-agent); or both, beneath a fork.

    Attributes:
        edits: What was changed in those events.
    """

    run_id: str
    at: int | None = None
    call: str | None = None
    edits: tuple[Edit, ...] = ()


@final
class Started(Fact, frozen=True, omit_defaults=False, tag="started"):
    """A run began. Holds the whole spec, so the trace explains itself without the code that made it."""

    kind: ClassVar[Literal["started"]] = "started"
    run_id: str
    task: Message
    spec: AgentSpec
    backend: str
    format: str
    parent: Parent | None = None
    schema_version: int = SCHEMA_VERSION


@final
class Replied(Fact, frozen=True, tag="replied"):
    """The model replied.

    Attributes:
        reply: What it wrote and how that was read.
        purpose: What it was asked for: a ``step``, or the ``last`` request of a run that must end.
        request: Digest of the request.
        seconds: From asking to the whole reply.
        first_token: Seconds to the first piece, when it was streamed.
    """

    kind: ClassVar[Literal["replied"]] = "replied"
    reply: ModelReply
    purpose: Purpose
    request: str
    seconds: float
    first_token: float | None = None


@final
class Called(Fact, frozen=True, tag="called"):
    """A call is about to run; written before it does. `key` is its idempotency key, ``run_id/step.index``."""

    kind: ClassVar[Literal["called"]] = "called"
    step: int
    index: int
    name: str
    key: str


@final
class Returned(Fact, frozen=True, tag="returned"):
    """What became of a call. One that never ran has no `Called` before it.

    Attributes:
        seconds: How long it ran.
        usage, cost: What was spent beneath it, by a sub-agent.
        left_behind: A sync tool that ran too long cannot be stopped; its thread was left to itself.
        output: The value of a typed answer (the reserved tool ``finish``).
        attempts: How often it was tried, where that was more than once.
        cached: True where the result is that of an earlier call of the run with the same arguments, and nothing ran.
    """

    kind: ClassVar[Literal["returned"]] = "returned"
    step: int
    index: int
    result: ToolResult
    seconds: float = 0.0
    usage: Usage | None = None
    cost: float | None = None
    left_behind: bool = False
    output: JsonObject | None = None
    attempts: int | None = None
    cached: bool | None = None


@final
class Asked(Fact, frozen=True, tag="asked"):
    """A call passed its checks and waits for a review: by policy, or because nobody knows what became of it."""

    kind: ClassVar[Literal["asked"]] = "asked"
    step: int
    index: int
    question: str


@final
class Reviewed(Fact, frozen=True, tag="reviewed"):
    """A person or rule decided on a call.

    ``approve`` runs it (an orphan: once more), ``change`` runs it with other `arguments`, ``deny`` refuses it for `reason`, ``result`` takes `result`
    as what came of it without running anything.
    """

    kind: ClassVar[Literal["reviewed"]] = "reviewed"
    step: int
    index: int
    decision: ReviewDecision
    arguments: JsonObject | None = None
    reason: str | None = None
    result: str | None = None
    by: str | None = None


@final
class Told(Fact, frozen=True, tag="told"):
    """A person speaks: the next question, or a word in the middle of a run.

    `during_request`: a model request was under way that did not hold it yet, so it comes after that request's reply.
    """

    kind: ClassVar[Literal["told"]] = "told"
    message: Message
    during_request: bool = False


@final
class Changed(Fact, frozen=True, tag="changed"):
    """From here on the agent is another: its spec, its backend or its format."""

    kind: ClassVar[Literal["changed"]] = "changed"
    spec: AgentSpec
    backend: str
    format: str


@final
class Compacted(Fact, frozen=True, tag="compacted"):
    """Messages [start, end) of the conversation were replaced by something shorter."""

    kind: ClassVar[Literal["compacted"]] = "compacted"
    start: int
    end: int
    messages: tuple[Message, ...]
    reason: str = ""


@final
class Resumed(Fact, frozen=True, tag="resumed"):
    """A new writer took the trace up. Calls that were open are orphans from here on."""

    kind: ClassVar[Literal["resumed"]] = "resumed"
    epoch: int


@final
class Stopped(Fact, frozen=True, tag="stopped"):
    """The run was ended from outside: the backend was lost, it was cancelled, or its time was up."""

    kind: ClassVar[Literal["stopped"]] = "stopped"
    cause: Literal["failed", "cancelled", "deadline"]
    detail: str = ""
    error: ErrorInfo | None = None


@final
class Finished(Fact, frozen=True, tag="finished"):
    """The ending, for readers of the file. It is recomputed from the rest and never trusted."""

    kind: ClassVar[Literal["finished"]] = "finished"
    outcome: Outcome
    steps: int
    usage: Usage
    answer: str | None = None
    cost: float | None = None


Event: TypeAlias = Started | Replied | Called | Returned | Asked | Reviewed | Told | Changed | Compacted | Resumed | Stopped | Finished
