"""The connection to an MCP server: the SDK lives in a thread with an event loop of its own, so that one serves runs of any loop, sync and async."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextvars import Context, ContextVar
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from react_agent.errors import ConfigError, ToolError
from react_agent.mcp.targets import advice, advice_on_status, is_url
from react_agent.messages import clean

if TYPE_CHECKING:
    import mcp
    from mcp.client.session import MessageHandlerFnT

T = TypeVar("T")
Open = Callable[[IO[str], Callable[[], None]], contextlib.AbstractAsyncContextManager["mcp.Client"]]
"""Makes the SDK's client; what a server's program writes to standard error goes into the file, and the function is called when it has ended."""


class Refusal(NamedTuple):
    """An HTTP status of 400 or more that a request got.

    Attributes:
        in_session: The request named the session that it belongs to.
    """

    status: int
    in_session: bool


refusals: ContextVar[list[Refusal] | None] = ContextVar("react_agent_mcp_refusals", default=None)
"""What the requests that come of the present task were refused with; the SDK does not tell."""
MISSING = "tools from MCP servers need the official SDK: pip install 'react_agent[mcp]'"


@contextlib.asynccontextmanager
async def opened(
    target: object,
    headers: Mapping[str, str] | None,
    env: Mapping[str, str] | None,
    cwd: str | Path | None,
    hear: MessageHandlerFnT,
    log: IO[str],
    gone: Callable[[], None],
) -> AsyncIterator[mcp.Client]:
    """The SDK's client of a server as `McpServer` takes it; `gone` is called when its program has ended. Raises `ConfigError` where the SDK is
    missing, and whatever the SDK does."""
    try:
        import mcp
        from mcp.client.stdio import stdio_client
        from mcp.client.streamable_http import streamable_http_client
        from mcp.shared._httpx_utils import create_mcp_http_client
    except ImportError as error:
        raise ConfigError(MISSING) from error
    transport: Any = target
    async with contextlib.AsyncExitStack() as stack:
        if is_url(target):
            http = await stack.enter_async_context(create_mcp_http_client(headers=dict(headers or {})))

            async def refused(response: Any) -> None:
                if response.status_code >= 400:  # the SDK does not tell
                    log.write(f"HTTP {response.status_code} {response.reason_phrase}\n")
                    if (refused_here := refusals.get()) is not None:
                        refused_here.append(Refusal(response.status_code, "mcp-session-id" in response.request.headers))

            http.event_hooks["response"].append(refused)
            transport = streamable_http_client(str(target), http_client=http)
        elif isinstance(target, list | tuple):
            command = [str(word) for word in target]
            if not command:
                raise ConfigError("an MCP server is a URL or a command, and this is nothing")
            parameters = mcp.StdioServerParameters(command=command[0], args=command[1:], env=dict(env or {}), cwd=cwd)
            transport = _noticing(stdio_client(parameters, errlog=cast("Any", log)), gone)
        elif inspect.isasyncgen(spent := getattr(target, "gen", None)) and spent.ag_frame is None:
            raise ConfigError("a transport such as sse_client(url) can be opened once only; make a new McpServer with a new one")
        yield await stack.enter_async_context(mcp.Client(transport, message_handler=hear))


@contextlib.asynccontextmanager
async def _noticing(transport: Any, gone: Callable[[], None]) -> AsyncIterator[tuple[object, object]]:
    async with transport as (read, write):
        yield _Noticing(read, gone), write


class _Noticing:
    """What is read from a server's program, and that it has ended, which the SDK tells only to calls that are waiting."""

    def __init__(self, stream: Any, gone: Callable[[], None]) -> None:
        self._stream, self._gone = stream, gone

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    async def __aenter__(self) -> _Noticing:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> object:
        return await self._stream.__aexit__(*error)

    def __aiter__(self) -> _Noticing:
        return self

    async def __anext__(self) -> object:
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            self._gone()
            raise


class Lost(ToolError):
    """The connection is gone, and the server surely did not carry the call out."""


class _Connection:
    """One connection, which lives in a task of its own: the SDK's client has to be closed where it was opened.

    Attributes:
        client: Once it is open.
        lost: It cannot be called any more. It is closed as soon as nobody waits on it.
        error: Why it could not be opened.
        opened: It is open, or has failed.
    """

    def __init__(self) -> None:
        self.client: mcp.Client | None = None
        self.lost = False
        self.error: ConfigError | None = None
        self.opened, self._over = asyncio.Event(), asyncio.Event()
        self._calls = 0

    @contextlib.contextmanager
    def called(self) -> Iterator[None]:
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            if self.lost:
                self.gone()

    def gone(self) -> None:
        self.lost = True
        if not self._calls:
            self.end()

    def end(self) -> None:
        self.lost = True
        self._over.set()

    async def live(
        self,
        name: str,
        open: Open,  # noqa: A002 - the word
        begin: Callable[[mcp.Client], Awaitable[None]],
        watch: Callable[[mcp.Client], Coroutine[Any, Any, None]],
        timeout: float,
    ) -> None:
        with tempfile.TemporaryFile("w+", errors="replace") as log:
            try:
                async with contextlib.AsyncExitStack() as stack:
                    async with asyncio.timeout(timeout):
                        client = await stack.enter_async_context(open(log, self.gone))
                        await begin(client)
                    self.client = client
                    watching = asyncio.create_task(watch(client))
                    self.opened.set()
                    try:
                        await self._over.wait()
                    finally:
                        self.lost = True
                        watching.cancel()
                        await asyncio.gather(watching, return_exceptions=True)
            except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - told to whoever calls next; one that was open is made anew then
                log.seek(0)
                if said := clean(log.read()[-500:]).strip():
                    error.add_note(f"it wrote: {said}")
                self.error = _why(name, error)
            finally:
                self.lost = True
                self.opened.set()


class Link:
    """The thread. It ends with `close`. A connection that was lost is made anew when the next call comes, once for each call.

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
        self._name = name
        self._live_in = functools.partial(_Connection.live, name=name, open=open, begin=begin, watch=watch, timeout=timeout)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._connection: _Connection | None = None
        self._alive: dict[asyncio.Task[None], _Connection] = {}

    def connect(self) -> None:
        """Start it, unless that is done. Raises `ConfigError` where the server cannot be had."""
        if self._runs():
            return
        failed: list[BaseException] = []
        there = threading.Event()

        def live() -> None:
            try:
                asyncio.run(self._live(there.set))
            except BaseException as error:  # noqa: BLE001 - told to whoever connects
                failed.append(error)
            there.set()

        self._thread = threading.Thread(target=live, name=f"react-agent-mcp-{self._name[:40]}", daemon=True)
        self._thread.start()
        there.wait()
        if failed:
            self.close()
            raise _why(self._name, failed[0])

    def _runs(self) -> bool:
        """A process that was forked has no threads of the one before, and what is given to their loops waits for ever."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(15)

    async def run(self, make: Callable[[mcp.Client], Coroutine[Any, Any, T]]) -> T:
        """Do something with the client, from any loop. Raises `ToolError` where the server is gone and cannot be had again."""
        loop = self._loop
        if loop is None or loop.is_closed() or not self._runs():
            raise self._closed()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._do(make), loop))

    async def _do(self, make: Callable[[mcp.Client], Coroutine[Any, Any, T]]) -> T:
        connection = await self._connected()
        try:
            return await self._done_on(connection, make)
        except Lost:
            connection.gone()
        return await self._done_on(await self._connected(), make)

    async def _done_on(self, connection: _Connection, make: Callable[[mcp.Client], Coroutine[Any, Any, T]]) -> T:
        if connection.client is None:
            raise ToolError(f"{connection.error or _why(self._name, None)}. The connection was lost before, and the call was not made")
        with connection.called():
            return await make(connection.client)

    async def _connected(self) -> _Connection:
        """The connection, made anew where it was lost. Calls that come meanwhile wait for the same attempt, whatever comes of it."""
        if self._stop is None or self._stop.is_set():
            raise self._closed()
        connection = self._connection
        if connection is None or (connection.lost and connection.opened.is_set()):
            connection = self._connection = _Connection()
            Context().run(self._begin, connection)  # in that of a call, it would keep what the call's run holds
        await connection.opened.wait()
        return connection

    def _begin(self, connection: _Connection) -> None:
        task = asyncio.create_task(self._live_in(connection))
        self._alive[task] = connection
        task.add_done_callback(self._alive.pop)

    def _closed(self) -> ToolError:
        return ToolError(
            f"the MCP server {self._name} is not connected any more: its tools work until close(), or as long as its 'with' block lasts, and in the "
            "process that connected it; another one that was forked from it calls connect() itself"
        )

    async def _live(self, ready: Callable[[], None]) -> None:
        self._loop, self._stop, self._connection, self._alive = asyncio.get_running_loop(), asyncio.Event(), None, {}
        first = await self._connected()
        if first.client is None:
            raise first.error or _why(self._name, None)
        ready()
        await self._stop.wait()
        for task, connection in self._alive.items():
            connection.end()
            if connection.client is None:  # it is being made
                task.cancel()
        await asyncio.gather(*self._alive, return_exceptions=True)


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
        if isinstance(error, FileNotFoundError | PermissionError):
            words += advice(error.filename)
    told = "; ".join([f"the MCP server {name} cannot be had: {words}", *notes])
    return ConfigError(clean(told)[:2_000] + advice_on_status(" ".join(notes)))


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None:
        found.append(error)
        error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) and error.exceptions else None
    return found
