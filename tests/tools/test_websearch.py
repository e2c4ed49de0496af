"""A search of the web, over the wire to SearXNG and over one of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from react_agent import ConfigError, ToolError
from react_agent_tools import Hit, searxng, web_search


def ask(answer: httpx.Response, query: str = "paris", **arguments: object) -> tuple[str, list[httpx.URL]]:
    asked: list[httpx.URL] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return answer

    tool = web_search(searxng("http://localhost:8888/", transport=httpx.MockTransport(handle), seconds=2, language="en"))
    return str(asyncio.run(tool(query=query, **arguments))), asked  # type: ignore[arg-type]


RESULTS = {
    "results": [
        {"title": "Paris &amp; <b>more</b>", "url": "https://a.example/", "content": "The  capital\nof France."},
        {"title": "again", "url": "https://a.example/"},
        {"title": "script", "url": "javascript:alert(1)"},
        {"title": "no url"},
        "nonsense",
        {"title": None, "url": "http://b.example/", "content": "x" * 2_000},
        {"title": "c", "url": "http://c.example/"},
    ]
}


def test_results() -> None:
    said, asked = ask(httpx.Response(200, json=RESULTS), "  Paris   population ", count=2)
    assert said == f"1. Paris & more\n   https://a.example/\n   The capital of France.\n2. \n   http://b.example/\n   {'x' * 500}…"
    assert str(asked[0]) == "http://localhost:8888/search?q=Paris+population&format=json&language=en&categories=general"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(200, json={"results": []}), None),
        (httpx.Response(200, json={"answers": []}), "no results that can be read"),
        (httpx.Response(200, json=[]), "no results that can be read"),
        (httpx.Response(200, text="<html>"), "no JSON"),
        (httpx.Response(403, text="forbidden"), "forbidden"),
        (httpx.Response(500), "busy or broken"),
    ],
    ids=["none", "other", "list", "html", "403", "500"],
)
def test_answers_without_results(answer: httpx.Response, words: str | None) -> None:
    if words is None:
        assert ask(answer)[0].startswith("nothing was found for 'paris'")
    else:
        with pytest.raises(ToolError, match=words):
            ask(answer)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"query": " "}, "1 to 400"), ({"query": "x" * 500}, "1 to 400"), ({"count": 0}, "from 1"), ({"count": 99}, "to 20")],
)
def test_mistakes(arguments: dict, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        ask(httpx.Response(200, json=RESULTS), **arguments)


def test_a_wire_of_ones_own() -> None:
    class Wire:
        async def search(self, query: str, count: int) -> Sequence[Hit]:
            return [Hit(f"{query} {i}", f"https://x.example/{i}") for i in range(count)]

    tool = web_search(Wire())
    assert str(asyncio.run(tool(query="a", count=1))) == "1. a 0\n   https://x.example/0"  # type: ignore[arg-type]
    assert (tool.name, tool.spec.open_world, tool.spec.read_only) == ("web_search", True, True)


@pytest.mark.parametrize("url", ["", "localhost:8888", "ftp://x", "http://"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match="no address"):
        searxng(url)
