"""Why a run ended before its answer: what ended it, what repeated, and what to do about it; from its trace alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from react_agent.events import Finished, Replied, Returned, Stopped, Told
from react_agent.messages import Outcome
from react_agent.trace import CallRecord, Step, Trace
from react_agent.view import words
from react_agent.view.standing import Standing

_MOST = 3  # repetitions that are told


class Reason(NamedTuple):
    """A line: ``ended``, ``repeated``, ``mostly``, ``took`` or ``to do``, and what is to be said of it."""

    label: str
    text: str


def reasons(trace: Trace, stands: Standing) -> list[Reason]:
    """What there is to say of a run that a limit ended, or whose answer had to be asked for; else nothing."""
    outcome = stands.outcome
    if outcome is None or not (outcome.kind in ("limit", "looped", "malformed") or (outcome.kind == "answered" and outcome.detail)):
        return []
    first = _first_step(trace)
    steps = [step for step in trace.steps() if step.index >= first]
    again = sorted(_calls_again(steps), key=lambda each: -len(each.steps)) + list(_unusable_again(steps))
    said = [Reason("ended", f"{outcome.kind}: {words.plain_line(outcome.detail, 400)}")]
    said += [Reason("repeated", each.text) for each in again[:_MOST]]
    if outcome.kind == "limit" and not again:
        said += _mostly(steps)
    said += _took(trace, steps, outcome)
    return [*said, *(Reason("to do", text) for text in _to_do(outcome, again, steps))]


def _first_step(trace: Trace) -> int:
    """The first step that belongs to the question that was asked last."""
    step = first = 0
    over = False
    for event in trace:
        match event:
            case Finished():
                over = event.outcome.kind not in ("paused", "cancelled")
            case Told() if over:
                first, over = step, False
            case Replied():
                step, over = step + 1, False
    return first


# --------------------------------------------------------------------------------------------------------- what repeated


class _Again(NamedTuple):
    text: str
    steps: list[int]
    status: str  # of its results; of a reply that could not be used "malformed"


def _calls_again(steps: Iterable[Step]) -> Iterator[_Again]:
    """The same call with the same result, as the loop notices it."""
    groups: dict[tuple[str, str, str, str], tuple[CallRecord, list[int]]] = {}
    for step in steps:
        for call, written in zip(step.calls, step.reply.message.calls, strict=True):
            if call.result is None:
                continue
            given = json.dumps(call.arguments, sort_keys=True) if call.arguments is not None else written.raw or ""
            key = (call.name, given, call.result.status, words.distinct(call.result.content))
            groups.setdefault(key, (call, []))[1].append(step.index)
    for (_, given, status, result), (call, where) in groups.items():
        if len(where) > 1:
            did = words.plain_line(words.call(call.name, call.arguments, given), 160)
            came = words.plain_line(result, 100) or "nothing"
            how = "the same result" if status == "ok" else f"the same end, {status.replace('_', ' ')}"
            yield _Again(f"{did} {len(where)} times, in {_steps(where)}, with {how}: {came}", where, status)


def _unusable_again(steps: Iterable[Step]) -> Iterator[_Again]:
    groups: dict[str, list[int]] = {}
    for step in steps:
        if step.reply.reading == "malformed":
            groups.setdefault(step.reply.complaint or "neither a call nor an answer", []).append(step.index)
    for complaint, where in groups.items():
        if len(where) > 1:
            said = f"a reply that could not be used {len(where)} times, in {_steps(where)}: {words.plain_line(complaint, 160)}"
            yield _Again(said, where, "malformed")


def _steps(numbers: Sequence[int]) -> str:
    each = sorted(set(numbers))
    if len(each) == 1:
        return f"step {each[0]}"
    if len(each) > 2 and each[-1] - each[0] == len(each) - 1:
        return f"steps {each[0]} to {each[-1]}"
    shown = [str(number) for number in each]
    return f"steps {', '.join(shown[:6])}" + (f" … {shown[-1]}" if len(shown) > 6 else "")


def _mostly(steps: Sequence[Step]) -> Iterator[Reason]:
    """No call was made twice, but one tool took most of them."""
    counts: dict[str, int] = {}
    for step in steps:
        for call in step.calls:
            if call.result is not None:
                counts[call.name] = counts.get(call.name, 0) + 1
    total = sum(counts.values())
    name, most = max(counts.items(), key=lambda each: each[1], default=("", 0))
    if most > 2 and most * 2 >= total:
        yield Reason(
            "mostly", f"{words.plain_line(name)}: {most} of {words.amount(total, 'call')}, no two with the same arguments and result"
        )


def _took(trace: Trace, steps: Sequence[Step], outcome: Outcome) -> Iterator[Reason]:
    what = outcome.detail.partition(":")[0]
    if outcome.kind != "limit":
        return
    if what == "seconds":
        if any(isinstance(event, Stopped) for event in trace[-2:]):  # what was waited for never came, and has no time of its own
            return
        first = steps[0].index if steps else 0
        tools = sum(event.seconds for event in trace if isinstance(event, Returned) and event.step >= first)
        yield Reason("took", f"the model {words.seconds(sum(step.seconds for step in steps))}, tools {words.seconds(tools)}")
    elif what in ("tokens", "dollars"):
        read = [step.reply.usage.input_tokens for step in steps if step.reply.usage]
        if read:
            yield Reason("took", f"the first request read {read[0]:,} tokens, the last {read[-1]:,}")


# -------------------------------------------------------------------------------------------------------------- what to do

_OPTIONS = {"steps": "--steps", "tokens": "--tokens", "dollars": "--cost", "seconds": "--seconds"}


def _to_do(outcome: Outcome, again: Sequence[_Again], steps: Sequence[Step]) -> Iterator[str]:
    status = again[0].status if again else "malformed" if outcome.kind == "malformed" else ""
    match status:
        case "":
            pass
        case "ok":
            yield "let the tool's description or its result say that there is no more to come, or that it answers the question"
        case "invalid" | "unknown_tool":
            yield "say in the tool's description what its arguments look like, as with @tool(examples=[…]); or try a larger model"
        case "malformed":
            last = steps[-1].index if steps else 0
            yield (
                f"`react-agent trace raw FILE --step {last}` shows what the model wrote, and `react-agent trace prompt FILE --step {last}` what it was "
                "told; another --format or a larger model may do"
            )
        case _:
            yield "let the tool's error say what to do instead: the model has only that to go by"
    if outcome.kind == "limit":
        option = _OPTIONS.get(outcome.detail.partition(":")[0])
        rest = "; what repeats would use up those too" if again else ""
        how = f"`react-agent resume FILE {option} N` goes on with more" if option else "agent.resume(trace) with larger Limits(…) goes on"
        yield how + rest
    elif outcome.kind == "looped":
        yield '`react-agent resume FILE "…"` tells the model what to do instead; limits.repeats says how often it may repeat itself'
