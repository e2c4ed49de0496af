"""Backends made of backends: the next one when one fails, the right one for the question, not too many at once. They mix leaves of any formats.

What they chose and why stands in the reply's route, and so in the trace.
"""

from __future__ import annotations

import inspect
import time
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from msgspec.structs import replace

from react_agent.backends.base import Backend, Listener
from react_agent.backends.names import resolve
from react_agent.backends.retry import Restarts
from react_agent.errors import BackendError, BackendTimeout, ConfigError
from react_agent.messages import Attempt, Chain, Head, MessageView, ModelReply, ModelRequest, Settings, Usage, system, user


@dataclass(frozen=True, slots=True)
class Chosen:
    """An expert's name, the reason for it, and what it took to find out."""

    expert: str
    reason: str = ""
    usage: Usage | None = None
    cost: float | None = None


Choice: TypeAlias = "str | tuple[str, str] | Chosen"
"""An expert's name, or its name and the reason for it."""
Gate: TypeAlias = Callable[[ModelRequest], "Choice | Awaitable[Choice]"]


class Fallback:
    """Asks each backend in turn until one replies. Each keeps its own retries; the time that is left goes to the next.

    Args:
        backends: Two or more, or names such as ``"openai:gpt-5"``; the preferred one first.
        on: Which errors lead to the next; by default all, since another provider may well take what one refuses (a key, a long prompt).

    Raises:
        BackendError: from ``reply``, the last one's, with what each of them said.
    """

    def __init__(self, *backends: Backend | str, on: tuple[type[BackendError], ...] = (BackendError,)) -> None:
        if not backends:
            raise ConfigError("Fallback needs at least one backend")
        self.backends = tuple(map(_usable, backends))
        self._on = on
        self._clock = time.monotonic

    @property
    def name(self) -> str:
        return f"fallback({', '.join(backend.name for backend in self.backends)})"

    @property
    def format_name(self) -> str:
        return _formats(self.backends)

    @property
    def secrets(self) -> tuple[str, ...]:
        return _secrets(self.backends)

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        start = self._clock()
        failed: list[Attempt] = []
        heard = Restarts(listen) if listen is not None else None
        for backend in self.backends:
            began = self._clock()
            left = None if timeout is None else timeout - (began - start)
            if left is not None and left <= 0:
                raise BackendTimeout(f"no reply within {timeout:g} s; " + _told(failed))
            if heard is not None:
                heard.begin()
            try:
                reply = await backend.reply(request, listen=heard, timeout=left)
                if not isinstance(reply, ModelReply):
                    raise BackendError(f"it gave back {type(reply).__name__}, not a ModelReply")  # one of the user's own
            except self._on as error:
                attempt = Attempt(
                    backend.name, f"{type(error).__name__}: {error}", "the next one was asked", round(self._clock() - began, 6)
                )
                failed.append(attempt)
                if len(failed) == len(self.backends):
                    error.args = (_told(failed),) if len(failed) > 1 else error.args
                    raise
                continue
            return replace(reply, route=(*failed, Attempt(backend.name), *reply.route)) if failed else reply
        raise AssertionError("unreachable: the loop replies or raises")

    async def aclose(self) -> None:
        await _close(self.backends)


class Router:
    """A gate picks one expert for each question: the mixture-of-experts idea, one level up.

    Args:
        experts: Backends, or names of models, by the names that the gate uses; the first is taken when the gate names none of them.
        gate: From a request to an expert's name, or to the name and the reason; sync or async. `by_model` makes one of a small model, whose
            tokens and dollars are counted with the reply's.
    """

    def __init__(self, experts: Mapping[str, Backend | str], gate: Gate) -> None:
        if not experts:
            raise ConfigError("Router needs at least one expert")
        self.experts = {name: _usable(expert) for name, expert in experts.items()}
        self._gate = gate

    @property
    def name(self) -> str:
        return f"router({', '.join(self.experts)})"

    @property
    def format_name(self) -> str:
        return _formats(self.experts.values())

    @property
    def secrets(self) -> tuple[str, ...]:
        return _secrets(self.experts.values())

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        began = time.monotonic()
        found = self._gate(request)
        choice = await found if inspect.isawaitable(found) else found
        made = _chosen(choice)
        chosen, reason = made.expert, made.reason
        if chosen not in self.experts:
            first = next(iter(self.experts))
            named = f"the gate named {chosen[:80]!r}, which is no expert" if chosen else reason or "the gate named no expert"
            chosen, reason = first, f"{named}; {first!r} is the first"
        seconds = time.monotonic() - began
        left = None if timeout is None else max(0.001, timeout - seconds)
        reply = await self.experts[chosen].reply(request, listen=listen, timeout=left)
        said = f"{chosen}: {reason}" if reason else chosen
        return replace(
            reply,
            usage=_both(made.usage, reply.usage),
            cost=_both(made.cost, reply.cost),
            route=(Attempt(self.experts[chosen].name, None, said, round(seconds, 6)), *reply.route),
        )

    async def aclose(self) -> None:
        await _close(self.experts.values())


def by_model(backend: Backend | str, experts: Mapping[str, str]) -> Gate:
    """A gate that asks a (small) model which expert fits the latest question; asked once for each question of a run.

    Args:
        backend: The model that decides; or its name.
        experts: What each expert is good at, in a few words, by name.
    """
    listing = "\n".join(f"- {name}: {good_at}" for name, good_at in experts.items())
    head = Head(settings=Settings(temperature=0.0, max_tokens=20))
    prompt = system(f"Choose who should answer. Reply with one name of this list and nothing else.\n{listing}")
    known: weakref.WeakKeyDictionary[Chain, tuple[str, str]] = weakref.WeakKeyDictionary()
    decider = _usable(backend)
    why = f"chosen by {decider.name}"

    async def gate(request: ModelRequest) -> Choice:
        question = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
        before = known.get(request.messages.chain)
        if before is not None and before[0] == question:
            return before[1], why
        try:
            reply = await decider.reply(ModelRequest(MessageView().extend(prompt, user(question[:4000])), head))
        except BackendError as error:
            return "", f"{decider.name} could not decide: {error}"  # the router then takes its first expert
        named = _named(reply.message.text, experts)
        known[request.messages.chain] = (question, named)
        return Chosen(named, why, reply.usage, reply.cost)

    return gate


def _chosen(choice: object) -> Chosen:
    """What a gate gave, in any of its forms; what is none of them names nobody."""
    match choice:
        case Chosen():
            return choice
        case str():
            return Chosen(choice)
        case (str(expert), str(reason)):
            return Chosen(expert, reason)
    return Chosen("", f"the gate gave {choice!r:.80}, and no name" if choice is not None else "")


def _named(said: str, experts: Iterable[str]) -> str:
    """The one expert that the words name; the words themselves where they name none or several."""
    plain = said.strip().strip("\"'`*.").casefold()
    exact = [name for name in experts if name.casefold() == plain]
    within = exact or [name for name in experts if name.casefold() in plain]
    return within[0] if len(within) == 1 else said.strip()


class RateLimited:
    """Holds requests back so that no more than so many a minute reach a backend, whoever asks and however many at once.

    Args:
        backend: Whom to ask; or a model's name.
        requests: Requests a minute.
        tokens: Tokens a minute, as the replies report them; they delay what comes after.
        burst: Requests that may go at once after a pause.
    """

    def __init__(self, backend: Backend | str, *, requests: float | None = None, tokens: float | None = None, burst: int = 1) -> None:
        if (requests is None and tokens is None) or any(limit is not None and limit <= 0 for limit in (requests, tokens)) or burst < 1:
            raise ConfigError("RateLimited needs requests= or tokens= a minute, above 0, and a burst of at least 1")
        self.backend = _usable(backend)
        self._each = 60.0 / requests if requests is not None else 0.0
        self._token = 60.0 / tokens if tokens is not None else 0.0
        self._burst = burst
        self._free = -float("inf")  # when the next request may go; reserved before waiting, so no lock is needed
        self._clock = time.monotonic
        self._sleep: Callable[[float], Awaitable[None]] | None = None

    @property
    def name(self) -> str:
        return self.backend.name

    @property
    def format_name(self) -> str:
        return self.backend.format_name

    @property
    def secrets(self) -> tuple[str, ...]:
        return _secrets((self.backend,))

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        now = self._clock()
        ready = max(self._free, now - self._each * (self._burst - 1))
        wait = max(0.0, ready - now)
        if timeout is not None and wait >= timeout:
            raise BackendTimeout(
                f"{self.name}: our own rate limit would hold the request back for {wait:.1f} s, and {timeout:g} s were allowed"
            )
        self._free = ready + self._each
        if wait:
            await self._pause(wait)
        reply = await self.backend.reply(request, listen=listen, timeout=None if timeout is None else timeout - wait)
        if self._token and reply.usage is not None:
            self._free = max(self._free, self._clock()) + reply.usage.total_tokens * self._token
        return (
            reply if not wait else replace(reply, route=(Attempt(self.name, None, f"held back {wait:.3f} s", round(wait, 6)), *reply.route))
        )

    async def _pause(self, seconds: float) -> None:
        if self._sleep is not None:
            await self._sleep(seconds)
            return
        import asyncio

        await asyncio.sleep(seconds)

    async def aclose(self) -> None:
        await self.backend.aclose()


def _usable(given: Backend | str) -> Backend:
    """The backend, or the one of that name. Raises `ConfigError` for what is neither."""
    if isinstance(given, str):
        return resolve(given)
    if not isinstance(given, Backend):
        raise ConfigError(
            f"what is combined are backends, each given by itself, or names such as 'openai:gpt-5'; not {type(given).__name__}"
        )
    return given


def _formats(backends: Iterable[Backend]) -> str:
    """The one format of all, or the formats in order."""
    return "+".join(dict.fromkeys(backend.format_name for backend in backends))


def _secrets(backends: Iterable[Backend]) -> tuple[str, ...]:
    """What is to be masked for any of them; a backend that has no secrets need not say so."""
    return tuple(dict.fromkeys(secret for backend in backends for secret in getattr(backend, "secrets", ())))


A = TypeVar("A", Usage, float)


def _both(one: A | None, other: A | None) -> A | None:
    """The sum of what is known."""
    return other if one is None else one if other is None else one + other


def _told(failed: Sequence[Attempt]) -> str:
    return "; ".join(f"{attempt.backend}: {attempt.error}" for attempt in failed)


async def _close(backends: Iterable[Backend]) -> None:
    for backend in backends:
        await backend.aclose()
