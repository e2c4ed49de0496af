"""Functionary 3.1 and LLaMA 3.1's custom form, ``<function=name>{…}</function>``; functionary 3.2, ``>>>name`` and ``{…}`` on the next line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from react_agent.formats.dialects.base import Block, Dialect, arguments_of, closed_by, named_json, turn_text
from react_agent.formats.live import Shape
from react_agent.formats.lossless import write_json
from react_agent.formats.scanner import Hidden, Step, skip_space
from react_agent.formats.tools import Tools, find_tool
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


_ALL = ">>>all\n"
_TO_ALL = re.compile(r"\s*+(?:>>>)?+all[ \t\r]*+\n")
_TO_TOOL = re.compile(r">>>([\w.\-]++)[ \t\r]*+\n\s*+(?=\{)")
_BEGUN = re.compile(r"\s*+>{1,3}+[\w.\-]*+\s*+\Z")  # the header of a further message, cut
_FIRST = re.compile(r"\s*+([\w.\-]++)[ \t\r]*+\n\s*+(?=\{)")


class _Recipients(Dialect):
    """Messages to recipients: ``all`` is the user. The prompt may have ended with the first ``>>>``."""

    name = "functionary_v32"
    shape = Shape(silent=(_ALL,))

    @property
    def call_marks(self) -> tuple[str, ...]:
        return (">>>",)

    def step(self, text: str, tools: Tools, hidden: Sequence[tuple[int, int]] = ()) -> Step:
        opening, call = _TO_ALL.match(text), _FIRST.match(text)
        begin = opening.end() if opening is not None else 0
        if call is None or find_tool(tools, call.group(1))[0] is None:
            call = _next(text, begin, Hidden(list(hidden)) if hidden else None)
        said = turn_text(text[begin : call.start() if call is not None else len(text)])
        if call is None:
            answers = opening is not None and bool(said)
            return Step("answer" if answers else "none", 0, len(text), text=said, open=True, dialect=self.name if answers else None)
        at, blocks = call.start(), list[Block]()
        while call is not None:
            block = closed_by(text, named_json(text, call.group(1), call.end(), tools), following=">>>")
            if not block.complaint:
                blocks.append(block)
            elif not blocks:
                return Step("malformed", 0, len(text), text=said, complaint=block.complaint, open=block.open, dialect=self.name)
            call = _TO_TOOL.match(text, skip_space(text, block.end)) if not block.complaint else None
        end, is_open = blocks[-1].end, block.open or _BEGUN.match(text, blocks[-1].end) is not None
        calls = tuple(call for block in blocks for call in block.calls)
        repairs = tuple(dict.fromkeys(repair for block in blocks for repair in block.repairs))
        return Step("act", skip_space(text, 0), end, "", calls, said, "", repairs, is_open, self.name, at)

    def write_answer(self, text: str) -> str:
        return _ALL + text

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        return "".join(f">>>{call.name}\n{write_json(arguments_of(call))}" for call in calls)


def _next(text: str, at: int, hidden: Hidden | None) -> re.Match[str] | None:
    """The next message to a tool at or after `at`, outside of what is hidden."""
    found = _TO_TOOL.search(text, at)
    while found is not None and hidden is not None and (past := hidden.past(found.start())) != found.start():
        found = _TO_TOOL.search(text, past)
    return found


DIALECT = _Functionary()
RECIPIENTS = _Recipients()
