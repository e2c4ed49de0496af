"""How much of a result a model is shown, and how it reads the rest.

A result that is too long keeps its beginning and its end. With the tool `read_more` among an agent's tools the note in the gap names the
call that shows what was left out; the whole text is kept for the length of the run. The list of tools is the caller's and never changes in a run.
"""

from __future__ import annotations

from collections.abc import Callable

from react_agent.care import Care
from react_agent.errors import ToolError
from react_agent.messages import Image, Text
from react_agent.tooling import Tool

SHELF_CHARS = 16_000_000  # kept of all results of a run; the oldest go first


class Shelf:
    """The whole texts of a run's results that were cut."""

    __slots__ = ("_chars", "_texts")

    def __init__(self) -> None:
        self._texts: dict[str, tuple[str, bool]] = {}
        self._chars = 0

    def put(self, ref: str, text: str, untrusted: bool) -> None:
        old = self._texts.pop(ref, None)
        self._chars += len(text) - (len(old[0]) if old else 0)
        self._texts[ref] = (text, untrusted)
        while self._chars > SHELF_CHARS and len(self._texts) > 1:
            self._chars -= len(self._texts.pop(next(iter(self._texts)))[0])

    def read(self, ref: str, offset: int, limit: int) -> tuple[str, bool]:
        """A piece of a kept text, and whether it is untrusted. Raises `ToolError`."""
        known = self._texts.get(ref)
        if known is None:
            there = f"those kept are {', '.join(self._texts)}" if self._texts else "none is kept"
            raise ToolError(f"The rest of result {ref!r} is not kept ({there}). Call the tool again and ask for a narrower part.")
        text, untrusted = known
        if offset >= len(text):
            raise ToolError(f"Result {ref!r} has {len(text):,} characters; offset {offset:,} is behind its end.")
        end = min(len(text), offset + max(1, limit - 200))
        more = f"; go on with offset={end}" if end < len(text) else "; this is the end"
        return f"{text[offset:end]}\n[characters {offset:,} to {end:,} of {len(text):,} of result {ref}{more}]", untrusted


def bounded(content: tuple[Text | Image, ...], limit: int, shelf: Callable[[str], str] | None = None) -> tuple[Text | Image, ...]:
    """The content with at most `limit` characters of text, and one note for all that is left out.

    Args:
        content: What a tool gave. Its texts are one text here, a line end between two; pictures stay in their place.
        limit: Characters.
        shelf: Takes the whole text and gives the words that name the way to it.
    """
    whole = "\n".join([part.text for part in content if type(part) is Text])
    if len(whole) <= limit:
        return content
    gap = limit * 3 // 4
    behind = len(whole) - (limit - gap)
    way = "ask for a narrower part to see them" if shelf is None else f"{shelf(whole)}, offset={gap}) shows them"
    note = f"\n[… {behind - gap:,} of {len(whole):,} characters are left out here; {way} …]\n"
    made: list[Text | Image] = []
    at = 0  # where the part begins in the whole text
    for part in content:
        if type(part) is not Text:
            made.append(part)
            continue
        end = at + len(part.text)
        if end < gap or at >= behind:
            made.append(part)
        else:
            text = part.text[: max(0, gap - at)] + (note if at <= gap else "") + part.text[behind - at :]
            if text:
                made.append(Text(text))
        at = end + 1
    return tuple(made)


def _elsewhere(ref: str, offset: int = 0) -> str:
    """Read what was left out of a long result.

    Args:
        ref: The result, as the note in its gap names it, e.g. "0.0".
        offset: The character to begin at, counted from 0.
    """
    raise ToolError(f"result {ref!r} is kept by a run; outside of one there is nothing to read from {offset}")


read_more = Tool.from_function(_elsewhere, name="read_more", read_only=True)
"""The tool by which a model reads what was left out of a long result; give it to an agent among its tools."""
read_more.care = Care(reads_rest=True)
