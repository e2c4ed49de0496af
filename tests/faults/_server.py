"""A server that does what no server should, on raw sockets."""

from __future__ import annotations

import asyncio
import selectors
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Play = Callable[[asyncio.StreamWriter], Awaitable[None]]


def head(status: str = "200 OK", kind: str = "application/json", *more: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", *more]
    lines += [f"content-length: {length}"] if length is not None else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(body: bytes, status: str = "200 OK", kind: str = "application/json", *more: str) -> Play:
    """One proper answer."""
    return script(head(status, kind, *more, length=len(body)) + body)


def chunked(*pieces: bytes, kind: str = "text/event-stream", end: bool = True) -> Play:
    """A streamed answer in HTTP chunks; without its last chunk when it is cut."""
    sent = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return script(head("200 OK", kind, "transfer-encoding: chunked") + sent + (b"0\r\n\r\n" if end else b""))


def script(*steps: bytes | float | str) -> Play:
    """Bytes to send, seconds to wait, ``hang`` (until the client gives up) or ``reset`` (the connection is torn)."""

    async def play(writer: asyncio.StreamWriter) -> None:
        for step in steps:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif isinstance(step, float):
                await asyncio.sleep(step)
            elif step == "hang":
                await asyncio.sleep(30)
            else:
                reset(writer)
                return

    return play


def drip(start: bytes, piece: bytes, pause: float = 2.0) -> Play:
    """Never ends, and is never silent for long."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return play


def flood(start: bytes, piece: bytes, times: int) -> Play:
    """As much as the client will take."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        for _ in range(times):
            if writer.is_closing():
                return
            writer.write(piece)
            await writer.drain()

    return play


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes with RST instead of FIN."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


@asynccontextmanager
async def serve(*plays: Play, keep: bool = False) -> AsyncIterator[tuple[str, list[bytes]]]:
    """The base URL and the requests that came. Each gets the next play, the last one for ever. A question what is served here is not one of them.

    With `keep` a connection takes one request after another, and only connections are counted.
    """
    asked: list[bytes] = []
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        try:
            while (request := await _request(reader)) is None:
                await _NOT_HERE(writer)
            number = len(asked)
            asked.append(request)
            await plays[min(number, len(plays) - 1)](writer)
            while keep:
                await _request(reader)
                await plays[-1](writer)
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1", asked
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


_NOT_HERE = whole(b"", "404 Not Found")


class _Idle(selectors.DefaultSelector):
    """Lets time pass at once where nothing else is to be done, and only there: a machine that stands still for a while delays nobody."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout if timeout is None else min(timeout, 0.005))  # what is on its way through the system arrives first
        if not ready and timeout:
            self.now += timeout
        return ready


def at_leisure() -> asyncio.AbstractEventLoop:
    """An event loop whose clock shows only the time that was waited for; server and client have to live in it both."""
    idle = _Idle()
    loop: Any = asyncio.SelectorEventLoop(idle)
    loop.time = lambda: idle.now
    return loop


async def _request(reader: asyncio.StreamReader) -> bytes | None:
    """The body of one request; None for a question what is served."""
    lines = (await reader.readuntil(b"\r\n\r\n")).lower()
    if lines.startswith(b"get "):
        return None
    length = int(lines.split(b"content-length:")[1].split(b"\r\n")[0])
    return await reader.readexactly(length)
