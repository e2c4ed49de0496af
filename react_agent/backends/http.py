"""The HTTP room: clients, time-outs, limits and streaming for every leaf. The one place that knows httpx; loaded with the first request.

Nothing but `BackendError` (and cancellation) leaves it. Bodies are bounded while they are read, before and after they are unpacked, and time is
bounded three ways (`react_agent.backends.retry.Timeouts`). Redirects are not followed: a key never goes to a host that nobody named.
"""

from __future__ import annotations

import asyncio
import weakref
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, cast
from urllib.parse import urlsplit

import httpx

from react_agent.backends.came import ANSWERED
from react_agent.backends.retry import Timeouts
from react_agent.backends.wires.base import excerpt
from react_agent.backends.wires.wrong import request_id, too_large
from react_agent.errors import BackendError, BackendProtocolError, BackendRejected, BackendTimeout, BackendUnavailable

DRAIN_SECONDS = 0.25  # how long to wait for the end of a body after its end mark, so that the connection can be used again
WRAPPING = 10
# No proxy that the environment names leads to a server on this very machine.
_DIRECT: dict[str, httpx.AsyncBaseTransport | None] = dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]"))
Sink = Callable[[bytes], bool]
"""Takes a piece of a streamed body; True means that no more is wanted."""


class Client(Protocol):
    """What is used of ``httpx.AsyncClient``; Any where another library's own types stand (httpx2 has the same shape)."""

    def build_request(self, method: str, url: str, *, content: bytes, headers: Mapping[str, str], timeout: Any) -> Any: ...
    async def send(self, request: Any, *, stream: bool, follow_redirects: bool) -> Any: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is empty where a sink took it.

    Attributes:
        headers: Looked up without regard to case.
        streamed: The body went to the sink.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray
    streamed: bool = False


class Room:
    """Sends requests to one URL family with one set of headers. Serves many runs and event loops at once.

    Args:
        headers: Sent with every request.
        client: An ``httpx.AsyncClient`` or a client of the same shape, which stays the caller's to close; None makes one for each event loop.
        most_bytes: Largest body that is read, as it comes and unpacked. Of a streamed one `WRAPPING` times as much may come, for most of it is
            wrapping; what of it is kept, its sink bounds.
        tls: False where only ``http:`` is spoken, which saves loading the certificates.
        proxied: False where the environment's proxies are not so much as looked at: one of a kind that httpx cannot use fails them all.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        *,
        client: Client | None,
        timeouts: Timeouts,
        most_bytes: int,
        tls: bool = True,
        proxied: bool = True,
    ) -> None:
        self._given = client
        self._tls = tls
        self._proxied = proxied
        self._timeouts = timeouts
        self._most = most_bytes
        plain = {"content-type": "application/json", "accept": "application/json", "accept-encoding": "identity", **headers}
        self._headers = {False: plain, True: {**plain, "accept": "text/event-stream"}}
        self._timeout = httpx.Timeout(timeouts.silence, connect=timeouts.connect)
        self._extensions = {"timeout": self._timeout.as_dict()}
        self._urls: dict[str, httpx.URL] = {}
        self._clients: dict[asyncio.AbstractEventLoop, _Open] = {}
        weakref.finalize(self, _abandon, self._clients).atexit = False

    async def get(self, url: str, *, seconds: float | None = None) -> Answer:
        """Asks for what lies there; otherwise as `post`."""
        return await self.post(url, b"", seconds=seconds)

    def stream_apart(self) -> None:
        """From here on each stream has a connection of its own: llama.cpp closes a kept one behind it and does not say so, and the next request on it is lost."""
        self._headers[True] = {**self._headers[True], "connection": "close"}

    async def post(self, url: str, body: bytes, *, seconds: float | None = None, sink: Sink | None = None) -> Answer:
        """Sends `body` and reads the answer. A streamed body of an answer goes piece by piece to `sink`; any other is read whole.

        Raises `BackendTimeout` after `seconds` or the room's own limits, `BackendUnavailable` when the server cannot be reached,
        `BackendProtocolError` when what comes is cut, too large or not HTTP.
        """
        limit = self._timeouts.total if seconds is None else min(seconds, self._timeouts.total)
        try:
            async with asyncio.timeout(limit):
                response = await self._send(url, body, sink is not None)
                try:
                    return await self._receive(response, sink)
                finally:
                    await response.aclose()
        except BackendError:
            raise
        except TimeoutError:
            raise BackendTimeout(f"{_place(url)} gave no complete reply within {limit:g} s") from None
        except Exception as error:  # noqa: BLE001 - nothing foreign escapes; clients of other libraries have exception types of their own
            told = self._translate(error, url)
            if not self._tls and type(told) is BackendUnavailable:  # it may be llama.cpp, which nobody has asked what it is
                self.stream_apart()
            raise told from None

    async def _send(self, url: str, body: bytes, streaming: bool) -> Any:
        headers = self._headers[streaming]
        method = "POST" if body else "GET"
        if self._given is not None:
            request = self._given.build_request(method, url, content=body, headers=headers, timeout=self._patience())
            return await self._given.send(request, stream=True, follow_redirects=False)
        address = self._urls.get(url)
        if address is None:
            if len(self._urls) >= 64:
                self._urls.clear()
            address = self._urls[url] = httpx.URL(url)
        made = httpx.Request(method, address, headers=headers, content=body, extensions=self._extensions)
        client = await self._client()
        return await client.send(made, stream=True, follow_redirects=False)

    def _patience(self) -> tuple[float, float, float, float]:
        """Time-outs in the form that any client of httpx's shape takes: connect, read, write, pool."""
        times = self._timeouts
        return (times.connect, times.silence, times.silence, times.silence)

    # ---------------------------------------------------------------------------------------------------- receiving

    async def _receive(self, response: Any, sink: Sink | None) -> Answer:
        status, headers = int(response.status_code), cast("Mapping[str, str]", response.headers)
        if 300 <= status < 400:
            raise _redirected(status, headers)
        streamed = sink is not None and status in ANSWERED and "json" not in headers.get("content-type", "").replace("ndjson", "")
        try:
            if streamed and sink is not None:
                if "html" in headers.get("content-type", ""):
                    streamed = False
                else:
                    await self._pour(response, headers, sink)
                    return Answer(status, headers, b"", True)
            return Answer(status, headers, await self._whole(response, headers))
        except TimeoutError:
            raise
        except BackendError as error:
            error.status = error.status or status
            error.request_id = error.request_id or request_id(headers)
            raise
        except Exception as error:  # noqa: BLE001 - nothing foreign escapes
            raise self._cut(error, status, headers) from None

    async def _whole(self, response: Any, headers: Mapping[str, str]) -> bytes | bytearray:
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._most:
            raise too_large(self._most)
        if response.is_stream_consumed:  # a double that was made with its content
            return cast(bytes, await response.aread())
        unpack = _unpacker(headers)
        body: bytes | bytearray = b""
        raw = 0
        async for chunk in response.aiter_raw():
            raw += len(chunk)
            for piece in unpack(chunk) if unpack is not None else (chunk,):
                if raw > self._most or len(body) + len(piece) > self._most:
                    raise too_large(self._most)
                body = _grown(body, piece)
        return body

    async def _pour(self, response: Any, headers: Mapping[str, str], sink: Sink) -> None:
        if response.is_stream_consumed:
            sink(await response.aread())
            return
        most = self._most * WRAPPING
        unpack = _unpacker(headers)
        raw = got = 0
        chunks = response.aiter_raw()
        async for chunk in chunks:
            raw += len(chunk)
            enough = False
            for piece in unpack(chunk) if unpack is not None else (chunk,):
                got += len(piece)
                if raw > most or got > most:
                    raise too_large(most)
                enough = sink(piece) or enough
            if enough:
                await _drain(chunks)
                return

    # ------------------------------------------------------------------------------------------------------ clients

    async def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        known = self._clients.get(loop)
        if known is not None and known in _Open.alive:
            return known.client
        for old in [other for other, opened in self._clients.items() if opened not in _Open.alive]:
            del self._clients[old]
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=60)
        made = httpx.AsyncClient(verify=self._tls, timeout=self._timeout, limits=limits, mounts=_DIRECT, trust_env=self._proxied)
        opened = _Open(loop, made)
        await opened.begin()
        self._clients[loop] = opened
        return opened.client

    async def aclose(self) -> None:
        """Closes the connections of the running event loop; another loop's are closed when that loop ends."""
        known = self._clients.pop(asyncio.get_running_loop(), None)
        if known is not None:
            await known.close()

    # ------------------------------------------------------------------------------------------------------- errors

    def _translate(self, error: Exception, url: str) -> BackendError:
        """A client's exception as one of ours, by the names of its classes, which httpx and its like share."""
        while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:  # from connecting to several addresses at once
            error = error.exceptions[0]
        names = {kind.__name__ for kind in type(error).__mro__}
        place, why = _place(url), _why(error)
        if "ConnectTimeout" in names:
            return BackendTimeout(f"no connection to {place} within {self._timeouts.connect:g} s")
        if "TimeoutException" in names:
            return BackendTimeout(f"{place} was silent for {self._timeouts.silence:g} s")
        if "ConnectError" in names:
            return BackendUnavailable(f"no connection to {place} ({why}): check that the server runs and base_url is right")
        if "RemoteProtocolError" in names and "disconnected" not in why:
            return _final(BackendProtocolError(f"{place} does not speak proper HTTP ({why}): check base_url"))
        if names & {"NetworkError", "RemoteProtocolError", "ProxyError", "OSError"}:
            return BackendUnavailable(f"the connection to {place} was lost before an answer came ({why})")
        if names & {"InvalidURL", "UnsupportedProtocol", "LocalProtocolError", "RuntimeError"}:
            return BackendRejected(f"the request to {place} could not be sent ({why})")
        return BackendError(f"the request to {place} failed ({why})")

    def _cut(self, error: Exception, status: int, headers: Mapping[str, str]) -> BackendError:
        names = {kind.__name__ for kind in type(error).__mro__}
        where: dict[str, Any] = {"status": status, "request_id": request_id(headers)}
        if "TimeoutException" in names:
            return BackendTimeout(f"the reply stalled: no byte for {self._timeouts.silence:g} s", **where)
        if isinstance(error, zlib.error):
            return BackendProtocolError(f"the reply could not be unpacked ({error})", **where)
        return BackendProtocolError(f"the reply was cut: the connection was lost within it ({_why(error)})", **where)


class _Open:
    """The client of one event loop. Kept alive until it is closed there: what the collector takes cannot be closed any more."""

    alive: ClassVar[set[_Open]] = set()

    def __init__(self, loop: asyncio.AbstractEventLoop, client: httpx.AsyncClient) -> None:
        self.loop = loop
        self.client = client
        self.task: asyncio.Task[None] | None = None
        self._guard = self._until_the_loop_ends()

    async def begin(self) -> None:
        self.alive.add(self)
        await anext(self._guard)

    async def _until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        """An event loop that shuts down closes its asynchronous generators first, and so this client."""
        try:
            yield
        finally:
            self.alive.discard(self)
            await self.client.aclose()

    async def close(self) -> None:
        await self._guard.aclose()

    def close_soon(self) -> None:
        self.task = self.loop.create_task(self.close())


def _abandon(clients: dict[asyncio.AbstractEventLoop, _Open]) -> None:
    """A room went away without ``aclose``: its clients are closed where they live, unless their loop did that already."""
    for opened in [opened for opened in clients.values() if opened in _Open.alive]:
        with suppress(RuntimeError):  # the loop is closed
            opened.loop.call_soon_threadsafe(opened.close_soon)


def _grown(body: bytes | bytearray, chunk: bytes) -> bytes | bytearray:
    """Both together; a reply in one piece, as most are, is never copied."""
    if not body:
        return chunk
    if isinstance(body, bytes):
        body = bytearray(body)
    body += chunk
    return body


async def _drain(pieces: Any) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in pieces:
                pass
    except Exception:  # noqa: BLE001 - the reply is whole; what becomes of the connection no longer matters
        return


def _unpacker(headers: Mapping[str, str]) -> Callable[[bytes], Iterator[bytes]] | None:
    """What undoes the body's compression, at most a megabyte at a time, so that a bomb never gets to unfold; None where there is none."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise _final(BackendProtocolError(f"the reply is compressed as {excerpt(encoding, 40)!r}, which nobody asked for"))
    state = zlib.decompressobj(47 if "gzip" in encoding else 15)

    def unpack(chunk: bytes) -> Iterator[bytes]:
        nonlocal state
        while chunk:
            if state.eof:
                state = zlib.decompressobj(47)  # RFC 1952: members may follow one another
            yield state.decompress(chunk, 1_000_000)
            chunk = state.unused_data if state.eof else state.unconsumed_tail

    return unpack


def _redirected(status: int, headers: Mapping[str, str]) -> BackendError:
    where = headers.get("location", "nowhere")
    return _final(
        BackendProtocolError(
            f"the server answered {status}, a redirect to {excerpt(where, 200)}; redirects are not followed, since the key would go along: "
            "set base_url to where the API is",
            status=status,
            request_id=request_id(headers),
        )
    )


def _final(error: BackendProtocolError) -> BackendProtocolError:
    """Trying again would bring the same."""
    error.retryable = False
    return error


def _place(url: str) -> str:
    """Scheme, host and port: no path, no query, no user."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {excerpt(str(error), 200)}" if str(error) else type(error).__name__
