"""A deterministic model for tests and demos: it plays a script, and misbehaves on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import JsonValue
from pydantic_core import to_json

from react_agent.backends.base import Listener
from react_agent.errors import BackendError, Diverged, FormatError, ScriptError
from react_agent.formats import get_format
from react_agent.formats.base import Format, RawReply
from react_agent.formats.stream import Hearing
from react_agent.messages import Act, Answer, Delta, Finish, ModelReply, ModelRequest, Part, Reading, Text, Thinking, ToolCall, Usage


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """A call that a script makes; `call` builds it."""

    name: str
    arguments: dict[str, JsonValue]
    thought: str = ""


@dataclass(frozen=True, slots=True)
class Raw:
    """Exactly this text from the model, for what no well-behaved model would write.

    Attributes:
        text: As the model writes it.
        finish: ``length`` for a reply that was cut off, ``refused`` for a refusal.
        calls: Native calls beside it, as (name, arguments as text); or as a `ToolCall` with ``raw=``, whose ``provider_data`` holds what a
            provider sends along, such as the same id twice: ``{"api": "openai-chat/openai", "id": "call_1"}``.
        refusal: The provider's words of a refusal.
    """

    text: str = ""
    finish: Finish = "stop"
    calls: tuple[tuple[str, str] | ToolCall, ...] = ()
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Hang:
    """Never reply."""


ScriptItem: TypeAlias = "str | ScriptedCall | Sequence[ScriptedCall] | Raw | Hang | BackendError | Callable[[ModelRequest], ScriptItem]"


def call(name: str, /, *, thought: str = "", **arguments: JsonValue) -> ScriptedCall:
    """A tool call in a script: ``call("population", city="Paris")``. A parameter named ``thought`` goes through `ScriptedCall` itself."""
    return ScriptedCall(name, arguments, thought)


def truncated(item: ScriptedCall, keep: int) -> Raw:
    """The call as a native reply whose arguments end after `keep` characters, cut by the token limit."""
    return Raw(finish="length", calls=((item.name, to_json(item.arguments).decode()[:keep]),))


class MockBackend:
    """Plays a script: each item is one reply.

    An item is a string (the answer), a `call` or a list of calls (run side by side), a `Raw` reply, a `Hang`, a `BackendError` to be raised,
    or a function of the request that gives one of these, or raises a `BackendError`.

    Args:
        script: The replies, in order.
        format: ``native`` or any text format: then each item is written in that dialect and read back, so the format is tried too.
        repeat: Begin the script again when it is used up, and never complain.
        usage: Reported for each reply.
        name: For the trace.

    Raises:
        ScriptError: At once, when the script is a single reply; by `reply`, when asked for more than the script holds, for a reply that the format
            cannot write, or where a function of the script raises anything but a `BackendError`; by `check`, when some of it was never asked
            for. An agent's ``run`` lets it through: it is the test that is wrong.
    """

    def __init__(
        self,
        script: Iterable[ScriptItem],
        *,
        format: str | Format = "native",  # noqa: A002 - the word that the whole library uses
        repeat: bool = False,
        usage: Usage | None = None,
        name: str = "mock",
    ) -> None:
        if isinstance(script, (str, ScriptedCall)):
            raise ScriptError(f"a script is a list of replies; write MockBackend([{script!r}])")
        self.script = list(script)
        self.requests: list[ModelRequest] = []
        self._format = get_format(format) if isinstance(format, str) else format
        self._repeat = repeat
        self._usage = usage
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def format_name(self) -> str:
        return self._format.name

    def __repr__(self) -> str:
        return f"MockBackend({len(self.script)} replies, {len(self.requests)} asked for)"

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        number = len(self.requests)
        if number >= len(self.script) and not (self._repeat and self.script):
            raise ScriptError(
                f"the mock was asked for reply {number + 1}, but its script holds {len(self.script)}. "
                f"The last message it was shown: {_excerpt(request)}. Add the reply that should come next, or mend what asked for it."
            )
        self.requests.append(request)
        item = self.script[number % len(self.script)]
        while callable(item):
            item = _asked(item, request, number)
        if isinstance(item, BackendError):
            raise item
        if isinstance(item, Hang):
            await asyncio.Event().wait()
        raw = self._raw(item, number)
        reply = self._format.read(raw, request)
        if listen is not None:
            hearing = Hearing(self._format, listen)
            _stream(raw, hearing)
            hearing.settle(reply)
        return reply

    def check(self) -> None:
        """Raise `ScriptError` when some of the script was never asked for."""
        left = len(self.script) - len(self.requests)
        if left > 0:
            raise ScriptError(
                f"{left} of the mock's {len(self.script)} replies were never asked for; the next would be {self.script[-left]!r}"
            )

    def __enter__(self) -> MockBackend:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None:
            self.check()

    async def aclose(self) -> None:
        return None

    def _raw(self, item: str | ScriptedCall | Sequence[ScriptedCall] | Raw | Hang, number: int) -> RawReply:
        if isinstance(item, Raw):
            parts: list[Part] = [Text(item.text)] if item.text else []
            parts += [one if isinstance(one, ToolCall) else ToolCall(one[0], raw=one[1]) for one in item.calls]
            return RawReply(tuple(parts), item.finish, self._usage, self._name, refusal=item.refusal)
        try:
            written = _native_parts(item) if self._format.native else (Text(self._format.write(_reading(item))),)
        except (FormatError, ValueError, TypeError) as error:
            raise ScriptError(
                f"reply {number + 1} of the mock's script, {item!r}, cannot be written in the format '{self.format_name}': {error}. "
                "Mend it, or give what no well-behaved model would write as Raw(…)."
            ) from error
        return RawReply(written, "stop", self._usage, self._name)


def _asked(function: Callable[[ModelRequest], ScriptItem], request: ModelRequest, number: int) -> ScriptItem:
    try:
        return function(request)
    except (BackendError, ScriptError, Diverged):
        raise
    except Exception as error:  # as an outcome of the run it would be missed by a test that does not look at that
        name = getattr(function, "__name__", repr(function))
        raise ScriptError(
            f"reply {number + 1} of the mock's script, the function {name}, raised {type(error).__name__}: {error}. "
            "Mend it; a BackendError is what it raises for a model that is lost on purpose."
        ) from error


def _calls(item: object) -> tuple[ScriptedCall, ...]:
    if isinstance(item, ScriptedCall):
        return (item,)
    if isinstance(item, Sequence) and not isinstance(item, str) and item and all(isinstance(one, ScriptedCall) for one in item):
        return tuple(item)
    raise ScriptError(f"a script holds strings, call(…), lists of call(…), Raw(…), Hang() and errors, not {item!r}")


def _native_parts(item: object) -> tuple[Part, ...]:
    if isinstance(item, str):
        return (Text(item),)
    parts: list[Part] = []
    for one in _calls(item):
        if one.thought:
            parts.append(Thinking(one.thought))
        parts.append(ToolCall(one.name, raw=to_json(one.arguments).decode()))
    return tuple(parts)


def _reading(item: object) -> Reading:
    if isinstance(item, str):
        return Answer("I know the answer.", item)
    calls = _calls(item)
    thought = " ".join(one.thought for one in calls if one.thought) or f"I need {calls[0].name}."
    return Act(thought, tuple(ToolCall(one.name, one.arguments) for one in calls))


def _stream(raw: RawReply, listen: Listener) -> None:
    calls = 0
    for part in raw.parts:
        if isinstance(part, (Text, Thinking)):
            kind: Literal["text", "thinking"] = "text" if isinstance(part, Text) else "thinking"
            for start in range(0, len(part.text), 8):
                listen(Delta(kind, part.text[start : start + 8]))
        elif isinstance(part, ToolCall):
            listen(Delta("call", part.raw or "", part.name, calls))
            calls += 1


def _excerpt(request: ModelRequest) -> str:
    if not len(request.messages):
        return "(none)"
    last = request.messages[len(request.messages) - 1]
    text = last.text or "; ".join(f"{result.name} -> {result.text}" for result in last.results)
    return f"{last.role}: {text[:200]!r}"
