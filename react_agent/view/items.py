"""Events as plain data that a page can show: every value is a text that is ready to be read, a number, or a checked picture.

What only machines need (providers' opaque data, digests) is left out. Numbers inside of arguments are texts here, so that no reader of JSON rounds them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias, assert_never

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
from react_agent.messages import Image, JsonObject, Message, ModelReply, Text, ToolSpec, Usage
from react_agent.spec import AgentSpec
from react_agent.trace import Trace
from react_agent.view import kin, words
from react_agent.view.ending import reasons
from react_agent.view.notes import Note, notes
from react_agent.view.standing import last_question, standing
from react_agent.view.words import plain
from react_agent.view.written import written

Item: TypeAlias = "dict[str, object]"

PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")  # what a browser draws without ever running anything
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]*={0,2}\s*")


def items(
    events: Iterable[Event], step: int = 0, said: Mapping[int, Sequence[Note]] = MappingProxyType({}), first: int = 0
) -> Iterator[Item]:
    """One item for each event, in order.

    Args:
        events: Of one trace.
        step: How many replies came before the first of them.
        said: What the loop said to the model, by event of the whole trace.
        first: How many events came before the first of them.
    """
    for at, event in enumerate(events, first):
        made = _item(event, step)
        if at in said:
            made["notes"] = [[note.call, plain(note.text)] for note in said[at]]
        yield {name: value for name, value in made.items() if value not in (None, "", [], ())}
        step += isinstance(event, Replied)


def _item(event: Event, step: int) -> Item:
    made: Item = {"kind": event.kind, "at": event.at}
    match event:
        case Started():
            made |= {"run": event.run_id, "task": parts(event.task.parts), **_agent(event.spec, event.backend, event.format)}
            if event.parent:
                made["edits"] = [{"at": edit.at, "what": plain(edit.what), "before": plain(edit.before)} for edit in event.parent.edits]
        case Replied():
            made |= _replied(event, step)
        case Called():
            made |= {"step": event.step, "index": event.index, "name": plain(event.name), "key": plain(event.key)}
        case Returned():
            made |= _returned(event)
        case Asked():
            made |= {"step": event.step, "index": event.index, "question": plain(event.question)}
        case Reviewed():
            made |= {"step": event.step, "index": event.index, "decision": event.decision, "by": plain(event.by or "")}
            made["text"] = plain(event.reason or event.result or "")
            made["arguments"] = arguments(event.arguments) if event.arguments is not None else None
        case Told():
            made["parts"] = parts(event.message.parts)
        case Changed():
            made |= _agent(event.spec, event.backend, event.format)
        case Compacted():
            made |= {"start": event.start, "end": event.end, "reason": plain(event.reason)}
            made["parts"] = [part for message in event.messages for part in _said(message)]
        case Resumed():
            made["epoch"] = event.epoch
        case Stopped():
            made |= {"cause": event.cause, "detail": plain(event.detail)}
        case Finished():
            made |= {"outcome": event.outcome.kind, "detail": plain(event.outcome.detail)}
        case _:
            assert_never(event)
    return made


def _agent(spec: AgentSpec, backend: str, format_: str) -> Item:
    limits = [
        [name, words.value(getattr(spec.limits, name))] for name in spec.limits.__struct_fields__ if getattr(spec.limits, name) is not None
    ]
    settings = [
        [name, words.value(value)] for name in spec.settings.__struct_fields__ if (value := getattr(spec.settings, name)) not in (None, ())
    ]
    return {
        "backend": plain(backend),
        "format": plain(format_),
        "agent": plain(spec.name),
        "instructions": plain(spec.instructions),
        "tools": [_tool(tool) for tool in spec.tools],
        "limits": limits,
        "settings": settings,
        "output": pretty(spec.output_schema) if spec.output_schema else "",
    }


def _tool(tool: ToolSpec) -> Item:
    claims = ("read_only", "idempotent", "destructive", "open_world")
    return {
        "name": plain(tool.name),
        "description": plain(tool.description),
        "parameters": pretty(tool.parameters),
        "claims": ", ".join(claim.replace("_", " ") for claim in claims if getattr(tool, claim)),
    }


def _replied(event: Replied, step: int) -> Item:
    reply = event.reply
    made: Item = {
        "step": step,
        "seconds": event.seconds,
        "first_token": event.first_token,
        "last": event.purpose == "last",
        "reading": "refused" if reply.finish == "refused" else reply.reading,
        "cut_short": reply.finish == "length",
        "thought": plain(reply.message.thought),
        "text": plain(reply.message.text),
        "complaint": plain(reply.complaint or ""),
        "calls": [
            {
                "name": plain(call.name),
                "arguments": arguments(call.arguments) if call.arguments is not None else None,
                "written": plain(call.raw or "") if call.arguments is None else "",
                "complaint": plain(call.complaint or "") if call.arguments is None else "",
            }
            for call in reply.message.calls
        ],
        "model": plain(reply.model or ""),
        "usage": usage(reply.usage),
        "cost": reply.cost,
        "tried": [words.attempt(one) for one in reply.route],
        "raw": plain(written(reply) or ""),
    }
    return made | _how_read(reply)


def _how_read(reply: ModelReply) -> Item:
    by = reply.read_by
    if by is None:
        return {}
    return {
        "format": plain(" · ".join(filter(None, (by.format, by.dialect)))),
        "repairs": plain(", ".join(by.repairs)),
        "cut": plain(by.cut or "").strip(),
    }


def _returned(event: Returned) -> Item:
    return {
        "step": event.step,
        "index": event.index,
        "name": plain(event.result.name),
        "status": event.result.status,
        "parts": parts(event.result.content),
        "seconds": event.seconds,
        "usage": usage(event.usage),
        "cost": event.cost,
        "attempts": event.attempts,
        "cached": event.cached,
        "untrusted": event.result.untrusted,
        "left_behind": event.left_behind,
    }


def usage(used: Usage | None) -> list[int]:
    """Tokens read, written, and read from a cache; nothing where nobody counted."""
    return [used.input_tokens, used.output_tokens, used.cache_read_tokens] if used and used.total_tokens else []


def arguments(given: JsonObject) -> list[list[str]]:
    """Names and values; a text as it is, all else as JSON."""
    return [[plain(name), plain(value) if isinstance(value, str) else pretty(value)] for name, value in given.items()]


def pretty(data: object) -> str:
    """JSON to read: on one line where it is short."""
    line = words.value(data)
    if len(line) <= 80:
        return line
    try:
        return plain(json.dumps(data, ensure_ascii=False, indent=2))
    except (TypeError, ValueError, RecursionError):
        return line


def parts(content: Iterable[object]) -> list[Item]:
    """Texts and pictures. A picture is drawn from its data only, never from an address."""
    return [_part(part) for part in content]


def _part(part: object) -> Item:
    if isinstance(part, Text):
        return {"text": plain(part.text)}
    return _picture(part) if isinstance(part, Image) else {"text": words.contents([part])}


def _picture(image: Image) -> Item:
    note = words.contents([image])
    if image.data and image.media_type in PICTURES and _BASE64.fullmatch(image.data):
        return {"picture": f"data:{image.media_type};base64,{''.join(image.data.split())}", "text": note}
    return {"text": note}


def _said(message: Message) -> list[Item]:
    shown = parts(message.parts)
    return [{**part, "text": f"{message.role}: {part['text']}"} for part in shown if part["text"]]


# ------------------------------------------------------------------------------------------------------------ the whole


def run(trace: Trace, problem: str = "") -> Item:
    """A whole trace: its items, how it stands, and what it is related to."""
    return {"items": list(items(trace, said=notes(trace))), "summary": summary(trace, problem), **forebears(trace)}


def forebears(trace: Trace) -> Item:
    """The run above, and the run that a fork parted from after `at` events."""
    above, parted, parent = kin.above(trace), kin.parted(trace), trace.started.parent
    made: Item = {}
    if above is not None and parent is not None:
        made["above"] = {"run": plain(above.run_id), "step": above.step, "call": plain(parent.call or "")}
    if parted is not None and parent is not None:
        made["parted"] = {"run": plain(parted.run_id), "step": parted.step, "at": parent.at}
    return made


def child(run_id: str, trace: Trace | None) -> Item:
    """A run beneath a call, in short; None for one that is not there."""
    if trace is None:
        return {"run": plain(run_id)}
    stands = standing(trace)
    return {
        "run": plain(run_id),
        "there": True,
        "agent": plain(trace.started.spec.name),
        "outcome": stands.kind,
        "steps": stands.state.steps,
    }


def summary(trace: Trace, problem: str = "") -> Item:
    """How a run stands: computed from its events, whatever its last line claims.

    Args:
        trace: As far as it could be read.
        problem: What is wrong with its file.
    """
    stands = standing(trace)
    state, outcome = stands.state, stands.outcome
    return {
        "run": plain(trace.run_id),
        "outcome": stands.kind,
        "detail": plain(outcome.detail) if outcome else "",
        "answer": plain(state.answer or ""),
        "asked": words.plain_line(last_question(trace), 160),
        "steps": state.steps,
        "tool_calls": state.tool_calls,
        "usage": usage(state.usage),
        "cost": state.known_cost,
        "seconds": state.seconds,
        "waiting": [
            {
                "step": call.step,
                "index": call.index,
                "name": plain(call.name),
                "arguments": arguments(call.arguments),
                "json": json.dumps(call.arguments, indent=2),  # in ASCII, so that what is sent back is what it was
                "question": plain(call.question),
            }
            for call in stands.waiting
        ],
        "problem": plain(problem or stands.problem),
        "reasons": reasons(trace, stands),
    }
