"""What came back: a body that should be a reply, or a stream on its way to one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from react_agent.backends.base import Listener
from react_agent.backends.sse import NDJSONParser, Parser, SSEParser
from react_agent.backends.wires.base import Found, StreamReader, Wire, dumps, excerpt, loads, mapping, objects
from react_agent.backends.wires.wrong import request_id, too_large
from react_agent.errors import BackendError, BackendProtocolError
from react_agent.formats.base import RawReply
from react_agent.messages import Delta, Part, Text, Thinking, ToolCall

if TYPE_CHECKING:
    from react_agent.backends.http import Answer

ANSWERED = (200, 201, 203)  # statuses of a reply; the second is what some frameworks for gateways give to every POST
# How a stream begins, as no JSON does: with a field or a comment of an event, or with one JSON value a line.
_BEGINS = {"sse": re.compile(rb"(?:\xef\xbb\xbf)?\s*+(?:data|event|id|retry)?:"), "ndjson": re.compile(rb"\s*+\{.*\}\r?\n\s*\{")}
_BOM = b"\xef\xbb\xbf"
MOST_BYTES = 21_000_000  # of a reply: 20 MiB and what stands around them


class SilentStream(BackendProtocolError):
    """A stream of which nothing came. Some servers begin it before they look at the request: what is wrong with it they say where it is not streamed."""


class Stream:
    """A streamed body: bytes go in, a listener hears what they add, and at the end there is a reply.

    A gateway may send one JSON value, a reply or an error, or a web page, and call it a stream of events, in which no line begins as they do: it is
    read as what it is. So is a stream that comes as one JSON list, as Gemini's does where a proxy drops the query.
    """

    __slots__ = ("_begun", "_held", "_listen", "_parser", "_reader", "_start", "_whole", "_wire")

    def __init__(self, wire: Wire, listen: Listener) -> None:
        self._listen = listen
        self._wire = wire
        self._begun = wire.framing != "sse"  # each line is JSON there
        self._whole: bytearray | None = None
        self._reader = wire.reader()
        self._parser: Parser = SSEParser() if wire.framing == "sse" else NDJSONParser()
        self._held = 0
        self._start: bytes | None = b""  # of what came while no event has

    def feed(self, chunk: bytes) -> bool:
        """Takes a piece of the body; True when the reply is whole. Raises `BackendError`, also when more is said than `MOST_BYTES`."""
        reader, listen = self._reader, self._listen
        if not self._begun:
            start = ((self._start or b"") + chunk).removeprefix(_BOM).lstrip()
            self._begun = start != b"" and not _BOM.startswith(start)
            self._whole = bytearray() if self._begun and start[:1] in (b"{", b"[", b"<") else None
        if self._whole is not None:
            self._whole += chunk
            if len(self._whole) > MOST_BYTES:
                raise too_large(MOST_BYTES)
            return False
        events = self._parser.feed(chunk)
        if self._start is not None:
            self._start = None if events else (self._start + chunk)[:1000]
        for event in events:
            if reader.done:
                break
            said, size = 0, len(event[1])
            for delta in reader.feed(event):
                said += len(delta.text)
                listen(delta)
            self._held += said if size <= 600 + 6 * said else size  # what is kept of it: not the usual wrapping of some hundred bytes
        if self._held > MOST_BYTES:
            raise too_large(MOST_BYTES)
        return reader.done

    def failed(self, error: BackendProtocolError) -> BackendProtocolError:
        """The error that ended it, as a `SilentStream` where nothing came before and it can be tried again."""
        if self._whole is not None or self._start is None or not error.retryable:
            return error
        return SilentStream(f"{error}; nothing of it had come", status=error.status, request_id=error.request_id)

    def finish(self) -> RawReply:
        """The reply. Raises `BackendProtocolError` where it is not whole."""
        if self._whole is not None:
            if self._whole.removeprefix(_BOM).lstrip()[:1] == b"<":
                page = BackendProtocolError(f"the server sent a web page, not a reply; check base_url: {excerpt(self._whole, 200)}")
                page.retryable = False
                raise page
            found = loads(self._whole)
            return in_list(many, self._reader, self._listen) if (many := objects(found)) else self._wire.read(mapping(found))
        if not self._reader.done:
            events = self._parser.close()
            if not events and self._start and not (self._start.isspace() or _BEGINS["sse"].match(self._start)):
                words, self._start = excerpt(self._start), None
                raise BackendProtocolError(f"the server's reply is no stream of events: {words}")
            self._start = None if events else self._start
            for event in events:
                for delta in self._reader.feed(event):
                    self._listen(delta)
        return self._reader.finish()


def in_list(found: Sequence[Found], reader: StreamReader, listen: Listener) -> RawReply:
    """The reply of a stream that came as one list of what would have been its events."""
    for item in found:
        if reader.done:
            break
        for delta in reader.feed(("", dumps(item))):
            listen(delta)
    return reader.finish()


def told(answer: Answer, wire: Wire, listen: Listener) -> RawReply:
    """The reply in a body that was not poured: JSON; or a stream that nobody asked for, or that the server called JSON."""
    if not _BEGINS[wire.framing].match(answer.body):
        found = json_value(answer)
        return wire.read(found) if isinstance(found, dict) else in_list(found, wire.reader(), listen)
    stream = Stream(wire, listen)
    stream.feed(bytes(answer.body))
    return stream.finish()


def json_value(answer: Answer) -> Found | list[Found]:
    try:
        found = loads(answer.body)
    except BackendProtocolError:
        raise _no_json(answer) from None
    told = found if isinstance(found, dict) else objects(found)
    if not told and not isinstance(found, dict):
        raise BackendProtocolError(f"the server's reply is no JSON object: {excerpt(bytes(answer.body[:2000]))}", status=answer.status)
    return told


def _no_json(answer: Answer) -> BackendProtocolError:
    """Says what came instead: a web page, nothing, or broken JSON."""
    kind = answer.headers.get("content-type", "")
    start = bytes(answer.body[:2000])
    if not start.strip():
        words, final = "the server's reply is empty", False
    elif "html" in kind or start.lstrip()[:1] == b"<":
        words, final = f"the server sent a web page, not a reply; check base_url: {excerpt(start, 200)}", True
    elif "json" not in kind:
        words, final = f"the server's reply is of type {kind or 'unknown'!r} and no JSON; check base_url: {excerpt(start, 200)}", True
    else:
        words, final = f"the server's reply is broken JSON: {excerpt(start, 200)}", False
    error = BackendProtocolError(words, status=answer.status, request_id=request_id(answer.headers), body=start.decode("utf-8", "replace"))
    error.retryable = not final
    return error


def with_names(raw: RawReply, names: Mapping[str, str]) -> RawReply:
    """The reply with the tools' own names in place of those that the API could take."""
    parts: tuple[Any, ...] = tuple(
        replace(part, name=names[part.name]) if type(part) is ToolCall and part.name in names else part for part in raw.parts
    )
    return replace(raw, parts=parts)


def heard(parts: Sequence[Part]) -> list[Delta]:
    """What a listener hears of these parts; there are no calls among them."""
    return [
        Delta("thinking" if type(part) is Thinking else "text", part.text)
        for part in parts
        if (type(part) is Text or type(part) is Thinking) and part.text
    ]


def identified(answer: Answer, read: Callable[[], RawReply]) -> RawReply:
    """What `read` gives, or the error that it raises, with the provider's id of the exchange."""
    identity = request_id(answer.headers)
    try:
        raw = read()
    except BackendError as error:
        error.request_id = error.request_id or identity
        raise
    if identity is not None:
        raw.request_id = identity
    return raw
