"""How a run is shown while it goes on: live, plainly, as JSON Lines, or not at all."""

from __future__ import annotations

import sys
from time import monotonic
from typing import Protocol, TypeAlias

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from react_agent.cli.console import Mode, note, out, show
from react_agent.events import Called, Changed, Event, Finished, Replied, Resumed, Returned, Started
from react_agent.messages import Delta, Usage
from react_agent.spec import Limits
from react_agent.streaming import Progress
from react_agent.trace import encode_event
from react_agent.view import terminal, words

Item: TypeAlias = Event | Delta | Progress
LIVE_LINES = 8  # of one text; `react-agent trace show` has all of it
STOPPING = "    This step is let end, then the run is saved. Ctrl-C again cancels it at once."


class Display(Protocol):
    """Is told everything that happens in a run, in order."""

    def see(self, item: Item, *, new: bool = True) -> None:
        """One event or piece. What is not new happened in an earlier sitting, and is only counted."""
        ...

    def say(self, text: str) -> None:
        """A word of the command itself, between the events."""
        ...

    def stopping(self) -> None:
        """The run ends after the step that is under way."""
        ...

    def close(self) -> None:
        """Leave the terminal as it should be."""
        ...


def display_for(mode: Mode | None) -> Display:
    """The display of that mode; by default live on a terminal and plain elsewhere."""
    console = out()
    if mode is None:
        mode = Mode.live if console.is_terminal else Mode.plain
    match mode:
        case Mode.live:
            return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)
        case Mode.plain:
            return PlainDisplay(console)
        case Mode.json:
            return JsonDisplay()
        case Mode.quiet:
            return QuietDisplay()


class QuietDisplay:
    """Shows nothing; the answer is printed at the end."""

    def see(self, item: Item, *, new: bool = True) -> None:
        pass

    def say(self, text: str) -> None:
        note(text, "yellow")

    def stopping(self) -> None:
        self.say(STOPPING)

    def close(self) -> None:
        pass


class JsonDisplay(QuietDisplay):
    """One event a line, as in the trace file."""

    def __init__(self) -> None:
        self._to = sys.stdout  # what a tool prints goes elsewhere meanwhile

    def see(self, item: Item, *, new: bool = True) -> None:
        if new and not isinstance(item, Delta | Progress):
            print(words.plain_json(encode_event(item).decode()), file=self._to, flush=True)


class PlainDisplay:
    """Row after row, as it happens."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.steps = 0
        self.usage = Usage()
        self.cost = 0.0
        self._began = monotonic()
        self._before = 0.0  # seconds of earlier sittings

    def see(self, item: Item, *, new: bool = True) -> None:
        if isinstance(item, Delta | Progress):
            return
        if new:
            if isinstance(item, Replied):
                show(self.console, Text())
            show(self.console, *terminal.rows(item, self.steps, LIVE_LINES))
        if isinstance(item, Replied):
            self.steps += 1
            self.usage += item.reply.usage or Usage()
            self.cost += item.reply.cost or 0.0
        elif isinstance(item, Returned):
            self.usage += item.usage or Usage()
            self.cost += item.cost or 0.0
        elif isinstance(item, Resumed):
            self._began = monotonic()
        elif isinstance(item, Finished) and new:
            self._before = self.seconds()
            show(self.console, Text(), terminal.ending(item.outcome, self.steps, self.usage, item.cost, self._before))

    def seconds(self) -> float:
        """How long the run was watched, the time between sittings left out."""
        return self._before + monotonic() - self._began

    def say(self, text: str) -> None:
        show(self.console, Text(words.plain(text), style="yellow"))

    def stopping(self) -> None:
        self.say(STOPPING)

    def close(self) -> None:
        pass


class LiveDisplay(PlainDisplay):
    """The same, with what is going on at the moment in the last lines: who is waited for, what it says, what is left of the budget."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._limits = Limits()
        self._backend = ""
        self._open: dict[tuple[int, int], str] = {}
        self._said = ""
        self._since = monotonic()
        self._over = True
        self._hint = "Ctrl-C ends it after this step"
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(console=console, get_renderable=self._status, refresh_per_second=10, transient=True)

    def see(self, item: Item, *, new: bool = True) -> None:
        if isinstance(item, Delta):
            before = "" if item.kind == "restart" else self._said
            self._said = (before + (f" {item.name} " if item.name else "") + item.text)[-2_000:]
            return
        if isinstance(item, Progress):
            share = f"{item.fraction:.0%} " if item.fraction is not None else ""
            self._open[item.step, item.index] = f"{self._name(item.step, item.index)}   {share}{words.plain_line(item.message, 100)}"
            return
        super().see(item, new=new)
        self._notice(item)
        if new and not self._over and not self._live.is_started:
            self._live.start()

    def _notice(self, item: Event) -> None:
        self._over = False
        match item:
            case Started() | Changed():
                self._limits, self._backend = item.spec.limits, item.backend
            case Called():
                self._open[item.step, item.index] = item.name
            case Returned():
                self._open.pop((item.step, item.index), None)
            case Finished():
                self._over = True
                self.close()
            case _:
                pass
        self._said, self._since = "", monotonic()

    def _name(self, step: int, index: int) -> str:
        return self._open.get((step, index), "").split("   ")[0]

    def _status(self) -> Group | Text:
        if self._over:
            return Text()
        waited = words.seconds(monotonic() - self._since) if monotonic() - self._since > 0.5 else ""
        doing = ", ".join(self._open.values()) if self._open else f"asking {self._backend}"
        tail = words.plain_line(self._said[-400:], 400)[-60:]
        line = "  ".join(part for part in (words.plain_line(doing, 120), waited, tail) if part)
        text = Text(line, style="dim")
        text.truncate(max(8, self.console.width - 2), overflow="ellipsis")  # beside the spinner, which wraps what is longer
        self._spinner.update(text=text)
        return Group(Text(), self._spinner, Text("  " + self._budget(), style="dim", no_wrap=True, overflow="ellipsis"))

    def _budget(self) -> str:
        limits = self._limits
        parts = [f"{self.steps} of {limits.steps} steps" if limits.steps else words.amount(self.steps, "step")]
        if self.usage.total_tokens or limits.tokens:
            parts.append(f"{self.usage.total_tokens:,} tokens" + (f" of {limits.tokens:,}" if limits.tokens else ""))
        if self.cost or limits.cost:
            parts.append(words.cost(self.cost) + (f" of {words.cost(limits.cost)}" if limits.cost else ""))
        parts.append(words.seconds(round(self.seconds(), 1)) + (f" of {limits.seconds:g}" if limits.seconds else ""))
        return " · ".join([*parts, self._hint])

    def stopping(self) -> None:
        super().stopping()
        self._hint = "it ends after this step; Ctrl-C again cancels it"

    def close(self) -> None:
        if self._live.is_started:
            self._live.stop()
