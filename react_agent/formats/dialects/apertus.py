"""Apertus: ``<|tools_prefix|>[{"name": {…}}, …]<|tools_suffix|>``, each call an object whose only key is the tool's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pydantic import JsonValue

from react_agent.formats.dialects.base import Block, Dialect, arguments_of, call_with, closed_by
from react_agent.formats.lossless import Unreadable, place, read_value, write_json
from react_agent.formats.scanner import skip_space
from react_agent.formats.tools import Tools
from react_agent.messages import ToolCall

_OPEN, _CLOSE = "<|tools_prefix|>", "<|tools_suffix|>"


class _Apertus(Dialect):
    name = "apertus"
    markers = (_OPEN,)
    think = ("<|inner_prefix|>", "<|inner_suffix|>")

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        begin = skip_space(text, at + len(_OPEN))
        try:
            if not text.startswith("[", begin):
                raise Unreadable("there is no list", begin, ended=begin >= len(text))
            value, end, repairs = read_value(text, begin)
        except Unreadable as error:
            reason = f"The calls after {_OPEN} cannot be read: {error.reason} ({place(text, error.at)})."
            return Block(len(text), complaint=reason, open=error.ended)
        items = cast("list[JsonValue]", value)
        if not items or not all(isinstance(item, dict) and len(item) == 1 for item in items):
            return Block(end, complaint=f"After {_OPEN} stands no list of calls, each an object with the tool's name as its only key.")
        calls = tuple(call_with(name, arguments, tools) for item in items if isinstance(item, dict) for name, arguments in item.items())
        return closed_by(text, Block(end, calls, "", repairs, open=end == len(text)), _CLOSE)

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        return f"{_OPEN}{write_json([{call.name: arguments_of(call)} for call in calls])}{_CLOSE}"


DIALECT = _Apertus()
