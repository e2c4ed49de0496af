"""Trace files as far as they can be read: cut off, edited by hand, of another program, of a newer version."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from react_agent.errors import TraceError
from react_agent.events import Event
from react_agent.stores.jsonl import load_trace
from react_agent.trace import Trace, decode_event


def read_far(path: Path) -> tuple[Trace, str]:
    """What can be read of a file, and what is wrong with it; an empty trace where that is all of it. A file that did not change is not read again.

    Raises:
        OSError: It cannot be read at all.
    """
    told = path.stat()
    return _read(path, told.st_mtime_ns, told.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, _changed: int, _size: int) -> tuple[Trace, str]:
    try:
        trace = load_trace(path)
    except TraceError as error:
        problem = str(error)
    else:
        torn = f"{path}: its last line is cut off and left out; it is being written, or its writer was killed"
        return trace, torn if trace.torn is not None else ""
    try:
        return Trace(_until_damaged(path.read_bytes())), problem
    except TraceError:
        return Trace(), problem


def _until_damaged(data: bytes) -> Iterator[Event]:
    for line in data.split(b"\n"):
        if line.strip():
            try:
                yield decode_event(line)
            except TraceError:
                return
