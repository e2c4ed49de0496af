"""An event as a line of JSON: what pydantic writes of it, without fields that are None.

`Replied` is handed to the encoder as a plain dictionary of what is there: its schemas are nested three deep, and walking their fields, most of them
None, takes twice as long. A law in the tests holds the two ways to the same bytes.
"""

from __future__ import annotations

from pydantic import TypeAdapter
from pydantic_core import SchemaSerializer, to_json

from react_agent.events import Changed, Event, Replied, Started
from react_agent.messages import Message, ModelReply, ReadBy, Text, Thinking, ToolCall
from react_agent.spec import AgentSpec

Plain = dict[str, object]


def encode_event(event: Event) -> bytes:
    """One line of a trace file, without its line end."""
    if isinstance(event, Replied):
        return to_json(_replied(event), inf_nan_mode="null")
    encode = _serializer(type(event)).to_json
    if isinstance(event, Started | Changed):
        return encode(event, exclude_none=True, exclude={"spec"})[:-1] + b',"spec":' + _encode_spec(event.spec) + b"}"
    return encode(event, exclude_none=True)


_serializers: dict[type, SchemaSerializer] = {}  # by kind: that of the union would look for the kind again each time


def _serializer(kind: type) -> SchemaSerializer:
    known = _serializers.get(kind)
    if known is None:
        known = _serializers[kind] = TypeAdapter(kind).serializer
    return known


def _seldom(value: object) -> object:
    """A dictionary of what is not worth the trouble of a function here."""
    return _serializer(type(value)).to_python(value, mode="json", exclude_none=True)


def _encode_spec(spec: AgentSpec) -> bytes:
    """The spec with its Nones: a limit of None is no limit, and not the default one. Encoded once for all runs of an agent."""
    known = _specs.get(id(spec))
    if known is None or known[0] is not spec:
        if len(_specs) >= 64:
            _specs.clear()
        known = _specs[id(spec)] = (spec, TypeAdapter(AgentSpec).dump_json(spec))
    return known[1]


_specs: dict[int, tuple[AgentSpec, bytes]] = {}


def _replied(event: Replied) -> Plain:
    made: Plain = {"kind": "replied", "at": event.at, "reply": _reply(event.reply), "purpose": event.purpose, "request": event.request}
    made["seconds"] = event.seconds
    if event.first_token is not None:
        made["first_token"] = event.first_token
    return made


def _reply(reply: ModelReply) -> Plain:
    made: Plain = {"message": _message(reply.message), "reading": reply.reading}
    if reply.complaint is not None:
        made["complaint"] = reply.complaint
    made["finish"] = reply.finish
    if reply.read_by is not None:
        made["read_by"] = _read_by(reply.read_by)
    if reply.usage is not None:
        made["usage"] = _seldom(reply.usage)
    if reply.model is not None:
        made["model"] = reply.model
    made["route"] = [_seldom(attempt) for attempt in reply.route]
    if reply.raw is not None:
        made["raw"] = reply.raw
    if reply.request_id is not None:
        made["request_id"] = reply.request_id
    if reply.cost is not None:
        made["cost"] = reply.cost
    return made


def _read_by(read_by: ReadBy) -> Plain:
    made: Plain = {"format": read_by.format, "version": read_by.version}
    if read_by.dialect is not None:
        made["dialect"] = read_by.dialect
    if read_by.span is not None:
        made["span"] = read_by.span
    made["repairs"] = read_by.repairs
    if read_by.cut is not None:
        made["cut"] = read_by.cut
    return made


def _message(message: Message) -> Plain:
    made: Plain = {"role": message.role, "parts": [_part(part) for part in message.parts]}
    if message.provider_data is not None:
        made["provider_data"] = message.provider_data
    return made


def _part(part: object) -> object:
    """Text, thinking and calls as dictionaries; the rest is seldom and may be walked."""
    if isinstance(part, ToolCall):
        return _call(part)
    if isinstance(part, Text | Thinking):
        return _words(part)
    return _seldom(part)


def _words(part: Text | Thinking) -> Plain:
    made: Plain = {"text": part.text}
    if part.provider_data is not None:
        made["provider_data"] = part.provider_data
    made["type"] = part.type
    return made


def _call(call: ToolCall) -> Plain:
    made: Plain = {"name": call.name}
    if call.arguments is not None:
        made["arguments"] = call.arguments
    if call.complaint is not None:
        made["complaint"] = call.complaint
    if call.raw is not None:
        made["raw"] = call.raw
    if call.provider_data is not None:
        made["provider_data"] = call.provider_data
    made["type"] = "tool_call"
    return made
