"""The calls of one step, when the last of them has returned: one message, in call order; repetition is noticed here."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from react_agent.events import Returned
from react_agent.framing import note
from react_agent.loop.limits import check_limits, say_last_word
from react_agent.loop.state import OpenCall, State
from react_agent.messages import Image, Message, Outcome, Text, ToolResult
from react_agent.spec import FINISH_TOOL

_encode = msgspec.json.Encoder(order="deterministic").encode  # the order of keys says nothing


def close_batch(state: State) -> None:
    """All results are there: they become one message, in call order, whatever order they came in."""
    done, state.open = state.open, ()
    results: list[ToolResult] = []
    fingerprints: list[int] = []
    repeated = unusable = True
    finished: Returned | None = None
    for opened in done:
        returned = opened.returned
        assert returned is not None
        result = returned.result
        fingerprint = _fingerprint(opened, result)
        fingerprints.append(fingerprint)
        if result.status == "ok":
            unusable = False
            if opened.call.name == FINISH_TOOL and finished is None:  # of several answers the first counts
                finished = returned
        elif result.status not in ("invalid", "unknown_tool"):
            unusable = False
        if result.untrusted:
            state.untrusted = True  # not before: the calls of one step are decided alike, whichever returns first
        if opened.arguments is not None:  # else the model would see its own beside what came of others
            changed = f"Note: this call was changed in review; it was made with the arguments {_encode(opened.arguments).decode()}."
            result = replace(result, content=(*result.content, note(changed)))
        if fingerprint in state.ledger:
            result = replace(result, content=(*result.content, note(_advice(result))))
        else:
            repeated = False
        results.append(result)
    state.ledger.extend(fingerprints)
    state.repeats = state.repeats + 1 if repeated else 0
    state.mistakes = state.mistakes + 1 if unusable else 0
    _weigh(state, done, results, finished)
    state.view = state.view.extend(Message("tool", tuple(results)))
    if state.closing is not None:
        say_last_word(state)


def _weigh(state: State, done: tuple[OpenCall, ...], results: list[ToolResult], finished: Returned | None) -> None:
    """Whether the run ends with this batch, has to come to its end, or is warned of it (in the last result)."""
    limits = state.spec.limits
    if finished is not None:
        state.answer, state.output = finished.result.text, finished.output
        limited = state.closing is not None and state.closing.kind != "looped"
        state.outcome = state.closing if limited else Outcome("answered")
    elif state.closing is not None:
        state.outcome = state.closing
    elif state.mistakes >= limits.mistakes:
        state.outcome = Outcome(
            "malformed", f"{state.mistakes} steps in a row had no call that could run; the last: {results[-1].text[:300]}"
        )
    elif state.repeats >= limits.repeats:
        state.closing = Outcome("looped", f"'{done[0].call.name}' was called again with the same arguments and the same result")
    else:
        warning = check_limits(state)
        if warning:
            results[-1] = replace(results[-1], content=(*results[-1].content, note(warning)))


def _fingerprint(opened: OpenCall, result: ToolResult) -> int:
    arguments = opened.arguments if opened.arguments is not None else opened.call.arguments
    written = opened.call.raw or "" if arguments is None else _encode(arguments)
    content = result.content
    if len(content) == 1 and type(content[0]) is Text:
        return hash((opened.call.name, written, result.status, content[0].text))
    images = [(part.data, part.url, part.sha256) for part in content if type(part) is Image]
    return hash((opened.call.name, written, result.status, result.text, *images))


def _advice(result: ToolResult) -> str:
    if result.ok:
        return "Note: you made this call before and this is the same result. Answer the question with it now, or make a different call."
    return "Note: you made this call before and it failed in the same way. Do not repeat it: change the arguments, or use another tool."
