"""Chat Completions for models whose template knows no system message, or wants user and model in turn."""

from __future__ import annotations

from collections.abc import Sequence

from react_agent.backends.wires.base import Found


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
