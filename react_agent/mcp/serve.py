"""Our tools as an MCP server: an editor, a desktop application or another agent calls them through the same checks, bounds and care as a run does."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, cast

from react_agent.agent import ToolLike
from react_agent.calling import call_once
from react_agent.errors import ConfigError
from react_agent.mcp.convert import said_of
from react_agent.messages import Image, JsonObject, Text, ToolResult
from react_agent.tooling import ToolRegistry

if TYPE_CHECKING:
    import mcp_types
    from mcp.server.lowlevel import Server

MISSING = "to serve tools over MCP needs the official SDK: pip install 'react_agent[mcp]'"


def offered(tools: ToolRegistry | Iterable[ToolLike], *, destructive: bool = False) -> ToolRegistry:
    """The tools that are offered. Nobody stands between the caller and a tool here, so what waits for a person is left out, and so is what says
    that it may destroy something, unless `destructive`."""
    return ToolRegistry(tools).filter(lambda each: not each.ask and (destructive or not each.spec.destructive))


def served(tools: ToolRegistry | Iterable[ToolLike], *, name: str = "react-agent", destructive: bool = False) -> Server[Any]:
    """An SDK server that offers these tools. Raises `ConfigError` where the SDK is missing, or no tool is left to offer."""
    try:
        import mcp_types as types
        from mcp.server.lowlevel import Server
    except ImportError as error:
        raise ConfigError(MISSING) from error
    registry = offered(tools, destructive=destructive)
    if not len(registry):
        raise ConfigError(
            "there is no tool to serve; those that wait for a person are left out, and those that may destroy something unless destructive=True "
            "(--destructive) is said"
        )
    listed = [types.Tool.model_validate(said_of(each.spec)) for each in registry]
    shaped = {each.name for each in listed if each.output_schema is not None}

    async def list_tools(context: object, params: object) -> mcp_types.ListToolsResult:
        return types.ListToolsResult(tools=listed)

    async def call_tool(context: Any, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        async with _reporting(context) as report:
            result = await call_once(registry, params.name, cast("JsonObject", params.arguments or {}), on_progress=report)
        return types.CallToolResult.model_validate(_said(result, params.name in shaped))

    return Server(name, version=_version(), on_list_tools=list_tools, on_call_tool=call_tool)


@contextlib.asynccontextmanager
async def _reporting(context: Any) -> AsyncIterator[Any]:
    """A tool's progress, from whatever thread, as notifications; all are sent before the result."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[str, float | None] | None] = asyncio.Queue()

    def report(message: str, fraction: float | None) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, (message, fraction))

    async def send() -> None:
        count = 0
        while (item := await queue.get()) is not None:
            count += 1
            message, fraction = item
            await context.session.report_progress(count if fraction is None else fraction, None if fraction is None else 1.0, message)

    sending = asyncio.create_task(send())
    try:
        yield report
        loop.call_soon(queue.put_nowait, None)
        await sending
    finally:
        sending.cancel()


def _said(result: ToolResult, shaped: bool) -> JsonObject:
    content: list[JsonObject] = []
    for part in result.content:
        if isinstance(part, Text):
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, Image) and part.data is not None:
            content.append({"type": "image", "data": part.data, "mimeType": part.media_type})
        else:
            content.append({"type": "text", "text": f"[a picture at {part.url}]"})
    said: JsonObject = {"content": cast("Any", content), "isError": not result.ok}
    if shaped and result.ok:
        said["structuredContent"] = json.loads(result.text)
    return said


def _version() -> str:
    from react_agent import __version__

    return __version__


def serve_stdio(tools: ToolRegistry | Iterable[ToolLike], *, name: str = "react-agent", destructive: bool = False) -> None:
    """Serve over standard input and output until the other side hangs up. Raises as `served`."""
    server = served(tools, name=name, destructive=destructive)

    async def live() -> None:
        from mcp.server.stdio import stdio_server

        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    asyncio.run(live())
