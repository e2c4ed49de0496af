"""Formats: how neutral messages are written for a model, and how what it writes is read. One dialect a file, loaded when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from react_agent.errors import ConfigError
from react_agent.formats.base import Format, RawReply

__all__ = ["FORMATS", "Format", "RawReply", "get_format"]

_ROOMS = {
    "native": ("native", "NativeFormat"),
    "react_text": ("react_text", "ReactTextFormat"),
    "react_paper": ("react_paper", "ReactPaperFormat"),
    "auto": ("auto", "AutoFormat"),
    "json_step": ("json_step", "JsonStepFormat"),
    "json_plan": ("json_plan", "JsonPlanFormat"),
}
_DIALECTS = (
    "hermes",
    "llama3_json",
    "llama_pythonic",
    "mistral",
    "mistral_v3",
    "phi4mini",
    "harmony",
    "json_fence",
    "granite",
    "qwen3_coder",
    "glm",
    "deepseek_v3",
    "deepseek_v31",
    "deepseek_v32",
    "kimi_k2",
    "minimax",
    "gemma4",
    "functiongemma",
    "cohere",
    "internlm",
    "functionary",
    "functionary_v32",
    "gigachat",
    "step3",
    "lfm2",
    "olmo3",
    "apertus",
    "xml_react",
)
FORMATS: tuple[str, ...] = (*_ROOMS, *_DIALECTS)
_made: dict[str, Format] = {}


def get_format(name: str) -> Format:
    """The format of that name; one instance serves everyone.

    Raises:
        ConfigError: there is no such format; the message lists those that there are.
    """
    found = _made.get(name)
    if found is None:
        if name in _DIALECTS:
            made = import_module("react_agent.formats.dialect").DialectFormat(name)
        elif name in _ROOMS:
            module, kind = _ROOMS[name]
            made = getattr(import_module(f"react_agent.formats.{module}"), kind)()
        else:
            raise ConfigError(f"there is no format {name!r}; the formats are: {', '.join(FORMATS)}")
        found = _made[name] = cast(Format, made)
    return found
