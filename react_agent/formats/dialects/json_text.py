"""Calls as plain JSON: the whole reply (LLaMA 3), a fence in it (Qwen2.5-Coder), or an object within prose.

JSON alone proves nothing, an answer may be JSON too. So an object counts only if it is exactly a call: a name and its arguments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

from react_agent.formats.dialects.base import Block, Dialect, arguments_of, call_of, closed_by, json_calls, turn_text
from react_agent.formats.dialects.pythonic import listed
from react_agent.formats.live import Shape
from react_agent.formats.lossless import Unreadable, place, read_value, write_json
from react_agent.formats.scanner import Hidden, Step, fence_content, next_fence, skip_space
from react_agent.formats.tools import Tools
from react_agent.messages import ToolCall

_OPENING = re.compile(r"\{\s*+([\"'])(?:name|function|tool|tool_name|action|type|id|arguments|parameters|thought|tool_uses)\1\s*+:")
_BETWEEN = " \t\r\n;,"
_QUOTES = ("'", '"')


def whole_json(text: str, tools: Tools) -> Block | None:
    """A reply that is nothing but call objects, one or more; None if it is something else. Cut JSON that began as a call is complained about."""
    at = skip_space(text, 0)
    if not text.startswith(("{", "["), at):
        return None
    begun = _OPENING.match(text, skip_space(text, at + 1) if text[at] == "[" else at) is not None
    calls: list[ToolCall] = []
    repairs: list[str] = []
    while at < len(text) and text[at] in "{[":
        try:
            value, at, made = read_value(text, at)
        except Unreadable as error:
            return (
                Block(len(text), complaint=f"The call's JSON cannot be read: {error.reason} ({place(text, error.at)}).", open=error.ended)
                if begun
                else None
            )
        items = value if isinstance(value, list) else [value]
        found = [call_of(item, tools) for item in items]
        if not found or not all(found):
            return None
        calls.extend(call for call in found if call)
        repairs.extend(made)
        end = at
        while at < len(text) and text[at] in _BETWEEN:
            at += 1
    if turn_text(text[at:]):
        return None
    return Block(end, tuple(calls), "", tuple(repairs), open=at == len(text))  # more calls may have been to follow


def fenced_json(text: str, tools: Tools, hidden: Hidden | None = None) -> tuple[int, Block] | None:
    """The first fence whose content is call objects, and where it begins."""
    fence = next_fence(text, 0)
    while fence is not None:
        begin = fence_content(text, fence[0])
        inner_end = text.rfind("```", begin, fence[2]) if fence[2] >= 0 else len(text.rstrip("`"))
        if hidden is None or hidden.past(fence[0]) == fence[0]:
            block = whole_json(text[begin:inner_end], tools)
            if block is not None:
                block.end = fence[2] if fence[2] >= 0 else begin + block.end
                block.open = fence[2] < 0
                return fence[0], block
        if fence[2] < 0:
            return None
        fence = next_fence(text, fence[2])
    return None


def inline_json(text: str, tools: Tools, hidden: Hidden | None = None) -> tuple[int, Block] | None:
    """The first object within prose that is a call, or the list of calls that it begins, and where it stands."""
    found = _OPENING.search(text)
    while found is not None:
        at = found.start()
        if (hidden is None or hidden.past(at) == at) and (listed_ := _list_before(text, at, tools)) is not None:
            return listed_
        if hidden is not None and (past := hidden.past(at)) != at:
            found = _OPENING.search(text, past)
            continue
        try:
            value, end, repairs = read_value(text, at)
        except Unreadable as error:
            if error.ended:
                return None
            found = _OPENING.search(text, max(error.at, at + 1))
            continue
        call = call_of(value, tools)
        if call is not None and text[at - 1 : at] not in _QUOTES:  # within quotes it is somebody's argument
            return at, Block(end, (call,), "", repairs, open=skip_space(text, end) == len(text) or _in_cut_list(text, at))
        found = _OPENING.search(text, end)
    return None


def _list_begin(text: str, at: int) -> int:
    """Where the list begins whose first member stands at `at`; -1 where it is none's."""
    begin = at - 1
    while begin >= 0 and text[begin].isspace():
        begin -= 1
    return begin if begin >= 0 and text[begin] == "[" else -1


def _list_before(text: str, at: int, tools: Tools) -> tuple[int, Block] | None:
    """The list whose first member is the object at `at`, if all its members are calls."""
    begin = _list_begin(text, at)
    if begin < 0:
        return None
    try:
        value, end, repairs = read_value(text, begin)
    except Unreadable:
        return None
    calls = [call_of(item, tools) for item in value] if isinstance(value, list) else []
    if not calls or not all(calls):
        return None
    return begin, Block(end, tuple(call for call in calls if call), "", repairs, open=skip_space(text, end) == len(text))


def _in_cut_list(text: str, at: int) -> bool:
    """The object at `at` is the first member of a list that the text's end cut off."""
    begin = _list_begin(text, at)
    try:
        return begin >= 0 and not read_value(text, begin)
    except Unreadable as error:
        return error.ended


def block_step(text: str, at: int, block: Block, dialect: str) -> Step:
    """The step for calls that were found as JSON at `at`; what stands before them is kept as text."""
    lead = text[:at].strip()
    if block.complaint:
        return Step("malformed", 0, block.end, text=lead, complaint=block.complaint, open=block.open, dialect=dialect, at=at)
    return Step("act", skip_space(text, 0), block.end, "", block.calls, lead, "", block.repairs, block.open, dialect, at)


class _JsonFence(Dialect):
    name = "json_fence"
    shape = Shape(bare="{[")

    @property
    def call_marks(self) -> tuple[str, ...]:
        return ("```json",)

    def step(self, text: str, tools: Tools, hidden: Sequence[tuple[int, int]] = ()) -> Step:
        covered = Hidden(list(hidden)) if hidden else None
        found = fenced_json(text, tools, covered)
        if found is None:
            block = whole_json(text, tools)
            found = (0, block) if block is not None else None
        if found is None:
            return Step("none", 0, len(text), text=turn_text(text), open=True)
        at, block = found
        return block_step(text, at, block, self.name)

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        items: list[JsonValue] = [{"name": call.name, "arguments": arguments_of(call)} for call in calls]
        return f"```json\n{write_json(items[0] if len(items) == 1 else items)}\n```"


class _Llama3(Dialect):
    """Bare JSON, or JSON or a built-in tool's call after ``<|python_tag|>``."""

    name = "llama3_json"
    markers = ("<|python_tag|>",)
    shape = Shape(bare="{[")

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        begin = skip_space(text, at + len(self.markers[0]))
        if begin >= len(text) or text[begin] in "{[":
            block = closed_by(text, json_calls(text, begin, tools, self.markers[0]), following=";")
            while not block.complaint and text.startswith(";", after := skip_space(text, block.end)):
                more = json_calls(text, skip_space(text, after + 1), tools, ";")
                if more.complaint:
                    return more
                block = Block(more.end, (*block.calls, *more.calls), "", (*block.repairs, *more.repairs), more.open)
            return block
        block = listed(text, begin, tools, ("<|",))
        block.calls = tuple(ToolCall(call.name.removesuffix(".call"), call.arguments, call.complaint, call.raw) for call in block.calls)
        return block

    def step(self, text: str, tools: Tools, hidden: Sequence[tuple[int, int]] = ()) -> Step:
        found = super().step(text, tools, hidden)
        block = whole_json(text, tools) if found.kind == "none" else None
        if block is None:
            return found
        return block_step(text, 0, block, self.name)

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        return "; ".join(write_json({"name": call.name, "parameters": arguments_of(call)}) for call in calls)


FENCE = _JsonFence()
LLAMA3 = _Llama3()
