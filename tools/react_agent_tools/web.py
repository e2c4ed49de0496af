"""`fetch_url(url)`: a page of the web as Markdown, without a way into the network that the agent runs in.

Every address on the way, redirects included, is judged by `guard.Guard` before a connection is made, and the connection goes to the address that was judged. Bytes, time
and redirects are bounded by `download`. What a page says is other people's words: the tool calls itself open-world, so its results are framed as data. It can also carry
words out, in the URL; where that matters, let a policy ask: ``Rule("ask", tools="fetch_url", after_untrusted=True)``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urljoin

from react_agent import Tool, ToolError
from react_agent import tool as make_tool
from react_agent_tools.download import Reply, ask
from react_agent_tools.guard import PORTS, Address, Guard, Target, as_address
from react_agent_tools.markdown import to_markdown

if TYPE_CHECKING:
    import httpx

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

SECONDS = 20.0
MAX_BYTES = 3 * 2**20
MAX_REDIRECTS = 5
_MAX_ADDRESSES = 3  # that are tried
_SHOWN_CHARS = 20_000
_REMEMBERED, _REMEMBERED_SECONDS = 8, 300.0
_TEXTS = (
    "application/json",
    "application/xml",
    "application/javascript",
    "application/yaml",
    "application/x-yaml",
    "application/toml",
    "application/sql",
)


def web_pages(
    *,
    allow: Sequence[str] = (),
    ports: Sequence[int] = PORTS,
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
    transport: httpx.AsyncBaseTransport | None = None,
    resolve: Resolve | None = None,
) -> Tool:
    """The tool ``fetch_url`` with settings of one's own; the plain `fetch_url` has the defaults.

    Args:
        allow: Hosts, addresses or networks that may be fetched although they are not public, each with a port if it is to be that one only:
            ``["wiki.corp.example", "10.1.0.0/16", "127.0.0.1:8080"]``.
        ports: That public hosts may be asked at.
        seconds: For one call, redirects included.
        max_bytes: Of a page, unpacked; what is longer is cut.
        transport: Takes the place of httpx's own, for tests.
        resolve: Gives the addresses of a host name and port; the system's by default.

    Raises:
        ConfigError: An entry of `allow` cannot be read.
    """
    fetcher = _Fetcher(Guard(allow, ports), seconds, max_bytes, transport, resolve or _system_resolve)
    pages: OrderedDict[str, tuple[float, str]] = OrderedDict()

    @make_tool(
        read_only=True,
        idempotent=True,
        open_world=True,
        timeout=seconds + 10,
        examples=[{"url": "https://en.wikipedia.org/wiki/Paris"}, {"url": "https://example.com/long", "offset": 20000}],
    )
    async def fetch_url(url: str, offset: int = 0) -> str:
        """Fetch a page of the public web and read it as Markdown. Links in it are whole and can be fetched in turn.

        Args:
            url: The whole URL, beginning with https:// or http://.
            offset: Where to go on in a long page, in characters; the note at its end says where.
        """
        known = pages.get(url)
        if offset and known is not None and time.monotonic() - known[0] < _REMEMBERED_SECONDS:
            return _part(known[1], offset)
        text = await fetcher.fetch(url)
        pages[url] = (time.monotonic(), text)
        while len(pages) > _REMEMBERED:
            pages.popitem(last=False)
        return _part(text, offset)

    return fetch_url


def _part(text: str, offset: int) -> str:
    if offset < 0 or offset >= max(len(text), 1):
        raise ToolError(f"the page has {len(text):,} characters, and offset {offset:,} was asked for")
    part = text[offset : offset + _SHOWN_CHARS]
    end = offset + len(part)
    if offset == 0 and end == len(text):
        return part
    rest = f"; go on with offset={end}" if end < len(text) else ""
    return f"{part}\n[characters {offset:,} to {end:,} of {len(text):,}{rest}]"


async def _system_resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)  # 1: SOCK_STREAM
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _Fetcher:
    def __init__(self, guard: Guard, seconds: float, max_bytes: int, transport: httpx.AsyncBaseTransport | None, resolve: Resolve) -> None:
        self.guard = guard
        self.seconds = seconds
        self.max_bytes = max_bytes
        self.transport = transport
        self.resolve = resolve

    async def fetch(self, url: str) -> str:
        """The page's text. Raises `ToolError`."""
        target = self.guard.target(url)
        until = time.monotonic() + self.seconds
        for _ in range(MAX_REDIRECTS + 1):
            reply = await self.ask(target, until)
            location = reply.headers.get("location")
            if reply.status not in (301, 302, 303, 307, 308) or not location:
                return await _read(reply, target)
            try:
                target = self.guard.target(urljoin(target.url, location))
            except ValueError:
                raise ToolError(f"{target.url} leads to what is no URL") from None
            except ToolError as error:
                raise ToolError(f"{target.url} leads elsewhere: {error}") from None
        raise ToolError(f"{url[:200]} leads from one page to the next, more than {MAX_REDIRECTS} times")

    async def ask(self, target: Target, until: float) -> Reply:
        """Asks one of the target's addresses, all of which are checked first."""
        import httpx

        addresses = await self.addresses(target, until)
        for address in addresses:
            self.guard.check(address, target)
        headers = {"Host": target.authority, "Accept": "text/html, text/markdown, text/plain, application/json;q=0.9, */*;q=0.1"}
        name = None if as_address(target.host) else target.host
        for address in addresses[:_MAX_ADDRESSES]:
            left = max(0.01, until - time.monotonic())
            try:
                return await ask(
                    target.at(address), headers=headers, server_name=name, seconds=left, max_bytes=self.max_bytes, transport=self.transport
                )
            except httpx.ConnectError as error:
                reason = str(error)[:200]
        raise ToolError(f"{target.authority} cannot be connected to: {reason or 'no answer'}")

    async def addresses(self, target: Target, until: float) -> list[Address]:
        literal = as_address(target.host)
        if literal is not None:
            return [literal]
        try:
            async with asyncio.timeout(max(0.01, until - time.monotonic())):
                found = await self.resolve(target.host, target.port)
        except TimeoutError:
            raise ToolError(f"the address of {target.host} could not be found in time") from None
        except (OSError, UnicodeError):
            raise ToolError(f"there is no host {target.host!r}") from None
        addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
        if not addresses:
            raise ToolError(f"there is no host {target.host!r}")
        return addresses


async def _read(reply: Reply, target: Target) -> str:
    """What of a reply can be read, with its address and title above it."""
    kind = reply.media_type or "text/html"
    readable = kind.startswith("text/") or kind in _TEXTS or kind.endswith(("+json", "+xml"))
    if reply.status >= 400:
        said = (await asyncio.to_thread(to_markdown, reply.text)).text if kind == "text/html" else reply.text if readable else ""
        raise ToolError(f"{target.url}: HTTP {reply.status}" + (f": {' '.join(said.split())[:300]}" if said.strip() else ""))
    if not readable:
        raise ToolError(f"{target.url} is {kind}, {'more than ' if reply.cut else ''}{len(reply.body):,} bytes; only text can be read")
    if "\0" in reply.text[:8_192]:
        raise ToolError(f"{target.url} calls itself {kind} but is no text")
    head = f"URL: {target.url}\n"
    if kind in ("text/html", "application/xhtml+xml"):
        page = await asyncio.to_thread(to_markdown, reply.text, target.url)
        head += f"Title: {page.title}\n" if page.title else ""
        text = page.text or "[the page has no text; it may be made by a script]"
    else:
        text = reply.text.strip() or "[nothing]"
    note = f"\n[the page was cut after {len(reply.body):,} bytes]" if reply.cut else ""
    return f"{head}\n{text}{note}"


fetch_url = web_pages()
