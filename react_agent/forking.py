"""What may be changed in a fork before it goes on: texts that no reply in it has read yet.

So each reply that is kept still answers the request that it was given, the fork replays, and what is new can be told from what happened: the change is on
record in the fork's `Parent`, with what stood there before.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from react_agent.errors import ConfigError
from react_agent.events import Compacted, Edit, Event, Replied, Returned, Started, Told
from react_agent.messages import Message, Text, clean
from react_agent.trace import Trace

QUESTION = "question"
OBSERVATION = "observation"
_RAN = ("ok", "error", "timeout")


def editable(fork: Trace) -> dict[str, str]:
    """The places of a fork that may be changed, with the texts that stand there now.

    ``question`` is what the person said last, ``observation`` the result of the last step's call; those of several calls are ``observation.0``, ``observation.1``…
    """
    return {place: _text(fork[at]) for place, at in _places(fork).items()}


def edited(fork: Trace, edits: Mapping[str, str]) -> Trace:
    """The fork with other texts in these places. An observation of a call that failed becomes a good one.

    Raises:
        ConfigError: A place that is none, or that was read already; the message names those that there are. Or what is no text.
    """
    places = _places(fork)
    events, done = list(fork), []
    for place, text in edits.items():
        if not isinstance(text, str):  # no trace that holds it could be read again
            raise ConfigError(f"what is put in the place of {place!r} is a text; not {type(text).__name__}")
        if place not in places:
            there = f"what can be edited there is {', '.join(places)}" if places else "nothing can be edited there"
            raise ConfigError(
                f"no {place!r} can be edited: only what no kept step has read; {there}. An earlier point of the fork has other places."
            )
        at = places[place]
        done.append(Edit(at, place, _text(fork[at])))
        events[at] = _with_text(fork[at], clean(text))
    started = events[0]
    if isinstance(started, Started) and started.parent is not None and done:
        events[0] = replace(started, parent=replace(started.parent, edits=tuple(done)))
    return Trace(events)


def _places(fork: Trace) -> dict[str, int]:
    """Where in the trace each place is."""
    unread: list[tuple[int, Event]] = []
    replies = 0  # after the event
    for at in range(len(fork) - 1, -1, -1):
        event = fork[at]
        if isinstance(event, Compacted):
            break
        heard_later = isinstance(event, Told) and event.during_request
        if replies == heard_later:
            unread.insert(0, (at, event))
        replies += isinstance(event, Replied)
    said = [at for at, event in unread if isinstance(event, Started | Told)]
    results = [(at, event) for at, event in unread if isinstance(event, Returned) and event.output is None]
    alone = len(results) == 1
    made = {QUESTION: said[-1]} if said else {}
    return made | {OBSERVATION if alone else f"{OBSERVATION}.{event.index}": at for at, event in results}


def _text(event: Event) -> str:
    match event:
        case Started(task=message) | Told(message=message):
            return message.text
        case Returned(result=result):
            return result.text
        case _:
            raise AssertionError(event.kind)


def _with_text(event: Event, text: str) -> Event:
    match event:
        case Started():
            return replace(event, task=_said(event.task, text))
        case Told():
            return replace(event, message=_said(event.message, text))
        case Returned(result=result):
            status = "ok" if result.status in _RAN else result.status  # what never ran still did not
            return replace(event, result=replace(result, content=(Text(text),), status=status))
        case _:
            raise AssertionError(event.kind)


def _said(message: Message, text: str) -> Message:
    """Its pictures stay."""
    return replace(message, parts=(Text(text), *[part for part in message.parts if not isinstance(part, Text)]))
