"""Shared by the dialects that write parameters as XML-like elements: one pass, no entity decoding, values end at their own closing tag."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from react_agent.errors import FormatError
from react_agent.formats.dialects.base import Block, Dialect, arguments_of, not_closed, plain_value, typed_call, unquoted_marks
from react_agent.formats.scanner import cut_in, skip_space
from react_agent.formats.tools import Tools
from react_agent.messages import ToolCall

_BARE_NAME = re.compile(r"[^<>\"'\s=/]++")


@dataclass(frozen=True, slots=True)
class Element:
    """How an element with a name is written: ``open`` + name + ``mid`` … ``close``."""

    open: str
    mid: str
    close: str


class XmlCalls(Dialect):
    """``<call NAME><parameter KEY>value</parameter>…</call>``, with or without a tag around several of them."""

    def __init__(
        self,
        name: str,
        call: Element,
        parameter: Element,
        around: Sequence[tuple[str, str]],
        *,
        line: str = "\n",
        each: bool = False,
        bare: bool = True,
    ) -> None:
        self.name = name
        self.call = call
        self.parameter = parameter
        self.around = tuple(around)
        self.line = line  # between the tags and around values
        self.each = each  # the outer tag stands around each call
        self.markers = (*(opening for opening, _ in around), *((call.open,) if bare else ()))
        self.another = unquoted_marks(*(re.escape(each.open) + r"[\w.\-]++" + re.escape(each.mid) for each in (parameter, call)))

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        closer = ""
        begin = at
        for opening, closing in self.around:
            if text.startswith(opening, at):
                begin, closer = skip_space(text, at + len(opening)), closing
                break
        if not text.startswith(self.call.open, begin):
            ended = begin >= len(text) or self.call.open.startswith(text[begin:])
            return Block(len(text), complaint="The call is not whole.", open=True) if ended and closer else None
        calls: list[ToolCall] = []
        end = begin
        while text.startswith(self.call.open, begin):
            call, end = self._call(text, begin, tools)
            if call is None:
                cut = cut_in(text, end, (self.call.close, self.parameter.open))
                return Block(len(text), complaint="The call's tags are not closed.", open=cut)
            calls.append(call)
            begin = skip_space(text, end)
        if closer and text.startswith(closer, begin):
            return Block(begin + len(closer), tuple(calls))
        return Block(end, tuple(calls), open=bool(closer) and cut_in(text, begin, (closer, self.call.open)))

    def _call(self, text: str, at: int, tools: Tools) -> tuple[ToolCall | None, int]:
        name, pos = _named(text, at + len(self.call.open), self.call.mid)
        if not name:
            return None, pos
        values: list[tuple[str, str]] = []
        while True:
            begin = skip_space(text, pos)
            if text.startswith(self.call.close, begin):
                end = begin + len(self.call.close)
                return not_closed(name, values, self.another, text[at:end]) or typed_call(name, values, text[at:end], tools), end
            if not text.startswith(self.parameter.open, begin):
                return None, begin if begin < len(text) else len(text)
            key, pos = _named(text, begin + len(self.parameter.open), self.parameter.mid)
            stop = text.find(self.parameter.close, pos)
            if not key or stop < 0:
                return None, len(text)
            values.append((key, trimmed(text[pos:stop])))
            pos = stop + len(self.parameter.close)

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        line = self.line
        written = [self._write(call) for call in calls]
        opening, closing = self.around[0]
        if self.each:
            return "\n".join(f"{opening}{line}{call}{line}{closing}" for call in written)
        return f"{opening}{line}{line.join(written)}{line}{closing}"

    def _write(self, call: ToolCall) -> str:
        line = self.line
        parts = [f"{self.call.open}{call.name}{self.call.mid}"]
        for key, value in arguments_of(call).items():
            if not _BARE_NAME.fullmatch(key):
                raise FormatError(f"{self.name} cannot write an argument named {key!r}")
            parts.append(f"{self.parameter.open}{key}{self.parameter.mid}\n{plain_value(value)}\n{self.parameter.close}")
        return line.join([*parts, self.call.close])


def _named(text: str, at: int, mid: str) -> tuple[str, int]:
    """A name up to the mark that ends it, on one line; "" where there is none."""
    stop = text.find(mid, at, at + 300)
    if stop < 0 or "\n" in text[at:stop]:
        return "", len(text) if stop < 0 else stop
    return text[at:stop].strip().strip("\"'"), stop + len(mid)


def trimmed(value: str) -> str:
    """Without the line break that templates put after the opening tag and, only if they put that, before the closing one."""
    for start in ("\n", "\r\n"):
        if value.startswith(start):
            return value[len(start) :].removesuffix("\n").removesuffix("\r")
    return value
