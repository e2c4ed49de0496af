"""The law of the loop, for any trace: a prefix always folds to the same state, asks for the same, and nothing changes a state once made."""

from __future__ import annotations

from collections.abc import Sequence

from react_agent import Trace, replay
from react_agent.events import Called, Changed, Compacted, Replied, Returned
from react_agent.loop import CallModel, Effect, State, begin, fold, next_effect, update
from react_agent.messages import ModelRequest
from react_agent.spec import FINISH_TOOL

KINDS = {"answered", "limit", "refused", "malformed", "looped", "failed", "cancelled", "paused"}


def effect_picture(effect: Effect) -> str:
    """All that an effect says, as text."""
    if isinstance(effect, CallModel):
        request = effect.request
        return f"{effect.purpose} {request.tool_choice} {request.digest()} {list(request.messages)}"
    return repr(effect)


def picture(state: State) -> str:
    """All that a state says and asks for, as text, so that a later change of it shows. The spec is compared as such: 0 and 0.0 are one."""
    told = [
        f"{name}={getattr(state, name)!r}" for name in State.__slots__ if name not in ("ledger", "view", "allowed", "spec", "head", "tools")
    ]
    known = list(state.ledger.index)[: state.ledger.n]
    return "\n".join([*told, repr(list(state.view)), repr(sorted(state.allowed)), repr(known), effect_picture(next_effect(state))])


def states_of(trace: Trace) -> list[State]:
    """The state at each prefix, each made by `update` from the one before; none of them is touched by a later one."""
    states = [begin(trace.started)]
    pictures = [picture(states[0])]
    for event in trace[1:]:
        states.append(update(states[-1], event))
        assert picture(states[-2]) == pictures[-1], f"update changed the state it was given, at {event.kind}"
        pictures.append(picture(states[-1]))
    assert [picture(state) for state in states] == pictures, "a later update changed an earlier state"
    return states


def check_law(trace: Trace, requests: Sequence[ModelRequest] | None = None) -> None:
    """The whole law for one trace; `requests` are what the models were really asked, those left out that nobody answered."""
    again = Trace.from_jsonl(trace.to_jsonl())
    assert again == trace, "through JSON and back"
    states = states_of(trace)
    for at, live in enumerate(states, 1):
        folded = fold(again.cut(at))
        assert folded == live
        assert picture(folded) == picture(live), f"the first {at} events fold to something else from the file"
    for state, event in zip(states, trace[1:], strict=False):  # a sibling from each prefix: the buffers are shared, what they say is not
        assert picture(update(state, event)) == picture(update(state, event))
    check_requests(trace, states, requests)
    assert replay(again) == states[-1]


def check_requests(trace: Trace, states: list[State], requests: Sequence[ModelRequest] | None) -> None:
    """Each reply answers what its prefix asks for, and each request goes on from the one before."""
    asked: list[CallModel] = []
    before: CallModel | None = None
    for state, event in zip(states, trace[1:], strict=False):
        if isinstance(event, (Changed, Compacted)):
            before = None
        if not isinstance(event, Replied):
            continue
        effect = next_effect(state)
        assert isinstance(effect, CallModel)
        assert (effect.request.digest(), effect.purpose) == (event.request, event.purpose)
        if before is not None:
            past = list(before.request.messages)
            assert list(effect.request.messages)[: len(past)] == past, "a request is the one before plus what is new"
            assert effect.request.head == before.request.head
        asked.append(effect)
        before = effect
    if requests is not None:
        assert [effect.request.digest() for effect in asked] == [request.digest() for request in requests]
        assert [list(effect.request.messages) for effect in asked] == [list(request.messages) for request in requests]
        assert [effect.request.tool_choice for effect in asked] == [request.tool_choice for request in requests]


def check_bounds(trace: Trace) -> None:
    """Nothing ran that a limit or the policy of that moment does not let run, and of nothing that had begun was it said that it did not run."""
    state = begin(trace.started)
    for event in trace[1:]:
        limits, spent = state.spec.limits, state.base
        if isinstance(event, Replied) and event.purpose == "step":
            assert limits.steps is None or state.steps - spent.steps < limits.steps
            assert limits.tokens is None or state.usage.total_tokens - spent.usage.total_tokens < limits.tokens
        if isinstance(event, Called) and event.name != FINISH_TOOL and state.open[event.index].key is None:
            opened = state.open[event.index]
            assert limits.tool_calls is None or state.tool_calls - spent.tool_calls < limits.tool_calls
            assert event.index < limits.calls_per_step
            arguments = opened.arguments or opened.call.arguments or {}
            decision, _ = state.spec.policy.decide(state.tools[event.name], arguments, untrusted=state.untrusted)
            assert decision == "allow" or (decision == "ask" and opened.phase == "approved")
        if isinstance(event, Returned) and state.open[event.index].phase == "orphan":
            assert event.result.status not in ("refused", "unknown_tool"), "nobody knows that it did not run"
        state = update(state, event)
