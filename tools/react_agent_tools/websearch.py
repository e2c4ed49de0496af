"""`web_search(wire)`: the web's search engines behind one small protocol, with one wire to begin with.

A wire is any object with ``async def search(query, count) -> [Hit]``. `searxng` asks an instance of SearXNG, which anyone can run
(https://docs.searxng.org/dev/search_api.html; its settings must list ``json`` among ``search.formats``)::

    agent = Agent("openai:gpt-5", tools=[web_search(searxng("http://localhost:8888")), fetch_url])
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode, urlsplit

from react_agent import ConfigError, Tool, ToolError
from react_agent import tool as make_tool
from react_agent_tools.download import ask_json

if TYPE_CHECKING:
    import httpx

MAX_QUERY = 400
MAX_COUNT = 20
_TEXT_CHARS = 500
_MAX_BYTES = 2 * 2**20
_TAG = re.compile(r"<[^>]{0,200}>")


@dataclass(frozen=True, slots=True)
class Hit:
    """One result: a page's title and address, and what the engine shows of it."""

    title: str
    url: str
    text: str = ""


class SearchWire(Protocol):
    """A search engine."""

    async def search(self, query: str, count: int) -> Sequence[Hit]:
        """Up to `count` hits, best first. Raises `ToolError` when there is no answer."""
        ...


def web_search(wire: SearchWire) -> Tool:
    """The tool ``web_search``, over a wire. Its results are other people's words. Raises `ConfigError` for what is no wire."""
    if isinstance(wire, type) or not callable(getattr(wire, "search", None)):
        raise ConfigError(f"web_search is given what searches, as in web_search(searxng('http://localhost:8888')); not {wire!r}")

    @make_tool(
        read_only=True,
        idempotent=True,
        open_world=True,
        timeout=60,
        name="web_search",
        examples=[{"query": "population of Paris 2024", "count": 3}],
    )
    async def search(query: str, count: int = 5) -> str:
        """Search the web: gives titles, addresses and a few lines of each page.

        Args:
            query: What to search for, in a few words.
            count: Most results to give, up to 20.
        """
        words = " ".join(query.split())
        if not words or len(words) > MAX_QUERY:
            raise ToolError(f"a query has 1 to {MAX_QUERY} characters")
        if not 1 <= count <= MAX_COUNT:
            raise ToolError(f"count is from 1 to {MAX_COUNT}")
        hits: dict[str, Hit] = {}
        for hit in await wire.search(words, count):
            if urlsplit(hit.url).scheme in ("http", "https"):
                hits.setdefault(hit.url, hit)
        lines = [
            f"{number}. {_plain(hit.title, 200)}\n   {hit.url[:500]}\n   {_plain(hit.text, _TEXT_CHARS)}".rstrip()
            for number, hit in enumerate(list(hits.values())[:count], 1)
        ]
        return "\n".join(lines) or f"nothing was found for {words!r}; try other words"

    return search


def _plain(text: str, most: int) -> str:
    text = " ".join(html.unescape(_TAG.sub("", text[: most * 4])).split())
    return text if len(text) <= most else f"{text[:most]}…"


def searxng(
    base_url: str,
    *,
    language: str = "auto",
    categories: str = "general",
    seconds: float = 20.0,
    transport: httpx.AsyncBaseTransport | None = None,
) -> SearchWire:
    """A wire to an instance of SearXNG.

    Args:
        base_url: Where it is, e.g. ``http://localhost:8888``.
        language: That results should have, e.g. ``en``.
        categories: Of the instance's engines, joined by commas.
        seconds: For one request.
        transport: Takes the place of httpx's own, for tests.

    Raises:
        ConfigError: The address is no http or https URL.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(f"{base_url!r} is no address of a SearXNG instance; write for instance http://localhost:8888")
    return _Searxng(base_url.rstrip("/"), {"language": language, "categories": categories}, seconds, transport)


class _Searxng:
    def __init__(self, base_url: str, options: dict[str, str], seconds: float, transport: httpx.AsyncBaseTransport | None) -> None:
        self.base_url = base_url
        self.options = options
        self.seconds = seconds
        self.transport = transport

    async def search(self, query: str, count: int) -> Sequence[Hit]:
        url = f"{self.base_url}/search?{urlencode({'q': query, 'format': 'json', **self.options})}"
        answer = await ask_json(url, seconds=self.seconds, max_bytes=_MAX_BYTES, transport=self.transport)
        found = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise ToolError("the search engine's answer has no results that can be read")
        return [
            Hit(str(entry.get("title") or ""), str(entry["url"]), str(entry.get("content") or ""))
            for entry in found
            if isinstance(entry, dict) and isinstance(entry.get("url"), str)
        ][: count * 2]
