"""A step that is one JSON object while it is still coming: the thought and the answer as text, the arguments as they are written."""

from __future__ import annotations

import re
from typing import Literal

from react_agent.formats.live import TagLive, Voice

_THOUGHTS, _ANSWERS = frozenset({"thought", "thoughts", "reasoning"}), frozenset({"answer", "final_answer"})
_INPUTS = frozenset({"action_input", "actions", "tool_input", "arguments", "parameters", "args", "input"})
_KEY_CHARS = 40
_STRUCTURE = re.compile(r'["{}\[\],:]')
_IN_STRING = re.compile(r'["\\]')
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_LONE = range(0xD800, 0xDC00)  # the first half of a pair


class StepLive(TagLive):
    """Goes into the first object; what stands around it is not told."""

    def __init__(self) -> None:
        super().__init__()
        self._rest = ""  # an escape that is not whole
        self._level = 0
        self._string: Literal["", "key", "thinking", "text", "other"] = ""
        self._key = ""
        self._value = False  # after the colon of a member of the object
        self._done = False

    def _text(self, piece: str, voice: Voice) -> None:
        text, self._rest = self._rest + piece, ""
        at = 0
        while at < len(text) and not self._done:
            at = self._in_string(text, at, voice) if self._string else self._between(text, at, voice)

    def _between(self, text: str, at: int, voice: Voice) -> int:
        """Up to and with the next mark of structure."""
        found = _STRUCTURE.search(text, at)
        if found is None:
            self._raw(text[at:], voice)
            return len(text)
        mark, end = found.group(), found.end()
        if mark in "}]":
            self._level -= 1
        closes = self._level == 0 and mark in "}]"
        member = self._level == 1 and mark == ","
        self._raw(text[at : found.start() if closes or member else end], voice)
        if mark in "{[" and (self._level or mark == "{"):
            self._level += 1
        elif mark == '"' and self._level:
            self._open()
        elif mark == ":" and self._level == 1:
            self._value = True
        elif member:
            self._value, self._key = False, ""
        self._level = max(self._level, 0)
        self._done = closes
        return end

    def _open(self) -> None:
        """A string begins."""
        key = self._key.casefold()
        if self._level == 1 and not self._value:
            self._string, self._key = "key", ""
        elif self._level == 1 and key in _THOUGHTS:
            self._string = "thinking"
        elif self._level == 1 and key in _ANSWERS:
            self._string = "text"
        else:
            self._string = "other"

    def _raw(self, piece: str, voice: Voice) -> None:
        if self._value and self._key.casefold() in _INPUTS:
            voice.say("call", piece)

    def _in_string(self, text: str, at: int, voice: Voice) -> int:
        found = _IN_STRING.search(text, at)
        self._said(text[at : found.start() if found else len(text)], voice)
        if found is None:
            return len(text)
        if found.group() == '"':
            self._raw('"', voice)
            self._string = ""
            return found.end()
        return self._escape(text, found.start(), voice)

    def _said(self, piece: str, voice: Voice) -> None:
        if self._string == "key":
            self._key = (self._key + piece)[:_KEY_CHARS]
        elif self._string in ("thinking", "text"):
            voice.say(self._string, piece)
        else:
            self._raw(piece, voice)

    def _escape(self, text: str, at: int, voice: Voice) -> int:
        """The escape that begins at `at`; one that is not whole waits for the rest."""
        mark = text[at + 1 : at + 2]
        end = at + (6 if mark == "u" else 2)
        if mark == "u" and len(text) >= end and (high := _hex(text[at + 2 : end])) is not None and high in _LONE:
            end += 6 if "\\u".startswith(text[end : end + 2]) or text[end : end + 2] == "\\u" else 0
        if len(text) < end:
            self._rest = text[at:]
            return len(text)
        written = text[at:end]
        self._said(written if self._string == "other" else _decoded(written), voice)
        return end


def _hex(digits: str) -> int | None:
    try:
        return int(digits, 16)
    except ValueError:
        return None


def _decoded(written: str) -> str:
    """What one escape, or a pair of them, stands for."""
    if written[1] != "u":
        return _ESCAPES.get(written[1], written[1])
    codes = [_hex(written[at + 2 : at + 6]) for at in range(0, len(written), 6)]
    text = "".join(chr(code) for code in codes if code is not None)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
