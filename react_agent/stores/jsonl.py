"""Traces as JSON Lines files in a folder, one file a run; large images beside them under their SHA-256.

A line is one event. Lines are handed to the operating system before a tool starts that is not read-only, and before any other tool or a model is
asked unless that was done in the last 10 ms. So a killed process loses nothing that it could not do again, and never more than 10 ms of work; nothing is
synced to the disk.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from react_agent.errors import TraceError
from react_agent.events import Event
from react_agent.stores.files import held, lock, replace_file, unlock
from react_agent.stores.pictures import FOLDER, IMAGE_BYTES_INLINE, brought_in, pictures_of, put_out
from react_agent.trace import Trace, encode_event

CHECKPOINT_SECONDS = 0.01
_FIRST = b'{"kind":"started",'  # how each trace begins
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Writer(Protocol):
    """Takes a run's events as they happen."""

    def write(self, event: Event, line: bytes | None = None) -> None:
        """Take one event; it may be kept back until `flush`. `line` is what `encode_event` gives for it, where that was made already."""
        ...

    def flush(self) -> None:
        """Hand everything over to the operating system."""
        ...

    def checkpoint(self, now: float) -> None:
        """A good moment to flush, if the last one was a while ago. `now` is what `time.perf_counter` says."""
        ...

    def close(self) -> None: ...


class Store(Protocol):
    """Where an agent's traces are kept."""

    def create(self, run_id: str) -> Writer: ...
    def append(self, run_id: str) -> Writer: ...
    def load(self, run_id: str) -> Trace: ...
    def exists(self, run_id: str) -> bool: ...


class JsonlStore:
    """A folder of trace files, ``<run id>.jsonl`` each.

    Args:
        folder: Made when the first run is written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._prefix = f"{self.folder}{os.sep}"

    def __repr__(self) -> str:
        return f"JsonlStore({str(self.folder)!r})"

    def path(self, run_id: str) -> Path:
        """The file of a run; the slash in a sub-agent's id (its call's key) becomes ``~``, and no two ids share a file."""
        return self.folder / _file_name(run_id)

    def create(self, run_id: str) -> JsonlWriter:
        """A new file. Raises `TraceError` when the run has one already, or none can be made."""
        path = f"{self._prefix}{_file_name(run_id)}"  # no `Path`: that takes longer than to make the file
        try:
            try:
                return JsonlWriter(path, new=True)
            except FileNotFoundError:
                self.folder.mkdir(parents=True, exist_ok=True)
                return JsonlWriter(path, new=True)
            except FileExistsError:
                writer = JsonlWriter(path)
        except OSError as error:
            raise _not_written(path, error) from error
        if _begun(path):
            writer.close()
            raise TraceError(f"{path} exists: resume that run, or give this one another id")
        os.truncate(path, 0)
        return writer

    def append(self, run_id: str) -> JsonlWriter:
        return append_to(self.path(run_id))

    def load(self, run_id: str) -> Trace:
        return load_trace(self.path(run_id))

    def exists(self, run_id: str) -> bool:
        path = self.path(run_id)
        return path.exists() and _begun(path)

    def runs(self) -> list[Path]:
        """All trace files, newest first."""
        found: list[tuple[int, Path]] = []
        for path in self.folder.glob("*.jsonl"):
            with suppress(FileNotFoundError):  # it went away meanwhile
                found.append((path.stat().st_mtime_ns, path))
        return [path for _, path in sorted(found, reverse=True)]


class JsonlWriter:
    """Appends events to one file; the only writer of it that there may be at a time.

    Args:
        path: Of the file.
        new: There must be none yet; `FileExistsError` is raised if there is.
    """

    def __init__(self, path: str | Path, *, new: bool = False) -> None:
        self.path = path
        self._file = os.open(path, _APPEND | os.O_EXCL if new else _APPEND, 0o666)
        self._closed = False
        self._waiting: list[bytes] = []  # lines, and the rest of one of which the system took a part
        self._pictures: dict[int, Event] = {}  # whose lines are not there yet: what they show has to be put beside the file first
        self._flushed = 0.0
        try:
            lock(self._file, path)
        except TraceError:
            os.close(self._file)
            raise

    def write(self, event: Event, line: bytes | None = None) -> None:
        line = line or encode_event(event)
        if len(line) > IMAGE_BYTES_INLINE and pictures_of(event):  # a shorter line holds none that has to go out
            self._pictures[len(self._waiting)] = event
            line = b""
        self._waiting.append(line)

    def flush(self) -> None:
        """Raises `TraceError` where the system does not take it, for instance when the disk is full; it is then kept for the next time."""
        waiting = self._waiting
        if not waiting:
            return
        try:
            if self._pictures:
                self._put_out()
            data = b"\n".join(waiting) + b"\n"
            while (written := os.write(self._file, data)) < len(data):  # the system may take a part only
                data = data[written:]
                waiting[:] = [data[:-1]]
        except OSError as error:
            raise _not_written(self.path, error) from error
        waiting.clear()

    def end_line(self) -> None:
        """Append what ends a line that was written without its end."""
        self._waiting.append(b"")
        self.flush()

    def _put_out(self) -> None:
        folder = Path(self.path).parent
        for at in list(self._pictures):
            self._waiting[at] = encode_event(put_out(self._pictures[at], folder))
            del self._pictures[at]

    def checkpoint(self, now: float) -> None:
        """Flush unless what is kept back is the work of less than `CHECKPOINT_SECONDS`."""
        if now - self._flushed >= CHECKPOINT_SECONDS:
            self._flushed = now
            self.flush()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                self.flush()
                if not os.fstat(self._file).st_nlink and not os.path.exists(self.path):
                    words = "%s was removed while a run was writing it: its trace is in the result alone, and result.trace.save(…) writes it anew"
                    logging.getLogger(__name__).warning(words, self.path)
            finally:
                unlock(self._file)
                os.close(self._file)
                self._file = -1  # the number may be another file's by now


def append_to(path: Path) -> JsonlWriter:
    """A writer that goes on after the last whole event; a torn last line is cut off first."""
    if not path.exists():
        raise FileNotFoundError(f"there is no trace at {path}")
    try:
        writer = JsonlWriter(path)
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        data = path.read_bytes()  # not before nobody else can write
        if data and not data.endswith(b"\n"):
            if Trace.from_jsonl(data, source=str(path)).torn is not None:
                os.truncate(path, data.rfind(b"\n") + 1)
            else:
                writer.end_line()
    except BaseException:
        writer.close()
        raise
    return writer


def _begun(path: str | Path) -> bool:
    """There is a run in it, or what is not ours. Not so where its writer was killed before the first line was whole: then nothing had been done."""
    with open(path, "rb") as file:
        line = file.readline()
    return line.endswith(b"\n") or not (line.startswith(_FIRST) or _FIRST.startswith(line))


def _file_name(run_id: str) -> str:
    if run_id.isascii() and run_id.replace("-", "").isalnum():  # as those that we make
        return run_id + ".jsonl"
    return quote(run_id, safe="/", errors="replace").replace("~", "%7E").replace("/", "~") + ".jsonl"


def _not_written(path: str | Path, error: OSError) -> TraceError:
    words = error.strerror or str(error)
    return TraceError(f"{path} cannot be written ({words}): make room or leave there, or give the agent another folder as store=")


# -------------------------------------------------------------------------------------------------------- whole traces


def save_trace(trace: Trace, path: Path) -> Path:
    """Write a whole trace, replacing what is there once all of it is written. Raises `TraceError` where that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        data = b"".join(encode_event(put_out(event, path.parent)) + b"\n" for event in trace)
        real = Path(os.path.realpath(path))
        if real.exists() and not real.is_file():  # a pipe, or /dev/stdout
            real.write_bytes(data)
            return path
        with held(real):
            replace_file(real, data)
    except OSError as error:
        raise _not_written(path, error) from error
    return path


def _refuse(words: str) -> None:
    raise TraceError(f"{words}. Trace.load(…) reads the trace as it is")


def load_trace(path: Path, lost: Callable[[str], object] = _refuse) -> Trace:
    """Read a trace with the images beside it.

    Args:
        path: Of the file.
        lost: Is told, in words, of images that are not there; the trace then has their SHA-256 in their place.

    Raises:
        TraceError: It is no trace, or cannot be read; and unless `lost` is given, an image of it is not there: who goes on would ask the
            model without it.
        FileNotFoundError: There is no such file.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no trace at {path}") from None
    except OSError as error:
        raise TraceError(f"{path} cannot be read ({error.strerror or error})") from error
    trace = Trace.from_jsonl(data, source=str(path))
    missing: dict[Path, None] = {}
    trace = Trace([brought_in(event, path.parent, missing) for event in trace], torn=trace.torn)
    if missing:
        first, *more = missing
        others = f", and {len(more)} more" if more else ""
        lost(
            f"{path}: the picture {first.name} is not beside it (looked for at {first}{others}): bring the folder '{FOLDER}' along with the trace. "
            "Without it the model would be shown something else than is on record"
        )
    return trace
