"""The record: an append-only list of events, as JSON Lines. It is the state; all else is computed from it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar, overload

import msgspec
from msgspec.structs import replace

from react_agent.errors import ConfigError, TraceError
from react_agent.events import SCHEMA_VERSION, Called, Event, Parent, Replied, Returned, Reviewed, Started
from react_agent.messages import JsonObject, ModelReply, ToolResult, Usage

_E = TypeVar("_E", bound=Event)

encode_event: Callable[[Event], bytes] = msgspec.json.Encoder().encode
"""One line of a trace file, without its line end."""


@cache
def _decode() -> Callable[[bytes | str], Event]:
    return msgspec.json.Decoder(Event).decode


def decode_event(line: bytes | str) -> Event:
    """The event of one line. Raises `TraceError` for anything else."""
    try:
        return _decode()(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise TraceError(_why_no_event(line, error)) from None


def read_again(event: _E) -> _E:
    """The event as it will be read from a file. Raises `TraceError` for what holds something else than it says, and so could not be."""
    try:
        read = decode_event(encode_event(event))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise TraceError(f"event '{event.kind}' cannot be written: {error}") from None
    assert isinstance(read, type(event))
    return read


def _check_version(first: bytes) -> None:
    """Raise `TraceError` for a trace from a newer version: what it says may be readable and mean something else."""
    try:
        data = msgspec.json.decode(first)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return
    version = data.get("schema_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise TraceError(
            f"it was written in schema version {version}; this version of react_agent reads up to {SCHEMA_VERSION}: install a newer one"
        )


def _why_no_event(line: bytes | str, error: Exception) -> str:
    try:
        data = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as problem:
        return f"it is not JSON ({problem})"
    if not isinstance(data, dict) or "kind" not in data:
        return "it is JSON, but not an event of a react_agent trace (no 'kind')"
    return f"event '{data['kind']}' is not as expected: {error}"


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call of a step and what became of it; `result` is None while it is open."""

    name: str
    arguments: JsonObject | None
    key: str | None
    result: ToolResult | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of the loop: what the model replied and what came of its calls."""

    index: int
    reply: ModelReply
    calls: tuple[CallRecord, ...]
    seconds: float

    @property
    def thought(self) -> str:
        return self.reply.message.thought


class Trace(Sequence[Event]):
    """An append-only list of events, the first of which is `Started`.

    Attributes:
        torn: The start of a last line that a killed writer left unfinished; it was dropped when the file was loaded.
    """

    __slots__ = ("_events", "torn")

    def __init__(self, events: Iterable[Event] = (), *, torn: str | None = None) -> None:
        self._events: list[Event] = []
        self.torn = torn
        for event in events:
            self.append(event)

    def append(self, event: Event) -> None:
        """Add one fact. Raises `TraceError` unless the first, and only the first, is `Started`."""
        events = self._events
        if (type(event) is Started) != (not events):
            raise TraceError(
                f"two runs in one trace: event {len(events) + 1} is 'started' once more; load them apart"
                if events
                else f"a trace begins with 'started', this one with '{event.kind}'"
            )
        events.append(event)

    def appender(self) -> Callable[[Event], None]:
        """`append` without its check, for the host that writes a trace which has begun."""
        return self._events.append

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> list[Event]: ...
    def __getitem__(self, at: int | slice) -> Event | list[Event]:
        return self._events[at]

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trace) and self._events == other._events

    __hash__ = None  # type: ignore[assignment]  # compared by content, like a list

    def __repr__(self) -> str:
        return f"<Trace {self.run_id if self._events else '(empty)'}: {len(self._events)} events>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        from react_agent.view.notebook import card

        return card(self)

    # ---------------------------------------------------------------------------------------------------- what it says

    @property
    def started(self) -> Started:
        """The first event. Raises `TraceError` for an empty trace."""
        if not self._events or not isinstance(self._events[0], Started):
            raise TraceError("the trace is empty")
        return self._events[0]

    @property
    def run_id(self) -> str:
        return self.started.run_id

    def steps(self) -> list[Step]:
        """The turns of the loop, in order."""
        replies = [event for event in self._events if isinstance(event, Replied)]
        keys: dict[tuple[int, int], str] = {}
        arguments: dict[tuple[int, int], JsonObject] = {}
        returned: dict[tuple[int, int], Returned] = {}
        for event in self._events:
            match event:
                case Called():
                    keys[event.step, event.index] = event.key
                case Reviewed(arguments=dict() as changed):
                    arguments[event.step, event.index] = changed
                case Returned():
                    returned[event.step, event.index] = event
                case _:
                    pass
        steps = []
        for number, replied in enumerate(replies):
            calls = []
            for index, call in enumerate(replied.reply.message.calls):
                place = (number, index)
                came = returned.get(place)
                result, seconds = (came.result, came.seconds) if came else (None, None)
                calls.append(CallRecord(call.name, arguments.get(place, call.arguments), keys.get(place), result, seconds))
            steps.append(Step(number, replied.reply, tuple(calls), replied.seconds))
        return steps

    def usage(self) -> Usage:
        """Tokens of all requests, and of what ran beneath the calls."""
        total = Usage()
        for event in self._events:
            if isinstance(event, Replied) and event.reply.usage:
                total += event.reply.usage
            elif isinstance(event, Returned) and event.usage:
                total += event.usage
        return total

    # ------------------------------------------------------------------------------------------------ cutting and forking

    def cut(self, at: int) -> Trace:
        """The first `at` events, as a trace of the same run."""
        if not 1 <= at <= len(self._events):
            raise TraceError(f"a trace of {len(self._events)} events cannot be cut at {at}; 1 to {len(self._events)} are possible")
        return Trace(self._events[:at])

    def fork(self, at: int, *, run_id: str, now: float, call: str | None = None) -> Trace:
        """The first `at` events under a new run id, with this run as its parent. `call`: the key of the call beneath which the new one goes on."""
        prefix = self.cut(at)
        first = replace(prefix.started, run_id=run_id, at=now, parent=Parent(self.run_id, at=at, call=call))
        return Trace([first, *prefix[1:]])

    def after_step(self, step: int) -> int:
        """How many events there are up to and with everything of the first `step` steps, for `cut` and `fork`."""
        seen = 0
        for at, event in enumerate(self._events):
            if isinstance(event, Replied):
                if seen == step:
                    return at
                seen += 1
        if not 0 <= step <= seen:
            raise TraceError(f"the trace has {seen} steps, not {step}")
        return len(self._events)

    # ------------------------------------------------------------------------------------------------------------- files

    def to_jsonl(self) -> bytes:
        return b"".join(encode_event(event) + b"\n" for event in self._events)

    @classmethod
    def from_jsonl(cls, data: bytes | str, *, source: str = "trace") -> Trace:
        """Read JSON Lines. A last line without its end that is no event is dropped and kept in `torn`.

        Raises:
            TraceError: Any other line is no event; the message names it.
        """
        if isinstance(data, str):  # as a database gives it back
            data = data.encode("utf-8", "surrogatepass")
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")  # a byte order mark, as some editors write
        tail = lines.pop()
        events: list[Event] = []
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                if not events:
                    _check_version(line)
                events.append(decode_event(line))
            except TraceError as error:
                raise TraceError(f"{source}, line {number}: {error}") from None
        torn = None
        if tail.strip():
            try:
                events.append(decode_event(tail))
            except TraceError:
                torn = tail[:200].decode("utf-8", "replace")
        if not events:
            raise TraceError(f"{source}: no event in it" + (", only a torn line" if torn else ""))
        try:
            return cls(events, torn=torn)
        except TraceError as error:
            raise TraceError(f"{source}: {error}") from None

    def save(self, path: str | Path) -> Path:
        """Write all events as JSON Lines to `path`, replacing what is there; large images go beside it."""
        from react_agent.stores.jsonl import save_trace

        return save_trace(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Read a trace file. Warns of images that are not beside it. Raises `TraceError` where it is none, and `FileNotFoundError`."""
        from react_agent.stores.jsonl import load_trace

        return load_trace(file_of(path), lambda lost: warnings.warn(lost, stacklevel=4))


def file_of(given: str | Path) -> Path:
    """The path of a trace's file. Raises `ConfigError` for what is none, such as the whole result of a run."""
    if isinstance(given, str) or hasattr(given, "__fspath__"):
        return Path(given)
    raise ConfigError(f"a trace is a Trace, such as result.trace, or the path of its file; not {type(given).__name__}")
