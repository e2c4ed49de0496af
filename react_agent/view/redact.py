"""Masking what a trace holds when it is shown or exported: patterns of text, and fields by name. The record itself stays as it is.

Known secrets need none of this: they were masked before they could get in. A pattern is plain text in which ``*`` stands for any characters but white
space, so that matching takes time in proportion to the text whatever the pattern is.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from react_agent.errors import ConfigError
from react_agent.events import Event
from react_agent.trace import Trace, decode_event, encode_event

REDACTED = "[redacted]"
_SPACE = re.compile(r"\s")
_GIVEN = frozenset({"arguments", "output"})  # where a key is the user's own and not one of the record
# The record's own words, which have to stay readable as such: closed sets, digests, ids.
_CLOSED = ("kind", "type", "role", "status", "finish", "reading", "purpose", "decision", "cause", "policy", "strategy")
_VERBATIM = frozenset((*_CLOSED, "data", "sha256", "request", "run_id", "key", "media_type"))


def redactor_of_environment() -> Redactor:
    """What ``$REACT_AGENT_REDACT`` and ``$REACT_AGENT_REDACT_FIELDS`` name, several with spaces between them: for views that take no options."""
    return Redactor(*(os.environ.get(name, "").split() for name in ("REACT_AGENT_REDACT", "REACT_AGENT_REDACT_FIELDS")))


class Redactor:
    """Masks patterns and named fields.

    Args:
        patterns: For instance ``sk-*`` or ``*@example.com``.
        fields: Names of arguments, and of fields in JSON text, in any case.

    Raises:
        ConfigError: A pattern that would mask everything, or nothing.
    """

    def __init__(self, patterns: Iterable[str] = (), fields: Iterable[str] = ()) -> None:
        self._patterns = [_pieces(pattern) for pattern in patterns]
        self._fields = frozenset(name.casefold() for name in fields)
        names = "|".join(re.escape(name) for name in sorted(self._fields, key=len, reverse=True))
        # In text that is no JSON by itself, such as a model's reply with a JSON object in it.
        self._field = (
            re.compile(rf"""(["']?\b(?:{names})\b["']?\s?[:=]\s?)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;}}\])]+)""", re.IGNORECASE)
            if names
            else None
        )

    def __bool__(self) -> bool:
        return bool(self._patterns or self._fields)

    def text(self, text: str) -> str:
        """A text with whatever matches masked."""
        if self._field is not None:
            text = self._fields_in(text)
        for starts, pieces, ends in self._patterns:
            text = _masked(text, starts, pieces, ends)
        return text

    def trace(self, trace: Trace) -> Trace:
        """A copy of a trace with whatever matches masked; for eyes and other programs, not to be gone on with."""
        return Trace([self.event(event) for event in trace], torn=None) if self else trace

    def event(self, event: Event) -> Event:
        """A copy of an event with whatever matches masked."""
        return decode_event(to_json(self._walk(from_json(encode_event(event)), False))) if self else event

    def _fields_in(self, text: str) -> str:
        assert self._field is not None
        if text[:1] in ("{", "["):
            try:
                data = json.loads(text)
            except (ValueError, RecursionError):
                pass
            else:
                return json.dumps(self._walk(data, True), ensure_ascii=False)
        return self._field.sub(rf"\g<1>{REDACTED}", text)

    def _walk(self, data: JsonValue, given: bool) -> JsonValue:
        if isinstance(data, dict):
            made: dict[str, JsonValue] = {}
            for key, value in data.items():
                if given and key.casefold() in self._fields:
                    made[key] = REDACTED
                elif not given and key in _VERBATIM:
                    made[key] = value
                else:
                    made[key] = self._walk(value, given or key in _GIVEN)
            return made
        if isinstance(data, list):
            return [self._walk(value, given) for value in data]
        return self.text(data) if isinstance(data, str) else data


def _pieces(pattern: str) -> tuple[bool, Sequence[str], bool]:
    """Whether any characters may come before, the literal pieces, whether any may come after."""
    pieces = [piece for piece in pattern.split("*") if piece]
    if not any(pieces) or _SPACE.search(pattern):
        raise ConfigError(f"{pattern!r} is no pattern to redact: it needs some text beside '*', and no white space")
    return pattern.startswith("*"), pieces, pattern.endswith("*")


def _masked(text: str, starts: bool, pieces: Sequence[str], ends: bool) -> str:
    """The pieces are looked for from left to right, the earliest place each, within one run of text without white space."""
    if pieces[0] not in text:
        return text
    return re.sub(r"\S+", lambda run: _masked_run(run[0], starts, pieces, ends), text)


def _masked_run(run: str, starts: bool, pieces: Sequence[str], ends: bool) -> str:
    made: list[str] = []
    done = 0
    while True:
        first = run.find(pieces[0], done)
        at = first
        for piece in pieces:
            at = run.find(piece, at) if at >= 0 else -1
            if at < 0:
                return "".join(made) + run[done:]
            at += len(piece)
        made.append("" if starts else run[done:first])
        made.append(REDACTED)
        done = len(run) if ends else at
