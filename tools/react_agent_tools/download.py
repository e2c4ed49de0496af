"""One request over HTTP with everything bounded: bytes as they come, bytes as they unfold, redirects, time.

httpx does the talking and is loaded when first needed. Proxies of the environment are not used: what a proxy resolves, nobody has checked. Bodies are unpacked here and not by
httpx, which unpacks a whole piece at once: 64 kB of gzip can hold 64 MB.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import re
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pydantic import JsonValue

from react_agent import ToolError

if TYPE_CHECKING:
    import httpx

USER_AGENT = "react_agent/0.1 (a tool of a language model's agent)"
_CODECS = re.compile(
    r"utf-?8|ascii|iso8859-\d+|cp125\d|cp437|cp85\d|cp866|koi8-[ru]|mac-\w+|utf-16(-[lb]e)?|shift_jis\w*|cp932|euc_\w+|gb\w+|big5\w*|cp949|iso2022_jp\w*|tis-620"
)
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered. `cut`: the body was longer than was taken."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text, by the charset that the server or the page names, else UTF-8."""
        named = re.search(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{2,40})", self.headers.get("content-type", ""), re.IGNORECASE)
        in_page = _META.search(self.body[:2_048])
        for name in (named.group(1) if named else None, in_page.group(1).decode("ascii") if in_page else None):
            if name is not None and (codec := _codec(name)) is not None:
                return self.body.decode(codec, "replace").removeprefix("\ufeff")
        return self.body.decode("utf-8-sig", "replace")


def _codec(name: str) -> str | None:
    """A charset that pages are written in; Python also knows some that are none, and one that takes for ever (punycode)."""
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return known if _CODECS.fullmatch(known) else None


@cache
def tls() -> ssl.SSLContext:
    """One for all connections: making it takes longer than many a request."""
    import httpx

    return httpx.create_ssl_context()


async def ask(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    server_name: str | None = None,
    seconds: float,
    max_bytes: int,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Reply:
    """GET a URL; redirects are answers like others.

    Args:
        server_name: Whose certificate is wanted, where the URL has an address instead of a name.
        seconds: For all of it.
        max_bytes: Of the unpacked body; what is longer is cut.

    Raises:
        ToolError: There was no answer, or none in time, or it was packed in an unknown way.
        httpx.ConnectError: Nobody answers at that address; another may.
    """
    import httpx

    sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate", **(headers or {})}
    extensions = {"sni_hostname": server_name} if server_name and url.startswith("https:") else {}
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(transport=transport, verify=tls(), trust_env=False, timeout=seconds) as client,
            client.stream("GET", url, headers=sent, extensions=extensions) as response,
        ):
            body, cut = await _body(response, max_bytes)
            return Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body, cut)
    except (TimeoutError, httpx.TimeoutException):
        raise ToolError(f"no answer within {seconds:g} seconds") from None
    except httpx.ConnectError:
        raise
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise ToolError(f"no usable answer: {str(error)[:200] or type(error).__name__}") from None


async def _body(response: httpx.Response, most: int) -> tuple[bytes, bool]:
    if response.is_stream_consumed:  # a transport that had all of it in memory, as in tests
        return response.content[:most], len(response.content) > most
    unpack = _unpacker(response.headers.get("content-encoding", "").strip().lower())
    pieces: list[bytes] = []
    room = most + 1
    taken = 0
    async for chunk in response.aiter_raw(65_536):
        taken += len(chunk)
        piece = unpack(chunk, room)
        pieces.append(piece)
        room -= len(piece)
        if room <= 0 or taken > most:
            break
    body = b"".join(pieces)
    return body[:most], len(body) > most or taken > most


class _unpacker:  # noqa: N801 - called like the function that it is
    """Unpacks piece by piece, and no more at a time than there is room for."""

    def __init__(self, encoding: str) -> None:
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise ToolError(f"the answer is packed as {encoding[:40]!r}, which was not asked for")
        self.packed = encoding not in ("", "identity")
        self.bits = 47 if "gzip" in encoding else 15  # 32 + 15: gzip or zlib
        self.unpacker = zlib.decompressobj(self.bits)
        self.begun = False

    def __call__(self, chunk: bytes, room: int) -> bytes:
        if not self.packed or not chunk:
            return chunk[:room]
        try:
            return self._unpack(chunk, room)
        except zlib.error:
            if self.bits == 15 and not self.begun:  # "deflate" without zlib's head, as some servers write it
                self.bits, self.unpacker = -15, zlib.decompressobj(-15)
                return self(chunk, room)
            raise ToolError("the answer is damaged: it cannot be unpacked") from None

    def _unpack(self, chunk: bytes, room: int) -> bytes:
        piece = self.unpacker.decompress(chunk, room)
        self.begun = True
        return piece


async def ask_json(url: str, *, seconds: float, max_bytes: int, transport: httpx.AsyncBaseTransport | None = None) -> JsonValue:
    """GET a URL of an API and read its JSON. Raises `ToolError` for everything else."""
    import httpx

    try:
        reply = await ask(url, headers={"Accept": "application/json"}, seconds=seconds, max_bytes=max_bytes, transport=transport)
    except httpx.ConnectError:
        raise ToolError("the service cannot be reached now; try again later, or go on without it") from None
    if reply.status == 429 or reply.status >= 500:
        raise ToolError(f"the service is busy or broken (HTTP {reply.status}); try again later, or go on without it")
    if reply.status != 200:
        raise ToolError(f"the service refused the request (HTTP {reply.status}): {reply.text[:200]}")
    if reply.cut:
        raise ToolError(f"the service's answer is longer than {max_bytes:,} bytes")
    try:
        read: JsonValue = json.loads(reply.text)
    except (ValueError, RecursionError):
        raise ToolError("the service's answer is no JSON") from None
    return read
