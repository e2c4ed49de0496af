"""Why a run ended before its answer, and what the loop said to the model on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from _stories import STORIES, tell
from msgspec.structs import replace
from typer.testing import CliRunner

from react_agent import Agent, Limits, MockBackend, Raw, Trace, Usage, call, tool
from react_agent.backends.mock import ScriptItem
from react_agent.cli.app import app
from react_agent.events import Returned, Stopped
from react_agent.view.ending import reasons
from react_agent.view.items import items, summary
from react_agent.view.notes import notes
from react_agent.view.standing import standing


@tool(read_only=True)
def look(n: int) -> str:
    """Look."""
    return "ten lines\nof it" if n < 50 else f"line {n}"


@tool(read_only=True)
def fail(n: int) -> str:
    """Fail."""
    raise ValueError(f"{n} is not there")


def run(*script: ScriptItem, **limits: object) -> Trace:
    backend = MockBackend(list(script), usage=Usage(100, 20))
    return Agent(backend, tools=[look, fail], limits=Limits(**limits)).run_sync("Which?").trace  # type: ignore[arg-type]


def told(trace: Trace) -> list[tuple[str, str]]:
    return [(label, text) for label, text in reasons(trace, standing(trace))]


CASES: dict[str, tuple[list[ScriptItem], dict[str, object], list[tuple[str, str]]]] = {
    "looped": (
        [call("look", n=1)] * 4,
        {},
        [
            ("ended", "looped: 'look' was called again"),
            ("repeated", "look(n=1) 3 times, in steps 0 to 2, with the same result: ten lines of it"),
            ("to do", "say that there is no more to come"),
            ("to do", "`react-agent resume FILE"),
        ],
    ),
    "answered when asked": (
        [*[call("look", n=1)] * 3, "ten"],
        {},
        [("ended", "answered: asked for the answer after repetition"), ("repeated", "3 times"), ("to do", "no more to come")],
    ),
    "in turn": (
        [call("look", n=n % 2) for n in range(6)],
        {},
        [
            ("ended", "looped"),
            ("repeated", "look(n=0) 2 times, in steps 0, 2"),
            ("repeated", "look(n=1) 2 times, in steps 1, 3"),
            ("to do", ""),
            ("to do", ""),
        ],
    ),
    "the same mistake": (
        [call("fail", n=1)] * 4,
        {},
        [
            ("ended", "looped"),
            ("repeated", "fail(n=1) 3 times, in steps 0 to 2, with the same end, error: ValueError: 1 is not there"),
            ("to do", "let the tool's error say"),
            ("to do", ""),
        ],
    ),
    "arguments that do not fit": (
        [call("look", n="x")] * 4,
        {},
        [("ended", "malformed"), ("repeated", "with the same end, invalid"), ("to do", "what its arguments look like")],
    ),
    "no call and no answer": (
        [Raw("")] * 4,
        {},
        [
            ("ended", "malformed"),
            ("repeated", "a reply that could not be used 3 times, in steps 0 to 2: "),
            ("to do", "trace raw FILE --step 2"),
        ],
    ),
    "steps": (
        [call("look", n=n) for n in range(50, 99)],
        {"steps": 4},
        [
            ("ended", "limit: steps: 4 of 4 used"),
            ("mostly", "look: 4 of 4 calls, no two with the same arguments and result"),
            ("to do", "`react-agent resume FILE --steps N` goes on with more"),
        ],
    ),
    "steps, some the same": (
        [call("look", n=1), call("look", n=51), call("look", n=1), call("look", n=52), call("look", n=1)],
        {"steps": 4, "repeats": 5},
        [("ended", "limit"), ("repeated", "look(n=1) 2 times, in steps 0, 2"), ("to do", "no more"), ("to do", "would use up those too")],
    ),
    "tokens": (
        [call("look", n=50), call("look", n=51)],
        {"tokens": 100},
        [("ended", "limit: tokens"), ("took", "the first request read 100 tokens, the last 100"), ("to do", "--tokens N")],
    ),
    "tool calls": (
        [call("look", n=50), call("look", n=51)],
        {"tool_calls": 1},
        [("ended", "limit: tool calls"), ("to do", "larger Limits")],
    ),
    "answered": (["ten"], {}, []),
}


@pytest.mark.parametrize("name", CASES)
def test_why_it_ended(name: str) -> None:
    script, limits, expected = CASES[name]
    found = told(run(*script, **limits))
    assert [label for label, _ in found] == [label for label, _ in expected]
    for (_, text), (_, part) in zip(found, expected, strict=True):
        assert part in text


def test_what_repeated_is_of_the_last_question_alone() -> None:
    first = run(*[call("look", n=1)] * 4)
    agent = Agent(MockBackend([call("look", n=n) for n in (1, 50, 51, 52)]), tools=[look, fail], limits=Limits(steps=3))
    found = told(agent.resume_sync(first, "And now?", changes=True).trace)
    assert [label for label, _ in found] == ["ended", "mostly", "to do"]
    assert "look: 3 of 3 calls" in found[1][1]


def test_what_took_the_time_is_said_unless_it_never_came() -> None:
    trace = run(call("look", n=50), "ten")
    returned = next(at for at, event in enumerate(trace) if isinstance(event, Returned))
    slow = Trace([*trace[:returned], replace(trace[returned], seconds=9.0, at=trace.started.at + 9), *trace[returned + 1 : -2]])
    started = replace(slow.started, spec=replace(slow.started.spec, limits=Limits(seconds=5)))
    limited = Trace([started, *slow[1:], replace(trace[-2], at=trace.started.at + 9.5)])
    [took] = [text for label, text in told(limited) if label == "took"]
    assert took.endswith(", tools 9.0 s")
    lost = Trace([*trace[:-2], Stopped(trace[-1].at, "deadline", "seconds: the model did not answer")])
    assert [label for label, _ in told(lost)] == ["ended", "to do"]


@pytest.mark.parametrize("name", STORIES)
def test_every_story_has_its_reasons(name: str) -> None:
    trace = tell(name, "native").trace
    found = told(trace)
    outcome = standing(trace).outcome
    assert outcome is not None
    assert bool(found) == (outcome.kind in ("limit", "looped", "malformed") or (outcome.kind == "answered" and outcome.detail != ""))
    assert summary(trace)["reasons"] == found


def test_what_the_loop_said_is_shown_where_it_was_said(tmp_path: Path) -> None:
    path = run(*[call("look", n=1)] * 4).save(tmp_path / "x.jsonl")
    text = CliRunner().invoke(app, ["trace", "show", str(path)]).stdout
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert rows[2].startswith("ended looped: 'look' was called again")
    assert [row for row in rows if row.startswith("to the model")] == [
        "to the model Note: you made this call before and this is the same result. Answer the question with it now, or make a different call. 1.0",
        "to the model Note: you made this call before and this is the same result. Answer the question with it now, or make a different call. 2.0",
        "to the model You are repeating yourself. Do not call tools any more. Answer the question now, from the results above.",
    ]


def test_notes_are_by_event_and_a_complaint_is_told_once() -> None:
    trace = run(Raw(""), call("look", n=1), "ten", steps=2)
    found = notes(trace)
    assert [(trace[at].kind, [(note.call, note.text[:20]) for note in said]) for at, said in found.items()] == [
        ("replied", [(None, "Note: 1 of at most 2")]),
        ("returned", [(None, "This was the last st")]),
    ]
    by_item = {item["kind"]: item["notes"] for item in items(trace, said=found) if "notes" in item}
    assert by_item["replied"] == [[None, found[1][0].text]]


def test_a_person_s_word_is_not_the_loop_s() -> None:
    assert notes(tell("told", "native").trace) == {}


def test_notes_of_events_that_do_not_fit_end_there() -> None:
    trace = run(*[call("look", n=1)] * 4)
    cut = Trace([*trace[:7], trace[2], *trace[7:]])
    assert list(notes(cut)) == [6]
