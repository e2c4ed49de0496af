"""Two runs compared: which steps belong together, and that nothing of either is lost on the way."""

from __future__ import annotations

import re

import pytest
from _stories import STORIES, tell
from hypothesis import given
from hypothesis import strategies as st

from react_agent import Agent, Image, MockBackend, Raw, Settings, Trace, Usage, call, tool
from react_agent.view.difference import Difference, aligned, compare, pieces

WORDS = st.text(st.sampled_from("ab 1.5\n-"), max_size=30)


@tool(read_only=True)
def look(at: str) -> str:
    """Look."""
    return f"seen {at}"


@tool(read_only=True)
def count(n: int) -> int:
    """Count."""
    return n


def made(script: str, answer: str = "done") -> Trace:
    """A run of calls: a letter looks at it, a digit counts it; with a capital the thought is another."""
    calls = [
        call("count", n=int(c)) if c.isdigit() else call("look", at=c.lower(), thought="Aha." if c.isupper() else "Hm.") for c in script
    ]
    return Agent(MockBackend([*calls, answer], usage=Usage(10, 2)), tools=[look, count]).run_sync("Well?").trace


def pairs(first: str, second: str) -> str:
    """Pairs of steps as text, the answers left out: ``aa -b``."""
    signs = [
        f"{first[a.index] if a else '-'}{second[b.index] if b else '-'}"
        for a, b in aligned(made(first).steps(), made(second).steps())
        if (a or b).calls
    ]  # type: ignore[union-attr]
    return " ".join(signs)


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("abc", "abc", "aa bb cc"),
        ("ab", "aXb", "aa -X bb"),
        ("aXb", "ab", "aa X- bb"),
        ("a1", "1a", "-1 aa 1-"),
        ("a1b", "a2b", "aa 12 bb"),
        ("abc", "c", "a- b- cc"),
        ("aBc", "abc", "aa Bb cc"),
        ("", "a", "-a"),
        ("x1", "ab1", "xa -b 11"),
        ("1", "a", "1- -a"),
        ("aBx", "Bcy", "a- BB xc -y"),
    ],
)
def test_steps_that_belong_together(first: str, second: str, shown: str) -> None:
    assert pairs(first, second) == shown


@given(st.text("abAB12", max_size=6), st.text("abAB12", max_size=6))
def test_every_step_of_both_is_there_once_and_in_order(first: str, second: str) -> None:
    runs = [made(first).steps(), made(second).steps()]
    both = list(aligned(*runs))
    for side in (0, 1):
        assert [pair[side] for pair in both if pair[side]] == runs[side]
    for one, other in both:
        assert one or other
        if one and other:
            assert [c.name for c in one.calls] == [c.name for c in other.calls]


def test_runs_too_long_to_be_weighed_are_aligned_by_what_they_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("react_agent.view.difference._MOST_PAIRS", 3)
    assert pairs("a1b", "x1y") == "ax 11 by"
    assert pairs("a12", "12") == "a- 11 22"


@given(WORDS, WORDS)
def test_both_texts_are_in_the_pieces(before: str, after: str) -> None:
    both = pieces(before, after)
    assert "".join(text for kind, text in both if kind != "new") == before
    assert "".join(text for kind, text in both if kind != "gone") == after
    assert (before == after) == all(kind == "same" for kind, _ in both)


def test_long_texts_are_compared_line_by_line() -> None:
    before = "".join(f"line {n} of a long page\n" for n in range(2_000))
    both = pieces(before, before.replace("line 700 ", "line seven hundred "))
    assert [kind for kind, _ in both] == ["same", "gone", "new", "same"]
    assert both[1][1] == "line 700 of a long page\n"


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [("10909.76 km", "10880.2 km", "[10909.76|10880.2] km"), ("one two three", "one 2 3 three", "one [two|2 3] three"), ("a", "", "[a|]")],
)
def test_what_is_marked(before: str, after: str, shown: str) -> None:
    text = "".join({"same": piece, "gone": f"[{piece}|", "new": f"{piece}]"}[kind] for kind, piece in pieces(before, after))
    assert re.sub(r"\|$", "|]", text) == shown


@pytest.mark.parametrize("name", sorted(STORIES))
def test_a_run_is_no_different_from_itself(name: str) -> None:
    trace = tell(name, "native").trace
    both = compare(trace, trace)
    assert not both.differs
    assert [(pair.first, pair.second) for pair in both.steps] == [(step.index, step.index) for step in trace.steps()]
    assert all(one == other for _, one, other in both.figures)


def test_a_model_that_took_over_is_told() -> None:
    run = made("a1")
    other = Agent(MockBackend(["done"], name="other"), tools=[look]).fork_sync(run, run.after_step(1)).trace
    heads = {text.label: text.pieces for text in compare(run, other).heads}
    assert heads["model"] == (("same", "mock"), ("new", " → other"))
    assert heads["tools"] == (("same", "look, count"), ("new", " → look"))
    assert heads["format"] == (("same", "native"),)


def test_what_is_compared() -> None:
    both = compare(made("a1"), made("A2", "gone"))
    told = {(pair.first, text.label): text.pieces for pair in both.steps for text in pair.texts}
    assert told[0, "thought"] == (("gone", "Hm"), ("new", "Aha"), ("same", "."))
    assert told[1, "observation"] == (("gone", "1"), ("new", "2"))
    assert told[2, "answer"] == (("gone", "done"), ("new", "gone"))
    assert both.outcome[0] == Difference("outcome", (("same", "answered"),))
    assert both.outcome[1].differs
    assert ("tokens", "30 in, 6 out", "30 in, 6 out") in both.figures


def asked(**options: object) -> Trace:
    """A run in which one thing may be another."""

    @tool(read_only=True, description=str(options.get("description", "Look.")))
    def look(n: int) -> object:
        return options.get("seen", "it")

    script = [options.get("wrote", Raw("")), options.get("called", call("look", n=1)), "done"]
    agent = Agent(MockBackend(script), tools=[look], settings=options.get("settings", Settings()))  # type: ignore[arg-type]
    first = agent.run_sync([options.get("question", "Well?")]).trace  # type: ignore[list-item]
    return Agent(MockBackend(["done"]), tools=[look]).resume_sync(first, str(options.get("told", "And?")), changes=True).trace


@pytest.mark.parametrize(
    ("one", "other", "label"),
    [
        ({}, {"told": "And now?"}, "told"),
        ({"question": Image.from_bytes(b"\x89PNG1", "image/png")}, {"question": Image.from_bytes(b"\x89PNG2", "image/png")}, "question"),
        ({"seen": Image.from_bytes(b"\x89PNG1", "image/png")}, {"seen": Image.from_bytes(b"\x89PNG2", "image/png")}, "observation"),
        ({"wrote": Raw("", finish="length")}, {"wrote": Raw("hm", finish="length")}, "wrote"),
        ({"called": Raw(calls=(("look", '{"n": }'),))}, {"called": Raw(calls=(("look", '{"m": }'),))}, "action"),
        ({}, {"description": "Look at it."}, "tool"),
        ({}, {"settings": Settings(temperature=0.5)}, "settings"),
    ],
    ids=["told", "a picture in the question", "a picture", "what could not be used", "arguments", "a tool", "settings"],
)
def test_what_differs_is_told(one: dict[str, object], other: dict[str, object], label: str) -> None:
    same = compare(asked(**one), asked(**one))
    assert not same.differs
    both = compare(asked(**one), asked(**other))
    texts = [*both.heads, *both.outcome, *(text for pair in both.steps for text in pair.texts)]
    assert label in {text.label for text in texts if text.differs}
