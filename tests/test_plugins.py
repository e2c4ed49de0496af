"""Tool packs found by their entry point."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from react_agent.errors import ConfigError
from react_agent.plugins import load_pack, packs

MODULE = '''
import functools

from react_agent import Tool, ToolRegistry, tool
from react_agent.errors import ConfigError

@tool(read_only=True)
def sun(city: str) -> str:
    """Is it sunny?"""
    return "yes"

def rain(city: str) -> str:
    """Does it rain?"""
    return "no"

registry = ToolRegistry([sun, rain])
both = [sun, rain]
number = 7

def names(city: str) -> list[str]:
    """What it is called."""
    return [city]
empty: list[object] = []

def make() -> ToolRegistry:
    return registry

def make_list() -> list[Tool]:
    return [sun]

def make_lazily() -> "list[typing_only.Tool]":
    return [sun]

@functools.cache
def make_once() -> ToolRegistry:
    return registry

class Kit:
    def tools(self) -> list[Tool]:
        return [sun]

make_of_a_kit = Kit().tools

def breaks() -> ToolRegistry:
    raise RuntimeError("no forecast")

def refuses() -> ToolRegistry:
    raise ConfigError("no folder")
'''
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution ``weather`` with these entry points where Python looks for such."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "weather_kit", raising=False)

    def make(**entries: str) -> None:
        (tmp_path / "weather_kit.py").write_text(MODULE)
        info = tmp_path / "weather-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: weather\nVersion: 1.0\n")
        lines = [f"{name} = weather_kit:{value}" for name, value in entries.items()]
        (info / "entry_points.txt").write_text("[react_agent.tools]\n" + "\n".join(lines) + "\n")

    return make


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("registry", ("sun", "rain")),
        ("both", ("sun", "rain")),
        ("make", ("sun", "rain")),
        ("make_list", ("sun",)),
        ("make_lazily", ("sun",)),
        ("make_once", ("sun", "rain")),
        ("make_of_a_kit", ("sun",)),
        ("sun", ("sun",)),
        ("rain", ("rain",)),
        ("names", ("names",)),  # a tool that gives a list, and none that gives tools
    ],
)
def test_what_a_pack_may_be(install: Install, value: str, names: tuple[str, ...]) -> None:
    install(weather=value)
    assert load_pack("weather").names == names


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("number", "holds no tools but int"),
        ("empty", "holds no tools but an empty list"),
        ("breaks", "RuntimeError: no forecast"),
        ("refuses", "cannot be had: no folder"),
        ("nothing", "cannot be loaded: AttributeError"),
    ],
)
def test_a_pack_that_is_none(install: Install, value: str, words: str) -> None:
    install(weather=value)
    with pytest.raises(ConfigError, match=words):
        load_pack("weather")


def test_packs_are_found_without_being_loaded(install: Install) -> None:
    install(weather="registry", storm="breaks")
    assert {"weather", "storm"} <= set(packs())
    assert "weather_kit" not in sys.modules
    with pytest.raises(ConfigError, match="Did you mean 'weather'"):
        load_pack("wether")
