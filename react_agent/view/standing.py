"""How a run stands: computed from its events as far as they fit together, whatever its last line claims."""

from __future__ import annotations

from dataclasses import dataclass

from react_agent.errors import TraceError
from react_agent.events import Changed, Finished, Replied, Started, Told
from react_agent.loop import State, advance, begin, next_effect
from react_agent.messages import Outcome
from react_agent.result import Pending, pending
from react_agent.trace import Trace
from react_agent.view import words

# What a fold raises over events that do not follow from one another, as after an edit by hand.
MISFITS = (TraceError, IndexError, KeyError, ValueError, TypeError, AttributeError, AssertionError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands.

    Attributes:
        state: After the events that fit together.
        fits: How many those are.
        outcome: None while something is still to be done, and where the events do not fit together.
        waiting: The calls that a paused run waits for.
        problem: Where and why the events do not fit together; else nothing.
    """

    state: State
    fits: int
    outcome: Outcome | None
    waiting: tuple[Pending, ...] = ()
    problem: str = ""

    @property
    def kind(self) -> str:
        """The outcome in one word; ``unfinished`` and ``damaged`` too."""
        return "damaged" if self.problem else self.outcome.kind if self.outcome else "unfinished"


def agents(trace: Trace) -> list[Started | Changed]:
    """Who a run was in the hands of, one after another."""
    return [event for event in trace if isinstance(event, (Started, Changed))]


def last_question(trace: Trace) -> str:
    """What was asked after an earlier question had come to its end; nothing where the first is the only one. The run's answer is to this one."""
    asked, over = "", False
    for event in trace:
        match event:
            case Finished():
                over = event.outcome.kind not in ("paused", "cancelled")
            case Told() if over:
                asked, over = words.said(event.message), False
            case Replied():
                over = False
    return asked


def standing(trace: Trace) -> Standing:
    """Fold a trace as far as its events fit together. Raises `TraceError` for an empty one."""
    state = begin(trace.started)
    for number in range(1, len(trace)):
        try:
            advance(state, trace[number])
        except MISFITS as error:
            why = f"event {number + 1} ('{trace[number].kind}') does not fit what comes before it ({_words(error)}). Was the file edited by hand?"
            return Standing(state, number, None, problem=why)
    try:
        waiting = pending(state) if state.outcome is None else ()
        next_effect(state)
    except MISFITS as error:
        return Standing(state, len(trace), None, problem=f"its events do not fit together ({_words(error)})")
    if waiting:
        return Standing(state, len(trace), Outcome("paused", "; ".join(f"{call.name}: {call.question}" for call in waiting)), waiting)
    return Standing(state, len(trace), state.outcome)


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, TraceError) else type(error).__name__
