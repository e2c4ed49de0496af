"""`standard_tools()`: what needs neither a key nor an address of your own, in one registry."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from react_agent import ToolRegistry
from react_agent_tools.arithmetic import calculator
from react_agent_tools.filesystem import files
from react_agent_tools.memory import notes
from react_agent_tools.paper import wikipedia
from react_agent_tools.person import ask_user
from react_agent_tools.pictures import images
from react_agent_tools.planning import plan
from react_agent_tools.sandbox import python
from react_agent_tools.terminal import shell
from react_agent_tools.times import current_time
from react_agent_tools.units import convert_units
from react_agent_tools.web import fetch_url


def standard_tools(root: str | Path = ".", *, writable: bool = True) -> ToolRegistry:
    """All tools that work as they are; files, pictures and the shell beneath `root`. ``python`` is among them where its sandbox is installed.

    Args:
        root: The folder that files are confined to, and that shell commands start in.
        writable: With ``write_file``, ``edit_file`` and ``shell``, all of which the default policy asks for.

    Raises:
        ConfigError: The folder is missing, or the system cannot confine.
    """
    registry = ToolRegistry([calculator, convert_units, current_time, plan, ask_user, fetch_url, images(root)])
    if find_spec("pydantic_monty") is not None:
        registry.register(python())
    if writable:
        registry.register(shell(root))
    return registry | files(root, writable=writable) | notes() | wikipedia()
