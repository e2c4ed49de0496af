"""The page as text: what it may do, what it weighs, and that data stays data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from _stories import STORIES, tell
from hypothesis import given
from hypothesis import strategies as st

from react_agent import Agent, MockBackend, Trace
from react_agent.view.html import as_data, page

HOSTILE = [
    "</script><script>window.hacked=1</script>",
    "<!--<script>",
    "<img src=x onerror=window.hacked=1>",
    "javascript:window.hacked=1",
    "\u2028\u2029 {{script}} {{data}}",
    '"><svg onload=window.hacked=1>',
    "' onmouseover='window.hacked=1",
    "${window.hacked=1}",
    "\x1b]0;title\x07\x1b[31mred\x00\u202egnp.exe",
    "__proto__",
]


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": [], "title": []}
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, text: str) -> None:
        if self._open and self._open[-1] in self.texts:
            self.texts[self._open[-1]].append(text)


def data_of(text: str) -> dict[str, object]:
    made: dict[str, object] = json.loads(Elements(text).texts["script"][0])
    return made


def one(words: str) -> Trace:
    return Agent(MockBackend([words])).run_sync(words).trace


@pytest.mark.parametrize("name", STORIES)
def test_every_story_becomes_a_page(name: str) -> None:
    data = data_of(page(tell(name, "native").trace))
    assert sorted(set(data) - {"above", "parted"}) == ["beneath", "items", "runs", "summary", "test"]


def test_the_page_may_do_nothing_but_run_its_own_script() -> None:
    elements = Elements(page(one("Hello?")))
    policy = next(a["content"] for tag, a in elements.found if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in (policy or "").split("; "))
    assert rules.pop("script-src") == digest(elements.texts["script"][1])
    assert rules.pop("style-src") == digest(elements.texts["style"][0])
    assert rules.pop("img-src") == "data:"
    assert {*rules} == {"default-src", "connect-src", "base-uri", "form-action"}
    assert {*rules.values()} == {"'none'"}


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_nothing_is_loaded_and_nothing_is_code_but_the_script() -> None:
    elements = Elements(page(one("Hello?")))
    for tag, attributes in elements.found:
        assert not {"src", "href", "action", "srcset", "style"} & attributes.keys(), tag
        assert not [name for name in attributes if name.startswith("on")]
    assert [tag for tag, _ in elements.found].count("script") == 2


def test_the_script_sets_no_html() -> None:
    script = Elements(page(one("Hello?"))).texts["script"][1]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|setTimeout\(['\"`]|srcdoc", script)


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_change_nothing_in_the_page(words: str) -> None:
    plain, hostile = Elements(page(one("Hello?"))), Elements(page(one(words), problem=words, file=words))
    assert hostile.found == plain.found
    assert hostile.texts["script"][1] == plain.texts["script"][1]
    assert data_of(page(one(words)))["summary"]


@given(st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_data_is_the_same_data_and_ends_no_element(value: object) -> None:
    text = as_data(value)
    assert json.loads(text) == value
    assert not re.search("[<>&\u2028\u2029]", text)


def test_what_is_no_number_in_json() -> None:
    assert json.loads(as_data({"at": float("nan"), "to": float("inf")})) == {"at": None, "to": None}


def test_its_weight_without_the_data() -> None:
    text = page(one("Hello?"))
    assert len(text.encode()) < 60_000


def test_a_trace_cut_anywhere_is_a_page(tmp_path: Path) -> None:
    whole = tell("mixed_batch", "react_text").trace
    for at in range(1, len(whole)):
        summary = data_of(page(whole.cut(at)))["summary"]
        assert isinstance(summary, dict)
        assert summary["outcome"] in ("unfinished", "answered")
