"""What a model wrote, to the letter."""

from __future__ import annotations

import pytest

from react_agent import Agent, MockBackend, Raw, tool
from react_agent.view.items import items
from react_agent.view.written import written


@tool(read_only=True)
def look(n: int) -> str:
    """Look."""
    return f"number {n}"


TEXTS = {
    "as it is written": ('Thought: hm\nAction: look\nAction Input: {"n": 1}', True),
    "repaired": ("Thought: hm\nAction: look\nAction Input: {'n': 1,}", True),
    "cut off": ('Action: look\nAction Input: {"n": 1}\nObservation: 7', True),
    "an answer": ("Final Answer: so", True),
    "unusable": ("Action:", True),
    "unreadable arguments": ("Action: look\nAction Input: {", False),  # they stand with their call
    "other blanks": ('Thought:   hm\nAction: look\nAction Input: {"n":   1}', False),  # only what was read of it is on record
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_was_written(name: str) -> None:
    text, kept = TEXTS[name]
    agent = Agent(MockBackend([Raw(text), Raw("Final Answer: so"), Raw("Final Answer: so")], format="react_text"), tools=[look])
    trace = agent.run_sync("Well?").trace
    reply = trace.steps()[0].reply
    assert written(reply) == (text if kept else None)
    assert next(item for item in items(trace) if item["kind"] == "replied").get("raw", "") == (text if kept else "")


def test_native_calls_are_no_text() -> None:
    [reply] = [step.reply for step in Agent(MockBackend(["so"]), tools=[look]).run_sync("Well?").steps]
    assert written(reply) is None
