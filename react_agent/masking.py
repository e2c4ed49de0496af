"""Known secrets taken out of what people, models and tools say, before it becomes an event: so model, memory and file see the same."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import Literal, TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from react_agent.errors import BackendError
from react_agent.events import Event, Finished, Replied, Returned, Started
from react_agent.messages import Delta, Noun, Text, Thinking, clean
from react_agent.trace import encode_event

MASKED = "[secret]"
SHORTEST = 4  # what is shorter is a word, not a secret
PREFIX = 16  # characters by which the beginning of one is looked up
LONG = 1_000_000  # characters of an answer; what is longer is searched where it is: to write it would be to hold it twice
T = TypeVar("T")
Growing: TypeAlias = tuple[Literal["text", "thinking", "call", "restart"], int]  # what a piece is of: its kind, and which call
_encode = msgspec.json.Encoder().encode

# Fields that hold words of ours, identities and names, and never anybody's text.
_OURS = frozenset(
    {
        "kind",
        "type",
        "role",
        "status",
        "reading",
        "finish",
        "decision",
        "cause",
        "purpose",
        "run_id",
        "key",
        "format",
        "backend",
        "media_type",
        "data",  # of a picture, in base64: that some of it reads like a secret says nothing
    }
    | {"sha256", "request", "schema_version", "parent", "dialect", "repairs", "strategy", "policy", "limits", "settings"}
)


class Masker:
    """Replaces known secrets by ``[secret]`` in the texts of events and specs.

    Args:
        secrets: Their values.
        names: Of tools and of what they take, which stay as they are though a secret reads like one, or the tool could not be called.
    """

    def __init__(self, secrets: Sequence[str], names: Collection[str] = ()) -> None:
        self._names = frozenset(names)
        # without its blanks too: the end of the line that it was read from is hardly a part of it
        known = {form for secret in secrets for form in (secret, secret.strip()) if len(form) >= SHORTEST}
        known |= {
            json.dumps(secret, ensure_ascii=plain)[1:-1] for secret in known for plain in (True, False)
        }  # as it stands in a call's text
        self._secrets = sorted(known)
        self._shortest = min(map(len, known), default=0)
        self._longest = max(map(len, known), default=0)
        self._written = [_encode(clean(secret))[1:-1] for secret in self._secrets]  # as they stand in an event's line

    def __bool__(self) -> bool:
        return bool(self._secrets)

    @cached_property
    def _firsts(self) -> re.Pattern[str]:
        """Finds a character that a secret begins with."""
        return re.compile(f"[{re.escape(''.join({secret[0] for secret in self._secrets}))}]")

    @cached_property
    def _signs(self) -> re.Pattern[str]:
        """Finds what every text has in which one begins: its first two characters, or the first at the end."""
        begins = sorted({re.escape(secret[:2]) for secret in self._secrets} | {re.escape(secret[0]) + r"\Z" for secret in self._secrets})
        return re.compile("|".join(begins))

    @cached_property
    def _prefixes(self) -> frozenset[str]:
        return frozenset(secret[:end] for secret in self._secrets for end in range(1, min(PREFIX + 1, len(secret))))

    def text(self, text: str) -> str:
        """The text without the secrets, also where one runs into another."""
        for start, end in reversed(self.spans(text)):
            text = text[:start] + MASKED + text[end:]
        return text

    def spans(self, text: str) -> list[list[int]]:
        """Where secrets begin and end in it, one span for those that run into each other."""
        spans: list[list[int]] = []
        if len(text) < self._shortest:
            return spans
        for start, end in sorted(self._found(text)):
            if spans and start < spans[-1][1]:
                spans[-1][1] = max(end, spans[-1][1])
            else:
                spans.append([start, end])
        return spans

    def suspects(self, text: str) -> bool:
        """Whether one may begin in it; found out in a fraction of the time that finding it takes."""
        return self._signs.search(text) is not None

    def begun(self, text: str) -> int:
        """Where in it the first secret begins that its end cuts off; its length where there is none."""
        if not self._secrets:
            return len(text)
        for found in self._firsts.finditer(text, max(0, len(text) - self._longest + 1)):
            tail = text[found.start() :]
            if tail[:PREFIX] in self._prefixes and any(len(tail) < len(secret) and secret.startswith(tail) for secret in self._secrets):
                return found.start()
        return len(text)

    def error(self, error: BackendError) -> None:
        """Takes the secrets out of an error that is about to be shown; causes that hold any are let go."""
        error.args = self.masked(error.args)
        error.body, error.request_id = self.masked(error.body), self.masked(error.request_id)
        cause = error.__cause__ or error.__context__
        if cause is not None and self.text(str(cause)) != str(cause):
            error.__cause__ = error.__context__ = None

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        for secret in self._secrets:
            at = text.find(secret)
            while at >= 0:
                yield at, at + len(secret)
                at = text.find(secret, at + 1)

    def started(self, event: Started) -> Started:
        """The same for the first event, whose spec was masked when the agent was made."""
        line = _encode(event.task)
        for written in self._written:
            if written in line:
                return replace(event, task=self.masked(event.task))
        return event

    def event(self, event: Event) -> tuple[Event, bytes | None]:
        """The event, or one like it without the secrets; and its line, where that was written to be searched and stays as it is."""
        if type(event) is not Returned and _long(event):
            return self.masked(event), None
        try:
            line = encode_event(event)
        except (ValueError, TypeError):  # what cannot be written yet may hold one all the same
            return self.masked(event), None
        for written in self._written:
            if written in line:
                return self.masked(event), None
        return event, line

    def masked(self, value: T) -> T:
        """A value without the secrets; the same object where a text, a tuple or a noun holds none."""
        changed: object = value
        if isinstance(value, str):
            changed = value if value in self._names else self.text(value)
        elif isinstance(value, tuple):
            items = tuple([self.masked(item) for item in value])
            changed = value if all(a is b for a, b in zip(items, value, strict=True)) else items
        elif isinstance(value, list):
            changed = [self.masked(item) for item in value]
        elif isinstance(value, dict):
            changed = {self.masked(key): self.masked(item) for key, item in value.items()}
        elif isinstance(value, Noun):
            swap: dict[str, object] = {}
            for name in value.__struct_fields__:
                if name in _OURS:
                    continue
                before = getattr(value, name)
                after = self.masked(before)
                if after is not before:
                    swap[name] = after
            changed = replace(value, **swap) if swap else value
        return changed  # type: ignore[return-value]  # each branch gives back the type it was given


class Pieces:
    """The pieces of a streamed reply without the secrets, also where one is split over several.

    Of each kind and call, only an end that may be the beginning of a secret is held back: until it goes on or the reply ends; and one that is too short
    to tell anything, at most until something else is said.
    """

    __slots__ = ("_masker", "_now", "_tails")

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._tails: dict[Growing, _Tail] = {}
        self._now: Growing | None = None  # what was said last

    def of(self, delta: Delta) -> list[Delta]:
        """What may be shown now that this piece has come."""
        key = (delta.kind, delta.index)
        now, self._now = self._now, key
        tail = self._tails.get(key)
        if now == key and tail is not None and tail.free and delta.name is None and not self._masker.suspects(delta.text):
            return [delta]
        if delta.kind == "restart":  # what was held back is void, too
            self._tails.clear()
            return [delta]
        shown = self._rest(now) if now != key and now in self._tails and len(self._tails[now].text) < SHORTEST else []
        if tail is None:
            tail = self._tails[key] = _Tail()
        text = tail.text + delta.text
        held = self._masker.begun(text)
        words = tail.tell(text, self._masker.spans(text), held)
        tail.text, tail.told = text[held:], tail.told - held
        tail.free = not (tail.text or tail.masked)
        name = self._masker.masked(delta.name)
        if words == delta.text and name is delta.name:
            shown.append(delta)
        elif words or name:
            shown.append(replace(delta, text=words, name=name))
        return shown

    def rest(self) -> list[Delta]:
        """What was held back, now that the reply is whole."""
        return [piece for key in self._tails for piece in self._rest(key)]

    def _rest(self, key: Growing) -> list[Delta]:
        tail = self._tails[key]
        words = tail.tell(tail.text, self._masker.spans(tail.text), len(tail.text))
        return [Delta(key[0], words, index=key[1])] if words else []


class _Tail:
    """The end of what was said of one kind, as far as a secret may go on from there; `told`: how much of it was told, `masked`: as the end of a mask;
    `free`: there is nothing of either."""

    __slots__ = ("free", "masked", "text", "told")

    def __init__(self) -> None:
        self.text, self.told, self.masked, self.free = "", 0, False, False

    def tell(self, text: str, spans: list[list[int]], end: int) -> str:
        """What is to be told of this text up to `end`, with a mask for each secret that begins before it."""
        words: list[str] = []
        for start, stop in spans:
            if stop <= self.told:
                continue
            if start >= end:
                break
            if start >= self.told:
                words += (text[self.told : start], MASKED)
            elif not self.masked:
                words.append(MASKED)
            self.told, self.masked = stop, True
        if self.told < end:
            words.append(text[self.told : end])
            self.told, self.masked = end, False
        return "".join(words) if len(words) != 1 else words[0]


def _long(event: Event) -> bool:
    """An answer so long that it should not be copied."""
    if type(event) is Replied:
        return event.reply.reading != "act" and any(
            (type(part) is Text or type(part) is Thinking) and len(part.text) > LONG for part in event.reply.message.parts
        )
    return type(event) is Finished and event.answer is not None and len(event.answer) > LONG
