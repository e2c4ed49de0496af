"""Files that several may want to write: locks, and replacing a whole file at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from react_agent.errors import TraceError

try:
    import fcntl
except ImportError:  # pragma: no cover - not on every system
    _LOCKS = False
else:
    _LOCKS = True


def lock(descriptor: int, path: str | Path, *, shared: bool = False) -> None:
    """Refuse a second writer where the system can tell; advisory, and released with the file. `shared`: with others who replace the whole file."""
    if not _LOCKS:  # pragma: no cover - it cannot
        return
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TraceError(f"{path} is being written by another run: wait for it, or fork its trace instead") from None
    except OSError:
        return  # nor in this place, such as some that are mounted from elsewhere


def unlock(descriptor: int) -> None:
    """Closing alone may not: a process that another thread is just starting has a copy of all that is open here, until it runs its program."""
    if not _LOCKS:  # pragma: no cover - as above
        return
    try:  # noqa: SIM105 - `suppress` would take longer than the system does
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    except OSError:
        pass


@contextmanager
def held(path: Path) -> Iterator[None]:
    """No run writes this file, or begins to, meanwhile: what it had yet to write would be lost with the file before. Raises `TraceError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        yield
        return
    try:
        lock(descriptor, path, shared=True)
        yield
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Write a whole file: who reads it meanwhile finds the one before or this one, and of several writers one wins. Raises `OSError`."""
    beside = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        beside.write_bytes(data)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
