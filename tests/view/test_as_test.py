"""A trace becomes a test: it is Python, it passes against the agent that made the trace, and fails against another."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from _stories import STORIES, tell
from _world import World

from react_agent import Agent, BackendError, Limits, Raw, Trace, call
from react_agent.backends.mock import Hang, MockBackend, ScriptItem
from react_agent.view.as_test import as_replay, as_test

SCRIPTED = ("answer", "one_call", "mixed_batch", "malformed", "only_malformed", "refused", "repeats", "looped", "limit")


def run(text: str, agent: Agent | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run all tests of a file's text, with `agent` as ``my_app.agent``."""
    module = type(pytest)("my_app")
    module.agent = agent  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "my_app", module)
    room: dict[str, object] = {}
    exec(compile(text, "written_test.py", "exec"), room)
    tests = [value for name, value in room.items() if name.startswith("test_") and callable(value)]
    assert len(tests) == 1
    tests[0]()


def world_agent(name: str) -> Agent:
    limits = Limits(steps=4, tokens=10_000, cost=3.0) if name == "limit" else None
    return Agent(MockBackend([]), tools=World().tools(), limits=limits, instructions="Be brief.")


@pytest.mark.parametrize("name", SCRIPTED)
def test_it_passes_with_the_same_agent(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run(as_test(tell(name, "native").trace), world_agent(name), monkeypatch)


def test_it_fails_with_another_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="expected 'lookup' with key='a' to be called"):
        run(as_test(tell("one_call", "native").trace), Agent(MockBackend([])), monkeypatch)


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("format_name", ["native", "react_text"])
def test_every_story_can_be_written(name: str, format_name: str) -> None:
    ast.parse(as_test(tell(name, format_name).trace))


@pytest.mark.parametrize("name", STORIES)
def test_every_story_can_be_replayed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tell(name, "native").trace
    path = trace.save(tmp_path / "a trace's file.jsonl")
    run(as_replay(trace, str(path)), None, monkeypatch)


def test_words_of_a_trace_cannot_become_code() -> None:
    hostile = '"""\nimport os\n"""\\\'); boom() # \u2028 \ud800'
    trace = Agent(MockBackend([hostile])).run_sync(hostile).trace
    for text in (as_test(trace, 'a"""b'), as_replay(trace, 'a"""b\\')):
        tree = ast.parse(text)
        assert [type(node).__name__ for node in tree.body if not isinstance(node, ast.ImportFrom)] == ["Expr", "FunctionDef"]
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in ("boom", "os")]


def test_it_reads_well() -> None:
    lines = as_test(Trace(tell("one_call", "native").trace), "runs/x.jsonl", "shop.agents:helper").splitlines()
    assert "from shop.agents import helper" in lines
    assert "def test_the_question() -> None:" in lines
    assert "        call('lookup', thought='Look.', key='a')," in lines
    assert lines[-1] == "    assert_trace(result).answered('done').called('lookup', key='a').times(1)"


@pytest.mark.parametrize(
    ("script", "spelling", "outcome"),
    [
        ([Raw("Thought: hm")] * 3, "react_text", "malformed"),
        ([call("lookup", key="a"), BackendError("401: no 'key'")], "native", "failed"),
        ([call("lookup", key="a"), BackendError("the server is away")], "react_text", "failed"),
    ],
    ids=["unreadable in its format", "a lost backend", "a lost backend, in text"],
)
def test_an_ending_that_is_no_answer_is_played_again(
    script: list[ScriptItem], spelling: str, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = Agent(MockBackend(script, format=spelling), tools=World().tools()).run_sync("Which?").trace
    text = as_test(trace)
    assert f".outcome('{outcome}')" in text
    run(text, world_agent(outcome), monkeypatch)


def test_a_run_whose_time_was_up_becomes_a_replay() -> None:
    trace = Agent(MockBackend([Hang()]), limits=Limits(seconds=0.01)).run_sync("Which?").trace
    assert "replay(trace)" in as_test(trace)
