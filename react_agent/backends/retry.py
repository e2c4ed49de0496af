"""How long and how often we try: time-outs, what is tried again and when, what a server says about that itself, and what a listener is told.

The rules are those of the providers' own clients: 408, 409, 429, 5xx and lost connections are tried again after 0.5 s x 2^n (8 s at most,
less up to a quarter at random), ``x-should-retry`` decides where it is sent, and ``retry-after-ms`` and ``Retry-After`` (RFC 9110, section
10.2.3, seconds or a date) are obeyed up to 120 s; a longer wait is not worth waiting for. tenacity carries the policy out; it is loaded when a first
attempt failed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import TypeVar

from react_agent.errors import BackendError, BackendTimeout, ConfigError
from react_agent.messages import Attempt, Delta

T = TypeVar("T")
LONGEST_WAIT = 120.0


class Restarts:
    """A listener that is told when a stream begins anew: what it heard before is void."""

    __slots__ = ("_heard", "_listen")

    def __init__(self, listen: Callable[[Delta], None]) -> None:
        self._listen = listen
        self._heard = False

    def __call__(self, delta: Delta) -> None:
        self._heard = delta.kind != "restart"
        self._listen(delta)

    def begin(self) -> None:
        """A try begins; the first one, and one before which nothing was heard, needs no word."""
        if self._heard:
            self(Delta("restart", ""))


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; each bounds one attempt, and the `timeout` that a caller gives to ``reply`` bounds all attempts together.

    Attributes:
        connect: Until a connection stands.
        silence: Without a byte from the server, before the reply or within it.
        total: From first to last byte, however steadily they trickle.

    Raises:
        ConfigError: One of them is no number above 0.
    """

    connect: float = 10.0
    silence: float = 600.0
    total: float = 3600.0

    def __post_init__(self) -> None:
        for name in ("connect", "silence", "total"):
            _check("timeout", name, getattr(self, name), "a number of seconds above 0", lambda seconds: seconds > 0)

    @classmethod
    def of(cls, given: float | Timeouts) -> Timeouts:
        """These, or those of a backend that bears so many seconds of silence. Raises `ConfigError`."""
        if isinstance(given, Timeouts):
            return given
        made = cls(silence=given)
        return replace(made, total=max(made.silence, made.total))


@dataclass(frozen=True, slots=True)
class Retries:
    """How often to try again, and the clock to do it by (exchanged in tests, which never sleep).

    Attributes:
        most: Tries after the first.
        first, longest: Seconds of the first pause and of the longest; pauses double.
        sleep: Waits for so many seconds; None is ``asyncio.sleep``.
        clock: Seconds that only grow.
        chance: A number in [0, 1).

    Raises:
        ConfigError: A number of tries or seconds is below 0, or is none.
    """

    most: int = 2
    first: float = 0.5
    longest: float = 8.0
    sleep: Callable[[float], Awaitable[None]] | None = field(default=None, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    chance: Callable[[], float] = field(default=random.random, repr=False)

    def __post_init__(self) -> None:
        _check("max_retries", "most", self.most, "a whole number from 0 on", lambda most: isinstance(most, int) and most >= 0)
        for name in ("first", "longest"):
            _check("max_retries", name, getattr(self, name), "a number of seconds from 0 on", lambda seconds: seconds >= 0)

    def pause(self, tried: int, error: BaseException | None) -> float:
        """Seconds to wait after the `tried`-th attempt, counted from 1."""
        asked = error.retry_after if isinstance(error, BackendError) else None
        if asked is not None and asked > 0:
            return asked
        pause: float = min(self.first * 2 ** (tried - 1), self.longest)
        return pause * (1 - 0.25 * self.chance())


def _check(option: str, name: str, given: object, wanted: str, fits: Callable[[float], bool]) -> None:
    """Raise `ConfigError`: in a run it would look as if the server were lost, or never be tried."""
    if not (isinstance(given, int | float) and fits(given)):
        raise ConfigError(f"{option}: {name} is {given!r}; it is {wanted}")


def retry_after(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Seconds that a server asks to wait, from ``retry-after-ms`` or ``Retry-After`` in either form; None where it says nothing that can be read.

    Header names are in lower case or `headers` does not care.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("retry-after")
    if said is None:
        return None
    seconds = _number(said)
    if seconds is not None:
        return seconds
    from email.utils import parsedate_to_datetime  # 5 ms to import, and hardly ever needed

    try:
        when = parsedate_to_datetime(said)
        when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)  # the form of C's asctime names no zone, and means this one
        return max(0.0, when.timestamp() - now())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < float("inf") else None


async def persist(
    attempt: Callable[[float | None], Awaitable[T]], policy: Retries, timeout: float | None, name: str
) -> tuple[T, tuple[Attempt, ...]]:
    """What `attempt(seconds left)` gives at last, and the attempts that failed before it.

    Raises the last `BackendError` when trying again is of no use, not allowed any more, or would take longer than `timeout`.
    """
    clock = policy.clock
    start = clock()
    try:
        return await attempt(timeout), ()
    except BackendError as error:
        if not error.retryable or policy.most < 1:
            raise
        return await _again(attempt, policy, (start, timeout), (name, error))


async def _again(
    attempt: Callable[[float | None], Awaitable[T]],
    policy: Retries,
    limit: tuple[float, float | None],
    first: tuple[str, BackendError],
) -> tuple[T, tuple[Attempt, ...]]:
    """The attempts after a first one that failed, by tenacity. The first failure is played to it as attempt 1."""
    import tenacity

    clock, (start, timeout), (name, lost) = policy.clock, limit, first
    failed: list[Attempt] = []
    pauses: dict[int, float] = {}
    began = start

    async def once() -> T:
        nonlocal began
        if not failed:
            raise lost
        began = clock()
        left = None if timeout is None else timeout - (began - start)
        if left is not None and left <= 0:
            raise _out_of_time(timeout)
        return await attempt(left)

    def wait(state: tenacity.RetryCallState) -> float:
        tried = state.attempt_number
        if tried not in pauses:  # asked for twice, and partly chance
            pauses[tried] = policy.pause(tried, state.outcome.exception() if state.outcome else None)
        return pauses[tried]

    def hopeless(state: tenacity.RetryCallState) -> bool:
        pause = wait(state)
        return state.attempt_number > policy.most or pause > LONGEST_WAIT or (timeout is not None and clock() - start + pause >= timeout)

    def note(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        failed.append(Attempt(name, f"{type(error).__name__}: {error}", "tried again", round(clock() - began, 6)))

    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, BackendError) and error.retryable),
        stop=hopeless,
        wait=wait,
        before_sleep=note,
        sleep=policy.sleep or _asyncio_sleep,
        reraise=True,
    )
    try:
        return await retrying(once), tuple(failed)
    except BackendError as error:
        raise _told(error, len(failed) + 1, timeout) from None


async def _asyncio_sleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


def _out_of_time(timeout: float | None) -> BackendTimeout:
    return BackendTimeout(f"no reply within the {timeout:g} s that were allowed for it")


def _told(error: BackendError, tries: int, timeout: float | None) -> BackendError:
    """The error that ends the trying, with how often it was tried and why no longer."""
    words = f" (tried {tries} times)" if tries > 1 else ""
    asked = error.retry_after
    if error.retryable and asked is not None and asked > LONGEST_WAIT:
        words += f" (not tried again: the server asks to wait {asked:.0f} s, and more than {LONGEST_WAIT:.0f} s is not waited)"
    elif error.retryable and timeout is not None and asked is not None and asked >= timeout:
        words += f" (not tried again: the server asks to wait {asked:g} s, and {round(timeout, 2):g} s were allowed in all)"
    if not words:
        return error
    said = type(error)(f"{error}{words}", status=error.status, request_id=error.request_id, retry_after=asked, body=error.body)
    said.retryable = error.retryable
    return said
