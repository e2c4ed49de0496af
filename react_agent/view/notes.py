"""What the loop itself said to the model: advice, warnings, complaints, the last word. No event holds it; it is found where the fold puts it."""

from __future__ import annotations

from typing import NamedTuple

from react_agent.events import Replied, Returned, Told
from react_agent.framing import NOTE
from react_agent.loop import advance, begin
from react_agent.messages import Message, Text
from react_agent.trace import Trace
from react_agent.view.standing import MISFITS


class Note(NamedTuple):
    """A word to the model; `call` is the index of the call with whose result it went, if it went with one."""

    text: str
    call: int | None = None


def notes(trace: Trace) -> dict[int, list[Note]]:
    """By the event with which they were said, as far as the events fit together. A complaint that its reply has on record is left out."""
    state = begin(trace.started)
    told: list[Message] = []
    found: dict[int, list[Note]] = {}
    for at in range(1, len(trace)):
        event, before = trace[at], len(state.view)
        try:
            advance(state, event)
        except MISFITS:
            return found
        if isinstance(event, Told):
            told.append(event.message)
        if not isinstance(event, Replied | Returned):
            continue
        said: list[Note] = []
        for message in state.view[before:]:
            if message.role == "tool":
                for index, result in enumerate(message.results):
                    said += [Note(part.text, index) for part in result.content if isinstance(part, Text) and part.provider_data == NOTE]
            elif message.role == "user" and not any(message is one for one in told):
                text = message.text.removeprefix((event.reply.complaint or "") if isinstance(event, Replied) else "").strip()
                said += [Note(text)] if text else []
        if said:
            found[at] = said
    return found
