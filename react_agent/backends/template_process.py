"""The process in which chat templates from outside are rendered, seen from here: started when first needed, killed when it takes too long."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from react_agent.backends import template_worker
from react_agent.messages import JsonObject

SECONDS = 5.0  # for one prompt
_MAX_ANSWER = 6 * template_worker.MAX_TEXT  # bytes: a character may be an escape
_KEPT = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # of the environment: a template shall find no key


class TemplateFailed(Exception):
    """The template raised, or had to be stopped; the message says which."""


class _Process:
    def __init__(self) -> None:
        self.owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(template_worker.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
        )
        self.late = False
        self._write([os.path.abspath(entry) for entry in sys.path])

    @property
    def pid(self) -> int:
        return self._process.pid

    def _write(self, data: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(data).encode() + b"\n")
        self._process.stdin.flush()

    def ask(self, source: str, variables: JsonObject | None) -> str:
        """The text. Raises `TemplateFailed`, or `OSError` and `ValueError` when the process is lost."""
        assert self._process.stdout is not None
        timer = threading.Timer(SECONDS, self._too_late)
        timer.start()
        try:
            self._write({"source": source, "variables": variables})
            line = self._process.stdout.readline(_MAX_ANSWER)
        finally:
            timer.cancel()
            timer.join()  # it may have begun, and must not kill the process under the next template
        if self.late:
            raise TemplateFailed(f"it took more than {SECONDS:g} seconds and was stopped")
        answer = json.loads(line)
        if "error" in answer:
            raise TemplateFailed(answer["error"])
        return str(answer["text"])

    def _too_late(self) -> None:
        self.late = True
        self._process.kill()

    def end(self) -> None:
        self._process.kill()
        with contextlib.suppress(OSError):
            self._process.communicate()


_lock = threading.Lock()
_running: _Process | None = None


@atexit.register
def close() -> None:
    """End the process, if there is one of ours."""
    global _running
    process, _running = _running, None
    if process is not None and process.owner == os.getpid():
        process.end()


def render_apart(source: str, variables: JsonObject | None) -> str:
    """A template's text, made in another process; "" without variables, when it is only compiled.

    Raises:
        TemplateFailed: it raised, took too long or too much memory.
    """
    global _running
    with _lock:
        if _running is None or _running.owner != os.getpid():
            _running = _Process()
        process, done = _running, False
        try:
            text = process.ask(source, variables)
            done = True
            return text
        except TemplateFailed:
            done = not process.late
            raise
        except (OSError, ValueError):
            raise TemplateFailed("its process ended, probably because it took too much memory") from None
        finally:
            if not done:
                _running = None
                process.end()
