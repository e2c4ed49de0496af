"""Kimi K2: ``<|tool_calls_section_begin|><|tool_call_begin|>functions.name:0<|tool_call_argument_begin|>{…}<|tool_call_end|>…``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from react_agent.formats.dialects.base import Block, Dialect, arguments_of, closed_by, named_json
from react_agent.formats.lossless import write_json
from react_agent.formats.scanner import cut_in, skip_space
from react_agent.formats.tools import Tools
from react_agent.messages import ToolCall

_SECTION, _SECTION_END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
_CALL, _ARGUMENTS, _CALL_END = "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"
_ID = re.compile(r"(?:functions\.)?+([\w.\-]++)(?::[0-9]++)?+")


class _Kimi(Dialect):
    name = "kimi_k2"
    markers = (_SECTION, _CALL)
    think = ("<think>", "</think>")

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        whole = text.startswith(_SECTION, at)
        begin = skip_space(text, at + len(_SECTION)) if whole else at
        found = Block(len(text), complaint="The section of calls holds no call.", open=begin >= len(text))
        calls: list[ToolCall] = []
        repairs: list[str] = []
        while text.startswith(_CALL, begin):
            found = self._call(text, begin, tools)
            if found.complaint:
                return found
            calls.extend(found.calls)
            repairs.extend(found.repairs)
            begin = skip_space(text, found.end)
        if whole and text.startswith(_SECTION_END, begin):
            found.end, found.open = begin + len(_SECTION_END), False
        elif whole and cut_in(text, begin, (_SECTION_END, _CALL)):
            found.open = True
        found.calls, found.repairs = tuple(calls), tuple(repairs)
        return found

    def _call(self, text: str, at: int, tools: Tools) -> Block:
        begin = skip_space(text, at + len(_CALL))
        name = _ID.match(text, begin)
        after = skip_space(text, name.end()) if name else begin
        if name is None or not text.startswith(_ARGUMENTS, after):
            return Block(len(text), complaint="The call has no name or no arguments.", open=after >= len(text))
        block = named_json(text, name.group(1), skip_space(text, after + len(_ARGUMENTS)), tools)
        return closed_by(text, block, _CALL_END)

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        written = [
            f"{_CALL}functions.{call.name}:{i}{_ARGUMENTS}{write_json(arguments_of(call))}{_CALL_END}" for i, call in enumerate(calls)
        ]
        return f"{_SECTION}{''.join(written)}{_SECTION_END}"


DIALECT = _Kimi()
