"""Mistral: ``[TOOL_CALLS][{"name": …, "arguments": {…}}]`` up to Nemo, ``[TOOL_CALLS]name[ARGS]{…}`` since tokenizer v11 (Small 3.2, Magistral, Devstral)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from react_agent.formats.dialects.base import Block, Dialect, arguments_of, closed_by, json_calls, named_json
from react_agent.formats.lossless import write_json
from react_agent.formats.scanner import cut_in, skip_space
from react_agent.formats.tools import Tools
from react_agent.messages import ToolCall

_MARK = "[TOOL_CALLS]"
_NAME = re.compile(r"[^\s\[\]{}\"']++")
_CALL_ID = re.compile(r"\[CALL_ID\][\w\-]*+")


class _Mistral(Dialect):
    """Both ways are read; which one is written is given."""

    markers = (_MARK,)
    think = ("[THINK]", "[/THINK]")

    def __init__(self, name: str, *, as_list: bool) -> None:
        self.name = name
        self.as_list = as_list

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        begin = at
        while text.startswith(_MARK, begin):
            begin = skip_space(text, begin + len(_MARK))
        if text.startswith("[ARGS]", begin):
            return Block(len(text), complaint="The call has no tool name: it must be written [TOOL_CALLS]name[ARGS]{…}.")
        if begin >= len(text) or text[begin] in "[{":
            return closed_by(text, json_calls(text, begin, tools, _MARK), following=_MARK)
        name = _NAME.match(text, begin)
        if name is None:
            return Block(len(text), complaint="After [TOOL_CALLS] no call can be read.")
        begin = skip_space(text, name.end())
        if call_id := _CALL_ID.match(text, begin):
            begin = call_id.end()
        if cut_in(text, begin, ("[ARGS]", "[CALL_ID]")):
            return Block(len(text), complaint="The call has no arguments.", open=True)
        if text.startswith("[ARGS]", begin):
            begin = skip_space(text, begin + len("[ARGS]"))
        return closed_by(text, named_json(text, name.group(), begin, tools), following=_MARK)

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        if self.as_list:
            return _MARK + write_json([{"name": call.name, "arguments": arguments_of(call)} for call in calls])
        return "".join(f"{_MARK}{call.name}[ARGS]{write_json(arguments_of(call))}" for call in calls)


DIALECT = _Mistral("mistral", as_list=False)
OLD = _Mistral("mistral_v3", as_list=True)
