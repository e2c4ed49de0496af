"""How a stream of bytes becomes events: server-sent events, and one JSON value a line. No input or output happens here.

Server-sent events as the WHATWG HTML standard has them (section 9.2.6): lines end with LF, CRLF or CR, a chunk may end anywhere (within a
character, or between CR and LF), a colon begins a comment, several ``data`` lines of one event are joined by LF. Beyond the standard, the
last event counts even without the empty line after it, since HTTP itself tells whether the body is whole; and an event whose data are blank is
none: gateways keep connections alive with them.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

from react_agent.errors import BackendProtocolError

Event: TypeAlias = tuple[str, bytes]
"""The event's name, ``""`` where it has none, and its data."""

LINE_LIMIT = 16_000_000  # bytes; a picture within an event may be some megabytes


class Parser(Protocol):
    """Takes bytes as they come and gives back the events that they complete."""

    def feed(self, chunk: bytes) -> list[Event]: ...
    def close(self) -> list[Event]:
        """What was left over when the stream ended."""
        ...


class LineParser:
    """Cuts chunks into lines without their ends. Raises `BackendProtocolError` for a line longer than `limit` bytes."""

    __slots__ = ("_after_cr", "_held", "_pending", "limit")

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self.limit = limit
        self._pending: list[bytes] = []  # pieces of a line that has not ended; joined once, however small they are
        self._held = 0
        self._after_cr = False

    def lines(self, chunk: bytes) -> list[bytes]:
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk[0] == 10:  # the LF of a CRLF that the chunks tore apart
                chunk = chunk[1:]
        if b"\r" in chunk:
            self._after_cr = chunk[-1] == 13
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines and self._pending:
            lines[0] = b"".join(self._pending) + lines[0]
            self._pending.clear()
            self._held = 0
        if rest:
            self._pending.append(rest)
            self._held += len(rest)
            if self._held > self.limit:
                error = BackendProtocolError(f"the stream holds a line of more than {self.limit:,} bytes; it was given up")
                error.retryable = False
                raise error
        return lines

    def rest(self) -> list[bytes]:
        """The line that had no end, if any."""
        rest = b"".join(self._pending)
        self._pending.clear()
        return [rest] if rest else []


class SSEParser:
    """Server-sent events. The fields ``id`` and ``retry`` mean nothing to us and are passed over."""

    __slots__ = ("_data", "_first", "_lines", "_name")

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._lines = LineParser(limit)
        self._data: list[bytes] = []
        self._name = ""
        self._first = True

    def feed(self, chunk: bytes) -> list[Event]:
        return self._take(self._lines.lines(chunk))

    def close(self) -> list[Event]:
        return self._take([*self._lines.rest(), b""])

    def _take(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        data = self._data
        for line in lines:
            if self._first:
                self._first = False
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line:
                if data:
                    said = data[0] if len(data) == 1 else b"\n".join(data)
                    if said and not said.isspace():
                        events.append((self._name, said))
                    data.clear()
                self._name = ""
            elif line.startswith(b"data:"):
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line.startswith(b"event:"):
                self._name = line[6:].strip().decode("utf-8", "replace")
            elif line == b"data":
                data.append(b"")
        return events


class NDJSONParser:
    """One JSON value a line, as Ollama streams; empty lines mean nothing."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines = LineParser()

    def feed(self, chunk: bytes) -> list[Event]:
        return [("", line) for line in self._lines.lines(chunk) if line.strip()]

    def close(self) -> list[Event]:
        return [("", line) for line in self._lines.rest() if line.strip()]
