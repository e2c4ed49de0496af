"""Small words for people: text made safe to show, amounts, durations, calls. Pure, and without any library for a particular screen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby

from react_agent.messages import Attempt, Image, JsonObject, Message, Text, Thinking, ToolResult, Usage, clean

# What a terminal would act on: operating-system commands and strings (title, clipboard, links), control sequences, other escapes.
_SEQUENCES = re.compile(
    "\x1b[\\]PX^_][^\x07\x1b\x9c\n]{0,4000}(?:\x07|\x1b\\\\|\x9c)|(?:\x1b\\[|\x9b)[0-?]{0,100}[ -/]{0,10}[@-~]|\x1b[ -/]{0,3}[0-OQ-WYZ`-~\\\\]"
)
# What is left of them, other control characters, and marks that turn the direction of writing, so that a line would read as another.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """The text as it may be shown on a terminal: whatever a model or a tool wrote, it cannot colour, move, hide or command anything."""
    if text.replace("\n", "").isprintable():  # a tenth of what the searches cost
        return text
    text = clean(text).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", _SEQUENCES.sub("", text)).expandtabs(4)


def plain_line(text: str, most: int = 80) -> str:
    """The same on one line of at most `most` characters."""
    line = " ".join(plain(text[: most * 8]).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def plain_json(line: str) -> str:
    """A line of JSON with what a terminal would act on written as an escape; the same JSON."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def folded(text: str, lines: int | None) -> tuple[str, int]:
    """The first `lines` lines of a text (None: all), and how many are hidden; very long lines are counted by what they would take."""
    if lines is None:
        return text, 0
    rows = text.split("\n")
    kept: list[str] = []
    room = lines * 200
    for row in rows[:lines]:
        if len(row) > room:
            kept.append(row[:room] + "…")
            break
        kept.append(row)
        room -= len(row)
    hidden = len(rows) - len(kept)
    return "\n".join(kept), hidden


def seconds(value: float) -> str:
    """``0.3 ms``, ``120 ms``, ``3.2 s``, ``2 min 5 s``."""
    if value < 0.01:
        return f"{value * 1000:.1f} ms"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.1f} s"
    return f"{value // 60:.0f} min {value % 60:.0f} s"


def tokens(usage: Usage) -> str:
    """``1,200 → 85 tokens``: read, then written."""
    return f"{usage.input_tokens:,} → {usage.output_tokens:,} tokens"


def cost(value: float | None) -> str:
    return "" if value is None else f"${value:.4f}" if value < 1 else f"${value:.2f}"


def amount(number: int, noun: str) -> str:
    """``1 step``, ``3 steps``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def when(at: float) -> str:
    """Local date and time of seconds since the epoch; ``?`` for what is none."""
    try:
        return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "?"


def value(data: object, most: int | None = None) -> str:
    """A value as JSON on one line."""
    try:
        text = json.dumps(data, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(data)
    text = plain(text)
    return text if most is None or len(text) <= most else text[: most - 1] + "…"


def call(name: str, arguments: JsonObject | None, raw: str | None = None, most: int | None = None) -> str:
    """``search(query="Paris", limit=3)``; unreadable arguments as they were written."""
    if arguments is None:
        return f"{plain(name)}({plain(raw or '…')[:most]})"
    return f"{plain(name)}({', '.join(f'{plain(key)}={value(given, most)}' for key, given in arguments.items())})"


def attempt(one: Attempt) -> tuple[str, str]:
    """A try on the way to a reply: ``tried`` for one that failed, ``route`` for what was taken; and the backend, what it said, what came of it."""
    told = "; ".join(filter(None, (one.error, one.reason)))
    return "tried" if one.error else "route", plain(f"{one.backend}: {told}" if told else one.backend)


def contents(parts: Iterable[object]) -> str:
    """Texts and images of a message or a result, safe to show; an image as what it is."""
    shown: list[str] = []
    for part in parts:
        if isinstance(part, Text | Thinking):
            shown.append(plain(part.text))
        elif isinstance(part, Image):
            size = f", {len(part.data) * 3 // 4:,} bytes" if part.data else f", {plain_line(part.url, 60)}" if part.url else ""
            shown.append(f"[image {plain_line(part.media_type, 40)}{size}]")
    return "\n".join(shown)


def distinct(parts: Iterable[object]) -> str:
    """The same, and of images what tells one from another of its kind and size."""
    each = list(parts)
    seen = [sha256((part.data or part.sha256 or part.url or "").encode()).hexdigest()[:8] for part in each if isinstance(part, Image)]
    return contents(each) + (f"\n[sha256 {', '.join(seen)}]" if seen else "")


def said(message: Message) -> str:
    return contents(message.parts)


def observed(result: ToolResult) -> str:
    return contents(result.content)


def successive(texts: Iterable[str]) -> str:
    """What one thing was after another: ``a → b`` where it changed, and ``a`` where it stayed."""
    each = [text for text, _ in groupby(texts)]
    return plain(each[0] if len(each) == 1 else " → ".join(text or "none" for text in each))
