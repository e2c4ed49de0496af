"""Reading the arguments that a model wrote as a JSON object: strictly first, then with lossless repairs, else with a complaint.

A repair is made only where one reading is certain, and each has a name that the trace records:

===================  ==========================================================================
``code_fence``       the object stands in a Markdown fence
``text_around``      prose around exactly one object
``double_encoded``   a JSON string whose content is the object
``single_quotes``    ``'text'`` for ``"text"``
``smart_quotes``     ``“text”`` for ``"text"``
``raw_newline``      a line break or tab inside a string
``escaped_quote``    ``\\'`` inside a string
``python_literal``   ``True``, ``False``, ``None``
``trailing_comma``   ``{"a": 1,}``
``unquoted_key``     ``{a: 1}``
``comment``          ``// …``, ``/* … */`` outside of strings
===================  ==========================================================================

Nothing is ever closed, completed or invented: what ends inside a string or a bracket was cut off, and running it would run
another call than the model meant (a `{"path": "/tmp/scra` is a path, but not the one). Duplicate keys, NaN, numbers beyond
IEEE 754 and half a surrogate pair have no certain meaning either (RFC 8259, sections 4, 6, 8.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from react_agent.formats.lossless import SPACE, Unreadable, place, read_value, strict_object, strict_value, string_end
from react_agent.messages import JsonObject


@dataclass(frozen=True, slots=True)
class Arguments:
    """What became of an arguments text: the object with the repairs it needed, or the complaint."""

    value: JsonObject | None
    complaint: str | None = None
    repairs: tuple[str, ...] = ()
    ended: bool = False


def read_arguments(text: str) -> Arguments:
    """The arguments object in `text`, or the complaint that a model can act on. Never raises."""
    value = strict_object(text)
    if value is not None:
        return Arguments(value)
    try:
        found, repairs = _repaired(text)
        return Arguments(found, None, repairs)
    except Unreadable as error:
        where = "" if not text.strip() else f" ({place(text, error.at)})"
        return Arguments(None, f"The arguments are not one JSON object: {error.reason}{where}.", ended=error.ended)


def _repaired(text: str) -> tuple[JsonObject, tuple[str, ...]]:
    begin, end, repairs = unfence(text)
    body = text[begin:end]
    if not body.strip():
        raise Unreadable("there is no text", begin, ended=True)
    lead = len(body) - len(body.lstrip(SPACE + "\ufeff\u00a0"))
    if body[lead] == '"':
        return _decoded_twice(body.strip(SPACE), begin + lead), (*repairs, "double_encoded")
    start = body.find("{")
    if start < 0:
        raise Unreadable(_kind(body[lead:]), begin + lead)
    before = body[:start]
    if before.strip() and any(mark in before for mark in '[]}"'):
        raise Unreadable(_kind(body[lead:]), begin + lead)
    # positions are told in the whole text, so the reader gets the whole text up to the end of the body
    value, stop, made = read_value(text[:end], begin + start)
    after = text[stop:end]
    if before.strip() or after.strip():
        if any(mark in after for mark in '{}[]"'):
            raise Unreadable("more follows after the object", stop)
        if not value:
            raise Unreadable("an empty object stands within other text", begin + start)
        repairs = (*repairs, "text_around")
    return cast(JsonObject, value), (*repairs, *made)


def _decoded_twice(body: str, at: int) -> JsonObject:
    try:
        inner, end = strict_value(body, 0)
    except (ValueError, RecursionError):
        inner, end = None, 0
    value = strict_object(inner) if isinstance(inner, str) and end == len(body) else None
    if value is None:
        raise Unreadable("a string, not an object", at, ended=string_end(body, 1) < 0)
    return value


def _kind(body: str) -> str:
    if body[0] == "[":
        return "an array, not an object"
    try:
        value, _, _ = read_value(body, 0)
    except Unreadable:
        return "there is no object in the text"
    return f"{body[:40]!r} is not an object" if value is not None else "null is not an object"


def unfence(text: str) -> tuple[int, int, tuple[str, ...]]:
    """The span inside a Markdown fence where one wraps the whole text, with the repair's name; else the whole text."""
    begin = len(text) - len(text.lstrip())
    if not text.startswith("```", begin):
        return 0, len(text), ()
    end = len(text.rstrip())
    if end - 3 < begin + 3 or not text.endswith("```", begin, end):
        return 0, len(text), ()
    inner = begin + 3
    while inner < end - 3 and (text[inner].isalnum() or text[inner] in "_+-"):
        inner += 1  # the language
    return inner, end - 3, ("code_fence",)
