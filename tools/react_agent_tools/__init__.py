"""Ready-made tools: each usable alone, each with its limits in its docstring.

>>> from react_agent_tools import calculator
>>> calculator("0.1 + 0.2")
'0.3'

What needs no setting is a tool (`calculator`, `current_time`, `convert_units`, `ask_user`, `fetch_url`); what does is made by a
function that gives a tool or a `ToolRegistry` (`files(root)`, `sql(path)`, `wikipedia(corpus=…)`). `standard_tools()` collects those that need
neither a key nor an address of your own.

What each is kept from doing, and how, is told at the top of its module. Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from react_agent_tools.arithmetic import calculator
    from react_agent_tools.filesystem import files
    from react_agent_tools.library import documents
    from react_agent_tools.memory import notes
    from react_agent_tools.paper import wikipedia
    from react_agent_tools.person import ask_user, asking
    from react_agent_tools.pictures import images
    from react_agent_tools.planning import plan
    from react_agent_tools.sandbox import python
    from react_agent_tools.sqlite import sql
    from react_agent_tools.standard import standard_tools
    from react_agent_tools.terminal import shell
    from react_agent_tools.times import clock, current_time
    from react_agent_tools.units import convert_units
    from react_agent_tools.web import fetch_url, web_pages
    from react_agent_tools.websearch import Hit, SearchWire, searxng, web_search

_HOMES = {
    "arithmetic": ("calculator",),
    "filesystem": ("files",),
    "library": ("documents",),
    "memory": ("notes",),
    "paper": ("wikipedia",),
    "person": ("ask_user", "asking"),
    "pictures": ("images",),
    "planning": ("plan",),
    "sandbox": ("python",),
    "sqlite": ("sql",),
    "standard": ("standard_tools",),
    "terminal": ("shell",),
    "times": ("clock", "current_time"),
    "units": ("convert_units",),
    "web": ("fetch_url", "web_pages"),
    "websearch": ("Hit", "SearchWire", "searxng", "web_search"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Hit",
    "SearchWire",
    "ask_user",
    "asking",
    "calculator",
    "clock",
    "convert_units",
    "current_time",
    "documents",
    "fetch_url",
    "files",
    "images",
    "notes",
    "plan",
    "python",
    "searxng",
    "shell",
    "sql",
    "standard_tools",
    "web_pages",
    "web_search",
    "wikipedia",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'react_agent_tools' has no attribute '{name}'")
    value: object = getattr(import_module(f"react_agent_tools.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
