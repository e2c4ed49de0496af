"""One more fact: how a state takes in an event."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, assert_never

from msgspec.structs import replace

from react_agent.errors import TraceError
from react_agent.events import (
    Asked,
    Called,
    Changed,
    Compacted,
    Event,
    Finished,
    Replied,
    Resumed,
    Returned,
    Reviewed,
    Started,
    Stopped,
    Told,
)
from react_agent.loop.batch import close_batch
from react_agent.loop.limits import check_limits, say, say_last_word
from react_agent.loop.state import Ledger, OpenCall, Spent, State
from react_agent.messages import Head, Message, MessageView, ModelReply, Outcome, Text, ToolCall, ToolSpec
from react_agent.spec import FINISH_TOOL, AgentSpec


def fold(events: Iterable[Event]) -> State:
    """The state after these events, the first of which is `Started`."""
    rest = iter(events)
    first = next(rest, None)
    if not isinstance(first, Started):
        raise TraceError("a trace begins with 'started'")
    state = begin(first)
    for event in rest:
        advance(state, event)
    return state


def begin(event: Started) -> State:
    """The state of a run that has just begun."""
    spec = event.spec
    head, tools, allowed = _derived(spec)
    first = Message("system", (Text(spec.instructions),) if spec.instructions else ())  # always there: formats put their prompt here
    view = MessageView().extend(first, event.task)
    return State(run_id=event.run_id, spec=spec, head=head, tools=tools, allowed=allowed, view=view, ledger=Ledger(), at=event.at)


@lru_cache(256)  # all runs of an agent have one spec
def _derived(spec: AgentSpec) -> tuple[Head, dict[str, ToolSpec], frozenset[str]]:
    """What its models are told, its tools by name, and the names of those that are allowed whatever the arguments."""
    head = spec.head()
    tools = {tool.name: tool for tool in head.tools}
    allowed = [name for name, tool in tools.items() if name == FINISH_TOOL or spec.policy.always_allows(tool)]  # an answer is no call
    return head, tools, frozenset(allowed)


def update(state: State, event: Event) -> State:
    """The state after one more event; `state` stays as it was."""
    new = state.copy()
    advance(new, event)
    return new


def advance(new: State, event: Event) -> None:
    """`update` in place, for whoever owns the state alone, as a host does: the same fold without a copy for each event."""
    if type(event) in _ACTIVE or (type(event) is Told and _busy(new, event)):
        passed = event.at - new.at
        if passed > 0.0:  # a clock may be set back
            new.seconds += passed
    new.at = event.at
    if type(event) is Replied:
        _replied(new, event)
    elif type(event) is Called:
        opened = _opened(new, event)
        if opened.key is None and event.name != FINISH_TOOL:  # an orphan that runs again was counted, an answer is no call
            new.tool_calls += 1
        opened.phase, opened.key = "called", event.key
    elif type(event) is Returned:
        _returned(new, event)
    elif type(event) is Asked:
        opened = _opened(new, event)
        opened.phase, opened.question = "asked", event.question
    elif type(event) is Reviewed:
        _reviewed(new, event)
    elif type(event) is Told:
        new.inbox = (*new.inbox, event.message)
        if not (new.open or event.during_request):
            _drain(new)
    elif type(event) is Changed:
        if event.spec != new.spec:
            _change_spec(new, event.spec)
    elif type(event) is Compacted:
        messages = list(new.view)
        messages[event.start : event.end] = event.messages
        if event.start < new.began:
            new.began = max(event.start, new.began - event.end + event.start) + len(event.messages)
        new.view = MessageView().extend(*messages)
    elif type(event) is Resumed:
        _resumed(new, event)
    elif type(event) is Stopped:
        kind: Literal["failed", "cancelled", "limit"] = "limit" if event.cause == "deadline" else event.cause
        new.outcome = Outcome(kind, event.detail, event.error)
    elif type(event) is not Started and type(event) is not Finished:
        assert_never(event)


_ACTIVE = frozenset({Replied, Called, Returned, Asked, Stopped})  # time before other events is a pause


def _busy(state: State, event: Told) -> bool:
    """A word was said while the model or a tool was at work, so the time before it was no pause."""
    return event.during_request or any(opened.phase == "called" for opened in state.open)


def _change_spec(state: State, spec: AgentSpec) -> None:
    if spec.instructions != state.spec.instructions:
        first = Message("system", (Text(spec.instructions),) if spec.instructions else ())
        state.view = MessageView().extend(first, *state.view[1:])
    state.spec = spec
    state.head, state.tools, state.allowed = _derived(spec)
    if state.outcome is None or state.outcome.kind not in ("answered", "refused"):
        _reopen(state)  # with other limits or tools it may go on


def _opened(state: State, event: Called | Returned | Asked) -> OpenCall:
    """The open call that an event is about. Raises `TraceError` when there is none: the record was changed by hand."""
    if event.step == state.steps - 1 and 0 <= event.index < len(state.open):
        return state.open[event.index]
    raise TraceError(
        f"'{event.kind}' of call {event.index} in step {event.step} does not fit: no such call is open in step {state.steps - 1}"
    )


def _replied(state: State, event: Replied) -> None:
    reply = event.reply
    state.steps += 1
    if reply.usage is not None:
        state.usage += reply.usage
    if reply.cost is not None:
        state.cost, state.priced = state.cost + reply.cost, True
    message = reply.message
    if reply.finish == "refused":
        _add(state, _without_calls(message))
        state.outcome = Outcome("refused", reply.complaint or message.text)
    elif (calls := _calls(reply)) and (state.closing is None or _finishes(state, message)):
        state.view = state.view.extend(message)
        state.open, state.left = calls, len(calls)
        return  # what was said meanwhile waits for the results
    elif state.closing is not None:
        _add(state, _without_calls(message))
        _closed(state, message.text if reply.reading == "answer" else None)
    elif reply.reading == "answer" and state.spec.output_schema is None:
        state.view = state.view.extend(_without_calls(message))
        state.answer, state.mistakes = message.text, 0
        state.outcome = Outcome("answered")
    else:
        _add(state, _without_calls(message))
        state.mistakes += 1
        complaint = reply.complaint or (
            "A call was meant, but there is none."
            if reply.reading == "act"
            else f"An answer has to be given by a call of the tool '{FINISH_TOOL}'."
        )
        if state.mistakes >= state.spec.limits.mistakes:
            state.outcome = Outcome("malformed", f"{state.mistakes} replies in a row could not be used; the last: {complaint}")
        else:
            warning = check_limits(state)
            say(state, f"{complaint}\n\n{warning}" if warning else complaint)
            say_last_word(state)
    _drain(state)


def _calls(reply: ModelReply) -> tuple[OpenCall, ...]:
    """The calls of a reply that acts; none where a backend of somebody's own says that it does, and gives none."""
    return tuple([OpenCall(part) for part in reply.message.parts if type(part) is ToolCall]) if reply.reading == "act" else ()


def _finishes(state: State, message: Message) -> bool:
    """The typed answer is among the calls; of the last reply nothing else is run."""
    return state.spec.output_schema is not None and any(call.name == FINISH_TOOL for call in message.calls)


def _add(state: State, message: Message) -> None:
    if message.parts:
        state.view = state.view.extend(message)


def _without_calls(message: Message) -> Message:
    """What of a message may stay in the conversation when its calls are not run: providers refuse calls without results."""
    if not any(type(part) is ToolCall for part in message.parts):
        return message
    return Message(message.role, tuple(part for part in message.parts if type(part) is Text))


def _closed(state: State, text: str | None) -> None:
    """The last request was answered, or was not."""
    closing = state.closing
    assert closing is not None
    if text is not None and closing.kind == "looped" and state.spec.output_schema is None:
        state.answer = text
        state.outcome = Outcome("answered", f"asked for the answer after repetition: {closing.detail}")
    else:
        state.outcome = closing


def _returned(state: State, event: Returned) -> None:
    opened = _opened(state, event)
    if opened.phase == "done":
        raise TraceError(f"call {event.index} of step {event.step} has two results")
    opened.phase, opened.returned = "done", event
    state.left -= 1
    if event.usage is not None:
        state.usage += event.usage
    if event.cost is not None:
        state.cost, state.priced = state.cost + event.cost, True
    if not state.left:
        close_batch(state)
        if state.inbox:
            _drain(state)


def _reviewed(state: State, event: Reviewed) -> None:
    if not state.awaits(event.step, event.index):
        return  # leave for one call is no leave for another
    opened = state.open[event.index]
    match event.decision:
        case "approve":
            pass  # as it is
        case "change":
            opened.arguments = event.arguments or {}
        case "deny":
            opened.settled = ("refused", event.reason or "This call was not allowed.")
        case "result":
            opened.settled = ("ok", event.result or "")
        case _:
            assert_never(event.decision)
    opened.phase = "approved"


def _resumed(state: State, event: Resumed) -> None:
    state.epoch = event.epoch
    for opened in state.open:
        if opened.phase == "called":
            opened.phase = "orphan"
    state.base = replace(state.base, seconds=state.seconds)
    stopped = state.outcome is not None and state.outcome.kind in ("failed", "cancelled")
    if stopped or _deadline(state.outcome):
        state.outcome = None
    if _deadline(state.closing):
        state.closing = None
    if not state.open:
        _drain(state)


def _deadline(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.kind == "limit" and outcome.detail.startswith("seconds")


def _drain(state: State) -> None:
    """What a person said meanwhile is heard now; after an ending it is the next question."""
    if not state.inbox:
        return
    if state.outcome is not None or state.closing is not None:
        state.began = len(state.view)
        state.ledger = Ledger()  # asking the same again for another question is no repetition
        _reopen(state)
    state.mistakes = state.repeats = 0
    state.view = state.view.extend(*state.inbox)
    state.inbox = ()


def _reopen(state: State) -> None:
    state.base = Spent(state.steps, state.tool_calls, state.usage, state.cost, state.seconds)
    state.mistakes = state.repeats = 0
    state.warned = False
    state.closing = state.outcome = state.answer = state.output = None
