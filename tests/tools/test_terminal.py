"""The shell: asked for, ended with all it started, its output bounded, its environment clean."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from react_agent import Agent, ConfigError, MockBackend, RunContext, Tool, ToolError, call
from react_agent_tools import shell

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    return shell(tmp_path)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("echo hi; echo there >&2", "hi\nthere"),
        ("true", "[no output]"),
        ("echo out; exit 3", "out\n[exit status 3]"),
        ("kill -9 $$", "[no output]\n[ended by SIGKILL]"),
        ("cat", "[no output]"),  # no input
        ("printf 'a\\377b'", "a\ufffdb"),
        ("exec >&- 2>&-; sleep 0.05", "[no output]"),
        ("echo started; sleep 30 &", "started\n[what it had left in the background was ended]"),
        ("echo ä | cat", "ä"),
    ],
    ids=["both", "none", "status", "signal", "input", "bytes", "closed", "background", "pipe"],
)
def test_commands(tool: Tool, command: str, text: str) -> None:
    assert tool(command=command) == text


def test_it_starts_in_the_root_with_a_clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "LD_PRELOAD_X", "HTTP_PROXY"):
        monkeypatch.setenv(name, "a secret")
    said = str(shell(tmp_path, env={"MINE": "given"})(command="pwd; env")).split("\n")
    assert said[0] == str(tmp_path.resolve())
    assert not any("a secret" in line for line in said)
    assert {"MINE=given", "TERM=dumb", f"HOME={tmp_path.resolve()}"} <= set(said)


@pytest.mark.parametrize(
    "command",
    [
        "sleep 60",
        "sleep 60 | cat",
        "(sleep 60; sleep 60) & wait",
        "exec >&- 2>&-; sleep 60",
        "yes",
        "yes > /dev/null",
        "trap '' TERM; sleep 60; sleep 60",
        "while :; do :; done",
    ],
)
def test_what_takes_too_long_is_ended(tmp_path: Path, command: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ToolError, match=r"longer than 0\.4 seconds"):
        shell(tmp_path, seconds=0.4)(command=command)
    assert time.perf_counter() - started < 20  # left alone, none ends within a minute


def test_the_whole_group_is_ended(tool: Tool, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    ctx = RunContext(None, cancelled=lambda: pids.exists() and pids.read_text().count("\n") == 3)
    with pytest.raises(ToolError, match="nobody waits"):
        tool(command="for i in 1 2 3; do (trap '' TERM HUP; sleep 60 & echo $! >> pids; wait) & done; wait", ctx=ctx)
    assert _running(pids) == []
    tool(command="rm pids; for i in 1 2 3; do nohup sleep 60 > /dev/null 2>&1 & echo $! >> pids; done")
    assert _running(pids) == []


def _running(pids: Path) -> list[int]:
    """Those of the three that are there still, after they were given time to go."""
    found = [int(line) for line in pids.read_text().split()]
    assert len(found) == 3
    return [pid for pid in found if not _gone(pid)]


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while (alive := _alive(pid)) and time.monotonic() < deadline:
        os.sched_yield()
    return not alive


def _alive(pid: int) -> bool:
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
            if Path("/proc/self").exists()
            else os.kill(pid, 0) is None
        )
    except (FileNotFoundError, ProcessLookupError):
        return False


LEAVES = """
import os, time
told, tell = os.pipe()
if os.fork():
    os.close(tell)
    os.read(told, 1)  # until the child is on its own
    os._exit(0)
os.setsid()
os.close(tell)
until = time.monotonic() + 60
while not os.path.exists("over") and time.monotonic() < until:
    time.sleep(0.01)
"""


def test_a_program_that_leaves_its_group_does_not_hold_the_call_up(tmp_path: Path) -> None:
    (tmp_path / "leaves.py").write_text(LEAVES)
    assert str(shell(tmp_path, seconds=30)(command=f"{sys.executable} -S leaves.py; echo done")).startswith("done")
    (tmp_path / "over").touch()  # it was there all the while


def test_output_is_cut_in_its_middle(tmp_path: Path) -> None:
    said = str(shell(tmp_path)(command="echo first; yes middle | head -c 3000000; echo last"))
    assert said.startswith("first\nmiddle")
    assert said.endswith("last")
    assert "bytes are left out here" in said
    assert len(said) < 21_000


@pytest.mark.parametrize(
    ("command", "words"),
    [("", "1 to 20,000"), (" \n", "1 to 20,000"), ("x" * 30_000, "1 to 20,000"), ("a\0b", "no NUL"), ("\ud800", "surrogate")],
    ids=["empty", "blank", "long", "nul", "surrogate"],
)
def test_mistakes(tool: Tool, command: str, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        tool(command=command)


def test_a_command_that_is_not_there(tool: Tool) -> None:
    assert str(tool(command="no-such-program")).endswith("[exit status 127]")


def test_a_call_that_nobody_waits_for_is_ended(tmp_path: Path) -> None:
    ctx = RunContext(None, cancelled=lambda: True)
    started = time.perf_counter()
    with pytest.raises(ToolError, match="nobody waits"):
        shell(tmp_path)(command="sleep 60", ctx=ctx)
    assert time.perf_counter() - started < 20


def test_a_cancelled_run_ends_its_command(tmp_path: Path) -> None:
    agent = Agent(MockBackend([call("shell", command="echo $$ > pid; sleep 60"), "done"]), tools=[shell(tmp_path)], reviewer=lambda c: None)

    async def main() -> int:
        task = asyncio.create_task(agent.resume(paused.trace, reviews=[p.approve() for p in paused.pending]))
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():  # noqa: ASYNC110 - the other side is a process
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return int((tmp_path / "pid").read_text())

    paused = agent.run_sync("Go.")
    assert paused.outcome.kind == "paused"  # nothing destructive runs unasked
    assert _gone(asyncio.run(main()))


def test_a_root_or_shell_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        shell(tmp_path / "missing")
    with pytest.raises(ConfigError, match="no shell"):
        shell(tmp_path, path="/no/such/shell")


def test_annotations(tool: Tool) -> None:
    assert (tool.name, tool.spec.destructive, tool.spec.read_only, tool.spec.open_world) == ("shell", True, False, True)
