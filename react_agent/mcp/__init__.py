"""Tools from servers of the Model Context Protocol, and tools offered as such a server.

Needs the official SDK, ``pip install 'react_agent[mcp]'`` (protocol 2026-07-28, 2025-11-25 and older), which is loaded when a server is connected.

::

    from react_agent.mcp import McpServer

    with McpServer("npx -y @modelcontextprotocol/server-everything") as server:      # or a URL
        Agent("openai:gpt-5", tools=server.tools).run_sync("…")

What a server says of its tools are claims: annotations are taken over as such (`McpServer`), schemas are bounded before anything is compiled from
them, results are untrusted unless the tool says otherwise, and a tool that has become another is not called.
"""

from __future__ import annotations

from react_agent.mcp.client import McpServer
from react_agent.mcp.pins import Pins, tool_pin
from react_agent.mcp.serve import serve_stdio, served

__all__ = ["McpServer", "Pins", "serve_stdio", "served", "tool_pin"]
