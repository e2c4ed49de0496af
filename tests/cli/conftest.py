"""A folder of one's own with tools and models in it, and a way to call the command line in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from react_agent import Agent, JsonlStore, MockBackend, Usage, call, tool
from react_agent.cli.app import app

TOOLS = '''
"""Tools and scripted models, as a user would keep them in a file."""
import asyncio, pathlib, time
from react_agent import MockBackend, Raw, Tool, ToolRegistry, Usage, call, tool
from react_agent.errors import BackendRejected

@tool(read_only=True)
def population(city: str) -> int:
    """How many people live in a city."""
    return {"Paris": 2102650, "Lyon": 522250}[city]

@tool(destructive=True)
def remove(path: str) -> str:
    """Remove a file."""
    return f"removed {path}"

@tool
def wait_for(path: str) -> str:
    """Wait until a file is there."""
    while not pathlib.Path(path).exists():
        time.sleep(0.005)
    return "there"

def plain(word: str) -> str:
    """A function that nobody made a tool of."""
    return word.upper()

more = ToolRegistry([plain])
number = 7
U = Usage(100, 20)
asks = MockBackend([call("population", city="Paris", thought="I look it up."), "2.1 million"], usage=U)
answers = MockBackend(["yes", "indeed"], usage=U)
removes = MockBackend([call("remove", path="/tmp/x"), "gone"], usage=U)
removes_two = MockBackend([[call("remove", path="/tmp/x"), call("remove", path="/tmp/y")], "gone"], usage=U)
waits = MockBackend([call("wait_for", path="flag"), "it is there", "late"], usage=U)
lost = MockBackend([BackendRejected("no such model"), "better now"], usage=U)
loops = MockBackend([call("population", city="Paris")] * 9 + ["so it is"], usage=U)
text = MockBackend([Raw('Thought: hm\\nAction: population\\nAction Input: {"city": "Paris",}\\nObservation: 5'), "2 million"], format="react_text")
nasty = MockBackend([call("plain", word="\\x1b[31mred\\x1b[0m [bold]b[/bold] \\x1b]0;t\\x07", thought="[red]x[/red]"), "\\x1b[2J[link=x]end\\u202e"])

def echo(prompt: str) -> str:
    return "Final Answer: heard"
'''

CHATTY = '''
"""A module and a tool that print, as one does."""
from react_agent import MockBackend, call, tool

print("a word of the module")

@tool(read_only=True)
def say(word: str) -> str:
    """Say it."""
    print("a word of the tool")
    return word

model = MockBackend([call("say", word="hm"), "indeed"])
'''


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The present folder is empty but for ``kit.py``; no keys, no model, no other settings."""
    for name in list(os.environ):
        if name.endswith("_API_KEY") or name.startswith("REACT_AGENT_") or name in ("OPENAI_BASE_URL", "HF_TOKEN", "GITHUB_TOKEN"):
            monkeypatch.delenv(name)
    (tmp_path / "kit.py").write_text(TOOLS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name == "kit" or name.startswith(("kit_", "broken")):
            del sys.modules[name]


Cli = Callable[..., Result]


@pytest.fixture
def cli(home: Path) -> Cli:
    """``cli("run", "why?", "-m", "kit:asks")``: the result has exit_code, stdout and stderr. What is raised comes up."""

    def invoke(*words: str, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@tool(read_only=True)
def population(city: str) -> int:
    """How many people live in a city."""
    return {"Paris": 2102650, "Lyon": 522250}[city]


@pytest.fixture
def answered(home: Path) -> Path:
    """A trace of two steps, answered, in ``runs``."""
    script = [call("population", city="Paris", thought="I look it up."), "2.1 million"]
    agent = Agent(MockBackend(script, usage=Usage(100, 20)), tools=[population], store="runs", instructions="Be brief.")
    agent.run_sync("How many?", run_id="answered")
    return JsonlStore("runs").path("answered")


def run_files(folder: Path) -> list[Path]:
    return sorted((folder / "runs").glob("*.jsonl"))
