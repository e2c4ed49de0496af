"""Tool packs that other distributions bring along: found by the entry point group ``react_agent.tools``, loaded when they are named.

A distribution offers one in its ``pyproject.toml``::

    [project.entry-points."react_agent.tools"]
    weather = "weather_tools:pack"

where ``pack`` is a `Tool`, a function, a `ToolRegistry`, a list of tools, or a function without arguments that gives a registry or a list.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TypeGuard, cast

from react_agent.errors import ConfigError
from react_agent.schema import nearest
from react_agent.tooling import Tool, ToolRegistry
from react_agent.tooling.definition import gives_tools

GROUP = "react_agent.tools"


def packs() -> dict[str, EntryPoint]:
    """What is installed, by name; nothing of it is loaded. Of two packs of one name, the first that Python finds counts."""
    found: dict[str, EntryPoint] = {}
    for each in entry_points(group=GROUP):
        found.setdefault(each.name, each)
    return dict(sorted(found.items()))


def load_pack(name: str) -> ToolRegistry:
    """The tools of one pack.

    Raises:
        ConfigError: There is no such pack, it cannot be loaded, or it holds no tools.
    """
    known = packs()
    if name not in known:
        guess = nearest(name, known)
        there = f"those installed are {', '.join(known)}" if known else "none is installed"
        raise ConfigError(f"there is no tool pack {name!r}; {there}" + (f". Did you mean {guess!r}?" if guess else ""))
    where = f"the tool pack {name!r} ({known[name].value})"
    try:
        value: object = known[name].load()
        if makes_tools(value):
            value = value()
    except ConfigError as error:
        raise ConfigError(f"{where} cannot be had: {error}") from error
    except Exception as error:  # other people's code may raise anything
        raise ConfigError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    return as_registry(value, where)


def makes_tools(value: object) -> TypeGuard[Callable[[], object]]:
    """A function that gives tools, and is none: its own hints say so, and it needs no arguments."""
    if not callable(value) or isinstance(value, Tool | type):
        return False
    gives = gives_tools(value, unknown=True) or "Callable[" in str(getattr(value, "__annotations__", {}).get("return", ""))
    return gives and all(each.default is not each.empty for each in inspect.signature(value).parameters.values())


def as_registry(value: object, where: str) -> ToolRegistry:
    """A registry of what may stand for tools. Raises `ConfigError`."""
    if isinstance(value, ToolRegistry):
        return value
    if callable(value):
        return ToolRegistry([value])
    found = type(value).__name__
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        items = list(value)
        wrong = next((item for item in items if not callable(item)), None)
        if items and wrong is None:
            return ToolRegistry(cast("list[Tool]", items))
        found = f"an empty {found}" if not items else f"a {found} with {type(wrong).__name__} in it"
    of_it = [name for name, each in vars(type(value)).items() if isinstance(each, Tool)]  # it may be a toolkit
    if isinstance(getattr(value, "tools", None), ToolRegistry):
        of_it = ["tools"]
    raise ConfigError(
        f"{where} holds no tools but {found}; it has to be a Tool, a ToolRegistry, a list of tools, or a function that gives one"
        + (f". Its own tools are {', '.join(f'.{name}' for name in of_it)}" if of_it else "")
    )
