"""What a model is asked, and the digest that names a request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeAlias, overload

import msgspec
from msgspec.structs import force_setattr

from react_agent.messages.parts import JsonObject, Message, Noun, Text, Thinking, ToolCall
from react_agent.messages.tools import ToolSpec


class Settings(Noun, frozen=True):
    """How a model is asked. None leaves the server's own default.

    Attributes:
        temperature, top_p, seed: Sampling.
        max_tokens: Most tokens of one reply.
        stop: Further stop sequences, beside the format's.
        thinking: Reasoning effort: ``none``, ``minimal``, ``low``, ``medium``, ``high``; passed on where the API has such.
        extra: Further fields of the request's body, as the provider names them. A list of ``tools``, such as its web search, joins the agent's.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    thinking: str | None = None
    extra: JsonObject | None = None

    def __post_init__(self) -> None:
        for name in ("temperature", "top_p"):  # 0 and 0.0 are one, in a file and in a digest too
            if type(given := getattr(self, name)) is int:
                force_setattr(self, name, float(given))


class Chain:
    """An append-only run of messages with a running digest, and room for what others derived from its prefix.

    Only `MessageView.extend` appends. Views share one chain; a view that is not its newest copies before it grows, so no view ever
    sees another's messages.
    """

    __slots__ = ("__weakref__", "hashed", "hasher", "items", "memos")

    def __init__(self) -> None:
        self.items: list[Message] = []
        self.hasher = hashlib.blake2b(digest_size=12)
        self.hashed = 0  # how many messages it has taken in
        self.memos: dict[object, list[Any]] = {}  # whoever derives one thing per message says which; Any, since each has its own


class MessageView(Sequence[Message]):
    """The first `n` messages of a chain; immutable."""

    __slots__ = ("chain", "n")

    def __init__(self, chain: Chain | None = None, n: int = 0) -> None:
        self.chain = Chain() if chain is None else chain
        self.n = n

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, at: int) -> Message: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Message]: ...
    def __getitem__(self, at: int | slice) -> Message | Sequence[Message]:
        if isinstance(at, slice):
            return [self.chain.items[i] for i in range(*at.indices(self.n))]
        if not -self.n <= at < self.n:
            raise IndexError(at)
        return self.chain.items[at if at >= 0 else self.n + at]

    def __iter__(self) -> Iterator[Message]:
        items = self.chain.items
        return (items[i] for i in range(self.n))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MessageView) and other.chain is self.chain:
            return other.n == self.n
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # compared by content, like a list

    def __repr__(self) -> str:
        return f"MessageView({list(self)!r})"

    def extend(self, *messages: Message) -> MessageView:
        """A view with these messages after its own; in place where nobody else has grown the chain."""
        chain = self.chain
        items = chain.items
        if len(items) != self.n:
            chain = Chain()
            chain.items = items = items[: self.n]
        items += messages
        return MessageView(chain, len(items))

    def memo(self, key: object, derive: Callable[[Message, Message | None], Any]) -> list[Any]:
        """What `derive(message, the one before)` gives for each message, each computed once in the chain's life.

        The list may be longer than the view; only its first ``len(view)`` entries belong to it.
        """
        done = self.chain.memos.get(key)
        if done is None:
            done = self.chain.memos[key] = []
        items = self.chain.items
        for i in range(len(done), self.n):
            done.append(derive(items[i], items[i - 1] if i else None))
        return done

    def digest(self) -> str:
        """24 hex digits: BLAKE2b (RFC 7693) over what the messages say, a line each. Each message is taken in once in the chain's life."""
        chain = self.chain
        if chain.hashed > self.n:  # an older view than the last that was hashed
            chain = Chain()
            chain.items = self.chain.items
        if chain.hashed < self.n:
            chain.hasher.update(_encode_lines(list(map(_essence, chain.items[chain.hashed : self.n]))))
            chain.hashed = self.n
        return chain.hasher.hexdigest()


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | str  # or the name of the one tool to call


class Head(Noun, frozen=True):
    """What a model is told beside the messages; the same object for all requests of a run, so it is encoded and hashed once.

    Compared by content, but hashed by identity: what was derived for one head is looked up under the head itself.
    """

    tools: tuple[ToolSpec, ...] = ()
    settings: Settings = Settings()
    output_schema: JsonObject | None = None
    examples: tuple[tuple[Message, ...], ...] | None = None  # trajectories to learn from

    __hash__ = object.__hash__


class ModelRequest(Noun, frozen=True):
    """What a backend is asked: neutral, and an exact extension of the request before it."""

    messages: MessageView
    head: Head = Head()
    tool_choice: ToolChoice = "auto"

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self.head.tools

    @property
    def settings(self) -> Settings:
        return self.head.settings

    def digest(self) -> str:
        """32 hex digits that name this request: 24 of its messages, and 8 of what it says beside them."""
        return self.messages.digest() + _beside(self.head, self.tool_choice)


_encode_lines = msgspec.json.Encoder().encode_lines


def _essence(message: Message) -> object:
    """What a message says, for JSON: what digests are made of.

    Neutral: what an API gave beside a model's own words (`provider_data`) does not count.
    """
    if message.role != "assistant":
        return message
    said: list[object] = []
    for part in message.parts:
        if type(part) is ToolCall:
            said.append((part.name, part.arguments, part.complaint))
        elif type(part) is Text or type(part) is Thinking:
            said.append((part.type, part.text))
        else:
            said.append(part)
    return said


@lru_cache(256)  # by identity, since a run asks with one and the same head again and again
def _beside(head: Head, choice: ToolChoice) -> str:
    """8 hex digits: BLAKE2b over a head and a tool choice."""
    return hashlib.blake2b(msgspec.json.encode(head) + choice.encode(), digest_size=4).hexdigest()
