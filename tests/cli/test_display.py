"""The live display on a terminal: what its last lines say while a run goes on."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from react_agent import Agent, Limits, MockBackend, Trace, Usage, call, tool
from react_agent.agent import Progress
from react_agent.cli.display import LiveDisplay
from react_agent.messages import Delta


@tool(read_only=True)
def read(page: int) -> str:
    """Read."""
    return "\n".join(f"line {n}" for n in range(30))


class Screen:
    """A display on a terminal of so many columns, and all that was ever written to it."""

    def __init__(self, width: int = 200) -> None:
        self.file = io.StringIO()
        self.display = LiveDisplay(Console(file=self.file, force_terminal=True, color_system=None, width=width))

    def since(self, *items: object) -> str:
        """What is written when these things happen."""
        before = len(self.file.getvalue())
        for item in items:
            self.display.see(item)  # type: ignore[arg-type]
        self.display._live.refresh()
        return self.file.getvalue()[before:]


@pytest.fixture
def trace() -> Trace:
    script = [call("read", page=1, thought="I read it."), "done"]
    limits = Limits(steps=6, tokens=9_000, seconds=60, cost=0.5)
    agent = Agent(MockBackend(script, usage=Usage(1_000, 50)), tools=[read], limits=limits)
    return agent.run_sync("What is on page 1?").trace


def test_the_last_lines_say_who_is_at_work_and_what_is_left(trace: Trace) -> None:
    screen = Screen()
    started, replied, called, returned, *rest = trace
    shown = screen.since(started)
    for words in (
        "What is on page 1?",
        "asking mock",
        "0 of 6 steps",
        "0 tokens of 9,000",
        "of $0.5",
        "of 60",
        "Ctrl-C ends it after this step",
    ):
        assert words in shown
    assert "I re" in screen.since(Delta("text", "I re"))
    shown = screen.since(replied, called)
    for words in ("I read it.", "read(page=1)", "1 of 6 steps", "1,050 tokens of 9,000"):
        assert words in shown
    assert "read 50% half of it" in screen.since(Progress(0, 0, "half of it", 0.5))
    shown = screen.since(returned)
    assert "line 7" in shown
    assert "line 8" not in shown
    assert "… 22 more lines" in shown
    shown = screen.since(*rest)
    assert "answered" in shown
    assert not screen.display._live.is_started


def test_after_the_first_interrupt_it_says_what_the_second_does(trace: Trace) -> None:
    screen = Screen()
    screen.since(trace[0], trace[1], trace[2])
    screen.display.stopping()
    shown = screen.since()
    assert "it ends after this step; Ctrl-C again cancels it" in shown
    assert "Ctrl-C ends it after this step" not in shown
    assert "This step is let end" in screen.file.getvalue()
    screen.display.close()


@pytest.mark.parametrize("message", ["a part of it that takes more room than there is in a narrow window", "第一部分很长" * 9])
def test_what_goes_on_takes_one_line_in_a_narrow_window(trace: Trace, message: str) -> None:
    screen = Screen(40)
    started, replied, called, *_ = trace
    screen.since(started, replied, called, Progress(0, 0, message, 0.2))
    console = screen.display.console
    assert len(console.render_lines(screen.display._status())) == 3  # a blank one, who is at work, what is left
