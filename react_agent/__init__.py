"""A framework for agents that reason, act and observe, with any language model.

>>> from react_agent import Agent, MockBackend, call, tool
>>> @tool(read_only=True)
... def population(city: str) -> int:
...     "How many people live in a city."
...     return {"Paris": 2_102_650}[city]
>>> agent = Agent(MockBackend([call("population", city="Paris"), "2.1 million"]), tools=[population])
>>> agent.run_sync("How many people live in Paris?").answer
'2.1 million'

Names are loaded when they are first used, so importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from react_agent.agent import Agent
    from react_agent.backends.base import Backend
    from react_agent.backends.function import FunctionBackend
    from react_agent.backends.leaf import OpenAIChatBackend
    from react_agent.backends.mock import Hang, MockBackend, Raw, call
    from react_agent.backends.replay import ReplayBackend
    from react_agent.errors import (
        BackendError,
        ConfigError,
        Diverged,
        ReactAgentError,
        RunFailed,
        ScriptError,
        ToolError,
        TraceError,
    )
    from react_agent.messages import Delta, Image, Message, Outcome, Settings, Text, Usage
    from react_agent.policy import Policy, Rule
    from react_agent.replaying import replay
    from react_agent.result import Result, pending
    from react_agent.spec import Limits
    from react_agent.stores.jsonl import JsonlStore
    from react_agent.streaming import Progress
    from react_agent.tooling import NOT_DONE, UNKNOWN, RunContext, Tool, ToolRegistry, tool
    from react_agent.trace import Trace

__version__ = "0.1.0"

_HOMES = {
    "agent": ("Agent",),
    "backends.base": ("Backend",),
    "backends.function": ("FunctionBackend",),
    "backends.leaf": ("OpenAIChatBackend",),
    "backends.mock": ("Hang", "MockBackend", "Raw", "call"),
    "backends.replay": ("ReplayBackend",),
    "errors": ("BackendError", "ConfigError", "Diverged", "ReactAgentError", "RunFailed", "ScriptError", "ToolError", "TraceError"),
    "messages": ("Delta", "Image", "Message", "Outcome", "Settings", "Text", "Usage"),
    "policy": ("Policy", "Rule"),
    "replaying": ("replay",),
    "result": ("Result", "pending"),
    "spec": ("Limits",),
    "stores.jsonl": ("JsonlStore",),
    "streaming": ("Progress",),
    "tooling": ("NOT_DONE", "UNKNOWN", "RunContext", "Tool", "ToolRegistry", "tool"),
    "trace": ("Trace",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "NOT_DONE",
    "UNKNOWN",
    "Agent",
    "Backend",
    "BackendError",
    "ConfigError",
    "Delta",
    "Diverged",
    "FunctionBackend",
    "Hang",
    "Image",
    "JsonlStore",
    "Limits",
    "Message",
    "MockBackend",
    "OpenAIChatBackend",
    "Outcome",
    "Policy",
    "Progress",
    "Raw",
    "ReactAgentError",
    "ReplayBackend",
    "Result",
    "Rule",
    "RunContext",
    "RunFailed",
    "ScriptError",
    "Settings",
    "Text",
    "Tool",
    "ToolError",
    "ToolRegistry",
    "Trace",
    "TraceError",
    "Usage",
    "call",
    "pending",
    "replay",
    "tool",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'react_agent' has no attribute '{name}'")
    value: object = getattr(import_module(f"react_agent.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
