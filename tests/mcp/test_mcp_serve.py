"""Tools offered as an MCP server: by the library and by the command."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mcp", reason="needs the MCP SDK: pip install 'react_agent[mcp]'")

from react_agent import Agent, Image, MockBackend, RunContext, ToolError, ToolRegistry, tool
from react_agent.calling import call_once
from react_agent.errors import ConfigError
from react_agent.mcp import McpServer, served


@tool(read_only=True, output_schema={"type": "object", "properties": {"sum": {"type": "integer"}}})
def add(a: int, b: int) -> dict[str, int]:
    """Add two numbers."""
    return {"sum": a + b}


@tool(idempotent=True, destructive=False, open_world=True)
def fail(why: str) -> str:
    """Fails."""
    raise ToolError(why)


@tool(destructive=True)
def wipe() -> str:
    """Wipe everything."""
    return "wiped"


@tool(ask=True)
def ask_user(question: str) -> str:
    """Ask."""
    return question


@tool(read_only=True)
def picture() -> Image:
    """A picture."""
    return Image.from_bytes(b"\x89PNG\r\n\x1a\n")


@tool
def work(ctx: RunContext[None]) -> str:
    """Says how far it is."""
    ctx.progress("half", 0.5)
    ctx.progress("more")
    return "there"


ALL = ToolRegistry([add, fail, wipe, ask_user, picture, work])


def test_our_tools_come_back_as_they_went_out() -> None:
    with McpServer(served(ALL)) as server:
        assert server.tools.names == ("add", "fail", "picture", "work")
        for name in server.tools.names:
            ours, theirs = ALL[name].spec, server.tools[name].spec
            assert (theirs.description, theirs.parameters, theirs.output_schema) == (ours.description, ours.parameters, ours.output_schema)
            assert (theirs.read_only, theirs.idempotent, theirs.open_world) == (ours.read_only, ours.idempotent, ours.open_world)
        assert server.tools["fail"].spec.destructive is False
        assert server.tools["work"].spec.destructive is True, "MCP: what does not say is taken to be"


@pytest.mark.parametrize(
    ("name", "arguments", "status", "text"),
    [
        ("add", {"a": 1, "b": 2}, "ok", '{"sum":3}'),
        ("fail", {"why": "because"}, "error", "because"),
        ("work", {}, "ok", "there"),
    ],
)
def test_calls(name: str, arguments: dict[str, object], status: str, text: str) -> None:
    with McpServer(served(ALL)) as server:
        seen: list[tuple[str, float | None]] = []
        result = asyncio.run(call_once(server.tools, name, arguments, on_progress=lambda message, done: seen.append((message, done))))  # type: ignore[arg-type]
        assert (result.status, result.text) == (status, text)
        if name == "work":
            assert seen == [("half", 0.5), ("more", None)]
        assert asyncio.run(call_once(server.tools, "picture", {})).content == (Image.from_bytes(b"\x89PNG\r\n\x1a\n"),)


def test_two_calls_at_once_have_two_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    @tool
    def pay(ctx: RunContext[None]) -> None:
        """Pay."""
        keys.append(ctx.key)

    monkeypatch.setattr("time.time_ns", lambda: 1)
    for _ in range(2):
        asyncio.run(call_once(ToolRegistry([pay]), "pay", {}))
    assert len(set(keys)) == 2


def test_the_destructive_only_when_it_is_said_and_what_asks_never() -> None:
    with McpServer(served(ALL, destructive=True)) as server:
        assert server.tools.names == ("add", "fail", "wipe", "picture", "work")


def test_tools_may_come_as_an_agent_takes_them() -> None:
    with McpServer(served([add, fail])) as server:
        assert server.tools.names == ("add", "fail")
    with pytest.raises(ConfigError, match=r"as in tools=server\.tools"):
        served(Agent(MockBackend([]), tools=[add]))  # type: ignore[arg-type]


def test_nothing_to_serve() -> None:
    with pytest.raises(ConfigError, match="no tool to serve"):
        served(ToolRegistry([wipe, ask_user]))


def test_bad_arguments_and_unknown_names_are_told_to_the_caller() -> None:
    """By a client that sends whatever it likes."""
    import mcp

    async def main() -> list[str]:
        async with mcp.Client(served(ALL)) as client:
            found = []
            for name, arguments in (("add", {"a": "x"}), ("wipe", {}), ("ad", {"a": 1})):
                result = await client.call_tool(name, arguments)
                assert result.is_error
                found.append(result.content[0].text)
            return found

    bad, wiped, unknown = asyncio.run(main())
    assert "do not fit the tool's schema" in bad
    assert "There is no tool 'wipe'" in wiped
    assert "Did you mean 'add'" in unknown


def test_the_command_serves_over_stdio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = tmp_path / "kit.py"
    kit.write_text(
        'from react_agent import tool\n@tool(read_only=True)\ndef double(n: int) -> int:\n    "Twice."\n    print("to nobody")\n    return 2 * n\n'
        '@tool(destructive=True)\ndef wipe() -> str:\n    "Wipe."\n    return ""\n'
    )
    environment = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    with McpServer([sys.executable, "-m", "react_agent", "tools", "serve", "-t", str(kit)], env=environment) as server:
        result = asyncio.run(call_once(server.tools, "double", {"n": 21}))
        assert (result.status, result.text) == ("ok", "42")
        assert server.tools.names == ("double",)
    command = [sys.executable, "-m", "react_agent", "tools", "serve", "-t", str(kit)]
    told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert (told.stdout, "can destroy something: wipe; --destructive offers" in " ".join(told.stderr.split())) == ("", True)
