"""What a model wrote, to the letter: the text on record, or the one that the reading gives back."""

from __future__ import annotations

from react_agent.errors import ConfigError, FormatError
from react_agent.formats import get_format
from react_agent.messages import ModelReply


def written(reply: ModelReply) -> str | None:
    """The text as it came; None for native calls, and where only what was read of it is on record."""
    if reply.raw is not None:
        return reply.raw
    if reply.reading == "malformed":  # its text stays as it is
        return reply.message.text or None
    by = reply.read_by
    if by is None or by.span is None:
        return None
    try:
        format_ = get_format(by.format)
        text = None if format_.native else format_.write(reply.read())
    except (ConfigError, FormatError):  # a format of the user's own; a reading without a text of its own
        return None
    return text if text is not None and len(text) == by.span[1] - by.span[0] else None  # else it had other blanks in it
