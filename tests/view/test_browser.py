"""The page in a real browser: open, read, search, keys, hostile texts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _stories import tell

from react_agent import Agent, Image, Limits, MockBackend, Raw, Trace, call, pending, tool
from react_agent.view import kin
from react_agent.view.html import compare_page
from react_agent.view.html import page as page_of

from .test_html import HOSTILE
from .test_kin import family

if TYPE_CHECKING:
    from playwright.sync_api import Browser, LocatorAssertions, Page

pytestmark = pytest.mark.browser
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cf50000003830180d1d4a2b60000000049454e44ae426082"
)


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A page on which every error and every request but its own file fails the test."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    page = context.new_page()
    page.set_default_timeout(10_000)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(("file:", "data:")) else wrong.append(request.url))
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    yield page
    assert wrong == []
    context.close()


def show(tab: Page, trace: Trace, folder: Path, problem: str = "") -> None:
    path = folder / "page.html"
    path.write_text(page_of(trace, problem=problem, file="runs/x.jsonl"), encoding="utf-8")
    tab.goto(path.as_uri())
    tab.wait_for_selector("html[data-drawn]")


def expect(tab: Page) -> LocatorAssertions:
    """What the search says, once it says so."""
    from playwright.sync_api import expect

    return expect(tab.locator("#count"))


@tool(read_only=True)
def look(n: int) -> str:
    """Look at a number."""
    return "\n".join(f"line {line} of {n}" for line in range(40 if n == 3 else 2))


def many(steps: int) -> Trace:
    script = [*[call("look", n=n, thought=f"Now {n}.") for n in range(steps - 1)], "the end"]
    return Agent(MockBackend(script), tools=[look], limits=Limits(steps=None)).run_sync("How many?").trace


@pytest.mark.parametrize("name", ["mixed_batch", "malformed", "refused", "paused", "told", "pictures", "changed", "orphans"])
def test_every_story(tab: Page, tmp_path: Path, name: str) -> None:
    with ThreadPoolExecutor(1) as apart:  # where no event loop runs yet
        story = apart.submit(tell, name, "react_text").result()
    show(tab, story.trace, tmp_path)
    assert tab.locator("#pill").inner_text() == story.result.outcome.kind
    assert tab.locator(".block:not(.note)").count() == len(story.trace.steps())
    assert tab.locator(".call").count() == sum(len(step.calls) for step in story.trace.steps())
    assert ("react-agent resume tells how to decide" in tab.locator("#head").inner_text()) == (story.result.outcome.kind == "paused")
    assert "undefined" not in tab.locator("body").inner_text()
    assert "NaN" not in tab.locator("body").inner_text()


def test_hostile_texts_are_texts(tab: Page, tmp_path: Path) -> None:
    bad = Image("image/svg+xml", "PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+")
    elsewhere = Image("image/png", url="http://192.0.2.1/track.png")

    @tool(read_only=True, open_world=True)
    def web(address: str) -> list[object]:
        """Read."""
        return [*HOSTILE, bad, elsewhere, Image.from_bytes(PNG)]

    script = [[call("web", address=words) for words in HOSTILE], *[Raw(words, finish="length") for words in HOSTILE[:2]], "".join(HOSTILE)]
    trace = Agent(MockBackend(script), tools=[web], instructions="".join(HOSTILE)).run_sync(HOSTILE[0]).trace
    show(tab, trace, tmp_path, problem=HOSTILE[2])
    tab.keyboard.press("O")
    assert tab.evaluate("window.hacked") is None
    assert tab.locator("script").count() == 2
    assert tab.locator("#blocks img").count() == len(HOSTILE)
    for whole in (1, 0):
        tab.locator("#blocks img").first.press("Enter")
        assert tab.locator("#blocks img.whole").count() == whole
    assert tab.locator("svg").count() == 1
    assert tab.locator("h1").inner_text() == HOSTILE[0]
    assert tab.locator("#problem").inner_text() == HOSTILE[2]
    assert tab.locator("a:visible").evaluate_all("all => all.every(a => /^#step-\\d+$/.test(a.getAttribute('href')))")
    assert HOSTILE[3] in tab.locator(".call").nth(3).inner_text()


def test_keys(tab: Page, tmp_path: Path) -> None:
    show(tab, many(6), tmp_path)
    current = tab.locator(".block.current .no")
    for key, step in [("j", "0"), ("j", "1"), ("k", "0"), ("k", "0"), ("G", "5"), ("j", "5"), ("g", "0")]:
        tab.keyboard.press(key)
        assert (key, current.inner_text()) == (key, step)
    for _ in range(3):
        tab.keyboard.press("j")
    folded = tab.locator("#step-3")
    assert "line 39" not in folded.inner_text()
    assert "Show 26 more lines" in folded.inner_text()
    tab.keyboard.press("o")
    assert "line 39" in folded.inner_text()
    tab.keyboard.press("o")
    assert "line 39" not in folded.inner_text()
    tab.keyboard.press("?")
    assert tab.locator("#help").is_visible()
    tab.keyboard.press("j")
    tab.keyboard.press("Escape")
    assert not tab.locator("#help").is_visible()
    assert current.inner_text() == "3"
    tab.keyboard.press("t")
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 28)"


def test_search(tab: Page, tmp_path: Path) -> None:
    show(tab, many(6), tmp_path)
    tab.keyboard.press("/")
    tab.keyboard.type("LINE 39")
    expect(tab).to_have_text("1 place")
    assert tab.locator(".block.hit .no").all_inner_texts() == ["3"]
    tab.keyboard.press("Enter")
    assert tab.locator(".block.current .no").inner_text() == "3"
    assert "line 39" in tab.locator("#step-3").inner_text()
    assert tab.evaluate("CSS.highlights.get('found').size") == 1
    tab.keyboard.press("Escape")
    assert tab.locator(".searching").count() == 0
    tab.keyboard.press("/")
    tab.keyboard.type("now")
    expect(tab).to_have_text("5 places")
    tab.keyboard.press("Enter")
    tab.keyboard.press("Shift+Enter")
    assert tab.locator("#count").inner_text() == "4 of 5"
    tab.locator("#search").fill("nowhere")
    expect(tab).to_have_text("none")


def test_a_place_that_is_found_is_seen(tab: Page, tmp_path: Path) -> None:
    """Far down in a long text, which was folded; of what no reader sees nothing is found."""

    @tool(read_only=True)
    def read(lines: int) -> str:
        """Read."""
        return "\n".join(f"line {line} lorem" for line in range(lines))

    script = [call("read", lines=3_000), Raw("Thought: hm\nAction: read\nAction Input: {'lines': 1}"), Raw("Final Answer: so")]
    with ThreadPoolExecutor(1) as apart:
        agent = Agent(MockBackend(script, format="react_text"), tools=[read])
        trace = apart.submit(agent.run_sync, "How many?").result().trace
    show(tab, trace, tmp_path)
    for sought, in_view in (("line 2900", True), ("action input: {'lines'", True), ("line 0", True), ("lorem", True)):
        tab.locator("#search").fill(sought)
        tab.locator("#search").dispatch_event("input")
        expect(tab).to_have_text("2 places" if sought in ("line 0", "lorem") else "1 place")
        tab.keyboard.press("Enter")
        tab.wait_for_function("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
        top = tab.evaluate("[...CSS.highlights.get('found')][0].getBoundingClientRect().top")
        assert (sought, 80 < top < 800) == (sought, in_view)
        assert tab.evaluate("CSS.highlights.get('found').size") <= 2_010
    for unseen in ("replied", "called", "react_text", trace.run_id):
        tab.locator("#search").fill(unseen)
        expect(tab).to_have_text("none")


def test_what_is_printed_is_dark_on_light_and_whole(tab: Page, tmp_path: Path) -> None:
    show(tab, many(40), tmp_path)
    tab.keyboard.press("t")
    tab.keyboard.press("t")
    tab.keyboard.press("t")
    tab.emulate_media(media="print")
    assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(36, 38, 43)"
    assert not tab.locator("#copy").is_visible()
    assert tab.locator("#step-30").evaluate("block => getComputedStyle(block).contentVisibility") == "visible"
    assert tab.locator("#step-30").evaluate("block => getComputedStyle(block).breakInside") == "auto"


def test_copy_as_a_test(tab: Page, tmp_path: Path) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show(tab, many(3), tmp_path)
    tab.keyboard.press("c")
    tab.wait_for_selector("#test span:text('Copied.')")
    assert "def test_how_many() -> None:" in tab.locator("#test pre").inner_text()
    assert "def test_how_many() -> None:" in tab.evaluate("navigator.clipboard.readText()")


def test_a_link_to_a_step(tab: Page, tmp_path: Path) -> None:
    trace = many(60)
    show(tab, trace, tmp_path)
    tab.goto(tab.url + "#step-47")
    assert tab.locator(".block.current .no").inner_text() == "47"
    assert tab.locator("#step-47").evaluate("block => Math.abs(block.getBoundingClientRect().top) < 300")


def test_the_timeline_goes_to_a_step(tab: Page, tmp_path: Path) -> None:
    show(tab, many(20), tmp_path)
    box = tab.locator("#time").bounding_box()
    assert box is not None
    tab.mouse.click(box["x"] + box["width"] - 2, box["y"] + 5)
    assert int(tab.locator(".block.current .no").inner_text()) >= 15


def test_a_thousand_steps_are_quick(tab: Page, tmp_path: Path) -> None:
    show(tab, many(1000), tmp_path)
    assert tab.locator(".block").count() == 1000
    assert tab.evaluate("performance.getEntriesByType('paint').find(p => p.name === 'first-contentful-paint').startTime") < 3_000
    took = tab.evaluate("""() => { const began = performance.now(); document.getElementById('search').value = 'now 99';
        document.getElementById('search').dispatchEvent(new Event('input')); return performance.now() - began; }""")
    assert took < 500
    tab.keyboard.press("G")
    assert tab.locator(".block.current .no").inner_text() == "999"
    assert tab.locator("#step-999").evaluate("block => block.getBoundingClientRect().top < innerHeight")


def test_two_runs_side_by_side(tab: Page, tmp_path: Path) -> None:
    first, second = (
        many(4),
        Agent(MockBackend([call("look", n=0, thought="Now 0."), call("look", n=7), "another end"]), tools=[look])
        .run_sync("How many?")
        .trace,
    )
    path = tmp_path / "compared.html"
    path.write_text(compare_page(first, second), encoding="utf-8")
    tab.goto(path.as_uri())
    tab.wait_for_selector("html[data-drawn]")
    assert tab.locator(".pair .no").all_inner_texts() == ["0", "1", "2 → –", "3 → 2"]
    assert tab.locator("#count").inner_text() == "3 steps of 4 differ"
    changed = tab.locator(".pair").nth(1)
    assert "7" in changed.locator("ins").all_inner_texts()
    assert "1" in changed.locator("del").all_inner_texts()
    same = tab.locator(".pair.same")
    assert not same.locator(".rows").is_visible()
    same.locator("summary").click()
    same.get_by_text("line 1 of 0").wait_for()  # it is drawn when it is opened
    tab.keyboard.press("d")
    assert not same.is_visible()
    tab.keyboard.press("d")
    assert same.is_visible()
    for key, place in [("j", "answer"), ("j", "1"), ("j", "2 → –"), ("k", "1")]:
        tab.keyboard.press(key)
        assert tab.locator(".current").inner_text().split("\n")[0] == place
    tab.keyboard.press("t")
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    tab.keyboard.press("?")
    assert "next difference" in tab.locator("#help").inner_text()


def test_hostile_texts_are_texts_when_compared(tab: Page, tmp_path: Path) -> None:
    @tool(read_only=True)
    def web(address: str) -> list[object]:
        """Read."""
        return [*HOSTILE]

    def run(texts: list[str]) -> Trace:
        script = [*[call("web", address=words, thought=words) for words in texts], "".join(texts)]
        return Agent(MockBackend(script), tools=[web], instructions=texts[0]).run_sync(texts[0]).trace

    path = tmp_path / "compared.html"
    path.write_text(compare_page(run(HOSTILE), run(HOSTILE[::-1]), problems=HOSTILE), encoding="utf-8")
    tab.goto(path.as_uri())
    tab.wait_for_selector("html[data-drawn]")
    tab.keyboard.press("o")
    assert tab.evaluate("window.hacked") is None
    assert tab.locator("script").count() == 2
    assert tab.locator("img, svg, a:visible").count() == 0
    assert HOSTILE[2] in tab.locator("#problem").inner_text()


def test_arguments_that_a_person_changed_stand_beside_those_that_the_model_gave(tab: Page, tmp_path: Path) -> None:
    @tool(destructive=True)
    def wipe(path: str) -> str:
        """Wipe."""
        return f"wiped {path}"

    def reviewed() -> Trace:
        agent = Agent(MockBackend([call("wipe", path="model.txt"), "Done."]), tools=[wipe])
        paused = agent.run_sync("Wipe.").trace
        [waits] = pending(paused)
        return agent.resume_sync(paused, reviews=[waits.change({"path": "person.txt"}, by="ann")]).trace

    with ThreadPoolExecutor(1) as apart:
        trace = apart.submit(reviewed).result()
    show(tab, trace, tmp_path)
    assert "model.txt" in tab.locator(".call header").inner_text()
    assert "person.txt" in tab.locator(".call .seen", has_text="approved with other arguments by ann").inner_text()


def test_a_call_that_never_ran_is_not_awaited(tab: Page, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as apart:
        trace = apart.submit(lambda: Agent(MockBackend([call("look", n=1)] * 8), tools=[look]).run_sync("Again?").trace).result()
    show(tab, trace, tmp_path)
    assert tab.locator("#pill").inner_text() == "looped"
    assert tab.locator(".call").last.locator(".tag").all_inner_texts() == ["not run"]
    show(tab, Trace(trace[:-1][: max(at for at, event in enumerate(trace) if event.kind == "called")]), tmp_path)
    assert tab.locator(".call").last.locator(".tag").all_inner_texts() == ["not called yet"]


def test_what_was_edited_in_a_fork_is_told(tab: Page, tmp_path: Path) -> None:
    trace = many(3)
    agent = Agent(MockBackend(["so be it"]), tools=[look])
    with ThreadPoolExecutor(1) as apart:
        fork = apart.submit(agent.fork_sync, trace, trace.after_step(1), edits={"observation": "<b>nothing</b>"}).result()
        asked = apart.submit(Agent(MockBackend(["no"])).fork_sync, trace, 1, edits={"question": "How few?"}).result()
    show(tab, fork.trace, tmp_path)
    card = tab.locator("#step-0 .call")
    assert "edited in this fork" in card.inner_text()
    assert "<b>nothing</b>" in card.inner_text()
    card.locator("summary").click()
    assert "line 1 of 0" in card.inner_text()
    show(tab, asked.trace, tmp_path)
    assert tab.locator("h1").inner_text() == "How few?"
    assert "The question was edited in this fork" in tab.locator("#head").inner_text()


def test_the_ways_between_a_run_and_those_beneath_it(tab: Page, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as apart:
        store = apart.submit(family, tmp_path).result()
    trace, path = store.load("p"), tmp_path / "p.html"
    path.write_text(page_of(trace, beneath=kin.descendants(trace, store.path("p"))), encoding="utf-8")
    tab.goto(path.as_uri())
    tab.wait_for_selector("html[data-drawn]")
    assert tab.locator(".call .way").all_inner_texts() == ["librarian · answered · 2 steps"] * 2 + ["keeper · answered · 2 steps"]
    tab.locator("#step-0 .way").press("Enter")
    tab.wait_for_selector("h1:text('bees?')")
    tab.locator("#step-0 .way").click()
    tab.wait_for_selector("#step-0:has-text('shelf')")
    assert "beneath p/0.0, call p/0.0/0.0" in tab.locator("#head").inner_text()
    assert tab.locator("#step-1 .no").get_attribute("href") == "#run=p%2F0.0%2F0.0/step-1"
    tab.keyboard.press("/")
    tab.keyboard.type("shelf")
    expect(tab).to_have_text("1 place")
    tab.go_back()
    expect(tab).to_have_text("none")  # what is sought is sought in the run that is shown
    tab.keyboard.press("Escape")
    tab.keyboard.press("u")
    tab.wait_for_selector("h1:text('Which?')")
    assert tab.locator(".block.current .no").inner_text() == "0"
    assert tab.locator(".block").count() == 3
    tab.goto(path.as_uri() + "#run=p%2F1.0/step-1")
    tab.reload()
    tab.wait_for_selector("html[data-drawn]")
    assert "beneath p, call p/1.0" in tab.locator("#head").inner_text()
    assert tab.locator(".block.current .no").inner_text() == "1"
    for strange in ("#run=%", "#run=__proto__", "#run=/step-99", "#javascript:alert(1)"):
        tab.goto(path.as_uri() + strange)
        tab.wait_for_selector("html[data-drawn]")
    assert tab.locator("h1").inner_text() == "Which?"


def test_a_fork_says_where_it_parted_and_why_a_run_ended_stands_at_the_top(tab: Page, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as apart:
        store = apart.submit(family, tmp_path / "runs").result()
        looped = apart.submit(lambda: Agent(MockBackend([call("look", n=1)] * 8), tools=[look]).run_sync("Again?").trace).result()
    show(tab, store.load("g"), tmp_path)
    assert "a fork of f, after its first 6 events" in tab.locator("#head").inner_text()
    blocks = tab.locator(".block").all_inner_texts()
    at = next(at for at, text in enumerate(blocks) if "parted" in text)
    assert "taken from f" in blocks[at]
    assert "no more" in "".join(blocks[:at])
    assert "nor now" in "".join(blocks[at:])
    assert (
        tab.locator("#step-0 .call").inner_text().count("its trace is not beside this one") == 1
    )  # of a page that was made of this trace alone
    show(tab, looped, tmp_path)
    why = tab.locator("#head .why").inner_text()
    assert "look(n=1) 3 times, in steps 0 to 2" in why
    assert "to do" in why
    assert tab.locator("#step-1 .call").inner_text().count("to the model") == 1
    assert "You are repeating yourself." in tab.locator("#step-2").inner_text()
