"""Running a record again without its world: every request, every planned call and every reading has to come out as it was recorded.

Pure but for a trace that is named by its path: it folds the trace and compares. So a saved trace is a regression test of prompts, formats and the loop.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from react_agent.errors import ConfigError, Diverged, FormatError, TraceError
from react_agent.events import Asked, Called, Event, Replied, Returned, Started
from react_agent.formats import get_format
from react_agent.formats.base import Format, RawReply
from react_agent.loop import CallModel, CallTools, Effect, Pause, PlannedCall, State, begin, next_effect, update
from react_agent.messages import (
    Act,
    Answer,
    Image,
    Malformed,
    Message,
    ModelReply,
    ModelRequest,
    Part,
    Reading,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from react_agent.spec import AgentSpec
from react_agent.trace import Trace


def replay(trace: Trace | str | Path, spec: AgentSpec | None = None) -> State:
    """The state at the trace's end, after every step of it was checked.

    Args:
        trace: The record, or the path of its file.
        spec: Begin with this spec instead of the recorded one, to see whether a changed agent would still ask the same.

    Raises:
        Diverged: The loop asks for something else than was recorded, or a recorded text is read differently now.
        TraceError: The file is no trace, or a picture that the model was shown is not beside it.
    """
    trace = trace if isinstance(trace, Trace) else Trace.load(trace)
    started = trace.started if spec is None else replace(trace.started, spec=spec)
    recorded, state = begin(trace.started), begin(started)
    for event in trace[1:]:
        _check(event, state, recorded)
        recorded, state = update(recorded, event), update(state, event)
    return state


def _check(event: Event, state: State, recorded: State) -> None:
    match event:
        case Replied():
            effect = next_effect(state)
            if not isinstance(effect, CallModel):
                raise Diverged(
                    f"step {state.steps}: the record has a reply, but the loop asks for {type(effect).__name__}", step=state.steps
                )
            check_request(event, effect.request, recorded, state.steps)
            check_reading(event.reply, effect.request, state.steps)
        case Called() | Returned() | Asked():
            check_call(event, next_effect(state), state)
        case Started():
            raise Diverged("the record has a second 'started'", step=state.steps)
        case _:
            pass


def check_request(event: Replied, request: ModelRequest, recorded: State, step: int) -> None:
    """Raise `Diverged` unless the request is the one that the recorded reply answered; `TraceError` where a picture of it is lost."""
    if not event.request or request.digest() == event.request:
        return
    if lost := [one.sha256 for message in request.messages for one in _pictures(message) if one.sha256 and not (one.data or one.url)]:
        raise TraceError(
            f"step {step}: the model was shown the picture {lost[0]}, which is not beside the trace: the file 'images/{lost[0]}' was looked for "
            "in the trace's folder when it was loaded; bring it along"
        )
    effect = next_effect(recorded)
    difference = diff_requests(effect.request, request) if isinstance(effect, CallModel) else ""
    why = (
        "" if difference else "; its own events say so, thus one before this step was edited, or another version of react_agent recorded it"
    )
    raise Diverged(f"step {step}: the model would be asked something else than was recorded{why}", step=step, difference=difference)


def _pictures(message: Message) -> Iterator[Image]:
    for part in message.parts:
        yield from (one for one in (part.content if isinstance(part, ToolResult) else [part]) if isinstance(one, Image))


def check_call(event: Called | Returned | Asked, effect: Effect, state: State) -> None:
    """Raise `Diverged` unless what was done about a call is what the loop wants done about it."""
    wants = type(effect).__name__
    if isinstance(effect, (CallTools, Pause)) and event.index < len(state.open) and event.step == state.steps - 1:
        plan = next((plan for plan in effect.calls if plan.index == event.index), None)
        if plan is None:
            if isinstance(event, Returned) and state.open[event.index].phase == "called":
                return
            wants = "nothing about it"
        elif _as_planned(event, plan):
            return
        else:
            wants = f"'{plan.name}' with key '{plan.key}' " + (
                f"to be asked for: {plan.ask}" if plan.ask else f"to {plan.mode} {plan.text}".rstrip()
            )
    match event:
        case Called():
            about = f" of '{event.name}' with key '{event.key}'"
        case Returned():
            about = f" with the status '{event.result.status}' and no 'called' before it"
        case Asked():
            about = ""
    raise Diverged(
        f"step {event.step}: the record has '{event.kind}' for call {event.index}{about}, but the loop asks for {wants}", step=event.step
    )


def _as_planned(event: Called | Returned | Asked, plan: PlannedCall) -> bool:
    match event:
        case Called():  # a fork has a new run id, and its old calls have the parent's keys
            place = f"/{plan.step}.{plan.index}"
            return plan.mode != "settle" and plan.ask is None and event.name == plan.name and event.key.endswith(place)
        case Asked():
            return plan.ask is not None or plan.mode == "verify"
        case Returned(result=result):  # without a `Called`, so nothing ran: it was settled by the loop or refused by the tool's schema
            if plan.mode == "settle":
                return result.status == plan.status
            known = plan.mode == "verify" or (event.cached is True and plan.ask is None)
            return result.status in ("invalid", "unknown_tool") or (known and result.status == "ok")


def check_reading(reply: ModelReply, request: ModelRequest, step: int) -> None:
    """Raise `Diverged` where the recorded text is read differently now."""
    if reply.read_by is None or reply.finish == "refused":
        return
    try:
        format_ = get_format(reply.read_by.format)
        parts = _as_written(reply, format_)
    except ConfigError:
        return  # a format of the user's own: its record stands
    except FormatError:
        return  # a reading without a text of its own
    again = format_.read(RawReply(parts, reply.finish), request)
    before, now = _plain(reply.read()), _plain(again.read())
    if before != now:
        raise Diverged(
            f"step {step}: the recorded text is read differently now (format '{format_.name}')",
            step=step,
            difference=_diff(_lines(before), _lines(now)),
        )


def _as_written(reply: ModelReply, format_: Format) -> tuple[Part, ...]:
    """What the model wrote; where the record keeps no text, the reading gives it back exactly."""
    if reply.raw is not None:
        beside = [
            part for part in reply.message.parts if type(part) is Thinking and part.provider_data
        ]  # came in a field of its own, not in the text
        return (*beside, Text(reply.raw))
    if not format_.native:
        return (Text(format_.write(reply.read())),)
    return tuple(
        ToolCall(part.name, part.arguments if part.raw is None else None, raw=part.raw) if isinstance(part, ToolCall) else part
        for part in reply.message.parts
    )


def _plain(reading: Reading) -> Reading:
    """Without what only tells how it was written."""
    if isinstance(reading, Act):
        return Act(
            reading.thought, tuple(ToolCall(c.name, c.arguments, "unreadable" if c.arguments is None else None) for c in reading.calls)
        )
    return Malformed("") if isinstance(reading, Malformed) else reading


def _lines(reading: Reading) -> list[str]:
    match reading:
        case Act(thought, calls):
            return [f"thought: {thought}", *[f"call: {call.name} {json.dumps(call.arguments, ensure_ascii=False)}" for call in calls]]
        case Answer(thought, text):
            return [f"thought: {thought}", f"answer: {text}"]
        case Malformed():
            return ["malformed"]


def diff_requests(recorded: ModelRequest, now: ModelRequest) -> str:
    """Both requests as text, as a unified diff."""
    return _diff(_request_lines(recorded), _request_lines(now))


def _diff(recorded: Sequence[str], now: Sequence[str]) -> str:
    return "\n".join(difflib.unified_diff(recorded, now, "recorded", "now", lineterm="", n=2))


def _request_lines(request: ModelRequest) -> list[str]:
    lines = [f"tool: {json.dumps([t.name, t.description, t.parameters], ensure_ascii=False)}" for t in request.tools]
    lines += [f"settings: {request.settings}", f"tool_choice: {request.tool_choice}"]
    for message in request.messages:
        lines += message_lines(message)
    return lines


def message_lines(message: Message) -> list[str]:
    """A message as readable lines, for differences and for people."""
    lines: list[str] = []
    for part in message.parts:
        if isinstance(part, ToolCall):
            lines.append(f"{message.role} calls {part.name} {json.dumps(part.arguments, ensure_ascii=False)}")
        elif isinstance(part, ToolResult):
            lines += [f"{message.role} {part.name} [{part.status}]: {line}" for line in part.text.splitlines() or [""]]
        elif part.type == "image":
            lines.append(f"{message.role} image {part.media_type}")
        else:
            lines += [f"{message.role} {part.type}: {line}" for line in part.text.splitlines() or [""]]
    return lines or [f"{message.role}: (nothing)"]
