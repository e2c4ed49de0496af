"""What messages hold on Chat Completions, and how they stand in turns for templates that know user and model alone."""

from __future__ import annotations

from collections.abc import Sequence, Set

from pydantic import JsonValue

from react_agent.backends.wires.base import NULLS, ROLES, THOUGHTS, Found, no_picture, ours
from react_agent.backends.wires.openai_chat_stream import THINKING_FIELDS
from react_agent.messages import Image, JsonObject, Part, Text, Thinking, ToolResult

_THOUGHT_FIELDS = {*THINKING_FIELDS, "reasoning_details"}


def lessened(messages: Sequence[Found], refused: Set[str]) -> Sequence[Found]:
    """The messages without what a server has refused of them."""
    if THOUGHTS in refused:
        messages = [{key: value for key, value in message.items() if key not in _THOUGHT_FIELDS} for message in messages]
    if NULLS in refused:
        messages = [{**message, "content": ""} if message.get("content") is None else message for message in messages]
    return in_turns(messages) if ROLES in refused else messages


def in_turns(messages: Sequence[Found]) -> list[Found]:
    """The messages as such templates take them: the system's words stand before the first question, and what a user says in a row is one message."""
    out: list[Found] = []
    for message in messages:
        if message.get("role") == "system":
            message = {**message, "role": "user"}
        if out and message.get("role") == "user" == out[-1].get("role"):
            message = {"role": "user", "content": _joined(out.pop().get("content"), message.get("content"))}
        out.append(message)
    return out


def _joined(one: object, other: object) -> object:
    """Two contents as one: texts as text, with pictures among them as a list."""
    if isinstance(one, str) and isinstance(other, str):
        return "\n\n".join(filter(None, (one, other)))
    return [*_parts(one), *_parts(other)]


def _parts(content: object) -> list[object]:
    return content if isinstance(content, list) else [{"type": "text", "text": content}] if content else []


def content(parts: Sequence[Part]) -> JsonValue:
    """Text alone as a string, which every server takes; with pictures as a list."""
    if not any(type(part) is Image for part in parts):
        return "".join(part.text for part in parts if type(part) is Text)
    out: list[JsonValue] = []
    for part in parts:
        if type(part) is Text:
            out.append({"type": "text", "text": part.text})
        elif type(part) is Image:
            out.append(image_part(part))
    return out


def image_part(image: Image) -> JsonObject:
    if image.data is not None:
        return {"type": "image_url", "image_url": {"url": f"data:{image.media_type};base64,{image.data}"}}
    if image.url is not None:
        return {"type": "image_url", "image_url": {"url": image.url}}
    return {"type": "text", "text": no_picture(image)}


def chunk_of(part: Part, api: str) -> JsonObject | None:
    """A part of what an assistant said as a chunk of its content; None for what is none."""
    if type(part) is Thinking and isinstance(more := ours(part.provider_data, api).get("chunk"), dict):
        return {"type": "thinking", "thinking": [{"type": "text", "text": part.text}], **more}
    if type(part) is Text or (type(part) is Thinking and part.provider_data is None):
        return {"type": "text", "text": part.text} if part.text else None
    return None


def result_text(result: ToolResult, pictures: bool) -> str:
    return result.text or ("(The pictures are in the next message.)" if pictures else "")
