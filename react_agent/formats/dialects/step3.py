"""Step 3: ``<｜tool_calls_begin｜><｜tool_call_begin｜><steptml:invoke name="f">…</steptml:invoke><｜tool_call_end｜>…``."""

from __future__ import annotations

from collections.abc import Sequence

from react_agent.formats.dialects.base import Block
from react_agent.formats.dialects.tagged import Element, XmlCalls
from react_agent.formats.scanner import cut_in, skip_space
from react_agent.formats.tools import Tools
from react_agent.messages import ToolCall

_CALLS, _CALLS_END, _SEP = "<｜tool_calls_begin｜>", "<｜tool_calls_end｜>", "<｜tool_sep｜>"
_CALL, _CALL_END = "<｜tool_call_begin｜>", "<｜tool_call_end｜>"


class _Step3(XmlCalls):
    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        if not text.startswith(_CALLS, at):
            return super().block(text, at, tools)
        begin = skip_space(text, at + len(_CALLS))
        calls: list[ToolCall] = []
        block = Block(len(text), complaint="The section of calls holds no call.", open=begin >= len(text))
        while text.startswith(_CALL, begin):
            found = super().block(text, begin, tools)
            if found is None or found.complaint:
                return found
            block = found
            calls.extend(found.calls)
            begin = skip_space(text, found.end)
            if text.startswith(_SEP, begin):
                begin = skip_space(text, begin + len(_SEP))
        if text.startswith(_CALLS_END, begin):
            block.end, block.open = begin + len(_CALLS_END), False
        elif cut_in(text, begin, (_CALLS_END, _CALL, _SEP)):
            block.open = True
        block.calls = tuple(calls)
        return block

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        return _CALLS + _SEP.join(super(_Step3, self).write_calls([call]) for call in calls) + _CALLS_END


_around = ((_CALL, _CALL_END),)
DIALECT = _Step3(
    "step3",
    Element('<steptml:invoke name="', '">', "</steptml:invoke>"),
    Element('<steptml:parameter name="', '">', "</steptml:parameter>"),
    _around,
    line="",
)
DIALECT.markers = (_CALLS, *DIALECT.markers)
