"""JSON as models write it: read strictly by the standard library, else with the repairs that `arguments` names, else `Unreadable`.

One pass, nesting bounded, nothing completed. Positions in errors are indices into the text that was given.
"""

from __future__ import annotations

import re
from json import JSONDecoder, JSONEncoder
from math import isinf
from typing import NoReturn, cast

import msgspec
from pydantic import JsonValue

from react_agent.messages import JsonObject

NEAR = 4_096  # The library's error counts all lines before it, so where many attempts may fail it is asked near the beginning only.
MAX_DEPTH = 128  # brackets within brackets; JSON libraries and serialisers give up at about 200 to 1,000

SPACE = " \t\r\n"


class Unreadable(ValueError):
    """The text is no JSON that can be read with certainty.

    Attributes:
        reason: What is wrong, without the place.
        at: Index of the place in the text.
        ended: The text ended where something was still open: it was cut off.
    """

    def __init__(self, reason: str, at: int, *, ended: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at
        self.ended = ended


# ------------------------------------------------------------------------------------------------------------ strict JSON


def _pairs(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable(_twice(pairs), 0)
    return found


def _twice(pairs: list[tuple[str, JsonValue]]) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return f"the key {key[:80]!r} stands there twice"
        seen.add(key)
    return "a key stands there twice"


def _finite(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise Unreadable(f"the number {digits[:40]} is too large", 0)
    return number


def _constant(name: str) -> NoReturn:
    raise Unreadable(f"{name} is no JSON value", 0)


strict_value = JSONDecoder(object_pairs_hook=_pairs, parse_float=_finite, parse_constant=_constant).raw_decode
_write = JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def write_json(value: JsonValue) -> str:
    """The value as one line of JSON. Raises ValueError for what JSON cannot say (NaN, infinity)."""
    return _write(value)


def strict_object(text: str) -> JsonObject | None:
    """The object, where the whole text is strict JSON for one; else None, and `read_arguments` says why."""
    if (flat := _flat_object(text)) is not None:
        return flat
    if not text:
        return None
    if text[0] != "{" or text[-1] != "}":
        text = text.strip(SPACE)
        if not text or text[0] != "{":
            return None
    try:
        value, end = strict_value(text, 0)
    except (ValueError, RecursionError):
        return None
    if end != len(text) or not _sound(text, value):
        return None
    return cast(JsonObject, value)


def _flat_object(text: str) -> JsonObject | None:
    """The object that holds no others and no fractions, as nearly all arguments do; None for all else, good or bad.

    The parser that is quick keeps the last of two equal keys. But every key that was written has its colon, so with no more colons than
    keys nothing was lost; and a colon in a string only sends the text the long way.
    """
    if len(text) > _FLAT_CHARS:
        return None
    try:
        value = _parse(text)
    except (ValueError, RecursionError):
        return None
    if type(value) is dict and text.count(":") == len(value) and _FLAT.issuperset(map(type, value.values())):
        return value
    return None


_parse = msgspec.json.Decoder().decode
_FLAT = frozenset({str, int, bool, type(None)})
_FLAT_CHARS = 4_000  # below what Python takes for the digits of a number


def _sound(text: str, value: JsonValue) -> bool:
    """Can be encoded as UTF-8, and is not nested beyond `MAX_DEPTH`."""
    if len(text) > MAX_DEPTH and text.count("{") + text.count("[") > MAX_DEPTH and depth(text) > MAX_DEPTH:
        return False
    if not text.isascii() or "\\u" in text:
        try:
            _write(value).encode()
        except (UnicodeEncodeError, RecursionError):
            return False
    return True


_BRACKET_OR_QUOTE = re.compile(r'["{}\[\]]')
_QUOTE_OR_ESCAPE = re.compile(r'["\\]')


def depth(text: str) -> int:
    """How deep brackets are nested in JSON text, strings left out."""
    at = deepest = now = 0
    while found := _BRACKET_OR_QUOTE.search(text, at):
        at = found.end()
        mark = found.group()
        if mark == '"':
            at = string_end(text, at)
            if at < 0:
                break
        elif mark in "{[":
            now += 1
            deepest = max(deepest, now)
        else:
            now -= 1
    return deepest


def string_end(text: str, at: int) -> int:
    """Index after the quote that closes the JSON string whose content begins at `at`; -1 if it is never closed."""
    while found := _QUOTE_OR_ESCAPE.search(text, at):
        if found.group() == '"':
            return found.end()
        at = found.end() + 1
    return -1


# ------------------------------------------------------------------------------------------------------ with lossless repairs

_LITERALS: dict[str, tuple[JsonValue, str | None]] = {
    "true": (True, None),
    "false": (False, None),
    "null": (None, None),
    "True": (True, "python_literal"),
    "False": (False, "python_literal"),
    "None": (None, "python_literal"),
}
_CLOSERS = {'"': '"', "'": "'", "“": "”"}
_QUOTE_REPAIRS = {"'": "single_quotes", "“": "smart_quotes"}
_STOPS = {quote: re.compile(f"[{closer}\\\\\x00-\x1f]") for quote, closer in _CLOSERS.items()}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "'": "'"}
_NUMBER = re.compile(r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+")
_WORD = re.compile(r"[A-Za-z_$][\w$-]*+", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_BLANK = re.compile(r"[ \t\r\n\u00a0\ufeff]*+")


class _Tolerant:
    """A JSON reader that accepts the named repairs and keeps account of them. One pass; nesting is bounded."""

    __slots__ = ("at", "repairs", "text")

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.repairs: dict[str, None] = {}

    def value(self, level: int = 0) -> JsonValue:
        if level > MAX_DEPTH:
            raise Unreadable(f"brackets are nested more than {MAX_DEPTH} deep", self.at)
        mark = self.peek("a value")
        if mark == "{":
            return self.object(level)
        if mark == "[":
            return self.array(level)
        if mark in _CLOSERS:
            return self.string(mark)
        return self.number() if mark in "-0123456789" else self.literal()

    def peek(self, wanted: str) -> str:
        """The next character that is neither white space nor comment."""
        text = self.text
        while True:
            blank = _BLANK.match(text, self.at)
            self.at = blank.end() if blank else self.at
            if self.at >= len(text):
                raise Unreadable(f"the text ends where {wanted} should stand", len(text), ended=True)
            if text.startswith("//", self.at):
                end = text.find("\n", self.at)
            elif text.startswith("/*", self.at):
                end = text.find("*/", self.at)
                end = end + 2 if end >= 0 else end
            else:
                return text[self.at]
            if end < 0:
                raise Unreadable("the text ends inside a comment", self.at, ended=True)
            self.at = end
            self.repairs["comment"] = None

    def object(self, level: int) -> JsonObject:
        begun = self.at
        self.at += 1
        pairs: list[tuple[str, JsonValue]] = []
        while True:
            if self._next("}", begun, "object", bool(pairs)):
                break
            pairs.append(self.pair(level))
        if len({key for key, _ in pairs}) != len(pairs):
            raise Unreadable(_twice(pairs), begun)
        return dict(pairs)

    def pair(self, level: int) -> tuple[str, JsonValue]:
        mark = self.text[self.at]
        if mark in _CLOSERS:
            key = self.string(mark)
        else:
            word = _WORD.match(self.text, self.at)
            if word is None:
                raise Unreadable(f"a key was expected, not {mark!r}", self.at)
            key = word.group()
            self.at = word.end()
            self.repairs["unquoted_key"] = None
        if self.peek("a colon") != ":":
            raise Unreadable(f"a colon was expected after the key {key[:80]!r}, not {self.text[self.at]!r}", self.at)
        self.at += 1
        return key, self.value(level + 1)

    def array(self, level: int) -> list[JsonValue]:
        begun = self.at
        self.at += 1
        items: list[JsonValue] = []
        while not self._next("]", begun, "array", bool(items)):
            items.append(self.value(level + 1))
        return items

    def _next(self, closer: str, begun: int, what: str, some: bool) -> bool:
        """Go to the next member; True if the bracket closed instead."""
        try:
            mark = self.peek("more")
            if mark == closer:
                self.at += 1
                return True
            if some:
                if mark != ",":
                    raise Unreadable(f"a comma or {closer!r} was expected, not {mark!r}", self.at)
                self.at += 1
                if self.peek("more") == closer:
                    self.repairs["trailing_comma"] = None
                    self.at += 1
                    return True
        except Unreadable as error:
            if error.ended:
                raise Unreadable(f"the text ends inside the {what} that begins {place(self.text, begun)}", error.at, ended=True) from None
            raise
        return False

    def string(self, quote: str) -> str:
        text, begun, closer, stops = self.text, self.at, _CLOSERS[quote], _STOPS[quote]
        if quote in _QUOTE_REPAIRS:
            self.repairs[_QUOTE_REPAIRS[quote]] = None
        pieces: list[str] = []
        at = begun + 1
        while found := stops.search(text, at):
            pieces.append(text[at : found.start()])
            mark = found.group()
            at = found.end()
            if mark == closer:
                self.at = at
                return self._encodable("".join(pieces), begun)
            if mark == "\\":
                piece, at = self.escape(at)
                pieces.append(piece)
            elif mark in "\n\r\t":
                self.repairs["raw_newline"] = None
                pieces.append(mark)
            else:
                raise Unreadable(f"a control character {mark!r} stands in a string", found.start())
        raise Unreadable(f"the text ends inside the string that begins {place(text, begun)}", len(text), ended=True)

    def escape(self, at: int) -> tuple[str, int]:
        """The character for the escape whose letter is at `at`, and the index after it."""
        mark = self.text[at : at + 1]
        if mark == "u":
            if not _HEX.match(self.text, at + 1):
                raise Unreadable("\\u must be followed by four hexadecimal digits", at - 1)
            return chr(int(self.text[at + 1 : at + 5], 16)), at + 5
        if mark not in _ESCAPES or not mark:
            raise Unreadable(f"\\{mark} is no JSON escape; a backslash itself is written \\\\", at - 1, ended=not mark)
        if mark == "'":
            self.repairs["escaped_quote"] = None
        return _ESCAPES[mark], at + 1

    def _encodable(self, text: str, begun: int) -> str:
        if text.isascii():
            return text
        try:
            # a pair of \ud8xx\udcxx escapes is one character (RFC 8259, section 7)
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise Unreadable("a string holds half of a surrogate pair", begun) from None

    def number(self) -> JsonValue:
        found = _NUMBER.match(self.text, self.at)
        after = self.text[found.end() : found.end() + 1] if found else "-"
        if found is None or after.isalnum() or (after and after in "._+"):
            raise Unreadable(f"{self.text[self.at : self.at + 20]!r} is no JSON number", self.at)
        digits = found.group()
        begun, self.at = self.at, found.end()
        try:
            return int(digits) if digits.lstrip("-").isdigit() else _finite(digits)
        except ValueError as error:
            reason = error.reason if isinstance(error, Unreadable) else "a number has too many digits"
            raise Unreadable(reason, begun) from None

    def literal(self) -> JsonValue:
        word = _WORD.match(self.text, self.at)
        if word is None or word.group() not in _LITERALS:
            what = word.group() if word else self.text[self.at]
            raise Unreadable(
                f"{what[:40]!r} is no JSON value; text stands in double quotes",
                self.at,
                ended=word is not None and word.end() == len(self.text),
            )
        value, repair = _LITERALS[word.group()]
        if repair:
            self.repairs[repair] = None
        self.at = word.end()
        return value


def place(text: str, at: int) -> str:
    """Where `at` is, for people and models: ``at line 2, column 7``; both count from 1."""
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return f"at line {line}, column {column}"


def read_value(text: str, at: int) -> tuple[JsonValue, int, tuple[str, ...]]:
    """The JSON value that begins at `at`, the index after it, and the names of the repairs it needed.

    Raises:
        Unreadable: there is no value that can be read with certainty.
    """
    if at <= NEAR:
        try:
            value, end = strict_value(text, at)
            if _sound(text[at:end], value):
                return value, end, ()
        except (ValueError, RecursionError):
            pass
    reader = _Tolerant(text, at)
    try:
        value = reader.value()
    except RecursionError:
        raise Unreadable("brackets are nested too deep", at) from None
    return value, reader.at, tuple(reader.repairs)
