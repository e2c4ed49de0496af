"""Functionary 3.1 and LLaMA 3.1's custom form: ``<function=name>{…}</function>``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from react_agent.formats.dialects.base import Block, Dialect, arguments_of, closed_by, named_json
from react_agent.formats.lossless import write_json
from react_agent.formats.scanner import skip_space
from react_agent.formats.tools import Tools
from react_agent.messages import ToolCall

_OPEN = re.compile(r"<function=([\w.\-]++)>")


class _Functionary(Dialect):
    name = "functionary"
    markers = ("<function=",)

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        opening = _OPEN.match(text, at)
        if opening is None:
            return None
        begin = skip_space(text, opening.end())
        if not text.startswith("{", begin):
            return None
        return closed_by(text, named_json(text, opening.group(1), begin, tools), "</function>")

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        return "".join(f"<function={call.name}>{write_json(arguments_of(call))}</function>" for call in calls)


DIALECT = _Functionary()
