"""Functions that worker processes run; they are imported there by this module's name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from react_agent import ToolError, tool

calls = 0


@tool(process=True, read_only=True)
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool(process=True, read_only=True)
def who() -> dict[str, int]:
    """The process, and how many calls it had."""
    global calls
    calls += 1
    return {"pid": os.getpid(), "calls": calls}


@tool(process=True)
def weekday(day: date) -> str:
    """Name of a day."""
    return f"{day:%A} {type(day).__name__}"


@tool(process=True)
def speak(text: str) -> str:
    """Prints, reads, returns."""
    print(text, flush=True)
    os.write(1, b"raw bytes\n")
    return f"{text}|{sys.stdin.read()!r}"


@tool(process=True)
async def later(text: str) -> str:
    """Async."""
    return text.upper()


@tool(process=True)
def fail(how: str) -> str:
    """Fail in some way."""
    match how:
        case "tool error":
            raise ToolError("say it like this")
        case "exception":
            raise KeyError("secret key")
        case "exit":
            sys.exit(3)
        case "die":
            os._exit(7)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "odd":
            return object()  # type: ignore[return-value]
    return "fine"


@tool(process=True)
def hang(marks: str) -> str:
    """Starts a child and does not end; the pids of both are in the file, a line each."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(marks).write_text(f"{os.getpid()}\n{child.pid}\n")
    while True:
        time.sleep(60)


def hangs(marks: Path) -> bool:
    """Whether `hang` has written down both pids, wholly."""
    return marks.exists() and marks.read_text().count("\n") == 2


@tool(process=True, output_schema={"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}})
def shaped(good: bool) -> dict[str, object]:
    """Fits its schema, or not."""
    return {"n": 1} if good else {"n": "one"}


@tool(process=True, output_schema={"type": "array", "items": {"type": "integer"}})
def counted(by: int | str) -> Iterator[int | str]:
    """An iterator of what should be numbers."""
    return iter([0, by])


@tool(process=True, output_schema={"type": "object", "properties": {"rows": {"type": "array", "minItems": 2}}})
def tabled() -> dict[str, object]:
    """An iterator within."""
    return {"rows": iter([0, 1])}


@tool(process=True)
def picture() -> bytes:
    """A picture."""
    return b"\x89PNG\r\n\x1a\n...."


def plain(**values: object) -> object:
    """For Tool.from_schema."""
    return values
