"""What a page is told of a trace: every event of every story, in words that are safe to show."""

from __future__ import annotations

import json

import pytest
from _stories import STORIES, tell

from react_agent import Agent, Image, MockBackend, Trace, call, tool
from react_agent.cli.export import as_json
from react_agent.events import Finished, Returned
from react_agent.messages import Attempt, Outcome, Text, ToolResult, Usage
from react_agent.view.items import PICTURES, forebears, items, parts, summary
from react_agent.view.words import attempt


@pytest.mark.parametrize("name", STORIES)
def test_every_story_has_an_item_for_each_event(name: str) -> None:
    story = tell(name, "native")
    made = list(items(story.trace))
    assert [item["kind"] for item in made] == [event.kind for event in story.trace]
    assert [item["step"] for item in made if item["kind"] == "replied"] == list(range(len(story.trace.steps())))
    assert all(value not in (None, "", []) for item in made for value in item.values())


@pytest.mark.parametrize("name", STORIES)
def test_every_story_is_summed_up_as_its_result(name: str) -> None:
    story = tell(name, "native")
    told = summary(story.trace)
    assert told["outcome"] == story.result.outcome.kind
    assert told["steps"] == len(story.result.steps)
    assert told["answer"] == (story.result.answer or "")
    assert told["problem"] == ""


def test_a_part_of_a_trace_counts_on() -> None:
    trace = tell("follow_up", "native").trace
    at = trace.after_step(2)
    assert list(items(trace[at:], 2)) == list(items(trace))[at:]


def test_an_answer_belongs_to_what_was_asked_last() -> None:
    agent = Agent(MockBackend(["2 million", "3 million", "enough"]))
    first = agent.run_sync("How many in Paris?").trace
    second = agent.resume_sync(first, "And in Rome?").trace
    assert [summary(trace)["asked"] for trace in (first, second)] == ["", "And in Rome?"]
    card = second._repr_html_()
    assert card.index("How many in Paris?") < card.index("And in Rome?") < card.index("3 million")
    exported = json.loads(as_json(second))
    assert (exported["task"], exported["told"]) == ("How many in Paris?", [{"step": 1, "text": "And in Rome?"}])


def test_the_last_line_is_not_believed() -> None:
    trace = tell("one_call", "native").trace
    lying = Trace([*trace[:-1], Finished(0.0, Outcome("failed", "a lie"), 99, Usage())])
    assert (summary(lying)["outcome"], summary(lying)["steps"]) == ("answered", 2)


def test_events_that_do_not_fit() -> None:
    trace = tell("one_call", "native").trace
    edited = Trace([*trace[:2], Returned(0.0, 7, 0, ToolResult("lookup", (Text("x"),))), *trace[2:]])
    told = summary(edited)
    assert told["outcome"] == "damaged"
    assert "event 3" in str(told["problem"])


def test_a_trace_cut_anywhere_is_summed_up() -> None:
    for name in ("paused", "orphans", "told", "parallel"):
        trace = tell(name, "native").trace
        for at in range(1, len(trace) + 1):
            part = trace.cut(at)
            assert len(list(items(part))) == at
            assert summary(part)["outcome"] in ("unfinished", "paused", "answered")


def test_numbers_inside_of_arguments_are_not_rounded() -> None:
    @tool(read_only=True)
    def show(number: int, name: str, nested: dict[str, int]) -> str:
        """Show."""
        return "shown"

    script = [call("show", number=12345678901234567890, name="plain", nested={"a": 2**70}), "done"]
    trace = Agent(MockBackend(script), tools=[show]).run_sync("Big?").trace
    replied = list(items(trace))[1]
    assert replied["calls"] == [
        {
            "name": "show",
            "arguments": [["number", "12345678901234567890"], ["name", "plain"], ["nested", '{"a": 1180591620717411303424}']],
            "written": "",
            "complaint": "",
        }
    ]


@pytest.mark.parametrize("media_type", PICTURES)
def test_pictures_come_as_data(media_type: str) -> None:
    [part] = parts([Image(media_type, "AAAA")])
    assert part["picture"] == f"data:{media_type};base64,AAAA"


@pytest.mark.parametrize(
    "image",
    [
        Image("image/svg+xml", "AAAA"),
        Image("text/html", "AAAA"),
        Image("image/png;x", "AAAA"),
        Image("image/png", 'AAAA" onerror="alert(1)'),
        Image("image/png", url="https://example.com/track.png"),
        Image("image/png", url="javascript:alert(1)"),
        Image("image/png", sha256="0" * 64),
    ],
    ids=["svg", "html", "odd type", "no base64", "an address", "a script's address", "not there"],
)
def test_any_other_picture_is_words(image: Image) -> None:
    [part] = parts([image])
    assert list(part) == ["text"]
    assert str(part["text"]).startswith("[image ")


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (Attempt("good"), ("route", "good")),
        (Attempt("bad", "401: no", "the next one was asked"), ("tried", "bad: 401: no; the next one was asked")),
        (Attempt("bad", "401: no"), ("tried", "bad: 401: no")),
        (Attempt("x", None, "held back 0.300 s"), ("route", "x: held back 0.300 s")),
    ],
    ids=["taken", "failed", "failed, no more", "why"],
)
def test_a_way_to_a_reply(one: Attempt, told: tuple[str, str]) -> None:
    assert attempt(one) == told


def test_a_result_tells_how_it_came_about() -> None:
    result = ToolResult("look", (Text("1"),))
    [item] = items([Returned(at=0.0, step=0, index=0, result=result, attempts=3, cached=True, cost=0.5)])
    assert (item["attempts"], item["cached"], item["cost"]) == (3, True, 0.5)


def test_a_fork_of_one_event() -> None:
    trace = Agent(MockBackend(["one", "two"])).run_sync("Which?").trace
    fork = Agent(MockBackend(["three"])).fork_sync(trace, at=1).trace
    assert forebears(fork) == {"parted": {"run": trace.run_id, "step": None, "at": 1}}
