"""What a run gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from msgspec import Struct
from typing_extensions import TypeVar

from react_agent.errors import BackendError, ConfigError, RunFailed, TraceError
from react_agent.events import Event, Finished, Replied, Resumed, Reviewed
from react_agent.loop import Pause, PlannedCall, State, fold, next_effect, update
from react_agent.messages import JsonObject, Outcome, Usage, clean
from react_agent.trace import Step, Trace, read_again

if TYPE_CHECKING:
    from typing import Self

Output = TypeVar("Output", covariant=True, default=object)
"""The type of an agent's answer as it stands in ``result.output``: what the agent was given as ``output=``."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A call that waits for a review. Each method gives a decision to hand to ``agent.resume(trace, reviews=[…])``."""

    step: int
    index: int
    name: str
    arguments: JsonObject
    question: str

    def approve(self, *, by: str | None = None) -> Reviewed:
        """Run it (an interrupted one: run it again)."""
        return Reviewed(0.0, self.step, self.index, "approve", by=by)

    def change(self, arguments: JsonObject, *, by: str | None = None) -> Reviewed:
        """Run it with these arguments instead; they are checked like any, against the policy's denials too."""
        return Reviewed(0.0, self.step, self.index, "change", arguments=arguments, by=by)

    def deny(self, reason: str, *, by: str | None = None) -> Reviewed:
        """Do not run it; the model is told the reason. Raises `ConfigError` for what is no text."""
        return Reviewed(0.0, self.step, self.index, "deny", reason=_text(reason), by=by)

    def give(self, result: str, *, by: str | None = None) -> Reviewed:
        """Do not run it; take this as what came of it. Raises `ConfigError` for what is no text."""
        return Reviewed(0.0, self.step, self.index, "result", result=_text(result), by=by)


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise ConfigError(f"a reason, and a result that is given, are texts; not {type(given).__name__}")
    return clean(given)


def pending(trace: Trace | State) -> tuple[Pending, ...]:
    """The calls that a paused trace waits for; empty when it waits for none."""
    effect = next_effect(trace if isinstance(trace, State) else fold(trace))
    return tuple(as_pending(call) for call in effect.calls) if isinstance(effect, Pause) else ()


def as_pending(call: PlannedCall) -> Pending:
    return Pending(call.step, call.index, call.name, call.arguments, call.ask or "")


class Result(Struct, Generic[Output], frozen=True):
    """How a run ended and what there is.

    Attributes:
        outcome: One of the closed set of endings.
        answer: The final answer; None unless the outcome is ``answered``.
        output: The typed answer, where the agent has an output type and it was given; else None.
        partial: What there was when the run ended: the answer, else the last words or results.
        usage: Tokens of the whole trace, sub-agents included.
        cost: US dollars, or None where no price is known; `unpriced` replies are not in it.
        trace: The record.
        error: The backend's error when it was lost.
    """

    outcome: Outcome
    answer: str | None
    output: Output | None
    partial: str
    usage: Usage
    cost: float | None
    trace: Trace
    error: BackendError | None = None

    @property
    def steps(self) -> list[Step]:
        """The turns of the loop."""
        return self.trace.steps()

    @property
    def unpriced(self) -> int:
        """How many replies there are whose price nobody knows."""
        return sum(isinstance(event, Replied) and event.reply.cost is None for event in self.trace)

    @property
    def pending(self) -> tuple[Pending, ...]:
        """The calls that wait for a review, when the outcome is ``paused``."""
        return pending(self.trace)

    @property
    def events(self) -> Sequence[Event]:
        return self.trace

    def raise_for_outcome(self) -> Self:
        """This result, when it was answered. Raises `RunFailed` otherwise."""
        if self.outcome.kind != "answered":
            raise RunFailed(self.outcome) from self.error
        return self

    def __repr__(self) -> str:
        words = self.answer if self.answer is not None else self.outcome.detail
        replies = sum(isinstance(e, Replied) for e in self.trace)
        return f"<Result {self.outcome.kind}: {words[:200]!r}, {replies} {'reply' if replies == 1 else 'replies'}>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        from react_agent.view.notebook import card

        return card(self.trace)


def checked_review(review: object, call: PlannedCall | None = None) -> Reviewed:
    """A decision as a trace can hold it. Raises `ConfigError` for what is none, or is about another call than this one."""
    if not isinstance(review, Reviewed):
        raise ConfigError(f"{review!r} is no review; give what `approve`, `change`, `deny` or `give` of a pending call returns")
    if call is not None and (review.step, review.index) != (call.step, call.index):
        raise ConfigError(
            f"the reviewer was asked about call {call.step}.{call.index} ({call.name}) and decided on {review.step}.{review.index}"
        )
    try:
        return read_again(review)
    except TraceError as error:
        raise ConfigError(f"the review of call {review.step}.{review.index} cannot be written into the trace: {error}") from error


def check_reviews(state: State, reviews: Sequence[Reviewed]) -> None:
    """Raise `ConfigError` for a review that no call would be waiting for once the trace is taken up."""
    taken_up = update(state, Resumed(state.at, state.epoch + 1)) if reviews else state
    decided: set[tuple[int, int]] = set()
    for review in reviews:
        if (review.step, review.index) in decided:
            raise ConfigError(f"there are two reviews of call {review.step}.{review.index}: decide on one")
        decided.add((review.step, review.index))
        if not taken_up.awaits(review.step, review.index):
            waiting = ", ".join(f"{one.step}.{one.index} ({one.name})" for one in pending(taken_up))
            words = f"those that wait are {waiting}" if waiting else "none does"
            raise ConfigError(f"no call {review.step}.{review.index} waits for a review; {words}")


def ending(trace: Trace) -> Outcome | None:
    """The outcome that a trace's last event tells, if it is an ending."""
    last = trace[-1] if len(trace) else None
    return last.outcome if isinstance(last, Finished) else None
