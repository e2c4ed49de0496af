"""The connection to an MCP server: the SDK lives in a thread with an event loop of its own, so that one serves runs of any loop, sync and async."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from react_agent.errors import ConfigError, ToolError
from react_agent.messages import clean

if TYPE_CHECKING:
    import mcp
    from mcp.client.session import MessageHandlerFnT

T = TypeVar("T")
Open = Callable[[IO[str]], contextlib.AbstractAsyncContextManager["mcp.Client"]]
"""Makes the SDK's client; what a server's program writes to standard error goes into the file."""
MISSING = "tools from MCP servers need the official SDK: pip install 'react_agent[mcp]'"


@contextlib.asynccontextmanager
async def opened(
    target: object,
    headers: Mapping[str, str] | None,
    env: Mapping[str, str] | None,
    cwd: str | Path | None,
    hear: MessageHandlerFnT,
    log: IO[str],
) -> AsyncIterator[mcp.Client]:
    """The SDK's client of a server as `McpServer` takes it. Raises `ConfigError` where the SDK is missing, and whatever the SDK does."""
    try:
        import mcp
        from mcp.client.stdio import stdio_client
        from mcp.client.streamable_http import streamable_http_client
        from mcp.shared._httpx_utils import create_mcp_http_client
    except ImportError as error:
        raise ConfigError(MISSING) from error
    transport: Any = target
    async with contextlib.AsyncExitStack() as stack:
        if isinstance(target, str) and target.startswith(("http://", "https://")):
            http = await stack.enter_async_context(create_mcp_http_client(headers=dict(headers or {})))

            async def refused(response: Any) -> None:
                if response.status_code >= 400:  # the SDK does not tell
                    log.write(f"HTTP {response.status_code} {response.reason_phrase}\n")

            http.event_hooks["response"].append(refused)
            transport = streamable_http_client(target, http_client=http)
        elif isinstance(target, str | list):
            command = shlex.split(target) if isinstance(target, str) else [str(word) for word in target]
            if not command:
                raise ConfigError("an MCP server is a URL or a command, and this is nothing")
            parameters = mcp.StdioServerParameters(command=command[0], args=command[1:], env=dict(env or {}), cwd=cwd)
            transport = stdio_client(parameters, errlog=cast("Any", log))
        yield await stack.enter_async_context(mcp.Client(transport, message_handler=hear))


class Link:
    """The thread. It ends with `close`.

    Args:
        name: The server's, for messages.
        open: Makes the client.
        begin: Is given it before it counts as connected.
        watch: Is given it then, and ended with the connection.
        timeout: Seconds that both may take together.
    """

    def __init__(
        self,
        name: str,
        open: Open,  # noqa: A002 - the word
        begin: Callable[[mcp.Client], Awaitable[None]],
        watch: Callable[[mcp.Client], Coroutine[Any, Any, None]],
        timeout: float,
    ) -> None:
        self._name, self._open, self._begin, self._watch, self._timeout = name, open, begin, watch, timeout
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._client: mcp.Client | None = None

    def connect(self) -> None:
        """Start it, unless that is done. Raises `ConfigError` where the server cannot be had."""
        if self._thread is not None:
            return
        ready: list[BaseException | None] = []
        there = threading.Event()

        def live() -> None:
            try:
                asyncio.run(self._live(there.set))
            except BaseException as error:  # noqa: BLE001 - told to whoever connects
                ready.append(error)
            there.set()

        self._thread = threading.Thread(target=live, name=f"react-agent-mcp-{self._name[:40]}", daemon=True)
        self._thread.start()
        there.wait()
        if ready or self._client is None:
            self.close()
            raise _why(self._name, ready[0] if ready else None)

    def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(15)

    async def run(self, make: Callable[[mcp.Client], Coroutine[Any, Any, T]]) -> T:
        """Do something with the client, from any loop. Raises `ToolError` where it is gone."""
        loop, client = self._loop, self._client
        if loop is None or loop.is_closed() or client is None:
            raise ToolError(f"the MCP server {self._name} is not connected any more")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(make(client), loop))

    async def _live(self, ready: Callable[[], None]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        with tempfile.TemporaryFile("w+", errors="replace") as log:
            try:
                async with contextlib.AsyncExitStack() as stack:
                    async with asyncio.timeout(self._timeout):
                        client = await stack.enter_async_context(self._open(log))
                        await self._begin(client)
                    self._client = client
                    watching = asyncio.create_task(self._watch(client))
                    ready()
                    await self._stop.wait()
                    self._client = None
                    watching.cancel()
                    await asyncio.gather(watching, return_exceptions=True)
            except BaseException as error:
                log.seek(0)
                said = clean(log.read()[-500:]).strip()
                if said and self._client is None:
                    error.add_note(f"it wrote: {said}")
                raise


def _why(name: str, error: BaseException | None) -> ConfigError:
    """One sentence out of whatever went wrong, also where a task group wrapped it."""
    notes = [note for each in _chain(error) for note in getattr(each, "__notes__", ())]
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    if isinstance(error, ConfigError):
        words = str(error)
        if words.startswith("the MCP server") or words == MISSING:
            return error
    elif isinstance(error, TimeoutError):
        words = "it did not answer in time"
    else:
        words = f"{type(error).__name__}: {error}" if error is not None else "it ended at once"
    return ConfigError(clean("; ".join([f"the MCP server {name} cannot be had: {words}", *notes]))[:2_000])


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None:
        found.append(error)
        error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) and error.exceptions else None
    return found
