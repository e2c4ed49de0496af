"""One sitting with a run: it is shown while it goes on, a person is asked where the policy wants that, and Ctrl-C ends it in good order.

The first Ctrl-C lets the step that is under way end; the second cancels it. Either way the trace is whole and can be gone on with.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from rich.text import Text

from react_agent.agent import Agent
from react_agent.backends.base import Backend, Listener
from react_agent.cli.console import Mode, err, note, out, shell, show, show_whole, theirs_aside
from react_agent.cli.display import Display, display_for
from react_agent.events import Event, Reviewed
from react_agent.loop import fold
from react_agent.messages import Delta, ModelReply, ModelRequest, Outcome
from react_agent.result import Pending, pending
from react_agent.streaming import Progress, RunStream
from react_agent.trace import Trace
from react_agent.view import terminal, words
from react_agent.view.redact import Redactor
from react_agent.view.standing import standing


class Stoppable:
    """A backend that can be told to be asked no more: the run then ends, cancelled, between two steps.

    Attributes:
        asked: To stop.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.asked = False
        self.secrets: tuple[str, ...] = tuple(getattr(backend, "secrets", ()))

    @property
    def name(self) -> str:
        return self._backend.name

    @property
    def format_name(self) -> str:
        return self._backend.format_name

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        if self.asked:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()  # the run's own: one that a backend makes up would be a lost backend
            await asyncio.Event().wait()
        return await self._backend.reply(request, listen=listen, timeout=timeout)

    async def aclose(self) -> None:
        await self._backend.aclose()


class Session:
    """Runs an agent in front of a person.

    Args:
        backend: The one that the agent was made with.
        mode: How to show it.
        by: Who reviews, for the trace.
        again: The options that have to be typed again to go on.
        masks: For what is shown; the trace stays as it is.
    """

    def __init__(
        self, backend: Stoppable, mode: Mode | None, by: str | None = None, again: str = "", masks: Redactor | None = None
    ) -> None:
        self.backend = backend
        self.mode = mode
        self.display: Display = display_for(mode)
        self._by = by
        self._again = again
        self._masks = masks or Redactor()
        self._runner = asyncio.Runner()
        self._told = 0  # how many events of the run the display knows

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.display.close()
        with contextlib.suppress(RuntimeError):
            self._runner.run(self.backend.aclose())
        self._runner.close()

    @property
    def interactive(self) -> bool:
        """There is someone to ask."""
        return self.mode in (None, Mode.live, Mode.plain) and sys.stdin.isatty() and sys.stdout.isatty()

    def watch(self, stream: RunStream, *, seen: int = 0) -> Trace:
        """Show a run to its end or rest; its first `seen` events are not shown again."""
        with theirs_aside() if self.mode in (Mode.json, Mode.quiet) else contextlib.nullcontext():
            return self._runner.run(self._watch(stream, seen))

    def tell(self, events: Iterable[Event], *, new: bool = True) -> None:
        """Have the display know of further events of the run."""
        for event in events:
            self._told += 1
            self.display.see(self._masks.event(event), new=new)

    async def _watch(self, stream: RunStream, seen: int) -> Trace:
        task = asyncio.current_task()
        assert task is not None

        def interrupted() -> None:
            if self.backend.asked:
                task.cancel()
            else:
                self.backend.asked = True
                self.display.stopping()

        count = 0
        with _signals(interrupted, task.cancel):
            try:
                async with stream as run:
                    async for item in run:
                        if isinstance(item, Delta | Progress):
                            self._see_piece(item)
                            continue
                        count += 1
                        if count > self._told:
                            self.tell([item], new=count > seen)
            except asyncio.CancelledError:
                task.uncancel()
        self.tell(stream.trace[self._told :])
        return stream.trace

    def _see_piece(self, piece: Delta | Progress) -> None:
        """A piece of a reply may be half of what is to be masked, so none is shown then."""
        if isinstance(piece, Progress):
            self.display.see(replace(piece, message=self._masks.text(piece.message)))
        elif not self._masks:
            self.display.see(piece)

    def finish(self, agent: Agent, trace: Trace, path: Path) -> Outcome:
        """Have calls that wait reviewed, where there is someone to ask, and go on until the run ends or rests."""
        outcome = _outcome(trace)
        while outcome.kind == "paused" and self.interactive:
            reviews = ask_about(pending(self._masks.trace(trace)), self._by)
            if not reviews:
                break
            trace = self.watch(agent.resume_stream(path, reviews=reviews), seen=len(trace) + 1)  # of 'resumed' nobody needs to hear
            outcome = _outcome(trace)
        shown = self._masks.trace(trace)
        self._say_how_it_ended(shown, path, _outcome(shown))
        return outcome

    def _say_how_it_ended(self, trace: Trace, path: Path, outcome: Outcome) -> None:
        if self.mode is Mode.quiet:
            state = fold(trace)
            text = state.answer if outcome.kind == "answered" else state.partial()
            if text:
                print(words.plain(text))
            if outcome.kind != "answered":
                note(f"{outcome.kind}: {outcome.detail}")
        if outcome.kind == "paused":
            how_to_go_on(trace, path, self._again)
        elif self.mode in (None, Mode.live, Mode.plain):
            show_whole(out(), Text(f"\n    trace: {shell(path)}", style="dim"))
        if outcome.kind in ("cancelled", "failed"):
            show_whole(err(), Text(f"It is saved. To go on:  react-agent resume {shell(path)}{self._again}", style="yellow"))


def _outcome(trace: Trace) -> Outcome:
    return standing(trace).outcome or Outcome("cancelled", "the run did not end")


@contextlib.contextmanager
def _signals(interrupt: Callable[[], object], terminate: Callable[[], object]) -> Iterator[None]:
    """Call these on SIGINT and SIGTERM; where an event loop cannot, an interrupt cancels the run at once."""
    loop = asyncio.get_running_loop()
    added: list[signal.Signals] = []
    for number, handler in ((signal.SIGINT, interrupt), (signal.SIGTERM, terminate)):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, handler)
            added.append(number)
    try:
        yield
    finally:
        for number in added:
            loop.remove_signal_handler(number)


# -------------------------------------------------------------------------------------------------------------- review


def ask_about(calls: Iterable[Pending], by: str | None = None) -> list[Reviewed]:
    """Ask the person at the terminal about each call; what is left undecided is left out."""
    console = out()
    reviews: list[Reviewed] = []
    for call in calls:
        show(console, Text(), *terminal.waiting([call]))
        try:
            review = _ask(call, by)
        except (EOFError, KeyboardInterrupt):
            print()
            break
        if review is not None:
            reviews.append(review)
    return reviews


def _ask(call: Pending, by: str | None) -> Reviewed | None:
    while True:
        match input("    run it? [y]es  [n]o  [e]dit its arguments  [g]ive its result  [l]ater: ").strip().casefold():
            case "y" | "yes":
                return call.approve(by=by)
            case "n" | "no":
                return call.deny(input("    why not (the model is told): ").strip() or "A person did not allow this call.", by=by)
            case "e" | "edit":
                typed = input(f"    arguments as JSON (now {words.value(call.arguments)}): ")
                try:
                    arguments = json.loads(typed)
                except ValueError as error:
                    note(f"That is not JSON: {error}", "yellow")
                    continue
                if isinstance(arguments, dict):
                    return call.change(arguments, by=by)
                note('The arguments are a JSON object, such as {"path": "a.txt"}.', "yellow")
            case "g" | "give":
                return call.give(input("    its result (the model is shown it): ").strip(), by=by)
            case "l" | "later":
                return None
            case _:
                continue


def how_to_go_on(trace: Trace, path: Path, again: str) -> None:
    """Say what waits, and what to type."""
    calls = pending(trace)
    console = err()
    show(console, Text(), *terminal.waiting(calls))
    base = f"react-agent resume {shell(path)}{again}"
    where = terminal.place(calls[0]) if calls else "0.0"
    lines = [
        f"{base} --approve {where}",
        f'{base} --deny {where} "reason"',
        f"{base} --change {where} '{{…}}'",
        f'{base} --give {where} "its result"',
    ]
    show_whole(console, Text("\nIt waits for a review. To go on:\n  " + "\n  ".join(lines), style="yellow"))
