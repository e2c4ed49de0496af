"""The leaf: a backend made of a format, a wire and the HTTP room. Formats + wires, never formats x wires.

A message is lowered by the format and encoded by the wire once in its life (the chunks stay with the chain of messages), the rest of the body once for
all requests of a kind; a request's body is these pieces put together.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from msgspec.structs import replace

from react_agent.backends.base import Listener
from react_agent.backends.came import ANSWERED, MOST_BYTES, SilentStream, Stream, heard, identified, told, with_names
from react_agent.backends.given import (
    NO_KEYS,
    apart,
    key_from_environment,
    quoting,
    secrets_in,
    usable_format,
    usable_headers,
    usable_key,
    usable_url,
)
from react_agent.backends.guidance import LOOK_SECONDS, LOOKS, Look
from react_agent.backends.prepared import AS_OBJECT, Prepared
from react_agent.backends.prices import cost_of
from react_agent.backends.profiles import PROFILES, Profile, profile_named, profile_of
from react_agent.backends.retry import Retries, Timeouts, persist
from react_agent.backends.wires.base import Wire
from react_agent.backends.wires.openai_chat import OpenAIChat
from react_agent.backends.wires.wrong import refuses_tools
from react_agent.errors import BackendError, BackendProtocolError, BackendRejected, BackendTimeout, ContextOverflow
from react_agent.formats.base import Format, RawReply
from react_agent.formats.stream import Hearing
from react_agent.messages import Attempt, Delta, Head, ModelReply, ModelRequest, Part

if TYPE_CHECKING:
    from react_agent.backends.http import Answer, Client, Room

_HERE = ("localhost", "127.0.0.1", "::1")  # a server of one's own sends no bill
MOST_PAUSES = 10  # of one turn
_GRAMMAR_REFUSED = (400, 422)  # a server that does not know a field, or a keyword of a schema
_REFUSED = (*_GRAMMAR_REFUSED, 404, 500)  # OpenRouter's word for a model without some field; llama.cpp's for what a template refuses


def _deaf(delta: Delta) -> None:
    """Nobody listens."""


class LeafBackend:
    """Any wire with any format. `OpenAIChatBackend` and its siblings put the usual ones together.

    Args:
        wire: The provider's API.
        format: How this model writes its steps.
        name: For traces and people.
        base_url: What the wire's path is put behind.
        key: The provider's key; never shown, and masked in whatever the server says.
        headers: Further headers of every request.
        client: An ``httpx.AsyncClient`` or one of the same shape; closing it stays with the caller.
        timeout: Seconds of silence to bear, or all three `Timeouts`.
        retries: How often to try again.
        look: How the server is asked whether its model is better guided (`guidance`); with the format ``auto``.

    Attributes:
        secrets: What an agent masks in its traces: the key, and the values of headers that carry one. Not what stands for a key
            where a server wants none, nor what is so short that it may be a word.
    """

    def __init__(
        self,
        wire: Wire,
        format: Format,  # noqa: A002 - the field's term
        *,
        name: str,
        base_url: str,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        client: Client | None = None,
        timeout: float | Timeouts = 600.0,
        retries: int | Retries = 2,
        look: Look | None = None,
    ) -> None:
        self.wire = wire
        self.format = format
        self._name = name
        key = usable_key(key)
        self._base_url, basic = apart(base_url)
        self._headers = usable_headers({**basic, **(headers or {}), **wire.headers(key)})
        self._client = client
        self._timeouts = Timeouts.of(timeout)
        self._retries = retries if isinstance(retries, Retries) else Retries(retries)
        words = secrets_in(key, self._headers, base_url)
        self._quoted = quoting(words)
        self.secrets = tuple(word for word in words if len(word) >= 8 and word not in NO_KEYS)
        self._seller = "" if urlsplit(base_url).hostname in _HERE else name.partition(":")[0]
        self._prepared: dict[int, Prepared] = {}
        self._room: Room | None = None
        self._unheld = False  # the server has refused a grammar
        self._without: frozenset[str] = frozenset()  # what else it has refused
        self._format_name = format.name
        self._look = look if format.name == "auto" else None

    @property
    def name(self) -> str:
        return self._name

    @property
    def format_name(self) -> str:
        """The format that was asked for; with ``auto`` each reply says in which it was read."""
        return self._format_name

    def __getstate__(self) -> dict[str, object]:
        """A copy, and what is sent to another process, opens connections of its own."""
        return {**vars(self), "_room": None, "_prepared": {}}

    def __deepcopy__(self, memo: object) -> Self:
        return copy(self)  # all else is never changed, and a client that was given stays the same one

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, format={self._format_name!r})"

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        """The model's reply; tried again as `Retries` says. Streams when someone listens; a try that begins the stream anew is told as ``restart``.

        Where format and server agree on a grammar, the reply is held to it. A server that refuses the grammar is asked without, now and ever after;
        and so is one that refuses what can be left out (`prepared.REFUSALS`): the strictness of the tools' schemas, say, which may be too many or
        too large together.
        With the format ``auto``, a small model on a server of one's own is asked in a format that guides it (`guidance`), and one that takes no
        function calls (vLLM without a parser for them, a model of Ollama's without tools) in one that needs none.
        """
        began = monotonic()
        guided = None
        if self._look is not None and request.tools:
            guided = await self._guide(self._look, timeout)
            timeout = None if timeout is None else max(0.0, timeout - (monotonic() - began))
            began = monotonic()
        asked = self.format
        prepared = self._prepare(request.head)
        hearing = Hearing(asked, listen) if listen is not None else None
        try:
            raw, failed = await self._accepted(prepared, request, hearing, timeout)
        except BackendRejected as error:
            if (turned := self._without_calls(asked, request, error)) is None:
                raise
            timeout = None if timeout is None else max(0.0, timeout - (monotonic() - began))
            reply = await self.reply(request, listen=listen, timeout=timeout)
            return replace(reply, route=(turned, *reply.route))
        if request.tools and not failed:  # it was ready: what it has not told now, it will not tell
            self._look = None
        if raw.paused is not None:
            rest = None if timeout is None else timeout - (monotonic() - began)
            raw, failed = await self._go_on(raw, failed, request, hearing, rest)
        if prepared.renamed:
            raw = with_names(raw, prepared.renamed)
        self._price(raw)
        most = request.settings.max_tokens
        if self.wire.silent_cuts and raw.finish == "stop" and most and raw.usage is not None and raw.usage.output_tokens >= most:
            raw.finish = "length"  # it says "completed", and is exactly as long as it may be
        reply = asked.read(raw, request)
        if hearing is not None:
            hearing.settle(reply)
        if guided is not None:
            failed = (guided, *failed)
        return replace(reply, route=(*failed, *reply.route)) if failed else reply

    async def _accepted(
        self, prepared: Prepared, request: ModelRequest, hearing: Hearing | None, timeout: float | None
    ) -> tuple[RawReply, tuple[Attempt, ...]]:
        """The reply to the request, or to what of it the server accepts; that is remembered once it did."""
        began, stream = monotonic(), hearing is not None
        wanted = held = None if self._unheld else prepared.held(request)
        without = self._without
        given_up: tuple[Attempt, ...] = ()
        while True:
            rest = timeout if timeout is None or not given_up else max(0.0, timeout - (monotonic() - began))
            try:
                raw, failed = await self._ask(partial(prepared.body, request, held=held, without=without), hearing, rest)
            except BackendRejected as error:
                if error.status not in _REFUSED or isinstance(error, ContextOverflow):
                    raise
                named = prepared.refused(words := str(error), request, stream, held, without)
                if held is not None and named != AS_OBJECT and (error.status in _GRAMMAR_REFUSED or "response_format" in words):
                    refused, held = "a grammar", None
                elif named is not None:
                    refused, without = named, without | {named}
                else:
                    raise
                given_up = (*given_up, Attempt(self._name, words, f"asked again without {refused}"))
                continue
            if given_up:
                self._unheld, self._without = self._unheld or held != wanted, self._without | without
            return raw, (*given_up, *failed)

    async def _guide(self, look: Look, timeout: float | None) -> Attempt | None:
        """Asks the server, before its first request, whether its model is better guided; if so takes that format from here on, and says why."""
        before = self.format
        seconds = LOOK_SECONDS if timeout is None else min(timeout, LOOK_SECONDS)
        try:
            choice = await look(self._room or self._open(), self._base_url, self.wire.model, seconds)
        except BackendTimeout:
            choice = None  # nobody need wait for that again
        except BackendError:
            return None  # it is not there, or not ready: whoever asks next looks again
        self._look = None
        if choice is None or self.format is not before:  # a run at the same time has looked too
            return None
        name, why = choice
        self.format, self._prepared = usable_format(name), {}
        return Attempt(self._name, reason=f"asked in the format {name}: {why}")

    def _without_calls(self, asked: Format, request: ModelRequest, error: BackendRejected) -> Attempt | None:
        """Takes a format that needs no function calls from here on, where ``auto`` finds that this server takes none."""
        if asked.name != "auto" or not request.tools or not refuses_tools(str(error)):
            return None
        if self.format is asked:  # else a run at the same time was told so too
            self.format, self._prepared, self._look = usable_format("json_step"), {}, None
        return Attempt(self._name, str(error), f"asked again in the format {self.format.name}, which needs no function calls")

    async def _go_on(
        self, raw: RawReply, route: tuple[Attempt, ...], request: ModelRequest, hearing: Hearing | None, timeout: float | None
    ) -> tuple[RawReply, tuple[Attempt, ...]]:
        """Sends a paused turn back until it is over. What came in all is one reply, and each request of it is paid."""
        began = monotonic()
        prepared = self._prepare(request.head)
        self._price(raw)
        pauses = 0
        while raw.paused is not None:
            rest = None if timeout is None else timeout - (monotonic() - began)
            if rest is not None and rest <= 0:
                raise BackendTimeout(f"{self._name} paused its turn, and no time is left to let it go on")
            if pauses == MOST_PAUSES:
                raise BackendError(
                    f"{self._name} paused its turn {pauses + 1} times and did not end it: bound the use of its own tools (max_uses)"
                )
            pauses += 1
            route = (*route, Attempt(self._name, reason="the provider paused its turn and was asked to go on"))
            more, failed = await self._ask(partial(prepared.body, request, without=self._without, paused=raw), hearing, rest, raw.parts)
            self._price(more)
            usage = more.usage if raw.usage is None else raw.usage if more.usage is None else raw.usage + more.usage
            cost = None if raw.cost is None or more.cost is None else raw.cost + more.cost  # half a price is none
            paused = None if more.paused is None else {**raw.paused, **more.paused}
            raw, route = replace(more, parts=raw.parts + more.parts, usage=usage, cost=cost, paused=paused), (*route, *failed)
        return raw, route

    def _price(self, raw: RawReply) -> None:
        if raw.cost is None and raw.usage is not None and self._seller:
            raw.cost = cost_of(raw.usage, self._seller, raw.model, self.wire.model)

    async def _ask(
        self, body: Callable[[bool], bytes], hearing: Hearing | None, timeout: float | None, before: Sequence[Part] | None = None
    ) -> tuple[RawReply, tuple[Attempt, ...]]:
        """`body`: of a request that is streamed or not. `before`: the parts that a paused turn has already, and that a listener has heard."""
        room = self._room or self._open()
        first, stream = True, hearing is not None

        async def attempt(seconds: float | None) -> RawReply:
            nonlocal first, stream
            url = self._base_url + self.wire.path(stream=stream)
            try:
                if hearing is not None and (before is None or not first):
                    hearing.begin()
                    for delta in heard(before or ()):
                        hearing(delta)
                first = False
                if hearing is None or not stream:
                    return self._whole(await room.post(url, body(stream), seconds=seconds), hearing or _deaf)
                return await self._streamed(room, url, body(stream), seconds, hearing)
            except BackendError as error:
                stream = stream and not isinstance(error, SilentStream)
                raise self._masked(error) from None

        return await persist(attempt, self._retries, timeout, self._name)

    async def aclose(self) -> None:
        if self._room is not None:
            await self._room.aclose()

    # ----------------------------------------------------------------------------------------------------- asking

    def _prepare(self, head: Head) -> Prepared:
        known = self._prepared.get(id(head))
        if known is None or known.head is not head:
            if len(self._prepared) >= 64:
                self._prepared.clear()
            known = self._prepared[id(head)] = Prepared(self.wire, self.format, head)
        return known

    def _open(self) -> Room:
        from react_agent.backends.http import Room

        tls = not self._base_url.startswith("http:")
        proxied = tls or urlsplit(self._base_url).hostname not in _HERE
        self._room = Room(self._headers, client=self._client, timeouts=self._timeouts, most_bytes=MOST_BYTES, tls=tls, proxied=proxied)
        return self._room

    # ---------------------------------------------------------------------------------------------------- reading

    def _whole(self, answer: Answer, listen: Listener = _deaf) -> RawReply:
        """The reply in a body that came whole."""
        return identified(answer, lambda: self._raw(answer, listen))

    def _raw(self, answer: Answer, listen: Listener) -> RawReply:
        if answer.status in ANSWERED:
            return told(answer, self.wire, listen)
        body = bytes(answer.body)
        found = self.wire.salvage(answer.status, body)
        if found is None:
            raise self.wire.error(answer.status, answer.headers, body)
        return found

    async def _streamed(self, room: Room, url: str, body: bytes, seconds: float | None, listen: Listener) -> RawReply:
        stream = Stream(self.wire, listen)
        try:
            answer = await room.post(url, body, seconds=seconds, sink=stream.feed)
            if answer.streamed:
                return identified(answer, stream.finish)
        except BackendProtocolError as error:
            raise stream.failed(error) from None
        return self._whole(answer, listen)  # a server that does not stream or does not call it so, or an error

    def _masked(self, error: BackendError) -> BackendError:
        """The error without any secret in its words."""
        if self._quoted is not None:
            error.args = tuple(self._quoted.sub("***", arg) if isinstance(arg, str) else arg for arg in error.args)
            error.body = self._quoted.sub("***", error.body) if error.body else error.body
            error.request_id = self._quoted.sub("***", error.request_id) if error.request_id else error.request_id
        return error


class OpenAIChatBackend(LeafBackend):
    """Any server that speaks ``/v1/chat/completions``: OpenAI, and those in `react_agent.backends.profiles`.

    Args:
        model: The model's name as the server knows it.
        base_url: Such as ``http://localhost:8080/v1``; by default ``OPENAI_BASE_URL`` from the environment, then OpenAI's own.
        api_key: By default from the environment variable that the server's profile names. A server of one's own needs none.
        client: An ``httpx.AsyncClient``, or one of the same shape, that is used and not closed.
        format: ``auto`` (native calls, and those that a model wrote into its text), ``native``, ``react_text``…, or a `Format`.
        headers: Further headers of every request.
        timeout: Seconds of silence to bear, or all three `Timeouts`.
        max_retries: How often a failed request is tried again, or all of `Retries`.
        profile: What the server does differently; by default told from the base URL.

    Raises:
        ConfigError: No key where one is needed, a base URL that is none, or a time-out or number of tries that cannot be.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        client: Client | None = None,
        format: str | Format = "auto",  # noqa: A002 - the field's term
        headers: Mapping[str, str] | None = None,
        timeout: float | Timeouts = 600.0,
        max_retries: int | Retries = 2,
        profile: str | Profile | None = None,
    ) -> None:
        row = profile_named(profile) if profile is not None else None
        elsewhere = os.environ.get("OPENAI_BASE_URL") if base_url is None and row is None else None
        url = usable_url(base_url or elsewhere or (row or PROFILES["openai"]).base_url)
        row = row or profile_of(url)
        if elsewhere:
            api_key = api_key or os.environ.get("OPENAI_API_KEY")  # who sets both means them together
        super().__init__(
            OpenAIChat(model, row),
            usable_format(format),
            name=f"{apart(url)[0]}#{model}" if row.name == "compatible" else f"{row.name}:{model}",
            base_url=url,
            key=api_key or key_from_environment(row.name, row.key_env, row.key_needed),
            headers=headers,
            client=client,
            timeout=timeout,
            retries=max_retries,
            look=LOOKS.get(row.name),
        )
