"""Phi-4-mini and Firefunction: ``functools[{"name": …, "arguments": {…}}]``."""

from collections.abc import Sequence

from react_agent.formats.dialects.base import Block, JsonTags, json_calls
from react_agent.formats.tools import Tools
from react_agent.messages import ToolCall


class _Functools(JsonTags):
    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        return json_calls(text, at + len("functools"), tools, "functools")

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        return "functools" + super().write_calls(calls).removeprefix("functools[")


DIALECT = _Functools("phi4mini", {"functools[": ""}, as_list=True)
