"""`shell(root)`: commands of the system's shell, for agents that one trusts with them.

This is no sandbox: a command can do what the user who runs the agent can do. So the tool calls itself destructive, and the default policy asks a person before each one. What is
bounded is the rest: commands start in the root folder, see an environment without keys and other secrets, have no input, end in time with all that they started (but
for a program that makes a session of its own), and their output is cut in the middle. A command that looks for secrets finds them all the same, in the user's files or in
``/proc``. For commands that nobody looks at, run the agent in a container.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from react_agent import ConfigError, RunContext, Tool, ToolError
from react_agent import tool as make_tool

SECONDS = 60.0
SHOWN_CHARS = 20_000
MAX_COMMAND = 20_000
_KEPT = ("PATH", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL", "TMPDIR", "VIRTUAL_ENV")
_LOOK_SECONDS = 0.1  # between two looks at whether anybody still waits
_GRACE_SECONDS = 1.0  # from the polite signal to the other


def shell(root: str | Path = ".", *, seconds: float = SECONDS, env: Mapping[str, str] | None = None, path: str = "/bin/sh") -> Tool:
    """The tool ``shell``.

    Args:
        root: The folder that commands start in, and that they are told is their home.
        seconds: That one command may take.
        env: Variables beside the few that are passed on (PATH, language, time zone, user).
        path: Of the shell, which takes ``-c``.

    Raises:
        ConfigError: There is no such folder or shell, or the system has no process groups.
    """
    folder = Path(root).expanduser().resolve()
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder; make it first, or name another root")
    if not hasattr(os, "killpg") or not os.access(path, os.X_OK):
        raise ConfigError(f"commands cannot be run here: there is no shell at {path}, or this system has no process groups")
    passed = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("LC_")}
    environment = {**passed, "HOME": str(folder), "TERM": "dumb", **(env or {})}

    @make_tool(
        name="shell",
        destructive=True,
        open_world=True,
        timeout=seconds + 10,
        examples=[{"command": "git status --short"}, {"command": "python -m pytest -q 2>&1 | tail -20"}],
    )
    def run(command: str, ctx: RunContext[object] | None = None) -> str:
        """Run a command in the shell, in the root folder; gives its output and, if it is not 0, its exit status.

        There is no input, so programs must not ask. What is started in the background is ended with the command.

        Args:
            command: For the shell; pipes, && and the like are understood.
        """
        if not command.strip() or len(command) > MAX_COMMAND or "\0" in command:
            raise ToolError(f"a command has 1 to {MAX_COMMAND:,} characters, and no NUL")
        try:
            command.encode()
        except UnicodeEncodeError:
            raise ToolError("the command holds half of a character (a lone surrogate); leave it out") from None
        return _Command([path, "-c", command], folder, environment, seconds, ctx).result()

    return run


class _Output:
    """The first and the last of what was written; what lies between is counted."""

    def __init__(self, most: int) -> None:
        self.head_room = most * 3 // 4
        self.tail_room = most - self.head_room
        self.head = bytearray()
        self.tail = bytearray()
        self.size = 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if (room := self.head_room - len(self.head)) > 0:
            self.head += data[:room]
            data = data[room:]
        self.tail += data
        if len(self.tail) > 2 * self.tail_room:
            del self.tail[: -self.tail_room]

    def text(self) -> str:
        tail = self.tail[-self.tail_room :]
        missing = self.size - len(self.head) - len(tail)
        if missing <= 0:
            return (self.head + tail).decode("utf-8", "replace")
        note = f"\n[… {missing:,} bytes are left out here …]\n"
        return self.head.decode("utf-8", "replace") + note + tail.decode("utf-8", "replace")


class _Command:
    """One command on its way."""

    def __init__(
        self, arguments: list[str], folder: Path, environment: Mapping[str, str], seconds: float, ctx: RunContext[object] | None
    ) -> None:
        self.seconds = seconds
        self.ctx = ctx
        self.output = _Output(SHOWN_CHARS)
        self.why = ""
        try:
            self.process = subprocess.Popen(
                arguments,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise ToolError(f"the command could not be started: {error.strerror}") from None

    def result(self) -> str:
        """Waits, ends all that is left, and says what came of it."""
        with self.process:
            pipe = self.process.stdout
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            try:
                left_over = self._watch(pipe)
            finally:
                self._end()
                self._drain(pipe)
        status = self.process.returncode
        notes = (
            [self.why] if self.why else [f"exit status {status}"] if status > 0 else [f"ended by {_signal(-status)}"] if status < 0 else []
        )
        if left_over and not self.why:
            notes.append("what it had left in the background was ended")
        text = self.output.text().rstrip("\n")
        if self.why:
            raise ToolError("\n".join([*([text] if text else []), f"[{self.why}]"]))
        return "\n".join([text or "[no output]", *(f"[{note}]" for note in notes)])

    def _watch(self, pipe: IO[bytes]) -> bool:
        """Until the shell has ended, or has to. True: somebody else still holds its output open."""
        until = time.monotonic() + self.seconds
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while True:
                ended = self._ended()
                is_open = not selector.select(0 if ended else _LOOK_SECONDS) or self._drain(pipe)
                if ended:
                    return is_open
                if not is_open:  # it closed its output and goes on
                    selector.unregister(pipe)
                    return self._wait(until)
                if self._must_end(until):
                    return True

    def _wait(self, until: float) -> bool:
        pause = 0.001
        while not self._ended() and not self._must_end(until):
            time.sleep(pause)
            pause = min(2 * pause, _LOOK_SECONDS)
        return False

    def _must_end(self, until: float) -> bool:
        if time.monotonic() > until:
            self.why = f"the command took longer than {self.seconds:g} seconds and was ended"
        elif self.ctx is not None and self.ctx.cancelled:
            self.why = "nobody waits for the command any more; it was ended"
        return bool(self.why)

    def _drain(self, pipe: IO[bytes]) -> bool:
        """Takes what there is. False: there will be no more."""
        for _ in range(256):  # then the clock is looked at again
            try:
                data = os.read(pipe.fileno(), 65_536)
            except BlockingIOError:
                return True
            if not data:
                return False
            self.output.add(data)
        return True

    def _ended(self) -> bool:
        """Whether the shell has ended. It stays a zombie until its group is ended, so that nobody else gets the group's number."""
        waitid: Callable[..., object] | None = getattr(os, "waitid", None)  # not on every system
        if waitid is None:
            return self.process.poll() is not None
        return waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _end(self) -> None:
        """Ends the whole group: politely if the shell still runs, then for good."""
        if not self._ended():
            self._signal(signal.SIGTERM)
            until = time.monotonic() + _GRACE_SECONDS
            while not self._ended() and time.monotonic() < until:
                time.sleep(0.01)
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
