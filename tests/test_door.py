"""The door: every name opens, nothing heavy comes along, and what it gives does not depend on who came before."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import react_agent

# What costs most to load, and what a user of the core may never need.
HEAVY = ("asyncio", "httpx", "jsonschema", "tenacity", "typer", "rich", "docstring_parser")
OFFLINE_RUN = """
from react_agent import Agent, MockBackend, call, tool

@tool(read_only=True)
def population(city: str) -> int:
    "How many people live in a city."
    return 2_102_650

agent = Agent(MockBackend([call("population", city="Paris"), "2.1 million"]), tools=[population])
assert agent.run_sync("How many people live in Paris?").answer == "2.1 million"
"""


def python(code: str) -> str:
    """What a new interpreter prints; it must say nothing else."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# -------------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", react_agent.__all__)
def test_every_name_opens(name: str) -> None:
    assert not isinstance(getattr(react_agent, name), ModuleType)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(react_agent.__file__).read_text("utf-8"))
    typed = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imports = [node for node in typed.body if isinstance(node, ast.ImportFrom)]
    assert sorted(alias.asname or alias.name for node in imports for alias in node.names) == sorted(react_agent.__all__)
    for node in imports:
        for alias in node.names:
            there = getattr(import_module(str(node.module)), alias.name)
            assert getattr(react_agent, alias.name) is there, f"type checkers are told that {alias.name} is elsewhere"


def test_dir_lists_them() -> None:
    assert {*react_agent.__all__, "__version__"} <= set(dir(react_agent))


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(AttributeError, match="'react_agent' has no attribute 'Agnet'"):
        react_agent.Agnet  # noqa: B018 - looking it up is the test
    with pytest.raises(ImportError):
        exec("from react_agent import Agnet")


def test_the_version_is_the_package_s() -> None:
    assert react_agent.__version__ == importlib.metadata.version("react_agent")


# -------------------------------------------------------------------------------------------------------------- weight


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import react_agent", ()),
        ("from react_agent import Limits, Message, Outcome, Policy, Settings, Usage, Trace, ReactAgentError, replay", ()),
        ("from react_agent import Tool, ToolRegistry, RunContext, tool", ()),
        ("from react_agent import *", ("asyncio", "docstring_parser")),
        (OFFLINE_RUN, ("asyncio", "docstring_parser")),
    ],
    ids=["the package", "nouns", "tools", "everything", "an offline run"],
)
def test_nothing_heavy_is_loaded(code: str, allowed: tuple[str, ...]) -> None:
    loaded = python(f"{code}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])").split()
    assert set(loaded) <= set(allowed)


# ---------------------------------------------------------------------------------------------------------------- order

ALL_MODULES = """
import pkgutil, importlib, react_agent
for module in pkgutil.walk_packages(react_agent.__path__, "react_agent."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:  # an extra that is not installed
            assert not error.name.startswith("react_agent")
"""


@pytest.mark.parametrize(
    "before",
    ["", "import react_agent.agent", "from react_agent import Tool", "from react_agent import Agent; import react_agent.host", ALL_MODULES],
    ids=["nothing", "a module above it", "its module", "the whole core", "every module"],
)
def test_names_mean_the_same_whatever_was_imported_before(before: str) -> None:
    """A submodule that was loaded becomes an attribute of its package, and must not stand in front of a name of the door."""
    code = """
from react_agent import *
import react_agent, types

def echo(text: str) -> str:
    "Say it again."
    return text

print(tool(echo).name, tool(read_only=True)(echo).spec.read_only, react_agent.tool is tool)
print(*[name for name in react_agent.__all__ if isinstance(getattr(react_agent, name), types.ModuleType)])
"""
    assert python(before + code).split() == ["echo", "True", "True"]
