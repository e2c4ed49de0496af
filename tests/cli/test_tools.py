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


OFTEN = """
from react_agent import Agent, MockBackend, Tool, ToolRegistry, tool
from react_agent.mcp import McpServer

@tool
def first(x: int) -> int:
    "One."
    return x

def second(x: int) -> list[int]:
    "Two."
    return [x]

class Kit:
    @tool
    def third(self, x: int) -> int:
        "Three."
        return x

ALL = [first, second]
some = (first,)
registry = ToolRegistry(ALL)
mixed, nothing, named = [first, 3], [], {"first": first}
kit = Kit()
agent = Agent(MockBackend([]), tools=ALL)
server = McpServer("/no/such/program", headers={"Authorization": "secret"})

def tools() -> list[Tool]:
    return [first]
"""


@pytest.mark.parametrize(
    ("typed", "listed"),
    [
        (["kit_often:ALL"], ["first", "second"]),
        (["./kit_often.py:some"], ["first"]),
        (["kit_often:registry"], ["first", "second"]),
        (["kit_often:agent.tools"], ["first", "second"]),
        (["kit_often:kit.third"], ["third"]),
        (["kit_often:tools"], ["first"]),
        (["kit_often:second"], ["second"]),
        (["kit_often"], ["first", "second"]),  # the registry's tools, each once
        (["kit_often:second", "kit_often:ALL", "kit_often.py"], ["second", "first"]),
    ],
)
def test_what_stands_for_tools(cli: Cli, home: Path, typed: list[str], listed: list[str]) -> None:
    (home / "kit_often.py").write_text(OFTEN)
    result = cli("tools", "list", *[word for name in typed for word in ("-t", name)])
    assert [line.split()[0] for line in result.stdout.splitlines()] == listed


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("kit_often:mixed", "a list with int in it; it has to be a Tool, a ToolRegistry, a list of tools"),
        ("kit_often:nothing", "an empty list"),
        ("kit_often:named", "no tools but dict"),
        ("kit_often:Kit", "make an instance in the module, and name its tools, as in -t kit_often:instance.third"),
        ("kit_often:kit", "Its own tools are .third"),
        ("kit_often:agent", "Its own tools are .tools"),
        ("kit_often:server", "/no/such/program cannot be had"),
        ("kit_often.first", "did you mean kit_often:first?"),
        ("./kit_often:first", "did you mean kit_often.py?"),
        ("kit_often:first,second", "several are given one by one, each behind its own -t"),
        ("kit_often kit", "an MCP server is named with mcp: before its URL or command"),
        ("http://127.0.0.1:9/mcp", "an MCP server is named with mcp: before its URL or command"),
        (".", "name one of its files"),
        ("./folder", "is a folder; name one of its files"),
        ("", "is no name of a module"),
        (":first", "is no name of a module"),
        ("kit_plain", "name one, as in -t kit_plain:shout"),
        ("standard:calculator", "'standard' is a pack, and comes whole: -t standard"),
    ],
)
def test_what_stands_for_no_tools_is_told_with_what_to_type(cli: Cli, home: Path, typed: str, words: str) -> None:
    (home / "kit_often.py").write_text(OFTEN)
    (home / "kit_plain.py").write_text("def shout(word: str) -> str:\n    return word.upper()\n")
    (home / "folder").mkdir()
    result = cli("tools", "list", "-t", typed)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


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
