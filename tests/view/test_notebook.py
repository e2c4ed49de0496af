"""What a notebook shows of a result or a trace."""

from __future__ import annotations

import pytest
from _stories import STORIES, tell

from react_agent import Agent, Limits, MockBackend, Trace, call, tool
from react_agent.testing import step_table

from .test_html import HOSTILE, Elements


@pytest.mark.parametrize("name", STORIES)
def test_every_story(name: str) -> None:
    story = tell(name, "native")
    shown = story.result._repr_html_()
    assert shown == story.trace._repr_html_()
    assert story.result.outcome.kind in shown
    assert shown.count("<tr>") == len(story.trace.steps())


def test_nothing_in_it_can_run() -> None:
    @tool(read_only=True)
    def web(address: str) -> str:
        """Read."""
        return "".join(HOSTILE)

    script = [[call("web", address=words, thought=words) for words in HOSTILE], "".join(HOSTILE)]
    shown = Agent(MockBackend(script), tools=[web]).run_sync("".join(HOSTILE))._repr_html_()
    assert {tag for tag, _ in Elements(shown).found} <= {"div", "b", "i", "details", "summary", "table", "tr", "td", "code", "span"}
    assert {name for _, attributes in Elements(shown).found for name in attributes} <= {"style", "colspan"}


def test_no_mathematics_between_dollar_signs() -> None:
    assert "$" not in Agent(MockBackend(["from $5 to $6"])).run_sync("How much?")._repr_html_()


def test_what_the_environment_names_is_masked_here_and_in_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    @tool(read_only=True)
    def log_in(password: str) -> str:
        """Log in."""
        return "token tok-123 for you"

    result = Agent(MockBackend([call("log_in", password="hunter2"), "done"]), tools=[log_in]).run_sync("Go.")
    monkeypatch.setenv("REACT_AGENT_REDACT", "tok-*")
    monkeypatch.setenv("REACT_AGENT_REDACT_FIELDS", "password")
    for shown in (result._repr_html_(), step_table(result.trace)):
        assert not any(secret in shown for secret in ("hunter2", "tok-123"))


def test_it_is_bounded() -> None:
    @tool(read_only=True)
    def look(n: int) -> str:
        """Look."""
        return "x" * 20_000

    script = [*[call("look", n=n) for n in range(300)], "done"]
    result = Agent(MockBackend(script), tools=[look], limits=Limits(steps=None)).run_sync("Go?")
    shown = result._repr_html_()
    assert "101 more steps" in shown
    assert len(shown) < 1_500_000


def test_an_empty_trace() -> None:
    assert Trace()._repr_html_() == "<p>An empty trace.</p>"
