"""Anthropic Messages as a stream: blocks that begin, grow and end; pieces for listeners and the whole reply out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from react_agent.backends.sse import Event
from react_agent.backends.wires.base import END, Found, Pieces, loads, mapping, objects, text
from react_agent.backends.wires.wrong import incomplete
from react_agent.errors import BackendError, BackendProtocolError
from react_agent.formats.base import RawReply
from react_agent.messages import Delta


class MessagesWire(Protocol):
    """What the reader leaves to the wire: what the blocks mean once they are whole."""

    def sent(self, found: Found) -> BackendError: ...
    def reply(self, found: Found, blocks: Sequence[Found]) -> RawReply: ...


class MessagesReader:
    """Puts the blocks of one streamed message together."""

    __slots__ = ("_at", "_blocks", "_calls", "_message", "_next", "_pieces", "_wire", "done")

    def __init__(self, wire: MessagesWire) -> None:
        self._wire = wire
        self.done = False
        self._message: Found = {}
        self._at: dict[
            int | None, int
        ] = {}  # where the block is kept that an index means now: there are gateways with one index for all, or none
        self._next = 0
        self._calls: dict[int, int] = {}  # which call the block there is
        self._blocks: dict[int, Found] = {}
        self._pieces: dict[tuple[int, str], Pieces] = {}

    def feed(self, event: Event) -> Sequence[Delta]:
        if event[1].strip() == END:
            return ()
        found = loads(event[1])
        if not isinstance(found, dict):
            return ()
        match found.get("type"):
            case "content_block_delta":
                return self._grow(found.get("index"), mapping(found.get("delta")))
            case "content_block_start":
                return self._open(found.get("index"), mapping(found.get("content_block")))
            case "message_start":
                self._message = dict(mapping(found.get("message")))
            case "message_delta":
                self._message.update({key: value for key, value in mapping(found.get("delta")).items() if value is not None})
                known = mapping(self._message.get("usage"))  # counts only grow: there are gateways that say 0 for what they said before
                usage = {key: value for key, value in mapping(found.get("usage")).items() if value or known.get(key) is None}
                self._message["usage"] = {**known, **usage}
            case "message_stop":
                self.done = True
            case "error":
                raise self._wire.sent(found)
        return ()

    def _open(self, index: object, block: Found) -> Sequence[Delta]:
        told = index if isinstance(index, int) else None
        at = self._at[told] = told if told is not None and told not in self._blocks else self._next
        self._next = max(self._next, at + 1)
        self._blocks[at] = dict(block)
        for field in ("text", "thinking"):
            begun = text(block.get(field))
            if begun:
                self._pieces[at, field] = Pieces(begun)
                return self._heard(at, field, begun)
        if block.get("type") != "tool_use":
            return ()
        self._calls[at] = len(self._calls)
        return (Delta("call", "", text(block.get("name")), self._calls[at]),)

    def _grow(self, told: object, delta: Found) -> Sequence[Delta]:
        index = self._at.get(told if isinstance(told, int) else None, told if isinstance(told, int) else 0)
        for field in ("text", "thinking", "partial_json", "signature"):
            piece = delta.get(field)
            if piece and isinstance(piece, str):
                known = self._pieces.get((index, field))
                if known is None:
                    self._pieces[index, field] = Pieces(piece)
                else:
                    known.add(piece)
                return self._heard(index, field, piece)
        if delta.get("citation"):
            self._blocks.setdefault(index, {"type": "text"}).setdefault("citations", []).append(delta["citation"])
        return ()

    def _heard(self, index: int, field: str, piece: str) -> Sequence[Delta]:
        if field == "text":
            return (Delta("text", piece),)
        if field == "thinking":
            return (Delta("thinking", piece),)
        block = self._blocks.get(index, {})
        if field == "partial_json" and index in self._calls:
            return (Delta("call", piece, text(block.get("name")), self._calls[index]),)
        return ()

    def finish(self) -> RawReply:
        if not self.done and not self._message.get("stop_reason"):
            incomplete("its end mark, the event message_stop")
        if not self._message:
            raise BackendProtocolError("the stream ended without a message: no reply came")
        blocks = [self._whole(index) for index in sorted({*self._blocks, *(at for at, _ in self._pieces)})]
        return self._wire.reply(
            self._message, blocks or objects(self._message.get("content"))
        )  # there are gateways that begin with all of it

    def _whole(self, index: int) -> Found:
        block = self._blocks.get(index, {"type": "text"})
        for field in ("text", "thinking", "signature"):
            if (index, field) in self._pieces:
                block[field] = self._pieces[index, field].whole()
        pieces = self._pieces.get((index, "partial_json"))
        said = pieces.whole() if pieces is not None else ""
        if said and block.get("type") == "tool_use":
            block["input"] = said
        elif said:
            with suppress(BackendProtocolError):  # the limit may have cut it, and then it is never sent back
                block["input"] = loads(said)  # of the provider's own tools: sent back as an object
        return block
