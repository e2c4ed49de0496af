"""Requests and replies for the tests of formats."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from react_agent.formats import get_format
from react_agent.formats.base import RawReply
from react_agent.messages import (
    Delta,
    Finish,
    Head,
    JsonObject,
    Message,
    MessageView,
    ModelReply,
    ModelRequest,
    Text,
    ToolChoice,
    ToolResult,
    ToolSpec,
    user,
)


def tool(name: str, required: tuple[str, ...] = ("query",), **properties: str) -> ToolSpec:
    """A tool with parameters given as name=type; by default one string, `query`."""
    shapes: JsonObject = {key: {"type": kind} for key, kind in (properties or {"query": "string"}).items()}
    return ToolSpec(name, f"Does {name}.", {"type": "object", "properties": shapes, "required": [key for key in required if key in shapes]})


SEARCH = tool("search")
ADD = tool("add", ("a", "b"), a="integer", b="integer")
NOW = ToolSpec("now", "The time.", {"type": "object", "properties": {}})
COUNT = tool("count", ("n",), n="integer")
TOOLS = (SEARCH, ADD, NOW, COUNT)


def ask(
    tools: tuple[ToolSpec, ...] = TOOLS, *, resulted: bool = False, tool_choice: ToolChoice = "auto", output: JsonObject | None = None
) -> ModelRequest:
    view = MessageView().extend(user("question"))
    if resulted:
        view = view.extend(Message("tool", (ToolResult("search", (Text("found"),)),)))
    return ModelRequest(view, Head(tools, output_schema=output), tool_choice)


def read(form: str, text: str, request: ModelRequest | None = None, finish: Finish = "stop") -> ModelReply:
    return get_format(form).read(RawReply((Text(text),), finish), request or ask())


def merged(said: Iterable[Delta]) -> list[tuple[str, str]]:
    """What a listener heard, neighbouring pieces of one kind together."""
    told: list[tuple[str, str]] = []
    for delta in said:
        if told and told[-1][0] == delta.kind:
            told[-1] = (delta.kind, told[-1][1] + delta.text)
        else:
            told.append((delta.kind, delta.text))
    return told


def corpora() -> Path:
    """Where recordings lie, if they do."""
    return Path(os.environ.get("REACT_AGENT_CORPORA") or Path(__file__).resolve().parents[3] / "shared" / "corpora")
