"""The rim: carries out what the loop asks for and appends what came of it. Any other host (a durable engine, a test clock) does the same four things:
ask the model, run a tool, append, tell the time."""

from __future__ import annotations

import asyncio
import logging
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias, assert_never

from msgspec.structs import replace

from react_agent.backends.base import Backend, Listener
from react_agent.compaction import shorten
from react_agent.dispatch import Dispatcher
from react_agent.errors import BackendError, BackendTimeout, ContextOverflow, Diverged, ScriptError, TraceError
from react_agent.events import Called, Compacted, Event, Finished, Replied, Reviewed, Started, Stopped, Told
from react_agent.loop import CallModel, CallTools, Finish, Pause, PlannedCall, State, advance, begin, next_effect
from react_agent.masking import Masker, Pieces
from react_agent.messages import Delta, ErrorInfo, Message, ModelReply, Outcome, Usage
from react_agent.result import Pending, as_pending, checked_review
from react_agent.taskgroups import undisturbed
from react_agent.tooling import Tool, ToolRegistry
from react_agent.trace import Trace, read_again

if TYPE_CHECKING:
    from react_agent.stores.jsonl import Writer

Reviewer: TypeAlias = Callable[[Pending], "Reviewed | Awaitable[Reviewed | None] | None"]
EventListener: TypeAlias = Callable[[Event], None]
ProgressListener: TypeAlias = Callable[[int, int, str, "float | None"], None]

MOST_COMPACTIONS = 4  # of one request; each halves the conversation
_NOTHING = Usage()
LAST_REQUEST_SECONDS = 30.0  # what the last request of a run gets whose time is up


def _nothing(now: float = 0.0) -> None:
    """A flush where there is no file."""


def _is_sound(reply: ModelReply) -> bool:
    """What wrappers of backends put into a reply that a format has read is of the right type."""
    cost, usage = reply.cost, reply.usage
    return (cost is None or type(cost) is float) and (usage is None or type(usage) is Usage)


async def drive(run: Run) -> Outcome:
    """Take a run to its end, or to where it has to rest."""
    task = asyncio.current_task()
    asked = 0 if task is None else task.cancelling()  # before this run, whose own end that did not ask for
    while task is None or task.cancelling() <= asked:
        effect = next_effect(run.state)
        if type(effect) is CallModel:
            await run.ask(effect)
        elif type(effect) is CallTools:
            await run.dispatcher.carry_out(effect.calls)
        elif type(effect) is Pause:
            if not await run.review(effect.calls):
                return Outcome("paused", "; ".join(f"{call.name}: {call.ask}" for call in effect.calls))
        elif type(effect) is Finish:
            return effect.outcome
        else:
            assert_never(effect)
    raise asyncio.CancelledError  # a tool or a backend kept it to itself


class Run:
    """One run on its way: its trace, its state, and the hands that carry out effects.

    Attributes:
        trace: The record so far.
        state: Its fold.
        error: The exception behind the outcome ``failed``.
        inherited: Tokens and dollars that had been spent in the trace when it was taken up, and were counted by whoever spent them.
    """

    def __init__(
        self,
        backend: Backend,
        tools: ToolRegistry,
        *,
        finish: Tool | None = None,
        deps: object = None,
        secrets: Mapping[str, str] | None = None,
        masker: Masker | None = None,
        reviewer: Reviewer | None = None,
        writer: Writer | None = None,
        result_chars: int = 32_000,
    ) -> None:
        self.backend = backend
        self.error: BackendError | None = None
        self.event_listeners: list[EventListener] = []
        self.progress_listener: ProgressListener | None = None
        self.delta_listener: Listener | None = None
        self.dispatcher = Dispatcher(tools, deps, self, result_chars, finish, secrets)
        self._reviewer = reviewer
        self._writer = writer
        self.flush, self.checkpoint = (_nothing, _nothing) if writer is None else (writer.flush, writer.checkpoint)
        self._masker = masker or None
        self._asking = False
        self._over = False
        self._first_token: float | None = None
        self._pieces: Pieces | None = None  # of a reply that is being streamed, where there are secrets
        self._compactions = 0  # since the last reply
        self._counted: dict[str, str] = {}  # limits on what not every server tells, and what it would be to miss it
        self.inherited = (_NOTHING, 0.0)

    trace: Trace
    state: State
    _remember: EventListener  # as the trace does

    @property
    def run_id(self) -> str:
        return self.state.run_id

    now = staticmethod(time.time)

    def begin(self, event: Started) -> None:
        """The first fact."""
        if self._masker is not None:
            event = self._masker.started(event)
        self.load(Trace((event,)), begin(event))
        if self._writer is not None:
            self._writer.write(event)

    def load(self, trace: Trace, state: State) -> None:
        """Take up a trace that was made before; its writer has it already."""
        self.trace, self.state, self._remember = trace, state, trace.appender()

    def append(self, event: Event) -> None:
        """One more fact: masked, then remembered, folded, written and told to whoever listens, in this order.

        After the end there is none: what a tool that outlived its run still brings is that of an interrupted call, of which nobody knows.
        """
        if self._over:
            return
        line: bytes | None = None
        if self._masker is not None and type(event) is not Called:  # names and keys of ours
            event, line = self._masker.event(event)
        self._remember(event)
        advance(self.state, event)
        if self._writer is not None:
            self._writer.write(event, line)
        if self.event_listeners:
            self._announce(event)

    def _announce(self, event: Event) -> None:
        for listener in tuple(self.event_listeners):
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - as for streamed pieces
                self.event_listeners.remove(listener)
                warnings.warn(f"a listener for events raised {type(error).__name__}: {error}; it hears no more of this run", stacklevel=3)

    def seconds_left(self) -> float | None:
        """Of the time that the limits give the present question; None for no limit."""
        limit = self.state.spec.limits.seconds
        if limit is None:
            return None
        if self.state.closing is not None:
            return LAST_REQUEST_SECONDS
        return max(0.0, limit - (self.state.seconds - self.state.base.seconds))

    def progress(self, step: int, index: int, message: str, fraction: float | None) -> None:
        if self.progress_listener is not None:
            self.progress_listener(step, index, self._masker.text(message) if self._masker is not None else message, fraction)

    # -------------------------------------------------------------------------------------------------------- effects

    async def ask(self, effect: CallModel) -> None:
        """Ask the model; append its reply, or that the backend was lost or the time is up."""
        left = self.seconds_left()
        self.checkpoint(perf_counter())
        started = perf_counter()
        listen = None if self.delta_listener is None else self._listener(started)
        self._asking = True
        try:
            if left is None:
                reply = await self.backend.reply(effect.request, listen=listen)
            else:
                async with asyncio.timeout(left):
                    reply = await self.backend.reply(effect.request, listen=listen, timeout=left)
        except (ScriptError, Diverged):
            raise
        except (TimeoutError, BackendTimeout) as error:
            if left is None or perf_counter() - started < left * 0.99:
                self._lost(error)
            else:
                spent = f"seconds: the model did not answer within the {self.state.spec.limits.seconds:g} that the run may take"
                self.append(Stopped(self.now(), "deadline", spent))
            return
        except Exception as error:  # noqa: BLE001 - the contract: a lost backend is an outcome, whatever it raised
            if not (isinstance(error, ContextOverflow) and self._compacted()):
                self._lost(error)
            return
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self._lost(BackendError("it cancelled itself"))  # nobody has cancelled the run
            return
        finally:
            self._asking = False
        if not isinstance(reply, ModelReply):
            wrong = f"it gave back {type(reply).__name__}, not a ModelReply"  # type: ignore[unreachable]  # a backend of the user's own
            self._lost(BackendError(wrong))
            return
        self._compactions = 0
        seconds = perf_counter() - started
        if self._counted:
            self._check_counted(reply)
        first_token = None if listen is None else self._heard()
        replied = Replied(self.now(), reply, effect.purpose, effect.request.digest(), seconds, first_token)
        if reply.read_by is None or not _is_sound(reply):  # somebody's own code made it, or changed it, and it may hold anything
            self._append_read_again(replied)
        else:
            self.append(replied)

    def _append_read_again(self, replied: Replied) -> None:
        """As a trace will hold it; what none can hold is a lost backend."""
        try:
            read = read_again(replied)
        except TraceError as error:
            self._lost(BackendError(f"it gave back a reply that no trace can hold: {error}"))
        else:
            self.append(read)

    def _check_counted(self, reply: ModelReply) -> None:
        """Say once of each limit that it cannot hold, since a reply does not tell what it counts."""
        for limit, told in (("cost", reply.cost), ("tokens", reply.usage)):
            if told is None and (missed := self._counted.pop(limit, None)):
                words = "limits.%s is set, but %s the replies of %s: they count as nothing"
                logging.getLogger(__name__).warning(words, limit, missed, self.backend.name)

    def _listener(self, now: float) -> Listener:
        """For the pieces of the reply that is asked for now."""
        if self._compactions and self._first_token is not None:
            self._listen(Delta("restart", ""))  # the one that was too long had begun
        self._asked_at, self._first_token = now, None
        if self._masker is None:
            return self._listen
        self._pieces = Pieces(self._masker)
        return self._listen_masked

    def _heard(self) -> float | None:
        """The reply is whole: what was held back of it is shown. Gives the seconds to its first piece."""
        if self._pieces is not None:
            for piece in self._pieces.rest():
                self._listen(piece)
        return self._first_token

    def _listen(self, delta: Delta) -> None:
        if self._first_token is None:
            self._first_token = perf_counter() - self._asked_at
        if self.delta_listener is None:
            return
        try:
            self.delta_listener(delta)
        except Exception as error:  # noqa: BLE001 - whoever watches must not break what is watched
            self.delta_listener = None
            warnings.warn(
                f"a listener for streamed pieces raised {type(error).__name__}: {error}; it hears no more of this run", stacklevel=2
            )

    def _listen_masked(self, delta: Delta) -> None:
        if self._first_token is None:
            self._first_token = perf_counter() - self._asked_at
        assert self._pieces is not None
        for piece in self._pieces.of(delta):
            self._listen(piece)

    def _compacted(self) -> bool:
        """The conversation became shorter, and the model may be asked again. False: it cannot, or did so often enough."""
        pieces = shorten(self.state.view, self.state.began) if self._compactions < MOST_COMPACTIONS else ()
        for piece in pieces:
            self.append(Compacted(self.now(), piece.start, piece.end, piece.messages, piece.reason))
        self._compactions += 1
        return bool(pieces)

    def _lost(self, error: Exception) -> None:
        known = error if isinstance(error, BackendError) else BackendError(f"{type(error).__name__}: {error}")
        if known is not error:
            known.__cause__ = error
        if self._masker is not None:
            self._masker.error(known)
        self.error = known
        words = f"{self.backend.name}: {known}"
        info = ErrorInfo(type(error).__name__, str(known), known.status, known.request_id)
        self.append(Stopped(self.now(), "failed", words, info))

    async def review(self, calls: tuple[PlannedCall, ...]) -> bool:
        """Ask the reviewer about each call. False: there is none, or it left one undecided."""
        if self._reviewer is None:
            return False
        self.flush()
        decided = 0
        for call in calls:
            review = self._reviewer(as_pending(call))
            if isinstance(review, Awaitable):
                review = await review
            if review is not None:
                self.append(replace(checked_review(review, call), at=self.now()))
                decided += 1
        return decided > 0

    def tell(self, message: Message) -> None:
        """A person speaks in the middle of the run. It reaches the model with the next request."""
        self.append(Told(self.now(), message, self._asking))
        self.flush()

    async def finish(self) -> Outcome:
        """Drive to the end. Cancellation is recorded and let through."""
        limits = self.state.spec.limits
        if limits.cost is not None:
            self._counted["cost"] = "no price is known for"
        if limits.tokens is not None:
            self._counted["tokens"] = "no usage is told with"
        try:
            outcome = await undisturbed(drive(self))
        except asyncio.CancelledError:
            self.append(Stopped(self.now(), "cancelled", "the run was cancelled"))
            self._end(Outcome("cancelled", "the run was cancelled"))
            raise
        except BaseException:
            self.flush()
            raise
        else:
            self._end(outcome)
            return outcome
        finally:
            self._over = True
            if self._writer is not None:
                self._writer.close()  # the file is free for whoever resumes

    def _end(self, outcome: Outcome) -> None:
        state = self.state
        spent = state.usage
        self.append(Finished(self.now(), outcome, state.steps, spent, state.answer, state.known_cost))
        self.flush()
