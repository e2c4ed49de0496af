"""Agents whose model plays a script."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Unpack

from react_agent.accepting import AnyOutput, MoreOptions
from react_agent.agent import Agent, ToolLike
from react_agent.backends.mock import MockBackend, ScriptItem
from react_agent.backends.replay import ReplayBackend
from react_agent.formats.base import Format
from react_agent.messages import Usage
from react_agent.tooling import ToolRegistry
from react_agent.trace import Trace


def scripted(agent: Agent, script: Iterable[ScriptItem] | Trace, *, format: str | Format = "native") -> Agent:  # noqa: A002 - the library's word
    """The same agent with a model that plays a script. Its tools are its own, and run.

    Args:
        agent: Left as it is.
        script: Replies as for `MockBackend`; or a trace, whose replies are played while the agent asks exactly what was asked then.
        format: What the scripted model writes and is read back in.
    """
    made = copy.copy(agent)
    made.backend = ReplayBackend(script) if isinstance(script, Trace) else MockBackend(script, format=format)
    return made


class AgentOptions(MoreOptions, total=False):
    """What else `Agent` takes."""

    output: AnyOutput


class ScriptedAgents:
    """Makes agents of a script and tools; what the fixture ``scripted_agent`` gives.

    Args:
        folder: Where traces are kept, so that a failing test can show them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._backends: list[MockBackend] = []

    def __call__(
        self,
        script: Iterable[ScriptItem],
        tools: ToolRegistry | Iterable[ToolLike] = (),
        *,
        format: str | Format = "native",  # noqa: A002 - the library's word
        usage: Usage | None = None,
        **options: Unpack[AgentOptions],
    ) -> Agent:
        """An agent whose model plays `script`; `options` are those of `Agent`. Without a store, its traces are those of the test."""
        backend = MockBackend(script, format=format, usage=usage)
        self._backends.append(backend)
        options.setdefault("store", self.folder)
        return Agent(backend, tools=tools, **options)

    def check(self) -> None:
        """Raise `ScriptError` when some of a script was never asked for."""
        for backend in self._backends:
            backend.check()
