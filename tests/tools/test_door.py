"""The pack as a whole: its door, what importing costs, and what every tool tells of itself."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import react_agent_tools
from react_agent import ConfigError, ToolRegistry
from react_agent_tools import documents, searxng, sql, standard_tools, web_search


@pytest.fixture
def everything(tmp_path: Path) -> ToolRegistry:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("CREATE TABLE t (a)")
    return (
        standard_tools(tmp_path) | sql(tmp_path / "a.db") | documents(tmp_path) | ToolRegistry([web_search(searxng("http://localhost:1"))])
    )


def test_every_name_at_the_door_is_there() -> None:
    for name in react_agent_tools.__all__:
        assert callable(getattr(react_agent_tools, name))
    assert set(react_agent_tools.__all__) <= set(dir(react_agent_tools))
    with pytest.raises(AttributeError, match="nothing"):
        _ = react_agent_tools.nothing


def test_importing_the_pack_loads_nothing_heavy() -> None:
    code = (
        "import sys, react_agent_tools\n"
        "assert not any(name.startswith('react_agent_tools.') for name in sys.modules)\n"
        "from react_agent_tools import *\n"
        "heavy = {'httpx', 'pydantic_monty', 'jsonschema', 'anyio', 'typer'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_tool_tells_what_it_does_and_shows_how(everything: ToolRegistry) -> None:
    for each in everything:
        spec = each.spec
        assert 20 < len(spec.description) < 1_200, each.name
        assert spec.examples, each.name
        properties = spec.parameters.get("properties")
        assert isinstance(properties, dict)
        for key, schema in properties.items():
            assert isinstance(schema, dict)
            assert schema.get("description"), f"{each.name}.{key}"


def test_the_annotations(everything: ToolRegistry) -> None:
    assert {t.name for t in everything.filter(destructive=True)} == {"write_file", "edit_file", "forget", "shell"}
    assert {t.name for t in everything.filter(open_world=True)} == {
        "fetch_url",
        "web_search",
        "wikipedia_search",
        "wikipedia_lookup",
        "shell",
    }
    assert {t.name for t in everything.filter(read_only=False, destructive=False)} == {"remember"}


def test_what_is_not_writable(tmp_path: Path) -> None:
    names = standard_tools(tmp_path, writable=False).names
    assert not {"write_file", "edit_file", "shell"} & set(names)
    assert {"calculator", "read_file", "fetch_url", "wikipedia_search", "recall", "plan", "ask_user"} <= set(names)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: react_agent_tools.files(".", hide=".env"), r"as in hide=\['\.env'\]"),  # else nothing of it would be hidden
        (lambda: react_agent_tools.images(".", hide="*.png"), "hide is a list"),
        (lambda: react_agent_tools.web_pages(allow="*.corp.example"), r"as in allow=\['\*\.corp\.example'\]"),  # else all would be allowed
        (lambda: sql("a.db", tables="users"), r"as in tables=\['users'\]"),
        (lambda: documents(".", patterns="*.md"), "patterns is a list"),
        (lambda: web_search("searxng"), r"as in web_search\(searxng\("),  # type: ignore[arg-type]
        (lambda: web_search(searxng), r"as in web_search\(searxng\("),  # type: ignore[arg-type]
        (lambda: react_agent_tools.clock(default="Mars"), "there is no time zone 'Mars'"),
        (lambda: react_agent_tools.asking("yes"), "not by str"),  # type: ignore[arg-type]
        (lambda: ToolRegistry([react_agent_tools.files]), r"it makes tools and is none; call it, as in tools=\[files\(\)\]"),
        (lambda: ToolRegistry([react_agent_tools.shell]), "it makes tools and is none"),
        (lambda: ToolRegistry(react_agent_tools.files), r"tools=files\(\)"),  # type: ignore[arg-type]
        (lambda: ToolRegistry(["calculator"]), "import the function and give that"),  # type: ignore[list-item]
        (lambda: ToolRegistry([react_agent_tools]), "import the function and give that"),  # type: ignore[list-item]
    ],
)
def test_what_is_put_together_wrongly_is_told_where_it_is_made(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make()
