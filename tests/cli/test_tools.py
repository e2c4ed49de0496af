"""``tools list``, ``show`` and ``call``; serving is tested with the MCP server that it makes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from react_agent.cli import tools as tools_module
from react_agent.cli.app import TOOLS
from react_agent.cli.session import ask_about
from react_agent.result import Pending

from .conftest import CHATTY, Cli


def test_help_lists_the_commands(cli: Cli) -> None:
    result = cli("tools", "--help")
    for name, place in TOOLS.items():
        assert name in result.output
        assert place.help in " ".join(result.output.split())
        assert cli("tools", name, "--help").exit_code == 0


def test_list_and_show(cli: Cli, home: Path) -> None:
    result = cli("tools", "list", "-t", "kit.py")
    assert "population  How many people live in a city.  [read-only]" in result.output
    assert "[destructive]" in result.output
    shown = cli("tools", "show", "population", "-t", "kit.py")
    assert '"city"' in shown.output
    assert cli("tools", "show", "populaton", "-t", "kit.py").exit_code == 2


@pytest.mark.parametrize(
    ("name", "arguments", "code", "words"),
    [
        ("population", '{"city": "Paris"}', 0, "2102650"),
        ("population", '{"city": 5}', 1, "invalid"),
        ("population", '{"city": "Rome"}', 1, "error: KeyError"),
        ("population", "{city", 2, "this is no JSON"),
        ("population", "[1]", 2, "one JSON object, not"),
        ("nothing", "{}", 2, "there is no tool 'nothing'"),
    ],
    ids=["good", "wrong type", "raises", "no JSON", "no object", "no tool"],
)
def test_call(cli: Cli, home: Path, name: str, arguments: str, code: int, words: str) -> None:
    result = cli("tools", "call", name, arguments, "-t", "kit.py")
    assert result.exit_code == code
    assert words in result.output


def test_what_a_tool_prints_is_not_its_result(cli: Cli, home: Path) -> None:
    (home / "chatty.py").write_text(CHATTY)
    result = cli("tools", "call", "say", '{"word": "hm"}', "-t", "chatty.py")
    assert (result.stdout, "a word of the tool" in result.stderr) == ("hm\n", True)


def test_without_a_terminal_nothing_destructive_is_called_unasked(cli: Cli, home: Path) -> None:
    result = cli("tools", "call", "remove", '{"path": "x"}', "-t", "kit.py")
    assert result.exit_code == 3
    assert "removed" not in result.output
    assert "--yes" in result.output
    assert "removed x" in cli("tools", "call", "remove", '{"path": "x"}', "-t", "kit.py", "--yes").output


class Terminal:
    """Stands for a terminal with somebody at it."""

    def __init__(self, stream: object) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "runs"), [("y", True), ("yes", True), ("n", False), ("", False)])
def test_at_a_terminal_it_is_asked(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, runs: bool
) -> None:
    import typer

    monkeypatch.setattr(sys, "stdin", Terminal(sys.stdin))
    monkeypatch.setattr(sys, "stdout", Terminal(sys.stdout))
    monkeypatch.setattr("builtins.input", lambda prompt: answer)
    if runs:
        tools_module.call_("remove", '{"path": "x"}', ["kit.py"])
    else:
        with pytest.raises(typer.Exit):
            tools_module.call_("remove", '{"path": "x"}', ["kit.py"])
    assert ("removed x" in capsys.readouterr().out) is runs


def test_a_person_gives_a_result_at_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["g", "blue"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    [review] = ask_about([Pending(0, 0, "ask_user", {"question": "Which?"}, "give your answer")], "ann")
    assert (review.decision, review.result, review.by) == ("result", "blue", "ann")
