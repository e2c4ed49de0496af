"""Thought and action as elements: ``<thought>…</thought><action>name</action><action_input>{…}</action_input>``, ``<tool>``, ``<final_answer>``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from react_agent.formats.arguments import read_arguments
from react_agent.formats.dialects.base import Block, Dialect, arguments_of, not_closed, turn_text, unquoted_marks
from react_agent.formats.live import Shape
from react_agent.formats.lossless import Unreadable, read_value, write_json
from react_agent.formats.scanner import Step, cut_in, skip_space
from react_agent.formats.tools import Tools, find_tool, from_text, unknown
from react_agent.messages import ToolCall

_NAME = re.compile(r"\s*+([\w.\-]++)\s*+")
_PAIRS = (("<action>", "</action>", "<action_input>", "</action_input>"), ("<tool>", "</tool>", "<tool_input>", "</tool_input>"))
_ANOTHER = unquoted_marks("<action_input>", "<tool_input>")
_ANSWERS = (("<final_answer>", "</final_answer>"), ("<answer>", "</answer>"))
_THOUGHTS = ("<thought>", "</thought>")


class _XmlReact(Dialect):
    name = "xml_react"
    markers = tuple(pair[0] for pair in _PAIRS)
    shape = Shape({"<thought>": "</thought>"}, tuple(opening for opening, _ in _ANSWERS), tuple(closing for _, closing in _ANSWERS))
    think = ("<thought>\n", "\n</thought>\n")

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        opening, closing, begin_input, end_input = next(pair for pair in _PAIRS if text.startswith(pair[0], at))
        name = _NAME.match(text, at + len(opening))
        if name is None or not text.startswith(closing, name.end()):
            return None
        begin = skip_space(text, name.end() + len(closing))
        if not text.startswith(begin_input, begin):
            reason = f"After {opening}{name.group(1)[:80]}{closing} there is no {begin_input}."
            return Block(len(text), complaint=reason, open=cut_in(text, begin, (begin_input,)))
        begin = skip_space(text, begin + len(begin_input))
        if text.startswith("{", begin):
            return self._object(text, name.group(1), begin, end_input)
        stop = text.find(end_input, begin)
        if stop < 0:
            return Block(len(text), complaint=f"{begin_input} is never closed.", open=True)
        words = text[begin:stop].strip()
        call = not_closed(name.group(1), (("input", words),), _ANOTHER, words) or _bare_call(name.group(1), words, tools)
        return Block(stop + len(end_input), (call,))

    def _object(self, text: str, name: str, at: int, closing: str) -> Block:
        try:
            value, end, repairs = read_value(text, at)
        except Unreadable as error:
            return Block(len(text), complaint=read_arguments(text[at:]).complaint or error.reason, open=error.ended)
        after = skip_space(text, end)
        if not text.startswith(closing, after):
            return Block(len(text), complaint=f"The input of {name[:80]} is not closed by {closing}.", open=cut_in(text, after, (closing,)))
        return Block(after + len(closing), (ToolCall(name, value if isinstance(value, dict) else None),), "", repairs)

    def step(self, text: str, tools: Tools, hidden: Sequence[tuple[int, int]] = ()) -> Step:
        thought, begin = "", skip_space(text, 0)
        if text.startswith(_THOUGHTS[0], begin) and (stop := text.find(_THOUGHTS[1], begin)) >= 0:
            thought = text[begin + len(_THOUGHTS[0]) : stop].strip()
            begin = stop + len(_THOUGHTS[1])
        body = text[begin:]
        found = super().step(body, tools, [(max(0, a - begin), b - begin) for a, b in hidden if b > begin])
        answer = _answer(body)
        if answer is not None and (found.kind == "none" or answer[2] <= found.at):
            found = Step("answer", 0, answer[2], text=answer[0], dialect=self.name, open=True, at=answer[1])
        elif found.kind == "none":
            found.text = turn_text(body)
        found.thought, found.start, found.end, found.at = thought, found.start + begin, found.end + begin, found.at + begin
        return found

    def write_answer(self, text: str) -> str:
        return f"<final_answer>{text}</final_answer>"

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        return "\n".join(f"<action>{call.name}</action>\n<action_input>{write_json(arguments_of(call))}</action_input>" for call in calls)


def _answer(text: str) -> tuple[str, int, int] | None:
    """What stands in the element of the answer, where the text holds one that is closed, and where the element begins and ends."""
    for opening, closing in _ANSWERS:
        at = text.find(opening)
        stop = text.find(closing, at) if at >= 0 else -1
        if stop >= 0 and (words := text[at + len(opening) : stop].strip()):
            return words, at, stop + len(closing)
    return None


def _bare_call(name: str, words: str, tools: Tools) -> ToolCall:
    tool, _ = find_tool(tools, name)
    if tool is None:
        return ToolCall(name, None, unknown(tools, name), words)
    try:
        if not words:
            raise Unreadable("there is no input", 0)
        return ToolCall(name, from_text(tool, words), None, words)
    except Unreadable as error:
        return ToolCall(name, None, f"The input of {name} cannot be read: {error.reason}.", words)


DIALECT = _XmlReact()
