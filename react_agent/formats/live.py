"""What a reply says while it is still coming: pieces of text, of thinking and of calls, told as soon as they are certain enough to be shown.

A machine goes over each character once, whatever the pieces are that it comes in, and holds back only what may be the beginning of a mark. So
what is told depends on the text alone and not on where it was cut. It tells what the marks say; what only the whole reply can show (prose that
was the answer after all, a call that stood in a fence) is set right by `stream.Hearing` when the reply is read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, Protocol, runtime_checkable

from react_agent.formats.scanner import SCRATCHPADS, SPOKEN_CHARS, THINK_PAIRS, TURN_ENDS, any_of, skip_space, spoken_of
from react_agent.messages import Delta

Kind = Literal["text", "thinking", "call"]
Zone = Literal["text", "thinking", "call", "header", "gap"]

REMEMBERED_CHARS = 500_000  # of what was told
HEADER_CHARS = 200  # of a message's header, as far as it is looked at


class Heard:
    """What was told of one kind: its words, but of very many only their number and a digest, so that a long reply is not held once more."""

    __slots__ = ("_digest", "_pieces", "length")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._digest: hashlib._Hash | None = None
        self.length = 0

    def __bool__(self) -> bool:
        return self.length > 0

    def add(self, piece: str) -> None:
        self.length += len(piece)
        if self._digest is not None:
            self._digest.update(piece.encode("utf-8", "surrogatepass"))
            return
        self._pieces.append(piece)
        if self.length > REMEMBERED_CHARS:
            self._digest = hashlib.sha256("".join(self._pieces).encode("utf-8", "surrogatepass"))
            self._pieces = []

    def words(self) -> str | None:
        """All of it; None where it was too long to be remembered."""
        return "".join(self._pieces) if self._digest is None else None

    def begins(self, text: str) -> bool:
        """The text begins with it."""
        if self._digest is None:
            return text.startswith("".join(self._pieces))
        found = hashlib.sha256()
        for at in range(0, self.length, 65_536):
            found.update(text[at : min(at + 65_536, self.length)].encode("utf-8", "surrogatepass"))
        return len(text) >= self.length and found.digest() == self._digest.digest()


class Voice:
    """Tells a listener the pieces of one reply, without the white space around each kind, and remembers them."""

    __slots__ = ("_blank", "_listen", "_new", "heard", "sent")

    def __init__(self, listen: Callable[[Delta], None]) -> None:
        self._listen = listen
        self._new = True  # a thought begins
        self.heard: dict[Kind, Heard] = {"text": Heard(), "thinking": Heard(), "call": Heard()}
        self.sent: set[str] = set()  # kinds that the API sent as what they are
        self._blank: dict[Kind, list[str]] = {"text": [], "thinking": [], "call": []}

    def say(self, kind: Kind, piece: str) -> None:
        """A further piece. White space is told when something follows it."""
        heard, blank = self.heard[kind], self._blank[kind]
        if not heard or (kind == "thinking" and self._new):
            piece = piece.lstrip()
        body = piece.rstrip()
        if not body:
            if heard and piece:
                blank.append(piece)
            return
        if kind == "thinking":
            self._new = False
        told = "".join([*blank, body]) if blank else body
        self._blank[kind] = [piece[len(body) :]] if len(body) < len(piece) else []
        heard.add(told)
        self._listen(Delta(kind, told))

    def next_thought(self) -> None:
        """What is thought next is another thought, which begins on a line of its own."""
        self._new = True
        self._blank["thinking"] = ["\n"] if self.heard["thinking"] else []

    def as_sent(self, delta: Delta) -> None:
        """A piece that the API sent as what it is."""
        if delta.kind != "restart":
            self.heard[delta.kind].add(delta.text)
            self.sent.add(delta.kind)
        self._listen(delta)

    def again(self) -> None:
        """What was heard is void, if anything was."""
        if any(self.heard.values()):
            self._listen(Delta("restart", ""))
        self.sent.clear()
        for kind in self.heard:
            self.heard[kind], self._blank[kind] = Heard(), []

    def all_thinking(self) -> None:
        """The text so far was thinking: the prompt's template had opened the block."""
        if not self.heard["text"]:
            return
        said, before = self.heard["text"].words(), self.heard["thinking"].words()
        self.again()
        if said is None or before is None:
            return  # it is told when the reply has been read
        self.say("thinking", before)
        self.next_thought()
        self.say("thinking", said)
        self.next_thought()


class Live(Protocol):
    """Follows the text of one reply."""

    def feed(self, piece: str, voice: Voice) -> None: ...

    def close(self, voice: Voice) -> None:
        """Tell what was held back: the text has ended."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """A format that can tell the pieces of a reply apart while it comes. Of another one the text is told as it is."""

    def live(self) -> Live: ...


class Marks:
    """Finds the first of some marks in a text that may still grow."""

    __slots__ = ("_firsts", "_longest", "_prefixes", "_search")

    def __init__(self, marks: Iterable[str]) -> None:
        known = set(marks)
        self._search = any_of(known)
        self._prefixes = frozenset(mark[:end] for mark in known for end in range(1, len(mark)))
        self._firsts = re.compile(f"[{re.escape(''.join({mark[0] for mark in known}))}]") if known else re.compile(r"(?!)")
        self._longest = max(map(len, known), default=1)

    def next(self, text: str, at: int) -> tuple[str, int, int]:
        """The mark, where it begins, where it ends; or "" and, twice, where the beginning of one may stand at the end of the text."""
        found = self._search.search(text, at)
        if found is not None and (len(text) - found.start() >= self._longest or text[found.start() :] not in self._prefixes):
            return found.group(), found.start(), found.end()
        begin = max(at, len(text) - self._longest + 1) if found is None else found.start()
        while (first := self._firsts.search(text, begin)) is not None:
            if text[first.start() :] in self._prefixes:
                return "", first.start(), first.start()
            begin = first.end()
        return "", len(text), len(text)


@lru_cache(64)
def marks_of(*marks: str) -> Marks:
    """Made once for all replies."""
    return Marks(marks)


_ENDS = ("<|end|>", "<|call|>", "<|return|>", "<|start|>", "<|channel|>")
_CLOSERS = frozenset(THINK_PAIRS.values())
_QUOTES = ("`", '"', "'")
_HEADERS = frozenset({"<|channel|>", "<|start|>"})


@dataclass(frozen=True, slots=True)
class Shape:
    """The marks of a dialect besides those of its calls.

    Attributes:
        thoughts: Pairs around thinking, beyond those that are always known.
        silent: No part of the text between which they stand.
        ends: Nothing more is said after them.
        bare: Characters with which a reply begins that is nothing but calls.
    """

    thoughts: Mapping[str, str] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    bare: str = ""


PLAIN = Shape()


class TagLive:
    """Marks that are never ordinary text: thinking blocks, calls, the messages of harmony.

    What follows the first of the marks `calls` is a call, and is told as it is written.
    """

    def __init__(self, calls: Iterable[str] = (), shape: Shape = PLAIN) -> None:
        self._pairs = {**SCRATCHPADS, **THINK_PAIRS, "<|channel>thought\n": "<channel|>", **shape.thoughts}
        self._silent = frozenset(shape.silent)
        self._over = frozenset((*TURN_ENDS, *shape.ends))
        self._marks = marks_of(*calls, *self._pairs, *_CLOSERS, *self._silent, *self._over, *_HEADERS, "<|message|>")
        self._zone: Zone = "text"
        self._closers = self._marks  # of the thinking block that is open
        self._header = ""
        self._held = ""
        self._before = ""  # what was held: the two characters by which a mark is seen to be only spoken of
        self._bare = shape.bare
        self._leads = True  # nothing was said yet but thinking
        self._recast = False

    def feed(self, piece: str, voice: Voice) -> None:
        text, at = self._before + self._held + piece, len(self._before)
        self._held, self._before = "", text[-2:]
        while at < len(text):
            if self._begins_bare(text, at):
                self._zone = "call"
            if self._zone == "call":
                return voice.say("call", text[at:])
            mark, start, end = (self._closers if self._zone == "thinking" else self._marks).next(text, at)
            self._say(text[at:start], voice)
            spoken = spoken_of(text, start, end) if mark else 0
            if not mark or (text[start - 1 : start] in _QUOTES and len(text) - end < SPOKEN_CHARS):
                self._held, self._before = text[start:], text[max(0, start - 2) : start]
                return None
            if spoken > 0 or (mark in SCRATCHPADS and not self._leads):
                self._say(text[start : spoken or end], voice)
                at = spoken or end
                continue
            at = end
            self._enter(mark, voice)
        return None

    def _begins_bare(self, text: str, at: int) -> bool:
        if not self._bare or self._zone != "text":
            return False
        begin = skip_space(text, at)
        return begin < len(text) and text[begin] in self._bare

    def _say(self, piece: str, voice: Voice) -> None:
        if self._zone == "text":
            if piece and not piece.isspace():
                self._bare, self._leads = "", False
            self._text(piece, voice)
        elif self._zone == "header":
            self._header = (self._header + piece)[-HEADER_CHARS:]
        elif self._zone != "gap":
            voice.say(self._zone, piece)

    def _text(self, piece: str, voice: Voice) -> None:
        """Text outside of any mark; subclasses look closer."""
        voice.say("text", piece)

    def _enter(self, mark: str, voice: Voice) -> None:
        if mark in _HEADERS or (self._zone == "thinking" and mark in _ENDS):
            self._zone = "header" if mark in _HEADERS else "gap"
            self._header = ""
        elif mark in self._pairs and self._zone != "thinking":
            voice.next_thought()
            self._zone, self._closers = "thinking", marks_of(self._pairs[mark])
        elif mark in self._pairs.values():
            if self._zone == "text" and not self._recast:
                self._recast = self._leads = True  # once: each costs as much as all that was said before
                self._opened_before(voice)
            self._zone = "text"
        elif mark in self._over:
            self._zone = "gap"
        elif mark == "<|message|>":
            self._message(voice)
        elif mark not in self._silent:
            self._zone = "call"

    def _opened_before(self, voice: Voice) -> None:
        voice.all_thinking()

    def _message(self, voice: Voice) -> None:
        """A message of harmony, by its header."""
        if "to=" in self._header:
            self._zone = "call"
        elif "analysis" in self._header:
            voice.next_thought()
            self._zone, self._closers = "thinking", marks_of(*_ENDS)
        else:
            self._zone = "text"

    def close(self, voice: Voice) -> None:
        held, self._held = self._held, ""
        self._say(held, voice)
