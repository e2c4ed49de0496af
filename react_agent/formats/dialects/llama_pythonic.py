"""LLaMA 3.2 and 4: ``[f(x='y')]``, alone or between ``<|python_start|>`` and ``<|python_end|>``; LFM2 and OLMo 3 with marks of their own."""

import re
from collections.abc import Sequence

from react_agent.formats.dialects.base import turn_text
from react_agent.formats.dialects.pythonic import Pythonic, bracketed
from react_agent.formats.live import Shape
from react_agent.formats.scanner import Step, skip_space
from react_agent.formats.tools import Tools, find_tool


class _Bare(Pythonic):
    shape = Shape(bare="[")

    def step(self, text: str, tools: Tools, hidden: Sequence[tuple[int, int]] = ()) -> Step:
        """A reply that is nothing but a list of calls is one; a list of anything else is an answer."""
        found = super().step(text, tools, hidden)
        begin = skip_space(text, 0)
        if found.kind != "none" or not text.startswith("[", begin):
            return found
        block = bracketed(text, begin, tools)
        if block.complaint and _begun(text, begin, tools) and (block.open or turn_text(text).endswith("]")):
            return Step("malformed", begin, len(text), complaint=block.complaint, open=block.open, dialect=self.name, at=begin)
        if block.complaint or turn_text(text[block.end :]):
            return found
        return Step("act", begin, block.end, calls=block.calls, repairs=block.repairs, open=block.open, dialect=self.name, at=begin)


def _begun(text: str, at: int, tools: Tools) -> bool:
    """The list begins with a call of an offered tool, or of what might be one where none are known."""
    name = _CALLED.match(text, at)
    return name is not None and (not tools or find_tool(tools, name.group(1))[0] is not None)


_CALLED = re.compile(r"\[\s*+([^\W\d][\w.\-]*+)\(")
DIALECT = _Bare("llama_pythonic", {"<|python_start|>": "<|python_end|>"}, bare=True)
LFM2 = Pythonic("lfm2", {"<|tool_call_start|>": "<|tool_call_end|>"})
OLMO3 = Pythonic("olmo3", {"<function_calls>": "</function_calls>"})
