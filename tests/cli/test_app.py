"""The door of the command line: help, versions, lightness, and that the tables of commands say the truth."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import react_agent
from react_agent.backends.mock import MockBackend
from react_agent.cli.app import TOP, TRACE, Place
from react_agent.cli.scenes import Paced

from .conftest import Cli, run_files

COMMANDS = [*TOP.items(), *((f"trace {name}", place) for name, place in TRACE.items())]


@pytest.mark.parametrize(("words", "place"), COMMANDS, ids=[words for words, _ in COMMANDS])
def test_every_command_has_help_and_says_the_same_in_the_list(cli: Cli, words: str, place: Place) -> None:
    result = cli(*words.split(), "--help")
    assert result.exit_code == 0
    function = getattr(import_module(f"react_agent.cli.{place.module}"), place.function)
    assert (inspect.getdoc(function) or "").splitlines()[0] == place.help
    assert place.help in " ".join(result.stdout.split())


@pytest.mark.parametrize("words", [["--help"], ["trace", "-h"], ["trace"], []], ids=" ".join)
def test_help_lists_the_commands(cli: Cli, words: list[str]) -> None:
    result = cli(*words)
    assert "..." not in result.output.partition("Commands:")[2]  # each line is short enough to be read whole
    for name in TRACE if "trace" in words else TOP:
        assert name in result.output


def test_version(cli: Cli) -> None:
    assert cli("--version").stdout == f"react-agent {react_agent.__version__}\n"


@pytest.mark.parametrize(
    "words", [["nope"], ["trace", "nope"], ["run"], ["run", "x", "--nope"], ["trace", "prompt", "--step", "-1"]], ids=" ".join
)
def test_wrong_usage(cli: Cli, words: list[str]) -> None:
    assert cli(*words).exit_code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["What is 2+2?"], "To ask a question: react-agent run QUESTION."),
        (["why?"], "To ask a question: react-agent run QUESTION."),
        (["show"], "There is 'react-agent trace show'."),
        (["call"], "There is 'react-agent tools call'."),
        (["run.jsonl"], "To look at a trace: react-agent trace show FILE."),
        (["rnu"], "Did you mean 'run'?"),
        (["run", "what", "is", "it"], "Put the question in quotes"),
        (["resume", "last", "what", "now"], "Put the question in quotes"),
        (["tools", "list", "standard"], "Where tools are is said with -t"),
        (["tools", "call", "add", "a", "1"], "The arguments are one JSON object"),
        (["tools", "call", "kit:population"], "as in population -t kit"),
        (["run", "x", "-m", "kit.py"], "as in -m kit.py:model"),
        (["run", "x", "-m", "kit"], "as in -m kit:model"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_was_meant_is_said_with_what_to_type(cli: Cli, home: Path, words: list[str], told: str) -> None:
    (home / "run.jsonl").touch()
    result = cli(*words)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())


def _python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("words", [["--help"], ["trace", "--help"], ["trace", "nope"]], ids=" ".join)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\nfrom react_agent.cli.app import app\n"
        f"try: app({words!r})\nexcept SystemExit: pass\n"
        "print([m for m in ('asyncio', 'httpx', 'rich.live', 'react_agent.messages', 'jsonschema') if m in sys.modules])"
    )
    assert _python(code).splitlines()[-1] == "[]"


def test_the_library_does_not_import_the_command_line() -> None:
    code = "import sys, react_agent.agent\nprint([m for m in ('typer', 'rich', 'react_agent.cli') if m in sys.modules])"
    assert _python(code) == "[]"


# ------------------------------------------------------------------------------------------------------- real processes


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REACT_AGENT_") and not name.endswith("_API_KEY")}
    return {**kept, "PYTHONPATH": str(Path(react_agent.__file__).parent.parent), "PYTHONWARNINGS": "error", **more}


def _start(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "react_agent", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment())


def test_the_demo_needs_nothing_and_says_where_its_traces_are(home: Path) -> None:
    process = _start("demo")
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    assert "\x1b" not in stdout
    paths = run_files(home)
    assert len(paths) == 6
    for path in paths:
        assert f"runs/{path.name}" in stdout
        assert react_agent.replay(react_agent.Trace.load(path)).outcome == react_agent.Outcome("answered")
    for words in (
        "react-agent trace show runs/",
        "  1 answer       Done:",  # steps are counted on after a pause, not anew
        "cut off",
        "trailing_comma",
        "approved",
        "killed",
        "taken up again",
        "LookupError",
        "there is no such key",
    ):
        assert words in stdout


def test_an_output_that_cannot_show_a_character(home: Path) -> None:
    command = [sys.executable, "-m", "react_agent", "run", "→?", "-m", "kit:answers"]
    done = subprocess.run(command, capture_output=True, env=_environment(PYTHONIOENCODING="ascii"), timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_has_seen_enough(home: Path) -> None:
    process = _start("demo")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.wait(timeout=60)
    assert process.stderr is not None
    with process.stderr as stderr:
        assert "Traceback" not in stderr.read()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals on Windows")
class TestInterrupts:
    """A run whose tool waits for a file, interrupted while it waits."""

    @staticmethod
    def _waiting() -> subprocess.Popen[str]:
        process = _start("run", "Wait.", "-m", "kit:waits", "-t", "kit:wait_for", "--display", "json")
        assert process.stdout is not None
        for line in process.stdout:
            if '"kind":"called"' in line:
                return process
        raise AssertionError(process.communicate())

    @staticmethod
    def _kinds(home: Path) -> list[str]:
        (path,) = run_files(home)
        return [event.kind for event in react_agent.Trace.load(path)]

    def test_the_first_lets_the_step_end(self, home: Path, cli: Cli) -> None:
        process = self._waiting()
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "let end" in process.stderr.readline()
        (home / "flag").touch()
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "react-agent resume runs/" in stderr
        assert self._kinds(home) == ["started", "replied", "called", "returned", "stopped", "finished"]
        assert cli("resume", "last", "-m", "kit:answers", "-t", "kit").exit_code == 0

    def test_the_second_cancels(self, home: Path, cli: Cli) -> None:
        process = self._waiting()
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert self._kinds(home) == ["started", "replied", "called", "stopped", "finished"]
        paused = cli("resume", "last", "-m", "kit:answers", "-t", "kit")  # nobody knows what became of the call
        assert (paused.exit_code, "nobody knows" in paused.stderr) == (3, True)

    def test_the_demo_ends_too(self, home: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        async def reply(self: Paced, *given: Any, **more: Any) -> Any:
            signal.raise_signal(signal.SIGINT)
            return await MockBackend.reply(self, *given, **more)

        monkeypatch.setattr(Paced, "reply", reply)
        assert cli("demo").exit_code == 130
        assert len(run_files(home)) == 1

    def test_a_polite_kill_saves_too(self, home: Path) -> None:
        process = self._waiting()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert self._kinds(home)[-2:] == ["stopped", "finished"]

    def test_at_a_terminal_a_person_is_asked(self, home: Path) -> None:
        import pty

        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "react_agent", "run", "Tidy up.", "-m", "kit:removes", "-t", "kit"]
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=_environment(TERM="xterm", COLUMNS="90")) as process:
            os.close(theirs)
            screen = b""
            for answer, after in ((b"x\n", b"[l]ater: "), (b"e\n", b"[l]ater: "), (b'{"path": "b"}\n', b"): "), (b"", b"gone")):
                while after not in screen:
                    screen += os.read(ours, 4096)
                os.write(ours, answer)
                screen = screen if not answer else b""
            while True:
                try:
                    screen += os.read(ours, 4096)
                except OSError:  # the other side is closed
                    break
            assert process.wait(timeout=60) == 0
        os.close(ours)
        (path,) = run_files(home)
        (call,) = react_agent.Trace.load(path).steps()[0].calls
        assert call.result is not None
        assert call.result.text == "removed b"
        assert b"answered" in screen
