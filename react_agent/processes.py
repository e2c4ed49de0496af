"""Process tools, seen from the run: workers that can be killed with all that they started, and are used again while nothing went wrong.

A worker is a fresh interpreter (see `worker`), not a fork: no lock, thread or connection of this process comes along. It costs an interpreter's
start on its first call and about a quarter of a millisecond on each later one. One that took too long, was cancelled or broke is never used
again. When this process ends, however it ends, its workers end too: their standard input is at its end.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from pathlib import Path

from react_agent.care import Address
from react_agent.messages import Image, JsonObject, Text

MAX_ANSWER = 64_000_000  # bytes of one answer
_WORKER = str(Path(__file__).with_name("worker.py"))


class WorkerLost(Exception):
    """The process ended, or answered what is no answer, before a call had its result."""


class Worker:
    """One process."""

    def __init__(self, address: Address, *, value: bool) -> None:
        self._killed = False
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-P", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            close_fds=True,
        )
        setup = {
            "path": [os.path.abspath(entry) for entry in sys.path],
            "module": address.module,
            "file": address.file,
            "qualname": address.qualname,
            "typed": address.typed,
            "value": value,
        }
        with contextlib.suppress(OSError):  # a dead one is noticed at its first call
            self._write(setup)

    @property
    def pid(self) -> int:
        return self._process.pid

    def _write(self, data: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(data).encode() + b"\n")
        self._process.stdin.flush()

    def call(self, arguments: JsonObject) -> JsonObject:
        """One call, waited for; another thread may `kill` it meanwhile. Raises `WorkerLost`."""
        assert self._process.stdout is not None
        try:
            self._write(arguments)
            line = self._process.stdout.readline(MAX_ANSWER)
            if not line.endswith(b"\n"):
                raise WorkerLost("its answer is too long" if line else self._ending())
            answer = json.loads(line)
        except (OSError, ValueError):
            raise WorkerLost(self._ending()) from None
        if not isinstance(answer, dict):
            raise WorkerLost("it gave no answer")
        return answer

    def _ending(self) -> str:
        try:
            code = self._process.wait(2)  # at the end of its output it is all but gone, but a busy system may be slow to say so
        except subprocess.TimeoutExpired:
            return "it closed its output"
        return f"it ended with {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"

    def kill(self) -> None:
        """End it at once, with every process of its group. May be called from any thread, and again."""
        with self._lock:
            if self._killed:
                return
            self._killed = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if hasattr(os, "killpg"):
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:
                    self._process.kill()

    def close(self) -> None:
        """Kill it and give back all that it held here. Only by the thread that calls."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)


class Workers:
    """The processes of one tool: as many as there are calls at once, at most `most` of which are kept for later calls."""

    def __init__(self, address: Address, *, value: bool, most: int) -> None:
        self._address = address
        self._most = most
        self._value = value
        self._idle: list[Worker] = []
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._idle)

    def take(self) -> Worker:
        """A worker for one call; blocks while a process starts."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Worker(self._address, value=self._value)

    def give_back(self, worker: Worker) -> None:
        """It did its work and waits for more."""
        with self._lock:
            if len(self._idle) < self._most:
                self._idle.append(worker)
                return
        worker.close()

    def close(self) -> None:
        """End the processes that wait for calls; the next call starts another."""
        with self._lock:
            idle, self._idle[:] = list(self._idle), []
        _close_all(idle)


def _close_all(workers: list[Worker]) -> None:
    for worker in workers:
        worker.close()
    workers.clear()


class ProcessCall:
    """One call in a worker: runs in a thread, and can be killed from any other, before it began too."""

    def __init__(self, workers: Workers, arguments: JsonObject) -> None:
        self._workers = workers
        self._arguments = arguments
        self._worker: Worker | None = None
        self._lock = threading.Lock()
        self._killed = False

    def __call__(self) -> JsonObject:
        worker = self._workers.take()
        with self._lock:
            self._worker, killed = worker, self._killed
        try:
            if killed:
                raise WorkerLost("it was not started")
            answer = worker.call(self._arguments)
        except BaseException:
            worker.close()
            raise
        with self._lock:
            self._worker, killed = None, self._killed
        if killed:
            worker.close()
            raise WorkerLost("it was killed")
        self._workers.give_back(worker)
        return answer

    def kill(self) -> None:
        with self._lock:
            self._killed = True
            if self._worker is not None:
                self._worker.kill()


def parts_of(answer: JsonObject) -> tuple[Text | Image, ...]:
    """What a model is shown of the result, out of a worker's answer."""
    made: list[Text | Image] = []
    parts = answer.get("parts")
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict):
            fields = {str(key): value for key, value in part.items() if key != "type" and value is not None}
            made.append(Image(**fields) if part.get("type") == "image" else Text(**fields))  # type: ignore[arg-type]  # as render made them
    return tuple(made)
