"""Running a record again without its world: every request, every planned call and every reading has to come out as it was recorded.

Pure: it folds the trace and compares. So a saved trace is a regression test of prompts, formats and the loop.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import replace

from react_agent.errors import ConfigError, Diverged
from react_agent.events import Asked, Called, Event, Replied, Returned, Started
from react_agent.formats import get_format
from react_agent.formats.base import RawReply
from react_agent.loop import CallModel, CallTools, Pause, State, begin, next_effect, update
from react_agent.messages import Act, Answer, Malformed, Message, ModelReply, ModelRequest, Reading, Text, ToolCall, ToolResult
from react_agent.spec import AgentSpec
from react_agent.trace import Trace


def replay(trace: Trace, spec: AgentSpec | None = None) -> State:
    """The state at the trace's end, after every step of it was checked.

    Args:
        trace: The record.
        spec: Begin with this spec instead of the recorded one, to see whether a changed agent would still ask the same.

    Raises:
        Diverged: The loop asks for something else than was recorded, or a recorded text is read differently now.
    """
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
            effect = next_effect(state)
            open_ = isinstance(effect, (CallTools, Pause)) and event.index < len(state.open) and event.step == state.steps - 1
            if not open_:
                raise Diverged(
                    f"step {event.step}: the record has '{event.kind}' for call {event.index}, but the loop asks for {type(effect).__name__}",
                    step=event.step,
                )
        case Started():
            raise Diverged("the record has a second 'started'", step=state.steps)
        case _:
            pass


def check_request(event: Replied, request: ModelRequest, recorded: State, step: int) -> None:
    """Raise `Diverged` unless the request is the one that the recorded reply answered."""
    if not event.request or request.digest() == event.request:
        return
    effect = next_effect(recorded)
    difference = diff_requests(effect.request, request) if isinstance(effect, CallModel) else ""
    raise Diverged(f"step {step}: the model would be asked something else than was recorded", step=step, difference=difference)


def check_reading(reply: ModelReply, request: ModelRequest, step: int) -> None:
    """Raise `Diverged` where the recorded text is read differently now."""
    if reply.read_by is None or reply.raw is None or reply.finish == "refused":
        return
    try:
        format_ = get_format(reply.read_by.format)
    except ConfigError:
        return  # a format of the user's own: its record stands
    again = format_.read(RawReply((Text(reply.raw),), reply.finish), request)
    before, now = _plain(reply.read()), _plain(again.read())
    if before != now:
        raise Diverged(
            f"step {step}: the recorded text is read differently now (format '{format_.name}')",
            step=step,
            difference=_diff(_lines(before), _lines(now)),
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
