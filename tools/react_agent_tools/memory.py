"""`notes(path)`: what should be known beyond one run. ``remember``, ``recall``, ``forget``.

A note is a line of JSON in a file that people can read; lines are only ever added, so two processes may share it and a torn last line costs one
note. Without a path, notes last as long as the process.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from react_agent import ConfigError, ToolError, ToolRegistry, tool

MAX_CHARS = 4_000
MAX_NOTES = 10_000
_MAX_BYTES = 64 * 2**20
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Note:
    """What was noted, when (UTC, to the second), and about what."""

    id: str
    at: str
    topic: str
    text: str


def notes(path: str | Path | None = None, *, writable: bool = True) -> ToolRegistry:
    """Tools for a memory: ``recall``, and ``remember`` and ``forget`` if `writable`.

    Notes may have been written in an earlier run from what a web page said: they are no instructions, and a policy should treat them as it treats
    what they were made from.

    Args:
        path: File of the notes, made with the first; None keeps them in memory.
        writable: Notes can be added and struck out.

    Raises:
        ConfigError: The path is a folder.
    """
    kit = _Notes(None if path is None else Path(path).expanduser())
    registry = ToolRegistry([kit.recall])
    if writable:
        registry.register(kit.remember)
        registry.register(kit.forget)
    return registry


class _Notes:
    def __init__(self, path: Path | None) -> None:
        if path is not None and path.is_dir():
            raise ConfigError(f"{path} is a folder; name the file that the notes go to")
        self.path = path
        self.lines: list[str] = []
        self.lock = threading.Lock()

    @tool(examples=[{"text": "The user prefers metric units.", "topic": "preferences"}])
    def remember(self, text: str, topic: str = "") -> str:
        """Note something for later, also for later conversations.

        Args:
            text: What to remember, so that it can be understood by itself.
            topic: One or a few words to find it by.
        """
        if not text.strip() or len(text) > MAX_CHARS or len(topic) > 100:
            raise ToolError(f"a note has 1 to {MAX_CHARS:,} characters, and a topic up to 100")
        with self.lock:
            known = self._notes()
            if len(known) >= MAX_NOTES:
                raise ToolError(f"there are {MAX_NOTES:,} notes already; forget some that are no longer needed")
            name = next(name for name in iter(lambda: secrets.token_hex(3), None) if name not in known)
            note = Note(name, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), topic.strip(), text)
            self._append(asdict(note))
        return f"noted as {note.id}"

    @tool(read_only=True, idempotent=True, examples=[{"query": "units preference"}, {}])
    def recall(self, query: str = "", limit: int = 10) -> str:
        """Look up notes, those that fit best first; the newest ones without a query.

        Args:
            query: Words that the note or its topic may hold.
            limit: Most notes to give, up to 50.
        """
        with self.lock:
            known = list(self._notes().values())
        found = _ranked(known, query)[: max(1, min(limit, 50))]
        if not found:
            return f"no note fits {query[:100]!r} ({len(known)} notes in all)" if query.strip() else "there are no notes yet"
        return "\n".join(f"{note.id} ({note.at[:10]}{f', {note.topic}' if note.topic else ''}): {note.text}" for note in found)

    @tool(destructive=True, idempotent=True, examples=[{"id": "a1b2c3"}])
    def forget(self, id: str) -> str:  # noqa: A002 - the word that the notes are shown with
        """Strike out a note that is wrong or no longer needed.

        Args:
            id: As shown by recall.
        """
        with self.lock:
            if id not in self._notes():
                raise ToolError(f"there is no note {id[:40]!r}; recall shows the ids")
            self._append({"forget": id})
        return f"{id} is struck out"

    # --------------------------------------------------------------------------------------------------------- keeping

    def _append(self, entry: dict[str, str]) -> None:
        try:
            line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        except UnicodeEncodeError:
            raise ToolError("the note holds half of a character (a lone surrogate); leave it out") from None
        if self.path is None:
            self.lines.append(line.decode())
            return
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            with open(fd, "rb+", buffering=0) as file:
                _wait_for_others(fd)  # half of a line of theirs looks as if they had been killed in the middle of it
                if file.seek(0, os.SEEK_END) and _last_byte(fd) != b"\n":
                    line = b"\n" + line  # somebody was killed in the middle of a line
                if file.write(line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise ToolError(f"the note could not be written: {error.strerror}") from None

    def _notes(self) -> dict[str, Note]:
        known: dict[str, Note] = {}
        for line in self._read():
            with suppress(ValueError, TypeError, KeyError, RecursionError):  # a torn line, or what is no note
                entry = json.loads(line)
                if "forget" in entry:
                    known.pop(entry["forget"], None)
                else:
                    known[str(entry["id"])] = Note(*(str(entry[key]) for key in ("id", "at", "topic", "text")))
        return known

    def _read(self) -> list[str]:
        if self.path is None:
            return self.lines
        try:
            with self.path.open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ToolError(f"the notes could not be read: {error.strerror}") from None
        if len(data) > _MAX_BYTES:
            raise ToolError(f"the file of notes is larger than {_MAX_BYTES:,} bytes; somebody has to tidy it up")
        return data.decode("utf-8", "replace").split("\n")


def _wait_for_others(fd: int) -> None:
    """Be the only writer until the file is closed, where the system has such locks; without one, at worst an empty line too many is written."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover - no such locks on this system
        return
    fcntl.flock(fd, fcntl.LOCK_EX)


def _last_byte(fd: int) -> bytes:
    os.lseek(fd, -1, os.SEEK_END)
    return os.read(fd, 1)


def _ranked(known: list[Note], query: str) -> list[Note]:
    """Those that share most words with the query, newest first among equals. A word counts as found if one in the note begins with it."""
    wanted = set(_WORD.findall(query.casefold()[:1_000]))
    newest = known[::-1]
    if not wanted:
        return newest
    scores: list[tuple[int, Note]] = []
    for note in newest:
        words = set(_WORD.findall(f"{note.topic} {note.text}".casefold()))
        score = sum(word in words or (len(word) > 3 and any(other.startswith(word) for other in words)) for word in wanted)
        if score:
            scores.append((score, note))
    return [note for _, note in sorted(scores, key=lambda pair: -pair[0])]
