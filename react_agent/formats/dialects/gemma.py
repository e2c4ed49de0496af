"""Gemma 4 (``<|tool_call>call:f{a:<|"|>x<|"|>}<tool_call|>``) and FunctionGemma (``<start_function_call>call:f{a:<escape>x<escape>}<end_function_call>``)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

from react_agent.errors import FormatError
from react_agent.formats.dialects.base import Block, Dialect, arguments_of, call_with
from react_agent.formats.lossless import MAX_DEPTH, Unreadable, read_value, write_json
from react_agent.formats.scanner import cut_in, skip_space
from react_agent.formats.tools import Tools
from react_agent.messages import JsonObject, ToolCall

_CALL = re.compile(r"call:([\w.\-]++)")
_KEY = re.compile(r"[^\s{}\[\]:,\"'<>]++")


class _Reader:
    """Objects with bare keys, whose strings stand between marks in which nothing is escaped."""

    def __init__(self, text: str, at: int, quote: str) -> None:
        self.text = text
        self.at = at
        self.quote = quote

    def next(self) -> str:
        self.at = skip_space(self.text, self.at)
        if self.at >= len(self.text):
            raise Unreadable("the text ends inside the arguments", self.at, ended=True)
        return self.text[self.at]

    def value(self, level: int = 0) -> JsonValue:
        if level > MAX_DEPTH:
            raise Unreadable(f"brackets are nested more than {MAX_DEPTH} deep", self.at)
        mark = self.next()
        if mark == "{":
            return self.object(level)
        if mark == "[":
            self.at += 1
            items: list[JsonValue] = []
            while not self._closed("]", bool(items)):
                items.append(self.value(level + 1))
            return items
        if self.text.startswith(self.quote, self.at):
            return self.quoted()
        value, self.at, _ = read_value(self.text, self.at)
        return value

    def quoted(self) -> str:
        begin = self.at + len(self.quote)
        end = self.text.find(self.quote, begin)
        if end < 0:
            raise Unreadable("the text ends inside a string", self.at, ended=True)
        self.at = end + len(self.quote)
        return self.text[begin:end]

    def object(self, level: int) -> JsonObject:
        self.at += 1
        pairs: JsonObject = {}
        while not self._closed("}", bool(pairs)):
            if self.text.startswith(self.quote, self.at):
                key = self.quoted()
            elif self.text[self.at] == '"':  # as JSON has it
                key, self.at = self._json_key()
            else:
                found = _KEY.match(self.text, self.at)
                if found is None:
                    raise Unreadable("a key was expected", self.at)
                key, self.at = found.group(), found.end()
            if key in pairs or self.next() != ":":
                raise Unreadable(f"after the key {key[:80]!r} there is no colon, or it stands there twice", self.at)
            self.at += 1
            pairs[key] = self.value(level + 1)
        return pairs

    def _json_key(self) -> tuple[str, int]:
        key, end, _ = read_value(self.text, self.at)
        return str(key), end

    def _closed(self, closer: str, some: bool) -> bool:
        mark = self.next()
        if mark == closer:
            self.at += 1
            return True
        if some:
            if mark != ",":
                raise Unreadable(f"a comma or {closer!r} was expected, not {mark!r}", self.at)
            self.at += 1
            self.next()
        return False


class _Gemma(Dialect):
    def __init__(self, name: str, opening: str, closing: str, quote: str, think: tuple[str, str]) -> None:
        self.name = name
        self.markers = (opening,)
        self.closing = closing
        self.quote = quote
        self.think = think

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        call = _CALL.match(text, skip_space(text, at + len(self.markers[0])))
        if call is None:
            return None
        begin = skip_space(text, call.end())
        if not text.startswith("{", begin):
            return Block(len(text), complaint=f"The call of {call.group(1)[:80]} has no arguments.", open=begin >= len(text))
        reader = _Reader(text, begin, self.quote)
        try:
            value = reader.object(0)
        except Unreadable as error:
            return Block(len(text), complaint=f"The arguments of {call.group(1)[:80]} cannot be read: {error.reason}.", open=error.ended)
        end = skip_space(text, reader.at)
        calls = (call_with(call.group(1), value, tools),)
        if text.startswith(self.closing, end):
            return Block(end + len(self.closing), calls)
        return Block(reader.at, calls, open=cut_in(text, end, (self.closing,)))

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        return "".join(f"{self.markers[0]}call:{call.name}{self._text(arguments_of(call))}{self.closing}" for call in calls)

    def _text(self, value: JsonValue) -> str:
        if isinstance(value, dict):
            for key in value:
                if not _KEY.fullmatch(key):
                    raise FormatError(f"{self.name} cannot write an argument named {key!r}")
            return "{" + ",".join(f"{key}:{self._text(member)}" for key, member in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ",".join(self._text(member) for member in value) + "]"
        return f"{self.quote}{value}{self.quote}" if isinstance(value, str) else write_json(value)


GEMMA4 = _Gemma("gemma4", "<|tool_call>", "<tool_call|>", '<|"|>', ("<|channel>thought\n", "<channel|>"))
FUNCTION_GEMMA = _Gemma("functiongemma", "<start_function_call>", "<end_function_call>", "<escape>", ("<think>\n", "\n</think>\n\n"))
