"""Tools from an MCP server, over stdio or streamable HTTP."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from react_agent.errors import ConfigError, ToolError
from react_agent.mcp.convert import parts_from, tool_from
from react_agent.mcp.link import Link, Lost, Refusal, opened, refusals
from react_agent.mcp.pins import Pins, check_pins, tool_pin
from react_agent.mcp.targets import as_target, check_options, shown
from react_agent.messages import Image, JsonObject, Text, clean
from react_agent.tooling import RunContext, Tool, ToolRegistry

if TYPE_CHECKING:
    import mcp
    import mcp_types

MAX_TOOLS, MAX_PAGES = 1_000, 100


class McpServer:
    """A connection to one server, and its tools. Use it with ``with`` or ``async with``, or `connect` and `close`.

    A server that is lost meanwhile (its program ended, it forgot the session) is connected again when the next call comes, once for each call, and
    held to the same pins; what it kept in mind is gone. A call is sent again only where the server surely did not carry the first one out.

    Args:
        target: A URL (streamable HTTP); a command line, as text or as a list (stdio), or a program's path; or anything else that the SDK's ``Client`` takes.
        name: For messages and pins; made from the target if left out.
        prefix: Put before each tool's name.
        pins: What the tools have to be: pins by tool as `pins` gave them, or a file (`Pins`, a path) in which a new server is written down.
        believe: Take the annotations over as the server claims them. False: every tool counts as destructive and open-world.
        timeout: Seconds that connecting or a call may take.
        recheck: Seconds after which the server is asked again, before the next call, whether its tools are the same. A notice of change is
            always followed.
        headers: For HTTP, such as an authorization. They are not written into messages or traces.
        env, cwd: For a command: variables beside the few that are passed on (PATH, HOME, …), and the folder to start it in.

    Attributes:
        pins: What they are, by the server's own names.
        left_out: Tools of the server that cannot be used safely, each with the reason.
    """

    def __init__(
        self,
        target: str | list[str] | object,
        *,
        name: str | None = None,
        prefix: str = "",
        pins: Mapping[str, str] | Pins | str | Path | None = None,
        believe: bool = True,
        timeout: float = 60.0,
        recheck: float = 300.0,
        headers: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
    ) -> None:
        check_options(headers, env, timeout, prefix)
        meant = as_target(target)
        self.name = name or shown(target)
        self._tools: ToolRegistry | None = None
        self.pins: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        self._prefix, self._believe, self._timeout, self._recheck = prefix, believe, timeout, recheck
        self._pinned = Pins(pins) if isinstance(pins, str | Path) else pins
        self._looked, self._heard, self._listen_on = 0.0, 0, asyncio.Event()
        self._now: dict[str, str] = {}  # pins as last seen
        self._link = Link(
            self.name, functools.partial(opened, meant, headers, env, cwd, self._hear), self._take_over, self._listen, timeout
        )

    def __repr__(self) -> str:
        return f"McpServer({self.name!r}, {'not connected yet' if self._tools is None else f'{len(self._tools)} tools'})"

    @property
    def tools(self) -> ToolRegistry:
        """The tools. Raises `ConfigError` before the server was connected."""
        if self._tools is None:
            raise ConfigError(
                f"the MCP server {self.name} is not connected yet, so its tools are not known: use it as `with server:`, or call connect() first"
            )
        return self._tools

    # ------------------------------------------------------------------------------------------------------ connection

    def connect(self) -> Self:
        """Start or reach the server and take its tools over.

        Raises:
            ConfigError: The SDK is missing, the server cannot be had in time, or its tools are not those that were pinned.
        """
        self._link.connect()
        return self

    def close(self) -> None:
        """End the connection, and the server where it was started here."""
        self._link.close()

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.connect)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        await asyncio.to_thread(self.close)

    # ----------------------------------------------------------------------------------------------------------- tools

    async def _take_over(self, client: mcp.Client) -> None:
        listed = await _list(client)
        pins = {str(said["name"]): tool_pin(said) for said in listed}
        pinned = self._pinned.load(self.name) if isinstance(self._pinned, Pins) else self._pinned
        if pinned is not None:
            check_pins(self.name, pinned, pins)
        elif isinstance(self._pinned, Pins):
            self._pinned.save(self.name, pins)

        async def checked_here(name: str, result: object) -> None:
            """Structured results are held to their schema by `OutputCheck`, whose work is bounded."""

        client.session.validate_tool_result = checked_here  # type: ignore[method-assign]
        tools, left_out = ToolRegistry(), {}
        for said in listed:
            try:
                tools.register(self._tool(said))
            except ConfigError as error:
                left_out[str(said["name"])] = str(error)
        self._tools, self.pins, self.left_out = tools, pins, left_out  # those of an earlier connection have their own pins
        self._now, self._looked, self._listen_on = dict(pins), time.monotonic(), asyncio.Event()

    def _tool(self, said: JsonObject) -> Tool:
        name, pin = str(said["name"]), tool_pin(said)

        async def call(mcp_context: RunContext[object], **arguments: object) -> list[Text | Image]:
            async def called(client: mcp.Client) -> list[Text | Image]:
                return parts_from(await self._call(client, name, pin, arguments, mcp_context), check)

            return await self._link.run(called)

        made, check = tool_from(said, call, prefix=self._prefix, believe=self._believe, timeout=self._timeout)
        return made

    async def _call(
        self, client: mcp.Client, name: str, pin: str, arguments: dict[str, object], context: RunContext[object]
    ) -> mcp_types.CallToolResult:
        from mcp import MCPError

        refused: list[Refusal] = []
        refusals.set(refused)
        if time.monotonic() - self._looked >= self._recheck:
            await self._look_again(client, refused)
        if self._now.get(name) != pin:
            raise ToolError(
                f"The MCP server {self.name} has changed or removed this tool since it was offered, so it is not called. Use another way."
            )

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            context.progress(clean(message or ""), progress / total if total else None)

        try:
            return await client.call_tool(name, arguments, progress_callback=on_progress)
        except (MCPError, RuntimeError, ValueError, OSError) as error:
            raise self._failed(error, refused) from error

    def _failed(self, error: Exception, refused: list[Refusal]) -> ToolError:
        """What is known of a call of which no result came."""
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

        said = clean(str(error))[:1_000] or type(error).__name__
        not_done = f"The MCP server {self.name} did not carry the call out: {said}"
        if _session_is_gone(refused, said):
            return Lost(not_done)
        behind = any(each.status >= 500 for each in refused)  # it may be a gateway's word, and the server at work behind it
        if isinstance(error, MCPError) and error.code not in (CONNECTION_CLOSED, REQUEST_TIMEOUT) and not behind:
            return ToolError(not_done)
        return ToolError(
            f"No answer that can be used came from the MCP server {self.name} ({said}). Whether it carried the call out is not known."
        )

    async def _look_again(self, client: mcp.Client, refused: list[Refusal]) -> None:
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED

        heard = self._heard
        try:
            listed = await _list(client)
        except (ConfigError, MCPError, RuntimeError, ValueError, OSError) as error:
            said = clean(str(error))[:1_000]
            closed = isinstance(error, MCPError) and error.code == CONNECTION_CLOSED
            raise (Lost if closed or _session_is_gone(refused, said) else ToolError)(
                f"The MCP server {self.name} could not say whether its tools are still the same, so the call was not made: {said}"
            ) from error
        self._now = {str(said["name"]): tool_pin(said) for said in listed}
        if heard == self._heard:  # else they have changed again meanwhile
            self._looked = time.monotonic()
        self._listen_on.set()

    async def _hear(self, message: object) -> None:
        if type(getattr(message, "root", message)).__name__ == "ToolListChangedNotification":
            self._changed()

    async def _listen(self, client: mcp.Client) -> None:
        """From protocol 2026-07-28 on, notices come on a stream that is asked for; before, they came to `_hear`."""
        from mcp import MCPError

        tools = client.server_capabilities.tools
        heard, listen_on = False, self._listen_on
        while tools is not None and tools.list_changed:
            try:
                async with client.listen(tools_list_changed=True) as notices:
                    heard = True
                    self._changed()  # who knows what was missed between the list and this
                    async for _ in notices:
                        self._changed()
            except (MCPError, RuntimeError, TimeoutError):
                if not heard:
                    return  # an older protocol; the tools are looked at now and then
            self._changed()
            listen_on.clear()
            await listen_on.wait()  # until the server has answered the next call's look

    def _changed(self) -> None:
        """The tools have changed: they are looked at before the next call."""
        self._looked, self._heard = float("-inf"), self._heard + 1


def _session_is_gone(refused: list[Refusal], said: str) -> bool:
    """The server does not know the session any more. It has to say so by status 404; some say 400, and only their words tell."""
    statuses = [each.status for each in refused if each.in_session]
    return 404 in statuses or (400 in statuses and "session" in said.lower())


async def _list(client: mcp.Client) -> list[JsonObject]:
    """All that the server says of its tools, bounded."""
    listed: list[JsonObject] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor, cache_mode="refresh")
        listed += [cast("JsonObject", each.model_dump(by_alias=True, exclude_none=True, mode="json")) for each in page.tools]
        cursor = page.next_cursor
        if cursor is None or len(listed) > MAX_TOOLS:
            break
    if cursor is not None or len(listed) > MAX_TOOLS:
        raise ConfigError(f"it has more than {MAX_TOOLS:,} tools, or lists them without end")
    return listed
