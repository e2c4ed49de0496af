"""Search and lookup as in the ReAct paper, from a corpus and over MediaWiki's wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest

from react_agent import Agent, MockBackend, ToolError, ToolRegistry, call
from react_agent_tools import wikipedia
from react_agent_tools.paper import split_sentences

OROGENY = (
    "The Colorado orogeny was an episode of mountain building. It took place in Colorado and surrounding areas. This was part of the development of the ancestral Rockies.\n"
    "The eastern sector extends into the High Plains. It is called the Central Plains orogeny. The boundary is along the eastern sector too. Sixth sentence here."
)
CORPUS = {
    "Colorado orogeny": OROGENY,
    "High Plains": "High Plains refers to one of two land regions.",
    "High Plains (United States)": "The High Plains rise.",
    "Empty": "",
}


def say(kit: ToolRegistry, name: str, **arguments: object) -> str:
    return str(asyncio.run(kit[name](**arguments)))  # type: ignore[arg-type]


def test_search_gives_the_first_five_sentences() -> None:
    said = say(wikipedia(CORPUS), "wikipedia_search", entity="colorado  Orogeny")
    assert said.startswith("The Colorado orogeny was")
    assert said.endswith("It is called the Central Plains orogeny.")
    assert say(wikipedia(CORPUS, sentences=1), "wikipedia_search", entity="High_Plains") == "High Plains refers to one of two land regions."


def test_search_names_what_is_similar() -> None:
    kit = wikipedia(CORPUS)
    assert (
        say(kit, "wikipedia_search", entity="Plains (US)")
        == "Could not find Plains (US). Similar: High Plains, High Plains (United States)."
    )
    assert say(kit, "wikipedia_search", entity="colorado orogny").endswith("Similar: Colorado orogeny.")
    assert say(kit, "wikipedia_search", entity="zzz") == "Could not find zzz. There is nothing similar."
    assert say(kit, "wikipedia_search", entity="Empty") == "The page Empty is empty."


def test_lookup_goes_on_like_a_browsers_search() -> None:
    kit = wikipedia(CORPUS)
    say(kit, "wikipedia_search", entity="Colorado orogeny")
    assert say(kit, "wikipedia_lookup", string="Eastern  Sector") == "(Result 1 / 2) The eastern sector extends into the High Plains."
    assert say(kit, "wikipedia_lookup", string="eastern sector") == "(Result 2 / 2) The boundary is along the eastern sector too."
    assert say(kit, "wikipedia_lookup", string="eastern sector").startswith("No more results")
    assert say(kit, "wikipedia_lookup", string="central").startswith("(Result 1 / 1)")
    assert say(kit, "wikipedia_lookup", string="eastern sector").startswith("(Result 1 / 2)")
    assert say(kit, "wikipedia_lookup", string="moon") == "'moon' does not occur in the page Colorado orogeny."


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("wikipedia_lookup", {"string": "x"}, "no page is open"),
        ("wikipedia_search", {"entity": " "}, "1 to 250"),
        ("wikipedia_search", {"entity": "x" * 300}, "1 to 250"),
        ("wikipedia_search", {"entity": "A|B"}, "without any of"),
        ("wikipedia_search", {"entity": "A\nB#C"}, "without any of"),
    ],
)
def test_mistakes(name: str, arguments: dict, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        say(wikipedia(CORPUS), name, **arguments)


def test_an_empty_lookup() -> None:
    kit = wikipedia(CORPUS)
    say(kit, "wikipedia_search", entity="Empty")
    with pytest.raises(ToolError, match="string is empty"):
        say(kit, "wikipedia_lookup", string=" ")


def test_runs_do_not_see_each_others_page() -> None:
    kit = wikipedia(CORPUS)

    def ask(entity: str) -> str:
        agent = Agent(MockBackend([call("wikipedia_search", entity=entity), call("wikipedia_lookup", string="plains"), "done"]), tools=kit)
        result = agent.run_sync("?").steps[1].calls[0].result
        assert result is not None
        return result.text

    assert ask("Colorado orogeny").startswith("(Result 1 / 2)")
    lonely = Agent(MockBackend([call("wikipedia_lookup", string="plains"), "done"]), tools=kit).run_sync("?").steps[0].calls[0].result
    assert lonely is not None
    assert "no page is open" in lonely.text


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? four.", ["One.", "Two!", "Three? four."]),
        ("Born in St. Louis, J. R. Smith met Dr. Who. Then he left.", ["Born in St. Louis, J. R. Smith met Dr. Who.", "Then he left."]),
        ('He said "stop." Nobody did.', ['He said "stop."', "Nobody did."]),
        ("It cost 3.5 million. Übel.", ["It cost 3.5 million.", "Übel."]),
        ("No end\n\nNew line", ["No end", "New line"]),
        ("", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


# ----------------------------------------------------------------------------------------------------------- live wire


def live(answer: Callable[[httpx.Request], httpx.Response], **options: str) -> tuple[ToolRegistry, list[httpx.URL]]:
    asked: list[httpx.URL] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return answer(request)

    return wikipedia(transport=httpx.MockTransport(handle), seconds=2, **options), asked


def wiki(request: httpx.Request) -> httpx.Response:
    asked = dict(request.url.params)
    if asked.get("list") == "search":
        return httpx.Response(200, json={"query": {"search": [{"title": "High Plains"}, {"title": "High Plains Drifter"}]}})
    if asked["titles"] == "Colorado orogeny":
        return httpx.Response(200, json={"query": {"pages": [{"title": "Colorado orogeny", "extract": OROGENY}]}})
    if asked["titles"] == "Plains":
        return httpx.Response(
            200, json={"query": {"pages": [{"title": "Plains", "extract": "Plains may refer to:", "pageprops": {"disambiguation": ""}}]}}
        )
    return httpx.Response(200, json={"query": {"pages": [{"title": "x", "missing": True}]}})


def test_the_live_wire() -> None:
    kit, asked = live(wiki)
    assert say(kit, "wikipedia_search", entity="Colorado orogeny").startswith("The Colorado orogeny was")
    assert asked[0].host == "en.wikipedia.org"
    assert dict(asked[0].params) == {"action": "query", "format": "json", "formatversion": "2", "prop": "extracts|pageprops", "ppprop": "disambiguation",
                                     "explaintext": "1", "redirects": "1", "titles": "Colorado orogeny"}  # fmt: skip
    assert say(kit, "wikipedia_lookup", string="central").startswith("(Result 1 / 1)")
    for missing in ("High Plains (US)", "Plains"):
        assert say(kit, "wikipedia_search", entity=missing) == f"Could not find {missing}. Similar: High Plains, High Plains Drifter."
    assert kit["wikipedia_search"].spec.open_world
    kit, asked = live(wiki, api="https://de.wikipedia.org/w/api.php")
    say(kit, "wikipedia_search", entity="Colorado orogeny")
    assert asked[0].host == "de.wikipedia.org"
    assert not wikipedia(CORPUS)["wikipedia_search"].spec.open_world


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda _: httpx.Response(503), "busy or broken"),
        (lambda _: httpx.Response(429), "busy or broken"),
        (lambda _: httpx.Response(403, text="go away"), "go away"),
        (lambda _: httpx.Response(200, text="<html>"), "no JSON"),
        (lambda _: httpx.Response(200, text="[" * 100_000), "no JSON"),
        (lambda _: httpx.Response(200, json={"error": {"info": "ratelimited"}}), "ratelimited"),
        (lambda _: httpx.Response(302, headers={"location": "http://127.0.0.1/"}), "HTTP 302"),
        (lambda _: httpx.Response(200, text=json.dumps("x" * 5_000_000)), "longer than"),
    ],
    ids=["503", "429", "403", "html", "deep", "error", "redirect", "large"],
)
def test_a_live_wire_that_fails(answer: Callable[[httpx.Request], httpx.Response], words: str) -> None:
    with pytest.raises(ToolError, match=words):
        say(live(answer)[0], "wikipedia_search", entity="Paris")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"query": []},
        {"query": {"pages": {}}},
        {"query": {"pages": ["x"]}},
        {"query": {"pages": [{"extract": 3}]}},
        {"query": {"search": [3, {}]}},
    ],
)
def test_answers_of_another_form_are_no_pages(answer: object) -> None:
    assert say(live(lambda _: httpx.Response(200, json=answer))[0], "wikipedia_search", entity="Paris").startswith("Could not find Paris")


def test_nobody_answers() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ToolError, match="cannot be reached"):
        say(live(refuse)[0], "wikipedia_search", entity="Paris")
