"""Tests of agents without a network: scripted models, recorded replies, and assertions on traces.

pytest loads `react_agent.testing.plugin` by itself wherever this package is installed; its fixtures do nothing until a test asks for one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from react_agent.testing.asserting import TraceAssertion, assert_trace
    from react_agent.testing.cassette import Cassette, CassetteMiss
    from react_agent.testing.network import NetworkBlocked, network_blocked
    from react_agent.testing.scripting import ScriptedAgents, scripted
    from react_agent.view.table import step_table

_HOME_OF = {
    "Cassette": "react_agent.testing.cassette",
    "CassetteMiss": "react_agent.testing.cassette",
    "NetworkBlocked": "react_agent.testing.network",
    "ScriptedAgents": "react_agent.testing.scripting",
    "TraceAssertion": "react_agent.testing.asserting",
    "assert_trace": "react_agent.testing.asserting",
    "network_blocked": "react_agent.testing.network",
    "scripted": "react_agent.testing.scripting",
    "step_table": "react_agent.view.table",
}

__all__ = [
    "Cassette",
    "CassetteMiss",
    "NetworkBlocked",
    "ScriptedAgents",
    "TraceAssertion",
    "assert_trace",
    "network_blocked",
    "scripted",
    "step_table",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'react_agent.testing' has no attribute '{name}'")
    value: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value
