"""Formats: how neutral messages are written for a model, and how what it writes is read. One dialect a file, loaded when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from react_agent.errors import ConfigError
from react_agent.formats.base import Format, RawReply

__all__ = ["FORMATS", "Format", "RawReply", "get_format"]

_PLACES = {
    "native": ("native", "NativeFormat"),
    "react_text": ("react_text", "ReactTextFormat"),
}
FORMATS: tuple[str, ...] = tuple(_PLACES)
_made: dict[str, Format] = {}


def get_format(name: str) -> Format:
    """The format of that name; one instance serves everyone.

    Raises:
        ConfigError: there is no such format; the message lists those that there are.
    """
    found = _made.get(name)
    if found is None:
        if name not in _PLACES:
            raise ConfigError(f"there is no format {name!r}; the formats are: {', '.join(FORMATS)}")
        module, kind = _PLACES[name]
        found = _made[name] = cast(Format, getattr(import_module(f"react_agent.formats.{module}"), kind)())
    return found
