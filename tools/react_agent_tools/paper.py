"""`wikipedia()`: the tools of the ReAct paper (Yao et al., 2022, arXiv 2210.03629, section 3.1): Search[entity] and Lookup[string].

``wikipedia_search`` gives the first sentences of the entity's page, or the names of similar pages; ``wikipedia_lookup`` goes through the sentences of that page which hold a
string, like a browser's search. (The third, Finish[answer], is an agent's own answer.) The pages come from MediaWiki's API, or from a corpus of one's own with the same face,
so that a run can be tried without a network::

    agent = Agent("openai:gpt-5", tools=wikipedia())
    agent = Agent(MockBackend([...]), tools=wikipedia(corpus={"Paris": "Paris is the capital of France. ..."}))
"""

from __future__ import annotations

import difflib
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from react_agent import RunContext, ToolError, ToolRegistry, tool
from react_agent_tools.download import ask_json

if TYPE_CHECKING:
    import httpx
    from pydantic import JsonValue

SENTENCES = 5
_SIMILAR = 5
_MAX_RUNS = 256  # whose open page is remembered
_MAX_BYTES = 4 * 2**20
_SHOWN_CHARS = 4_000
_ENDS = re.compile(r"(?<=[.!?])[\"'”’)]*\s+(?=[\"'“‘(]?[^\W_a-z])|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b[A-Z]|\b(?:Dr|Mr|Mrs|Ms|St|Jr|Sr|No|vs|etc|Inc|Ltd|approx|c|ca|Prof|Gen|Col|Gov|Sen|Rep|Mt|Ft|e\.g|i\.e))\.$"
)


class Pages(Protocol):
    """Where pages come from."""

    async def page(self, title: str) -> str | None:
        """The page's plain text; None if there is none of that title."""
        ...

    async def similar(self, title: str) -> list[str]:
        """Titles of pages that might be meant, best first."""
        ...


@dataclass(slots=True)
class _Open:
    """The page that a run has open, and how far it was looked through for what."""

    title: str
    sentences: list[str]
    string: str = ""
    seen: int = 0


def wikipedia(
    corpus: Mapping[str, str] | None = None,
    *,
    api: str = "https://en.wikipedia.org/w/api.php",
    sentences: int = SENTENCES,
    seconds: float = 15.0,
    transport: httpx.AsyncBaseTransport | None = None,
) -> ToolRegistry:
    """The tools ``wikipedia_search`` and ``wikipedia_lookup``.

    Args:
        corpus: Pages by title, instead of the live ones.
        api: Address of a MediaWiki's ``api.php``; for Wikipedia in German ``https://de.wikipedia.org/w/api.php``.
        sentences: That a search shows; 5 in the paper.
        seconds: For one request.
        transport: Takes the place of httpx's own, for tests.
    """
    kit = _Kit(_Live(api, seconds, transport) if corpus is None else _Corpus(corpus), sentences)
    live = corpus is None
    search = tool(read_only=True, idempotent=True, open_world=live, examples=[{"entity": "Colorado orogeny"}])(kit.wikipedia_search)
    lookup = tool(read_only=True, open_world=live, examples=[{"string": "eastern sector"}])(kit.wikipedia_lookup)
    return ToolRegistry([search, lookup])


class _Kit:
    """Which page each run has open."""

    def __init__(self, pages: Pages, sentences: int) -> None:
        self.pages = pages
        self.sentences = sentences
        self.runs: OrderedDict[str, _Open] = OrderedDict()

    async def wikipedia_search(self, entity: str, ctx: RunContext[object] | None = None) -> str:
        """Search an entity on Wikipedia: gives the first sentences of its page, or the names of similar pages if it has none.

        Args:
            entity: Name of a person, place, work or thing, as a page would be called.
        """
        name = " ".join(entity.split())
        if not name or len(name) > 250 or re.search(r"[\[\]{}|#<>\x00-\x1f]", name):
            raise ToolError("an entity is the name of a page: 1 to 250 characters, without any of [ ] { } | # < >")
        text = await self.pages.page(name)
        if text is None:
            similar = await self.pages.similar(name)
            return f"Could not find {name}. " + (f"Similar: {', '.join(similar[:_SIMILAR])}." if similar else "There is nothing similar.")
        found = self.runs[_run(ctx)] = _Open(name, split_sentences(text))
        self.runs.move_to_end(_run(ctx))
        while len(self.runs) > _MAX_RUNS:
            self.runs.popitem(last=False)
        return " ".join(found.sentences[: self.sentences])[:_SHOWN_CHARS] or f"The page {name} is empty."

    async def wikipedia_lookup(self, string: str, ctx: RunContext[object] | None = None) -> str:
        """Look a string up in the page that was searched last: gives the next sentence that holds it. Call it again for the one after.

        Args:
            string: A word or a few, as they would stand in the page.
        """
        page = self.runs.get(_run(ctx))
        if page is None:
            raise ToolError("no page is open; find one with wikipedia_search first")
        wanted = " ".join(string.split()).casefold()
        if not wanted:
            raise ToolError("string is empty; give a word that the page may hold")
        hits = [sentence for sentence in page.sentences if wanted in sentence.casefold()]
        if page.string != wanted:
            page.string, page.seen = wanted, 0
        if not hits:
            return f"{string[:100]!r} does not occur in the page {page.title}."
        if page.seen >= len(hits):
            return (
                f"No more results: {string[:100]!r} occurs in {len(hits)} sentence{'s' if len(hits) > 1 else ''} of the page {page.title}."
            )
        page.seen += 1
        return f"(Result {page.seen} / {len(hits)}) {hits[page.seen - 1][:_SHOWN_CHARS]}"


def _run(ctx: RunContext[object] | None) -> str:
    return "" if ctx is None else ctx.run_id


def split_sentences(text: str) -> list[str]:
    """Sentences, by their ends and by line breaks; not after initials and common abbreviations."""
    sentences: list[str] = []
    at = 0
    for end in _ENDS.finditer(text):
        piece = text[at : end.start()]
        if "\n" not in end.group() and _ABBREVIATION.search(piece[-12:]):
            continue
        if piece.strip():
            sentences.append(" ".join((piece + end.group()).split()))
        at = end.end()
    if text[at:].strip():
        sentences.append(" ".join(text[at:].split()))
    return sentences


# --------------------------------------------------------------------------------------------------------------- pages


class _Corpus:
    """Pages at hand."""

    def __init__(self, corpus: Mapping[str, str]) -> None:
        self.pages = {_folded(title): (title, text) for title, text in corpus.items()}

    async def page(self, title: str) -> str | None:
        found = self.pages.get(_folded(title))
        return None if found is None else found[1]

    async def similar(self, title: str) -> list[str]:
        wanted = set(_folded(title).split())
        shared = sorted((-len(wanted & set(key.split())), key) for key in self.pages if wanted & set(key.split()))
        near = [key for _, key in shared] + difflib.get_close_matches(_folded(title), self.pages, _SIMILAR, 0.6)
        return [self.pages[key][0] for key in dict.fromkeys(near)][:_SIMILAR]


def _folded(title: str) -> str:
    return " ".join(title.replace("_", " ").split()).casefold()


class _Live:
    """MediaWiki's API: https://www.mediawiki.org/wiki/API:Main_page, with the extension TextExtracts."""

    def __init__(self, api: str, seconds: float, transport: httpx.AsyncBaseTransport | None) -> None:
        self.api = api
        self.seconds = seconds
        self.transport = transport

    async def page(self, title: str) -> str | None:
        found = _first(
            await self._query(prop="extracts|pageprops", ppprop="disambiguation", explaintext="1", redirects="1", titles=title), "pages"
        )
        if not found or "missing" in found or "invalid" in found or "disambiguation" in _object(found.get("pageprops")):
            return None
        text = found.get("extract")
        return text if isinstance(text, str) and text.strip() else None

    async def similar(self, title: str) -> list[str]:
        answer = _object((await self._query(list="search", srsearch=title, srlimit=str(_SIMILAR), srprop="")).get("query"))
        hits = answer.get("search")
        return [str(hit["title"]) for hit in hits if isinstance(hit, dict) and "title" in hit] if isinstance(hits, list) else []

    async def _query(self, **parameters: str) -> dict[str, JsonValue]:
        url = f"{self.api}?{urlencode({'action': 'query', 'format': 'json', 'formatversion': '2', **parameters})}"
        answer = _object(await ask_json(url, seconds=self.seconds, max_bytes=_MAX_BYTES, transport=self.transport))
        if "error" in answer:
            raise ToolError(f"Wikipedia refused the request: {str(_object(answer['error']).get('info', ''))[:200]}")
        return answer


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _first(answer: dict[str, JsonValue], key: str) -> dict[str, JsonValue]:
    found = _object(answer.get("query")).get(key)
    return _object(found[0]) if isinstance(found, list) and found else {}
