"""DeepSeek V3 and R1 (fenced JSON), V3.1 (JSON after a separator), V3.2 and V4 (DSML elements)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

from react_agent.errors import FormatError
from react_agent.formats.dialects.base import Block, Dialect, arguments_of, closed_by, named_json, not_closed, plain_value, unquoted_marks
from react_agent.formats.lossless import Unreadable, read_value, write_json
from react_agent.formats.scanner import cut_in, skip_space
from react_agent.formats.tools import Tools
from react_agent.messages import JsonObject, ToolCall

_CALLS, _CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
_CALL, _SEP, _CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"
_NAME = re.compile(r"[\w.\-]++")


class _Tokens(Dialect):
    """V3 writes ``function<sep>name`` and a fence, V3.1 ``name<sep>{…}``; both read both."""

    markers = (_CALLS, _CALL)
    think = ("<think>", "</think>")

    def __init__(self, name: str, *, fenced: bool) -> None:
        self.name = name
        self.fenced = fenced

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        whole = text.startswith(_CALLS, at)
        begin = skip_space(text, at + len(_CALLS)) if whole else at
        found = Block(len(text), complaint="The section of calls holds no call.", open=begin >= len(text))
        calls: list[ToolCall] = []
        while text.startswith(_CALL, begin):
            found = self._call(text, begin, tools)
            if found.complaint:
                return found
            calls.extend(found.calls)
            begin = skip_space(text, found.end)
        if whole and text.startswith(_CALLS_END, begin):
            found.end, found.open = begin + len(_CALLS_END), False
        elif whole and cut_in(text, begin, (_CALLS_END, _CALL)):
            found.open = True
        found.calls = tuple(calls)
        return found

    def _call(self, text: str, at: int, tools: Tools) -> Block:
        begin = at + len(_CALL)
        first = _NAME.match(text, begin)
        if first is None or not text.startswith(_SEP, first.end()):
            return Block(len(text), complaint="The call has no name.", open=first is None or first.end() >= len(text))
        name, begin = first.group(), first.end() + len(_SEP)
        second = _NAME.match(text, begin) if name == "function" else None
        if second is not None:
            name, begin = second.group(), second.end()
        begin = skip_space(text, begin)
        fence = text.startswith("```", begin)
        if fence:
            brace = text.find("{", begin)
            begin = brace if brace >= 0 and text[begin + 3 : brace].strip() in ("", "json") else begin
        block = named_json(text, name, begin, tools)
        if fence:
            block = closed_by(text, block, "```")
        return closed_by(text, block, _CALL_END)

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        written = []
        for call in calls:
            arguments = write_json(arguments_of(call))
            body = f"function{_SEP}{call.name}\n```json\n{arguments}\n```" if self.fenced else f"{call.name}{_SEP}{arguments}"
            written.append(f"{_CALL}{body}{_CALL_END}")
        return f"{_CALLS}{''.join(written)}{_CALLS_END}"


_OPENINGS = ("<｜DSML｜tool_calls>", "<｜DSML｜function_calls>")
_ELEMENT = "<｜DSML｜invoke "
_INVOKE = re.compile(r"<｜DSML｜invoke name=\"([^\"<>\n]++)\">")
_ANOTHER = unquoted_marks("<｜DSML｜(?:parameter|invoke) name=")
_PARAMETER = re.compile(r"<｜DSML｜parameter name=\"([^\"<>\n]++)\"(?: string=\"(true|false)\")?+>")


class _Dsml(Dialect):
    """Elements; each says whether its value is a string as it stands, or JSON."""

    name = "deepseek_v32"
    markers = _OPENINGS
    think = ("<think>", "</think>")

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        opening = next(mark for mark in _OPENINGS if text.startswith(mark, at))
        begin = skip_space(text, at + len(opening))
        calls: list[ToolCall] = []
        end = begin
        while invoke := _INVOKE.match(text, begin):
            call, end = self._call(text, invoke)
            if call is None:
                return Block(len(text), complaint="The call's elements are not closed.", open=True)
            calls.append(call)
            begin = skip_space(text, end)
        if not calls:
            return Block(len(text), complaint="The section of calls holds no call.", open=begin >= len(text))
        closing = opening.replace("<｜", "</｜")
        if text.startswith(closing, begin):
            return Block(begin + len(closing), tuple(calls))
        more = text.startswith(_ELEMENT, begin) or cut_in(text, begin, (closing, _ELEMENT))
        return Block(end, tuple(calls), open=more)

    def _call(self, text: str, invoke: re.Match[str]) -> tuple[ToolCall | None, int]:
        name = invoke.group(1)
        arguments: JsonObject = {}
        complaint = ""
        values: list[tuple[str, str]] = []
        at = skip_space(text, invoke.end())
        while parameter := _PARAMETER.match(text, at):
            stop = text.find("</｜DSML｜parameter>", parameter.end())
            if stop < 0:
                return None, len(text)
            key, value = parameter.group(1), text[parameter.end() : stop]
            values.append((key, value))
            try:
                if key in arguments:
                    raise Unreadable("it stands there twice", 0)
                arguments[key] = value if parameter.group(2) != "false" else _whole(value)
            except Unreadable as error:
                complaint = complaint or f"The argument {key[:80]!r} cannot be read: {error.reason}."
            at = skip_space(text, stop + len("</｜DSML｜parameter>"))
        if not text.startswith("</｜DSML｜invoke>", at):
            return None, len(text)
        end = at + len("</｜DSML｜invoke>")
        raw = text[invoke.start() : end]
        refused = ToolCall(name, None, complaint, raw) if complaint else not_closed(name, values, _ANOTHER, raw)
        return refused or ToolCall(name, arguments), end

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        lines = [_OPENINGS[0]]
        for call in calls:
            lines.append(f'<｜DSML｜invoke name="{call.name}">')
            for key, value in arguments_of(call).items():
                if not _PARAMETER.fullmatch(f'<｜DSML｜parameter name="{key}">'):
                    raise FormatError(f"{self.name} cannot write an argument named {key!r}")
                kind = "true" if isinstance(value, str) else "false"
                lines.append(f'<｜DSML｜parameter name="{key}" string="{kind}">{plain_value(value)}</｜DSML｜parameter>')
            lines.append("</｜DSML｜invoke>")
        return "\n".join([*lines, "</｜DSML｜tool_calls>"])


def _whole(text: str) -> JsonValue:
    value, end, _ = read_value(text, skip_space(text, 0))
    if text[end:].strip():
        raise Unreadable("more follows after the value", end)
    return value


V3 = _Tokens("deepseek_v3", fenced=True)
V31 = _Tokens("deepseek_v31", fenced=False)
V32 = _Dsml()
