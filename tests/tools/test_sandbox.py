"""Python in a sandbox: what it gives, how its mistakes are told, and that nothing gets out or goes on for ever."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from _left import children, descriptors, needs_proc

from react_agent import Agent, ConfigError, MockBackend, Tool, ToolError, call
from react_agent_tools import python
from tests.tools._hostile import PYTHON_ABUSES, PYTHON_ESCAPES, PYTHON_LARGE_RESULTS

pytest.importorskip("pydantic_monty", reason="the extra 'python' is not installed")
SECRET = "the secret of the host"


@pytest.fixture(scope="module")
def tool() -> Tool:
    return python(seconds=20, max_memory=64 * 2**20)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("print('hi')\n1 + 1", "hi\n2"),
        ("x = 1", "[it printed nothing, and its last line is no value]"),
        ("import math\nround(math.pi, 3)", "3.142"),
        ("import json\njson.dumps({'a': [1, None]})", "'{\"a\": [1, null]}'"),
        (
            "{'b': (1,), 'c': {2}, 'd': frozenset(), 'e': set(), 'f': b'x', 'g': ()}",
            "{'b': (1,), 'c': {2}, 'd': frozenset(), 'e': set(), 'f': b'x', 'g': ()}",
        ),
        ("class A:\n    def __init__(self): self.x = 3\nA().x", "3"),
        ("class A: pass\nA()", "<A>"),
        ("2**30000", "<an integer of 30,001 bits>"),
        ("import datetime\ndatetime.date(2024, 2, 29)", "datetime.date(2024, 2, 29)"),
        ("import time\ntime.sleep(30)\n'woke'", "'woke'"),
    ],
    ids=["print", "none", "math", "json", "containers", "class", "instance", "large", "date", "sleep"],
)
def test_code(tool: Tool, code: str, text: str) -> None:
    assert tool(code=code) == text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('before')\n1 / 0", "before\nTraceback (most recent call last):"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("x = ", "SyntaxError"),
        ("import numpy", "No module named 'numpy'"),
        ("", "1 to 50,000"),
        ("x" * 60_000, "1 to 50,000"),
    ],
    ids=["after-print", "error", "syntax", "module", "empty", "long"],
)
def test_mistakes_are_told_clearly(tool: Tool, code: str, words: str) -> None:
    with pytest.raises(ToolError) as caught:
        tool(code=code)
    assert words in str(caught.value)


@dataclass
class Outside:
    secret: Path
    output: Path
    server: socket.socket

    def into(self, code: str) -> str:
        return (
            code.replace("SECRET_FILE", str(self.secret))
            .replace("OUTPUT_FILE", str(self.output))
            .replace("PORT", str(self.server.getsockname()[1]))
        )

    def touched(self) -> bool:
        try:
            self.server.accept()[0].close()
        except BlockingIOError:
            return self.output.exists()
        return True


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    monkeypatch.setenv("TOOLS_TEST_SECRET", SECRET)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        yield Outside(secret, tmp_path / "output", server)


@pytest.mark.parametrize("code", PYTHON_ESCAPES.values(), ids=PYTHON_ESCAPES)
def test_nothing_gets_out(tool: Tool, outside: Outside, code: str) -> None:
    with pytest.raises(ToolError) as caught:
        tool(code=outside.into(code))
    assert SECRET not in str(caught.value)
    assert not outside.touched()


@pytest.mark.parametrize("code", PYTHON_ABUSES.values(), ids=PYTHON_ABUSES)
def test_nothing_goes_on_for_ever(code: str) -> None:
    hasty = python(seconds=0.5, max_memory=64 * 2**20)
    started = time.perf_counter()
    with pytest.raises(ToolError) as caught:
        hasty(code=code)
    assert time.perf_counter() - started < 10
    assert len(str(caught.value)) < 25_000


@pytest.mark.parametrize("code", PYTHON_LARGE_RESULTS.values(), ids=PYTHON_LARGE_RESULTS)
def test_results_are_bounded(tool: Tool, code: str) -> None:
    started = time.perf_counter()
    assert len(str(tool(code=code))) < 20_000
    assert time.perf_counter() - started < 10


@needs_proc
def test_no_worker_and_no_descriptor_is_left(tool: Tool) -> None:
    tool(code="1")
    before, family = descriptors(), children()
    for i in range(10):
        tool(code=str(i))
    assert children() <= family
    assert descriptors() <= before


def test_without_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"react_agent\[python\]"):
        python()


def test_in_a_run(tool: Tool) -> None:
    result = Agent(MockBackend([call("python", code="sum(range(10))"), "45"]), tools=[tool]).run_sync("Add.").steps[0].calls[0].result
    assert result is not None
    assert (result.status, result.text) == ("ok", "45")
