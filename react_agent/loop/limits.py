"""Where a run comes to its end, and what the model is told of it."""

from __future__ import annotations

from react_agent.loop.state import State
from react_agent.messages import Outcome, user
from react_agent.spec import FINISH_TOOL


def say(state: State, text: str) -> None:
    state.view = state.view.extend(user(text))


def check_limits(state: State) -> str | None:
    """Sets `closing` where a limit is reached; else gives the one warning, when a limit is near."""
    limits, base = state.spec.limits, state.base
    near: str | None = None
    set_limits: list[tuple[str, float, float]] = []
    if limits.steps is not None:
        set_limits.append(("steps", limits.steps, state.steps - base.steps))
    if limits.tool_calls is not None:
        set_limits.append(("tool calls", limits.tool_calls, state.tool_calls - base.tool_calls))
    if limits.tokens is not None:
        set_limits.append(("tokens", limits.tokens, state.usage.total_tokens - base.usage.total_tokens))
    if limits.cost is not None:
        set_limits.append(("dollars", limits.cost, state.cost - base.cost))
    if limits.seconds is not None:
        set_limits.append(("seconds", limits.seconds, state.seconds - base.seconds))
    for name, limit, used in set_limits:
        if used >= limit:
            state.closing = Outcome("limit", f"{name}: {used:g} of {limit:g} used")
            return None
        if used >= limit * 0.8 or (name == "steps" and limit > 1 and used == limit - 1):
            near = f"Note: {used:g} of at most {limit:g} {name} are used. Come to an answer soon."
    if near is None or state.warned:
        return None
    state.warned = True
    return near


def say_last_word(state: State) -> None:
    if state.closing is None or state.outcome is not None:
        return
    why = "You are repeating yourself." if state.closing.kind == "looped" else "This was the last step allowed."
    how = (
        f"Call only '{FINISH_TOOL}', now" if state.spec.output_schema is not None else "Do not call tools any more. Answer the question now"
    )
    say(state, f"{why} {how}, from the results above.")
