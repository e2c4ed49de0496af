"""Calls as Python: ``[f(x='y'), g()]`` (LLaMA 3.2 and 4, LFM2, OLMo 3, Gemma's ``tool_code``). Literals only; nothing is ever evaluated."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

from react_agent.errors import FormatError
from react_agent.formats.dialects.base import Block, Dialect, arguments_of, call_with
from react_agent.formats.lossless import MAX_DEPTH, Unreadable
from react_agent.formats.scanner import Hidden, cut_in, skip_space, unended
from react_agent.formats.tools import Tools, find_tool, properties
from react_agent.messages import JsonObject, ToolCall

_NAME = re.compile(r"[^\W\d][\w.\-]*+")
_KEY = re.compile(r"[^\W\d]\w*+")
_LIST = re.compile(r"\n[ \t]*+\[(?=([^\W\d][\w.\-]*+)\()")
_LINE_END = re.compile(r"[ \t\r]*+(?:\n|\Z)")
_NUMBER = re.compile(r"-?+[0-9]++(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+")
_WORDS: dict[str, JsonValue] = {"True": True, "False": False, "None": None, "true": True, "false": False, "null": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "\\": "\\", "'": "'", '"': '"', "\n": ""}
_STOPS = {'"': re.compile(r'["\\]'), "'": re.compile(r"['\\]")}
_WIDTHS = {"x": 2, "u": 4, "U": 8}


class PythonReader:
    """Reads Python call expressions with literal arguments, left to right, once."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.repairs: dict[str, None] = {}

    def space(self) -> str:
        mark = self.text[self.at : self.at + 1]
        if not mark.isspace():
            return mark
        following = self.text[self.at + 1 : self.at + 2]  # mostly there is one blank
        if not following.isspace():
            self.at += 1
            return following
        self.at = skip_space(self.text, self.at)
        return self.text[self.at : self.at + 1]

    def expect(self, mark: str) -> None:
        found = self.space()
        if found != mark:
            raise Unreadable(
                f"{mark!r} was expected, not {found!r}" if found else f"the text ends where {mark!r} should stand", self.at, ended=not found
            )
        self.at += 1

    def calls(self, close: str, tools: Tools) -> list[ToolCall]:
        """Calls up to `close` (a bracket), separated by commas."""
        found: list[ToolCall] = []
        while self.space() != close:
            begun = self.at
            found.append(python_call(*self.call(), self.text[begun : self.at], tools))
            if self.space() == ",":
                self.at += 1
            elif self.space() != close:
                self.expect(close)
        self.at += 1
        return found

    def call(self) -> tuple[str, JsonObject, list[JsonValue]]:
        """One call: name, keyword arguments, positional arguments."""
        self.space()
        name = _NAME.match(self.text, self.at)
        if name is None:
            raise Unreadable("a tool's name was expected", self.at, ended=self.at >= len(self.text))
        self.at = name.end()
        return name.group(), *self.arguments()

    def arguments(self) -> tuple[JsonObject, list[JsonValue]]:
        """Keyword and positional arguments between the parentheses that begin here."""
        if self.text[self.at : self.at + 1] != "(":
            raise Unreadable("a parenthesis was expected after the name", self.at, ended=self.at >= len(self.text))
        self.at += 1
        named: JsonObject = {}
        placed: list[JsonValue] = []
        while self.space() != ")":
            key = _KEY.match(self.text, self.at)
            equals = skip_space(self.text, key.end()) if key else -1
            if key is not None and self.text[equals : equals + 1] == "=":
                if key.group() in named:
                    raise Unreadable(f"the argument {key.group()!r} stands there twice", self.at)
                self.at = equals + 1
                named[key.group()] = self.value(0)
            else:
                placed.append(self.value(0))
            if self.space() == ",":
                self.at += 1
            elif self.space() != ")":
                self.expect(")")
        self.at += 1
        return named, placed

    def value(self, level: int) -> JsonValue:
        mark = self.space()
        if level > MAX_DEPTH:
            raise Unreadable(f"brackets are nested more than {MAX_DEPTH} deep", self.at)
        if not mark:
            raise Unreadable("the text ends where a value should stand", self.at, ended=True)
        if mark in "'\"":
            return self.string(mark)
        if mark in "[(":
            self.at += 1
            return self.items("]" if mark == "[" else ")", level)
        if mark == "{":
            return self.braces(level)
        return self.number() if mark in "-0123456789" else self.word()

    def items(self, close: str, level: int) -> list[JsonValue]:
        found: list[JsonValue] = []
        while self.space() != close:
            found.append(self.value(level + 1))
            if self.space() == ",":
                self.at += 1
            elif self.space() != close:
                self.expect(close)
        self.at += 1
        return found

    def braces(self, level: int) -> JsonValue:
        """A dict; or a set, whose members are a list."""
        self.at += 1
        pairs: JsonObject = {}
        while self.space() != "}":
            key = self.value(level + 1)
            if self.space() != ":":
                if pairs:
                    self.expect(":")
                self.repairs["set_as_list"] = None
                if self.space() == ",":
                    self.at += 1
                elif self.space() != "}":
                    self.expect("}")
                return [key, *self.items("}", level)]
            if not isinstance(key, str) or key in pairs:
                raise Unreadable(f"{str(key)[:80]!r} is no key, or stands there twice", self.at)
            self.at += 1
            pairs[key] = self.value(level + 1)
            if self.space() == ",":
                self.at += 1
            elif self.space() != "}":
                self.expect("}")
        self.at += 1
        return pairs

    def string(self, quote: str) -> str:
        text, begun = self.text, self.at
        if text.startswith(quote * 3, begun):
            raise Unreadable("triple-quoted strings are not read", begun)
        pieces: list[str] = []
        at = begun + 1
        while found := _STOPS[quote].search(text, at):
            pieces.append(text[at : found.start()])
            at = found.end()
            if found.group() == quote:
                self.at = at
                words = "".join(pieces)
                if "\n" in text[begun:at]:
                    self.repairs["raw_newline"] = None
                if not words.isascii():
                    _encodable(words, begun)
                return words
            piece, at = self.escape(at)
            pieces.append(piece)
        raise Unreadable("the text ends inside a string", begun, ended=True)

    def escape(self, at: int) -> tuple[str, int]:
        """As Python reads it: an unknown escape keeps its backslash."""
        mark = self.text[at : at + 1]
        if mark in _WIDTHS:
            digits = self.text[at + 1 : at + 1 + _WIDTHS[mark]]
            try:
                return chr(int(digits, 16)), at + 1 + _WIDTHS[mark]
            except (ValueError, OverflowError):
                raise Unreadable(f"\\{mark} must be followed by {_WIDTHS[mark]} hexadecimal digits", at) from None
        if mark.isdigit() or mark == "N":
            raise Unreadable(f"the escape \\{mark} is not read", at)
        return _ESCAPES.get(mark, "\\" + mark), at + 1

    def number(self) -> JsonValue:
        found = _NUMBER.match(self.text, self.at)
        after = self.text[found.end() : found.end() + 1] if found else ""
        if found is None or after.isalnum() or (after and after in "._+"):
            raise Unreadable(f"{self.text[self.at : self.at + 20]!r} is no plain number", self.at)
        digits = found.group()
        self.at = found.end()
        if digits[0] in "123456789" and digits.isdigit() and len(digits) < 16:
            return int(digits)
        if digits.lstrip("-").isdigit():
            if len(digits) > 4_000:
                raise Unreadable("a number has too many digits", self.at)
            if len(digits.lstrip("-")) > 1 and digits.lstrip("-").startswith("0"):
                self.repairs["leading_zeros"] = None
            return int(digits)
        number = float(digits)
        if number in (float("inf"), float("-inf")):
            raise Unreadable("a number is too large", self.at)
        return number

    def word(self) -> JsonValue:
        found = _KEY.match(self.text, self.at)
        if found is None or found.group() not in _WORDS:
            what = found.group() if found else self.text[self.at]
            raise Unreadable(f"{what[:40]!r} is no literal", self.at, ended=found is not None and found.end() == len(self.text))
        if found.group() in ("true", "false", "null"):
            self.repairs["json_literal"] = None
        self.at = found.end()
        return _WORDS[found.group()]


def _encodable(words: str, at: int) -> None:
    try:
        words.encode()
    except UnicodeEncodeError:
        raise Unreadable("a string holds half of a surrogate pair", at) from None


def python_call(name: str, named: JsonObject, placed: list[JsonValue], raw: str, tools: Tools) -> ToolCall:
    """The call, where every argument has its name; a single positional one of a tool with a single parameter has it too."""
    if placed:
        tool, _ = find_tool(tools, name)
        if tool is not None and len(placed) == 1 and not named and len(known := list(properties(tool))) == 1:
            return ToolCall(name, {known[0]: placed[0]})
        return ToolCall(name, None, f"The arguments of {name[:80]} must be given by name: name=value.", raw)
    return call_with(name, named, tools)


def bracketed(text: str, at: int, tools: Tools) -> Block:
    """``[f(x=1), g()]`` that begins at `at`."""
    reader = PythonReader(text, at + 1)
    try:
        calls = tuple(reader.calls("]", tools))
    except Unreadable as error:
        return Block(len(text), complaint=f"The call cannot be read: {error.reason}.", open=error.ended)
    if not calls:
        return Block(reader.at, complaint="The list of calls is empty.")
    return Block(reader.at, calls, "", tuple(reader.repairs), open=skip_space(text, reader.at) == len(text))


def inline_list(text: str, tools: Tools, hidden: Hidden | None = None) -> tuple[int, Block] | None:
    """The first list of calls that has its lines for itself after some prose, and where it stands."""
    found = _LIST.search(text, skip_space(text, 0) + 1)
    while found is not None:
        at = found.end() - 1
        reader = PythonReader(text, at + 1)
        prose = bool(tools) and find_tool(tools, found.group(1))[0] is None
        try:
            calls = () if prose or (hidden is not None and hidden.past(at) != at) else tuple(reader.calls("]", tools))
        except Unreadable as error:
            if error.ended:
                return None
            calls = ()
        if calls and _LINE_END.match(text, reader.at):
            return at, Block(reader.at, calls, "", tuple(reader.repairs), open=unended(text, reader.at))
        found = _LIST.search(text, max(reader.at - 1, at + 1))  # the line's break may have been read over
    return None


def listed(text: str, at: int, tools: Tools, stops: tuple[str, ...]) -> Block:
    """``f(x=1)`` and more of them on further lines, until one of `stops`."""
    reader = PythonReader(text, at)
    calls: list[ToolCall] = []
    try:
        while True:
            begun = reader.at
            calls.append(python_call(*reader.call(), text[begun : reader.at], tools))
            reader.space()
            if reader.at >= len(text) or text.startswith(stops, reader.at):
                break
            if text[reader.at] in ",;":
                reader.at += 1
    except Unreadable as error:
        return Block(len(text), complaint=f"The call cannot be read: {error.reason}.", open=error.ended)
    return Block(reader.at, tuple(calls), "", tuple(reader.repairs), open=reader.at >= len(text))


def python_text(calls: Sequence[ToolCall]) -> list[str]:
    written = []
    for call in calls:
        arguments = arguments_of(call)
        for key in arguments:
            if not _KEY.fullmatch(key):
                raise FormatError(f"Python cannot write an argument named {key!r}")
        if not _NAME.fullmatch(call.name):
            raise FormatError(f"Python cannot write a tool named {call.name!r}")
        written.append(f"{call.name}({', '.join(f'{key}={_literal(value)}' for key, value in arguments.items())})")
    return written


def _literal(value: JsonValue) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(member) for member in value) + "]"
    return repr(value)


class Pythonic(Dialect):
    """A list of calls alone, or between marks of its own."""

    def __init__(self, name: str, pairs: dict[str, str], *, bare: bool = False) -> None:
        self.name = name
        self.pairs = pairs
        self.markers = tuple(pairs)
        self.bare = bare  # a reply that is nothing but a list is read too, and written so

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        mark = next(mark for mark in self.markers if text.startswith(mark, at))
        begin = skip_space(text, at + len(mark))
        if text.startswith("[", begin):
            block = bracketed(text, begin, tools)
        elif begin >= len(text) or _NAME.match(text, begin):
            block = listed(text, begin, tools, tuple(self.pairs.values()))
        else:
            return None
        if block.complaint:
            return block
        end = skip_space(text, block.end)
        closer = self.pairs[mark]
        if closer and text.startswith(closer, end):
            return Block(end + len(closer), block.calls, "", block.repairs)
        block.open = cut_in(text, end, (closer,))
        return block

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        listed_ = f"[{', '.join(python_text(calls))}]"
        return listed_ if self.bare else f"{self.markers[0]}{listed_}{self.pairs[self.markers[0]]}"
