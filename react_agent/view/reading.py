"""Trace files as far as they can be read: cut off, edited by hand, of another program, of a newer version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from react_agent.errors import TraceError
from react_agent.events import Event, Started
from react_agent.stores.jsonl import load_trace
from react_agent.trace import Trace, decode_event
from react_agent.view import words


class Read(NamedTuple):
    """What could be read of a file.

    Attributes:
        trace: Empty where that is nothing.
        problem: What is wrong with the file, if anything is.
        left: How many of its lines are left out, a torn last one not counted.
    """

    trace: Trace
    problem: str = ""
    left: int = 0


def read_far(path: Path) -> Read:
    """What can be read of a file. One that did not change is not read again.

    Raises:
        OSError: It cannot be read at all.
    """
    told = path.stat()
    return _read(path, told.st_mtime_ns, told.st_size)


@lru_cache(maxsize=4)  # they may be large
def _read(path: Path, _changed: int, _size: int) -> Read:
    lost: list[str] = []
    try:
        trace = load_trace(path, lost.append)
    except TraceError as error:
        problem = str(error)
    else:
        torn = f"{path}: its last line is cut off and left out; it is being written, or its writer was killed"
        problems = [*lost, torn] if trace.torn is not None else lost
        return Read(Trace(trace) if lost else trace, "\n".join(problems))  # a trace that is torn and no more may be gone on with
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    try:
        trace = Trace(_until_damaged(lines))
    except TraceError:  # it does not begin as a trace does
        return Read(Trace(), problem, len(lines))
    left = len(lines) - len(trace)
    told = f". {words.amount(left, 'line')} from there on {'is' if left == 1 else 'are'} left out" if len(trace) and left else ""
    return Read(trace, problem + told, left)


def _until_damaged(lines: Iterable[bytes]) -> Iterator[Event]:
    for number, line in enumerate(lines):
        try:
            event = decode_event(line)
        except TraceError:
            return
        if number and isinstance(event, Started):  # a second run begins here
            return
        yield event
