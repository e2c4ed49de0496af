"""What is to be done now, read off a state."""

from __future__ import annotations

from msgspec.structs import replace

from react_agent.loop.effects import CallModel, CallTools, Effect, Finish, Pause, PlannedCall
from react_agent.loop.state import OpenCall, State
from react_agent.messages import ModelRequest, ResultStatus, ToolCall, ToolChoice
from react_agent.spec import FINISH_TOOL


def next_effect(state: State) -> Effect:
    """What is to be done now. The same for the same trace, always."""
    if state.outcome is not None:
        return Finish(state.outcome)
    if state.open:
        return _next_calls(state)
    if state.closing is None:
        return CallModel(ModelRequest(state.view, state.head), "step")
    choice: ToolChoice = FINISH_TOOL if state.spec.output_schema is not None else "none"
    return CallModel(ModelRequest(state.view, state.head, choice), "last")


def _next_calls(state: State) -> CallTools | Pause:
    planned: list[PlannedCall] = []
    waiting: list[PlannedCall] = []
    under_way = False
    budget = state.spec.limits.tool_calls
    within = None if budget is None else _within(state, budget)
    for index, opened in enumerate(state.open):
        if opened.phase == "done":
            continue
        if opened.phase == "called":
            under_way = True
            continue
        plan = _plan(state, opened, index)
        if within is not None and index not in within and plan.mode == "run" and plan.name in state.tools and plan.name != FINISH_TOOL:
            text = f"Not run: the limit of {budget} tool calls is reached."
            plan = replace(plan, mode="settle", ask=None, status="refused", text=text)
        if plan.ask is not None and opened.phase in ("asked", "orphan"):
            waiting.append(plan)
        else:
            planned.append(plan)
    if waiting and not planned and not under_way:
        return Pause(tuple(waiting))
    return CallTools(tuple(planned))


def _within(state: State, budget: int) -> set[int]:
    """Which calls of the open step may run: the first that could. It depends on the calls alone, not on how far each of them is."""
    begun = {index for index, opened in enumerate(state.open) if opened.key is not None}
    left = budget - (state.tool_calls - state.base.tool_calls)
    for index, opened in enumerate(state.open):
        unreadable = opened.call.arguments is None and opened.arguments is None
        settled = opened.settled is not None or unreadable or opened.call.name not in state.tools
        if left > 0 and index not in begun and not settled and opened.call.name != FINISH_TOOL:
            begun.add(index)
            left -= 1
    return begun


_ORPHAN = "It was started before the run was interrupted, and nobody knows whether it was carried out. Run it again?"


def _plan(state: State, opened: OpenCall, index: int) -> PlannedCall:
    call, step, limits = opened.call, state.steps - 1, state.spec.limits
    arguments = opened.arguments if opened.arguments is not None else call.arguments
    key = opened.key or f"{state.run_id}/{step}.{index}"
    if (
        opened.phase == "ready"
        and call.name in state.allowed
        and arguments is not None
        and state.closing is None
        and index < limits.calls_per_step
    ):
        return PlannedCall(step, index, call.name, arguments, key)  # as nearly all are; for the others it is told why not
    if opened.settled is not None:
        return _settle(step, index, call, key, *opened.settled)
    tool = state.tools.get(call.name)
    if arguments is None and tool is not None:
        return _settle(step, index, call, key, "invalid", call.complaint or "The arguments could not be read.")
    begun = opened.key is not None  # then it is too late to refuse it: nobody may be told that it did not run
    if not begun and index >= limits.calls_per_step:
        text = f"Not run: at most {limits.calls_per_step} calls are looked at in one step."
        return _settle(step, index, call, key, "refused", text)
    if state.closing is not None and call.name != FINISH_TOOL:
        return _settle(step, index, call, key, "refused", f"Not run: only '{FINISH_TOOL}' may be called now.")
    if tool is None and opened.phase == "orphan":
        return PlannedCall(step, index, call.name, arguments or {}, key, ask=_ORPHAN)
    if tool is None or arguments is None:  # the dispatcher says so, and runs nothing, whatever it has been given since the agent was made
        return PlannedCall(step, index, call.name, arguments or {}, key, status="unknown_tool")
    decision, reason = ("allow", "") if call.name in state.allowed else state.spec.policy.decide(tool, arguments, untrusted=state.untrusted)
    if opened.phase == "orphan":
        if decision == "deny" or not (tool.repeatable or tool.verifiable):
            return PlannedCall(step, index, call.name, arguments, key, ask=_ORPHAN)
        return PlannedCall(step, index, call.name, arguments, key, mode="run" if tool.repeatable else "verify")
    if decision == "deny" and not begun:  # though it was asked for before: the agent or the arguments became others
        return _settle(step, index, call, key, "refused", f"This call is not allowed{': ' + reason if reason else '.'}")
    if opened.phase == "asked":
        return PlannedCall(step, index, call.name, arguments, key, ask=opened.question)
    ask = (reason or "May it run?") if decision == "ask" and opened.phase != "approved" else None
    return PlannedCall(step, index, call.name, arguments, key, ask=ask)


def _settle(step: int, index: int, call: ToolCall, key: str, status: ResultStatus, text: str) -> PlannedCall:
    return PlannedCall(step, index, call.name, call.arguments or {}, key, "settle", None, status, text)
