"""What happened: the closed union of facts from outside that a trace is made of.

Everything else (messages, steps, spend, outcome) is a fold over these and stored nowhere. Each event has ``at``, seconds since the Unix
epoch, and ``kind``, which names it in JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from react_agent.messages import ErrorInfo, JsonObject, Message, ModelReply, Outcome, ToolResult, Usage
from react_agent.quick import quick
from react_agent.spec import AgentSpec

SCHEMA_VERSION = 1

Purpose = Literal["step", "last"]
ReviewDecision = Literal["approve", "change", "deny", "result"]


@dataclass(frozen=True, slots=True)
class Parent:
    """Where a run came from: the first `at` events of another run (a fork), or a call of another run (a sub-agent)."""

    run_id: str
    at: int | None = None
    call: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A run began. Holds the whole spec, so the trace explains itself without the code that made it."""

    kind: Literal["started"] = field(default="started", kw_only=True)
    at: float
    run_id: str
    task: Message
    spec: AgentSpec
    backend: str
    format: str
    parent: Parent | None = None
    schema_version: int = SCHEMA_VERSION


@quick
@dataclass(frozen=True, slots=True)
class Replied:
    """The model replied.

    Attributes:
        reply: What it wrote and how that was read.
        purpose: What it was asked for: a ``step``, or the ``last`` request of a run that must end.
        request: Digest of the request.
        seconds: From asking to the whole reply.
        first_token: Seconds to the first piece, when it was streamed.
    """

    kind: Literal["replied"] = field(default="replied", kw_only=True)
    at: float
    reply: ModelReply
    purpose: Purpose
    request: str
    seconds: float
    first_token: float | None = None


@quick
@dataclass(frozen=True, slots=True)
class Called:
    """A call is about to run; written before it does. `key` is its idempotency key, ``run_id/step.index``."""

    kind: Literal["called"] = field(default="called", kw_only=True)
    at: float
    step: int
    index: int
    name: str
    key: str


@quick
@dataclass(frozen=True, slots=True)
class Returned:
    """What became of a call. One that never ran has no `Called` before it.

    Attributes:
        seconds: How long it ran.
        usage, cost: What was spent beneath it, by a sub-agent.
        left_behind: A sync tool that ran too long cannot be stopped; its thread was left to itself.
        output: The value of a typed answer (the reserved tool ``finish``).
        attempts: How often it was tried, where that was more than once.
        cached: True where the result is that of an earlier call of the run with the same arguments, and nothing ran.
    """

    kind: Literal["returned"] = field(default="returned", kw_only=True)
    at: float
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


@dataclass(frozen=True, slots=True)
class Asked:
    """A call passed its checks and waits for a review: by policy, or because nobody knows what became of it."""

    kind: Literal["asked"] = field(default="asked", kw_only=True)
    at: float
    step: int
    index: int
    question: str


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A person or rule decided on a call.

    ``approve`` runs it (an orphan: once more), ``change`` runs it with other `arguments`, ``deny`` refuses it for `reason`, ``result`` takes `result`
    as what came of it without running anything.
    """

    kind: Literal["reviewed"] = field(default="reviewed", kw_only=True)
    at: float
    step: int
    index: int
    decision: ReviewDecision
    arguments: JsonObject | None = None
    reason: str | None = None
    result: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A person speaks: the next question, or a word in the middle of a run.

    `during_request`: a model request was under way that did not hold it yet, so it comes after that request's reply.
    """

    kind: Literal["told"] = field(default="told", kw_only=True)
    at: float
    message: Message
    during_request: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """From here on the agent is another: its spec, its backend or its format."""

    kind: Literal["changed"] = field(default="changed", kw_only=True)
    at: float
    spec: AgentSpec
    backend: str
    format: str


@dataclass(frozen=True, slots=True)
class Compacted:
    """Messages [start, end) of the conversation were replaced by something shorter."""

    kind: Literal["compacted"] = field(default="compacted", kw_only=True)
    at: float
    start: int
    end: int
    messages: tuple[Message, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A new writer took the trace up. Calls that were open are orphans from here on."""

    kind: Literal["resumed"] = field(default="resumed", kw_only=True)
    at: float
    epoch: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The run was ended from outside: the backend was lost, it was cancelled, or its time was up."""

    kind: Literal["stopped"] = field(default="stopped", kw_only=True)
    at: float
    cause: Literal["failed", "cancelled", "deadline"]
    detail: str = ""
    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The ending, for readers of the file. It is recomputed from the rest and never trusted."""

    kind: Literal["finished"] = field(default="finished", kw_only=True)
    at: float
    outcome: Outcome
    steps: int
    usage: Usage
    answer: str | None = None
    cost: float | None = None


Event: TypeAlias = Started | Replied | Called | Returned | Asked | Reviewed | Told | Changed | Compacted | Resumed | Stopped | Finished
TaggedEvent = Annotated[Event, Field(discriminator="kind")]
