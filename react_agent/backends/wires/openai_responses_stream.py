"""OpenAI Responses as a stream: pieces for listeners and the whole reply out.

What is said stands in such a stream up to five times: in pieces, as a finished text, part and item, and in the response at the end. Servers leave out any
of them, so each is taken: the later one counts unless it says less (`base.fuller`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from react_agent.backends.sse import Event
from react_agent.backends.wires.base import END, Found, Pieces, arguments_text, fuller, loads, mapping, objects, text
from react_agent.backends.wires.wrong import incomplete
from react_agent.errors import BackendError
from react_agent.formats.base import RawReply
from react_agent.messages import Delta


class _Kind(NamedTuple):
    """What a piece is of: the type of its item, the field with the list that its part is in, the part's type and the part's own field."""

    item: str
    field: str
    part: str
    key: str
    heard: Literal["text", "thinking", "call"]


_KINDS = {
    "output_text": _Kind("message", "content", "output_text", "text", "text"),
    "refusal": _Kind("message", "content", "refusal", "refusal", "text"),
    "reasoning_summary_text": _Kind("reasoning", "summary", "summary_text", "text", "thinking"),
    "reasoning_text": _Kind("reasoning", "content", "reasoning_text", "text", "thinking"),
    "function_call_arguments": _Kind("function_call", "", "", "arguments", "call"),
}
_DELTAS = {f"response.{name}.delta": kind for name, kind in _KINDS.items()}
_TEXTS = {f"response.{name}.done": kind for name, kind in _KINDS.items()}
_PARTS = {kind.part: kind for kind in _KINDS.values() if kind.part}


class ResponsesWire(Protocol):
    """What the reader leaves to the wire: what the items mean once they are whole."""

    def sent(self, found: Found) -> BackendError: ...
    def reply(self, found: Found, items: Sequence[Found]) -> RawReply: ...


class ResponsesReader:
    """Puts one streamed response together."""

    __slots__ = (
        "_calls", "_item_grown", "_items", "_known", "_latest", "_mark", "_next", "_pieces", "_place", "_response", "_wire", "done",
    )  # fmt: skip

    def __init__(self, wire: ResponsesWire) -> None:
        self._wire = wire
        self.done = False
        self._latest = -1
        self._mark = 0
        self._items: list[_Item] = []
        self._known: dict[int | str, _Item] = {}
        self._next = 0  # place
        self._calls = 0
        self._place: tuple[object, ...] | None = None  # of the last piece
        self._pieces = Pieces()
        self._item_grown = _Item(0, 0)
        self._response: Found = {}

    def feed(self, event: Event) -> Sequence[Delta]:
        if event[1].strip() == END:
            return ()
        found = loads(event[1])
        if not isinstance(found, dict):
            return ()
        number = found.get("sequence_number")
        if isinstance(number, int):
            mark = hash(event[1])
            if number < self._latest or (number == self._latest and mark == self._mark):
                return ()  # heard before; there are servers with one number for all events
            self._latest, self._mark = number, mark
        name = text(found.get("type"))
        kind = _DELTAS.get(name)
        if kind is not None:
            return (self._piece(kind, found),)
        self._place = None
        match name:
            case "response.output_item.added" | "response.output_item.done":
                item = mapping(found.get("item"))
                self._item(text(item.get("type")), found, begins=True).take(item, ended=name.endswith("done"))
            case "response.content_part.done" | "response.reasoning_summary_part.done":
                part = mapping(found.get("part"))
                if (kind := _PARTS.get(text(part.get("type")))) is not None:
                    self._item(kind.item, found).told(kind, found, text(part.get(kind.key)))
            case "response.completed" | "response.incomplete":
                self.done, self._response = True, mapping(found.get("response"))
            case "response.failed" | "error":
                raise self._wire.sent(mapping(found.get("response")) or found)
            case _ if (kind := _TEXTS.get(name)) is not None:
                self._item(kind.item, found).told(kind, found, text(found.get(kind.key)))
        return ()

    def _item(self, kind: str, found: Found, *, begins: bool = False) -> _Item:
        """The item, of this type, that an event is about: by index, by id, else the last of its type that has not ended."""
        index, identity = found.get("output_index"), text(mapping(found.get("item")).get("id")) or text(found.get("item_id"))
        index = index if isinstance(index, int) else None
        item = self._known.get(index) if index is not None else None
        if item is None:
            item = self._known.get(f"id {identity}") or self._known.get(f"type {kind}")
            if item is not None and (item.ended or (index is not None and item.index is not None) or not item.may_be(identity)):
                item = None
        elif begins and item.ended and not item.is_named(identity):
            item = None  # there are gateways with one index for all
        if item is None:
            item = _Item(self._next, self._calls)
            self._items.append(item)
            self._calls += kind == "function_call"
        if index is not None and item.index is None:
            item.index = index
            item.place = index if index not in self._known else item.place
        self._next = max(self._next, item.place + 1)
        self._known[f"type {kind}"] = item
        if identity:
            self._known[f"id {identity}"] = item
        if index is not None:
            self._known[index] = item
        return item

    def _piece(self, kind: _Kind, found: Found) -> Delta:
        piece = found.get("delta")
        if not isinstance(piece, str):
            piece = ""
        get = found.get
        place = (kind.key, kind.part, get("output_index"), get("item_id"), get("content_index"), get("summary_index"))
        if place == self._place:
            self._pieces.add(piece)  # as most go on with the last
        else:
            self._item_grown = self._item(kind.item, found, begins=True)
            self._place, self._pieces = place, self._item_grown.grown(kind, found, piece)
        if kind.heard != "call":
            return Delta(kind.heard, piece)
        return Delta("call", piece, text(self._item_grown.found.get("name")) or None, self._item_grown.call)

    def finish(self) -> RawReply:
        if not self.done:
            incomplete("its end mark, the event response.completed")
        return self._wire.reply(self._response, self._whole())

    def _whole(self) -> list[Found]:
        """The items: those of the response at the end where it has as many, and of each what is fullest."""
        items = sorted(self._items, key=lambda item: item.place)
        told = objects(self._response.get("output"))
        if len(told) < len(items):
            return [found for item in items for found in item.whole({})]
        if len(told) == len(items):
            return [found for item, last in zip(items, told, strict=True) for found in item.whole(last)]
        known = {item.place: item for item in items}
        return [found for at, last in enumerate(told) for found in (known[at].whole(last) if at in known else [last])]


class _Item:
    """An item of the output while it comes in."""

    __slots__ = ("call", "ended", "found", "index", "place", "said")

    def __init__(self, place: int, call: int) -> None:
        self.place = place
        self.call = call  # which call it is, if it is one
        self.index: int | None = None
        self.ended = False
        self.found: Found = {}
        self.said: dict[tuple[_Kind, int], Pieces] = {}

    def is_named(self, identity: str) -> bool:
        return text(self.found.get("id")) == identity != ""

    def may_be(self, identity: str) -> bool:
        return not identity or not self.found.get("id") or self.is_named(identity)

    def grown(self, kind: _Kind, found: Found, piece: str) -> Pieces:
        """What the piece and those after it belong to."""
        pieces = self.said.setdefault((kind, _part(found)), Pieces())
        pieces.add(piece)
        return pieces

    def told(self, kind: _Kind, found: Found, whole: str) -> None:
        """All of one part once more."""
        at = (kind, _part(found))
        before = self.said.get(at)
        self.said[at] = Pieces(whole if before is None else fuller(whole, before.whole()))

    def take(self, found: Found, *, ended: bool) -> None:
        """The item itself, empty when it begins. What was said in pieces is let go where the ended one has it."""
        self.found, self.ended = found, self.ended or ended
        if ended:
            self._fill(found)

    def whole(self, last: Found) -> list[Found]:
        """The item, with what of it came in pieces alone. `last`: how it is told at the end."""
        found = self.found if self.ended or not last else last
        if not self.ended and not last:
            found.pop("status", None)  # that of an item which begins
        if found.get("type") == "function_call" and not self.ended and not last and not self.said:
            incomplete(f"the arguments of its call of {text(found.get('name'))!r}")
        self._fill(found)
        out = [found] if found.get("type") else []
        for kind in dict.fromkeys(
            kind.item for kind, _ in self.said
        ):  # of another type than the item: there are gateways with one index for all
            out.append({"type": kind})
            self._fill(out[-1])
        return out

    def _fill(self, found: Found) -> None:
        """Puts into the item what its pieces say, where it says less itself, and lets them go."""
        for kind in dict.fromkeys(kind for kind, _ in self.said if kind.item == found.get("type")):
            pieces = {at: self.said.pop((kind, at)).whole() for each, at in list(self.said) if each is kind}
            if kind.field:
                found[kind.field] = _filled(kind, found.get(kind.field), pieces)
            else:
                told = arguments_text(found.get(kind.key))
                found[kind.key] = fuller("" if told == "{}" else told, "".join(pieces.values()))


def _filled(kind: _Kind, told: object, pieces: Mapping[int, str]) -> list[Found]:
    """The parts of an item as they were told, with what pieces say of them and of others. Servers may number these otherwise than they stand."""
    parts = [{"type": kind.part, kind.key: told}] if isinstance(told, str) else objects(told)
    known = {text(part.get(kind.key)) for part in parts}
    more: list[Found] = []
    for at, words in sorted(pieces.items()):
        own = parts[at] if 0 <= at < len(parts) else {}
        if own.get("type") == kind.part:
            own[kind.key] = fuller(text(own.get(kind.key)), words)
        elif words not in known:
            more.append({"type": kind.part, kind.key: words})
    return [*parts, *more]


def _part(found: Found) -> int:
    """Which part of its item an event is about."""
    index = found.get("content_index", found.get("summary_index"))
    return index if isinstance(index, int) else 0
