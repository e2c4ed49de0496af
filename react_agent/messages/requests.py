"""What a model is asked, and the digest that names a request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeAlias, overload

import msgspec
from msgspec.structs import force_setattr

from react_agent.messages.parts import Image, JsonObject, Message, Noun, Text, ToolCall, ToolResult
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
        self.hasher = hashlib.blake2b(digest_size=16)
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
        if len(chain.items) != self.n:
            chain = Chain()
            chain.items = self.chain.items[: self.n]
        chain.items.extend(messages)
        return MessageView(chain, self.n + len(messages))

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

    def hasher(self) -> hashlib.blake2b:
        """BLAKE2b over what the messages say, a line each; a copy to go on with. Each message is taken in once in the chain's life."""
        chain = self.chain
        if chain.hashed > self.n:  # an older view than the last that was hashed
            chain = Chain()
            chain.items = self.chain.items
        if chain.hashed < self.n:
            chain.hasher.update(_encode_lines([_essence(message) for message in chain.items[chain.hashed : self.n]]))
            chain.hashed = self.n
        return chain.hasher.copy()


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | str  # or the name of the one tool to call


class Head(Noun, frozen=True):
    """What a model is told beside the messages; the same object for all requests of a run, so it is encoded and hashed once.

    Compared by content, but hashed by identity: what was derived for one head is looked up under the head itself.
    """

    tools: tuple[ToolSpec, ...] = ()
    settings: Settings = Settings()
    output_schema: JsonObject | None = None
    examples: tuple[tuple[Message, ...], ...] | None = None  # trajectories to learn from; None and not (), so that old digests stay

    def __hash__(self) -> int:
        return id(self) >> 4


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
        """32 hex digits that name this request: BLAKE2b (RFC 7693) over its messages, its head and its tool choice."""
        hasher = self.messages.hasher()
        hasher.update(_head_digest(self.head) + self.tool_choice.encode())
        return hasher.hexdigest()


_encode_lines = msgspec.json.Encoder().encode_lines


def _essence(message: Message) -> list[object]:
    """What a message says, as lists for JSON: what digests are made of.

    Neutral: what only one API gave (`provider_data`) does not count.
    """
    said: list[object] = [message.role]
    for part in message.parts:
        if isinstance(part, ToolCall):
            said.append(("call", part.name, part.arguments, part.complaint))
        elif isinstance(part, ToolResult):
            content = [one.text if isinstance(one, Text) else _picture(one) for one in part.content]
            said.append(("result", part.name, part.status, content))
        elif isinstance(part, Image):
            said.append(_picture(part))
        else:
            said.append((part.type, part.text))
    return said


def _picture(part: Image) -> tuple[str | None, ...]:
    return ("image", part.media_type, part.data, part.url, part.sha256)


_head_digests: dict[int, tuple[Head, bytes]] = {}


def _head_digest(head: Head) -> bytes:
    """BLAKE2b of a head; remembered by identity, since a run asks with one and the same head again and again."""
    known = _head_digests.get(id(head))
    if known is not None and known[0] is head:
        return known[1]
    digest = hashlib.blake2b(msgspec.json.encode(head), digest_size=16).digest()
    if len(_head_digests) >= 256:
        _head_digests.clear()
    _head_digests[id(head)] = (head, digest)
    return digest
