"""The spans of one run, made event by event."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from react_agent import semconv as names
from react_agent.errors import TraceError
from react_agent.events import Called, Changed, Event, Finished, Replied, Resumed, Returned, Started, Stopped, Told
from react_agent.loop import State, advance, begin
from react_agent.messages import Image, Message, Text, Thinking, ToolCall, ToolResult, Usage
from react_agent.spec import FINISH_TOOL, AgentSpec
from react_agent.trace import Trace

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

    from react_agent.view.redact import Redactor

Attributes: TypeAlias = "dict[str, str | int | float | list[str]]"
_UNKNOWN = "_OTHER"  # a tool's name that the model made up is content


class Parents:
    """The calls of all runs by their keys, for the sub-agents that run beneath them.

    Args:
        keep: Those that have returned too, for runs that are told of one after the other.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self.contexts: dict[str, Context] = {}
        self._keep = keep

    def forget(self, key: str) -> None:
        """The call has returned."""
        if not self._keep:
            self.contexts.pop(key, None)


class RunSpans:
    """The spans of one run, made event by event.

    Args:
        tracer: Makes them.
        parents: Shared by runs that may be beneath one another.
        content: Whether what was said goes in.
        redactor: Masks it.
        apart: The run is no part of what goes on now, and begins a trace of its own.
    """

    def __init__(
        self, tracer: Tracer, parents: Parents, *, content: bool = False, redactor: Redactor | None = None, apart: bool = False
    ) -> None:
        self._otel = _otel()
        self._tracer = tracer
        self._parents = parents
        self._content = content
        self._redactor = redactor
        self._apart = apart
        self._started: Started | None = None
        self._spec: AgentSpec | None = None
        self._backend = ""
        self._state: State | None = None
        self._root: Span | None = None
        self._open: dict[tuple[int, int], tuple[Span, str]] = {}
        self._steps = 0
        self._before = 0  # steps of earlier sittings, which have spans of their own; so have their tokens and costs
        self._usage = Usage()
        self._cost: float | None = None
        self._last = 0.0
        self._copied = 0  # events of a fork's beginning that happened in its parent, and have their spans there

    def know(self, trace: Trace) -> None:
        """What was written before: no spans are made of it."""
        for event in trace:
            self._fold(self._masked(event))
            self._steps += isinstance(event, Replied)

    def _masked(self, event: Event) -> Event:
        return event if self._redactor is None else self._redactor.event(event)

    def take(self, event: Event) -> None:
        """One more event."""
        event = self._masked(event)
        if self._copied:
            self._copied -= 1
            self._steps += isinstance(event, Replied)
            self._fold(event)
            return
        if isinstance(event, Resumed):  # whoever wrote before is gone, and what was open then is open no more
            self.close()
        if isinstance(event, Started):
            self._fold(event)
            if event.parent is not None and event.parent.at is not None:
                self._copied = event.parent.at - 1
            else:
                self._begin(event.at)
        elif self._root is None and not isinstance(event, Finished):
            self._begin(event.at)
        match event:
            case Replied():
                self._chat(event)
            case Called():
                self._called(event)
            case Returned():
                self._returned(event)
            case Stopped():
                self._stopped(event)
            case Finished():
                self._finished(event)
            case Told():
                self._told(event)
            case _:
                pass
        if not isinstance(event, Started):
            self._fold(event)
        self._last = event.at

    def close(self) -> None:
        """End what is still open: a run that was cut off."""
        for place in list(self._open):
            span, key = self._open.pop(place)
            self._parents.forget(key)
            span.end(_nanoseconds(self._last))
        self._end(self._last)

    # ---------------------------------------------------------------------------------------------------------- inside

    def _fold(self, event: Event) -> None:
        if isinstance(event, Started):
            self._started = event
        if isinstance(event, Started | Changed):
            self._spec, self._backend = event.spec, event.backend
        if not self._content:
            return
        if isinstance(event, Started):
            self._state = begin(event)
        elif self._state is not None:
            try:
                advance(self._state, event)
            except TraceError:
                self._state = None  # edited by hand: from here on nobody knows what the model was sent

    def _begin(self, at: float) -> None:
        started, spec = self._started, self._spec
        if started is None or spec is None:
            raise TraceError("a trace begins with 'started'")
        made = {names.AGENT_NAME: spec.name, names.CONVERSATION: started.run_id, **self._model(names.INVOKE_AGENT)}
        context: Context | None = self._otel.nothing if self._apart else None
        if started.parent is not None:
            made[names.PARENT_RUN] = started.parent.run_id
            context = self._parents.contexts.get(started.parent.call or "", context)
        if self._content:
            made[names.SYSTEM_INSTRUCTIONS] = _json([{"type": "text", "content": spec.instructions}]) if spec.instructions else ""
            made[names.TOOL_DEFINITIONS] = _json(
                [{"type": "function", "name": t.name, "description": t.description, "parameters": t.parameters} for t in spec.tools]
            )
            made[names.INPUT_MESSAGES] = _json([_said(started.task)])
        name = f"{names.INVOKE_AGENT} {spec.name}"
        self._before, self._usage, self._cost = self._steps, Usage(), None
        self._root = self._tracer.start_span(
            name, context, self._otel.internal, {k: v for k, v in made.items() if v != ""}, start_time=_nanoseconds(at)
        )

    def _model(self, operation: str) -> Attributes:
        provider, model = _provider_and_model(self._backend)
        return {names.OPERATION: operation, names.PROVIDER: provider, names.REQUEST_MODEL: model}

    def _beneath(self) -> Context:
        assert self._root is not None
        return self._otel.context_of(self._root)

    def _request(self) -> Attributes:
        """What the model is asked with."""
        made = self._model(names.CHAT) | {names.STEP: self._steps}
        if self._spec is not None:
            settings = self._spec.settings
            for name, value in (
                (names.REQUEST_TEMPERATURE, settings.temperature),
                (names.REQUEST_TOP_P, settings.top_p),
                (names.REQUEST_MAX_TOKENS, settings.max_tokens),
                (names.REQUEST_SEED, settings.seed),
            ):
                if value is not None:
                    made[name] = value
            if settings.stop:
                made[names.REQUEST_STOP] = list(settings.stop)
        if self._state is not None:
            made[names.INPUT_MESSAGES] = _json([_said(message) for message in self._state.messages if message.parts])
        return made

    def _chat(self, event: Replied) -> None:
        reply = event.reply
        made = self._request() | _usage(reply.usage)
        made |= {names.PURPOSE: event.purpose, names.READING: reply.reading, names.RESPONSE_FINISH: [names.FINISH[reply.finish]]}
        for name, value in (
            (names.RESPONSE_MODEL, reply.model),
            (names.RESPONSE_ID, reply.request_id),
            (names.RESPONSE_FIRST_CHUNK, event.first_token),
            (names.COST, reply.cost),
        ):
            if value is not None:
                made[name] = value
        if self._content:
            made[names.OUTPUT_MESSAGES] = _json([{**_said(reply.message), "finish_reason": names.FINISH[reply.finish]}])
        self._request_span(made, event.at - event.seconds).end(_nanoseconds(event.at))
        self._steps += 1
        self._spend(reply.usage, reply.cost)

    def _spend(self, usage: Usage | None, cost: float | None) -> None:
        if usage is not None:
            self._usage += usage
        if cost is not None:
            self._cost = (self._cost or 0.0) + cost

    def _told(self, event: Told) -> None:
        """The next question of a run is what its span was asked."""
        if self._content and self._root is not None and self._steps == self._before:
            self._root.set_attribute(names.INPUT_MESSAGES, _json([_said(event.message)]))

    def _request_span(self, made: Attributes, at: float) -> Span:
        name = f"{names.CHAT} {made[names.REQUEST_MODEL]}"
        return self._tracer.start_span(name, self._beneath(), self._otel.client, made, start_time=_nanoseconds(at))

    def _tool_span(self, name: str, step: int, index: int, key: str, at: float) -> Span:
        tool = self._spec.tool(name) if self._spec else None
        typed = name == FINISH_TOOL and self._spec is not None and self._spec.output_schema is not None
        shown = name if tool or typed or self._content else _UNKNOWN
        made: Attributes = {
            names.OPERATION: names.EXECUTE_TOOL,
            names.TOOL_NAME: shown,
            names.TOOL_TYPE: "function",
            names.TOOL_CALL_ID: key,
            names.STEP: step,
        }
        if self._content:
            if tool:
                made[names.TOOL_DESCRIPTION] = tool.description
            if self._state is not None and index < len(self._state.open):
                opened = self._state.open[index]
                made[names.TOOL_ARGUMENTS] = _json(opened.arguments if opened.arguments is not None else opened.call.arguments)
        return self._tracer.start_span(
            f"{names.EXECUTE_TOOL} {shown}", self._beneath(), self._otel.internal, made, start_time=_nanoseconds(at)
        )

    def _called(self, event: Called) -> None:
        span = self._tool_span(event.name, event.step, event.index, event.key, event.at)
        self._open[event.step, event.index] = span, event.key
        self._parents.contexts[event.key] = self._otel.context_of(span)

    def _returned(self, event: Returned) -> None:
        known = self._open.pop((event.step, event.index), None)
        if known is not None:
            span, key = known
            self._parents.forget(key)
        else:  # it never ran
            span = self._tool_span(event.result.name, event.step, event.index, f"{event.step}.{event.index}", event.at - event.seconds)
        self._spend(event.usage, event.cost)
        span.set_attribute(names.STATUS, event.result.status)
        if not event.result.ok:
            span.set_attribute(names.ERROR_TYPE, event.result.status)
            span.set_status(self._otel.error)
        if self._content:
            span.set_attribute(names.TOOL_RESULT, event.result.text)
        span.end(_nanoseconds(event.at))

    def _stopped(self, event: Stopped) -> None:
        """A request that was lost has no reply, and its span tells why."""

        kind = event.error.type if event.error else event.cause
        if event.cause != "cancelled" and not self._open:
            span = self._request_span(self._request(), self._last)
            span.set_attribute(names.ERROR_TYPE, kind)
            span.set_status(self._otel.error, event.detail if self._content else None)
            span.end(_nanoseconds(event.at))
        if self._root is not None:
            self._root.set_attribute(names.ERROR_TYPE, kind)

    def _finished(self, event: Finished) -> None:
        if self._root is None:
            return
        self._root.set_attributes({names.OUTCOME: event.outcome.kind, names.STEPS: self._steps - self._before, **_usage(self._usage)})
        if self._cost is not None:
            self._root.set_attribute(names.COST, self._cost)
        if event.outcome.kind == "failed":
            self._root.set_status(self._otel.error, event.outcome.detail if self._content else None)
        if self._content and event.answer is not None:
            self._root.set_attribute(
                names.OUTPUT_MESSAGES, _json([{"role": "assistant", "parts": [{"type": "text", "content": event.answer}]}])
            )
        self._end(event.at)

    def _end(self, at: float) -> None:
        if self._root is not None:
            self._root.end(_nanoseconds(at))
            self._root = None


@dataclass(frozen=True, slots=True)
class _Otel:
    """What is needed of opentelemetry's API."""

    context_of: Callable[[Span], Context]
    nothing: Context
    internal: SpanKind
    client: SpanKind
    error: StatusCode


@cache
def _otel() -> _Otel:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

    return _Otel(set_span_in_context, Context(), SpanKind.INTERNAL, SpanKind.CLIENT, StatusCode.ERROR)


def _provider_and_model(backend: str) -> tuple[str, str]:
    """Of a backend's name: ``openai:gpt-5``, ``http://localhost:8080/v1#model``, ``mock``."""
    if "://" in backend:
        return "openai_compatible", backend.rpartition("#")[2] if "#" in backend else _UNKNOWN
    provider, _, model = backend.partition(":")
    return names.PROVIDERS.get(provider, provider), model or provider


def _nanoseconds(at: float) -> int | None:
    return int(at * 1e9) if math.isfinite(at) and at > 0 else None


def _usage(usage: Usage | None) -> Attributes:
    if usage is None or usage == Usage():  # no reply told how many there were
        return {}
    made: Attributes = {names.INPUT_TOKENS: usage.input_tokens, names.OUTPUT_TOKENS: usage.output_tokens}
    rest = (
        (names.CACHE_READ_TOKENS, usage.cache_read_tokens),
        (names.CACHE_WRITE_TOKENS, usage.cache_write_tokens),
        (names.REASONING_TOKENS, usage.reasoning_tokens),
    )
    return made | {name: value for name, value in rest if value}


def _said(message: Message) -> dict[str, object]:
    """A message as the conventions write it."""
    return {"role": message.role, "parts": [_part(part, index) for index, part in enumerate(message.parts)]}


def _part(part: Text | Image | Thinking | ToolCall | ToolResult, index: int) -> dict[str, object]:
    match part:
        case Text():
            return {"type": "text", "content": part.text}
        case Thinking():
            return {"type": "reasoning", "content": part.text}
        case ToolCall():
            return {"type": "tool_call", "id": str(index), "name": part.name, "arguments": part.arguments}
        case ToolResult():
            return {"type": "tool_call_response", "id": str(index), "response": part.text}
        case Image():
            return {"type": "blob", "modality": "image", "mime_type": part.media_type}  # its bytes stay in the trace


def _json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False)
